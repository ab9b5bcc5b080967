"""A report is refused when it was changed, differs when it was forged, and is confirmed when it is true."""

import json
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reports import (
    changed,
    changes_its_input,
    forged,
    in_float32,
    missing_mean_in_layer_1,
    raises,
    report_on,
    right,
    with_nan,
    written,
)

from refnn import _enclosure
from refnn.__main__ import main
from refnn.report import build, load, networks, replay
from refnn.report.ledger import Outcome
from refnn.report.load import ReportError


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


# ---------------------------------------------------------------------- cannot replay


@pytest.mark.parametrize("gradient", [raises, changes_its_input])
def test_what_a_function_did_when_it_was_called_cannot_be_replayed(gradient, tmp_path, capsys):
    path = written(report_on(gradient, 10), tmp_path / "report.json")
    assert main(["verify", str(path)]) == 3
    said = capsys.readouterr().out
    assert "CANNOT REPLAY" in said
    assert "\x1b" not in said


def test_a_fault_of_another_version_cannot_be_replayed(report):
    ledger = replay.replay(forged(changed(report, ("content", "faults", 0, "name"), "bug-of-tomorrow")))
    assert ledger.outcome is Outcome.CANNOT_REPLAY
    assert "bug-of-tomorrow" in str(ledger)


def test_a_certificate_without_flint_cannot_be_replayed(report, monkeypatch):
    monkeypatch.setitem(sys.modules, "flint", None)
    ledger = replay.replay(report)
    assert ledger.outcome is Outcome.CANNOT_REPLAY
    assert 'pip install "refnn[certify]"' in str(ledger)


def test_more_work_than_minutes_is_not_begun(report, monkeypatch):
    monkeypatch.setattr(replay, "MOST_WORK", 10)
    assert replay.replay(report).outcome is Outcome.CANNOT_REPLAY


# ---------------------------------------------------------------------- hostile


def hostile(report):
    """Files that are no report, each with a word of the refusal."""
    text = json.dumps(report)
    yield "empty", b"", "not JSON"
    yield "truncated", text[: len(text) // 2].encode(), "not JSON"
    yield "not UTF-8", b"\xff\xfe" + text.encode(), "UTF-8"
    yield "nested deeply", b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "nested"
    yield "lists nested deeply", b"[" * 100_000, "nested"
    yield "NaN", text.replace('"blas_threads": ', '"blas_threads": NaN, "x": ', 1).encode(), "NaN"
    yield "infinity", b'{"format": -Infinity}', "Infinity"
    yield "a float", b'{"format": 1.0}', "hexadecimal"
    yield "a long integer", b'{"format": ' + b"9" * 5000 + b"}", "5000 digits"
    yield "a key twice", b'{"format": "refnn-report/1", "format": "refnn-report/1"}', "twice"
    yield "no object", b"[1, 2]", "no format"
    yield "another version", text.replace("refnn-report/1", "refnn-report/2").encode(), "refnn-report/2"
    yield "another kind", b'{"format": "refnn-certificate/1"}', "refnn-certificate/1"
    for key in report:
        if key != "format":
            yield (
                f"no {key}",
                json.dumps({k: v for k, v in report.items() if k != key}).encode(),
                f"'{key}' is a required",
            )
    yield (
        "a path",
        json.dumps(changed(report, ("content", "networks", 0, "data"), "/etc/passwd")).encode(),
        "networks[0].data",
    )
    yield "a command", json.dumps({**report, "execute": "os.system"}).encode(), "'execute' was unexpected"
    origin = ("content", "networks", 0, "origin")
    yield "an unknown origin", json.dumps(changed(report, origin, {"kind": "url", "seed": 1})).encode(), "origin"
    seed = ("content", "networks", 0, "origin", "seed")
    yield "a negative seed", json.dumps(changed(report, seed, -1)).encode(), "seed"
    yield (
        "control characters",
        json.dumps(changed(report, ("content", "subject"), "\x1b[2J")).encode(),
        "content.subject",
    )
    shape = ("content", "networks", 0, "params", "W1", "shape")
    yield (
        "a huge shape",
        json.dumps(forged(changed(report, shape, [10**6, 10**6]))).encode(),
        "needs 1000000000000 numbers",
    )
    yield "a shape beyond huge", json.dumps(changed(report, shape, [10**15, 1])).encode(), "greater than the maximum"
    w = ("content", "networks", 0, "params", "W1", "hex", 0)
    yield "an infinite weight", json.dumps(forged(changed(report, w, "inf"))).encode(), "finite"
    yield "a word for a weight", json.dumps(changed(report, w, "__import__('os')")).encode(), "hex[0]"
    yield (
        "one network less",
        json.dumps(forged(changed(report, ("measured", "networks"), lambda n: n[:1]))).encode(),
        "number",
    )
    training = ("content", "networks", 0, "data")
    yield "data of no training", json.dumps(forged(changed(report, training, "training"))).encode(), "training"
    gradient = ("measured", "networks", 1, "gradient")
    yield (
        "a gradient of no parameter",
        json.dumps(forged(changed(report, gradient, lambda g: {**g, "dW9": g["dW1"]}))).encode(),
        "dW9",
    )


def test_a_hostile_file_is_refused_with_a_reason(report, tmp_path, capsys):
    path = tmp_path / "report.json"
    for what, data, reason in hostile(report):
        path.write_bytes(data)
        assert main(["verify", str(path)]) == 2, what
        said = capsys.readouterr().err
        assert reason in said, (what, said)
        assert len(said) < 3000, what


def test_a_file_that_is_too_large_is_not_read_to_its_end(tmp_path, monkeypatch):
    monkeypatch.setattr(load, "LARGEST", 1000)
    path = tmp_path / "report.json"
    path.write_bytes(b"[" + b"0," * 1000 + b"0]")
    with pytest.raises(ReportError, match="larger than 1,000 bytes"):
        load.load(path)


def test_sizes_that_an_origin_invents_are_never_allocated():
    report, _ = build.report_on(right, "tests:right", layer_dims=[2, 1], examples=2)
    for key, value in (("layer_dims", [10**7, 10**7]), ("examples", 10**7), ("index", 99)):
        ledger = replay.replay(forged(changed(report, ("content", "networks", 0, "origin", key), value)))
        assert ledger.outcome is Outcome.DIFFERS
        assert "content.networks[0].origin" in str(ledger)


def test_a_training_that_invents_sizes_is_never_begun(monkeypatch):
    monkeypatch.setattr(networks, "SEEDS", range(10, 11))
    monkeypatch.setattr(build, "FAULTS", {})
    monkeypatch.setattr(networks, "RECIPE", networks.Recipe((30, 2, 1), 0.5, (0, 3)))
    report, _ = build.report_on_reference()
    for dims in ([30, 10**7, 1], [30, 10**7, 10**7, 1], [30, 3, 1]):
        ledger = replay.replay(forged(changed(report, ("content", "training", "layer_dims"), dims)))
        assert ledger.outcome is Outcome.DIFFERS
        assert "content.training" in str(ledger)


@pytest.mark.parametrize("weight", [1e308, -1e-308, 1e17, 5e-324])
def test_extreme_numbers_are_judged_and_not_stumbled_over(report, weight):
    tampered = forged(changed(report, ("content", "networks", 1, "params", "W1", "hex", 0), float(weight).hex()))
    assert replay.replay(tampered).outcome is not Outcome.CONFIRMED


def test_a_file_that_is_not_there_is_an_error_and_no_traceback(tmp_path, capsys):
    assert main(["verify", str(tmp_path / "nothing.json")]) == 2
    assert "nothing.json" in capsys.readouterr().err
