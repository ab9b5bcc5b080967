"""`refnn check FILE.py`: which function of a module that follows the article is wrong, and how."""

import importlib
import json
import re
import sys
from pathlib import Path

import pytest

from refnn.__main__ import main
from refnn.article.module import FUNCTIONS, ModuleCheck, judge_module
from refnn.article.names import ARTICLE, known
from refnn.article.right import probes
from refnn.commands.source import Definitions, definitions

NAMES = [function.name for function in known(ARTICLE, {})]
# A module after the article, with its own mistakes mended.
MENDED = (Path(__file__).parent / "mended_article.txt").read_text()

DOT = "-(np.dot(Y, np.log(A).T) + np.dot(1 - Y, np.log(1 - A).T)) / m"
SUM = "-np.sum(np.multiply(Y, np.log(A)) + np.multiply(1 - Y, np.log(1 - A))) / m"
ROUND = "S, _ = sigmoid(Z)\n    dZ = dA * S * (1 - S)"
# (function, what stands in the mended module, what stands instead, what must be said)
MISTAKES = [
    (
        "init_params",
        "np.random.randn(n, n_prev)",
        "np.zeros((n, n_prev))",
        "units of layer 1 have equal weights, in and out",
    ),
    (
        "init_params",
        "(n, n_prev) *",
        "(n_prev, n) *",
        r"W1 has shape \(4, 6\), expected \(6, 4\) for layer_dims \[4, 6, 5, 3\]: transposed",
    ),
    (
        "init_params",
        "randn(n, n_prev) *",
        "randn(n, n_prev) * (l + 2 < len(layer_dims)) *",
        "units of layer 2 have equal weights",
    ),
    (
        "backprop",
        "    return grads",
        "    grads[f'dA{L - 1}'] *= 2\n    return grads",
        "dA2: 2 times",
    ),
    ("init_params", "np.zeros((n, 1))", "np.zeros(n)", r"b1 has shape \(6,\), expected \(6, 1\)"),
    ("sigmoid", "exp(-Z)", "exp(Z)", r"returns σ\(-Z\)"),
    ("init_params", "return params", "pass", "returns NoneType, expected the dict of parameters"),
    ("sigmoid", "1 / (1 + np.exp(-Z))", "np.tanh(Z)", r"A is not 1/\(1 \+ exp\(-Z\)\)"),
    ("sigmoid", "1 / (1 + np.exp(-Z))", "(Z > 0) / (1 + np.exp(-Z))", "at Z = -2.727 it is 0, not 0.0613"),
    ("sigmoid", "np.exp(-Z))", "np.exp(-Z)) + 1e-9 * (Z > 0)", r"it is (\S+), not (?!\1$)"),
    ("sigmoid", "return A, cache", "pass", "A: is NoneType, expected an array of numbers"),
    ("sigmoid", "return A, cache", "return A[0], cache", r"A: has shape \(4,\), expected \(3, 4\)"),
    (
        "sigmoid",
        "return A, cache",
        "return A, Z, cache",
        r"expected the tuple \(A, activation_cache\): it has 3 entries",
    ),
    ("forward_prop", "caches.append((linear_cache, activation_cache))", "pass", "caches has 0 entries.*is appended"),
    ("forward_prop", "np.dot(W, A) + b", "np.dot(W, A)", "AL: "),
    ("forward_prop", "np.dot(W, A)", "np.dot(A, W)", "raised ValueError"),
    ("forward_prop", "A, activation_cache = sigmoid(Z)", "A, _ = sigmoid(Z); activation_cache = A", "layer 1, Z: "),
    ("forward_prop", "return A, caches", "return A.T, caches", r"AL: has shape \(7, 3\), expected \(3, 7\)"),
    ("forward_prop", "return A, caches", "return caches, A", "AL: is list, expected an array of numbers"),
    ("forward_prop", "return A, caches", "return A", r"returns ndarray, expected the tuple \(AL, caches\)"),
    ("forward_prop", "A, caches = X, []", "X *= 2; A, caches = X, []", "layer 1, A_prev: 2 times the right value"),
    ("cost_function", SUM, DOT, r"array of shape \(3, 3\) for 3 outputs.*its diagonal"),
    ("cost_function", "-np.sum(", "-(", r"array of shape \(1, 7\) for 1 outputs, expected one number$"),
    ("cost_function", "return -", "return ", "the sign is flipped"),
    ("cost_function", " / m", "", "m: 1/m is missing"),
    ("cost_function", "np.sum(", "np.mean(", "times the right value"),
    ("cost_function", SUM, SUM.replace("A))", "A + 1e-8))"), r"log\(A \+ ε\) in place of log\(A\), ε = 1e-08"),
    ("cost_function", "return ", "", "returns NoneType, expected one number"),
    ("one_layer_backward", ROUND, "dZ = dA * sigmoid(Z) * (1 - sigmoid(Z))", r"takes sigmoid\(Z\) for an array"),
    ("one_layer_backward", "dA * S * (1 - S)", "dA * S", "activation-as-derivative"),
    ("one_layer_backward", "dA * S * (1 - S)", "dA * (1 - S**2)", "tanh-derivative"),
    ("one_layer_backward", "dA * S * (1 - S)", "dA", "missing-hidden-derivative"),
    ("one_layer_backward", "sigmoid(Z)", "sigmoid(sigmoid(Z)[0])", "double-sigmoid"),
    ("one_layer_backward", "keepdims=True) / m", "keepdims=True)", "bias-missing-mean"),
    ("one_layer_backward", "np.sum(dZ, axis=1, keepdims=True)", "np.sum(dZ)", r"db: has shape \(\), expected"),
    ("one_layer_backward", "np.dot(W.T, dZ)", "np.dot(W.T, dZ) / m", "dA_prev: .*1/m: divided by m twice"),
    ("backprop", "-(Y / AL - ", "(Y / AL - ", "sign-flipped"),
    ("backprop", "(1 - AL))", "(1 - AL)) / Y.shape[1]", "mean-taken-twice"),
    (
        "backprop",
        '[f"dW{L}"], grads[f"db{L}"]',
        '[f"dW{L - 1}"], grads[f"db{L - 1}"]',
        "returns no dW3, db3.*overwritten",
    ),
    ("backprop", 'grads[f"dA{l + 1}"], caches', "dAL, caches", "raised ValueError|has shape"),
    ("backprop", "reversed(range(L - 1))", "reversed(range(1, L - 1))", "returns no dW1, db1.*first-layer-zero"),
    (
        "backprop",
        "return grads",
        "return {key: 3 * V if key[:2] == 'dA' else V for key, V in grads.items()}",
        "dA0, dA1, dA2: .* times the right value in every entry",
    ),
    ("backprop", "return grads", "return grads | {'dA2': 3 * grads['dA2']} if L > 2 else grads", "dA2: 3 times"),
    ("backprop", "return grads", "return [*grads]", "returns list, expected the dict of gradients"),
    ("one_layer_backward", "np.dot(W.T, dZ)", "np.dot(dZ.T, W)", "dA_prev: has shape .*: transposed"),
    ("one_layer_backward", "S * (1 - S)", "S(1 - S)", "raised TypeError: 'numpy.ndarray' object is not callable"),
    ("update_parameters", 'grads[f"dW{l}"]', 'grads[f"W{l}"]', "raised KeyError"),
    ("update_parameters", '- learning_rate * grads[f"d', '+ learning_rate * grads[f"', "raised KeyError: 'W1'"),
    ("update_parameters", "- learning_rate * grads", "+ learning_rate * grads", "W1: "),
    ("update_parameters", "len(params) // 2 + 1", "len(params) // 2", "W3"),
    ("update_parameters", "return params", "pass", "returns NoneType"),
    ("train", "cost_history.append(cost_function(Y_hat, Y))", "pass", "cost_history has 0 entries.*is appended"),
    (
        "train",
        "params = update_parameters(params,",
        "update_parameters(dict(params),",
        "the parameters stay as they were",
    ),
    ("train", "return params, cost_history", "return params", r"returns dict, expected the tuple \(params, history\)"),
    ("train", "return params, cost_history", "pass", r"returns NoneType, expected the tuple \(params, history\)"),
    ("train", "return params, cost_history", "return params, None", "cost_history has 1 entries after 7 epochs"),
    ("train", "grads, lr)", "grads, -lr)", "are not those of gradient descent"),
    ("train", "cost_function(Y_hat, Y)", "Y_hat.mean()", "does not hold the cost"),
]


