"""Normalisations and recurrent and attention layers with a right backward each, under a fixed cotangent C."""

import math

import numpy as np

from general.cases import backward_of
from general.layers import sigmoid, softmax, softmax_backward

EPS = 1e-5
CAUSAL = np.tril(np.ones((4, 4), bool))


def normalised(X, axis):
    """(X - mean)/σ along the axis, and σ."""
    D = X - X.mean(axis=axis, keepdims=True)
    S = np.sqrt((D * D).mean(axis=axis, keepdims=True) + EPS)
    return D / S, S


def normalised_backward(dN, N, S, axis):
    return (dN - dN.mean(axis=axis, keepdims=True) - N * (dN * N).mean(axis=axis, keepdims=True)) / S


def batch_norm(X, g, b, C):
    N, _ = normalised(X, 0)
    return np.sum(C * (g * N + b))


@backward_of(batch_norm, "layer", {"X": (6, 3), "g": (3,), "b": (3,)}, {"C": (6, 3)})
def batch_norm_backward(X, g, b, C):
    D = X - X.mean(axis=0)
    S = np.sqrt((D**2).mean(axis=0) + EPS)
    N = D / S
    dN = C * g
    dX = (dN - dN.mean(axis=0) - N * (dN * N).mean(axis=0)) / S
    return {"X": dX, "g": (C * N).sum(axis=0), "b": C.sum(axis=0)}


def biased_batch_norm(W, c, X, C):
    N, _ = normalised(X @ W + c, 0)
    return np.sum(C * np.tanh(N))


@backward_of(biased_batch_norm, "zero", {"W": (3, 2), "c": (2,)}, {"X": (6, 3), "C": (6, 2)}, zeros=("c",))
def biased_batch_norm_backward(W, c, X, C):
    N, S = normalised(X @ W + c, 0)
    dZ = normalised_backward(C * (1 - np.tanh(N) ** 2), N, S, 0)
    return {"W": X.T @ dZ, "c": dZ.sum(axis=0)}


def sum_of_batch_norm(X, C):
    return np.sum(C * normalised(X, 0)[0])


@backward_of(sum_of_batch_norm, "zero", {"X": (5, 3)}, {"C": np.ones((5, 3))}, zeros=("X",), variants=("plain", "real"))
def sum_of_batch_norm_backward(X, C):
    N, S = normalised(X, 0)
    return {"X": normalised_backward(C, N, S, 0)}


def layer_norm(X, g, b, C):
    N, _ = normalised(X, 1)
    return np.sum(C * (g * N + b))


@backward_of(layer_norm, "layer", {"X": (3, 5), "g": (5,), "b": (5,)}, {"C": (3, 5)}, scales=(0.1, 1, 100))
def layer_norm_backward(X, g, b, C):
    mean = X.mean(axis=1, keepdims=True)
    D = X - mean
    S = np.sqrt((D**2).mean(axis=1, keepdims=True) + EPS)
    N = D / S
    dN = C * g
    dX = (dN - dN.mean(axis=1, keepdims=True) - N * (dN * N).mean(axis=1, keepdims=True)) / S
    return {"X": dX, "g": (C * N).sum(axis=0), "b": C.sum(axis=0)}


def rms_norm(X, g, C):
    return np.sum(C * g * X / np.sqrt((X * X).mean(axis=1, keepdims=True) + EPS))


@backward_of(rms_norm, "layer", {"X": (3, 5), "g": (5,)}, {"C": (3, 5)}, scales=(0.01, 1, 30))
def rms_norm_backward(X, g, C):
    S = np.sqrt((X**2).mean(axis=1, keepdims=True) + EPS)
    dN = C * g
    dX = dN / S - X * (dN * X).mean(axis=1, keepdims=True) / S**3
    return {"X": dX, "g": (C * X / S).sum(axis=0)}


def group_norm(X, g, b, C):
    N, _ = normalised(X.reshape(X.shape[0], 2, -1), 2)
    return np.sum(C * (g[:, None] * N.reshape(X.shape) + b[:, None]))


@backward_of(group_norm, "layer", {"X": (2, 4, 3), "g": (4,), "b": (4,)}, {"C": (2, 4, 3)})
def group_norm_backward(X, g, b, C):
    N, S = normalised(X.reshape(X.shape[0], 2, -1), 2)
    dN = (C * g[:, None]).reshape(N.shape)
    dX = normalised_backward(dN, N, S, 2).reshape(X.shape)
    return {"X": dX, "g": (C * N.reshape(X.shape)).sum(axis=(0, 2)), "b": C.sum(axis=(0, 2))}


def l2_normalise(X, C):
    return np.sum(C * X / np.sqrt((X * X).sum(axis=1, keepdims=True)))


