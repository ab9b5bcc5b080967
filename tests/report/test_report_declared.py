"""Reports on declared networks: what is recorded, how it is read back from anyone's hand, and that it is rechecked."""

import json
from functools import cache

import numpy as np
import pytest
from reports import changed, forged, right, written

import refnn
from refnn.__main__ import main
from refnn.gradcheck.declaration import ARTICLE, Declaration
from refnn.gradcheck.faults.catalogue import FAULTS
from refnn.gradcheck.faults.probes import default_probes
from refnn.report import findings, make
from refnn.report.declared import OverM, declared, mathematics, recorded
from refnn.report.draw import page
from refnn.report.read import ReportError, cases, load
from refnn.report.replay import replay as replaying
from refnn.report.replay.ledger import Outcome
from refnn.report.replay.opinion import opinions
from refnn.report.replay.replay import replay

DECLARED = {
    "relu and softmax": {"hidden": "relu", "output": "softmax"},
    "a layer each": {"hidden": ["tanh", "leaky_relu(0.2)"], "output": ("sigmoid", "squared_error")},
    "penalties over m": {"l1": 0.01, "l2": OverM(0.7), "output": "identity", "reduction": "entries"},
    "a name each": {"names": {"W": ("w_in", "w_mid", "w_out"), "b": "b{k}"}},
    "rows, no bias": {"hidden": "softplus", "bias": False, "examples": "rows", "weights": "in,out", "reduction": "sum"},
    "upwards, the mean over outputs": {"reduction": "outputs", "step": -0.5},
    "another library": {
        "output": "softmax",
        "labels": "classes",
        "examples": "rows",
        "names": {"W": "weights{k}", "b": "bias{l:02d}", "dW": "grad{l}"},
        "step": 0.125,
    },
}
# Two hidden layers, so that each can have a word of its own.
DIMS = [3, 4, 4, 2]


def gradient_of(**declaration):
    """The right gradient of a declared network, in its conventions."""
    said = Declaration.of(declaration)
    words = {"hidden": said.hidden, "output": said.output}

    def gradient(params, X, Y):
        ours, X, Y = said.ours(params, X, Y)
        AL, caches = refnn.forward_prop(X, ours, **words)
        l1, l2 = said.penalties(X.shape[1])
        grads = {}
        for key, dV in refnn.backprop(AL, Y, caches, **words).items():
            kind, l, V = key[1], int(key[2:]), ours.get(key[1:])
            if kind == "A" or (kind == "b" and not said.bias):
                continue
            dV = dV * said.weight(Y) * X.shape[1] + (l1 * np.sign(V) + l2 * V) * (kind == "W")
            V, dV = said.turned(kind, V), said.turned(kind, dV)
            grads[said.name(f"d{kind}", l)] = dV if said.step is None else V - said.step * dV
        return grads

    return gradient


@pytest.fixture(scope="module", autouse=True)
def two_probes():
    """The first of the default probes and the last, which stands at a kink if there is one."""

    def ends(*arguments, **keywords):
        made = default_probes(*arguments, **keywords)
        return (made[0], made[-1])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(make, "default_probes", ends)
        patch.setattr(replaying, "default_probes", ends)
        yield


@cache
def report_of(name):
    said = DECLARED[name]
    report, check = make.report_on(gradient_of(**said), "tests:declared", layer_dims=DIMS, **said)
    assert check, check
    return report


@pytest.fixture(scope="module", params=DECLARED)
def declared_report(request):
    return DECLARED[request.param], report_of(request.param)


@pytest.fixture(scope="module")
def relu():
    return report_of("relu and softmax")


# ---------------------------------------------------------------------- rechecked


def test_a_report_on_a_declared_network_is_confirmed_from_its_file(declared_report, tmp_path):
    said, report = declared_report
    again = load(written(report, tmp_path / "report.json"))
    assert declared(again["content"]["declaration"]) == Declaration.of(said)
    ledger = replay(again)
    assert ledger.outcome is Outcome.CONFIRMED, ledger


