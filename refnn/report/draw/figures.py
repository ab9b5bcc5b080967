"""The figures of a report: what was measured, drawn so that it is seen. Each caption says what there is to see."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from refnn._shapes import Array
from refnn.report.draw import style
from refnn.report.draw.costs import cost_curves
from refnn.report.draw.curves import CENTRAL_STEP, STEPS, errors, v_curve
from refnn.report.draw.style import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PAPER,
    SEQUENCE,
    axes_of,
    few_decades,
    few_marks,
    power_of_ten,
)
from refnn.report.read import Case, cases, training_data
from refnn.report.record import Record, decode_all, number

OF_THE_CURVE = 150  # weights and biases, at most, of the network whose V-curve is drawn
SHALLOW = 4  # layers from which on a network shows how its gradient vanishes
SCALES = {"below 0.05": 0.05, "0.05 to 0.5": 0.5, "0.5 to 2": 2, "above 2": np.inf}  # of weights, and where each ends
LEAST, MOST = -8, 16  # decades of an error / tolerance that are drawn; what is smaller counts as none
EXACT = 1e-17  # no relative error is drawn smaller
TINY = float(np.finfo(np.float64).tiny)
LEAST_ULP = 2.0**-7  # what is less is drawn as that
BETWEEN = (0.05, 0.25, 0.5, 0.75, 0.95)  # quantiles of a box

Drawn = tuple[str, str, Any] | None  # title, caption and figure; None where a report has nothing to show


class Figure(NamedTuple):
    name: str
    title: str
    caption: str
    drawing: Any  # a matplotlib figure


def figures(report: Record) -> Iterator[Figure]:
    """Draw what the report has the data for."""
    judged = [case for case in cases(report) if case.grads is not None]
    for name, draw in FIGURES.items():
        with style.settings(name), np.errstate(all="ignore"):  # a wrong gradient may leave the range of an axis
            found = draw(report, judged)
            if found is not None:
                yield Figure(name, *found)
                style.pyplot().close(found[-1])


def _count(n: int, things: str) -> str:
    return f"{n:,} {things}" if n != 1 else f"1 {things.removesuffix('s')}"


def _right(cases: list[Case]) -> tuple[list[Case], str]:
    """Those on which the gradient is not wrong, and what a caption says of the others."""
    right = [case for case in cases if case.found["verdict"] != "WRONG"]
    wrong = len(cases) - len(right)
    return right, f" (left out: {wrong} more, on which the gradient is WRONG)" if wrong else ""


def _two_digits(x: float) -> str:
    return f"{float(f'{x:.1e}'):,g}"


# ---------------------------------------------------------------------- error of the gradient


def _errors(report: Record, judged: list[Case]) -> Drawn:
    found = errors(judged)
    shown = found.derivative != 0
    if not shown.any():
        return None
    x = np.log10(np.abs(found.derivative[shown]))
    given, central = found.given[shown], found.central[shown]
    wrong = ~(given <= 1)  # or NaN
    figure, axes = axes_of(xlabel="size of the derivative", ylabel="error / tolerance")
    y, y_central = (np.log10(np.clip(np.nan_to_num(V, nan=np.inf), 10.0**LEAST, 10.0**MOST)) for V in (given, central))
    dot = [max(np.ptp(V), 1) / most for V, most in ((x, 100), (np.append(y, y_central), 60))]  # of so many in all
    _ranges(axes, x, y_central, dot, color=GREY, label="central difference")
    _ranges(axes, x, y, dot, color=BLUE, label="gradient")
    if wrong.any():
        _ranges(axes, x[wrong], y[wrong], dot, color=ORANGE, label="wrong entries")
    axes.axhline(0, color=INK, linewidth=1)
    left, right = axes.get_xlim()
    axes.set_xlim(left=left - 0.2 * (right - left))  # room for a word
    axes.annotate("tolerance", (0, 0), (2, 3), ("axes fraction", "data"), "offset points")
    sizes, decades = few_decades(*axes.get_xlim()), range(LEAST, 1 + int(axes.get_ylim()[1]), 4)
    axes.set_xticks(sizes, map(power_of_ten, sizes))
    axes.set_yticks(decades, ["0", *map(power_of_ten, decades[1:])])
    figure.legend(loc="outside lower center", ncols=3, handlelength=0.5, columnspacing=1.2, handletextpad=0.5)
    zeros = found.given[~shown]
    others = sum(V.size for case in judged for V in case.problem.given.arrays.values()) - found.derivative.size
    caption = (
        f"How far the gradient under test and a central difference of step {CENTRAL_STEP:.0e} are off, as a share of "
        f"the tolerance, in {_count(x.size, 'derivatives')}. Of the gradient, {_beyond(given)}; of the central "
        f"difference, {_beyond(central)}."
    )
    if zeros.size:
        caption += f" Left out: {zeros.size:,} more that are 0"
        caption += f", of which {_beyond(zeros)}." if not (zeros <= 1).all() else "."
    if others:
        caption += f" Not looked at: {others:,} more, on networks that take long or were not compared entry by entry."
    if any(case.problem.at_kink for case in judged):
        caption += " At a kink the tolerance reaches from one slope to the other."
    if central.max() > 1 and not wrong.any():
        caption += " A check that rests on central differences has to allow for their error, and sees no smaller fault."
    return "Errors beside their tolerance", caption, figure


def _beyond(shares: Array) -> str:
    """How many are beyond their tolerance, or how near to it the largest comes."""
    beyond = int((~(shares <= 1)).sum())
    return f"{beyond:,} are off by more than it" if beyond else f"none is off by more than {shares.max():.1%} of it"


def _ranges(axes: Any, x: Array, y: Array, dot: list[float], **look: Any) -> None:
    """A dot wherever there are entries, and dots above each other as one dash: few marks for any number of entries.

    x and y are decades, and so is the size of a dot.
    """
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    dots = np.unique(np.round(np.column_stack([x, y]) / dot), axis=0)
    first = np.append(True, (np.diff(dots, axis=0) != (0, 1)).any(axis=1))
    dashes = np.stack([dots[first], dots[np.append(first[1:], True)] + (0, 0.02)], axis=1)
    path = Path(dashes.reshape(-1, 2) * dot, [Path.MOVETO, Path.LINETO] * len(dashes))
    axes.add_patch(PathPatch(path, fill=False, edgecolor=look["color"], linewidth=1.7, capstyle="round", snap=False))
    axes.plot([], [], "o", **look)
    axes.autoscale_view()


# ---------------------------------------------------------------------- what a difference can do


def _v_curve(report: Record, judged: list[Case]) -> Drawn:
    fitting = [case for case in judged if _typical(case)]
    if not fitting:
        return None
    curve = v_curve(max(fitting, key=lambda case: sum(V.size for V in case.probe.params.values())))
    figure, axes = axes_of(xscale="log", yscale="log", xlabel="step h", ylabel="relative error of the difference")
    lines = ((curve.central, ORANGE, 3.5), (curve.cancellation_free, GREEN, 1.5), (curve.complex_step, BLUE, 1.5))
    for values, colour, width in lines:  # the widest first: it shows beneath the one that it coincides with
        axes.plot(STEPS, np.maximum(values, EXACT), color=colour, linewidth=width)
    best = int(np.argmin(curve.central))
    axes.plot(STEPS[best], curve.central[best], "o", color=ORANGE, markersize=6)
    arm = (curve.rounding <= 1) & (np.arange(STEPS.size) <= best)
    if arm.any():
        axes.plot(STEPS[arm], curve.rounding[arm], color=INK, linewidth=1, linestyle=(0, (1, 1.5)))
        upper = int(np.flatnonzero(arm)[arm.sum() // 4])
        _name(axes, "rounding, u |J| / h", upper, curve.rounding, (7, 0))
    axes.set_ylim(EXACT / 10, 1e3)
    for axis in (axes.xaxis, axes.yaxis):
        few_marks(axis)
    _name(axes, "central difference", 0, curve.central, (0, 11), color=ORANGE)
    free, steep = curve.cancellation_free, curve.complex_step
    _name(axes, "cancellation-free\ndifference", _rise(free, 0.45), free, (-6, 0), color=GREEN, ha="right")
    _name(axes, "complex step", _rise(steep, 0.35), steep, (7, -8), color=BLUE)
    least = [f"{values.min():.0e}" for values in (curve.central, steep, free)]
    caption = (
        "How far each numerical derivative is from a gradient that passes, for steps h of every size. The central "
        f"difference (f(x + h) - f(x - h)) / 2h comes to {least[0]} at best (dot): smaller steps lose digits to "
        f"rounding, larger ones to truncation. The complex step comes to {least[1]} and the cancellation-free "
        f"difference to {least[2]}, for neither subtracts numbers that are nearly equal. Network: {curve.name}."
    )
    return "The step that a gradient check takes", caption, figure


def _rise(values: Array, part: float) -> int:
    """Where a curve is last below a part of the way from its least to its largest value, in digits."""
    digits = np.log10(np.maximum(values, EXACT))
    return int(np.flatnonzero(digits <= digits.min() + part * (digits.max() - digits.min()))[-1])


def _name(axes: Any, text: str, at: int, values: Array, offset: tuple[int, int], **look: Any) -> None:
    """The name of a curve beside one of its points."""
    axes.annotate(text, (STEPS[at], max(values[at], EXACT)), offset, textcoords="offset points", **look)


def _typical(case: Case) -> bool:
    """A right gradient, in a dtype that does not hide the last digits, of a network of ordinary size."""
    params, given = case.probe.params.values(), case.problem.given.arrays.values()
    exact = case.found["verdict"] == "PASS" and all(dV.dtype == np.float64 for dV in given)
    weights, size = max(float(np.abs(V).max()) for V in params), sum(V.size for V in params)
    return exact and size <= OF_THE_CURVE and 0.5 < weights < 6 and len(params) > 2


# ---------------------------------------------------------------------- size and precision, by layer


def _magnitudes(report: Record, judged: list[Case]) -> Drawn:
    deep, left_out = _right([case for case in judged if case.problem.L >= SHALLOW])
    if not deep:
        return None
    figure, axes = axes_of(yscale="log", xlabel="layers below the output", ylabel="size of dW (rms)")
    spread = [_rms(np.concatenate([W.ravel() for W in case.problem.W[1:]])) for case in deep]
    bands = np.searchsorted([*SCALES.values()], spread)
    deepest = max(case.problem.L for case in deep) - 1
    names = []
    for band, (name, colour) in enumerate(zip(SCALES, SEQUENCE)):
        sizes = [_sizes(case) for case, its in zip(deep, bands) if its == band]
        if sizes:
            by_layer = [[each[k] for each in sizes if k < len(each)] for k in range(max(map(len, sizes)))]
            least, most, middle = ([float(of(V)) for V in by_layer] for of in (np.min, np.max, np.median))
            axes.fill_between(range(len(by_layer)), least, most, color=colour, alpha=0.25, linewidth=0)
            axes.plot(middle, color=colour, marker="o")
            names.append((middle[-1], name, colour))
    at, top = np.log10(axes.get_ylim())
    gap = 0.075 * (top - at)
    for end, name, colour in [*sorted(names), (0, "rms weight", INK)]:  # as near to its line as the one below lets it
        at = max(np.log10(end), at + gap) if end else at + gap
        axes.text(deepest + 0.25, 10**at, name, color=colour, va="center")
    axes.set_xlim(right=deepest * 1.35 + 0.6)
    axes.set_xticks(range(deepest + 1))
    few_marks(axes.yaxis)
    slope = "σ′ ≤ 1/4" if deep[0].problem.declaration.hidden == "sigmoid" else "g′"
    caption = (
        f"The size of the gradient in each layer of {_count(len(deep), 'networks')} with {SHALLOW} layers or more"
        f"{left_out}, by the size of their weights: the median, and all from the least to the largest. "
        f"From the output down every layer multiplies by its weights and by {slope}: where they are small the gradient "
        "vanishes, and a check with an absolute tolerance sees nothing wrong in whatever is left of it."
    )
    return "The size of the gradient, layer by layer", caption, figure


def _sizes(case: Case) -> list[float]:
    """Of dW_l, from the output down."""
    given = case.problem.given.arrays
    return [max(_rms(given[f"W{l}"]), TINY) for l in range(case.problem.L, 0, -1)]


def _rms(V: Array) -> float:
    return float(np.sqrt(np.mean(V * np.float64(1) * V)))


def _ulps(report: Record, judged: list[Case]) -> Drawn:
    right, left_out = _right([case for case in judged if case.evidence["certificate"] is not None])
    layers: dict[int, list[Array]] = {}
    for case in right:
        for key, ulps in decode_all("ulps", case.evidence["certificate"]["ulps"]).items():
            if key[1] in "Wb":
                layers.setdefault(int(key[2:]), []).append(np.ravel(ulps))
    if not layers:
        return None
    figure, axes = axes_of(yscale="log", xlabel="layer", ylabel="error of dW and db (ulp)")
    every = {l: np.concatenate(parts) for l, parts in sorted(layers.items())}
    for l, ulps in every.items():
        low, first, middle, third, high = np.quantile(np.maximum(ulps, LEAST_ULP), BETWEEN)
        axes.plot([l, l], [low, high], color=BLUE, linewidth=1.2)
        axes.plot([l, l], [first, third], color=BLUE, linewidth=9, solid_capstyle="butt")
        axes.plot(l, middle, "_", color=PAPER, markersize=9, markeredgewidth=1.5)
        axes.plot(l, ulps.max(), "o", color=BLUE, markersize=3.5)
    axes.axhline(1, color=INK, linewidth=0.8)
    axes.set_xlim(min(every) - 1, max(every) + 0.5)
    axes.annotate("1 ulp", (0, 1), (2, 3), ("axes fraction", "data"), "offset points")
    axes.set_xticks([*every])
    axes.grid(axis="x", visible=False)
    few_marks(axes.yaxis)
    whole = np.concatenate([*every.values()])
    caption = (
        f"Rigorous bounds, by ball arithmetic, on the distance of {_count(whole.size, 'weights and biases')} from the "
        f"true derivatives, in units in the last place (ulp), on {_count(len(right), 'networks')} that carry a "
        f"certificate{left_out}. Half of them are within {_two_digits(np.median(whole))} ulp, all within "
        f"{_two_digits(whole.max())}. By layer: the median in the middle half (box), nine of ten (line), the largest "
        "(dot)."
    )
    if whole.min() < LEAST_ULP:
        caption += f" Less than {LEAST_ULP:.1g} ulp is drawn as that."
    return "The distance from the true derivative", caption, figure


# ---------------------------------------------------------------------- training


def _training(report: Record, judged: list[Case]) -> Drawn:
    training = report["content"]["training"]
    data = training_data(training)
    if data is None:
        return None
    costs = {part: [number("cost", cost) for cost in of] for part, of in report["measured"]["costs"].items()}
    figure, axes = cost_curves(costs["training"], costs["test"], data.baseline)
    axes.set_xscale("symlog", linthresh=10)
    verdicts = {case.found["origin"]["epoch"]: case.found["verdict"] for case in judged if case.is_trained}
    m, majority = data.Y_test.size, float(data.Y.mean() >= 0.5)
    for epoch, correct in zip(training["epochs"], training["correct"]):
        verdict, y = verdicts.get(epoch, "–"), costs["training"][epoch]
        axes.plot([epoch], [y], "o" if verdict == "PASS" else "X", color=BLUE, markersize=5, clip_on=False)
        text = f"{verdict}\n{correct['test'] / m:.0%}"
        axes.annotate(text, (epoch, 1), (0, 4), ("data", "axes fraction"), "offset points", ha="center")
    axes.set_xticks(training["epochs"], map(str, training["epochs"]))
    axes.xaxis.minorticks_off()
    baseline = (data.Y_test == majority).mean()
    caption = (
        f"A {training['layer_dims']} network learns to tell tumours of the Wisconsin breast-cancer data apart, from "
        f"{data.Y.size} of them. At each dot the gradient was checked: above stand the verdict, and how many of {m} "
        f"other tumours, the test, the network tells rightly; {baseline:.0%} would be right by always the more "
        "frequent answer. The baseline is the test's cost of an answer that knows nothing but how frequent each is."
    )
    return "Checked before, during and after training", caption, figure


FIGURES = {
    "errors": _errors,
    "v-curve": _v_curve,
    "magnitudes": _magnitudes,
    "ulps": _ulps,
    "training": _training,
}
