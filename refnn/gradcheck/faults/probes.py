"""Networks on which a wrong backprop shows, and the test whether a given network is one of them.

A gradient check at a badly chosen point passes wrong code: with one example nobody misses the mean over examples, with
zero weights nearly everything vanishes, and a dW transposed by mistake has the right shape only where W is square.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from refnn import _shapes
from refnn._shapes import Array
from refnn.gradcheck.faults.catalogue import FAULTS
from refnn.gradcheck.faults.lines import Params, as_floats, backprop, forward

ARTICLE_SCALE = 0.01
# The largest |Z_L|. At 20 the usual formulas have half their digits left, and every fault still shows; at 30 a clip at
# 1e-12 takes hold, and little else can be told; from 37 on A_L rounds to 1, and most people's code divides by zero.
SATURATED, CERTAIN = 20.0, 30.0
# A fault shows if it moves some gradient by more than this, relative to the gradient: half-way, in digits, between the
# roundoff of float64 and that of float32, which is the smallest fault there is.
SHOWS = float(np.sqrt(np.finfo(np.float64).eps * np.finfo(np.float32).eps))


class Probe(NamedTuple):
    """A network and its data, on which to try a gradient."""

    name: str
    params: dict[str, Array]
    X: Array
    Y: Array


def default_probes(
    layer_dims: Sequence[int] | None = None, *, examples: int | None = None, seed: int = 0
) -> tuple[Probe, ...]:
    """Return networks on which every fault of the catalogue shows, wherever it can be made at all.

    Parameters
    ----------
    layer_dims : sequence of int, optional
        Take these widths for all of them; faults that such a network cannot have (a transposed dW, without a square
        layer) are then not looked for.
    examples : int, optional
        Take so many examples, m, for all of them. With one, every probe is blind.
    seed : int
        The same seed gives the same networks.

    Returns
    -------
    tuple of Probe
        In float64: a generic network with soft labels, square layers, one output, no hidden layer, a deep and narrow
        network, two saturated ones whose labels contradict them, and a deep one with the article's initialisation.
    """
    if layer_dims is not None:
        layer_dims = _shapes.widths(layer_dims)
    if examples is not None:
        examples = _shapes.whole("examples", examples, 1)
    rng = np.random.default_rng(seed)

    def probe(name: str, dims: Sequence[int], m: int, scale: float = 1.0, *, soft: bool = False) -> Probe:
        return random_probe(rng, layer_dims or dims, examples or m, scale, soft=soft)._replace(name=name)

    return (
        probe("generic, soft labels", (4, 6, 5, 3), 7, soft=True),
        probe("square layers", (3, 3, 3, 3), 5, 1.5),
        probe("one output", (5, 4, 1), 8),
        probe("no hidden layer", (4, 3), 6),
        probe("deep and narrow", (2, 2, 2, 2, 2, 2, 2), 4, 2.0),
        _saturate(probe("saturated", (4, 5, 3), 9, 5.0), SATURATED),
        _saturate(probe("certain, and wrong", (3, 4, 2), 6), CERTAIN),
        probe("the article's initialisation", (6, 5, 4, 4, 3, 2), 5, ARTICLE_SCALE),
    )


def random_probe(rng: np.random.Generator, dims: Sequence[int], m: int, scale: float, *, soft: bool) -> Probe:
    """A network without a name: parameters of a scale, inputs of scale 1, labels from 0 to 1, or only 0 and 1."""
    params = {}
    for l in range(1, len(dims)):
        params[f"W{l}"] = scale * rng.standard_normal((dims[l], dims[l - 1]))
        params[f"b{l}"] = scale * rng.standard_normal((dims[l], 1))
    Y = rng.random((dims[-1], m))
    return Probe("", params, rng.standard_normal((dims[0], m)), Y if soft else np.round(Y))


def _saturate(probe: Probe, limit: float) -> Probe:
    """Stretch the first output to |Z_L| = limit, and let its labels contradict it."""
    top = len(probe.params) // 2
    run = forward(*as_floats(probe.params, probe.X, probe.Y))
    Z = np.log(run.A[-1][0]) - np.log(run.S[-1][0])
    params, Y = {key: V.copy() for key, V in probe.params.items()}, probe.Y.copy()
    for key in (f"W{top}", f"b{top}"):
        params[key][0] *= limit / np.max(np.abs(Z))
    Y[0] = Z < 0
    return probe._replace(params=params, Y=Y)


def blindness(params: Params, X: Array, Y: Array) -> str | None:
    """Why a check at this point could not have seen some fault.

    None if every fault of the catalogue that such a network can have changes the gradient here.
    """
    return next(_reasons(*as_floats(params, X, Y)), None)


def _reasons(params: Params, X: Array, Y: Array) -> Iterator[str]:
    if X.shape[1] == 1:
        yield "one example: a mean over examples that is missing, or a sum over them, would not show"
    elif np.all(X == X[:, :1]):
        yield "all columns of X are equal: a gradient that takes one example for all would not show"
    for l in range(1, len(params) // 2 + 1):
        if not params[f"W{l}"].any():
            yield f"W{l} is zero: whatever passes through it would not show"
    right = backprop(params, X, Y)
    for key, value in right.items():
        if not value.any():
            yield f"{key} is zero here or rounds to it: a wrong factor or a wrong sign would not show"
    for fault in FAULTS.values():
        dA_alone = fault.name == "article-dA-convention"  # shows on every network, to those who return dA
        if fault.applies(params, X, Y) and not dA_alone and not _shows(fault.gradient(params, X, Y), right):
            yield f"{fault.name} would change nothing here: {fault.summary} ({fault.equation})"


def _shows(faulty: Mapping[str, Any], right: Mapping[str, Array]) -> bool:
    """Whether a gradient that every implementation returns is changed."""
    parameters = (key for key in right if not key.startswith("dA"))
    return any(np.max(np.abs(faulty[key] - right[key])) > SHOWS * np.max(np.abs(right[key])) for key in parameters)
