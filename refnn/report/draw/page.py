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
from refnn.report.declared import in_words
from refnn.report.draw import style
from refnn.report.draw.figures import Figure
from refnn.report.findings import LARGE, uncertified
from refnn.report.read import declaration
from refnn.report.record import SHORT, Record, number

PAGE, PAGE_STYLE = (Path(__file__).with_name(f"page.{kind}") for kind in ("html", "css"))
SHOWN = 12  # worst entries
DIGITS = {"given": 17, "expected": 17, "tolerance": 2}
HEADER = ("verdict", "network", "entries", "rel. error", "error / tolerance")

SUMMARY = {
    "PASS": "Every entry of the gradient agrees with independent numerical derivatives on {these} networks.",
    "WRONG": "This is not the gradient: it fails on {these} networks.",
    "UNRELIABLE": "The numbers cannot decide on {these} networks.",
    "BLIND": "A fault would not have shown on {these} networks.",
}
PASSING, FAILING = "nearest to the edge of their tolerance", "farthest beyond their tolerance"


def table(report: Record) -> str:
    """The text, ready to print."""
    content = report["content"]
    rows = [HEADER, *(_row(*pair) for pair in zip(content["networks"], report["measured"]["networks"]))]
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in rows]
    lines += [
        "",
        f"{content['subject']}: {content['verdict']} on {len(content['networks'])} networks"
        + (f"; cause: {' or '.join(' and '.join(names) for names in content['causes'])}" if content["causes"] else ""),
        f"network: {in_words(declaration(report))}",
        f"planted faults: {_seen(content['faults'])}, {_kinds(content['faults'])} kinds",
        f"witnesses: {', '.join(content['witnesses'])}",
        f"certificates: {_certificates(report)}",
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


def _seen(faults: Sequence[Record]) -> str:
    tried, seen = (sum(fault[key] for fault in faults) for key in ("tried", "seen"))
    return f"{seen:,} of {tried:,} seen"


def _kinds(faults: Sequence[Record]) -> str:
    """How many of the catalogue could be made on these networks."""
    made = sum(fault["tried"] > 0 for fault in faults)
    return f"{made}" if made == len(faults) else f"{made} of the catalogue's {len(faults)}"


def _certificates(report: Record) -> str:
    if none := uncertified(declaration(report)):
        return f"none, for {none}"
    count = sum(evidence["certificate"] is not None for evidence in report["measured"]["networks"])
    return f"rigorous bounds on every entry of {count} networks" if count else "none"


def _worst_entries(report: Record) -> tuple[str, list[tuple[str, ...]]]:
    """The entries with the largest errors beside their tolerances, beyond them if there are such: which these are, and
    where each stands, with its numbers."""
    found = [
        (_errors(entry)[1], f"{name}{entry['index']}", network["name"], entry)
        for network, evidence in zip(report["content"]["networks"], report["measured"]["networks"])
        for name, entry in evidence["worst"].items()
        if entry is not None
    ]
    beyond = [each for each in found if not each[0] <= 1]  # or NaN
    found = sorted(beyond or found, key=lambda line: -line[0] if line[0] == line[0] else -math.inf)
    return FAILING if beyond else PASSING, [
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
    which, worst_entries = _worst_entries(report)
    rows = [_row(*pair) for pair in zip(content["networks"], measured["networks"])]
    words = {
        **{key: content[key] for key in ("subject", "verdict", "tolerance")},
        "identity": report["identity"],
        "short": report["identity"][:SHORT],
        "summary": _summary(content, measured["findings"]),
        "witnesses": "the " + " and the ".join(content["witnesses"]) if content["witnesses"] else "none",
        "network": in_words(declaration(report)),
        "certificates": _certificates(report),
        "nearest": f"Of all entries, those {which}.",
        "large": f"{LARGE:,}",
        "kinds": _kinds(faults),
        "faults": _seen(faults),
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
        "planted bugs seen": _seen(faults).removesuffix(" seen"),
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
        "worst": _rows((cells, "") for cells in worst_entries),
        "bugs": _rows((_bug(fault), "") for fault in faults),
        "environment": _rows(
            ((key.replace("_", " "), _text(value)), "") for key, value in report["environment"].items()
        ),
    }
    text = Template(PAGE.read_text(encoding="utf-8"))
    return text.substitute(**{key: escape(word) for key, word in words.items()}, **parts)


def _summary(content: Record, findings: Sequence[str]) -> str:
    verdict = content["verdict"]
    verdicts = [network["verdict"] for network in content["networks"]]
    these = verdicts.count(verdict)
    said = SUMMARY[verdict].format(these=f"{these} of {len(verdicts)}" if these < len(verdicts) else f"all {these}")
    named = " or ".join(
        " and ".join(FAULTS[f].summary if f in FAULTS else f for f in cause) for cause in content["causes"]
    )
    if named:
        said += f" The cause: {named}."
    elif findings:
        said += f" On the first of them, {'; '.join(findings)}."
    blind = verdicts.count("BLIND") if verdict != "BLIND" else 0
    return f"{said} A fault would not have shown on {blind}." if blind else said


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
