"""Linear algebra, sorting, recurrences of numbers and likelihoods with a right backward each."""

import math

import numpy as np

from general.cases import backward_of
from general.layers import like


def symmetric(A):
    return A @ A.T + 2 * np.eye(len(A), dtype=A.dtype if A.dtype != object else float)


def cholesky(S):
    """By hand, since NumPy's conjugates complex numbers and takes no others."""
    n = len(S)
    L = np.zeros_like(S) * S[0, 0]
    for i in range(n):
        for j in range(i + 1):
            rest = S[i, j] - np.sum(L[i, :j] * L[j, :j])
            L[i, j] = np.sqrt(rest) if i == j else rest / L[j, j]
    return L


def solved(A, B):
    """A⁻¹ B, by elimination without pivots, for numbers of any kind."""
    A, X = A.copy(), B.copy() + A[0, 0] * 0
    n = len(A)
    for i in range(n):
        for k in range(i + 1, n):
            factor = A[k, i] / A[i, i]
            A[k] = A[k] - factor * A[i]
            X[k] = X[k] - factor * X[i]
    for i in reversed(range(n)):
        X[i] = (X[i] - sum(A[i, k] * X[k] for k in range(i + 1, n))) / A[i, i]
    return X


def log_det(A):
    return 2 * np.sum(np.log(np.diagonal(cholesky(symmetric(A)))))


@backward_of(log_det, "numeric", {"A": (4, 4)}, scales=(0.1, 1, 10))
def log_det_backward(A):
    return {"A": 2 * np.linalg.inv(symmetric(A)) @ A}


def log_det_by_numpy(A, c):
    return c * np.linalg.slogdet(symmetric(A))[1]


def log_det_by_numpy_exact(A, c):
    return c * log_det(A)


@backward_of(
    log_det_by_numpy,
    "numeric",
    {"A": (3, 3)},
    {"c": np.array(-0.5)},
    variants=("plain", "float32"),
    exact=log_det_by_numpy_exact,
)
def log_det_by_numpy_backward(A, c):
    return {"A": 2 * c * np.linalg.inv(symmetric(A)) @ A}


def linear_solve(A, b, C):
    return np.sum(C * np.linalg.solve(symmetric(A), b) ** 2)


def linear_solve_exact(A, b, C):
    return np.sum(C * solved(symmetric(A), b) ** 2)


@backward_of(linear_solve, "numeric", {"A": (3, 3), "b": (3,)}, {"C": (3,)}, exact=linear_solve_exact)
def linear_solve_backward(A, b, C):
    S = symmetric(A)
    x = np.linalg.solve(S, b)
    db = np.linalg.solve(S.T, 2 * C * x)
    dS = -np.outer(db, x)
    return {"A": (dS + dS.T) @ A, "b": db}


def inverse_trace(A, C):
    return np.sum(C * np.linalg.inv(symmetric(A)).T)


def inverse_trace_exact(A, C):
    return np.sum(C * solved(symmetric(A), np.eye(len(A))).T)


@backward_of(inverse_trace, "numeric", {"A": (3, 3)}, {"C": (3, 3)}, scales=(0.1, 1, 10), exact=inverse_trace_exact)
def inverse_trace_backward(A, C):
    inverse = np.linalg.inv(symmetric(A))
    dS = -(inverse.T @ C.T @ inverse.T)
    return {"A": (dS + dS.T) @ A}


def eigenvalues(A, c):
    return float(np.sum(c * np.linalg.eigvalsh(symmetric(A))))


def eigenvalues_exact(A, c):
    """Newton's method on the characteristic polynomial, from the floating-point eigenvalues."""
    S = symmetric(A)
    trace = S[0, 0] + S[1, 1] + S[2, 2]
    minors = sum(S[i, i] * S[j, j] - S[i, j] * S[j, i] for i, j in ((0, 1), (0, 2), (1, 2)))
    det = S[0] @ np.cross(S[1], S[2])
    x = np.linalg.eigvalsh(S.astype(float)) + 0 * det
    for _ in range(10):
        x = x - (((x - trace) * x + minors) * x - det) / ((3 * x - 2 * trace) * x + minors)
    return np.sum(c * x)


@backward_of(
    eigenvalues,
    "numeric",
    {"A": (3, 3)},
    {"c": np.array([1.0, -2, 0.5])},
    scales=(0.3, 1),
    variants=("plain",),
    exact=eigenvalues_exact,
)
def eigenvalues_backward(A, c):
    _, V = np.linalg.eigh(symmetric(A))
    return {"A": 2 * (V * c) @ V.T @ A}


