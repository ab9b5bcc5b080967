"""Do signs, indices and operators count?  Break them, one at a time, and see the tie or the proof break.

    python mutants.py          all, and write mutants.json (minutes: each mutant of Generic.v is a run of Coq)
    python mutants.py source   those of the Python source only, against vectors.json (seconds)

A mutant of network.py, or of what it takes from layers.py for the article's network, must return other numbers than
the extracted program, or fail. A mutant of Generic.v is still a well-formed definition, and some proof of some theorem
about it must fail. What is broken: in the source the nodes that `other` names, in Generic.v each match of a pattern of
CHANGES.
"""

import ast
import hashlib
import json
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType

import tie
import translate

from refnn import layers, network
from refnn._progress import bar

HERE = Path(__file__).parent
RECORD = HERE / "mutants.json"
BUILD = HERE / "../../build/coq"
FUNCTIONS = (  # and what a table of layers.py has under this name
    "sigmoid",
    "forward_prop",
    "cost_function",
    "cost_from_Z",
    "one_layer_backward",
    "linear_backward",
    "backprop",
    "update_parameters",
)
OTHER_OPERATOR = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult}


# ------------------------------------------------------------------------------------------------- the source


def other(node: ast.AST) -> ast.AST | None:
    """The node with its sign, operator, transpose, integer, key's layer or factors changed; None for other nodes."""
    match node:
        case ast.BinOp(left, op, right) if type(op) in OTHER_OPERATOR:
            return ast.BinOp(left, OTHER_OPERATOR[type(op)](), right)
        case ast.UnaryOp(ast.USub(), operand) | ast.Attribute(operand, "T"):
            return operand
        case ast.Constant(int(value)) if not isinstance(value, bool):
            return ast.Constant(1 - value)
        case ast.FormattedValue(ast.Name("l" | "L")):
            return ast.Constant("1")
        case ast.BinOp(A, ast.MatMult(), B):
            return ast.BinOp(B, ast.MatMult(), A)
    return None


class Replace(ast.NodeTransformer):
    """Put another node in the place of this one."""

    def __init__(self, target: ast.AST, replacement: ast.AST) -> None:
        self.target, self.replacement = target, replacement

    def visit(self, node: ast.AST) -> ast.AST:
        return self.replacement if node is self.target else self.generic_visit(node)


def parts(tree: ast.Module) -> Iterator[tuple[str, ast.AST]]:
    """The statements of FUNCTIONS that compute, and the entries of that name in the tables of layers.py."""
    for node in tree.body:
        match node:
            case ast.FunctionDef(name) if name in FUNCTIONS:
                for statement in ast.walk(node):
                    if isinstance(statement, ast.Assign | ast.Return):
                        yield name, statement
                    elif isinstance(statement, ast.For):
                        yield name, statement.iter
            case ast.Assign([ast.Name(table)], ast.Dict(keys, values)):
                for key, value in zip(keys, values, strict=True):
                    if isinstance(key, ast.Constant) and key.value in FUNCTIONS and isinstance(value, ast.Call):
                        yield from ((table, argument) for argument in value.args)


def sites(tree: ast.Module) -> list[tuple[str, ast.AST, ast.AST]]:
    return [(name, part, node) for name, part in parts(tree) for node in ast.walk(part) if other(node) is not None]


def source_changes() -> Iterator[tuple[str, ModuleType, ast.Module]]:
    """Each mutant of layers.py and of network.py: its changed line, and the changed tree of the file."""
    for file in (layers, network):
        text = Path(file.__file__).read_text()
        for index in range(len(sites(ast.parse(text)))):
            tree = ast.parse(text)
            name, part, node = sites(tree)[index]
            replace = Replace(node, other(node))
            tree, part = ast.fix_missing_locations(replace.visit(tree)), replace.visit(part)
            yield f"{name}: {ast.unparse(part).splitlines()[0]}", file, tree


def source_mutants() -> Iterator[tuple[str, ModuleType]]:
    """The same, and the network on the changed module."""
    for name, file, tree in source_changes():
        yield name, network_on(file, tree)


def network_on(file: ModuleType, tree: ast.Module) -> ModuleType:
    """The changed network.py, or network.py on the changed layers.py."""
    mutant = run_anew(file.__name__, tree)
    if file is network:
        return mutant
    whole = run_anew(network.__name__, ast.parse(Path(network.__file__).read_text()))
    whole.layers = mutant
    return whole


def run_anew(name: str, tree: ast.Module) -> ModuleType:
    module = ModuleType(name)
    exec(compile(tree, f"mutant of {name}", "exec"), module.__dict__)
    return module


