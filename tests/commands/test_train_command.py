"""`refnn train`: what it reads and refuses by row and column, what it says of the network, and what it saves."""

import hashlib
import os
import re
import signal
import sys
from pathlib import Path

import numpy as np
import pytest

import refnn.commands
from refnn import tabular
from refnn.__main__ import main
from refnn.commands import learning
from refnn.report.draw import style

DATA = Path(__file__).parents[2] / "proofs/data"
GOOD = "height,weight,label\n" + "".join(f"{h},{h * 2.5},{h % 2}\n" for h in range(2, 22))


def write(folder, text):
    path = folder / "table.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)


def table(header, *columns):
    return "\n".join([header, *(",".join(map(str, row)) for row in zip(*columns))]) + "\n"


def run(folder, text, *options):
    """The exit status of `refnn train` on the text, with results in the folder "out"."""
    return main(["train", write(folder, text), "--out", str(folder / "out"), *map(str, options)])


def saved_in(folder):
    with np.load(folder / "out/network.npz") as saved:
        return dict(saved)


def blobs(words, m=90):
    """Points about a centre for each word, a quarter of a unit wide and one apart."""
    rng = np.random.default_rng(0)
    k = rng.integers(len(words), size=m)
    x, y = rng.standard_normal((2, m)) / 8 + [np.cos(2.4 * k), np.sin(2.4 * k)]
    return table("x,y,kind", x, y, [words[i] for i in k])


# ---------------------------------------------------------------------- the table


def test_the_data_are_those_of_the_checksum():
    digest, name = (DATA / "SHA256SUMS").read_text().split()
    assert hashlib.sha256((DATA / name).read_bytes()).hexdigest() == digest
    data = tabular.read_csv(DATA / name, ["malignant"])
    assert data.X.shape == (30, 569)
    assert data.X.dtype == data.Y.dtype == float  # as a report's digests take them
    assert (data.Y == 1).sum() == 212


REFUSED = [
    (GOOD.replace("label", "class"), "has no column 'label'; its columns are 'height', 'weight', 'class'"),
    (GOOD.replace("4,10.0", "4,heavy"), "row 3, column 'weight': 'heavy' is not a number"),
    (GOOD.replace("4,10.0", "4,1_0"), "row 3, column 'weight': '1_0' is not a number"),
    (GOOD.replace("4,10.0", "4,True"), "row 3, column 'weight': 'True' is not a number"),
    (GOOD.replace("4,10.0", '4,"10,0"'), "row 3, column 'weight': '10,0' is not a number"),
    (GOOD.replace("2,5.0,0\n", "2,5.0,0\n\n").replace("4,10.0", "4,"), "row 4, column 'weight': the value is missing"),
    (GOOD.replace("4,10.0", "4,"), "row 3, column 'weight': the value is missing"),
    (GOOD.replace("4,10.0", "4,nan"), "row 3, column 'weight': nan is not a finite number"),
    (GOOD.replace("4,10.0,0", "4,10.0,7"), "row 3, column 'label': the label is 7, expected one of 0 … 2"),
    (GOOD.replace("4,10.0,0", "4,10.0,0.5"), "row 3, column 'label': the label is 0.5, expected one of 0 … 2"),
    (GOOD.replace("4,10.0,0", "4,10.0,yes"), "row 3, column 'label': 'yes' is not a number"),
    (GOOD.replace("4,10.0,0", "4,10.0,nan"), "row 3, column 'label': nan is not a finite number"),
    (GOOD.replace("4,10.0,0", "4,10.0,"), "row 3, column 'label': the value is missing"),
    (GOOD.replace("4,10.0,0", "4,10.0"), "row 3 has 2 cells, expected 3, one for each column"),
    (GOOD.replace("height", "weight"), "has more than one column 'weight'"),
    (GOOD.replace(".", ".x"), "… and 10 more"),
    (table("x,label", [1, 5, 3, 4], ["no", "yes", 3, "no"]), "row 3, column 'label': 3 is a number among words"),
    (table("x,label", [1, 5, 3], [1, 1, 1]), "column 'label' is 1 in every row: there is nothing to learn"),
    (table("x,label", [1, 5, 3], "abc"), "column 'label' has 3 different labels in 3 rows: no classes\n"),
    (GOOD.replace(",", ";").replace("5.0", "5,0"), "'10.0' is not a number with a decimal comma, as others are"),
    ("label\n0\n1\n", "has 0 feature columns and 2 rows, expected at least 1 of each"),
    ("height,label\n", "has 1 feature columns and 0 rows, expected at least 1 of each"),
    ("", "is empty, expected a header line and rows"),
    ("\na,label\n1,0\n", "is blank, expected the header"),
    (" ,\na,label\n1,0\n", "is blank, expected the header"),
    (GOOD.replace("weight", "height\0"), "is not CSV: line 1 has a NUL character"),
    (GOOD.replace("4,10.0,0", "4,10.0,0\0"), "is not CSV: line 4 has a NUL character"),
    (table("x,label", [5e-324, 1e-323] * 9, [0, 1, 1] * 6), "column 'x' runs from 4.94066e-324 to 9.88131e-324, with"),
    (b"\xff\xfe\x00", "is not a text file in UTF-8, expected CSV"),
    ('a,label\n"1,0\n', "is not CSV: "),
    ("a,label\n1,0\n2,1\n", "the test fraction 0.25 of 2 rows is 0, expected from 1 to 1"),
]


