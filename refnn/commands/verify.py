"""`refnn verify report.json`: recheck a report without trusting who made it."""

import argparse
import io
import re
import warnings
from collections.abc import Sequence
from pathlib import Path

from refnn.commands import EXIT_STATUS, STATUS, Subparsers, say
from refnn.gradcheck.verdict.result import Verdict
from refnn.report.declared import in_words
from refnn.report.draw.folder import PAGE, drawings, drawn
from refnn.report.provenance import environment
from refnn.report.read import declaration, load
from refnn.report.record import Record
from refnn.report.replay.ledger import Ledger, Outcome
from refnn.report.replay.replay import SECONDS, replay

COMPUTED = ("errors", "v-curve")  # figures with points that no report holds
POSITION = re.compile(rb'(?<= d=")[MLCQz\d\s.-]*(?=")|(?<= [xy]=")[\d.-]*(?=")|(?<=translate\()[\d .-]*(?=\))')
TEXT, NUMBER = re.compile(rb">[^<>]*<"), re.compile(rb"\d+([.,]\d+)*(e[+-]\d+)?")


def add(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(
        "verify",
        help="recheck a report",
        description="Recheck a report: its hashes, then every number in it, with another witness and in another order "
        "of evaluation, and the page and figures beside it, drawn again. Nothing in it is executed.",
        epilog=f"{EXIT_STATUS} Of a report that is CONFIRMED it is that of the verdict; 1 is also for DIFFERS, 2 for "
        "no report or a changed one, 3 for CANNOT REPLAY.",
    )
    parser.add_argument("report", type=Path, help="report.json, or the folder that holds it")
    parser.add_argument(
        "--seconds",
        type=seconds,
        default=SECONDS,
        metavar="S",
        help="begin no replay that takes longer, about: CANNOT REPLAY says how long it would (default %(default)g)",
    )
    parser.set_defaults(run=run)


def seconds(text: str) -> float:
    """The value of --seconds."""
    number = float(text)
    if not number >= 0:
        raise ValueError
    return number


def run(args: argparse.Namespace) -> int:
    report = load(args.report)
    ledger = replay(report, args.seconds)
    folder = args.report if args.report.is_dir() else args.report.parent
    if any(file.exists() for file in drawings(folder)):
        _redraw(report, folder, ledger)
    content = report["content"]
    declared = f" ({in_words(declaration(report))})" if content["declaration"] else ""
    say(f"report {report['identity']} on {content['subject']}{declared} says {content['verdict']}")
    say(ledger)
    if not (folder / PAGE).exists():
        say(f"no {PAGE} is beside it")
    verdict = {Outcome.DIFFERS: Verdict.WRONG, Outcome.CANNOT_REPLAY: Verdict.UNRELIABLE}
    return STATUS[verdict.get(ledger.outcome, content["verdict"])]


def _redraw(report: Record, directory: Path, ledger: Ledger) -> None:
    """Compare the page and the figures with those that are drawn now; without a page, the figures that are there.

    Other versions of the packages may draw them differently. A machine that rounds differently may move the points of
    figures that are computed anew; all else in these has to be the same.
    """
    try:
        again = {**dict.fromkeys(drawings(directory)), **drawn(report, directory)}
    except ImportError:
        ledger.trusted.append('the page and the figures: comparing them needs pip install "refnn[report]"')
        return
    found = {file: _content(file, now) for file, now in again.items()}
    whole = (directory / PAGE).exists()
    others = [file for file, now in again.items() if found[file] != now and (whole or found[file] is not None)]
    then, now = report["environment"], environment()
    if others and any(then[name] != now[name] for name in ("packages", "platform")):
        ledger.trusted.append(f"what other versions than those here have drawn: {_names(others, directory)}")
        return
    names = [file.stem for file, now in again.items() if now and file.suffix == ".svg"]  # in the order of the page
    points = [
        file
        for file in others
        if ledger.rounds_otherwise and _fixed(file, found[file], names) == _fixed(file, again[file], names)
    ]
    if points:
        said = "points of figures that are rounded otherwise here, and of a PNG of them all but its size"
        ledger.trusted.append(f"{said}: {_names(points, directory)}")
    if changed := [file for file in others if file not in points]:
        ledger.differences.append(f"not what is drawn of these numbers: {_names(changed, directory)}")


def _content(file: Path, now: bytes | None) -> bytes | None:
    """The content of a file; of one larger than what is drawn now just enough to differ. None without a file."""
    if not file.is_file():
        return None
    with file.open("rb") as stream:
        return stream.read(2 * len(now or b"") + 1)


def _fixed(file: Path, data: bytes | None, names: Sequence[str]) -> bytes | None:
    """A figure, or the page with the figures of these names, without what rounding may move."""
    if data and file.suffix == ".html":
        parts = data.split(b"<figure>")
        for k, name in enumerate(names[: len(parts) - 1], 1):
            drawing, *rest = parts[k].partition(b"</figure>")
            parts[k] = b"".join([_without_points(drawing) if name in COMPUTED else drawing, *rest])
        return b"<figure>".join(parts)
    if data and file.stem in COMPUTED:
        return _size(data) if file.suffix == ".png" else _without_points(data)
    return data


def _size(picture: bytes) -> bytes:
    """What stands before the points of a PNG, which has to be whole."""
    from PIL import Image

    try:
        for whole in ("verify", "load"):  # the sums of its parts, and what they hold
            with warnings.catch_warnings(action="error"), Image.open(io.BytesIO(picture), formats=["PNG"]) as image:
                getattr(image, whole)()
    except Exception:  # a broken file may raise anything
        return picture
    return picture.partition(b"IDAT")[0][:-4]


def _without_points(drawing: bytes) -> bytes:
    """Its markup and its words."""
    return TEXT.sub(lambda text: NUMBER.sub(b"0", text[0]), POSITION.sub(b"", drawing))


def _names(files: Sequence[Path], directory: Path) -> str:
    return ", ".join(str(file.relative_to(directory)) for file in files)
