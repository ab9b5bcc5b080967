"""A trained network in one file, with all that it takes to predict from a table."""

from __future__ import annotations

import io
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from refnn import forward_prop, predict
from refnn._shapes import Array, Params
from refnn.tabular import Scaling


@dataclass(frozen=True)
class Trained:
    """Parameters and activations, and what stands before and behind them: columns, standardisation, classes."""

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
        return self.units.back(said), np.full(said.shape, np.nan)

    def _standard(self, X: Array) -> Array:
        with np.errstate(over="ignore"):  # what becomes infinite is refused
            return self.scaling(X)

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
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as archive:
                saved: dict[str, Any] = dict(archive)
            network = cls(
                params={key: saved[key] for key in saved if key[0] in "Wb"},
                hidden=tuple(saved["hidden"].tolist()),
                output=str(saved["output"]),
                features=tuple(saved["features"].tolist()),
                targets=tuple(saved["targets"].tolist()),
                classes=tuple(map(tuple, saved["classes"].tolist())),
                scaling=Scaling(saved["mean"], saved["deviation"]),
                units=Scaling(saved["target_mean"], saved["target_deviation"]),
            )
            T, n_L = len(network.targets), network.layer_dims[-1]
            classes = {"sigmoid": [2] * T, "softmax": [n_L], "identity": [0] * T}.get(network.output)
            said, _ = network.answer(np.zeros((len(network.features), 1)))  # refuses what does not fit together
            fits = len(said) == T and list(map(len, network.classes)) == classes
        except KeyError as error:
            raise ValueError(f"{path} is no network that refnn train saved: it has no {error}") from None
        except (ValueError, TypeError, EOFError, zipfile.BadZipFile, zlib.error):
            fits = False
        if not fits:
            raise ValueError(f"{path} is no network that refnn train saved, or was changed since")
        return network
