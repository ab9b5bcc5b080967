(** * Tangent.v: how fast the activations and the cost move, when weights, biases and inputs do

    Forward differentiation, layer by layer; backprop does not occur here.

    Main result:  [expands_cost].
    Builds on:    Expansion.v.
    Names:        [velocity_Z], [velocity_A] are the velocities of [Z] and [A], when those of the weights, biases and
                  inputs are [W'], [b'] and [X']. *)

From Coq Require Import Reals Lia.
From Coquelicot Require Import Coquelicot.
From RefNN Require Import Model Sums Expansion.
Open Scope R_scope.

Section Tangent.
Variable n : nat -> nat.
Variable L m : nat.
Variable g : nat -> activation.
Variable out : output.
Variable W : weights.
Variable b : biases.
Variable X : mat.

Notation A_ := (A n g W b X).
Notation Z_ := (Z n g W b X).

Section Velocity.
Variable W' : weights.
Variable b' : biases.
Variable X' : mat.

(** Velocity of [Z l], given that of [A (pred l)]: the product rule for W A + b. *)
Definition velocity_linear (l : nat) (A' : mat) : mat := fun i k =>
  (Σ j < n (pred l), A_ (pred l) j k * W' l i j + W l i j * A' j k) + b' l i.

(** Velocity of [A l]: through the linear step and the activation, from the velocity below. *)
Fixpoint velocity_A (l : nat) : mat :=
  match l with
  | O => X'
  | S p => fun i k => derivative (g l) (Z_ l i k) * velocity_linear l (velocity_A p) i k
  end.
Definition velocity_Z (l : nat) : mat := velocity_linear l (velocity_A (pred l)).
End Velocity.

(** All weights, biases and inputs in range depend on [h], which is anything with a size. *)
Context {T : Type} (size : T -> R).
Hypothesis size_pos : forall h, 0 <= size h.
Variable Ws W' : T -> weights.
Variable bs b' : T -> biases.
Variable Xs X' : T -> mat.
Hypothesis HW : forall l i j, (1 <= l <= L)%nat -> (i < n l)%nat -> (j < n (pred l))%nat ->
  expands size (fun h => Ws h l i j) (W l i j) (fun h => W' h l i j).
Hypothesis Hb : forall l i, (1 <= l <= L)%nat -> (i < n l)%nat ->
  expands size (fun h => bs h l i) (b l i) (fun h => b' h l i).
Hypothesis HX : forall j k, (j < n O)%nat -> (k < m)%nat ->
  expands size (fun h => Xs h j k) (X j k) (fun h => X' h j k).
Hypothesis Hnet : differentiable n L m g out W b X.

Lemma expands_linear_step : forall l (As A' : T -> mat) i k, (1 <= l <= L)%nat -> (i < n l)%nat ->
  (forall j, (j < n (pred l))%nat -> expands size (fun h => As h j k) (A_ (pred l) j k) (fun h => A' h j k)) ->
  expands size (fun h => linear n (Ws h) (bs h) l (As h) i k) (Z_ l i k)
    (fun h => velocity_linear (W' h) (b' h) l (A' h) i k).
Proof.
  intros l As A' i k Hl Hi HA. apply expands_sum; [|now apply Hb].
  apply (expands_bigsum size size_pos (n (pred l)) (fun h j => Ws h l i j * As h j k)).
  intros j Hj. apply expands_product; [exact size_pos | now apply HW | apply HA, Hj].
Qed.

(** The chain rule, by induction on the layers. *)
Lemma expands_A : forall l i k, (l < L)%nat -> (i < n l)%nat -> (k < m)%nat ->
  expands size (fun h => A n g (Ws h) (bs h) (Xs h) l i k) (A_ l i k) (fun h => velocity_A (W' h) (b' h) (X' h) l i k).
Proof.
  induction l as [|p IH]; intros i k Hl Hi Hk; [now apply HX|].
  apply (expands_of size (value (g (S p)))); [apply Hnet; lia|].
  apply (expands_linear_step (S p) (fun h => A n g (Ws h) (bs h) (Xs h) p)); try lia.
  intros j Hj. simpl in Hj. apply IH; lia.
Qed.

(** The cost moves with the velocity ⟨dZ_L, Z_L'⟩. *)
Lemma expands_cost : (0 < L)%nat ->
  expands size (fun h => cost n L g out (Ws h) (bs h) (Xs h)) (cost n L g out W b X)
    (fun h => dot (n L) m (dloss out (Z_ L)) (velocity_Z (W' h) (b' h) (X' h) L)).
Proof.
  intros HL. apply (expands_of_matrix size size_pos (n L) m (loss out) (Z_ L) _
    (fun h => Z n g (Ws h) (bs h) (Xs h) L)); [apply Hnet|].
  intros i k Hi Hk. apply (expands_linear_step L (fun h => A n g (Ws h) (bs h) (Xs h) (pred L))); try lia.
  intros j Hj. apply expands_A; lia.
Qed.

End Tangent.
