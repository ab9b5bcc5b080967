"""Bugs at the output: in dZ_L."""

import numpy as np

from refnn.gradcheck.faults.fault import Constant, averaged, cross_entropy, fault, logistic, softmax
from refnn.gradcheck.faults.lines import Array, Run

CLIP = 1e-7  # the ε of those who clip probabilities, most often
SMALL = (1e-15, 1e-12, 1e-10, 1e-9, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3)  # others that they take


@fault("D7", "output", "the mean over examples is missing", averaged)
def missing_mean(run: Run, l: int, dZ: Array) -> Array:
    return dZ / run.weight


@fault("D7", "output", "the mean over examples is taken twice: 1/m stands there again", averaged)
def mean_taken_twice(run: Run, l: int, dZ: Array) -> Array:
    return dZ * run.weight


@fault(
    "D7",
    "output",
    "the mean divides by n_0, the number of inputs, not of examples: shape[0] in place of shape[1], or the reverse",
    lambda run: run.declaration.reduction in ("mean", "entries") and run.m != run.widths[0],
)
def divided_by_inputs(run: Run, l: int, dZ: Array) -> Array:
    return dZ * run.m / run.widths[0]


@fault(
    "D7",
    "output",
    "the cost is averaged over the outputs, not summed",
    lambda run: len(run.Y) > 1 and run.declaration.reduction == "mean",
)
def mean_over_outputs(run: Run, l: int, dZ: Array) -> Array:
    return dZ / len(dZ)


@fault("D7", "output", "the sign is flipped: Y - A_L instead of A_L - Y")
def sign_flipped(run: Run, l: int, dZ: Array) -> Array:
    return -dZ


@fault("D7", "output", "the labels are flipped: 1 - Y instead of Y", lambda run: logistic(run) and np.any(run.Y != 0.5))
def labels_flipped(run: Run, l: int, dZ: Array) -> Array:
    return run.residual(1 - run.Y)


@fault("D7", "output", "the labels are not subtracted", lambda run: run.Y.any() and run.residual(0 * run.Y).any())
def labels_forgotten(run: Run, l: int, dZ: Array) -> Array:
    return run.A[l] * run.weight if cross_entropy(run) else run.residual(0 * run.Y)


def _of_classes(run: Run) -> bool | np.bool:
    """Whether the rows of Y are classes, and to take another one for the right one changes something."""
    classes = softmax(run) or run.declaration.labels == "classes"
    return classes and np.any(run.Y != np.roll(run.Y, 1, axis=0))


@fault(
    "D7",
    "output",
    "the label is that of the next class, or of the one before: numbers from 1 are taken for numbers from 0",
    _of_classes,
    Constant("step", lambda _: (-1,)),
)
def class_off_by_one(run: Run, l: int, dZ: Array, constant: int = 1) -> Array:
    return run.residual(np.roll(run.Y, constant, axis=0))


@fault(
    "D7",
    "output",
    "the labels are smoothed: (1 - ε) Y + ε / n, n the number of classes",
    lambda run: cross_entropy(run) and np.any(run.Y != 0.5),
    Constant("ε", lambda _: (0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3)),
)
def label_smoothing(run: Run, l: int, dZ: Array, constant: float = 0.1) -> Array:
    return run.residual((1 - constant) * run.Y + constant / (2 if logistic(run) else len(run.Y)))


@fault(
    "D7",
    "output",
    "A_L - Y is multiplied by A_L (1 - A_L), which it already contains (this is also the gradient of half the squared "
    "error)",
    cross_entropy,
)
def extra_output_derivative(run: Run, l: int, dZ: Array) -> Array:
    return dZ * run.A[l] * run.S


@fault("D21", "output", "A_L - Y is multiplied by the Jacobian of softmax, which it already contains", softmax)
def extra_softmax_derivative(run: Run, l: int, dZ: Array) -> Array:
    return _through_softmax(run.A[l], dZ)


def _through_softmax(A: Array, dA: Array) -> Array:
    """dZ of dA."""
    return np.asarray(A * (dA - (A * dA).sum(axis=0)))


@fault(
    "D4",
    "output",
    "the cost applies the output's activation again: a cost of logits is given A_L, not Z_L",
    cross_entropy,
)
def output_activated_twice(run: Run, l: int, dZ: Array) -> Array:
    again = run.declaration.last.residual(run.A[l], run.Y) * run.weight
    return again * run.A[l] * run.S if logistic(run) else _through_softmax(run.A[l], again)


