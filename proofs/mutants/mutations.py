"""Changes of one operator, number, condition, named argument, call or statement of a file: text that replaces a piece
of it. They are those of the tables below, and not all there could be.

Words are left alone: a text, an annotation, an import, what is raised and what is asserted.
"""

import ast
import copy
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

BINARY = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Div}
BINARY |= {ast.Mod: ast.FloorDiv, ast.Pow: ast.Mult}
COMPARED = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq}
COMPARED |= {ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In}
TURNED = {ast.Lt: ast.Gt, ast.LtE: ast.GtE, ast.Gt: ast.Lt, ast.GtE: ast.LtE}
CALLED = {"max": "min", "any": "all", "np.maximum": "np.minimum"}
CALLED |= {instead: name for name, instead in CALLED.items()}
# These calls are dropped, and their argument stays; of these methods the array.
DROPPED = ("abs", "np.abs", "np.sqrt", "np.conj", "math.sqrt", "sorted", "tuple", "float", "np.nan_to_num")
METHODS = ("astype", "copy", "view", "conj")


class Mutation(NamedTuple):
    """A piece of a file, from its place in the text, and what stands there instead."""

    key: str  # the function, and its line before and after: the same wherever the function moves
    line: int
    lines: int  # how many the piece takes
    start: int
    end: int
    new: str

    def applied(self, source: str) -> str:
        return source[: self.start] + self.new + source[self.end :]


class Place(NamedTuple):
    """A node that has mutations: its piece of the text, and what may stand there instead."""

    node: ast.expr | ast.stmt
    scope: str  # functions and classes, as in "Ladder.derivative"
    start: int
    end: int
    instead: list[str]


def mutations(source: str) -> Iterator[Mutation]:
    """All of a file, in the order of its text. Two with the same key are told apart by a number."""
    seen: Counter[str] = Counter()
    for place in places(source):
        first, last = source.rfind("\n", 0, place.start) + 1, source.find("\n", place.end) % (len(source) + 1)
        before, after = source[first : place.start], re.sub(r"\s+#.*", "", source[place.end : last])
        old = source[place.start : place.end]
        for new in dict.fromkeys(place.instead):
            if new == old:
                continue
            key = f"{place.scope}: {flat(before + old + after)} -> {flat(before + new + after)}"
            seen[key] += 1
            key += f" ({seen[key]})" * (seen[key] > 1)
            yield Mutation(key, place.node.lineno, old.count("\n") + 1, place.start, place.end, new)


def neutral(source: str) -> str:
    """The same program in another text, with another syntax tree: each expression that has mutations is an item of a
    list of one. What fails on this does not look at what the program does."""
    inserted: list[tuple[int, int, str]] = []
    for place in places(source, patterns=False):
        if isinstance(place.node, ast.expr):
            inserted += [(place.start, place.end, "["), (place.end, -place.start, "][0]")]
    # From the end of the text. At one place the inner brackets close first, and the outer ones open first.
    for at, _, text in sorted(inserted, key=lambda each: (each[0], each[2] == "[", each[1]), reverse=True):
        source = source[:at] + text + source[at:]
    return source


def flat(text: str) -> str:
    return " ".join(text.split())


def places(source: str, patterns: bool = True) -> Iterator[Place]:
    """With those in the patterns of `match`, where a list of one would be another pattern, or without."""
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    lines = source.splitlines()

    def offset(line: int, column: int) -> int:  # ast counts in bytes
        return starts[line - 1] + len(lines[line - 1].encode()[:column].decode())

    def place(node: ast.expr | ast.stmt, scope: str, instead: Iterable[str]) -> Place:
        start, end = offset(node.lineno, node.col_offset), offset(node.end_lineno or 0, node.end_col_offset or 0)
        return Place(node, scope or "<module>", start, end, list(instead))

    def walk(node: ast.AST, scope: str) -> Iterator[Place]:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            scope = f"{scope}.{node.name}".lstrip(".")
        if isinstance(node, ast.expr | ast.stmt):
            instead = [*replacements(node), *forced.get(node, ())]
            if instead:
                yield place(node, scope, instead)
        if isinstance(node, ast.If | ast.While):
            forced[node.test] = ["False", "True"] if isinstance(node, ast.If) else ["False"]
        for child in children(node):
            if patterns or not isinstance(child, ast.pattern):
                yield from walk(child, scope)

    forced: dict[ast.AST, list[str]] = {}  # what else may stand in the place of a condition
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


def replacements(node: ast.expr | ast.stmt) -> Iterator[str]:
    """The texts that may stand in the place of this node."""
    yield from (f"({ast.unparse(other)})" for other in expressions(node))
    match node:
        case ast.Return(value) if value is not None and not (isinstance(value, ast.Constant) and value.value is None):
            yield "return None"
        case ast.Expr(ast.Call() | ast.YieldFrom() | ast.Yield()) | ast.AugAssign():
            yield "pass"
        case ast.Assign([ast.Subscript() | ast.Attribute()]):
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
        case ast.Compare(left, ops, comparators):
            for i, op in enumerate(ops):
                for table in (COMPARED, TURNED):
                    if type(op) in table:
                        yield ast.Compare(left, [*ops[:i], table[type(op)](), *ops[i + 1 :]], comparators)
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
        case ast.Call():
            yield from calls(node)
        case ast.JoinedStr(values):  # where Python 3.11 does not know the places of what it holds
            for i, value in enumerate(values):
                if isinstance(value, ast.FormattedValue):
                    for other in expressions(value.value):
                        changed = copy.copy(value)
                        changed.value = other
                        yield ast.JoinedStr([*values[:i], changed, *values[i + 1 :]])


def calls(node: ast.Call) -> Iterator[ast.expr]:
    """Another function, or none, and each argument with a name left out."""
    function, name = node.func, ast.unparse(node.func)
    if name in CALLED:
        yield ast.Call(ast.parse(CALLED[name], mode="eval").body, node.args, node.keywords)
    if name in DROPPED and node.args and not isinstance(node.args[0], ast.Starred):
        yield node.args[0]
    if isinstance(function, ast.Attribute) and function.attr in METHODS:
        yield function.value
    for i, keyword in enumerate(node.keywords):
        if keyword.arg:
            yield ast.Call(function, node.args, [*node.keywords[:i], *node.keywords[i + 1 :]])


def words(node: ast.AST) -> bool:
    """Whether this is a text, whose sum is no arithmetic."""
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))
