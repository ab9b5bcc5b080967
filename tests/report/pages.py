"""Read the page of a report."""

from collections import Counter
from html.parser import HTMLParser

from refnn.report.draw import figures, style
from refnn.report.draw.page import page


class Page(HTMLParser):
    """The tags of a page with their attributes, its text, and the tables by class, each a list of rows of cells."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.text, self.tables, self.cell = [], "", {}, False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag == "table":
            self.rows = self.tables[dict(attrs)["class"].split()[-1]] = []
        elif tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")
            self.cell = True
        elif tag == "br" and self.cell:
            self.handle_data("\n")

    def handle_endtag(self, tag):
        self.cell = self.cell and tag not in ("td", "th")

    def handle_data(self, data):
        self.text += data
        if self.cell:
            self.rows[-1][-1] += data

    @property
    def count(self):
        return Counter(tag for tag, _ in self.tags)

    @property
    def words(self):
        return " ".join(self.text.split())


def page_of(report):
    """The page without its figures."""
    return Page(page(report, []))


def drawn(report):
    """The figures of a report by name, each with its page."""
    found = [(figure, style.svg(figure.drawing)) for figure in figures.figures(report)]
    return {figure.name: figure for figure, _ in found}, Page(page(report, found))
