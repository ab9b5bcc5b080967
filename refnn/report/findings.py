"""What a report says of a gradient, in words and counts, and what it rests on.

What makes a report, what draws it and what replays it share this module, which reads and writes no file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from refnn import backprop, certificate, forward_prop
from refnn._progress import bar
from refnn._shapes import Array
from refnn.gradcheck.declaration import ARTICLE, Declaration
from refnn.gradcheck.faults.catalogue import FAULTS
from refnn.gradcheck.faults.probes import Probe
from refnn.gradcheck.network import check_network
from refnn.gradcheck.problem import Problem
from refnn.gradcheck.verdict.result import GradientCheck, Verdict
from refnn.report.declared import mathematics
from refnn.report.record import Record, plain

REFERENCE = "refnn.backprop"
CERTIFIED_WORK = 1e9  # (weights and biases)² times examples, at most, of a network that carries a certificate
PER_LAYER = 130_000  # multiplications in the time that Python takes for a layer, each time an entry is looked at
PER_NETWORK = 35_000_000  # in the time that a network takes, however small it is
PER_SECOND = 1e9  # multiplications
PLANTED = 5  # networks, at most, on which a fault is planted
LARGE = 1000  # entries of a dA_l from which on it is left out: it would fill most of the report


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


def point(params: Mapping[str, Array], X: Array, Y: Array) -> bytes:
    """The bits of a network in the declared form, to know it again."""
    return b"".join(array.tobytes() for array in (*params.values(), X, Y))


def uncertified(said: Declaration) -> str:
    """Why no gradient of such a network carries a certificate; "" where they do."""
    if said.reduction != "mean" or said.l1 or said.l2 or not said.bias:  # a function of m counts too
        return "certificates are of a mean cost without penalties, of layers with biases"
    return ""


def certify(problem: Problem) -> certificate.Certificate:
    """Rigorous bounds on the error of each entry of the gradient under judgement."""
    said = mathematics(problem.declaration)
    params, X, Y = replace(problem, declaration=said).copies()
    given = {f"d{key}": dV for key, dV in problem.given.arrays.items()}
    return certificate.certify(params, X, Y, given, hidden=said.hidden, output=said.output)


def work(problem: Problem) -> int:
    """About how many multiplications it takes to look at each weight and bias alone, other work counted as such."""
    entries = sum(V.size for V in problem.params.values())
    return entries * (entries * problem.m + PER_LAYER * problem.L)


def verdicts(check: GradientCheck) -> Record:
    """Of each parameter at one probe."""
    return {p.name: {"verdict": str(p.verdict), "wrong": p.wrong, "undecided": p.undecided} for p in check.parameters}


def causes(check: GradientCheck) -> list[list[str]]:
    """The causes of a wrong gradient, each a list of the faults of the catalogue that it is made of."""
    return [list(cause.faults) for cause in check.diagnosis.causes] if check.diagnosis else []


def differences(check: GradientCheck) -> list[str]:
    """How a wrong gradient differs from the right one, in words."""
    return [plain(str(finding)) for finding in check.diagnosis.findings] if check.diagnosis else []


def witnesses(check: GradientCheck) -> list[str]:
    return sorted({testimony.witness for each in check.probes for testimony in each.witnesses})


def faults(probes: Sequence[Probe], said: Declaration = ARTICLE) -> list[Record]:
    """For each fault of the catalogue: on how many of these networks, PLANTED at most, it was tried, seen and named."""
    network: dict[str, Any] = vars(mathematics(said))
    found = []
    with np.errstate(all="ignore"):
        for name, fault in bar(FAULTS.items(), "planted faults"):
            possible = [probe[1:] for probe in probes if fault.applies(*probe[1:], said)]
            checks = []
            for params, X, Y in possible[:: max(1, -(-len(possible) // PLANTED))]:
                grads = fault.gradient(params, X, Y, said)
                checks.append(check_network(params, X, Y, grads, progress=False, **network))
            seen = [check for check in checks if check.verdict is Verdict.WRONG]
            named = sum(any(name in cause for cause in causes(check)) for check in seen)
            counts = {"tried": len(checks), "seen": len(seen), "named": named}
            found.append({"name": name, "equation": fault.equation, **counts})
    return found
