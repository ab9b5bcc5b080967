"""The project keeps its own rules: who imports whom, what the runtime needs, and that the README tells the truth."""

import ast
import re
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = sorted((ROOT / "refnn").rglob("*.py"))
SOURCES = [path for folder in ("refnn", "tests", "proofs") for path in sorted((ROOT / folder).rglob("*.py"))]
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
}

# Who may be imported by a room, beside itself. What is not named here may import all of refnn.
MAY_IMPORT = {
    "_shapes": set(),
    "_progress": set(),
    "_floats": {"_shapes"},
    "_arguments": {"_shapes", "_floats"},
    "network": {"_shapes", "_floats", "_arguments", "_progress"},
    "numbers": {"_shapes", "_progress"},
    "gradcheck": {"_shapes", "_progress", "numbers"},
    "article": {"_shapes", "gradcheck"},
    "tabular": {"_shapes"},
    "certificate": {"_shapes", "network", "numbers"},
}


def room(path):
    return path.relative_to(ROOT / "refnn").parts[0].removesuffix(".py")


def imported(path):
    """Each module that a file imports, absolute, with whether the import stands at the top of the file."""
    package = path.relative_to(ROOT).parent.parts
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*base, *([node.module] if node.module else [])])
            names = [f"{module}.{alias.name}" for alias in node.names]
        else:
            continue
        yield from ((name, node in tree.body) for name in names)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_room_imports_only_what_it_may(path):
    for name, at_the_top in imported(path):
        top, *inside = name.split(".")
        assert top not in ("tests", "proofs"), f"{name}: refnn does not lean on its evidence"
        if top == "refnn" and inside and room(path) in MAY_IMPORT:
            assert inside[0] in MAY_IMPORT[room(path)] | {room(path)}, f"{path.name} imports {name}"
        if room(path) != "testing":  # a module for test suites, which has Hypothesis at its heart
            assert not (top in EXTRAS and at_the_top), f"{path.name} imports {name} for everyone"


def files_imported(path, *, at_the_top=False):
    """The files of refnn that one imports, anywhere or at its top only."""
    names = [ROOT.joinpath(*name.split(".")) for name, at_top in imported(path) if at_top or not at_the_top]
    return {file for name in names for file in [module_of(name)] if file in FILES}


def module_of(name):
    """The file of a module, or the one that holds a name: a module too, or the package."""
    places = (name.with_suffix(".py"), name.parent.with_suffix(".py"), name.parent / "__init__.py")
    return next(filter(Path.is_file, places), None)


def needed(paths):
    """These files and all of refnn that they import, directly or not."""
    found, new = set(), set(paths)
    while new:
        found |= new
        new = set().union(*map(files_imported, new)) - found
    return found


def test_imports_go_in_no_circle():
    """Neither of files nor of rooms; an import inside a function breaks a circle of files, as it is meant to."""
    files = {path: files_imported(path, at_the_top=True) for path in FILES}
    TopologicalSorter(files).prepare()
    rooms = {}
    for path, others in files.items():
        rooms.setdefault(room(path), set()).update({room(other) for other in others} - {room(path)})
    TopologicalSorter(rooms).prepare()


@pytest.mark.parametrize("reader", ["draw", "replay"])
def test_who_draws_or_replays_a_report_imports_no_writer(reader):
    report = ROOT / "refnn" / "report"
    writers = {report / f"{name}.py" for name in ("make", "provenance")}
    assert writers <= set(FILES)
    assert not writers & needed((report / reader).glob("*.py"))


def test_importing_refnn_needs_numpy_alone():
    script = f"""
import sys
class Refuse:
    def find_spec(self, name, *_):
        if name.split(".")[0] in {EXTRAS | {"scipy", "torch"}!r}:
            raise AssertionError(name)
sys.meta_path.insert(0, Refuse())
import refnn, refnn.__main__
print(len(refnn.__all__))
"""
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, "")


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_can_be_read_in_one_sitting(path):
    assert len(path.read_text().splitlines()) <= 400


def snippets():
    return re.findall(r"```python\n(.*?)```\n+```text\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)


@pytest.mark.parametrize(("code", "shown"), snippets(), ids=lambda text: text[:30])
def test_the_readme_prints_what_it_shows(code, shown, tmp_path):
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert run.stderr == ""
    assert run.stdout == shown


def test_the_readme_has_snippets():
    assert len(snippets()) >= 2


@pytest.mark.parametrize(
    "document", sorted(ROOT.glob("*.md")) + sorted((ROOT / "proofs").rglob("*.md")), ids=lambda p: p.name
)
def test_what_a_document_names_exists(document):
    """Links to files, and the make targets in the text."""
    text = document.read_text()
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for target in re.findall(r"`make ([a-z-]+)`", text):
        assert target in targets, f"make {target}"
    for link in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
        assert link.startswith("http") or (document.parent / link).exists(), link
