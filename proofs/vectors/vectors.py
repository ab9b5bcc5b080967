"""Read the test vectors with NumPy, and judge an implementation by them.

for vector in load_vectors("float64.json"):
    results = ...                       "Z1", "A1" … "cost", "dZ1", "dW1", "db1", "dA0" …: any of them
    wrong = vector.violations(results)

In networks.json each has its `hidden` and `output`; in functions.json either an `activation` or an `output` alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

FORMATS = ("refnn-vectors/1", "refnn-vectors/2")
UNFIT = ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError  # of what is read wrongly


@dataclass(frozen=True, eq=False)
class Vector:
    """One network with its data, or one function with its arguments, and what a correct implementation returns; or, if
    not `valid`, what a wrong one does.

    Attributes
    ----------
    id, comment, flags : what is tested; each file explains its flags
    valid : False if `expected` is the gradient that a common bug returns, from which a correct one must differ
    activation : name of the activation that is judged alone, or None
    hidden : tuple of names, of the activation of each hidden layer
    output : pair of names, of the last activation and its cost
    inputs : dict of arrays of `dtype`; X, Y and params are those of a network
    expected : dict of arrays, correctly rounded if `valid`
    ulps : dict of arrays of int, the error allowed in each entry, in units in the last place of the expected value
    """

    id: str
    comment: str
    flags: tuple[str, ...]
    valid: bool
    dtype: np.dtype[Any]
    activation: str | None
    hidden: tuple[str, ...]
    output: tuple[str, str]
    inputs: dict[str, NDArray[Any]]
    expected: dict[str, NDArray[Any]]
    ulps: dict[str, NDArray[np.int64]]

    @property
    def X(self) -> NDArray[Any]:
        return self.inputs["X"]

    @property
    def Y(self) -> NDArray[Any]:
        return self.inputs["Y"]

    @property
    def params(self) -> dict[str, NDArray[Any]]:
        return {name: array for name, array in self.inputs.items() if name[0] in "Wb"}

    def violations(self, results: Mapping[str, ArrayLike]) -> list[str]:
        """What is wrong with the results of an implementation; empty if nothing is.

        Parameters
        ----------
        results : dict of arrays keyed as `expected`; what is absent or unknown is not judged, but something must be

        Raises
        ------
        ValueError
            If there is nothing to judge.
        """
        judged = [key for key in self.expected if key in results]
        if not judged:
            raise ValueError(f"results has none of {', '.join(self.expected)}")
        wrong = [line for key in judged for line in self._misses(key, results[key])]
        if self.valid:
            return wrong
        return [] if wrong else [f"{self.id}: the gradient is the one of a bug: {self.comment}"]

    def _misses(self, key: str, given: ArrayLike) -> list[str]:
        expected, result = self.expected[key], np.asarray(given)
        if np.ma.is_masked(given):
            return [f"{self.id}: {key} has masked entries, expected real numbers"]
        if result.dtype.kind not in "biuf":
            return [f"{self.id}: {key} has dtype {result.dtype}, expected real numbers"]
        if result.shape != expected.shape:
            return [f"{self.id}: {key} has shape {result.shape}, expected {expected.shape}"]
        with np.errstate(all="ignore"):
            spacing = np.abs(np.spacing(np.abs(expected))).astype(np.float64)
            errors = np.abs(result.astype(np.float64) - expected.astype(np.float64)) / spacing
        return [
            f"{self.id}: {key}{list(map(int, i))} is {result[tuple(i)]!r}, expected {expected[tuple(i)]!r} "
            f"within {self.ulps[key][tuple(i)]} ulp: {errors[tuple(i)]:.3g} ulp off"
            for i in np.argwhere(~((errors <= self.ulps[key]) | (result == expected)))
        ]


def load_vectors(path: str | Path) -> tuple[Vector, ...]:
    """Read a file of vectors.

    Parameters
    ----------
    path : one of the JSON files beside this one

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If it does not hold vectors of the format that this version reads; the text names the case.
    """
    said = f"{path} does not hold vectors: expected an object with format {' or '.join(map(repr, FORMATS))}, and cases"
    try:
        document = json.loads(Path(path).read_text(encoding="utf-8"))
        cases = list(document["cases"]) if document["format"] in FORMATS else None
    except UNFIT as error:
        raise ValueError(said) from error
    if cases is None:
        raise ValueError(said)
    return tuple(map(_vector, cases))


def _vector(case: dict[str, Any]) -> Vector:
    try:
        dtype = np.dtype({"float32": "f4", "float64": "f8"}[case["dtype"]])
        inputs = {name: _array(value, dtype) for name, value in case["inputs"].items()}
        expected = {name: _array(value, dtype) for name, value in case["expected"].items()}
        ulps = {
            name: np.array(value["ulps"], dtype=np.int64).reshape(expected[name].shape)
            for name, value in case["expected"].items()
        }
        activation, output = case.get("activation"), (case.get("output", "sigmoid"), case.get("cost", "cross_entropy"))
        hidden = tuple(case.get("hidden", ["sigmoid"] * (len(inputs) // 2 - 2)))
        flags, valid = tuple(case["flags"]), {"valid": True, "invalid": False}[case["result"]]
        about = (case["id"], case["comment"], flags, valid, dtype)
        return Vector(*about, activation, hidden, output, inputs, expected, ulps)
    except UNFIT as error:
        name = case.get("id") if isinstance(case, dict) else case
        raise ValueError(f"vector {name!r:.60} is not as schema.json says: {error!r}") from error


def _array(value: dict[str, Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    floats = np.array([float.fromhex(numeral) for numeral in value["hex"]])
    if not np.array_equal(floats, [float(numeral) for numeral in value["decimal"]]):
        raise ValueError("hexadecimal and decimal numbers differ")
    return floats.astype(dtype).reshape(value["shape"])
