"""The network computes what its formulas say: laws held exactly, in a finite field, and facts worked out by hand."""

import math
from math import log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refnn import (
    backprop,
    cost_function,
    forward_prop,
    init_params,
    logistic_cost,
    one_layer_backward,
    predict,
    sigmoid,
    update_parameters,
)
from refnn.numbers import atoms, random_point

layer_dims = st.lists(st.integers(1, 4), min_size=2, max_size=6)
examples = st.integers(1, 4)
seeds = st.integers(0, 2**32 - 1)
U = 2.0**-53  # half the distance from 1 to the next float: each float operation is right to a factor 1 ± U


def cost_and_gradient(params, X, Y):
    AL, caches = forward_prop(X, params)
    return cost_function(AL, Y), backprop(AL, Y, caches)


def in_the_field(dims, m, seed):
    """Parameters, inputs and labels at random in the field, where every law below holds with tolerance zero."""
    shapes = {key: V.shape for key, V in init_params(dims, rng=0).items()}
    shapes |= {"X": (dims[0], m), "Y": (dims[-1], m)}
    point = random_point({name: np.empty(shape) for name, shape in shapes.items()}, seed=seed)
    return {key: point[key] for key in point if key not in "XY"}, point["X"], point["Y"]


def same(grads, expected):
    assert grads.keys() == expected.keys()
    for key, dV in grads.items():
        assert np.array_equal(dV, expected[key]), key


# ---------------------------------------------------------------------- laws


@given(layer_dims, examples, seeds)
def test_the_order_of_the_examples_does_not_matter(dims, m, seed):
    params, X, Y = in_the_field(dims, m, seed)
    order = np.random.default_rng(seed).permutation(m)
    with atoms(seed):
        J, grads = cost_and_gradient(params, X, Y)
        J_permuted, permuted = cost_and_gradient(params, X[:, order], Y[:, order])
    assert J_permuted == J
    same(permuted, {key: dV[:, order] if key[1] == "A" else dV for key, dV in grads.items()})


@given(layer_dims, examples, seeds, st.data())
def test_hidden_units_may_change_places(dims, m, seed, data):
    params, X, Y = in_the_field(dims, m, seed)
    l = data.draw(st.integers(0, len(dims) - 1), "layer")  # 0 moves the features, L the outputs
    order = np.random.default_rng(seed).permutation(dims[l])

    def move(values, d=""):
        rows = {f"{d}W{l}", f"{d}b{l}", f"{d}A{l}", "Y" if l == len(dims) - 1 else "", "X" if l == 0 else ""}
        moved = {key: V[order] if key in rows else V for key, V in values.items()}
        return {key: V[:, order] if key == f"{d}W{l + 1}" else V for key, V in moved.items()}

    moved = move({**params, "X": X, "Y": Y})
    with atoms(seed):
        J, grads = cost_and_gradient(params, X, Y)
        J_moved, grads_moved = cost_and_gradient({key: moved[key] for key in params}, moved["X"], moved["Y"])
    assert J_moved == J
    same(grads_moved, move(grads, "d"))


@given(layer_dims, examples, seeds)
def test_a_batch_given_twice_has_the_same_mean(dims, m, seed):
    params, X, Y = in_the_field(dims, m, seed)
    with atoms(seed):
        J, grads = cost_and_gradient(params, X, Y)
        J_twice, twice = cost_and_gradient(params, np.hstack([X, X]), np.hstack([Y, Y]))
    assert J_twice == J
    same(twice, {key: np.hstack([dV, dV]) / 2 if key[1] == "A" else dV for key, dV in grads.items()})


