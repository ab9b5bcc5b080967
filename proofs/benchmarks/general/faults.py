"""Wrong gradients: faults planted in a right one, and the bugs of bugs.py."""

import zlib
from functools import cache
from itertools import islice

import numpy as np

from general.bugs import BUGS
from general.cases import MODELS, changed

# An entry that is smaller than this, beside the largest of the gradient, is not chosen for a fault: rounding may be as
# large.
FLOOR = 1e-6
COARSE_FLOOR = 1e-2  # of cases whose f or gradient is coarser than float64
FAULTS_OF_AN_OPERATOR = 2  # of one sample
LEAST = 1e-9  # times the largest entry: a gradient that is off by less everywhere is not called wrong
COARSE_LEAST = 1e-5


def _chosen(case, rng):
    """One of the entries that are not too small, as (key, index); None if there is none."""
    largest = max(np.abs(V).max() for V in case.right.values())
    entries = [
        (key, index)
        for key, V in case.right.items()
        if key not in case.zeros
        for index in np.argwhere(np.abs(V) > max((COARSE_FLOOR if case.accuracy else FLOOR) * largest, 1e-150))
    ]
    return entries[rng.integers(len(entries))] if entries else None


def _entry(change):
    """A fault in one entry."""

    def plant(case, rng):
        place = _chosen(case, rng)
        if place is None:
            return None
        key, index = place
        V = case.right[key].copy()
        V[tuple(index)] = change(V[tuple(index)])
        return {**case.right, key: V}

    return plant


def _array(change):
    """A fault in one array, which has an entry that is not too small."""

    def plant(case, rng):
        place = _chosen(case, rng)
        return None if place is None else {**case.right, place[0]: change(case.right[place[0]])}

    return plant


def _transposed(case, _):
    square = [key for key, V in case.right.items() if V.ndim == 2 and V.shape[0] == V.shape[1] > 1]
    return {**case.right, square[0]: case.right[square[0]].T} if square else None


def _swapped(case, _):
    keys = list(case.right)
    for a in keys:
        for b in keys:
            if a < b and case.right[a].shape == case.right[b].shape:
                return {**case.right, a: case.right[b], b: case.right[a]}
    return None


def _added(case, rng):
    """Anywhere, zeros included."""
    key = list(case.right)[rng.integers(len(case.right))]
    V = case.right[key].copy()
    largest = max(np.abs(V).max() for V in case.right.values())
    if key in case.zeros:  # of rounding alone
        return None
    V.ravel()[rng.integers(V.size)] += V.dtype.type((0.05 if case.accuracy else 1e-3) * largest)
    return {**case.right, key: V}


def _tiny(case, _):
    """The array whose gradient is smallest, if it is small beside the others."""
    sizes = {key: np.abs(V).max() for key, V in case.right.items() if key not in case.zeros}
    if not sizes:
        return None
    least = min(sizes, key=lambda key: sizes[key])
    if not FLOOR**2 * max(sizes.values()) < sizes[least] < 0.1 * max(sizes.values()):
        return None
    return {**case.right, least: 2 * case.right[least]}


MECHANICAL = {
    "one entry × 1.001": _entry(lambda g: g * g.dtype.type(1.001)),
    "one entry × 2": _entry(lambda g: 2 * g),
    "one entry 0": _entry(lambda g: 0 * g),
    "one array negative": _array(lambda V: -V),
    "one array × 1.01": _array(lambda V: V * V.dtype.type(1.01)),
    "one array 0": _array(lambda V: 0 * V),
    "transposed": _transposed,
    "two arrays exchanged": _swapped,
    "a thousandth of the largest added": _added,
    "smallest array doubled": _tiny,
}


@cache
def bugs(model):
    """(what, wrong backward) for each bug of a model."""
    return [(what, changed(MODELS[model].backward, old, new)) for what, old, new in BUGS.get(model, [])]


def differs(case, grads):
    """Whether the gradient is wrong here by more than what is let be as rounding."""
    least = (COARSE_LEAST if case.accuracy else LEAST) * max(np.abs(V).max() for V in case.right.values())
    return any((np.abs(grads[key] - V) > least).any() for key, V in case.right.items())


def mechanical(case):
    """(kind of fault, name, wrong gradient) for every fault of MECHANICAL that can be made, in an order of the case."""
    seeds = {name: zlib.crc32(f"{case.name} {name}".encode()) for name in MECHANICAL}
    for name in sorted(MECHANICAL, key=lambda name: seeds[name]):
        grads = MECHANICAL[name](case, np.random.default_rng(seeds[name]))
        if grads is not None and differs(case, grads):
            yield name, name, grads


def planted(case):
    """The same for everything that can be wrong with a case; of operators for a few, since there are many."""
    yield from mechanical(case) if case.source == "corpus" else islice(mechanical(case), FAULTS_OF_AN_OPERATOR)
    for what, backward in bugs(case.function) if case.by else ():
        grads = case.by(backward)(case.params)
        if differs(case, grads):
            yield "bug", what, grads
