From Coq Require Import Reals ZArith Lra Lia.
From Flocq Require Import Core Relative Plus_error.
Open Scope R_scope.
(** binary64 keeps the model, as long as nothing overflows (rounding without a largest exponent). *)
Definition emin := (-1074)%Z. Definition prec := 53%Z.
Notation format := (FLT_exp emin prec).
Notation choice := (fun n => negb (Z.even n)).
Notation rnd := (round radix2 format (Znearest choice)).
Instance prec_gt : Prec_gt_0 prec. Proof. unfold Prec_gt_0, prec. lia. Qed.
Definition u := bpow radix2 (-53). Definition eta := bpow radix2 (-1075).
Lemma product_rounds : forall x, Rabs (rnd x - x) <= u * Rabs x + eta.
Proof.
  intros x. destruct (error_N_FLT radix2 emin prec ltac:(reflexivity) (fun n => negb (Z.even n)) x) as [e [h [He [Hh [_ E]]]]].
  rewrite E. replace (x * (1 + e) + h - x) with (x * e + h) by ring.
  eapply Rle_trans; [apply Rabs_triang|]. rewrite Rabs_mult, (Rmult_comm u).
  assert (/ 2 * bpow radix2 (- prec + 1) = u) by (unfold u, prec; change (/2) with (bpow radix2 (-1)); rewrite <- bpow_plus; f_equal).
  assert (/ 2 * bpow radix2 emin = eta) by (unfold eta, emin; change (/2) with (bpow radix2 (-1)); rewrite <- bpow_plus; f_equal).
  apply Rplus_le_compat; [apply Rmult_le_compat_l; [apply Rabs_pos | lra] | lra].
Qed.
Lemma sum_rounds : forall x y, generic_format radix2 format x -> generic_format radix2 format y ->
  Rabs (rnd (x + y) - (x + y)) <= u * Rabs (x + y).
Proof.
  intros x y Fx Fy.
  assert (u = / 2 * bpow radix2 (- prec + 1)) as -> by (unfold u, prec; change (/2) with (bpow radix2 (-1)); rewrite <- bpow_plus; f_equal).
  destruct (FLT_plus_error_N_ex radix2 emin prec (fun n => negb (Z.even n)) x y Fx Fy) as [e [He E]].
  rewrite E. replace ((x + y) * (1 + e) - (x + y)) with (e * (x + y)) by ring.
  rewrite Rabs_mult. apply Rmult_le_compat_r; [apply Rabs_pos|].
  eapply Rle_trans; [exact He|]. unfold u_ro.
  assert (0 < bpow radix2 (- prec + 1)) by apply bpow_gt_0.
  apply Rmult_le_reg_r with (1 + / 2 * bpow radix2 (- prec + 1)); [lra|]. unfold Rdiv. rewrite Rmult_assoc, Rinv_l by lra. nra.
Qed.
Print Assumptions sum_rounds.
