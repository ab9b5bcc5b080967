"""Central differences on one theory: a ladder of steps, extrapolation, and two terms of error.

**Assumptions.** Near the point, along an entry or a direction,

 1. f is computed with an error of size ν, or of |f(t)| u, where that is more;
 2. within some distance the slope D(t) = [f(t) - f(-t)] / 2t is f′ + c₂ t² + c₄ t⁴ + …, and these terms fall.

**Estimate.** The rungs of the ladder are steps h, h/2, h/4 … From the slopes at three neighbouring rungs comes R, which
has neither t² nor t⁴ in its error. What is left has two terms:

 - *truncation*. R is believed no more than the last correction that made it, than the next one, or than the distance to
   the next R, whichever is most, for each of them may be small by coincidence. They are of the order h⁴, and what
   they bound is of the order h⁶.
 - *rounding*, ν / h.

With C₁ h⁴ and C₂ / h their sum is least where h⁵ = C₂ / 4 C₁. There the ladder is entered next, until it stays.

**Where assumption 2 fails**, at a kink within the steps or where f saturates, neighbouring R disagree, and the
truncation says so. A finer rung knows better: what it contradicts beyond both errors may be off by all of the gap.
Where all steps of a rung lead out of the hill or across the waves that the point lies on, f at the point stays apart
from the mean of both sides. Such a rung is not believed, nor are coarser ones; and where the finest shows no clear
slope, the ladder goes on below it. Steps longer than the entry itself are taken for what shows nowhere else, a
vanishing gradient, and believed only if R stands clear of both terms.

**From one side** the error of a slope is c₁ t + c₂ t² + …, and the same ladder finds the derivative: where f ends, and
the two sides of a kink.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise

import numpy as np

from refnn._shapes import Array
from refnn.gradcheck.verdict.judgement import COARSE_EPS
from refnn.gradcheck.witness.function import Scalar, rounded
from refnn.gradcheck.witness.silence import quiet

NAME = "central difference"
FIRST = 0.1234567  # the step on rung 0, as a share of the size of the entry
RATIO = 1.9  # of one step to the next; neither is a round number, at which f may repeat itself or jump
FINEST = 17  # the last rung for most f: below its steps of 2e-7 x, the rounding inside f is seen and not f itself
COARSEST = -14  # the first rung, counted from the one that belongs to the typical size
DEEPEST = 47  # the last for an f that is still rough at the steps of that one
FINER = range(FINEST + 3, DEEPEST, 3)  # rungs on which a slope is tried again that a gradient contradicts
FARTHEST_MOVE = 6  # rungs, from one guess of the best rung to the next
ROUNDS = 8  # such guesses
SAFETY = 4.0  # on both terms of the error, which are estimates
CLEAR = 16.0  # times its error, a number is no noise
OPEN = 4.0  # times its error, up to which a number may be told from zero too little to be of use
AGREED = 8.0  # times its truncation, a slope is much the same on the next rung
CLIFF = 2.0**20  # times faster than in proportion to the step, f rises behind a kink; a polynomial does not
RESOLVED = 2.0**-10  # of a slope: if its error is less, no step beyond the typical size is tried
DEVIATIONS, EVIDENT = 8.0, 16.0  # of its noise in the rounding of a rung; how much less a sum of squares has to be
FALLING = 0.8  # at a kink the gap between right and left slope falls no faster per rung; where f is smooth, to 0.5


@dataclass(frozen=True)
class Derivative:
    """The derivative in one entry or along one direction, with its error and with what is peculiar about f there."""

    value: float
    error: float
    bend: float  # |f″|, or 0 where it does not stand out of the error
    flat: bool  # f does not change, or equally to both sides; not asked where the value stands out of its error
    sides: tuple[float, float] | None  # at a kink, the least and the largest slope that either side may have
    evaluations: int
    varies: bool  # f is smooth only within steps that are finer than the ladder takes for most f


@dataclass(eq=False)
class Curve:
    """f along one entry or direction, as a function of the distance moved; it remembers its values.

    `noise` is ν, `roundoff` the u of the arithmetic in which f is computed. `taken` gives the step that the number
    format allows in place of the one that was asked for. `ahead` is told the distances that will be asked for.
    """

    f: Callable[[float], float]
    centre: float
    noise: float
    roundoff: float = 2.0**-53
    taken: Callable[[float], float] = lambda t: t
    ahead: Callable[[list[float]], None] = lambda _: None

    def __post_init__(self) -> None:
        self.tiny = float(np.finfo(np.float64 if self.roundoff < COARSE_EPS else np.float32).smallest_subnormal)
        self.values = {0.0: self.centre}

    def __call__(self, t: float) -> float:
        if t not in self.values:
            self.values[t] = self.f(t)
        return self.values[t]

    def rounding(self, *values: float) -> float:
        """How far these values of f may be off, subnormal ones too."""
        return max(self.noise, self.tiny, self.roundoff * max(map(abs, values)))


@dataclass(frozen=True)
class Rung:
    """An extrapolated slope with the two terms of its error; NaN where f is not finite, or floats have no such step."""

    k: int
    value: float = math.nan
    truncation: float = math.inf
    rounding: float = math.inf

    @property
    def error(self) -> float:
        return self.truncation + self.rounding

    @property
    def clear(self) -> bool:
        """Whether the value is more than noise, and much the same on the next rung."""
        return abs(self.value) > CLEAR * self.rounding and abs(self.value) > AGREED * self.truncation

    @property
    def still(self) -> bool:
        """Whether f is the same on both sides to the bit, because it is even or does not resolve such steps."""
        return self.value == self.truncation == 0

    @property
    def move(self) -> int:
        """How many rungs farther down the error should be least; negative for up, as where no truncation shows."""
        if not math.isfinite(self.error):
            return FARTHEST_MOVE if math.isfinite(self.value) else FARTHEST_MOVE // 2
        if self.truncation <= self.rounding:
            return -FARTHEST_MOVE
        if self.rounding == 0:
            return FARTHEST_MOVE
        excess = math.log(4) + math.log(self.truncation) - math.log(self.rounding)  # whose ratio may overflow
        return min(FARTHEST_MOVE, round(excess / math.log(RATIO) / 5))


class Ladder:
    """Slopes of a curve on rungs of falling step, to both sides or to one of them (`side` 1 or -1).

    Rung 0 belongs to the `size` of the entry, rung `usual` to the size that is typical of its array.
    """

    def __init__(self, curve: Curve, size: float, typical: float, side: int = 0) -> None:
        self.curve, self.size, self.typical, self.side = curve, size, typical, side
        self.usual = -round((math.log(typical) - math.log(size)) / math.log(RATIO))
        self.orders = (1, 2) if side else (2, 4)  # powers of the step that extrapolation takes out
        self.rungs: dict[int, Rung] = {}
        self.slopes: dict[tuple[int, int], tuple[float, float]] = {}

    def step(self, k: int) -> float:
        far = max(-k // 1000, 0)  # thousands of rungs, whose ratio would overflow as one factor
        return math.prod([RATIO**1000] * far, start=FIRST * self.size * RATIO ** (-k - 1000 * far))

    def slope(self, k: int, side: int | None = None) -> tuple[float, float]:
        """The slope of one step, with its rounding error."""
        side = self.side if side is None else side
        if (k, side) not in self.slopes:
            self.slopes[k, side] = self._slope(k, side)
        return self.slopes[k, side]

    def _slope(self, k: int, side: int) -> tuple[float, float]:
        t = self.step(k)
        up = 0.0 if side < 0 else self.curve.taken(t)
        down = 0.0 if side > 0 else self.curve.taken(-t)
        if up == down or up < 0.75 * t * (side >= 0) or -down < 0.75 * t * (side <= 0):  # floats have no such step
            return math.nan, math.inf
        high, low = self.curve(up), self.curve(down)
        return (high - low) / (up - down), 2 * self.curve.rounding(high, low) / (up - down)

    def __getitem__(self, k: int) -> Rung:
        if k not in self.rungs:
            self.rungs[k] = self._rung(k)
        return self.rungs[k]

    def distances(self, k: int) -> list[float]:
        """The distances at which rung k needs f and does not know it."""
        steps = [self.step(j) for j in range(k, k + 4)]
        taken = [self.curve.taken(sign * t) for t in steps for sign in (1, -1) if sign != -self.side]
        return [t for t in taken if t not in self.curve.values]

    def _rung(self, k: int) -> Rung:
        self.curve.ahead(self.distances(k))
        slopes, roundings = zip(*(self.slope(j) for j in range(k, k + 4)), strict=True)
        if not all(map(math.isfinite, slopes)):
            return Rung(k)
        if not self.side and self._rough(k):
            return Rung(k, slopes[-1], rounding=SAFETY * roundings[-1])
        if not any(slopes):
            return Rung(k, 0.0, 0.0, SAFETY * roundings[0])  # known as well as by its longest step
        p, q = (RATIO**order - 1 for order in self.orders)
        once = [fine + (fine - coarse) / p for coarse, fine in pairwise(slopes)]
        twice = [fine + (fine - coarse) / q for coarse, fine in pairwise(once)]
        correction, next_correction = (abs(fine - coarse) / q for coarse, fine in pairwise(once))
        rounding = (1 + 2 / p) * (1 + 2 / q) * max(roundings[:3])  # as extrapolation adds the errors up
        larger = (q + 1) * next_correction - (q + 1) * rounding  # the next one as it would be here, noise aside
        return Rung(k, twice[0], SAFETY * max(correction, larger, abs(twice[1] - twice[0])), SAFETY * rounding)

    def _rough(self, k: int) -> bool:
        """Whether the steps of rung k lead out of where f is smooth: f at the point is then as far from the mean of
        both sides after the shortest step as after the longest."""
        far, near = (abs(self.gap(j)) * self.step(j) for j in (k, k + 3))
        noise = self._noise(k + 3) * self.step(k + 3)
        if not any(self.slope(j)[0] for j in range(k, k + 3)):  # all of them zero, as noise would not have left them
            noise = self.curve.roundoff * abs(self.curve.centre)
        return near > far / 2 and near > CLEAR * noise

    def best(self, k: int = 0) -> tuple[Rung, float]:
        """The rung with the least error, looked for from rung k on, and that error."""
        for _ in range(ROUNDS):
            rung = self[k]
            drowned = rung.error > abs(rung.value) and rung.truncation <= SAFETY * rung.rounding
            k += -FARTHEST_MOVE if drowned else rung.move
            if (k < self.usual and rung.error < RESOLVED * abs(rung.value)) or (rung.still and rung.k > self.usual):
                k = self.usual
            deepest = DEEPEST if rung.k >= FINEST and not rung.clear else FINEST
            k = max(self.usual + COARSEST, min(deepest, k))
            if k in self.rungs:
                break
        return min(((rung, self._error(rung)) for rung in self.rungs.values()), key=lambda found: found[1])

    def _error(self, rung: Rung) -> float:
        """What a rung is believed to be off by: its own error, and what others contradict it by."""
        own = self._own(rung)
        if not math.isfinite(own) or (rung.k < 0 and not rung.clear):
            return math.inf
        if self.curve.roundoff > COARSE_EPS and not self.side:  # steps are so wide that kinks of f hide in them
            own += abs(self.gap(rung.k) - RATIO * self.gap(rung.k + 1))  # of a smooth f the gap is in proportion to t
        if rung.k < self.usual:  # so far out f may be straight on both sides, with two slopes
            own += abs(self.gap(rung.k + 2)) / 2
        others = [
            r for r in self.rungs.values() if math.isfinite(r.error) and (r.k > rung.k or (rung.still and r.clear))
        ]
        apart = ((abs(r.value - rung.value), own + r.error) for r in others)
        return own + max((gap for gap, allowed in apart if gap > allowed), default=0.0)

    def _own(self, rung: Rung) -> float:
        """The two terms of a rung; or a finer one's truncation, if that is more: it is noise, scaled to this step."""
        finer = (r for r in self.rungs.values() if r.k > rung.k and math.isfinite(r.value))
        return max([rung.error, *(r.truncation * RATIO ** (rung.k - r.k) for r in finer)])

    def gap(self, k: int) -> float:
        """The slope to the right less the one to the left: f″ t, where f is smooth."""
        return self.slope(k, 1)[0] - self.slope(k, -1)[0]

    def parted(self, k: int) -> bool:
        """Whether right and left slope go on to differ as the steps become finer than that of rung k.

        The gap of a smooth f falls with the step, and what is looked at is the rung where it would drown in the noise.
        """
        gap, noise = abs(self.gap(k)), self._noise(k)
        if not gap > CLEAR * noise:
            return False
        fine = min(FINEST + 3, k + max(2, round(math.log(gap / noise, RATIO) / 2) if noise else FINEST))
        left = abs(self.gap(fine))
        if not left > 2 * gap * RATIO ** (k - fine) + CLEAR * self._noise(fine):
            return False
        return left > CLEAR * self._own(self[fine - 3]) and all(
            left >= FALLING**j * abs(self.gap(fine - j)) for j in (1, 2, 3)
        )

    def _noise(self, k: int) -> float:
        """The rounding error of a gap."""
        return self.slope(k, 1)[1] + self.slope(k, -1)[1]

    def bend(self, k: int) -> float:
        gap = abs(self.gap(k))
        return gap / self.step(k) if gap > CLEAR * self._noise(k) else 0.0

    def flat(self) -> bool:
        """Whether the slope is zero as exactly as one can see.

        It is if f is even, or does not change at all; or if f is the same up to some step, to the bit or to its noise,
        and then rises faster than in proportion to the step, as it would rise if the slope were only faint.
        """
        f, rounding = self.curve.centre, self.curve.rounding
        changes = {t: abs(v - f) / rounding(v, f) for t, v in self.curve.values.items() if math.isfinite(v)}
        if all(rung.still for rung in self.rungs.values() if rung.k >= 0) and all(
            change for t, change in changes.items() if t and abs(t) <= self.step(0)
        ):
            return True
        risen = min((abs(t) for t, change in changes.items() if change > CLEAR), default=math.inf)
        for noise, faster in ((0.0, CLEAR), (SAFETY, CLIFF)):
            calm = (abs(t) for t in changes if all(changes[s] <= noise for s in changes if abs(s) <= abs(t)))
            same = max(calm, default=0.0)
            if any(c * same > faster * risen for t, c in changes.items() if abs(t) == risen):
                return True
        if min(self.rungs) > self.usual + COARSEST + FARTHEST_MOVE:
            return False
        ladders = [self, *(self.to(side) for side in (1, -1))]
        if any(abs(ladder[k].value) > ladder._own(ladder[k]) for ladder in ladders for k in [*self.rungs]):
            return False
        near = self.step(self.usual)
        return all(change <= CLEAR * max(1.0, abs(t) / near) for t, change in changes.items())

    def to(self, side: int) -> Ladder:
        """The ladder of slopes to one side."""
        return Ladder(self.curve, self.size, self.typical, side)


