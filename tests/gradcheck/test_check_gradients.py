"""check_gradients: the gradient of any function of a dict of arrays, judged."""

import json
import re
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pytest
from functions import AT, logistic, logistic_gradient, points

from refnn import (
    Verdict,
    backprop,
    check_gradients,
    forward_prop,
    init_params,
    logistic_cost,
    numerical_gradient,
)
from refnn.gradcheck.verdict import result as results
from refnn.gradcheck.witness import complex_step
from refnn.gradcheck.witness.directions import DIRECTIONS

METHODS = ("auto", "complex", "central")


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
        return 1 + p["w"][0] + 4e-15 * np.sin(9 * p["w"][1])

    result = check_gradients(f, params, {"w": np.array([1.0, 0])}, method="central")
    assert result.verdict is Verdict.UNRELIABLE
    assert "below what the witness can resolve, the first at [1]" in result.parameters[0].reason


def test_a_vanishing_first_layer_set_to_zero_is_wrong_whatever_the_witness():
    params = init_params([4, 5, 5, 5, 5, 1], scale=0.01, rng=0)
    X, Y = np.random.default_rng(1).standard_normal((4, 6)), np.array([[0, 1, 1, 0, 1, 1]])

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

    for f, extra in ((hidden_abs, 2e-6 * AT["w"]), (casts, 0), (compares, 0)):
        grads = logistic_gradient(AT)
        grads["dw"] = grads["dw"] + extra
        result = check_gradients(f, AT, grads)
        assert result.verdict is Verdict.PASS
        assert result.notes[0].startswith("the complex step is not used")
        assert "central difference" in [t.witness for t in result.witnesses]
        with pytest.raises(ValueError, match="method is 'complex', but f "):
            check_gradients(f, AT, grads, method="complex")


def test_where_exp_overflows_for_complex_numbers_differences_take_over():
    params = {"z": np.array([-800.0, 0.5])}
    a = 1 / (1 + np.exp(-0.5))

    def f(p):
        with np.errstate(over="ignore"):
            return np.sum(1 / (1 + np.exp(-p["z"])))

    result = check_gradients(f, params, {"z": np.array([0, a * (1 - a)])})
    assert result.parameters[0].wrong == 0
    assert result.notes == ("the complex step is not used: f is not finite for complex numbers",)


@pytest.mark.parametrize("as_function", [False, True])
@pytest.mark.parametrize("method", ["auto", "complex"])
def test_a_gradient_imprecise_by_cancellation_passes_and_says_by_how_much(method, as_function):
    params = {"x": np.array([0.3, 6.0])}

    def f(p):
        return np.sum(np.tanh(p["x"]))

    def judged(change):
        def gradient(p):
            T = np.tanh(p["x"])
            return {"x": (1 - T) * (1 + T) * change}

        return check_gradients(f, params, gradient if as_function else gradient(params), method=method)

    check = judged(1.0)
    assert check.verdict is Verdict.PASS
    assert any("right, but imprecise" in note for note in check.notes)
    wrong = judged(np.array([1, 1 + 1e-7]))
    assert (wrong.verdict, wrong.parameters[0].worst.index) == (Verdict.WRONG, (1,))


def test_a_gradient_right_to_half_its_digits_is_undecided_as_numbers_and_wrong_as_a_function():
    """Numbers may come from a formula that cancels. The numbers of a function are seen to scatter, or not."""
    params = {"x": np.array([0.3, 1.0])}

    def gradient(p):
        return {"x": np.cos(p["x"]) * (1 + 1e-10)}

    check = check_gradients(lambda p: np.sum(np.sin(p["x"])), params, gradient(params))
    assert (check.verdict, check.parameters[0].undecided) == (Verdict.UNRELIABLE, 2)
    assert "imprecise, or wrong by little" in check.parameters[0].reason
    assert check_gradients(lambda p: np.sum(np.sin(p["x"])), params, gradient).verdict is Verdict.WRONG


