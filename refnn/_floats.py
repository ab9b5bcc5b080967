"""What floating-point numbers need and the others do not.

network.py computes by the formulas of the article, which are right as they stand over a field, for balls and for
symbols. On floats each of these keeps a formula's limit, or its digits, where a step of it would leave the float's
range. On object arrays each is the formula itself.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from refnn._shapes import Array


def exp(Z: Array) -> Array:
    """exp Z, infinite where it overflows: the sigmoid takes its limits so. A complex one would be inf + nan j."""
    E: Array = np.exp(Z)
    return np.where(np.isnan(Z), Z, np.where(np.isfinite(E), E, np.inf)) if E.dtype.kind == "c" else E


def cosh(Z: Array) -> Array:
    """(exp Z + exp(-Z)) / 2, in one call on floats. A complex overflow is a number that leaves 2 + 2 cosh Z finite."""
    if Z.dtype == object:
        return np.asarray((np.exp(Z) + np.exp(-Z)) / 2)
    C: Array = np.cosh(Z)
    return np.where(np.isfinite(C), C, np.finfo(C.dtype).max / 4) if C.dtype.kind == "c" else C


def softplus(Z: Array) -> Array:
    """log(1 + exp Z), folded so that exp cannot overflow; for complex Z by the sign, as abs would lose the imaginary
    part."""
    if Z.dtype == object:
        return np.asarray(np.log(1 + np.exp(Z)))
    if Z.dtype.kind == "c":
        positive = Z.real > 0
        return np.where(positive, Z, 0) + np.log1p(np.exp(np.where(positive, -Z, Z)))
    return np.asarray(np.maximum(Z, 0) + np.log1p(np.exp(-np.abs(Z))))


def weigh(Y: Array, T: Array) -> Array:
    """Y * T, the term T of a cost for labels Y. A label 0 takes no part, even where T is infinite."""
    return Y * T if T.dtype == object else np.where(Y == 0, 0, Y * T)


class Saturating(np.ndarray[Any, Any]):
    """Floats whose products `@` saturate at the largest number, where inf - inf would make a sum NaN."""

    def __matmul__(self, other: Any) -> Any:
        return _saturating_product(np.asarray(self), np.asarray(other))

    def __rmatmul__(self, other: Any) -> Any:
        return _saturating_product(np.asarray(other), np.asarray(self))


def _saturating_product(A: Array, B: Array) -> Array:
    C: Array = A @ B
    wide = np.result_type(C, float)
    down = np.ldexp(wide.type(1).real, -np.finfo(wide).maxexp // 2 - 16)  # no sum of 2**32 products overflows
    rescued = (A * down) @ (B * down) / down / down
    return np.where(np.isfinite(C), C, np.nan_to_num(rescued.astype(C.dtype)))
