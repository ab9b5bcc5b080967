"""check_backprop: other people's functions, right in any style, wrong in ways that no catalogue has, and misbehaved."""

import json

import numpy as np
import pytest
from backprops import RIGHT, judged, made_of, plain, reference

from refnn import Verdict, backprop, check_backprop, check_network, forward_prop
from refnn.gradcheck.faults.probes import Probe, default_probes

SEEDS = range(2)


def test_the_reference_passes_on_every_probe():
    check = check_backprop(reference, progress=False)
    assert check.verdict is Verdict.PASS
    assert len(check.probes) == len(default_probes())
    # One example is there for those who forget a shape; alone it shows too little.
    assert {c.probe for c in check.probes if c.verdict is not Verdict.PASS} == {"one example"}
    assert {c.verdict for c in check.probes if c.probe == "one example"} == {Verdict.BLIND}
    assert str(check).splitlines()[-3].startswith("A pass says that")


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
        (
            lambda p, *_: {f"d{k}": V if k[0] == "W" else V.sum() for k, V in p.items()},
            "grads['db1'] has shape (), expected (6, 1): one number for all, as by a sum without its axis",
        ),
        (lambda p, X, Y: {**reference(p, X, Y), "loss": 1.0}, "grads has an entry 'loss' that belongs to nothing"),
    ],
)
def test_what_is_no_gradient_is_wrong_and_named(gradient, reason):
    check = check_backprop(gradient, progress=False)
    assert check.verdict is Verdict.WRONG
    assert any(r.startswith(reason) for r in check.reasons), check.reasons
    assert reason in " ".join(str(check).split())
    json.dumps(check.to_json(), allow_nan=False)


@pytest.mark.parametrize(
    "change",
    [
        lambda dV: dV * (1 + 1e-6),
        lambda dV: dV + 1e-9 * np.eye(*dV.shape),
        lambda dV: np.full(dV.shape, np.nan),
        lambda dV: dV[:-1],
    ],
)
def test_a_gradient_that_is_wrong_on_the_network_in_between_alone_is_wrong(change):
    calls = []

    def gradient(params, X, Y):
        calls.append(1)
        grads = reference(params, X, Y)
        return {**grads, "db1": change(grads["db1"])} if len(calls) % 3 == 2 else grads

    check = check_backprop(gradient, progress=False)
    assert check.verdict is Verdict.WRONG
    assert check.reasons[0].startswith("right before and after, but wrong on a network of the same widths")
    assert "db1" in check.reasons[0]
    assert any(note.startswith("two answers: is dropout left on") for note in check.notes)


def test_units_that_are_dead_on_the_network_in_between_raise_no_alarm():
    """Z_2 = relu(X) - 0.8 is positive, and with half of W and b it is not."""
    one = np.ones((1, 1))
    params = {"W1": one, "b1": 0 * one, "W2": one, "b2": -0.8 * one, "W3": one, "b3": 0 * one}
    probe = Probe("alive", params, np.array([[1.0, 1.1, 1.3]]), np.array([[1.0, 0.0, 1.0]]))

    def gradient(params, X, Y):
        AL, caches = forward_prop(X, params, hidden="relu")
        return backprop(AL, Y, caches, hidden="relu")

    assert check_backprop(gradient, probes=[probe], progress=False, hidden="relu").verdict is not Verdict.WRONG


def test_a_callable_is_given_the_check_of_each_probe():
    seen = []
    check = check_backprop(reference, probes=default_probes()[:2], progress=seen.append)
    assert tuple(seen) == check.probes


def test_progress_is_a_switch_or_a_callable():
    _, *network = default_probes()[0]
    for check in (lambda: check_backprop(raises, progress=3), lambda: check_network(*network, {}, progress=3)):
        with pytest.raises(TypeError, match=r"^progress is 3 \(int\), expected True or False$"):
            check()


