"""Over a finite field the lines of the article's network are exactly right, and no planted fault is: tolerance zero."""

from functools import cache

import pytest
from exact_gradient_of import check_gradient
from hypothesis import example, given
from hypothesis import strategies as st
from planted import network_with
from strategies import ONE_UNIT, seeds

from refnn import network
from refnn.numbers import FieldElement, atoms
from refnn.testing import layer_dims


def violations(network, layer_dims, m, seed):
    """The laws that this network breaks at a random point, by name."""
    checks, params, X, Y = check_gradient(network, layer_dims, m, seed)
    L = len(layer_dims) - 1
    with atoms(seed):
        AL, caches = network.forward_prop(X, params)
        dV = network.backprop(AL, Y, caches)
        unfused = network.one_layer_backward(-(Y / AL - (1 - Y) / (1 - AL)) / m, caches[-1])  # (D6), (D8)
        fused = [dV[f"dA{L - 1}"], dV[f"dW{L}"], dV[f"db{L}"]]
        rate = FieldElement(seed + 2)
        step = network.update_parameters(params, dV, rate)
        equal = {
            "cost_function = logistic_cost": network.cost_function(AL, Y) == network.logistic_cost(caches[-1][1], Y),
            "fused output = the article's": all((f == u).all() for f, u in zip(fused, unfused, strict=True)),
            "update_parameters": all((step[name] == V - rate * dV[f"d{name}"]).all() for name, V in params.items()),
        }
    return [law for law, holds in {**checks, **equal}.items() if not holds]


@example([3, 4, 2, 4, 3, 2, 2], 3, 0)
@example(ONE_UNIT, 1, 0)
@given(layer_dims(max_layers=6, max_width=4), st.integers(1, 3), seeds)
def test_the_network_obeys_every_law_exactly(layer_dims, m, seed):
    assert violations(network, layer_dims, m, seed) == []


FAULTS = {
    "sign of the output": ("(1 - Y) * AL - Y * sigmoid(-ZL)", "(1 - Y) * AL + Y * sigmoid(-ZL)"),
    "sign of the labels": ("(1 - Y) * AL - Y * sigmoid(-ZL)", "Y * AL - (1 - Y) * sigmoid(-ZL)"),
    "sign of the bias": ("W @ A_prev + b", "W @ A_prev - b"),
    "sign in exp": ("return 1 / (1 + exp(-Z))", "return 1 / (1 + exp(Z))"),
    "sign of the step": ("{key: V - learning_rate", "{key: V + learning_rate"),
    "sign of the cost": ("-(weigh(Y, np.log(AL)) +", "(weigh(Y, np.log(AL)) +"),
    "sign in softplus": ("Y * softplus(-ZL)", "Y * softplus(ZL)"),
    "no mean at the output": (".residual(AL, ZL, Y) / m", ".residual(AL, ZL, Y)"),
    "no mean in cost_function": (".cost(AL, Y).sum() / m", ".cost(AL, Y).sum()"),
    "no mean in logistic_cost": (".loss(ZL, Y).sum() / m", ".loss(ZL, Y).sum()"),
    "mean over units": ("m = Y.shape[1]\n    linear_cache", "m = Y.shape[0]\n    linear_cache"),
    "no derivative": ("dA * layers.activation(activation).derivative(Z)", "dA"),
    "half a derivative": ("layers.activation(activation).derivative(Z)", "layers.sigmoid(Z)"),
    "derivative squared": ("1 / (2 + 2 * cosh(Z))", "1 / (2 + 2 * cosh(Z)) ** 2"),
    "derivative of tanh": ("1 / (2 + 2 * cosh(Z))", "1 - sigmoid(Z) ** 2"),
    "derivative at half": ("1 / (2 + 2 * cosh(Z))", "1 / (2 + cosh(2 * Z))"),
    "dW transposed": ("dZ @ A_prev.T", "A_prev @ dZ.T"),
    "W not transposed": ("W.T @ dZ if", "W @ dZ if"),
    "W transposed": ("W @ A_prev + b", "W.T @ A_prev + b"),
    "db over units": ("dZ.sum(axis=1, keepdims=True)", "dZ.sum(axis=0, keepdims=True).T"),
    "index of the cache": ("layers.hidden(hidden, l), caches[l - 1]", "layers.hidden(hidden, l), caches[l]"),
    "index of the key": (
        'grads[f"dW{l}"], grads[f"db{l}"] = dA_prev',
        'grads[f"dW{L - l}"], grads[f"db{l}"] = dA_prev',
    ),
    "index of dA": ('dA, g, cache = grads[f"dA{l}"]', 'dA, g, cache = grads[f"dA{L - 1}"]'),
    "input of the layer": ("A_prev, W, _ = linear_cache\n", "A_prev, W, _ = linear_cache\n    A_prev = 1 - A_prev\n"),
}


@cache
def violations_of_the_right_one(m):
    return violations(network, [3, 3, 3, 3], m, seed=1)


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_planted_in_the_source_breaks_a_law(name):
    # All widths are m, so that transpositions and wrong indices have shapes that fit; m is 2 where 3 would hide n_L.
    m = 2 if name == "mean over units" else 3
    assert violations_of_the_right_one(m) == []
    assert violations(network_with(dict([FAULTS[name]])), [3, 3, 3, 3], m, seed=1) != []
