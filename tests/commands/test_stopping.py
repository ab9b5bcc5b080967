"""What is stopped keeps what it has: Ctrl-C, --timeout, a reader that leaves, and code that ends its own process."""

import json
import multiprocessing
import os
import re
import shlex
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from refnn.__main__ import main
from refnn._progress import bar
from refnn.commands import apart
from refnn.commands.saved import Trained

MINE = """
import gc, os, signal, struct, time
from multiprocessing.connection import Connection
from pathlib import Path
import refnn

calls = 0


def gradient(params, X, Y):
    AL, caches = refnn.forward_prop(X, params)
    return {key: dV for key, dV in refnn.backprop(AL, Y, caches).items() if key[:2] != "dA"}


def wrong(*network):
    return {key: -dV for key, dV in gradient(*network).items()}


def third_network(deed, f=gradient):
    def asked(*network):
        global calls
        calls += 1
        if calls > 6:  # three for each
            deed()
        return f(*network)

    return asked


def sleep():
    while True:
        Path("asleep").touch()
        try:
            time.sleep(0.05)
        except BaseException:
            pass


def interrupt():
    raise KeyboardInterrupt


hangs, wrong_and_hangs = third_network(sleep), third_network(sleep, wrong)
exits = third_network(lambda: os._exit(0))
crashes = third_network(lambda: os.kill(os.getpid(), signal.SIGSYS))
interrupts = third_network(interrupt)
killed = third_network(lambda: os.kill(os.getpid(), signal.SIGKILL))
wrong_and_killed = third_network(lambda: os.kill(os.getpid(), signal.SIGKILL), wrong)


def forks(then):
    # A child holds all that its parent has open.
    if os.fork() == 0:
        sleep()
    then()


leaves_a_child = third_network(lambda: forks(lambda: os._exit(0)))
hangs_with_a_child = third_network(lambda: forks(sleep))
removes_and_hangs = third_network(lambda: (os.remove("model"), sleep()))


def pipes():
    return [o for o in gc.get_objects() if isinstance(o, Connection) and not o.closed]


def half_a_message():
    for pipe in pipes():
        os.write(pipe.fileno(), struct.pack("!i", 1000))
    sleep()


def no_message():
    for pipe in pipes():
        pipe.send_bytes(b"no pickle")
    sleep()


def another_session_that_holds_half_a_message():
    if os.fork() == 0:
        os.setsid()
        end = time.monotonic() + 30
        while not os.path.exists("enough") and time.monotonic() < end:
            time.sleep(0.1)
        os._exit(0)
    half_a_message()


sends_half, sends_no_message = third_network(half_a_message), third_network(no_message)
holds_half = third_network(another_session_that_holds_half_a_message)


def prints_from_c(*network):
    os.write(1, b"PASS from below")
    return gradient(*network)
"""
MODULE = """
import os
import numpy as np


def sigmoid(Z):
    return 1 / (1 + np.exp(-Z)), Z


def forward_prop(X, params):
    os._exit(0)
"""


