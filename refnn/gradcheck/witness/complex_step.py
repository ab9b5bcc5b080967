"""The complex step: f(x + ih) = f(x) + i h f′(x) + O(h²), so Im f(x + ih) / h needs no subtraction and no small error.

It is right only for a function that keeps the imaginary part: one that takes abs, casts to float, or conjugates, loses
it without a word. `trust` looks for that before the witness is believed, and says down to which size.

What remains is rounding. It is measured: the derivative is taken at neighbouring points too, on a line through x. The
differences of high order show its noise, and those of the first how it follows the rounding of its arguments.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from refnn._shapes import Array
from refnn.gradcheck.witness import central
from refnn.gradcheck.witness.analytic import is_analytic
from refnn.gradcheck.witness.function import Scalar, random_direction, typical_size

NAME = "complex step"
STEP = 2.0**-60  # of the typical size: its square is lost in any roundoff
NEIGHBOURS = 4
STRIDE = 0.318  # by which the step grows from neighbour to neighbour, so that its products do not all round alike
LINEAR = 32.0  # roundoffs that a sum in another order may take where f is straight, so that its noise is not seen
SPACING = 2.0**-24  # of neighbours, in typical sizes: what is smooth of f is lost in differences of high order
SAFETY = 32.0  # on the noise, which a handful of values estimate, and for formulas that add their terms otherwise
ROUNDOFF = float(np.finfo(np.float64).eps) / 2
PLAIN = 2.0**10  # times the error of the control: so much an entry has to weigh for it to vouch for the entry


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


@dataclass(frozen=True)
class Trust:
    """Where the complex step is believed: in entries of an array whose derivative, times their size, is above `least`.

    `defects` has an array in which it is not believed at all, and why.
    """

    least: Mapping[str, float]
    defects: Mapping[str, str]

    @property
    def note(self) -> str:
        """Why it is not believed somewhere, or ""."""
        by_reason: dict[str, list[str]] = {}
        for key, reason in self.defects.items():
            by_reason.setdefault(reason, []).append(key)
        everywhere = len(by_reason) == 1 and len(self.defects) == len(self.least)
        return "; ".join(
            f"the complex step is not used{'' if everywhere else ' for ' + ', '.join(keys)}: {reason}"
            for reason, keys in by_reason.items()
        )


def distrust(function: Scalar, reason: str) -> Trust:
    """That it is believed nowhere."""
    return Trust(dict.fromkeys(function.params, math.inf), dict.fromkeys(function.params, reason))


def trust(function: Scalar, rng: np.random.Generator) -> Trust:
    """How far the complex step can be trusted with f: it is compared with a central difference in each array.

    One random direction of each is enough, for an entry that loses its imaginary part is missing in the sum. What
    weighs less than the error of the difference would not be missed: f must be known to be analytic there.
    """
    try:
        value = _value(function, {key: V + 0j for key, V in function.params.items()}).real
        if not abs(value - function.value) <= central.SAFETY * function.noise:
            return distrust(
                function, f"f of the same numbers as complex ones is {value:.17g}, not {function.value:.17g}"
            )
        analytic = is_analytic(function.f, function.params)
        controls = {key: _control(function, key, rng) for key, V in function.params.items() if V.size}
    except NotComplexSafeError as error:
        return distrust(function, str(error))
    defects = {key: control for key, control in controls.items() if isinstance(control, str)}
    errors = {key: control for key, control in controls.items() if not isinstance(control, str)}
    least = {key: 0.0 if analytic else PLAIN * error for key, error in errors.items()}
    return Trust({**dict.fromkeys(function.params, math.inf), **least}, defects)


def _control(function: Scalar, key: str, rng: np.random.Generator) -> float | str:
    """The error of a central difference that agrees along one direction of the array, or why there is none."""
    D = {key: random_direction(function.params[key], rng)}
    step, difference = along(function, D, STEP), central.along(function, D)
    if not math.isfinite(step):
        return "f is not finite for complex numbers"
    if difference.sides:
        return "f has a kink here"
    if not abs(step - difference.value) <= 2 * difference.error:
        return (
            f"f loses the imaginary part, by abs, comparisons or casts: along one direction of {key} it gives "
            f"{step:.6g}, central difference {difference.value:.6g}"
        )
    return difference.error


def at_neighbours(points: Sequence[Scalar], D: Mapping[str, Array], h: float) -> list[float]:
    """The derivative along D at each of the points, with steps of which no two round alike."""
    try:
        return [along(point, D, h * (1 + STRIDE * k)) for k, point in enumerate(points)]
    except NotComplexSafeError:
        return [math.nan] * len(points)


def entries(points: Sequence[Scalar], places: Sequence[tuple[str, int]]) -> Array:
    """Im f / h for each place at each of the points, (places, points); NaN where f has no complex value."""
    values = np.full((len(places), len(points)), np.nan)
    for i, (key, index) in enumerate(places):
        V = points[0].params[key]
        D = np.zeros(V.shape)
        D.ravel()[index] = size = float(typical_size(V).ravel()[index])
        values[i] = np.array(at_neighbours(points, {key: D}, STEP)) / size
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


def precision(values: Array) -> tuple[Array, Array]:
    """How rounding acts on derivatives at the neighbours (entries, points): their noise, in their own arithmetic, and
    their slope, the change with the parameters relative to theirs."""
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        third, fourth = np.diff(values, 3), np.diff(values, 4)
        # A difference of order k has the standard deviation sqrt((2k)!) / k! times that of the noise.
        noise = np.sqrt(np.maximum(np.mean(third**2, axis=1) / 20, np.mean(fourth**2, axis=1) / 70))
        size = np.abs(values[:, 0])
        usual = np.median((noise / size)[size > 0]) if (size > 0).any() else 0.0
        slope = np.abs(values[:, -1] - values[:, 0]) / (NEIGHBOURS * SPACING)
    return np.maximum(noise, np.nan_to_num(usual) * size), slope
