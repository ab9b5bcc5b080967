"""How true the error is that central differences state: on many entries of functions whose derivatives are known.

A random function is A h(g(x₁/s₁), g(x₂/s₂), …) + B: g of a family below with a random parameter, h a sum, a product or
a composition, the sizes of A, of the s and of B many decades apart, and f in float64 or in float32. Its derivative is
that of a power series of balls. An entry is outside if |value - truth| exceeds the stated error.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass

import flint
import numpy as np

from refnn.gradcheck.witness import central
from refnn.gradcheck.witness.function import observe

FUNCTIONS = 14_000
ENTRIES = 8  # of each
RESOLVED = 0.5  # of the derivative: a larger error leaves it unknown
WIDTH = 0.25
BINS = np.arange(-3, 6 + WIDTH / 2, WIDTH)  # of log10(error / |value - truth|); what lies beyond is in the last
BITS = 200


def stated(f, x, rng):
    """Value and error of each entry of the derivative: the one place that calls refnn's central differences."""
    found = central.entries(observe(f, {"x": x}, rng), [("x", i) for i in range(len(x))])
    return np.array([(d.value, d.error) for d in found]).T


def sigmoid(u):
    return 1 / (1 + np.exp(-u))


# For each family: g(u, p, c), from where u and p come, and what c is: a constant for each entry that says on which side
# of a kink it lies, so that the power series need not ask.
PLAIN = None
FAMILIES = {
    "cubic": (lambda u, p, c: u**3 - p * u + 1, (-2, 2), (0, 3), PLAIN),
    "power 11": (lambda u, p, c: u**11, (-1.5, 1.5), (0, 1), PLAIN),
    "square at 0": (lambda u, p, c: p * u**2 + u**4, (0, 0), (1, 3), PLAIN),
    "square near 0": (lambda u, p, c: p * u**2, (-1e-6, 1e-6), (1, 3), PLAIN),
    "exp": (lambda u, p, c: np.exp(p * u), (-3, 3), (0.1, 3), PLAIN),
    "normal density": (lambda u, p, c: np.exp(-(u**2) / 2), (-6, 6), (0, 1), PLAIN),
    "sine": (lambda u, p, c: np.sin(p * u), (-6, 6), (0.1, 2), PLAIN),
    "fast sine": (lambda u, p, c: np.sin(p * u), (-3, 3), (10, 300), PLAIN),
    "slow beside fast": (lambda u, p, c: u**2 + 1e-3 * np.sin(p * u), (-2, 2), (10, 1000), PLAIN),
    "logarithm": (lambda u, p, c: np.log(u), (1e-3, 10), (0, 1), PLAIN),
    "root": (lambda u, p, c: np.sqrt(u + p), (1e-4, 10), (0, 1e-3), PLAIN),
    "power 2.5": (lambda u, p, c: np.exp(2.5 * np.log(u)), (0.05, 4), (0, 1), PLAIN),
    "reciprocal": (lambda u, p, c: 1 / u, (0.02, 5), (0, 1), PLAIN),
    "pole": (lambda u, p, c: (u**2 + 1) / (u - p), (-2, 2), (2.01, 4), PLAIN),
    "Runge": (lambda u, p, c: 1 / (1 + p * u**2), (-1, 1), (1, 400), PLAIN),
    "silu": (lambda u, p, c: u / (1 + np.exp(-p * u)), (-5, 5), (0.3, 30), PLAIN),
    "sigmoid": (lambda u, p, c: sigmoid(p * u), (-6, 6), (0.5, 4), PLAIN),
    "softplus": (lambda u, p, c: np.log(1 + np.exp(p * u)), (-6, 6), (0.5, 3), PLAIN),
    "tanh": (lambda u, p, c: 1 - 2 / (1 + np.exp(2 * u)), (-8, 8), (0, 1), PLAIN),
    "exp sin": (lambda u, p, c: np.exp(np.sin(p * u)), (-3, 3), (1, 10), PLAIN),
    "u sin 1/u": (lambda u, p, c: u * np.sin(1 / u), (0.05, 1), (0, 1), PLAIN),
    "cancelling quotient": (lambda u, p, c: (1 - np.cos(u)) / u**2, (0.01, 3), (0, 1), PLAIN),
    "saturating": (lambda u, p, c: u / np.sqrt(1 + p * u**2), (-10, 10), (0.1, 100), PLAIN),
    "kink": (lambda u, p, c: c * (u - p), (-1, 1), (-1, 1), lambda u, p: np.sign(u - p)),
    "kinked square": (lambda u, p, c: c * (u - p) ** 2, (-1, 1), (-1, 1), lambda u, p: (u > p) + 0.0),
    "kinked curve": (lambda u, p, c: np.exp(c * u), (-2, 2), (0, 0), lambda u, p: np.where(u > 0, 0.3, 2.0)),
}
SHAPES = {  # with products by 1/n: python-flint before 0.9 cannot divide a series that is 0
    "sum": lambda V: V.sum(keepdims=True),
    "product": lambda V: (V + 2).prod(keepdims=True),
    "sine of the mean": lambda V: np.sin(V.sum(keepdims=True) * (1 / len(V))),
    "exponential of the mean": lambda V: np.exp(V.sum(keepdims=True) * (0.1 / len(V))),
    "norm": lambda V: np.sqrt(1 + (V * V).sum(keepdims=True)),
}
ARITHMETIC = ("float64",) * 8 + ("float32 returned", "float32 inside")


