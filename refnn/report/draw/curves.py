"""What the figures of a report show, computed from its networks and gradients."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from refnn._shapes import Array
from refnn.gradcheck.problem import Problem
from refnn.gradcheck.witness import cancellation_free
from refnn.report.findings import moved_costs, work
from refnn.report.read import Case

STEPS = 10.0 ** np.arange(-20, 0.01, 0.25)
AT_MOST = 1e8  # multiplications in the central differences of one network
CENTRAL_STEP = 10.0**-4.5  # where the V-curve is lowest at weights of size 1


class VCurve(NamedTuple):
    """Distance of three differences from the gradient, ‖difference - gradient‖ / ‖gradient‖, at each of STEPS."""

    name: str
    central: Array
    complex_step: Array
    cancellation_free: Array
    truncation: Array  # of the central difference: h² / 6 ‖f‴‖ / ‖gradient‖
    rounding: Array  # u |J| / h, in every entry


def v_curve(case: Case) -> VCurve:
    """Over all weights and biases of one network."""
    net = case.problem
    given = np.concatenate([net.given.arrays[key].ravel() for key in _judged(net)])
    size = float(np.linalg.norm(given))
    central, complex_step, free = ([] for _ in range(3))
    for h in STEPS:
        central.append(_differences(net, h))
        complex_step.append(_moved(net, 1j * h).imag / h)
        free.append(np.concatenate([_cancellation_free(net, l, h) for l in range(1, net.L + 1)]))
    third_step = 2.0**-8
    twice, once = (_differences(net, h) for h in (2 * third_step, third_step))
    third = np.linalg.norm((twice - once) / third_step**2) * 2  # D(h) = f′ + h² f‴ / 6 + …
    J, u = abs(float(net.cost({}))), np.finfo(np.float64).eps / 2
    far = [np.array([np.linalg.norm(D - given) / size for D in found]) for found in (central, complex_step, free)]
    rounding = u * J * np.sqrt(given.size / 2) / STEPS / size
    return VCurve(case.probe.name, far[0], far[1], far[2], STEPS**2 / 6 * third / size, rounding)


def _differences(net: Problem, h: float) -> Array:
    return np.asarray((_moved(net, h) - _moved(net, -h)).real / (2 * h))


def _judged(net: Problem) -> list[str]:
    """The parameters of which there is a gradient: biases that are none have no part in this."""
    return [key for key in net.params if key in net.given.arrays]


def _moved(net: Problem, h: complex) -> Array:
    """J with each entry of each parameter moved by h, one at a time."""
    return np.concatenate([moved_costs(net, key, h).ravel() for key in _judged(net)])


def _cancellation_free(net: Problem, l: int, h: float) -> Array:
    """The differences for W_l, then b_l."""
    n, n_prev = net.W[l].shape
    A_prev = np.vstack([net.A[l - 1], np.ones_like(net.Y[:1])])
    i, j = np.divmod(np.arange(n * (n_prev + 1)), n_prev + 1)
    D = np.zeros((n, len(i), net.m))
    D[i, np.arange(len(i))] = h * A_prev[j]
    with np.errstate(all="ignore"):
        slopes = cancellation_free.cost_differences(net, l, D).sum(axis=1) / h
    table = slopes.reshape(n, n_prev + 1)
    weights = table[:, :-1] + _penalties(net, net.W[l], h)
    return np.concatenate([weights.ravel(), table[:, -1] if net.declaration.bias else []])


def _penalties(net: Problem, W: Array, h: float) -> Array:
    """Of λ |W| and λ/2 W², without a subtraction for h < |W|."""
    l1, l2 = net.declaration.penalties(net.m)
    return np.asarray(l1 * np.where(W < 0, np.maximum(-1, 1 + 2 * W / h), 1) + l2 * (W + h / 2))


class Pairs(NamedTuple):
    """Entries of gradients beside numeric derivatives, with their layers."""

    layer: Array
    given: Array
    free: Array
    central: Array


def pairs(cases: list[Case]) -> Pairs:
    """Of all weights and biases of the networks on which central differences are a matter of seconds."""
    layer, given, free, central = ([] for _ in range(4))
    for case in cases:
        net = case.problem
        if work(net) > AT_MOST:
            continue
        found = cancellation_free.estimates(net)
        central.append(_differences(net, CENTRAL_STEP))
        for key in _judged(net):
            given.append(net.given.arrays[key].ravel().astype(np.float64))
            free.append(found[key].value.ravel())
            layer.append(np.full(net[key].size, int(key[1:])))
    return Pairs(*(np.concatenate([np.empty(0), *column]) for column in (layer, given, free, central)))
