(** * FloatNetwork.v: how far rounding takes the activations and the gradient of a network

    Main results: [A_off], [Z_off], [dZ_off], [dA_off], [dW_off], [db_off]: entry by entry, for all depths, widths and
                  batches, any activations and any output of which is known how far they are off.
    Builds on:    Floats.v, Program.v.  FloatSigmoid.v is the network of the article. *)

From Coq Require Import Reals Lra Lia Arith.
From RefNN Require Import Model Sums Floats.
Open Scope R_scope.

Section Network.
Variable u eta : R.
Hypothesis u_pos : 0 <= u.
Hypothesis eta_pos : 0 <= eta.

(** The most roundings that a term of a sum of [p] products passes through: at most [p], in whatever order (Floats.v,
    [height_at_most_terms]); fewer in blocks. *)
Variable height : nat -> nat.

Variable n : nat -> nat.
Variable L m : nat.
Variable g : nat -> activation.
Variable out : output.
Variable W : weights.
Variable b : biases.
Variable X : mat.

Notation A_ := (A n g W b X).
Notation Z_ := (Z n g W b X).
Notation dZ_ := (dZ n L g out W b X).
Notation dA_ := (dA n L g out W b X).

(** ** What is computed *)

(** What may come of an activation of layer [l] at a computed z, of its derivative, and of the output's. *)
Variable value_computed derivative_computed : nat -> R -> R -> Prop.
Variable output_computed : mat -> mat -> Prop.

Definition sum_computed (p : nat) (x y : nat -> R) (s : R) : Prop :=
  exists h, (h <= height p)%nat /\ evaluated u eta h (terms p x y) s.

(** W A + b is one sum, of which b, times 1, is the last term. *)
Definition with_last (p : nat) (x : nat -> R) (last : R) (j : nat) : R := if (j <? p)%nat then x j else last.

Record run := { Af : nat -> mat; Zf : nat -> mat; dZf : nat -> mat; dAf : nat -> mat; dWf : nat -> mat;
                dbf : nat -> nat -> R }.

Record computed (r : run) : Prop := {
  computed_X : forall j k, (j < n 0)%nat -> (k < m)%nat -> Af r 0 j k = X j k;
  computed_Z : forall l i k, (1 <= l <= L)%nat -> (i < n l)%nat -> (k < m)%nat -> let p := n (pred l) in
    sum_computed (S p) (with_last p (W l i) (b l i)) (with_last p (fun j => Af r (pred l) j k) 1) (Zf r l i k);
  computed_A : forall l i k, (1 <= l < L)%nat -> (i < n l)%nat -> (k < m)%nat ->
    value_computed l (Zf r l i k) (Af r l i k);
  computed_output : output_computed (Zf r L) (dZf r L);
  computed_dA : forall l j k, (l < L)%nat -> (j < n l)%nat -> (k < m)%nat ->
    sum_computed (n (S l)) (fun i => W (S l) i j) (fun i => dZf r (S l) i k) (dAf r l j k);
  computed_dZ : forall l i k, (1 <= l < L)%nat -> (i < n l)%nat -> (k < m)%nat ->
    exists slope, derivative_computed l (Zf r l i k) slope /\ rounds u eta (dAf r l i k * slope) (dZf r l i k);
  computed_dW : forall l i j, (1 <= l <= L)%nat -> (i < n l)%nat -> (j < n (pred l))%nat ->
    sum_computed m (fun k => dZf r l i k) (fun k => Af r (pred l) j k) (dWf r l i j);
  computed_db : forall l i, (1 <= l <= L)%nat -> (i < n l)%nat ->
    sum_computed m (fun k => dZf r l i k) (fun _ => 1) (dbf r l i) }.

(** ** The bounds *)

(** How far, where z is off by at most [E]: the value and the derivative of an activation, and dZ of the output. *)
Variable E_value E_derivative : nat -> R -> R -> R.
Variable E_output : mat -> mat -> mat.

Definition E_of (p : nat) (x y Ex Ey : nat -> R) : R := E_sum u eta (height p) p x y Ex Ey.

Definition E_linear (l : nat) (A E : mat) : mat := fun i k => let p := n (pred l) in
  E_of (S p) (with_last p (W l i) (b l i)) (with_last p (fun j => A j k) 1)
    (fun _ => 0) (with_last p (fun j => E j k) 0).

Fixpoint E_A (l : nat) : mat :=
  match l with
  | O => fun _ _ => 0
  | S p => fun i k => E_value l (Z_ l i k) (E_linear l (A_ p) (E_A p) i k)
  end.
Definition E_Z (l : nat) : mat := E_linear l (A_ (pred l)) (E_A (pred l)).

Definition E_dA_prev (l : nat) (dZ E : mat) : mat := fun j k =>
  E_of (n l) (fun i => W l i j) (fun i => dZ i k) (fun _ => 0) (fun i => E i k).

Definition E_dZ_hidden (l : nat) (E : mat) : mat := fun i k =>
  let slope := derivative (g l) (Z_ l i k) in
  let off := E_product (dA_ l i k) slope (E i k) (E_derivative l (Z_ l i k) (E_Z l i k)) in
  off + (u * (Rabs (dA_ l i k * slope) + off) + eta).

Fixpoint E_dZ_down (s : nat) : mat :=
  match s with
  | O => E_output (Z_ L) (E_Z L)
  | S s' => let l := (L - s)%nat in E_dZ_hidden l (E_dA_prev (S l) (dZ_ (S l)) (E_dZ_down s'))
  end.

