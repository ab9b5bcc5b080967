"""The edge: each public function is a plain one of network.py behind a check of its arguments, made by `checked`.

A check has the name and the parameters of its function, and returns them as arrays of one dtype that fit together, or
refuses them: nothing is computed before everything is checked. No array or dict of the caller's is changed or handed
back: `forward_prop` and `sigmoid`, whose caches hold their arguments, get copies.
"""

from __future__ import annotations

import functools
import inspect
import math
import numbers
from collections.abc import Callable, Sequence
from typing import Any, ParamSpec, TypeVar

import numpy as np

from refnn import _declaration, _shapes, layers, network
from refnn._floats import Saturating
from refnn._printing import shown, typed
from refnn._progress import bar
from refnn._shapes import Array, Misfits, Rng, number_array, positive, whole

# glibc hands a large freed array back to the system and takes the next one from there page by page, which can take
# longer than the mathematics on it. One freed block just under 32 MB, its limit, raises that threshold for the process
# (mallopt(3), M_MMAP_THRESHOLD). 64 KB are left for the block's header; nothing is written. Others do not care.
np.empty(2**25 - 2**16, np.uint8)

LARGEST_SCALE = 1e307  # 18 of it overflow, and no normal number that NumPy draws is above 14
RAISES = """Raises
------
TypeError, ValueError
    Naming each argument that does not fit, what it is and what was expected, before anything is computed.
"""
P = ParamSpec("P")
R = TypeVar("R")
Arguments = dict[str, Any]


def checked(core: Callable[P, R], check: Callable[..., Arguments], *, careful: bool = False) -> Callable[P, R]:
    """The core function behind its check, with the core's signature, documentation and types.

    Floating-point warnings are silenced, for an overflow only takes a limit here. If a result is not finite, a sum may
    have met inf - inf: the same lines run again on numbers whose products saturate. A `careful` check has arranged for
    that itself, or there is no sum.
    """
    check.__kwdefaults__ = core.__kwdefaults__

    @functools.wraps(core)
    def public(*args: P.args, **kwargs: P.kwargs) -> R:
        arguments = check(*args, **kwargs)
        with np.errstate(all="ignore"):
            result: Any = core(**arguments)  # type: ignore[call-arg]  # by name, as the check returns them
            if careful:
                result = _each_array(result, np.asarray)
            elif not all(map(_shapes.finite, _returned(result))):
                result = _each_array(core(**_each_array(arguments, _saturating)), np.asarray)  # type: ignore[call-arg]
        return result  # type: ignore[no-any-return]

    public.__doc__ = f"{inspect.cleandoc(core.__doc__ or '')}\n\n{RAISES}"
    public.__module__ = "refnn"  # where it is found, by pickle too
    return public


def _returned(result: Any) -> list[Array]:
    """The arrays of a result, without the cache that is the second of two: a NaN in it reaches the first."""
    parts = result.values() if isinstance(result, dict) else result if isinstance(result, tuple) else (result,)
    parts = parts[:1] if isinstance(parts, tuple) and len(parts) == 2 else parts
    return [V for V in parts if isinstance(V, np.ndarray)]


def _each_array(value: Any, change: Callable[[Array], Any]) -> Any:
    """The value with every array in it changed, however deep it lies in dicts, lists and tuples."""
    if isinstance(value, np.ndarray):
        return change(value)
    if isinstance(value, dict):
        return {key: _each_array(part, change) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_each_array(part, change) for part in value)
    return value


def _saturating(V: Array) -> Array:
    return V.view(Saturating) if V.dtype.kind in "fc" else V


# ---------------------------------------------------------------------- one check for each function


def init_params(layer_dims: object, *, scale: object, rng: Rng) -> Arguments:
    dims = _shapes.widths(layer_dims)
    expected = "'xavier', 'he' or a positive number"
    if isinstance(scale, str):
        if scale not in ("xavier", "he"):
            raise ValueError(f"scale is {shown(scale, repr)}, expected {expected}")
    elif not isinstance(scale, numbers.Real):
        raise TypeError(f"scale is {typed(scale)}, expected {expected}")
    elif (scale := positive("scale", scale)) > LARGEST_SCALE:
        raise ValueError(f"scale is {scale}, expected at most {LARGEST_SCALE}, for weights that float64 can hold")
    return {"layer_dims": dims, "scale": scale, "rng": _shapes.generator(rng)}


def sigmoid(Z: object) -> Arguments:
    array = number_array("Z", Z)
    misfits = Misfits()
    misfits.finite("Z", array, limits=True)
    misfits.refuse()
    return {"Z": np.array(array, dtype=_shapes.common_dtype([array]))}


