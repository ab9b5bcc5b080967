"""A report to be read: as a table in the terminal, and as a page of its own.

The page has no script and loads nothing; it is readable on paper and on a phone, in light and in dark.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from string import Template

from refnn.gradcheck.faults.catalogue import FAULTS
from refnn.report.draw import style
from refnn.report.draw.figures import Figure
from refnn.report.findings import LARGE
from refnn.report.record import SHORT, Record, number

PAGE, PAGE_STYLE = (Path(__file__).with_name(f"page.{kind}") for kind in ("html", "css"))
SHOWN = 12  # worst entries
DIGITS = {"given": 17, "expected": 17, "tolerance": 2}
HEADER = ("verdict", "network", "entries", "rel. error", "error / tolerance")

SUMMARY = {
    "PASS": "Every entry of the gradient agrees with independent numerical derivatives on all {n} networks.",
    "WRONG": "This is not the gradient: it fails on {bad} of {n} networks.",
    "UNRELIABLE": "The numbers cannot decide on {bad} of {n} networks.",
    "BLIND": "{bad} of {n} networks could not have shown a fault; the others pass.",
}
PASSING, FAILING = "nearest to the edge of their tolerance", "farthest beyond their tolerance"


def table(report: Record) -> str:
    """The text, ready to print."""
    content = report["content"]
    rows = [HEADER, *(_row(*pair) for pair in zip(content["networks"], report["measured"]["networks"]))]
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in rows]
    tried, seen = (sum(fault[key] for fault in content["faults"]) for key in ("tried", "seen"))
    lines += [
        "",
        f"{content['subject']}: {content['verdict']} on {len(content['networks'])} networks"
        + (f"; cause: {' or '.join(' and '.join(names) for names in content['causes'])}" if content["causes"] else ""),
        f"planted faults: {seen} of {tried} seen, {len(content['faults'])} kinds",
        f"witnesses: {', '.join(content['witnesses'])}",
        f"tolerance: {content['tolerance']}",
        report["citation"]["text"],
    ]
    return "\n".join(lines)


def _row(found: Record, evidence: Record) -> tuple[str, ...]:
    """Of one network: the verdict, its name, the entries judged, and the errors of the worst of them."""
    entries = sum(len(dV["hex"]) for dV in (evidence["gradient"] or {}).values())
    worst = [_errors(entry) for entry in evidence["worst"].values() if entry is not None]
    relative, excess = (f"{max(column):.1e}" for column in zip(*worst)) if worst else ("–", "–")
    return found["verdict"], found["name"], f"{entries:,}", relative, excess


def _worst_entries(report: Record) -> list[tuple[str, ...]]:
    """The entries with the largest errors beside their tolerances: where they stand, and their numbers."""
    found = [
        (_errors(entry)[1], f"{name}{entry['index']}", network["name"], entry)
        for network, evidence in zip(report["content"]["networks"], report["measured"]["networks"])
        for name, entry in evidence["worst"].items()
        if entry is not None
    ]
    found.sort(key=lambda line: -line[0] if line[0] == line[0] else -math.inf)
    return [
        (place, network, *(f"{number(key, entry[key]):.{digits}g}" for key, digits in DIGITS.items()))
        for _, place, network, entry in found[:SHOWN]
    ]


def _errors(entry: Record) -> tuple[float, float]:
    """The error of an entry, relative to the derivative and to the tolerance."""
    given, expected, tolerance = (number(name, entry[name]) for name in ("given", "expected", "tolerance"))
    error = abs(given - expected)
    if error == 0:
        return 0.0, 0.0
    return error / abs(expected) if expected else float("inf"), error / tolerance if tolerance else float("inf")


# ---------------------------------------------------------------------- page


def page(report: Record, drawn: Sequence[tuple[Figure, str]]) -> str:
    """The page, with the figures and their SVG."""
    content, measured = report["content"], report["measured"]
    faults = content["faults"]
    tried, seen = (sum(fault[key] for fault in faults) for key in ("tried", "seen"))
    rows = [_row(*pair) for pair in zip(content["networks"], measured["networks"])]
    words = {
        **{key: content[key] for key in ("subject", "verdict", "tolerance")},
        "identity": report["identity"],
        "short": report["identity"][:SHORT],
        "summary": _summary(content, measured["findings"]),
        "witnesses": "the " + " and the ".join(content["witnesses"]) if content["witnesses"] else "none",
        "nearest": f"Of all entries, those {PASSING if content['verdict'] == 'PASS' else FAILING}.",
        "large": f"{LARGE:,}",
        "kinds": str(sum(fault["tried"] > 0 for fault in faults)),
        "faults": f"it saw {seen:,} of {tried:,}",
        "citation": report["citation"]["text"],
        "bibtex": report["citation"]["bibtex"],
    }
    worst = [entry for evidence in measured["networks"] for entry in evidence["worst"].values() if entry]
    excess = max((_errors(entry)[1] for entry in worst), default=0.0)
    entries = sum(int(cells[2].replace(",", "")) for cells in rows)
    numbers = {
        "networks": f"{len(rows):,}",
        "derivatives checked": f"{entries:,}",
        "largest error, of its tolerance": f"{excess:.1%}" if excess < 1 else f"{excess:.1e}",
        "planted bugs seen": f"{seen:,} of {tried:,}",
    }
    parts = {
        "css": PAGE_STYLE.read_text(encoding="utf-8") + style.css(),
        "numbers": "\n".join(f"<div><dt>{escape(k)}</dt><dd>{escape(v)}</dd></div>" for k, v in numbers.items()),
        "figures": "\n".join(
            f"<figure>{style.inline(svg, figure.name, escape(figure.title))}"
            f"<figcaption><b>{escape(figure.title)}</b>{escape(figure.caption)}</figcaption></figure>"
            for figure, svg in drawn
        ),
        "networks": _rows((cells, cells[0]) for cells in rows),
        "reasons": _reasons(content["networks"], measured["findings"]),
        "worst": _rows((cells, "") for cells in _worst_entries(report)),
        "bugs": _rows((_bug(fault), "") for fault in faults),
        "environment": _rows(
            ((key.replace("_", " "), _text(value)), "") for key, value in report["environment"].items()
        ),
    }
    text = Template(PAGE.read_text(encoding="utf-8"))
    return text.substitute(**{key: escape(word) for key, word in words.items()}, **parts)


def _summary(content: Record, findings: Sequence[str]) -> str:
    verdict = content["verdict"]
    bad = sum(network["verdict"] == verdict for network in content["networks"])
    said = SUMMARY[verdict].format(n=len(content["networks"]), bad=bad)
    named = " or ".join(
        " and ".join(FAULTS[f].summary if f in FAULTS else f for f in cause) for cause in content["causes"]
    )
    if named:
        return f"{said} The cause: {named}."
    return f"{said} On the first of them, {'; '.join(findings)}." if findings else said


def _bug(fault: Record) -> tuple[str, ...]:
    name = fault["name"]
    said = f"{name}: {FAULTS[name].summary}" if name in FAULTS else name
    return said, fault["equation"], *(f"{fault[key]:,}" for key in ("tried", "seen", "named"))


def _rows(rows: Iterable[tuple[Sequence[str], str]]) -> str:
    """Table rows of a class for the first cell; numbers stand to the right from the third cell on."""
    lines = []
    for cells, kind in rows:
        first = f'<td class="{escape(kind)}">' if kind else "<td>"
        opened = [first, "<td>", *['<td class="n">'] * (len(cells) - 2)]
        lines.append("<tr>" + "".join(f"{tag}{escape(cell)}</td>" for tag, cell in zip(opened, cells)) + "</tr>")
    return "\n".join(lines)


def _reasons(networks: Sequence[Record], findings: Sequence[str]) -> str:
    said = [f"{network['name']}: {reason}" for network in networks for reason in network["reasons"]]
    items = "".join(f"<li>{escape(line)}</li>" for line in [*said, *findings])
    return f"<ul>{items}</ul>" if items else ""


def _text(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {item}" for key, item in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value) or "–"