@backward_of(l2_normalise, "layer", {"X": (3, 4)}, {"C": (3, 4)}, scales=(0.001, 1, 1000))
def l2_normalise_backward(X, C):
    r = np.sqrt((X**2).sum(axis=1, keepdims=True))
    U = X / r
    return {"X": (C - U * (C * U).sum(axis=1, keepdims=True)) / r}


def weight_norm(V, g, X, C):
    r = np.sqrt((V * V).sum(axis=1, keepdims=True))
    return np.sum(C * (X @ (g[:, None] * V / r).T))


@backward_of(weight_norm, "layer", {"V": (3, 4), "g": (3,)}, {"X": (5, 4), "C": (5, 3)})
def weight_norm_backward(V, g, X, C):
    r = np.sqrt((V**2).sum(axis=1, keepdims=True))
    dW = C.T @ X
    dg = (dW * V / r).sum(axis=1)
    return {"V": g[:, None] / r * (dW - dg[:, None] * V / r), "g": dg}


# ---------------------------------------------------------------------- attention


def attention(Q, K, V, mask, C):
    scores = np.where(mask, Q @ K.T / math.sqrt(Q.shape[1]), -1e9)
    return np.sum(C * (softmax(scores) @ V))


@backward_of(attention, "layer", {"Q": (4, 3), "K": (4, 3), "V": (4, 2)}, {"mask": CAUSAL, "C": (4, 2)})
def attention_backward(Q, K, V, mask, C):
    scale = 1 / math.sqrt(Q.shape[1])
    P = softmax(np.where(mask, Q @ K.T * scale, -1e9).astype(Q.dtype))
    dP = C @ V.T
    dS = softmax_backward(dP, P) * scale
    return {"Q": dS @ K, "K": dS.T @ Q, "V": P.T @ C}


def attention_with_biases(Q, K, V, q, k, v, C):
    scores = (Q + q) @ (K + k).T / 2
    return np.sum(C * (softmax(scores) @ (V + v)))


@backward_of(
    attention_with_biases,
    "zero",
    {"Q": (3, 4), "K": (3, 4), "V": (3, 2), "q": (4,), "k": (4,), "v": (2,)},
    {"C": (3, 2)},
    zeros=("k",),
)
def attention_with_biases_backward(Q, K, V, q, k, v, C):
    P = softmax((Q + q) @ (K + k).T / 2)
    dS = softmax_backward(C @ (V + v).T, P) / 2
    dQ, dK, dV = dS @ (K + k), dS.T @ (Q + q), P.T @ C
    return {"Q": dQ, "K": dK, "V": dV, "q": dQ.sum(axis=0), "k": dK.sum(axis=0), "v": dV.sum(axis=0)}


def two_heads(W, O, X, C):
    """W (2 heads, 3 for Q K V, n, d)."""
    H = [softmax((X @ q) @ (X @ k).T) @ (X @ v) for q, k, v in W]
    return np.sum(C * (np.concatenate(H, axis=1) @ O))


@backward_of(two_heads, "layer", {"W": (2, 3, 3, 2), "O": (4, 3)}, {"X": (3, 3), "C": (3, 3)})
def two_heads_backward(W, O, X, C):
    dH = np.split(C @ O.T, 2, axis=1)
    dW, H = np.zeros_like(W), []
    for h, (q, k, v) in enumerate(W):
        Q, K, V = X @ q, X @ k, X @ v
        P = softmax(Q @ K.T)
        H.append(P @ V)
        dS = softmax_backward(dH[h] @ V.T, P)
        dW[h] = X.T @ (dS @ K), X.T @ (dS.T @ Q), X.T @ (P.T @ dH[h])
    return {"W": dW, "O": np.concatenate(H, axis=1).T @ C}


# ---------------------------------------------------------------------- recurrence


def rnn(W, U, b, X, h0, C):
    h, total = h0, 0
    for t in range(X.shape[0]):
        h = np.tanh(h @ W + X[t] @ U + b)
        total = total + np.sum(C[t] * h)
    return total


@backward_of(
    rnn, "layer", {"W": (3, 3), "U": (2, 3), "b": (3,), "h0": (3,)}, {"X": (5, 2), "C": (5, 3)}, scales=(0.1, 1, 3)
)
def rnn_backward(W, U, b, X, h0, C):
    H = [h0]
    for t in range(X.shape[0]):
        H.append(np.tanh(H[-1] @ W + X[t] @ U + b))
    dW, dU, db, dh = np.zeros_like(W), np.zeros_like(U), np.zeros_like(b), np.zeros_like(h0)
    for t in reversed(range(X.shape[0])):
        dZ = (dh + C[t]) * (1 - H[t + 1] ** 2)
        dW += np.outer(H[t], dZ)
        dU += np.outer(X[t], dZ)
        db += dZ
        dh = W @ dZ
    return {"W": dW, "U": dU, "b": db, "h0": dh}


