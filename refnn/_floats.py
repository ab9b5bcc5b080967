"""What floating-point numbers need and the others do not.

network.py computes by the formulas of the article, which are right as they stand over a field, for balls and for
symbols. On floats each of these keeps a formula's limit, or its digits, where a step of it would leave the float's
range. On object arrays each is the formula itself.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np

from refnn._shapes import Array

SILU_ROOT = "-1.278464542761073795109358739022980155440"  # of 1 + Z + exp Z, and so of SiLU's derivative


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


def tanh(Z: Array) -> Array:
    """(exp Z - exp(-Z)) / (exp Z + exp(-Z)). Of float16 by float32: some releases of NumPy have 0.9985 at infinity."""
    if Z.dtype != object:
        return np.asarray(np.tanh(Z, dtype=np.result_type(Z, np.float32)).astype(Z.dtype, copy=False))
    E = np.exp(Z)
    return np.asarray((E - 1 / E) / (E + 1 / E))


def tanh_derivative(Z: Array) -> Array:
    """1 / cosh² Z, which is 2 / (1 + cosh 2Z): that rounds once where a square doubles the error of cosh. Only where
    cosh 2Z overflows is the quotient squared."""
    if Z.dtype == object:
        return np.asarray(1 / cosh(Z) ** 2)
    doubled = cosh(2 * Z)
    return np.where(np.isfinite(doubled), 2 / (1 + doubled), (1 / cosh(Z)) ** 2)


def step(Z: Array) -> Array:
    """1 above 0 and 0 elsewhere, the derivative of ReLU; for complex Z by the real part."""
    return np.frompyfunc(_step, 1, 1)(Z) if Z.dtype == object else np.asarray((Z.real > 0).astype(Z.dtype))


def _step(z: Any) -> Any:
    if hasattr(z, "step"):
        return z.step()
    if not (z > 0 or z <= 0):
        raise ArithmeticError(f"{z} holds 0, the kink: on which side of it the number lies is not known")
    return type(z)(int(z > 0))


def positive_part(Z: Array) -> Array:
    """Z above 0 and 0 elsewhere: ReLU."""
    return Z * step(Z) if Z.dtype.kind in "cO" else np.asarray(np.maximum(Z, 0))


def negative_part(Z: Array) -> Array:
    """The rest of Z, which where Z is 0 is Z itself: at the kink its derivative is 1."""
    return Z * (1 - step(Z)) if Z.dtype.kind in "cO" else np.asarray(np.minimum(Z, 0))


def scaled(slope: float, V: Array) -> Array:
    """slope · V, the slope as it was written: 0.1 is 1/10 where numbers are exact, and the nearest number elsewhere."""
    if V.dtype == object:
        p, q = Fraction(repr(slope)).as_integer_ratio()
        return np.asarray(V * p / q)
    return np.asarray(V.dtype.type(repr(slope)) * V)


def silu(Z: Array) -> Array:
    """Z σ(Z); below 0 as Z exp(Z/2) / (2 cosh(Z/2)), for exp(-Z) overflows before Z exp Z underflows."""
    above = Z / (1 + exp(-Z))
    if Z.dtype.kind != "f":
        return np.asarray(above)
    N = _below_zero(Z)
    return np.asarray(np.where(Z > 0, above, N / (2 * np.cosh(N / 2)) * np.exp(N / 2)))


def silu_derivative(Z: Array) -> Array:
    """σ(Z) (1 + Z σ(-Z)). Below 0 the sum cancels: there it is taken from its root, as (D + exp(root) expm1 D) over
    (2 cosh(Z/2))² for D = Z - root, two terms of one sign."""
    C = 1 / (1 + exp(Z))
    if Z.dtype.kind != "f":
        return np.asarray((1 + Z * C) / (1 + exp(-Z)))
    above = (1 + np.minimum(Z, np.finfo(Z.dtype).max) * C) / (1 + exp(-Z))
    N, (root, rest) = _below_zero(Z), _silu_root(Z.dtype)
    D = (N - root) - rest
    F = 1 / (2 * np.cosh(N / 2))
    return np.asarray(np.where(Z > 0, above, (D - (1 + root) * np.expm1(D)) * F * F))


def _below_zero(Z: Array) -> Array:
    return np.clip(Z, np.finfo(Z.dtype).min, 0)


@cache
def _silu_root(dtype: np.dtype[Any]) -> tuple[Any, Any]:
    """The number next to the root, and what it leaves out."""
    root = dtype.type(SILU_ROOT)
    return root, dtype.type(Fraction(SILU_ROOT) - Fraction(*root.as_integer_ratio()))


def softmax(Z: Array) -> Array:
    """exp Z over the sum of its column, from the largest downwards, so that nothing overflows."""
    E = np.exp(Z) if Z.dtype == object else _below_largest(Z)[1]
    return np.asarray(E / E.sum(axis=0, keepdims=True))


def minus_log_softmax(Z: Array) -> Array:
    """log Σ exp Z - Z, as a sum of positive terms: the distance to the largest, and log1p of the others beside it."""
    if Z.dtype == object:
        return np.asarray(np.log(np.exp(Z).sum(axis=0, keepdims=True)) - Z)
    D, E, largest = _below_largest(Z)
    np.put_along_axis(E, largest, 0, axis=0)
    return np.asarray(np.log1p(E.sum(axis=0, keepdims=True)) - D)


def _below_largest(Z: Array) -> tuple[Array, Array, Array]:
    """D = Z - the largest of the column, exp of it, and the row of the largest. The rounding of D, which exp would
    magnify by the size of D, is made good (Knuth's two-sum)."""
    Z = np.clip(Z, np.finfo(Z.dtype).min, np.finfo(Z.dtype).max) if Z.dtype.kind == "f" else Z
    largest = Z.real.argmax(axis=0)[None]
    M = np.take_along_axis(Z, largest, axis=0)
    D = Z - M
    moved = D - Z
    lost = (Z - (D - moved)) - (M + moved)
    return D, exp(D) * (1 + np.where(np.isfinite(D), lost, 0)), largest


def weigh(Y: Array, T: Array) -> Array:
    """Y * T, the term T of a cost for labels Y. A label 0 takes no part, even where T is infinite."""
    return Y * T if T.dtype == object else np.where(Y == 0, 0, Y * T)


class Saturating(np.ndarray[Any, Any]):
    """Floats whose products `@` saturate at the largest number, and whose sums are no NaN, where inf - inf would be."""

    def __matmul__(self, other: Any) -> Any:
        return _saturating_product(np.asarray(self), np.asarray(other))

    def __rmatmul__(self, other: Any) -> Any:
        return _saturating_product(np.asarray(other), np.asarray(self))

    def sum(self, *args: Any, **kwargs: Any) -> Any:
        V = np.asarray(self)
        S, down = V.sum(*args, **kwargs), _far_down(V.dtype)
        rescued = (np.nan_to_num(V, nan=np.nan) * down).sum(*args, **kwargs) / down
        return np.where(np.isnan(S), rescued, S).astype(V.dtype).view(Saturating)


def _saturating_product(A: Array, B: Array) -> Array:
    C: Array = A @ B
    down = _far_down(C.dtype)
    rescued = (A * down) @ (B * down) / down / down
    return np.where(np.isfinite(C), C, np.nan_to_num(rescued.astype(C.dtype))).view(Saturating)


def _far_down(dtype: np.dtype[Any]) -> Any:
    """A power of two, in float64 or wider, under which no sum of 2**32 products overflows."""
    wide = np.result_type(dtype, float)
    return np.ldexp(wide.type(1).real, -np.finfo(wide).maxexp // 2 - 16)
