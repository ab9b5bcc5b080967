"""The verdict on the gradient of one parameter array, entry by entry.

An entry passes when |given - value| <= error + allowance, where the witness says that the derivative is value ± error,
and rounding can take a right formula as far as the allowance.

Of a formula that is not known (`Unknown`) the allowance is what rounding does to f's own derivative. But a formula may
cancel where f does not, as 1 - tanh² does where tanh is near 1. So it is allowed the *floor* besides: 16 roundoffs of
the largest numbers about, though no more than half of the entry's digits, unless the entry may be zero. An entry that
is off by more is left undecided, for it may be imprecise and not wrong,

 - if it is right to half its digits, unless the noise of the formula was measured;
 - if it is right to a quarter of them and off by no more than the floor; or 16 times the floor where the entry is
   small, for products may have multiplied the error;
 - in a coarser dtype than float64, if it is off by no more than the floor or the measured noise, however few of its
   digits are right;
 - if its whole array is made of multiples of one small number, as differences from 1 are, and it is off by two of them.

An entry that agrees is undecided nevertheless if the witness cannot tell it from zero or from its double, though the
gradient's own dtype could hold the difference. It passes if it is slight beside the others of its array; but not if it
was given as zero, which saturation may have made of it. At a kink the estimate reaches from one slope to the other:
outside is wrong, between is undecided, or accepted if a subgradient will do.

What the judge excuses besides (judge.py) comes as part of the allowance.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeAlias

import numpy as np

from refnn._shapes import Array
from refnn.gradcheck.cached import cached_property
from refnn.gradcheck.problem import Gradient
from refnn.gradcheck.verdict.result import Entry, ParameterCheck, Verdict

LOSS_WORTH_A_NOTE = 4  # decimal digits; ordinary sums lose one or two
COARSE = 1e-3  # of an entry: if its witness knows it no better, a note says so
ARITHMETIC = {2.0**-8: "bfloat16", 2.0**-11: "float16", 2.0**-24: "float32"}  # by its roundoff
COARSE_EPS = 1e-10  # above it is the eps of float32 and of coarser dtypes, and the roundoff too
FLOOR = 16.0  # roundoffs of the largest numbers about, by which a formula that cancels may be off
AMPLIFIED = 16.0  # times the floor, what a product may make of such an error
ZERO = 8.0  # times the floor, the most that may be given as the derivative where f does not change
SMALL = 8.0  # roundoffs of 1, or of the largest entry: a number of which all are multiples is no quantum if larger
STEPS = 2.0  # quanta, by which an entry may be off
SLIGHT = 1e-10  # of the largest entry that is told from zero, each times the size of its parameter
KINK = "at a kink of f, the first at {first}: the derivatives from the left and from the right differ"
IMPRECISE = (
    "off by more than the rounding of f, the first at {first}, but by no more than a formula may be that cancels: "
    "imprecise, or wrong by little"
)


Mask: TypeAlias = Array | np.bool  # of entries, or one truth for all


@dataclass(frozen=True, eq=False)
class Estimate:
    """What a witness says of the derivative in every entry of an array: a value, and how far at most it may be off.

    `flat` marks entries whose derivative is zero as exactly as one can see, and `kink` those where the derivatives from
    left and right are value - error and value + error. An error below `underflow` is due to the range of floats and not
    to the witness. An entry that is `vouched` for was not compared alone: a sum with it is right, and its value is the
    one given.
    """

    value: Array
    error: Array
    flat: Mask = np.False_
    kink: Mask = np.False_
    underflow: float = 0.0
    vouched: Mask = np.False_

    def each(self, change: Callable[[Array], Array]) -> Estimate:
        """The estimate with each of its arrays changed in this way, to another shape or to fewer entries."""
        masks = (self.flat, self.kink, self.vouched)
        flat, kink, vouched = (change(np.broadcast_to(mask, self.value.shape)) for mask in masks)
        return Estimate(change(self.value), change(self.error), flat, kink, self.underflow, vouched)


@dataclass(frozen=True, eq=False)
class Unknown:
    """What is taken for granted of a formula that is not known.

    `roundoff` is one roundoff of the largest numbers about, as an error of each entry; `eps` that of the dtype;
    `quantum` the number of which all entries are multiples, or 0. `noise` is that of each entry, where it was measured;
    `subgradient` tells whether any slope between the two of a kink will do, and `least` what underflow may take of an
    entry.
    """

    roundoff: Array
    eps: float
    quantum: float = 0.0
    noise: Array | None = None
    subgradient: bool = False
    least: float = 0.0

    def each(self, change: Callable[[Array], Array]) -> Unknown:
        """The same with each of its arrays changed in this way."""
        noise = None if self.noise is None else change(self.noise)
        return replace(self, roundoff=change(self.roundoff), noise=noise)

    @property
    def floor(self) -> Array:
        """How far a formula that cancels may be off, by entry."""
        return FLOOR * self.roundoff

    def tolerance(self, witnessed: Array, size: Array) -> Array:
        """What is allowed beside the `witnessed` error, for entries of these sizes."""
        known = np.minimum(self.floor, math.sqrt(self.eps) * size)
        return np.maximum(np.where(size <= witnessed, self.floor, known), self.least)

    def of_largest(self, V: Array, estimate: Estimate, witnessed: Array) -> Array:
        """V as a share of the largest entry that is told from zero, each times the size of its parameter."""
        size = np.abs(estimate.value)
        weight = np.where(self.roundoff > 0, 1 / self.roundoff, 0)
        largest = float(np.max(size * weight, where=witnessed <= size / 2, initial=0))
        return V * weight / largest if largest else np.full(V.shape, np.inf)

    @property
    def slight(self) -> float:
        """The share of the largest entry of its array, below which an entry may be what rounding left."""
        return max(SLIGHT, self.eps / 2)

    def imprecise(self, error: Array, size: Array) -> Array:
        """Whether cancellation alone may put an entry so far off that is outside its tolerance."""
        faint = size <= 2 * self.roundoff / math.sqrt(self.eps)
        amplified = (error <= np.where(faint, AMPLIFIED, 1) * self.floor) & (error <= self.eps**0.25 * size)
        cancelled = amplified | ((error <= self.floor) & (self.eps > COARSE_EPS))
        noisy = error <= (self.eps**0.5 * size if self.noise is None else self.noise * (self.eps > COARSE_EPS))
        return np.asarray((error <= STEPS * self.quantum) | cancelled | noisy)


def quantum(G: Array, eps: float) -> Array:
    """The number of which all entries of a row are multiples, if it is so small that rounding made it; or 0.

    Near tanh = 1 all values of 1 - tanh² are multiples of the eps of 1, and the digits below that are lost.
    """
    bits = 1 - round(math.log2(max(eps, np.finfo(np.float64).eps)))
    size = np.abs(np.where(np.isfinite(G), G, 0), dtype=np.float64)
    mantissa, exponent = np.frexp(size)
    whole = np.ldexp(mantissa, bits).astype(np.int64)
    steps = np.ldexp((whole & -whole).astype(np.float64), exponent - bits)
    least = np.min(steps, axis=-1, where=size > 0, initial=np.inf)
    return np.where(least <= SMALL * eps * np.maximum(1.0, size.max(axis=-1, initial=0)), least, 0)


@dataclass(frozen=True, eq=False)
class Comparison:
    """A gradient, what a witness says of it, and the allowance for rounding; all by parameter.

    `unknown` has the parameters whose formula is not known, with what is taken for granted of it.
    """

    given: Gradient
    estimates: Mapping[str, Estimate]
    allowance: Mapping[str, Array]
    unknown: Mapping[str, Unknown] = field(default_factory=dict)

    @cached_property
    def checks(self) -> dict[str, ParameterCheck]:
        return {key: self._judged(key) for key in self.given.arrays}

    def at(self, places: Mapping[str, Array]) -> Comparison:
        """With some arrays cut down to these of their entries, by flat index."""

        def cut(key: str, V: Array) -> Array:
            return V.ravel()[places[key]] if key in places else V

        return Comparison(
            replace(self.given, arrays={key: cut(key, V) for key, V in self.given.arrays.items()}),
            {key: estimate.each(partial(cut, key)) for key, estimate in self.estimates.items()},
            {key: cut(key, V) for key, V in self.allowance.items()},
            {key: unknown.each(partial(cut, key)) for key, unknown in self.unknown.items()},
        )

    def _judged(self, key: str) -> ParameterCheck:
        """The check of one array, in the form in which it came, so that an index is one that its author knows."""
        form = partial(self.given.form, key)
        given, allowance = form(self.given.arrays[key]), form(self.allowance[key])
        unknown, coarser = self.unknown.get(key), self.given.coarser.get(key, 1.0)
        return judge(self.given.names[key], given, self.estimates[key].each(form), allowance, unknown, coarser)

    @cached_property
    def truth(self) -> dict[str, Array]:
        return {key: self.estimates[key].value for key in self.given.arrays}

    @cached_property
    def tolerance(self) -> dict[str, Array]:
        return {
            key: tolerance(self.estimates[key], self.allowance[key], self.unknown.get(key)) for key in self.given.arrays
        }

    def wrong(self, key: str) -> Array:
        """Entries that are not within their tolerance, and are not merely imprecise."""
        error, size = self._error(key), np.abs(self.truth[key])
        with np.errstate(invalid="ignore"):
            wrong = ~(error <= self.tolerance[key])
            if key in self.unknown:
                wrong &= ~self.unknown[key].imprecise(error, size) | self.estimates[key].kink
        return wrong

    def _error(self, key: str) -> Array:
        with np.errstate(invalid="ignore"):
            return np.asarray(np.abs(self.given.arrays[key] - self.truth[key]))

    @property
    def shown(self) -> tuple[dict[str, Array], dict[str, Array], dict[str, Array]]:
        """The gradient, the truth and the tolerance under the names to be shown; what is not wrong is within it."""
        within = {
            key: np.where(self.wrong(key), limit, np.fmax(limit, self._error(key)))
            for key, limit in self.tolerance.items()
        }
        given, truth, tolerance = map(self.given.named, (self.given.arrays, self.truth, within))
        return given, truth, tolerance

    @property
    def notes(self) -> Iterator[str]:
        """Where an accepted gradient has lost so many digits to rounding that a reader should know."""
        for key, check in self.checks.items():
            u = self.given.roundoff(key)
            if check.digits_lost > LOSS_WORTH_A_NOTE and not check.wrong:
                yield (
                    f"{check.name} has lost up to {check.digits_lost:.0f} of the {-math.log10(u):.0f} digits of "
                    f"{ARITHMETIC.get(u, self.given.arrays[key].dtype)} to rounding: right, but imprecise"
                )
            if check.unseen:
                entries = f"{check.unseen:,} of {check.size:,} entries of {check.name}"
                yield f"{entries} are not told from 0: no fault in them shows"
            elif check.resolution > COARSE:
                yield (
                    f"some entry of {check.name} is known to {check.resolution:.0e} only: no smaller fault in it shows"
                )


def judge(
    name: str,
    given: Array,
    estimate: Estimate,
    allowance: Array,
    unknown: Unknown | None = None,
    coarser: float = 1.0,
) -> ParameterCheck:
    """The check of `given`, an array of floats, against the estimate of the same shape.

    The roundoff of the gradient is `coarser` times that of its dtype, as of bfloat16 that is held in float32.
    """
    broken = ~np.isfinite(given)
    kink = estimate.kink
    with np.errstate(invalid="ignore", over="ignore", under="ignore", divide="ignore"):
        error, size = np.abs(given - estimate.value), np.abs(estimate.value)
        limit = tolerance(estimate, allowance, unknown)
        known = np.isfinite(estimate.value) & np.isfinite(limit)
        outside = known & ~broken & (error > limit)
        imprecise = np.zeros(given.shape, bool)
        if unknown:
            imprecise = outside & ~kink & unknown.imprecise(error, size)
        wrong = broken | (outside & ~imprecise)
        open_ = kink | unresolved(given, estimate, allowance, unknown)
        undecided = ~known | imprecise | (open_ & ~(kink & bool(unknown and unknown.subgradient)))
        undecided &= ~wrong
        excess = np.where(error == 0, 0, error / limit)
        relative = np.where(error == 0, 0, error / size)

    own = ~estimate.vouched

    def entry(badness: Array) -> Entry | None:
        if not own.any():
            return None
        badness = np.where(own, badness, -1)
        at = np.unravel_index(np.argmax(np.where(np.isnan(badness), np.inf, badness)), badness.shape)
        index = tuple(int(k) for k in at)
        return Entry(index, float(given[index]), float(estimate.value[index]), float(limit[index]))

    verdict = Verdict.WRONG if wrong.any() else Verdict.UNRELIABLE if undecided.any() else Verdict.PASS
    # The entry shown is one of those that the verdict rests on.
    decisive = {Verdict.WRONG: wrong, Verdict.UNRELIABLE: undecided}.get(verdict, np.ones_like(wrong))
    accepted = ~wrong & ~undecided
    unseen = accepted & own & (np.abs(given) <= limit) & ((given != 0) | (size > estimate.error)) & bool(unknown)
    shown = np.where(accepted & (size == 0), np.abs(given), size)  # given where f is flat
    seen = sees(limit + estimate.error, np.where(shown > estimate.underflow, shown, 0))  # both may be off, in two ways
    return ParameterCheck(
        name,
        given.shape,
        verdict,
        wrong=int(wrong.sum()),
        undecided=int(undecided.sum()),
        worst=entry(np.where(decisive, np.where(np.isnan(excess), np.inf, excess), -1)),
        largest_absolute=entry(error),
        largest_relative=entry(relative),
        digits_lost=_digits_lost(float(np.finfo(given.dtype).eps) / 2 * coarser, estimate, error, accepted & ~unseen),
        resolution=_resolution(estimate, accepted),
        unseen=int(unseen.sum()),
        sees=seen.get("sees"),
        sees_worst=seen.get("sees_worst"),
        reason=_reason(
            [
                (broken, "NaN or infinite, the first at {first}"),
                (kink & undecided, KINK),
                (undecided & ~np.isfinite(estimate.value), "where f is NaN or infinite nearby, the first at {first}"),
                (undecided & ~known, "where the error has no finite bound, the first at {first}"),
                (imprecise, IMPRECISE),
                (undecided, "below what the witness can resolve, the first at {first}"),
            ]
        ),
    )


def tolerance(estimate: Estimate, allowance: Array, unknown: Unknown | None) -> Array:
    """How far from the estimate each entry may be."""
    witnessed = estimate.error + allowance + estimate.underflow
    if unknown is None:
        return witnessed
    return witnessed + unknown.tolerance(witnessed, np.abs(estimate.value))


def unresolved(given: Array, estimate: Estimate, allowance: Array, unknown: Unknown | None) -> Array:
    """Entries that the witness cannot tell from zero, though the gradient's dtype could."""
    size = np.abs(estimate.value)
    if unknown is None:
        zero = allowance
        coarse = (estimate.error > size / 2) & (estimate.error > estimate.underflow)
    else:
        zero = ZERO * unknown.floor
        witnessed = estimate.error + allowance
        share = unknown.of_largest(size + witnessed, estimate, witnessed)
        coarse = (witnessed > size / 2) & ((share >= SLIGHT) | (given == 0))
    flat = estimate.flat & (np.abs(given) <= zero)
    return coarse & ~flat & (estimate.error > 2 * allowance)


