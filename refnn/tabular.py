"""Tables: read from CSV, split, standardised. Columns of X and Y are examples."""

import contextlib
import csv
import math
import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from os import PathLike
from typing import Any, Literal, TypeAlias

import numpy as np

from refnn._shapes import Array

Path: TypeAlias = str | PathLike[str]
Kind: TypeAlias = Literal["classes", "numbers"]

_SHOWN = 10  # faults of a file that an error lists
_SEPARATORS = ",;\t"
_TRUTH = {"true": 1.0, "false": 0.0}
_DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?")
_UNNAMED = re.compile(r"(Unnamed: \d+)?")  # so pandas writes its index, and reads it again


@dataclass(frozen=True)
class Table:
    """A table of m rows: X (features, m) and Y (targets, m), the numbers of classes or measured ones, float64."""

    features: tuple[str, ...]
    targets: tuple[str, ...]
    X: Array
    Y: Array
    classes: tuple[tuple[str, ...], ...]  # of each target, sorted, as the file writes them; () where it is measured


@dataclass(frozen=True)
class Scaling:
    """Mean and standard deviation of each row of an array, (rows, 1); a constant row has deviation 1."""

    mean: Array
    deviation: Array

    def __call__(self, V: Array) -> Array:
        return np.asarray((V - self.mean) / self.deviation)

    def back(self, V: Array) -> Array:
        return np.asarray(V * self.deviation + self.mean)


def read_csv(path: Path, targets: Sequence[str], kind: Kind | None = None, ignore: Collection[str] = ()) -> Table:
    """Read a CSV file with a header line: the targets, and as features all other columns that are not ignored.

    Cells stand between commas, semicolons or tabs, whichever the header has most of; between the latter two a decimal
    comma is read. A feature is a column of numbers, or of True and False. A target is of classes, which are words or
    the integers 0 … K - 1; of any words or numbers, if its kind is given as "classes"; or a column of "numbers".

    Raises
    ------
    ValueError
        Naming row and column of each cell that is empty or does not fit its column, each row of another length than
        the header, each feature that only counts the rows, and each target that is no column, or not of its kind. The
        first row below the header is row 1.
    OSError
        When the file cannot be read.
    """
    if len(set(targets)) < len(targets):
        raise ValueError(f"the targets {_names(targets)} name a column twice")
    if both := [name for name in targets if name in ignore]:
        raise ValueError(f"a target cannot be ignored: {_names(both)}")
    sheet = _sheet(path)
    sheet.require([*targets, *ignore])
    features = [name for name in sheet.header if name not in targets and name not in ignore]
    if not features or not sheet.rows:
        raise ValueError(
            f"{path} has {len(features)} feature columns and {len(sheet.rows)} rows, expected at least 1 of each"
        )
    comma = sheet.decimal_comma([*features, *targets])
    X = sheet.numbers(features, comma=comma)
    if kind == "numbers":
        Y, classes = sheet.numbers(targets, comma=comma), ((),) * len(targets)
        for name, values in zip(targets, Y):
            if values.min() == values.max():
                sheet.faults.append(f"column {name!r} is {values[0]:g} in every row: there is nothing to learn")
    else:
        labels, classes = zip(*(sheet.classes(name, any_numbers=kind == "classes", comma=comma) for name in targets))
        Y = np.array(labels, float)
    for name, values in zip(features, X):
        sheet.refuse_index(name, values)
    sheet.refuse()
    return Table(tuple(features), tuple(targets), X, Y, classes)


def read_features(path: Path, features: Sequence[str]) -> Array:
    """These columns of a CSV file, (features, m), whatever others it has; raises like `read_csv`."""
    sheet = _sheet(path)
    sheet.require(features)
    if not sheet.rows:
        raise ValueError(f"{path} has 0 rows, expected at least 1")
    X = sheet.numbers(features, comma=sheet.decimal_comma(features))
    sheet.refuse()
    return X


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
    train, test = (replace(table, X=table.X[:, part], Y=table.Y[:, part]) for part in parts)
    return train, test


def scaling(V: Array) -> Scaling:
    """The scaling under which every row of V has mean 0 and deviation 1."""
    size = np.abs(V).max(axis=1, keepdims=True)  # so that no square overflows
    size = np.where(size > 0, size, 1)
    constant = V.min(axis=1, keepdims=True) == V.max(axis=1, keepdims=True)  # whose mean may be off by a rounding
    mean = np.where(constant, V[:, :1], (V / size).mean(axis=1, keepdims=True) * size)
    return Scaling(mean, np.where(constant, 1, (V / size).std(axis=1, keepdims=True) * size))


def no_scaling(rows: int) -> Scaling:
    return Scaling(np.zeros((rows, 1)), np.ones((rows, 1)))


# ---------------------------------------------------------------------- cells


