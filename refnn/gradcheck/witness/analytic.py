"""Whether f is made of analytic operations alone, found out by running it once on numbers that allow no others.

The complex step is the derivative of a function that is analytic, and silently something else of one that takes abs,
real parts or casts on the way. `Analytic` holds complex numbers and refuses all that might lose an imaginary part. It
is no ndarray, so that NumPy asks it before every operation, and nothing gets round it by a conversion. Comparisons are
allowed: they choose a branch, and along a branch f is analytic; the kink between two is the business of others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from refnn._shapes import Array

UFUNCS = {
    *(np.add, np.subtract, np.multiply, np.true_divide, np.negative, np.positive, np.reciprocal, np.square, np.sqrt),
    *(np.power, np.matmul, np.exp, np.exp2, np.expm1, np.log, np.log2, np.log10, np.log1p),
    *(np.sin, np.cos, np.tan, np.arcsin, np.arccos, np.arctan),
    *(np.sinh, np.cosh, np.tanh, np.arcsinh, np.arccosh, np.arctanh, np.maximum, np.minimum),
}
COMPARISONS = {np.greater, np.greater_equal, np.less, np.less_equal, np.equal, np.not_equal}
FUNCTIONS = {
    *(np.sum, np.mean, np.prod, np.cumsum, np.cumprod, np.diff, np.dot, np.inner, np.outer, np.tensordot, np.einsum),
    *(np.trace, np.diag, np.diagonal, np.tril, np.triu, np.where, np.max, np.min, np.sort, np.take, np.take_along_axis),
    *(np.reshape, np.ravel, np.transpose, np.swapaxes, np.moveaxis, np.squeeze, np.expand_dims, np.broadcast_to),
    *(np.concatenate, np.stack, np.vstack, np.hstack, np.split, np.pad, np.roll, np.flip, np.repeat, np.tile),
    *(np.atleast_1d, np.atleast_2d, np.append, np.average, np.fft.fft, np.fft.ifft, np.convolve, np.zeros_like),
    *(np.linalg.solve, np.linalg.inv, np.linalg.det, np.linalg.matrix_power),
}
METHODS = {
    *("sum", "mean", "prod", "cumsum", "cumprod", "dot", "trace", "diagonal", "max", "min", "take"),
    *("reshape", "ravel", "flatten", "transpose", "swapaxes", "squeeze", "copy", "repeat"),
}
SIZES = {"shape", "ndim", "size", "dtype"}
CHOICES = {np.argmax, np.argmin, np.argsort, np.shape, np.ndim, np.size, np.ones_like}  # numbers of no consequence


class Analytic(NDArrayOperatorsMixin):
    """An array of complex numbers with which only analytic things can be done."""

    def __init__(self, array: Any) -> None:
        self._array = np.asarray(array)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **keywords: Any) -> Any:
        if ufunc not in UFUNCS | COMPARISONS or "out" in keywords:
            return NotImplemented
        result = getattr(ufunc, method)(*_plain(inputs), **keywords)
        return result if ufunc in COMPARISONS else _wrapped(result)

    def __array_function__(self, function: Callable[..., Any], types: Any, inputs: Any, keywords: Any) -> Any:
        if function not in FUNCTIONS | CHOICES or keywords.get("out") is not None:
            return NotImplemented
        result = function(*_plain(inputs), **_plain(keywords))
        return result if function in CHOICES else _wrapped(result)

    def __getattr__(self, name: str) -> Any:
        if name in SIZES:
            return getattr(self._array, name)
        if name == "T":
            return Analytic(self._array.T)
        if name in METHODS:
            return lambda *inputs, **keywords: _wrapped(getattr(self._array, name)(*_plain(inputs), **keywords))
        raise AttributeError(f"{name} is not known to be analytic")

    def __getitem__(self, index: Any) -> Analytic:
        return Analytic(self._array[_plain(index)])

    def __len__(self) -> int:
        return len(self._array)

    def __array__(self, *_: Any, **__: Any) -> Array:
        raise TypeError("a conversion may lose the imaginary part")


def _plain(value: Any) -> Any:
    if isinstance(value, Analytic):
        return value._array
    if isinstance(value, tuple | list):
        return type(value)(map(_plain, value))
    return {key: _plain(part) for key, part in value.items()} if isinstance(value, dict) else value


def _wrapped(value: Any) -> Any:
    return type(value)(map(_wrapped, value)) if isinstance(value, tuple | list) else Analytic(value)


def is_analytic(f: Callable[[dict[str, Any]], Any], params: Mapping[str, Array]) -> bool:
    """Whether f does nothing but analytic operations at these parameters; not, where it cannot be told."""
    try:
        with np.errstate(all="ignore"):
            return isinstance(f({key: Analytic(V + 0j) for key, V in params.items()}), Analytic)
    except Exception:  # it does something else, or takes no arrays but NumPy's
        return False
