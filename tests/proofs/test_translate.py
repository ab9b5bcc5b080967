"""The translator prints Python's syntax tree as it is, and refuses what it cannot print (proofs/coq/translate.py)."""

import ast
import re
from pathlib import Path

import mutants
import pytest
import translate

SYNTAX = (Path(translate.__file__).with_name("Syntax.v")).read_text()
TEXTS = translate.texts()


def changed(name, old, new):
    assert TEXTS[name].count(old) == 1
    return TEXTS | {name: TEXTS[name].replace(old, new)}


@pytest.mark.parametrize("kind", translate.FIELDS)
def test_fields_are_printed_in_python_s_order(kind):
    fields = translate.FIELDS[kind].split()
    assert fields == [field for field in getattr(ast, kind)._fields if field in fields]


def test_the_constructors_of_the_syntax_have_these_fields():
    for kind, arguments in re.findall(r"^\| (\w+)(.*)$", SYNTAX, re.M):
        names = [name for group in re.findall(r"\(([^:()]+) :", arguments) for name in group.split()]
        names = [name for name in names if name != "kwonlyargs"]  # in Python a part of args
        assert names == translate.FIELDS[kind].split(), kind


def test_a_constant_is_printed_as_it_is():
    tree = ast.parse("(None, True, False, 0, 7, 'say \"l\"')", mode="eval").body
    values = ["none_", "(bool_ true)", "(bool_ false)", "(int_ 0)", "(int_ 7)", '(str_ "say ""l""")']
    assert translate.coq(tree) == f"(Tuple [{'; '.join(f'(Constant {value})' for value in values)}])"


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("dW = dZ @ A_prev.T", "dW = dZ @ A_prev.T\n    dW += 0", "no class of Syntax.v"),
        ("dW = dZ @ A_prev.T", "dW = dW_ = dZ @ A_prev.T\n    del dW_", "no class of Syntax.v"),
        ("dW = dZ @ A_prev.T", "dW = dZ @ A_prev.T * 1.0", "a constant of another type"),
        ("dW = dZ @ A_prev.T", "dW = dZ @ A_prev.T[::1]", "no class of Syntax.v"),
        ("dW = dZ @ A_prev.T", "dW = dZ @ A_prev.T\n    print('é')", "no term"),
        ("inputs=inputs or L > 1", "inputs=inputs or L > 1, **{}", "no term"),
        ("def linear_backward(", "@print\ndef linear_backward(", "its decorator_list has no place"),
        ("linear_cache: LinearCache, *,", "linear_cache: LinearCache = 0, *,", "its defaults has no place"),
        ("params.items()}", "params.items() if key}", "its ifs has no place"),
        ('grads[f"d{key}"]', 'grads[f"d{key!r}"]', "its conversion has no place"),
        ('grads[f"d{key}"]', 'grads[f"d{key:>2}"]', "its format_spec has no place"),
        (
            "for l in range(1, L + 1):",
            "for l in range(1, L + 1):\n        break\n    else:\n        L = 0",
            "its orelse",
        ),
        ("def train(", "backprop = update_parameters\n\n\ndef train(", "defines backprop, a builtin or not just once"),
        ("def train(", "def reversed(x):\n    return x\n\n\ndef train(", "defines reversed, a builtin"),
        ("def train(", "layers.sigmoid = np.tanh\n\n\ndef train(", "neither an import nor a definition"),
        ("def train(", "if True:\n    backprop = 0\n\n\ndef train(", "neither an import nor a definition"),
        ("def backprop(", "def backpropagate(", "defines backprop, a builtin or not just once"),
    ],
)
def test_what_the_syntax_has_no_place_for_is_refused(old, new, why):
    with pytest.raises(ValueError, match=re.escape(why)):
        translate.translate(changed("network", old, new))


def test_every_mutant_of_the_source_is_another_text():
    plain = translate.translate(TEXTS)
    for name, file, tree in mutants.source_changes():
        assert translate.translate(TEXTS | {file.__name__.split(".")[-1]: ast.unparse(tree)}) != plain, name
