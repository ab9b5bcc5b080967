"""A gradient check as text: the verdict, the cause, and a table with the worst parameters first."""

from __future__ import annotations

from refnn.gradcheck.verdict.result import Entry, GradientCheck, ParameterCheck, Verdict

ROWS = 12  # a longer table hides what matters; the JSON has every row
HEADER = (
    "gradient",
    "shape",
    "verdict",
    "entries wrong",
    "abs. error",
    "rel. error",
    "tolerance",
    "worst entry: given, expected",
)
PASS_MEANS = (
    "A pass says that the gradient agrees with the witnesses at these points. It does not say that it does so at every "
    "other point, or that the function differentiated is the one that was meant."
)


def render(check: GradientCheck) -> str:
    """The text of `check`, ready to print."""
    lines = [f"{check.verdict}" + (f" on {check.probe}" if check.probe else "")]
    if check.cause:
        lines += [f"cause: {check.cause}"]
    lines += [f"reason: {reason}" for reason in check.reasons]
    if check.parameters:
        lines += _table([HEADER, *(_row(parameter) for parameter in check.parameters[:ROWS])])
    if len(check.parameters) > ROWS:
        lines += [f"… and {len(check.parameters) - ROWS} more, none worse"]
    lines += [f"{parameter.name}: {parameter.reason}" for parameter in check.parameters[:ROWS] if parameter.reason]
    if len(check.probes) > 1:
        lines += ["probes:", *(_probe_line(probe) for probe in check.probes)]
    lines += [f"note: {note}" for note in check.notes]
    for testimony in check.witnesses:
        note = f"; {testimony.note}" if testimony.note else ""
        lines += [f"witness: {testimony.witness}, {testimony.evaluations:,} evaluations{note}"]
    if check.tolerance:
        lines += [f"tolerance: {check.tolerance}"]
    if check:
        lines += [PASS_MEANS]
    return "\n".join(lines)


def _probe_line(check: GradientCheck) -> str:
    bad = [parameter.name for parameter in check.parameters if not parameter]
    why = check.cause or "; ".join(check.reasons) or (", ".join(bad) if bad else "")
    return f"  {check.verdict:<10} {check.probe}" + (f": {why}" if why and check.verdict is not Verdict.PASS else "")


def _row(parameter: ParameterCheck) -> tuple[str, ...]:
    absolute, relative, worst = parameter.largest_absolute, parameter.largest_relative, parameter.worst
    return (
        parameter.name,
        "×".join(map(str, parameter.shape)) or "scalar",
        str(parameter.verdict),
        f"{parameter.wrong:,} of {parameter.size:,}",
        f"{absolute.error:.1e}" if absolute else "–",
        f"{relative.relative_error:.1e}" if relative else "–",
        f"{worst.tolerance:.1e}" if worst else "–",
        f"{entry_name(worst)}: {worst.given:.17g}, {worst.expected:.17g}" if worst else "–",
    )


def entry_name(entry: Entry) -> str:
    """`[1034, 87]`, as one would type it."""
    return f"[{', '.join(map(str, entry.index))}]"


def _table(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADER))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
