"""The field of integers modulo the prime p = 2^61 - 1, with random values in the place of exp and log.

Two formulas that are equal by the rules of algebra are equal here too, exactly, and two that are not differ at a random
point, except with a tiny probability (Schwartz and Zippel; `refnn.numbers.exact` states it). No number is ever rounded,
so equality is tested with tolerance zero.

A field has no exponential. Here ``exp(x)`` is an *atom*: a fixed, random-looking element for each x, the same whenever
the same x comes again. What a formula may rely on is exactly

    exp(0) = 1,  exp(-x) = 1/exp(x),  log(1) = 0,  log(1/x) = -log(x),

which makes σ(-z) = 1 - σ(z) (D2), and both forms of the cost, (D4) and (D5), equal as values. Not available are
exp(x+y) = exp(x) exp(y), log(xy) = log(x) + log(y) and log(exp(x)) = x: formulas that differ by them are told apart.

Nor has a field an order. `step(x)`, 1 on one side of a kink and 0 on the other, is drawn for each x, with

    step(-x) = 1 - step(x) for x other than 0,  step(0) = 0.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .arrays import Objects, map_entries

P = (1 << 61) - 1

_key: ContextVar[int] = ContextVar("key of the atoms", default=0)


class ExactnessError(TypeError):
    """Code under an exact check did something without exact meaning; the text says what, and what to write instead."""


@contextmanager
def atoms(key: int) -> Iterator[None]:
    """Draw new values for exp and log: inside ``with atoms(key):`` they depend on this integer."""
    token = _key.set(key)
    try:
        yield
    finally:
        _key.reset(token)


def _atom(x: int) -> int:
    # Multiplications modulo p mix upwards, the shifts downwards. The Coq development extracts a program that uses
    # the same atoms, so these constants may only change on both sides.
    y = (x + _key.get()) % P
    y = (y ^ (y >> 31)) * 0x1F83D9ABFB41BD6B % P
    y = (y ^ (y >> 29)) * 0x1BE0CD19137E2179 % P
    return (y ^ (y >> 32)) % P


def _inverse(x: int) -> int:
    if x == 0:
        raise ZeroDivisionError("division by zero in the field: a divisor that is 0 at a random point is 0 everywhere")
    return pow(x, -1, P)


def _exp(x: int) -> int:
    if x == 0:
        return 1
    return (_atom(x) or 1) if x <= P - x else _inverse(_exp(P - x))


def _log(x: int) -> int:
    inverse = _inverse(x)
    if x == inverse:
        return 0
    return _atom(x * 0x0A09E667F3BCC908) if x < inverse else -_atom(inverse * 0x0A09E667F3BCC908)


def _step(x: int) -> int:
    if x == 0:
        return 0
    return _atom(x * 0x1B67AE8584CAA73B) & 1 if x <= P - x else 1 - _step(P - x)


def _residue(number: Any) -> int | None:
    """The integer modulo p that stands for an exact number; None for what is no number at all."""
    if isinstance(number, FieldElement):
        return number.residue
    if isinstance(number, (int, np.integer, np.bool_)):
        return int(number) % P
    if isinstance(number, Fraction):
        return number.numerator * _inverse(number.denominator % P) % P
    if isinstance(number, (float, np.floating)):
        if number.is_integer() and -(2**53) <= number <= 2**53:
            return int(number) % P
        raise ExactnessError(
            f"the float {number!r} is not exact: write a quotient of integers, such as `/ m` in place of `(1/m) *`, "
            "or a fractions.Fraction; for data, `refnn.numbers.lift` takes floats at their exact binary value"
        )
    if isinstance(number, (complex, np.complexfloating)):
        raise ExactnessError(f"the complex number {number!r} has no place in the field")
    return None


def _operator(combine: Callable[[int, int], int]) -> Callable[[FieldElement, Any], FieldElement]:
    def operate(self: FieldElement, other: Any) -> FieldElement:
        residue = _residue(other)
        return NotImplemented if residue is None else _element(combine(self.residue, residue))

    return operate


class FieldElement:
    """An integer modulo p = 2^61 - 1.

    Parameters
    ----------
    number : int, Fraction, or float with an integral value
        Taken modulo p. Any other float raises `ExactnessError`.
    """

    __slots__ = ("residue",)

    def __init__(self, number: Any) -> None:
        residue = _residue(number)
        if residue is None:
            raise ExactnessError(f"{type(number).__name__} {number!r} is not an exact number: expected int or Fraction")
        self.residue: int = residue

    def __repr__(self) -> str:
        return f"FieldElement({self.residue})"

    def __eq__(self, other: object) -> bool:
        residue = _residue(other)
        return NotImplemented if residue is None else self.residue == residue

    def __hash__(self) -> int:
        return hash(self.residue)

    def __neg__(self) -> FieldElement:
        return _element(-self.residue)

    __add__ = __radd__ = _operator(operator.add)
    __sub__, __rsub__ = _operator(operator.sub), _operator(lambda x, y: y - x)
    __mul__ = __rmul__ = _operator(operator.mul)
    __truediv__, __rtruediv__ = _operator(lambda x, y: x * _inverse(y)), _operator(lambda x, y: y * _inverse(x))

    def __pow__(self, exponent: int) -> FieldElement:
        base = self.residue if exponent >= 0 else _inverse(self.residue)
        return _element(pow(base, abs(exponent), P))

    def exp(self) -> FieldElement:
        """The atom of exp at this element; NumPy's ``np.exp`` calls it."""
        return _element(_exp(self.residue))

    def log(self) -> FieldElement:
        """The atom of log at this element; NumPy's ``np.log`` calls it."""
        return _element(_log(self.residue))

    def step(self) -> FieldElement:
        """1 or 0, as if this were a number above 0 or below: the derivative of ReLU, and what ReLU is made of."""
        return _element(_step(self.residue))


