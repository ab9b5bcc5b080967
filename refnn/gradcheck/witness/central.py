"""Central differences, with a step for every entry and an estimate of the error that remains.

D(h) = [f(x + h) - f(x - h)] / 2h has a truncation error c h² + … and a rounding error of about noise / h. Three steps
h, h/2, h/4 give, by Richardson's extrapolation, a value with neither h² nor h⁴ in its error, and the size of what is
left. The step is then moved, by factors of 4, to where truncation and rounding balance: up where f is nearly flat, as
a vanishing gradient is, down where it bends.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from refnn._shapes import Array
from refnn.gradcheck.witness.function import Scalar, typical_size

NAME = "central difference"
FIRST = 0.1234567  # of the typical size of an entry; not a round number, at which a periodic f might repeat
LEVELS = 14  # steps tried, at most: down to 4^-13 of the first, where half of the digits of x are left
FARTHEST = 2.0**10  # typical sizes
SAFETY = 4.0  # on the noise of f and on the truncation error, themselves estimates
CLEAR = SAFETY**2  # times its rounding error: what is as large is not noise
FALL = 4.0**6  # by which what is left of the truncation error, of the order h⁶, falls when h does by 4
SLOW_FALL = 4.0**2  # and if it is not regular, of an f that is smooth: as an error of the order h²
# The extrapolated value is (64 D(h/4) - 20 D(h/2) + D(h)) / 45, and the rounding errors of the latter two are a half
# and a quarter of that of D(h/4): together at most (64 + 20/2 + 1/4) / 45 = 1.65 times that one.
EXTRAPOLATED = 2.0
LEAST_FALL = 3.0  # by which the change of D falls at least when h is halved: 4 if its error is of the order h²
LEAST_KINK = 1e-3  # of the slope: a smaller difference between right and left is left to the truncation error


@dataclass(frozen=True)
class Derivative:
    """At one entry: the value, its error, and what is peculiar about f there."""

    value: float
    error: float
    flat: bool  # f(x + h) = f(x - h) to the last bit at every step
    kink: bool
    evaluations: int


@dataclass(frozen=True)
class _Level:
    """What the steps h, h/2 and h/4 tell of the derivative."""

    h: float
    value: float = math.nan
    truncation: float = 0.0
    rounding: float = 0.0
    credible: bool = True  # beyond the local scale, only a value that stands out of the noise is
    regular: bool = False  # the change of D falls as h² does, or faster
    even: bool = False
    kink: bool = False

    @property
    def error(self) -> float:
        return self.truncation + self.rounding if self.credible else math.inf


class Curve:
    """f along one entry or direction, as a function of the distance moved; remembers what it has evaluated.

    `taken` tells the step that the number format allows from the one that was asked for.
    """

    def __init__(
        self, f: Callable[[float], float], centre: float, noise: float, taken: Callable[[float], float] = lambda t: t
    ) -> None:
        self.f, self.centre, self.noise, self.taken = f, centre, SAFETY * noise, taken
        self.values: dict[float, float] = {}

    def __call__(self, t: float) -> float:
        if t not in self.values:
            self.values[t] = self.f(t)
        return self.values[t]

    def level(self, h: float, local: float) -> _Level:
        """The extrapolated difference from the steps h, h/2 and h/4. Up to `local`, f is taken to be itself."""
        steps = [(self.taken(s), self.taken(-s)) for s in (h, h / 2, h / 4)]
        if not all(down < 0 < up for up, down in steps):  # the number format has no such small step
            return _Level(h, rounding=math.inf)
        values = [(self(up), self(down)) for up, down in steps]
        if not all(math.isfinite(v) for pair in values for v in pair):
            return _Level(h, truncation=math.inf)
        D0, D1, D2 = ((f_up - f_down) / (up - down) for (up, down), (f_up, f_down) in zip(steps, values, strict=True))
        R0, R1 = D1 + (D1 - D0) / 3, D2 + (D2 - D1) / 3  # without h²
        value = R1 + (R1 - R0) / 15  # nor h⁴
        growth = max(1.0, max(map(abs, values[-1])) / abs(self.centre)) if self.centre else 1.0
        rounding = EXTRAPOLATED * self.noise * growth / (h / 4)
        safety = SAFETY if h <= local else SAFETY**2  # the series may be near the end of its reach
        truncation = safety * abs(R1 - R0) / 15
        change, next_change = abs(D1 - D0), abs(D2 - D1)
        if irregular := change < LEAST_FALL * next_change:
            # Either the changes are noise about a value that stands out of it, or the expansion does not hold: a kink
            # or a saturation lies within the steps.
            truncation = SAFETY * max(change, next_change)
        spoiled = irregular and truncation > 2 * SAFETY * rounding
        # What the slopes to the right and to the left differ by. For a smooth f that is f″ h; extrapolated, it is gone.
        G0, G1, G2 = (
            (f_up - self.centre) / up - (f_down - self.centre) / down
            for (up, down), (f_up, f_down) in zip(steps, values, strict=True)
        )
        gap, coarser_gap = 2 * G2 - G1, 2 * G1 - G0
        if irregular and abs(gap) > SAFETY * rounding:  # beside a kink the derivative may be either of the two slopes
            truncation = max(truncation, abs(gap))
        return _Level(
            h,
            value,
            truncation,
            rounding,
            credible=h <= local or (abs(value) > CLEAR * rounding and not spoiled),
            regular=not irregular,
            even=D0 == D1 == D2 == 0,
            kink=abs(gap) > SAFETY * abs(gap - coarser_gap) + CLEAR * rounding and abs(gap) > LEAST_KINK * abs(G2),
        )


def derivative(curve: Curve, size: float) -> Derivative:
    """The derivative of f at distance 0 along the curve, for entries of the given typical size."""
    levels = {}
    h = local = FIRST * size
    for _ in range(LEVELS):
        level = levels[h] = curve.level(h, local)
        h = h * 4 if level.rounding > level.truncation else h / 4
        if h in levels or h > FARTHEST * size:
            break
    h = max(levels)
    if levels[h].error < levels.get(h / 4, _Level(h)).error:  # what would be believed has nothing coarser to be held to
        levels[4 * h] = curve.level(4 * h, local)
    for h in sorted(levels, reverse=True):  # a truncation error no smaller than the coarser level lets expect
        coarser = levels.get(4 * h)
        if coarser is not None and (coarser.regular or h > local):
            expected = coarser.truncation / (FALL if coarser.regular else SLOW_FALL)
            levels[h] = replace(levels[h], truncation=max(levels[h].truncation, expected))

    def error(level: _Level) -> float:
        """A truncation error can look small by coincidence. Finer levels, whose error is the noise, tell."""
        finer = [other for other in levels.values() if other.h < level.h and math.isfinite(other.value)]
        gaps = [abs(other.value - level.value) - level.error - other.error for other in finer]
        # Beyond the local scale nothing is believed to be nearer to the truth than to the next finer level.
        step = abs(levels[level.h / 4].value - level.value) if level.h > local else 0.0
        return level.error + max([0.0, step, *gaps])

    best = min(levels.values(), key=lambda level: error(level) if math.isfinite(level.error) else math.inf)
    usable = [level for level in levels.values() if math.isfinite(level.error)]
    finest = min(usable, key=lambda level: level.h, default=best)
    flat = all(level.even for level in levels.values())
    return Derivative(best.value, error(best), flat, finest.kink or best.kink, len(curve.values))


def along(function: Scalar, D: Mapping[str, Array]) -> Derivative:
    """The derivative of f along D, whose entries are of the size of the parameters."""

    def f(t: float) -> float:
        with np.errstate(all="ignore"):
            return function.real({key: function.params[key] + t * V for key, V in D.items()})

    return derivative(Curve(f, function.value, function.noise), 1.0)


def entries(function: Scalar, places: Iterable[tuple[str, int]]) -> list[Derivative]:
    """The derivative at each place, the key and flat index of an entry."""
    return [_entry(function, *place) for place in places]


def _entry(function: Scalar, key: str, index: int) -> Derivative:
    V, dtype = function.params[key], function.dtypes[key]
    x = V.ravel()[index]

    def f(t: float) -> float:
        moved = V.astype(dtype)
        moved.ravel()[index] = x + t
        with np.errstate(all="ignore"):
            return function.real({key: moved})

    def taken(t: float) -> float:
        return float(dtype.type(x + t)) - float(x)

    return derivative(Curve(f, function.value, function.noise, taken), float(typical_size(V).ravel()[index]))
