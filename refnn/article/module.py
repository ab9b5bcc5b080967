"""A module that follows the article, judged function by function.

Each function is run on a small network beside a plain computation of the same thing; backprop is given to
`check_backprop`. Where a function is wrong or missing, the right one takes its place while the others are judged, so
that one mistake is reported once, where it stands. Both conventions are right: 1/m at the output, as in
`refnn.network`, or at each dW and db, as in the article, whose dA are m times ∂J/∂A.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from refnn.article.functions import JUDGES, Module
from refnn.gradcheck.verdict.result import Verdict

FUNCTIONS = tuple(JUDGES)


@dataclass(frozen=True)
class FunctionCheck:
    """What was found about one function: reasons why it is wrong, notes on what is right but worth knowing."""

    name: str
    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def verdict(self) -> Verdict:
        return Verdict.WRONG if self.reasons else Verdict.PASS

    def __bool__(self) -> bool:
        return not self.reasons

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, "verdict": str(self.verdict), "reasons": [*self.reasons], "notes": [*self.notes]}


@dataclass(frozen=True)
class ModuleCheck:
    """The checks of the functions that a module defines; true only if none is wrong."""

    functions: tuple[FunctionCheck, ...]
    missing: tuple[str, ...]

    def __bool__(self) -> bool:
        return all(self.functions)

    @property
    def verdict(self) -> Verdict:
        return Verdict.PASS if self else Verdict.WRONG

    def __str__(self) -> str:
        width = max(map(len, FUNCTIONS))
        lines = []
        for check in self.functions:
            lines.append(f"{check.name:<{width}}  {check.verdict}")
            lines += [f"{'':<{width}}  {text}" for text in (*check.reasons, *(f"note: {n}" for n in check.notes))]
        lines += [f"{name:<{width}}  not there" for name in self.missing]
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        functions = [check.to_json() for check in self.functions]
        return {"verdict": str(self.verdict), "functions": functions, "missing": [*self.missing]}


def judge_module(namespace: dict[str, Any]) -> ModuleCheck:
    """Judge the functions of the article that a module defines.

    Parameters
    ----------
    namespace : dict
        The globals of the functions. What is wrong or missing is replaced here by what is right: pass a namespace that
        nobody else uses.

    Raises
    ------
    ValueError
        If it defines none of them.
    """
    there = [name for name in FUNCTIONS if callable(namespace.get(name))]
    if not there:
        raise ValueError(f"none of the article's functions is defined: {', '.join(FUNCTIONS)}")
    module = Module(namespace)
    checks = []
    for name, judge in JUDGES.items():
        module.notes.clear()
        try:
            with np.errstate(all="ignore"):  # where A_L rounds to 0 or 1, most people's code divides by zero
                reasons = list(dict.fromkeys(judge(module))) if name in there else ["not there"]
        except (Exception, SystemExit) as error:  # other people's code may raise anything
            reasons = [f"raised {type(error).__name__}: {error}"]
        if name in there:
            checks.append(FunctionCheck(name, tuple(reasons), tuple(dict.fromkeys(module.notes))))
        if reasons:
            module.replace(name)
    return ModuleCheck(tuple(checks), tuple(name for name in FUNCTIONS if name not in there))
