"""How far rounding can take a gradient that is computed by the right formulas, and how far it does.

`gradient_bounds` is a running error analysis. Every value V of the forward and the backward pass is followed by a bound
E_V on the error with which a computation in the given dtype holds it. With u the unit roundoff, a sum of n products
adds at most (n + 2) u Σ|products| (Higham, Accuracy and Stability of Numerical Algorithms, ch. 3), and an error E in Z
moves σ(Z) by at most |σ(Z ± E) - σ(Z)|.

Two ways of computing the same gradient are followed. The *plain* one is what most people write: A - Y at the output and
A (1 - A) for σ′, with A good to a few u of 1; where A rounds to 1 these lose every digit, and a gradient that has lost
them is imprecise, not wrong. The *careful* one keeps 1 - A = σ(-Z) as a number of its own; the cancellation-free
difference computes so, and its error is bounded by it.

Such a bound adds up the worst of every sum and every layer. Over sums of thousands it exceeds the errors that occur by
many orders of magnitude. For `levels` each step of the plain formulas is given an independent random error, of its
standard deviation by probabilistic error analysis (sqrt(n) u Σ|terms| for a sum; Higham and Mary, 2019), and the change
of the gradient is compared with the bound. The bound keeps its shape; the change tells its level.

Neither says which gradient is right: of the gradient that is computed here only the changes are used.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from refnn._shapes import Array
from refnn.gradcheck.problem import Problem, sigmoid

# Roundoffs of one evaluation of σ, or of one product of the backward pass, whatever the order of its factors; exp and
# its kin are good to 1 or 2 units in the last place in every library in use.
STEPS = 8
SIMULATED = 2.0**-30  # roundoff of the random errors: far above that of float64, and small enough to act linearly
RUNS = 3
SAFETY = 8.0  # on the largest change seen in a layer


class Arithmetic(NamedTuple):
    """Unit roundoff, smallest normal number, relative error of the inputs, and whether it is the plain formulas."""

    u: float
    tiny: float
    rounded: float
    plain: bool


def gradient_bounds(
    problem: Problem, dtype: np.dtype[np.floating], *, plain: bool, rounds_inputs: bool = False
) -> dict[str, Array]:
    """Bounds on the error of every entry of the gradient, computed in `dtype`, keyed "W1", "b1" … and "A0" … .

    `plain` tells whether A - Y and A (1 - A) are subtracted from rounded A, or 1 - A is computed as σ(-Z), and
    `rounds_inputs` whether parameters and data were rounded to `dtype` first.
    """
    u = float(np.finfo(dtype).eps) / 2
    arithmetic = Arithmetic(u, float(np.finfo(dtype).tiny), u if rounds_inputs else 0.0, plain)
    with np.errstate(divide="ignore", over="ignore", under="ignore", invalid="ignore"):
        return _backward_bounds(problem, _forward_bounds(problem, arithmetic), arithmetic)


def careful_bounds(problem: Problem) -> dict[str, Array]:
    """The bounds of the careful formulas in the problem's own dtype: how well its witnesses know the derivative."""
    return gradient_bounds(problem, problem.Y.dtype, plain=False)


def allowances(problem: Problem) -> dict[str, Array]:
    """How far rounding in each given gradient's own dtype can take the plain formulas."""
    exact = np.result_type(*(dtype for key, dtype in problem.dtypes.items() if key != "Y"))
    given = problem.given.arrays
    bounds = {
        dtype: gradient_bounds(problem, dtype, plain=True, rounds_inputs=np.finfo(dtype).eps > np.finfo(exact).eps)
        for dtype in {V.dtype for V in given.values()}
    }
    return {key: bounds[V.dtype][key] for key, V in given.items()}


def _forward_bounds(problem: Problem, arithmetic: Arithmetic) -> list[tuple[Array, Array]]:
    """E_A and E_C, the bounds for A_l and for its complement, for l = 0 … L."""
    u, tiny, rounded, plain = arithmetic
    E_A = rounded * np.abs(problem.A[0])
    E = [(E_A, E_A)]
    for l in range(1, problem.L + 1):
        W, A = np.abs(problem.W[l]), np.abs(problem.A[l - 1])
        magnitude = W @ A + np.abs(problem.b[l])
        n = W.shape[1]
        E_Z = W @ E_A + ((n + 2) * u + rounded) * magnitude + n * tiny
        shift = sigmoid_shift(problem.A[l], problem.C[l], E_Z)
        E_A = shift + STEPS * u * (1 if plain else problem.A[l]) + tiny
        E_C = shift + STEPS * u * (1 if plain else problem.C[l]) + tiny
        E.append((E_A, E_C))
    return E


