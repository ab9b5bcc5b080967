"""sigmoid: σ, its limits, and its argument as the cache."""

import math

import numpy as np
from hypothesis import given
from small_network import refusals
from strategies import field_networks

from refnn import sigmoid


def test_the_sigmoid_by_hand():
    A, cache = sigmoid([[0.0, math.log(3)], [-math.log(3), math.log(4)]])
    assert np.allclose(A, [[1 / 2, 3 / 4], [1 / 4, 4 / 5]], rtol=2**-50, atol=0)
    assert cache.tolist() == [[0.0, math.log(3)], [-math.log(3), math.log(4)]]


@given(field_networks)
def test_the_sigmoid_of_minus_z_is_the_rest_to_1(network):  # (D2)
    _, Z, _ = network
    assert np.array_equal(sigmoid(-Z)[0], 1 - sigmoid(Z)[0])


def test_the_sigmoid_has_its_limits():
    A, cache = sigmoid([-np.inf, -1e308, 0.0, 1e308, np.inf])
    assert A.tolist() == [0, 0, 0.5, 1, 1]
    assert cache.tolist() == [-np.inf, -1e308, 0, 1e308, np.inf]


test_bad_input_is_refused_in_words = refusals(
    (lambda: sigmoid([0, np.nan]), ValueError, "Z[1] is nan, expected a number"),
    (lambda: sigmoid("0"), TypeError, "Z has dtype <U1, expected numbers"),
)


def test_a_complex_sigmoid_has_the_limits_too():
    """Where exp overflows, a complex one would be inf + nan j, and the quotient no limit."""
    assert sigmoid([-1000 + 1j, 1000 + 1j, -1e308 - 3j])[0].tolist() == [0, 1, 0]
