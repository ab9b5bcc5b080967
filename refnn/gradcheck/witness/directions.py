"""Ten million entries from a few dozen derivatives: random directions, then bisection to the entries that are wrong.

For a direction V the derivative of f along V must equal Σ given V. Here V[i] = ±ξ[i] / scale[i] with random signs and
ξ uniform in [1/2, 1], so that an entry of 1e-12 weighs as much as one of 1, and two faults cannot cancel but by chance.

The sum inherits an error of each entry, |e[i]| <= tolerance[i], under a random sign. By Hoeffding's inequality it
exceeds λ sqrt(Σ (V[i] tolerance[i])²) with probability 2 exp(-λ² / 2) at most; λ = 8.5 makes that 4e-16. Beyond it, an
entry of the sum is wrong. Halving the sum leads to one, which is then compared on its own.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import NamedTuple

import numpy as np

from refnn._progress import bar
from refnn._shapes import Array
from refnn.gradcheck.problem import Gradient, Problem
from refnn.gradcheck.verdict.judgement import Comparison, Estimate, judge, sees
from refnn.gradcheck.verdict.result import GradientCheck, ParameterCheck, Testimony, Verdict
from refnn.gradcheck.verdict.rounding import allowances, careful_bounds, levels
from refnn.gradcheck.witness import cancellation_free, central, complex_step
from refnn.gradcheck.witness.function import Scalar, typical_size

LAMBDA = 8.5
DIRECTIONS = 2  # a second one, for the faults that happen to cancel in the first
NAMED = 8  # wrong entries looked up before the search ends
SAMPLE = 64  # entries compared on their own where much is wrong, to say how much
FAINT = 1e-6  # of the typical gradient of a function: an entry given as smaller is judged at this size

Derivative = Callable[[Array], tuple[float, float, int]]  # along an array like the parameter: value, error, evaluations


class Block(NamedTuple):
    """Entries start … stop - 1 (flat) whose sum is off by `excess` times its tolerance."""

    excess: float
    start: int
    stop: int


class Sample(NamedTuple):
    """Entries compared on their own: as given, with their estimate, and the tolerance beside its error."""

    given: Array
    estimate: Estimate
    tolerance: Array


class Found(NamedTuple):
    """The check of one parameter; with a sample if much is wrong, so that the search ended before it had all of it."""

    check: ParameterCheck
    sample: Sample | None = None


@dataclass
class Search:
    """The search for wrong entries of one array of floats.

    `scale` and `tolerance`, arrays like `given`, are the magnitude at which each entry matters, and how far it may be
    from the truth, the derivative's own error aside. Where the scale is 0, no path leads from the entry to f: it must
    be 0. `formula_known` is as in `judge`.
    """

    name: str
    given: Array
    derivative: Derivative
    scale: Array
    tolerance: Array
    rng: np.random.Generator
    formula_known: bool = True
    evaluations: int = 0
    seen: dict[str, float] = field(default_factory=dict)

    def __call__(self) -> Found:
        unfit = (self.scale == 0) & (np.abs(self.given) > self.tolerance) | ~np.isfinite(self.given)
        suspects, blurred = np.flatnonzero(unfit).tolist()[:NAMED], False
        for _ in range(DIRECTIONS):
            if not (suspects or blurred):
                suspects, blurred = self._bisect(direction(self.scale, self.rng))
        if suspects:
            return self._compare(suspects)
        verdict = Verdict.UNRELIABLE if blurred else Verdict.PASS
        reason = "a sum of entries is off, but no single entry is by more than its tolerance" if blurred else ""
        check = ParameterCheck(self.name, self.given.shape, verdict, undecided=int(blurred), reason=reason)
        return Found(replace(check, sees=self.seen.get("sees"), sees_worst=self.seen.get("sees_worst")))

    def _along(self, V: Array) -> tuple[float, float]:
        value, error, evaluations = self.derivative(V)
        self.evaluations += evaluations
        return value, error

    def _bisect(self, V: Array) -> tuple[list[int], bool]:
        """Flat indices of wrong entries, worst blocks first, and whether a block was off without an entry that is."""

        def block(start: int, stop: int) -> Block:
            part = np.zeros_like(V)
            part.ravel()[start:stop] = V.ravel()[start:stop]
            value, error = self._along(part)
            allowed = sum_tolerance(part, self.tolerance) + error
            off = abs(value - float(np.sum(self.given * part, dtype=V.dtype)))
            if part.size == stop - start:  # one entry off alone by that much would be seen
                self.seen = sees(np.full(V.shape, allowed), np.abs(V * self.given))
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

    def _compare(self, suspects: list[int]) -> Found:
        """The verdict on the suspects, with a sample of the others to tell how many are wrong."""
        name, given = self.name, self.given
        sampled = min(SAMPLE, given.size) if len(suspects) == NAMED else 0
        sample = self.rng.choice(given.size, sampled, replace=False)
        entries = np.union1d(np.array(suspects), sample).astype(int)
        flat, limits = given.ravel()[entries], self.tolerance.ravel()[entries]
        values, errors = np.empty_like(flat, np.float64), np.zeros_like(flat, np.float64)
        for k, i in enumerate(entries):
            V = np.zeros(given.shape, np.result_type(given, np.float64))
            V.ravel()[i] = 1 / self.scale.ravel()[i] if self.scale.ravel()[i] > 0 else 0.0
            value, error = self._along(V)
            unit = V.ravel()[i] or 1.0
            values[k], errors[k] = value / unit, error / unit
        estimate = Estimate(values, errors)
        part = judge(name, flat, estimate, limits, formula_known=self.formula_known)

        def place(i: int) -> tuple[int, ...]:
            return tuple(int(k) for k in np.unravel_index(i, given.shape))

        shown = {
            field: (entry := getattr(part, field)) and replace(entry, index=place(entries[entry.index[0]]))
            for field in ("worst", "largest_absolute", "largest_relative")
        }
        reason = part.reason
        if part.wrong:
            off = ~(np.abs(flat - values) <= limits + errors)
            places = ", ".join(f"{name}{list(place(i))}" for i in entries[off][:NAMED])
            share = f"; of {sampled} entries taken at random {int(off[np.isin(entries, sample)].sum())} are wrong"
            reason = f"wrong at {places}" + (share if sampled else "")
            if not np.isfinite(flat).all():
                reason += "; some entries are NaN or infinite"
        check = replace(part, shape=given.shape, reason=reason, **shown)
        return Found(check, Sample(flat, estimate, limits) if sampled else None)


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


def judged(
    searches: Mapping[str, Search], given: Gradient, witness: str, tolerance: str, progress: bool
) -> tuple[GradientCheck, Comparison]:
    """Run the searches, by parameter: the check, and the samples of the parameters in which much is wrong."""
    found = {key: searches[key]() for key in bar(searches, "directions", total=len(searches), show=progress)}
    evaluations = sum(search.evaluations for search in searches.values())
    testimony = Testimony(f"{witness} along random directions", evaluations)
    samples = {key: sample for key, (_, sample) in found.items() if sample is not None}
    compared = Comparison(
        Gradient({key: sample.given for key, sample in samples.items()}, given.names),
        {key: sample.estimate for key, sample in samples.items()},
        {key: sample.tolerance for key, sample in samples.items()},
    )
    return GradientCheck.of([check for check, _ in found.values()], (testimony,), tolerance), compared


def of_function(
    function: Scalar, given: Gradient, rng: np.random.Generator, *, complex_safe: bool
) -> dict[str, Search]:
    """The searches in a gradient of any function, by the complex step or central differences."""
    points = complex_step.neighbours(function, rng)
    searches = {}
    for key, g in given.arrays.items():
        u = float(np.finfo(g.dtype).eps) / 2
        if complex_safe:
            size = np.abs(np.where(np.isfinite(g), g, 0)).astype(np.float64)
            scale = np.maximum(size, FAINT * (float(np.sqrt(np.mean(size**2))) if g.size else 0.0) or 1.0)
            derivative = _by_complex_step(points, key, u)
        else:
            scale = 1 / typical_size(function.params[key])
            derivative = _by_differences(function, key)
        allowed = complex_step.SAFETY * u * np.abs(g)
        searches[key] = Search(given.names[key], g, derivative, scale, allowed, rng, formula_known=False)
    return searches


def _by_complex_step(points: list[Scalar], key: str, u: float) -> Derivative:
    def along(V: Array) -> tuple[float, float, int]:
        size = float(np.max(np.abs(V) / typical_size(points[0].params[key]), initial=0))
        if size == 0:
            return 0.0, 0.0, 0
        values = np.array([[complex_step.along(point, {key: V}, complex_step.STEP / size) for point in points]])
        error = complex_step.precision(values).error(values[0, 0], u)
        return float(values[0, 0]), float(error.item()), len(points)

    return along


def _by_differences(function: Scalar, key: str) -> Derivative:
    def along(V: Array) -> tuple[float, float, int]:
        if not V.any():
            return 0.0, 0.0, 0
        found = central.along(function, {key: V})
        return found.value, found.error, found.evaluations

    return along


def of_network(problem: Problem, seed: int) -> dict[str, Search]:
    """The searches in the gradient of a network, by cancellation-free differences."""
    level = levels(problem, np.random.default_rng(seed))
    error, allowance = careful_bounds(problem), allowances(problem, level)
    floor = cancellation_free.underflow(problem)
    searches = {}
    for i, key in enumerate(problem.params):

        def along(V: Array, key: str = key) -> tuple[float, float, int]:
            """Its rounding error is part of the tolerance of the entries."""
            V = problem.declaration.turned(key[0], V) if key[0] == "W" else V.reshape(problem[key].shape)
            return cancellation_free.along(problem, key, V), 0.0, 1

        if key not in problem.given.arrays:  # a network without biases
            continue
        form = partial(problem.given.form, key)
        scale = np.where(error[key] > floor, error[key], 0)
        tolerance = allowance[key] + level[key] * error[key] + floor
        name, given, rng = problem.given.names[key], problem.given.arrays[key], np.random.default_rng([seed, i])
        searches[key] = Search(name, form(given), along, form(scale), form(tolerance), rng)
    return searches


def disagreements(problem: Problem, estimates: Mapping[str, Estimate], seed: int) -> Iterator[str]:
    """Parameters and activations along which the complex step contradicts the estimates, each in words.

    J(V + i h D) = J(V) + i h (derivative along D) + O(h²): the imaginary part needs no subtraction either, and shares
    no formula with the difference.
    """
    rng = np.random.default_rng(seed)
    for key, estimate in estimates.items() if not problem.at_kink else ():  # where it would know one side alone
        V = direction(np.where(estimate.error > estimate.underflow, estimate.error, 0), rng)
        size = float(np.abs(V).max(initial=0))
        if size == 0:
            continue
        h = 2.0 ** (-100 - np.ceil(np.log2(size)))
        with np.errstate(under="ignore"):
            by_complex_step = float(problem.cost({key: problem[key] + 1j * h * V}).imag / h)
            difference = float(np.sum(estimate.value * V))
        allowed = 2 * sum_tolerance(V, estimate.error)
        if not abs(by_complex_step - difference) <= allowed:
            yield (
                f"the witnesses disagree along one direction of {key}: cancellation-free difference {difference:.17g}, "
                f"complex step {by_complex_step:.17g}, tolerance {allowed:.1e}"
            )
