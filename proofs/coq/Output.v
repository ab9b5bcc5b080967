(** * Output.v: the outputs

    Main results: [logistic_gradient], [squared_gradient], [softmax_gradient]: each output has the derivative that its
                  record names; [dZ_output_fused], [logistic_cost_is_cost_function], [softmax_cost].
    Builds on:    Calculus.v, Expansion.v. *)

From Coq Require Import Reals Lra Lia.
From Coquelicot Require Import Coquelicot.
From RefNN Require Import Model Sums Calculus Expansion.
Open Scope R_scope.

(** A cost that adds a function of each entry, times a factor. *)
Lemma entrywise_gradient : forall p m C M dC s (c : nat -> nat -> R -> R) (d : mat),
  (forall V, C V = s * Σ k < m, Σ i < p, c i k (V i k)) ->
  (forall i k, (i < p)%nat -> (k < m)%nat -> is_derive (c i k) (M i k) (d i k) /\ dC i k = s * d i k) ->
  is_gradient p m C M dC.
Proof.
  intros p m C M dC s c d HC H.
  apply (expands_is_gradient _ _ _ _ _ (fun M' => s * Σ k < m, Σ i < p, d i k * M' i k)).
  - eapply expands_ext; [symmetry; apply HC|]. rewrite HC. apply expands_scaled.
    apply (expands_bigsum _ (size_mat_pos p m) m (fun M' k => Σ i < p, c i k (M i k + M' i k))). intros k Hk.
    apply (expands_bigsum _ (size_mat_pos p m) p (fun M' i => c i k (M i k + M' i k))). intros i Hi.
    apply expands_of; [now apply H | now apply expands_entry].
  - intros M'. unfold dot. rewrite <- bigsum_scal_l. apply bigsum_ext; intros k Hk.
    rewrite <- bigsum_scal_l. apply bigsum_ext; intros i Hi. rewrite (proj2 (H i k Hi Hk)). ring.
Qed.

Section Outputs.
Variable n : nat -> nat.
Variable L m : nat.
Variable Y : mat.

(** ** The sigmoid with the cross-entropy *)

(** (D5): term by term, log A = -softplus(-Z) and log(1 - A) = -softplus(Z). *)
Lemma logistic_cost_is_cost_function : forall Z,
  logistic_cost n L m Y Z = cost_function n L m Y (fun i k => sigmoid (Z i k)).
Proof.
  intros Z. unfold logistic_cost, cost_function. f_equal.
  match goal with |- _ = - ?x => replace (- x) with (-1 * x) by ring end.
  rewrite <- bigsum_scal_l. apply bigsum_ext; intros k _. rewrite <- bigsum_scal_l. apply bigsum_ext; intros i _.
  rewrite <- sigmoid_opp, !ln_sigmoid, Ropp_involutive. ring.
Qed.

(** (D6) *)
Lemma cost_function_gradient : forall A, (forall i k, (i < n L)%nat -> (k < m)%nat -> 0 < A i k < 1) ->
  is_gradient (n L) m (cost_function n L m Y) A (dA_output m Y A).
Proof.
  intros A HA. eapply (entrywise_gradient _ _ _ _ _ (- / INR m) (fun i k a => Y i k * ln a + (1 - Y i k) * ln (1 - a))).
  - intros V. unfold cost_function, Rdiv. ring.
  - intros i k Hi Hk. split; [now apply is_derive_cross_entropy, HA|]. unfold dA_output, Rdiv. ring.
Qed.