@pytest.fixture
def mine(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(MINE)
    (tmp_path / "module.py").write_text(MODULE)
    (tmp_path / "leaves.py").write_text("import os\nos._exit(0)\n")
    rng = np.random.default_rng(0)
    rows = "\n".join(f"{a},{b},{int(a > b)}" for a, b in rng.random((200, 2)))
    (tmp_path / "table.csv").write_text(f"a,b,y\n{rows}\n")
    return tmp_path


def started(*arguments, **options):
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    return subprocess.Popen([sys.executable, "-m", "refnn", *arguments], text=True, start_new_session=True, **pipes)


EACH = """
import os, sys
from refnn.__main__ import main

found = []
for words in sys.argv[2:]:
    if not (child := os.fork()):
        sys.exit(main(words.split()))
    found.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
with open(sys.argv[1], "w") as file:
    print(*found, file=file)
"""


def statuses(folder, *commands, closed="", **streams):
    """Of each command in a process of its own: forks of one that has started with these streams and loaded refnn."""
    words = shlex.join([sys.executable, "-c", EACH, str(folder / "found"), *commands])
    run = subprocess.run(f"exec {words} {closed}", shell=True, text=True, check=True, **streams)
    return [int(status) for status in (folder / "found").read_text().split()], run


def wait_for(path, exists=True):
    for _ in range(600):
        if path.exists() is exists:
            return
        time.sleep(0.05)
    pytest.fail(f"{path} is there" if path.exists() else f"no {path}")


# ---------------------------------------------------------------------- check


@pytest.mark.parametrize("whole_group", [False, True], ids=["the process", "as a terminal does"])
def test_ctrl_c_prints_what_was_judged_so_far(mine, whole_group):
    process = started("check", "mine:hangs", "--json", "result.json")
    wait_for(mine / "asleep")
    (os.killpg if whole_group else os.kill)(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (130, "")
    assert out.startswith("UNRELIABLE")
    assert "reason: stopped by Ctrl-C; networks judged before: 2\n" in out
    result = json.loads((mine / "result.json").read_text())
    assert [probe["verdict"] for probe in result["probes"]] == ["PASS", "PASS"]


@pytest.mark.usefixtures("mine")
@pytest.mark.parametrize(
    ("function", "status", "verdict"),
    [("hangs", 3, "UNRELIABLE"), ("wrong_and_hangs", 1, "WRONG"), ("sends_half", 3, "UNRELIABLE")],
)
def test_a_timeout_ends_the_judged_code_and_decides_by_what_it_knows(function, status, verdict, capsys):
    assert main(["check", f"mine:{function}", "--timeout", "1.5"]) == status
    out = capsys.readouterr().out
    assert out.startswith(verdict)
    assert "reason: stopped after 1.5 seconds; networks judged before: 2\n" in out


def test_half_a_message_that_another_session_holds_does_not_keep_the_command(mine):
    process = started("check", "mine:holds_half", "--timeout", "1.5")
    try:
        out, _ = process.communicate(timeout=15)
    finally:
        (mine / "enough").touch()
        process.kill()
    assert process.returncode == 3
    assert "reason: stopped after 1.5 seconds; networks judged before: 2\n" in out


@pytest.mark.usefixtures("mine")
@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "inf", "soon"])
def test_a_timeout_is_a_number_of_seconds(seconds, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["check", "mine:gradient", f"--timeout={seconds}"])
    assert ended.value.code == 2
    assert f"--timeout: invalid seconds value: '{seconds}'" in capsys.readouterr().err


@pytest.mark.usefixtures("mine")
@pytest.mark.parametrize(
    ("function", "said"),
    [
        ("exits", "gradient ended the process, with status 0"),
        ("crashes", "gradient ended the process, by SIGSYS"),
        ("leaves_a_child", "gradient ended the process, with status 0"),
        ("interrupts", "gradient raised KeyboardInterrupt"),
    ],
)
def test_code_that_ends_its_process_is_wrong(function, said, capsys):
    assert main(["check", f"mine:{function}"]) == 1
    out = capsys.readouterr().out
    assert out.startswith("WRONG")
    assert f"reason: {said}; networks judged before: 2\n" in out


@pytest.mark.usefixtures("mine")
@pytest.mark.parametrize(
    ("function", "status", "verdict"), [("killed", 3, "UNRELIABLE"), ("wrong_and_killed", 1, "WRONG")]
)
def test_what_the_system_kills_where_memory_runs_out_is_not_wrong_for_that(function, status, verdict, capsys):
    assert main(["check", f"mine:{function}"]) == status
    out = capsys.readouterr().out
    assert out.startswith(verdict)
    said = "reason: its process was ended by SIGKILL, as where memory runs out; networks judged before: 2"
    assert said in " ".join(out.split())


@pytest.mark.usefixtures("mine")
def test_what_is_no_message_is_no_verdict(capsys):
    assert main(["check", "mine:sends_no_message"]) == 2
    assert "the judged code wrote into the pipe for its verdict" in capsys.readouterr().err


@pytest.mark.usefixtures("mine")
@pytest.mark.parametrize("seconds", ["3000000", "1e300"])
def test_a_timeout_may_be_as_long_as_one_likes(seconds):
    assert main(["check", "mine:gradient", "--layer-dims", "2,2", "--timeout", seconds]) == 0


@pytest.mark.usefixtures("mine")
def test_code_that_ends_its_process_when_imported_cannot_be_judged(capsys):
    assert main(["check", "leaves:gradient"]) == 2
    assert capsys.readouterr().err == "refnn: importing leaves ended the process, with status 0\n"


@pytest.mark.usefixtures("mine")
def test_of_a_file_the_functions_judged_before_are_printed(capsys):
    assert main(["check", "module.py", "--json", "result.json"]) == 1
    out = capsys.readouterr().out
    assert re.match(r"sigmoid +PASS", out)
    assert "WRONG: ended the process, with status 0; functions judged before: 1\n" in out
    with open("result.json", encoding="utf-8") as file:
        assert json.load(file)["verdict"] == "WRONG"


@pytest.mark.usefixtures("mine")
def test_what_the_judged_code_prints_from_below_is_not_seen(capfd):
    assert main(["check", "mine:prints_from_c", "--layer-dims", "2,2"]) == 0
    assert "from below" not in capfd.readouterr().out


def nothing_goes_on(mine):
    time.sleep(0.3)
    last = (mine / "asleep").stat().st_mtime_ns
    time.sleep(0.5)  # ten times as long as the code sleeps before it touches the file again
    return (mine / "asleep").stat().st_mtime_ns == last


