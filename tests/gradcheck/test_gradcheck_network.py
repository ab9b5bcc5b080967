"""check_network and check_backprop: gradients of the sigmoid network, theirs and other people's."""

import json

import numpy as np
import pytest

from refnn import Verdict, backprop, check_network, forward_prop
from refnn.gradcheck.faults.probes import default_probes
from refnn.gradcheck.problem import cost, network
from refnn.gradcheck.witness import cancellation_free

SCALES = (0.01, 0.1, 1.0, 10.0, 50.0)
DECIDED = (Verdict.PASS, Verdict.BLIND)  # at a saturated point some faults cannot show; that is said, and no alarm


def random_network(rng, scale, layers=8, width=7):
    dims = rng.integers(1, width, rng.integers(2, layers + 2))
    params = {}
    for l in range(1, len(dims)):
        params[f"W{l}"] = scale * rng.standard_normal((dims[l], dims[l - 1]))
        params[f"b{l}"] = scale * rng.standard_normal((dims[l], 1))
    m = int(rng.integers(2, 9))
    Y = rng.random((dims[-1], m))
    return params, rng.standard_normal((dims[0], m)), np.round(Y) if rng.random() < 0.5 else Y


def reference(params, X, Y):
    AL, caches = forward_prop(X, params)
    return backprop(AL, Y, caches)


def plain(params, X, Y, dtype=np.float64, sigmoid=lambda Z: 1 / (1 + np.exp(-Z))):
    """The formulas that most people write: A - Y at the output and A (1 - A) in the layers below."""
    params = {key: V.astype(dtype) for key, V in params.items()}
    A, Y, m, L = [X.astype(dtype)], Y.astype(dtype), dtype(X.shape[1]), len(params) // 2
    with np.errstate(all="ignore"):
        for l in range(1, L + 1):
            A.append(sigmoid(params[f"W{l}"] @ A[-1] + params[f"b{l}"]))
        dZ, grads = A[L] - Y, {}
        for l in range(L, 0, -1):
            grads[f"dW{l}"] = dZ @ A[l - 1].T / m
            grads[f"db{l}"] = dZ.sum(axis=1, keepdims=True) / m
            dZ = params[f"W{l}"].T @ dZ * A[l - 1] * (1 - A[l - 1])
    return grads


def by_tanh(params, X, Y):
    return plain(params, X, Y, sigmoid=lambda Z: (1 + np.tanh(Z / 2)) / 2)


def by_logarithms(params, X, Y):
    """As automatic differentiation of log(1 + exp Z) - Y Z goes about it."""
    grads = plain(params, X, Y)
    L = len(params) // 2
    A = [X, *(cache[0][0] for cache in forward_prop(X, params)[1][1:])]
    Z = params[f"W{L}"] @ A[-1] + params[f"b{L}"]
    dZ = (np.exp(Z - np.logaddexp(0, Z)) - Y) / X.shape[1]
    return {**grads, f"dW{L}": dZ @ A[L - 1].T, f"db{L}": dZ.sum(axis=1, keepdims=True)}


def in_float32(params, X, Y):
    return plain(params, X, Y, np.float32)


@pytest.mark.parametrize("gradient", [reference, plain, by_tanh, by_logarithms, in_float32])
@pytest.mark.parametrize("scale", SCALES)
def test_right_formulas_never_raise_an_alarm(gradient, scale):
    rng = np.random.default_rng(int(100 * scale))
    for _ in range(30):
        params, X, Y = random_network(rng, scale)
        check = check_network(params, X, Y, gradient(params, X, Y), progress=False)
        assert check.verdict in DECIDED, str(check)


@pytest.mark.parametrize("scale", SCALES)
def test_the_witness_stays_within_half_of_its_error_bound_of_the_reference(scale):
    rng = np.random.default_rng(1)
    for _ in range(20):
        params, X, Y = random_network(rng, scale)
        net = network(params, X, Y)
        grads = reference(params, X, Y)
        for key, estimate in cancellation_free.estimates(net, range(net.L), progress=False).items():
            gap = np.abs(estimate.value - grads[f"d{key}"])
            assert (gap <= estimate.error / 2 + estimate.underflow).all()


def test_the_witness_knows_a_vanishing_gradient_to_twelve_digits():
    params, X, Y = default_probes()[-1][1:]
    found = cancellation_free.estimates(network(params, X, Y), progress=False)
    assert np.median(np.abs(found["W1"].value)) < 1e-9
    for key, estimate in found.items():
        assert np.median(estimate.error / np.abs(estimate.value)) < 1e-12, key


@pytest.mark.parametrize("scale", [0.01, 1.0, 3.0])
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


@pytest.mark.parametrize("method", ["entries", "directions"])
def test_a_first_layer_that_vanishes_and_is_given_as_zero_or_negated_is_wrong(method):
    params, X, Y = default_probes()[-1][1:]
    grads = reference(params, X, Y)
    assert np.max(np.abs(grads["dW1"])) < 1e-8
    for factor in (0, -1, 1 + 1e-6):
        check = check_network(params, X, Y, {**grads, "dW1": factor * grads["dW1"]}, method=method, progress=False)
        assert (check.verdict, check.parameters[0].name) == (Verdict.WRONG, "dW1")


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


def test_the_cost_that_the_complex_step_takes_is_that_of_the_network():
    from refnn import logistic_cost

    rng = np.random.default_rng(4)
    for scale in SCALES:
        params, X, Y = random_network(rng, scale)
        expected = logistic_cost(forward_prop(X, params)[1][-1][1], Y)
        assert cost(params, X, Y) == pytest.approx(expected, rel=1e-12)
