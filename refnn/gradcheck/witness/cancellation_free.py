"""The cancellation-free difference: a witness for networks that subtracts no two nearly equal numbers.

A difference quotient [J(w + h) - J(w)] / h loses its digits in the subtraction. Here the difference itself is carried
forward, from the layer where w stands to the cost, by addition formulas of the functions met on the way (formulas.py),
such as, with A = σ(Z), C = σ(-Z) and Z moved by D,

    σ(Z + D) - σ(Z) = -A C t / (1 + C t),   t = expm1(-D)
    [the cost's Y softplus(-Z) + (1 - Y) softplus(Z)] grows by Y log1p(C expm1(-D)) + (1 - Y) log1p(A expm1(D))

These are identities for every D, not approximations for a small one, and none is a derivative. Nothing cancels, so h
may be so small that the quotient's truncation is far below a roundoff. The remaining error is rounding, and `rounding`
bounds it, entry by entry. Where units stand exactly at the kink of a ReLU, the quotient is the mean of those to both
sides, and its error reaches both.

Moving W_l[i, j] by h moves row i of Z_l by h A_{l-1}[j] and no other row; the pass starts there. Moving A_l[j, k] moves
column k of Z_{l+1} alone, so that one pass serves all examples. Many moves share a pass: they lie side by side.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np

from refnn._shapes import Array
from refnn.gradcheck.problem import Gradient, Problem
from refnn.gradcheck.verdict.judgement import Estimate
from refnn.gradcheck.verdict.rounding import careful_bounds
from refnn.gradcheck.witness.workers import ALONE, Workers

NAME = "cancellation-free difference"
ELEMENTS = 2**14  # of the widest array in a pass: it stays in the cache
PASSES_PER_TASK = 32  # a task is a fraction of a second's work: enough to be worth sending to another process


class Task(NamedTuple):
    """Moves start … stop - 1 at layer l: of entries along the rows of [W_l, b_l], or of rows of A_l."""

    kind: str  # "W" or "A"
    l: int
    start: int
    stop: int


def estimates(problem: Problem, activations: Iterable[int] = (), workers: Workers = ALONE) -> dict[str, Estimate]:
    """The derivative of the cost, with a bound on its error: in every weight and bias, and in A_l for the given l."""
    tasks = list(_tasks(problem, activations))
    alone = replace(problem, given=Gradient({}, {}))  # other processes need no more
    found: dict[tuple[str, int], list[Array]] = {}
    for task, piece in zip(tasks, workers(partial(_quotients, alone), tasks, NAME), strict=True):
        found.setdefault((task.kind, task.l), []).append(piece)
    values = {}
    for (kind, l), parts in found.items():
        value = np.concatenate(parts)
        if kind == "W":
            value = value.reshape(problem.W[l].shape[0], -1)
            values[f"b{l}"] = value[:, -1:]
            value = value[:, :-1] + _penalty_quotients(problem, problem.W[l])
        values[f"{kind}{l}"] = value
    error, least = careful_bounds(problem), underflow(problem)
    return {key: Estimate(value, error[key], underflow=least) for key, value in values.items()}


def work(problem: Problem) -> float:
    """Elements touched by the moves of every weight and bias."""
    above = np.cumsum([W.shape[0] for W in problem.W[:0:-1]])[::-1]
    return float(sum(W.size * n for W, n in zip(problem.W[1:], above, strict=True))) * problem.m


def along(problem: Problem, key: str, V: Array) -> float:
    """The derivative of the cost along V, an array like W_l or b_l."""
    size = float(np.abs(V).max(initial=0)) * max(1, V.shape[1])
    if size == 0:
        return 0.0
    h = step(problem) * 2.0 ** -np.ceil(np.log2(size))
    l = int(key[1:])
    D = np.zeros_like(problem.Z[l])
    rows = np.flatnonzero(V.any(axis=1))
    part = slice(rows[0], rows[-1] + 1)  # a block of entries moves few rows
    moved = V[part] * h
    D[part] = moved @ problem.A[l - 1] if key[0] == "W" else moved
    quotient = sum(cost_differences(problem, l, side * D[:, None]).sum() / (side * h) for side in sides(problem))
    penalty = np.sum(_penalty_quotients(problem, problem.W[l]) * V) if key[0] == "W" else 0.0
    return float(quotient / len(sides(problem)) + penalty)


def sides(problem: Problem) -> tuple[int, ...]:
    """The signs of the moves whose quotients are averaged: where units stand at a kink, both."""
    return (1, -1) if problem.at_kink else (1,)


def _penalty_quotients(problem: Problem, W: Array) -> Array:
    """Of λ |W| and λ/2 W², by |W + h| - |W| = ±h and (W + h)² - W² = h (2 W + h), for an h that is nothing beside W;
    at 0 the mean of both sides."""
    l1, l2 = problem.declaration.penalties(problem.m)
    return l1 * np.sign(W) + l2 * W


def underflow(problem: Problem) -> float:
    """Derivatives below this may vanish on the way to the cost, for the differences leave the range of the float."""
    h = step(problem)
    return float(np.finfo(problem.Y.dtype).tiny) / h**2 if h**2 > 0 else math.inf


def step(problem: Problem) -> float:
    """h, a power of two that moves no Z of any layer by more than 2^-60: far less than a roundoff of the quotient."""
    reach = max(1.0, *(float(np.abs(V).max()) for V in (problem.A[0], *problem.W[1:])))
    for W, g in zip(problem.W[2:], problem.activations, strict=True):
        reach *= max(1.0, float(np.abs(W).sum(axis=1).max()) * g.steepest)
    return float(2.0 ** -(60 + np.ceil(np.log2(reach))))


def _tasks(problem: Problem, activations: Iterable[int]) -> Iterator[Task]:
    moves = [("W", l, problem.W[l].size + problem.b[l].size) for l in range(1, problem.L + 1)]
    moves += [("A", l, len(problem.A[l])) for l in activations]
    for kind, l, number in moves:
        size = PASSES_PER_TASK * _moves_per_pass(problem, l)
        for start in range(0, number, size):
            yield Task(kind, l, start, min(start + size, number))


def _moves_per_pass(problem: Problem, l: int) -> int:
    widest = max(W.shape[0] for W in problem.W[min(l + 1, problem.L) :])
    return max(1, int(ELEMENTS // (widest * problem.m)))


def _quotients(problem: Problem, task: Task) -> Array:
    """[J(moved) - J] / h for each move of the task; for those of A_l, for each example."""
    kind, l, start, stop = task
    size = _moves_per_pass(problem, l)
    steps = [side * step(problem) for side in sides(problem)]
    parts = []
    for first in range(start, stop, size):
        moves = np.arange(first, min(first + size, stop))
        quotients = []
        for h in steps:
            if kind == "W":
                quotients.append(entry_differences(problem, l, moves, h).sum(axis=1) / h)
            else:
                D = np.repeat(problem.W[l + 1][:, moves, None] * h, problem.m, axis=2)
                quotients.append(cost_differences(problem, l + 1, D) / h)
        parts.append(np.mean(quotients, axis=0))
    return np.concatenate(parts)


def entry_differences(problem: Problem, l: int, moves: Array, h: float) -> Array:
    """The difference of the cost, by example, for each entry of [W_l, b_l] moved by h, (moves, m)."""
    A_prev = np.vstack([problem.A[l - 1], np.ones_like(problem.Y[:1])])
    i, j = np.divmod(moves, len(A_prev))
    D = h * A_prev[j]
    if l == problem.L:
        moved = np.zeros((len(problem.Y), *D.shape), D.dtype)
        moved[i, np.arange(len(moves))] = D
        return cost_differences(problem, l, moved)
    D = problem.activations[l - 1].difference(tuple(V[i] for V in problem.parts[l]), D)
    return cost_differences(problem, l + 1, problem.W[l + 1][:, i, None] * D)


def cost_differences(problem: Problem, l: int, D: Array) -> Array:
    """The difference of the cost, by example, when Z_l moves by each of D[:, p], (n_l, moves, m) -> (moves, m)."""
    for k in range(l, problem.L):
        D = problem.activations[k - 1].difference(tuple(V[:, None] for V in problem.parts[k]), D)
        D = (problem.W[k + 1] @ D.reshape(len(D), -1)).reshape(-1, *D.shape[1:])
    return np.asarray(problem.declaration.last.difference(problem.Z[problem.L], problem.Y, D) * problem.weight)
