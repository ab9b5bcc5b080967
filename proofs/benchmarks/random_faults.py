"""Faults drawn at random, to judge the judge: a line of backprop, a place in it, a size, and when it strikes.

Each multiplies entries of one line by 1 + size or 1 - size. They are drawn without a look at the catalogue: what is
seen here is not what the checker was written to see.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import numpy as np

from refnn.gradcheck import Verdict, check_backprop
from refnn.gradcheck.declaration import Declaration
from refnn.gradcheck.faults.lines import Line, Run, backprop, forward
from refnn.gradcheck.faults.probes import default_probes

LINES = ("output", "derivative", "hidden", "sum", "weights", "bias", "previous")
SIZES = tuple(10.0**-k for k in range(10))


class Strike(NamedTuple):
    """A line's value V in layer l of a run, on which call of the gradient; and three numbers of the fault's own."""

    run: Run
    l: int
    V: Any
    call: int
    own: Any

    def at(self, axis: int) -> Any:
        """The entries of one row (axis 0) or column (axis 1)."""
        return np.indices(self.V.shape)[axis] == int(self.own[axis] * self.V.shape[axis])


PLACES: dict[str, Callable[[Strike], Any]] = {
    "everywhere": lambda _: True,
    "one layer": lambda s: s.l == 1 + int(s.own[2] * s.run.L),
    "one row": lambda s: s.at(0),
    "one column": lambda s: s.at(1),
    "one entry": lambda s: s.at(0) & s.at(1),
}
CONDITIONS: dict[str, dict[str, Callable[[Strike], Any]]] = {
    "always": {"always": lambda _: True},
    "on a shape": {
        "m is even": lambda s: s.run.m % 2 == 0,
        "m is odd": lambda s: s.run.m % 2 == 1,
        "n_l > n_{l-1}": lambda s: s.run.widths[s.l] > s.run.widths[s.l - 1],
        "n_l = n_{l-1}": lambda s: s.run.widths[s.l] == s.run.widths[s.l - 1],
        "n_l = 1": lambda s: s.run.widths[s.l] == 1,
        "rows from the fifth": lambda s: np.arange(len(s.V))[:, None] >= 4,
        "L ≥ 3": lambda s: s.run.L >= 3,
    },
    "on a value": {
        "entries < 0": lambda s: s.V < 0,
        "|entries| < 1e-3": lambda s: np.abs(s.V) < 1e-3,
        "|entries| > 1": lambda s: np.abs(s.V) > 1,
        "some |Z_l| > 5": lambda s: np.abs(s.run.Z[s.l]).max() > 5,
        "some |W_l| > 1.5": lambda s: np.abs(s.run.W[s.l]).max() > 1.5,
        "some label 0": lambda s: not s.run.Y.all(),
        "no label 0 or 1": lambda s: not np.isin(s.run.Y, (0, 1)).any(),
    },
    "on a call": {
        "the first": lambda s: s.call == 1,
        "every second": lambda s: s.call % 2 == 0,
        "from the fourth": lambda s: s.call >= 4,
        "one in eight, at random": lambda s: np.random.default_rng([s.call, int(1e9 * s.own[2])]).random() < 1 / 8,
    },
}


def random_faults(name, words, count):
    """For each condition and size, `count` faults: [told, struck, drawn]; and those that struck and passed.

    A fault strikes if it changes a bit of some dW or db that is asked for, on the networks of `check_backprop`.
    """
    said, rng = Declaration.of(words), np.random.default_rng([*name.encode()])
    probes = default_probes(declaration=said)
    counts, passed = {}, []
    for kind, conditions in CONDITIONS.items():
        for condition, strikes in conditions.items():
            for size in SIZES:
                total = counts[kind, condition, size] = [0, 0, 0]
                for _ in range(count):
                    line, place = str(rng.choice(LINES)), str(rng.choice(list(PLACES)))
                    gradient = Faulty(said, line, PLACES[place], strikes, rng.choice([-size, size]), rng.random(3))
                    check = check_backprop(gradient, probes=probes, progress=False, **words)
                    told = check.verdict is Verdict.WRONG
                    for i, amount in enumerate((told, gradient.struck, 1)):
                        total[i] += amount
                    if gradient.struck and not told:
                        passed.append(f"{line}, {place}, {condition}, {size:g}, of {name}: {check.verdict}")
    return counts, passed


class Faulty:
    """A gradient with a fault, in the declared form, that counts its calls and knows whether the fault showed."""

    def __init__(self, said, line, place, strikes, change, own):
        self.said, self.line, self.place, self.strikes = said, line, place, strikes
        self.change, self.own = change, own
        self.calls, self.struck = 0, False

    def __call__(self, params, X, Y):
        self.calls += 1
        run = forward(*self.said.ours(params, X, Y), self.said)
        right = backprop(run)
        faulty = backprop(run, [Line(self.line, self.replace)])
        compared = [key for key in faulty if key[1] == "W" or (key[1] == "b" and self.said.bias)]
        self.struck |= any(not np.array_equal(faulty[key], right[key]) for key in compared)
        return {key: self.said.turned(key[1], faulty[key]) for key in compared}

    def replace(self, run, l, V):
        strike = Strike(run, l, V, self.calls, self.own)
        return V * (1 + self.change * np.logical_and(self.place(strike), self.strikes(strike)))


def draw(rows, path):
    """Of the faults that struck, the share that was told, by size; a line for each kind of condition."""
    figure, axes = plt.subplots(figsize=(7, 3.6), layout="constrained")
    for kind in CONDITIONS:
        told, struck = (
            np.array([sum(r[what] for r in rows if (r["when"], r["size"]) == (kind, size)) for size in SIZES])
            for what in ("told", "struck")
        )
        axes.plot(SIZES, 100 * told / struck, marker="o", markersize=4, label=f"{kind}: {struck.sum()} faults")
    axes.set(xscale="log", xlabel="relative size of the fault", ylabel="told, % of those that struck", ylim=(80, 101))
    axes.invert_xaxis()
    axes.legend(title="strikes", loc="lower center", ncols=2, frameon=False)
    axes.grid(alpha=0.3)
    figure.savefig(path, dpi=150)
    plt.close(figure)
