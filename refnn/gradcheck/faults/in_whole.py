"""Bugs in the finished gradient, and in what it is computed from."""

from collections.abc import Iterator, Mapping

import numpy as np

from refnn.gradcheck.faults.fault import Constant, averaged, fault, hidden_layer
from refnn.gradcheck.faults.lines import Array, Grads, Run, backprop, forward


@fault(
    "D12",
    "grads",
    "dW_l and db_l hold the gradients of layer l + 1, the last those of layer 1 (possible where all widths agree)",
    lambda run: hidden_layer(run) and len(set(run.widths)) == 1,
)
def off_by_one_layer_keys(run: Run, l: int, grads: Grads) -> Grads:
    above = {f"d{V}{l}": f"d{V}{l % run.L + 1}" for V in "Wb" for l in range(1, run.L + 1)}
    return {key: grads[above.get(key, key)] for key in grads}


def _parameters(grads: Mapping[str, Array]) -> Iterator[Array]:
    """The gradient in W1, b1 …, without that in A0 … ."""
    return (V for key, V in grads.items() if "A" not in key)


def _norm(grads: Mapping[str, Array]) -> float:
    return float(np.sqrt(sum(np.sum(V * V) for V in _parameters(grads))))


@fault(
    "D12",
    "grads",
    "the gradient is clipped to the norm c",
    lambda run: _norm(backprop(run)) > 1,
    Constant("c", lambda problems: [_norm(p.given.arrays) for p in problems] + [0.1, 0.5, 2.0, 5.0, 10.0]),
)
def clipped_norm(run: Run, l: int, grads: Grads, constant: float = 1.0) -> Grads:
    share = min(1.0, constant / (_norm(grads) or constant))
    return {key: V if key.startswith("dA") else V * share for key, V in grads.items()}


def _largest(grads: Mapping[str, Array]) -> float:
    return max(float(np.abs(V).max()) for V in _parameters(grads))


@fault(
    "D12",
    "grads",
    "each entry of the gradient is clipped to [-c, c]",
    lambda run: _largest(backprop(run)) > 0.1,
    Constant("c", lambda problems: [_largest(p.given.arrays) for p in problems]),
)
def clipped_entries(run: Run, l: int, grads: Grads, constant: float = 0.1) -> Grads:
    return {key: V if key.startswith("dA") else np.clip(V, -constant, constant) for key, V in grads.items()}


@fault("D6", "grads", "dA is m times ∂J/∂A: 1/m enters at dW and db instead of dA_L, as in the article", averaged)
def article_dA_convention(run: Run, l: int, grads: Grads) -> Grads:
    return {key: V / run.weight if key.startswith("dA") else V for key, V in grads.items()}


@fault(
    "D1",
    "inputs",
    "X is reshaped, not transposed: each example holds numbers of several",
    lambda run: run.m > 1 and run.widths[0] > 1,
)
def inputs_reshaped(run: Run, l: int, right: Run) -> Run:
    X = right.X
    return forward(right.params, X.T.reshape(X.shape), right.Y, right.declaration)


@fault("D1", "inputs", "computed in float32 inside, then returned as float64")
def float32_inside(run: Run, l: int, right: Run) -> Run:
    return forward(right.params, right.X, right.Y, right.declaration, np.float32)
