"""The other doors: the command line, and the readers of reports, certificates, vectors, networks and tables.

Argument lists are made from the options that the parser itself declares, so that a new option is fuzzed at once. Files
are those that refnn writes, with bits, words or whole values changed: whoever reads them refuses them in words, or the
change made no difference.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import io
import json
import tempfile
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from draws import documents, values
from hypothesis import assume
from hypothesis import strategies as st
from targets import Target
from vectors import load_vectors

import refnn
from refnn import tabular
from refnn.__main__ import COMMANDS, main
from refnn.certificate import CertificateError
from refnn.commands.saved import Trained
from refnn.gradcheck.faults.catalogue import FAULTS
from refnn.report import findings, networks, record
from refnn.report.findings import reference_gradient
from refnn.report.make import Subject, report_on_subjects
from refnn.report.read import ReportError, load
from refnn.report.replay.ledger import Outcome
from refnn.report.replay.replay import replay

STATUSES = {0, 1, 2, 3, 4, 130}
VECTORS = Path(__file__).parents[1] / "vectors"
FEW_FAULTS = mock.patch.object(findings, "FAULTS", {name: FAULTS[name] for name in ("missing-mean", "sign-flipped")})
CSV = "a,b,label,y\n" + "".join(f"{k % 7},{k * k % 5}.5,{'no' if k % 3 else 'yes'},{k}e-1\n" for k in range(12))
CODE = """
import refnn
def gradient(params, X, Y):
    AL, caches = refnn.forward_prop(X, params)
    return refnn.backprop(AL, Y, caches)
def wrong(params, X, Y):
    return {key: 2 * dV for key, dV in gradient(params, X, Y).items()}
def none(params, X, Y):
    return None
def cost(params, X, Y):
    return refnn.cost_function(refnn.forward_prop(X, params)[0], Y)
def sigmoid(Z):
    return refnn.sigmoid(Z)
"""


@functools.cache
def report() -> Any:
    """A small one, on a right gradient."""
    with FEW_FAULTS:
        subject = Subject(networks.seeded(10), {"kind": "seeded", "seed": 10})
        return report_on_subjects("fuzz:gradient", lambda *point: reference_gradient(*point), [subject])[0]


@functools.cache
def network() -> refnn.Certificate:
    """A certified gradient."""
    _, params, X, Y = networks.seeded(10)
    return refnn.certify(params, X, Y, reference_gradient(params, X, Y))


@functools.cache
def saved() -> bytes:
    """What `refnn train` saves."""
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        Path("data.csv").write_text(CSV)
        with contextlib.redirect_stdout(io.StringIO()):
            main(["train", "data.csv", "--target", "label", "--epochs", "1", "--ignore", "y"])
        return Path("refnn-train/network.npz").read_bytes()


@functools.cache
def vectors(name: str) -> Any:
    """The first and the smallest cases of a committed file."""
    document = json.loads((VECTORS / name).read_text())
    cases = sorted(document["cases"], key=lambda case: len(str(case)))
    return document | {"cases": [document["cases"][0], *cases[:3]]}


def read(name: str, data: bytes, reader: Any) -> Any:
    """What a reader makes of a file of these bytes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        path.write_bytes(data)
        return reader(path)


# ---------------------------------------------------------------------- readers


def report_read(data: bytes) -> None:
    """Only what says the same in other words is read."""
    with contextlib.suppress(ReportError):
        assert read("report.json", data, load) == report()


def report_forged(content: Any) -> None:
    """With all hashes made anew: refused by the schema or the replay, unless what was found stayed as it was."""
    try:
        forged = record.sealed(*(content[name] for name in ("content", "measured", "environment", "citation")))
        forged = read("report.json", json.dumps(forged).encode(), load)
    except (ReportError, KeyError, TypeError, AttributeError):  # the last three of the forger's own hand
        assume(False)
    with FEW_FAULTS, contextlib.suppress(ReportError):
        ledger = replay(forged)
        same = forged["content"] == report()["content"]
        assert same or ledger.outcome is not Outcome.CONFIRMED, str(ledger)


def certificate_read(value: Any) -> None:
    """What is read and rechecked claims no bound below the true one."""
    try:
        found = refnn.Certificate.from_json(value)
        found.recheck()
    except CertificateError:
        return
    with contextlib.suppress(ArithmeticError):
        again = refnn.certify(found.params, found.X, found.Y, found.grads, hidden=found.hidden, output=found.output)
        for key, bound in again.absolute.items():
            assert (found.absolute[key] >= bound * (1 - 2.0**-19)).all(), key


def vectors_read(data: bytes) -> None:
    """Arrays of the dtype that is named, and a judgement of them in words."""
    try:
        found = read("vectors.json", data, load_vectors)
    except ValueError:
        return
    for vector in found:
        arrays = {**vector.inputs, **vector.expected}
        assert all(V.dtype == vector.dtype for V in arrays.values())
        assert all(vector.ulps[key].shape == V.shape for key, V in vector.expected.items())
        if vector.expected:
            assert all(isinstance(line, str) for line in vector.violations(vector.expected))


def network_read(data: bytes) -> None:
    """One that answers, or none."""
    with contextlib.suppress(ValueError):
        found = read("network.npz", data, Trained.load)
        said, _ = found.answer(np.ones((len(found.features), 2)))
        assert said.shape[1] == 2


def table_read(data: bytes) -> None:
    """Finite numbers, or none."""
    with contextlib.suppress(ValueError):
        table = read("data.csv", data, lambda path: tabular.read_csv(path, ["label"]))
        assert np.isfinite(table.X).all()
        assert np.isfinite(table.Y).all()


