"""check_network and check_backprop: gradients of the sigmoid network, theirs and other people's."""

import json
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pytest

from refnn import Verdict, backprop, check_backprop, check_network, forward_prop
from refnn.gradcheck import cancellation_free, network_verdict, stochastic
from refnn.gradcheck._network import cost, network
from refnn.gradcheck.probes import Probe, default_probes
from refnn.gradcheck.rounding import gradient_bounds

SCALES = (0.01, 0.1, 1.0, 10.0, 50.0)
DECIDED = (Verdict.PASS, Verdict.BLIND)  # at a saturated point some faults cannot show; that is said, and no alarm


def random_network(rng, scale, layers=8, width=7):
    dims = rng.integers(1, width, rng.integers(2, layers + 2))
    params = {}
    for l in range(1, len(dims)):
        params[f"W{l}"] = scale * rng.standard_normal((dims[l], dims[l - 1]))
        params[f"b{l}"] = scale * rng.standard_normal((dims[l], 1))
    m = int(rng.integers(2, 9))
    Y = rng.random((dims[-1], m))
    return params, rng.standard_normal((dims[0], m)), np.round(Y) if rng.random() < 0.5 else Y


def reference(params, X, Y):
    AL, caches = forward_prop(X, params)
    return backprop(AL, Y, caches)


def plain(params, X, Y, dtype=np.float64, sigmoid=lambda Z: 1 / (1 + np.exp(-Z))):
    """The formulas that most people write: A - Y at the output and A (1 - A) in the layers below."""
    params = {key: V.astype(dtype) for key, V in params.items()}
    A, Y, m, L = [X.astype(dtype)], Y.astype(dtype), dtype(X.shape[1]), len(params) // 2
    with np.errstate(all="ignore"):
        for l in range(1, L + 1):
            A.append(sigmoid(params[f"W{l}"] @ A[-1] + params[f"b{l}"]))
        dZ, grads = A[L] - Y, {}
        for l in range(L, 0, -1):
            grads[f"dW{l}"] = dZ @ A[l - 1].T / m
            grads[f"db{l}"] = dZ.sum(axis=1, keepdims=True) / m
            dZ = params[f"W{l}"].T @ dZ * A[l - 1] * (1 - A[l - 1])
    return grads


def by_tanh(params, X, Y):
    return plain(params, X, Y, sigmoid=lambda Z: (1 + np.tanh(Z / 2)) / 2)


def by_logarithms(params, X, Y):
    """As automatic differentiation of log(1 + exp Z) - Y Z goes about it."""
    grads = plain(params, X, Y)
    L = len(params) // 2
    A = [X, *(cache[0][0] for cache in forward_prop(X, params)[1][1:])]
    Z = params[f"W{L}"] @ A[-1] + params[f"b{L}"]
    dZ = (np.exp(Z - np.logaddexp(0, Z)) - Y) / X.shape[1]
    return {**grads, f"dW{L}": dZ @ A[L - 1].T, f"db{L}": dZ.sum(axis=1, keepdims=True)}


def in_float32(params, X, Y):
    return plain(params, X, Y, np.float32)


@pytest.mark.parametrize("gradient", [reference, plain, by_tanh, by_logarithms, in_float32])
@pytest.mark.parametrize("scale", SCALES)
def test_right_formulas_never_raise_an_alarm(gradient, scale):
    rng = np.random.default_rng(int(100 * scale))
    for _ in range(30):
        params, X, Y = random_network(rng, scale)
        check = check_network(params, X, Y, gradient(params, X, Y), progress=False)
        assert check.verdict in DECIDED, str(check)


@pytest.mark.parametrize("scale", SCALES)
def test_the_witness_stays_within_half_of_its_error_bound_of_the_reference(scale):
    rng = np.random.default_rng(1)
    for _ in range(20):
        params, X, Y = random_network(rng, scale)
        net = network(params, X, Y)
        grads = reference(params, X, Y)
        for key, estimate in cancellation_free.estimates(net, range(net.L), progress=False).items():
            gap = np.abs(estimate.value - grads[f"d{key}"])
            assert (gap <= estimate.error / 2 + estimate.underflow).all()


def test_the_witness_knows_a_vanishing_gradient_to_twelve_digits():
    params, X, Y = default_probes()[-1][1:]
    found = cancellation_free.estimates(network(params, X, Y), progress=False)
    assert np.median(np.abs(found["W1"].value)) < 1e-9
    for key, estimate in found.items():
        assert np.median(estimate.error / np.abs(estimate.value)) < 1e-12, key


