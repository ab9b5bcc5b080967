"""Functions that checkers stumble on: minima, cancellation, saturation, entries of far different size."""

import math

import numpy as np

from general.cases import backward_of
from general.layers import sigmoid

BOTH = ("plain", "real")
WIDE = np.array([1e-8, 1.0])


def rosenbrock(x):
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def rosenbrock_gradient(x):
    dx = np.zeros_like(x)
    dx[:-1] += -400 * x[:-1] * (x[1:] - x[:-1] ** 2) - 2 * (1 - x[:-1])
    dx[1:] += 200 * (x[1:] - x[:-1] ** 2)
    return dx


@backward_of(rosenbrock, "numeric", {"x": (5,)}, scales=(0.1, 1, 10))
def rosenbrock_backward(x):
    return {"x": rosenbrock_gradient(x)}


def rosenbrock_at_minimum(x):
    return rosenbrock(x)


@backward_of(rosenbrock_at_minimum, "zero", {"x": np.ones(4)}, scales=(1,), variants=BOTH, zeros=("x",))
def rosenbrock_at_minimum_backward(x):
    return {"x": rosenbrock_gradient(x)}


def least_squares(w, X, y):
    R = X @ w - y
    return np.sum(R * R) / 2


@backward_of(least_squares, "numeric", {"w": (3,)}, {"X": (8, 3), "y": (8,)}, scales=(0.1, 1, 1000))
def least_squares_backward(w, X, y):
    return {"w": X.T @ (X @ w - y)}


def exact_fit(w, X):
    return least_squares(w, X, X @ np.array([1.0, -2, 0.5]))


@backward_of(
    exact_fit, "zero", {"w": np.array([1.0, -2, 0.5])}, {"X": (8, 3)}, scales=(1,), variants=BOTH, zeros=("w",)
)
def exact_fit_backward(w, X):
    return {"w": X.T @ (X @ w - X @ np.array([1.0, -2, 0.5]))}


def ackley(x):
    n = x.size
    spread = -20 * np.exp(-0.2 * np.sqrt(np.sum(x * x) / n))
    return spread - np.exp(np.sum(np.cos(2 * math.pi * x)) / n) + 20 + math.e


@backward_of(ackley, "numeric", {"x": (3,)}, scales=(0.01, 1, 10), variants=BOTH)
def ackley_backward(x):
    n = x.size
    r = np.sqrt(np.sum(x**2) / n)
    waves = np.exp(np.sum(np.cos(2 * math.pi * x)) / n)
    return {"x": 4 * np.exp(-0.2 * r) * x / (n * r) + waves * 2 * math.pi / n * np.sin(2 * math.pi * x)}


def rastrigin(x):
    return 10 * x.size + np.sum(x * x - 10 * np.cos(2 * math.pi * x))


@backward_of(rastrigin, "numeric", {"x": (4,)}, scales=(0.01, 1, 10))
def rastrigin_backward(x):
    return {"x": 2 * x + 20 * math.pi * np.sin(2 * math.pi * x)}


def himmelblau(x):
    return (x[0] ** 2 + x[1] - 11) ** 2 + (x[0] + x[1] ** 2 - 7) ** 2


@backward_of(himmelblau, "numeric", {"x": (2,)}, scales=(0.1, 1, 100))
def himmelblau_backward(x):
    a, b = x[0] ** 2 + x[1] - 11, x[0] + x[1] ** 2 - 7
    return {"x": np.array([4 * x[0] * a + 2 * b, 2 * a + 4 * x[1] * b])}


def one_minus_cos(x):
    return np.sum((1 - np.cos(x)) / x**2)


@backward_of(
    one_minus_cos,
    "cancelling",
    {"x": np.array([1e-4, 3e-4])},
    scales=(1,),
    variants=BOTH,
)
def one_minus_cos_backward(x):
    return {"x": -x / 12 + x**3 / 180}  # to 1e-16: the quotient's own derivative has no digit left


def small_difference(x):
    return np.sum((1e4 + x) ** 2 - 1e8 - 2e4 * x)


@backward_of(small_difference, "cancelling", {"x": (4,)}, scales=(1, 30), variants=BOTH)
def small_difference_backward(x):
    return {"x": 2 * x}


def far_from_zero(x):
    return 1e8 + np.sum(np.sin(x))


@backward_of(far_from_zero, "cancelling", {"x": (4,)}, variants=BOTH)
def far_from_zero_backward(x):
    return {"x": np.cos(x)}


def naive_variance(x):
    return np.mean(x * x) - np.mean(x) ** 2


@backward_of(naive_variance, "cancelling", {"x": lambda r: 1000 + r.standard_normal(6)}, scales=(1,), variants=BOTH)
def naive_variance_backward(x):
    return {"x": 2 * (x - x.mean()) / x.size}


