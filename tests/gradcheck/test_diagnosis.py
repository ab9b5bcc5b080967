"""Diagnosis: the cause is named when it reproduces the gradient, the structure described when nothing does."""

from dataclasses import replace

import numpy as np
import pytest
from backprops import homes, judged, played
from hypothesis import given
from hypothesis import strategies as st
from strategies import DECLARATIONS, few

from refnn.gradcheck import Verdict, check_backprop, check_gradients, check_network
from refnn.gradcheck.declaration import Declaration
from refnn.gradcheck.faults.catalogue import FAULTS
from refnn.gradcheck.faults.diagnosis import Case, diagnose
from refnn.gradcheck.faults.fault import ENTERED
from refnn.gradcheck.faults.hypotheses import at_layer, unfused
from refnn.gradcheck.faults.lines import backprop, forward
from refnn.gradcheck.faults.probes import default_probes
from refnn.gradcheck.faults.structure import structure
from refnn.gradcheck.problem import Problem
from refnn.gradcheck.verdict.judgement import Comparison, Estimate

SEEDS = st.integers(0, 2**32 - 1)
GENERIC, SQUARE = default_probes()[:2]


def case(params, X, Y, grads):
    """A gradient beside the right one, with a tolerance of 1e-14."""
    problem = Problem.of(params, X, Y).judging(grads)
    right = {key[1:]: V for key, V in backprop(forward(params, X, Y)).items()}
    estimates = {key: Estimate(V, np.zeros_like(V)) for key, V in right.items()}
    allowance = {key: np.full_like(V, 1e-14) for key, V in right.items()}
    return Case(problem, Comparison(problem.given, estimates, allowance))


def cause(gradient, seed=0, **words):
    """The faults named by `check_backprop`: one tuple for each cause, and the text."""
    check = judged(gradient, seed, **words)
    assert check.verdict is Verdict.WRONG
    return [c.faults for c in check.diagnosis.causes], str(check.diagnosis)


def with_lines(*lines):
    return lambda params, X, Y: backprop(forward(params, X, Y), lines)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", ["gradient-as-weights", "weights-updated-first"])
def test_a_fault_that_grows_from_layer_to_layer_is_named(name):
    words = {"hidden": "silu", "output": "identity"}
    assert cause(played(FAULTS[name], **words), every=True, **words)[0] == [(name,)]

    def infinite_here(params, X, Y):
        grads = FAULTS["missing-mean"].gradient(params, X, Y)
        return {key: V * np.inf if len(params) > 12 else V for key, V in grads.items()}

    assert cause(infinite_here, every=True)[0] == []


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
    for seed in range(2):
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


def test_two_faults_that_give_the_same_gradient_in_one_layer_are_both_named():
    def gradient(params, X, Y):
        grads = backprop(forward(params, X, Y, Declaration.of(softmax)))
        return grads | {f"db{len(params) // 2}": np.zeros((Y.shape[0], 1))}  # dZ_L adds up to 0 over the units, too

    softmax = {"output": "softmax"}
    named, text = cause(gradient, **softmax)
    assert sorted(named) == [("bias-gradient-zero",), ("bias-summed-over-units",)]
    assert text.count("in layer L only") == 2


@pytest.mark.parametrize("name", ["dW-transposed", "tanh-derivative", "bias-missing-mean", "last-example-only"])
def test_a_fault_in_one_layer_only_is_placed(name):
    for layer in (1, 2):
        lines = [at_layer(layer, line) for line in unfused(FAULTS[name].line)]
        probes = [p for p in default_probes() if len(p.params) == 6]
        check = check_backprop(with_lines(*lines), probes=probes, progress=False)
        assert [c.faults for c in check.diagnosis.causes] == [(name,)], str(check)
        assert f"{name}, in layer {layer} only" in str(check.diagnosis)


