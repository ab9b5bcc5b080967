"""`refnn predict`: in the words and units of the training data, the same bits as the network that was trained."""

import csv
import io
import os
import subprocess
import sys
import tracemalloc
import zipfile

import numpy as np
import pytest

import refnn
from refnn.__main__ import main
from refnn.commands.saved import Trained

M = 40


@pytest.fixture
def columns():
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, M))
    return {
        "a": a.tolist(),
        "b": b.tolist(),
        "kind": np.array(["ash", "oak", "yew"])[(a > 0) * 1 + (b > 0)].tolist(),
        "wet": ["yes" if x > 0 else "no" for x in a],
        "size": (1000 + 50 * a - 20 * b).tolist(),
    }


def write(path, columns):
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([list(columns), *zip(*columns.values())])
    return str(path)


def arrays(path):
    with np.load(path) as saved:
        return dict(saved)


OPTIONS = {
    "sigmoid": ["--target", "wet", "--ignore", "kind", "--ignore", "size", "--hidden", "tanh"],
    "softmax": ["--target", "kind", "--ignore", "wet", "--ignore", "size", "--layer-dims", "2,3"],
    "identity": [
        "--target",
        "size",
        "--ignore",
        "wet",
        "--ignore",
        "kind",
        "--output",
        "identity",
        "--hidden",
        "relu,silu",
    ],
}


@pytest.fixture
def train(tmp_path, columns):
    """Train a network with such an output, and return its file."""

    def train(output):
        data = write(tmp_path / "training.csv", columns)
        assert main(["train", data, *OPTIONS[output], "--epochs", "20", "--out", str(tmp_path)]) == 0
        return tmp_path / "network.npz"

    return train


def predicted(capsys, *arguments):
    capsys.readouterr()
    assert main(["predict", *map(str, arguments)]) == 0
    header, *rows = csv.reader(io.StringIO(capsys.readouterr().out))
    return header, [list(column) for column in zip(*rows)]


@pytest.mark.parametrize(("output", "target"), [("sigmoid", "wet"), ("softmax", "kind"), ("identity", "size")])
def test_the_file_reproduces_the_predictions_bit_for_bit(output, target, train, tmp_path, columns, capsys):
    """As computed by hand from the arrays of the file; the printed digits are all of them."""
    path = train(output)
    header, (labels, *probabilities) = predicted(capsys, path, tmp_path / "training.csv")
    saved = arrays(path)
    X = (np.array([columns["a"], columns["b"]]) - saved["mean"]) / saved["deviation"]
    params = {key: saved[key] for key in saved if key[0] in "Wb"}
    hidden = saved["hidden"].tolist()
    AL, _ = refnn.forward_prop(X, params, hidden=hidden, output=output)
    if output == "identity":
        assert header == ["size"]
        assert list(map(float, labels)) == (AL * saved["target_deviation"] + saved["target_mean"])[0].tolist()
        assert np.corrcoef(list(map(float, labels)), columns["size"])[0, 1] > 0.9
        assert abs(np.mean(list(map(float, labels))) - 1000) < 20
        return
    assert header == [target, f"{target}_probability"]
    P = np.vstack([1 - AL, AL]) if output == "sigmoid" else AL
    assert labels == [saved["classes"][0][k] for k in P.argmax(axis=0)]
    assert list(map(float, probabilities[0])) == P.max(axis=0).tolist()
    assert np.mean(np.array(labels) == columns[target]) > 0.6


def test_what_is_printed_is_the_file_whatever_the_terminal_can_show(train, tmp_path, columns):
    columns["wet"] = ["yes" if word == "yes" else "nö" for word in columns["wet"]]
    arguments = ["predict", train("sigmoid"), tmp_path / "training.csv"]
    assert main([*map(str, arguments), "--out", str(tmp_path / "said.csv")]) == 0
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    run = subprocess.run([sys.executable, "-m", "refnn", *arguments], env=environment, capture_output=True, check=True)
    assert run.stdout == (tmp_path / "said.csv").read_bytes()
    assert "nö" in run.stdout.decode()


def test_a_saved_network_comes_back_as_it_was(train, tmp_path):
    path = train("softmax")
    network = Trained.load(path)
    (tmp_path / "again.npz").write_bytes(network.to_bytes())
    np.testing.assert_equal(arrays(tmp_path / "again.npz"), arrays(path))
    X = np.random.default_rng(1).standard_normal((2, 7))
    np.testing.assert_equal(Trained.load(tmp_path / "again.npz").answer(X), network.answer(X))


def test_columns_are_found_by_name_and_others_passed_over(train, tmp_path, columns, capsys):
    path = train("sigmoid")
    expected = predicted(capsys, path, tmp_path / "training.csv")
    other = {"": range(M), "b": columns["b"], "name": ["x"] * M, "a": columns["a"]}
    assert predicted(capsys, path, write(tmp_path / "other.csv", other)) == expected


