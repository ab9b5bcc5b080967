"""Files that are written whole or not at all, and known to be writable before the work is done."""

import contextlib
import os
import shutil
from collections.abc import Mapping
from pathlib import Path


def write_whole(files: Mapping[Path, bytes | None]) -> None:
    """Write files that belong together; None removes one.

    Each is on the disk, under a name of its own, before the first takes its place: a full disk, an error or Ctrl-C
    leaves all that was there.
    """
    parts = {path: _beside(path) for path, data in files.items() if data is not None}
    try:
        for path, part in parts.items():
            with open(part, "wb") as file:
                if path.exists():
                    shutil.copymode(path, part)
                file.write(files[path] or b"")
                file.flush()
                os.fsync(file.fileno())
        for path, part in parts.items():
            os.replace(part, path.resolve())  # a link stays one
        for path in files.keys() - parts.keys():
            path.unlink(missing_ok=True)
    finally:
        for part in parts.values():
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)


def refuse_unwritable(*paths: Path) -> None:
    """The OSError or ValueError of a path that cannot be written; makes the folders that are missing."""
    for path in paths:
        place = path.resolve()
        if place.exists() and not place.is_file():
            raise ValueError(f"{path} is not a file that could be replaced")
        place.parent.mkdir(parents=True, exist_ok=True)
        part = _beside(path)
        part.touch()
        part.unlink()


def _beside(path: Path) -> Path:
    place = path.resolve()
    return place.with_name(f".{place.name}.{os.getpid()}.part")
