"""JAX: the backward of RMSNorm by hand, in a custom_vjp."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.test_util import check_grads as check_grads_of_jax

from refnn.jax import check_grads

EPS = 1e-5


@jax.custom_vjp
def rms_norm(X, gain):
    """X (m, n) with each row divided by its root mean square, times the gain (n,)."""
    return gain * X / jnp.sqrt(jnp.mean(X * X, axis=1, keepdims=True) + EPS)


def forward(X, gain):
    return rms_norm(X, gain), (X, gain)


def backward(kept, dY):
    X, gain = kept
    square = jnp.mean(X * X, axis=1, keepdims=True)
    r = 1 / jnp.sqrt(square + EPS)
    dN = dY * gain
    dX = r * dN - X * r**3 * jnp.mean(dN * X, axis=1, keepdims=True)
    return dX, jnp.sum(dY * X * r, axis=0)


rms_norm.defvjp(forward, backward)


def arguments(seed):
    rng = np.random.default_rng(seed)
    return jnp.asarray(rng.standard_normal((4, 6)), jnp.float32), jnp.asarray(rng.uniform(0.5, 1.5, 6), jnp.float32)


def check(seed):
    check_grads(rms_norm, arguments(seed), order=1, modes=["rev"])


def others(seed):
    """What JAX's own check says at its default settings."""
    check_grads_of_jax(rms_norm, arguments(seed), order=1, modes=["rev"])
