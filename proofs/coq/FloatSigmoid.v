(** * FloatSigmoid.v: the floating-point theorem of the article's network

    Main results: [gradient_off]: how far from the exact ones the activations and the gradient are that the lines of
                  network.py and layers.py return, on numbers that round; [exact_runs]: it is not empty.
    Builds on:    FloatNetwork.v, Calculus.v, Output.v. *)

From Coq Require Import Reals Lra Lia.
From Coquelicot Require Import Rcomplements.
From RefNN Require Import Model Calculus Output Floats FloatNetwork.
Open Scope R_scope.

(** Numbers that round as in Floats.v, with an exp and a cosh that are off by at most [kappa] of the value and [lambda].
    What overflows is at least [huge], and 1 over it is 0. *)
Record arithmetic := { u : R; eta : R; kappa : R; lambda : R; huge : R }.

Definition sensible (a : arithmetic) : Prop :=
  0 <= u a /\ 0 <= eta a /\ 0 <= kappa a /\ 0 <= lambda a /\ 0 < huge a.

Section Arithmetic.
Variable a : arithmetic.
Notation u := (u a).
Notation eta := (eta a).
Notation kappa := (kappa a).
Notation lambda := (lambda a).
Notation huge := (huge a).
Notation rounds := (rounds u eta).
Notation rounds_sum := (rounds_sum u).

(** ** What is computed *)

Definition elementary (exact computed : R) : Prop := Rabs (computed - exact) <= kappa * exact + lambda.

(** sigmoid: `1 / (1 + exp(-Z))` *)
Inductive sigmoid_computed (z : R) : R -> Prop :=
| sigmoid_finite : forall e d f, elementary (exp (- z)) e -> rounds_sum (1 + e) d -> rounds (1 / d) f ->
    sigmoid_computed z f
| sigmoid_overflown : huge <= exp (- z) -> sigmoid_computed z 0.

(** Its derivative: `1 / (2 + 2 * cosh(Z))` *)
Inductive slope_computed (z : R) : R -> Prop :=
| slope_finite : forall c p d f, elementary (cosh z) c -> rounds (2 * c) p -> rounds_sum (2 + p) d ->
    rounds (1 / d) f -> slope_computed z f
| slope_overflown : huge <= 2 * cosh z -> slope_computed z 0.

(** backprop: `(1 - Y) * AL - Y * sigmoid(-ZL)`, over m; the difference may be fused with a product. *)
Definition output_computed (p m : nat) (Y Z D : mat) : Prop := forall i k, (i < p)%nat -> (k < m)%nat ->
  exists y A B h r, rounds_sum (1 - Y i k) y /\ sigmoid_computed (Z i k) A /\ sigmoid_computed (- Z i k) B /\
    evaluated u eta h ((y, A) :: (- Y i k, B) :: nil) r /\ rounds (r / INR m) (D i k).

(** ** The bounds *)

(** A quotient 1 / d with d off by the share [rho] *)
Definition E_inverse (rho x : R) : R := (u + (1 + u) * (rho / (1 - rho))) * x + eta.

Definition rho_sigmoid : R := u + (1 + u) * (kappa + lambda).
Definition rho_slope : R := u + (1 + u) * (u + (1 + u) * (kappa + lambda) + eta).

(** How far σ moves where z is off by at most [E] *)
Definition moved (z E : R) : R := (exp E - 1) * derivative Sigmoid z.
Definition moved_slope (z E : R) : R := moved z E * (Rabs (sigmoid z - sigmoid (- z)) + moved z E).

Definition E_sigmoid (z E : R) : R := moved z E + (E_inverse rho_sigmoid (sigmoid z + moved z E) + / huge).
Definition E_slope (z E : R) : R :=
  moved_slope z E + (E_inverse rho_slope (derivative Sigmoid z + moved_slope z E) + / huge).

Definition two (x y : R) (i : nat) : R := match i with O => x | _ => y end.
Definition E_logistic (m : nat) (Y Z E : mat) : mat := fun i k => let y := Y i k in let z := Z i k in
  let off := E_sum u eta 2 2 (two (1 - y) (- y)) (two (sigmoid z) (sigmoid (- z)))
    (two (u * Rabs (1 - y)) 0) (two (E_sigmoid z (E i k)) (E_sigmoid (- z) (E i k))) / INR m in
  off + (u * (Rabs (dZ_output m Y Z i k) + off) + eta).

