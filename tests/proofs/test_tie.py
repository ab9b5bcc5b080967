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


def test_each_mutant_of_the_definitions_broke_a_proof():
    results = RECORD["Generic.v"]
    assert RECORD["proof_state"] == mutants.proof_state(), "the record is out of date: make mutate"
    assert list(results) == [mutant for mutant, _ in mutants.proof_mutants()]
    assert len(results) >= 15
    assert [mutant for mutant, breaks in results.items() if breaks is None] == []


def test_the_chain_of_evidence_counts_the_mutants_of_the_record():
    chain = (COQ.parent / "README.md").read_text()
    assert f"{len(RECORD['source'])} changes of `network.py` and `layers.py`" in chain
    assert f"and {len(RECORD['Generic.v'])} of `Generic.v`" in chain


def test_the_python_lines_quoted_beside_the_definitions_are_in_the_source():
    package = Path(refnn.network.__file__).parent
    source = "".join((package / name).read_text() for name in ("network.py", "layers.py", "_floats.py"))
    quoted = re.findall(r"`(.*?)`", (COQ / "Generic.v").read_text())
    assert len(quoted) >= 12
    assert [line for line in quoted if line not in source] == []


def test_the_proofs_admit_nothing():
    for file in COQ.glob("*.v"):
        code = mutants.without_comments(file.read_text())
        assert not re.search(
            r"\b(Admitted|admit|Axioms?|Parameters?|Conjecture|Abort|bypass_check)\b(?! Inline)", code
        ), file


def test_the_assumptions_of_every_theorem_are_printed():
    theorems = [
        name
        for file in ("Theorems.v", "Sigmoid.v", "Example.v", "Translated.v")
        for name in re.findall(r"^Theorem (\w+)", (COQ / file).read_text(), re.M)
    ]
    printed = re.findall(r"^Print Assumptions (\w+)\.", (COQ / "Assumptions.v").read_text(), re.M)
    assert printed == theorems


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
    assert {file.name for file in COQ.glob("*.v")} | written == {word for word in project if word.endswith(".v")}
