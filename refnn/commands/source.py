"""Python files by other people: import one, or read the definitions from one without running it.

A script that trains, prints or plots when it is imported still holds the functions to be judged. `definitions` runs
only what these functions need: the statements that bind them, and those that bind or fill the global names which they
use in turn (imports, constants, helpers, tables), or may change these by what they call, as `table.update(…)`,
`setup()` or `jax.config.update(…)` do. A call of the functions themselves may train for hours: it is left out, and said
if it may change what they need. The module is not called "__main__".
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

FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef
DEFINITION = FUNCTION | ast.ClassDef
DISPLAY = ast.Tuple | ast.List | ast.Set | ast.Dict | ast.Starred | ast.IfExp
LEFT = "not run, as it calls the functions to be judged"
SETTING = re.compile(r"[._](set|config|seed|enable|disable)")
LINE_END = re.compile(r"\r\n?|\n")  # to Python; str.splitlines ends lines at U+2028 and others, too
LOST_CALL = re.compile(r"[=(*+-]\s*,|=\s*\[['\"]")  # "dA_prev =, dZ)": an operator or bracket, then no operand


class Problem(NamedTuple):
    """A line that Python cannot read, or a statement that raised or was left out."""

    line: int
    text: str
    message: str
    names: tuple[str, ...] = ()  # that the statement would have bound or changed, "*" for all of a module

    def __str__(self) -> str:
        unreadable = not self.names and LOST_CALL.search(self.text)
        lost = "; a call was lost here, such as np.dot( or np.log(" if unreadable else ""
        return f"line {self.line}: {self.message}{lost}\n    {printable(self.text.strip())}"


class Definitions(NamedTuple):
    """What a file defines, what stood in the way of the rest, and what may have changed it, but was not run."""

    namespace: dict[str, Any]
    problems: tuple[Problem, ...]
    left: tuple[Problem, ...]


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
    sys.path.insert(0, str(path.parent))
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
    needed = _needed(statements, names)
    left = [_problem(statement, LEFT, changes) for statement, changes in needed.left.items()]
    with _module(path) as namespace:
        for statement, changes in needed.run.items():
            try:
                with quietly():
                    exec(compile(ast.Module([*futures, statement], []), str(path), "exec"), namespace)
            except (Exception, SystemExit) as error:
                raised = f"{type(error).__name__}: {shown(error)}"
                if changes:
                    left.append(_problem(statement, raised, changes))
                else:
                    problems.append(_problem(statement, raised, _Part.of(statement).binds))
    return Definitions(namespace, tuple(problems), tuple(sorted(left)))


def _problem(statement: ast.stmt, message: str, names: Collection[str]) -> Problem:
    return Problem(statement.lineno, ast.unparse(statement).splitlines()[0], message, tuple(sorted(names)))


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


class _Part(NamedTuple):
    """A statement at the top of a file, with global names: those that it binds, fills and uses, those of which it hands
    the object to a call or to another name, and those that a call of this function binds or fills."""

    statement: ast.stmt
    binds: set[str]
    fills: set[str]
    uses: set[str]
    hands: set[str]
    inside: set[str]

    @classmethod
    def of(cls, statement: ast.stmt) -> "_Part":
        code = compile(ast.Module([statement], []), "<statement>", "exec")
        binds, uses = {*_operands(code, "STORE_NAME")}, {*_operands(code, "LOAD_NAME", "LOAD_GLOBAL")}
        if isinstance(statement, ast.ImportFrom) and statement.names[0].name == "*":
            binds.add("*")
        inside = {*_operands(code, "STORE_GLOBAL")}
        if isinstance(statement, FUNCTION):
            inside |= uses & {name for part in statement.body for name in _filled(part)}
        return cls(statement, binds, {*_filled(statement)}, uses, {*_handed(statement)}, inside)


class _Needed(NamedTuple):
    """The statements to run, with the names that one may change which is not sure to; and those that are left out."""

    run: dict[ast.stmt, set[str]]
    left: dict[ast.stmt, set[str]]


def _needed(statements: list[ast.stmt], names: Collection[str]) -> _Needed:
    """Which statements bind or fill `names` or, in turn, what these use; or may change it by what they call.

    Of the latter, and of `while`, those that call a function of `names` are left out: they may train for hours.
    """
    parts = [_Part.of(statement) for statement in statements]
    functions = {part.statement.name: part for part in parts if isinstance(part.statement, FUNCTION)}
    packages = dict(pair for part in parts for pair in _imported(part.statement))
    objects = {name for part in parts for name in part.binds}.difference(functions, packages)
    calls = [_called(part, functions, names) for part in parts]
    wanted, before = {"*", *names}, 0
    while len(wanted) > before:
        before, found = len(wanted), _Needed({}, {})
        needed_packages = {packages[name] for name in wanted & {*packages}}
        for part, called in zip(parts, calls, strict=True):
            sure = wanted & (part.binds | part.fills.difference(packages))
            helpers = called.intersection(functions).difference(names)
            changed = set[str]().union(*(functions[name].inside for name in helpers)).difference(packages)
            perhaps = wanted & (changed | part.hands & objects)
            if _setting(part, packages) in needed_packages and part.uses <= wanted.union(packages):
                perhaps = perhaps or part.uses
            if sure and not (isinstance(part.statement, ast.While) and called.intersection(names)):
                found.run[part.statement] = set()
            elif called.isdisjoint(names) and perhaps:
                found.run[part.statement] = perhaps
            elif sure or wanted & changed:
                found.left[part.statement] = sure or wanted & changed
        for part in parts:
            if part.statement in found.run:
                wanted |= part.uses | (part.binds if part.hands & wanted & objects else set())
    return found


def _called(part: _Part, functions: dict[str, _Part], names: Collection[str]) -> set[str]:
    """The names that a statement uses where it stands, and those that functions among them use, but not `names`."""
    found, new = set[str](), {node.id for node in _here(part.statement) if isinstance(node, ast.Name)}
    while new := new - found:
        found |= new
        new = set[str]().union(*(functions[name].uses for name in new.intersection(functions).difference(names)))
    return found


def _imported(statement: ast.stmt) -> Iterator[tuple[str, str]]:
    """The names that an import binds, each with its package."""
    if isinstance(statement, ast.Import | ast.ImportFrom):
        for alias in statement.names:
            name = alias.name if isinstance(statement, ast.Import) else f"{statement.module}."
            root = name.partition(".")[0]
            yield alias.asname or (root if isinstance(statement, ast.Import) else alias.name), root


def _setting(part: _Part, packages: dict[str, str]) -> str | None:
    """The package of which a call such as `jax.config.update(…)` or `np.seterr(…)` is a setting, by its name."""
    match part.statement:
        case ast.Expr(ast.Call(ast.Attribute() as called)) if SETTING.search(ast.unparse(called)):
            return packages.get(_root(called))
    return None


def _here(node: ast.AST) -> Iterator[ast.AST]:
    """What is evaluated where a statement stands: not what waits for a call, or for the module to be "__main__"."""
    waiting = [node]
    while waiting:
        yield (node := waiting.pop())
        if isinstance(node, DEFINITION | ast.Lambda):
            waiting += getattr(node, "decorator_list", [])
        elif isinstance(node, ast.If) and "__name__" in ast.unparse(node.test):
            waiting += node.orelse
        else:
            waiting += ast.iter_child_nodes(node)


def _handed(statement: ast.stmt) -> Iterator[str]:
    """The names T of `f(T)`, `x = T.pop()`, `x = [T["one"]]` and `for x in T:`."""
    for node in _here(statement):
        if isinstance(node, ast.Call):
            yield from _roots(node.func, *node.args, *(keyword.value for keyword in node.keywords))
        elif isinstance(node, ast.Assign | ast.AnnAssign | ast.For):
            yield from _roots(node.iter if isinstance(node, ast.For) else node.value)


def _filled(statement: ast.stmt) -> Iterator[str]:
    """The names K, C and T of `K["one"] = 1`, `C.one = 1` and `T.update(one=1)`, and f of `@f.register`, within other
    statements too; of sys.path all, by "*"."""
    for node in _here(statement):
        targets = [*getattr(node, "targets", []), getattr(node, "target", None), *getattr(node, "decorator_list", [])]
        for target in (*targets, node.value if isinstance(node, ast.Expr) else None):
            yield from _of_target(target)


def _of_target(target: ast.AST | None) -> Iterator[str]:
    if isinstance(target, DISPLAY):
        for part in ast.iter_child_nodes(target):
            yield from _of_target(part)
    else:
        node = target.func if isinstance(target, ast.Call) else target
        if isinstance(node, ast.Subscript | ast.Attribute):
            yield "*" if ast.unparse(node).startswith("sys.path.") else _root(node)


def _roots(*nodes: ast.AST | None) -> Iterator[str]:
    """The names of the objects that are in these expressions."""
    for node in nodes:
        if isinstance(node, DISPLAY):
            yield from _roots(*ast.iter_child_nodes(node))
        else:
            yield _root(node)


def _root(node: ast.AST | None) -> str:
    """The name K of `K["one"].two`; "" of what is no such chain."""
    while isinstance(node, ast.Subscript | ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def _operands(code: CodeType, *operations: str) -> Iterator[str]:
    """The names with which code does these operations, functions inside it included."""
    for instruction in dis.get_instructions(code):
        if instruction.opname in operations:
            yield instruction.argval
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _operands(constant, *operations)
