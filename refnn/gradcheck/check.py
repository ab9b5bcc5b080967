"""The gradient of any function of a dict of arrays: computed numerically, or judged."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from typing import Any

import numpy as np

from refnn.gradcheck.faults.diagnosis import Diagnosis, structure
from refnn.gradcheck.inputs import gradient_arrays, real_parameters
from refnn.gradcheck.problem import Array
from refnn.gradcheck.verdict.judgement import judge, precision_notes, worst_first
from refnn.gradcheck.verdict.result import GradientCheck, Testimony, Verdict
from refnn.gradcheck.witness import central, complex_step, exact, sums
from refnn.gradcheck.witness.entries import Findings, Workers, by_complex_step, by_differences, every_place
from refnn.gradcheck.witness.function import Behaviour, Function, Scalar, observe, prepare

PER_ENTRY = 50_000  # entries up to which "auto" moves each
SECOND_LOOK = 16  # wrong entries that are put to a second witness
TOLERANCE = {
    complex_step.NAME: "for each entry, the rounding error of the derivative, measured at neighbouring points, in the "
    "witness's arithmetic and in the gradient's dtype",
    central.NAME: "for each entry, the truncation error left after extrapolation and the noise of f over the step; for "
    "a gradient coarser than float64 also its answer to rounding the parameters",
}


def numerical_gradient(f: Function, params: Mapping[str, Any], *, method: str = "auto") -> dict[str, Array]:
    """The gradient of f at params, without a formula.

    Parameters
    ----------
    f : callable
        ``f(params) -> scalar`` on a dict of arrays; is given copies.
    params : dict of real arrays of any shapes
    method : "complex", "central" or "auto"
        The complex step keeps every digit, for an f made of complex-safe operations; central differences take any f.
        "auto" tries f for that and chooses.

    Returns
    -------
    dict of float64 arrays, keyed and shaped like params

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
    params = real_parameters(params)
    rng = np.random.default_rng(0)
    function = prepare(f, params)
    params = function.cast(params)
    behaviour = observe(function, params, rng)
    if behaviour.unfit:
        raise ValueError("; ".join(behaviour.unfit))
    found, _ = _derivatives(function, params, behaviour, method, None, rng, Workers())
    return {key: estimate.value for key, estimate in found.estimates(params).items()}


def check_gradients(
    f: Function,
    params: Mapping[str, Any],
    grads: Mapping[str, Any] | Callable[[dict[str, Any]], Mapping[str, Any]],
    *,
    method: str = "auto",
    seed: int = 0,
    executor: Executor | None = None,
    progress: bool = True,
) -> GradientCheck:
    """Judge a gradient of any f.

    For a backprop of the sigmoid network use `check_backprop` or `check_network`: they know how far rounding can take
    its formulas. Of another f only the noise of its own derivative is known: a gradient that is off by more, and right
    to half its digits, is UNRELIABLE, for its formula may cancel where f does not.

    Parameters
    ----------
    f : callable
        ``f(params) -> scalar`` on a dict of arrays; is given copies.
    params : dict of real arrays of any shapes
    grads : dict of floating-point arrays, or of what NumPy reads as such
        Keyed and shaped like params, or with "dW1" for "W1". Entries "dA0" … are not looked at. With
        ``method="exact"`` a callable ``grads(params)``, which is given exact numbers.
    method : str
        "complex" or "central" compare every entry with this witness; "directions" compares sums of entries, and
        searches where one is off; "exact" runs f and grads over a finite field, tolerance zero
        (`refnn.numbers.exact_check`). "auto" takes the complex step if f carries it, else central differences, and
        directions beyond 50,000 entries.
    seed : int, of random directions and points
    executor : concurrent.futures.Executor, optional
        Shares the work of comparing every entry; for a process pool f has to be picklable.
    progress : bool, whether long work shows a bar on a terminal

    Returns
    -------
    GradientCheck

    Raises
    ------
    ValueError, TypeError
        Naming all that is wrong with an argument, or a `method="complex"` for which f is not made.
    """
    methods = ("auto", "complex", "central", "directions", "exact")
    if method not in methods:
        raise ValueError(f"method is {method!r}, expected one of {', '.join(map(repr, methods))}")
    if method == "exact":
        return exact.check(f, params, grads, seed)
    params = real_parameters(params)
    given, names = gradient_arrays(grads, params)
    rng = np.random.default_rng(seed)
    function = prepare(f, params)
    params = function.cast(params)
    behaviour = observe(function, params, rng)
    if behaviour.unfit:
        return GradientCheck(Verdict.UNRELIABLE, reasons=behaviour.unfit)
    if method == "directions" or (method == "auto" and sum(V.size for V in params.values()) > PER_ENTRY):
        return sums.check(function, params, behaviour, given, names, rng, progress)
    coarsest = max((V.dtype for V in given.values()), key=lambda dtype: float(np.finfo(dtype).eps))
    found, notes = _derivatives(function, params, behaviour, method, coarsest, rng, Workers(executor, progress))
    return _verdict(function, params, behaviour, found, given, names, notes, rng)


