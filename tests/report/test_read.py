"""Reading a report that anyone may have written: what was changed, and what is no report, is refused."""

import json

import pytest
from reports import TAMPERED, changed, forged, written

from refnn.__main__ import main
from refnn.report import read
from refnn.report.read import ReportError, load

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
    monkeypatch.setattr(read, "LARGEST", 1000)
    path = tmp_path / "report.json"
    path.write_bytes(b"[" + b"0," * 1000 + b"0]")
    with pytest.raises(ReportError, match="larger than 1,000 bytes"):
        load(path)


def test_a_file_that_is_not_there_is_an_error_and_no_traceback(tmp_path, capsys):
    assert main(["verify", str(tmp_path / "nothing.json")]) == 2
    assert "nothing.json" in capsys.readouterr().err
