"""The gradient of any function of a dict of arrays: computed numerically, or judged."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from refnn._shapes import Array
from refnn.gradcheck.faults.structure import described
from refnn.gradcheck.problem import Gradient, real_parameters
from refnn.gradcheck.verdict.judgement import Comparison
from refnn.gradcheck.verdict.result import GradientCheck, ParameterCheck, Testimony, Verdict
from refnn.gradcheck.witness import central, complex_step, directions
from refnn.gradcheck.witness.entries import Findings, by_complex_step, by_differences, every_place
from refnn.gradcheck.witness.function import Function, Scalar, in_float32, observe
from refnn.gradcheck.witness.workers import ALONE, Workers
from refnn.numbers import exact_check

METHODS = ("auto", "complex", "central", "directions", "exact")
PER_ENTRY = 50_000  # entries up to which "auto" moves each
SECOND_LOOK = 16  # wrong entries that are put to a second witness
TOLERANCE = {
    complex_step.NAME: "for each entry, the rounding error of the derivative, measured at neighbouring points, in the "
    "witness's arithmetic and in the gradient's dtype",
    central.NAME: "for each entry, the truncation error left after extrapolation and the noise of f over the step; for "
    "a gradient coarser than float64 also its answer to rounding the parameters",
}
TOLERANCE_OF_SUMS = (
    "for a sum of entries under random signs, the error of its derivative and, by Hoeffding's bound at 4e-16, a few "
    "roundoffs of each entry in its dtype"
)


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
    rng = np.random.default_rng(0)
    function = observe(f, real_parameters(params), rng)
    if function.unfit:
        raise ValueError("; ".join(function.unfit))
    found, _ = _derivatives(function, method, rng)
    return {key: estimate.value for key, estimate in found.estimates(function.params).items()}


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

    For a backprop of a network use `check_backprop` or `check_network`: they know how far rounding can take
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
    if method not in METHODS:
        raise ValueError(f"method is {method!r}, expected one of {', '.join(map(repr, METHODS))}")
    if method == "exact":
        return _judge_exactly(f, params, grads, seed)
    params = real_parameters(params)
    given = Gradient.of(grads, params)
    rng = np.random.default_rng(seed)
    function = observe(f, params, rng)
    if not function.unfit and (
        method == "directions" or (method == "auto" and sum(V.size for V in params.values()) > PER_ENTRY)
    ):
        return _judge_sums(function, given, rng, progress)
    return judge_entries(function, given, rng, method=method, workers=Workers(executor, progress))


def judge_entries(
    function: Scalar,
    given: Gradient,
    rng: np.random.Generator,
    *,
    method: str = "auto",
    workers: Workers = ALONE,
    allowance: Mapping[str, Array] | None = None,
) -> GradientCheck:
    """Every entry by the complex step or differences; with an `allowance` if the formula's rounding is known."""
    if function.unfit:
        return GradientCheck(Verdict.UNRELIABLE, reasons=function.unfit)
    coarsest = max((V.dtype for V in given.arrays.values()), key=lambda dtype: float(np.finfo(dtype).eps))
    found, notes = _derivatives(function, method, rng, workers, coarsest)
    compared = _compared(function, given, found, allowance)
    check = _judge(function, compared, found, rng)
    return replace(check, notes=(*notes, *check.notes))


def _compared(function: Scalar, given: Gradient, found: Findings, allowance: Mapping[str, Array] | None) -> Comparison:
    own = found.allowances(given.arrays)
    more = allowance or {}
    allowed = {key: V + more.get(key, 0) for key, V in own.items()}
    return Comparison(given, found.estimates(function.params), allowed, formula_known=allowance is not None)


def _derivatives(
    function: Scalar, method: str, rng: np.random.Generator, workers: Workers = ALONE, coarsest: DTypeLike = np.float64
) -> tuple[Findings, list[str]]:
    """The derivative in every entry, and why it is not by the complex step if it is not."""
    places = every_place(function.params)
    notes = []
    if method != "central":
        defect = complex_step.defect(function, rng)
        if not defect:
            return by_complex_step(function, places, rng, workers), []
        if method == "complex":
            raise ValueError(f"method is 'complex', but {defect}")
        notes.append(f"the complex step is not used: {defect}")
    return by_differences(function, places, rng, workers, coarsest), notes


def _judge(function: Scalar, compared: Comparison, found: Findings, rng: np.random.Generator) -> GradientCheck:
    notes = []
    if function.spread:
        notes.append(f"evaluations of f at one point differ by {function.spread:.1e}")
    if in_float32(function.value):
        notes.append("f returns float32 numbers: its noise bounds what can be seen")
    notes += compared.notes
    check = GradientCheck.of(
        compared.checks, (found.testimony,), TOLERANCE[found.testimony.witness], notes=tuple(notes)
    )
    if check and not found.value.any():
        reason = "every derivative is zero at these parameters: a wrong factor or sign would not show"
        return replace(check, verdict=Verdict.BLIND, reasons=(reason,))
    if check.verdict is Verdict.WRONG and found.testimony.witness == complex_step.NAME:
        testimony, reasons = _second_look(function, found, compared, rng)
        check = replace(check, witnesses=(found.testimony, testimony))
        if reasons:
            return replace(check, verdict=Verdict.UNRELIABLE, reasons=reasons)
    return described(check, compared)


def _second_look(
    function: Scalar, found: Findings, compared: Comparison, rng: np.random.Generator
) -> tuple[Testimony, tuple[str, ...]]:
    """Put some of the entries that the complex step finds wrong to central differences, and say where they disagree."""
    flat, allowed = (
        np.concatenate([V.ravel() for V in arrays.values()]) for arrays in (compared.given.arrays, compared.allowance)
    )
    wrong = np.flatnonzero(~(np.abs(flat - found.value) <= found.error + allowed))
    wrong = wrong[np.linspace(0, len(wrong) - 1, min(len(wrong), SECOND_LOOK)).astype(int)]
    every = every_place(function.params)
    places = [every[i] for i in wrong]
    second = by_differences(function, places, rng)
    disagreements = tuple(
        f"the witnesses disagree at {key}{[int(k) for k in np.unravel_index(index, function.params[key].shape)]}: "
        f"complex step {found.value[i]:.10g}, central difference {value:.10g} with an error of {error:.1e}"
        for i, (key, index), value, error in zip(wrong, places, second.value, second.error, strict=True)
        if abs(value - found.value[i]) > error + found.error[i]
    )
    return second.testimony, disagreements


def _judge_sums(function: Scalar, given: Gradient, rng: np.random.Generator, progress: bool) -> GradientCheck:
    """Compare random sums of entries, and search where one is off."""
    defect = complex_step.defect(function, rng)
    searches = directions.of_function(function, given, rng, complex_safe=not defect)
    witness = central.NAME if defect else complex_step.NAME
    check, samples = directions.judged(searches, given, witness, TOLERANCE_OF_SUMS, progress)
    notes = (f"the complex step is not used: {defect}",) if defect else ()
    return described(replace(check, notes=notes), samples)


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
