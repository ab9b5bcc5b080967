"""Is this backprop right? A gradient of the sigmoid network's mean cross-entropy, judged at one point or on many."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from typing import Any

import numpy as np

from refnn._progress import bar
from refnn.gradcheck.faults.diagnosis import Case, diagnose_all
from refnn.gradcheck.faults.probes import Probe, default_probes
from refnn.gradcheck.inputs import UnfitGradientError, gradient_arrays, sigmoid_network
from refnn.gradcheck.network_verdict import METHODS, TOLERANCE, judge_network
from refnn.gradcheck.problem import Array, network
from refnn.gradcheck.verdict.result import GradientCheck, Verdict

GradientFunction = Callable[[dict[str, Array], Array, Array], Mapping[str, Any]]


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
    params, X, Y = sigmoid_network(params, X, Y)
    net = network(params, X, Y)
    given, names = gradient_arrays(grads, params, net.activations)
    check, case = judge_network(net, params, X, Y, given, names, method, seed, executor, progress)
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
        check_probe(gradient, probe, seed, executor)
        for probe in bar(probes, "probes", total=len(probes), show=progress)
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


def check_probe(
    gradient: GradientFunction, probe: Probe, seed: int = 0, executor: Executor | None = None
) -> tuple[GradientCheck, Case | None]:
    """Call the gradient twice on copies of the probe, and judge what comes back; without a diagnosis."""
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
        except (Exception, SystemExit) as error:  # the judged code may raise anything
            reason = f"gradient raised {type(error).__name__}: {error}"
            return GradientCheck(Verdict.WRONG, reasons=(reason,), probe=probe.name), None
        reasons += [f"gradient changed its argument {what}" for what in _changes(arguments, copies, params, X, Y)]
        answers.append(given)
    check, case = judge_network(net, params, X, Y, given, names, "auto", seed, executor, False)
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
