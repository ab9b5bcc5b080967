"""`refnn` as a whole: its version, and what each exit status means."""

import importlib.metadata
import subprocess
import sys

import pytest

import refnn
from refnn.__main__ import COMMANDS, main
from refnn.commands import EXIT_STATUS, STATUS, UNUSABLE


def printed(arguments, capsys):
    """What argparse prints before it exits, in one line."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 0
    return " ".join(capsys.readouterr().out.split())


def test_the_version_is_that_of_the_package(capsys):
    assert refnn.__version__ == importlib.metadata.version("refnn")
    assert printed(["--version"], capsys) == f"refnn {refnn.__version__}"


def test_a_checkout_that_is_not_installed_has_no_version(monkeypatch):
    def version(_):
        raise importlib.metadata.PackageNotFoundError

    monkeypatch.setattr(importlib.metadata, "version", version)
    assert refnn.__version__ == "unknown"


@pytest.mark.parametrize(
    ("command", "said"),
    [("report", "folder for the report (refnn-report)"), ("check", "FILE.py with functions by the")],
)
def test_the_help_says_what_is_taken_if_nothing_is_said(command, said, capsys):
    with pytest.raises(SystemExit):
        main([command, "--help"])
    assert said in " ".join(capsys.readouterr().out.split())


def test_nothing_else_is_made_up():
    with pytest.raises(AttributeError, match="module 'refnn' has no attribute 'backpropagate'"):
        refnn.backpropagate  # noqa: B018


def test_the_import_does_not_wait_for_the_version():
    script = "import sys, refnn; print('importlib.metadata' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout == "False\n"


def test_every_verdict_and_unusable_input_have_a_status_of_their_own():
    assert sorted([*STATUS.values(), UNUSABLE]) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("command", [[], ["check"], ["report"], ["verify"]])
def test_the_help_says_what_each_status_means(command, capsys):
    assert EXIT_STATUS in printed([*command, "--help"], capsys)
    assert all(f"{status} {verdict}" in EXIT_STATUS.replace("0 done, or", "0") for verdict, status in STATUS.items())


@pytest.mark.parametrize("arguments", [[], ["judge"], ["check"], ["check", "mine:f", "--m", "many"]])
def test_arguments_that_cannot_be_read_have_the_status_of_unusable_input(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == UNUSABLE
    assert capsys.readouterr().err.startswith("usage: refnn")


def test_the_help_of_check_says_that_each_layer_may_have_an_activation_of_its_own(capsys):
    assert "--hidden NAME[,NAME…]" in printed(["check", "--help"], capsys)


def test_every_command_has_its_help(capsys):
    names = [command.__name__.rpartition(".")[2] for command in COMMANDS]
    assert all(printed([name, "--help"], capsys).startswith(f"usage: refnn {name}") for name in names)


@pytest.mark.parametrize("report", ["", "report.json"])
@pytest.mark.parametrize("part", ["report.json", "report.html"])
def test_a_theorem_is_not_written_over_its_report(report, part, tmp_path, capsys):
    for name in ("report.json", "report.html"):
        (tmp_path / name).write_text("{}")
    assert main(["certify", str(tmp_path / report), "--coq", str(tmp_path / part)]) == 2
    assert f"{part} is to be written, but is the same file as" in capsys.readouterr().err
    assert (tmp_path / part).read_text() == "{}"
