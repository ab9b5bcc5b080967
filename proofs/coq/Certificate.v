(** * Certificate.v: what a certificate says

    `refnn certify --coq FILE` writes a network, a gradient and its error bounds as data of the types below, with the
    theorem that this data is [certified].  How that is proved is in Kernel.v, and does not enter here.

    Main result:  [certified], a definition.  To know what such a file proves, read this one.
    Builds on:    Model.v.
    Names:        those of Python.  A number in Q is written as Python prints a float in hexadecimal, [0x1.8p-3], and is
                  exactly that float; [Q2R] makes a real number of it. *)

From Coq Require Import Reals QArith Qreals List.
From Coquelicot Require Import Coquelicot.
From RefNN Require Import Model.
Import ListNotations.
Open Scope R_scope.

(** ** The data *)

(** An array, row by row; what stands outside is 0. *)
Definition array := list (list Q).
Definition rational (V : array) (i j : nat) : Q := nth j (nth i V []) 0%Q.
Definition real (V : array) : mat := fun i j => Q2R (rational V i j).

(** A gradient, and for each entry how far it may be from the derivative. *)
Record claim := { given : array; bound : array }.

Module Name.
(** The words that declare a network; ReLU is the leaky one of slope 0. *)
Inductive activation := sigmoid | tanh | softplus | silu | identity | leaky_relu (slope : Q).
Inductive output := logistic | softmax | squared_error (h : activation) | half_squared_error (h : activation).

(** An entry of a gradient, or of a Z *)
Inductive entry := dW (l i j : nat) | db (l i : nat) | dA (l j k : nat) | Z (l i k : nat).
End Name.

(** Lists begin with layer 1, but those of [layer_dims] and of the claims on [dA] with layer 0, the inputs. *)
Record certificate := {
  layer_dims : list nat;
  examples : nat;
  hidden : list Name.activation;
  last : Name.output;
  given_W : list array;
  given_b : list array;
  given_X : array;
  given_Y : array;
  claim_W : list claim;
  claim_b : list claim;
  claim_A : list (option claim) }.

(** ** The network *)

Definition activation_of (name : Name.activation) : activation :=
  match name with
  | Name.sigmoid => Sigmoid
  | Name.tanh => Tanh
  | Name.softplus => Softplus
  | Name.silu => Silu
  | Name.identity => Identity
  | Name.leaky_relu slope => Leaky (Q2R slope)
  end.

Definition output_of (n : nat -> nat) (L m : nat) (Y : mat) (name : Name.output) : output :=
  match name with
  | Name.logistic => Logistic n L m Y
  | Name.softmax => Softmax n L m Y
  | Name.squared_error h => Squared n L m Y 1 (activation_of h)
  | Name.half_squared_error h => Squared n L m Y (1 / 2) (activation_of h)
  end.

(** The item of layer [l], where layer 1 comes first. *)
Definition of_layer {T : Type} (l : nat) (items : list T) (default : T) : T := nth (pred l) items default.
Definition nothing : claim := {| given := []; bound := [] |}.

Section Certified.
Variable c : certificate.

Definition n (l : nat) : nat := nth l (layer_dims c) O.
Definition L : nat := pred (length (layer_dims c)).
Definition m : nat := examples c.
Definition g (l : nat) : activation := activation_of (of_layer l (hidden c) Name.sigmoid).
Definition W : weights := fun l => real (of_layer l (given_W c) []).
Definition b : biases := fun l i => real (of_layer l (given_b c) []) i O.
Definition X : mat := real (given_X c).
Definition Y : mat := real (given_Y c).
Definition out : output := output_of n L m Y (last c).

Notation J := (cost n L g out).
Notation A := (A n g W b X).

(** ** The claim *)

(** The function [f] has a derivative at [x], and entry (i, j) of the gradient lies within its bound of it. *)
Definition near (C : claim) (i j : nat) (f : R -> R) (x : R) : Prop :=
  exists slope, is_derive f x slope /\ Rabs (real (given C) i j - slope) <= real (bound C) i j.

(** So it is with J in each entry of each W, of each b, of X, and of each hidden A whose gradient is claimed. *)
Definition certified : Prop :=
  (forall l i j, (1 <= l <= L)%nat -> (i < n l)%nat -> (j < n (pred l))%nat ->
     near (of_layer l (claim_W c) nothing) i j (fun w => J (set_W W l i j w) b X) (W l i j)) /\
  (forall l i, (1 <= l <= L)%nat -> (i < n l)%nat ->
     near (of_layer l (claim_b c) nothing) i 0 (fun t => J W (set_b b l i t) X) (b l i)) /\
  (forall C j k, nth 0 (claim_A c) None = Some C -> (0 < L)%nat -> (j < n 0)%nat -> (k < m)%nat ->
     near C j k (fun x => J W b (set_A X j k x)) (X j k)) /\
  (forall l C j k, nth l (claim_A c) None = Some C -> (l < L)%nat -> (j < n l)%nat -> (k < m)%nat ->
     near C j k (fun a => cost_above l n L g out W b (set_A (A l) j k a)) (A l j k)).

End Certified.
