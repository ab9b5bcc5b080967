"""Any container of numbers as the dict of real arrays that the judge knows, and made again from such a dict.

A container is an array, a number or a list of numbers, or a list, tuple, dict or dataclass of containers; arrays are
NumPy's, PyTorch's, JAX's or what NumPy reads. Each leaf is one parameter, named by the place at which it stands, as
"['layers'][0]"; a complex one is two, its real and its imaginary part. What holds no numbers is handed on.
"""

from __future__ import annotations

import contextlib
import copy
import dataclasses
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import FunctionType
from typing import Any, cast

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from refnn._shapes import Array, Misfits
from refnn.gradcheck import leaves
from refnn.gradcheck.cached import cached_property
from refnn.gradcheck.problem import UnfitGradientError

Arrays = Mapping[str, Array]
EXPECTED = "an array, a number, or a list, tuple, dict or dataclass of them"


@dataclass(frozen=True, eq=False)
class Leaf:
    """One place of a container: what stands there, and its numbers, if it is differentiated."""

    path: str
    name: str
    value: Any
    array: Array | None

    @cached_property
    def parts(self) -> dict[str, Array]:
        """The real arrays that it is to the judge; integers are float64 there."""
        V = self.array
        if V is None:
            return {}
        if V.dtype.kind == "c":
            return {f"{self.name}.real": V.real.copy(), f"{self.name}.imag": V.imag.copy()}
        return {self.name: V.astype(np.float64) if V.dtype.kind in "iu" else V.copy()}

    def back(self, arrays: Arrays, own: bool) -> Any:
        """The leaf with other numbers, in its own form: in its own dtype, or else in theirs where that is wider."""
        if self.array is None:
            return copy.copy(self.value) if isinstance(self.value, np.ndarray) else self.value
        floats = self.array.dtype.kind in "fc"
        V = self.joined(arrays)
        if own and not floats and np.array_equal(V, self.array):
            return copy.copy(self.value)
        V = V.astype(self.array.dtype) if own and floats else V
        return leaves.like(self.value, V, self.array.dtype if floats else None)

    def joined(self, arrays: Arrays) -> Array:
        given = [arrays[name] for name in self.parts]
        if len(given) == 1:
            return given[0]
        if any(V.dtype.kind == "c" for V in given):
            raise TypeError(f"{self.name} is complex and leaves no room for a complex step")
        return np.asarray(given[0] + 1j * given[1])


