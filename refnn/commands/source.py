"""Python files by other people: import one, or read the definitions from one without running it.

A script that trains, prints or plots when it is imported still holds the functions to be judged. `definitions` runs
only what these functions need: the statements that bind them, and those that bind or fill the global names which they
use in turn (imports, constants, helpers, tables). A method called on such a name, as in `table.update(…)`, may fill it,
and is run, too; other calls are not, nor is `while` at the top, which may train for hours. The module is not called
"__main__".
"""

import ast
import contextlib
import dis
import importlib
import inspect
import io
import re
import sys
import tokenize
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, NamedTuple

from refnn._printing import indent, printable, shown

DEFINITION = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
LINE_END = re.compile(r"\r\n?|\n")  # to Python; str.splitlines ends lines at U+2028 and others, too
LOST_CALL = re.compile(r"[=(*+-]\s*,|=\s*\[['\"]")  # "dA_prev =, dZ)": an operator or bracket, then no operand


class Problem(NamedTuple):
    """A line that Python cannot read, or a statement that raised."""

    line: int
    text: str
    message: str
    names: tuple[str, ...] = ()  # that the statement would have bound, "*" for all of a module

    def __str__(self) -> str:
        lost = "; a call was lost here, such as np.dot( or np.log(" if LOST_CALL.search(self.text) else ""
        return f"line {self.line}: {self.message}{lost}\n    {printable(self.text.strip())}"