(** ** The sigmoid *)

Hypothesis sensible_a : sensible a.
Hypothesis small_sigmoid : rho_sigmoid < 1.
Hypothesis small_slope : rho_slope < 1.

Lemma u_pos : 0 <= u. Proof. apply sensible_a. Qed.
Lemma eta_pos : 0 <= eta. Proof. apply sensible_a. Qed.
Lemma huge_pos : 0 < huge. Proof. apply sensible_a. Qed.
Lemma over_huge_pos : 0 < / huge. Proof. apply Rinv_0_lt_compat, huge_pos. Qed.
Lemma kappa_lambda_pos : 0 <= kappa /\ 0 <= lambda. Proof. split; apply sensible_a. Qed.

Lemma inverse_off : forall rho D d f, 0 <= rho < 1 -> 0 < D -> Rabs (d - D) <= rho * D -> rounds (1 / d) f ->
  Rabs (f - 1 / D) <= E_inverse rho (1 / D).
Proof.
  intros rho D d f Hrho HD Hd Hf. pose proof u_pos. apply Rabs_le_between in Hd.
  assert (Hlow : (1 - rho) * D <= d) by lra. assert (0 < (1 - rho) * D) by (apply Rmult_lt_0_compat; lra).
  assert (0 < / D) by now apply Rinv_0_lt_compat.
  assert (quotient : Rabs (1 / d - 1 / D) <= rho / (1 - rho) * (1 / D)).
  { replace (1 / d - 1 / D) with ((D - d) * (/ d * / D)) by (field; lra).
    assert (Hi : / d <= / ((1 - rho) * D)) by (apply Rinv_le_contravar; lra).
    assert (0 < / d) by (apply Rinv_0_lt_compat; lra).
    rewrite Rabs_mult, (Rabs_pos_eq (/ d * / D)) by (apply Rlt_le, Rmult_lt_0_compat; lra).
    replace (rho / (1 - rho) * (1 / D)) with (rho * D * (/ ((1 - rho) * D) * / D)) by (field; lra).
    apply Rmult_le_compat; [apply Rabs_pos | apply Rlt_le, Rmult_lt_0_compat; lra | apply Rabs_le; lra |].
    apply Rmult_le_compat_r; lra. }
  eapply Rle_trans; [apply (rounded_off u eta u_pos _ _ _ _ quotient Hf)|].
  rewrite (Rabs_pos_eq (1 / D)) by (unfold Rdiv; lra). unfold E_inverse. lra.
Qed.

Lemma elementary_off : forall x e, 0 <= x -> elementary x e -> Rabs (e - x) <= (kappa + lambda) * (1 + x).
Proof. intros x e Hx H. unfold elementary in H. pose proof kappa_lambda_pos. nra. Qed.

Lemma E_inverse_le : forall rho x y, 0 <= rho < 1 -> x <= y -> E_inverse rho x <= E_inverse rho y.
Proof.
  intros rho x y H Hxy. unfold E_inverse. pose proof u_pos.
  assert (0 <= rho / (1 - rho)) by (apply Rmult_le_pos; [lra | apply Rlt_le, Rinv_0_lt_compat; lra]).
  apply Rplus_le_compat_r, Rmult_le_compat_l; [nra | exact Hxy].
Qed.

Lemma rho_sigmoid_pos : 0 <= rho_sigmoid < 1.
Proof. split; [|exact small_sigmoid]. unfold rho_sigmoid. pose proof u_pos. pose proof kappa_lambda_pos. nra. Qed.
Lemma rho_slope_pos : 0 <= rho_slope < 1.
Proof.
  split; [|exact small_slope]. unfold rho_slope. pose proof u_pos. pose proof eta_pos. pose proof kappa_lambda_pos.
  assert (0 <= (1 + u) * (kappa + lambda)) by nra. nra.
Qed.

Lemma sigmoid_computed_off : forall z f, sigmoid_computed z f ->
  Rabs (f - sigmoid z) <= E_inverse rho_sigmoid (sigmoid z) + / huge.
