"""Ten million entries from a few dozen derivatives: random directions, then bisection to the entries that are wrong.

For a direction V the derivative of f along V must equal Σ given V. Here V[i] = ±ξ[i] / scale[i] with random signs and
ξ uniform in [1/2, 1], so that an entry of 1e-12 weighs as much as one of 1, and two faults cannot cancel but by chance.

The sum inherits an error of each entry, |e[i]| <= tolerance[i], under a random sign. By Hoeffding's inequality it
exceeds λ sqrt(Σ (V[i] tolerance[i])²) with probability 2 exp(-λ² / 2) at most; λ = 8.5 makes that 4e-16. Beyond it, an
entry of the sum is wrong. Halving the sum leads to one, which is then compared on its own.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from refnn.gradcheck.problem import Array
from refnn.gradcheck.verdict.judgement import judge
from refnn.gradcheck.verdict.result import ParameterCheck, Verdict
from refnn.gradcheck.witness.estimate import Estimate

LAMBDA = 8.5
DIRECTIONS = 2  # a second one, for the faults that happen to cancel in the first
NAMED = 8  # wrong entries looked up before the search ends
SAMPLE = 64  # entries compared on their own where much is wrong, to say how much

Derivative = Callable[[Array], tuple[float, float]]  # along an array like the parameter: value and error


class Block(NamedTuple):
    """Entries start … stop - 1 (flat) whose sum is off by `excess` times its tolerance."""

    excess: float
    start: int
    stop: int


class Search(NamedTuple):
    """The check of one parameter, and the entries compared on their own: flat indices, truth and tolerance.

    `sampled` of them were taken at random: where there are any, the search ended before it had all that are wrong.
    """

    check: ParameterCheck
    entries: Array
    estimate: Estimate
    sampled: int = 0


def search(
    name: str,
    given: Array,
    derivative: Derivative,
    scale: Array,
    tolerance: Array,
    rng: np.random.Generator,
    *,
    formula_known: bool = True,
) -> Search:
    """Find the wrong entries of `given`.

    Parameters
    ----------
    name : str, of the gradient in the result
    given : array of floats
    derivative : callable, the derivative of f along a direction, with its error
    scale, tolerance : arrays like `given`
        The magnitude at which each entry matters, and how far it may be from the truth, the derivative's own error
        aside. Where the scale is 0, no path leads from the entry to f: it must be 0.
    rng : numpy.random.Generator, of the directions
    formula_known : as for `judge.judge`
    """
    unfit = (scale == 0) & (np.abs(given) > tolerance) | ~np.isfinite(given)
    suspects: list[int] = np.flatnonzero(unfit).tolist()[:NAMED]
    blurred = False
    if not suspects:
        for _ in range(DIRECTIONS):
            V = direction(scale, rng)
            found, blurred = _bisect(given, derivative, V, tolerance)
            suspects += [i for i in found if i not in suspects]
            if suspects or blurred:
                break
    if not suspects:
        verdict = Verdict.UNRELIABLE if blurred else Verdict.PASS
        reason = "a sum of entries is off, but no single entry is by more than its tolerance" if blurred else ""
        nothing = np.empty(0, int)
        return Search(
            ParameterCheck(name, given.shape, verdict, undecided=int(blurred), reason=reason),
            nothing,
            Estimate(np.empty(0), np.empty(0)),
        )
    return _compare(name, given, derivative, scale, tolerance, suspects, rng, formula_known)


def direction(scale: Array, rng: np.random.Generator) -> Array:
    """±ξ / scale, and 0 where the scale is 0; a scale below 1e-100 of the largest counts as that."""
    floor = float(scale.max(initial=0)) * 1e-100
    V = rng.uniform(0.5, 1, scale.shape) * rng.choice([-1.0, 1.0], scale.shape)
    return np.asarray(np.divide(V, np.maximum(scale, floor), out=np.zeros_like(V), where=scale > 0))


def sum_tolerance(V: Array, tolerance: Array) -> float:
    """λ sqrt(Σ (V tolerance)²)."""
    terms = np.abs(V * tolerance)
    largest = float(terms.max(initial=0)) or 1.0  # taken out, for the squares may leave the range of the float
    return LAMBDA * largest * float(np.linalg.norm((terms / largest).ravel()))


def _bisect(given: Array, derivative: Derivative, V: Array, tolerance: Array) -> tuple[list[int], bool]:
    """Flat indices of wrong entries, the worst blocks first, and whether a block was off without an entry that is."""

    def block(start: int, stop: int) -> Block:
        part = np.zeros_like(V)
        part.ravel()[start:stop] = V.ravel()[start:stop]
        value, error = derivative(part)
        allowed = sum_tolerance(part, tolerance) + error
        off = abs(value - float(np.sum(given * part, dtype=V.dtype)))
        return Block(off / allowed if allowed > 0 else np.inf * bool(off), start, stop)

    entries: list[int] = []
    blurred = False
    whole = block(0, V.size)
    queue = [(-whole.excess, whole)] if not whole.excess <= 1 else []
    while queue and len(entries) < NAMED:
        _, worst = heapq.heappop(queue)
        if worst.stop - worst.start == 1:
            entries.append(worst.start)
            continue
        middle = (worst.start + worst.stop) // 2
        halves = [block(worst.start, middle), block(middle, worst.stop)]
        off = [half for half in halves if not half.excess <= 1]
        for half in off:
            heapq.heappush(queue, (-half.excess, half))
        blurred |= not off
    return entries, blurred and not entries


def _compare(
    name: str,
    given: Array,
    derivative: Derivative,
    scale: Array,
    tolerance: Array,
    suspects: list[int],
    rng: np.random.Generator,
    formula_known: bool,
) -> Search:
    """The verdict on the suspects, with a sample of the others to tell how many are wrong."""
    sampled = min(SAMPLE, given.size) if len(suspects) == NAMED else 0
    sample = rng.choice(given.size, sampled, replace=False)
    entries = np.union1d(np.array(suspects), sample).astype(int)
    flat, limits = given.ravel()[entries], tolerance.ravel()[entries]
    values, errors = np.empty_like(flat, np.float64), np.zeros_like(flat, np.float64)
    for k, i in enumerate(entries):
        V = np.zeros(given.shape, np.result_type(given, np.float64))
        V.ravel()[i] = 1 / scale.ravel()[i] if scale.ravel()[i] > 0 else 0.0
        value, error = derivative(V)
        unit = V.ravel()[i] or 1.0
        values[k], errors[k] = value / unit, error / unit
    estimate = Estimate(values, errors)
    part = judge(name, flat, estimate, limits, formula_known=formula_known)
    worst, absolute, relative = (
        entry and replace(entry, index=_index(entries[entry.index[0]], given.shape))
        for entry in (part.worst, part.largest_absolute, part.largest_relative)
    )
    off = ~(np.abs(flat - values) <= limits + errors)
    reason = part.reason
    if part.wrong:
        places = ", ".join(f"{name}{list(_index(i, given.shape))}" for i in entries[off][:NAMED])
        share = f"; of {sampled} entries taken at random {int(off[np.isin(entries, sample)].sum())} are wrong"
        reason = f"wrong at {places}" + (share if sampled else "")
        if not np.isfinite(flat).all():
            reason += "; some entries are NaN or infinite"
    check = replace(
        part, shape=given.shape, worst=worst, largest_absolute=absolute, largest_relative=relative, reason=reason
    )
    return Search(check, entries, Estimate(values, errors + limits), sampled)


def _index(i: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(int(k) for k in np.unravel_index(i, shape))
