"""What a gradient check found: a verdict for every parameter, with the evidence that it rests on.

All results are frozen dataclasses of plain values. A result is true only when its verdict is PASS, prints as a table
with the worst parameters first, and `to_json()` gives nothing but dicts, lists, strings, numbers and None.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, ClassVar

ROWS = 12  # a longer table hides what matters; the JSON has every row
HEADER = (
    "gradient",
    "shape",
    "verdict",
    "entries wrong",
    "abs. error",
    "rel. error",
    "tolerance",
    "sees",
    "worst entry: given, expected",
)
PASS_MEANS = (
    "A pass says that the gradient agrees with the witnesses at these points. It does not say that it does so at every "
    "other point, or that the function differentiated is the one that was meant."
)


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

    @classmethod
    def worst(cls, checks: Iterable[ParameterCheck]) -> Verdict:
        return min((check.verdict for check in checks), key=lambda verdict: verdict.rank)


class Result:
    """A dataclass of plain values, as JSON."""

    KEYS: ClassVar[tuple[str, ...]] = ()  # of the JSON; without them, the fields

    def to_json(self) -> dict[str, Any]:
        """Plain JSON; numbers that JSON cannot hold become the strings "nan", "inf" and "-inf"."""
        keys = self.KEYS or [field.name for field in fields(self)]  # type: ignore[arg-type]  # of each subclass
        return {key: _json(getattr(self, key)) for key in keys}


def _json(value: Any) -> Any:
    if isinstance(value, Result):
        return value.to_json()
    if isinstance(value, tuple):
        return [_json(part) for part in value]
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else str(float(value))
    return str(value) if isinstance(value, str) else value


@dataclass(frozen=True)
class Entry(Result):
    """One entry of a gradient beside the reference. The tolerance is for |given - expected|."""

    KEYS = ("index", "given", "expected", "error", "relative_error", "tolerance")
    index: tuple[int, ...]
    given: float
    expected: float
    tolerance: float

    def __str__(self) -> str:
        """Index and both numbers; the index as one would type it."""
        return f"[{', '.join(map(str, self.index))}]: {self.given:.17g}, {self.expected:.17g}"

    @property
    def error(self) -> float:
        return abs(self.given - self.expected)

    @property
    def relative_error(self) -> float:
        if self.error == 0:
            return 0.0
        return self.error / abs(self.expected) if self.expected != 0 else math.inf


@dataclass(frozen=True)
class ParameterCheck(Result):
    """The check of the gradient with respect to one parameter array.

    `worst` is the entry furthest outside (or nearest to the edge of) its tolerance; the other two have the largest
    absolute and relative error. They are None where no entry was compared on its own. `sees` is the relative size from
    which a fault would have been seen, in the median entry, and `sees_worst` in every entry that is not 0; None where
    that is not known.
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
    sees: float | None = None
    sees_worst: float | None = None
    reason: str = ""

    def __bool__(self) -> bool:
        return self.verdict is Verdict.PASS

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def badness(self) -> tuple[int, float]:
        """To sort by: the verdict, then how far the worst entry stands outside its tolerance, or near to its edge."""
        worst = self.worst
        if worst is None or worst.error == 0:
            return self.verdict.rank, 0.0
        excess = worst.error / worst.tolerance if worst.tolerance > 0 else math.inf
        return self.verdict.rank, -excess if not math.isnan(excess) else -math.inf

    @property
    def row(self) -> tuple[str, ...]:
        """The cells below HEADER."""
        absolute, relative, worst = self.largest_absolute, self.largest_relative, self.worst
        return (
            self.name,
            "×".join(map(str, self.shape)) or "scalar",
            str(self.verdict),
            f"{self.wrong:,} of {self.size:,}",
            f"{absolute.error:.1e}" if absolute else "–",
            f"{relative.relative_error:.1e}" if relative else "–",
            f"{worst.tolerance:.1e}" if worst else "–",
            f"{self.sees:.0e}" if self.sees is not None else "–",
            str(worst or "–"),
        )


@dataclass(frozen=True)
class Testimony(Result):
    """What one witness did: its name, how often it evaluated the function, and what it has to say about that."""

    witness: str
    evaluations: int
    note: str = ""

    def __str__(self) -> str:
        return f"{self.witness}, {self.evaluations:,} evaluations" + (f"; {self.note}" if self.note else "")


