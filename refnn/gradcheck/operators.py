"""The derivative of a function with many outputs as someone's code gives it: a vjp, a jvp, a Jacobian.

All take and return dicts of real arrays, by the names of inputs or outputs, whatever containers the code itself has.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from refnn._printing import plainly, said
from refnn.gradcheck import leaves
from refnn.gradcheck.containers import Tree, leaves_of, rebuilt
from refnn.gradcheck.maps import Arrays, Map, distance, drawn, held, size_of, stepped
from refnn.gradcheck.problem import Gradient
from refnn.gradcheck.question import Report, takes
from refnn.gradcheck.witness.function import REORDERED, typical_size

LAYOUTS: Mapping[leaves.Order, str] = {"C": "row by row", "F": "column by column, with gaps"}
NEARLY = 1e-2  # of the answer: what is so near to linear may be rounded to few digits
ROUNDING = 8.0  # times what a threefold cotangent shows of it
FAR = 10  # linearity is asked at 2^10 and 2^-10 times a cotangent


@dataclass(frozen=True, eq=False)
class Operator:
    """A linear map that someone's code claims to be: of cotangents to gradients, a vjp; or of tangents, a jvp."""

    name: str
    f: Callable[..., Any]
    inputs: Tree
    domain: Tree
    range: Tree
    conjugate: bool = False

    def raw(
        self, point: Arrays, u: Arrays, report: Report | None = None, order: leaves.Order | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """What the code returns at a point for u, as it came and as the judge reads it. With an `order`, tensors of u
        lie in memory in that."""
        if self.conjugate:
            u = {name: -V if name.endswith(".imag") else V for name, V in u.items()}
        with self.inputs.digits(self.inputs.arrays):
            handed = self.inputs.put(point, own=True)
            vector = self.domain.put(u, own=True)
            if order:
                vector = rebuilt(vector, (leaves.laid_out(V, order) for _, V in leaves_of(vector)))
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
        """How the code is called: in words for an error, and as a function with its arguments. A jvp takes them one by
        one, or as `jvp(inputs, tangents)` if it takes no more than two."""
        if self.name == "vjp":
            return f"vjp({'*' * self.inputs.spread}inputs, cotangent)", self.inputs.hand, inputs, vector
        if not self.inputs.spread or (not takes(self.f, 2 * len(inputs), True) and takes(self.f, 2, True)):
            return "jvp(inputs, tangents)", plainly, inputs, vector
        return "jvp(*inputs, *tangents)", plainly, *inputs, *vector

    def __call__(self, point: Arrays, u: Arrays) -> dict[str, Any]:
        return self.raw(point, u)[1]

    def asked(
        self, u: Arrays, rng: np.random.Generator, report: Report, usual: Arrays, nondeterminism: float = 0.0
    ) -> Arrays:
        """The answer to u; the report says if it is not linear in u, not the same again, or changed by later calls.

        Sums in another order may change the answer by a few roundoffs of the `usual` size of derivatives.
        """
        result, found = self.raw(self.inputs.arrays, u, report)
        first = Gradient.of(found, self.range.arrays)
        arrays = first.arrays
        eps = {name: 2 * first.coarsest(name) for name in arrays}
        floor = {name: REORDERED * eps[name] * float(usual[name]) for name in arrays}
        if all(np.isfinite(V).all() for V in arrays.values()):
            with np.errstate(all="ignore"):
                half = {name: math.sqrt(e) for name, e in eps.items()}
                texts = list(self._nonlinear(arrays, u, rng, half, floor, nondeterminism))
            report.wrong += [f"{self.name} is not linear: {text}" for text in texts[:1]]
        kept = Gradient.of(self.range.gradient(result, conjugate=self.conjugate)[0], self.range.arrays).arrays
        if not all(np.array_equal(V, kept[name], equal_nan=True) for name, V in arrays.items()):
            report.wrong.append(f"{self.name} overwrites what an earlier call returned")

        def moved(order: leaves.Order | None = None) -> str:
            again = self._answer(u, order)
            return ", ".join(
                first.names[name]
                for name, V in arrays.items()
                if not np.array_equal(V, again[name], equal_nan=True)
                and not distance(V, again[name]) <= nondeterminism + floor[name] + REORDERED * eps[name] * size_of(V)
            )

        if names := moved():
            report.wrong.append(f"{self.name} gives two answers to one question: {names}")
        elif any(leaves.framework(leaf.value) == "torch" for leaf in self.domain.leaves):
            for order, words in LAYOUTS.items():
                with contextlib.suppress(Exception):  # what refuses such a tensor misleads nobody
                    if names := moved(order):
                        vector = "cotangent" if self.name == "vjp" else "tangent"
                        text = f"gives another answer where its {vector} lies in memory {words}"
                        report.wrong.append(f"{self.name} {text}: {names}")
        return arrays

    def _answer(self, u: Arrays, order: leaves.Order | None = None) -> Arrays:
        return Gradient.of(self.raw(self.inputs.arrays, u, order=order)[1], self.range.arrays).arrays

    def _nonlinear(
        self,
        A: Arrays,
        u: Arrays,
        rng: np.random.Generator,
        share: Mapping[str, float],
        floor: Mapping[str, float],
        nondeterminism: float,
    ) -> Iterator[str]:
        """Where A, the answer to u, contradicts other answers by more than half of its digits; what is finer is left to
        the judge of entries."""
        dtypes = [V.dtype for V in (*self.domain.arrays.values(), *A.values())]
        least = {name: float(np.finfo(V.dtype).smallest_normal) + 2 * nondeterminism for name, V in A.items()}
        far = min(FAR, *(np.finfo(dtype).maxexp // 4 for dtype in dtypes))
        # How far rounding takes the answer shows at three times u, where all else is three times as much: to numbers in
        # half precision, or what is left of numbers of size 1 that cancel, as where a softmax saturates, or of larger.
        # What is not linear shows more at 3 u than at u / 3, or less.
        smallest = min(float(typical_size(V).min(initial=math.inf)) for V in self.inputs.arrays.values())
        thrice, third = (self._answer({name: s * V for name, V in u.items()}) for s in (3, 1 / 3))
        apart = {name: distance(thrice[name], 3 * V.astype(np.float64)) for name, V in A.items()}
        nearer = {name: min(apart[name], 3 * distance(third[name], V / 3)) for name, V in A.items()}
        few = {name: ROUNDING * off if off <= NEARLY * size_of(A[name]) else 0.0 for name, off in nearer.items()}
        for s in (0.0, 2.0**far, -(2.0**-far)):
            found = self._answer({name: s * V for name, V in u.items()})
            off = [
                name
                for name, V in A.items()
                if not distance(found[name], s * V.astype(np.float64))
                <= abs(s) * (share[name] * size_of(V) + floor[name] + few[name] + nondeterminism) + least[name]
            ]
            if off:
                rounded = s and all(few[name] > share[name] * size_of(A[name]) for name in off)
                advice = ": if its numbers are rounded, nondeterminism says how far" if rounded else ""
                yield f"{self.name}({s:g} u) is not {s:g} {self.name}(u), for {', '.join(off)}{advice}"
        floor = {name: max(floor[name], REORDERED * share[name] ** 2 / smallest, ROUNDING * apart[name]) for name in A}
        # The code is given w, which is u + v rounded to its dtype, and then w - u in place of v: the dtype holds that.
        w = held(self.domain, {name: u[name] + V / 2 for name, V in drawn(self.domain, rng).items()})
        B, both = self._answer({name: V - u[name] for name, V in w.items()}), self._answer(w)
        off = [
            name
            for name, V in A.items()
            if not distance(both[name], V.astype(np.float64) + B[name])
            <= share[name] * (size_of(V) + size_of(B[name])) + 2 * floor[name] + 2 * least[name]
        ]
        if off:
            yield f"{self.name}(u + v) is not {self.name}(u) + {self.name}(v), for {', '.join(off)}"


@dataclass(eq=False)
class Columns:
    """A jvp as a pullback: it is asked for the derivative in every entry of the point, or along `directions`, and these
    make up the gradient of ⟨u, f⟩."""

    forward: Operator
    directions: Sequence[Arrays] = ()
    known: dict[bytes, list[Arrays]] = field(default_factory=dict)  # by point, of which few are asked

    def __call__(self, point: Arrays, u: Arrays) -> dict[str, Any]:
        key = b"".join(V.tobytes() for V in point.values())
        if key not in self.known:
            self.known[key] = list(self._columns(point))
        columns = self.known[key]
        dtype = np.result_type(*{V.dtype for column in columns[:1] for V in column.values()} or {np.dtype(np.float64)})
        coarse = any(leaves.is_bfloat16(leaf.value) for leaf in self.forward.range.leaves if leaf.array is not None)
        slopes = iter([sum(float(np.sum(V * u[name])) for name, V in column.items() if u[name].any())
                       for column in columns])  # fmt: skip
        found = {k: np.array([next(slopes) for _ in range(V.size)], dtype).reshape(V.shape) for k, V in point.items()}
        return {k: leaves.Coarse(V) for k, V in found.items()} if coarse else found

    def _columns(self, point: Arrays) -> Iterator[Arrays]:
        if self.directions:
            (T,) = point.values()
            point = stepped(self.forward.inputs.arrays, T, self.directions)
        for v in self.directions or _units(point):
            yield Gradient.of(self.forward(point, v), self.forward.range.arrays).arrays


def _units(point: Arrays) -> Iterator[Arrays]:
    """The unit direction of each entry."""
    zeros = {name: np.zeros(V.shape) for name, V in point.items()}
    for name, V in point.items():
        for index in np.ndindex(V.shape):
            unit = zeros[name].copy()
            unit[index] = 1.0
            yield {**zeros, name: unit}


@dataclass(frozen=True, eq=False)
class Whole:
    """A Jacobian given whole, as a pullback."""

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
        coarse = set[str]()
        after: tuple[int, ...] = sum((V.shape for V in inputs.arrays.values()), ())
        for output, J in outputs.beside(given, "jacobian", after=after).values():
            before = () if output is None or output.array is None else output.array.shape
            for leaf, block in inputs.beside(J, "jacobian", before=before).values():
                if output is None or leaf is None or output.array is None or leaf.array is None or block is None:
                    continue
                where, shape = f"jacobian{output.path}{leaf.path}", output.array.shape + leaf.array.shape
                V = leaves.numbers(leaves.dense(block) if leaves.is_sparse(block) else block)
                if V is None or V.shape != shape:
                    is_now = f"has shape {V.shape}" if V is not None else f"is {type(block).__name__}"
                    raise ValueError(f"{where} {is_now}, expected {shape}: output, then input")
                G = np.tensordot(u[output.name], V, output.array.ndim).astype(np.result_type(V, np.float16))
                found[leaf.name] = found.get(leaf.name, 0) + G
                coarse |= {leaf.name} if leaves.is_bfloat16(block) else set()
        made = {name: np.asarray(found.get(name, np.zeros_like(V))) for name, V in inputs.arrays.items()}
        return {name: leaves.Coarse(V) if name in coarse else V for name, V in made.items()}
