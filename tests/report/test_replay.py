"""Replaying a report: confirmed when it is true, differs when it was forged, and says what it cannot replay."""

import os
import re
import struct
import sys
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reports import (
    TAMPERED,
    changed,
    changes_its_input,
    few_faults,
    forged,
    in_float32,
    leaves,
    missing_mean_in_layer_1,
    moved,
    raises,
    report_on,
    right,
    slightly_more,
    twice,
    with_nan,
    written,
)

from refnn import certificate
from refnn.__main__ import main
from refnn.commands import verify
from refnn.gradcheck.faults.probes import Probe, random_probe
from refnn.gradcheck.problem import Problem
from refnn.report import findings, make, networks
from refnn.report.citation import Author
from refnn.report.draw import figures as drawing
from refnn.report.draw import folder
from refnn.report.read import ReportError, cases, load, validate
from refnn.report.record import decode
from refnn.report.replay import origins
from refnn.report.replay import replay as replaying
from refnn.report.replay.ledger import Ledger, Outcome
from refnn.report.replay.opinion import opinions
from refnn.report.replay.replay import replay


@pytest.fixture(scope="module")
def smallest():
    return report_on(right, 10)


@pytest.fixture(scope="module")
def on_the_reference():
    return report_on(findings.reference_gradient, 10, 30, name=findings.REFERENCE)


# ---------------------------------------------------------------------- confirmed


@pytest.mark.parametrize("gradient", [right, missing_mean_in_layer_1, in_float32, with_nan])
def test_a_true_report_is_confirmed_whatever_its_verdict(gradient, tmp_path, capsys):
    report = report_on(gradient)
    verdict = report["content"]["verdict"]
    assert main(["verify", str(written(report, tmp_path / "report.json"))]) == {"PASS": 0, "WRONG": 1}[verdict]
    said = capsys.readouterr().out.splitlines()
    assert said[0] == f"report {report['identity']} on tests:gradient says {verdict}"
    assert said[1] == "CONFIRMED"


def test_a_report_that_could_not_have_shown_a_fault_has_the_status_of_that(tmp_path, capsys):
    report, _ = make.report_on(right, "tests:gradient", layer_dims=[2, 1], m=1)
    assert main(["verify", str(written(report, tmp_path / "report.json"))]) == 4
    assert [line.split()[-1] for line in capsys.readouterr().out.splitlines()[:2]] == ["BLIND", "CONFIRMED"]


def test_what_no_replay_can_show_is_said(report, on_the_reference):
    trust, chosen = (
        "taken on trust: the environment",
        "that no network was left out, for seeds and epochs may be chosen",
    )
    assert str(replay(on_the_reference)).endswith(f"{trust}; {chosen}")
    assert str(replay(report)).endswith(f"{trust}; that this is the gradient of tests:gradient; {chosen}")


def test_a_report_on_probes_is_confirmed():
    report, _ = make.report_on(right, "tests:right", layer_dims=[2, 3, 1], m=3, seed=5)
    assert replay(report).outcome is Outcome.CONFIRMED


def test_a_probe_that_is_not_there_differs():
    report, _ = make.report_on(right, "tests:right", layer_dims=[2, 3, 1], m=3, seed=5)
    path = ("content", "networks", 0, "origin", "index")
    for index in (len(report["content"]["networks"]), 10000):
        ledger = replay(forged(changed(report, path, index)))
        assert ledger.outcome is Outcome.DIFFERS
        assert f"origin.index is {index}, there are" in str(ledger)


def selected(report, kept):
    """The report on these of its networks alone, true in all else that it says of them."""
    for part in ("content", "measured"):
        report = changed(report, (part, "networks"), lambda found: [found[i] for i in kept])
    return forged(changed(report, ("content", "faults"), findings.faults([case.probe for case in cases(report)])))


