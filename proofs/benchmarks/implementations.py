"""People's ways to the gradient of a declared network: by hand in NumPy, and by the differentiation of PyTorch and JAX.

    gradient = by_hand(declared)    float64, or by_hand(declared, np.float32); by_pytorch(declared), by_jax(declared)
    gradient(params, X, Y)          arrays in the declared form, {"dW1": …, "db1": …} likewise

Of refnn they read the declaration and nothing else: activations, costs and gradients are NumPy's and the frameworks'
own, written as most people write them. `cost_in_numpy`, `cost_in_pytorch` and `cost_in_jax` are the costs alone.
"""

import os

import numpy as np

os.environ.setdefault("JAX_PLATFORMS", "cpu")
COSTS = {"half_squared_error": 2, "squared_error": 1}  # what divides the square


def layer_numbers(declared, params):
    return range(1, len(params) // (2 if declared.bias else 1) + 1)


def slope_of(word):
    """The slope of a leaky ReLU; None for another activation."""
    return float(word[len("leaky_relu(") : -1] or 0.01) if word.startswith("leaky_relu") else None


def words(declared, L):
    """The activation of each layer, the last one too."""
    hidden = declared.hidden
    return [*([hidden] * (L - 1) if isinstance(hidden, str) else hidden), declared.output[0]]


def weight(declared, n_L, m):
    return {"mean": 1 / m, "sum": 1, "entries": 1 / (m * n_L), "outputs": 1 / n_L}[declared.reduction]


def penalties(declared, m):
    return [penalty(m) if callable(penalty) else penalty for penalty in (declared.l1, declared.l2)]


def forward(declared, activations, params, X):
    """Every A, and the last Z, in rows: one example per row, W (n_in, n_out), b (n_out)."""
    A = [X if declared.examples == "rows" else X.T]
    L = layer_numbers(declared, params)[-1]
    for l, word in enumerate(words(declared, L), start=1):
        W = params[f"W{l}"]
        Z = A[-1] @ (W if declared.weights == "in,out" else W.T)
        if declared.bias:
            Z = Z + params[f"b{l}"].reshape(-1)
        A.append(activations(word, Z) if l < L or declared.output[1] != "cross_entropy" else None)
    return A, Z


# ---------------------------------------------------------------------- NumPy


def sigmoid(Z):
    return 1 / (1 + np.exp(-Z))


NUMPY = {  # g(Z), and g'(Z) from Z and A
    "sigmoid": (sigmoid, lambda _, A: A * (1 - A)),
    "tanh": (np.tanh, lambda _, A: 1 - A**2),
    "relu": (lambda Z: np.maximum(Z, 0), lambda Z, _: np.where(Z > 0, Z.dtype.type(1), 0)),
    "softplus": (lambda Z: np.logaddexp(0, Z), lambda Z, _: sigmoid(Z)),
    "silu": (lambda Z: Z * sigmoid(Z), lambda Z, A: sigmoid(Z) + A * (1 - sigmoid(Z))),
    "identity": (lambda Z: Z, lambda Z, _: np.ones_like(Z)),
}


def in_numpy(word):
    slope = slope_of(word)
    if slope is None:
        return NUMPY[word]
    return lambda Z: np.where(Z > 0, Z, Z.dtype.type(slope) * Z), lambda Z, _: np.where(Z > 0, 1, Z.dtype.type(slope))


def label_rows(declared, Y, n_L, dtype):
    """One row of labels for each example."""
    if declared.labels == "classes":
        return np.eye(n_L, dtype=dtype)[Y] if n_L > 1 else Y[:, None].astype(dtype)
    return (Y if declared.examples == "rows" else Y.T).astype(dtype)


def cost_in_numpy(declared, params, X, Y):
    A, Z = forward(declared, lambda word, Z: in_numpy(word)[0](Z), params, X)
    Y = label_rows(declared, Y, Z.shape[1], Z.dtype)
    last, cost = declared.output
    if cost != "cross_entropy":
        J = np.sum((A[-1] - Y) ** 2) / COSTS[cost]
    elif last == "sigmoid":
        J = np.sum(Y * np.logaddexp(0, -Z) + (1 - Y) * np.logaddexp(0, Z))
    else:
        D = Z - Z.max(axis=1, keepdims=True)
        J = np.sum(Y * (np.log(np.exp(D).sum(axis=1, keepdims=True)) - D))
    l1, l2 = penalties(declared, len(Z))
    weights = [V for key, V in params.items() if key[0] == "W"]
    return J * weight(declared, Z.shape[1], len(Z)) + sum(l1 * np.abs(W).sum() + l2 / 2 * (W**2).sum() for W in weights)


def by_hand(declared, dtype=np.float64):
    def gradient(params, X, Y):
        params = {key: V.astype(dtype) for key, V in params.items()}
        Zs = []

        def activate(word, Z):
            Zs.append(Z)
            return in_numpy(word)[0](Z)

        with np.errstate(all="ignore"):
            A, Z = forward(declared, activate, params, X.astype(dtype))
            (m, n_L), L = Z.shape, len(A) - 1
            Y = label_rows(declared, Y, n_L, dtype)
            last, cost = declared.output
            if cost != "cross_entropy":
                delta = (A[L] - Y) * (2 // COSTS[cost]) * in_numpy(last)[1](Z, A[L])
            elif last == "sigmoid":
                delta = sigmoid(Z) - Y
            else:
                E = np.exp(Z - Z.max(axis=1, keepdims=True))
                delta = E / E.sum(axis=1, keepdims=True) - Y
            delta = delta * dtype(weight(declared, n_L, m))
            l1, l2 = map(dtype, penalties(declared, m))
            grads = {}
            for l in range(L, 0, -1):
                W = params[f"W{l}"]
                dW = A[l - 1].T @ delta
                grads[f"dW{l}"] = (dW if declared.weights == "in,out" else dW.T) + l1 * np.sign(W) + l2 * W
                if declared.bias:
                    grads[f"db{l}"] = delta.sum(axis=0).reshape(params[f"b{l}"].shape)
                if l > 1:
                    word = words(declared, L)[l - 2]
                    dA = delta @ (W.T if declared.weights == "in,out" else W)
                    delta = dA * in_numpy(word)[1](Zs[l - 2], A[l - 1])
        return grads

    return gradient


# ---------------------------------------------------------------------- PyTorch


def cost_in_pytorch(declared, params, X, Y):
    import torch

    F = torch.nn.functional

    def activation(word, Z):
        if (slope := slope_of(word)) is not None:
            return F.leaky_relu(Z, slope)
        if word == "softplus":
            return F.softplus(Z, threshold=40)  # by default it is the identity above 20, off by 2e-9
        return Z if word == "identity" else getattr(F if word == "silu" else torch, word)(Z)

    A, Z = forward(declared, activation, params, X)
    m, n_L = Z.shape
    if declared.labels != "classes":
        Y = Y if declared.examples == "rows" else Y.T
    elif n_L == 1 or declared.output[0] != "softmax":
        Y = (Y[:, None] if n_L == 1 else F.one_hot(Y, n_L)).to(Z.dtype)
    last, cost = declared.output
    if cost != "cross_entropy":
        J = F.mse_loss(A[-1], Y, reduction="sum") / COSTS[cost]
    elif last == "sigmoid":
        J = F.binary_cross_entropy_with_logits(Z, Y, reduction="sum")
    else:
        J = F.cross_entropy(Z, Y, reduction="sum")
    l1, l2 = penalties(declared, m)
    weights = [V for key, V in params.items() if key[0] == "W"]
    return J * weight(declared, n_L, m) + sum(l1 * W.abs().sum() + l2 / 2 * (W**2).sum() for W in weights)


def by_pytorch(declared):
    import torch

    def gradient(params, X, Y):
        tensors = {key: torch.tensor(V, requires_grad=True) for key, V in params.items()}
        cost_in_pytorch(declared, tensors, torch.tensor(X), torch.tensor(Y)).backward()
        return {f"d{key}": V.grad.numpy() for key, V in tensors.items()}

    return gradient


# ---------------------------------------------------------------------- JAX


def cost_in_jax(declared, params, X, Y):
    import jax
    import jax.numpy as jnp

    def activation(word, Z):
        if (slope := slope_of(word)) is not None:
            return jax.nn.leaky_relu(Z, slope)
        return Z if word == "identity" else getattr(jax.nn, word)(Z)

    A, Z = forward(declared, activation, params, X)
    m, n_L = Z.shape
    if declared.labels == "classes":
        Y = jax.nn.one_hot(Y, n_L, dtype=Z.dtype) if n_L > 1 else Y[:, None]
    else:
        Y = Y if declared.examples == "rows" else Y.T
    last, cost = declared.output
    if cost != "cross_entropy":
        J = jnp.sum((A[-1] - Y) ** 2) / COSTS[cost]
    elif last == "sigmoid":
        J = -jnp.sum(Y * jax.nn.log_sigmoid(Z) + (1 - Y) * jax.nn.log_sigmoid(-Z))
    else:
        J = -jnp.sum(Y * jax.nn.log_softmax(Z))
    l1, l2 = penalties(declared, m)
    weights = [V for key, V in params.items() if key[0] == "W"]
    return J * weight(declared, n_L, m) + sum(l1 * jnp.abs(W).sum() + l2 / 2 * (W**2).sum() for W in weights)


def by_jax(declared):
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)

    def gradient(params, X, Y):
        arrays = {key: jnp.asarray(V) for key, V in params.items()}
        grads = jax.grad(lambda p: cost_in_jax(declared, p, jnp.asarray(X), jnp.asarray(Y)))(arrays)
        return {f"d{key}": np.asarray(V) for key, V in grads.items()}

    return gradient


WAYS = {
    "NumPy": by_hand,
    "NumPy, float32": lambda declared: by_hand(declared, np.float32),
    "PyTorch": by_pytorch,
    "JAX": by_jax,
}