def derivative(ladder: Ladder) -> Derivative:
    """The derivative at distance 0."""
    best, error = ladder.best()
    sides = None
    if not math.isfinite(error) and not any(math.isfinite(rung.value) for rung in ladder.rungs.values()):
        ends = (ladder.to(side).best() for side in (1, -1))  # f may end here
        best, error = min(ends, key=lambda found: found[1])
    elif ladder.parted(best.k + 1):
        found = [ladder.to(side).best(max(ladder.rungs)) for side in (1, -1)]
        sides = min(rung.value - e for rung, e in found), max(rung.value + e for rung, e in found)
        if not all(map(math.isfinite, sides)):
            sides = -math.inf, math.inf  # a cusp
    flat = best.k >= 0 and abs(best.value) <= OPEN * error and ladder.flat()
    asked = len(ladder.curve.values) - 1
    return Derivative(best.value, error, ladder.bend(best.k + 1), flat, sides, asked, best.k > FINEST)


@quiet()
def along(function: Scalar, D: Mapping[str, Array]) -> Derivative:
    """The derivative of f along D, whose entries are of the size of the parameters."""
    return derivative(Ladder(_curve(function, _moving(function, D)), 1.0, 1.0))


def _moving(function: Scalar, D: Mapping[str, Array]) -> Callable[[float], dict[str, Array]]:
    return lambda t: {key: function.params[key] + t * V for key, V in D.items()}


