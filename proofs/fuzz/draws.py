"""What the fuzzers draw: arguments that fit, and the same with places changed to what nobody meant.

Numbers of arrays come from a seed, which draws fast; what is odd about an array (a NaN, its layout, its dtype) is
drawn on its own, so that an example that fails shrinks to the one oddity that matters.
"""

from __future__ import annotations

import json
import re
from collections import OrderedDict
from collections.abc import Callable, Iterator
from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from refnn import _declaration, forward_prop

Array = NDArray[Any]
Call = dict[str, Any]  # the arguments of one call, by name

ACTIVATIONS = [*_declaration.ACTIVATIONS, "leaky_relu(0.2)"]
OUTPUTS = ["sigmoid", "softmax", *((g, cost) for g in ACTIVATIONS for cost in _declaration.COSTS[1:])]
SPECIAL = (np.nan, np.inf, -np.inf, 0.0, -0.0, 5e-324, -1e-310, 1e-45, 1e38, 1e160, -1.7e308, 2.0, -1.0, 0.5)
SCALES = (1.0, 1.0, 1.0, 0.0, 1e-320, 1e-160, 1e-3, 30.0, 800.0, 1e160, 1e300)
DTYPES = ("f2", "f4", "f8", "g", "c8", "c16", "G", "i1", "i8", "u8", "?", ">f8", "O")
seeds = st.integers(0, 2**32 - 1)
sizes = st.integers(1, 4)


def endless() -> list[Any]:
    """A list that holds itself."""
    found: list[Any] = []
    found.append(found)
    return found


# Functions, as some can be used once, and others are changed.
JUNK: tuple[Callable[[], Any], ...] = (
    *(lambda x=x: x for x in (None, True, -1, 0, 2, 2**70, 10**400, 0.5, 1.5, np.nan, np.inf, -0.0, 5e-324, 1e300)),
    *(lambda x=x: x for x in (1j, Fraction(1, 3), Decimal("0.1"), Decimal("NaN"), Decimal("sNaN"), object(), object)),
    *(
        lambda x=x: x
        for x in ("", "sigmoid", "softmax", "tanh", "W1", "1", "leaky_relu(nan)", "\0", b"x", ..., (), "∂")
    ),
    *(lambda x=x: x for x in (np.float32(1), np.float64("nan"), np.int8(3), np.True_, np.ma.masked, range(3), abs)),
    *(lambda x=x: x for x in ((np.tanh, np.cos), (1, 2), ("tanh", "squared_error"), frozenset("a"))),
    *(list, dict, set, endless, lambda: [[1, 2], [3]], lambda: iter([1.0, 2.0]), lambda: [None], lambda: {"W1": 1}),
    *(lambda: np.array(None), lambda: np.array("a"), lambda: np.array([1, "a"], object), lambda: np.array(5.0)),
    *(lambda: np.zeros(0), lambda: np.zeros((0, 3)), lambda: np.zeros((2, 0)), lambda: np.ones((1, 1))),
    *(lambda: np.ones((2, 2, 2)), lambda: np.ones(3), lambda: np.arange(3), lambda: np.array(["2020"], "M8[D]")),
    *(
        lambda: np.zeros(2, [("a", float)]),
        lambda: np.ma.array([1.0, 2.0], mask=[False, True]),
        lambda: np.ones((2, 2)) * 1j,
    ),
    *(lambda: np.longdouble("1e4000"), lambda: np.array([[10**400]], object), lambda: np.array([[Decimal("NaN")]])),
    *(lambda: np.random.default_rng(0), lambda: memoryview(b"ab"), lambda: bytearray(8), lambda: lambda *_: 1.0),
)
JSON_JUNK: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    2,
    2**53,
    10**30,
    0.5,
    "",
    "x",
    "nan",
    "inf",
    "0x1p-1074",
    "0x1p9999",
    [],
    {},
    [[]],
    "∂\0",
)


@st.composite
def floats(draw: st.DrawFn, *shape: int, unit: bool = False) -> Array:
    """Numbers of some scale, or from 0 to 1."""
    rng = np.random.default_rng(draw(seeds))
    dtype = np.dtype(draw(st.sampled_from(("f8", "f8", "f8", "f4"))))
    V = rng.random(shape) if unit else draw(st.sampled_from(SCALES)) * rng.standard_normal(shape)
    limit = float(np.finfo(dtype).max)
    return np.asarray(np.clip(V, -limit, limit), dtype)


