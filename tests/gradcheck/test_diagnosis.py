"""Diagnosis: the cause is named when it reproduces the gradient, the structure described when nothing does."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refnn.gradcheck import Verdict, check_backprop, check_network
from refnn.gradcheck.faults import fault as _fault
from refnn.gradcheck.faults.catalogue import FAULTS
from refnn.gradcheck.faults.diagnosis import Case, diagnose, diagnose_all
from refnn.gradcheck.faults.hypotheses import _at, _unfused
from refnn.gradcheck.faults.lines import backprop
from refnn.gradcheck.faults.probes import default_probes

SEEDS = st.integers(0, 2**32 - 1)
GENERIC, SQUARE = default_probes()[:2]


def cause(gradient, seed=0):
    """The faults named by `check_backprop`: one tuple for each cause, and the text."""
    check = check_backprop(gradient, seed=seed, progress=False)
    assert check.verdict is Verdict.WRONG
    return [c.faults for c in check.diagnosis.causes], str(check.diagnosis)


def with_lines(*lines):
    return lambda params, X, Y: backprop(params, X, Y, lines)


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_alone_is_named_and_nothing_else(name):
    for seed in range(4):
        named, text = cause(FAULTS[name].gradient, seed)
        assert named == [(name,)], text
        assert FAULTS[name].equation in text


def another_way(fault):
    """The same bug in code that computes differently: σ' = A (1 - A), dZ_L = A - Y, sums by einsum."""
    changes = {"missing-mean": "m", "sign-flipped": "-1", "tanh-derivative": "1 - A²", "activation-as-derivative": "A"}
    assert fault in changes

    def gradient(params, X, Y):
        L, A, m = len(params) // 2, [X], Y.shape[1]
        for l in range(1, L + 1):
            A.append(0.5 + 0.5 * np.tanh(0.5 * (np.einsum("ij,jk->ik", params[f"W{l}"], A[-1]) + params[f"b{l}"])))
        dZ, grads = (A[L] - Y) / m, {}
        dZ = {"missing-mean": m, "sign-flipped": -1}.get(fault, 1) * dZ
        for l in range(L, 0, -1):
            grads[f"dW{l}"] = np.einsum("ik,jk->ij", dZ, A[l - 1])
            grads[f"db{l}"] = np.einsum("ik->i", dZ)[:, None]
            a = A[l - 1]
            slope = {"tanh-derivative": 1 - a**2, "activation-as-derivative": a}.get(fault, a * (1 - a))
            dZ = np.einsum("ij,ik->jk", params[f"W{l}"], dZ) * slope
        return grads

    return gradient


@pytest.mark.parametrize("name", ["missing-mean", "sign-flipped", "tanh-derivative", "activation-as-derivative"])
def test_it_is_named_in_other_peoples_arithmetic_too(name):
    for seed in range(4):
        named, text = cause(another_way(name), seed)
        assert named == [(name,)], text


@pytest.mark.parametrize("name", ["missing-mean", "tanh-derivative", "weights-not-transposed", "bias-missing-mean"])
def test_a_float32_implementation_gets_the_same_diagnosis(name):
    def gradient(params, X, Y):
        return {key: V.astype(np.float32) for key, V in FAULTS[name].gradient(params, X, Y).items()}

    named, text = cause(gradient)
    assert named == [(name,)], text


PAIRS = [
    ("missing-mean", "tanh-derivative"),
    ("bias-gradient-zero", "sign-flipped"),
    ("bias-summed-over-units", "missing-hidden-derivative"),
    ("squared-error-loss", "mean-over-outputs"),
    ("labels-flipped", "missing-mean"),
    ("last-example-only", "weights-not-transposed"),
    ("dW-transposed", "extra-output-derivative"),
    ("first-layer-zero", "missing-mean"),
    ("article-dA-convention", "bias-missing-mean"),
]


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_two_faults_at_once_are_both_named(one, other):
    named, text = cause(with_lines(FAULTS[one].line, FAULTS[other].line))
    assert named == [tuple(sorted((one, other)))], text


@pytest.mark.parametrize("name", ["dW-transposed", "tanh-derivative", "bias-missing-mean", "last-example-only"])
def test_a_fault_in_one_layer_only_is_placed(name):
    for layer in (1, 2):
        lines = [_at(layer, line) for line in _unfused(FAULTS[name].line)]
        probes = [p for p in default_probes() if len(p.params) == 6]
        check = check_backprop(with_lines(*lines), probes=probes, progress=False)
        assert [c.faults for c in check.diagnosis.causes] == [(name,)], str(check)
        assert f"{name}, in layer {layer} only" in str(check.diagnosis)


def test_a_wrong_derivative_in_the_output_layer_too_is_told_from_one_in_hidden_layers():
    named, text = cause(with_lines(*_unfused(FAULTS["tanh-derivative"].line)))
    assert named == [("tanh-derivative",)]
    assert "in the output layer too" in text


