"""check_vjp, check_jvp and check_jacobian: derivatives of functions with many outputs, judged."""

import math

import numpy as np
import pytest

from refnn import Verdict, check_gradients, check_jacobian, check_jvp, check_vjp
from refnn.gradcheck.maps import Map
from refnn.gradcheck.operators import Columns, Operator

rng = np.random.default_rng(0)
W, X = rng.standard_normal((3, 4)), rng.standard_normal((4, 2))
V = np.array([0.7, -1.3, 0.4, 2.1])
Z = V + 1j * V[::-1]


def layer(W, X):
    return np.tanh(W @ X)


def layer_vjp(W, X, G):
    D = G * (1 - np.tanh(W @ X) ** 2)
    return D @ X.T, W.T @ D


def layer_jvp(W, X, TW, TX):
    return (1 - np.tanh(W @ X) ** 2) * (TW @ X + W @ TX)


def square(v):
    return v**2


def square_vjp(v, g):
    return 2 * v * g


def square_jvp(v, t):
    return 2 * v * t


def names(check):
    return [parameter.name for parameter in check.parameters]


def wrong(check):
    assert check.verdict is Verdict.WRONG, str(check)
    return [parameter.name for parameter in check.parameters if not parameter]


# ---------------------------------------------------------------------- the numbers


def test_right_derivatives_pass():
    for check in (check_vjp(layer, layer_vjp, (W, X), jvp=layer_jvp), check_jvp(layer, layer_jvp, (W, X))):
        assert check.verdict is Verdict.PASS, str(check)
        assert sorted(names(check)) == ["input 0", "input 1"]
    assert check_vjp(square, square_vjp, V)
    assert check_vjp(square, square_vjp, 3.0)
    assert names(check_vjp(lambda p: p["v"] ** 2, lambda p, g: {"v": 2 * p["v"] * g}, {"v": V})) == ["v"]


@pytest.mark.parametrize("k", [0, 1])
def test_an_entry_off_by_a_thousandth_is_wrong_and_named(k):
    for index in np.ndindex((W, X)[k].shape):

        def vjp(W, X, G, index=index):
            found = layer_vjp(W, X, G)
            found[k][index] *= 1.001
            return found

        def jvp(W, X, *tangents, index=index):
            tangents = [np.array(T) for T in tangents]
            tangents[k][index] *= 1.001
            return layer_jvp(W, X, *tangents)

        for check in (check_vjp(layer, vjp, (W, X)), check_jvp(layer, jvp, (W, X))):
            assert wrong(check) == [f"input {k}"]
            assert check.parameters[0].worst.index == index


def test_an_output_that_others_hide_is_judged_alone():
    def f(v):
        return np.array([1e12 * np.sum(np.sin(v)), *np.arange(1, 100) * np.sum(v), 1e-12 * np.sum(v**2)])

    def vjp(v, g, factor=1.0):
        return 1e12 * g[0] * np.cos(v) + np.arange(1, 100) @ g[1:-1] + factor * 1e-12 * g[-1] * 2 * v

    assert check_vjp(f, vjp, V)
    check = check_vjp(f, lambda v, g: vjp(v, g, 1.1), V)
    wrong(check)
    assert check.probe == "output[100] alone"
    assert check_vjp(f, lambda v, g: vjp(v, g, 1.1), V, alone=0).verdict is not Verdict.WRONG


def test_an_output_whose_derivative_its_rounding_hides_decides_nothing():
    def f(v):
        return np.array([np.sum(v**2), 1000 + 1e-6 * np.sum(v)], np.float32)

    check = check_vjp(f, lambda v, g: 2 * v * g[0] + np.float32(1e-6) * g[1], V)
    assert check, str(check)
    assert "2 of 2 outputs were also judged alone, 1 of them too small or imprecise to tell" in check.notes
    assert wrong(check_vjp(f, lambda v, g: 2 * v * g[0] + 1e-2 * g[1], V))


def test_a_function_in_float32_that_takes_complex_numbers_has_a_complex_step():
    def f(v):
        return (v * v).astype(np.complex64 if np.iscomplexobj(v) else np.float32)

    check = check_vjp(f, square_vjp, V.astype(np.float32))
    assert [found.witness for found in check.witnesses] == ["complex step"]


def test_cotangents_are_random_and_of_the_dtype_of_the_output():
    seen = []

    def vjp(v, g):
        seen.append(g)
        return 2 * v * g

    assert check_vjp(square, vjp, V.astype(np.float32))
    assert {g.dtype for g in seen} == {np.dtype(np.float32)}
    assert all(len({*np.abs(g).tolist()}) == g.size for g in seen if np.count_nonzero(g) == g.size)
    # What a cotangent of ones does not show: a sum instead of a product with it.
    assert wrong(check_vjp(square, lambda v, g: 2 * v * np.mean(g) * np.ones(4), V))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.longdouble])
def test_other_dtypes_are_judged_as_such(dtype):
    v = V.astype(dtype)
    assert check_vjp(square, square_vjp, v, jvp=square_jvp)
    assert check_jvp(square, square_jvp, v)
    off = dtype(1.05) if dtype is np.float16 else dtype(1.001)
    assert wrong(check_vjp(square, lambda v, g: 2 * v * g * off, v))
    assert wrong(check_jvp(square, lambda v, t: 2 * v * t * off, v))


@pytest.mark.parametrize(("mean", "deviation"), [(100, 1), (1000, 10), (10, 0.05)])
def test_the_mean_of_few_float32_numbers_rounds_alike_on_a_straight_line(mean, deviation):
    """Far from zero a variance has lost the digits that the rounding of the mean takes, in all entries of a row."""

    def vjp(x, u):
        return x.dtype.type(2 / x.shape[1]) * (x - x.mean(axis=1, keepdims=True)) * u[:, None]

    def jvp(x, t):
        return 2 * np.mean((x - x.mean(axis=1, keepdims=True)) * t, axis=1)

    for seed in range(5):
        x = (mean + deviation * np.random.default_rng(seed).normal(size=(4, 4))).astype(np.float32)
        for check, given in ((check_vjp, vjp), (check_jvp, jvp)):
            found = check(lambda x: np.var(x, axis=1), given, x, seed=seed)
            assert found, str(found)
            assert wrong(check(lambda x: np.var(x, axis=1), lambda *args, f=given: np.float32(1.01) * f(*args), x))


