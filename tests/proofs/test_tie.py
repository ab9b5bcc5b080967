"""The Python source and the program extracted from the proof are the same function (proofs/coq)."""

import json
import re
from pathlib import Path

import mutants
import pytest
import tie

import refnn.network

COQ = Path(tie.__file__).parent
NETWORKS = json.loads(tie.VECTORS.read_text())
RECORD = json.loads(mutants.RECORD.read_text())


@pytest.mark.parametrize("net", NETWORKS, ids=lambda net: f"{net['layer_dims']} m={net['examples']}")
def test_network_returns_exactly_what_the_extracted_program_returned(net):
    assert tie.difference(net, net["outputs"]) is None


@pytest.mark.parametrize("net", NETWORKS, ids=lambda net: f"{net['layer_dims']} m={net['examples']}")
def test_one_wrong_entry_of_any_output_is_seen(net):
    for name, matrix in net["outputs"].items():
        wrong = [row.copy() for row in matrix]
        wrong[-1][-1] = (wrong[-1][-1] + 1) % tie.P
        assert tie.difference(net, net["outputs"] | {name: wrong}) == name


def test_each_mutant_of_the_source_is_seen():
    results = {mutant: mutants.source_breaks(module) for mutant, module in mutants.source_mutants()}
    assert len(results) >= 60
    assert [mutant for mutant, breaks in results.items() if breaks is None] == []
    assert list(results) == list(RECORD["source"]), "the record is out of date: make mutate"


def test_each_change_was_refused():
    assert not any(mutants.out_of_date(RECORD).values()), "the record is out of date: make mutate"
    for kind, every in mutants.all_changes().items():
        assert list(RECORD[kind]) == list(every)
        assert [name for name, refused in RECORD[kind].items() if refused is None] == []


def test_the_record_is_out_of_date_once_a_file_on_which_a_result_stands_is_another():
    for file, below in (("Generic.v", {"Generic.v", "text", "statements"}), ("Translated.v", {"statements"})):
        changed = RECORD | {"state": RECORD["state"] | {file: "another"}}
        assert below <= {kind for kind, every in mutants.out_of_date(changed).items() if every}
    assert not mutants.out_of_date(changed)["Generic.v"]


def test_a_statement_that_is_printed_otherwise_has_its_name(tmp_path, monkeypatch):
    recorded = mutants.HERE.joinpath("statements.txt").read_text()
    for old, name in (
        ("differentiable n L m g out W b X ->\n       forall l i j", "any_W"),
        ("(1 <= l <= L)%nat", "moves"),
    ):
        printed = recorded.replace(old, old.replace("L", "M", 1), 1)
        monkeypatch.setattr(mutants, "printed_statements", lambda _, printed=printed: printed.splitlines())
        assert mutants.statements_differ(tmp_path) == name


def test_the_chain_of_evidence_counts_the_changes_of_the_record():
    chain = " ".join((COQ.parent / "README.md").read_text().split())
    for kind, words in {
        "source": "{} changes of `network.py` and `layers.py`",
        "text": "{} of the text",
        "floats": "{} of its branches for floats",
        "translator": "{} of the translator",
        "meaning": "{} of the meaning",
        "Generic.v": "{} of `Generic.v`",
        "model": "{} more of the model",
        "statements": "{} of the statements",
        "rounding": "{} of the floating-point theorem",
        "certificates": "{} of the certificates",
    }.items():
        assert words.format(len(RECORD[kind])) in chain


def test_the_python_lines_quoted_beside_the_definitions_are_in_the_source():
    package = Path(refnn.network.__file__).parent
    source = "".join((package / name).read_text() for name in ("network.py", "layers.py", "_floats.py"))
    quoted = re.findall(r"`(.*?)`", (COQ / "Generic.v").read_text())
    assert len(quoted) >= 12
    assert [line for line in quoted if line not in source] == []


