"""refnn.testing: strategies on which faults show, assert_backprop and assert_gradients."""

import re

import numpy as np
import pytest
from hypothesis import find, given, settings
from hypothesis import strategies as st

from refnn import backprop, check_gradients, check_network, forward_prop, testing
from refnn.gradcheck.faults.catalogue import FAULTS
from refnn.gradcheck.faults.probes import blindness

MINIMAL = settings(database=None, derandomize=True, deadline=None)


def reference(params, X, Y):
    AL, caches = forward_prop(X, params)
    return backprop(AL, Y, caches)


@given(testing.layer_dims())
def test_layer_dims_have_a_square_layer(dims):
    assert any(n == n_prev >= 2 for n, n_prev in zip(dims[1:], dims))
    assert len(dims) - 1 <= 5
    assert all(1 <= n <= 6 for n in dims)


@given(testing.layer_dims(max_layers=2, max_width=3))
def test_layer_dims_keep_to_their_limits(dims):
    assert len(dims) <= 3
    assert max(dims) <= 3


@settings(max_examples=40)
@given(testing.networks())
def test_every_network_drawn_sees_every_fault_and_the_reference_passes_on_it(network):
    name, params, X, Y = network
    assert X.shape[1] >= 2, name
    assert blindness(params, X, Y) is None
    assert check_network(params, X, Y, reference(params, X, Y), progress=False)


@settings(max_examples=10)
@given(testing.networks([4, 3, 3, 2], m=5))
def test_networks_of_given_widths_and_examples(network):
    assert [V.shape for V in network.params.values()] == [(3, 4), (3, 1), (3, 3), (3, 1), (2, 3), (2, 1)]
    assert network.X.shape == (4, 5)


@settings(max_examples=10)
@given(testing.networks(st.just([2, 2, 1])))
def test_networks_of_widths_drawn_by_a_strategy(network):
    assert network.params["W2"].shape == (1, 2)


def test_networks_shrink_to_one_square_layer_and_three_examples():
    smallest = find(testing.networks(), lambda _: True, settings=MINIMAL)
    assert smallest.name.startswith("layer_dims [2, 2], m = 3, weights of size 1, hard labels")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (lambda: testing.layer_dims(max_layers=0).example(), "max_layers is 0, expected an integer of at least 1"),
        (lambda: testing.layer_dims(max_width=1).example(), "max_width is 1, expected an integer of at least 2"),
        (lambda: testing.networks(m=1).example(), "m is 1, expected an integer of at least 2"),
    ],
)
@pytest.mark.filterwarnings("ignore::hypothesis.errors.NonInteractiveExampleWarning")
def test_strategies_that_could_not_see_are_refused(arguments, text):
    with pytest.raises(ValueError, match=text):
        arguments()


def test_the_reference_is_asserted():
    testing.assert_backprop(reference)
    testing.assert_backprop(reference, layer_dims=[3, 3, 2], m=4, max_examples=10)


@pytest.mark.parametrize(("name", "dims"), [("dW-transposed", "[2, 2]"), ("first-layer-zero", "[2, 2, 1]")])
def test_a_fault_fails_with_its_cause_and_the_smallest_network(name, dims):
    with pytest.raises(AssertionError) as failure:
        testing.assert_backprop(FAULTS[name].gradient)
    assert failure.traceback[-1].frame.f_locals["__tracebackhide__"]
    text = str(failure.value)
    assert text.startswith("WRONG on ")
    assert f"cause: {name}: " in text
    assert f"the smallest network found that shows it:\nWRONG on layer_dims {dims}, m = 3" in text
    # The numbers printed are those of the network: they show the fault again.
    found = dict(re.findall(r"^(\w+) = (\[.*\])$", text[text.index("the smallest") :], re.MULTILINE))
    arrays = {key: np.array(eval(value)) for key, value in found.items()}
    X, Y = arrays.pop("X"), arrays.pop("Y")
    assert not check_network(arrays, X, Y, FAULTS[name].gradient(arrays, X, Y), progress=False)


