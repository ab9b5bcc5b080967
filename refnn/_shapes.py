"""The keys "W1", "b1" …, the shapes that fit together, and the words for those that do not.

What is of the wrong kind is a TypeError at once. A number or word that is none of those expected, and rows of different
lengths, are a ValueError. Keys, shapes and entries of arrays that do not fit are collected in `Misfits` and raised as
one ValueError; what `attempt` calls adds its own to them.
"""

import cmath
import math
import numbers
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import cache
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from refnn._printing import shown, typed

Array: TypeAlias = NDArray[Any]  # of floats, complex numbers, or objects that have + - * /, exp and log
Matrix: TypeAlias = Any  # such an array; for a public function also what NumPy reads as one, a list of lists
Number: TypeAlias = Any  # a scalar of the same kind
Params: TypeAlias = dict[str, Array]  # "W1", "b1" … "WL", "bL"
Gradients: TypeAlias = dict[str, Array]  # "dW1", "db1" … and "dA0" …
LinearCache: TypeAlias = tuple[Array, Array, Array]  # A_prev, W, b
Cache: TypeAlias = tuple[LinearCache, Array]  # and Z
Shape: TypeAlias = tuple[int | str, ...]  # where a name like "m" stands for any positive size
Rng: TypeAlias = int | np.random.Generator | None
NO_NUMBERS = (bool, np.bool, np.timedelta64)  # though they are registered as integers, or derive from them
SMALL = 10_000  # entries; for a larger sum of squares a BLAS may wake its threads


class Misfits(list[str]):
    """Everything found wrong with the arguments of one call, said at once by `refuse`."""

    def refuse(self) -> None:
        if self:
            raise ValueError("\n".join(self))

    def array(self, name: str, value: object, shape: Shape, why: str, *, limits: bool = False) -> Array:
        """The value as an array of numbers, which has to be finite and of this shape."""
        if type(value) is np.ndarray and value.shape == shape and value.dtype.kind == "f" and finite(value):
            return value  # as most are; what follows finds the words for the others
        array = number_array(name, value)
        self.shape(name, array, shape, why)
        self.finite(name, array, limits=limits)
        return array

    def shape(self, name: str, array: Array, expected: Shape, why: str) -> bool:
        """Whether the shape is the expected one, where a name like "m" stands for any positive size."""
        fits = array.shape == expected or (
            array.ndim == len(expected)
            and all(n == size if isinstance(size, int) else n > 0 for n, size in zip(array.shape, expected))
        )
        if not fits:
            sizes = ", ".join(map(str, expected)) + "," * (len(expected) == 1)
            self.append(f"{name} has shape {array.shape}, expected ({sizes}): {why}")
        return fits

    def entries(self, name: str, array: Array, wrong: Array, expected: str) -> None:
        """The first of the entries that are wrong, and how many there are."""
        if wrong.any():
            index = tuple(np.argwhere(wrong)[0])
            more = f" ({wrong.sum()} such entries)" if wrong.sum() > 1 else ""
            self.append(f"{name}{place(index)} is {shown(array[index])}, expected {expected}{more}")

    def finite(self, name: str, array: Array, *, limits: bool = False) -> None:
        """No NaN, and no infinity unless limits are allowed."""
        if array.dtype.kind in "fc" and finite(array):
            return
        values = _plain_numbers(array)
        wrong = np.isnan(values) if limits else ~np.isfinite(values)
        self.entries(name, array, wrong, "a number" if limits else "a finite number")

    def unit_interval(self, name: str, array: Array, what: str) -> None:
        """Every number from 0 to 1; a complex one has to be finite alone."""
        if array.dtype.kind in "biuf" and array.size:
            least, most = array.argmin(), array.argmax()
            if 0 <= array.item(least) and array.item(most) <= 1:
                return  # and no NaN, which both would have found first
        self.finite(name, array)
        if array.dtype.kind != "c":
            values = _plain_numbers(array)
            self.entries(name, array, (values < 0) | (values > 1), f"{what} in [0, 1]")

    def attempt(self, check: Callable[..., Any], *arguments: Any) -> Any:
        """What the check returns, or None with its complaint collected."""
        try:
            return check(*arguments)
        except ValueError as error:
            return self.append(str(error))


# ---------------------------------------------------------------------- one value


