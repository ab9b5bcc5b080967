"""`refnn certify` from the shell: the certificate of a recorded gradient, and the same as a theorem for Coq."""

import pytest
from reports import changed, forged, report_on, with_nan, written
from test_report_declared import gradient_of

from refnn import certify
from refnn.__main__ import main
from refnn.report import make
from refnn.report.read import cases


@pytest.fixture
def path(report, tmp_path):
    return str(written(report, tmp_path / "report.json"))


def test_the_certificate_is_that_of_the_recorded_gradient(report, path, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("PATH", "")  # no Coq
    for network, case in enumerate(cases(report)):
        file = tmp_path / "new" / f"{network}.v"
        assert main(["certify", path, "--network", str(network), "--coq", str(file)]) == 0
        expected = certify(*case.probe[1:], case.grads)
        assert capsys.readouterr().out.startswith(f"{expected}\ntheorem saved in {file}; ")
        assert file.read_text() == expected.to_coq()


def test_the_bounds_are_those_that_the_report_states(report):
    for case in cases(report):
        if stated := case.evidence["certificate"]:
            bounds = certify(*case.probe[1:], case.grads).to_json()["absolute"]
            assert bounds == {key: stated["absolute"][key] for key in bounds}


def test_without_an_option_nothing_is_written(path, tmp_path, capsys):
    before = list(tmp_path.iterdir())
    assert main(["certify", path]) == 0
    assert list(tmp_path.iterdir()) == before
    assert "saved" not in capsys.readouterr().out


def test_plain_integers_are_said_to_coq(path, tmp_path):
    file = tmp_path / "plain.v"
    assert main(["certify", path, "--coq", str(file), "--plain-integers"]) == 0
    assert "Plain Precision" in file.read_text()


def refused(report, tmp_path, capsys, *options):
    """What is said of a report that has no such certificate; no file is written."""
    file = tmp_path / "refused.v"
    path = written(report, tmp_path / "refused.json")
    assert main(["certify", str(path), "--coq", str(file), *options]) == 2
    assert not file.exists()
    return capsys.readouterr().err


def test_what_cannot_be_certified_is_refused(report, tmp_path, capsys):
    assert "--network is 2, expected one from 0 to 1" in refused(report, tmp_path, capsys, "--network", "2")
    assert "--network is -1" in refused(report, tmp_path, capsys, "--network", "-1")
    assert "grads['dW1'][0, 0] is nan" in refused(report_on(with_nan), tmp_path, capsys)
    none = forged(changed(report, ("measured", "networks", 0, "gradient"), None))
    assert "networks[0] has no gradient" in refused(none, tmp_path, capsys)
    changed_report = changed(report, ("content", "verdict"), "WRONG")
    assert "content.verdict was changed" in refused(changed_report, tmp_path, capsys)


def test_a_cost_that_is_no_mean_is_refused(tmp_path, capsys):
    summed, _ = make.report_on(gradient_of(reduction="sum"), "tests:summed", layer_dims=[1, 1], reduction="sum")
    assert "certificates are of a mean cost" in refused(summed, tmp_path, capsys)


def test_a_unit_on_its_kink_is_refused(report, tmp_path, capsys, monkeypatch):
    def unknown(*_, **__):
        raise ArithmeticError("layer 1, with 16384 bits: it holds 0, the kink")

    monkeypatch.setattr("refnn.report.findings.certify", unknown)
    assert "networks[0] has no certificate: layer 1, with 16384 bits" in refused(report, tmp_path, capsys)
