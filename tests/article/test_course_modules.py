"""`refnn check FILE.py` for files in the style of the courses: deep networks, and networks with one hidden layer."""

import re
from pathlib import Path

import pytest

from refnn.__main__ import main
from refnn.article.module import FUNCTIONS, ModuleCheck, judge_module
from refnn.article.names import DEEP, SHALLOW, known
from refnn.commands.source import definitions
from refnn.gradcheck.verdict.result import Verdict

FILES = {name: (Path(__file__).parent / f"{name}_course.txt").read_text() for name in ("deep", "shallow")}
SLOPE = "dZ[Z <= 0] = 0"
DW = "np.dot(dZ, A_prev.T)"
SUM = "np.sum(dZ, axis=1, keepdims=True)"
RELU_A = "A, activation_cache = relu(Z)"
RELU_DZ = "dZ = relu_backward(dA, activation_cache)"
SIGMOID_DZ = "dZ = sigmoid_backward(dA, activation_cache)"
LAST = '"dW" + str(L)], grads["db" + str(L)]'
# (file, function, what stands in it, what stands there instead, what must be said)
MISTAKES = [
    ("deep", "initialize_parameters_deep", "randn(layer_dims[l], layer_dims[l - 1])",
     "randn(layer_dims[l - 1], layer_dims[l])", r"W1 has shape \(4, 6\), expected \(6, 4\).*: transposed"),
    ("deep", "initialize_parameters_deep", "range(1, len(layer_dims))", "range(1, len(layer_dims) - 1)", "W3 has"),
    ("deep", "sigmoid", "exp(-Z)", "exp(Z)", r"returns σ\(-Z\)"),
    ("deep", "relu", "maximum", "minimum", r"A is not max\(0, Z\)"),
    ("deep", "relu", "(0, Z)", "(0.01 * Z, Z)", "at Z = -30 it is -0.3, not 0"),
    ("deep", "relu", "return A, Z", "return A, A - 1", "is not what relu_backward reads|in its cache, Z: "),
    ("deep", "relu_backward", SLOPE, "dZ[Z > 0] = 0", "mask-inverted"),
    ("deep", "relu_backward", SLOPE, "pass", "missing-hidden-derivative"),
    ("deep", "relu_backward", "np.array(dA, copy=True)", "np.ones(Z.shape)", "dZ: "),
    ("deep", "sigmoid_backward", "s * (1 - s)", "s * s", "dZ: "),
    ("deep", "sigmoid_backward", "s * (1 - s)", "s", "activation-as-derivative"),
    ("deep", "linear_forward", "np.dot(W, A) + b", "np.dot(W, A)", "Z: "),
    ("deep", "linear_forward", "np.dot(W, A)", "np.dot(W.T, A)", "fit with the first transposed"),
    ("deep", "linear_forward", "(A, W, b)\n    return", "(W, A, b)\n    return", "in its cache, A_prev: has shape"),
    ("deep", "linear_activation_forward", RELU_A, "A, activation_cache = sigmoid(Z)", r"A is sigmoid\(Z\)"),
    ("deep", "linear_activation_forward", "(linear_cache, activation_cache)", "(activation_cache, linear_cache)",
     "its cache is not what linear_activation_backward reads"),
    ("deep", "linear_activation_forward", "(linear_cache, activation_cache)", "(linear_cache, A)", "in its cache, Z: "),
    ("deep", "L_model_forward", "range(1, L)", "range(1, L - 1)", "AL|raised ValueError"),
    ("deep", "L_model_forward", 'activation="sigmoid"', 'activation="relu"', "AL: "),
    ("deep", "L_model_forward", "A_prev = A\n", "A_prev = X\n", "AL|raised ValueError"),
    ("deep", "compute_cost", "cost = -(", "cost = (", "the sign is flipped"),
    ("deep", "compute_cost", " / m", "", "m: 1/m is missing"),
    ("deep", "compute_cost", "1 - Y, np.log(1 - AL)", "1 - Y, np.log(AL)", "J: "),
    ("deep", "linear_backward", "np.dot(W.T, dZ)", "np.dot(W, dZ)", "first transposed.*weights-not-transposed"),
    ("deep", "linear_backward", f"{DW} / m", DW, "dW: 7 times.*1/m is missing"),
    ("deep", "linear_backward", f"{SUM} / m", SUM, "bias-missing-mean"),
    ("deep", "linear_backward", "return dA_prev, dW, db", "return {'dA_prev': dA_prev, 'dW': dW, 'db': db}",
     r"returns dict, expected the tuple \(dA_prev, dW, db\)"),
    ("deep", "linear_backward", "return dA_prev, dW, db", "return dW, db", "returns tuple, expected the tuple"),
    ("deep", "linear_backward", DW, "np.dot(A_prev, dZ.T)", r"dW: has shape .*: transposed"),
    ("deep", "linear_backward", SUM, "np.sum(dZ, keepdims=True)", "db: has shape"),
    ("deep", "linear_backward", SUM, "np.sum(dZ, axis=0, keepdims=True)", "db: has shape"),
    ("deep", "linear_backward", SUM, "np.sum(dZ, axis=1)", "db: has shape"),
    ("deep", "linear_backward", "dA_prev = ", "W -= 0.01 * dW; dA_prev = ", r"weights-updated-first.*λ = 0\.01\b"),
    ("deep", "linear_backward", "dA_prev = ", "W -= 0.01 * m * dW; dA_prev = ", r"weights-updated-first.*λ = 0\.01\b"),
    ("deep", "linear_backward", "A_prev, W, b = cache", "W, A_prev, b = cache", "raised|has shape"),
    ("deep", "linear_activation_backward", RELU_DZ, SIGMOID_DZ, "dA_prev|activation"),
    ("deep", "linear_activation_backward", '== "relu"', '!= "relu"', "the other activation|raised"),
    ("deep", "linear_activation_backward", "linear_cache, activation_cache =", "activation_cache, linear_cache =",
     "raised"),
    ("deep", "L_model_backward", "dAL = -(", "dAL = (", "sign-flipped"),
    ("deep", "L_model_backward", "reversed(range(L - 1))", "reversed(range(L - 2))", "returns no|raised KeyError"),
    ("deep", "L_model_backward", "reversed(range(L - 1))", "reversed(range(1, L - 1))", "returns no dW1, db1"),
    ("deep", "L_model_backward", LAST, '"dW" + str(L - 1)], grads["db" + str(L - 1)]', "returns no dW3, db3"),
    ("deep", "L_model_backward", 'activation="relu"', 'activation="sigmoid"', "derivative of the other activation"),
    ("deep", "L_model_backward", "1 - AL))", "1 - AL)) / Y.shape[1]", "the mean over examples is taken twice"),
    ("deep", "update_parameters", '- learning_rate * grads["dW', '+ learning_rate * grads["dW', "W1: .*W2: .*W3: "),
    ("deep", "update_parameters", "len(parameters) // 2", "len(parameters) // 2 - 1", "W3: .*"),
    ("deep", "L_layer_model", "grads, learning_rate)", "grads, -learning_rate)", "are not those of gradient descent"),
    ("deep", "L_layer_model", "    return parameters", "    pass", "returns NoneType, expected the dict of parameters"),
    ("deep", "L_layer_model", "parameters = update", "_ = update", "the parameters stay as they were"),
    ("shallow", "initialize_parameters", "np.zeros((n_h, 1))", "np.zeros((n_h,))",
     r"b1 has shape \(6,\), expected \(6, 1\) for layer_dims \[4, 6, 3\]"),
    ("shallow", "sigmoid", "exp(-z)", "exp(z)", r"returns σ\(-Z\)"),
    ("shallow", "forward_propagation", "np.tanh(Z1)", "Z1", "AL: "),
    ("shallow", "forward_propagation", '"A1": A1', '"A1": Z1', "in its cache, A1: "),
    ("shallow", "compute_cost", "-np.sum(", "np.sum(", "the sign is flipped"),
    ("shallow", "backward_propagation", "1 - np.power(A1, 2)", "A1 * (1 - A1)", "sigmoid-derivative"),
    ("shallow", "backward_propagation", "A2 - Y", "Y - A2", "sign-flipped"),
    ("shallow", "backward_propagation", "np.dot(W2.T, dZ2)", "np.dot(W2, dZ2)", "they fit with the first transposed"),
    ("shallow", "backward_propagation", "np.dot(dZ1, X.T)", "np.dot(X, dZ1.T)", "dW-transposed"),
    ("shallow", "backward_propagation", "np.sum(dZ1, axis=1, keepdims=True) / m", "np.sum(dZ1) / m", "has shape"),
    ("shallow", "backward_propagation", "A1.T) / m", "A1.T)", "dW2: "),
    ("shallow", "update_parameters", '- learning_rate * grads["db1', '+ learning_rate * grads["db1', "b1: "),
    ("shallow", "nn_model", "parameters = update", "update", "the parameters stay as they were"),
]  # fmt: skip


