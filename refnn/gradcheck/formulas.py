"""The activations and costs as the checker knows them: by how they change, and not by their derivatives.

For each activation A = g(Z), a line of mathematics each:

    value        g(Z), for complex Z too
    difference   g(Z + D) - g(Z) without this subtraction, by an addition formula of g: an identity for every D
    shift        the farthest that an error E in Z can move g(Z)
    size         the number whose roundoffs the usual formula for g is off by
    derivative   g′(Z); only to estimate rounding and to imitate faults, never to judge
    bend         the farthest that an error E in Z can move g′(Z)
    slope_size   the number whose roundoffs the usual formula for g′ is off by
    slope_terms  the same for a careful formula, which computes 1 - A without a subtraction
    steepest     |g(Z + D) - g(Z)| is at most this times |D|

and likewise for each output with its cost. With refnn/layers.py, which is judged by these, nothing is shared but the
words of a declaration.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from refnn import _declaration
from refnn._shapes import Array

Entrywise = Callable[[Array], Array]
Parts = tuple[Array, ...]  # what `difference` needs of Z, computed once for many moves


class Activation(NamedTuple):
    """One activation: functions of Z, and of E beside it; `difference` of the `parts` of Z and of D, which it may
    overwrite."""

    value: Entrywise
    parts: Callable[[Array], Parts]
    difference: Callable[..., Array]
    shift: Callable[..., Array]
    size: Entrywise
    derivative: Entrywise
    bend: Callable[..., Array]
    slope_size: Entrywise
    slope_terms: Entrywise
    steepest: float = 1.0
    kinked: bool = False
    bounded: bool = False


def sigmoid(Z: Array) -> Array:
    """σ(Z); where exp overflows its limit 0 is right."""
    if Z.dtype.kind == "c":
        positive, E = _folded(Z)
        return np.asarray(np.where(positive, 1, E) / (1 + E))
    with np.errstate(over="ignore", under="ignore"):
        return np.asarray(1 / (1 + np.exp(-Z)))


def softplus(Z: Array) -> Array:
    positive, E = _folded(Z)
    return np.asarray(np.where(positive, Z, 0) + np.log1p(E))


def _folded(Z: Array) -> tuple[Array, Array]:
    """Whether Z > 0, and exp of -|Z|, which cannot overflow: complex numbers would make a NaN of infinity."""
    positive = Z.real > 0
    return positive, np.exp(np.where(positive, -Z, Z))


def both(Z: Array) -> Parts:
    """σ(Z) and its complement 1 - σ(Z) = σ(-Z)."""
    return sigmoid(Z), sigmoid(-Z)


def sigmoid_difference(parts: Parts, D: Array) -> Array:
    """-A C t / (1 + C t) for t = expm1(-D). It overwrites D, for fresh memory would cost more than the arithmetic."""
    A, C = parts
    t: Array = np.expm1(np.negative(D, out=D), out=D)
    t *= C
    t /= 1 + t
    t *= -A
    return t


def sigmoid_shift(Z: Array, E: Array) -> Array:
    A, C = both(Z)
    # The formula's 1 + A t and 1 + C t for t = expm1(-E), written without a subtraction.
    left = np.exp(-E)
    stretch = np.minimum(C + A * left, A + C * left)
    return np.asarray(np.divide(-A * C * np.expm1(-E), stretch, out=np.ones_like(A), where=stretch > 0))


def sigmoid_derivative(Z: Array) -> Array:
    A, C = both(Z)
    return A * C


def sigmoid_bend(Z: Array, E: Array) -> Array:
    """At least |A′ C′ - A C|, for A′ = A ± shift and C′ = C ∓ shift."""
    A, C = both(Z)
    shift = sigmoid_shift(Z, E)
    return np.asarray((A + C) * shift + shift**2)


def silu_difference(parts: Parts, D: Array) -> Array:
    """D σ(Z) + (Z + D) [σ(Z + D) - σ(Z)]."""
    Z, A, C = parts
    return np.asarray(D * A + (Z + D) * sigmoid_difference((A, C), D.copy()))


def silu_bend(Z: Array, E: Array) -> Array:
    bend = sigmoid_bend(Z, E)
    return np.asarray(sigmoid_shift(Z, E) + np.abs(Z) * bend + E * (sigmoid_derivative(Z) + bend))


def relu_difference(Z: Array, D: Array) -> Array:
    return np.where(Z > 0, np.maximum(D, -Z), np.maximum(Z + D, 0))


def leaky_relu(slope: float) -> Activation:
    """At the kink the derivative is the middle of both slopes, and its bend reaches both."""
    rise = 1 - slope
    return Activation(
        lambda Z: np.where(Z.real > 0, Z, slope * Z),
        lambda Z: (Z,),
        lambda parts, D: relu_difference(parts[0], D) - slope * relu_difference(-parts[0], -D),
        lambda Z, E: np.where(Z > -E, max(1, slope), slope) * E,
        lambda Z: np.abs(np.where(Z > 0, Z, slope * Z)),
        lambda Z: slope + rise * np.heaviside(Z, 0.5),
        lambda Z, E: abs(rise) * np.where(Z == 0, 0.5, np.abs(Z) <= E),
        lambda Z: np.full_like(Z, slope),
        lambda Z: np.full_like(Z, slope),
        steepest=max(1.0, slope),
        kinked=True,
    )


ACTIVATIONS = {
    "sigmoid": Activation(
        sigmoid,
        both,
        sigmoid_difference,
        sigmoid_shift,
        np.ones_like,
        sigmoid_derivative,
        sigmoid_bend,
        lambda Z: 1 + sigmoid_derivative(Z),  # A (1 - A)
        lambda Z: 3 * sigmoid_derivative(Z),
        steepest=0.25,
        bounded=True,
    ),
    "tanh": Activation(  # 2 σ(2Z) - 1
        np.tanh,
        lambda Z: both(2 * Z),
        lambda parts, D: 2 * sigmoid_difference(parts, 2 * D),
        lambda Z, E: 2 * sigmoid_shift(2 * Z, 2 * E),
        np.ones_like,
        lambda Z: 4 * sigmoid_derivative(2 * Z),
        lambda Z, E: 4 * sigmoid_bend(2 * Z, 2 * E),
        lambda Z: np.full_like(Z, 3),  # 1 - A²
        lambda Z: 12 * sigmoid_derivative(2 * Z),
        bounded=True,
    ),
    "relu": leaky_relu(0),
    "softplus": Activation(  # log1p(A expm1(D)) for A = σ(Z)
        softplus,
        lambda Z: (sigmoid(Z),),
        lambda parts, D: np.log1p(parts[0] * np.expm1(D)),
        lambda Z, E: np.log1p(sigmoid(Z) * np.expm1(E)),
        lambda Z: 1 + softplus(Z),
        sigmoid,
        sigmoid_shift,
        np.ones_like,
        sigmoid,
    ),
    "silu": Activation(
        lambda Z: Z * sigmoid(Z),
        lambda Z: (Z, *both(Z)),
        silu_difference,
        lambda _, E: 1.1 * E,
        np.abs,
        lambda Z: sigmoid(Z) * (1 + Z * sigmoid(-Z)),
        silu_bend,
        lambda Z: 2 + 2 * np.abs(Z),  # A + Z A (1 - A)
        lambda Z: 3 * (sigmoid(Z) + np.abs(Z) * sigmoid_derivative(Z)),
        steepest=1.1,
    ),
    "identity": Activation(
        lambda Z: Z,
        lambda _: (),
        lambda _, D: D,
        lambda _, E: E,
        np.abs,
        np.ones_like,
        lambda Z, _: np.zeros_like(Z),
        np.zeros_like,
        np.zeros_like,
    ),
}


def of_another(value: Entrywise, derivative: Entrywise) -> Activation:
    """A pair of the user's own, which has no addition formula. Its rounding is estimated by its own derivative."""

    def near(Z: Array, E: Array) -> Array:
        return np.asarray(np.abs(derivative(Z)) + np.abs(derivative(Z + E)) + np.abs(derivative(Z - E)))

    def bend(Z: Array, E: Array) -> Array:
        return np.asarray(np.maximum(*(np.abs(derivative(Z + D) - derivative(Z)) for D in (E, -E))))

    def size(Z: Array) -> Array:
        return np.asarray(1 + np.abs(Z) + np.abs(value(Z)))

    def slope_size(Z: Array) -> Array:
        return np.asarray(size(Z) * (1 + np.abs(derivative(Z))))

    def difference(*_: Array) -> Array:
        raise TypeError("another's activation has no addition formula: the general witnesses judge it")

    return Activation(
        value, lambda _: (), difference, lambda Z, E: E * near(Z, E), size, derivative, bend, slope_size, slope_size
    )