@st.composite
def networks(draw: st.DrawFn, *, tame: bool = False) -> Call:
    """params, X, Y, hidden and output that fit together; `tame` with numbers of usual size in one dtype."""
    dims = draw(st.lists(sizes, min_size=2, max_size=4))
    m, output = draw(sizes), draw(st.sampled_from(OUTPUTS))
    shapes = {name: s for l in range(1, len(dims)) for name, s in layer_shapes(dims, l)} | {"X": (dims[0], m)}
    if tame:
        rng, dtype = np.random.default_rng(draw(seeds)), draw(st.sampled_from(("f8", "f4")))
        scale = draw(st.sampled_from((1.0, 0.1, 3.0, 20.0)))
        arrays = {name: (scale * rng.standard_normal(s)).astype(dtype) for name, s in shapes.items()}
        Y = rng.random((dims[-1], m)).astype(dtype)
    else:
        arrays = {name: draw(floats(*s)) for name, s in shapes.items()}
        Y = draw(floats(dims[-1], m, unit=True))
    if output == "softmax" and draw(st.booleans()):
        Y = np.random.default_rng(draw(seeds)).integers(0, dims[-1], m)
    X = arrays.pop("X")
    hidden = draw(
        st.sampled_from(ACTIVATIONS)
        | st.lists(st.sampled_from(ACTIVATIONS), min_size=len(dims) - 2, max_size=len(dims) - 2)
    )
    return {"params": arrays, "X": X, "Y": Y, "hidden": hidden, "output": output}


def layer_shapes(dims: list[int], l: int) -> tuple[tuple[str, tuple[int, ...]], ...]:
    return (f"W{l}", (dims[l], dims[l - 1])), (f"b{l}", (dims[l], 1))


