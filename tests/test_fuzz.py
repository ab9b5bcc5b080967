"""The fuzzers of `make fuzz` run, a few cases each, and see what is planted."""

import json
import re
from pathlib import Path
from unittest import mock

import fuzz
import numpy as np
import pytest

import refnn

HERE = Path(fuzz.__file__).parent
FEW = 10
SLOW = ("backprop_told_apart", "command_line")  # a case takes some tenths of a second


@pytest.mark.parametrize("name", fuzz.TARGETS)
def test_a_target_holds_on_a_few_cases(name, tmp_path):
    counted = fuzz.Counted(name, fuzz.TARGETS[name])
    assert counted.round(2 if name in SLOW else FEW, number=0, examples=tmp_path) == ""
    assert counted.cases > 0


def test_every_public_function_is_a_target():
    functions = {name for name in refnn.__all__ if not isinstance(getattr(refnn, name), type)}
    assert functions <= set(fuzz.TARGETS)


PLANTED = {
    "another error": lambda Z: {}[str(Z)],
    "an error that names nothing": lambda Z: float(f"wrong{Z!s:.0}"),
    "another shape": lambda Z: (np.zeros(7), Z),
    "an argument changed": lambda Z: [Z.__imul__(2) if isinstance(Z, np.ndarray) and Z.dtype.kind == "f" else Z] * 2,
}


@pytest.mark.parametrize("fault", PLANTED)
def test_a_fault_planted_in_a_function_is_found_and_kept(fault, tmp_path):
    with mock.patch.object(refnn, "sigmoid", PLANTED[fault]):
        said = fuzz.Counted("sigmoid", fuzz.TARGETS["sigmoid"]).round(100, number=3, examples=tmp_path)
    assert "seed 3" in said
    assert "reproduce_failure" in said
    assert any(tmp_path.rglob("*"))


def test_what_is_run_is_recorded(tmp_path, capsys):
    with mock.patch.multiple(fuzz, RECORD=tmp_path / "record.json", EXAMPLES=tmp_path / "examples"):
        assert fuzz.main(["sigmoid", "--cases", "20"]) == fuzz.main(["sigmoid", "--cases", "20"]) == 0
        entry = json.loads(fuzz.RECORD.read_text())["targets"]["sigmoid"]
    assert entry["cases"] >= 40
    assert (entry["seeds"], entry["found"]) == (2, [])
    assert re.search("0 targets with findings; [0-9]+ cases", capsys.readouterr().out)


def test_the_record_is_of_these_targets():
    assert set(json.loads((HERE / "record.json").read_text())["targets"]) == set(fuzz.TARGETS)