class Definitions(NamedTuple):
    """What a file defines, and what stood in the way of the rest."""

    namespace: dict[str, Any]
    problems: tuple[Problem, ...]


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Keep what the judged code prints to ourselves, leave no bytecode beside it, and show it no arguments of ours."""
    bytecode, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    arguments, sys.argv = sys.argv, sys.argv[:1]
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        sys.dont_write_bytecode, sys.argv = bytecode, arguments


def function(target: str) -> Callable[..., Any]:
    """Import MODULE:FUNCTION, where MODULE is a dotted name or the path of a file, FUNCTION may be dotted too.

    Raises
    ------
    ValueError
        If the import fails, or there is no such function.
    """
    module_name, _, attribute = target.rpartition(":")
    is_file = module_name.endswith(".py")
    path = Path(module_name).resolve()
    if is_file and not path.is_file():
        raise ValueError(f"there is no file {module_name}")
    if is_file and "." in path.stem:
        raise ValueError(f"{module_name} cannot be imported, as its name has a dot: rename the file")
    sys.path.insert(0, str(path.parent) if is_file else "")
    try:
        with quietly():
            found: Any = importlib.import_module(path.stem if is_file else module_name)
    except (Exception, SystemExit) as error:  # importing runs other people's code, which may raise anything
        raise ValueError(f"importing {module_name} raised {type(error).__name__}: {shown(error)}") from error
    if is_file and Path(found.__file__ or "").resolve() != path:
        raise ValueError(f"{module_name} has the name of a module that is loaded already: rename the file")
    for name in attribute.split("."):
        if not hasattr(found, name):
            raise ValueError(f"{module_name} has no {attribute}")
        found = getattr(found, name)
    if not callable(found):
        raise ValueError(f"{target} is {type(found).__name__}, expected a function (params, X, Y) -> grads")
    try:
        inspect.signature(found).bind("params", "X", "Y")
    except TypeError as error:
        raise ValueError(f"{target} cannot be called with (params, X, Y): {error}") from error
    except ValueError:
        pass  # a compiled function shows no signature
    return found  # type: ignore[no-any-return]


def definitions(path: Path, names: Collection[str]) -> Definitions:
    """Run the part of a file that defines `names`, as far as it can be read and run."""
    data = path.read_bytes()
    # Of NUL bytes, which detect_encoding refuses from Python 3.14 on, the parser says the line.
    encoding, _ = tokenize.detect_encoding(io.BytesIO(data.replace(b"\0", b"")).readline)
    statements, problems = _parse(data.decode(encoding))
    futures = [s for s in statements if isinstance(s, ast.ImportFrom) and s.module == "__future__"]
    sys.path.insert(0, str(path.resolve().parent))
    sys.path.append(str(Path.cwd()))  # for `python -m`, which finds modules there, too
    with _module(path) as namespace:
        for statement in _needed(statements, names):
            try:
                with quietly():
                    exec(compile(ast.Module([*futures, statement], []), str(path), "exec"), namespace)
            except (Exception, SystemExit) as error:
                text = ast.unparse(statement).splitlines()[0]
                names = tuple(sorted(_names(statement)[0]))
                problems.append(Problem(statement.lineno, text, f"{type(error).__name__}: {shown(error)}", names))
    return Definitions(namespace, tuple(problems))


@contextlib.contextmanager
def _module(path: Path) -> Iterator[dict[str, Any]]:
    """The globals of a new module, which is found under its name meanwhile, as dataclasses look for theirs."""
    module = ModuleType(path.stem)
    module.__file__ = str(path)
    before = sys.modules.setdefault(path.stem, module)  # perhaps another of that name
    try:
        yield vars(module)
    finally:
        if before is module:
            sys.modules.pop(path.stem, None)


def _parse(source: str) -> tuple[list[ast.stmt], list[Problem]]:
    """Return the statements that can be read, and the lines because of which others cannot.

    Tabs are tried as four spaces; a line that cannot be read is passed over to find the next. A function with such a
    line is lost, the others are not.
    """
    problems: list[Problem] = []
    theirs = LINE_END.split(source)
    lines = [*theirs]
    lost = set[int]()
    while True:
        try:
            tree = ast.parse("\n".join(lines))
            break
        except SyntaxError as error:
            number = min(error.lineno or 1, len(lines))
            mixed = isinstance(error, IndentationError) and any("\t" in line for line in lines)
            if number in lost and not mixed:
                return [], sorted(problems)
            message = "tabs and spaces are mixed" if mixed else error.msg
            problems.append(Problem(number, theirs[number - 1], message))
            if mixed:
                lines = [line.expandtabs(4) for line in lines]
            else:
                lost.add(number)
                lines[number - 1] = _passed_over(lines, number - 1, error)
    whole = [s for s in tree.body if lost.isdisjoint(range(s.lineno, (s.end_lineno or s.lineno) + 1))]
    for statement in whole[:]:
        try:
            compile(ast.Module([statement], []), "<statement>", "exec")
        except SyntaxError as error:  # as a return outside of functions, which the parser lets pass
            number = error.lineno or statement.lineno
            problems.append(Problem(number, theirs[number - 1], error.msg))
            whole.remove(statement)
    return whole, sorted(problems)


def _passed_over(lines: list[str], i: int, error: SyntaxError) -> str:
    """A statement to stand in for line i, indented as its neighbours demand; it opens a block if one follows."""
    before, after = ([line for line in part if line.split("#")[0].strip()] for part in (lines[:i], lines[i + 1 :]))
    white = _white(lines[i])
    if isinstance(error, IndentationError):
        white = _white(before[-1]) + " " * error.msg.startswith("expected an indented block") if before else ""
    opens = after and len(_white(after[0]).expandtabs(4)) > len(white.expandtabs(4))
    return white + ("if 1:" if opens else "pass")


def _white(line: str) -> str:
    return line[: indent(line)]


def _needed(statements: list[ast.stmt], names: Collection[str]) -> list[ast.stmt]:
    """Return the statements that bind or fill `names` or, in turn, what these use, in the order of the file."""
    candidates = [(s, *_names(s)) for s in statements if not isinstance(s, ast.While)]
    imported = {name for s, bound, _ in candidates if isinstance(s, ast.Import | ast.ImportFrom) for name in bound}
    for statement, bound, _ in candidates:
        bound |= {*_filled(statement)} - imported  # the modules of others stay as they are
    wanted, before = {"*", *names}, 0
    while len(wanted) > before:
        before = len(wanted)
        for _, bound, used in candidates:
            if not wanted.isdisjoint(bound):
                wanted |= used
    return [statement for statement, bound, _ in candidates if not wanted.isdisjoint(bound)]


def _names(statement: ast.stmt) -> tuple[set[str], set[str]]:
    """Return the global names that a statement binds and those that it uses, functions inside it included."""
    code = compile(ast.Module([statement], []), "<statement>", "exec")
    bound = {i.argval for i in dis.get_instructions(code) if i.opname == "STORE_NAME"}
    if isinstance(statement, ast.ImportFrom) and statement.names[0].name == "*":
        bound.add("*")
    return bound, set(_used(code))


def _filled(statement: ast.AST) -> Iterator[str]:
    """The names K, C and T of `K["one"] = 1`, `C.one = 1` and `T.update(one=1)`, and f of `@f.register`, within other
    statements too; of sys.path all, by "*"."""
    targets = [*getattr(statement, "targets", []), getattr(statement, "target", None)]
    if isinstance(statement, ast.Expr):
        targets = [statement.value]
    for target in (*targets, *getattr(statement, "decorator_list", [])):
        yield from _of_target(target)
    if not isinstance(statement, DEFINITION):
        for part in ast.iter_child_nodes(statement):
            if isinstance(part, ast.stmt | ast.ExceptHandler | ast.match_case):
                yield from _filled(part)


def _of_target(target: ast.expr | None) -> Iterator[str]:
    if isinstance(target, ast.Tuple | ast.List):
        for part in target.elts:
            yield from _of_target(part)
    elif isinstance(target, ast.Starred):
        yield from _of_target(target.value)
    else:
        node = target.func if isinstance(target, ast.Call) else target
        if isinstance(node, ast.Subscript | ast.Attribute) and not any(isinstance(n, ast.Call) for n in ast.walk(node)):
            text = ast.unparse(node)
            yield "*" if text.startswith("sys.path.") else re.split(r"\W", text)[0]


def _used(code: CodeType) -> Iterator[str]:
    for instruction in dis.get_instructions(code):
        if instruction.opname in ("LOAD_NAME", "LOAD_GLOBAL"):
            yield instruction.argval
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _used(constant)