Definition E_dZ (l : nat) : mat := E_dZ_down (L - l).
Definition E_dA (l : nat) : mat := E_dA_prev (S l) (dZ_ (S l)) (E_dZ (S l)).
Definition E_dW (l : nat) : mat := fun i j =>
  E_of m (fun k => dZ_ l i k) (fun k => A_ (pred l) j k) (fun k => E_dZ l i k) (fun k => E_A (pred l) j k).
Definition E_db (l i : nat) : R := E_of m (fun k => dZ_ l i k) (fun _ => 1) (fun k => E_dZ l i k) (fun _ => 0).

(** ** The theorem *)

Hypothesis value_off : forall l z E zf f, Rabs (zf - z) <= E -> value_computed l zf f ->
  Rabs (f - value (g l) z) <= E_value l z E.
Hypothesis derivative_off : forall l z E zf f, Rabs (zf - z) <= E -> derivative_computed l zf f ->
  Rabs (f - derivative (g l) z) <= E_derivative l z E.
Hypothesis output_off : forall Z E Zf D,
  (forall i k, (i < n L)%nat -> (k < m)%nat -> Rabs (Zf i k - Z i k) <= E i k) -> output_computed Zf D ->
  forall i k, (i < n L)%nat -> (k < m)%nat -> Rabs (D i k - dloss out Z i k) <= E_output Z E i k.

Variable r : run.
Hypothesis computed_r : computed r.

Lemma of_off : forall p x y xf yf Ex Ey s, sum_computed p xf yf s ->
  (forall i, (i < p)%nat -> Rabs (xf i - x i) <= Ex i) -> (forall i, (i < p)%nat -> Rabs (yf i - y i) <= Ey i) ->
  Rabs (s - Σ i < p, x i * y i) <= E_of p x y Ex Ey.
Proof. intros p x y xf yf Ex Ey s [h [Hh Hs]] Hx Hy. now apply (sum_off u eta u_pos eta_pos) with (3 := Hs). Qed.

Lemma linear_is_sum : forall l A i k, let p := n (pred l) in linear n W b l A i k =
  Σ j < S p, with_last p (W l i) (b l i) j * with_last p (fun j => A j k) 1 j.
Proof.
  intros. subst p. unfold linear. simpl. unfold with_last at 3 4. rewrite Nat.ltb_irrefl. unfold RNum.add, RNum.mul.
  rewrite Rmult_1_r. f_equal. apply bigsum_agrees. intros j Hj. unfold with_last.
  now rewrite (proj2 (Nat.ltb_lt _ _) Hj).
Qed.

Lemma Z_off_from_A : forall l, (1 <= l <= L)%nat ->
  (forall j k, (j < n (pred l))%nat -> (k < m)%nat -> Rabs (Af r (pred l) j k - A_ (pred l) j k) <= E_A (pred l) j k) ->
  forall i k, (i < n l)%nat -> (k < m)%nat -> Rabs (Zf r l i k - Z_ l i k) <= E_Z l i k.
Proof.
  intros l Hl H i k Hi Hk. unfold Z. rewrite linear_is_sum.
  apply of_off with (1 := computed_Z r computed_r l i k Hl Hi Hk); intros j Hj; [apply exact_off|].
  unfold with_last. destruct (Nat.ltb_spec j (n (pred l))); [now apply H | apply exact_off].
Qed.

