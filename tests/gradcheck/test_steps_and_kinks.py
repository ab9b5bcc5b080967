"""What check_gradients says where f moves in steps, as rounded numbers do and half precision inside, or has kinks that
long steps cannot avoid, as float32 needs them."""

from functools import partial
from itertools import product

import numpy as np
import pytest
from functions import BLIND, PASS, UNRELIABLE, WRONG, bfloat16, judged, says

from refnn import check_gradients, check_vjp


@pytest.mark.parametrize("digits", range(1, 7))
def test_an_f_that_is_rounded_shows_what_its_steps_let_through(digits):
    """It is flat at the finest steps. Its derivative is zero there, and that of what was rounded farther on."""
    f, x = lambda p: round(float(np.sum(p["x"] ** 2)), digits), np.array([0.3, 0.7, 1.1])
    right = judged(f, {"x": x}, {"x": 2 * x})
    assert right.verdict in (UNRELIABLE, PASS)[digits > 5 :], str(right)
    assert any(note.startswith(f"f goes up in steps of 1.0e-0{digits}") for note in right.notes), str(right)
    says(f, {"x": x}, {"x": 0 * x}, UNRELIABLE)
    if digits > 4:
        says(f, {"x": x}, {"x": -2 * x}, WRONG)


@pytest.mark.parametrize("jump", [np.floor, np.ceil, np.round, np.trunc])
def test_jumps_of_any_height_are_no_rounding(jump):
    """Rounding goes up in steps of one height. The derivative of what jumps otherwise is zero, as is that of a sum. But
    steps as fine as those of half precision may be its own: there only a gradient that is neither is wrong."""
    rng = np.random.default_rng(2)
    x, w = 2 * rng.standard_normal(33), rng.standard_normal(33)
    for scale, straight_through in ((10, WRONG), (100, UNRELIABLE)):
        f = lambda p, scale=scale: float(np.sum(w * jump(scale * p["x"])))  # noqa: E731
        says(f, {"x": x}, {"x": 0 * x}, BLIND)
        says(f, {"x": x}, {"x": scale * w}, straight_through)
        says(f, {"x": x}, {"x": -scale * w}, WRONG)


def test_a_rounding_is_one_where_fine_steps_cross_one_of_its_own_too():
    """Here one of those by which noise is measured does."""
    rng = np.random.default_rng(14)
    n = rng.integers(2, 40)
    x, w, c = 2 * rng.standard_normal(n), rng.standard_normal(n), rng.standard_normal(n)
    right = judged(
        lambda p: round(float(np.sum(w * np.sin(c * p["x"]) + 3 / n)), 6), {"x": x}, {"x": w * c * np.cos(c * x)}
    )
    assert any(note.startswith("f goes up in steps of 1.0e-06") for note in right.notes), str(right)
    assert right.verdict != WRONG, str(right)


def test_steps_may_differ_by_more_than_floats_hold():
    f = lambda p: 1e10 if p["x"][0] > 0.31 else 5e-324 * float(np.floor(1e6 * p["x"][0]))  # noqa: E731
    assert judged(f, {"x": np.array([0.3])}, {"x": np.array([0.0])}).verdict != WRONG


def test_a_step_may_be_higher_than_floats_hold():
    f = lambda p: 1.7e308 * (-1) ** int(np.floor(1e3 * p["x"][0]))  # noqa: E731
    assert judged(f, {"x": np.array([0.3005])}, {"x": np.array([0.0])}).verdict != WRONG


@pytest.mark.parametrize("narrow", [np.float16, lambda v: np.round(v, 3)], ids=["float16", "three decimals"])
def test_an_f_that_returns_few_digits_is_believed_no_more(narrow):
    x = np.array([0.3, 0.7, 1.1])
    right = judged(lambda p: float(narrow(np.sum(p["x"] ** 2))), {"x": x}, {"x": 2 * x})
    assert right.verdict in (PASS, UNRELIABLE), str(right)


# ---------------------------------------------------------------------- half precision inside


def float16(V):
    return V.astype(np.float16).astype(np.float64)