@dataclass(frozen=True)
class Cause(Result):
    """A fault, or two, that reproduce the gradient; `distance` is the largest relative one of any parameter."""

    faults: tuple[str, ...]
    equations: tuple[str, ...]
    text: str
    distance: float

    def __str__(self) -> str:
        return f"{self.text} (relative distance {self.distance:.1g})"


@dataclass(frozen=True)
class Finding(Result):
    """One fact about the gradients of one or more parameters.

    `kind` is one of "shape", "not-finite", "zero", "sign", "factor", "swapped", "transposed", "row", "column",
    "entries", "digits", "direction", "onset"; `value` is the factor, the right digits or the cosine, if there is one.
    """

    parameters: tuple[str, ...]
    kind: str
    text: str
    value: float | None = None

    def __str__(self) -> str:
        return f"{', '.join(self.parameters)}: {self.text}"


@dataclass(frozen=True)
class Diagnosis(Result):
    """Either the causes that reproduce the gradient, equally well, or the structure of its error."""

    causes: tuple[Cause, ...]
    findings: tuple[Finding, ...]

    def __str__(self) -> str:
        return "; or ".join(map(str, self.causes)) or "; ".join(map(str, self.findings))


@dataclass(frozen=True)
class GradientCheck(Result):
    """The outcome of a gradient check; true only if the verdict is PASS.

    `parameters` come worst first. `tolerance` says in words where the tolerance of each entry comes from, `reasons`
    why the verdict is not PASS, `notes` what a reader should know besides. `diagnosis` names the cause where one
    reproduces the wrong gradient. A check over several probes holds the check of each in `probes`, and shows the
    parameters and the diagnosis of the worst.
    """

    KEYS = (
        *("verdict", "cause", "diagnosis", "reasons", "notes"),
        *("tolerance", "witnesses", "parameters", "probe", "probes"),
    )
    verdict: Verdict
    parameters: tuple[ParameterCheck, ...] = ()
    witnesses: tuple[Testimony, ...] = ()
    tolerance: str = ""
    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    diagnosis: Diagnosis | None = None
    probe: str = ""
    probes: tuple[GradientCheck, ...] = ()

    @classmethod
    def of(
        cls, checks: Sequence[ParameterCheck], witnesses: tuple[Testimony, ...], tolerance: str, **more: Any
    ) -> GradientCheck:
        """The whole, from the checks of its parameters."""
        parameters = tuple(sorted(checks, key=lambda check: check.badness))
        return cls(Verdict.worst(checks), parameters, witnesses, tolerance, **more)

    def __bool__(self) -> bool:
        return self.verdict is Verdict.PASS

    def sees(self, relative: float) -> bool:
        """Whether a fault of this relative size, in any entry that is not 0, would have been seen, in some probe."""
        if self.probes:
            return any(probe.sees(relative) for probe in self.probes)
        known = [check.sees_worst for check in self.parameters]
        return bool(self) and bool(known) and all(size is not None and size <= relative for size in known)

    @property
    def cause(self) -> str | None:
        """The diagnosis in words, or None."""
        return None if self.diagnosis is None else str(self.diagnosis)

    def __str__(self) -> str:
        shown = self.parameters[:ROWS]
        lines = [f"{self.verdict}" + (f" on {self.probe}" if self.probe else "")]
        if self.diagnosis:
            label = "cause" if self.diagnosis.causes else "error"
            lines += [f"{label}: {self.diagnosis}"]
            lines += [f"start: {f}" for f in self.diagnosis.findings if f.kind == "onset" and self.diagnosis.causes]
        lines += [f"reason: {reason}" for reason in self.reasons]
        lines += _table([HEADER, *(check.row for check in shown)]) if shown else []
        if len(self.parameters) > ROWS:
            lines += [f"… and {len(self.parameters) - ROWS} more, none worse"]
        lines += [f"{check.name}: {check.reason}" for check in shown if check.reason]
        lines += ["probes:", *(check._line() for check in self.probes)] if len(self.probes) > 1 else []
        lines += [f"note: {note}" for note in self.notes]
        lines += [f"witness: {testimony}" for testimony in self.witnesses]
        lines += [f"tolerance: {self.tolerance}"] if self.tolerance else []
        return "\n".join(lines + [PASS_MEANS] * bool(self))

    def _line(self) -> str:
        """The check of one probe among others."""
        why = self.cause or "; ".join(self.reasons) or ", ".join(check.name for check in self.parameters if not check)
        return f"  {self.verdict:<10} {self.probe}" + (f": {why}" if why and not self else "")


def _table(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