@pytest.mark.parametrize(("text", "said"), REFUSED, ids=[said[:40] for _, said in REFUSED])
def test_what_is_no_table_of_numbers_is_refused(text, said, tmp_path, capsys):
    assert run(tmp_path, text, "--target", "label") == 2
    shown = capsys.readouterr().err
    assert said in shown
    assert len(shown.splitlines()) <= 12  # the file, ten faults, and how many more
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("", "only counts the rows"),
        ("Unnamed: 0", "only counts the rows"),
        ("id", "only counts the rows"),
        ("Unnamed: 3", "has no name (it is column 1)"),
    ],
)
def test_an_index_is_refused_with_advice_for_it_tells_the_labels_of_pure_noise(name, found, tmp_path, capsys):
    m, rng = 120, np.random.default_rng(0)
    index = rng.permutation(m) if "name" in found else range(m)
    noise = table(f"{name},a,b,label", index, *rng.standard_normal((2, m)), [i >= m / 2 for i in range(m)])
    assert run(tmp_path, noise, "--target", "label") == 2
    advice = f"save without it (pandas: index=False), or leave it out with --ignore {name!r}"
    assert f"column {name!r} {found}, as an index does: {advice}" in capsys.readouterr().err
    assert run(tmp_path, noise, "--target", "label", "--ignore", name, "--epochs", "20") == 0
    right = re.search(r"test +(\d+\.\d+)% accuracy", capsys.readouterr().out)
    assert float(right[1]) < 75
    assert saved_in(tmp_path)["features"].tolist() == ["a", "b"]


def test_a_column_that_starts_elsewhere_or_skips_is_no_index(tmp_path):
    text = table("year,step,first,label", range(1990, 2000), range(0, 20, 2), [0, 1] * 5, [0, 0, 1, 1, 0] * 2)
    assert tabular.read_csv(write(tmp_path, text), ["label"]).features == ("year", "step", "first")


PLAIN = "size,wet,kind\n1.5,True,a b\n-2,False,c\n3e1,true,a b\n0.25,FALSE,c\n"
DIALECTS = {
    "a BOM and \\r\\n": "\ufeff" + PLAIN.replace("\n", "\r\n") + "\r\n",
    "old Mac": PLAIN.replace("\n", "\r"),
    "quotes": re.sub(r"([^,\n]+)", r'"\1"', PLAIN),
    "tabs": PLAIN.replace(",", "\t"),
    "semicolons": PLAIN.replace(",", ";"),
    "decimal commas": PLAIN.replace(",", ";").replace(".", ","),
    "spaces": PLAIN.replace(",", " , "),
    "semicolons, and a comma in a quoted name": PLAIN.replace(",", ";").replace("size", '"size"').replace("\n", "\n\n"),
}


