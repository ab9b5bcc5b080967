"""What a bug is: one line of backprop that is replaced, with a name and the networks on which it can be made.

Each function with the decorator `fault` is a bug: it gets the value of a line, as it should be, and returns what the
bug makes of it. `run` holds the network as far as backprop has come (`lines.Run`); `l` is the layer.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from refnn.gradcheck import formulas
from refnn.gradcheck.declaration import ARTICLE, Declaration
from refnn.gradcheck.faults.lines import Array, Grads, Line, LineName, Params, Run, backprop, forward
from refnn.gradcheck.problem import Problem

Condition = Callable[[Run], bool | np.bool]  # on a network whose forward pass has been made


@dataclass(frozen=True)
class Constant:
    """A number that a bug leaves open: its symbol, and the values to try for the wrong gradients of given networks."""

    symbol: str
    candidates: Callable[[Sequence[Problem]], Iterable[float]]


def round_numbers(fitted: float) -> list[float]:
    """The number that fits best, and the round numbers next to it, which are more likely."""
    return [*dict.fromkeys([float(f"{fitted:.2g}"), float(f"{fitted:.6g}"), fitted])]


@dataclass(frozen=True)
class Fault:
    """A bug by name, and the gradient that it gives."""

    name: str
    summary: str  # what went wrong, in words
    equation: str  # the number, in `proofs/derivation.md`, of the equation that is broken
    line: Line  # what the bug makes of that equation
    condition: Condition  # whether the bug can be made, and matters
    constant: Constant | None = None  # the number that the bug leaves open, if there is one

    def applies(self, params: Params, X: Array, Y: Array, declaration: Declaration = ARTICLE) -> bool:
        """Whether the bug can be made on such a network, and matters there."""
        return bool(self.condition(forward(params, X, Y, declaration)))

    def gradient(self, params: Params, X: Array, Y: Array, declaration: Declaration = ARTICLE) -> Grads:
        """The faulty gradient: "dW1", "db1", …, "dA0", … as float64 arrays."""
        return backprop(forward(params, X, Y, declaration), [self.line])

    def set_to(self, constant: float) -> Line:
        """What the bug does with another value of its constant."""
        return Line(self.line.name, partial(self.line.replace, **{"constant": constant}))


ENTERED: dict[str, Fault] = {}  # the catalogue, as it grows
SIGMOID, TANH, RELU, IDENTITY = map(formulas.activation, ("sigmoid", "tanh", "relu", "identity"))


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


def softmax(run: Run) -> bool:
    return bool(run.declaration.output[0] == "softmax")


def penalised(run: Run) -> bool:
    return any(run.declaration.penalties(run.m))


def l2(run: Run) -> bool:
    return run.declaration.penalties(run.m)[1] > 0


def with_bias(run: Run) -> bool:
    return run.declaration.bias


def some_hidden(word: str, *, other: bool = False) -> Condition:
    """Whether a hidden layer has this activation or, for `other`, one has another."""
    g = formulas.activation(word)
    return lambda run: any((layer is g) != other for layer in run.activations)


def fault(
    equation: str, line: LineName, summary: str, condition: Condition = always, constant: Constant | None = None
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Enter the function below into the catalogue, under its name, with hyphens."""

    def enter(replace: Callable[..., Any]) -> Callable[..., Any]:
        name = replace.__name__.replace("_", "-")
        ENTERED[name] = Fault(name, summary, equation, Line(line, replace), condition, constant)
        return replace

    return enter