def read(tmp_path: Path, source: str) -> Definitions:
    path = tmp_path / "theirs.py"
    path.write_text(source)
    return definitions(path, FUNCTIONS)


def judge(tmp_path: Path, source: str) -> ModuleCheck:
    return judge_module(read(tmp_path, source).namespace)


def function_source(name: str) -> str:
    return re.search(rf"def {name}\(.*?(?=\ndef |\Z)", MENDED, re.S).group()


def test_the_mended_article_passes(tmp_path):
    check = judge(tmp_path, MENDED)
    assert check, str(check)
    assert [f.name for f in check.functions] == list(NAMES)
    notes = {f.name: " ".join(f.notes) for f in check.functions}
    assert "stall a deep network" in notes["init_params"]
    assert "not finite" in notes["cost_function"]
    assert "not finite" in notes["backprop"]
    assert "dA is m times" in notes["backprop"]
    assert "rebinds the entries" in notes["update_parameters"]


def test_the_reference_passes_without_a_note():
    import refnn.network

    check = judge_module(definitions(Path(refnn.network.__file__), FUNCTIONS).namespace)
    assert check, str(check)
    assert not any(f.notes for f in check.functions), str(check)


@pytest.mark.parametrize(("name", "right", "wrong", "said"), MISTAKES, ids=lambda value: value.replace("\n", ";"))
def test_one_mistake_is_found_in_its_function_and_nowhere_else(tmp_path, name, right, wrong, said):
    function = function_source(name)
    assert right in function
    check = judge(tmp_path, MENDED.replace(function, function.replace(right, wrong)))
    assert {f.name for f in check.functions if not f} == {name}, str(check)
    found = next(f for f in check.functions if f.name == name)
    assert re.search(said, "\n".join(found.reasons), re.S), str(check)


def test_the_articles_key_error_is_explained(tmp_path):
    check = judge(tmp_path, MENDED.replace('* grads[f"d', '* grads[f"'))
    (wrong,) = (f for f in check.functions if not f)
    assert wrong.reasons == ("reads grads['W1'], but backprop stores it as 'dW1'",)


def test_a_step_taken_in_place_is_right_and_noted(tmp_path):
    function = function_source("update_parameters")
    in_place = re.sub(r"= params\[.*?\] - ", "-= ", function)
    assert in_place.count("-=") == 2
    check = judge(tmp_path, MENDED.replace(function, in_place))
    assert check, str(check)
    (notes,) = (f.notes for f in check.functions if f.name == "update_parameters")
    assert "changes the caller's params in place" in notes


def test_only_a_diagonal_of_costs_is_called_one(tmp_path):
    """(3, 3) numbers for 3 outputs, of which the diagonal is the cost of each in one case only."""
    for line, said in ((DOT, True), (f"2 * ({DOT})", False)):
        (found,) = (f for f in judge(tmp_path, MENDED.replace(SUM, line)).functions if f.name == "cost_function")
        assert ("its diagonal" in found.reasons[0]) is said, found


SLOPE = "    dZ = dA * S * (1 - S)"
SPOILT = "    dZ = dA * S"


def test_a_line_ends_where_python_ends_it(tmp_path):
    """What text editors show as the end of a line can stand in a comment, and hides nothing after it."""
    signs = "\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"
    hidden = judge(tmp_path, MENDED.replace(SLOPE, f"{SPOILT}  # was:{''.join(sign + SLOPE for sign in signs)}"))
    assert [f.name for f in hidden.functions if not f] == ["one_layer_backward"]
    shown = judge(tmp_path, MENDED.replace(SLOPE, f"{SLOPE}  # not:{''.join(sign + SPOILT for sign in signs)}"))
    assert shown, str(shown)