@pytest.mark.parametrize("scale", [0.01, 1.0, 3.0])
@pytest.mark.parametrize("method", ["entries", "directions"])
def test_any_single_entry_off_by_a_thousandth_is_found_and_named(method, scale):
    rng = np.random.default_rng(2)
    params, X, Y = random_network(rng, scale, layers=3, width=5)
    grads = reference(params, X, Y)
    for key in params:
        for index in np.ndindex(params[key].shape):
            wrong = {k: V.copy() for k, V in grads.items()}
            wrong[f"d{key}"][index] *= 1.001
            check = check_network(params, X, Y, wrong, method=method, progress=False)
            assert check.verdict is Verdict.WRONG
            first = check.parameters[0]
            assert (first.name, first.worst.index, first.wrong) == (f"d{key}", index, 1)
            assert [p.name for p in check.parameters if not p] == [f"d{key}"]


@pytest.mark.parametrize("method", ["entries", "directions"])
def test_a_first_layer_that_vanishes_and_is_given_as_zero_or_negated_is_wrong(method):
    params, X, Y = default_probes()[-1][1:]
    grads = reference(params, X, Y)
    assert np.max(np.abs(grads["dW1"])) < 1e-8
    for factor in (0, -1, 1 + 1e-6):
        check = check_network(params, X, Y, {**grads, "dW1": factor * grads["dW1"]}, method=method, progress=False)
        assert (check.verdict, check.parameters[0].name) == (Verdict.WRONG, "dW1")


def test_float64_arrays_computed_in_float32_are_wrong_and_the_cause_is_named():
    for _, params, X, Y in default_probes()[:5]:
        grads = {key: V.astype(np.float64) for key, V in in_float32(params, X, Y).items()}
        check = check_network(params, X, Y, grads, progress=False)
        assert check.verdict is Verdict.WRONG
        assert "float32-inside" in check.cause


def test_lost_digits_are_noted_and_how_many():
    rng = np.random.default_rng(0)
    params, X, Y = random_network(rng, 30.0, layers=4)
    check = check_network(params, X, Y, plain(params, X, Y), progress=False)
    assert check.verdict in DECIDED
    assert any("digits of float64 to rounding: right, but imprecise" in note for note in check.notes)
    assert max(p.digits_lost for p in check.parameters) > 4
    assert not check_network(params, X, Y, reference(params, X, Y), progress=False).notes


def test_activations_are_judged_where_they_are_given():
    params, X, Y = default_probes()[0][1:]
    grads = reference(params, X, Y)
    check = check_network(params, X, Y, grads, progress=False)
    assert {p.name for p in check.parameters} == set(grads)
    grads["dA1"] = grads["dA1"] * X.shape[1]
    check = check_network(params, X, Y, grads, progress=False)
    assert [p.name for p in check.parameters if not p] == ["dA1"]
    with pytest.raises(ValueError, match=r"grads\['dA1'\] has shape \(1,\), expected \(6, 7\)"):
        check_network(params, X, Y, {**grads, "dA1": np.ones(1)})


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("method", ["entries", "directions"])
def test_nan_and_infinity_never_pass(bad, method):
    params, X, Y = default_probes()[0][1:]
    grads = reference(params, X, Y)
    grads["db2"][1] = bad
    check = check_network(params, X, Y, grads, method=method, progress=False)
    assert (check.verdict, check.parameters[0].name) == (Verdict.WRONG, "db2")
    assert "NaN or infinite" in check.parameters[0].reason
    json.dumps(check.to_json(), allow_nan=False)


def test_witnesses_that_disagree_make_the_verdict_unreliable(monkeypatch):
    params, X, Y = default_probes()[0][1:]
    grads = reference(params, X, Y)
    honest = cancellation_free.cost_differences
    monkeypatch.setattr(cancellation_free, "cost_differences", lambda *a: 1.0001 * honest(*a))
    check = check_network(params, X, Y, grads, progress=False)
    assert check.verdict is Verdict.UNRELIABLE
    assert any(reason.startswith("the witnesses disagree along one direction of W1:") for reason in check.reasons)
    assert check.diagnosis is None


def test_the_cost_that_the_complex_step_takes_is_that_of_the_network():
    from refnn import logistic_cost

    rng = np.random.default_rng(4)
    for scale in SCALES:
        params, X, Y = random_network(rng, scale)
        expected = logistic_cost(forward_prop(X, params)[1][-1][1], Y)
        assert cost(params, X, Y) == pytest.approx(expected, rel=1e-12)


def test_bounds_hold_the_plain_formulas_and_are_not_idle():
    rng = np.random.default_rng(5)
    nearest = 0.0
    for scale in SCALES:
        for _ in range(20):
            params, X, Y = random_network(rng, scale)
            exact = reference(params, X, Y)
            for dtype in (np.float64, np.float32):
                bounds = gradient_bounds(network(params, X, Y), np.dtype(dtype), plain=True, rounds_inputs=True)
                for key, V in plain(params, X, Y, dtype).items():
                    gap = np.abs(V.astype(np.float64) - exact[key])
                    assert (gap <= bounds[key[1:]]).all()
                    nearest = max(nearest, float(np.max(gap / bounds[key[1:]])))
    assert nearest > 0.01