@cache
def activation(word: Any) -> Activation:
    """The activation of a name, or of the user's own pair (value, derivative)."""
    if not isinstance(word, str):
        return of_another(*word)
    slope = _declaration.slope(word)
    return ACTIVATIONS[word] if slope is None else leaky_relu(slope)


# ---------------------------------------------------------------------- outputs


class Output(NamedTuple):
    """The last activation with its cost, of Z_L and Y (n_L, m), before the mean."""

    value: Entrywise
    loss: Callable[..., Array]  # each unit's share, for complex Z too
    difference: Callable[..., Array]  # of Z, Y, D: the growth of each example's loss
    residual: Callable[..., Array]  # ∂loss/∂Z, of cross-entropies with every digit; only for rounding and for faults
    careful: Callable[..., Array]  # how far that can be off, for errors E in Z and a roundoff e
    plain: Callable[..., Array]  # and how far it can be off as most people write it
    kinked: bool = False


def _cross_entropy_difference(Z: Array, Y: Array, D: Array) -> Array:
    """Y softplus(-Z) + (1 - Y) softplus(Z) grows by Y log1p(C expm1(-D)) + (1 - Y) log1p(A expm1(D))."""
    A, C, Y = (V[:, None] for V in (*both(Z), Y))
    return np.asarray((Y * np.log1p(C * np.expm1(-D)) + (1 - Y) * np.log1p(A * np.expm1(D))).sum(axis=0))