def test_a_function_that_refuses_float64_is_judged_in_its_own_dtype():
    def refuses(v):
        if v.dtype != np.float32:
            raise TypeError(f"a kernel for float32, not {v.dtype}")
        return v**2

    v = V.astype(np.float32)
    assert check_vjp(refuses, square_vjp, v, jvp=square_jvp)
    for vjp in (lambda v, g: 2.02 * v * g, lambda v, g: 2 * v * g * (np.arange(4) < 3)):
        assert wrong(check_vjp(refuses, vjp, v)) == ["input"]
        assert check_vjp(refuses, square_vjp, v, jvp=lambda v, t, vjp=vjp: vjp(v, t)).verdict is Verdict.WRONG


def test_a_function_that_is_another_in_float64_is_judged_as_it_came():
    def either(v):
        return v**2 if v.dtype == np.float32 else 3 * v

    v = V.astype(np.float32)
    assert check_vjp(either, square_vjp, v)
    assert wrong(check_vjp(either, lambda _, g: 3 * g, v))
    assert check_vjp(either, lambda _, g: 3 * g, V)


def test_steps_of_the_taylor_remainder_may_leave_the_domain():
    def roots(v):
        return np.array([math.sqrt(1 - x) for x in v])

    near = 1 - np.array([1e-5, 2e-5, 0.3])
    assert check_vjp(roots, lambda v, g: -g / 2 / np.sqrt(1 - v), near)
    assert wrong(check_vjp(roots, lambda v, g: -1.01 * g / 2 / np.sqrt(1 - v), near))


def test_several_outputs_in_containers():
    def f(v):
        return {"squares": v**2, "sums": [np.sum(v), np.sum(np.sin(v))], "count": 4, "word": "four"}

    def vjp(v, g, factor=1.0):
        assert (g["count"], g["word"]) == (None, None)
        return 2 * v * g["squares"] + g["sums"][0] + factor * np.cos(v) * g["sums"][1]

    def jvp(v, t):
        return {"squares": 2 * v * t, "sums": [np.sum(t), np.sum(np.cos(v) * t)], "count": None, "word": None}

    check = check_vjp(f, vjp, V, jvp=jvp)
    assert check
    assert "sums alone" in [probe.probe for probe in check.probes]
    assert check_jvp(f, jvp, V)
    wrong(check_vjp(f, lambda v, g: vjp(v, g, 1.001), V))


def test_of_several_outputs_the_one_is_named_whose_derivative_is_wrong():
    def f(x):
        return {"a": 2 * x, "b": x**2, "c": np.sin(x)}

    for bad in "abc":
        factor = {name: 1.5 if name == bad else 1.0 for name in "abc"}

        def vjp(x, u, factor=factor):
            return 2 * u["a"] * factor["a"] + 2 * x * u["b"] * factor["b"] + np.cos(x) * u["c"] * factor["c"]

        verdicts = {
            c.probe: c.verdict for c in check_vjp(f, vjp, V).probes if "alone" in c.probe and "[" not in c.probe
        }
        assert verdicts == {f"{name} alone": Verdict.WRONG if name == bad else Verdict.PASS for name in "abc"}


def test_complex_inputs_and_outputs_in_both_conventions():
    def f(z):
        return z * z * np.conj(z), np.abs(z) ** 2

    def vjp(z, g):  # ∂/∂x + i ∂/∂y
        return g[0] * np.conj(2 * z * np.conj(z)) + np.conj(g[0]) * z * z + 2 * z * g[1]

    def of_jax(z, g):
        return np.conj(vjp(z, (np.conj(g[0]), g[1])))

    def jvp(z, t):
        return 2 * z * np.conj(z) * t + z * z * np.conj(t), 2 * np.real(np.conj(z) * t)

    assert check_vjp(f, vjp, Z, jvp=jvp)
    assert check_vjp(f, of_jax, Z, conjugate=True)
    assert check_jvp(f, jvp, Z)
    assert wrong(check_vjp(f, of_jax, Z))
    assert wrong(check_vjp(f, vjp, Z, conjugate=True))
    assert wrong(check_jvp(f, lambda z, t: jvp(z, np.conj(t)), Z))


def test_none_and_integers_among_inputs():
    def f(v, n, W):
        return v**n + 0 * np.sum(W)

    assert check_vjp(f, lambda v, n, _, g: (n * v ** (n - 1) * g, None, None), (V, 3, W))
    assert wrong(check_vjp(f, lambda v, n, _, g: (n * v**n * g, None, None), (V, 3, W)))
    assert check_vjp(lambda v, n: v**n, lambda v, n, g: n * v ** (n - 1) * g, (V, 3))


def test_what_is_no_number_is_handed_to_a_function_of_stacks_as_it_is():
    def f(v, power):
        return v * v if power is None else v**power

    assert check_vjp(f, lambda v, _, g: (2 * v * g, None), (V, None), batched=True)


@pytest.mark.parametrize("n", [40, 400])
def test_a_jvp_of_many_inputs_is_asked_along_directions(n):
    v = np.random.default_rng(1).uniform(0.5, 2, n)

    def off(v, t):
        return square_jvp(v, t) * (1 + 1e-3 * (np.arange(n) == 7))

    check = check_jvp(square, square_jvp, v)
    assert check
    assert names(check) == ["input" if n == 40 else "direction"]
    assert wrong(check_jvp(square, off, v))