Proof.
  intros z f H. pose proof (sigmoid_pos z). pose proof u_pos. pose proof over_huge_pos. pose proof kappa_lambda_pos.
  destruct H as [e d f He Hd Hf | H].
  - pose proof (exp_pos (- z)). apply elementary_off in He; [|lra].
    assert (Rabs (f - sigmoid z) <= E_inverse rho_sigmoid (sigmoid z)); [|lra].
    apply (inverse_off rho_sigmoid (1 + exp (- z)) d); trivial; [apply rho_sigmoid_pos | lra |].
    assert (near : Rabs (1 + e - (1 + exp (- z))) <= (kappa + lambda) * (1 + exp (- z)))
      by (replace (1 + e - (1 + exp (- z))) with (e - exp (- z)) by ring; exact He).
    pose proof (size_off _ _ _ near) as size. rewrite (Rabs_pos_eq (1 + exp (- z))) in size by lra.
    unfold Floats.rounds_sum in Hd. unfold rho_sigmoid.
    pose proof (Rmult_le_compat_l u _ _ u_pos size).
    replace (d - (1 + exp (- z))) with ((d - (1 + e)) + (1 + e - (1 + exp (- z)))) by ring.
    eapply Rle_trans; [apply Rabs_triang|]. lra.
  - assert (sigmoid z <= / huge).
    { unfold sigmoid, RNum.div, Rdiv. rewrite Rmult_1_l. apply Rinv_le_contravar; [apply huge_pos | lra]. }
    pose proof (E_inverse_le rho_sigmoid 0 (sigmoid z) rho_sigmoid_pos ltac:(lra)) as least.
    unfold E_inverse at 1 in least. pose proof eta_pos. rewrite Rminus_0_l, Rabs_Ropp, Rabs_pos_eq; lra.
Qed.

Lemma slope_is : forall z, derivative Sigmoid z = 1 / (2 + 2 * cosh z).
Proof.
  intros z. simpl. unfold sigmoid, cosh. rewrite Ropp_involutive, exp_Ropp. pose proof (exp_pos z). field.
  repeat split; try lra. pose proof (Rinv_0_lt_compat _ H). nra.
Qed.

Lemma slope_pos : forall z, 0 < derivative Sigmoid z.
Proof. intros z. simpl. apply Rmult_lt_0_compat; apply sigmoid_pos. Qed.

Lemma slope_computed_off : forall z f, slope_computed z f ->
  Rabs (f - derivative Sigmoid z) <= E_inverse rho_slope (derivative Sigmoid z) + / huge.
Proof.
  intros z f H. pose proof (slope_pos z). pose proof u_pos. pose proof eta_pos. pose proof over_huge_pos.
  pose proof kappa_lambda_pos. destruct H as [c p d f Hc Hp Hd Hf | H].
  - assert (0 < cosh z) by (unfold cosh; pose proof (exp_pos z); pose proof (exp_pos (- z)); lra).
    apply elementary_off in Hc; [|lra]. rewrite slope_is. set (D := 2 + 2 * cosh z).
    assert (Rabs (f - 1 / D) <= E_inverse rho_slope (1 / D)); [|lra].
    apply (inverse_off rho_slope D d); trivial; [apply rho_slope_pos | unfold D; lra |].
    assert (doubled : Rabs (2 * c - 2 * cosh z) <= (kappa + lambda) * D)
      by (rewrite <- Rmult_minus_distr_l, Rabs_mult, (Rabs_pos_eq 2) by lra; unfold D; lra).
    assert (rounded : Rabs (p - 2 * cosh z) <= (u + (1 + u) * (kappa + lambda) + eta) * D).
    { eapply Rle_trans; [apply (rounded_off u eta u_pos _ _ _ _ doubled Hp)|].
      rewrite (Rabs_pos_eq (2 * cosh z)) by lra.
      assert (u * (2 * cosh z) <= u * D) by (apply Rmult_le_compat_l; unfold D; lra).
      assert (eta * 1 <= eta * D) by (apply Rmult_le_compat_l; unfold D; lra). lra. }
    assert (near : Rabs (2 + p - D) <= (u + (1 + u) * (kappa + lambda) + eta) * D)
      by (replace (2 + p - D) with (p - 2 * cosh z) by (unfold D; ring); exact rounded).
    pose proof (size_off _ _ _ near) as size. rewrite (Rabs_pos_eq D) in size by (unfold D; lra).
    unfold Floats.rounds_sum in Hd. unfold rho_slope.
    pose proof (Rmult_le_compat_l u _ _ u_pos size).
    replace (d - D) with ((d - (2 + p)) + (2 + p - D)) by ring. eapply Rle_trans; [apply Rabs_triang|]. lra.
  - assert (derivative Sigmoid z <= / huge).
    { rewrite slope_is. unfold Rdiv. rewrite Rmult_1_l. apply Rinv_le_contravar; [apply huge_pos | lra]. }
    pose proof (E_inverse_le rho_slope 0 (derivative Sigmoid z) rho_slope_pos ltac:(lra)) as least.
    unfold E_inverse at 1 in least. rewrite Rminus_0_l, Rabs_Ropp, Rabs_pos_eq; lra.
