(** * Sums.v: finite sums, all the linear algebra that is needed

    Main result:  [bigsum_swap] (two sums change places: this is what becomes the transpose in backprop).
    Builds on:    Model.v.
    Names:        [bigsum_x] is about Σ i < n, f i; [total_x] about the sum of all entries of weights, biases and
                  inputs. *)

From Coq Require Import Reals Lra Lia Arith.
From RefNN Require Import Model.
Open Scope R_scope.

(** Only the values at the indices below [n] matter. *)
Lemma bigsum_ext : forall n f g, (forall i, (i < n)%nat -> f i = g i) -> bigsum n f = bigsum n g.
Proof. exact bigsum_agrees. Qed.

(** A sum of zeros is zero. *)
Lemma bigsum_0 : forall n f, (forall i, (i < n)%nat -> f i = 0) -> bigsum n f = 0.
Proof.
  intros n f H. rewrite (bigsum_ext n f (fun _ => 0) H).
  clear H. induction n as [|p IH]; simpl; [|rewrite IH]; lra.
Qed.

(** A sum of sums, and a constant factor on either side. *)
Lemma bigsum_plus : forall n f g, (Σ i < n, f i + g i) = (Σ i < n, f i) + Σ i < n, g i.
Proof. induction n as [|p IH]; intros; simpl; [|rewrite IH]; lra. Qed.

Lemma bigsum_scal_l : forall n c f, (Σ i < n, c * f i) = c * Σ i < n, f i.
Proof. induction n as [|p IH]; intros; simpl; [|rewrite IH]; lra. Qed.

Lemma bigsum_scal_r : forall n c f, (Σ i < n, f i * c) = (Σ i < n, f i) * c.
Proof. induction n as [|p IH]; intros; simpl; [|rewrite IH]; lra. Qed.

(** Exchanging two sums. *)
Lemma bigsum_swap : forall n p (f : nat -> nat -> R),
  (Σ i < n, Σ j < p, f i j) = (Σ j < p, Σ i < n, f i j).
Proof.
  induction n as [|q IH]; intros p f; simpl.
  - symmetry. apply bigsum_0. reflexivity.
  - rewrite IH, <- bigsum_plus. reflexivity.
Qed.

(** Where all terms but one are zero, the sum is that term. *)
Lemma bigsum_single : forall n p f,
  (p < n)%nat -> (forall i, (i < n)%nat -> i <> p -> f i = 0) -> bigsum n f = f p.
Proof.
  induction n as [|q IH]; intros p f Hp H; [lia|]. simpl.
  destruct (Nat.eq_dec p q) as [->|Hne].
  - rewrite bigsum_0; [lra|]. intros i Hi. apply H; lia.
  - rewrite (IH p), (H q); [lra | lia | lia | lia |]. intros i Hi. apply H; lia.
Qed.

(** Taking out the first term. *)
Lemma bigsum_first : forall n f, bigsum (S n) f = f O + Σ i < n, f (S i).
Proof.
  induction n as [|p IH]; intros f; [simpl; ring|].
  change (bigsum (S (S p)) f) with (bigsum (S p) f + f (S p)). rewrite IH. simpl. ring.
Qed.

(** Sums are monotone. *)
Lemma bigsum_le : forall n f g, (forall i, (i < n)%nat -> f i <= g i) -> bigsum n f <= bigsum n g.
Proof.
  induction n as [|p IH]; intros f g H; simpl; [lra|].
  apply Rplus_le_compat; [apply IH; intros; apply H; lia | apply H; lia].
Qed.

Lemma bigsum_pos : forall n f, (forall i, 0 <= f i) -> 0 <= bigsum n f.
Proof. intros n f H. rewrite <- (bigsum_0 n (fun _ => 0)) by reflexivity. apply bigsum_le. auto. Qed.

