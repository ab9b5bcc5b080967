"""The bugs that `diagnosis` tries on a wrong gradient: the catalogue alone, in one layer only, and two at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np

from refnn.gradcheck.faults.catalogue import FAULTS, Fault
from refnn.gradcheck.faults.lines import Array, Line, Params, Run

FLOAT32 = FAULTS["float32-inside"]


class Hypothesis(NamedTuple):
    """One or two faults, as they might stand in someone's code."""

    faults: tuple[Fault, ...]
    lines: tuple[Line, ...]
    where: str = ""
    constant: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(sorted(fault.name for fault in self.faults))

    def __str__(self) -> str:
        return " and ".join(f"{f.name}{self.where}{self.constant}: {f.summary} ({f.equation})" for f in self.faults)


def float32() -> Iterator[Hypothesis]:
    """The right formulas, in too few digits."""
    yield Hypothesis((FLOAT32,), (FLOAT32.line,))


def alone(params: Params, X: Array, Y: Array, grads: Mapping[str, Array]) -> Iterator[Hypothesis]:
    """Every fault by itself; its constant, where it has one, as people set it or as fits the gradient best."""
    for fault in FAULTS.values():
        yield Hypothesis((fault,), (fault.line,))
        if fault.constant is not None:
            for value in fault.constant.candidates(params, X, Y, grads):
                constant = f", {fault.constant.symbol} = {value:g}"
                yield Hypothesis((fault,), (fault.set_to(value),), constant=constant)


def in_one_layer(depths: set[int]) -> Iterator[Hypothesis]:
    """Faults of a line that every layer has, at one layer, counted from the input or (if depths differ) the output.

    A wrong σ' may also stand at the output, where (D7) does without it; there it multiplies (D6).
    """
    layers = [*range(1, max(depths) + 1), *(range(-1, -min(depths) - 1, -1) if len(depths) > 1 else ())]
    for fault in FAULTS.values():
        if fault.line.name in {"sum", "weights", "bias", "previous", "derivative"}:
            for layer in layers:
                where = f", in layer {layer} only" if layer > 0 else f", in layer L{layer + 1 or ''} only"
                yield Hypothesis((fault,), tuple(_at(layer, line) for line in _unfused(fault.line)), where)
            if fault.line.name == "derivative":
                yield Hypothesis((fault,), _unfused(fault.line), ", in the output layer too")


def two() -> Iterator[Hypothesis]:
    """Every two faults at once; in both orders where they break the same line."""
    for one, other in combinations((fault for fault in FAULTS.values() if fault is not FLOAT32), 2):
        yield Hypothesis((one, other), (one.line, other.line))
        if one.line.name == other.line.name:
            yield Hypothesis((one, other), (other.line, one.line))


def _at(layer: int, line: Line) -> Line:
    """The line, replaced in one layer only; negative layers count from the output."""

    def replace(run: Run, l: int, value: Any) -> Any:
        return line.replace(run, l, value) if l == (layer if layer > 0 else run.L + 1 + layer) else value

    return Line(line.name, replace)


def _unfused(line: Line) -> tuple[Line, ...]:
    """The line and, for a derivative, what it does to an output layer that computes dA_L ∘ σ'(Z_L)."""
    if line.name != "derivative":
        return (line,)

    def output(run: Run, l: int, _: Array) -> Array:
        dA = -(run.Y / run.A[l] - (1 - run.Y) / run.S[l]) / run.m
        return np.asarray(dA * line.replace(run, l, run.A[l] * run.S[l]))

    return line, Line("output", output)
