"""HIPS autograd: the article's formulas for A and the cost, differentiated.

refnn check proofs/peers/with_autograd.py:gradient
"""

import autograd
import autograd.numpy as np


def cost(params, X, Y):
    A = X
    for l in range(1, len(params) // 2 + 1):
        A = 1 / (1 + np.exp(-(np.dot(params[f"W{l}"], A) + params[f"b{l}"])))
    return -np.sum(Y * np.log(A) + (1 - Y) * np.log(1 - A)) / X.shape[1]


def gradient(params, X, Y):
    return {f"d{key}": dV for key, dV in autograd.grad(cost)(params, X, Y).items()}
