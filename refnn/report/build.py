"""Make a report: check a gradient on networks, try the catalogue of faults on them, and record all of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np

from refnn import backprop, forward_prop
from refnn._progress import bar
from refnn._shapes import Array
from refnn.certificate import certify
from refnn.gradcheck.backprop import GradientFunction, check_backprop, check_network
from refnn.gradcheck.faults.catalogue import FAULTS
from refnn.gradcheck.faults.probes import Probe, default_probes
from refnn.gradcheck.problem import Problem, UnfitGradientError
from refnn.gradcheck.verdict.result import Entry, GradientCheck, Verdict
from refnn.gradcheck.witness.cancellation_free import step
from refnn.report import networks, record
from refnn.report.arrays import encode, encode_on_grid
from refnn.report.citation import citation
from refnn.report.environment import environment
from refnn.report.record import Record, plain

REFERENCE = "refnn.backprop"
CERTIFIED = 5  # of every five networks one carries a certificate
CERTIFIED_WORK = 1e9  # (weights and biases)² times examples, at most, of a network that carries one
LARGEST = 500_000  # numbers in all networks of a report
PLANTED = 25  # networks on which faults are planted
LARGE = 1000  # entries of a dA_l that is not looked at: it would fill most of the report


class Subject(NamedTuple):
    """A network of a report, and where it comes from, so that it can be made again."""

    probe: Probe
    origin: Record


def reference_gradient(params: Mapping[str, Array], X: Array, Y: Array) -> dict[str, Array]:
    """The gradient of refnn itself."""
    AL, caches = forward_prop(X, dict(params))
    return backprop(AL, Y, caches)


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
    return report_on_subjects(REFERENCE, reference_gradient, subjects, training, costs)


def report_on(
    gradient: GradientFunction,
    name: str,
    *,
    layer_dims: Sequence[int] | None = None,
    examples: int | None = None,
    seed: int = 0,
) -> tuple[Record, GradientCheck]:
    """The report on anyone's gradient, and the check itself, as by `check_backprop`; `name` says whose it is."""
    probes = default_probes(layer_dims, examples=examples, seed=seed)
    origin = {
        "kind": "probe",
        "layer_dims": None if layer_dims is None else list(layer_dims),
        "examples": examples,
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
    size = sum(V.size for _, params, X, Y in (s.probe for s in subjects) for V in (*params.values(), X, Y))
    if size > LARGEST:
        raise ValueError(f"a report on {size:,} numbers, expected at most {LARGEST:,}: check smaller networks")
    recorder = Recorder(gradient)
    check = check_backprop(recorder, probes=[subject.probe for subject in subjects])
    certifying = find_spec("flint") is not None
    answers = [recorder.answer(subject.probe) for subject in subjects]
    content = {
        "subject": plain(name),
        "verdict": str(check.verdict),
        "causes": [list(cause.faults) for cause in check.diagnosis.causes] if check.diagnosis else [],
        "witnesses": sorted({testimony.witness for each in check.probes for testimony in each.witnesses}),
        "tolerance": check.tolerance,
        "networks": [_found(*each) for each in zip(subjects, answers, check.probes, strict=True)],
        "training": training,
        "faults": faults([subject.probe for subject in subjects]),
    }
    measured = {
        "networks": [
            _measured(*each, certified=certifying and i % CERTIFIED == 0)
            for i, each in enumerate(zip(subjects, answers, bar(check.probes, "certificates"), strict=True))
        ],
        "costs": list(costs),
        "findings": findings(check),
    }
    cited = citation(plain(name), record.sha256(content))
    return record.sealed(content, measured, environment(), cited), check


def findings(check: GradientCheck) -> list[str]:
    """How a wrong gradient differs from the right one, in words."""
    return [plain(str(finding)) for finding in check.diagnosis.findings] if check.diagnosis else []


class Recorder:
    """A gradient that keeps a copy of its latest answer at each point."""

    def __init__(self, gradient: GradientFunction) -> None:
        self.gradient = gradient
        self.answers: dict[bytes, dict[str, Array] | None] = {}

    def __call__(self, params: dict[str, Array], X: Array, Y: Array) -> Mapping[str, Any]:
        probe = Probe("", {key: V.copy() for key, V in params.items()}, X.copy(), Y.copy())
        grads = self.gradient(params, X, Y)
        if isinstance(grads, Mapping):
            grads = {key: dV for key, dV in grads.items() if not (str(key).startswith("dA") and _size(dV) > LARGE)}
        try:
            self.answers[point(*probe[1:])] = gradient_of(grads, probe)
        except UnfitGradientError:
            self.answers[point(*probe[1:])] = None
        return grads

    def answer(self, probe: Probe) -> dict[str, Array] | None:
        """The gradient at the probe, keyed "dW1" …; None where there is none to speak of."""
        return self.answers.get(point(*probe[1:]))


def _size(array: Any) -> int:
    return math.prod(np.shape(array))


def gradient_of(grads: object, probe: Probe) -> dict[str, Array]:
    """What is judged of a gradient at a probe, keyed "dW1" … and "dA0" …; an UnfitGradientError if it is none."""
    given = Problem.of(*probe[1:]).judging(grads).given
    return {f"d{key}": dV for key, dV in given.arrays.items()}


def point(params: Mapping[str, Array], X: Array, Y: Array) -> bytes:
    """The bits of a network, to know it again."""
    return b"".join(array.tobytes() for array in (*params.values(), X, Y))


def _found(subject: Subject, grads: Mapping[str, Array] | None, check: GradientCheck) -> Record:
    """What every machine agrees on."""
    probe, origin = subject
    trained = origin["kind"] == "trained"
    return {
        "name": probe.name,
        "origin": origin,
        "params": {key: encode(V) for key, V in probe.params.items()},
        "data": "training" if trained else {"X": encode(probe.X), "Y": encode(probe.Y)},
        "verdict": str(check.verdict),
        "reasons": [plain(reason) for reason in check.reasons],
        "gradient_digest": None if grads is None else record.gradient_digest(grads),
        "parameters": {
            p.name: {"verdict": str(p.verdict), "wrong": p.wrong, "undecided": p.undecided} for p in check.parameters
        },
    }


def _measured(subject: Subject, grads: Mapping[str, Array] | None, check: GradientCheck, certified: bool) -> Record:
    """What may differ in its last bits."""
    probe = subject.probe
    return {
        "gradient": None if grads is None else {key: encode(dV) for key, dV in grads.items()},
        "step": step(Problem.of(*probe[1:])).hex(),
        "worst": {p.name: None if p.worst is None else _entry(p.worst) for p in check.parameters},
        "certificate": certificate(probe, grads) if certified and grads is not None else None,
    }


def _entry(entry: Entry) -> Record:
    numbers = {"given": entry.given, "expected": entry.expected, "tolerance": entry.tolerance}
    return {"index": list(entry.index), **{name: float(x).hex() for name, x in numbers.items()}}


def certificate(probe: Probe, grads: Mapping[str, Array]) -> Record | None:
    """Rigorous bounds on the error of each entry, without the arrays that the report has already.

    None for a gradient that is not finite, for a network on which they are no matter of seconds, and where the two
    enclosures of the derivative are disjoint, as they are when backprop itself is wrong.
    """
    if work(probe) > CERTIFIED_WORK or not all(np.isfinite(dV).all() for dV in grads.values()):
        return None
    try:
        whole = certify(probe.X, probe.Y, probe.params, grads).to_json()
    except ArithmeticError:
        return None
    return {name: part for name, part in whole.items() if name not in ("format", "X", "Y", "params", "grads")}


def work(probe: Probe) -> int:
    """Multiplications, about, of a look at each weight and bias on its own."""
    return int(sum(V.size for V in probe.params.values()) ** 2 * probe.X.shape[1])


def faults(probes: Sequence[Probe]) -> list[Record]:
    """For each fault of the catalogue: on how many networks, of about PLANTED, it was tried, seen, and named."""
    chosen = probes[:: max(1, len(probes) // PLANTED)]
    counts = {name: [0, 0, 0] for name in FAULTS}
    with np.errstate(all="ignore"):
        for probe in bar(chosen, "planted faults"):
            _, params, X, Y = probe
            for name, fault in FAULTS.items():
                if fault.applies(params, X, Y):
                    check = check_network(params, X, Y, fault.gradient(params, X, Y), progress=False)
                    causes = check.diagnosis.causes if check.diagnosis else ()
                    seen = check.verdict is Verdict.WRONG
                    named = seen and any(name in cause.faults for cause in causes)
                    counts[name] = [n + k for n, k in zip(counts[name], (1, seen, named))]
    return [
        {"name": name, "equation": FAULTS[name].equation, "tried": tried, "seen": seen, "named": named}
        for name, (tried, seen, named) in counts.items()
    ]
