"""backprop: the derivative of the cost in every variable.

Here by hand, beside differences, under changes that leave the cost as it is, and at saturation. That it is the
derivative exactly: test_in_the_field.py.
"""

import math

import accuracy
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from small_network import AL, CACHES, PARAMS, Y, refusals, with_cache
from strategies import (
    DECLARATIONS,
    ONE_UNIT,
    examples,
    few,
    field_network,
    field_networks,
    float_network,
    float_networks,
    seeds,
)

from refnn import backprop, check_gradients, check_network, cost_function, forward_prop, logistic_cost
from refnn.gradcheck.declaration import Declaration
from refnn.gradcheck.faults.catalogue import FAULTS
from refnn.gradcheck.faults.probes import default_probes
from refnn.testing import layer_dims


def cost_and_gradient(params, X, Y):
    AL, caches = forward_prop(X, params)
    return cost_function(AL, Y), backprop(AL, Y, caches)


# ---------------------------------------------------------------------- by hand


def test_one_unit_by_hand():
    """W = 0 makes A = 1/2, so dZ = (1/2 - Y)/m."""
    _, grads = cost_and_gradient({"W1": [[0.0]], "b1": [[0.0]]}, [[2.0, 4.0]], [[1, 0]])
    assert (grads["dW1"], grads["db1"]) == ([[0.5]], [[0.0]])  # (-2 + 4)/4 and (-1 + 1)/4
    assert np.array_equal(grads["dA0"], [[0.0, 0.0]])


def test_two_layers_by_hand():
    """W1 = log 3 makes A1 = 3/4, W2 = 4/3 log 4 makes A2 = 4/5; the label is 0."""
    log3, log4 = math.log(3), math.log(4)
    params = {"W1": [[log3]], "b1": [[0]], "W2": [[4 / 3 * log4]], "b2": [[0]]}
    J, grads = cost_and_gradient(params, [[1.0]], [[0]])
    expected = {"dW2": 3 / 5, "db2": 4 / 5, "dA1": 16 / 15 * log4, "dW1": log4 / 5, "db1": log4 / 5}
    expected["dA0"] = log3 * log4 / 5
    for key, value in expected.items():
        assert math.isclose(grads[key].item(), value, rel_tol=20 * 2**-53), key  # at most 20 roundings on the way
    assert math.isclose(J, math.log(5), rel_tol=20 * 2**-53)


# ---------------------------------------------------------------------- beside differences


@pytest.mark.parametrize("cost", [cost_function, logistic_cost])
@pytest.mark.parametrize("method", ["central", "complex"])
@few
@example(float_network(ONE_UNIT, 1, 0))
@given(float_networks())
def test_backprop_matches_differences_of_the_cost(method, cost, network):
    params, X, Y = network

    def J(point):
        AL, caches = forward_prop(point["A0"], {key: point[key] for key in params})
        return cost(AL, Y) if cost is cost_function else cost(caches[-1][1], Y)

    point = {**params, "A0": X}
    grads = {key: dV for key, dV in cost_and_gradient(params, X, Y)[1].items() if key[1:] in point}
    check = check_gradients(J, point, grads, method=method)
    assert check, check
    assert {parameter.name for parameter in check.parameters} == {f"d{key}" for key in point}


@example(float_network(ONE_UNIT, 1, 0))
@given(float_networks(scale=st.sampled_from([0.01, 0.1, 1, 10, 50])))
def test_backprop_matches_cancellation_free_differences_at_every_scale(network):
    check = check_network(*network, cost_and_gradient(*network)[1])
    assert check.verdict in ("PASS", "BLIND"), check  # one example, or equal columns, cannot show every fault
    assert all(parameter for parameter in check.parameters), check


@pytest.mark.parametrize("name", FAULTS)
def test_differences_of_the_cost_see_every_fault(name):
    """The same check fails on each planted fault, on a network where it can be made."""
    fault, seen = FAULTS[name], 0
    for words in DECLARATIONS:
        scale, said = 60 if name == "clipped-probabilities" else 3, Declaration.of(words)
        networks = [float_network(dims, 6, 1, scale=scale) for dims in ([4, 4, 4, 4], [4, 6, 5, 3])]
        if name == "clipped-before-subtraction":  # seen where a saturated output agrees with its label
            networks += [probe[1:] for probe in default_probes(declaration=said)]
        for network in networks:
            if fault.applies(*network, said):
                seen += 1
                assert check_network(*network, fault.gradient(*network, said), **words).verdict == "WRONG", words
    assert seen


