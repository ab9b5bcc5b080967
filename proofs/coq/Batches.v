(** * Batches.v: the gradient is the mean of the gradients of the batches, weighted by their sizes

    Main results: [dW_of_batches], [db_of_batches]; [logistic_mean], [squared_mean], [softmax_mean]: for these outputs.
    Builds on:    Sums.v; no derivative occurs in this file.
    Names:        [B] is a batch, the list of the numbers of its examples; its [q]-th example is [nth q B O]. *)

From Coq Require Import Reals Lra Lia List Permutation FunctionalExtensionality.
From RefNN Require Import Model Sums.
Open Scope R_scope.

(** ** Sums over lists *)

Lemma sum_over_app : forall T (xs ys : list T) f, sum_over (xs ++ ys) f = sum_over xs f + sum_over ys f.
Proof. induction xs as [|x xs IH]; intros ys f; simpl; [|rewrite IH]; lra. Qed.

(** The order of the list does not matter. *)
Lemma sum_over_permutation : forall T (xs ys : list T) f,
  Permutation xs ys -> sum_over xs f = sum_over ys f.
Proof. induction 1; simpl; lra. Qed.

(** A sum over the list 0, ..., m - 1 is a sum over the indices. *)
Lemma sum_over_seq : forall m f, sum_over (seq 0 m) f = bigsum m f.
Proof.
  induction m as [|m IH]; intros f; [reflexivity|].
  rewrite seq_S, sum_over_app, IH. simpl. ring.
Qed.

(** A sum over a batch, by position. *)
Lemma sum_over_nth : forall B f, (Σ q < length B, f (nth q B O)) = sum_over B f.
Proof.
  induction B as [|k B IH]; intros f; [reflexivity|].
  cbn [length]. rewrite bigsum_first. simpl. now rewrite IH.
Qed.

(** Batch by batch is example by example. *)
Lemma sum_over_batches : forall batches m f, Permutation (concat batches) (seq 0 m) ->
  sum_over batches (fun B => Σ q < length B, f (nth q B O)) = bigsum m f.
Proof.
  intros batches m f H. rewrite <- sum_over_seq, <- (sum_over_permutation _ _ _ _ H). clear H.
  induction batches as [|B batches IH]; [reflexivity|].
  simpl. now rewrite sum_over_app, sum_over_nth, IH.
Qed.

(** Only the values at members of the list matter. *)
Lemma sum_over_ext : forall T (xs : list T) f g, (forall x, In x xs -> f x = g x) -> sum_over xs f = sum_over xs g.
Proof.
  induction xs as [|x xs IH]; intros f g H; simpl; [reflexivity|].
  rewrite (H x), (IH f g); [reflexivity | intros; apply H; now right | now left].
Qed.

(** ** The outputs of Generic.v are means *)

Lemma logistic_mean : forall n L, is_mean (Logistic n L).
Proof. intros. now exists (fun y z i => (1 - y i) * sigmoid (z i) - y i * sigmoid (- z i)). Qed.

Lemma squared_mean : forall n L share h, is_mean (fun m Y => Squared n L m Y share h).
Proof. intros. now exists (fun y z i => share * ((1 + 1) * (value h (z i) - y i) * derivative h (z i))). Qed.

Lemma softmax_mean : forall n L, is_mean (Softmax n L).
Proof.
  intros. now exists (fun y z i =>
    let a i := exp (z i) / (Σ j < n L, exp (z j)) in Σ j < n L, a i * y j - a j * y i).
Qed.

(** ** One batch *)

Section Batch.
Variable n : nat -> nat.
Variable L m : nat.
Variable g : nat -> activation.
Variable out : nat -> mat -> output.  (* given the number of examples and their labels *)
Variable Y : mat.
Variable W : weights.
Variable b : biases.
Variable X : mat.
Hypothesis out_is_mean : is_mean out.

