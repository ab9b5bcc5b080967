"""Files that are written whole or not at all, and known to be writable before the work is done."""

import contextlib
import errno
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path


def write_whole(files: Mapping[Path, bytes | None]) -> None:
    """Write files that belong together; None removes one.

    Each is on the disk, under a name of its own, before the first takes its place, and what stands there is kept until
    the last has: a full disk, an error or Ctrl-C leaves all that was there.
    """
    places = {_place(path): data for path, data in files.items()}
    parts = {place: _beside(place, "part") for place, data in places.items() if data is not None}
    try:
        for place, part in parts.items():
            with open(part, "wb") as file:
                if place.exists():
                    shutil.copymode(place, part)
                file.write(places[place] or b"")
                file.flush()
                os.fsync(file.fileno())
        with contextlib.ExitStack() as undo:
            for place in places:
                undo.callback(_put_back, place, _kept(place))
            for place in places:
                if place in parts:
                    os.replace(parts[place], place)
                else:
                    place.unlink(missing_ok=True)
            undo.pop_all()
    except OSError as error:  # that of a full disk names no file
        error.filename = error.filename or str(place)
        raise
    finally:
        for part in parts.values():
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)
    for place in places:
        _beside(place, "old").unlink(missing_ok=True)


def refuse_unwritable(*paths: Path, read: Sequence[Path] = ()) -> None:
    """The OSError or ValueError of a path that cannot be written, or is one that is read, or is there twice.

    Makes the folders that are missing.
    """
    for n, path in enumerate(paths):
        place = _place(path)
        for others, use in ((read, "read"), (paths[:n], "written, too")):
            for other in others:
                if place == _place(other) or (place.exists() and other.exists() and place.samefile(other)):
                    raise ValueError(f"{path} is to be written, but is the same file as {other}, which is {use}")
        if place.exists() and not place.is_file():
            raise ValueError(f"{path} is not a file that could be replaced")
        if place.exists() and not os.access(place, os.W_OK):
            raise PermissionError(f"{path} is read-only, expected a file that may be replaced")
        place.parent.mkdir(parents=True, exist_ok=True)
        part = _beside(place, "part")
        part.touch()
        part.unlink()


def refuse_unreadable(*paths: Path) -> None:
    """The OSError or ValueError of a path from which reading might never end; one that is not there passes."""
    for path in paths:
        if _place(path).exists() and not path.is_file():
            raise ValueError(f"{path} is not a regular file, expected one")


def _place(path: Path) -> Path:
    """Where a path leads, so that a link stays one."""
    place = Path(os.path.realpath(path))
    if place.is_symlink():
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
    return place


def _beside(place: Path, end: str) -> Path:
    return place.with_name(f".{place.name}.{os.getpid()}.{end}")


def _kept(place: Path) -> Path | None:
    """What stands there, under another name; None if nothing does."""
    if not place.exists():
        return None
    kept = _beside(place, "old")
    kept.unlink(missing_ok=True)
    try:
        os.link(place, kept)
    except OSError:  # not every file system has links
        shutil.copy2(place, kept)
    return kept


def _put_back(place: Path, kept: Path | None) -> None:
    if kept is None:
        place.unlink(missing_ok=True)
    elif place.exists() and place.samefile(kept):
        kept.unlink()
    else:
        os.replace(kept, place)
