"""What is judged, and the one check of what comes in: a gradient, and the sigmoid network that it should belong to.

Inside the checker everything that belongs to a parameter or an activation has its key: "W1", "b1", "A0". A gradient may
come under "W1" or "dW1"; `Gradient` keeps that name, to be shown.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np

from refnn import _shapes
from refnn._shapes import Array, Misfits

T = TypeVar("T")


class UnfitGradientError(ValueError, TypeError):
    """A gradient that cannot be compared: entries missing, extra, misshapen, or of no floating type."""


@dataclass(frozen=True, eq=False)
class Gradient:
    """A gradient as it was given: its arrays, and the name under which each came."""

    arrays: Mapping[str, Array]
    names: Mapping[str, str]

    @classmethod
    def of(cls, grads: object, params: Mapping[str, Array], activations: Mapping[str, Array] | None = None) -> Gradient:
        """Copies of the arrays of a gradient; an UnfitGradientError names everything that does not fit.

        Parameters
        ----------
        grads : dict of arrays, or of what `numpy.asarray` reads as one: tensors, lists; keyed "dW1" … or "W1" …
        params : dict of arrays, of which each needs a gradient
        activations : dict of arrays "A0" …, optional
            May have a gradient "dA0" … . Without it those are not looked at.
        """
        if not isinstance(grads, Mapping):
            raise UnfitGradientError(f"grads is {type(grads).__name__}, expected a dict of arrays")
        plain, prefixed = {key: key for key in params}, {key: f"d{key}" for key in params}
        names = min((plain, prefixed), key=lambda keys: sum(name not in grads for name in keys.values()))
        wrong = [f"grads has no {name!r}, the gradient of {key!r}" for key, name in names.items() if name not in grads]
        names |= {key: f"d{key}" for key in activations or () if f"d{key}" in grads}
        wrong += [
            f"grads has an entry {key!r} that belongs to nothing in the function"
            for key in grads
            if key not in names.values() and not (activations is None and re.fullmatch(r"dA\d+", str(key)))
        ]
        shapes = {key: V.shape for key, V in {**params, **(activations or {})}.items()}
        arrays = {}
        for key, name in names.items():
            if name in grads:
                try:
                    arrays[key] = _float_array(f"grads[{name!r}]", grads[name], shapes[key])
                except UnfitGradientError as error:
                    wrong.append(str(error))
        if wrong:
            raise UnfitGradientError("\n".join(wrong))
        return cls(arrays, names)

    def named(self, values: Mapping[str, T]) -> dict[str, T]:
        """Values under the names to be shown."""
        return {self.names[key]: value for key, value in values.items()}


def _float_array(name: str, value: object, shape: tuple[int, ...]) -> Array:
    try:
        array = np.array(value)
    except Exception as error:  # whatever a foreign array type raises
        raise UnfitGradientError(f"{name} ({type(value).__name__}) is not an array: {error}") from error
    if array.dtype.kind != "f":
        raise UnfitGradientError(f"{name} has dtype {array.dtype}, expected floating-point numbers")
    if array.shape != shape:
        raise UnfitGradientError(f"{name} has shape {array.shape}, expected {shape}")
    return array


@dataclass(frozen=True, eq=False)
class Problem:
    """A sigmoid network with its data, as its witnesses see it, and the gradient that is to be judged.

    It holds forward values (D1) and nothing of backpropagation. `W[l]`, `b[l]` and `Z[l]` belong to layer l; `A[l]` is
    A_l with A[0] = X, and `C[l]` the complement 1 - A_l = σ(-Z_l), computed without the subtraction. All are of one
    dtype, float64 at least; `dtypes` are those in which the parameters, "X" and "Y" came.
    """

    W: tuple[Array, ...]
    b: tuple[Array, ...]
    Y: Array
    Z: tuple[Array, ...]
    A: tuple[Array, ...]
    C: tuple[Array, ...]
    dtypes: Mapping[str, np.dtype[Any]]
    given: Gradient

    @classmethod
    def of(cls, params: object, X: object, Y: object) -> Problem:
        """The problem of these arguments, in copies, without a gradient yet; errors as in `sigmoid_network`."""
        arrays, inputs, labels = sigmoid_network(params, X, Y)
        dtypes = {key: V.dtype for key, V in {**arrays, "X": inputs, "Y": labels}.items()}
        dtype = np.result_type(np.float64, *dtypes.values())
        empty = np.empty((0, 0), dtype)
        W, b, Z, A, C = [empty], [empty], [empty], [np.asarray(inputs, dtype)], [empty]
        for l in range(1, len(arrays) // 2 + 1):
            W.append(np.asarray(arrays[f"W{l}"], dtype))
            b.append(np.asarray(arrays[f"b{l}"], dtype))
            with np.errstate(over="ignore", invalid="ignore"):  # the judge refuses what leaves the range
                Z.append(W[l] @ A[l - 1] + b[l])
            A.append(sigmoid(Z[l]))
            C.append(sigmoid(-Z[l]))
        Y = np.asarray(labels, dtype)
        return cls(tuple(W), tuple(b), Y, tuple(Z), tuple(A), tuple(C), dtypes, Gradient({}, {}))

    def judging(self, grads: object) -> Problem:
        """The same with a gradient, which may have entries for activations too; an UnfitGradientError if it is none."""
        activations = {f"A{l}": self.A[l] for l in range(self.L)}
        return replace(self, given=Gradient.of(grads, self.params, activations))

    @property
    def L(self) -> int:
        return len(self.W) - 1

    @property
    def m(self) -> int:
        return int(self.Y.shape[1])

    @property
    def X(self) -> Array:
        return self.A[0]

    @property
    def params(self) -> dict[str, Array]:
        """ "W1", "b1" … "WL", "bL"."""
        return {f"{kind}{l}": V[l] for l in range(1, self.L + 1) for kind, V in (("W", self.W), ("b", self.b))}

    def __getitem__(self, key: str) -> Array:
        """The array of "W1", "b1", "A0" … ."""
        return {"W": self.W, "b": self.b, "A": self.A}[key[0]][int(key[1:])]

    def copies(self) -> tuple[dict[str, Array], Array, Array]:
        """Parameters, X and Y as they came, to be given away."""

        def copy(key: str, V: Array) -> Array:
            return V.astype(self.dtypes[key], order="C")

        return {key: copy(key, V) for key, V in self.params.items()}, copy("X", self.X), copy("Y", self.Y)

    def cost(self, key: str = "A0", V: Array | None = None) -> Any:
        """The mean cross-entropy J from the last Z (D5), with one array replaced; also by complex numbers."""
        start = int(key[1:]) if key[0] == "A" else 0
        values = self.params if V is None else {**self.params, key: V}
        A = values.get(f"A{start}", self.A[start])
        for l in range(start + 1, self.L):
            A = _folded_sigmoid(values[f"W{l}"] @ A + values[f"b{l}"])
        Z = values[f"W{self.L}"] @ A + values[f"b{self.L}"]
        return np.sum(self.Y * _softplus(-Z) + (1 - self.Y) * _softplus(Z)) / self.m


def sigmoid(Z: Array) -> Array:
    """σ(Z); where exp overflows its limit 0 is right."""
    with np.errstate(over="ignore", under="ignore"):
        return np.asarray(1 / (1 + np.exp(-Z)))


def _folded(Z: Array) -> tuple[Array, Array]:
    """Whether Z > 0, and exp of the side that cannot overflow: a complex infinity is NaN."""
    positive = Z.real > 0
    return positive, np.exp(np.where(positive, -Z, Z))


def _folded_sigmoid(Z: Array) -> Array:
    positive, E = _folded(Z)
    return np.asarray(np.where(positive, 1, E) / (1 + E))


def _softplus(Z: Array) -> Array:
    positive, E = _folded(Z)
    return np.asarray(np.where(positive, Z, 0) + np.log1p(E))


# ---------------------------------------------------------------------- what comes in


def sigmoid_network(params: object, X: object, Y: object) -> tuple[dict[str, Array], Array, Array]:
    """Copies of the parameters and data of one network, of real floats.

    A TypeError or ValueError names every key, shape and entry that does not fit.
    """
    misfits = Misfits()
    arrays, inputs, labels = network_arrays(params, X, Y, misfits)
    misfits.refuse()
    floats = {name: _real_floats(name, V) for name, V in {"X": inputs, "Y": labels, **arrays}.items()}
    return {key: floats[key] for key in arrays}, floats["X"], floats["Y"]


def network_arrays(params: object, X: object, Y: object, misfits: Misfits) -> tuple[dict[str, Array], Array, Array]:
    """The arrays of one network as far as they are there, not copied, each held against the others."""
    arrays = _shapes.layers(params, misfits)
    inputs = _shapes.number_array("X", X)
    W1, last = (arrays.get(key, np.empty(0)) for key in ("W1", f"W{len(arrays) // 2}"))
    n_0: int | str = W1.shape[1] if W1.ndim == 2 else "n_0"
    if misfits.shape("X", inputs, (n_0, "m"), f"layer 1 takes {n_0} inputs, of m >= 1 examples"):
        misfits.finite("X", inputs)
    n_L: int | str = last.shape[0] if last.ndim == 2 else "n_L"
    m: int | str = inputs.shape[1] if inputs.ndim == 2 else "m"
    return arrays, inputs, _shapes.labels(Y, (n_L, m), misfits)


def real_parameters(params: object) -> dict[str, Array]:
    """Copies of a dict of real arrays of any shapes; integers become float64.

    A TypeError names what is no dict, no string as a key and no array of real numbers, a ValueError every entry that is
    not finite.
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
        name = f"params[{key!r}]"
        arrays[key] = _real_floats(name, _shapes.number_array(name, value))
        misfits.finite(name, arrays[key])
    misfits.refuse()
    return arrays


def _real_floats(name: str, array: Array) -> Array:
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{name} has dtype {array.dtype}, expected real numbers")
    return np.array(array, np.float64 if array.dtype.kind in "biu" else array.dtype)
