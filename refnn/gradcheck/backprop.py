"""Is this backprop right? A gradient of the sigmoid network's mean cross-entropy, judged at one point or on many."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from typing import Any

import numpy as np

from refnn._progress import bar
from refnn._shapes import Array
from refnn.gradcheck.faults.diagnosis import Case, diagnose
from refnn.gradcheck.faults.probes import Probe, blindness, default_probes
from refnn.gradcheck.faults.structure import described
from refnn.gradcheck.problem import Problem, UnfitGradientError
from refnn.gradcheck.verdict.judgement import Comparison
from refnn.gradcheck.verdict.result import GradientCheck, Testimony, Verdict
from refnn.gradcheck.verdict.rounding import allowances
from refnn.gradcheck.witness import cancellation_free, complex_step, directions
from refnn.gradcheck.witness.workers import Workers

GradientFunction = Callable[[dict[str, Array], Array, Array], Mapping[str, Any]]

METHODS = ("auto", "entries", "directions")
PER_ENTRY_WORK = 2e10  # elements that a check of every entry may touch before "auto" takes directions: a minute's work
TOLERANCE = (
    "for each entry, the rounding error of the witness plus that of the standard formulas (A - Y, A (1 - A)) at this "
    "point in the gradient's dtype, both by running error analysis"
)
TOLERANCE_OF_SUMS = (
    f"{TOLERANCE}, scaled to the level that random errors of a roundoff reach; for a sum of entries under random "
    "signs, Hoeffding's bound at 4e-16"
)


def check_network(
    params: Mapping[str, Any],
    X: Any,
    Y: Any,
    grads: Mapping[str, Any],
    *,
    method: str = "auto",
    seed: int = 0,
    executor: Executor | None = None,
    progress: bool = True,
) -> GradientCheck:
    """Judge the gradient of the sigmoid network's mean cost (D4) at one point.

    Parameters
    ----------
    params : dict of W_l (n_l, n_{l-1}) and b_l (n_l, 1)
    X, Y : (n_0, m) and (n_L, m), Y in [0, 1]
    grads : dict of floating-point arrays, or of what NumPy reads as such, keyed "dW1", "db1" … or "W1", "b1" …
        Each is judged in its own dtype: float32 arrays as computed in float32.
    method : "entries", "directions" or "auto"
        Every entry on its own by the cancellation-free difference; or random directions, then bisection to the
        entries that are wrong, for networks too large for that. "auto" decides by the work.
    seed : int, of the random directions
    executor : concurrent.futures.Executor, optional
        Shares the work of "entries".
    progress : bool, whether long work shows a bar on a terminal

    Returns
    -------
    GradientCheck

    Raises
    ------
    ValueError, TypeError
        Naming everything in the arguments that does not fit together.
    """
    if method not in METHODS:
        raise ValueError(f"method is {method!r}, expected one of {', '.join(map(repr, METHODS))}")
    check, case = _judge(Problem.of(params, X, Y).judging(grads), method, seed, Workers(executor, progress))
    return replace(check, diagnosis=diagnose([case])) if case and check.verdict is Verdict.WRONG else check


def check_backprop(
    gradient: GradientFunction,
    *,
    layer_dims: Sequence[int] | None = None,
    examples: int | None = None,
    seed: int = 0,
    probes: Sequence[Probe] | None = None,
    executor: Executor | None = None,
    progress: bool = True,
) -> GradientCheck:
    """Judge anyone's backprop of the sigmoid network on networks where a fault shows.

    Parameters
    ----------
    gradient : callable (params, X, Y) -> grads
        The gradient of the mean cross-entropy, keyed and shaped as in `check_network`. It is given copies.
    layer_dims : sequence of int, optional
        Judge on networks of these widths only.
    examples : int, optional
        The number of examples, m.
    seed : int
    probes : sequence of Probe, optional
        Judge on these instead of `default_probes`.
    executor, progress : as in `check_network`

    Returns
    -------
    GradientCheck
        With the check of each probe in `probes`. A gradient that raises, changes its arguments, gives two answers to
        one question or returns what is no gradient is WRONG, and the reason says so.
    """
    if not callable(gradient):
        raise TypeError(f"gradient is {type(gradient).__name__}, expected a callable (params, X, Y) -> grads")
    if probes is None:
        probes = default_probes(layer_dims, examples=examples, seed=seed)
    elif not probes:
        raise ValueError("probes is empty, expected at least one")
    judged = [
        check_probe(gradient, probe, seed, executor)
        for probe in bar(probes, "probes", total=len(probes), show=progress)
    ]
    checks = tuple(check for check, _ in judged)
    worst = min(checks, key=lambda check: (check.verdict.rank, not check.parameters))
    return replace(
        worst,
        tolerance=TOLERANCE,
        reasons=tuple(dict.fromkeys(reason for check in checks for reason in check.reasons)),
        notes=tuple(dict.fromkeys(f"{note} ({check.probe})" for check in checks for note in check.notes)),
        diagnosis=diagnose([case for _, case in judged if case is not None]),
        probes=checks,
    )


def check_probe(
    gradient: GradientFunction, probe: Probe, seed: int = 0, executor: Executor | None = None
) -> tuple[GradientCheck, Case | None]:
    """Call the gradient twice on copies of the probe, and judge what comes back; without a diagnosis."""
    problem = Problem.of(probe.params, probe.X, probe.Y)
    answers: list[Problem] = []
    reasons: list[str] = []
    for _ in range(2):
        params, X, Y = problem.copies()
        copies = {**params, "X": X, "Y": Y}
        try:
            answers.append(problem.judging(gradient(params, X, Y)))
        except UnfitGradientError as error:
            return GradientCheck(Verdict.WRONG, reasons=tuple(str(error).split("\n")), probe=probe.name), None
        except (Exception, SystemExit) as error:  # the judged code may raise anything
            reason = f"gradient raised {type(error).__name__}: {error}"
            return GradientCheck(Verdict.WRONG, reasons=(reason,), probe=probe.name), None
        reasons += [f"gradient changed its argument {what}" for what in _changes(params, copies, problem)]
    check, case = _judge(answers[1], "auto", seed, Workers(executor))
    reasons += _inconsistencies(answers, case)
    verdict = Verdict.WRONG if reasons else check.verdict
    return replace(check, verdict=verdict, reasons=(*dict.fromkeys(reasons), *check.reasons), probe=probe.name), case


def _changes(params: Mapping[str, Array], copies: Mapping[str, Array], problem: Problem) -> list[str]:
    """The arguments that a call has changed: arrays, or entries of the dict."""
    before, X, Y = problem.copies()
    changed = [key for key, V in {**before, "X": X, "Y": Y}.items() if not np.array_equal(copies[key], V)]
    changed += [f"params ({key})" for key in before if params.get(key) is not copies[key]]
    return changed + [f"params ({key})" for key in params if key not in before]


def _inconsistencies(answers: Sequence[Problem], case: Case | None) -> list[str]:
    """Parameters for which two calls gave gradients further apart than rounding takes them."""
    first, second = (problem.given for problem in answers)
    with np.errstate(invalid="ignore"):
        differ = [
            first.names[key]
            for key, V in first.arrays.items()
            if not np.array_equal(V, second.arrays[key], equal_nan=True)
            and (case is None or not (np.abs(V - second.arrays[key]) <= 2 * case.compared.tolerance[key]).all())
        ]
    return [f"gradient gave two answers to one question: {', '.join(differ)}"] if differ else []


def _judge(problem: Problem, method: str, seed: int, workers: Workers) -> tuple[GradientCheck, Case | None]:
    """The check of a network's gradient, and what a diagnosis of it needs, if every entry was compared."""
    if not all(np.isfinite(Z).all() for Z in problem.Z[1:]) or math.isinf(cancellation_free.underflow(problem)):
        largest = max(float(np.abs(V).max()) for V in (problem.X, *problem.params.values()))
        reason = f"numbers as large as {largest:.1e} take every difference out of the range of floats"
        return GradientCheck(Verdict.UNRELIABLE, tolerance=TOLERANCE, reasons=(reason,)), None
    if method == "directions" or (method == "auto" and cancellation_free.work(problem) > PER_ENTRY_WORK):
        return _judge_sums(problem, seed, workers.progress), None
    given = problem.given.arrays
    found = cancellation_free.estimates(problem, [l for l in range(problem.L) if f"A{l}" in given], workers)
    compared = Comparison(problem.given, found, allowances(problem))
    witnesses = (
        Testimony(cancellation_free.NAME, sum(V.size for V in given.values())),
        Testimony(complex_step.NAME, len(given), "along one random direction of each array"),
    )
    check = GradientCheck.of(compared.checks, witnesses, TOLERANCE, notes=tuple(compared.notes))
    if disagreements := tuple(directions.disagreements(problem, found, seed)):
        check = replace(check, verdict=Verdict.UNRELIABLE, reasons=disagreements)
    elif check and (blind := blindness(problem.params, problem.X, problem.Y)):
        check = replace(check, verdict=Verdict.BLIND, reasons=(blind,))
    return check, Case(problem, compared)


def _judge_sums(problem: Problem, seed: int, progress: bool) -> GradientCheck:
    searches = directions.of_network(problem, seed)
    check, samples = directions.judged(searches, problem.given, cancellation_free.NAME, TOLERANCE_OF_SUMS, progress)
    notes = ("along directions, dA0 … are not looked at",) if len(problem.given.arrays) > len(searches) else ()
    return described(replace(check, notes=notes), samples)
