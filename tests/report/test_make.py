"""Making a report: what it finds, where it was made, and whom it cites."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from reports import identities, missing_mean_in_layer_1, report_on, right

import refnn
from refnn import certificate
from refnn.__main__ import main
from refnn.gradcheck.faults.catalogue import FAULTS
from refnn.report import citation, findings, make, networks
from refnn.report.citation import Author
from refnn.report.draw import folder
from refnn.report.read import load
from refnn.report.resources import CITATION

ROOT = Path(__file__).parents[2]


# ---------------------------------------------------------------------- what is found


def test_the_reference_passes_and_a_broken_one_does_not(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(networks, "SEEDS", range(10, 12))
    monkeypatch.setattr(networks, "RECIPE", networks.Recipe((30, 2, 1), 0.5, (0, 3)))
    monkeypatch.setattr(findings, "FAULTS", {})
    monkeypatch.setattr(folder, "figures", lambda _: [])
    assert main(["report", "--out", str(tmp_path / "right")]) == 0
    assert "refnn.backprop: PASS on 4 networks" in capsys.readouterr().out
    monkeypatch.setattr(findings, "reference_gradient", missing_mean_in_layer_1)
    assert main(["report", "--out", str(tmp_path / "wrong")]) == 1
    assert "refnn.backprop: WRONG on 4 networks" in capsys.readouterr().out


def test_a_planted_fault_that_is_not_seen_leaves_no_report_with_status_0(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(networks, "SEEDS", range(10, 11))
    monkeypatch.setattr(networks, "RECIPE", networks.Recipe((30, 2, 1), 0.5, (0,)))
    monkeypatch.setattr(findings, "FAULTS", {"missing-mean": FAULTS["missing-mean"]})
    monkeypatch.setattr(folder, "figures", lambda _: [])
    assert main(["report", "--out", str(tmp_path)]) == 0
    monkeypatch.setattr(findings, "check_network", lambda *_, **__: refnn.GradientCheck(refnn.Verdict.PASS))
    assert main(["report", "--out", str(tmp_path)]) == 3
    assert "planted, and not seen on every network: missing-mean" in capsys.readouterr().out


def test_a_wrong_backprop_gets_a_report_without_certificates(monkeypatch):
    def disjoint(*_):
        raise ArithmeticError("disjoint")

    monkeypatch.setattr(certificate, "confirm", disjoint)
    assert report_on(right, 10)["measured"]["networks"][0]["certificate"] is None


def test_a_report_tells_planted_faults_tried_from_seen_and_named(report):
    counts = {fault["name"]: fault for fault in report["content"]["faults"]}
    assert counts["sign-flipped"] == {"name": "sign-flipped", "equation": "D7", "tried": 2, "seen": 2, "named": 2}
    assert counts["missing-hidden-derivative"]["tried"] == 1


def test_faults_that_the_check_misses_are_not_counted_as_seen(monkeypatch):
    monkeypatch.setattr(findings, "check_network", lambda *_, **__: refnn.GradientCheck(refnn.Verdict.PASS))
    counts = findings.faults([networks.seeded(30)])
    assert any(fault["tried"] for fault in counts)
    assert all(fault["seen"] == fault["named"] == 0 for fault in counts)


def test_a_wrong_gradient_is_reported_with_its_cause():
    content = report_on(FAULTS["bias-missing-mean"].gradient, 30)["content"]
    assert content["verdict"] == "WRONG"
    assert content["causes"] == [["bias-missing-mean"]]
    assert content["networks"][0]["parameters"]["db1"]["verdict"] == "WRONG"
    assert content["networks"][0]["parameters"]["dW1"]["verdict"] == "PASS"


def test_a_gradient_that_reuses_its_memory_is_recorded_as_it_was_and_is_wrong():
    held = {}

    def gradient(params, X, Y):
        for key, dV in right(params, X, Y).items():
            held.setdefault((key, dV.shape), np.empty_like(dV))[...] = dV
        return {key: held[key, dV.shape] for key, dV in right(params, X, Y).items()}

    reused, fresh = (make.report_on(f, "tests:gradient", layer_dims=[2, 3, 1], m=4)[0] for f in (gradient, right))
    for found, expected in zip(reused["content"]["networks"], fresh["content"]["networks"], strict=True):
        assert found["gradient_digest"] == expected["gradient_digest"]
        assert "overwrites what an earlier call returned" in found["reasons"][0]
        assert found["verdict"] == "WRONG"


def test_a_gradient_of_foreign_arrays_is_recorded():
    class Tensor:
        """Its `size` is a method, as PyTorch's is."""

        def __init__(self, array):
            self.array, self.shape = array, array.shape

        def size(self):
            return self.shape

        def __array__(self, dtype=None, copy=None):
            return np.array(self.array, dtype)

    foreign = report_on(lambda *a: {key: Tensor(dV) for key, dV in right(*a).items()})
    assert foreign["content"] == report_on(right)["content"]


