"""`refnn verify report.json`: recheck a report without trusting who made it."""

import argparse
from pathlib import Path

from refnn.commands import Subparsers
from refnn.gradcheck.verdict.result import Verdict
from refnn.report.declared import in_words
from refnn.report.read import declaration, load
from refnn.report.replay.ledger import Outcome
from refnn.report.replay.replay import replay

STATUS = {Outcome.CONFIRMED: 0, Outcome.DIFFERS: 1, Outcome.CANNOT_REPLAY: 3}


def add(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(
        "verify",
        help="recheck a report",
        description="Recheck a report: its hashes, then every number in it, with another witness and in another order "
        "of evaluation. Nothing in it is executed.",
        epilog="Exit status: 0 CONFIRMED, and the verdict is PASS; 1 DIFFERS, or CONFIRMED that the verdict is WRONG "
        "or another; 2 refused as no report or a changed one; 3 CANNOT REPLAY.",
    )
    parser.add_argument("report", type=Path, help="report.json, or the folder that holds it")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    path = args.report / "report.json" if args.report.is_dir() else args.report
    report = load(path)
    ledger = replay(report)
    content = report["content"]
    declared = f" ({in_words(declaration(report))})" if content["declaration"] else ""
    print(f"report {report['identity']} on {content['subject']}{declared} says {content['verdict']}")
    print(ledger)
    if ledger.outcome is Outcome.CONFIRMED and content["verdict"] != Verdict.PASS:
        return 1
    return STATUS[ledger.outcome]
