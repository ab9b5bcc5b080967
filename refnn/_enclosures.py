"""Where the true derivative is: enclosed by the lines of network.py on balls, and confirmed by the chain rule alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from refnn import _declaration, _shapes
from refnn.network import backprop, cost_from_Z, forward_prop
from refnn.numbers import balls
from refnn.numbers.arrays import Objects, map_entries
from refnn.numbers.dual import Dual
from refnn.numbers.hexfloat import FloatArray

FloatArrays = dict[str, FloatArray]

FIRST_BITS, LAST_BITS = 128, 16384
TIGHT = 2.0**-20  # of an ulp; a narrower enclosure would not change what is printed
ONE_BY_ONE = 100_000  # products of numbers up to which every entry gets a direction of its own: about a second


@dataclass(frozen=True, eq=False)
class Point:
    """What a certificate is of: a gradient, where it was taken, and of what network."""

    params: FloatArrays
    X: FloatArray
    Y: FloatArray
    grads: FloatArrays
    hidden: str | tuple[str, ...]
    output: tuple[str, str]


def products(point: Point) -> int:
    """How many products of numbers one forward pass takes."""
    return int(point.X.shape[1] * sum(V.size for key, V in point.params.items() if key[0] == "W"))


def enclosed(point: Point) -> tuple[dict[str, Objects], int]:
    """Enclosures of the derivatives, from the first precision at which each is narrow enough, or from the last."""
    bits = FIRST_BITS
    while True:
        try:
            truth = by_backprop(point, bits)
            with balls.precision(bits):
                width = max(_width(truth[key], dV.dtype) for key, dV in point.grads.items())
        except ArithmeticError as kink:
            if bits == LAST_BITS:
                raise ArithmeticError(f"layer {_layer_on_a_kink(point, bits)}, with {bits} bits: {kink}") from None
            width = np.inf
        if width <= TIGHT or bits == LAST_BITS:
            return truth, bits
        bits *= 2


def by_backprop(point: Point, bits: int) -> dict[str, Objects]:
    """Balls around "dW1" … "dbL" and "dA0" … "dA{L-1}", from the source that users run on floats."""
    with balls.precision(bits):
        params = {key: balls.to_balls(V) for key, V in point.params.items()}
        AL, caches = forward_prop(balls.to_balls(point.X), params, hidden=point.hidden, output=point.output)
        return backprop(AL, balls.to_balls(point.Y), caches, hidden=point.hidden, output=point.output)


def _layer_on_a_kink(point: Point, bits: int) -> int:
    """The first layer whose activation does not know the side of its kink."""
    L = len(point.params) // 2
    with balls.precision(bits):
        for l in range(1, L):
            below = {key: balls.to_balls(point.params[key]) for key in _shapes.keys(l + 1)}
            try:
                forward_prop(balls.to_balls(point.X), below, hidden=point.hidden, output="identity")
            except ArithmeticError:
                return l
    return L


def confirm(point: Point, truth: dict[str, Objects], bits: int, seed: int = 0) -> str:
    """Hold `truth` against forward derivatives of the cost, by every W, b and A; the text says what was compared.

    In one direction for each entry where that is affordable. Else in one for each array, of random signs from `seed`,
    scaled by powers of two so that no entry counts for much less than another.

    Raises
    ------
    ArithmeticError
        If an enclosure of `truth` and its forward derivative are disjoint: one of the two is not the derivative.
    """
    entries = sum(dV.size for dV in truth.values())
    every_entry, rng = entries * products(point) <= ONE_BY_ONE, np.random.default_rng(seed)
    with balls.precision(bits):
        params = {key: balls.to_balls(V) for key, V in point.params.items()}
        _, caches = forward_prop(balls.to_balls(point.X), params, hidden=point.hidden, output=point.output)
        for l, ((A, _, _), _) in enumerate(caches):
            known = {key: truth[f"d{key}"] for key in [*(params if l == 0 else ()), f"A{l}"]}
            size = sum(dV.size for dV in known.values())
            directions = np.eye(size, dtype=int).astype(object) if every_entry else _signs(known, rng)
            slopes = _forward_derivatives(point, {**params, f"A{l}": A}, list(known), directions)
            flat = np.concatenate([dV.ravel() for dV in known.values()])
            if not all(slope.overlaps(dV) for slope, dV in zip(slopes, flat @ directions, strict=True)):
                raise ArithmeticError(
                    f"backprop on balls and the forward derivative by {', '.join(known)} are disjoint"
                )
    if every_entry:
        return f"forward derivatives of the cost in all {entries} directions"
    return f"forward derivatives of the cost in one direction of random signs in each of {len(truth)} arrays"


def _signs(known: dict[str, Objects], rng: np.random.Generator) -> Objects:
    """A column for each array, 0 elsewhere: integers of random sign, the larger the smaller its derivatives are."""
    columns = np.zeros((sum(dV.size for dV in known.values()), len(known)), dtype=object)
    first = 0
    for column, dV in enumerate(known.values()):
        exponents = [balls.exponent(ball) for ball in dV.flat]
        largest = max((e for e in exponents if e is not None), default=0)
        for row, e in enumerate(exponents, first):
            columns[row, column] = int(rng.choice([-1, 1])) << (0 if e is None else largest - e)
        first += dV.size
    return columns


def _forward_derivatives(
    point: Point, arrays: dict[str, Objects], variables: list[str], directions: Objects
) -> Objects:
    """Balls around the derivative of the cost along each column of `directions`, over the variables in turn.

    The last of these is some A_l; the network is the one above it.
    """
    rows, l, L = iter(directions), int(variables[-1][1:]), len(point.params) // 2
    duals = {key: map_entries(lambda ball: Dual(ball, next(rows)), arrays[key]) for key in variables}
    above = {f"{V}{k - l}": duals.get(f"{V}{k}", arrays[f"{V}{k}"]) for k in range(l + 1, L + 1) for V in "Wb"}
    hidden = _declaration.each_layer(point.hidden, L - 1)[l:]
    _, caches = forward_prop(duals[f"A{l}"], above, hidden=hidden, output=point.output)
    _, ZL = caches[-1]
    slopes: Objects = cost_from_Z(ZL, balls.to_balls(point.Y), point.output).tangent
    return slopes


def _width(enclosures: Objects, dtype: np.dtype[Any]) -> float:
    """The largest radius, in ulps of `dtype` at the enclosed number."""
    radii = map_entries(lambda ball: ball.rad(), enclosures)
    return float(balls.upper_bounds(radii / balls.ulps(enclosures, dtype)).max())


def error_bounds(dV: FloatArray, enclosures: Objects) -> FloatArrays:
    """The truth rounded, and upper bounds on |dV - truth|: absolute, relative to |truth|, in ulps of dV's dtype."""
    difference = balls.to_balls(dV) - enclosures
    relative = map_entries(lambda d, truth: d if d.is_zero() else d / truth, difference, enclosures)
    return {
        "truth": balls.nearest(enclosures)[0],
        "absolute": balls.upper_bounds(difference),
        "relative": balls.upper_bounds(relative),
        "ulps": balls.upper_bounds(difference / balls.ulps(enclosures, dV.dtype)),
    }
