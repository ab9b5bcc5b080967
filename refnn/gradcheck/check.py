"""The gradient of any function of a dict of arrays: computed numerically, or judged."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any

import numpy as np

from refnn._shapes import Array
from refnn.gradcheck.containers import Tree
from refnn.gradcheck.faults.structure import described
from refnn.gradcheck.problem import Gradient, real_parameters
from refnn.gradcheck.question import Called, any_container, spreads
from refnn.gradcheck.verdict.judgement import Comparison, Unknown, quantum
from refnn.gradcheck.verdict.result import GradientCheck, ParameterCheck, Testimony, Verdict
from refnn.gradcheck.witness import central, complex_step, directions
from refnn.gradcheck.witness.complex_step import LINEAR, SAFETY, Trust
from refnn.gradcheck.witness.directions import Look, Search, Slope
from refnn.gradcheck.witness.entries import every_place, find
from refnn.gradcheck.witness.function import Function, Scalar, observe, typical_size
from refnn.gradcheck.witness.silence import quiet
from refnn.gradcheck.witness.workers import ALONE, Workers
from refnn.numbers import exact_check

METHODS = ("auto", "complex", "central", "exact")
FEW = 16  # entries of an array up to which "auto" compares each, and longer ones by sums
FAINT = 1e-6  # of the typical gradient of an array: an entry given as smaller is judged at this size
SECOND_LOOK = 16  # wrong entries that are put to a second witness
MEASURED = 8  # neighbours at which a gradient given as a function is asked
SURE = 8.0  # on its noise, which so many show
APPROXIMATE = 1e-5  # of the largest entry of an array: so far off, an f that is not exact may be the reason
TOLERANCE = (
    "for each entry, the witness's error; the rounding error of f's derivative in the gradient's dtype; and for a "
    "formula that cancels, 16 roundoffs of the largest gradient or of f, beside the entry's size, but half its digits"
)
ANSWERLESS = "f does not change with any parameter: does it read what it is given?"
ZERO = "no derivative stands out of its rounding error at these parameters: a wrong factor or sign would not show"


@np.errstate(all="ignore")
def numerical_gradient(f: Callable[..., Any], params: Any, *, method: str = "auto", batched: bool = False) -> Any:
    """The gradient of f at params, without a formula.

    Parameters
    ----------
    f : callable
        ``f(params) -> scalar``; is given copies, as in `check_gradients`.
    params : array, number, or list, tuple, dict or dataclass of them
    method : "complex", "central" or "auto"
        The complex step keeps every digit, for an f made of complex-safe operations; central differences take any f.
        "auto" tries f for that and chooses.
    batched : bool, whether f takes stacks of points, as in `check_gradients`

    Returns
    -------
    container like params, with float64 arrays in place of its numbers

    Raises
    ------
    ValueError
        If f cannot be differentiated here: it is random, changes its argument or is not finite; or, with
        ``method="complex"``, if it is not complex-safe; or if params is empty or not finite.
    TypeError
        If f returns no scalar, or params holds no real arrays.
    """
    if method not in ("auto", "complex", "central"):
        raise ValueError(f"method is {method!r}, expected 'auto', 'complex' or 'central'")
    rng = np.random.default_rng(0)
    tree = Tree.of("params", params, spread=spreads(f, params))
    function = observe(Called(f, tree, batched=batched), tree.arrays, rng)
    if function.unfit:
        raise ValueError("; ".join(function.unfit))
    places = every_place(function.params)
    found = find(function, complex_step.neighbours(function, rng), _trust(function, method, rng), places)
    return tree.filled(found.split(function.params, found.value))


@np.errstate(all="ignore")
@any_container
def check_gradients(
    f: Callable[..., Any],
    params: Any,
    grads: Any = None,
    *,
    method: str = "auto",
    f_error: float | tuple[float, float] = 0.0,
    subgradient: bool = False,
    conjugate: bool = False,  # noqa: ARG001  # read by any_container
    batched: bool = False,  # noqa: ARG001  # likewise
    seed: int = 0,
    executor: Executor | None = None,
    progress: bool = True,
) -> GradientCheck:
    """Judge a gradient of any f.

    For a backprop of a network use `check_backprop` or `check_network`: they know how far rounding can take
    its formulas. Of another f the noise of its own derivative is known and, of a gradient given as a function, that of
    the gradient. A gradient given as numbers that is off by more, and right to half its digits, is UNRELIABLE, for its
    formula may cancel where f does not.

    Parameters
    ----------
    f : callable
        ``f(params) -> scalar``, or ``f(*params)`` if it takes the members of a tuple one by one. It is given copies, in
        the containers and forms in which params came, in float64 or complex numbers where it takes them.
    params : array, number, or list, tuple, dict or dataclass of them, also of PyTorch, JAX and what NumPy reads
        Each leaf is a parameter, named by its key or place; a complex one is two. What holds no numbers is handed on,
        as are integers beside floats, unless they have a gradient.
    grads : container like params, or callable ``grads(params)`` that returns one, in its own dtype
        Also a dict with "dW1" for "W1", in which "dA0" … are not looked at, or with the names of the parameters; None
        in place of zeros. May be left out where f returns a pair (value, gradient). A callable is asked at neighbouring
        points too, which shows how much its formula cancels; with ``method="exact"`` it has to be one, and is given
        exact numbers.
    conjugate : bool
        True for JAX's convention of complex numbers, $∂f/∂x - i ∂f/∂y$; else $∂f/∂x + i ∂f/∂y$, as PyTorch has it.
    method : str
        "auto" takes the complex step if f carries it, else central differences: along sums of entries, and in each
        entry that a sum leaves open. "complex" or "central" compare every entry with this witness; "exact" runs f and
        grads over a finite field, tolerance zero (`refnn.numbers.exact_check`).
    f_error : float, or two
        How far f may be off beyond rounding, as the result of a solver or a table: absolutely, or absolutely and
        relative to its value.
    subgradient : bool
        Accept at a kink of f each slope between those of its sides.
    batched : bool
        True if f takes many points at once, as ``jax.vmap(f)`` does: each array has one axis more, the first, and f
        returns a value for each.
    seed : int, of random directions and points
    executor : concurrent.futures.Executor, optional
        Shares the work of comparing entries; for a process pool f has to be picklable.
    progress : bool, whether long work shows a bar on a terminal

    Returns
    -------
    GradientCheck

    Raises
    ------
    ValueError, TypeError
        Naming all that is wrong with an argument, or a `method="complex"` for which f is not made.
    """
    if method not in METHODS:
        raise ValueError(f"method is {method!r}, expected one of {', '.join(map(repr, METHODS))}")
    if method == "exact":
        return _judge_exactly(f, params, grads, seed)
    params = real_parameters(params)
    rng = np.random.default_rng(seed)
    error = f_error if isinstance(f_error, tuple) else (f_error, 0.0)
    if not all(0 <= e < np.inf for e in error):
        raise ValueError(f"f_error is {f_error!r}, expected finite numbers of at least 0")
    function = observe(f, params, rng, error)
    formula = Formula(Gradient.of(_asked(grads, function.params), params), subgradient=subgradient)
    workers = Workers(executor, progress)
    return judge_function(function, formula.measured(grads, function, rng), rng, method=method, workers=workers)


@dataclass(frozen=True, eq=False)
class Formula:
    """The gradient that is judged, and what is known of how it is computed: nothing, or how its numbers scatter about
    (`noise`); or all, so that an `allowance` tells how far it may be off."""

    given: Gradient
    allowance: Mapping[str, Array] | None = None
    noise: Mapping[str, Array] | None = None
    subgradient: bool = False

    def measured(self, grads: Any, function: Scalar, rng: np.random.Generator) -> Formula:
        """With the noise of a gradient that can be asked at neighbouring points."""
        if not callable(grads):
            return self
        coarsest = max(map(self.roundoff, self.given.arrays))
        try:
            points = complex_step.neighbours(function, rng, coarsest, MEASURED)[1:]
            others = [Gradient.of(_asked(grads, point.params), function.params).arrays for point in points]
        except Exception:  # it is only asked for more than it may be made for
            return self
        noise, largest = {}, self.largest(function.params)
        for key, G in self.given.arrays.items():
            values = np.array([G.ravel(), *(other[key].ravel() for other in others)], np.float64).T
            scatter = SURE * np.nan_to_num(complex_step.precision(values)[0])
            found = np.maximum(scatter, quantum(values, 2 * self.roundoff(key))).reshape(G.shape)
            half = np.sqrt(2 * self.roundoff(key)) * largest / typical_size(function.params[key])
            # What shakes the leading digits is no rounding, unless that is allowed.
            noise[key] = np.minimum(found, half) + getattr(grads, "apart", 0.0)
        return replace(self, noise=noise)

    def largest(self, params: Mapping[str, Array]) -> float:
        """Of the entries of the gradient, each times the size of its parameter."""
        with np.errstate(over="ignore"):
            weights = [np.abs(G, dtype=np.float64) * typical_size(params[key]) for key, G in self.given.arrays.items()]
        return max((float(w[np.isfinite(w)].max(initial=0)) for w in weights), default=0.0)

    def roundoff(self, key: str) -> float:
        return float(np.finfo(self.given.arrays[key].dtype).eps) / 2 * self.given.coarser.get(key, 1.0)

    def felt(self, key: str) -> float:
        """The roundoff that multiplies what f itself shows; the noise of a formula that was measured shows the rest."""
        return self.roundoff(key) if self.noise is None else min(self.roundoff(key), complex_step.ROUNDOFF)

    def beside(self, key: str, allowance: Array, entries: Array) -> Array:
        """What these entries are allowed where f's own derivative is allowed this."""
        for more in (self.allowance, self.noise):
            if more:
                allowance = allowance + more[key].ravel()[entries]
        return allowance

    def unknown(self, function: Scalar) -> dict[str, Unknown]:
        """What is allowed for cancellation, by parameter: a few roundoffs of the largest numbers about."""
        if self.allowance is not None:
            return {}
        largest = max(abs(function.value), self.largest(function.params))
        unknown = {}
        for key in self.given.arrays:
            u = self.roundoff(key)
            roundoff = u * largest / typical_size(function.params[key])
            step = float(quantum(self.given.arrays[key].ravel(), 2 * u))
            unknown[key] = Unknown(roundoff, 2 * u, step, self.noise is not None, self.subgradient)
        return unknown