# ---------------------------------------------------------------------- the command line

FILES = {
    "data.csv": CSV,
    "mine.py": CODE,
    "broken.py": "def sigmoid(Z:\n\treturn 1 /\n",
    "empty.py": "",
    "empty.csv": "",
}
WORDS = (
    *(
        "0",
        "1",
        "-1",
        "2",
        "3",
        "1e-3",
        "nan",
        "inf",
        "0.5",
        "1e400",
        "2,2",
        "2,3,1",
        "a",
        "b",
        "label",
        "y",
        "",
        ",",
        "∂",
    ),
    *("W=weights{l}", "W={x}", "b=", "dW=w_{k}", "sigmoid", "relu,tanh", "softmax", "tanh,squared_error", "identity"),
    *(
        "mean",
        "sum",
        "rows",
        "in,out",
        "classes",
        "0.7/m",
        "-1/m",
        "\0",
        "x" * 300,
        "missing",
        ".",
        "out",
        "out/deep/x",
    ),
    *("mine.py", "mine.py:gradient", "mine.py:wrong", "mine.py:none", "mine.py:cost", "mine:gradient", "broken.py"),
    *(
        "data.csv",
        "empty.csv",
        "empty.py",
        "network.npz",
        "report.json",
        "no:thing",
        "json:loads",
        "--help",
        "--",
        "-x",
    ),
)
LIKELY = {
    "data": ("data.csv",),
    "target": ("label", "y", "mine.py:gradient", "mine.py:wrong"),
    "network": ("network.npz", "0"),
    "report": ("report.json", "out"),
    "epochs": ("0", "1"),
    "layer_dims": ("2,2", "2,3,1"),
    "seconds": ("1",),
    "timeout": ("5",),
    "ignore": ("y", "b"),
    "m": ("2", "3"),
}


def grammar() -> dict[str, list[argparse.Action]]:
    """The arguments of each command, as its parser declares them."""
    subparsers = argparse.ArgumentParser().add_subparsers()
    for command in COMMANDS:
        command.add(subparsers)
    return {name: parser._actions for name, parser in subparsers.choices.items()}


@st.composite
def command_lines(draw: st.DrawFn) -> tuple[list[str], dict[str, bytes]]:
    """An argument list of the grammar, seldom with a stray word; and the files in the folder where it is run."""
    name, actions = draw(st.sampled_from([(name, a) for name, a in grammar().items() if name != "report"]))
    argv = [name]
    for action in actions:
        likely = st.sampled_from(LIKELY.get(action.dest, WORDS))
        if draw(st.integers(0, 7)) < (1 if action.option_strings and not action.required else 7):
            argv += draw(st.sampled_from([[word] for word in action.option_strings] or [[]]))
            argv += [] if action.nargs == 0 else [draw(st.one_of(likely, likely, likely, st.sampled_from(WORDS)))]
    if draw(st.integers(0, 9)) == 0:
        argv.insert(draw(st.integers(0, len(argv))), draw(st.sampled_from(WORDS)))
    files = {path: text.encode() for path, text in FILES.items()}
    files |= {"network.npz": saved(), "report.json": json.dumps(report()).encode()}
    if draw(st.booleans()):
        path = draw(st.sampled_from(sorted(files)))
        files[path] = draw(documents(files[path]))
    return argv, files


def command_run(drawn: tuple[list[str], dict[str, bytes]]) -> None:
    """A documented status, no traceback, and no file but those that were asked for."""
    argv, files = drawn
    heard, said = io.StringIO(), io.StringIO()
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder), FEW_FAULTS:
        for path, data in files.items():
            Path(path).write_bytes(data)
        with (
            contextlib.redirect_stdout(said),
            contextlib.redirect_stderr(heard),
            mock.patch("sys.path", [*__import__("sys").path]),
        ):
            try:
                status = main(argv)
            except SystemExit as end:  # of argparse
                status = int(end.code or 0)
        found = {str(path.relative_to(folder)) for path in Path(folder).rglob("*") if path.is_file()} - set(files)
        kept = {path for path, data in files.items() if Path(path).is_file() and Path(path).read_bytes() == data}
    assert status in STATUSES, status
    assert "Traceback" not in heard.getvalue(), heard.getvalue()
    named = {word.rpartition("=")[2].removesuffix("/") or "." for word in argv} | {"refnn-train"}
    strays = {
        path
        for path in found | (set(files) - kept)
        if not any(path == n or n == "." or path.startswith(f"{n}/") for n in named)
    }
    assert not strays, strays
    assert not any(path.endswith(".part") for path in found)


JSON_FILES = ("float64.json", "functions.json", "networks.json", "invalid.json")
TARGETS = {
    "report_read": Target(st.deferred(lambda: documents(json.dumps(report()).encode())), report_read, 20),
    "report_forged": Target(st.deferred(lambda: values(report())), report_forged, 5),
    "certificate_read": Target(st.deferred(lambda: values(network().to_json())), certificate_read, 30),
    "vectors_read": Target(
        st.sampled_from(JSON_FILES).flatmap(lambda name: documents(json.dumps(vectors(name)).encode())),
        vectors_read,
        40,
    ),
    "vectors_of_other_values": Target(
        st.sampled_from(JSON_FILES).flatmap(lambda name: values(vectors(name)).map(lambda v: json.dumps(v).encode())),
        vectors_read,
        40,
    ),
    "network_read": Target(st.deferred(lambda: documents(saved())), network_read, 5),
    "table_read": Target(documents(CSV.encode()), table_read, 60),
    "command_line": Target(command_lines(), command_run, 3),
}