def test_a_whole_says_what_its_probes_have_seen():
    check = check_backprop(reference, probes=default_probes()[:2], progress=False)
    assert check.sees(1e-6)
    assert not check.sees(1e-20)


def test_a_gradient_that_later_calls_spoil_is_wrong():
    given = []

    def spoils(params, X, Y):
        for grads in given:
            grads["db1"] = "spoilt"
        given.append(reference(params, X, Y))
        return given[-1]

    check = check_backprop(spoils, probes=default_probes()[:1], progress=False)
    assert check.verdict is Verdict.WRONG
    assert check.reasons[0].startswith("gradient overwrites what an earlier call returned: ")


def test_layer_dims_and_examples_choose_the_probes():
    seen = []

    def spy(params, X, Y):
        seen.append((params["W1"].shape, X.shape[1]))
        return reference(params, X, Y)

    assert check_backprop(spy, layer_dims=[3, 3, 2], m=4, progress=False)
    assert set(seen) == {((3, 3), 4)}


def test_blind_probes_are_said_to_be_blind():
    zero = {"W1": np.zeros((2, 2)), "b1": np.zeros((2, 1))}
    X, Y = np.array([[1.0, 2], [3, 4]]), np.array([[0.0, 1], [1, 0]])
    assert check_network(zero, X, Y, reference(zero, X, Y)).verdict is Verdict.BLIND
    one = default_probes(m=1)
    blind = check_backprop(reference, probes=one, progress=False)
    assert blind.verdict is Verdict.BLIND
    assert "one example" in blind.reasons[0]


def test_a_blind_probe_beside_one_that_sees_is_listed_and_hides_nothing():
    """It is there for what it alone shows; that it could not show all is no reason against the others."""
    one, seeing = default_probes(m=1)[0], default_probes()[0]
    mixed = check_backprop(reference, probes=[one, seeing], progress=False)
    assert mixed.verdict is Verdict.PASS
    assert [c.verdict for c in mixed.probes] == [Verdict.BLIND, Verdict.PASS]
    assert "BLIND" in str(mixed)

    def wrong_for_one(params, X, Y):
        return {key: V * (1 + (X.shape[1] == 1)) for key, V in reference(params, X, Y).items()}

    def wrong_for_many(params, X, Y):
        return {key: V * (1 + (X.shape[1] > 1)) for key, V in reference(params, X, Y).items()}

    for wrong in (wrong_for_one, wrong_for_many):
        assert check_backprop(wrong, probes=[one, seeing], progress=False).verdict is Verdict.WRONG


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


def test_a_probe_of_ones_own_is_enough():
    name, params, X, Y = default_probes()[0]
    check = check_backprop(reference, probes=[Probe("mine", params, X, Y)], progress=False)
    assert (check.verdict, check.probe) == (Verdict.PASS, "mine")
    assert name not in str(check)


def test_a_gradient_that_exits_is_wrong_and_does_not_end_the_check():
    def exits(*_):
        raise SystemExit(0)

    line = exits.__code__.co_firstlineno + 1

    check = check_backprop(exits, progress=False)
    assert check.verdict is Verdict.WRONG
    assert check.reasons == (f"gradient raised SystemExit: 0, at line {line} of exits",)


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_backprop_passes_in_every_style(name):
    for seed in SEEDS:
        check = judged(RIGHT[name], seed, every=True)
        assert check, f"{name}, seed {seed}\n{check}"


def changed(change, key="dW1"):
    """The right gradient with one array replaced by change(array, params, X, Y)."""

    def gradient(params, X, Y):
        grads = plain(params, X, Y)
        return {**grads, key: np.asarray(change(grads[key], params, X, Y))}

    return gradient


def test_a_gradient_in_more_digits_than_float64_is_judged_in_between_as_well():
    def gradient(params, X, Y):
        wide = {key: V.astype(np.longdouble) for key, V in params.items()}
        AL, caches = forward_prop(X.astype(np.longdouble), wide)
        return backprop(AL, Y, caches)

    for seed in range(3):
        check = check_backprop(gradient, seed=seed, progress=False)
        assert check, str(check)


