"""The commands of `refnn`, one file each: `add` declares its arguments, `run` does it and returns the exit status."""

import argparse
from typing import TypeAlias

from refnn.report.citation import citation_file
from refnn.report.draw.style import pyplot

Subparsers: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def widths(text: str) -> list[int]:
    """The value of --layer-dims."""
    return [int(n) for n in text.strip("[]()").split(",")]


def require_libraries() -> None:
    """The ImportError of a library that a report needs: better before the work than after it."""
    pyplot()
    citation_file()
