"""`refnn check`: judge a backprop, or a module that follows the article, from the shell."""

import argparse
import json
from pathlib import Path

from refnn.article.module import FUNCTIONS, judge_module
from refnn.commands import Subparsers, require_libraries, source, widths
from refnn.gradcheck.backprop import check_backprop
from refnn.gradcheck.verdict.result import Verdict
from refnn.report.draw.folder import write
from refnn.report.make import report_on

EXIT_STATUS = {Verdict.PASS: 0, Verdict.WRONG: 1, Verdict.UNRELIABLE: 2, Verdict.BLIND: 2}


def add(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(
        "check",
        help="judge a backprop",
        description="Judge a function gradient(params, X, Y) -> grads on networks where a fault shows, or a file that "
        "follows the article, or a course after it, function by function. Exit status: 0 pass, 1 wrong, 2 nothing that "
        "could be judged.",
    )
    option = parser.add_argument
    option("target", help="MODULE:FUNCTION, FILE.py:FUNCTION, or FILE.py with functions by the article's names")
    option("--json", type=Path, metavar="FILE", help="write the result there, too")
    option("--report", type=Path, metavar="DIR", help="write a report on a function there, to be cited and rechecked")
    option("--layer-dims", type=widths, metavar="N,N…", help="judge the function on networks of these widths only")
    option("--m", type=int, metavar="M", help="judge it on so many examples")
    option("--seed", type=int, default=0, metavar="N", help="of the networks (%(default)s)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    if args.target.endswith(".py"):
        return _check_module(args)
    if ":" not in args.target:
        raise ValueError(f"{args.target} is neither MODULE:FUNCTION nor the path of a .py file")
    gradient = source.function(args.target)
    if args.report:
        require_libraries()
    options = {"layer_dims": args.layer_dims, "m": args.m, "seed": args.seed}
    with source.quietly():
        if args.report:
            report, check = report_on(gradient, Path(args.target).name, **options)
        else:
            check = check_backprop(gradient, **options, progress=False)
    print(check)
    _write(args.json, check.to_json())
    if args.report:
        write(report, args.report)
        print(f"report {report['identity']} saved in {args.report}")
    return EXIT_STATUS[check.verdict]


def _check_module(args: argparse.Namespace) -> int:
    path = Path(args.target)
    if args.report:
        raise ValueError(f"a report is on one function: give {path}:FUNCTION")
    found = source.definitions(path, FUNCTIONS)
    for problem in found.problems:
        print(f"{path}, {problem}")
    with source.quietly():
        check = judge_module(found.namespace)
    print(check)
    _write(args.json, {**check.to_json(), "unreadable": [problem._asdict() for problem in found.problems]})
    # A library that is not there to import spoils only what is judged anyway; what cannot be read is not judged.
    unread = any(not problem.message.startswith("ModuleNotFoundError") for problem in found.problems)
    return 2 if unread and check else EXIT_STATUS[check.verdict]


def _write(path: Path | None, content: object) -> None:
    if path is not None:
        path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