def _asked(grads: Any, params: Mapping[str, Array]) -> Any:
    return grads({key: V.copy() for key, V in params.items()}) if callable(grads) else grads


def judge_function(
    function: Scalar, formula: Formula, rng: np.random.Generator, *, method: str = "auto", workers: Workers = ALONE
) -> GradientCheck:
    """The verdict on the gradient of an observed function."""
    if function.unfit:
        return GradientCheck(Verdict.UNRELIABLE, reasons=function.unfit)
    judge = _Judge(function, formula, complex_step.neighbours(function, rng), _trust(function, method, rng), workers)
    return judge(rng, method)


def _trust(function: Scalar, method: str, rng: np.random.Generator) -> Trust:
    """Where the complex step is believed; a ValueError if it is asked for, and nowhere."""
    if method == "central":
        return complex_step.distrust(function, "")
    trusted = complex_step.trust(function, rng)
    if method == "complex" and trusted.defects:
        raise ValueError(f"method is 'complex', but {next(iter(trusted.defects.values()))}")
    return trusted


@dataclass(eq=False)
class _Judge:
    """Witnesses of one function, beside its gradient."""

    function: Scalar
    formula: Formula
    points: list[Scalar]
    trusted: Trust
    workers: Workers
    evaluations: dict[str, int] = field(default_factory=dict)

    @cached_property
    def unknown(self) -> dict[str, Unknown]:
        return self.formula.unknown(self.function)

    def __call__(self, rng: np.random.Generator, method: str) -> GradientCheck:
        few = FEW if method == "auto" and self.formula.allowance is None else np.inf
        given = self.formula.given
        searches = {key: self._search(key, rng, few) for key in given.arrays}
        compared, checks, best = directions.judged(searches, given, self.workers.progress)
        notes = (*self._notes(), *compared.notes)
        check = GradientCheck.of(checks, self._testimonies, TOLERANCE, notes=notes)
        if any(G.size for G in given.arrays.values()) and not any(
            ((np.abs(e.value) > e.error + compared.allowance[key]) | e.at_kink).any()
            for key, e in compared.estimates.items()
        ):
            moved = {key: V + typical_size(V) for key, V in self.function.params.items()}
            with quiet():
                silent = self.function.real(moved) == self.function.value
            if check:
                return replace(check, verdict=Verdict.BLIND, reasons=(ANSWERLESS if silent else ZERO,))
            if silent:
                check = replace(check, reasons=(*check.reasons, ANSWERLESS))
        if check.verdict is Verdict.WRONG and (reasons := tuple(self._disagreements(compared))):
            return replace(check, verdict=Verdict.UNRELIABLE, reasons=reasons, witnesses=self._testimonies)
        check = replace(check, witnesses=self._testimonies)
        if reason := _approximation(check, compared):
            return replace(check, verdict=Verdict.UNRELIABLE, reasons=(reason,))
        return described(check, best)

    def _search(self, key: str, rng: np.random.Generator, few: float) -> Search:
        g, least = self.formula.given.arrays[key], self.trusted.least[key]
        unknown = self.unknown.get(key)
        size = typical_size(self.function.params[key])
        weight = np.abs(np.where(np.isfinite(g), g, 0)).astype(np.float64)
        usual = weight[weight > 0]
        alone = np.full(g.shape, g.size <= few)
        faint = (weight * size < least) & (weight > 0)
        if np.isfinite(least) and faint.sum() > directions.EACH:  # too many for the control to vouch for
            least = np.inf
            self.trusted = replace(self.trusted, least={**self.trusted.least, key: least})
        if np.isfinite(least):
            scale = np.maximum(weight, FAINT * float(np.sqrt(np.mean(usual**2))) if usual.size else 1.0)
            alone |= faint
            if least:
                scale = np.where(weight == 0, 1 / size, scale)
        else:
            scale = np.maximum(1 / size, weight / np.median(usual * size[weight > 0])) if usual.size else 1 / size
        tolerance = LINEAR * self.formula.roundoff(key) * weight
        if unknown:
            tolerance = self.formula.beside(key, tolerance.ravel(), np.arange(g.size)).reshape(g.shape)
            tolerance += unknown.tolerance(np.zeros(g.shape), weight)
        return Search(
            g, partial(self._along, key), partial(self._look, key), scale, tolerance, rng, unknown=unknown, alone=alone
        )

    def _along(self, key: str, V: Array) -> Slope:
        u, felt, least = self.formula.roundoff(key), self.formula.felt(key), self.trusted.least[key]
        if np.isfinite(least) and not (least and not (self.formula.given.arrays[key] * V).any()):
            size = float(np.max(np.abs(V) / typical_size(self.function.params[key])))
            values = np.array([complex_step.at_neighbours(self.points, {key: V}, complex_step.STEP / size)])
            self._count(complex_step.NAME, values.size)
            (noise,), (slope,) = complex_step.precision(values)
            value = float(values[0, 0])
            error = SAFETY * float(noise + felt * slope) + LINEAR * u * abs(value) + self.function.inexact * size
            return Slope(value, error, bool(np.isfinite(error)), abs(value) <= error)
        found = central.along(self.function, {key: V})
        self._count(central.NAME, found.evaluations)
        error = found.error + SAFETY * felt * found.bend
        return Slope(found.value, error, bool(np.isfinite(error)) and not found.sides, found.flat)

    def _look(self, key: str, entries: Array, trusted: Trust | None = None) -> Look:
        places = [(key, int(i)) for i in entries]
        found = find(self.function, self.points, trusted or self.trusted, places, self.workers)
        for testimony in found.testimonies:
            self._count(testimony.witness, testimony.evaluations)
        allowance = found.allowance(self.formula.roundoff(key), self.formula.felt(key))
        return Look(found.estimate(), self.formula.beside(key, allowance, entries))

    def _count(self, witness: str, evaluations: int) -> None:
        self.evaluations[witness] = self.evaluations.get(witness, 0) + evaluations

    @property
    def _testimonies(self) -> tuple[Testimony, ...]:
        return tuple(Testimony(name, evaluations) for name, evaluations in self.evaluations.items())

    def _notes(self) -> Iterator[str]:
        if any(self.trusted.defects.values()):
            yield self.trusted.note
        if self.function.spread:
            yield f"evaluations of f at one point differ by {self.function.spread:.1e}"
        if (arithmetic := self.function.arithmetic) != "float64":
            yield f"f returns {arithmetic} numbers: its noise bounds what can be seen"
        if self.function.inexact:
            yield f"f may be off by {self.function.inexact:.1e}, as f_error says: it shows no smaller differences"

    def _disagreements(self, compared: Comparison) -> Iterator[str]:
        """Put some of the wrong entries to central differences, and to finer ones, and say where those disagree."""
        for key, given in compared.given.arrays.items():
            if not compared.checks[key] and key in self.trusted.doubts:
                yield self.trusted.doubts[key]
            estimate = compared.estimates[key]
            value, error = estimate.value.ravel(), estimate.error.ravel()
            with np.errstate(invalid="ignore"):
                off = ~(np.abs(given - estimate.value) <= compared.tolerance[key]) & np.isfinite(estimate.error)
            wrong = np.flatnonzero(off)
            wrong = wrong[np.linspace(0, len(wrong) - 1, min(len(wrong), SECOND_LOOK)).astype(int)]
            second, _ = self._look(key, wrong, complex_step.distrust(self.function, ""))
            for i, v, e in zip(wrong, second.value, second.error, strict=True):
                place = f"{key}{[int(k) for k in np.unravel_index(i, given.shape)]}"
                if abs(v - value[i]) > e + error[i]:
                    yield (
                        f"the witnesses disagree at {place}: "
                        f"{value[i]:.10g} ± {error[i]:.1e}, central difference {v:.10g} with an error of {e:.1e}"
                    )
                    continue
                finer = central.finer(self.function, (key, int(i)))
                if slopes := [(s, r) for s, r in finer if abs(s - value[i]) > r + error[i]]:
                    yield (
                        f"f changes within the steps of the differences at {place}: "
                        f"{value[i]:.10g} ± {error[i]:.1e}, by finer steps {slopes[0][0]:.10g} ± {slopes[0][1]:.1e}"
                    )


