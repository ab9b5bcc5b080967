"""Activations and outputs, a line of mathematics each: value and derivative, with every digit that Z holds.

An activation works entry by entry, A = g(Z). An output is the last activation together with its cost; its derivative
is taken by hand through both, for what they share cancels: dZ_L = residual / m, where a quotient would lose digits.
Names are those of _declaration.py; equation numbers those of proofs/derivation.md.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from refnn import _declaration
from refnn._declaration import Hidden, OutputWord, Word
from refnn._floats import (
    cosh,
    exp,
    minus_log_softmax,
    negative_part,
    positive_part,
    scaled,
    silu,
    silu_derivative,
    softmax,
    softplus,
    step,
    tanh,
    tanh_derivative,
    weigh,
)
from refnn._shapes import Array

Entrywise = Callable[[Array], Array]


class Activation(NamedTuple):
    """g, and its derivative g′."""

    value: Entrywise
    derivative: Entrywise


class Output(NamedTuple):
    """The last activation with the cost of its labels, before the mean; all functions of arrays (n_L, m)."""

    value: Entrywise  #                                 A_L of Z_L
    cost: Callable[[Array, Array], Array]  #            of A_L and Y
    loss: Callable[[Array, Array], Array]  #            of Z_L and Y: the same, with every digit
    residual: Callable[[Array, Array, Array], Array]  # of A_L, Z_L and Y: m ∂J/∂Z_L
    answer: Callable[[Array, float], Array]  #          of A_L and the threshold: what the network says, as labels do


def sigmoid(Z: Array) -> Array:
    return 1 / (1 + exp(-Z))


ACTIVATIONS = {
    "sigmoid": Activation(sigmoid, lambda Z: 1 / (2 + 2 * cosh(Z))),  # σ(Z) σ(-Z), a sum of positive terms (D3)
    "tanh": Activation(tanh, tanh_derivative),  # 1 / cosh² Z
    "relu": Activation(positive_part, step),
    "softplus": Activation(softplus, sigmoid),
    "silu": Activation(silu, silu_derivative),  # Z σ(Z)
    "identity": Activation(lambda Z: Z, np.ones_like),
}


def leaky_relu(slope: float) -> Activation:
    """Z above 0, and slope · Z from there down: at the kink the derivative is the slope."""
    return Activation(
        lambda Z: positive_part(Z) + scaled(slope, negative_part(Z)),
        lambda Z: step(Z) + scaled(slope, 1 - step(Z)),
    )


def others(V: Array) -> Array:
    """For each row the sum of all other rows: of probabilities what is left of 1, without a subtraction."""
    return (1 - np.eye(len(V), dtype=V.dtype)) @ V


def over_threshold(AL: Array, threshold: float) -> Array:
    return (AL >= threshold).astype(int)


OUTPUTS = {
    "sigmoid": Output(
        sigmoid,
        lambda AL, Y: -(weigh(Y, np.log(AL)) + weigh(1 - Y, np.log(1 - AL))),  #  (D4)
        lambda ZL, Y: Y * softplus(-ZL) + (1 - Y) * softplus(ZL),  #              (D5)
        lambda AL, ZL, Y: (1 - Y) * AL - Y * sigmoid(-ZL),  #                     (D7)
        over_threshold,
    ),
    "softmax": Output(
        softmax,
        lambda AL, Y: -weigh(Y, np.log(AL)),
        lambda ZL, Y: weigh(Y, minus_log_softmax(ZL)),
        lambda AL, _, Y: others(Y) * AL - Y * others(AL),
        lambda AL, _: AL.argmax(axis=0),
    ),
}


def squared_error(g: Activation, divisor: int, answer: Callable[[Array, float], Array]) -> Output:
    """The squared error, over 1 or 2."""
    return Output(
        g.value,
        lambda AL, Y: (AL - Y) ** 2 / divisor,
        lambda ZL, Y: (g.value(ZL) - Y) ** 2 / divisor,
        lambda AL, ZL, Y: 2 * (AL - Y) / divisor * g.derivative(ZL),
        answer,
    )


@lru_cache
def activation(word: Word) -> Activation:
    """The activation of a name, or the user's own pair."""
    if not isinstance(word, str):
        return Activation(*word)
    slope = _declaration.slope(word)
    return ACTIVATIONS[word] if slope is None else leaky_relu(slope)


@lru_cache
def hidden(words: Hidden, l: int) -> Activation:
    """The activation of hidden layer l."""
    return activation(_declaration.of_layer(words, l))


@lru_cache
def output(word: OutputWord) -> Output:
    """The output of a name, or of a pair (activation, cost)."""
    last, cost = _declaration.output(word)
    if cost == "cross_entropy":
        return OUTPUTS[last]  # type: ignore[index]  # a name, as the declaration has seen to
    answer = over_threshold if last == "sigmoid" else lambda AL, _: AL
    return squared_error(activation(last), 2 if cost == "half_squared_error" else 1, answer)
