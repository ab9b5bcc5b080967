"""What a wrong gradient may be: one bug or two, in all layers or in one; or the gradient of another network."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import combinations, product
from typing import Any, NamedTuple

import numpy as np

from refnn import _declaration
from refnn._declaration import output
from refnn.gradcheck import formulas
from refnn.gradcheck.declaration import CHOICES, Declaration
from refnn.gradcheck.faults.catalogue import FAULTS, Fault
from refnn.gradcheck.faults.fault import logistic, round_numbers, softmax
from refnn.gradcheck.faults.lines import Array, Line, Run, backprop, forward
from refnn.gradcheck.problem import Problem

FLOAT32 = FAULTS["float32-inside"]
LEFT = 1e-6  # of a λ that was declared: if less of it is left in the gradient, it is not there
SOFTPLUS = formulas.activation("softplus")
PYTORCHS_SHOWN = "'softplus', but Z itself above 20, as PyTorch's is"
PYTORCHS = (
    lambda Z: np.where(Z > 20, Z, SOFTPLUS.value(Z)),
    lambda Z: np.where(Z > 20, 1, SOFTPLUS.derivative(Z)),
)


class Hypothesis(NamedTuple):
    """One or two faults, as they might stand in someone's code."""

    faults: tuple[Fault, ...] = ()
    lines: tuple[Line, ...] = ()
    where: str = ""
    constant: str = ""
    declared: Declaration | None = None  # of the network whose right gradient this would be

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(sorted(fault.name for fault in self.faults)) or ("another-network",)

    def __str__(self) -> str:
        if self.declared:
            return f"this is the gradient of another network: {self.where}"
        return " and ".join(f"{f.name}{self.where}{self.constant}: {f.summary} ({f.equation})" for f in self.faults)


def alone(possible: Sequence[Fault], problems: Sequence[Problem]) -> Iterator[Hypothesis]:
    """Every fault by itself; its constant, where it has one, as people set it or as fits the gradient best."""
    for fault in possible:
        yield Hypothesis((fault,), (fault.line,))
        if fault.constant is not None:
            for value in filter(np.isfinite, fault.constant.candidates(problems)):  # fitted to a gradient that is not
                constant = f", {fault.constant.symbol} = {value:g}"
                yield Hypothesis((fault,), (fault.set_to(value),), constant=constant)


def other_networks(said: Declaration, problem: Problem) -> Iterator[Hypothesis]:
    """The networks whose declaration differs in one word; of a penalty, with the λ that fits `problem` best."""
    words = (*_declaration.ACTIVATIONS, "leaky_relu(0.1)", "leaky_relu(0.2)", "leaky_relu(0.3)")
    others: dict[str, Iterable[Any]] = {
        "hidden": (*words, PYTORCHS, *_mixed(said.hidden, words)),
        "output": ("softmax", *words, *product(words, ("half_squared_error", "squared_error"))),
        "reduction": CHOICES["reduction"],
    }
    for name, choices in others.items():
        for word in choices:
            changed: dict[str, Any] = {name: output(word) if name == "output" else word}
            declared = replace(said, **changed)
            if declared != said:
                where = f"{name}={word!r}".replace(repr(PYTORCHS), PYTORCHS_SHOWN)
                yield Hypothesis(where=where, declared=declared)
    for penalties, shown in _penalties(said, problem):
        yield Hypothesis(where=shown, declared=replace(said, **penalties))