def test_jacobians():
    J = W

    def f(v, W=W):
        return W @ v, np.sum(v**2)

    def right(v):
        return J, 2 * v

    assert check_jacobian(lambda v: W @ v, W, V)
    assert check_jacobian(f, (J, 2 * V), V)
    assert check_jacobian(f, right, V)
    assert wrong(check_jacobian(lambda v: W @ v, W * [1, 1, 1.001, 1], V)) == ["input"]
    assert wrong(check_jacobian(f, lambda v: (J, 2.001 * v), V))

    def of_two(W, v):
        return W @ v

    blocks = (np.einsum("ij,k->ijk", np.eye(3), V), W)
    assert check_jacobian(of_two, blocks, (W, V))
    assert wrong(check_jacobian(of_two, (blocks[0] * 1.001, W), (W, V))) == ["input 0"]
    assert check_jacobian(lambda p: p["v"] * 2, {"v": 2 * np.eye(4)}, {"v": V})
    with pytest.raises(ValueError, match=r"jacobian has shape \(4, 3\), expected \(3, 4\): output, then input"):
        check_jacobian(lambda v: W @ v, W.T, V)
    with pytest.raises(ValueError, match="jacobian is str, expected"):
        check_jacobian(lambda v: W @ v, "J", V)


def test_a_jacobian_that_can_be_asked_at_neighbours_shows_its_noise():
    def J(v):
        return np.diag((1e4 + (1 - np.tanh(v) ** 2)) - 1e4)

    assert check_jacobian(np.tanh, J, V)
    assert check_jacobian(np.tanh, J(V), V).verdict is Verdict.UNRELIABLE
    assert wrong(check_jacobian(np.tanh, lambda v: 1.001 * J(v), V))
    with pytest.raises(TypeError, match="inputs or outputs are complex, expected real ones: use check_vjp"):
        check_jacobian(lambda z: z**2, np.diag(2 * Z), Z)


# ---------------------------------------------------------------------- what is no matter of numbers


@pytest.mark.parametrize(
    "vjp",
    [
        lambda v, g: 2 * v * np.clip(g, -1, 1),
        lambda v, g: 2 * v * np.clip(g, -100, 100),
        lambda v, g: 2 * v * np.where(np.abs(g) < 1e-2, 0, g),
        lambda v, g: 2 * v * np.abs(g),
        lambda v, g: 2 * v * g * g / g,
        lambda v, g: 2 * v * g + 1e-3,
        lambda v, g: 2 * v * g * (1 + g**2),
        lambda v, g: 2 * v * g / np.linalg.norm(g),
        lambda v, g: 2 * v * np.sort(g),
        lambda v, g: 2 * v * np.where(np.abs(g) == np.abs(g).max(), g, 0),
    ],
    ids=[
        "clipped",
        "clipped far off",
        "flushed",
        "abs",
        "not at zero",
        "offset",
        "cubic",
        "normed",
        "sorted",
        "largest",
    ],
)
def test_a_vjp_that_is_not_linear_is_wrong_and_said_so(vjp):
    check = check_vjp(square, vjp, V)
    assert check.verdict is Verdict.WRONG
    assert any(reason.startswith("vjp is not linear: vjp(") for reason in check.reasons)


def test_a_vjp_whose_numbers_are_rounded_is_linear_but_for_that():
    def printed(v, g):
        return np.array([float(f"{slope:.6g}") for slope in 2 * v * g])

    def half(v, g):  # where a thousandth of the cotangent leaves the range of float16
        return (2 * v * g).astype(np.float16).astype(float)

    x = np.random.default_rng(0).normal(size=5)
    check = check_vjp(square, printed, x)
    assert check.verdict is Verdict.UNRELIABLE
    assert check.reasons[0].startswith("right to 2e-06 of the largest entry")
    assert check_vjp(square, printed, x, nondeterminism=1e-5)
    cents = check_vjp(square, lambda v, g: np.round(2 * v * g, 2), x)
    assert "if its numbers are rounded, nondeterminism says" in cents.reasons[0]
    assert "rounded" not in check_vjp(square, lambda v, g: 2 * v * np.abs(g), x).reasons[0]
    assert not any("linear" in reason for reason in check_vjp(square, half, x).reasons)
    for threshold in (1, 1.5, 2.5):
        check = check_vjp(square, lambda v, g, t=threshold: 2 * v * g * (1 + 0.003 * (np.abs(g) > t)), x)
        assert check.verdict is Verdict.WRONG, str(check)
    check = check_vjp(square, lambda v, g: 2 * v * np.where(np.abs(g) > 1, np.inf, g), x)
    assert check.reasons[0].startswith("vjp is not linear: vjp(1024 u)")
    for share in (1e-3, 0.1, 1.0):
        check = check_vjp(square, lambda v, g, share=share: 2 * v * g * (1 + share * np.abs(g)), x)
        assert check.reasons[0].startswith("vjp is not linear")
    assert check_vjp(square, lambda v, g: 2 * v * g * (1 + 1e-3 * np.cos(9 * g)), x).verdict is Verdict.WRONG


def test_a_jvp_that_is_not_linear_is_wrong_and_said_so():
    check = check_jvp(square, lambda v, t: 2 * v * t + t**2, V)
    assert check.verdict is Verdict.WRONG
    assert check.reasons[0].startswith("jvp is not linear: jvp(")


@pytest.mark.parametrize("seed", range(8))
def test_code_in_float64_is_linear_in_the_sum_of_two_float32_vectors_as_rounded(seed):
    x = np.random.default_rng(seed).uniform(-2, 2, 3)
    assert check_vjp(lambda x: np.sin(x).astype(np.float32), lambda x, u: u * np.cos(x), x, seed=seed)

    def f(x):
        return np.sin(x.astype(np.float64))

    def jvp(x, v):
        return v * np.cos(x.astype(np.float64))

    x = x.astype(np.float32)
    assert check_jvp(f, jvp, x, seed=seed)
    check = check_jvp(f, lambda x, v: jvp(x, v) + 1e-6 * jvp(x, np.abs(v)), x, seed=seed)
    assert check.reasons[0].startswith("jvp is not linear")


def test_gradients_that_are_zero_but_for_rounding_are_linear_enough():
    """A shift before a normalisation: its gradient is what rounding leaves of a sum that is zero."""
    M = np.random.default_rng(2).standard_normal((5, 7))

    def f(A, b):
        Z = A + b
        return (Z - Z.mean(axis=1, keepdims=True)) / 3

    def vjp(_A, _b, G):
        dZ = (G - G.mean(axis=1, keepdims=True)) / 3
        return dZ, dZ.sum(axis=1, keepdims=True)

    b = M[:, :1].copy()
    assert np.any(vjp(M, b, M)[1] != 0)
    check = check_vjp(f, vjp, (M, b))
    assert not any("linear" in reason for reason in check.reasons)
    assert check.verdict is not Verdict.WRONG


