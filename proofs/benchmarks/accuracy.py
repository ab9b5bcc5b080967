"""How many digits of the gradient survive saturation: refnn beside the usual formulas, PyTorch and JAX.

    python proofs/benchmarks/accuracy.py        (make bench)

Prints, for 20 networks [5, 7, 4, 3, 1] at each weight scale, the worst relative error of any entry of any dW and db in
float64, against the true derivative enclosed by balls (refnn.certify); 1 means that no digit is right. Then the time
that such a certificate takes for [30, 16, 8, 1] with 569 examples.
"""

import importlib.util
import time

import numpy as np

import refnn
from refnn.certificate import certify

LAYER_DIMS, EXAMPLES, NETWORKS = [5, 7, 4, 3, 1], 10, 20
SCALES = (0.01, 1, 10, 50)


def network(scale, seed):
    """Weights and biases of the given scale, inputs of scale 1, hard labels."""
    rng = np.random.default_rng(seed)
    params = refnn.init_params(LAYER_DIMS, scale=scale, rng=rng)
    for l in range(1, len(LAYER_DIMS)):
        params[f"b{l}"] = scale * rng.standard_normal(params[f"b{l}"].shape)
    return params, rng.standard_normal((LAYER_DIMS[0], EXAMPLES)), rng.integers(0, 2, (LAYER_DIMS[-1], EXAMPLES))


def reference(params, X, Y):
    AL, caches = refnn.forward_prop(X, params)
    return refnn.backprop(AL, Y, caches)


def usual(params, X, Y):
    """dZ_L = A_L - Y and A(1 - A), as most people write them."""
    A = [X]
    L = len(params) // 2
    for l in range(1, L + 1):
        A.append(1 / (1 + np.exp(-(params[f"W{l}"] @ A[-1] + params[f"b{l}"]))))
    grads = {}
    dZ = (A[L] - Y) / Y.shape[1]
    for l in range(L, 0, -1):
        grads[f"dW{l}"] = dZ @ A[l - 1].T
        grads[f"db{l}"] = dZ.sum(axis=1, keepdims=True)
        dZ = params[f"W{l}"].T @ dZ * A[l - 1] * (1 - A[l - 1])
    return grads


def pytorch(params, X, Y):
    import torch

    weights = {key: torch.tensor(V, requires_grad=True) for key, V in params.items()}
    Z = torch.tensor(X)
    for l in range(1, len(params) // 2 + 1):
        Z = weights[f"W{l}"] @ (torch.sigmoid(Z) if l > 1 else Z) + weights[f"b{l}"]
    loss = torch.nn.functional.binary_cross_entropy_with_logits(Z, torch.tensor(Y, dtype=Z.dtype), reduction="sum")
    (loss / Y.shape[1]).backward()
    return {f"d{key}": V.grad.numpy() for key, V in weights.items()}


def jax(params, X, Y):
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)

    def cost(params):
        Z = jnp.asarray(X)
        for l in range(1, len(params) // 2 + 1):
            Z = params[f"W{l}"] @ (jax.nn.sigmoid(Z) if l > 1 else Z) + params[f"b{l}"]
        return -jnp.sum(Y * jax.nn.log_sigmoid(Z) + (1 - Y) * jax.nn.log_sigmoid(-Z)) / Y.shape[1]

    return {
        f"d{key}": np.asarray(V) for key, V in jax.grad(cost)({k: jnp.asarray(V) for k, V in params.items()}).items()
    }


def worst_error(gradient, scale):
    """The largest relative error of any entry, and how many entries are not finite."""
    worst, broken = 0.0, 0
    for seed in range(NETWORKS):
        params, X, Y = network(scale, seed)
        grads = {key: dV for key, dV in gradient(params, X, Y).items() if key[1] != "A"}
        broken += sum(np.sum(~np.isfinite(dV)) for dV in grads.values())
        finite = {key: np.nan_to_num(dV) for key, dV in grads.items()}
        worst = max(worst, *(error.max() for error in certify(params, X, Y, finite).relative.values()))
    return worst, broken


def main():
    rows = {"refnn": reference, "usual formulas": usual}
    rows |= {name: row for name, row in {"torch": pytorch, "jax": jax}.items() if importlib.util.find_spec(name)}
    print(f"worst relative error of an entry, {NETWORKS} networks {LAYER_DIMS}, m = {EXAMPLES}, float64")
    print(f"{'weight scale':<16}" + "".join(f"{scale:>10}" for scale in SCALES))
    for name, gradient in rows.items():
        with np.errstate(over="ignore"):
            cells = [worst_error(gradient, scale) for scale in SCALES]
        print(f"{name:<16}" + "".join(f"{worst:>10.1e}" + ("*" if broken else "") for worst, broken in cells))
    print("* some entries NaN or infinite, left out of the error")

    rng = np.random.default_rng(0)
    params, X = refnn.init_params([30, 16, 8, 1], rng=rng), rng.standard_normal((30, 569))
    Y = rng.integers(0, 2, (1, 569))
    start = time.perf_counter()
    certify(params, X, Y, reference(params, X, Y))
    print(f"certificate of [30, 16, 8, 1], m = 569: {time.perf_counter() - start:.1f} s")


if __name__ == "__main__":
    main()
