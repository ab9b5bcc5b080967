"""A second opinion on a recorded gradient: the complex step in every entry, on the network written in reverse."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from refnn._shapes import Array
from refnn.gradcheck.faults.probes import Probe
from refnn.gradcheck.problem import Gradient, Problem
from refnn.gradcheck.verdict.judgement import Estimate, judge
from refnn.gradcheck.verdict.result import ParameterCheck
from refnn.gradcheck.verdict.rounding import allowances, allowed_levels, careful_bounds
from refnn.gradcheck.witness.cancellation_free import underflow
from refnn.report.findings import moved_costs
from refnn.report.replay.ledger import HALF_THE_DIGITS

STEP = 2.0**-100  # the truncation error is of its square, below every digit
LEVEL_SLACK = 2.0**-16  # relative, of tolerances that were measured by random errors, as in dtypes coarser than float64


class Opinion(NamedTuple):
    """A second opinion on the gradient in one parameter, in the form in which it came: the derivative, the bound on its
    error, the tolerance, how far (relative) that of other machines may be from it, and the check."""

    value: Array
    error: Array
    tolerance: Array
    slack: float
    check: ParameterCheck


def opinions(probe: Probe, problem: Problem) -> dict[str, Opinion]:
    """Judge the gradient of a problem, that of the probe, by the names under which it came."""
    net = replace(Problem.of(*reverse(probe)[1:], problem.declaration), given=_reversed(problem.given))
    level = allowed_levels(problem)  # measured by random errors, it would be another on the network in reverse
    error, allowance, least = careful_bounds(net), allowances(net, level), underflow(problem)
    found = {}
    for key, dV in net.given.arrays.items():
        name, value = problem.given.names[key], _derivative(net, key)
        check = judge(name, dV, Estimate(value, error[key], underflow=least), allowance[key])
        tolerance = error[key] + allowance[key] + least
        value, off, tolerance = (problem.given.form(key, _flip(V)) for V in (value, error[key], tolerance))
        slack = LEVEL_SLACK if np.finfo(dV.dtype).eps > np.finfo(np.float64).eps else HALF_THE_DIGITS
        found[name] = Opinion(value, off, tolerance, slack, check)
    return found


def _derivative(net: Problem, key: str) -> Array:
    """By the complex step; where a kink may be met, the mean of those from its two sides."""
    l1, _ = net.declaration.penalties(net.m)
    sides = (1, -1) if l1 or net.at_kink else (0,)
    slopes = [moved_costs(net, key, (side + 1j) * STEP).imag / STEP for side in sides]
    return np.asarray(sum(slopes) / len(slopes))


def reverse(probe: Probe) -> Probe:
    """The same network with its inputs, hidden units, outputs and examples in the opposite order."""
    name, params, X, Y = with_units_reversed(probe)
    return Probe(name, params, np.ascontiguousarray(X[:, ::-1]), np.ascontiguousarray(Y[:, ::-1]))


def with_units_reversed(probe: Probe) -> Probe:
    """The same with the examples in their order, on which a bug may depend, as on the last batch."""
    X, Y = (np.ascontiguousarray(V[::-1]) for V in (probe.X, probe.Y))
    return Probe(probe.name, {key: _flip(V) for key, V in probe.params.items()}, X, Y)


def _reversed(given: Gradient) -> Gradient:
    arrays, rounding = ({key: _flip(V) for key, V in table.items()} for table in (given.arrays, given.rounding))
    return Gradient(arrays, given.names, rounding=rounding)


def _flip(V: Array) -> Array:
    """Every axis of V in the opposite order, in memory too."""
    return np.ascontiguousarray(np.flip(V))
