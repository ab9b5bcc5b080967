"""What check_gradients says of functions on which it, or its like, has been wrong: no pass without ground, nothing
called wrong without ground, and no needless doubt."""

import math

import numpy as np
import pytest
from functions import BLIND, PASS, UNRELIABLE, WRONG, judged, real, says

from refnn import Verdict, check_gradients, numerical_gradient
from refnn.gradcheck.judge import _explained

rng = np.random.default_rng(0)


# ---------------------------------------------------------------------- a pass has a ground


def unequal(p):
    return 1e6 * np.sum(p["a"] ** 2) + 1e-9 * np.sum(np.abs(p["b"]))


@pytest.mark.parametrize("given", [0.0, 1e-9, -1e-9])
def test_what_the_control_of_the_complex_step_cannot_see_is_not_decided_by_it(given):
    says(unequal, {"a": np.ones(3), "b": [0.3]}, {"a": 2e6 * np.ones(3), "b": [given]}, UNRELIABLE)


def test_nor_are_many_entries_that_are_given_as_zero():
    """These are compared by a sum, which has to be one of differences."""
    says(unequal, {"a": np.ones(3), "b": np.full(40, 0.3)}, {"a": 2e6 * np.ones(3), "b": np.zeros(40)}, UNRELIABLE)


def ackley(p):
    x = p["x"]
    return 20 + np.e - 20 * np.exp(-0.2 * np.sqrt(np.mean(x**2))) - np.exp(np.mean(np.cos(2 * np.pi * x)))


@pytest.mark.parametrize("given", [0.0, 20.0, -30.0, 50.0])
def test_at_the_tip_of_a_cone_nothing_passes(given):
    assert not judged(real(ackley), {"x": np.zeros(3)}, {"x": np.full(3, given)})


def test_one_value_that_float32_holds_does_not_make_f_a_float32_function():
    x = np.array([100.0, 200, 300])
    says(lambda p: float(np.sum(p["x"] ** 2)), {"x": x}, {"x": 2 * x * (1 + 1e-6)}, WRONG)
    says(lambda p: float(np.sum(p["x"] ** 2)), {"x": x}, {"x": 2 * x}, PASS)


def test_a_cusp_is_no_smooth_point():
    says(lambda p: float(np.sum(np.sqrt(np.abs(p["x"])))), {"x": [1, 0]}, {"x": [0.5, 0]}, UNRELIABLE)


def size(p):
    return float(np.sum(np.abs(p["x"])))


def either(p):
    return np.sum(np.where(p["x"] < 0, -p["x"], p["x"]))


@pytest.mark.parametrize("f", [size, either])
@pytest.mark.parametrize(
    ("given", "as_it_is", "as_subgradient"),
    [
        (0, UNRELIABLE, PASS),
        (1, UNRELIABLE, PASS),
        (-0.5, UNRELIABLE, PASS),
        (1.5, WRONG, WRONG),
        (-1.01, WRONG, WRONG),
    ],
)
def test_at_a_kink_a_slope_between_its_sides_is_accepted_on_request_and_no_other(f, given, as_it_is, as_subgradient):
    says(f, {"x": [1, 0, -2]}, {"x": [1, given, -1]}, as_it_is)
    says(f, {"x": [1, 0, -2]}, {"x": [1, given, -1]}, as_subgradient, subgradient=True)
    says(f, {"x": np.zeros(3)}, {"x": np.full(3, given)}, as_subgradient, subgradient=True)


def test_evaluations_that_differ_by_rounding_are_noted():
    """As those of threads do that sum in any order."""
    calls = []

    def f(p):
        calls.append(1)
        return float(np.sum(p["x"] ** 2)) * (1 + 2e-15 * (len(calls) % 3))

    check = says(f, {"x": [0.3, 1, -2]}, {"x": [0.6, 2, -4]}, PASS)
    assert any(note.startswith("evaluations of f at one point differ by") for note in check.notes)
    check = says(lambda p: np.sum(p["x"] ** 2), {"x": [0.3, 1, -2]}, {"x": [0.6, 2, -4]}, PASS)
    assert not any("differ by" in note for note in check.notes)


def test_what_the_witness_knows_to_three_digits_only_is_noted():
    x = np.array([0.5, -1.5])
    for offset, noted in ((1e6, True), (0.0, False)):
        f = real(lambda p, offset=offset: offset + 1e-6 * np.sum(np.sin(p["x"])))
        check = says(f, {"x": x}, {"x": 1e-6 * np.cos(x)}, PASS)
        assert any("no smaller fault in it shows" in note for note in check.notes) is noted, str(check)


def shifted_attention(p):
    """A softmax of leaky ReLUs: a bias common to all does nothing, until it takes one of them over its kink."""
    S = p["scores"] + p["bias"]
    E = np.exp(np.where(S > 0, S, 0.2 * S))
    return float(1e3 * (E @ p["values"]) / E.sum())


@pytest.mark.parametrize("seed", range(6))
def test_a_zero_that_rounding_fills_is_told_where_a_kink_lies_further_on(seed):
    rng = np.random.default_rng(seed)
    p = {"scores": rng.uniform(1, 2, 5), "bias": np.array([0.1]), "values": rng.standard_normal(5)}
    E = np.exp(p["scores"] + p["bias"])
    P, mean = E / E.sum(), E @ p["values"] / E.sum()
    right = {"scores": 1e3 * P * (p["values"] - mean), "bias": np.array([1e-14]), "values": 1e3 * P}
    check = says(shifted_attention, p, right, PASS)
    assert "1 of 1 entries of bias are not told from 0: no fault in them shows" in check.notes
    says(shifted_attention, p, right | {"bias": np.array([1e-6])}, WRONG)


def softmax_sum(p):
    return np.sum(np.exp(p["x"]) / np.sum(np.exp(p["x"])))


@pytest.mark.parametrize("f", [softmax_sum, real(softmax_sum)])
def test_derivatives_that_are_zero_but_for_rounding_show_nothing(f):
    says(f, {"x": [0.3, 1, -2, 0.7]}, {"x": np.full(4, 1e-17)}, BLIND)


def test_a_function_that_does_not_read_its_argument_is_told_so():
    check = says(lambda _: 3.0, {"x": [1, 2]}, {"x": [0, 0]}, BLIND)
    assert check.reasons == ("f does not change with any parameter: does it read what it is given?",)