def judge(tmp_path: Path, source: str) -> ModuleCheck:
    path = tmp_path / "theirs.py"
    path.write_text(source)
    return judge_module(definitions(path, FUNCTIONS).namespace)


def with_one_change(file: str, name: str, right: str, wrong: str) -> str:
    function = re.search(rf"def {name}\(.*?(?=\ndef |\Z)", FILES[file], re.S).group()
    assert right in function
    return FILES[file].replace(function, function.replace(right, wrong))


@pytest.mark.parametrize(("file", "course"), [("deep", DEEP), ("shallow", SHALLOW)])
def test_a_right_file_passes(tmp_path, file, course):
    check = judge(tmp_path, FILES[file])
    assert check.verdict is Verdict.PASS, str(check)
    assert [f.name for f in check.functions] == [function.name for function in known(course, {})]
    assert check.missing == ()
    lines = FILES[file].splitlines()
    assert all(lines[f.line - 1].startswith(f"def {f.name}(") for f in check.functions)


@pytest.mark.parametrize(
    ("file", "name", "right", "wrong", "said"), MISTAKES, ids=lambda value: value.replace("\n", ";")
)
def test_one_mistake_is_found_in_its_function_and_nowhere_else(tmp_path, file, name, right, wrong, said):
    check = judge(tmp_path, with_one_change(file, name, right, wrong))
    assert {f.name for f in check.functions if not f} == {name}, str(check)
    assert check.verdict is Verdict.WRONG
    found = next(f for f in check.functions if f.name == name)
    assert re.search(said, "\n".join(found.reasons), re.S), str(check)


