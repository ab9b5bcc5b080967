"""What the judge is asked: a function and its gradient, in whatever containers and forms people hold them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from refnn._printing import plainly, said
from refnn._shapes import Array
from refnn.gradcheck import leaves
from refnn.gradcheck.containers import Tree
from refnn.gradcheck.problem import Gradient
from refnn.gradcheck.verdict.result import GradientCheck, Verdict
from refnn.gradcheck.witness.function import REORDERED

METHODS = ("auto", "complex", "central", "exact")
PAIR = "f returns a pair: the first is taken as its value"
CONJUGATE = "the imaginary parts have the other sign: a gradient in {other} convention is judged with conjugate={value}"


@dataclass
class Report:
    """What was found beside the comparison of entries: `wrong` makes a check WRONG, `unfit` at best UNRELIABLE."""

    wrong: list[str] = field(default_factory=list)
    unfit: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def on(self, check: GradientCheck) -> GradientCheck:
        """The check, with what was found; each reason and note once."""
        verdict = Verdict.UNRELIABLE if self.unfit and check.verdict is not Verdict.WRONG else check.verdict
        return replace(
            check,
            verdict=Verdict.WRONG if self.wrong else verdict,
            reasons=tuple(dict.fromkeys([*self.wrong, *self.unfit, *check.reasons])),
            notes=tuple(dict.fromkeys([*check.notes, *self.notes])),
        )

    def on_all(self, checks: Sequence[GradientCheck]) -> GradientCheck:
        """One check of several, shown by the worst of those that could have seen a fault."""
        checks = checks or [GradientCheck(Verdict.UNRELIABLE)]  # nothing was asked
        seeing = [check for check in checks if check.verdict is not Verdict.BLIND] or checks
        worst = min(seeing, key=lambda check: check.verdict.rank)
        reasons = tuple(reason for check in seeing for reason in check.reasons)
        return self.on(replace(worst, reasons=reasons, probes=tuple(checks)))


@dataclass(eq=False)
class Called:
    """f as a function of a dict of arrays: it is given the container that it expects, and returns a number.

    `in_jax`: it computes in JAX, which rounds float64 to float32 unless x64 is on. `batched`: it takes stacks of
    points.
    """

    f: Callable[..., Any]
    tree: Tree
    in_jax: bool = False
    batched: bool = False

    @property
    def many(self) -> Callable[[Sequence[Mapping[str, Array]]], Any]:
        """f of many points at once; an AttributeError if it cannot be asked so."""
        if self.batched:
            return self._of_stack
        if not self.tree.plain:
            raise AttributeError("many")
        return self.f.many  # type: ignore[no-any-return, attr-defined]

    def _of_stack(self, points: Sequence[Mapping[str, Array]]) -> list[Any]:
        value = self._asked({name: np.stack([point[name] for point in points]) for name in points[0]})
        if np.shape(value) != (len(points),):
            raise TypeError(
                f"f returned an array of shape {np.shape(value)} for a stack of {len(points)}, "
                f"expected ({len(points)},), a value for each"
            )
        return list(value)

    def __call__(self, arrays: Mapping[str, Array]) -> Any:
        return self._of_stack([arrays])[0] if self.batched else self._asked(arrays)

    def _asked(self, arrays: Mapping[str, Array]) -> Any:
        with leaves.x64() if self.in_jax else nullcontext():
            # A plain dict is handed on itself, so that a change of it shows.
            call = plainly if self.tree.plain else self.tree.call
            value = said(self.f, f"f({'*' * self.tree.spread}params)", call, arrays)
            number = value_of(value)
        if not self.in_jax and leaves.narrowed(value, arrays.values()):
            self.in_jax = True
            return self._asked(arrays)
        return number


@dataclass(frozen=True, eq=False)
class CalledGradient:
    """The gradient likewise, but on numbers of the dtype in which they came, for which the code under judgement is."""

    f: Callable[..., Any]
    tree: Tree
    conjugate: bool = False
    second: bool = False  # f returns (value, gradient)

    @property
    def apart(self) -> float:
        return getattr(self.f, "apart", 0.0)

    def __call__(self, arrays: Mapping[str, Array]) -> dict[str, Any]:
        found = self.tree.call(self.f, arrays, own=True)
        return self.tree.gradient(found[1] if self.second else found, conjugate=self.conjugate)[0]


@dataclass(frozen=True, eq=False)
class Settled:
    """A gradient that was asked twice already, and of which two answers may be so far `apart`."""

    f: Callable[..., Any]
    apart: float = 0.0

    def __call__(self, *params: Any) -> Any:
        return self.f(*params)


@dataclass(frozen=True, eq=False)
class Question:
    """The question in the judge's form: f and its gradient on dicts of real arrays. `gradient` is None where it came as
    numbers."""

    f: Callable[[Mapping[str, Array]], Any]
    tree: Tree
    grads: Mapping[str, Any]
    gradient: CalledGradient | None
    conjugate: bool
    report: Report

    @classmethod
    def of(cls, f: Any, params: Any, grads: Any = None, *, conjugate: bool = False, batched: bool = False) -> Question:
        """A TypeError or ValueError names what cannot be judged, and where it stands."""
        tree = parameters(f, params)
        gradient, given, report = None, grads, Report()
        if batched and grads is None:
            raise TypeError("grads is None, expected a gradient with batched=True")
        if not batched and (grads is None or not tree.plain):
            value, changed = first_answer(f, "f", tree)
            report.unfit += ["f changes its argument"] * changed
            pair = isinstance(value, tuple) and len(value) == 2
            report.notes += [PAIR] * (pair and grads is not None)
            if grads is None and not pair:
                kind = type(value).__name__
                raise TypeError(f"grads is None and f returned {kind}, expected grads or f -> (value, gradient)")
            if grads is None:
                gradient, given = CalledGradient(f, tree, conjugate, second=True), value[1]
        if callable(grads):
            gradient = CalledGradient(grads, replace(tree, spread=spreads(grads, params, tree.spread)), conjugate)
            given, changed = first_answer(grads, "grads", gradient.tree)
            report.wrong += ["grads changes its argument"] * changed
        tree = tree.judging(tree.beside(given))
        if not tree.arrays:
            raise ValueError("params holds no numbers that grads has a gradient for")
        found, converted = tree.gradient(given, conjugate=conjugate)
        report.notes += converted
        fixed = [f"{leaf.name} ({type(leaf.value).__name__})" for leaf in tree.leaves if leaf.array is None]
        if fixed:
            report.notes.append(f"not differentiated, handed on as they came: {', '.join(fixed)}")
        if gradient is not None:
            gradient = replace(gradient, tree=replace(tree, spread=gradient.tree.spread))
            if not isinstance(grads, Settled):
                report.wrong += _two_answers(Gradient.of(found, tree.arrays), gradient(tree.arrays))
        called = Called(f, tree, batched=batched)
        return cls(called, tree, found, gradient, conjugate, report)

    def answer(self, check: GradientCheck) -> GradientCheck:
        """The check, with what is to be said of the form in which the question came."""
        wrong = [parameter.name for parameter in check.parameters if parameter.verdict is Verdict.WRONG]
        if wrong and all(name.endswith(".imag") for name in wrong) and len(self.tree.arrays) > len(self.tree.leaves):
            findings = check.diagnosis.findings if check.diagnosis else ()
            if findings and all(finding.kind == "sign" for finding in findings):
                other = "PyTorch's" if self.conjugate else "JAX's"
                self.report.notes.append(CONJUGATE.format(other=other, value=not self.conjugate))
        return self.report.on(check)


def parameters(f: Any, params: Any) -> Tree:
    """The container that f takes; a TypeError or ValueError says what cannot be differentiated."""
    if not callable(f):
        raise TypeError(f"f is {type(f).__name__}, expected a callable f(params) -> scalar")
    return Tree.of("params", params, spread=spreads(f, params))


def first_answer(f: Callable[..., Any], word: str, tree: Tree) -> tuple[Any, bool]:
    """What f returns of the container as it came, and whether it has changed it."""
    with tree.digits(tree.arrays):
        handed = tree.put(tree.arrays, own=True)
        found = said(f, f"{word}({'*' * tree.spread}params)", tree.hand, handed)
    return found, not tree.same(handed)


def _two_answers(first: Gradient, second: Mapping[str, Any]) -> list[str]:
    """Parameters whose gradient was another when it was asked again, by more than sums in another order."""
    again = Gradient.of(second, first.arrays).arrays
    largest = max((float(np.nan_to_num(np.abs(V)).max(initial=0)) for V in first.arrays.values()), default=0.0)
    with np.errstate(invalid="ignore"):
        moved = [
            first.names[name]
            for name, V in first.arrays.items()
            if not np.array_equal(V, again[name], equal_nan=True)
            and not np.abs(V - again[name]).max() <= REORDERED * np.finfo(V.dtype).eps * largest
        ]
    return [f"grads gives two answers to one question: {', '.join(moved)}"] if moved else []


def takes(f: Callable[..., Any], count: int, otherwise: bool) -> bool:
    """Whether f can be called with so many arguments; `otherwise` if its signature is not known."""
    try:
        inspect.signature(f).bind(*range(count))
    except TypeError as error:
        return otherwise if "signature" in str(error) else False
    except ValueError:
        return otherwise
    return True


def spreads(f: Callable[..., Any], arguments: Any, otherwise: bool = False) -> bool:
    """Whether f takes the members of a tuple or list one by one, and not the whole as one argument."""
    if not isinstance(arguments, tuple | list) or leaves.numbers(arguments) is not None:
        return False
    each, whole = takes(f, len(arguments), otherwise), takes(f, 1, not otherwise)
    if each and whole and isinstance(arguments, tuple):
        return otherwise or _takes_any(f)
    return each and not whole


def _takes_any(f: Callable[..., Any]) -> bool:
    """Whether f is a function of *arguments alone."""
    kinds = [p.kind for p in inspect.signature(f).parameters.values() if p.kind is not p.KEYWORD_ONLY]
    return kinds[:1] == [inspect.Parameter.VAR_POSITIONAL]


def value_of(result: Any) -> Any:
    """What f returned as its value, in NumPy where a framework made it."""
    while isinstance(result, tuple) and len(result) == 2:
        result = result[0]
    array = leaves.numbers(result) if leaves.framework(result) in ("torch", "jax") else None
    return result if array is None else array
