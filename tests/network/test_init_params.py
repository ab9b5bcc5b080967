"""init_params: weights of their scale from a seed, zero biases."""

import numpy as np
import pytest
from small_network import refusals

from refnn import init_params


@pytest.mark.parametrize(
    ("scale", "deviation"), [("xavier", np.sqrt(2 / 1000)), ("he", np.sqrt(2 / 400)), (0.01, 0.01), (3, 3)]
)
def test_weights_have_their_scale_and_biases_are_zero(scale, deviation):
    params = init_params([400, 600], scale=scale, rng=1)
    # the standard deviation of 240,000 draws is within 5 of its own deviations, 1/sqrt(480,000) each
    assert abs(params["W1"].std() / deviation - 1) < 5 / np.sqrt(480_000)
    assert not params["b1"].any()


def test_shapes_and_dtype():
    params = init_params(np.array([4, 3, 2]), rng=np.random.default_rng(0))
    assert {key: V.shape for key, V in params.items()} == {"W1": (3, 4), "b1": (3, 1), "W2": (2, 3), "b2": (2, 1)}
    assert {V.dtype for V in params.values()} == {np.dtype(float)}


def test_a_seed_repeats_the_weights():
    seven = init_params([3, 2], rng=7)
    np.testing.assert_equal(init_params([3, 2], rng=np.random.default_rng(7)), seven)
    assert not np.array_equal(init_params([3, 2], rng=8)["W1"], seven["W1"])
    assert not np.array_equal(init_params([3, 2])["W1"], init_params([3, 2])["W1"])


test_bad_input_is_refused_in_words = refusals(
    (lambda: init_params([]), ValueError, "layer_dims is [], expected at least 2 widths: inputs and outputs"),
    (lambda: init_params([3]), ValueError, "layer_dims is [3], expected at least 2 widths: inputs and outputs"),
    (lambda: init_params([3, 0]), ValueError, "layer_dims[1] is 0, expected an integer of at least 1"),
    (lambda: init_params([-3, 2]), ValueError, "layer_dims[0] is -3, expected an integer of at least 1"),
    (lambda: init_params([3, 2.0]), TypeError, "layer_dims[1] is 2.0 (float), expected an integer"),
    (lambda: init_params([3, True]), TypeError, "layer_dims[1] is True (bool), expected an integer"),
    (lambda: init_params([3, np.True_]), TypeError, "layer_dims[1] is np.True_ (bool), expected an integer"),
    (lambda: init_params([3, "2"]), TypeError, "layer_dims[1] is '2' (str), expected an integer"),
    (lambda: init_params({3, 2}), TypeError, "layer_dims is {2, 3} (set), expected a sequence of integers"),
    (lambda: init_params(b"32"), TypeError, "layer_dims is b'32' (bytes), expected a sequence of integers"),
    (lambda: init_params("32"), TypeError, "layer_dims is '32' (str), expected a sequence of integers"),
    (lambda: init_params(3), TypeError, "layer_dims is 3 (int), expected a sequence of integers"),
    (lambda: init_params([3, 2], scale=10**400), ValueError, "expected a positive finite number of float64"),
    (lambda: init_params([3, 2], scale="lecun"), ValueError, "scale is 'lecun', expected 'xavier', 'he' or a positive"),
    (lambda: init_params([3, 2], scale=-1), ValueError, "scale is -1, expected a positive finite number"),
    (lambda: init_params([3, 2], scale=None), TypeError, "scale is None (NoneType), expected 'xavier', 'he' or a"),
    (
        lambda: init_params([3, 2], rng=True),
        TypeError,
        "rng is True, expected a seed, a numpy.random.Generator or",
    ),
    (lambda: init_params([3, 2], rng="dice"), TypeError, "rng is 'dice', expected a seed, a numpy.random.Generator or"),
    (lambda: init_params([3, 2], rng=-1), ValueError, "rng is -1, expected a seed, a numpy.random.Generator or None"),
)