def test_it_differs_where_the_declaration_was_another(declared_report):
    _, report = declared_report
    found = report["content"]["declaration"]
    for key in found:
        other = {name: value for name, value in found.items() if name != key}
        try:
            ledger = replay(forged(changed(report, ("content", "declaration"), other)))
        except ReportError:
            continue  # of other names or shapes
        if key == "examples" and {"dA0"}.isdisjoint(report["measured"]["networks"][0]["gradient"]):
            continue  # a bias is a bias, in a row or in a column: nothing else of the gradient turns
        assert ledger.outcome is Outcome.DIFFERS, key


def test_the_gradient_is_recorded_as_it_was_given(declared_report):
    said, report = declared_report
    names = Declaration.of(said)
    recorded_names = set(report["measured"]["networks"][0]["gradient"])
    kinds = "Wb" if names.bias else "W"
    assert recorded_names == {names.name(f"d{kind}", l) for l in range(1, len(DIMS)) for kind in kinds}
    assert set(report["content"]["networks"][0]["parameters"]) == recorded_names
    case = cases(report)[0]
    given = gradient_of(**said)(*case.problem.copies())
    assert all(np.array_equal(case.grads[name], dV) for name, dV in given.items())


def test_a_certificate_is_of_a_mean_cost_without_penalties(declared_report):
    said, report = declared_report
    certificates = [evidence["certificate"] for evidence in report["measured"]["networks"]]
    plain = set(said).isdisjoint({"l1", "l2", "reduction", "bias"})
    assert [certificate is not None for certificate in certificates] == [plain, False]
    assert ("certificates: none, for" in page.table(report)) is not plain


def test_a_certificate_of_another_cost_differs(relu):
    """One of the cost without its penalty, in a report on the cost with it."""
    said = {**DECLARED["relu and softmax"], "l2": 0.5}
    report, _ = make.report_on(gradient_of(**said), "tests:declared", layer_dims=DIMS, **said)
    certificate = relu["measured"]["networks"][0]["certificate"]
    ledger = replay(forged(changed(report, ("measured", "networks", 0, "certificate"), certificate)))
    assert ledger.outcome is Outcome.DIFFERS
    assert "certificate: certificates are of a mean cost" in str(ledger)


def test_a_wrong_gradient_is_confirmed_to_be_wrong_with_its_cause(tmp_path, capsys):
    said = DECLARED["relu and softmax"]

    def negative(*arguments):
        return {key: -dV for key, dV in gradient_of(**said)(*arguments).items()}

    report, _ = make.report_on(negative, "tests:negative", layer_dims=DIMS, **said)
    assert report["content"]["causes"] == [["sign-flipped"]]
    assert main(["verify", str(written(report, tmp_path / "report.json"))]) == 1
    said = capsys.readouterr().out.splitlines()
    assert said[0].endswith("on tests:negative (hidden='relu', output='softmax') says WRONG")
    assert said[1] == "CONFIRMED"


def test_planted_faults_are_those_that_such_a_network_can_have(monkeypatch):
    monkeypatch.setattr(findings, "FAULTS", FAULTS)
    said = Declaration.of(DECLARED["relu and softmax"])
    faults = findings.faults(default_probes(DIMS, declaration=said)[:2], said)
    tried = {fault["name"] for fault in faults if fault["tried"]}
    assert {"mask-inverted", "sigmoid-derivative"} < tried
    assert tried.isdisjoint({"relu-derivative", "squared-error-loss", "penalty-missing"})
    assert all(fault["seen"] == fault["tried"] <= findings.PLANTED for fault in faults)


# ---------------------------------------------------------------------- the second witness


def test_the_second_witness_sees_a_small_error_in_every_array(declared_report):
    _, report = declared_report
    case = cases(report)[0]
    assert all(opinion.check for opinion in opinions(case.probe, case.problem).values())
    for moved in case.grads:
        size = np.abs(case.grads[moved])
        factor = np.where(size == size.max(), 1 + 1e-7, 1)
        grads = {key: dV * factor if key == moved else dV for key, dV in case.grads.items()}
        found = opinions(case.probe, case.problem.judging(grads))
        assert [key for key, opinion in found.items() if not opinion.check] == [moved]


