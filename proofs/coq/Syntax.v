(** * Syntax.v: Python's abstract syntax, as far as refnn/network.py, layers.py and _floats.py use it

    The constructors are the classes of Python's module ast, with their fields in its order.  translate.py prints a file
    as such a term; Python.v says what the term means.

    Builds on:    nothing. *)

From Coq Require Import String List.

Inductive literal := none_ | bool_ (b : bool) | int_ (k : nat) | str_ (s : string).
Inductive operator := Add | Sub | Mult | Div | FloorDiv | MatMult | Pow | USub | Not | Or | And.
Inductive relation := Eq | NotEq | Lt | LtE | Gt | GtE | Is | IsNot | In | NotIn.

Inductive expr :=
| Constant (value : literal)
| Name (id : string)
| Tuple (elts : list expr)
| List (elts : list expr)
| Dict (keys values : list expr)
| BinOp (left : expr) (op : operator) (right : expr)
| UnaryOp (op : operator) (operand : expr)
| BoolOp (op : operator) (values : list expr)
| Compare (left : expr) (ops : list relation) (comparators : list expr)
| IfExp (test body orelse : expr)
| Attribute (value : expr) (attr : string)
| Subscript (value slice : expr)
| Starred (value : expr)
| Call (func : expr) (args : list expr) (keywords : list (string * expr))
| JoinedStr (values : list expr)
| FormattedValue (value : expr)
| DictComp (key value : expr) (generators : list (expr * expr))
| Lambda (args : list string) (body : expr).

Inductive stmt :=
| Import (names : list (string * string))
| ImportFrom (module : string) (names : list (string * string))
| ClassDef (name : string) (bases : list expr) (body : list stmt)
| FunctionDef (name : string) (args : list string) (kwonlyargs : list (string * expr)) (body : list stmt)
| Assign (targets : list expr) (value : expr)
| AnnAssign (target : expr) (value : option expr)
| Expr (value : expr)
| If (test : expr) (body orelse : list stmt)
| For (target iter : expr) (body : list stmt)
| Return (value : expr).
