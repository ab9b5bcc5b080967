"""The commands of `refnn`, one file each: `add` declares its arguments, `run` does it and returns the exit status."""

import argparse
from typing import TypeAlias

Subparsers: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def widths(text: str) -> list[int]:
    """The value of --layer-dims."""
    return [int(n) for n in text.strip("[]()").split(",")]
