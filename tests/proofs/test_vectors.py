"""refnn passes the test vectors within their ulps, wrong implementations do not, and the checker sees a flipped bit."""

import json
import struct
import subprocess
import sys
from pathlib import Path

import cases
import check
import generate
import jsonschema
import numpy as np
import pytest
from vectors import load_vectors

from refnn import backprop, cost_function, forward_prop, logistic_cost, sigmoid

HERE = Path(check.__file__).parent
FILES = ["float64.json", "float32.json", "invalid.json"]
VECTORS = {name: load_vectors(HERE / name) for name in FILES}
EVERY = [vector for vectors in VECTORS.values() for vector in vectors]
VALID = [vector for vector in EVERY if vector.valid]


def reference(vector):
    """All that refnn returns, with dZ from its own dA (D8)."""
    AL, caches = forward_prop(vector.X, vector.params)
    results = backprop(AL, vector.Y, caches) | {"cost": logistic_cost(caches[-1][1], vector.Y)}
    A = [cache[0][0] for cache in caches] + [AL]
    for l, (_, Z) in enumerate(caches, start=1):
        results |= {f"Z{l}": Z, f"A{l}": A[l]}
        if l < len(caches):
            results[f"dZ{l}"] = results[f"dA{l}"] * A[l] * sigmoid(-Z)[0]
    return results


def plain(vector):
    """Backprop as most people write it: A_L - Y and A (1 - A)."""
    L, A, results = len(vector.params) // 2, [vector.X], {}
    with np.errstate(all="ignore"):
        for l in range(1, L + 1):
            A.append(1 / (1 + np.exp(-(vector.params[f"W{l}"] @ A[-1] + vector.params[f"b{l}"]))))
        dZ = (A[L] - vector.Y) / vector.Y.dtype.type(vector.Y.shape[1])
        for l in range(L, 0, -1):
            results |= {f"dW{l}": dZ @ A[l - 1].T, f"db{l}": dZ.sum(axis=1, keepdims=True)}
            dZ = vector.params[f"W{l}"].T @ dZ * A[l - 1] * (1 - A[l - 1])
    return results