def _cross_entropy_careful(Z: Array, Y: Array, E: Array, e: float) -> Array:
    A, C = both(Z)
    shift = sigmoid_shift(Z, E)
    return np.asarray((1 - Y) * (shift + e * A) + Y * (shift + e * C) + e * ((1 - Y) * A + Y * C))


def _cross_entropy_plain(Z: Array, Y: Array, E: Array, e: float) -> Array:
    A, C = both(Z)
    # A - Y subtracts numbers as large as A and Y. A cost in logarithms, log(1 + exp Z) - Y Z, has A from
    # exp(Z - log(1 + exp Z)): good to |Z| roundoffs of 1. The article's dA_L ∘ σ′ divides by the rounded 1 - A and A;
    # a σ′ of other make does not cancel their errors.
    quotient = (1 - Y) * np.minimum(2 / C, 0.5 / e) + Y * np.minimum(2 / A, 0.5 / e)
    return np.asarray(sigmoid_shift(Z, E) + e * (1 + A + Y + np.abs(Z) + quotient))


def softmax(Z: Array) -> Array:
    E = np.exp(Z - _largest(Z))
    return np.asarray(E / E.sum(axis=0, keepdims=True))


def _largest(Z: Array) -> Array:
    return np.take_along_axis(Z, Z.real.argmax(axis=0)[None], axis=0)


def _minus_log_softmax(Z: Array) -> Array:
    """The distance to the largest Z, and log1p of the exponentials of the others beside it."""
    M = _largest(Z)
    E = np.exp(Z - M)
    np.put_along_axis(E, Z.real.argmax(axis=0)[None], 0, axis=0)
    return np.asarray(M - Z + np.log1p(E.sum(axis=0, keepdims=True)))


def _others(V: Array) -> Array:
    """For each row the sum of all other rows."""
    return np.asarray((1 - np.eye(len(V))) @ V)


