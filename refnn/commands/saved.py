"""A trained network in one file, with all that it takes to predict from a table."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from refnn import forward_prop, predict
from refnn._shapes import Array, Params
from refnn.tabular import Scaling

WORDS = {"hidden": 1, "output": 0, "features": 1, "targets": 1, "classes": 2}  # of a saved network, with their axes
SCALES = ("mean", "deviation", "target_mean", "target_deviation")
NAMES = (*WORDS, *SCALES)


@dataclass(frozen=True)
class Trained:
    """A network with what it takes to use it on a table: columns, standardisation, classes."""

    params: Params
    hidden: tuple[str, ...]  # for each hidden layer
    output: str  # "sigmoid", "softmax", or "identity" for numbers
    features: tuple[str, ...]
    targets: tuple[str, ...]
    classes: tuple[tuple[str, ...], ...]  # of each target; () where it is of numbers
    scaling: Scaling  # of the features
    units: Scaling  # of the targets, where they are of numbers

    @property
    def layer_dims(self) -> list[int]:
        return [len(self.features), *(len(V) for key, V in self.params.items() if key[0] == "b")]

    def forward(self, X: Array) -> tuple[Array, Array]:
        """A_L and Z_L of features in their units."""
        AL, caches = forward_prop(self._standard(X), self.params, hidden=self.hidden, output=self.output)
        return AL, caches[-1][1]

    def answer(self, X: Array) -> tuple[Array, Array]:
        """What the network says of each example, and how probable it finds that, (targets, m): the numbers of classes,
        or measured numbers in their units, of which no probability is known."""
        AL, _ = self.forward(X)
        said = np.atleast_2d(predict(self._standard(X), self.params, hidden=self.hidden, output=self.output))
        if self.output == "softmax":
            return said, AL.max(axis=0, keepdims=True)
        if self.output == "sigmoid":
            return said, np.where(said, AL, 1 - AL)
        with np.errstate(over="ignore"):
            numbers = self.units.back(said)
        for target, values in zip(self.targets, numbers):
            if not np.isfinite(values).all():
                raise ValueError(f"what is predicted of {target!r} leaves the range of floats")
        return numbers, np.full(said.shape, np.nan)

    def _standard(self, X: Array) -> Array:
        return standard(self.features, self.scaling, X)

    def to_bytes(self) -> bytes:
        """The file that `load` reads."""
        arrays = {
            **self.params,
            "hidden": np.array(self.hidden, str),
            "output": np.array(self.output),
            "features": np.array(self.features),
            "targets": np.array(self.targets),
            "classes": np.array(self.classes, str),
            "mean": self.scaling.mean,
            "deviation": self.scaling.deviation,
            "target_mean": self.units.mean,
            "target_deviation": self.units.deviation,
        }
        file = io.BytesIO()
        np.savez(file, **arrays)  # type: ignore[arg-type]  # none is named allow_pickle
        return file.getvalue()

    @classmethod
    def load(cls, path: Path) -> Trained:
        """Raises OSError if the file cannot be read, and ValueError if it is not one that `to_bytes` made."""
        data = path.read_bytes()
        lacking = None
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as members:
                if sum(member.file_size for member in members.infolist()) > len(data):  # `to_bytes` packs nothing
                    raise ValueError("more comes out of it than is in it")
            with np.load(io.BytesIO(data), allow_pickle=False) as archive:
                saved: dict[str, Any] = dict(archive)
            lacking = next((name for name in NAMES if name not in saved), None)
            return cls._of(saved)
        except Exception:  # whatever the libraries raise that unpack it
            why = f": it has no {lacking!r}" if lacking else ", or was changed since"
            raise ValueError(f"{path} is no network that refnn train saved{why}") from None

    @classmethod
    def _of(cls, saved: dict[str, Any]) -> Trained:
        """The network of these arrays; any error if `to_bytes` did not make them."""
        numbers = {name: array for name, array in saved.items() if name not in WORDS}
        finite = all(array.dtype == float and np.isfinite(array).all() for array in numbers.values())
        if not finite or any((saved[name].dtype.kind, saved[name].ndim) != ("U", ndim) for name, ndim in WORDS.items()):
            raise ValueError("arrays of other kinds")
        features, targets, classes, hidden = (
            tuple(saved[name].tolist()) for name in ("features", "targets", "classes", "hidden")
        )
        network = cls(
            params={name: array for name, array in numbers.items() if name not in SCALES},
            hidden=hidden,
            output=str(saved["output"]),
            features=features,
            targets=targets,
            classes=tuple(map(tuple, classes)),
            scaling=Scaling(saved["mean"], saved["deviation"]),
            units=Scaling(saved["target_mean"], saved["target_deviation"]),
        )
        n, T, n_L = len(features), len(targets), network.layer_dims[-1]
        counts = {"sigmoid": [2] * T, "softmax": [n_L], "identity": [0] * T}[network.output]
        fits = (
            [len(words) for words in network.classes] == counts
            and (n_L == T or network.output == "softmax")
            and all(saved[name].shape == (T if "target" in name else n, 1) for name in SCALES)
            and all(saved[name].min() > 0 for name in SCALES if "deviation" in name)
            and all(len(set(words)) == len(words) for words in (features, targets, *network.classes))
        )
        if not fits:
            raise ValueError("arrays that do not belong together")
        network.forward(network.scaling.mean)  # refuses parameters that do not fit together
        return network


def standard(columns: tuple[str, ...], scaling: Scaling, V: Array) -> Array:
    """V under the scaling, (columns, m); a ValueError names a column that leaves the range of floats."""
    with np.errstate(over="ignore"):
        found = scaling(V)
        fits = np.isfinite(found**2).all(axis=1)  # a cost takes squares
    for column, values, fit in zip(columns, V, fits):
        if not fit:
            said = f"column {column!r} runs from {values.min():g} to {values.max():g}, too far from the training data"
            raise ValueError(f"{said}: expected a finite number of their deviations, squared")
    return found
