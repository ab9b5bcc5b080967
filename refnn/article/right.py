"""The article's functions as they should be, by `_lines`: what a module is compared with, and stand-ins for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from refnn.gradcheck.faults.lines import Array, Line, Params, Run, backprop, forward
from refnn.gradcheck.faults.probes import Probe, default_probes
from refnn.gradcheck.faults.structure import structure
from refnn.gradcheck.problem import sigmoid
from refnn.gradcheck.verdict.result import Finding

Cache = tuple[tuple[Array, Array, Array], Array]
Values = Mapping[str, Any]
# Sums here have fewer than a hundred terms: no order of summing moves them by so much.
ROUNDING = 2.0**-40
LINES_OF_ONE_LAYER = ("derivative", "weights", "bias", "previous")


def probes() -> tuple[Probe, ...]:
    """Networks with distinct widths and with equal ones: a transpose shows in the latter."""
    return default_probes()[:2]


def certain_network() -> tuple[dict[str, Array], Array, Array]:
    """A network whose outputs round to exactly 0 and 1, rightly and wrongly."""
    X = np.array([[-800.0, 40.0, 800.0, 1.0]])
    return {"W1": np.ones((1, 1)), "b1": np.zeros((1, 1))}, X, np.array([[0.0, 1.0, 0.0, 1.0]])


def run(probe: Probe) -> Run:
    return forward(probe.params, probe.X, probe.Y)


def caches(probe: Probe) -> list[Cache]:
    """((A_prev, W, b), Z) for each layer."""
    A = run(probe).A
    layers = [(A[l - 1], probe.params[f"W{l}"], probe.params[f"b{l}"]) for l in range(1, len(A))]
    return [((A_prev, W, b), W @ A_prev + b) for A_prev, W, b in layers]


def cost(A: Array, Y: Array) -> float:
    """(D4), for 0 < A < 1."""
    return float(-np.sum(Y * np.log(A) + (1 - Y) * np.log1p(-A)) / Y.shape[1])


def one_layer(run: Run, l: int, dA: Array, line: Line | None = None) -> dict[str, Array]:
    """(D8) to (D11) for one layer, with one line replaced."""

    def value(name: str, right: Array) -> Array:
        return line.replace(run, l, right) if line is not None and line.name == name else right

    run.dZ[l] = dZ = dA * value("derivative", run.A[l] * run.S[l])
    return {
        "dA_prev": value("previous", run.W[l].T @ dZ),
        "dW": value("weights", dZ @ run.A[l - 1].T),
        "db": value("bias", dZ.sum(axis=1, keepdims=True)),
    }


def _sigmoid(Z: Array) -> tuple[Array, Array]:
    return sigmoid(Z), Z


def _forward_prop(X: Array, params: Params) -> tuple[Array, list[Cache]]:
    probe = Probe("", dict(params), X, np.empty((0, X.shape[1])))
    return run(probe).A[-1], caches(probe)


def _one_layer_backward(dA: Array, cache: Cache, m: int = 1) -> tuple[Array, Array, Array]:
    """In refnn's convention, or with the article's 1/m; A (1 - A) cancels the denominators of the article's dAL."""
    (A_prev, W, _), Z = cache
    A = sigmoid(Z)
    dZ = dA * A * (1 - A)
    return W.T @ dZ, dZ @ A_prev.T / m, dZ.sum(axis=1, keepdims=True) / m


def one_layer_backward_of_article(dA: Array, cache: Cache) -> tuple[Array, Array, Array]:
    return _one_layer_backward(dA, cache, dA.shape[1])


def _backprop(_: Array, Y: Array, caches: list[Cache]) -> dict[str, Array]:
    params = {f"{V}{l}": array for l, ((_, *Wb), _) in enumerate(caches, 1) for V, array in zip("Wb", Wb, strict=True)}
    return backprop(params, caches[0][0][0], Y)


def update_parameters(params: Params, grads: Params, learning_rate: float) -> dict[str, Array]:
    """(D12)."""
    return {key: V - learning_rate * grads[f"d{key}"] for key, V in params.items()}


STAND_INS: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {
        "sigmoid": _sigmoid,
        "forward_prop": _forward_prop,
        "cost_function": cost,
        "one_layer_backward": _one_layer_backward,
        "backprop": _backprop,
        "update_parameters": update_parameters,
    }
)


def equal(given: Any, expected: Any) -> bool:
    given, expected = np.asarray(given), np.asarray(expected)
    return given.shape == expected.shape and bool(np.all(np.abs(given - expected) <= _tolerance(expected)))


def _tolerance(expected: Array) -> Array:
    return np.full(expected.shape, ROUNDING * np.max(np.abs(expected)))


def findings(given: Values, expected: Values, factors: dict[float, str] | None = None) -> tuple[Finding, ...]:
    arrays = {key: np.asarray(V) for key, V in expected.items()}
    missing = tuple(Finding((key,), "missing", "is not returned") for key in arrays if key not in given)
    tolerance = {key: _tolerance(V) for key, V in arrays.items()}
    return missing + structure(given, arrays, tolerance, factors=factors)


def differences(given: Values, expected: Values, factors: dict[float, str] | None = None) -> Iterator[str]:
    """Say how what a function gave differs from what it should."""
    yield from (str(finding).replace("true gradient", "right value") for finding in findings(given, expected, factors))
