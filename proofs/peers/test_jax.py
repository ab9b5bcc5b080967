"""refnn.jax, and containers of JAX's arrays: `make peers` runs these laws, for they need JAX."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from refnn import Verdict, check_gradients, check_jacobian, check_vjp
from refnn.jax import check_grads, check_jvp
from refnn.jax import check_vjp as check_vjp_as_jax

rng = np.random.default_rng(0)
X, W = rng.standard_normal((3, 4)), rng.standard_normal((4, 2))


@pytest.fixture(autouse=True)
def in_float32():
    """As JAX is for most of its users."""
    jax.config.update("jax_enable_x64", False)
    yield
    assert jnp.ones(1, float).dtype == np.float32  # x64 was switched on for refnn alone


def custom(backward):
    """x tanh(x), with this backward."""

    @jax.custom_vjp
    def f(x):
        return x * jnp.tanh(x)

    f.defvjp(lambda x: (f(x), x), lambda x, g: (backward(x, g),))
    return f


def right(x, g):
    return g * (jnp.tanh(x) + x * (1 - jnp.tanh(x) ** 2))


def refused(f, args, order=1, **options):
    with pytest.raises(AssertionError) as error:
        check_grads(f, args, order, **options)
    return str(error.value)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_right_derivatives_pass_and_wrong_ones_do_not(dtype):
    x = jnp.asarray(X / 2, dtype)
    off = 1.001 if dtype == jnp.float32 else 1.5  # bfloat16 has 8 bits
    check_grads(custom(right), (x,), 1, modes=["rev"])
    text = refused(custom(lambda x, g: off * right(x, g)), (x,), modes=["rev"])
    assert text.startswith("VJP: WRONG on ")
    assert "args[0]" in text


def test_both_modes_and_the_second_order():
    check_grads(jnp.matmul, (X, W), 2)
    check_grads(custom(right), (X,), 2, modes=["rev"])

    @jax.custom_jvp
    def f(x):
        return jnp.sin(x)

    f.defjvp(lambda primals, tangents: (f(*primals), 1.001 * jnp.cos(primals[0]) * tangents[0]))
    assert refused(f, (X,), modes="fwd").startswith("JVP: WRONG")

    @jax.custom_vjp
    def once(x):
        return x**2

    once.defvjp(lambda x: (x**2, x), lambda x, g: (2 * g * jax.lax.stop_gradient(x),))
    check_grads(once, (X,), 1, modes=["rev"])
    assert refused(once, (X,), 2, modes=["rev"]).startswith("VJP of VJP: WRONG")


def test_in_x64_digits_of_float64_are_judged():
    with jax.enable_x64(True):
        check_grads(custom(right), (X,), 1, modes=["rev"])
        assert refused(custom(lambda x, g: (1 + 1e-9) * right(x, g)), (X,), modes=["rev"])
    check_grads(custom(lambda x, g: (1 + 1e-9) * right(x, g)), (X,), 1, modes=["rev"])


def test_pytrees_integers_and_keys():
    def f(p, n, key):
        assert n == 3
        return {"y": jnp.tanh(p["x"] @ p["w"]) ** n + jax.random.normal(key, (3, 2)), "n": n}

    check_grads(f, ({"x": jnp.asarray(X), "w": jnp.asarray(W)}, 3, jax.random.key(0)), 1)


def test_control_flow_that_hangs_on_numbers_and_complex_numbers():
    check_grads(lambda x: x**2 if x[0, 0] > 0 else x**3, (X,), 1)
    z = jnp.asarray(X + 1j * X[::-1])
    check_grads(lambda z: z * z * jnp.conj(z), (z,), 1)
    check_grads(lambda z: jnp.abs(z) ** 2, (z,), 1)


def test_a_function_that_draws_numbers_is_not_compiled_into_one_that_does_not():
    noise = np.random.default_rng(0)
    assert "f is random" in refused(lambda x: x * noise.random(), (X,))


def test_check_vjp_and_check_jvp_in_the_words_of_jax():
    check_vjp_as_jax(jnp.matmul, partial(jax.vjp, jnp.matmul), (X, W), 1e-3, 1e-3, 1e-3)
    check_jvp(jnp.matmul, partial(jax.jvp, jnp.matmul), (X, W), atol=1e-3)
    check_vjp_as_jax(lambda x, n: (x**n, n), partial(jax.vjp, lambda x, n: (x**n, n)), (X, 3))
    with pytest.raises(AssertionError, match=r"^VJP: WRONG"):
        check_vjp_as_jax(jnp.sin, lambda x: (jnp.sin(x), lambda g: (1.001 * g * jnp.cos(x),)), (X,))
    with pytest.raises(AssertionError, match=r"^JVP: WRONG"):
        check_jvp(jnp.sin, lambda x, t: (jnp.sin(x[0]), 1.001 * t[0] * jnp.cos(x[0])), (X,))


def test_what_is_not_used_is_said_and_what_cannot_be_judged_is_refused():
    wrong = custom(lambda x, g: 1.1 * right(x, g))
    note = "atol, rtol and eps are not used: there is no tolerance to choose"
    assert note in refused(wrong, (X,), modes=["rev"], atol=1e-2)
    assert note not in refused(wrong, (X,), modes=["rev"])
    for ask, error, text in (
        (lambda: check_grads(jnp.sin, X, 1), TypeError, "args is ndarray, expected a tuple of arguments"),
        (lambda: check_grads(3, (X,), 1), TypeError, r"f is int, expected a callable f\(\*args\)"),
        (lambda: check_grads(jnp.sin, (3,), 1), ValueError, "args holds no floating-point numbers"),
        (lambda: check_grads(jnp.sin, (X,), 0), ValueError, "order is 0, expected an integer of at least 1"),
        (
            lambda: check_grads(jnp.sin, (X,), 1, modes=["lin"]),
            ValueError,
            "modes is .*, expected some of 'fwd', 'rev'",
        ),
    ):
        with pytest.raises(error, match=text):
            ask()


# ---------------------------------------------------------------------- containers of arrays


def loss(p):
    return jnp.sum(jnp.tanh(p["x"] @ p["w"]) ** 2)


@pytest.mark.parametrize("kind", [jnp.asarray, np.asarray], ids=["arrays of JAX", "arrays of NumPy"])
@pytest.mark.parametrize("f", [loss, jax.jit(loss)], ids=["plain", "jit"])
def test_gradients_of_jax(kind, f):
    params = {"x": kind(X), "w": kind(W)}
    assert check_gradients(f, params, jax.grad(f))
    assert check_gradients(f, params, jax.grad(f)(params))
    assert check_gradients(jax.value_and_grad(f), params)
    off = jax.tree.map(lambda G: 1.001 * G, jax.grad(f)(params))
    assert check_gradients(f, params, off).verdict is Verdict.WRONG


def test_arguments_vjps_and_jacobians_of_jax():
    def f(a, b):
        return jnp.sum(a * jnp.sin(b))

    x = jnp.asarray(X)
    assert check_gradients(f, (x, x + 1), jax.grad(f, argnums=(0, 1)))
    assert check_vjp(jnp.sin, lambda x, g: g * jnp.cos(x), x)
    assert check_vjp(jnp.sin, lambda x, g: g * jnp.cos(x), X)  # which computes in float32
    assert check_vjp(jnp.sin, lambda x, g: 1.001 * g * jnp.cos(x), x).verdict is Verdict.WRONG
    assert check_jacobian(jnp.tanh, jax.jacobian(jnp.tanh), x[0])


def test_a_function_that_is_another_in_float64_is_judged_as_it_is():
    key = jax.random.key(0)

    def f(x):  # of which JAX draws other numbers in float64
        return x * jax.random.normal(key, x.shape)

    assert check_vjp(f, lambda x, g: jax.vjp(f, x)[1](g)[0], jnp.asarray(X))
    check_grads(f, (X,), 1)
