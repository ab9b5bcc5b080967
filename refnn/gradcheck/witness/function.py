"""The function under the gradient: called on copies, held to one number, and watched for what would spoil a verdict."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from refnn.gradcheck.problem import Array

Function = Callable[[dict[str, Array]], Any]
Place = tuple[str, int]  # an entry: the key of its array and its flat index

ORDERS = (3, 4, 5)  # of the differences that show the noise of f once they have cancelled its smooth part
NOISE_STEPS = (2.0**-44, 2.0**-34, 2.0**-24)  # relative; the last also moves a float32 hidden inside f


@dataclass(frozen=True)
class Scalar:
    """f as a function of a dict of arrays in the dtypes that it takes."""

    f: Function
    dtypes: Mapping[str, np.dtype[Any]]

    def __call__(self, params: Mapping[str, Array]) -> complex:
        """f of copies of the arrays, so that nothing f does to them matters."""
        copies = {key: V.copy() if V.dtype.kind == "c" else V.astype(self.dtypes[key]) for key, V in params.items()}
        return scalar(self.f(copies))

    def cast(self, params: Mapping[str, Array]) -> dict[str, Array]:
        return {key: V.astype(self.dtypes[key]) for key, V in params.items()}

    def real(self, params: Mapping[str, Array]) -> float:
        value = self(params)
        if isinstance(value, complex) and value.imag != 0:
            raise TypeError(f"f returned the complex number {value} for real parameters, expected a real number")
        return value.real


def scalar(value: Any) -> complex:
    """The one number that f returned.

    Raises
    ------
    TypeError
        If it is something else.
    """
    try:
        array = np.asarray(value)
    except Exception as error:
        raise TypeError(f"f returned {type(value).__name__}, expected a number") from error
    if array.size != 1:
        raise TypeError(f"f returned an array of shape {array.shape}, expected a scalar")
    number = array.reshape(()).item()
    if isinstance(number, complex):
        return number
    try:
        return float(number)
    except (TypeError, ValueError):
        raise TypeError(f"f returned {number!r} ({type(number).__name__}), expected a number") from None


@dataclass(frozen=True)
class Behaviour:
    """What a few evaluations tell of f: its value, its noise, and what makes it unfit to be differentiated."""

    value: float
    noise: float  # how far apart two evaluations may be for no reason but rounding
    spread: float  # of repeated evaluations at one point
    changed: tuple[str, ...]  # parameters that f changed
    evaluations: int

    @property
    def random(self) -> bool:
        """Whether repeated evaluations differ by more than threads summing in another order explain."""
        return self.spread > 64 * float(np.finfo(np.float32 if self.in_float32 else np.float64).eps) * abs(self.value)

    @property
    def in_float32(self) -> bool:
        return in_float32(self.value)

    @property
    def unfit(self) -> tuple[str, ...]:
        """The reasons why no witness can be trusted with f."""
        reasons = [f"f changes its argument {key!r}" for key in self.changed]
        if not math.isfinite(self.value):
            reasons.append(f"f is {self.value} at the parameters")
        elif self.random:
            reasons.append(f"f is random: evaluations at one point differ by {self.spread:.1e}")
        return tuple(reasons)


def prepare(f: Function, params: Mapping[str, Array]) -> Scalar:
    """f in float64 where it takes that, so that a float32 parameter costs no digits; else in the given dtypes."""
    if not callable(f):
        raise TypeError(f"f is {type(f).__name__}, expected a callable f(params) -> scalar")
    given = {key: V.dtype for key, V in params.items()}
    wide = {key: np.result_type(dtype, np.float64) for key, dtype in given.items()}
    if wide != given:
        try:
            Scalar(f, wide).real(params)
        except Exception:  # f is made for its own dtype; whatever else is wrong shows there too
            return Scalar(f, given)
    return Scalar(f, wide)


def observe(function: Scalar, params: Mapping[str, Array], rng: np.random.Generator) -> Behaviour:
    """Evaluate f at the parameters, three times, and along a few tiny steps."""
    handed = function.cast(params)
    before = {key: V.copy() for key, V in handed.items()}
    with np.errstate(all="ignore"):
        value = scalar(function.f(handed)).real
        changed = tuple(key for key, V in before.items() if not _same(handed.get(key), V))
        values = [value, function.real(params), function.real(params)]
        spread = max(values) - min(values) if all(map(math.isfinite, values)) else math.inf
        noise = max(_noise(function, params, step, rng) for step in NOISE_STEPS)
    unit = float(np.finfo(np.float32 if in_float32(value) else np.float64).eps) / 2
    noise = max(noise, spread, unit * abs(value))
    return Behaviour(value, noise, spread, changed, 3 + len(NOISE_STEPS) * (max(ORDERS) + 3))


def _same(handed: Any, before: Array) -> bool:
    return isinstance(handed, np.ndarray) and handed.shape == before.shape and np.array_equal(handed, before)


def in_float32(value: float) -> bool:
    """Whether the value is one that float32 holds, other than a round number: a sign of float32 inside."""
    with np.errstate(over="ignore"):
        return float(np.float32(value)) == value and float(np.float16(value)) != value


def _noise(function: Scalar, params: Mapping[str, Array], step: float, rng: np.random.Generator) -> float:
    """Noise of f by differences of high order, which a smooth function cancels and noise does not.

    A difference of order k of values with standard deviation s has the standard deviation s sqrt((2k)!) / k!
    (Hamming; Moré and Wild, Estimating computational noise, 2011).
    """
    D = {key: random_direction(V, rng) for key, V in params.items()}
    values = np.array(
        [function.real({key: V + k * step * D[key] for key, V in params.items()}) for k in range(max(ORDERS) + 3)]
    )
    estimates = [
        float(np.sqrt(np.mean(np.diff(values, k) ** 2)) * math.factorial(k) / math.sqrt(math.factorial(2 * k)))
        for k in ORDERS
    ]
    return min((s for s in estimates if math.isfinite(s)), default=0.0)


def typical_size(V: Array) -> Array:
    """The magnitude at which each entry counts: its own, or that of its array where it is smaller; 1 for zeros."""
    V = np.asarray(V, np.result_type(V, np.float64))
    rms = float(np.sqrt(np.mean(V**2))) if V.size else 0.0
    return np.asarray(np.maximum(np.abs(V), rms or 1.0))


def random_direction(V: Array, rng: np.random.Generator) -> Array:
    """Moves of every entry by half its typical size to all of it, up or down."""
    return np.asarray(rng.choice([-1.0, 1.0], V.shape) * rng.uniform(0.5, 1, V.shape) * typical_size(V))