def sine_of_ratio(x, k):
    return np.sum(np.sin(x / k))


@backward_of(sine_of_ratio, "numeric", {"x": WIDE}, {"k": WIDE}, scales=(1,), variants=BOTH)
def sine_of_ratio_backward(x, k):
    return {"x": np.cos(x / k) / k}


def logarithms(x):
    return np.sum(np.log(x))


@backward_of(logarithms, "numeric", {"x": np.array([1e-10, 1.0])}, scales=(1,), variants=BOTH)
def logarithms_backward(x):
    return {"x": 1 / x}


def logarithms_by_math(x):
    return math.fsum(map(math.log, x.tolist()))


@backward_of(
    logarithms_by_math,
    "numeric",
    {"x": np.array([1e-6, 1e-3, 1.0, 50])},
    scales=(1,),
    variants=("plain",),
    exact=logarithms,
)
def logarithms_by_math_backward(x):
    return {"x": 1 / x}


def entropy(p):
    return -np.sum(p * np.log(p))


@backward_of(entropy, "numeric", {"p": np.array([1e-12, 1e-3, 0.3, 0.7])}, scales=(1,), variants=BOTH)
def entropy_backward(p):
    return {"p": -np.log(p) - 1}


def square_roots(x):
    return np.sum(np.sqrt(x))


@backward_of(square_roots, "numeric", {"x": np.array([1e-6, 1e-2, 1, 1e4])}, scales=(1,), variants=(*BOTH, "float32"))
def square_roots_backward(x):
    return {"x": 0.5 / np.sqrt(x)}


def cosh(x):
    return np.sum(np.cosh(x))


@backward_of(cosh, "numeric", {"x": np.array([0.0, 3.0, -1, 0.5])}, scales=(1,), variants=(*BOTH, "float32"))
def cosh_backward(x):
    return {"x": np.sinh(x)}


def expm1_sum(x, C):
    return np.sum(C * np.expm1(x))


@backward_of(expm1_sum, "numeric", {"x": (4,)}, {"C": (4,)}, scales=(1e-6, 1, 10))
def expm1_sum_backward(x, C):
    return {"x": C * np.exp(x)}


def geometric_mean(x):
    return np.exp(np.mean(np.log(x)))


@backward_of(geometric_mean, "numeric", {"x": lambda r: np.exp(3 * r.standard_normal(5))}, scales=(1,))
def geometric_mean_backward(x):
    return {"x": np.exp(np.mean(np.log(x))) / (x.size * x)}


def norm(x):
    return np.sqrt(np.sum(x * x))


@backward_of(norm, "numeric", {"x": (4,)}, scales=(1e-6, 1, 1e6))
def norm_backward(x):
    return {"x": x / np.sqrt(np.sum(x**2))}


def angle(x, y, C):
    return np.sum(C * np.arctan(y / x))


@backward_of(
    angle,
    "numeric",
    {"x": lambda r: 1 + r.random(4), "y": (4,)},
    {"C": (4,)},
    scales=(0.1, 1),
    exact=lambda x, y, C: sum(c * (b / a).atan() for a, b, c in zip(x, y, C)),
)
def angle_backward(x, y, C):
    return {"x": -C * y / (x**2 + y**2), "y": C * x / (x**2 + y**2)}


def logsumexp_of_large(x):
    largest = x.max()
    return largest + np.log(np.sum(np.exp(x - largest)))


@backward_of(logsumexp_of_large, "numeric", {"x": np.array([1000.0, 1001, 998, 1000.5])}, scales=(1,), variants=BOTH)
def logsumexp_of_large_backward(x):
    E = np.exp(x - x.max())
    return {"x": E / E.sum()}


# ---------------------------------------------------------------------- saturation


def separable_logistic(w, X, y):
    return np.mean(np.log1p(np.exp(-y * (X @ w))))


@backward_of(
    separable_logistic,
    "saturated",
    {"w": np.array([2.0, 1.0])},
    {"X": np.array([[3.0, 1], [2, 2], [-1, -3], [-4, 0.5]]), "y": np.array([1.0, 1, -1, -1])},
    scales=(1,),
    variants=(*BOTH, "float32"),
)
def separable_logistic_backward(w, X, y):
    return {"w": -X.T @ (y * sigmoid(-y * (X @ w))) / len(y)}


def saturated_logistic(w, X, y):
    Z = y * (X @ w)
    return np.mean(np.log1p(np.exp(-Z)))


@backward_of(
    saturated_logistic,
    "saturated",
    {"w": np.array([9.0, 6.0])},
    {"X": np.array([[3.0, 1], [2, 2], [-1, -3], [-4, 0.5]]), "y": np.array([1.0, 1, -1, -1])},
    scales=(1,),
    variants=BOTH,
)
def saturated_logistic_backward(w, X, y):
    return {"w": -X.T @ (y * sigmoid(-y * (X @ w))) / len(y)}


