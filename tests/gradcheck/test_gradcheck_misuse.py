"""What is no function, no gradient or no point to judge at is named as what it is."""

import numpy as np
import pytest
from test_gradcheck import logistic

from refnn import Verdict, check_gradients, numerical_gradient


def test_a_kink_is_named():
    params = {"w": np.array([1.0, 0.0, -2.0])}
    result = check_gradients(lambda p: np.sum(np.abs(p["w"])), params, {"w": np.array([1.0, 0, -1])})
    assert result.verdict is Verdict.UNRELIABLE
    assert "1 entry is at a kink of f, the first at [1]" in result.parameters[0].reason


def test_a_random_function_is_named():
    noise = np.random.default_rng(0)
    params = {"w": np.ones(3)}
    result = check_gradients(lambda p: p["w"].sum() + noise.random(), params, {"w": np.ones(3)})
    assert result.verdict is Verdict.UNRELIABLE
    assert result.reasons[0].startswith("f is random")
    with pytest.raises(ValueError, match="f is random"):
        numerical_gradient(lambda p: p["w"].sum() * noise.random(), params)


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
        ({"w": np.ones(3, int), "b": np.ones(())}, r"grads\['w'\] has dtype int64, expected floating-point numbers"),
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


@pytest.mark.parametrize(
    ("params", "error", "text"),
    [
        ({}, ValueError, "params is empty"),
        ([1.0], TypeError, "params is list, expected a dict of arrays"),
        ({"w": np.array([1, np.nan])}, ValueError, r"params\['w'\]\[1\] is nan, expected a finite number"),
        ({"w": np.array([1j])}, TypeError, r"params\['w'\] has dtype complex128, expected real numbers"),
        ({"w": "abc"}, TypeError, r"params\['w'\] has dtype <U3, expected numbers"),
        ({1: np.ones(1)}, TypeError, r"params has the key 1 \(int\), expected strings"),
    ],
)
def test_parameters_that_are_none_are_refused(params, error, text):
    with pytest.raises(error, match=text):
        numerical_gradient(lambda _: 1.0, params)


def test_unknown_methods_are_refused():
    with pytest.raises(ValueError, match="method is 'forward', expected one of 'auto', 'complex'"):
        check_gradients(logistic, {"w": np.ones(4)}, {"w": np.ones(4)}, method="forward")
    with pytest.raises(ValueError, match="method is 'exact', expected 'auto', 'complex' or 'central'"):
        numerical_gradient(logistic, {"w": np.ones(4)}, method="exact")


def test_a_point_where_every_derivative_vanishes_is_blind():
    for f in (lambda p: np.sum(p["w"] ** 2), lambda _: 1.0):
        result = check_gradients(f, {"w": np.zeros(3)}, {"w": np.zeros(3)})
        assert result.verdict is Verdict.BLIND
        assert "every derivative is zero" in result.reasons[0]