def sorted_sum(x, c):
    return np.sum(c * np.sort(x) ** 2)


@backward_of(sorted_sum, "kink", {"x": (6,)}, {"c": (6,)})
def sorted_sum_backward(x, c):
    order = np.argsort(x)
    dx = np.zeros_like(x)
    dx[order] = 2 * c * x[order]
    return {"x": dx}


def median(x, c):
    return np.median(x) * c + np.sum(x * x) * 0.01


def median_exact(x, c):
    middle = np.sort(x)[2:4]
    return (middle[0] + middle[1]) / 2 * c + np.sum(x * x) * 0.01


@backward_of(median, "kink", {"x": (6,)}, {"c": np.array(3.0)}, variants=("plain", "float32"), exact=median_exact)
def median_backward(x, c):
    dx = 0.02 * x
    dx[np.argsort(x)[2:4]] += c / 2
    return {"x": dx}


def quantile(x):
    return float(np.quantile(x, 0.3))


def quantile_exact(x):
    low, high = np.sort(x)[1:3]
    return low + (high - low) / 2


@backward_of(quantile, "kink", {"x": (6,)}, variants=("plain",), exact=quantile_exact)
def quantile_backward(x):
    dx = np.zeros_like(x)
    low, high = np.argsort(x)[1:3]
    dx[low] = dx[high] = 0.5
    return {"x": dx}


def cumulative_products(x, C):
    return np.sum(C * np.cumprod(x))


@backward_of(cumulative_products, "numeric", {"x": (5,)}, {"C": (5,)}, scales=(0.3, 1, 5))
def cumulative_products_backward(x, C):
    dx = np.zeros_like(x)
    for i in range(x.size):
        others = np.cumprod(np.where(np.arange(x.size) == i, x.dtype.type(1), x))
        dx[i] = np.sum((C * others)[i:])
    return {"x": dx}


def discounted_returns(r, s):
    """G_t = r_t + γ G_{t+1}, γ = σ(s)."""
    g, total = r[0] * 0, 0
    gamma = 1 / (1 + np.exp(-s))
    for t in reversed(range(r.size)):
        g = r[t] + gamma * g
        total = total + g * g / 2
    return total.sum()


@backward_of(discounted_returns, "numeric", {"r": (5,), "s": (1,)})
def discounted_returns_backward(r, s):
    gamma = 1 / (1 + np.exp(-s))
    G = np.zeros(r.size + 1, r.dtype)
    for t in reversed(range(r.size)):
        G[t] = r[t] + gamma[0] * G[t + 1]
    dr, dgamma, dG = np.zeros_like(r), 0, 0
    for t in range(r.size):
        dG = gamma[0] * dG + G[t]
        dr[t] = dG
        dgamma += dG * G[t + 1]
    return {"r": dr, "s": dgamma * gamma * (1 - gamma)}


# ---------------------------------------------------------------------- probability


def kalman(a, s, y):
    """Negative log likelihood of a local model: transition a, log variances s of noise and observation."""
    q, r = np.exp(s[0]), np.exp(s[1])
    m, p, total = y[0] * 0, 1, 0
    for t in range(y.size):
        m, p = a[0] * m, a[0] * p * a[0] + q
        e, S = y[t] - m, p + r
        total = total + (np.log(S) + e * e / S) / 2
        K = p / S
        m, p = m + K * e, (1 - K) * p
    return total


@backward_of(kalman, "numeric", {"a": (1,), "s": (2,)}, {"y": (6,)}, scales=(0.1, 0.5, 2))
def kalman_backward(a, s, y):
    q, r = np.exp(s[0]), np.exp(s[1])
    m, p, steps = y[0] * 0, 1, []
    for t in range(y.size):
        before = m, p
        m, p = a[0] * m, a[0] * p * a[0] + q
        e, S = y[t] - m, p + r
        K = p / S
        steps.append((*before, p, e, S, K))
        m, p = m + K * e, (1 - K) * p
    da, dq, dr, dm, dp = 0, 0, 0, 0, 0
    for m0, p0, p, e, S, K in reversed(steps):
        dK = dm * e - dp * p
        dprior, de = dp * (1 - K) + dK / S, dm * K + e / S
        dS = (1 / S - (e / S) ** 2) / 2 - dK * K / S
        dprior += dS
        dr += dS
        dmean = dm - de
        da += dmean * m0 + 2 * a[0] * p0 * dprior
        dq += dprior
        dm, dp = dmean * a[0], dprior * a[0] ** 2
    return {"a": np.array([da]), "s": np.array([dq * q, dr * r])}


