"""Backprop whose lines can be replaced, so that a bug is written as the one line of mathematics that it breaks.

`forward` computes (D1). `backprop` walks back from (D7) to (D11) and hands the value of each line to whoever wants to
replace it. With no replacement it is plain, right backprop; a fault is one replacement, two faults at once are two, and
a fault in one layer only is a replacement that looks at `l`. It shares nothing with `refnn/network.py`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from dataclasses import replace as replace_fields
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from refnn.gradcheck import formulas
from refnn.gradcheck.declaration import ARTICLE, Declaration
from refnn.gradcheck.problem import ForwardPass, forward_values

Array = NDArray[np.float64]
Params = Mapping[str, Array]
Grads = dict[str, Array]

LineName = Literal[
    "inputs",  #     the Run itself, before the way back      (D1)
    "output",  #     dZ_L                                     (D7)
    "derivative",  # g'(Z_l) of a hidden layer                (D3), as (D8) uses it
    "hidden",  #     dZ_l of a hidden layer                   (D8)
    "sum",  #        dZ_l as the sums over examples read it   (D9) and (D10)
    "weights",  #    dW_l                                     (D9)
    "bias",  #       db_l                                     (D10)
    "previous",  #   dA_{l-1}                                 (D11)
    "grads",  #      the finished dictionary
]


@dataclass(frozen=True, eq=False)
class Run(ForwardPass):
    """One run of backprop, as far as it has come: what a replacement may read.

    `dZ[l]` and `dA[l]` are there for the layers that have been reached.
    """

    dZ: dict[int, Array] = field(default_factory=dict)
    dA: dict[int, Array] = field(default_factory=dict)
    known: dict[int, Array] = field(default_factory=dict)  # g'(Z_l) by l, and dZ_L under L, once they were asked for

    @property
    def widths(self) -> list[int]:
        """n_0 … n_L."""
        return [len(A) for A in self.A]

    def g(self, l: int) -> formulas.Activation:
        """The activation of layer l; of the output too, unless that is a softmax."""
        return formulas.activation(self.declaration.output[0]) if l == self.L else self.activations[l - 1]

    @property
    def S(self) -> Array:
        """1 - A_L, in all its digits."""
        return formulas.complement(self.declaration.output[0], self.Z[-1])

    @property
    def error(self) -> Array:
        """dA_L of a squared error."""
        factor = 1 if self.declaration.output[1] == "half_squared_error" else 2
        return factor * (self.A[-1] - self.Y) * self.weight

    def right(self, l: int) -> Array:
        """g'(Z_l) of a hidden layer, dZ_L of the output."""
        if l not in self.known:
            self.known[l] = self.residual(self.Y) if l == self.L else self.g(l).derivative(self.Z[l])
        return self.known[l]

    def residual(self, Y: Array) -> Array:
        """dZ_L for these labels."""
        return self.declaration.last.residual(self.Z[-1], Y) * self.weight

    def penalty(self, l: int) -> Array:
        """What the penalties add to dW_l."""
        l1, l2 = self.declaration.penalties(self.m)
        if not (l1 or l2):
            return np.zeros(())
        return l1 * np.sign(self.W[l]) + l2 * self.W[l]


class Line(NamedTuple):
    """A line of backprop, replaced: `replace(run, l, value)` stands in place of the right `value`."""

    name: LineName
    replace: Callable[[Run, int, Any], Any]


def backprop(run: Run, lines: Sequence[Line] = ()) -> Grads:
    """Return the gradients of the declared cost, with the given lines replaced.

    Parameters
    ----------
    run : what `forward` returned; it only remembers what is `known` from then on
    lines : sequence of Line
        Where several replace the same line, each is given what the one before it returned.

    Returns
    -------
    dict of float64 arrays
        "dW1" … "dWL", "db1" … "dbL", "dA0" … "dA{L-1}".
    """
    grads: Grads = {}
    for layer in by_layers(run, lines):
        grads |= layer
    return grads


def by_layers(run: Run, lines: Sequence[Line] = ()) -> Iterator[Grads]:
    """The same, layer by layer from the output on; in one piece if some line changes the finished dictionary."""

    def line(name: LineName, l: int, value: Any) -> Any:
        for replaced, replace in lines:
            if replaced == name:
                value = replace(run, l, value)
        return value

    run = line("inputs", 0, replace_fields(run, dZ={}, dA={}))
    finished = any(replaced == "grads" for replaced, _ in lines)
    grads: Grads = {}
    L = run.L
    run.dZ[L] = line("output", L, run.right(L))
    for l in range(L, 0, -1):
        dZ = line("sum", l, run.dZ[l])
        grads[f"dW{l}"] = line("weights", l, dZ @ run.A[l - 1].T + run.penalty(l))
        grads[f"db{l}"] = line("bias", l, dZ.sum(axis=1, keepdims=True))
        grads[f"dA{l - 1}"] = run.dA[l - 1] = line("previous", l, run.W[l].T @ run.dZ[l])
        if l > 1:
            derivative = line("derivative", l - 1, run.right(l - 1))
            run.dZ[l - 1] = line("hidden", l - 1, run.dA[l - 1] * derivative)
        if not finished or l == 1:
            yield {key: np.asarray(value, dtype=np.float64) for key, value in line("grads", L, grads).items()}
            grads = {}


def forward(
    params: Params,
    X: Array,
    Y: Array,
    declaration: Declaration = ARTICLE,
    dtype: type[np.floating[Any]] = np.float64,
) -> Run:
    """Return the forward pass (D1) of a network in floats of one kind, with nothing yet of the way back."""
    return Run(declaration, *forward_values(params, X, declaration, dtype), np.asarray(Y, dtype))
