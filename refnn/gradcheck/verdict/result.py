"""What a gradient check found: a verdict for every parameter, with the evidence that it rests on.

All results are frozen dataclasses of plain values. A result is true only when its verdict is PASS, prints as a table
with the worst parameters first, and `to_json()` gives nothing but dicts, lists, strings, numbers and None.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from refnn.gradcheck.faults.diagnosis import Diagnosis

Index = tuple[int, ...]


class Verdict(StrEnum):
    """The four answers, in order of rank: the verdict on a whole is the worst verdict of its parts."""

    WRONG = "WRONG"  # outside the tolerance: this is not the gradient
    UNRELIABLE = "UNRELIABLE"  # the numbers cannot decide; the reasons say why
    BLIND = "BLIND"  # this probe could not have seen a fault
    PASS = "PASS"  # every entry lies within the tolerance

    @property
    def rank(self) -> int:
        """0 for the worst verdict."""
        return list(Verdict).index(self)


@dataclass(frozen=True)
class Entry:
    """One entry of a gradient beside the reference. The tolerance is for |given - expected|."""

    index: Index
    given: float
    expected: float
    tolerance: float

    @property
    def error(self) -> float:
        return abs(self.given - self.expected)

    @property
    def relative_error(self) -> float:
        if self.error == 0:
            return 0.0
        return self.error / abs(self.expected) if self.expected != 0 else math.inf

    def to_json(self) -> dict[str, Any]:
        return {
            "index": list(self.index),
            "given": json_number(self.given),
            "expected": json_number(self.expected),
            "error": json_number(self.error),
            "relative_error": json_number(self.relative_error),
            "tolerance": json_number(self.tolerance),
        }


@dataclass(frozen=True)
class ParameterCheck:
    """The check of the gradient with respect to one parameter array.

    `worst` is the entry furthest outside (or nearest to the edge of) its tolerance; the other two have the largest
    absolute and relative error. They are None where no entry was compared on its own.
    """

    name: str
    shape: tuple[int, ...]
    verdict: Verdict
    wrong: int = 0  # entries outside their tolerance
    undecided: int = 0  # entries that the witnesses could not decide
    worst: Entry | None = None
    largest_absolute: Entry | None = None
    largest_relative: Entry | None = None
    digits_lost: float = 0.0  # decimal digits, at most, by which the worst accepted entry falls short of its dtype
    resolution: float = 0.0  # the largest relative error of the witness in an accepted entry: no smaller fault shows
    reason: str = ""

    def __bool__(self) -> bool:
        return self.verdict is Verdict.PASS

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "shape": list(self.shape),
            "verdict": str(self.verdict),
            "wrong": self.wrong,
            "undecided": self.undecided,
            "worst": self.worst and self.worst.to_json(),
            "largest_absolute": self.largest_absolute and self.largest_absolute.to_json(),
            "largest_relative": self.largest_relative and self.largest_relative.to_json(),
            "digits_lost": json_number(self.digits_lost),
            "resolution": json_number(self.resolution),
            "reason": self.reason,
        }


@dataclass(frozen=True)
class Testimony:
    """What one witness did: its name, how often it evaluated the function, and what it has to say about that."""

    witness: str
    evaluations: int
    note: str = ""

    def to_json(self) -> dict[str, Any]:
        return {"witness": self.witness, "evaluations": self.evaluations, "note": self.note}


@dataclass(frozen=True)
class GradientCheck:
    """The outcome of a gradient check; true only if the verdict is PASS.

    `parameters` come worst first. `tolerance` says in words where the tolerance of each entry comes from, `reasons`
    why the verdict is not PASS, `notes` what a reader should know besides. `diagnosis` names the cause where one
    reproduces the wrong gradient. A check over several probes holds the check of each in `probes`, and shows the
    parameters and the diagnosis of the worst.
    """

    verdict: Verdict
    parameters: tuple[ParameterCheck, ...] = ()
    witnesses: tuple[Testimony, ...] = ()
    tolerance: str = ""
    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    diagnosis: Diagnosis | None = None
    probe: str = ""
    probes: tuple[GradientCheck, ...] = ()

    def __bool__(self) -> bool:
        return self.verdict is Verdict.PASS

    def __str__(self) -> str:
        from refnn.gradcheck.verdict.table import render

        return render(self)

    @property
    def cause(self) -> str | None:
        """The diagnosis in words, or None."""
        return None if self.diagnosis is None else str(self.diagnosis)

    def to_json(self) -> dict[str, Any]:
        """The check as plain JSON; numbers that JSON cannot hold become the strings "nan", "inf" and "-inf"."""
        return {
            "verdict": str(self.verdict),
            "cause": self.cause,
            "diagnosis": self.diagnosis and self.diagnosis.to_json(),
            "reasons": list(self.reasons),
            "notes": list(self.notes),
            "tolerance": self.tolerance,
            "witnesses": [testimony.to_json() for testimony in self.witnesses],
            "parameters": [parameter.to_json() for parameter in self.parameters],
            "probe": self.probe,
            "probes": [check.to_json() for check in self.probes],
        }


def json_number(value: float) -> float | str:
    """`value`, or its name where JSON has no number for it."""
    return float(value) if math.isfinite(value) else str(float(value))