def test_networks_on_which_a_gradient_fails_cannot_be_left_out():
    def wrong_for_large_inputs(params, X, Y):
        grads = right(params, X, Y)
        return {**grads, "dW1": (1 + (np.abs(X).max() > 3)) * grads["dW1"]}

    report, _ = make.report_on(wrong_for_large_inputs, "tests:gradient", layer_dims=[2, 2, 1], m=3)
    passed = [i for i, network in enumerate(report["content"]["networks"]) if network["verdict"] == "PASS"]
    assert 0 < len(passed) < len(report["content"]["networks"])
    content = {**report["content"], "verdict": "PASS", "causes": []}
    report = {**report, "content": content, "measured": {**report["measured"], "findings": []}}
    ledger = replay(selected(report, passed))
    assert ledger.outcome is Outcome.DIFFERS
    assert len(ledger.differences) == 1
    assert f"origin.index of those of seed 0 is {passed}, the replay gives [0, 1, 2" in str(ledger)


def test_no_network_stands_twice(report):
    on_probes, _ = make.report_on(right, "tests:gradient", layer_dims=[2, 2, 1], m=3)
    for each in (report, on_probes):
        ledger = replay(selected(each, [0, 0, 0, 0]))
        assert ledger.outcome is Outcome.DIFFERS
        assert "the number of different networks is 4, the replay gives 1" in str(ledger)


def test_a_training_on_other_data_than_those_of_the_project_differs(trained, monkeypatch):
    """Also where all that was found follows from them."""
    data = networks.breast_cancer()
    monkeypatch.setattr(networks, "breast_cancer", lambda: data._replace(X=data.X + 1))
    assert "content.training.X" in str(replay(trained))


@pytest.mark.parametrize(
    ("path", "change"),
    [
        (("data", "Y", "dtype"), lambda _: "float16"),
        (("data", "X", "hex", 0), lambda _: "-0x0.0p+0"),
        (("params", "b1", "hex", 0), lambda _: "-0x0.0p+0"),
    ],
)
def test_the_dtype_and_the_sign_of_zero_are_bits_too(path, change):
    def with_zeros(seed):
        name, params, X, Y = networks_seeded(seed)
        X[0, 0] = params["b1"][0, 0] = 0.0
        return name, params, X, Y

    networks_seeded = networks.seeded
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(networks, "seeded", lambda seed: Probe(*with_zeros(seed)))
        report = report_on(right, 10)
        assert replay(report).outcome is Outcome.CONFIRMED
        ledger = replay(forged(changed(report, ("content", "networks", 0, *path), change)))
    assert f"content.networks[0].{path[0]}.{path[1]} is another dtype, or has zeros of another sign" in str(ledger)


def test_a_number_between_two_points_of_the_grid_is_the_one_that_was_recorded():
    for recorded in (0.0, 1.0):
        for reached in (0.5 - 1e-12, 0.5, 0.5 + 1e-12):
            found = origins._nearest({"W1": np.array([recorded])}, {"W1": np.array([reached])}, 1.0)
            assert found["W1"].tolist() == [recorded]
    assert origins._nearest({"W1": np.array([3.0])}, {"W1": np.array([0.4])}, 1.0)["W1"].tolist() == [0.0]


def test_a_report_with_a_training_is_confirmed_and_trains_again(trained):
    """With all seeds and epochs of the project there is nothing but the environment to be trusted."""
    assert replay(trained).outcome is Outcome.CONFIRMED
    assert str(replay(trained)).endswith("taken on trust: the environment")
    for path, value in (
        (("content", "networks", 2, "params", "W1", "hex", 0), lambda x: (float.fromhex(x) + 2.0**-20).hex()),
        (("content", "networks", 1, "params", "b1", "hex", 0), moved),
        (("measured", "costs", "training", 1), slightly_more),
        (("measured", "costs", "test", 3), slightly_more),
        (("measured", "costs", "test"), lambda costs: costs[:-1]),
        (("content", "training", "correct", 0, "test"), lambda n: n + 1),
        (("content", "training", "X", "integers", 7), lambda n: n + 1),
        (("content", "training", "learning_rate"), twice),
        (("content", "training", "epochs", 1), 4),
    ):
        assert replay(forged(changed(trained, path, value))).outcome is Outcome.DIFFERS, path


