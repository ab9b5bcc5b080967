"""JAX: jax.grad of a cost.

refnn check proofs/peers/with_jax.py:gradient
"""

import jax
from jax.nn import log_sigmoid, sigmoid

jax.config.update("jax_enable_x64", True)  # without it the gradients are float32, and are judged as such


def cost(params, X, Y):
    A = X
    for l in range(1, len(params) // 2 + 1):
        Z = params[f"W{l}"] @ A + params[f"b{l}"]
        A = sigmoid(Z)
    return -(Y * log_sigmoid(Z) + (1 - Y) * log_sigmoid(-Z)).sum() / X.shape[1]


def gradient(params, X, Y):
    return {f"d{key}": dV for key, dV in jax.grad(cost)(params, X, Y).items()}