@dataclass(frozen=True, eq=False)
class Drawn:
    """A function with its point."""

    family: str
    shape: str
    arithmetic: str
    p: float
    scales: np.ndarray
    factor: float
    offset: float
    x: np.ndarray

    def value(self, x, number, sides):
        """At x, in numbers made by `number`."""
        g = FAMILIES[self.family][0]
        row = SHAPES[self.shape](g(x / number(self.scales), number(self.p), sides))
        return (row * number(self.factor) + number(self.offset))[0]

    def sides(self, x):
        at = FAMILIES[self.family][3]
        return None if at is None else at(np.asarray(x, float) / self.scales, self.p)

    def __call__(self, params):
        x = params["x"]
        if self.arithmetic == "float32 inside":
            x = x.astype(np.float32)
            sides = self.sides(x)
            return float(self.value(x, np.float32, sides if sides is None else np.float32(sides)))
        value = self.value(x, np.float64, self.sides(x))
        return np.float32(value) if self.arithmetic == "float32 returned" else value

    @property
    def truth(self):
        """Balls, of the derivative in each entry."""
        flint.ctx.prec, flint.ctx.cap = BITS, 2
        sides = self.sides(self.x)
        exact = np.vectorize(lambda v: flint.arb(float(v)), otypes=[object])

        def number(V):
            return exact(V) if isinstance(V, np.ndarray) else flint.arb(float(V))

        sides = sides if sides is None else exact(sides)
        found = []
        for i in range(len(self.x)):
            x = exact(self.x)
            x[i] = flint.arb_series([x[i], 1])
            found.append(self.value(x, number, sides)[1])
        return found


def drawn(seed):
    """A random function, finite with its derivative."""
    rng = np.random.default_rng(seed)
    while True:
        family = str(rng.choice(list(FAMILIES)))
        _, u_ends, p_ends, _ = FAMILIES[family]
        arithmetic = str(rng.choice(ARITHMETIC))
        decades = 6 if arithmetic == "float64" else 3
        scales = 10 ** rng.uniform(-decades, decades) * 10 ** rng.uniform(-1.5, 1.5, ENTRIES) ** (rng.random() < 0.3)
        factor = 10 ** rng.uniform(-decades, decades)
        offset = factor * 10 ** rng.uniform(0, decades) if rng.random() < 0.3 else 0.0
        x = scales * rng.uniform(*u_ends, ENTRIES)
        if arithmetic == "float32 inside":
            x, scales = x.astype(np.float32).astype(float), scales.astype(np.float32).astype(float)
        function = Drawn(
            family,
            str(rng.choice(list(SHAPES))),
            arithmetic,
            float(np.float32(rng.uniform(*p_ends))),
            scales,
            float(np.float32(factor)),
            float(np.float32(offset)),
            x,
        )
        with np.errstate(all="ignore"):
            value = function({"x": x})
        if np.isfinite(value) and 1e-30 < abs(value) < 1e30:
            return function, rng