def test_nothing_goes_on_when_the_judge_is_killed(mine):
    process = started("check", "mine:hangs_with_a_child", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for(mine / "asleep")
    process.kill()
    process.wait()
    assert nothing_goes_on(mine)


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL], ids=lambda end: end.name)
def test_files_are_put_back_when_the_judge_is_killed(mine, tmp_path, monkeypatch, end):
    (temporary := tmp_path / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    (mine / "model").write_text("trained for a week")
    process = started("check", "mine:removes_and_hangs", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for(mine / "asleep")
    assert not (mine / "model").exists()
    process.send_signal(end)
    process.wait()
    [folder] = temporary.iterdir()
    wait_for(folder, exists=False)
    assert (mine / "model").read_text() == "trained for a week"


@pytest.mark.parametrize(("function", "seconds", "status"), [("leaves_a_child", 3, 1), ("hangs_with_a_child", 1.5, 3)])
def test_what_the_judged_code_started_ends_with_it(mine, function, seconds, status):
    assert main(["check", f"mine:{function}", "--timeout", str(seconds)]) == status
    assert nothing_goes_on(mine)


# ---------------------------------------------------------------------- a reader that leaves, a terminal without ∂


@pytest.mark.usefixtures("mine")
@pytest.mark.parametrize(("function", "status"), [("gradient", 0), ("wrong", 1)])
def test_a_reader_that_leaves_changes_no_status_and_no_file(function, status):
    ours, theirs = os.pipe()
    os.close(ours)
    process = started("check", f"mine:{function}", "--layer-dims", "3,2", "--json", "result.json", stdout=theirs)
    os.close(theirs)
    assert (process.communicate()[1], process.returncode) == ("", status)
    with open("result.json", encoding="utf-8") as file:
        assert json.load(file)["verdict"] == ("WRONG" if status else "PASS")


@pytest.mark.usefixtures("mine")
@pytest.mark.parametrize(("function", "status"), [("gradient", 0), ("wrong", 1)])
def test_a_terminal_that_lacks_a_letter_changes_no_status(function, status):
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    process = started("check", f"mine:{function}", "--layer-dims", "3,2", env=environment)
    out, err = process.communicate()
    assert (process.returncode, err) == (status, "")
    assert r"2\xd73" in out


@pytest.mark.parametrize("closed", ["2>&-", ">&-", "<&- >&-", "<&- >&- 2>&-"])
def test_closed_streams_change_no_status(mine, closed):
    commands = {
        "check mine:wrong --layer-dims 3,2": 1,
        "check mine:nothing": 2,
        "train table.csv --target y --epochs 2": 0,
    }
    found, run = statuses(mine, *commands, closed=closed, capture_output=True)
    assert found == list(commands.values()), run.stderr
    assert "Traceback" not in run.stderr


def test_a_bar_needs_no_stream(monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    assert list(bar(range(3), "counted")) == [0, 1, 2]


# ---------------------------------------------------------------------- train and report


def test_ctrl_c_while_the_commands_load_says_nothing():
    script = """
import signal, sys

class CtrlC:
    def find_spec(self, name, *_):
        if name == "refnn.commands":
            signal.raise_signal(signal.SIGINT)

sys.meta_path.insert(0, CtrlC())
import refnn.__main__
"""
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout, run.stderr) == (130, "", "")


def test_ctrl_c_is_no_error_of_the_module_that_was_loading(monkeypatch, tmp_path, capsys):
    def fails():
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            raise ImportError("multiarray failed to import") from None

    monkeypatch.setattr("refnn.commands.report.report_on_reference", fails)
    assert main(["report", "--out", str(tmp_path)]) == 130
    assert not capsys.readouterr().err


def test_ctrl_c_saves_the_parameters_so_far(mine):
    process = started("train", "table.csv", "--target", "y", "--epochs", "1000000000")
    wait_for(mine / "refnn-train")
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert err == "refnn: stopping after this epoch; Ctrl-C again leaves at once, without saving\n"
    (epochs,) = re.findall(r"training   (\d+) of 1000000000 epochs", out)
    assert int(epochs) > 0
    assert "saved      network.npz" in out
    assert Trained.load(mine / "refnn-train/network.npz").layer_dims == [2, 16, 8, 1]


def test_a_report_that_is_stopped_leaves_the_old_one(mine, monkeypatch):
    (mine / "out").mkdir()
    (mine / "out/report.json").write_text("old")
    monkeypatch.setattr("refnn.commands.report.report_on_reference", lambda: signal.raise_signal(signal.SIGINT))
    assert main(["report", "--out", "out"]) == 130
    assert (mine / "out/report.json").read_text() == "old"


# ---------------------------------------------------------------------- outputs, memory, faults of refnn


@pytest.mark.usefixtures("mine")
@pytest.mark.parametrize(
    "arguments",
    [
        ["check", "mine:gradient", "--json", "mine.py/result.json"],
        ["check", "mine:gradient", "--json", "."],
        ["check", "mine:gradient", "--report", "mine.py"],
        ["report", "--out", "mine.py"],
        ["predict", "no.npz", "no.csv", "--out", "mine.py/out.csv"],
    ],
)
def test_what_cannot_be_written_is_refused_before_the_work(arguments, monkeypatch, capsys):
    monkeypatch.setattr("refnn.commands.check.apart", lambda *_, **__: pytest.fail("it has been judged"))
    monkeypatch.setattr("refnn.commands.report.report_on_reference", lambda: pytest.fail("it has been judged"))
    assert main(arguments) == 2
    said = capsys.readouterr()
    assert said.err.startswith("refnn: ")
    assert said.err.count("\n") == 1
    assert arguments[-1].split("/")[0] in said.err
    assert not said.out


@pytest.mark.usefixtures("mine")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["check", "mine:gradient", "--layer-dims", "2,10000000000000,1"],
            "layer_dims [2, 10000000000000, 1] takes 320,",
        ),
        (
            ["check", "mine:gradient", "--m", "1000000000000"],
            "on m = 1000000000000 examples takes 144,000,000,000,000 b",
        ),
        (
            ["train", "table.csv", "--target", "y", "--layer-dims", "2,10000000000000,1"],
            "takes 320,000,000,000,008 bytes",
        ),
    ],
)
def test_a_network_that_no_memory_holds_is_refused_with_its_bytes(arguments, said, capsys):
    assert main(arguments) == 2
    err = capsys.readouterr().err
    assert said in err
    assert "of this machine's memory" in err


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (MemoryError(), "refnn: MemoryError\n"),
        (ValueError("one\n\x1b[31mtwo"), "refnn: one\n [31mtwo\n"),
        (KeyError("key"), "Traceback (most recent call last):\n"),
        (RuntimeError("\x1b[31m"), "Traceback (most recent call last):\n"),
    ],
)
def test_no_error_has_the_status_of_a_verdict(error, said, monkeypatch, capsys):
    def fails(_):
        raise error

    monkeypatch.setattr("refnn.commands.report.prepare", fails)
    assert main(["report"]) == 2
    err = capsys.readouterr().err
    assert err.startswith(said)
    assert "\x1b" not in err