# The first words of all that the proofs tell Coq. None of these takes a statement without a proof, or has less checked;
# a proof ends with Qed or Defined, which Coq refuses to one with gaps. In lower case are the steps of proofs.
ALONE = "From Import Include Open Notation Arguments Hint Instance Ltac Opaque Extraction Print Check"
STATED = "Module Section End Definition Fixpoint Inductive Record Let Lemma Remark Theorem Proof Qed Defined"
PAIRS = ["Create HintDb", "Declare Scope", "Delimit Scope", "Bind Scope", "Set Keyed", "Set Printing"]
PAIRS += ["Parameter Inline"]  # of what an instance supplies
COMMANDS = {*ALONE.split(), *STATED.split(), *PAIRS}
IN_SECTIONS = {"Variable", "Variables", "Hypothesis", "Context"}  # each a premise of what stands there


def unproved(coq):
    """The sentences by which Coq might take something without a proof."""
    sections = set()
    text = re.sub(r'"[^"]*"', '""', mutants.without_comments(coq))
    for sentence in re.split(r"\.(?:\s|$)", text):
        words = re.sub(r"^[\s{}*+-]*(#\[(local|export|global)\]|Local|Global)?\s*", "", sentence).split()
        if words[:1] == ["Section"]:
            sections.add(words[1])
        if words[:1] == ["End"]:
            sections.discard(words[1])
        if words and (words[0][0].isupper() or words[0][0] == "#"):
            known = COMMANDS | IN_SECTIONS if sections else COMMANDS
            if known.isdisjoint({words[0], " ".join(words[:2])}):
                yield " ".join(words)


@pytest.mark.parametrize("file", sorted(COQ.glob("*.v")), ids=lambda file: file.stem)
def test_the_proofs_take_nothing_without_a_proof(file):
    """Nor lemmas that no theorem uses, and that Coq's account of the theorems' assumptions therefore leaves out."""
    assert list(unproved(file.read_text())) == []


def test_what_has_no_proof_is_seen():
    proved = "Section S. Variable n : nat. Lemma l : n = n. Proof. reflexivity. Qed. End S. "
    assert list(unproved(proved)) == []
    for gap in (
        "Axiom a : 0 = 1",
        "Conjecture c : 0 = 1",
        "Variable v : 0 = 1",
        "Unset Guard Checking",
        "#[other] Lemma l",
    ):
        assert list(unproved(f"{proved}{gap}. (* . *) {proved}")) == [gap]


def test_every_theorem_is_printed_with_its_assumptions_and_in_full():
    of_the_network = ("Theorems.v", "Sigmoid.v", "Example.v", "Translated.v", "Kernel.v")
    of_floats = ("Floats.v", "FloatNetwork.v", "FloatSigmoid.v", "Binary64.v")
    theorems = [
        name
        for file in of_the_network + of_floats
        for name in re.findall(r"^Theorem (\w+)", (COQ / file).read_text(), re.M)
    ]
    printed = re.findall(r"^Print Assumptions (?:\w+\.)*(\w+)\.", (COQ / "Assumptions.v").read_text(), re.M)
    stated = re.findall(r"^Check (?:\w+\.)*(\w+)\.", (COQ / "Statements.v").read_text(), re.M)
    assert printed == stated == theorems


def test_the_theorems_assume_four_axioms_of_the_library():
    assert (COQ / "assumptions.txt").read_text().split() == [
        "ClassicalDedekindReals.sig_forall_dec",  # a property is decided for all natural numbers at once
        "ClassicalDedekindReals.sig_not_dec",  # for each proposition, whether its negation holds is decided
        "Classical_Prop.classic",  # excluded middle
        "FunctionalExtensionality.functional_extensionality_dep",  # functions with equal values are equal
    ]


def test_every_proof_file_is_compiled():
    project = (COQ / "_CoqProject").read_text().split()
    written = {"Source.v"}  # by translate.py, in the build
    printing = {"Assumptions.v", "Statements.v"}  # compiled by rules of their own
    files = {file.name for file in COQ.glob("*.v")} | written
    assert files == {word for word in project if word.endswith(".v")} | printing