@pytest.mark.parametrize("end", ["\r\n", "\r"], ids=ascii)
def test_other_systems_ends_of_lines_are_read(tmp_path, end):
    path = tmp_path / "theirs.py"
    path.write_bytes(MENDED.replace("\n", end).encode())
    check = judge_module(definitions(path, FUNCTIONS).namespace)
    assert check, str(check)


@pytest.mark.parametrize(
    "constant",
    [
        "from __future__ import annotations\nfrom dataclasses import dataclass\n\n\n"
        "@dataclass\nclass Constants:\n    none: float = 0.0\n\n\nNONE = Constants().none\n",
        "import contextlib\n\nwith contextlib.nullcontext(0.0) as NONE:\n    pass\n",
    ],
    ids=["dataclass", "with"],
)
def test_what_the_functions_need_is_run_as_in_a_module(tmp_path, constant):
    before = set(sys.modules)
    check = judge(tmp_path, constant + MENDED.replace(SLOPE, f"{SLOPE} + NONE"))
    assert check, str(check)
    assert "theirs" not in set(sys.modules) - before


@pytest.mark.parametrize(
    ("name", "line", "deed", "note"),
    [
        ("cost_function", f"    return {SUM}", f"    J = {SUM}\n    A *= 0\n    return J", "AL in place"),
        ("cost_function", f"    return {SUM}", f"    J = {SUM}\n    Y *= 0\n    return J", "Y in place"),
        ("backprop", "    return grads", "    AL *= 0\n    return grads", "AL in place"),
        ("forward_prop", "    return A, caches", "    params['W1'] = params['W1'] + 1\n    return A, caches", "params"),
        ("init_params", "    return params", "    layer_dims.pop()\n    return params", "layer_dims"),
        ("update_parameters", "    return params", "    grads.clear()\n    return params", "grads"),
        ("update_parameters", "    return params", "    grads['dW1'] *= 0\n    return params", "grads in place"),
    ],
)
def test_what_a_function_does_to_its_callers_arrays_is_noted(tmp_path, name, line, deed, note):
    function = function_source(name)
    assert line in function
    source = MENDED.replace(function, function.replace(line, deed))
    check = judge(tmp_path, source[: source.index("def train")])
    (notes,) = (f.notes for f in check.functions if f.name == name)
    assert f"the caller's {note}" in " ".join(notes), str(check)


def test_two_mistakes_in_two_functions_are_told_apart(tmp_path):
    source = MENDED.replace("dA * S * (1 - S)", "dA * S").replace("caches.append(", "print(")
    check = judge(tmp_path, source.replace("-(Y / AL", "(Y / AL"))
    reasons = {f.name: " ".join(f.reasons) for f in check.functions if not f}
    assert reasons.keys() == {"forward_prop", "one_layer_backward", "backprop"}
    assert "activation-as-derivative" in reasons["one_layer_backward"]
    assert "sign-flipped" in reasons["backprop"]


def test_refnns_convention_is_as_good_as_the_articles(tmp_path):
    source = MENDED.replace("A_prev.T) / m", "A_prev.T)").replace("keepdims=True) / m", "keepdims=True)")
    source = source.replace("(1 - Y) / (1 - AL))", "(1 - Y) / (1 - AL)) / Y.shape[1]")
    check = judge(tmp_path, source)
    assert check, str(check)
    assert not any("dA is m times" in note for f in check.functions for note in f.notes)


def test_a_sigmoid_that_returns_an_array_is_a_matter_of_taste(tmp_path):
    source = MENDED.replace("return A, cache\n", "return A\n", 1)
    source = source.replace("A, activation_cache = sigmoid(Z)", "A, activation_cache = sigmoid(Z), Z")
    source = source.replace("S, _ = sigmoid(Z)", "S = sigmoid(Z)")
    check = judge(tmp_path, source)
    assert check, str(check)
    wrong = judge(tmp_path, source.replace("np.exp(-Z)", "np.exp(Z)"))
    assert [f.name for f in wrong.functions if not f] == ["sigmoid"]


@pytest.mark.parametrize(
    "changes",
    [
        {"cost_function(A, Y)": "cost_function(Y, A)", "cost_function(Y_hat, Y)": "cost_function(Y, Y_hat)"},
        {"backprop(AL, Y, caches)": "backprop(Y, AL, caches)", "backprop(Y_hat, Y, c": "backprop(Y, Y_hat, c"},
        {"(AL, Y, caches)": "(AL, *, Y, caches)", "(Y_hat, Y, caches)": "(Y_hat, caches=caches, Y=Y)"},
        {"layer_dims, epochs, lr)": "layer_dims, lr, epochs)"},
        {"forward_prop(X, params)": "forward_prop(params, X)"},
        {
            "(params, grads, learning_rate)": "(grads, params, learning_rate)",
            "(params, grads, lr)": "(grads, params, lr)",
        },
        {"return A, cache\n": "return [A, cache]\n", "return dA_prev, dW, db": "return [dA_prev, dW, db]"},
    ],
    ids=lambda changes: next(iter(changes.values())).strip(),
)
def test_the_order_of_arguments_and_a_list_for_a_tuple_are_theirs_to_choose(tmp_path, changes):
    source = MENDED
    for usual, other in changes.items():
        assert usual in source
        source = source.replace(usual, other)
    check = judge(tmp_path, source)
    assert check, str(check)
    assert check.missing == ()


def test_caches_of_another_kind_are_theirs_to_choose(tmp_path):
    source = MENDED.replace("linear_cache = (A, W, b)", "A_prev = A")
    source = source.replace("(linear_cache, activation_cache)", '{"in": A_prev, "W": W, "Z": Z}')
    source = source.replace("(A_prev, W, b), Z = cache", 'A_prev, W, Z = cache["in"], cache["W"], cache["Z"]')
    check = judge(tmp_path, source)
    assert check, str(check)
    wrong = judge(tmp_path, source.replace("dA * S * (1 - S)", "dA * S"))
    assert [f.name for f in wrong.functions if not f] == ["one_layer_backward"], str(wrong)