MANY = np.random.default_rng(1).standard_normal(60_000)


@pytest.mark.parametrize(("offset", "factor"), [(1e3, 0), (1e3, 1), (1e5, -1), (1e5, 10)])
def test_sums_that_drown_in_noise_decide_nothing(offset, factor):
    def f(p):
        return float(np.float32(offset + np.mean(np.abs(p["x"]) ** 3)))

    gradient = 3 * MANY**2 * np.sign(MANY) / MANY.size
    says(f, {"x": MANY}, {"x": factor * gradient}, UNRELIABLE)


def test_of_entries_that_a_sum_vouches_for_none_is_the_worst():
    x = np.linspace(0.1, 2, 20)
    check = says(lambda p: np.sum(np.sin(p["x"])), {"x": x}, {"x": np.cos(x)}, PASS)
    assert check.parameters[0].worst is None


def test_many_entries_one_of_them_wrong_or_at_a_kink_and_an_empty_array_beside_them():
    right = np.sign(MANY)
    wrong = right.copy()
    wrong[5] *= 1.001
    at_kink = np.where(np.arange(MANY.size) == 77, 0, MANY)
    empty = {"e": np.zeros((0, 3))}
    check = says(size, {"x": MANY, **empty}, {"x": right, **empty}, PASS)
    assert check.parameters[0].worst is None  # of what a sum vouches for
    check = says(size, {"x": MANY}, {"x": wrong}, WRONG)
    assert check.parameters[0].worst.index == (5,)
    says(size, {"x": at_kink}, {"x": np.sign(at_kink)}, UNRELIABLE)


# ---------------------------------------------------------------------- nothing is wrong without ground

C = rng.standard_normal((8, 3))
BATCH = {"X": rng.standard_normal((8, 4)), "W": rng.standard_normal((4, 3)), "b": rng.standard_normal(3)}


def batch_norm(p):
    Z = p["X"] @ p["W"] + p["b"]
    Z = Z - Z.mean(0)
    return np.sum(np.tanh(Z / np.sqrt((Z * Z).mean(0) + 1e-5)) * C)


def batch_norm_gradient(p):
    Z = p["X"] @ p["W"] + p["b"]
    Z = Z - Z.mean(0)
    s = 1 / np.sqrt((Z * Z).mean(0) + 1e-5)
    N = Z * s
    dN = C * (1 - np.tanh(N) ** 2)
    dZ = s * (dN - dN.mean(0) - N * (dN * N).mean(0))
    return {"X": dZ @ p["W"].T, "W": p["X"].T @ dZ, "b": dZ.sum(0)}


@pytest.mark.parametrize("f", [batch_norm, real(batch_norm)])
@pytest.mark.parametrize("gradient", [batch_norm_gradient, batch_norm_gradient(BATCH)], ids=["function", "numbers"])
def test_a_bias_that_a_mean_takes_away_again_has_a_gradient_of_zero_but_for_rounding(f, gradient):
    assert np.abs(batch_norm_gradient(BATCH)["b"]).max() > 0
    says(f, BATCH, gradient, PASS)


X, Q = 0.5 * rng.standard_normal((8, 4)), rng.standard_normal((4, 4))
KEYS, OUT = {"K": rng.standard_normal((4, 4)), "b": rng.standard_normal(4)}, rng.standard_normal((8, 4))


def attention(p):
    E = np.exp(X @ Q @ (X @ p["K"] + p["b"]).T)
    return np.sum(E / E.sum(1, keepdims=True) @ X * OUT)


@pytest.mark.parametrize("f", [attention, real(attention)])
def test_so_has_the_key_bias_of_attention(f):
    says(f, KEYS, {"K": numerical_gradient(attention, KEYS)["K"], "b": [1e-16, -2e-16, 0, 3e-17]}, PASS)


def rosenbrock(p):
    x = p["x"]
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


A, AT = rng.standard_normal((20, 5)), rng.standard_normal(5)


def least_squares(p):
    return np.sum((A @ p["w"] - A @ AT) ** 2) / 2


@pytest.mark.parametrize("how", [lambda f: f, real])
def test_at_a_minimum_of_zero_every_gradient_near_zero_is_right_and_shows_nothing(how):
    says(how(rosenbrock), {"x": np.ones(4)}, {"x": np.zeros(4)}, BLIND)
    w = AT + 1e-16
    says(how(least_squares), {"w": w}, {"w": A.T @ (A @ w - A @ AT)}, BLIND)


def test_entries_of_very_different_size_are_moved_each_by_its_own():
    k = np.array([1e-8, 1])
    says(lambda p: float(np.sum(np.sin(p["x"] / k))), {"x": k}, {"x": np.cos(1) / k}, PASS)
    says(lambda p: float(np.sum(np.log(p["x"]))), {"x": [1e-10, 1]}, {"x": [1e10, 1]}, PASS)


@pytest.mark.parametrize("how", [lambda f: f, real])
def test_where_f_cancels_nothing_right_is_called_wrong(how):
    x = np.array([1e-4, 3e-4])
    check = judged(how(lambda p: np.sum((1 - np.cos(p["x"])) / p["x"] ** 2)), {"x": x}, {"x": -x / 12})
    assert check.verdict is not Verdict.WRONG, str(check)


def test_numbers_whose_squares_underflow_and_steps_of_stairs_are_not_called_wrong():
    says(size, {"x": [1e-170, -2e-170]}, {"x": [1, -1]}, PASS)
    stairs = judged(lambda p: float(np.sum(np.floor(1000 * p["x"]))), {"x": [0.3137, 0.7123]}, {"x": [0, 0]})
    assert stairs.verdict in (PASS, BLIND, UNRELIABLE), str(stairs)


# ---------------------------------------------------------------------- and nothing in doubt without need


def test_an_exact_zero_beside_a_kink_is_zero():
    x = np.array([-0.3, -1, 2, 0.5])
    f = lambda p: float(np.sum(np.maximum(p["x"], 0) ** 2))  # noqa: E731
    says(f, {"x": x}, {"x": 2 * np.maximum(x, 0)}, PASS)
    says(f, {"x": x}, {"x": 2 * np.maximum(x, 0) + [1e-6, 0, 0, 0]}, WRONG)


