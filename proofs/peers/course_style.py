"""In the style of the courses that grew from the article: L layers, ReLU below a sigmoid, caches, λ/m for the weights.

check_backprop(gradient, hidden="relu", l2=lambda m: 0.7 / m, labels="onehot")
"""

import numpy as np

LAMBD = 0.7
DECLARED = {"hidden": "relu", "l2": lambda m: LAMBD / m, "labels": "onehot"}


def linear_activation_forward(A_prev, W, b, activation):
    Z = np.dot(W, A_prev) + b
    A = np.maximum(0, Z) if activation == "relu" else 1 / (1 + np.exp(-Z))
    return A, ((A_prev, W, b), Z)


def L_model_forward(X, parameters):
    A, caches, L = X, [], len(parameters) // 2
    for l in range(1, L + 1):
        activation = "relu" if l < L else "sigmoid"
        A, cache = linear_activation_forward(A, parameters["W" + str(l)], parameters["b" + str(l)], activation)
        caches.append(cache)
    return A, caches


def linear_activation_backward(dA, cache, activation, lambd):
    (A_prev, W, _), Z = cache
    m = A_prev.shape[1]
    if activation == "relu":
        dZ = np.where(Z > 0, dA, 0)
    else:
        s = 1 / (1 + np.exp(-Z))
        dZ = dA * s * (1 - s)
    dW = np.dot(dZ, A_prev.T) / m + lambd / m * W
    db = np.sum(dZ, axis=1, keepdims=True) / m
    return np.dot(W.T, dZ), dW, db


def L_model_backward(AL, Y, caches, lambd):
    grads, L = {}, len(caches)
    dA = -(np.divide(Y, AL) - np.divide(1 - Y, 1 - AL))
    for l in range(L, 0, -1):
        activation = "sigmoid" if l == L else "relu"
        dA, grads["dW" + str(l)], grads["db" + str(l)] = linear_activation_backward(
            dA, caches[l - 1], activation, lambd
        )
    return grads


def gradient(params, X, Y):
    AL, caches = L_model_forward(X, params)
    return L_model_backward(AL, Y, caches, LAMBD)
