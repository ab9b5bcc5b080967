"""The user's files as they were: what judged code would change is copied first, and put back when that code has ended.

The copies are made by an audit hook, which Python tells of the files that it opens for writing, renames, removes or
truncates. It tells nothing of what compiled code or another program writes, as `torch.save` and `os.system` do, and no
place of a file that is named beside an open folder (dir_fd).
"""

import contextlib
import filecmp
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

WRITING = os.O_WRONLY | os.O_RDWR | os.O_TRUNC
# From the arguments of an event to the paths that it changes, or whose times, by which the young are known.
CHANGES: dict[str, Callable[..., tuple[Any, ...]]] = {
    "open": lambda path, _, flags: (path,) if flags & WRITING else (),
    "os.rename": lambda old, new, *_: (old, new),
    **dict.fromkeys(
        ("os.remove", "shutil.rmtree", "os.truncate", "sqlite3.connect", "os.link", "os.chmod", "os.chown", "os.utime"),
        lambda path, *_: (path,),
    ),
}


def keep(folder: Path) -> None:
    """From now on, copy a file there before this process changes it, unless it is younger than this call."""
    began = time.time()

    def before(event: str, arguments: tuple[Any, ...]) -> None:
        if event in CHANGES:
            for path in CHANGES[event](*arguments):
                if isinstance(path, str | bytes | os.PathLike):  # and no descriptor, which has been opened before
                    for file in _files(Path(os.path.abspath(os.fsdecode(path)))):
                        if file.lstat().st_ctime < began:
                            _copy(file, folder)

    sys.addaudithook(before)


def put_back(folder: Path) -> None:
    """Make each file that was copied there what it was, and remove the folder; an OSError says what cannot be, and
    where its copy is."""
    whole = folder / "whole"
    for copy in _files(whole):
        anchor, *parts = copy.relative_to(whole).parts
        path = Path(unquote(anchor), *parts)
        part = path.with_name(f".{path.name}.{os.getpid()}.part")
        try:
            if not _same(copy, path):
                path.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(copy, part, follow_symlinks=False)
                os.replace(part, path)
        except OSError as error:
            with contextlib.suppress(OSError):
                part.unlink()
            raise OSError(f"{path} was changed by the judged code, and what it was stands in {copy}: {error}") from None
    shutil.rmtree(folder, ignore_errors=True)


def _files(path: Path) -> Iterator[Path]:
    """The file there, and where a link leads; of a folder all files."""
    for place in {path, Path(os.path.realpath(path))}:
        found = place.rglob("*") if place.is_dir() and not place.is_symlink() else [place]
        yield from (file for file in found if file.is_symlink() or file.is_file())


def _same(copy: Path, path: Path) -> bool:
    if copy.is_symlink():
        return path.is_symlink() and os.readlink(copy) == os.readlink(path)
    return path.is_file() and not path.is_symlink() and filecmp.cmp(copy, path, shallow=False)


def _copy(file: Path, folder: Path) -> None:
    """Whole or not at all, and once: of two processes that would copy it, the first."""
    copy = folder.joinpath("whole", quote(file.anchor, safe=""), *file.parts[1:])
    if not os.path.lexists(copy):
        part = folder / f"{os.getpid()}.{threading.get_ident()}"
        shutil.copy2(file, part, follow_symlinks=False)
        copy.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            os.link(part, copy, follow_symlinks=False)
        part.unlink()