def test_a_function_that_is_straight_passes():
    for seed in range(200):
        r = np.random.default_rng(seed)
        M, B, W, b = (r.standard_normal(shape) for shape in ((3, 5), (4, 5), (3, 4), (3, 1)))
        grads = {"W": M @ B.T, "b": M.sum(axis=1, keepdims=True)}
        says(lambda p, M=M, B=B: np.sum(M * (p["W"] @ B + p["b"])), {"W": W, "b": b}, grads, PASS, seed=seed)


def test_a_function_may_raise_off_its_domain_and_end_at_the_point():
    says(lambda p: math.log(p["x"][0]) + p["x"][1] ** 2, {"x": [0.01, 2]}, {"x": [100, 4]}, PASS)
    says(lambda p: 3 * math.sqrt(p["x"][0]) ** 2 + p["x"][1], {"x": [0, 1]}, {"x": [3, 1]}, PASS)
    says(lambda p: 3 * math.sqrt(p["x"][0]) ** 2 + p["x"][1], {"x": [0, 1]}, {"x": [3.01, 1]}, WRONG)


@pytest.mark.parametrize("how", [lambda f: f, real])
def test_an_overflow_far_away_is_not_handed_down(how):
    says(how(lambda p: np.sum(np.cosh(p["x"]))), {"x": [0, 3]}, {"x": np.sinh([0, 3])}, PASS)


@pytest.mark.parametrize("how", [lambda f: f, real])
def test_the_mean_over_many_rows_passes(how):
    rows, y, w = rng.standard_normal((200_000, 3)), rng.standard_normal(200_000), np.array([0.3, -0.2, 0.5])
    gradient = {"w": 2 * rows.T @ (rows @ w - y) / len(y)}
    says(how(lambda p: np.dot(rows @ p["w"] - y, rows @ p["w"] - y) / len(y)), {"w": w}, gradient, PASS)


@pytest.mark.parametrize("x", [[0.3, 8, -2], [8], [-8]])
def test_a_formula_that_cancels_is_imprecise_and_right(x):
    def sigmoid(x):
        return 1 / (1 + np.exp(-x))

    def gradient(p):
        return {"x": sigmoid(p["x"]) * (1 - sigmoid(p["x"]))}

    for given in (gradient, gradient({"x": np.array(x)})):
        says(lambda p: np.sum(sigmoid(p["x"])), {"x": x}, given, PASS)


# ---------------------------------------------------------------------- functions that are known to some digits only


def solved(p):
    """x = cos(a x), iterated until it is good to about 1e-7."""
    x = np.zeros_like(p["a"])
    for _ in range(1000):
        x, before = np.cos(p["a"] * x), x
        if np.max(np.abs(x - before)) < 1e-7:
            return float(np.sum(x))
    return math.nan


def solved_gradient(p):
    a, x = p["a"], np.zeros_like(p["a"])
    for _ in range(200):
        x = np.cos(a * x)
    return {"a": -x * np.sin(a * x) / (1 + a * np.sin(a * x))}


def test_f_known_to_some_digits_is_judged_to_those():
    a = np.linspace(0.6, 0.9, 6)
    right = solved_gradient({"a": a})
    check = says(solved, {"a": a}, right, UNRELIABLE)
    assert "say so by f_error" in check.reasons[0]
    check = says(solved, {"a": a}, right, PASS, f_error=1e-6)
    assert any("as f_error says" in note for note in check.notes)
    for factor in (1.01, 0, -1):
        assert judged(solved, {"a": a}, {"a": right["a"] * factor}, f_error=1e-6).verdict == WRONG
    with pytest.raises(ValueError, match="f_error is -1, expected a finite number of at least 0"):
        judged(solved, {"a": a}, right, f_error=-1)


@pytest.mark.parametrize("factor", [1 + 1e-5, 1 + 1e-7])
def test_a_factor_in_one_array_alone_is_no_approximation(factor):
    X, p = rng.normal(size=(10, 6)), {"W": rng.normal(size=(6, 4)), "v": rng.normal(size=4)}

    def gradient(p):
        A = np.tanh(X @ p["W"])
        return {"W": factor * X.T @ ((1 - A**2) * p["v"]), "v": A.sum(0)}

    says(lambda p: (np.tanh(X @ p["W"]) @ p["v"]).sum(), p, gradient, WRONG)


def test_what_should_be_zero_is_no_approximation_of_it():
    """The gradient of A where B is zero, as at the start of a low-rank adaptation, with B forgotten."""
    X, W, p = rng.normal(size=(10, 6)), rng.normal(size=(6, 4)), {"A": rng.normal(size=(2, 6)), "B": np.zeros((4, 2))}

    def gradient(p):
        Z = np.tanh(X @ (W + (p["B"] @ p["A"]).T))
        dZ = X.T @ (2 * Z * (1 - Z**2))
        return {"A": np.ones((2, 4)) @ dZ.T, "B": dZ.T @ p["A"].T}

    says(lambda p: (np.tanh(X @ (W + (p["B"] @ p["A"]).T)) ** 2).sum(), p, gradient, WRONG)


def test_a_gradient_computed_in_float32_is_no_approximation():
    x = np.array([0.3, 0.5, 1.1])
    single = {"x": np.cos(x).astype(np.float32).astype(np.float64)}
    says(lambda p: np.sum(np.sin(p["x"])), {"x": x}, single, WRONG)


# ---------------------------------------------------------------------- the rounding of the gradient itself


def saturating(dtype):
    def gradient(p):
        return {"x": 1 - np.tanh(p["x"].astype(dtype)) ** 2}

    return gradient


@pytest.mark.parametrize("x", [[0.9, 8.7, -7.5], [9, 10, 11]])
@pytest.mark.parametrize("as_function", [True, False])
def test_what_is_lost_in_steps_of_the_roundoff_of_1_is_imprecise_and_not_wrong(x, as_function):
    """1 - tanh² in float32 is a multiple of 2⁻²⁵: 0 or 1.2e-7 where it is 6e-8."""
    gradient, params = saturating(np.float32), {"x": np.array(x)}
    given = gradient if as_function else gradient(params)
    f = real(lambda p: np.sum(np.tanh(p["x"])))
    check = check_gradients(f, params, given, progress=False)
    if as_function:
        assert check.verdict == (PASS if x[0] < 1 else BLIND), str(check)  # with no digit left, nothing shows
        assert any(("right, but imprecise" if check else "not told from 0") in note for note in check.notes)
    else:
        assert check.verdict == UNRELIABLE, str(check)
        assert "imprecise, or wrong by little" in check.parameters[0].reason
    off = {"x": np.float32(1.01) * gradient(params)["x"]}
    assert check_gradients(f, params, off, progress=False).verdict == (WRONG if x[0] < 1 else UNRELIABLE)