def _backward_bounds(problem: Problem, E: list[tuple[Array, Array]], arithmetic: Arithmetic) -> dict[str, Array]:
    """The bounds for dW_l, db_l and dA_{l-1}, following dZ_l from the output back."""
    u, tiny, rounded, plain = arithmetic
    m, L = problem.m, problem.L
    A, C, Y = problem.A[L], problem.C[L], problem.Y
    E_A, E_C = E[L]
    dZ = ((1 - Y) * A - Y * C) / m
    # dZ = A - Y subtracts numbers as large as A and Y; kept apart, (1 - Y) A and Y (1 - A) are as small as they look.
    # A cost in logarithms, log(1 + exp Z) - Y Z, has A from exp(Z - log(1 + exp Z)): good to |Z| roundoffs of 1.
    terms = A + Y + np.abs(problem.Z[L]) if plain else (1 - Y) * A + Y * C
    if plain:
        # The article's dA_L ∘ σ′ divides by the rounded 1 - A and A; a σ′ of other make does not cancel their errors.
        terms = terms + (1 - Y) * np.minimum(2 / C, 0.5 / (STEPS * u)) + Y * np.minimum(2 / A, 0.5 / (STEPS * u))
    E_dZ = ((1 - Y) * E_A + Y * E_C + STEPS * u * terms + rounded * Y) / m + tiny
    bounds = {}
    for l in range(L, 0, -1):
        A_prev, E_prev = np.abs(problem.A[l - 1]), E[l - 1][0]
        size = np.abs(dZ)
        bounds[f"W{l}"] = E_dZ @ (A_prev + E_prev).T + size @ (E_prev + (m + STEPS) * u * A_prev).T + m * tiny
        bounds[f"b{l}"] = np.sum(E_dZ + (m + STEPS) * u * size, axis=1, keepdims=True) + tiny
        W = np.abs(problem.W[l]).T
        n = W.shape[1]
        bounds[f"A{l - 1}"] = E_dA = W @ (E_dZ + ((n + 2) * u + rounded) * size) + n * tiny
        if l > 1:
            dA = problem.W[l].T @ dZ
            A, C, (E_A, E_C) = problem.A[l - 1], problem.C[l - 1], E[l - 1]
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


# ---------------------------------------------------------------------- the level that errors reach


def levels(problem: Problem, rng: np.random.Generator) -> dict[str, float]:
    """The share of the plain `gradient_bounds` that errors reach, for each weight and bias: the same in a layer."""
    bounds = gradient_bounds(problem, np.dtype(np.float64), plain=True)
    per_roundoff = SIMULATED / (float(np.finfo(np.float64).eps) / 2)
    exact = _gradient(problem, lambda value, _: value)
    shares = dict.fromkeys(problem.params, 0.0)
    for _ in range(RUNS):
        moved = _gradient(problem, lambda V, size: V + SIMULATED * size * rng.standard_normal(V.shape))
        for l in range(1, problem.L + 1):
            share = max(_share(moved[k] - exact[k], bounds[k] * per_roundoff) for k in (f"W{l}", f"b{l}"))
            shares[f"W{l}"] = shares[f"b{l}"] = max(shares[f"W{l}"], share)
    return {key: min(1.0, SAFETY * share) for key, share in shares.items()}


def _share(change: Array, bound: Array) -> float:
    return float(np.max(np.divide(np.abs(change), bound, out=np.zeros_like(bound), where=bound > 0)))


def _gradient(problem: Problem, noisy: Callable[[Array, Array], Array]) -> dict[str, Array]:
    """The gradient by the plain formulas (D7) to (D11), every step of it passed through `noisy`.

    `noisy` makes of a value and the standard deviation of its error, in roundoffs, the value with an error.
    """
    A = [problem.A[0]]
    for l in range(1, problem.L + 1):
        W, b, X = problem.W[l], problem.b[l], A[-1]
        Z = noisy(W @ X + b, np.sqrt(W.shape[1]) * (np.abs(W) @ np.abs(X) + np.abs(b)))
        A.append(noisy(sigmoid(Z), np.full_like(Z, STEPS)))
    m = problem.m
    dZ = noisy((A[-1] - problem.Y) / m, STEPS * (A[-1] + problem.Y) / m)
    found = {}
    for l in range(problem.L, 0, -1):
        W, X, size = problem.W[l].T, A[l - 1].T, np.abs(dZ)
        found[f"W{l}"] = noisy(dZ @ X, np.sqrt(m) * (size @ np.abs(X)))
        found[f"b{l}"] = noisy(dZ.sum(axis=1, keepdims=True), np.sqrt(m) * size.sum(axis=1, keepdims=True))
        if l > 1:
            dA = noisy(W @ dZ, np.sqrt(W.shape[1]) * (np.abs(W) @ size))
            dZ = dA * A[l - 1] * (1 - A[l - 1])
            dZ = noisy(dZ, STEPS * np.abs(dZ))
    return found
