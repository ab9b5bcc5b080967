"""Files are written whole or not at all: whatever ends the work, what was there stands, and nothing lies beside it."""

import os

import pytest

from refnn._files import refuse_unwritable, write_whole


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