def test_a_float32_function_and_gradient_are_judged_as_float32():

    def f(p):
        return np.float32(logistic({key: V.astype(np.float32) for key, V in p.items()}))

    single = {key: V.astype(np.float32) for key, V in logistic_gradient(AT).items()}
    result = check_gradients(f, AT, single)
    assert result.verdict is Verdict.PASS, str(result)
    assert any("float32" in note for note in result.notes)
    assert check_gradients(logistic, AT, single)  # a float64 f, and a gradient in float32
    pretended = {key: V.astype(np.float64) for key, V in single.items()}
    assert check_gradients(logistic, AT, pretended).verdict is Verdict.WRONG
    single["dw"] *= np.float32(1.01)
    assert check_gradients(f, AT, single).verdict is Verdict.WRONG


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
    result = check_gradients(logistic, AT, logistic_gradient(AT))
    assert result.verdict is Verdict.UNRELIABLE
    assert all(reason.startswith("the witnesses disagree at ") for reason in result.reasons)
    assert {t.witness for t in result.witnesses} == {"complex step", "central difference"}
    assert result.diagnosis is None


def test_the_exact_method_runs_over_a_finite_field():
    def f(p):
        return np.sum(np.exp(p["w"]) * p["w"])

    params = {"w": np.ones((2, 3))}
    right = check_gradients(f, params, lambda p: {"dw": np.exp(p["w"]) * (p["w"] + 1)}, method="exact")
    assert right.verdict is Verdict.PASS
    assert right.tolerance.startswith("zero")
    assert right.parameters[0].digits_lost == 0
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


def test_many_entries_take_sums_of_them_and_few_evaluations():
    w = np.random.default_rng(1).standard_normal(5000)

    def judged(grads):
        return check_gradients(lambda p: np.sum(np.sin(p["w"])), {"w": w}, {"w": grads})

    result = judged(np.cos(w))
    assert result.verdict is Verdict.PASS
    assert result.witnesses[0] == results.Testimony("complex step", DIRECTIONS * (complex_step.NEIGHBOURS + 1))
    assert result.parameters[0].worst is None
    assert result.sees(1e-6)
    wrong = np.cos(w)
    wrong[[17, 4000]] *= 1.001
    result = judged(wrong)
    assert result.parameters[0].reason == "wrong at w[17], w[4000]"
    assert result.parameters[0].worst.index in ((17,), (4000,))
    everywhere = judged(3 * np.cos(w))
    assert "of 64 entries taken at random 64 are wrong" in everywhere.parameters[0].reason
    assert "3 times" in everywhere.cause


def test_what_is_said_of_a_sample_is_so_of_the_array():
    w = np.random.default_rng(1).standard_normal(40_000)
    zeroed = np.abs(np.cos(w)) < 0.1
    check = check_gradients(lambda p: np.sum(np.sin(p["w"])), {"w": w}, {"w": np.where(zeroed, 0, np.cos(w))})
    share = int(re.search(r"of 64 entries taken at random (\d+) are wrong", check.parameters[0].reason)[1]) / 64
    assert abs(share - zeroed.mean()) < 0.15
    assert "every" not in check.cause
    assert "of 64" not in check.cause  # by an index that is one of the sample


@pytest.mark.parametrize("seed", range(4))
def test_one_entry_of_thousands_that_float32_may_blur_is_found(seed):
    """Its sum is off by more than usual, and by no more than a formula may be that cancels."""
    r = np.random.default_rng(seed)
    X, y, v = (r.normal(size=n).astype(np.float32) for n in ((32, 100), 32, 60))
    W = (r.normal(size=(100, 60)) / 10).astype(np.float32)
    A = np.tanh(X @ W)
    dW = X.T @ ((A @ v - y)[:, None] * v * (1 - A**2) / np.float32(16))
    some = np.argsort(np.abs(dW), axis=None)[-600]
    for factor, verdict in ((1, Verdict.PASS), (1.05, Verdict.WRONG)):
        given = dW * np.where(np.arange(dW.size).reshape(dW.shape) == some, np.float32(factor), np.float32(1))
        check = check_gradients(lambda p: np.mean((np.tanh(X @ p["W"]) @ v - y) ** 2), {"W": W}, {"W": given})
        assert check.verdict is verdict, str(check)


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


@pytest.mark.parametrize("sign", [1, -1])
def test_a_function_that_adds_in_an_order_drawn_anew_is_not_called_random(sign):
    """Whatever the sign of its value: what its sums are off by belongs to its size."""
    rng = np.random.default_rng(0)
    x = rng.uniform(1, 2, 3000)
    check = check_gradients(lambda p: sign * np.sum(rng.permutation(p["x"] ** 2)), {"x": x}, {"x": 2 * sign * x})
    assert check.verdict is Verdict.PASS


