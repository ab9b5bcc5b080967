"""What the page of a report says is what the report holds."""

import json
import math
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from pages import page_of
from reports import (
    changed,
    in_float32,
    missing_mean_in_layer_1,
    raises,
    report_on,
    right,
    with_nan,
    written,
)

import refnn
from refnn.report import findings, make
from refnn.report.draw import comparison, page
from refnn.report.record import number
from refnn.report.resources import POWER


@pytest.fixture(scope="module")
def reference():
    return page_of(report_on(findings.reference_gradient, name=findings.REFERENCE))


def entries(report):
    """Error, relative error and error / tolerance of every recorded entry, by network."""
    for network in report["measured"]["networks"]:
        yield [
            [abs(given - expected) / unit for unit in (1, abs(expected), tolerance)]
            for given, expected, tolerance in (
                [number(key, entry[key]) for key in ("given", "expected", "tolerance")]
                for entry in network["worst"].values()
            )
        ]


def test_the_page_says_what_the_report_says(report):
    found = page_of(report)
    assert report["identity"] in found.words
    assert "Every entry of the gradient agrees with independent numerical derivatives on all 2 networks." in found.words
    assert "refnn verify report.json" in found.words
    assert [row[:2] for row in found.tables["networks"][1:]] == [
        [network["name"], network["verdict"]] for network in report["content"]["networks"]
    ]


