(** * Adjoint.v: backprop is the transpose of the tangent

    Algebra of finite sums: no derivative occurs in this file.  Write ⟨U, V⟩ for [dot p m U V].
    Layer by layer, ⟨dA_l, A_l'⟩ = ⟨dZ_l, Z_l'⟩, and ⟨dZ_l, Z_l'⟩ = ⟨dW_l, W_l'⟩ + ⟨db_l, b_l'⟩ + ⟨dA_(l-1), A_(l-1)'⟩.

    Main result:  [adjoint].
    Builds on:    Tangent.v. *)

From Coq Require Import Reals Lra Lia Arith.
From RefNN Require Import Model Sums Tangent.
Open Scope R_scope.

Section Adjoint.
Variable n : nat -> nat.
Variable L m : nat.
Variable g : nat -> activation.
Variable out : output.
Variable W W' : weights.
Variable b b' : biases.
Variable X X' : mat.
Hypothesis L_pos : (0 < L)%nat.

Notation A_ := (A n g W b X).
Notation Z_ := (Z n g W b X).
Notation dZ_ := (dZ n L g out W b X).
Notation dA_ := (dA n L g out W b X).
Notation dW_ := (dW n L m g out W b X).
Notation db_ := (db n L m g out W b X).
Notation A'_ := (velocity_A n g W b X W' b' X').
Notation Z'_ := (velocity_Z n g W b X W' b' X').

(** What a layer's own weights and biases contribute. *)
Definition layer_term (l : nat) : R :=
  (Σ i < n l, Σ j < n (pred l), dW_ l i j * W' l i j) + (Σ i < n l, db_ l i * b' l i).

(** Across the activation. *)
Lemma cross_activation : forall l, (0 < l < L)%nat -> dot (n l) m (dA_ l) (A'_ l) = dot (n l) m (dZ_ l) (Z'_ l).
Proof.
  intros l Hl. apply bigsum_ext; intros k _. apply bigsum_ext; intros i _.
  rewrite dZ_recursion by apply Hl. unfold dZ_hidden.
  destruct l as [|p]; [lia|]. unfold velocity_Z. cbn [velocity_A pred]. ring.
Qed.

(** Across the linear step: each sum over [k] moves to where its matrix is wanted. *)
Lemma cross_linear : forall p,
  dot (n (S p)) m (dZ_ (S p)) (Z'_ (S p)) = layer_term (S p) + dot (n p) m (dA_ p) (A'_ p).
Proof.
  intros p. unfold dot, layer_term, dW, db, dA, dW_layer, db_layer, dA_prev, velocity_Z, velocity_linear.
  cbn [pred]. set (D := dZ_ (S p)). set (a := A_ p). set (v := A'_ p).
  transitivity (Σ k < m,
      (Σ i < n (S p), Σ j < n p, D i k * a j k * W' (S p) i j)
    + (Σ i < n (S p), D i k * b' (S p) i)
    + (Σ j < n p, (Σ i < n (S p), W (S p) i j * D i k) * v j k)).
  - apply bigsum_ext; intros k _.
    rewrite (bigsum_ext (n p) _ (fun j => Σ i < n (S p), D i k * (W (S p) i j * v j k))).
    2:{ intros j _. rewrite <- bigsum_scal_r. apply bigsum_ext; intros; ring. }
    rewrite (bigsum_swap (n p)), <- !bigsum_plus. apply bigsum_ext; intros i _.
    rewrite (bigsum_plus (n p)), !Rmult_plus_distr_l, <- !bigsum_scal_l.
    rewrite (bigsum_ext (n p) (fun j => D i k * a j k * W' (S p) i j)
                              (fun j => D i k * (a j k * W' (S p) i j))) by (intros; ring).
    ring.
  - rewrite !bigsum_plus. do 2 f_equal.
    + rewrite bigsum_swap. apply bigsum_ext; intros i _.
      rewrite bigsum_swap. apply bigsum_ext; intros j _. apply bigsum_scal_r.
    + rewrite bigsum_swap. apply bigsum_ext; intros i _. apply bigsum_scal_r.
Qed.

(** From the output down to layer [l], which has [s] layers above it. *)
Lemma walk_down : forall s l, (l + S s = L)%nat ->
  dot (n L) m (dZ_ L) (Z'_ L) = (Σ q < S s, layer_term (S (l + q))) + dot (n l) m (dA_ l) (A'_ l).
Proof.
  induction s as [|s IH]; intros l Hl.
  - replace L with (S l) at 1 3 4 by lia. rewrite cross_linear. simpl. rewrite Nat.add_0_r. ring.
  - rewrite (IH (S l)), cross_activation, cross_linear, (bigsum_first (S s)), Nat.add_0_r by lia.
    rewrite (bigsum_ext (S s) (fun q => layer_term (S (l + S q))) (fun q => layer_term (S (S l + q))))
      by (intros; f_equal; lia).
    ring.
Qed.

(** The whole network: the velocity of the cost is the inner product of backprop's gradient with the motion. *)
Lemma adjoint : dot (n L) m (dloss out (Z_ L)) (Z'_ L) = inner n L m dW_ db_ (dA_ O) W' b' X'.
Proof.
  rewrite <- (dZ_of_output n L g out W b X), (walk_down (pred L) O) by lia.
  replace (S (pred L)) with L by lia. reflexivity.
Qed.

End Adjoint.
