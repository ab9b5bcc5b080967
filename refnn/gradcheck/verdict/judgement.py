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
from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from refnn.gradcheck.problem import Array
from refnn.gradcheck.verdict.result import Entry, ParameterCheck, Verdict
from refnn.gradcheck.witness.estimate import Estimate

LOSS_WORTH_A_NOTE = 4  # decimal digits; ordinary sums lose one or two
COARSE = 1e-3  # of an entry
KINK = "at a kink of f, the first at {first}: the derivatives from the left and from the right differ"
IMPRECISE = (
    "off by more than the rounding of f, the first at {first}, but right to half the digits: imprecise by a formula "
    "that cancels, or wrong by little"
)


def judge(
    name: str, given: Array, estimate: Estimate, allowance: Array, *, formula_known: bool = True
) -> ParameterCheck:
    """The check of `given`, an array of floats, against the estimate of the same shape.

    `formula_known` tells whether the allowance is that of the gradient's formula.
    """
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
    return ParameterCheck(
        name,
        given.shape,
        verdict,
        wrong=int(wrong.sum()),
        undecided=int(undecided.sum()),
        worst=entry(np.where(decisive, np.where(np.isnan(excess), np.inf, excess), -1)),
        largest_absolute=entry(error),
        largest_relative=entry(relative),
        digits_lost=_digits_lost(given, estimate, error, ~wrong & ~undecided),
        resolution=_resolution(estimate, ~wrong & ~undecided),
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


def worst_first(checks: Iterable[ParameterCheck]) -> tuple[ParameterCheck, ...]:
    """By verdict, then by how far the worst entry stands outside its tolerance, or how near to its edge."""

    def badness(check: ParameterCheck) -> tuple[int, float]:
        worst = check.worst
        if worst is None or worst.error == 0:
            return check.verdict.rank, 0.0
        excess = worst.error / worst.tolerance if worst.tolerance > 0 else math.inf
        return check.verdict.rank, -excess if not math.isnan(excess) else -math.inf

    return tuple(sorted(checks, key=badness))


def precision_notes(
    checks: Iterable[ParameterCheck], given: Mapping[str, Array], names: Mapping[str, str]
) -> Iterator[str]:
    """Where an accepted gradient has lost so many digits to rounding that a reader should know."""
    dtypes = {names[key]: V.dtype for key, V in given.items()}
    for check in checks:
        held = -math.log10(float(np.finfo(dtypes[check.name]).eps) / 2)
        if check.digits_lost > LOSS_WORTH_A_NOTE:
            yield (
                f"{check.name} has lost up to {check.digits_lost:.0f} of the {held:.0f} digits of {dtypes[check.name]} "
                "to rounding: right, but imprecise"
            )
        if check.resolution > COARSE:
            yield f"the witness knows some entry of {check.name} to {check.resolution:.0e} only: no smaller fault shows"


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
    info = np.finfo(given.dtype)
    roundoffs = float((error[lossy] / size[lossy]).max()) / (float(info.eps) / 2)
    return min(max(math.log10(roundoffs), 0.0), -math.log10(float(info.eps) / 2))


def _resolution(estimate: Estimate, accepted: Array) -> float:
    size = np.abs(estimate.value)
    known = accepted & (size > estimate.underflow) & (estimate.error <= size)
    return float((estimate.error[known] / size[known]).max(initial=0))


def _reason(cases: Iterable[tuple[Array, str]]) -> str:
    """The first of the cases that occurs, with the number of its entries and the first of them."""
    for mask, text in cases:
        if mask.any():
            return f"{_count(mask)} {text.format(first=[int(k) for k in np.argwhere(mask)[0]])}"
    return ""


def _count(mask: Array) -> str:
    n = int(mask.sum())
    return f"{n:,} of {mask.size:,} entries are" if n != 1 else "1 entry is"
