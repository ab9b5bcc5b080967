"""A second opinion on a recorded gradient: the complex step in every entry, on the network written in reverse."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from refnn._shapes import Array
from refnn.gradcheck.faults.probes import Probe
from refnn.gradcheck.problem import Problem
from refnn.gradcheck.verdict.judgement import Estimate, judge
from refnn.gradcheck.verdict.result import ParameterCheck
from refnn.gradcheck.verdict.rounding import gradient_bounds
from refnn.report.findings import moved_costs

STEP = 2.0**-100  # the truncation error, of its square, is beyond every digit


class Opinion(NamedTuple):
    """On the gradient in one parameter: the derivative, the bound on its error, the tolerance, and the check."""

    value: Array
    error: Array
    tolerance: Array
    check: ParameterCheck


def opinions(probe: Probe, grads: Mapping[str, Array]) -> dict[str, Opinion]:
    """Judge a gradient keyed "dW1" … at a probe."""
    net = Problem.of(*reverse(probe)[1:])
    error = gradient_bounds(net, net.Y.dtype, plain=False)
    exact = np.finfo(np.result_type(*probe.params.values(), probe.X))
    found = {}
    for name, dV in grads.items():
        key = name.removeprefix("d")
        coarser = bool(np.finfo(dV.dtype).eps > exact.eps)
        allowance = gradient_bounds(net, dV.dtype, plain=True, rounds_inputs=coarser)[key]
        value = moved_costs(net, key, 1j * STEP).imag / STEP
        check = judge(name, _flip(dV), Estimate(value, error[key]), allowance)
        found[name] = Opinion(_flip(value), _flip(error[key]), _flip(error[key] + allowance), check)
    return found


def reverse(probe: Probe) -> Probe:
    """The same network with its inputs, hidden units, outputs and examples in the opposite order."""
    return Probe(probe.name, {key: _flip(V) for key, V in probe.params.items()}, _flip(probe.X), _flip(probe.Y))


def _flip(V: Array) -> Array:
    """Every axis of V in the opposite order, in memory too."""
    return np.ascontiguousarray(np.flip(V))
