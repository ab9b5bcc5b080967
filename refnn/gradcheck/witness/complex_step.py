"""The complex step: f(x + ih) = f(x) + i h f′(x) + O(h²), so Im f(x + ih) / h needs no subtraction and no small error.

It is right only for a function that keeps the imaginary part: one that takes abs, casts to float, or conjugates, loses
it without a word. `defect` looks for that before the witness is believed.

What remains is rounding. It is measured: the derivative is taken at neighbouring points too, on a line through x. The
differences of the second order show its noise, and those of the first how it follows the rounding of its arguments.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from refnn._shapes import Array
from refnn.gradcheck.witness import central
from refnn.gradcheck.witness.function import Scalar, random_direction, typical_size

NAME = "complex step"
STEP = 2.0**-60  # of the typical size: its square is lost in any roundoff
NEIGHBOURS = 4
LINEAR = 32.0  # roundoffs that a sum in another order may take where f is straight, so that its noise is not seen
SPACING = 2.0**-36  # of neighbours, in typical sizes: a curvature squared is lost, the noise is not
SAFETY = 32.0  # on the noise, which a handful of values estimate, and for formulas that add their terms otherwise
ROUNDOFF = float(np.finfo(np.float64).eps) / 2


class NotComplexSafeError(ArithmeticError):
    """f does not carry an imaginary part through."""


def along(function: Scalar, D: Mapping[str, Array], h: float) -> float:
    """The derivative of f along D, where h D is small beside the parameters."""
    return _value(function, {key: function.params[key] + 1j * (h * V) for key, V in D.items()}).imag / h


def _value(function: Scalar, moved: Mapping[str, Array]) -> complex:
    """f of complex parameters; a NotComplexSafeError if f refuses them or drops the imaginary part on the way."""
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("error", np.exceptions.ComplexWarning)
            return complex(function(moved))
    except Exception as error:  # f may refuse in any way
        raise NotComplexSafeError(f"f refuses complex numbers: {type(error).__name__}: {error}") from error


def defect(function: Scalar, rng: np.random.Generator) -> str:
    """Why the complex step cannot be trusted with f, or "": it is compared with central differences.

    One random direction of each array is enough, for an entry that loses its imaginary part is missing in the sum.
    """
    try:
        value = _value(function, {key: V + 0j for key, V in function.params.items()}).real
        if not abs(value - function.value) <= central.SAFETY * function.noise:
            return f"f of the same numbers as complex ones is {value:.17g}, not {function.value:.17g}"
        return _lost_direction(function, rng)
    except NotComplexSafeError as error:
        return str(error)


def _lost_direction(function: Scalar, rng: np.random.Generator) -> str:
    for key, V in function.params.items():
        if not V.size:
            continue
        D = {key: random_direction(V, rng)}
        step, difference = along(function, D, STEP), central.along(function, D)
        if not np.isfinite(step):
            return f"f is {step} for complex numbers along one direction of {key}"
        if not abs(step - difference.value) <= 2 * difference.error:
            return (
                f"f loses the imaginary part, by abs, comparisons or casts: along one direction of {key} the complex "
                f"step gives {step:.6g}, central difference {difference.value:.6g}"
            )
    return ""


def entries(points: Sequence[Scalar], places: Sequence[tuple[str, int]]) -> Array:
    """Im f / h for each place at each of the points, (places, points); NaN where f has no complex value."""
    values = np.full((len(places), len(points)), np.nan)
    for i, (key, index) in enumerate(places):
        V = points[0].params[key]
        D = np.zeros(V.shape)
        D.ravel()[index] = size = float(typical_size(V).ravel()[index])
        values[i] = [along(point, {key: D}, STEP) / size for point in points]
    return values


def neighbours(function: Scalar, rng: np.random.Generator) -> list[Scalar]:
    """f at its parameters, and at points beside them on one line, each entry moved in proportion to itself."""
    D = {
        key: np.where(V == 0, typical_size(V), V) * rng.uniform(0.5, 1, V.shape) * rng.choice([-1, 1], V.shape)
        for key, V in function.params.items()
    }
    return [
        replace(function, params={key: V + k * SPACING * D[key] for key, V in function.params.items()})
        for k in range(NEIGHBOURS + 1)
    ]


@dataclass(frozen=True)
class Precision:
    """How rounding acts on the derivative in each entry: `noise` in its own arithmetic, in units of the roundoff, and
    `slope`, its change with the parameters, relative to theirs."""

    noise: Array
    slope: Array

    def error(self, value: Array, u: float) -> Array:
        """How far a computation with roundoff u may be from the value."""
        return np.asarray(SAFETY * u * (self.noise + self.slope) + LINEAR * u * np.abs(value))


def precision(values: Array) -> Precision:
    """From the derivatives at the neighbours, (entries, points)."""
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        second, third = np.diff(values, 2), np.diff(values, 3)
        # A difference of order k has the standard deviation sqrt((2k)!) / k! times that of the noise.
        noise = np.sqrt(np.maximum(np.mean(second**2, axis=1) / 6, np.mean(third**2, axis=1) / 20))
        size = np.abs(values[:, 0])
        usual = np.median((noise / size)[size > 0]) if (size > 0).any() else 0.0
        slope = np.abs(values[:, -1] - values[:, 0]) / (NEIGHBOURS * SPACING)
    return Precision(np.maximum(noise, np.nan_to_num(usual) * size) / ROUNDOFF, slope)
