"""The verdict on the gradient of one parameter array, entry by entry.

An entry passes when |given - value| <= error + allowance, where the witness says that the derivative is value ± error,
and rounding can take a right formula as far as the allowance. There is no other tolerance, relative or absolute.

An entry that passes is undecided nevertheless if the witness could not have told it from zero or from its double,
error > |value| / 2, though the gradient's own dtype could. A kink is undecided as well: no derivative exists there.
An entry that does not pass is undecided if the rounding of the gradient's formula could not be analysed, only that of
f, and half its digits or more are right: it may be imprecise, as 1 - tanh² is where tanh is near 1, and not wrong.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np

from refnn._shapes import Array
from refnn.gradcheck.problem import Gradient
from refnn.gradcheck.verdict.result import Entry, ParameterCheck, Verdict

LOSS_WORTH_A_NOTE = 4  # decimal digits; ordinary sums lose one or two
COARSE = 1e-3  # of an entry
KINK = "at a kink of f, the first at {first}: the derivatives from the left and from the right differ"
IMPRECISE = (
    "off by more than the rounding of f, the first at {first}, but right to half the digits: imprecise by a formula "
    "that cancels, or wrong by little"
)


@dataclass(frozen=True, eq=False)
class Estimate:
    """What a witness says of the derivative in every entry of an array: a value, and how far at most it may be off.

    `flat` marks entries that change nothing however far they are moved, `kink` those where the derivatives from the
    left and from the right differ. Below the magnitude `underflow` it is the range of the float, not the witness, that
    ends.
    """

    value: Array
    error: Array
    flat: Array | None = None
    kink: Array | None = None
    underflow: float = 0.0

    def each(self, change: Callable[[Array], Array]) -> Estimate:
        """The estimate in another form."""
        flat, kink = (None if mask is None else change(mask) for mask in (self.flat, self.kink))
        return Estimate(change(self.value), change(self.error), flat, kink, self.underflow)


@dataclass(frozen=True, eq=False)
class Comparison:
    """A gradient beside what a witness says of it, and how far rounding can take a right formula; all by parameter.

    `formula_known` tells whether the allowance is that of the gradient's formula.
    """

    given: Gradient
    estimates: Mapping[str, Estimate]
    allowance: Mapping[str, Array]
    formula_known: bool = True

    @cached_property
    def checks(self) -> tuple[ParameterCheck, ...]:
        return tuple(map(self._judged, self.given.arrays))

    def _judged(self, key: str) -> ParameterCheck:
        """In the form in which the gradient came, so that an index is one that its author knows."""
        form = partial(self.given.form, key)
        given, allowance = form(self.given.arrays[key]), form(self.allowance[key])
        estimate = self.estimates[key].each(form)
        return judge(self.given.names[key], given, estimate, allowance, formula_known=self.formula_known)

    @cached_property
    def truth(self) -> dict[str, Array]:
        return {key: self.estimates[key].value for key in self.given.arrays}

    @cached_property
    def tolerance(self) -> dict[str, Array]:
        return {key: self.estimates[key].error + self.allowance[key] for key in self.given.arrays}

    @property
    def shown(self) -> tuple[dict[str, Array], dict[str, Array], dict[str, Array]]:
        """The gradient, the truth and the tolerance under the names to be shown."""
        given, truth, tolerance = (
            {self.given.names[key]: self.given.form(key, V) for key, V in table.items()}
            for table in (self.given.arrays, self.truth, self.tolerance)
        )
        return given, truth, tolerance

    @property
    def notes(self) -> Iterator[str]:
        """Where an accepted gradient has lost so many digits to rounding that a reader should know."""
        for check, V in zip(self.checks, self.given.arrays.values(), strict=True):
            held = -math.log10(float(np.finfo(V.dtype).eps) / 2)
            if check.digits_lost > LOSS_WORTH_A_NOTE:
                yield (
                    f"{check.name} has lost up to {check.digits_lost:.0f} of the {held:.0f} digits of {V.dtype} "
                    "to rounding: right, but imprecise"
                )
            if check.resolution > COARSE:
                yield (
                    f"the witness knows some entry of {check.name} to {check.resolution:.0e} only: "
                    "no smaller fault shows"
                )


def judge(
    name: str, given: Array, estimate: Estimate, allowance: Array, *, formula_known: bool = True
) -> ParameterCheck:
    """The check of `given`, an array of floats, against the estimate of the same shape."""
    broken = ~np.isfinite(given)
    kink = np.zeros(given.shape, bool) if estimate.kink is None else estimate.kink
    with np.errstate(invalid="ignore", over="ignore", under="ignore", divide="ignore"):
        error, size = np.abs(given - estimate.value), np.abs(estimate.value)
        tolerance = estimate.error + allowance + estimate.underflow
        known = np.isfinite(estimate.value) & np.isfinite(tolerance)
        outside = known & ~kink & ~broken & (error > tolerance)
        imprecise = outside & (error <= math.sqrt(np.finfo(given.dtype).eps) * size) & (not formula_known)
        wrong = broken | (outside & ~imprecise)
        undecided = ~wrong & (~known | kink | imprecise | _unresolved(given, estimate, allowance))
        excess = np.where(error == 0, 0, error / tolerance)
        relative = np.where(error == 0, 0, error / size)

    def entry(badness: Array) -> Entry | None:
        if not badness.size:
            return None
        at = np.unravel_index(np.argmax(np.where(np.isnan(badness), np.inf, badness)), badness.shape)
        index = tuple(int(k) for k in at)
        return Entry(index, float(given[index]), float(estimate.value[index]), float(tolerance[index]))

    verdict = Verdict.WRONG if wrong.any() else Verdict.UNRELIABLE if undecided.any() else Verdict.PASS
    # The entry shown is one of those that the verdict rests on.
    decisive = {Verdict.WRONG: wrong, Verdict.UNRELIABLE: undecided}.get(verdict, np.ones_like(wrong))
    accepted = ~wrong & ~undecided
    seen = sees(tolerance, np.where(size > estimate.underflow, size, 0))
    return ParameterCheck(
        name,
        given.shape,
        verdict,
        wrong=int(wrong.sum()),
        undecided=int(undecided.sum()),
        worst=entry(np.where(decisive, np.where(np.isnan(excess), np.inf, excess), -1)),
        largest_absolute=entry(error),
        largest_relative=entry(relative),
        digits_lost=_digits_lost(given, estimate, error, accepted),
        resolution=_resolution(estimate, accepted),
        sees=seen.get("sees"),
        sees_worst=seen.get("sees_worst"),
        reason=_reason(
            [
                (broken, "NaN or infinite, the first at {first}"),
                (undecided & ~np.isfinite(estimate.value), "where f is NaN or infinite nearby, the first at {first}"),
                (undecided & ~known, "where rounding errors have no finite bound, the first at {first}"),
                (kink, KINK),
                (imprecise, IMPRECISE),
                (undecided, "below what the witness can resolve, the first at {first}"),
            ]
        ),
    )


def _unresolved(given: Array, estimate: Estimate, allowance: Array) -> Array:
    """Entries whose witness is too coarse to tell them from zero, where the gradient's own rounding is not."""
    coarse = (estimate.error > np.abs(estimate.value) / 2) & (estimate.error > estimate.underflow)
    coarse &= estimate.error > 2 * allowance
    if estimate.flat is not None:
        coarse &= ~(estimate.flat & (given == 0))
    return coarse


