"""A report as a folder: report.json, report.html, and the figures as SVG and PNG."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from refnn._files import refuse_unwritable, write_whole
from refnn._progress import bar
from refnn.report.draw import style
from refnn.report.draw.figures import FIGURES, figures
from refnn.report.draw.page import page
from refnn.report.record import Record, canonical

RECORD, PAGE = "report.json", "report.html"
OLDER = ("pairs", "fault-matrix")  # figures of version 0.1.0


def prepare(directory: Path) -> None:
    """Make the folder; an OSError or ValueError if a report cannot be written there."""
    refuse_unwritable(directory / RECORD, directory / PAGE, *_drawings(directory, FIGURES))


def _drawings(directory: Path, names: Iterable[str]) -> list[Path]:
    return [directory / f"figures/{name}.{kind}" for name in names for kind in ("svg", "png")]


def write(report: Record, directory: Path) -> None:
    """Make the folder, or replace what an earlier report left in it: all of it, or nothing."""
    prepare(directory)
    folder = directory / "figures"
    files: dict[Path, bytes | None] = dict.fromkeys(_drawings(directory, (*FIGURES, *OLDER)))
    drawn = []
    for figure in bar(figures(report), "figures", total=len(FIGURES)):
        drawn.append((figure, style.svg(figure.drawing)))
        files[folder / f"{figure.name}.svg"] = drawn[-1][1].encode()
        files[folder / f"{figure.name}.png"] = style.png(figure.drawing)
    files[directory / PAGE] = page(report, drawn).encode()
    files[directory / RECORD] = f"{canonical(report)}\n".encode()
    write_whole(files)
