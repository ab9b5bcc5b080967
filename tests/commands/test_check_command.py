"""`refnn check` from the shell: what it prints and writes, its exit status, and what it leaves alone."""

import json
import os
import re
import shutil
import sqlite3
import sys
from pathlib import Path

import pytest

import refnn.commands
from refnn.__main__ import main
from refnn.article.module import FUNCTIONS, judge_module
from refnn.commands.source import definitions

MINE = '''
import numpy as np

print("imported")


def gradient(params, X, Y):
    """Plain backprop."""
    print("called")
    L, A = len(params) // 2, [X]
    for l in range(1, L + 1):
        A.append(1 / (1 + np.exp(-(params[f"W{l}"] @ A[-1] + params[f"b{l}"]))))
    grads, dZ = {}, (A[L] - Y) / Y.shape[1]
    for l in range(L, 0, -1):
        grads[f"dW{l}"], grads[f"db{l}"] = dZ @ A[l - 1].T, dZ.sum(axis=1, keepdims=True)
        dZ = params[f"W{l}"].T @ dZ * A[l - 1] * (1 - A[l - 1])
    return grads


class Net:
    gradient = staticmethod(gradient)


def for_one_shape(params, X, Y):
    assert X.shape[0] == 30, "this network takes 30 inputs"
    return gradient(params, X, Y)


not_a_function = 3
'''


