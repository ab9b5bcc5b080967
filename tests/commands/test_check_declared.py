"""`refnn check` of a declared network: every option does what it says, and bad values are refused by its name."""

import json
import sys

import pytest

from refnn.__main__ import main
from refnn.gradcheck.faults.catalogue import FAULTS
from refnn.report import findings
from refnn.report.draw import folder

ARTICLE = """
import numpy as np
import refnn


def gradient(params, X, Y, **words):
    AL, caches = refnn.forward_prop(X, params, **words)
    return {key: dV for key, dV in refnn.backprop(AL, Y, caches, **words).items() if key[:2] != "dA"}


def turned(arrays):
    return {key: np.ascontiguousarray(V.T) for key, V in arrays.items()}


def rows(params, X, Y):
    b = {key: V.T for key, V in params.items() if key[0] == "b"}
    grads = gradient({**params, **b}, X.T, Y.T)
    return {key: dV.T if key[1] == "b" else dV for key, dV in grads.items()}


def in_out(params, X, Y):
    b = {key: V for key, V in params.items() if key[0] == "b"}
    grads = gradient({**turned(params), **b}, X, Y)
    return {key: dV if key[1] == "b" else dV.T for key, dV in grads.items()}


def without_bias(params, X, Y):
    b = {key.replace("W", "b"): np.zeros((len(V), 1)) for key, V in params.items()}
    return {key: dV for key, dV in gradient({**params, **b}, X, Y).items() if key[1] == "W"}


def summed(params, X, Y):
    return {key: dV * X.shape[1] for key, dV in gradient(params, X, Y).items()}


def penalised(l1=0.0, l2=0.0, over=lambda m: 1):
    def penalty(W, m):
        return (l1 * np.sign(W) + l2 * W) / over(m)

    def f(params, X, Y):
        grads = gradient(params, X, Y)
        return {key: dV + penalty(params[key[1:]], X.shape[1]) * (key[1] == "W") for key, dV in grads.items()}

    return f


absolute, square = penalised(l1=0.3), penalised(l2=0.7)
course = penalised(l2=0.7, over=lambda m: m)


def renamed(params, X, Y):
    grads = gradient({"W1": params["w1"], "b1": params["bias0"], "W2": params["w2"], "b2": params["bias1"]}, X, Y)
    return {"g1": grads["dW1"], "dbias0": grads["db1"], "g2": grads["dW2"], "dbias1": grads["db2"]}


def stepping(params, X, Y):
    return {key[1:]: params[key[1:]] - 0.1 * dV for key, dV in gradient(params, X, Y).items()}


def relu(params, X, Y):
    return gradient(params, X, Y, hidden="relu")


def mixed(params, X, Y):
    return gradient(params, X, Y, hidden=["tanh", "leaky_relu(0.2)"])


def softmax(params, X, Y):
    return gradient(params, X, Y, output="softmax")


def square_error(params, X, Y):
    return gradient(params, X, Y, output=("sigmoid", "squared_error"))


def own_cost(params, X, Y):
    AL, _ = refnn.forward_prop(X, params, output="identity")
    return float(np.sum((AL - Y) ** 2) / (2 * Y.shape[1]))


def own(params, X, Y):
    return gradient(params, X, Y, output="identity")
"""
DIMS = ["--layer-dims", "3,4,2"]
RIGHT = {  # function: the options with which it is right, and is not without the first of them
    "relu": ["--hidden=relu"],
    "mixed": ["--hidden=tanh,leaky_relu(0.2)"],
    "softmax": ["--output=softmax"],
    "square_error": ["--output=sigmoid,squared_error"],
    "summed": ["--reduction=sum"],
    "absolute": ["--l1=0.3"],
    "square": ["--l2=0.7"],
    "course": ["--l2=0.7/m"],
    "without_bias": ["--no-bias"],
    "rows": ["--examples=rows"],
    "in_out": ["--weights=in,out"],
    "renamed": ["--names=W=w1,w2", "--names=b=bias{k}", "--names=dW=g{l}"],
    "stepping": ["--step=0.1"],
    "own": ["--cost=mine:own_cost"],
}


