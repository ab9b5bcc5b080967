(** * Tangent.v: how fast the activations and the cost move, when weights, biases and inputs do

    Forward differentiation, layer by layer; backprop does not occur here.

    Main results: [is_derive_A], [is_derive_cost_function], [is_derive_cost].
    Builds on:    Calculus.v, Output.v.
    Names:        [velocity_Z], [velocity_A] are the velocities of [Z] and [A]. *)

From Coq Require Import Reals Lra Lia.
From Coquelicot Require Import Coquelicot.
From RefNN Require Import Model Sums Calculus Output.
Open Scope R_scope.

Local Opaque is_derive.

(** (D6): when the predictions move, with velocities [A'], the cost moves with their inner product with [dA_output]. *)
Lemma is_derive_cost_function : forall n L m Y (At : R -> mat) A' t0,
  (forall i k, (i < n L)%nat -> (k < m)%nat ->
     0 < At t0 i k < 1 /\ is_derive (fun t => At t i k) t0 (A' i k)) ->
  is_derive (fun t => cost_function n L m Y (At t)) t0
    (Σ k < m, Σ i < n L, dA_output m Y (At t0) i k * A' i k).
Proof.
  intros n L m Y At A' t0 motion. unfold cost_function.
  set (v := Σ k < m, Σ i < n L, (Y i k / At t0 i k - (1 - Y i k) / (1 - At t0 i k)) * A' i k).
  replace (Σ k < m, _) with (- / INR m * v).
  - apply (is_derive_ext (fun t => - / INR m * Σ k < m, Σ i < n L,
      Y i k * ln (At t i k) + (1 - Y i k) * ln (1 - At t i k))).
    { intros t. unfold Rdiv. rewrite Ropp_mult_distr_l_reverse, Rmult_comm, Ropp_mult_distr_l. reflexivity. }
    apply is_derive_scaled.
    apply (is_derive_bigsum m (fun t k => Σ i < n L, Y i k * ln (At t i k) + (1 - Y i k) * ln (1 - At t i k))).
    intros k Hk. apply (is_derive_bigsum (n L) (fun t i => Y i k * ln (At t i k) + (1 - Y i k) * ln (1 - At t i k))).
    intros i Hi. apply (is_derive_cross_entropy (Y i k) (fun t => At t i k)); now apply motion.
  - unfold v. rewrite <- bigsum_scal_l. apply bigsum_ext; intros k _.
    rewrite <- bigsum_scal_l. apply bigsum_ext; intros i _. unfold dA_output, Rdiv. ring.
Qed.

Section Tangent.
Variable n : nat -> nat.
Variable L m : nat.
Variable Y : mat.
Variable Wt : R -> weights.   Variable W' : weights.
Variable bt : R -> biases.    Variable b' : biases.
Variable Xt : R -> mat.       Variable X' : mat.
Variable t0 : R.
Hypothesis motion : moves n L m Wt bt Xt t0 W' b' X'.

Notation W := (Wt t0).
Notation b := (bt t0).
Notation X := (Xt t0).
Notation A_ := (A n W b X).
Notation Z_ := (Z n W b X).

(** Velocity of [Z l], given that of [A (pred l)]: the product rule for W A + b. *)
Definition velocity_linear (l : nat) (A' : mat) : mat := fun i k =>
  (Σ j < n (pred l), W' l i j * A_ (pred l) j k + W l i j * A' j k) + b' l i.

(** Velocity of [A l]: through the linear step and the sigmoid, from the velocity below (D3). *)
Fixpoint velocity_A (l : nat) : mat :=
  match l with
  | O => X'
  | S p => fun i k => velocity_linear l (velocity_A p) i k * (sigmoid (Z_ l i k) * sigmoid (- Z_ l i k))
  end.
Definition velocity_Z (l : nat) : mat := velocity_linear l (velocity_A (pred l)).

(** The chain rule, by induction on the layers. *)
Lemma is_derive_A : forall l i k, (l <= L)%nat -> (i < n l)%nat -> (k < m)%nat ->
  is_derive (fun t => A n (Wt t) (bt t) (Xt t) l i k) t0 (velocity_A l i k).
Proof.
  destruct motion as [HW [Hb HX]]. induction l as [|p IH]; intros i k Hl Hi Hk; simpl.
  - apply HX; assumption.
  - apply (is_derive_sigmoid_of (fun t => linear n (Wt t) (bt t) (S p) (A n (Wt t) (bt t) (Xt t) p) i k)).
    apply is_derive_sum; [|apply Hb; lia].
    apply (is_derive_bigsum (n p) (fun t j => Wt t (S p) i j * A n (Wt t) (bt t) (Xt t) p j k)).
    intros j Hj. apply is_derive_product; [apply HW; simpl; lia | apply IH; lia].
Qed.

(** The cost moves with the velocity ⟨dA_L, A_L'⟩. *)
Lemma is_derive_cost : (0 < L)%nat ->
  is_derive (fun t => cost n L m Y (Wt t) (bt t) (Xt t)) t0
    (Σ k < m, Σ i < n L, dA_output m Y (A_ L) i k * velocity_A L i k).
Proof.
  intros HL. apply (is_derive_cost_function n L m Y (fun t => A n (Wt t) (bt t) (Xt t) L)). intros i k Hi Hk.
  split; [apply A_between_0_1, HL | apply is_derive_A; lia].
Qed.

End Tangent.