def layers(low, seed):
    """Tanh layers whose products are made of rounded numbers and are rounded, as under autocast; a right gradient of
    them, times `factor` in W; and where."""
    r = np.random.default_rng(seed)
    X, Y = r.standard_normal((6, 16)), r.standard_normal((2, 16))
    params = {"W": r.standard_normal((8, 6)) / 2, "V": r.standard_normal((2, 8)) / 2, "c": r.standard_normal((2, 1))}

    def forward(p):
        H = np.tanh(low(low(p["W"]) @ low(X)))
        return H, low(low(p["V"]) @ low(H)) + p["c"] - Y

    def f(p):
        return float(np.mean(forward(p)[1] ** 2))

    def gradient(p, factor=1.0):
        H, R = forward(p)
        R = 2 * R / R.size
        D = low(p["V"]).T @ R * (1 - H**2)
        return {"W": factor * D @ X.T, "V": R @ H.T, "c": R.sum(axis=1, keepdims=True)}

    return f, gradient, params


@pytest.mark.parametrize("as_numbers", [False, True])
@pytest.mark.parametrize("seed", range(4, 10))
@pytest.mark.parametrize("low", [bfloat16, float16])
def test_half_precision_inside_f_leaves_a_right_gradient_in_doubt_and_no_opposite_one_passes(low, seed, as_numbers):
    f, gradient, params = layers(low, seed)
    right = judged(f, params, gradient(params) if as_numbers else gradient)
    assert right.verdict == UNRELIABLE, str(right)
    assert any("f moves in jumps" in reason for reason in right.reasons), str(right)
    opposite = judged(f, params, gradient(params, -1.0) if as_numbers else lambda p: gradient(p, -1.0))
    assert opposite.verdict in ((WRONG, UNRELIABLE) if low is bfloat16 else (WRONG,)), str(opposite)


@pytest.mark.parametrize("low", [bfloat16, float16])
def test_an_f_that_returns_half_precision_is_said_to(low):
    def f(p):
        if p["x"].dtype != np.float32:
            raise TypeError("made for float32")
        return float(low(np.sum(p["x"] ** 2)))

    x = np.random.default_rng(0).standard_normal(5).astype(np.float32)
    check = check_gradients(f, {"x": x}, {"x": 2 * x}, progress=False)
    assert f"f returns {low.__name__} numbers: its noise bounds what can be seen" in check.notes


@pytest.mark.parametrize("low", [bfloat16, float16])
def test_a_gradient_of_zero_does_not_pass_because_half_precision_hides_what_f_does(low):
    """Between two numbers of half precision f is flat: W changes nothing there, and U does as ever."""
    r = np.random.default_rng(0)
    X, params = r.standard_normal((6, 16)), {"W": r.standard_normal((8, 6)) / 2, "U": r.standard_normal((2, 8))}

    def f(p):
        return float(np.mean((p["U"] @ low(np.tanh(p["W"] @ X))) ** 2))

    H = low(np.tanh(params["W"] @ X))
    dU = 2 * params["U"] @ H @ H.T / 32
    check = says(f, params, {"W": 0 * params["W"], "U": dU}, UNRELIABLE)
    assert any(reason.startswith("in W f moves in jumps") for reason in check.reasons), str(check)


def test_numbers_that_f_rounds_to_half_precision_are_told_and_asked_at_others_as_coarse():
    """Few show no jumps to the finest steps, and one output alone fewer."""
    for seed, low, n in product(range(6), (bfloat16, float16), (1, 3, 6)):
        x, u = np.random.default_rng(seed).standard_normal((2, n)) * [[2], [1]]
        f = lambda p, low=low, u=u: float(np.sum(u * np.sin(low(p["x"]))))  # noqa: E731
        right = u * np.cos(low(x))
        assert judged(f, {"x": x}, {"x": right}).verdict in (UNRELIABLE, PASS, BLIND)
        if n > 1:
            says(f, {"x": x}, {"x": 1.5 * right}, WRONG)
    for seed in range(24):
        r = np.random.default_rng(seed)
        X, W = r.standard_normal((8, 16)).astype(np.float32), r.standard_normal((16, 4)).astype(np.float32)
        f = lambda X, W: bfloat16(bfloat16(X) @ bfloat16(W)).astype(np.float32)  # noqa: E731

        def vjp(X, W, u, sign=1.0):
            return (u @ bfloat16(W).T).astype(np.float32), (sign * bfloat16(X).T @ u).astype(np.float32)

        right = check_vjp(f, vjp, (X, W))
        assert right.verdict == UNRELIABLE, str(right)
        assert check_vjp(f, partial(vjp, sign=-1.0), (X, W)).verdict == WRONG


