"""How far rounding can take a gradient that is computed by the right formulas, and how far it does.

`gradient_bounds` is a running error analysis. Beside every value V of the forward and the backward pass it computes a
bound E_V on the error of V in the given dtype. With u the unit roundoff, a sum of n products adds at most
(n + 2) u Σ|products| (Higham, Accuracy and Stability of Numerical Algorithms, ch. 3), and an error E in Z moves g(Z) by
at most |g(Z ± E) - g(Z)|, which formulas.py has for each activation. For the article's network and the careful formulas
a bound of this kind is proved in Coq, for all shapes, in proofs/coq/FloatSigmoid.v; floats.py beside it evaluates both.
The bound here, which is for every declared network, is not proved.

It is done for two ways of computing the same gradient. The *plain* one is what most people write: A - Y at the output
and A (1 - A) for σ′, where A is good to a few u of 1. Where A rounds to 1 these lose every digit, and a gradient that
has lost them is imprecise, not wrong. The *careful* one computes 1 - A as σ(-Z); so does the cancellation-free
difference, whose error is bounded by it.

Such a bound adds up the worst case of every sum and every layer. Over sums of thousands it exceeds the errors that
occur by many orders of magnitude: in float32 a gradient would pass that is wrong in every digit. So `levels` gives each
step of the plain formulas a random error, with the standard deviation of probabilistic error analysis
(sqrt(n) u Σ|terms| for a sum; Higham and Mary, 2019), and compares the change of the gradient with the bound. The
largest ratio is the level, and the analysis runs again with a roundoff smaller by that factor.

Neither says which gradient is right: of the gradient that is computed here only the changes are used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from refnn._shapes import Array
from refnn.gradcheck.problem import Problem

# Roundoffs of one evaluation of σ, or of one product of the backward pass in any order of its factors. In every library
# in use exp and functions like it are good to 1 or 2 units in the last place.
STEPS = 8
SIMULATED = 2.0**-40  # roundoff of the random errors: far above that of float64, and too small to move Z past a kink
RUNS, DRAWN = 3, 3000  # with random errors, at least; more on small networks, up to so many entries in all
SAFETY = 8.0  # on the largest change seen in a layer
LEAST = 1e-12  # the least level: nothing changes where all units are off, and a roundoff has to be left


class Arithmetic(NamedTuple):
    """An arithmetic: unit roundoff, smallest normal number, relative error of the inputs, and whether the formulas are
    the plain ones."""

    u: float
    tiny: float
    rounded: float
    plain: bool


def gradient_bounds(
    problem: Problem, dtype: np.dtype[np.floating], *, plain: bool, rounds_inputs: bool = False, level: float = 1.0
) -> dict[str, Array]:
    """Bounds on the error of every entry of the gradient, computed in `dtype`, keyed "W1", "b1" … and "A0" … .

    `plain` tells whether A - Y and A (1 - A) are subtracted from rounded A, or 1 - A is computed as σ(-Z), and
    `rounds_inputs` whether parameters and data were rounded to `dtype` first. With a `level` below 1 these are not
    bounds but what errors reach, if they are as random as `levels` takes them to be.
    """
    u = level * float(np.finfo(dtype).eps) / 2
    arithmetic = Arithmetic(u, float(np.finfo(dtype).tiny), u if rounds_inputs else 0.0, plain)
    with np.errstate(divide="ignore", over="ignore", under="ignore", invalid="ignore"):
        return _backward_bounds(problem, _forward_bounds(problem, arithmetic), arithmetic)


def careful_bounds(problem: Problem) -> dict[str, Array]:
    """The bounds of the careful formulas in the problem's own dtype: how well its witnesses know the derivative."""
    return gradient_bounds(problem, problem.Y.dtype, plain=False)


