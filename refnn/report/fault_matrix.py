"""The fault matrix: planted bugs against gradient checkers."""

from __future__ import annotations

import json

from refnn.report.cases import Case
from refnn.report.record import Record
from refnn.report.resources import POWER
from refnn.report.style import GREEN, GREY, ORANGE, PAPER, Drawn, axes_of

NEVER, SOMETIMES, ALWAYS = "never", "sometimes", "always"


def fault_matrix(report: Record, judged: list[Case]) -> Drawn:
    columns = {"refnn, in this report": {f["name"]: (f["seen"], f["tried"]) for f in report["content"]["faults"]}}
    columns |= _peers()
    faults = [fault["name"] for fault in report["content"]["faults"] if fault["tried"]]
    if not faults:
        return None
    figure, axes = axes_of(0.9 + 0.155 * len(faults))
    axes.set(xlim=(-0.5, len(columns) - 0.5), ylim=(len(faults) - 0.5, -0.5))
    looks = {NEVER: (PAPER, ORANGE, "X", 26), SOMETIMES: (PAPER, GREY, "D", 16), ALWAYS: (GREEN, GREEN, "o", 26)}
    for x, counts in enumerate(columns.values()):
        for y, fault in enumerate(faults):
            seen, tried = counts.get(fault, (0, 0))
            if tried:
                face, edge, marker, size = looks[NEVER if seen == 0 else ALWAYS if seen == tried else SOMETIMES]
                face = ORANGE if seen == 0 else face
                axes.scatter(x, y, size, facecolors=face, edgecolors=edge, marker=marker, linewidths=1.0)
                if 0 < seen < tried:
                    axes.annotate(
                        f"{seen / tried:.0%}", (x, y), (4, 0), textcoords="offset points", fontsize=5.5, va="center"
                    )
    axes.set_yticks(range(len(faults)), faults, fontsize=6.5)
    axes.set_xticks(range(len(columns)), columns, rotation=38, ha="left", rotation_mode="anchor", fontsize=6.5)
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.spines[["left", "bottom"]].set_visible(False)
    for word, (face, edge, marker, _) in looks.items():
        axes.plot(
            [],
            [],
            marker,
            markerfacecolor=ORANGE if word == NEVER else face,
            markeredgecolor=edge,
            label=f"{word} seen",
        )
    axes.legend(loc="upper center", bbox_to_anchor=(0.35, -0.005), ncols=3, handletextpad=0.1, columnspacing=1)
    caption = (
        "Bugs that people really make, planted on purpose, against gradient checkers at their default settings: a "
        "circle for a bug seen on every network where it was tried, a diamond with the share for one seen on some, a "
        "cross for one never seen. A check counts once it has been seen to fail."
    )
    return "What a check would have seen", caption, figure


def _peers() -> dict[str, dict[str, tuple[int, int]]]:
    """Of the committed comparison with other checkers: by checker and fault, how often seen and tried."""
    columns: dict[str, dict[str, tuple[int, int]]] = {}
    if POWER.exists():
        for line in json.loads(POWER.read_text(encoding="utf-8"))["detection"]:
            column = columns.setdefault(line["checker"], {})
            seen, tried = column.get(line["fault"], (0, 0))
            column[line["fault"]] = seen + line["objections"], tried + line["trials"]
    return columns
