"""Why the gradient of a network is wrong: the bug that gives exactly this gradient.

Each fault of the catalogue is computed at the same parameters and data and compared with the gradient under test, first
alone, then the right gradients of networks that differ from the declared one, then faults in one layer only, then two
at a time. A cause is named only if it reproduces every entry, within the tolerance of the check, and explains those
that are wrong; where none does, the structure of the error is described instead.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from refnn._shapes import Array
from refnn.gradcheck.cached import cached_property
from refnn.gradcheck.faults.catalogue import FAULTS
from refnn.gradcheck.faults.hypotheses import FLOAT32, Hypothesis, alone, in_one_layer, other_networks, two
from refnn.gradcheck.faults.lines import Grads, Line, LineName, Run, backprop, by_layers, forward
from refnn.gradcheck.faults.structure import close, structure
from refnn.gradcheck.problem import Problem
from refnn.gradcheck.verdict.judgement import Comparison
from refnn.gradcheck.verdict.result import Cause, Diagnosis, Finding

DROPOUT = "dropout-left-on"
KEPT = (1.0, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2)  # shares of units that dropout keeps
UNEXPLAINED = 0.01  # of an error: if more is left beside a prediction, that does not explain it
# The lines on which the last layer's dW, db and dA depend; "grads" may change any of them.
LAST_LAYER: dict[str, frozenset[LineName]] = {
    "W": frozenset({"inputs", "output", "sum", "weights", "grads"}),
    "b": frozenset({"inputs", "output", "sum", "bias", "grads"}),
    "A": frozenset({"inputs", "output", "previous", "grads"}),
}
FLOAT32_PER_FLOAT64 = float(np.finfo(np.float32).eps / np.finfo(np.float64).eps)


class Target(NamedTuple):
    """What a prediction of one array is compared with.

    That is the gradient, the truth and the tolerance where the gradient is `finite`, as flat arrays; the largest entry
    of the truth (`size`) and of the tolerance (`widest`); the error, and where it exceeds the tolerance (`wrong`).
    """

    finite: Array
    given: Array
    truth: Array
    tolerance: Array
    size: float
    widest: float
    error: Array
    wrong: Array


@dataclass(frozen=True, eq=False)
class Case:
    """A gradient under test at one point, beside what the witnesses found."""

    problem: Problem
    compared: Comparison

    @cached_property
    def run(self) -> Run:
        """The forward pass, from which every prediction starts."""
        problem = self.problem
        return forward(problem.params, problem.X, problem.Y, problem.declaration)

    @cached_property
    def wrong(self) -> set[str]:
        """The arrays with entries outside their tolerance."""
        given, tolerance = self.compared.given.arrays, self.compared.tolerance
        return {key for key, t in self.compared.truth.items() if not close(given[key], t, tolerance[key])}

    @cached_property
    def targets(self) -> dict[str, Target]:
        return {key: self._target(key) for key in self.compared.truth}

    def _target(self, key: str) -> Target:
        given, truth = self.compared.given.arrays[key], self.compared.truth[key]
        size, finite = float(np.abs(truth).max()), np.isfinite(given)
        g, t, tolerance = (V[finite] for V in (given, truth, self.compared.tolerance[key]))
        error = np.abs(g - t)
        return Target(finite, g, t, tolerance, size, float(tolerance.max(initial=0)), error, error > tolerance)


def diagnose(cases: Sequence[Case]) -> Diagnosis | None:
    """Say why gradients by one implementation are wrong: a cause has to reproduce them at every point.

    Points at which the gradient is right count too: there a cause must change nothing. If no cause is left, the
    findings describe the first wrong gradient. None if all are within their tolerance.
    """
    wrong = [case for case in cases if case.wrong]
    if not wrong:
        return None
    # At a kink code may take either slope, and the prediction of a fault may take the other one.
    if any(not case.problem.at_kink for case in wrong):
        cases, wrong = ([case for case in some if not case.problem.at_kink] for some in (cases, wrong))
    problem, compared = wrong[0].problem, wrong[0].compared
    problems = [case.problem for case in wrong]
    with np.errstate(all="ignore"):
        possible = [fault for fault in FAULTS.values() if any(fault.condition(case.run) for case in wrong)]
    findings = (*_onset(wrong[0]), *structure(*compared.shown, factors=_factors(problem)))
    cases = sorted(cases, key=lambda case: not case.wrong)  # the wrong ones first: they rule out most
    all_in_float32 = all(_in_float32(case.compared.given.arrays) for case in wrong)
    attempts = (
        alone([FLOAT32], problems),  # the right formulas, in too few digits
        alone(possible, problems),
        other_networks(problem.declaration, problem),
        in_one_layer({case.problem.L for case in wrong}, possible),
        pairs := two(possible),
    )
    refuted: set[Refuted] = set()
    for tried in attempts:  # from simple to involved: the first that explains is the explanation
        with np.errstate(all="ignore"):  # some faults leave the range
            causes = _causes(tried, cases, all_in_float32, refuted)
        if causes and (len(causes) == 1 or tried is not pairs):  # of several pairs none is the likely one
            return Diagnosis(causes, findings)
    return Diagnosis(tuple(_dropouts(wrong))[:1], findings)


def _factors(problem: Problem) -> Mapping[float, str]:
    """Factors that have a meaning for this network, with what they mean."""
    outputs, m = problem.Y.shape
    reduction = problem.declaration.reduction
    return {
        1 / outputs: "1/n_L: " + ("averaged over the outputs " + ("twice" if reduction == "entries" else "too")),
        outputs: "n_L: summed over the outputs",
        1 / m: "1/m: "
        + ("averaged over the examples" if reduction == "sum" else "the mean over examples is taken twice"),
        m: "m: the mean over examples is missing",
    }


# ---------------------------------------------------------------------- whether one reproduces the gradient


Refuted = tuple[str, tuple[Line, ...]]  # "W", "b" or "A" of the last layer, and the lines with which it was another


def _causes(
    tried: Iterable[Hypothesis], cases: Sequence[Case], in_float32: bool, refuted: set[Refuted]
) -> tuple[Cause, ...]:
    """The hypotheses that reproduce the gradient in every case, nearest first; of one with a constant, the best.

    `refuted` grows by the lines with which some array of the last layer came out different in the first case. A
    hypothesis that adds other lines, on which that array does not depend, need not be tried.
    """
    nearest: dict[tuple[object, ...], Cause] = {}
    scale = FLOAT32_PER_FLOAT64 if in_float32 else 1.0
    L = cases[0].problem.L
    last_layer = {f"W{L}", f"b{L}", f"A{L - 1}"}
    for hypothesis in tried:
        distances = []
        reaching = {
            kind: (kind, tuple(line for line in hypothesis.lines if line.name in names))
            for kind, names in LAST_LAYER.items()
            if not hypothesis.declared
        }
        if not refuted.isdisjoint(reaching.values()):
            continue
        for case in cases:
            problem, other = case.problem, hypothesis.declared
            run = forward(problem.params, problem.X, problem.Y, other) if other else case.run
            predicted, failed = _reproduced(by_layers(run, hypothesis.lines), case, scale)
            if not predicted:
                if case is cases[0] and failed in last_layer and reaching:
                    refuted.add(reaching[failed[0]])
                break
            distances.append(_distance(predicted, case.compared))
        else:
            faults = hypothesis.faults + ((FLOAT32,) if in_float32 and FLOAT32 not in hypothesis.faults else ())
            hypothesis = hypothesis._replace(faults=faults)
            cause = Cause(hypothesis.names, tuple(f.equation for f in faults), str(hypothesis), max(distances))
            same = (*hypothesis.names, hypothesis.where)
            nearest[same] = min(nearest.get(same, cause), cause, key=lambda c: c.distance)
    return tuple(sorted(nearest.values(), key=lambda cause: cause.distance))


def _dropouts(cases: Sequence[Case]) -> Iterator[Cause]:
    """Dropout that was left on, in cases of one example: there a unit that is off leaves zeros in the next dW.

    The other units may be scaled by 1 over the share that is kept. Of several examples the masks cannot be told.
    """
    for case in (case for case in cases if case.problem.m == 1 and case.problem.L > 1):
        problem, compared = case.problem, case.compared
        given, penalty = compared.given.arrays, {f"W{l}": case.run.penalty(l) for l in range(1, problem.L + 1)}
        on = {f"W{l}": (given[f"W{l}"] - penalty[f"W{l}"]).any(axis=0) for l in range(2, problem.L + 1)}
        for share in KEPT:
            mask = {key: kept / share for key, kept in on.items()}
            params = {key: V * mask.get(key, 1) for key, V in problem.params.items()}
            run = forward(params, problem.X, problem.Y, replace(problem.declaration, l1=0.0, l2=0.0))
            grads = backprop(run)
            masked = {f"d{key}": grads[f"d{key}"] * mask.get(key, 1) + penalty.get(key, 0) for key in given}
            if predicted := _reproduced([masked], case, 1.0)[0]:
                off = [f"{np.flatnonzero(~kept).tolist()} of layer {l}" for l, kept in enumerate(on.values(), 1)]
                units = f"hidden units {', '.join(off)} off, the others times {1 / share:g}"
                text = f"{DROPOUT}: with one example, this is the gradient with {units} (D1)"
                yield Cause((DROPOUT,), ("D1",), text, _distance(predicted, compared))


def _onset(case: Case) -> Iterator[Finding]:
    """The layer at which the error starts, seen from the output, where the layers above it are right."""
    L, given = case.problem.L, case.compared.given
    l = max((int(key[1:]) for key in case.wrong if key[0] != "A"), default=0)
    sums = [key for key in (f"W{l}", f"b{l}") if key in given.arrays]
    if L == 1 or not l or not case.wrong.issuperset(sums):
        return  # where one of the two is right, so is dZ
    if l == L:
        text = f"wrong from the output on: look at dZ{l}"
    else:
        text = f"right down to layer {l + 1}: look at the way from dZ{l + 1} to dZ{l}"
    yield Finding(tuple(given.names[key] for key in sums), "onset", text, None)


def _reproduced(layers: Iterable[Grads], case: Case, scale: float) -> tuple[dict[str, Array], str]:
    """The prediction, if it is the gradient in every entry; else nothing, and the key of the first array that differs.

    Each entry may be off by the largest tolerance of its array, scaled with the prediction, for a fault carries
    rounding errors from entry to entry and magnifies them. But where an entry is wrong, little of its error may be
    left, or a prediction of the right gradient would do. The same entries have to be finite. Layers are predicted from
    the output on, since most predictions fail at the first.
    """
    predicted: dict[str, Array] = {}
    changes, nothing_to_explain = False, True
    for key, p in ((name[1:], p) for layer in layers for name, p in layer.items() if name[1:] in case.targets):
        finite, given, truth, tolerance, size, widest, error, wrong = case.targets[key]
        predicted[key] = p
        if p.shape != finite.shape or (np.isfinite(p) != finite).any():
            return {}, key
        if given.size < finite.size:
            changes, nothing_to_explain = True, False
        if not given.size:
            continue
        p = p[finite]
        left = np.abs(given - p)
        if (left > widest * scale * max(1.0, float(np.abs(p).max() / size) if size else 1.0)).any():
            return {}, key
        if not wrong.any():
            continue
        if (wrong & (left > np.maximum(tolerance * scale, UNEXPLAINED * error))).any():
            return {}, key
        changes |= bool((wrong & (np.abs(p - truth) > UNEXPLAINED * error)).any())
        nothing_to_explain &= not (error > tolerance * scale).any()  # where float32 explains all of it
    return (predicted if changes or nothing_to_explain else {}), ""


def _distance(predicted: Mapping[str, Array], compared: Comparison) -> float:
    """The largest relative distance, over the parameters, of the gradient from the prediction."""

    def relative(key: str) -> float:
        finite = np.isfinite(compared.given.arrays[key])
        size = float(np.linalg.norm(predicted[key][finite])) or float(np.linalg.norm(compared.truth[key]))
        distance = float(np.linalg.norm((compared.given.arrays[key] - predicted[key])[finite]))
        return distance / size if size else distance

    return max(map(relative, predicted))


def _in_float32(grads: Mapping[str, Array]) -> bool:
    """Whether float64 arrays hold nothing but float32 numbers."""
    values = np.concatenate([*grads.values()], axis=None)
    with np.errstate(over="ignore"):
        return values.dtype == np.float64 and bool(values.any()) and np.array_equal(values, values.astype(np.float32))