@pytest.mark.parametrize("text", DIALECTS.values(), ids=DIALECTS)
def test_one_table_is_read_from_many_dialects(text, tmp_path):
    read = tabular.read_csv(write(tmp_path, text), ["kind"])
    assert (read.features, read.targets, read.classes) == (("size", "wet"), ("kind",), (("a b", "c"),))
    assert read.X.tolist() == [[1.5, -2, 30, 0.25], [1, 0, 1, 0]]
    assert read.Y.tolist() == [[0, 1, 0, 1]]


def test_the_separator_is_the_one_that_the_header_has_most_of(tmp_path):
    read = tabular.read_csv(write(tmp_path, "size, in cm;wet;kind\n1;0;a\n2;1;b\n"), ["kind"])
    assert read.features == ("size, in cm", "wet")


def test_a_scaling_keeps_constants_and_large_numbers_in_range():
    scaling = tabular.scaling(np.array([[0.1] * 7, [1e200, -1e200, 0, 0, 0, 0, 0]]))
    assert scaling.deviation[0] == 1
    assert scaling(np.array([[0.1], [1e200]])).ravel().tolist() == [0, pytest.approx(np.sqrt(7 / 2))]
    assert scaling.back(scaling(np.array([[0.1], [1e200]]))).ravel().tolist() == [0.1, pytest.approx(1e200)]


# ---------------------------------------------------------------------- options


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--layer-dims", "3,1"], "--layer-dims is [3, 1], expected [2, …, 1], from the features to the outputs"),
        (["--layer-dims", "2,2"], "--layer-dims is [2, 2], expected [2, …, 1], from the features to the outputs"),
        (["--layer-dims", "1"], "--layer-dims is [1], expected [2, …, 1], from the features to the outputs"),
        (["--lr", "0"], "lr is 0.0, expected a positive finite number"),
        (["--epochs", "-1"], "--epochs is -1, expected an integer of at least 0"),
        (["--seed", "-1"], "--seed is -1, expected a seed"),
        (["--test-fraction", "nan"], "the test fraction is nan, expected a number between 0 and 1"),
        (["--target", "label"], "the targets 'label', 'label' name a column twice"),
        (["--ignore", "label"], "a target cannot be ignored: 'label'"),
        (["--ignore", "age"], "has no column 'age'; its columns are 'height', 'weight', 'label'"),
        (["--batch-size", "-1"], "--batch-size is -1, expected an integer of at least 0"),
        (["--test-fraction", "1"], "the test fraction is 1.0, expected a number between 0 and 1"),
        (["--hidden", "relo"], "hidden is 'relo', expected one of 'sigmoid', 'tanh', 'relu'"),
        (["--hidden", "relu,tanh,silu"], "hidden has 3 activations, expected 2: one for each hidden layer"),
        (["--output", "identity", "--lr", "100", "--hidden", "relu"], "--lr is 100.0: epoch "),
    ],
)
def test_unusable_options_are_refused(options, said, tmp_path, capsys):
    assert run(tmp_path, GOOD, "--target", "label", *options) == 2
    assert said in capsys.readouterr().err


def test_a_file_that_is_not_there_is_named(capsys):
    assert main(["train", "nowhere.csv", "--target", "label"]) == 2
    assert "nowhere.csv" in capsys.readouterr().err


# ---------------------------------------------------------------------- classes and numbers


@pytest.mark.parametrize(
    ("words", "output"),
    [
        ((0, 1), "sigmoid"),
        ((False, True), "sigmoid"),
        (("no", "yes"), "sigmoid"),
        ((0, 1, 2), "softmax"),
        (("setosa", "versicolor", "virginica"), "softmax"),
    ],
    ids=str,
)
def test_the_output_follows_the_labels_and_is_said(words, output, tmp_path, capsys):
    """Two classes or three, as numbers or words, are told apart on the test examples; sorted, they are saved."""
    assert (
        run(tmp_path, blobs(words), "--target", "kind", "--layer-dims", f"2,6,{len(words) % 2 * 2 + 1}", "--lr", 1) == 0
    )
    shown = capsys.readouterr().out
    assert f"output {output}, as the labels are" in shown
    assert re.search("kind: " + ", ".join(rf"\d+ × {word}" for word in words) + "\n", shown)
    accuracy = re.search(r"test +(\d+\.\d\d)% accuracy, \d+ of 22 examples right; baseline (\d+\.\d\d)%", shown)
    assert float(accuracy[1]) > 90 > 60 > float(accuracy[2])
    saved = saved_in(tmp_path)
    assert saved["classes"].tolist() == [list(map(str, words))]
    assert saved["output"] == output