def test_arguments_that_are_changed_are_named():
    def changes_cotangent(v, g):
        g *= 2 * v
        return g

    def changes_inputs(v, g):
        found = 2 * v * g
        v *= 2
        return found

    def f(v):
        v *= 2
        return v**2

    def changes_tangents(v, t):
        t *= 2 * v
        return t

    assert "vjp changes its cotangent" in check_vjp(square, changes_cotangent, V).reasons
    assert "vjp changes its inputs" in check_vjp(square, changes_inputs, V).reasons
    assert "jvp changes its tangents" in check_jvp(square, changes_tangents, V).reasons
    check = check_vjp(f, lambda v, g: 8 * v * g, V)
    assert (check.verdict, check.reasons) == (Verdict.UNRELIABLE, ("f changes its inputs",))


def test_memory_that_is_shared_or_used_again_is_named():
    buffer = np.empty(4)

    def into_buffer(v, g):
        return np.multiply(2 * v, g, out=buffer)

    check = check_vjp(square, into_buffer, V)
    assert (check.verdict, check.reasons) == (Verdict.WRONG, ("vjp overwrites what an earlier call returned",))
    assert check_vjp(lambda v: np.multiply(v, v, out=buffer) if np.isrealobj(v) else v**2, square_vjp, V)
    check = check_vjp(lambda v: v, lambda _, g: g, V)
    assert check
    assert "f returns memory of its inputs: a change of one is a change of the other" in check.notes
    assert not any("memory" in note for note in check_vjp(square, square_vjp, V).notes)


def test_a_later_call_that_differs_is_named():
    calls = []

    def vjp(v, g):
        again = any(np.array_equal(v, w) and np.array_equal(g, h) for w, h in calls)
        calls.append((v, g))
        return 2 * v * g * (1.5 if again else 1)

    def noisy(v, g):
        calls.append(g)
        return 2 * v * g + 1e-9 * len(calls)

    check = check_vjp(square, vjp, V)
    assert check.verdict is Verdict.WRONG
    assert "vjp gives two answers to one question: input" in check.reasons
    calls.clear()
    assert "vjp gives two answers to one question: input" in check_vjp(square, noisy, V).reasons
    calls.clear()
    assert not any("two answers" in r for r in check_vjp(square, noisy, V, nondeterminism=1e-8).reasons)


def test_a_steep_derivative_may_add_in_an_order_drawn_anew():
    """1e4 times as large as f beside x: what its sums are off by belongs to its own size."""
    rng = np.random.default_rng(0)
    A, v = rng.standard_normal((3, 200)), rng.standard_normal(200)

    def vjp(v, g):
        terms = A * (1e4 * np.cos(1e4 * (A @ v)) * g)[:, None]
        return sum(rng.permutation(terms))

    assert check_vjp(lambda v: np.sin(1e4 * (A @ v)), vjp, v)


def test_a_random_function_is_named():
    noise = np.random.default_rng(0)
    check = check_vjp(lambda v: v**2 + noise.random(), square_vjp, V)
    assert check.verdict is Verdict.UNRELIABLE
    assert check.reasons[0].startswith("f is random: evaluations at one point differ by ")
    dropped = check_vjp(lambda v: v * noise.integers(2, size=4), lambda _, g: g * noise.integers(2, size=4), V)
    assert dropped.verdict is Verdict.UNRELIABLE  # and not WRONG, for all that the vjp does


def test_a_random_function_is_named_however_its_derivative_is_given():
    noise = np.random.default_rng(0)
    for check in (
        check_jvp(lambda v: v**2 + noise.random(), square_jvp, V),
        check_jacobian(lambda v: v**2 + noise.random(), np.diag(2 * V), V),
    ):
        assert check.verdict is Verdict.UNRELIABLE
        assert check.reasons[0].startswith("f is random: evaluations at one point differ by ")


def test_vjp_and_jvp_are_held_against_each_other():
    check = check_vjp(layer, layer_vjp, (W, X), jvp=layer_jvp)
    assert [note for note in check.notes if note.startswith("⟨u, jvp(v)⟩ = ")]
    check = check_vjp(layer, layer_vjp, (W, X), jvp=lambda W, X, *T: 1.001 * layer_jvp(W, X, *T))
    assert check.verdict is Verdict.WRONG
    assert check.reasons[0].startswith("⟨u, jvp(v)⟩ = ")
    assert check.reasons[0].endswith("of the sum of their terms")


def rate(check):
    (note,) = [note for note in check.notes if note.startswith("Taylor's remainder")]
    return float(note.rpartition("h^")[2])


def test_the_taylor_remainder_falls_with_the_square_of_the_step_or_with_the_step():
    assert rate(check_vjp(layer, layer_vjp, (W, X))) == pytest.approx(2, abs=0.1)
    assert rate(check_vjp(layer, lambda *a: [1.1 * G for G in layer_vjp(*a)], (W, X))) == pytest.approx(1, abs=0.1)
    assert not any("Taylor" in note for note in check_vjp(lambda v: 2 * v, lambda _, g: 2 * g, V).notes)


@pytest.mark.parametrize("form", [lambda J: J, lambda J: (J,), lambda J: [J], lambda J: lambda *_: J])
@pytest.mark.parametrize("inputs", [V, (V,), [V]])
@pytest.mark.parametrize("outputs", [lambda y: y, lambda y: (y,)])
def test_the_jacobian_of_one_array_in_another_needs_no_container(form, inputs, outputs):
    for A in (W, W[:1]):
        f = lambda v, A=A: outputs(A @ (v[0] if isinstance(v, list) else v))  # noqa: E731
        assert check_jacobian(f, form(A), inputs)
        assert wrong(check_jacobian(f, form(A * [1, 1, 1.001, 1]), inputs))