(** The gradient of a batch's own mean cost *)
Notation dW_of B := (dW n L (length B) g (out (length B) (columns B Y)) W b (columns B X)).
Notation db_of B := (db n L (length B) g (out (length B) (columns B Y)) W b (columns B X)).

Section OneBatch.
Variable B : list nat.
Hypothesis B_nonempty : (0 < length B)%nat.
Hypothesis m_pos : (0 < m)%nat.
Notation A_B := (A n g W b (columns B X)).
Notation Z_B := (Z n g W b (columns B X)).

(** Forward, an example does not see the others. *)
Lemma A_of_batch : forall l i q, A_B l i q = A n g W b X l i (nth q B O).
Proof.
  induction l as [|p IH]; intros i q; [reflexivity|].
  simpl. unfold linear. do 2 f_equal. apply bigsum_ext; intros j _. now rewrite IH.
Qed.

(** Likewise its [Z]. *)
Lemma Z_of_batch : forall l i q, Z_B l i q = Z n g W b X l i (nth q B O).
Proof.
  intros l i q. unfold Z, linear. f_equal. apply bigsum_ext; intros j _. now rewrite A_of_batch.
Qed.

(** Backward, it sees how many there are, in the factor 1/m. *)
Lemma dZ_down_of_batch : forall s i q,
  INR (length B) / INR m * dZ_down n L g (out (length B) (columns B Y)) W b (columns B X) s i q
  = dZ_down n L g (out m Y) W b X s i (nth q B O).
Proof.
  assert (HB : INR (length B) <> 0) by (apply not_0_INR; lia).
  assert (Hm : INR m <> 0) by (apply not_0_INR; lia).
  destruct out_is_mean as [dz Hdz]. induction s as [|s IH]; intros i q; cbn [dZ_down].
  - rewrite !Hdz. replace (fun r => Z_B L r q) with (fun r => Z n g W b X L r (nth q B O))
      by (extensionality r; symmetry; apply Z_of_batch).
    unfold columns. field. auto.
  - unfold dZ_hidden. rewrite Z_of_batch, <- !Rmult_assoc. f_equal.
    unfold dA_prev. rewrite <- bigsum_scal_l. apply bigsum_ext; intros r _. rewrite <- IH. ring.
Qed.

(** So a batch's gradient, weighted, is the part of the sum (D9) that belongs to its examples; *)
Lemma dW_of_batch : forall l i j,
  INR (length B) / INR m * dW_of B l i j
  = Σ q < length B, dZ n L g (out m Y) W b X l i (nth q B O) * A n g W b X (pred l) j (nth q B O).
Proof.
  intros l i j. unfold dW, dW_layer. rewrite <- bigsum_scal_l. apply bigsum_ext; intros q _.
  unfold dZ. rewrite <- dZ_down_of_batch, A_of_batch. ring.
Qed.

(** and likewise for (D10). *)
Lemma db_of_batch : forall l i,
  INR (length B) / INR m * db_of B l i
  = Σ q < length B, dZ n L g (out m Y) W b X l i (nth q B O).
Proof.
  intros l i. unfold db, db_layer. rewrite <- bigsum_scal_l. apply bigsum_ext; intros q _. apply dZ_down_of_batch.
Qed.

End OneBatch.

(** ** All batches *)

Variable batches : list (list nat).
Hypothesis partition : Permutation (concat batches) (seq 0 m).

(** An empty batch contributes nothing; if all are empty, there is no example. *)
Lemma over_batches : forall (G : list nat -> R) f,
  (forall B, (0 < length B)%nat -> (0 < m)%nat ->
     INR (length B) / INR m * G B = Σ q < length B, f (nth q B O)) ->
  sum_over batches (fun B => INR (length B) / INR m * G B) = bigsum m f.
Proof.
  intros G f H. rewrite <- (sum_over_batches batches m f partition).
  apply sum_over_ext. intros B HB. destruct B as [|k B]; [simpl; lra|].
  apply H; [simpl; lia|].
  assert (Hk : In k (seq 0 m)).
  { apply (Permutation_in _ partition), in_concat. exists (k :: B). split; [exact HB | now left]. }
  apply in_seq in Hk. lia.
Qed.

(** (D13) for the weights. *)
Lemma dW_of_batches : forall l i j,
  sum_over batches (fun B => INR (length B) / INR m * dW_of B l i j)
  = dW n L m g (out m Y) W b X l i j.
Proof. intros. apply over_batches. intros. now apply dW_of_batch. Qed.

(** (D13) for the biases. *)
Lemma db_of_batches : forall l i,
  sum_over batches (fun B => INR (length B) / INR m * db_of B l i)
  = db n L m g (out m Y) W b X l i.
Proof. intros. apply over_batches. intros. now apply db_of_batch. Qed.

End Batch.
