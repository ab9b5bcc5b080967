"""What is judged, a gradient and the network that it should belong to; and the one check of both as they come in.

Inside the checker everything that belongs to a parameter or an activation has its key: "W1", "b1", "A0". A gradient may
come under "W1", "dW1" or a declared name; `Gradient` keeps that name, and the shape in which it came, to be shown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from operator import methodcaller
from typing import Any

import numpy as np

from refnn import _shapes
from refnn._printing import shown
from refnn._shapes import Array, Misfits
from refnn.gradcheck import formulas
from refnn.gradcheck.cached import cached_property
from refnn.gradcheck.declaration import ARTICLE, Declaration
from refnn.gradcheck.leaves import Coarse, framework, is_bfloat16, roundoff


class UnfitGradientError(ValueError, TypeError):
    """A gradient that cannot be compared: entries are missing, unknown, misshapen or no floats."""


@dataclass(frozen=True, eq=False)
class Gradient:
    """A gradient as it was given: its arrays, the name under which each came, and how it looked.

    `shown[key]` brings an array of the network into the shape in which this one came, where that differs.
    `rounding[key]` is how far the gradient may be off because it was taken from a rounded parameter. `coarser[key]` is
    the factor by which its roundoff exceeds that of its dtype, as of bfloat16, which is held in float32. `perhaps[key]`
    is the same where numbers of a coarser dtype may have gone into it.
    """

    arrays: Mapping[str, Array]
    names: Mapping[str, str]
    shown: Mapping[str, Callable[[Array], Array]] = field(default_factory=dict)
    rounding: Mapping[str, Array] = field(default_factory=dict)
    coarser: Mapping[str, float] = field(default_factory=dict)
    perhaps: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, grads: object, params: Mapping[str, Array]) -> Gradient:
        """Copies of the arrays of a gradient; an UnfitGradientError names everything that does not fit.

        Parameters
        ----------
        grads : dict of arrays, or of what `numpy.asarray` reads as one: tensors, lists; keyed "dW1" … or "W1" …
            "dA0" … are not looked at.
        params : dict of arrays, of which each needs a gradient
        """
        plain, prefixed = {key: key for key in params}, {key: f"d{key}" for key in params}
        return cls._named(grads, (plain, prefixed), params)

    @classmethod
    def declared(cls, grads: object, problem: Problem) -> Gradient:
        """The same for the gradient of a network, which comes in declared names, shapes and orientation."""
        said = problem.declaration
        activations = {f"A{l}": problem.A[l] for l in range(problem.L)}
        params = {key: V for key, V in problem.params.items() if said.bias or key[0] == "W"}
        names = [{key: said.name(f"{d}{key[0]}", int(key[1:])) for key in params} for d in ("", "d")]
        forms = {key: said.turned(key[0], V) for key, V in {**params, **activations}.items()}
        if not said.bias and isinstance(grads, Mapping):  # some code returns a db all the same
            unused = {said.name(f"{d}b", l) for d in ("", "d") for l in range(1, problem.L + 1)}
            grads = {name: V for name, V in grads.items() if name not in unused}
        found = cls._named(grads, names, forms, flat=said != ARTICLE)
        arrays, rounding = {}, {}
        shown: dict[str, Callable[[Array], Array]] = {}
        for key, G in found.arrays.items():
            if G.shape == forms[key].shape:
                shown[key] = partial(said.turned, key[0])
                V = said.turned(key[0], G)
            else:  # a bias with one axis, or with the other
                shown[key] = methodcaller("reshape", G.shape)
                V = G.reshape(problem[key].shape)
            if said.step is not None and key[0] != "A":
                old, u = problem[key], float(np.finfo(V.dtype).eps) / 2
                rounding[key] = 2 * u * (np.abs(old) + np.abs(V)) / abs(said.step)
                V = ((old - V) / said.step).astype(V.dtype)
                rounding[key] += 4 * u * np.abs(V)
            arrays[key] = V
        return cls(arrays, found.names, shown, rounding, found.coarser)

    @classmethod
    def _named(
        cls,
        grads: object,
        namings: Sequence[dict[str, str]],
        forms: Mapping[str, Array],
        flat: bool = False,
    ) -> Gradient:
        """The arrays, in these forms, under those of the possible names of which fewest are missing; forms
        that they do not name are activations, whose gradients may be missing; a `flat` bias has one axis."""
        if not isinstance(grads, Mapping):
            raise UnfitGradientError(f"grads is {type(grads).__name__}, expected a dict of arrays")
        missing = [sum(name not in grads for name in naming.values()) for naming in namings]
        names = dict(namings[int(np.argmin(missing))])
        wrong = [f"grads has no {name!r}, the gradient of {key!r}" for key, name in names.items() if name not in grads]
        activations = [key for key in forms if key not in names]
        names |= {key: f"d{key}" for key in activations if f"d{key}" in grads}
        # Many return derivatives in Z as well, and those in A.
        not_looked_at = r"d?Z_?\d+" if activations else r"d?[AZ]_?\d+"
        wrong += [
            f"grads has an entry {shown(key, repr)} that belongs to nothing in the function"
            for key in grads
            if key not in names.values() and not re.fullmatch(not_looked_at, str(key))
        ]
        arrays: dict[str, Array] = {}
        coarser: dict[str, float] = {}
        perhaps: dict[str, float] = {}
        for key, name in names.items():
            if name in grads:
                try:
                    arrays[key] = _float_array(
                        f"grads[{name!r}]", grads[name], forms[key].shape, flat and key[0] == "b"
                    )
                except UnfitGradientError as error:
                    wrong.append(str(error))
                    continue
                if isinstance(grads[name], Coarse) or is_bfloat16(grads[name]):
                    table = perhaps if getattr(grads[name], "perhaps", False) else coarser
                    table[key] = roundoff(grads[name]) / float(np.finfo(arrays[key].dtype).eps)
        if wrong:
            raise UnfitGradientError("\n".join(wrong))
        return cls(arrays, names, coarser=coarser, perhaps=perhaps)

    def named(self, table: Mapping[str, Array]) -> dict[str, Array]:
        """Arrays of the network in the shapes in which their gradients came, under the names to be shown."""
        return {self.names[key]: self.form(key, V) for key, V in table.items()}

    def roundoff(self, key: str) -> float:
        """Of the arithmetic that this array was computed in."""
        return float(np.finfo(self.arrays[key].dtype).eps) / 2 * self.coarser.get(key, 1.0)

    def coarsest(self, key: str) -> float:
        """The roundoff of the coarsest arithmetic that may have been at work."""
        return self.roundoff(key) * self.perhaps.get(key, 1.0)

    def form(self, key: str, V: Array) -> Array:
        """An array of the network that belongs to this key, in the shape in which its gradient came."""
        return self.shown[key](V) if key in self.shown else V


def _float_array(name: str, value: object, shape: tuple[int, ...], flat: bool) -> Array:
    try:
        if isinstance(value, Coarse):
            value = value.array
        elif is_bfloat16(value):
            # NumPy has no such dtype. PyTorch converts to float32 by a method of its own, others by astype.
            value = value.float() if hasattr(value, "float") else value.astype(np.float32)  # type: ignore[attr-defined]
        plain = value.detach().cpu().resolve_neg() if framework(value) == "torch" else value  # type: ignore[attr-defined]
        array = np.asarray(plain).copy()
    except Exception as error:  # whatever a foreign array type raises
        raise UnfitGradientError(f"{name} ({type(value).__name__}) is not an array: {shown(error)}") from error
    if isinstance(value, np.ma.MaskedArray) and np.ma.is_masked(value):
        raise UnfitGradientError(f"{name} has masked entries, expected an array without missing ones")
    if array.dtype.kind != "f":
        raise UnfitGradientError(f"{name} has dtype {array.dtype}, expected floating-point numbers")
    if array.shape != shape and not (flat and array.size == max(shape) == max(array.shape, default=0)):
        summed = ": one number for all, as by a sum without its axis" if array.size == 1 else ""
        raise UnfitGradientError(f"{name} has shape {array.shape}, expected {shape}{summed}")
    return array


@dataclass(frozen=True, eq=False)
class ForwardPass:
    """A declared network with its data and its forward values (D1), in one dtype.

    `W[l]`, `b[l]` and `Z[l]` belong to layer l, and are empty for l = 0; `A[l]` is A_l, with A[0] = X.
    """

    declaration: Declaration
    W: tuple[Array, ...]
    b: tuple[Array, ...]
    Z: tuple[Array, ...]
    A: tuple[Array, ...]
    Y: Array

    @property
    def L(self) -> int:
        """The number of layers of weights."""
        return len(self.A) - 1

    @property
    def m(self) -> int:
        """The number of examples."""
        return int(self.Y.shape[1])

    @property
    def X(self) -> Array:
        return self.A[0]

    @property
    def weight(self) -> float:
        """What the sum of all losses is multiplied by: 1/m for their mean."""
        return self.declaration.weight(self.Y)

    @cached_property
    def activations(self) -> tuple[formulas.Activation, ...]:
        """Of the hidden layers."""
        return self.declaration.activations(self.L)

    @property
    def params(self) -> dict[str, Array]:
        """ "W1", "b1" … "WL", "bL"."""
        return {f"{kind}{l}": V[l] for l in range(1, self.L + 1) for kind, V in (("W", self.W), ("b", self.b))}


def forward_values(
    params: Mapping[str, Array], X: Array, declaration: Declaration, dtype: Any
) -> tuple[tuple[Array, ...], tuple[Array, ...], tuple[Array, ...], tuple[Array, ...]]:
    """W, b, Z and A of a forward pass, by layer, in one dtype."""
    L, none = len(params) // 2, np.empty((0, 0), dtype)
    W, b = ((none, *(np.asarray(params[f"{kind}{l}"], dtype) for l in range(1, L + 1))) for kind in "Wb")
    Z, A = [none], [np.asarray(X, dtype)]
    for l, g in enumerate(declaration.layers(L), start=1):
        Z.append(W[l] @ A[l - 1] + b[l])
        A.append(np.asarray(g.value(Z[l])))
    return W, b, tuple(Z), tuple(A)


@dataclass(frozen=True, eq=False)
class Problem(ForwardPass):
    """A declared network with its data, as the witnesses see it, and the gradient that is judged.

    It holds nothing of backpropagation. `parts[l]` is what the addition formula of layer l's activation needs. All have
    one dtype, float64 or wider; `dtypes` are those in which the parameters, "X" and "Y" came.
    """

    parts: tuple[formulas.Parts, ...]
    dtypes: Mapping[str, np.dtype[Any]]
    given: Gradient

    @classmethod
    def of(cls, params: object, X: object, Y: object, declaration: Declaration = ARTICLE) -> Problem:
        """The problem of these arguments, of which it has copies, without a gradient; errors as in `declared_network`.

        The arguments are in the one form of the checker, into which `declaration.ours` brings them.
        """
        arrays, inputs, labels = declared_network(params, X, Y, declaration)
        dtypes = {key: V.dtype for key, V in {**arrays, "X": inputs, "Y": labels}.items()}
        dtype = np.result_type(np.float64, *dtypes.values())
        with np.errstate(all="ignore"):  # the judge refuses what overflows
            W, b, Z, A = forward_values(arrays, inputs, declaration, dtype)
            parts = ((), *(g.parts(V) for g, V in zip(declaration.activations(len(W) - 1), Z[1:])))
        return cls(declaration, W, b, Z, A, np.asarray(labels, dtype), parts, dtypes, Gradient({}, {}))

    def judging(self, grads: object) -> Problem:
        """The same with a gradient, of activations too if it has them; an UnfitGradientError if it does not fit."""
        return replace(self, given=Gradient.declared(grads, self))

    def __getitem__(self, key: str) -> Array:
        """The array of this key: "W1", "b1", "A0" …"""
        return {"W": self.W, "b": self.b, "A": self.A}[key[0]][int(key[1:])]

    @property
    def at_kink(self) -> int:
        """The number of units and examples that stand exactly at the kink of their activation."""
        layers = zip(self.Z[1:], self.declaration.layers(self.L), strict=True)
        return sum(int((Z == 0).sum()) for Z, g in layers if g.kinked)

    def copies(self) -> tuple[dict[str, Array], Array, Array]:
        """Copies of the parameters, X and Y, in the declared form and the dtypes in which they came."""

        def copy(key: str, V: Array) -> Array:
            return V.astype(self.dtypes[key], order="C")

        params = {key: copy(key, V) for key, V in self.params.items()}
        return self.declaration.theirs(params, copy("X", self.X), copy("Y", self.Y))

    def cost(self, moved: Mapping[str, Array]) -> Any:
        """The cost J with its penalties, by the last Z, where some arrays are replaced, perhaps by complex ones.

        Layers before the first that changes are not computed again.
        """
        first = min((int(key[1:]) - 1 for key in moved if key[0] != "A"), default=self.L - 1)
        start = max((int(key[1:]) for key in moved if key[0] == "A"), default=first)

        def value(key: str) -> Array:
            return moved[key] if key in moved else self[key]

        A = value(f"A{start}")
        for l in range(start + 1, self.L):
            A = self.activations[l - 1].value(value(f"W{l}") @ A + value(f"b{l}"))
        Z = value(f"W{self.L}") @ A + value(f"b{self.L}")
        J = np.sum(self.declaration.last.loss(Z, self.Y)) * self.weight
        l1, l2 = self.declaration.penalties(self.m)
        if not (l1 or l2):
            return J
        weights = [value(f"W{l}") for l in range(1, self.L + 1)]
        return J + sum(l1 * np.sum(np.where(W.real < 0, -W, W)) + l2 / 2 * np.sum(W * W) for W in weights)


# ---------------------------------------------------------------------- what comes in


def declared_network(
    params: object, X: object, Y: object, declaration: Declaration
) -> tuple[dict[str, Array], Array, Array]:
    """Copies of the parameters and data of one network, of real floats.

    A TypeError or ValueError names every key, shape and entry that does not fit.
    """
    misfits = Misfits()
    arrays = _shapes.layers(params, misfits)
    inputs = _shapes.number_array("X", X)
    W1, last = (arrays.get(key, np.empty(0)) for key in ("W1", f"W{len(arrays) // 2}"))
    n_0: int | str = W1.shape[1] if W1.ndim == 2 else "n_0"
    if misfits.shape("X", inputs, (n_0, "m"), f"layer 1 takes {n_0} inputs, of m >= 1 examples"):
        misfits.finite("X", inputs)
    n_L: int | str = last.shape[0] if last.ndim == 2 else "n_L"
    m: int | str = inputs.shape[1] if inputs.ndim == 2 else "m"
    labels = _shapes.labels(Y, (n_L, m), misfits, unit=declaration.output[1] == "cross_entropy")
    misfits.refuse()
    declaration.check_layers(len(arrays) // 2)
    floats = {key: _real_floats(f"params[{key!r}]", V) for key, V in arrays.items()}
    return floats, _real_floats("X", inputs), _real_floats("Y", labels)


def _real_floats(name: str, array: Array) -> Array:
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{name} has dtype {array.dtype}, expected real numbers")
    return np.array(array, np.float64 if array.dtype.kind in "biu" else array.dtype)
