"""Balls round as IEEE 754 says and decide nothing that they do not know; floats stay inside the balls made for them."""

from fractions import Fraction
from itertools import permutations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from refnn import _enclosure, backprop, certify, forward_prop, init_params
from refnn.numbers import balls
from refnn.numbers.floatball import float_balls


def network(layer_dims, m, seed=0, scale=1.0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    params = init_params(layer_dims, scale=scale, rng=rng)
    params |= {f"b{l}": scale * rng.standard_normal((n, 1)) for l, n in enumerate(layer_dims) if l}
    X, Y = rng.standard_normal((layer_dims[0], m)), rng.random((layer_dims[-1], m)).round(seed % 2)
    return X.astype(dtype), Y.astype(dtype), {key: V.astype(dtype) for key, V in params.items()}


def gradient(X, Y, params):
    AL, caches = forward_prop(X, params)
    return backprop(AL, Y, caches)


@example(2**53 + 1, 0)
@example(2**53 + 3, -1100)
@example(-(2**54) - 2, 900)
@example(5, -1076)
@example(2**54 - 1, 970)
@given(st.integers(-(2**70), 2**70), st.integers(-1200, 970))
def test_exact_numbers_round_as_ieee_754_says(mantissa, exponent):
    exact = Fraction(mantissa) * Fraction(2) ** exponent
    try:
        expected = exact.numerator / exact.denominator  # Python rounds the quotient of integers correctly
    except OverflowError:
        expected = np.copysign(np.inf, mantissa)
    with balls.precision(128):
        value, decided = balls.nearest(balls.to_balls([mantissa]) * balls.to_balls([2]) ** exponent)
    assert decided.all()
    assert value.tolist() == [expected]


@given(st.floats(width=64), st.sampled_from([np.float32, np.float16]))
def test_doubles_round_to_shorter_floats_as_numpy_rounds_them(x, dtype):
    if np.isfinite(x):
        value = balls.nearest(balls.to_balls([x]), dtype)[0].item()
        with np.errstate(all="ignore"):
            assert value == dtype(x)


def test_a_ball_that_holds_a_midpoint_decides_nothing():
    with balls.precision(128):
        midpoint = balls.to_balls([1.0])[0] + balls.to_balls([2.0**-53])[0]
        balls_around = np.array(
            [midpoint, midpoint + balls.around_zero(1e-30), midpoint + 1e-29 + balls.around_zero(1e-30)]
        )
        values, decided = balls.nearest(balls_around)
    assert decided.tolist() == [True, False, True]
    assert values.tolist() == [1.0, 1.0, 1.0 + 2.0**-52]


def test_a_float_ball_holds_sums_in_every_order():
    terms = [2.0**53, 1.0, -(2.0**53), 3.0, 2.0**-10, 5.0]
    with balls.precision(128):
        ball = sum(float_balls(terms)).ball
    for order in permutations(terms):
        assert ball.contains(sum(order))
    assert not ball.contains(40)


@pytest.mark.parametrize("function", ["exp", "log", "log1p"])
def test_a_float_ball_holds_elementary_functions_to_four_ulps(function):
    x = 0.75
    with balls.precision(128):
        ball = getattr(float_balls([x])[0], function)().ball
    value = getattr(np, function)(x)
    for ulps in (-3, 0, 3):
        assert ball.contains(float(value + ulps * np.spacing(value)))
    assert not ball.contains(float(value + 20 * np.spacing(value)))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_the_float_gradient_lies_inside_the_ball_run_of_the_same_source(dtype):
    """At weight scales up to 500, where much underflows. `pytest -rP` shows the figures."""
    rng = np.random.default_rng(1)
    entries, outside_arb, worst = 0, 0, (0.0, "")
    for seed in range(120):
        dims = rng.integers(1, 5, rng.integers(2, 6)).tolist()
        scale = float(rng.choice([0.01, 1, 10, 50, 500]))
        X, Y, params = network(dims, int(rng.integers(1, 4)), seed, scale, dtype)
        grads = gradient(X, Y, params)
        with balls.precision(128):
            enclosed = gradient(
                *(float_balls(V, dtype) for V in (X, Y)), {k: float_balls(V, dtype) for k, V in params.items()}
            )
        plain = _enclosure.by_backprop(X, Y, params, np.finfo(dtype).nmant + 1)
        certificate = certify(X, Y, params, grads)
        for key, dV in grads.items():
            exact = balls.to_balls(dV)
            for index in np.ndindex(dV.shape):
                entries += 1
                assert enclosed[key][index].ball.contains(exact[index]), (dims, seed, key, index)
                outside_arb += not plain[key][index].contains(exact[index])
            if np.finfo(dtype).tiny < np.abs(certificate.truth[key]).min():
                worst = max(worst, (certificate.ulps[key].max(), f"{key} of {dims}, weight scale {scale}, seed {seed}"))
    print(f"{dtype.__name__}: {entries} entries, all inside; worst error {worst[0]:.0f} ulp, {worst[1]}; ", end="")
    print(f"{outside_arb} lie outside a plain Arb run, which counts neither the float's own rounding nor underflow")
