"""Does each part of the evidence count?  Change one thing at a time, and see that it is refused, and by what.

    python mutants.py          what mutants.json does not know or no longer holds (an hour if that is all)
    python mutants.py source   the Python source on vectors.json only, against the extracted program (seconds)

Changed are the source, the translator, the meaning of its syntax, the model, and the statements of the theorems: by
rule, in the source at the nodes that `other` names and in Generic.v at each match of RULES, and as changes.py has it.
The mutants of the source must also return other numbers than the extracted program, or fail.
"""

import ast
import functools
import hashlib
import itertools
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

import changes
import tie
import translate

from refnn import layers, network
from refnn._progress import bar

HERE = Path(__file__).parent
PACKAGE = Path(network.__file__).parent
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
DEFINITIONS = {"Generic.v", "Model.v", "NumPy.v", "Python.v", "Certificate.v"}  # these hold no proof that could break
Changed = dict[str, str]  # the files that a change changes, with their texts
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


# ------------------------------------------------------------------------------------------------ what is changed


RULES = (
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


def model_changes() -> Iterator[tuple[str, Changed]]:
    """Each mutant of Generic.v: its definition and changed line, and the changed text."""
    text = (HERE / "Generic.v").read_text()
    lines = text.splitlines(keepends=True)
    name = comment = None
    for number, line in enumerate(lines):
        if definition := re.match(r"(?:Definition|Fixpoint) (\w+)", line):
            name = definition[1]
        comment = comment or line.startswith("(**")
        if name and not comment and not line.startswith(("Local", "Variable")):
            for pattern, replacement in RULES:
                for match in re.finditer(pattern, line):
                    changed = line[: match.start()] + match.expand(replacement) + line[match.end() :]
                    text = "".join([*lines[:number], changed, *lines[number + 1 :]])
                    yield f"{name}: {changed.strip()}", {"Generic.v": text}
        comment = comment and "*)" not in line


def written_changes(written: Iterable[tuple[str, ...]]) -> Iterator[tuple[str, Changed]]:
    """Those of changes.py; a test that is to refuse one stands among its files, with no text."""
    for file, old, new, *tests in written:
        text = path_of(file).read_text()
        if text.count(old) != 1:
            raise ValueError(f"{file} does not have once: {old}")
        yield f"{file}: {' '.join(new.split())}", {file: text.replace(old, new)} | dict.fromkeys(tests, "")


@functools.cache
def all_changes() -> dict[str, dict[str, Changed]]:
    """By what they change."""
    text = ((name, {Path(file.__file__).name: ast.unparse(tree)}) for name, file, tree in source_changes())
    return {
        "text": dict([*text, *written_changes(changes.SOURCE)]),
        "floats": dict(written_changes(changes.FLOATS)),
        "translator": dict(written_changes(changes.TRANSLATOR)),
        "meaning": dict(written_changes(changes.MEANING)),
        "Generic.v": dict(model_changes()),
        "model": dict(written_changes(changes.MODEL)),
        "statements": dict(written_changes(changes.STATEMENTS)),
        "rounding": dict(written_changes(changes.ROUNDING)),
        "certificates": dict(written_changes(changes.CERTIFICATES)),
    }


# --------------------------------------------------------------------------------------------- what refuses it


def order() -> list[str]:
    """The files of the proofs, in the order in which they are compiled."""
    return [line for line in (HERE / "_CoqProject").read_text().splitlines() if line.endswith(".v")]


def path_of(file: str) -> Path:
    return (HERE if file.endswith(".v") or file == "translate.py" else PACKAGE) / file


def text_of(file: str, changed: Changed) -> str:
    """Source.v is what the translator makes of the source, either of them changed or not."""
    if file != "Source.v":
        return changed.get(file) or (HERE / file).read_text()
    translator = ModuleType("translator")
    exec(text_of("translate.py", changed), translator.__dict__)
    made: str = translator.translate(
        {name: changed.get(f"{name}.py", text) for name, text in translate.texts().items()}
    )
    return made


def refused_by(changed: Changed) -> str | None:
    """The first that refuses it: the named test; the translator; the lemma that no longer compiles, of the files that
    stand on a changed one; the record of the statements; NumPy beside NumPy.v."""
    with tempfile.TemporaryDirectory() as directory:
        there = Path(directory)
        if tests := [name for name, text in changed.items() if not text]:
            return test_refuses(there, tests[0], changed)
        try:
            changed = changed | {"Source.v": text_of("Source.v", changed)}
        except ValueError as error:
            return f"translate.py: {str(error).rsplit(': ', 1)[-1]}"
        for file in ["Statements.v", "run.ml", *(vo.name for vo in BUILD.glob("*.vo"))]:
            shutil.copy(BUILD / file, there)
        again: set[str] = set()
        for file in likelier_first(changed):
            text = text_of(file, changed)
            needs = {
                f"{name}.v"
                for names in re.findall(r"^From RefNN Require (.*)\.$", text, re.M)
                for name in names.split()
            }
            if needs & again or text != (BUILD / file).read_text():
                again.add(file)
                (there / file).write_text(text)
                if lemma := coq_refuses(there, file):
                    if file in changed and file in DEFINITIONS:
                        raise ValueError(f"{file}: not a well-formed definition of {lemma}")
                    return f"{file}: {lemma}"
        if again and (name := statements_differ(there)):
            return f"statements.txt: {name}"
        if "NumPy.v" in again:
            build = ["ocamlopt", "-w", "-a", "-o", "run", "refnn.mli", "refnn.ml", "run.ml"]
            subprocess.run(build, cwd=there, check=True)
            try:
                _, operations = tie.numpy_differs(str(there / "run"), random.Random(tie.SEED))
            except subprocess.CalledProcessError:  # as by a division by zero, beyond the end of an array
                return "NumPy: where NumPy.v stops"
            return f"NumPy: {operations[0]}" if operations else None
    return None


def likelier_first(changed: Changed) -> list[str]:
    """Of Layers.v and Tie.v, which do not stand on each other and take longest, the one that speaks of the change."""
    in_layers = changed.keys() & {"layers.py", "_floats.py", "NumPy.v", "Python.v"}
    return sorted(order(), key=lambda file: file in {"Tie.v", "Translated.v", "Extract.v"}) if in_layers else order()


def coq_refuses(directory: Path, file: str) -> str | None:
    """Where the file stops to compile, by the flags of _CoqProject."""
    command = ["timeout", "240", "coqc", "-w", "-ambiguous-paths,+local-declaration", "-Q", ".", "RefNN", file]
    run = subprocess.run(command, cwd=directory, capture_output=True, text=True)
    if not run.returncode:
        return None
    line = int(found[1]) if (found := re.search(r"line (\d+)", run.stderr)) else 0
    above = "\n".join((directory / file).read_text().splitlines()[:line])
    name = (re.findall(r"(?:Lemma|Theorem|Remark|Let|Definition|Fixpoint) (\w+)", above) or ["?"])[-1]
    return name if run.returncode != 124 else f"{name}, no proof in 240 s"


def printed_statements(directory: Path) -> list[str]:
    command = ["coqc", "-w", "none", "-Q", ".", "RefNN", "Statements.v"]
    run = subprocess.run(command, cwd=directory, capture_output=True, text=True)
    return [line for line in re.sub(r"^Arguments.*\n( .*\n)*", "", run.stdout, flags=re.M).splitlines() if line]


def statements_differ(directory: Path) -> str | None:
    """The first word or theorem that Coq prints otherwise than statements.txt has it."""
    names = re.findall(r"^(?:Print|Check) ([\w.]+)\.$", (HERE / "Statements.v").read_text(), re.M)
    name = None
    pairs = itertools.zip_longest((HERE / "statements.txt").read_text().splitlines(), printed_statements(directory))
    for recorded, printed in pairs:
        heading = re.match(r"(?:Inductive |Record )?([\w.]+)", recorded or "")
        if names and heading and heading[1].split(".")[-1] == names[0].split(".")[-1]:
            name = names.pop(0)
        if recorded != printed:
            return name
    return None


def test_refuses(directory: Path, test: str, changed: Changed) -> str | None:
    """The first test in this file that fails on a copy with the change. An error in collecting it is no refusal."""
    root = HERE.parents[1]
    for folder in ("refnn", "tests", "proofs/coq", "proofs/vectors"):
        shutil.copytree(root / folder, directory / folder)
    shutil.copy(root / "pyproject.toml", directory)
    for file, text in changed.items():
        if text:
            (directory / path_of(file).relative_to(root)).write_text(text)
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", f"tests/{test}"]
    run = subprocess.run(command, cwd=directory, env=os.environ | {"PYTHONPATH": "."}, capture_output=True, text=True)
    failed = re.search(r"^FAILED [^:\s]+::(\w+)", run.stdout, re.M)
    return f"{Path(test).name}: {failed[1]}" if failed else None


# -------------------------------------------------------------------------------------------------- the record


def without_comments(coq: str) -> str:
    return re.sub(r"\(\*.*?\*\)", "", coq, flags=re.DOTALL)


def state() -> dict[str, str]:
    """A fingerprint of each file that decides, each after those on which it stands."""
    files = order()
    files.insert(files.index("Source.v"), "translate.py")
    texts = [without_comments(text_of(file, {})) for file in (*files, "Statements.v", "statements.txt")]
    digests = [hashlib.sha256(" ".join(text.split()).encode()).hexdigest()[:16] for text in texts]
    return dict(zip((*files, "Statements.v", "statements.txt"), digests, strict=True))


def out_of_date(record: dict[str, Any]) -> dict[str, dict[str, Changed]]:
    """The changes whose result is not in the record, or stands there on files that are no longer what they were."""
    now, then = state(), record.get("state", {})
    files = list(now)

    def holds(result: str | None) -> bool:
        file = (result or "").split(":")[0]
        return result is not None and all(
            then.get(f) == now[f] for f in (files[: files.index(file) + 1] if file in now else files)
        )

    return {
        kind: {name: c for name, c in every.items() if not holds(record.get(kind, {}).get(name))}
        for kind, every in all_changes().items()
    }


def main() -> None:
    record = json.loads(RECORD.read_text())
    record["source"] = {mutant: source_breaks(module) for mutant, module in source_mutants()}
    if sys.argv[1:] != ["source"]:
        anew = out_of_date(record)
        for kind, every in all_changes().items():
            with ThreadPoolExecutor(2) as pool:
                found = bar(pool.map(refused_by, anew[kind].values()), kind, total=len(anew[kind]))
                results = record.get(kind, {}) | dict(zip(anew[kind], found, strict=True))
            record[kind] = {name: results[name] for name in every}
        record["state"] = state()
    RECORD.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n")
    for kind in ("source", *all_changes()):
        results = record[kind]
        survivors = [name for name, refused in results.items() if refused is None]
        print(f"{kind}: {len(results) - len(survivors)} of {len(results)} are refused", *survivors, sep="\n  ")


if __name__ == "__main__":
    main()
