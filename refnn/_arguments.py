"""The arguments of each public function of network.py: as arrays of one dtype that fit together, or refused.

Nothing is computed before everything is checked, and nothing of the caller's is changed or handed back: `forward_prop`
and `sigmoid`, whose caches hold their arguments, get copies.
"""

import math
import numbers
from collections.abc import Sequence
from typing import Any

import numpy as np

from refnn import _shapes
from refnn._floats import exp, quiet
from refnn._shapes import Array, Cache, Gradients, Misfits, Params, Rng, number_array, positive, whole


def init_params(layer_dims: object, scale: object, rng: Rng) -> tuple[list[int], Any, np.random.Generator]:
    dims = _shapes.widths(layer_dims)
    if isinstance(scale, str) and scale != "xavier":
        raise ValueError(f"scale is {scale!r}, expected 'xavier' or a positive number")
    if not isinstance(scale, str | numbers.Real):
        raise TypeError(f"scale is {scale!r} ({type(scale).__name__}), expected 'xavier' or a positive number")
    return dims, scale if isinstance(scale, str) else positive("scale", scale), _shapes.generator(rng)


def sigmoid(Z: object) -> Array:
    array = number_array("Z", Z)
    misfits = Misfits()
    misfits.finite("Z", array, limits=True)
    misfits.refuse()
    return np.array(array, dtype=_shapes.common_dtype([array]))


def forward_prop(X: object, params: object) -> tuple[Array, Params]:
    misfits = Misfits()
    X = number_array("X", X)
    arrays = _shapes.layers(params, misfits)
    W1 = arrays.get("W1", np.empty(0))
    n_0: int | str = W1.shape[1] if W1.ndim == 2 else "n_0"
    misfits.shape("X", X, (n_0, "m"), f"layer 1 takes {n_0} inputs, of m >= 1 examples")
    misfits.finite("X", X)
    misfits.refuse()
    dtype = _shapes.common_dtype([X, *arrays.values()])
    return np.array(X, dtype=dtype, order="C"), {key: np.array(V, dtype=dtype, order="C") for key, V in arrays.items()}


def cost_function(AL: object, Y: object) -> tuple[Array, Array]:
    return _with_labels("AL", AL, Y)


def logistic_cost(ZL: object, Y: object) -> tuple[Array, Array]:
    return _with_labels("ZL", ZL, Y)


def one_layer_backward(dA: object, cache: object) -> tuple[Array, Cache]:
    misfits = Misfits()
    dA = number_array("dA", dA)
    misfits.shape("dA", dA, ("n_l", "m"), "one derivative for each unit and example")
    misfits.finite("dA", dA)
    misfits.refuse()
    n, m = dA.shape
    parts = _shapes.layer_cache("cache", cache, n, m, misfits)
    misfits.refuse()
    dtype = _shapes.common_dtype([dA, *parts])
    A_prev, W, b, Z = (_shapes.cast(part, dtype) for part in parts)
    return _shapes.cast(dA, dtype), ((A_prev, W, b), Z)


def backprop(AL: object, Y: object, caches: object) -> tuple[Array, Array, list[Cache]]:
    if not isinstance(caches, Sequence) or not caches:
        raise TypeError(f"caches is {caches!r:.60}, expected the list that forward_prop returns with AL")
    misfits = Misfits()
    A, Y = _output("AL", AL, Y, misfits)
    n: int | str
    m: int | str
    n, m = A.shape if A.ndim == 2 else ("n_L", "m")
    layers: list[list[Array]] = []
    for l in range(len(caches), 0, -1):
        layers.insert(0, _shapes.layer_cache(f"caches[{l - 1}]", caches[l - 1], n, m, misfits))
        W = layers[0][1]
        n = W.shape[1] if W.ndim == 2 else f"n_{l - 1}"
    misfits.refuse()
    _same_point(A, layers[-1][-1], misfits)
    misfits.refuse()
    dtype = _shapes.common_dtype([A, *(part for parts in layers for part in parts)])
    cast = [[_shapes.cast(part, dtype) for part in parts] for parts in layers]
    return (
        _shapes.cast(A, dtype),
        _shapes.cast(Y, dtype),
        [((A_prev, W, b), Z) for A_prev, W, b, Z in cast],
    )


