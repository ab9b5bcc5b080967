"""`refnn verify report.json`: recheck a report without trusting who made it."""

import argparse
from pathlib import Path

from refnn.commands import Subparsers
from refnn.report.read import load
from refnn.report.replay.ledger import Outcome
from refnn.report.replay.replay import replay

STATUS = {Outcome.CONFIRMED: 0, Outcome.DIFFERS: 1, Outcome.CANNOT_REPLAY: 3}


def add(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(
        "verify",
        help="recheck a report",
        description="Recheck a report: its hashes, then every number in it, with another witness and in another order "
        "of evaluation. Nothing in it is executed.",
        epilog="exit status: 0 CONFIRMED, 1 DIFFERS, 2 refused as no report or a changed one, 3 CANNOT REPLAY",
    )
    parser.add_argument("report", type=Path, help="report.json, or the folder that holds it")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    path = args.report / "report.json" if args.report.is_dir() else args.report
    report = load(path)
    ledger = replay(report)
    print(f"report {report['identity']} on {report['content']['subject']}")
    print(ledger)
    return STATUS[ledger.outcome]
