"""What the README says of the checkers of PyTorch and JAX."""

import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from jax.test_util import check_grads
from test_rules import snippets

import refnn

LAYER_DIMS = [4, 5, 5, 1]
(RMS_NORM, SHOWN), *OTHERS = snippets(of_torch=True)


def test_the_snippet_prints_what_it_shows(tmp_path):
    assert not OTHERS
    run = subprocess.run([sys.executable, "-c", RMS_NORM], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert (run.stdout, run.stderr) == (SHOWN, "")


def test_without_its_1e_5_rms_norm_is_tens_of_times_too_large_at_small_inputs():
    names = {}
    exec(RMS_NORM, names)
    X, gain = ((t.detach() * scale).requires_grad_() for t, scale in zip(names["inputs"], (1e-4, 1)))
    given = torch.autograd.grad(names["RMSNorm"].apply(X, gain).sum(), X)[0]
    right = torch.autograd.grad((gain * X * torch.rsqrt((X * X).mean(1, keepdim=True) + 1e-5)).sum(), X)[0]
    assert 20 < given.norm() / right.norm() < 40


def off_by_one():
    """The gradient on the README's first screen."""
    names = {}
    exec(
        next(code for code, shown in snippets() if "derivative-of-another-layer" in shown).partition("check =")[0],
        names,
    )
    return names["gradient"]


def network(scale, seed):
    rng = np.random.default_rng(seed)
    params = refnn.init_params(LAYER_DIMS, scale=scale, rng=rng)
    return params, rng.standard_normal((LAYER_DIMS[0], 5)), rng.integers(0, 2, (1, 5)).astype(float)


def passed_by_torch(params, X, Y, gradient):
    class Network(torch.autograd.Function):
        @staticmethod
        def forward(ctx, *tensors):
            ctx.params = {key: t.numpy() for key, t in zip(params, tensors)}
            return torch.tensor(refnn.cost_function(refnn.forward_prop(X, ctx.params)[0], Y))

        @staticmethod
        def backward(ctx, dJ):
            grads = gradient(ctx.params, X, Y)
            return tuple(dJ * torch.tensor(grads[f"d{key}"]) for key in params)

    inputs = [torch.tensor(V, requires_grad=True) for V in params.values()]
    return torch.autograd.gradcheck(Network.apply, inputs, raise_exception=False)


def passed_by_jax(params, X, Y, gradient):
    def of_the_article(params):
        A = X
        for l in (1, 2, 3):
            A = 1 / (1 + jnp.exp(-(params[f"W{l}"] @ A + params[f"b{l}"])))
        return -jnp.sum(Y * jnp.log(A) + (1 - Y) * jnp.log(1 - A)) / X.shape[1]

    def backward(params, dJ):
        grads = gradient({key: np.asarray(V) for key, V in params.items()}, X, Y)
        return ({key: dJ * grads[f"d{key}"] for key in params},)

    cost = jax.custom_vjp(of_the_article)
    cost.defvjp(lambda params: (of_the_article(params), params), backward)
    try:
        with jax.enable_x64(True):
            check_grads(cost, ({key: jnp.asarray(V) for key, V in params.items()},), order=1, modes=["rev"])
    except AssertionError:
        return False
    return True


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("scale", "passed"), [(0.01, True), ("xavier", False)], ids=["article", "xavier"])
def test_others_pass_the_first_screen_at_the_weights_of_the_article_alone(scale, passed, seed):
    of_network, gradient = network(scale, seed), off_by_one()
    assert passed_by_torch(*of_network, gradient) == passed_by_jax(*of_network, gradient) == passed
    check = refnn.check_network(*of_network, gradient(*of_network))
    wrong = [array for array in check.parameters if not array]
    assert check.verdict == "WRONG"
    assert min(array.worst.excess for array in wrong) > 1e7
    assert {array.name for array in wrong} == {"dW1", "db1", "dW2", "db2"}
    assert distance(of_network, gradient) < 2e-3 if passed else 0.04 < distance(of_network, gradient) < 3


def distance(of_network, gradient):
    """Of the array that is farthest from what it should be, relative to this."""
    params, X, Y = of_network
    AL, caches = refnn.forward_prop(X, params)
    given, right = gradient(*of_network), refnn.backprop(AL, Y, caches)
    return max(np.linalg.norm(given[f"d{key}"] - right[f"d{key}"]) / np.linalg.norm(right[f"d{key}"]) for key in params)


def test_at_usual_weights_the_first_screen_is_off_by_some_40_percent():
    assert 0.3 < np.median([distance(network("xavier", seed), off_by_one()) for seed in range(100)]) < 0.5


@pytest.mark.parametrize("scale", [0.01, "xavier"])
def test_they_pass_the_right_gradient(scale):
    def right(params, X, Y):
        AL, caches = refnn.forward_prop(X, params)
        return refnn.backprop(AL, Y, caches)

    assert passed_by_torch(*network(scale, 0), right)
    assert passed_by_jax(*network(scale, 0), right)