@dataclass(frozen=True, eq=False)
class Tree:
    """A container with its leaves, in order. `spread`: it holds the arguments of a function, one each."""

    root: str
    template: Any
    leaves: tuple[Leaf, ...]
    spread: bool = False

    @classmethod
    def of(cls, root: str, value: Any, *, spread: bool = False, finite: bool = True) -> Tree:
        """Of a container called `root`; a TypeError or ValueError names what cannot be judged in it."""
        misfits = Misfits()
        keys = list(value) if is_flat(value) else []
        try:
            parts = list(leaves_of(value))
        except RecursionError:
            raise ValueError(f"{root} holds itself, or is nested too deeply, expected {EXPECTED}") from None
        found = [
            _leaf(root, path, keys[k] if keys else path or root, leaf, misfits) for k, (path, leaf) in enumerate(parts)
        ]
        if not found:
            raise ValueError(f"{root} is empty, expected at least one array")
        if finite:
            misfits.refuse()
        tree = cls(root, value, tuple(found), spread)
        if not tree.arrays:
            hint = ": the arguments are f, params, grads" if callable(value) and root == "params" else ""
            hint = ", such as list(…)" if isinstance(value, Iterator) else hint
            hint = ", such as dict(module.named_parameters())" if hasattr(value, "named_parameters") else hint
            raise TypeError(f"{root} is {type(value).__name__} without numbers, expected {EXPECTED}{hint}")
        return tree

    @cached_property
    def arrays(self) -> dict[str, Array]:
        """What the judge differentiates."""
        return {name: V for leaf in self.leaves for name, V in leaf.parts.items()}

    @cached_property
    def eps(self) -> float:
        """Of the coarsest dtype of floats in it; 0 if there are none."""
        floats = (leaf.value for leaf in self.leaves if leaf.array is not None and leaf.array.dtype.kind in "fc")
        return max(map(leaves.roundoff, floats), default=0.0)

    @property
    def has_floats(self) -> bool:
        return self.eps > 0

    @cached_property
    def plain(self) -> bool:
        """Whether the judge's own dict of arrays is what came."""
        return (
            type(self.template) is dict
            and is_flat(self.template)
            and all(type(V) is np.ndarray and V.dtype.kind == "f" for V in self.template.values())
        )

    def numbered(self) -> Tree:
        """With each leaf named after the argument that it is in."""
        return replace(self, leaves=tuple(replace(leaf, name=of_argument(leaf.path)) for leaf in self.leaves))

    def put(self, arrays: Arrays, *, own: bool = False) -> Any:
        """The container with other numbers, in their dtypes or, for `own`, in its own."""
        if self.plain:
            return {key: V.astype(self.arrays[key].dtype) if own else V for key, V in arrays.items()}
        if any(V.dtype.kind == "c" for V in arrays.values()):  # of which PyTorch's products allow no others beside
            tensors = {name for leaf in self.leaves for name in leaf.parts if leaves.framework(leaf.value) == "torch"}
            arrays = {name: V + 0j if name in tensors else V for name, V in arrays.items()}
        return rebuilt(self.template, (leaf.back(arrays, own) for leaf in self.leaves))

    def call(self, f: Callable[..., Any], arrays: Arrays, *more: Any, own: bool = False) -> Any:
        """f of the container with other numbers, and of more arguments."""
        with self.digits(self.arrays if own else arrays):
            return self.hand(f, self.put(arrays, own=own), *more)

    def hand(self, f: Callable[..., Any], container: Any, *more: Any) -> Any:
        return f(*container, *more) if self.spread else f(container, *more)

    def digits(self, arrays: Arrays) -> contextlib.AbstractContextManager[Any]:
        """A context in which the container can hold these arrays without rounding."""
        return leaves.digits_of((leaf.value for leaf in self.leaves), arrays.values())

    def read(self, container: Any, *stack: int) -> dict[str, Array]:
        """The numbers of another container of this kind, or of a stack of so many, as `arrays` has them."""
        found = list(leaves_of(container))
        paths, now = [leaf.path for leaf in self.leaves], [path for path, _ in found]
        if paths != now:
            raise ValueError(f"{self.root} has the parts {now}, expected {paths} as before")
        arrays: dict[str, Array] = {}
        for leaf, (path, value) in zip(self.leaves, found, strict=True):
            if leaf.array is None:
                continue
            V, expected = leaves.numbers(value), (*stack, *leaf.array.shape)
            if V is None and isinstance(value, NDArrayOperatorsMixin):  # numbers of another kind, which only observe f
                V = cast(Array, value)
            if V is None or V.shape != expected:
                kind = type(value).__name__ if V is None else f"of shape {V.shape}"
                raise ValueError(f"{self.root}{path} is {kind}, expected an array of shape {expected} as before")
            names = list(leaf.parts)
            arrays |= dict(zip(names, (V.real, V.imag) if len(names) == 2 else (V,), strict=True))
        return arrays

    def same(self, container: Any, arrays: Arrays | None = None) -> bool:
        """Whether a container of this kind still holds these numbers; without them, its own."""
        try:
            found = self.read(container)
        except ValueError:
            return False
        return all(np.array_equal(found[name], V, equal_nan=True) for name, V in (arrays or self.arrays).items())

    def filled(self, arrays: Arrays) -> Any:
        """The container with these arrays of NumPy in place of its numbers."""
        return rebuilt(self.template, (leaf.joined(arrays) if leaf.parts else leaf.value for leaf in self.leaves))

    # ------------------------------------------------------------------ a gradient beside it

    def beside(
        self, given: Any, word: str = "grads", *, before: tuple[int, ...] = (), after: tuple[int, ...] = ()
    ) -> dict[str, tuple[Leaf | None, Any]]:
        """What a gradient holds for each leaf, by the name under which it came; a Jacobian has axes before or after.

        An UnfitGradientError says where it is no container of the same kind. The keys of one flat dict are left to
        who compares it: it may have entries for other things.
        """
        if is_flat(self.template) and isinstance(given, Mapping):
            by_name = {leaf.name: leaf for leaf in self.leaves}
            return {key: (by_name.get(key) or by_name.get(str(key).removeprefix("d")), g) for key, g in given.items()}
        wrong: list[str] = []
        names = [leaf.name for leaf in self.leaves]
        nested = _parts(self.template) is not None
        if nested and isinstance(given, Mapping) and set(given) == set(names):
            found = [given[name] for name in names]
        elif (alone := self._moved(1)) and _shape(given) == (*before, *(_shape(alone[0].array) or ()), *after):
            found = [given if leaf in alone else None for leaf in self.leaves]
        elif (
            isinstance(given, list | tuple)
            and (rows := self._moved(len(given)))
            and (not _alike(self.template, given) or all(map(_fits, rows, given)))
        ):
            each = iter(given)  # one after the other, as torch.autograd.grad returns them
            found = [next(each) if leaf in rows else None for leaf in self.leaves]
        else:
            found = list(_beside(self.template, given, (word, self.root), "", wrong))
        if wrong:
            raise UnfitGradientError("\n".join(wrong))
        return {leaf.name: (leaf, g) for leaf, g in zip(self.leaves, found, strict=True)}

    def _moved(self, count: int) -> list[Leaf]:
        """The leaves of numbers, or of floats, whichever are so many."""
        for kinds in ("iufc", "fc"):
            rows = [leaf for leaf in self.leaves if leaf.array is not None and leaf.array.dtype.kind in kinds]
            if len(rows) == count:
                return rows
        return []

    def judging(self, given: Mapping[str, tuple[Leaf | None, Any]]) -> Tree:
        """The tree in which integers are differentiated if there are no floats, or if they have a gradient of floats;
        others are handed to f as they are."""
        floats = self.has_floats
        gradients = {leaf.name: g for leaf, g in given.values() if leaf is not None}

        def fixed(leaf: Leaf) -> bool:
            if leaf.array is None or leaf.array.dtype.kind in "fc":
                return False
            G = leaves.numbers(gradients.get(leaf.name))
            return G is None or (floats and G.dtype.kind in "iu")

        return replace(self, leaves=tuple(replace(leaf, array=None) if fixed(leaf) else leaf for leaf in self.leaves))

    def gradient(self, given: Any, *, conjugate: bool = False, word: str = "grads") -> tuple[dict[str, Any], list[str]]:
        """A gradient as a flat dict of what the judge reads, and notes on what had to be converted.

        It is called `word` where it is no container of the same kind.
        """
        flat: dict[str, Any] = {}
        notes: dict[str, list[str]] = {}
        wrong: list[str] = []
        whole = is_flat(self.template) and isinstance(given, Mapping)
        for name, (leaf, g) in self.beside(given, word).items():
            if leaf is None:
                flat[name] = g
                continue
            if leaf.array is None:
                continue
            V = np.asarray(leaf.array)
            G, note = leaves.converted(V, g)
            if note:
                notes.setdefault(note, []).append(name)
            if not whole and not hasattr(G, "shape"):
                wrong.append(f"{word}{leaf.path} is {type(g).__name__}, expected an array of shape {V.shape}")
            elif not whole and tuple(G.shape) != V.shape:
                wrong.append(f"{word}{leaf.path} has shape {tuple(G.shape)}, expected {V.shape}")
            elif not whole and len(leaf.parts) == 1 and getattr(G, "dtype", V.dtype) in ("complex64", "complex128"):
                wrong.append(f"{word}{leaf.path} has dtype {G.dtype}, expected floating-point numbers")
            parts = {name: G}
            if len(leaf.parts) == 2 and isinstance(G, np.ndarray):
                G = G.conj() if conjugate else G
                parts = {f"{name}.real": np.ascontiguousarray(G.real), f"{name}.imag": np.ascontiguousarray(G.imag)}
            flat |= {part: leaves.perhaps_coarse(V, self.eps) for part, V in parts.items()}
        if wrong:
            raise UnfitGradientError("\n".join(wrong))
        return flat, [f"{note}: {', '.join(names)}" for note, names in notes.items()]