@pytest.mark.parametrize("given", [0.0, 1.0, -1.0])
def test_among_many_an_entry_given_as_a_round_number_is_judged_like_any_other(given):
    x = np.random.default_rng(0).uniform(1, 2, 3000)
    wrong = 2 * x
    wrong[7] = given
    check = check_gradients(lambda p: np.sum(p["x"] ** 2), {"x": x}, {"x": wrong})
    assert (check.verdict, check.parameters[0].worst.index) == (Verdict.WRONG, (7,))


# ---------------------------------------------------------------------- what cannot be judged is named as what it is


def test_a_kink_is_named():
    params = {"w": np.array([1.0, 0.0, -2.0])}
    result = check_gradients(lambda p: np.sum(np.abs(p["w"])), params, {"w": np.array([1.0, 0, -1])})
    assert result.verdict is Verdict.UNRELIABLE
    assert "1 entry is at a kink of f, the first at [1]" in result.parameters[0].reason


def test_a_random_function_is_named():
    noise = np.random.default_rng(0)
    result = check_gradients(lambda p: p["w"].sum() + noise.random(), {"w": np.ones(3)}, {"w": np.ones(3)})
    assert result.verdict is Verdict.UNRELIABLE
    assert result.reasons[0].startswith("f is random")


def test_a_function_that_changes_its_argument_is_named_and_the_caller_keeps_his():
    def spoils(p):
        p["w"] *= 2
        return p["w"].sum()

    params = {"w": np.ones(3)}
    result = check_gradients(spoils, params, {"w": np.full(3, 2.0)})
    assert (result.verdict, result.reasons) == (Verdict.UNRELIABLE, ("f changes its argument 'w'",))
    assert (params["w"] == 1).all()


@pytest.mark.parametrize(
    ("f", "text"),
    [
        (lambda p: p["w"], r"f returned an array of shape \(3,\), expected a scalar"),
        (lambda _: None, r"f returned None \(NoneType\), expected a number"),
        (lambda _: "cost", r"f returned 'cost' \(str\), expected a number"),
        (lambda _: 1j, "f returned the complex number 1j for real parameters, expected a real number"),
        (3, r"f is int, expected a callable f\(params\) -> scalar"),
    ],
)
def test_a_function_that_is_none_is_refused(f, text):
    with pytest.raises(TypeError, match=text):
        check_gradients(f, {"w": np.ones(3)}, {"w": np.ones(3)})


def test_a_cost_of_shape_1_1_is_a_scalar():
    assert check_gradients(lambda p: (p["w"] @ p["w"]).reshape(1, 1), {"w": np.ones(2)}, {"w": np.full(2, 2.0)})


@pytest.mark.parametrize(
    ("grads", "text"),
    [
        ({"w": np.ones(3)}, "grads has no 'b', the gradient of 'b'"),
        ({"dw": np.ones(3)}, "grads has no 'db', the gradient of 'b'"),
        ({"w": np.ones(3), "b": np.ones(()), "c": 1.0}, "grads has an entry 'c' that belongs to nothing in the func"),
        ({"w": np.ones((3, 1)), "b": np.ones(())}, r"grads\['w'\] has shape \(3, 1\), expected \(3,\)"),
        ({"w": np.ones(3, object), "b": np.ones(())}, r"grads\['w'\] has dtype object, expected floating-point"),
        ({"w": np.ones(3, complex), "b": np.ones(())}, r"grads\['w'\] has dtype complex128, expected floating-point"),
        ([1.0], "grads is list, expected a dict of arrays"),
    ],
)
def test_a_gradient_that_cannot_be_compared_is_refused(grads, text):
    with pytest.raises(ValueError, match=text):
        check_gradients(lambda p: p["w"].sum() + p["b"], {"w": np.ones(3), "b": np.array(1.0)}, grads)


def test_all_that_is_wrong_with_a_gradient_is_said_at_once():
    grads = {"w": np.ones(2), "c": 1.0}
    with pytest.raises(ValueError, match="no 'b'") as error:
        check_gradients(lambda p: p["w"].sum() + p["b"], {"w": np.ones(3), "b": np.array(1.0)}, grads)
    assert len(str(error.value).splitlines()) == 3


def test_a_point_where_every_derivative_vanishes_is_blind():
    for f, reason in (
        (lambda p: np.sum(p["w"] ** 2), "no derivative stands out"),
        (lambda _: 1.0, "does it read what"),
    ):
        result = check_gradients(f, {"w": np.zeros(3)}, {"w": np.zeros(3)})
        assert result.verdict is Verdict.BLIND
        assert reason in result.reasons[0]


