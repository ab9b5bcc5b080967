"""Backprop matches finite differences, for random `layer_dims`, in every entry of every dW, db and dA0."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refnn import backprop, check_gradients, check_network, cost_function, forward_prop, init_params, logistic_cost
from refnn.gradcheck.faults.catalogue import FAULTS

layer_dims = st.lists(st.integers(1, 6), min_size=2, max_size=6)
seeds = st.integers(0, 2**32 - 1)


def network(dims, m, scale, seed):
    """Generic weights and biases, inputs and soft labels."""
    rng = np.random.default_rng(seed)
    params = {key: scale * rng.standard_normal(V.shape) for key, V in init_params(dims).items()}
    return params, rng.standard_normal((dims[0], m)), rng.random((dims[-1], m))


def gradient(params, X, Y):
    AL, caches = forward_prop(X, params)
    return backprop(AL, Y, caches)


@pytest.mark.parametrize("cost", [cost_function, logistic_cost])
@pytest.mark.parametrize("method", ["central", "complex"])
@given(dims=layer_dims, m=st.integers(1, 5), seed=seeds)
def test_backprop_matches_differences_of_the_cost(method, cost, dims, m, seed):
    params, X, Y = network(dims, m, 1, seed)

    def J(point):
        AL, caches = forward_prop(point["A0"], {key: point[key] for key in params})
        return cost(AL, Y) if cost is cost_function else cost(caches[-1][1], Y)

    point = {**params, "A0": X}
    grads = {key: dV for key, dV in gradient(params, X, Y).items() if key[1:] in point}
    check = check_gradients(J, point, grads, method=method)
    assert check, check
    assert {parameter.name for parameter in check.parameters} == {f"d{key}" for key in point}


@given(dims=layer_dims, m=st.integers(1, 5), scale=st.sampled_from([0.01, 0.1, 1, 10, 50]), seed=seeds)
def test_backprop_matches_cancellation_free_differences_at_every_scale(dims, m, scale, seed):
    params, X, Y = network(dims, m, scale, seed)
    check = check_network(params, X, Y, gradient(params, X, Y))
    assert check.verdict in ("PASS", "BLIND"), check  # one example, or equal columns, cannot show every fault
    assert all(parameter for parameter in check.parameters), check


@pytest.mark.parametrize("name", FAULTS)
def test_differences_of_the_cost_see_every_fault(name):
    """The same check fails on each planted fault, on a network where it can be made."""
    fault = FAULTS[name]
    params, X, Y = network([4, 4, 4, 4], 6, 60 if name == "clipped-probabilities" else 1, 1)
    assert fault.applies(params, X, Y)
    check = check_network(params, X, Y, fault.gradient(params, X, Y))
    assert check.verdict == "WRONG"
