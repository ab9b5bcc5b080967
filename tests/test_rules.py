"""The project keeps its own rules: who imports whom, what is private, where the laws stand, what documents say."""

import ast
import inspect
import json
import re
import subprocess
import sys
import tomllib
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import refnn.gradcheck
import refnn.numbers
import refnn.testing

ROOT = Path(__file__).parents[1]
TESTS = Path(__file__).parent
EXTRAS = {
    "matplotlib",
    "tqdm",
    "flint",
    "hypothesis",
    "pytest",
    "sympy",
    "jsonschema",
    "yaml",
    "threadpoolctl",
    "selenium",
    "torch",
    "jax",
    "autograd",
}
# Each is there for those who have its extra: for a test suite, with Hypothesis at its heart, or for a framework.
OF_AN_EXTRA = ["testing", "torch", "_tensors", "jax", "_pytrees", "autograd"]

# ---------------------------------------------------------------------- imports


def modules():
    """The file of each module of refnn, by its dotted name."""
    for path in sorted((ROOT / "refnn").rglob("*.py")):
        yield ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"), path


MODULES = dict(modules())
of_every_module = pytest.mark.parametrize("module", MODULES)


def package(module):
    """The folder that a module stands in, by its dotted name."""
    return module if MODULES[module].name == "__init__.py" else module.rpartition(".")[0]


@cache
def tree(module):
    return ast.parse(MODULES[module].read_text())


@cache
def imported(module):
    """What a module imports: another module and the name taken from it, or None; and whether at the top of the file."""
    found = []
    for node in ast.walk(tree(module)):
        at_the_top = node in tree(module).body
        if isinstance(node, ast.Import):
            found += [(alias.name, None, at_the_top) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package(module).rsplit(".", node.level - 1)[:1] if node.level else []
            source = ".".join([*above, *filter(None, [node.module])])
            for alias in node.names:
                whole = f"{source}.{alias.name}"
                found.append((whole, None, at_the_top) if whole in MODULES else (source, alias.name, at_the_top))
    return found


def room_of(module):
    """The room at the top of refnn that a module stands in."""
    return ".".join(module.split(".")[:2])


def inside(module, rooms):
    """Whether a module is one of these rooms, or stands in one."""
    return any(f"{module}.".startswith(f"refnn.{room}.") for room in rooms)


DECLARED = ["gradcheck.formulas", "gradcheck.declaration"]
# What each room may import beside itself, of refnn. A room that is not named here may import all of refnn.
MAY_IMPORT = {
    "_printing": [],
    "_shapes": ["_printing"],
    "_progress": [],
    "_files": [],
    "_declaration": ["_printing"],
    "_floats": ["_shapes"],
    "layers": ["_shapes", "_declaration", "_floats"],
    "network": ["_shapes", "_declaration", "layers"],
    "_arguments": ["_shapes", "_declaration", "_floats", "_printing", "_progress", "layers", "network"],
    # An oracle does not import what it judges: of the network it shares no more than the words that declare one.
    "numbers": ["_progress"],
    "gradcheck": ["_shapes", "_declaration", "_printing", "_progress", "numbers"],
    "gradcheck.formulas": ["_shapes", "_declaration"],
    "gradcheck.declaration": ["_shapes", "_declaration", "_printing", "gradcheck.formulas"],
    "gradcheck.cached": [],
    "gradcheck.leaves": ["_shapes"],
    "gradcheck.problem": ["_shapes", "_declaration", "_printing", *DECLARED, "gradcheck.cached", "gradcheck.leaves"],
    "gradcheck.verdict": ["_shapes", "_printing", *DECLARED, "gradcheck.cached", "gradcheck.problem"],
    "gradcheck.witness": [
        *("_shapes", "_printing", "_progress", "numbers"),
        *(*DECLARED, "gradcheck.cached", "gradcheck.problem", "gradcheck.verdict"),
    ],
    "gradcheck.faults": [
        *("_shapes", "_declaration", "_printing", "_progress"),
        *(*DECLARED, "gradcheck.cached", "gradcheck.problem", "gradcheck.verdict"),
    ],
    "article": ["_shapes", "_printing", "gradcheck"],
    "tabular": ["_shapes"],
    "_enclosures": ["_shapes", "_declaration", "network", "numbers"],
    "_coq": ["_declaration", "_enclosures", "numbers"],
    "certificate": ["_shapes", "_coq", "_declaration", "_enclosures", "_printing", "_progress", "numbers"],
}
# Whoever reads, draws or replays a report does not import its writers.
READERS = [f"report.{room}" for room in ("record", "read", "findings", "networks", "resources", "draw", "replay")]
WRITERS = ["report.make", "report.provenance"]


@of_every_module
def test_a_room_imports_only_what_it_may(module):
    for name, _, at_the_top in imported(module):
        top = name.split(".")[0]
        assert top not in ("tests", "proofs"), f"{name}: refnn does not lean on its evidence"
        for room in MAY_IMPORT:
            if top == "refnn" and inside(module, [room]):
                assert inside(name, [room, *MAY_IMPORT[room]]), f"{module} imports {name}"
        if not inside(module, OF_AN_EXTRA):
            assert not (top in EXTRAS and at_the_top), f"{module} imports {name} for everyone"


@of_every_module
def test_who_reads_draws_or_replays_a_report_imports_no_writer(module):
    if inside(module, READERS):
        assert [name for name, *_ in imported(module) if inside(name, WRITERS)] == []


def test_every_room_with_a_rule_is_there():
    assert [room for room in [*MAY_IMPORT, *READERS, *WRITERS, *OF_AN_EXTRA] if f"refnn.{room}" not in MODULES] == []


def test_imports_go_in_no_circle():
    """Neither of files nor of rooms, with the imports inside functions and those for type checkers only."""
    files = {module: {name for name, *_ in imported(module) if name in MODULES} for module in MODULES}
    TopologicalSorter(files).prepare()  # raises CycleError, which names the circle
    rooms = {}
    for module, others in files.items():
        rooms.setdefault(room_of(module), set()).update({room_of(other) for other in others} - {room_of(module)})
    TopologicalSorter(rooms).prepare()


@of_every_module
def test_an_underscore_is_private_to_its_folder(module):
    """A module or name with a leading underscore is used from within its own folder only."""
    uses = [".".join(filter(None, [name, taken])) for name, taken, _ in imported(module)]
    for node in ast.walk(tree(module)):  # a module and its name: catalogue._fault
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            uses += [f"{use}.{node.attr}" for use in uses if use in MODULES and use.endswith(f".{node.value.id}")]
    for use in uses:
        for private in re.finditer(r"\._[^_]", use):
            owner = use[: private.start()]
            if owner in MODULES:
                assert f"{package(module)}.".startswith(f"{package(owner)}."), f"{module} uses {use}"


def test_importing_refnn_needs_numpy_alone():
    script = f"""
import sys
class Refuse:
    def find_spec(self, name, *_):
        if name.split(".")[0] in {EXTRAS | {"scipy"}!r}:
            raise AssertionError(name)
sys.meta_path.insert(0, Refuse())
import refnn, refnn.__main__
print(len(refnn.__all__))
"""
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, "")