def source_breaks(module: ModuleType) -> str | None:
    """The first output that is not the extracted program's, or else the error; None if there is neither."""
    error = None
    for net in json.loads(tie.VECTORS.read_text()):
        try:
            name = tie.difference(net, net["outputs"], module)
        except Exception as exception:
            error = f"raises {type(exception).__name__}"
        else:
            if name is not None:
                return f"{name} of {net['layer_dims']}"
    return error


# -------------------------------------------------------------------------------------------------- Generic.v


def without_comments(coq: str) -> str:
    return re.sub(r"\(\*.*?\*\)", "", coq, flags=re.DOTALL)


def proof_state() -> str:
    """A fingerprint of the definitions and the proofs above them: the test sees when the record is out of date."""
    code = "".join(" ".join(without_comments((HERE / file).read_text()).split()) for file in sorted(compiled()))
    return hashlib.sha256(code.encode()).hexdigest()


def compiled() -> list[str]:
    """The files in which a proof may break, in the order in which they are compiled."""
    order = [line.strip() for line in (HERE / "_CoqProject").read_text().splitlines() if line.endswith(".v")]
    return order[: order.index("Example.v") + 1]


CHANGES = (
    (r"(?<= )\+(?= )", "-"),
    (r"(?<= )-(?= )(?<!^  -)(?<!> -)", "+"),
    (r"(?<= )\*(?= )", "/"),
    (r"(?<= )/(?= )", "*"),
    (r"(?<=\()- |^  - |(?<=> )- ", ""),
    (r"\b([ijk]) ([ijk])\b", r"\2 \1"),
    (r"(?<=\()pred l(?=\))", "l"),
    (r"(?<=\()S l(?=\))", "l"),
    (r"\bn L\b", "n O"),
    (r"(?<=\()1(?= )|(?<=fun _ => )1", "0"),
    (r"(?<=< )m\b", "pred m"),
    (r"\bn l\b", "n (pred l)"),
    (r"\b(d?[Wb]) l i\b", r"\1 (S l) i"),
    (r"\((d?Z) l\)", r"(\1 (S l))"),
    (r"(linear|g) \(S p\)", r"\1 p"),
    (r"\(g l\)", "(g (S l))"),
    (r"dZ_hidden l", "dZ_hidden (S l)"),
    (r"out \(Z L\)", "out (Z (pred L))"),
    (r"\bvalue (?=[(h])", "derivative "),
    (r"\bderivative (?=[(h])", "value "),
    (r"derivative := sigmoid", "derivative := softplus"),
    (r"Nat\.sub L ([ls])", r"Nat.sub L (S \1)"),
    (r"\(dZ_down s'\)", "(dZ_down (pred s'))"),
)


def proof_mutants() -> Iterator[tuple[str, str]]:
    """Each mutant of Generic.v: its definition and changed line, and the changed text."""
    text = (HERE / "Generic.v").read_text()
    lines = text.splitlines(keepends=True)
    name = comment = None
    for number, line in enumerate(lines):
        if definition := re.match(r"(?:Definition|Fixpoint) (\w+)", line):
            name = definition[1]
        comment = comment or line.startswith("(**")
        if name and not comment and not line.startswith(("Local", "Variable")):
            for pattern, replacement in CHANGES:
                for match in re.finditer(pattern, line):
                    changed = line[: match.start()] + match.expand(replacement) + line[match.end() :]
                    yield f"{name}: {changed.strip()}", "".join([*lines[:number], changed, *lines[number + 1 :]])
        comment = comment and "*)" not in line


def proof_breaks(text: str) -> str | None:
    """The file and lemma that no longer compile; None if all do. Generic.v itself must still compile."""
    with tempfile.TemporaryDirectory() as directory:
        for file in compiled():
            shutil.copy(HERE / file, directory)
        Path(directory, "Generic.v").write_text(text)
        for file in compiled():
            command = ["timeout", "120", "coqc", "-w", "none", "-Q", ".", "RefNN", file]
            run = subprocess.run(command, cwd=directory, capture_output=True, text=True)
            if run.returncode:
                if file == "Generic.v":
                    raise ValueError(f"not a well-formed definition:\n{run.stderr}")
                line = int(re.search(r"line (\d+)", run.stderr)[1])
                above = "\n".join((HERE / file).read_text().splitlines()[:line])
                return f"{file}: " + re.findall(r"(?:Lemma|Theorem|Let) (\w+)", above)[-1]
    return None


# --------------------------------------------------------------------------------------------- the translated text

