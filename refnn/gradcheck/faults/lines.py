"""Backprop with replaceable lines: a bug, written as the one line of mathematics that it breaks.

`backprop` walks through (D1) … (D11) and hands the value of each line to whoever wants to replace it. With no
replacement it is plain, right backprop; a fault is one replacement, two faults at once are two, and a fault in
one layer only is a replacement that looks at `l`. It shares nothing with `refnn/network.py`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from refnn.gradcheck.problem import sigmoid

Array = NDArray[np.float64]
Params = Mapping[str, Array]
Grads = dict[str, Array]

LineName = Literal[
    "inputs",  #     (params, X, Y), before anything is computed
    "output",  #     dZ_L                                     (D7)
    "derivative",  # σ'(Z_l) of a hidden layer                (D3), as (D8) uses it
    "sum",  #        dZ_l as the sums over examples read it   (D9) and (D10)
    "weights",  #    dW_l                                     (D9)
    "bias",  #       db_l                                     (D10)
    "previous",  #   dA_{l-1}                                 (D11)
    "grads",  #      the finished dictionary
]


@dataclass
class Run:
    """One run of backprop, as far as it has come: what a replacement may read.

    `A[l]` and `S[l]` are σ(Z_l) and its complement σ(-Z_l), `A[0]` is X; `W[l]` belongs to layer l (`W[0]` is
    unused); `dZ[l]` and `dA[l]` are there for the layers that have been reached.
    """

    W: list[Array]
    A: list[Array]
    S: list[Array]
    Y: Array
    dZ: dict[int, Array] = field(default_factory=dict)
    dA: dict[int, Array] = field(default_factory=dict)

    @property
    def m(self) -> int:
        """The number of examples."""
        return int(self.Y.shape[1])

    @property
    def L(self) -> int:
        """The number of layers of weights."""
        return len(self.A) - 1

    @property
    def widths(self) -> list[int]:
        """n_0 … n_L."""
        return [len(A) for A in self.A]


class Line(NamedTuple):
    """A line of backprop, replaced: `replace(run, l, value)` stands in place of the right `value`."""

    name: LineName
    replace: Callable[[Run, int, Any], Any]


def backprop(params: Params, X: Array, Y: Array, lines: Sequence[Line] = ()) -> Grads:
    """Return the gradients of the mean cross-entropy, with the given lines replaced.

    Parameters
    ----------
    params, X, Y : the sigmoid network "W1", "b1", …; inputs (n_0, m); labels (n_L, m)
    lines : sequence of Line
        Where several replace the same line, each is given what the one before it returned.

    Returns
    -------
    dict of float64 arrays
        "dW1" … "dWL", "db1" … "dbL", "dA0" … "dA{L-1}".
    """

    def line(name: LineName, l: int, value: Any) -> Any:
        for replaced, replace in lines:
            if replaced == name:
                value = replace(run, l, value)
        return value

    run = Run([], [], [], np.asarray(Y))
    params, X, Y = line("inputs", 0, as_floats(params, X, Y))
    run = forward(params, X, Y)
    grads: Grads = {}
    L = run.L
    run.dZ[L] = line("output", L, ((1 - run.Y) * run.A[L] - run.Y * run.S[L]) / run.m)
    for l in range(L, 0, -1):
        dZ = line("sum", l, run.dZ[l])
        grads[f"dW{l}"] = line("weights", l, dZ @ run.A[l - 1].T)
        grads[f"db{l}"] = line("bias", l, dZ.sum(axis=1, keepdims=True))
        grads[f"dA{l - 1}"] = run.dA[l - 1] = line("previous", l, run.W[l].T @ run.dZ[l])
        if l > 1:
            run.dZ[l - 1] = run.dA[l - 1] * line("derivative", l - 1, run.A[l - 1] * run.S[l - 1])
    grads = line("grads", L, grads)
    return {key: np.asarray(value, dtype=np.float64) for key, value in grads.items()}


def forward(params: Params, X: Array, Y: Array) -> Run:
    """Return the forward pass (D1) of a network, with nothing yet of the way back."""
    run = Run([np.empty(0)], [X], [1 - X], Y)
    for l in range(1, len(params) // 2 + 1):
        W = params[f"W{l}"]
        Z = W @ run.A[-1] + params[f"b{l}"]
        run.W.append(W)
        run.A.append(sigmoid(Z))
        run.S.append(sigmoid(-Z))
    return run


def as_floats(
    params: Params, X: Array, Y: Array, dtype: type[np.floating[Any]] = np.float64
) -> tuple[Params, Array, Array]:
    """Return the network and its data in floats of one kind."""
    floats: Params = {key: np.asarray(V, dtype) for key, V in params.items()}
    return floats, np.asarray(X, dtype), np.asarray(Y, dtype)
