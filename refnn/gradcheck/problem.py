"""The sigmoid network as its witnesses see it: forward values only, nothing of backpropagation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]


@dataclass(frozen=True)
class Network:
    """Parameters and data of one network, with its activations.

    `A[l]` is A_l with A[0] = X, and `C[l]` the complement 1 - A_l = σ(-Z_l), computed without the subtraction; `W[l]`
    and `b[l]` count from 1 too. All are of one dtype, float64 at least.
    """

    W: tuple[Array, ...]
    b: tuple[Array, ...]
    Y: Array
    Z: tuple[Array, ...]
    A: tuple[Array, ...]
    C: tuple[Array, ...]

    @property
    def L(self) -> int:
        return len(self.W) - 1

    @property
    def m(self) -> int:
        return int(self.Y.shape[1])

    @property
    def keys(self) -> tuple[str, ...]:
        """ "W1", "b1" … "WL", "bL"."""
        return tuple(f"{kind}{l}" for l in range(1, self.L + 1) for kind in "Wb")

    def __getitem__(self, key: str) -> Array:
        """The array of "W1", "b1", "A0" … ."""
        return {"W": self.W, "b": self.b, "A": self.A}[key[0]][int(key[1:])]

    @property
    def activations(self) -> dict[str, Array]:
        """ "A0" … "A{L-1}"."""
        return {f"A{l}": self.A[l] for l in range(self.L)}

    def above(self, l: int) -> dict[str, Array]:
        """The parameters of the network whose input is A_l."""
        return {f"{kind}{k - l}": self[f"{kind}{k}"] for k in range(l + 1, self.L + 1) for kind in "Wb"}


def network(params: Mapping[str, Array], X: Array, Y: Array) -> Network:
    """The forward pass (D1), in float64 or wider."""
    dtype = np.result_type(np.float64, X, Y, *params.values())
    L = len(params) // 2
    empty = np.empty((0, 0), dtype)
    W, b, Z, A, C = [empty], [empty], [empty], [np.asarray(X, dtype)], [empty]
    for l in range(1, L + 1):
        W.append(np.asarray(params[f"W{l}"], dtype))
        b.append(np.asarray(params[f"b{l}"], dtype))
        with np.errstate(over="ignore", invalid="ignore"):  # the judge refuses what leaves the range
            Z.append(W[l] @ A[l - 1] + b[l])
        A.append(sigmoid(Z[l]))
        C.append(sigmoid(-Z[l]))
    return Network(tuple(W), tuple(b), np.asarray(Y, dtype), tuple(Z), tuple(A), tuple(C))


def sigmoid(Z: Array) -> Array:
    """σ(Z); where exp overflows its limit 0 is right."""
    with np.errstate(over="ignore", under="ignore"):
        return np.asarray(1 / (1 + np.exp(-Z)))


def cost(params: Mapping[str, Array], X: Array, Y: Array) -> Any:
    """The mean cross-entropy J from the last Z (D5); also for complex parameters."""
    A = X
    L = len(params) // 2
    for l in range(1, L):
        A = _folded_sigmoid(params[f"W{l}"] @ A + params[f"b{l}"])
    Z = params[f"W{L}"] @ A + params[f"b{L}"]
    return np.sum(Y * _softplus(-Z) + (1 - Y) * _softplus(Z)) / Y.shape[1]


def _folded_sigmoid(Z: Array) -> Array:
    """σ(Z), from exp of the side that cannot overflow: a complex infinity is NaN."""
    positive = Z.real > 0
    E = np.exp(np.where(positive, -Z, Z))
    return np.asarray(np.where(positive, 1, E) / (1 + E))


def _softplus(Z: Array) -> Array:
    positive = Z.real > 0
    return np.asarray(np.where(positive, Z, 0) + np.log1p(np.exp(np.where(positive, -Z, Z))))
