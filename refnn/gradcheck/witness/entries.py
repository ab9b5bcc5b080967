"""The derivative of any function in every entry: by the complex step or, where f does not carry it, by differences."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from refnn._shapes import Array
from refnn.gradcheck.verdict.judgement import Estimate
from refnn.gradcheck.verdict.result import Testimony
from refnn.gradcheck.witness import central, complex_step
from refnn.gradcheck.witness.function import Scalar, random_direction
from refnn.gradcheck.witness.workers import ALONE, Workers

Place = tuple[str, int]  # an entry: the key of its array and its flat index

PLACES_PER_TASK = 32
NUDGE = 2.0**-20  # to a neighbouring point, in typical sizes: far enough for central differences to see a change


@dataclass(frozen=True, eq=False)
class Findings:
    """What was found at each of a number of places, all arrays of their length."""

    value: Array
    error: Array
    precision: complex_step.Precision
    flat: Array
    kink: Array
    testimony: Testimony

    def estimates(self, params: Mapping[str, Array]) -> dict[str, Estimate]:
        """By parameter, if the places were those of all of them."""
        parts = zip(*(_split(V, params) for V in (self.value, self.error, self.flat, self.kink)), strict=True)
        return {key: Estimate(*part) for key, part in zip(params, parts, strict=True)}

    def allowances(self, given: Mapping[str, Array]) -> dict[str, Array]:
        """How far rounding in each gradient's dtype may take it, if it is right."""
        by_dtype = {
            dtype: _split(self.precision.error(self.value, float(np.finfo(dtype).eps) / 2), given)
            for dtype in {V.dtype for V in given.values()}
        }
        return {key: by_dtype[V.dtype][i] for i, (key, V) in enumerate(given.items())}


def every_place(params: Mapping[str, Array]) -> list[Place]:
    return [(key, index) for key, V in params.items() for index in range(V.size)]


def _split(flat: Array, params: Mapping[str, Array]) -> list[Array]:
    """One value for every place, as arrays like the parameters."""
    ends = np.cumsum([V.size for V in params.values()])[:-1]
    return [part.reshape(V.shape) for part, V in zip(np.split(flat, ends), params.values(), strict=True)]


def _at_each(work: Callable[[Sequence[Place]], Any], places: Sequence[Place], workers: Workers, name: str) -> list[Any]:
    tasks = [places[k : k + PLACES_PER_TASK] for k in range(0, len(places), PLACES_PER_TASK)]
    return list(chain.from_iterable(workers(work, tasks, name)))


def by_complex_step(
    function: Scalar, places: Sequence[Place], rng: np.random.Generator, workers: Workers = ALONE
) -> Findings:
    """By the complex step."""
    points = complex_step.neighbours(function, rng)
    rows = _at_each(partial(complex_step.entries, points), places, workers, complex_step.NAME)
    values = np.array(rows).reshape(-1, len(points))
    precision, no = complex_step.precision(values), np.zeros(len(values), bool)
    error = precision.error(values[:, 0], complex_step.ROUNDOFF)
    return Findings(values[:, 0], error, precision, no, no, Testimony(complex_step.NAME, values.size))


def by_differences(
    function: Scalar,
    places: Sequence[Place],
    rng: np.random.Generator,
    workers: Workers = ALONE,
    coarsest: DTypeLike = np.float64,
) -> Findings:
    """By central differences. Of a gradient in float64 their own error exceeds the rounding by far; for a coarser one
    the derivative at a neighbouring point tells how it answers to the rounding of its arguments."""

    def found(point: Scalar) -> tuple[list[central.Derivative], Array, Array]:
        each = _at_each(partial(central.entries, point), places, workers, central.NAME)
        return each, np.array([d.value for d in each]), np.array([d.error for d in each])

    here, value, error = found(function)
    evaluations = sum(d.evaluations for d in here)
    slope = np.zeros_like(value)
    if np.finfo(coarsest).eps > np.finfo(np.float64).eps:
        near = {key: V + NUDGE * random_direction(V, rng) for key, V in function.params.items()}
        there, moved, its_error = found(replace(function, params=near))
        evaluations += sum(d.evaluations for d in there)
        # A change within the errors is none that was seen.
        slope = np.maximum(np.abs(moved - value) - (error + its_error), 0) / NUDGE
    flat, kink = np.array([d.flat for d in here], bool), np.array([d.kink for d in here], bool)
    precision = complex_step.Precision(np.zeros_like(value), slope)
    return Findings(value, error, precision, flat, kink, Testimony(central.NAME, evaluations))
