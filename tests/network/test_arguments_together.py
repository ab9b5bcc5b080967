"""All that does not fit is said at once, before anything is computed; and whatever reads as numbers is taken."""

import re
from fractions import Fraction

import numpy as np
import pytest
from test_arguments import AL, CACHES, GRADS, PARAMS, X, Y, back, forward, init, train, update


def test_all_that_does_not_fit_is_said_at_once():
    with pytest.raises(ValueError, match="W2") as refusal:
        forward(X * np.nan, {"W1": np.ones((3, 9)), "b1": np.ones((2, 1)), "b2": np.ones((1, 1))})
    assert str(refusal.value).splitlines() == [
        "params has no 'W2', expected 'W1', 'b1' … for 2 layers",
        "params['b1'] has shape (2, 1), expected (3, 1): layer 1 has 3 units",
        "X has shape (4, 5), expected (9, m): layer 1 takes 9 inputs, of m >= 1 examples",
        "X[0, 0] is nan, expected a finite number (20 such entries)",
    ]


def test_every_misfit_of_a_network_is_said():
    caches = [((np.ones((4, 5)), W, np.ones((9, 1))), Z) for (_, W, _), Z in CACHES]
    with pytest.raises(ValueError, match="b of") as refusal:
        back(AL, 3 * Y, caches)
    assert [line.split(" has ")[0].split(" is ")[0] for line in str(refusal.value).splitlines()] == [
        "Y[0, 1]",
        "A_prev of caches[1]",
        "b of caches[1]",
        "b of caches[0]",
    ]
    with pytest.raises(ValueError, match="epochs") as refusal:
        train(epochs=-1, lr=np.nan, batch_size=0)
    assert len(str(refusal.value).splitlines()) == 3


def test_a_rate_that_the_dtype_cannot_hold_is_refused():
    params = {key: V.astype(np.float32) for key, V in PARAMS.items()}
    grads = {key: dV.astype(np.float32) for key, dV in GRADS.items()}
    for rate in (1e39, 1e-50):
        with pytest.raises(
            ValueError, match=re.escape(f"learning_rate is {rate}, expected a positive finite number of float32")
        ):
            update(params, grads, rate)


def test_nothing_is_computed_before_all_is_checked(monkeypatch):
    monkeypatch.setattr("refnn.network.init_params", lambda *_, **__: pytest.fail("computed"))
    with pytest.raises(ValueError, match="lr is nan"):
        train(lr=np.nan)


def test_whatever_reads_as_numbers_is_taken():
    as_lists = {key: V.tolist() for key, V in PARAMS.items()}
    AL_of_lists, _ = forward(X.tolist(), as_lists)
    assert np.array_equal(AL_of_lists, AL)
    assert np.array_equal(forward(X.astype(object), PARAMS)[0], AL)
    assert forward([[2**70], [1], [1], [1]], PARAMS)[0].dtype == float
    assert np.array_equal(forward(X > 0, PARAMS)[0], forward((X > 0).astype(int), PARAMS)[0])
    assert update({"W1": [[1]], "b1": [[1]]}, {"dW1": [[1]], "db1": [[1]]}, Fraction(1, 2))["W1"] == [[0.5]]
    assert init(np.array([4, 3]), rng=np.random.default_rng(0))["W1"].shape == (3, 4)