def _mixed(hidden: Any, words: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """Where layers have several activations: these in reverse order, with another in one, or PyTorch's softplus."""
    if isinstance(hidden, tuple):
        yield hidden[::-1]
        for l in range(len(hidden)):
            yield from ((*hidden[:l], word, *hidden[l + 1 :]) for word in words)
        yield tuple(PYTORCHS if word == "softplus" else word for word in hidden)


def _penalties(said: Declaration, problem: Problem) -> Iterator[tuple[dict[str, Any], str]]:
    """The λ of L1, that of L2, or both, with which the gradient fits best: numbers, or one over m; and in words."""
    m, given, run = problem.m, problem.given.arrays, forward(problem.params, problem.X, problem.Y, said)
    right = backprop(run)
    off = [given[f"W{l}"] - right[f"dW{l}"] for l in range(1, run.L + 1)]
    excess, W = np.concatenate(off, axis=None).astype(np.float64), np.concatenate(run.W[1:], axis=None)
    declared, slopes = dict(zip(("l1", "l2"), said.penalties(m))), {"l1": np.sign(W), "l2": W}
    if not np.isfinite(excess).all():
        return
    for names in (("l1",), ("l2",), ("l1", "l2")):
        changes = np.linalg.lstsq(np.stack([slopes[name] for name in names], axis=1), excess, rcond=None)[0]
        if np.abs(changes).min() <= LEFT * np.abs(changes).max():
            continue  # one λ alone explains as much
        fitted = {name: declared[name] + float(change) for name, change in zip(names, changes, strict=True)}
        gone = {name for name in names if abs(fitted[name]) <= LEFT * declared[name]}
        for values in product(*([0.0] if name in gone else round_numbers(fitted[name]) for name in names)):
            penalties = dict(zip(names, values, strict=True))
            yield penalties, ", ".join(f"{name}={value:g}" for name, value in penalties.items())
        (name, *others) = names
        if not (others or gone) and fitted[name] > 0:
            for value in round_numbers(fitted[name] * m):
                yield {name: lambda n, c=value: c / n}, f"{name}={value:g}/m"


def in_one_layer(depths: set[int], possible: Sequence[Fault]) -> Iterator[Hypothesis]:
    """Faults of a line that every layer has, made in one layer only, counted from the input or, if depths differ, from
    the output.

    A wrong g' may also stand at the output, where (D7) needs none: there alone, or in hidden layers too.
    """
    layers = [*range(1, max(depths) + 1), *(range(-1, -min(depths) - 1, -1) if len(depths) > 1 else ())]
    for fault in FAULTS.values():
        if fault.line.name in {"sum", "weights", "bias", "previous", "derivative", "hidden"}:
            for layer in layers:
                where = f", in layer {layer} only" if layer > 0 else f", in layer L{layer + 1 or ''} only"
                yield Hypothesis((fault,), tuple(at_layer(layer, line) for line in unfused(fault.line)), where)
            if fault.line.name == "derivative" and fault in possible:
                yield Hypothesis((fault,), unfused(fault.line), ", in the output layer too")


def two(possible: Sequence[Fault]) -> Iterator[Hypothesis]:
    """Every two faults at once; in both orders where they break the same line."""
    for one, other in combinations((fault for fault in possible if fault is not FLOAT32), 2):
        yield Hypothesis((one, other), (one.line, other.line))
        if one.line.name == other.line.name:
            yield Hypothesis((one, other), (other.line, one.line))


def at_layer(layer: int, line: Line) -> Line:
    """The line, replaced in one layer only; negative layers count from the output."""

    def replace(run: Run, l: int, value: Any) -> Any:
        return line.replace(run, l, value) if l == (layer if layer > 0 else run.L + 1 + layer) else value

    return Line(line.name, replace)


def unfused(line: Line) -> tuple[Line, ...]:
    """The line and, for a derivative, what it does in an output layer that computes dA_L ∘ g'(Z_L)."""
    if line.name != "derivative":
        return (line,)

    def at_output(run: Run, l: int, dZ: Array) -> Array:
        if softmax(run):
            return dZ
        run.dA[l] = -(run.Y / run.A[l] - (1 - run.Y) / run.S) * run.weight if logistic(run) else run.error
        return np.asarray(run.dA[l] * line.replace(run, l, run.g(l).derivative(run.Z[l])))

    return line, Line("output", at_output)