def _derivatives(
    function: Scalar,
    params: dict[str, Array],
    behaviour: Behaviour,
    method: str,
    coarsest: np.dtype[Any] | None,
    rng: np.random.Generator,
    workers: Workers,
) -> tuple[Findings, list[str]]:
    """The derivative in every entry, and why it is not by the complex step if it is not."""
    places = every_place(params)
    notes: list[str] = []
    if method != "central":
        defect = complex_step.defect(function, params, behaviour, rng)
        if not defect:
            return by_complex_step(function, params, places, rng, workers), notes
        if method == "complex":
            raise ValueError(f"method is 'complex', but {defect}")
        notes.append(f"the complex step is not used: {defect}")
    return by_differences(function, params, behaviour, places, coarsest, rng, workers), notes


def _verdict(
    function: Scalar,
    params: dict[str, Array],
    behaviour: Behaviour,
    found: Findings,
    given: dict[str, Array],
    names: dict[str, str],
    notes: list[str],
    rng: np.random.Generator,
) -> GradientCheck:
    estimates = found.estimates(params)
    allowance = found.allowances(params, {key: V.dtype for key, V in given.items()})
    checks = [judge(names[key], given[key], estimates[key], allowance[key], formula_known=False) for key in params]
    verdict = min((check.verdict for check in checks), key=lambda v: v.rank)
    witnesses, diagnosis = found.testimony, None
    reasons: list[str] = []
    if verdict is Verdict.WRONG:
        second, reasons = _second_look(function, params, behaviour, found, given, allowance, rng)
        witnesses += second
        truth = {names[key]: estimate.value for key, estimate in estimates.items()}
        tolerance = {names[key]: estimate.error + allowance[key] for key, estimate in estimates.items()}
        if reasons:
            verdict = Verdict.UNRELIABLE
        else:
            diagnosis = Diagnosis((), structure({names[key]: V for key, V in given.items()}, truth, tolerance))
    elif verdict is Verdict.PASS and not found.value.any():
        verdict = Verdict.BLIND
        reasons = ["every derivative is zero at these parameters: a wrong factor or sign would not show"]
    if behaviour.spread:
        notes.append(f"evaluations of f at one point differ by {behaviour.spread:.1e}")
    if behaviour.in_float32:
        notes.append("f returns float32 numbers: its noise bounds what can be seen")
    return GradientCheck(
        verdict,
        worst_first(checks),
        witnesses,
        TOLERANCE[found.testimony[0].witness],
        tuple(reasons),
        (*notes, *precision_notes(checks, given, names)),
        diagnosis,
    )


def _second_look(
    function: Scalar,
    params: dict[str, Array],
    behaviour: Behaviour,
    found: Findings,
    given: dict[str, Array],
    allowance: dict[str, Array],
    rng: np.random.Generator,
) -> tuple[tuple[Testimony, ...], list[str]]:
    """Put some of the wrong entries to central differences, if they were found wrong by the complex step."""
    if found.testimony[0].witness != complex_step.NAME:
        return (), []
    flat = np.concatenate([given[key].ravel() for key in params])
    allowed = np.concatenate([allowance[key].ravel() for key in params])
    wrong = np.flatnonzero(~(np.abs(flat - found.value) <= found.error + allowed))
    wrong = wrong[np.linspace(0, len(wrong) - 1, min(len(wrong), SECOND_LOOK)).astype(int)]
    places = [every_place(params)[i] for i in wrong]
    second = by_differences(function, params, behaviour, places, None, rng, Workers())
    reasons = [
        f"the witnesses disagree at {key}{[int(k) for k in np.unravel_index(index, params[key].shape)]}: "
        f"complex step {found.value[i]:.10g}, central difference {value:.10g} with an error of {error:.1e}"
        for i, (key, index), value, error in zip(wrong, places, second.value, second.error, strict=True)
        if abs(value - found.value[i]) > error + found.error[i]
    ]
    return second.testimony, reasons
