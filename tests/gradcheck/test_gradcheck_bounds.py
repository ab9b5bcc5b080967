"""The rounding analysis holds, and networks too large for it entry by entry; what leaves the range of floats."""

from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pytest
from test_gradcheck_network import SCALES, by_logarithms, plain, random_network, reference

from refnn import Verdict, check_backprop, check_network
from refnn.gradcheck import network_verdict
from refnn.gradcheck.faults.probes import default_probes
from refnn.gradcheck.problem import network
from refnn.gradcheck.verdict import stochastic
from refnn.gradcheck.verdict.rounding import gradient_bounds


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


@pytest.mark.parametrize("scale", [1e100, 1e300, 1.7e308])
def test_numbers_that_take_differences_out_of_range_are_unreliable(scale):
    params, X, Y = random_network(np.random.default_rng(3), 1.0)
    params = {key: np.sign(V) * scale for key, V in params.items()}
    check = check_network(params, X, Y, {f"d{key}": np.zeros(V.shape) for key, V in params.items()})
    assert check.verdict is Verdict.UNRELIABLE
    assert "out of the range of floats" in check.reasons[0]
