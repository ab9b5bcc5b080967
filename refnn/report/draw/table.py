"""A report in the terminal: a line for each network, the planted faults, and how to cite it."""

from __future__ import annotations

import math

from refnn.report.arrays import number
from refnn.report.record import Record

SHOWN = 12  # worst entries
DIGITS = {"given": 17, "expected": 17, "tolerance": 2}
HEADER = ("verdict", "network", "entries", "rel. error", "error / tolerance")


def table(report: Record) -> str:
    """The text, ready to print."""
    content = report["content"]
    rows = [HEADER, *(row(*pair) for pair in zip(content["networks"], report["measured"]["networks"]))]
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


def row(found: Record, evidence: Record) -> tuple[str, ...]:
    """Of one network: the verdict, its name, the entries judged, and the errors of the worst of them."""
    entries = sum(len(dV["hex"]) for dV in (evidence["gradient"] or {}).values())
    worst = [errors(entry) for entry in evidence["worst"].values() if entry is not None]
    relative, excess = (f"{max(column):.1e}" for column in zip(*worst)) if worst else ("–", "–")
    return found["verdict"], found["name"], f"{entries:,}", relative, excess


def worst_entries(report: Record) -> list[tuple[str, ...]]:
    """The entries with the largest errors beside their tolerances: where they stand, and their numbers."""
    found = [
        (errors(entry)[1], f"{name}{entry['index']}", network["name"], entry)
        for network, evidence in zip(report["content"]["networks"], report["measured"]["networks"])
        for name, entry in evidence["worst"].items()
        if entry is not None
    ]
    found.sort(key=lambda line: -line[0] if line[0] == line[0] else -math.inf)
    return [
        (place, network, *(f"{number(key, entry[key]):.{digits}g}" for key, digits in DIGITS.items()))
        for _, place, network, entry in found[:SHOWN]
    ]


def errors(entry: Record) -> tuple[float, float]:
    """The error of an entry, relative to the derivative and to the tolerance."""
    given, expected, tolerance = (number(name, entry[name]) for name in ("given", "expected", "tolerance"))
    error = abs(given - expected)
    if error == 0:
        return 0.0, 0.0
    return error / abs(expected) if expected else float("inf"), error / tolerance if tolerance else float("inf")
