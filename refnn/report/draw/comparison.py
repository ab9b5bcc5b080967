"""The bugs of the catalogue beside other gradient checkers, as a table of a page: how often each checker objects.

The numbers are those of `make bench-power`, which are committed, and no part of a report.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from html import escape
from typing import NamedTuple

from refnn.report.record import Record
from refnn.report.resources import POWER

RIGHT = "none"  # what the comparison calls a right gradient


class Count(NamedTuple):
    objections: int = 0
    trials: int = 0


Row = Mapping[str, Count]  # by checker


def comparison() -> str:
    """The section of the page; nothing where the numbers are not installed."""
    if not POWER.is_file():
        return ""
    measured = json.loads(POWER.read_text(encoding="utf-8"))
    rows = counts(measured["detection"])
    checkers = list(rows[RIGHT])
    bugs = {bug: row for bug, row in rows.items() if bug != RIGHT}
    differ = {bug: row for bug, row in bugs.items() if len(row) < len(checkers) or share(row) < 1}
    alike = len(bugs) - len(differ)
    versions = ", ".join(f"{name} {version}" for name, version in measured["versions"].items())
    said = (
        "How often each checker objects, in percent of n gradients: first to right ones, where that is a false alarm, "
        "then to those with a bug, the least seen first. What should not be is coloured. Each checker is at its "
        "defaults; SciPy's has no threshold by default, and this one is ours. The networks, of "
        f"{len(measured['declared'])} declarations, are chosen to show faults, and are not those of this report "
        f"({measured['command']}; {versions})."
    )
    left_out = f"Left out are the {alike} other bugs: every checker saw each of them on every network."
    if any(len(row) < len(checkers) for row in differ.values()):
        left_out += " Blank: the bug is in derivatives by activations, at which only refnn looks."
    lines = [_row("right gradient", rows[RIGHT], checkers, fault=False)]
    lines += [_row(bug, row, checkers) for bug, row in sorted(differ.items(), key=lambda line: share(line[1]))]
    heads = "".join(f'<th scope="col"><span>{escape(checker)}</span></th>' for checker in checkers)
    body = "\n".join(lines)
    return (
        f"<h2>Beside other checkers</h2>\n<p>{escape(said)}</p>\n"
        f'<table class="heat">\n<thead><tr><th scope="col">Gradient</th>{heads}<th scope="col">n</th></tr></thead>\n'
        f"<tbody>\n{body}\n</tbody>\n</table>\n<p>{escape(left_out)}</p>"
    )


def counts(detection: list[Record]) -> dict[str, dict[str, Count]]:
    """Of the committed comparison: by bug and checker, how often it objected, and how often it was asked."""
    rows: dict[str, dict[str, Count]] = {}
    for line in detection:
        row, checker = rows.setdefault(line["fault"], {}), line["checker"]
        before = row.get(checker, Count())
        row[checker] = Count(*(n + line[key] for n, key in zip(before, Count._fields)))
    return rows


def share(row: Row) -> float:
    """Of the objections in all trials of a row."""
    return sum(count.objections for count in row.values()) / sum(count.trials for count in row.values())


def percent(count: Count) -> int:
    """Never 0 or 100 but for none and all."""
    nearest = round(100 * count.objections / count.trials)
    return nearest if count.objections in (0, count.trials) else min(max(nearest, 1), 99)


def _row(name: str, row: Row, checkers: list[str], fault: bool = True) -> str:
    cells = []
    for checker in checkers:
        found = f"{percent(row[checker])}" if checker in row else ""
        amiss = (100 - int(found) if fault else int(found)) if found else 0
        cells.append(f'<td style="--amiss: {amiss / 100}">{found}</td>' if amiss else f"<td>{found}</td>")
    trials = max(count.trials for count in row.values())
    return f'<tr><th scope="row">{escape(name)}</th>{"".join(cells)}<td>{trials:,}</td></tr>'
