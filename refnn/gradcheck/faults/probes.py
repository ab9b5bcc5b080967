"""Networks on which a wrong backprop shows, and the test whether a given network is one of them.

A gradient check at a badly chosen point passes wrong code: with one example nobody misses the mean over examples, with
zero weights nearly everything vanishes, and a dW transposed by mistake has the right shape only where W is square.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from refnn import _shapes
from refnn._printing import shown
from refnn._shapes import Array
from refnn.gradcheck import formulas
from refnn.gradcheck.declaration import ARTICLE, Declaration
from refnn.gradcheck.faults.catalogue import FAULTS
from refnn.gradcheck.faults.lines import Grads, Params, backprop, by_layers, forward

ARTICLE_SCALE = 0.01
# The largest |Z_L| of saturated networks. At 20 the usual formulas have half of their digits, and every fault still
# shows. At 30 a clip at 1e-12 shows, and little else. From 37 on A_L rounds to 1, and most people's code divides by 0.
SATURATED, CERTAIN = 20.0, 30.0
FAR = 35.0  # |Z| of a hidden unit beyond which σ and tanh are flat
UNCUT = 19.0  # the largest Z for softplus: above 20 PyTorch's is Z itself, and off by 2e-9
# A fault shows if it changes some gradient by more than this share of it. In digits this is half-way between the
# roundoff of float64 and that of float32, which is the smallest fault that is looked for.
SHOWS = float(np.sqrt(np.finfo(np.float64).eps * np.finfo(np.float32).eps))
MILD = 2.9  # |Z| up to which even σ loses no more than a digit; at 3 hard activations have their kink
TAME = 10.0  # the largest |Z| of activations without a bound: exp is far from an overflow, in float32 too
AWAY = 1e-4  # the least distance of Z from a kink, unless a kink is meant: float32 does not round as far
LARGE = 64.0  # the factor by which inputs that are not standardised may be larger
ONE_EXAMPLE = "one example: a mean over examples that is missing, or a sum over them, would not show"
SOFTPLUS = formulas.activation("softplus")
DRAWS = 200  # in search of a network on which every fault shows
ALIKE = 20  # the same fault unseen in so many of them: it never shows, and the search ends


class Probe(NamedTuple):
    """A network and its data, on which to try a gradient."""

    name: str
    params: dict[str, Array]
    X: Array
    Y: Array


def default_probes(
    layer_dims: Sequence[int] | None = None,
    *,
    m: int | None = None,
    seed: int = 0,
    declaration: Declaration = ARTICLE,
    mild: bool = False,
) -> tuple[Probe, ...]:
    """Return networks, each drawn anew until every fault of the catalogue shows on it that can be made on it, or until
    enough were drawn.

    Parameters
    ----------
    layer_dims : sequence of int, optional
        Take these widths for all of them; faults that such a network cannot have (a transposed dW, without a square
        layer) are then not looked for.
    m : int, optional
        Take so many examples for all of them. With one, every probe is blind.
    seed : int
        The same seed gives the same networks.
    declaration : Declaration
        The network to which they belong.
    mild : bool
        Only those on which no formula loses digits: whatever the activations are, no |Z| grows beyond MILD. The first
        draw of each is taken, whatever shows on it.

    Returns
    -------
    tuple of Probe
        In float64: a generic network with soft labels, one with square layers, with one output (two of a softmax),
        without a hidden layer, deep and narrow, saturated with labels that contradict it, or agree, with the article's
        initialisation; and some that are each there for one thing: many examples, and only one; a wide layer; eight
        layers; as many examples as units; X as it comes from a table; a hidden layer far from 0 and, if the activation
        has a kink, units exactly there. Not all of them are there for activations of the user's own.
    """
    if layer_dims is not None:
        layer_dims = _shapes.widths(layer_dims)
    declaration.check_layers(None if layer_dims is None else len(layer_dims) - 1)
    if m is not None:
        m = _shapes.whole("m", m, 1)
    rng = np.random.default_rng(seed)
    fewest, outputs = (2, "two outputs") if declaration.output[0] == "softmax" else (1, "one output")  # as makes sense
    own = not declaration.known  # activations of the user's own, at whose |Z| nothing can be aimed
    shallow = layer_dims is not None and len(layer_dims) == 2

    def probe(
        name: str, dims: Sequence[int], examples: int, scale: float = 1.0, *, soft: bool = False, unless: object = None
    ) -> Probe:
        """One of these networks, under its name unless that is not true of it."""
        dims, examples = layer_dims or dims, m or examples
        _shapes.refuse_beyond_memory(
            f"a network of widths {list(dims)} on m = {shown(examples)} examples", sum(dims) * examples
        )
        if unless:
            name = f"m = {examples}, weights of size {scale:g}"
        if soft and declaration.labels == "soft":
            name += ", soft labels"
        unseen = set[str]()
        for draw in range(1, DRAWS + 1):
            found = random_probe(rng, dims, examples, scale, soft, declaration)
            if mild or (reason := _unseen(*found[1:], declaration)) is None:  # all show that can with so many examples
                break
            unseen.add(reason)
            if draw == ALIKE and len(unseen) == 1:
                break
        if mild:
            _tame(found.params, found.X, [lambda Z: Z] * len(dims), MILD)
        return found._replace(name=name)

    def fading(*words: Any, **more: Any) -> list[Probe]:
        """The same, but none for activations of the user's own: signals fade, and their witnesses see too little."""
        return [] if own else [probe(*words, **more)]

    first = (
        probe("generic", (4, 6, 5, 3), 7, soft=True),
        probe("square layers", (3, 3, 3, 3), 5, 1.5, unless=layer_dims),
        probe(outputs, (5, 4, fewest), 8, unless=layer_dims),
        probe("no hidden layer", (3, 4), 6, unless=layer_dims),
    )
    if mild:
        large = probe("many examples", (5, 4, 3), 70, unless=m), probe("a wide layer", (3, 70, 2), 5, unless=layer_dims)
        return (*first, *large)
    kinked = any(g.kinked for g in declaration.activations(2))
    return (
        *first,
        *fading("deep and narrow", (2, 2, 2, 1, 2, 2, 2), 4, 2.0, unless=layer_dims),
        _saturate(probe("saturated", (4, 5, 3), 9, 5.0, unless=own), SATURATED, declaration),
        _saturate(probe("far on the wrong side", (3, 4, 2), 6, unless=own), CERTAIN, declaration),
        _saturate(probe("saturated on the right side", (4, 3, 2), 6, unless=own), SATURATED, declaration, right=True),
        *fading("the article's initialisation", (6, 5, 4, 4, 3, 2), 5, ARTICLE_SCALE),
        probe("many examples", (5, 4, 3), 70, unless=m),
        probe("one example", (3, 4, 2), 1, unless=m),
        probe("a wide layer", (3, 70, 2), 5, unless=layer_dims),
        *fading("eight layers", (4, 5, 3, 4, 5, 4, 3, 4, 2), 6, 1.5, unless=layer_dims),
        probe("as many examples as units", (4, 4, 4), 4, soft=True, unless=layer_dims or m),
        _raw(probe("zeros, repetitions and large numbers in X", (4, 5, 3), 6)),
        _far(probe("a hidden layer far from 0", (4, 5, 4, 2), 6, unless=own or shallow), declaration),
        *([_at_kink(probe("exactly at a kink", (3, 4, 2), 5))] if kinked else []),
    )


