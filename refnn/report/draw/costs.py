"""The costs of a training, drawn for `refnn train` and for a report."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from refnn.report.draw.style import BLUE, GREY, ORANGE, axes_of, few_marks


def cost_curves(training: Sequence[float], test: Sequence[float], baseline: float) -> tuple[Any, Any]:
    """The costs of both parts, from before the training to after its last epoch, and the baseline's on the test."""
    figure, axes = axes_of(xlabel="epoch", ylabel="mean cost J")
    mark = "." if len(test) < 2 else ""
    axes.semilogy(training, marker=mark, color=BLUE, label="training")
    axes.semilogy(test, marker=mark, color=ORANGE, label="test")
    if math.isfinite(baseline):  # not for a class that only the test examples have
        axes.axhline(baseline, color=GREY, linestyle="--", label="baseline of the test")
    few_marks(axes.yaxis)
    figure.legend(loc="outside lower center", ncols=3, columnspacing=1.2, handlelength=1.5)
    return figure, axes
