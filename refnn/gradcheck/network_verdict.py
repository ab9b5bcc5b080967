"""The verdict on the gradient of a sigmoid network at one point: entry by entry, or along directions."""

from __future__ import annotations

import math
from collections.abc import Mapping
from concurrent.futures import Executor

import numpy as np

from refnn.gradcheck.faults.diagnosis import Case
from refnn.gradcheck.faults.probes import blindness
from refnn.gradcheck.problem import Array, Network
from refnn.gradcheck.verdict import stochastic
from refnn.gradcheck.verdict.judgement import judge, precision_notes, worst_first
from refnn.gradcheck.verdict.result import GradientCheck, Testimony, Verdict
from refnn.gradcheck.verdict.rounding import gradient_bounds
from refnn.gradcheck.witness import cancellation_free, directional, sums

METHODS = ("auto", "entries", "directions")
PER_ENTRY_WORK = 2e10  # elements that a check of every entry may touch before "auto" takes directions: a minute's work
TOLERANCE = (
    "for each entry, the rounding error of the witness plus that of the standard formulas (A - Y, A (1 - A)) at this "
    "point in the gradient's dtype, both by running error analysis"
)


def judge_network(
    net: Network,
    params: dict[str, Array],
    X: Array,
    Y: Array,
    given: Mapping[str, Array],
    names: Mapping[str, str],
    method: str,
    seed: int,
    executor: Executor | None,
    progress: bool,
) -> tuple[GradientCheck, Case | None]:
    """The check of a network's gradient, and what a diagnosis of it needs: the truth in every entry, if it was found.

    `given` and `names`, from parameter to gradient and to the key it came under, are those of `gradient_arrays`.
    """
    if not all(np.isfinite(Z).all() for Z in net.Z[1:]) or math.isinf(cancellation_free.underflow(net)):
        largest = max(float(np.abs(V).max()) for V in (X, *params.values()))
        reason = f"numbers as large as {largest:.1e} take every difference out of the range of floats"
        return GradientCheck(Verdict.UNRELIABLE, tolerance=TOLERANCE, reasons=(reason,)), None
    allowance = _allowances(net, params, X, given)
    if method == "directions" or (method == "auto" and _work(net) > PER_ENTRY_WORK):
        return _judge_directions(net, given, names, allowance, seed, progress), None
    activations = [l for l in range(net.L) if f"A{l}" in given]
    found = cancellation_free.estimates(net, activations, executor=executor, progress=progress)
    checks = [judge(names[key], given[key], found[key], allowance[key]) for key in given]
    verdict = min((check.verdict for check in checks), key=lambda v: v.rank)
    reasons = directional.disagreements(net, found, seed)
    if reasons:
        verdict = Verdict.UNRELIABLE
    elif verdict is Verdict.PASS and (blind := blindness(params, X, Y)):
        verdict, reasons = Verdict.BLIND, [blind]
    check = GradientCheck(
        verdict,
        worst_first(checks),
        (
            Testimony(cancellation_free.NAME, sum(V.size for V in given.values())),
            Testimony("complex step", len(given), "along one random direction of each array"),
        ),
        TOLERANCE,
        tuple(reasons),
        tuple(precision_notes(checks, given, names)),
    )
    truth = {f"d{key}": found[key].value for key in given}
    tolerance = {f"d{key}": found[key].error + allowance[key] for key in given}
    return check, Case(params, X, Y, {f"d{key}": V for key, V in given.items()}, truth, tolerance)


def _judge_directions(
    net: Network,
    given: Mapping[str, Array],
    names: Mapping[str, str],
    allowance: Mapping[str, Array],
    seed: int,
    progress: bool,
) -> GradientCheck:
    error = gradient_bounds(net, net.Y.dtype, plain=False)
    level = stochastic.levels(net, np.random.default_rng(seed))
    floor = cancellation_free.underflow(net)
    scale = {key: np.where(error[key] > floor, error[key], 0) for key in net.keys}
    tolerance = {key: level[key] * (allowance[key] + error[key]) + floor for key in net.keys}
    found = list(directional.searches(net, given, names, scale, tolerance, seed, progress))
    checks = [search.check for _, search, _ in found]
    return GradientCheck(
        min((check.verdict for check in checks), key=lambda v: v.rank),
        worst_first(checks),
        (Testimony(f"{cancellation_free.NAME} along random directions", sum(n for *_, n in found)),),
        f"{TOLERANCE}, scaled to the level that random errors of a roundoff reach; for a sum of entries under random "
        "signs, Hoeffding's bound at 4e-16",
        notes=() if len(given) == len(net.keys) else ("along directions, dA0 … are not looked at",),
        diagnosis=sums.diagnosis({key: search for key, search, _ in found}, given, names),
    )


def _work(net: Network) -> float:
    """Elements touched by a check of every entry."""
    above = np.cumsum([W.shape[0] for W in net.W[:0:-1]])[::-1]
    return float(sum(W.size * n for W, n in zip(net.W[1:], above, strict=True))) * net.m


def _allowances(net: Network, params: Mapping[str, Array], X: Array, given: Mapping[str, Array]) -> dict[str, Array]:
    """How far rounding in each gradient's own dtype can take the standard formulas."""
    exact = np.result_type(X, *params.values())
    bounds = {
        dtype: gradient_bounds(net, dtype, plain=True, rounds_inputs=np.finfo(dtype).eps > np.finfo(exact).eps)
        for dtype in {V.dtype for V in given.values()}
    }
    return {key: bounds[V.dtype][key] for key, V in given.items()}
