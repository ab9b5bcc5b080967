"""Training is the article's gradient descent, or stochastic, repeats itself from a seed, and learns what it should."""

import io
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import refnn
from refnn import tabular

XOR = np.array([[0, 0, 1, 1], [0, 1, 0, 1]]), np.array([[0, 1, 1, 0]])
WDBC = tabular.read_csv(Path(__file__).parents[2] / "proofs/data/wdbc.csv", ["malignant"])


def equal(params, others):
    return all(np.array_equal(V, others[key]) for key, V in params.items())


def test_full_batch_training_is_the_article_s_loop():
    X, Y = XOR
    params = start = refnn.init_params([2, 3, 1], rng=1)
    costs = []
    for _ in range(5):
        AL, caches = refnn.forward_prop(X, params)
        costs.append(refnn.logistic_cost(caches[-1][1], Y))
        params = refnn.update_parameters(params, refnn.backprop(AL, Y, caches), 0.5)
    trained, history = refnn.train(X, Y, [2, 3, 1], 5, 0.5, params=start)
    assert equal(trained, params)
    assert history == costs
    assert equal(refnn.train(X, Y, [2, 3, 1], 5, 0.5, rng=1)[0], params)


@given(st.integers(1, 12), st.data())
def test_every_example_is_used_once_an_epoch(m, data):
    """Each example has its own number for input, so that a spy on the forward pass sees which ones a batch holds."""
    batch_size = data.draw(st.integers(1, m), "batch_size")
    seen = []

    def spy(X, params):
        seen.append(X[0].tolist())
        return forward(X, params)

    forward = refnn.network.forward_prop
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("refnn.network.forward_prop", spy)
        refnn.train([range(m)], [[1] * m], [1, 1], 2, 1e-3, batch_size=batch_size, rng=0)
    sizes = [len(batch) for batch in seen]
    batches = -(-m // batch_size)
    assert sizes == 2 * ([batch_size] * (batches - 1) + [m - batch_size * (batches - 1)])
    for epoch in (seen[:batches], seen[batches:]):
        assert sorted(x for batch in epoch for x in batch) == list(range(m))


def test_examples_are_shuffled_by_rng():
    X, Y = WDBC.X[:, :50], WDBC.Y[:, :50]

    def run(rng, batch_size=8):
        return refnn.train(X, Y, [30, 4, 1], 3, 0.1, batch_size=batch_size, rng=rng)

    assert equal(run(5)[0], run(5)[0])
    assert run(5)[1] == run(np.random.default_rng(5))[1]
    assert not equal(run(5)[0], run(6)[0])
    start = refnn.init_params([30, 4, 1], rng=0)
    orders = [refnn.train(X, Y, [30, 4, 1], 3, 0.1, batch_size=8, rng=rng, params=start)[0] for rng in (1, 2)]
    assert not equal(*orders)


def test_the_cost_of_an_epoch_is_the_mean_over_its_examples():
    X, Y = XOR
    params = refnn.init_params([2, 3, 1], rng=1)
    _, caches = refnn.forward_prop(X, params)
    J = refnn.logistic_cost(caches[-1][1], Y)
    for batch_size in (1, 3, 4):  # so small a step that every batch sees the parameters of the start
        _, history = refnn.train(X, Y, [2, 3, 1], 1, 1e-30, params=params, batch_size=batch_size, rng=0)
        assert history == [pytest.approx(J, rel=1e-14)]


def test_training_goes_on_from_params():
    X, Y = XOR
    whole, costs = refnn.train(X, Y, [2, 4, 1], 20, 0.5, rng=3)
    half, first = refnn.train(X, Y, [2, 4, 1], 10, 0.5, rng=3)
    rest, second = refnn.train(X, Y, [2, 4, 1], 10, 0.5, params=half)
    assert equal(rest, whole)
    assert first + second == costs
    assert refnn.train(X, Y, [2, 4, 1], 0, 0.5, params=half)[1] == []


def test_progress_reports_each_epoch_or_stays_quiet(capsys):
    X, Y = XOR
    calls = []
    _, costs = refnn.train(X, Y, [2, 2, 1], 3, 0.1, rng=0, progress=lambda *call: calls.append(call))
    assert calls == list(enumerate(costs, start=1))
    refnn.train(X, Y, [2, 2, 1], 3, 0.1, progress=True)
    assert capsys.readouterr() == ("", "")


def test_progress_shows_a_bar_on_a_terminal(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    refnn.train(*XOR, [2, 2, 1], 3, 0.1, progress=True)
    assert "training" in terminal.getvalue()
    monkeypatch.setitem(sys.modules, "tqdm", None)
    with pytest.raises(ImportError, match=r'a progress bar needs tqdm: pip install "refnn\[report\]"'):
        refnn.train(*XOR, [2, 2, 1], 3, 0.1, progress=True)


@pytest.mark.parametrize("dims", [[2, 4, 1], [2, 4, 4, 1], [2, 4, 4, 4, 1]])
def test_xor_is_learned_from_xavier_and_stalls_from_the_article_s_scale(dims):
    X, Y = XOR
    params, costs = refnn.train(X, Y, dims, 2000, 3.0, rng=3)
    assert np.array_equal(refnn.predict(X, params), Y)
    assert costs[-1] < 0.01
    small = refnn.init_params(dims, scale=0.01, rng=3)
    params, costs = refnn.train(X, Y, dims, 2000, 3.0, params=small)
    if len(dims) > 3:  # three layers of weights or more: the cost never leaves log 2, that of a guess
        assert abs(costs[-1] - np.log(2)) < 1e-6


@pytest.mark.parametrize("batch_size", [None, 32])
def test_real_data_is_learned(batch_size):
    training, test = tabular.split(WDBC, 0.25, np.random.default_rng(1))
    scale = tabular.scaling(training.X)
    epochs, lr = (300, 2.0) if batch_size is None else (60, 0.5)
    params, costs = refnn.train(scale(training.X), training.Y, [30, 16, 8, 1], epochs, lr, batch_size=batch_size, rng=1)
    assert costs[-1] < costs[0]
    assert (refnn.predict(scale(test.X), params) == test.Y).mean() >= 0.95


def test_the_article_s_scale_stays_at_chance_on_real_data():
    X, Y = tabular.scaling(WDBC.X)(WDBC.X), WDBC.Y
    small = refnn.init_params([30, 16, 8, 4, 1], scale=0.01, rng=1)
    params, _ = refnn.train(X, Y, [30, 16, 8, 4, 1], 200, 1.0, params=small)
    assert (refnn.predict(X, params) == 0).all()  # one answer for every tumour
