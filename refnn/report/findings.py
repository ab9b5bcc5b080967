"""What a report says of a gradient, in words and counts, and what it rests on.

Those who make a report, draw it and replay it share this, and neither reads nor writes here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from refnn import backprop, forward_prop
from refnn._progress import bar
from refnn._shapes import Array
from refnn.gradcheck.backprop import check_network
from refnn.gradcheck.faults.catalogue import FAULTS
from refnn.gradcheck.faults.probes import Probe
from refnn.gradcheck.problem import Problem
from refnn.gradcheck.verdict.result import GradientCheck, Verdict
from refnn.report.record import Record, plain

REFERENCE = "refnn.backprop"
CERTIFIED_WORK = 1e9  # (weights and biases)² times examples, at most, of a network that carries a certificate
PLANTED = 25  # networks on which faults are planted
LARGE = 1000  # entries of a dA_l that is not looked at: it would fill most of the report


def reference_gradient(params: Mapping[str, Array], X: Array, Y: Array) -> dict[str, Array]:
    """The gradient of refnn itself."""
    AL, caches = forward_prop(X, dict(params))
    return backprop(AL, Y, caches)


def moved_costs(problem: Problem, key: str, h: complex) -> Array:
    """J with each entry of W_l, b_l or A_l moved by h, one at a time."""
    V = problem[key]
    J = np.zeros(V.shape, complex)
    with np.errstate(all="ignore"):
        for index in np.ndindex(V.shape):
            moved = V + 0 * h
            moved[index] += h
            J[index] = problem.cost({key: moved})
    return J


def gradient_of(grads: object, probe: Probe) -> dict[str, Array]:
    """What is judged of a gradient at a probe, keyed "dW1" … and "dA0" …; an UnfitGradientError if it is none."""
    given = Problem.of(*probe[1:]).judging(grads).given
    return {f"d{key}": dV for key, dV in given.arrays.items()}


def point(params: Mapping[str, Array], X: Array, Y: Array) -> bytes:
    """The bits of a network, to know it again."""
    return b"".join(array.tobytes() for array in (*params.values(), X, Y))


def work(probe: Probe) -> int:
    """Multiplications, about, of a look at each weight and bias on its own."""
    return int(sum(V.size for V in probe.params.values()) ** 2 * probe.X.shape[1])


def verdicts(check: GradientCheck) -> Record:
    """Of each parameter at one probe."""
    return {p.name: {"verdict": str(p.verdict), "wrong": p.wrong, "undecided": p.undecided} for p in check.parameters}


def causes(check: GradientCheck) -> list[list[str]]:
    """Of a wrong gradient, as faults of the catalogue; those of one cause belong together."""
    return [list(cause.faults) for cause in check.diagnosis.causes] if check.diagnosis else []


def differences(check: GradientCheck) -> list[str]:
    """How a wrong gradient differs from the right one, in words."""
    return [plain(str(finding)) for finding in check.diagnosis.findings] if check.diagnosis else []


def witnesses(check: GradientCheck) -> list[str]:
    return sorted({testimony.witness for each in check.probes for testimony in each.witnesses})


def faults(probes: Sequence[Probe]) -> list[Record]:
    """For each fault of the catalogue: on how many networks, of about PLANTED, it was tried, seen, and named."""
    found: dict[str, Record] = {
        name: {"name": name, "equation": fault.equation, "tried": 0, "seen": 0, "named": 0}
        for name, fault in FAULTS.items()
    }
    with np.errstate(all="ignore"):
        for _, params, X, Y in bar(probes[:: max(1, len(probes) // PLANTED)], "planted faults"):
            for name, fault in FAULTS.items():
                if fault.applies(params, X, Y):
                    check = check_network(params, X, Y, fault.gradient(params, X, Y), progress=False)
                    seen = check.verdict is Verdict.WRONG
                    found[name]["tried"] += 1
                    found[name]["seen"] += seen
                    found[name]["named"] += seen and any(name in cause for cause in causes(check))
    return list(found.values())
