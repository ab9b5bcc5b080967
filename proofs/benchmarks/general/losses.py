"""Losses with a right backward each."""

import math

import numpy as np

from general.cases import backward_of
from general.layers import like, sigmoid, softmax

LABELS = np.array([2, 0, 1, 2, 3])
ONE_HOT = np.eye(4)[LABELS]
TARGETS = np.array([[1.0, 0, 1], [0, 0, 1], [1, 1, 0], [0, 1, 0]])
COUNTS = np.array([0.0, 3, 1, 7, 2])


def logsumexp(Z, axis=-1):
    largest = Z.max(axis=axis, keepdims=True)
    return np.log(np.exp(Z - largest).sum(axis=axis)) + largest.squeeze(axis)


def cross_entropy(Z, labels):
    return np.mean(logsumexp(Z) - Z[np.arange(len(Z)), labels])


@backward_of(cross_entropy, "loss", {"Z": (5, 4)}, {"labels": LABELS}, scales=(0.1, 1, 30))
def cross_entropy_backward(Z, labels):
    dZ = softmax(Z)
    dZ[np.arange(len(Z)), labels] -= 1
    return {"Z": dZ / len(Z)}


def smoothed_cross_entropy(Z, Y):
    Q = 0.9 * Y + 0.1 / Y.shape[1]
    return -np.mean(np.sum(Q * (Z - logsumexp(Z)[:, None]), axis=1))


@backward_of(smoothed_cross_entropy, "loss", {"Z": (5, 4)}, {"Y": ONE_HOT})
def smoothed_cross_entropy_backward(Z, Y):
    Q = 0.9 * Y + 0.1 / Y.shape[1]
    return {"Z": (softmax(Z) - Q) / len(Z)}


def weighted_cross_entropy(Z, labels, w):
    losses = w[labels] * (logsumexp(Z) - Z[np.arange(len(Z)), labels])
    return losses.sum() / w[labels].sum()


@backward_of(weighted_cross_entropy, "loss", {"Z": (5, 4)}, {"labels": LABELS, "w": np.array([0.5, 2, 1, 3])})
def weighted_cross_entropy_backward(Z, labels, w):
    dZ = softmax(Z)
    dZ[np.arange(len(Z)), labels] -= 1
    return {"Z": dZ * w[labels][:, None] / w[labels].sum()}


def softmax_classifier(W, b, X, labels):
    return cross_entropy(X @ W + b, labels) + 0.05 * np.sum(W * W)


@backward_of(softmax_classifier, "loss", {"W": (3, 4), "b": (4,)}, {"X": (5, 3), "labels": LABELS}, scales=(0.1, 1, 10))
def softmax_classifier_backward(W, b, X, labels):
    dZ = softmax(X @ W + b)
    dZ[np.arange(len(X)), labels] -= 1
    dZ = dZ / len(X)
    return {"W": X.T @ dZ + 0.1 * W, "b": dZ.sum(axis=0)}


def bce_with_logits(Z, Y):
    return np.mean(np.log1p(np.exp(-np.where(Z > 0, Z, -Z))) + np.where(Z > 0, Z, 0) - Y * Z)


@backward_of(bce_with_logits, "loss", {"Z": (4, 3)}, {"Y": TARGETS}, scales=(0.1, 1, 20))
def bce_with_logits_backward(Z, Y):
    return {"Z": (sigmoid(Z) - Y) / Y.size}


def focal(Z, Y):
    P = sigmoid(np.where(Y == 1, Z, -Z))
    return -np.mean((1 - P) ** 2 * np.log(P))


@backward_of(focal, "loss", {"Z": (4, 3)}, {"Y": TARGETS}, scales=(0.1, 1, 3))
def focal_backward(Z, Y):
    sign = np.where(Y == 1, Z.dtype.type(1), Z.dtype.type(-1))
    P = sigmoid(sign * Z)
    dP = 2 * (1 - P) * np.log(P) - (1 - P) ** 2 / P
    return {"Z": sign * dP * P * (1 - P) / Y.size}


def hinge(W, X, y):
    return np.mean(np.maximum(1 - y * (X @ W), 0)) + 0.5 * np.sum(W * W)


@backward_of(hinge, "kink", {"W": (3,)}, {"X": (6, 3), "y": np.array([1.0, -1, -1, 1, 1, -1])})
def hinge_backward(W, X, y):
    active = y * (X @ W) < 1
    return {"W": -(X.T @ (y * active)) / len(X) + W}


