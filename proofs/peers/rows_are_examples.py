"""Examples in rows and weights as (n_in, n_out), as Keras has them, with the sigmoid and cross-entropy of the article.

check_backprop(gradient, examples="rows", weights="in,out")
"""

import numpy as np

DECLARED = {"examples": "rows", "weights": "in,out"}


def gradient(params, X, Y):
    layers = range(1, len(params) // 2 + 1)
    activations = [X]
    for l in layers:
        activations.append(1 / (1 + np.exp(-(activations[-1] @ params[f"W{l}"] + params[f"b{l}"]))))
    delta, grads = (activations[-1] - Y) / len(X), {}
    for l in reversed(layers):
        A = activations[l - 1]
        grads[f"dW{l}"], grads[f"db{l}"] = A.T @ delta, delta.sum(axis=0)
        delta = delta @ params[f"W{l}"].T * A * (1 - A)
    return grads