def test_a_second_order_may_be_in_a_row():
    def second(v, g, w):
        return 2 * g * w, 2 * v * w

    assert check_vjp(square, square_vjp, (V,), order=2, second=second)
    off = check_vjp(square, square_vjp, (V,), order=2, second=lambda v, g, w: second(v, 2 * g, w))
    assert off.verdict is Verdict.WRONG


def test_the_second_order():
    def second(v, g, w):
        return 2 * g * w, 2 * v * w

    check = check_vjp(square, square_vjp, V, order=2, second=second)
    assert check
    assert "second order, a random cotangent" in [probe.probe for probe in check.probes]
    for bad in (lambda v, g, w: (2.001 * g * w, 2 * v * w), lambda v, g, w: (2 * g * w, 2.001 * v * w)):
        check = check_vjp(square, square_vjp, V, order=2, second=bad)
        assert check.verdict is Verdict.WRONG
        assert check.probe == "second order, a random cotangent"
        assert check_vjp(square, square_vjp, V, second=bad)  # not asked for
    twice = check_vjp(
        layer,
        layer_vjp,
        (W, X),
        order=2,
        second=lambda W, X, G, w: layer_second(W, X, G, *w),
    )
    assert twice, str(twice)
    with pytest.raises(ValueError, match=r"order is 2 and second is None, expected second\(\*inputs, cotangent, w\)"):
        check_vjp(square, square_vjp, V, order=2)


def layer_second(W, X, G, A, B):
    """The vjp of layer_vjp: with T = tanh(W X), S = 1 - T², D = G S, of ⟨D Xᵀ, A⟩ + ⟨Wᵀ D, B⟩ = ⟨D, A X + W B⟩."""
    T = np.tanh(W @ X)
    S, U = 1 - T**2, A @ X + W @ B
    D, R = G * S, G * U * -2 * T * S
    return (R @ X.T + D @ B.T, W.T @ R + A.T @ D), S * U


@pytest.mark.parametrize(
    ("f", "vjp", "second", "x", "verdict"),
    [
        (lambda x: x**3, lambda x, u: 3 * u * x**2, lambda x, u, w: (6 * u * w * x, 3 * w * x**2), 0, Verdict.BLIND),
        (
            lambda x: np.maximum(x, 0) ** 2,
            lambda x, u: 2 * u * np.maximum(x, 0),
            lambda x, u, w: (2 * u * w * (x > 0), 2 * w * np.maximum(x, 0)),
            -1,
            Verdict.BLIND,
        ),
        (
            np.sin,
            lambda x, u: u * np.cos(x) + 1e-9 * rng.normal(),
            lambda x, u, w: (-u * w * np.sin(x), w * np.cos(x)),
            1,
            Verdict.UNRELIABLE,
        ),
    ],
    ids=["zero", "silent", "random"],
)
def test_a_second_order_that_shows_nothing_is_not_wrong(f, vjp, second, x, verdict):
    check = check_vjp(f, vjp, np.full(3, float(x)), order=2, second=second, nondeterminism=1e-8)
    assert check.verdict is verdict, str(check)
    assert any(text.startswith("second order: ") for text in (*check.reasons, *check.notes))


def saturated_softmax(x):
    e = np.exp(x - x.real.max())
    return e / e.sum()


def softmax_vjp(x, u):
    p = saturated_softmax(x)
    return p * (u - (p * u).sum())


def softmax_second(x, u, w):
    p = saturated_softmax(x)
    mean = (p * u).sum()
    g = w * (u - mean) - u * (w * p).sum()
    return p * (g - (p * g).sum()), p * (w - (p * w).sum())


@pytest.mark.parametrize("seed", range(8))
def test_the_second_order_of_a_softmax_that_saturates(seed):
    """The derivatives are small sums of numbers of size 1, and f, the vjp, is as small; its cotangent is of size 1."""
    x = 6 * np.random.default_rng(seed).normal(size=5).astype(np.float32)

    def judged(factor):
        def second(x, u, w):
            of_x, of_u = softmax_second(x, u, w)
            return of_x * np.float32(factor), of_u

        return check_vjp(saturated_softmax, softmax_vjp, x, order=2, second=second, seed=seed).verdict

    assert judged(1) is Verdict.PASS
    assert judged(1.01) is Verdict.WRONG


@pytest.mark.parametrize(("scale", "seed"), [*((20, seed) for seed in range(8)), (40, 5)])
def test_an_output_in_steps_of_the_rounding_of_larger_ones_is_not_held_to_its_own(scale, seed):
    """The log of the largest probability is a few roundoffs of the logits, and flat where no difference reaches."""
    x = scale * np.random.default_rng(seed).normal(size=(3, 5))

    def log_softmax(x):
        m = x.max(1, keepdims=True)
        return (x - (m + np.log(np.exp(x - m).sum(1, keepdims=True)))).astype(float)

    def vjp(x, u, factor=1.0):
        e = np.exp(x - x.max(1, keepdims=True))
        return u - factor * e / e.sum(1, keepdims=True) * u.sum(1, keepdims=True)

    assert check_vjp(log_softmax, vjp, x, method="central", seed=seed)
    wrong(check_vjp(log_softmax, lambda x, u: vjp(x, u, 1 + 1e-6), x, method="central", seed=seed))


def softmax_vjp_jvp(x, u, dx, du):
    """The jvp of softmax_vjp by the quotient rule, as automatic differentiation has it."""
    e = np.exp(x - x.real.max())
    de, total = e * dx, e.sum()
    p, dtotal = e / total, de.sum()
    dp, mean = (de - p * dtotal) / total, (e * u).sum()
    dmean = (de * u + e * du).sum()
    return (de * u + e * du - dp * mean - p * dmean) / total - (e * u - p * mean) * dtotal / total**2


