"""A report as data: its canonical text, its identity, and the seal that finds what was changed.

A report is a JSON object that holds no floating-point literal. Integers stand for counts, and real numbers are
hexadecimal strings as C writes `%a`, so that reading and writing lose no bit. Its canonical text has sorted keys, no
white space and no escapes that JSON does not demand (the form that RFC 8785 gives such values); a hash is taken of it
in UTF-8.

    identity   of `content`: what was checked and what was found, in terms that every machine agrees on
    digests    of each part, to say which one was changed
    seal       of all that stands in the report besides the seal: the measured numbers and the environment too

The last bits of a gradient depend on the order in which a BLAS adds, so `content` holds the hash of a gradient rounded
to half of its digits, and `measured` the gradient itself, to the last bit.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from refnn._printing import printable
from refnn._shapes import Array
from refnn.numbers import hexfloat

FORMAT = "refnn-report/2"
LONGEST = 2000  # characters of a text
SPELLING = "as float.hex does"
GRID = 2.0**-10  # of the standardised features of a training, in standard deviations
SHORT = 12  # hexadecimal digits by which an identity goes in running text
Record = dict[str, Any]


def canonical(value: object) -> str:
    """The canonical text of a JSON value without floats."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def sha256(value: object) -> str:
    """The hash of the canonical text, in hexadecimal."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def plain(text: str) -> str:
    """The text as it may stand in a report: of any length that a person reads, without control characters."""
    return printable(text)[:LONGEST]


def sealed(content: Record, measured: Record, environment: Record, citation: Record) -> Record:
    """A whole report from its parts."""
    report: Record = {
        "format": FORMAT,
        "identity": sha256(content),
        "content": content,
        "measured": measured,
        "environment": environment,
        "citation": citation,
    }
    report["digests"] = {path: sha256(part) for path, part in parts(report)}
    report["seal"] = sha256(report)
    return report


def changed(report: Record) -> list[str]:
    """The parts of a report that are not what its hashes say, in words."""
    digests = {path: sha256(part) for path, part in parts(report)}
    found = [f"{path} was changed" for path, digest in digests.items() if report["digests"].get(path) != digest]
    found += [f"{path} was removed" for path in report["digests"] if path not in digests]
    if report["seal"] != sha256({key: part for key, part in report.items() if key != "seal"}):
        found = found or ["the seal does not match: the seal, the format or a digest was changed"]
    elif found:  # whoever made the seal anew has left these
        found = [f"digests are not those of the parts: {line}" for line in found]
    if report["identity"] != sha256(report["content"]):
        now, recorded = sha256(report["content"]), report["identity"]
        found.append(f"the identity is {recorded[:SHORT]}…, that of the content {now[:SHORT]}…")
    return found


def parts(report: Record) -> Iterator[tuple[str, object]]:
    """Each part that has a digest, under its path: every network on its own, and every other entry of a section."""
    for section in ("content", "measured"):
        for key, part in report[section].items():
            if key == "networks":
                yield from ((f"{section}.networks[{i}]", network) for i, network in enumerate(part))
            else:
                yield f"{section}.{key}", part
    yield "environment", report["environment"]
    yield "citation", report["citation"]


def gradient_digest(grads: Mapping[str, Array]) -> str:
    """The hash of a gradient, each array rounded to half the digits of its dtype, beside its largest entry.

    Machines that add in another order differ by a few roundoffs u, and round to other multiples of sqrt(u) in about one
    entry of 10^7 (float64).
    """
    return sha256({key: _rounded(dV) for key, dV in grads.items()})


def _rounded(dV: Array) -> Record:
    finite = dV[np.isfinite(dV)]
    largest = float(np.abs(finite).max(initial=0))
    unit = float(np.ldexp(np.sqrt(np.finfo(dV.dtype).eps), np.frexp(largest)[1]))
    entries = [round(float(x) / unit) if np.isfinite(x) and unit else str(float(x)) for x in dV.flat]
    return {"shape": list(dV.shape), "unit": unit.hex(), "entries": entries}


# ---------------------------------------------------------------------- arrays


def encode(array: Array) -> Record:
    """As `refnn.numbers.hexfloat` does; a number in any other format than float16, 32 and 64 would lose bits."""
    if array.dtype.name not in hexfloat.DTYPES:
        raise TypeError(f"a report holds {', '.join(hexfloat.DTYPES)}, not {array.dtype}")
    return hexfloat.encode(array)


def encode_all(arrays: Mapping[str, Array]) -> Record:
    return {key: encode(V) for key, V in arrays.items()}


def encode_on_grid(array: Array) -> Record:
    """Float64 multiples of GRID, exactly: the larger tables take less room as integers."""
    return {"shape": list(array.shape), "unit": GRID.hex(), "integers": [int(k) for k in (array / GRID).flat]}


def decode(path: str, value: Record) -> Array:
    """The array that `encode` or `encode_on_grid` wrote; a ValueError that begins with the path for anything else."""
    if "hex" in value:
        array = hexfloat.decode(path, value)
        if encode(array) != value:  # or the same content could have several identities
            raise ValueError(f"{path} has numbers that are not spelt as a report spells them: {SPELLING}")
        return array
    shape, integers = value["shape"], value["integers"]
    if math.prod(shape) != len(integers):
        raise ValueError(f"{path} needs {math.prod(shape)} numbers for shape {shape}, has {len(integers)}")
    if value["unit"] != GRID.hex():  # as above
        raise ValueError(f"{path}.unit is {value['unit']!r}, expected {GRID.hex()!r}")
    return np.array(integers, dtype=np.float64).reshape(shape) * GRID


def decode_all(path: str, table: Record) -> dict[str, Array]:
    return {key: decode(f"{path}.{key}", value) for key, value in table.items()}


def number(path: str, value: str) -> float:
    """A hexadecimal float, in the one spelling that a report has."""
    try:
        x = float.fromhex(value)
    except (ValueError, OverflowError):
        raise ValueError(f"{path} is {value!r}, expected a hexadecimal float") from None
    if x.hex() != value:
        raise ValueError(f"{path} is {value!r}, expected {x.hex()!r}: {SPELLING}")
    return x