def sigma(x):
    return 1 / (1 + np.exp(-x))


FORMULAS = {"tanh": (np.tanh, lambda x: 1 - np.tanh(x) ** 2), "sigma": (sigma, lambda x: sigma(x) * (1 - sigma(x)))}


def saturated(dtype, seed):
    """Points at 8 to 40, where the derivative keeps some of its digits or none, and in each second case one near 0."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 6))
    x = (rng.uniform(8, 40, n) * rng.choice([-1, 1], n)).astype(dtype)
    if seed % 2:
        x[0] = rng.standard_normal()
    return x, rng.standard_normal(n)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("formula", FORMULAS)
def test_a_formula_that_saturation_takes_all_digits_from_is_not_called_wrong(formula, dtype):
    """If it can be asked nearer to 0, where it has them."""
    f, slope = FORMULAS[formula]
    verdicts = []
    for seed in range(40):
        x, w = saturated(dtype, seed)
        check = judged(lambda p, w=w: np.sum(w * f(p["x"])), {"x": x.astype(float)},
                       lambda p, w=w: {"x": (w * slope(p["x"].astype(dtype))).astype(dtype)})  # fmt: skip
        verdicts.append(check.verdict)
    assert WRONG not in verdicts
    assert verdicts.count(UNRELIABLE) <= 2
    assert verdicts[1::2].count(PASS) >= 18  # where x[0] is near 0


def decay(x):
    return np.exp(-x)


# Faults that are no loss of digits, though they strike where f has saturated: (f, the faulty gradient, points).
NOT_LOST = {
    "too large everywhere": (np.tanh, lambda x: (1 + 1e-5) * (1 - np.tanh(x) ** 2), [20.0, 25.0]),
    "forgotten": (np.tanh, lambda x: 0 * x, [13.0, 22.0]),
    "negative": (np.tanh, lambda x: np.tanh(x) ** 2 - 1, [13.0, 22.0]),
    "cut off before saturation": (np.tanh, lambda x: np.where(np.abs(x) > 12, 0, 1 - np.tanh(x) ** 2), [13.0, 14.5]),
    "cut off, with no digit lost": (decay, lambda x: np.where(x > 30, 0, -decay(x)), [36.0, 40.0]),
    "and wrong on the way": (decay, lambda x: np.where(x > 30, 0, np.where(x > 10, -2, -1) * decay(x)), [36.0, 40.0]),
    "a constant with ten digits": (lambda x: x**-4, lambda x: -4 * (1 + 1e-10) * x**-5, [13.0, 14.5]),
}


@pytest.mark.parametrize("how", [lambda f: f, real], ids=["complex step", "differences"])
@pytest.mark.parametrize("fault", NOT_LOST)
def test_what_is_wrong_for_another_reason_is_called_so_where_f_saturates(fault, how):
    f, slope, x = NOT_LOST[fault]
    check = judged(how(lambda p: np.sum(f(p["x"]))), {"x": np.array(x)}, lambda p: {"x": slope(p["x"])})
    # Of tanh that has saturated, differences show nothing at all.
    assert check.verdict == WRONG or (how is real and f is np.tanh and check.verdict in (UNRELIABLE, BLIND)), str(check)


def test_f_is_asked_no_more_of_a_gradient_that_saturation_cannot_excuse():
    calls = []

    def f(p):
        calls.append(1)
        return np.sum(np.tanh(p["x"]))

    def evaluations(grads):
        calls.clear()
        says(f, {"x": np.array([0.3, 2.0, 9.0])}, grads, WRONG)
        return len(calls)

    wrong = {"x": 1.01 * (1 - np.tanh([0.3, 2.0, 9.0]) ** 2)}
    assert evaluations(lambda p: {"x": 1.01 * (1 - np.tanh(p["x"]) ** 2)}) == evaluations(wrong)


def test_a_gradient_that_can_be_asked_near_the_point_alone_is_judged_there():
    def gradient(p):
        if p["x"][0] < 12:
            raise ValueError("x[0] is below 12")
        return {"x": 1 - np.tanh(p["x"]) ** 2}

    says(lambda p: np.sum(np.tanh(p["x"])), {"x": np.array([20.0, 25.0])}, gradient, WRONG)


def test_a_zero_among_round_numbers_shows_no_steps():
    x = np.array([1e-8, 1, 1e8])
    says(lambda p: np.sum(p["x"] ** 2), {"x": x}, {"x": [0, 2, 2e8]}, WRONG)


def test_what_shakes_the_leading_digits_of_a_gradient_is_no_rounding():
    def shaken(p):
        return {"x": 2 * p["x"] * (1 + 0.1 * np.sin(1e13 * p["x"]))}

    says(lambda p: np.sum(p["x"] ** 2), {"x": [0.9, 8.7, -7.5]}, shaken, WRONG)


@pytest.mark.parametrize("x", [[2, 12], [1, 14], [0.5, 17]])
def test_a_function_that_cancels_shows_by_how_much_in_its_scatter_or_its_steps(x):
    """1 - tanh² near 17 is 31 times 2⁻⁵² at all neighbours."""
    gradient = saturating(np.float64)
    check = says(lambda p: np.sum(np.tanh(p["x"])), {"x": x}, gradient, PASS)
    assert any("right, but imprecise" in note for note in check.notes)
    off = {"x": 1.01 * gradient({"x": np.array(x, float)})["x"]}
    says(lambda p: np.sum(np.tanh(p["x"])), {"x": x}, lambda _: off, WRONG)


# ---------------------------------------------------------------------- f in the arithmetic in which it is computed


@pytest.mark.parametrize(("factor", "verdict"), [(1, PASS), (2, WRONG)])
def test_a_function_of_float16_alone_is_known_to_its_digits(factor, verdict):
    w, x = np.float16([0.3, 0.7, 1.1]), np.float16([1.2, 0.3, 0.77])

    def f(p):
        if p["x"].dtype != np.float16:
            raise TypeError("a kernel for float16")
        return np.sum(w * p["x"])

    check = check_gradients(f, {"x": x}, {"x": factor * w}, progress=False)
    assert check.verdict == verdict, str(check)
    assert "f returns float16 numbers: its noise bounds what can be seen" in check.notes


def test_a_function_that_is_flat_here_and_not_far_away_has_the_gradient_zero():
    slope = np.array([0.3, 0.14])

    def hard_shrink(p):
        return float(np.sum(slope * np.where(np.abs(p["x"]) > 2, p["x"], 0)))

    says(hard_shrink, {"x": [8.4, -0.73]}, {"x": slope * [1, 0]}, PASS)
    says(hard_shrink, {"x": [8.4, -0.73]}, {"x": slope}, WRONG)
    says(hard_shrink, {"x": [8.4, -0.73]}, {"x": slope * [1.01, 0]}, WRONG)


def test_a_function_that_does_not_answer_is_told_so_beside_the_error():
    x = np.array([1.0, 2, 3])
    check = says(lambda _: float(np.sum(x**2)), {"x": x}, {"x": 2 * x}, WRONG)
    assert check.reasons == ("f does not change with any parameter: does it read what it is given?",)


def test_complex_steps_are_trusted_where_the_control_sees_at_larger_parameters():
    """The control cannot see a slope of 1e-15 beside 1, but of the same f with parameters 64 times as large."""

    def f(p):
        return 1 + np.sum(np.asarray(p["x"]) ** 8)  # of numbers of NumPy alone, so that nothing shows f to be analytic

    x = np.array([0.01, 0.012])
    says(f, {"x": x}, {"x": 8 * x**7}, PASS)
    says(f, {"x": x}, {"x": 8 * x**7 * [1, 1.001]}, WRONG)


# ---------------------------------------------------------------------- what a stranger found


def with_zeros(p):
    return np.sum(p["x"][:2] ** 3) + np.sin(p["x"][2]) + np.cos(p["y"][0])


@pytest.mark.parametrize("factor", [-1, 0, 2, 1e6])
def test_entries_whose_derivative_is_zero_hide_nothing_in_the_others(factor):
    params = {"x": np.array([0, 0, 0.7]), "y": np.array([0.4])}
    right = {"x": np.array([0, 0, np.cos(0.7)]), "y": -np.sin([0.4])}
    says(with_zeros, params, right, PASS)
    says(with_zeros, params, right | {"x": right["x"] * factor}, WRONG)


FAST = {  # functions that vary within all steps of a difference, and their derivatives
    "Julian date": (lambda x: np.cos(2 * np.pi * x), lambda x: -2 * np.pi * np.sin(2 * np.pi * x), 2460000.3),
    "wall": (lambda x: -np.log(1 - x), lambda x: 1 / (1 - x), 1 - 2.0**-30),
    "carrier": (lambda x: np.sin(1e7 * x), lambda x: 1e7 * np.cos(1e7 * x), 0.73),
    "narrow": (lambda x: np.tanh((x - 1) / 1e-7), lambda x: 1e7 / np.cosh((x - 1) / 1e-7) ** 2, 1 + 0.5e-7),
}


@pytest.mark.parametrize("how", [lambda f: f, real])
@pytest.mark.parametrize(("f", "derivative", "x"), FAST.values(), ids=FAST)
def test_what_varies_within_the_steps_of_a_difference_is_not_called_wrong(f, derivative, x, how):
    x = np.array([x])
    check = judged(how(lambda p: np.sum(f(p["x"]))), {"x": x}, {"x": derivative(x)})
    assert check.verdict is not Verdict.WRONG, str(check)


@pytest.mark.parametrize(("factor", "verdict"), [(1, PASS), (0, WRONG), (1 + 1e-6, WRONG)])
def test_the_complex_step_is_one_of_the_entry_s_own_size(factor, verdict):
    s = 1e-16

    def f(p):
        return np.arctan(p["x"][0] / s) * s + p["x"][1]

    says(f, {"x": [0.5 * s, 1]}, {"x": np.array([0.8 * factor, 1])}, verdict)


def test_where_values_go_up_in_steps_no_derivative_is_known_to_be_zero():
    x = np.array([1e-7])
    check = judged(real(lambda p: np.sum(1 - np.cos(p["x"]))), {"x": x}, {"x": np.sin(x)})
    assert check.verdict is not Verdict.WRONG, str(check)


def test_an_imaginary_part_that_leaves_the_range_of_floats_is_known_no_better():
    x = np.array([-705.0])
    for factor, verdicts in ((1, (PASS, UNRELIABLE)), (2, (WRONG, UNRELIABLE))):
        check = judged(lambda p: np.sum(np.exp(p["x"])), {"x": x}, {"x": factor * np.exp(x)})
        assert check.verdict in verdicts, str(check)


@pytest.mark.parametrize("size", [1e-290, 1e-296, 1e-300, 1e-302, 1e-304, 1e-306, 1e-308])
def test_an_imaginary_part_below_the_range_of_floats_makes_nothing_wrong(size):
    x = np.array([0.3, 1, -2])
    for given in (2 * size * x, lambda p: {"x": 2 * size * p["x"]}):
        grads = given if callable(given) else {"x": given}
        assert judged(lambda p: size * np.sum(p["x"] ** 2), {"x": x}, grads).verdict in (PASS, UNRELIABLE, BLIND)
    wrong = judged(lambda p: size * np.sum(p["x"] ** 2), {"x": x}, {"x": 3 * size * x}).verdict
    assert wrong in ((WRONG,) if size > 1e-295 else (WRONG, UNRELIABLE))


def test_a_function_that_refuses_complex_numbers_after_a_while_is_judged_by_differences():
    def refusing(after):
        calls = iter(range(after))

        def f(p):
            if np.iscomplexobj(p["x"]) and next(calls, None) is None:
                raise TypeError("no more complex numbers")
            return np.sum(p["x"] ** 2)

        return f

    x = np.linspace(-1, 1, 30)
    for after in range(1, 40, 3):
        assert judged(refusing(after), {"x": x}, {"x": 2 * x}).verdict in (PASS, UNRELIABLE)


def test_sizes_at_both_ends_of_the_range_of_floats_are_judged():
    x = np.array([1e-200, 1, 3e200])
    check = judged(lambda p: float(np.sum(np.log(p["x"]))), {"x": x}, {"x": 1 / x})
    assert check.verdict in (PASS, UNRELIABLE), str(check)


@pytest.mark.parametrize("scale", [4, 8, 16])
def test_a_saturated_formula_in_float32_is_not_called_wrong(scale):
    logits = scale * np.array([[1, -1, 0.1], [-0.3, 0.9, 1]])

    def cost(p):
        Z = p["Z"] - p["Z"].max(axis=1, keepdims=True)
        return float(np.sum(np.log(np.sum(np.exp(Z), axis=1)) - Z[:, 0]))

    def gradient(p):
        Z = p["Z"].astype(np.float32)
        P = np.exp(Z - Z.max(axis=1, keepdims=True))
        return {"Z": P / P.sum(axis=1, keepdims=True) - np.array([1, 0, 0], np.float32)}

    check = check_gradients(cost, {"Z": logits}, gradient, progress=False)
    assert check.verdict is not Verdict.WRONG, str(check)


@pytest.mark.parametrize("sign", [-1, 1])
def test_what_a_pass_says_that_it_sees_it_sees(sign):
    """At the seam of Huber's loss, where a difference is off by about as much as it knows."""

    def huber(p):
        x = np.abs(p["x"])
        return float(np.sum(np.where(x <= 1, x**2 / 2, x - 0.5)))

    x = np.array([1.0, 0.3, -2.0])
    right = {"x": np.clip(x, -1, 1)}
    check = judged(huber, {"x": x}, right)
    assert check.verdict == PASS
    entry = right["x"] * (1 + sign * 1.3 * check.parameters[0].sees_worst * (np.arange(3) == 0))
    assert judged(huber, {"x": x}, {"x": entry}).verdict != PASS


