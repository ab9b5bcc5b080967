"""A report as data: its canonical text, its identity, its hashes, its arrays."""

import hashlib
import json

import jsonschema
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reports import changed, in_float32, leaves, missing_mean_in_layer_1, raises, report_on, right, with_nan, written

from refnn.gradcheck.declaration import CHOICES
from refnn.report import networks, provenance, record
from refnn.report.read import ReportError, load, validate
from refnn.report.resources import SCHEMA


def test_the_identity_is_the_sha256_of_the_canonical_content(report):
    text = json.dumps(report["content"], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert report["identity"] == hashlib.sha256(text.encode("utf-8")).hexdigest()


def test_the_commit_is_named_and_marked_where_files_differ(tmp_path, monkeypatch):
    said = {"rev-parse HEAD": "4b825dc6", "status --porcelain -- refnn": ""}
    monkeypatch.setattr(provenance, "ROOT", tmp_path)
    monkeypatch.setattr(provenance, "_git", lambda *words: said[" ".join(words)])
    commit = provenance._commit.__wrapped__
    assert commit() == ""  # git may know of a checkout further up, which is not that of refnn
    (tmp_path / ".git").mkdir()
    assert commit() == "4b825dc6"
    said["status --porcelain -- refnn"] = " M refnn/network.py"
    assert commit() == "4b825dc6 and local changes"


def test_a_report_holds_no_floating_point_literal(report):
    assert {type(value) for _, value in leaves(report)} <= {str, int, type(None)}


def test_the_schema_is_a_json_schema_and_allows_nothing_unnamed():
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)

    def objects(value):
        if isinstance(value, dict):
            if value.get("type") == "object":
                yield value
            for inner in value.values():
                yield from objects(inner)
        elif isinstance(value, list):
            for inner in value:
                yield from objects(inner)

    assert all("additionalProperties" in found for found in objects(schema))


def test_no_pattern_lets_a_text_go_on_in_another_line(report):
    """Python's $ stands before a last newline, too."""
    schema = SCHEMA.read_text(encoding="utf-8")
    assert schema.count('"pattern": ') == schema.count('$(?!\\\\n)"')
    for path in (("environment", "date"), ("content", "subject"), ("identity",), ("seal",)):
        with pytest.raises(ReportError, match=r"\\n' does not match"):
            validate(changed(report, path, lambda text: f"{text}\n"))


@pytest.mark.parametrize("name", CHOICES)
def test_the_schema_knows_each_word_of_a_declaration_but_the_default(name):
    known = json.loads(SCHEMA.read_text(encoding="utf-8"))["$defs"]["declaration"]["properties"][name]
    assert known in ({"enum": [*CHOICES[name][1:]]}, {"const": CHOICES[name][1]})


@pytest.mark.parametrize("gradient", [right, missing_mean_in_layer_1, in_float32, with_nan, raises])
def test_every_report_is_as_the_schema_says_and_can_be_read_back(gradient, tmp_path):
    report = report_on(gradient)
    assert load(written(report, tmp_path / "report.json")) == report


def test_a_report_on_longdouble_is_refused_for_it_would_lose_bits():
    with pytest.raises(TypeError, match=r"not (longdouble|float128)"):
        report_on(lambda *a: {key: dV.astype(np.longdouble) for key, dV in right(*a).items()})


@given(seed=st.integers(0, 2**32), dtype=st.sampled_from([np.float32, np.float64]))
def test_the_identity_forgives_last_bits_and_nothing_more(seed, dtype):
    rng = np.random.default_rng(seed)
    grads = {"dW1": rng.standard_normal((4, 3)).astype(dtype), "db1": np.zeros((4, 1), dtype)}
    unit = np.sqrt(np.finfo(dtype).eps) * np.exp2(np.frexp(np.abs(grads["dW1"]).max())[1])
    grads["dW1"] = (np.round(grads["dW1"] / unit) * unit).astype(dtype)  # far from where rounding turns
    digest = record.gradient_digest(grads)
    nudged = {key: np.nextafter(dV, dtype(9)) for key, dV in grads.items()}
    assert record.gradient_digest({**grads, "dW1": nudged["dW1"]}) == digest
    changed = grads["dW1"].copy()
    changed[rng.integers(4), rng.integers(3)] += dtype(2 * unit)
    assert record.gradient_digest({**grads, "dW1": changed}) != digest


@given(st.integers(1, 5), st.integers(-40, 40), st.integers(0, 2**32))
def test_arrays_are_read_back_to_the_last_bit(n, exponent, seed):
    array = np.random.default_rng(seed).standard_normal((n, 3)) * 2.0**exponent
    assert np.array_equal(record.decode("a", record.encode(array)), array)
    gridded = networks.on_grid(array, record.GRID)
    assert np.array_equal(record.decode("a", record.encode_on_grid(gridded)), gridded)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"shape": [2], "unit": "0x1p-10", "integers": [1]}, r"a needs 2 numbers for shape \[2\], has 1"),
        ({"shape": [1], "unit": "0x1p-10", "integers": [1]}, r"a.unit is '0x1p-10', expected '0x1.0000000000000p-10'"),
        (
            {"shape": [1], "unit": "0x1.0000000000000p-11", "integers": [2]},
            "a.unit is '0x1.0000000000000p-11', expected",
        ),
        ({"shape": [1], "unit": "one", "integers": [1]}, "a.unit is 'one', expected '0x1.0"),
        ({"shape": [-1], "dtype": "float64", "hex": []}, r"a has shape \[-1\], expected a list of sizes"),
        ({"shape": [1], "dtype": "int64", "hex": ["0x1p+0"]}, "a has dtype 'int64', expected one of float"),
    ],
)
def test_what_is_no_array_is_refused_by_its_path(value, said):
    with pytest.raises(ValueError, match=said):
        record.decode("a", value)


@given(data=st.data())
def test_no_number_or_word_of_a_report_can_be_changed(report, data):
    path, value = data.draw(st.sampled_from(list(leaves(report))))
    other = value + 1 if isinstance(value, int) else f"{value}0" if isinstance(value, str) else 0
    tampered = changed(report, path, other)
    try:
        validate(tampered)
    except ReportError:
        return
    assert record.changed(tampered), path
