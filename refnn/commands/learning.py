"""What `refnn train` computes: a network trained on one part of a table, and how well it does on another.

A baseline is the best answer that looks at no feature, made of the training labels alone: the most frequent class, or
the mean.
"""

import contextlib
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from threading import Event
from typing import NamedTuple

import numpy as np

from refnn import _declaration, cost_function, init_params, logistic_cost, softmax_cost, tabular, train
from refnn._progress import bar
from refnn._shapes import Array, Number
from refnn.commands import warn
from refnn.commands.saved import Trained, standard
from refnn.tabular import Scaling, Table

RATES = {"sigmoid": 0.5, "softmax": 0.5, "identity": 0.1}  # of learning, by the output
LIKE_RELU = ("relu", "leaky_relu", "silu")  # pass on about half of what they get, for which He's scale makes up
COST_FROM_Z: dict[str, Callable[[Array, Array], Number]] = {
    "sigmoid": logistic_cost,
    "softmax": softmax_cost,
    "identity": partial(cost_function, output="identity"),
}


class Curves(NamedTuple):
    """The mean costs J before the training and after each epoch, and the baseline's on the test examples."""

    training: list[float]
    test: list[float]
    baseline: float


class Fit(NamedTuple):
    """How near the answers come to one measured target, in its units."""

    r_squared: float  # the part of the variance that they explain; NaN where there is none
    error: float  # root mean square
    baseline: float  # the same of the training mean


def choose_output(table: Table, asked: str | None) -> str:
    """The output that was asked for, or the one for these classes."""
    counts = dict(zip(table.targets, map(len, table.classes)))
    for target in table.targets:
        if counts[target] and (probability := f"{target}_probability") in counts:
            said = f"the column that refnn predict makes of {target!r} beside it"
            raise ValueError(f"the target {probability!r} has the name of {said}: rename it")
    more = [target for target, count in counts.items() if count > 2]
    output = asked or ("softmax" if more and len(counts) == 1 else "sigmoid")
    if output == "sigmoid" and more:
        said = "several targets take" if len(counts) > 1 else "--output sigmoid takes"
        raise ValueError(f"{said} two classes each, but {more[0]!r} has {counts[more[0]]}")
    if output == "softmax" and len(counts) > 1:
        raise ValueError(f"--output softmax takes one target, but --target names {len(counts)}")
    return output


def weight_scale(hidden: tuple[str, ...]) -> str:
    return "he" if hidden and all(name.startswith(LIKE_RELU) for name in hidden) else "xavier"


def untrained(
    table: Table, output: str, hidden: str | list[str], layer_dims: list[int] | None, rng: np.random.Generator
) -> Trained:
    """A network that takes these features to these targets, with random weights."""
    inputs = len(table.features)
    outputs = len(table.classes[0]) if output == "softmax" else len(table.targets)
    dims = layer_dims or [inputs, 16, 8, outputs]
    if len(dims) < 2 or (dims[0], dims[-1]) != (inputs, outputs):
        raise ValueError(f"--layer-dims is {dims}, expected [{inputs}, …, {outputs}], from the features to the outputs")
    words = _declaration.hidden(hidden, len(dims) - 2)
    names = tuple(map(str, _declaration.each_layer(words, len(dims) - 2)))
    return Trained(
        params=init_params(dims, scale=weight_scale(names), rng=rng),
        hidden=names,
        output=output,
        features=table.features,
        targets=table.targets,
        classes=table.classes,
        scaling=_scaling(table.features, table.X),
        units=_scaling(table.targets, table.Y) if output == "identity" else tabular.no_scaling(len(table.Y)),
    )


def _scaling(columns: tuple[str, ...], V: Array) -> Scaling:
    """`tabular.scaling`; a ValueError names a column whose deviation is too small to divide by."""
    found = tabular.scaling(V)
    least = np.finfo(float).tiny  # a smaller number has lost digits, or is 0
    for column, values, (deviation,) in zip(columns, V, found.deviation):
        if deviation < least:
            runs = f"column {column!r} runs from {values.min():g} to {values.max():g}"
            raise ValueError(f"{runs}, with a deviation of {deviation:g}: expected one of at least {least:g}")
    return found