def _softmax_difference(Z: Array, Y: Array, D: Array) -> Array:
    """-Y_k log A_k grows by Y_k log1p(Σ_j A_j expm1(D_j - D_k)): for the largest Y, nothing cancels."""
    A = softmax(Z)[:, None]
    grown = np.zeros(D.shape[1:], D.dtype)
    for k in np.flatnonzero(Y.any(axis=1)):
        grown += Y[k] * np.log1p((A * np.expm1(D - D[k])).sum(axis=0))
    return grown


def _softmax_careful(Z: Array, Y: Array, E: Array, e: float) -> Array:
    A, M = softmax(Z), _largest(Z)
    K = len(Z)
    # An error E_i in Z_i moves A_i by a factor exp(2 max E) at most.
    E_A = A * (np.expm1(2 * E.max(axis=0, keepdims=True)) + e * (K + M - Z))
    return np.asarray(E_A * _others(Y) + Y * _others(E_A) + e * K * (A * _others(Y) + Y * _others(A)))


def _softmax_plain(Z: Array, Y: Array, E: Array, e: float) -> Array:
    A = softmax(Z)
    E_A = A * (np.expm1(2 * E.max(axis=0, keepdims=True)) + e * (len(Z) + np.abs(Z) + np.abs(Z).max(axis=0)))
    return np.asarray(E_A * Y.sum(axis=0) + e * len(Z) * (A * Y.sum(axis=0) + Y))


def squared_error(g: Activation, share: int) -> Output:
    """The squared error or, for a share of 2, half of it."""

    def difference(Z: Array, Y: Array, D: Array) -> Array:
        """d (2 (A - Y) + d) for a move d of A."""
        A, Y = (V[:, None] for V in (g.value(Z), Y))
        d = g.difference(tuple(V[:, None] for V in g.parts(Z)), D)
        return np.asarray((d * (2 * (A - Y) + d)).sum(axis=0) / share)

    def bound(Z: Array, Y: Array, E_A: Array, E_slope: Array, e: float) -> Array:
        error, slope = np.abs(g.value(Z) - Y), np.abs(g.derivative(Z))
        return np.asarray((E_A * (slope + E_slope) + error * E_slope + e * error * slope) * 2 / share)

    def careful(Z: Array, Y: Array, E: Array, e: float) -> Array:
        bend = np.where(Z == 0, 0, g.bend(Z, E)) if g.kinked else g.bend(Z, E)
        return bound(Z, Y, g.shift(Z, E) + e * np.abs(g.value(Z)), bend + e * g.slope_terms(Z), e)

    def plain(Z: Array, Y: Array, E: Array, e: float) -> Array:
        size = g.size(Z) + np.abs(g.value(Z)) + np.abs(Y)
        return bound(Z, Y, g.shift(Z, E) + e * size, g.bend(Z, E) + e * g.slope_size(Z), e)

    return Output(
        g.value,
        lambda Z, Y: (g.value(Z) - Y) ** 2 / share,
        difference,
        lambda Z, Y: 2 * (g.value(Z) - Y) * g.derivative(Z) / share,
        careful,
        plain,
        g.kinked,
    )


OUTPUTS = {
    "sigmoid": Output(
        sigmoid,
        lambda Z, Y: Y * softplus(-Z) + (1 - Y) * softplus(Z),
        _cross_entropy_difference,
        lambda Z, Y: (1 - Y) * sigmoid(Z) - Y * sigmoid(-Z),
        _cross_entropy_careful,
        _cross_entropy_plain,
    ),
    "softmax": Output(
        softmax,
        lambda Z, Y: Y * _minus_log_softmax(Z),
        _softmax_difference,
        lambda Z, Y: _others(Y) * softmax(Z) - Y * _others(softmax(Z)),
        _softmax_careful,
        _softmax_plain,
    ),
}


def complement(word: Any, Z: Array) -> Array:
    """1 - A for the output A of this activation, in all its digits where they can be had."""
    if word == "softmax":
        return _others(softmax(Z))
    return sigmoid(-Z) if word == "sigmoid" else 1 - activation(word).value(Z)


@cache
def output(word: tuple[Any, str]) -> Output:
    last, cost = word
    if cost == "cross_entropy":
        return OUTPUTS[last]
    return squared_error(activation(last), 2 if cost == "half_squared_error" else 1)
