"""numerical_gradient: the derivative of any function, without a formula."""

import numpy as np
import pytest
from functions import logistic, points

from refnn import numerical_gradient


@pytest.mark.parametrize("method", ["central", "complex", "auto"])
def test_numerical_gradient_matches_the_formula(method):
    for f, gradient, params in points(1.0):
        found = numerical_gradient(f, params, method=method)
        for key, V in gradient(params).items():
            name = key if key in found else key[1:]
            tolerance = 1e-9 if method == "central" else 1e-13
            np.testing.assert_allclose(found[name], V, rtol=tolerance, atol=tolerance)
            assert found[name].shape == params[name].shape


@pytest.mark.parametrize(
    ("params", "error", "text"),
    [
        ({}, ValueError, "params is empty"),
        ({"w": np.array([1, np.nan])}, ValueError, r"params\['w'\]\[1\] is nan, expected a finite number"),
        ({"w": "abc"}, TypeError, "params is dict without numbers, expected an array, a number, or a list"),
        (logistic, TypeError, "params is function without numbers, expected an array"),
    ],
)
def test_parameters_that_are_none_are_refused(params, error, text):
    with pytest.raises(error, match=text):
        numerical_gradient(lambda _: 1.0, params)


def test_a_random_function_is_refused():
    noise = np.random.default_rng(0)
    with pytest.raises(ValueError, match="f is random"):
        numerical_gradient(lambda p: p["w"].sum() * noise.random(), {"w": np.ones(3)})


def test_unknown_methods_are_refused():
    with pytest.raises(ValueError, match="method is 'exact', expected 'auto', 'complex' or 'central'"):
        numerical_gradient(logistic, {"w": np.ones(4)}, method="exact")


def test_no_function_is_refused_by_name():
    with pytest.raises(TypeError, match="f is NoneType, expected a callable"):
        numerical_gradient(None, {"x": np.ones(2)})


@pytest.mark.parametrize(
    ("x", "method"), [([1e-310], "auto"), ([1.0, 5e-324], "central"), ([1e300, 1e-300], "central")]
)
def test_where_the_floats_hold_no_smaller_step_nothing_is_divided_by_zero(x, method):
    found = numerical_gradient(lambda p: 3 * p["x"].sum(), {"x": np.array(x)}, method=method)["x"]
    assert found[0] == pytest.approx(3)