def _element(residue: int) -> FieldElement:
    element = object.__new__(FieldElement)  # skips the conversion of __init__: the argument is known to be an int
    element.residue = residue % P
    return element


def lift(array: ArrayLike) -> Objects:
    """Exact field elements for integers, Fractions and floats (each float is a fraction with a power of two below).

    Parameters
    ----------
    array : array_like of int, float or Fraction, any shape

    Returns
    -------
    object array of FieldElement, the same shape

    Raises
    ------
    ExactnessError
        For NaN, infinity and what is no real number.
    """

    def exact(number: Any) -> FieldElement:
        if not isinstance(number, (float, np.floating)):
            return FieldElement(number)
        if not np.isfinite(number):
            raise ExactnessError(f"{number} has no exact value: expected finite numbers")
        return FieldElement(Fraction(*number.as_integer_ratio()))

    return map_entries(exact, np.asarray(array))


def random_point(params: Mapping[str, ArrayLike], *, seed: int = 0) -> dict[str, Objects]:
    """Uniform random field elements in the shapes of `params`, whose values are not used.

    Raises
    ------
    TypeError, ValueError
        If `params` is no dict of arrays of numbers, or has no entry, or the seed is no integer of at least 0.
    """
    if not isinstance(params, Mapping):
        raise TypeError(f"params is {type(params).__name__}, expected a dict of arrays")
    shapes = {name: np.shape(array) for name, array in params.items()}
    if not any(map(math.prod, shapes.values())):
        raise ValueError("params has no entry, expected a dict of arrays")
    for name, array in params.items():
        if (dtype := np.asarray(array).dtype).kind not in "biufcO":
            raise TypeError(f"params[{name!r}] has dtype {dtype}, expected numbers")
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise ValueError(f"seed is {seed!r}, expected an integer of at least 0")
    rng = np.random.default_rng(seed)
    return {name: map_entries(FieldElement, rng.integers(0, P, size=shape)) for name, shape in shapes.items()}