def multiclass_hinge(Z, labels):
    rows = np.arange(len(Z))
    margins = np.maximum(Z - Z[rows, labels][:, None] + 1, 0)
    return (margins.sum() - len(Z)) / len(Z)


@backward_of(multiclass_hinge, "kink", {"Z": (5, 4)}, {"labels": LABELS}, scales=(0.3, 2))
def multiclass_hinge_backward(Z, labels):
    rows = np.arange(len(Z))
    dZ = np.where(Z - Z[rows, labels][:, None] + 1 > 0, Z.dtype.type(1), Z.dtype.type(0))
    dZ[rows, labels] = 0
    dZ[rows, labels] = -dZ.sum(axis=1)
    return {"Z": dZ / len(Z)}


def huber(Z, Y):
    D = Z - Y
    A = np.where(D > 0, D, -D)
    return np.mean(np.where(A < 1, D * D / 2, A - 0.5))


@backward_of(huber, "kink", {"Z": (4, 3)}, {"Y": (4, 3)}, scales=(0.1, 1, 100))
def huber_backward(Z, Y):
    return {"Z": np.clip(Z - Y, -1, 1) / Z.size}


def quantile_loss(Z, Y):
    D = Y - Z
    return np.mean(np.maximum(0.9 * D, -0.1 * D))


@backward_of(quantile_loss, "kink", {"Z": (6,)}, {"Y": (6,)}, variants=("plain", "real"))
def quantile_loss_backward(Z, Y):
    return {"Z": np.where(Y > Z, -0.9, 0.1) / Z.size}


def log_cosh(Z, Y):
    D = Z - Y
    return np.mean(np.log(np.cosh(D)))


@backward_of(log_cosh, "loss", {"Z": (4, 3)}, {"Y": (4, 3)})
def log_cosh_backward(Z, Y):
    return {"Z": np.tanh(Z - Y) / Z.size}


def triplet(A, P, N):
    near, far = ((A - P) * (A - P)).sum(axis=1), ((A - N) * (A - N)).sum(axis=1)
    return np.mean(np.maximum(near - far + 0.5, 0))


@backward_of(triplet, "kink", {"A": (4, 3), "P": (4, 3), "N": (4, 3)}, scales=(0.3, 1))
def triplet_backward(A, P, N):
    active = ((A - P) ** 2).sum(axis=1) - ((A - N) ** 2).sum(axis=1) + 0.5 > 0
    scale = 2 / len(A) * active[:, None].astype(A.dtype)
    return {"A": scale * (N - P), "P": scale * (P - A), "N": scale * (A - N)}


def contrastive(U, V):
    """InfoNCE: each row of U belongs to the same row of V."""
    S = U @ V.T / 0.5
    return np.mean(logsumexp(S) - np.diagonal(S))


@backward_of(contrastive, "loss", {"U": (4, 3), "V": (4, 3)}, scales=(0.1, 1, 3))
def contrastive_backward(U, V):
    dS = (softmax(U @ V.T / 0.5) - np.eye(len(U), dtype=U.dtype)) / len(U) / 0.5
    return {"U": dS @ V, "V": dS.T @ U}


def margin_contrastive(U, V, same):
    d = np.sqrt(((U - V) * (U - V)).sum(axis=1))
    return np.mean(np.where(same, d * d, np.maximum(2 - d, 0) ** 2)) / 2


@backward_of(margin_contrastive, "kink", {"U": (4, 3), "V": (4, 3)}, {"same": np.array([True, False, False, True])})
def margin_contrastive_backward(U, V, same):
    d = np.sqrt(((U - V) ** 2).sum(axis=1, keepdims=True))
    dU = np.where(same[:, None], U - V, -np.maximum(2 - d, 0) * (U - V) / d) / len(U)
    return {"U": dU, "V": -dU}


def kl_divergence(Z, R):
    P, logs = softmax(Z), Z - logsumexp(Z)[:, None]
    return np.mean(np.sum(P * (logs - (R - logsumexp(R)[:, None])), axis=1))


@backward_of(kl_divergence, "loss", {"Z": (4, 3), "R": (4, 3)}, scales=(0.1, 1, 3))
def kl_divergence_backward(Z, R):
    P, Q = softmax(Z), softmax(R)
    ratio = np.log(P / Q)
    dZ = P * (ratio - np.sum(P * ratio, axis=1, keepdims=True))
    return {"Z": dZ / len(Z), "R": (Q - P) / len(Z)}