def test_a_package_in_a_zip_file_has_all_that_a_report_needs(report, tmp_path):
    path, folder = written(report, tmp_path / "report.json"), Path(refnn.__file__).parent
    shutil.copytree(folder, tmp_path / "zipped/refnn", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("proofs/data/wdbc.csv", "proofs/benchmarks/power.json", "CITATION.cff"):  # as in a wheel
        shutil.copy(folder.parent / name, tmp_path / "zipped/refnn/report")
    shutil.make_archive(str(tmp_path / "archive"), "zip", tmp_path / "zipped")
    script = f"""
from refnn.report import citation, networks, read
from refnn.report.draw import page
citation.citation_file(), networks.breast_cancer()
print(page.page(read.load({str(path)!r}), []))
"""
    environment = os.environ | {"PYTHONPATH": str(tmp_path / "archive.zip")}
    run = [sys.executable, "-c", script]
    page_there = subprocess.run(run, env=environment, capture_output=True, text=True, check=True, cwd=tmp_path).stdout
    assert page_there.rstrip("\n") == page.page(report, []).rstrip("\n")


@pytest.mark.parametrize(
    ("gradient", "summary"),
    [
        (missing_mean_in_layer_1, "This is not the gradient: it fails on all 2 networks."),
        (raises, "None that tests:gradient returned could be compared: why, stands above."),
    ],
)
def test_a_wrong_gradient_is_called_wrong(gradient, summary):
    found = page_of(report_on(gradient))
    assert summary in found.words
    assert "What a pass does not say" not in found.words


def test_one_network_is_not_all_1_networks():
    report, _ = make.report_on(right, "tests:right", layer_dims=[2, 3, 1], m=1)
    networks = report["content"]["networks"]
    only = changed(report, ("content", "networks"), networks[:1])
    only = changed(only, ("measured", "networks"), report["measured"]["networks"][:1])
    assert "On the one network some faults would not have shown." in page_of(only).words
    reason = networks[0]["reasons"][0]
    assert f"on “{networks[0]['name']}”, and on {len(networks) - 1} more: {reason}" in page_of(report).words


def test_entries_that_were_compared_in_sums_alone_are_not_said_to_agree_each(report):
    witnesses = ["cancellation-free difference along random directions"]
    words = page_of(changed(report, ("content", "witnesses"), witnesses)).words
    assert "The gradient agrees with independent numerical derivatives on all 2 networks." in words


def test_a_hostile_name_is_text_on_the_page():
    name = '<script>alert("1")</script>&$subject{subject}'
    found = page_of(report_on(raises, 10, name=name))
    assert not found.count["script"]
    assert name in found.text


# ---------------------------------------------------------------------- errors


@pytest.mark.parametrize("gradient", [right, missing_mean_in_layer_1, in_float32])
def test_the_errors_of_a_network_are_those_of_its_worst_entry(gradient):
    report = report_on(gradient)
    for (*_, relative, excess), each in zip(page_of(report).tables["networks"][1:], entries(report)):
        _, worst_relative, worst_excess = max(each, key=lambda entry: entry[-1])
        assert (relative, excess) == (f"{worst_relative:.1e}", f"{worst_excess:.1e}")


def test_of_a_wrong_gradient_no_entry_is_listed_that_is_within_its_tolerance():
    report = report_on(missing_mean_in_layer_1, 10, 24, 30)
    every = [entry[-1] for each in entries(report) for entry in each]
    beyond = sorted((excess for excess in every if excess > 1), reverse=True)
    assert 0 < len(beyond) < len(every)
    found = page_of(report)
    listed = [float(row[-1]) for row in found.tables["worst"][1:]]
    assert listed == [float(f"{excess:.1e}") for excess in beyond[: page.SHOWN]]
    assert f"Of these {len(every)}, {len(beyond)} are beyond the tolerance; all are shown." in found.words
    assert len(beyond) <= page.SHOWN


def test_of_a_right_gradient_the_entries_nearest_to_the_edge_are_listed():
    report = report_on(right, 10, 24, 30)
    every = sorted((entry[-1] for each in entries(report) for entry in each), reverse=True)
    found = page_of(report)
    assert [float(row[-1]) for row in found.tables["worst"][1:]] == [float(f"{V:.1e}") for V in every[: page.SHOWN]]
    assert f"none is beyond the tolerance; the {page.SHOWN} nearest to the edge of it are shown." in found.words


def test_the_numbers_of_a_listed_entry_belong_together():
    for _, values, sizes, excess in page_of(report_on(missing_mean_in_layer_1)).tables["worst"][1:]:
        given, expected = map(float, values.split())
        error, tolerance = map(float, sizes.split())
        assert error == pytest.approx(abs(given - expected), rel=0.05)
        assert float(excess) == pytest.approx(error / tolerance, rel=0.1)


def test_an_entry_that_is_no_number_comes_first():
    found = page_of(report_on(with_nan, 30))
    [_, (entry, values, sizes, excess), *_] = found.tables["worst"]
    assert entry.startswith("dW1[0, 0]\n")
    assert math.isnan(float(values.split()[0]))
    assert sizes.startswith("inf\n")
    assert excess == "inf"
    assert found.tables["networks"][1][-2:] == ["inf", "inf"]


def test_a_gradient_that_was_not_compared_has_no_worst_entry_and_no_derivative_that_was_checked():
    found = page_of(report_on(raises))
    assert "worst" not in found.tables
    assert "No entry was compared on its own." in found.words
    assert "derivatives checked0\nlargest error / tolerance–\n" in found.text


# ---------------------------------------------------------------------- bugs


def test_counts_in_the_text_are_those_of_the_table(report):
    found = page_of(report)
    rows = [list(map(int, row[2:])) for row in found.tables["bugs"][1:]]
    planted, seen, _ = map(sum, zip(*rows))
    catalogue = len(report["content"]["faults"])
    made, of = map(int, re.search(r"Then (\d+) of the catalogue's (\d+) kinds", found.words).groups())
    assert (made, of) == (len(rows), catalogue)
    assert f"same check was made of each: {seen} of {planted} seen." in found.words
    assert f"planted bugs seen{seen} of {planted}" in re.sub(r"\s*\n\s*", "", found.text)
    assert min(planted for planted, *_ in rows) > 0
    unmade = re.search(r"Of the catalogue's (\d+), these (\d+) cannot be made here: (.*?)\.", found.words)
    assert (int(unmade[1]), int(unmade[2])) == (catalogue, catalogue - made)
    assert len(unmade[3].split(", ")) == catalogue - made > 0


def test_a_bug_that_was_not_seen_or_not_named_stands_first(report):
    tampered = changed(report, ("content", "faults", 3, "seen"), lambda n: n - 1)
    tampered = changed(tampered, ("content", "faults", 1, "named"), lambda n: n - 1)
    names = [row[0].split(":")[0] for row in page_of(tampered).tables["bugs"][1:]]
    faults = [fault["name"] for fault in report["content"]["faults"]]
    assert names[:3] == [faults[3], faults[1], faults[0]]


# ---------------------------------------------------------------------- other checkers


def test_other_checkers_stand_beside_the_reference_alone(report, reference):
    assert "heat" in reference.tables
    assert "heat" not in page_of(report).tables


def test_the_comparison_is_that_of_the_benchmark(reference):
    head, *rows = reference.tables["heat"]
    lines = json.loads(POWER.read_text(encoding="utf-8"))["detection"]
    for name, *cells, n in rows:
        bug = {"right gradient": "none"}.get(name, name)
        for checker, cell in zip(head[1:-1], cells):
            here = [line for line in lines if (line["fault"], line["checker"]) == (bug, checker)]
            objections, trials = (sum(line[key] for line in here) for key in ("objections", "trials"))
            assert (cell == "") == (trials == 0)
            if trials:
                assert int(n.replace(",", "")) == trials
                assert abs(int(cell) - 100 * objections / trials) < 1
                assert (cell == "0", cell == "100") == (objections == 0, objections == trials)


def test_bugs_that_every_checker_sees_are_left_out_and_counted(reference):
    rows = comparison.counts(json.loads(POWER.read_text(encoding="utf-8"))["detection"])
    shown = [row[0] for row in reference.tables["heat"][1:]]
    assert shown[0] == "right gradient"
    alike = set(rows) - set(shown) - {"none"}
    assert f"Left out are the {len(alike)} other bugs" in reference.words
    assert alike
    for bug in alike:
        assert set(rows[bug]) == set(rows["none"])
        assert all(count.objections == count.trials for count in rows[bug].values())
    for bug in shown[1:]:
        counts = rows[bug]
        assert len(counts) < len(rows["none"]) or any(count.objections < count.trials for count in counts.values())


def test_what_should_not_be_is_coloured_and_nothing_else(reference):
    cells = [attributes for tag, attributes in reference.tags if tag == "td" and "style" in attributes]
    _, right_one, *bugs = reference.tables["heat"]
    amiss = [float(cell) for cell in right_one[1:-1]]
    amiss += [100 - float(cell) for row in bugs for cell in row[1:-1] if cell]
    assert [each["style"] for each in cells] == [f"--amiss: {share / 100}" for share in amiss if share]