def changed(file: str, *changes: tuple[str, str]) -> str:
    source = FILES[file]
    for right, other in changes:
        assert right in source, right
        source = source.replace(right, other)
    return source


NUMBERED_BY_LAYER = [('"dA" + str(L - 1)', '"dA" + str(L)'), ('"dA" + str(l + 1)', '"dA" + str(l + 2)'),
                     ('"dA" + str(l)', '"dA" + str(l + 1)')]  # fmt: skip
MEAN_AT_THE_OUTPUT = [(" / m\n    db", "\n    db"), ("keepdims=True) / m", "keepdims=True)"),
                      ("1 - AL))", "1 - AL)) / Y.shape[1]")]  # fmt: skip
DICTS = [
    ("cache = (A, W, b)", 'cache = {"in": A, "W": W}'),
    ("A_prev, W, b = cache", 'A_prev, W = cache["in"], cache["W"]'),
    ("cache = (linear_cache, activation_cache)", "cache = [activation_cache, linear_cache, activation]"),
    ("linear_cache, activation_cache = cache", "activation_cache, linear_cache, _ = cache"),
    ("return A, Z\n\n\ndef relu_b", "return A, (A, Z > 0)\n\n\ndef relu_b"),
    ("Z = cache\n    dZ = np", "_, positive = cache\n    dZ = np"),
    ("dZ[Z <= 0] = 0", "dZ[~positive] = 0"),
]
RELU = [("np.tanh(Z1)", "np.maximum(Z1, 0)"), ("(1 - np.power(A1, 2))", "(A1 > 0)")]
SHORT = [
    ("relu_backward(dA, activation_cache)", "dA * (activation_cache > 0)"),
    (re.search(r"def relu_backward.*?return dZ\n", FILES["deep"], re.S).group(), ""),
]


