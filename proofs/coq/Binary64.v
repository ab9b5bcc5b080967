(** * Binary64.v: the floating-point theorem for float64

    Main results: [binary64_rounds], [binary64_rounds_sum]: IEEE binary64, rounding to nearest, is an arithmetic as
                  Floats.v asks for, as long as nothing overflows; [binary64_gradient_off].
    Builds on:    FloatSigmoid.v; Flocq, which describes binary64. *)

From Coq Require Import Reals Lra Lia.
From RefNN Require Import Model Floats FloatNetwork FloatSigmoid.
From Coq Require Import ZArith.
From Flocq Require Import Core Relative Plus_error.
Open Scope R_scope.

(** The multiples of 2^-1074 with 53 digits, of any size, and rounding to the nearest, ties to even *)
Definition format : R -> Prop := generic_format radix2 (FLT_exp (-1074) 53).
Definition even_ties (n : Z) : bool := negb (Z.even n).
Definition nearest (x : R) : R := round radix2 (FLT_exp (-1074) 53) (Znearest even_ties) x.

(** exp and cosh within 4 units in the last place, also of a subnormal number *)
Definition binary64 : arithmetic :=
  {| u := bpow radix2 (-53); eta := bpow radix2 (-1075); kappa := 8 * bpow radix2 (-53); lambda := bpow radix2 (-1072);
     huge := bpow radix2 1023 |}.

Lemma u_is_half : u binary64 = / 2 * bpow radix2 (- (53) + 1).
Proof. simpl. lra. Qed.

(** Products, quotients and fused multiply-add *)
Theorem binary64_rounds : forall x, rounds (u binary64) (eta binary64) x (nearest x).
Proof.
  intros x. destruct (error_N_FLT radix2 (-1074) 53 ltac:(reflexivity) even_ties x) as (e & h & He & Hh & _ & E).
  unfold rounds, nearest. rewrite E. replace (x * (1 + e) + h - x) with (e * x + h) by ring.
  eapply Rle_trans; [apply Rabs_triang|]. rewrite Rabs_mult, u_is_half.
  assert (eta binary64 = / 2 * bpow radix2 (-1074)) as ->
    by (simpl eta; change (/ 2) with (bpow radix2 (-1)); now rewrite <- bpow_plus).
  apply Rplus_le_compat; [apply Rmult_le_compat_r; [apply Rabs_pos | exact He] | exact Hh].
Qed.

(** Sums and differences *)
Theorem binary64_rounds_sum : forall x y, format x -> format y -> rounds_sum (u binary64) (x + y) (nearest (x + y)).
Proof.
  intros x y Fx Fy. assert (Prec_gt_0 53) by (unfold Prec_gt_0; lia).
  destruct (FLT_plus_error_N_ex radix2 (-1074) 53 even_ties x y Fx Fy) as (e & He & E).
  unfold rounds_sum, nearest. rewrite E. replace ((x + y) * (1 + e) - (x + y)) with (e * (x + y)) by ring.
  rewrite Rabs_mult. apply Rmult_le_compat_r; [apply Rabs_pos|]. eapply Rle_trans; [exact He|].
  unfold u_ro. rewrite u_is_half. set (v := bpow radix2 (- (53) + 1)). assert (0 < v) by apply bpow_gt_0.
  apply Rmult_le_reg_r with (1 + / 2 * v); [lra|]. unfold Rdiv. rewrite Rmult_assoc, Rinv_l by lra. nra.
Qed.

Lemma small : forall e, (e <= -53)%Z -> 0 < bpow radix2 e <= / 1000000.
Proof.
  intros e He. split; [apply bpow_gt_0|]. eapply Rle_trans; [apply bpow_le; exact He|]. simpl. lra.
Qed.

(** [gradient_off], of which the conditions hold *)
Theorem binary64_gradient_off : forall height n L m Y W b X, (0 < L)%nat -> (0 < m)%nat ->
  forall r, runs binary64 height n L m Y W b X r -> within_bounds binary64 height n L m Y W b X r.
Proof.
  intros height n L m Y W b X HL Hm. pose proof (small (-53) ltac:(lia)). pose proof (small (-1072) ltac:(lia)).
  pose proof (small (-1075) ltac:(lia)). apply gradient_off; trivial.
  - unfold sensible, binary64. cbn [u eta kappa lambda huge]. pose proof (bpow_gt_0 radix2 1023). repeat split; lra.
  - unfold rho_sigmoid, binary64. cbn [u eta kappa lambda huge]. nra.
  - unfold rho_slope, binary64. cbn [u eta kappa lambda huge]. set (v := bpow radix2 (-53)) in *.
    assert ((1 + v) * (8 * v + bpow radix2 (-1072)) <= / 50000) by nra. nra.
Qed.