def _leaf(root: str, path: str, name: str, value: Any, misfits: Misfits) -> Leaf:
    where = root + path
    if leaves.is_sparse(value):
        kind = type(value).__name__
        raise TypeError(f"{where} is sparse ({kind}), expected its dense array, or the values that it stores")
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(f"{where} is a masked array, expected one without missing entries")
    array = leaves.numbers(value)
    if array is None:
        return Leaf(path, name, value, None)
    if array.dtype.kind in "fc" and not leaves.comes_back(value, array):
        raise TypeError(f"{where} is {type(value).__name__}, which cannot be made from an array: expected {EXPECTED}")
    misfits.finite(where, array)
    return Leaf(path, name, value, array.astype(array.dtype.newbyteorder("=")))


# ---------------------------------------------------------------------- containers, one level at a time


def _parts(value: Any) -> list[tuple[str, Any]] | None:
    """The parts of a container with their places in it; None for a leaf."""
    if isinstance(value, Mapping):
        return [(f"[{key!r}]", part) for key, part in value.items()]
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return [(f".{name}", part) for name, part in zip(value._fields, value, strict=True)]
    objects = isinstance(value, np.ndarray) and value.dtype == object and value.ndim == 1
    if isinstance(value, tuple) or objects or (isinstance(value, list) and leaves.numbers(value) is None):
        return [(f"[{k}]", part) for k, part in enumerate(value)]
    if dataclasses.is_dataclass(value) and not isinstance(value, type) and not hasattr(value, "__array__"):
        return [(f".{field.name}", getattr(value, field.name)) for field in dataclasses.fields(value)]
    return None


