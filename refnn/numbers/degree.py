"""The degree of a formula as a rational function of its inputs and atoms, found by running the formula itself.

Degrees turn the Schwartz-Zippel lemma into a number for the code at hand; see `refnn.numbers.exact`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

_arguments: ContextVar[list[Degree]] = ContextVar("arguments of the atoms")


@contextmanager
def recording() -> Iterator[list[Degree]]:
    """Collect the degree of every argument that exp and log are applied to."""
    token = _arguments.set([])
    try:
        yield _arguments.get()
    finally:
        _arguments.reset(token)


@dataclass(slots=True, eq=False)
class Degree:
    """Upper bounds on the degrees of numerator and denominator of a rational function.

    Sums take the product of both denominators for the common one, so the bound is safe and not sharp.
    """

    numerator: int
    denominator: int = 0

    def __neg__(self) -> Degree:
        return self

    def __add__(self, other: Any) -> Degree:
        n, d = _degrees(other)
        return Degree(max(self.numerator + d, n + self.denominator), self.denominator + d)

    __radd__ = __sub__ = __rsub__ = __add__

    def __mul__(self, other: Any) -> Degree:
        n, d = _degrees(other)
        return Degree(self.numerator + n, self.denominator + d)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Degree:
        n, d = _degrees(other)
        return Degree(self.numerator + d, self.denominator + n)

    def __rtruediv__(self, other: Any) -> Degree:
        n, d = _degrees(other)
        return Degree(n + self.denominator, d + self.numerator)

    def __pow__(self, exponent: int) -> Degree:
        k = abs(exponent)
        return Degree(k * self.numerator, k * self.denominator) if exponent >= 0 else 1 / self**k

    def exp(self) -> Degree:
        """An atom is an unknown of its own, in the numerator for exp(x) or in the denominator for exp(-x)."""
        _arguments.get().append(self)
        return Degree(1, 1)

    log = exp

    def step(self) -> Degree:
        """A constant: the bound is that of the formula with the signs that were drawn."""
        return Degree(0)


def _degrees(number: Any) -> tuple[int, int]:
    return (number.numerator, number.denominator) if isinstance(number, Degree) else (0, 0)