def test_a_wrong_derivative_in_the_output_layer_too_is_told_from_one_in_hidden_layers():
    """As in code that has dA_L = -(Y / A - (1 - Y) / (1 - A)), and the same derivative for every layer."""

    def gradient(params, X, Y):
        L, A, grads = len(params) // 2, [X], {}
        for l in range(1, L + 1):
            A.append(1 / (1 + np.exp(-(params[f"W{l}"] @ A[-1] + params[f"b{l}"]))))
        dA = -(Y / A[L] - (1 - Y) / (1 - A[L])) / Y.shape[1]
        for l in range(L, 0, -1):
            dZ = dA * (1 - A[l] ** 2)
            grads[f"dW{l}"], grads[f"db{l}"] = dZ @ A[l - 1].T, dZ.sum(axis=1, keepdims=True)
            dA = params[f"W{l}"].T @ dZ
        return grads

    for wrong in (gradient, with_lines(*unfused(FAULTS["tanh-derivative"].line))):
        named, text = cause(wrong)
        assert named == [("tanh-derivative",)], text
        assert "in the output layer too" in text


@pytest.mark.parametrize("name", ["double-sigmoid", "activation-as-derivative", "formula-in-A-of-Z"])
def test_a_wrong_derivative_at_the_output_of_a_squared_error_is_named(name):
    words = {"hidden": "relu", "output": ("tanh", "half_squared_error")}
    said, (_, output) = Declaration.of(words), unfused(FAULTS[name].line)
    named, text = cause(lambda *network: backprop(forward(*network, said), [output]), **words)
    assert named == [(name,)], text
    assert "in layer L only" in text


def squared_of_tanh(wrong):
    """The gradient of half the squared error of tanh layers, with one line as `wrong` says."""

    def gradient(params, X, Y):
        L, A, grads = len(params) // 2, [X], {}
        for l in range(1, L + 1):
            A.append(np.tanh(params[f"W{l}"] @ A[-1] + params[f"b{l}"]))
        error = (A[L] - Y) / Y.shape[1]
        dZ = error if wrong == "missing-output-derivative" else error * (1 - A[L] ** 2)
        for l in range(L, 0, -1):
            grads[f"dW{l}"], grads[f"db{l}"] = dZ @ A[l - 1].T, dZ.sum(axis=1, keepdims=True)
            error = params[f"W{l}"].T @ (error if wrong == "error-passed-down" else dZ)
            dZ = error * (1 - A[l - 1] ** 2)
        return grads

    return gradient


@pytest.mark.parametrize("name", ["missing-output-derivative", "error-passed-down"])
def test_a_fault_of_the_squared_error_is_named_in_other_peoples_code(name):
    words = {"hidden": "tanh", "output": ("tanh", "half_squared_error")}
    assert judged(squared_of_tanh(None), **words)
    named, text = cause(squared_of_tanh(name), **words)
    assert named == [(name,)], text


def test_the_output_activated_twice_is_named_in_other_peoples_code():
    """A cost of logits that is given A: its derivative by A is σ(A) - Y."""

    def gradient(params, X, Y):
        L, A, grads = len(params) // 2, [X], {}
        for l in range(1, L + 1):
            A.append(1 / (1 + np.exp(-(params[f"W{l}"] @ A[-1] + params[f"b{l}"]))))
        dZ = (1 / (1 + np.exp(-A[L])) - Y) / Y.shape[1] * A[L] * (1 - A[L])
        for l in range(L, 0, -1):
            grads[f"dW{l}"], grads[f"db{l}"] = dZ @ A[l - 1].T, dZ.sum(axis=1, keepdims=True)
            dZ = params[f"W{l}"].T @ dZ * A[l - 1] * (1 - A[l - 1])
        return grads

    named, text = cause(gradient)
    assert named == [("output-activated-twice",)], text


def test_the_output_layer_alone_is_named_across_depths():
    def gradient(params, X, Y):
        grads = backprop(forward(params, X, Y))
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


