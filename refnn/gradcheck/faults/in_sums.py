"""Bugs in dW, db and dA."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from refnn.gradcheck.faults.fault import (
    ENTERED,
    IDENTITY,
    Constant,
    averaged,
    cross_entropy,
    fault,
    hidden_layer,
    l2,
    penalised,
    round_numbers,
    several_examples,
    some_hidden,
    with_bias,
)
from refnn.gradcheck.faults.lines import Array, Run, backprop, forward
from refnn.gradcheck.problem import Problem


@fault(
    "D9",
    "weights",
    "dW_l is transposed: A_{l-1} dZ_lᵀ (seen where W_l is square)",
    lambda run: any(n == n_prev > 1 for n_prev, n in pairwise(run.widths)),
)
def dW_transposed(run: Run, l: int, dW: Array) -> Array:
    return dW.T if dW.shape == run.W[l].T.shape else dW


@fault(
    "D9",
    "weights",
    "dW_l is A_{l-1} dZ_lᵀ, reshaped and not transposed",
    # Of a square W_l this is the transpose.
    lambda run: any(1 < n != n_prev > 1 for n_prev, n in pairwise(run.widths)),
)
def dW_reshaped(run: Run, l: int, dW: Array) -> Array:
    return dW.T.reshape(dW.shape) if dW.shape[0] != dW.shape[1] else dW


@fault(
    "D9",
    "weights",
    "dW_l uses A_l, not A_{l-1} (possible where n_l = n_{l-1})",
    lambda run: any(n == n_prev for n_prev, n in pairwise(run.widths)),
)
def wrong_layer_activation(run: Run, l: int, dW: Array) -> Array:
    return run.dZ[l] @ run.A[l].T + run.penalty(l) if run.A[l].shape == run.A[l - 1].shape else dW


@fault(
    "D9",
    "weights",
    "dW_l uses X, not A_{l-1} (possible where a hidden layer is as wide as the input)",
    lambda run: run.widths[0] in run.widths[1:-1],
)
def input_as_previous_activation(run: Run, l: int, dW: Array) -> Array:
    return run.dZ[l] @ run.X.T + run.penalty(l) if run.X.shape == run.A[l - 1].shape else dW


@fault("D9", "weights", "the gradient of the penalty is missing", penalised)
def penalty_missing(run: Run, l: int, dW: Array) -> Array:
    return dW - run.penalty(l)


@fault("D9", "weights", "the gradient of the penalty is subtracted, not added", penalised)
def penalty_subtracted(run: Run, l: int, dW: Array) -> Array:
    return dW - 2 * run.penalty(l)


@fault(
    "D9",
    "weights",
    "the gradient of λ |W| is λ everywhere, without the sign of W",
    lambda run: bool(run.declaration.penalties(run.m)[0]) and any((W < 0).any() for W in run.W[1:]),
)
def lasso_without_sign(run: Run, l: int, dW: Array) -> Array:
    return dW + run.declaration.penalties(run.m)[0] * (1 - np.sign(run.W[l]))


@fault("D9", "weights", "the half of λ/2 Σ W² is missing: dW_l has 2 λ W_l", l2)
def penalty_doubled(run: Run, l: int, dW: Array) -> Array:
    return dW + run.declaration.penalties(run.m)[1] * run.W[l]


@fault(
    "D9",
    "weights",
    "the penalty is λ Σ W², and its gradient lacks the 2, or is half of what was declared: dW_l has λ/2 W_l",
    l2,
)
def penalty_halved(run: Run, l: int, dW: Array) -> Array:
    return dW - run.declaration.penalties(run.m)[1] / 2 * run.W[l]


@fault(
    "D9",
    "weights",
    "the penalty is divided by the number of examples",
    lambda run: penalised(run) and several_examples(run),
)
def penalty_over_m(run: Run, l: int, dW: Array) -> Array:
    return dW + (1 / run.m - 1) * run.penalty(l)


@fault("D10", "bias", "the biases are penalised too", lambda run: l2(run) and with_bias(run))
def penalty_in_db(run: Run, l: int, db: Array) -> Array:
    return db + run.declaration.penalties(run.m)[1] * run.b[l]


@fault(
    "D10", "bias", "the mean over examples is missing in db, not in dW", lambda run: with_bias(run) and averaged(run)
)
def bias_missing_mean(run: Run, l: int, db: Array) -> Array:
    return db / run.weight


@fault(
    "D10",
    "bias",
    "db_l is summed over the units too: np.sum without its axis",
    # A softmax hides it at the output: its dZ sums to 0 there.
    lambda run: with_bias(run) and max(run.widths[1:]) > 1,
)
def bias_summed_over_units(run: Run, l: int, db: Array) -> Array:
    return np.full_like(db, db.sum())


@fault(
    "D10",
    "bias",
    "db_l is the sum of dA_l, before it is multiplied by g'(Z_l)",
    lambda run: with_bias(run) and some_hidden("identity", other=True)(run),
)
def bias_without_derivative(run: Run, l: int, db: Array) -> Array:
    return run.dA[l].sum(axis=1, keepdims=True) if l < run.L else db


@fault("D10", "bias", "every db_l is zero", with_bias)
def bias_gradient_zero(run: Run, l: int, db: Array) -> Array:
    return np.zeros_like(db)


@fault("D9", "sum", "dW and db are those of the last example: overwritten, not summed", several_examples)
def last_example_only(run: Run, l: int, dZ: Array) -> Array:
    return np.where(np.arange(run.m) == run.m - 1, dZ, 0)


@fault(
    "D13",
    "sum",
    "the last examples, which fill no whole batch, are left out",
    lambda run: run.m % 4 != 0,
    Constant("batch size", lambda _: (2, 3, 5, 8, 10, 16, 32, 64)),
)
def last_batch_dropped(run: Run, l: int, dZ: Array, constant: float = 4) -> Array:
    kept = run.m - run.m % constant
    return np.where(np.arange(run.m) < kept, dZ, 0)


@fault(
    "D9",
    "sum",
    "the mean in dW_l and db_l divides by n_{l-1}, the number of units, not of examples: shape[0] in place of shape[1]",
    lambda run: (
        run.L > 1 and run.declaration.reduction in ("mean", "entries") and any(n != run.m for n in run.widths[:-1])
    ),
)
def divided_by_units(run: Run, l: int, dZ: Array) -> Array:
    return dZ * run.m / run.widths[l - 1] if run.L > 1 else dZ


@fault("D9", "sum", "dW1 and db1 are zero: the loop ends before the first layer", hidden_layer)
def first_layer_zero(run: Run, l: int, dZ: Array) -> Array:
    return np.zeros_like(dZ) if l == 1 < run.L else dZ


@fault("D9", "sum", "the output layer's dW and db are lost: stored under another layer's key, then overwritten")
def output_layer_overwritten(run: Run, l: int, dZ: Array) -> Array:
    return np.zeros_like(dZ) if l == run.L else dZ


@fault(
    "D11",
    "previous",
    "dA_{l-1} is W_l dZ_l, without the transpose (seen where W_l is square)",
    lambda run: any(n == n_prev > 1 for n_prev, n in pairwise(run.widths[1:])),
)
def weights_not_transposed(run: Run, l: int, dA: Array) -> Array:
    return run.W[l] @ run.dZ[l] if run.W[l].shape == run.W[l].T.shape else dA


@fault(
    "D11",
    "previous",
    "dA_{l-1} is W_lᵀ times the error dA_l of the layer above, not times its dZ_l: g'(Z_l) is left out on the way down",
    lambda run: (
        any(g is not IDENTITY for g in run.activations[1:])
        or (run.L > 1 and not cross_entropy(run) and run.declaration.output[0] != "identity")
    ),
)
def error_passed_down(run: Run, l: int, dA: Array) -> Array:
    if l < run.L:
        return run.W[l].T @ run.dA[l]
    return dA if cross_entropy(run) else run.W[l].T @ run.error


@fault("D11", "previous", "dA_{l-1} is dW_lᵀ dZ_l: the gradient stands in place of the weights", hidden_layer)
def gradient_as_weights(run: Run, l: int, dA: Array) -> Array:
    return (run.A[l - 1] @ run.dZ[l].T + run.penalty(l).T) @ run.dZ[l]


def _learning_rates(problems: Sequence[Problem]) -> Iterator[float]:
    """The λ of `weights_updated_first` that fits each gradient best, and the round number next to it.

    dW_{L-1} is the first gradient that the bug reaches, and linear in λ.
    """
    bug = ENTERED["weights-updated-first"].line
    for problem in problems:
        if problem.L == 1:
            continue
        key, run = f"W{problem.L - 1}", forward(problem.params, problem.X, problem.Y, problem.declaration)
        right, moved = (backprop(run, lines)[f"d{key}"] for lines in ([], [bug]))
        slope = moved - right
        if slope.any() and np.isfinite(slope).all():
            fitted = float(np.sum((problem.given.arrays[key] - right) * slope) / np.sum(slope * slope))
            yield from round_numbers(fitted)


@fault(
    "D11",
    "previous",
    "W_l takes its step W_l - λ dW_l before dA_{l-1} is computed from it",
    hidden_layer,
    Constant("λ", _learning_rates),
)
def weights_updated_first(run: Run, l: int, dA: Array, constant: float = 1.0) -> Array:
    return dA - constant * (run.A[l - 1] @ run.dZ[l].T + run.penalty(l).T) @ run.dZ[l]
