"""A backprop that keeps examples in rows and weights as (n_in, n_out), as Keras does, and the adapter that it needs.

refnn check proofs/peers/rows_are_examples.py:gradient
"""

import numpy as np


def loss_gradients(weights, biases, inputs, targets):
    """One list of gradients for the weights (n_in, n_out), one for the biases (n_out,)."""
    activations = [inputs]
    for W, b in zip(weights, biases):
        activations.append(1 / (1 + np.exp(-(activations[-1] @ W + b))))
    delta = (activations[-1] - targets) / len(inputs)
    dweights, dbiases = [], []
    for W, A in zip(reversed(weights), reversed(activations[:-1])):
        dweights.insert(0, A.T @ delta)
        dbiases.insert(0, delta.sum(axis=0))
        delta = delta @ W.T * A * (1 - A)
    return dweights, dbiases


def gradient(params, X, Y):
    """The adapter: transposes in, transposes out."""
    layers = range(1, len(params) // 2 + 1)
    dweights, dbiases = loss_gradients(
        [params[f"W{l}"].T for l in layers], [params[f"b{l}"].ravel() for l in layers], X.T, Y.T
    )
    return {f"dW{l}": dweights[l - 1].T for l in layers} | {f"db{l}": dbiases[l - 1][:, None] for l in layers}
