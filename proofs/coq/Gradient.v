(** * Gradient.v: backprop returns the gradient

    Main results: [derivative_along_curve]; [partial_W], [partial_b], [partial_X], [partial_A_output], [partial_A],
                  [partial_Z_output], [partial_Z_hidden].
    Builds on:    Tangent.v (how fast the cost moves), Adjoint.v (that this is backprop's inner product).
    Names:        [x_same]: writing back the entry that was there changes nothing. *)

From Coq Require Import Reals Lra Lia Arith Bool FunctionalExtensionality.
From Coquelicot Require Import Coquelicot.
From RefNN Require Import Model Sums Calculus Output Tangent Adjoint.
Open Scope R_scope.

(** The cost moves with the inner product of backprop's gradient and the motion. *)
Lemma derivative_along_curve : forall n L m Y Wt bt Xt t0 W' b' X',
  (0 < L)%nat -> moves n L m Wt bt Xt t0 W' b' X' ->
  is_derive (fun t => cost n L m Y (Wt t) (bt t) (Xt t)) t0
    (inner n L m (dW n L m Y (Wt t0) (bt t0) (Xt t0))
                 (db n L m Y (Wt t0) (bt t0) (Xt t0))
                 (dA n L m Y (Wt t0) (bt t0) (Xt t0) O) W' b' X').
Proof. intros. rewrite <- adjoint by assumption. apply is_derive_cost; assumption. Qed.

(** ** One entry at a time: the curve that moves it alone *)

Lemma set_W_same : forall W l i j, set_W W l i j (W l i j) = W.
Proof.
  intros. extensionality l'; extensionality i'; extensionality j'. unfold set_W.
  destruct (Nat.eqb_spec l' l), (Nat.eqb_spec i' i), (Nat.eqb_spec j' j); subst; reflexivity.
Qed.

Lemma set_b_same : forall b l i, set_b b l i (b l i) = b.
Proof.
  intros. extensionality l'; extensionality i'. unfold set_b.
  destruct (Nat.eqb_spec l' l), (Nat.eqb_spec i' i); subst; reflexivity.
Qed.

Lemma set_A_same : forall A j k, set_A A j k (A j k) = A.
Proof.
  intros. extensionality j'; extensionality k'. unfold set_A.
  destruct (Nat.eqb_spec j' j), (Nat.eqb_spec k' k); subst; reflexivity.
Qed.

(** An entry that is set to the time has velocity 1, the others 0. *)
Lemma is_derive_set : forall (this : bool) (x t0 : R),
  is_derive (fun t => if this then t else x) t0 (if this then 1 else 0).
Proof. intros [|] x t0; [apply (is_derive_id (K := R_AbsRing)) | apply is_derive_fixed]. Qed.

Section Coordinates.
Variable n : nat -> nat.
Variable L m : nat.
Variable Y : mat.
Variable W : weights.
Variable b : biases.
Variable X : mat.
Hypothesis L_pos : (0 < L)%nat.

Notation dW_ := (dW n L m Y W b X).
Notation db_ := (db n L m Y W b X).
Notation dA_ := (dA n L m Y W b X).

(** Resolve the comparisons of indices that are known to be equal or not. *)
Local Ltac indices := repeat match goal with
  | H : ?x <> ?y |- context [Nat.eqb ?x ?y] => rewrite (proj2 (Nat.eqb_neq x y) H)
  | |- context [Nat.eqb ?x ?x] => rewrite (Nat.eqb_refl x)
  end; rewrite ?andb_false_r, ?andb_false_l; simpl; try ring.

(** Against a motion of one entry, the inner product is that entry of the gradient. *)
Lemma inner_set_W : forall dW db dX l i j,
  (1 <= l <= L)%nat -> (i < n l)%nat -> (j < n (pred l))%nat ->
  inner n L m dW db dX (set_W (fun _ _ _ => 0) l i j 1) (fun _ _ => 0) (fun _ _ => 0) = dW l i j.
Proof.
  intros dW db dX [|l] i j Hl Hi Hj; [lia|]. simpl in Hj. unfold inner, total, set_W.
  rewrite (bigsum_0 m) by (intros; apply bigsum_0; intros; ring).
  rewrite (bigsum_single L l); [|lia|].
  - rewrite (bigsum_0 _ (fun i => db _ i * 0)) by (intros; ring).
    rewrite (bigsum_single (n (S l)) i), (bigsum_single (n l) j); try assumption; intros; indices.
    apply bigsum_0; intros; indices.
  - intros q Hq Hne. assert (S q <> S l) by lia.
    rewrite 2!bigsum_0; intros; try ring. apply bigsum_0; intros; indices.
Qed.

Lemma inner_set_b : forall dW db dX l i,
  (1 <= l <= L)%nat -> (i < n l)%nat ->
  inner n L m dW db dX (fun _ _ _ => 0) (set_b (fun _ _ => 0) l i 1) (fun _ _ => 0) = db l i.
Proof.
  intros dW db dX [|l] i Hl Hi; [lia|]. unfold inner, total, set_b.
  rewrite (bigsum_0 m) by (intros; apply bigsum_0; intros; ring).
  rewrite (bigsum_single L l); [|lia|].
  - rewrite (bigsum_0 _ (fun i => Σ j < n l, dW _ i j * 0)) by (intros; apply bigsum_0; intros; ring).
    rewrite (bigsum_single (n (S l)) i); try assumption; intros; indices.
  - intros q Hq Hne. assert (S q <> S l) by lia.
    rewrite 2!bigsum_0; intros; [ring | indices | apply bigsum_0; intros; ring].
Qed.

Lemma inner_set_A : forall dW db dX j k,
  (j < n O)%nat -> (k < m)%nat ->
  inner n L m dW db dX (fun _ _ _ => 0) (fun _ _ => 0) (set_A (fun _ _ => 0) j k 1) = dX j k.
Proof.
  intros dW db dX j k Hj Hk. unfold inner, total, set_A. rewrite (bigsum_0 L).
  - rewrite (bigsum_single m k), (bigsum_single (n O) j); try assumption; intros; indices.
    apply bigsum_0; intros; indices.
  - intros q Hq. rewrite 2!bigsum_0; intros; try ring. apply bigsum_0; intros; ring.
Qed.

(** ∂J/∂W, ∂J/∂b, ∂J/∂X: the curve that moves one entry, and its velocity. *)
Lemma partial_W : forall l i j, (1 <= l <= L)%nat -> (i < n l)%nat -> (j < n (pred l))%nat ->
  is_derive (fun t => cost n L m Y (set_W W l i j t) b X) (W l i j) (dW_ l i j).
Proof.
  intros l i j Hl Hi Hj.
  pose proof (derivative_along_curve n L m Y (set_W W l i j) (fun _ => b) (fun _ => X) (W l i j)
    (set_W (fun _ _ _ => 0) l i j 1) (fun _ _ => 0) (fun _ _ => 0) L_pos) as H.
  rewrite set_W_same, inner_set_W in H by assumption. apply H.
  split; [|split]; intros; [apply is_derive_set | apply is_derive_fixed ..].
Qed.

Lemma partial_b : forall l i, (1 <= l <= L)%nat -> (i < n l)%nat ->
  is_derive (fun t => cost n L m Y W (set_b b l i t) X) (b l i) (db_ l i).
Proof.
  intros l i Hl Hi.
  pose proof (derivative_along_curve n L m Y (fun _ => W) (set_b b l i) (fun _ => X) (b l i)
    (fun _ _ _ => 0) (set_b (fun _ _ => 0) l i 1) (fun _ _ => 0) L_pos) as H.
  rewrite set_b_same, inner_set_b in H by assumption. apply H.
  split; [|split]; intros; [apply is_derive_fixed | apply is_derive_set | apply is_derive_fixed].
Qed.

Lemma partial_X : forall j k, (j < n O)%nat -> (k < m)%nat ->
  is_derive (fun t => cost n L m Y W b (set_A X j k t)) (X j k) (dA_ O j k).
Proof.
  intros j k Hj Hk.
  pose proof (derivative_along_curve n L m Y (fun _ => W) (fun _ => b) (set_A X j k) (X j k)
    (fun _ _ _ => 0) (fun _ _ => 0) (set_A (fun _ _ => 0) j k 1) L_pos) as H.
  rewrite set_A_same, inner_set_A in H by assumption. apply H.
  split; [|split]; intros; [apply is_derive_fixed .. | apply is_derive_set].
Qed.

Notation A_ := (A n W b X).
Notation Z_ := (Z n W b X).

(** (D6): ∂J/∂A_L *)
Lemma partial_A_output : forall i k, (i < n L)%nat -> (k < m)%nat ->
  is_derive (fun t => cost_function n L m Y (set_A (A_ L) i k t)) (A_ L i k) (dA_output m Y (A_ L) i k).
Proof.
  intros i k Hi Hk.
  pose proof (is_derive_cost_function n L m Y (set_A (A_ L) i k) (set_A (fun _ _ => 0) i k 1) (A_ L i k)) as H.
  rewrite set_A_same, (bigsum_single m k), (bigsum_single (n L) i) in H; try assumption.
  - replace (set_A _ _ _ _ i k) with 1 in H by (unfold set_A; indices). rewrite Rmult_1_r in H.
    apply H; intros. split; [now apply A_between_0_1 | apply is_derive_set].
  - unfold set_A; intros; indices.
  - unfold set_A; intros; apply bigsum_0; intros; indices.
Qed.

(** (D8): whatever of [A l] has the derivative [v], has of [Z l] this one. *)
Lemma through_sigmoid : forall (f : mat -> R) l i k v, (0 < l)%nat ->
  is_derive (fun t => f (set_A (A_ l) i k t)) (A_ l i k) v ->
  is_derive (fun t => f (fun i' k' => sigmoid (set_A (Z_ l) i k t i' k'))) (Z_ l i k)
    (v * (sigmoid (Z_ l i k) * sigmoid (- Z_ l i k))).
Proof.
  intros f [|p] i k v Hl H; [easy|].
  apply (is_derive_ext (fun t => f (set_A (A_ (S p)) i k (sigmoid t)))).
  { intros t. f_equal. extensionality i'; extensionality k'. unfold set_A. now destruct (_ && _)%bool. }
  rewrite Rmult_comm. apply (is_derive_comp (fun a => f (set_A (A_ (S p)) i k a)) sigmoid); [exact H|].
  apply is_derive_sigmoid.
Qed.

(** (D7): ∂J/∂Z_L *)
Lemma partial_Z_output : forall i k, (i < n L)%nat -> (k < m)%nat ->
  is_derive (fun t => cost_function n L m Y (fun i' k' => sigmoid (set_A (Z_ L) i k t i' k'))) (Z_ L i k)
    (dZ n L m Y W b X L i k).
Proof. intros. rewrite dZ_output_fused by assumption. now apply through_sigmoid, partial_A_output. Qed.

End Coordinates.

(** ** Hidden activations: they are the inputs of the layers above *)

Section Above.
Variable n : nat -> nat.
Variable L m : nat.
Variable Y : mat.
Variable W : weights.
Variable b : biases.
Variable X : mat.
Variable l : nat.
Hypothesis l_below_L : (l < L)%nat.

Notation n_up := (above l n).
Notation W_up := (above l W).
Notation b_up := (above l b).
Notation A_l := (A n W b X l).

(** Run on [A l], the layers above it do what they did in the whole network. *)
Lemma A_above : forall q, A n_up W_up b_up A_l q = A n W b X (l + q).
Proof.
  induction q as [|q IH]; simpl.
  - now rewrite Nat.add_0_r.
  - rewrite IH. rewrite Nat.add_succ_r. extensionality i; extensionality k. simpl.
    unfold linear, above. simpl. now rewrite Nat.add_succ_r.
Qed.

(** So J is the same; *)
Lemma cost_above_is_cost : cost_above l n L m Y W b A_l = cost n L m Y W b X.
Proof.
  unfold cost_above, cost. rewrite A_above. replace (l + (L - l))%nat with L by lia.
  unfold cost_function, above. now replace (l + (L - l))%nat with L by lia.
Qed.

(** and so are [Z], *)
Lemma Z_above : forall q, Z n_up W_up b_up A_l (S q) = Z n W b X (l + S q).
Proof.
  intros q. unfold Z. rewrite A_above, Nat.add_succ_r. extensionality i; extensionality k.
  unfold linear, above. simpl. now rewrite Nat.add_succ_r.
Qed.

(** [dZ] on the way down, as far as layer [l] + 1, *)
Lemma dZ_down_above : forall s, (s < L - l)%nat ->
  dZ_down n_up (L - l) m Y W_up b_up A_l s = dZ_down n L m Y W b X s.
Proof.
  induction s as [|s IH]; intros Hs; cbn [dZ_down].
  - rewrite A_above. replace (L - l)%nat with (S (L - S l)) by lia.
    rewrite Z_above. now replace (l + S (L - S l))%nat with L by lia.
  - rewrite IH by lia. replace (L - l - S s)%nat with (S (L - l - S (S s))) by lia. rewrite Z_above.
    replace (l + S (L - l - S (S s)))%nat with (L - S s)%nat by lia. f_equal.
    extensionality j; extensionality k. unfold dA_prev, above. simpl.
    now replace (l + S (S (L - l - S (S s))))%nat with (S (L - S s)) by lia.
Qed.

(** and [dA] of layer [l], which is [dA 0] of the layers above. *)
Lemma dA_above : dA n_up (L - l) m Y W_up b_up A_l O = dA n L m Y W b X l.
Proof.
  unfold dA, dZ. rewrite dZ_down_above by lia. replace (L - l - 1)%nat with (L - S l)%nat by lia.
  extensionality j; extensionality k. unfold dA_prev, above. now rewrite Nat.add_1_r.
Qed.

(** ∂J/∂A_l is ∂J/∂X of the layers above. *)
Lemma partial_A : forall j k, (j < n l)%nat -> (k < m)%nat ->
  is_derive (fun t => cost_above l n L m Y W b (set_A A_l j k t)) (A_l j k) (dA n L m Y W b X l j k).
Proof.
  intros j k Hj Hk. rewrite <- dA_above. apply partial_X; [lia | | exact Hk].
  unfold above. now rewrite Nat.add_0_r.
Qed.

(** (D8): ∂J/∂Z_l *)
Lemma partial_Z_hidden : forall i k, (0 < l)%nat -> (i < n l)%nat -> (k < m)%nat ->
  is_derive (fun t => cost_above l n L m Y W b (fun i' k' => sigmoid (set_A (Z n W b X l) i k t i' k')))
    (Z n W b X l i k) (dZ n L m Y W b X l i k).
Proof.
  intros i k Hl Hi Hk. rewrite dZ_recursion by assumption. unfold dZ_hidden. rewrite Rmult_assoc.
  now apply (through_sigmoid n W b X (cost_above l n L m Y W b)), partial_A.
Qed.

End Above.
