"""The judge of one gradient of one function: it asks the witnesses, and turns what they say into a verdict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from refnn._shapes import Array
from refnn.gradcheck.cached import cached_property
from refnn.gradcheck.faults.structure import described
from refnn.gradcheck.judged import Formula, asked
from refnn.gradcheck.problem import Gradient
from refnn.gradcheck.verdict.judgement import COARSE_EPS, FLOOR, Comparison, Unknown
from refnn.gradcheck.verdict.result import GradientCheck, Testimony, Verdict
from refnn.gradcheck.witness import central, complex_step, directions
from refnn.gradcheck.witness.complex_step import SAFETY, Trust
from refnn.gradcheck.witness.directions import Look, Search, Slope
from refnn.gradcheck.witness.entries import Findings, Place, find
from refnn.gradcheck.witness.function import (
    ONLY,
    Scalar,
    is_noise,
    jumping,
    observe,
    random_direction,
    rounding,
    stepped,
)
from refnn.gradcheck.witness.silence import quiet
from refnn.gradcheck.witness.workers import ALONE, Workers

FEW = 16  # the size of an array up to which "auto" compares each entry alone; longer arrays are compared by sums
FAINT = 1e-6  # of the typical gradient of an array: an entry that is given as smaller is searched at this size
BLURRED = 1e-4  # an entry whose tolerance is a larger share of it weighs less in a sum, or it would blur the others
SECOND_LOOK = 16  # wrong entries, at most, that are put to a second witness
BEYOND = 16.0  # a gradient that is off by more than this times the distance of two witnesses is wrong by both
ALIKE = 1e-3  # of the largest error of an array: by so much at least an inexact f puts its large entries off, too
MIXED, CHANGED = 8, 2.0**-10  # slight entries that are asked whether others change them, and by which share of them
NEARLY = 1 / 8  # of a gradient: so near to it, the slope of a finer step speaks for it
SEVERAL = 4  # of the large entries of an array, to tell by them alone that they have a factor
APPROXIMATE = 1e-5  # of the largest entry of an array: one that is off by no more may be right for an inexact f
STEEP = 64.0  # steps of f, at least, over the size of some parameter, or its slope may be that of a floor
# What saturation excuses, found out where all parameters are nearer to zero (`_taken`):
LOOKED_NEARER = 64  # entries, at most, for which that is asked
NEARER = tuple(2 ** (-k / 2) for k in range(1, 11))  # what the parameters are multiplied by
CLEARLY = 16.0  # times smaller the relative error of an entry has to be there
AMONG = 8.0  # times the largest numbers about, or 1: what is excused is a few roundoffs of that, and never more
AT_ZERO = (2.0**-10, 2.0**-10.5)  # factors so small that a gradient with a pole at zero is nothing but the pole there
POLE = 1.7  # by which it grows from the first to the second, at least; by 1.4, as 1/x does, it may be that of a norm
TOLERANCE = (
    "for each entry, the witness's error; the rounding error of f's derivative in the gradient's dtype; for a formula "
    "that cancels, 16 roundoffs of the largest gradient, or of f where it came as numbers, beside the entry's size, "
    "but half its digits; and where saturation or a mask takes them, 16 roundoffs of the gradient nearer to zero, or "
    "of the largest entry of its array"
)
HALF = (
    "f moves in jumps of about {:.1e}, as one does that computes in half precision inside, which may be why {} is off: "
    "check it in float32 or float64"
)
KINKS = "f seems to have kinks within the steps of the differences in {}: finer steps speak for the gradient"
JUMPS = "in {} f moves in jumps of about {:.1e}: its derivative is zero between them, and not that of what was rounded"
STAIRS = "f goes up in steps of {:.1e}, few of them within the size of a parameter: it may be a floor, with slope zero"
ANSWERLESS = "f does not change with any parameter: does it read what it is given?"
NOISE = "f is zero but for rounding, at these parameters and far from them"
ZERO = "no derivative stands out of its rounding error at these parameters: a wrong factor or sign would not show"


def judge_function(
    function: Scalar, formula: Formula, rng: np.random.Generator, *, method: str = "auto", workers: Workers = ALONE
) -> GradientCheck:
    """The verdict on the gradient of an observed function."""
    if function.unfit:
        return GradientCheck(Verdict.UNRELIABLE, reasons=function.unfit)
    trusted = trust(function, method, rng)
    points = complex_step.neighbours(function, rng, trusted.spacing)
    few = FEW if method == "auto" and formula.allowance is None else np.inf
    return _Judge(function, formula, points, trusted, rng, workers)(few)


def trust(function: Scalar, method: str, rng: np.random.Generator) -> Trust:
    """Where the complex step is believed; a ValueError if `method` asks for it and it is believed nowhere."""
    if method == "central":
        return complex_step.distrust(function, "")
    trusted = complex_step.trust(function, rng)
    if method == "complex" and trusted.defects:
        raise ValueError(f"method is 'complex', but {next(iter(trusted.defects.values()))}")
    return trusted


@dataclass(eq=False)
class _Judge:
    """A function with its gradient, and what its witnesses need: neighbouring points, and trust in the complex step."""

    function: Scalar
    formula: Formula
    points: list[Scalar]
    trusted: Trust
    rng: np.random.Generator
    workers: Workers
    evaluations: Counter[str] = field(default_factory=Counter)  # by witness

    @cached_property
    def unknown(self) -> dict[str, Unknown]:
        return self.formula.unknown(self.function)

    def __call__(self, few: float) -> GradientCheck:
        given = self.formula.given
        searches = {key: self._search(key, few) for key in given.arrays}
        compared, checks, best = directions.judged(searches, given, self.workers.progress, self._lost)
        notes = (*self._notes(), *compared.notes)
        check = GradientCheck.of(checks, self._testimonies, TOLERANCE, notes=notes)
        if any(G.size for G in given.arrays.values()) and not any(
            ((np.abs(e.value) > e.error + compared.allowance[key]) | e.kink).any()
            for key, e in compared.estimates.items()
        ):
            moved = {key: V + self.function.sizes[key] for key, V in self.function.params.items()}
            with quiet():
                silent = self.function.real(moved) == self.function.value
            if check:
                return replace(check, verdict=Verdict.BLIND, reasons=(ANSWERLESS if silent else ZERO,))
            if silent:
                check = replace(check, reasons=(*check.reasons, ANSWERLESS))
        elif check and (zero := dict(self._between_jumps(compared))):
            return replace(check, verdict=Verdict.UNRELIABLE, reasons=tuple(zero.values()))
        elif check and 0 < self.formula.largest(self.function) < STEEP * self.function.stairs:
            return replace(check, verdict=Verdict.UNRELIABLE, reasons=(STAIRS.format(self.function.stairs),))
        faint = self.formula.largest(self.function) <= ONLY * self.function.noise
        if not check and faint and is_noise(self.function, self.rng):
            return replace(check, verdict=Verdict.BLIND, reasons=(NOISE,))
        doubtful = dict(self._disagreements(compared)) if check.verdict is Verdict.WRONG else {}
        check = replace(check, witnesses=self._testimonies)  # `_disagreements` has asked some of them again
        if doubtful:
            said = tuple(dict.fromkeys(doubtful.values()))
            if all(key in doubtful for key, part in compared.checks.items() if part.verdict is Verdict.WRONG):
                return replace(check, verdict=Verdict.UNRELIABLE, reasons=said)
            check = replace(check, notes=(*check.notes, *said))
        if reason := _approximation(check, compared):
            return replace(check, verdict=Verdict.UNRELIABLE, reasons=(reason,))
        return described(check, best)

    def _search(self, key: str, few: float) -> Search:
        g, least = self.formula.given.arrays[key], self.trusted.least[key]
        unknown = self.unknown.get(key)
        size = self.function.sizes[key]
        weight = np.abs(np.where(np.isfinite(g), g, 0)).astype(np.float64)
        nonzero = weight[weight > 0]
        alone = np.full(g.shape, g.size <= few)
        faint = (weight * size < least) & (weight > 0)
        if np.isfinite(least) and faint.sum() > directions.EACH:  # more than can be compared alone
            least = np.inf
            self.trusted = replace(self.trusted, least={**self.trusted.least, key: least})
        if np.isfinite(least):
            scale = np.maximum(weight, FAINT * float(np.sqrt(np.mean(nonzero**2))) if nonzero.size else 1.0)
            alone |= faint
            if least:
                scale = np.where(weight == 0, 1 / size, scale)
        else:
            scale = np.maximum(1 / size, weight / np.median(nonzero * size[weight > 0])) if nonzero.size else 1 / size
        tolerance = self.formula.linear(key) * weight
        usual = None
        if unknown:
            usual = self.formula.beside(key, tolerance.ravel(), np.arange(g.size)).reshape(g.shape)
            tolerance = usual + unknown.tolerance(np.zeros(g.shape), weight)
            scale = np.maximum(scale, tolerance / BLURRED)
        along, look = partial(self._along, key), partial(self._look, key)
        return Search(g, along, look, scale, tolerance, self.rng, unknown, usual, alone)

    def _along(self, key: str, V: Array) -> Slope:
        felt, least = self.formula.felt(key), self.trusted.least[key]
        if np.isfinite(least):
            size = float(np.max(np.abs(V) / self.function.sizes[key]))
            values = np.array([complex_step.at_neighbours(self.points, {key: V}, complex_step.STEP / size)])
            self.evaluations[complex_step.NAME] += values.size
            (noise,), (slope,) = complex_step.precision(values, self.trusted.spacing)
            value = float(values[0, 0])
            error = SAFETY * float(noise + felt * slope) + self.function.inexact * size
            return Slope(value, error, bool(np.isfinite(error)), abs(value) <= error)
        found = central.along(self.function, {key: V})
        self.evaluations[central.NAME] += found.evaluations
        error = found.error + SAFETY * felt * found.bend
        return Slope(found.value, error, bool(np.isfinite(error)) and not found.sides, found.flat)

    def _look(self, key: str, entries: Array, trusted: Trust | None = None, function: Scalar | None = None) -> Look:
        places = [(key, int(i)) for i in entries]
        found = self._found(function or self.function, self.points, trusted or self.trusted, places)
        allowance = found.allowance(self.formula.linear(key), self.formula.felt(key))
        of_f = found.allowance(0.0, self.formula.given.roundoff(key))
        return Look(found.estimate(), self.formula.beside(key, allowance, entries, of_f))

    def _found(self, f: Scalar, points: Sequence[Scalar], trusted: Trust, places: Sequence[Place]) -> Findings:
        found = find(f, points, trusted, places, self.workers)
        self.evaluations.update(found.evaluations)
        return found

    @property
    def _testimonies(self) -> tuple[Testimony, ...]:
        return tuple(Testimony(name, count) for name, count in self.evaluations.items())

    def _notes(self) -> Iterator[str]:
        if not any(G.size for G in self.formula.given.arrays.values()):
            yield "the gradient has no entry: there was nothing to judge"
        if any(self.trusted.defects.values()):
            yield self.trusted.note
        if self.function.spread:
            yield f"evaluations of f at one point differ by {self.function.spread:.1e}"
        if (arithmetic := self.function.arithmetic) != "float64":
            yield f"f returns {arithmetic} numbers: its noise bounds what can be seen"
        if self.function.stairs:
            yield f"f goes up in steps of {self.function.stairs:.1e}, as rounded numbers do, and shows no smaller ones"
        if self.function.inexact:
            yield f"f may be off by {self.function.inexact:.1e}, as f_error says: it shows no smaller differences"

    def _lost(self, compared: Comparison) -> dict[str, Array]:
        """The allowance of wrong arrays again, with what is excused in their wrong entries."""
        allowed = {key: compared.allowance[key].copy() for key, check in compared.checks.items() if not check}
        places: list[Place] = []
        for key in allowed:
            estimate, given = compared.estimates[key], compared.given.arrays[key]
            off = (np.abs(given - estimate.value) > compared.tolerance[key]) & ~estimate.kink
            excused = self._slight(key, compared, off) if off.any() else 0.0
            allowed[key] += excused
            places += [(key, int(i)) for i in np.flatnonzero(off & (excused == 0))]
        if self.formula.gradient is not None and 0 < len(places) <= LOOKED_NEARER:
            for (key, i), more in zip(places, self._taken(places, compared), strict=True):
                allowed[key].ravel()[i] += more
        return allowed

    def _slight(self, key: str, compared: Comparison, off: Array) -> Array:
        """What is excused in those of the wrong entries that are slight: a few roundoffs of the largest of their array.

        A mask of -100 before a softmax makes such entries: less than a roundoff of the terms that cancel in them. But
        only where they change with other entries can a formula have added terms of these.
        """
        unknown, nothing = self.unknown.get(key), np.zeros(off.shape)
        if unknown is None:
            return nothing
        truth, given = compared.truth[key], compared.given.arrays[key]
        witnessed = compared.estimates[key].error + compared.allowance[key]
        share = unknown.of_largest(np.abs(truth), compared.estimates[key], witnessed)
        with np.errstate(divide="ignore", invalid="ignore"):
            few = np.where(off & (share < unknown.slight), FLOOR * unknown.eps / 2 / share * np.abs(truth), 0)
        few = np.where(np.abs(given - truth) <= few, few, 0)
        some = self.rng.permutation(np.flatnonzero(few))[:MIXED].tolist()
        return few if all(self._mixed((key, i), float(truth.ravel()[i])) for i in some) else nothing

    def _mixed(self, place: Place, value: float) -> bool:
        """Whether the derivative in an entry changes with the others."""
        params = {k: V + random_direction(V, self.rng) / 4 for k, V in self.function.params.items()}
        key, i = place
        params[key].ravel()[i] = self.function.params[key].ravel()[i]
        moved = replace(self.function, params=params, known={})
        found = self._found(
            moved, complex_step.neighbours(moved, self.rng, self.trusted.spacing), self.trusted, [place]
        )
        return bool(abs(found.value[0] - value) > CHANGED * abs(value))

    def _taken(self, places: Sequence[Place], compared: Comparison) -> Array:
        """By how much saturation excuses each of these entries.

        Formulas such as 1 - tanh² lose their digits as the parameters grow. So the same gradient is asked nearer to
        zero. An entry is excused if it is more exact there and if its array already loses digits on the way: by a few
        roundoffs of the gradient there, which are what the formula subtracts. Nothing is excused where the gradient has
        a pole at zero, whose size would hide every other term.
        """

        def at_places(table: Mapping[str, Array]) -> Array:
            return np.array([table[key].ravel()[i] for key, i in places], np.float64)

        params, gradient, nothing = self.function.params, self.formula.gradient, np.zeros(len(places))
        truth, u = at_places(compared.truth), np.array([self.formula.given.roundoff(key) for key, _ in places])
        error, largest = np.abs(at_places(compared.given.arrays) - truth), self.formula.largest(self.function)
        sizes = at_places(self.function.sizes)
        usual, most = largest / sizes, AMONG * max(1.0, abs(self.function.value), largest) / sizes
        if not (error <= FLOOR * u * most).all():
            return nothing  # at once: f may take long
        try:  # the code need not be made for other points
            factors = self._factors()
            points = [
                {key: V if key in factors else share * V for key, V in params.items()} for share in (*NEARER, *AT_ZERO)
            ]
            *nearer, at_zero, nearest = [replace(self.formula, given=Gradient.of(asked(gradient, p), params))
                                         for p in points]  # fmt: skip
            if not (np.abs(at_places(nearest.given.arrays)) <= POLE * np.abs(at_places(at_zero.given.arrays))).all():
                return nothing
            observed = [observe(self.function.f, point, self.rng) for point in points[: len(NEARER)]]
        except Exception:
            return nothing
        excuses, losing = np.full(len(places), np.inf), set[str]()  # the least of each entry; arrays that lose digits
        for formula, near in zip(nearer, observed, strict=True):
            if near.unfit:
                continue
            given, about = at_places(formula.given.arrays), formula.largest(near)
            trusted = complex_step.trust(near, self.rng)
            found = self._found(near, complex_step.neighbours(near, self.rng, trusted.spacing), trusted, places)
            there, size = np.abs(given - found.value), np.abs(found.value)
            few = FLOOR * u * np.minimum(np.maximum(about / at_places(near.sizes), usual), most)
            better = there <= np.minimum(np.sqrt(2 * u), error / np.abs(truth) / CLEARLY) * size
            excuses = np.where(better & (error <= few), np.minimum(few, excuses), excuses)
            lossy = (FLOOR * u * size + found.error < there) & (there <= (2 * u) ** 0.25 * size)
            losing |= {key for (key, _), its in zip(places, lossy, strict=True) if its}
        return np.where(np.isfinite(excuses) & [key in losing for key, _ in places], excuses, nothing)

    @quiet()
    def _factors(self) -> set[str]:
        """The arrays that f is proportional to, as a vjp is to its cotangent: they saturate nothing."""
        f = self.function
        return {key for key, V in f.params.items() if f.real({key: V / 2}) == f.value / 2}

    def _between_jumps(self, compared: Comparison) -> Iterator[tuple[str, str]]:
        """Arrays whose gradient is given as zero, in which f moves in jumps alone."""
        for key, given in compared.given.arrays.items():
            if given.size and not given.any() and (height := stepped(self.function, key, self.rng)):
                yield key, JUMPS.format(compared.given.names[key], height)

    def _disagreements(self, compared: Comparison) -> Iterator[tuple[str, str]]:
        """Put some of the wrong entries to central differences and to finer steps: arrays in doubt, and why."""
        yield from self._between_jumps(compared)
        for key, given in compared.given.arrays.items():
            if self.function.stairs and not given.any():
                yield key, "f goes up in steps: its derivative is zero between them, and not that of what was rounded"
            if not compared.checks[key] and key in self.trusted.doubts:
                yield key, self.trusted.doubts[key]
            value, error = compared.estimates[key].value.ravel(), compared.estimates[key].error.ravel()
            off = compared.wrong(key).ravel() & np.isfinite(error)
            if self.trusted.varies and (off & ~self._by_difference(key, value)).any():
                continue  # wrong by the complex step, for which the finest differences have spoken
            wrong = np.flatnonzero(off)
            wrong = wrong[np.linspace(0, len(wrong) - 1, min(len(wrong), SECOND_LOOK)).astype(int)]
            reasons = [*self._by_differences(key, given, wrong, value, error)]
            reasons = reasons or [*self._by_kinks(key, given, wrong, value), *self._by_jumps(key, given, wrong, value)]
            yield from ((key, reason) for reason in reasons)

    def _by_difference(self, key: str, value: Array) -> Array:
        """Which entries weigh too little for the complex step."""
        return np.asarray(np.abs(value * self.function.sizes[key].ravel()) < self.trusted.least[key])

    def _by_differences(self, key: str, given: Array, wrong: Array, value: Array, error: Array) -> Iterator[str]:
        """Why differences, or finer ones, put some of these wrong entries in doubt."""
        second, _ = self._look(key, wrong, complex_step.distrust(self.function, ""))
        for i, v, e in zip(wrong, second.value, second.error, strict=True):
            place = f"{key}{[int(k) for k in np.unravel_index(i, given.shape)]}"
            found = f"{value[i]:.10g} ± {error[i]:.1e}"
            explained = partial(_explained, abs(float(given.ravel()[i]) - value[i]), (value[i], error[i]))
            if explained((v, e)):
                by_difference = f"central difference {v:.10g} with an error of {e:.1e}"
                yield f"the witnesses disagree at {place}: {found}, {by_difference}"
                continue
            rounded = max(self.function.least_noise, rounding(self.function, key, int(i), self.rng))
            finer = central.finer(replace(self.function, least_noise=rounded), (key, int(i)))
            g = float(given.ravel()[i])
            near = [(s, r) for s, r in finer if abs(s - g) + r <= min(NEARLY * abs(g), abs(s - value[i]))]
            if slopes := [f"{s:.10g} ± {r:.1e}" for s, r in near if explained((s, r))]:
                yield f"f changes within the steps of the differences at {place}: {found}, by finer steps {slopes[0]}"

    def _by_kinks(self, key: str, given: Array, wrong: Array, value: Array) -> Iterator[str]:
        """Why kinks of f within the steps, which are long where f is computed in float32, put all of these wrong
        entries in doubt."""
        if len(wrong) and self.function.roundoff > COARSE_EPS:
            slopes = ((float(given.ravel()[i]), float(value[i]), (key, int(i))) for i in wrong)
            if all(central.speaks_for(slope, other, self.function, place) for slope, other, place in slopes):
                yield KINKS.format(self.formula.given.names[key])

    def _by_jumps(self, key: str, given: Array, wrong: Array, value: Array) -> Iterator[str]:
        """Why noise of f that the finest steps do not meet puts these wrong entries in doubt."""
        if (
            self._by_difference(key, value)[wrong].any()
            and (jumps := jumping(self.function, key, self.rng, wrong)) is not self.function
        ):
            found, allowance = self._look(key, wrong, complex_step.distrust(self.function, ""), jumps)
            if bits := jumps.bits.get(key):
                allowance = allowance + FLOOR * 2.0**-bits * np.abs(found.value).max()
            off = np.abs(given.ravel()[wrong] - found.value) / (found.error + allowance)
            if off.max() <= 1 or np.mean(off**2) <= 1 / 4:  # noise takes single entries farther than all of them
                yield HALF.format(jumps.noise, self.formula.given.names[key])


def _explained(off: float, one: tuple[float, float], other: tuple[float, float]) -> bool:
    """Whether two witnesses, each a slope with its error, contradict each other by so much that a gradient which is
    `off` by this may be right."""
    apart, known = abs(one[0] - other[0]), one[1] + other[1]
    return bool(apart > known and off <= BEYOND * (apart + known))


def _constant(ratios: Array) -> bool:
    """Whether these are relative errors of a factor that all entries have, which no approximation gives them."""
    return bool(np.std(ratios) < np.abs(np.mean(ratios)) / 10)


def _approximation(check: GradientCheck, compared: Comparison) -> str:
    """The reason why a gradient that is nearly right everywhere, and in most entries no better, is undecided; or ""."""
    off = sum(part.wrong + part.undecided for part in check.parameters)
    if check.verdict is not Verdict.WRONG or 2 * off <= sum(part.size for part in check.parameters):
        return ""
    if all((G.astype(np.float32) == G).all() and G.dtype == np.float64 for G in compared.given.arrays.values()):
        return ""  # it was computed in float32, which is no approximation of f
    if not (overall := max(float(np.max(np.abs(truth), initial=0)) for truth in compared.truth.values())):
        return ""
    gaps, ratios = [], []
    for key, G in compared.given.arrays.items():
        truth = compared.truth[key]
        largest = float(np.max(np.abs(truth), initial=0))
        gaps.append(float(np.max(np.abs(G - truth), initial=0)) / (largest or overall))
        if largest:
            large = np.abs(truth) > largest / 10
            ratios.append(((G - truth) / truth)[large])
            if np.abs(G - truth)[large].max() < ALIKE * np.abs(G - truth).max():
                return ""  # the small entries alone are off
            if not compared.checks[key] and len(ratios[-1]) >= SEVERAL and _constant(ratios[-1]):
                return ""
    if max(gaps) > APPROXIMATE or _constant(np.concatenate(ratios)):
        return ""
    return (
        f"right to {max(gaps):.0e} of the largest entry, in most entries no better: if f itself is known no better, "
        "as the result of a solver or a table is, say so by f_error; else the gradient is wrong by little"
    )
