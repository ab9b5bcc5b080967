"""Is this backprop right? Anyone's, asked for its gradient on networks where a fault shows."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import Any, Unpack

import numpy as np

from refnn._printing import plainly, shown
from refnn._printing import said as told
from refnn._progress import bar
from refnn._shapes import Array, switch, whole
from refnn.gradcheck.declaration import ARTICLE, Declaration, Keywords
from refnn.gradcheck.faults.diagnosis import Case, diagnose
from refnn.gradcheck.faults.probes import Probe, default_probes
from refnn.gradcheck.faults.steps import of_another_form
from refnn.gradcheck.judge import judge_function
from refnn.gradcheck.judged import Formula
from refnn.gradcheck.network import judge_network
from refnn.gradcheck.problem import Gradient, Problem, UnfitGradientError
from refnn.gradcheck.verdict.judgement import Estimate
from refnn.gradcheck.verdict.result import GradientCheck, Verdict
from refnn.gradcheck.verdict.rounding import allowances, careful_bounds
from refnn.gradcheck.witness import cancellation_free, directions
from refnn.gradcheck.witness.function import observe
from refnn.gradcheck.witness.workers import Workers

GradientFunction = Callable[[dict[str, Array], Array, Array], Mapping[str, Any]]
CostFunction = Callable[[dict[str, Array], Array, Array], Any]

RAISED, TWO_ANSWERS = "gradient raised", "gradient gave two answers to one question"
IN_BETWEEN = "right before and after, but wrong on a network of the same widths that was asked about in between"


@np.errstate(all="ignore")
def check_backprop(
    gradient: GradientFunction,
    *,
    cost: CostFunction | None = None,
    layer_dims: Sequence[int] | None = None,
    m: int | None = None,
    seed: int = 0,
    probes: Iterable[Probe] | None = None,
    executor: Executor | None = None,
    progress: bool | Callable[[GradientCheck], object] = True,
    **declaration: Unpack[Keywords],
) -> GradientCheck:
    """Judge anyone's backprop on networks where a fault shows.

    Parameters
    ----------
    gradient : callable (params, X, Y) -> grads
        The gradient of the declared cost, keyed and shaped as in `check_network`. It is given copies.
    cost : callable (params, X, Y) -> scalar, optional
        The cost, where none can be declared: `check_gradients` then judges on the same networks.
    layer_dims : sequence of int, optional
        Judge on networks of these widths only.
    m : int, optional
        The number of examples.
    seed : int
    probes : iterable of Probe, optional
        Judge on these networks, (name, params, X, Y), and no others.
    executor : as in `check_network`
    progress : bool, whether a bar shows on a terminal; or a callable, given the check of each probe once it is judged
    **declaration : the network and its conventions, the article's where nothing is said
        hidden, output : activations and cost, as in `refnn.forward_prop`; a list of activations needs layer_dims
        reduction : "mean" of the cost over examples, their "sum", the mean over all "entries" of Y, or over "outputs"
        l1, l2 : λ of the penalties $λ Σ|W|$ and $λ/2 Σ W²$, added to the cost; or functions, ``lambda m: 0.7 / m``
        bias : False for layers without one
        examples : "columns" or "rows" of X and Y; in rows, b is (1, n_l), and db may be (n_l,)
        weights : "out,in" for W (n_l, n_{l-1}), or "in,out"
        labels : "soft", "onehot" (0 or 1), or "classes" (int (m,), the number of each example's class)
        names : ``{"W": "weights{l}", "b": ["bias_h", "bias_o"], "dW": …, "db": …}``, l from 1, or {k} from 0, or a
            name for each layer, or functions of l
        step : the learning rate of a function that returns W - step · dW, not dW; negative for a step upwards. It may
            change the parameters that it is given.

    Returns
    -------
    GradientCheck
        With the check of each probe in `probes`. A gradient that raises, changes its arguments, gives two answers to
        one question, overwrites what it returned or returns what is no gradient is WRONG, and the reason says so.
    """
    whole("seed", seed, 0)
    if not callable(progress):
        switch("progress", progress)
    said = Declaration.of(declaration)
    if not callable(gradient):
        raise TypeError(f"gradient is {type(gradient).__name__}, expected a callable (params, X, Y) -> grads")
    if not (cost is None or callable(cost)):
        raise TypeError(f"cost is {type(cost).__name__}, expected a callable (params, X, Y) -> scalar")
    if probes is None:
        probes = default_probes(layer_dims, m=m, seed=seed, declaration=said, mild=cost is not None)
    else:
        probes = _own_probes(probes)
    judge = Judge(gradient, said, cost, seed, executor)
    checks, cases = [], []
    for probe in bar(probes, "probes", total=len(probes), show=progress is True):
        check, case = judge(probe)
        checks.append(check)
        cases += [case] if case else []
        if callable(progress):
            progress(check)
    return of_probes(checks, cases, said)


def of_probes(
    checks: Sequence[GradientCheck], cases: Sequence[Case] = (), said: Declaration = ARTICLE
) -> GradientCheck:
    """The whole, from the checks on the probes, with a diagnosis if their cases are there."""
    # A network on which a fault would not show is there for another thing, if there is one that would show it.
    seeing = [check for check in checks if check.verdict is not Verdict.BLIND] or checks
    worst = min(seeing, key=lambda check: (check.verdict.rank, not check.parameters))
    return replace(
        worst,
        reasons=tuple(_reasons(seeing, cases)),
        notes=(*_hints(seeing, said), *dict.fromkeys(f"{note} ({c.probe})" for c in checks for note in c.notes)),
        diagnosis=diagnose(cases) or worst.diagnosis,
        probes=tuple(checks),
    )


def _own_probes(probes: object) -> tuple[Probe, ...]:
    if isinstance(probes, Probe) or not isinstance(probes, Iterable) or getattr(probes, "shape", None) == ():
        raise TypeError(f"probes is {type(probes).__name__}, expected a sequence of Probe")
    found = tuple(probes)
    for i, probe in enumerate(found):
        if not isinstance(probe, Probe):
            raise TypeError(f"probes[{i}] is {type(probe).__name__}, expected a Probe(name, params, X, Y)")
    if not found:
        raise ValueError("probes is empty, expected at least one")
    return found


def _reasons(checks: Sequence[GradientCheck], cases: Sequence[Case]) -> Iterator[str]:
    """Each once; of what differs on each network in its numbers, what is said of the first."""
    wrong = [case for case in cases if not all(case.compared.checks.values())]
    if wrong and (form := of_another_form(wrong)):
        yield form
    said: set[str] = set()
    for check in checks:
        kinds = {
            reason: next(filter(reason.startswith, (RAISED, TWO_ANSWERS, IN_BETWEEN, "grads")), reason)
            for reason in check.reasons
        }
        yield from (reason for reason, kind in kinds.items() if kind not in said)
        said.update(kinds.values())


def _hints(checks: Sequence[GradientCheck], said: Declaration) -> Iterator[str]:
    """What the code may be, where it fails on networks of one kind alone, or answers in two ways."""
    wrong = [check for check in checks if check.verdict is Verdict.WRONG]
    failed = [check for check in wrong if any(reason.startswith((RAISED, "grads")) for reason in check.reasons)]
    if failed and len(failed) < len(checks):
        yield f"fails on {len(failed)} of {len(checks)} networks: code made for one shape is judged with layer_dims=[…]"
    if wrong and said.labels == "soft" and len(wrong) < len(checks) and all("soft" in c.probe for c in wrong):
        yield "wrong where labels lie between 0 and 1 only: code made for 0 and 1 is judged with labels='onehot'"

    def with_one(word: str) -> list[bool]:
        return [any(reason.startswith(word) for reason in check.reasons) for check in wrong]

    # If only some networks differ in between, it is a plain fault that shows there.
    if any(with_one(TWO_ANSWERS)) or (wrong and all(with_one(IN_BETWEEN))):
        yield "two answers: is dropout left on, are examples shuffled, or does a state (a momentum) live between calls?"


@dataclass(frozen=True, eq=False)
class Judge:
    """Calls a gradient on one probe after the other, and judges what comes back; without a diagnosis."""

    gradient: GradientFunction
    declaration: Declaration = ARTICLE
    cost: CostFunction | None = None
    seed: int = 0
    executor: Executor | None = None

    def __call__(self, probe: Probe) -> tuple[GradientCheck, Case | None]:
        """Ask on the probe, on another network of the same widths, and on the probe again."""
        check, case = self._answers(Problem.of(*probe[1:], self.declaration), probe)
        return replace(check, probe=str(probe.name)), case

    def _answers(self, problem: Problem, probe: Probe) -> tuple[GradientCheck, Case | None]:
        if self.cost is None and np.isnan(problem.A[-1]).any():
            reason = f"f is {problem.A[-1].max()} at the parameters"
            return GradientCheck(Verdict.UNRELIABLE, reasons=(reason,)), None
        halved = {key: np.asarray(V) / 2 for key, V in probe.params.items()}
        X, Y = (np.asarray(V)[:, ::-1] for V in (probe.X, probe.Y))
        others = Problem.of(halved, X, Y, self.declaration)
        answers: list[Problem] = []
        reasons: list[str] = []
        returned: list[Any] = []
        for asked in (problem, others, problem):
            params, X, Y = asked.copies()
            copies = {**params, "X": X, "Y": Y}
            try:
                returned.append(self.gradient(params, X, Y))
                if asked is problem:
                    answers.append(problem.judging(returned[-1]))
                else:
                    reasons += _overwritten(answers[0], returned[0])
            except UnfitGradientError as error:
                return GradientCheck(Verdict.WRONG, reasons=tuple(str(error).split("\n"))), None
            except (Exception, SystemExit) as error:  # the judged code may raise anything
                return GradientCheck(Verdict.WRONG, reasons=(raised(error),)), None
            reasons += [f"gradient changed its argument {what}" for what in _changes(params, copies, asked)]
        check, case = self._judged(answers[1])
        reasons += _inconsistencies(answers, case)
        between = returned[1]
        answered = not isinstance(between, Mapping) or between  # a replay has nothing between two questions
        if case and answered and check.verdict is not Verdict.WRONG and not reasons:
            reasons += _wrong_in_between(others, between, self.seed)
        verdict = Verdict.WRONG if reasons else check.verdict
        return replace(check, verdict=verdict, reasons=(*dict.fromkeys(reasons), *check.reasons)), case

    def _judged(self, problem: Problem) -> tuple[GradientCheck, Case | None]:
        if self.cost is None and self.declaration.known:
            return judge_network(problem, "auto", self.seed, Workers(self.executor))
        return self._by_its_cost(problem), None

    def _by_its_cost(self, problem: Problem) -> GradientCheck:
        """The judgement of the general witnesses, on the cost that was given, or on the declared one.

        Of the declared network the rounding of the usual formulas is known; of another cost what the gradient shows
        nearby.
        """
        params, X, Y = problem.copies()
        said, rng, judged = problem.declaration, np.random.default_rng(self.seed), problem.given
        names = {key: said.name(key[0], int(key[1:])) for key in judged.arrays if key[0] != "A"}

        def f(moved: dict[str, Array]) -> Any:
            if self.cost is None:
                return problem.cost(said.ours(moved, X, Y)[0])
            return told(self.cost, "cost(params, X, Y)", plainly, moved, X.copy(), Y.copy())

        def of_params(found: Problem, table: Mapping[str, Array]) -> dict[str, Array]:
            return {name: found.given.form(key, table[key]).reshape(params[name].shape) for key, name in names.items()}

        def nearby(moved: dict[str, Array]) -> dict[str, Array]:
            found = Problem.of(*said.ours(moved, X, Y), said).judging(self.gradient(moved, X.copy(), Y.copy()))
            return of_params(found, found.given.arrays)

        function = observe(f, params, rng)
        shown = {name: judged.names[key] for key, name in names.items()}
        coarser = {name: judged.coarser[key] for key, name in names.items() if key in judged.coarser}
        formula = Formula(Gradient(of_params(problem, judged.arrays), shown, coarser=coarser))
        if self.cost is None:
            formula = replace(formula, allowance=of_params(problem, allowances(problem)))
        else:
            formula = formula.measured(nearby, function, rng)
        return judge_function(function, formula, rng)


def raised(error: BaseException) -> str:
    """What the judged code raised, and where."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f", at line {frames[-1].lineno} of {frames[-1].name}" if len(frames) > 1 else ""
    return f"{RAISED} {type(error).__name__}: {shown(error)}{where}"


def _changes(params: Mapping[str, Array], copies: Mapping[str, Array], problem: Problem) -> list[str]:
    """The arguments that a call has changed: arrays, or entries of the dict; a step may be taken in place."""
    before, X, Y = problem.copies()
    if problem.declaration.step is not None:
        before, params = {}, {}
    changed = [key for key, V in {**before, "X": X, "Y": Y}.items() if not np.array_equal(copies[key], V)]
    changed += [f"params ({key})" for key in before if params.get(key) is not copies[key]]
    return changed + [f"params ({shown(key)})" for key in params if key not in before]


def _inconsistencies(answers: Sequence[Problem], case: Case | None) -> list[str]:
    """Parameters of which one call alone gave a gradient, or two calls such as rounding does not part."""
    first, second = (problem.given for problem in answers)

    def agree(key: str) -> bool:
        if not (key in first.arrays and key in second.arrays):
            return False
        V, W = first.arrays[key], second.arrays[key]
        near = case is not None and bool((np.abs(V - W) <= 2 * case.compared.tolerance[key]).all())
        return near or np.array_equal(V, W, equal_nan=True)

    names = {**first.names, **second.names}
    differ = [names[key] for key in {**first.arrays, **second.arrays} if not agree(key)]
    return [f"{TWO_ANSWERS}: {', '.join(differ)}"] if differ else []


def _wrong_in_between(problem: Problem, grads: Any, seed: int) -> list[str]:
    """Arrays whose sum along a direction is wrong, on the network that was asked about in between."""
    try:
        problem = problem.judging(grads)
    except UnfitGradientError as error:
        return [f"{IN_BETWEEN}: {error}"]
    given, allowed, known = problem.given, allowances(problem), careful_bounds(problem)
    least = cancellation_free.underflow(problem)
    estimates = {
        key: Estimate(np.asarray(G, np.float64), allowed[key] + known[key], underflow=least)
        for key, G in given.arrays.items()
    }
    wrong = [given.names[key] for key, _ in directions.disagreements(problem, estimates, seed)]
    return [f"{IN_BETWEEN}: {', '.join(wrong)}"] if wrong else []


def _overwritten(answer: Problem, kept: Any) -> list[str]:
    """Arrays that a gradient returned and that later calls have filled with other numbers."""
    try:
        now = answer.judging(kept).given.arrays
    except UnfitGradientError:
        now = {}
    changed = [
        answer.given.names[key]
        for key, V in answer.given.arrays.items()
        if key not in now or not np.array_equal(V, now[key], equal_nan=True)
    ]
    return [f"gradient overwrites what an earlier call returned: {', '.join(changed)}"] if changed else []
