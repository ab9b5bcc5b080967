"""Work on many places, done in this process or shared out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

from refnn._progress import bar


@dataclass(frozen=True)
class Workers:
    """Where a function is run on many tasks, and whether a bar on a terminal shows how far it is."""

    executor: Executor | None = None
    progress: bool = False

    def __post_init__(self) -> None:
        if not (self.executor is None or hasattr(self.executor, "map")):
            raise TypeError(f"executor is {type(self.executor).__name__}, expected a concurrent.futures.Executor")

    def __call__(self, work: Callable[[Any], Any], tasks: Sequence[Any], label: str) -> list[Any]:
        results = (map if self.executor is None else self.executor.map)(work, tasks)
        return list(bar(results, label, total=len(tasks), show=self.progress))


ALONE = Workers()
