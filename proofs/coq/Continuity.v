(** * Continuity.v: everything that the program computes is continuous

    Main results: [lim_dW], [lim_db], [lim_dA].
    Builds on:    Calculus.v.
    Names:        [lim_x] says that [x] converges if all weights, biases and inputs in range do; a limit is taken along a
                  [Filter], Coquelicot's word for a way of approaching. *)

From Coq Require Import Reals Lra Lia.
From Coquelicot Require Import Coquelicot.
From RefNN Require Import Model Sums Calculus.
Open Scope R_scope.

Section Limits.
Context {T : Type} (F : (T -> Prop) -> Prop) {FF : Filter F}.
Notation lim f x := (filterlim f F (locally (x : R))).

(** Constants, sums, products, opposites, absolute values, the sigmoid and finite sums keep limits. *)
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

(** The forward pass, by induction on the layers. *)
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

(** The backward pass, by induction from the output down. *)
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

(** The gradient is made of these by sums and products. *)
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