def test_the_output_layer_alone_is_named_across_depths():
    def gradient(params, X, Y):
        grads = backprop(params, X, Y)
        grads[f"db{len(params) // 2}"] *= Y.shape[1]
        return grads

    named, text = cause(gradient)
    assert named == [("bias-missing-mean",)]
    assert "in layer L only" in text


@pytest.mark.parametrize("rate", [0.01, 0.1, 0.0123, 3.0])
def test_the_learning_rate_of_weights_updated_first_is_found(rate):
    named, text = cause(with_lines(FAULTS["weights-updated-first"].set_to(rate)))
    assert named == [("weights-updated-first",)], text
    assert rate == 1 or f"λ = {rate:g}" in text


@pytest.mark.parametrize("epsilon", [1e-12, 1e-10, 1e-5, 1e-3])
def test_the_epsilon_of_a_clip_is_found(epsilon):
    named, text = cause(with_lines(FAULTS["clipped-probabilities"].set_to(epsilon)))
    assert named == [("clipped-probabilities",)], text
    assert f"ε = {epsilon:g}" in text


def test_the_fault_and_float32_are_both_named():
    def gradient(params, X, Y):
        return {key: np.float64(np.float32(V)) for key, V in FAULTS["missing-mean"].gradient(params, X, Y).items()}

    named, text = cause(gradient)
    assert named == [("float32-inside", "missing-mean")], text


def test_a_key_that_is_missing_or_zero_is_the_same_bug():
    right = backprop(*GENERIC[1:])
    lost = {key: V for key, V in right.items() if key not in ("dW3", "db3")}
    tolerance = {key: 1e-14 * np.ones_like(V) for key, V in right.items()}
    diagnosis = diagnose(*GENERIC[1:], lost, right, tolerance)
    assert [c.faults for c in diagnosis.causes] == [("output-layer-overwritten",)]


@given(SEEDS)
def test_no_cause_is_named_that_does_not_reproduce_the_gradient(seed):
    rng = np.random.default_rng(seed)
    _, params, X, Y = GENERIC
    right = backprop(params, X, Y)
    wrong = {
        key: V * (1 + rng.choice([1e-9, 1e-6, 1e-3, 1]) * rng.standard_normal(V.shape)) for key, V in right.items()
    }
    tolerance = {key: 1e-14 * np.ones_like(V) for key, V in right.items()}
    diagnosis = diagnose(params, X, Y, wrong, right, tolerance)
    assert diagnosis.causes == ()
    assert diagnosis.findings


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_with_something_else_wrong_too_is_not_taken_for_the_cause(name):
    def gradient(params, X, Y):
        grads = FAULTS[name].gradient(params, X, Y)
        grads["dW1"] = grads["dW1"] + 1e-6 * np.cos(np.arange(grads["dW1"].size)).reshape(grads["dW1"].shape)
        return grads

    named, text = cause(gradient)
    assert named == [], text


def test_what_could_be_either_of_two_is_not_named_unless_both_are_simple(monkeypatch):
    twin = replace(FAULTS["bias-missing-mean"], name="its-twin")
    monkeypatch.setitem(_fault.catalogue, "its-twin", twin)
    named, _ = cause(twin.gradient)
    assert sorted(named) == [("bias-missing-mean",), ("its-twin",)]
    named, text = cause(with_lines(_at(1, twin.line)))
    assert named == []
    assert "the mean over examples is missing" in text


def test_points_where_the_gradient_is_right_count_against_a_cause():
    """Negative at one point and right at another: no sign was flipped in the formula."""
    cases = []
    for sign, (_, params, X, Y) in zip((-1, 1), (GENERIC, SQUARE)):
        right = backprop(params, X, Y)
        tolerance = {key: 1e-14 * np.ones_like(V) for key, V in right.items()}
        cases.append(Case(params, X, Y, {key: sign * V for key, V in right.items()}, right, tolerance))
    assert [c.faults for c in diagnose_all(cases[:1]).causes] == [("sign-flipped",)]
    assert diagnose_all(cases).causes == ()
    assert diagnose_all(cases[1:]) is None


def test_the_factor_m_and_a_single_entry_are_told_in_a_sentence():
    """WRONG, in dW1 only, by the factor 7 = m in every entry."""
    _, params, X, Y = GENERIC
    right = backprop(params, X, Y)
    check = check_network(params, X, Y, {**right, "dW1": 7 * right["dW1"]}, progress=False)
    assert check.verdict is Verdict.WRONG
    assert [p.name for p in check.parameters if not p] == ["dW1"]
    assert check.cause == "dW1: 7 times the true gradient in every entry, m: the mean over examples is missing"
    spoiled = right["dW2"].copy()
    spoiled[3, 1] *= 1.001
    check = check_network(params, X, Y, {**right, "dW2": spoiled}, progress=False)
    assert check.cause.startswith("dW2: wrong in 1 of 30 entries: [3, 1] is")
