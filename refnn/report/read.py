"""Read a report that anyone may have written: bounded in size, held against the schema, and as its hashes say.

`load` reads the file, `cases` makes arrays of its networks and gradients. A report is data: nothing in it is executed,
imported, opened or followed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice
from os import PathLike
from pathlib import Path
from typing import Any, NoReturn

from refnn._shapes import Array
from refnn.gradcheck.declaration import Declaration
from refnn.gradcheck.faults.probes import Probe
from refnn.gradcheck.problem import Problem, declared_network
from refnn.numbers import hexfloat
from refnn.report import declared, networks, record
from refnn.report.record import Record, decode, decode_all, plain
from refnn.report.resources import SCHEMA

LARGEST = 64 * 2**20  # bytes; the reference's own report has one or two million
LONGEST = 17  # characters of an integer that a float holds exactly
SHOWN = 200  # characters of one problem
LISTED = 5  # problems


class ReportError(ValueError):
    """A file that is no report, or no longer the report that it was."""


def load(path: str | PathLike[str]) -> Record:
    """The report in a file, or in the folder that holds report.json.

    Raises
    ------
    ReportError
        If it is too large, not JSON, of another version, not as the schema says, or changed since it was written; the
        text says where.
    OSError
        If it cannot be read.
    """
    path = Path(path)
    if path.is_dir():
        path /= "report.json"
    if path.exists() and not path.is_file():  # of a pipe, reading might never end
        raise ReportError(f"{path} is refused: no regular file")
    with open(path, "rb") as file:
        data = file.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise ReportError(f"{path} is refused: larger than {LARGEST:,} bytes")
    try:
        report: Record = parse(data)
        validate(report)
        problems = record.changed(report)
    except UnicodeEncodeError:
        raise ReportError(f"{path} is refused: a text in it has half a character, a surrogate alone") from None
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
            object_pairs_hook=hexfloat.unique,
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
    except ValueError as error:
        raise ReportError(str(error)) from None


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
    problems = []
    for error in islice(jsonschema.Draft202012Validator(_schema()).iter_errors(report), LISTED):
        while error.context:  # of alternatives, the one that fits best says more than that none fits
            error = min(error.context, key=lambda inner: -len(inner.absolute_path))
        problems.append(f"{_path(error.absolute_path)}: {error.message[:SHOWN]}")
    if not problems:  # the schema knows no letter that is not seen, or turns the others round
        unseen = (keys for keys, text in _texts(report["content"], ("content",)) if text != plain(text).strip())
        problems = [f"{_path(keys)}: a text with what cannot be seen in print" for keys in islice(unseen, LISTED)]
    if problems:
        raise ReportError(f"it is not as the schema says\n{_listed(problems)}")


@cache
def _schema() -> Any:
    """With each definition in the place of its name: looking it up takes longer than to hold a number against it."""
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))

    def spelled_out(part: Any) -> Any:
        match part:
            case list():
                return [spelled_out(each) for each in part]
            case {"$ref": path, **rest}:
                return spelled_out(schema["$defs"][path.rpartition("/")[2]] | rest)
            case dict():
                return {key: spelled_out(each) for key, each in part.items()}
        return part

    return spelled_out({key: part for key, part in schema.items() if key != "$defs"})


def _texts(part: Any, path: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], str]]:
    """Each text in a part of a report, with its path."""
    if isinstance(part, str):
        yield path, part
    elif isinstance(part, dict | list):
        for key, inner in part.items() if isinstance(part, dict) else enumerate(part):
            yield from _texts(inner, (*path, key))


def _listed(problems: Sequence[str]) -> str:
    more = [f"  … and {len(problems) - LISTED} more"] if len(problems) > LISTED else []
    return "\n".join([*(f"  {problem}" for problem in problems[:LISTED]), *more])


def _path(keys: Any) -> str:
    """`content.networks[3].params`, as one would type it."""
    path = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys).lstrip(".")
    return plain(path)[:SHOWN] or "the report"


def _no_float(literal: str) -> NoReturn:
    raise ReportError(f"the number {literal[:20]}: real numbers are hexadecimal strings in a report")


def _integer(literal: str) -> int:
    if len(literal) > LONGEST:
        raise ReportError(f"an integer of {len(literal)} digits")
    return int(literal)


# ---------------------------------------------------------------------- arrays


@dataclass(frozen=True)
class Case:
    """One network of a report: the path of its record, the probe, the gradient as it was given (or None), the problem
    as the check saw it, and both records."""

    path: str
    probe: Probe
    grads: dict[str, Array] | None
    problem: Problem
    found: Record
    evidence: Record

    @property
    def is_trained(self) -> bool:
        return bool(self.found["origin"]["kind"] == "trained")


def cases(report: Record) -> list[Case]:
    """The networks of a report; those of a training take its examples."""
    content, measured = report["content"], report["measured"]
    training = training_data(content["training"])
    said = declaration(report)
    if len(content["networks"]) != len(measured["networks"]):
        raise ReportError("measured.networks and content.networks differ in number")
    found_cases = []
    for i, (found, evidence) in enumerate(zip(content["networks"], measured["networks"])):
        path = f"networks[{i}]"
        if found["data"] != "training":
            X, Y = (_decoded(f"content.{path}.data.{name}", found["data"][name]) for name in "XY")
        elif training is not None:
            X, Y = training.X, training.Y
        else:
            raise ReportError(f"content.{path}.data is that of a training, but none is recorded")
        try:
            network = declared_network(decode_all(f"content.{path}.params", found["params"]), X, Y, said)
            problem = Problem.of(*network, said)
            grads = None
            if evidence["gradient"] is not None:
                grads = decode_all(f"measured.{path}.gradient", evidence["gradient"])
                problem = problem.judging(grads)
        except (TypeError, ValueError) as error:
            raise ReportError(f"{path} is no network with its gradient: {error}") from None
        found_cases.append(Case(path, Probe(found["name"], *network), grads, problem, found, evidence))
    return found_cases


def declaration(report: Record) -> Declaration:
    """The network of a report, with its conventions."""
    try:
        return declared.declared(report["content"]["declaration"])
    except ValueError as error:
        raise ReportError(f"content.declaration is none: {error}") from None


def training_data(training: Record | None) -> networks.Data | None:
    """The examples of a training."""
    if training is None:
        return None
    return networks.Data(*(_decoded(f"content.training.{name}", training[name]) for name in networks.Data._fields))


def _decoded(path: str, value: Record) -> Array:
    try:
        return decode(path, value)
    except ValueError as error:
        raise ReportError(str(error)) from None