@quiet()
def entries(function: Scalar, places: Sequence[tuple[str, int]]) -> list[Derivative]:
    """The derivative at each place, the key and flat index of an entry."""
    ladders = [_at(function, *place) for place in places]
    function.ahead(moved(t) for ladder, moved in ladders for t in ladder.distances(0))
    return [derivative(ladder) for ladder, _ in ladders]


@quiet()
def finer(function: Scalar, place: tuple[str, int]) -> list[tuple[float, float]]:
    """Slopes of steps too fine for the ladder, with their errors: they show what f does within its finest step."""
    ladder, _ = _at(replace(function, noise=function.least_noise), *place)
    return _finer(ladder)


@quiet()
def speaks_for(slope: float, value: float, function: Scalar, place: tuple[str, int]) -> bool:
    """Whether rungs finer than the best one speak for this slope and against the value: kinks may hide in its steps.

    They do if from some rung on the sum of squared distances, in standard deviations of the noise, is much less from
    the slope than from the value.
    """
    ladder, _ = _at(function, *place)
    best, _ = ladder.best()
    finer = (ladder[k] for k in range(FINEST, best.k, -1))
    known = (rung for rung in finer if math.isfinite(rung.error) and rung.rounding)
    distances = (
        (DEVIATIONS * (rung.value - value) / rung.rounding, DEVIATIONS * (rung.value - slope) / rung.rounding)
        for rung in known
    )
    sums = accumulate((one - other) * (one + other) for one, other in distances)
    return any(total > EVIDENT for total in sums)


