"""Float arrays in JSON without the loss of a bit: {"dtype", "shape", "hex"}, row by row, as C writes %a."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

DTYPES = ("float16", "float32", "float64")

FloatArray = NDArray[np.floating[Any]]


def encode(array: FloatArray) -> dict[str, Any]:
    """A float16, float32 or float64 array as plain JSON values."""
    return {"dtype": array.dtype.name, "shape": list(array.shape), "hex": [float(x).hex() for x in array.flat]}


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object of JSON in which each key stands once, or a reader of the first and one of the last would differ."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


def decode(name: str, value: Any) -> FloatArray:
    """The array that `encode` wrote; a ValueError that begins with `name` for anything else."""
    if not isinstance(value, dict) or set(value) != {"dtype", "shape", "hex"}:
        raise ValueError(f"{name} is not an object with dtype, shape and hex")
    dtype, shape, numerals = value["dtype"], value["shape"], value["hex"]
    if dtype not in DTYPES:
        raise ValueError(f"{name} has dtype {dtype!r}, expected one of {', '.join(DTYPES)}")
    if not isinstance(shape, list) or not all(type(n) is int and n >= 0 for n in shape):
        raise ValueError(f"{name} has shape {shape!r}, expected a list of sizes")
    if not isinstance(numerals, list) or len(numerals) != math.prod(shape):
        raise ValueError(f"{name} needs {math.prod(shape)} numbers for shape {shape}")
    floats = np.array([_float(name, numeral) for numeral in numerals], dtype=np.float64)
    with np.errstate(over="ignore"):
        array: FloatArray = floats.astype(dtype).reshape(shape)
    if not np.array_equal(array.ravel(), floats, equal_nan=True):
        raise ValueError(f"{name} has numbers that are not {dtype}")
    return array


def _float(name: str, numeral: Any) -> float:
    try:
        return float.fromhex(numeral)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{name} has {numeral!r}, expected a hexadecimal float") from None
