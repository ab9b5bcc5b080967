"""The text of network.py and of what it uses, as terms of Coq: python translate.py > Source.v

Nothing is decided here. A node of Python's syntax tree is printed as its class with the fields of FIELDS, the
constructors of Syntax.v. Whatever else it holds stops the run: another class, a field that is not printed and not
empty, a decorator other than a cache. Left out are docstrings, types, and the definitions that PARTS does not name;
they cannot stand in for one that it names, as a file may hold imports and definitions only, each name once.
"""

import ast
import builtins
import sys
from pathlib import Path

import refnn

PARTS = {  # of each file its imports, and these
    "_floats": "exp cosh softplus tanh tanh_derivative step positive_part silu silu_derivative softmax"
    " minus_log_softmax weigh",
    "layers": "Activation Output sigmoid ACTIVATIONS others over_threshold OUTPUTS squared_error activation hidden"
    " output",
    "network": "sigmoid forward_prop cost_function logistic_cost softmax_cost cost_from_Z one_layer_backward"
    " linear_backward backprop update_parameters",
}
FIELDS = {
    "Import": "names",
    "ImportFrom": "module names",
    "ClassDef": "name bases body",
    "FunctionDef": "name args body",
    "Assign": "targets value",
    "AnnAssign": "target value",
    "Expr": "value",
    "If": "test body orelse",
    "For": "target iter body",
    "Return": "value",
    "Constant": "value",
    "Name": "id",
    "Tuple": "elts",
    "List": "elts",
    "Dict": "keys values",
    "BinOp": "left op right",
    "UnaryOp": "op operand",
    "BoolOp": "op values",
    "Compare": "left ops comparators",
    "IfExp": "test body orelse",
    "Attribute": "value attr",
    "Subscript": "value slice",
    "Starred": "value",
    "Call": "func args keywords",
    "JoinedStr": "values",
    "FormattedValue": "value",
    "DictComp": "key value generators",
    "Lambda": "args body",
    "arguments": "args kwonlyargs kw_defaults",
    "arg": "arg",
    "alias": "name asname",
    "keyword": "arg value",
    "comprehension": "target iter",
}
OPERATORS = "Add Sub Mult Div FloorDiv MatMult Pow USub Not Or And Eq NotEq Lt LtE Gt GtE Is IsNot In NotIn"
FIELDS |= dict.fromkeys(OPERATORS.split(), "")
SILENT = {"ctx", "annotation", "returns", "type_comment", "simple", "kind"}  # these say nothing about values
EMPTY = (None, [], 0, -1)  # -1: no conversion in an f-string
CACHES = {"cache", "lru_cache"}  # of functions that are pure


def coq(x: object) -> str:
    """The term for a node, for a list of them, or for what stands in a field."""
    if isinstance(x, ast.AST):
        only_its_fields(x)
    match x:
        case ast.Constant(None):
            return "(Constant none_)"
        case ast.Constant(bool(value)):
            return f"(Constant (bool_ {str(value).lower()}))"
        case ast.Constant(int(value)):
            return f"(Constant (int_ {value}))"
        case ast.Constant(str(value)):
            return f"(Constant (str_ {coq(value)}))"
        case ast.Constant():
            raise refused(x, "a constant of another type")
        case ast.AnnAssign(target, _, value):
            return f"(AnnAssign {coq(target)} {'None' if value is None else f'(Some {coq(value)})'})"
        case ast.arguments(_, args, _, names, _, _, _):
            options = zip(names, x.kw_defaults, strict=True)
            return f"{coq(args)} [{'; '.join(f'({coq(name)}, {coq(default)})' for name, default in options)}]"
        case ast.Lambda(args, body) if not args.kwonlyargs:
            return f"(Lambda {coq(args.args)} {coq(body)})"
        case ast.arg(name):
            return coq(name)
        case ast.alias(name, asname):
            return f"({coq(name)}, {coq(asname or name)})"
        case ast.keyword(name, value) | ast.comprehension(name, value):
            return f"({coq(name)}, {coq(value)})"
        case ast.AST():
            fields = [coq(getattr(x, field)) for field in FIELDS[type(x).__name__].split()]
            return f"({' '.join([type(x).__name__, *fields])})" if fields else type(x).__name__
        case list():
            return f"[{'; '.join(map(coq, x))}]"
        case str() if x.isascii() and x.isprintable():
            return '"' + x.replace('"', '""') + '"'
    raise refused(x, "no term")


def only_its_fields(node: ast.AST) -> None:
    """Nothing of the node gets lost."""
    kind = type(node).__name__
    if kind not in FIELDS:
        raise refused(node, "no class of Syntax.v")
    for field, value in ast.iter_fields(node):
        if field == "decorator_list":
            known = all(isinstance(d, ast.Name) and d.id in CACHES for d in value)
        else:
            known = field in SILENT or field in FIELDS[kind].split() or value in EMPTY
        if not known:
            raise refused(node, f"its {field} has no place in Syntax.v")
    if isinstance(node, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node) is not None:
        node.body = node.body[1:]


def refused(x: object, why: str) -> ValueError:
    text = ast.unparse(x).splitlines()[0] if isinstance(x, ast.AST) else repr(x)
    return ValueError(f"line {getattr(x, 'lineno', '?')}: {text}: {why}")


def names(statement: ast.stmt) -> list[str]:
    """What a statement of a file defines."""
    match statement:
        case ast.Import(aliases) | ast.ImportFrom(_, aliases):
            return [alias.asname or alias.name for alias in aliases]
        case ast.FunctionDef(name) | ast.ClassDef(name) | ast.Assign([ast.Name(name)]) | ast.AnnAssign(ast.Name(name)):
            return [name]
        case ast.Expr(ast.Constant(str())):
            return []
    raise refused(statement, "neither an import nor a definition")


def module(name: str, text: str) -> str:
    """The term for a file: imports and the parts, in the order of the file."""
    statements, wanted = ast.parse(text).body, PARTS[name].split()
    defined = [each for statement in statements for each in names(statement)]
    for each in {*defined, *wanted}:
        if defined.count(each) != 1 or hasattr(builtins, each):
            raise ValueError(f"{name}.py defines {each}, a builtin or not just once")
    terms = [coq(s) for s in statements if isinstance(s, ast.Import | ast.ImportFrom) or {*names(s)} & {*wanted}]
    return f"Definition {name} : list stmt := [\n" + ";\n".join(terms) + "]."


def translate(texts: dict[str, str]) -> str:
    """Source.v, from the texts of the files of PARTS."""
    names = "; ".join(f'("refnn.{name}", {name})' for name in PARTS)
    parts = [
        "(* Written by translate.py: do not edit. *)",
        "From Coq Require Import String List.\nFrom RefNN Require Import Syntax.",
        "Import ListNotations.\nOpen Scope string_scope.\nOpen Scope list_scope.",
        *(module(name, texts[name]) for name in PARTS),
        f"Definition refnn := [{names}].",
    ]
    return "\n\n".join(parts) + "\n"


def texts() -> dict[str, str]:
    return {name: Path(refnn.__file__).with_name(f"{name}.py").read_text() for name in PARTS}


def main() -> None:
    try:
        print(translate(texts()), end="")
    except ValueError as error:
        sys.exit(f"translate.py: {error}")


if __name__ == "__main__":
    main()