def learn(
    network: Trained,
    training: Table,
    test: Table,
    epochs: int,
    lr: float,
    batch_size: int | None,
    rng: np.random.Generator,
) -> tuple[Trained, Curves]:
    """`refnn.train`, an epoch at a time, with a look at both parts after each; Ctrl-C makes an epoch the last."""
    X, Y = standard(network.features, network.scaling, training.X), _labels(network, training.Y)
    hidden = ",".join(network.hidden)
    fit = partial(train, X, Y, network.layer_dims, hidden=network.hidden, output=network.output)

    def go(network: Trained, epochs: int) -> Trained:
        params, _ = fit(epochs, lr, batch_size=batch_size, rng=rng, params=network.params)
        return replace(network, params=params)

    go(network, 0)  # refuses what cannot be used
    curves = Curves([], [], _baseline_cost(network, training, test))

    def look(network: Trained) -> None:
        for costs, part in ((curves.training, training), (curves.test, test)):
            costs.append(_cost(network, part))
            if not np.isfinite(costs[-1]):
                raise OverflowError

    try:
        look(network)
    except OverflowError:
        said = "the costs before the training leave the range of floats, expected other activations"
        raise ValueError(f"--hidden is {hidden}: {said}") from None
    with _ctrl_c() as pressed:
        for epoch in bar(range(1, epochs + 1), "training"):
            try:
                network = go(network, 1)
                look(network)
            except (ValueError, OverflowError):  # of numbers that are infinite or none at all
                said = f"--lr is {lr}: epoch {epoch} left the range of floats, expected a lower rate"
                raise ValueError(f"{said}, or other activations than --hidden {hidden}") from None
            if pressed.is_set():
                break
    return network, curves


@contextlib.contextmanager
def _ctrl_c() -> Iterator[Event]:
    """An event that Ctrl-C sets; pressed again, it interrupts as always."""
    pressed = Event()

    def press(*_: object) -> None:
        pressed.set()
        signal.signal(signal.SIGINT, before)
        warn("refnn: stopping after this epoch; Ctrl-C again leaves at once, without saving")

    before = signal.getsignal(signal.SIGINT)
    if before is signal.default_int_handler:  # not in the background, where a shell has it ignored
        signal.signal(signal.SIGINT, press)
    try:
        yield pressed
    finally:
        signal.signal(signal.SIGINT, before)


def accuracy(network: Trained, part: Table, training: Table) -> tuple[int, int]:
    """On how many examples every target is right, and on how many the baseline's."""
    said, _ = network.answer(part.X)
    baseline = (part.Y == most_frequent(training.Y)).all(axis=0)
    return int((said == part.Y).all(axis=0).sum()), int(baseline.sum())


def fits(network: Trained, part: Table, training: Table) -> list[Fit]:
    """One Fit for each target, computed of standardised numbers, whose squares cannot overflow."""
    said, _ = network.forward(part.X)
    Y, mean = _labels(network, part.Y), _labels(network, training.Y).mean(axis=1, keepdims=True)
    error, baseline, spread = (
        np.sqrt(((Y - answer) ** 2).mean(axis=1)) for answer in (said, mean, Y.mean(axis=1, keepdims=True))
    )
    r_squared = 1 - (error / np.where(spread > 0, spread, np.nan)) ** 2
    unit = network.units.deviation[:, 0]
    return [Fit(*map(float, found)) for found in zip(r_squared, error * unit, baseline * unit)]


def most_frequent(Y: Array) -> Array:
    """The column that Y has most often, (n, 1)."""
    columns, counts = np.unique(Y, axis=1, return_counts=True)
    return np.asarray(columns[:, [counts.argmax()]])


def _labels(network: Trained, Y: Array) -> Array:
    """The targets as the cost takes them, (n_L, m)."""
    if network.output == "softmax":
        return np.asarray(np.arange(len(network.classes[0]))[:, None] == Y, float)
    return standard(network.targets, network.units, Y)


def _cost(network: Trained, part: Table) -> float:
    _, ZL = network.forward(part.X)
    return float(COST_FROM_Z[network.output](ZL, _labels(network, part.Y)))


def _baseline_cost(network: Trained, training: Table, test: Table) -> float:
    """Of the frequencies of the training labels as probabilities, or of the mean."""
    mean = _labels(network, training.Y).mean(axis=1, keepdims=True)
    AL = np.repeat(mean, test.X.shape[1], axis=1)
    return float(cost_function(AL, _labels(network, test.Y), output=network.output))
