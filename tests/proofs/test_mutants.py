"""The mutants are those that are meant, each is judged rightly, and their record keeps to itself (proofs/mutants)."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import links
import mutations
import pairs
import pytest
import record
import workshop

HERE = Path(record.__file__).parent
ROOT = HERE.parents[1]
RECORD, TOLD = json.loads(record.RECORD.read_text()), record.reasons()
SOURCES = {str(path.relative_to(record.PACKAGE)): path.read_text() for path in sorted(record.PACKAGE.rglob("*.py"))}


# ---------------------------------------------------------------------- mutations

CHANGES = {
    "a + b": {"a - b"},
    "a @ b": {"b @ a"},
    "a < b <= c": {"a <= b <= c", "a > b <= c", "a < b < c", "a < b >= c"},
    "not a": {"a"},
    "a and b and c": {"b and c", "a and c", "a and b"},
    "-a": {"a"},
    "1": {"2"},
    "0.5": {"1.0"},
    "True": {"False"},
    "a if b else c": {"a", "c"},
    "a.T": {"a"},
    "max(a)": {"min(a)"},
    "abs(a)": {"a"},
    "a.astype(b)": {"a"},
    "a(b, c=d)": {"a(b)"},
    "f'{a + b}'": {"f'{a - b}'"},
    "'a' + b": set(),
}


@pytest.mark.parametrize("text", CHANGES)
def test_an_expression_is_changed_into_each_of_these(text):
    found = {ast.unparse(ast.parse(mutation.applied(text))) for mutation in mutations.mutations(text)}
    assert found - {"pass"} == CHANGES[text]


def test_statements_are_left_out_and_conditions_decided():
    text = "def f(a: 1 = 2) -> 3:\n    if a:\n        a[b] = c\n        b(c)\n    assert a < b\n    return a\n"
    found = {mutation.key for mutation in mutations.mutations(text)}
    assert found == {
        "f: def f(a: 1 = 2) -> 3: -> def f(a: 1 = (3)) -> 3:",
        "f: if a: -> if False:",
        "f: if a: -> if True:",
        "f: a[b] = c -> pass",
        "f: b(c) -> pass",
        "f: return a -> return None",
    }


def test_each_key_stands_for_one_mutant_of_its_file():
    for text in SOURCES.values():
        keys = [mutation.key for mutation in mutations.mutations(text)]
        assert len(keys) == len(set(keys))


class Unwrapped(ast.NodeTransformer):
    def visit_Subscript(self, node):
        self.generic_visit(node)
        match node:
            case ast.Subscript(ast.List([item]), ast.Constant(0)):
                return item
        return node


@pytest.mark.parametrize("file", sorted({*record.CORE, *list(SOURCES)[::7]}))
def test_the_neutral_text_is_the_same_program_line_by_line(file):
    neutral = mutations.neutral(SOURCES[file])
    assert ast.dump(Unwrapped().visit(ast.parse(neutral))) == ast.dump(Unwrapped().visit(ast.parse(SOURCES[file])))
    assert neutral.count("\n") == SOURCES[file].count("\n")
    assert neutral != SOURCES[file] or not any(mutations.places(SOURCES[file]))


# ---------------------------------------------------------------------- judging

SCRIPT = """
import json, sys
from pathlib import Path
import workshop
workshop.SECONDS, workshop.TIMES, workshop.AGAIN = 1, 0, 4  # the second chance is for a machine under load
workshop.WARM = ("numpy", "hypothesis.extra.numpy")
workshop.warm()
shop = workshop.Workshop(Path(sys.argv[1], "copy"))
unit, field = (f"tests/network/{name}" for name in sys.argv[2:4])
source = (shop.folder / "refnn/layers.py").read_text()
right = "return 1 / (1 + exp(-Z))"
assert source.count(right) == 1
found = {}
for instead in json.loads(sys.argv[4]):
    with shop.changed("layers.py", source.replace(right, instead)):
        found[instead] = shop.killers({"unit": [unit], "field": [field]}, {unit: 0, field: 0}, "quick")
