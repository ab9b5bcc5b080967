"""The rooms of the checker: what stands in each, and no circle of imports between them or between their files."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import refnn.gradcheck

FOLDER = Path(refnn.gradcheck.__file__).parent
BELOW = {  # the rooms that each may import; check.py and backprop.py stand above all
    "problem": set(),
    "verdict": {"problem"},
    "witness": {"problem", "verdict"},
    "faults": {"problem", "verdict"},
    "check": {"problem", "verdict", "witness", "faults"},
    "backprop": {"problem", "verdict", "witness", "faults"},
}


def name(path):
    return ".".join(("refnn.gradcheck", *path.relative_to(FOLDER).with_suffix("").parts))


FILES = {name(path): path for path in FOLDER.rglob("*.py") if path.stem != "__init__"}


def imported(path):
    """The files of the checker that one imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)} & set(FILES)


def room(file):
    return file.split(".")[2]


@pytest.mark.parametrize("file", FILES)
def test_a_room_imports_those_below_it(file):
    for other in imported(FILES[file]):
        assert room(other) in BELOW[room(file)] | {room(file)}, other


def test_no_circle_of_files():
    TopologicalSorter({file: set(imported(path)) for file, path in FILES.items()}).prepare()
