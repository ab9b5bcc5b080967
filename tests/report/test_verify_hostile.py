"""What cannot be replayed is said to be so, and a hostile file is refused."""

import json
import sys

import pytest
from reports import (
    changed,
    changes_its_input,
    forged,
    raises,
    report_on,
    right,
    written,
)

from refnn.__main__ import main
from refnn.report import build, networks
from refnn.report.replay import load, replay
from refnn.report.replay.ledger import Outcome
from refnn.report.replay.load import ReportError


@pytest.fixture(scope="module")
def report():
    return report_on(right)


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