@pytest.mark.parametrize(
    ("file", "changes", "note"),
    [
        ("deep", [], "dA is m times"),
        ("deep", NUMBERED_BY_LAYER, "dA_l is the gradient of A_{l-1}"),
        ("deep", MEAN_AT_THE_OUTPUT, ""),
        ("deep", DICTS, "its caches are not the article's"),
        ("deep", SHORT, ""),
        ("deep", [("import matplotlib.pyplot as plt", "import a_library_that_is_not_installed as plt")], ""),
        ("deep", [("plt.show()\n    return parameters", "return parameters, costs")], ""),
        ("deep", [("layers_dims, learning_rate=0.0075, num_iterations=3000", "layer_dims, num_iterations=9, lr=0.1"),
                  ("grads, learning_rate)\n        if", "grads, lr)\n        if"),
                  ("_deep(layers_dims)", "_deep(layer_dims)")], ""),
        ("deep", [("np.squeeze(cost)", "cost")], ""),
        ("deep", [("np.maximum(0, Z)", "np.tanh(Z)"), ("def relu(", "def tanh("), ("= relu(", "= tanh("),
                  ("relu_backward(dA", "tanh_backward(dA"), ('"relu"', '"tanh"'),
                  (SLOPE, "dZ *= 1 - np.tanh(Z) ** 2")], "the activation of hidden layers is tanh"),
        ("shallow", RELU, "the activation of hidden layers is relu"),
        ("shallow", [("(parameters, cache, X, Y)", "(X, Y, cache)"), ('"Z2": Z2, ', '"Z2": Z2, "W2": W2, '),
                     ('W2 = parameters["W2"]\n    A1', 'W2 = cache["W2"]\n    A1')], ""),
        ("shallow", [("compute_cost(A2, Y, parameters)", "compute_cost(A2, Y)")], ""),
        ("shallow", [("_parameters(parameters, grads", "_parameters(grads, parameters")], ""),
        ("shallow", [("cache = {", "cache = (Z1, A1, Z2, A2) if 1 else {"),
                     ('A1, A2 = cache["A1"], cache["A2"]', "_, A1, _, A2 = cache")], "its caches are not"),
    ],
)  # fmt: skip
def test_conventions_are_theirs_to_choose(tmp_path, file, changes, note):
    check = judge(tmp_path, changed(file, *changes))
    assert check.verdict is Verdict.PASS, str(check)
    assert any(note in text for f in check.functions for text in f.notes), str(check)
    hidden = [f.name for f in check.functions if "the activation of hidden layers" in " ".join(f.notes)]
    assert hidden in ([], ["L_model_forward"], ["forward_propagation"]), "it is said once"


