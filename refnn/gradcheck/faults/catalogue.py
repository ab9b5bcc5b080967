"""The bugs that people really make in backprop, each with the gradient that it gives.

    fault = FAULTS["missing-mean"]
    fault.summary                           the mean over examples is missing: 1/m was left out
    fault.equation                          D7
    fault.gradient(params, X, Y)["dW1"]     m times too large

Each fault is one function: it gets the value of one line of backprop, as it should be, and returns what the bug makes
of it. `run` holds the network as far as backprop has come (`lines.Run`); `l` is the layer.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from types import MappingProxyType
from typing import Any

import numpy as np

from refnn.gradcheck.faults.lines import Array, Grads, Line, LineName, Params, Run, as_floats, backprop, forward
from refnn.gradcheck.problem import Problem, sigmoid

CLIP = 1e-7  # the ε of those who clip probabilities, most often
Condition = Callable[[Run], bool | np.bool]  # on a network whose forward pass has been made


@dataclass(frozen=True)
class Constant:
    """A number that a bug leaves open: its symbol, and the values to try on a wrong gradient."""

    symbol: str
    candidates: Callable[[Problem], Iterable[float]]


@dataclass(frozen=True)
class Fault:
    """A bug by name, and the gradient that it gives."""

    name: str
    summary: str  # what went wrong, in words
    equation: str  # the number, in `proofs/derivation.md`, of the equation that is broken
    line: Line  # what the bug makes of that equation
    condition: Condition  # whether the bug can be made, and matters
    constant: Constant | None = None  # the bug's own, where it has one

    def applies(self, params: Params, X: Array, Y: Array) -> bool:
        """Whether the bug can be made on such a network, and matters there."""
        return bool(self.condition(forward(*as_floats(params, X, Y))))

    def gradient(self, params: Params, X: Array, Y: Array) -> Grads:
        """The faulty gradient: "dW1", "db1", …, "dA0", … as float64 arrays."""
        return backprop(params, X, Y, [self.line])

    def set_to(self, constant: float) -> Line:
        """What the bug does with another value of its constant."""
        return Line(self.line.name, partial(self.line.replace, **{"constant": constant}))


ENTERED: dict[str, Fault] = {}
FAULTS: Mapping[str, Fault] = MappingProxyType(ENTERED)


def always(run: Run) -> bool:
    return True


def several_examples(run: Run) -> bool:
    return run.m > 1


def hidden_layer(run: Run) -> bool:
    return run.L > 1


def fault(
    name: str,
    equation: str,
    line: LineName,
    summary: str,
    condition: Condition = always,
    constant: Constant | None = None,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Enter the function below into the catalogue."""

    def enter(replace: Callable[..., Any]) -> Callable[..., Any]:
        ENTERED[name] = Fault(name, summary, equation, Line(line, replace), condition, constant)
        return replace

    return enter


@fault("missing-mean", "D7", "output", "the mean over examples is missing", several_examples)
def missing_mean(run: Run, l: int, dZ: Array) -> Array:
    return run.m * dZ


@fault(
    "mean-over-outputs", "D7", "output", "the cost is averaged over the outputs, not summed", lambda run: len(run.Y) > 1
)
def mean_over_outputs(run: Run, l: int, dZ: Array) -> Array:
    return dZ / len(dZ)


@fault("sign-flipped", "D7", "output", "the sign is flipped: Y - A_L instead of A_L - Y")
def sign_flipped(run: Run, l: int, dZ: Array) -> Array:
    return -dZ


@fault("labels-flipped", "D7", "output", "the labels are flipped: 1 - Y instead of Y", lambda run: np.any(run.Y != 0.5))
def labels_flipped(run: Run, l: int, dZ: Array) -> Array:
    return (run.Y * run.A[l] - (1 - run.Y) * run.S[l]) / run.m


@fault(
    "extra-output-derivative",
    "D7",
    "output",
    "A_L - Y is multiplied by σ'(Z_L), which it already contains (this is also the gradient of half the squared error)",
)
def extra_output_derivative(run: Run, l: int, dZ: Array) -> Array:
    return dZ * run.A[l] * run.S[l]