@given(layer_dims, st.integers(2, 6), seeds, st.data())
def test_batch_gradients_average_to_the_whole(dims, m, seed, data):  # (D13)
    params, X, Y = in_the_field(dims, m, seed)
    cut = data.draw(st.integers(1, m - 1), "cut")
    with atoms(seed):
        J, grads = cost_and_gradient(params, X, Y)
        J_first, first = cost_and_gradient(params, X[:, :cut], Y[:, :cut])
        J_rest, rest = cost_and_gradient(params, X[:, cut:], Y[:, cut:])
    assert (cut * J_first + (m - cut) * J_rest) / m == J
    for key in params:
        assert np.array_equal((cut * first[f"d{key}"] + (m - cut) * rest[f"d{key}"]) / m, grads[f"d{key}"])


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(1, 3)), min_size=2, max_size=5), examples, seeds)
def test_networks_side_by_side_do_not_touch(pairs, m, seed):
    one, X1, Y1 = in_the_field([n for n, _ in pairs], m, seed)
    two, X2, Y2 = in_the_field([n for _, n in pairs], m, seed + 1)

    def beside(A, B):
        return np.block([[A, np.zeros((len(A), B.shape[1]), int)], [np.zeros((len(B), A.shape[1]), int), B]])

    both = {key: beside(V, two[key]) if key[0] == "W" else np.vstack([V, two[key]]) for key, V in one.items()}
    with atoms(seed):
        J1, grads1 = cost_and_gradient(one, X1, Y1)
        J2, grads2 = cost_and_gradient(two, X2, Y2)
        J, grads = cost_and_gradient(both, np.vstack([X1, X2]), np.vstack([Y1, Y2]))
    assert J == J1 + J2
    for key, dV in grads.items():
        n1, n2 = grads1[key].shape[0], grads1[key].shape[1]
        assert np.array_equal(dV[:n1, :n2], grads1[key])
        assert np.array_equal(dV[n1:, n2 if key[1] == "W" else 0 :], grads2[key])


@given(layer_dims, examples, seeds)
def test_labels_flip_with_the_sign_of_the_output(dims, m, seed):
    params, X, Y = in_the_field(dims, m, seed)
    L = len(dims) - 1
    last = {f"W{L}", f"b{L}"}
    with atoms(seed):
        J, grads = cost_and_gradient(params, X, Y)
        J_flipped, flipped = cost_and_gradient({k: -V if k in last else V for k, V in params.items()}, X, 1 - Y)
    assert J_flipped == J
    same(flipped, {key: -dV if key[1:] in last else dV for key, dV in grads.items()})


@given(layer_dims, examples, seeds)
def test_both_costs_are_one_function(dims, m, seed):  # (D4), (D5)
    params, X, Y = in_the_field(dims, m, seed)
    with atoms(seed):
        AL, caches = forward_prop(X, params)
        assert cost_function(AL, Y) == logistic_cost(caches[-1][1], Y)


@given(layer_dims, examples, seeds)
def test_the_fused_output_is_the_article_s_chain(dims, m, seed):  # (D6), (D7)
    params, X, Y = in_the_field(dims, m, seed)
    with atoms(seed):
        AL, caches = forward_prop(X, params)
        grads = backprop(AL, Y, caches)
        dAL = -(Y / AL - (1 - Y) / (1 - AL)) / m
        chain = one_layer_backward(dAL, caches[-1])
    L = len(dims) - 1
    for dV, key in zip(chain, (f"dA{L - 1}", f"dW{L}", f"db{L}"), strict=True):
        assert np.array_equal(dV, grads[key])


@given(layer_dims, examples, seeds, st.integers(1, 9))
def test_a_step_subtracts_the_gradient(dims, m, seed, learning_rate):  # (D12)
    params, X, Y = in_the_field(dims, m, seed)
    with atoms(seed):
        _, grads = cost_and_gradient(params, X, Y)
        moved = update_parameters(params, grads, learning_rate)
    same(moved, {key: V - learning_rate * grads[f"d{key}"] for key, V in params.items()})