def test_numbers_that_are_no_classes_are_so_if_asked(tmp_path, capsys):
    text = table("x,kind", range(0, 40, 2), [-1, 1] * 10)
    assert run(tmp_path, text, "--target", "kind") == 2
    assert "--output identity takes them for measured numbers, --output softmax for classes" in capsys.readouterr().err
    for output in ("sigmoid", "softmax", "identity"):
        assert run(tmp_path, text, "--target", "kind", "--output", output, "--epochs", "1") == 0
        shown = capsys.readouterr().out
        assert ("R²" if output == "identity" else "10 × -1, 10 × 1") in shown
        assert "as the labels are" not in shown
    assert run(tmp_path, blobs("abc"), "--target", "kind", "--output", "sigmoid") == 2
    assert "--output sigmoid takes two classes each, but 'kind' has 3" in capsys.readouterr().err
    assert run(tmp_path, blobs("abc"), "--target", "kind", "--output", "identity") == 2
    assert "row 1, column 'kind': 'c' is not a number" in capsys.readouterr().err


def test_an_example_of_several_targets_is_right_if_all_are(tmp_path, capsys):
    """A constant feature is taken; of what nothing tells, the network does no better than its baseline."""
    x = np.arange(100) - 50.5
    luck = np.random.default_rng(0).integers(2, size=100)
    text = table("x,constant,sign,luck", x, [7] * 100, (x > 0).astype(int), luck)
    options = ["--target", "sign", "--target", "luck", "--layer-dims", "2,4,2", "--lr", "2"]
    assert run(tmp_path, text, *options) == 0
    shown = capsys.readouterr().out
    saved = saved_in(tmp_path)
    training, test = tabular.split(
        tabular.read_csv(tmp_path / "table.csv", ["sign", "luck"]), 0.25, np.random.default_rng(0)
    )
    params = {key: saved[key] for key in saved if re.fullmatch(r"[Wb]\d", key)}
    for name, part in (("train", training), ("test", test)):
        said = refnn.predict((part.X - saved["mean"]) / saved["deviation"], params)
        right = sum(np.array_equal(a, b) for a, b in zip(said.T, part.Y.T))
        most = max(map(tuple, training.Y.T), key=list(map(tuple, training.Y.T)).count)
        baseline = sum(tuple(column) == most for column in part.Y.T)
        m = part.Y.shape[1]
        line = f"{right / m:.2%} accuracy, {right} of {m} examples right; baseline {baseline / m:.2%}, {baseline}"
        assert f"{name:<10} {line}, by always {int(most[0])},{int(most[1])}\n" in shown
    assert (said == test.Y).all(axis=1).tolist() == [True, False]  # so that all and any differ
    assert run(tmp_path, text, *options, "--output", "softmax") == 2
    assert "--output softmax takes one target, but --target names 2" in capsys.readouterr().err
    assert run(tmp_path, text.replace("0\n", "2\n", 1), *options) == 2
    assert "several targets take two classes each, but 'luck' has 3" in capsys.readouterr().err


