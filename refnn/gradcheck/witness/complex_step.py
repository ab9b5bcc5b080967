"""The complex step: f(x + ih) = f(x) + i h f′(x) + O(h²), so Im f(x + ih) / h needs no subtraction and no small error.

It is right only for a function that keeps the imaginary part: one that takes abs, casts to float, or conjugates, loses
it without a word. `trust` looks for that before the witness is believed, and says down to which size.

What remains is rounding. It is measured: the derivative is taken at neighbouring points too, on a line through x. The
differences of high order show its noise, and those of the first how it follows the rounding of its arguments.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from refnn._printing import shown
from refnn._shapes import Array
from refnn.gradcheck.witness import central
from refnn.gradcheck.witness.analytic import is_analytic
from refnn.gradcheck.witness.function import Scalar, observe, own_size, random_direction, typical_size
from refnn.gradcheck.witness.silence import quiet

NAME = "complex step"
STEP = 2.0**-60  # of the typical size: its square is lost in any roundoff
NEIGHBOURS = 4
STRIDE = 0.318  # by which the step grows from one neighbour to the next, lest products with it all round alike
LINEAR = 32.0  # roundoffs of an entry, by which sums in two orders may differ though f is straight and shows no noise
SPACING = 2.0**-24  # of neighbours, in typical sizes: differences of high order lose what is smooth of f
CLOSE = 2.0**-40  # the same where f varies within that
SAFETY = 32.0  # on the noise, which few values show, and which another formula of the gradient may have more of
ROUNDOFF = float(np.finfo(np.float64).eps) / 2
SMALLEST = float(np.finfo(np.float64).tiny)
ZERO = 64.0  # roundoffs of the largest derivative: one that is no larger may be zero but for rounding
QUANTA = 16.0  # subnormal numbers by which an imaginary part may be off
LARGER = (8.0, 64.0)  # factors of the parameters, for a second control
CLEARLY = 2.0**-10  # of the derivative of an array: the control is good enough if it misses no more
PLAIN = 2.0**10  # times the error of the control: an entry has to weigh so much to be vouched for


class NotComplexSafeError(ArithmeticError):
    """f does not carry an imaginary part through."""


def _along(function: Scalar, D: Mapping[str, Array], h: float) -> float:
    """The derivative of f along D, where h D is small beside the parameters."""
    return _value(function, _moved(function, D, h)).imag / h


def _moved(function: Scalar, D: Mapping[str, Array], h: float) -> dict[str, Array]:
    return {key: function.params[key] + 1j * (h * V) for key, V in D.items()}


def _value(function: Scalar, moved: Mapping[str, Array]) -> complex:
    """f of complex numbers; a NotComplexSafeError if f refuses them or, in strict silence, drops an imaginary part."""
    try:
        return complex(function(moved))
    except Exception as error:  # f may refuse in any way
        raise NotComplexSafeError(f"f refuses complex numbers: {type(error).__name__}: {shown(error)}") from error


@dataclass(frozen=True)
class Trust:
    """Where the complex step is believed: in entries of an array whose derivative, times their size, is above `least`.

    `defects` says of arrays why it is not believed in any entry. `doubts` is of arrays in which a difference
    contradicts it though f is analytic, so that it should be right. `spacing` is that of neighbours.
    """

    least: Mapping[str, float]
    defects: Mapping[str, str]
    doubts: Mapping[str, str] = field(default_factory=dict)
    spacing: float = SPACING

    @property
    def varies(self) -> bool:
        """Whether f varies within the steps of differences, which are no second witness then."""
        return self.spacing < SPACING

    @property
    def note(self) -> str:
        """The arrays in which it is not believed, and why; or ""."""
        by_reason: dict[str, list[str]] = {}
        for key, reason in self.defects.items():
            by_reason.setdefault(reason, []).append(key)
        everywhere = len(by_reason) == 1 and len(self.defects) == len(self.least)
        return "; ".join(
            f"the complex step is not used{'' if everywhere else ' for ' + ', '.join(keys)}: {reason}"
            for reason, keys in by_reason.items()
        )


def distrust(function: Scalar, reason: str) -> Trust:
    """Trust in no array, for this reason."""
    return Trust(dict.fromkeys(function.params, math.inf), dict.fromkeys(function.params, reason))


def trust(function: Scalar, rng: np.random.Generator) -> Trust:
    """How far the complex step can be trusted with f: in each array it is compared with a central difference.

    One random direction of each array is enough, for an entry that loses its imaginary part is missing in the sum. But
    an entry that weighs less than the error of the difference would not be missed. There f must be known to be
    analytic; or the comparison is made at larger parameters, where the array weighs more, on the assumption that f is
    made of the same operations there.
    """
    try:
        with quiet(strict=True):
            value = _value(function, {key: V + 0j for key, V in function.params.items()}).real
        if not abs(value - function.value) <= central.SAFETY * function.noise:
            return distrust(
                function, f"f of the same numbers as complex ones is {value:.17g}, not {function.value:.17g}"
            )
        analytic = is_analytic(function.f, function.params)
        controls = {key: _control(function, key, rng, analytic) for key, V in function.params.items() if V.size}
    except NotComplexSafeError as error:
        return distrust(function, str(error))
    least = {key: 0.0 if analytic else PLAIN * control.error for key, control in controls.items()}
    for factor in LARGER:
        faint = [key for key, c in controls.items() if not c.defect and least[key] > CLEARLY * abs(c.value)]
        if faint:
            least |= _at_larger(function, factor, {key: controls[key] for key in faint}, rng)
    defects = {key: control.defect for key, control in controls.items() if control.defect}
    doubts = {key: control.doubt for key, control in controls.items() if control.doubt}
    known = {**dict.fromkeys(function.params, math.inf), **least, **dict.fromkeys(defects, math.inf)}
    return Trust(known, defects, doubts, CLOSE if any(control.varies for control in controls.values()) else SPACING)


class Control(NamedTuple):
    """The complex step along one direction of an array, and the error of a central difference that agrees with it; or
    why there is none, a defect of f or a doubt. Only finer differences agree if f `varies` within the steps of others.
    """

    value: float
    error: float = math.inf
    defect: str = ""
    doubt: str = ""
    varies: bool = False


@quiet(strict=True)
def _control(function: Scalar, key: str, rng: np.random.Generator, analytic: bool = False) -> Control:
    D = {key: random_direction(function.params[key], rng)}
    step, difference = _along(function, D, STEP), central.along(function, D)
    if not math.isfinite(step):
        return Control(step, defect="f is not finite for complex numbers")
    agree = abs(step - difference.value) <= 2 * difference.error
    if difference.sides or not agree:
        apart = central.apart(function, D, step, difference)
        if apart <= CLEARLY * abs(step):
            return Control(step, apart, varies=True)
    if difference.sides:
        return Control(step, defect="f has a kink here")
    if not agree:
        both = f"along one direction of {key} it gives {step:.6g}, central difference {difference.value:.6g}"
        if analytic:  # the difference may be wrong: f may vary within its steps
            return Control(step, doubt=f"the complex step is in doubt: {both}")
        return Control(step, defect=f"f loses the imaginary part, by abs, comparisons or casts: {both}")
    return Control(step, difference.error, varies=difference.varies)


def _at_larger(
    function: Scalar, factor: float, controls: Mapping[str, Control], rng: np.random.Generator
) -> dict[str, float]:
    """What the control may miss of these arrays: the share of them that it misses where all parameters are larger."""
    try:
        far = observe(function.f, {key: factor * V for key, V in function.params.items()}, rng)
        found = {key: _control(far, key, rng) for key in controls} if not far.unfit else {}
    except Exception:  # f need not be defined there
        return {}
    return {
        key: PLAIN * control.error / abs(control.value) * abs(controls[key].value)
        for key, control in found.items()
        if PLAIN * control.error < CLEARLY * abs(control.value)
    }


def at_neighbours(points: Sequence[Scalar], D: Mapping[str, Array], h: float) -> list[float]:
    """The derivative along D at each of the points, each with a step of its own, so that no two round alike."""
    try:
        with quiet(strict=True):
            return [_along(point, D, h * (1 + STRIDE * k)) for k, point in enumerate(points)]
    except NotComplexSafeError:
        return [math.nan] * len(points)


def entries(points: Sequence[Scalar], places: Sequence[tuple[str, int]]) -> Array:
    """Im f / h for each place at each of the points, (places, points); NaN where f has no complex value."""
    values = np.full((len(places), len(points)), np.nan)
    sizes = {key: step_size(points[0].params[key]).ravel() for key in {key for key, _ in places}}

    def direction(key: str, index: int) -> dict[str, Array]:
        D = np.zeros(points[0].params[key].shape)
        D.ravel()[index] = sizes[key][index]
        return {key: D}

    for k, point in enumerate(points):
        h = STEP * (1 + STRIDE * k)
        point.ahead(_moved(point, direction(*place), h) for place in places)
    for i, (key, index) in enumerate(places):
        values[i] = np.array(at_neighbours(points, direction(key, index), STEP)) / sizes[key][index]
    return values


def step_size(V: Array) -> Array:
    """The size of which each entry is moved by the share STEP: its own, or the typical one if its own is so small that
    the step would be no normal float."""
    own = own_size(V)
    return np.where(own * STEP > SMALLEST, own, typical_size(V))


def underflow(V: Array) -> Array:
    """How far the derivative in each entry may be off because its imaginary part is a subnormal float."""
    with np.errstate(divide="ignore", over="ignore"):
        return QUANTA * SMALLEST * 2 * ROUNDOFF / (STEP * step_size(V))


def neighbours(
    function: Scalar, rng: np.random.Generator, spacing: float = SPACING, u: float = 0.0, count: int = NEIGHBOURS
) -> list[Scalar]:
    """f at its parameters and at points beside them, on a line along which each entry moves in proportion to itself.

    For a gradient whose arithmetic has the roundoff u, the points are numbers of that arithmetic, and the line is bent
    by a few units in the last place, for on a straight one a sum of few numbers may round alike everywhere.
    """
    D = {
        key: np.where(V == 0, np.minimum(typical_size(V), 1), V)
        * rng.uniform(0.5, 1, V.shape)
        * rng.choice([-1, 1], V.shape)
        for key, V in function.params.items()
    }
    bend = {key: np.zeros(V.shape) for key, V in function.params.items()}
    if u:
        for key, V in function.params.items():
            unit = 2 * u * 2 ** np.floor(np.log2(own_size(V)))
            D[key] = np.rint(spacing * D[key] / unit) * unit / spacing
            bend[key] = rng.integers(-4, 4, V.shape) * unit
    return [
        replace(function, params={
            key: V + k * spacing * D[key] + k * (k - 1) / 2 * bend[key] for key, V in function.params.items()
        })
        for k in range(count + 1)
    ]  # fmt: skip


def precision(values: Array, spacing: float = SPACING) -> tuple[Array, Array]:
    """How rounding acts on derivatives at the neighbours, (entries, points): their noise, and their slope, which is
    their change divided by the relative change of the parameters."""
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        third, fourth = np.diff(values, 3), np.diff(values, 4)
        # A difference of order k has the standard deviation sqrt((2k)!) / k! times that of the noise.
        noise = np.sqrt(np.maximum(np.mean(third**2, axis=1) / 20, np.mean(fourth**2, axis=1) / 70))
        size = np.abs(values[:, 0])
        rounded = size <= ZERO * ROUNDOFF * size.max(initial=0)  # these are no measure of the others
        usual = np.median((noise / size)[~rounded]) if not rounded.all() else 0.0
        slope = np.abs(values[:, -1] - values[:, 0]) / (NEIGHBOURS * spacing)
    return np.maximum(noise, np.nan_to_num(usual) * size), slope
