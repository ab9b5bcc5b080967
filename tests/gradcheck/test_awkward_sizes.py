"""What check_gradients says where numbers are of natural but awkward sizes: masks, dates, metres on a map, float32 far
from zero. Right gradients were WRONG there."""

import numpy as np
import pytest
from functions import PASS, UNRELIABLE, WRONG, real, says

from refnn import Verdict, check_gradients, check_vjp


@pytest.mark.parametrize("factor", [-1, 2, 0])
def test_small_entries_that_are_wrong_beside_large_ones_are_not_taken_for_those_of_an_inexact_function(factor):
    rng = np.random.default_rng(0)
    size = np.where(np.arange(12) < 2, 1e6, 1.0)  # two features in dollars
    X, y, w = rng.normal(size=(50, 12)) * size, rng.normal(size=50), rng.normal(size=12) / size

    def f(p):
        return 0.5 * np.mean((X @ p["w"] - y) ** 2)

    def gradient(p):
        return {"w": np.where(size > 1, 1, factor) * (X.T @ (X @ p["w"] - y)) / 50}

    says(f, {"w": w}, gradient, WRONG)


def test_doubt_about_one_array_does_not_excuse_another():
    days = np.linspace(0, 1, 20) + 2459000.5  # Julian days: the differences take steps of many periods
    rate, weights = 60 * np.pi, np.arange(20) / 1e4

    def f(p):
        return np.sum(p["a"] ** 2) + np.sin(rate * (days - p["epoch"])) @ weights

    def gradient(p, factor=1.0):
        slope = -rate * np.cos(rate * (days - p["epoch"])) @ weights
        return {"a": factor * 2 * p["a"], "epoch": np.array([slope])}

    p = {"a": [1.0, 2.0, 3.0], "epoch": [2459000.47]}
    says(real(f), p, gradient, UNRELIABLE)
    check = says(real(f), p, lambda p: gradient(p, -1.0), WRONG)
    assert any("f changes within the steps of the differences at epoch" in note for note in check.notes)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("mask", [-40.0, -100.0, -300.0, -1e9])
def test_what_a_mask_leaves_of_a_softmax_is_no_more_than_a_roundoff_of_the_rest(mask, dtype):
    rng = np.random.default_rng(0)
    S, C, above = (
        rng.normal(size=(5, 5)).astype(dtype),
        rng.normal(size=(5, 5)).astype(dtype),
        np.triu(np.ones((5, 5)), 1),
    )

    def softmax(S):
        E = np.exp(S + mask * above.astype(S.dtype))
        return E / E.sum(axis=1, keepdims=True)

    def gradient(S, change=1.0):
        P = softmax(S)
        return change * P * (C - (P * C).sum(axis=1, keepdims=True))

    def f(S):
        return np.sum(C * softmax(S))

    for grads in (gradient, gradient(S)) if dtype is np.float64 else (gradient,):
        check = check_gradients(f, S, grads)
        assert check, str(check)
        assert any("not told from 0" in note for note in check.notes) is (mask > -1e9)
    for change in (np.where(above, 1, 1.01), np.where(above, 1, 0), np.where(np.eye(5) * [0, 1, 0, 0, 0], -1, 1)):
        wrong = change.astype(dtype)
        assert check_gradients(f, S, lambda S, wrong=wrong: gradient(S, wrong)).verdict is Verdict.WRONG


def near_one(rng):
    x = (1 - rng.uniform(3e-4, 2e-3, 5)).astype(np.float32)
    return x, lambda x: np.sqrt(1 - x * x).sum(), lambda x: -x / np.sqrt(1 - x * x)


def far_from_zero(rng):
    x, C = (300 + 0.03 * rng.normal(size=(4, 8))).astype(np.float32), rng.normal(size=(4, 8)).astype(np.float32)

    def centred(x):
        D = x - x.mean(1, keepdims=True)
        s = np.sqrt((D * D).mean(1, keepdims=True) + np.float32(1e-5))
        return D / s, s

    def gradient(x):
        N, s = centred(x)
        return (C - C.mean(1, keepdims=True) - N * (C * N).mean(1, keepdims=True)) / s

    return x, lambda x: (C * centred(x)[0]).sum(), gradient


