"""Why a gradient of the sigmoid network is wrong: the bug that gives exactly this gradient.

Each fault of the catalogue is computed at the same parameters and data and compared with the gradient under test, first
alone, then in one layer only, then two at a time. A cause is named only if it reproduces every entry, within the
tolerance of the check; where none does, the structure of the error is described instead.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from refnn.gradcheck.faults.hypotheses import FLOAT32, Hypothesis, alone, float32, in_one_layer, two
from refnn.gradcheck.faults.lines import backprop
from refnn.gradcheck.faults.structure import Array, Arrays, Finding, close, structure

__all__ = ["Case", "Cause", "Diagnosis", "Finding", "diagnose", "diagnose_all", "structure"]

FLOAT32_PER_FLOAT64 = float(np.finfo(np.float32).eps / np.finfo(np.float64).eps)


class Case(NamedTuple):
    """A gradient under test at one point, with the true one; all dicts are keyed "dW1", "db1", … ."""

    params: Arrays
    X: Array
    Y: Array
    grads: Arrays
    truth: Arrays
    tolerance: Arrays


@dataclass(frozen=True)
class Cause:
    """A fault, or two, that reproduce the gradient; `distance` is the largest relative one of any parameter."""

    faults: tuple[str, ...]
    equations: tuple[str, ...]
    text: str
    distance: float

    def __str__(self) -> str:
        return f"{self.text} (relative distance {self.distance:.1g})"

    def to_json(self) -> dict[str, Any]:
        return {
            "faults": list(self.faults),
            "equations": list(self.equations),
            "text": self.text,
            "distance": self.distance,
        }


@dataclass(frozen=True)
class Diagnosis:
    """Either the causes that reproduce the gradient, equally well, or the structure of its error."""

    causes: tuple[Cause, ...]
    findings: tuple[Finding, ...]

    def __str__(self) -> str:
        return "; or ".join(map(str, self.causes)) or "; ".join(map(str, self.findings))

    def to_json(self) -> dict[str, Any]:
        return {
            "causes": [cause.to_json() for cause in self.causes],
            "findings": [finding.to_json() for finding in self.findings],
        }


def diagnose(params: Arrays, X: Array, Y: Array, grads: Arrays, truth: Arrays, tolerance: Arrays) -> Diagnosis | None:
    """Say why a gradient of the mean cross-entropy of a sigmoid network is wrong.

    Parameters
    ----------
    params, X, Y : the network "W1", "b1", …; inputs (n_0, m); labels (n_L, m)
    grads : mapping of arrays
        The gradient under test, keyed "dW1", "db1", …; a missing key counts as zeros.
    truth, tolerance : mappings of arrays
        The true gradient, in the keys that were checked, and how far from it each entry may be.

    Returns
    -------
    Diagnosis, or None for a gradient within its tolerance
    """
    return diagnose_all([Case(params, X, Y, grads, truth, tolerance)])


def diagnose_all(cases: Sequence[Case]) -> Diagnosis | None:
    """Say why gradients by one implementation are wrong: a cause has to reproduce them at every point.

    Points at which the gradient is right count too: there a cause must change nothing. If no cause is left, the
    findings describe the first wrong gradient.
    """
    cases = [_complete(case) for case in cases]
    wrong = [case for case in cases if not _agrees(case, case.truth)]
    if not wrong:
        return None
    first = wrong[0]
    findings = structure(first.grads, first.truth, first.tolerance, factors=_factors(first))
    cases.sort(key=lambda case: _agrees(case, case.truth))  # the wrong ones first: they rule out most
    in_float32 = all(_in_float32(case.grads) for case in wrong)
    attempts = (
        (float32(), False),
        (alone(first.params, first.X, first.Y, first.grads), True),
        (in_one_layer({len(case.params) // 2 for case in wrong}), False),
        (two(), False),
    )
    for tried, may_tie in attempts:  # from simple to involved: the first that explains is the explanation
        causes = _causes(tried, cases, in_float32)
        if len(causes) == 1 or (causes and may_tie):
            return Diagnosis(causes, findings)
        if causes:
            break
    return Diagnosis((), findings)


def _causes(tried: Iterable[Hypothesis], cases: Sequence[Case], in_float32: bool) -> tuple[Cause, ...]:
    """The hypotheses that reproduce the gradient in every case, nearest first; of one with a constant, the nearest."""
    nearest: dict[tuple[object, ...], Cause] = {}
    scale = FLOAT32_PER_FLOAT64 if in_float32 else 1.0
    for hypothesis in tried:
        distances = []
        for case in cases:
            with np.errstate(all="ignore"):
                predicted = backprop(case.params, case.X, case.Y, hypothesis.lines)
            if not _agrees(case, predicted, scale):
                break
            distances.append(_distance(case, predicted))
        else:
            faults = hypothesis.faults + ((FLOAT32,) if in_float32 and FLOAT32 not in hypothesis.faults else ())
            hypothesis = hypothesis._replace(faults=faults)
            cause = Cause(hypothesis.names, tuple(f.equation for f in faults), str(hypothesis), max(distances))
            same = (*hypothesis.names, hypothesis.where)
            nearest[same] = min(nearest.get(same, cause), cause, key=lambda c: c.distance)
    return tuple(sorted(nearest.values(), key=lambda cause: cause.distance))


def _complete(case: Case) -> Case:
    """The case with arrays for gradients, and zeros where one is missing."""
    grads = {key: np.asarray(case.grads.get(key, np.zeros_like(value))) for key, value in case.truth.items()}
    return case._replace(grads=grads)


def _agrees(case: Case, predicted: Arrays, scale: float = 1.0) -> bool:
    """Whether every entry is as predicted, up to the tolerance of a gradient of this size."""
    for key, t in case.truth.items():
        p, tol = np.asarray(predicted[key]), case.tolerance[key]
        if predicted is not case.truth:  # a fault moves errors between entries, and magnifies them with the values
            size = float(np.max(np.abs(t)))
            tol = np.max(tol) * scale * max(1.0, float(np.max(np.abs(p))) / size if size else 1.0)
        if not close(case.grads[key], p, tol):
            return False
    return True


def _distance(case: Case, predicted: Arrays) -> float:
    """The largest relative distance, over the parameters, of the gradient from the prediction."""

    def relative(key: str) -> float:
        size = float(np.linalg.norm(predicted[key])) or float(np.linalg.norm(case.truth[key]))
        distance = float(np.linalg.norm(case.grads[key] - predicted[key]))
        return distance / size if size else distance

    return max(relative(key) for key in case.truth)


def _in_float32(grads: Arrays) -> bool:
    """Whether float64 arrays hold nothing but float32 numbers."""
    values = np.concatenate([np.ravel(V) for V in grads.values()])
    with np.errstate(over="ignore"):
        return values.dtype == np.float64 and bool(values.any()) and np.array_equal(values, values.astype(np.float32))


def _factors(case: Case) -> Mapping[float, str]:
    """Factors that have a meaning for this network."""
    outputs, m = case.Y.shape
    return {
        1 / outputs: "1/n_L: the cost is averaged over the outputs, not summed",
        1 / m: "1/m: the mean over examples is taken twice",
        m: "m: the mean over examples is missing",
    }
