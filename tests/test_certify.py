"""Certificates are rigorous and tight, survive JSON, and are refused where they are not true."""

import copy
import json
import sys
from dataclasses import replace
from decimal import Decimal, localcontext

import numpy as np
import pytest

from refnn import _enclosures, backprop, certificate, forward_prop, init_params
from refnn.certificate import Certificate, CertificateError, certify


def network(layer_dims, m, seed=0, scale=1.0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    params = init_params(layer_dims, scale=scale, rng=rng)
    params |= {f"b{l}": scale * rng.standard_normal((n, 1)) for l, n in enumerate(layer_dims) if l}
    X, Y = rng.standard_normal((layer_dims[0], m)), rng.random((layer_dims[-1], m)).round(seed % 2)
    return {key: V.astype(dtype) for key, V in params.items()}, X.astype(dtype), Y.astype(dtype)


def gradient(params, X, Y):
    AL, caches = forward_prop(X, params)
    return backprop(AL, Y, caches)


PARAMS, X, Y = network([3, 4, 2], 5)
GRADS = gradient(PARAMS, X, Y)
CERTIFICATE = certify(PARAMS, X, Y, GRADS)


def test_bounds_are_rigorous_and_tight_where_the_truth_is_known_by_other_arithmetic():
    w, x, b, y = 0.7, 1.3, -0.2, 0.25
    with localcontext() as context:
        context.prec = 60
        sigma = 1 / (1 + (-(Decimal(w) * Decimal(x) + Decimal(b))).exp())
        truth = (sigma - Decimal(y)) * Decimal(x)
        for dW in (float(truth), float(truth) * (1 + 1e-9), -1.0, 0.0):
            bounds = certify({"W1": [[w]], "b1": [[b]]}, [[x]], [[y]], {"dW1": [[dW]], "db1": [[0.0]]})
            error = abs(Decimal(dW) - truth)
            for bound, exact in {
                "absolute": error,
                "relative": error / abs(truth),
                "ulps": error / Decimal(np.spacing(float(truth)).item()),
            }.items():
                assert exact <= Decimal(getattr(bounds, bound)["dW1"].item()) <= exact * (1 + Decimal("1e-12"))


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
@pytest.mark.parametrize("scale", [0.01, 1, 10, 50])
def test_the_rounded_truth_lies_within_half_an_ulp_in_its_dtype(dtype, scale):
    data = network([3, 3, 2], 2, scale=scale, dtype=dtype)
    truth = certify(*data, gradient(*data)).truth
    with np.errstate(all="ignore"):
        ulps = certify(*data, {key: V.astype(dtype) for key, V in truth.items()}).ulps
    assert max(bound.max() for bound in ulps.values()) <= 0.5001


def test_lost_digits_are_seen():
    params = {"W1": np.array([[1.0]]), "b1": np.array([[40.0]])}
    AL, _ = forward_prop([[1.0]], params)
    naive = certify(params, [[1.0]], [[1.0]], {"dW1": AL - 1, "db1": AL - 1})
    assert naive.relative["dW1"].item() == pytest.approx(1)
    assert certify(params, [[1.0]], [[1.0]], gradient(params, [[1.0]], [[1.0]])).relative["dW1"].item() < 1e-15


def test_a_derivative_that_cancels_exactly_raises_the_precision():
    bounds = certify({"W1": [[1]], "b1": [[0]]}, [[1, -1]], [[0.5, 0.5]], {"dW1": [[0.2]], "db1": [[1e-20]]})
    assert bounds.bits > 1000
    assert bounds.absolute["db1"].item() == pytest.approx(1e-20)
    assert bounds.relative["db1"].item() == np.inf


def test_the_truth_is_confirmed_without_backprop_and_a_wrong_backprop_is_not(monkeypatch):
    assert "forward derivatives of the cost in all 61 directions" in CERTIFICATE.witness
    for fault in ("sign", "entry"):

        def wrong(AL, Y, caches, fault=fault, **declared):
            grads = backprop(AL, Y, caches, **declared)
            grads["dW2"][0, 1] *= -1 if fault == "sign" else 1 + 1e-15
            return grads

        monkeypatch.setattr(_enclosures, "backprop", wrong)
        for data in [(PARAMS, X, Y), network([8, 20, 2], 30)]:
            with pytest.raises(ArithmeticError, match="disjoint"):
                certify(*data, gradient(*data))


@pytest.mark.parametrize("key", ["dW1", "db1", "dA0", "dA1", "dW2", "dA2"])
@pytest.mark.parametrize(("dims", "m", "every_entry"), [([2, 2, 2, 1], 2, True), ([6, 5, 4, 2], 9, False)])
def test_an_entry_that_vanishes_beside_the_others_is_confirmed_too(dims, m, every_entry, key, monkeypatch):
    """Each of these at weights of size 1e-9, where the derivatives in layer 1 are 1e-18 of those in layer 3."""
    data = network(dims, m, scale=1e-9)
    assert ("in all" in certify(*data, gradient(*data)).witness) == every_entry

    def wrong(AL, Y, caches, **declared):
        grads = backprop(AL, Y, caches, **declared)
        if grads[key].dtype == object:
            grads[key].flat[np.abs(gradient(*data)[key]).argmin()] *= -1
        return grads

    monkeypatch.setattr(_enclosures, "backprop", wrong)
    with pytest.raises(ArithmeticError, match="disjoint"):
        certify(*data, gradient(*data))


@pytest.mark.parametrize("change", [{"witness": "my word"}, {"bits": 4096}, {"bits": 256}])
def test_what_a_certificate_says_of_itself_is_rechecked(change):
    for seed in (1, 2):
        CERTIFICATE.recheck(seed)
    with pytest.raises(CertificateError, match=f"certificate does not hold: {next(iter(change))} is "):
        Certificate.from_json(CERTIFICATE.to_json() | change).recheck()


def test_a_network_of_real_size_is_certified_and_confirmed():
    data = network([30, 16, 8, 1], 100, scale=0.3)
    bounds = certify(*data, gradient(*data))
    assert max(relative.max() for relative in bounds.relative.values()) < 1e-9
    assert "one direction of random signs in each of 9 arrays" in bounds.witness


@pytest.mark.parametrize("word", ["relu", "leaky_relu", "leaky_relu(0.2)"])
def test_exactly_at_a_kink_the_convention_is_certified(word):
    """No float says where 0 lies but 0 itself: there the derivative is the one from below, in both of the proofs."""
    params, X, Y = {"W1": np.array([[0.5]]), "b1": np.zeros((1, 1))}, np.zeros((1, 1)), np.array([[0.25]])
    AL, caches = forward_prop(X, params, output=word)
    grads = backprop(AL, Y, caches, output=word)
    found = certify(params, X, Y, grads, output=word)
    assert all((bound <= 1e-16).all() for bound in found.absolute.values())
    assert (grads["db1"] == 0) == (word == "relu")


def test_a_unit_near_a_kink_raises_the_precision_and_one_that_stays_there_is_refused_by_its_layer():
    near = {"W1": [[1.0, 2.0**-300]], "b1": [[-1.0]], "W2": [[1.0]], "b2": [[0.0]]}
    grads = {"dW1": [[0.5, 0.5]], "db1": [[0.5]], "dW2": [[2.0**-300]], "db2": [[0.5]]}
    bounds = certify(near, [[1.0], [1.0]], [[0.0]], grads, hidden="relu")
    assert bounds.bits > 256
    assert bounds.relative["db1"].item() < 1e-15
    on_it = {
        "W1": [[0.7], [0.7]],
        "b1": [[0.3], [0.3]],
        "W2": [[1.0, -1.0]],
        "b2": [[0.0]],
        "W3": [[1.0]],
        "b3": [[0.0]],
    }
    grads = {f"d{key}": np.zeros(np.shape(V)) for key, V in on_it.items()}
    with pytest.raises(ArithmeticError, match=r"layer 2, with 16384 bits: .* holds 0, the kink"):
        certify(on_it, [[1.0]], [[1.0]], grads, hidden=["sigmoid", "leaky_relu"])
    last = {key: on_it[key] for key in ("W1", "b1", "W2", "b2")}
    with pytest.raises(ArithmeticError, match="layer 2, "):
        certify(last, [[1.0]], [[1.0]], {f"d{key}": grads[f"d{key}"] for key in last}, output="relu")


def test_a_certificate_prints_the_worst_first():
    grads = copy.deepcopy(GRADS)
    grads["db2"][1, 0] *= 1 + 1e-6
    certificate = certify(PARAMS, X, Y, grads)
    lines = str(certificate).splitlines()
    entries = sum(dV.size for dV in grads.values())
    assert lines[0].startswith(f"certificate: each of {entries} entries lies within ")
    table = next(i for i, line in enumerate(lines) if line.startswith("worst entry"))
    assert len(lines) == table + 1 + len(grads)
    assert lines[table + 1].startswith("db2[1, 0]")
    assert max(map(len, lines)) <= 80
    assert repr(certificate) == f"<Certificate {lines[0].removeprefix('certificate: ')}>"


# ---------------------------------------------------------------------- records


def test_a_certificate_survives_json_and_holds():
    record = json.dumps(CERTIFICATE.to_json(), allow_nan=False)
    again = Certificate.from_json(record)
    assert json.dumps(again.to_json()) == record
    again.recheck()


def test_a_truth_beyond_the_floats_is_infinite_and_holds():
    params = {"W1": np.array([[1e200]]), "b1": np.zeros((1, 1))}
    grads = {"dW1": np.array([[1e300]]), "db1": np.array([[0.0]])}
    certificate = certify(params, [[1e200]], [[1.0]], grads, output="identity")
    assert certificate.truth["dW1"] == certificate.absolute["dW1"] == np.inf
    assert certificate.truth["db1"] == np.inf
    certificate.recheck()
    for false in (np.finfo(float).max, -np.inf, np.nan):
        with pytest.raises(CertificateError, match=r"dW1\[0, 0\] is truly inf"):
            replace(certificate, truth={**certificate.truth, "dW1": np.array([[false]])}).recheck()


def test_the_recorded_truth_may_be_one_float_away_and_no_more():
    one = np.nextafter(CERTIFICATE.truth["dW1"], np.inf)
    replace(CERTIFICATE, truth={**CERTIFICATE.truth, "dW1": one}).recheck()
    with pytest.raises(CertificateError, match="is truly"):
        replace(CERTIFICATE, truth={**CERTIFICATE.truth, "dW1": np.nextafter(one, np.inf)}).recheck()


def test_a_declaration_is_recorded_and_a_changed_one_does_not_hold():
    params, X, _ = network([3, 4, 4, 2], 5)
    declared = {"hidden": ["tanh", "leaky_relu(0.2)"], "output": "softmax"}
    classes = [0, 1, 1, 0, 1]
    AL, caches = forward_prop(X, params, **declared)
    certificate = certify(params, X, classes, backprop(AL, classes, caches, **declared), **declared)
    assert (certificate.Y == [[1, 0, 0, 1, 0], [0, 1, 1, 0, 1]]).all()
    assert "of hidden ('tanh', 'leaky_relu(0.2)'), output softmax with cross_entropy\n" in str(certificate)
    record = json.dumps(certificate.to_json())
    Certificate.from_json(record).recheck()
    for change in (
        {"hidden": ["tanh", "leaky_relu"]},
        {"hidden": ["silu", "leaky_relu(0.2)"]},
        {"hidden": "tanh"},
        {"output": ["sigmoid", "cross_entropy"]},
        {"output": ["softplus", "squared_error"]},
    ):
        with pytest.raises(CertificateError, match="certificate does not hold: d"):
            Certificate.from_json(json.loads(record) | change).recheck()


@pytest.mark.parametrize("table", ["X", "Y", "params", "grads", "truth", "absolute", "relative", "ulps"])
def test_a_certificate_with_one_number_changed_is_refused(table):
    record = CERTIFICATE.to_json()
    array = record[table] if table in "XY" else record[table]["dW2" if table != "params" else "W2"]
    array["hex"][3] = (0.99 * float.fromhex(array["hex"][3]) or 0.001).hex()
    with pytest.raises(CertificateError, match="certificate does not hold: d"):
        Certificate.from_json(record).recheck()


MALFORMED = {
    "text": ("{", "not a certificate"),
    "key twice": (json.dumps(CERTIFICATE.to_json())[:-1] + ', "bits": 64}', "a key stands twice in one object"),
    "list": ("[]", "expected an object with format"),
    "format": ({"format": "refnn-certificate/9"}, "expected an object with format 'refnn-certificate/2'"),
    "missing": ({"X": None}, "X is not an object with dtype, shape and hex"),
    "shape": ({"X": {"dtype": "float64", "shape": [10**12], "hex": []}}, "X needs 1000000000000 numbers"),
    "dtype": ({"X": {"dtype": "object", "shape": [1], "hex": ["0x1p0"]}}, "X has dtype 'object'"),
    "numeral": ({"Y": {"dtype": "float64", "shape": [1], "hex": ["one"]}}, "Y has 'one', expected a hexadecimal float"),
    "range": ({"Y": {"dtype": "float32", "shape": [1], "hex": ["0x1p200"]}}, "Y has numbers that are not float32"),
    "bits": ({"bits": 10**9}, "bits is 1000000000"),
    "witness": ({"witness": 3}, "witness is 3, expected a text"),
    "table": ({"truth": []}, "truth is not an object of arrays"),
    "no table": ({"ulps": {}}, "ulps does not have the keys and shapes of grads"),
    "bounds": ({"ulps": {"dW1": {"dtype": "float64", "shape": [1], "hex": ["0x1p0"]}}}, "ulps does not have the keys"),
    "no hidden": ({"hidden": None}, r"hidden is None \(NoneType\), expected a name"),
    "hidden": ({"hidden": ["tanh", "tanh"]}, "hidden has 2 activations, expected 1"),
    "output": ({"output": ["softmax", "squared_error"]}, "output is 'softmax' with squared_error"),
    "misfit": ({"params": {"W1": {"dtype": "float64", "shape": [1, 1], "hex": ["0x1p0"]}}}, "params has no 'b1'"),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_what_is_no_certificate_is_refused(name):
    change, text = MALFORMED[name]
    with pytest.raises(CertificateError, match=text):
        Certificate.from_json(change if isinstance(change, str) else CERTIFICATE.to_json() | change)


REFUSED = {
    "NaN": ({"X": np.full((3, 5), np.nan)}, ValueError, r"X\[0, 0\] is nan"),
    "label": ({"Y": np.full((2, 5), 2)}, ValueError, r"Y\[0, 0\] is 2, expected a label in \[0, 1\]"),
    "shape": ({"Y": np.zeros((2, 4))}, ValueError, r"Y has shape \(2, 4\), expected \(2, 5\)"),
    "missing": ({"grads": {"dW1": GRADS["dW1"]}}, ValueError, "grads has no 'db1'"),
    "dA": ({"grads": GRADS | {"dA1": np.zeros((4, 1))}}, ValueError, r"grads\['dA1'\] has shape \(4, 1\)"),
    "dA NaN": ({"grads": GRADS | {"dA1": np.full((4, 5), np.nan)}}, ValueError, r"grads\['dA1'\]\[0, 0\] is nan"),
    "dtype": ({"X": X.astype(np.longdouble)}, TypeError, "X has dtype .*, expected float16, float32, float64"),
    "pair": ({"hidden": [(np.sin, np.cos)]}, TypeError, "hidden has a pair of functions, which a certificate cannot"),
    "pair of no layer": (
        {"params": {key: PARAMS[key] for key in ("W1", "b1")}, "hidden": (np.sin, np.cos)},
        TypeError,
        "hidden has a pair of functions, which a certificate cannot",
    ),
    "last pair": (
        {"output": (np.sin, np.cos)},
        TypeError,
        "output has a pair of functions, which a certificate cannot",
    ),
    "activation": ({"hidden": "relu6"}, ValueError, "hidden is 'relu6', expected one of 'sigmoid', "),
    "class": ({"Y": [0, 1, 2, 1, 0], "output": "softmax"}, ValueError, r"Y\[2\] is 2, expected a class from 0 to 1"),
    "integer": ({"X": np.full((3, 5), 2**53 + 1)}, ValueError, "X has integers that float64 cannot hold"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_bad_input_is_refused_by_name(name):
    change, kind, text = REFUSED[name]
    with pytest.raises(kind, match=text):
        certify(**{"params": PARAMS, "X": X, "Y": Y, "grads": GRADS} | change)


def test_arguments_of_a_certificate_are_refused_by_name():
    with pytest.raises(TypeError, match=r"seed is 'x' \(str\), expected an integer"):
        CERTIFICATE.recheck(seed="x")
    with pytest.raises(TypeError, match=r"native_integers is 'no' \(str\), expected True or False"):
        CERTIFICATE.to_coq(native_integers="no")


def test_without_python_flint_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "flint", None)
    with pytest.raises(ImportError, match=r'pip install "refnn\[certify\]"'):
        certify(PARAMS, X, Y, GRADS)


def test_long_work_shows_a_bar_to_its_end(monkeypatch):
    shown = []

    def bar(items, label, *, total, show):
        assert label == "certificate"
        for done, item in enumerate(items):
            shown.append((done, total, show))
            yield item
        shown.append("closed")

    monkeypatch.setattr(certificate, "bar", bar)
    certify(PARAMS, X, Y, GRADS)
    assert shown == [*((done, 8, False) for done in range(8)), "closed"]
    work = 5 * 20 + 61  # products of five examples and twenty weights, and entries
    for long, show in ((work, False), (work - 1, True)):
        shown.clear()
        monkeypatch.setattr(certificate, "LONG", long)
        certify(PARAMS, X, Y, GRADS)
        assert shown[0] == (0, 8, show)


def test_a_derivative_that_is_exactly_zero_is_confirmed_where_one_direction_has_to_do(monkeypatch):
    monkeypatch.setattr(_enclosures, "ONE_BY_ONE", 0)
    params = {**PARAMS, "W2": 0 * PARAMS["W2"]}
    certificate = certify(params, X, Y, gradient(params, X, Y))
    assert not certificate.grads["dW1"].any()
    certificate.recheck()
