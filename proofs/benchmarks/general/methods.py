"""Differential equations, implicit functions, interpolation and signals with a right backward, or adjoint, each."""

import math

import numpy as np
from scipy.integrate import solve_ivp
from scipy.interpolate import CubicSpline

from general.cases import backward_of

KNOTS = np.array([0.0, 1, 2.5, 3, 4.5])


# ---------------------------------------------------------------------- differential equations


def predator(y, k):
    return np.stack([k[0] * y[0] - k[1] * y[0] * y[1], k[2] * y[0] * y[1] - k[3] * y[1]])


def rk4(y0, k, C):
    y, h = y0, 0.1
    for _ in range(8):
        a = predator(y, k)
        b = predator(y + h / 2 * a, k)
        c = predator(y + h / 2 * b, k)
        d = predator(y + h * c, k)
        y = y + h / 6 * (a + 2 * b + 2 * c + d)
    return np.sum(C * y)


def predator_backward(y, k, v):
    """Of v · predator: in y and in k."""
    J = np.array([[k[0] - k[1] * y[1], -k[1] * y[0]], [k[2] * y[1], k[2] * y[0] - k[3]]])
    return v @ J, np.array([v[0] * y[0], -v[0] * y[0] * y[1], v[1] * y[0] * y[1], -v[1] * y[1]])


@backward_of(
    rk4, "numeric", {"y0": np.array([1.0, 0.5]), "k": np.array([1.1, 0.4, 0.3, 0.8])}, {"C": (2,)}, scales=(1,)
)
def rk4_backward(y0, k, C):
    h, y, path = 0.1, y0, []
    for _ in range(8):
        a = predator(y, k)
        b = predator(y + h / 2 * a, k)
        c = predator(y + h / 2 * b, k)
        d = predator(y + h * c, k)
        path.append((y, a, b, c))
        y = y + h / 6 * (a + 2 * b + 2 * c + d)
    dy, dk = C, np.zeros_like(k)
    for y, a, b, c in reversed(path):
        da, db, dc, dd = h / 6 * dy, h / 3 * dy, h / 3 * dy, h / 6 * dy
        for z, back in ((y + h * c, "d"), (y + h / 2 * b, "c"), (y + h / 2 * a, "b"), (y, "a")):
            v = {"d": dd, "c": dc, "b": db, "a": da}[back]
            dz, g = predator_backward(z, k, v)
            dk = dk + g
            dy = dy + dz
            if back == "d":
                dc = dc + h * dz
            elif back == "c":
                db = db + h / 2 * dz
            elif back == "b":
                da = da + h / 2 * dz
    return {"y0": dy, "k": dk}


def decay_by_scipy(k, y0, C):
    """y' = -k y + sin t, to a relative tolerance of 1e-6."""
    run = solve_ivp(lambda t, y: -k * y + math.sin(t), (0, 2), y0, rtol=1e-6, atol=1e-9)
    return float(np.sum(C * run.y[:, -1]))


def decay_solution(k, y0):
    """y(2) in closed form."""
    p = (math.sin(2) * k - math.cos(2)) / (1 + k**2)
    return p + (y0 + 1 / (1 + k**2)) * np.exp(-2 * k)


def decay_exact(k, y0, C):
    two = (k * 0 + 2).ravel()[0]
    p = (np.sin(np.array([two])) * k - np.cos(np.array([two]))) / (1 + k**2)
    return np.sum(C * (p + (y0 + 1 / (1 + k**2)) * np.exp(-two * k)))


@backward_of(
    decay_by_scipy,
    "noisy",
    {"k": np.array([0.5, 1.5, 3]), "y0": np.array([1.0, -2, 0.7])},
    {"C": (3,)},
    scales=(1,),
    variants=("plain", "told"),
    accuracy=1e-6,
    exact=decay_exact,
)
def decay_by_scipy_backward(k, y0, C):
    e, q = np.exp(-2 * k), 1 + k**2
    dp = math.sin(2) / q - (math.sin(2) * k - math.cos(2)) * 2 * k / q**2
    return {"k": C * (dp - 2 * k / q**2 * e - 2 * (y0 + 1 / q) * e), "y0": C * e}


# ---------------------------------------------------------------------- implicit functions


def fixed_point(W, b, C):
    z = b * 0 + W[0] * 0
    for _ in range(200):
        z = np.tanh(W @ z + b)
    return np.sum(C * z)


@backward_of(
    fixed_point,
    "numeric",
    {"W": lambda r: 0.3 * r.standard_normal((3, 3)), "b": (3,)},
    {"C": (3,)},
    variants=("plain", "real"),
)
def fixed_point_backward(W, b, C):
    z = b * 0
    for _ in range(200):
        z = np.tanh(W @ z + b)
    D = np.diag(1 - z**2)
    u = D @ np.linalg.solve((np.eye(3) - D @ W).T, C)
    return {"W": np.outer(u, z), "b": u}


def loose_fixed_point(W, b, C):
    """Stopped at a change of 1e-7, or in the end: where W is large it does not converge."""
    z = b * 0
    for _ in range(500):
        z, old = np.tanh(W @ z + b), z
        if np.abs(z - old).max() < 1e-7:
            break
    return np.sum(C * z)


