(** * Gradient.v: backprop returns the gradient

    Main results: [derivative_along_curve]; [frechet]; [partial_W], [partial_b]; [gradient_X], [gradient_A],
                  [gradient_Z], [gradient_Z_output], of whole arrays, and [partial_matrix], of which entries follow.
    Builds on:    Tangent.v (how fast the cost moves), Adjoint.v (that this is backprop's inner product).
    Names:        [x_same]: writing back the entry that was there changes nothing. *)

From Coq Require Import Reals Lra Lia Arith Bool FunctionalExtensionality.
From Coquelicot Require Import Coquelicot.
From RefNN Require Import Model Sums Calculus Expansion Tangent Adjoint.
Open Scope R_scope.

(** ** Along a curve, and for all perturbations *)

Section Together.
Variable n : nat -> nat.
Variable L m : nat.
Variable g : nat -> activation.
Variable out : output.
Hypothesis L_pos : (0 < L)%nat.

Notation gradient_times W b X :=
  (inner n L m (dW n L m g out W b X) (db n L m g out W b X) (dA n L g out W b X O)).

(** The cost moves with the inner product of backprop's gradient and the motion: here the size is the time that has
    passed, *)
Lemma derivative_along_curve : forall Wt bt Xt t0 W' b' X',
  differentiable n L m g out (Wt t0) (bt t0) (Xt t0) -> moves n L m Wt bt Xt t0 W' b' X' ->
  is_derive (fun t => cost n L g out (Wt t) (bt t) (Xt t)) t0 (gradient_times (Wt t0) (bt t0) (Xt t0) W' b' X').
Proof.
  intros Wt bt Xt t0 W' b' X' Hnet [HW [Hb HX]]. apply expands_iff_is_derive.
  pose proof (expands_cost n L m g out (Wt t0) (bt t0) (Xt t0) (fun t => Rabs (t - t0)) ltac:(intros; apply Rabs_pos)
    Wt (fun t l i j => (t - t0) * W' l i j) bt (fun t l i => (t - t0) * b' l i)
    Xt (fun t j k => (t - t0) * X' j k)) as H.
  match goal with |- expands _ _ _ ?v => match type of H with context [expands _ _ (cost _ _ _ _ _ _ _) ?w] =>
    replace v with w end end.
  - apply H; try assumption; intros.
    + now apply (expands_iff_is_derive (fun t => Wt t l i j)), HW.
    + now apply (expands_iff_is_derive (fun t => bt t l i)), Hb.
    + now apply (expands_iff_is_derive (fun t => Xt t j k)), HX.
  - extensionality t. rewrite adjoint by exact L_pos. unfold inner. rewrite <- total_scal.
    apply total_ext; intros; ring.
Qed.

(** and here it is that of the perturbation. *)
Lemma frechet : forall W b X, differentiable n L m g out W b X ->
  forall eps, 0 < eps -> exists delta, 0 < delta /\
  forall W' b' X', size n L m W' b' X' < delta ->
  Rabs (cost n L g out (fun l i j => W l i j + W' l i j) (fun l i => b l i + b' l i) (fun j k => X j k + X' j k)
        - cost n L g out W b X - gradient_times W b X W' b' X') <= eps * size n L m W' b' X'.
Proof.
  intros W b X Hnet eps Heps.
  set (W_ := fun h : weights * biases * mat => fst (fst h)). set (b_ := fun h : weights * biases * mat => snd (fst h)).
  set (X_ := fun h : weights * biases * mat => snd h). set (size_ h := size n L m (W_ h) (b_ h) (X_ h)).
  assert (size_pos : forall h, 0 <= size_ h).
  { intros h. eapply Rle_trans; [apply Rabs_pos | apply (total_Rabs n L m (W_ h) (b_ h) (X_ h))]. }
  assert (entry : forall (x : R) (e : weights * biases * mat -> R),
    (forall h, Rabs (e h) <= size_ h) -> expands size_ (fun h => x + e h) x e).
  { intros x e H. apply expands_linear, (bounded_le _ 1); [exact size_pos | lra|].
    intros h. rewrite Rmult_1_l. apply H. }
  destruct (expands_cost n L m g out W b X size_ size_pos (fun h l i j => W l i j + W_ h l i j) W_
    (fun h l i => b l i + b_ h l i) b_ (fun h j k => X j k + X_ h j k) X_) as [_ H]; try assumption.
  - intros. apply (entry _ (fun h => W_ h l i j)). intros h.
    apply (W_le_total n L m (fun l i j => Rabs (W_ h l i j))); intros; try apply Rabs_pos; assumption.
  - intros. apply (entry _ (fun h => b_ h l i)). intros h.
    apply (b_le_total n L m _ (fun l i => Rabs (b_ h l i))); intros; try apply Rabs_pos; assumption.
  - intros. apply (entry _ (fun h => X_ h j k)). intros h.
    apply (X_le_total n L m _ _ (fun j k => Rabs (X_ h j k))); intros; try apply Rabs_pos; assumption.
  - destruct (H eps Heps) as [delta [Hdelta Hle]]. exists delta. split; [exact Hdelta|].
    intros W' b' X' Hsize. rewrite <- adjoint by exact L_pos. exact (Hle (W', b', X') Hsize).
Qed.

End Together.

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
Variable g : nat -> activation.
Variable out : output.
Variable W : weights.
Variable b : biases.
Variable X : mat.
Hypothesis L_pos : (0 < L)%nat.
Hypothesis Hnet : differentiable n L m g out W b X.

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

(** ∂J/∂W, ∂J/∂b: the curve that moves one entry, and its velocity. *)
Lemma partial_W : forall l i j, (1 <= l <= L)%nat -> (i < n l)%nat -> (j < n (pred l))%nat ->
  is_derive (fun t => cost n L g out (set_W W l i j t) b X) (W l i j) (dW n L m g out W b X l i j).
Proof.
  intros l i j Hl Hi Hj.
  pose proof (derivative_along_curve n L m g out L_pos (set_W W l i j) (fun _ => b) (fun _ => X) (W l i j)
    (set_W (fun _ _ _ => 0) l i j 1) (fun _ _ => 0) (fun _ _ => 0)) as H.
  rewrite set_W_same, inner_set_W in H by assumption. apply H; [exact Hnet|].
  split; [|split]; intros; [apply is_derive_set | apply is_derive_fixed ..].
Qed.

Lemma partial_b : forall l i, (1 <= l <= L)%nat -> (i < n l)%nat ->
  is_derive (fun t => cost n L g out W (set_b b l i t) X) (b l i) (db n L m g out W b X l i).
Proof.
  intros l i Hl Hi.
  pose proof (derivative_along_curve n L m g out L_pos (fun _ => W) (set_b b l i) (fun _ => X) (b l i)
    (fun _ _ _ => 0) (set_b (fun _ _ => 0) l i 1) (fun _ _ => 0)) as H.
  rewrite set_b_same, inner_set_b in H by assumption. apply H; [exact Hnet|].
  split; [|split]; intros; [apply is_derive_fixed | apply is_derive_set | apply is_derive_fixed].
Qed.

(** The derivative of any function of a matrix, in one entry of it *)
Lemma partial_matrix : forall p C M dC i k, is_gradient p m C M dC -> (i < p)%nat -> (k < m)%nat ->
  is_derive (fun t => C (set_A M i k t)) (M i k) (dC i k).
Proof.
  intros p C M dC i k HC Hi Hk. apply expands_iff_is_derive. rewrite set_A_same.
  replace (fun t => (t - M i k) * dC i k)
    with (fun t => dot p m dC (fun i' k' => (t - M i k) * set_A (fun _ _ => 0) i k 1 i' k')).
  - apply (expands_of_matrix _ ltac:(intros; apply Rabs_pos) p m C M dC); [exact HC|]. intros i' k' _ _.
    replace (M i' k') with (set_A M i k (M i k) i' k') by (now rewrite set_A_same).
    apply (expands_iff_is_derive (fun t => set_A M i k t i' k')), is_derive_set.
  - extensionality t. unfold dot, set_A.
    rewrite (bigsum_single m k), (bigsum_single p i); try assumption; intros; indices.
    apply bigsum_0; intros; indices.
Qed.

(** ∂J/∂X: all of it at once, while weights and biases rest *)
Lemma gradient_X : is_gradient (n O) m (fun X => cost n L g out W b X) X (dA n L g out W b X O).
Proof.
  assert (rest : forall V c U, (forall l i j, V l i j = 0) -> (forall l i, c l i = 0) ->
    total n L m V c U = Σ k < m, Σ j < n O, U j k).
  { intros V c U HV Hc. unfold total. rewrite (bigsum_0 L); [apply Rplus_0_l|]. intros q Hq.
    rewrite 2!bigsum_0; intros; [ring | apply Hc | apply bigsum_0; auto]. }
  intros eps Heps. destruct (frechet n L m g out L_pos W b X Hnet eps Heps) as [delta [Hdelta H]].
  exists delta. split; [exact Hdelta|]. intros X' HX. specialize (H (fun _ _ _ => 0) (fun _ _ => 0) X').
  unfold size, inner in H. rewrite !rest in H by (intros; apply Rabs_R0 || ring). specialize (H HX).
  replace (fun l i j => W l i j + 0) with W in H by (extensionality l; extensionality i; extensionality j; ring).
  replace (fun l i => b l i + 0) with b in H by (extensionality l; extensionality i; ring). exact H.
Qed.

(** ∂J/∂Z_L: by the definition of [differentiable] *)
Lemma gradient_Z_output : is_gradient (n L) m (loss out) (Z n g W b X L) (dZ n L g out W b X L).
Proof. rewrite dZ_of_output. apply Hnet. Qed.

End Coordinates.

(** ** Hidden activations: they are the inputs of the layers above *)

Section Above.
Variable n : nat -> nat.
Variable L m : nat.
Variable g : nat -> activation.
Variable out : output.
Variable W : weights.
Variable b : biases.
Variable X : mat.
Variable l : nat.
Hypothesis l_below_L : (l < L)%nat.

Notation n_up := (above l n).
Notation g_up := (above l g).
Notation W_up := (above l W).
Notation b_up := (above l b).
Notation A_ := (A n g W b X).
Notation Z_ := (Z n g W b X).

(** Run on [A l], the layers above it do what they did in the whole network. *)
Lemma A_above : forall q, A n_up g_up W_up b_up (A_ l) q = A_ (l + q).
Proof.
  induction q as [|q IH]; simpl.
  - now rewrite Nat.add_0_r.
  - rewrite IH. rewrite Nat.add_succ_r. extensionality i; extensionality k. simpl.
    unfold linear, above. simpl. now rewrite Nat.add_succ_r.
Qed.

(** So are [Z], *)
Lemma Z_above : forall q, (0 < q)%nat -> Z n_up g_up W_up b_up (A_ l) q = Z_ (l + q).
Proof.
  intros [|q] Hq; [lia|]. unfold Z. rewrite A_above, Nat.add_succ_r. extensionality i; extensionality k.
  unfold linear, above. simpl. now rewrite Nat.add_succ_r.
Qed.

(** [Z] of the output, and J; *)
Lemma Z_above_output : Z n_up g_up W_up b_up (A_ l) (L - l) = Z_ L.
Proof. rewrite Z_above by lia. now replace (l + (L - l))%nat with L by lia. Qed.

Lemma cost_above_is_cost : cost_above l n L g out W b (A_ l) = cost n L g out W b X.
Proof. unfold cost_above, cost. now rewrite Z_above_output. Qed.

(** and so are [dZ] on the way down, as far as layer [l] + 1, *)
Lemma dZ_down_above : forall s, (s < L - l)%nat ->
  dZ_down n_up (L - l) g_up out W_up b_up (A_ l) s = dZ_down n L g out W b X s.
Proof.
  induction s as [|s IH]; intros Hs; cbn [dZ_down]; [now rewrite Z_above_output|].
  rewrite IH, Z_above by lia. unfold dZ_hidden, dA_prev, above.
  replace (l + (L - l - S s))%nat with (L - S s)%nat by lia.
  now replace (l + S (L - l - S s))%nat with (S (L - S s)) by lia.
Qed.

(** and [dA] of layer [l], which is [dA 0] of the layers above. *)
Lemma dA_above : dA n_up (L - l) g_up out W_up b_up (A_ l) O = dA n L g out W b X l.
Proof.
  unfold dA, dZ. rewrite dZ_down_above by lia. replace (L - l - 1)%nat with (L - S l)%nat by lia.
  extensionality j; extensionality k. unfold dA_prev, above. now rewrite Nat.add_1_r.
Qed.

Hypothesis Hnet : differentiable n L m g out W b X.

Lemma differentiable_above : differentiable n_up (L - l) m g_up out W_up b_up (A_ l).
Proof.
  destruct Hnet as [Hg Hout]. split; [|rewrite Z_above_output; unfold above at 1].
  - intros q i k Hq Hi Hk. rewrite Z_above by apply Hq. apply Hg; [lia | exact Hi | exact Hk].
  - now replace (l + (L - l))%nat with L by lia.
Qed.

(** ∂J/∂A_l is ∂J/∂X of the layers above. *)
Lemma gradient_A : is_gradient (n l) m (cost_above l n L g out W b) (A_ l) (dA n L g out W b X l).
Proof.
  rewrite <- dA_above. replace (n l) with (n_up O) by (unfold above; now rewrite Nat.add_0_r).
  apply gradient_X; [lia | exact differentiable_above].
Qed.

(** ∂J/∂Z_l: the chain rule across the activation *)
Lemma gradient_Z : (0 < l)%nat -> is_gradient (n l) m
  (fun Z_l => cost_above l n L g out W b (fun i k => value (g l) (Z_l i k))) (Z_ l) (dZ n L g out W b X l).
Proof.
  intros Hl. pose proof gradient_A as HA. rewrite dZ_recursion by exact l_below_L.
  replace (A_ l) with (fun i k => value (g l) (Z_ l i k)) in HA by (destruct l; [lia | reflexivity]).
  apply (expands_is_gradient _ _ _ _ _
    (fun Z' => dot (n l) m (dA n L g out W b X l) (fun i k => derivative (g l) (Z_ l i k) * Z' i k))).
  - apply (expands_of_matrix _ (size_mat_pos _ _) _ _ _ _ _
      (fun Z' i k => value (g l) (Z_ l i k + Z' i k)) _ HA).
    intros i k Hi Hk. apply expands_of; [apply Hnet; lia | now apply expands_entry].
  - intros Z'. apply bigsum_ext; intros k _. apply bigsum_ext; intros i _. unfold dZ_hidden. ring.
Qed.

End Above.
