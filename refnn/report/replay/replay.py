"""Recheck a report: make its networks again, judge the recorded gradients anew, hold every number against the record.

What the record says is recomputed as it was made, and judged a second time by another witness in another order
(`opinion`). Numbers that depend on nothing but a seed must be the same to the last bit. Measured ones may differ by
what rounding explains: gradients and derivatives by the bounds of `gradcheck.rounding`, all others by half of their
digits. How far they do is said in ulps.
"""

from __future__ import annotations

import numpy as np

from refnn._progress import bar
from refnn.certificate import certify
from refnn.gradcheck.backprop import check_backprop
from refnn.gradcheck.problem import Problem
from refnn.gradcheck.verdict.result import GradientCheck, Verdict
from refnn.gradcheck.verdict.rounding import gradient_bounds
from refnn.gradcheck.witness.cancellation_free import step
from refnn.report import build, record
from refnn.report.arrays import decode_all, number
from refnn.report.record import Record
from refnn.report.replay.cases import Case, cases, recorded_gradient, training_data
from refnn.report.replay.ledger import HALF_THE_DIGITS, Ledger
from refnn.report.replay.opinion import opinion, reverse
from refnn.report.replay.origins import origin_again, training_again

MOST_WORK = 2e11  # multiplications: minutes


@np.errstate(all="ignore")
def replay(report: Record) -> Ledger:
    """Recheck a report that `load` has read.

    Raises
    ------
    ReportError
        If its arrays do not fit together.
    """
    ledger = Ledger()
    content = report["content"]
    if content["subject"] != build.REFERENCE:
        ledger.trusted.append(f"that this is the gradient of {content['subject']}")
    training = training_data(content["training"])
    recorded = cases(report, training)
    needed = sum(build.work(case.probe) for case in recorded)
    if needed > MOST_WORK:
        ledger.obstacles.append(f"{needed:.1e} multiplications, more than {MOST_WORK:.0e}, are needed")
        return ledger
    training_again(report, training, recorded, ledger)
    try:
        checks = check_backprop(recorded_gradient(recorded), probes=[case.probe for case in recorded])
    except ArithmeticError as error:
        ledger.obstacles.append(f"the numbers are beyond what the witnesses compute with: {error}")
        return ledger
    for case, check in zip(bar(recorded, "second opinions"), checks.probes):
        origin_again(case, ledger)
        _verdict(case, check, content["subject"], ledger)
        _certificate(case, ledger)
    worst = min((Verdict(case.found["verdict"]) for case in recorded), key=lambda verdict: verdict.rank)
    ledger.same("content.verdict", content["verdict"], str(worst))
    if not ledger.obstacles:  # a cause has to explain what could not be replayed, too
        causes = [list(cause.faults) for cause in checks.diagnosis.causes] if checks.diagnosis else []
        ledger.same("content.causes", content["causes"], causes)
        ledger.same("measured.findings", report["measured"]["findings"], build.findings(checks))
    witnesses = sorted({testimony.witness for check in checks.probes for testimony in check.witnesses})
    ledger.same("content.witnesses", content["witnesses"], witnesses)
    ledger.same("content.tolerance", content["tolerance"], checks.tolerance)
    _faults(content["faults"], recorded, ledger)
    for kind, text in report["citation"].items():
        if report["identity"] not in text:
            ledger.differences.append(f"citation.{kind} names another identity")
    return ledger


def _verdict(case: Case, check: GradientCheck, subject: str, ledger: Ledger) -> None:
    path, found = f"content.{case.path}", case.found
    unheard = [reason for reason in found["reasons"] if reason not in map(record.plain, check.reasons)]
    if unheard or case.grads is None:
        said = "; ".join(unheard) or "no gradient"
        ledger.obstacles.append(f"{path}: what the function did when it was called is not in its gradient: {said}")
        return
    ledger.same(f"{path}.verdict", found["verdict"], str(check.verdict))
    now = {p.name: {"verdict": str(p.verdict), "wrong": p.wrong, "undecided": p.undecided} for p in check.parameters}
    ledger.same(f"{path}.parameters", found["parameters"], now)
    digest = record.gradient_digest(case.grads)
    ledger.same(f"{path}.gradient_digest", found["gradient_digest"], digest)
    _second_opinion(case, check, ledger)
    if subject == build.REFERENCE:
        _reference(case, ledger)