def test_functions_alone_are_judged_with_stand_ins_for_the_others(tmp_path):
    for name in ("one_layer_backward", "backprop", "train"):
        check = judge(tmp_path, f"import numpy as np\n{function_source(name)}")
        assert [f.name for f in check.functions] == [name]
        assert check, str(check)
        assert set(check.missing) == set(NAMES) - {name}


def test_a_layer_alone_may_leave_the_mean_to_its_caller(tmp_path):
    source = function_source("one_layer_backward").replace(" / m", "")
    check = judge(tmp_path, f"import numpy as np\n{source}")
    assert check, str(check)


def test_a_module_with_none_of_the_functions_is_refused(tmp_path):
    with pytest.raises(ValueError, match="none of the article's functions is defined: init_params, sigmoid"):
        judge(tmp_path, "def gradient(params, X, Y): return {}")


SCRIPT = """
import a_library_that_is_not_installed
print("training ...")
X = a_library_that_is_not_installed.read("data.csv")
Y = X > 0
params, cost_history = train(X, Y, [4, 3, 1], 100000, 0.1)
while True:
    params = update_parameters(params, {}, 0.1)
    sigmoid = None
if __name__ == "__main__":
    backprop = a_library_that_is_not_installed.backprop
"""


def test_a_file_that_trains_and_prints_when_imported_is_judged_without_running_that(tmp_path, capsys):
    check = judge(tmp_path, MENDED + SCRIPT)
    assert check, str(check)
    assert capsys.readouterr().out == ""


def test_the_globals_that_the_functions_need_are_run_and_no_others(tmp_path):
    source = MENDED.replace("-np.sum(", "SIGN * np.sum(").replace("1 / (1 + np.exp(-Z))", "logistic(Z)")
    source += "\ntry:\n    from numpy import exp\nexcept ImportError:\n    pass\nBAD = 1 / 0\n"
    source += "def logistic(Z):\n    return 1 / (1 + exp(-Z))\n"
    check = judge(tmp_path, source + "ONE = 1\nSIGN = -ONE\n")
    assert check, str(check)
    path = tmp_path / "early.py"
    path.write_text(source + "SIGN = -ONE\nONE = 1\n")
    found = definitions(path, FUNCTIONS)
    assert [problem.message for problem in found.problems] == ["NameError: name 'ONE' is not defined"]
    wrong = [f for f in judge_module(found.namespace).functions if not f]
    assert [(f.name, f.reasons) for f in wrong] == [
        ("cost_function", ("raised NameError: name 'SIGN' is not defined",))
    ]


@pytest.mark.parametrize(
    "statement",
    [
        "if True:\n    S['sign'] = -1",
        "try:\n    S['sign'] = 1 / 0\nexcept ZeroDivisionError:\n    S['sign'] = -1",
        "with np.errstate():\n    S.update(sign=-1)",
        "S['sign'], S['other'] = -1, 2",
        "[*S['others'], S['sign']] = 1, 2, -1",
        "for key in ('sign',):\n    S[key] = -1",
        "match 1:\n    case 1:\n        S['sign'] = -1",
        "if __name__ == '__main__':\n    pass\nelse:\n    S['sign'] = -1",
        "def set_up():\n    S['sign'] = -1\nset_up()",
        "def set_up():\n    global S\n    S = {'sign': -1}\nif S:\n    set_up()",
        "def set_up(sign):\n    S.update(sign=sign)\ndef begin():\n    set_up(sign=-1)\nbegin()",
        "def fill(table):\n    table['sign'] = -1\nfill(S)",
        "def fill(table):\n    table['sign'] = -1\nfill(table=S)",
        "def fill(table):\n    table['sign'] = -1\nfill(*[S])",
        "same = S if S else None\nsame['sign'] = -1",
        "def fill(function):\n    S['sign'] = -1\n@fill\ndef other():\n    pass",
        "dict.update(S, sign=-1)",
        "nothing = S.update(sign=-1)",
        "same = S\nsame['sign'] = -1",
        "found = {'one': S}\nsame = found['one']\nsame['sign'] = -1",
        "for same in (S,):\n    same['sign'] = -1",
        "n = 2\nwhile n > 0:\n    n -= 1\n    S['sign'] = -1",
    ],
)
def test_a_table_is_filled_wherever_its_statement_stands(tmp_path, statement):
    source = MENDED.replace("-np.sum(", "S['sign'] * np.sum(")
    found = read(tmp_path, f"{source}\nS = {{'sign': 1}}\n{statement}\n")
    assert found.namespace["S"]["sign"] == -1
    assert (found.problems, found.left) == ((), ())


def test_a_table_that_is_filled_counts(tmp_path):
    source = MENDED.replace("-np.sum(", "S['sign'] * np.sum(") + "\nS = {'sign': 1}\n"
    assert not judge(tmp_path, source)
    assert judge(tmp_path, source + "S['sign'] = -1\n")


@pytest.mark.parametrize(
    ("call", "ran"),
    [
        ("another.set_sign(-1)", True),
        ("another.config.update(-1)", True),
        ("another.show(-1)", False),
        ("import another as other\nother.set_sign(-1)", True),
        ("from another import config\nconfig.set_it(-1)", True),
        ("import different\ndifferent.set_sign(-1)", False),
        ("another.set_sign(len(forward_prop([[0]], {})))", False),
        ("UNNEEDED = 1 / 0\nanother.set_sign(UNNEEDED)", False),
    ],
)
def test_a_setting_of_a_module_that_is_needed_is_run(tmp_path, monkeypatch, call, ran):
    module = (
        "SIGN = 1\ndef set_sign(sign):\n    global SIGN\n    SIGN = sign\nshow = set_sign\n"
        "class config:\n    update = set_it = staticmethod(set_sign)\n"
    )
    for name in ("another", "different"):
        (tmp_path / f"{name}.py").write_text(module)
        monkeypatch.delitem(sys.modules, name, raising=False)
    source = MENDED.replace("-np.sum(", "another.SIGN * np.sum(")
    found = read(tmp_path, f"import another\n{source}\n{call}\n")
    assert (found.namespace["another"].SIGN == -1) is ran
    assert (found.problems, found.left) == ((), ())
    assert "different" not in sys.modules


