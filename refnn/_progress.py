"""Progress of long work: a bar on a terminal, nothing in a pipe."""

import sys
from collections.abc import Iterable, Iterator
from typing import Any


def bar(items: Iterable[Any], label: str, *, total: int | None = None, show: bool = True) -> Iterator[Any]:
    """The items, with a tqdm bar on standard error when it is a terminal."""
    if not (show and sys.stderr.isatty()):
        return iter(items)
    try:
        from tqdm import tqdm
    except ImportError:
        raise ImportError('a progress bar needs tqdm: pip install "refnn[report]"') from None
    return iter(tqdm(items, desc=label, total=total, leave=False))