def random_probe(
    rng: np.random.Generator,
    dims: Sequence[int],
    m: int,
    scale: float,
    soft: bool = False,  # as the labels are
    declaration: Declaration = ARTICLE,
) -> Probe:
    """A network without a name: parameters of a scale, or smaller where |Z| would be too large, inputs of scale 1, and
    labels, soft or hard."""
    params = {}
    for l in range(1, len(dims)):
        params[f"W{l}"] = scale * rng.standard_normal((dims[l], dims[l - 1]))
        b = scale * rng.standard_normal((dims[l], 1))
        params[f"b{l}"] = b if declaration.bias else np.zeros_like(b)
    X = rng.standard_normal((dims[0], m))
    _tame(params, X, *_growing(declaration, len(dims) - 1))
    Y = random_labels(rng, dims[-1], m, soft and declaration.labels == "soft", declaration)
    found = Probe("", params, X, Y)
    return found if _away(found, declaration) else random_probe(rng, dims, m, scale, soft, declaration)


def _growing(declaration: Declaration, L: int) -> tuple[list[Callable[[Array], Array]], float]:
    """The activations of all layers, and how large |Z| may be: without a limit where they are bounded."""
    limit = math.inf if all(g.bounded for g in declaration.activations(L)) else TAME
    return [g.value for g in declaration.layers(L)], limit