@pytest.mark.parametrize("labels", [(2**53, 2**53 + 1, 77), (2**53, 2**53 + 1)])
def test_labels_that_no_float_tells_apart_are_classes_of_their_own(labels, tmp_path):
    text = table("x,y", range(12, 72), [labels[i % len(labels)] for i in range(60)])
    data = tabular.read_csv(write(tmp_path, text), ["y"], "classes")
    assert data.classes == (tuple(map(str, sorted(labels))),)
    assert np.bincount(data.Y[0].astype(int)).tolist() == [60 // len(labels)] * len(labels)


def test_one_number_in_several_spellings_is_one_class(tmp_path):
    data = tabular.read_csv(write(tmp_path, table("x,y", range(3, 11), ["1", "1.0", "0", "1e0"] * 2)), ["y"])
    assert len(data.classes[0]) == 2
    assert data.Y[0].tolist() == [1, 1, 0, 1] * 2


def test_a_target_that_predict_would_name_twice_is_refused(tmp_path, capsys):
    text = table("x,y,y_probability", range(3, 23), [0, 1] * 10, [1, 0] * 10)
    assert run(tmp_path, text, "--target", "y", "--target", "y_probability") == 2
    assert "'y_probability' has the name of the column that refnn predict makes of 'y'" in capsys.readouterr().err


def test_a_linear_law_is_found_in_its_units(tmp_path, capsys):
    rng = np.random.default_rng(0)
    a, b, c = rng.standard_normal((3, 200))
    y = 5000 + 300 * a - 200 * b + 10 * c
    options = ["--output=identity", "--hidden=identity", "--layer-dims=3,4,1", "--epochs=60", "--lr=0.05", "--seed=4"]
    assert run(tmp_path, table("a,b,c,y", a, b, c, y), "--target", "y", *options) == 0
    shown = re.search(
        r"test +y: R² (\S+), root mean square error (\S+); baseline (\S+), by always (\S+)\n", capsys.readouterr().out
    )
    r_squared, error, baseline, mean = map(float, shown.groups())
    assert r_squared > 0.99
    test = np.random.default_rng(4).permutation(200)[:50]  # whose mean is not that of the others
    assert mean == pytest.approx(np.delete(y, test).mean(), rel=1e-3)
    assert baseline == pytest.approx(np.sqrt(((y[test] - np.delete(y, test).mean()) ** 2).mean()), rel=1e-3)
    assert 1 - r_squared == pytest.approx((error / y[test].std()) ** 2, abs=1e-4)
    assert error < baseline / 10


def test_a_target_without_variance_has_no_r_squared(tmp_path, capsys):
    text = table("x,y", [3, 1, 4, 1.5], [1, 1, 1, 2])
    assert run(tmp_path, text, "--target", "y", "--output", "identity", "--epochs", "1", "--seed", "1") == 0
    assert "R² nan" in capsys.readouterr().out
    assert run(tmp_path, table("x,y", [3, 1, 4], [2, 2, 2]), "--target", "y", "--output", "identity") == 2
    assert "column 'y' is 2 in every row: there is nothing to learn" in capsys.readouterr().err


def test_numbers_near_the_end_of_the_floats_have_their_score_too(tmp_path, capsys):
    """The same R² in any units, and errors in them."""
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, 60))
    scores = []
    for unit in (1, 2.0**1020, 2.0**-1000):
        text = table("a,b,y", a, b, (a - b + a * b) * unit)
        assert run(tmp_path, text, "--target", "y", "--output", "identity", "--epochs", "9") == 0
        output = capsys.readouterr()
        assert "Warning" not in output.err
        found = re.findall(r"R² (\S+), root mean square error (\S+); baseline (\S+),", output.out)
        scores.append([(float(r), float(error) / unit, float(baseline) / unit) for r, error, baseline in found])
    for score in scores:
        np.testing.assert_allclose(score, scores[0], rtol=1e-3)  # of four printed digits
    assert len(scores[0]) == 2


def test_numbers_too_far_from_the_others_are_named(tmp_path, capsys):
    """In the test part, where no mean has seen them, or so far that floats cannot say how far."""
    far, m = np.random.default_rng(0).permutation(40)[0], 40  # of the test part
    for column, text, runs in [
        ("y", table("x,y", range(0, 80, 2), [1e300 if k == far else 1 + k % 2 for k in range(m)]), "1 to 1e+300"),
        ("x", table("x,y", [-1.7e308 if k % 3 else 1.7e308 for k in range(m)], range(m)), "-1.7e+308 to 1.7e+308"),
    ]:
        assert run(tmp_path, text, "--target", "y", "--output", "identity") == 2
        said = f"column '{column}' runs from {runs}, too far from the training data: expected a finite number of their"
        assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("epochs", "said"),
    [(0, "--hidden is leaky_relu(1e308): the costs before the training leave"), (1, "--hidden leaky_relu(1e200)")],
)
def test_activations_that_leave_the_range_of_floats_are_named(epochs, said, tmp_path, capsys):
    hidden = re.search(r"leaky_relu.\w*.", said)[0]
    options = ["--layer-dims", "2,3,1", "--epochs", epochs, "--hidden", hidden]
    assert run(tmp_path, GOOD, "--target", "label", *options) == 2
    assert said in capsys.readouterr().err