def _approximation(check: GradientCheck, compared: Comparison) -> str:
    """Why a gradient that is nearly right everywhere, and in most entries not more than that, is undecided; or ""."""
    off = sum(part.wrong + part.undecided for part in check.parameters)
    if check.verdict is not Verdict.WRONG or 2 * off <= sum(part.size for part in check.parameters):
        return ""
    if all((G.astype(np.float32) == G).all() and G.dtype == np.float64 for G in compared.given.arrays.values()):
        return ""  # computed in float32
    gaps, ratios = [], []
    for key, G in compared.given.arrays.items():
        truth = compared.truth[key]
        if largest := float(np.max(np.abs(truth), initial=0)):
            gaps.append(float(np.max(np.abs(G - truth))) / largest)
            ratios.append(((G - truth) / truth)[np.abs(truth) > largest / 10])
    if not (gaps and max(gaps) <= APPROXIMATE):
        return ""
    relative = np.concatenate(ratios)
    if np.std(relative) < np.abs(np.mean(relative)) / 10:  # a constant factor, which no approximation makes
        return ""
    return (
        f"right to {max(gaps):.0e} of the largest entry, in most entries no better: if f itself is known no better, "
        "as the result of a solver or a table is, say so by f_error; else the gradient is wrong by little"
    )


def _judge_exactly(f: Function, params: Mapping[str, Any], grads: Any, seed: int) -> GradientCheck:
    """Over a finite field."""
    if not callable(grads):
        raise TypeError(
            f"grads is {type(grads).__name__}, expected a callable grads(params) for method='exact', "
            "which is run on exact numbers"
        )
    found = exact_check(f, grads, params, seed=seed)
    checks = [
        ParameterCheck(
            name,
            differs.shape,
            Verdict.WRONG if differs.any() else Verdict.PASS,
            wrong=int(differs.sum()),
            reason=f"not the derivative, the first at {np.argwhere(differs)[0].tolist()}" if differs.any() else "",
        )
        for name, differs in found.differs.items()
    ]
    testimony = Testimony("exact derivative over a finite field", sum(check.size for check in checks))
    tolerance = f"zero; a wrong entry passes with probability {found.false_pass:.1e} at most"
    return GradientCheck.of(checks, (testimony,), tolerance)
