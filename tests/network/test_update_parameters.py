"""update_parameters: a step against the gradient. That it is so exactly: test_in_the_field.py."""

from fractions import Fraction

import numpy as np
from example import GRADS, PARAMS, X, changed, refusals
from hypothesis import given
from strategies import float_networks

from refnn import backprop, forward_prop, logistic_cost, update_parameters


def test_a_step_by_hand():
    params, grads = {"W1": [[1]], "b1": [[4]]}, {"dW1": [[1]], "db1": [[-2]], "dA0": [[9]]}
    np.testing.assert_equal(update_parameters(params, grads, Fraction(1, 2)), {"W1": [[0.5]], "b1": [[5.0]]})


@given(float_networks())
def test_a_small_step_lowers_the_cost(network):  # (D14)
    params, X, Y = network
    AL, caches = forward_prop(X, params)
    grads = backprop(AL, Y, caches)
    J, slope = logistic_cost(caches[-1][1], Y), sum(np.sum(grads[f"d{key}"] ** 2) for key in params)
    # The step promises to lower J by a millionth, far above rounding, and is short for any curvature below 20.
    stepped = update_parameters(params, grads, min(0.1, 1e-6 * J / slope))
    _, caches = forward_prop(X, stepped)
    assert logistic_cost(caches[-1][1], Y) < J


def step(learning_rate=1, **grads):
    return update_parameters(PARAMS, changed(GRADS, **grads), learning_rate)


def step32(learning_rate):
    params, grads = ({key: V.astype(np.float32) for key, V in d.items()} for d in (PARAMS, GRADS))
    return update_parameters(params, grads, learning_rate)


test_bad_input_is_refused_in_words = refusals(
    (lambda: update_parameters(PARAMS, None, 1), TypeError, "grads is NoneType, expected a dict of dW1, db1 …"),
    (lambda: step(db1=None), ValueError, "grads has no 'db1', expected one for each of params"),
    (lambda: step(dW3=X), ValueError, "grads has an entry 'dW3', but params has no such layer"),
    (lambda: step(dW1=X), ValueError, "grads['dW1'] has shape (4, 5), expected (3, 4): that of params['W1']"),
    (lambda: step(db2=[[np.inf], [0]]), ValueError, "grads['db2'][0, 0] is inf, expected a finite"),
    (lambda: step(0), ValueError, "learning_rate is 0, expected a positive finite number"),
    (lambda: step(np.nan), ValueError, "learning_rate is nan, expected a positive finite number"),
    (lambda: step(1e309), ValueError, "learning_rate is inf, expected a positive finite number"),
    (lambda: step32(0), ValueError, "learning_rate is 0, expected a positive finite number of float32"),
    (lambda: step32(1e39), ValueError, "learning_rate is 1e+39, expected a positive finite number of float32"),
    (lambda: step32(1e-50), ValueError, "learning_rate is 1e-50, expected a positive finite number of float32"),
    (lambda: step("1"), TypeError, "learning_rate is '1' (str), expected a number"),
)
