"""Files that a command writes: whole or not at all, and known to be writable before the work is done."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any


@contextmanager
def whole(path: Path, mode: str = "wb") -> Iterator[IO[Any]]:
    """A file to write, which takes the place of the one at the path once it is on the disk, and not before."""
    place = path.resolve()  # a link stays one
    part = _beside(place)
    try:
        with open(part, mode, **({} if "b" in mode else {"encoding": "utf-8", "newline": ""})) as file:  # type: ignore[call-overload]
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, place)
    finally:
        part.unlink(missing_ok=True)


def refuse_unwritable(*paths: Path) -> None:
    """The OSError or ValueError of a path that cannot be written; makes the folders that are missing."""
    for path in paths:
        place = path.resolve()
        if place.exists() and not place.is_file():
            raise ValueError(f"{path} is not a file that could be replaced")
        place.parent.mkdir(parents=True, exist_ok=True)
        part = _beside(place)
        part.touch()
        part.unlink()


def _beside(place: Path) -> Path:
    return place.with_name(f".{place.name}.{os.getpid()}.part")