(** The triangle inequality. *)
Lemma bigsum_Rabs : forall n f, Rabs (bigsum n f) <= Σ i < n, Rabs (f i).
Proof.
  induction n as [|p IH]; intros f; simpl; [rewrite Rabs_R0; lra|].
  eapply Rle_trans; [apply Rabs_triang|]. apply Rplus_le_compat_r, IH.
Qed.

(** A term is at most the sum, where all are nonnegative. *)
Lemma bigsum_term_le : forall n f p,
  (forall i, (i < n)%nat -> 0 <= f i) -> (p < n)%nat -> f p <= bigsum n f.
Proof.
  induction n as [|q IH]; intros f p H Hp; [lia|]. simpl.
  assert (Hq : 0 <= f q) by (apply H; lia).
  destruct (Nat.eq_dec p q) as [->|Hne].
  - assert (0 <= bigsum q f); [|lra].
    rewrite <- (bigsum_0 q (fun _ => 0)) by reflexivity. apply bigsum_le. intros; apply H; lia.
  - assert (f p <= bigsum q f); [|lra]. apply IH; [intros; apply H|]; lia.
Qed.

Section Totals.
Variable n : nat -> nat.
Variable L m : nat.
Notation total_ := (total n L m).
Notation inner_ := (inner n L m).
Notation size_ := (size n L m).

(** Only the entries in range matter. *)
Lemma total_ext : forall W b X V c U,
  (forall l i j, (1 <= l <= L)%nat -> (i < n l)%nat -> (j < n (pred l))%nat -> W l i j = V l i j) ->
  (forall l i, (1 <= l <= L)%nat -> (i < n l)%nat -> b l i = c l i) ->
  (forall j k, (j < n O)%nat -> (k < m)%nat -> X j k = U j k) ->
  total_ W b X = total_ V c U.
Proof.
  intros W b X V c U HW Hb HX. unfold total. f_equal.
  - apply bigsum_ext; intros l Hl. f_equal.
    + apply bigsum_ext; intros i Hi. apply bigsum_ext; intros j Hj. apply HW; simpl; lia.
    + apply bigsum_ext; intros i Hi. apply Hb; lia.
  - apply bigsum_ext; intros k Hk. apply bigsum_ext; intros j Hj. apply HX; lia.
Qed.

(** The same rules for totals. *)
Lemma total_scal : forall c W b X,
  total_ (fun l i j => c * W l i j) (fun l i => c * b l i) (fun j k => c * X j k) = c * total_ W b X.
Proof.
  intros c W b X. unfold total. rewrite Rmult_plus_distr_l, <- !bigsum_scal_l. f_equal.
  - apply bigsum_ext; intros l _. rewrite Rmult_plus_distr_l, <- !bigsum_scal_l. f_equal.
    apply bigsum_ext; intros i _. symmetry. rewrite <- bigsum_scal_l. reflexivity.
  - apply bigsum_ext; intros k _. symmetry. rewrite <- bigsum_scal_l. reflexivity.
Qed.

Lemma total_Rabs : forall W b X, Rabs (total_ W b X) <= size_ W b X.
Proof.
  intros W b X. unfold size, total.
  eapply Rle_trans; [apply Rabs_triang|]. apply Rplus_le_compat.
  - eapply Rle_trans; [apply bigsum_Rabs|]. apply bigsum_le; intros l _.
    eapply Rle_trans; [apply Rabs_triang|]. apply Rplus_le_compat; [|apply bigsum_Rabs].
    eapply Rle_trans; [apply bigsum_Rabs|]. apply bigsum_le; intros i _. apply bigsum_Rabs.
  - eapply Rle_trans; [apply bigsum_Rabs|]. apply bigsum_le; intros k _. apply bigsum_Rabs.
Qed.

(** Each entry in range is at most the total, where all are nonnegative. *)
Section Nonnegative.
Variable W : weights.
Variable b : biases.
Variable X : mat.
Hypothesis W_pos : forall l i j, 0 <= W l i j.
Hypothesis b_pos : forall l i, 0 <= b l i.
Hypothesis X_pos : forall j k, 0 <= X j k.
Local Hint Resolve bigsum_pos : core.

