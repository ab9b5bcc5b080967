"""A report as a folder: report.json, report.html, and the figures as SVG and PNG."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from refnn._files import refuse_unwritable, write_whole
from refnn._progress import bar
from refnn.report.citation import citation_file
from refnn.report.draw import style
from refnn.report.draw.figures import FIGURES, figures
from refnn.report.draw.page import page
from refnn.report.read import parse
from refnn.report.record import Record, canonical

RECORD, PAGE = "report.json", "report.html"
OLDER = ("pairs", "fault-matrix")  # figures of version 0.1.0


def prepare(directory: Path, *beside: Path, read: Sequence[Path] = ()) -> None:
    """Make the folder; an ImportError, OSError or ValueError if a report cannot be made or written there.

    Nor may it lie on other files that are written beside it, or on one that is read.
    """
    style.pyplot()
    citation_file()
    refuse_unwritable(directory / RECORD, *drawings(directory), *beside, read=read)


def _drawings(directory: Path, names: Iterable[str]) -> list[Path]:
    return [directory / f"figures/{name}.{kind}" for name in names for kind in ("svg", "png")]


def write(report: Record, directory: Path) -> None:
    """Make the folder, or replace what an earlier report left in it: all of it, or nothing."""
    prepare(directory)
    record = f"{canonical(report)}\n".encode()
    earlier = drawings(directory) if (directory / RECORD).exists() else ()
    # Drawn of the record as it will be read, for the order of its keys is that of its rows.
    write_whole({**dict.fromkeys(earlier), **drawn(parse(record), directory), directory / RECORD: record})


def drawings(directory: Path) -> list[Path]:
    """Where the page and the figures are of any report, also of one that has no data for them."""
    return [directory / PAGE, *_drawings(directory, (*FIGURES, *OLDER))]


def drawn(report: Record, directory: Path) -> dict[Path, bytes]:
    """The page and the figures of a report, by where they go."""
    files: dict[Path, bytes] = {}
    shown = []
    for figure in bar(figures(report), "figures", total=len(FIGURES)):
        shown.append((figure, style.svg(figure.drawing)))
        svg, png = _drawings(directory, [figure.name])
        files |= {svg: shown[-1][1].encode(), png: style.png(figure.drawing)}
    return {directory / PAGE: page(report, shown).encode(), **files}
