"""Central differences: the value lies within the error that they say, on curves made to deceive them."""

import numpy as np
import pytest

from refnn.gradcheck.witness import central


def derivative(f, centre, noise):
    """In an entry of size 1."""
    return central.derivative(central.Ladder(central.Curve(f, centre, noise), 1.0, 1.0))


@pytest.mark.parametrize("width", [0.1, 0.3, 1.0, 10.0])
def test_a_faint_saturation_does_not_deceive_central_differences(width):
    for amplitude in np.geomspace(1e-17, 1, 120):
        for start in (0.1, 0.7):

            def f(t, a=amplitude, s=start):
                return 1 + a * np.tanh(t / width + s)

            found = derivative(f, f(0), 1e-16)
            slope = amplitude / width / np.cosh(start) ** 2
            assert abs(found.value - slope) <= found.error


@pytest.mark.parametrize("noise", [1e-16, 1e-9, 1e-4])
def test_the_derivative_of_minus_f_is_the_negative_found_at_the_same_steps(noise):
    """Whether f rises or falls is no reason to look elsewhere."""
    for amplitude in np.geomspace(1e-12, 1, 13):

        def f(t, a=amplitude):
            return 1 + a * np.sin(3 * t + 0.5) + noise * np.cos(1e6 * t)

        up = derivative(f, f(0), noise)
        down = derivative(lambda t: -f(t), -f(0), noise)
        assert (down.value, down.error, down.evaluations) == (-up.value, up.error, up.evaluations)


@pytest.mark.parametrize("bend", [3, -3])
@pytest.mark.parametrize("distance", np.geomspace(1e-4, 1, 40))
def test_a_kink_beside_the_point_does_not_deceive_central_differences(distance, bend):
    """Neither where f bends upwards nor downwards."""

    def f(t):
        return 1 + t + bend * abs(t - distance) + 0.1 * t**2

    found = derivative(f, f(0), 1e-16)
    assert abs(found.value - (1 - bend)) <= found.error
    assert found.error < 1e-3


@pytest.mark.parametrize("bend", [3, -3])
def test_at_a_kink_the_sides_are_known_whichever_way_f_bends(bend):
    found = derivative(lambda t: 1 + t + bend * abs(t), 1.0, 1e-16)
    assert found.sides == pytest.approx((-2, 4), abs=1e-9)
    assert found.bend > 0


def test_the_step_of_central_differences_goes_up_where_f_is_flat_and_down_where_it_bends():
    flat = derivative(lambda t: 1 + 1e-14 * t, 1.0, 1e-16)
    assert abs(flat.value - 1e-14) <= flat.error < 1e-16
    sharp = derivative(lambda t: float(np.sin(1e4 * t)), 0.0, 1e-16)
    assert abs(sharp.value - 1e4) <= sharp.error < 1e-5


@pytest.mark.parametrize("b", np.geomspace(1e-8, 1, 33))
def test_terms_that_cancel_in_the_estimate_do_not_deceive_central_differences(b):
    """The orders h⁴ and h⁶ of the two extrapolated values cancel at the first step, and not in the value itself."""
    a = -315 / 1024 / (15 / 64) * b * central.FIRST**2

    def f(t):
        return 1 + t + a * t**5 + b * t**7

    found = derivative(f, f(0), 1e-16)
    assert abs(found.value - 1) <= found.error


def test_the_evaluations_are_those_that_f_was_asked_for():
    asked = []

    def f(t):
        asked.append(t)
        return float(np.exp(t))

    assert derivative(f, 1.0, 1e-16).evaluations == len(asked) > 0


def test_a_jump_beside_a_function_that_is_zero_is_no_overflow():
    """Where only the finest of the steps meets it, its truncation is 10^308 times the rounding of zeros and more."""
    finest = central.FIRST / central.RATIO**3
    found = derivative(lambda t: float(abs(t - finest) < finest / 8), 0.0, 0.0)
    assert abs(found.value) <= found.error


@pytest.mark.parametrize("size", [1.0, 1e-3, 1e-6, 1e-9])
def test_flat_is_what_has_no_slope_as_far_as_one_sees(size):
    def flat(f):
        return derivative(f, f(0), 1e-16).flat

    assert not flat(lambda t: 1 + size * float(np.sin(t)))
    assert flat(lambda t: 1 + size * float(np.cos(t)))
    assert flat(lambda _: 1.0)


@pytest.mark.parametrize("f", [np.exp, lambda t: (1 + 2 * t) ** 0.5 * np.cos(3 * t)], ids=["exp", "product"])
def test_from_one_side_the_first_and_the_second_power_of_the_step_are_taken_out(f):
    """With others taken out, more than 4e-11 would be left."""
    found = derivative(lambda t: float(f(t)) if t >= 0 else np.nan, 1.0, 1e-16)
    assert abs(found.value - 1) < 2e-11