def lstm(W, b, X, C):
    """W (4 gates, inputs and state, state)."""
    n = W.shape[2]
    h = c = X[0, :1] * 0 + W[0, 0] * 0
    for x in X:
        z = np.concatenate([x, h])
        i, f, o, g = (z @ W[k] + b[k] for k in range(4))
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
    return np.sum(C[:n] * h) + np.sum(C[n:] * c)


@backward_of(lstm, "layer", {"W": (4, 4, 2), "b": (4, 2)}, {"X": (3, 2), "C": (4,)})
def lstm_backward(W, b, X, C):
    n = W.shape[2]
    h = c = np.zeros(n, W.dtype)
    steps = []
    for x in X:
        z = np.concatenate([x, h])
        i, f, o = (sigmoid(z @ W[k] + b[k]) for k in range(3))
        g = np.tanh(z @ W[3] + b[3])
        previous, c = c, f * c + i * g
        h = o * np.tanh(c)
        steps.append((z, i, f, o, g, previous, c))
    dW, db, dh, dc = np.zeros_like(W), np.zeros_like(b), C[:n], C[n:]
    for z, i, f, o, g, previous, c in reversed(steps):
        T = np.tanh(c)
        dc = dc + dh * o * (1 - T**2)
        do = dh * T * o * (1 - o)
        di = dc * g * i * (1 - i)
        df = dc * previous * f * (1 - f)
        dg = dc * i * (1 - g**2)
        dz = np.zeros_like(z)
        for k, d in enumerate((di, df, do, dg)):
            dW[k] += np.outer(z, d)
            db[k] += d
            dz += W[k] @ d
        dh, dc = dz[-n:], dc * f
    return {"W": dW, "b": db}


def gru(W, U, X, h0, C):
    """W (3, inputs, state) and U (3, state, state): update, reset, candidate."""
    h = h0
    for x in X:
        z, r = sigmoid(x @ W[0] + h @ U[0]), sigmoid(x @ W[1] + h @ U[1])
        h = (1 - z) * h + z * np.tanh(x @ W[2] + (r * h) @ U[2])
    return np.sum(C * h)


@backward_of(gru, "layer", {"W": (3, 2, 2), "U": (3, 2, 2), "h0": (2,)}, {"X": (3, 2), "C": (2,)})
def gru_backward(W, U, X, h0, C):
    h, steps = h0, []
    for x in X:
        z, r = sigmoid(x @ W[0] + h @ U[0]), sigmoid(x @ W[1] + h @ U[1])
        n = np.tanh(x @ W[2] + (r * h) @ U[2])
        steps.append((x, h, z, r, n))
        h = (1 - z) * h + z * n
    dW, dU, dh = np.zeros_like(W), np.zeros_like(U), C
    for x, h, z, r, n in reversed(steps):
        dn = dh * z * (1 - n**2)
        dz = dh * (n - h) * z * (1 - z)
        drh = U[2] @ dn
        dr = drh * h * r * (1 - r)
        dW += np.stack([np.outer(x, dz), np.outer(x, dr), np.outer(x, dn)])
        dU += np.stack([np.outer(h, dz), np.outer(h, dr), np.outer(r * h, dn)])
        dh = dh * (1 - z) + drh * r + U[0] @ dz + U[1] @ dr
    return {"W": dW, "U": dU, "h0": dh}


def linear_recurrence(a, u, C):
    """A diagonal state-space model: s_t = σ(a) s_{t-1} + u_t."""
    s, total = a * 0, 0
    for t in range(u.shape[0]):
        s = sigmoid(a) * s + u[t]
        total = total + np.sum(C[t] * s**2)
    return total


@backward_of(linear_recurrence, "layer", {"a": (3,), "u": (5, 3)}, {"C": (5, 3)}, scales=(0.1, 1, 5))
def linear_recurrence_backward(a, u, C):
    decay = sigmoid(a)
    S = [np.zeros_like(a)]
    for t in range(u.shape[0]):
        S.append(decay * S[-1] + u[t])
    da, du, ds = np.zeros_like(a), np.zeros_like(u), np.zeros_like(a)
    for t in reversed(range(u.shape[0])):
        ds = ds + 2 * C[t] * S[t + 1]
        du[t] = ds
        da += ds * S[t] * decay * (1 - decay)
        ds = ds * decay
    return {"a": da, "u": du}
