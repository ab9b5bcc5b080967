(** * Frechet.v: the cost is differentiable in all variables at once

    Main result:  [frechet].
    Builds on:    Gradient.v, Continuity.v.  By the mean value theorem along a straight line, the error of the linear
                  approximation is the inner product of the perturbation with a change of the gradient; and that change
                  tends to zero, as the gradient is continuous. *)

From Coq Require Import Reals Lra Lia FunctionalExtensionality.
From Coquelicot Require Import Coquelicot.
From RefNN Require Import Model Sums Gradient Continuity.
Open Scope R_scope.

Section Frechet.
Variable n : nat -> nat.
Variable L m : nat.
Variable Y : mat.
Variable W : weights.
Variable b : biases.
Variable X : mat.
Hypothesis L_pos : (0 < L)%nat.

Notation size_ := (size n L m).
Notation inner_ := (inner n L m).

(** A perturbation of everything, and the network at [s] times that perturbation. *)
Let perturbation : Type := weights * biases * mat.
Let W_of (h : perturbation) : weights := fst (fst h).
Let b_of (h : perturbation) : biases := snd (fst h).
Let X_of (h : perturbation) : mat := snd h.
Let size_of h := size_ (W_of h) (b_of h) (X_of h).
Let W_at h s : weights := fun l i j => W l i j + s * W_of h l i j.
Let b_at h s : biases := fun l i => b l i + s * b_of h l i.
Let X_at h s : mat := fun j k => X j k + s * X_of h j k.

(** By how much the gradient differs, [s] times the perturbation away. *)
Let change h s : R := size_
  (fun l i j => dW n L m Y (W_at h s) (b_at h s) (X_at h s) l i j - dW n L m Y W b X l i j)
  (fun l i => db n L m Y (W_at h s) (b_at h s) (X_at h s) l i - db n L m Y W b X l i)
  (fun j k => dA n L m Y (W_at h s) (b_at h s) (X_at h s) O j k - dA n L m Y W b X O j k).

(** Small perturbations, scaled by a factor in [0, 1]: what holds for all of them below some size holds eventually. *)
Let small (P : perturbation * R -> Prop) : Prop :=
  exists delta, 0 < delta /\ forall h s, size_of h < delta -> 0 <= s <= 1 -> P (h, s).

(** This is a way of approaching: it holds of everything, of both of two conditions, and of consequences. *)
Let Filter_small : Filter small.
Proof.
  constructor.
  - exists 1. split; [lra | trivial].
  - intros P Q [d [Hd HP]] [e [He HQ]]. exists (Rmin d e). split; [now apply Rmin_pos|].
    intros h s Hh Hs. pose proof (Rmin_l d e). pose proof (Rmin_r d e). split; [apply HP | apply HQ]; lra.
  - intros P Q HPQ [d [Hd HP]]. exists d. split; [exact Hd | auto].
Qed.
Existing Instance Filter_small.

(** An entry that is at most the size of the perturbation moves little. *)
Let entry_small : forall (x : R) (e : perturbation -> R), (forall h, Rabs (e h) <= size_of h) ->
  filterlim (fun hs => x + snd hs * e (fst hs)) small (locally x).
Proof.
  intros x e He. apply filterlim_locally. intros eps. exists eps. split; [apply cond_pos|].
  intros h s Hh Hs. change (Rabs (x + s * e h - x) < eps).
  replace (x + s * e h - x) with (s * e h) by ring. rewrite Rabs_mult, (Rabs_pos_eq s) by apply Hs.
  eapply Rle_lt_trans; [|exact Hh]. eapply Rle_trans; [|apply (He h)].
  rewrite <- (Rmult_1_l (Rabs (e h))) at 2. apply Rmult_le_compat_r; [apply Rabs_pos | apply Hs].
Qed.

(** The gradient is continuous. *)
Let change_small : filterlim (fun hs => change (fst hs) (snd hs)) small (locally 0).
Proof.
  assert (HW : forall l i j, (1 <= l <= L)%nat -> (i < n l)%nat -> (j < n (pred l))%nat ->
    filterlim (fun hs => W_at (fst hs) (snd hs) l i j) small (locally (W l i j))).
  { intros. apply (entry_small _ (fun h => W_of h l i j)). intros h.
    apply (W_le_total n L m (fun l i j => Rabs (W_of h l i j))); intros; try apply Rabs_pos; assumption. }
  assert (Hb : forall l i, (1 <= l <= L)%nat -> (i < n l)%nat ->
    filterlim (fun hs => b_at (fst hs) (snd hs) l i) small (locally (b l i))).
  { intros. apply (entry_small _ (fun h => b_of h l i)). intros h.
    apply (b_le_total n L m _ (fun l i => Rabs (b_of h l i))); intros; try apply Rabs_pos; assumption. }
  assert (HX : forall j k, (j < n O)%nat -> (k < m)%nat ->
    filterlim (fun hs => X_at (fst hs) (snd hs) j k) small (locally (X j k))).
  { intros. apply (entry_small _ (fun h => X_of h j k)). intros h.
    apply (X_le_total n L m _ _ (fun j k => Rabs (X_of h j k))); intros; try apply Rabs_pos; assumption. }
  apply (lim_size small); intros;
    match goal with |- context [_ - ?x] => rewrite <- (Rplus_opp_r x) end;
    (apply (lim_plus small); [|apply (lim_fixed small)]);
    [eapply lim_dW | eapply lim_db | eapply lim_dA]; eauto.
