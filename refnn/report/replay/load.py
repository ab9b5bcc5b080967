"""Read a report that anyone may have written: bounded in size, held against the schema, and as its hashes say.

A report is data. Nothing in it is executed, imported, opened or followed.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from os import PathLike
from typing import Any, NoReturn

from refnn.report import record
from refnn.report.record import Record, plain
from refnn.report.resources import SCHEMA

LARGEST = 64 * 2**20  # bytes; the reference's own report has one or two million
LONGEST = 17  # characters of an integer that a float holds exactly
SHOWN = 200  # characters of one problem
LISTED = 5  # problems


class ReportError(ValueError):
    """A file that is no report, or no longer the report that it was."""


def load(path: str | PathLike[str]) -> Record:
    """The report in a file.

    Raises
    ------
    ReportError
        If it is too large, not JSON, of another version, not as the schema says, or changed since it was written; the
        text says where.
    OSError
        If it cannot be read.
    """
    with open(path, "rb") as file:
        data = file.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise ReportError(f"{path} is refused: larger than {LARGEST:,} bytes")
    try:
        report: Record = parse(data)
        validate(report)
        problems = record.changed(report)
    except ReportError as error:
        raise ReportError(f"{path} is refused: {error}") from None
    if problems:
        raise ReportError(f"{path} is refused, for it is not what was written:\n{_listed(problems)}")
    return report


def parse(data: bytes) -> Any:
    """JSON without duplicate keys, floating-point literals, NaN, or integers beyond those that floats hold exactly."""
    try:
        return json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_unique,
            parse_float=_no_float,
            parse_constant=_no_float,
            parse_int=_integer,
        )
    except UnicodeDecodeError:
        raise ReportError("not a text in UTF-8") from None
    except RecursionError:
        raise ReportError("nested too deeply") from None
    except json.JSONDecodeError as error:
        raise ReportError(f"not JSON: {error.msg} at line {error.lineno}, column {error.colno}") from None


def validate(report: Any) -> None:
    """Hold a parsed report against the published schema."""
    try:
        import jsonschema
    except ImportError:
        raise ImportError('reading a report needs jsonschema: pip install "refnn[report]"') from None
    found = report.get("format") if isinstance(report, dict) else None
    if found != record.FORMAT:
        version = f"format {found!r}"[:SHOWN] if found else "no format"
        raise ReportError(f"it has {version}, expected {record.FORMAT!r}, the version that this refnn reads")
    validator = jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))
    problems = []
    for error in validator.iter_errors(report):
        while error.context:  # of alternatives, the one that fits best says more than that none fits
            error = min(error.context, key=lambda inner: -len(inner.absolute_path))
        problems.append(f"{_path(error.absolute_path)}: {error.message[:SHOWN]}")
        if len(problems) == LISTED:
            break
    if problems:
        raise ReportError(f"it is not as the schema says\n{_listed(problems)}")


def _listed(problems: Sequence[str]) -> str:
    more = [f"  … and {len(problems) - LISTED} more"] if len(problems) > LISTED else []
    return "\n".join([*(f"  {problem}" for problem in problems[:LISTED]), *more])


def _path(keys: Any) -> str:
    """`content.networks[3].params`, as one would type it."""
    path = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys).lstrip(".")
    return plain(path)[:SHOWN] or "the report"


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ReportError("a key stands twice in one object")
    return found


def _no_float(literal: str) -> NoReturn:
    raise ReportError(f"the number {literal[:20]}: real numbers are hexadecimal strings in a report")


def _integer(literal: str) -> int:
    if len(literal) > LONGEST:
        raise ReportError(f"an integer of {len(literal)} digits")
    return int(literal)