@pytest.fixture
def mine(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "their_backprop.py"
    path.write_text(MINE)
    return path


@pytest.mark.parametrize("target", ["{}:gradient", "their_backprop:gradient", "their_backprop:Net.gradient"])
def test_a_right_backprop_passes_wherever_it_is_found(mine, capsys, target):
    assert main(["check", target.format(mine)]) == 0
    out = capsys.readouterr().out
    assert out.startswith("PASS")
    assert "imported" not in out
    assert "called" not in out


def test_a_wrong_backprop_is_named_and_the_status_says_so(mine, capsys, tmp_path):
    mine.write_text(MINE.replace("/ Y.shape[1]", ""))
    assert main(["check", f"{mine}:gradient", "--json", "result.json"]) == 1
    out = capsys.readouterr().out
    assert out.startswith("WRONG")
    assert "missing-mean" in out
    result = json.loads((tmp_path / "result.json").read_text())
    assert result["verdict"] == "WRONG"
    assert [cause["faults"] for cause in result["diagnosis"]["causes"]] == [["missing-mean"]]


def test_the_judged_file_sees_no_arguments_of_ours(mine, capsys, monkeypatch):
    arguments = ["refnn", "check", "their_backprop.py:gradient"]
    monkeypatch.setattr(sys, "argv", arguments)
    mine.write_text("import argparse\nrate = argparse.ArgumentParser().parse_args()\n" + MINE)
    assert main(["check", f"{mine}:gradient"]) == 0, capsys.readouterr().err
    assert sys.argv is arguments


def test_the_judged_file_and_its_folder_are_left_as_they_were(mine, tmp_path):
    before = mine.stat()
    assert main(["check", f"{mine}:gradient"]) == 0
    after = mine.stat()
    assert (before.st_mtime_ns, before.st_size, mine.read_text()) == (after.st_mtime_ns, after.st_size, MINE)
    assert [path.name for path in tmp_path.iterdir()] == ["their_backprop.py"]


CHANGES = """
open("rewritten", "w").write("judged")
open("appended", "a").write("judged")
Path("written").write_text("judged")
os.write(os.open("from_below", os.O_WRONLY), b"judged")
bz2.open("packed", "wt").write("judged")
os.open("emptied", os.O_TRUNC)
np.savetxt("table", np.ones(2))
np.save(Path("array.npy"), np.ones(2))
np.memmap("mapped", mode="r+")[:] = 0
Path("new.part").write_text("judged"), os.replace("new.part", "replaced")
os.rename("renamed", "elsewhere")
os.remove("removed")
os.truncate("truncated", 1)
os.chmod("changed", 0o600), open("changed", "w").write("judged")
os.utime("touched"), open("touched", "w").write("judged")
os.chown("owned", os.getuid(), -1), open("owned", "w").write("judged")
os.link("linked", "link"), open("linked", "w").write("judged")
shutil.rmtree("folder")
shutil.copy("their_backprop.py", "copied")
open("leads_there", "w").write("judged")
Path("replaced_link").unlink(), Path("replaced_link").write_text("judged")
sqlite3.connect("data.base").executescript("create table t (x); insert into t values (1)").connection.close()
os.rename("renamed_too", "linked_to"), os.symlink("linked_to", "renamed_too")
os.remove("leads_to_folder")
times = os.stat("timed"); open("timed", "w").write("THE USER'S"); os.utime("timed", ns=(0, times.st_mtime_ns))
open("read", "r+").read()
"""


def test_files_that_the_judged_code_changes_are_put_back(mine, capsys):
    """Each line of CHANGES changes the file that it names; one that stays as it is keeps its place on the disk, too."""
    names = [re.search(r'"([\w.]+)"', line)[1] for line in CHANGES.strip().splitlines() if "new.part" not in line]
    names = [name for name in names if name != "their_backprop.py"] + ["replaced", "copied", "there"]
    for name in {*names} - {"folder", "leads_there", "leads_to_folder", "replaced_link", "data.base"}:
        Path(name).write_text("the user's")
    sqlite3.connect("data.base").executescript("create table s (x)").connection.close()
    os.symlink("there", "leads_there")
    os.symlink("there", "replaced_link")
    os.symlink(".", "leads_to_folder")
    Path("folder/deep").mkdir(parents=True)
    Path("folder/deep/file").write_text("the user's")
    before = looked_at(mine.parent)
    inode = Path("read").stat().st_ino
    lines = "".join(f"        {line}\n" for line in CHANGES.strip().splitlines())
    imports = "import bz2, os, shutil, sqlite3\nfrom pathlib import Path\n"
    once = f'    if not Path("new").exists():\n{lines}        Path("new").write_text("theirs to write")\n'
    seen = '    assert Path("replaced").read_text() == "judged" and not Path("folder").exists()\n'
    mine.write_text(imports + MINE.replace('    print("called")\n', once + seen))
    before["their_backprop.py"] = mine.read_bytes()
    assert main(["check", f"{mine}:gradient"]) == 0, capsys.readouterr()
    after = looked_at(mine.parent)
    assert {name: after.pop(name) for name in ("new", "elsewhere", "link", "linked_to")}["new"] == b"theirs to write"
    assert after == before
    assert Path("read").stat().st_ino == inode


def looked_at(folder):
    """The content of each file, or where a link leads."""
    files = [path for path in folder.rglob("*") if path.is_symlink() or path.is_file()]
    return {
        str(path.relative_to(folder)): os.readlink(path) if path.is_symlink() else path.read_bytes() for path in files
    }


def test_what_cannot_be_put_back_is_said_with_where_its_copy_is(mine, capsys):
    Path("model").write_text("trained for a week")
    mine.write_text(
        MINE.replace('print("called")', 'import os; os.path.isdir("model") or (os.remove("model"), os.mkdir("model"))')
    )
    assert main(["check", f"{mine}:gradient"]) == 2
    said = capsys.readouterr().err
    assert f"{mine.parent / 'model'} was changed by the judged code, and what it was stands in " in said
    copy = Path(said.split("stands in ")[1].split(": [Errno")[0])
    assert copy.read_text() == "trained for a week"
    assert [*mine.parent.glob(".*")] == []
    shutil.rmtree(next(folder for folder in copy.parents if folder.name == "whole").parent)


@pytest.mark.parametrize(("imported", "status"), [("sigmoid", 2), ("*", 2), ("another", 0), ("sigmoid as another", 0)])
def test_a_function_of_a_module_that_is_not_there_is_not_judged(tmp_path, capsys, imported, status):
    source = (Path(__file__).parents[1] / "article" / "mended_article.txt").read_text()
    path = tmp_path / "theirs.py"
    path.write_text(
        f"from not_there import {imported}\nuses = another if 0 else 1\n"
        + source.replace("    m = Y.", "    uses\n    m = Y.")
    )
    assert main(["check", str(path)]) == status, capsys.readouterr()


def test_layer_dims_judge_code_that_is_made_for_one_shape(mine, capsys):
    assert main(["check", f"{mine}:for_one_shape"]) == 1
    assert "this network takes 30 inputs" in capsys.readouterr().out
    assert main(["check", f"{mine}:for_one_shape", "--layer-dims", "30,4,1"]) == 0
    assert main(["check", f"{mine}:for_one_shape", "--layer-dims", "[30, 4, 1]", "--m", "3", "--seed", "7"]) == 0


def test_a_blind_check_is_no_pass(mine, capsys):
    assert main(["check", f"{mine}:gradient", "--m", "1"]) == 4
    assert capsys.readouterr().out.startswith("BLIND")


@pytest.mark.usefixtures("mine")
@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("nowhere.py:gradient", "there is no file nowhere.py"),
        ("nowhere.py", "nowhere.py"),
        ("no_such_module:gradient", "importing no_such_module raised ModuleNotFoundError"),
        ("their_backprop:nothing", "their_backprop has no nothing"),
        ("their_backprop:not_a_function", "is int, expected a function (params, X, Y) -> grads"),
        ("their_backprop", "is neither MODULE:FUNCTION nor the path of a .py file"),
        ("their_backprop:Net", "cannot be called with (params, X, Y): too many positional arguments"),
        ("of.mine.py:gradient", "cannot be imported, as its name has a dot"),
        ("json.py:gradient", "has the name of a module that is loaded already"),
        ("exits.py:gradient", "importing exits.py raised SystemExit"),
        ("broken.py:gradient", "importing broken.py raised SyntaxError"),
        ("their_backprop.py", "none of the article's functions is defined"),
    ],
)
def test_what_cannot_be_judged_has_status_2_and_a_reason(tmp_path, capsys, target, message):
    (tmp_path / "json.py").write_text(MINE)
    (tmp_path / "of.mine.py").write_text(MINE)
    (tmp_path / "exits.py").write_text("raise SystemExit")
    (tmp_path / "broken.py").write_text("def gradient(:")
    assert main(["check", target]) == 2
    assert message in capsys.readouterr().err