KEEPING = "_sigmoid, KEPT = sigmoid, {{}}\ndef sigmoid(Z):\n    {kept}\n    return _sigmoid(Z)\nsigmoid(0)"
LEFT = "not run, as it calls the functions to be judged"
LEARN = "def learn():\n    global S\n    S = 1\n    train([[0]], [[0]], [1, 1], 1, 1)\n"


@pytest.mark.parametrize(
    ("statement", "left"),
    [
        (LEARN + "learn()", ("S",)),
        ("while S < 1:\n    S = 1\n    sigmoid(0)", ("S",)),
        ("print(S, sigmoid(0))", None),
        ("def learn():\n    sigmoid(0)\nlearn()", None),
        (LEARN + "if __name__ == '__main__':\n    learn()", None),
        ("def fill(one):\n    return 1 / 0\nfill(S)", ("S",)),
        ("def local():\n    S = {}\n    S[0] = 1 / 0\nlocal()", None),
        (KEEPING.format(kept="KEPT[0] = Z"), None),
        ("def keep(Z):\n    KEPT[0] = Z\n" + KEEPING.format(kept="keep(Z)"), None),
    ],
)
def test_what_is_left_out_is_known_if_it_may_change_what_is_needed(tmp_path, statement, left):
    source = MENDED.replace("-np.sum(", "S * np.sum(") + "\nS = -1\n" + statement
    found = read(tmp_path, source)
    assert (found.problems, found.namespace["S"]) == ((), -1)
    assert [part.names for part in found.left] == ([left] if left else [])
    for part in found.left:
        assert part.text == source.splitlines()[part.line - 1]
        why = "ZeroDivisionError: division by zero" if "1 / 0" in statement else LEFT
        assert part.message == why


def test_what_is_left_out_is_said(tmp_path, capsys):
    source = MENDED.replace("-np.sum(", "S * np.sum(") + f"\nS = -1\n{LEARN}learn()\n"
    path, result = tmp_path / "theirs.py", tmp_path / "result.json"
    path.write_text(source)
    assert main(["check", str(path), "--json", str(result)]) == 0
    line = source.count("\n")
    assert f"note: {path}, line {line}: {LEFT}\n    learn()\n    it may change S\n" in capsys.readouterr().out
    (left,) = json.loads(result.read_text())["left_out"]
    assert left == {"line": line, "text": "learn()", "message": LEFT, "names": ["S"]}


@pytest.mark.parametrize(
    "statement",
    ["S, other = {'sign': -1}, []\nother.append(1 / 0)", "S = {}\nS['sign'] = -np.round(sigmoid(9.0)[0])"],
)
def test_what_is_needed_is_bound_and_no_more(tmp_path, statement):
    source = MENDED.replace("-np.sum(", "S['sign'] * np.sum(")
    found = read(tmp_path, f"{source}\n{statement}\n")
    assert (found.namespace["S"]["sign"], found.problems) == (-1, ())


def test_what_a_function_would_fill_does_not_make_it_needed(tmp_path):
    path = tmp_path / "theirs.py"
    source = MENDED.replace("-np.sum(", "S['sign'] * np.sum(") + "\nS = {'sign': -1}\nDATA = 1 / 0\n"
    path.write_text(source + "def learn():\n    S['sign'] = DATA\n")
    assert definitions(path, FUNCTIONS).problems == ()


def test_what_a_decorator_adds_to_a_function_is_run(tmp_path):
    source = "from functools import singledispatch\n" + MENDED.replace("1 / (1 + np.exp(-Z))", "logistic(Z)")
    source += "@singledispatch\ndef logistic(Z):\n    raise TypeError\n"
    source += "@logistic.register\ndef _(Z: np.ndarray):\n    return 1 / (1 + np.exp(-Z))\n"
    check = judge(tmp_path, source)
    assert check, str(check)


@pytest.mark.parametrize(
    ("line", "guarded"),
    [
        (f"    return {SUM}", f"    J = {SUM}\n    assert np.isfinite(J)\n    return J"),
        (
            "    m = Y.shape[1]\n",
            "    m = Y.shape[1]\n    if not ((A > 0) & (A < 1)).all():\n        raise ValueError(A)\n",
        ),
        ("    grads = {}\n", "    grads = {}\n    assert ((AL > 0) & (AL < 1)).all()\n"),
        ("def backprop", "@np.errstate(all='raise')\ndef backprop"),
    ],
)
def test_code_may_refuse_predictions_that_round_to_0_or_1(tmp_path, line, guarded):
    assert line in MENDED
    check = judge(tmp_path, MENDED.replace(line, guarded, 1))
    assert check, str(check)
    assert any("not finite once A_L rounds" in note for function in check.functions for note in function.notes)


def test_the_sigmoid_may_keep_its_value_for_the_way_back(tmp_path):
    source = MENDED.replace("    cache = Z\n", "    cache = A\n").replace(
        "(A_prev, W, b), Z = cache", "(A_prev, W, b), S = cache"
    )
    right = source.replace("    S, _ = sigmoid(Z)\n", "")
    check = judge(tmp_path, right)
    assert check, str(check)
    assert not judge(tmp_path, right.replace("S * (1 - S)", "S * (1 + S)"))
    assert not judge(tmp_path, source.replace("S, _ = sigmoid(Z)", "S, _ = sigmoid(S)"))


# What printing did to the article: calls lost with what stood before their comma, and a tab among spaces.
DAMAGE = [
    ("    A = 1 / (1 + np.exp(-Z))", "\tA = 1 / (1 + np.exp(, Z)))"),
    ("Z = np.dot(W, A) + b", "Z =['W'], A) + b"),
    (SUM, "-(np.sum(, np.log(A)) +, np.log(1 - A))) / m"),
    ("dW = np.dot(dZ, A_prev.T)", "dW = (1 / m) *, A_prev.T)"),
    ("dA_prev = np.dot(W.T, dZ)", "dA_prev =, dZ)"),
]
# The mistakes that the article itself makes where it can be read.
SLIPS = [
    ("cost_history.append(cost_function(Y_hat, Y))", "cost = cost_function(Y_hat, Y)"),
    ('grads[f"dW{L}"], grads[f"db{L}"]', 'grads[f"dW{L - 1}"], grads[f"db{L - 1}"]'),
    ('* grads[f"d', '* grads[f"'),
]