def _tame(
    params: dict[str, Array], X: Array, activations: Sequence[Callable[[Array], Array]], limit: float, first: int = 1
) -> None:
    """Shrink the layers in place to |Z| <= limit, from the `first` that may be changed on."""
    A = X
    for l in range(1, len(params) // 2 + 1):
        Z = params[f"W{l}"] @ A + params[f"b{l}"]
        largest = np.abs(Z).max()
        share = limit / largest if l >= first and largest > limit else 1.0
        params[f"W{l}"] *= share
        params[f"b{l}"] *= share
        A = activations[l - 1](Z * share)


def random_labels(rng: np.random.Generator, n_L: int, m: int, soft: bool, declaration: Declaration) -> Array:
    """From 0 to 1, or 0 and 1; of a softmax each column a distribution; of another squared error any numbers."""
    last, cost = declaration.output
    Y = rng.random((n_L, m))
    if _one_of_many(n_L, declaration):
        return Y / Y.sum(axis=0) if soft else np.asarray(Y == Y.max(axis=0), np.float64)
    if cost != "cross_entropy" and last != "sigmoid" and declaration.labels == "soft":
        return 2 * Y - 1 if last == "tanh" else np.asarray(4 * Y - 2)
    return Y if soft else np.asarray(np.round(Y))


def _one_of_many(n_L: int, declaration: Declaration) -> bool:
    """Whether the label of each example names one class."""
    labels, (last, cost) = declaration.labels, declaration.output
    classes = labels == "classes" or (labels == "onehot" and cost != "cross_entropy")
    return last == "softmax" or (classes and n_L > 1)


def _away(probe: Probe, declaration: Declaration) -> bool:
    """Whether no unit is so near to a kink that rounding decides on which side it stands."""
    if not declaration.known:
        return True
    run = forward(*probe[1:], declaration)
    layers = zip(declaration.layers(run.L), run.Z[1:], strict=True)
    return all(not g.kinked or bool((np.abs(Z) > AWAY * np.abs(Z).max()).all()) for g, Z in layers)


def _saturate(probe: Probe, limit: float, declaration: Declaration, *, right: bool = False) -> Probe:
    """Stretch the first output to |Z_L| = limit, unless it is 0, and let labels of a cross-entropy contradict it, or
    agree."""
    if not declaration.known:
        return probe
    top = len(probe.params) // 2
    run = forward(*probe[1:], declaration)
    params, Y = {key: V.copy() for key, V in probe.params.items()}, probe.Y.copy()
    farthest = np.max(np.abs(run.Z[-1][0])) or limit
    for key in (f"W{top}", f"b{top}"):
        params[key][0] *= limit / farthest
    ZL = params[f"W{top}"] @ run.A[-2] + params[f"b{top}"]
    if declaration.output[1] == "cross_entropy":
        if _one_of_many(len(Y), declaration):
            Y = np.asarray(ZL == (ZL.max(axis=0) if right else ZL.min(axis=0)), np.float64)
        else:
            Y[0] = (ZL[0] > 0) == right
    return probe._replace(params=params, Y=Y)


def _raw(probe: Probe) -> Probe:
    """Large inputs, the first always 0, and the first two examples equal, as long as there are others."""
    X = LARGE * probe.X
    if len(X) > 1:
        X[0] = 0
    if X.shape[1] > 2:
        X[:, 1] = X[:, 0]
    return probe._replace(params={**probe.params, "W1": probe.params["W1"] / LARGE}, X=X)


def _far(probe: Probe, declaration: Declaration) -> Probe:
    """The units of the first hidden layer, if there is one, at |Z| up to FAR; of softplus at Z from -FAR to UNCUT."""
    if not declaration.known or len(probe.params) == 2:
        return probe
    Z = forward(*probe[1:], declaration).Z[1]
    stretch = FAR / np.abs(Z).max(axis=1, keepdims=True)
    if declaration.activations(2)[0] is SOFTPLUS:
        stretch *= np.where(-Z.min(axis=1, keepdims=True) < Z.max(axis=1, keepdims=True), -1, 1)
        stretch *= np.minimum(1, UNCUT / np.maximum((stretch * Z).max(axis=1, keepdims=True), 1))
    params = {**probe.params, "W1": probe.params["W1"] * stretch, "b1": probe.params["b1"] * stretch}
    _tame(params, probe.X, *_growing(declaration, len(probe.params) // 2), first=2)
    return probe._replace(params=params)


def _at_kink(probe: Probe) -> Probe:
    """The first unit of the first layer at Z = 0 on the first example, exactly in every arithmetic."""
    X, b1 = probe.X.copy(), probe.params["b1"].copy()
    X[:, 0] = 0
    b1[0] = 0
    return probe._replace(params={**probe.params, "b1": b1}, X=X)


def blindness(params: Params, X: Array, Y: Array, declaration: Declaration = ARTICLE) -> str | None:
    """Why a check at this point could not have seen some fault.

    None if every fault of the catalogue that such a network can have changes the gradient here.
    """
    return ONE_EXAMPLE if X.shape[1] == 1 else _unseen(params, X, Y, declaration)


def _unseen(params: Params, X: Array, Y: Array, declaration: Declaration) -> str | None:
    """The same, where having one example only is not held against a network."""
    arrays = {key: np.asarray(V, np.float64) for key, V in {**params, "X": X, "Y": Y}.items()}
    return _of_content(declaration, tuple((key, V.shape, V.tobytes()) for key, V in arrays.items()))


@lru_cache(maxsize=4096)  # default networks recur in each check
def _of_content(declaration: Declaration, content: tuple[tuple[str, tuple[int, ...], bytes], ...]) -> str | None:
    params = {key: np.frombuffer(numbers).reshape(shape) for key, shape, numbers in content}
    X, Y = params.pop("X"), params.pop("Y")
    with np.errstate(all="ignore"):  # some faults leave the range
        return next(_reasons(params, X, Y, declaration), None)


def _reasons(params: Params, X: Array, Y: Array, declaration: Declaration) -> Iterator[str]:
    if X.shape[1] > 1 and np.all(X == X[:, :1]):
        yield "all columns of X are equal: a gradient that takes one example for all would not show"
    for l in range(1, len(params) // 2 + 1):
        if not params[f"W{l}"].any():
            yield f"W{l} is zero: whatever passes through it would not show"
    run = forward(params, X, Y, declaration)
    right = backprop(run)
    for key, value in right.items():
        if not value.any():
            yield f"{key} is zero here or rounds to it: a wrong factor or a wrong sign would not show"
    returned = ("dW", "db") if declaration.bias else ("dW",)  # by every implementation
    least = {key: SHOWS * np.abs(V).max() for key, V in right.items() if key.startswith(returned)}
    for fault in FAULTS.values():
        dA_alone = fault.name == "article-dA-convention"  # shows on every network, to those who return dA
        if dA_alone or not fault.condition(run):
            continue
        if not any(_shows(layer, right, least) for layer in by_layers(run, [fault.line])):
            yield f"{fault.name} would change nothing here: {fault.summary} ({fault.equation})"


def _shows(faulty: Grads, right: Grads, least: Mapping[str, float]) -> bool:
    """Whether one of these gradients is changed, by more than what is the least that counts."""
    return any(np.abs(V - right[key]).max() > least[key] for key, V in faulty.items() if key in least)
