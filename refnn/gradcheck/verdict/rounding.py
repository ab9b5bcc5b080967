"""How far rounding can take a gradient that is computed by the right formulas: a running error analysis.

Every value V of the forward and the backward pass is followed by a bound E_V on the error with which a computation in
the given dtype holds it. With u the unit roundoff, a sum of n products adds at most (n + 2) u Σ|products| (Higham,
Accuracy and Stability of Numerical Algorithms, ch. 3), and an error E in Z moves σ(Z) by at most |σ(Z ± E) - σ(Z)|.

Two ways of computing the same gradient are followed. The *plain* one is what most people write: A - Y at the output and
A (1 - A) for σ′, with A good to a few u of 1; where A rounds to 1 these lose every digit, and a gradient that has lost
them is imprecise, not wrong. The *careful* one keeps 1 - A = σ(-Z) as a number of its own; the cancellation-free
difference computes so, and its error is bounded by it. The bounds say nothing about which gradient is right.
"""

from __future__ import annotations

import numpy as np

from refnn.gradcheck.problem import Array, Network

# Roundoffs of one evaluation of σ, or of one product of the backward pass, whatever the order of its factors; exp and
# its kin are good to 1 or 2 units in the last place in every library in use.
STEPS = 8


def gradient_bounds(
    net: Network, dtype: np.dtype[np.floating], *, plain: bool, rounds_inputs: bool = False
) -> dict[str, Array]:
    """Bounds on the error of every entry of the gradient, computed in `dtype`, keyed "W1", "b1" … and "A0" … .

    Parameters
    ----------
    net : Network
    dtype : floating dtype of the computation
    plain : whether A - Y and A (1 - A) are subtracted from rounded A, or 1 - A is computed as σ(-Z)
    rounds_inputs : whether parameters and data were rounded to `dtype` first

    Returns
    -------
    dict of arrays, each of the shape of its parameter or activation
    """
    u = float(np.finfo(dtype).eps) / 2
    tiny = float(np.finfo(dtype).tiny)
    rounded = u if rounds_inputs else 0.0
    with np.errstate(divide="ignore", over="ignore", under="ignore", invalid="ignore"):
        E = _forward_bounds(net, u, tiny, rounded, plain)
        return _backward_bounds(net, E, u, tiny, rounded, plain)


def _forward_bounds(net: Network, u: float, tiny: float, rounded: float, plain: bool) -> list[tuple[Array, Array]]:
    """E_A and E_C, the bounds for A_l and for its complement, for l = 0 … L."""
    E_A = rounded * np.abs(net.A[0])
    E = [(E_A, E_A)]
    for l in range(1, net.L + 1):
        W, A = np.abs(net.W[l]), np.abs(net.A[l - 1])
        magnitude = W @ A + np.abs(net.b[l])
        n = W.shape[1]
        E_Z = W @ E_A + ((n + 2) * u + rounded) * magnitude + n * tiny
        shift = sigmoid_shift(net.A[l], net.C[l], E_Z)
        E_A = shift + STEPS * u * (1 if plain else net.A[l]) + tiny
        E_C = shift + STEPS * u * (1 if plain else net.C[l]) + tiny
        E.append((E_A, E_C))
    return E


def _backward_bounds(
    net: Network, E: list[tuple[Array, Array]], u: float, tiny: float, rounded: float, plain: bool
) -> dict[str, Array]:
    """The bounds for dW_l, db_l and dA_{l-1}, following dZ_l from the output back."""
    m = net.m
    A, C, Y = net.A[net.L], net.C[net.L], net.Y
    E_A, E_C = E[net.L]
    dZ = ((1 - Y) * A - Y * C) / m
    # dZ = A - Y subtracts numbers as large as A and Y; kept apart, (1 - Y) A and Y (1 - A) are as small as they look.
    # A cost in logarithms, log(1 + exp Z) - Y Z, has A from exp(Z - log(1 + exp Z)): good to |Z| roundoffs of 1.
    terms = A + Y + np.abs(net.Z[net.L]) if plain else (1 - Y) * A + Y * C
    if plain:
        # The article's dA_L ∘ σ′ divides by the rounded 1 - A and A; a σ′ of other make does not cancel their errors.
        terms = terms + (1 - Y) * np.minimum(2 / C, 0.5 / (STEPS * u)) + Y * np.minimum(2 / A, 0.5 / (STEPS * u))
    E_dZ = ((1 - Y) * E_A + Y * E_C + STEPS * u * terms + rounded * Y) / m + tiny
    bounds = {}
    for l in range(net.L, 0, -1):
        A_prev, E_prev = np.abs(net.A[l - 1]), E[l - 1][0]
        size = np.abs(dZ)
        bounds[f"W{l}"] = E_dZ @ (A_prev + E_prev).T + size @ (E_prev + (m + STEPS) * u * A_prev).T + m * tiny
        bounds[f"b{l}"] = np.sum(E_dZ + (m + STEPS) * u * size, axis=1, keepdims=True) + tiny
        W = np.abs(net.W[l]).T
        n = W.shape[1]
        bounds[f"A{l - 1}"] = E_dA = W @ (E_dZ + ((n + 2) * u + rounded) * size) + n * tiny
        if l > 1:
            dA = net.W[l].T @ dZ
            A, C, (E_A, E_C) = net.A[l - 1], net.C[l - 1], E[l - 1]
            slope = A * C
            E_slope = A * E_C + C * E_A + E_A * E_C + STEPS * u * slope
            dZ = dA * slope
            E_dZ = np.abs(dA) * E_slope + E_dA * (slope + E_slope) + STEPS * u * np.abs(dZ) + tiny
    return bounds


def sigmoid_shift(A: Array, C: Array, E: Array) -> Array:
    """The farthest that an error E in Z can move A = σ(Z), by the addition formula of `cancellation_free`."""
    # The formula's 1 + A t and 1 + C t for t = expm1(-E), written without a subtraction.
    left = np.exp(-E)
    stretch = np.minimum(C + A * left, A + C * left)
    return np.asarray(np.divide(-A * C * np.expm1(-E), stretch, out=np.ones_like(A), where=stretch > 0))