def test_the_printed_article_is_read_as_far_as_it_goes(tmp_path):
    printed = MENDED
    for whole, damaged in DAMAGE + SLIPS:
        assert whole in printed
        printed = printed.replace(whole, damaged)
    path = tmp_path / "printed.py"
    path.write_text(printed)
    found = definitions(path, FUNCTIONS)
    lines = printed.splitlines()
    damaged = [n for n, line in enumerate(lines, 1) if any(new.strip() in line for _, new in DAMAGE)]
    lost = [p.line for p in found.problems if "a call was lost here" in str(p)]
    assert lost == damaged
    assert [lines[p.line - 1].strip() for p in found.problems if "tabs and spaces" in p.message] == ["cache = Z"]
    check = judge_module(found.namespace)
    assert set(check.missing) == {"sigmoid", "forward_prop", "cost_function", "one_layer_backward"}
    reasons = {f.name: " ".join(f.reasons) for f in check.functions}
    assert reasons["init_params"] == ""
    assert "output-layer-overwritten" in reasons["backprop"]
    assert "reads grads['W1']" in reasons["update_parameters"]
    assert "cost_history has 0 entries" in reasons["train"]


@pytest.mark.parametrize(
    ("function", "right", "wrong", "said"),
    [
        ("train", "in range(epochs):", "in range(epochs)", "expected ':'"),
        ("update_parameters", "learning_rate):", "learning_rate)", "expected ':'"),
        ("one_layer_backward", "    dZ = dA * S", "      dZ = dA * S", "unexpected indent"),
        (
            "one_layer_backward",
            "    dZ = dA * S",
            "  dZ = dA * S",
            "unindent does not match any outer indentation level",
        ),
        (
            "backprop",
            "        dA_prev, dW, db = one",
            "    dA_prev, dW, db = one",
            "expected an indented block after 'for'",
        ),
        (
            "forward_prop",
            "    return A, c",
            "    if 1:\n        pass\n    else\n        0\n    return A, c",
            "expected ':'",
        ),
        (
            "forward_prop",
            "    return A, c",
            "    if 1:\n        if 1:\n        0\n    return A, c",
            "expected an indented block after 'if'",
        ),
    ],
    ids=lambda value: value.strip(),
)
def test_a_function_that_cannot_be_read_is_lost_alone_and_its_line_is_shown_once(
    tmp_path, function, right, wrong, said
):
    source = function_source(function)
    assert right in source
    path = tmp_path / "lost.py"
    path.write_text(MENDED.replace(source, source.replace(right, wrong)))
    found = definitions(path, FUNCTIONS)
    (problem,) = found.problems
    assert said in problem.message
    assert problem.text == path.read_text().splitlines()[problem.line - 1]
    check = judge_module(found.namespace)
    assert check.missing == (function,)
    assert check, str(check)


@pytest.mark.parametrize(
    "source",
    [
        "from __future__ import annotations\n" + MENDED.replace("def sigmoid(Z)", "def sigmoid(Z: Only[Checked])"),
        "# -*- coding: latin-1 -*-\n# \xe9\n" + MENDED,
        MENDED.replace("1 / (1 +", "K['one'] / (1 +") + "K = {}\nK['one'] = 1\n",
        MENDED.replace("1 / (1 +", "C.one / (1 +") + "class C:\n    pass\nC.one = 1\nnp.exp = None\n",
        MENDED + "def set_up():\n    np.exp = None\nset_up()\n",
        "import numpy.linalg\n" + MENDED.replace("np.exp(-Z)", "numpy.exp(-Z)") + "numpy.exp = None\n",
    ],
    ids=[
        "annotations of the future",
        "an encoding",
        "a dict that is filled",
        "an attribute that is set",
        "set up",
        "dots",
    ],
)
def test_a_file_is_read_as_python_would(tmp_path, source):
    path = tmp_path / "theirs.py"
    path.write_bytes(source.encode("latin-1"))
    found = definitions(path, FUNCTIONS)
    assert found.problems == ()
    check = judge_module(found.namespace)
    assert check, str(check)
    assert check.missing == ()


def test_a_library_that_is_missing_spoils_only_what_uses_it(tmp_path):
    source = MENDED.replace("matplotlib.pyplot", "a_library_that_is_not_installed")
    path = tmp_path / "plots.py"
    path.write_text(source.replace("    return params, cost_history", "    plt.plot(cost_history)\n    return 1"))
    found = definitions(path, FUNCTIONS)
    assert [problem.line for problem in found.problems] == [2]
    assert [f.name for f in judge_module(found.namespace).functions if not f] == ["train"]


def test_tabs_alone_do_not_lose_a_function(tmp_path):
    check = judge(tmp_path, MENDED.replace("    A = 1 / (1", "\tA = 1 / (1"))
    assert check, str(check)
    assert check.missing == ()


def test_an_object_that_raises_where_it_is_looked_at_is_called_all_the_same(tmp_path):
    raises = "\n\nclass Raises:\n    def __getattr__(self, name):\n        return 1 / 0\n\n"
    call = "    def __call__(self, Z):\n        return _sigmoid(Z)\n\n_sigmoid, sigmoid = sigmoid, Raises()\n"
    check = judge(tmp_path, MENDED + raises + call)
    assert check, str(check)
    assert check.missing == ()


TIMER = """
def timer(function):
    def timed(*args, **kwargs):
        return function(*args, **kwargs)
    return timed


"""


def changed(*changes: tuple[str, str]) -> str:
    source = MENDED
    for right, other in changes:
        assert right in source, right
        source = source.replace(right, other)
    return source


