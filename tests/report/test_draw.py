"""A report as a folder: its page and its figures."""

import json
import re
import xml.etree.ElementTree as ElementTree
from collections import Counter
from html.parser import HTMLParser

import pytest
from reports import raises, report_on

from refnn.report.draw import figures, page, style
from refnn.report.draw.folder import write
from refnn.report.record import canonical
from refnn.report.resources import POWER


class Page(HTMLParser):
    """The tags of a page with their attributes, and its text."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.text = [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data


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


def test_the_page_needs_nothing_but_itself(folder):
    found = Page((folder / "report.html").read_text(encoding="utf-8"))
    tags = Counter(tag for tag, _ in found.tags)
    assert not tags["script"] + tags["link"] + tags["iframe"] + tags["object"]
    for _, attributes in found.tags:
        for name, value in attributes.items():
            assert not name.startswith("on")
            if name in ("src", "href", "xlink:href"):
                assert value.startswith(("#", "data:image/png;base64,"))
    assert not re.search(r"url\((?!#)|@import", (folder / "report.html").read_text(encoding="utf-8"))


def test_the_report_is_in_the_folder_as_its_canonical_text(folder, report):
    assert (folder / "report.json").read_text(encoding="utf-8") == f"{canonical(report)}\n"


def test_a_bug_counts_as_seen_by_another_checker_where_that_passes_the_right_gradient(folder):
    told = Counter()
    for line in json.loads(POWER.read_text())["detection"]:
        if line["fault"] == "float32-inside":
            told[line["checker"]] += line["told"]
    assert {checker: faults["float32-inside"][0] for checker, faults in figures._peers().items()} == told
    assert "SciPy's has no threshold by default" in Page((folder / "report.html").read_text(encoding="utf-8")).text


def test_every_figure_is_on_the_page_and_in_the_folder(folder):
    found = Page((folder / "report.html").read_text(encoding="utf-8"))
    shown = [attributes for tag, attributes in found.tags if attributes.get("role") == "img"]
    names = sorted(path.stem for path in (folder / "figures").glob("*.svg"))
    assert names == sorted(path.stem for path in (folder / "figures").glob("*.png"))
    assert len(names) == len(shown) >= 3
    assert all(attributes["aria-label"] for attributes in shown)
    for name in names:
        assert ElementTree.parse(folder / f"figures/{name}.svg").getroot().tag.endswith("svg")
        assert (folder / f"figures/{name}.png").read_bytes().startswith(b"\x89PNG")
    ids = Counter(attributes["id"] for _, attributes in found.tags if "id" in attributes)
    assert ids
    assert max(ids.values()) == 1


def test_the_page_says_what_the_report_says(report, folder):
    text = " ".join(Page((folder / "report.html").read_text(encoding="utf-8")).text.split())
    assert report["identity"] in text
    assert "Every entry of the gradient agrees with independent numerical derivatives on all 2 networks." in text
    assert "refnn verify report.json" in text
    for network in report["content"]["networks"]:
        assert network["name"] in text


def test_a_hostile_name_is_text_on_the_page():
    name = '<script>alert("1")</script>&$subject'
    report = report_on(raises, 10, name=name)
    text = page.page(report, [])
    assert "<script" not in text
    assert name in Page(text).text


def test_the_figures_of_one_report_are_the_same_files_again(report, folder):
    for figure in figures.figures(report):
        assert style.svg(figure.drawing) == (folder / f"figures/{figure.name}.svg").read_text(encoding="utf-8")
        inline = style.inline(style.svg(figure.drawing), figure.name, figure.title)
        assert not set(re.findall(r"#[0-9a-f]{6}\b", inline)), f"{figure.name}: a colour that has none for the dark"


def test_a_report_without_gradients_is_drawn_too_and_leaves_no_figure_of_an_older_one(tmp_path):
    old = tmp_path / f"figures/{[*figures.FIGURES][-1]}.svg"
    old.parent.mkdir()
    old.write_text("of an older report")
    write(report_on(raises, 10), tmp_path)
    assert "gradient raised RuntimeError: no such layer" in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert {path.stem for path in (tmp_path / "figures").iterdir()} == {"fault-matrix"} != {old.stem}