@backward_of(
    loose_fixed_point,
    "noisy",
    {"W": lambda r: 0.3 * r.standard_normal((3, 3)), "b": (3,)},
    {"C": (3,)},
    variants=("real", "told"),
    accuracy=1e-6,
    exact=fixed_point,
)
def loose_fixed_point_backward(W, b, C):
    return fixed_point_backward(W, b, C)


def newton_root(a, C):
    """The root of x³ + x = a."""
    x = a * 0 + 0.5
    for _ in range(60):
        x = x - (x**3 + x - a) / (3 * x**2 + 1)
    return np.sum(C * x)


@backward_of(newton_root, "numeric", {"a": (4,)}, {"C": (4,)}, scales=(0.1, 1, 100))
def newton_root_backward(a, C):
    x = a * 0 + 0.5
    for _ in range(60):
        x = x - (x**3 + x - a) / (3 * x**2 + 1)
    return {"a": C / (3 * x**2 + 1)}


# ---------------------------------------------------------------------- interpolation and signals


def interpolation(y, x, C):
    """Linear between knots, in the values and in the places."""
    k = np.clip(np.searchsorted(KNOTS, [float(np.real(t)) for t in x]) - 1, 0, 3)
    w = (x - KNOTS[k]) / (KNOTS[k + 1] - KNOTS[k])
    return np.sum(C * ((1 - w) * y[k] + w * y[k + 1]))


@backward_of(
    interpolation,
    "kink",
    {"y": (5,), "x": np.array([0.3, 2.7, 1.9, 0.8])},
    {"C": (4,)},
    variants=("plain", "real"),
)
def interpolation_backward(y, x, C):
    k = np.clip(np.searchsorted(KNOTS, x) - 1, 0, 3)
    width = KNOTS[k + 1] - KNOTS[k]
    w = (x - KNOTS[k]) / width
    dy = np.zeros_like(y)
    np.add.at(dy, k, C * (1 - w))
    np.add.at(dy, k + 1, C * w)
    return {"y": dy, "x": C * (y[k + 1] - y[k]) / width}


def spline_exact(y, C):
    B = CubicSpline(KNOTS, np.eye(5), bc_type="natural")([0.3, 2.7, 1.9, 4.1])
    return np.sum(C * (B @ y) ** 2)


def spline(y, C):
    """A natural cubic spline through y, at four places, squared."""
    return float(np.sum(C * CubicSpline(KNOTS, y, bc_type="natural")([0.3, 2.7, 1.9, 4.1]) ** 2))


@backward_of(spline, "numeric", {"y": (5,)}, {"C": (4,)}, variants=("plain",), exact=spline_exact)
def spline_backward(y, C):
    B = CubicSpline(KNOTS, np.eye(5), bc_type="natural")([0.3, 2.7, 1.9, 4.1])
    return {"y": 2 * B.T @ (C * (B @ y))}


def bilinear_sampling(I, P, C):
    """The image at places, whose gradient in the places needs the four neighbours."""
    at = np.array([[math.floor(float(np.real(t))) for t in row] for row in P])
    i, j = at.T
    u, v = P[:, 0] - i, P[:, 1] - j
    top, bottom = (1 - v) * I[i, j] + v * I[i, j + 1], (1 - v) * I[i + 1, j] + v * I[i + 1, j + 1]
    return np.sum(C * ((1 - u) * top + u * bottom))


@backward_of(
    bilinear_sampling,
    "kink",
    {"I": (4, 4), "P": np.array([[0.3, 1.6], [2.2, 0.1], [1.5, 1.4]])},
    {"C": (3,)},
    variants=("plain", "real"),
)
def bilinear_sampling_backward(I, P, C):
    i, j = np.floor(P).astype(int).T
    u, v = P[:, 0] - i, P[:, 1] - j
    dI = np.zeros_like(I)
    np.add.at(dI, (i, j), C * (1 - u) * (1 - v))
    np.add.at(dI, (i, j + 1), C * (1 - u) * v)
    np.add.at(dI, (i + 1, j), C * u * (1 - v))
    np.add.at(dI, (i + 1, j + 1), C * u * v)
    du = C * ((1 - v) * (I[i + 1, j] - I[i, j]) + v * (I[i + 1, j + 1] - I[i, j + 1]))
    dv = C * ((1 - u) * (I[i, j + 1] - I[i, j]) + u * (I[i + 1, j + 1] - I[i + 1, j]))
    return {"I": dI, "P": np.stack([du, dv], axis=1)}


def power_spectrum(x, C):
    X = np.fft.rfft(x)
    return float(np.sum(C * np.abs(X) ** 2))


def power_spectrum_exact(x, C):
    phase = 2 * math.pi * np.outer(np.arange(5), np.arange(8)) / 8
    return np.sum(C * ((np.cos(phase) @ x) ** 2 + (np.sin(phase) @ x) ** 2))


@backward_of(power_spectrum, "numeric", {"x": (8,)}, {"C": (5,)}, variants=("plain",), exact=power_spectrum_exact)
def power_spectrum_backward(x, C):
    X = np.fft.rfft(x)
    weight = np.array([1, 0.5, 0.5, 0.5, 1])
    return {"x": 2 * len(x) * np.fft.irfft(weight * C * X, len(x))}
