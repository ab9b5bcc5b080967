"""What a report finds, and whom it cites; the committed one is what the code finds."""

import sys
from pathlib import Path

import pytest
from reports import missing_mean_in_layer_1, report_on, right

import refnn
from refnn import _enclosure
from refnn.__main__ import main
from refnn.gradcheck.faults.catalogue import FAULTS
from refnn.report import build, citation, networks, record
from refnn.report.replay import load
from refnn.report.replay.ledger import HALF_THE_DIGITS
from refnn.report.resources import CITATION

ROOT = Path(__file__).parents[2]
COMMITTED = ROOT / "proofs/reports/reference/report.json"


@pytest.fixture(scope="module")
def report():
    return report_on(right)


# ---------------------------------------------------------------------- what is found


def test_the_reference_passes_and_a_broken_one_does_not(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(networks, "SEEDS", range(10, 12))
    monkeypatch.setattr(networks, "RECIPE", networks.Recipe((30, 2, 1), 0.5, (0, 3)))
    monkeypatch.setattr(build, "FAULTS", {})
    assert main(["report", "--out", str(tmp_path / "right")]) == 0
    assert "refnn.backprop: PASS on 4 networks" in capsys.readouterr().out
    monkeypatch.setattr(build, "reference_gradient", missing_mean_in_layer_1)
    assert main(["report", "--out", str(tmp_path / "wrong")]) == 1
    assert "refnn.backprop: WRONG on 4 networks" in capsys.readouterr().out


def test_a_wrong_backprop_gets_a_report_without_certificates(monkeypatch):
    def disjoint(*_):
        raise ArithmeticError("disjoint")

    monkeypatch.setattr(_enclosure, "confirm", disjoint)
    assert report_on(right, 10)["measured"]["networks"][0]["certificate"] is None


def test_a_report_tells_planted_faults_tried_from_seen_and_named(report):
    counts = {fault["name"]: fault for fault in report["content"]["faults"]}
    assert counts["sign-flipped"] == {"name": "sign-flipped", "equation": "D7", "tried": 2, "seen": 2, "named": 2}
    assert counts["missing-hidden-derivative"]["tried"] == 1


def test_faults_that_the_check_misses_are_not_counted_as_seen(monkeypatch):
    monkeypatch.setattr(build, "check_network", lambda *_, **__: refnn.GradientCheck(refnn.Verdict.PASS))
    counts = build.faults([networks.seeded(30)])
    assert any(fault["tried"] for fault in counts)
    assert all(fault["seen"] == fault["named"] == 0 for fault in counts)


def test_a_wrong_gradient_is_reported_with_its_cause():
    content = report_on(FAULTS["bias-missing-mean"].gradient, 30)["content"]
    assert content["verdict"] == "WRONG"
    assert content["causes"] == [["bias-missing-mean"]]
    assert content["networks"][0]["parameters"]["db1"]["verdict"] == "WRONG"
    assert content["networks"][0]["parameters"]["dW1"]["verdict"] == "PASS"


def test_check_writes_a_report_on_anyones_function(tmp_path, capsys):
    (tmp_path / "mine.py").write_text("def gradient(params, X, Y):\n    return {k: 0 * V for k, V in params.items()}\n")
    target = f"{tmp_path / 'mine.py'}:gradient"
    assert main(["check", target, "--layer-dims", "2,1", "--report", str(tmp_path / "out")]) == 1
    written = load.load(tmp_path / "out/report.json")
    assert written["content"]["subject"] == "mine.py:gradient"
    assert written["identity"] in capsys.readouterr().out
    assert main(["check", str(tmp_path / "mine.py"), "--report", str(tmp_path / "out")]) == 2


@pytest.mark.parametrize("library", ["matplotlib", "yaml"])
def test_a_missing_library_is_named_before_any_work(library, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, library, None)
    monkeypatch.setattr(build, "check_backprop", None)
    assert main(["report"]) == 2
    assert 'pip install "refnn[report]"' in capsys.readouterr().err


# ---------------------------------------------------------------------- citation


def test_a_citation_is_made_of_citation_cff_and_the_identity(report, monkeypatch, tmp_path):
    cited = report["citation"]
    assert all(report["identity"] in text for text in cited.values())
    assert 'title: "refnn' in CITATION.read_text()
    assert "The refnn authors" in cited["bibtex"]
    assert cited["bibtex"].count("{") == cited["bibtex"].count("}")
    mine = tmp_path / "CITATION.cff"
    mine.write_text(
        "title: 50 % of refnn\nversion: 7.8\ndate-released: 2031-02-03\n"
        "authors:\n- {given-names: Ada, family-names: Lovelace}\n- {name: Friends}\n"
    )
    monkeypatch.setattr(citation, "CITATION", mine)
    text, bibtex = citation.citation("my_module:f", "ab" * 32).values()
    assert text.startswith("Ada Lovelace, Friends (2031). Gradient-check report abababababab on my_module:f.")
    assert "{Ada Lovelace} and {Friends}" in bibtex
    assert r"my\_module:f" in bibtex
    assert r"50 \% of refnn, version 7.8" in bibtex


# ---------------------------------------------------------------------- the committed report


def test_the_committed_report_is_what_the_code_finds():
    """Where this fails, the code finds something else than it did: look why, then `make reports`."""
    committed = load.load(COMMITTED)
    report, _ = build.report_on_reference()
    then, now = dict(record.parts(committed)), dict(record.parts(report))
    assert [path for path in now if path.startswith("content.") and then.get(path) != now[path]] == []
    assert committed["identity"] == report["identity"]
    for before, after in zip(committed["measured"]["networks"], report["measured"]["networks"]):
        for name, entry in after["worst"].items():
            recorded = before["worst"][name]
            if recorded["index"] == entry["index"]:  # else rounding made another entry the worst
                tolerance, again = (float.fromhex(e["tolerance"]) for e in (recorded, entry))
                assert tolerance == pytest.approx(again, rel=HALF_THE_DIGITS), name