@pytest.mark.parametrize("seed", range(20, 24))
def test_what_cancels_in_half_precision_is_off_by_roundoffs_of_what_did_not(seed):
    """A network that computes in bfloat16: small entries are off by roundoffs of the large ones of their array."""
    r = np.random.default_rng(seed)
    inputs = tuple(r.standard_normal(shape) for shape in ((4, 3), (3, 5), (5, 5), (5, 2)))

    def forward(X, *weights):
        layers = [(bfloat16(X), None)]
        for W in weights[:-1]:
            Z = bfloat16(layers[-1][0] @ bfloat16(W))
            S = bfloat16(1 / (1 + np.exp(-Z)))
            layers.append((bfloat16(Z * S), bfloat16(S * (1 + bfloat16(Z * (1 - S))))))
        return layers, bfloat16(layers[-1][0] @ bfloat16(weights[-1]))

    def vjp(X, *others, sign=1.0):
        *weights, dZ = others
        dWs = []
        for (A, slope), W in zip(reversed(forward(X, *weights)[0]), reversed(weights), strict=True):
            dWs.append(bfloat16(A.T @ bfloat16(dZ)))
            dZ = bfloat16(bfloat16(dZ) @ bfloat16(W).T)
            dZ = dZ if slope is None else bfloat16(dZ * slope)
        return sign * dZ, *reversed(dWs)

    f = lambda X, *weights: forward(X, *weights)[1]  # noqa: E731
    right = check_vjp(f, vjp, inputs, seed=seed)
    assert right.verdict == UNRELIABLE, str(right)
    assert check_vjp(f, partial(vjp, sign=-1.0), inputs, seed=seed).verdict == WRONG


@pytest.mark.parametrize("count", [2, 3, 8, 16])
def test_steps_of_a_floor_are_no_rounding_to_half_precision(count):
    for seed in range(4):
        x, w = np.random.default_rng(seed).standard_normal((2, 6))
        f = lambda p, w=w: float(np.sum(w * np.tanh(np.floor(count * p["x"]) / count)))  # noqa: E731
        says(f, {"x": x}, {"x": w * (1 - np.tanh(x) ** 2)}, WRONG)


@pytest.mark.parametrize("seed", range(4))
def test_steps_in_one_array_do_not_excuse_another(seed):
    r = np.random.default_rng(seed)
    x, y = r.standard_normal((2, 33))
    f = lambda p: float(np.sum(np.floor(100 * p["x"]) + p["y"] ** 2))  # noqa: E731
    says(f, {"x": x, "y": y}, {"x": 0 * x, "y": 2.001 * y}, WRONG)


def test_what_the_complex_step_decides_is_not_excused_because_f_varies_within_the_steps_of_differences():
    x = np.array([0.3, -1.1, 0.7, 2.3])
    f = lambda p: np.sum(np.sin(1e4 * p["x"]))  # noqa: E731
    slopes = 1e4 * np.cos(1e4 * x)
    assert (slopes < 0).any()
    says(f, {"x": x}, {"x": slopes}, PASS)
    says(f, {"x": x}, {"x": 0.001 * slopes}, WRONG)  # so small, it is no more than waves would leave of a noise


def test_a_zero_is_right_where_steps_of_any_height_are_crossed_by_the_finest_moves():
    """Here one of those by which noise is measured crosses one, so that f seems to be noisy and not flat."""
    r = np.random.default_rng(3)
    n = r.integers(2, 40)
    x, w = 2 * r.standard_normal(n), r.standard_normal(n)
    assert judged(lambda p: float(np.sum(w * np.floor(1000 * p["x"]))), {"x": x}, {"x": 0 * x}).verdict != WRONG


# ---------------------------------------------------------------------- kinks in float32


