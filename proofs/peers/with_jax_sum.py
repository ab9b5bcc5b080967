"""JAX: SiLU, half the squared error summed over the examples, no biases, one example per row.

check_backprop(gradient, hidden="silu", output="identity", reduction="sum", bias=False, examples="rows",
               weights="in,out")
"""

import jax
import jax.numpy as jnp

jax.config.update("jax_enable_x64", True)

DECLARED = {
    "hidden": "silu",
    "output": "identity",
    "reduction": "sum",
    "bias": False,
    "examples": "rows",
    "weights": "in,out",
}


def predict(weights, x):
    *hidden, last = weights
    for w in hidden:
        x = jax.nn.silu(x @ w)
    return x @ last


def loss(weights, x, y):
    return 0.5 * jnp.sum((predict(weights, x) - y) ** 2)


def gradient(params, X, Y):
    names = list(params)
    grads = jax.grad(loss)([jnp.asarray(params[name]) for name in names], X, Y)
    return {f"d{name}": dW for name, dW in zip(names, grads)}
