"""Over a finite field the lines of network.py are exactly right, and no planted fault is: tolerance zero."""

import types
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from refnn import network
from refnn.numbers import ExactnessError, FieldElement, P, atoms, exact_check, exact_gradient, lift, random_point

SOURCE = Path(network.__file__).read_text()
elements = st.integers(0, P - 1).map(FieldElement)
layer_dims = st.lists(st.integers(1, 4), min_size=2, max_size=7)


def violations(network, layer_dims, m, seed):
    """The laws that this network breaks at a random point, by name."""
    L = len(layer_dims) - 1
    shapes = {f"A{l}": (n, m) for l, n in enumerate(layer_dims)}
    for l in range(1, L + 1):
        shapes |= {f"W{l}": (layer_dims[l], layer_dims[l - 1]), f"b{l}": (layer_dims[l], 1)}
    point = random_point({name: np.empty(shape) for name, shape in shapes.items()}, seed=seed)
    Y = point.pop(f"A{L}")
    params = {name: V for name, V in point.items() if name[0] != "A"}
    X = point["A0"]

    def whole(q):
        return network.forward_prop(q["A0"], {name: q[name] for name in params})

    def layer_by_layer(q):
        """The same with A_l + q["A{l}"] in the place of every hidden A_l, so that there is a dA_l to differentiate."""
        A, caches = np.full((layer_dims[0], m), FieldElement(0)), []
        for l in range(1, L + 1):
            A, cache = network.forward_prop(A + q[f"A{l - 1}"], {"W1": q[f"W{l}"], "b1": q[f"b{l}"]})
            caches += cache
        return A, caches

    def grads(forward):
        def run(q):
            AL, caches = forward(q)
            return network.backprop(AL, Y, caches)

        return run

    inputs = {"A0": X, **params}
    checks = {
        "dW, db, dA0 of cost_function": exact_check(
            lambda q: network.cost_function(whole(q)[0], Y), grads(whole), inputs, seed=seed
        ),
        "dW, db, dA of logistic_cost": exact_check(
            lambda q: network.logistic_cost(layer_by_layer(q)[1][-1][1], Y), grads(layer_by_layer), point, seed=seed
        ),
    }
    with atoms(seed):
        AL, caches = whole(inputs)
        dV = network.backprop(AL, Y, caches)
        unfused = network.one_layer_backward(-(Y / AL - (1 - Y) / (1 - AL)) / m, caches[-1])  # (D6), (D8)
        fused = [dV[f"dA{L - 1}"], dV[f"dW{L}"], dV[f"db{L}"]]
        rate = FieldElement(seed + 2)
        step = network.update_parameters(params, dV, rate)
        equal = {
            "cost_function = logistic_cost": network.cost_function(AL, Y) == network.logistic_cost(caches[-1][1], Y),
            "fused output = the article's": all((f == u).all() for f, u in zip(fused, unfused, strict=True)),
            "update_parameters": all((step[name] == V - rate * dV[f"d{name}"]).all() for name, V in params.items()),
        }
    return [law for law, holds in {**checks, **equal}.items() if not holds]


@example([3, 4, 2, 4, 3, 2, 2], 3, 0)
@given(layer_dims, st.integers(1, 3), st.integers(0, 2**32))
def test_the_network_obeys_every_law_exactly(layer_dims, m, seed):
    assert violations(network, layer_dims, m, seed) == []