@few
@given(SEEDS)
def test_no_cause_is_named_that_does_not_reproduce_the_gradient(seed):
    rng = np.random.default_rng(seed)
    _, params, X, Y = GENERIC
    right = backprop(forward(params, X, Y))
    wrong = {
        key: V * (1 + rng.choice([1e-9, 1e-6, 1e-3, 1]) * rng.standard_normal(V.shape)) for key, V in right.items()
    }
    diagnosis = diagnose([case(params, X, Y, wrong)])
    assert diagnosis.causes == ()
    assert diagnosis.findings


FITTED = [name for name, fault in FAULTS.items() if fault.constant]  # what could fit anything
OF_EACH_LINE = {fault.line.name: name for name, fault in FAULTS.items()}


@pytest.mark.parametrize("name", sorted({*FITTED, *OF_EACH_LINE.values()}))
def test_a_fault_with_something_else_wrong_too_is_not_taken_for_the_cause(name):
    words = DECLARATIONS[homes(name)[0]]
    faulty = played(FAULTS[name], **words)

    def gradient(params, X, Y):
        grads = faulty(params, X, Y)
        grads["dW1"] = grads["dW1"] + 1e-6 * np.cos(np.arange(grads["dW1"].size)).reshape(grads["dW1"].shape)
        return grads

    named, text = cause(gradient, **words)
    assert named == [], text


def test_what_could_be_either_of_two_is_named_but_not_what_could_be_either_of_two_pairs(monkeypatch):
    twin = replace(FAULTS["bias-missing-mean"], name="its-twin")
    monkeypatch.setitem(ENTERED, "its-twin", twin)
    named, _ = cause(twin.gradient)
    assert sorted(named) == [("bias-missing-mean",), ("its-twin",)]
    named, _ = cause(with_lines(at_layer(1, twin.line)))
    assert sorted(named) == [("bias-missing-mean",), ("its-twin",)]
    named, text = cause(with_lines(FAULTS["sign-flipped"].line, twin.line))
    assert named == []
    assert "the mean over examples is missing, and the sign is flipped" in text


def test_points_where_the_gradient_is_right_count_against_a_cause():
    """Negative at one point and right at another: no sign was flipped in the formula."""
    cases = []
    for sign, (_, params, X, Y) in zip((-1, 1), (GENERIC, SQUARE)):
        cases.append(case(params, X, Y, {key: sign * V for key, V in backprop(forward(params, X, Y)).items()}))
    assert [c.faults for c in diagnose(cases[:1]).causes] == [("sign-flipped",)]
    assert diagnose(cases).causes == ()
    assert diagnose(cases[1:]) is None


def test_the_factor_m_and_a_single_entry_are_told_in_a_sentence():
    """WRONG, in dW1 only, by the factor 7 = m in every entry."""
    _, params, X, Y = GENERIC
    right = backprop(forward(params, X, Y))
    check = check_network(params, X, Y, {**right, "dW1": 7 * right["dW1"]}, progress=False)
    assert check.verdict is Verdict.WRONG
    assert [p.name for p in check.parameters if not p] == ["dW1"]
    assert check.cause == "dW1: 7 times the true gradient in every entry, m: the mean over examples is missing"
    spoiled = right["dW2"].copy()
    spoiled[3, 1] *= 1.001
    check = check_network(params, X, Y, {**right, "dW2": spoiled}, progress=False)
    assert check.cause.startswith("dW2: wrong in 1 of 30 entries: [3, 1] is")


def test_where_there_is_one_layer_alone_nothing_is_said_of_the_layer_where_the_error_starts():
    for probe, said in ((GENERIC, True), (default_probes()[3], False)):
        right = backprop(forward(*probe[1:]))
        wrong = {
            key: V + 0.01 * np.cos(np.arange(V.size)).reshape(V.shape) for key, V in right.items() if key[1] != "A"
        }
        found = check_network(*probe[1:], wrong, progress=False).diagnosis.findings
        assert any(finding.kind == "onset" for finding in found) is said


