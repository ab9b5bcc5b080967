"""Figures, drawn with matplotlib where it is installed (extra `report`)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from refnn._shapes import Number


def pyplot() -> Any:
    """matplotlib.pyplot without a window, or an error that says what to install."""
    try:
        import matplotlib
    except ImportError:
        raise ImportError('figures need matplotlib: pip install "refnn[report]"') from None
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    return plt


def save_cost_history(costs: Sequence[Number], path: Path, *, title: str) -> None:
    """The cost of every epoch, on a logarithmic scale, as a PNG."""
    plt = pyplot()
    figure, axes = plt.subplots(figsize=(5, 3.2), layout="constrained")
    axes.semilogy(range(1, len(costs) + 1), costs, color="#0072b2")
    axes.set(xlabel="epoch", ylabel="mean cost J", title=title)
    axes.grid(which="both", color="#dddddd", linewidth=0.6)
    figure.savefig(path, dpi=200)
    plt.close(figure)
