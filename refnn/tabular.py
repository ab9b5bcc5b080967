"""Tables of numbers with 0/1 labels: read from CSV, split, standardised. Columns of X and Y are examples."""

import csv
import math
from collections import Counter
from dataclasses import dataclass
from os import PathLike

import numpy as np

from refnn._shapes import Array

_SHOWN = 10  # faults of a file that an error lists


@dataclass(frozen=True)
class Table:
    """A table of m rows: X (features, m) and Y (targets, m), float64."""

    features: tuple[str, ...]
    targets: tuple[str, ...]
    X: Array
    Y: Array


@dataclass(frozen=True)
class Scaling:
    """Mean and standard deviation of each feature, (features, 1); a constant feature has deviation 1."""

    mean: Array
    deviation: Array

    def __call__(self, X: Array) -> Array:
        return np.asarray((X - self.mean) / self.deviation)


def read_csv(path: str | PathLike[str], targets: list[str]) -> Table:
    """Read a CSV file with a header line, numbers in every cell and 0 or 1 in the target columns.

    Raises
    ------
    ValueError
        Naming row and column of each cell that is empty, not a finite number or not a 0/1 label, each row of another
        length than the header, and each target that is not a column. The first row below the header is row 1.
    OSError
        When the file cannot be read.
    """
    header, rows = _rows(path)
    missing = [target for target in targets if target not in header]
    if len(set(targets)) < len(targets):
        raise ValueError(f"the targets {_names(targets)} name a column twice")
    if missing:
        raise ValueError(f"{path} has no column {_names(missing)}; its columns are {_names(header)}")
    features = [name for name in header if name not in targets]
    if not features or not rows:
        raise ValueError(
            f"{path} has {len(features)} feature columns and {len(rows)} rows, expected at least 1 of each"
        )
    faults: list[str] = []
    table = np.zeros((len(rows), len(header)))
    for r, (number, row) in enumerate(rows.items()):
        if len(row) != len(header):
            faults.append(f"row {number} has {len(row)} cells, expected {len(header)}, one for each column")
            continue
        for c, (name, cell) in enumerate(zip(header, row)):
            table[r, c], fault = _number(cell, label=name in targets)
            if fault:
                faults.append(f"row {number}, column {name!r}: {fault}")
    if faults:
        more = [f"… and {len(faults) - _SHOWN} more"] if len(faults) > _SHOWN else []
        raise ValueError("\n".join([f"{path} cannot be used:", *faults[:_SHOWN], *more]))
    columns = {name: table[:, c] for c, name in enumerate(header)}
    X, Y = (np.stack([columns[name] for name in names]) for names in (features, targets))
    return Table(tuple(features), tuple(targets), X, Y)


def split(table: Table, test_fraction: float, rng: np.random.Generator) -> tuple[Table, Table]:
    """The rows at random into two tables, of which the second has the given fraction of them."""
    m = table.X.shape[1]
    if not 0 < test_fraction < 1:
        raise ValueError(f"the test fraction is {test_fraction}, expected a number between 0 and 1")
    tests = round(test_fraction * m)
    if not 0 < tests < m:
        raise ValueError(f"the test fraction {test_fraction} of {m} rows is {tests}, expected from 1 to {m - 1}")
    order = rng.permutation(m)
    parts = (order[tests:], order[:tests])
    train, test = (Table(table.features, table.targets, table.X[:, part], table.Y[:, part]) for part in parts)
    return train, test


def scaling(X: Array) -> Scaling:
    """The scaling under which every feature of X has mean 0 and deviation 1."""
    size = np.abs(X).max(axis=1, keepdims=True)  # so that no square overflows
    size = np.where(size > 0, size, 1)
    constant = X.min(axis=1, keepdims=True) == X.max(axis=1, keepdims=True)  # whose mean may be off by a rounding
    mean = np.where(constant, X[:, :1], (X / size).mean(axis=1, keepdims=True) * size)
    return Scaling(mean, np.where(constant, 1, (X / size).std(axis=1, keepdims=True) * size))


def _rows(path: str | PathLike[str]) -> tuple[list[str], dict[int, list[str]]]:
    """The header, and the rows that are not blank by their number."""
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            header, *lines = csv.reader(file, strict=True)
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not a text file in UTF-8, expected CSV") from None
    except csv.Error as error:
        raise ValueError(f"{path} is not CSV: {error}") from None
    except ValueError:
        raise ValueError(f"{path} is empty, expected a header line and rows") from None
    header = [name.strip() for name in header]
    twice = [name for name, count in Counter(header).items() if count > 1]
    if twice:
        raise ValueError(f"{path} has more than one column {_names(twice)}")
    return header, {number: row for number, row in enumerate(lines, start=1) if row}


def _number(cell: str, *, label: bool) -> tuple[float, str]:
    """The number in a cell, and what is wrong with it."""
    if not cell.strip():
        return 0.0, "the value is missing"
    try:
        number = float(cell.replace("_", "?"))  # Python's own 1_000 is no number to anyone else
    except ValueError:
        return 0.0, f"{cell!r} is not a number"
    if label and number not in (0, 1):
        return 0.0, f"the label is {cell}, expected 0 or 1"
    if not math.isfinite(number):
        return 0.0, f"{cell} is not a finite number"
    return number, ""


def _names(names: list[str]) -> str:
    return ", ".join(map(repr, names))