def sigmoid_at_8(x, C):
    return np.sum(C * sigmoid(x))


@backward_of(sigmoid_at_8, "saturated", {"x": np.array([8.0, -8, 7.5, 0.3])}, {"C": (4,)}, scales=(1,), variants=BOTH)
def sigmoid_at_8_backward(x, C):
    A = sigmoid(x)
    return {"x": C * A * (1 - A)}


def sigmoid_layers(W, V, X, C):
    return np.sum(C * sigmoid(sigmoid(X @ W) @ V))


@backward_of(sigmoid_layers, "saturated", {"W": (3, 4), "V": (4, 2)}, {"X": (5, 3), "C": (5, 2)}, scales=(1, 5, 20))
def sigmoid_layers_backward(W, V, X, C):
    H = sigmoid(X @ W)
    A = sigmoid(H @ V)
    dZ = C * A * (1 - A)
    return {"W": X.T @ (dZ @ V.T * H * (1 - H)), "V": H.T @ dZ}


def saturated_tanh(x, C):
    return np.sum(C * np.tanh(x))


@backward_of(saturated_tanh, "saturated", {"x": (5,)}, {"C": (5,)}, scales=(3, 6), variants=BOTH)
def saturated_tanh_backward(x, C):
    return {"x": C * (1 - np.tanh(x) ** 2)}


def vanishing(x):
    return np.sum(np.exp(-x * x / 2))


@backward_of(vanishing, "saturated", {"x": np.array([0.5, 3, 6, 8])}, scales=(1,), variants=BOTH)
def vanishing_backward(x):
    return {"x": -x * np.exp(-(x**2) / 2)}


# ---------------------------------------------------------------------- the dtype and the size of things


def mean_square(x):
    return np.mean(x * x)


@backward_of(mean_square, "numeric", {"x": (200,)}, scales=(1, 1e-3))
def mean_square_backward(x):
    return {"x": 2 * x / x.size}


def mean_square_of_many(w, X):
    R = X @ w
    return R @ R / len(R)


@backward_of(mean_square_of_many, "numeric", {"w": (3,)}, {"X": (100_000, 3)}, scales=(1,), variants=BOTH)
def mean_square_of_many_backward(w, X):
    return {"w": 2 * X.T @ (X @ w) / len(X)}


def different_sizes(a, b, c):
    return np.sum(a * a) + np.sum(np.sin(b)) + 1e-6 * np.sum(c**3)


@backward_of(
    different_sizes,
    "numeric",
    {"a": lambda r: 1e3 * r.standard_normal(3), "b": (3,), "c": lambda r: 0.1 * r.standard_normal(3)},
    scales=(1,),
    variants=BOTH,
)
def different_sizes_backward(a, b, c):
    return {"a": 2 * a, "b": np.cos(b), "c": 3e-6 * c**2}


def by_lists(w, X, y):
    """In plain Python, over lists."""
    rows, weights = X.tolist(), w.tolist()
    residuals = [sum(a * b for a, b in zip(row, weights)) - t for row, t in zip(rows, y.tolist())]
    return sum(r * r for r in residuals) / len(residuals)


@backward_of(by_lists, "numeric", {"w": (3,)}, {"X": (6, 3), "y": (6,)}, scales=(0.1, 1), variants=("plain", "real"))
def by_lists_backward(w, X, y):
    return {"w": 2 * X.T @ (X @ w - y) / len(y)}


def network_kernel(W, V, X, C):
    return np.sum(C * (np.tanh(X @ W) @ V))


@backward_of(
    network_kernel,
    "layer",
    {"W": (3, 4), "V": (4, 2)},
    {"X": (5, 3), "C": (5, 2)},
    variants=("plain", "float32", "kernel"),
)
def network_kernel_backward(W, V, X, C):
    H = np.tanh(X @ W)
    return {"W": X.T @ (C @ V.T * (1 - H**2)), "V": H.T @ C}


def attention_kernel(Q, K, V, C):
    S = Q @ K.T
    E = np.exp(S - S.max(axis=1, keepdims=True))
    return np.sum(C * (E / E.sum(axis=1, keepdims=True) @ V))


@backward_of(
    attention_kernel, "layer", {"Q": (3, 2), "K": (3, 2), "V": (3, 2)}, {"C": (3, 2)}, variants=("plain", "kernel")
)
def attention_kernel_backward(Q, K, V, C):
    S = Q @ K.T
    E = np.exp(S - S.max(axis=1, keepdims=True))
    P = E / E.sum(axis=1, keepdims=True)
    dP = C @ V.T
    dS = P * (dP - (dP * P).sum(axis=1, keepdims=True))
    return {"Q": dS @ K, "K": dS.T @ Q, "V": P.T @ C}
