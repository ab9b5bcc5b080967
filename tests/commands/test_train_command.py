"""`refnn train` takes any numeric CSV file, and says by row and column what it cannot use."""

import hashlib
import re
from pathlib import Path

import numpy as np
import pytest

import refnn
from refnn import tabular
from refnn.__main__ import main

DATA = Path(__file__).parents[2] / "proofs/data"
GOOD = "height,weight,label\n" + "".join(f"{h},{h * 2.5},{h % 2}\n" for h in range(1, 21))


def write(folder, text):
    path = folder / "table.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)


def test_the_data_are_those_of_the_checksum():
    digest, name = (DATA / "SHA256SUMS").read_text().split()
    assert hashlib.sha256((DATA / name).read_bytes()).hexdigest() == digest
    table = tabular.read_csv(DATA / name, ["malignant"])
    assert table.X.shape == (30, 569)
    assert (table.Y == 1).sum() == 212


REFUSED = [
    (GOOD.replace("label", "class"), "has no column 'label'; its columns are 'height', 'weight', 'class'"),
    (GOOD.replace("3,7.5", "3,heavy"), "row 3, column 'weight': 'heavy' is not a number"),
    (GOOD.replace("3,7.5", "3,7_5"), "row 3, column 'weight': '7_5' is not a number"),
    (GOOD.replace("1,2.5,1\n", "1,2.5,1\n\n").replace("3,7.5", "3,"), "row 4, column 'weight': the value is missing"),
    (GOOD.replace("3,7.5", "3,"), "row 3, column 'weight': the value is missing"),
    (GOOD.replace("3,7.5", "3,nan"), "row 3, column 'weight': nan is not a finite number"),
    (GOOD.replace("3,7.5,1", "3,7.5,2"), "row 3, column 'label': the label is 2, expected 0 or 1"),
    (GOOD.replace("3,7.5,1", "3,7.5,yes"), "row 3, column 'label': 'yes' is not a number"),
    (GOOD.replace("3,7.5,1", "3,7.5,nan"), "row 3, column 'label': the label is nan, expected 0 or 1"),
    (GOOD.replace("3,7.5,1", "3,7.5"), "row 3 has 2 cells, expected 3, one for each column"),
    (GOOD.replace("height", "weight"), "has more than one column 'weight'"),
    (GOOD.replace(".", ".x"), "… and 10 more"),
    ("label\n0\n1\n", "has 0 feature columns and 2 rows, expected at least 1 of each"),
    ("height,label\n", "has 1 feature columns and 0 rows, expected at least 1 of each"),
    ("", "is empty, expected a header line and rows"),
    (b"\xff\xfe\x00", "is not a text file in UTF-8, expected CSV"),
    ('a,label\n"1,0\n', "is not CSV: "),
    ("a,label\n1,0\n", "the test fraction 0.25 of 1 rows is 0, expected from 1 to 0"),
]


@pytest.mark.parametrize(("text", "said"), REFUSED, ids=[said[:40] for _, said in REFUSED])
def test_what_is_no_table_of_numbers_is_refused(text, said, tmp_path, capsys):
    assert main(["train", write(tmp_path, text), "--target", "label", "--out", str(tmp_path / "out")]) == 2
    assert re.search(re.escape(said), capsys.readouterr().err)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--layer-dims", "3,1"], "expected (3, m): layer_dims starts with 3 inputs"),
        (["--layer-dims", "2,2"], "expected (2, 15): one label for each output and example"),
        (["--lr", "0"], "lr is 0.0, expected a positive finite number"),
        (["--epochs", "-1"], "epochs is -1, expected an integer of at least 0"),
        (["--seed", "-1"], "--seed is -1, expected a seed"),
        (["--test-fraction", "nan"], "the test fraction is nan, expected a number between 0 and 1"),
        (["--target", "label"], "the targets 'label', 'label' name a column twice"),
        (["--batch-size", "-1"], "batch_size is -1, expected an integer from 1 to 15"),
        (["--test-fraction", "1"], "the test fraction is 1.0, expected a number between 0 and 1"),
    ],
)
def test_unusable_options_are_refused(options, said, tmp_path, capsys):
    arguments = ["train", write(tmp_path, GOOD), "--target", "label", "--out", str(tmp_path / "out")]
    assert main([*arguments, *options]) == 2
    assert said in capsys.readouterr().err


def test_a_file_that_is_not_there_is_named(capsys):
    assert main(["train", "nowhere.csv", "--target", "label"]) == 2
    assert "nowhere.csv" in capsys.readouterr().err


def test_training_saves_what_predicting_needs(tmp_path, capsys):
    text = "\ufeff" + GOOD.replace("\n", "\r\n") + "\r\n"  # as spreadsheets save it
    arguments = ["--target", "label", "--layer-dims", "[2,3,1]", "--epochs", "3", "--out", str(tmp_path / "out")]
    assert main(["train", write(tmp_path, text), *arguments]) == 0
    shown = capsys.readouterr().out
    assert re.search(r"train +\d+\.\d\d% accuracy, \d+ of 15 labels\ntest +\d+\.\d\d% accuracy, \d+ of 5 labels", shown)
    saved, scaling = np.load(tmp_path / "out/params.npz"), np.load(tmp_path / "out/scaling.npz")
    X = np.array([[3.0], [7.5]])
    assert refnn.predict((X - scaling["mean"]) / scaling["deviation"], dict(saved)).shape == (1, 1)
    assert scaling["features"].tolist() == ["height", "weight"]
    assert (tmp_path / "out/cost.png").read_bytes().startswith(b"\x89PNG")


def test_several_targets_and_a_constant_feature_are_taken(tmp_path):
    rows = "".join(f"{h},7,{h % 2},{h // 2 % 2}\n" for h in range(20))
    path = write(tmp_path, "h,constant,odd,half\n" + rows)
    assert main(["train", path, "--target", "odd", "--target", "half", "--epochs", "2", "--out", str(tmp_path)]) == 0
    assert np.load(tmp_path / "params.npz")["W3"].shape == (2, 8)


def test_a_scaling_keeps_constants_and_large_numbers_in_range():
    scaling = tabular.scaling(np.array([[0.1] * 7, [1e200, -1e200, 0, 0, 0, 0, 0]]))
    assert scaling.deviation[0] == 1
    assert scaling(np.array([[0.1], [1e200]])).ravel().tolist() == [0, pytest.approx(np.sqrt(7 / 2))]


def test_the_readme_s_accuracy_is_reached_on_real_data(tmp_path, capsys):
    assert main(["train", str(DATA / "wdbc.csv"), "--target", "malignant", "--out", str(tmp_path)]) == 0
    accuracy = re.search(r"test +(\d+\.\d+)%", capsys.readouterr().out)
    assert accuracy is not None
    assert float(accuracy[1]) >= 95
