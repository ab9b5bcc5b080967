"""How large rounding errors really are: the standard formulas with random errors of the size of a roundoff.

A bound like `rounding` adds up the worst of every sum and every layer. Over sums of thousands it exceeds the errors
that occur by many orders of magnitude. Here each step of the plain formulas is given an independent random error, of
its standard deviation by probabilistic error analysis (sqrt(n) u Σ|terms| for a sum; Higham and Mary, 2019), and the
change of the gradient is compared with the bound. The bound keeps its shape; the change tells its level.

The gradient computed here is used for its changes only. It takes no part in any verdict.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from refnn.gradcheck.problem import Array, Network, sigmoid
from refnn.gradcheck.verdict.rounding import STEPS, gradient_bounds

SIMULATED = 2.0**-30  # roundoff of the random errors: far above that of float64, and small enough to act linearly
RUNS = 3
SAFETY = 8.0  # on the largest change seen in a layer

Noise = Callable[[Array, Array], Array]  # from a value and the standard deviation of its error, in roundoffs


def levels(net: Network, rng: np.random.Generator) -> dict[str, float]:
    """The share of the plain `gradient_bounds` that errors reach, for each weight and bias: the same in a layer."""
    bounds = gradient_bounds(net, np.dtype(np.float64), plain=True)
    per_roundoff = SIMULATED / (float(np.finfo(np.float64).eps) / 2)
    exact = _gradient(net, lambda value, _: value)
    shares = dict.fromkeys(net.keys, 0.0)
    for _ in range(RUNS):
        moved = _gradient(net, lambda V, size: V + SIMULATED * size * rng.standard_normal(V.shape))
        for l in range(1, net.L + 1):
            share = max(_share(moved[k] - exact[k], bounds[k] * per_roundoff) for k in (f"W{l}", f"b{l}"))
            shares[f"W{l}"] = shares[f"b{l}"] = max(shares[f"W{l}"], share)
    return {key: min(1.0, SAFETY * share) for key, share in shares.items()}


def _share(change: Array, bound: Array) -> float:
    return float(np.max(np.divide(np.abs(change), bound, out=np.zeros_like(bound), where=bound > 0)))


def _gradient(net: Network, noisy: Noise) -> dict[str, Array]:
    """The gradient by the plain formulas (D7) to (D11), every step of it passed through `noisy`."""
    A = [net.A[0]]
    for l in range(1, net.L + 1):
        W, b, X = net.W[l], net.b[l], A[-1]
        Z = noisy(W @ X + b, np.sqrt(W.shape[1]) * (np.abs(W) @ np.abs(X) + np.abs(b)))
        A.append(noisy(sigmoid(Z), np.full_like(Z, STEPS)))
    dZ = noisy((A[-1] - net.Y) / net.m, STEPS * (A[-1] + net.Y) / net.m)
    found = {}
    for l in range(net.L, 0, -1):
        W, X, size = net.W[l].T, A[l - 1].T, np.abs(dZ)
        found[f"W{l}"] = noisy(dZ @ X, np.sqrt(net.m) * (size @ np.abs(X)))
        found[f"b{l}"] = noisy(dZ.sum(axis=1, keepdims=True), np.sqrt(net.m) * size.sum(axis=1, keepdims=True))
        if l > 1:
            dA = noisy(W @ dZ, np.sqrt(W.shape[1]) * (np.abs(W) @ size))
            dZ = dA * A[l - 1] * (1 - A[l - 1])
            dZ = noisy(dZ, STEPS * np.abs(dZ))
    return found
