(** * Output.v: the activations, and the output layer

    Main results: [A_between_0_1], [logistic_cost_is_cost], [dZ_output_fused].
    Builds on:    Calculus.v. *)

From Coq Require Import Reals Lra Lia.
From RefNN Require Import Model Sums Calculus.
Open Scope R_scope.

Section Output.
Variable n : nat -> nat.
Variable L m : nat.
Variable Y : mat.
Variable W : weights.
Variable b : biases.
Variable X : mat.
Notation A_ := (A n W b X).
Notation Z_ := (Z n W b X).

(** [A] is the sigmoid of [Z] in every layer but the inputs. *)
Lemma A_is_sigmoid_Z : forall l i k, (0 < l)%nat -> A_ l i k = sigmoid (Z_ l i k).
Proof. intros [|p] i k Hl; [lia | reflexivity]. Qed.

(** (D2): so it lies strictly between 0 and 1. *)
Lemma A_between_0_1 : forall l i k, (0 < l)%nat -> 0 < A_ l i k < 1.
Proof.
  intros l i k Hl. rewrite A_is_sigmoid_Z by exact Hl. split; [apply sigmoid_pos | apply sigmoid_lt_1].
Qed.

Hypothesis L_pos : (0 < L)%nat.

(** (D5): term by term, log A = -softplus(-Z) and log(1 - A) = -softplus(Z). *)
Lemma logistic_cost_is_cost : logistic_cost n L m Y (Z_ L) = cost n L m Y W b X.
Proof.
  unfold logistic_cost, cost, cost_function. f_equal.
  match goal with |- _ = - ?x => replace (- x) with (-1 * x) by ring end.
  rewrite <- bigsum_scal_l. apply bigsum_ext; intros k _. rewrite <- bigsum_scal_l. apply bigsum_ext; intros i _.
  rewrite A_is_sigmoid_Z, <- sigmoid_opp, !ln_sigmoid, Ropp_involutive by exact L_pos. ring.
Qed.

(** (D7): the denominators of the article's chain cancel. *)
Lemma dZ_output_fused : forall i k,
  dZ n L m Y W b X L i k = dA_output m Y (A_ L) i k * (sigmoid (Z_ L i k) * sigmoid (- Z_ L i k)).
Proof.
  intros i k. unfold dZ. rewrite Nat.sub_diag. cbn [dZ_down]. unfold dZ_output, dA_output, Rdiv.
  pose proof (A_between_0_1 L i k L_pos). rewrite sigmoid_opp, <- !A_is_sigmoid_Z by exact L_pos.
  generalize (/ INR m); intros c. field. lra.
Qed.

(** (D7): and it is (A - Y) / m. *)
Lemma dZ_output_difference : forall i k, dZ n L m Y W b X L i k = (A_ L i k - Y i k) / INR m.
Proof.
  intros i k. unfold dZ. rewrite Nat.sub_diag. cbn [dZ_down]. unfold dZ_output.
  rewrite sigmoid_opp, <- A_is_sigmoid_Z by exact L_pos. unfold Rdiv. ring.
Qed.

End Output.
