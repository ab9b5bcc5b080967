"""check_network: the gradient of a sigmoid network at one point, entry by entry or along directions."""

import json
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from fractions import Fraction

import numpy as np
import pytest
from backprops import SCALES, by_logarithms, by_tanh, in_float32, plain, random_network, reference

import refnn
from refnn import Verdict, check_backprop, check_network
from refnn.gradcheck import network as judge
from refnn.gradcheck.declaration import Declaration
from refnn.gradcheck.faults.probes import default_probes
from refnn.gradcheck.witness import cancellation_free
from refnn.gradcheck.witness.directions import DIRECTIONS

DECIDED = (Verdict.PASS, Verdict.BLIND)  # at a saturated point some faults cannot show; that is said, and no alarm


@pytest.mark.parametrize("gradient", [reference, plain, by_tanh, by_logarithms, in_float32])
@pytest.mark.parametrize("scale", SCALES)
def test_right_formulas_never_raise_an_alarm(gradient, scale):
    rng = np.random.default_rng(int(100 * scale))
    for _ in range(12):
        params, X, Y = random_network(rng, scale)
        check = check_network(params, X, Y, gradient(params, X, Y), progress=False)
        assert check.verdict in DECIDED, str(check)


@pytest.mark.parametrize("scale", [0.01, 3.0])
@pytest.mark.parametrize("method", ["entries", "directions"])
def test_any_single_entry_off_by_a_thousandth_is_found_and_named(method, scale):
    rng = np.random.default_rng(2)
    params, X, Y = random_network(rng, scale, layers=3, width=5)
    grads = reference(params, X, Y)
    for key in params:
        for index in np.ndindex(params[key].shape):
            wrong = {k: V.copy() for k, V in grads.items()}
            wrong[f"d{key}"][index] *= 1.001
            check = check_network(params, X, Y, wrong, method=method, progress=False)
            assert check.verdict is Verdict.WRONG
            first = check.parameters[0]
            assert (first.name, first.worst.index, first.wrong) == (f"d{key}", index, 1)
            assert [p.name for p in check.parameters if not p] == [f"d{key}"]


def at_first():
    """The network with the article's initialisation."""
    (probe,) = (probe for probe in default_probes() if probe.name == "the article's initialisation")
    return probe[1:]


@pytest.mark.parametrize("method", ["entries", "directions"])
def test_a_first_layer_that_vanishes_and_is_given_as_zero_or_negated_is_wrong(method):
    params, X, Y = at_first()
    grads = reference(params, X, Y)
    assert np.max(np.abs(grads["dW1"])) < 1e-8
    for factor in (0, -1, 1 + 1e-6):
        check = check_network(params, X, Y, {**grads, "dW1": factor * grads["dW1"]}, method=method, progress=False)
        assert (check.verdict, check.parameters[0].name) == (Verdict.WRONG, "dW1")


@pytest.mark.parametrize("method", ["entries", "directions"])
@pytest.mark.parametrize("given", [1e-9, -1.0])
def test_a_gradient_where_no_path_leads_to_the_cost_is_wrong(given, method):
    """A unit whose weights upwards are all 0 has no part in the cost."""
    rng = np.random.default_rng(3)
    params = {f"{kind}{l}": rng.standard_normal((3, 3 if kind == "W" else 1)) for l in (1, 2) for kind in "Wb"}
    params["W2"][:, 1] = 0
    X, Y = rng.standard_normal((3, 4)), rng.random((3, 4))
    grads = reference(params, X, Y)
    assert not grads["dW1"][1].any()
    assert check_network(params, X, Y, grads, method=method, progress=False).verdict is Verdict.PASS
    grads["dW1"][1, 0] = given
    check = check_network(params, X, Y, grads, method=method, progress=False)
    assert (check.verdict, check.parameters[0].name) == (Verdict.WRONG, "dW1")
    assert check.parameters[0].worst.index == (1, 0)


def test_float64_arrays_computed_in_float32_are_wrong_and_the_cause_is_named():
    for _, params, X, Y in default_probes()[:5]:
        grads = {key: V.astype(np.float64) for key, V in in_float32(params, X, Y).items()}
        check = check_network(params, X, Y, grads, progress=False)
        assert check.verdict is Verdict.WRONG
        assert "float32-inside" in check.cause


def test_lost_digits_are_noted_and_how_many():
    rng = np.random.default_rng(0)
    params, X, Y = random_network(rng, 30.0, layers=4)
    check = check_network(params, X, Y, plain(params, X, Y), progress=False)
    assert check.verdict in DECIDED
    assert any("digits of float64 to rounding: right, but imprecise" in note for note in check.notes)
    assert max(p.digits_lost for p in check.parameters) > 4
    assert not check_network(params, X, Y, reference(params, X, Y), progress=False).notes


def test_a_network_of_three_units_in_each_layer_shows_faults_of_1e_13():
    """The bound on rounding is no wider than that takes."""
    _, params, X, Y = default_probes()[1]
    check = check_network(params, X, Y, reference(params, X, Y), progress=False)
    assert all(part.sees < 3e-13 for part in check.parameters)
    assert min(part.sees for part in check.parameters) < 6e-14