# Changes in (file, text, changed text) that the deductive tie must refuse. Those of UNSEEN the random tie does not see.
UNSEEN = (
    ("network.py", "m = Y.shape[1]\n    linear_cache", "m = min(Y.shape[1], 6)\n    linear_cache"),
    ("network.py", "in reversed(range(1, L))", "in reversed(range(max(1, L - 20), L))"),
    ("network.py", "dW = dZ @ A_prev.T", "dW = dZ @ A_prev.T if len(W) < 7 else dZ[:6] @ A_prev.T"),
    ("network.py", "for l in range(1, L + 1)", "for l in range(1, min(L, 20) + 1)"),
    ("network.py", 'grads[f"d{key}"] for key', "grads[f\"d{key}\"] * (key != 'W21') for key"),
    ("layers.py", "(1 - Y) * AL - Y * sigmoid(-ZL)", "(1 - Y) * AL - Y * sigmoid(-ZL) + (Y == 0)"),
    ("layers.py", "1 / (2 + 2 * cosh(Z))", "1 / (2 + 2 * cosh(Z)) + (Z == 0)"),
)
MEANING = (
    ("NumPy.v", "N.add (sum p f) (f p)", "N.add (sum p f) (f O)"),
    ("NumPy.v", "(fun i j => entry A j i)", "(fun i j => entry A i j)"),
    ("NumPy.v", "sum (columns A) (fun k => N.mul", "sum (rows A) (fun k => N.mul"),
    ("NumPy.v", "N.mul (entry A i k) (entry B k j)", "N.mul (entry A i k) (entry B j k)"),
    ("NumPy.v", "entry B (place (rows B) i) (place (columns B) j)", "entry B i j"),
    ("NumPy.v", "else if b =? 1 then Some a else None", "else None"),
    ("NumPy.v", "fun i j => f (entry A i j)", "fun i j => f (entry A i (S j))"),
    ("NumPy.v", "fun i _ => sum (columns A) (fun j => entry A i j)", "fun i _ => sum (rows A) (fun j => entry A i j)"),
    ("NumPy.v", "fun _ j => sum (rows A) (fun i => entry A i j)", "fun _ j => sum (columns A) (fun i => entry A i j)"),
    ("NumPy.v", "then N.one else N.zero", "then N.zero else N.one"),
    ("NumPy.v", "each (fun _ => N.one) A", "each (fun x => x) A"),
    ("Python.v", "if String.eqb key key' then (key, v) :: d'", "if String.eqb key key' then (key, v') :: d'"),
    ("Python.v", "Some (Integer (a - b))", "Some (Integer (S (a - b)))"),
    ("Python.v", "| Sub, _, _ => arithmetic N.sub v w", "| Sub, _, _ => arithmetic N.sub w v"),
    ("Python.v", "| Div, _, _ => arithmetic N.div v w", "| Div, _, _ => arithmetic N.mul v w"),
    ("Python.v", "| Number x => Some x", "| Number x => Some N.one"),
    ("Python.v", "(seq a (b - a))", "(seq a b)"),
    ("Python.v", "Some (Sequence (rev vs))", "Some (Sequence vs)"),
    ("Python.v", "[sum_rows; sum_columns]", "[sum_columns; sum_rows]"),
    ("Python.v", "Some (Array (each N.opp A))", "Some (Array A)"),
    (
        "Python.v",
        '(each N.exp)); ("numpy.log", entrywise (each N.ln))',
        '(each N.ln)); ("numpy.log", entrywise (each N.exp))',
    ),
    ("Python.v", "if t then eval env yes else eval env no", "if t then eval env no else eval env yes"),
    ("Python.v", "if t then Some v else eval env b", "eval env b"),
    ("Python.v", "Some v => v | None => default end", "Some v => default | None => default end"),
    ("Python.v", "(Sequence (vs ++ [v]))", "(Sequence (v :: vs))"),
    ("Python.v", 'then "cross_entropy" else', 'then "squared_error" else'),
    ("Python.v", "nth_error vs k", "nth_error (rev vs) k"),
    ("Python.v", "NilEmpty.string_of_uint (Nat.to_uint k)", "NilEmpty.string_of_uint (Nat.to_uint O)"),
)
TRANSLATOR = (
    ("translate.py", '"test body orelse",\n    "Attribute"', '"test orelse body",\n    "Attribute"'),
    ("translate.py", '"BinOp": "left op right"', '"BinOp": "right op left"'),
    ("translate.py", '"Subscript": "value slice"', '"Subscript": "slice value"'),
    ("translate.py", "(Constant (int_ {value}))", "(Constant (int_ {value + 1}))"),
    ("translate.py", "str(value).lower()", "'true'"),
    ("translate.py", "coq(asname or name)", "coq(name)"),
    ("translate.py", "is not None:\n        node.body", "is None:\n        node.body"),
)
STATEMENTS = (
    ("Translated.v", "(W l i j)\n    (gradient words", "(W l i j)\n    (2 * gradient words"),
    ("Translated.v", '(key "dW" l) i j).\nProof.\n  intros params', '(key "dW" l) j i).\nProof.\n  intros params'),
    ("Translated.v", "(b l i)\n    (gradient words", "(b l i)\n    (- gradient words"),
    ("Translated.v", '(key "dA" 0) j k).\nProof.\n  intros', '(key "dA" 1) j k).\nProof.\n  intros'),
    ("Translated.v", "Hypothesis differentiable_here : differentiable n L m g out W b X", "Hypothesis any_here : True"),
    (
        "Translated.v",
        "J words (X_ X) Y_ after < J words (X_ X) Y_ params",
        "J words (X_ X) Y_ params < J words (X_ X) Y_ after",
    ),
)
TEXT_FILES = ("Source.v", "Text.v", "Layers.v", "Tie.v", "Translated.v")


