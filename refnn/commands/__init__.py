"""The commands of `refnn`, one file each: `add` declares its arguments, `run` does it and returns the exit status."""

import argparse
import contextlib
import sys
from typing import TypeAlias

from refnn.gradcheck.verdict.result import Verdict

Subparsers: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"

UNUSABLE = 2  # argparse's, too
STOPPED = 130  # as a shell has it
STATUS = {Verdict.PASS: 0, Verdict.WRONG: 1, Verdict.UNRELIABLE: 3, Verdict.BLIND: 4}
EXIT_STATUS = (
    "Exit status: 0 done, or PASS; 1 WRONG; 2 arguments or input that cannot be used; 3 UNRELIABLE, the numbers cannot "
    "decide; 4 BLIND, a fault could not have been seen; 130 stopped by Ctrl-C."
)


def say(text: object, *, end: str = "\n") -> None:
    """Print; a reader that has seen enough, `head` perhaps, changes nothing of what is still to be done."""
    with contextlib.suppress(BrokenPipeError):
        print(text, end=end, flush=True)


def warn(text: object) -> None:
    """Print to stderr; if that cannot be written, on a full disk perhaps, no exit status is another for it."""
    with contextlib.suppress(OSError):
        print(text, file=sys.stderr, flush=True)


def widths(text: str) -> list[int]:
    """The value of --layer-dims."""
    return [int(n) for n in text.strip("[]()").split(",")]


def names(text: str) -> str | list[str]:
    """The value of --hidden or --output: one name, or several with commas between them."""
    return text.split(",") if "," in text else text