Theorem A_off : forall l i k, (l < L)%nat -> (i < n l)%nat -> (k < m)%nat -> Rabs (Af r l i k - A_ l i k) <= E_A l i k.
Proof.
  induction l as [|p IH]; intros i k Hl Hi Hk; [rewrite (computed_X r computed_r) by assumption; apply exact_off|].
  apply (value_off _ _ _ (Zf r (S p) i k)); [|apply (computed_A r computed_r); trivial; lia].
  apply Z_off_from_A; trivial; [lia|]. intros. apply IH; trivial; lia.
Qed.

Theorem Z_off : forall l i k, (1 <= l <= L)%nat -> (i < n l)%nat -> (k < m)%nat ->
  Rabs (Zf r l i k - Z_ l i k) <= E_Z l i k.
Proof. intros. apply Z_off_from_A; trivial. intros. apply A_off; trivial. lia. Qed.

Lemma dA_off_from_dZ : forall l, (l < L)%nat -> forall E,
  (forall i k, (i < n (S l))%nat -> (k < m)%nat -> Rabs (dZf r (S l) i k - dZ_ (S l) i k) <= E i k) ->
  forall j k, (j < n l)%nat -> (k < m)%nat -> Rabs (dAf r l j k - dA_ l j k) <= E_dA_prev (S l) (dZ_ (S l)) E j k.
Proof.
  intros l Hl E H j k Hj Hk. apply of_off with (1 := computed_dA r computed_r l j k Hl Hj Hk); intros i Hi;
    [apply exact_off | now apply H].
Qed.

Lemma dZ_down_off : forall s, (s < L)%nat -> forall i k, (i < n (L - s))%nat -> (k < m)%nat ->
  Rabs (dZf r (L - s) i k - dZ_ (L - s) i k) <= E_dZ_down s i k.
Proof.
  induction s as [|s IH]; intros Hs i k Hi Hk.
  - rewrite Nat.sub_0_r in *. rewrite dZ_of_output.
    apply (output_off (Z_ L) (E_Z L) (Zf r L)); trivial; [|apply computed_r]. intros. apply Z_off; trivial. lia.
  - cbn [E_dZ_down]. set (l := (L - S s)%nat) in *. assert (above : S l = (L - s)%nat) by (unfold l; lia).
    assert (Hl : (1 <= l < L)%nat) by (unfold l; lia).
    destruct (computed_dZ r computed_r l i k Hl Hi Hk) as [slope [Hslope Hr]].
    rewrite dZ_recursion by lia. apply (rounded_off u eta u_pos) with (2 := Hr). apply product_off.
    + apply dA_off_from_dZ; trivial; [lia|]. rewrite above. intros. apply IH; trivial; lia.
    + apply (derivative_off _ _ _ (Zf r l i k)); [apply Z_off; trivial; lia | exact Hslope].
Qed.

Theorem dZ_off : forall l i k, (1 <= l <= L)%nat -> (i < n l)%nat -> (k < m)%nat ->
  Rabs (dZf r l i k - dZ_ l i k) <= E_dZ l i k.
Proof.
  intros l i k Hl Hi Hk. unfold E_dZ. replace l with (L - (L - l))%nat at 1 2 by lia.
  apply dZ_down_off; trivial; [lia|]. now replace (L - (L - l))%nat with l by lia.
Qed.

Theorem dA_off : forall l j k, (l < L)%nat -> (j < n l)%nat -> (k < m)%nat ->
  Rabs (dAf r l j k - dA_ l j k) <= E_dA l j k.
Proof. intros l j k Hl. apply dA_off_from_dZ; trivial. intros. apply dZ_off; trivial. lia. Qed.

Theorem dW_off : forall l i j, (1 <= l <= L)%nat -> (i < n l)%nat -> (j < n (pred l))%nat ->
  Rabs (dWf r l i j - dW n L m g out W b X l i j) <= E_dW l i j.
Proof.
  intros l i j Hl Hi Hj. apply of_off with (1 := computed_dW r computed_r l i j Hl Hi Hj); intros k Hk;
    [now apply dZ_off | apply A_off; trivial; lia].
Qed.

Theorem db_off : forall l i, (1 <= l <= L)%nat -> (i < n l)%nat ->
  Rabs (dbf r l i - db n L m g out W b X l i) <= E_db l i.
Proof.
  intros l i Hl Hi. unfold db, db_layer.
  replace (bigsum m (fun k => dZ_ l i k)) with (bigsum m (fun k => dZ_ l i k * 1))
    by (apply bigsum_agrees; intros; apply Rmult_1_r).
  apply of_off with (1 := computed_db r computed_r l i Hl Hi); intros k Hk; [now apply dZ_off | apply exact_off].
Qed.

End Network.