def test_activations_are_judged_where_they_are_given():
    params, X, Y = default_probes()[0][1:]
    grads = reference(params, X, Y)
    check = check_network(params, X, Y, grads, progress=False)
    assert {p.name for p in check.parameters} == set(grads)
    grads["dA1"] = grads["dA1"] * X.shape[1]
    check = check_network(params, X, Y, grads, progress=False)
    assert [p.name for p in check.parameters if not p] == ["dA1"]
    with pytest.raises(ValueError, match=r"grads\['dA1'\] has shape \(1,\), expected \(6, 7\)"):
        check_network(params, X, Y, {**grads, "dA1": np.ones(1)})


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("method", ["entries", "directions"])
def test_nan_and_infinity_never_pass(bad, method):
    params, X, Y = default_probes()[0][1:]
    grads = reference(params, X, Y)
    grads["db2"][1] = bad
    check = check_network(params, X, Y, grads, method=method, progress=False)
    assert (check.verdict, check.parameters[0].name) == (Verdict.WRONG, "db2")
    assert "NaN or infinite" in check.parameters[0].reason
    json.dumps(check.to_json(), allow_nan=False)


def test_witnesses_that_disagree_make_the_verdict_unreliable(monkeypatch):
    params, X, Y = default_probes()[0][1:]
    grads = reference(params, X, Y)
    honest = cancellation_free.cost_differences
    monkeypatch.setattr(cancellation_free, "cost_differences", lambda *a: 1.0001 * honest(*a))
    check = check_network(params, X, Y, grads, progress=False)
    assert check.verdict is Verdict.UNRELIABLE
    assert any(reason.startswith("the witnesses disagree along one direction of W1:") for reason in check.reasons)
    assert check.diagnosis is None


def test_a_large_network_takes_directions_and_names_the_entry(monkeypatch):
    monkeypatch.setattr(judge, "PER_ENTRY_WORK", 1e5)
    rng = np.random.default_rng(7)
    dims, params = (60, 50, 40, 5), {}
    for l in range(1, len(dims)):
        params[f"W{l}"] = rng.standard_normal((dims[l], dims[l - 1])) / np.sqrt(dims[l - 1])
        params[f"b{l}"] = rng.standard_normal((dims[l], 1))
    X, Y = rng.standard_normal((60, 16)), np.round(rng.random((5, 16)))
    grads = reference(params, X, Y)
    check = check_network(params, X, Y, plain(params, X, Y), progress=False)
    assert check.verdict is Verdict.PASS
    assert check.witnesses[0].evaluations == DIRECTIONS * len(params)
    smallest = np.unravel_index(np.argmin(np.abs(grads["dW2"])), grads["dW2"].shape)
    grads["dW2"][smallest] *= 1.001
    grads["dW1"][3, 5] *= -1
    check = check_network(params, X, Y, grads, progress=False)
    assert check.verdict is Verdict.WRONG
    found = {p.name: p.reason for p in check.parameters if not p}
    assert found == {"dW1": "wrong at dW1[3, 5]", "dW2": f"wrong at dW2[{smallest[0]}, {smallest[1]}]"}
    grads["dW3"] *= 16
    assert "dW3: 16 times" in check_network(params, X, Y, grads, progress=False).cause


@pytest.mark.parametrize("method", ["entries", "directions"])
def test_a_network_without_biases_is_judged_by_its_weights(method):
    params, X, Y = random_network(np.random.default_rng(2), 1.0, layers=3, width=5)
    weights = {key: V for key, V in params.items() if key[0] == "W"}
    with_zeros = {key: V * (key in weights) for key, V in params.items()}
    grads = {f"d{key}": reference(with_zeros, X, Y)[f"d{key}"] for key in weights}
    check = check_network(weights, X, Y, grads, method=method, progress=False, bias=False)
    assert check.verdict in DECIDED
    assert {part.name for part in check.parameters} == set(grads)
    wrong = {**grads, "dW1": 1.001 * grads["dW1"]}
    assert check_network(weights, X, Y, wrong, method=method, progress=False, bias=False).verdict is Verdict.WRONG


def test_executors_share_the_work_and_change_nothing():
    params, X, Y = default_probes()[1][1:]
    grads = reference(params, X, Y)
    alone = check_network(params, X, Y, grads, progress=False)
    for pool in (ThreadPoolExecutor(2), ProcessPoolExecutor(2)):
        with pool:
            assert check_network(params, X, Y, grads, executor=pool) == alone
            assert check_backprop(reference, executor=pool).verdict is Verdict.PASS


def test_nothing_of_the_callers_is_changed_and_read_only_arrays_do():
    params, X, Y = default_probes()[0][1:]
    grads = reference(params, X, Y)
    before = {key: V.copy() for key, V in {**params, **grads, "X": X, "Y": Y}.items()}
    for V in (*params.values(), *grads.values(), X, Y):
        V.flags.writeable = False
    assert check_network(params, X, Y, grads, progress=False)
    assert check_network(params, X, Y, grads, method="directions", progress=False)
    for key, V in {**params, **grads, "X": X, "Y": Y}.items():
        assert np.array_equal(V, before[key])


