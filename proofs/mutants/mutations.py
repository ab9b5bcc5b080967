"""Every change of one operator, number, condition or statement of a file, as text that replaces a piece of it."""

import ast
from collections.abc import Iterable, Iterator
from typing import NamedTuple

BINARY = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Div}
BINARY |= {ast.Mod: ast.FloorDiv, ast.Pow: ast.Mult}
COMPARED = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq}
COMPARED |= {ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In}
TURNED = {ast.Lt: ast.Gt, ast.LtE: ast.GtE, ast.Gt: ast.Lt, ast.GtE: ast.LtE}
CALLED = {
    "max": "min",
    "min": "max",
    "any": "all",
    "all": "any",
    "np.maximum": "np.minimum",
    "np.minimum": "np.maximum",
}
DROPPED = ("abs", "np.abs", "np.sqrt", "np.conj", "math.sqrt", "sorted", "tuple", "float")  # the call, not its argument


class Mutation(NamedTuple):
    """A piece of a file, from its place in the text, and what stands there instead."""

    scope: str  # of functions and classes, as in "Ladder.derivative"
    line: int
    start: int
    end: int
    old: str
    new: str

    def applied(self, source: str) -> str:
        return source[: self.start] + self.new + source[self.end :]

    def __str__(self) -> str:
        return f"{self.line} {self.scope}: {shown(self.old)} -> {shown(self.new)}"


def shown(text: str) -> str:
    return " ".join(text.split())[:100]


def mutations(source: str) -> Iterator[Mutation]:
    """All of a file, in the order of its text. Words are left alone, and with them annotations and what is raised."""
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    lines = source.splitlines()

    def offset(line: int, column: int) -> int:
        return starts[line - 1] + len(lines[line - 1].encode()[:column].decode())

    def span(node: ast.expr | ast.stmt) -> slice:
        return slice(offset(node.lineno, node.col_offset), offset(node.end_lineno, node.end_col_offset))

    def piece(node: ast.expr | ast.stmt) -> str:
        return source[span(node)]

    def changed(node: ast.expr | ast.stmt, scope: str, texts: Iterable[str]) -> Iterator[Mutation]:
        place, old = span(node), piece(node)
        for new in texts:
            if new != old:
                yield Mutation(scope or "<module>", node.lineno, place.start, place.stop, old, new)

    def walk(node: ast.AST, scope: str) -> Iterator[Mutation]:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            scope = f"{scope}.{node.name}".lstrip(".")
        if isinstance(node, ast.expr | ast.stmt):
            yield from changed(node, scope, replacements(node, piece(node)))
        if isinstance(node, ast.If | ast.While):
            yield from changed(node.test, scope, ["False", "True"] if isinstance(node, ast.If) else ["False"])
        for child in children(node):
            yield from walk(child, scope)

    yield from walk(ast.parse(source), "")


def children(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.JoinedStr | ast.Raise | ast.Import | ast.ImportFrom | ast.Assert):
        return
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list", "type_comment"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield child


def replacements(node: ast.AST, text: str) -> Iterator[str]:
    yield from (f"({ast.unparse(other)})" for other in expressions(node))
    match node:
        case ast.Call(function, [first, *_]) if not isinstance(first, ast.Starred):
            name = ast.unparse(function)
            if name in CALLED:
                yield f"{CALLED[name]}{text[len(name) :]}"
            if name in DROPPED:
                yield f"({ast.unparse(first)})"
        case ast.Return(value) if value is not None:
            yield "return None"
        case ast.Expr(ast.Call() | ast.YieldFrom() | ast.Yield()) | ast.AugAssign():
            yield "pass"


def expressions(node: ast.AST) -> Iterator[ast.expr]:
    """The expressions that may stand in the place of this one."""
    match node:
        case ast.BinOp(left, op, right) if type(op) in BINARY and not words(left) and not words(right):
            yield ast.BinOp(left, BINARY[type(op)](), right)
        case ast.BinOp(left, ast.MatMult(), right):
            yield ast.BinOp(right, ast.MatMult(), left)
        case ast.BinOp(left, ast.BitOr() | ast.BitAnd(), right):
            yield from (left, right)
        case ast.UnaryOp(ast.USub() | ast.Not() | ast.Invert(), operand):
            yield operand
        case ast.BoolOp(op, values):
            for i in range(len(values)):
                rest = [*values[:i], *values[i + 1 :]]
                yield ast.BoolOp(op, rest) if len(rest) > 1 else rest[0]
        case ast.Compare(left, [op], [right]):
            yield from (
                ast.Compare(left, [table[type(op)]()], [right]) for table in (COMPARED, TURNED) if type(op) in table
            )
        case ast.Constant(bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(int(value)):
            yield ast.Constant(value + 1)
        case ast.Constant(float(value)):
            yield ast.Constant(2 * value if value else 1.0)
        case ast.Attribute(value, "T"):
            yield value
        case ast.IfExp(_, yes, no):
            yield from (yes, no)


def words(node: ast.AST) -> bool:
    """Whether this is a text, whose sum is no arithmetic."""
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))
