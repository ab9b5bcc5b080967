"""`refnn verify report.json`: recheck a report without trusting who made it."""

import argparse
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from refnn.commands import EXIT_STATUS, STATUS, Subparsers, say
from refnn.gradcheck.verdict.result import Verdict
from refnn.report.declared import in_words
from refnn.report.draw.folder import PAGE, drawn
from refnn.report.provenance import environment
from refnn.report.read import declaration, load
from refnn.report.record import Record
from refnn.report.replay.ledger import Ledger, Outcome
from refnn.report.replay.replay import SECONDS, replay

COMPUTED = ("errors", "v-curve")  # figures with points that no report holds
FIGURE = re.compile(rb"<figure>.*?</figure>", re.DOTALL)


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
        type=float,
        default=SECONDS,
        metavar="S",
        help="begin no replay that takes longer, about: CANNOT REPLAY says how long it would (default %(default)g)",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    report = load(args.report)
    ledger = replay(report, args.seconds)
    folder = args.report if args.report.is_dir() else args.report.parent
    if (folder / PAGE).exists():
        _redraw(report, folder, ledger)
    content = report["content"]
    declared = f" ({in_words(declaration(report))})" if content["declaration"] else ""
    say(f"report {report['identity']} on {content['subject']}{declared} says {content['verdict']}")
    say(ledger)
    verdict = {Outcome.DIFFERS: Verdict.WRONG, Outcome.CANNOT_REPLAY: Verdict.UNRELIABLE}
    return STATUS[verdict.get(ledger.outcome, content["verdict"])]


def _redraw(report: Record, directory: Path, ledger: Ledger) -> None:
    """Hold the page and the figures against those that are drawn now.

    Other versions may draw them otherwise, and a machine that rounds otherwise the points of figures that are computed
    anew. All else on the page is the same there too.
    """
    try:
        again = drawn(report, directory)
    except ImportError:
        ledger.trusted.append('the page and the figures: comparing them needs pip install "refnn[report]"')
        return
    others = [file for file, now in again.items() if not file.is_file() or file.read_bytes() != now]
    then, now = report["environment"], environment()
    if others and any(then[name] != now[name] for name in ("packages", "platform")):
        ledger.trusted.append(f"what other versions than those here have drawn: {_names(others, directory)}")
        return
    rounds = any(ulps for ulps, _ in ledger.moved.values())
    points = [file for file in others if rounds and file.is_file() and _alike(file, again)]
    if points:
        ledger.trusted.append(f"points of figures that are rounded otherwise here: {_names(points, directory)}")
    if changed := [file for file in others if file not in points]:
        ledger.differences.append(f"not what is drawn of these numbers: {_names(changed, directory)}")


def _alike(file: Path, again: Mapping[Path, bytes]) -> bool:
    """Whether a file that differs is a figure that is computed anew, or the page, and differs in such figures alone."""
    if file.suffix != ".html":
        return file.stem in COMPUTED
    page, now = file.read_bytes(), again[file]
    names = [other.stem for other in again if other.suffix == ".svg"]  # in the order of the page
    return FIGURE.split(page) == FIGURE.split(now) and all(
        then == figure or name in COMPUTED
        for then, figure, name in zip(FIGURE.findall(page), FIGURE.findall(now), names, strict=True)
    )


def _names(files: Sequence[Path], directory: Path) -> str:
    return ", ".join(str(file.relative_to(directory)) for file in files)
