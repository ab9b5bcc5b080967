"""cost_function: the mean cross-entropy of predictions. That logistic_cost is the same: test_in_the_field.py."""

import math

import numpy as np
from example import AL, Y, refusals

from refnn import cost_function


def test_the_cost_by_hand():
    assert cost_function([[0.5, 0.5]], [[1, 0]]) == math.log(2)
    assert math.isclose(cost_function([[0.8], [0.5]], [[0], [0.3]]), math.log(5) + math.log(2), rel_tol=2**-50)


def test_zero_times_log_zero_is_zero():
    assert cost_function([[0.0, 1.0]], [[0, 1]]) == 0
    assert cost_function([[1.0, 1.0]], [[0, 1]]) == np.inf


test_bad_input_is_refused_in_words = refusals(
    (lambda: cost_function(AL + 1, Y), ValueError, "expected an activation in [0, 1]"),
    (lambda: cost_function(AL[0], Y), ValueError, "AL has shape (5,), expected (n_L, m): one row for each output"),
    (lambda: cost_function(AL[:, :0], Y[:, :0]), ValueError, "AL has shape (2, 0), expected (n_L, m)"),
)