@pytest.mark.parametrize(("x", "shown"), [(-12, False), (1, True), (12, True)])
def test_an_entry_that_a_plateau_of_f_hides_is_not_said_to_be_seen(x, shown):
    """GELU of -12 is zero to the last bit, its slope is -2.6e-31."""
    x = np.array([x, 0.4])
    Phi = (1 + np.vectorize(math.erf)(x / math.sqrt(2))) / 2
    slope = Phi + x * np.exp(-x * x / 2) / math.sqrt(2 * math.pi)

    def gelu(p):
        return float(sum(v * (1 + math.erf(v / math.sqrt(2))) / 2 for v in p["x"]))

    check = says(gelu, {"x": x}, {"x": slope}, PASS)
    assert check.sees(1e-3) == shown
    says(gelu, {"x": x}, {"x": slope * [2, 1]}, WRONG if shown else PASS)


# ---------------------------------------------------------------------- near a pole, in layers, and beside others


def potential(p):
    return np.sum(p["r"] ** -12 - p["r"] ** -6 + 0.01 / p["r"])


def of_potential(c12=12, c6=6, c1=0.01):
    return lambda p: {"r": -c12 * p["r"] ** -13 + c6 * p["r"] ** -7 - c1 / p["r"] ** 2}


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("wrong", [{"c1": 0}, {"c6": 6.006}, {"c6": -6}, {"c12": 12.012}])
def test_a_term_that_is_wrong_is_called_so_however_large_others_are_near_a_pole(wrong, dtype):
    """Nearer to zero a gradient with this fault is right to all digits, for another term is 10^18 times as large."""
    for seed in range(3):
        params = {"r": np.random.default_rng(seed).uniform(0.9, 2, 5).astype(dtype)}
        assert check_gradients(potential, params, of_potential(), progress=False)
        assert check_gradients(potential, params, of_potential(**wrong), progress=False).verdict == WRONG


