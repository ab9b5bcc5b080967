"""refnn passes the test vectors within their ulps, wrong implementations do not, and the checker sees a flipped bit."""

import json
import struct
import subprocess
import sys
from collections import Counter
from pathlib import Path

import cases
import check
import jsonschema
import kinds
import numpy as np
import pytest
from vectors import load_vectors

from refnn import _declaration, backprop, cost_function, forward_prop, layers
from refnn.network import cost_from_Z

HERE = Path(check.__file__).parent
FILES = ["float64.json", "float32.json", "invalid.json", "functions.json", "networks.json"]
VECTORS = {name: load_vectors(HERE / name) for name in FILES}
EVERY = [vector for vectors in VECTORS.values() for vector in vectors]
VALID = [*VECTORS["float64.json"], *VECTORS["float32.json"]]  # of the article's network
DECLARED = VECTORS["networks.json"]
ALONE = [vector for vector in VECTORS["functions.json"] if vector.activation]
OUTPUTS = [vector for vector in VECTORS["functions.json"] if not vector.activation]


def reference(vector, hidden=None):
    """All that refnn returns, with dZ from its own dA (D8); perhaps with other hidden activations than declared."""
    output, hidden = layers.output(vector.output), hidden or vector.hidden
    with np.errstate(all="ignore"):
        if vector.activation:
            g, Z = layers.activation(vector.activation), vector.inputs["Z"]
            return {"A": g.value(Z), "derivative": g.derivative(Z)}
        if "Z" in vector.inputs:
            Z, Y = vector.inputs["Z"], vector.Y
            A = output.value(Z)
            return {"A": A, "loss": output.loss(Z, Y).sum(axis=0, keepdims=True), "dZ": output.residual(A, Z, Y)}
        AL, caches = forward_prop(vector.X, vector.params, hidden=hidden, output=vector.output)
        results = backprop(AL, vector.Y, caches, hidden=hidden, output=vector.output)
        A = [cache[0][0] for cache in caches] + [AL]
        for l, (_, Z) in enumerate(caches, start=1):
            results |= {f"Z{l}": Z, f"A{l}": A[l]}
            if l < len(caches):
                results[f"dZ{l}"] = results[f"dA{l}"] * layers.activation(hidden[l - 1]).derivative(Z)
        results[f"dZ{l}"] = (output.residual(AL, Z, vector.Y) / vector.Y.shape[1]).astype(vector.dtype)
        return results | {"cost": cost_from_Z(Z, vector.Y, vector.output)}


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
    wrong = Counter(vector.comment.split(":")[0] for vector in EVERY if not vector.valid)
    assert len(wrong) >= 47
    assert set(wrong.values()) == {3}
    flags = {flag for vector in EVERY for flag in vector.flags}
    assert flags == set(cases.FLAGS)
    dtypes = {"float64", "float32"}
    sections = {(vector.activation, vector.dtype.name, vector.flags[-1]) for vector in ALONE}
    assert sections >= {
        (word, dtype, flag) for word in kinds.ACTIVATIONS for dtype in dtypes for flag in kinds.MAGNITUDES
    }
    assert {vector.activation for vector in ALONE if "kink" in vector.flags} == {
        word for word in kinds.ACTIVATIONS if "relu" in word
    }
    calm = [vector for vector in ALONE if "overflow" not in vector.flags]
    assert max(ulps.max() for vector in calm for ulps in vector.ulps.values()) == 25  # as the README has it
    assert {vector.output[1] for vector in OUTPUTS} == set(_declaration.COSTS)
    assert {word.partition("(")[0] for vector in DECLARED for word in vector.hidden} == set(_declaration.ACTIVATIONS)
    assert {vector.output for vector in DECLARED} >= {("softmax", "cross_entropy"), ("identity", "half_squared_error")}
    assert max(len(vector.params) // 2 for vector in VALID) == 10
    readme = (HERE / "README.md").read_text()
    counts = {name: len(vectors) for name, vectors in VECTORS.items()} | {"invalid.json": "three a bug"}
    assert all(f"[`{name}`]({name}) | {count} |" in readme for name, count in counts.items())
    deepest = [vector for vector in VALID if "saturated" in vector.flags]
    assert {700.0, -700.0} <= {float(vector.expected["Z1"][0, 0]) for vector in deepest}


@pytest.mark.parametrize("name", FILES)
def test_refnn_passes(name):
    for vector in VECTORS[name]:
        results = reference(vector)
        assert all(np.asarray(value).dtype == vector.dtype for value in results.values()), vector.id
        assert vector.violations(results) == []


def test_the_articles_cost_formula_passes_where_nothing_is_saturated():
    for vector in VALID:
        if {"generic", "soft-labels"} & set(vector.flags):
            AL, _ = forward_prop(vector.X, vector.params)
            assert float(cost_function(AL, vector.Y)) == pytest.approx(float(vector.expected["cost"]), rel=1e-5)


def test_plain_formulas_fail_at_saturation_and_nowhere_else():
    failing = [vector for vector in VALID if vector.violations(plain(vector))]
    assert len(failing) >= 20
    # Saturated, they come as near to one bug that changes a digit or two.
    failing += [vector for vector in VECTORS["invalid.json"] if vector.violations(plain(vector))]
    assert all("saturated" in vector.flags for vector in failing)


def test_plain_derivatives_fail_in_saturated_networks_and_nowhere_else():
    def plain(word):
        g = layers.activation(word)
        slopes = {"tanh": lambda Z: 1 - np.tanh(Z) ** 2, "silu": lambda Z: sigmoid(Z) * (1 + Z * (1 - sigmoid(Z)))}
        return (g.value, slopes.get(word, g.derivative))

    failing = [vector for vector in DECLARED if vector.violations(reference(vector, tuple(map(plain, vector.hidden))))]
    assert len(failing) >= 3
    assert all("saturated" in vector.flags for vector in failing)


def test_the_gradient_of_a_bug_is_recognised_and_the_right_one_is_not():
    for vector in VECTORS["invalid.json"]:
        assert "the gradient is the one of a bug" in vector.violations(vector.expected)[0]
        assert vector.violations(reference(vector)) == []


def sigmoid(Z):
    return 1 / (1 + np.exp(-Z))


def share(Z):
    return np.exp(Z) / np.exp(Z).sum(axis=0)


def shifted(Z):
    return share(Z - Z.max(axis=0))


def total(loss):
    return loss.sum(axis=0, keepdims=True)


LOGISTIC, SOFTMAX = ("sigmoid", "cross_entropy"), ("softmax", "cross_entropy")
HALF, SQUARE = ("identity", "half_squared_error"), ("identity", "squared_error")
NONZERO = {"generic", "tiny", "subnormal", "saturated", "overflow"}
LARGE = {"saturated", "overflow"}
BEYOND = {"overflow", "infinite"}
UNEQUAL = {"generic", "tiny", "wide", "cancellation"}
COLUMNS = {"generic", "tiny", "wide", "zeros", "ties", "soft-labels", "saturated", "overflow"}
WRONG = [  # a wrong line: of which function, for which result, and the flags of the vectors that show it
    ("sigmoid", "A", lambda Z: np.exp(Z) / (1 + np.exp(Z)), BEYOND),
    ("sigmoid", "derivative", lambda Z: sigmoid(Z) * (1 - sigmoid(Z)), LARGE),
    ("tanh", "A", lambda Z: (np.exp(Z) - np.exp(-Z)) / (np.exp(Z) + np.exp(-Z)), {"tiny", "subnormal", *BEYOND}),
    ("tanh", "derivative", lambda Z: 1 - np.tanh(Z) ** 2, {"saturated"}),
    ("relu", "A", np.abs, {"infinite", *NONZERO}),
    ("relu", "derivative", lambda Z: np.where(Z >= 0, 1, 0), {"kink"}),
    ("leaky_relu", "A", lambda Z: np.maximum(Z, 0), {"infinite", *NONZERO}),
    ("leaky_relu", "derivative", lambda Z: np.where(Z < 0, 0.01, 1), {"kink"}),
    ("leaky_relu(0.3)", "A", lambda Z: np.maximum(Z, Z * Z.dtype.type(0.01)), NONZERO),
    ("leaky_relu(0.3)", "derivative", lambda Z: np.where(Z > 0, 1, 0), {"infinite", "kink", *NONZERO}),
    ("softplus", "A", lambda Z: np.log(1 + np.exp(Z)), LARGE),
    ("softplus", "derivative", lambda Z: np.exp(Z) / (1 + np.exp(Z)), BEYOND),
    ("silu", "A", lambda Z: Z * sigmoid(Z), {"infinite"}),
    ("silu", "A", lambda Z: Z * np.exp(Z) / (1 + np.exp(Z)), {"saturated", *BEYOND}),
    ("silu", "derivative", lambda Z: sigmoid(Z) * (1 + Z * sigmoid(-Z)), {"root", "infinite"}),
    ("silu", "derivative", lambda Z: sigmoid(Z) * (1 + Z * (1 - sigmoid(Z))), {"root", "saturated", "infinite"}),
    ("identity", "A", np.tanh, {"generic", "saturated", *BEYOND, "tiny"}),
    ("identity", "derivative", np.sign, {"signed-zero", "infinite", *NONZERO}),
    (LOGISTIC, "A", lambda Z, _: np.exp(Z) / (1 + np.exp(Z)), {"overflow"}),
    (LOGISTIC, "loss", lambda Z, Y: -total(Y * np.log(sigmoid(Z)) + (1 - Y) * np.log(1 - sigmoid(Z))), LARGE),
    (LOGISTIC, "loss", lambda Z, Y: total(np.maximum(Z, 0) - Z * Y + np.log(1 + np.exp(-np.abs(Z)))), LARGE),
    (LOGISTIC, "dZ", lambda Z, Y: sigmoid(Z) - Y, LARGE),
    (SOFTMAX, "A", lambda Z, _: share(Z), {"ties", "overflow"}),
    (SOFTMAX, "A", lambda Z, _: shifted(Z.T).T, COLUMNS),
    (SOFTMAX, "loss", lambda Z, Y: -total(Y * np.log(shifted(Z))), {"ties", *LARGE}),
    (SOFTMAX, "loss", lambda Z, Y: total(Y * (np.log(np.exp(Z).sum(axis=0)) - Z)), {"ties", *LARGE}),
    (SOFTMAX, "dZ", lambda Z, Y: shifted(Z) - Y, LARGE),
    (HALF, "loss", lambda Z, Y: total((Z - Y) ** 2), UNEQUAL),
    (HALF, "loss", lambda Z, Y: total((Z - Y) ** 2) / 2 / len(Z), UNEQUAL - {"wide"}),
    (HALF, "dZ", lambda Z, Y: 2 * (Z - Y), UNEQUAL),
    (SQUARE, "loss", lambda Z, Y: total((Z - Y) ** 2) / 2, UNEQUAL),
    (SQUARE, "dZ", lambda Z, Y: Z - Y, UNEQUAL),
]


@pytest.mark.parametrize(("function", "part", "wrong", "flags"), WRONG)
def test_a_wrong_line_fails_where_it_is_wrong(function, part, wrong, flags):
    shown = {"float64": set(), "float32": set()}
    for vector in (*ALONE, *OUTPUTS):
        if function == (vector.activation or vector.output):
            with np.errstate(all="ignore"):
                result = wrong(*vector.inputs.values()).astype(vector.dtype)
            if vector.violations({part: result}):
                shown[vector.dtype.name] |= set(vector.flags) - {"float32", "several-outputs"}
    assert all(shown.values())
    assert set.union(*shown.values()) == flags


@pytest.mark.parametrize(
    ("word", "wrong"),
    [
        ("sigmoid", sigmoid),
        ("tanh", lambda Z: 1 - Z**2),
        ("relu", np.ones_like),
        ("leaky_relu", lambda Z: (Z > 0).astype(Z.dtype)),
        ("leaky_relu(0.3)", lambda Z: (Z > 0).astype(Z.dtype)),
        ("softplus", layers.softplus),
        ("silu", sigmoid),
        ("identity", np.zeros_like),
    ],
)
def test_a_wrong_derivative_fails_in_every_network_that_has_it(word, wrong):
    having = [vector for vector in DECLARED if word in vector.hidden]
    assert {vector.dtype.name for vector in having} == {"float64", "float32"}
    for vector in having:
        pair = (layers.activation(word).value, wrong)
        results = reference(vector, hidden=tuple(pair if other == word else other for other in vector.hidden))
        assert any(": dW1" in line for line in vector.violations(results)), vector.id


@pytest.mark.parametrize(
    ("output", "wrong"),
    [
        (LOGISTIC, lambda AL, _, Y: (AL - Y) * AL * (1 - AL)),
        (SOFTMAX, lambda AL, _, Y: (AL - Y) * AL * (1 - AL)),
        (HALF, lambda AL, _, Y: 2 * (AL - Y)),
        (("tanh", "half_squared_error"), lambda AL, _, Y: AL - Y),
        (("softplus", "squared_error"), lambda AL, ZL, Y: (AL - Y) * sigmoid(ZL)),
    ],
)
def test_a_wrong_residual_fails_in_every_network_that_has_it(output, wrong, monkeypatch):
    having = [vector for vector in DECLARED if vector.output == output]
    assert {vector.dtype.name for vector in having} == {"float64", "float32"}
    right = layers.output(output)
    monkeypatch.setattr(layers, "output", lambda _: right._replace(residual=wrong))
    for vector in having:
        assert any(": dW1" in line for line in vector.violations(reference(vector))), vector.id


@pytest.mark.parametrize("fault", ["entry", "NaN", "shape", "mean"])
def test_a_wrong_result_violates_every_valid_vector_that_can_show_it(fault):
    for vector in (*VALID, *DECLARED):
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
    """A sample of each; all of it is looked at by `make vectors`."""
    schema, document = (json.loads((HERE / file).read_text()) for file in ("schema.json", name))
    document["cases"] = document["cases"][::5]
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    validator.validate(document)
    next(iter(document["cases"][0]["expected"].values()))["hex"][0] = "0.5"
    assert not validator.is_valid(document)


def test_the_schema_knows_what_each_case_is_of():
    validator = jsonschema.Draft202012Validator(json.loads((HERE / "schema.json").read_text()))
    for name, member in {"float64.json": "output", "networks.json": "activation", "functions.json": "hidden"}.items():
        document = json.loads((HERE / name).read_text())
        document["cases"][0] |= {member: ["tanh"] if member == "hidden" else "tanh"}
        assert not validator.is_valid(document)


def test_the_checker_proves_a_sample_and_sees_each_flipped_bit():
    for name in FILES:
        document = json.loads((HERE / name).read_text())
        assert [check.problems(case, document["flags"]) for case in document["cases"][::5]] == [[]] * len(
            document["cases"][::5]
        )
        if name == "invalid.json":
            continue
        for bit, case in enumerate(document["cases"][:20]):
            key = next(key for key in ("dW1", "A") if key in case["expected"])
            value = case["expected"][key]
            real, integer = check.FORMATS[case["dtype"]]
            (bits,) = struct.unpack(integer, struct.pack(real, value["decimal"][0]))
            (value["decimal"][0],) = struct.unpack(real, struct.pack(integer, bits ^ (1 << bit)))
            assert check.problems(case, document["flags"]) == [f"{key}: hexadecimal and decimal numbers differ"]
            value["hex"][0] = value["decimal"][0].hex()
            assert check.problems(case, document["flags"]) == [f"{key}[0] is not correctly rounded"]


def test_the_checker_and_the_judge_see_a_wrong_limit():
    document = json.loads((HERE / "functions.json").read_text())
    for case, vector in zip(document["cases"], VECTORS["functions.json"]):
        if case["id"] == "softplus-infinite":
            value = case["expected"]["A"]
            assert value["decimal"] == [0.0, "Infinity"]
            for wrong in (sys.float_info.max, "-Infinity"):
                value["decimal"][1], value["hex"][1] = wrong, float(wrong).hex()
                assert check.problems(case, document["flags"]) == ["A[1] is not correctly rounded"]
                assert len(vector.violations({"A": [[0.0, float(wrong)]]})) == 1
            assert vector.violations({"A": [[0.0, np.inf]]}) == []
            assert len(vector.violations({"A": [[0.0, np.nan]]})) == 1


def test_a_reader_in_plain_python_passes_and_refuses_a_wrong_value(tmp_path):
    command = [sys.executable, str(HERE / "readers" / "backprop.py")]
    done = subprocess.run([*command, *(str(HERE / name) for name in FILES)], capture_output=True, text=True, check=True)
    assert done.stdout == f"Python: all {len(EVERY)} vectors pass\n"
    for name in ("float64.json", "functions.json", "networks.json"):
        text = (HERE / name).read_text()
        numeral = next(reversed(json.loads(text)["cases"][0]["expected"].values()))["hex"][0]
        (tmp_path / "wrong.json").write_text(text.replace(numeral, "0x1.5p-3", 1))
        done = subprocess.run([*command, str(tmp_path / "wrong.json")], capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (1, "")


def without(case, name):
    return {key: value for key, value in case["expected"].items() if key != name}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda case: {"expected": without(case, "dW1")}, "dW1 is not there, expected [2, 3]"),
        (lambda _: {"expected": {}}, "dW1 is not there, expected [2, 3]"),
        (lambda case: {"expected": {**case["expected"], "dW9": case["expected"]["dW1"]}}, "expected none such"),
        (
            lambda case: {"expected": {**case["expected"], "dW1": case["expected"]["dW1"] | {"shape": [3, 2]}}},
            "dW1 is [3, 2], expected [2, 3]",
        ),
        (
            lambda case: {"inputs": {**case["inputs"], "W1": case["inputs"]["W1"] | {"shape": [3, 2]}}},
            "its inputs do not fit together",
        ),
    ],
)
@pytest.mark.parametrize("name", ["float64.json", "invalid.json"])
def test_a_case_with_an_array_missing_or_in_another_shape_is_not_proved(name, change, said):
    document = json.loads((HERE / name).read_text())
    case = next(case for case in document["cases"] if case["layer_dims"][:2] == [3, 2])
    assert check.problems(case, document["flags"]) == []
    assert said in "; ".join(check.problems(case | change(case), document["flags"]))


