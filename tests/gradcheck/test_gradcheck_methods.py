"""numerical_gradient, float32, witnesses against each other, executors, and the steps of central differences."""

from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pytest
from test_gradcheck import logistic, logistic_gradient, points

from refnn import Verdict, check_gradients, numerical_gradient
from refnn.gradcheck import check
from refnn.gradcheck.witness import central, complex_step, sums
from refnn.gradcheck.witness.bisection import DIRECTIONS


@pytest.mark.parametrize("method", ["central", "complex", "auto"])
def test_numerical_gradient_matches_the_formula(method):
    for f, gradient, params in points(1.0):
        found = numerical_gradient(f, params, method=method)
        for key, V in gradient(params).items():
            name = key if key in found else key[1:]
            tolerance = 1e-9 if method == "central" else 1e-13
            np.testing.assert_allclose(found[name], V, rtol=tolerance, atol=tolerance)
            assert found[name].shape == params[name].shape


def test_a_float32_function_and_gradient_are_judged_as_float32():
    params = {"w": np.array([0.5, -1, 2, 0.1]), "b": np.array(0.2)}

    def f(p):
        return np.float32(logistic({key: V.astype(np.float32) for key, V in p.items()}))

    single = {key: V.astype(np.float32) for key, V in logistic_gradient(params).items()}
    result = check_gradients(f, params, single)
    assert result.verdict is Verdict.PASS, str(result)
    assert any("float32" in note for note in result.notes)
    assert check_gradients(logistic, params, single)  # a float64 f, and a gradient in float32
    pretended = {key: V.astype(np.float64) for key, V in single.items()}
    assert check_gradients(logistic, params, pretended).verdict is Verdict.WRONG
    single["dw"] *= np.float32(1.01)
    assert check_gradients(f, params, single).verdict is Verdict.WRONG


def test_float32_parameters_are_differentiated_in_float64_where_f_allows():
    params = {"w": np.array([0.5, -1, 2, 0.1], np.float32), "b": np.array(0.2, np.float32)}
    grads = {key: V.astype(np.float32) for key, V in logistic_gradient(params).items()}
    result = check_gradients(logistic, params, grads)
    assert result.verdict is Verdict.PASS
    assert all(p.worst.tolerance < 1e-5 for p in result.parameters)


def test_a_function_made_for_float32_alone_is_given_float32():
    def f(p):
        if p["w"].dtype != np.float32:
            raise TypeError("expected float32")
        return np.sum(p["w"] ** 2)

    w = np.array([1.0, -2, 3], np.float32)
    assert check_gradients(f, {"w": w}, {"w": 2 * w}).verdict is Verdict.PASS
    assert check_gradients(f, {"w": w}, {"w": 3 * w}).verdict is Verdict.WRONG


def test_a_wrong_witness_is_contradicted_by_the_other_and_the_verdict_is_unreliable(monkeypatch):
    true_entries = complex_step.entries
    monkeypatch.setattr(complex_step, "entries", lambda *arguments: 1.01 * true_entries(*arguments))
    params = {"w": np.array([0.5, -1, 2, 0.1]), "b": np.array(0.2)}
    result = check_gradients(logistic, params, logistic_gradient(params))
    assert result.verdict is Verdict.UNRELIABLE
    assert all(reason.startswith("the witnesses disagree at ") for reason in result.reasons)
    assert result.diagnosis is None


def test_the_exact_method_runs_over_a_finite_field():
    def f(p):
        return np.sum(np.exp(p["w"]) * p["w"])

    params = {"w": np.ones((2, 3))}
    right = check_gradients(f, params, lambda p: {"dw": np.exp(p["w"]) * (p["w"] + 1)}, method="exact")
    assert right.verdict is Verdict.PASS
    assert right.tolerance.startswith("zero")
    wrong = check_gradients(f, params, lambda p: {"dw": np.exp(p["w"]) * p["w"]}, method="exact")
    assert (wrong.verdict, wrong.parameters[0].wrong) == (Verdict.WRONG, 6)
    with pytest.raises(TypeError, match="expected a callable grads"):
        check_gradients(f, params, {"w": np.ones((2, 3))}, method="exact")


def test_an_executor_gives_the_same_result():
    f, gradient, params = points(1.0)[1]
    alone = check_gradients(f, params, gradient(params))
    for pool in (ThreadPoolExecutor(2), ProcessPoolExecutor(2)):
        with pool:
            assert check_gradients(f, params, gradient(params), executor=pool) == alone


