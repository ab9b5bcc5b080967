"""How a network is declared, by the same words everywhere; here they are read, and held against what exists.

hidden      "sigmoid", "tanh", "relu", "leaky_relu" or "leaky_relu(0.2)", "softplus", "silu", "identity"; a pair of
            functions (value, derivative) of Z; or a list with one of these for each hidden layer
output      "sigmoid" or "softmax", with their cross-entropy; any other of the above, with half the squared error;
            or a pair (activation, cost), the cost "cross_entropy", "half_squared_error" or "squared_error"
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from typing import Any, TypeAlias, cast

import numpy as np

from refnn._printing import shown, typed

Pair: TypeAlias = tuple[Callable[[Any], Any], Callable[[Any], Any]]  # value and derivative, of arrays Z
Word: TypeAlias = str | Pair
Hidden: TypeAlias = Any  # a Word, or a sequence of one for each hidden layer
OutputWord: TypeAlias = Any  # a Word, or (Word, cost)

ACTIVATIONS = ("sigmoid", "tanh", "relu", "leaky_relu", "softplus", "silu", "identity")
COSTS = ("cross_entropy", "half_squared_error", "squared_error")
LOGISTIC = ("sigmoid", "softmax")  # the activations that cross-entropy is the cost of
SLOPE = 0.01  # of a leaky ReLU without a number
SLOPES = {0.0: "relu", SLOPE: "leaky_relu", 1.0: "identity"}  # each network has one spelling, that of its name


@dataclass(frozen=True)
class Own:
    """A function of the user's own, held to what an activation does: of an array, which it gets as a copy and may work
    in place on, it makes another of that shape and dtype; and if `strict` a number of each number."""

    name: str
    function: Callable[[Any], Any]
    strict: bool = False

    def __call__(self, Z: Any) -> Any:
        A = np.asarray(self.function(np.array(Z)))
        if A.shape != Z.shape or not (Z.dtype == object or np.can_cast(A.dtype, Z.dtype, "same_kind")):
            made = f"{A.dtype} of shape {A.shape} for Z of {Z.dtype} and {Z.shape}"
            raise ValueError(f"{self.name} is {made}, expected an array like Z")
        A = A.astype(Z.dtype, copy=False)
        if self.strict and Z.dtype != object and (wrong := np.isnan(A) & np.isfinite(Z)).any():
            raise ValueError(f"{self.name} is nan where Z is {Z[wrong][0]}, expected a number")
        return A.view(type(Z))

    def __repr__(self) -> str:
        return repr(self.function)


def strict(words: Any) -> Any:
    """The same words, whose functions of the user's own are `strict`."""
    if isinstance(words, Own):
        return replace(words, strict=True)
    return tuple(map(strict, words)) if isinstance(words, tuple) else words


def activation(name: str, word: Any, more: tuple[str, ...] = ()) -> Word:
    """The activation that an argument of this name declares, which may know `more` names than the common ones."""
    known = (*ACTIVATIONS, *more)
    if isinstance(word, str) and word in known:
        return word
    if isinstance(word, tuple) and all(isinstance(function, Own) for function in word):
        return cast(Pair, word)
    if _own(word):
        if not all(isinstance(function, Hashable) for function in word):
            raise TypeError(f"{name} is {shown(word, repr)}, expected functions that can be hashed")
        value, derivative = word
        return Own(f"the value of {name}", value), Own(f"the derivative of {name}", derivative)
    if not isinstance(word, str):
        raise TypeError(f"{name} is {typed(word)}, expected a name or a pair (value, derivative)")
    below = slope(word)
    if below is None:
        raise ValueError(
            f"{name} is {shown(word, repr)}, expected one of {_listed(known)}, or a pair (value, derivative)"
        )
    if not 0 <= below < math.inf:
        raise ValueError(f"{name} is {shown(word, repr)}, expected a finite slope of at least 0")
    return SLOPES.get(below, f"leaky_relu({below!r})".replace(".0)", ")").replace("e+", "e"))


def _own(word: Any) -> bool:
    """Whether it is a pair of functions, the user's own."""
    return isinstance(word, tuple) and len(word) == 2 and all(map(callable, word))


def slope(word: Any) -> float | None:
    """The slope below zero of "leaky_relu" or "leaky_relu(0.2)"; None for another word."""
    found = re.fullmatch(r"leaky_relu(?:\(([^()]+)\))?", word) if isinstance(word, str) else None
    try:
        return float(found[1] or SLOPE) if found else None
    except ValueError:
        return None


def hidden(words: Hidden, layers: int | None = None) -> Hidden:
    """One word for all hidden layers, or a tuple of one for each; `layers` of them, where that is known."""
    if isinstance(words, str) or (isinstance(words, tuple) and any(map(callable, words))):
        return activation("hidden", words)
    if not isinstance(words, list | tuple):
        raise TypeError(f"hidden is {typed(words)}, expected a name, a pair or a list of them")
    if layers is not None and len(words) != layers:
        raise ValueError(f"hidden has {len(words)} activations, expected {layers}: one for each hidden layer")
    return tuple(activation(f"hidden[{l}]", word) for l, word in enumerate(words))


def output(word: OutputWord) -> tuple[Word, str]:
    """The activation of the output and its cost."""
    if isinstance(word, str) or _own(word):
        word = (word, "cross_entropy" if word in LOGISTIC else "half_squared_error")
    if not (isinstance(word, list | tuple) and len(word) == 2 and isinstance(word[1], str)):
        raise TypeError(f"output is {typed(word)}, expected a name or a pair (activation, cost)")
    found, cost = activation("output", word[0], ("softmax",)), word[1]
    if cost not in COSTS:
        raise ValueError(f"output has the cost {shown(cost, repr)}, expected one of {_listed(COSTS)}")
    if (cost == "cross_entropy") != (found == "softmax") and found != "sigmoid":
        why = "cross_entropy goes with sigmoid and softmax, and softmax with it alone"
        raise ValueError(f"output is {shown(found, repr)} with {cost}: {why}")
    return found, cost


def of_layer(words: Hidden, l: int) -> Word:
    """The activation of hidden layer l, from what `hidden` returned."""
    each = isinstance(words, tuple) and not _own(words)
    return cast(Word, words[l - 1] if each else words)


def each_layer(words: Hidden, layers: int) -> tuple[Word, ...]:
    """The activation of each of so many hidden layers."""
    return tuple(of_layer(words, l) for l in range(1, layers + 1))


def _listed(words: tuple[str, ...]) -> str:
    return ", ".join(map(repr, words))
