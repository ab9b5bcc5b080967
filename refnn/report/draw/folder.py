"""A report as a folder: report.json, report.html, and the figures as SVG and PNG."""

from __future__ import annotations

from pathlib import Path

from refnn._progress import bar
from refnn.report.draw import style
from refnn.report.draw.figures import FIGURES, figures
from refnn.report.draw.page import page
from refnn.report.record import Record, canonical

OLDER = ("pairs", "fault-matrix")  # figures of version 0.1.0


def write(report: Record, directory: Path) -> None:
    """Make the folder, or replace what an earlier report left in it."""
    folder = directory / "figures"
    folder.mkdir(parents=True, exist_ok=True)
    for name in (*FIGURES, *OLDER):
        for kind in ("svg", "png"):
            (folder / f"{name}.{kind}").unlink(missing_ok=True)
    (directory / "report.json").write_text(canonical(report) + "\n", encoding="utf-8")
    drawn = []
    for figure in bar(figures(report), "figures", total=len(FIGURES)):
        drawn.append((figure, style.svg(figure.drawing)))
        (folder / f"{figure.name}.svg").write_text(drawn[-1][1], encoding="utf-8")
        (folder / f"{figure.name}.png").write_bytes(style.png(figure.drawing))
    (directory / "report.html").write_text(page(report, drawn), encoding="utf-8")
