"""The derivative of any function in every entry: by the complex step or, where f does not carry it, by differences."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from refnn._progress import bar
from refnn.gradcheck.problem import Array
from refnn.gradcheck.verdict.result import Testimony
from refnn.gradcheck.witness import central, complex_step
from refnn.gradcheck.witness.estimate import Estimate
from refnn.gradcheck.witness.function import Behaviour, Place, Scalar, random_direction

PLACES_PER_TASK = 32
NUDGE = 2.0**-20  # to a neighbouring point, in typical sizes: far enough for central differences to see a change
ROUNDOFF = float(np.finfo(np.float64).eps) / 2


@dataclass
class Findings:
    """What was found at each of a number of places, all arrays of their length."""

    value: Array
    error: Array
    precision: complex_step.Precision
    flat: Array
    kink: Array
    testimony: tuple[Testimony, ...]

    def estimates(self, params: Mapping[str, Array]) -> dict[str, Estimate]:
        """By parameter, if the places were those of all of them."""
        parts = zip(*(split(V, params) for V in (self.value, self.error, self.flat, self.kink)), strict=True)
        return {key: Estimate(*part) for key, part in zip(params, parts, strict=True)}

    def allowances(self, params: Mapping[str, Array], dtypes: Mapping[str, np.dtype[Any]]) -> dict[str, Array]:
        """How far rounding in each gradient's dtype may take it, if it is right."""
        by_dtype = {
            dtype: split(self.precision.error(self.value, float(np.finfo(dtype).eps) / 2), params)
            for dtype in set(dtypes.values())
        }
        return {key: by_dtype[dtypes[key]][i] for i, key in enumerate(params)}


class Workers:
    """Runs a function over many places, in this process or shared out, with a bar on a terminal."""

    def __init__(self, executor: Executor | None = None, progress: bool = False) -> None:
        self.executor, self.progress = executor, progress

    def __call__(self, work: Callable[[list[Place]], Iterable[Any]], places: list[Place], label: str) -> list[Any]:
        tasks = [places[k : k + PLACES_PER_TASK] for k in range(0, len(places), PLACES_PER_TASK)]
        pieces = (map if self.executor is None else self.executor.map)(work, tasks)
        return [result for piece in bar(pieces, label, total=len(tasks), show=self.progress) for result in piece]


def every_place(params: Mapping[str, Array]) -> list[Place]:
    return [(key, index) for key, V in params.items() for index in range(V.size)]


def split(flat: Array, params: Mapping[str, Array]) -> list[Array]:
    """One value for every place, as arrays like the parameters."""
    ends = np.cumsum([V.size for V in params.values()])[:-1]
    return [part.reshape(V.shape) for part, V in zip(np.split(flat, ends), params.values(), strict=True)]


def by_complex_step(
    function: Scalar, params: dict[str, Array], places: list[Place], rng: np.random.Generator, workers: Workers
) -> Findings:
    """By the complex step."""
    points = complex_step.neighbours(params, rng)
    rows = workers(partial(complex_step.entries, function, points), places, complex_step.NAME)
    values = np.array(rows).reshape(-1, len(points))
    precision = complex_step.precision(values)
    no = np.zeros(len(values), bool)
    return Findings(
        values[:, 0],
        precision.error(values[:, 0], ROUNDOFF),
        precision,
        no,
        no,
        (Testimony(complex_step.NAME, values.size),),
    )


def by_differences(
    function: Scalar,
    params: dict[str, Array],
    behaviour: Behaviour,
    places: list[Place],
    coarsest: np.dtype[Any] | None,
    rng: np.random.Generator,
    workers: Workers,
) -> Findings:
    """By central differences. Of a gradient in float64 their own error exceeds the rounding by far; for a coarser one
    the derivative at a neighbouring point tells how it answers to the rounding of its arguments."""
    work = partial(central.entries, function, params, behaviour)
    found = workers(work, places, central.NAME)
    evaluations = sum(d.evaluations for d in found)
    value, error = np.array([d.value for d in found]), np.array([d.error for d in found])
    slope = np.zeros_like(value)
    if coarsest is not None and np.finfo(coarsest).eps > np.finfo(np.float64).eps:
        near = {key: V + NUDGE * random_direction(V, rng) for key, V in params.items()}
        moved = workers(partial(central.entries, function, near, behaviour), places, central.NAME)
        evaluations += sum(d.evaluations for d in moved)
        blur = error + np.array([d.error for d in moved])  # a change within it is none that was seen
        slope = np.maximum(np.abs(np.array([d.value for d in moved]) - value) - blur, 0) / NUDGE
    return Findings(
        value,
        error,
        complex_step.Precision(np.zeros_like(value), slope),
        np.array([d.flat for d in found], bool),
        np.array([d.kink for d in found], bool),
        (Testimony(central.NAME, evaluations),),
    )