(** (D7): the denominators of the article's chain cancel. *)
Lemma dZ_output_fused : forall Z i k,
  dZ_output m Y Z i k
  = dA_output m Y (fun i k => sigmoid (Z i k)) i k * (sigmoid (Z i k) * sigmoid (- Z i k)).
Proof.
  intros Z i k. unfold dZ_output, dA_output, Rdiv.
  pose proof (sigmoid_pos (Z i k)). pose proof (sigmoid_lt_1 (Z i k)). rewrite sigmoid_opp.
  generalize (/ INR m); intros c. field. lra.
Qed.

(** (D7): and it is (A - Y) / m. *)
Lemma dZ_output_difference : forall Z i k, dZ_output m Y Z i k = (sigmoid (Z i k) - Y i k) / INR m.
Proof. intros Z i k. unfold dZ_output. rewrite sigmoid_opp. unfold Rdiv. ring. Qed.

Lemma logistic_gradient : forall Z,
  is_gradient (n L) m (loss (Logistic n L m Y)) Z (dloss (Logistic n L m Y) Z).
Proof.
  intros Z. eapply (entrywise_gradient _ _ _ _ _ (- / INR m)
    (fun i k z => Y i k * ln (sigmoid z) + (1 - Y i k) * ln (1 - sigmoid z))).
  - intros V. simpl. unfold cost_function, Rdiv. ring.
  - intros i k Hi Hk. split.
    + apply (is_derive_comp (fun a => Y i k * ln a + (1 - Y i k) * ln (1 - a)) sigmoid); [|apply is_derive_sigmoid].
      apply is_derive_cross_entropy. split; [apply sigmoid_pos | apply sigmoid_lt_1].
    + simpl. rewrite dZ_output_fused. unfold dA_output, Rdiv, scal; simpl. unfold mult; simpl. ring.
Qed.

(** ** An activation with the squared error (D20) *)

Lemma squared_gradient : forall share h Z,
  (forall i k, (i < n L)%nat -> (k < m)%nat -> is_derive (value h) (Z i k) (derivative h (Z i k))) ->
  is_gradient (n L) m (loss (Squared n L m Y share h)) Z (dloss (Squared n L m Y share h) Z).
Proof.
  intros share h Z Hh. eapply (entrywise_gradient _ _ _ _ _ (share / INR m)
    (fun i k z => (value h z - Y i k) * (value h z - Y i k))).
  - intros V. simpl. unfold Rdiv. ring.
  - intros i k Hi Hk. split; [now apply is_derive_square, Hh|]. simpl. unfold Rdiv. ring.
Qed.

(** ** The softmax with the cross-entropy (D21) *)

Lemma sum_exp_pos : forall (Z : mat) k i, (i < n L)%nat -> 0 < Σ j < n L, exp (Z j k).
Proof.
  intros Z k i Hi. eapply Rlt_le_trans; [apply exp_pos|].
  apply (bigsum_term_le (n L) (fun j => exp (Z j k)) i); [|exact Hi]. intros. left. apply exp_pos.
Qed.

Lemma softmax_pos : forall Z i k, (i < n L)%nat -> 0 < softmax n L Z i k.
Proof. intros Z i k Hi. apply Rdiv_lt_0_compat; [apply exp_pos | now apply (sum_exp_pos Z k i)]. Qed.

Lemma softmax_sum : forall Z i k, (i < n L)%nat -> (Σ j < n L, softmax n L Z j k) = 1.
Proof.
  intros Z i k Hi. unfold softmax, Rdiv. rewrite (bigsum_scal_r (n L) _ (fun j => exp (Z j k))).
  apply Rinv_r. pose proof (sum_exp_pos Z k i Hi). lra.
Qed.

(** The logarithm of the softmax, of which no number is taken that rounds to zero *)
Lemma ln_softmax : forall Z i k, (i < n L)%nat -> ln (softmax n L Z i k) = Z i k - ln (Σ j < n L, exp (Z j k)).
Proof.
  intros Z i k Hi. unfold softmax.
  rewrite ln_div, ln_exp; [reflexivity | apply exp_pos | now apply (sum_exp_pos Z k i)].
Qed.

Lemma softmax_cost : forall Z, loss (Softmax n L m Y) Z
  = (Σ k < m, Σ i < n L, Y i k * (ln (Σ j < n L, exp (Z j k)) - Z i k)) / INR m.
Proof.
  intros Z. simpl. f_equal. match goal with |- - ?x = _ => replace (- x) with (-1 * x) by ring end.
  rewrite <- bigsum_scal_l. apply bigsum_ext; intros k _. rewrite <- bigsum_scal_l. apply bigsum_ext; intros i Hi.
  rewrite ln_softmax by exact Hi. ring.
Qed.

(** The sum in [dloss] subtracts nothing but products of two rows; it comes to this. *)
Lemma softmax_dloss : forall Z i k, (i < n L)%nat ->
  dloss (Softmax n L m Y) Z i k = (softmax n L Z i k * (Σ j < n L, Y j k) - Y i k) / INR m.
Proof.
  intros Z i k Hi. simpl. f_equal. unfold Rminus.
  rewrite (bigsum_plus (n L) (fun j => softmax n L Z i k * Y j k)), bigsum_scal_l. f_equal.
  rewrite (bigsum_ext (n L) _ (fun j => softmax n L Z j k * - Y i k)) by (intros; ring).
  rewrite (bigsum_scal_r (n L) _ (fun j => softmax n L Z j k)), (softmax_sum Z i k Hi). ring.
Qed.

Lemma softmax_gradient : forall Z,
  is_gradient (n L) m (loss (Softmax n L m Y)) Z (dloss (Softmax n L m Y) Z).
Proof.
  intros Z. set (S k := Σ j < n L, exp (Z j k)).
  apply (expands_is_gradient _ _ _ _ _ (fun M' =>
    / INR m * Σ k < m, Σ i < n L, Y i k * (/ S k * (Σ j < n L, exp (Z j k) * M' j k) + -1 * M' i k))).
  - eapply expands_ext; [intros; symmetry; rewrite softmax_cost; apply Rmult_comm|].
    rewrite softmax_cost. unfold Rdiv. rewrite Rmult_comm. apply expands_scaled.
    apply (expands_bigsum _ (size_mat_pos (n L) m) m
      (fun M' k => Σ i < n L, Y i k * (ln (Σ j < n L, exp (Z j k + M' j k)) - (Z i k + M' i k)))). intros k Hk.
    apply (expands_bigsum _ (size_mat_pos (n L) m) (n L)
      (fun M' i => Y i k * (ln (Σ j < n L, exp (Z j k + M' j k)) - (Z i k + M' i k)))). intros i Hi.
    apply expands_scaled. unfold Rminus. apply expands_sum.
    + apply (expands_of _ ln).
      { apply is_derive_ln. now apply (sum_exp_pos Z k i). }
      apply (expands_bigsum _ (size_mat_pos (n L) m) (n L) (fun M' j => exp (Z j k + M' j k))). intros j Hj.
      apply expands_of; [apply is_derive_exp | now apply expands_entry].
    + eapply expands_ext with (f := fun M' : mat => -1 * (Z i k + M' i k)); [intros; ring|].
      replace (- Z i k) with (-1 * Z i k) by ring. now apply expands_scaled, expands_entry.
  - intros M'. unfold dot. rewrite <- bigsum_scal_l. apply bigsum_ext; intros k _.
    set (v := Σ j < n L, softmax n L Z j k * M' j k). set (y := Σ j < n L, Y j k).
    replace (/ S k * _) with v.
    + rewrite (bigsum_ext (n L) _ (fun i => Y i k * v + -1 * (Y i k * M' i k))) by (intros; ring).
      rewrite (bigsum_plus (n L) (fun i => Y i k * v)), (bigsum_scal_r (n L) v), bigsum_scal_l. fold y.
      rewrite (bigsum_ext (n L) (fun i => dloss _ _ i k * M' i k)
        (fun i => y * / INR m * (softmax n L Z i k * M' i k) + - / INR m * (Y i k * M' i k))).
      * rewrite bigsum_plus, !bigsum_scal_l. fold v. ring.
      * intros i Hi. rewrite softmax_dloss by exact Hi. fold y. unfold Rdiv. ring.
    + unfold v. rewrite <- bigsum_scal_l. apply bigsum_ext; intros; unfold softmax, S, Rdiv. ring.
Qed.

End Outputs.

(** ** The network of sigmoids *)

(** [A] is the sigmoid of [Z] in every layer but the inputs. *)
Lemma A_is_sigmoid_Z : forall n W b X l, (0 < l)%nat ->
  A n Sigmoids W b X l = fun i k => sigmoid (Z n Sigmoids W b X l i k).
Proof. intros n W b X [|p] Hl; [lia | reflexivity]. Qed.

(** (D2): so it lies strictly between 0 and 1. *)
Lemma A_between_0_1 : forall n W b X l i k, (0 < l)%nat -> 0 < A n Sigmoids W b X l i k < 1.
Proof. intros. rewrite A_is_sigmoid_Z by assumption. split; [apply sigmoid_pos | apply sigmoid_lt_1]. Qed.