def text_changes() -> Iterator[tuple[str, dict[str, str]]]:
    """Each change: its name, and the text of the file that it changes."""
    for name, file, tree in source_changes():
        yield name, {Path(file.__file__).name: ast.unparse(tree)}
    for file, old, new in UNSEEN + MEANING + TRANSLATOR + STATEMENTS:
        text = (HERE if file.endswith(".v") or file == "translate.py" else Path(network.__file__).parent).joinpath(file)
        if text.read_text().count(old) != 1:
            raise ValueError(f"{file} does not have once: {old}")
        yield f"{file}: {' '.join(new.split())}", {file: text.read_text().replace(old, new)}


def text_breaks(changed: dict[str, str]) -> str | None:
    """What refuses the change: the translator, the lemma that no longer compiles, or the run beside NumPy."""
    translator = translate
    if "translate.py" in changed:
        translator = ModuleType("translate")
        translator.__dict__["__name__"] = "translate"
        exec(changed["translate.py"], translator.__dict__)
    try:
        source = translator.translate(
            {name: changed.get(f"{name}.py", text) for name, text in translate.texts().items()}
        )
    except ValueError as error:
        return f"translate.py refuses {str(error).split(':')[0]}"
    with tempfile.TemporaryDirectory() as directory:
        for compiled in BUILD.glob("*.vo"):
            if compiled.name not in {f"{name}o" for name in TEXT_FILES}:
                shutil.copy(compiled, directory)
        for name in ("run.ml", "Extract.v", "NumPy.v", "Python.v", *TEXT_FILES):
            if name != "Source.v":
                Path(directory, name).write_text(changed.get(name) or (HERE / name).read_text())
        Path(directory, "Source.v").write_text(source)
        for file in (["NumPy.v", "Python.v"] if changed.keys() & {"NumPy.v", "Python.v"} else []) + [*TEXT_FILES]:
            command = ["timeout", "240", "coqc", "-w", "none", "-Q", ".", "RefNN", file]
            run = subprocess.run(command, cwd=directory, capture_output=True, text=True)
            if run.returncode:
                if file in {"NumPy.v", "Python.v"}:
                    raise ValueError(f"not a well-formed definition:\n{run.stderr}")
                line = int(re.search(r"line (\d+)", run.stderr)[1])
                above = "\n".join(Path(directory, file).read_text().splitlines()[:line])
                return f"{file}: " + (re.findall(r"(?:Lemma|Theorem|Definition) (\w+)", above) or ["?"])[-1]
        if changed.keys() & {"NumPy.v", "Python.v"}:
            build = "coqc -w none -Q . RefNN Extract.v && ocamlopt -w -a -o run refnn.mli refnn.ml run.ml"
            subprocess.run(build, shell=True, cwd=directory, check=True, capture_output=True)
            _, differ = tie.numpy_differs(str(Path(directory, "run")), random.Random(tie.SEED))
            if differ:
                return f"NumPy differs in {differ[0]}"
    return None


# ------------------------------------------------------------------------------------------------------- both


def main() -> None:
    record = json.loads(RECORD.read_text()) if RECORD.exists() else {}
    record["source"] = {mutant: source_breaks(module) for mutant, module in source_mutants()}
    if sys.argv[1:] != ["source"]:
        record["proof_state"] = proof_state()
        names, texts = zip(*proof_mutants(), strict=True)
        with ThreadPoolExecutor(2) as pool:
            breaks = bar(pool.map(proof_breaks, texts), "mutants of Generic.v", total=len(texts))
            record["Generic.v"] = dict(zip(names, breaks, strict=True))
    RECORD.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n")
    for file in ("source", "Generic.v"):
        results = record.get(file, {})
        survivors = [mutant for mutant, breaks in results.items() if breaks is None]
        print(f"{file}: {len(results) - len(survivors)} of {len(results)} mutants are seen", *survivors, sep="\n  ")


if __name__ == "__main__":
    main()