def test_the_extras_that_are_named_exist():
    """In the README and in the errors of whoever lacks one; for `refnn.testing` that is Hypothesis alone."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    text = "".join(path.read_text() for path in (ROOT / "README.md", *MODULES.values()))
    named = set(",".join(re.findall(r"(?:refnn|`\.)\[([\w,]+)\]", text)).split(","))
    assert "testing" in named <= set(extras)
    assert [requirement.partition(">")[0] for requirement in extras["testing"]] == ["hypothesis"]


# ---------------------------------------------------------------------- laws

PUBLIC = (refnn, refnn.gradcheck, refnn.numbers, refnn.testing)
TABLE, REST = (TESTS / "README.md").read_text().split("| file | laws |")
OTHERS, REST = REST.split("| check | what is planted | control |")
CONTROLS, ENVIRONMENTS = REST.split("## Environments")
LAWS = re.findall(r"^\| `(\w+)`(?: as `(\w+)`)? \| (`.*`) \|$", TABLE, re.MULTILINE)


def files(cell):
    return re.findall(r"`([\w/]*test_\w+\.py)`", cell)


def test_every_public_name_has_its_laws():
    assert sorted(name for name, *_ in LAWS) == sorted({name for module in PUBLIC for name in module.__all__})


def test_help_names_types_and_does_not_spell_them_out():
    functions = [getattr(module, name) for module in PUBLIC for name in module.__all__]
    for signature in map(str, map(inspect.signature, filter(inspect.isfunction, functions))):
        assert not re.search(r"ndarray|numpy\.|typing\.|Union|dtype\[", signature), signature


@pytest.mark.parametrize(("name", "word", "cell"), LAWS, ids=[name for name, *_ in LAWS])
def test_the_laws_of_a_public_name_use_it(name, word, cell):
    for file in files(cell):
        assert re.search(rf"\b{word or name}\b", (TESTS / file).read_text()), file


def test_every_test_file_has_its_place_in_the_table():
    placed = {file for *_, cell in LAWS for file in files(cell)} | set(files(OTHERS))
    assert placed == {str(path.relative_to(TESTS)) for path in TESTS.rglob("test_*.py")}


def test_the_controls_are_tests():
    controls = re.findall(r"`([\w/]+\.py)::(test_\w+)` \|$", CONTROLS, re.MULTILINE)
    assert len(controls) == CONTROLS.strip().count("\n")
    for file, name in controls:
        assert f"\ndef {name}(" in (TESTS / file).read_text(), name


def test_the_environments_of_the_record_passed_and_stand_in_the_table():
    rows = json.loads((ROOT / "proofs/environments.json").read_text())["rows"]
    table = re.findall(r"^\| (Python .*) \|$", ENVIRONMENTS, re.MULTILINE)
    assert table == [" | ".join([row["python"], row["packages"], *row["versions"].values()]) for row in rows]
    assert all(re.fullmatch(r"\d+ passed", row["outcome"]) for row in rows)


# ---------------------------------------------------------------------- documents


def snippets(*, of_torch=False):
    """The README's, with what they print. Those of PyTorch are run by `make peers`."""
    found = re.findall(r"```python\n(.*?)```\n+```text\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    return [(code, shown) for code, shown in found if ("import torch\n" in code) == of_torch]


OF_HYPOTHESIS = [(code, shown) for code, shown in snippets() if "refnn.testing" in code]  # others run on a terminal


@pytest.mark.parametrize(("code", "shown"), OF_HYPOTHESIS, ids=lambda text: text[:30])
def test_the_readme_prints_what_it_shows(code, shown, tmp_path):
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert run.stderr == ""
    assert run.stdout == shown


def test_the_readme_has_snippets():
    assert len(snippets()) > len(OF_HYPOTHESIS) > 0


PATTERNS = ("*.md", ".github/*.md", "tests/*.md", "proofs/**/*.md")
DOCUMENTS = [path for pattern in PATTERNS for path in sorted(ROOT.glob(pattern))]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_a_document_names_exists(document):
    """Links to files, and the make targets in the text."""
    text = document.read_text()
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for target in re.findall(r"`make ([a-z-]+)`", text):
        assert target in targets, f"make {target}"
    for link in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
        assert link.startswith("http") or (document.parent / link).exists(), link