# ---------------------------------------------------------------------- what leaves the cost as it was


@given(field_networks, st.data())
def test_the_order_of_the_examples_does_not_matter(network, data):
    params, X, Y = network
    order = data.draw(st.permutations(range(X.shape[1])), "order")
    J, grads = cost_and_gradient(params, X, Y)
    J_permuted, permuted = cost_and_gradient(params, X[:, order], Y[:, order])
    assert J_permuted == J
    np.testing.assert_equal(permuted, {key: dV[:, order] if key[1] == "A" else dV for key, dV in grads.items()})


@given(field_networks, st.data())
def test_hidden_units_may_change_places(network, data):
    params, X, Y = network
    L = len(params) // 2
    l = data.draw(st.integers(0, L), "layer")  # 0 moves the features, L the outputs
    order = data.draw(st.permutations(range(len(params[f"b{l}"] if l else X))), "order")

    def move(values, d=""):
        rows = {f"{d}W{l}", f"{d}b{l}", f"{d}A{l}", "Y" if l == L else "", "X" if l == 0 else ""}
        moved = {key: V[order] if key in rows else V for key, V in values.items()}
        return {key: V[:, order] if key == f"{d}W{l + 1}" else V for key, V in moved.items()}

    moved = move({**params, "X": X, "Y": Y})
    J, grads = cost_and_gradient(params, X, Y)
    J_moved, grads_moved = cost_and_gradient({key: moved[key] for key in params}, moved["X"], moved["Y"])
    assert J_moved == J
    np.testing.assert_equal(grads_moved, move(grads, "d"))


@given(field_networks)
def test_a_batch_given_twice_has_the_same_mean(network):
    params, X, Y = network
    J, grads = cost_and_gradient(params, X, Y)
    J_twice, twice = cost_and_gradient(params, np.hstack([X, X]), np.hstack([Y, Y]))
    assert J_twice == J
    halves = {key: np.hstack([dV, dV]) / 2 if key[1] == "A" else dV for key, dV in grads.items()}
    np.testing.assert_equal(twice, halves)


@given(st.builds(field_network, layer_dims(max_width=4), st.integers(2, 6), seeds), st.data())
def test_batch_gradients_average_to_the_whole(network, data):  # (D13)
    params, X, Y = network
    m = X.shape[1]
    cut = data.draw(st.integers(1, m - 1), "cut")
    J, grads = cost_and_gradient(params, X, Y)
    J_first, first = cost_and_gradient(params, X[:, :cut], Y[:, :cut])
    J_rest, rest = cost_and_gradient(params, X[:, cut:], Y[:, cut:])
    assert (cut * J_first + (m - cut) * J_rest) / m == J
    for key in params:
        assert np.array_equal((cut * first[f"d{key}"] + (m - cut) * rest[f"d{key}"]) / m, grads[f"d{key}"])


# Two networks of one depth, which layer_dims cannot draw together.
@given(st.lists(st.tuples(st.integers(1, 3), st.integers(1, 3)), min_size=2, max_size=5), examples, seeds)
def test_networks_side_by_side_do_not_touch(pairs, m, seed):
    one, X1, Y1 = field_network([n for n, _ in pairs], m, seed)
    two, X2, Y2 = field_network([n for _, n in pairs], m, seed + 1)

    def beside(A, B):
        return np.block([[A, np.zeros((len(A), B.shape[1]), int)], [np.zeros((len(B), A.shape[1]), int), B]])

    both = {key: beside(V, two[key]) if key[0] == "W" else np.vstack([V, two[key]]) for key, V in one.items()}
    J1, grads1 = cost_and_gradient(one, X1, Y1)
    J2, grads2 = cost_and_gradient(two, X2, Y2)
    J, grads = cost_and_gradient(both, np.vstack([X1, X2]), np.vstack([Y1, Y2]))
    assert J == J1 + J2
    for key, dV in grads.items():
        n1, n2 = grads1[key].shape
        assert np.array_equal(dV[:n1, :n2], grads1[key])
        assert np.array_equal(dV[n1:, n2 if key[1] == "W" else 0 :], grads2[key])


