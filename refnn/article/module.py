"""A module that follows the article, or a course that grew from it, judged function by function.

Each function is run on a small network beside a plain computation of the same thing; backprop is given to
`check_backprop`. Where a function is wrong or missing, the right one takes its place while the others are judged, so
that one mistake is reported once, where it stands. Both conventions are right: 1/m at the output, as in
`refnn.network`, or at each dW and db, as in the article, whose dA are m times ∂J/∂A.
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType
from typing import Any

import numpy as np

from refnn._printing import folded, shown
from refnn.article.functions import judge
from refnn.article.names import (
    ARTICLE,
    DEEP,
    FUNCTIONS,
    ROLES,
    SHALLOW,
    Course,
    Known,
    UnfitError,
    beneath,
    course_of,
    known,
)
from refnn.article.right import COMPUTES, Module, homes, restored
from refnn.article.words import equal
from refnn.gradcheck.verdict.result import Result, Verdict

__all__ = ["FUNCTIONS", "FunctionCheck", "ModuleCheck", "judge_module"]

FRAMES = 3  # of a traceback, that are shown
HIDDEN = ("relu", "tanh", "sigmoid")  # what a network may have instead of its course's activation
FORWARD, BACKPROP = ({*sum((r.names for r in ROLES if r.role == role), ())} for role in ("forward", "backprop"))
NEEDED = ("layer_backward", "backprop")  # without them nothing can be said of the whole


@dataclass(frozen=True)
class FunctionCheck(Result):
    """What was found about one function: reasons why it is wrong, notes on what is right but worth knowing.

    `line` is where it starts; `frames` are the last lines of the file that ran before it raised.
    """

    KEYS = ("name", "verdict", "line", "reasons", "notes", "frames")
    name: str
    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    line: int | None = None
    frames: tuple[str, ...] = ()

    @property
    def verdict(self) -> Verdict:
        return Verdict.WRONG if self.reasons else Verdict.PASS

    def __bool__(self) -> bool:
        return not self.reasons


@dataclass(frozen=True)
class ModuleCheck(Result):
    """The checks of the functions that a module defines; true only if none is wrong."""

    KEYS = ("verdict", "functions", "missing", "others")
    functions: tuple[FunctionCheck, ...]
    missing: tuple[str, ...]
    unjudged: tuple[str, ...] = ()  # missing ones without which backprop itself is not judged
    others: tuple[str, ...] = ()  # that have a name from another course, and were not judged

    def __bool__(self) -> bool:
        return all(self.functions)

    @property
    def verdict(self) -> Verdict:
        """PASS only if backprop itself was judged."""
        if not self:
            return Verdict.WRONG
        return Verdict.UNRELIABLE if self.unjudged else Verdict.PASS

    def __str__(self) -> str:
        width = max((len(name) for name in (*(check.name for check in self.functions), *self.missing)), default=0)
        lines = []
        for check in self.functions:
            line = f"   line {check.line}" if check.line else ""
            lines.append(f"{check.name:<{width}}  {check.verdict}{line}")
            texts = (*check.reasons, *(f"  {frame}" for frame in check.frames), *(f"note: {n}" for n in check.notes))
            lines += [f"{'':<{width}}  {text}" for text in texts]
        lines += [f"{name:<{width}}  not there" for name in self.missing]
        lines += [f"not judged, for another course has a function of this name: {name}" for name in self.others]
        if self.verdict is Verdict.UNRELIABLE:
            lines.append(f"UNRELIABLE: backprop was not judged, without {', '.join(self.unjudged)}")
        return folded(lines)


def judge_module(
    namespace: dict[str, Any], *, progress: Callable[[FunctionCheck], object] = lambda _: None
) -> ModuleCheck:
    """Judge the functions of the article, or of a course, that a module defines.

    Parameters
    ----------
    namespace : dict
        The globals of the functions. Meanwhile the right ones stand here in place of what is wrong or missing, and of
        what is wrong in the files from which these come.
    progress : callable, given the check of each function once it is judged

    Raises
    ------
    ValueError
        If it defines none of them.
    """
    course = course_of(namespace)
    if course is None:
        names = [", ".join(function.name for function in known(c, {})) for c in (ARTICLE, DEEP, SHALLOW)]
        raise ValueError(f"none of the article's functions is defined: {names[0]}; nor of the courses': {names[1]}")
    theirs = homes(course, namespace)
    with restored(theirs):
        check = _judge(namespace, course, course.hidden, progress=progress)
    for hidden in HIDDEN if FORWARD & {f.name for f in check.functions if not f} else ():
        # A network with another activation is as good, if both its directions agree on that.
        if _propagates(namespace, course, hidden):
            note = f"the activation of hidden layers is {hidden}"
            with restored(theirs):
                other = _judge(namespace, course, hidden, note, progress=lambda _: None)
            if not {*FORWARD, *BACKPROP} & {f.name for f in other.functions if not f}:
                return other
    return check


def _propagates(namespace: dict[str, Any], course: Course, hidden: str) -> bool:
    """Whether their forward propagation has this activation in the hidden layers."""
    module = Module(namespace, course, hidden)
    answers = (module.call("forward", X=X.copy(), params=deepcopy(params))[0] for _, params, X, _ in module.probes)
    try:
        return all(equal(answer, module.run(probe).A[-1]) for answer, probe in zip(answers, module.probes, strict=True))
    except (Exception, SystemExit):  # as below
        return False


def _judge(
    namespace: dict[str, Any],
    course: Course,
    hidden: str,
    *notes: str,
    progress: Callable[[FunctionCheck], object],
) -> ModuleCheck:
    module = Module(namespace, course, hidden)
    checks, missing = [], [named for named in module.functions if not named.function]
    for named in module.functions:
        if named.function is None:
            module.replace(named)
            continue
        module.judged = named
        module.notes = list(notes) if named.role == "forward" else []
        frames: tuple[str, ...] = ()
        try:
            with np.errstate(all="ignore"):  # where A_L rounds to 0 or 1, most people's code divides by zero
                reasons = judge(module, named)
        except (Exception, SystemExit) as error:  # other people's code may raise anything
            reasons, frames = [_raised(error), *_on_square_layers(module, named)], _frames(error, module)
        line, theirs = None, beneath(named.function)
        if type(theirs) is FunctionType:
            line, where = theirs.__code__.co_firstlineno, theirs.__globals__
            if where is not namespace:
                module.notes.append(f"stands in {_file(where)}, line {line}")
                line = None
        checks.append(FunctionCheck(named.name, tuple(reasons), tuple(dict.fromkeys(module.notes)), line, frames))
        progress(checks[-1])
        if reasons or any(note.startswith(COMPUTES) for note in module.notes):  # others are held to float64
            module.replace(named)
    unjudged = tuple(named.name for named in missing if named.role in NEEDED)
    known_here = {named.name for named in module.functions}
    others = tuple(name for name in FUNCTIONS if name not in known_here and callable(namespace.get(name)))
    return ModuleCheck(tuple(checks), tuple(named.name for named in missing), unjudged, others)


def _raised(error: BaseException) -> str:
    if isinstance(error, UnfitError):
        return str(error)
    text = f"raised {type(error).__name__}: {shown(error)}"
    if shapes := re.search(r"shapes \((\d+),(\d+)\) and \((\d+),(\d+)\) not aligned", text):
        n, k, k_too, m = shapes.groups()
        fitting = [which for which, fits in (("first", n == k_too), ("second", k == m)) if fits]
        text += "".join(f"; they fit with the {which} transposed" for which in fitting)
    return text


def _on_square_layers(module: Module, named: Known) -> list[str]:
    """What is wrong with a function that raises, seen where all layers are equally wide: often a transpose."""
    try:
        module.use((tuple(3 for _ in module.course.networks[1]),))
        with np.errstate(all="ignore"):
            return [f"on layers of one width: {reason}" for reason in judge(module, named) if " raised " not in reason]
    except (Exception, SystemExit):
        return []
    finally:
        module.use(module.course.networks)


def _frames(error: BaseException, module: Module) -> tuple[str, ...]:
    """The last lines of the judged file, and of those from which it has functions, that ran before it raised."""
    files = {home.get("__file__"): f"{_file(home)}, " for home in module.homes}
    files[module.namespace.get("__file__")] = ""
    theirs = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename in files]
    return tuple(f"{files[f.filename]}line {f.lineno}, in {f.name}: {f.line}" for f in theirs[-FRAMES:])


def _file(namespace: dict[str, Any]) -> str:
    return Path(str(namespace.get("__file__"))).name
