"""The fault matrix: planted bugs against gradient checkers."""

from __future__ import annotations

import json

from refnn.report.draw.style import GREEN, INK, ORANGE, PAPER, Drawn, axes_of
from refnn.report.record import Record
from refnn.report.replay.cases import Case
from refnn.report.resources import POWER

RIGHT = "none"  # what the comparison calls a right gradient


def fault_matrix(report: Record, judged: list[Case]) -> Drawn:
    columns = {"refnn, in this report": {f["name"]: (f["seen"], f["tried"]) for f in report["content"]["faults"]}}
    peers = _peers()
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
        "Bugs that people really make, planted on purpose, against gradient checkers at their default settings: a "
        "circle where the bug was seen on every network on which it was tried, a cross where on none, else the share. "
        "A check counts once it has been seen to fail."
        + (
            " All columns but the first were measured on networks chosen to show faults (make bench-power)."
            if peers
            else ""
        )
    )
    return "What a check would have seen", caption, figure


def _peers() -> dict[str, dict[str, tuple[int, int]]]:
    """Of the committed comparison with other checkers: by checker and fault, how often seen and tried."""
    columns: dict[str, dict[str, tuple[int, int]]] = {}
    if POWER.exists():
        for line in json.loads(POWER.read_text(encoding="utf-8"))["detection"]:
            if line["fault"] == RIGHT:
                continue
            column = columns.setdefault(line["checker"], {})
            seen, tried = column.get(line["fault"], (0, 0))
            column[line["fault"]] = seen + line["objections"], tried + line["trials"]
    return columns
