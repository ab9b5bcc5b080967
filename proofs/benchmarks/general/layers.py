"""Layers with a right backward each, under a fixed cotangent C."""

import math

import numpy as np

from general.cases import backward_of


def sigmoid(Z):
    return 1 / (1 + np.exp(-Z))


def softmax(Z):
    E = np.exp(Z - Z.max(axis=-1, keepdims=True))
    return E / E.sum(axis=-1, keepdims=True)


def softmax_backward(dP, P):
    return P * (dP - (dP * P).sum(axis=-1, keepdims=True))


def like(shape, *arrays):
    """Zeros of the dtype that the arrays have together: complex, exact or float32 as they are."""
    return np.zeros(shape, np.result_type(*arrays))


# ---------------------------------------------------------------------- linear maps


def dense(W, b, X, C):
    return np.sum(C * (X @ W.T + b))


@backward_of(dense, "layer", {"W": (4, 3), "b": (4,), "X": (5, 3)}, {"C": (5, 4)})
def dense_backward(W, b, X, C):
    return {"W": C.T @ X, "b": C.sum(axis=0), "X": C @ W}


def dense_tanh(W, b, V, X, C):
    return np.sum(C * (np.tanh(X @ W.T + b) @ V.T))


@backward_of(dense_tanh, "layer", {"W": (4, 3), "b": (4,), "V": (2, 4)}, {"X": (5, 3), "C": (5, 2)}, scales=(0.1, 1, 3))
def dense_tanh_backward(W, b, V, X, C):
    A = np.tanh(X @ W.T + b)
    dZ = (C @ V) * (1 - A**2)
    return {"W": dZ.T @ X, "b": dZ.sum(axis=0), "V": C.T @ A}


def bilinear(U, W, V, C):
    return np.sum(C * np.einsum("ni,kij,nj->nk", U, W, V))


@backward_of(bilinear, "layer", {"U": (3, 2), "W": (2, 2, 3), "V": (3, 3)}, {"C": (3, 2)}, scales=(0.1, 1, 30))
def bilinear_backward(U, W, V, C):
    return {
        "U": np.einsum("nk,kij,nj->ni", C, W, V),
        "W": np.einsum("nk,ni,nj->kij", C, U, V),
        "V": np.einsum("nk,kij,ni->nj", C, W, U),
    }


def conv1d(K, b, X, C):
    n = X.shape[2] - K.shape[2] + 1
    Z = like((X.shape[0], K.shape[0], n), K, b, X)
    for t in range(n):
        Z[:, :, t] = np.tensordot(X[:, :, t : t + K.shape[2]], K, axes=((1, 2), (1, 2))) + b
    return np.sum(C * Z)


@backward_of(conv1d, "layer", {"K": (2, 2, 3), "b": (2,), "X": (2, 2, 6)}, {"C": (2, 2, 4)})
def conv1d_backward(K, b, X, C):
    dK, dX = np.zeros_like(K), np.zeros_like(X)
    for t in range(C.shape[2]):
        window = slice(t, t + K.shape[2])
        dK += np.tensordot(C[:, :, t], X[:, :, window], axes=(0, 0))
        dX[:, :, window] += np.tensordot(C[:, :, t], K, axes=(1, 0))
    return {"K": dK, "b": C.sum(axis=(0, 2)), "X": dX}


def strided_conv1d(K, X, C):
    Z = like(C.shape, K, X)
    for t in range(C.shape[0]):
        Z[t] = np.sum(K * X[2 * t : 2 * t + K.size])
    return np.sum(C * Z**2)


@backward_of(strided_conv1d, "layer", {"K": (3,), "X": (9,)}, {"C": (4,)})
def strided_conv1d_backward(K, X, C):
    dK, dX = np.zeros_like(K), np.zeros_like(X)
    for t in range(C.shape[0]):
        dZ = 2 * C[t] * np.sum(K * X[2 * t : 2 * t + K.size])
        dK += dZ * X[2 * t : 2 * t + K.size]
        dX[2 * t : 2 * t + K.size] += dZ * K
    return {"K": dK, "X": dX}


def circular_conv(K, X, C):
    Z = sum(K[i] * np.roll(X, i) for i in range(K.size))
    return np.sum(C * np.tanh(Z))