@quiet()
def apart(function: Scalar, D: Mapping[str, Array], slope: float, ladder: Derivative) -> float:
    """How far this slope along D is at most from what finer steps show, if they contradict those of the ladder; or
    infinity."""
    fine = _curve(replace(function, noise=function.least_noise), _moving(function, D))
    found = [(s, r) for s, r in _finer(Ladder(fine, 1.0, 1.0)) if abs(s - ladder.value) > ladder.error + r]
    return min((abs(s - slope) + r for s, r in found), default=math.inf)


def _finer(ladder: Ladder) -> list[tuple[float, float]]:
    found = [ladder.slope(k) for k in FINER]
    return [(slope, CLEAR * error) for slope, error in found if math.isfinite(slope) and math.isfinite(error)]


def _at(function: Scalar, key: str, index: int) -> tuple[Ladder, Callable[[float], dict[str, Array]]]:
    """The slopes of f along one entry, and how to move there."""
    V, dtype = function.params[key], function.dtypes[key]
    x = V.ravel()[index]

    def moved(t: float) -> dict[str, Array]:
        W = V.astype(dtype)
        W.ravel()[index] = x + t
        return {key: W}

    def read(x: float) -> float:
        x = float(dtype.type(x))
        return float(rounded(x, function.bits[key])) if key in function.bits else x

    def taken(t: float) -> float:
        return read(x + t) - read(x)

    typical = float(function.sizes[key].ravel()[index])
    own = float(abs(x)) or typical
    return Ladder(_curve(function, moved, taken), own, typical), moved


def _curve(
    function: Scalar, moved: Callable[[float], dict[str, Array]], taken: Callable[[float], float] = lambda t: t
) -> Curve:
    known = function.value, function.noise, function.roundoff
    return Curve(lambda t: function.real(moved(t)), *known, taken, lambda steps: function.ahead(map(moved, steps)))
