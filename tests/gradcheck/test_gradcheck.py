"""check_gradients and numerical_gradient: any function of a dict of arrays."""

import json

import numpy as np
import pytest

from refnn import Verdict, backprop, check_gradients, forward_prop, init_params, logistic_cost

METHODS = ("auto", "complex", "central", "directions")
rng = np.random.default_rng(0)
DATA, LABELS = rng.standard_normal((60, 4)), np.round(rng.random(60))
TARGETS = rng.standard_normal((2, 60))


def logistic(p):
    z = DATA @ p["w"] + p["b"]
    return np.mean(np.log1p(np.exp(-z)) + (1 - LABELS) * z)


def logistic_gradient(p):
    r = (1 / (1 + np.exp(-(DATA @ p["w"] + p["b"]))) - LABELS) / len(LABELS)
    return {"dw": DATA.T @ r, "db": np.asarray(r.sum())}


def tanh_network(p):
    return np.sum((p["V"] @ np.tanh(p["U"] @ DATA.T + p["c"]) - TARGETS) ** 2) / 120


def tanh_network_gradient(p):
    H = np.tanh(p["U"] @ DATA.T + p["c"])
    R = (p["V"] @ H - TARGETS) / 60
    D = p["V"].T @ R * (1 - H**2)
    return {"U": D @ DATA, "c": D.sum(axis=1, keepdims=True), "V": R @ H.T}


def cubic(p):
    return np.sum(p["x"] ** 3) * np.cos(p["t"])


def cubic_gradient(p):
    return {"x": 3 * p["x"] ** 2 * np.cos(p["t"]), "t": np.asarray(-np.sum(p["x"] ** 3) * np.sin(p["t"]))}


def points(scale):
    r = np.random.default_rng(3)
    return [
        (logistic, logistic_gradient, {"w": scale * r.standard_normal(4), "b": np.array(0.3)}),
        (
            tanh_network,
            tanh_network_gradient,
            {"U": scale * r.standard_normal((3, 4)), "c": r.standard_normal((3, 1)), "V": r.standard_normal((2, 3))},
        ),
        (cubic, cubic_gradient, {"x": scale * r.standard_normal((2, 1, 3)), "t": np.array(0.7)}),
    ]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("scale", [0.01, 1.0, 3.0])
def test_a_right_gradient_passes(method, scale):
    for f, gradient, params in points(scale):
        result = check_gradients(f, params, gradient(params), method=method, progress=False)
        assert result.verdict is Verdict.PASS, str(result)


@pytest.mark.parametrize("method", METHODS)
def test_one_entry_off_by_a_thousandth_is_wrong_and_named(method):
    for f, gradient, params in points(1.0):
        for key, G in gradient(params).items():
            for index in np.ndindex(G.shape):
                grads = {k: np.array(V) for k, V in gradient(params).items()}
                grads[key][index] *= 1.001
                result = check_gradients(f, params, grads, method=method, progress=False)
                assert result.verdict is Verdict.WRONG, str(result)
                assert not result
                worst = result.parameters[0]
                assert (worst.name, worst.worst.index, worst.wrong) == (key, index, 1)
                assert worst.worst.relative_error == pytest.approx(1e-3, rel=1e-6)


def test_a_gradient_of_1e_12_is_judged_as_sharply_as_one_of_1():
    slopes = np.array([1.0, 1e-12, 1e-17, 1e9])
    params = {"w": np.ones(4)}

    def f(p):
        return np.sum(slopes * p["w"])

    assert check_gradients(f, params, {"w": slopes})
    for i in range(4):
        for factor in (0, -1, 1.001):
            wrong = slopes.copy()
            wrong[i] *= factor
            result = check_gradients(f, params, {"w": wrong})
            assert result.verdict is Verdict.WRONG
            assert result.parameters[0].worst.index == (i,)


def test_central_differences_say_that_they_cannot_tell_a_vanishing_gradient_from_zero():
    params = {"w": np.ones(2)}

    def f(p):
        return 1 + p["w"][0] + 1e-15 * np.sin(9 * p["w"][1])

    result = check_gradients(f, params, {"w": np.array([1.0, 0])}, method="central")
    assert result.verdict is Verdict.UNRELIABLE
    assert "below what the witness can resolve, the first at [1]" in result.parameters[0].reason