# In other orders and by other names, of labels that are 0 or 1 alone, timed, and with a figure of the cost.
OTHERWISE = changed(
    ("def cost_function(A, Y):", "def cost_function(y_true, y_pred):\n    Y, A = y_true, y_pred"),
    ("cost_function(Y_hat, Y)", "cost_function(Y, Y_hat)"),
    ("def backprop(AL, Y, caches):", "def backprop(x, y, y_hat, parameters, caches):\n    AL, Y = y_hat, y"),
    ("backprop(Y_hat, Y, caches)", "backprop(X, Y, Y_hat, params, caches)"),
    ("-(Y / AL - (1 - Y) / (1 - AL))", "np.where(Y == 1, -1 / AL, 1 / (1 - AL))"),
    ("def forward_prop(X, params):", "def forward_prop(parameters, x):\n    X, params = x, parameters"),
    ("= forward_prop(X, params)", "= forward_prop(params, X)"),
    ("def train(X, Y, layer_dims, epochs, lr):", "@timer\ndef train(X, Y, layer_dims, alpha, iterations):"),
    ("in range(epochs)", "in range(iterations)"),
    ("grads, lr)", "grads, alpha)"),
    (
        "    return params, cost_history",
        """    figure, axes = plt.subplots(1, 2)
    axes[0].set_xlabel("epoch")
    curve, = axes[0].plot(cost_history)
    with plt.style.context("bmh"):
        plt.gca().lines[0].set_color("red")
    return params, cost_history""",
    ),
    ("\n\ndef init_params", f"{TIMER}@timer\ndef init_params"),
)


def test_right_functions_pass_in_other_orders_by_other_names_and_with_figures(tmp_path):
    check = judge(tmp_path, OTHERWISE)
    assert check, str(check)
    assert check.missing == ()


@pytest.mark.parametrize(
    ("changes", "wrong", "said"),
    [
        (
            [
                ("(1, len(layer_dims))", "(1, 4)"),  # at three layers it is right
                ("(1, len(params) // 2 + 1):\n        params", "(1, 4):\n        params"),
                ("reversed(range(L - 1))", "reversed(range(2))"),
            ],
            {"init_params", "update_parameters", "backprop"},
            "",
        ),
        (
            [
                ("np.zeros((n, 1))", "np.full((n, 1), np.nan)"),
                ("m = Y.shape[1]", "m = 7"),
                ("init_params(layer_dims)\n    cost", "init_params([2, 4, 1])\n    cost"),
            ],
            {"init_params", "cost_function", "train"},
            r"b1 has entries that are not finite.*layer_dims = \[2, 4, 1\], expected \[4, 6, 5, 3\]",
        ),
        (
            [
                ("    m = Y.shape[1]", "    m, A = Y.shape[1], np.clip(A, 0.01, 0.99)"),
                ("epochs, lr):", "epochs, lr, cost_history=[]):"),
                ("    cost_history = []\n", ""),
            ],
            {"cost_function", "train"},
            "cost_history has 14 entries after 7 epochs",
        ),
        ([("    L = len(caches)", "    L, caches = len(caches), caches[-3:]")], {"backprop"}, "^(?!.*relu)"),
    ],
    ids=[
        "three layers alone",
        "arguments that are not used",
        "what is clipped, and kept",
        "no activation is taken for",
    ],
)
def test_what_is_right_on_some_networks_alone_is_wrong(tmp_path, changes, wrong, said):
    check = judge(tmp_path, changed(*changes))
    assert {f.name for f in check.functions if not f} == wrong, str(check)
    assert re.search(said, " ".join(reason for f in check.functions for reason in f.reasons), re.S), str(check)


def test_what_belongs_to_another_course_is_said_to_be_unjudged(tmp_path):
    check = judge(tmp_path, f"{MENDED}\n\ndef L_model_backward(AL, Y, caches):\n    return 1 / 0\n")
    assert check, str(check)
    assert str(check).endswith("not judged, for another course has a function of this name: L_model_backward")
    assert check.to_json()["others"] == ["L_model_backward"]


def test_units_are_alike_where_all_their_weights_are(tmp_path):
    rounded = changed(("np.random.randn(n, n_prev)", "np.round(np.random.randn(n, n_prev))"))
    assert judge(tmp_path, rounded), "equal entries make no equal units"
    alike = """
        if l == 2:
            params["W2"][:] = params["W2"][0]
        if l == 3:
            params["W3"][:] = params["W3"][:, :1]"""
    (init, *_) = judge(
        tmp_path,
        changed(('    params[f"b{l}"] = np.zeros((n, 1))', f'    params[f"b{{l}}"] = np.zeros((n, 1)){alike}')),
    ).functions
    assert init.reasons == ("units of layer 2 have equal weights, in and out: what starts alike stays alike",)


def test_a_cost_that_changes_its_labels_is_right_by_its_value(tmp_path):
    changing = changed(
        ("    m = Y.shape[1]\n    return ", "    m = Y.shape[1]\n    J = "),
        ("np.log(1 - A))) / m\n", "np.log(1 - A))) / m\n    Y *= 0\n    return J\n"),
    )
    (cost,) = [f for f in judge(tmp_path, changing).functions if f.name == "cost_function"]
    assert cost, cost.reasons
    assert "changes the caller's Y in place" in cost.notes


def test_float32_is_judged_as_float32_is(tmp_path):
    cast = ("    cache = Z", "    A, cache = A.astype(np.float32), Z")
    check = judge(tmp_path, changed(cast))
    (sigmoid,) = [f for f in check.functions if f.name == "sigmoid"]
    assert check, str(check)
    assert "computes in float32" in sigmoid.notes
    for dtype, factor in (("float32", 1.0001), ("float16", 1.1)):
        source = changed((cast[0], f"    A, cache = (A * {factor}).astype(np.{dtype}), Z"))
        assert [f.name for f in judge(tmp_path, source).functions if not f] == ["sigmoid"]


