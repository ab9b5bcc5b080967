(** * Floats.v: arithmetic that rounds, and how far it takes a sum of products

    Main result:  [sum_off], for sums in any order, with any blocking, with or without fused multiply-add (Higham,
                  Accuracy and Stability of Numerical Algorithms, ch. 3, with underflow).
    Builds on:    Sums.v.  That binary64 is such an arithmetic is shown in Binary64.v.
    Names:        [u] is the unit roundoff, [eta] what underflow can cost.  [E_x] bounds the error of [x], and [xf] is
                  the computed [x]. *)

From Coq Require Import Reals List Permutation Lra Lia.
From RefNN Require Import Model Sums.
Import ListNotations.
Open Scope R_scope.

Section Floats.
Variable u eta : R.
Hypothesis u_pos : 0 <= u.
Hypothesis eta_pos : 0 <= eta.

(** What is computed, beside what is exact: of a product, a quotient and a fused multiply-add, which may underflow; and
    of a sum or difference, which cannot. *)
Definition rounds (exact computed : R) : Prop := Rabs (computed - exact) <= u * Rabs exact + eta.
Definition rounds_sum (exact computed : R) : Prop := Rabs (computed - exact) <= u * Rabs exact.

(** [evaluated h ts s]: some evaluation of the sum of the products in [ts] returns [s], and no term of it passes through
    more than [h] roundings. *)
Inductive evaluated : nat -> list (R * R) -> R -> Prop :=
| product : forall a b p, rounds (a * b) p -> evaluated 1 [(a, b)] p
| fused : forall h ts s a b r, evaluated h ts s -> rounds (s + a * b) r -> evaluated (S h) ((a, b) :: ts) r
| blocks : forall h ts s h' us t r, evaluated h ts s -> evaluated h' us t -> rounds_sum (s + t) r ->
    evaluated (S (max h h')) (ts ++ us) r
| order : forall h ts us s, Permutation ts us -> evaluated h ts s -> evaluated h us s.

(** The same products, and their absolute values, added without an error *)
Definition exactly (ts : list (R * R)) : R := fold_right (fun t s => fst t * snd t + s) 0 ts.
Definition mass (ts : list (R * R)) : R := fold_right (fun t s => Rabs (fst t * snd t) + s) 0 ts.

Lemma exactly_app : forall ts us, exactly (ts ++ us) = exactly ts + exactly us.
Proof. induction ts as [|t ts IH]; intros; simpl; [lra | rewrite IH; lra]. Qed.
Lemma mass_app : forall ts us, mass (ts ++ us) = mass ts + mass us.
Proof. induction ts as [|t ts IH]; intros; simpl; [lra | rewrite IH; lra]. Qed.
Lemma exactly_perm : forall ts us, Permutation ts us -> exactly ts = exactly us.
Proof. induction 1; simpl; lra. Qed.
Lemma mass_perm : forall ts us, Permutation ts us -> mass ts = mass us.
Proof. induction 1; simpl; lra. Qed.
Lemma exactly_le_mass : forall ts, Rabs (exactly ts) <= mass ts.
Proof.
  induction ts as [|t ts IH]; simpl; [rewrite Rabs_R0; lra|].
  eapply Rle_trans; [apply Rabs_triang|]. lra.
Qed.

Notation c := (1 + u).
Lemma c_pow : forall p q, (p <= q)%nat -> 1 <= c ^ p <= c ^ q.
Proof. intros p q H. split; [apply pow_R1_Rle; lra | apply Rle_pow; [lra | exact H]]. Qed.

(** After [h] roundings of terms that are together at most [M], and [e] too far underflown *)
Definition bound (h : nat) (M e : R) : R := (c ^ h - 1) * M + c ^ h * e.

Lemma bound_le : forall h h' M N e, (h <= h')%nat -> 0 <= e -> 0 <= M <= N -> bound h M e <= bound h' N e.
Proof.
  intros h h' M N e Hh He [HM HN]. unfold bound. pose proof (c_pow h h' Hh).
  apply Rplus_le_compat; [apply Rmult_le_compat | apply Rmult_le_compat_r]; lra.
Qed.

Lemma add_bound : forall h h' k s S M e t T N f r under, (h < k)%nat -> (h' < k)%nat -> Rabs S <= M -> Rabs T <= N ->
  0 <= e -> 0 <= f -> 0 <= under -> Rabs (s - S) <= bound h M e -> Rabs (t - T) <= bound h' N f ->
  Rabs (r - (s + t)) <= u * Rabs (s + t) + under -> Rabs (r - (S + T)) <= bound k (M + N) (e + f + under).