@pytest.mark.parametrize("scale", [1e100, 1e300, 1.7e308])
def test_numbers_that_take_differences_out_of_range_are_unreliable(scale):
    params, X, Y = random_network(np.random.default_rng(3), 1.0)
    params = {key: np.sign(V) * scale for key, V in params.items()}
    check = check_network(params, X, Y, {f"d{key}": np.zeros(V.shape) for key, V in params.items()})
    assert check.verdict is Verdict.UNRELIABLE
    assert "out of the range of floats" in check.reasons[0]


def test_units_at_a_kink_are_counted_in_a_note():
    name, params, X, Y = default_probes(declaration=Declaration.of({"hidden": "relu"}))[-1]
    assert name == "exactly at a kink"
    AL, caches = refnn.forward_prop(X, params, hidden="relu")
    check = check_network(params, X, Y, refnn.backprop(AL, Y, caches, hidden="relu"), hidden="relu")
    assert check, str(check)
    at_kink = sum(int((Z == 0).sum()) for _, Z in caches[:-1])
    assert at_kink
    assert f"{at_kink} of the Z stand exactly at a kink" in check.notes[0]


@pytest.mark.parametrize("method", ["entries", "directions"])
@pytest.mark.parametrize("given", [np.inf, 0.0])
def test_a_penalty_that_takes_the_gradient_out_of_range_is_unreliable(given, method):
    params, X, Y = random_network(np.random.default_rng(3), 1.0)
    params = {key: np.clip(V, -1, 1) for key, V in params.items()}
    params["W1"][0, 0] = 2.0  # this one alone
    grads = {f"d{key}": np.full(V.shape, given) for key, V in params.items()}
    check = check_network(params, X, Y, grads, l2=1e308, method=method)
    assert check.verdict is Verdict.UNRELIABLE
    assert "numbers as large as 1.0e+308" in check.reasons[0]


@pytest.mark.parametrize(
    ("changes", "error", "text"),
    [
        ({"X": np.ones((3, 7))}, ValueError, r"X has shape \(3, 7\), expected \(4, m\)"),
        ({"Y": np.ones((3, 6))}, ValueError, r"Y has shape \(3, 6\), expected \(3, 7\)"),
        ({"Y": np.full((3, 7), 2.0)}, ValueError, r"Y\[0, 0\] is 2.0, expected a label in \[0, 1\]"),
        ({"X": np.full((4, 7), np.nan)}, ValueError, r"X\[0, 0\] is nan, expected a finite number"),
        ({"X": np.full((4, 7), 1j)}, TypeError, "X has dtype complex128, expected real numbers"),
        ({"params": {"W1": np.ones((2, 2))}}, ValueError, "params has no 'b1'"),
    ],
)
def test_networks_that_do_not_fit_are_refused(changes, error, text):
    _, params, X, Y = default_probes()[0]
    arguments = {"params": params, "X": X, "Y": Y, **changes}
    with pytest.raises(error, match=text):
        check_network(**arguments, grads=reference(params, X, Y))


def test_a_network_with_a_function_of_ones_own_is_left_to_another_check():
    _, params, X, Y = default_probes()[0]
    own = (np.tanh, lambda Z: 1 - np.tanh(Z) ** 2)
    with pytest.raises(
        ValueError,
        match=r"hidden=\(<ufunc 'tanh'>, <function .*>\): functions of one's own are judged by check_backprop",
    ):
        check_network(params, X, Y, reference(params, X, Y), hidden=own)


@pytest.mark.parametrize(
    ("changes", "error", "name"),
    [
        ({"X": [[1.0], [1.0, 2.0]]}, ValueError, "X has rows of different lengths"),
        ({"reduction": np.array(["mean", "sum"])}, ValueError, "reduction is "),
        ({"method": np.zeros(2, [("a", float)])}, ValueError, "method is "),
        ({"seed": None}, TypeError, "seed is None"),
        (
            {"params": {"W1": np.array([[Fraction(1, 3)]]), "b1": [[0.5]]}},
            TypeError,
            r"params\['W1'\] has dtype object",
        ),
    ],
)
def test_whatever_stands_in_an_argument_its_name_is_said(changes, error, name):
    network = {
        "params": {"W1": [[0.5]], "b1": [[0.5]]},
        "X": [[0.5]],
        "Y": [[0.5]],
        "grads": {"dW1": [[0.5]], "db1": [[0.5]]},
    }
    with pytest.raises(error, match=name):
        check_network(**network | changes)


def test_a_gradient_so_small_that_its_square_is_zero_is_described():
    params, X, Y = {"W1": [[0.34558419]], "b1": [[0.12573022]]}, [[100.58417687]], [[0.63696169]]
    check = check_network(params, X, Y, {"dW1": [[0.12573022]], "db1": [[1.255e-321]]})
    assert check.verdict is Verdict.WRONG
    assert any("e-321 times as long" in finding.text for finding in check.diagnosis.findings)