def number_array(name: str, value: object) -> Array:
    """The value as an array of numbers, not copied where it is one already."""
    if type(value) is np.ndarray and value.dtype.kind in "fc":
        return value
    if any(isinstance(part, np.ma.MaskedArray) for part in _parts(value)):  # NumPy would take what they hide
        verb = "is" if isinstance(value, np.ma.MaskedArray) else "holds"
        raise TypeError(f"{name} {verb} a masked array, expected one without missing entries")
    try:
        array = np.asarray(value)
    except ValueError:
        raise ValueError(f"{name} has rows of different lengths, expected a rectangular array") from None
    except Exception as error:  # a tensor that requires a gradient, say
        raise TypeError(f"{name} is {type(value).__name__}, expected an array: {shown(error)}") from error
    if array.dtype.kind not in "biufcO":
        raise TypeError(f"{name} has dtype {array.dtype}, expected numbers")
    return _objects(name, array) if array.dtype == object else array


def _parts(value: object) -> Iterator[object]:
    """What lists in lists hold, each list once: one may hold itself."""
    lists: set[int] = set()
    left = [value]
    while left:
        part = left.pop()
        if not isinstance(part, list | tuple):
            yield part
        elif id(part) not in lists:
            lists.add(id(part))
            left += part


def _objects(name: str, array: Array) -> Array:
    """Objects that have exp stay, and fractions, for they are exact; Python's other numbers become NumPy's."""
    plain = [isinstance(x, numbers.Number) and not isinstance(x, np.timedelta64) for x in array.flat]
    for (index, x), is_plain in zip(np.ndenumerate(array), plain):
        if not (_in_range(x) if is_plain else hasattr(x, "exp")):
            error, expected = (ValueError, "a number that a float can hold") if is_plain else (TypeError, "a number")
            raise error(f"{name}{place(index)} is {typed(x)}, expected {expected}")
    if not all(plain) or all(isinstance(x, numbers.Rational) for x in array.flat):
        return array
    real = all(isinstance(x, numbers.Real | Decimal) for x in array.flat)
    return np.asarray(array, np.float64 if real else np.complex128)


def _in_range(x: Any) -> bool:
    try:
        complex(x)
    except (ArithmeticError, ValueError):
        return False
    return True


def finite(array: Array) -> bool:
    """Whether all numbers are; objects judge for themselves. Mostly a finite sum of squares says so, the cheapest pass,
    part by part."""
    if array.dtype.kind not in "fc":
        return True
    flat = array.ravel("K")
    parts = [flat] if flat.size < SMALL else [flat[i : i + SMALL] for i in range(0, flat.size, SMALL)]
    return all(cmath.isfinite(np.vdot(part, part)) for part in parts) or bool(np.isfinite(array).all())


def _plain_numbers(array: Array) -> Array:
    """The array, or for objects the values of those that are plain numbers; the others judge for themselves."""
    if array.dtype != object:
        return array
    return np.reshape([float(x) if isinstance(x, numbers.Real) else 0.5 for x in array.flat], array.shape)


def place(index: Sequence[Any]) -> str:
    """An index of any integers as one would type it; of a scalar there is none."""
    return str([int(i) for i in index]) if index else ""


def common_dtype(arrays: Iterable[Array]) -> np.dtype[Any]:
    """The dtype of all together; integers, and objects that are all plain numbers, count in float64."""
    arrays = list(arrays)
    dtype = arrays[0].dtype
    if dtype.kind == "f" and dtype.isnative and all(array.dtype is dtype for array in arrays):
        return dtype
    dtypes = {array.dtype for array in arrays}
    dtype = np.result_type(*dtypes)
    objects = (x for array in arrays if array.dtype == object for x in array.flat)
    plain = dtype.kind in "biu" or (dtype.kind == "O" and not any(hasattr(x, "exp") for x in objects))
    return np.result_type(np.float64, *(one for one in dtypes if one.kind != "O")) if plain else dtype


def cast(array: Array, dtype: np.dtype[Any]) -> Array:
    """Aligned and row by row in memory, so that sums round alike wherever the caller laid it; not copied where it is
    so."""
    if array.dtype is dtype and array.flags.carray:
        return array
    with np.errstate(all="ignore"):  # a label of 1e-50 is 0 in float32
        return np.require(array, dtype, ["C", "A"])


def labels(Y: object, shape: Shape, misfits: Misfits, *, unit: bool = True) -> Array:
    """Real labels of this shape, from 0 to 1 if they stand for probabilities."""
    array = number_array("Y", Y)
    if array.dtype.kind == "c":
        raise TypeError(f"Y has dtype {array.dtype}, expected real labels")
    misfits.shape("Y", array, shape, "one label for each output and example")
    if unit:
        misfits.unit_interval("Y", array, "a label")
    else:
        misfits.finite("Y", array)
    return array


