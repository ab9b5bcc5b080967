"""one_layer_backward: back through one layer. That it is so exactly, within backprop: test_in_the_field.py."""

import numpy as np
from example import AL, CACHES, refusals

from refnn import one_layer_backward


def test_one_layer_by_hand():
    """At Z = 0 the slope of the sigmoid is 1/4, so dZ = dA/4 = (1, 2)."""
    cache = (([[3.0, 5.0]], [[7.0]], [[0.0]]), [[0.0, 0.0]])
    dA_prev, dW, db = one_layer_backward([[4.0, 8.0]], cache)
    assert dA_prev.tolist() == [[7, 14]]  # Wᵀ dZ
    assert dW.tolist() == [[13]]  # 1·3 + 2·5
    assert db.tolist() == [[3]]


def test_a_saturated_layer_passes_nothing_on():
    cache = (([[1.0]], [[1.0]], [[0.0]]), [[np.inf]])
    assert [dV.item() for dV in one_layer_backward([[1.0]], cache)] == [0, 0, 0]


test_bad_input_is_refused_in_words = refusals(
    (lambda: one_layer_backward(AL[0], CACHES[1]), ValueError, "dA has shape (5,), expected (n_l, m)"),
    (lambda: one_layer_backward(AL, CACHES[0]), ValueError, "Z of cache has shape (3, 5), expected (2, 5)"),
)