(** A layer's part of the total is at most the total; *)
Let layer_le_total : forall l, (l < L)%nat ->
  (Σ i < n (S l), Σ j < n l, W (S l) i j) + (Σ i < n (S l), b (S l) i) <= total_ W b X.
Proof.
  intros l Hl. unfold total.
  assert (0 <= Σ k < m, Σ j < n O, X j k) by auto.
  pose proof (bigsum_term_le L (fun l => (Σ i < n (S l), Σ j < n l, W (S l) i j) + (Σ i < n (S l), b (S l) i)) l)
    as H'. cbv beta in H'. eapply Rle_trans; [apply H'|]; [|exact Hl|lra].
  intros. apply Rplus_le_le_0_compat; auto.
Qed.

(** a weight, a bias or an input is at most its part. *)
Lemma W_le_total : forall l i j,
  (1 <= l <= L)%nat -> (i < n l)%nat -> (j < n (pred l))%nat -> W l i j <= total_ W b X.
Proof.
  intros [|l] i j Hl Hi Hj; [lia|]. eapply Rle_trans; [|apply (layer_le_total l); lia].
  assert (0 <= Σ i < n (S l), b (S l) i) by auto.
  apply Rle_trans with (Σ i < n (S l), Σ j < n l, W (S l) i j); [|lra].
  apply Rle_trans with (Σ j < n l, W (S l) i j).
  - apply (bigsum_term_le (n l) (fun j => W (S l) i j)); auto.
  - apply (bigsum_term_le (n (S l)) (fun i => Σ j < n l, W (S l) i j)); auto.
Qed.

Lemma b_le_total : forall l i, (1 <= l <= L)%nat -> (i < n l)%nat -> b l i <= total_ W b X.
Proof.
  intros [|l] i Hl Hi; [lia|]. eapply Rle_trans; [|apply (layer_le_total l); lia].
  assert (0 <= Σ i < n (S l), Σ j < n l, W (S l) i j) by auto.
  apply Rle_trans with (Σ i < n (S l), b (S l) i); [|lra].
  apply (bigsum_term_le (n (S l)) (fun i => b (S l) i)); auto.
Qed.

Lemma X_le_total : forall j k, (j < n O)%nat -> (k < m)%nat -> X j k <= total_ W b X.
Proof.
  intros j k Hj Hk. unfold total.
  apply Rle_trans with (Σ k < m, Σ j < n O, X j k).
  - eapply Rle_trans; [apply (bigsum_term_le (n O) (fun j => X j k) j); auto|].
    apply (bigsum_term_le m (fun k => Σ j < n O, X j k) k); auto.
  - apply Rle_trans with (0 + (Σ k < m, Σ j < n O, X j k)); [lra|]. apply Rplus_le_compat_r, bigsum_pos.
    intros. apply Rplus_le_le_0_compat; auto.
Qed.
End Nonnegative.

(** A gradient that is not zero has a positive inner product with itself. *)
Lemma inner_self_pos : forall dW db,
  (exists l i j, (1 <= l <= L)%nat /\ (i < n l)%nat /\ (j < n (pred l))%nat /\ dW l i j <> 0) \/
  (exists l i, (1 <= l <= L)%nat /\ (i < n l)%nat /\ db l i <> 0) ->
  0 < inner_ dW db (fun _ _ => 0) dW db (fun _ _ => 0).
Proof.
  intros dW db H.
  assert (sq : forall x, 0 <= x * x) by (intros; apply Rle_0_sqr).
  destruct H as [(l & i & j & Hl & Hi & Hj & H)|(l & i & Hl & Hi & H)];
    eapply Rlt_le_trans; try exact (Rsqr_pos_lt _ H); unfold inner, Rsqr.
  - apply (W_le_total (fun l i j => dW l i j * dW l i j)); intros; auto.
  - apply (b_le_total _ (fun l i => db l i * db l i)); intros; auto.
Qed.

End Totals.
