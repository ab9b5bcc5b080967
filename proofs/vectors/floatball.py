"""Balls that hold whatever a correct floating-point run may return: a rounding-error analysis done by running the code.

An Arb ball of as many bits holds the exact results of an operation, and not always the float next to one: some of the
gradients in `pytest -rP tests/numbers/test_balls.py` lie outside such a run, most where numbers underflow.
A `FloatBall` therefore adds the float's own rounding to each operation:

- ``+ - * /``: the exact result, times 1 + δ with |δ| <= u (1 + 1/100), plus half the smallest subnormal;
- sums of n > 2 terms: (n - 1) u times the sum of their magnitudes, which holds in every order of summation, with or
  without fused multiply-add (Higham, Accuracy and Stability of Numerical Algorithms, section 4.2);
- exp, log, log1p and cosh: within 4 ulps, which NumPy and the common C libraries keep;
- a divisor beyond the range of the float: anything from 0 to the exact quotient, as 1/(1 + infinity) is 0.

Operation by operation, the result of the same source on floats lies in the ball, unless a number other than an exp
overflows. The hundredth covers the products of δ for sums of fewer than 0.01/u terms. That such a bound follows from
the roundings is proved in Coq for the article's network, with formulas in place of balls: proofs/coq/FloatSigmoid.v.
"""

from __future__ import annotations

from typing import Any

import flint
import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from refnn.numbers import balls
from refnn.numbers.arrays import Objects, entrywise, map_entries

_ELEMENTARY = 8  # units u, that is 4 ulps


def around_zero(radius: Any) -> Any:
    """The ball of all numbers that do not exceed `radius` in magnitude."""
    return flint.arb(0, radius)


class Format:
    """A binary format: unit roundoff, half the smallest subnormal, and the largest number, as exact balls."""

    def __init__(self, dtype: DTypeLike) -> None:
        info = np.finfo(np.dtype(dtype))
        unit, smallest, largest = balls.to_balls([float(info.epsneg), float(info.smallest_subnormal), float(info.max)])
        self.unit = unit * 101 / 100
        self.underflow = smallest / 2
        self.largest = largest


class FloatBall:
    """A ball around a float result; build arrays of them with `float_balls`."""

    __slots__ = ("ball", "format", "mass", "terms")

    def __init__(self, ball: Any, format: Format, terms: int = 1, mass: Any = None) -> None:
        self.ball = ball
        self.format = format
        self.terms = terms  # of the sum that this is, and the sum of their magnitudes
        self.mass = ball.abs_upper() if mass is None else mass

    def _rounded(self, exact: Any, units: int = 1) -> FloatBall:
        if exact.is_zero():
            return FloatBall(exact, self.format)
        error = exact.abs_upper() * self.format.unit * units + self.format.underflow
        return FloatBall(exact + around_zero(error), self.format)

    def _lift(self, other: Any) -> FloatBall:
        if isinstance(other, FloatBall):
            return other
        return FloatBall(self.ball * 0 + other, self.format)

    def __neg__(self) -> FloatBall:
        return FloatBall(-self.ball, self.format, self.terms, self.mass)

    @entrywise
    def __add__(self, other: Any) -> FloatBall:
        other = self._lift(other)
        if self.ball.is_zero() or other.ball.is_zero():
            return self if other.ball.is_zero() else other
        terms, mass, exact = self.terms + other.terms, self.mass + other.mass, self.ball + other.ball
        error = exact.abs_upper() if terms == 2 else (terms - 1) * mass
        return FloatBall(exact + around_zero(error.abs_upper() * self.format.unit), self.format, terms, mass)

    __radd__ = __add__

    @entrywise
    def __sub__(self, other: Any) -> FloatBall:
        return self + -self._lift(other)

    def __rsub__(self, other: Any) -> FloatBall:
        return self._lift(other) + -self

    @entrywise
    def __mul__(self, other: Any) -> FloatBall:
        return self._rounded(self.ball * self._lift(other).ball)

    __rmul__ = __mul__

    @entrywise
    def __truediv__(self, other: Any) -> FloatBall:
        other = self._lift(other)
        quotient = self._rounded(self.ball / other.ball)
        if not other.ball.abs_upper() <= self.format.largest:
            quotient.ball = quotient.ball.union(self.ball * 0)
        return quotient

    def __rtruediv__(self, other: Any) -> FloatBall:
        return self._lift(other) / self

    def __pow__(self, exponent: int) -> FloatBall:
        power = self
        for _ in range(exponent - 1):
            power *= self
        return power

    def exp(self) -> FloatBall:
        return self._rounded(self.ball.exp(), _ELEMENTARY)

    def log(self) -> FloatBall:
        return self._rounded(self.ball.log(), _ELEMENTARY)

    def log1p(self) -> FloatBall:
        return self._rounded(self.ball.log1p(), _ELEMENTARY)

    def step(self) -> FloatBall:
        return FloatBall(balls.step(self.ball), self.format)


def float_balls(array: ArrayLike, dtype: DTypeLike = np.float64) -> Objects:
    """FloatBalls of radius 0 at exactly these floats, in the arithmetic of `dtype`; at a precision well above it."""
    format = Format(dtype)
    return map_entries(lambda ball: FloatBall(ball, format), balls.to_balls(array))
