"""Saturation costs the reference no digits, where the formulas that most people write lose all of them."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

PATH = Path(__file__).parents[2] / "proofs/benchmarks/accuracy.py"
spec = importlib.util.spec_from_file_location("accuracy", PATH)
accuracy = sys.modules["accuracy"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(accuracy)


@pytest.mark.parametrize("scale", accuracy.SCALES)
def test_every_entry_keeps_eleven_digits(scale):
    worst, broken = accuracy.worst_error(accuracy.reference, scale)
    assert worst < 1e-11
    assert broken == 0


@pytest.mark.parametrize("scale", [10, 50])
def test_the_usual_formulas_lose_all_digits(scale):
    with np.errstate(over="ignore"):
        worst, _ = accuracy.worst_error(accuracy.usual, scale)
    assert worst >= 1
