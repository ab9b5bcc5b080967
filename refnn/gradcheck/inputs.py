"""What may be checked: parameters, networks and gradients as arrays of floats, or an error that says what is wrong."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np

from refnn import _shapes
from refnn._shapes import Array, Misfits


def real_parameters(params: object) -> dict[str, Array]:
    """Copies of a dict of real arrays of any shapes; integers become float64.

    Raises
    ------
    TypeError
        If `params` is no dict with string keys, or an entry holds no real numbers.
    ValueError
        If it is empty, or naming every entry that is not finite.
    """
    if not isinstance(params, Mapping):
        raise TypeError(f"params is {type(params).__name__}, expected a dict of arrays")
    if not params:
        raise ValueError("params is empty, expected at least one array")
    misfits = Misfits()
    arrays = {}
    for key, value in params.items():
        if not isinstance(key, str):
            raise TypeError(f"params has the key {key!r} ({type(key).__name__}), expected strings")
        array = _shapes.number_array(f"params[{key!r}]", value)
        if array.dtype.kind not in "biuf":
            raise TypeError(f"params[{key!r}] has dtype {array.dtype}, expected real numbers")
        misfits.finite(f"params[{key!r}]", array)
        arrays[key] = np.array(array, np.float64 if array.dtype.kind in "biu" else array.dtype)
    misfits.refuse()
    return arrays


def sigmoid_network(params: object, X: object, Y: object) -> tuple[dict[str, Array], Array, Array]:
    """Copies of the parameters and data of one network, of real floats.

    Raises
    ------
    TypeError, ValueError
        Naming every key, shape and entry that does not fit.
    """
    misfits = Misfits()
    arrays = _shapes.layers(params, misfits)
    inputs = _shapes.number_array("X", X)
    W1 = arrays.get("W1", np.empty(0))
    n_0: int | str = W1.shape[1] if W1.ndim == 2 else "n_0"
    if misfits.shape("X", inputs, (n_0, "m"), f"layer 1 takes {n_0} inputs, of m >= 1 examples"):
        misfits.finite("X", inputs)
    last = arrays.get(f"W{len(arrays) // 2}", np.empty(0))
    n_L: int | str = last.shape[0] if last.ndim == 2 else "n_L"
    m: int | str = inputs.shape[1] if inputs.ndim == 2 else "m"
    labels = _shapes.labels(Y, (n_L, m), misfits)
    misfits.refuse()
    named = {"X": inputs, "Y": labels, **arrays}
    for name, array in named.items():
        if array.dtype.kind not in "biuf":
            raise TypeError(f"{name} has dtype {array.dtype}, expected real numbers")
    floats = {k: np.array(V, np.float64 if V.dtype.kind in "biu" else V.dtype) for k, V in named.items()}
    return {key: floats[key] for key in arrays}, floats["X"], floats["Y"]


class UnfitGradientError(ValueError, TypeError):
    """A gradient that cannot be compared: entries missing, extra, misshapen, or of no floating type."""


def gradient_arrays(
    grads: object, params: Mapping[str, Array], activations: Mapping[str, Array] | None = None
) -> tuple[dict[str, Array], dict[str, str]]:
    """The gradients by parameter, and the key under which each was given: "dW1", or "W1" itself.

    Parameters
    ----------
    grads : dict of arrays, or of what `numpy.asarray` reads as one: tensors, lists
    params : dict of arrays, of which each needs a gradient
    activations : dict of arrays "A0" …, optional
        May have a gradient "dA0" … . Without it those are not looked at.

    Raises
    ------
    UnfitGradientError
        A ValueError and TypeError that names everything that does not fit.
    """
    if not isinstance(grads, Mapping):
        raise UnfitGradientError(f"grads is {type(grads).__name__}, expected a dict of arrays")
    plain, prefixed = {key: key for key in params}, {key: f"d{key}" for key in params}
    names = min((plain, prefixed), key=lambda keys: sum(name not in grads for name in keys.values()))
    wrong = [f"grads has no {name!r}, the gradient of {key!r}" for key, name in names.items() if name not in grads]
    known = dict(params)
    for key, A in (activations or {}).items():
        if f"d{key}" in grads:
            names[key], known[key] = f"d{key}", A
    wrong += [
        f"grads has an entry {key!r} that belongs to nothing in the function"
        for key in grads
        if key not in names.values() and not (activations is None and re.fullmatch(r"dA\d+", str(key)))
    ]
    arrays = {}
    for key, name in names.items():
        if name in grads:
            try:
                arrays[key] = _float_array(f"grads[{name!r}]", grads[name], known[key])
            except UnfitGradientError as error:
                wrong.append(str(error))
    if wrong:
        raise UnfitGradientError("\n".join(wrong))
    return arrays, names


def _float_array(name: str, value: object, like: Array) -> Array:
    try:
        array = np.array(value)
    except Exception as error:  # whatever a foreign array type raises
        raise UnfitGradientError(f"{name} ({type(value).__name__}) is not an array: {error}") from error
    if array.dtype.kind != "f":
        raise UnfitGradientError(f"{name} has dtype {array.dtype}, expected floating-point numbers")
    if array.shape != like.shape:
        raise UnfitGradientError(f"{name} has shape {array.shape}, expected {like.shape}")
    return array
