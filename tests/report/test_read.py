"""Reading a report that anyone may have written: what was changed, and what is no report, is refused."""

import json

import pytest
from reports import TAMPERED, changed, forged, written

from refnn.__main__ import main
from refnn.report import read
from refnn.report.read import LISTED, ReportError, load, validate
from refnn.report.record import sha256

# ---------------------------------------------------------------------- changed


@pytest.mark.parametrize("what", TAMPERED)
def test_a_changed_report_is_refused_and_says_where(what, report, tmp_path, capsys):
    path, value = TAMPERED[what]
    assert main(["verify", str(written(changed(report, path, value), tmp_path / "report.json"))]) == 2
    said = capsys.readouterr().err
    part = f"{path[0]}.{path[1]}" + (f"[{path[2]}]" if path[1] == "networks" else "")
    assert f"{part} was changed" in said


@pytest.mark.parametrize("path", [("environment", "date"), ("citation", "text"), ("identity",), ("seal",)])
def test_what_stands_beside_the_content_is_sealed_too(path, report, tmp_path):
    def other(text):
        return text[:-2] + ("0" if text[-2] != "0" else "1") + text[-1]

    with pytest.raises(ReportError, match="not what was written"):
        load(written(changed(report, path, other), tmp_path / "report.json"))


@pytest.mark.parametrize("digests", [{}, {"content.verdict": "0" * 64}, lambda found: {**found, "citation": "0" * 64}])
def test_digests_that_are_not_those_of_the_parts_are_refused(digests, report, tmp_path):
    false = changed(report, ("digests",), digests)
    false["seal"] = sha256({key: part for key, part in false.items() if key != "seal"})
    with pytest.raises(ReportError, match="digests"):
        load(written(false, tmp_path / "report.json"))


# ---------------------------------------------------------------------- hostile


def hostile(report):
    """Files that are no report, as bytes or as JSON values, each with a word of the refusal."""
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
    yield "a key twice", b'{"format": "refnn-report/2", "format": "refnn-report/2"}', "twice"
    yield "no object", [1, 2], "no format"
    yield "another version", {**report, "format": "refnn-report/1"}, "refnn-report/1"
    yield "another kind", {"format": "refnn-certificate/1"}, "refnn-certificate/1"
    for key in report.keys() - {"format"}:
        yield f"no {key}", {k: v for k, v in report.items() if k != key}, f"'{key}' is a required"
    yield "a command", {**report, "execute": "os.system"}, "'execute' was unexpected"
    yield "half a character", text.replace("Recheck with", "\\ud800").encode(), "a surrogate alone"
    yield "control characters", changed(report, ("content", "subject"), "\x1b[2J"), "content.subject"
    for unseen in ("their\u200b:gradient", "\u202egradient:tests", " tests:gradient"):
        yield f"{unseen!r}", changed(report, ("content", "subject"), unseen), "content.subject: a text with"
    network, weights = ("content", "networks", 0), ("content", "networks", 0, "params", "W1")
    yield "a path", changed(report, (*network, "data"), "/etc/passwd"), "networks[0].data"
    yield "an unknown origin", changed(report, (*network, "origin"), {"kind": "url", "seed": 1}), "origin"
    yield "a negative seed", changed(report, (*network, "origin", "seed"), -1), "seed"
    yield "a shape beyond huge", changed(report, (*weights, "shape"), [10**15, 1]), "greater than the maximum"
    yield "a word for a weight", changed(report, (*weights, "hex", 0), "__import__('os')"), "hex[0]"
    gradient = ("measured", "networks", 1, "gradient")
    for what, path, value, reason in (
        ("a huge shape", (*weights, "shape"), [10**6, 10**6], "needs 1000000000000 numbers"),
        ("an infinite weight", (*weights, "hex", 0), "inf", "finite"),
        ("a weight with a digit less", (*weights, "hex", 0), "0x1.8p+0", "not spelt as a report spells"),
        (
            "a step with a digit less",
            ("measured", "networks", 0, "step"),
            "0x1.8p-20",
            "expected '0x1.8000000000000p-20'",
        ),
        ("one network less", ("measured", "networks"), lambda n: n[:1], "number"),
        ("data of no training", (*network, "data"), "training", "training"),
        ("a gradient of no parameter", gradient, lambda g: {**g, "dW9": g["dW1"]}, "dW9"),
    ):
        yield what, forged(changed(report, path, value)), reason


def test_of_many_faults_of_a_file_some_are_listed(report):
    """Each of its parts is a number, which none may be."""
    with pytest.raises(ReportError) as refused:
        validate({**dict.fromkeys(report, 0), "format": report["format"]})
    assert len(report) > LISTED + 1
    assert len(str(refused.value).splitlines()) == 1 + LISTED


def test_a_hostile_file_is_refused_with_a_reason(report, tmp_path, capsys):
    path = tmp_path / "report.json"
    for what, data, reason in hostile(report):
        path.write_bytes(data if isinstance(data, bytes) else json.dumps(data).encode())
        assert main(["verify", str(path)]) == 2, what
        said = capsys.readouterr().err
        assert reason in said, (what, said)
        assert len(said) < 3000, what


def test_a_file_that_is_too_large_is_not_read_to_its_end(tmp_path, monkeypatch):
    monkeypatch.setattr(read, "LARGEST", 1000)
    path = tmp_path / "report.json"
    path.write_bytes(b"[" + b"0," * 1000 + b"0]")
    with pytest.raises(ReportError, match="larger than 1,000 bytes"):
        load(path)


def test_a_file_that_is_not_there_is_an_error_and_no_traceback(tmp_path, capsys):
    assert main(["verify", str(tmp_path / "nothing.json")]) == 2
    assert "nothing.json" in capsys.readouterr().err


def test_examples_of_another_shape_are_refused_with_their_place(report, tmp_path):
    def longer(shape):
        return [shape[0] + 1, *shape[1:]]

    path = ("content", "networks", 0, "data", "X", "shape")
    found = load(written(forged(changed(report, path, longer)), tmp_path / "report.json"))
    with pytest.raises(ReportError, match=r"content\.networks\[0\]\.data\.X needs \d+ numbers for shape"):
        read.cases(found)
