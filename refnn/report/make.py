"""Make a report: check a gradient on networks, try the catalogue of faults on them, and record all of it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Any, NamedTuple, Unpack

import numpy as np

from refnn._progress import bar
from refnn._shapes import Array
from refnn.certificate import FOUND
from refnn.gradcheck.backprop import GradientFunction, check_backprop
from refnn.gradcheck.declaration import ARTICLE, Declaration, Keywords
from refnn.gradcheck.faults.probes import Probe, default_probes
from refnn.gradcheck.problem import Problem, UnfitGradientError
from refnn.gradcheck.verdict.result import Entry, GradientCheck
from refnn.gradcheck.witness.cancellation_free import step
from refnn.report import declared, findings, networks
from refnn.report.citation import NOBODY, Author, citation
from refnn.report.provenance import environment
from refnn.report.record import Record, encode, encode_all, encode_on_grid, gradient_digest, plain, sealed, sha256

DA = re.compile(r"dA\d+")
CERTIFIED = 5  # one in so many networks carries a certificate
LARGEST = 500_000  # numbers in all networks of a report


class Subject(NamedTuple):
    """A network of a report, and where it comes from, so that it can be made again."""

    probe: Probe
    origin: Record


def report_on_reference() -> tuple[Record, GradientCheck]:
    """The report on `refnn.backprop`, on seeded networks and on a network in training, and the check itself."""
    data, recipe = networks.breast_cancer(), networks.RECIPE
    trained = list(networks.checkpoints(data, recipe))
    subjects = [Subject(networks.seeded(seed), {"kind": "seeded", "seed": seed}) for seed in networks.SEEDS]
    subjects += [Subject(point.probe(data), {"kind": "trained", "epoch": point.epoch}) for point in trained]
    training = {
        "layer_dims": list(recipe.layer_dims),
        "learning_rate": recipe.learning_rate.hex(),
        "epochs": list(recipe.epochs),
        "correct": [point.correct(data) for point in trained],
        **{name: encode_on_grid(V) for name, V in data._asdict().items()},
    }
    costs = [cost for point in trained for cost in point.costs]
    return report_on_subjects(findings.REFERENCE, findings.reference_gradient, subjects, training, costs)


def report_on(
    gradient: GradientFunction,
    name: str,
    *,
    layer_dims: Sequence[int] | None = None,
    m: int | None = None,
    seed: int = 0,
    author: Author = NOBODY,
    **declaration: Unpack[Keywords],
) -> tuple[Record, GradientCheck]:
    """The report on anyone's gradient, and the check itself, as by `check_backprop`; `name` says whose it is.

    A declaration of which a report could not hold a part, such as functions of one's own, is refused before any work;
    so is an author whose name could not be printed.
    """
    said = Declaration.of(declaration)
    declared.recorded(said)
    author.refuse_unfit()
    probes = default_probes(layer_dims, m=m, seed=seed, declaration=said)
    origin = {
        "kind": "probe",
        "layer_dims": None if layer_dims is None else list(layer_dims),
        "m": m,
        "seed": seed,
    }
    subjects = [Subject(networks.rounded(probe), {**origin, "index": i}) for i, probe in enumerate(probes)]
    return report_on_subjects(name, gradient, subjects, said=said, author=author)


def report_on_subjects(
    name: str,
    gradient: GradientFunction,
    subjects: Sequence[Subject],
    training: Record | None = None,
    costs: Sequence[Mapping[str, float]] = (),
    *,
    said: Declaration = ARTICLE,
    author: Author = NOBODY,
) -> tuple[Record, GradientCheck]:
    """The report on a gradient of any networks; `costs` are those before and after every epoch of its training."""
    probes = [subject.probe for subject in subjects]
    size = sum(V.size for _, params, X, Y in probes for V in (*params.values(), X, Y))
    if size > LARGEST:
        raise ValueError(f"a report on {size:,} numbers, expected at most {LARGEST:,}: check smaller networks")
    problems = [Problem.of(*probe[1:], said) for probe in probes]
    recorder = Recorder(gradient, problems)
    network: dict[str, Any] = vars(said)
    check = check_backprop(recorder, probes=probes, **network)
    judged = list(zip(subjects, map(recorder.judged, problems), check.probes, strict=True))
    certifying = find_spec("flint") is not None and not findings.uncertified(said)
    content: Record = {
        "subject": plain(name),
        "declaration": declared.recorded(said),
        "verdict": str(check.verdict),
        "causes": findings.causes(check),
        "witnesses": findings.witnesses(check),
        "tolerance": check.tolerance,
        "networks": [_found(*each) for each in judged],
        "training": training,
        "faults": findings.faults(probes, said),
    }
    measured = {
        "networks": [
            _measured(answer, found, certifying and i % CERTIFIED == 0)
            for i, (_, answer, found) in enumerate(bar(judged, "certificates"))
        ],
        "costs": {part: [each[part].hex() for each in costs] for part in ("training", "test")},
        "findings": findings.differences(check),
    }
    where = environment()
    return sealed(content, measured, where, citation(content["subject"], sha256(content), where, author)), check


class Answer(NamedTuple):
    """A gradient as it was given, under its names (None where there is none to speak of), and as the check reads it."""

    grads: Mapping[str, Array] | None
    problem: Problem


class Recorder:
    """A gradient that keeps a copy of its latest answer to each problem."""

    def __init__(self, gradient: GradientFunction, problems: Sequence[Problem]) -> None:
        self.gradient = gradient
        self.answers = {findings.point(*problem.copies()): Answer(None, problem) for problem in problems}

    def __call__(self, params: dict[str, Array], X: Array, Y: Array) -> Mapping[str, Any]:
        at = findings.point(params, X, Y)  # before they may be changed
        grads = self.gradient(params, X, Y)
        if isinstance(grads, Mapping):
            grads = {key: dV for key, dV in grads.items() if not (DA.fullmatch(str(key)) and _is_large(dV))}
        if at in self.answers:
            problem = self.answers[at].problem
            try:
                judged = problem.judging(grads)
                as_given = {name: np.array(grads[name]) for name in judged.given.names.values()}
                self.answers[at] = Answer(as_given, judged)
            except UnfitGradientError:
                self.answers[at] = Answer(None, problem)
        return grads

    def judged(self, problem: Problem) -> Answer:
        return self.answers[findings.point(*problem.copies())]


def _is_large(dA: Any) -> bool:
    return bool(math.prod(np.shape(dA)) > findings.LARGE)


def _found(subject: Subject, answer: Answer, check: GradientCheck) -> Record:
    """What every machine agrees on."""
    (name, params, X, Y), origin = subject
    grads = answer.grads
    return {
        "name": name,
        "origin": origin,
        "params": encode_all(params),
        "data": "training" if origin["kind"] == "trained" else {"X": encode(X), "Y": encode(Y)},
        "verdict": str(check.verdict),
        "reasons": [plain(reason) for reason in check.reasons],
        "gradient_digest": None if grads is None else gradient_digest(grads),
        "parameters": findings.verdicts(check),
    }


def _measured(answer: Answer, check: GradientCheck, certified: bool) -> Record:
    """What may differ in its last bits."""
    grads, problem = answer
    return {
        "gradient": None if grads is None else encode_all(grads),
        "step": step(problem).hex(),
        "worst": {p.name: None if p.worst is None else _entry(p.worst) for p in check.parameters},
        "certificate": _certificate(problem) if certified and grads is not None else None,
    }


def _entry(entry: Entry) -> Record:
    numbers = {"given": entry.given, "expected": entry.expected, "tolerance": entry.tolerance}
    return {"index": list(entry.index), **{name: float(x).hex() for name, x in numbers.items()}}


def _certificate(problem: Problem) -> Record | None:
    """Rigorous bounds on the error of each entry, without what the report has already.

    None for a gradient that is not finite, for a network on which they are no matter of seconds, and where the two
    enclosures of the derivative are disjoint, as they are when backprop itself is wrong.
    """
    finite = all(np.isfinite(dV).all() for dV in problem.given.arrays.values())
    if not finite or findings.work(problem) > findings.CERTIFIED_WORK:
        return None
    try:
        whole = findings.certify(problem).to_json()
    except ArithmeticError:
        return None
    return {name: whole[name] for name in ("bits", "witness", *FOUND)}
