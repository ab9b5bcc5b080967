"""Functions with their gradients, by formulas, and points; and what is said of them."""

import numpy as np

from refnn import check_gradients

PASS, WRONG, UNRELIABLE, BLIND = "PASS", "WRONG", "UNRELIABLE", "BLIND"
rng = np.random.default_rng(0)
DATA, LABELS = rng.standard_normal((60, 4)), np.round(rng.random(60))
TARGETS = rng.standard_normal((2, 60))
AT = {"w": np.array([0.5, -1, 2, 0.1]), "b": np.array(0.2)}


def bfloat16(V):
    """Rounded to the eight bits of bfloat16."""
    mantissa, exponent = np.frexp(V)
    return np.ldexp(np.rint(np.ldexp(mantissa, 8)), exponent - 8)


class BFloat16:
    """An array of numbers with eight bits, as frameworks have it, with a dtype that NumPy does not know."""

    dtype = "bfloat16"

    def __init__(self, V):
        self.numbers = bfloat16(V)
        self.shape = self.numbers.shape

    def __array__(self, dtype=None, copy=None):
        return np.array(self.numbers, dtype=dtype or np.float32, copy=copy)

    def astype(self, dtype):
        return self.numbers.astype(dtype)


def logistic(p):
    z = DATA @ p["w"] + p["b"]
    return np.mean(np.log1p(np.exp(-z)) + (1 - LABELS) * z)


def logistic_gradient(p):
    r = (1 / (1 + np.exp(-(DATA @ p["w"] + p["b"]))) - LABELS) / len(LABELS)
    return {"dw": DATA.T @ r, "db": np.asarray(r.sum())}


def tanh_network(p):
    return np.sum((p["V"] @ np.tanh(p["U"] @ DATA.T + p["c"]) - TARGETS) ** 2) / 120


def tanh_network_gradient(p):
    H = np.tanh(p["U"] @ DATA.T + p["c"])
    R = (p["V"] @ H - TARGETS) / 60
    D = p["V"].T @ R * (1 - H**2)
    return {"U": D @ DATA, "c": D.sum(axis=1, keepdims=True), "V": R @ H.T}


def cubic(p):
    return np.sum(p["x"] ** 3) * np.cos(p["t"])


def cubic_gradient(p):
    return {"x": 3 * p["x"] ** 2 * np.cos(p["t"]), "t": np.asarray(-np.sum(p["x"] ** 3) * np.sin(p["t"]))}


def points(scale):
    r = np.random.default_rng(3)
    return [
        (logistic, logistic_gradient, {"w": scale * r.standard_normal(4), "b": np.array(0.3)}),
        (
            tanh_network,
            tanh_network_gradient,
            {"U": scale * r.standard_normal((3, 4)), "c": r.standard_normal((3, 1)), "V": r.standard_normal((2, 3))},
        ),
        (cubic, cubic_gradient, {"x": scale * r.standard_normal((2, 1, 3)), "t": np.array(0.7)}),
    ]


def real(f):
    """Without the imaginary part, so that no complex step is possible."""
    return lambda p: float(np.real(f(p)))


def judged(f, params, grads, **how):
    arrays = {key: np.array(V, float) for key, V in params.items()}
    given = grads if callable(grads) else {key: np.array(V, float) for key, V in grads.items()}
    return check_gradients(f, arrays, given, progress=False, **how)


def says(f, params, grads, verdict, **how):
    check = judged(f, params, grads, **how)
    assert check.verdict == verdict, str(check)
    return check
