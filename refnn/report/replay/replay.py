"""Recheck a report: make its networks again, judge the recorded gradients anew, hold every number against the record.

What the record says is recomputed as it was made, and judged a second time by another witness in another order
(`opinion`). Numbers that depend on nothing but a seed must be the same to the last bit. Measured ones may differ by
what rounding explains: gradients and derivatives by the bounds of `gradcheck.verdict.rounding`, all others by half of
their digits. How far they do is said in ulps.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np

from refnn import certificate
from refnn._progress import bar
from refnn._shapes import Array
from refnn.gradcheck.backprop import GradientFunction, check_backprop
from refnn.gradcheck.declaration import Declaration
from refnn.gradcheck.faults.probes import default_probes
from refnn.gradcheck.verdict.result import Entry, GradientCheck, Verdict
from refnn.gradcheck.verdict.rounding import gradient_bounds
from refnn.gradcheck.witness.cancellation_free import step
from refnn.report import declared, findings
from refnn.report.citation import Author, citation
from refnn.report.read import Case, cases, declaration
from refnn.report.record import Record, decode_all, gradient_digest, number, plain
from refnn.report.replay.ledger import HALF_THE_DIGITS, Ledger
from refnn.report.replay.opinion import Opinion, opinions, with_units_reversed
from refnn.report.replay.origins import none_left_out, origin_again, training_again, training_work

SECONDS = 200.0  # of work, about, beyond which a replay is not begun


@np.errstate(all="ignore")
def replay(report: Record, seconds: float = SECONDS) -> Ledger:
    """Recheck a report that `read.load` has read, if that takes no longer, about.

    Raises
    ------
    ReportError
        If its arrays do not fit together.
    """
    ledger = Ledger()
    content = report["content"]
    said = declaration(report)
    if content["subject"] != findings.REFERENCE:
        ledger.trusted.append(f"that this is the gradient of {content['subject']}")
    _citation(report, ledger)
    recorded = cases(report)
    different = {findings.point(*case.problem.copies()) for case in recorded}
    if len(different) < len(recorded):
        ledger.same("the number of different networks", len(recorded), len(different))
        return ledger  # and nothing is done again for each copy
    work = training_work(report, recorded) + sum(
        findings.PER_NETWORK + findings.work(case.problem) for case in recorded
    )
    needed = work / findings.PER_SECOND
    if not needed <= seconds:
        ledger.obstacles.append(f"about {needed:,.0f} s are needed, more than the {seconds:g} s that are allowed")
        return ledger
    training_again(report, recorded, ledger)
    network: dict[str, Any] = vars(said)
    try:
        checks = check_backprop(_recorded_gradient(recorded), probes=[case.probe for case in recorded], **network)
    except ArithmeticError as error:
        ledger.obstacles.append(f"the numbers are beyond what the witnesses compute with: {error}")
        return ledger
    made = cache(lambda layer_dims, m, seed: default_probes(layer_dims, m=m, seed=seed, declaration=said))
    for case, check in zip(bar(recorded, "second opinions"), checks.probes):
        origin_again(case, made, ledger)
        _verdict(case, check, content["subject"], ledger)
        _certificate(case, ledger)
    none_left_out(recorded, made, ledger)
    verdicts = [Verdict(case.found["verdict"]) for case in recorded]
    seeing = [verdict for verdict in verdicts if verdict is not Verdict.BLIND] or verdicts
    worst = min(seeing, key=lambda verdict: verdict.rank)
    ledger.same("content.verdict", content["verdict"], str(worst))
    if not ledger.obstacles:  # a cause has to explain what could not be replayed, too
        ledger.same("content.causes", content["causes"], findings.causes(checks))
        ledger.same("measured.findings", report["measured"]["findings"], findings.differences(checks))
    ledger.same("content.witnesses", content["witnesses"], findings.witnesses(checks))
    ledger.same("content.tolerance", content["tolerance"], checks.tolerance)
    _faults(content["faults"], recorded, said, ledger)
    return ledger


def _recorded_gradient(cases: list[Case]) -> GradientFunction:
    """The recorded gradients as a function of the recorded networks."""
    answers = {findings.point(*case.problem.copies()): case.grads for case in cases}

    def gradient(params: dict[str, Array], X: Array, Y: Array) -> Mapping[str, Any]:
        grads = answers.get(findings.point(params, X, Y), {})  # between two questions the check asks one of its own
        if grads is None:
            raise LookupError("no gradient is recorded")
        return grads

    return gradient


def _verdict(case: Case, check: GradientCheck, subject: str, ledger: Ledger) -> None:
    path, found = f"content.{case.path}", case.found
    unheard = [reason for reason in found["reasons"] if reason not in map(plain, check.reasons)]
    if unheard or case.grads is None:
        said = "; ".join(unheard) or "no gradient"
        ledger.obstacles.append(f"{path}: what the function did when it was called is not in its gradient: {said}")
        return
    ledger.same(f"{path}.verdict", found["verdict"], str(check.verdict))
    ledger.same(f"{path}.reasons", found["reasons"], list(map(plain, check.reasons)))
    ledger.same(f"{path}.parameters", found["parameters"], findings.verdicts(check))
    ledger.same(f"{path}.gradient_digest", found["gradient_digest"], gradient_digest(case.grads))
    _second_opinion(case, check, ledger)
    if subject == findings.REFERENCE:
        _reference(case, ledger)


def _second_opinion(case: Case, check: GradientCheck, ledger: Ledger) -> None:
    """The verdict of another witness in another order, and the recorded evidence held against it."""
    second = opinions(case.probe, case.problem)
    given = case.problem.given
    shown = given.named(given.arrays)
    path, evidence = f"measured.{case.path}", case.evidence
    recorded_step, now = number(f"{path}.step", evidence["step"]), step(case.problem)
    ledger.close("steps", f"{path}.step", recorded_step, now)
    ledger.same(f"{path}.worst", sorted(evidence["worst"]), sorted(p.name for p in check.parameters))
    for parameter in check.parameters:
        name = parameter.name
        verdict = case.found["parameters"].get(name, {}).get("verdict")
        ledger.same(f"content.{case.path}.parameters.{name}.verdict", verdict, str(second[name].check.verdict))
        worst = evidence["worst"].get(name)
        if worst is None or parameter.worst is None:
            ledger.same(f"{path}.worst.{name}", worst, parameter.worst)
        else:
            _worst_entry(f"{path}.worst.{name}", worst, parameter.worst, shown[name], second[name], ledger)


def _worst_entry(path: str, worst: Record, now: Entry, dV: Array, second: Opinion, ledger: Ledger) -> None:
    """The numbers of an entry, and that no other is farther from its tolerance by more than rounding explains."""
    at = tuple(worst["index"])
    if len(at) != dV.ndim or not all(i < n for i, n in zip(at, dV.shape)):
        ledger.differences.append(f"{path}.index is {list(at)}, in an array of shape {dV.shape}")
        return
    given, expected, tolerance = (number(f"{path}.{name}", worst[name]) for name in ("given", "expected", "tolerance"))
    ledger.close("worst entries", f"{path}.given", given, np.float64(dV[at]))
    ledger.close("derivatives", f"{path}.expected", expected, second.value[at], 2 * second.error[at])
    ledger.rounds |= (at, worst["expected"]) != (now.index, float(now.expected).hex())
    bound = second.tolerance[at]
    ledger.close("tolerances", f"{path}.tolerance", tolerance, bound, second.slack * bound)
    if at != now.index:
        explained = 2 * second.error[now.index] / now.tolerance
        if _excess(now.given, now.expected, now.tolerance) - explained > _excess(given, expected, tolerance):
            ledger.differences.append(f"{path}.index is {list(at)}, the replay finds {list(now.index)} worse by far")
        ledger.near.append(path)


def _excess(given: float, expected: float, tolerance: float) -> float:
    """The error in units of the tolerance; that of a NaN is infinite."""
    found = np.abs(np.float64(given) - expected) / tolerance if given != expected else 0.0
    return float(np.nan_to_num(found, nan=np.inf, posinf=np.inf))


def _reference(case: Case, ledger: Ledger) -> None:
    """The gradient of refnn as it is here, beside the recorded one; it is that of the article's network."""
    ledger.same("content.declaration", declared.recorded(case.problem.declaration), {})
    bounds = gradient_bounds(case.problem, np.dtype(np.float64), plain=False)
    again = findings.reference_gradient(*case.probe[1:])
    for key, dV in case.problem.given.arrays.items():
        ledger.close("gradients", f"measured.{case.path}.gradient.d{key}", dV, again[f"d{key}"], 2 * bounds[key])