def by_squares(rng):
    x, C = (100 + rng.normal(size=(5, 3))).astype(np.float32), rng.normal(size=(5, 5)).astype(np.float32)

    def kernel(x):
        squares = (x * x).sum(1)
        return np.exp(-(squares[:, None] + squares - 2 * x @ x.T) / 2)

    def gradient(x):
        G = C * kernel(x)
        G = G + G.T
        return -(G.sum(1)[:, None] * x - G @ x)

    return x, lambda x: (C * kernel(x)).sum(), gradient


@pytest.mark.parametrize("made", [near_one, far_from_zero, by_squares])
def test_where_float32_cancels_more_than_half_of_the_digits_as_f_itself_does_a_gradient_is_not_wrong(made):
    for seed in range(5):
        x, f, gradient = made(np.random.default_rng(seed))
        check = check_gradients(f, x, gradient)
        assert check, str(check)
        off = np.float32(1.05)
        assert check_gradients(f, x, lambda x, off=off, gradient=gradient: off * gradient(x)).verdict is Verdict.WRONG


@pytest.mark.parametrize("period", [3.0, 0.3, 0.1, 0.02])
def test_a_function_that_varies_within_the_steps_of_the_differences_is_judged_by_the_complex_step(period):
    rng = np.random.default_rng(0)
    days, w = np.sort(rng.uniform(size=20)) + 2459000.5, rng.normal(size=20)

    def f(p):
        return np.sin(2 * np.pi * (days - p["epoch"]) / period) @ w

    def gradient(p, factor=1.0):
        slope = -2 * np.pi / period * np.cos(2 * np.pi * (days - p["epoch"]) / period) @ w
        return {"epoch": np.array([factor * slope])}

    p = {"epoch": [2459000.47]}
    says(f, p, gradient, PASS)
    for factor in (-1.0, 1.01):
        says(f, p, lambda p, factor=factor: gradient(p, factor), WRONG)
    says(real(f), p, gradient, PASS if period > 1 else UNRELIABLE)
    says(real(f), p, lambda p: gradient(p, -1.0), WRONG)


def test_the_kinks_of_many_examples_in_float32_are_seldom_taken_for_an_error():
    """The noise of float32 needs steps that cross many of them. Of these 20 right gradients 3 were WRONG."""
    wrong = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        X, Y = rng.normal(size=(4, 70)).astype(np.float32), rng.normal(size=(3, 70)).astype(np.float32)

        def f(W, X=X, Y=Y):
            return np.abs(W.astype(np.float32) @ X - Y).mean()

        def gradient(W, factor=1.0, X=X, Y=Y):
            return np.float32(factor) * np.sign(W.astype(np.float32) @ X - Y) @ X.T / np.float32(Y.size)

        W = rng.normal(size=(3, 4))
        wrong += check_gradients(f, W, gradient).verdict is Verdict.WRONG
        assert check_gradients(f, W, lambda W, gradient=gradient: gradient(W, 1.1)).verdict is Verdict.WRONG
    assert wrong <= 1


def test_a_parameter_of_1e9_does_not_hide_the_others():
    rng = np.random.default_rng(0)
    C, mask = rng.normal(size=(3, 5)), np.where(np.triu(np.ones((3, 5)), 1), -1e9, 0.0)

    def probabilities(p):
        E = np.exp(p["scores"] + p["mask"])
        return E / E.sum(axis=1, keepdims=True)

    def gradient(p, factor=1.0):
        P = probabilities(p)
        G = P * (C - (P * C).sum(axis=1, keepdims=True))
        return {"scores": factor * G, "mask": G}

    p = {"scores": rng.normal(size=(3, 5)), "mask": mask}
    says(lambda p: np.sum(C * probabilities(p)), p, gradient, PASS)
    for factor in (-1.0, 1.01):
        says(lambda p: np.sum(C * probabilities(p)), p, lambda p, factor=factor: gradient(p, factor), WRONG)