def _digits_lost(given: Array, estimate: Estimate, error: Array, accepted: Array) -> float:
    """Decimal digits that the worst accepted entry has fewer than its dtype holds, beyond the witness's own error."""
    size = np.abs(estimate.value)
    lossy = accepted & (error > estimate.error) & (size > estimate.underflow)
    if not lossy.any():
        return 0.0
    u = float(np.finfo(given.dtype).eps) / 2
    return min(max(math.log10(float((error[lossy] / size[lossy]).max()) / u), 0.0), -math.log10(u))


def sees(tolerance: Array, size: Array) -> dict[str, float]:
    """From which relative size a fault in entries of these sizes would be seen: in the median one, and in all."""
    relative = tolerance[size > 0] / size[size > 0]
    if not relative.size:
        return {}
    return {"sees": float(np.median(relative)), "sees_worst": float(relative.max())}


def _resolution(estimate: Estimate, accepted: Array) -> float:
    size = np.abs(estimate.value)
    known = accepted & (size > estimate.underflow) & (estimate.error <= size)
    return float((estimate.error[known] / size[known]).max(initial=0))


def _reason(cases: Iterable[tuple[Array, str]]) -> str:
    """The first of the cases that occurs, with the number of its entries and the first of them."""
    for mask, text in cases:
        if n := int(mask.sum()):
            count = f"{n:,} of {mask.size:,} entries are" if n != 1 else "1 entry is"
            return f"{count} {text.format(first=[int(k) for k in np.argwhere(mask)[0]])}"
    return ""
