"""softmax_cost: the cost from the last Z, where one class has nearly all of the probability too."""

import math

import numpy as np
from small_network import AL, Y, refusals

from refnn import cost_function, softmax_cost


def test_the_cost_by_hand():
    assert softmax_cost([[0.0], [0.0]], [[1], [0]]) == math.log(2)
    assert math.isclose(softmax_cost([[math.log(3)], [0.0]], [[1], [0]]), math.log(4 / 3), rel_tol=2**-50)
    assert math.isclose(cost_function([[0.75], [0.25]], [[1], [0]], output="softmax"), math.log(4 / 3), rel_tol=2**-50)


def test_saturation_costs_no_digits():
    assert softmax_cost([[1e4], [0.0]], [[0], [1]]) == 1e4
    assert softmax_cost([[40.0], [0.0]], [[1], [0]]) == math.exp(-40)
    assert softmax_cost([[1e4, 0.0], [0.0, 1e4]], [[1, 0], [0, 1]]) == 0


def test_the_numbers_of_the_classes_stand_for_rows_of_0_and_1():
    Z = np.linspace(-2, 2, 12).reshape(3, 4) ** 3
    assert softmax_cost(Z, [2, 0, 1, 1]) == softmax_cost(Z, np.eye(3)[:, [2, 0, 1, 1]])


test_bad_input_is_refused_in_words = refusals(
    (lambda: softmax_cost(AL * np.nan, Y), ValueError, "ZL[0, 0] is nan, expected a number"),
    (lambda: softmax_cost(AL, 2 * Y), ValueError, "Y[0, 1] is 2.0, expected a label in [0, 1]"),
    (lambda: softmax_cost(AL, [0, 1, 0]), ValueError, "Y has shape (3,), expected (5,): one class for each example"),
    (lambda: softmax_cost(AL, [0, 1, 2, 0, -1]), ValueError, "Y[2] is 2, expected a class from 0 to 1 (2 such"),
    (lambda: softmax_cost(AL, [0.0] * 5), TypeError, "Y has dtype float64, expected integers: the number of each"),
)
