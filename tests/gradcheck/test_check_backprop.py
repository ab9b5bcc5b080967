"""check_backprop: other people's functions, right, wrong and misbehaved."""

import json

import numpy as np
import pytest
from test_gradcheck_network import reference

from refnn import Verdict, check_backprop, check_network
from refnn.gradcheck.faults.probes import Probe, default_probes


def test_the_reference_passes_on_every_probe():
    check = check_backprop(reference, progress=False)
    assert check.verdict is Verdict.PASS
    assert [c.verdict for c in check.probes] == [Verdict.PASS] * len(default_probes())
    assert "It does not say" in str(check)


def raises(*_):
    raise RuntimeError("no such layer")


def forgets(params, X, Y):
    return {key: V for key, V in reference(params, X, Y).items() if key != "db1"}


def changes_weights(params, X, Y):
    grads = reference(params, X, Y)
    params["W1"] -= 0.1 * grads["dW1"]
    return grads


def rebinds_entries(params, X, Y):
    grads = reference(params, X, Y)
    params["b1"] = params["b1"] - grads["db1"]
    return grads


def changes_labels(params, X, Y):
    grads = reference(params, X, Y)
    Y[:] = 0
    return grads


class Accumulates:
    """Adds to the gradient of the call before, as a framework does whose gradients are not set to zero."""

    def __init__(self):
        self.sums = {}

    def __call__(self, params, X, Y):
        for key, V in reference(params, X, Y).items():
            held = self.sums.get(key)
            self.sums[key] = V if held is None or held.shape != V.shape else held + V
        return self.sums


@pytest.mark.parametrize(
    ("gradient", "reason"),
    [
        (raises, "gradient raised RuntimeError: no such layer"),
        (forgets, "grads has no 'db1', the gradient of 'b1'"),
        (changes_weights, "gradient changed its argument W1"),
        (rebinds_entries, "gradient changed its argument params (b1)"),
        (changes_labels, "gradient changed its argument Y"),
        (Accumulates(), "gradient gave two answers to one question"),
        (lambda *_: None, "grads is NoneType, expected a dict of arrays"),
        (lambda p, *_: {f"d{k}": np.zeros(V.shape, int) for k, V in p.items()}, "grads['dW1'] has dtype int64"),
        (lambda p, *_: {f"d{k}": V.T for k, V in p.items()}, "grads['dW1'] has shape (4, 6), expected (6, 4)"),
        (lambda p, X, Y: {**reference(p, X, Y), "loss": 1.0}, "grads has an entry 'loss' that belongs to nothing"),
    ],
)
def test_what_is_no_gradient_is_wrong_and_named(gradient, reason):
    check = check_backprop(gradient, progress=False)
    assert check.verdict is Verdict.WRONG
    assert any(r.startswith(reason) for r in check.reasons), check.reasons
    assert reason in str(check)
    json.dumps(check.to_json(), allow_nan=False)


def test_layer_dims_and_examples_choose_the_probes():
    seen = []

    def spy(params, X, Y):
        seen.append((params["W1"].shape, X.shape[1]))
        return reference(params, X, Y)

    assert check_backprop(spy, layer_dims=[3, 3, 2], examples=4, progress=False)
    assert set(seen) == {((3, 3), 4)}


def test_blind_probes_are_said_to_be_blind():
    zero = {"W1": np.zeros((2, 2)), "b1": np.zeros((2, 1))}
    X, Y = np.array([[1.0, 2], [3, 4]]), np.array([[0.0, 1], [1, 0]])
    assert check_network(zero, X, Y, reference(zero, X, Y)).verdict is Verdict.BLIND
    one = default_probes(examples=1)
    assert check_backprop(reference, probes=one, progress=False).verdict is Verdict.BLIND
    mixed = check_backprop(reference, probes=[default_probes()[0], one[0]], progress=False)
    assert mixed.verdict is Verdict.BLIND
    assert "one example" in mixed.reasons[0]


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        (("gradient",), TypeError, r"gradient is str, expected a callable \(params, X, Y\) -> grads"),
        ((reference, []), ValueError, "probes is empty"),
    ],
)
def test_what_cannot_be_tried_is_refused(arguments, error, text):
    with pytest.raises(error, match=text):
        check_backprop(arguments[0], probes=arguments[1] if len(arguments) > 1 else None)


@pytest.mark.parametrize(
    ("changes", "error", "text"),
    [
        ({"X": np.ones((3, 7))}, ValueError, r"X has shape \(3, 7\), expected \(4, m\)"),
        ({"Y": np.ones((3, 6))}, ValueError, r"Y has shape \(3, 6\), expected \(3, 7\)"),
        ({"Y": np.full((3, 7), 2.0)}, ValueError, r"Y\[0, 0\] is 2.0, expected a label in \[0, 1\]"),
        ({"X": np.full((4, 7), np.nan)}, ValueError, r"X\[0, 0\] is nan, expected a finite number"),
        ({"X": np.full((4, 7), 1j)}, TypeError, "X has dtype complex128, expected real numbers"),
        ({"params": {"W1": np.ones((2, 2))}}, ValueError, "params has no 'b1'"),
    ],
)
def test_networks_that_do_not_fit_are_refused(changes, error, text):
    _, params, X, Y = default_probes()[0]
    arguments = {"params": params, "X": X, "Y": Y, **changes}
    with pytest.raises(error, match=text):
        check_network(**arguments, grads=reference(params, X, Y))


def test_a_probe_of_ones_own_is_enough():
    name, params, X, Y = default_probes()[0]
    check = check_backprop(reference, probes=[Probe("mine", params, X, Y)], progress=False)
    assert (check.verdict, check.probe) == (Verdict.PASS, "mine")
    assert name not in str(check)


def test_a_gradient_that_exits_is_wrong_and_does_not_end_the_check():
    def exits(*_):
        raise SystemExit(0)

    check = check_backprop(exits, progress=False)
    assert check.verdict is Verdict.WRONG
    assert check.reasons == ("gradient raised SystemExit: 0",)