def test_unknown_methods_are_refused():
    with pytest.raises(ValueError, match="method is 'forward', expected 'auto', 'complex'"):
        check_gradients(logistic, {"w": np.ones(4)}, {"w": np.ones(4)}, method="forward")


# ---------------------------------------------------------------------- f of many points at once


@pytest.mark.parametrize("real", [False, True])
def test_a_function_of_stacks_is_asked_seldom_and_judged_alike(real):
    rng = np.random.default_rng(0)
    X, C, W = rng.standard_normal((16, 5)), rng.standard_normal((16, 2)), rng.standard_normal((5, 2))
    calls = []

    def f(p):
        calls.append(len(p["W"]))
        value = np.sum(C * np.tanh(X @ p["W"]), axis=(-2, -1))
        return np.real(value) if real else value

    right = {"W": X.T @ (C * (1 - np.tanh(X @ W) ** 2))}
    check = check_gradients(f, {"W": W}, right, batched=True)
    assert check.verdict is Verdict.PASS
    assert 3 * len(calls) < sum(calls)
    alone = check_gradients(lambda p: f({"W": p["W"][None]})[0], {"W": W}, right)
    assert check.parameters == alone.parameters
    wrong = right["W"].copy()
    wrong[3, 1] *= 1.001
    assert check_gradients(f, {"W": W}, {"W": wrong}, batched=True).verdict is Verdict.WRONG
    assert np.allclose(numerical_gradient(f, {"W": W}, batched=True)["W"], right["W"], rtol=1e-8, atol=0)


def test_a_function_that_returns_no_value_for_each_point_is_no_function_of_stacks():
    message = r"f returned an array of shape \(\) for a stack of 1, expected \(1,\), a value for each"
    with pytest.raises(TypeError, match=message):
        check_gradients(lambda p: np.sum(p["w"]), {"w": np.ones(3)}, {"w": np.ones(3)}, batched=True)
    with pytest.raises(TypeError, match="grads is None, expected a gradient with batched=True"):
        check_gradients(lambda p: np.sum(p["w"], axis=1), {"w": np.ones(3)}, batched=True)


def test_a_stack_that_fails_for_one_point_is_asked_point_by_point():
    def f(p):
        if (p["w"] < 0).any():
            raise ValueError("off the domain")
        return np.sum(np.sqrt(np.real(p["w"])), axis=-1)

    w = np.array([1e-6, 1.0])
    assert check_gradients(f, {"w": w}, {"w": 0.5 / np.sqrt(w)}, batched=True)
    assert not check_gradients(f, {"w": w}, {"w": 0.5 / np.sqrt(w) * [1, 1.01]}, batched=True)


# ---------------------------------------------------------------------- options that are none

TWO_WORDS, RAGGED = np.array(["auto", "central"]), [[1.0], [1.0, 2.0]]


@pytest.mark.parametrize(
    ("option", "error"),
    [
        *(({"method": TWO_WORDS}, ValueError), ({"progress": np.ones(2)}, TypeError), ({"seed": "x"}, TypeError)),
        *(({"f_error": ""}, TypeError), ({"f_error": 10**400}, ValueError), ({"executor": 3}, TypeError)),
        *(({"batched": None}, TypeError), ({"conjugate": 1}, TypeError), ({"grads": [("x", RAGGED)]}, ValueError)),
    ],
)
def test_an_option_that_is_none_is_refused_by_its_name(option, error):
    (name,) = option
    with pytest.raises(error, match=name):
        check_gradients(lambda p: np.sum(p["x"] ** 2), {"x": np.ones(2)}, **{"grads": {"x": 2 * np.ones(2)}} | option)


def test_an_error_of_f_says_where_it_was_called():
    for ask in (
        lambda: numerical_gradient(object, {"x": np.ones(2)}),
        lambda: check_gradients(object, {"x": np.ones(2)}, {"x": np.ones(2)}),
    ):
        with pytest.raises(TypeError, match="takes no arguments") as raised:
            ask()
        assert raised.value.__notes__ == ["refnn: raised where it was called as f(params)"]


@pytest.mark.parametrize("method", ["complex", "central"])
def test_a_method_that_is_asked_for_compares_each_entry_of_a_long_array(method):
    x = np.linspace(0.1, 2, 40)
    asked, auto = (
        check_gradients(lambda p: np.sum(np.sin(p["x"])), {"x": x}, {"x": np.cos(x)}, method=how)
        for how in (method, "auto")
    )
    assert asked.parameters[0].worst is not None
    assert auto.parameters[0].worst is None  # a sum vouches for them all