def forward_prop(X: object, params: object, *, hidden: object, output: object) -> Arguments:
    misfits = Misfits()
    arrays = _shapes.layers(params, misfits)
    W1 = arrays.get("W1", np.empty(0))
    n_0: int | str = W1.shape[1] if W1.ndim == 2 else "n_0"
    X = misfits.array("X", X, (n_0, "m"), f"layer 1 takes {n_0} inputs, of m >= 1 examples")
    misfits.refuse()
    dtype = _shapes.common_dtype([X, *arrays.values()])
    copies = {key: V.astype(dtype, "C") for key, V in arrays.items()}
    words = _words(hidden, len(arrays) // 2 - 1, output)
    return {"X": X.astype(dtype, "C"), "params": copies, **words}


def _words(hidden: object, layers: int, output: object) -> Arguments:
    hidden, output = _declaration.hidden(hidden, layers), _declaration.output(output)
    return {"hidden": _declaration.strict(hidden), "output": _declaration.strict(output)}


def cost_function(AL: object, Y: object, *, output: object) -> Arguments:
    word = _declaration.output(output)
    return {**_with_labels("AL", AL, Y, word), "output": word}


def softmax_cost(ZL: object, Y: object) -> Arguments:
    return _with_labels("ZL", ZL, Y, _declaration.output("softmax"))


def logistic_cost(ZL: object, Y: object) -> Arguments:
    arguments = _with_labels("ZL", ZL, Y, _declaration.output("sigmoid"))
    Z, labels = arguments["ZL"], arguments["Y"]
    if not _shapes.finite(Z):
        # On the label's side infinity costs nothing; 0 times it would be NaN, so the largest number stands in.
        largest = np.copysign(np.finfo(Z.dtype).max, Z.real).astype(Z.dtype)
        arguments["ZL"] = np.where(np.isinf(Z) & (labels == (Z.real > 0)), largest, Z)
    return arguments


def one_layer_backward(dA: object, cache: object, *, activation: object, inputs: bool) -> Arguments:
    misfits = Misfits()
    word = _declaration.strict(_declaration.activation("activation", activation))
    _shapes.switch("inputs", inputs)
    dA = misfits.array("dA", dA, ("n_l", "m"), "one derivative for each unit and example")
    misfits.refuse()
    n, m = dA.shape
    parts = _shapes.layer_cache("cache", cache, n, m, misfits)
    misfits.refuse()
    dtype = _shapes.common_dtype([dA, *parts])
    A_prev, W, b, Z = (_shapes.cast(part, dtype) for part in parts)
    return {"dA": _shapes.cast(dA, dtype), "cache": ((A_prev, W, b), Z), "activation": word, "inputs": inputs}


def backprop(AL: object, Y: object, caches: object, *, hidden: object, output: object, inputs: bool) -> Arguments:
    if not isinstance(caches, Sequence) or not caches:
        raise TypeError(f"caches is {shown(caches, repr)}, expected the list that forward_prop returns with AL")
    _shapes.switch("inputs", inputs)
    words = _words(hidden, len(caches) - 1, output)
    misfits = Misfits()
    A, Y = _output("AL", AL, Y, words["output"], misfits)
    n: int | str
    m: int | str
    n, m = A.shape if A.ndim == 2 else ("n_L", "m")
    parts_of_layers: list[list[Array]] = []
    for l in range(len(caches), 0, -1):
        parts_of_layers.insert(0, _shapes.layer_cache(f"caches[{l - 1}]", caches[l - 1], n, m, misfits))
        W = parts_of_layers[0][1]
        n = W.shape[1] if W.ndim == 2 else f"n_{l - 1}"
    misfits.refuse()
    _same_point(A, parts_of_layers[-1][-1], words["output"], misfits)
    misfits.refuse()
    dtype = _shapes.common_dtype([A, *(part for parts in parts_of_layers for part in parts)])
    cast = [[_shapes.cast(part, dtype) for part in parts] for parts in parts_of_layers]
    return {
        "AL": _shapes.cast(A, dtype),
        "Y": _shapes.cast(Y, dtype),
        "caches": [((A_prev, W, b), Z) for A_prev, W, b, Z in cast],
        **words,
        "inputs": inputs,
    }


def _same_point(A: Array, Z: Array, output: Any, misfits: Misfits) -> None:
    """AL of another forward pass than caches would make a gradient of neither."""
    if A.dtype.kind == Z.dtype.kind == "f":
        with np.errstate(all="ignore"):
            expected = layers.output(output).value(Z)
            if (A == expected).all():
                return
            distance = np.abs(A - expected)
        # Two right activations are not further apart than a few roundings of their size, or of 1, in the coarser dtype.
        wrong = distance > 8 * max(np.finfo(A.dtype).eps, np.finfo(Z.dtype).eps) * np.maximum(np.abs(expected), 1)
        said = "σ" if output[0] == "sigmoid" else "the output"
        misfits.entries("AL", A, wrong, f"{said} of the last Z of caches")


def update_parameters(params: object, grads: object, learning_rate: object) -> Arguments:
    misfits = Misfits()
    arrays = _shapes.layers(params, misfits)
    slopes = _shapes.gradients(grads, arrays, misfits)
    misfits.refuse()
    dtype = _shapes.common_dtype([*arrays.values(), *slopes.values()])
    if dtype.kind != "O" or not hasattr(learning_rate, "exp"):
        learning_rate = positive("learning_rate", learning_rate, dtype)
    return {
        "params": {key: _shapes.cast(V, dtype) for key, V in arrays.items()},
        "grads": {key: _shapes.cast(dV, dtype) for key, dV in slopes.items()},
        "learning_rate": learning_rate,
    }


def train(
    X: object,
    Y: object,
    layer_dims: object,
    epochs: object,
    lr: object,
    *,
    hidden: object,
    output: object,
    batch_size: int | None,
    rng: Rng,
    params: object,
    progress: object,
) -> Arguments:
    if not (progress is None or isinstance(progress, bool) or callable(progress)):
        raise TypeError(f"progress is {typed(progress)}, expected True, None or a callable")
    dims = _shapes.widths(layer_dims)
    words = _words(hidden, len(dims) - 2, output)
    misfits = Misfits()
    passes: int = misfits.attempt(whole, "epochs", epochs, 0)
    X = number_array("X", X)
    fits = misfits.shape("X", X, (dims[0], "m"), f"layer_dims starts with {dims[0]} inputs, of m >= 1 examples")
    misfits.finite("X", X)
    m: int | str = X.shape[1] if fits else "m"
    Y = _shapes.labels_of(words["output"], Y, (dims[-1], m), misfits)
    start = {} if params is None else _shapes.layers(params, misfits, dims)
    dtype = _shapes.common_dtype([X, *start.values()])
    rate = misfits.attempt(positive, "lr", lr, dtype)
    if batch_size is not None:
        batch_size = misfits.attempt(whole, "batch_size", batch_size, 1, X.shape[1] if fits else math.inf)
    misfits.refuse()
    rng = _shapes.generator(rng)
    start = start or network.init_params(dims, rng=rng)
    arguments = {
        "X": np.array(X, dtype=dtype, order="C"),
        "Y": np.array(_shapes.cast(Y, dtype)),
        "layer_dims": dims,
        "epochs": passes,
        "lr": rate,
        **words,
        "batch_size": batch_size,
        "rng": rng,
        "params": {key: V.astype(dtype) for key, V in start.items()},
        "progress": _watch(progress, passes, lr, dtype),
    }
    sizes = [np.abs(V).max() for V in (arguments["X"], *arguments["params"].values()) if dtype.kind in "fc"]
    if sizes and max(sizes) > np.ldexp(np.longdouble(1), np.finfo(dtype).maxexp // 2 - 16):  # a product may overflow
        return {name: value if name == "Y" else _each_array(value, _saturating) for name, value in arguments.items()}
    return arguments


def _watch(progress: Any, epochs: int, lr: object, dtype: np.dtype[Any]) -> Callable[[int, Any], None]:
    """What `train` tells of each epoch: it shows the bar, calls the caller's function, and ends a run that diverged."""
    ticks = bar(range(epochs + 1), "training", total=epochs, show=progress is True)
    next(ticks)
    caller = np.geterr()

    def watch(epoch: int, cost: Any) -> None:
        next(ticks)
        if dtype.kind in "fc" and cost != cost:  # NaN
            raise ValueError(
                f"lr is {shown(lr)}: the cost of epoch {epoch} is {cost}, expected a rate that keeps to {dtype}"
            )
        if callable(progress):
            with np.errstate(**caller):  # floating-point errors are the caller's again
                progress(epoch, cost)

    return watch


def predict(X: object, params: object, *, hidden: object, output: object, threshold: object) -> Arguments:
    number = _shapes.real("threshold", threshold)
    if not 0 <= number <= 1:
        raise ValueError(f"threshold is {shown(threshold)}, expected a number in [0, 1]")
    # A NaN would show as 0, below the threshold, so products saturate from the start.
    arguments = {**forward_prop(X, params, hidden=hidden, output=output), "threshold": float(number)}
    return _each_array(arguments, _saturating)  # type: ignore[no-any-return]


def _with_labels(name: str, V: object, Y: object, output: Any) -> Arguments:
    """The output and its labels in one dtype: that of the output, as labels are mostly given in integers."""
    misfits = Misfits()
    V, Y = _output(name, V, Y, output, misfits)
    misfits.refuse()
    dtype = _shapes.common_dtype([V])
    return {name: _shapes.cast(V, dtype), "Y": _shapes.cast(Y, dtype)}


def _output(name: str, V: object, Y: object, output: Any, misfits: Misfits) -> tuple[Array, Array]:
    """AL or ZL, and labels of its shape."""
    array = number_array(name, V)
    fits = misfits.shape(name, array, ("n_L", "m"), "one row for each output, one column for each example")
    if name == "AL" and output[1] == "cross_entropy":
        misfits.unit_interval(name, array, "an activation")
    else:
        misfits.finite(name, array, limits=name == "ZL")
    return array, _shapes.labels_of(output, Y, array.shape if fits else ("n_L", "m"), misfits)
