"""Object arrays, entry by entry."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Objects = NDArray[np.object_]
Kind = TypeVar("Kind")


def map_entries(function: Callable[..., Any], *arrays: NDArray[Any]) -> Objects:
    """Apply a function to each entry; an object array also when the result is an array or there is no entry."""
    result = np.empty(arrays[0].shape, dtype=object)
    for index in np.ndindex(result.shape):
        result[index] = function(*(array[index] for array in arrays))
    return result


def entrywise(operator: Callable[[Kind, Any], Kind]) -> Callable[[Kind, Any], Kind]:
    """An operator of a kind of number that leaves an array on its right to NumPy, which takes entry by entry."""

    @wraps(operator)
    def operate(self: Kind, other: Any) -> Kind:
        return NotImplemented if isinstance(other, np.ndarray) else operator(self, other)

    return operate
