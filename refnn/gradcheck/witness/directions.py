"""Ten million entries from a few dozen derivatives: random directions, then bisection to the entries that are wrong.

For a direction V the derivative of f along V must equal Σ given V. Here V[i] = ±ξ[i] / scale[i] with random signs and
ξ uniform in [1/2, 1], so that an entry of 1e-12 weighs as much as one of 1, and two faults cannot cancel but by chance.

The sum inherits the error of each entry, |e[i]| <= tolerance[i], under a random sign. By Hoeffding's inequality it
exceeds λ sqrt(Σ (V[i] tolerance[i])²) with probability 2 exp(-λ² / 2) at most; λ = 8.5 makes that 4e-16. A sum that is
off by more has a wrong entry. Halving it leads to one, which is then compared alone.

A sum that is right within `allowed` vouches for each of its entries: the derivative is what was given, up to
allowed / |V[i]|. An entry for which that is not enough, being smaller or at a kink, is compared alone.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import numpy as np

from refnn._progress import bar
from refnn._shapes import Array
from refnn.gradcheck.problem import Gradient, Problem
from refnn.gradcheck.verdict.judgement import Comparison, Estimate, Unknown, unresolved
from refnn.gradcheck.verdict.result import ParameterCheck
from refnn.gradcheck.verdict.rounding import allowances, careful_bounds, levels
from refnn.gradcheck.witness import cancellation_free

LAMBDA = 8.5
DIRECTIONS = 2  # a second one, for faults that happen to cancel in the first
NAMED = 8  # wrong entries that are looked up before the search ends
SAMPLE = 64  # entries that are compared alone where much is wrong, to say how much
VAGUE = 1e-4  # of an entry: if a sum knows it no better, it is compared alone
SOME = 256  # entries, at most, that are compared alone because they are known better so
EACH = 1_000  # entries, at most, of which each is compared where a sum is off
OPEN = 4_096  # entries, at most, of which each is compared where a sum leaves them open


class Slope(NamedTuple):
    """The derivative along an array like the parameter. It is `clear` unless f has a kink or no derivative there, and
    `flat` where f does not change."""

    value: float
    error: float = 0.0
    clear: bool = True
    flat: bool = False


class Sum(NamedTuple):
    """The derivative along a direction, by how much the sum of the gradient may differ from it, how many times as much
    it does, and how many times as much as where nothing cancels."""

    slope: Slope
    allowed: float
    excess: float
    unusual: float


class Look(NamedTuple):
    """Entries that were compared alone: the derivative, its error, and what is allowed beside that."""

    estimate: Estimate
    allowance: Array


class Found(NamedTuple):
    """Estimates of all entries of an array, with what is allowed beside their errors; the entries that were taken at
    random, where too much is wrong to compare each; and what is to be said of a sum that stays off."""

    estimate: Estimate
    allowance: Array
    sample: Array | None = None
    reason: str = ""


@dataclass(eq=False)
class Search:
    """The search for wrong entries of one array of floats.

    `scale` and `tolerance` are arrays like `given`: the magnitude at which each entry matters, and how far it may be
    from the truth, the error of the witness aside. Where the scale is 0, no path leads from the entry to f, and it must
    be 0. `look` compares entries alone, by their flat index; those in `alone` are never left to a sum. Of a formula
    that is not known, `unknown` says what it is allowed, and `usual` how far it is off where nothing cancels. If a sum
    agrees to that, so do its entries; if it agrees to `tolerance` only, some of them are also compared alone.
    """

    given: Array
    along: Callable[[Array], Slope]
    look: Callable[[Array], Look]
    scale: Array
    tolerance: Array
    rng: np.random.Generator
    unknown: Unknown | None = None
    usual: Array | None = None
    alone: Array | None = None

    def __call__(self) -> Found:
        g = self.given.ravel()
        self.value, self.error, self.allowance = g.astype(np.float64), np.zeros(g.shape), np.zeros(g.shape)
        self.flat, self.kink, self.vouched = (np.zeros(g.shape, bool) for _ in range(3))
        self.sample: Array | None = None
        self.reason = ""
        self.asked = 0  # how many sums
        unfit = np.flatnonzero((self.scale.ravel() == 0) & (np.abs(g) > self.tolerance.ravel()) | ~np.isfinite(g))
        alone = unfit if self.alone is None else np.union1d(unfit, np.flatnonzero(self.alone))
        self.look_at(alone)
        fit = np.setdiff1d(np.arange(g.size), alone)
        groups = (fit[g[fit] != 0], fit[g[fit] == 0]) if self.unknown else (fit,)
        for group in groups:
            if group.size:
                self._search(group)
        estimate = Estimate(self.value, self.error, self.flat, self.kink, vouched=self.vouched)
        return Found(estimate.each(self._shaped), self._shaped(self.allowance), self.sample, self.reason)

    def _shaped(self, flat: Array) -> Array:
        return flat.reshape(self.given.shape)

    def look_at(self, entries: Array) -> None:
        """Compare these entries alone."""
        if entries.size:
            found, self.allowance[entries] = self.look(entries)
            self.value[entries], self.error[entries] = found.value, found.error
            self.flat[entries], self.kink[entries], self.vouched[entries] = found.flat, found.kink, False

    def _search(self, group: Array) -> None:
        """Let sums vouch for the entries of the group, and compare those alone that the sums leave open."""
        g, led = self.given.ravel(), None
        for _ in range(DIRECTIONS):
            V = direction(self.scale, self.rng).ravel()
            slope, allowed, excess, unusual = self._ask(V, group)
            if not excess <= 1:
                self._narrow(V, group)
                return
            with np.errstate(divide="ignore"):
                limit = np.where(V[group] == 0, self.tolerance.ravel()[group], allowed / np.abs(V[group]))
            (self.error if self.unknown else self.allowance)[group] = limit
            self.flat[group], self.vouched[group] = slope.flat, True
            if not unusual <= 1:
                led = group if group.size <= SOME else self._led_to(V, group, lambda asked: not asked.unusual <= 1)
        if led is not None:
            self.look_at(np.union1d(led, self.rng.choice(group, SAMPLE)))
        if self.unknown:
            estimate = Estimate(self.value, self.error, self.flat)
            faint = group[unresolved(self.given.ravel(), estimate, self.allowance, self.unknown.each(np.ravel))[group]]
            self.look_at(faint if faint.size <= OPEN else self.rng.choice(faint, SAMPLE, replace=False))
            if group.size <= SOME and slope.error < 0.9 * allowed:  # alone, each is known better
                self.look_at(
                    group[(self.error[group] > VAGUE * np.abs(g[group])) & self.vouched[group] & (g[group] != 0)]
                )

    def _ask(self, V: Array, entries: Array) -> Sum:
        """The sum along V on these entries."""
        self.asked += 1
        part = np.zeros_like(V)
        part[entries] = V[entries]
        slope = self.along(self._shaped(part)) if part.any() else Slope(0.0, flat=True)
        off = abs(slope.value - float(np.sum(self.given.ravel()[entries] * part[entries], dtype=V.dtype)))
        tolerances = (self.tolerance,) if self.usual is None else (self.usual, self.tolerance)
        allowed = [sum_tolerance(part, tolerance.ravel()) + slope.error for tolerance in tolerances]
        excess = [(off / most if most > 0 else np.inf * bool(off)) if slope.clear else np.inf for most in allowed]
        within = next((k for k, times in enumerate(excess) if times <= 1), -1)
        return Sum(slope, allowed[within], excess[within], excess[0])

    def _narrow(self, V: Array, group: Array) -> None:
        """Compare the entries of a group whose sum is off: each; or if they are many, those that halving leads to."""
        if group.size <= EACH and self.unknown:
            self.look_at(group)
            return
        suspects = self._led_to(V, group, lambda asked: not asked.excess <= 1)
        if len(suspects) < NAMED:
            self.vouched[group] = True  # the other halves were right
            self.look_at(suspects)
        else:
            self.error[group] = np.inf  # of those that were not compared nothing is known
            if self.sample is None:
                size = self.given.size
                self.sample = np.sort(self.rng.choice(size, min(SAMPLE, size), replace=False))
            self.look_at(np.union1d(suspects, np.intersect1d(self.sample, group)))
        if not suspects.size:
            self.error[group] = np.inf
            self.reason = "a sum of entries is off, but no single entry is by more than its tolerance"

    def _led_to(self, V: Array, group: Array, is_off: Callable[[Sum], bool]) -> Array:
        """The entries, a few at most, that halving a group leads to: of those halves that are off the worst first."""
        found: list[int] = []
        queue = [(0.0, 0, group.size)]  # entries from start to stop
        while queue and len(found) < NAMED:
            _, start, stop = heapq.heappop(queue)
            if stop - start == 1:
                found.append(int(group[start]))
                continue
            middle = (start + stop) // 2
            for half in ((start, middle), (middle, stop)):
                if is_off(asked := self._ask(V, group[slice(*half)])):
                    heapq.heappush(queue, (-asked.excess, *half))
        return np.array(found, int)


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
    searches: Mapping[str, Search],
    given: Gradient,
    progress: bool,
    lost: Callable[[Comparison], Mapping[str, Array]] = lambda _: {},
) -> tuple[Comparison, tuple[ParameterCheck, ...], Comparison]:
    """Run the searches, by parameter: the comparison, its checks, and the comparison by which to describe an error.

    `lost` tells what a first comparison should have allowed.
    """
    found = {key: searches[key]() for key in bar(searches, "directions", total=len(searches), show=progress)}
    compared = Comparison(
        Gradient({key: search.given for key, search in searches.items()}, given.names, coarser=given.coarser),
        {key: f.estimate for key, f in found.items()},
        {key: f.allowance for key, f in found.items()},
        {key: search.unknown for key, search in searches.items() if search.unknown},
    )
    compared = replace(compared, allowance={**compared.allowance, **lost(compared)})
    checks = [
        replace(check, reason=_reason(check, compared, key, found[key])) for key, check in compared.checks.items()
    ]
    samples = {key: f.sample for key, f in found.items() if f.sample is not None}
    return compared, tuple(checks), compared.at(samples)


def _reason(check: ParameterCheck, compared: Comparison, key: str, found: Found) -> str:
    """Of a large array, where it is wrong as far as was looked."""
    if not check.wrong or check.size <= EACH:
        return found.reason or check.reason
    given, off = compared.given.arrays[key], np.flatnonzero(compared.wrong(key))
    places = (f"{check.name}{[int(k) for k in np.unravel_index(i, given.shape)]}" for i in off[:NAMED])
    reason = f"wrong at {', '.join(places)}"
    if found.sample is not None:
        n = int(np.isin(found.sample, off).sum())
        reason += f"; of {found.sample.size} entries taken at random {n} are wrong"
    return reason + ("" if np.isfinite(given).all() else "; some entries are NaN or infinite")


def of_network(problem: Problem, seed: int) -> dict[str, Search]:
    """The searches in the gradient of a network, by cancellation-free differences."""
    level = levels(problem, np.random.default_rng(seed))
    error, allowance = careful_bounds(problem), allowances(problem, level)
    floor = cancellation_free.underflow(problem)
    searches = {}
    for i, key in enumerate(problem.params):

        def along(V: Array, key: str = key) -> Slope:
            """Its rounding error is part of the tolerance of the entries."""
            V = problem.declaration.turned(key[0], V) if key[0] == "W" else V.reshape(problem[key].shape)
            return Slope(cancellation_free.along(problem, key, V))

        if key not in problem.given.arrays:  # a network without biases
            continue
        form = partial(problem.given.form, key)
        scale = form(np.where(error[key] > floor, error[key], 0))
        tolerance = form(allowance[key] + level[key] * error[key] + floor)
        given, rng = form(problem.given.arrays[key]), np.random.default_rng([seed, i])
        look = partial(_one_by_one, along, scale, tolerance)
        searches[key] = Search(given, along, look, scale, tolerance, rng)
    return searches


def _one_by_one(along: Callable[[Array], Slope], scale: Array, tolerance: Array, entries: Array) -> Look:
    values = np.zeros(entries.size)
    for k, i in enumerate(entries):
        if (size := float(scale.ravel()[i])) > 0:
            V = np.zeros(scale.shape, np.result_type(scale, np.float64))
            V.ravel()[i] = 1 / size
            values[k] = along(V).value * size
    return Look(Estimate(values, np.zeros(values.shape)), tolerance.ravel()[entries])


def disagreements(problem: Problem, estimates: Mapping[str, Estimate], seed: int) -> Iterator[tuple[str, str]]:
    """Parameters and activations along which the complex step contradicts the estimates, and how in words.

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
                key,
                f"the witnesses disagree along one direction of {key}: cancellation-free difference {difference:.17g}, "
                f"complex step {by_complex_step:.17g}, tolerance {allowed:.1e}",
            )
