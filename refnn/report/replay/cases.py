"""The networks of a report as arrays, with their gradients."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from refnn._shapes import Array
from refnn.gradcheck.backprop import GradientFunction
from refnn.gradcheck.faults.probes import Probe
from refnn.gradcheck.problem import sigmoid_network
from refnn.report import build, networks
from refnn.report.arrays import decode, decode_all
from refnn.report.record import Record
from refnn.report.replay.load import ReportError


@dataclass(frozen=True)
class Case:
    """One network of a report: the path of its record, the probe, the gradient (or None), and both records."""

    path: str
    probe: Probe
    grads: dict[str, Array] | None
    found: Record
    evidence: Record


def cases(report: Record, training: networks.Data | None) -> list[Case]:
    """The networks of a report; those of a training take its examples."""
    content, measured = report["content"], report["measured"]
    if len(content["networks"]) != len(measured["networks"]):
        raise ReportError("measured.networks and content.networks differ in number")
    found_cases = []
    for i, (found, evidence) in enumerate(zip(content["networks"], measured["networks"])):
        path = f"networks[{i}]"
        if found["data"] == "training":
            if training is None:
                raise ReportError(f"content.{path}.data is that of a training, but none is recorded")
            X, Y = training.X, training.Y
        else:
            X, Y = (decode(f"content.{path}.data.{name}", found["data"][name]) for name in "XY")
        try:
            arrays = decode_all(f"content.{path}.params", found["params"])
            params, X, Y = sigmoid_network(arrays, X, Y)
            probe = Probe(found["name"], params, X, Y)
            grads = evidence["gradient"] and decode_all(f"measured.{path}.gradient", evidence["gradient"])
            grads = grads and build.gradient_of(grads, probe)
        except (TypeError, ValueError) as error:
            raise ReportError(f"{path} is no network with its gradient: {error}") from None
        found_cases.append(Case(path, probe, grads, found, evidence))
    return found_cases


def training_data(recipe: Record | None) -> networks.Data | None:
    """The examples of a training."""
    if recipe is None:
        return None
    names = networks.Data._fields
    return networks.Data(*(decode(f"content.training.{name}", recipe[name]) for name in names))


def recorded_gradient(cases: list[Case]) -> GradientFunction:
    """The recorded gradients as a function of the recorded networks."""
    answers = {build.point(*case.probe[1:]): case.grads for case in cases}

    def gradient(params: dict[str, Array], X: Array, Y: Array) -> Mapping[str, Any]:
        grads = answers[build.point(params, X, Y)]
        if grads is None:
            raise LookupError("no gradient is recorded")
        return grads

    return gradient