@quiet
def _same_point(A: Array, Z: Array, misfits: Misfits) -> None:
    """AL of another forward pass than caches would make a gradient of neither."""
    if A.dtype.kind == Z.dtype.kind == "f":
        distance = np.abs(A - 1 / (1 + exp(-Z)))
        # Two right sigmoids are not further apart than a few roundings of numbers up to 1, in the coarser dtype.
        wrong = distance > 8 * max(np.finfo(A.dtype).eps, np.finfo(Z.dtype).eps)
        misfits.entries("AL", A, wrong, "σ of the last Z of caches")


def update_parameters(params: object, grads: object, learning_rate: object) -> tuple[Params, Gradients, Any]:
    misfits = Misfits()
    arrays = _shapes.layers(params, misfits)
    slopes = _shapes.gradients(grads, arrays, misfits)
    misfits.refuse()
    dtype = _shapes.common_dtype([*arrays.values(), *slopes.values()])
    if dtype.kind != "O" or not hasattr(learning_rate, "exp"):
        learning_rate = positive("learning_rate", learning_rate, dtype)
    return (
        {key: V.astype(dtype) for key, V in arrays.items()},
        {key: dV.astype(dtype) for key, dV in slopes.items()},
        learning_rate,
    )


def train(
    X: object,
    Y: object,
    layer_dims: object,
    epochs: object,
    lr: object,
    batch_size: int | None,
    rng: Rng,
    params: object,
    progress: object,
) -> tuple[Array, Array, list[int], int, Any, int | None, np.random.Generator, Params | None]:
    if not (progress is None or isinstance(progress, bool) or callable(progress)):
        raise TypeError(f"progress is {progress!r} ({type(progress).__name__}), expected True, None or a callable")
    dims = _shapes.widths(layer_dims)
    misfits = Misfits()
    passes: int = misfits.attempt(whole, "epochs", epochs, 0)
    X = number_array("X", X)
    fits = misfits.shape("X", X, (dims[0], "m"), f"layer_dims starts with {dims[0]} inputs, of m >= 1 examples")
    misfits.finite("X", X)
    m: int | str = X.shape[1] if fits else "m"
    Y = _shapes.labels(Y, (dims[-1], m), misfits)
    start = None if params is None else _shapes.layers(params, misfits, dims)
    dtype = _shapes.common_dtype([X, *(start or {}).values()])
    misfits.attempt(positive, "lr", lr, dtype)
    if batch_size is not None:
        batch_size = misfits.attempt(whole, "batch_size", batch_size, 1, X.shape[1] if fits else math.inf)
    misfits.refuse()
    start = start and {key: V.astype(dtype) for key, V in start.items()}
    return X.astype(dtype), Y, dims, passes, lr, batch_size, _shapes.generator(rng), start


def predict(threshold: object) -> float:
    number = float(_shapes.real("threshold", threshold))
    if not 0 <= number <= 1:
        raise ValueError(f"threshold is {threshold}, expected a number in [0, 1]")
    return number


def _with_labels(name: str, V: object, Y: object) -> tuple[Array, Array]:
    """The output and its labels in one dtype: that of the output, as labels are mostly given in integers."""
    misfits = Misfits()
    V, Y = _output(name, V, Y, misfits)
    misfits.refuse()
    dtype = _shapes.common_dtype([V])
    return _shapes.cast(V, dtype), _shapes.cast(Y, dtype)


def _output(name: str, V: object, Y: object, misfits: Misfits) -> tuple[Array, Array]:
    """AL or ZL, and labels of its shape."""
    array = number_array(name, V)
    fits = misfits.shape(name, array, ("n_L", "m"), "one row for each output, one column for each example")
    misfits.finite(name, array, limits=name == "ZL")
    if name == "AL":
        misfits.unit_interval(name, array, "an activation")
    return array, _shapes.labels(Y, array.shape if fits else ("n_L", "m"), misfits)