# ---------------------------------------------------------------------- the training


@pytest.mark.parametrize(
    ("hidden", "names", "scale"),
    [
        ("relu", ["relu", "relu"], "he"),
        ("leaky_relu(0.2),silu", ["leaky_relu(0.2)", "silu"], "he"),
        ("relu,tanh", ["relu", "tanh"], "xavier"),
        ("softplus", ["softplus", "softplus"], "xavier"),
    ],
)
def test_it_is_the_training_of_refnn_train_by_the_seed(hidden, names, scale, tmp_path, capsys):
    """The same bits as in one go: split, weights by He for ReLU and its kin, shuffles."""
    arguments = ["--target", "label", "--hidden", hidden, "--layer-dims", "2,3,4,1", "--batch-size", "4"]
    assert run(tmp_path, GOOD, *arguments, "--epochs", "5", "--seed", "3", "--lr", "0.2") == 0
    assert f"training   5 epochs, rate 0.2, batches of 4, weights {scale}, seed 3\n" in capsys.readouterr().out
    saved = saved_in(tmp_path)
    rng = np.random.default_rng(3)
    training, _ = tabular.split(tabular.read_csv(tmp_path / "table.csv", ["label"]), 0.25, rng)
    start = refnn.init_params([2, 3, 4, 1], scale=scale, rng=rng)
    X = tabular.scaling(training.X)(training.X)
    options = {"hidden": names, "batch_size": 4, "params": start, "rng": rng}
    params, _ = refnn.train(X, training.Y, [2, 3, 4, 1], 5, 0.2, **options)
    np.testing.assert_equal({key: saved[key] for key in params}, params)
    assert saved["hidden"].tolist() == names


def curves_drawn(monkeypatch, folder, text, *options):
    """The lines of cost.png by their labels."""
    figures = []
    monkeypatch.setattr(style, "png", lambda figure: figures.append(figure) or b"drawn")
    assert run(folder, text, *options) == 0
    (axes,) = figures[0].axes
    assert axes.get_yscale() == "log"
    assert [text.get_text() for text in figures[0].legends[0].get_texts()] == [line.get_label() for line in axes.lines]
    return {line.get_label(): np.array(line.get_ydata()) for line in axes.lines}


def test_the_figure_shows_the_costs_of_both_parts_at_the_same_moments_and_the_baseline(monkeypatch, tmp_path):
    options = ["--target", "kind", "--layer-dims", "2,4,3"]
    lines = curves_drawn(monkeypatch, tmp_path, blobs("abc"), *options, "--epochs", "3")
    assert (tmp_path / "out/cost.png").read_bytes() == b"drawn"
    training, test = tabular.split(tabular.read_csv(tmp_path / "table.csv", ["kind"]), 0.25, np.random.default_rng(0))
    for epochs in (0, 3):
        run(tmp_path, blobs("abc"), *options, "--epochs", epochs)
        saved = saved_in(tmp_path)
        params = {key: saved[key] for key in ("W1", "b1", "W2", "b2")}
        for name, part in (("training", training), ("test", test)):
            AL, _ = refnn.forward_prop((part.X - saved["mean"]) / saved["deviation"], params, output="softmax")
            cost = refnn.cost_function(AL, part.Y[0].astype(int), output="softmax")
            assert lines[name][epochs] == pytest.approx(cost)
            assert len(lines[name]) == 4
    frequency = np.bincount(training.Y[0].astype(int)) / training.Y.size
    assert lines["baseline of the test"] == pytest.approx(-np.log(frequency)[test.Y[0].astype(int)].mean())


def test_the_baseline_of_numbers_is_their_mean(monkeypatch, tmp_path):
    text = table("x,y", range(5, 45), np.arange(40.0) ** 2)
    lines = curves_drawn(monkeypatch, tmp_path, text, "--target", "y", "--output", "identity", "--epochs", "1")
    order = np.random.default_rng(0).permutation(40)
    y = np.arange(40.0) ** 2
    test, training = y[order[:10]], y[order[10:]]
    assert lines["baseline of the test"] == pytest.approx(((test - training.mean()) ** 2).mean() / training.var() / 2)