@backward_of(circular_conv, "layer", {"K": (3,), "X": (7,)}, {"C": (7,)})
def circular_conv_backward(K, X, C):
    A = np.tanh(sum(K[i] * np.roll(X, i) for i in range(K.size)))
    dZ = C * (1 - A**2)
    dK = np.array([np.sum(dZ * np.roll(X, i)) for i in range(K.size)])
    return {"K": dK, "X": sum(K[i] * np.roll(dZ, -i) for i in range(K.size))}


def im2col(X, k):
    n, c, h, w = X.shape
    columns = [X[:, :, i : i + h - k + 1, j : j + w - k + 1] for i in range(k) for j in range(k)]
    return np.stack(columns, axis=2).reshape(n, c * k * k, -1)


def conv2d(K, b, X, C):
    Z = np.einsum("of,nfp->nop", K.reshape(K.shape[0], -1), im2col(X, K.shape[2])) + b[:, None]
    return np.sum(C * Z)


@backward_of(conv2d, "layer", {"K": (2, 2, 2, 2), "b": (2,), "X": (2, 2, 4, 4)}, {"C": (2, 2, 9)})
def conv2d_backward(K, b, X, C):
    k, side = K.shape[2], X.shape[2] - K.shape[2] + 1
    dK = np.einsum("nop,nfp->of", C, im2col(X, k)).reshape(K.shape)
    columns = np.einsum("of,nop->nfp", K.reshape(K.shape[0], -1), C)
    columns = columns.reshape(X.shape[0], X.shape[1], k, k, side, side)
    dX = np.zeros_like(X)
    for i in range(k):
        for j in range(k):
            dX[:, :, i : i + side, j : j + side] += columns[:, :, i, j]
    return {"K": dK, "b": C.sum(axis=(0, 2)), "X": dX}


def depthwise(K, X, C):
    n = X.shape[2] - K.shape[1] + 1
    Z = sum(K[:, i, None] * X[:, :, i : i + n] for i in range(K.shape[1]))
    return np.sum(C * Z**2) / 2


@backward_of(depthwise, "layer", {"K": (3, 2), "X": (2, 3, 5)}, {"C": (2, 3, 4)})
def depthwise_backward(K, X, C):
    n = X.shape[2] - K.shape[1] + 1
    dZ = C * sum(K[:, i, None] * X[:, :, i : i + n] for i in range(K.shape[1]))
    dK, dX = np.zeros_like(K), np.zeros_like(X)
    for i in range(K.shape[1]):
        dK[:, i] = (dZ * X[:, :, i : i + n]).sum(axis=(0, 2))
        dX[:, :, i : i + n] += dZ * K[:, i, None]
    return {"K": dK, "X": dX}


def transposed_conv1d(K, X, C):
    Z = like(C.shape, K, X)
    for t in range(X.shape[0]):
        Z[2 * t : 2 * t + K.size] += X[t] * K
    return np.sum(C * np.sin(Z))


@backward_of(transposed_conv1d, "layer", {"K": (3,), "X": (4,)}, {"C": (9,)})
def transposed_conv1d_backward(K, X, C):
    Z = np.zeros_like(C)
    for t in range(X.shape[0]):
        Z[2 * t : 2 * t + K.size] += X[t] * K
    dZ = C * np.cos(Z)
    dK, dX = np.zeros_like(K), np.zeros_like(X)
    for t in range(X.shape[0]):
        dX[t] = np.sum(dZ[2 * t : 2 * t + K.size] * K)
        dK += dZ[2 * t : 2 * t + K.size] * X[t]
    return {"K": dK, "X": dX}


def embedding(E, W, words, C):
    return np.sum(C * np.tanh(E[words] @ W))


@backward_of(embedding, "layer", {"E": (6, 3), "W": (3, 2)}, {"words": np.array([0, 2, 2, 5, 0, 2]), "C": (6, 2)})
def embedding_backward(E, W, words, C):
    dZ = C * (1 - np.tanh(E[words] @ W) ** 2)
    dE = np.zeros_like(E)
    np.add.at(dE, words, dZ @ W.T)
    return {"E": dE, "W": E[words].T @ dZ}


def scatter_add(X, places, C):
    Z = like(C.shape, X)
    np.add.at(Z, places, X)
    return np.sum(C * Z**3)


@backward_of(scatter_add, "layer", {"X": (6,)}, {"places": np.array([3, 1, 1, 0, 3, 3]), "C": (4,)})
def scatter_add_backward(X, places, C):
    Z = np.zeros_like(C)
    np.add.at(Z, places, X)
    dZ = 3 * C * Z**2
    return {"X": dZ[places]}


