"""The gradient that is judged, and what is known of the formula behind it: nothing, its noise, or all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from refnn._shapes import Array
from refnn.gradcheck.problem import Gradient
from refnn.gradcheck.verdict.judgement import Unknown, quantum
from refnn.gradcheck.witness import complex_step
from refnn.gradcheck.witness.complex_step import LINEAR
from refnn.gradcheck.witness.function import Scalar

MEASURED = 12  # neighbouring points, at which a gradient that is a function is asked for its noise
UNITS = 128.0  # roundoffs apart: so near, f cancels as it does here, and does not end
FINER, BENT = 4.0, 16.0  # spacings in turn; a gradient that bends shows 64 times less of itself at the finer one
SURE = 8.0  # times that noise is allowed, since so few points show it
SHOWS = 0.5  # roundoffs of a coarser dtype, on which SURE counts too: one rounding of an entry shows twice as much
FLOAT32 = 2.0**-24  # its roundoff: nearer points of a coarser dtype are too far apart to tell noise from bends
STRAIGHT = 8.0  # and so many roundoffs of an entry beside it, in place of LINEAR
UNDERFLOW = 16.0  # of the smallest numbers of its dtype, by which a gradient may be off


class Noise(NamedTuple):
    """How the values of a gradient scatter, by entry, where it is asked `near` by and `far` away. What exceeds `half`
    the digits of the largest entry is not taken for rounding, save near by for as much as f's own derivative has."""

    far: Array
    near: Array
    half: Array

    def known(self, entries: Array, of_f: Array | float = 0.0) -> Array:
        far, near, half = (V.ravel()[entries] for V in self)
        return np.maximum(np.minimum(far, half), np.minimum(near, np.maximum(half, of_f)))


@dataclass(frozen=True, eq=False)
class Formula:
    """The gradient that is judged, and what is known of the formula behind it.

    That is nothing, where it came as numbers; the `noise` of its values, where it is a function and was asked nearby;
    and of a declared network the `allowance`, how far rounding may take its usual formulas. `apart` is how far two
    answers may be from each other.
    """

    given: Gradient
    allowance: Mapping[str, Array] | None = None
    noise: Mapping[str, Noise] | None = None
    apart: float = 0.0
    subgradient: bool = False
    gradient: Callable[..., Any] | None = None  # the function that it came from, if it did

    def measured(self, gradient: Callable[..., Any] | None, function: Scalar, rng: np.random.Generator) -> Formula:
        """The same with the noise of the gradient, where that is a function and can be asked at neighbouring points."""
        if gradient is None:
            return self
        coarsest = max(map(self.given.coarsest, self.given.arrays))

        def scatter(spacing: float) -> dict[str, Array]:
            points = complex_step.neighbours(function, rng, spacing, coarsest, MEASURED)[1:]
            others = [Gradient.of(asked(gradient, point.params), function.params).arrays for point in points]
            found = {}
            for key, G in self.given.arrays.items():
                values = np.array([G.ravel(), *(other[key].ravel() for other in others)], np.float64).T
                noise = SURE * np.nan_to_num(complex_step.precision(values)[0])
                found[key] = np.maximum(noise, quantum(values, 2 * self.given.roundoff(key))).reshape(G.shape)
            return found

        try:  # a gradient need not be made for other points than those of the user
            spacing = coarsest ** (1 / 3) / 2  # differences of third order show roundoffs and not the gradient
            far = scatter(spacing)
            while (spacing := spacing / FINER) > UNITS * coarsest:  # unless it bends fast
                finer = scatter(spacing)
                bent = {key: (finer[key] > 0) & (BENT * finer[key] < V) for key, V in far.items()}
                if not any(where.any() for where in bent.values()):
                    break
                far = {key: np.where(bent[key], finer[key], V) for key, V in far.items()}
            near = scatter(UNITS * coarsest) if coarsest > complex_step.ROUNDOFF else far
        except Exception:
            return replace(self, gradient=gradient)
        given = self._as_coarse_as(near) if coarsest <= FLOAT32 else self.given
        largest = self.largest(function)
        half = {key: np.sqrt(2 * given.roundoff(key)) * largest / function.sizes[key] for key in far}
        noise = {key: Noise(far[key], near[key], half[key]) for key in far}
        return replace(self, given=given, noise=noise, apart=getattr(gradient, "apart", 0.0), gradient=gradient)

    def _as_coarse_as(self, noise: Mapping[str, Array]) -> Gradient:
        """The gradient with those of its arrays in a coarser dtype whose noise shows that this has gone into them."""
        coarser = dict(self.given.coarser)
        for key, factor in self.given.perhaps.items():
            size = np.abs(self.given.arrays[key])
            shares = noise[key][size > 0] / size[size > 0]
            if shares.size and np.median(shares) > SHOWS * self.given.coarsest(key):
                coarser[key] = factor
        return replace(self.given, coarser=coarser, perhaps={})

    def largest(self, function: Scalar) -> float:
        """The largest entry of the gradient, each taken times the size of its parameter."""
        with np.errstate(over="ignore"):
            weights = [np.abs(G, dtype=np.float64) * function.sizes[key] for key, G in self.given.arrays.items()]
        return max((float(w[np.isfinite(w)].max(initial=0)) for w in weights), default=0.0)

    def felt(self, key: str) -> float:
        """The roundoff by which the rounding that f shows is scaled: that of the gradient's dtype, or at most that of
        float64 where the noise of the gradient was measured, which then tells of its dtype."""
        return self.given.roundoff(key) if self.noise is None else min(self.given.roundoff(key), complex_step.ROUNDOFF)

    def linear(self, key: str) -> float:
        """The share of an entry that rounding may take where f is straight, so that its own rounding does not show."""
        return (LINEAR if self.noise is None else STRAIGHT) * self.given.roundoff(key)

    def beside(self, key: str, allowance: Array, entries: Array, of_f: Array | float = 0.0) -> Array:
        """The allowance of f's own derivative, with that of the formula and its noise on top, for these entries;
        `of_f` is what a rounding in the gradient's dtype does to f's own derivative."""
        if self.allowance:
            allowance = allowance + self.allowance[key].ravel()[entries]
        return allowance + self.noise[key].known(entries, of_f) + self.apart if self.noise else allowance

    def unknown(self, function: Scalar) -> dict[str, Unknown]:
        """What a formula that is not known may lose by cancellation: roundoffs of the largest numbers about."""
        if self.allowance is not None:
            return {}
        largest = self.largest(function)
        if self.noise is None:  # numbers as large as f itself may be in its formula
            largest = max(abs(function.value), largest)
        unknown = {}
        for key in self.given.arrays:
            u = self.given.roundoff(key)
            roundoff = u * largest / function.sizes[key]
            step = float(quantum(self.given.arrays[key].ravel(), 2 * u))
            least = UNDERFLOW * float(np.finfo(self.given.arrays[key].dtype).smallest_subnormal)
            noise = None if self.noise is None else self.noise[key].near
            unknown[key] = Unknown(roundoff, 2 * u, step, noise, self.subgradient, least)
        return unknown


def asked(gradient: Any, params: Mapping[str, Array]) -> Any:
    return gradient({key: V.copy() for key, V in params.items()})
