"""What a fault is, and the conditions on a network under which one can be made."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from refnn.gradcheck.faults.lines import Array, Grads, Line, LineName, Params, as_floats, backprop, forward

Applies = Callable[[Params, Array, Array], bool]
CLIP = 1e-7  # the ε of those who clip probabilities, most often


@dataclass(frozen=True)
class Constant:
    """A number that a bug leaves open: its symbol, and `candidates(params, X, Y, grads)`, the values to try."""

    symbol: str
    candidates: Callable[[Params, Array, Array, Params], Iterable[float]]


@dataclass(frozen=True)
class Fault:
    """A bug by name, and the gradient that it gives.

    Attributes
    ----------
    name : str
    summary : str
        What went wrong, in words.
    equation : str
        The number, in `proofs/derivation.md`, of the equation that is broken.
    line : Line
        What the bug makes of that equation.
    applies : callable (params, X, Y) -> bool
        Whether the bug can be made on such a network, and matters there.
    constant : Constant, optional
        The bug's own constant, where it has one.
    """

    name: str
    summary: str
    equation: str
    line: Line
    applies: Applies
    constant: Constant | None = None

    def gradient(self, params: Params, X: Array, Y: Array) -> Grads:
        """Return the faulty gradient: "dW1", "db1", …, "dA0", … as float64 arrays."""
        return backprop(params, X, Y, [self.line])

    def set_to(self, constant: float) -> Line:
        """Return what the bug does with another value of its constant."""
        return Line(self.line.name, partial(self.line.replace, **{"constant": constant}))


def widths(params: Params) -> list[int]:
    """Return layer_dims: n_0, n_1, …, n_L."""
    return [params["W1"].shape[1]] + [len(params[f"b{l}"]) for l in range(1, len(params) // 2 + 1)]


def always(params: Params, X: Array, Y: Array) -> bool:
    return True


def several_examples(params: Params, X: Array, Y: Array) -> bool:
    return bool(Y.shape[1] > 1)


def several_outputs(params: Params, X: Array, Y: Array) -> bool:
    return bool(Y.shape[0] > 1)


def hidden_layer(params: Params, X: Array, Y: Array) -> bool:
    return len(widths(params)) > 2


def several_units(params: Params, X: Array, Y: Array) -> bool:
    return max(widths(params)[1:]) > 1


def adjacent_layers_alike(params: Params, X: Array, Y: Array) -> bool:
    n = widths(params)
    return any(n[l] == n[l - 1] for l in range(1, len(n)))


def square_layer(params: Params, X: Array, Y: Array, first: int = 1) -> bool:
    n = widths(params)
    return any(n[l] == n[l - 1] > 1 for l in range(first, len(n)))


def square_layer_above(params: Params, X: Array, Y: Array) -> bool:
    return square_layer(params, X, Y, first=2)


def layers_alike(params: Params, X: Array, Y: Array) -> bool:
    return hidden_layer(params, X, Y) and len(set(widths(params))) == 1


def hidden_layer_as_wide_as_input(params: Params, X: Array, Y: Array) -> bool:
    return widths(params)[0] in widths(params)[1:-1]


def labels_decided(params: Params, X: Array, Y: Array) -> bool:
    return bool(np.any(np.asarray(Y) != 0.5))


def output_beyond_clip(params: Params, X: Array, Y: Array) -> bool:
    """Some output is clipped that has yet to move: its label lies on the other side."""
    params, X, Y = as_floats(params, X, Y)
    run = forward(params, X, Y)
    return bool(np.any((run.S[-1] < CLIP) & (Y < 1) | (run.A[-1] < CLIP) & (Y > 0)))


catalogue: dict[str, Fault] = {}


def fault(
    name: str,
    equation: str,
    line: LineName,
    summary: str,
    applies: Applies = always,
    constant: Constant | None = None,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Enter the function below into the catalogue."""

    def enter(replace: Callable[..., Any]) -> Callable[..., Any]:
        catalogue[name] = Fault(name, summary, equation, Line(line, replace), applies, constant)
        return replace

    return enter