def residual_block(W, V, X, C):
    H = np.tanh(X @ W)
    return np.sum(C * np.tanh(X + H @ V))


@backward_of(residual_block, "layer", {"W": (3, 4), "V": (4, 3), "X": (4, 3)}, {"C": (4, 3)})
def residual_block_backward(W, V, X, C):
    H = np.tanh(X @ W)
    dR = C * (1 - np.tanh(X + H @ V) ** 2)
    dH = (dR @ V.T) * (1 - H**2)
    return {"W": X.T @ dH, "V": H.T @ dR, "X": dR + dH @ W.T}


def dropout(W, X, mask, C):
    return np.sum(C * (np.tanh(X @ W) * mask / 0.6))


@backward_of(dropout, "layer", {"W": (3, 4), "X": (5, 3)}, {"mask": lambda r: r.random((5, 4)) < 0.6, "C": (5, 4)})
def dropout_backward(W, X, mask, C):
    dA = C * mask / 0.6
    dZ = dA * (1 - np.tanh(X @ W) ** 2)
    return {"W": X.T @ dZ, "X": dZ @ W.T}


# ---------------------------------------------------------------------- pooling


def max_pool(X, C):
    n, h, w = X.shape
    return np.sum(C * X.reshape(n, h // 2, 2, w // 2, 2).max(axis=(2, 4)))


@backward_of(max_pool, "kink", {"X": (2, 4, 4)}, {"C": (2, 2, 2)})
def max_pool_backward(X, C):
    n, h, w = X.shape
    tiles = X.reshape(n, h // 2, 2, w // 2, 2)
    first = tiles == tiles.max(axis=(2, 4), keepdims=True)
    return {"X": (first * C[:, :, None, :, None]).reshape(X.shape)}


def avg_pool(X, C):
    n, h, w = X.shape
    return np.sum(C * X.reshape(n, h // 2, 2, w // 2, 2).mean(axis=(2, 4)) ** 2)


@backward_of(avg_pool, "layer", {"X": (2, 4, 4)}, {"C": (2, 2, 2)})
def avg_pool_backward(X, C):
    n, h, w = X.shape
    dA = 2 * C * X.reshape(n, h // 2, 2, w // 2, 2).mean(axis=(2, 4))
    return {"X": np.repeat(np.repeat(dA, 2, axis=1), 2, axis=2) / 4}


# ---------------------------------------------------------------------- activations


def relu(X, C):
    return np.sum(C * np.maximum(X, 0) ** 2)


@backward_of(relu, "kink", {"X": (3, 4)}, {"C": (3, 4)})
def relu_backward(X, C):
    return {"X": 2 * C * np.maximum(X, 0)}


def relu_layer(W, b, X, C):
    return np.sum(C * np.maximum(X @ W + b, 0))


@backward_of(relu_layer, "kink", {"W": (3, 4), "b": (4,), "X": (3, 3)}, {"C": (3, 4)})
def relu_layer_backward(W, b, X, C):
    dZ = C * (X @ W + b > 0)
    return {"W": X.T @ dZ, "b": dZ.sum(axis=0), "X": dZ @ W.T}


def leaky_relu(X, C):
    return np.sum(C * np.where(X > 0, X, 0.01 * X) ** 2)


@backward_of(leaky_relu, "kink", {"X": (3, 4)}, {"C": (3, 4)})
def leaky_relu_backward(X, C):
    A = np.where(X > 0, X, 0.01 * X)
    return {"X": 2 * C * A * np.where(X > 0, 1, X.dtype.type(0.01))}


def hardtanh(X, C):
    return np.sum(C * np.minimum(np.maximum(X, -1), 1))


@backward_of(hardtanh, "kink", {"X": (3, 4)}, {"C": (3, 4)}, scales=(1, 3))
def hardtanh_backward(X, C):
    return {"X": C * ((X > -1) & (X < 1))}


def gelu_tanh(X, C):
    return np.sum(C * 0.5 * X * (1 + np.tanh(math.sqrt(2 / math.pi) * (X + 0.044715 * X**3))))


@backward_of(gelu_tanh, "layer", {"X": (3, 3)}, {"C": (3, 3)})
def gelu_tanh_backward(X, C):
    a = math.sqrt(2 / math.pi)
    T = np.tanh(a * (X + 0.044715 * X**3))
    inner = a * (1 + 3 * 0.044715 * X**2)
    return {"X": C * (0.5 * (1 + T) + 0.5 * X * (1 - T**2) * inner)}


def gelu(X, C):
    return math.fsum(c * x * (1 + math.erf(x / math.sqrt(2))) / 2 for x, c in zip(X.flat, C.flat))


def gelu_exact(X, C):
    return sum(c * x * (1 + (x / type(x)(2).sqrt()).erf()) / 2 for x, c in zip(X.flat, C.flat))


@backward_of(gelu, "layer", {"X": (3, 3)}, {"C": (3, 3)}, exact=gelu_exact, scales=(0.1, 1, 5), variants=("plain",))
def gelu_backward(X, C):
    Phi = np.array([(1 + math.erf(x / math.sqrt(2))) / 2 for x in X.flat]).reshape(X.shape)
    return {"X": C * (Phi + X * np.exp(-(X**2) / 2) / math.sqrt(2 * math.pi))}


def silu(X, C):
    return np.sum(C * X * sigmoid(X))


@backward_of(silu, "layer", {"X": (3, 3)}, {"C": (3, 3)}, scales=(0.1, 1, 10))
def silu_backward(X, C):
    S = sigmoid(X)
    return {"X": C * (S + X * S * (1 - S))}


def swiglu(W, V, X, C):
    G = X @ W
    return np.sum(C * (G * sigmoid(G) * (X @ V)))


@backward_of(swiglu, "layer", {"W": (3, 4), "V": (3, 4), "X": (2, 3)}, {"C": (2, 4)})
def swiglu_backward(W, V, X, C):
    G, H = X @ W, X @ V
    S = sigmoid(G)
    dG, dH = C * H * (S + G * S * (1 - S)), C * G * S
    return {"W": X.T @ dG, "V": X.T @ dH, "X": dG @ W.T + dH @ V.T}


def mish(X, C):
    return np.sum(C * X * np.tanh(np.log1p(np.exp(X))))


@backward_of(mish, "layer", {"X": (3, 3)}, {"C": (3, 3)})
def mish_backward(X, C):
    T = np.tanh(np.log1p(np.exp(X)))
    return {"X": C * (T + X * (1 - T**2) * sigmoid(X))}


def softplus(X, C):
    return np.sum(C * np.log1p(np.exp(X)))


@backward_of(softplus, "layer", {"X": (3, 3)}, {"C": (3, 3)}, scales=(0.1, 1, 10))
def softplus_backward(X, C):
    return {"X": C * sigmoid(X)}


def elu(X, C):
    return np.sum(C * np.where(X > 0, X, np.exp(X) - 1))


@backward_of(elu, "layer", {"X": (3, 4)}, {"C": (3, 4)})
def elu_backward(X, C):
    return {"X": C * np.where(X > 0, 1, np.exp(X))}


def selu(X, C):
    return np.sum(C * 1.0507009873554805 * np.where(X > 0, X, 1.6732632423543772 * (np.exp(X) - 1)))


@backward_of(selu, "kink", {"X": (3, 4)}, {"C": (3, 4)})
def selu_backward(X, C):
    return {"X": C * 1.0507009873554805 * np.where(X > 0, 1, 1.6732632423543772 * np.exp(X))}


def prelu(X, a, C):
    return np.sum(C * np.where(X > 0, X, a * X))


@backward_of(prelu, "kink", {"X": (4, 3), "a": (3,)}, {"C": (4, 3)})
def prelu_backward(X, a, C):
    return {"X": C * np.where(X > 0, 1, a), "a": np.where(X > 0, 0, C * X).sum(axis=0)}


def softmax_layer(Z, C):
    return np.sum(C * softmax(Z))


@backward_of(softmax_layer, "layer", {"Z": (3, 4)}, {"C": (3, 4)}, scales=(0.1, 1, 10))
def softmax_layer_backward(Z, C):
    return {"Z": softmax_backward(C, softmax(Z))}


def log_softmax(Z, C):
    Z = Z - Z.max(axis=1, keepdims=True)
    return np.sum(C * (Z - np.log(np.exp(Z).sum(axis=1, keepdims=True))))


@backward_of(log_softmax, "layer", {"Z": (3, 4)}, {"C": (3, 4)}, scales=(0.1, 1, 10))
def log_softmax_backward(Z, C):
    return {"Z": C - softmax(Z) * C.sum(axis=1, keepdims=True)}
