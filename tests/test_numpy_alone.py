"""What a user meets on a terminal after `pip install .`, with NumPy and nothing else: no bar, no figure, no crash."""

import os
import pty
import subprocess
import sys

import pytest
from test_rules import EXTRAS, ROOT, snippets

from refnn.__main__ import COMMANDS

ALONE = f"import sys; sys.modules.update(dict.fromkeys({sorted(EXTRAS | {'scipy'})}))\n"
COMMAND = f"{ALONE}from refnn.__main__ import main; sys.exit(main(sys.argv[1:]))"
DATA = str(ROOT / "proofs/data/wdbc.csv")
MINE = """
import refnn


def gradient(params, X, Y):
    AL, caches = refnn.forward_prop(X, params)
    return refnn.backprop(AL, Y, caches)
"""
# The arguments of each command, its exit status, and what it says; what takes an extra names it.
RUNS = [
    (["check", "mine.py:gradient"], 0, "PASS on "),
    (["check", "mine.py:gradient", "--report", "out"], 2, 'pip install "refnn[report]"'),
    (["report", "--out", "out"], 2, 'pip install "refnn[report]"'),
    (["verify", str(ROOT / "proofs/reports/reference")], 2, 'pip install "refnn[report]"'),
    (["certify", str(ROOT / "proofs/reports/reference")], 2, 'pip install "refnn[report]"'),
    (
        ["train", DATA, "--target", "malignant", "--epochs", "1"],
        0,
        'no cost.png: figures need matplotlib: pip install "refnn[report]"',
    ),
    (["predict", "refnn-train/network.npz", DATA, "--out", "predicted.csv"], 0, ""),
]


def on_a_terminal(arguments, folder):
    """The exit status of Python with these arguments, and what the user sees, but for the colours of its tracebacks."""
    ours, theirs = pty.openpty()
    told = {
        "stdin": theirs,
        "stdout": theirs,
        "stderr": theirs,
        "cwd": folder,
        "env": os.environ | {"PYTHON_COLORS": "0"},
    }
    with subprocess.Popen([sys.executable, *arguments], **told) as run:
        os.close(theirs)
        shown = b""
        try:
            while part := os.read(ours, 4096):
                shown += part
        except OSError:  # so Linux says that the other end is closed
            pass
        os.close(ours)
    return run.returncode, shown.decode().replace("\r\n", "\n")


@pytest.mark.parametrize(("code", "shown"), snippets(), ids=lambda text: text[:30])
def test_the_snippets_of_the_readme_run(code, shown, tmp_path):
    status, seen = on_a_terminal(["-c", ALONE + code], tmp_path)
    if "refnn.testing" in code:
        assert seen.endswith('ImportError: refnn.testing needs hypothesis: pip install "refnn[testing]"\n')
    else:
        assert (status, seen) == (0, shown)


def test_each_command_runs_or_names_the_extra(tmp_path):
    (tmp_path / "mine.py").write_text(MINE)
    for arguments, status, said in RUNS:
        found, seen = on_a_terminal(["-c", COMMAND, *arguments], tmp_path)
        assert (found, "Traceback" in seen) == (status, False), seen
        assert said in seen


def test_each_command_is_tried():
    assert {arguments[0] for arguments, *_ in RUNS} == {command.__name__.rpartition(".")[2] for command in COMMANDS}


def test_this_is_a_terminal(tmp_path):
    assert on_a_terminal(["-c", "import sys; print(sys.stderr.isatty())"], tmp_path) == (0, "True\n")