def test_last_bits_of_another_machine_are_explained_in_ulps(on_the_reference):
    def next_float(text):
        return float(np.nextafter(float.fromhex(text), np.inf)).hex()

    path = ("measured", "networks", 1, "gradient", "dW1", "hex", 0)
    ledger = replay(forged(changed(on_the_reference, path, next_float)))
    assert ledger.outcome is Outcome.CONFIRMED
    assert "gradients: up to 1 ulp from the record, at measured.networks[1].gradient.dW1[0, 0]" in str(ledger)


# ---------------------------------------------------------------------- differs


@pytest.mark.parametrize("what", TAMPERED)
def test_a_forged_report_differs_and_says_where(what, report, tmp_path, capsys):
    path, value = TAMPERED[what]
    assert main(["verify", str(written(forged(changed(report, path, value)), tmp_path / "report.json"))]) == 1
    said = capsys.readouterr().out
    assert said.splitlines()[1] == "DIFFERS"
    part = f"{path[1]}[{path[2]}]" if path[1] in ("networks", "faults") and path[2:] else path[1]
    assert any(line.startswith("differs: ") and part in line for line in said.splitlines())


@pytest.mark.parametrize("kind", certificate.KINDS)
def test_no_rigorous_bound_is_less_than_the_error_however_little(kind, smallest):
    """Half of the digits is no measure here: a bound that is too small in the last of them is false."""
    path = ("measured", "networks", 0, "certificate", kind, "dW1", "hex", 0)
    ledger = replay(forged(changed(smallest, path, lambda x: (float.fromhex(x) * (1 - 2.0**-40)).hex())))
    assert ledger.outcome is Outcome.DIFFERS
    assert f"certificate does not hold: dW1[0, 0] has {kind} error" in str(ledger)


def test_a_certified_derivative_is_the_nearest_float(smallest):
    path = ("measured", "networks", 0, "certificate", "truth", "dW1", "hex", 0)
    ledger = replay(forged(changed(smallest, path, lambda x: (float.fromhex(x) * (1 + 2.0**-40)).hex())))
    assert ledger.outcome is Outcome.DIFFERS
    assert "certificate does not hold: dW1[0, 0] is truly" in str(ledger)


@given(data=st.data())
def test_no_number_or_word_of_what_was_found_can_be_forged(smallest, data):
    report = smallest
    content = {key: part for key, part in report["content"].items() if key != "subject"}
    found = [*leaves(content, ("content",)), *leaves(report["measured"], ("measured",))]
    path, value = data.draw(st.sampled_from(found))
    if isinstance(value, int):
        other = value + 1
    elif value is None:
        other = []
    elif value.startswith(("0x", "-0x")):
        other = slightly_more(value) if float.fromhex(value) else moved(value)
    else:
        other = f"{value}0"
    try:
        tampered = forged(changed(report, path, other))
        validate(tampered)
        assert replay(tampered).outcome is not Outcome.CONFIRMED, path
    except ValueError:
        pass  # refused


@pytest.mark.parametrize("gradient", [right, missing_mean_in_layer_1])
def test_a_worst_entry_is_the_worst_as_far_as_rounding_tells(gradient):
    report = report_on(gradient, 30)
    evidence = report["measured"]["networks"][0]
    found = opinions(*(lambda case: (case.probe, case.problem))(cases(report)[0]))["dW1"]
    dW1 = decode("dW1", evidence["gradient"]["dW1"])
    at = np.unravel_index(np.argmin(np.abs(dW1 - found.value) / found.tolerance), dW1.shape)  # the best of all
    entry = {"given": dW1[at], "expected": found.value[at], "tolerance": found.tolerance[at]}
    entry = {"index": [int(i) for i in at], **{name: float(x).hex() for name, x in entry.items()}}
    assert entry["index"] != evidence["worst"]["dW1"]["index"]
    ledger = replay(forged(changed(report, ("measured", "networks", 0, "worst", "dW1"), entry)))
    if gradient is right:
        assert "the worst entry, where rounding decides: measured.networks[0].worst.dW1" in str(ledger)
    else:
        assert ledger.outcome is Outcome.DIFFERS
        assert "measured.networks[0].worst.dW1.index" in str(ledger)


