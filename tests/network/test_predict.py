"""predict: 1 from the threshold on."""

import numpy as np
from small_network import PARAMS, X, refusals

from refnn import predict

ONE_UNIT = {"W1": [[1.0]], "b1": [[0.0]]}


def test_a_prediction_is_one_from_the_threshold_on():
    assert predict([[-1.0, 0.0, 1.0]], ONE_UNIT).tolist() == [[0, 1, 1]]
    assert predict([[-1.0, 0.0, 1.0]], ONE_UNIT, threshold=0.6).tolist() == [[0, 0, 1]]
    assert predict([[-1.0, 0.0, 1.0]], ONE_UNIT, threshold=0).tolist() == [[1, 1, 1]]
    assert predict([[-1.0, 0.0, 1.0]], ONE_UNIT, threshold=1).tolist() == [[0, 0, 0]]
    assert predict([[-1.0, 0.0]], ONE_UNIT).dtype == int


test_bad_input_is_refused_in_words = refusals(
    (lambda: predict(X[0], PARAMS), ValueError, "X has shape (5,), expected (4, m): layer 1 takes 4 inputs"),
    (lambda: predict(X, PARAMS, threshold=2), ValueError, "threshold is 2, expected a number in [0, 1]"),
    (lambda: predict(X, PARAMS, threshold=np.nan), ValueError, "threshold is nan, expected a number in [0, 1]"),
    (lambda: predict(X, PARAMS, threshold=10**400), ValueError, "expected a number in [0, 1]"),
)
