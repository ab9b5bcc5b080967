"""A report is refused when it was changed, differs when it was forged, and is confirmed when it is true."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reports import (
    changed,
    forged,
    in_float32,
    missing_mean_in_layer_1,
    report_on,
    right,
    with_nan,
    written,
)

from refnn import _enclosure
from refnn.__main__ import main
from refnn.report import build, networks
from refnn.report.replay import load, replay
from refnn.report.replay.ledger import Outcome
from refnn.report.replay.load import ReportError


@pytest.fixture(scope="module")
def report():
    return report_on(right)


@pytest.fixture(scope="module")
def smallest():
    return report_on(right, 10)


@pytest.fixture(scope="module")
def on_the_reference():
    return report_on(build.reference_gradient, 10, 30, name=build.REFERENCE)


def twice(text):
    """A hexadecimal float, doubled."""
    return (2 * float.fromhex(text)).hex()


def slightly_more(text):
    return (float.fromhex(text) * 1.0001).hex()


def moved(text):
    return (float.fromhex(text) + 0.125).hex()


# ---------------------------------------------------------------------- confirmed


@pytest.mark.parametrize("gradient", [right, missing_mean_in_layer_1, in_float32, with_nan])
def test_a_true_report_is_confirmed_whatever_its_verdict(gradient, tmp_path, capsys):
    report = report_on(gradient)
    assert main(["verify", str(written(report, tmp_path / "report.json"))]) == 0
    said = capsys.readouterr().out
    assert report["identity"] in said
    assert "CONFIRMED" in said


def test_what_no_replay_can_show_is_said(report, on_the_reference):
    trust = "taken on trust: the environment"
    assert str(replay.replay(on_the_reference)).endswith(trust)
    assert str(replay.replay(report)).endswith(f"{trust}; that this is the gradient of tests:gradient")


def test_a_report_on_probes_is_confirmed():
    report, _ = build.report_on(right, "tests:right", layer_dims=[2, 3, 1], examples=3, seed=5)
    assert replay.replay(report).outcome is Outcome.CONFIRMED


def test_a_report_with_a_training_is_confirmed_and_trains_again(monkeypatch):
    monkeypatch.setattr(networks, "SEEDS", range(10, 11))
    monkeypatch.setattr(build, "FAULTS", {})
    monkeypatch.setattr(networks, "RECIPE", networks.Recipe((30, 2, 1), 0.5, (0, 3)))
    report, _ = build.report_on_reference()
    assert replay.replay(report).outcome is Outcome.CONFIRMED
    for path, value in (
        (("content", "networks", 2, "params", "W1", "hex", 0), lambda x: (float.fromhex(x) + 2.0**-20).hex()),
        (("content", "networks", 1, "params", "b1", "hex", 0), moved),
        (("measured", "costs", 1), slightly_more),
        (("content", "training", "correct", 0, "test"), lambda n: n + 1),
        (("content", "training", "X", "integers", 7), lambda n: n + 1),
        (("content", "training", "learning_rate"), twice),
        (("content", "training", "epochs", 1), 4),
    ):
        assert replay.replay(forged(changed(report, path, value))).outcome is Outcome.DIFFERS, path


def test_last_bits_of_another_machine_are_explained_in_ulps(on_the_reference):
    def next_float(text):
        return float(np.nextafter(float.fromhex(text), np.inf)).hex()

    path = ("measured", "networks", 1, "gradient", "dW1", "hex", 0)
    ledger = replay.replay(forged(changed(on_the_reference, path, next_float)))
    assert ledger.outcome is Outcome.CONFIRMED
    assert "gradients: up to 1 ulp from the record, at measured.networks[1].gradient.dW1[0, 0]" in str(ledger)


def test_the_replay_breaks_when_the_code_does(on_the_reference, monkeypatch):
    monkeypatch.setattr(build, "reference_gradient", missing_mean_in_layer_1)
    ledger = replay.replay(on_the_reference)
    assert ledger.outcome is Outcome.DIFFERS
    assert "measured.networks[0].gradient.dW1" in str(ledger)


def test_a_certificate_that_contradicts_the_code_differs(report, monkeypatch):
    def disjoint(*_):
        raise ArithmeticError("disjoint")

    monkeypatch.setattr(_enclosure, "confirm", disjoint)
    ledger = replay.replay(report)
    assert ledger.outcome is Outcome.DIFFERS
    assert "measured.networks[0].certificate: disjoint" in str(ledger)


# ---------------------------------------------------------------------- changed


TAMPERED = {
    "a weight": (("content", "networks", 1, "params", "W1", "hex", 0), twice),
    "an input": (("content", "networks", 0, "data", "X", "hex", 1), twice),
    "a label": (("content", "networks", 0, "data", "Y", "hex", 0), "0x1.0000000000000p-1"),
    "a seed": (("content", "networks", 0, "origin", "seed"), 11),
    "a name": (("content", "networks", 0, "name"), "a larger network"),
    "a verdict": (("content", "networks", 0, "verdict"), "WRONG"),
    "the verdict": (("content", "verdict"), "BLIND"),
    "a verdict on a parameter": (("content", "networks", 0, "parameters", "dW1", "verdict"), "WRONG"),
    "a count of wrong entries": (("content", "networks", 0, "parameters", "dW1", "wrong"), 1),
    "a digest": (("content", "networks", 0, "gradient_digest"), "0" * 64),
    "the cause": (("content", "causes"), [["missing-mean"]]),
    "the tolerance": (("content", "tolerance"), "1e-7"),
    "the witnesses": (("content", "witnesses"), ["complex step"]),
    "faults seen": (("content", "faults", 2, "seen"), lambda n: n + 1),
    "faults tried": (("content", "faults", 0, "tried"), lambda n: n + 7),
    "a fault's equation": (("content", "faults", 0, "equation"), "D8"),
    "a gradient": (("measured", "networks", 1, "gradient", "dW1", "hex", 2), slightly_more),
    "a gradient, by its sign": (
        ("measured", "networks", 0, "gradient", "db1", "hex", 0),
        lambda x: (-float.fromhex(x)).hex(),
    ),
    "a step": (("measured", "networks", 0, "step"), twice),
    "an expected derivative": (("measured", "networks", 0, "worst", "dW1", "expected"), slightly_more),
    "a tolerance": (("measured", "networks", 0, "worst", "dW1", "tolerance"), slightly_more),
    "a worst entry": (("measured", "networks", 1, "worst", "dW1", "index"), [0, 9]),
    "a certified bound": (("measured", "networks", 0, "certificate", "ulps", "dW1", "hex", 0), slightly_more),
    "a certified derivative": (("measured", "networks", 0, "certificate", "truth", "db1", "hex", 0), slightly_more),
    "the precision of a certificate": (("measured", "networks", 0, "certificate", "bits"), 256),
    "a finding": (("measured", "findings"), ["dW1: nothing to see"]),
    "costs of no training": (("measured", "costs"), ["0x1.0000000000000p-1"]),
}


@pytest.mark.parametrize("what", TAMPERED)
def test_a_changed_report_is_refused_and_says_where(what, report, tmp_path, capsys):
    path, value = TAMPERED[what]
    assert main(["verify", str(written(changed(report, path, value), tmp_path / "report.json"))]) == 2
    said = capsys.readouterr().err
    part = f"{path[0]}.{path[1]}" + (f"[{path[2]}]" if path[1] == "networks" else "")
    assert f"{part} was changed" in said


@pytest.mark.parametrize("what", TAMPERED)
def test_a_forged_report_differs_and_says_where(what, report, tmp_path, capsys):
    path, value = TAMPERED[what]
    assert main(["verify", str(written(forged(changed(report, path, value)), tmp_path / "report.json"))]) == 1
    said = capsys.readouterr().out
    assert said.splitlines()[1] == "DIFFERS"
    part = f"{path[1]}[{path[2]}]" if path[1] in ("networks", "faults") else path[1]
    assert any(line.startswith("differs: ") and part in line for line in said.splitlines())


@pytest.mark.parametrize("path", [("environment", "date"), ("citation", "text"), ("identity",), ("seal",)])
def test_what_stands_beside_the_content_is_sealed_too(path, report, tmp_path):
    def other(text):
        return text[:-2] + ("0" if text[-2] != "0" else "1") + text[-1]

    with pytest.raises(ReportError, match="not what was written"):
        load.load(written(changed(report, path, other), tmp_path / "report.json"))


def leaves(value, path=()):
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(inner, (*path, key))
    else:
        yield path, value


@given(data=st.data())
def test_no_number_or_word_of_a_report_can_be_changed(report, data):
    path, value = data.draw(st.sampled_from(list(leaves(report))))
    other = value + 1 if isinstance(value, int) else f"{value}0" if isinstance(value, str) else 0
    tampered = changed(report, path, other)
    try:
        load.validate(tampered)
    except ReportError:
        return
    assert load.record.changed(tampered), path


@given(data=st.data())
def test_no_number_or_word_of_what_was_found_can_be_forged(smallest, data):
    report = smallest
    content = {key: part for key, part in report["content"].items() if key != "subject"}
    found = [*leaves(content, ("content",)), *leaves(report["measured"], ("measured",))]
    path, value = data.draw(st.sampled_from(found))
    if isinstance(value, int):
        other = value + 1
    elif value is None:
        other = []
    else:
        other = slightly_more(value) if value.startswith(("0x", "-0x")) and float.fromhex(value) else f"{value}0"
    try:
        tampered = forged(changed(report, path, other))
        load.validate(tampered)
        assert replay.replay(tampered).outcome is not Outcome.CONFIRMED, path
    except ValueError:
        pass  # refused


def test_a_citation_of_another_report_differs(report):
    ledger = replay.replay(forged(changed(report, ("citation", "text"), "report 123")))
    assert ledger.outcome is Outcome.DIFFERS
    assert "citation.text" in str(ledger)