def labels_of(output: tuple[Any, str], Y: object, shape: Shape, misfits: Misfits) -> Array:
    """Labels of a declared output; for softmax the numbers of the classes too, one for each example."""
    activation, cost = output
    if activation == "softmax" and number_array("Y", Y).ndim == 1:
        return one_hot(Y, shape, misfits)
    return labels(Y, shape, misfits, unit=cost == "cross_entropy")


def one_hot(Y: object, shape: Shape, misfits: Misfits) -> Array:
    """The numbers of classes, (m,), as an array of 0 and 1, (classes, m)."""
    array = number_array("Y", Y)
    classes, m = shape
    if array.dtype.kind not in "iu":
        raise TypeError(f"Y has dtype {array.dtype}, expected integers: the number of each example's class")
    misfits.shape("Y", array, (m,), "one class for each example")
    if isinstance(classes, int):
        misfits.entries("Y", array, (array < 0) | (array >= classes), f"a class from 0 to {classes - 1}")
        return np.asarray(array == np.arange(classes)[:, None], np.float64)
    return array


def whole(name: str, value: object, least: int, most: float = math.inf) -> int:
    number = int(_number(name, value, numbers.Integral, "an integer"))
    if not least <= number <= most:
        limits = f"from {least} to {most}" if most < math.inf else f"of at least {least}"
        raise ValueError(f"{name} is {shown(number)}, expected an integer {limits}")
    return number


def real(name: str, value: object) -> Any:
    return _number(name, value, numbers.Real, "a number")


def _number(name: str, value: object, kind: type, expected: str) -> Any:
    if isinstance(value, NO_NUMBERS) or not isinstance(value, kind):
        raise TypeError(f"{name} is {typed(value)}, expected {expected}")
    return value


def as_float(name: str, value: object) -> float:
    """The value as a float, infinity where it is too large for one."""
    number = real(name, value)
    try:
        return float(number)
    except OverflowError:
        return math.inf


def positive(name: str, value: object, dtype: np.dtype[Any] = np.dtype(np.float64)) -> Any:  # noqa: B008  # immutable
    """The value as a number of the dtype, which has to hold it."""
    number = real(name, value)
    try:
        with np.errstate(all="ignore"):
            held = number if dtype.kind == "O" else dtype.type(number)
    except OverflowError:
        held = math.inf
    if not (number > 0 and np.isfinite(complex(held)) and held != 0):
        raise ValueError(f"{name} is {shown(number)}, expected a positive finite number of {dtype}")
    return held


def at_least_0(name: str, value: object) -> float:
    """The value as a finite float that is not negative."""
    number = as_float(name, value)
    if not 0 <= number < math.inf:
        raise ValueError(f"{name} is {shown(value)}, expected a finite number of at least 0")
    return number


