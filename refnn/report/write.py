"""Write a report as a folder: report.json, report.html, and the figures as SVG and PNG."""

from __future__ import annotations

from pathlib import Path

from refnn.report.record import Record, canonical


def write(report: Record, directory: Path) -> None:
    """Make the folder, or replace what an earlier report left in it."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "report.json").write_text(canonical(report) + "\n", encoding="utf-8")
