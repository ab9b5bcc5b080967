"""logistic_cost: the cost from the last Z, at saturation too. That cost_function is the same: test_in_the_field.py."""

import math

import numpy as np
from example import AL, Y, refusals

from refnn import logistic_cost


def test_the_cost_by_hand():
    assert logistic_cost([[0.0, 0.0]], [[1, 0]]) == math.log(2)
    assert math.isclose(logistic_cost([[math.log(4)]], [[0]]), math.log(5), rel_tol=2**-50)


def test_saturation_costs_no_digits():
    assert logistic_cost([[-1e4, 1e4]], [[1, 0]]) == 1e4
    assert logistic_cost([[1e4, -1e4]], [[1, 0]]) == 0


test_bad_input_is_refused_in_words = refusals(
    (lambda: logistic_cost(AL * np.nan, Y), ValueError, "ZL[0, 0] is nan, expected a number"),
)
