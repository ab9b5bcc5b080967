"""The record of the mutants: what it says, and whether it is out of date or at odds with itself."""

import ast
import hashlib
import io
import json
import re
import tokenize
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from links import LINKS, REST

HERE = Path(__file__).parent
PACKAGE = HERE.parents[1] / "refnn"
RECORD, EQUIVALENT = HERE / "mutants.json", HERE / "equivalent.json"
Record = dict[str, Any]
CORE = ("network.py", "layers.py", "_floats.py")  # every mutant of these


def state(text: str) -> str:
    """A hash of the code of a file: comments, docstrings and empty lines may change."""
    lines = text.splitlines()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node):
            words = node.body[0]
            lines[words.lineno - 1 : words.end_lineno] = [""] * (words.end_lineno - words.lineno + 1)
    for token in tokenize.generate_tokens(io.StringIO("\n".join(lines) + "\n").readline):
        if token.type == tokenize.COMMENT:
            line, column = token.start
            lines[line - 1] = lines[line - 1][:column]
    code = "\n".join(line.rstrip() for line in lines if line.strip())
    return hashlib.sha256(code.encode()).hexdigest()


def states(files: Iterable[str]) -> dict[str, str]:
    return {file: state((PACKAGE / file).read_text(encoding="utf-8")) for file in files if (PACKAGE / file).exists()}


def out_of_date(record: Record, files: Sequence[str] = ()) -> list[str]:
    """The files, or those of the record, that are others now."""
    sources = record.get("sources", {})
    now = states(files or sources)
    return [file for file in files or sources if sources.get(file) != now.get(file)]


def reasons() -> dict[str, str]:
    """Of each mutant that no test can tell from the source why that is so."""
    told: dict[str, str] = json.loads(EQUIVALENT.read_text(encoding="utf-8"))
    return told


def is_core(key: str) -> bool:
    return key.partition(" ")[0] in CORE


def totals(core: dict[str, dict[str, str]], others: dict[str, str | None]) -> Record:
    """What is counted: by file, and of the core by link."""
    alike = {**{key: next(iter(killers.values()), None) for key, killers in core.items()}, **others}
    tried = Counter(key.partition(" ")[0] for key in alike)
    caught = Counter(key.partition(" ")[0] for key, killer in alike.items() if killer)
    sees = Counter(link for killers in core.values() for link in killers)
    alone = Counter(next(iter(killers)) for killers in core.values() if len(killers) == 1)
    return {
        "files": {file: [caught[file], tried[file]] for file in sorted(tried)},
        "links": {link: [sees[link], alone[link]] for link in (*LINKS, REST)},
    }


def made(killers: dict[str, dict[str, str]], before: Record) -> Record:
    """The record of these mutants; one that was not tried now is as it was before."""
    killers = {key: {link: short(test) for link, test in found.items()} for key, found in killers.items()}
    core = {key: found for key, found in killers.items() if is_core(key)}
    others = {key: next(iter(found.values()), None) for key, found in killers.items() if key not in core}
    core, others = {**before.get("core", {}), **core}, {**before.get("others", {}), **others}
    files = {key.partition(" ")[0] for key in killers}
    return {
        "sources": {**before.get("sources", {}), **states(files)},
        **totals(core, others),
        "core": core,
        "others": others,
    }


def without(record: Record, files: Sequence[str]) -> Record:
    """The record as if these files had not been tried."""

    def kept(part: str) -> Record:
        return {key: value for key, value in record[part].items() if key.partition(" ")[0] not in files}

    return {**record, **{part: kept(part) for part in ("sources", "core", "others")}}


def short(test: str) -> str:
    """Its file and function, and whether it has no end."""
    return re.sub(r"\[.*\]", "", test.removeprefix("tests/"))


def text(record: Record) -> str:
    """JSON with a line for each mutant."""
    lines = []
    for name, value in sorted(record.items()):
        if isinstance(value, dict):
            each = [f"  {dump(key)}: {dump(value[key])}" for key in sorted(value)]
            lines.append(f" {dump(name)}: {{\n" + ",\n".join(each) + "\n }")
        else:
            lines.append(f" {dump(name)}: {dump(value)}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


dump = partial(json.dumps, ensure_ascii=False)


def faults(record: Record, told: dict[str, str]) -> list[str]:
    """What the record says that is not so, or leaves out."""
    found = []
    core, others = record["core"], record["others"]
    if {key: record[key] for key in ("files", "links")} != totals(core, others):
        found.append("the totals are not those of the mutants")
    survivors = {key for key, killer in {**core, **others}.items() if not killer}
    found += [f"no reason is given for {key}" for key in sorted(survivors - told.keys())]
    found += [
        f"there is a reason for what does not survive: {key}"
        for key in sorted(told.keys() - survivors)
        if is_core(key) or key in others
    ]
    found += [f"{file} has no hash" for file in record["files"] if file not in record["sources"]]
    return found
