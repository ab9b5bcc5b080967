"""A certificate as a theorem for Coq: data of the types of proofs/coq/Certificate.v, and a proof by computation."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from refnn import _declaration
from refnn._enclosures import FloatArrays, Point
from refnn.numbers.hexfloat import FloatArray

WITH_CROSS_ENTROPY = {"sigmoid": "logistic", "softmax": "softmax"}

THEOREM = """\
(* Written by refnn.  At exactly these floats the cost has a derivative by each entry, and the given entry of the
   gradient lies within its bound of it: so says [certified] in Certificate.v, where the names are explained.
   To check it, in a checkout of refnn after `make coq`:  coqc -Q build/coq RefNN FILE *)
From Coq Require Import QArith List.
From RefNN Require Import Certificate Kernel.
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
Module Checker := {integers} Precision.

Theorem holds : certified ours.
Proof. apply Checker.correct. vm_compute. (* the entries that are refused: none *) reflexivity. Qed.

Print Assumptions holds.
"""


def theorem(point: Point, bounds: FloatArrays, bits: int, *, native: bool) -> str:
    """The text of a Coq file that states the bounds, and proves them with intervals of so many bits.

    Raises
    ------
    ValueError
        Of a bound that is not finite.
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
    return THEOREM.format(
        layer_dims=_list([len(point.X), *(len(point.params[f"b{l}"]) for l in layers)]),
        examples=point.X.shape[1],
        hidden=_list(_activation(word) for word in _declaration.each_layer(point.hidden, L - 1)),
        last=_output(*point.output),
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


def _activation(word: object) -> str:
    """By its name in Coq; a slope is the number that is written, 1/10 for 0.1, as in the certificate."""
    slope = 0 if word == "relu" else _declaration.slope(word)
    return f"Name.{word}" if slope is None else f"(Name.leaky_relu {slope})"


def _output(word: object, cost: str) -> str:
    return f"Name.{WITH_CROSS_ENTROPY[str(word)]}" if cost == "cross_entropy" else f"Name.{cost} {_activation(word)}"


def _array(V: FloatArray) -> str:
    """Row by row."""
    return _list((_list(map(_number, row)) for row in V), ";\n   ")


def _number(x: float) -> str:
    """The number that a float holds, as a literal of Q."""
    return float(x).hex() if x else "0"


def _lines(items: Iterable[str]) -> str:
    return _list(items, ";\n  ")


def _list(items: Iterable[object], between: str = "; ") -> str:
    return f"[{between.join(map(str, items))}]"
