"""Dual numbers carry the derivative, by the rules of calculus; what they refuse stands in test_exact.py."""

import numpy as np
import pytest
from floatball import around_zero
from hypothesis import given
from hypothesis import strategies as st

from refnn.numbers import Dual, FieldElement, P, balls

RULES = {
    "sum": (lambda x: 3 + x + x, lambda _: 2),
    "difference": (lambda x: (1 - x) - (x - 1), lambda _: -2),
    "product": (lambda x: x * 2 * (x + 1), lambda x: 4 * x + 2),
    "quotient": (lambda x: (x + 2) / x / 3, lambda x: -2 / (x * x) / 3),
    "reciprocal": (lambda x: 1 / x, lambda x: -1 / (x * x)),
    "power": (lambda x: x**5 + x**0 + x**-2, lambda x: 5 * x**4 - 2 / x**3),
    "sign": (lambda x: +x - -x, lambda _: 2),
    "exp": (np.exp, np.exp),
    "log": (np.log, lambda x: 1 / x),
    "expm1": (np.expm1, np.exp),
    "log1p": (np.log1p, lambda x: 1 / (1 + x)),
    "tanh": (np.tanh, lambda x: 4 * np.exp(2 * x) / (1 + np.exp(2 * x)) ** 2),
    "step": (lambda x: (x * x + 3 * x).step() * x, lambda x: (x * x + 3 * x).step()),
    "chain": (lambda x: np.log(1 + np.exp(3 * x)), lambda x: 3 * np.exp(3 * x) / (1 + np.exp(3 * x))),
}


@pytest.mark.parametrize("rule", RULES)
@given(st.integers(1, P - 2))
def test_a_dual_number_carries_the_derivative(rule, number):
    f, derivative = RULES[rule]
    x, slope = FieldElement(number), FieldElement(7)
    assert f(Dual(x, slope)).tangent == derivative(x) * slope


def test_an_array_of_tangents_is_as_many_directions():
    slopes = np.array([FieldElement(1), FieldElement(2)])
    assert np.exp(Dual(FieldElement(0), slopes) * 3).tangent.tolist() == [3, 6]


def test_a_step_over_balls_is_that_of_their_order():
    with balls.precision(64):
        half, around = balls.to_balls([0.5])[0], around_zero(1)
        assert [Dual(x, 1).step().value for x in (half, -half, half - half)] == [1, 0, 0]
        with pytest.raises(ArithmeticError, match="holds 0, the kink: on which side of it the number lies"):
            Dual(around).step()
