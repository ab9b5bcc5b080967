"""forward_prop: layer after layer, and a cache of each for the way back."""

import math

import numpy as np
import pytest
from example import AL, PARAMS, X, changed, refusals
from hypothesis import given
from strategies import field_networks

from refnn import forward_prop, sigmoid


@given(field_networks)
def test_the_caches_hold_every_layer(network):  # (D1)
    params, X, _ = network
    A, caches = forward_prop(X, params)
    A_prev = X
    for l, (linear_cache, Z) in enumerate(caches, start=1):
        np.testing.assert_equal(linear_cache, (A_prev, params[f"W{l}"], params[f"b{l}"]))
        assert np.array_equal(Z, params[f"W{l}"] @ A_prev + params[f"b{l}"])
        A_prev = sigmoid(Z)[0]
    assert np.array_equal(A, A_prev)
    assert 2 * len(caches) == len(params)


def test_two_layers_by_hand():
    """W1 = log 3 makes A1 = 3/4, W2 = 4/3 log 4 makes A2 = 4/5."""
    params = {"W1": [[math.log(3)]], "b1": [[0]], "W2": [[4 / 3 * math.log(4)]], "b2": [[0]]}
    AL, caches = forward_prop([[1.0]], params)
    assert math.isclose(caches[1][0][0].item(), 3 / 4, rel_tol=2**-50)
    assert math.isclose(AL.item(), 4 / 5, rel_tol=2**-50)


def test_whatever_reads_as_numbers_is_taken():
    assert np.array_equal(forward_prop(X.tolist(), {key: V.tolist() for key, V in PARAMS.items()})[0], AL)
    assert np.array_equal(forward_prop(X.astype(object), PARAMS)[0], AL)
    assert forward_prop([[2**70], [1], [1], [1]], PARAMS)[0].dtype == float
    assert np.array_equal(forward_prop(X > 0, PARAMS)[0], forward_prop((X > 0).astype(int), PARAMS)[0])


def test_all_that_does_not_fit_is_said_at_once():
    with pytest.raises(ValueError, match="W2") as refusal:
        forward_prop(X * np.nan, {"W1": np.ones((3, 9)), "b1": np.ones((2, 1)), "b2": np.ones((1, 1))})
    assert str(refusal.value).splitlines() == [
        "params has no 'W2', expected 'W1', 'b1' … for 2 layers",
        "params['b1'] has shape (2, 1), expected (3, 1): layer 1 has 3 units",
        "X has shape (4, 5), expected (9, m): layer 1 takes 9 inputs, of m >= 1 examples",
        "X[0, 0] is nan, expected a finite number (20 such entries)",
    ]


def with_entry(index, value):
    A = X.copy()
    A[index] = value
    return A


def with_params(**entries):
    return forward_prop(X, changed(PARAMS, **entries))


MASKED = np.ma.array(X, mask=X > 0)

test_bad_inputs_are_refused_in_words = refusals(
    (lambda: forward_prop(X[0], PARAMS), ValueError, "X has shape (5,), expected (4, m): layer 1 takes 4 inputs"),
    (lambda: forward_prop(X[:, :0], PARAMS), ValueError, "X has shape (4, 0), expected (4, m): layer 1 takes 4 inputs"),
    (lambda: forward_prop(X.T, PARAMS), ValueError, "X has shape (5, 4), expected (4, m): layer 1 takes 4 inputs"),
    (lambda: forward_prop(X[..., None], PARAMS), ValueError, "X has shape (4, 5, 1), expected (4, m): layer 1"),
    (
        lambda: forward_prop(with_entry((2, 3), np.nan), PARAMS),
        ValueError,
        "X[2, 3] is nan, expected a finite number",
    ),
    (
        lambda: forward_prop(with_entry(1, np.inf), PARAMS),
        ValueError,
        "X[1, 0] is inf, expected a finite number (5 such",
    ),
    (lambda: forward_prop(X.astype(str), PARAMS), TypeError, "X has dtype <U32, expected numbers"),
    (lambda: forward_prop(X.astype("M8[s]"), PARAMS), TypeError, "X has dtype datetime64[s], expected numbers"),
    (
        lambda: forward_prop([[1, 2], [3]], PARAMS),
        ValueError,
        "X has rows of different lengths, expected a rectangular",
    ),
    (lambda: forward_prop(None, PARAMS), TypeError, "X is None (NoneType), expected a number"),
    (lambda: forward_prop([[None]] * 4, PARAMS), TypeError, "X[0, 0] is None (NoneType), expected a number"),
    (lambda: forward_prop(MASKED, PARAMS), TypeError, "X is a masked array, expected one without missing"),
)

test_bad_parameters_are_refused_in_words = refusals(
    (lambda: forward_prop(X, [1]), TypeError, "params is list, expected a dict of W1, b1 …"),
    (lambda: forward_prop(X, {}), ValueError, "params has no layer, expected 'W1', 'b1' …"),
    (lambda: with_params(b2=None), ValueError, "params has no 'b2', expected 'W1', 'b1' … for 2 layers"),
    (lambda: with_params(W1=None), ValueError, "params has no 'W1', expected 'W1', 'b1' … for 2 layers"),
    (lambda: with_params(V=X), ValueError, "params has an entry 'V', expected 'W1', 'b1' … for 2 layers"),
    (
        lambda: with_params(W2=np.ones((3, 5))),
        ValueError,
        "params['W2'] has shape (3, 5), expected (3, 3): layer 2 takes 3 units to 3",
    ),
    (
        lambda: with_params(b1=np.ones(3)),
        ValueError,
        "params['b1'] has shape (3,), expected (3, 1): layer 1 has 3 units",
    ),
    (lambda: with_params(W1=np.ones((0, 4))), ValueError, "params['W1'] has shape (0, 4), expected (n_1, n_0)"),
    (lambda: with_params(b1=[["a"]] * 3), TypeError, "params['b1'] has dtype <U1, expected numbers"),
    (
        lambda: with_params(b1=[[np.nan]] * 3),
        ValueError,
        "params['b1'][0, 0] is nan, expected a finite number (3 such entries)",
    ),
)