def test_near_a_pole_roundoffs_of_what_is_nearer_excuse_nothing():
    """In float32 they would be 1e-4 of the entry."""
    params = {"r": np.random.default_rng(1).uniform(0.9, 3, 5).astype(np.float32)}

    def gradient(c):
        return lambda p: {"r": -12 * p["r"] ** -13 - p["r"].dtype.type(c) * p["r"] ** -2}

    for c, verdict in ((1, PASS), (1.0001, WRONG)):
        check = check_gradients(lambda p: np.sum(p["r"] ** -12 + 1 / p["r"]), params, gradient(c), progress=False)
        assert check.verdict == verdict


@pytest.mark.parametrize("seed", range(8))
def test_nor_does_a_pole_between_the_point_and_zero_excuse_it(seed):
    """Half of some of these parameters is so near to the pole at 1 that nothing else is left of the gradient there."""

    def centred(f):
        return lambda p: f({"r": np.abs(p["r"] - 1)})

    def gradient(**of):
        return lambda p: {"r": np.sign(p["r"] - 1) * centred(of_potential(**of))(p)["r"]}

    params = {"r": np.random.default_rng(seed).uniform(2.01, 2.3, 3)}
    assert check_gradients(lambda p: potential({"r": p["r"] - 1}), params, gradient(), progress=False)
    assert (
        check_gradients(lambda p: potential({"r": p["r"] - 1}), params, gradient(c1=0), progress=False).verdict == WRONG
    )


def softmax_loss(p):
    Z = p["Z"] - p["Z"].real.max(axis=0)
    return np.mean(np.log(np.sum(np.exp(Z), axis=0)) - Z[0])


def of_softmax_loss(p):
    E = np.exp(p["Z"] - p["Z"].max(axis=0))
    return {"Z": (E / E.sum(axis=0) - np.eye(len(E))[:, :1]) / E.shape[1]}


@pytest.mark.parametrize("how", [lambda f: f, real])
@pytest.mark.parametrize("seed", range(4))
def test_a_probability_that_vanishes_beside_others_leaves_nothing_open(seed, how):
    Z = 10 * np.random.default_rng(seed).standard_normal((6, 8))
    given = of_softmax_loss({"Z": Z})["Z"]
    for grads in (of_softmax_loss, {"Z": given}):
        says(how(softmax_loss), {"Z": Z}, grads, PASS)
    assert 0 < np.abs(given).min() < 1e-12
    one = np.abs(given) == np.sort(np.abs(given), axis=None)[20]
    says(how(softmax_loss), {"Z": Z}, {"Z": np.where(one, 1.001, 1) * given}, WRONG)


def slight(p):
    return 1 + p["w"][0] + 4e-15 * np.sin(9 * p["w"][1])


