(** * Frechet.v: the gradient is continuous, and the cost is differentiable in all variables at once

    Main results: [frechet].
    Builds on:    Gradient.v.  By the mean value theorem along a straight line, the error of the linear approximation is
                  the inner product of the perturbation with a change of the gradient; and that change tends to zero.
    Names:        [lim_x] says that [x] converges if all weights, biases and inputs in range do; a limit is taken along a
                  [Filter], Coquelicot's word for a way of approaching. *)

From Coq Require Import Reals Lra Lia FunctionalExtensionality.
From Coquelicot Require Import Coquelicot.
From RefNN Require Import Model Sums Calculus Gradient.
Open Scope R_scope.

(** ** Everything that the program computes is continuous *)

Section Limits.
Context {T : Type} (F : (T -> Prop) -> Prop) {FF : Filter F}.
Notation lim f x := (filterlim f F (locally (x : R))).

Lemma lim_fixed : forall c, lim (fun _ => c) c.
Proof. intros. apply filterlim_const. Qed.

Lemma lim_plus : forall (f g : T -> R) x y, lim f x -> lim g y -> lim (fun s => f s + g s) (x + y).
Proof. intros f g x y Hf Hg. exact (filterlim_comp_2 f g Rplus Hf Hg (filterlim_plus (V := R_NormedModule) x y)). Qed.

Lemma lim_mult : forall (f g : T -> R) x y, lim f x -> lim g y -> lim (fun s => f s * g s) (x * y).
Proof. intros f g x y Hf Hg. exact (filterlim_comp_2 f g Rmult Hf Hg (filterlim_mult (K := R_AbsRing) x y)). Qed.

Lemma lim_opp : forall (f : T -> R) x, lim f x -> lim (fun s => - f s) (- x).
Proof. intros f x Hf. exact (filterlim_comp _ _ _ _ _ _ _ _ Hf (filterlim_opp (V := R_NormedModule) x)). Qed.

Lemma lim_Rabs : forall (f : T -> R) x, lim f x -> lim (fun s => Rabs (f s)) (Rabs x).
Proof. intros f x Hf. exact (filterlim_comp _ _ _ _ _ _ _ _ Hf (continuous_Rabs x)). Qed.

Lemma lim_sigmoid : forall (f : T -> R) x, lim f x -> lim (fun s => sigmoid (f s)) (sigmoid x).
Proof.
  intros f x Hf. refine (filterlim_comp _ _ _ _ _ _ _ _ Hf _).
  apply (ex_derive_continuous sigmoid). eexists. apply is_derive_sigmoid.
Qed.

Lemma lim_bigsum : forall n (f : T -> nat -> R) x,
  (forall i, (i < n)%nat -> lim (fun s => f s i) (x i)) -> lim (fun s => Σ i < n, f s i) (Σ i < n, x i).
Proof.
  induction n as [|p IH]; intros f x H; simpl; [apply lim_fixed|].
  apply lim_plus; [apply IH; intros|]; apply H; lia.
Qed.

Section Network.
Variable n : nat -> nat.
Variable L m : nat.
Variable Y : mat.
Variable Ws : T -> weights.   Variable W : weights.
Variable bs : T -> biases.    Variable b : biases.
Variable Xs : T -> mat.       Variable X : mat.
Hypothesis lim_W : forall l i j, (1 <= l <= L)%nat -> (i < n l)%nat -> (j < n (pred l))%nat ->
  lim (fun s => Ws s l i j) (W l i j).
Hypothesis lim_b : forall l i, (1 <= l <= L)%nat -> (i < n l)%nat -> lim (fun s => bs s l i) (b l i).
Hypothesis lim_X : forall j k, (j < n O)%nat -> (k < m)%nat -> lim (fun s => Xs s j k) (X j k).

Lemma lim_linear : forall p (As : T -> mat) A i k,
  (p < L)%nat -> (i < n (S p))%nat -> (forall j, (j < n p)%nat -> lim (fun s => As s j k) (A j k)) ->
  lim (fun s => linear n (Ws s) (bs s) (S p) (As s) i k) (linear n W b (S p) A i k).
Proof.
  intros p As A i k Hp Hi HA. apply lim_plus; [|apply lim_b; lia].
  apply (lim_bigsum (n p) (fun s j => Ws s (S p) i j * As s j k)).
  intros j Hj. apply lim_mult; [apply lim_W; simpl; lia | apply HA, Hj].
Qed.

Lemma lim_A : forall l i k, (l <= L)%nat -> (i < n l)%nat -> (k < m)%nat ->
  lim (fun s => A n (Ws s) (bs s) (Xs s) l i k) (A n W b X l i k).
Proof.
  induction l as [|p IH]; intros i k Hl Hi Hk; [apply lim_X; assumption|].
  apply lim_sigmoid, (lim_linear p (fun s => A n (Ws s) (bs s) (Xs s) p)); try lia.
  intros j Hj. apply IH; lia.
Qed.

Lemma lim_Z : forall l i k, (1 <= l <= L)%nat -> (i < n l)%nat -> (k < m)%nat ->
  lim (fun s => Z n (Ws s) (bs s) (Xs s) l i k) (Z n W b X l i k).
Proof.
  intros [|p] i k Hl Hi Hk; [lia|].
  apply (lim_linear p (fun s => A n (Ws s) (bs s) (Xs s) p)); try lia.
  intros j Hj. apply lim_A; [simpl; lia | exact Hj | exact Hk].
Qed.

Lemma lim_dA_prev : forall l (dZs : T -> mat) dZ j k,
  (1 <= l <= L)%nat -> (j < n (pred l))%nat -> (forall i, (i < n l)%nat -> lim (fun s => dZs s i k) (dZ i k)) ->
  lim (fun s => dA_prev n (Ws s) l (dZs s) j k) (dA_prev n W l dZ j k).
Proof.
  intros l dZs dZ j k Hl Hj HZ. apply (lim_bigsum (n l) (fun s i => Ws s l i j * dZs s i k)).
  intros i Hi. apply lim_mult; [apply lim_W; lia | apply HZ, Hi].
Qed.

Lemma lim_dZ_down : forall s i k, (s < L)%nat -> (i < n (L - s))%nat -> (k < m)%nat ->
  lim (fun t => dZ_down n L m Y (Ws t) (bs t) (Xs t) s i k) (dZ_down n L m Y W b X s i k).
Proof.
  induction s as [|s IH]; intros i k Hs Hi Hk; cbn [dZ_down].
  - rewrite Nat.sub_0_r in Hi. unfold dZ_output, Rdiv, Rminus.
    apply lim_mult; [|apply lim_fixed]. apply lim_plus.
    + apply lim_mult; [apply lim_fixed | apply lim_A; lia].
    + apply lim_opp, lim_mult; [apply lim_fixed|]. apply lim_sigmoid, lim_opp, lim_Z; lia.
  - unfold dZ_hidden. apply lim_mult; [apply lim_mult|].
    + apply (lim_dA_prev _ (fun t => dZ_down n L m Y (Ws t) (bs t) (Xs t) s)); try (simpl; lia).
      intros r Hr. apply IH; try lia. now replace (L - s)%nat with (S (L - S s)) by lia.
    + apply lim_sigmoid, lim_Z; lia.
    + apply lim_sigmoid, lim_opp, lim_Z; lia.
Qed.

Lemma lim_dZ : forall l i k, (1 <= l <= L)%nat -> (i < n l)%nat -> (k < m)%nat ->
  lim (fun t => dZ n L m Y (Ws t) (bs t) (Xs t) l i k) (dZ n L m Y W b X l i k).
Proof.
  intros l i k Hl Hi Hk. apply lim_dZ_down; try lia. now replace (L - (L - l))%nat with l by lia.
Qed.

Lemma lim_dW : forall l i j, (1 <= l <= L)%nat -> (i < n l)%nat -> (j < n (pred l))%nat ->
  lim (fun t => dW n L m Y (Ws t) (bs t) (Xs t) l i j) (dW n L m Y W b X l i j).
Proof.
  intros l i j Hl Hi Hj.
  apply (lim_bigsum m (fun t k => dZ n L m Y (Ws t) (bs t) (Xs t) l i k * A n (Ws t) (bs t) (Xs t) (pred l) j k)).
  intros k Hk. apply lim_mult; [apply lim_dZ | apply lim_A]; lia.
Qed.

Lemma lim_db : forall l i, (1 <= l <= L)%nat -> (i < n l)%nat ->
  lim (fun t => db n L m Y (Ws t) (bs t) (Xs t) l i) (db n L m Y W b X l i).
Proof.
  intros l i Hl Hi. apply (lim_bigsum m (fun t k => dZ n L m Y (Ws t) (bs t) (Xs t) l i k)).
  intros k Hk. apply lim_dZ; lia.
Qed.

Lemma lim_dA : forall l j k, (l < L)%nat -> (j < n l)%nat -> (k < m)%nat ->
  lim (fun t => dA n L m Y (Ws t) (bs t) (Xs t) l j k) (dA n L m Y W b X l j k).
Proof.
  intros l j k Hl Hj Hk. apply (lim_dA_prev (S l) (fun t => dZ n L m Y (Ws t) (bs t) (Xs t) (S l))); try (simpl; lia).
  intros i Hi. apply lim_dZ; lia.
Qed.

End Network.

(** If all entries tend to zero, so does the size. *)
Lemma lim_size : forall n L m (Ws : T -> weights) (bs : T -> biases) (Xs : T -> mat),
  (forall l i j, (1 <= l <= L)%nat -> (i < n l)%nat -> (j < n (pred l))%nat -> lim (fun s => Ws s l i j) 0) ->
  (forall l i, (1 <= l <= L)%nat -> (i < n l)%nat -> lim (fun s => bs s l i) 0) ->
  (forall j k, (j < n O)%nat -> (k < m)%nat -> lim (fun s => Xs s j k) 0) ->
  lim (fun s => size n L m (Ws s) (bs s) (Xs s)) 0.
Proof.
  intros n L m Ws bs Xs HW Hb HX.
  rewrite <- (total_0 n L m (fun _ _ _ => Rabs 0) (fun _ _ => Rabs 0) (fun _ _ => Rabs 0))
    by (intros; apply Rabs_R0).
  unfold size, total. apply lim_plus.
  - apply lim_bigsum. intros l Hl. apply lim_plus.
    + apply lim_bigsum. intros i Hi. apply lim_bigsum. intros j Hj. apply lim_Rabs, HW; simpl; lia.
    + apply lim_bigsum. intros i Hi. apply lim_Rabs, Hb; lia.
  - apply lim_bigsum. intros k Hk. apply lim_bigsum. intros j Hj. apply lim_Rabs, HX; lia.
Qed.

End Limits.

(** ** The linear approximation *)

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