@pytest.mark.parametrize("index", [[], [0], [0, 0, 0], [0, 999], [999, 0]])
def test_an_index_of_no_entry_differs(smallest, index):
    """One that is too short would be that of a row, and one that is too long would leave the array."""
    path = ("measured", "networks", 0, "worst", "dW1", "index")
    ledger = replay(forged(changed(smallest, path, index)))
    assert ledger.outcome is Outcome.DIFFERS
    assert f"worst.dW1.index is {index}, in an array of shape" in str(ledger)


def test_a_worst_entry_that_is_left_out_differs(smallest):
    ledger = replay(forged(changed(smallest, ("measured", "networks", 0, "worst", "dW1"), None)))
    assert ledger.outcome is Outcome.DIFFERS
    assert "worst.dW1" in str(ledger)


def test_a_network_from_a_training_that_is_not_there_differs(smallest):
    origin = {"kind": "trained", "epoch": 0}
    ledger = replay(forged(changed(smallest, ("content", "networks", 0, "origin"), origin)))
    assert ledger.outcome is Outcome.DIFFERS
    assert "networks from a training" in str(ledger)


def test_another_declaration_differs(report):
    for said in ({"hidden": "tanh"}, {"output": ["sigmoid", "half_squared_error"]}, {"reduction": "sum"}):
        assert replay(forged(changed(report, ("content", "declaration"), said))).outcome is Outcome.DIFFERS, said


def test_reasons_that_are_left_out_differ():
    report, _ = make.report_on(right, "tests:right", layer_dims=[2, 3, 1], m=1)
    assert report["content"]["networks"][0]["reasons"]
    ledger = replay(forged(changed(report, ("content", "networks", 0, "reasons"), [])))
    assert ledger.outcome is Outcome.DIFFERS
    assert "content.networks[0].reasons" in str(ledger)


OF_THE_CITATION = {
    "another report": ("text", lambda text: text.replace("report ", "report 123 ", 1)),
    "another tool": ("text", lambda text: text.replace("Made with refnn", "Made with a better tool")),
    "another author, in words": ("text", lambda text: f"Ada Lovelace. {text}"),
    "another author, in BibTeX": (
        "bibtex",
        lambda text: text.replace("  title", "  author = {Ada},\n  title"),
    ),
    "another version": ("bibtex", lambda text: text.replace("version ", "version 9", 1)),
    "another title": ("bibtex", lambda text: text.replace(" on ", " on the truth of ")),
}


@pytest.mark.parametrize("what", OF_THE_CITATION)
def test_a_forged_citation_differs(what, report):
    kind, other = OF_THE_CITATION[what]
    tampered = changed(report, ("citation", kind), other)
    assert tampered["citation"][kind] != report["citation"][kind]
    ledger = replay(forged(tampered))
    assert ledger.outcome is Outcome.DIFFERS
    assert f"citation.{kind}" in str(ledger)


def test_the_author_of_the_reference_cannot_be_another(on_the_reference):
    ledger = replay(forged(changed(on_the_reference, ("citation", "author"), "Ada Lovelace")))
    assert ledger.outcome is Outcome.DIFFERS
    assert "citation.author" in str(ledger)


@pytest.mark.parametrize("author", [None, "Ada"])
def test_an_address_is_taken_on_trust_and_said_to_be(author):
    where = "https://example.org/paper"
    report, _ = make.report_on(right, "tests:right", layer_dims=[2, 1], m=3, author=Author(author, where))
    ledger = replay(report)
    assert ledger.outcome is Outcome.CONFIRMED
    assert f"that it stands at {where}" in str(ledger)


def test_an_author_no_citation_can_hold_differs(report):
    ledger = replay(forged(changed(report, ("citation", "author"), "Ada\nLovelace")))
    assert ledger.outcome is Outcome.DIFFERS
    assert "citation: author is 'Ada\\nLovelace'" in str(ledger)


def test_a_certificate_of_a_network_too_large_for_one_differs(report, monkeypatch):
    monkeypatch.setattr(findings, "CERTIFIED_WORK", 0)
    ledger = replay(report)
    assert ledger.outcome is Outcome.DIFFERS
    assert "measured.networks[0].certificate: a network of this size carries none" in str(ledger)