def test_a_fault_that_only_random_networks_show_is_found():
    def wrong_when_four_layers_meet_an_even_batch(params, X, Y):
        grads = reference(params, X, Y)
        if len(params) == 8 and X.shape[1] % 2 == 0:
            grads["dW2"] = grads["dW2"] * (1 + 1e-6)
        return grads

    with pytest.raises(AssertionError, match="right on the fixed networks, wrong on a random one") as failure:
        testing.assert_backprop(wrong_when_four_layers_meet_an_even_batch)
    assert "dW2" in str(failure.value)


def test_a_gradient_that_raises_fails_with_what_it_raised():
    def raises(*_):
        return {}["dW1"]

    with pytest.raises(AssertionError, match="gradient raised KeyError: 'dW1'"):
        testing.assert_backprop(raises)


def test_one_example_is_blind_and_no_pass():
    with pytest.raises(AssertionError, match="BLIND"):
        testing.assert_backprop(reference, m=1)


@settings(max_examples=1, deadline=None)
@given(st.integers(2, 3))
def test_assertions_stand_in_a_test_by_given(m):
    testing.assert_backprop(reference, layer_dims=[2, 2], m=m, max_examples=2)
    testing.assert_gradients(lambda v: np.sum(v**m), np.ones(2), m * np.ones(2))
    with pytest.raises(AssertionError, match=r"^WRONG on "):
        testing.assert_backprop(FAULTS["missing-mean"].gradient, layer_dims=[2, 2], m=m, max_examples=2)


def test_a_gradient_that_fails_on_a_network_and_then_passes_is_called_random():
    asked = []

    def once_wrong(params, X, Y):
        asked.append(1)
        return FAULTS["missing-mean"].gradient(params, X, Y) if 100 <= len(asked) < 103 else reference(params, X, Y)

    with pytest.raises(AssertionError, match="gradient is random: it failed on this network, and passed when asked"):
        testing.assert_backprop(once_wrong)


def test_where_no_network_can_be_drawn_the_fixed_ones_decide():
    """Of one class a softmax is 1, and every fault of the cross-entropy vanishes."""

    def gradient(params, X, Y):
        AL, caches = forward_prop(X, params, output="softmax")
        return backprop(AL, Y, caches, output="softmax")

    with pytest.raises(AssertionError, match=r"^BLIND on "):
        testing.assert_backprop(gradient, layer_dims=[3, 1], output="softmax", max_examples=1)


def test_a_number_of_networks_below_1_is_refused():
    with pytest.raises(ValueError, match="max_examples is 0, expected an integer of at least 1"):
        testing.assert_backprop(reference, max_examples=0)


def test_right_gradients_are_asserted():
    v = np.array([0.5, -2.0])
    testing.assert_gradients(lambda v: np.sum(v**2), v, 2 * v)
    testing.assert_gradients(lambda p: (np.sum(p["v"] ** 2), {"dv": 2 * p["v"]}), {"v": v}, method="central")


@pytest.mark.parametrize(
    ("f", "given", "verdict"),
    [
        (lambda v: np.sum(v**2), [1.0, 4.0], "WRONG"),
        (lambda v: np.sum(np.abs(v - 0.5)), [1.0, -1.0], "UNRELIABLE"),
        (lambda v: 0 * np.sum(v), [0.0, 0.0], "BLIND"),
    ],
)
def test_gradients_that_do_not_pass_fail_with_the_check_in_print(f, given, verdict):
    v = np.array([0.5, -2.0])
    with pytest.raises(AssertionError, match=f"^{verdict}\n") as failure:
        testing.assert_gradients(f, v, np.array(given))
    assert str(failure.value) == str(check_gradients(f, v, np.array(given), progress=False))
    assert failure.traceback[-1].frame.f_locals["__tracebackhide__"]