def test_what_raises_amid_a_figure_is_wrong(tmp_path):
    figure = (
        "    with plt.style.context('bmh'):\n        float(plt.gcf().dpi * 2 / 3)\n        1 / {}\n    return params, c"
    )
    for divisor, wrong in ((1, []), (0, ["train"])):
        check = judge(tmp_path, changed(("    return params, c", figure.format(divisor))))
        assert [f.name for f in check.functions if not f] == wrong


def test_initial_parameters_may_be_lists_and_their_function_elsewhere(tmp_path):
    listed = changed(
        ("    return params\n\n\ndef sigmoid", "    return {k: V.tolist() for k, V in params.items()}\n\n\ndef sigmoid")
    )
    assert judge(tmp_path, listed)
    elsewhere = changed(("def init_params", "def _init"), ("= init_params(layer_dims)", "= init_params(layer_dims, 3)"))
    check = judge(tmp_path, elsewhere)
    assert check, str(check)
    assert check.missing == ("init_params",)


def test_what_fills_a_table_or_the_path_is_run_and_what_cannot_be_compiled_is_shown(tmp_path):
    (tmp_path / "beside").mkdir()
    (tmp_path / "beside" / "one_of.py").write_text("ONE = 1\n")
    path = tmp_path / "theirs.py"
    path.write_text(
        f"import sys\nsys.path.append({str(tmp_path / 'beside')!r})\nfrom one_of import ONE\nK = {{}}\n"
        "K.update(one=ONE)\nprint(1 / 0)\n(1 / 0).K.pop()\nK.pop(open('nowhere').read()).x()\nawait K\n"
        + changed(("1 / (1 +", "K['one'] / (1 +"))
    )
    found = definitions(path, FUNCTIONS)
    assert [(problem.line, problem.text) for problem in found.problems] == [(9, "await K")]
    check = judge_module(found.namespace)
    assert check, str(check)
    assert check.missing == ()


@pytest.fixture
def beside(tmp_path, monkeypatch):
    """Make a file that the judged one can import: its globals."""
    monkeypatch.syspath_prepend(tmp_path)

    def made(source, name="theirs_beside"):
        monkeypatch.delitem(sys.modules, name, raising=False)
        (tmp_path / f"{name}.py").write_text(source)
        return vars(importlib.import_module(name))

    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield made
    for name in ("theirs_beside", "theirs_between"):
        sys.modules.pop(name, None)


def test_functions_that_a_file_imports_from_another_are_judged_as_those_of_its_own(tmp_path, beside):
    names = beside(MENDED)
    before = dict(names)
    check = judge(tmp_path, "from theirs_beside import *")
    assert check, str(check)
    assert (check.missing, {part.line for part in check.functions}) == ((), {None})
    assert all(part.notes[-1].startswith("stands in theirs_beside.py, line ") for part in check.functions)
    assert names == before
    beside(changed(("return A, cache", "return A / None, cache")))
    frames = judge(tmp_path, "from theirs_beside import *").functions[1].frames
    assert frames == ("theirs_beside.py, line 17, in sigmoid: return A / None, cache",)
    beside(changed(("np.exp(-Z)", "np.exp(Z)")))
    assert [part.name for part in judge(tmp_path, "from theirs_beside import *").functions if not part] == ["sigmoid"]


LOOP = "from theirs_beside import *\n" + function_source("train").replace("train(", "run(")
OTHER_NAMES = function_source("train")
for name in NAMES[:-1]:
    OTHER_NAMES = OTHER_NAMES.replace(f"{name}(", f"its.{name}(")


@pytest.mark.parametrize(
    "source",
    [
        "from theirs_beside import train",
        "from theirs_beside import *\ndef init_params(layer_dims):\n    return theirs(layer_dims)\ntheirs = "
        "__import__('theirs_beside').init_params",
        f"import theirs_beside as its\n{OTHER_NAMES}",
        f"from theirs_beside import init_params as start, {', '.join(NAMES[1:-1])}\n"
        + function_source("train").replace("init_params(", "start("),
        "from theirs_between import run\ndef train(X, Y, layer_dims, epochs, lr):\n"
        "    return run(X, Y, layer_dims, epochs, lr)",
    ],
    ids=["alone", "its own start", "by the module", "by another name", "by a third file"],
)
def test_train_is_judged_from_known_parameters_wherever_they_are_made(tmp_path, beside, source):
    beside(MENDED)
    beside(LOOP, "theirs_between")
    check = judge(tmp_path, source)
    assert [part.name for part in check.functions if part][-1] == "train", str(check)


def test_what_a_file_does_not_import_stays_as_it_is(tmp_path, beside):
    """Nobody judges it, and what is wrong by it must not pass."""
    beside(changed(("- learning_rate", "+ learning_rate")))
    others = [name for name in NAMES if name != "update_parameters"]
    check = judge(tmp_path, f"from theirs_beside import {', '.join(others)}")
    assert [part.name for part in check.functions if not part] == ["train"]
    beside(changed(("np.exp(-Z)", "np.exp(-2 * Z)")))
    assert not judge(tmp_path, "from theirs_beside import one_layer_backward, backprop")
    own = ("    cache = Z\n    return A, cache", "    return A"), ("S, _ = sigmoid", "S = sigmoid")
    beside(changed(*own, ("A, activation_cache = sigmoid(Z)", "A, activation_cache = sigmoid(Z), Z")))
    others = [name for name in NAMES if name not in ("sigmoid", "train")]
    check = judge(tmp_path, f"from theirs_beside import {', '.join(others)}")
    assert check, str(check)


def test_a_decorator_that_holds_two_functions_does_not_tell_which_it_calls(tmp_path):
    logged = (
        "def logged(function, before=lambda Y, A: None):\n    def wrapper(*args, **kwargs):\n"
        "        before(None, None)\n        return function(*args, **kwargs)\n    return wrapper\n"
    )
    check = judge(tmp_path, changed(("def cost", f"{logged}@logged\ndef cost")))
    assert check, str(check)


def test_the_labels_are_0_or_1():
    for probe in probes.__wrapped__(None, "sigmoid"):
        assert {0, 1} >= {*probe.Y.flat}
        assert not any(V.flags.writeable for V in (*probe.params.values(), probe.X, probe.Y))