def hinges(seed):
    """A layer of ReLU under a hinge loss, in float32; its gradient; and where. Each step meets kinks."""
    r, single = np.random.default_rng(seed), np.float32
    X, y = r.normal(size=(6, 100)).astype(single), np.sign(r.normal(size=(1, 100))).astype(single)
    shapes = {"W": (32, 6), "b": (32, 1), "V": (1, 32)}
    params = {key: (r.normal(size=shape) / 2).astype(single) for key, shape in shapes.items()}

    def forward(p):
        p = {key: np.asarray(value, single) for key, value in p.items()}
        Z = p["W"] @ X + p["b"]
        return p, Z, p["V"] @ np.maximum(Z, 0)

    def f(p):
        return float(np.mean(np.maximum(0, 1 - y * forward(p)[2])))

    def gradient(p, factor=1.0):
        p, Z, out = forward(p)
        s = (-y * (y * out < 1) / 100).astype(single)
        D = p["V"].T @ s * (Z > 0)
        return {"W": D @ X.T, "b": single(factor) * D.sum(axis=1, keepdims=True), "V": s @ np.maximum(Z, 0).T}

    return f, gradient, params


@pytest.mark.parametrize("seed", [0, 5, 12, 14, 15, 20])
def test_a_right_gradient_is_not_wrong_because_float32_needs_steps_that_meet_kinks(seed):
    f, gradient, params = hinges(seed)
    right = check_gradients(f, params, gradient, progress=False)
    assert any(reason.startswith("f seems to have kinks within the steps") for reason in right.reasons), str(right)
    assert check_gradients(f, params, lambda p: gradient(p, 1.05), progress=False).verdict == WRONG


@pytest.mark.parametrize(("size", "verdict"), [(2.0**-100, WRONG), (2.0**999, UNRELIABLE)])
def test_numbers_of_24_bits_may_be_of_any_size(size, verdict):
    """The noise of the largest is beyond the range of floats, which is no reason to take them for noise."""
    x = np.array([0.3, -1.1, 0.7])
    f = lambda p: float(np.sum(np.abs(p["x"]), dtype=np.float32)) * size  # noqa: E731
    says(f, {"x": x}, {"x": size * np.sign(x) * [1, 1, 1.01]}, verdict)


def test_waves_too_fast_for_the_steps_are_not_taken_for_a_slope_of_zero():
    """At each step they are as high, and no step is tried that is so long that nothing would hide in them."""
    f = lambda p: float(1 + np.sum(1e-9 * p["x"] + 1e-8 * np.sin(1e7 * p["x"])) + p["y"] @ p["y"])  # noqa: E731
    slope = 1e-9 + 0.1 * np.cos(1e7 * 0.3137)
    for given, verdict in ((0.0, WRONG), (-slope, WRONG), (1.05 * slope, WRONG), (slope, PASS)):
        says(f, {"x": [0.3137], "y": [1.0, 2.0]}, {"x": [given], "y": [2.0, 4.0]}, verdict)
    faster = lambda p: float(1 + np.sum(1e-8 * np.sin(1e9 * p["x"])) + p["y"] @ p["y"])  # noqa: E731
    says(faster, {"x": [0.3137], "y": [1.0, 2.0]}, {"x": [0.0], "y": [2.0, 4.0]}, UNRELIABLE)


@pytest.mark.parametrize("rounded", [np.floor, np.round])
@pytest.mark.parametrize("scale", [1, 3, 10])
def test_a_sum_of_steps_is_not_taken_for_a_rounded_line(rounded, scale):
    """All steps are of one height, as those of a smooth f that was rounded."""
    for seed in range(5):
        x = np.random.default_rng(seed).uniform(0.5, 3, 5)
        check = judged(lambda p: float(np.sum(rounded(np.real(scale * p["x"])))), {"x": x}, {"x": np.full(5, scale)})
        assert check.verdict in (WRONG, UNRELIABLE), str(check)


@pytest.mark.parametrize("rounded", [np.floor, np.round])
def test_a_sum_of_fine_steps_passes_as_a_rounded_line_with_a_note(rounded):
    """README says so: from 64 steps within the size of a parameter on nothing tells the two apart."""
    x = np.random.default_rng(0).uniform(0.5, 3, 5)
    check = judged(lambda p: float(np.sum(rounded(np.real(100 * p["x"])))), {"x": x}, {"x": np.full(5, 100)})
    assert check.verdict == PASS, str(check)
    assert any(note.startswith("f goes up in steps of 1.0e+00") for note in check.notes)