def _with(template: Any, parts: list[Any]) -> Any:
    """The container with other parts."""
    if isinstance(template, Mapping):
        items = dict(zip(template, parts, strict=True))
        if isinstance(template, dict):  # perhaps ordered, or with defaults …
            like = copy.copy(template)
            like.update(items)
            return like
        return type(template)(items)  # type: ignore[call-arg]  # as read-only mappings are made
    if isinstance(template, tuple) and isinstance(type(template).__new__, FunctionType):  # takes what it likes
        made = tuple.__new__(type(template), parts)
        getattr(made, "__dict__", {}).update(getattr(template, "__dict__", {}))
        return made
    if isinstance(template, list | tuple):
        return type(template)(parts)
    if isinstance(template, np.ndarray):
        each = np.empty(len(parts), object)
        each[:] = parts
        return each
    like = copy.copy(template)
    for field, part in zip(dataclasses.fields(template), parts, strict=True):
        object.__setattr__(like, field.name, part)  # of frozen ones too
    return like


def leaves_of(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    parts = _parts(value)
    if parts is None:
        yield path, value
    for place, part in parts or ():
        yield from leaves_of(part, path + place)


def of_argument(path: str) -> str:
    """The name of the leaf at this place among the arguments of a function: "input 0['W']" of "[0]['W']"."""
    return f"input {path[1:].replace(']', '', 1)}"


def rebuilt(template: Any, values: Iterator[Any]) -> Any:
    parts = _parts(template)
    return next(values) if parts is None else _with(template, [rebuilt(part, values) for _, part in parts])


def is_flat(value: Any) -> bool:
    """Whether it is a dict of leaves under strings."""
    return isinstance(value, Mapping) and all(isinstance(k, str) and _parts(v) is None for k, v in value.items())


def _shape(value: Any) -> tuple[int, ...] | None:
    array = leaves.numbers(value)
    return None if array is None else array.shape


def _fits(leaf: Leaf, given: Any) -> bool:
    return given is None or _shape(given) == _shape(leaf.array)


def _alike(template: Any, given: Any) -> bool:
    """Whether a list or tuple holds what belongs to the parts of the template, or to its numbers."""
    parts = _parts(template)
    if parts is None:
        return _shape(given) == _shape(template)
    return not isinstance(template, Mapping) and len(parts) == len(given)


def _beside(template: Any, given: Any, words: tuple[str, str], path: str, wrong: list[str]) -> Iterator[Any]:
    """What a gradient holds for each leaf of the template; None for each leaf below a None."""
    parts, (word, root) = _parts(template), words
    if parts is None:
        yield given
        return
    members: list[Any] = [None] * len(parts)
    if isinstance(template, Mapping):
        if isinstance(given, Mapping):
            names = {key: key if key in given else f"d{key}" for key in template}
            lost = [key for key, name in names.items() if name not in given]
            wrong += [f"{word}{path} has no {key!r}, the gradient of {root}{path}[{key!r}]" for key in lost]
            more = [key for key in given if key not in names.values()]
            wrong += [f"{word}{path} has an entry {key!r} that belongs to nothing in {root}{path}" for key in more]
            members = [given.get(name) for name in names.values()]
        elif given is not None:
            kind = type(given).__name__
            wrong.append(f"{word}{path} is {kind}, expected a dict of arrays with the keys of {root}{path}")
    elif given is not None:
        found = _members(given)
        if len(found) == len(parts):
            members = found
        else:
            size = f" of length {len(found)}" if found else ""
            kind = type(given).__name__
            wrong.append(f"{word}{path} is {kind}{size}, expected {len(parts)} gradients, as {root}{path} has parts")
    for (place, part), member in zip(parts, members, strict=True):
        yield from _beside(part, member, words, path + place, wrong)


def _members(given: Any) -> list[Any]:
    """The parts of a gradient that is no dict."""
    if isinstance(given, Mapping):
        return []
    if isinstance(given, list | tuple) or (leaves.numbers(given) is not None and np.ndim(given)):
        return list(given)
    return [part for _, part in _parts(given) or ()]