@pytest.mark.parametrize("seed", range(15, 20))
def test_what_saturation_takes_is_measured_by_the_largest_numbers_nearer_to_zero(seed):
    """An entry of a second derivative is small beside what it is computed of, there too."""
    rng = np.random.default_rng(seed)
    inputs = (6 * rng.normal(size=5)).astype(np.float32), rng.normal(size=5).astype(np.float32)
    assert check_jvp(softmax_vjp, softmax_vjp_jvp, inputs, seed=seed)
    assert wrong(check_jvp(softmax_vjp, lambda *v: np.float32(1.01) * softmax_vjp_jvp(*v), inputs, seed=seed))


# ---------------------------------------------------------------------- what cannot be judged


@pytest.mark.parametrize("far", [0.0, 3e4])
def test_rounding_that_takes_more_than_half_of_the_digits_is_not_called_nonlinear(far):
    x, large = np.linspace(0.2, 2, 6).astype(np.float32), np.float32(far)

    def reasons(change):
        check = check_vjp(np.sin, lambda x, u: large * u + change(np.cos(x) * u) - large * u, x)
        return [reason for reason in check.reasons if "not linear" in reason]

    assert not reasons(lambda dx: dx)
    assert reasons(np.abs)


def test_a_kink_and_nan_are_undecided():
    check = check_vjp(lambda v: np.maximum(v, 0), lambda v, g: g * (v > 0), np.array([1.0, 0, -1]))
    assert check.verdict is Verdict.UNRELIABLE
    with np.errstate(invalid="ignore"):
        check = check_vjp(np.log, lambda v, g: g / v, np.array([-1.0, 2]))
    assert check.verdict is Verdict.UNRELIABLE
    assert check_vjp(lambda v: 0 * v, lambda _, g: 0 * g, V).verdict is Verdict.BLIND
    nan = check_vjp(square, lambda v, g: square_vjp(v, g) * [1, np.nan, 1, 1], V)
    assert nan.verdict is Verdict.WRONG


@pytest.mark.parametrize(
    ("ask", "error", "text"),
    [
        (lambda: check_vjp(3, square_vjp, V), TypeError, r"f is int, expected a callable f\(\*inputs\) -> outputs"),
        (lambda: check_vjp(square, None, V), TypeError, "vjp is NoneType, expected a callable"),
        (lambda: check_vjp(square, square_vjp, V, jvp=3), TypeError, "jvp is int, expected a callable"),
        (lambda: check_jvp(square, W, V), TypeError, "jvp is ndarray, expected a callable"),
        (lambda: check_vjp(square, square_vjp, V, order=3), ValueError, "order is 3, expected an integer from 1 to 2"),
        (lambda: check_vjp(square, square_vjp, "V"), TypeError, "input is str without numbers, expected an array"),
        (
            lambda: check_vjp(lambda _: None, square_vjp, V),
            TypeError,
            "f returned NoneType, expected an array, a number",
        ),
        (lambda: check_vjp(lambda _: 3, square_vjp, V), TypeError, "f returned int without floating-point numbers"),
        (
            lambda: check_vjp(square, lambda _, g: g[:2], V),
            ValueError,
            r"result of vjp has shape \(2,\), expected \(4,\)",
        ),
        (
            lambda: check_vjp(square, lambda *_: "g", V),
            ValueError,
            r"result of vjp is str, expected an array of shape",
        ),
        (
            lambda: check_vjp(layer, lambda *_: W, (W, X)),
            ValueError,
            "result of vjp is ndarray of length 3, expected 2 ",
        ),
        (
            lambda: check_jvp(square, lambda _, t: t[:2], V),
            ValueError,
            r"result of jvp has shape \(2,\), expected \(4,\)",
        ),
    ],
)
def test_what_cannot_be_judged_is_refused(ask, error, text):
    with pytest.raises(error, match=text):
        ask()


def test_an_error_says_in_which_form_the_code_was_called():
    for ask, form in (
        (lambda: check_vjp(square, lambda g: g, V), "vjp(inputs, cotangent)"),
        (lambda: check_vjp(layer, lambda _W, G: G, (W, X)), "vjp(*inputs, cotangent)"),
        (lambda: check_jvp(layer, lambda W: W, (W, X)), "jvp(*inputs, *tangents)"),
        (lambda: check_vjp(lambda a, _: a, square_vjp, V), "f(inputs)"),
    ):
        with pytest.raises(TypeError) as error:
            ask()
        assert error.value.__notes__ == [f"refnn: raised where it was called as {form}"]


def test_f_is_called_little():
    calls = []

    def f(W, X):
        calls.append(1)
        return layer(W, X)

    assert check_vjp(f, layer_vjp, (W, X), alone=0)
    once = len(calls)
    calls.clear()
    assert check_vjp(f, layer_vjp, (W, X))
    assert len(calls) < 1.5 * once  # seven cotangents, from the same values


def test_a_jvp_is_asked_anew_at_each_point():
    function = Map.of(square, V, np.random.default_rng(0))
    columns = Columns(Operator("jvp", square_jvp, function.inputs, function.inputs, function.outputs))
    for point in (V, 3 * V, V):
        found = columns({"input": point}, {"output": np.array([1.0, 0.5, 2.0, -1.0])})
        np.testing.assert_allclose(found["input"], 2 * point * [1.0, 0.5, 2.0, -1.0])


def solved(x):
    """y = cos(y) / 2 + x, to 1e-8."""
    y, better = x + 1, x
    while np.abs(better - y).max() > 1e-8:
        y, better = better, np.cos(better) / 2 + x
    return better


def test_what_is_undecided_in_all_outputs_is_not_wrong_in_one():
    found = []
    for seed in range(8):
        x = np.random.default_rng(seed).normal(size=5)
        check = check_vjp(solved, lambda x, u: u / (1 + np.sin(solved(x)) / 2), x, seed=seed)
        assert check.verdict is check.probes[0].verdict, str(check)
        found.append(check.verdict)
        assert wrong(check_vjp(solved, lambda x, u: u / (1 + np.cos(solved(x)) / 2), x, seed=seed))
    assert found.count(Verdict.UNRELIABLE) > 4  # "if f itself is known no better, say so by f_error"


# ---------------------------------------------------------------------- options of check_gradients


