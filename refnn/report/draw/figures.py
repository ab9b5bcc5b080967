"""The figures of a report: what was measured, drawn so that it is seen. Each caption says what there is to see."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from refnn._plots import pyplot
from refnn._shapes import Array
from refnn.report.arrays import decode_all, number
from refnn.report.draw import style
from refnn.report.draw.curves import CENTRAL_STEP, STEPS, Pairs, pairs, v_curve
from refnn.report.draw.fault_matrix import fault_matrix
from refnn.report.draw.style import BLUE, FAINT, GREEN, GREY, INK, MARKERS, ORANGE, SEQUENCE, Drawn, axes_of
from refnn.report.record import Record
from refnn.report.replay.cases import Case, cases, training_data

OF_A_LAYER = 200  # entries shown, at most
OF_THE_CURVE = 150  # weights and biases, at most, of the network whose V-curve is drawn
SHALLOW = 4  # layers from which on a network shows how its gradient vanishes


class Figure(NamedTuple):
    name: str
    title: str
    caption: str
    drawing: Any  # a matplotlib figure


def figures(report: Record) -> Iterator[Figure]:
    """Draw what the report has the data for."""
    plt = pyplot()
    recorded = cases(report, training_data(report["content"]["training"]))
    judged = [case for case in recorded if case.grads is not None]
    for name, draw in FIGURES.items():
        with style.settings(name):
            found = draw(report, judged)
            if found is not None:
                yield Figure(name, *found)
                plt.close(found[-1])


def _v_curve(report: Record, judged: list[Case]) -> Drawn:
    fitting = [case for case in judged if _typical(case)]
    if not fitting:
        return None
    curve = v_curve(max(fitting, key=lambda case: sum(V.size for V in case.probe.params.values())))
    figure, axes = axes_of(
        2.9, xscale="log", yscale="log", xlabel="step h", ylabel="relative distance from the gradient"
    )
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
        colour, marker = SEQUENCE[(l - 1) % len(SEQUENCE)], MARKERS[(l - 1) % len(MARKERS)]
        shown.append((found.free[here], found.given[here], colour, marker, 6, f"layer {l}"))
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
    figure, axes = axes_of(
        2.5, yscale="log", xlabel="layer l", ylabel="error of dW_l, db_l (ulp)".replace("_l", "$_l$")
    )
    rng = np.random.default_rng(0)
    for l, parts in sorted(layers.items()):
        ulps = np.maximum(np.concatenate(parts), 2.0**-7)
        colour = SEQUENCE[(l - 1) % len(SEQUENCE)]
        sample = np.sort(ulps)[_ranks(ulps.size)]
        axes.scatter(l + rng.uniform(-0.28, 0.28, sample.size), sample, 3, color=colour, edgecolors="none", alpha=0.8)
        low, middle, high = np.quantile(ulps, (0.25, 0.5, 0.75))
        axes.plot([l - 0.36, l + 0.36], [middle] * 2, color=INK, linewidth=1.4, solid_capstyle="butt")
        axes.plot([l, l], [low, high], color=INK, linewidth=0.9)
    axes.axhline(1, color=GREY, linewidth=0.8, linestyle=(0, (4, 2)))
    axes.annotate(
        "1 ulp",
        (1, 1),
        (2, 2),
        xycoords=("axes fraction", "data"),
        textcoords="offset points",
        fontsize=7,
        annotation_clip=False,
    )
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


def _magnitudes(report: Record, judged: list[Case]) -> Drawn:
    deep = [case for case in judged if len(case.probe.params) >= 2 * SHALLOW]
    if not deep:
        return None
    figure, axes = axes_of(2.6, yscale="log", xlabel="layer l", ylabel="rms of dW$_l$")
    spread = [float(np.sqrt(np.mean([np.mean(V**2) for k, V in c.probe.params.items() if k[0] == "W"]))) for c in deep]
    edges = (0.05, 0.5, 2, np.inf)
    labels = ("below 0.05", "0.05 to 0.5", "0.5 to 2", "above 2")
    colours = (SEQUENCE[0], SEQUENCE[2], SEQUENCE[4], SEQUENCE[5])
    for band in range(len(edges)):
        for case, size in zip(deep, spread):
            assert case.grads is not None
            if int(np.searchsorted(edges, size)) == band:
                sizes = [
                    np.sqrt(np.mean(case.grads[f"dW{l}"] ** 2.0)) for l in range(1, len(case.probe.params) // 2 + 1)
                ]
                rms = np.maximum(sizes, np.finfo(np.float64).tiny)
                axes.plot(
                    range(1, len(rms) + 1),
                    rms,
                    color=colours[band],
                    marker=MARKERS[band],
                    label=labels[band],
                    linewidth=0.8,
                )
    handles = dict(zip(*reversed(axes.get_legend_handles_labels())))
    axes.legend(handles.values(), handles.keys(), title="rms weight", loc="best", labelspacing=0.3)
    axes.xaxis.get_major_locator().set_params(integer=True)
    caption = (
        f"The size of the gradient in each layer of {len(deep)} networks with {SHALLOW} layers or more. From the "
        "output (right) to the input every layer multiplies by its weights and by σ′ ≤ 1/4: with small weights the "
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
    verdicts = {
        c.found["origin"]["epoch"]: c.found["verdict"] for c in judged if c.found["origin"]["kind"] == "trained"
    }
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
    "fault-matrix": fault_matrix,
    "magnitudes": _magnitudes,
    "ulps": _ulps,
    "training": _training,
}