def test_findings_bear_the_names_of_the_gradient():
    _, params, X, Y = GENERIC
    wrong = {key[1:]: 7 * V for key, V in backprop(forward(params, X, Y)).items() if key[1] != "A"}
    for method in ("entries", "directions"):
        check = check_network(params, X, Y, {**wrong, "W3": wrong["W3"] ** 2}, method=method, progress=False)
        assert {p.name for p in check.parameters} == set(params)
        assert check.diagnosis.findings
        assert {name for finding in check.diagnosis.findings for name in finding.parameters} <= set(params)


# ---------------------------------------------------------------------- what is seen of an error that no bug explains

# On one square parameter "dW2" beside the right "dW1"; m = 7.
RNG = np.random.default_rng(0)
TRUE = {"dW1": RNG.standard_normal((4, 4)), "dW2": RNG.standard_normal((4, 4)), "db2": RNG.standard_normal((4, 1))}
T = TRUE["dW2"]


def spoil(index, value):
    V = T.copy()
    V[index] = value
    return V


SEEN = [
    ("factor", 7 * T, "7 times the true gradient in every entry, m: the mean over examples is missing"),
    ("factor", -7 * T, "m: the mean over examples is missing, and the sign is flipped"),
    ("factor", 0.5 * T, "0.5 times"),
    ("factor", np.pi * T, "3.14159 times"),
    ("factor", 1e-310 * T, "1e-310 times"),
    ("digits", (1 + 1e-9) * T, "right to 9 digits only"),
    ("sign", -T, "the sign is flipped in every entry"),
    ("zero", 0 * T, "zero in every entry"),
    ("swapped", TRUE["dW1"], "holds what belongs to dW1"),
    ("transposed", T.T, "the transpose of the true gradient"),
    ("row", spoil(2, 0.0), "wrong in row 2 only, where it is zero"),
    ("row", spoil(2, 3 * T[2]), "wrong in row 2 only, by the factor 3"),
    ("column", spoil((slice(None), 1), 1.0), "wrong in column 1 only"),
    ("entries", spoil((3, 1), 5.0), "wrong in 1 of 16 entries: [3, 1] is 5.0, not"),
    ("digits", T * (1 + 1e-7 * np.cos(np.arange(16)).reshape(4, 4)), "right to 7 digits only"),
    ("direction", np.arange(16.0).reshape(4, 4), "cosine"),
    ("not-finite", spoil((0, 0), np.nan), "1 of 16 entries are NaN or infinite"),
    ("shape", T[:3].T, "has shape (4, 3), expected (4, 4)"),
    ("shape", T.ravel(), "the entries of the true gradient in another shape"),
]


@pytest.mark.parametrize(("kind", "given", "text"), SEEN, ids=[text for _, _, text in SEEN])
def test_structure_says_what_it_sees(kind, given, text):
    tolerance = {key: 1e-14 * np.ones_like(V) for key, V in TRUE.items()}
    (finding,) = structure({**TRUE, "dW2": given}, TRUE, tolerance, factors={7: "m: the mean over examples is missing"})
    assert finding.parameters == ("dW2",)
    assert finding.kind == kind
    assert text in finding.text
    assert str(finding) == f"dW2: {finding.text}"


def test_parameters_that_differ_alike_share_a_finding():
    tolerance = {key: 1e-14 * np.ones_like(V) for key, V in TRUE.items()}
    nearly = {key: 2 * V * (1 + 4e-16 * RNG.standard_normal(V.shape)) for key, V in TRUE.items()}
    (finding,) = structure(nearly, TRUE, tolerance)
    assert finding.parameters == ("dW1", "dW2", "db2")
    assert structure(TRUE, TRUE, tolerance) == ()


def test_a_factor_has_its_name_whatever_the_signs_of_the_gradient():
    for truth in (np.array([1.0, 2.0, 0.5]), np.array([-1.0, -2.0, -0.5])):
        (found,) = structure({"dx": 7 * truth + 1e-15}, {"dx": truth}, {"dx": np.full(3, 1e-14)}, factors={7: "m"})
        assert found.text == "7 times the true gradient in every entry, m"