def _second_opinion(case: Case, check: GradientCheck, ledger: Ledger) -> None:
    """The verdict of another witness in another order, and the recorded evidence held against it."""
    assert case.grads is not None
    second = opinion(case.probe, case.grads)
    path = f"measured.{case.path}"
    net = Problem.of(*case.probe[1:])
    recorded_step = number(f"{path}.step", case.evidence["step"])
    ledger.close("steps", f"{path}.step", np.asarray(recorded_step), np.asarray(step(net)))
    ledger.same(f"{path}.worst", sorted(case.evidence["worst"]), sorted(p.name for p in check.parameters))
    for parameter in check.parameters:
        key = f"d{parameter.name.removeprefix('d')}"
        verdict = case.found["parameters"].get(parameter.name, {}).get("verdict")
        again = str(second.checks[key].verdict)
        ledger.same(f"content.{case.path}.parameters.{parameter.name}.verdict", verdict, again)
        worst, now = case.evidence["worst"].get(parameter.name), parameter.worst
        if worst is None or now is None:
            ledger.same(f"{path}.worst.{parameter.name}", worst, now)
            continue
        place = f"{path}.worst.{parameter.name}"
        at = tuple(worst["index"])
        if len(at) != 2 or not all(i < n for i, n in zip(at, parameter.shape)):
            ledger.differences.append(f"{place}.index is {list(at)}, in an array of shape {parameter.shape}")
            continue
        given, expected, tolerance = (
            np.asarray(number(f"{place}.{name}", worst[name])) for name in ("given", "expected", "tolerance")
        )
        ledger.close("worst entries", f"{place}.given", given, np.asarray(case.grads[key][at], np.float64))
        ledger.close("derivatives", f"{place}.expected", expected, second.value[key][at], 2 * second.error[key][at])
        bound = second.tolerance[key][at]
        ledger.close("tolerances", f"{place}.tolerance", tolerance, bound, HALF_THE_DIGITS * bound)


def _reference(case: Case, ledger: Ledger) -> None:
    """The gradient of refnn as it is here, beside the recorded one."""
    assert case.grads is not None
    bounds = gradient_bounds(Problem.of(*case.probe[1:]), np.dtype(np.float64), plain=False)
    for key, dV in build.reference_gradient(*case.probe[1:]).items():
        if key in case.grads:
            bound = 2 * bounds[key.removeprefix("d")]
            ledger.close("gradients", f"measured.{case.path}.gradient.{key}", case.grads[key], dV, bound)


def _certificate(case: Case, ledger: Ledger) -> None:
    """The claimed bounds, computed again, and held against enclosures of twice the precision."""
    claimed, path = case.evidence["certificate"], f"measured.{case.path}.certificate"
    if claimed is None or case.grads is None:
        return
    if build.work(case.probe) > build.CERTIFIED_WORK:
        ledger.differences.append(f"{path}: a network of this size carries none")
        return
    try:
        again = certify(case.probe.X, case.probe.Y, case.probe.params, case.grads)
        again.recheck()
    except ImportError as error:
        ledger.obstacles.append(f"{path}: {error}")
        return
    except (ArithmeticError, ValueError) as error:
        ledger.differences.append(f"{path}: {error}")
        return
    ledger.same(f"{path}.bits", claimed["bits"], again.bits)
    ledger.same(f"{path}.witness", claimed["witness"], again.witness)
    for kind in ("truth", "absolute", "relative", "ulps"):
        now, recorded = getattr(again, kind), decode_all(f"{path}.{kind}", claimed[kind])
        ledger.same(f"{path}.{kind}", sorted(recorded), sorted(now))
        for key in set(recorded) & set(now):
            bound = HALF_THE_DIGITS * np.abs(now[key])
            ledger.close("certified bounds", f"{path}.{kind}.{key}", recorded[key], now[key], bound)


def _faults(recorded: list[Record], cases: list[Case], ledger: Ledger) -> None:
    """The catalogue of faults, tried again on the networks in reverse."""
    now = {fault["name"]: fault for fault in build.faults([reverse(case.probe) for case in cases])}
    for i, fault in enumerate(recorded):
        if fault["name"] not in now:
            ledger.obstacles.append(f"content.faults[{i}]: {fault['name']!r} is not in the catalogue of this refnn")
            continue
        for key, value in fault.items():
            ledger.same(f"content.faults[{i}].{key}", value, now[fault["name"]][key])