def dropout(V, *_):
    return V * (np.arange(V.size).reshape(V.shape) % 5 != 4)


def clipped(params, X, Y):
    grads = plain(params, X, Y)
    return {key: V / max(1, 10 * np.linalg.norm(V)) for key, V in grads.items()}


def shuffled(params, X, Y):
    return plain(params, X[:, ::-1], Y)


def flipped_rows(V, *_):
    return V[::-1]


def of_the_batch_before(params, X, Y):
    return plain(params, X[:, :-1], Y[:, :-1])


UNCATALOGUED = {
    "weight decay left in": changed(lambda V, params, *_: V + 1e-4 * params["W1"]),
    "each array clipped by its own norm": clipped,
    "one entry dropped out of five": changed(dropout),
    "m - 1 in place of m": made_of(output=lambda A, Y: (A - Y) / max(1, Y.shape[1] - 1)),
    "mean of dZ taken over units": made_of(sums=lambda dZ, A: (dZ @ A.T, dZ.mean() + 0 * dZ[:, :1])),
    "labels shifted by one example": made_of(output=lambda A, Y: (A - np.roll(Y, 1, axis=1)) / Y.shape[1]),
    "labels rounded": made_of(output=lambda A, Y: (A - np.round(Y)) / Y.shape[1]),
    "labels smoothed to one side": made_of(output=lambda A, Y: (A - 0.98 * Y) / Y.shape[1]),
    "predictions in place of probabilities": made_of(output=lambda A, Y: ((A > 0.5) - Y) / Y.shape[1]),
    "absolute error": made_of(output=lambda A, Y: np.sign(A - Y) * A * (1 - A) / Y.shape[1]),
    "slope without its square": made_of(slope=lambda A: 1 - A),
    "slope squared": made_of(slope=lambda A: (A * (1 - A)) ** 2),
    "slope with a constant added": made_of(slope=lambda A: A * (1 - A) + 1e-6),
    "slope bounded below": made_of(slope=lambda A: np.maximum(A * (1 - A), 1e-2)),
    "forward without the biases": made_of(forward=lambda W, A, _: W @ A),
    "leaky forward": made_of(forward=lambda W, A, b: 0.999 * (W @ A + b)),
    "examples in another order": shuffled,
    "the last example forgotten": of_the_batch_before,
    "rows in reverse": changed(flipped_rows),
    "columns in reverse": changed(lambda V, *_: V[:, ::-1], "dW2"),
    "rounded to six decimals": changed(lambda V, *_: np.round(V, 6)),
    "rounded to nine digits": changed(lambda V, *_: np.array([float(f"{v:.8e}") for v in V.flat]).reshape(V.shape)),
    "in half precision inside": changed(lambda V, *_: V.astype(np.float16).astype(float)),
    "data in float32": lambda params, X, Y: plain(params, np.float64(np.float32(X)), Y),
    "NaN in one entry": changed(lambda V, *_: np.where(np.arange(V.size).reshape(V.shape) == 0, np.nan, V)),
    "tiny entries flushed to zero": changed(lambda V, *_: np.where(np.abs(V) < 0.1 * np.abs(V).max(), 0, V)),
    "accumulated over calls": None,  # made anew for each test: it keeps a state
    "arguments changed": lambda params, X, Y: (plain(params, X, Y), params["W1"].__imul__(0.9))[0],
}


@pytest.mark.parametrize("name", UNCATALOGUED)
def test_a_bug_that_no_catalogue_has_is_wrong_and_gets_no_false_name(name):
    for seed in SEEDS[:1]:
        check = judged(UNCATALOGUED[name] or Accumulates(), seed)
        assert check.verdict is Verdict.WRONG, f"{name}, seed {seed}\n{check}"
        assert not check.diagnosis or not check.diagnosis.causes, f"{name}, seed {seed}\n{check}"
