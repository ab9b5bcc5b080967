"""The sigmoid network along directions: for networks too large to move every entry, and as a second opinion."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from refnn._progress import bar
from refnn.gradcheck.problem import Array, Network, cost
from refnn.gradcheck.witness import bisection
from refnn.gradcheck.witness.bisection import Search
from refnn.gradcheck.witness.cancellation_free import cost_differences, step
from refnn.gradcheck.witness.estimate import Estimate


class Along:
    """The derivative of the cost along directions in one parameter, by the cancellation-free difference."""

    def __init__(self, net: Network, key: str) -> None:
        self.net, self.key, self.evaluations = net, key, 0

    def __call__(self, V: Array) -> tuple[float, float]:
        """Along V; its rounding error is part of the tolerance of the entries."""
        self.evaluations += 1
        size = float(np.abs(V).max(initial=0)) * max(1, V.shape[1])
        if size == 0:
            return 0.0, 0.0
        h = step(self.net) * 2.0 ** -np.ceil(np.log2(size))
        l = int(self.key[1:])
        D = np.zeros_like(self.net.Z[l])
        rows = np.flatnonzero(V.any(axis=1))
        part = slice(rows[0], rows[-1] + 1)  # a block of entries moves few rows
        moved = V[part] * h
        D[part] = moved @ self.net.A[l - 1] if self.key[0] == "W" else moved
        return float(cost_differences(self.net, l, D[:, None]).sum() / h), 0.0


def searches(
    net: Network,
    given: Mapping[str, Array],
    names: Mapping[str, str],
    scale: Mapping[str, Array],
    tolerance: Mapping[str, Array],
    seed: int,
    progress: bool,
) -> Iterator[tuple[str, Search, int]]:
    """For each parameter its key, the search for wrong entries, and the evaluations that it took."""
    for key in bar(net.keys, "directions", total=len(net.keys), show=progress):
        along = Along(net, key)
        rng = np.random.default_rng([seed, net.keys.index(key)])
        found = bisection.search(names[key], given[key], along, scale[key], tolerance[key], rng)
        yield key, found, along.evaluations


def disagreements(net: Network, estimates: Mapping[str, Estimate], seed: int) -> list[str]:
    """Parameters and activations along which the complex step contradicts the estimates, each in words.

    J(V + i h D) = J(V) + i h (derivative along D) + O(h²): the imaginary part needs no subtraction either, and shares
    no formula with the difference.
    """
    rng = np.random.default_rng(seed)
    found = []
    for key, estimate in estimates.items():
        V = bisection.direction(np.where(estimate.error > estimate.underflow, estimate.error, 0), rng)
        size = float(np.abs(V).max(initial=0))
        if size == 0:
            continue
        h = 2.0 ** (-100 - np.ceil(np.log2(size)))
        l = int(key[1:]) if key[0] == "A" else 0
        X, params, moved = net.A[l], net.above(l), net[key] + 1j * h * V
        with np.errstate(under="ignore"):
            J = cost(params, moved, net.Y) if key[0] == "A" else cost({**params, key: moved}, X, net.Y)
            complex_step = float(J.imag / h)
            difference = float(np.sum(estimate.value * V))
        allowed = 2 * bisection.sum_tolerance(V, estimate.error)
        if not abs(complex_step - difference) <= allowed:
            found.append(
                f"the witnesses disagree along one direction of {key}: cancellation-free difference {difference:.17g}, "
                f"complex step {complex_step:.17g}, tolerance {allowed:.1e}"
            )
    return found
