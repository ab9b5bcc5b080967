"""`refnn check FILE.py` for files in the style of the courses: deep networks, and networks with one hidden layer."""

import re
from pathlib import Path

import pytest

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
    ("deep", "linear_backward", DW, "np.dot(A_prev, dZ.T)", r"dW: has shape .*: transposed"),
    ("deep", "linear_backward", SUM, "np.sum(dZ, keepdims=True)", "db: has shape"),
    ("deep", "linear_backward", SUM, "np.sum(dZ, axis=0, keepdims=True)", "db: has shape"),
    ("deep", "linear_backward", SUM, "np.sum(dZ, axis=1)", "db: has shape"),
    ("deep", "linear_backward", "dA_prev = ", "W -= 0.01 * dW; dA_prev = ", "weights-updated-first"),
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
    ("deep", "L_layer_model", "parameters = update", "_ = update", "the parameters stay as they were"),
    ("shallow", "initialize_parameters", "np.zeros((n_h, 1))", "np.zeros((n_h,))", r"b1 has shape \(6,\)"),
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
