"""Gradient checkers of other libraries, at their default settings, behind one signature.

Each takes a network and the gradient under test, as arrays keyed "dW1", "db1", …, and says whether it objects. The
function that they differentiate numerically is the same for all: the mean cross-entropy from the last Z, in float64.
"""

import jax
import jax.numpy as jnp
import numpy as np
import scipy.optimize
import torch
from autograd.extend import defvjp, primitive
from autograd.test_util import check_grads as autograd_check_grads
from jax.test_util import check_grads as jax_check_grads

jax.config.update("jax_enable_x64", True)

# scipy.optimize.check_grad returns a norm and leaves the judgement to the reader; with its forward difference of
# step 1.5e-8 a right gradient of size 1 gives about 1e-8 to 1e-7.
SCIPY_OBJECTS_ABOVE = 1e-6


def _cost(xp, params, X, Y):
    """(D5) with the array module `xp`."""
    A = X
    for l in range(1, len(params) // 2 + 1):
        Z = xp.dot(params[f"W{l}"], A) + params[f"b{l}"]
        A = 1 / (1 + xp.exp(-Z))
    return xp.sum(Y * xp.logaddexp(0.0, -Z) + (1 - Y) * xp.logaddexp(0.0, Z)) / X.shape[1]


def _flat(params):
    return np.concatenate([V.ravel() for V in params.values()])


def _unflat(x, params):
    ends = np.cumsum([V.size for V in params.values()])
    return {key: x[end - V.size : end].reshape(V.shape) for (key, V), end in zip(params.items(), ends)}


def scipy_check_grad(params, X, Y, grads):
    gradient = np.concatenate([grads[f"d{key}"].ravel() for key in params])
    norm = scipy.optimize.check_grad(lambda x: _cost(np, _unflat(x, params), X, Y), lambda _: gradient, _flat(params))
    return not norm <= SCIPY_OBJECTS_ABOVE


def autograd_check(params, X, Y, grads):
    gradient = np.concatenate([grads[f"d{key}"].ravel() for key in params])

    @primitive
    def cost(x):
        return _cost(np, _unflat(x, params), X, Y)

    defvjp(cost, lambda *_: lambda g: g * gradient)
    np.random.seed(0)  # noqa: NPY002  (autograd takes its directions from the global generator)
    try:
        autograd_check_grads(cost, modes=["rev"], order=1)(_flat(params))
    except AssertionError:
        return True
    return False


def jax_check(params, X, Y, grads):
    gradient = {key: jnp.asarray(grads[f"d{key}"]) for key in params}

    @jax.custom_vjp
    def cost(p):
        return _cost(jnp, p, X, Y)

    cost.defvjp(lambda p: (cost(p), None), lambda _, g: ({key: g * V for key, V in gradient.items()},))
    try:
        jax_check_grads(cost, ({key: jnp.asarray(V) for key, V in params.items()},), order=1, modes=["rev"])
    except AssertionError:
        return True
    return False


def torch_slow(params, X, Y, grads):
    return _torch(params, X, Y, grads, fast_mode=False)


def torch_fast(params, X, Y, grads):
    return _torch(params, X, Y, grads, fast_mode=True)


def _torch(params, X, Y, grads, *, fast_mode):
    X, Y = torch.tensor(X), torch.tensor(Y)
    gradient = [torch.tensor(grads[f"d{key}"]) for key in params]

    class Cost(torch.autograd.Function):
        @staticmethod
        def forward(_ctx, *arrays):
            A = X
            for W, b in zip(arrays[::2], arrays[1::2]):
                Z = W @ A + b
                A = torch.sigmoid(Z)
            zero = torch.zeros_like(Z)
            return (Y * torch.logaddexp(zero, -Z) + (1 - Y) * torch.logaddexp(zero, Z)).sum() / X.shape[1]

        @staticmethod
        def backward(_ctx, g):
            return tuple(g * V for V in gradient)

    arrays = [torch.tensor(V, requires_grad=True) for V in params.values()]
    torch.manual_seed(0)  # the fast mode takes a random direction
    return not torch.autograd.gradcheck(Cost.apply, arrays, fast_mode=fast_mode, raise_exception=False)


PEERS = {
    "torch gradcheck": torch_slow,
    "torch gradcheck, fast": torch_fast,
    "jax check_grads": jax_check,
    "autograd check_grads": autograd_check,
    "scipy check_grad": scipy_check_grad,
}