@pytest.mark.parametrize("slope", [0, 0.5, 1])
def test_at_a_kink_it_accepts_each_slope_between_the_two_sides_and_no_other(slope, relu):
    case = cases(relu)[1]
    assert case.problem.at_kink

    def outcome(slope):
        """With a ReLU that has this slope at 0."""
        net = case.problem
        A = net.A
        dZ = (A[-1] - net.Y) / net.m
        grads = {}
        for l in range(net.L, 0, -1):
            grads |= {f"dW{l}": dZ @ A[l - 1].T, f"db{l}": dZ.sum(axis=1, keepdims=True)}
            Z = net.Z[l - 1] if l > 1 else np.empty(0)
            dZ = net.W[l].T @ dZ * np.where(Z == 0, slope, Z > 0) if l > 1 else dZ
        return all(opinion.check for opinion in opinions(case.probe, case.problem.judging(grads)).values())

    assert outcome(slope)
    assert not outcome(slope + 2)


# ---------------------------------------------------------------------- recorded, and read back


@pytest.mark.parametrize("name", DECLARED)
def test_a_declaration_is_read_back_as_it_was(name):
    said = Declaration.of(DECLARED[name])
    assert declared(json.loads(json.dumps(recorded(said)))) == said


def test_the_article_is_recorded_as_nothing():
    assert recorded(ARTICLE) == {}
    assert recorded(Declaration.of({"hidden": "sigmoid", "output": ("sigmoid", "cross_entropy"), "l2": 0})) == {}
    assert recorded(Declaration.of({"hidden": ["sigmoid"] * 2, "l1": OverM(0.0), "names": {"dW": "dW{l}"}})) == {}


def test_of_two_spellings_of_a_declaration_the_shorter_is_recorded():
    names = {"W": "w{l}", "dW": "dw{l}", "b": "b{l:01}", "db": ["db1", "grad2"]}
    said = Declaration.of({"hidden": ["tanh", "tanh"], "names": names})
    assert recorded(said) == {"hidden": "tanh", "names": {"W": "w{l}", "db": ["db1", "grad2"]}}
    names = {"W": ["w0", "last"], "dW": "dw{k}"}
    assert recorded(Declaration.of({"names": names})) == {"names": names}
    assert recorded(Declaration.of({"names": {"W": "{l:02}w"}})) == {"names": {"W": "{l:02d}w"}}


@pytest.mark.parametrize(
    ("declaration", "message"),
    [
        ({"hidden": (np.tanh, np.cosh)}, "hidden has functions of your own"),
        ({"hidden": (np.tanh, np.tanh)}, "hidden has functions of your own"),
        ({"hidden": ["relu", (np.tanh, np.cosh)]}, "hidden has functions of your own"),
        ({"hidden": [(np.tanh, np.cosh)] * 2}, "hidden has functions of your own"),
        ({"output": (np.tanh, np.cosh)}, "output has functions of your own"),
        ({"l1": lambda m: 1 / m}, "l1 is a function"),
        ({"l2": lambda m: 1 / m}, "l2 is a function"),
        ({"names": {"W": lambda l: f"w{l}"}}, r"names\['W'\] is a function"),
        ({"names": {"dW": "w{l.real}"}}, r"names\['dW'\] is 'w{l.real}'"),
        ({"l2": OverM(float("nan"))}, "l2 is nan"),
    ],
)
def test_what_a_report_cannot_hold_is_refused_by_name_before_any_work(declaration, message, monkeypatch):
    monkeypatch.setattr(make, "default_probes", None)
    with pytest.raises((TypeError, ValueError), match=message):
        make.report_on(right, "tests:right", **declaration)