def test_the_readme_s_figures_are_those_of_a_run(tmp_path, capsys):
    assert main(["train", str(DATA / "wdbc.csv"), "--target", "malignant", "--out", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    accuracy = re.search(r"test +(\d+\.\d+)% accuracy", shown)
    assert float(accuracy[1]) >= 95
    readme = (DATA.parents[1] / "README.md").read_text()
    for line in re.findall(r"^(?:data|target|network|training) .*$", shown, re.MULTILINE):
        assert line in readme
    assert re.search(r"^test .*(baseline .*)$", shown, re.MULTILINE)[1] in readme


# ---------------------------------------------------------------------- the files


def test_the_file_holds_what_predicting_needs(tmp_path):
    assert run(tmp_path, GOOD, "--target", "label", "--layer-dims", "[2,1]", "--epochs", "3") == 0
    saved = saved_in(tmp_path)
    X = np.array([[3.0], [7.5]])
    params = {key: saved[key] for key in ("W1", "b1")}
    assert refnn.predict((X - saved["mean"]) / saved["deviation"], params).shape == (1, 1)
    assert saved["features"].tolist() == ["height", "weight"]
    assert saved["targets"].tolist() == ["label"]
    assert (tmp_path / "out/cost.png").read_bytes().startswith(b"\x89PNG")
    assert sorted(os.listdir(tmp_path / "out")) == ["cost.png", "network.npz"]


def test_a_file_is_written_whole_or_not_at_all(monkeypatch, tmp_path):
    """Killed before the new file takes its name, the old one stands."""
    options = ["--target", "label", "--epochs", "1"]
    run(tmp_path, GOOD, *options)
    before = {path: path.read_bytes() for path in (tmp_path / "out").iterdir()}

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", killed)
    assert run(tmp_path, GOOD, *options, "--seed", "1") == 130
    assert {path: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before


def interrupted(times):
    """Epochs, with Ctrl-C pressed so often before the third."""

    def epochs(numbers, _):
        for number in numbers:
            for _ in range(times * (number == 3)):
                signal.raise_signal(signal.SIGINT)
            yield number

    return epochs


def test_ctrl_c_ends_a_training_with_130_and_saves_it(monkeypatch, tmp_path, capsys):
    before = signal.getsignal(signal.SIGINT)
    monkeypatch.setattr(learning, "bar", interrupted(times=1))
    assert run(tmp_path, GOOD, "--target", "label", "--epochs", "50") == 130
    assert signal.getsignal(signal.SIGINT) is before
    shown = capsys.readouterr().out
    assert re.search(r"^cost +train \S+ before, \S+ after, least \S+ in epoch \d+", shown, re.MULTILINE)
    assert "saved      network.npz" in shown


def test_ctrl_c_while_the_figure_is_drawn_keeps_the_network(monkeypatch, tmp_path, capsys):
    def drawn(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("refnn.commands.train._drawn", drawn)
    assert run(tmp_path, GOOD, "--target", "label", "--epochs", "3") == 130
    assert os.listdir(tmp_path / "out") == ["network.npz"]
    assert "saved      network.npz" in capsys.readouterr().out


def test_a_figure_of_the_user_s_own_stays_where_none_can_be_drawn(monkeypatch, tmp_path):
    monkeypatch.setattr("refnn.commands.train._drawn", None)
    (tmp_path / "out").mkdir()
    (tmp_path / "out/cost.png").write_text("mine")
    assert run(tmp_path, GOOD, "--target", "label", "--epochs", "1") == 0
    assert (tmp_path / "out/cost.png").read_text() == "mine"
    assert run(tmp_path, GOOD, "--target", "label", "--epochs", "1") == 0
    assert os.listdir(tmp_path / "out") == ["network.npz"], "that of an earlier network goes"


def test_ctrl_c_pressed_twice_leaves_at_once(monkeypatch, tmp_path):
    monkeypatch.setattr(learning, "bar", interrupted(times=2))
    assert run(tmp_path, GOOD, "--target", "label", "--epochs", "50") == 130
    assert not (tmp_path / "out/network.npz").exists()


def test_what_cannot_be_written_is_refused_before_the_training(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(learning, "learn", lambda *_: pytest.fail("it has been trained"))
    (tmp_path / "out/cost.png").mkdir(parents=True)
    assert run(tmp_path, GOOD, "--target", "label") == 2
    assert "cost.png is not a file that could be replaced" in capsys.readouterr().err
    assert run(tmp_path, GOOD, "--target", "label", "--out", tmp_path / "table.csv") == 2
    assert "table.csv" in capsys.readouterr().err
    if os.geteuid():  # root may write anywhere
        (tmp_path / "closed").mkdir(mode=0o500)
        assert run(tmp_path, GOOD, "--target", "label", "--out", tmp_path / "closed") == 2


def test_without_matplotlib_the_figure_alone_is_missing(monkeypatch, tmp_path, capsys):
    options = ["--target", "label", "--epochs", "1"]
    run(tmp_path, GOOD, *options)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert run(tmp_path, GOOD, *options) == 0
    assert 'no cost.png: figures need matplotlib: pip install "refnn[report]"' in capsys.readouterr().out
    assert os.listdir(tmp_path / "out") == ["network.npz"]


def test_a_figure_that_cannot_be_drawn_is_missing_and_nothing_else(monkeypatch, tmp_path, capsys):
    def no_latex(*_):
        raise RuntimeError("latex could not be found")

    monkeypatch.setattr(style, "png", no_latex)
    assert run(tmp_path, GOOD, "--target", "label", "--epochs", "1") == 0
    assert "no cost.png: latex could not be found" in capsys.readouterr().out
    assert os.listdir(tmp_path / "out") == ["network.npz"]


@pytest.mark.parametrize("name", ["network.npz", "cost.png"])
def test_the_table_is_not_written_over(name, tmp_path, capsys):
    data = tmp_path / name
    data.write_text(GOOD)
    assert main(["train", str(data), "--target", "label", "--out", str(tmp_path)]) == 2
    assert f"{data} is to be written, but is the same file as {data}, which is read" in capsys.readouterr().err
    assert data.read_text() == GOOD


def test_the_network_is_saved_though_nothing_can_be_said(monkeypatch, tmp_path, capsys):
    def full_disk(*text, file=None, **options):
        if file is None:
            raise OSError(28, "No space left on device")
        print(*text, file=file, **options)

    monkeypatch.setattr(refnn.commands, "print", full_disk, raising=False)
    assert run(tmp_path, GOOD, "--target", "label", "--epochs", "1") == 2
    assert "No space left on device" in capsys.readouterr().err
    assert sorted(os.listdir(tmp_path / "out")) == ["cost.png", "network.npz"]


def test_a_name_that_is_no_text_is_drawn_and_said(tmp_path, capsys):
    data = tmp_path / os.fsdecode(b"\xff$_{.csv")
    data.write_text(GOOD)
    options = ["--target", "label", "--epochs", "1"]
    assert main(["train", str(data), *options, "--out", str(tmp_path / "out")]) == 0
    assert "data        $_{.csv: 20 rows" in capsys.readouterr().out
    assert sorted(os.listdir(tmp_path / "out")) == ["cost.png", "network.npz"]


def test_what_a_terminal_would_obey_is_not_said(tmp_path, capsys):
    text = GOOD.replace("label", "label\x1b[31m").replace(",0\n", ",no\x1b[2J\n").replace(",1\n", ",yes\u202e\n")
    out = tmp_path / "out\x1b[7m"
    assert main(["train", write(tmp_path, text), "--target", "label\x1b[31m", "--epochs", "1", "--out", str(out)]) == 0
    shown = capsys.readouterr().out
    assert "target     label [31m: 10 × no [2J, 10 × yes \n" in shown
    assert shown.replace("\n", "").isprintable()
    with np.load(out / "network.npz") as saved:
        assert saved["classes"].tolist() == [["no\x1b[2J", "yes\u202e"]]


def test_a_pipe_is_not_waited_for(tmp_path, capsys):
    os.mkfifo(tmp_path / "pipe.csv")
    assert main(["train", str(tmp_path / "pipe.csv"), "--target", "label"]) == 2
    assert "pipe.csv is not a regular file, expected one" in capsys.readouterr().err