@fault("squared-error-loss", "D4", "output", "this is the gradient of the squared error, not of the cross-entropy")
def squared_error_loss(run: Run, l: int, dZ: Array) -> Array:
    return 2 * dZ * run.A[l] * run.S[l]


@fault(
    "clipped-probabilities",
    "D6",
    "output",
    "A_L is clipped to [ε, 1 - ε] before it is divided by: where the clip takes hold, the factors no longer cancel",
    # Some output is clipped that has yet to move: its label lies on the other side.
    lambda run: np.any((run.S[-1] < CLIP) & (run.Y < 1) | (run.A[-1] < CLIP) & (run.Y > 0)),
    Constant("ε", lambda _: (1e-15, 1e-12, 1e-10, 1e-9, 1e-8, 1e-6, 1e-5, 1e-4, 1e-3)),
)
def clipped_probabilities(run: Run, l: int, dZ: Array, constant: float = CLIP) -> Array:
    A, S = (np.clip(P, constant, 1 - constant) for P in (run.A[l], run.S[l]))
    return -(run.Y / A - (1 - run.Y) / S) / run.m * run.A[l] * run.S[l]


@fault("missing-hidden-derivative", "D8", "derivative", "σ'(Z_l) is missing: dZ_l = dA_l", hidden_layer)
def missing_hidden_derivative(run: Run, l: int, derivative: Array) -> Array:
    return np.ones_like(derivative)


@fault("activation-as-derivative", "D8", "derivative", "A_l stands in place of σ'(Z_l)", hidden_layer)
def activation_as_derivative(run: Run, l: int, derivative: Array) -> Array:
    return run.A[l]


@fault("tanh-derivative", "D3", "derivative", "1 - A_l² is the derivative of tanh, not of σ", hidden_layer)
def tanh_derivative(run: Run, l: int, derivative: Array) -> Array:
    return run.S[l] * (1 + run.A[l])


@fault("double-sigmoid", "D3", "derivative", "σ' is taken at A_l instead of Z_l: σ is applied twice", hidden_layer)
def double_sigmoid(run: Run, l: int, derivative: Array) -> Array:
    return sigmoid(run.A[l]) * sigmoid(-run.A[l])


@fault(
    "dW-transposed",
    "D9",
    "weights",
    "dW_l is transposed: A_{l-1} dZ_lᵀ (seen where W_l is square)",
    lambda run: any(n == n_prev > 1 for n_prev, n in pairwise(run.widths)),
)
def dw_transposed(run: Run, l: int, dW: Array) -> Array:
    return dW.T if dW.shape == run.W[l].T.shape else dW


@fault(
    "wrong-layer-activation",
    "D9",
    "weights",
    "dW_l uses A_l, not A_{l-1} (possible where n_l = n_{l-1})",
    lambda run: any(n == n_prev for n_prev, n in pairwise(run.widths)),
)
def wrong_layer_activation(run: Run, l: int, dW: Array) -> Array:
    return run.dZ[l] @ run.A[l].T if run.A[l].shape == run.A[l - 1].shape else dW


@fault(
    "input-as-previous-activation",
    "D9",
    "weights",
    "dW_l uses X, not A_{l-1} (possible where a hidden layer is as wide as the input)",
    lambda run: run.widths[0] in run.widths[1:-1],
)
def input_as_previous_activation(run: Run, l: int, dW: Array) -> Array:
    return run.dZ[l] @ run.A[0].T if run.A[0].shape == run.A[l - 1].shape else dW


@fault("bias-missing-mean", "D10", "bias", "the mean over examples is missing in db, not in dW", several_examples)
def bias_missing_mean(run: Run, l: int, db: Array) -> Array:
    return run.m * db


@fault(
    "bias-summed-over-units",
    "D10",
    "bias",
    "db_l is summed over the units too: np.sum without its axis",
    lambda run: max(run.widths[1:]) > 1,
)
def bias_summed_over_units(run: Run, l: int, db: Array) -> Array:
    return np.full_like(db, db.sum())


