"""A report to be read: as a table in the terminal, and as a page of its own.

The page has no script and loads nothing; it is readable on paper and on a phone, in light and in dark. All that it says
is computed from the record.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from html import escape
from string import Template
from typing import NamedTuple

from refnn.gradcheck.faults.catalogue import FAULTS
from refnn.report.declared import in_words
from refnn.report.draw import style
from refnn.report.draw.comparison import comparison
from refnn.report.draw.figures import Figure
from refnn.report.findings import LARGE, PLANTED, REFERENCE, uncertified
from refnn.report.read import declaration
from refnn.report.record import SHORT, Record, number
from refnn.report.resources import PAGE, PAGE_STYLE

SHOWN = 12  # worst entries
HEADER = ("verdict", "network", "entries", "rel. error", "error / tolerance")

SUMMARY = {
    "PASS": "Every entry of the gradient agrees with independent numerical derivatives on {these}.",
    "WRONG": "This is not the gradient: it fails on {these}.",
    "UNRELIABLE": "The numbers cannot decide on {these}.",
    "BLIND": "On {these} some faults would not have shown.",
}
COMPARED = (
    "Those that {subject} returned were compared with numerical derivatives that know nothing of backpropagation: the "
    "{witnesses}. Two numbers agree when they are no further apart than rounding explains. The tolerance is, "
    "{tolerance}."
)
NOT_COMPARED = "None that {subject} returned could be compared: why, stands above."
CAVEAT = (
    "What a pass does not say: that the gradient is right at every other point, or that the network is the one that "
    "was meant."
)


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
    errors = [_errors(entry) for entry in evidence["worst"].values() if entry]
    worst = max(errors, key=lambda error: error.excess, default=None)
    shown = (f"{worst.relative:.1e}", f"{worst.excess:.1e}") if worst else ("–", "–")
    return found["verdict"], found["name"], f"{_entries(evidence):,}", *shown


def _entries(evidence: Record) -> int:
    """How many were compared."""
    return sum(len(dV["hex"]) for dV in (evidence["gradient"] or {}).values()) if evidence["worst"] else 0


def _seen(faults: Sequence[Record]) -> str:
    tried, seen = (sum(fault[key] for fault in faults) for key in ("tried", "seen"))
    return f"{seen:,} of {tried:,} seen"


def _was_made(fault: Record) -> bool:
    return bool(fault["tried"])


def _is_seen_and_named(fault: Record) -> tuple[bool, bool]:
    """On all networks: false, and first in order, where there is something to be looked at."""
    return fault["seen"] == fault["tried"], fault["named"] == fault["tried"]


def _kinds(faults: Sequence[Record]) -> str:
    """How many of the catalogue could be made on these networks."""
    made = sum(map(_was_made, faults))
    return f"{made}" if made == len(faults) else f"{made} of the catalogue's {len(faults)}"


def _certificates(report: Record) -> str:
    if none := uncertified(declaration(report)):
        return f"none, for {none}"
    count = sum(evidence["certificate"] is not None for evidence in report["measured"]["networks"])
    return f"rigorous bounds on every entry of {count} networks" if count else "none"


class Errors(NamedTuple):
    """Of an entry: its error, also relative to the derivative and to the tolerance; infinite for a NaN."""

    error: float
    relative: float
    excess: float


def _errors(entry: Record) -> Errors:
    given, expected, tolerance = (number(name, entry[name]) for name in ("given", "expected", "tolerance"))
    if given == expected:
        return Errors(0.0, 0.0, 0.0)
    error = abs(given - expected)
    error = math.inf if math.isnan(error) else error
    return Errors(error, error / abs(expected) if expected else math.inf, error / tolerance if tolerance else math.inf)


def _worst_entries(report: Record) -> tuple[str, list[tuple[str, ...]]]:
    """Of the worst entry of each array those that are worst of all, with what they are; if some are beyond their
    tolerance, these alone."""
    found = [
        (_errors(entry), f"{name}{entry['index']}\n{network['name']}", entry)
        for network, evidence in zip(report["content"]["networks"], report["measured"]["networks"])
        for name, entry in evidence["worst"].items()
        if entry is not None
    ]
    if not found:
        return "No entry was compared on its own.", []
    beyond = [line for line in found if line[0].excess > 1]
    shown = sorted(beyond or found, key=lambda line: -line[0].excess)[:SHOWN]
    kind, count = ("farthest beyond", f"{len(beyond):,} are") if beyond else ("nearest to the edge of", "none is")
    said = (
        f"Of each array of derivatives, on each network, the worst entry is recorded. Of these {len(found):,}, {count} "
        f"beyond the tolerance; {'all' if len(shown) == len(beyond) else f'the {len(shown)} {kind} it'} are shown."
    )
    return said, [
        (
            place,
            "\n".join(f"{number(key, entry[key]): .16e}" for key in ("given", "expected")),
            f"{errors.error:.1e}\n{number('tolerance', entry['tolerance']):.1e}",
            f"{errors.excess:.1e}",
        )
        for errors, place, entry in shown
    ]


# ---------------------------------------------------------------------- page


def page(report: Record, drawn: Sequence[tuple[Figure, str]]) -> str:
    """The page, with the figures and their SVG."""
    content, measured = report["content"], report["measured"]
    faults = content["faults"]
    which, worst_entries = _worst_entries(report)
    words = {
        **{key: content[key] for key in ("subject", "verdict")},
        "identity": report["identity"],
        "short": report["identity"][:SHORT],
        "summary": _summary(content),
        "network": in_words(declaration(report)),
        "certificates": _certificates(report),
        "nearest": which,
        "large": f"{LARGE:,}",
        "planted": f"{PLANTED}",
        "kinds": _kinds(faults),
        "faults": _seen(faults),
        "citation": report["citation"]["text"],
        "bibtex": report["citation"]["bibtex"],
    }
    rows = [_row(*pair) for pair in zip(content["networks"], measured["networks"])]
    parts = {
        "css": PAGE_STYLE.read_text(encoding="utf-8") + style.css(),
        "reasons": _list("", _reasons(content["networks"]))
        + _list("<p>How it differs, on one of them:</p>", measured["findings"]),
        "numbers": "\n".join(f"<div><dt>{k}</dt><dd>{v}</dd></div>" for k, v in _numbers(report).items()),
        "compared": _compared(content),
        "caveat": f'<p class="soft">{CAVEAT}</p>' if content["verdict"] == "PASS" else "",
        "figures": _figures(drawn),
        "networks": _table("networks", ((name, verdict, *rest) for verdict, name, *rest in rows)),
        "worst": _table("worst", worst_entries),
        "bugs": _table("bugs", map(_bug, sorted(filter(_was_made, faults), key=_is_seen_and_named))),
        "unmade": _unmade(faults),
        "comparison": comparison() if content["subject"] == REFERENCE else "",
        "environment": _rows((key.replace("_", " "), _text(value)) for key, value in report["environment"].items()),
    }
    text = Template(PAGE.read_text(encoding="utf-8"))
    return text.substitute(**{key: escape(word) for key, word in words.items()}, **parts)


def _numbers(report: Record) -> dict[str, str]:
    networks = report["measured"]["networks"]
    worst = [_errors(entry).excess for evidence in networks for entry in evidence["worst"].values() if entry]
    excess = max(worst, default=math.nan)
    return {
        "networks": f"{len(networks):,}",
        "derivatives checked": f"{sum(map(_entries, networks)):,}",
        "largest error / tolerance": f"{excess:.1%}" if excess < 1 else f"{excess:.1e}" if worst else "–",
        "planted bugs seen": _seen(report["content"]["faults"]).removesuffix(" seen"),
    }


def _summary(content: Record) -> str:
    verdicts = Counter(network["verdict"] for network in content["networks"])
    total, these, blind = verdicts.total(), verdicts[content["verdict"]], verdicts["BLIND"]
    everywhere = f"all {total} networks" if total > 1 else "the one network"
    said = SUMMARY[content["verdict"]].format(these=f"{these} of {total} networks" if these < total else everywhere)
    if any("directions" in witness for witness in content["witnesses"]):  # which see sums of entries
        said = said.replace("Every entry of the gradient", "The gradient")
    named = [" and ".join(FAULTS[f].summary if f in FAULTS else f for f in cause) for cause in content["causes"]]
    if named:
        said += f" The cause: {' or '.join(named)}."
    return f"{said} On {blind} some faults would not have shown." if 0 < blind < total else said


def _figures(drawn: Sequence[tuple[Figure, str]]) -> str:
    shown = [
        f"<figure>{style.inline(svg, escape(figure.title))}"
        f"<figcaption><b>{escape(figure.title)}</b>{escape(figure.caption)}</figcaption></figure>"
        for figure, svg in drawn
    ]
    return "\n".join(["<h2>Figures</h2>", '<div class="figures">', *shown, "</div>"]) if shown else ""


def _compared(content: Record) -> str:
    said = COMPARED if content["witnesses"] else NOT_COMPARED
    subject, witnesses = f"<code>{escape(content['subject'])}</code>", " and the ".join(content["witnesses"])
    return said.format(subject=subject, witnesses=escape(witnesses), tolerance=escape(content["tolerance"]))


def _reasons(networks: Sequence[Record]) -> list[str]:
    """Each once, with the networks on which it stands."""
    found: dict[str, list[str]] = {}
    for network in networks:
        for reason in network["reasons"]:
            found.setdefault(reason, []).append(network["name"])
    others = {reason: f", and on {len(names) - 1} more" if names[1:] else "" for reason, names in found.items()}
    return [f"on “{names[0]}”{others[reason]}: {reason}" for reason, names in found.items()]


def _unmade(faults: Sequence[Record]) -> str:
    names = [fault["name"] for fault in faults if not _was_made(fault)]
    said = f"Of the catalogue's {len(faults)}, these {len(names)} cannot be made here: {', '.join(names)}."
    return f"<p>{escape(said)}</p>" if names else ""


def _bug(fault: Record) -> tuple[str, ...]:
    name = fault["name"]
    said = f"{name}: {FAULTS[name].summary}" if name in FAULTS else name
    return said, fault["equation"], *(f"{fault[key]:,}" for key in ("tried", "seen", "named"))


HEADS = {
    "networks": ("Network", "Verdict", "Entries", "Rel. error", "Error / tolerance"),
    "worst": ("Entry, network", " Given\n Expected", "Error\nTolerance", "Error / tolerance"),
    "bugs": ("Bug", "Equation", "Planted", "Seen", "Named"),
}


def _table(kind: str, rows: Iterable[Sequence[str]]) -> str:
    """With the head of its kind; nothing without rows."""
    if not (body := _rows(rows)):
        return ""
    head = "".join(f"<th>{_cell(cell)}</th>" for cell in HEADS[kind])
    return f'<table class="rows {kind}">\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>'


def _rows(rows: Iterable[Sequence[str]]) -> str:
    return "\n".join(f"<tr>{''.join(_opened(cell) + _cell(cell) + '</td>' for cell in cells)}</tr>" for cells in rows)


def _opened(cell: str) -> str:
    return f'<td class="{cell}">' if cell in SUMMARY else "<td>"


def _cell(cell: str) -> str:
    return escape(cell).replace("\n", "<br>")


def _list(heading: str, lines: Sequence[str]) -> str:
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f"{heading}<ul>{items}</ul>" if items else ""


def _text(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {item}" for key, item in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value) or "–"
