"""Gradient checkers of other libraries, at their default settings, behind one signature.

Each takes a declared network, arrays in the declared form and the gradient under test, keyed "dW1", "db1", …, and says
whether it objects. What they differentiate numerically is the declared cost, in float64, as people write it in that
framework (implementations.py).
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import scipy.optimize
import torch
from autograd.extend import defvjp, primitive
from autograd.test_util import check_grads as autograd_check_grads
from implementations import cost_in_jax, cost_in_numpy, cost_in_pytorch
from jax.test_util import check_grads as jax_check_grads

jax.config.update("jax_enable_x64", True)

# scipy.optimize.check_grad returns a norm and no verdict. This threshold is ours, not SciPy's: with the forward
# difference of step 1.5e-8 that it takes, a right gradient of size 1 gives about 1e-8 to 1e-7.
OUR_THRESHOLD = 1e-6


def _flat(params):
    return np.concatenate([V.ravel() for V in params.values()])


def _unflat(x, params):
    ends = np.cumsum([V.size for V in params.values()])
    return {key: x[end - V.size : end].reshape(V.shape) for (key, V), end in zip(params.items(), ends)}


def scipy_check_grad(declared, params, X, Y, grads):
    gradient = _flat({key: grads[f"d{key}"] for key in params})
    norm = scipy.optimize.check_grad(
        lambda x: cost_in_numpy(declared, _unflat(x, params), X, Y), lambda _: gradient, _flat(params)
    )
    return not norm <= OUR_THRESHOLD


def autograd_check(declared, params, X, Y, grads):
    gradient = _flat({key: grads[f"d{key}"] for key in params})

    @primitive
    def cost(x):
        return cost_in_numpy(declared, _unflat(x, params), X, Y)

    defvjp(cost, lambda *_: lambda g: g * gradient)
    np.random.seed(0)  # noqa: NPY002  (autograd takes its directions from the global generator)
    try:
        autograd_check_grads(cost, modes=["rev"], order=1)(_flat(params))
    except AssertionError:
        return True
    return False


COMPILED = {}


def jax_check(declared, params, X, Y, grads):
    gradient = {key: jnp.asarray(grads[f"d{key}"]) for key in params}
    compiled = COMPILED.setdefault(declared.says, jax.jit(partial(cost_in_jax, declared)))

    @jax.custom_vjp
    def cost(p):
        return compiled(p, X, Y)

    cost.defvjp(lambda p: (cost(p), None), lambda _, g: ({key: g * V for key, V in gradient.items()},))
    try:
        jax_check_grads(cost, ({key: jnp.asarray(V) for key, V in params.items()},), order=1, modes=["rev"])
    except AssertionError:
        return True
    return False


def _torch(declared, params, X, Y, grads, *, fast_mode):
    X, Y = torch.tensor(X), torch.tensor(Y)
    gradient = [torch.tensor(grads[f"d{key}"]) for key in params]

    class Cost(torch.autograd.Function):
        @staticmethod
        def forward(_ctx, *arrays):
            return cost_in_pytorch(declared, dict(zip(params, arrays)), X, Y)

        @staticmethod
        def backward(_ctx, g):
            return tuple(g * V for V in gradient)

    arrays = [torch.tensor(V, requires_grad=True) for V in params.values()]
    torch.manual_seed(0)  # the fast mode takes a random direction
    return not torch.autograd.gradcheck(Cost.apply, arrays, fast_mode=fast_mode, raise_exception=False)


PEERS = {
    "torch gradcheck": partial(_torch, fast_mode=False),
    "torch gradcheck, fast": partial(_torch, fast_mode=True),
    "jax check_grads": jax_check,
    "autograd check_grads": autograd_check,
    f"scipy check_grad > {OUR_THRESHOLD:.0e} (ours)": scipy_check_grad,
}