def test_several_targets_have_two_columns_each(tmp_path, columns, capsys):
    columns["high"] = [int(b > 0) for b in columns["b"]]
    data = write(tmp_path / "training.csv", columns)
    options = ["--target", "wet", "--target", "high", "--ignore", "kind", "--ignore", "size", "--lr", "2"]
    assert main(["train", data, *options, "--layer-dims", "2,2", "--out", str(tmp_path)]) == 0
    header, found = predicted(capsys, tmp_path / "network.npz", data)
    assert header == ["wet", "wet_probability", "high", "high_probability"]
    assert np.mean(np.array(found[0]) == columns["wet"]) > 0.9
    assert np.mean(np.array(found[2]) == np.array(columns["high"], str)) > 0.9
    assert min(map(float, found[1] + found[3])) >= 0.5


def test_what_is_missing_or_unreadable_is_named(train, tmp_path, columns, capsys):
    path = train("sigmoid")

    def refusal(columns):
        assert main(["predict", str(path), write(tmp_path / "other.csv", columns)]) == 2
        return capsys.readouterr().err

    assert "has no column 'a', 'b'; its columns are 'kind'" in refusal({"kind": columns["kind"]})
    assert "has no column 'b'; its columns are 'a'" in refusal({"a": columns["a"]})
    assert "row 2, column 'b': 'x' is not a number" in refusal({"a": [1, 2], "b": [1, "x"]})
    assert "has 0 rows, expected at least 1" in refusal({"a": [], "b": []})
    assert "expected a finite number" in refusal({"a": [1.7e308], "b": [1]})
    assert main(["predict", str(path), str(tmp_path / "nowhere.csv")]) == 2
    assert "nowhere.csv" in capsys.readouterr().err


def save(path, array):
    with path.open("wb") as file:
        np.save(file, array)


def change(**changes):
    def changed(path):
        np.savez(path, **{key: value for key, value in {**arrays(path), **changes}.items() if value is not None})

    return changed