def test_a_subgradient_is_accepted_on_request():
    v = np.array([1.0, 0, -1])

    def of_slope(slope):
        return lambda v, g: g * np.where(v == 0, slope, v > 0)

    for slope in (0, 0.3, 1):
        assert check_vjp(lambda v: np.maximum(v, 0), of_slope(slope), v, subgradient=True)
        assert check_vjp(lambda v: np.maximum(v, 0), of_slope(slope), v).verdict is Verdict.UNRELIABLE
    for slope in (-0.1, 1.1):
        assert wrong(check_vjp(lambda v: np.maximum(v, 0), of_slope(slope), v, subgradient=True))


@pytest.mark.parametrize("error", [1e-6, (1e-6, 0.0), (0.0, 1e-6)])
def test_an_error_of_f_is_one_of_each_output(error):
    def f(v):
        return np.round(v**2, 7)  # as a table

    assert check_vjp(f, square_vjp, V, f_error=error)
    assert wrong(check_vjp(f, lambda v, g: 1.01 * square_vjp(v, g), V, f_error=error))
    assert check_vjp(square, lambda v, g: (1 + 1e-9) * square_vjp(v, g), V, f_error=error)
    assert wrong(check_vjp(square, lambda v, g: (1 + 1e-9) * square_vjp(v, g), V))


def test_a_saturated_output_alone_is_not_held_to_digits_that_rounding_took():
    """In float32 1 - tanh² of an output near 1 keeps few digits, which the sum of all outputs does not show."""
    rng = np.random.default_rng(0)
    X, W = rng.standard_normal((16, 10)).astype(np.float32), rng.standard_normal((10, 25)).astype(np.float32)

    def layer(W):
        return np.tanh(X @ W)

    def vjp(W, G, factor=1):
        return X.T @ (G * factor * (1 - np.tanh(X @ W) ** 2))

    assert check_vjp(layer, vjp, W, alone=64)
    factor = np.ones((16, 25), np.float32)
    factor.ravel()[np.argsort(np.abs(X @ W).ravel())[0]] = 2  # of the output nearest to 0
    assert wrong(check_vjp(layer, lambda W, G: vjp(W, G, factor), W))


def two_layers(U, W, X):
    return np.tanh(np.tanh(X @ U) @ W)


def two_layers_vjp(U, W, X, G):
    A = np.tanh(X @ U)
    D = G * (1 - np.tanh(A @ W) ** 2)
    E = D @ W.T * (1 - A**2)
    return X.T @ E, A.T @ D, E @ U.T


@pytest.mark.parametrize("seed", range(8))
def test_saturated_layers_of_layers_are_not_held_to_digits_that_rounding_took(seed):
    rng = np.random.default_rng(seed)
    inputs = rng.normal(size=(4, 5)), rng.normal(size=(5, 3)), 20 * rng.normal(size=(6, 4))
    assert check_vjp(two_layers, two_layers_vjp, inputs).verdict is not Verdict.WRONG
    G = np.random.default_rng(99).normal(size=(6, 3))
    assert check_gradients(lambda p: np.sum(G * two_layers(*p)), inputs, lambda p: two_layers_vjp(*p, G))
    for off in ([1.001, 1, 1], [1, 1.001, 1], [1, 1, 1.001]):
        faulty = [lambda *args, c=c, k=k: c * two_layers_vjp(*args)[k] for k, c in enumerate(off)]
        check = check_vjp(two_layers, lambda *args, faulty=faulty: tuple(of(*args) for of in faulty), inputs)
        assert check.verdict is Verdict.WRONG


def masked(v):
    return np.where(np.arange(4) < 3, 2 * v, -np.inf)


def test_an_output_that_is_infinite_is_left_out_and_said_to_be():
    check = check_vjp(
        masked,
        lambda _, g: np.where(np.arange(4) < 3, 2 * g, 0),
        V,
        jvp=lambda _, t: np.where(np.isinf(masked(t)), 0, 2 * t),
    )
    assert check, str(check)
    assert "1 of 4 outputs are infinite, and not judged" in check.notes
    assert "3 of 4 outputs were also judged alone" in check.notes
    known = check_vjp(masked, lambda _, g: np.where(np.arange(4) < 3, 2 * g, 0), V, f_error=(0.0, 2.0))
    assert known.verdict is Verdict.UNRELIABLE  # an infinite output is known to infinity, and counts as little
    assert wrong(check_vjp(masked, lambda _, g: np.where(np.arange(4) < 3, 2.002 * g, 0), V)) == ["input"]
    assert check_vjp(lambda v: v - np.inf, lambda _, g: g, V).verdict is Verdict.UNRELIABLE


@pytest.mark.parametrize("seed", range(4))
def test_a_loss_that_cancels_in_half_precision_is_the_same_in_float64(seed):
    def log_cosh(v):
        size = np.abs(v)
        return (size + np.log1p(np.exp(-2 * size)) - math.log(2)).mean()

    v = 0.1 * np.random.default_rng(seed).standard_normal(12).astype(np.float16)
    assert check_vjp(log_cosh, lambda v, g: g * np.tanh(v) / v.dtype.type(12), v)
    assert wrong(check_vjp(log_cosh, lambda v, g: 1.1 * g * np.tanh(v) / v.dtype.type(12), v))


def test_terms_that_cancel_in_a_sum_of_outputs_are_as_large_as_they_are():
    """The roundoff of 1 - tanh² in float32 is one of 1, also where Σ u tanh happens to be small."""
    x = np.array([9.0, 10.0, -11.0], np.float32)
    for seed in range(20):
        check = check_vjp(np.tanh, lambda x, u: np.float32(u) * (1 - np.tanh(x) ** 2), x, seed=seed)
        assert check.verdict is not Verdict.WRONG, str(check)


def test_an_output_that_changes_its_form_is_refused_by_its_name():
    calls = []

    def f(x):
        calls.append(1)
        return {"a": x**2 if len(calls) < 4 else x[:2] ** 2}

    with pytest.raises(ValueError, match=r"\['a'\] is of shape \(2,\), expected an array of shape \(\d,\) as before"):
        check_vjp(f, lambda x, u: 2 * x * u["a"], V)