def switch(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{name} is {typed(value)}, expected True or False")
    return value


def choice(name: str, value: object, known: Sequence[str]) -> str:
    """The value, which has to be one of these words."""
    if not isinstance(value, str) or value not in known:
        words = [*map(repr, known)]
        raise ValueError(f"{name} is {shown(value, repr)}, expected {', '.join(words[:-1])} or {words[-1]}")
    return value


def widths(layer_dims: Any) -> list[int]:
    if isinstance(layer_dims, str | bytes) or not (isinstance(layer_dims, Sequence) or np.ndim(layer_dims) == 1):
        raise TypeError(f"layer_dims is {typed(layer_dims)}, expected a sequence of integers")
    misfits = Misfits()
    dims = [misfits.attempt(whole, f"layer_dims[{l}]", n, 1) for l, n in enumerate(layer_dims)]
    misfits.refuse()
    if len(dims) < 2:
        raise ValueError(f"layer_dims is {shown(dims)}, expected at least 2 widths: inputs and outputs")
    refuse_beyond_memory(
        f"a network with layer_dims {shown(dims)}", sum((n_prev + 1) * n for n_prev, n in pairwise(dims))
    )
    return dims


def refuse_beyond_memory(name: str, entries: int) -> None:
    """What this machine could not hold is refused before it is made."""
    if 8 * entries > (held := memory()):
        needed = shown(8 * entries, "{:,}".format)
        raise ValueError(f"{name} takes {needed} bytes, expected at most the {held:,} of this machine's memory")


def memory() -> int:
    """In bytes, where the system tells."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return sys.maxsize


def generator(rng: Any, name: str = "rng") -> np.random.Generator:
    said = f"{name} is {shown(rng, repr)}, expected a seed, a numpy.random.Generator or None"
    # A list that holds itself would take NumPy, and the process with it, down without an error.
    nested = isinstance(rng, Sequence) and not all(isinstance(k, numbers.Integral) for k in rng)
    if isinstance(rng, bool) or nested:
        raise TypeError(said)
    try:
        return np.random.default_rng(rng)
    except (TypeError, ValueError) as error:
        raise type(error)(said) from None


# ---------------------------------------------------------------------- dicts and caches


def layers(params: object, misfits: Misfits, dims: Sequence[int] | None = None) -> Params:
    """The arrays W1, b1 … WL, bL as far as they are there, each held against the layer before it, or against dims."""
    if not isinstance(params, Mapping):
        raise TypeError(f"params is {type(params).__name__}, expected a dict of W1, b1 …")
    L = len(dims) - 1 if dims else len(params) // 2
    if not L or params.keys() != set(keys(L)):
        L = L if dims else _depth(params)
        said = f"expected 'W1', 'b1' … for {L} layers" if L else "expected 'W1', 'b1' …"
        misfits.extend(f"params has no {key!r}, {said}" for key in keys(L) if key not in params)
        misfits.extend(f"params has an entry {shown(key, repr)}, {said}" for key in params if key not in keys(L))
        if not L:
            misfits.append(f"params has no layer, {said}")
    arrays = {}
    n_prev: int | str = dims[0] if dims else "n_0"
    for l in range(1, L + 1):
        W, b = f"W{l}", f"b{l}"
        n: int | str = dims[l] if dims else f"n_{l}"
        if W in params:
            arrays[W] = number_array(f"params[{W!r}]", params[W])
            if not dims and arrays[W].ndim == 2 and arrays[W].size:
                n, columns = arrays[W].shape
                n_prev = columns if l == 1 else n_prev
            why = f"layer {l} takes {n_prev} units to {n}"
            misfits.shape(f"params[{W!r}]", arrays[W], (n, n_prev), why)
        if b in params:
            arrays[b] = number_array(f"params[{b!r}]", params[b])
            misfits.shape(f"params[{b!r}]", arrays[b], (n, 1), f"layer {l} has {n} units")
        n_prev = n
    for key, array in arrays.items():
        misfits.finite(f"params[{key!r}]", array)
    return arrays


def _depth(params: Mapping[object, object]) -> int:
    """The number of layers that the keys seem to mean."""
    return len({key[1:] for key in params if isinstance(key, str) and re.fullmatch(r"[Wb]\d+", key)})


def gradients(grads: object, params: Params, misfits: Misfits) -> Gradients:
    """dW1, db1 … in the shapes of params; the dA0 … of backprop may stand beside them."""
    if not isinstance(grads, Mapping):
        raise TypeError(f"grads is {type(grads).__name__}, expected a dict of dW1, db1 …")
    known = {f"d{key}" for key in params} | {f"dA{l}" for l in range(len(params) // 2)}
    misfits.extend(
        f"grads has no 'd{key}', expected one for each of params" for key in params if f"d{key}" not in grads
    )
    misfits.extend(
        f"grads has an entry {shown(key, repr)}, but params has no such layer" for key in grads if key not in known
    )
    return {
        f"d{key}": misfits.array(f"grads['d{key}']", grads[f"d{key}"], V.shape, f"that of params[{key!r}]")
        for key, V in params.items()
        if f"d{key}" in grads
    }


@cache
def keys(L: int) -> tuple[str, ...]:
    """The keys of a network of L layers, in order."""
    return tuple(f"{kind}{l}" for l in range(1, L + 1) for kind in "Wb")


def layer_cache(name: str, cache: Any, n: int | str, m: int | str, misfits: Misfits) -> list[Array]:
    """A_prev, W, b and Z of a layer of n units on m examples."""
    try:
        (A_prev, W, b), Z = cache
    except (TypeError, ValueError):
        raise TypeError(f"{name} is not ((A_prev, W, b), Z), expected a cache of forward_prop") from None
    W = number_array(f"W of {name}", W)
    n_prev: int | str = W.shape[1] if W.ndim == 2 else "n_prev"
    why = f"a layer of {n} units on {m} examples"
    return [
        misfits.array(f"A_prev of {name}", A_prev, (n_prev, m), why),
        misfits.array(f"W of {name}", W, (n, n_prev), why),
        misfits.array(f"b of {name}", b, (n, 1), why),
        misfits.array(f"Z of {name}", Z, (n, m), why, limits=True),
    ]