@pytest.mark.parametrize("factor", [50.0, -50.0, 0.02])
def test_a_factor_is_one_though_the_error_has_grown_with_it(factor):
    """And where the error has shrunk, rounding is still what it is."""
    truth, tolerance = np.array([1.0, -2.0, 3.0, 0.5]), np.full(4, 1e-6)
    off = 0.5 * tolerance * [1, 1, -1, -1] * max(1.0, abs(factor))
    (found,) = structure({"dx": factor * truth + off}, {"dx": truth}, {"dx": tolerance})
    assert found.kind == "factor"
    assert found.value == pytest.approx(factor, rel=1e-4)


def test_only_arrays_that_are_wrong_are_described():
    """a is imprecise where it saturates, as 1 - tanh² is, and undecided; b is wrong."""
    params = {"a": np.array([11.0, -12.0]), "b": np.array([1.0, 2.0])}
    given = {"a": 1 - np.tanh(params["a"]) ** 2, "b": 2.02 * params["b"]}
    check = check_gradients(lambda p: np.sum(np.tanh(p["a"])) + np.sum(p["b"] ** 2), params, given, progress=False)
    assert {part.name: str(part.verdict) for part in check.parameters} == {"a": "UNRELIABLE", "b": "WRONG"}
    assert [finding.parameters for finding in check.diagnosis.findings] == [("b",)]


@pytest.mark.parametrize("n", [3, 40, 3000])
def test_as_many_entries_are_described_as_are_counted(n):
    """Two are off by 1e-9, which a formula that cancels may be: undecided, and not of the error that is described."""
    x = np.random.default_rng(n).uniform(1, 2, n)
    given = 2 * x
    given[1] *= 2
    given[[0, 2]] *= 1 + 1e-9
    check = check_gradients(lambda p: float(np.real(np.sum(p**2))), x, given, progress=False)
    (part,), (finding,) = check.parameters, check.diagnosis.findings
    assert part.wrong == 1
    assert str(finding).startswith(f"params: wrong in 1 of {n} entries: [1] is ")
    assert n < 3000 or part.reason.startswith("wrong at params[1]")
    assert "params[2]" not in part.reason


def test_entries_that_are_wrong_and_small_beside_others_are_listed_however_many():
    t = np.array([1.0, *np.full(9, 1e-18)])
    (finding,) = structure({"x": np.where(t == 1, 1, 0)}, {"x": t}, {"x": 1e-9 * t})
    assert str(finding).startswith("x: wrong in 9 of 10 entries, where it is zero: [1] is 0.0, not 1e-18; ")


def test_the_entry_that_is_off_by_most_is_listed_first():
    t = np.array([*np.full(9, 100.0), 1.0])
    g = t + np.array([0, 1, 0, 0, 0, 0, 0, 0, 0, 5])
    (finding,) = structure({"x": g}, {"x": t}, {"x": 1e-9 * t})
    assert str(finding) == "x: wrong in 2 of 10 entries: [9] is 6.0, not 1.0; [1] is 101.0, not 100.0"


@pytest.mark.parametrize("size", [1e-200, 1e-44, 1.0, 1e200])
def test_gradients_whose_squares_leave_the_range_of_floats_are_described(size):
    rng = np.random.default_rng(0)
    g, t = size * rng.normal(size=(4, 5)), size * rng.normal(size=(4, 5))
    (finding,) = structure({"W": g}, {"W": t}, {"W": np.full((4, 5), 1e-9 * size)})
    assert finding.kind == "direction"
    assert finding.value == pytest.approx(
        np.sum(g / size * t / size) / np.linalg.norm(g / size) / np.linalg.norm(t / size)
    )


def test_of_what_the_witness_does_not_resolve_no_factor_is_named():
    for g in (231.0, -231.0):
        (finding,) = structure({"x": np.array([g])}, {"x": np.array([3e-5])}, {"x": np.array([2.8e-4])})
        assert finding.kind not in ("sign", "factor")