def widths(params: Any) -> list[int]:
    """n_0 … n_L of parameters that fit together."""
    return [np.shape(params["W1"])[1], *(len(params[f"W{l}"]) for l in range(1, len(params) // 2 + 1))]


def passed(net: Call) -> tuple[Any, Any]:
    """AL and caches."""
    return forward_prop(net["X"], net["params"], hidden=net["hidden"], output=net["output"])


# ---------------------------------------------------------------------- what nobody meant


def _laid_out(draw: st.DrawFn, V: Array) -> Any:
    """The same numbers, held otherwise."""
    wide = np.repeat(V, 2, axis=-1) if V.ndim else V
    raw = np.frombuffer(b"\0" + V.tobytes(), np.uint8)[1:]
    forms: tuple[Callable[[], Any], ...] = (
        *(
            lambda: wide[..., ::2] if V.ndim else V,
            lambda: np.asfortranarray(V),
            lambda: V[::-1][::-1] if V.ndim else V,
        ),
        *(V.tolist, lambda: raw.view(V.dtype).reshape(V.shape) if V.size and V.dtype != object else V),
        *(lambda: np.ma.array(V), lambda: V.astype(object), V.copy),
    )
    return draw(st.sampled_from(forms))()


def _of_another_kind(draw: st.DrawFn, V: Array) -> Any:
    with np.errstate(all="ignore"):
        if V.dtype.kind == "f" and draw(st.integers(0, 3)) == 0 and np.isfinite(V).all():
            return np.array([Fraction(float(x)) for x in V.flat], object).reshape(V.shape)
        try:
            return V.real.astype(draw(st.sampled_from(DTYPES))) if V.dtype.kind in "biufc" else V
        except (ValueError, OverflowError):
            return V


def _of_another_shape(draw: st.DrawFn, V: Array) -> Any:
    forms: tuple[Callable[[], Any], ...] = (
        *(lambda: V.T, lambda: V[None], V.ravel, lambda: V[..., :-1] if V.ndim else V, lambda: V[1:] if V.ndim else V),
        *(lambda: np.concatenate([V, V]) if V.ndim else V, lambda: np.broadcast_to(V, (2, *V.shape)), V.sum),
    )
    with np.errstate(all="ignore"):
        return draw(st.sampled_from(forms))()


def _with_an_entry(draw: st.DrawFn, V: Array) -> Any:
    if not V.size or V.dtype.kind not in "fcO":
        return V
    copy = V.copy()
    with np.errstate(all="ignore"):
        copy.flat[draw(st.integers(0, V.size - 1))] = draw(st.sampled_from(SPECIAL))
    return copy


def _read_only(_: st.DrawFn, V: Array) -> Any:
    copy = np.array(V)
    copy.flags.writeable = False
    return copy


CHANGES = (_with_an_entry, _laid_out, _of_another_kind, _of_another_shape, _read_only)


def spoilt(draw: st.DrawFn, value: Any, junk: Any) -> Any:
    """The value with one place changed, however deep in dicts, lists, tuples and arrays; the value itself stays."""
    kind = draw(st.integers(0, 9))
    if kind == 0:
        return draw(junk)
    if type(value) is np.ndarray and value.dtype.kind in "biufcO":
        return draw(st.sampled_from(CHANGES))(draw, value)
    if isinstance(value, dict) and value:
        return _spoilt_dict(draw, value, kind, junk)
    if isinstance(value, list | tuple) and value:
        k = draw(st.integers(0, len(value) - 1))
        middle = [] if kind == 1 else [value[k]] * 2 if kind == 2 else [spoilt(draw, value[k], junk)]
        members = [*value[:k], *middle, *value[k + 1 :]]
        if hasattr(value, "_fields") and len(members) == len(value):
            return type(value)(*members)
        return members if isinstance(value, list) else tuple(members)
    return draw(junk)


def _spoilt_dict(draw: st.DrawFn, value: Call, kind: int, junk: Any) -> Any:
    key = draw(st.sampled_from(list(value)))
    rest = {k: v for k, v in value.items() if k != key}
    if kind == 1:
        return rest
    if kind == 2:
        return rest | {draw(st.sampled_from(("W3", "dA9", "b1", "extra", f"{key}1"))): value[key]}
    if kind == 3 and junk is odd:
        return draw(st.sampled_from((OrderedDict, MappingProxyType, lambda d: list(d.items()))))(value)
    return {k: spoilt(draw, v, junk) if k == key else v for k, v in value.items()}


odd: st.SearchStrategy[Any] = st.sampled_from(JUNK).map(lambda make: make())
odd_json: st.SearchStrategy[Any] = st.sampled_from(JSON_JUNK)


@st.composite
def calls(draw: st.DrawFn, fitting: st.SearchStrategy[Call], limits: dict[str, int]) -> Call:
    """A fitting call, with up to three places spoilt; integers that work grows with are kept small."""
    call = draw(fitting)
    for _ in range(draw(st.sampled_from((0, 1, 1, 1, 2, 3)))):
        name = draw(st.sampled_from(sorted(call))) if call else ""
        changed = spoilt(draw, {name: call[name]}, odd) if call else {}
        call = {k: v for k, v in call.items() if k != name} | (changed if type(changed) is dict else {name: changed})
    return {k: min(v, limits[k]) if k in limits and isinstance(v, int) else v for k, v in call.items()}


TOKEN = re.compile(rb'"[^"]*"|-?\d[\d.eE+-]*|true|false|null')
INSERTED = (
    b"",
    b"\0",
    b"\xff",
    b"[",
    b"[" * 20_000,
    b'{"format":1,"format":2}',
    b"1e999",
    b"NaN",
    b"9" * 5000,
    b'"',
    b",",
    b"\n",
    b"-",
)


@st.composite
def documents(draw: st.DrawFn, data: bytes) -> bytes:
    """The bytes of a file, changed: bits, slices, or single words and numbers of its text."""
    for _ in range(draw(st.integers(1, 3))):
        i, j = sorted(draw(st.tuples(*[st.integers(0, len(data))] * 2)))
        kind = draw(st.integers(0, 5))
        if kind == 0 and data:
            i = min(i, len(data) - 1)
            data = data[:i] + bytes([data[i] ^ 1 << draw(st.integers(0, 7))]) + data[i + 1 :]
        elif kind == 1:
            data = data[:i]
        elif kind == 2:
            data = data[:i] + data[j:]
        elif kind == 3:
            data = data[:j] + data[i:]
        elif kind == 4:
            data = data[:i] + draw(st.sampled_from(INSERTED)) + data[i:]
        elif (token := TOKEN.search(data, i)) is not None:
            word = draw(st.sampled_from(INSERTED) | odd_json.map(lambda x: json.dumps(x).encode()))
            data = data[: token.start()] + word + data[token.end() :]
    return data


@st.composite
def values(draw: st.DrawFn, value: Any) -> Any:
    """A JSON value, with up to three places changed."""
    for _ in range(draw(st.integers(1, 3))):
        value = spoilt(draw, value, odd_json)
    return value


# ---------------------------------------------------------------------- what was there before


def photograph(value: Any, seen: set[int] | None = None) -> Iterator[tuple[Any, ...]]:
    """All that a call could change in its arguments: keys, members, and the bits, layout and flags of arrays."""
    seen = set() if seen is None else seen
    if id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, np.ndarray):
        V = np.asarray(value)
        bits = tuple(map(id, V.flat)) if V.dtype == object else V.tobytes()
        yield id(value), value.shape, value.strides, value.dtype, str(value.flags), bits
    elif isinstance(value, dict | list | tuple):
        members = list(value.values()) if isinstance(value, dict) else value
        yield id(value), tuple(value) if isinstance(value, dict) else len(value), *map(id, members)
        for member in members:
            yield from photograph(member, seen)
