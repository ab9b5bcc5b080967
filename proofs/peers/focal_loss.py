"""A cost that cannot be declared: the focal loss of a sigmoid network, -(1 - p)² log p, p the probability of the truth.

check_backprop(gradient, cost=cost, labels="onehot")
"""

import numpy as np


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def forward(params, X):
    A = [X]
    for l in range(1, len(params) // 2 + 1):
        Z = params[f"W{l}"] @ A[-1] + params[f"b{l}"]
        A.append(sigmoid(Z))
    return A, Z


def cost(params, X, Y):
    _, Z = forward(params, X)
    U = np.where(Y == 1, Z, -Z)  # p = sigmoid(U)
    return np.sum(sigmoid(-U) ** 2 * np.logaddexp(0, -U)) / X.shape[1]


DECLARED = {"cost": cost, "labels": "onehot"}


def gradient(params, X, Y):
    A, Z = forward(params, X)
    m, sign = X.shape[1], np.where(Y == 1, 1, -1)
    q = sigmoid(-sign * Z)  # 1 - p
    log_p = -np.logaddexp(0, -sign * Z)
    dZ = sign * q**2 * (2 * (1 - q) * log_p - q) / m
    grads = {}
    for l in range(len(A) - 1, 0, -1):
        grads[f"dW{l}"], grads[f"db{l}"] = dZ @ A[l - 1].T, dZ.sum(axis=1, keepdims=True)
        dZ = params[f"W{l}"].T @ dZ * A[l - 1] * (1 - A[l - 1])
    return grads