@fault("bias-gradient-zero", "D10", "bias", "every db_l is zero")
def bias_gradient_zero(run: Run, l: int, db: Array) -> Array:
    return np.zeros_like(db)


@fault(
    "last-example-only",
    "D9",
    "sum",
    "dW and db are those of the last example: overwritten, not summed",
    several_examples,
)
def last_example_only(run: Run, l: int, dZ: Array) -> Array:
    return np.where(np.arange(run.m) == run.m - 1, dZ, 0)


@fault("first-layer-zero", "D9", "sum", "dW1 and db1 are zero: the loop ends before the first layer", hidden_layer)
def first_layer_zero(run: Run, l: int, dZ: Array) -> Array:
    return np.zeros_like(dZ) if l == 1 < run.L else dZ


@fault(
    "output-layer-overwritten",
    "D9",
    "sum",
    "the output layer's dW and db are lost: stored under another layer's key, then overwritten",
)
def output_layer_overwritten(run: Run, l: int, dZ: Array) -> Array:
    return np.zeros_like(dZ) if l == run.L else dZ


@fault(
    "weights-not-transposed",
    "D11",
    "previous",
    "dA_{l-1} is W_l dZ_l, without the transpose (seen where W_l is square)",
    lambda run: any(n == n_prev > 1 for n_prev, n in pairwise(run.widths[1:])),
)
def weights_not_transposed(run: Run, l: int, dA: Array) -> Array:
    return run.W[l] @ run.dZ[l] if run.W[l].shape == run.W[l].T.shape else dA


def _learning_rate(problem: Problem) -> list[float]:
    """The λ of `weights_updated_first` that fits best, and the round number next to it.

    dW_{L-1} is the first gradient that the bug reaches, and linear in λ.
    """
    key = f"W{problem.L - 1}"
    if problem.L == 1:
        return []
    bug = FAULTS["weights-updated-first"].line
    right, moved = (backprop(problem.params, problem.X, problem.Y, lines)[f"d{key}"] for lines in ([], [bug]))
    slope = moved - right
    if not slope.any():
        return []
    fitted = float(np.sum((problem.given.arrays[key] - right) * slope) / np.sum(slope * slope))
    return [float(f"{fitted:.6g}"), fitted]


@fault(
    "weights-updated-first",
    "D11",
    "previous",
    "W_l takes its step W_l - λ dW_l before dA_{l-1} is computed from it",
    hidden_layer,
    Constant("λ", _learning_rate),
)
def weights_updated_first(run: Run, l: int, dA: Array, constant: float = 1.0) -> Array:
    return dA - constant * (run.A[l - 1] @ run.dZ[l].T) @ run.dZ[l]


@fault(
    "off-by-one-layer-keys",
    "D12",
    "grads",
    "dW_l and db_l hold the gradients of layer l + 1, the last those of layer 1 (possible where all widths agree)",
    lambda run: hidden_layer(run) and len(set(run.widths)) == 1,
)
def off_by_one_layer_keys(run: Run, l: int, grads: Grads) -> Grads:
    above = {f"d{V}{l}": f"d{V}{l % run.L + 1}" for V in "Wb" for l in range(1, run.L + 1)}
    return {key: grads[above.get(key, key)] for key in grads}


@fault(
    "article-dA-convention",
    "D6",
    "grads",
    "dA is m times ∂J/∂A: 1/m enters at dW and db instead of dA_L, as in the article",
    several_examples,
)
def article_da_convention(run: Run, l: int, grads: Grads) -> Grads:
    return {key: run.m * V if key.startswith("dA") else V for key, V in grads.items()}


@fault("float32-inside", "D1", "inputs", "computed in float32 inside, then returned as float64")
def float32_inside(run: Run, l: int, inputs: tuple[Params, Array, Array]) -> tuple[Params, Array, Array]:
    return as_floats(*inputs, dtype=np.float32)