FAULTS = {
    "sign of the output": ("(1 - Y) * AL - Y * sigmoid(-ZL)[0]", "(1 - Y) * AL + Y * sigmoid(-ZL)[0]"),
    "sign of the labels": ("(1 - Y) * AL - Y * sigmoid(-ZL)[0]", "Y * AL - (1 - Y) * sigmoid(-ZL)[0]"),
    "sign of the bias": ("dot(W, A_prev) + b", "dot(W, A_prev) - b"),
    "sign in exp": ("A = 1 / (1 + exp(-Z))", "A = 1 / (1 + exp(Z))"),
    "sign of the step": ("{key: V - learning_rate", "{key: V + learning_rate"),
    "sign of the cost": ("return -np.sum(weigh", "return np.sum(weigh"),
    "sign in softplus": ("softplus(-ZL)", "softplus(ZL)"),
    "no mean at the output": ("sigmoid(-ZL)[0]) / m", "sigmoid(-ZL)[0])"),
    "no mean in cost_function": ("np.log(1 - AL))) / m", "np.log(1 - AL)))"),
    "no mean in logistic_cost": ("softplus(ZL))) / m", "softplus(ZL)))"),
    "mean over units": ("m = Y.shape[1]\n    linear_cache", "m = Y.shape[0]\n    linear_cache"),
    "no derivative": ("dA * sigmoid(Z)[0] * sigmoid(-Z)[0]", "dA"),
    "half a derivative": ("dA * sigmoid(Z)[0] * sigmoid(-Z)[0]", "dA * sigmoid(Z)[0]"),
    "derivative squared": ("sigmoid(Z)[0] * sigmoid(-Z)[0]", "(sigmoid(Z)[0] * sigmoid(-Z)[0]) ** 2"),
    "derivative of tanh": ("sigmoid(Z)[0] * sigmoid(-Z)[0]", "(1 - sigmoid(Z)[0] ** 2)"),
    "dW transposed": ("dot(dZ, A_prev.T)", "dot(A_prev, dZ.T)"),
    "W not transposed": ("dot(W.T, dZ)", "dot(W, dZ)"),
    "W transposed": ("dot(W, A_prev) + b", "dot(W.T, A_prev) + b"),
    "db over units": ("np.sum(dZ, axis=1, keepdims=True)", "np.sum(dZ, axis=0, keepdims=True).T"),
    "index of the cache": ("caches[l - 1])\n", "caches[l])\n"),
    "index of the key": (
        'grads[f"dW{l}"], grads[f"db{l}"] = dA_prev',
        'grads[f"dW{L - l}"], grads[f"db{l}"] = dA_prev',
    ),
    "index of dA": ('one_layer_backward(grads[f"dA{l}"]', 'one_layer_backward(grads[f"dA{L - 1}"]'),
    "input of the layer": ("A_prev, W, _ = linear_cache\n", "A_prev, W, _ = linear_cache\n    A_prev = 1 - A_prev\n"),
}


def planted(line, fault):
    assert SOURCE.count(line) == 1, f"network.py no longer has {line!r} once"
    module = types.ModuleType("planted")
    exec(compile(SOURCE.replace(line, fault), "planted", "exec"), module.__dict__)
    return module


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_planted_in_the_source_breaks_a_law(name):
    # All widths are m, so that transpositions and wrong indices have shapes that fit; m is 2 where 3 would hide n_L.
    m = 2 if name == "mean over units" else 3
    assert violations(network, [3, 3, 3, 3], m, seed=1) == []
    assert violations(planted(*FAULTS[name]), [3, 3, 3, 3], m, seed=1) != []


@given(elements, st.integers(0, 2**64))
def test_atoms_keep_the_laws_that_the_formulas_need(x, key):
    with atoms(key):
        assert x.exp() * (-x).exp() == 1
        assert FieldElement(0).exp() == 1
        if x != 0:
            assert (1 / x).log() == -x.log()
            assert x / x == 1
            assert x**-2 * x**2 == 1
    with atoms(key + 1):
        assert x == 0 or x.exp() * (-x).exp() == 1


def test_atoms_are_redrawn_with_the_key_and_remembered_within_it():
    x = FieldElement(12345)
    with atoms(1):
        first = x.exp(), x.log()
        with atoms(2):
            assert (x.exp(), x.log()) != first
        assert (x.exp(), x.log()) == first


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
    with pytest.raises(ExactnessError, match=r"grads is not exact: the float 0\.5 is not exact"):
        exact_check(lambda q: np.sum(q["x"]), lambda q: {"dx": q["x"] * 0.5}, {"x": np.zeros(2)})
    with pytest.raises(ExactnessError, match="nan has no exact value"):
        lift([np.nan])
