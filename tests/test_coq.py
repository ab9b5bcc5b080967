"""A certificate as a theorem for Coq says exactly what the certificate says. That Coq proves it, `make coq` shows."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from certified import entries, listed

from refnn import backprop, certify, forward_prop, init_params

COQ = Path(__file__).parents[1] / "proofs" / "coq"
ARRAY = r"(\[\[(?!\[).*?\]\])"


def certificate(hidden="sigmoid", output="sigmoid", dtype=np.float64):
    rng = np.random.default_rng(0)
    params = {key: V.astype(dtype) for key, V in init_params([3, 4, 2], rng=rng).items()}
    X, Y = rng.standard_normal((3, 5)).astype(dtype), rng.random((2, 5)).astype(dtype)
    X[0, :3] = -0.0, np.finfo(dtype).smallest_subnormal, 1e30
    AL, caches = forward_prop(X, params, hidden=hidden, output=output)
    grads = backprop(AL, Y, caches, hidden=hidden, output=output)
    return certify(params, X, Y, grads, hidden=hidden, output=output)


def arrays(text, field, within=ARRAY):
    """The arrays of a field of the record, read from the text of the file alone."""
    section = re.search(rf"^  {field} :=\n(.*?)(?:;\n  \w+ :=| \|\}}\.)", text, re.MULTILINE | re.DOTALL)[1]
    numbers = re.sub(r"-?0x[0-9a-fp.+-]+", lambda found: repr(float.fromhex(found[0])), section)
    return [np.array(json.loads(array.replace(";", ","))) for array in re.findall(within, numbers, re.DOTALL)]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_the_numbers_of_the_theorem_are_exactly_the_floats(dtype):
    given = certificate(dtype=dtype)
    text = given.to_coq()
    claims = {key: (f"claim_{key[1]}", int(key[2:]) - (key[1] != "A")) for key in given.grads}
    found = {
        "X": arrays(text, "given_X")[0],
        "Y": arrays(text, "given_Y")[0],
        **{f"{V}{l}": arrays(text, f"given_{V}")[l - 1] for V in "Wb" for l in (1, 2)},
        **{key: arrays(text, field, f"given := {ARRAY}")[place] for key, (field, place) in claims.items()},
        **{f"bound {key}": arrays(text, field, f"bound := {ARRAY}")[place] for key, (field, place) in claims.items()},
    }
    said = {"X": given.X, "Y": given.Y, **given.params, **given.grads}
    said |= {f"bound {key}": bound for key, bound in given.absolute.items()}
    assert found.keys() == said.keys()
    for key, V in said.items():
        assert np.array_equal(found[key], V.astype(np.float64)), key
    assert "layer_dims := [3; 4; 2]%nat;\n  examples := 5;" in text
    assert f"bits := {2 * given.bits}%positive" in text


def test_a_gradient_that_is_not_given_is_not_claimed():
    whole = certificate()
    part = certify(whole.params, whole.X, whole.Y, {key: V for key, V in whole.grads.items() if key != "dA0"})
    assert whole.to_coq().count("Some") == 2
    assert "claim_A :=\n  [None;\n  Some {|" in part.to_coq()
    assert part.to_coq().count("Some") == 1


DECLARED = {
    ("sigmoid", "sigmoid"): ("sigmoid", "logistic"),
    ("tanh", "softmax"): ("tanh", "softmax"),
    ("relu", "softplus"): ("leaky_relu 0", "half_squared_error Name.softplus"),
    ("leaky_relu(0.2)", ("sigmoid", "squared_error")): ("leaky_relu 0.2", "squared_error Name.sigmoid"),
    (("silu",), "leaky_relu"): ("silu", "half_squared_error (Name.leaky_relu 0.01)"),
}


@pytest.mark.parametrize(("hidden", "output"), DECLARED)
def test_a_network_is_declared_by_words_of_Certificate_v(hidden, output):
    text = certificate(hidden, output).to_coq()
    hidden, last = DECLARED[hidden, output]
    hidden = f"(Name.{hidden})" if " " in hidden else f"Name.{hidden}"
    assert f"  hidden := [{hidden}];\n  last := Name.{last};\n" in text
    inductive = re.findall(r"^Inductive \w+ := (.*)\.$", (COQ / "Certificate.v").read_text(), re.MULTILINE)
    known = {word.split()[0] for line in inductive for word in line.split("|")}
    assert set(re.findall(r"Name\.(\w+)", text)) <= known


def test_without_native_integers_only_the_integers_differ():
    native, plain = (certificate().to_coq(native_integers=native).splitlines() for native in (True, False))
    different = [pair for pair in zip(native, plain, strict=True) if pair[0] != pair[1]]
    assert different == [("Module Checker := Native Precision.", "Module Checker := Plain Precision.")]


def test_a_bound_that_is_no_number_is_refused():
    given = certificate()
    infinite = {**given.absolute, "db2": np.full((2, 1), np.inf)}
    with pytest.raises(ValueError, match="db2 has a bound that is not finite"):
        replace(given, absolute=infinite).to_coq()


def test_what_make_coq_tightens_is_every_entry():
    given = certificate()
    names = [name for name, *_ in entries(given)]
    assert len(set(names)) == len(names) == sum(dV.size for dV in given.grads.values())
    assert {"Name.dW 1 3 2", "Name.db 2 1", "Name.dA 0 2 4"} < set(names)


def test_native_integers_are_all_that_is_assumed_beside_the_four_axioms():
    assert {name.split(".")[0] for name in listed("native.txt")} == {"PrimInt63", "Uint63"}