HOSTILE = {
    "an attribute": {"names": {"W": "{l.__class__.__mro__}"}},
    "an item": {"names": {"b": "{l[0]}"}},
    "a width": {"names": {"W": "{l:>999999999999}"}},
    "a precision": {"names": {"W": "{l:.999999999f}"}},
    "a nested field": {"names": {"W": "{l:{k}}"}},
    "an argument": {"names": {"W": "{0}{l}"}},
    "no layer": {"names": {"W": "weights"}},
    "a name for activations": {"names": {"dA": "a{l}"}},
    "a long name": {"names": {"W": "w" * 150 + "{l}"}},
    "control characters": {"names": {"W": "\x1b[2J{l}"}},
    "invisible characters": {"names": {"W": "\u202e{l}"}},
    "a word of no activation": {"hidden": "os.system"},
    "an infinite slope": {"hidden": "leaky_relu(1e999)"},
    "a slope that is none": {"hidden": "leaky_relu(nan)"},
    "too few activations": {"hidden": ["relu"]},
    "too many activations": {"hidden": ["relu"] * 3},
    "no activations": {"hidden": []},
    "an activation for the cost": {"output": ["softmax", "softmax"]},
    "a cost that does not go with it": {"output": ["softmax", "squared_error"]},
    "a path": {"labels": "/etc/passwd"},
    "a negative penalty": {"l2": "-0x1.0000000000000p+0"},
    "an infinite penalty": {"l1": "inf"},
    "a penalty that is none": {"l1": {"over_m": "nan"}},
    "a penalty over something else": {"l1": {"over_n": "0x1.0000000000000p+0"}},
    "no penalty": {"l1": "0x0.0p+0"},
    "no step": {"step": "0x0.0p+0"},
    "an infinite step": {"step": "-inf"},
    "a bias": {"bias": True},
    "a word for the bias": {"bias": "no"},
    "another spelling": {"hidden": "sigmoid"},
    "one activation, twice": {"hidden": ["relu", "relu"]},
    "a name that it has anyway": {"names": {"W": "W{l}"}},
    "names that it has anyway": {"names": {"b": ["b1", "b2", "b3"]}},
    "a name that follows from that of W": {"names": {"W": "w{l}", "dW": "dw{l}"}},
    "a layer of one digit": {"names": {"W": "w{l:01d}"}},
    "a layer of two digits, without d": {"names": {"W": "w{l:02}"}},
    "nothing over m": {"l1": {"over_m": "0x0.0p+0"}},
    "another spelling of the output": {"output": "softmax"},
    "a key of no meaning": {"cost": "mine:cost"},
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_declaration_is_refused(what, relu, tmp_path):
    tampered = forged(changed(relu, ("content", "declaration"), HOSTILE[what]))
    path = written(tampered, tmp_path / "report.json")
    with pytest.raises(ReportError, match=r"declaration|one for each hidden layer: expected"):
        replay(load(path))


def test_names_of_a_gradient_are_those_of_the_declaration(relu):
    tampered = changed(
        relu,
        ("measured", "networks", 0, "gradient"),
        lambda found: {key.replace("d", "g"): V for key, V in found.items()},
    )
    with pytest.raises(ReportError, match="grads has no 'W1'"):
        replay(forged(tampered))


# ---------------------------------------------------------------------- seen


def test_the_page_and_the_table_say_the_network(relu, report):
    assert "network: hidden='relu', output='softmax'\n" in page.table(relu)
    assert "Network: hidden=&#x27;relu&#x27;, output=&#x27;softmax&#x27;." in page.page(relu, [])
    assert "network: the article's (sigmoid, mean cross-entropy)\n" in page.table(report)


def test_conventions_are_no_mathematics():
    said = Declaration.of(DECLARED["another library"])
    assert mathematics(said) == Declaration.of({"output": "softmax"})


def test_kinds_of_faults_are_counted_from_the_catalogue(report):
    faults = report["content"]["faults"]
    made = sum(fault["tried"] > 0 for fault in faults)
    assert 0 < made < len(faults)
    said = f"{made} of the catalogue's {len(faults)} kinds"
    assert said in page.table(report)
    assert said.replace("'", "&#x27;") in page.page(report, [])
