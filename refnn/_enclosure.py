"""Rigorous enclosures of the true derivative, by two ways that share no formula of backpropagation.

`by_backprop` runs the lines of `network.py` on balls. `by_forward_derivatives` applies the chain rule of dual numbers
to the cost alone, in one direction for each entry where that is affordable, else in one direction of random signs. An
enclosure counts once both overlap.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from refnn import _shapes
from refnn.network import backprop, forward_prop, logistic_cost
from refnn.numbers import balls, hexfloat
from refnn.numbers.dual import Dual
from refnn.numbers.hexfloat import FloatArray

Objects = NDArray[np.object_]
FloatArrays = dict[str, FloatArray]

_ONE_BY_ONE = 100_000  # products of numbers up to which every entry gets a direction of its own: about a second


def inputs(
    X: object, Y: object, params: object, grads: object
) -> tuple[FloatArray, FloatArray, FloatArrays, FloatArrays]:
    """The arguments of `certify` as arrays of the floats that they hold, or everything that is wrong with them."""
    misfits = _shapes.Misfits()
    arrays = _shapes.layers(params, misfits)
    misfits.refuse()
    L = len(arrays) // 2
    X = _shapes.number_array("X", X)
    n_0 = arrays["W1"].shape[1]
    fits = misfits.shape("X", X, (n_0, "m"), f"layer 1 takes {n_0} inputs, of m >= 1 examples")
    misfits.finite("X", X)
    m: int | str = X.shape[1] if fits else "m"
    Y = _shapes.labels(Y, (arrays[f"W{L}"].shape[0], m), misfits)
    slopes = _shapes.gradients(grads, arrays, misfits)
    for l in range(L):
        if isinstance(grads, Mapping) and (key := f"dA{l}") in grads:
            slopes[key] = _shapes.number_array(f"grads[{key!r}]", grads[key])
            misfits.shape(f"grads[{key!r}]", slopes[key], (arrays[f"W{l + 1}"].shape[1], m), "one for each A")
            misfits.finite(f"grads[{key!r}]", slopes[key])
    misfits.refuse()
    return (
        _floats("X", X),
        _floats("Y", Y),
        {key: _floats(f"params[{key!r}]", V) for key, V in arrays.items()},
        {key: _floats(f"grads[{key!r}]", dV) for key, dV in slopes.items()},
    )


def _floats(name: str, array: NDArray[Any]) -> FloatArray:
    if array.dtype.kind in "biu":
        floats = array.astype(np.float64)
        if (floats.astype(object) == array.astype(object)).all():
            return floats
        raise ValueError(f"{name} has integers that float64 cannot hold")
    if array.dtype.name not in hexfloat.DTYPES:
        raise TypeError(f"{name} has dtype {array.dtype}, expected {', '.join(hexfloat.DTYPES)} or integers")
    copy: FloatArray = array.copy()
    return copy


def by_backprop(X: FloatArray, Y: FloatArray, params: FloatArrays, bits: int) -> dict[str, Objects]:
    """Balls around "dW1" … "dbL" and "dA0" … "dA{L-1}", from the source that users run on floats."""
    with balls.precision(bits):
        AL, caches = forward_prop(balls.to_balls(X), {key: balls.to_balls(V) for key, V in params.items()})
        return backprop(AL, balls.to_balls(Y), caches)


def confirm(X: FloatArray, Y: FloatArray, params: FloatArrays, truth: dict[str, Objects], bits: int) -> str:
    """Hold `truth` against forward derivatives of the cost; the text says what was compared.

    Raises
    ------
    ArithmeticError
        If an enclosure of `truth` and its forward derivative are disjoint: one of the two is not the derivative.
    """
    variables = {**params, "A0": X}
    size = sum(V.size for V in variables.values())
    products = X.shape[1] * sum(W.size for key, W in params.items() if key.startswith("W"))
    every_entry = size * products <= _ONE_BY_ONE
    signs = np.random.default_rng(0).choice([-1, 1], size)
    directions = np.eye(size, dtype=int) if every_entry else signs[:, None]
    with balls.precision(bits):
        flat = np.concatenate([truth[f"d{name}"].ravel() for name in variables])
        slopes = by_forward_derivatives(X, Y, params, directions)
        if not all(slope.overlaps(known) for slope, known in zip(slopes, flat @ directions, strict=True)):
            raise ArithmeticError("backprop on balls and the forward derivative of the cost are disjoint")
    if every_entry:
        return f"forward derivatives of the cost in all {size} directions"
    return f"a forward derivative of the cost in one direction of random signs over all {size} variables"


def by_forward_derivatives(X: FloatArray, Y: FloatArray, params: FloatArrays, directions: NDArray[Any]) -> Objects:
    """Balls around the derivative of (D5) along each column of `directions`, over W1, b1 … and then X."""
    rows = iter(directions)
    duals = {}
    for name, V in {**params, "A0": X}.items():
        duals[name] = balls.to_balls(V)
        for index, ball in np.ndenumerate(duals[name]):
            duals[name][index] = Dual(ball, next(rows).astype(object))
    _, caches = forward_prop(duals.pop("A0"), duals)
    _, ZL = caches[-1]
    slopes: Objects = logistic_cost(ZL, balls.to_balls(Y)).tangent
    return slopes


def width(enclosures: Objects, dtype: np.dtype[Any]) -> float:
    """The largest radius, in ulps of `dtype` at the enclosed number."""
    radii = np.frompyfunc(lambda ball: ball.rad(), 1, 1)(enclosures)
    return float(balls.upper_bounds(radii / balls.ulps(enclosures, dtype)).max())


def errors(dV: FloatArray, enclosures: Objects) -> FloatArrays:
    """Upper bounds on |dV - truth|: absolute, relative to |truth|, and in ulps of dV's dtype at the truth."""
    difference = balls.to_balls(dV) - enclosures
    relative = np.frompyfunc(lambda d, truth: d if d.is_zero() else d / truth, 2, 1)(difference, enclosures)
    return {
        "absolute": balls.upper_bounds(difference),
        "relative": balls.upper_bounds(relative),
        "ulps": balls.upper_bounds(difference / balls.ulps(enclosures, dV.dtype)),
    }