def _certificate(case: Case, ledger: Ledger) -> None:
    """The claimed bounds: true, by enclosures of twice the precision, and no larger than those that are found now."""
    claimed, path = case.evidence["certificate"], f"measured.{case.path}.certificate"
    if claimed is None or case.grads is None:
        return
    if none := findings.uncertified(case.problem.declaration):
        ledger.differences.append(f"{path}: {none}")
        return
    if findings.work(case.problem) > findings.CERTIFIED_WORK:
        ledger.differences.append(f"{path}: a network of this size carries none")
        return
    try:
        again = findings.certify(case.problem)
        certificate.Certificate.from_json({**again.to_json(), **claimed}).recheck()
    except ImportError as error:
        ledger.obstacles.append(f"{path}: {error}")
        return
    except (ArithmeticError, ValueError) as error:
        ledger.differences.append(f"{path}: {error}")
        return
    for kind in certificate.FOUND:
        now, recorded = getattr(again, kind), decode_all(f"{path}.{kind}", claimed[kind])
        for key, bound in now.items():
            ledger.close("certified bounds", f"{path}.{kind}.{key}", recorded[key], bound, HALF_THE_DIGITS * abs(bound))


def _citation(report: Record, ledger: Ledger) -> None:
    """The citation, made again; anyone may say to be the author of what is not the reference."""
    recorded, subject = report["citation"], report["content"]["subject"]
    author = Author(recorded["author"], recorded["url"])
    try:
        author.refuse_unfit()
    except ValueError as error:
        ledger.differences.append(f"citation: {error}")
    for kind, text in citation(subject, report["identity"], report["environment"], author).items():
        ledger.same(f"citation.{kind}", recorded[kind], text)
    if author.name:
        ledger.trusted.append(f"that {author.name} is the author")
    if author.url:
        ledger.trusted.append(f"that it stands at {author.url}")


def _faults(recorded: list[Record], cases: list[Case], said: Declaration, ledger: Ledger) -> None:
    """The catalogue of faults, each of them once, tried again on the networks with their units in reverse."""
    now = {fault["name"]: fault for fault in findings.faults([with_units_reversed(case.probe) for case in cases], said)}
    names = [fault["name"] for fault in recorded]
    if set(names) <= set(now):
        ledger.same("content.faults", names, list(now))
    for i, fault in enumerate(recorded):
        if fault["name"] not in now:
            ledger.obstacles.append(f"content.faults[{i}]: {fault['name']!r} is not in the catalogue of this refnn")
            continue
        for key, value in fault.items():
            ledger.same(f"content.faults[{i}].{key}", value, now[fault["name"]][key])
