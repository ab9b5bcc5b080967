"""Arrays in a report: hexadecimal floats, or the integers of a grid for the larger tables."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from refnn._shapes import Array
from refnn.numbers import hexfloat
from refnn.report.record import Record


def encode(array: Array) -> Record:
    """As `refnn.numbers.hexfloat` does; a number in any other format than float16, 32 and 64 would lose bits."""
    if array.dtype.name not in hexfloat.DTYPES:
        raise TypeError(f"a report holds {', '.join(hexfloat.DTYPES)}, not {array.dtype}")
    return hexfloat.encode(array)


def encode_on_grid(array: Array, unit: float) -> Record:
    """Float64 multiples of a power of two, exactly."""
    return {
        "shape": list(array.shape),
        "unit": unit.hex(),
        "integers": [int(k) for k in (array / unit).flat],
    }


def decode(path: str, value: Record) -> Array:
    """The array that either function wrote; a ValueError that begins with the path for anything else."""
    if "hex" in value:
        return hexfloat.decode(path, value)
    shape, integers = value["shape"], value["integers"]
    if math.prod(shape) != len(integers):
        raise ValueError(f"{path} needs {math.prod(shape)} numbers for shape {shape}, has {len(integers)}")
    return np.array(integers, dtype=np.float64).reshape(shape) * number(f"{path}.unit", value["unit"])


def decode_all(path: str, table: dict[str, Any]) -> dict[str, Array]:
    return {key: decode(f"{path}.{key}", value) for key, value in table.items()}


def number(path: str, value: str) -> float:
    """A hexadecimal float."""
    try:
        return float.fromhex(value)
    except (ValueError, OverflowError):
        raise ValueError(f"{path} is {value!r}, expected a hexadecimal float") from None