@fault(
    "D4",
    "output",
    "only the unit of the label has a part: the term of the others, (1 - Y) log(1 - A_L), or what softmax makes of "
    "them, is missing",
    lambda run: cross_entropy(run) and np.any(run.Y != 1),
)
def own_class_alone(run: Run, l: int, dZ: Array) -> Array:
    return -run.Y * run.S * run.weight


SHIFTED = Constant("shifted", lambda _: (1,))


def _softmax_over(run: Run, axis: int | None, shift: int) -> Array:
    """The largest Z of each example may have been subtracted, which matters to the right softmax not at all."""
    Z = run.Z[-1] - shift * run.Z[-1].max(axis=0)
    E = np.exp(Z - Z.max(axis=axis, keepdims=True))
    return np.asarray((E / E.sum(axis=axis, keepdims=True) - run.Y) * run.weight)


@fault("D21", "output", "softmax runs along the wrong axis: over the examples", softmax, SHIFTED)
def softmax_over_examples(run: Run, l: int, dZ: Array, constant: int = 0) -> Array:
    return _softmax_over(run, 1, constant)


@fault(
    "D21",
    "output",
    "softmax divides by the sum over all examples: np.sum without its axis",
    lambda run: softmax(run) and run.m > 1,
    SHIFTED,
)
def softmax_over_everything(run: Run, l: int, dZ: Array, constant: int = 0) -> Array:
    return _softmax_over(run, None, constant)


@fault("D4", "output", "this is the gradient of the squared error, not of the cross-entropy", logistic)
def squared_error_loss(run: Run, l: int, dZ: Array) -> Array:
    return 2 * dZ * run.A[l] * run.S


@fault(
    "D4",
    "output",
    "the half of the squared error is missing, or is there too often: the gradient is twice as large, or half",
    lambda run: not cross_entropy(run),
)
def factor_of_the_square(run: Run, l: int, dZ: Array) -> Array:
    return 2 * dZ if run.declaration.output[1] == "half_squared_error" else dZ / 2


@fault(
    "D8",
    "output",
    "g'(Z_L) is missing at the output",
    lambda run: not cross_entropy(run) and run.declaration.output[0] != "identity",
)
def missing_output_derivative(run: Run, l: int, dZ: Array) -> Array:
    return run.error


@fault(
    "D6",
    "output",
    "A_L is clipped to [ε, 1 - ε] before it is divided by: where the clip takes hold, the factors no longer cancel",
    # Some output is clipped that has yet to move: its label lies on the other side.
    lambda run: logistic(run) and np.any((run.S < CLIP) & (run.Y < 1) | (run.A[-1] < CLIP) & (run.Y > 0)),
    Constant("ε", lambda _: SMALL),
)
def clipped_probabilities(run: Run, l: int, dZ: Array, constant: float = CLIP) -> Array:
    A, S = (np.clip(P, constant, 1 - constant) for P in (run.A[l], run.S))
    return np.asarray(-(run.Y / A - (1 - run.Y) / S) * run.weight * run.A[l] * run.S)


def _clips_what_is_right(run: Run) -> bool:
    """Whether an output is clipped that has its label, in a row where none is that contradicts it."""
    up, down = run.S < CLIP, run.A[-1] < CLIP
    agree, contradict = (up & (run.Y == 1)) | (down & (run.Y == 0)), (up & (run.Y < 1)) | (down & (run.Y > 0))
    return cross_entropy(run) and bool(np.any(agree.any(axis=1) & ~contradict.any(axis=1)))


@fault(
    "D7",
    "output",
    "A_L is clipped to [ε, 1 - ε] before Y is subtracted: where the clip takes hold, A_L - Y is ε at least",
    _clips_what_is_right,
    Constant("ε", lambda _: SMALL),
)
def clipped_before_subtraction(run: Run, l: int, dZ: Array, constant: float = CLIP) -> Array:
    raised, lowered = (np.maximum(constant - P, 0) for P in (run.A[l], run.S))
    return dZ + (raised - lowered) * run.weight


@fault(
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
    return _through_softmax(A, -Y / (A + constant) * run.weight)
