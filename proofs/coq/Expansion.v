(** * Expansion.v: first-order expansions, all the analysis of several variables that is needed

    [f h] = [x] + [f' h] + o(size h), where [h] is anything that has a size.  If [h] is a time, its size the distance
    to [t0], and [f' h] a velocity times the time since [t0], this is the derivative; if [h] is a perturbation of
    arrays, this is the derivative in the sense of Fréchet.  So the chain rule is said once, for both.

    Main results: [expands_sum], [expands_product], [expands_of], [expands_bigsum]; [expands_of_matrix],
                  [expands_iff_is_derive].
    Builds on:    Sums.v, Coquelicot ([is_derive f t v] says that [f] has the derivative [v] at [t]).
    Names:        [small e]: the error [e h] is o(size h); [bounded e]: it is O(size h); [near P]: [P h] holds for all
                  [h] below some size. *)

From Coq Require Import Reals Lra Lia FunctionalExtensionality.
From Coquelicot Require Import Coquelicot.
From RefNN Require Import Model Sums.
Open Scope R_scope.

Section Words.
Context {T : Type} (size : T -> R).

Definition near (P : T -> Prop) : Prop := exists delta, 0 < delta /\ forall h, size h < delta -> P h.
Definition small (e : T -> R) : Prop := forall eps, 0 < eps -> near (fun h => Rabs (e h) <= eps * size h).
Definition bounded (e : T -> R) : Prop := exists c, 0 < c /\ near (fun h => Rabs (e h) <= c * size h).
Definition expands (f : T -> R) (x : R) (f' : T -> R) : Prop := bounded f' /\ small (fun h => f h - x - f' h).

End Words.

Section Expansion.
Context {T : Type} (size : T -> R).
Notation near := (near size).
Notation small_ := (small size).
Notation bounded := (bounded size).
Notation expands := (expands size).
Hypothesis size_pos : forall h, 0 <= size h.

Lemma near_and : forall P Q : T -> Prop, near P -> near Q -> near (fun h => P h /\ Q h).
Proof.
  intros P Q [d [Hd HP]] [e [He HQ]]. exists (Rmin d e). split; [now apply Rmin_pos|].
  intros h Hh. pose proof (Rmin_l d e). pose proof (Rmin_r d e). split; [apply HP | apply HQ]; lra.
Qed.

Lemma near_imp : forall P Q : T -> Prop, (forall h, P h -> Q h) -> near P -> near Q.
Proof. intros P Q H [d [Hd HP]]. exists d. auto. Qed.

Lemma near_all : forall P : T -> Prop, (forall h, P h) -> near P.
Proof. intros P H. exists 1. split; [lra | auto]. Qed.

(** ** Errors *)

Lemma small_ext : forall e e', (forall h, e h = e' h) -> small_ e -> small_ e'.
Proof. intros e e' E H eps Heps. eapply near_imp, (H eps Heps). intros h A. now rewrite <- E. Qed.

Lemma small_bounded : forall e, small_ e -> bounded e.
Proof. intros e H. exists 1. split; [lra | apply H; lra]. Qed.

Lemma bounded_le : forall c e, 0 < c -> (forall h, Rabs (e h) <= c * size h) -> bounded e.
Proof. intros c e Hc H. exists c. split; [exact Hc | now apply near_all]. Qed.

Lemma small_0 : small_ (fun _ => 0).
Proof. intros eps Heps. apply near_all. intros h. rewrite Rabs_R0. apply Rmult_le_pos; [lra | apply size_pos]. Qed.

Lemma bounded_Rabs : forall e, bounded e -> bounded (fun h => Rabs (e h)).
Proof. intros e [c [Hc H]]. exists c. split; [exact Hc|]. eapply near_imp, H. intros h. now rewrite Rabs_Rabsolu. Qed.

Lemma bounded_plus : forall e e', bounded e -> bounded e' -> bounded (fun h => e h + e' h).
Proof.
  intros e e' [c [Hc H]] [c' [Hc' H']]. exists (c + c'). split; [lra|].
  eapply near_imp, (near_and _ _ H H'). intros h [A B]. pose proof (Rabs_triang (e h) (e' h)). lra.
Qed.

Lemma small_plus : forall e e', small_ e -> small_ e' -> small_ (fun h => e h + e' h).
Proof.
  intros e e' H H' eps Heps. eapply near_imp, (near_and _ _ (H (eps / 2) ltac:(lra)) (H' (eps / 2) ltac:(lra))).
  intros h [A B]. pose proof (Rabs_triang (e h) (e' h)). lra.
Qed.

Lemma bounded_scal : forall c e, bounded e -> bounded (fun h => c * e h).
Proof.
  intros c e [d [Hd H]]. pose proof (Rabs_pos c). exists ((Rabs c + 1) * d). split; [apply Rmult_lt_0_compat; lra|].
  eapply near_imp, H. intros h A. rewrite Rabs_mult, Rmult_assoc.
  apply Rmult_le_compat; try apply Rabs_pos; lra.
Qed.

Lemma small_scal : forall c e, small_ e -> small_ (fun h => c * e h).
Proof.
  intros c e H eps Heps. pose proof (Rabs_pos c). eapply near_imp, (H (eps / (Rabs c + 1))).
  - intros h A. rewrite Rabs_mult. replace eps with ((Rabs c + 1) * (eps / (Rabs c + 1))) by (field; lra).
    rewrite Rmult_assoc. apply Rmult_le_compat; try apply Rabs_pos; lra.
  - apply Rdiv_lt_0_compat; lra.
Qed.

(** What is small in another size, that is bounded, is small. *)
Lemma small_of : forall (U : Type) (size_U e : U -> R) (u : T -> U),
  small size_U e -> bounded (fun h => size_U (u h)) -> small_ (fun h => e (u h)).
Proof.
  intros U size_U e u H [c [Hc Hu]] eps Heps. destruct (H (eps / c)) as [d [Hd He]]; [now apply Rdiv_lt_0_compat|].
  assert (Hdc : near (fun h => size h < d / c)) by (exists (d / c); split; [now apply Rdiv_lt_0_compat | trivial]).
  eapply near_imp, (near_and _ _ Hu Hdc). intros h [A B]. pose proof (Rle_abs (size_U (u h))).
  apply (Rmult_lt_compat_l c) in B; [|exact Hc]. replace (c * (d / c)) with d in B by (field; lra).
  eapply Rle_trans; [apply He; lra|]. replace (eps * size h) with (eps / c * (c * size h)) by (field; lra).
  apply Rmult_le_compat_l; [left; now apply Rdiv_lt_0_compat | lra].
Qed.

(** The product of two bounded errors is small. *)
Lemma small_mult : forall e e', bounded e -> bounded e' -> small_ (fun h => e h * e' h).
Proof.
  intros e e' [c [Hc H]] [c' [Hc' H']] eps Heps. assert (Hcc : 0 < c * c') by now apply Rmult_lt_0_compat.
  assert (Hsize : near (fun h => size h < eps / (c * c')))
    by (exists (eps / (c * c')); split; [now apply Rdiv_lt_0_compat | trivial]).
  eapply near_imp, (near_and _ _ (near_and _ _ H H') Hsize). intros h [[A B] Hh]. rewrite Rabs_mult.
  eapply Rle_trans; [apply Rmult_le_compat; try apply Rabs_pos; eassumption|].
  replace (c * size h * (c' * size h)) with (c * c' * size h * size h) by ring.
  apply Rmult_le_compat_r; [apply size_pos|].
  replace eps with (c * c' * (eps / (c * c'))) by (field; lra). apply Rmult_le_compat_l; lra.
Qed.

Lemma bounded_bigsum : forall n (e : T -> nat -> R),
  (forall i, (i < n)%nat -> bounded (fun h => e h i)) -> bounded (fun h => Σ i < n, e h i).
Proof.
  induction n as [|p IH]; intros e H; simpl; [apply small_bounded, small_0|].
  apply bounded_plus; [apply IH; intros|]; apply H; lia.
Qed.

(** ** Rules *)

Lemma expands_ext : forall f f1 x f', (forall h, f h = f1 h) -> expands f x f' -> expands f1 x f'.
Proof. intros f f1 x f' E [Hb Hs]. split; [exact Hb|]. eapply small_ext, Hs. intros h. cbv beta. now rewrite E. Qed.

(** Here the change [f h - x] is bounded. *)
Lemma expands_bounded : forall f x f', expands f x f' -> bounded (fun h => f h - x).
Proof.
  intros f x f' [Hb Hs]. destruct (bounded_plus _ _ Hb (small_bounded _ Hs)) as [c [Hc H]].
  exists c. split; [exact Hc|]. eapply near_imp, H. intros h A.
  now replace (f h - x) with (f' h + (f h - x - f' h)) by ring.
Qed.

Lemma expands_linear : forall x f', bounded f' -> expands (fun h => x + f' h) x f'.
Proof. intros x f' H. split; [exact H|]. eapply small_ext, small_0. intros; simpl; ring. Qed.

Lemma expands_fixed : forall x, expands (fun _ => x) x (fun _ => 0).
Proof. intros x. eapply expands_ext, expands_linear, small_bounded, small_0. intros; simpl; ring. Qed.

Lemma expands_sum : forall f f1 x y f' f1',
  expands f x f' -> expands f1 y f1' -> expands (fun h => f h + f1 h) (x + y) (fun h => f' h + f1' h).
Proof.
  intros f f1 x y f' f1' [Hb Hs] [Hb1 Hs1]. split; [now apply bounded_plus|].
  eapply small_ext, (small_plus _ _ Hs Hs1). intros; simpl; ring.
Qed.

Lemma expands_scaled : forall c f x f', expands f x f' -> expands (fun h => c * f h) (c * x) (fun h => c * f' h).
Proof.
  intros c f x f' [Hb Hs]. split; [now apply bounded_scal|]. eapply small_ext, (small_scal c _ Hs). intros; simpl; ring.
Qed.

(** The product rule: what is left is x · o(size) + y · o(size) + O(size)². *)
Lemma expands_product : forall f f1 x y f' f1',
  expands f x f' -> expands f1 y f1' -> expands (fun h => f h * f1 h) (x * y) (fun h => y * f' h + x * f1' h).
Proof.
  intros f f1 x y f' f1' H H1. split.
  - apply bounded_plus; apply bounded_scal; [apply H | apply H1].
  - pose proof (small_mult _ _ (expands_bounded _ _ _ H) (expands_bounded _ _ _ H1)) as H2.
    eapply small_ext, (small_plus _ _ H2 (small_plus _ _ (small_scal y _ (proj2 H)) (small_scal x _ (proj2 H1)))).
    intros; simpl; ring.
Qed.

(** A finite sum is expanded term by term. *)
Lemma expands_bigsum : forall n (f : T -> nat -> R) x (f' : T -> nat -> R),
  (forall i, (i < n)%nat -> expands (fun h => f h i) (x i) (fun h => f' h i)) ->
  expands (fun h => Σ i < n, f h i) (Σ i < n, x i) (fun h => Σ i < n, f' h i).
Proof.
  induction n as [|p IH]; intros f x f' H; simpl; [apply expands_fixed|].
  apply expands_sum; [apply IH; intros|]; apply H; lia.
Qed.

(** Near [x], a function with a derivative is its tangent, but for an error that is small in the distance. *)
Lemma tangent : forall phi x v, is_derive phi x v ->
  small (fun y => Rabs (y - x)) (fun y => phi y - phi x - (y - x) * v).
Proof.
  intros phi x v [_ H] eps Heps. specialize (H x (fun P HP => HP) (mkposreal eps Heps)). destruct H as [delta H].
  exists delta. split; [apply cond_pos | exact H].
Qed.

(** The chain rule: [phi] has a derivative at [x], the value of [f]. *)
Lemma expands_of : forall phi v f x f', is_derive phi x v -> expands f x f' ->
  expands (fun h => phi (f h)) (phi x) (fun h => v * f' h).
Proof.
  intros phi v f x f' Hphi H. split; [apply bounded_scal, H|].
  eapply small_ext, (small_plus (fun h => phi (f h) - phi x - (f h - x) * v)); [| |apply (small_scal v), H].
  - intros; simpl; ring.
  - apply (small_of R _ (fun y => phi y - phi x - (y - x) * v) f (tangent _ _ _ Hphi)).
    apply bounded_Rabs, (expands_bounded _ _ _ H).
Qed.

(** The chain rule for a function [C] of a matrix. *)
Lemma expands_of_matrix : forall p m C M dC (Ms M' : T -> mat), is_gradient p m C M dC ->
  (forall i k, (i < p)%nat -> (k < m)%nat -> expands (fun h => Ms h i k) (M i k) (fun h => M' h i k)) ->
  expands (fun h => C (Ms h)) (C M) (fun h => dot p m dC (M' h)).
Proof.
  intros p m C M dC Ms M' HC H. set (e := fun h i k => Ms h i k - M i k).
  assert (Hdot : expands (fun h => dot p m dC (e h)) 0 (fun h => dot p m dC (M' h))).
  { rewrite <- (bigsum_0 m (fun k => Σ i < p, dC i k * 0)) by (intros; apply bigsum_0; intros; ring).
    apply (expands_bigsum m (fun h k => Σ i < p, dC i k * e h i k)). intros k Hk.
    apply (expands_bigsum p (fun h i => dC i k * e h i k)). intros i Hi. apply expands_scaled.
    destruct (H i k Hi Hk) as [Hb Hs]. split; [exact Hb|]. eapply small_ext, Hs. intros; unfold e; simpl; ring. }
  split; [apply Hdot|].
  eapply small_ext, (small_plus (fun h => C (fun i k => M i k + e h i k) - C M - dot p m dC (e h))); [| |apply Hdot].
  - intros h. simpl. replace (fun i k => M i k + e h i k) with (Ms h)
      by (extensionality i; extensionality k; unfold e; ring). ring.
  - apply (small_of mat (size_mat p m) (fun D => C (fun i k => M i k + D i k) - C M - dot p m dC D) e HC).
    apply (bounded_bigsum m (fun h k => Σ i < p, Rabs (e h i k))). intros k Hk.
    apply (bounded_bigsum p (fun h i => Rabs (e h i k))). intros i Hi.
    apply bounded_Rabs, (expands_bounded _ _ _ (H i k Hi Hk)).
Qed.

End Expansion.

(** ** The derivative, as an expansion in the distance *)

Lemma expands_iff_is_derive : forall (f : R -> R) t0 v,
  is_derive f t0 v <-> expands (fun t => Rabs (t - t0)) f (f t0) (fun t => (t - t0) * v).
Proof.
  intros f t0 v. split.
  - intros H. split; [|exact (tangent f t0 v H)].
    apply (bounded_le _ (Rabs v + 1)); [pose proof (Rabs_pos v); lra|]. intros t.
    rewrite Rabs_mult, Rmult_comm. apply Rmult_le_compat_r; [apply Rabs_pos | lra].
  - intros [_ H]. split; [apply (is_linear_scal_l (K := R_AbsRing) (V := R_NormedModule))|].
    intros x Hx. rewrite <- (is_filter_lim_locally_unique _ _ Hx). intros eps.
    destruct (H eps (cond_pos eps)) as [delta [Hdelta Hle]]. exists (mkposreal delta Hdelta). exact Hle.
Qed.

(** ** The gradient, as an expansion in the size of the perturbation *)

Lemma size_mat_pos : forall p m M, 0 <= size_mat p m M.
Proof. intros. apply bigsum_pos. intros. apply bigsum_pos. intros. apply Rabs_pos. Qed.

Lemma expands_entry : forall p m (M : mat) i k, (i < p)%nat -> (k < m)%nat ->
  expands (size_mat p m) (fun M' => M i k + M' i k) (M i k) (fun M' => M' i k).
Proof.
  intros p m M i k Hi Hk. apply expands_linear; [apply size_mat_pos|].
  apply (bounded_le _ 1); [lra|]. intros M'. rewrite Rmult_1_l. unfold size_mat.
  eapply Rle_trans; [|apply (bigsum_term_le m (fun k => Σ i < p, Rabs (M' i k)) k); [|exact Hk]].
  - apply (bigsum_term_le p (fun i => Rabs (M' i k))); [intros; apply Rabs_pos | exact Hi].
  - intros. apply bigsum_pos. intros. apply Rabs_pos.
Qed.

Lemma expands_is_gradient : forall p m C M dC f',
  expands (size_mat p m) (fun M' => C (fun i k => M i k + M' i k)) (C M) f' ->
  (forall M', f' M' = dot p m dC M') -> is_gradient p m C M dC.
Proof.
  intros p m C M dC f' [_ H] E eps Heps. destruct (H eps Heps) as [delta [Hdelta Hle]].
  exists delta. split; [exact Hdelta|]. intros M' HM. rewrite <- E. now apply Hle.
Qed.