def test_a_slight_entry_may_agree_unseen_and_is_counted_but_may_not_be_zero_or_alone():
    slope = 3.6e-14 * np.cos(9)
    check = says(real(slight), {"w": [1, 1]}, {"w": [1, slope]}, PASS)
    assert "1 of 2 entries of w are not told from 0: no fault in them shows" in check.notes
    assert not check.sees(0.5)
    says(real(slight), {"w": [1, 1]}, {"w": [1, 0]}, UNRELIABLE)
    says(real(slight), {"w": [1, 1]}, {"w": [1, 1000 * slope]}, WRONG)
    alone = real(lambda p: slight({"w": [p["a"][0], p["b"][0]]}))
    says(alone, {"a": [1], "b": [1]}, {"a": [1], "b": [slope]}, UNRELIABLE)


class Unreadable:
    def __array__(self, *_, **__):
        raise RuntimeError("not on this device")


def test_what_no_array_can_be_made_of_is_no_value():
    with pytest.raises(TypeError, match="f returned Unreadable, expected a number"):
        check_gradients(lambda _: Unreadable(), 1.0, 1.0)


def test_differences_whose_rounding_underflows_are_taken():
    """Its values are as small as numbers get, and its steps as long: u f / h is 0."""
    x = np.array([1e20, 3e20])
    check = check_gradients(real(lambda x: 1e-295 * np.sum((x / 1e20) ** 3)), x, 3e-295 * (x / 1e20) ** 2 / 1e20)
    assert check.verdict != WRONG, str(check)


def test_what_the_control_cannot_see_is_open_where_f_ends_before_it_could():
    def ends(p):
        if np.any(np.real(p["a"]) > 2):
            raise ValueError("off its table")
        return 1e6 * np.sum(p["a"] ** 2) + 1e-9 * np.sum(p["b"] ** 2)

    a, b = [1.0, 1.5], [0.3]
    says(ends, {"a": a, "b": b}, {"a": 2e6 * np.array(a), "b": [6e-10]}, UNRELIABLE)
    says(ends, {"a": a, "b": b}, {"a": 2.02e6 * np.array(a), "b": [6e-10]}, WRONG)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("factor", [0.5, 2, -1, 0])
def test_what_both_of_two_witnesses_refuse_is_wrong_though_they_disagree_by_little(factor, sign):
    """Of seconds since 1970 the phases of a fit have lost six digits, which no error of a difference counts."""
    r = np.random.default_rng(0)
    t = 1.7e9 + np.sort(r.integers(0, 604800, 30)).astype(float)
    y, w = r.normal(size=30), np.array([1.0, 2, 2 * np.pi / 86400])
    f = lambda p: sign * np.sum((p["w"][0] + p["w"][1] * np.cos(p["w"][2] * t) - y) ** 2)  # noqa: E731

    def gradient(p, factor=1.0):
        a, b, c = p["w"]
        D = 2 * sign * (a + b * np.cos(c * t) - y)
        return {"w": factor * np.array([D.sum(), (D * np.cos(c * t)).sum(), -(D * b * t * np.sin(c * t)).sum()])}

    says(f, {"w": w}, gradient, PASS)
    says(f, {"w": w}, lambda p: gradient(p, factor), WRONG)


# ---------------------------------------------------------------------- layers in float32, entries by the thousand


def layers_in_float32(seed, n, h):
    """A network of tanh and softmax, its gradient in float32, and weights of usual size."""
    r = np.random.default_rng(seed)
    X, Y = r.normal(size=(16, n)).astype(np.float32), np.eye(10, dtype=np.float32)[r.integers(0, 10, 16)]

    def f(p):
        Z = np.tanh(X @ p["W"]) @ p["V"]
        return np.sum(np.log(np.sum(np.exp(Z), axis=1)) - np.sum(Z * Y, axis=1)) / 16

    def gradient(p):
        H = np.tanh(X @ p["W"])
        D = np.exp(H @ p["V"])
        D = (D / D.sum(axis=1, keepdims=True) - Y) / 16
        return {"W": X.T @ (D @ p["V"].T * (1 - H * H)), "V": H.T @ D}

    shapes = {"W": (n, h), "V": (h, 10)}
    return f, gradient, {key: (r.normal(size=s) / np.sqrt(s[0])).astype(np.float32) for key, s in shapes.items()}


@pytest.mark.parametrize(("n", "h"), [(20, 20), (50, 40), (200, 200)])
def test_the_right_gradient_of_a_large_layer_in_float32_passes(n, h):
    """Its entries, thousands of them, are known by sums, which their rounding must not drown."""
    f, gradient, params = layers_in_float32(0, n, h)
    check = check_gradients(f, params, gradient, progress=False)
    assert check, str(check)
    assert all(part.sees < 0.05 for part in check.parameters), str(check)
    assert check_gradients(f, params, gradient(params), progress=False)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("fault", ["all by a thousandth", "a row by a fiftieth", "the largest entry by a twentieth"])
def test_a_small_fault_of_a_layer_in_float32_is_seen(fault, seed):
    f, gradient, params = layers_in_float32(seed, 50, 40)

    def faulty(p):
        G = gradient(p)
        W = G["W"]
        if fault.startswith("all"):
            W *= np.float32(1.001)
        elif fault.startswith("a row"):
            W[3] *= np.float32(1.02)
        else:
            W.ravel()[np.abs(W).argmax()] *= np.float32(1.05)
        return G

    assert check_gradients(f, params, faulty, progress=False).verdict == WRONG


def test_a_sum_that_is_right_but_for_what_cancels_is_looked_into():
    """Means in float32 whose gradient is a thousandth too large, beside widths whose own is a hundred times theirs."""
    r = np.random.default_rng(0)
    X, M = r.normal(size=(2, 32, 24)).astype(np.float32)
    f = lambda p: np.mean(((p["M"] - X) / np.exp(p["s"])) ** 2 / 2 + p["s"])  # noqa: E731

    def gradient(p, factor=1.0):
        D = (p["M"] - X) / np.exp(p["s"])
        return {
            "M": np.float32(factor) * D / np.exp(p["s"]) / np.float32(D.size),
            "s": np.sum(1 - D**2, axis=0) / np.float32(D.size),
        }

    params = {"M": M, "s": r.normal(size=24).astype(np.float32)}
    assert check_gradients(f, params, gradient, progress=False)
    faulty = lambda p: gradient(p, 1.001)  # noqa: E731
    assert check_gradients(f, params, faulty, progress=False).verdict == WRONG


