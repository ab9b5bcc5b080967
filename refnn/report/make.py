"""Make a report: check a gradient on networks, try the catalogue of faults on them, and record all of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np

from refnn._progress import bar
from refnn._shapes import Array
from refnn.certificate import certify
from refnn.gradcheck.backprop import GradientFunction, check_backprop
from refnn.gradcheck.faults.probes import Probe, default_probes
from refnn.gradcheck.problem import Problem, UnfitGradientError
from refnn.gradcheck.verdict.result import Entry, GradientCheck
from refnn.gradcheck.witness.cancellation_free import step
from refnn.report import findings, networks
from refnn.report.provenance import citation, environment
from refnn.report.record import Record, encode, encode_all, encode_on_grid, gradient_digest, plain, sealed, sha256

CERTIFIED = 5  # of every five networks one carries a certificate
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
        **{name: encode_on_grid(V, networks.DATA_GRID) for name, V in data._asdict().items()},
    }
    costs = [cost.hex() for point in trained for cost in point.costs]
    return report_on_subjects(findings.REFERENCE, findings.reference_gradient, subjects, training, costs)


def report_on(
    gradient: GradientFunction,
    name: str,
    *,
    layer_dims: Sequence[int] | None = None,
    m: int | None = None,
    seed: int = 0,
) -> tuple[Record, GradientCheck]:
    """The report on anyone's gradient, and the check itself, as by `check_backprop`; `name` says whose it is."""
    probes = default_probes(layer_dims, m=m, seed=seed)
    origin = {
        "kind": "probe",
        "layer_dims": None if layer_dims is None else list(layer_dims),
        "m": m,
        "seed": seed,
    }
    subjects = [Subject(networks.rounded(probe), {**origin, "index": i}) for i, probe in enumerate(probes)]
    return report_on_subjects(name, gradient, subjects)


def report_on_subjects(
    name: str,
    gradient: GradientFunction,
    subjects: Sequence[Subject],
    training: Record | None = None,
    costs: Sequence[str] = (),
) -> tuple[Record, GradientCheck]:
    """The report on a gradient of any networks; `costs` are those of every epoch of the training."""
    probes = [subject.probe for subject in subjects]
    size = sum(V.size for _, params, X, Y in probes for V in (*params.values(), X, Y))
    if size > LARGEST:
        raise ValueError(f"a report on {size:,} numbers, expected at most {LARGEST:,}: check smaller networks")
    recorder = Recorder(gradient)
    check = check_backprop(recorder, probes=probes)
    certifying = find_spec("flint") is not None
    judged = list(zip(subjects, map(recorder.answer, probes), check.probes, strict=True))
    content = {
        "subject": plain(name),
        "verdict": str(check.verdict),
        "causes": findings.causes(check),
        "witnesses": findings.witnesses(check),
        "tolerance": check.tolerance,
        "networks": [_found(*each) for each in judged],
        "training": training,
        "faults": findings.faults(probes),
    }
    measured = {
        "networks": [
            _measured(subject, grads, found, certifying and i % CERTIFIED == 0)
            for i, (subject, grads, found) in enumerate(bar(judged, "certificates"))
        ],
        "costs": list(costs),
        "findings": findings.differences(check),
    }
    return sealed(content, measured, environment(), citation(plain(name), sha256(content))), check


class Recorder:
    """A gradient that keeps a copy of its latest answer at each point."""

    def __init__(self, gradient: GradientFunction) -> None:
        self.gradient = gradient
        self.answers: dict[bytes, dict[str, Array] | None] = {}

    def __call__(self, params: dict[str, Array], X: Array, Y: Array) -> Mapping[str, Any]:
        probe = Probe("", {key: V.copy() for key, V in params.items()}, X.copy(), Y.copy())
        grads = self.gradient(params, X, Y)
        if isinstance(grads, Mapping):
            grads = {key: dV for key, dV in grads.items() if not (str(key).startswith("dA") and _is_large(dV))}
        at = findings.point(*probe[1:])
        try:
            self.answers[at] = findings.gradient_of(grads, probe)
        except UnfitGradientError:
            self.answers[at] = None
        return grads

    def answer(self, probe: Probe) -> dict[str, Array] | None:
        """The gradient at the probe, keyed "dW1" …; None where there is none to speak of."""
        return self.answers.get(findings.point(*probe[1:]))


def _is_large(dA: Any) -> bool:
    return bool(math.prod(np.shape(dA)) > findings.LARGE)


def _found(subject: Subject, grads: Mapping[str, Array] | None, check: GradientCheck) -> Record:
    """What every machine agrees on."""
    (name, params, X, Y), origin = subject
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


def _measured(subject: Subject, grads: Mapping[str, Array] | None, check: GradientCheck, certified: bool) -> Record:
    """What may differ in its last bits."""
    probe = subject.probe
    return {
        "gradient": None if grads is None else encode_all(grads),
        "step": step(Problem.of(*probe[1:])).hex(),
        "worst": {p.name: None if p.worst is None else _entry(p.worst) for p in check.parameters},
        "certificate": _certificate(probe, grads) if certified and grads is not None else None,
    }


def _entry(entry: Entry) -> Record:
    numbers = {"given": entry.given, "expected": entry.expected, "tolerance": entry.tolerance}
    return {"index": list(entry.index), **{name: float(x).hex() for name, x in numbers.items()}}


def _certificate(probe: Probe, grads: Mapping[str, Array]) -> Record | None:
    """Rigorous bounds on the error of each entry, without the arrays and the declaration that the report has already.

    None for a gradient that is not finite, for a network on which they are no matter of seconds, and where the two
    enclosures of the derivative are disjoint, as they are when backprop itself is wrong.
    """
    if findings.work(probe) > findings.CERTIFIED_WORK or not all(np.isfinite(dV).all() for dV in grads.values()):
        return None
    try:
        whole = certify(*probe[1:], grads).to_json()
    except ArithmeticError:
        return None
    known = ("format", "X", "Y", "params", "grads", "hidden", "output")
    return {name: part for name, part in whole.items() if name not in known}
