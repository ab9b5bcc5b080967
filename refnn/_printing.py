"""What is printed fits a terminal of 80 columns."""

import textwrap
from collections.abc import Iterable

from refnn._shapes import printable

WIDTH = 80


def folded(lines: Iterable[str]) -> str:
    """The lines as one text; what is too long goes on below, two columns further in than it began."""
    return "\n".join(
        textwrap.fill(printable(line), WIDTH, subsequent_indent=" " * (indent(line) + 2), break_on_hyphens=False)
        for line in lines
    )


def indent(line: str) -> int:
    return len(line) - len(line.lstrip())
