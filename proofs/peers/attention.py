"""NumPy: attention and its backward by hand, for several heads at once."""

import numpy as np

import refnn


def softmax(S):
    E = np.exp(S - S.max(axis=-1, keepdims=True))
    return E / E.sum(axis=-1, keepdims=True)


def attention(Q, K, V):
    """Q (h, t, d), K (h, s, d) and V (h, s, e) give (h, t, e)."""
    return softmax(Q @ K.swapaxes(-1, -2) / np.sqrt(Q.shape[-1])) @ V


def backward(Q, K, V, dO):
    scale = 1 / np.sqrt(Q.shape[-1])
    P = softmax(Q @ K.swapaxes(-1, -2) * scale)
    dP = dO @ V.swapaxes(-1, -2)
    dS = P * (dP - np.sum(dP * P, axis=-1, keepdims=True)) * scale
    return dS @ K, dS.swapaxes(-1, -2) @ Q, P.swapaxes(-1, -2) @ dO


def check(seed):
    rng = np.random.default_rng(seed)
    inputs = tuple(rng.standard_normal(shape) for shape in ((2, 3, 4), (2, 5, 4), (2, 5, 3)))
    return refnn.check_vjp(attention, backward, inputs, seed=seed)