def test_a_vanishing_first_layer_set_to_zero_is_wrong_whatever_the_witness():
    params = init_params([4, 5, 5, 5, 5, 1], scale=0.01, rng=0)
    X, Y = rng.standard_normal((4, 6)), np.array([[0, 1, 1, 0, 1, 1]])

    def f(p):
        return logistic_cost(forward_prop(X, p)[1][-1][1], Y)

    AL, caches = forward_prop(X, params)
    grads = {key: V for key, V in backprop(AL, Y, caches).items() if key[1] != "A"}
    assert np.max(np.abs(grads["dW1"])) < 1e-9
    assert check_gradients(f, params, grads)
    for method in METHODS:
        assert not check_gradients(f, params, {**grads, "dW1": 0 * grads["dW1"]}, method=method)
        assert not check_gradients(f, params, {**grads, "dW1": -grads["dW1"]}, method=method)
    assert check_gradients(f, params, {**grads, "dW1": 0 * grads["dW1"]}).verdict is Verdict.WRONG


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("method", METHODS)
def test_nan_and_infinity_in_a_gradient_never_pass(method, bad):
    for f, gradient, params in points(1.0):
        grads = {key: np.array(V) for key, V in gradient(params).items()}
        key = next(iter(grads))
        grads[key].flat[-1] = bad
        result = check_gradients(f, params, grads, method=method)
        assert result.verdict is Verdict.WRONG
        assert "NaN or infinite" in result.parameters[0].reason
        assert json.loads(json.dumps(result.to_json(), allow_nan=False))["verdict"] == "WRONG"


@pytest.mark.parametrize("lost", [np.nan, np.inf])
def test_nan_and_infinity_of_f_never_pass(lost):
    params = {"w": np.array([1.0, 2.0])}
    assert check_gradients(lambda p: p["w"].sum() * lost, params, {"w": np.ones(2)}).verdict is Verdict.UNRELIABLE
    assert (
        check_gradients(lambda p: 1.0 if p["w"][1] == 2 else lost, params, {"w": np.zeros(2)}).verdict
        is Verdict.UNRELIABLE
    )


def test_a_function_that_drops_the_imaginary_part_is_found_out_and_judged_by_differences():
    def hidden_abs(p):
        return logistic(p) + 1e-6 * np.sum(np.abs(p["w"]) ** 2)

    def casts(p):
        return float(logistic(p))

    def compares(p):
        return max(logistic(p), -1.0) if isinstance(p["w"].sum(), float) else 1 / 0

    params = {"w": np.array([0.5, -1, 2, 0.1]), "b": np.array(0.2)}
    for f, extra in ((hidden_abs, 2e-6 * params["w"]), (casts, 0), (compares, 0)):
        grads = logistic_gradient(params)
        grads["dw"] = grads["dw"] + extra
        result = check_gradients(f, params, grads)
        assert result.verdict is Verdict.PASS
        assert result.notes[0].startswith("the complex step is not used: f ")
        assert [t.witness for t in result.witnesses] == ["central difference"]
        with pytest.raises(ValueError, match="method is 'complex', but f "):
            check_gradients(f, params, grads, method="complex")


def test_where_exp_overflows_for_complex_numbers_differences_take_over():
    params = {"z": np.array([-800.0, 0.5])}
    a = 1 / (1 + np.exp(-0.5))

    def f(p):
        with np.errstate(over="ignore"):
            return np.sum(1 / (1 + np.exp(-p["z"])))

    result = check_gradients(f, params, {"z": np.array([0, a * (1 - a)])})
    assert result.parameters[0].wrong == 0
    assert result.notes == ("the complex step is not used: f is nan for complex numbers along one direction of z",)


@pytest.mark.parametrize("method", ["auto", "directions"])
def test_a_gradient_imprecise_by_cancellation_is_not_called_wrong_and_does_not_pass(method):
    def cancelling(p):
        T = np.tanh(p["x"])
        return {"x": (1 - T) * (1 + T)}

    params = {"x": np.array([0.3, 6.0])}

    def f(p):
        return np.sum(np.tanh(p["x"]))

    result = check_gradients(f, params, cancelling(params), method=method)
    assert (result.verdict, result.parameters[0].undecided) == (Verdict.UNRELIABLE, 1)
    assert "imprecise by a formula that cancels, or wrong by little" in result.parameters[0].reason
    assert check_gradients(f, params, {"x": 1 / np.cosh(params["x"]) ** 2}, method=method)
    wrong = cancelling(params)
    wrong["x"][1] *= 1 + 1e-7
    assert check_gradients(f, params, wrong, method=method).verdict is Verdict.WRONG
