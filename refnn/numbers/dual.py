"""Dual numbers: a value and its derivative in one or in many directions, over any kind of number.

The chain rule stands here, once, and is used over the finite field (exact), over balls (rigorous) and over degrees (the
Schwartz-Zippel bound). It knows nothing of backpropagation, which makes it a witness of what backpropagation returns.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

from . import balls
from .arrays import entrywise
from .field import ExactnessError

_ORDER = "the field has no order or sign, and code that branches sees one branch only; write the formula without it"
_FLOAT = "it would round; keep object arrays (no dtype=float, no math.exp: use np.exp)"


def _refusing(action: str, advice: str) -> Callable[..., NoReturn]:
    def refusal(*_: Any) -> NoReturn:
        raise ExactnessError(f"{action} has no exact meaning: {advice}")

    return refusal


class Dual:
    """``value + tangent * epsilon`` with epsilon^2 = 0.

    Parameters
    ----------
    value : number
        `FieldElement`, ``flint.arb`` or another kind with ``+ - * /``, ``.exp()`` and ``.log()``; at kinks also
        ``.step()``, or an order.
    tangent : number or object array of numbers
        The derivative of the value in one direction, or in as many directions as the array has entries.

    Raises
    ------
    ExactnessError
        On a comparison, ``abs``, a cast to float, int, bool or complex, a power that is not an integer, and NumPy
        functions other than those made of arithmetic, ``exp``, ``log``, ``expm1``, ``log1p`` and ``tanh``.
    """

    __slots__ = ("tangent", "value")

    def __init__(self, value: Any, tangent: Any = 0) -> None:
        self.value = value
        self.tangent = tangent

    def __repr__(self) -> str:
        return f"Dual({self.value!r}, {self.tangent!r})"

    def __neg__(self) -> Dual:
        return Dual(-self.value, -self.tangent)

    def __pos__(self) -> Dual:
        return self

    @entrywise
    def __add__(self, other: Any) -> Dual:
        value, tangent = _parts(other)
        return Dual(self.value + value, self.tangent + tangent)

    __radd__ = __add__

    @entrywise
    def __sub__(self, other: Any) -> Dual:
        value, tangent = _parts(other)
        return Dual(self.value - value, self.tangent - tangent)

    def __rsub__(self, other: Any) -> Dual:
        return Dual(other - self.value, -self.tangent)

    @entrywise
    def __mul__(self, other: Any) -> Dual:
        value, tangent = _parts(other)
        return Dual(self.value * value, self.tangent * value + self.value * tangent)

    __rmul__ = __mul__

    @entrywise
    def __truediv__(self, other: Any) -> Dual:
        value, tangent = _parts(other)
        quotient = self.value / value
        return Dual(quotient, (self.tangent - quotient * tangent) / value)

    def __rtruediv__(self, other: Any) -> Dual:
        quotient = other / self.value
        return Dual(quotient, -(quotient / self.value * self.tangent))

    @entrywise
    def __pow__(self, exponent: Any) -> Dual:
        if isinstance(exponent, Dual) or int(exponent) != exponent:
            raise ExactnessError(f"the power {exponent!r} is not an integer: the field has no roots")
        n = int(exponent)
        return Dual(self.value**n, n * self.value ** (n - 1) * self.tangent) if n else Dual(self.value**0)

    def exp(self) -> Dual:
        value = self.value.exp()
        return Dual(value, value * self.tangent)

    def log(self) -> Dual:
        return Dual(self.value.log(), self.tangent / self.value)

    def expm1(self) -> Dual:
        return self.exp() - 1

    def log1p(self) -> Dual:
        return (1 + self).log()

    def tanh(self) -> Dual:
        return 1 - 2 / (1 + (2 * self).exp())

    def step(self) -> Dual:
        """1 above 0 and 0 from there down, a constant on either side of the kink."""
        return Dual(self.value.step() if hasattr(self.value, "step") else balls.step(self.value))

    def __getattr__(self, name: str) -> Callable[..., NoReturn]:
        # np.sqrt and its like look for a method of their own name; without this, NumPy's error would not say why.
        if not isinstance(getattr(np, name, None), np.ufunc):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return _refusing(f"np.{name}", "supported are + - * / @, integer powers, sums, exp, log, expm1, log1p and tanh")

    __lt__ = __le__ = __gt__ = __ge__ = __eq__ = __ne__ = _refusing("a comparison", _ORDER)
    __hash__ = None  # type: ignore[assignment]  # equality is refused too
    __abs__ = _refusing("abs", _ORDER)
    __bool__ = _refusing("a truth value", _ORDER)
    __float__ = _refusing("a cast to float", _FLOAT)
    __int__ = _refusing("a cast to int", _FLOAT)
    __complex__ = _refusing("a cast to complex", _FLOAT)
    __index__ = _refusing("a cast to index", _FLOAT)


def _parts(number: Any) -> tuple[Any, Any]:
    return (number.value, number.tangent) if isinstance(number, Dual) else (number, 0)
