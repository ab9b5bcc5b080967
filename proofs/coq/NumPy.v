(** * NumPy.v: what NumPy does to arrays, as far as refnn/network.py uses it, over any kind of number

    Arrays of two axes, kept in tables.  What NumPy answers with an error has the value [None] here.  `make` compares
    each operation with NumPy's own, on random arrays of all small shapes.

    Builds on:    Generic.v, for [NUM] only. *)

From Coq Require Import List Arith.
From RefNN Require Import Generic.
Import ListNotations.

Module NumPy (N : NUM).
Local Notation number := N.t.

(** A shape, and the rows. *)
Record array := { rows : nat; columns : nat; table : list (list number) }.

(** Entry (i, j), and the array with given entries. *)
Definition entry (A : array) (i j : nat) : number := nth j (nth i (table A) []) N.zero.
Definition fill (r c : nat) (M : nat -> nat -> number) : array :=
  {| rows := r; columns := c; table := map (fun i => map (M i) (seq 0 c)) (seq 0 r) |}.

(** A function of each entry: np.exp(A), np.log(A), -A *)
Definition each (f : number -> number) (A : array) : array := fill (rows A) (columns A) (fun i j => f (entry A i j)).

(** A + B, and so on: an axis of size 1 is stretched to the size that it meets. *)
Definition stretch (a b : nat) : option nat :=
  if a =? b then Some a else if a =? 1 then Some b else if b =? 1 then Some a else None.
Definition place (size i : nat) : nat := if size =? 1 then 0 else i.
Definition broadcast (f : number -> number -> number) (A B : array) : option array :=
  match stretch (rows A) (rows B), stretch (columns A) (columns B) with
  | Some r, Some c => Some (fill r c (fun i j =>
      f (entry A (place (rows A) i) (place (columns A) j)) (entry B (place (rows B) i) (place (columns B) j))))
  | _, _ => None
  end.

(** The sum of f i over i = 0, ..., size - 1 *)
Fixpoint sum (size : nat) (f : nat -> number) : number :=
  match size with
  | O => N.zero
  | S p => N.add (sum p f) (f p)
  end.

(** A @ B, A.T *)
Definition matmul (A B : array) : option array :=
  if columns A =? rows B
  then Some (fill (rows A) (columns B) (fun i j => sum (columns A) (fun k => N.mul (entry A i k) (entry B k j))))
  else None.
Definition transpose (A : array) : array := fill (columns A) (rows A) (fun i j => entry A j i).

(** A.sum(), A.sum(axis=0, keepdims=True), A.sum(axis=1, keepdims=True) *)
Definition sum_all (A : array) : number := sum (columns A) (fun j => sum (rows A) (fun i => entry A i j)).
Definition sum_rows (A : array) : array := fill 1 (columns A) (fun _ j => sum (rows A) (fun i => entry A i j)).
Definition sum_columns (A : array) : array := fill (rows A) 1 (fun i _ => sum (columns A) (fun j => entry A i j)).

(** np.eye(k), np.ones_like(A) *)
Definition eye (k : nat) : array := fill k k (fun i j => if i =? j then N.one else N.zero).
Definition ones_like (A : array) : array := each (fun _ => N.one) A.

End NumPy.
