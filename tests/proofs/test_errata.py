"""proofs/errata.md: every row is planted in the mended article and found by the words that the row quotes."""

import re
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from refnn.article.module import FUNCTIONS, judge_module
from refnn.commands.source import definitions

HERE = Path(__file__).parents[1] / "article"
MENDED = (HERE / "mended_article.txt").read_text()
ROWS = [
    line for line in (HERE.parents[1] / "proofs" / "errata.md").read_text().splitlines() if re.match(r"\| \d+ \|", line)
]
TRACE = "-np.sum(np.multiply(Y, np.log(A)) + np.multiply(1 - Y, np.log(1 - A))) / m"
MATRIX = "-(np.dot(Y, np.log(A).T) + np.dot(1 - Y, np.log(1 - A).T)) / m"

# Row: what is changed in the mended article. The last three rows stand in it as they are.
PLANTED = {
    1: [("    A = 1 / (1 + np.exp(-Z))", "\tA = 1 / (1 + np.exp(-Z))")],
    2: [("np.exp(-Z)))", "np.exp(, Z)))"), ("np.exp(-Z))", "np.exp(, Z))"), ("np.dot(W.T, dZ)", ", dZ)")],
    3: [("S, _ = sigmoid(Z)", "pass"), ("dA * S * (1 - S)", "dA * sigmoid(Z) * (1 - sigmoid(Z))")],
    4: [("caches.append(", "print("), ("cost_history.append(", "print(")],
    5: [('[f"dW{L}"], grads[f"db{L}"]', '[f"dW{L - 1}"], grads[f"db{L - 1}"]')],
    6: [('* grads[f"d', '* grads[f"')],
    7: [(TRACE, MATRIX)],
    8: [],
    9: [],
    10: [],
}


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """What is said of the mended article with such changes, in one line."""
    path = tmp_path_factory.mktemp("errata") / "article.py"

    @cache
    def report(*changes):
        source = MENDED
        for right, printed in changes:
            source = source.replace(right, printed)
        path.write_text(source)
        found = definitions(path, FUNCTIONS)
        printed = [*map(str, found.problems), str(judge_module(found.namespace))]
        return " ".join(" ".join(printed).split())

    return report


def test_every_row_is_tried():
    assert [int(row.split("|")[1]) for row in ROWS] == list(PLANTED)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split("|")[1].strip())
def test_the_check_of_each_row_finds_it(report, row):
    number, words = int(row.split("|")[1]), re.findall(r"`([^`]+)`", row.replace(r"\|", "/").split("|")[-2])
    planted = PLANTED[number]
    assert all(right in MENDED for right, _ in planted[-1:])
    said = report(*planted)
    said += report() if number == 6 else ""  # the second half of row 6 stands in the mended article
    for word in words:
        elsewhere = word.startswith("tests/") or word == "article-dA-convention"
        assert elsewhere or word in said, said
        assert not planted or elsewhere or "rebinds" in word or word not in report()


def test_row_8_the_number_at_which_it_happens():
    def article(Z):
        A = 1 / (1 + np.exp(-np.array([[Z]])))
        with np.errstate(divide="ignore", invalid="ignore"):
            return -(0 / A - 1 / (1 - A)) * A * (1 - A)

    assert np.isfinite(article(36.0))
    assert not np.isfinite(article(37.0))