def test_the_replay_breaks_when_the_code_does(on_the_reference, monkeypatch):
    monkeypatch.setattr(findings, "reference_gradient", missing_mean_in_layer_1)
    ledger = replay(on_the_reference)
    assert ledger.outcome is Outcome.DIFFERS
    assert "measured.networks[0].gradient.dW1" in str(ledger)


def test_a_certificate_that_contradicts_the_code_differs(report, monkeypatch):
    def disjoint(*_):
        raise ArithmeticError("disjoint")

    monkeypatch.setattr(certificate, "confirm", disjoint)
    ledger = replay(report)
    assert ledger.outcome is Outcome.DIFFERS
    assert "measured.networks[0].certificate: disjoint" in str(ledger)


def test_a_training_that_goes_back_is_refused(trained):
    back = changed(trained, ("content", "training", "epochs"), [3, 0])
    for i, network in enumerate(back["content"]["networks"]):
        if network["origin"]["kind"] == "trained":
            back = changed(back, ("content", "networks", i, "origin", "epoch"), 3 - network["origin"]["epoch"])
    with pytest.raises(ReportError, match=r"content\.training is no training"):
        replay(forged(back))


def test_sizes_that_an_origin_invents_are_never_allocated():
    report, _ = make.report_on(right, "tests:right", layer_dims=[2, 1], m=2)
    for key, value in (("layer_dims", [10**7, 10**7]), ("m", 10**7), ("index", 99)):
        ledger = replay(forged(changed(report, ("content", "networks", 0, "origin", key), value)))
        assert ledger.outcome is Outcome.DIFFERS
        assert "content.networks[0].origin" in str(ledger)


def test_a_training_that_invents_sizes_is_never_begun(trained):
    for dims in ([30, 10**7, 1], [30, 10**7, 10**7, 1], [30, 3, 1]):
        ledger = replay(forged(changed(trained, ("content", "training", "layer_dims"), dims)))
        assert ledger.outcome is Outcome.DIFFERS
        assert "content.training" in str(ledger)


@pytest.mark.parametrize("weight", [1e308, -1e-308, 1e17, 5e-324])
def test_extreme_numbers_are_judged_and_not_stumbled_over(report, weight):
    tampered = forged(changed(report, ("content", "networks", 1, "params", "W1", "hex", 0), float(weight).hex()))
    assert replay(tampered).outcome is not Outcome.CONFIRMED


# ---------------------------------------------------------------------- cannot replay


@pytest.mark.parametrize("gradient", [raises, changes_its_input])
def test_what_a_function_did_when_it_was_called_cannot_be_replayed(gradient, tmp_path, capsys):
    path = written(report_on(gradient, 10), tmp_path / "report.json")
    assert main(["verify", str(path)]) == 3
    said = capsys.readouterr().out
    assert "CANNOT REPLAY" in said
    assert "\x1b" not in said


def test_a_fault_of_another_version_cannot_be_replayed(report):
    ledger = replay(forged(changed(report, ("content", "faults", 0, "name"), "bug-of-tomorrow")))
    assert ledger.outcome is Outcome.CANNOT_REPLAY
    assert "bug-of-tomorrow" in str(ledger)


def test_numbers_that_the_witnesses_cannot_compute_with_cannot_be_replayed(smallest, monkeypatch):
    def overflows(*_, **__):
        raise OverflowError("too large")

    monkeypatch.setattr("refnn.report.replay.replay.check_backprop", overflows)
    ledger = replay(smallest)
    assert ledger.outcome is Outcome.CANNOT_REPLAY
    assert "beyond what the witnesses compute with: too large" in str(ledger)


def test_a_certificate_without_flint_cannot_be_replayed(report, monkeypatch):
    monkeypatch.setitem(sys.modules, "flint", None)
    ledger = replay(report)
    assert ledger.outcome is Outcome.CANNOT_REPLAY
    assert 'pip install "refnn[certify]"' in str(ledger)


