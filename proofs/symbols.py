"""Computer algebra: the lines of network.py differentiate the cost, for all real numbers at once, on small shapes.

    python proofs/symbols.py

SymPy differentiates `cost_function` and `logistic_cost`, run on symbols, and subtracts what `backprop`, run on the same
symbols, returns. Each residual must simplify to exactly 0. Nothing is drawn at random here, and exp and log are the
functions themselves; the price, beside the finite field, is that shapes must be small.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from refnn import backprop, cost_function, forward_prop, logistic_cost

SHAPES = [
    ([1, 1], 1),
    ([2, 1], 2),
    ([1, 2], 1),
    ([2, 2], 2),
    ([1, 1, 1], 1),
    ([2, 2, 1], 1),
    ([1, 2, 2], 1),
    ([1, 1, 1, 1], 1),
]
PLANTED = "a sign flipped in db1"


def sympy() -> Any:
    try:
        import sympy
    except ImportError:
        sys.exit('proofs/symbols.py needs SymPy: pip install "refnn[check]"')
    return sympy


class Symbol:
    """A SymPy expression with the methods exp and log, which NumPy calls on the entries of an object array."""

    def __init__(self, expression: Any) -> None:
        self.of = expression.of if isinstance(expression, Symbol) else sympy().sympify(expression)

    def __neg__(self) -> Symbol:
        return Symbol(-self.of)

    def __add__(self, other: Any) -> Symbol:
        return Symbol(self.of + Symbol(other).of)

    def __sub__(self, other: Any) -> Symbol:
        return Symbol(self.of - Symbol(other).of)

    def __mul__(self, other: Any) -> Symbol:
        return Symbol(self.of * Symbol(other).of)

    def __truediv__(self, other: Any) -> Symbol:
        return Symbol(self.of / Symbol(other).of)

    def __rsub__(self, other: Any) -> Symbol:
        return Symbol(other) - self

    def __rtruediv__(self, other: Any) -> Symbol:
        return Symbol(other) / self

    __radd__, __rmul__ = __add__, __mul__

    def exp(self) -> Symbol:
        return Symbol(sympy().exp(self.of))

    def log(self) -> Symbol:
        return Symbol(sympy().log(self.of))


def symbols(name: str, rows: int, columns: int) -> Any:
    array = np.empty((rows, columns), dtype=object)
    for i, j in np.ndindex(rows, columns):
        array[i, j] = Symbol(sympy().Symbol(f"{name}_{i}{j}", real=True))
    return array


def residuals(layer_dims: list[int], m: int, *, planted: bool = False) -> list[Any]:
    """The derivative of each cost by each variable, minus what backprop says, simplified."""
    params = {}
    for l in range(1, len(layer_dims)):
        params |= {
            f"W{l}": symbols(f"W{l}", layer_dims[l], layer_dims[l - 1]),
            f"b{l}": symbols(f"b{l}", layer_dims[l], 1),
        }
    X, Y = symbols("X", layer_dims[0], m), symbols("Y", layer_dims[-1], m)
    AL, caches = forward_prop(X, params)
    grads = backprop(AL, Y, caches)
    if planted:
        grads["db1"] = -grads["db1"]
    found = []
    for cost in (cost_function(AL, Y), logistic_cost(caches[-1][1], Y)):
        J = np.asarray(cost, dtype=object).item().of
        for name, V in {**params, "A0": X}.items():
            found += [rational(J.diff(v.of) - dv.of) for v, dv in zip(V.flat, grads[f"d{name}"].flat, strict=True)]
    return found


def rational(expression: Any) -> Any:
    """An equivalent expression, 0 if the residual is 0: exp(z) and exp(-z) become E and 1/E, innermost first."""
    sp = sympy()
    expression = expression.replace(
        lambda e: e.func is sp.exp and e.args[0].could_extract_minus_sign(), lambda e: 1 / sp.exp(-e.args[0])
    )
    return sp.cancel(sp.together(expression))


def main() -> int:
    wrong = 0
    for layer_dims, m in SHAPES:
        found = residuals(layer_dims, m)
        nonzero = sum(residual != 0 for residual in found)
        wrong += nonzero
        print(
            f"layers {layer_dims}, m = {m}: {len(found) - nonzero} of {len(found)} residuals are exactly 0", flush=True
        )
    missed = not any(residual != 0 for residual in residuals([2, 1], 2, planted=True))
    print(f"{PLANTED}: {'missed' if missed else 'seen, its residuals are not 0'}")
    return 1 if wrong or missed else 0


if __name__ == "__main__":
    sys.exit(main())
