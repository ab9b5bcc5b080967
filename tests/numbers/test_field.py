"""The field is one, and its atoms keep the laws that the formulas of the network need, and are redrawn with the key."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refnn.numbers import ExactnessError, FieldElement, P, atoms, lift, random_point

elements = st.integers(0, P - 1).map(FieldElement)


@given(elements, elements, elements)
def test_the_field_is_one(x, y, z):
    assert x + y == y + x
    assert x * y == y * x
    assert (x + y) + z == x + (y + z)
    assert (x * y) * z == x * (y * z)
    assert x * (y + z) == x * y + x * z
    assert x - y == x + -y == -(y - x)
    assert x + 0 == x * 1 == x
    assert x - x == 0
    assert y == 0 or x / y * y == x
    assert x == 0 or x**-2 * x**2 == 1


@given(st.fractions(max_denominator=2**60), elements)
def test_integers_fractions_and_arrays_of_them_stand_on_both_sides(q, x):
    y = FieldElement(q.numerator) / q.denominator
    assert q + x == x + q == y + x
    assert q - x == -(x - q) == y - x
    assert q * x == x * q == y * x
    assert x == 0 or q / x == y / x
    assert q == 0 or x / q == x / y
    assert np.array_equal(np.array([1, 2]) - x, [1 - x, 2 - x])
    assert np.array_equal(x / np.array([1, 2]), [x, x / 2])


def test_equal_elements_are_one_key_and_show_their_residue():
    assert {FieldElement(3): 1, FieldElement(3 + P): 2} == {FieldElement(3): 2}
    assert repr(FieldElement(3 - P)) == "FieldElement(3)"


def test_division_by_zero_is_refused():
    for division in (lambda x: 1 / x, lambda x: 2 / (x - x), lambda x: x**-1, lambda x: x.log()):
        with pytest.raises(ZeroDivisionError, match="a divisor that is 0 at a random point is 0 everywhere"):
            division(FieldElement(P))


@pytest.mark.parametrize("number", [0.1, 2.0**53 + 2, -(2.0**53) - 2, 1j, np.float32(0.5), "1", None], ids=repr)
def test_what_is_no_exact_number_is_refused(number):
    with pytest.raises(ExactnessError):
        FieldElement(number)


@pytest.mark.parametrize("number", [3.0, 2.0**53, -(2.0**53), 1.0 - 2.0**53])
def test_a_float_with_an_integral_value_is_that_integer(number):
    """Up to 2^53, where floats begin to leave integers out."""
    assert FieldElement(number) == FieldElement(int(number))


def test_floats_are_lifted_to_their_exact_binary_value():
    assert lift([0.5, 3.0, -0.75, Fraction(1, 3), np.float32(0.1)]).tolist() == [
        Fraction(1, 2),
        3,
        Fraction(-3, 4),
        Fraction(1, 3),
        Fraction(13421773, 2**27),
    ]
    for number in (np.nan, np.inf):
        with pytest.raises(ExactnessError, match=f"{number} has no exact value"):
            lift([number])


def test_a_random_point_repeats_itself_from_its_seed():
    shapes = {"x": np.empty((2, 3)), "y": 0.0}
    point = random_point(shapes, seed=1)
    assert {name: V.shape for name, V in point.items()} == {"x": (2, 3), "y": ()}
    np.testing.assert_equal(random_point(shapes, seed=1), point)
    assert not (random_point(shapes, seed=2)["x"] == point["x"]).any()


@given(elements, st.integers(0, 2**64))
def test_atoms_keep_the_laws_that_the_formulas_need(x, key):
    with atoms(key):
        assert x.exp() * (-x).exp() == 1
        assert FieldElement(0).exp() == 1
        assert x == 0 or (1 / x).log() == -x.log()
    with atoms(key + 1):
        assert x == 0 or x.exp() * (-x).exp() == 1


@pytest.mark.parametrize("x", [1, 12345, P // 2])
def test_an_exp_is_never_0_nor_a_log_of_a_root_of_1_another(x):
    """Whoever divides by exp would fail: also where the mixing of bits ends in 0, as it does for -x in the key."""
    with atoms(P - x):
        assert FieldElement(x).exp() == 1
        assert FieldElement(-x).exp() == 1
    for key in (0, x):
        with atoms(key):
            assert FieldElement(1).log() == FieldElement(-1).log() == 0


def test_atoms_are_redrawn_with_the_key_and_remembered_within_it():
    x = FieldElement(12345)
    with atoms(1):
        first = x.exp(), x.log()
        with atoms(2):
            assert (x.exp(), x.log()) != first
        assert (x.exp(), x.log()) == first


@given(elements, st.integers(0, 2**64))
def test_a_step_is_0_or_1_and_the_other_one_at_minus_x(x, key):
    with atoms(key):
        assert x.step() in (0, 1)
        assert FieldElement(0).step() == 0
        assert x == 0 or (-x).step() == 1 - x.step()
        assert x.step() == x.step()


def test_steps_are_redrawn_with_the_key_and_fall_on_both_sides_alike():
    def steps(key):
        with atoms(key):
            return [FieldElement(x).step().residue for x in range(1, 10_001)]

    assert steps(1) != steps(2)
    assert abs(sum(steps(1)) - 5000) < 5 * np.sqrt(10_000 / 4)  # five standard deviations
    agree = sum(a == b for a, b in zip(steps(1), steps(2)))
    assert abs(agree - 5000) < 5 * np.sqrt(10_000 / 4)