def test_more_work_than_is_allowed_is_not_begun_and_how_much_it_is_is_said(report):
    assert replay(report, 1e9).outcome is Outcome.CONFIRMED
    ledger = replay(report, 1e-3)
    assert ledger.outcome is Outcome.CANNOT_REPLAY
    assert re.search(r"about \d+ s are needed, more than the 0.001 s that are allowed", str(ledger))


def test_each_network_counts_as_work_and_a_copy_is_not_judged(monkeypatch):
    report, _ = make.report_on(right, "tests:gradient", layer_dims=[2, 2, 1], m=3)
    n = len(report["content"]["networks"])
    assert replay(report, 0.03 * n).outcome is Outcome.CANNOT_REPLAY
    monkeypatch.setattr(replaying, "check_backprop", None)
    assert replay(selected(report, [0, 0])).outcome is Outcome.DIFFERS


def test_training_counts_as_work(trained):
    """A file of some MB could hold the machine for minutes by its epochs."""
    long = changed(trained, ("content", "training", "epochs"), [0, 10**9])
    once, again = (origins.training_work(report, cases(trained)) for report in (trained, long))
    assert again == pytest.approx(once * 10**9 / 3)
    assert 1e8 * once > findings.PER_SECOND
    assert (
        origins.training_work(changed(long, ("content", "training", "layer_dims"), [30, 10**7, 1]), cases(trained)) == 0
    )


def test_no_training_is_begun_that_takes_longer_than_is_allowed(trained, monkeypatch):
    monkeypatch.setattr(replaying, "training_work", lambda *_: 10**12)
    monkeypatch.setattr(replaying, "training_again", None)
    ledger = replay(trained)
    assert ledger.outcome is Outcome.CANNOT_REPLAY
    assert "s are needed" in str(ledger)


def test_depth_counts_as_work():
    """As Python's time for a layer: some two minutes for 200 layers of 4, each weight looked at on its own."""
    probe = random_probe(np.random.default_rng(0), [4] * 201, 5, 1.0)
    assert 60 < findings.work(Problem.of(*probe[1:])) / findings.PER_SECOND < 300


# ---------------------------------------------------------------------- the page and the figures


def test_a_changed_page_and_a_missing_figure_are_seen(tmp_path, capsys, monkeypatch):
    with few_faults():
        folder.write(report_on(right, 10), tmp_path)
        assert main(["verify", str(tmp_path)]) == 0
        page, figure = tmp_path / "report.html", next((tmp_path / "figures").glob("*.png"))
        page.write_text(page.read_text().replace("PASS", "WRONG"))
        figure.unlink()
        assert main(["verify", str(tmp_path / "report.json")]) == 1
        said = capsys.readouterr().out
        assert f"differs: not what is drawn of these numbers: report.html, figures/{figure.name}" in said
        monkeypatch.setattr(verify, "environment", lambda: {"packages": {}, "platform": ""})
        assert main(["verify", str(tmp_path)]) == 0
        assert f"what other versions than those here have drawn: report.html, figures/{figure.name}" in (
            capsys.readouterr().out
        )


def with_other_points(picture, packed=zlib.compress):
    """A PNG whose last row has other points."""
    head, *parts = picture.split(b"IDAT")
    points = zlib.decompressobj().decompress(b"".join(part[:-8] for part in parts))
    data = packed(points[:-40] + bytes(40))
    crc = struct.pack(">I", zlib.crc32(b"IDAT" + data))
    return head[:-4] + struct.pack(">I", len(data)) + b"IDAT" + data + crc + picture[picture.index(b"IEND") - 4 :]


