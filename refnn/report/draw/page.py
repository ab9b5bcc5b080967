"""A report as a page of its own: no script, nothing loaded, readable on paper and on a phone, in light and in dark."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from string import Template

from refnn.gradcheck.faults.catalogue import FAULTS
from refnn.report.build import LARGE
from refnn.report.citation import SHORT
from refnn.report.draw import style
from refnn.report.draw.figures import Figure
from refnn.report.draw.table import errors, row, worst_entries
from refnn.report.record import Record
from refnn.report.resources import PAGE, PAGE_STYLE

SUMMARY = {
    "PASS": "Every entry of the gradient agrees with independent numerical derivatives on all {n} networks.",
    "WRONG": "This is not the gradient: it fails on {bad} of {n} networks.",
    "UNRELIABLE": "The numbers cannot decide on {bad} of {n} networks.",
    "BLIND": "{bad} of {n} networks could not have shown a fault; the others pass.",
}


NEAREST = "Of all entries, those nearest to the edge of their tolerance."
FARTHEST = "Of all entries, those farthest beyond their tolerance."


def page(report: Record, drawn: Sequence[tuple[Figure, str]]) -> str:
    """The page, with the figures and their SVG."""
    content, measured = report["content"], report["measured"]
    faults = content["faults"]
    tried, seen = (sum(fault[key] for fault in faults) for key in ("tried", "seen"))
    rows = [row(*pair) for pair in zip(content["networks"], measured["networks"])]
    words = {
        "subject": content["subject"],
        "verdict": content["verdict"],
        "short": report["identity"][:SHORT],
        "identity": report["identity"],
        "summary": _summary(content, measured["findings"]),
        "witnesses": "the " + " and the ".join(content["witnesses"]) if content["witnesses"] else "none",
        "tolerance": content["tolerance"],
        "nearest": NEAREST if content["verdict"] == "PASS" else FARTHEST,
        "large": f"{LARGE:,}",
        "kinds": str(sum(fault["tried"] > 0 for fault in faults)),
        "faults": f"it saw {seen:,} of {tried:,}",
        "citation": report["citation"]["text"],
        "bibtex": report["citation"]["bibtex"],
    }
    excess = max(
        (errors(entry)[1] for e in measured["networks"] for entry in e["worst"].values() if entry), default=0.0
    )
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
        "worst": _rows((cells, "") for cells in worst_entries(report)),
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