def gaussian_kl(mu, s):
    """Of a variational autoencoder: between N(μ, exp s) and N(0, 1)."""
    return -0.5 * np.sum(1 + s - mu * mu - np.exp(s)) / len(mu)


@backward_of(gaussian_kl, "loss", {"mu": (4, 2), "s": (4, 2)}, scales=(1e-4, 0.1, 1))
def gaussian_kl_backward(mu, s):
    return {"mu": mu / len(mu), "s": 0.5 * (np.exp(s) - 1) / len(mu)}


def cosine_embedding(U, V, C):
    dot = (U * V).sum(axis=1)
    return np.sum(C * (1 - dot / np.sqrt((U * U).sum(axis=1) * (V * V).sum(axis=1))))


@backward_of(cosine_embedding, "loss", {"U": (4, 3), "V": (4, 3)}, {"C": (4,)})
def cosine_embedding_backward(U, V, C):
    u, v = np.sqrt((U**2).sum(axis=1, keepdims=True)), np.sqrt((V**2).sum(axis=1, keepdims=True))
    cos = (U * V).sum(axis=1, keepdims=True) / (u * v)
    c = C[:, None]
    return {"U": -c * (V / (u * v) - cos * U / u**2), "V": -c * (U / (u * v) - cos * V / v**2)}


def poisson_nll(s, counts):
    return np.mean(np.exp(s) - counts * s) + sum(map(math.lgamma, counts + 1.0)) / s.size


def poisson_nll_exact(s, counts):
    return np.mean(np.exp(s) - counts * s)  # the constant is left out


@backward_of(poisson_nll, "loss", {"s": (5,)}, {"counts": COUNTS}, scales=(0.1, 1, 5), exact=poisson_nll_exact)
def poisson_nll_backward(s, counts):
    return {"s": (np.exp(s) - counts) / s.size}


def gaussian_nll(mu, s, Y):
    return np.mean(s / 2 + (Y - mu) * (Y - mu) * np.exp(-s) / 2)


@backward_of(gaussian_nll, "loss", {"mu": (4, 2), "s": (4, 2)}, {"Y": (4, 2)})
def gaussian_nll_backward(mu, s, Y):
    D = Y - mu
    return {"mu": -D * np.exp(-s) / D.size, "s": (1 - D**2 * np.exp(-s)) / 2 / D.size}


def dice(Z, Y):
    P = sigmoid(Z)
    return 1 - (2 * np.sum(P * Y) + 1) / (np.sum(P) + np.sum(Y) + 1)


@backward_of(dice, "loss", {"Z": (4, 3)}, {"Y": TARGETS}, scales=(0.1, 1, 5))
def dice_backward(Z, Y):
    P = sigmoid(Z)
    total = P.sum() + Y.sum() + 1
    score = (2 * (P * Y).sum() + 1) / total
    return {"Z": -(2 * Y - score) / total * P * (1 - P)}


def elastic_net(W, X, y):
    R = X @ W - y
    return np.mean(R * R) / 2 + 0.1 * np.sum(np.where(W > 0, W, -W)) + 0.05 * np.sum(W * W)


@backward_of(elastic_net, "kink", {"W": (4,)}, {"X": (7, 4), "y": (7,)}, scales=(0.01, 1))
def elastic_net_backward(W, X, y):
    return {"W": X.T @ (X @ W - y) / len(y) + 0.1 * np.sign(W) + 0.1 * W}


def mixture_nll(a, mu, s, y):
    """Of a mixture of normal distributions with logits a, means μ and log deviations s."""
    parts = a - logsumexp(a) - s - ((y[:, None] - mu) * np.exp(-s)) ** 2 / 2
    return -np.mean(logsumexp(parts))


@backward_of(mixture_nll, "loss", {"a": (3,), "mu": (3,), "s": (3,)}, {"y": (8,)})
def mixture_nll_backward(a, mu, s, y):
    U = (y[:, None] - mu) * np.exp(-s)
    R = softmax(a - s - U**2 / 2)
    n = len(y)
    return {
        "a": softmax(a) - R.mean(axis=0),
        "mu": -(R * U * np.exp(-s)).sum(axis=0) / n,
        "s": (R * (1 - U**2)).sum(axis=0) / n,
    }