@given(field_networks)
def test_labels_flip_with_the_sign_of_the_output(network):
    params, X, Y = network
    L = len(params) // 2
    last = {f"W{L}", f"b{L}"}
    J, grads = cost_and_gradient(params, X, Y)
    J_flipped, flipped = cost_and_gradient({key: -V if key in last else V for key, V in params.items()}, X, 1 - Y)
    assert J_flipped == J
    np.testing.assert_equal(flipped, {key: -dV if key[1:] in last else dV for key, dV in grads.items()})


# ---------------------------------------------------------------------- saturation


@pytest.mark.parametrize("scale", accuracy.SCALES)
def test_every_entry_keeps_eleven_digits(scale):
    worst, broken = accuracy.errors("sigmoid", "sigmoid", scale, ["refnn"])
    assert max(worst["refnn"]) < 1e-11
    assert broken["refnn"] == 0


@pytest.mark.parametrize("scale", [10, 50])
def test_the_usual_formulas_lose_all_digits(scale):
    worst, _ = accuracy.errors("sigmoid", "sigmoid", scale, ["usual formulas"])
    assert max(worst["usual formulas"]) >= 1


# ---------------------------------------------------------------------- refusals


def test_every_misfit_of_a_network_is_said():
    caches = [((np.ones((4, 5)), W, np.ones((9, 1))), Z) for (_, W, _), Z in CACHES]
    with pytest.raises(ValueError, match="b of") as refusal:
        backprop(AL, 3 * Y, caches)
    assert [line.split(" has ")[0].split(" is ")[0] for line in str(refusal.value).splitlines()] == [
        "Y[0, 1]",
        "A_prev of caches[1]",
        "b of caches[1]",
        "b of caches[0]",
    ]


def with_labels(Y):
    return backprop(AL, Y, CACHES)


def with_caches(caches):
    return backprop(AL, Y, caches)


test_bad_labels_are_refused_in_words = refusals(
    (lambda: with_labels(Y[0]), ValueError, "Y has shape (5,), expected (2, 5): one label for each output and example"),
    (lambda: with_labels(Y[:, 1:]), ValueError, "Y has shape (2, 4), expected (2, 5): one label for each"),
    (lambda: with_labels(2 * Y), ValueError, "Y[0, 1] is 2.0, expected a label in [0, 1] (5 such entries)"),
    (lambda: with_labels(-Y), ValueError, "Y[0, 1] is -1.0, expected a label in [0, 1]"),
    (lambda: with_labels(Y * np.nan), ValueError, "Y[0, 0] is nan, expected a finite number"),
    (lambda: with_labels(Y.astype(str)), TypeError, "Y has dtype <U32, expected numbers"),
    (lambda: with_labels(Y + 0j), TypeError, "Y has dtype complex128, expected real labels"),
    (lambda: with_labels((2 * Y).astype(object)), ValueError, "Y[0, 1] is 2.0, expected a label in [0, 1]"),
    (
        lambda: with_labels(np.full((2, 5), np.nan, object)),
        ValueError,
        "Y[0, 0] is nan, expected a finite number (10 such entries)",
    ),
)

test_bad_caches_are_refused_in_words = refusals(
    (lambda: with_caches([]), TypeError, "caches is [], expected the list that forward_prop returns with AL"),
    (
        lambda: with_caches([AL]),
        TypeError,
        "caches[0] is not ((A_prev, W, b), Z), expected a cache of forward_prop",
    ),
    (
        lambda: with_caches(CACHES[:1]),
        ValueError,
        "W of caches[0] has shape (3, 4), expected (2, 4): a layer of 2 units",
    ),
    (
        lambda: backprop(AL[:, 1:], Y[:, 1:], CACHES),
        ValueError,
        "Z of caches[1] has shape (2, 5), expected (2, 4)",
    ),
    (
        lambda: with_caches(with_cache(0, Z=np.ones((3, 4)))),
        ValueError,
        "Z of caches[0] has shape (3, 4), expected (3, 5): a layer of 3 units on 5 examples",
    ),
    (
        lambda: with_caches(with_cache(1, W=PARAMS["W2"] * np.nan)),
        ValueError,
        "W of caches[1][0, 0] is nan, expected a finite",
    ),
    (lambda: backprop(1 - AL, Y, CACHES), ValueError, "expected σ of the last Z of caches (10 such entries)"),
)
