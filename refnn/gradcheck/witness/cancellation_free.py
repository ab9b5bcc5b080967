"""The cancellation-free difference: a witness for the sigmoid network that subtracts no two nearly equal numbers.

A difference quotient [J(w + h) - J(w)] / h loses its digits in the subtraction. Here the difference itself is carried
forward, from the layer where w stands to the cost, by addition formulas of the two functions met on the way. With
A = σ(Z), C = σ(-Z) and Z moved by D:

    σ(Z + D) - σ(Z) = -A C t / (1 + C t),   t = expm1(-D)
    [the cost's Y softplus(-Z) + (1 - Y) softplus(Z)] grows by Y log1p(C expm1(-D)) + (1 - Y) log1p(A expm1(D))

These are identities for every D, not approximations for a small one, and none is a derivative. Nothing cancels, so h
may be so small that the quotient's truncation is far below a roundoff. The remaining error is rounding, and `rounding`
bounds it, entry by entry.

Moving W_l[i, j] by h moves row i of Z_l by h A_{l-1}[j] and no other row; the pass starts there. Moving A_l[j, k] moves
column k of Z_{l+1} alone, so that one pass serves all examples. Many moves share a pass: they lie side by side.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from typing import NamedTuple

import numpy as np

from refnn._progress import bar
from refnn.gradcheck.problem import Array, Network
from refnn.gradcheck.verdict.rounding import gradient_bounds
from refnn.gradcheck.witness.estimate import Estimate

NAME = "cancellation-free difference"
ELEMENTS = 2**14  # of the widest array in a pass: it stays in the cache
PASSES_PER_TASK = 32  # a task is a fraction of a second's work: enough to be worth sending to another process


class Task(NamedTuple):
    """Moves start … stop - 1 at layer l: of entries along the rows of [W_l, b_l], or of rows of A_l."""

    kind: str  # "W" or "A"
    l: int
    start: int
    stop: int


def estimates(
    net: Network, activations: Sequence[int] = (), *, executor: Executor | None = None, progress: bool = True
) -> dict[str, Estimate]:
    """The derivative of the cost in every weight and bias, with a bound on its error.

    Parameters
    ----------
    net : Network
    activations : layers l for which the derivative in A_l is wanted too
    executor : concurrent.futures.Executor, optional
    progress : whether long work shows a bar on a terminal

    Returns
    -------
    dict of Estimate, keyed "W1", "b1" … and "A0" …
    """
    tasks = list(_tasks(net, activations))
    run = map if executor is None else executor.map
    pieces = run(_quotients, [net] * len(tasks), tasks)
    found: dict[tuple[str, int], list[Array]] = {}
    for task, piece in zip(tasks, bar(pieces, NAME, total=len(tasks), show=progress), strict=True):
        found.setdefault((task.kind, task.l), []).append(piece)
    values = {}
    for (kind, l), parts in found.items():
        value = np.concatenate(parts)
        if kind == "W":
            value = value.reshape(net.W[l].shape[0], -1)
            values[f"b{l}"] = value[:, -1:]
            value = value[:, :-1]
        values[f"{kind}{l}"] = value
    error = gradient_bounds(net, net.Y.dtype, plain=False)
    return {key: Estimate(value, error[key], underflow=underflow(net)) for key, value in values.items()}


def underflow(net: Network) -> float:
    """Derivatives below this may vanish on the way to the cost, for the differences leave the range of the float."""
    h = step(net)
    return float(np.finfo(net.Y.dtype).tiny) / h**2 if h**2 > 0 else math.inf


def step(net: Network) -> float:
    """h, a power of two that moves no Z of any layer by more than 2^-60: far less than a roundoff of the quotient."""
    reach = max(1.0, *(float(np.abs(V).max()) for V in (net.A[0], *net.W[1:])))
    for W in net.W[2:]:
        reach *= max(1.0, float(np.abs(W).sum(axis=1).max()) / 4)  # σ(Z + D) - σ(Z) is at most D / 4
    return float(2.0 ** -(60 + np.ceil(np.log2(reach))))


def _tasks(net: Network, activations: Sequence[int]) -> Iterator[Task]:
    moves = [("W", l, net.W[l].size + net.b[l].size) for l in range(1, net.L + 1)]
    moves += [("A", l, len(net.A[l])) for l in activations]
    for kind, l, number in moves:
        size = PASSES_PER_TASK * _moves_per_pass(net, l)
        for start in range(0, number, size):
            yield Task(kind, l, start, min(start + size, number))


def _moves_per_pass(net: Network, l: int) -> int:
    widest = max((W.shape[0] for W in net.W[l + 1 :]), default=1)
    return max(1, ELEMENTS // (widest * net.m))


def _quotients(net: Network, task: Task) -> Array:
    """[J(moved) - J] / h for each move of the task; for those of A_l, for each example."""
    kind, l, start, stop = task
    h = step(net)
    size = _moves_per_pass(net, l)
    parts = []
    for first in range(start, stop, size):
        moves = np.arange(first, min(first + size, stop))
        if kind == "W":
            parts.append(_entry_differences(net, l, moves, h).sum(axis=1) / h)
        else:
            D = np.repeat(net.W[l + 1][:, moves, None] * h, net.m, axis=2)
            parts.append(cost_differences(net, l + 1, D) / h)
    return np.concatenate(parts)


def _entry_differences(net: Network, l: int, moves: Array, h: float) -> Array:
    """The difference of the cost, by example, for each entry of [W_l, b_l] moved by h, (moves, m)."""
    A_prev = np.vstack([net.A[l - 1], np.ones_like(net.Y[:1])])
    i, j = np.divmod(moves, len(A_prev))
    D = h * A_prev[j]
    if l == net.L:
        return _cost_difference(net.A[l][i], net.C[l][i], net.Y[i], D) / net.m
    D = _sigmoid_difference(net.A[l][i], net.C[l][i], D)
    return cost_differences(net, l + 1, net.W[l + 1][:, i, None] * D)


def cost_differences(net: Network, l: int, D: Array) -> Array:
    """The difference of the cost, by example, when Z_l moves by each of D[:, p], (n_l, moves, m) -> (moves, m)."""
    for k in range(l, net.L):
        D = _sigmoid_difference(net.A[k][:, None], net.C[k][:, None], D)
        D = (net.W[k + 1] @ D.reshape(len(D), -1)).reshape(-1, *D.shape[1:])
    A, C, Y = (V[:, None] for V in (net.A[net.L], net.C[net.L], net.Y))
    return np.asarray(_cost_difference(A, C, Y, D).sum(axis=0) / net.m)


def _sigmoid_difference(A: Array, C: Array, D: Array) -> Array:
    """σ(Z + D) - σ(Z), in place of D: fresh memory would cost more than the arithmetic."""
    t: Array = np.expm1(np.negative(D, out=D), out=D)
    t *= C
    t /= 1 + t
    t *= -A
    return t


def _cost_difference(A: Array, C: Array, Y: Array, D: Array) -> Array:
    """The growth of Y softplus(-Z) + (1 - Y) softplus(Z)."""
    return np.asarray(Y * np.log1p(C * np.expm1(-D)) + (1 - Y) * np.log1p(A * np.expm1(D)))