@pytest.mark.parametrize(("factor", "verdict"), [(1, PASS), (1.02, WRONG)])
def test_a_gradient_in_float16_that_shows_its_noise_is_given_few_roundoffs_more(factor, verdict):
    x, c = np.linspace(-1, 1, 6).astype(np.float16), np.arange(1, 7, dtype=np.float16)
    slope = lambda p: {"x": np.float16(factor) * (c * np.cos(p["x"]))}  # noqa: E731
    assert check_gradients(lambda p: np.sum(c * np.sin(p["x"])), {"x": x}, slope, progress=False).verdict == verdict


def test_a_layer_in_float16_is_compared_entry_by_entry_where_sums_are_too_coarse():
    f, gradient, params = layers_in_float32(0, 40, 40)

    def in_float16(p):
        return {
            key: V.astype(np.float16) for key, V in gradient({k: V.astype(np.float32) for k, V in p.items()}).items()
        }

    check = check_gradients(f, {key: V.astype(np.float16) for key, V in params.items()}, in_float16, progress=False)
    assert check, str(check)


@pytest.mark.parametrize("factor", [1.01, 2, -1, 0])
def test_a_constant_of_f_hides_no_fault_of_a_gradient_in_float32(factor):
    """A backward never meets the value of f."""
    x, c = np.linspace(-1, 1, 6).astype(np.float32), np.arange(1, 7, dtype=np.float32)
    f = lambda p: 1e6 + np.sum(c * np.tanh(p["x"]))  # noqa: E731
    slope = lambda p: {"x": c * (1 - np.tanh(p["x"]) ** 2)}  # noqa: E731
    assert check_gradients(f, {"x": x}, slope)
    faulty = lambda p: {"x": np.float32(factor) * slope(p)["x"]}  # noqa: E731
    assert check_gradients(f, {"x": x}, faulty).verdict == WRONG


def test_witnesses_contradict_each_other_only_beyond_both_of_their_errors():
    assert _explained(0.3, (1.0, 0.1), (1.3, 0.1))
    assert not _explained(0.3, (1.0, 0.1), (1.15, 0.1))  # within both
    assert not _explained(30.0, (1.0, 0.1), (1.3, 0.1))  # so far off, the gradient is wrong by either


# ---------------------------------------------------------------------- gradients in float32


def mesh(n):
    """A grid of n × n points in metres, each at its place up to some decimetres, and its triangles."""
    rng = np.random.default_rng(0)
    flat = np.stack(np.meshgrid(np.arange(n), np.arange(n)), -1).reshape(-1, 2)
    V = np.c_[flat, 0 * flat[:, 0]] + 0.2 * rng.normal(size=(n * n, 3))
    corners = [row * n + column for row in range(n - 1) for column in range(n - 1)]
    triangles = [(v, v + 1, v + n) for v in corners] + [(v + 1, v + n + 1, v + n) for v in corners]
    return V.astype(np.float32), np.array(triangles), np.float32(0.4 + 0.2 * rng.random(len(triangles)))


@pytest.mark.parametrize(("entry", "factor"), [(slice(None), 1.0005), (100, 1.01), (100, 1.05)])
def test_a_gradient_that_bends_within_the_size_of_its_array_is_not_taken_for_noise(entry, factor):
    """A point far from the origin is moved by as much of its coordinates as shows the gradient itself."""
    start, (i, j, k), area = mesh(12)[0], mesh(12)[1].T, mesh(12)[2]

    def energy(V):
        normal = np.cross(V[j] - V[i], V[k] - V[i])
        return np.sum((0.5 * np.sqrt(np.sum(normal * normal, axis=1)) - area) ** 2 / area)

    def gradient(V):
        a, b = V[j] - V[i], V[k] - V[i]
        normal = np.cross(a, b)
        length = np.sqrt(np.sum(normal * normal, axis=1))
        d_normal = ((0.5 * length - area) / area / length)[:, None] * normal
        da, db, found = np.cross(b, d_normal), np.cross(d_normal, a), np.zeros_like(V)
        for corner, d in ((j, da), (k, db), (i, -da - db)):
            np.add.at(found, corner, d)
        return found

    def wrong(V):
        found = gradient(V)
        found.ravel()[entry] *= np.float32(factor)
        return found

    assert check_gradients(energy, start, gradient, progress=False)
    check = check_gradients(energy, start, wrong, progress=False)
    assert check.verdict is Verdict.WRONG
    assert not any("right, but imprecise" in note for note in check.notes), "of what is wrong"


@pytest.mark.parametrize("r", [30, 100, 200, 400])
def test_a_right_gradient_that_float32_drowns_in_its_own_noise_is_undecided(r):
    """Digamma of r is rounded once, and that error counts 80 times, multiplied by r."""
    rng = np.random.default_rng(0)
    mu = np.exp(1 + 0.5 * rng.normal(size=80)).astype(np.float32)
    y = rng.poisson(mu).astype(np.float32)

    def of_floats(f, z):
        return np.vectorize(f)(np.asarray(z, float)).astype(np.result_type(z))

    def digamma(x):  # x is at least 30
        return math.log(x) - 1 / (2 * x) - 1 / (12 * x**2) + 1 / (120 * x**4) - 1 / (252 * x**6) + 1 / (240 * x**8)

    def nll(p):
        r = np.exp(p[0])
        logs = r * np.log(r / (r + mu)) + y * np.log(mu / (r + mu))
        return -np.sum(of_floats(math.lgamma, y + r) - of_floats(math.lgamma, r) - of_floats(math.lgamma, y + 1) + logs)

    def gradient(p):
        r = np.exp(p[0])
        parts = of_floats(digamma, y + r) - of_floats(digamma, r) + np.log(r / (r + mu)) + 1 - (r + y) / (r + mu)
        return np.array([-r * np.sum(parts)], p.dtype)

    at = np.log(np.array([r], np.float32))
    check = check_gradients(nll, at, gradient, progress=False)
    assert check.verdict is Verdict.UNRELIABLE, str(check)
    assert "imprecise, or wrong by little" in check.parameters[0].reason
    assert check_gradients(nll, at, lambda p: -gradient(p), progress=False).verdict is Verdict.WRONG
    assert check_gradients(nll, at.astype(float), gradient, progress=False)