@pytest.fixture
def mine(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(ARTICLE)
    sys.modules.pop("mine", None)  # another test's
    yield
    sys.modules.pop("mine", None)


def check(function, *options):
    dims = ["--layer-dims", "3,4,2,2"] if function == "mixed" else DIMS
    return main(["check", f"mine:{function}", *dims, *options])


@pytest.mark.usefixtures("mine")
@pytest.mark.parametrize("function", RIGHT)
def test_a_declared_network_passes_and_is_wrong_where_it_is_not_declared(function, capsys):
    assert check(function, *RIGHT[function]) == 0, capsys.readouterr().out
    assert check(function, *RIGHT[function][1:]) == 1


@pytest.mark.usefixtures("mine")
def test_labels_come_as_they_are_declared(tmp_path, capsys):
    (tmp_path / "mine.py").write_text(ARTICLE + LABELS)
    assert check("classes", "--output=softmax", "--labels=classes") == 0, capsys.readouterr().out
    assert check("onehot", "--output=softmax", "--labels=onehot") == 0
    assert check("classes", "--output=softmax") == 1
    assert check("onehot", "--output=softmax") == 1


LABELS = """
def classes(params, X, Y):
    assert Y.ndim == 1 and Y.dtype.kind == "i"
    return softmax(params, X, np.eye(2)[:, Y])


def onehot(params, X, Y):
    assert np.isin(Y, [0, 1]).all()
    return softmax(params, X, Y)
"""


@pytest.mark.usefixtures("mine")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--hidden=rleu"], "--hidden is 'rleu', expected one of 'sigmoid'"),
        (["--hidden=relu,rleu"], "--hidden[1] is 'rleu'"),
        (["--hidden=leaky_relu(-1)"], "--hidden is 'leaky_relu(-1)', expected a finite slope"),
        (["--output=softmax,squared_error"], "--output is 'softmax' with squared_error"),
        (["--output=relu,huber"], "--output has the cost 'huber'"),
        (["--reduction=average"], "--reduction is 'average', expected 'mean', 'sum', 'entries' or 'outputs'"),
        (["--examples=row"], "--examples is 'row'"),
        (["--weights=out"], "--weights is 'out'"),
        (["--labels=hot"], "--labels is 'hot'"),
        (["--l1=much"], "--l1 is 'much', expected a number or, over m, one like 0.7/m"),
        (["--l2=0.7/n"], "--l2 is '0.7/n'"),
        (["--l2=-1/m"], "--l2 is '-1/m'"),
        (["--l2=-1"], "--l2 is -1.0, expected a finite number of at least 0"),
        (["--step=0.1/m"], "--step is '0.1/m', expected a number"),
        (["--step=0"], "--step is 0"),
        (["--names=weights{l}"], "--names is 'weights{l}'"),
        (["--names=dA=a{l}"], "--names is 'dA=a{l}'"),
        (["--names=W=w1,w1", "--layer-dims=2,3,1"], "names calls both W1 and W2 'w1', expected two names"),
        (["--names=dW=w{l}", "--names=db=w{l}"], "names calls both dW1 and db1 'w1', expected two names"),
        (["--names=W=weights"], "--names W is 'weights', expected a name with {l}"),
        (["--names=W={l.__class__}"], "--names W is '{l.__class__}'"),
        (["--cost=mine:nothing"], "--cost: mine has no nothing"),
        (["--cost=mine:own_cost", "--report=out"], "--cost cannot stand in a report"),
        (["--author=Ada"], "--author is of a report"),
        (["--url=https://example.org"], "--url is of a report"),
        (["--report=out", "--url=example.org"], "--url is 'example.org', expected an address"),
        (["--report=out", "--author=\n"], "--author is '\\n'"),
    ],
)
def test_a_bad_value_has_status_2_and_one_line_that_names_the_option(options, message, capsys):
    assert main(["check", "mine:gradient", *options]) == 2
    said = capsys.readouterr()
    assert message in said.err
    assert said.err.count("\n") == 1
    assert not said.out


@pytest.mark.usefixtures("mine")
def test_one_activation_for_each_layer_needs_the_layers(capsys):
    assert main(["check", "mine:mixed", "--hidden=tanh,relu"]) == 2
    assert "--hidden names one activation for each layer: give --layer-dims" in capsys.readouterr().err


@pytest.mark.usefixtures("mine")
@pytest.mark.parametrize("option", ["--hidden=relu", "--no-bias", "--cost=mine:own_cost"])
def test_a_file_that_follows_the_article_is_not_declared(option, capsys):
    assert main(["check", "mine.py", option]) == 2
    assert f"{option.partition('=')[0]} is of one function" in capsys.readouterr().err


@pytest.mark.usefixtures("mine")
def test_a_report_holds_the_declaration_and_its_author(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(findings, "FAULTS", {"missing-mean": FAULTS["missing-mean"]})
    monkeypatch.setattr(folder, "figures", lambda _: [])
    options = ["--l2=0.7/m", "--report=out", "--author=Ada Lovelace", "--url=https://example.org/ada"]
    assert check("course", *options) == 0
    report = json.loads((tmp_path / "out/report.json").read_text(encoding="utf-8"))
    assert report["content"]["declaration"] == {"l2": {"over_m": (0.7).hex()}}
    assert report["citation"]["text"].startswith("Ada Lovelace (")
    assert "https://example.org/ada" in report["citation"]["bibtex"]
    assert "The refnn authors" not in json.dumps(report)
    assert "l2=0.7/m" in (tmp_path / "out/report.html").read_text(encoding="utf-8")
    capsys.readouterr()
    assert main(["verify", "out"]) == 0
    said = capsys.readouterr().out
    assert "on mine:course (l2=0.7/m) says PASS\nCONFIRMED" in said
    assert "taken on trust: the environment" in said
    assert "that Ada Lovelace is the author" in said
