"""Progress of long work: a bar on a terminal, if tqdm is there, and nothing in a pipe."""

import contextlib
import sys
from collections.abc import Iterable, Iterator
from typing import Any


def bar(items: Iterable[Any], label: str, *, total: int | None = None, show: bool = True) -> Iterator[Any]:
    """The items, with a tqdm bar on standard error when it is a terminal."""
    if show and sys.stderr and sys.stderr.isatty():  # it may be closed
        with contextlib.suppress(ImportError):  # a convenience: without it the work goes on
            from tqdm import tqdm

            return iter(tqdm(items, desc=label, total=total, leave=False))
    return iter(items)