def allowances(problem: Problem, level: Mapping[str, float] | None = None) -> dict[str, Array]:
    """How far rounding in each given gradient's own dtype can take the plain formulas.

    Up to the bound in float64, and in coarser dtypes up to the level that errors reach; up to a `level` if it is given.
    """
    exact = np.result_type(*(dtype for key, dtype in problem.dtypes.items() if key != "Y"))
    given, rounding = problem.given.arrays, problem.given.rounding
    allowed = level or allowed_levels(problem)
    reached = {key: allowed[key] * problem.given.coarser.get(key, 1.0) for key in given}

    @cache
    def bounds(dtype: np.dtype[Any], level: float) -> dict[str, Array]:
        rounds_inputs = bool(np.finfo(dtype).eps > np.finfo(exact).eps)
        found = gradient_bounds(problem, dtype, plain=True, rounds_inputs=rounds_inputs, level=level)
        if level <= 1:
            return found
        # So coarse a roundoff may leave no finite bound: then it is scaled from a finer one, to first order.
        small = gradient_bounds(problem, dtype, plain=True, rounds_inputs=rounds_inputs, level=1.0)
        return {key: np.where(np.isfinite(B), B, level * small[key]) for key, B in found.items()}

    def single(key: str) -> Array | float:
        """The rounding of the result itself, which is there however small the level is."""
        if reached[key] >= 1:
            return 0.0
        size = np.abs(np.where(np.isfinite(given[key]), given[key], 0))
        return np.asarray(2 * problem.given.roundoff(key) * size)

    return {key: bounds(V.dtype, reached[key])[key] + single(key) + rounding.get(key, 0) for key, V in given.items()}


def allowed_levels(problem: Problem) -> dict[str, float]:
    """For each given gradient the level up to which rounding in its dtype is allowed: all of the bound in float64, and
    in coarser dtypes what errors reach."""
    given = problem.given.arrays
    coarse = {key for key, V in given.items() if np.finfo(V.dtype).eps > np.finfo(np.float64).eps}
    reached = levels(problem, np.random.default_rng(0)) if coarse else {}
    return {key: reached[key] if key in coarse else 1.0 for key in given}


def _forward_bounds(problem: Problem, arithmetic: Arithmetic) -> tuple[list[Array], list[Array]]:
    """E_Z and E_A, the bounds for Z_l and for A_l, for l = 0 … L - 1 and the last Z."""
    u, tiny, rounded, plain = arithmetic
    E_Z, E_A = [np.empty(0)], [rounded * np.abs(problem.A[0])]
    for l in range(1, problem.L + 1):
        W, A = np.abs(problem.W[l]), np.abs(problem.A[l - 1])
        magnitude = W @ A + np.abs(problem.b[l])
        n = W.shape[1]
        E_Z.append(W @ E_A[-1] + ((n + 2) * u + rounded) * magnitude + n * tiny)
        if l < problem.L:
            g, Z = problem.activations[l - 1], problem.Z[l]
            size = g.size(Z) if plain else np.abs(problem.A[l])
            E_A.append(g.shift(Z, E_Z[l]) + STEPS * u * size + tiny)
    return E_Z, E_A


def _backward_bounds(problem: Problem, E: tuple[list[Array], list[Array]], arithmetic: Arithmetic) -> dict[str, Array]:
    """The bounds for dW_l, db_l and dA_{l-1}, following dZ_l from the output back."""
    u, tiny, rounded, plain = arithmetic
    m, L = problem.m, problem.L
    E_Z, E_A = E
    last, ZL, Y = problem.declaration.last, problem.Z[L], problem.Y
    l1, l2 = problem.declaration.penalties(m)
    dZ = last.residual(ZL, Y) * problem.weight
    off = (last.plain if plain else last.careful)(ZL, Y, E_Z[L], STEPS * u)
    E_dZ = (off + rounded * np.abs(Y)) * problem.weight + tiny
    bounds = {}
    for l in range(L, 0, -1):
        A_prev, E_prev = np.abs(problem.A[l - 1]), E_A[l - 1]
        size = np.abs(dZ)
        bounds[f"W{l}"] = E_dZ @ (A_prev + E_prev).T + size @ (E_prev + (m + STEPS) * u * A_prev).T + m * tiny
        bounds[f"b{l}"] = np.sum(E_dZ + (m + STEPS) * u * size, axis=1, keepdims=True) + tiny
        if l1 or l2:
            W = problem.W[l]
            bounds[f"W{l}"] += (STEPS * u + rounded) * (l1 + l2 * np.abs(W)) + l1 * (W == 0) * plain
        W = np.abs(problem.W[l]).T
        n = W.shape[1]
        bounds[f"A{l - 1}"] = E_dA = W @ (E_dZ + ((n + 2) * u + rounded) * size) + n * tiny
        if l > 1:
            g, Z = problem.activations[l - 2], problem.Z[l - 1]
            dA, slope = problem.W[l].T @ dZ, g.derivative(Z)
            bend = g.bend(Z, E_Z[l - 1])
            if g.kinked and not plain:  # the witness knows the middle between both sides exactly
                bend = np.where(Z == 0, 0, bend)
            E_slope = bend + STEPS * u * (g.slope_size(Z) if plain else g.slope_terms(Z))
            dZ = dA * slope
            E_dZ = np.abs(dA) * E_slope + E_dA * (np.abs(slope) + E_slope) + STEPS * u * np.abs(dZ) + tiny
    return bounds


