"""Do two changes of network.py at a time cancel? Every pair that does not overlap is run, and its results compared.

    python proofs/mutants/pairs.py        (make mutants)

The results are all that the functions of network.py return for a few networks, with options and without. A mutant that
changes none of them alone is named, and left out of the pairs. Exit status 1 if a pair returns the right ones.
"""

import itertools
import signal
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from mutations import Mutation, mutations

SOURCE = (Path(__file__).parents[2] / "refnn/network.py").read_text(encoding="utf-8")
SECONDS = 10  # for what may not end
NETWORKS = (  # widths, examples, hidden, output; with widths that tell a matrix from its transpose, and one layer alone
    ((2, 3, 2), 4, "sigmoid", "sigmoid"),
    ((3, 3, 3, 3), 3, ("tanh", "silu"), "softmax"),
    ((2, 3, 2), 2, "tanh", ("identity", "squared_error")),
    ((2, 1, 3, 2), 5, ("relu", "softplus"), "sigmoid"),
    ((4, 1), 1, "sigmoid", "sigmoid"),
)


def module_of(text: str) -> ModuleType:
    module = ModuleType("network.py with changes")
    exec(compile(text, module.__name__, "exec"), module.__dict__)
    return module


def results(network: Any) -> list[Any]:
    found: list[Any] = []
    for dims, m, hidden, output in NETWORKS:
        rng = np.random.default_rng(m)
        params = {}
        for l in range(1, len(dims)):
            params |= {f"W{l}": rng.standard_normal((dims[l], dims[l - 1])), f"b{l}": rng.standard_normal((dims[l], 1))}
        X, Y, words = rng.standard_normal((dims[0], m)), rng.random((dims[-1], m)), {"hidden": hidden, "output": output}
        AL, caches = network.forward_prop(X, params, **words)
        grads, dA, told = network.backprop(AL, Y, caches, **words), np.ones_like(caches[0][1]), []
        found += [
            (AL, caches, grads, network.cost_function(AL, Y, output=output)),
            network.update_parameters(params, grads, 0.1),
            network.cost_from_Z(caches[-1][1], Y, output),
            network.backprop(AL, Y, caches, inputs=False, **words),
            network.one_layer_backward(dA, caches[0]),
            network.one_layer_backward(dA, caches[0], activation="tanh", inputs=False),
            network.train(X, Y, dims, 2, 0.1, rng=1, progress=lambda *each, told=told: told.append(each), **words),
            network.train(X, Y, dims, 2, 0.1, rng=1, batch_size=(m + 1) // 2, **words),
            network.train(X, Y, dims, 1, 0.1, params=params, **words),
            network.predict(X, params, threshold=0.6, **words),
            told,
            *(network.init_params(dims, rng=3, scale=scale) for scale in ("xavier", "he", 0.3)),
        ]
        if output == "sigmoid":  # and what is not said
            AL, caches = network.forward_prop(X, params)
            found += [network.logistic_cost(AL, Y), network.softmax_cost(AL, Y), network.sigmoid(AL)]
            found += [AL, network.backprop(AL, Y, caches), network.cost_function(AL, Y), network.predict(X, params)]
            found += [network.init_params(dims, rng=3), network.train(X, Y, dims, 1, 0.1, rng=2)]
    return list(leaves(found))


def leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        value = [each for key in sorted(value) for each in (key, value[key])]
    if isinstance(value, list | tuple):
        yield len(value)
        for each in value:
            yield from leaves(each)
    else:
        yield value


def same(one: Any, other: Any) -> bool:
    if isinstance(one, str | None) or isinstance(other, str | None):
        return type(one) is type(other) and one == other
    a, b = np.asarray(one), np.asarray(other)
    return a.shape == b.shape and a.dtype == b.dtype and np.allclose(a, b, rtol=1e-12, atol=0)


def unseen(text: str, right: list[Any]) -> bool:
    """Whether this text returns what the source does."""
    signal.alarm(SECONDS)
    try:
        found = results(module_of(text))
    except Exception:
        return False
    finally:
        signal.alarm(0)
    return len(found) == len(right) and all(map(same, found, right))


def pairs(every: int = 1) -> tuple[list[Mutation], int, int, list[str]]:
    """The mutants that are not seen alone; how many others there are, and pairs of them that do not overlap; of these
    pairs, of which one in `every` is run, those that are not seen."""

    def stop(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, stop)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        right = results(module_of(SOURCE))
        alone = [mutant for mutant in mutations(SOURCE) if unseen(mutant.applied(SOURCE), right)]
        others = [mutant for mutant in mutations(SOURCE) if mutant not in alone]
        apart = [(a, b) for a, b in itertools.combinations(others, 2) if a.end <= b.start or b.end <= a.start]
        found = []
        for pair in apart[::every]:
            first, last = sorted(pair, key=lambda mutant: mutant.start)
            if unseen(first.applied(last.applied(SOURCE)), right):
                found.append(f"{first.key} | {last.key}")
    signal.signal(signal.SIGALRM, before)
    return alone, len(others), len(apart), found


def main() -> int:
    alone, seen, tried, found = pairs()
    for mutant in alone:
        print(f"not seen alone: {mutant.key}")
    for pair in found:
        print(f"these cancel: {pair}")
    print(f"{seen} changes of network.py are seen alone; of their {tried:,} pairs {len(found)} cancel")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
