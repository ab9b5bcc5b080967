"""How refnn/layers.py is computed on floats, for balls that hold everything a correct implementation may return.

Over exact numbers the formulas of layers.py stand as they are; on floats they are folded, so that nothing overflows and
no digit is lost. Here are the folded forms, on the `FloatBall`s of floatball.py; where good implementations go
different ways, `either` holds what both may return. network.py runs on this module as on layers.py.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
from floatball import FloatBall

from refnn import _declaration, layers
from refnn._floats import SILU_ROOT
from refnn.layers import Activation, Output

Form = Callable[[FloatBall], FloatBall]


def elementary(name: str) -> Form:
    """A function of the mathematical library, within 4 ulps as floatball.py has it for exp."""
    return lambda z: z._rounded(getattr(z.ball, name)(), 8)


tanh, cosh, expm1 = map(elementary, ("tanh", "cosh", "expm1"))


def constant(number: int | Fraction, z: FloatBall) -> FloatBall:
    """A number rounded to the format of z."""
    whole = FloatBall(z.ball * 0 + number.numerator, z.format)
    return whole if number.denominator == 1 else whole / number.denominator


def either(*forms: Form) -> Form:
    """What any of the forms may return."""

    def union(z: FloatBall) -> FloatBall:
        first, *others = (form(z).ball for form in forms)
        for ball in others:
            first = first.union(ball)
        return FloatBall(first, z.format)

    return union


def positive(z: FloatBall) -> bool:
    """The side of 0 that most of z lies on: next to 0 either will do."""
    return bool(z.ball.mid() > 0)


def beyond_kink(z: FloatBall) -> bool:
    """The side of 0 that all of z lies on."""
    if not (z.ball > 0 or z.ball <= 0):
        raise ArithmeticError(f"{z.ball} holds 0, the kink of ReLU: choose another network")
    return bool(z.ball > 0)


def below(z: FloatBall, times: int = 1) -> FloatBall:
    """-|z|, whose exp cannot overflow, or twice that, which does not round."""
    return FloatBall((-z if positive(z) else z).ball * times, z.format)


def sigmoid(z: FloatBall) -> FloatBall:
    return 1 / (1 + (-z).exp())


def sigmoid_or_0(z: FloatBall) -> FloatBall:
    """What is nearer to 0 than to any other float is 0, however much it is then multiplied by."""
    A = sigmoid(z)
    return constant(0, z) if A.ball.abs_upper() < 2 * z.format.underflow else A


def softplus(z: FloatBall) -> FloatBall:
    return (z if positive(z) else 0) + below(z).exp().log1p()


def tanh_by_expm1(z: FloatBall) -> FloatBall:
    t = expm1(below(z, 2))
    return (-t if positive(z) else t) / (2 + t)


def tanh_derivative_by_exp(z: FloatBall) -> FloatBall:
    e = below(z, 2).exp()
    return 4 * e / ((1 + e) * (1 + e))


def plain_silu_derivative(z: FloatBall) -> FloatBall:
    return sigmoid_or_0(z) * (1 + z * sigmoid(-z))


def rooted_silu_derivative(z: FloatBall) -> FloatBall:
    """The same from its root. The distance to it is rounded thrice, as two floats hold the root."""
    root = Fraction(SILU_ROOT)
    D = z._rounded(z.ball - (z.ball * 0 + root.numerator) / root.denominator, 3)
    return sigmoid_or_0(z) * sigmoid(-z) * (D - (1 + constant(root, z)) * expm1(D))


def silu_derivative(z: FloatBall) -> FloatBall:
    """Above 0 the sum of the plain form is one of positive terms; around the root it cancels."""
    plain, rooted = plain_silu_derivative, rooted_silu_derivative
    if z.ball >= 0:
        return plain(z)
    return (either(plain, rooted) if z.ball >= -1 or z.ball <= -2 else rooted)(z)


def each(form: Form) -> Callable[[Any], Any]:
    return np.frompyfunc(form, 1, 1)


def leaky_relu(slope: Fraction | int) -> Activation:
    return Activation(
        each(lambda z: z if beyond_kink(z) else z * constant(slope, z)),
        each(lambda z: constant(1 if beyond_kink(z) else slope, z)),
    )


ACTIVATIONS = {
    "sigmoid": Activation(each(sigmoid), each(lambda z: sigmoid(z) * sigmoid(-z))),  # rounds more often than by cosh
    "tanh": Activation(
        each(either(tanh, tanh_by_expm1)),
        each(either(lambda z: (1 / cosh(z)) * (1 / cosh(z)), tanh_derivative_by_exp)),
    ),
    "relu": leaky_relu(0),
    "softplus": Activation(each(softplus), each(sigmoid)),
    "silu": Activation(
        each(either(lambda z: z * sigmoid_or_0(z), lambda z: z / (1 + (-z).exp()))), each(silu_derivative)
    ),
    "identity": layers.ACTIVATIONS["identity"],
}


def exp_below_largest(Z: Any, of_largest: int) -> tuple[Any, Any]:
    """Z less the largest of its column, rounded, and exp of it; for the largest a number of the caller's."""
    largest = each(lambda z: z.ball.mid())(Z).argmax(axis=0)[None]
    D = each(lambda z: FloatBall(z.ball, z.format))(Z - np.take_along_axis(Z, largest, axis=0))
    np.put_along_axis(D, largest, np.array(constant(0, Z[0, 0])), axis=0)
    E = np.exp(D)
    np.put_along_axis(E, largest, of_largest, axis=0)
    return D, E


def softmax(Z: Any) -> Any:
    _, E = exp_below_largest(Z, 1)
    return E / E.sum(axis=0)


def minus_log_softmax(Z: Any) -> Any:
    D, others = exp_below_largest(Z, 0)
    return each(lambda e: e.log1p())(others.sum(axis=0)) - D


softplus_of = ACTIVATIONS["softplus"].value
OUTPUTS = {
    "sigmoid": layers.OUTPUTS["sigmoid"]._replace(loss=lambda Z, Y: Y * softplus_of(-Z) + (1 - Y) * softplus_of(Z)),
    "softmax": layers.OUTPUTS["softmax"]._replace(value=softmax, loss=lambda Z, Y: Y * minus_log_softmax(Z)),
}


def activation(word: Any) -> Activation:
    if not isinstance(word, str):
        return Activation(*word)
    slope = _declaration.slope(word)
    return ACTIVATIONS[word] if slope is None else leaky_relu(Fraction(repr(slope)))


def output(word: Any) -> Output:
    last: Any
    last, cost = _declaration.output(word)
    if cost == "cross_entropy":
        return OUTPUTS[last]
    g, share = activation(last), 2 if cost == "half_squared_error" else 1

    def loss(Z: Any, Y: Any) -> Any:
        E = g.value(Z) - Y
        return E * E / share

    return layers.squared_error(g, share, lambda AL, _: AL)._replace(loss=loss)


def hidden(words: Any, l: int) -> Activation:
    return activation(_declaration.of_layer(words, l))
