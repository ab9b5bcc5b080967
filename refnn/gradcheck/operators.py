"""A function with many outputs, and what claims to be its derivative: a vjp, a jvp, a Jacobian.

All take and give dicts of real arrays, named by input or by output, whatever the containers of the code itself.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Any, Protocol

import numpy as np

from refnn._shapes import Array
from refnn.gradcheck import leaves
from refnn.gradcheck.containers import EXPECTED, Tree, leaves_of, rebuilt
from refnn.gradcheck.problem import Gradient
from refnn.gradcheck.question import said, spreads, takes
from refnn.gradcheck.verdict.result import GradientCheck, Verdict
from refnn.gradcheck.witness.function import REORDERED, typical_size

Arrays = Mapping[str, Array]
REMEMBERED = 2**24  # numbers of f that are kept
FAR = 10  # linearity is asked at 2^10 times a cotangent, and at 2^-10


@dataclass
class Report:
    """What is found that is no matter of entries: `wrong` makes a check WRONG, `unfit` UNRELIABLE."""

    wrong: list[str] = field(default_factory=list)
    unfit: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def on(self, checks: Sequence[GradientCheck]) -> GradientCheck:
        """One check of several, shown by the worst of those that could have seen a fault."""
        seeing = [check for check in checks if check.verdict is not Verdict.BLIND] or checks
        worst = min(seeing, key=lambda check: check.verdict.rank)
        verdict = Verdict.UNRELIABLE if self.unfit and worst.verdict is not Verdict.WRONG else worst.verdict
        reasons = [*self.wrong, *self.unfit, *(reason for check in seeing for reason in check.reasons)]
        notes = [*worst.notes, *self.notes]
        return replace(
            worst,
            verdict=Verdict.WRONG if self.wrong else verdict,
            reasons=tuple(dict.fromkeys(reasons)),
            notes=tuple(dict.fromkeys(notes)),
            probes=tuple(checks),
        )


class Differentiable(Protocol):
    """A function with several outputs, and the point at which it is differentiated."""

    recalls: bool

    @property
    def point(self) -> Arrays: ...

    @property
    def wide_point(self) -> Arrays: ...

    def __call__(self, arrays: Arrays) -> Arrays: ...


@dataclass(eq=False)
class Map:
    """f on dicts of arrays. What it returned is remembered, and given again once `recalls` is set.

    `wide` tells whether it is the same function in float64, where its inputs came in another dtype.
    """

    f: Callable[..., Any]
    inputs: Tree
    outputs: Tree
    wide: bool = True
    in_jax: bool = False
    recalls: bool = False
    memory: dict[bytes, Arrays] = field(default_factory=dict)
    stacked: Callable[..., Any] | None = None  # f of stacks of inputs

    @classmethod
    def of(cls, f: Any, inputs: Any, report: Report, stacked: Any = None) -> Map:
        """Called at its inputs; a TypeError or ValueError if there is nothing to differentiate."""
        if not callable(f):
            raise TypeError(f"f is {type(f).__name__}, expected a callable f(*inputs) -> outputs")
        tree = Tree.of("input", inputs, spread=spreads(f, inputs, isinstance(inputs, tuple)))
        tree = tree.numbered("input") if tree.spread else tree
        tree = tree.judging({}) if tree.has_floats else tree
        with tree.digits(tree.arrays):
            handed = tree.put(tree.arrays, own=True)
            value = said(f, "f(*inputs)" if tree.spread else "f(inputs)", tree.hand, handed)
            outputs = _outputs(value)
        first = {name: V.copy() for name, V in outputs.read(value).items()}
        if not tree.same(handed):
            report.unfit.append("f changes its inputs")
        elif moved := _apart(first, outputs.read(tree.call(f, tree.arrays, own=True))):
            report.unfit.append(f"f is random: evaluations at one point differ by {moved:.1e}")
        if _share_memory(handed, value):
            report.notes.append("f returns memory of its inputs: a change of one is a change of the other")
        in_jax = any(leaves.narrowed(leaf.value, tree.arrays.values()) for leaf in outputs.leaves)
        return cls(f, tree, outputs, in_jax or _takes_float64(f, tree, outputs, first), in_jax, stacked=stacked)

    @property
    def point(self) -> Arrays:
        return self.inputs.arrays

    @property
    def wide_point(self) -> Arrays:
        """In the dtypes in which f is asked."""
        return {k: V.astype(np.result_type(V, np.float64)) if self.wide else V for k, V in self.point.items()}

    def usual(self, u: Arrays) -> tuple[dict[str, Array], dict[str, Array]]:
        """The usual size of derivatives of ⟨u, f⟩ by input, and of outputs along directions: |f| / |x|."""
        values = {name: np.nan_to_num(np.abs(V)).astype(np.float64) for name, V in self(self.point).items()}
        sizes = {name: typical_size(V) for name, V in self.point.items()}
        seen = math.fsum(float(np.sum(np.abs(u[name]) * V)) for name, V in values.items())
        smallest = min(float(size.min(initial=math.inf)) for size in sizes.values())
        return (
            {name: np.asarray(seen / size.min(initial=math.inf)) for name, size in sizes.items()},
            {name: np.asarray(V.max(initial=0) / smallest) for name, V in values.items()},
        )

    def __call__(self, arrays: Arrays) -> Arrays:
        """A TypeError for wider numbers than f takes."""
        if not self.wide and any(V.dtype != self.point[name].dtype for name, V in arrays.items()):
            raise TypeError("f is another function in float64, or none")
        if not all(isinstance(V, np.ndarray | np.generic) for V in arrays.values()):
            return self.outputs.read(self.inputs.call(self.f, arrays))  # numbers of another kind, that only watch f
        key = _key(arrays)
        known = self.memory.get(key) if self.recalls else None
        if known is None:
            with leaves.x64() if self.in_jax else nullcontext():
                known = self._kept(key, self.outputs.read(self.inputs.call(self.f, arrays)))
        return known

    def _kept(self, key: bytes, found: Arrays) -> Arrays:
        known = {name: V.copy() for name, V in found.items()}
        if len(self.memory) * sum(V.size for V in known.values()) < REMEMBERED:
            self.memory[key] = known
        return known

    @property
    def many(self) -> Callable[[Sequence[Arrays]], list[Arrays]]:
        """f of many points at once; an AttributeError if it cannot be asked so."""
        if self.stacked is None or not self.wide:
            raise AttributeError("many")
        return self._of_stack

    def _of_stack(self, points: Sequence[Arrays]) -> list[Arrays]:
        keys = list(map(_key, points))
        new = {key: point for key, point in zip(keys, points, strict=True) if not (self.recalls and key in self.memory)}
        found = {}
        if new and self.stacked is not None:
            stack = {name: np.stack([point[name] for point in new.values()]) for name in points[0]}
            with leaves.x64() if self.in_jax else nullcontext():
                values = self.outputs.read(self.inputs.call(self.stacked, stack), len(new))
            found = {key: self._kept(key, {n: V[k] for n, V in values.items()}) for k, key in enumerate(new)}
        return [found[key] if key in found else self.memory[key] for key in keys]


def _key(arrays: Arrays) -> bytes:
    key = blake2b(digest_size=16)
    for V in arrays.values():
        key.update(V.dtype.char.encode() + V.tobytes())
    return key.digest()


def single(f: Callable[..., Any]) -> Callable[..., Any]:
    """Of a function of stacks, the one of a single point."""

    def asked(*inputs: Any) -> Any:
        stacked = rebuilt(inputs, (_with_axis(leaf) for _, leaf in leaves_of(inputs)))
        value = f(*stacked)
        return rebuilt(value, (leaf[0] for _, leaf in leaves_of(value)))

    return asked


def _with_axis(leaf: Any) -> Any:
    array = leaves.numbers(leaf)
    return leaf if array is None else leaf[None] if hasattr(leaf, "shape") else array[None]


def _outputs(value: Any) -> Tree:
    """What f returned. Integers and what is no number have no cotangent."""
    try:
        tree = Tree.of("output", value, finite=False)
    except (TypeError, ValueError):
        raise TypeError(f"f returned {type(value).__name__}, expected {EXPECTED}") from None
    tree = replace(tree, leaves=tuple(
        replace(leaf, value=leaf.value.detach() if hasattr(leaf.value, "detach") else leaf.value)
        if leaf.array is not None and leaf.array.dtype.kind in "fc"
        else replace(leaf, value=None, array=None)
        for leaf in tree.leaves
    ))  # fmt: skip
    if not tree.arrays:
        raise TypeError(f"f returned {type(value).__name__} without floating-point numbers, expected arrays of them")
    return tree


def _apart(first: Arrays, second: Arrays) -> float:
    """By how much two calls differ, if by more than sums in another order may."""
    with np.errstate(invalid="ignore"):
        moved = [np.nan_to_num(np.abs(second[name] - V)).max(initial=0) for name, V in first.items()]
        sizes = [np.finfo(V.dtype).eps * np.nan_to_num(np.abs(V)).max(initial=0) for V in first.values()]
    return max([float(D) for D, size in zip(moved, sizes, strict=True) if D > REORDERED * size], default=0.0)


def _takes_float64(f: Callable[..., Any], tree: Tree, outputs: Tree, values: Arrays) -> bool:
    """Whether f runs in float64, and is the same function there, to half the digits."""
    wide = {name: V.astype(np.result_type(V, np.float64)) for name, V in tree.arrays.items()}
    if all(V.dtype == wide[name].dtype for name, V in tree.arrays.items()):
        return True
    try:
        found = outputs.read(tree.call(f, wide))
    except Exception:  # made for its own dtype
        return False
    coarsest = max(leaves.roundoff(leaf.value) for leaf in (*tree.leaves, *outputs.leaves) if leaf.array is not None)
    return all(
        _distance(V[finite], found[name][finite]) <= math.sqrt(coarsest) * _size(V[finite])
        for name, V in values.items()
        for finite in [np.isfinite(V)]
    )


def drawn(tree: Tree, rng: np.random.Generator) -> dict[str, Array]:
    """Random numbers like those of a container, none of them 1, that its dtypes hold exactly."""
    arrays = {
        name: (rng.choice([-1.0, 1.0], V.shape) * rng.uniform(0.5, 1, V.shape)).astype(V.dtype)
        for name, V in tree.arrays.items()
    }
    with tree.digits(arrays):
        held = tree.read(tree.put(arrays, own=True))
    return {name: V.astype(np.float64) for name, V in held.items()}


def _share_memory(one: Any, other: Any) -> bool:
    arrays = [[leaves.numbers(leaf) for _, leaf in leaves_of(value)] for value in (one, other)]
    return any(V is not None and W is not None and np.may_share_memory(V, W) for V, W in itertools.product(*arrays))


@dataclass(eq=False)
class Along:
    """A map as a function of steps along directions, at 0."""

    map: Map
    directions: Sequence[Arrays]

    @property
    def recalls(self) -> bool:
        return self.map.recalls

    @recalls.setter
    def recalls(self, value: bool) -> None:
        self.map.recalls = value

    @property
    def point(self) -> Arrays:
        return {"direction": np.zeros(len(self.directions))}

    @property
    def wide_point(self) -> Arrays:
        return self.point

    def at(self, arrays: Arrays) -> Arrays:
        """Where the steps lead, in float64."""
        (T,) = arrays.values()
        point = self.map.point
        return {k: V + sum(t * D[k] for t, D in zip(T, self.directions, strict=True)) for k, V in point.items()}

    def __call__(self, arrays: Arrays) -> Arrays:
        return self.map(self.at(arrays))


@dataclass(frozen=True, eq=False)
class Operator:
    """A linear map that someone's code claims to be: of cotangents to gradients, a vjp; or of tangents, a jvp."""

    name: str
    f: Callable[..., Any]
    inputs: Tree
    domain: Tree
    range: Tree
    conjugate: bool = False

    def raw(self, point: Arrays, u: Arrays, report: Report | None = None) -> tuple[Any, dict[str, Any]]:
        """What the code returns at a point for u, as it came and as the judge reads it."""
        if self.conjugate:
            u = {name: -V if name.endswith(".imag") else V for name, V in u.items()}
        with self.inputs.digits(self.inputs.arrays):
            handed = self.inputs.put(point, own=True)
            vector = self.domain.put(u, own=True)
            result = said(self.f, *self._form(handed, vector))
            found, notes = self.range.gradient(result, conjugate=self.conjugate, word=f"the result of {self.name}")
        if report is not None:
            report.notes += notes
            if not self.inputs.same(handed):
                report.wrong.append(f"{self.name} changes its inputs")
            held = {name: V.astype(self.domain.arrays[name].dtype) for name, V in u.items()}
            if not self.domain.same(vector, held):
                report.wrong.append(f"{self.name} changes its {'cotangent' if self.name == 'vjp' else 'tangents'}")
        return result, found

    def _form(self, inputs: Any, vector: Any) -> tuple[Any, ...]:
        """In words and deeds, how the code is called: one by one, or `jvp(inputs, tangents)` if it takes no more."""
        if self.name == "vjp":
            return f"vjp({'*' * self.inputs.spread}inputs, cotangent)", self.inputs.hand, inputs, vector
        if not self.inputs.spread or (not takes(self.f, 2 * len(inputs), True) and takes(self.f, 2, True)):
            return "jvp(inputs, tangents)", lambda f, *both: f(*both), inputs, vector
        return "jvp(*inputs, *tangents)", lambda f, *both: f(*both), *inputs, *vector

    def __call__(self, point: Arrays, u: Arrays) -> dict[str, Any]:
        return self.raw(point, u)[1]

    def asked(
        self, u: Arrays, rng: np.random.Generator, report: Report, usual: Arrays, nondeterminism: float = 0.0
    ) -> dict[str, Array]:
        """The answer to u, and whether other answers go with it: that it is linear, the same again, and not changed by
        later calls. Of derivatives of the `usual` size, sums in another order change digits."""
        result, found = self.raw(self.inputs.arrays, u, report)
        first = Gradient.of(found, self.range.arrays)
        arrays = dict(first.arrays)
        eps = {name: float(np.finfo(V.dtype).eps) * first.coarser.get(name, 1.0) for name, V in arrays.items()}
        floor = {name: REORDERED * eps[name] * float(usual[name]) for name in arrays}
        if all(np.isfinite(V).all() for V in arrays.values()):
            with np.errstate(all="ignore"):
                half = {name: math.sqrt(e) for name, e in eps.items()}
                texts = list(self._nonlinear(arrays, u, rng, half, floor, nondeterminism))
            report.wrong += [f"{self.name} is not linear: {text}" for text in texts[:1]]
        kept = Gradient.of(self.range.gradient(result, conjugate=self.conjugate)[0], self.range.arrays).arrays
        if not all(_same(V, kept[name]) for name, V in arrays.items()):
            report.wrong.append(f"{self.name} overwrites what an earlier call returned")
        again = self._answer(u)
        moved = [
            first.names[name]
            for name, V in arrays.items()
            if not _same(V, again[name])
            and not _distance(V, again[name]) <= nondeterminism + floor[name] + REORDERED * eps[name] * _size(V)
        ]
        if moved:
            report.wrong.append(f"{self.name} gives two answers to one question: {', '.join(moved)}")
        return arrays

    def _answer(self, u: Arrays) -> dict[str, Array]:
        return dict(Gradient.of(self(self.inputs.arrays, u), self.range.arrays).arrays)

    def _nonlinear(
        self,
        A: Arrays,
        u: Arrays,
        rng: np.random.Generator,
        share: Mapping[str, float],
        floor: Mapping[str, float],
        nondeterminism: float,
    ) -> Iterator[str]:
        """Where A, the answer to u, does not go with others, by more than half the digits: what is finer is left to
        the judge of entries."""
        dtypes = [V.dtype for V in (*self.domain.arrays.values(), *A.values())]
        least = {name: float(np.finfo(V.dtype).smallest_normal) + 2 * nondeterminism for name, V in A.items()}
        far = min(FAR, *(np.finfo(dtype).maxexp // 4 for dtype in dtypes))
        for s in (0.0, 2.0**far, -(2.0**-far)):
            found = self._answer({name: s * V for name, V in u.items()})
            off = [
                name
                for name, V in A.items()
                if not _distance(found[name], s * V.astype(np.float64))
                <= abs(s) * (share[name] * _size(V) + floor[name] + nondeterminism) + least[name]
            ]
            if off:
                yield f"{self.name}({s:g} u) is not {s:g} {self.name}(u), for {', '.join(off)}"
        v = drawn(self.domain, rng)
        B, both = self._answer(v), self._answer({name: u[name] + V for name, V in v.items()})
        off = [
            name
            for name, V in A.items()
            if not _distance(both[name], V.astype(np.float64) + B[name])
            <= share[name] * (_size(V) + _size(B[name])) + 2 * floor[name] + 2 * least[name]
        ]
        if off:
            yield f"{self.name}(u + v) is not {self.name}(u) + {self.name}(v), for {', '.join(off)}"


def _same(V: Array, W: Any) -> bool:
    return np.array_equal(V, np.asarray(W), equal_nan=True)


def _distance(V: Array, W: Array) -> float:
    with np.errstate(invalid="ignore"):
        return float(np.abs(V.astype(np.float64) - W).max(initial=0))


def _size(V: Array) -> float:
    return float(np.abs(V).max(initial=0))


@dataclass(eq=False)
class Columns:
    """A jvp as a pullback: asked for the derivative in every entry of the point, it tells those of ⟨u, f⟩."""

    forward: Operator
    moved: Map | Along
    known: dict[bytes, list[dict[str, Array]]] = field(default_factory=dict)  # by point: few are asked

    def __call__(self, point: Arrays, u: Arrays) -> dict[str, Any]:
        key = b"".join(V.tobytes() for V in point.values())
        if key not in self.known:
            self.known[key] = list(self._columns(point))
        columns = self.known[key]
        dtype = np.result_type(*(V.dtype for V in columns[0].values()))
        coarse = any(leaves.is_bfloat16(leaf.value) for leaf in self.forward.range.leaves if leaf.array is not None)
        slopes = iter([sum(float(np.sum(V * u[name])) for name, V in column.items() if u[name].any())
                       for column in columns])  # fmt: skip
        found = {k: np.array([next(slopes) for _ in range(V.size)], dtype).reshape(V.shape) for k, V in point.items()}
        return {k: leaves.Coarse(V) for k, V in found.items()} if coarse else found

    def _columns(self, point: Arrays) -> Iterator[dict[str, Array]]:
        outputs = self.forward.range.arrays
        if isinstance(self.moved, Along):
            asked = [(self.moved.at(point), D) for D in self.moved.directions]
        else:
            zeros = {name: np.zeros(V.shape) for name, V in point.items()}
            asked = []
            for name, V in point.items():
                for index in np.ndindex(V.shape):
                    unit = zeros[name].copy()
                    unit[index] = 1.0
                    asked.append((point, {**zeros, name: unit}))
        for where, v in asked:
            yield dict(Gradient.of(self.forward(where, v), outputs).arrays)


@dataclass(frozen=True, eq=False)
class Whole:
    """A Jacobian as a pullback."""

    map: Map
    jacobian: Any

    def __call__(self, point: Arrays, u: Arrays) -> dict[str, Any]:
        inputs, outputs = self.map.inputs, self.map.outputs
        if any(len(leaf.parts) == 2 for leaf in (*inputs.leaves, *outputs.leaves)):
            raise TypeError("inputs or outputs are complex, expected real ones: use check_vjp")
        given = self.jacobian
        if callable(given):
            with inputs.digits(inputs.arrays):
                given = said(given, f"jacobian({'*' * inputs.spread}inputs)", inputs.hand, inputs.put(point, own=True))
        found: dict[str, Any] = {}
        for output, J in outputs.beside(given).values():
            for leaf, block in inputs.beside(J).values():
                if output is None or leaf is None or output.array is None or leaf.array is None or block is None:
                    continue
                where, shape = f"jacobian{output.path}{leaf.path}", output.array.shape + leaf.array.shape
                V = leaves.numbers(leaves.dense(block) if leaves.is_sparse(block) else block)
                if V is None or V.shape != shape:
                    is_now = f"has shape {V.shape}" if V is not None else f"is {type(block).__name__}"
                    raise ValueError(f"{where} {is_now}, expected {shape}: output, then input")
                G = np.tensordot(u[output.name], V, output.array.ndim).astype(np.result_type(V, np.float16))
                found[leaf.name] = found.get(leaf.name, 0) + G
        zero = {name: np.zeros(V.shape, V.dtype) for name, V in inputs.arrays.items()}
        return {name: np.asarray(found.get(name, V)) for name, V in zero.items()}
