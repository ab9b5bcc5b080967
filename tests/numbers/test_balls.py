"""Balls round as IEEE 754 says and decide nothing that they do not know; floats stay inside the balls made for them."""

import threading
from fractions import Fraction
from itertools import permutations

import flint
import numpy as np
import pytest
from floatball import around_zero, float_balls
from hypothesis import example, given
from hypothesis import strategies as st
from strategies import float_network, float_networks

from refnn import _floats, backprop, forward_prop
from refnn.numbers import balls


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
        balls_around = np.array([midpoint, midpoint + around_zero(1e-30), midpoint + 1e-29 + around_zero(1e-30)])
        values, decided = balls.nearest(balls_around)
    assert decided.tolist() == [True, False, True]
    assert values.tolist() == [1.0, 1.0, 1.0 + 2.0**-52]


class Interval:
    """All numbers from low to high, whose ends are exact, as those of balls are not."""

    def __init__(self, low, high=None):
        self.low, self.high = low, low if high is None else high

    def __gt__(self, number):
        return self.low > number

    def __ge__(self, number):
        return self.low >= number

    def __lt__(self, number):
        return self.high < number

    def __le__(self, number):
        return self.high <= number


def test_on_which_side_of_a_kink_a_number_lies_is_known_or_refused():
    """From 0 down the step is 0, above it 1: of an interval that touches 0 from above neither is true."""
    known = [Interval(-2, -1), Interval(-1, 0), Interval(0), Interval(1e-300), Interval(0.5, 2)]
    assert [step.low for step in _floats.step(np.array(known, object))] == [0, 0, 0, 1, 1]
    for unknown in (Interval(0, 1), Interval(-1, 1)):
        with pytest.raises(ArithmeticError, match="holds 0, the kink"):
            _floats.step(np.array([unknown], object))


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


SCALES = [0.01, 1, 10, 50, 500]  # of the weights; at 500 much underflows


def outside(enclosures, grads):
    """The entries of the float gradient that its enclosure does not hold."""
    return [
        (key, index)
        for key, dV in grads.items()
        for index, exact in np.ndenumerate(balls.to_balls(dV))
        if not getattr(enclosures[key][index], "ball", enclosures[key][index]).contains(exact)
    ]


def gradient_on(numbers, network, bits=128):
    """The gradient, from the same lines, on the numbers that a function makes of arrays."""
    params, X, Y = network
    with balls.precision(bits):
        return gradient({key: numbers(V) for key, V in params.items()}, numbers(X), numbers(Y))


def float_balls_of(array):
    return float_balls(array, array.dtype)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@given(st.data())
def test_the_float_gradient_lies_inside_the_ball_run_of_the_same_source(dtype, data):
    network = data.draw(float_networks(scale=st.sampled_from(SCALES), hard=st.booleans(), dtype=st.just(dtype)))
    assert outside(gradient_on(float_balls_of, network), gradient(*network)) == []


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_plain_ball_run_of_as_many_bits_does_not_hold_every_float_gradient(dtype):
    """It does not count the rounding of the float; `pytest -rP` shows how often, and the float's worst error."""
    left, errors = 0, []
    for seed in range(300):
        rng = np.random.default_rng(seed)
        layer_dims, scale = rng.integers(1, 5, rng.integers(2, 6)).tolist(), float(rng.choice(SCALES))
        network = float_network(layer_dims, int(rng.integers(1, 4)), seed, scale=scale, hard=seed % 2 == 0, dtype=dtype)
        grads = gradient(*network)
        assert outside(gradient_on(float_balls_of, network), grads) == []
        left += len(outside(gradient_on(balls.to_balls, network, np.finfo(dtype).nmant + 1), grads))
        truth = gradient_on(balls.to_balls, network, 256)
        with balls.precision(256):
            distances = [(balls.to_balls(dV) - truth[key]) / balls.ulps(truth[key], dtype) for key, dV in grads.items()]
            errors += [balls.upper_bounds(distance).ravel() for distance in distances]
    ulps = np.sort(np.concatenate(errors))
    half, most, worst = ulps[ulps.size // 2], ulps[ulps.size * 99 // 100], ulps[-1]
    print(f"{dtype.__name__}: {ulps.size} entries, all inside their balls; outside the plain Arb run: {left}.")
    print(f"Half are within {half:.1f} ulp, 99 % within {most:.0f}, all within {worst:.1e} (cancellation, underflow).")
    assert left > 0


def test_one_thread_at_a_time_has_its_precision():
    """flint has one for the whole process: two threads would leave each other theirs."""
    seen, before = [], flint.ctx.prec

    def other():
        with balls.precision(256):
            seen.append(flint.ctx.prec)

    thread = threading.Thread(target=other)
    with balls.precision(128):
        thread.start()
        thread.join(0.2)
        assert (seen, flint.ctx.prec) == ([], 128)
    thread.join()
    assert (seen, flint.ctx.prec) == ([256], before)
