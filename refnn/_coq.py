"""A certificate as a theorem for Coq: data of the types of proofs/coq/Certificate.v, and a proof by computation."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from refnn import _declaration
from refnn._enclosures import FloatArrays, Point
from refnn.numbers.hexfloat import FloatArray

SMOOTH = ("sigmoid", "tanh", "softplus", "silu", "identity")
LAST = {("sigmoid", "cross_entropy"): "logistic", ("softmax", "cross_entropy"): "softmax"}

THEOREM = """\
(* Written by refnn.  At exactly these floats the cost has a derivative by each entry, and the entry of the gradient given
   here lies within its bound of it: so says [certified] in Certificate.v, which explains the names.
   To check it, in a checkout of refnn after `make coq`:  coqc -Q build/coq RefNN FILE *)
From Coq Require Import QArith List.
From RefNN Require Import Certificate Intervals.
Import ListNotations.
Open Scope Q_scope.

Definition ours : certificate := {{|
  layer_dims := {layer_dims}%nat;
  examples := {examples};
  hidden := {hidden};
  last := {last};
  given_W :=
  {W};
  given_b :=
  {b};
  given_X :=
  {X};
  given_Y :=
  {Y};
  claim_W :=
  {dW};
  claim_b :=
  {db};
  claim_A :=
  {dA} |}}.

Module Precision.
  Definition bits := {bits}%positive.
End Precision.
Module Kernel := {integers} Precision.

Theorem holds : certified ours.
Proof. apply Kernel.correct. vm_compute. (* the entries that are refused: none *) reflexivity. Qed.

Print Assumptions holds.
"""


def theorem(point: Point, bounds: FloatArrays, bits: int, *, native: bool) -> str:
    """The text of a Coq file that states the bounds, and proves them with intervals of so many bits.

    Raises
    ------
    ValueError
        Of an activation with a kink, and of a bound that is not finite.
    """
    for key, bound in bounds.items():
        if not np.isfinite(bound).all():
            raise ValueError(f"{key} has a bound that is not finite, and Coq has no such number")
    L = len(point.params) // 2
    layers = range(1, L + 1)
    arrays = {key: _array(V) for key, V in point.params.items()}
    claims = {
        key: f"{{| given := {_array(dV)};\n   bound := {_array(bounds[key])} |}}" for key, dV in point.grads.items()
    }
    last, cost = point.output
    return THEOREM.format(
        layer_dims=_list([len(point.X), *(len(point.params[f"b{l}"]) for l in layers)]),
        examples=point.X.shape[1],
        hidden=_list(_smooth("hidden", word) for word in _declaration.each_layer(point.hidden, L - 1)),
        last=f"Name.{LAST[point.output]}" if point.output in LAST else f"Name.{cost} {_smooth('output', last)}",
        W=_lines(arrays[f"W{l}"] for l in layers),
        b=_lines(arrays[f"b{l}"] for l in layers),
        X=_array(point.X),
        Y=_array(point.Y),
        dW=_lines(claims[f"dW{l}"] for l in layers),
        db=_lines(claims[f"db{l}"] for l in layers),
        dA=_lines(f"Some {claims[f'dA{l}']}" if f"dA{l}" in claims else "None" for l in range(L)),
        bits=bits,
        integers="Native" if native else "Plain",
    )


def _smooth(name: str, word: object) -> str:
    if word not in SMOOTH:
        raise ValueError(f"{name} is {word!r}: the theorem is of {', '.join(SMOOTH)}, which have no kink")
    return f"Name.{word}"


def _array(V: FloatArray) -> str:
    """Row by row; a literal of Q for each float, which is the number that it holds."""
    return _list((_list(float(x).hex() if x else 0 for x in row) for row in V), ";\n   ")


def _lines(items: Iterable[str]) -> str:
    return _list(items, ";\n  ")


def _list(items: Iterable[object], between: str = "; ") -> str:
    return f"[{between.join(map(str, items))}]"