def bpr(U, V):
    """Bayesian personalised ranking: row i of V before row i + 1."""
    S = V @ U
    return np.mean(np.log1p(np.exp(-(S[:-1] - S[1:]))))


@backward_of(bpr, "loss", {"U": (3,), "V": (4, 3)}, scales=(0.1, 1, 3))
def bpr_backward(U, V):
    S = V @ U
    d = -sigmoid(-(S[:-1] - S[1:])) / (len(V) - 1)
    dS = np.zeros_like(S)
    dS[:-1] += d
    dS[1:] -= d
    return {"U": V.T @ dS, "V": np.outer(dS, U)}


def sum_of_softmax(Z, C):
    return np.sum(C * softmax(Z))


@backward_of(sum_of_softmax, "zero", {"Z": (3, 4)}, {"C": np.ones((3, 4))}, zeros=("Z",), variants=("plain", "real"))
def sum_of_softmax_backward(Z, C):
    P = softmax(Z)
    return {"Z": P * (C - (C * P).sum(axis=1, keepdims=True))}


# ---------------------------------------------------------------------- sequences


def crf(E, T, labels):
    """Negative log likelihood of a linear chain: emissions E (steps, labels), transitions T."""
    alpha = E[0]
    for t in range(1, len(E)):
        alpha = logsumexp(alpha[:, None] + T, axis=0) + E[t]
    score = E[np.arange(len(E)), labels].sum() + T[labels[:-1], labels[1:]].sum()
    return logsumexp(alpha) - score


@backward_of(crf, "loss", {"E": (5, 4), "T": (4, 4)}, {"labels": LABELS}, scales=(0.1, 1, 3))
def crf_backward(E, T, labels):
    n = len(E)
    alpha, beta = np.zeros_like(E), np.zeros_like(E)
    alpha[0] = E[0]
    for t in range(1, n):
        alpha[t] = logsumexp(alpha[t - 1][:, None] + T, axis=0) + E[t]
    for t in reversed(range(n - 1)):
        beta[t] = logsumexp(T + E[t + 1] + beta[t + 1], axis=1)
    log_Z = logsumexp(alpha[-1])
    dE = np.exp(alpha + beta - log_Z)
    dT = np.zeros_like(T)
    for t in range(n - 1):
        dT += np.exp(alpha[t][:, None] + T + E[t + 1] + beta[t + 1] - log_Z)
        dT[labels[t], labels[t + 1]] -= 1
    dE[np.arange(n), labels] -= 1
    return {"E": dE, "T": dT}


def ctc_lattice(labels):
    """Labels with blanks (0) between, and where the second-last state may be skipped to."""
    states = np.zeros(2 * len(labels) + 1, int)
    states[1::2] = labels
    skip = np.array([s >= 2 and states[s] != 0 and states[s] != states[s - 2] for s in range(len(states))])
    return states, skip


def ctc_step(a, skip):
    b = a.copy()
    b[1:] += a[:-1]
    b[2:] += np.where(skip[2:], a[:-2], 0)
    return b


def ctc(Z, labels):
    """-log p(labels) by the forward algorithm."""
    P, (states, skip) = softmax(Z), ctc_lattice(labels)
    a = like(len(states), P)
    a[:2] = P[0, states[:2]]
    for t in range(1, len(Z)):
        a = ctc_step(a, skip) * P[t, states]
    return -np.log(a[-1] + a[-2])


@backward_of(ctc, "loss", {"Z": (6, 4)}, {"labels": np.array([2, 2, 3])}, scales=(0.1, 1, 3))
def ctc_backward(Z, labels):
    P, (states, skip) = softmax(Z), ctc_lattice(labels)
    A = [np.zeros(len(states), Z.dtype)]
    A[0][:2] = P[0, states[:2]]
    for t in range(1, len(Z)):
        A.append(ctc_step(A[-1], skip) * P[t, states])
    likelihood = A[-1][-1] + A[-1][-2]
    da = np.zeros(len(states), Z.dtype)
    da[-2:] = -1 / likelihood
    dP = np.zeros_like(P)
    for t in reversed(range(1, len(Z))):
        np.add.at(dP[t], states, da * ctc_step(A[t - 1], skip))
        d = da * P[t, states]
        da = d.copy()
        da[:-1] += d[1:]
        da[:-2] += np.where(skip[2:], d[2:], 0)
    np.add.at(dP[0], states[:2], da[:2])
    return {"Z": P * (dP - (dP * P).sum(axis=1, keepdims=True))}
