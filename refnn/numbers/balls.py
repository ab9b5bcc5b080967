"""Balls: numbers that enclose a real number rigorously, by Arb through python-flint (pip install "refnn[certify]").

A ball is a midpoint and a radius; each operation returns a ball that holds every result of numbers in its operands.
Floats are taken exactly. What is returned as a float is proved: it is "the nearest" only where both ends of the ball
round to it, and an upper bound is rounded up.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from threading import RLock
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from .arrays import Objects, map_entries

_turn = RLock()


def _new_turn() -> None:
    """In a process that was forked, whatever thread had its turn there."""
    global _turn
    _turn = RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_new_turn)


def _flint() -> Any:
    try:
        import flint
    except ImportError:
        raise ImportError('balls need python-flint: pip install "refnn[certify]"') from None
    return flint


@contextmanager
def precision(bits: int) -> Iterator[None]:
    """Inside ``with precision(bits):`` midpoints have so many bits. Other threads wait, as flint has one precision for
    all of them."""
    with _turn, _flint().ctx.workprec(bits):
        yield


def to_balls(array: ArrayLike) -> Objects:
    """An object array of balls of radius 0 at exactly these floats or integers."""
    return map_entries(_flint().arb, np.asarray(array).astype(object))


def exponent(ball: Any) -> int | None:
    """The least e with |middle| < 2^e; None for 0."""
    middle = ball.mid()
    if middle.is_zero():
        return None
    mantissa, power = (int(part) for part in middle.man_exp())
    return abs(mantissa).bit_length() + power


def step(ball: Any) -> Any:
    """1 for a ball above 0, and 0 for one that is not.

    Raises
    ------
    ArithmeticError
        For a ball that holds 0 and numbers above it.
    """
    if not (ball > 0 or ball <= 0):
        raise ArithmeticError(f"{ball} holds 0, the kink: on which side of it the number lies is not known")
    return type(ball)(int(ball > 0))


def nearest(balls: Objects, dtype: DTypeLike = np.float64) -> tuple[NDArray[np.floating[Any]], NDArray[np.bool_]]:
    """Floats next to the enclosed numbers, ties to even, and whether the ball decides each.

    Parameters
    ----------
    balls : object array of balls
    dtype : float16, float32 or float64

    Returns
    -------
    floats : array of `dtype`; the float next to the ball's lower end
    decided : bool array; True where both ends round to that float, so that it is the correctly rounded value
    """
    floats = np.empty(balls.shape, dtype=dtype)
    decided = np.empty(balls.shape, dtype=bool)
    for index, ball in np.ndenumerate(balls):
        low, high = _round(ball.lower(), floats.dtype), _round(ball.upper(), floats.dtype)
        floats[index], decided[index] = low, low == high
    return floats, decided


def upper_bounds(balls: Objects) -> NDArray[np.float64]:
    """For each ball a float64 that no absolute value in it exceeds; strictly above it, save for 0 and infinity."""

    def above(ball: Any) -> float:
        top = ball.abs_upper()
        if top.is_zero():
            return 0.0
        return float(np.nextafter(_round(top, np.dtype(float)), np.inf)) if top.is_finite() else np.inf

    return map_entries(above, balls).astype(float)


def ulps(balls: Objects, dtype: DTypeLike) -> Objects:
    """The spacing of `dtype` at the enclosed numbers, as exact balls; where a ball spans several, the smallest."""
    arb, info = _flint().arb, np.finfo(np.dtype(dtype))
    return map_entries(lambda ball: arb((1, _quantum(ball.abs_lower(), info))), balls)


def _quantum(x: Any, info: Any) -> int:
    """The exponent of the last bit that a float next to the exact number x has."""
    size = exponent(x) if x.is_finite() else None
    return int((info.minexp if size is None else max(size - 1, info.minexp)) - info.nmant)


def _round(x: Any, dtype: np.dtype[Any]) -> float:
    """The float of `dtype` nearest to the exact number x, ties to even; subnormals and overflow as in IEEE 754."""
    if x.is_zero() or not x.is_finite():
        return float(x)
    info = np.finfo(dtype)
    mantissa, exponent = (int(part) for part in x.man_exp())
    quantum = _quantum(x, info)
    overflow = -np.inf if mantissa < 0 else np.inf
    if quantum >= info.maxexp:  # or the number might not fit into memory
        return overflow
    # Far below the least float 2**shift might not fit either: two bits more than the mantissa has give 0 all the same.
    shift = min(quantum - exponent, mantissa.bit_length() + 2)
    n = round(mantissa / Fraction(2) ** shift)
    return overflow if abs(n) >> (info.maxexp - quantum) else float(np.ldexp(n, quantum))