print(json.dumps([found, [unit, field], (shop.folder / "refnn/layers.py").read_text() == source]))
"""


def test_a_mutant_is_killed_in_each_link_by_the_test_that_fails_and_the_source_by_none(tmp_path):
    tests = (
        "test_sigmoid.py::test_the_sigmoid_by_hand",
        "test_in_the_field.py::test_the_network_obeys_every_law_exactly",
    )
    right = "return 1 / (1 + exp(-Z))"
    changes = [
        f"{right}  # as it is",
        "return 1 / (2 + exp(-Z))",
        f"import os, time; time.sleep(1000 * ('PYTEST_CURRENT_TEST' in os.environ and Z.dtype == object)); {right}",
        "import os; os._exit(0)",
        "return 1 / 0 /",
    ]
    command = [sys.executable, "-c", SCRIPT, str(tmp_path), *tests, json.dumps(changes)]
    run = subprocess.run(
        command, env={"PYTHONPATH": str(HERE), "PATH": ""}, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    found, (unit, field), restored = json.loads(run.stdout)
    assert restored
    both, ended = {"unit": unit, "field": field}, "collection (no end)"
    assert list(found.values()) == [
        {},
        both,
        {"field": f"{field} (no end)"},
        {"unit": ended, "field": ended},
        both,
    ]


def test_every_test_has_its_link():
    found = {links.link_of(f"tests/{name}") for name in ("network/test_train.py::test_a", "test_rules.py::test_b[c]")}
    assert found == {"unit", links.REST}
    assert links.link_of("tests/network/test_declared.py::test_every_network_obeys_every_law[relu-complex_step]") == (
        "differences"
    )
    assert set(links.PATTERNS.values()) == set(links.LINKS)
    functions = [
        f"{path.relative_to(ROOT / 'tests')}::{node.name}"
        for path in sorted((ROOT / "tests").rglob("test_*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    ]
    for pattern in links.PATTERNS:
        function = pattern.partition("[")[0]
        assert any(links.fnmatchcase(name, function) for name in functions), f"{pattern} fits no test"


def test_no_pair_of_changes_of_the_network_cancels():
    """A few of them; all are tried by `make mutants`. Alone what is equivalent is not seen, and nothing else."""
    alone, seen, every, found = pairs.pairs(every=97)
    assert {f"network.py {mutant.key}" for mutant in alone} == {key for key in TOLD if key.startswith("network.py ")}
    assert found == []
    chain = " ".join((ROOT / "proofs/README.md").read_text().split())
    assert f"{seen} changes of `network.py` are each seen alone. Of these, all {every:,} pairs" in chain
    right = pairs.results(pairs.module_of(pairs.SOURCE))
    assert pairs.unseen(pairs.SOURCE + "\n# the same\n", right)


# ---------------------------------------------------------------------- the record


def test_the_record_keeps_to_itself_and_gives_a_reason_for_each_survivor():
    assert record.faults(RECORD, TOLD) == []
    assert all(len(reason) >= 20 for reason in TOLD.values())


def test_the_core_is_that_of_the_record():
    """The core alone: other files change daily, and `make mutants` says which are out of date."""
    assert record.out_of_date(RECORD, record.CORE) == [], "the record is out of date: make mutants"


def test_a_record_that_is_wrong_is_seen():
    key = next(key for key, killers in RECORD["core"].items() if killers)
    lost = RECORD | {"core": {name: found for name, found in RECORD["core"].items() if name != key}}
    alive = RECORD | {"core": RECORD["core"] | {key: {}}}
    alive |= record.totals(alive["core"], alive["others"])
    assert record.faults(lost, TOLD) == ["the totals are not those of the mutants"]
    assert record.faults(alive, TOLD) == [f"no reason is given for {key}"]
    assert record.faults(RECORD, TOLD | {key: "so it is"}) == [f"there is a reason for what does not survive: {key}"]


def test_what_is_renewed_leaves_nothing_of_a_file_as_it_was():
    file = next(iter(RECORD["others"])).partition(" ")[0]
    rest = record.without(RECORD, [file])
    assert not any(key.partition(" ")[0] == file for part in ("sources", "core", "others") for key in rest[part])
    gone = {key for key in RECORD["others"] if key.startswith(f"{file} ")}
    assert gone
    assert rest["others"].keys() == RECORD["others"].keys() - gone
    renewed = record.made({key: {"any": "tests/test_a.py::test_b"} for key in gone}, rest)
    assert renewed["sources"].keys() == RECORD["sources"].keys()
    assert renewed["others"] == RECORD["others"] | dict.fromkeys(gone, "test_a.py::test_b")


def test_the_chain_of_evidence_gives_the_counts_of_the_record():
    chain = " ".join((ROOT / "proofs/README.md").read_text().split())
    core, others, seen = RECORD["core"], RECORD["others"], RECORD["links"]
    caught, of_others = sum(map(bool, core.values())), sum(map(bool, others.values()))
    assert f"all {len(core)} of the core, `network.py`, `layers.py` and `_floats.py`, and {len(others)} of the" in chain
    assert f"one in {RECORD['share']} by a hash" in chain
    assert f"Of the core {caught} are caught and {len(core) - caught} are equivalent" in chain
    without = len(others) - of_others
    assert f"of the others {of_others} are caught, and {without} are equivalent or of no consequence" in chain
    for link in links.LINKS:
        assert re.search(rf"\| {link} \| [^|]+ \| {seen[link][0]} \| {seen[link][1]} \|", chain), link


def test_a_hash_sees_code_and_neither_comments_nor_docstrings():
    text = '"""Words."""\n\nx = 1  # one\n\n\ndef f():\n    """More\n    words."""\n    return "# no comment"\n'
    same = '"""Other words."""\nx = 1\ndef f():\n    """More."""\n\n    # why\n    return "# no comment"\n'
    assert record.state(text) == record.state(same)
    for other in (text.replace("x = 1", "x = 2"), text.replace("# no", "no")):
        assert record.state(text) != record.state(other)
    assert record.out_of_date({"sources": record.states(["layers.py"]) | {"network.py": "0"}}) == ["network.py"]


def test_of_a_file_that_runs_on_import_alone_the_tests_are_those_of_what_imports_it():
    tests = workshop.Tests({"report/read.py": {40: {"slow"}}, "layers.py": {40: {"quick"}}}, {"slow": 2, "quick": 1})
    assert tests.of("report/resources.py", range(0)) == ["slow"]
    assert tests.of("layers.py", range(3)) == ["quick"]