def test_bounds_hold_a_cost_in_logarithms_with_room():
    for Z in np.linspace(5, 40, 200):
        params, X, Y = {"W1": np.array([[Z]]), "b1": np.zeros((1, 1))}, np.ones((1, 1)), np.zeros((1, 1))
        bounds = gradient_bounds(network(params, X, Y), np.dtype(np.float64), plain=True)
        gap = np.abs(by_logarithms(params, X, Y)["dW1"] - reference(params, X, Y)["dW1"])
        assert (gap <= bounds["W1"] / 2).all()


def test_inputs_that_were_rounded_first_widen_the_bounds():
    net = network(*random_network(np.random.default_rng(8), 1.0))
    rounded, exact = (gradient_bounds(net, np.dtype(np.float32), plain=True, rounds_inputs=r) for r in (True, False))
    assert all((rounded[key] > exact[key]).all() for key in net.keys)


def test_levels_shrink_the_bounds_of_wide_networks_and_still_hold_the_errors():
    rng = np.random.default_rng(6)
    dims, params = (200, 150, 100, 10), {}
    for l in range(1, len(dims)):
        params[f"W{l}"] = rng.standard_normal((dims[l], dims[l - 1])) * np.sqrt(2 / (dims[l] + dims[l - 1]))
        params[f"b{l}"] = rng.standard_normal((dims[l], 1))
    X, Y = rng.standard_normal((200, 32)), np.eye(10)[:, rng.integers(0, 10, 32)]
    net = network(params, X, Y)
    levels = stochastic.levels(net, rng)
    bounds = gradient_bounds(net, np.dtype(np.float64), plain=True)
    exact = reference(params, X, Y)
    for key, V in plain(params, X, Y).items():
        assert (np.abs(V - exact[key]) <= levels[key[1:]] * bounds[key[1:]] / 4).all()
    assert levels["W1"] < 0.05


def test_a_large_network_takes_directions_and_names_the_entry(monkeypatch):
    monkeypatch.setattr(network_verdict, "PER_ENTRY_WORK", 1e5)
    rng = np.random.default_rng(7)
    dims, params = (60, 50, 40, 5), {}
    for l in range(1, len(dims)):
        params[f"W{l}"] = rng.standard_normal((dims[l], dims[l - 1])) / np.sqrt(dims[l - 1])
        params[f"b{l}"] = rng.standard_normal((dims[l], 1))
    X, Y = rng.standard_normal((60, 16)), np.round(rng.random((5, 16)))
    grads = reference(params, X, Y)
    check = check_network(params, X, Y, plain(params, X, Y), progress=False)
    assert check.verdict is Verdict.PASS
    assert check.witnesses[0].evaluations == 2 * len(params)
    smallest = np.unravel_index(np.argmin(np.abs(grads["dW2"])), grads["dW2"].shape)
    grads["dW2"][smallest] *= 1.001
    grads["dW1"][3, 5] *= -1
    check = check_network(params, X, Y, grads, progress=False)
    assert check.verdict is Verdict.WRONG
    found = {p.name: p.reason for p in check.parameters if not p}
    assert found == {"dW1": "wrong at dW1[3, 5]", "dW2": f"wrong at dW2[{smallest[0]}, {smallest[1]}]"}
    grads["dW3"] *= 16
    assert "dW3: 16 times" in check_network(params, X, Y, grads, progress=False).cause


def test_executors_share_the_work_and_change_nothing():
    params, X, Y = default_probes()[1][1:]
    grads = reference(params, X, Y)
    alone = check_network(params, X, Y, grads, progress=False)
    for pool in (ThreadPoolExecutor(2), ProcessPoolExecutor(2)):
        with pool:
            assert check_network(params, X, Y, grads, executor=pool) == alone
            assert check_backprop(reference, executor=pool).verdict is Verdict.PASS


def test_nothing_of_the_callers_is_changed_and_read_only_arrays_do():
    params, X, Y = default_probes()[0][1:]
    grads = reference(params, X, Y)
    before = {key: V.copy() for key, V in {**params, **grads, "X": X, "Y": Y}.items()}
    for V in (*params.values(), *grads.values(), X, Y):
        V.flags.writeable = False
    assert check_network(params, X, Y, grads, progress=False)
    assert check_network(params, X, Y, grads, method="directions", progress=False)
    for key, V in {**params, **grads, "X": X, "Y": Y}.items():
        assert np.array_equal(V, before[key])


# ---------------------------------------------------------------------- other people's functions


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
