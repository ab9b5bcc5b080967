"""How the figures look, and how one becomes SVG and PNG.

Text and lines are of one ink and data of colours that people of all kinds of colour vision tell apart; weight scales
take a sequence that also darkens. On a page these colours are CSS variables, so that a figure follows the page into its
dark mode. Text stays text, in the page's own font, and large enough for a figure as narrow as a phone.
"""

from __future__ import annotations

import io
import math
import re
from typing import Any

INK, FAINT, PAPER = "#1c1e21", "#c9ccd1", "#ffffff"
BLUE, ORANGE, GREEN, GREY = "#0072b2", "#c45500", "#00785a", "#7c828a"
SEQUENCE = ("#1b0c6b", "#a5297a", "#b85a12", "#8a6800")
DARK = {
    INK: "#e6e8eb",
    FAINT: "#454b54",
    PAPER: "#16191d",
    BLUE: "#56b4e9",
    ORANGE: "#ff9a4d",
    GREEN: "#3fcf9f",
    GREY: "#a2a9b3",
    **dict(zip(SEQUENCE, ("#9a8cff", "#ee86c4", "#ffac70", "#ffe06b"))),
}
WIDTH, HEIGHT = 3.5, 2.8  # inches, a column of a paper
TEXT = 8  # points, of all text: on a phone 320 pixels wide, 10 pixels
FONTS = "'DejaVu Sans', sans-serif"  # in a file; a page has its own
SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
SETTINGS = {
    "font.size": TEXT,
    "font.sans-serif": ["DejaVu Sans", "sans-serif"],
    **dict.fromkeys(
        ("axes.titlesize", "axes.labelsize", "legend.fontsize", "xtick.labelsize", "ytick.labelsize"), TEXT
    ),
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.7,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": FAINT,
    "grid.linewidth": 0.4,
    "lines.linewidth": 1.5,
    "lines.markersize": 4,
    "svg.fonttype": "none",
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


def axes_of(height: float = HEIGHT, **labels: Any) -> tuple[Any, Any]:
    """A figure as wide as a column, and its axes."""
    figure, axes = pyplot().subplots(figsize=(WIDTH, height), layout="constrained")
    axes.set(**labels)
    return figure, axes


def few_marks(axis: Any) -> None:
    """On a logarithmic axis whose limits are set, in plain text: powers of ten; where there are one or two, more."""
    least, most = (math.log10(limit) for limit in axis.get_view_interval())
    marks = {10.0**k: power_of_ten(k) for k in few_decades(least, most)}
    if most - least < 2.5:
        decades = range(math.floor(least), math.ceil(most) + 1)
        every = {x: f"{x:g}" for k in decades for x in (10.0**k, 2 * 10.0**k, 5 * 10.0**k)}
        marks = {x: text for x, text in every.items() if least <= math.log10(x) <= most}
    axis.set_ticks(list(marks), list(marks.values()))
    axis.set_ticks([], minor=True)


def few_decades(least: float, most: float) -> list[int]:
    every = next(n for n in (1, 2, 3, 4, 5, 10, 20, 50, 100, 200) if most - least < 6 * n)
    return [k for k in range(math.ceil(least), math.floor(most) + 1) if k % every == 0]


def power_of_ten(k: int) -> str:
    return {0: "1", 1: "10"}.get(k, f"10{str(k).translate(SUPERSCRIPT)}")


def settings(name: str) -> Any:
    """The settings for drawing the figure of that name; a figure gives the same file, whatever a user has set."""
    return pyplot().style.context(["default", {**SETTINGS, "svg.hashsalt": name}])


def svg(figure: Any) -> str:
    """The figure as a file of its own, to a hundredth of a point, without what nothing refers to."""
    file = io.StringIO()
    figure.savefig(file, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    text = re.sub(r"\d+\.\d{3,}", lambda number: f"{float(number[0]):.2f}".rstrip("0").rstrip("."), file.getvalue())
    text = re.sub(r'<!-- .*? -->| id="[\w.]+_\d+"| transform="rotate\(-?0 [^"]*"', "", text)
    return re.sub(r"\s+", " ", text).replace("> <", ">\n<")


def png(figure: Any) -> bytes:
    """For slides and papers that take no SVG, at 300 dots an inch."""
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=300, metadata={"Software": None})
    return data.getvalue()


def inline(svg_text: str, label: str) -> str:
    """The figure as an element of a page: named, scalable, with colours that the page sets."""
    text = svg_text[svg_text.index("<svg") :].replace(f" font-family: {FONTS};", "")
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
