"""`refnn check`: judge a backprop, or a module that follows the article, from the shell."""

import argparse
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from refnn._declaration import ACTIVATIONS, COSTS
from refnn._files import refuse_unreadable, refuse_unwritable, write_whole
from refnn._printing import shown
from refnn.article.module import FUNCTIONS, ModuleCheck, judge_module
from refnn.commands import EXIT_STATUS, STATUS, STOPPED, UNUSABLE, Subparsers, names, say, source, widths
from refnn.commands.apart import CTRL_C, Outcome, Send, apart
from refnn.gradcheck.backprop import check_backprop, of_probes
from refnn.gradcheck.declaration import CHOICES, NAMED, Declaration
from refnn.gradcheck.verdict.result import GradientCheck, Verdict
from refnn.report.citation import NOBODY, Author
from refnn.report.declared import OverM, template
from refnn.report.draw.folder import prepare, write
from refnn.report.make import report_on

IMPORTED = "imported"  # sent before anything is judged
Read = TypeVar("Read")
Problems: TypeAlias = tuple[source.Problem, ...]


def add(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(
        "check",
        help="judge a backprop",
        description="Judge a function gradient(params, X, Y) -> grads on networks where a fault shows, or a file that "
        "follows the article, or a course after it, function by function.",
        epilog=EXIT_STATUS,
    )
    option = parser.add_argument
    option("target", help="MODULE:FUNCTION, FILE.py:FUNCTION, or FILE.py with functions by the article's names")
    option("--json", type=Path, metavar="FILE", help="write the result there, too")
    option("--layer-dims", type=widths, metavar="N,N…", help="judge the function on networks of these widths only")
    option("--m", type=int, metavar="M", help="judge it on so many examples")
    option("--seed", type=int, default=0, metavar="N", help="of the networks (%(default)s)")
    option("--timeout", type=seconds, metavar="SECONDS", help="end the judged code after so long")
    _add_report(parser)
    _add_declaration(parser)
    parser.set_defaults(run=run)


def _add_report(parser: argparse.ArgumentParser) -> None:
    option = parser.add_argument_group("a report, to be cited and rechecked").add_argument
    option("--report", type=Path, metavar="DIR", help="write one on the function there")
    option("--author", metavar="NAME", help="who is cited for it; by default nobody")
    option("--url", metavar="URL", help="where it is to be found")


def _add_declaration(parser: argparse.ArgumentParser) -> None:
    option = parser.add_argument_group(
        "the network and its conventions", "What the function is the gradient of; the article's, where nothing is said."
    ).add_argument
    said = f"activation of the hidden layers, or one for each: {', '.join(ACTIVATIONS)}, leaky_relu(0.2)"
    option("--hidden", type=names, metavar="NAME[,NAME…]", help=said)
    said = "softmax or one of these; its cost is cross_entropy for sigmoid and softmax, half_squared_error for others"
    option("--output", type=names, metavar="NAME[,COST]", help=f"{said}, or is named: {', '.join(COSTS)}")
    option("--reduction", metavar="HOW", help="of the losses: mean over examples, their sum, or mean over all entries")
    option("--l1", metavar="LAMBDA", help="penalty λ Σ|W|; a number, or one over m: 0.7/m")
    option("--l2", metavar="LAMBDA", help="penalty λ/2 Σ W²; likewise")
    option("--no-bias", action="store_true", help="layers without b")
    option("--examples", metavar="WHERE", help="columns or rows of X and Y")
    option("--weights", metavar="ORDER", help="W as out,in or in,out")
    option("--labels", metavar="KIND", help="soft, onehot or classes: numbers of classes")
    said = "how W, b, dW or db are called: W=weights{l}, l the layer, or {k} from 0, or W=w_h,w_o; repeat for several"
    option("--names", action="append", metavar="KIND=NAME", help=said)
    option("--step", metavar="RATE", help="learning rate of a function that returns W - RATE dW in place of dW")
    said = "a function (params, X, Y) -> cost, where none of these costs is the one; it cannot stand in a report"
    option("--cost", metavar="MODULE:FUNCTION", help=said)


def seconds(text: str) -> float:
    """The value of --timeout."""
    number = float(text)
    if not 0 < number < float("inf"):
        raise ValueError
    return number


def run(args: argparse.Namespace) -> int:
    declaration = _declaration(args)
    _author(args)
    module = args.target.endswith(".py")
    if module:
        _refuse_for_module(args, declaration)
    elif ":" not in args.target:
        raise ValueError(f"{args.target} is neither MODULE:FUNCTION nor the path of a .py file")
    if args.cost and args.report:
        raise ValueError("--cost cannot stand in a report, for nobody could recheck it: leave one of the two out")
    written, read = [args.json] if args.json else [], _files(args.target, args.cost)
    refuse_unreadable(*read)
    if args.report:
        prepare(args.report, *written, read=read)
    else:
        refuse_unwritable(*written, read=read)
    outcome = apart(_module if module else _function, args, timeout=args.timeout)
    if outcome.by_itself and IMPORTED not in outcome.sent:
        raise ValueError(f"importing {args.target.rpartition(':')[0] or args.target} {outcome.stopped}")
    return _say_module(args, outcome) if module else _say_function(args, outcome)


def _files(*targets: str | None) -> list[Path]:
    """Where the code may stand: a module is looked for in the current folder first."""
    files = []
    for target in filter(None, targets):
        name = target if target.endswith(".py") else target.rpartition(":")[0]
        module = name.removesuffix(".py") if name.endswith(".py") else name.replace(".", "/")
        files += [Path(f"{module}.py"), Path(f"{module}/__init__.py")]
    return files


def _function(send: Send, args: argparse.Namespace) -> tuple[GradientCheck, Any]:
    """The check of a function and, if it was asked for, the report."""
    options = {"layer_dims": args.layer_dims, "m": args.m, "seed": args.seed, **_declaration(args)}
    gradient, cost = _read(source.function, args.target), _cost(args)
    send(IMPORTED)
    with source.quietly():
        if args.report:
            report, check = report_on(gradient, Path(args.target).name, author=_author(args), **options)
            return check, report
        return check_backprop(gradient, cost=cost, progress=send, **options), None


def _read(read: Callable[[str], Read], target: str) -> Read:
    """What `read` finds at the target: other people's code, which may raise anything where it is only looked at."""
    try:
        return read(target)
    except Exception as error:
        if type(error) is ValueError or isinstance(error, OSError):  # these have words for the user
            raise
        raise ValueError(f"reading {target} raised {type(error).__name__}: {shown(error)}") from error


def _say_function(args: argparse.Namespace, outcome: Outcome) -> int:
    check, report = outcome.result or (_so_far(outcome), None)
    _write(args.json, check.to_json())
    if report:
        write(report, args.report)
    say(check)
    if report:
        say(f"report {report['identity']} saved in {args.report}")
    return _status(check.verdict, outcome)


def _so_far(outcome: Outcome) -> GradientCheck:
    """What a check that was stopped had found; networks that are not judged leave a pass undecided."""
    checks = [check for check in outcome.sent if check != IMPORTED]
    reason = f"gradient {outcome.stopped}" if outcome.by_itself else outcome.stopped
    found = of_probes(checks) if checks else GradientCheck(Verdict.PASS)
    reasons = (f"{reason}; networks judged before: {len(checks)}", *found.reasons)
    return replace(found, verdict=_stopped_verdict(found.verdict, outcome), reasons=reasons)


def _stopped_verdict(found: Verdict, outcome: Outcome) -> Verdict:
    return Verdict.WRONG if outcome.by_itself or found is Verdict.WRONG else Verdict.UNRELIABLE


def _status(verdict: Verdict, outcome: Outcome) -> int:
    return STOPPED if outcome.stopped == CTRL_C else STATUS[verdict]


def _declaration(args: argparse.Namespace) -> dict[str, Any]:
    """The keywords of the options that were given; a ValueError names the option that is none."""
    given: dict[str, Any] = {name: getattr(args, name) for name in ("hidden", "output", *CHOICES, "l1", "l2", "step")}
    given = {name: text for name, text in given.items() if text is not None}
    for name in {"l1", "l2", "step"} & set(given):
        given[name] = _number(name, given[name])
    if args.no_bias:
        given["bias"] = False
    if args.names:
        given["names"] = dict(map(_name, args.names))
    try:
        said = Declaration.of(given)
    except (TypeError, ValueError) as error:  # their texts begin with the keyword
        raise ValueError(f"--{error}") from None
    if isinstance(said.hidden, tuple) and args.layer_dims is None:
        raise ValueError("--hidden names one activation for each layer: give --layer-dims, too")
    return given


def _number(name: str, text: str) -> float | OverM:
    number, over, m = text.partition("/")
    try:
        if not over:
            return float(number)
        if m.strip() == "m" and name != "step" and 0 <= float(number) < float("inf"):
            return OverM(float(number))
    except ValueError:
        pass
    raise ValueError(f"--{name} is {text!r}, expected a number" + " or, over m, one like 0.7/m" * (name != "step"))


def _name(text: str) -> tuple[str, str | list[str]]:
    kind, _, name = text.partition("=")
    if kind not in NAMED:
        raise ValueError(f"--names is {text!r}, expected {', '.join(NAMED)}, then = and a name, such as W=weights{{l}}")
    return kind, template(f"--names {kind}", names(name))


def _cost(args: argparse.Namespace) -> Any:
    if args.cost is None:
        return None
    try:
        return _read(source.function, args.cost)
    except ValueError as error:
        raise ValueError(f"--cost: {error}") from None


def _author(args: argparse.Namespace) -> Author:
    author = Author(args.author, args.url)
    if args.report is None and author != NOBODY:
        raise ValueError(f"--{'url' if args.author is None else 'author'} is of a report: give --report DIR, too")
    try:
        author.refuse_unfit()
    except ValueError as error:
        raise ValueError(f"--{error}") from None
    return author


def _refuse_for_module(args: argparse.Namespace, declaration: dict[str, Any]) -> None:
    if args.report:
        raise ValueError(f"a report is on one function: give {args.target}:FUNCTION")
    if declaration or args.cost:
        option = "no-bias" if "bias" in declaration else next(iter([*declaration, "cost"]))
        said = f"--{option} is of one function, and a whole file follows the article"
        raise ValueError(f"{said}: give {args.target}:FUNCTION")


def _module(send: Send, args: argparse.Namespace) -> tuple[ModuleCheck, Problems, Problems]:
    """The check of a file that follows the article, what cannot be read in it, and what was left out."""
    found = _read(lambda target: source.definitions(Path(target), FUNCTIONS), args.target)
    send(IMPORTED)
    with source.quietly():
        try:
            return judge_module(found.namespace, progress=send), found.problems, found.left
        except ValueError as error:
            raise ValueError("\n".join([*(f"{args.target}, {p}" for p in found.problems), str(error)])) from None


def _say_module(args: argparse.Namespace, outcome: Outcome) -> int:
    sent = tuple(check for check in outcome.sent if check != IMPORTED)
    check, problems, left = outcome.result or (ModuleCheck(sent, ()), (), ())
    verdict, stopped = check.verdict, {}
    if outcome.stopped:
        verdict = _stopped_verdict(verdict, outcome)
        stopped = {"verdict": str(verdict), "stopped": outcome.stopped}
    unread = {"unreadable": [problem._asdict() for problem in problems], "left_out": [part._asdict() for part in left]}
    _write(args.json, {**check.to_json(), **stopped, **unread})
    for problem in problems:
        say(f"{args.target}, {problem}")
    for part in left:
        say(f"note: {args.target}, {part}\n    it may change {', '.join(part.names)}")
    say(check)
    if outcome.stopped:
        say(f"{verdict}: {outcome.stopped}; functions judged before: {len(sent)}")
    # A library that is not there spoils only what is judged anyway, unless a function to judge would come from it.
    spoilt = any(
        not problem.message.startswith("ModuleNotFoundError") or {*FUNCTIONS, "*"}.intersection(problem.names)
        for problem in problems
    )
    return UNUSABLE if spoilt and check else _status(verdict, outcome)


def _write(path: Path | None, content: object) -> None:
    if path is not None:
        text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
        write_whole({path: f"{text}\n".encode()})
