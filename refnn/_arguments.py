"""The arguments of each public function of network.py: as arrays of one dtype that fit together, or refused.

Nothing is computed before everything is checked, and nothing of the caller's is changed or handed back: `forward_prop`
and `sigmoid`, whose caches hold their arguments, get copies.
"""

import numbers
from collections.abc import Sequence
from typing import Any

import numpy as np

from refnn import _shapes
from refnn._shapes import Array, Cache, Gradients, Misfits, Params, Rng, number_array, positive, whole


def init_params(layer_dims: object, scale: object, rng: Rng) -> tuple[list[int], Any, np.random.Generator]:
    dims = _shapes.widths(layer_dims)
    if isinstance(scale, str) and scale != "xavier":
        raise ValueError(f"scale is {scale!r}, expected 'xavier' or a positive number")
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
    return np.array(X, dtype=dtype), {key: np.array(V, dtype=dtype) for key, V in arrays.items()}


def cost_function(AL: object, Y: object) -> tuple[Array, Array]:
    misfits = Misfits()
    A = number_array("AL", AL)
    misfits.unit_interval("AL", A, "an activation")
    return _with_labels("AL", A, Y, misfits)


def logistic_cost(ZL: object, Y: object) -> tuple[Array, Array]:
    return _with_labels("ZL", number_array("ZL", ZL), Y, Misfits(), limits=True)


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
    A_prev, W, b, Z = (part.astype(dtype, copy=False) for part in parts)
    return dA.astype(dtype, copy=False), ((A_prev, W, b), Z)


def backprop(AL: object, Y: object, caches: object) -> tuple[Array, Array, list[Cache]]:
    if not isinstance(caches, Sequence) or not caches:
        raise TypeError("caches is not a list of caches, expected those that forward_prop returns with AL")
    misfits = Misfits()
    AL, Y = cost_function(AL, Y)
    n, m = AL.shape
    layers = []
    for l in range(len(caches), 0, -1):
        parts = _shapes.layer_cache(f"caches[{l - 1}]", caches[l - 1], n, m, misfits)
        misfits.refuse()
        layers.append(parts)
        n = parts[1].shape[1]
    dtype = _shapes.common_dtype([AL, *(part for parts in layers for part in parts)])
    cast = [[part.astype(dtype, copy=False) for part in parts] for parts in reversed(layers)]
    return AL.astype(dtype), Y.astype(dtype), [((A_prev, W, b), Z) for A_prev, W, b, Z in cast]


def update_parameters(params: object, grads: object, learning_rate: object) -> tuple[Params, Gradients, Any]:
    misfits = Misfits()
    arrays = _shapes.layers(params, misfits)
    slopes = _shapes.gradients(grads, arrays, misfits)
    misfits.refuse()
    dtype = _shapes.common_dtype([*arrays.values(), *slopes.values()])
    if dtype.kind != "O" or isinstance(learning_rate, numbers.Real):
        learning_rate = positive("learning_rate", learning_rate)
    return (
        {key: V.astype(dtype) for key, V in arrays.items()},
        {key: dV.astype(dtype) for key, dV in slopes.items()},
        learning_rate if dtype.kind == "O" else dtype.type(learning_rate),
    )


def train(
    X: object,
    Y: object,
    layer_dims: object,
    epochs: object,
    lr: object,
    batch_size: object,
    rng: Rng,
    params: object,
    progress: object,
) -> tuple[Array, Array, list[int], int, Any, int | None, np.random.Generator, Params | None]:
    if not (progress is None or isinstance(progress, bool) or callable(progress)):
        raise TypeError(f"progress is {progress!r} ({type(progress).__name__}), expected True, None or a callable")
    misfits = Misfits()
    dims = _shapes.widths(layer_dims)
    epochs, lr = whole("epochs", epochs, 0), positive("lr", lr)
    X = number_array("X", X)
    fits = misfits.shape("X", X, (dims[0], "m"), f"layer_dims starts with {dims[0]} inputs, of m >= 1 examples")
    misfits.finite("X", X)
    m: int | str = X.shape[1] if fits else "m"
    Y = _shapes.labels(Y, (dims[-1], m), misfits)
    start = None if params is None else _shapes.layers(params, misfits, dims)
    misfits.refuse()
    batch = None if batch_size is None else whole("batch_size", batch_size, 1, X.shape[1])
    dtype = _shapes.common_dtype([X, *(start or {}).values()])
    start = start and {key: V.astype(dtype) for key, V in start.items()}
    return X.astype(dtype), Y, dims, epochs, lr, batch, _shapes.generator(rng), start


def predict(threshold: object) -> float:
    number = float(_shapes.real("threshold", threshold))
    if not 0 <= number <= 1:
        raise ValueError(f"threshold is {threshold}, expected a number in [0, 1]")
    return number


def _with_labels(name: str, A: Array, Y: object, misfits: Misfits, *, limits: bool = False) -> tuple[Array, Array]:
    """A and its labels in one dtype: that of A, as labels are mostly given in integers."""
    fits = misfits.shape(name, A, ("n_L", "m"), "one row for each output, one column for each example")
    misfits.finite(name, A, limits=limits)
    Y = _shapes.labels(Y, A.shape if fits else ("n_L", "m"), misfits)
    misfits.refuse()
    dtype = _shapes.common_dtype([A])
    return A.astype(dtype, copy=False), Y.astype(dtype, copy=False)