@pytest.mark.parametrize(
    ("file", "changes", "name", "right", "wrong"),
    [
        ("deep", DICTS, "linear_forward", "np.dot(W, A) + b", "np.dot(W, A)"),
        ("deep", DICTS, "linear_activation_forward", RELU_A, "A, activation_cache = Z, relu(Z)[1]"),
        ("deep", DICTS, "relu", "np.maximum(0, Z)", "abs(Z)"),
        ("deep", DICTS, "L_model_forward", 'activation="sigmoid"', 'activation="relu"'),
        ("deep", DICTS, "relu_backward", "dZ[~positive] = 0", "pass"),
        ("deep", DICTS, "linear_backward", DW, f"-{DW}"),
        ("deep", DICTS, "linear_activation_backward", RELU_DZ, "dZ = dA"),
        ("deep", DICTS, "L_model_backward", "dAL = -(", "dAL = ("),
        ("deep", MEAN_AT_THE_OUTPUT, "L_model_backward", "dAL = -(", "dAL = ("),
        ("deep", MEAN_AT_THE_OUTPUT, "linear_backward", DW, f"{DW} / m"),
        ("deep", NUMBERED_BY_LAYER, "L_model_backward", '"dA" + str(L)]', '"dA" + str(L + 1)]'),
        ("deep", [], "linear_backward", f"{DW} / m\n    db = {SUM} / m", f"{DW}\n    db = {SUM}"),
        ("shallow", [], "backward_propagation", " / m", ""),
    ],
)
def test_a_mistake_among_other_conventions_is_found_in_its_function(tmp_path, file, changes, name, right, wrong):
    source = changed(file, *changes)
    function = re.search(rf"def {name}\(.*?(?=\ndef |\Z)", source, re.S).group()
    assert right in function
    check = judge(tmp_path, source.replace(function, function.replace(right, wrong)))
    assert {f.name for f in check.functions if not f} == {name}, str(check)


def test_what_raised_is_shown_once_with_the_last_lines_that_ran(tmp_path):
    source = changed("deep", ("np.dot(W.T, dZ)", "np.dot(W, dZ)"))
    check = judge(tmp_path, source)
    number = source[: source.index("np.dot(W, dZ)")].count("\n") + 1
    (wrong,) = (f for f in check.functions if not f)
    assert wrong.frames == (f"line {number}, in linear_backward: dA_prev = np.dot(W, dZ)",)
    assert str(check).count("ValueError") == 1


def test_a_cache_that_nothing_reads_is_compared_with_the_article_s(tmp_path):
    source = re.search(r".*(?=\ndef relu_backward\()", FILES["deep"], re.S).group()
    assert "def relu(" in source
    assert judge(tmp_path, source), str(judge(tmp_path, source))
    check = judge(tmp_path, source.replace("return A, Z", "return A, A - 1"))
    assert {f.name for f in check.functions if not f} <= {"relu", "sigmoid"}
    assert "in its cache, Z: " in str(check)


def test_functions_of_one_role_are_all_judged(tmp_path):
    both = FILES["deep"] + re.sub("(?s).*(def initialize_parameters.*?)\ndef .*", r"\1", FILES["shallow"])
    model = re.search(r"def L_layer_model.*", FILES["deep"], re.S).group()
    model = model.replace("L_layer_model", "two_layer_model").replace("_deep(layers_dims)", "(*layers_dims)")
    check = judge(tmp_path, f"{both}\n\n{model}")
    assert check, str(check)
    assert {"initialize_parameters", "two_layer_model"} <= {f.name for f in check.functions}
    wrong = judge(tmp_path, f"{both}\n\n{model.replace('parameters = update', 'update')}")
    assert [f.name for f in wrong.functions if not f] == ["two_layer_model"]


@pytest.mark.parametrize(
    ("lost", "status"),
    [
        ([], 0),
        (["relu", "relu_backward", "sigmoid", "sigmoid_backward", "compute_cost"], 0),
        (["linear_activation_backward"], 3),
        (["L_model_backward"], 3),
    ],
)
def test_the_status_is_0_only_if_backprop_itself_was_judged(tmp_path, capsys, lost, status):
    source = FILES["deep"]
    for name in lost:
        source = source.replace(f"def {name}(", f"def their_{name}(")
    path = tmp_path / "theirs.py"
    path.write_text(source)
    assert main(["check", str(path)]) == status
    out = capsys.readouterr().out
    assert [line.split()[0] for line in out.splitlines() if line.endswith("not there")].sort() == lost.sort()
    path.write_text(source.replace("    grads = {}", "    grads = {"))
    assert main(["check", str(path)]) == 2
    path.write_text(source.replace("    grads = {}", "    raise KeyError"))
    assert main(["check", str(path)]) == (3 if "L_model_backward" in lost else 1)