def test_there_are_enough_of_every_kind():
    assert len(VALID) >= 150
    assert sum(vector.dtype == np.float32 for vector in VALID) >= 40
    assert len({vector.comment.split(":")[0] for vector in EVERY if not vector.valid}) == 25
    flags = {flag for vector in EVERY for flag in vector.flags}
    assert flags == set(cases.FLAGS)
    assert max(len(vector.params) // 2 for vector in VALID) == 10
    readme = (HERE / "README.md").read_text()
    assert all(f"[`{name}`]({name}) | {len(vectors)} |" in readme for name, vectors in VECTORS.items())
    deepest = [vector for vector in VALID if "saturated" in vector.flags]
    assert {700.0, -700.0} <= {float(vector.expected["Z1"][0, 0]) for vector in deepest}


@pytest.mark.parametrize("name", FILES)
def test_refnn_passes(name):
    for vector in VECTORS[name]:
        results = reference(vector)
        assert all(np.asarray(value).dtype == vector.dtype for value in results.values())
        assert vector.violations(results) == []


def test_the_articles_cost_formula_passes_where_nothing_is_saturated():
    for vector in VALID:
        if {"generic", "soft-labels"} & set(vector.flags):
            AL, _ = forward_prop(vector.X, vector.params)
            assert float(cost_function(AL, vector.Y)) == pytest.approx(float(vector.expected["cost"]), rel=1e-5)


def test_plain_formulas_fail_at_saturation_and_nowhere_else():
    failing = [vector for vector in VALID if vector.violations(plain(vector))]
    assert len(failing) >= 20
    assert all("saturated" in vector.flags for vector in failing)
    assert not any(vector.violations(plain(vector)) for vector in VECTORS["invalid.json"])


def test_the_gradient_of_a_bug_is_recognised_and_the_right_one_is_not():
    for vector in VECTORS["invalid.json"]:
        assert "the gradient is the one of a bug" in vector.violations(vector.expected)[0]
        assert vector.violations(reference(vector)) == []


@pytest.mark.parametrize("fault", ["entry", "NaN", "shape", "mean"])
def test_a_wrong_result_violates_every_valid_vector_that_can_show_it(fault):
    for vector in VALID:
        results = dict(vector.expected)
        dW = results["dW1"].astype(np.float64)
        if fault == "mean" and (dW == 0).all() | (vector.X.shape[1] == 1):
            continue
        i = np.unravel_index(vector.ulps["dW1"].argmin(), dW.shape)
        entry = dW.copy()
        with np.errstate(all="ignore"):
            entry[i] += 2 * (vector.ulps["dW1"][i] + 1) * float(np.spacing(np.abs(results["dW1"][i])))
        wrong = {"entry": entry, "NaN": dW * np.nan, "shape": dW[:, None], "mean": dW * vector.X.shape[1]}
        results["dW1"] = wrong[fault]
        assert any(": dW1" in line for line in vector.violations(results)), vector.id


@pytest.mark.parametrize("name", FILES)
def test_the_files_follow_the_schema(name):
    schema, document = (json.loads((HERE / file).read_text()) for file in ("schema.json", name))
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    validator.validate(document)
    document["cases"][0]["expected"]["dW1"]["hex"][0] = "0.5"
    assert not validator.is_valid(document)


def test_a_second_run_of_the_generator_writes_the_same_bytes():
    for name, text in generate.documents().items():
        assert text == (HERE / name).read_text()


def test_the_checker_proves_a_sample_and_sees_each_flipped_bit():
    for name in FILES:
        document = json.loads((HERE / name).read_text())
        assert [check.problems(case, document["flags"]) for case in document["cases"][::5]] == [[]] * len(
            document["cases"][::5]
        )
        if name == "invalid.json":
            continue
        for bit, case in enumerate(document["cases"][:20]):
            value = case["expected"]["dW1"]
            real, integer = check.FORMATS[case["dtype"]]
            (bits,) = struct.unpack(integer, struct.pack(real, value["decimal"][0]))
            (value["decimal"][0],) = struct.unpack(real, struct.pack(integer, bits ^ (1 << bit)))
            assert check.problems(case, document["flags"]) == ["dW1: hexadecimal and decimal numbers differ"]
            value["hex"][0] = value["decimal"][0].hex()
            assert check.problems(case, document["flags"]) == ["dW1[0] is not correctly rounded"]


def test_a_reader_in_plain_python_passes_and_refuses_a_wrong_value(tmp_path):
    command = [sys.executable, str(HERE / "readers" / "backprop.py")]
    done = subprocess.run([*command, *(str(HERE / name) for name in FILES)], capture_output=True, text=True, check=True)
    assert done.stdout == f"Python: all {len(EVERY)} vectors pass\n"
    text = (HERE / "float64.json").read_text()
    case = json.loads(text)["cases"][0]["expected"]["db1"]["hex"][0]
    (tmp_path / "wrong.json").write_text(text.replace(case, "0x1.5p-3", 1))
    assert subprocess.run([*command, str(tmp_path / "wrong.json")], capture_output=True).returncode == 1


def test_what_is_not_a_file_of_vectors_is_refused(tmp_path):
    path = tmp_path / "vectors.json"
    path.write_text("[]")
    with pytest.raises(ValueError, match="does not hold vectors: expected an object with format 'refnn-vectors/1'"):
        load_vectors(path)
    document = json.loads((HERE / "float64.json").read_text())
    case = document["cases"][0]
    for change in ({"decimal": [0.5]}, {"shape": [7, 7]}, {"hex": ["x"]}, {"hex": None}):
        broken = case | {"inputs": case["inputs"] | {"W1": case["inputs"]["W1"] | change}}
        path.write_text(json.dumps(document | {"cases": [broken]}))
        with pytest.raises(ValueError, match=r"vector 'shape-1-1-m1' is not as schema\.json says: "):
            load_vectors(path)
    with pytest.raises(ValueError, match="results has none of Z1, A1"):
        VALID[0].violations({"W1": 0})
