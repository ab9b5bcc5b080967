"""Is this backprop right? A gradient of the sigmoid network's mean cross-entropy, judged at one point or on many."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from typing import Any

import numpy as np

from refnn._progress import bar
from refnn.gradcheck import cancellation_free, directional, sums
from refnn.gradcheck._inputs import UnfitGradientError, gradient_arrays, sigmoid_network
from refnn.gradcheck._network import Array, Network, network
from refnn.gradcheck.diagnosis import Case, diagnose_all
from refnn.gradcheck.judge import judge, precision_notes, worst_first
from refnn.gradcheck.probes import Probe, blindness, default_probes
from refnn.gradcheck.result import GradientCheck, Testimony, Verdict
from refnn.gradcheck.rounding import gradient_bounds

GradientFunction = Callable[[dict[str, Array], Array, Array], Mapping[str, Any]]

PER_ENTRY_WORK = 2e10  # elements that a check of every entry may touch before "auto" takes directions: a minute's work
TOLERANCE = (
    "for each entry, the rounding error of the witness plus that of the standard formulas (A - Y, A (1 - A)) at this "
    "point in the gradient's dtype, both by running error analysis"
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
    if method not in ("auto", "entries", "directions"):
        raise ValueError(f"method is {method!r}, expected 'auto', 'entries' or 'directions'")
    params, X, Y = sigmoid_network(params, X, Y)
    net = network(params, X, Y)
    given, names = gradient_arrays(grads, params, net.activations)
    check, case = _judge(net, params, X, Y, given, names, method, seed, executor, progress)
    if check.verdict is Verdict.WRONG and case is not None:
        return replace(check, diagnosis=diagnose_all([case]))
    return check


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
        _try(gradient, probe, seed, executor) for probe in bar(probes, "probes", total=len(probes), show=progress)
    ]
    checks = tuple(check for check, _ in judged)
    worst = min(checks, key=lambda check: (check.verdict.rank, not check.parameters))
    return GradientCheck(
        worst.verdict,
        worst.parameters,
        worst.witnesses,
        TOLERANCE,
        tuple(dict.fromkeys(reason for check in checks for reason in check.reasons)),
        tuple(dict.fromkeys(f"{note} ({check.probe})" for check in checks for note in check.notes)),
        diagnose_all([case for _, case in judged if case is not None]),
        worst.probe,
        checks,
    )


def _try(
    gradient: GradientFunction, probe: Probe, seed: int, executor: Executor | None
) -> tuple[GradientCheck, Case | None]:
    """Call the gradient twice on copies of the probe, and judge what comes back."""
    params, X, Y = sigmoid_network(probe.params, probe.X, probe.Y)
    net = network(params, X, Y)
    answers = []
    reasons: list[str] = []
    for _ in range(2):
        copies = {**{key: V.copy() for key, V in params.items()}, "X": X.copy(), "Y": Y.copy()}
        arguments = {key: copies[key] for key in params}
        try:
            given, names = gradient_arrays(gradient(arguments, copies["X"], copies["Y"]), params, net.activations)
        except UnfitGradientError as error:
            return GradientCheck(Verdict.WRONG, reasons=tuple(str(error).split("\n")), probe=probe.name), None
        except Exception as error:  # the judged code may raise anything
            reason = f"gradient raised {type(error).__name__}: {error}"
            return GradientCheck(Verdict.WRONG, reasons=(reason,), probe=probe.name), None
        reasons += [f"gradient changed its argument {what}" for what in _changes(arguments, copies, params, X, Y)]
        answers.append(given)
    check, case = _judge(net, params, X, Y, given, names, "auto", seed, executor, False)
    reasons += _inconsistencies(answers, case)
    verdict = Verdict.WRONG if reasons else check.verdict
    reasons = [*dict.fromkeys(reasons), *check.reasons]
    return replace(check, verdict=verdict, reasons=tuple(reasons), probe=probe.name), case


def _changes(
    arguments: Mapping[str, Array], copies: Mapping[str, Array], params: Mapping[str, Array], X: Array, Y: Array
) -> list[str]:
    """The arguments that a call has changed: arrays, or entries of the dict."""
    before = {**params, "X": X, "Y": Y}
    changed = [key for key, V in copies.items() if not np.array_equal(V, before[key])]
    changed += [f"params ({key})" for key in params if arguments.get(key) is not copies[key]]
    return changed + [f"params ({key})" for key in arguments if key not in params]


def _inconsistencies(answers: Sequence[Mapping[str, Array]], case: Case | None) -> list[str]:
    """Parameters for which two calls gave gradients further apart than rounding takes them."""
    first, second = answers
    with np.errstate(invalid="ignore"):
        differ = [
            f"d{key}"
            for key in first
            if not np.array_equal(first[key], second[key], equal_nan=True)
            and (case is None or not (np.abs(first[key] - second[key]) <= 2 * case.tolerance[f"d{key}"]).all())
        ]
    return [f"gradient gave two answers to one question: {', '.join(differ)}"] if differ else []


def _judge(
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
    """The check without a diagnosis, and what a diagnosis needs: the truth in every entry, if that was found."""
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
    tolerance = {key: allowance[key] + error[key] for key in net.keys}
    found = list(directional.searches(net, given, names, error, tolerance, seed, progress))
    checks = [search.check for _, search, _ in found]
    return GradientCheck(
        min((check.verdict for check in checks), key=lambda v: v.rank),
        worst_first(checks),
        (Testimony(f"{cancellation_free.NAME} along random directions", sum(n for *_, n in found)),),
        f"{TOLERANCE}; for a sum of entries under random signs, Hoeffding's bound at 4e-16",
        notes=("the gradients of activations are not looked at along directions",) if len(given) > len(net.keys) else (),
        diagnosis=sums.diagnosis({key: search for key, search, _ in found}, given, names),
    )


def _work(net: Network) -> float:
    """Elements touched by a check of every entry."""
    above = np.cumsum([W.shape[0] for W in net.W[:0:-1]])[::-1]
    return float(sum(W.size * n for W, n in zip(net.W[1:], above, strict=True))) * net.m


def _allowances(
    net: Network, params: Mapping[str, Array], X: Array, given: Mapping[str, Array]
) -> dict[str, Array]:
    """How far rounding in each gradient's own dtype can take the standard formulas."""
    exact = np.result_type(X, *params.values())
    bounds = {
        dtype: gradient_bounds(net, dtype, plain=True, rounds_inputs=np.finfo(dtype).eps > np.finfo(exact).eps)
        for dtype in {V.dtype for V in given.values()}
    }
    return {key: bounds[V.dtype][key] for key, V in given.items()}
