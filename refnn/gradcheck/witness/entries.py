"""The derivative of any function in every entry: by the complex step or, where f does not carry it, by differences."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any

import numpy as np

from refnn._shapes import Array
from refnn.gradcheck.verdict.judgement import Estimate
from refnn.gradcheck.witness import central, complex_step
from refnn.gradcheck.witness.complex_step import LINEAR, ROUNDOFF, SAFETY, Trust
from refnn.gradcheck.witness.function import Scalar
from refnn.gradcheck.witness.workers import ALONE, Workers

Place = tuple[str, int]  # an entry: the key of its array and its flat index

PLACES_PER_TASK = 32


@dataclass(frozen=True, eq=False)
class Findings:
    """What was found at a number of places, as arrays with one number for each.

    `noise` is that of the derivative as f computes it, `slope` its change by the relative change of the parameters.
    """

    value: Array
    error: Array
    noise: Array
    slope: Array
    flat: Array
    kink: Array
    evaluations: Mapping[str, int]  # by witness, of those that were asked

    def estimate(self) -> Estimate:
        return Estimate(self.value, self.error, self.flat, self.kink)

    def allowance(self, linear: float, felt: float) -> Array:
        """How far rounding may take a formula: a share of each entry, and the rounding that f shows, by `felt`."""
        return SAFETY * felt * (self.noise / ROUNDOFF + self.slope) + linear * np.abs(self.value)


def find(
    function: Scalar, points: Sequence[Scalar], trusted: Trust, places: Sequence[Place], workers: Workers = ALONE
) -> Findings:
    """The derivative at each place, by the complex step where it is trusted, else by differences.

    `points` are those of `complex_step.neighbours`.
    """
    size = np.array([function.sizes[key].ravel()[index] for key, index in places])
    least = np.array([trusted.least[key] for key, _ in places])
    n = len(places)
    values = np.full((n, len(points)), np.nan)
    asked = np.flatnonzero(np.isfinite(least))
    rows = _at_each(partial(complex_step.entries, points), places, asked, workers, complex_step.NAME)
    values[asked] = np.array(rows).reshape(-1, len(points))
    noise, slope = complex_step.precision(values, trusted.spacing)
    value = values[:, 0].copy()
    underflow = {key: complex_step.underflow(function.params[key]).ravel() for key in {key for key, _ in places}}
    lost = np.array([underflow[key][index] for key, index in places])
    with np.errstate(invalid="ignore"):
        good = np.isfinite(values).all(axis=1) & (np.abs(value) * size >= least) & np.isfinite(lost)
    error = SAFETY * (noise + ROUNDOFF * slope) + LINEAR * ROUNDOFF * np.abs(value) + function.inexact / size
    error += lost
    flat, kink = np.abs(value) <= error, np.zeros(n, bool)
    others = np.flatnonzero(~good)
    found = _at_each(partial(central.entries, function), places, others, workers, central.NAME)
    for i, d in zip(others, found, strict=True):
        value[i], error[i], noise[i], slope[i], flat[i] = d.value, d.error, 0.0, d.bend * size[i], d.flat
        if d.sides:
            low, high = d.sides
            value[i], error[i], kink[i] = (low + high) / 2, (high - low) / 2, True
    used = ((complex_step.NAME, len(asked) * len(points)), (central.NAME, sum(d.evaluations for d in found)))
    evaluations = {name: count for name, count in used if count}
    return Findings(value, error, noise, slope, flat, kink, evaluations)


def _at_each(
    work: Callable[[Sequence[Place]], Any], places: Sequence[Place], at: Array, workers: Workers, name: str
) -> list[Any]:
    chosen = [places[i] for i in at]
    tasks = [chosen[k : k + PLACES_PER_TASK] for k in range(0, len(chosen), PLACES_PER_TASK)]
    return list(chain.from_iterable(workers(work, tasks, name)))
