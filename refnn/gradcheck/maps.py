"""A function with many outputs, as one that takes and returns dicts of real arrays, by name."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Any

import numpy as np

from refnn._printing import said
from refnn._shapes import Array
from refnn.gradcheck import leaves
from refnn.gradcheck.containers import EXPECTED, Tree, leaves_of, rebuilt
from refnn.gradcheck.question import Report, spreads
from refnn.gradcheck.witness.function import REORDERED, typical_size

Arrays = Mapping[str, Array]
REMEMBERED = 2**24  # numbers, at most, that f returned and that are kept
OF_ONE = 2.0  # roundoffs of 1, by which f may differ in two dtypes if its terms cancel


@dataclass(eq=False)
class Map:
    """f on dicts of arrays. It remembers what f returned, and returns that again once `recalls` is set.

    `u` is the cotangent for which f is judged, random weights of the outputs; `report` what is found meanwhile; `wide`
    whether f takes float64 and is the same function there, where its inputs came in another dtype.
    """

    f: Callable[..., Any]
    inputs: Tree
    outputs: Tree
    u: Arrays
    report: Report
    wide: bool = True
    in_jax: bool = False
    recalls: bool = False
    memory: dict[bytes, Arrays] = field(default_factory=dict)
    stacked: Callable[..., Any] | None = None  # f of stacks of inputs, if there is one

    @classmethod
    def of(cls, f: Any, inputs: Any, rng: np.random.Generator, stacked: Any = None) -> Map:
        """The map of f, which is called at its inputs; a TypeError or ValueError says why it cannot be judged."""
        report = Report()
        if not callable(f):
            raise TypeError(f"f is {type(f).__name__}, expected a callable f(*inputs) -> outputs")
        tree = Tree.of("input", inputs, spread=spreads(f, inputs, isinstance(inputs, tuple)))
        tree = tree.numbered() if tree.spread else tree
        tree = tree.judging({}) if tree.has_floats else tree
        with tree.digits(tree.arrays):
            handed = tree.put(tree.arrays, own=True)
            value = said(f, "f(*inputs)" if tree.spread else "f(inputs)", tree.hand, handed)
            outputs = _outputs(value)
        first = {name: V.copy() for name, V in outputs.read(value).items()}
        if not tree.same(handed):
            report.unfit.append("f changes its inputs")
        elif moved := _apart(first, outputs.read(tree.call(f, tree.arrays, own=True))):
            report.unfit.append(f"f is random: evaluations at one point differ by {moved:.1e}")
        if _share_memory(handed, value):
            report.notes.append("f returns memory of its inputs: a change of one is a change of the other")
        in_jax = any(leaves.narrowed(leaf.value, tree.arrays.values()) for leaf in outputs.leaves)
        wide = in_jax or _takes_float64(f, tree, outputs, first)
        return cls(f, tree, outputs, _cotangent(outputs, rng, report), report, wide, in_jax, stacked=stacked)

    @property
    def point(self) -> Arrays:
        return self.inputs.arrays

    @property
    def wide_point(self) -> Arrays:
        """The inputs in the dtypes in which f is asked."""
        return {k: V.astype(np.result_type(V, np.float64)) if self.wide else V for k, V in self.point.items()}

    @property
    def usual(self) -> tuple[dict[str, Array], dict[str, Array]]:
        """How large derivatives usually are, |f| / |x|: those of ⟨u, f⟩ by input, and those of outputs."""
        values = {k: np.nan_to_num(np.abs(V), posinf=0).astype(np.float64) for k, V in self(self.point).items()}
        sizes = {name: typical_size(V) for name, V in self.point.items()}
        seen = math.fsum(float(np.sum(np.abs(self.u[name]) * V)) for name, V in values.items())
        smallest = min(float(size.min(initial=math.inf)) for size in sizes.values())
        return (
            {name: np.asarray(seen / size.min(initial=math.inf)) for name, size in sizes.items()},
            {name: np.asarray(V.max(initial=0) / smallest) for name, V in values.items()},
        )

    def __call__(self, arrays: Arrays) -> Arrays:
        """A TypeError for wider numbers than f takes."""
        if not self.wide and any(V.dtype != self.point[name].dtype for name, V in arrays.items()):
            raise TypeError("f is another function in float64, or none")
        if not all(isinstance(V, np.ndarray | np.generic) for V in arrays.values()):
            return self._asked(self.f, arrays)  # numbers of another kind, that only watch f
        key = _key(arrays)
        known = self.memory.get(key) if self.recalls else None
        return self._kept(key, self._asked(self.f, arrays)) if known is None else known

    def _asked(self, f: Callable[..., Any], arrays: Arrays, *stack: int) -> Arrays:
        with leaves.x64() if self.in_jax else nullcontext():
            return self.outputs.read(self.inputs.call(f, arrays), *stack)

    def _kept(self, key: bytes, found: Arrays) -> Arrays:
        known = {name: V.copy() for name, V in found.items()}
        if len(self.memory) * sum(V.size for V in known.values()) < REMEMBERED:
            self.memory[key] = known
        return known

    @property
    def many(self) -> Callable[[Sequence[Arrays]], list[Arrays]]:
        """f of many points at once; an AttributeError if it cannot be asked so."""
        if self.stacked is None or not self.wide:
            raise AttributeError("many")
        return self._of_stack

    def _of_stack(self, points: Sequence[Arrays]) -> list[Arrays]:
        keys = list(map(_key, points))
        new = {key: point for key, point in zip(keys, points, strict=True) if not (self.recalls and key in self.memory)}
        found = {}
        if new and self.stacked is not None:
            stack = {name: np.stack([point[name] for point in new.values()]) for name in points[0]}
            values = self._asked(self.stacked, stack, len(new))
            found = {key: self._kept(key, {n: V[k] for n, V in values.items()}) for k, key in enumerate(new)}
        return [found[key] if key in found else self.memory[key] for key in keys]


def _key(arrays: Arrays) -> bytes:
    key = blake2b(digest_size=16)
    for V in arrays.values():
        key.update(V.dtype.char.encode() + V.tobytes())
    return key.digest()


def single(f: Callable[..., Any]) -> Callable[..., Any]:
    """A function of stacks as one of a single point."""

    def asked(*inputs: Any) -> Any:
        stacked = rebuilt(inputs, (_with_axis(leaf) for _, leaf in leaves_of(inputs)))
        value = f(*stacked)
        return rebuilt(value, (leaf[0] for _, leaf in leaves_of(value)))

    return asked


def _with_axis(leaf: Any) -> Any:
    array = leaves.numbers(leaf)
    return leaf if array is None else leaf[None] if hasattr(leaf, "shape") else array[None]


def _outputs(value: Any) -> Tree:
    """What f returned. Integers and what is no number have no cotangent."""
    try:
        tree = Tree.of("output", value, finite=False)
    except (TypeError, ValueError):
        raise TypeError(f"f returned {type(value).__name__}, expected {EXPECTED}") from None
    tree = replace(tree, leaves=tuple(
        replace(leaf, value=leaf.value.detach() if hasattr(leaf.value, "detach") else leaf.value)
        if leaf.array is not None and leaf.array.dtype.kind in "fc"
        else replace(leaf, value=None, array=None)
        for leaf in tree.leaves
    ))  # fmt: skip
    if not tree.arrays:
        raise TypeError(f"f returned {type(value).__name__} without floating-point numbers, expected arrays of them")
    return tree


def _cotangent(outputs: Tree, rng: np.random.Generator, report: Report) -> dict[str, Array]:
    """Random weights of the outputs; 0 of those that are infinite, as masks make them, unless all of them are."""
    u, infinite = drawn(outputs, rng), {name: np.isinf(V) for name, V in outputs.arrays.items()}
    if all(where.all() for where in infinite.values()):
        return u
    if n := sum(int(where.sum()) for where in infinite.values()):
        report.notes.append(f"{n:,} of {sum(V.size for V in u.values()):,} outputs are infinite, and not judged")
    return {name: np.where(infinite[name], 0.0, V) for name, V in u.items()}


def _apart(first: Arrays, second: Arrays) -> float:
    """By how much two calls differ; 0 if sums in another order may be the reason."""
    with np.errstate(invalid="ignore"):
        moved = [np.nan_to_num(np.abs(second[name] - V)).max(initial=0) for name, V in first.items()]
        sizes = [np.finfo(V.dtype).eps * np.nan_to_num(np.abs(V)).max(initial=0) for V in first.values()]
    return max([float(D) for D, size in zip(moved, sizes, strict=True) if D > REORDERED * size], default=0.0)


def _takes_float64(f: Callable[..., Any], tree: Tree, outputs: Tree, values: Arrays) -> bool:
    """Whether f takes float64 and is the same function there: to half its digits, or to a few roundoffs of 1, which may
    be all that is left of a difference."""
    wide = {name: V.astype(np.result_type(V, np.float64)) for name, V in tree.arrays.items()}
    if all(V.dtype == wide[name].dtype for name, V in tree.arrays.items()):
        return True
    try:
        found = outputs.read(tree.call(f, wide))
    except Exception:  # made for its own dtype
        return False
    coarsest = max(leaves.roundoff(leaf.value) for leaf in (*tree.leaves, *outputs.leaves) if leaf.array is not None)
    return all(
        distance(V[finite], found[name][finite]) <= max(math.sqrt(coarsest) * size_of(V[finite]), OF_ONE * coarsest)
        for name, V in values.items()
        for finite in [np.isfinite(V)]
    )


def drawn(tree: Tree, rng: np.random.Generator) -> dict[str, Array]:
    """Random numbers in the shape of a container, which its dtypes hold exactly."""
    random = {k: rng.choice([-1.0, 1.0], V.shape) * rng.uniform(0.5, 1, V.shape) for k, V in tree.arrays.items()}
    return held(tree, random)


def held(tree: Tree, arrays: Arrays) -> dict[str, Array]:
    """The numbers as the dtypes of a container hold them."""
    rounded = {name: V.astype(tree.arrays[name].dtype) for name, V in arrays.items()}
    with tree.digits(rounded):
        read = tree.read(tree.put(rounded, own=True))
    return {name: V.astype(np.float64) for name, V in read.items()}


def _share_memory(one: Any, other: Any) -> bool:
    arrays = [[leaves.numbers(leaf) for _, leaf in leaves_of(value)] for value in (one, other)]
    return any(V is not None and W is not None and np.may_share_memory(V, W) for V, W in itertools.product(*arrays))


def along(function: Map, directions: Sequence[Arrays]) -> Map:
    """The map as a function of the lengths of steps along directions, at 0."""

    def moved(T: Array) -> Any:
        return function.inputs.call(function.f, stepped(function.point, T, directions))

    return replace(function, f=moved, inputs=Tree.of("direction", np.zeros(len(directions))), memory={})


def stepped(point: Arrays, T: Array, directions: Sequence[Arrays]) -> Arrays:
    """The point to which steps along directions lead, in float64."""
    return {k: V + sum(t * D[k] for t, D in zip(T, directions, strict=True)) for k, V in point.items()}


def distance(V: Array, W: Array) -> float:
    with np.errstate(invalid="ignore"):
        return float(np.abs(V.astype(np.float64) - W).max(initial=0))


def size_of(V: Array) -> float:
    return float(np.abs(V).max(initial=0))