def test_an_empty_input_or_output_has_nothing_to_judge():
    assert check_vjp(np.cosh, lambda x, g: g * np.sinh(x), np.zeros(0))
    assert check_vjp(lambda x: x[:0], lambda x, _: np.zeros_like(x), np.ones(3))
    assert wrong(check_vjp(lambda x: x[:0], lambda x, _: np.ones_like(x), np.ones(3)))
    assert check_jvp(np.cosh, lambda x, v: v * np.sinh(x), np.zeros((2, 0)))


def test_a_function_of_stacks_is_asked_seldom():
    calls = []

    def f(v):
        calls.append(len(v))
        return square(v)

    assert check_vjp(f, square_vjp, V, batched=True)
    assert 2 * len(calls) < sum(calls)
    assert wrong(check_vjp(f, lambda v, g: 1.0001 * square_vjp(v, g), V, batched=True))


def test_an_output_that_is_always_zero_has_a_gradient_of_rounding():
    """As the imaginary part of a real eigenvalue."""

    def f(x):
        return np.array([np.sum(np.sin(x)), np.sum(x) - np.sum(x)])

    def vjp(x, g, rounding=1e-17):
        return g[0] * np.cos(x) + g[1] * rounding

    x = np.array([0.3, 1.1, -0.7])
    assert check_vjp(f, vjp, x)
    assert wrong(check_vjp(f, lambda x, g: vjp(x, g, 1e-9), x))


@pytest.mark.parametrize("progress", [True, False])
def test_progress_may_be_shown(progress):
    assert check_vjp(square, square_vjp, V, progress=progress)
    assert check_jvp(square, square_vjp, V, progress=progress)
    assert check_jacobian(square, np.diag(2 * V), V, progress=progress)


@pytest.mark.parametrize(
    "option", [{"grads": V}, {"params": V}, {"batch": True}, {"subgradient": 1}, {"progress": 1}, {"method": 3}]
)
def test_an_unknown_option_is_named_before_work(option):
    (name,) = option
    for check in (check_vjp, check_jvp, check_jacobian):
        with pytest.raises((TypeError, ValueError), match=f"^'?{name}'? is "):
            check(lambda _: pytest.fail("f was asked"), square_vjp, V, **option)


@pytest.mark.parametrize("option", [{"alone": None}, {"nondeterminism": None}, {"f_error": ""}, {"seed": 0.5}])
def test_an_option_that_is_none_is_refused_by_its_name(option):
    (name,) = option
    for check, given in ((check_vjp, lambda x, u: 2 * x * u), (check_jacobian, lambda x: np.diag(2 * x))):
        with pytest.raises(TypeError, match=name):
            check(lambda x: x**2, given, np.ones(2), **option)


@pytest.mark.parametrize("seed", range(6))
def test_an_output_that_is_zero_but_for_rounding_puts_nothing_in_doubt(seed):
    """Such is the gradient of a bias before a batch norm, in a backward that is judged itself."""

    def softmax(S):
        E = np.exp(S - S.max(axis=1, keepdims=True))
        return E / E.sum(axis=1, keepdims=True)

    def with_defect(S):
        P = softmax(S)
        return P, (P - P.mean(axis=1, keepdims=True)).sum(axis=1)

    def backward(S, cotangents, factor=1.0):
        P, (g, h) = softmax(S), cotangents
        G = g + (h[:, None] - h[:, None].sum(axis=1, keepdims=True) * np.ones(S.shape[1]))
        return factor * P * (G - np.sum(P * G, axis=1, keepdims=True))

    S = np.random.default_rng(seed).standard_normal((3, 7))
    check = check_vjp(with_defect, backward, S)
    assert check, str(check)
    assert [p.verdict.name for p in check.probes if p.probe == "[1] alone"] == ["BLIND"]
    assert wrong(check_vjp(with_defect, lambda S, u: backward(S, u, 1.001), S))
    assert wrong(check_vjp(with_defect, lambda S, u: backward(S, u) + 1e-9 * u[1].sum() * S, S))


def test_a_gradient_is_held_to_the_coarsest_input_that_it_may_be_made_of():
    def vjp(x, W, u):
        t = np.tanh(x)
        return ((u @ W.T) * (1 - t * t)).astype(x.dtype), t.T @ u

    rng = np.random.default_rng(0)
    for _ in range(3):
        inputs = rng.normal(size=(3, 4)).astype(np.float32), rng.normal(size=(4, 2))
        assert check_vjp(lambda x, W: np.tanh(x) @ W, vjp, inputs)
        for k in range(2):
            off = check_vjp(lambda x, W: np.tanh(x) @ W, lambda *a, k=k: off_by(vjp(*a), k, 1 + 1e-4), inputs)
            assert off.verdict is Verdict.WRONG


def off_by(grads, k, factor):
    return tuple(factor * G if i == k else G for i, G in enumerate(grads))


def rounded(values):
    return np.asarray(values, np.float32).astype(float)


def of_rounded(x, W):
    return rounded(np.tanh(rounded(x) @ rounded(W)))


def backward_of_rounded(x, W, u):
    Z = rounded(x) @ rounded(W)
    dZ = rounded(u) / np.cosh(Z) ** 2
    return rounded(dZ @ rounded(W).T), rounded(rounded(x).T @ dZ)


@pytest.mark.parametrize("factor", [0, 0.5, 2, 1.01])
def test_a_fault_shows_though_f_rounds_to_float32_inside(factor):
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(2, 3)), rng.normal(size=(3, 5))
    assert check_vjp(of_rounded, backward_of_rounded, inputs)
    for k in range(2):
        check = check_vjp(of_rounded, lambda *a, k=k: off_by(backward_of_rounded(*a), k, factor), inputs)
        assert check.verdict is Verdict.WRONG, str(check)


@pytest.mark.parametrize("steps", [10, 1000])
def test_zero_is_no_fault_of_a_floor_though_float32_has_steps_too(steps):
    x = np.random.default_rng(0).normal(size=5)
    check = check_vjp(lambda x: np.floor(steps * x), lambda _, u: 0 * u, (x,))
    assert check.verdict is not Verdict.WRONG, str(check)
