"""Functions of JAX's pytrees as the judge of pullbacks takes them: dicts of arrays in and out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import jax
import numpy as np

from refnn.gradcheck import pullback

Leaves = dict[str, Any]
SAME = 2.0**-4  # of the largest output, by which a compiled f of any dtype may differ and still be f


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
        leaves = {name: jax.numpy.asarray(leaf) for name, leaf in floats("args", tuple(args)).items()}
        if not leaves:
            raise ValueError("args holds no floating-point numbers, expected at least one array of them")
        return cls(lambda moved: floats("output", f(*filled("args", args, moved))), leaves)

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


def _compiled(f: Callable[[Leaves], Leaves], leaves: Leaves) -> Callable[[Leaves], Leaves]:
    """f compiled by jax.jit, if that is possible and gives the same."""
    compiled: Callable[[Leaves], Leaves] = jax.jit(f)
    expected = f(leaves)
    try:
        found = compiled(leaves)
    except Exception:  # its control flow may depend on its numbers
        return f
    same = [np.abs(found[name] - V).max(initial=0) <= SAME * np.abs(V).max(initial=0) for name, V in expected.items()]
    return compiled if all(same) else f


def _is_float(leaf: Any) -> bool:
    if not hasattr(leaf, "dtype"):
        return isinstance(leaf, float | complex)
    return bool(jax.numpy.issubdtype(leaf.dtype, jax.numpy.inexact))


def floats(root: str, tree: Any) -> Leaves:
    found = jax.tree_util.tree_flatten_with_path(tree)[0]
    return {root + jax.tree_util.keystr(path): leaf for path, leaf in found if _is_float(leaf)}


def filled(root: str, tree: Any, leaves: Leaves, *, vector: bool = False) -> Any:
    """A pytree with other floats; as a tangent or cotangent, with JAX's float0 in place of what are no floats."""
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
