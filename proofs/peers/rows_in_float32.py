"""One example per row, weights (n_in, n_out), ReLU, softmax over class numbers, an L2 term, all in float32.

check_backprop(gradient, hidden="relu", output="softmax", l2=0.01, examples="rows", weights="in,out", labels="classes")
"""

import numpy as np

DECLARED = {
    "hidden": "relu",
    "output": "softmax",
    "l2": 0.01,
    "examples": "rows",
    "weights": "in,out",
    "labels": "classes",
}


def loss_and_grads(layers, x, y, reg):
    """Mean cross-entropy plus reg/2 of all squared weights; layers is a list of (w, b)."""
    inputs, h = [], x
    for i, (w, b) in enumerate(layers):
        inputs.append(h)
        scores = h @ w + b
        h = np.maximum(0, scores) if i < len(layers) - 1 else scores
    scores = h - h.max(axis=1, keepdims=True)
    probabilities = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    n = len(x)
    loss = -np.log(probabilities[np.arange(n), y]).mean() + reg / 2 * sum((w * w).sum() for w, _ in layers)

    dscores = probabilities.copy()
    dscores[np.arange(n), y] -= 1
    dscores /= n
    grads = []
    for i in reversed(range(len(layers))):
        w, _ = layers[i]
        grads.insert(0, (inputs[i].T @ dscores + reg * w, dscores.sum(axis=0)))
        dscores = dscores @ w.T * (inputs[i] > 0)
    return loss, grads


def gradient(params, X, Y):
    single = {name: V.astype(np.float32) for name, V in params.items()}
    layers = [(single[f"W{l}"], single[f"b{l}"]) for l in range(1, len(params) // 2 + 1)]
    with np.errstate(divide="ignore"):  # the loss of a probability that is 0 in float32
        _, grads = loss_and_grads(layers, X.astype(np.float32), Y, np.float32(0.01))
    return {f"d{kind}{l}": V for l, pair in enumerate(grads, start=1) for kind, V in zip("Wb", pair)}
