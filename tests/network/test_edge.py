"""The edge: a public function is its core behind one check, and leaves nothing of the caller's in the core's hands."""

import inspect
import pickle
import re

import numpy as np
import pytest
from hypothesis import given
from small_network import CACHES, PARAMS, X, Y
from strategies import float_networks

import refnn
from refnn import _arguments, network
from refnn._floats import Saturating

PUBLIC = sorted(name for name in refnn.__all__ if hasattr(network, name))


def all_finite(arrays):
    return all(np.isfinite(V).all() for V in arrays)


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_function_has_the_signature_the_words_and_the_place_of_its_core(name):
    public, core, check = (getattr(module, name) for module in (refnn, network, _arguments))
    assert inspect.signature(public) == inspect.signature(core)
    assert public.__doc__ == f"{inspect.cleandoc(core.__doc__)}\n\n{_arguments.RAISES}"
    assert list(inspect.signature(check).parameters) == list(inspect.signature(core).parameters)
    assert pickle.loads(pickle.dumps(public)) is public


def test_the_core_checks_and_casts_nothing():
    source = inspect.getsource(network)
    assert [
        word
        for word in ("raise ", "isinstance", "asarray", "errstate", "np.array", "_arguments import")
        if word in source
    ] == []
    assert re.findall(r"^@.*", source, re.MULTILINE) == []


@given(float_networks())
def test_checked_functions_return_the_bits_of_the_core(data):
    params, X, Y = data
    results = []
    for functions in (network, refnn):
        AL, caches = functions.forward_prop(X, params)
        grads = functions.backprop(AL, Y, caches)
        costs = [functions.cost_function(AL, Y), functions.logistic_cost(caches[-1][1], Y)]
        layer = functions.one_layer_backward(AL, caches[-1])
        results.append([AL, *grads.values(), *costs, *layer, *functions.update_parameters(params, grads, 0.3).values()])
    assert all(np.array_equal(core, checked) for core, checked in zip(*results, strict=True))


def test_backprop_without_the_inputs_leaves_out_dA0_alone():
    AL = refnn.forward_prop(X, PARAMS)[0]
    whole, without = (refnn.backprop(AL, Y, CACHES, inputs=inputs) for inputs in (True, False))
    assert without.pop("dA0") is None
    assert without.keys() == whole.keys() - {"dA0"}
    assert all(np.array_equal(dV, whole[key]) for key, dV in without.items())
    assert refnn.one_layer_backward(AL, CACHES[1], inputs=False)[0] is None


# ---------------------------------------------------------------------- products that leave the range


@np.errstate(all="ignore")
def test_a_product_saturates_and_its_value_is_right_where_it_can_be_held():
    A, ones = np.array([[1e308, 1e308, -1e308, -5e307]]), np.ones((4, 1))
    assert (A.view(Saturating) @ ones).item() == (A.T.view(Saturating).T @ ones).item() == 5e307
    assert (A @ ones.view(Saturating)).item() == 5e307
    assert (A[:, :2].view(Saturating) @ ones[:2]).item() == np.finfo(float).max
    assert (np.float32([[3e38, 3e38, -3e38]]).view(Saturating) @ ones[:3].astype(np.float32)).item() == np.float32(3e38)


def test_a_sum_beyond_the_range_is_no_nan_forward_backward_or_in_a_prediction():
    params = {"W1": [[1e308, 1e308, -1e308, -1e308]], "b1": [[0.0]], "W2": [[1.0]], "b2": [[0.0]]}
    X = [[2.0, -2.0], [2.0, -2.0], [2.0, -2.0], [-1.0, 1.0]]  # 5e308 and -5e308
    AL, caches = refnn.forward_prop(X, params)
    assert caches[1][0][0].tolist() == [[1, 0]]
    assert all(type(V) is np.ndarray for V in (AL, *caches[0][0], caches[0][1]))
    assert all_finite(refnn.backprop(AL, [[0, 1]], caches).values())
    assert refnn.predict(X, {"W1": params["W1"], "b1": [[0.0]]}).tolist() == [[1, 0]]
    dA_prev, _, _ = refnn.one_layer_backward(
        [[1e308], [1e308], [-1e308]], (([[0.0]], 4 * np.ones((3, 1)), np.zeros((3, 1))), np.zeros((3, 1)))
    )
    assert dA_prev == 1e308  # σ′(0) = 1/4 and the weights 4: 1e308 + 1e308 - 1e308


def test_an_infinite_Z_costs_nothing_on_the_side_of_its_label():
    assert refnn.logistic_cost([[np.inf, -np.inf]], [[1, 0]]) == 0
    assert refnn.logistic_cost([[np.inf, -np.inf]], [[0, 1]]) == np.inf
    assert refnn.logistic_cost([[np.inf]], [[0.5]]) == np.inf


# ---------------------------------------------------------------------- training


def test_a_run_that_diverges_is_refused_by_its_rate():
    with pytest.raises(
        ValueError, match=r"lr is 1e\+308: the cost of epoch 2 is nan, expected a rate that keeps to float64"
    ):
        refnn.train([[10, -10, 5], [10, 10, 5]], [[0, 1, 1]], [2, 1], 50, 1e308, rng=0)


def test_a_callback_reaches_no_state_of_the_run():
    given, labels, start = X.copy(), Y.copy(), {key: V.copy() for key, V in PARAMS.items()}

    def spoil(*_):
        given[:], labels[:] = np.nan, np.nan
        for V in start.values():
            V[:] = np.nan

    spoilt, costs = refnn.train(given, labels, [4, 3, 2], 3, 0.1, params=start, progress=spoil)
    expected, expected_costs = refnn.train(X, Y, [4, 3, 2], 3, 0.1, params=PARAMS)
    np.testing.assert_equal(spoilt, expected)
    assert costs == expected_costs