@dataclass(frozen=True)
class _Sheet:
    """The cells of a file, the rows that are not blank by their number, and what has been found wrong with them."""

    path: Path
    separator: str
    header: list[str]
    rows: dict[int, list[str]]
    faults: list[str] = field(default_factory=list)

    def require(self, names: Collection[str]) -> None:
        missing = [name for name in names if name not in self.header]
        if missing:
            raise ValueError(f"{self.path} has no column {_names(missing)}; its columns are {_names(self.header)}")

    def refuse(self) -> None:
        if self.faults:
            more = [f"… and {len(self.faults) - _SHOWN} more"] if len(self.faults) > _SHOWN else []
            raise ValueError("\n".join([f"{self.path} cannot be used:", *self.faults[:_SHOWN], *more]))

    def fault(self, name: str, row: int, text: str) -> None:
        if text:
            self.faults.append(f"row {row}, column {name!r}: {text}")

    def column(self, name: str) -> dict[int, str]:
        """The cells of a column by the number of their row."""
        c = self.header.index(name)
        return {number: row[c].strip() for number, row in self.rows.items()}

    def decimal_comma(self, names: Sequence[str]) -> bool:
        cells = (cell for name in names for cell in self.column(name).values())
        return self.separator != "," and any(map(_DECIMAL_COMMA.fullmatch, cells))

    def numbers(self, names: Sequence[str], *, comma: bool) -> Array:
        """The numbers in these columns, (columns, m)."""
        table = np.zeros((len(names), len(self.rows)))
        for name, values in zip(names, table):
            column = self.column(name)
            truth = all(cell.lower() in _TRUTH for cell in column.values())
            for r, (row, cell) in enumerate(column.items()):
                number = _TRUTH[cell.lower()] if truth else _number(cell, comma)
                fault = _fault(cell, number, comma)
                values[r] = 0 if fault else number
                self.fault(name, row, fault)
        return table

    def classes(self, name: str, *, any_numbers: bool, comma: bool) -> tuple[list[int], tuple[str, ...]]:
        """The number of each row's class, and the classes."""
        column = self.column(name)
        cells = list(column.values())
        numbers = {cell: _number(cell, comma) for cell in cells}
        numeric = 2 * sum(numbers[cell] is not None for cell in cells) > len(cells)
        before = len(self.faults)
        for row, cell in column.items():
            if not cell or numeric or not math.isfinite(numbers[cell] or 0):
                self.fault(name, row, _fault(cell, numbers[cell], comma))
            elif numbers[cell] is not None:
                self.fault(name, row, f"{cell} is a number among words")
        if len(self.faults) > before:
            return [0] * len(cells), ()
        spelled = {numbers[cell] if numeric else cell: cell for cell in cells}  # 1 and 1.0 are one class
        labels: list[Any] = sorted(spelled)  # either all words or all numbers
        K = len(labels)
        if K < 2:
            self.faults.append(f"column {name!r} is {cells[0]} in every row: there is nothing to learn")
        elif K > 2 and 2 * K > len(cells):
            advice = "; --output identity takes them for measured numbers" if numeric else ""
            self.faults.append(f"column {name!r} has {K} different labels in {len(cells)} rows: no classes{advice}")
        elif numeric and not any_numbers and labels != list(range(K)):
            row, cell = next((row, cell) for row, cell in column.items() if numbers[cell] not in range(K))
            said = f"the label is {cell}, expected one of 0 … {K - 1}, as the column has {K} different labels; "
            advice = "--output identity takes them for measured numbers, --output softmax for classes"
            self.fault(name, row, said + advice)
        order = {label: k for k, label in enumerate(labels)}
        return [order[numbers[cell] if numeric else cell] for cell in cells], tuple(map(spelled.__getitem__, labels))

    def refuse_index(self, name: str, values: Array) -> None:
        """Refuse a column that only numbers the rows: they may be sorted by label, and then it tells the label."""
        counts = len(values) > 2 and values[0] in (0, 1) and bool((np.diff(values) == 1).all())
        if counts or _UNNAMED.fullmatch(name):
            found = "only counts the rows" if counts else f"has no name (it is column {self.header.index(name) + 1})"
            advice = f"save without it (pandas: index=False), or leave it out with --ignore {name!r}"
            self.faults.append(f"column {name!r} {found}, as an index does: {advice}")


def _sheet(path: Path) -> _Sheet:
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            lines = file.readlines()
        separator = max(_SEPARATORS, key=lambda sign: len(next(csv.reader(lines, delimiter=sign), [])))
        header, *rows = csv.reader(lines, strict=True, delimiter=separator)
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not a text file in UTF-8, expected CSV") from None
    except csv.Error as error:
        raise ValueError(f"{path} is not CSV: {error}") from None
    except ValueError:
        raise ValueError(f"{path} is empty, expected a header line and rows") from None
    nul = next((number for number, line in enumerate(lines, start=1) if "\0" in line), None)
    if nul is not None:  # NumPy would cut it off the end of a name, and make one of two
        raise ValueError(f"{path} is not CSV: line {nul} has a NUL character")
    header = [name.strip() for name in header]
    if not any(header):
        raise ValueError(f"the first line of {path} is blank, expected the header")
    twice = [name for name, count in Counter(header).items() if count > 1]
    if twice:
        raise ValueError(f"{path} has more than one column {_names(twice)}")
    sheet = _Sheet(path, separator, header, {number: row for number, row in enumerate(rows, start=1) if row})
    for number, row in sheet.rows.items():
        if len(row) != len(header):
            sheet.faults.append(f"row {number} has {len(row)} cells, expected {len(header)}, one for each column")
    sheet.refuse()
    return sheet


def _number(cell: str, comma: bool) -> float | None:
    """The number in a cell; an integer as an int, which keeps all its digits: it may be a label."""
    if comma:
        cell = cell.replace(".", "?").replace(",", ".")
    number = None
    with contextlib.suppress(ValueError):
        number = float(cell.replace("_", "?"))  # Python's own 1_000 is no number to anyone else
        number = int(cell) if math.isfinite(number) else number
    return number


def _fault(cell: str, number: float | None, comma: bool) -> str:
    """What is wrong with a cell that should hold a number."""
    if not cell:
        return "the value is missing"
    if number is None:
        return f"{cell!r} is not a number" + (" with a decimal comma, as others are" if comma else "")
    return "" if math.isfinite(number) else f"{cell} is not a finite number"


def _names(names: Collection[str]) -> str:
    return ", ".join(map(repr, names))