def _digits_lost(u: float, estimate: Estimate, error: Array, accepted: Array) -> float:
    """How many decimal digits the worst accepted entry lacks of those that its roundoff u allows."""
    size = np.abs(estimate.value)
    lossy = accepted & (error > estimate.error) & (size > estimate.underflow)
    if not lossy.any():
        return 0.0
    return min(max(math.log10(float((error[lossy] / size[lossy]).max()) / u), 0.0), -math.log10(u))


def sees(tolerance: Array, size: Array) -> dict[str, float]:
    """The relative size from which a fault would be seen, in the median entry and in all; entries have these sizes."""
    with np.errstate(over="ignore"):
        relative = np.sort(tolerance[size > 0] / size[size > 0])
        if not (n := relative.size):
            return {}
        return {"sees": float(relative[(n - 1) // 2 : n // 2 + 1].mean()), "sees_worst": float(relative[-1])}


def _resolution(estimate: Estimate, accepted: Array) -> float:
    size = np.abs(estimate.value)
    known = accepted & (size > estimate.underflow) & (estimate.error <= size)
    return float((estimate.error[known] / size[known]).max(initial=0))


def _reason(cases: Iterable[tuple[Array, str]]) -> str:
    """The text of the first case that occurs, with how many entries there are and where the first is."""
    for mask, text in cases:
        if n := int(mask.sum()):
            count = f"{n:,} of {mask.size:,} entries are" if n != 1 else "1 entry is"
            return f"{count} {text.format(first=[int(k) for k in np.argwhere(mask)[0]])}"
    return ""
