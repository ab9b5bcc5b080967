"""Arrays of field elements: exact images of numbers, and random points."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .field import ExactnessError, FieldElement, P

Objects = NDArray[np.object_]


def lift(array: ArrayLike) -> Objects:
    """Exact field elements for integers, Fractions and floats (each float is a fraction with a power of two below).

    Parameters
    ----------
    array : array_like of int, float or Fraction, any shape

    Returns
    -------
    object array of FieldElement, the same shape

    Raises
    ------
    ExactnessError
        For NaN, infinity and what is no real number.
    """

    def exact(number: Any) -> FieldElement:
        if not isinstance(number, (float, np.floating)):
            return FieldElement(number)
        if not np.isfinite(number):
            raise ExactnessError(f"{number} has no exact value: expected finite numbers")
        numerator, denominator = number.as_integer_ratio()
        return FieldElement(numerator) / denominator

    return map_entries(exact, np.asarray(array))


def random_point(params: Mapping[str, ArrayLike], *, seed: int = 0) -> dict[str, Objects]:
    """Uniform random field elements in the shapes of `params`, whose values are not used.

    Raises
    ------
    TypeError, ValueError
        If `params` is no dict of arrays, or has no entry.
    """
    if not isinstance(params, Mapping):
        raise TypeError(f"params is {type(params).__name__}, expected a dict of arrays")
    shapes = {name: np.shape(array) for name, array in params.items()}
    if not any(map(math.prod, shapes.values())):
        raise ValueError("params has no entry, expected a dict of arrays")
    rng = np.random.default_rng(seed)
    return {name: map_entries(FieldElement, rng.integers(0, P, size=shape)) for name, shape in shapes.items()}


def map_entries(function: Callable[..., Any], *arrays: NDArray[Any]) -> Objects:
    """Apply a function to each entry; an object array also when the result is an array or there is no entry."""
    result = np.empty(arrays[0].shape, dtype=object)
    for index in np.ndindex(result.shape):
        result[index] = function(*(array[index] for array in arrays))
    return result
