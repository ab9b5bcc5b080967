"""The function under the gradient: called on copies, held to one number, and watched for what would spoil a verdict."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from refnn._shapes import Array

Function = Callable[[dict[str, Array]], Any]

ORDERS = (3, 4, 5)  # of the differences that show the noise of f once they have cancelled its smooth part
REORDERED = 128  # roundoffs by which evaluations may differ because threads sum in another order
NOISE_STEPS = (2.0**-44, 2.0**-34, 2.0**-24)  # relative; the last also moves a float32 hidden inside f


@dataclass(frozen=True, eq=False)
class Scalar:
    """f, the parameters at which it is differentiated, and what a few evaluations tell of it there."""

    f: Function
    params: Mapping[str, Array]
    dtypes: Mapping[str, np.dtype[Any]]  # of the arrays that f takes
    value: float = math.nan
    noise: float = 0.0  # how far apart two evaluations may be for no reason but rounding
    spread: float = 0.0  # of repeated evaluations at one point
    changed: tuple[str, ...] = ()  # parameters that f changed

    def __call__(self, moved: Mapping[str, Array]) -> complex:
        """f with some of its parameters replaced; of copies, so that nothing f does to them matters."""
        return scalar(self.f(self.copies({**self.params, **moved})))

    def copies(self, arrays: Mapping[str, Array]) -> dict[str, Array]:
        """In the dtypes that f takes; complex arrays stay complex."""
        return {key: V.copy() if V.dtype.kind == "c" else V.astype(self.dtypes[key]) for key, V in arrays.items()}

    def real(self, moved: Mapping[str, Array]) -> float:
        value = self(moved)
        if isinstance(value, complex) and value.imag != 0:
            raise TypeError(f"f returned the complex number {value} for real parameters, expected a real number")
        return value.real

    @property
    def unfit(self) -> tuple[str, ...]:
        """The reasons why no witness can be trusted with f."""
        reasons = [f"f changes its argument {key!r}" for key in self.changed]
        if not math.isfinite(self.value):
            reasons.append(f"f is {self.value} at the parameters")
        elif self.spread > REORDERED * unit_roundoff(self.value) * abs(self.value):
            reasons.append(f"f is random: evaluations at one point differ by {self.spread:.1e}")
        return tuple(reasons)


def scalar(value: Any) -> complex:
    """The one number that f returned; a TypeError if it is something else."""
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


def observe(f: Function, params: Mapping[str, Array], rng: np.random.Generator) -> Scalar:
    """Evaluate f at the parameters, three times, and along a few tiny steps."""
    function = _prepared(f, params)
    handed = function.copies(function.params)
    with np.errstate(all="ignore"):
        value = scalar(f(handed)).real
        changed = tuple(key for key, V in function.params.items() if not _same(handed.get(key), V))
        values = [value, function.real({}), function.real({})]
        spread = max(values) - min(values) if all(map(math.isfinite, values)) else math.inf
        noise = max(_noise(function, step, rng) for step in NOISE_STEPS)
    noise = max(noise, spread, unit_roundoff(value) * abs(value))
    return replace(function, value=value, noise=noise, spread=spread, changed=changed)


def _prepared(f: Function, params: Mapping[str, Array]) -> Scalar:
    """f in float64 where it takes that, so that a float32 parameter costs no digits; else in the given dtypes."""
    if not callable(f):
        raise TypeError(f"f is {type(f).__name__}, expected a callable f(params) -> scalar")
    given = {key: V.dtype for key, V in params.items()}
    wide = {key: np.result_type(dtype, np.float64) for key, dtype in given.items()}
    function = Scalar(f, {key: V.astype(wide[key]) for key, V in params.items()}, wide)
    if wide != given:
        try:
            function.real({})
        except Exception:  # f is made for its own dtype; whatever else is wrong shows there too
            return Scalar(f, params, given)
    return function


def _same(handed: Any, before: Array) -> bool:
    return isinstance(handed, np.ndarray) and handed.shape == before.shape and np.array_equal(handed, before)


def in_float32(value: float) -> bool:
    """Whether the value is one that float32 holds, other than a round number: a sign of float32 inside."""
    with np.errstate(over="ignore"):
        return float(np.float32(value)) == value and float(np.float16(value)) != value


def unit_roundoff(value: float) -> float:
    """Of the arithmetic that the value looks to come from."""
    return float(np.finfo(np.float32 if in_float32(value) else np.float64).eps) / 2


def _noise(function: Scalar, step: float, rng: np.random.Generator) -> float:
    """Noise of f by differences of high order, which a smooth function cancels and noise does not.

    A difference of order k of values with standard deviation s has the standard deviation s sqrt((2k)!) / k!
    (Hamming; Moré and Wild, Estimating computational noise, 2011).
    """
    params = function.params
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