def test_many_entries_take_directions_and_few_evaluations(monkeypatch):
    monkeypatch.setattr(check, "PER_ENTRY", 100)
    w = np.random.default_rng(1).standard_normal(5000)
    result = check_gradients(lambda p: np.sum(np.sin(p["w"])), {"w": w}, {"w": np.cos(w)})
    assert result.verdict is Verdict.PASS
    assert result.witnesses[0].witness == "complex step along random directions"
    assert result.witnesses[0].evaluations == DIRECTIONS * (complex_step.NEIGHBOURS + 1)
    wrong = np.cos(w)
    wrong[[17, 4000]] *= 1.001
    result = check_gradients(lambda p: np.sum(np.sin(p["w"])), {"w": w}, {"w": wrong})
    assert result.parameters[0].reason == "wrong at w[17], w[4000]"
    everywhere = check_gradients(lambda p: np.sum(np.sin(p["w"])), {"w": w}, {"w": 3 * np.cos(w)})
    assert "of 64 entries taken at random 64 are wrong" in everywhere.parameters[0].reason
    assert "3 times" in everywhere.cause
    assert sums.FAINT > 0


def test_the_table_shows_the_worst_first_and_the_entry():
    params = {"w": np.array([0.5, -1, 2, 0.1]), "b": np.array(0.2)}
    grads = logistic_gradient(params)
    grads["db"] = 2 * grads["db"]
    text = str(check_gradients(logistic, params, grads))
    lines = text.splitlines()
    assert lines[0] == "WRONG"
    assert lines[1].startswith("cause: db")
    assert [line.split()[0] for line in lines[2:5]] == ["gradient", "db", "dw"]
    assert "1 of 1" in lines[3]


@pytest.mark.parametrize("width", [0.1, 0.3, 1.0, 10.0])
def test_a_faint_saturation_does_not_deceive_central_differences(width):
    for amplitude in np.geomspace(1e-17, 1, 120):
        for start in (0.1, 0.7):

            def f(t, a=amplitude, s=start):
                return 1 + a * np.tanh(t / width + s)

            found = central.derivative(central.Curve(f, f(0), 1e-16), 1.0)
            slope = amplitude / width / np.cosh(start) ** 2
            assert abs(found.value - slope) <= found.error


@pytest.mark.parametrize("distance", np.geomspace(1e-4, 1, 40))
def test_a_kink_beside_the_point_does_not_deceive_central_differences(distance):
    def f(t):
        return 1 + t + 3 * abs(t - distance) + 0.1 * t**2

    found = central.derivative(central.Curve(f, f(0), 1e-16), 1.0)
    assert abs(found.value + 2) <= found.error
    assert found.error < 1e-3


def test_the_step_of_central_differences_goes_up_where_f_is_flat_and_down_where_it_bends():
    flat = central.derivative(central.Curve(lambda t: 1 + 1e-9 * t, 1.0, 1e-16), 1.0)
    assert abs(flat.value - 1e-9) <= flat.error < 1e-15
    sharp = central.derivative(central.Curve(lambda t: float(np.sin(1e4 * t)), 0.0, 1e-16), 1.0)
    assert abs(sharp.value - 1e4) <= sharp.error < 1e-6


@pytest.mark.parametrize("given", [0.0, 1.0, 2.002])
def test_small_entries_of_an_array_are_judged_as_sharply_as_its_large_ones(given):
    x = np.array([1e-8, 1.0, 1e8])
    right = {"x": 2 * x}
    assert check_gradients(lambda p: np.sum(p["x"] ** 2), {"x": x}, right)
    check = check_gradients(lambda p: np.sum(p["x"] ** 2), {"x": x}, {"x": x * [given, 2, 2]})
    assert check.verdict is Verdict.WRONG


def test_a_straight_function_allows_its_sums_another_order():
    for seed in range(40):
        rng = np.random.default_rng(seed)
        X, W = rng.standard_normal((20, 3)), rng.standard_normal((3, 4))
        grads = {"W": X.T @ (X @ W > 0).astype(float)}
        assert check_gradients(lambda p, X=X: np.sum(np.maximum(X @ p["W"], 0)), {"W": W}, grads)