def members(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def pack(path, files, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in files.items():
            archive.writestr(name, data)


def packed(name, data):
    return lambda path: pack(path, {**members(path), name: data})


def header(shape):
    """Of a .npy file of such a shape."""
    text = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}"
    return b"\x93NUMPY\1\0v\0" + text.encode().ljust(117) + b"\n"


def flipped(record, offset, value):
    """One byte in the first such record of the archive."""

    def changed(path):
        data = bytearray(path.read_bytes())
        data[data.find(record) + offset] = value
        path.write_bytes(data)

    return changed


def spoilt_as(path, compression):
    """Packed another way, and then spoilt."""
    pack(path, members(path), compression)
    data = bytearray(path.read_bytes())
    start = data.find(b"W1.npy") + 30
    data[start : start + 60] = bytes(byte ^ 90 for byte in data[start : start + 60])
    path.write_bytes(data)


DAMAGES = {
    "empty": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_text("a,b\n1,2\n"),
    "an array": lambda path: save(path, np.ones(3)),
    "an object": lambda path: save(path, np.array([{}])),
    "cut short": lambda path: path.write_bytes(path.read_bytes()[:-300]),
    "a piece cut out": lambda path: path.write_bytes(path.read_bytes()[:200] + path.read_bytes()[300:]),
    "a byte changed": lambda path: path.write_bytes(path.read_bytes().replace(b"<f8", b"<f4", 1)),
    "no features": change(features=None),
    "one feature more": change(features=np.array(["a", "b", "c"])),
    "one target more": change(targets=np.array(["wet", "dry"])),
    "two targets of one output": change(targets=np.array(["wet", "dry"]), classes=np.array([["no", "yes"]] * 2)),
    "one class less": change(classes=np.array([["no"]])),
    "an unknown activation": change(hidden=np.array(["relo", "relo"])),
    "another output": change(output=np.array("softmax")),
    "an output of no command": change(output=np.array("tanh")),
    "no weights": change(W1=None, W2=None, W3=None, b1=None, b2=None, b3=None),
    "weights of another layer": change(W2=np.ones((3, 3))),
    "not a number": change(b1=np.full((16, 1), np.nan)),
    "five means": change(mean=np.zeros((2, 5))),
    "one mean for two features": change(mean=np.zeros((1, 1))),
    "a mean that is no number": change(target_mean=np.array([[np.nan]])),
    "a deviation of 0": change(deviation=np.array([[1.0], [0.0]])),
    "two deviations of one target": change(target_deviation=np.ones((2, 1))),
    "complex weights": change(W1=np.ones((16, 2), complex)),
    "weights in another dtype": change(W1=np.ones((16, 2), np.float32)),
    "features in two rows": change(features=np.array([["a", "b"], ["c", "d"]])),
    "features in one word": change(features=np.array("ab")),
    "a feature twice": change(features=np.array(["a", "a"])),
    "a class twice": change(classes=np.array([["no", "no"]])),
    "classes of numbers": change(classes=np.array([[1.5, 2.5]])),
    "targets too deep": change(targets=np.array([[["wet"]]])),
    "an array too many": change(W5=np.ones((1, 1))),
    "an array without a name": change(**{"": np.ones(1)}),
    "no array": packed("hidden.npy", b"hello"),
    "a header without end": packed("W1.npy", header("(" * 15)),
    "more than there is room for": packed("W1.npy", header(f"({10**12},)")),
    "more than can be counted": packed("W1.npy", header(f"({10**23},)")),
    "compressed as nobody can": flipped(b"PK\1\2", 10, 97),
    "for a later unzip": flipped(b"PK\1\2", 6, 99),
    "encrypted": flipped(b"PK\1\2", 8, 1),
    "spoilt LZMA": lambda path: spoilt_as(path, zipfile.ZIP_LZMA),
    "spoilt bzip2": lambda path: spoilt_as(path, zipfile.ZIP_BZIP2),
}


def test_a_file_that_train_did_not_save_is_refused(train, tmp_path, capsys):
    path = train("sigmoid")
    whole = path.read_bytes()
    for damage, spoil in DAMAGES.items():
        path.write_bytes(whole)
        spoil(path)
        assert main(["predict", str(path), str(tmp_path / "training.csv")]) == 2, damage
        output = capsys.readouterr()
        assert f"{path} is no network that refnn train saved" in output.err, damage
        assert ("it has no 'features'" in output.err) == (damage == "no features")


def test_a_file_that_would_grow_is_not_unpacked(train):
    """Twenty kilobytes that hold eighty megabytes of zeros."""
    path = train("sigmoid")
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("W9.npy", header(f"({10**7},)") + bytes(8 * 10**7))
    tracemalloc.start()
    with pytest.raises(ValueError, match="no network that refnn train saved"):
        Trained.load(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10**7


def test_what_leaves_the_range_of_floats_is_named(train, tmp_path, capsys):
    path = train("identity")
    change(target_deviation=np.array([[1e308]]), b3=np.array([[9.0]]))(path)
    assert main(["predict", str(path), str(tmp_path / "training.csv")]) == 2
    assert "what is predicted of 'size' leaves the range of floats" in capsys.readouterr().err


def test_a_network_that_is_not_there_is_named(tmp_path, capsys):
    assert main(["predict", str(tmp_path / "nothing.npz"), "x.csv"]) == 2
    assert "nothing.npz" in capsys.readouterr().err


def test_the_file_is_written_whole_or_not_at_all(monkeypatch, train, tmp_path, capsys):
    path, data, out = train("softmax"), tmp_path / "training.csv", tmp_path / "results/predicted.csv"
    expected = predicted(capsys, path, data)
    assert main(["predict", str(path), str(data), "--out", str(out)]) == 0
    assert capsys.readouterr().out == ""
    header, *rows = csv.reader(out.read_text(encoding="utf-8").splitlines())
    assert (header, [list(column) for column in zip(*rows)]) == expected
    out.write_text("before")
    (tmp_path / "link.csv").symlink_to(out)

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", killed)
        assert main(["predict", str(path), str(data), "--out", str(out)]) == 130
    assert out.read_text() == "before"
    assert os.listdir(out.parent) == ["predicted.csv"]
    assert main(["predict", str(path), str(data), "--out", str(tmp_path / "link.csv")]) == 0
    assert (tmp_path / "link.csv").is_symlink()
    assert out.read_text().startswith("kind,kind_probability\n")
    assert main(["predict", str(path), str(data), "--out", str(tmp_path)]) == 2
    assert "is not a file that could be replaced" in capsys.readouterr().err


def test_neither_the_network_nor_the_table_is_written_over(train, tmp_path, capsys):
    path, data = train("sigmoid"), tmp_path / "training.csv"
    before = path.read_bytes(), data.read_bytes()
    (tmp_path / "link.csv").symlink_to(data)
    for out in (path, data, tmp_path / "link.csv"):
        assert main(["predict", str(path), str(data), "--out", str(out)]) == 2
        assert f"{out} is to be written, but is the same file as" in capsys.readouterr().err
    assert (path.read_bytes(), data.read_bytes()) == before


def test_a_loop_of_links_and_a_pipe_are_refused(train, tmp_path, capsys):
    path, data = train("sigmoid"), tmp_path / "training.csv"
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    os.mkfifo(tmp_path / "pipe")
    for name, arguments in [
        ("loop", [path, data, "--out", tmp_path / "loop"]),
        ("loop", [tmp_path / "loop", data]),
        ("pipe", [path, tmp_path / "pipe"]),
        ("pipe", [tmp_path / "pipe", data]),
    ]:
        assert main(["predict", *map(str, arguments)]) == 2
        said = capsys.readouterr().err
        assert str(tmp_path / name) in said
        assert len(said.splitlines()) == 1  # no traceback


def test_a_network_of_large_numbers_is_read_again(tmp_path, columns, capsys):
    """Where 0 is far from all that it was trained on."""
    data = write(tmp_path / "training.csv", {"a": [1e200] * M, "b": columns["b"], "wet": columns["wet"]})
    assert main(["train", data, "--target", "wet", "--epochs", "1", "--out", str(tmp_path)]) == 0
    header, _ = predicted(capsys, tmp_path / "network.npz", data)
    assert header == ["wet", "wet_probability"]
