"""Anyone's NumPy code is judged exactly; what has no exact meaning is refused, with a reason."""

from fractions import Fraction

import numpy as np
import pytest

from refnn.numbers import ExactnessError, P, exact_check, exact_gradient, lift

# A user's own code: rows are examples, weights (n_in, n_out), tanh inside, softmax and cross-entropy at the end.
DATA = lift(np.random.default_rng(0).standard_normal((4, 3)))
LABELS = np.eye(2)[[0, 1, 1, 0]]


def softmax_cost(q):
    scores = np.tanh(DATA @ q["V"]) @ q["U"]
    E = np.exp(scores)
    return -np.sum(LABELS * np.log(E / E.sum(axis=1, keepdims=True))) / 4


def softmax_grads(q):
    H = np.tanh(DATA @ q["V"])
    E = np.exp(H @ q["U"])
    dscores = (E / E.sum(axis=1, keepdims=True) - LABELS) / 4
    return {"U": H.T @ dscores, "dV": DATA.T @ (dscores @ q["U"].T * (1 - H**2))}


SHAPES = {"V": np.zeros((3, 5)), "U": np.zeros((5, 2))}


def test_a_users_own_code_is_judged_exactly_and_a_wrong_entry_is_located():
    result = exact_check(softmax_cost, softmax_grads, SHAPES)
    assert result, result
    assert 0 < result.false_pass < 1e-12
    assert "EXACT: 25 of 25 entries" in str(result)

    def one_entry_off(q):
        grads = softmax_grads(q)
        grads["dV"][1, 4] += Fraction(1, 10**30)
        return grads

    wrong = exact_check(softmax_cost, one_entry_off, SHAPES)
    assert not wrong
    assert np.argwhere(wrong.differs["V"]).tolist() == [[1, 4]]
    assert not wrong.differs["U"].any()
    assert "V: 1 of 15 entries differ, the first at V[1, 4]" in str(wrong)


BOUNDS = {  # the degree of the difference of both derivatives, and the collisions of atoms: k^2 times their degree
    "power": (lambda x: x**5, lambda x: 5 * x**4, 4),
    "negative power": (lambda x: x**-2, lambda x: -2 * x**-3, 3),
    "product": (lambda x: x * x * x, lambda x: 3 * x * x, 2),
    "atom": (lambda x: np.exp(x), lambda x: np.exp(x), 2 + 2**2 * 1),
    "atom of a square": (lambda x: np.exp(x * x), lambda x: 2 * x * np.exp(x * x), 3 + 2**2 * 2),
}


@pytest.mark.parametrize("name", BOUNDS)
def test_the_bound_is_the_degree_over_p(name):
    f, derivative, degree = BOUNDS[name]
    result = exact_check(lambda q: f(q["x"]), lambda q: {"x": derivative(q["x"])}, {"x": np.zeros(())})
    assert result
    assert result.false_pass == degree / P


def test_many_entries_are_compared_by_one_random_direction_and_a_wrong_one_is_located():
    shapes = {"W": np.zeros((20, 30))}

    def grads(q):
        return {"W": 3 * q["W"] ** 2}

    def one_entry_off(q):
        return {"W": 3 * q["W"] ** 2 + (np.arange(600).reshape(20, 30) == 77)}

    assert "by a random direction over all of them" in str(exact_check(lambda q: np.sum(q["W"] ** 3), grads, shapes))
    wrong = exact_check(lambda q: np.sum(q["W"] ** 3), one_entry_off, shapes)
    assert np.argwhere(wrong.differs["W"]).tolist() == [[2, 17]]


def test_exact_gradient_of_a_known_function():
    point = {"x": np.array([2, 3]), "y": np.array(Fraction(1, 2))}
    gradient = exact_gradient(lambda q: q["x"][0] ** 2 * q["x"][1] / q["y"], point)
    assert gradient["x"].tolist() == [24, 8]
    assert gradient["y"].item() == -48


