"""How the figures look, and how one becomes SVG and PNG.

Text and lines are of one ink and data of colours that people of all kinds of colour vision tell apart; layers and
weight scales take a sequence that also darkens. On a page these colours are CSS variables, so that a figure follows the
page into its dark mode.
"""

from __future__ import annotations

import io
import re
from typing import Any

INK, FAINT, PAPER = "#1c1e21", "#c9ccd1", "#ffffff"
BLUE, ORANGE, GREEN, GREY = "#0072b2", "#d55e00", "#00785a", "#7c828a"
SEQUENCE = ("#1b0c6b", "#6a00a8", "#a5297a", "#cf4a58", "#d2691e", "#a67c00")
DARK = {
    INK: "#e6e8eb",
    FAINT: "#454b54",
    PAPER: "#16191d",
    BLUE: "#56b4e9",
    ORANGE: "#ff9a4d",
    GREEN: "#3fcf9f",
    GREY: "#a2a9b3",
    **dict(zip(SEQUENCE, ("#9a8cff", "#c58cff", "#ee86c4", "#ff8f94", "#ffac70", "#ffe06b"))),
}
MARKERS = "os^Dv*"
WIDTH = 3.5  # inches, a column of a paper
SETTINGS = {
    "font.size": 8,
    "axes.titlesize": 8.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "legend.fontsize": 7,
    "legend.frameon": False,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.7,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": FAINT,
    "grid.linewidth": 0.4,
    "lines.linewidth": 1.3,
    "lines.markersize": 4,
    "svg.fonttype": "path",
    **dict.fromkeys(("text.color", "axes.edgecolor", "axes.labelcolor", "axes.titlecolor"), INK),
    **dict.fromkeys(("xtick.color", "ytick.color"), INK),
    **dict.fromkeys(("figure.facecolor", "axes.facecolor", "savefig.facecolor"), PAPER),
}


def pyplot() -> Any:
    """matplotlib.pyplot without a window, or an error that says what to install."""
    try:
        import matplotlib
    except ImportError:
        raise ImportError('figures need matplotlib: pip install "refnn[report]"') from None
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    return plt


def axes_of(height: float, **labels: Any) -> tuple[Any, Any]:
    """A figure as wide as a column, and its axes."""
    figure, axes = pyplot().subplots(figsize=(WIDTH, height), layout="constrained")
    axes.set(**labels)
    return figure, axes


def settings(name: str) -> Any:
    """The settings for drawing the figure of that name; the same figure gives the same file."""
    return pyplot().rc_context({**SETTINGS, "svg.hashsalt": name})


def svg(figure: Any) -> str:
    """The figure as a file of its own."""
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    return text.getvalue()


def png(figure: Any) -> bytes:
    """For slides and papers that take no SVG, at 300 dots an inch."""
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=300, metadata={"Software": None})
    return data.getvalue()


def inline(svg_text: str, name: str, label: str) -> str:
    """The figure as an element of a page: named, scalable, with ids of its own and colours that the page sets."""
    text = svg_text[svg_text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.S)
    text = re.sub(r'\b(id="|href="#|url\(#)', rf"\g<1>{name}-", text)
    for colour in DARK:
        text = text.replace(colour, f"var(--{colour[1:]})")
    box = re.search(r'viewBox="[^"]*"', text)
    assert box is not None
    head = f'<svg role="img" aria-label="{label}" {box[0]} xmlns:xlink="http://www.w3.org/1999/xlink">'
    return head + text[text.index(">") + 1 :]


def css() -> str:
    """The colours in light and in dark, as CSS variables."""

    def block(values: dict[str, str]) -> str:
        return " ".join(f"--{name[1:]}: {value};" for name, value in values.items())

    light, dark = block({colour: colour for colour in DARK}), block(DARK)
    return f":root {{ {light} }}\n@media (prefers-color-scheme: dark) {{ @media screen {{ :root {{ {dark} }} }} }}\n"
