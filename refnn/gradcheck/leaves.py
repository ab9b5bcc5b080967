"""Numbers in any form, as arrays of NumPy and back: Python's own, NumPy's, PyTorch's, JAX's, and what NumPy reads.

No framework is imported that the numbers have not brought along.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import numpy as np

from refnn._shapes import Array

Order = Literal["C", "F"]  # of numbers in memory


def framework(value: object) -> str:
    """The package that defines the type of this value, or what it inherits from: "torch", "jax", "numpy" …"""
    return _package(type(value))  # type: ignore[arg-type]  # a type can be hashed


@cache
def _package(kind: type) -> str:
    packages = [str(base.__module__).split(".")[0].removesuffix("lib") for base in kind.__mro__]
    return next((name for name in packages if name in ("torch", "jax", "numpy")), packages[0])


def numbers(value: Any) -> Array | None:
    """The numbers of a leaf, bfloat16 and coarser in float32; None if it holds none, or a truth value."""
    if value is None or isinstance(value, bool | np.ma.MaskedArray):
        return None
    if isinstance(value, int | float | complex):
        return np.asarray(value) if not isinstance(value, int) or abs(value) < 2**63 else None
    if isinstance(value, list):
        return _listed(value)
    if is_sparse(value) or not hasattr(value, "__array__"):
        return None
    try:
        if framework(value) == "torch":
            value = value.detach().cpu().resolve_conj().resolve_neg()
            value = value.float() if value.is_floating_point() and not _in_numpy(value.dtype) else value
        array = np.asarray(value)
        if array.dtype.kind == "V" and not issubclass(array.dtype.type, np.void):  # bfloat16 or float8, of JAX
            array = array.astype(np.float32)
    except Exception:  # a foreign array may refuse in any way
        return None
    return array if array.dtype.kind in "iufc" else None


def _in_numpy(dtype: Any) -> bool:
    return str(dtype) in ("torch.float16", "torch.float32", "torch.float64")


def _listed(value: list[Any]) -> Array | None:
    """A list of plain numbers, or of such lists of one length."""

    def plain(part: Any) -> bool:
        if isinstance(part, list):
            return all(map(plain, part))
        return isinstance(part, int | float | np.number) and not isinstance(part, bool)

    try:
        if not value or not all(map(plain, value)):
            return None
        array = np.asarray(value)
    except (ValueError, RecursionError):  # lists of different lengths, or one that holds itself
        return None
    return array if array.dtype.kind in "iuf" else None


@dataclass(frozen=True, eq=False)
class Coarse:
    """Numbers that are known no better than in a coarser dtype, bfloat16 for one, that has this eps; or perhaps are."""

    array: Array
    eps: float = 2.0**-7
    perhaps: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        return self.array.shape


def is_bfloat16(value: object) -> bool:
    dtype = getattr(value, "dtype", None)
    return getattr(dtype, "kind", "V") == "V" and "bfloat16" in str(dtype)  # "V" is what NumPy does not know


def roundoff(value: Any) -> float:
    """The distance from 1 to the next number of its dtype."""
    if isinstance(value, Coarse):
        return value.eps
    array = numbers(value)
    return 2.0**-7 if is_bfloat16(value) or array is None else float(np.finfo(array.dtype).eps)


def is_sparse(value: object) -> bool:
    if framework(value) == "torch":
        return "sparse" in str(getattr(value, "layout", ""))
    return framework(value) != "numpy" and any(hasattr(value, name) for name in ("toarray", "todense"))


def dense(value: Any) -> Any:
    """A sparse array with its zeros, as SciPy, JAX or PyTorch give it."""
    return next(getattr(value, name)() for name in ("toarray", "todense", "to_dense") if hasattr(value, name))


def converted(V: Array, g: Any) -> tuple[Any, str]:
    """The gradient of the numbers V as an array, as far as it can be read, and what had to be done."""
    if g is None:
        return np.zeros(V.shape, V.dtype if V.dtype.kind in "fc" else np.float64), "None is taken as a gradient of zero"
    note = "the sparse gradient is taken with its zeros" if is_sparse(g) else ""
    g = dense(g) if note else g
    if is_bfloat16(g) and (values := numbers(g)) is not None:
        return Coarse(values), note
    try:
        G = numbers(np.asarray(g) if isinstance(g, list | tuple) and V.ndim else g)
    except ValueError:  # rows of different lengths
        G = None
    if G is None:
        return g, note
    if G.dtype.kind in "iu":
        return G.astype(np.float64), "integers are taken as float64"
    return G, note


def perhaps_coarse(G: Any, eps: float) -> Any:
    """A gradient in float64 that is perhaps no better than float32, if the coarsest numbers that it was perhaps made of
    have this eps. What is coarser cannot be asked near enough for its noise to show whether it was."""
    finer = isinstance(G, np.ndarray) and G.dtype.kind == "f" and np.finfo(G.dtype).eps < eps
    return Coarse(G, eps, perhaps=True) if finer and eps <= np.finfo(np.float32).eps else G


def like(value: Any, V: Array, own: np.dtype[Any] | None = None) -> Any:
    """The numbers V in the form of a value; where they are in `own`, the dtype in which `numbers` read the value, in
    its dtype, else in theirs. A tensor keeps device, layout and `requires_grad`."""
    kind = framework(value)
    if kind == "torch":
        return _tensor(value, V, own)
    if kind == "jax":
        from jax import numpy

        return numpy.asarray(V, dtype=value.dtype if V.dtype == own else V.dtype)
    if isinstance(value, list):
        return np.asarray(V).tolist()
    if type(value) is np.ndarray:
        return np.asarray(V) if isinstance(V, np.generic) else V  # also numbers of another kind, that only watch f
    if isinstance(value, np.ndarray):
        return np.asarray(V).view(type(value))
    if isinstance(value, np.generic):
        return np.asarray(V)[()]
    if isinstance(value, int | float | complex):
        return np.asarray(V) if np.ndim(V) else np.asarray(V).item()  # of a stack of such, an array
    return value.__array_wrap__(V) if hasattr(value, "__array_wrap__") else type(value)(V)


def _tensor(value: Any, V: Array, own: np.dtype[Any] | None) -> Any:
    import torch

    found = torch.from_numpy(np.array(V))
    dtype = value.dtype if V.dtype == own else found.dtype
    with torch.no_grad():
        like = value if found.shape == value.shape else value.expand(found.shape)  # a stack of such
        tensor = placed(like, found, dtype)
    if isinstance(value, torch.nn.Parameter):
        return torch.nn.Parameter(tensor, value.requires_grad)
    return tensor.requires_grad_(value.requires_grad)


def placed(like: Any, values: Any, dtype: Any) -> Any:
    """A new tensor of these values that lies in memory as another does, with the gaps of a slice."""
    import torch

    try:
        return torch.empty_strided(like.shape, like.stride(), dtype=dtype, device=like.device).copy_(values)
    except RuntimeError:  # of numbers that share their place in memory
        return torch.empty_like(like, dtype=dtype, requires_grad=False).copy_(values)


def laid_out(value: Any, order: Order) -> Any:
    """A tensor of PyTorch with its numbers in memory in the order of C, or of Fortran with gaps; others as they are."""
    if framework(value) != "torch":
        return value
    laid = value.detach().contiguous()
    if order == "F":
        with_gaps = value.new_empty((*value.shape[::-1], 2))[..., 0]
        laid = with_gaps.permute(tuple(range(value.ndim))[::-1]).copy_(laid)
    return laid.requires_grad_(value.requires_grad)


def comes_back(value: Any, array: Array) -> bool:
    """Whether `like` gives the numbers of this value, the array, in its form again."""
    try:
        again = like(value, array.copy(), array.dtype)
        return isinstance(again, type(value)) and np.array_equal(np.asarray(numbers(again)), array, equal_nan=True)
    except Exception:  # a foreign type may refuse in any way
        return False


def digits_of(values: Iterable[Any], arrays: Iterable[Array]) -> contextlib.AbstractContextManager[Any]:
    """A context in which JAX keeps the digits of float64 arrays, if any of the values are its own."""
    if any(np.finfo(V.dtype).bits > 32 for V in arrays) and any(framework(value) == "jax" for value in values):
        return x64()
    return contextlib.nullcontext()


def narrowed(value: Any, arrays: Iterable[Array]) -> bool:
    """Whether JAX made this value of float64 arrays in a coarser dtype."""
    if framework(value[0] if isinstance(value, tuple) and value else value) != "jax":
        return False
    array = numbers(value[0] if isinstance(value, tuple) else value)
    wide = all(np.finfo(V.dtype).bits >= 64 for V in arrays)
    return wide and array is not None and array.dtype.kind in "fc" and np.finfo(array.dtype).bits < 64


def x64() -> contextlib.AbstractContextManager[Any]:
    """Where JAX has float64."""
    import jax

    if hasattr(jax, "enable_x64"):
        return jax.enable_x64(True)  # type: ignore[no-any-return, unused-ignore]
    from jax.experimental import enable_x64  # before version 0.8

    return enable_x64()  # type: ignore[no-any-return, unused-ignore]