RAISES = """
class Raises:
    def __getattribute__(self, name):
        raise RuntimeError(name)

    def __call__(self, params, X, Y):
        return {}
"""
LOOKED_AT = {
    "signature": (f"{RAISES}\ngradient = Raises()\n".encode(), "RuntimeError: __class__"),
    "attribute": (b"def __getattr__(name):\n    raise RuntimeError(name)\n", "RuntimeError: gradient"),
    "own_file": (b"__file__ = 3\ngradient = print\n", "TypeError"),
}
PARSED = {
    "nested": (b"x = 1" + b" + 1" * 100_000, "RecursionError"),
    "latin": (b"# \xe9", "SyntaxError: invalid or missing encoding declaration"),  # Python looks for one in two lines
    "latin_below": (b"\n\n# \xe9", "UnicodeDecodeError"),
}


@pytest.mark.parametrize("name", [*LOOKED_AT, *PARSED])
def test_what_raises_where_it_is_looked_at_is_named(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    source, said = {**LOOKED_AT, **PARSED}[name]
    (tmp_path / f"{name}.py").write_bytes(source)
    target = f"{name}.py:gradient" if name in LOOKED_AT else f"{name}.py"
    assert main(["check", target]) == 2
    assert capsys.readouterr().err.startswith(f"refnn: reading {target} raised {said}")


def test_a_link_to_itself_is_no_file(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "loop.py").symlink_to("loop.py")
    for target in ("loop.py:gradient", "loop.py"):
        assert main(["check", target]) == 2
        err = capsys.readouterr().err
        assert "loop.py" in err
        assert "Traceback" not in err


@pytest.mark.parametrize(
    "arguments", [["--layer-dims", "4,0,1"], ["--layer-dims", "4"], ["--m", "0"], ["--seed", "-1"]]
)
def test_unusable_options_have_status_2(mine, capsys, arguments):
    assert main(["check", f"{mine}:gradient", *arguments]) == 2
    assert capsys.readouterr().err


def test_a_file_after_the_article_is_judged_function_by_function(tmp_path, capsys):
    mended = (Path(__file__).parents[1] / "article" / "mended_article.txt").read_text()
    path = tmp_path / "article.py"
    path.write_text(mended)
    assert main(["check", str(path), "--json", str(tmp_path / "result.json")]) == 0
    path.write_text(mended.replace("S * (1 - S)", "S"))
    assert main(["check", str(path), "--json", str(tmp_path / "result.json")]) == 1
    result = json.loads((tmp_path / "result.json").read_text())
    assert {f["name"]: f["verdict"] for f in result["functions"]}["one_layer_backward"] == "WRONG"
    path.write_text(mended.replace("np.dot(W.T, dZ)", ", dZ)"))
    capsys.readouterr()
    assert main(["check", str(path)]) == 2
    assert "a call was lost here" in capsys.readouterr().out


def test_a_file_without_backprop_leaves_it_undecided(mine, capsys):
    mine.write_text("import numpy as np\n\n\ndef sigmoid(Z):\n    return 1 / (1 + np.exp(-Z)), Z\n")
    assert main(["check", str(mine)]) == 3
    assert "UNRELIABLE: backprop was not judged" in capsys.readouterr().out


@pytest.mark.parametrize("source", ["def f(:", "'''", "x = (", "def sigmoid(Z):\n", "\\", "\x00"])
def test_what_cannot_be_read_at_all_is_reported_and_ends(tmp_path, source):
    path = tmp_path / "broken.py"
    path.write_text(source)
    found = definitions(path, FUNCTIONS)
    assert found.problems
    with pytest.raises(ValueError, match="none of the article's functions"):
        judge_module(found.namespace)


@pytest.mark.parametrize(
    "target", ["{}", "{}:gradient", "their_backprop:gradient", "{}:gradient --cost their_backprop:f"]
)
def test_the_judged_file_is_not_written_over(mine, capsys, target):
    arguments = target.format("their_backprop.py").split()
    for options in (["--json", str(mine)], ["--json", "link.json"]):
        if options[1] == "link.json":
            Path("link.json").symlink_to(mine)
        assert main(["check", *arguments, *options]) == 2
        assert f"{options[1]} is to be written, but is the same file as their_backprop.py" in capsys.readouterr().err
    assert mine.read_text() == MINE


@pytest.mark.parametrize("name", ["report.json", "report.html", "figures/pairs.svg", "../rr/report.json"])
def test_the_result_and_the_report_do_not_write_over_each_other(tmp_path, monkeypatch, capsys, name):
    monkeypatch.chdir(tmp_path)
    assert main(["check", "mine.py:gradient", "--report", "rr", "--json", f"rr/{name}"]) == 2
    assert f"rr/{name} is to be written, but is the same file as rr/" in capsys.readouterr().err


def test_the_result_is_saved_though_nothing_can_be_said(mine, monkeypatch):
    monkeypatch.setattr(refnn.commands, "print", full_disk, raising=False)
    for target in (f"{mine}:gradient", str(mine)):
        assert main(["check", target, "--json", "result.json"]) == 2
        assert json.loads(Path("result.json").read_text(encoding="utf-8"))["verdict"] == "PASS"
        Path("result.json").unlink()
        mine.write_text(Path(refnn.network.__file__).read_text(encoding="utf-8"), encoding="utf-8")


def full_disk(*_, **__):
    raise OSError(28, "No space left on device")


def test_a_pipe_is_not_waited_for(tmp_path, capsys):
    os.mkfifo(tmp_path / "pipe.py")
    assert main(["check", str(tmp_path / "pipe.py")]) == 2
    assert "pipe.py is not a regular file, expected one" in capsys.readouterr().err
