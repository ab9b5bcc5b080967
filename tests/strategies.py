"""What the tests draw from: networks over the finite field and in floats, and declarations.

The widths are those of the published `refnn.testing.layer_dims`, of which two neighbours are equal, so that no
transpose is seen by its shape alone. It leaves out networks of width 1 throughout; `ONE_UNIT` is the example of those.
"""

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

from refnn import _declaration
from refnn.numbers import random_point
from refnn.testing import layer_dims

ONE_UNIT = [1, 1]
ACTIVATIONS = [*_declaration.ACTIVATIONS, "leaky_relu(0.2)"]
OUTPUTS = ["sigmoid", "softmax"] + [(word, cost) for word in ACTIVATIONS for cost in _declaration.COSTS[1:]]
seeds = st.integers(0, 2**32 - 1)
examples = st.integers(1, 5)
few = settings(max_examples=max(1, settings().max_examples // 5))  # where each takes long

# Declared networks: the article's, and as few more as will do for each fault of the catalogue to be possible on one.
DECLARATIONS = (
    {},
    {"hidden": "relu", "output": "softmax", "l1": 0.01, "l2": 0.1},
    {"hidden": "leaky_relu", "output": ("tanh", "squared_error"), "reduction": "sum"},
    {"hidden": "tanh", "output": "silu"},
)


def shapes(dims, m):
    """The shape of every W, b, X and Y."""
    layers = {}
    for l in range(1, len(dims)):
        layers |= {f"W{l}": (dims[l], dims[l - 1]), f"b{l}": (dims[l], 1)}
    return {**layers, "X": (dims[0], m), "Y": (dims[-1], m)}


def field_network(dims, m, seed):
    """params, X and Y, uniform over the field, where laws hold with tolerance zero."""
    return _with_data(random_point({name: np.empty(shape) for name, shape in shapes(dims, m).items()}, seed=seed))


def float_network(dims, m, seed, *, scale=1.0, hard=False, dtype=np.float64):
    """params of a scale, X of scale 1, and labels from 0 to 1, or only 0 and 1."""
    rng = np.random.default_rng(seed)
    values = {name: rng.standard_normal(shape) for name, shape in shapes(dims, m).items()}
    values = {name: V if name == "X" else scale * V for name, V in values.items()}
    values["Y"] = rng.random(values["Y"].shape)
    if hard:
        values["Y"] = values["Y"].round()
    return _with_data({name: V.astype(dtype) for name, V in values.items()})


def _with_data(params):
    X, Y = params.pop("X"), params.pop("Y")
    return params, X, Y


field_networks = st.builds(field_network, layer_dims(max_width=4), examples, seeds)


def float_networks(examples=examples, **options):
    return st.builds(float_network, layer_dims(), examples, seeds, **options)
