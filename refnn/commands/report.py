"""`refnn report`: check the reference, and write what was found."""

import argparse
from pathlib import Path

from refnn.commands import EXIT_STATUS, STATUS, Subparsers, say
from refnn.gradcheck.verdict.result import Verdict
from refnn.report.draw.folder import prepare, write
from refnn.report.draw.page import table
from refnn.report.make import report_on_reference


def add(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(
        "report",
        help="check refnn itself, and write a report that can be cited",
        description="Check refnn.backprop on seeded networks, and on a network before, during and after its training "
        "on the Wisconsin breast-cancer data.",
        epilog=f"{EXIT_STATUS} Each fault of the catalogue is planted, too: 3 where one is not seen.",
    )
    parser.add_argument(
        "--out", type=Path, default=Path("refnn-report"), metavar="DIR", help="folder for the report (%(default)s)"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    prepare(args.out)
    report, check = report_on_reference()
    write(report, args.out)
    say(table(report))
    say(f"saved in {args.out}")
    unseen = [fault["name"] for fault in report["content"]["faults"] if fault["seen"] < fault["tried"]]
    if unseen:
        say(f"planted, and not seen on every network: {', '.join(unseen)}")
        return STATUS[min(check.verdict, Verdict.UNRELIABLE, key=lambda verdict: verdict.rank)]
    return STATUS[check.verdict]