# ---------------------------------------------------------------------- the level that errors reach


def levels(problem: Problem, rng: np.random.Generator) -> dict[str, float]:
    """The share of the plain `gradient_bounds` that errors reach, for each weight, bias and activation.

    The same for weights and biases of a layer.
    """
    per_roundoff = SIMULATED / (float(np.finfo(np.float64).eps) / 2)
    bounds = gradient_bounds(problem, np.dtype(np.float64), plain=True, rounds_inputs=True, level=per_roundoff)
    exact = _gradient(problem, lambda value, _: value)
    shares = dict.fromkeys(exact, 0.0)
    size = sum(V.size for V in exact.values())
    for _ in range(max(RUNS, min(10 * RUNS, DRAWN // size))):
        moved = _gradient(problem, lambda V, size: V + SIMULATED * size * rng.standard_normal(V.shape))
        for l in range(1, problem.L + 1):
            for keys in ((f"W{l}", f"b{l}"), (f"A{l - 1}",)):
                share = max(_share(moved[k] - exact[k], bounds[k]) for k in keys)
                shares |= {k: max(shares[k], share) for k in keys}
    return {key: min(1.0, max(SAFETY * share, LEAST)) for key, share in shares.items()}


def _share(change: Array, bound: Array) -> float:
    return float(np.max(np.divide(np.abs(change), bound, out=np.zeros_like(bound), where=bound > 0)))


def _gradient(problem: Problem, noisy: Callable[[Array, Array], Array]) -> dict[str, Array]:
    """The gradient by the plain formulas (D7) to (D11), its inputs and every step of it passed through `noisy`.

    `noisy` makes of a value and the standard deviation of its error, in roundoffs, the value with an error.
    """

    def rounded(V: Array) -> Array:
        return noisy(V, np.abs(V))

    A, Z = [rounded(problem.A[0])], [np.empty(0)]
    weights: list[Array] = [np.empty(0)]
    l1, l2 = problem.declaration.penalties(problem.m)
    for l in range(1, problem.L + 1):
        W, b, X = rounded(problem.W[l]), rounded(problem.b[l]), A[-1]
        weights.append(W)
        Z.append(noisy(W @ X + b, np.sqrt(W.shape[1]) * (np.abs(W) @ np.abs(X) + np.abs(b))))
        if l < problem.L:
            g = problem.activations[l - 1]
            A.append(noisy(g.value(Z[l]), STEPS * g.size(Z[l])))
    m = problem.m
    last = problem.declaration.last
    dZ = last.residual(Z[-1], problem.Y) * problem.weight
    off = last.plain(Z[-1], problem.Y, np.zeros_like(problem.Y), STEPS * SIMULATED)
    dZ = noisy(dZ, off / SIMULATED * problem.weight)
    found = {}
    for l in range(problem.L, 0, -1):
        W, X, size = weights[l].T, A[l - 1].T, np.abs(dZ)
        found[f"W{l}"] = noisy(dZ @ X, np.sqrt(m) * (size @ np.abs(X)))
        if l1 or l2:
            penalty = l1 * np.sign(W.T) + l2 * W.T
            found[f"W{l}"] = rounded(found[f"W{l}"] + noisy(penalty, STEPS * np.abs(penalty)))
        found[f"b{l}"] = noisy(dZ.sum(axis=1, keepdims=True), np.sqrt(m) * size.sum(axis=1, keepdims=True))
        dA = found[f"A{l - 1}"] = noisy(W @ dZ, np.sqrt(W.shape[1]) * (np.abs(W) @ size))
        if l > 1:
            g = problem.activations[l - 2]
            dZ = dA * noisy(g.derivative(Z[l - 1]), STEPS * g.slope_size(Z[l - 1]))
            dZ = noisy(dZ, STEPS * np.abs(dZ))
    return found
