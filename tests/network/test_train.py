"""train: the article's gradient descent, or by batches; repeats itself from a seed, and learns what it should."""

import io
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_network import X, Y, refusals
from strategies import float_networks, seeds

import refnn
from refnn import tabular

XOR = np.array([[0, 0, 1, 1], [0, 1, 0, 1]]), np.array([[0, 1, 1, 0]])
WDBC = tabular.read_csv(Path(__file__).parents[2] / "proofs/data/wdbc.csv", ["malignant"])


def steps_by_hand(X, Y, params, epochs, lr, batch_size, rng):
    """The article's loop over all examples, or over each batch of them in the order of the shuffle."""
    costs, m = [], X.shape[1]
    for _ in range(epochs):
        order = rng.permutation(m) if batch_size else np.arange(m)
        total = 0
        for first in range(0, m, batch_size or m):
            batch = order[first : first + (batch_size or m)]
            AL, caches = refnn.forward_prop(X[:, batch], params)
            total += len(batch) * refnn.logistic_cost(caches[-1][1], Y[:, batch])
            params = refnn.update_parameters(params, refnn.backprop(AL, Y[:, batch], caches), lr)
        costs.append(total / m)
    return params, costs


@pytest.mark.parametrize("by", ["all examples", "batches"])
@given(float_networks(st.integers(2, 8)), st.data(), seeds)
def test_training_is_the_loop_of_the_article_over_every_example_once_an_epoch(by, network, data, seed):
    """The same bits; the cost up to the order in which its examples are added."""
    params, X, Y = network
    batch_size = data.draw(st.integers(1, X.shape[1]), "batch_size") if by == "batches" else None
    dims = [len(X), *(len(V) for key, V in params.items() if key[0] == "b")]
    trained, costs = refnn.train(X, Y, dims, 3, 0.5, params=params, batch_size=batch_size, rng=seed)
    expected, expected_costs = steps_by_hand(X, Y, params, 3, 0.5, batch_size, np.random.default_rng(seed))
    np.testing.assert_equal(trained, expected)
    assert costs == pytest.approx(expected_costs, rel=1e-14)


def test_the_start_and_the_shuffles_come_from_one_seed():
    X, Y = XOR
    np.testing.assert_equal(refnn.train(X, Y, [2, 3, 1], 0, 0.5, rng=1)[0], refnn.init_params([2, 3, 1], rng=1))
    rng = np.random.default_rng(1)
    expected, _ = steps_by_hand(X, Y, refnn.init_params([2, 3, 1], rng=rng), 5, 0.5, 3, rng)
    np.testing.assert_equal(refnn.train(X, Y, [2, 3, 1], 5, 0.5, batch_size=3, rng=1)[0], expected)


def test_examples_are_shuffled_by_rng():
    X, Y = WDBC.X[:, :50], WDBC.Y[:, :50]
    start = refnn.init_params([30, 4, 1], rng=0)

    def run(rng, params=None):
        return refnn.train(X, Y, [30, 4, 1], 3, 0.1, batch_size=8, rng=rng, params=params)

    np.testing.assert_equal(run(5), run(np.random.default_rng(5)))
    assert not np.array_equal(run(5)[0]["W1"], run(6)[0]["W1"])
    assert not np.array_equal(run(1, start)[0]["W1"], run(2, start)[0]["W1"])


def test_training_goes_on_from_params():
    X, Y = XOR
    whole, costs = refnn.train(X, Y, [2, 4, 1], 20, 0.5, rng=3)
    half, first = refnn.train(X, Y, [2, 4, 1], 10, 0.5, rng=3)
    rest, second = refnn.train(X, Y, [2, 4, 1], 10, 0.5, params=half)
    np.testing.assert_equal(rest, whole)
    assert first + second == costs
    assert refnn.train(X, Y, [2, 4, 1], 0, 0.5, params=half)[1] == []


def test_progress_reports_each_epoch_or_stays_quiet(capsys):
    X, Y = XOR
    calls = []
    _, costs = refnn.train(X, Y, [2, 2, 1], 3, 0.1, rng=0, progress=lambda *call: calls.append(call))
    assert calls == list(enumerate(costs, start=1))
    refnn.train(X, Y, [2, 2, 1], 3, 0.1, progress=True)
    assert capsys.readouterr() == ("", "")


def test_progress_shows_a_bar_on_a_terminal_if_tqdm_is_there(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    refnn.train(*XOR, [2, 2, 1], 3, 0.1, progress=True)
    assert "training" in terminal.getvalue()
    shown = terminal.getvalue()
    monkeypatch.setitem(sys.modules, "tqdm", None)
    assert len(refnn.train(*XOR, [2, 2, 1], 3, 0.1, progress=True)[1]) == 3
    assert terminal.getvalue() == shown


@pytest.mark.parametrize("dims", [[2, 4, 1], [2, 4, 4, 1], [2, 4, 4, 4, 1]], ids=str)
def test_xor_is_learned_from_xavier_and_stalls_from_the_article_s_scale(dims):
    X, Y = XOR
    params, costs = refnn.train(X, Y, dims, 2000, 3.0, rng=3)
    assert np.array_equal(refnn.predict(X, params), Y)
    assert costs[-1] < 0.01
    if len(dims) > 3:  # three layers of weights or more: the cost never leaves log 2, that of a guess
        small = refnn.init_params(dims, scale=0.01, rng=3)
        _, costs = refnn.train(X, Y, dims, 2000, 3.0, params=small)
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


def test_every_misfit_of_a_training_is_said():
    with pytest.raises(ValueError, match="epochs") as refusal:
        train(epochs=-1, lr=np.nan, batch_size=0)
    assert len(str(refusal.value).splitlines()) == 3


def train(**options):
    return refnn.train(**{"X": X, "Y": Y, "layer_dims": [4, 3, 2], "epochs": 1, "lr": 0.1, **options})


test_bad_input_is_refused_in_words = refusals(
    (lambda: train(lr=-0.1), ValueError, "lr is -0.1, expected a positive finite number"),
    (lambda: train(lr=True), TypeError, "lr is True (bool), expected a number"),
    (lambda: train(epochs=-1), ValueError, "epochs is -1, expected an integer of at least 0"),
    (lambda: train(epochs=1.5), TypeError, "epochs is 1.5 (float), expected an integer"),
    (lambda: train(batch_size=0), ValueError, "batch_size is 0, expected an integer from 1 to 5"),
    (lambda: train(batch_size=6), ValueError, "batch_size is 6, expected an integer from 1 to 5"),
    (
        lambda: train(Y=Y[:, 1:]),
        ValueError,
        "Y has shape (2, 4), expected (2, 5): one label for each output and example",
    ),
    (
        lambda: train(layer_dims=[3, 2]),
        ValueError,
        "X has shape (4, 5), expected (3, m): layer_dims starts with 3 inputs",
    ),
    (
        lambda: train(params=refnn.init_params([4, 2, 2])),
        ValueError,
        "params['W1'] has shape (2, 4), expected (3, 4): layer 1 takes 4 units to 3",
    ),
    (lambda: train(progress="bar"), TypeError, "progress is 'bar' (str), expected True, None or a callable"),
    (lambda: train(optimizer="adam"), TypeError, "unexpected keyword argument 'optimizer'"),
)
