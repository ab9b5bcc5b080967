"""What the figures of a report show, computed from its networks and gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from refnn._shapes import Array
from refnn.gradcheck.problem import Problem
from refnn.gradcheck.verdict.judgement import Comparison
from refnn.gradcheck.verdict.rounding import allowances
from refnn.gradcheck.witness import cancellation_free
from refnn.report.findings import moved_costs, work
from refnn.report.read import Case

STEPS = 10.0 ** np.arange(-20, 0.01, 0.25)
AT_MOST = 2e8  # multiplications in the central differences of one network
CENTRAL_STEP = 10.0**-4.5  # where the V-curve is lowest at weights of size 1


class VCurve(NamedTuple):
    """Distance of three differences from the gradient, ‖difference - gradient‖ / ‖gradient‖, at each of STEPS."""

    name: str
    central: Array
    complex_step: Array
    cancellation_free: Array
    rounding: Array  # of the central difference: u |J| / h, in every entry


def v_curve(case: Case) -> VCurve:
    """Over all weights and biases of one network."""
    net = case.problem
    given = np.concatenate([net.given.arrays[key].ravel() for key in _judged(net)])
    size = float(np.linalg.norm(given))

    def distance(difference: Callable[[float], Array]) -> Array:
        return np.array([np.linalg.norm(difference(h) - given) / size for h in STEPS])

    central = distance(lambda h: (_moved(net, h) - _moved(net, -h)).real / (2 * h))
    complex_step = distance(lambda h: _moved(net, 1j * h).imag / h)
    free = distance(lambda h: np.concatenate([_cancellation_free(net, l, h) for l in range(1, net.L + 1)]))
    J, u = abs(float(net.cost({}))), np.finfo(np.float64).eps / 2
    rounding = u * J * np.sqrt(given.size / 2) / STEPS / size
    return VCurve(case.probe.name, central, complex_step, free, rounding)


def _judged(net: Problem) -> list[str]:
    """The parameters of which there is a gradient: biases that are none have no part in this."""
    return [key for key in net.params if key in net.given.arrays]


def _moved(net: Problem, h: complex) -> Array:
    """J with each entry of each parameter moved by h, one at a time."""
    return np.concatenate([moved_costs(net, key, h).ravel() for key in _judged(net)])


def _cancellation_free(net: Problem, l: int, h: float) -> Array:
    """The differences for W_l, then b_l."""
    every = np.arange(net.W[l].size + net.b[l].size)
    with np.errstate(all="ignore"):
        slopes = cancellation_free.entry_differences(net, l, every, h).sum(axis=1) / h
    table = slopes.reshape(len(net.W[l]), -1)
    weights = table[:, :-1] + _penalties(net, net.W[l], h)
    return np.concatenate([weights.ravel(), table[:, -1] if net.declaration.bias else []])


def _penalties(net: Problem, W: Array, h: float) -> Array:
    """Of λ |W| and λ/2 W², without a subtraction for h < |W|."""
    l1, l2 = net.declaration.penalties(net.m)
    return np.asarray(l1 * np.where(W < 0, np.maximum(-1, 1 + 2 * W / h), 1) + l2 * (W + h / 2))


class Errors(NamedTuple):
    """Derivatives, with the errors of the gradient under test and of a central difference in units of the tolerance."""

    derivative: Array
    given: Array
    central: Array


def errors(cases: list[Case]) -> Errors:
    """Of every entry of the networks whose entries were each compared, and on which this is a matter of seconds."""
    columns = [np.empty((3, 0))]
    for case in cases:
        net, worst = case.problem, case.evidence["worst"]
        if not worst or None in worst.values() or work(net) > AT_MOST:
            continue
        activations = [l for l in range(net.L) if f"A{l}" in net.given.arrays]
        compared = Comparison(net.given, cancellation_free.estimates(net, activations), allowances(net))
        for key, dV in net.given.arrays.items():
            truth, tolerance = compared.truth[key], compared.tolerance[key]
            difference = (moved_costs(net, key, CENTRAL_STEP) - moved_costs(net, key, -CENTRAL_STEP)).real
            shares = (_share(V, truth, tolerance) for V in (dV, difference / (2 * CENTRAL_STEP)))
            columns.append(np.stack([truth.ravel(), *shares]))
    return Errors(*np.concatenate(columns, axis=1))


def _share(found: Array, truth: Array, tolerance: Array) -> Array:
    error = np.abs(found.astype(np.float64) - truth)
    return np.divide(error, tolerance, out=np.where(error > 0, np.inf, 0.0), where=tolerance > 0).ravel()
