"""`refnn certify`: how far a gradient of a report is from the derivative, and the same as a theorem for Coq."""

import argparse
from pathlib import Path

from refnn._files import refuse_unwritable, write_whole
from refnn.certificate import Certificate
from refnn.commands import EXIT_STATUS, Subparsers, say
from refnn.report import findings
from refnn.report.draw.folder import RECORD, drawings
from refnn.report.read import cases, load


def add(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(
        "certify",
        help="bound the rounding error of a gradient in a report, rigorously, also in Coq",
        description="Bound the distance of each entry of a recorded gradient from the true derivative, rigorously. "
        "With --coq, write that as a theorem, which Coq proves by computing, without trust in refnn.",
        epilog=EXIT_STATUS,
    )
    option = parser.add_argument
    option("report", type=Path, help="report.json, or the folder that holds it")
    option("--network", type=int, default=0, metavar="N", help="which of its networks, from 0 (%(default)s)")
    option("--coq", type=Path, metavar="FILE", help="write the theorem there; Coq is not needed for that")
    said = "let Coq compute without the processor's integers: on four axioms alone, and some 25 times as long"
    option("--plain-integers", action="store_true", help=said)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    if args.coq:
        folder = args.report if args.report.is_dir() else args.report.parent
        refuse_unwritable(args.coq, read=[args.report, folder / RECORD, *drawings(folder)])
    found = certificate(args.report, args.network)
    if args.coq:
        write_whole({args.coq: found.to_coq(native_integers=not args.plain_integers).encode()})
    say(found)
    if args.coq:
        say(f"theorem saved in {args.coq}; its first lines say how Coq checks it")
    return 0


def certificate(report: Path, network: int) -> Certificate:
    """Of the gradient that a report has for one of its networks; a ValueError where there is none."""
    found = cases(load(report))
    if not 0 <= network < len(found):
        raise ValueError(f"--network is {network}, expected one from 0 to {len(found) - 1}")
    case = found[network]
    if case.grads is None:
        raise ValueError(f"{case.path} has no gradient")
    if none := findings.uncertified(case.problem.declaration):
        raise ValueError(none)
    try:
        return findings.certify(case.problem)
    except ArithmeticError as unknown:  # on a kink
        raise ValueError(f"{case.path} has no certificate: {unknown}") from None
