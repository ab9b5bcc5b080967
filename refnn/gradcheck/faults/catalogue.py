"""The bugs that people really make in backprop, each with the gradient that it gives.

    fault = FAULTS["missing-mean"]
    fault.summary                           the mean over examples is missing: 1/m was left out
    fault.equation                          D7
    fault.gradient(params, X, Y)["dW1"]     m times too large

Each fault is one function: it gets the value of one line of backprop, as it should be, and returns what the bug makes
of it. `run` holds the network as far as backprop has come (`lines.Run`); `l` is the layer.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from types import MappingProxyType
from typing import Any

import numpy as np

from refnn.gradcheck import formulas
from refnn.gradcheck.declaration import ARTICLE, Declaration
from refnn.gradcheck.faults.lines import Array, Grads, Line, LineName, Params, Run, as_floats, backprop, forward
from refnn.gradcheck.problem import Problem

CLIP = 1e-7  # the ε of those who clip probabilities, most often
SMALL = (1e-15, 1e-12, 1e-10, 1e-9, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3)  # others that they take
Condition = Callable[[Run], bool | np.bool]  # on a network whose forward pass has been made


@dataclass(frozen=True)
class Constant:
    """A number that a bug leaves open: its symbol, and the values to try on the wrong gradients of some networks."""

    symbol: str
    candidates: Callable[[Sequence[Problem]], Iterable[float]]


@dataclass(frozen=True)
class Fault:
    """A bug by name, and the gradient that it gives."""

    name: str
    summary: str  # what went wrong, in words
    equation: str  # the number, in `proofs/derivation.md`, of the equation that is broken
    line: Line  # what the bug makes of that equation
    condition: Condition  # whether the bug can be made, and matters
    constant: Constant | None = None  # the bug's own, where it has one

    def applies(self, params: Params, X: Array, Y: Array, declaration: Declaration = ARTICLE) -> bool:
        """Whether the bug can be made on such a network, and matters there."""
        return bool(self.condition(forward(*as_floats(params, X, Y), declaration)))

    def gradient(self, params: Params, X: Array, Y: Array, declaration: Declaration = ARTICLE) -> Grads:
        """The faulty gradient: "dW1", "db1", …, "dA0", … as float64 arrays."""
        return backprop(params, X, Y, [self.line], declaration)

    def set_to(self, constant: float) -> Line:
        """What the bug does with another value of its constant."""
        return Line(self.line.name, partial(self.line.replace, **{"constant": constant}))


ENTERED: dict[str, Fault] = {}
FAULTS: Mapping[str, Fault] = MappingProxyType(ENTERED)
SIGMOID, TANH, RELU, IDENTITY = map(formulas.activation, ("sigmoid", "tanh", "relu", "identity"))
OTHER = formulas.activation("leaky_relu(0.3)")


# ---------------------------------------------------------------------- conditions


def always(run: Run) -> bool:
    return True


def several_examples(run: Run) -> bool:
    return run.m > 1


def hidden_layer(run: Run) -> bool:
    return run.L > 1


def averaged(run: Run) -> bool:
    return run.declaration.reduction != "sum" and run.weight != 1


def cross_entropy(run: Run) -> bool:
    return run.declaration.output[1] == "cross_entropy"


def logistic(run: Run) -> bool:
    return run.declaration.output == ("sigmoid", "cross_entropy")


def l2(run: Run) -> bool:
    return run.declaration.penalties(run.m)[1] > 0


def some_hidden(word: str, *, other: bool = False) -> Condition:
    """Whether a hidden layer has this activation or, for `other`, one has another."""
    g = formulas.activation(word)
    return lambda run: any((layer is g) != other for layer in run.activations)


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


# ---------------------------------------------------------------------- at the output


@fault("missing-mean", "D7", "output", "the mean over examples is missing", averaged)
def missing_mean(run: Run, l: int, dZ: Array) -> Array:
    return dZ / run.weight


@fault(
    "mean-over-outputs",
    "D7",
    "output",
    "the cost is averaged over the outputs, not summed",
    lambda run: len(run.Y) > 1 and run.declaration.reduction == "mean",
)
def mean_over_outputs(run: Run, l: int, dZ: Array) -> Array:
    return dZ / len(dZ)


@fault("sign-flipped", "D7", "output", "the sign is flipped: Y - A_L instead of A_L - Y")
def sign_flipped(run: Run, l: int, dZ: Array) -> Array:
    return -dZ


@fault(
    "labels-flipped",
    "D7",
    "output",
    "the labels are flipped: 1 - Y instead of Y",
    lambda run: logistic(run) and bool(np.any(run.Y != 0.5)),
)
def labels_flipped(run: Run, l: int, dZ: Array) -> Array:
    return run.residual(1 - run.Y)


@fault(
    "labels-forgotten",
    "D7",
    "output",
    "the labels are not subtracted",
    lambda run: bool(run.Y.any()) and bool(np.any(run.declaration.last.residual(run.Z[-1], 0 * run.Y) != 0)),
)
def labels_forgotten(run: Run, l: int, dZ: Array) -> Array:
    return run.A[l] * run.weight if cross_entropy(run) else run.residual(0 * run.Y)


@fault(
    "label-smoothing",
    "D7",
    "output",
    "the labels are smoothed: (1 - ε) Y + ε / n, n the number of classes",
    lambda run: cross_entropy(run) and bool(np.any(run.Y != 0.5)),
    Constant("ε", lambda _: (0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3)),
)
def label_smoothing(run: Run, l: int, dZ: Array, constant: float = 0.1) -> Array:
    return run.residual((1 - constant) * run.Y + constant / (2 if logistic(run) else len(run.Y)))


@fault(
    "extra-output-derivative",
    "D7",
    "output",
    "A_L - Y is multiplied by A_L (1 - A_L), which it already contains (this is also the gradient of half the squared "
    "error)",
    cross_entropy,
)
def extra_output_derivative(run: Run, l: int, dZ: Array) -> Array:
    return dZ * run.A[l] * run.S


@fault(
    "squared-error-loss",
    "D4",
    "output",
    "this is the gradient of the squared error, not of the cross-entropy",
    logistic,
)
def squared_error_loss(run: Run, l: int, dZ: Array) -> Array:
    return 2 * dZ * run.A[l] * run.S


@fault(
    "factor-of-the-square",
    "D4",
    "output",
    "the half of the squared error is missing, or is there too often: the gradient is twice as large, or half",
    lambda run: not cross_entropy(run),
)
def factor_of_the_square(run: Run, l: int, dZ: Array) -> Array:
    return 2 * dZ if run.declaration.output[1] == "half_squared_error" else dZ / 2


@fault(
    "missing-output-derivative",
    "D8",
    "output",
    "g'(Z_L) is missing at the output",
    lambda run: not cross_entropy(run) and run.declaration.output[0] != "identity",
)
def missing_output_derivative(run: Run, l: int, dZ: Array) -> Array:
    factor = 1 if run.declaration.output[1] == "half_squared_error" else 2
    return factor * (run.A[l] - run.Y) * run.weight


@fault(
    "clipped-probabilities",
    "D6",
    "output",
    "A_L is clipped to [ε, 1 - ε] before it is divided by: where the clip takes hold, the factors no longer cancel",
    # Some output is clipped that has yet to move: its label lies on the other side.
    lambda run: logistic(run) and bool(np.any((run.S < CLIP) & (run.Y < 1) | (run.A[-1] < CLIP) & (run.Y > 0))),
    Constant("ε", lambda _: SMALL),
)
def clipped_probabilities(run: Run, l: int, dZ: Array, constant: float = CLIP) -> Array:
    A, S = (np.clip(P, constant, 1 - constant) for P in (run.A[l], run.S))
    return -(run.Y / A - (1 - run.Y) / S) * run.weight * run.A[l] * run.S


@fault(
    "epsilon-in-denominator",
    "D6",
    "output",
    "ε is added to A_L, and to 1 - A_L, in the logarithm or in what dA_L divides by",
    cross_entropy,
    Constant("ε", lambda _: SMALL),
)
def epsilon_in_denominator(run: Run, l: int, dZ: Array, constant: float = 1e-8) -> Array:
    A, S, Y = run.A[l], run.S, run.Y
    if logistic(run):
        return -(Y / (A + constant) - (1 - Y) / (S + constant)) * run.weight * A * S
    dA = -Y / (A + constant) * run.weight
    return np.asarray(A * (dA - (A * dA).sum(axis=0)))


# ---------------------------------------------------------------------- in a hidden layer


@fault(
    "missing-hidden-derivative",
    "D8",
    "derivative",
    "g'(Z_l) is missing: dZ_l = dA_l",
    some_hidden("identity", other=True),
)
def missing_hidden_derivative(run: Run, l: int, derivative: Array) -> Array:
    return np.ones_like(derivative)


@fault("activation-as-derivative", "D8", "derivative", "A_l stands in place of g'(Z_l)", hidden_layer)
def activation_as_derivative(run: Run, l: int, derivative: Array) -> Array:
    return run.A[l]


@fault("derivative-alone", "D8", "hidden", "dZ_l is g'(Z_l): it is not multiplied by dA_l", hidden_layer)
def derivative_alone(run: Run, l: int, dZ: Array) -> Array:
    return run.g(l).derivative(run.Z[l])


@fault(
    "slope-assigned",
    "D8",
    "hidden",
    "below zero dZ_l is the slope itself, assigned and not multiplied by dA_l",
    lambda run: any(g.kinked and g is not RELU and np.any(Z < 0) for g, Z in zip(run.activations, run.Z[1:])),
)
def slope_assigned(run: Run, l: int, dZ: Array) -> Array:
    g, below = run.g(l), run.Z[l] < 0
    return np.where(below, g.derivative(run.Z[l]), dZ) if g.kinked else dZ


@fault("derivative-subtracted", "D8", "hidden", "dZ_l is dA_l - g'(Z_l): minus in place of times", hidden_layer)
def derivative_subtracted(run: Run, l: int, dZ: Array) -> Array:
    return run.dA[l] - run.g(l).derivative(run.Z[l])


@fault(
    "sigmoid-derivative",
    "D3",
    "derivative",
    "A_l (1 - A_l) is the derivative of σ, not of this activation",
    some_hidden("sigmoid", other=True),
)
def sigmoid_derivative(run: Run, l: int, derivative: Array) -> Array:
    return run.A[l] * (1 - run.A[l]) if run.g(l) is not SIGMOID else derivative


@fault(
    "tanh-derivative",
    "D3",
    "derivative",
    "1 - A_l² is the derivative of tanh, not of this activation",
    some_hidden("tanh", other=True),
)
def tanh_derivative(run: Run, l: int, derivative: Array) -> Array:
    g, A = run.g(l), run.A[l]
    if g is TANH:
        return derivative
    return formulas.sigmoid(-run.Z[l]) * (1 + A) if g is SIGMOID else 1 - A**2


@fault(
    "relu-derivative",
    "D3",
    "derivative",
    "1 where Z_l > 0 is the derivative of ReLU, not of this activation",
    some_hidden("relu", other=True),
)
def relu_derivative(run: Run, l: int, derivative: Array) -> Array:
    return np.where(run.Z[l] > 0, 1.0, 0.0)


@fault(
    "mask-inverted",
    "D3",
    "derivative",
    "the derivative is taken at -Z_l: the mask of ReLU is inverted",
    lambda run: any(g.kinked for g in run.activations),
)
def mask_inverted(run: Run, l: int, derivative: Array) -> Array:
    return run.g(l).derivative(-run.Z[l])


@fault(
    "other-slope",
    "D3",
    "derivative",
    "the derivative has another slope below zero than the activation",
    lambda run: any(g.kinked and g is not OTHER and np.any(Z < 0) for g, Z in zip(run.activations, run.Z[1:])),
    Constant("slope", lambda _: (0.01, 0.02, 0.05, 0.1, 0.2, 0.25, 0.3, 1 / 3)),
)
def other_slope(run: Run, l: int, derivative: Array, constant: float = 0.3) -> Array:
    return np.where(run.Z[l] < 0, constant, derivative) if run.g(l).kinked else derivative


@fault(
    "double-sigmoid",
    "D3",
    "derivative",
    "g' is taken at A_l instead of Z_l: the activation is applied twice",
    lambda run: any(not g.kinked and g is not IDENTITY for g in run.activations),
)
def double_sigmoid(run: Run, l: int, derivative: Array) -> Array:
    return run.g(l).derivative(run.A[l])


# ---------------------------------------------------------------------- in dW, db and dA


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
    "dW-reshaped",
    "D9",
    "weights",
    "dW_l is A_{l-1} dZ_lᵀ, reshaped and not transposed",
    # Of a square W_l this is the transpose.
    lambda run: any(1 < n != n_prev > 1 for n_prev, n in pairwise(run.widths)),
)
def dw_reshaped(run: Run, l: int, dW: Array) -> Array:
    return dW.T.reshape(dW.shape) if dW.shape[0] != dW.shape[1] else dW


@fault(
    "wrong-layer-activation",
    "D9",
    "weights",
    "dW_l uses A_l, not A_{l-1} (possible where n_l = n_{l-1})",
    lambda run: any(n == n_prev for n_prev, n in pairwise(run.widths)),
)
def wrong_layer_activation(run: Run, l: int, dW: Array) -> Array:
    return run.dZ[l] @ run.A[l].T + run.penalty(l) if run.A[l].shape == run.A[l - 1].shape else dW


@fault(
    "input-as-previous-activation",
    "D9",
    "weights",
    "dW_l uses X, not A_{l-1} (possible where a hidden layer is as wide as the input)",
    lambda run: run.widths[0] in run.widths[1:-1],
)
def input_as_previous_activation(run: Run, l: int, dW: Array) -> Array:
    return run.dZ[l] @ run.A[0].T + run.penalty(l) if run.A[0].shape == run.A[l - 1].shape else dW


def _penalised(run: Run) -> bool:
    return any(run.declaration.penalties(run.m))


@fault("penalty-missing", "D9", "weights", "the gradient of the penalty is missing", _penalised)
def penalty_missing(run: Run, l: int, dW: Array) -> Array:
    return dW - run.penalty(l)


@fault("penalty-doubled", "D9", "weights", "the half of λ/2 Σ W² is missing: dW_l has 2 λ W_l", l2)
def penalty_doubled(run: Run, l: int, dW: Array) -> Array:
    return dW + run.declaration.penalties(run.m)[1] * run.W[l]


@fault(
    "penalty-over-m",
    "D9",
    "weights",
    "the penalty is divided by the number of examples",
    lambda run: _penalised(run) and several_examples(run),
)
def penalty_over_m(run: Run, l: int, dW: Array) -> Array:
    return dW + (1 / run.m - 1) * run.penalty(l)


@fault("penalty-in-db", "D10", "bias", "the biases are penalised too", lambda run: l2(run) and run.declaration.bias)
def penalty_in_db(run: Run, l: int, db: Array) -> Array:
    return db + run.declaration.penalties(run.m)[1] * run.b[l]


def _with_bias(run: Run) -> bool:
    return run.declaration.bias


@fault(
    "bias-missing-mean",
    "D10",
    "bias",
    "the mean over examples is missing in db, not in dW",
    lambda run: _with_bias(run) and averaged(run),
)
def bias_missing_mean(run: Run, l: int, db: Array) -> Array:
    return db / run.weight


@fault(
    "bias-summed-over-units",
    "D10",
    "bias",
    "db_l is summed over the units too: np.sum without its axis",
    # A softmax hides it at the output: its dZ sums to 0 there.
    lambda run: _with_bias(run) and max(run.widths[1:]) > 1,
)
def bias_summed_over_units(run: Run, l: int, db: Array) -> Array:
    return np.full_like(db, db.sum())


@fault("bias-gradient-zero", "D10", "bias", "every db_l is zero", _with_bias)
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


@fault(
    "last-batch-dropped",
    "D13",
    "sum",
    "the last examples, which fill no whole batch, are left out",
    lambda run: run.m % 4 != 0,
    Constant("batch size", lambda _: (2, 3, 5, 8, 10, 16, 32, 64)),
)
def last_batch_dropped(run: Run, l: int, dZ: Array, constant: float = 4) -> Array:
    kept = run.m - run.m % constant
    return np.where(np.arange(run.m) < kept, dZ, 0)


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


@fault(
    "gradient-as-weights",
    "D11",
    "previous",
    "dA_{l-1} is dW_lᵀ dZ_l: the gradient stands in place of the weights",
    hidden_layer,
)
def gradient_as_weights(run: Run, l: int, dA: Array) -> Array:
    return (run.A[l - 1] @ run.dZ[l].T + run.penalty(l).T) @ run.dZ[l]


def _learning_rates(problems: Sequence[Problem]) -> Iterator[float]:
    """The λ of `weights_updated_first` that fits each gradient best, and the round number next to it.

    dW_{L-1} is the first gradient that the bug reaches, and linear in λ.
    """
    bug = FAULTS["weights-updated-first"].line
    for problem in problems:
        if problem.L == 1:
            continue
        key, network = f"W{problem.L - 1}", (problem.params, problem.X, problem.Y)
        right, moved = (backprop(*network, lines, problem.declaration)[f"d{key}"] for lines in ([], [bug]))
        slope = moved - right
        if slope.any() and np.isfinite(slope).all():
            fitted = float(np.sum((problem.given.arrays[key] - right) * slope) / np.sum(slope * slope))
            yield from dict.fromkeys([float(f"{fitted:.2g}"), float(f"{fitted:.6g}"), fitted])


@fault(
    "weights-updated-first",
    "D11",
    "previous",
    "W_l takes its step W_l - λ dW_l before dA_{l-1} is computed from it",
    hidden_layer,
    Constant("λ", _learning_rates),
)
def weights_updated_first(run: Run, l: int, dA: Array, constant: float = 1.0) -> Array:
    return dA - constant * (run.A[l - 1] @ run.dZ[l].T + run.penalty(l).T) @ run.dZ[l]


# ---------------------------------------------------------------------- in the dictionary, and before it


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


def _parameters(grads: Mapping[str, Array]) -> Iterator[Array]:
    """The gradient in W1, b1 …, without that in A0 … ."""
    return (V for key, V in grads.items() if "A" not in key)


def _norm(grads: Mapping[str, Array]) -> float:
    return float(np.sqrt(sum(np.sum(V * V) for V in _parameters(grads))))


def _gradient(run: Run) -> Grads:
    params = {f"{kind}{l}": V[l] for l in range(1, run.L + 1) for kind, V in (("W", run.W), ("b", run.b))}
    return backprop(params, run.A[0], run.Y, (), run.declaration)


@fault(
    "clipped-norm",
    "D12",
    "grads",
    "the gradient is clipped to the norm c",
    lambda run: _norm(_gradient(run)) > 1,
    Constant("c", lambda problems: [_norm(p.given.arrays) for p in problems] + [0.1, 0.5, 2.0, 5.0, 10.0]),
)
def clipped_norm(run: Run, l: int, grads: Grads, constant: float = 1.0) -> Grads:
    share = min(1.0, constant / (_norm(grads) or constant))
    return {key: V if key.startswith("dA") else V * share for key, V in grads.items()}


def _largest(grads: Mapping[str, Array]) -> float:
    return max(float(np.abs(V).max()) for V in _parameters(grads))


@fault(
    "clipped-entries",
    "D12",
    "grads",
    "each entry of the gradient is clipped to [-c, c]",
    lambda run: _largest(_gradient(run)) > 0.1,
    Constant("c", lambda problems: [_largest(p.given.arrays) for p in problems]),
)
def clipped_entries(run: Run, l: int, grads: Grads, constant: float = 0.1) -> Grads:
    return {key: V if key.startswith("dA") else np.clip(V, -constant, constant) for key, V in grads.items()}


@fault(
    "article-dA-convention",
    "D6",
    "grads",
    "dA is m times ∂J/∂A: 1/m enters at dW and db instead of dA_L, as in the article",
    averaged,
)
def article_da_convention(run: Run, l: int, grads: Grads) -> Grads:
    return {key: V / run.weight if key.startswith("dA") else V for key, V in grads.items()}


@fault("float32-inside", "D1", "inputs", "computed in float32 inside, then returned as float64")
def float32_inside(run: Run, l: int, inputs: tuple[Params, Array, Array]) -> tuple[Params, Array, Array]:
    return as_floats(*inputs, dtype=np.float32)
