"""Files are written whole or not at all: whatever ends the work, what was there stands, and nothing lies beside it."""

import os
from pathlib import Path

import pytest

from refnn._files import refuse_unreadable, refuse_unwritable, write_whole


@pytest.fixture
def folder(tmp_path):
    """Of an earlier result: three files that belong together."""
    for name in ("a", "b", "c"):
        (tmp_path / name).write_text(f"old {name}")
    return tmp_path


def held(folder):
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_files_are_replaced_made_and_removed(folder):
    write_whole({folder / "a": b"new a", folder / "b": None, folder / "d": b"", folder / "e": None})
    assert held(folder) == {"a": "new a", "c": "old c", "d": ""}


@pytest.mark.parametrize("ends", [OSError(28, "No space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize("at", ["fsync", "copymode"])
def test_what_ends_before_all_are_on_the_disk_leaves_every_old_one(folder, monkeypatch, ends, at):
    """The second is not there yet, though the first is."""
    calls = []

    def stops(*_):
        calls.append(1)
        if len(calls) == 2:
            raise ends

    monkeypatch.setattr("os.fsync" if at == "fsync" else "shutil.copymode", stops)
    before = held(folder)
    with pytest.raises(type(ends)):
        write_whole({folder / "a": b"new a", folder / "b": b"new b", folder / "c": None})
    assert held(folder) == before


@pytest.mark.parametrize("ends", [OSError(5, "Input/output error"), KeyboardInterrupt()])
@pytest.mark.parametrize("at", [1, 2, 3])
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("links", [True, False])
def test_what_ends_while_they_take_their_places_puts_every_old_one_back(folder, monkeypatch, ends, at, after, links):
    """Before or after the one that it stops at is in place, and where the file system has no hard links, too."""
    replace, calls = os.replace, []

    def stops(*paths):
        calls.append(paths)
        if len(calls) != at or after:
            replace(*paths)
        if len(calls) == at:
            raise ends

    def none(*_):
        raise PermissionError

    monkeypatch.setattr(os, "replace", stops)
    if not links:
        monkeypatch.setattr(os, "link", none)
    before = held(folder)
    with pytest.raises(type(ends)):
        write_whole({folder / "a": b"new a", folder / "c": None, folder / "d": b"new d", folder / "b": b"new b"})
    assert held(folder) == before


def test_a_full_disk_is_said_of_the_file_that_it_has_no_room_for(folder, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=f"No space left on device: '{folder / 'a'}'"):
        write_whole({folder / "a": b"new a"})


def test_a_link_stays_one_and_a_private_file_private(folder):
    (folder / "link").symlink_to(folder / "a")
    (folder / "a").chmod(0o600)
    write_whole({folder / "link": b"new a"})
    assert (folder / "link").is_symlink()
    assert (folder / "a").read_text() == "new a"
    assert (folder / "a").stat().st_mode & 0o777 == 0o600


def test_what_cannot_be_written_is_refused_and_nothing_is_left_of_the_trial(folder):
    before = held(folder)
    refuse_unwritable(folder / "a", folder / "new")
    assert held(folder) == before
    with pytest.raises(ValueError, match="is not a file that could be replaced"):
        refuse_unwritable(folder)
    with pytest.raises(OSError, match="a"):
        refuse_unwritable(folder / "a" / "below")
    if os.geteuid():  # root may write anywhere
        folder.chmod(0o500)
        with pytest.raises(PermissionError):
            refuse_unwritable(folder / "new")


def test_what_is_written_is_nothing_that_is_read_and_no_other_that_is_written(folder):
    """By whatever name it goes, and whether or not it is there yet."""
    (folder / "link").symlink_to(folder / "a")
    os.link(folder / "a", folder / "same")
    before = held(folder)
    refuse_unwritable(folder / "new", folder / "b", read=[folder / "a", folder / "nowhere"])
    for name in ("a", "link", "same"):
        with pytest.raises(ValueError, match=f"{name} is to be written, but is the same file as .*a, which is read"):
            refuse_unwritable(folder / "new", folder / name, read=[folder / "c", folder / "a"])
    for name in ("b", "new"):
        with pytest.raises(
            ValueError, match=f"{name} is to be written, but is the same file as .*{name}, which is wri"
        ):
            refuse_unwritable(folder / name, folder / "c", folder / ".." / folder.name / name)
    assert held(folder) == before


def test_a_file_that_is_read_only_is_not_replaced(folder, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: (path.name, mode) != ("a", os.W_OK))  # as no one but root
    refuse_unwritable(folder / "b", folder / "new")
    with pytest.raises(PermissionError, match="a is read-only, expected a file that may be replaced"):
        refuse_unwritable(folder / "a")


def test_a_link_that_leads_nowhere_is_refused(folder):
    (folder / "loop").symlink_to(folder / "loop")
    for refuse in (refuse_unwritable, refuse_unreadable):
        with pytest.raises(OSError, match="loop"):
            refuse(folder / "loop")


def test_what_might_never_end_is_not_read(folder):
    os.mkfifo(folder / "pipe")
    refuse_unreadable(folder / "a", folder / "nowhere")
    for path in (folder / "pipe", folder, "/dev/zero"):
        with pytest.raises(ValueError, match="is not a regular file, expected one"):
            refuse_unreadable(Path(path))
