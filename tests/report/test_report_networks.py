"""The networks of a report: drawn from seeds, and trained on real data, to the same bits on every machine."""

import re

import numpy as np
import pytest

from refnn import cost_function, forward_prop, train
from refnn.report import networks


def test_a_seeded_network_is_what_its_documentation_says():
    words = iter(np.random.PCG64(7).random_raw(1000).tolist())
    dims = [1 + next(words) % 12 for _ in range(1 + (1 + next(words) % 6))]
    m, scale = 2 + next(words) % 8, networks.SCALES[next(words) % 7]

    def numbers(rows, columns):
        return np.array([[(next(words) >> 11) / 2**53 for _ in range(columns)] for _ in range(rows)])

    probe = networks.seeded(7)
    for l in range(1, len(dims)):
        for key, columns in (("W", dims[l - 1]), ("b", 1)):
            expected = scale * (np.sqrt(3) * (2 * numbers(dims[l], columns) - 1))
            assert np.array_equal(probe.params[f"{key}{l}"], expected)
    assert np.array_equal(probe.X, np.sqrt(3) * (2 * numbers(dims[0], m) - 1))
    assert np.array_equal(probe.Y, numbers(dims[-1], m))


def test_the_seeded_networks_are_fifty_of_all_depths_widths_and_scales():
    probes = [networks.seeded(seed) for seed in networks.SEEDS]
    assert len(probes) >= 50
    assert {len(probe.params) // 2 for probe in probes} == set(range(1, 7))
    assert {n for probe in probes for V in probe.params.values() for n in V.shape[:1]} == set(range(1, 13))
    assert {float(re.search(r"scale (.*)", probe.name)[1]) for probe in probes} == set(networks.SCALES)
    assert (min(networks.SCALES), max(networks.SCALES)) == (0.01, 10)


def test_training_passes_through_its_checkpoints_and_learns():
    data = networks.breast_cancer()
    points = list(networks.checkpoints(data, networks.RECIPE))
    assert [point.epoch for point in points] == list(networks.RECIPE.epochs)
    assert [len(point.costs) for point in points] == list(np.diff([-1, *networks.RECIPE.epochs]))
    before, after = points[0].costs[0], points[-1].costs[-1]
    assert after["training"] < before["training"] / 5
    assert after["test"] < data.baseline / 5
    assert points[-1].correct(data)["test"] >= 0.95 * data.Y_test.size
    again = list(networks.checkpoints(data, networks.RECIPE, [point.params for point in points]))
    assert all(np.array_equal(p.params["W1"], q.params["W1"]) for p, q in zip(points, again))


def test_a_checkpoint_is_the_trained_network_to_half_a_step_of_the_grid():
    point = list(networks.checkpoints(networks.breast_cancer(), networks.Recipe((30, 3, 1), 0.5, (0, 5))))[-1]
    for key, V in point.params.items():
        assert np.array_equal(V, np.round(V * 2**20) / 2**20)
        assert np.abs(V - point.reached[key]).max() <= 2.0**-21


def test_the_costs_are_those_before_and_after_each_epoch():
    data, recipe = networks.breast_cancer(), networks.Recipe((30, 3, 1), 0.5, (0, 2))
    first, last = networks.checkpoints(data, recipe)
    once, [cost] = train(data.X, data.Y, recipe.layer_dims, 1, recipe.learning_rate, params=first.params)
    assert first.costs == [data.costs(first.reached)]
    assert last.costs == [data.costs(once), data.costs(last.reached)]
    assert cost == pytest.approx(first.costs[0]["training"], rel=1e-6)  # the checkpoint was rounded
    for name, (X, Y) in data.parts.items():
        AL, _ = forward_prop(X, once)
        assert last.costs[0][name] == pytest.approx(cost_function(AL, Y), rel=1e-12)


def test_the_baseline_says_how_frequent_the_labels_are_and_nothing_else():
    Y, Y_test = np.array([[1.0, 0, 0, 0]]), np.array([[1.0, 0, 0]])
    data = networks.Data(np.zeros((2, 4)), Y, np.zeros((2, 3)), Y_test)
    assert data.baseline == pytest.approx(-(np.log(0.25) + 2 * np.log(0.75)) / 3)


def test_a_training_that_goes_back_is_none():
    with pytest.raises(ValueError, match="in their order"):
        next(networks.checkpoints(networks.breast_cancer(), networks.Recipe((30, 2, 1), 0.5, (5, 3))))