def measured(seed):
    """(family, shape, arithmetic, truth, |value - truth|, stated error) for each entry of a random function."""
    function, rng = drawn(seed)
    with np.errstate(all="ignore"):
        value, error = stated(function, function.x, rng)
    rows = []
    for v, e, truth in zip(value, error, function.truth):
        off = abs(float((flint.arb(float(v)) - truth).mid())) if math.isfinite(v) else math.inf
        rows.append((function.family, function.shape, function.arithmetic, float(truth.mid()), off, float(e)))
    return rows


def summary(rows):
    """Counts by family, form and arithmetic, and a histogram of log10(error / |value - truth|).

    Unknown are entries whose error is larger than half of the derivative. They, and those that are exactly right, are
    not in the median and in the histogram; an unknown one can be outside nevertheless.
    """
    content = {"calibration": [], "calibration_histogram": {}}
    groups = [("all", "all")]
    groups += [("arithmetic", name) for name in dict.fromkeys(ARITHMETIC)]
    groups += [("form", name) for name in SHAPES] + [("family", name) for name in FAMILIES]
    column = {"family": 0, "form": 1, "arithmetic": 2}
    for kind, name in groups:
        mine = [row for row in rows if kind == "all" or row[column[kind]] == name]
        truth, off, error = (np.array([row[k] for row in mine]) for k in (3, 4, 5))
        known = np.isfinite(error) & ((error <= RESOLVED * np.abs(truth)) | (truth == 0))
        unknown = int((~known).sum())
        known &= off > 0
        ratio = error[known] / off[known]
        content["calibration"].append(
            {
                "by": kind,
                "name": name,
                "entries": len(mine),
                "outside": int((off > error).sum()),
                "unknown": unknown,
                "median": float(f"{np.median(ratio):.3g}") if len(ratio) else None,
            }
        )
        if kind == "all":
            counted, _ = np.histogram(np.clip(np.log10(ratio), BINS[0], BINS[-1] - 1e-9), BINS)
            content["calibration_histogram"] = {"from": BINS[0], "width": WIDTH, "counts": counted.tolist()}
    return content


def worst(rows, n=20):
    """The entries that lie farthest outside, to be looked at."""
    outside = sorted((row for row in rows if row[4] > row[5]), key=lambda row: -row[4] / max(row[5], 1e-300))
    yield f"{len(outside)} outside, by family: {Counter(row[0] for row in outside).most_common()}"
    yield from (
        f"{row[0]}, {row[1]}, {row[2]}: {row[3]:.6g} off by {row[4]:.1e}, said {row[5]:.1e}" for row in outside[:n]
    )


def draw(content, path):
    """The histogram: how much larger the stated error is than the true one, and the share for which it is not."""
    from refnn.report.draw import style

    histogram, every = content["calibration_histogram"], content["calibration"][0]
    left = histogram["from"] + histogram["width"] * np.arange(len(histogram["counts"]))
    counts = np.array(histogram["counts"])
    with style.settings("general"):
        figure, axes = style.axes_of(2.4, title="Central differences: the error they state")
        colours = [style.BLUE if k >= 0 else style.ORANGE for k in left]
        axes.bar(left, counts, width=histogram["width"], align="edge", color=colours, linewidth=0)
        axes.axvline(0, ymax=0.75, color=style.INK, linewidth=0.8)
        axes.axvline(math.log10(every["median"]), ymax=0.75, color=style.INK, linewidth=0.8, linestyle=":")
        ticks = range(-3, 7)
        axes.set_xticks(ticks, [f"$10^{{{k}}}$" for k in ticks])
        axes.set(xlabel="stated error / true error", ylabel="entries", yscale="symlog", ylim=(0, 30 * counts.max()))
        axes.text(math.log10(every["median"]) + 0.1, 2 * counts.max(), f"median {every['median']:.3g}", fontsize=7)
        by = [row for row in content["calibration"] if row["by"] == "arithmetic"]
        lines = ["outside:", *(f"{row['outside']:,} of {row['entries']:,}, {row['name']}" for row in by)]
        axes.text(-3.2, 20 * counts.max(), "\n".join(lines), fontsize=6, color=style.ORANGE, verticalalignment="top")
        path.write_bytes(style.png(figure))