def test_seconds_since_1970_are_told_from_each_other():
    rng = np.random.default_rng(0)
    x, C = 1.7e9 + 100 * rng.normal(size=12), rng.normal(size=12)

    def standardised(x):
        D = x - x.mean()
        s = np.sqrt((D * D).mean())
        return D / s, s

    def gradient(p, factor=1.0):
        N, s = standardised(p["x"])
        return {"x": factor * (C - C.mean() - N * (C * N).mean()) / s}

    says(lambda p: np.sum(C * standardised(p["x"])[0]), {"x": x}, gradient, PASS)
    says(lambda p: np.sum(C * standardised(p["x"])[0]), {"x": x}, lambda p: gradient(p, -1.0), WRONG)


def test_what_float32_cannot_hold_is_no_fault_of_a_gradient_in_it():
    """Behind a mask of -300 float32 holds neither an output nor its derivative, of 1e-131: both are 0."""
    rng = np.random.default_rng(0)
    S, above = rng.normal(size=(3, 3)).astype(np.float32), np.triu(np.ones((3, 3)), 1)

    def softmax(S):
        E = np.exp(S - 300 * above.astype(S.dtype))
        return E / E.sum(axis=1, keepdims=True)

    def vjp(S, U, change=1.0):
        P = softmax(S)
        return np.float32(change) * P * (U - (U * P).sum(axis=1, keepdims=True))

    check = check_vjp(softmax, vjp, S)
    assert check, str(check)
    assert check_vjp(softmax, lambda S, U: vjp(S, U, 1.01), S).verdict is Verdict.WRONG


def test_what_is_not_told_from_zero_is_not_said_to_be_right():
    x = np.array([9.0, 10.0, 11.0])
    check = check_gradients(
        real(lambda p: np.sum(np.tanh(p["x"]))), {"x": x}, lambda p: {"x": 1 - np.tanh(p["x"].astype(np.float32)) ** 2}
    )
    assert check.verdict is Verdict.BLIND
    assert any("not told from 0" in note for note in check.notes)
    assert not any("right, but imprecise" in note for note in check.notes)


@pytest.mark.parametrize(
    ("at", "width", "passes"), [((5e5, 4.5e6), 5.0, 0), ((-74.0, 40.7), 1e-3, 1), ((2e3, 5e3), 5.0, 6)]
)
def test_what_is_narrow_beside_its_coordinates_is_no_plain(at, width, passes):
    """Metres or degrees on a map: most steps lead out of all kernels, to where f is the same on both sides."""
    verdicts = []
    for seed in range(6):
        r = np.random.default_rng(seed)
        X, C = r.normal(size=(7, 2)) * 4 * width + at, r.normal(size=(7, 7))

        def kernels(X, C=C):
            D = X[:, None] - X
            return D, (C + C.T) * np.exp(-(D**2).sum(-1) / (2 * width**2))

        def gradient(p, factor=1.0, kernels=kernels):
            D, K = kernels(p["X"])
            return {"X": -2 * factor * (K[:, :, None] * D).sum(1) / width**2}

        f = real(lambda p, kernels=kernels: kernels(p["X"])[1].sum())
        says(f, {"X": X}, lambda p, gradient=gradient: gradient(p, -1.0), WRONG)
        verdicts.append(check_gradients(f, {"X": X}, gradient, progress=False).verdict)
    assert WRONG not in verdicts, verdicts
    assert verdicts.count(PASS) >= passes, verdicts


@pytest.mark.parametrize("seed", range(6))
def test_an_entry_too_faint_for_the_complex_step_is_asked_at_finer_steps_too(seed):
    """Phases of a carrier: millions of waves lie within the steps of differences, of which some entries have little."""
    r = np.random.default_rng(seed)
    distances, phase, rate = 2.2e7 * (1 + 0.2 * r.random(5)), r.uniform(0, 2 * np.pi, 5), 2 * np.pi / 0.19
    phase[1] = rate * distances[1] % (2 * np.pi) + 1e-2
    f = lambda p: np.sum(1 - np.cos(rate * np.asarray(p["r"]) - phase))  # noqa: E731  # so that f is not seen to be analytic

    def gradient(p, factor=1.0):
        return {"r": factor * rate * np.sin(rate * p["r"] - phase)}

    check = check_gradients(f, {"r": distances}, gradient, progress=False, seed=seed)
    assert check.verdict in (PASS, UNRELIABLE), str(check)
    says(f, {"r": distances}, lambda p: gradient(p, 1.05), WRONG)
