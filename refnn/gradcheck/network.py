"""The gradient of a declared network, judged at one point."""

from __future__ import annotations

import math
from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import replace
from typing import Any, Unpack

import numpy as np

from refnn._shapes import choice, switch, whole
from refnn.gradcheck.declaration import Declaration, Keywords
from refnn.gradcheck.faults.diagnosis import Case, diagnose
from refnn.gradcheck.faults.probes import blindness
from refnn.gradcheck.faults.structure import described
from refnn.gradcheck.problem import Problem
from refnn.gradcheck.verdict.judgement import Comparison
from refnn.gradcheck.verdict.result import NOTHING, GradientCheck, Testimony, Verdict
from refnn.gradcheck.verdict.rounding import allowances
from refnn.gradcheck.witness import cancellation_free, complex_step, directions
from refnn.gradcheck.witness.workers import Workers

METHODS = ("auto", "entries", "directions")
PER_ENTRY_WORK = 2e10  # elements that a check of every entry may touch before "auto" takes directions: a minute's work
TOLERANCE = (
    "for each entry, the rounding error of the witness plus that of the standard formulas (A - Y, A (1 - A) …) at this "
    "point in the gradient's dtype, both by running error analysis; in a dtype coarser than float64 at the level that "
    "random errors reach"
)
TOLERANCE_OF_SUMS = (
    f"{TOLERANCE}, scaled to the level that random errors of a roundoff reach; for a sum of entries under random "
    "signs, Hoeffding's bound at 4e-16"
)


@np.errstate(all="ignore")
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
    **declaration: Unpack[Keywords],
) -> GradientCheck:
    """Judge the gradient of a network's cost at one point.

    Parameters
    ----------
    params : dict of W_l (n_l, n_{l-1}) and b_l (n_l, 1)
    X, Y : (n_0, m) and (n_L, m), Y in [0, 1] for a cross-entropy
    grads : dict of floating-point arrays, or of what NumPy reads as such, keyed "dW1", "db1" … or "W1", "b1" …
        Each is judged in its own dtype: float32 arrays as computed in float32.
    method : "entries", "directions" or "auto"
        Every entry on its own by the cancellation-free difference; or random directions, then bisection to the
        entries that are wrong, for networks too large for that. "auto" decides by the work.
    seed : int, of the random directions
    executor : concurrent.futures.Executor, optional
        Shares the work of "entries".
    progress : bool, whether long work shows a bar on a terminal
    **declaration : the network and its conventions, as in `check_backprop`

    Returns
    -------
    GradientCheck

    Raises
    ------
    ValueError, TypeError
        Naming everything in the arguments that does not fit together.
    """
    choice("method", method, METHODS)
    whole("seed", seed, 0)
    switch("progress", progress)
    said = Declaration.of(declaration)
    if not said.known:
        raise ValueError(f"{said.says}: functions of one's own are judged by check_backprop, or by check_gradients")
    problem = Problem.of(*said.ours(params, X, Y), said).judging(grads)
    check, case = judge_network(problem, method, seed, Workers(executor, progress))
    return replace(check, diagnosis=diagnose([case])) if case and check.verdict is Verdict.WRONG else check


def judge_network(problem: Problem, method: str, seed: int, workers: Workers) -> tuple[GradientCheck, Case | None]:
    """The check of a network's gradient, and what a diagnosis of it needs, if every entry was compared."""
    l1, l2 = problem.declaration.penalties(problem.m)
    slopes = (l1 + l2 * np.abs(W) for W in problem.W[1:])
    held = all(np.isfinite(V).all() for V in (*problem.Z[1:], *slopes))
    if not held or math.isinf(cancellation_free.underflow(problem)):
        largest = max(l1, l2, *(float(np.abs(V).max()) for V in (problem.X, *problem.params.values())))
        reason = f"numbers as large as {largest:.1e} take every difference out of the range of floats"
        return GradientCheck(Verdict.UNRELIABLE, tolerance=TOLERANCE, reasons=(reason,)), None
    if method == "directions" or (method == "auto" and cancellation_free.work(problem) > PER_ENTRY_WORK):
        return _judge_sums(problem, seed, workers.progress), None
    given, declaration = problem.given.arrays, problem.declaration
    found = cancellation_free.estimates(problem, [l for l in range(problem.L) if f"A{l}" in given], workers)
    compared = Comparison(problem.given, found, allowances(problem))
    witnesses = (
        Testimony(cancellation_free.NAME, sum(V.size for V in given.values())),
        Testimony(complex_step.NAME, len(given), "along one random direction of each array"),
    )
    n = problem.at_kink  # where another slope is no loss of digits
    kinks = f"{n} of the Z stand exactly at a kink: each slope between the two sides is accepted there"
    notes = [kinks] if n else [*compared.notes]
    check = GradientCheck.of([*compared.checks.values()], witnesses, TOLERANCE, notes=tuple(notes))
    if disagreements := tuple(said for _, said in directions.disagreements(problem, found, seed)):
        check = replace(check, verdict=Verdict.UNRELIABLE, reasons=disagreements)
    elif check and (
        blind := _drowned(check, declaration) or blindness(problem.params, problem.X, problem.Y, declaration)
    ):
        check = replace(check, verdict=Verdict.BLIND, reasons=(blind,))
    return check, Case(problem, compared)


def _drowned(check: GradientCheck, declaration: Declaration) -> str:
    """Whether a step is so small that arrays of parameters do not hold it."""
    lost = any(part.sees is None or part.sees >= NOTHING for part in check.parameters)
    if declaration.step is None or not lost:
        return ""
    return f"a step of {declaration.step:g} is lost in the rounding of parameters: no fault in them would show"


def _judge_sums(problem: Problem, seed: int, progress: bool) -> GradientCheck:
    searches = directions.of_network(problem, seed)
    _, checks, best = directions.judged(searches, problem.given, progress)
    asked = sum(search.asked for search in searches.values())
    testimony = Testimony(f"{cancellation_free.NAME} along random directions", asked)
    check = GradientCheck.of(checks, (testimony,), TOLERANCE_OF_SUMS)
    if check and (blind := _drowned(check, problem.declaration)):
        check = replace(check, verdict=Verdict.BLIND, reasons=(blind,))
    notes = ("along directions, dA0 … are not looked at",) if len(problem.given.arrays) > len(searches) else ()
    return described(replace(check, notes=notes), best)