REFUSED = {
    "inexact literal": (lambda x: np.sum(0.01 * x), r"the float 0\.01 is not exact: .*`/ m`"),
    "mean by a float": (lambda x: (1 / 3) * np.sum(x), r"the float 0\.333.* is not exact"),
    "float data": (lambda x: np.sum(np.array([0.5, 0.7]) * x), r"the float 0\.5 is not exact: .*lift"),
    "comparison": (lambda x: np.sum(np.where(x > 0, x, 0)), "a comparison has no exact meaning"),
    "relu": (lambda x: np.sum(np.maximum(x, 0)), "a comparison has no exact meaning"),
    "clip": (lambda x: np.sum(np.clip(x, 0, 1)), "a comparison has no exact meaning"),
    "equality": (lambda x: np.sum(x[x == 0]), "a comparison has no exact meaning"),
    "truth": (lambda x: x[0] if x[0] else x[1], "a truth value has no exact meaning"),
    "abs": (lambda x: np.sum(np.abs(x)), "abs has no exact meaning"),
    "cast": (lambda x: np.sum(x.astype(float)), "a cast to float has no exact meaning: it would round"),
    "float array": (lambda x: np.sum(np.array(x, dtype=np.float64)), "a cast to float has no exact meaning"),
    "sqrt": (lambda x: np.sum(np.sqrt(x)), r"np\.sqrt has no exact meaning: supported are"),
    "norm": (lambda x: np.linalg.norm(x), r"np\.sqrt has no exact meaning"),
    "root": (lambda x: np.sum(x**0.5), r"the power 0\.5 is not an integer"),
    "complex": (lambda x: np.sum(x * 1j), "the complex number 1j has no place"),
    "logaddexp": (lambda x: np.sum(np.logaddexp(0, x)), "does not run on object arrays: ufunc 'logaddexp'"),
    "an array": (lambda x: x, "returned ndarray, expected one scalar"),
    "a constant": (lambda x: len(x), "returned int, expected one scalar that depends on the parameters"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_exact_is_refused_and_explained(name):
    f, text = REFUSED[name]
    with pytest.raises(ExactnessError, match=text):
        exact_gradient(lambda q: f(q["x"]), {"x": np.array([2, 3])})


def test_a_gradient_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match=r"the gradient of x has shape \(2, 1\), expected \(2,\)"):
        exact_check(lambda q: np.sum(q["x"]), lambda q: {"x": q["x"][:, None]}, {"x": np.zeros(2)})
    with pytest.raises(ValueError, match="grads has no entry 'dx' or 'x'"):
        exact_check(lambda q: np.sum(q["x"]), lambda q: {"dy": q["x"]}, {"x": np.zeros(2)})
    with pytest.raises(
        ValueError, match="grads has no entry 'dx' or 'x'"
    ):  # of a scalar too, though None has its shape
        exact_check(lambda q: q["x"] * q["x"], lambda _: {}, {"x": 3})
    with pytest.raises(ExactnessError, match=r"grads is not exact: the float 0\.5 is not exact"):
        exact_check(lambda q: np.sum(q["x"]), lambda q: {"dx": q["x"] * 0.5}, {"x": np.zeros(2)})
    with pytest.raises(TypeError, match="params is list, expected a dict of arrays"):
        exact_check(len, dict, [1])
    with pytest.raises(ValueError, match="params has no entry"):
        exact_check(len, dict, {"x": np.zeros((0, 3))})
    with pytest.raises(TypeError, match=r"params\['x'\] has dtype <U3, expected numbers"):
        exact_check(len, dict, {"x": "abc"})
    with pytest.raises(TypeError, match="grads returned NoneType, expected a dict of arrays"):
        exact_check(lambda q: np.sum(q["x"]), lambda _: None, {"x": np.zeros(2)})


@pytest.mark.parametrize("seed", [None, True, "a", -1, 0.5])
def test_a_seed_is_an_integer_of_at_least_0(seed):
    with pytest.raises(ValueError, match=f"seed is {seed!r}, expected an integer of at least 0"):
        exact_check(softmax_cost, softmax_grads, SHAPES, seed=seed)


@pytest.mark.parametrize("shape", [(), 3])
@pytest.mark.parametrize("change", [lambda q: q["x"].__imul__(2), lambda q: q.update(x=2 * q["x"]), dict.clear])
def test_a_function_that_changes_its_argument_is_refused(change, shape):
    def square(q):
        return np.sum(q["x"] * q["x"])

    def grads(q):
        result = {"x": 2 * q["x"]}
        change(q)
        return result

    with pytest.raises(ValueError, match="grads changes its argument"):
        exact_check(square, grads, {"x": np.zeros(shape)})
    with pytest.raises(ValueError, match="f changes its argument"):
        exact_check(lambda q: (square(q), change(q))[0], lambda q: {"x": 2 * q["x"]}, {"x": np.zeros(shape)})
