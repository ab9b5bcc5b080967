"""The figures of a report: what was measured, drawn so that it is seen. Each caption says what there is to see."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from refnn._shapes import Array
from refnn.report.draw import style
from refnn.report.draw.curves import CENTRAL_STEP, STEPS, Pairs, pairs, v_curve
from refnn.report.draw.style import BLUE, FAINT, GREEN, GREY, INK, MARKERS, ORANGE, PAPER, SEQUENCE, axes_of
from refnn.report.read import Case, cases
from refnn.report.record import Record, decode_all, number
from refnn.report.resources import POWER

OF_A_LAYER = 200  # entries shown, at most
OF_THE_CURVE = 150  # weights and biases, at most, of the network whose V-curve is drawn
SHALLOW = 4  # layers from which on a network shows how its gradient vanishes
BANDS = {"below 0.05": 0, "0.05 to 0.5": 2, "0.5 to 2": 4, "above 2": 5}  # of weights, with the colours in SEQUENCE
RIGHT = "none"  # what the comparison with other checkers calls a right gradient

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
        with style.settings(name):
            found = draw(report, judged)
            if found is not None:
                yield Figure(name, *found)
                style.pyplot().close(found[-1])


def _v_curve(report: Record, judged: list[Case]) -> Drawn:
    fitting = [case for case in judged if _typical(case)]
    if not fitting:
        return None
    curve = v_curve(max(fitting, key=lambda case: sum(V.size for V in case.probe.params.values())))
    labels = {"xlabel": "step h", "ylabel": "relative distance from the gradient"}
    figure, axes = axes_of(2.9, xscale="log", yscale="log", **labels)
    axes.plot(STEPS, curve.truncation, color=GREY, linewidth=0.9, linestyle=(0, (4, 2)))
    axes.plot(STEPS, curve.rounding, color=GREY, linewidth=0.9, linestyle=(0, (1, 1.5)))
    lines = {
        "central difference": (curve.central, ORANGE, "o"),
        "complex step": (curve.complex_step, BLUE, "s"),
        "cancellation-free difference": (curve.cancellation_free, GREEN, "^"),
    }
    for label, (values, colour, marker) in lines.items():
        axes.plot(STEPS, np.maximum(values, 1e-17), color=colour, marker=marker, markevery=4, label=label)
    axes.set_ylim(1e-17, 30)
    _label(axes, "u |J| / h", 1e-3, curve.rounding, (4, 6))
    _label(axes, "h² ‖f‴‖ / 6", 1e-6, curve.truncation, (7, -12))
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, columnspacing=1.2)
    caption = (
        "How far each numerical derivative is from the gradient under test, for steps h of every size. A central "
        "difference (f(x + h) - f(x - h)) / 2h is never better than the bottom of its V, where rounding, u |J| / h, "
        "meets truncation, h² ‖f‴‖ / 6. The complex step and the cancellation-free difference subtract nothing, and "
        f"reach the last digits: that is what the verdict rests on. Network: {curve.name}."
    )
    return "The step that a gradient check takes", caption, figure


def _label(axes: Any, text: str, h: float, values: Any, offset: tuple[int, int]) -> None:
    at = int(np.argmin(np.abs(np.log(STEPS / h))))
    axes.annotate(text, (STEPS[at], values[at]), offset, textcoords="offset points", fontsize=7)


def _typical(case: Case) -> bool:
    weights = max(float(np.abs(V).max()) for V in case.probe.params.values())
    size = sum(V.size for V in case.probe.params.values())
    return size <= OF_THE_CURVE and 0.5 < weights < 6 and len(case.probe.params) > 2


def _pairs(report: Record, judged: list[Case]) -> Drawn:
    found = pairs(judged)
    if not found.given.any():
        return None
    figure, axes = axes_of(3.2, xscale="log", yscale="log")
    axes.set(xlabel="numerical derivative, magnitude", ylabel="gradient under test, magnitude", aspect="equal")
    layers = [int(l) for l in np.unique(found.layer)]
    sample = np.concatenate([_spread(found, l) for l in layers])
    shown = [(found.central[sample], found.given[sample], GREY, "x", 6, "central difference")]
    for l in layers:
        here = sample[found.layer[sample] == l]
        marker = MARKERS[(l - 1) % len(MARKERS)]
        shown.append((found.free[here], found.given[here], _colour(l), marker, 6, f"layer {l}"))
    values = np.abs(np.concatenate([np.concatenate([x, y]) for x, y, *_ in shown]))
    values = values[np.isfinite(values) & (values > 0)]
    least, most = values.min() / 5, values.max() * 5
    axes.plot([least, most], [least, most], color=FAINT, linewidth=0.8, zorder=0)
    for x, y, colour, marker, size, label in shown:
        lines = {"linewidths": 0.5} if marker == "x" else {"edgecolors": "none"}
        x = np.maximum(np.abs(x), 2 * least)  # zeros too
        axes.scatter(x, np.abs(y), size, color=colour, marker=marker, label=label, **lines)
    axes.set(xlim=(least, most), ylim=(least, most))
    axes.legend(loc="lower right", markerscale=1.6, handletextpad=0.2, borderpad=0.2, labelspacing=0.3)
    caption = (
        f"{sample.size:,} of {found.given.size:,} weights and biases, of all magnitudes: the gradient under test "
        "against the cancellation-free difference (coloured by layer) and a central difference (grey crosses). A right "
        f"gradient lies on the diagonal; the central difference, at its best step {CENTRAL_STEP:.0e}, leaves it where "
        "gradients vanish, and is 0 (the left edge) for the smallest."
    )
    return "Analytic against numerical, over all magnitudes", caption, figure


def _colour(l: int) -> str:
    return SEQUENCE[(l - 1) % len(SEQUENCE)]


def _spread(found: Pairs, l: int) -> Array:
    """Entries of a layer, from the smallest to the largest in even steps of rank."""
    order = np.argsort(np.abs(found.given) + np.where(found.layer == l, 0, np.inf))[: int((found.layer == l).sum())]
    return np.asarray(order[_ranks(order.size)])


def _ranks(size: int) -> Array:
    return np.unique(np.linspace(0, size - 1, OF_A_LAYER).astype(int))


def _ulps(report: Record, judged: list[Case]) -> Drawn:
    layers: dict[int, list[Array]] = {}
    for case in judged:
        if case.evidence["certificate"] is not None:
            for key, ulps in decode_all("ulps", case.evidence["certificate"]["ulps"]).items():
                if key[1] in "Wb":
                    layers.setdefault(int(key[2:]), []).append(np.ravel(ulps))
    if not layers:
        return None
    figure, axes = axes_of(2.5, yscale="log", xlabel="layer l", ylabel="error of dW$_l$, db$_l$ (ulp)")
    rng = np.random.default_rng(0)
    for l, parts in sorted(layers.items()):
        ulps = np.maximum(np.concatenate(parts), 2.0**-7)
        sample = np.sort(ulps)[_ranks(ulps.size)]
        x = l + rng.uniform(-0.28, 0.28, sample.size)
        axes.scatter(x, sample, 3, color=_colour(l), edgecolors="none", alpha=0.8)
        low, middle, high = np.quantile(ulps, (0.25, 0.5, 0.75))
        axes.plot([l - 0.36, l + 0.36], [middle] * 2, color=INK, linewidth=1.4, solid_capstyle="butt")
        axes.plot([l, l], [low, high], color=INK, linewidth=0.9)
    axes.axhline(1, color=GREY, linewidth=0.8, linestyle=(0, (4, 2)))
    place = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points", "annotation_clip": False}
    axes.annotate("1 ulp", (1, 1), (2, 2), fontsize=7, **place)
    axes.set_xticks(sorted(layers))
    axes.grid(axis="x", visible=False)
    count = sum(case.evidence["certificate"] is not None for case in judged)
    caption = (
        f"Rigorous bounds, by ball arithmetic, on the distance of dW and db from the true derivatives on {count} "
        "networks, in units in the last place (ulp); a sample of each layer, with median and quartiles of all its "
        "entries. In a right gradient those far above the rest are sums that nearly cancel: their error is small "
        "beside the terms."
    )
    return "The distance from the true derivative", caption, figure


def _fault_matrix(report: Record, judged: list[Case]) -> Drawn:
    columns = {"refnn, in this report": {f["name"]: (f["seen"], f["tried"]) for f in report["content"]["faults"]}}
    peers = {} if report["content"]["declaration"] else _peers()  # those were measured on networks of the article
    columns |= peers
    faults = list(dict.fromkeys(fault for counts in columns.values() for fault in counts if counts[fault][1]))
    if not faults:
        return None
    figure, axes = axes_of(0.9 + 0.155 * len(faults))
    axes.set(xlim=(-0.5, len(columns) - 0.5), ylim=(len(faults) - 0.5, -0.5))
    looks = {"o": (GREEN, "seen on every network"), "X": (ORANGE, "never seen"), "$n$": (INK, "% of networks")}
    for x, counts in enumerate(columns.values()):
        for y, fault in enumerate(faults):
            seen, tried = counts.get(fault, (0, 0))
            if 0 < seen < tried:
                bbox = {"facecolor": PAPER, "edgecolor": "none", "pad": 0.6}
                share = f"{min(max(round(100 * seen / tried), 1), 99)}"
                axes.text(x, y, share, fontsize=6.5, ha="center", va="center_baseline", bbox=bbox)
            elif tried:
                marker = "o" if seen else "X"
                axes.scatter(x, y, 26, color=looks[marker][0], marker=marker, edgecolors="none", zorder=3)
    axes.set_yticks(range(len(faults)), faults, fontsize=6.5)
    axes.set_xticks(range(len(columns)), columns, rotation=38, ha="left", rotation_mode="anchor", fontsize=6.5)
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.grid(axis="x", visible=False)
    axes.spines[["left", "bottom"]].set_visible(False)
    for marker, (colour, label) in looks.items():
        axes.plot([], [], marker=marker, linestyle="", color=colour, markeredgewidth=0, markersize=5, label=label)
    figure.legend(loc="outside lower center", ncols=3, handletextpad=0.1, columnspacing=0.8)
    caption = (
        "Bugs that people really make, planted on purpose, against gradient checkers: a circle where the bug was seen "
        "on every network on which it was tried, a cross where on none, else the share. A check counts once it has "
        "been seen to fail."
    )
    if peers:
        caption += (
            " All columns but the first were measured on networks chosen to show faults (make bench-power), with the "
            "checkers at their default settings; SciPy's has no threshold by default, and this one is ours. There a "
            "bug is seen where the checker objects to it and not to the right gradient."
        )
    return "What a check would have seen", caption, figure


def _peers() -> dict[str, dict[str, tuple[int, int]]]:
    """Of the committed comparison with other checkers: by checker and fault, how often told apart and tried."""
    columns: dict[str, dict[str, tuple[int, int]]] = {}
    if POWER.exists():
        for line in json.loads(POWER.read_text(encoding="utf-8"))["detection"]:
            if line["fault"] == RIGHT:
                continue
            column = columns.setdefault(line["checker"], {})
            seen, tried = column.get(line["fault"], (0, 0))
            column[line["fault"]] = seen + line["told"], tried + line["trials"]
    return columns


def _magnitudes(report: Record, judged: list[Case]) -> Drawn:
    deep = [case for case in judged if len(case.probe.params) >= 2 * SHALLOW]
    if not deep:
        return None
    figure, axes = axes_of(2.6, yscale="log", xlabel="layer l", ylabel="rms of dW$_l$")
    spread = [float(np.sqrt(np.mean([np.mean(V**2) for k, V in c.probe.params.items() if k[0] == "W"]))) for c in deep]
    bands = np.searchsorted((0.05, 0.5, 2), spread)
    for band, (label, colour) in enumerate(BANDS.items()):
        look = {"color": SEQUENCE[colour], "marker": MARKERS[band], "label": label, "linewidth": 0.8}
        for case in (case for case, its in zip(deep, bands) if its == band):
            layers = range(1, case.problem.L + 1)
            sizes = [np.sqrt(np.mean(case.problem.given.arrays[f"W{l}"] ** 2.0)) for l in layers]
            axes.plot(layers, np.maximum(sizes, np.finfo(np.float64).tiny), **look)
    handles = dict(zip(*reversed(axes.get_legend_handles_labels())))
    axes.legend(handles.values(), handles.keys(), title="rms weight", loc="best", labelspacing=0.3)
    axes.xaxis.get_major_locator().set_params(integer=True)
    slope = "σ′ ≤ 1/4" if deep[0].problem.declaration.hidden == "sigmoid" else "g′"
    caption = (
        f"The size of the gradient in each layer of {len(deep)} networks with {SHALLOW} layers or more. From the "
        f"output (right) to the input every layer multiplies by its weights and by {slope}: with small weights the "
        "gradient vanishes, and a check with an absolute tolerance sees nothing wrong in whatever is left of it."
    )
    return "Gradients that vanish towards the input", caption, figure


def _training(report: Record, judged: list[Case]) -> Drawn:
    training = report["content"]["training"]
    if training is None:
        return None
    costs = [number("cost", cost) for cost in report["measured"]["costs"]]
    figure, axes = axes_of(2.4, yscale="log", xlabel="epoch", ylabel="mean cost J")
    axes.set_xscale("symlog", linthresh=10)
    axes.plot(range(1, len(costs) + 1), costs, color=BLUE)
    verdicts = {case.found["origin"]["epoch"]: case.found["verdict"] for case in judged if case.is_trained}
    examples = training["Y_test"]["shape"][1]
    for epoch, correct in zip(training["epochs"], training["correct"]):
        y = costs[max(epoch, 1) - 1]
        colour = GREEN if verdicts.get(epoch) == "PASS" else ORANGE
        axes.plot([epoch], [y], color=colour, marker="o" if colour == GREEN else "X", markersize=6, clip_on=False)
        text = f"{verdicts.get(epoch, '–')}\n{correct['test'] / examples:.0%} right"
        axes.annotate(text, (epoch, y), (5, 4), textcoords="offset points", fontsize=7)
    axes.set_xticks(training["epochs"], map(str, training["epochs"]))
    axes.minorticks_off()
    axes.margins(x=0.2, y=0.2)
    caption = (
        f"Training of a {training['layer_dims']} network on {training['Y']['shape'][1]} tumours of the Wisconsin "
        "breast-cancer data. The gradient was checked at each mark, with the verdict shown; "
        f"the percentages are labels predicted rightly among {examples} tumours kept for the test."
    )
    return "Checked before, during and after training", caption, figure


FIGURES = {
    "v-curve": _v_curve,
    "pairs": _pairs,
    "fault-matrix": _fault_matrix,
    "magnitudes": _magnitudes,
    "ulps": _ulps,
    "training": _training,
}