@given(layer_dims, examples, seeds)
def test_a_small_step_lowers_the_cost(dims, m, seed):  # (D14)
    rng = np.random.default_rng(seed)
    params = init_params(dims, scale=1, rng=rng)
    X, Y = rng.standard_normal((dims[0], m)), rng.random((dims[-1], m))
    AL, caches = forward_prop(X, params)
    grads = backprop(AL, Y, caches)
    J, slope = logistic_cost(caches[-1][1], Y), sum(np.sum(grads[f"d{key}"] ** 2) for key in params)
    # The step promises to lower J by a millionth, far above rounding, and is short for any curvature below 20.
    stepped = update_parameters(params, grads, min(0.1, 1e-6 * J / slope))
    _, caches = forward_prop(X, stepped)
    assert logistic_cost(caches[-1][1], Y) < J


# ---------------------------------------------------------------------- by hand


def test_one_unit_by_hand():
    """W = 0 makes A = 1/2, so J = log 2 for any label, and dZ = (1/2 - Y)/m."""
    AL, caches = forward_prop([[2.0, 4.0]], {"W1": [[0.0]], "b1": [[0.0]]})
    assert np.array_equal(AL, [[0.5, 0.5]])
    assert cost_function(AL, [[1, 0]]) == logistic_cost(caches[0][1], [[1, 0]]) == log(2)
    grads = backprop(AL, [[1, 0]], caches)
    assert (grads["dW1"], grads["db1"]) == ([[0.5]], [[0.0]])  # (-2 + 4)/4 and (-1 + 1)/4
    assert np.array_equal(grads["dA0"], [[0.0, 0.0]])


def test_two_layers_by_hand():
    """W1 = log 3 makes A1 = 3/4, W2 = 4/3 log 4 makes A2 = 4/5; the label is 0."""
    params = {"W1": [[log(3)]], "b1": [[0]], "W2": [[4 / 3 * log(4)]], "b2": [[0]]}
    AL, caches = forward_prop([[1.0]], params)
    grads = backprop(AL, [[0]], caches)
    expected = {"dW2": 3 / 5, "db2": 4 / 5, "dA1": 16 / 15 * log(4), "dW1": log(4) / 5, "db1": log(4) / 5}
    expected["dA0"] = log(3) * log(4) / 5
    for key, value in expected.items():
        assert math.isclose(grads[key].item(), value, rel_tol=20 * U), key  # at most 20 roundings on the way
    assert math.isclose(cost_function(AL, [[0]]), log(5), rel_tol=20 * U)


def test_the_sigmoid_has_its_limits():
    A, cache = sigmoid([-np.inf, -1e308, 0.0, 1e308, np.inf])
    assert A.tolist() == [0, 0, 0.5, 1, 1]
    assert cache.tolist() == [-np.inf, -1e308, 0, 1e308, np.inf]


def test_zero_times_log_zero_is_zero():
    assert cost_function([[0.0, 1.0]], [[0, 1]]) == 0
    assert cost_function([[1.0, 1.0]], [[0, 1]]) == np.inf
    assert logistic_cost([[-1e4, 1e4]], [[1, 0]]) == 1e4


def test_a_prediction_is_one_from_the_threshold_on():
    params = {"W1": [[1.0]], "b1": [[0.0]]}
    assert predict([[-1.0, 0.0, 1.0]], params).tolist() == [[0, 1, 1]]
    assert predict([[-1.0, 0.0, 1.0]], params, threshold=0.6).tolist() == [[0, 0, 1]]
    assert predict([[-1.0, 0.0]], params).dtype == int


def test_initial_weights_have_their_scale():
    for scale, deviation in (("xavier", np.sqrt(2 / 1000)), (0.01, 0.01), (3, 3)):
        params = init_params([400, 600], scale=scale, rng=1)
        # the standard deviation of 240,000 draws is within 5 of its own deviations, 1/sqrt(480,000) each
        assert abs(params["W1"].std() / deviation - 1) < 5 / np.sqrt(480_000)
        assert not params["b1"].any()
    same(init_params([3, 2], rng=7), init_params([3, 2], rng=np.random.default_rng(7)))
    with pytest.raises(AssertionError):
        same(init_params([3, 2], rng=7), init_params([3, 2], rng=8))
