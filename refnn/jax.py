"""`jax.test_util.check_grads`, `check_vjp` and `check_jvp` in their own words, without a tolerance to choose.

    >>> from refnn.jax import check_grads
    >>> check_grads(f, (x, W), order=2)

Arguments of any dtype are judged as they are: f is differentiated in float64 at exactly these numbers, with x64 on for
that alone, and its derivatives are held to the rounding of their own dtype.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax
import numpy as np

from refnn.gradcheck import pullback

__all__ = ["check_grads", "check_jvp", "check_vjp"]

Leaves = dict[str, Any]
SAME = 2.0**-4  # of the largest output, by which a compiled f of any dtype may differ and still be f
MODES = {"fwd": "JVP", "rev": "VJP"}
UNUSED = "atol, rtol and eps are not used: there is no tolerance to choose"


def check_grads(
    f: Callable[..., Any],
    args: Sequence[Any],
    order: int,
    modes: Sequence[str] = ("fwd", "rev"),
    atol: Any = None,
    rtol: Any = None,
    eps: float | None = None,
) -> None:
    """Judge the derivatives that JAX takes of f, by its own rules or by a `custom_vjp` or `custom_jvp`.

    Parameters
    ----------
    f : callable ``f(*args)``, of pytrees of arrays
    args : tuple
    order : int, up to which derivatives of derivatives are judged
    modes : "fwd", "rev" or both
    atol, rtol, eps : not used

    Raises
    ------
    AssertionError
        With the check in print, unless the verdict is PASS.
    ValueError, TypeError
        Naming the argument that cannot be judged.
    """
    __tracebackhide__ = True
    if not modes or any(mode not in MODES for mode in modes):
        raise ValueError(f"modes is {modes!r}, expected some of {', '.join(map(repr, MODES))}")
    if not isinstance(order, int) or order < 1:
        raise ValueError(f"order is {order!r}, expected an integer of at least 1")
    notes = () if atol is rtol is eps is None else (UNUSED,)
    _check(Subject.of(f, args), order, modes, "", notes)


def check_vjp(f: Callable[..., Any], f_vjp: Callable[..., Any], args: Sequence[Any], *_: Any, **__: Any) -> None:
    """Judge ``f_vjp(*args) -> (value, vjp)``, as `partial(jax.vjp, f)` is one. Tolerances are taken and not used."""
    __tracebackhide__ = True
    subject = Subject.of(f, args)

    def vjp(leaves: Leaves, cotangents: Leaves) -> Leaves:
        value, pull = f_vjp(*_filled("args", args, leaves))
        return _floats("args", tuple(pull(_filled("output", value, cotangents, vector=True))))

    subject.judge("rev", "VJP", vjp)


def check_jvp(f: Callable[..., Any], f_jvp: Callable[..., Any], args: Sequence[Any], *_: Any, **__: Any) -> None:
    """Judge ``f_jvp(args, tangents) -> (value, tangent)``, as `partial(jax.jvp, f)` is one. Tolerances likewise."""
    __tracebackhide__ = True
    subject = Subject.of(f, args)

    def jvp(leaves: Leaves, tangents: Leaves) -> Leaves:
        primals = _filled("args", args, leaves)
        return _floats("output", f_jvp(primals, _filled("args", args, tangents, vector=True))[1])

    subject.judge("fwd", "JVP", jvp)


@dataclass(frozen=True)
class Subject:
    """A function of arrays of floats by name, at these arrays; it returns those of its outputs likewise."""

    f: Callable[[Leaves], Leaves]
    leaves: Leaves

    @classmethod
    def of(cls, f: Any, args: Any) -> Subject:
        if not callable(f):
            raise TypeError(f"f is {type(f).__name__}, expected a callable f(*args)")
        if not isinstance(args, tuple | list):
            raise TypeError(f"args is {type(args).__name__}, expected a tuple of arguments")
        leaves = {name: jax.numpy.asarray(leaf) for name, leaf in _floats("args", tuple(args)).items()}
        if not leaves:
            raise ValueError("args holds no floating-point numbers, expected at least one array of them")
        return cls(lambda moved: _floats("output", f(*_filled("args", args, moved))), leaves)

    def vjp(self, leaves: Leaves, cotangents: Leaves) -> Any:
        return jax.vjp(self.f, leaves)[1](cotangents)[0]

    def jvp(self, leaves: Leaves, tangents: Leaves) -> Any:
        return jax.jvp(self.f, (leaves,), (tangents,))[1]

    def judge(self, mode: str, words: str, derivative: Callable[..., Any], notes: tuple[str, ...] = ()) -> None:
        __tracebackhide__ = True
        f = _compiled(self.f, self.leaves)
        alone = 0 if " of " in words else pullback.ALONE
        if mode == "rev":
            check = pullback.check_vjp(f, derivative, self.leaves, conjugate=True, alone=alone)
        else:
            check = pullback.check_jvp(f, derivative, self.leaves, alone=alone)
        if not check:
            raise AssertionError(f"{words}: {replace(check, notes=(*check.notes, *notes))}")

    def derived(self, mode: str) -> Subject:
        """The derivative, as a function of the arrays and of tangents or cotangents."""
        word, derivative = ("tangent", self.jvp) if mode == "fwd" else ("cotangent", self.vjp)
        rng = np.random.default_rng(0)
        beside = self.leaves if mode == "fwd" else self.f(self.leaves)
        vectors = {
            f"{word} of {name}": jax.numpy.asarray(rng.uniform(0.5, 1, V.shape) * rng.choice([-1, 1], V.shape), V.dtype)
            for name, V in beside.items()
        }

        def f(moved: Leaves) -> Leaves:
            vector = {name: moved[f"{word} of {name}"] for name in beside}
            found: Leaves = derivative({name: moved[name] for name in self.leaves}, vector)
            return {f"{word} of {name}": V for name, V in found.items()}

        return Subject(f, self.leaves | vectors)


def _check(subject: Subject, order: int, modes: Sequence[str], above: str, notes: tuple[str, ...]) -> None:
    __tracebackhide__ = True
    for mode in modes:
        words = f"{MODES[mode]} of {above}" if above else MODES[mode]
        subject.judge(mode, words, subject.jvp if mode == "fwd" else subject.vjp, notes)
        if order > 1:
            _check(subject.derived(mode), order - 1, modes, words, notes)


def _compiled(f: Callable[[Leaves], Leaves], leaves: Leaves) -> Callable[[Leaves], Leaves]:
    """f by jax.jit, if it can be and is the same."""
    compiled: Callable[[Leaves], Leaves] = jax.jit(f)
    expected = f(leaves)
    try:
        found = compiled(leaves)
    except Exception:  # its control flow may hang on its numbers
        return f
    same = [np.abs(found[name] - V).max(initial=0) <= SAME * np.abs(V).max(initial=0) for name, V in expected.items()]
    return compiled if all(same) else f


def _is_float(leaf: Any) -> bool:
    if not hasattr(leaf, "dtype"):
        return isinstance(leaf, float | complex)
    return bool(jax.numpy.issubdtype(leaf.dtype, jax.numpy.inexact))


def _floats(root: str, tree: Any) -> Leaves:
    found = jax.tree_util.tree_flatten_with_path(tree)[0]
    return {root + jax.tree_util.keystr(path): leaf for path, leaf in found if _is_float(leaf)}


def _filled(root: str, tree: Any, leaves: Leaves, *, vector: bool = False) -> Any:
    """A pytree with other floats; for a tangent or cotangent, with JAX's nothing in place of what is none."""
    found, structure = jax.tree_util.tree_flatten_with_path(tree)
    parts = [
        leaves[root + jax.tree_util.keystr(path)]
        if _is_float(leaf)
        else np.zeros(np.shape(leaf), jax.dtypes.float0)
        if vector
        else leaf
        for path, leaf in found
    ]
    return jax.tree_util.tree_unflatten(structure, parts)
