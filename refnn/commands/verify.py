"""`refnn verify report.json`: recheck a report without trusting who made it."""

import argparse
from pathlib import Path

from refnn.commands import EXIT_STATUS, STATUS, Subparsers, say
from refnn.gradcheck.verdict.result import Verdict
from refnn.report.declared import in_words
from refnn.report.read import declaration, load
from refnn.report.replay.ledger import Outcome
from refnn.report.replay.replay import replay


def add(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(
        "verify",
        help="recheck a report",
        description="Recheck a report: its hashes, then every number in it, with another witness and in another order "
        "of evaluation. Nothing in it is executed.",
        epilog=f"{EXIT_STATUS} Of a report that is CONFIRMED it is that of the verdict; 1 is also for DIFFERS, 2 for "
        "no report or a changed one, 3 for CANNOT REPLAY.",
    )
    parser.add_argument("report", type=Path, help="report.json, or the folder that holds it")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    path = args.report / "report.json" if args.report.is_dir() else args.report
    report = load(path)
    ledger = replay(report)
    content = report["content"]
    declared = f" ({in_words(declaration(report))})" if content["declaration"] else ""
    say(f"report {report['identity']} on {content['subject']}{declared} says {content['verdict']}")
    say(ledger)
    verdict = {Outcome.DIFFERS: Verdict.WRONG, Outcome.CANNOT_REPLAY: Verdict.UNRELIABLE}
    return STATUS[verdict.get(ledger.outcome, content["verdict"])]