def test_where_the_machine_rounds_otherwise_only_points_of_figures_are_taken_on_trust(tmp_path, monkeypatch):
    """Those that are computed anew; not the words of the page, nor a figure of what is recorded."""
    monkeypatch.setattr(findings, "FAULTS", {})
    folder.write(report_on(right, 10), tmp_path)
    report = load(tmp_path)
    again = folder.drawn(report, tmp_path)
    monkeypatch.setattr(verify, "drawn", lambda *_: again)
    page, figures = tmp_path / "report.html", tmp_path / "figures"
    written, svg = page.read_text(), (figures / "errors.svg").read_text()

    def redrawn(ulps):
        ledger = Ledger()
        ledger.moved["gradients"] = ulps, "somewhere"
        verify._redraw(report, tmp_path, ledger)
        return ledger.differences, ledger.trusted[1:]

    def differs(file):
        return [f"not what is drawn of these numbers: {file}"]

    assert redrawn(1.0) == ([], [])
    point, on_page = (
        text.index(' d="M', text.index(begin)) + 6 for text, begin in ((svg, "<svg"), (written, "<figure"))
    )
    (figures / "errors.svg").write_text(f"{svg[:point]}7.5 8 L {svg[point:]}")
    page.write_text(f"{written[:on_page]}7.5 8 L {written[on_page:]}")
    on_trust = "points of figures that are rounded otherwise here, and of a PNG of them all but its size: "
    assert redrawn(1.0) == ([], [f"{on_trust}report.html, figures/errors.svg"])
    assert redrawn(0.0) == (differs("report.html, figures/errors.svg"), [])
    (figures / "errors.svg").write_text(svg)
    *_, last = (match.end() for match in re.finditer("<figure", written))  # another figure than those
    on_last = written.index(' d="M', last) + 6
    for other_page in (
        written.replace("PASS", "WRONG", 1),
        f"{written[:on_last]}7.5 8 L {written[on_last:]}",
        written.replace("<figure>", "", 1),
        written.replace("<figure>", "<figure><figure>", 1),
        written.replace("</figure>", "<script>alert(1)</script></figure>", 1),
        written.replace("<figcaption>", "<figcaption>PASS ", 1),
        written.replace("stroke-width: ", "stroke-width: 9", 1),
        re.sub("<figure>.*?</figure>", "<figure><h1>PASS</h1></figure>", written, flags=re.DOTALL),
    ):
        page.write_text(other_page)
        assert redrawn(1.0)[0] == differs("report.html")
    page.write_text(written)
    for other_figure in (svg.replace("gradient", "no gradient", 1), svg.replace("<path", "<path ", 1), "PASS", ""):
        (figures / "errors.svg").write_text(other_figure)
        assert redrawn(1.0)[0] == differs("figures/errors.svg")
    (figures / "errors.svg").write_text(svg)
    picture = (figures / "errors.png").read_bytes()
    (figures / "errors.png").write_bytes(with_other_points(picture))
    assert redrawn(1.0) == ([], [f"{on_trust}figures/errors.png"])
    assert redrawn(0.0)[0] == differs("figures/errors.png")
    unpacked = with_other_points(picture, packed=lambda points: points[:40])
    for other_picture in (b"not a picture", b"", picture[:-20], unpacked, picture.replace(b"IHDR\0", b"IHDR\1")):
        (figures / "errors.png").write_bytes(other_picture)
        assert redrawn(1.0)[0] == differs("figures/errors.png")
    (figures / "errors.png").write_bytes(picture)
    (figures / "errors.svg").unlink()
    assert redrawn(1.0)[0] == differs("figures/errors.svg")
    (figures / "errors.svg").write_text(svg)
    other = next(file for file in figures.glob("*.svg") if file.stem not in verify.COMPUTED)
    other.write_text("<svg/>")
    assert redrawn(1.0)[0] == differs(f"figures/{other.name}")
    other.unlink()
    page.unlink()  # only what is there is judged then
    assert redrawn(1.0) == ([], [])
    (figures / "pairs.svg").write_text("a figure that none of these numbers has")
    assert redrawn(1.0)[0] == differs("figures/pairs.svg")