Proof.
  intros h h' k s S M e t T N f r under Hh Hh' HS HT He Hf Hunder Hs Ht Hr. unfold bound in *.
  assert (H0 : Rabs (s + t) <= c ^ h * (M + e) + c ^ h' * (N + f)).
  { replace (s + t) with ((s - S) + (t - T) + (S + T)) by lra.
    eapply Rle_trans; [apply Rabs_triang|].
    pose proof (Rabs_triang (s - S) (t - T)). pose proof (Rabs_triang S T). lra. }
  assert (H1 : Rabs (r - (S + T)) <= Rabs (r - (s + t)) + (Rabs (s - S) + Rabs (t - T))).
  { replace (r - (S + T)) with ((r - (s + t)) + ((s - S) + (t - T))) by lra.
    eapply Rle_trans; [apply Rabs_triang|]. pose proof (Rabs_triang (s - S) (t - T)). lra. }
  assert (0 <= M) by (pose proof (Rabs_pos S); lra). assert (0 <= N) by (pose proof (Rabs_pos T); lra).
  pose proof (c_pow (Datatypes.S h) k Hh) as [_ K]. pose proof (c_pow (Datatypes.S h') k Hh') as [_ K'].
  pose proof (c_pow 0 k ltac:(lia)) as [_ K0]. simpl in K, K', K0.
  assert (u * Rabs (s + t) <= u * (c ^ h * (M + e) + c ^ h' * (N + f))) by (apply Rmult_le_compat_l; lra).
  assert (c * c ^ h * (M + e) <= c ^ k * (M + e)) by (apply Rmult_le_compat_r; lra).
  assert (c * c ^ h' * (N + f) <= c ^ k * (N + f)) by (apply Rmult_le_compat_r; lra).
  assert (1 * under <= c ^ k * under) by (apply Rmult_le_compat_r; lra).
  lra.
Qed.

Lemma evaluated_off : forall h ts s, evaluated h ts s ->
  Rabs (s - exactly ts) <= bound h (mass ts) (INR (length ts) * eta).
Proof.
  induction 1 as [a b p H | h ts s a b r Hs IH H | h ts s h' us t r Hs IHs Ht IHt H | h ts us s P Hs IH].
  - unfold bound, rounds in *. simpl. rewrite !Rplus_0_r, !Rmult_1_r, Rmult_1_l.
    pose proof (Rmult_le_pos u eta u_pos eta_pos). lra.
  - replace (exactly ((a, b) :: ts)) with (exactly ts + a * b) by (simpl; lra).
    replace (mass ((a, b) :: ts)) with (mass ts + Rabs (a * b)) by (simpl; lra).
    replace (INR (length ((a, b) :: ts)) * eta) with (INR (length ts) * eta + 0 + eta)
      by (simpl length; rewrite S_INR; lra).
    apply (add_bound h 0 _ s _ _ _ (a * b)); trivial; try lia; try apply exactly_le_mass; try lra.
    + apply Rmult_le_pos; [apply pos_INR | exact eta_pos].
    + unfold bound. simpl. replace (a * b - a * b) with 0 by lra. rewrite Rabs_R0. lra.
  - rewrite exactly_app, mass_app, app_length, plus_INR, Rmult_plus_distr_r, <- (Rplus_0_r (_ + INR (length us) * _)).
    apply (add_bound h h' _ s _ _ _ t); trivial; try lia; try apply exactly_le_mass; try lra.
    1-2: apply Rmult_le_pos; [apply pos_INR | exact eta_pos].
    unfold rounds_sum in H. lra.
  - now rewrite <- (exactly_perm _ _ P), <- (mass_perm _ _ P), <- (Permutation_length P).
Qed.

(** In whatever order: no more roundings than terms. *)
Theorem height_at_most_terms : forall h ts s, evaluated h ts s -> (1 <= h <= length ts)%nat.
Proof.
  induction 1 as [| | |h ts us s P Hs IH]; simpl; rewrite ?app_length; try lia. now rewrite <- (Permutation_length P).
Qed.

(** Nothing forbids that no rounding occurs. *)
Lemma exactly_rounded : forall x, rounds x x /\ rounds_sum x x.
Proof.
  intros x. unfold rounds, rounds_sum. rewrite Rminus_eq_0, Rabs_R0.
  pose proof (Rmult_le_pos u _ u_pos (Rabs_pos x)). lra.
Qed.

(** ** Of numbers that are computed themselves *)

Definition terms (p : nat) (x y : nat -> R) : list (R * R) := map (fun i => (x i, y i)) (seq 0 p).

Lemma exactly_bigsum : forall p x y, exactly (terms p x y) = Σ i < p, x i * y i.
Proof.
  unfold terms. induction p as [|p IH]; intros; [reflexivity|]. rewrite seq_S, map_app, exactly_app, IH. simpl.
  unfold RNum.add, RNum.mul. ring.
Qed.
Lemma mass_bigsum : forall p x y, mass (terms p x y) = Σ i < p, Rabs (x i * y i).
Proof.
  unfold terms. induction p as [|p IH]; intros; [reflexivity|]. rewrite seq_S, map_app, mass_app, IH. simpl.
  unfold RNum.add. ring.
Qed.

Lemma exactly_evaluated : forall p x y,
  exists h, (h <= S p)%nat /\ evaluated h (terms (S p) x y) (Σ i < S p, x i * y i).
Proof.
  intros p x y. rewrite <- exactly_bigsum. unfold terms. induction p as [|p [h [Hh H]]].
  - exists 1%nat. split; [lia|]. apply product. simpl. rewrite Rplus_0_r. apply exactly_rounded.
  - exists (S (max h 1)). split; [lia|]. rewrite seq_S, map_app, exactly_app.
    apply blocks with (1 := H) (t := x (S p) * y (S p)); [apply product; apply exactly_rounded|].
    simpl. rewrite Rplus_0_r. apply exactly_rounded.
Qed.

Lemma bigsum_off : forall p f g e, (forall i, (i < p)%nat -> Rabs (f i - g i) <= e i) ->
  Rabs (bigsum p f - bigsum p g) <= bigsum p e.
Proof.
  induction p as [|p IH]; intros f g e H; simpl; [rewrite Rminus_eq_0, Rabs_R0; apply Rle_refl|].
  unfold RNum.add.
  replace (bigsum p f + f p - (bigsum p g + g p)) with ((bigsum p f - bigsum p g) + (f p - g p)) by ring.
  eapply Rle_trans; [apply Rabs_triang|]. apply Rplus_le_compat; [apply IH; intros; apply H; lia | apply H; lia].
Qed.

(** The error of a product of numbers that are off by [Ex] and [Ey] *)
Definition E_product (x y Ex Ey : R) : R := Ex * Rabs y + Rabs x * Ey + Ex * Ey.

(** The error of a sum of [p] such products, with at most [h] roundings on the way of any *)
Definition E_sum (h p : nat) (x y Ex Ey : nat -> R) : R :=
  (Σ i < p, E_product (x i) (y i) (Ex i) (Ey i))
  + bound h (Σ i < p, (Rabs (x i) + Ex i) * (Rabs (y i) + Ey i)) (INR p * eta).

Lemma size_off : forall x xf E, Rabs (xf - x) <= E -> Rabs xf <= Rabs x + E.
Proof. intros x xf E H. replace xf with (x + (xf - x)) by ring. eapply Rle_trans; [apply Rabs_triang|]. lra. Qed.

Lemma product_off : forall x y xf yf Ex Ey, Rabs (xf - x) <= Ex -> Rabs (yf - y) <= Ey ->
  Rabs (xf * yf - x * y) <= E_product x y Ex Ey.
Proof.
  intros x y xf yf Ex Ey Hx Hy. unfold E_product. pose proof (Rabs_pos (xf - x)). pose proof (Rabs_pos (yf - y)).
  pose proof (Rabs_pos x). pose proof (Rabs_pos y).
  replace (xf * yf - x * y) with ((xf - x) * y + x * (yf - y) + (xf - x) * (yf - y)) by ring.
  eapply Rle_trans; [apply Rabs_triang|]. apply Rplus_le_compat; [eapply Rle_trans; [apply Rabs_triang|]|];
    rewrite !Rabs_mult; nra.
Qed.

Theorem sum_off : forall h p x y xf yf Ex Ey h' s,
  (forall i, (i < p)%nat -> Rabs (xf i - x i) <= Ex i) -> (forall i, (i < p)%nat -> Rabs (yf i - y i) <= Ey i) ->
  evaluated h' (terms p xf yf) s -> (h' <= h)%nat ->
  Rabs (s - Σ i < p, x i * y i) <= E_sum h p x y Ex Ey.
Proof.
  intros h p x y xf yf Ex Ey h' s Hx Hy Hs Hh. apply evaluated_off in Hs.
  rewrite exactly_bigsum, mass_bigsum in Hs. unfold terms in Hs. rewrite map_length, seq_length in Hs.
  replace (s - Σ i < p, x i * y i) with (((Σ i < p, xf i * yf i) - Σ i < p, x i * y i) + (s - Σ i < p, xf i * yf i))
    by ring.
  eapply Rle_trans; [apply Rabs_triang|]. apply Rplus_le_compat.
  - apply bigsum_off. intros i Hi. now apply product_off; [apply Hx | apply Hy].
  - eapply Rle_trans; [exact Hs|]. apply bound_le; [exact Hh | apply Rmult_le_pos; [apply pos_INR | exact eta_pos]|].
    split; [apply bigsum_pos; intros; apply Rabs_pos|].
    apply bigsum_le. intros i Hi. rewrite Rabs_mult.
    apply Rmult_le_compat; try apply Rabs_pos; apply size_off; [now apply Hx | now apply Hy].
Qed.

(** What carries no error *)
Lemma exact_off : forall x, Rabs (x - x) <= 0.
Proof. intros x. rewrite Rminus_eq_0, Rabs_R0. lra. Qed.

(** A last step that rounds *)
Lemma rounded_off : forall x xf y E, Rabs (xf - x) <= E -> rounds xf y -> Rabs (y - x) <= E + (u * (Rabs x + E) + eta).
Proof.
  intros x xf y E H Hy. unfold rounds in Hy. pose proof (size_off x xf E H).
  assert (u * Rabs xf <= u * (Rabs x + E)) by (apply Rmult_le_compat_l; lra).
  replace (y - x) with ((xf - x) + (y - xf)) by ring. eapply Rle_trans; [apply Rabs_triang|]. lra.
Qed.

End Floats.