Qed.

(** ** Where z is off *)

(** σ(z + t) - σ(z) is at most (e^|t| - 1) σ′(z). *)
Lemma sigmoid_moves : forall z t, Rabs (sigmoid (z + t) - sigmoid z) <= (exp (Rabs t) - 1) * derivative Sigmoid z.
Proof.
  intros z t. simpl. unfold sigmoid. rewrite Ropp_involutive, Ropp_plus_distr, exp_plus.
  replace (exp z) with (/ exp (- z)) by (rewrite <- exp_Ropp; f_equal; ring).
  set (e := exp (- z)). assert (He : 0 < e) by apply exp_pos.
  assert (Hs : 0 < exp (- t)) by apply exp_pos. set (s := exp (- t)) in *.
  assert (Hes : 0 < e * s) by now apply Rmult_lt_0_compat.
  set (q := / ((1 + e) * (1 + e) * (1 + e * s))).
  assert (0 < q) by (apply Rinv_0_lt_compat; repeat apply Rmult_lt_0_compat; lra).
  replace (1 / (1 + e * s) - 1 / (1 + e)) with (e * (1 - s) * (1 + e) * q) by (unfold q; field; lra).
  assert (growth : Rabs (1 - s) * (1 + e) <= (exp (Rabs t) - 1) * (1 + e * s)).
  { destruct (Rle_dec 0 t) as [Ht|Ht].
    - rewrite (Rabs_pos_eq t Ht). replace (exp t) with (/ s) by (unfold s; rewrite <- exp_Ropp; f_equal; ring).
      assert (s <= 1).
      { unfold s. rewrite <- exp_0. destruct Ht as [Ht|<-]; [apply Rlt_le, exp_increasing; lra | rewrite Ropp_0; lra]. }
      rewrite Rabs_pos_eq by lra. replace ((/ s - 1) * (1 + e * s)) with ((1 - s) * (/ s + e)) by (field; lra).
      apply Rmult_le_compat_l; [lra|]. assert (1 <= / s) by (rewrite <- Rinv_1; apply Rinv_le_contravar; lra). lra.
    - rewrite (Rabs_left t) by lra. fold s.
      assert (1 < s) by (unfold s; rewrite <- exp_0; apply exp_increasing; lra).
      rewrite Rabs_left by lra. replace (- (1 - s)) with (s - 1) by ring. apply Rmult_le_compat_l; nra. }
  rewrite !Rabs_mult, (Rabs_pos_eq e), (Rabs_pos_eq (1 + e)), (Rabs_pos_eq q) by lra.
  replace ((exp (Rabs t) - 1) * (1 / (1 + e) * (1 / (1 + / e)))) with (e * ((exp (Rabs t) - 1) * (1 + e * s)) * q)
    by (unfold q; field; lra).
  apply Rmult_le_compat_r; [lra|]. rewrite Rmult_assoc. apply Rmult_le_compat_l; lra.
Qed.

Lemma moved_off : forall z E zf, Rabs (zf - z) <= E -> Rabs (sigmoid zf - sigmoid z) <= moved z E.
Proof.
  intros z E zf H. replace zf with (z + (zf - z)) by ring. eapply Rle_trans; [apply sigmoid_moves|].
  unfold moved. apply Rmult_le_compat_r; [apply Rlt_le, slope_pos|].
  destruct H as [H| ->]; [apply exp_increasing in H|]; lra.
Qed.

Lemma moved_slope_off : forall z E zf, Rabs (zf - z) <= E ->
  Rabs (derivative Sigmoid zf - derivative Sigmoid z) <= moved_slope z E.