PLAIN = ("-saturated", "-overflow", "-root", "-infinite")  # where the usual formulas fail, as is shown above


def read_by(command, *words):
    done = subprocess.run([*command, *words], capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


def test_a_reader_judges_what_is_not_left_out_and_fails_where_nothing_is_left(tmp_path):
    python, files = [sys.executable, str(HERE / "readers" / "backprop.py")], [str(HERE / name) for name in FILES]
    assert " ".join(PLAIN) in (HERE / "README.md").read_text()
    left = sum(not {f"-{flag}" for flag in vector.flags} & set(PLAIN) for vector in EVERY)
    assert 0 < left < len(EVERY)
    assert read_by(python, *PLAIN, *files) == (0, f"Python: all {left} vectors pass\n", "")
    (tmp_path / "empty.json").write_text('{"cases": []}')
    for words in ([], [str(tmp_path / "empty.json")], ["-generic", "-float32", str(HERE / "float32.json")]):
        assert read_by(python, *words) == (1, "no vector to judge: python backprop.py [-FLAG...] FILE...\n", "")


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


@pytest.mark.parametrize(
    "text",
    [b"\xff", b"[", b"[" * 10**5, b"{}", b'{"format": []}', b'{"format": "refnn-vectors/1", "cases": 3}'],
    ids=["bytes", "half", "depth", "nothing", "no word", "no list"],
)
def test_whatever_is_no_file_of_vectors_is_refused_alike(tmp_path, text):
    path = tmp_path / "vectors.json"
    path.write_bytes(text)
    with pytest.raises(ValueError, match=r"does not hold vectors: expected an object with format .*, and cases"):
        load_vectors(path)


@pytest.mark.parametrize(
    "change",
    [
        {"inputs": 3},
        {"inputs": {"X": 3}},
        {"expected": {"Z1": {"ulps": [10**400]}}},
        {"dtype": "object"},
        {"result": "wrong"},
        {"result": []},
    ],
)
def test_whatever_is_no_vector_is_refused_by_its_name(tmp_path, change):
    document = json.loads((HERE / "float64.json").read_text())
    case = document["cases"][0]
    for name, value in change.items():
        case[name] = {**case[name], "Z1": case["expected"]["Z1"] | value["Z1"]} if name == "expected" else value
    path = tmp_path / "vectors.json"
    path.write_text(json.dumps(document))
    with pytest.raises(ValueError, match=r"vector 'shape-1-1-m1' is not as schema\.json says: "):
        load_vectors(path)


@pytest.mark.parametrize("dtype", [complex, str, object])
def test_what_is_no_real_number_is_no_result(dtype):
    (wrong,) = VALID[0].violations({"A1": VALID[0].expected["A1"].astype(dtype)})
    assert "expected real numbers" in wrong


def test_a_masked_entry_is_no_result():
    expected = VALID[0].expected["A1"]
    (wrong,) = VALID[0].violations({"A1": np.ma.array(expected, mask=True)})
    assert "A1 has masked entries" in wrong
    assert not VALID[0].violations({"A1": np.ma.array(expected)})
