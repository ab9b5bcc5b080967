"""What a gradient check found: a verdict for every parameter, with the evidence that it rests on.

All results are frozen dataclasses of plain values. A result is true only when its verdict is PASS, prints in 80 columns
with the worst parameters first, and `to_json()` gives nothing but dicts, lists, strings, numbers and None.
"""

from __future__ import annotations

import math
import numbers
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from html import escape
from typing import Any, ClassVar

from refnn._printing import WIDTH, folded, printable

NOTHING = 1e3  # times itself: a gradient of which no smaller fault is seen was not seen
ROWS = 12  # a longer table hides what matters; the JSON has every row
HEADER = ("gradient", "shape", "verdict", "wrong", "rel. error", "error/tolerance", "sees")
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
    if isinstance(value, numbers.Integral) and not isinstance(value, bool):
        return int(value)
    if isinstance(value, numbers.Real) and not isinstance(value, bool):
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
        """Index and numbers; the index as one would type it."""
        place = f"[{', '.join(map(str, self.index))}]" if self.index else "entry"
        return f"{place}: {self.given:.17g}, expected {self.expected:.17g} ± {self.tolerance:.1e}"

    @property
    def error(self) -> float:
        return abs(self.given - self.expected)

    @property
    def relative_error(self) -> float:
        if self.error == 0:
            return 0.0
        return self.error / abs(self.expected) if self.expected != 0 else math.inf

    @property
    def excess(self) -> float:
        """The error in units of the tolerance: above 1 where the entry is wrong."""
        if self.error == 0:
            return 0.0
        return self.error / self.tolerance if self.tolerance > 0 else math.inf


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
    unseen: int = 0  # accepted entries, given as other than 0, that the witnesses did not tell from 0
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
        excess = self.worst.excess if self.worst else 0.0
        return self.verdict.rank, -excess if not math.isnan(excess) else -math.inf

    @property
    def row(self) -> tuple[str, ...]:
        """The cells below HEADER."""
        relative, worst = self.largest_relative, self.worst
        return (
            self.name,
            "×".join(map(str, self.shape)) or "scalar",
            str(self.verdict),
            "all" if self.wrong == self.size > 1 else f"{self.wrong:,}",
            f"{relative.relative_error:.1e}" if relative else "–",
            f"{worst.excess:.2g}" if worst else "–",
            "–" if self.sees is None else f"{self.sees:.0e}" if self.sees < NOTHING else "nothing",
        )

    @property
    def remarks(self) -> tuple[str, ...]:
        """What to say below the row: the worst entry, unless all are right, and the reason."""
        worst = f"worst {self.worst}" if self.worst and not self else ""
        return tuple(filter(None, [worst, self.reason]))


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
        return cls(parameters[0].verdict, parameters, witnesses, tolerance, **more)

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

    def __repr__(self) -> str:
        line = printable(": ".join(filter(None, [self._heading(), self._why()])))
        return f"<GradientCheck {textwrap.shorten(line, WIDTH - 20, placeholder=' …')}>"

    def __str__(self) -> str:
        return folded([*self._before(), *_table(self.parameters[:ROWS]), *self._after()])

    def _repr_html_(self) -> str:
        """The same for a notebook."""
        verdict, *before = self._before()
        rows = [_row("th", HEADER)] if self.parameters else []
        for check in self.parameters[:ROWS]:
            rows.append(_row("td", check.row))
            rows += [f'<tr><td colspan="{len(HEADER)}">{escape(remark)}</td></tr>' for remark in check.remarks]
        above = f"<p><b>{escape(verdict)}</b>{_lines(before)}</p>"
        return f"{above}<table>{''.join(rows)}</table><p>{_lines(self._after())}</p>"

    def _heading(self) -> str:
        return f"{self.verdict} on {self.probe}" if self.probe else f"{self.verdict}"

    def _why(self) -> str:
        """Why the verdict is not PASS, as short as it can be said."""
        wrong = ", ".join(sorted(check.name for check in self.parameters if not check))
        return "" if self else self.cause or "; ".join(self.reasons) or wrong

    def _before(self) -> Iterator[str]:
        """What is said above the table: the verdict, the cause, where the error is, and the reasons."""
        yield self._heading()
        if self.diagnosis:
            causes, findings = self.diagnosis.causes, self.diagnosis.findings
            onset = [finding for finding in findings if finding.kind == "onset"]
            if causes:
                yield f"cause: {self.diagnosis}"
            for finding in (onset if causes and onset else findings)[:ROWS]:
                yield f"{'start' if finding in onset else 'error'}: {finding}"
        yield from (f"reason: {reason}" for reason in self.reasons)

    def _after(self) -> Iterator[str]:
        """What is said below it: the probes, those of one outcome together, and what the verdict rests on."""
        if len(self.parameters) > ROWS:
            yield f"… and {len(self.parameters) - ROWS} more, none worse"
        if len(self.probes) > 1:
            yield "probes:"
            outcomes: dict[tuple[str, str], list[str]] = {}
            for check in self.probes:
                outcomes.setdefault((check.verdict, check._why()), []).append(check.probe)
            for (verdict, why), names in outcomes.items():
                yield f"  {verdict} on {'; '.join(names)}" + (f": {why}" if why else "")
        yield from (f"note: {note}" for note in self.notes)
        yield from (f"witness: {testimony}" for testimony in self.witnesses)
        if self.tolerance:
            yield f"tolerance: {self.tolerance}"
        if self:
            yield PASS_MEANS


def _table(checks: Sequence[ParameterCheck]) -> Iterator[str]:
    """A row for each array below the header, with its remarks; a name that is too long has a line of its own."""
    if not checks:
        return
    rows = [HEADER, *(check.row for check in checks)]
    _, *widths = (max(map(len, column)) for column in zip(*rows, strict=True))
    room = WIDTH - sum(widths) - 2 * len(widths)
    first = max(len(name) for name, *_ in rows if len(name) <= max(room, len(HEADER[0])))
    for row, remarks in zip(rows, [(), *(check.remarks for check in checks)], strict=True):
        name, *cells = row
        if len(name) > first:
            yield name
            name = ""
        yield "  ".join([name.ljust(first), *map(str.ljust, cells, widths)]).rstrip()
        yield from (f"  {remark}" for remark in remarks)


def _row(tag: str, cells: Iterable[str]) -> str:
    return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"


def _lines(lines: Iterable[str]) -> str:
    return "".join(f"<br>{escape(line)}" for line in lines)
