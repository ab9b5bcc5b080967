"""refnn.autograd: `make peers` runs these laws, for they need autograd."""

import autograd.numpy as anp
import numpy as np
import pytest
from autograd import grad, value_and_grad
from autograd.extend import defjvp, defvjp, primitive

from refnn import check_gradients
from refnn.autograd import check_grads

rng = np.random.default_rng(0)
X, W = rng.standard_normal((3, 4)), rng.standard_normal((4, 2))


def sine(backward=1.0, forward=1.0):
    """The sine, its derivatives off by these factors."""

    @primitive
    def f(x):
        return np.sin(x)

    defvjp(f, lambda _, x: lambda g: backward * g * anp.cos(x))
    defjvp(f, lambda g, _, x: forward * g * anp.cos(x))
    return f


def test_right_derivatives_pass_in_both_modes_and_orders():
    check_grads(sine())(X)
    check_grads(anp.dot, order=2)(X, W)
    check_grads(lambda x, k=2: anp.tanh(x) ** k, order=1)(X, k=3)


def test_wrong_ones_are_said_to_be_in_which_mode():
    with pytest.raises(AssertionError, match=r"^VJP: WRONG on a random cotangent"):
        check_grads(sine(backward=1.001), modes=["rev"])(X)
    with pytest.raises(AssertionError, match=r"^JVP: WRONG on a random cotangent"):
        check_grads(sine(forward=1.001), modes="fwd")(X)
    check_grads(sine(forward=1.001), modes=["rev"], order=1)(X)

    @primitive
    def square(x):
        return x**2

    defvjp(square, lambda _, x: lambda g: 2 * g * np.asarray(getattr(x, "_value", x)))
    check_grads(square, modes=["rev"], order=1)(X)
    with pytest.raises(AssertionError, match=r"^VJP of VJP: WRONG"):
        check_grads(square, modes=["rev"], order=2)(X)


def test_all_arguments_are_judged_or_those_that_are_named():
    @primitive
    def product(x, y):
        return x * y

    defvjp(product, lambda _, _x, y: lambda g: g * y, lambda _, x, _y: lambda g: 1.001 * g * x)
    with pytest.raises(AssertionError, match="input 1"):
        check_grads(product, modes=["rev"], order=1)(X, X + 1)
    check_grads(product, 0, modes=["rev"], order=1)(X, X + 1)
    with pytest.raises(AssertionError, match="WRONG"):
        check_grads(product, (0, 1), modes=["rev"], order=1)(X, X + 1)
    check_grads(lambda x, n: x**n, order=1)(X, 3)


def test_containers_and_complex_numbers():
    check_grads(lambda p: anp.sum(anp.tanh(p["a"]) * p["b"][0]), modes=["rev"])({"a": X, "b": [2.0]})
    check_grads(lambda z: anp.abs(z) ** 2, modes=["rev"])(X + 1j * X[::-1])


def test_gradients_of_autograd():
    def f(x):
        return anp.sum(anp.tanh(x))

    assert check_gradients(f, X, grad(f))
    assert check_gradients(value_and_grad(f), X)
    assert not check_gradients(f, X, lambda x: 1.001 * grad(f)(x))


def test_what_cannot_be_judged_is_refused():
    for ask, text in (
        (lambda: check_grads(anp.sin, modes=["lin"]), "modes is .*, expected some of 'fwd', 'rev'"),
        (lambda: check_grads(anp.sin, order=0), "order is 0, expected an integer of at least 1"),
        (lambda: check_grads(anp.sin)(3), "args hold no floating-point numbers, expected at least one array of them"),
    ):
        with pytest.raises(ValueError, match=text):
            ask()
