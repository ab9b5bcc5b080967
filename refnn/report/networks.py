"""The networks on which the reference is checked: drawn from seeds, and trained on real data.

Every machine gets the same bits. Seeded networks are made of the raw output of PCG64, which NumPy keeps stable, by
operations that IEEE 754 rounds correctly. Standardised data and trained parameters are rounded to a grid, far coarser
than the differences between machines.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.resources import as_file
from typing import NamedTuple

import numpy as np

from refnn import cost_function, forward_prop, init_params, logistic_cost, predict, tabular, train
from refnn._shapes import Array, Params
from refnn.gradcheck.faults.probes import Probe
from refnn.report.record import GRID
from refnn.report.resources import DATA

SEEDS = range(50)
DEPTHS, WIDTHS, EXAMPLES = (1, 6), (1, 12), (2, 9)
SCALES = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)

TARGET = "malignant"
PARAMS_GRID = 2.0**-20
PROBES_GRID = 2.0**-30
TEST_FRACTION = 0.25


def seeded(seed: int) -> Probe:
    """The network of a seed: depth, widths, weight scale, parameters, inputs and labels, in this order.

    Each number takes one 64-bit output w of PCG64(seed). An integer from a to b is a + w mod (b - a + 1). A real number
    u in [0, 1) is the upper 53 bits of w, times 2^-53. Weights and biases are scale · (sqrt(3) · (2u - 1)), of standard
    deviation `scale`; inputs are sqrt(3) · (2u - 1). Labels are u for odd seeds, and u rounded to 0 or 1 for even ones.
    """
    bits = np.random.PCG64(seed)

    def whole(least: int, most: int) -> int:
        return least + int(bits.random_raw()) % (most - least + 1)

    def uniform(*shape: int) -> Array:
        return (bits.random_raw(int(np.prod(shape))).reshape(shape) >> np.uint64(11)) * 2.0**-53

    def centred(*shape: int) -> Array:
        return np.asarray(np.sqrt(3.0) * (2 * uniform(*shape) - 1))

    depth = whole(*DEPTHS)
    dims = [whole(*WIDTHS) for _ in range(depth + 1)]
    m = whole(*EXAMPLES)
    scale = SCALES[whole(0, len(SCALES) - 1)]
    params = {}
    for l in range(1, depth + 1):
        params[f"W{l}"] = scale * centred(dims[l], dims[l - 1])
        params[f"b{l}"] = scale * centred(dims[l], 1)
    X, Y = centred(dims[0], m), uniform(dims[-1], m)
    name = f"seed {seed}: {dims}, m = {m}, weight scale {scale:g}"
    return Probe(name, params, X, Y if seed % 2 else np.asarray(np.round(Y)))


def rounded(probe: Probe) -> Probe:
    """The probe with its parameters on a grid, for one of the default probes is scaled by what a BLAS adds up."""
    return probe._replace(params={key: on_grid(V, PROBES_GRID) for key, V in probe.params.items()})


class Data(NamedTuple):
    """Training and test examples, standardised by the training examples and rounded to a grid."""

    X: Array
    Y: Array
    X_test: Array
    Y_test: Array

    @property
    def parts(self) -> dict[str, tuple[Array, Array]]:
        return {"training": (self.X, self.Y), "test": (self.X_test, self.Y_test)}

    @property
    def baseline(self) -> float:
        """The mean test cost of an answer that looks at no feature: how frequent each label is in the training."""
        frequencies = self.Y.mean(axis=1, keepdims=True)
        return float(cost_function(np.repeat(frequencies, self.Y_test.shape[1], axis=1), self.Y_test))

    def costs(self, params: Params) -> dict[str, float]:
        """The mean cost J of each part."""
        last = {name: forward_prop(X, params)[1][-1] for name, (X, _) in self.parts.items()}
        return {name: float(logistic_cost(ZL, self.parts[name][1])) for name, (_, ZL) in last.items()}


class Recipe(NamedTuple):
    """A training by full batches, and the epochs at which it is looked at."""

    layer_dims: tuple[int, ...]
    learning_rate: float
    epochs: tuple[int, ...]


RECIPE = Recipe((30, 16, 8, 1), 0.5, (0, 10, 100, 500))  # before, during and after training


class Checkpoint(NamedTuple):
    """The network after some epochs, with the costs after every epoch since the checkpoint before.

    `params` are `reached` rounded to the grid, and the training goes on from them. The first checkpoint begins with the
    costs before the training.
    """

    epoch: int
    params: Params
    reached: Params
    costs: list[dict[str, float]]

    def probe(self, data: Data) -> Probe:
        name = f"breast cancer: {layer_dims(self.params)}, m = {data.X.shape[1]}, epoch {self.epoch}"
        return Probe(name, self.params, data.X, data.Y)

    def correct(self, data: Data) -> dict[str, int]:
        """The number of labels that the network predicts."""
        return {name: int((predict(X, self.params) == Y).sum()) for name, (X, Y) in data.parts.items()}


def breast_cancer() -> Data:
    """The Wisconsin breast-cancer data, split at random by seed 0."""
    with as_file(DATA) as path:
        table = tabular.read_csv(path, [TARGET])
    training, test = tabular.split(table, TEST_FRACTION, np.random.default_rng(0))
    scale = tabular.scaling(training.X)
    X, X_test = (on_grid(scale(table.X), GRID) for table in (training, test))
    return Data(X, training.Y, X_test, test.Y)


def checkpoints(data: Data, recipe: Recipe, recorded: Sequence[Params] = ()) -> Iterator[Checkpoint]:
    """Train from `init_params` with seed 0, rounding at each checkpoint; or again, from each of the recorded ones."""
    if list(recipe.epochs) != sorted(recipe.epochs):
        raise ValueError(f"epochs are {recipe.epochs}, expected them in their order")
    params = init_params(recipe.layer_dims, rng=0)
    before, costs = 0, [data.costs(params)]
    for k, epoch in enumerate(recipe.epochs):
        for _ in range(before, epoch):
            params, _ = train(data.X, data.Y, recipe.layer_dims, 1, recipe.learning_rate, params=params)
            costs.append(data.costs(params))
        rounded = {key: on_grid(V, PARAMS_GRID) for key, V in params.items()}
        yield Checkpoint(epoch, rounded, params, costs)
        before, costs = epoch, []
        params = recorded[k] if recorded else rounded


def layer_dims(params: Params) -> list[int]:
    return [params["W1"].shape[1], *(V.shape[0] for key, V in params.items() if key[0] == "W")]


def on_grid(V: Array, unit: float) -> Array:
    """The nearest multiples of the unit, a power of two, and of zero the positive: an integer has no other."""
    return np.asarray(np.round(V / unit) * unit + 0.0)