def test_a_fault_of_the_judge_is_no_verdict_on_the_judged_code_either(mine, monkeypatch, capsys):
    assert mine

    def fails(*_, **__):
        raise KeyError("key")

    monkeypatch.setattr("refnn.commands.check.check_backprop", fails)
    assert main(["check", "mine:gradient"]) == 2
    assert "KeyError: 'key'" in capsys.readouterr().err


def test_work_apart_returns_what_it_returns_and_keeps_what_it_sends():
    def work(send, n):
        send(n)
        return n + 1

    outcome = apart.apart(work, 3)
    assert (outcome.result, outcome.sent, outcome.stopped) == (4, (3,), "")


@pytest.mark.usefixtures("mine")
def test_where_a_fork_is_not_safe_python_starts_anew(monkeypatch, capsys):
    context = multiprocessing.get_context("spawn")
    monkeypatch.setattr(multiprocessing, "get_context", lambda _: context)
    assert main(["check", "mine:gradient", "--layer-dims", "3,2", "--seed", "1"]) == 0
    assert main(["check", "mine:exits", "--layer-dims", "3,2"]) == 1
    assert "ended the process, with status 0" in capsys.readouterr().out


def test_an_error_that_nobody_reads_is_no_verdict(mine):
    """Status 1 is WRONG; Python gives it where an exception ends it, that of a print to a full disk, too."""
    commands = "verify nothing.json", "check nothing:f", "predict no.npz no.csv", "train table.csv --target z"
    read, write = os.pipe()
    os.close(read)
    with open("/dev/full", "w") as full, open(write, "w") as closed:
        for stream in (full, closed):
            assert statuses(mine, *commands, stderr=stream)[0] == [2] * len(commands)


def test_ctrl_c_saves_the_network_though_nobody_reads_that_it_does(mine):
    read, write = os.pipe()
    training = started("train", "table.csv", "--target", "y", "--epochs", "1000000000", stdout=write, stderr=write)
    os.close(write)
    wait_for(mine / "refnn-train")
    time.sleep(1)
    os.close(read)
    training.send_signal(signal.SIGINT)
    assert training.wait(60) == 130
    assert "network.npz" in os.listdir(mine / "refnn-train")