def gp_kernel(theta, x):
    D = (x[:, None] - x) ** 2
    E = np.exp(2 * theta[0] - D * np.exp(-2 * theta[1]) / 2)
    return E, E + np.exp(2 * theta[2]) * np.eye(len(x), dtype=x.dtype if x.dtype != object else float), D


def gaussian_process(theta, x, y):
    """Negative log marginal likelihood; θ = log of amplitude, length, noise."""
    L = cholesky(gp_kernel(theta, x)[1])
    n, alpha = len(x), y.copy() + L[0, 0] * 0
    for i in range(n):
        alpha[i] = (alpha[i] - np.sum(L[i, :i] * alpha[:i])) / L[i, i]
    return np.sum(alpha * alpha) / 2 + np.sum(np.log(np.diagonal(L)))


@backward_of(gaussian_process, "numeric", {"theta": (3,)}, {"x": (5,), "y": (5,)}, scales=(0.1, 0.5))
def gaussian_process_backward(theta, x, y):
    E, K, D = gp_kernel(theta, x)
    inverse = np.linalg.inv(K)
    alpha = inverse @ y
    dK = (inverse - np.outer(alpha, alpha)) / 2
    noise = 2 * np.exp(2 * theta[2]) * np.trace(dK)
    return {"theta": np.array([2 * (dK * E).sum(), (dK * E * D).sum() * np.exp(-2 * theta[1]), noise], x.dtype)}


def softmax_temperature(Z, tau, C):
    E = np.exp((Z - Z.max()) / tau)
    return np.sum(C * E / E.sum())


@backward_of(
    softmax_temperature, "numeric", {"Z": (5,), "tau": lambda r: 0.5 + r.random(1)}, {"C": (5,)}, scales=(0.1, 1)
)
def softmax_temperature_backward(Z, tau, C):
    E = np.exp((Z - Z.max()) / tau)
    P = E / E.sum()
    dL = P * (C - (C * P).sum())
    return {"Z": dL / tau, "tau": np.array([-(dL * Z).sum() / tau[0] ** 2])}


def log_gamma(x, C):
    return sum(c * math.lgamma(1 + t * t) for t, c in zip(x, C))


def log_gamma_exact(x, C):
    return sum(c * (1 + t * t).lgamma() for t, c in zip(x, C))


def digamma(x):
    """By recurrence to x > 12 and the asymptotic series."""
    total = 0.0
    while x < 12:
        total, x = total - 1 / x, x + 1
    series = 1 / 12 - (1 / 120 - (1 / 252 - (1 / 240 - 1 / 132 / x**2) / x**2) / x**2) / x**2
    return total + math.log(x) - 1 / (2 * x) - series / x**2


@backward_of(log_gamma, "numeric", {"x": (4,)}, {"C": (4,)}, variants=("plain",), exact=log_gamma_exact)
def log_gamma_backward(x, C):
    return {"x": np.array([2 * t * c * digamma(1 + t * t) for t, c in zip(x, C)])}


def matrix_exponential(A, C):
    """By its series."""
    term = total = np.eye(len(A)) + A * 0
    for k in range(1, 30):
        term = term @ A / k
        total = total + term
    return np.sum(C * total)


@backward_of(matrix_exponential, "numeric", {"A": (3, 3)}, {"C": (3, 3)}, variants=("plain", "real"))
def matrix_exponential_backward(A, C):
    """The upper right block of the exponential of [[Aᵀ, C], [0, Aᵀ]]."""
    B = np.block([[A.T, C], [np.zeros_like(A), A.T]])
    term = total = np.eye(len(B))
    for k in range(1, 60):
        term = term @ B / k
        total = total + term
    return {"A": total[:3, 3:]}


def polynomial(a, x, C):
    """By Horner's rule, in the coefficients and the places."""
    y = like(x.shape, a, x)
    for c in a:
        y = y * x + c
    return np.sum(C * y)


@backward_of(polynomial, "numeric", {"a": (5,), "x": (3,)}, {"C": (3,)}, scales=(0.1, 1, 10))
def polynomial_backward(a, x, C):
    n = len(a)
    da = np.array([np.sum(C * x ** (n - 1 - i)) for i in range(n)])
    dx = C * sum((n - 1 - i) * a[i] * x ** (n - 2 - i) for i in range(n - 1))
    return {"a": da, "x": dx}