def test_a_report_too_large_to_be_read_is_not_begun(monkeypatch):
    monkeypatch.setattr(make, "LARGEST", 10)
    with pytest.raises(ValueError, match="numbers, expected at most 10"):
        report_on(right)


def test_check_writes_a_report_on_anyones_function(tmp_path, capsys):
    (tmp_path / "mine.py").write_text("def gradient(params, X, Y):\n    return {k: 0 * V for k, V in params.items()}\n")
    target = f"{tmp_path / 'mine.py'}:gradient"
    assert main(["check", target, "--layer-dims", "2,1", "--report", str(tmp_path / "out")]) == 1
    written = load(tmp_path / "out/report.json")
    assert written["content"]["subject"] == "mine.py:gradient"
    assert written["identity"] in capsys.readouterr().out
    assert main(["check", str(tmp_path / "mine.py"), "--report", str(tmp_path / "out")]) == 2


@pytest.mark.parametrize("library", ["matplotlib", "yaml"])
def test_a_missing_library_is_named_before_any_work(library, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, library, None)
    monkeypatch.setattr(make, "check_backprop", None)
    assert main(["report"]) == 2
    assert 'pip install "refnn[report]"' in capsys.readouterr().err


# ---------------------------------------------------------------------- where, and by whom


def test_the_environment_stands_outside_the_identity(report, monkeypatch):
    monkeypatch.setattr(make, "environment", lambda: {**report["environment"], "date": "1999-01-01T00:00:00Z"})
    again = report_on(right)
    assert again["environment"] != report["environment"]
    assert again["identity"] == report["identity"]
    assert again["seal"] != report["seal"]


def test_the_environment_names_no_machine_user_or_folder(report):
    said = json.dumps(report["environment"])
    assert os.sep not in said
    assert os.uname().nodename not in said


def test_another_machine_finds_the_same_identity(report):
    """Other kernels, no vector instructions beyond the oldest, one thread: what another machine would use."""
    code = "import sys; sys.path.insert(0, 'tests/report'); from reports import identities; print(*identities())"
    features = " ".join(report["environment"]["cpu_features"])
    others = {"OPENBLAS_CORETYPE": "Nehalem", "OPENBLAS_NUM_THREADS": "1", "NPY_DISABLE_CPU_FEATURES": features}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        env={**os.environ, **others},
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.stdout.split() == identities(), done.stderr


def test_a_citation_is_made_of_citation_cff_and_the_identity(report, monkeypatch, tmp_path):
    identity, where = report["identity"], report["environment"]
    _, _, *cited = citation.citation(findings.REFERENCE, identity, where).values()
    assert all(identity in text for text in cited)
    assert 'title: "refnn' in CITATION.read_text()
    assert all("The refnn authors" in text for text in cited)
    assert cited[1].count("{") == cited[1].count("}")
    mine = tmp_path / "CITATION.cff"
    mine.write_text(
        "title: '50 % of refnn: and more'\nauthors:\n- {given-names: Ada, family-names: Lovelace}\n- {name: Friends}\n"
    )
    monkeypatch.setattr(citation, "CITATION", mine)
    where = {"date": "2031-02-03T00:00:00Z", "packages": {"refnn": "7.8"}}
    _, _, text, bibtex = citation.citation(findings.REFERENCE, "ab" * 32, where).values()
    assert text.startswith("Ada Lovelace, Friends (2031). Gradient-check report abababababab on refnn.backprop.")
    assert "{Ada Lovelace} and {Friends}" in bibtex
    assert r"50 \% of refnn, version 7.8" in bibtex


def test_a_report_on_anothers_function_has_the_author_that_was_named_or_none(report):
    subject, identity, where = "my_module:f{1}", report["identity"], report["environment"]
    _, _, text, bibtex = citation.citation(subject, identity, where).values()
    assert text.startswith(f"Gradient-check report {identity[:12]} on {subject} (")
    assert "author" not in text + bibtex
    assert r"my\_module:f(1)" in bibtex
    author = Author("Ada {L} & Co", "https://example.org/~ada")
    named = citation.citation(subject, identity, where, author)
    assert (named["author"], named["url"]) == author
    assert named["text"].startswith("Ada {L} & Co (")
    assert "https://example.org/~ada" in named["text"]
    assert r"author = {{Ada (L) \& Co}}" in named["bibtex"]
    assert r"{A\^{} B\~{} 5 \%}" in citation.citation(subject, identity, where, Author("A^ B~ 5 %"))["bibtex"]
    assert named["bibtex"].count("{") == named["bibtex"].count("}")


@pytest.mark.parametrize(
    "author",
    [Author(""), Author("x" * 201), Author("\x1b[2J"), Author("Ada", "example.org"), Author("Ada", "https://a b")],
)
def test_an_author_who_cannot_be_printed_is_refused_before_any_work(author, monkeypatch):
    monkeypatch.setattr(make, "default_probes", None)
    with pytest.raises(ValueError, match=r"author is|url is"):
        make.report_on(right, "tests:right", author=author)
