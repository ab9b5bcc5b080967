"""A report as a folder: its page and its figures."""

import re
import xml.etree.ElementTree as ElementTree
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from pages import Page, drawn
from reports import missing_mean_in_layer_1, raises, report_on, right, with_nan

from refnn.report import make, networks
from refnn.report.draw import curves, figures, style
from refnn.report.draw.folder import OLDER, write
from refnn.report.read import cases
from refnn.report.record import canonical, number

LARGEST = 150_000  # bytes of a page
SMALLEST = 8  # units of text in a figure 252 wide: on a phone 360 pixels wide, 10 pixels
REFERENCE = Path(__file__).parents[2] / "proofs/reports/reference/report.html"


@pytest.fixture(scope="module")
def folder(report, tmp_path_factory):
    directory = tmp_path_factory.mktemp("report")
    write(report, directory)
    return directory


@pytest.mark.parametrize("ends", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_report_replaces_an_earlier_one_whole_or_not_at_all(report, tmp_path, monkeypatch, ends):
    def stops(*_):
        raise ends

    monkeypatch.setattr("refnn.report.draw.folder.figures", lambda _: [])
    write(report, tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    monkeypatch.setattr("refnn.report.draw.folder.page", stops)
    with pytest.raises(type(ends)):
        write(report | {"identity": "another"}, tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()} == before


@pytest.fixture(scope="module")
def page(folder):
    return Page((folder / "report.html").read_text(encoding="utf-8"))


def wrong_in_deep_networks(params, X, Y):
    grads = right(params, X, Y)
    return {key: 2 * dV if key == "db2" else dV for key, dV in grads.items()}


def worst_of(report):
    """The largest error of an entry in units of its tolerance, as it is recorded."""
    entries = [entry for each in report["measured"]["networks"] for entry in each["worst"].values()]
    numbers = [[number(key, entry[key]) for key in ("given", "expected", "tolerance")] for entry in entries]
    return max(abs(given - expected) / tolerance for given, expected, tolerance in numbers)


def test_the_page_needs_nothing_but_itself(folder, page):
    assert not page.count["script"] + page.count["link"] + page.count["iframe"] + page.count["object"]
    for _, attributes in page.tags:
        for name, value in attributes.items():
            assert not name.startswith("on")
            if name in ("src", "href", "xlink:href"):
                assert value.startswith("#")
    assert not re.search(r"url\((?!#)|@import", (folder / "report.html").read_text(encoding="utf-8"))


def test_the_page_is_small(folder):
    assert REFERENCE.stat().st_size < LARGEST
    assert (folder / "report.html").stat().st_size < LARGEST


def test_the_report_is_in_the_folder_as_its_canonical_text(folder, report):
    assert (folder / "report.json").read_text(encoding="utf-8") == f"{canonical(report)}\n"


def test_every_figure_is_on_the_page_and_in_the_folder(folder, page):
    shown = [attributes for tag, attributes in page.tags if attributes.get("role") == "img"]
    names = sorted(path.stem for path in (folder / "figures").glob("*.svg"))
    assert names == sorted(path.stem for path in (folder / "figures").glob("*.png"))
    assert len(names) == len(shown) >= 2
    assert all(attributes["aria-label"] for attributes in shown)
    for name in names:
        assert ElementTree.parse(folder / f"figures/{name}.svg").getroot().tag.endswith("svg")
        assert (folder / f"figures/{name}.png").read_bytes().startswith(b"\x89PNG")
    ids = Counter(attributes["id"] for _, attributes in page.tags if "id" in attributes)
    assert ids
    assert max(ids.values()) == 1
    used = {V[1:] for _, attributes in page.tags for name, V in attributes.items() if name == "xlink:href"}
    assert used <= set(ids)


def test_the_text_of_a_figure_is_text_and_large_enough(folder):
    for path in (folder / "figures").glob("*.svg"):
        svg = path.read_text(encoding="utf-8")
        sizes = [float(size) for size in re.findall(r"<text [^>]*font-size: ([\d.]+)px", svg)]
        assert len(sizes) == svg.count("<text ") > 4
        assert min(sizes) >= SMALLEST
        assert float(re.search(r'viewBox="0 0 ([\d.]+)', svg)[1]) <= 72 * style.WIDTH


def test_the_figures_of_one_report_are_the_same_files_again(report, folder):
    for figure in figures.figures(report):
        assert style.svg(figure.drawing) == (folder / f"figures/{figure.name}.svg").read_text(encoding="utf-8")
        inline = style.inline(style.svg(figure.drawing), figure.title)
        assert not set(re.findall(r"#[0-9a-f]{6}\b", inline)), f"{figure.name}: a colour that has none for the dark"


def test_the_reader_s_own_settings_of_matplotlib_change_no_figure(report, folder):
    with style.pyplot().rc_context({"text.usetex": True, "font.weight": "bold", "xtick.direction": "in"}):
        for figure in figures.figures(report):
            assert style.svg(figure.drawing) == (folder / f"figures/{figure.name}.svg").read_text(encoding="utf-8")


def test_a_report_without_gradients_has_no_figures_and_leaves_none_of_an_older_one(tmp_path):
    old = [tmp_path / f"figures/{name}.svg" for name in (*OLDER, *figures.FIGURES)]
    old[0].parent.mkdir()
    for path in old:
        path.write_text("of an older report")
    theirs = {path: path.read_text() for path in old}
    write(report_on(raises, 10), tmp_path)
    assert {path: path.read_text() for path in (tmp_path / "figures").iterdir()} == theirs, "there was no report"
    write(report_on(raises, 10), tmp_path)
    assert "gradient raised RuntimeError: no such layer" in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert not list((tmp_path / "figures").iterdir())


@pytest.mark.parametrize("gradient", [right, missing_mean_in_layer_1])
def test_the_figure_of_errors_shows_those_that_are_recorded(gradient):
    report = report_on(gradient)
    found = curves.errors(cases(report))
    arrays = [dV["hex"] for each in report["measured"]["networks"] for dV in each["gradient"].values()]
    assert found.given.size == found.central.size == sum(map(len, arrays))
    assert found.given.max() == pytest.approx(worst_of(report), rel=1e-9)
    # Of a step of 3e-5, a difference is off by 1e-9 and a thousand roundoffs, not by as much as it tells.
    assert 10 < np.median(found.central) < 1e9
    wrong = sum(p["wrong"] for each in report["content"]["networks"] for p in each["parameters"].values())
    assert (found.given > 1).sum() == wrong
    assert (wrong > 0) == (gradient is not right)
    caption = drawn(report)[0]["errors"].caption
    assert (f"Of the gradient, {wrong} are off by more" if wrong else "Of the gradient, none is off") in caption
    named = [text.get_text() for legend in drawn(report)[0]["errors"].drawing.legends for text in legend.get_texts()]
    assert ("wrong entries" in named) == (wrong > 0)


def test_an_entry_that_is_no_number_is_a_wrong_one_in_the_figure():
    report = report_on(with_nan, 30)
    assert "Of the gradient, 1 are off by more than it" in drawn(report)[0]["errors"].caption


def test_networks_with_a_wrong_gradient_are_left_out_of_what_is_said_of_right_ones(monkeypatch):
    monkeypatch.setattr(make, "CERTIFIED", 1)
    report = report_on(wrong_in_deep_networks, 10, 24, 30)
    verdicts = [network["verdict"] for network in report["content"]["networks"]]
    assert sorted(verdicts) == ["PASS", "PASS", "WRONG"]
    found, _ = drawn(report)
    assert "on 2 networks that carry a certificate (left out: 1 more, on which the gradient is WRONG)" in (
        found["ulps"].caption
    )
    assert set(drawn(report_on(missing_mean_in_layer_1))[0]) == {"errors"}


def test_the_size_of_the_gradient_is_drawn_of_deep_networks_and_of_no_others():
    assert "magnitudes" not in drawn(report_on(right, 10))[0]
    figure = drawn(report_on(right, 10, 12, 13))[0]["magnitudes"]
    assert "each layer of 2 networks with 4 layers or more" in figure.caption
    assert "σ′ ≤ 1/4" in figure.caption


def test_the_training_is_drawn_with_both_costs_and_the_baseline(trained):
    found, _ = drawn(trained)
    lines = {line.get_label(): line for line in found["training"].drawing.axes[0].lines}
    for part, costs in trained["measured"]["costs"].items():
        assert lines[part].get_ydata() == pytest.approx([float.fromhex(cost) for cost in costs])
        assert list(lines[part].get_xdata()) == [0, 1, 2, 3]
    data = networks.breast_cancer()
    assert set(lines["baseline of the test"].get_ydata()) == {data.baseline}
    majority = np.mean(data.Y_test == np.round(data.Y.mean()))
    assert f"{majority:.0%} would be right by always the more frequent answer" in found["training"].caption


@pytest.mark.parametrize("least", [-308.3, -30.5, -2.0, 0.0, 297.5])
@pytest.mark.parametrize("span", [1, 2.9, 7, 40, 616])
def test_a_logarithmic_axis_of_any_length_has_few_marks_in_even_steps(least, span):
    marks = style.few_decades(least, least + span)
    assert 1 <= len(marks) <= 7
    assert all(least <= k <= least + span for k in marks)
    assert len(set(np.diff(marks))) <= 1


def test_an_exact_zero_where_nothing_is_allowed_has_no_error_and_another_number_an_infinite_one():
    truth, tolerance = np.array([0.0, 0.0, 1.0]), np.array([0.0, 0.0, 0.5])
    assert curves._share(np.array([0.0, 1e-300, 1.25]), truth, tolerance).tolist() == [0, np.inf, 0.5]