Proof.
  intros z E zf H. apply moved_off in H. simpl. rewrite !sigmoid_opp. unfold moved_slope.
  replace (sigmoid zf * (1 - sigmoid zf) - sigmoid z * (1 - sigmoid z)) with
    ((sigmoid zf - sigmoid z) * ((1 - sigmoid z - sigmoid z) - (sigmoid zf - sigmoid z))) by ring.
  rewrite sigmoid_opp, Rabs_mult. apply Rmult_le_compat; try apply Rabs_pos; trivial.
  unfold Rminus at 1. eapply Rle_trans; [apply Rabs_triang|]. rewrite Rabs_Ropp.
  replace (sigmoid z - (1 - sigmoid z)) with (- (1 - sigmoid z - sigmoid z)) by ring. rewrite Rabs_Ropp. lra.
Qed.

(** Computed at a z that is off: the computation's error is taken at the z that it has. *)
Lemma computed_off : forall rho x xf E f, 0 <= rho < 1 -> 0 <= x -> Rabs (xf - x) <= E ->
  Rabs (f - xf) <= E_inverse rho xf + / huge -> Rabs (f - x) <= E + (E_inverse rho (x + E) + / huge).
Proof.
  intros rho x xf E f Hrho Hx H Hf. pose proof (size_off _ _ _ H) as Hs. rewrite (Rabs_pos_eq x Hx) in Hs.
  pose proof (E_inverse_le rho xf (x + E) Hrho ltac:(pose proof (Rle_abs xf); lra)).
  replace (f - x) with ((xf - x) + (f - xf)) by ring. eapply Rle_trans; [apply Rabs_triang|]. lra.
Qed.

Lemma sigmoid_off : forall z E zf f, Rabs (zf - z) <= E -> sigmoid_computed zf f ->
  Rabs (f - sigmoid z) <= E_sigmoid z E.
Proof.
  intros z E zf f H Hf. apply computed_off with (sigmoid zf); [apply rho_sigmoid_pos | apply Rlt_le, sigmoid_pos
    | now apply moved_off | now apply sigmoid_computed_off].
Qed.

Lemma slope_off : forall z E zf f, Rabs (zf - z) <= E -> slope_computed zf f ->
  Rabs (f - derivative Sigmoid z) <= E_slope z E.
Proof.
  intros z E zf f H Hf. apply computed_off with (derivative Sigmoid zf); [apply rho_slope_pos | apply Rlt_le, slope_pos
    | now apply moved_slope_off | now apply slope_computed_off].
Qed.

Lemma logistic_off : forall p m Y Z E Zf D, (0 < m)%nat ->
  (forall i k, (i < p)%nat -> (k < m)%nat -> Rabs (Zf i k - Z i k) <= E i k) -> output_computed p m Y Zf D ->
  forall i k, (i < p)%nat -> (k < m)%nat -> Rabs (D i k - dZ_output m Y Z i k) <= E_logistic m Y Z E i k.
Proof.
  intros p m Y Z E Zf D Hm HZ H i k Hi Hk. destruct (H i k Hi Hk) as (y & A & B & h & r & Hy & HA & HB & Hr & HD).
  specialize (HZ i k Hi Hk). assert (0 < INR m) by now apply lt_0_INR.
  apply (rounded_off u eta u_pos) with (2 := HD). unfold dZ_output.
  set (x := (1 - Y i k) * sigmoid (Z i k) - Y i k * sigmoid (- Z i k)).
  assert (0 < / INR m) by now apply Rinv_0_lt_compat.
  unfold RNum.div, RNum.of_nat, Rdiv. rewrite <- Rmult_minus_distr_r, Rabs_mult, (Rabs_pos_eq (/ INR m)) by lra.
  apply Rmult_le_compat_r; [lra|].
  replace x with (Σ i0 < 2, two (1 - Y i k) (- Y i k) i0 * two (sigmoid (Z i k)) (sigmoid (- Z i k)) i0)
    by (unfold x; simpl; unfold RNum.add, RNum.zero; ring).
  apply (sum_off u eta u_pos eta_pos 2 2 _ _ (two y (- Y i k)) (two A B)) with (3 := Hr).
  - intros [|i'] Hi'; [exact Hy | apply exact_off].
  - intros [|i'] Hi'; simpl; [now apply sigmoid_off with (Zf i k)|].
    apply sigmoid_off with (- Zf i k); [|exact HB].
    replace (- Zf i k - - Z i k) with (- (Zf i k - Z i k)) by ring. now rewrite Rabs_Ropp.
  - apply height_at_most_terms in Hr. apply Hr.
Qed.

End Arithmetic.

(** ** The network

    [runs a height ... r]: [r] holds what the source may compute in the arithmetic [a]. *)
Section Network.
Variable a : arithmetic.
Variable height : nat -> nat.
Variable n : nat -> nat.
Variable L m : nat.
Variable Y : mat.
Variable W : weights.
Variable b : biases.
Variable X : mat.

Definition runs (r : run) : Prop :=
  computed (u a) (eta a) height n L m W b X (fun _ => sigmoid_computed a) (fun _ => slope_computed a)
    (output_computed a (n L) m Y) r /\
  forall i k, (i < n L)%nat -> (k < m)%nat -> sigmoid_computed a (Zf r L i k) (Af r L i k).

Definition E_A : nat -> mat := FloatNetwork.E_A (u a) (eta a) height n Sigmoids W b X (fun _ => E_sigmoid a).
Definition E_dA : nat -> mat := FloatNetwork.E_dA (u a) (eta a) height n L Sigmoids (Logistic n L m Y) W b X
  (fun _ => E_sigmoid a) (fun _ => E_slope a) (E_logistic a m Y).
Definition E_dW : nat -> mat := FloatNetwork.E_dW (u a) (eta a) height n L m Sigmoids (Logistic n L m Y) W b X
  (fun _ => E_sigmoid a) (fun _ => E_slope a) (E_logistic a m Y).
Definition E_db : nat -> nat -> R := FloatNetwork.E_db (u a) (eta a) height n L m Sigmoids (Logistic n L m Y) W b X
  (fun _ => E_sigmoid a) (fun _ => E_slope a) (E_logistic a m Y).

(** The exact network is among them: the theorem is not empty. *)
Definition exact_run : run := {|
  Af := A n Sigmoids W b X; Zf := RProgram.Z n Sigmoids W b X;
  dZf := dZ n L Sigmoids (Logistic n L m Y) W b X; dAf := dA n L Sigmoids (Logistic n L m Y) W b X;
  dWf := dW n L m Sigmoids (Logistic n L m Y) W b X; dbf := db n L m Sigmoids (Logistic n L m Y) W b X |}.

Theorem exact_runs : sensible a -> (0 < L)%nat -> (0 < m)%nat -> (forall l, (0 < n l)%nat) ->
  (forall p, (p <= height p)%nat) -> runs exact_run.
Proof.
  intros Ha HL Hm Hn Hheight. pose proof (u_pos a Ha) as U. pose proof (eta_pos a Ha) as V.
  pose proof (fun x => proj1 (exactly_rounded (u a) (eta a) U V x)) as exact.
  pose proof (fun x => proj2 (exactly_rounded (u a) (eta a) U V x)) as exact_sum.
  assert (sums : forall p x y s, (0 < p)%nat -> s = (Σ i < p, x i * y i) -> sum_computed (u a) (eta a) height p x y s).
  { intros p x y s Hp ->. destruct p as [|p]; [lia|].
    destruct (exactly_evaluated (u a) (eta a) U V p x y) as [h [Hh H]].
    exists h. split; [specialize (Hheight (S p)); lia | exact H]. }
  assert (elementary_exact : forall x, 0 <= x -> elementary a x x).
  { intros x Hx. unfold elementary. rewrite Rminus_eq_0, Rabs_R0. pose proof (kappa_lambda_pos a Ha).
    pose proof (Rmult_le_pos (kappa a) x). lra. }
  assert (sigmoid_exact : forall z, sigmoid_computed a z (sigmoid z)).
  { intros z. apply sigmoid_finite with (exp (- z)) (1 + exp (- z)); [|apply exact_sum | apply exact].
    apply elementary_exact, Rlt_le, exp_pos. }
  assert (slope_exact : forall z, slope_computed a z (derivative Sigmoid z)).
  { intros z. rewrite slope_is. apply slope_finite with (cosh z) (2 * cosh z) (2 + 2 * cosh z);
      [|apply exact | apply exact_sum | apply exact].
    apply elementary_exact. unfold cosh. pose proof (exp_pos z). pose proof (exp_pos (- z)). lra. }
  split; [constructor|]; simpl; intros.
  - reflexivity.
  - apply sums; [lia|]. apply linear_is_sum.
  - destruct l as [|l]; [lia|]. apply sigmoid_exact.
  - intros i k Hi Hk. rewrite dZ_of_output.
    destruct (exactly_evaluated (u a) (eta a) U V 1 (two (1 - Y i k) (- Y i k))
      (two (sigmoid (RProgram.Z n Sigmoids W b X L i k)) (sigmoid (- RProgram.Z n Sigmoids W b X L i k)))) as [h [_ H]].
    do 5 eexists. split; [apply exact_sum|]. split; [apply sigmoid_exact|]. split; [apply sigmoid_exact|].
    split; [exact H|]. simpl. unfold dZ_output.
    unfold RNum.add, RNum.sub, RNum.mul, RNum.div, RNum.zero, RNum.one, RNum.of_nat.
    match goal with |- rounds _ _ ?x ?y => replace y with x by (f_equal; ring) end. apply exact.
  - apply sums; [apply Hn | reflexivity].
  - exists (derivative Sigmoid (RProgram.Z n Sigmoids W b X l i k)). split; [apply slope_exact|].
    rewrite dZ_recursion by lia. apply exact.
  - apply sums; [exact Hm | reflexivity].
  - apply sums; [exact Hm|]. apply bigsum_agrees. intros. symmetry. apply Rmult_1_r.
  - rewrite A_is_sigmoid_Z by exact HL. apply sigmoid_exact.
Qed.

Definition within_bounds (r : run) : Prop :=
  (forall l i k, (l <= L)%nat -> (i < n l)%nat -> (k < m)%nat ->
     Rabs (Af r l i k - A n Sigmoids W b X l i k) <= E_A l i k) /\
  (forall l j k, (l < L)%nat -> (j < n l)%nat -> (k < m)%nat ->
     Rabs (dAf r l j k - dA n L Sigmoids (Logistic n L m Y) W b X l j k) <= E_dA l j k) /\
  (forall l i j, (1 <= l <= L)%nat -> (i < n l)%nat -> (j < n (pred l))%nat ->
     Rabs (dWf r l i j - dW n L m Sigmoids (Logistic n L m Y) W b X l i j) <= E_dW l i j) /\
  (forall l i, (1 <= l <= L)%nat -> (i < n l)%nat ->
     Rabs (dbf r l i - db n L m Sigmoids (Logistic n L m Y) W b X l i) <= E_db l i).

Theorem gradient_off : sensible a -> rho_sigmoid a < 1 -> rho_slope a < 1 -> (0 < L)%nat -> (0 < m)%nat ->
  forall r, runs r -> within_bounds r.
Proof.
  intros Ha Hs Hd HL Hm r [Hr last].
  assert (sigmoid_is_off : forall (l : nat) z E zf f, Rabs (zf - z) <= E -> sigmoid_computed a zf f ->
    Rabs (f - value (Sigmoids l) z) <= E_sigmoid a z E) by (intros l; now apply sigmoid_off).
  assert (slope_is_off : forall (l : nat) z E zf f, Rabs (zf - z) <= E -> slope_computed a zf f ->
    Rabs (f - derivative (Sigmoids l) z) <= E_slope a z E) by (intros l; now apply slope_off).
  pose proof (fun Z E Zf D => logistic_off a Ha Hs (n L) m Y Z E Zf D Hm) as logistic_is_off.
  set (out := Logistic n L m Y). pose proof (u_pos a Ha) as U. pose proof (eta_pos a Ha) as V.
  split; [|split; [|split]].
  - intros l i k Hl Hi Hk. destruct (Nat.eq_dec l L) as [->|].
    + rewrite A_is_sigmoid_Z by exact HL. destruct L as [|p]; [lia|].
      apply sigmoid_off with (Zf r (S p) i k); trivial; [|now apply last].
      now apply (Z_off _ _ U V height n (S p) m Sigmoids W b X _ _ _ _ sigmoid_is_off r Hr); [lia| |].
    + apply (A_off _ _ U V height n L m Sigmoids W b X _ _ _ _ sigmoid_is_off r Hr); trivial. lia.
  - exact (dA_off _ _ U V height n L m Sigmoids out W b X _ _ _ _ _ (E_logistic a m Y)
      sigmoid_is_off slope_is_off logistic_is_off r Hr).
  - exact (dW_off _ _ U V height n L m Sigmoids out W b X _ _ _ _ _ (E_logistic a m Y)
      sigmoid_is_off slope_is_off logistic_is_off r Hr).
  - exact (db_off _ _ U V height n L m Sigmoids out W b X _ _ _ _ _ (E_logistic a m Y)
      sigmoid_is_off slope_is_off logistic_is_off r Hr).
Qed.

End Network.