def test_points_that_another_machine_rounds_otherwise_are_seen_to_be_no_more(tmp_path, monkeypatch):
    """As they move there: also in number, and with the numbers of the captions."""
    monkeypatch.setattr(findings, "FAULTS", {})
    errors, v_curve = drawing.errors, drawing.v_curve
    rng = np.random.default_rng(0)

    def noisy(found, *names):
        arrays = {name: getattr(found, name) for name in names}
        return found._replace(**{name: V * rng.uniform(0.5, 1.5, V.shape) for name, V in arrays.items()})

    with monkeypatch.context() as there:
        there.setattr(drawing, "errors", lambda judged: noisy(errors(judged), "given", "central"))
        there.setattr(drawing, "v_curve", lambda case: noisy(v_curve(case), "central", "cancellation_free"))
        folder.write(report_on(right, 10, 30), tmp_path)
    ledger = Ledger()
    ledger.rounds = True
    verify._redraw(load(tmp_path), tmp_path, ledger)
    assert ledger.differences == []
    assert "report.html, figures/errors.svg" in str(ledger)


def test_a_figure_and_a_page_that_no_memory_holds_differ(tmp_path, monkeypatch):
    monkeypatch.setattr(findings, "FAULTS", {})
    folder.write(report_on(right, 10), tmp_path)
    for name in ("report.html", "figures/errors.svg"):
        os.truncate(tmp_path / name, 2**42)
    ledger = Ledger()
    ledger.rounds = True
    verify._redraw(load(tmp_path), tmp_path, ledger)
    assert ledger.differences == ["not what is drawn of these numbers: report.html, figures/errors.svg"]


def test_figures_without_a_page_are_judged_and_the_page_is_said_to_be_missing(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(findings, "FAULTS", {})
    folder.write(report_on(right, 10), tmp_path)
    (tmp_path / "report.html").unlink()
    assert main(["verify", str(tmp_path)]) == 0
    assert capsys.readouterr().out.endswith("no report.html is beside it\n")
    (tmp_path / "figures/errors.png").write_bytes(b"not a picture")
    assert main(["verify", str(tmp_path)]) == 1
    said = capsys.readouterr().out
    assert "differs: not what is drawn of these numbers: figures/errors.png\n" in said
    assert said.endswith("no report.html is beside it\n")


def test_a_forged_page_of_a_wrong_gradient_differs_where_nothing_is_rounded_otherwise(tmp_path, capsys, monkeypatch):
    """A witness in another order has other last bits on every machine: that explains no other page."""
    monkeypatch.setattr(findings, "FAULTS", {})
    folder.write(report_on(missing_mean_in_layer_1), tmp_path)
    page, figure = tmp_path / "report.html", tmp_path / "figures/errors.svg"
    point = (text := figure.read_text()).index(' d="M') + 6
    figure.write_text(f"{text[:point]}7.5 8 L {text[point:]}")
    page.write_text(re.sub("<figure>.*</figure>", "<figure><h1>PASS</h1></figure>", page.read_text(), flags=re.DOTALL))
    assert main(["verify", str(tmp_path)]) == 1
    said = capsys.readouterr().out
    assert "derivatives: up to" in said
    assert "differs: not what is drawn of these numbers: report.html, figures/errors.svg" in said


def test_a_name_that_turns_the_line_of_the_verdict_is_not_printed(smallest, tmp_path, capsys):
    tampered = forged(changed(smallest, ("content", "subject"), "safe\u202e SSAP\u2066"))
    assert main(["verify", str(written(tampered, tmp_path / "report.json"))]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "content.subject: a text with what cannot be seen in print" in said.err
    assert all(line.isprintable() for line in said.err.splitlines())


@pytest.mark.parametrize("seconds", ["nan", "-1", "soon"])
def test_a_limit_that_is_no_time_is_refused(seconds, smallest, tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(["verify", str(written(smallest, tmp_path / "report.json")), f"--seconds={seconds}"])
    assert f"argument --seconds: invalid seconds value: '{seconds}'" in capsys.readouterr().err


def test_without_matplotlib_the_page_and_the_figures_are_taken_on_trust(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(findings, "FAULTS", {})
    folder.write(report_on(right, 10), tmp_path)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert main(["verify", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "CONFIRMED" in said
    assert 'the page and the figures: comparing them needs pip install "refnn[report]"' in said


def test_a_pipe_is_refused(tmp_path, capsys):
    os.mkfifo(tmp_path / "report.json")
    assert main(["verify", str(tmp_path)]) == 2
    assert "no regular file" in capsys.readouterr().err