Qed.

(** The mean value theorem along the segment. *)
Let remainder_le : forall h, exists s, 0 <= s <= 1 /\
  Rabs (cost n L m Y (W_at h 1) (b_at h 1) (X_at h 1) - cost n L m Y W b X
        - inner_ (dW n L m Y W b X) (db n L m Y W b X) (dA n L m Y W b X O) (W_of h) (b_of h) (X_of h))
  <= change h s * size_of h.
Proof.
  intros h.
  set (J s := cost n L m Y (W_at h s) (b_at h s) (X_at h s)).
  set (J' s := inner_ (dW n L m Y (W_at h s) (b_at h s) (X_at h s)) (db n L m Y (W_at h s) (b_at h s) (X_at h s))
                      (dA n L m Y (W_at h s) (b_at h s) (X_at h s) O) (W_of h) (b_of h) (X_of h)).
  assert (HJ : forall s, is_derive J s (J' s)).
  { intros s. apply derivative_along_curve; [exact L_pos|].
    split; [|split]; intros; unfold W_at, b_at, X_at; auto_derive; trivial; ring. }
  destruct (MVT_gen J 0 1 J') as [s [Hs E]].
  - intros; apply HJ.
  - intros s _. apply derivable_continuous_pt. eexists. apply is_derive_Reals, HJ.
  - rewrite Rmin_left, Rmax_right in Hs by lra. exists s. split; [exact Hs|].
    assert (J0 : J 0 = cost n L m Y W b X).
    { unfold J, W_at, b_at, X_at. f_equal.
      - extensionality l; extensionality i; extensionality j; ring.
      - extensionality l; extensionality i; ring.
      - extensionality j; extensionality k; ring. }
    rewrite <- J0. fold (J 1). rewrite E, Rminus_0_r, Rmult_1_r. unfold change, size_of.
    eapply Rle_trans; [|apply inner_le]. right. f_equal. unfold J', inner.
    match goal with |- ?x - ?y = _ => replace (x - y) with (x + -1 * y) by ring end.
    rewrite <- total_scal, <- total_plus.
    apply total_ext; intros; ring.
Qed.

(** The size of the change is below eps, once the perturbation is small. *)
Lemma frechet : forall eps, 0 < eps -> exists delta, 0 < delta /\
  forall W' b' X', size_ W' b' X' < delta ->
  Rabs (cost n L m Y (fun l i j => W l i j + W' l i j) (fun l i => b l i + b' l i) (fun j k => X j k + X' j k)
        - cost n L m Y W b X
        - inner_ (dW n L m Y W b X) (db n L m Y W b X) (dA n L m Y W b X O) W' b' X')
  <= eps * size_ W' b' X'.
Proof.
  intros eps Heps.
  destruct (proj1 (filterlim_locally _ _) change_small (mkposreal eps Heps)) as [delta [Hdelta H]].
  exists delta. split; [exact Hdelta|]. intros W' b' X' Hsize.
  destruct (remainder_le (W', b', X')) as [s [Hs Hle]].
  replace (cost n L m Y _ _ _) with (cost n L m Y (W_at (W', b', X') 1) (b_at (W', b', X') 1) (X_at (W', b', X') 1)).
  2:{ unfold W_at, b_at, X_at, W_of, b_of, X_of. f_equal.
      - extensionality l; extensionality i; extensionality j; simpl; ring.
      - extensionality l; extensionality i; simpl; ring.
      - extensionality j; extensionality k; simpl; ring. }
  eapply Rle_trans; [exact Hle|]. apply Rmult_le_compat_r.
  - eapply Rle_trans; [apply Rabs_pos|]. apply (total_Rabs n L m W' b' X').
  - specialize (H (W', b', X') s Hsize Hs). change (Rabs (change (W', b', X') s - 0) < eps) in H.
    apply Rabs_def2 in H. lra.
Qed.

End Frechet.
