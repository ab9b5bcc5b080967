"""Balls round as IEEE 754 says and decide nothing that they do not know; floats stay inside the balls made for them."""

from fractions import Fraction
from itertools import permutations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from refnn import backprop, certificate, certify, forward_prop, init_params
from refnn.numbers import balls
from refnn.numbers.floatball import float_balls


def network(layer_dims, m, seed=0, scale=1.0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    params = init_params(layer_dims, scale=scale, rng=rng)
    params |= {f"b{l}": scale * rng.standard_normal((n, 1)) for l, n in enumerate(layer_dims) if l}
    X, Y = rng.standard_normal((layer_dims[0], m)), rng.random((layer_dims[-1], m)).round(seed % 2)
    return {key: V.astype(dtype) for key, V in params.items()}, X.astype(dtype), Y.astype(dtype)


def gradient(params, X, Y):
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


def outside(run, grads):
    """The entries of the float gradient that its ball does not hold."""
    return [
        (key, index)
        for key, dV in grads.items()
        for index, exact in np.ndenumerate(balls.to_balls(dV))
        if not getattr(run[key][index], "ball", run[key][index]).contains(exact)
    ]


def float_ball_run(params, X, Y, dtype):
    with balls.precision(128):
        return gradient({k: float_balls(V, dtype) for k, V in params.items()}, *(float_balls(V, dtype) for V in (X, Y)))


@given(
    st.lists(st.integers(1, 5), min_size=2, max_size=6),
    st.integers(1, 4),
    st.integers(0, 2**32),
    st.sampled_from([0.01, 1, 10, 50, 500]),
    st.sampled_from([np.float64, np.float32]),
)
def test_the_float_gradient_lies_inside_the_ball_run_of_the_same_source(layer_dims, m, seed, scale, dtype):
    """Also where much underflows, as at a weight scale of 500."""
    data = network(layer_dims, m, seed, scale, dtype)
    assert outside(float_ball_run(*data, dtype), gradient(*data)) == []


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_the_worst_error_of_the_float_gradient_in_ulps(dtype):
    """`pytest -rP` shows it, beside how often a plain Arb run, which does not count the float's rounding, is left."""
    left, errors = 0, []
    for seed in range(300):
        rng = np.random.default_rng(seed)
        layer_dims, scale = rng.integers(1, 5, rng.integers(2, 6)).tolist(), float(rng.choice([0.01, 1, 10, 50]))
        data = network(layer_dims, int(rng.integers(1, 4)), seed, scale, dtype)
        grads = gradient(*data)
        assert outside(float_ball_run(*data, dtype), grads) == []
        left += len(outside(certificate.by_backprop(*data, np.finfo(dtype).nmant + 1), grads))
        errors += [certify(*data, grads).ulps[key].ravel() for key in grads]
    ulps = np.sort(np.concatenate(errors))
    half, most, worst = ulps[ulps.size // 2], ulps[ulps.size * 99 // 100], ulps[-1]
    print(f"{dtype.__name__}: {ulps.size} entries, all inside their balls; outside the plain Arb run: {left}.")
    print(
        f"Half are within {half:.1f} ulp, 99 % within {most:.0f}, all within {worst:.1e} (cancelling sums, underflow)."
    )
