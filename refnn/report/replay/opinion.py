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

STEP = 2.0**-100  # the truncation error, of its square, is beyond every digit


class Opinion(NamedTuple):
    """By parameter: the derivative, the bound on its error, the tolerance, and the check."""

    value: dict[str, Array]
    error: dict[str, Array]
    tolerance: dict[str, Array]
    checks: dict[str, ParameterCheck]


def opinion(probe: Probe, grads: Mapping[str, Array]) -> Opinion:
    """Judge a gradient keyed "dW1" … at a probe."""
    backwards = reverse(probe)
    found = Opinion({}, {}, {}, {})
    net = Problem.of(*backwards[1:])
    error = gradient_bounds(net, net.Y.dtype, plain=False)
    exact = np.result_type(*probe.params.values(), probe.X)
    for name, dV in grads.items():
        key = name.removeprefix("d")
        coarser = np.finfo(dV.dtype).eps > np.finfo(exact).eps
        allowance = gradient_bounds(net, dV.dtype, plain=True, rounds_inputs=bool(coarser))[key]
        value = complex_steps(net, key)
        found.checks[name] = judge(name, flip(dV), Estimate(value, error[key]), allowance)
        found.value[name], found.error[name] = flip(value), flip(error[key])
        found.tolerance[name] = flip(error[key] + allowance)
    return found


def complex_steps(net: Problem, key: str) -> Array:
    """∂J/∂V for V = W_l, b_l or A_l, an entry at a time."""
    V = net[key] + 0j
    slopes = np.zeros(V.shape)
    with np.errstate(all="ignore"):
        for index in np.ndindex(V.shape):
            moved = V.copy()
            moved[index] += 1j * STEP
            slopes[index] = net.cost(key, moved).imag / STEP
    return slopes


def reverse(probe: Probe) -> Probe:
    """The same network with its inputs, hidden units, outputs and examples in the opposite order."""
    return Probe(probe.name, {key: flip(V) for key, V in probe.params.items()}, flip(probe.X), flip(probe.Y))


def flip(V: Array) -> Array:
    """Every axis of V in the opposite order, in memory too."""
    return np.ascontiguousarray(np.flip(V))
