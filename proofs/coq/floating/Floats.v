(** A prototype for the floating-point theorem: sums of products in any order, any blocking, with or without FMA. *)
From Coq Require Import Reals List Permutation Lra Lia.
From RefNN Require Import Model.
Import ListNotations.
Open Scope R_scope.

Section Rounding.
Variable u eta : R.
Hypothesis u_pos : 0 <= u.
Hypothesis eta_pos : 0 <= eta.

(** A computed number beside the exact one: of a product or quotient, which may underflow, and of a sum, which cannot. *)
Definition rounds (exact computed : R) : Prop := Rabs (computed - exact) <= u * Rabs exact + eta.
Definition rounds_sum (exact computed : R) : Prop := Rabs (computed - exact) <= u * Rabs exact.

(** [dotted ts s]: [s] is what some order of evaluation makes of the sum of the products in [ts]. *)
Inductive dotted : list (R * R) -> R -> Prop :=
| product : forall a b p, rounds (a * b) p -> dotted [(a, b)] p
| first : forall a b r, rounds_sum (a * b) r -> dotted [(a, b)] r
| fused : forall ts s a b r, dotted ts s -> rounds_sum (s + a * b) r -> dotted ((a, b) :: ts) r
| blocks : forall ts us s t r, dotted ts s -> dotted us t -> rounds_sum (s + t) r -> dotted (ts ++ us) r
| order : forall ts us s, Permutation ts us -> dotted ts s -> dotted us s.

Definition dot (ts : list (R * R)) : R := fold_right (fun t s => fst t * snd t + s) 0 ts.
Definition mass (ts : list (R * R)) : R := fold_right (fun t s => Rabs (fst t * snd t) + s) 0 ts.

Lemma dot_app : forall ts us, dot (ts ++ us) = dot ts + dot us.
Proof. induction ts as [|t ts IH]; intros; simpl; [lra | rewrite IH; lra]. Qed.
Lemma mass_app : forall ts us, mass (ts ++ us) = mass ts + mass us.
Proof. induction ts as [|t ts IH]; intros; simpl; [lra | rewrite IH; lra]. Qed.
Lemma dot_perm : forall ts us, Permutation ts us -> dot ts = dot us.
Proof. induction 1; simpl; lra. Qed.
Lemma mass_perm : forall ts us, Permutation ts us -> mass ts = mass us.
Proof. induction 1; simpl; lra. Qed.
Lemma mass_pos : forall ts, 0 <= mass ts.
Proof. induction ts as [|t ts IH]; simpl; [lra|]. pose proof (Rabs_pos (fst t * snd t)). lra. Qed.
Lemma dot_mass : forall ts, Rabs (dot ts) <= mass ts.
Proof.
  induction ts as [|t ts IH]; simpl; [rewrite Rabs_R0; lra|].
  eapply Rle_trans; [apply Rabs_triang|]. lra.
Qed.

Notation c := (1 + u).
Lemma c_pow : forall p q, (p <= q)%nat -> 1 <= c ^ p <= c ^ q.
Proof. intros p q H. split; [apply pow_R1_Rle; lra | apply Rle_pow; [lra | exact H]]. Qed.


Definition bound (n : nat) (M e : R) : R := (c ^ n - 1) * M + c ^ n * e.

Lemma add_bound : forall p q k S T M N e f s t r, (p < k)%nat -> (q < k)%nat -> Rabs S <= M -> Rabs T <= N ->
  0 <= e -> 0 <= f -> Rabs (s - S) <= bound p M e -> Rabs (t - T) <= bound q N f -> rounds_sum (s + t) r ->
  Rabs (r - (S + T)) <= bound k (M + N) (e + f).
Proof.
  intros p q k S T M N e f s t r Hp Hq HS HT He Hf Hs Ht Hr. unfold bound, rounds_sum in *.
  assert (H0 : Rabs (s + t) <= (c ^ p * (M + e)) + (c ^ q * (N + f))).
  { replace (s + t) with ((s - S) + (t - T) + (S + T)) by lra.
    eapply Rle_trans; [apply Rabs_triang|]. pose proof (Rabs_triang (s - S) (t - T)). pose proof (Rabs_triang S T). nra. }
  assert (H1 : Rabs (r - (S + T)) <= Rabs (r - (s + t)) + (Rabs (s - S) + Rabs (t - T))).
  { replace (r - (S + T)) with ((r - (s + t)) + ((s - S) + (t - T))) by lra.
    eapply Rle_trans; [apply Rabs_triang|]. pose proof (Rabs_triang (s - S) (t - T)). lra. }
  assert (0 <= M) by (pose proof (Rabs_pos S); lra). assert (0 <= N) by (pose proof (Rabs_pos T); lra).
  pose proof (c_pow (Datatypes.S p) k Hp) as [_ Kp]. pose proof (c_pow (Datatypes.S q) k Hq) as [_ Kq]. simpl in Kp, Kq.
  assert (u * Rabs (s + t) <= u * (c ^ p * (M + e) + c ^ q * (N + f))) by (apply Rmult_le_compat_l; lra).
  assert (c * c ^ p * (M + e) <= c ^ k * (M + e)) by (apply Rmult_le_compat_r; lra).
  assert (c * c ^ q * (N + f) <= c ^ k * (N + f)) by (apply Rmult_le_compat_r; lra).
  lra.
Qed.

(** Higham's bound, with underflow: for n terms, ((1 + u)^n - 1) Σ |a b| + n (1 + u)^n η *)
Theorem dotted_correct : forall ts s, dotted ts s ->
  ts <> [] /\ Rabs (s - dot ts) <= bound (length ts) (mass ts) (INR (length ts) * eta).
Proof.
  induction 1 as [a b p H | a b r H | ts s a b r Hs [n0 IH] H | ts us s t r Hs [n0 IHs] Ht [n1 IHt] H | ts us s P Hs [n0 IH]].
  - split; [discriminate|]. unfold bound, rounds in *. simpl. rewrite !Rplus_0_r, !Rmult_1_r, Rmult_1_l.
    pose proof (Rmult_le_pos u eta u_pos eta_pos). lra.
  - split; [discriminate|]. unfold bound, rounds_sum in *. simpl. rewrite !Rplus_0_r, !Rmult_1_r, Rmult_1_l.
    pose proof (Rmult_le_pos u eta u_pos eta_pos). lra.
  - split; [discriminate|].
    replace (dot ((a, b) :: ts)) with (dot ts + a * b) by (simpl; lra).
    replace (mass ((a, b) :: ts)) with (mass ts + Rabs (a * b)) by (simpl; lra).
    replace (INR (length ((a, b) :: ts)) * eta) with (INR (length ts) * eta + eta) by (simpl length; rewrite S_INR; lra).
    pose proof (pos_INR (length ts)).
    apply (add_bound (length ts) 0 _ _ _ _ _ _ _ s (a * b)); simpl; try lia; trivial.
    + apply dot_mass.
    + lra.
    + apply Rmult_le_pos; lra.
    + unfold bound. simpl. replace (a * b - a * b) with 0 by lra. rewrite Rabs_R0. lra.
  - split; [destruct ts; [now elim n0 | discriminate]|].
    rewrite dot_app, mass_app, app_length, plus_INR, Rmult_plus_distr_r.
    pose proof (pos_INR (length ts)). pose proof (pos_INR (length us)).
    assert (0 < length ts)%nat by (destruct ts; [now elim n0 | simpl; lia]).
    assert (0 < length us)%nat by (destruct us; [now elim n1 | simpl; lia]).
    apply (add_bound (length ts) (length us) _ _ _ _ _ _ _ s t); try lia; trivial; try apply dot_mass; apply Rmult_le_pos; lra.
  - split; [intros ->; now apply Permutation_sym, Permutation_nil in P|].
    now rewrite <- (dot_perm _ _ P), <- (mass_perm _ _ P), <- (Permutation_length P).
Qed.

(** ** Sums of products of computed numbers *)
Lemma dot_bigsum : forall n (x y : nat -> R), dot (map (fun i => (x i, y i)) (seq 0 n)) = bigsum n (fun i => x i * y i).
Proof.
  induction n as [|n IH]; intros; [reflexivity|]. rewrite seq_S, map_app, dot_app, IH. simpl. ring_simplify.
  unfold RNum.mul, RNum.add. ring.
Qed.
Lemma mass_bigsum : forall n (x y : nat -> R),
  mass (map (fun i => (x i, y i)) (seq 0 n)) = bigsum n (fun i => Rabs (x i * y i)).
Proof.
  induction n as [|n IH]; intros; [reflexivity|]. rewrite seq_S, map_app, mass_app, IH. simpl. unfold RNum.add. ring.
Qed.
Lemma bigsum_le : forall n f h, (forall i, (i < n)%nat -> f i <= h i) -> bigsum n f <= bigsum n h.
Proof.
  induction n as [|n IH]; intros f h H; simpl; [apply Rle_refl|]. unfold RNum.add.
  apply Rplus_le_compat; [apply IH; intros; apply H; lia | apply H; lia].
Qed.
Lemma bigsum_diff : forall n f h e, (forall i, (i < n)%nat -> Rabs (f i - h i) <= e i) ->
  Rabs (bigsum n f - bigsum n h) <= bigsum n e.
Proof.
  induction n as [|n IH]; intros f h e H; simpl; unfold RNum.zero, RNum.add; [rewrite Rminus_0_r, Rabs_R0; lra|].
  replace (bigsum n f + f n - (bigsum n h + h n)) with ((bigsum n f - bigsum n h) + (f n - h n)) by ring.
  eapply Rle_trans; [apply Rabs_triang|]. apply Rplus_le_compat; [apply IH; intros; apply H; lia | apply H; lia].
Qed.

(** The error of a computed sum of n products x y, of numbers that are themselves off by Ex and Ey. *)
Definition E_dot (n : nat) (x y Ex Ey : nat -> R) : R :=
  bigsum n (fun i => Ex i * Rabs (y i) + Rabs (x i) * Ey i + Ex i * Ey i)
  + bound n (bigsum n (fun i => (Rabs (x i) + Ex i) * (Rabs (y i) + Ey i))) (INR n * eta).

Lemma product_off : forall x y xf yf Ex Ey, Rabs (xf - x) <= Ex -> Rabs (yf - y) <= Ey ->
  Rabs (xf * yf - x * y) <= Ex * Rabs y + Rabs x * Ey + Ex * Ey /\ Rabs (xf * yf) <= (Rabs x + Ex) * (Rabs y + Ey).
Proof.
  intros x y xf yf Ex Ey Hx Hy. pose proof (Rabs_pos (xf - x)). pose proof (Rabs_pos (yf - y)).
  pose proof (Rabs_pos x). pose proof (Rabs_pos y). split.
  - replace (xf * yf - x * y) with ((xf - x) * y + x * (yf - y) + (xf - x) * (yf - y)) by ring.
    eapply Rle_trans; [apply Rabs_triang|]. apply Rplus_le_compat.
    + eapply Rle_trans; [apply Rabs_triang|]. rewrite !Rabs_mult. nra.
    + rewrite Rabs_mult. nra.
  - rewrite Rabs_mult. apply Rmult_le_compat; try apply Rabs_pos.
    + replace xf with (x + (xf - x)) by ring. eapply Rle_trans; [apply Rabs_triang|]. lra.
    + replace yf with (y + (yf - y)) by ring. eapply Rle_trans; [apply Rabs_triang|]. lra.
Qed.

Theorem dotted_off : forall n x y xf yf Ex Ey s,
  (forall i, (i < n)%nat -> Rabs (xf i - x i) <= Ex i) -> (forall i, (i < n)%nat -> Rabs (yf i - y i) <= Ey i) ->
  dotted (map (fun i => (xf i, yf i)) (seq 0 n)) s ->
  Rabs (s - bigsum n (fun i => x i * y i)) <= E_dot n x y Ex Ey.
Proof.
  intros n x y xf yf Ex Ey s Hx Hy Hs. apply dotted_correct in Hs. destruct Hs as [_ Hs].
  rewrite dot_bigsum, mass_bigsum, map_length, seq_length in Hs.
  replace (s - bigsum n (fun i => x i * y i)) with ((bigsum n (fun i => xf i * yf i) - bigsum n (fun i => x i * y i))
    + (s - bigsum n (fun i => xf i * yf i))) by ring.
  eapply Rle_trans; [apply Rabs_triang|]. apply Rplus_le_compat.
  - apply bigsum_diff. intros i Hi. now apply product_off; [apply Hx | apply Hy].
  - eapply Rle_trans; [exact Hs|]. unfold bound. apply Rplus_le_compat_r, Rmult_le_compat_l.
    + pose proof (pow_R1_Rle (1 + u) n ltac:(lra)). lra.
    + apply bigsum_le. intros i Hi. now apply product_off; [apply Hx | apply Hy].
Qed.

(** ** The network: a computed run, and how far it is off *)
Section Network.
Variable n : nat -> nat.
Variable L m : nat.
Variable g : nat -> activation.
Variable out : output.
Variable W : weights.
Variable b : biases.
Variable X : mat.

(** Of each activation: how far its value and derivative move with z, and what its computation adds. *)
Variable shift bend : nat -> R -> R -> R.
Variable value_computed derivative_computed : nat -> R -> R -> Prop.
Hypothesis value_off : forall l z E zf f, Rabs (zf - z) <= E -> value_computed l zf f -> Rabs (f - value (g l) z) <= shift l z E.
Hypothesis derivative_off : forall l z E zf f, Rabs (zf - z) <= E -> derivative_computed l zf f ->
  Rabs (f - derivative (g l) z) <= bend l z E.
(** Of the output. *)
Variable E_out : mat -> mat -> mat.
Variable out_computed : mat -> mat -> Prop.
Hypothesis out_off : forall Z E Zf D,
  (forall i k, (i < n L)%nat -> (k < m)%nat -> Rabs (Zf i k - Z i k) <= E i k) -> out_computed Zf D ->
  forall i k, (i < n L)%nat -> (k < m)%nat -> Rabs (D i k - dloss out Z i k) <= E_out Z E i k.

Notation A_ := (A n g W b X).
Notation Z_ := (Z n g W b X).
Notation dZ_ := (dZ n L g out W b X).
Notation dA_ := (dA n L g out W b X).

(** Z = W A + b, one sum, b its last term *)
Definition with_last (p : nat) (f : nat -> R) (x : R) (j : nat) : R := if (j <? p)%nat then f j else x.

Record run := { Af : nat -> mat; Zf : nat -> mat; dZf : nat -> mat; dAf : nat -> mat; dWf : nat -> mat; dbf : nat -> nat -> R }.
Variable r : run.
Definition sum_of (p : nat) (x y : nat -> R) : R -> Prop := dotted (map (fun i => (x i, y i)) (seq 0 p)).
Hypothesis input : forall j k, Af r 0 j k = X j k.
Hypothesis run_Z : forall l i k, (1 <= l <= L)%nat -> (i < n l)%nat -> (k < m)%nat ->
  sum_of (S (n (pred l))) (with_last (n (pred l)) (W l i) (b l i))
    (with_last (n (pred l)) (fun j => Af r (pred l) j k) 1) (Zf r l i k).
Hypothesis run_A : forall l i k, (1 <= l < L)%nat -> (i < n l)%nat -> (k < m)%nat ->
  value_computed l (Zf r l i k) (Af r l i k).
Hypothesis run_out : out_computed (Zf r L) (dZf r L).
Hypothesis run_dA : forall l j k, (1 <= l < L)%nat -> (j < n l)%nat -> (k < m)%nat ->
  sum_of (n (S l)) (fun i => W (S l) i j) (fun i => dZf r (S l) i k) (dAf r l j k).
Hypothesis run_dZ : forall l i k, (1 <= l < L)%nat -> (i < n l)%nat -> (k < m)%nat ->
  exists d, derivative_computed l (Zf r l i k) d /\ rounds (dAf r l i k * d) (dZf r l i k).
Hypothesis run_dW : forall l i j, (1 <= l <= L)%nat -> (i < n l)%nat -> (j < n (pred l))%nat ->
  sum_of m (fun k => dZf r l i k) (fun k => Af r (pred l) j k) (dWf r l i j).
Hypothesis run_db : forall l i, (1 <= l <= L)%nat -> (i < n l)%nat ->
  sum_of m (fun k => dZf r l i k) (fun _ => 1) (dbf r l i).

(** The a-priori bounds *)
Definition E_linear (l : nat) (A E : mat) : mat := fun i k => let p := n (pred l) in
  E_dot (S p) (with_last p (W l i) (b l i)) (with_last p (fun j => A j k) 1) (fun _ => 0) (with_last p (fun j => E j k) 0).
Fixpoint E_A (l : nat) : mat := match l with
  | O => fun _ _ => 0
  | S p => fun i k => shift l (Z_ l i k) (E_linear l (A_ p) (E_A p) i k)
  end.
Definition E_Z (l : nat) : mat := E_linear l (A_ (pred l)) (E_A (pred l)).
Definition E_dA (l : nat) (dZ E : mat) : mat := fun j k =>
  E_dot (n (S l)) (fun i => W (S l) i j) (fun i => dZ i k) (fun _ => 0) (fun i => E i k).
Fixpoint E_dZ_down (s : nat) : mat := match s with
  | O => E_out (Z_ L) (E_Z L)
  | S s' => let l := (L - s)%nat in fun i k =>
      let E := E_dA l (dZ_ (S l)) (E_dZ_down s') i k in let F := bend l (Z_ l i k) (E_Z l i k) in
      let d := derivative (g l) (Z_ l i k) in
      E_dot 1 (fun _ => dA_ l i k) (fun _ => d) (fun _ => E) (fun _ => F)
  end.
Definition E_dZ (l : nat) : mat := E_dZ_down (L - l).
Definition E_dW (l : nat) : mat := fun i j =>
  E_dot m (fun k => dZ_ l i k) (fun k => A_ (pred l) j k) (fun k => E_dZ l i k) (fun k => E_A (pred l) j k).
Definition E_db (l i : nat) : R := E_dot m (fun k => dZ_ l i k) (fun _ => 1) (fun k => E_dZ l i k) (fun _ => 0).

Lemma linear_is : forall l A i k, linear n W b l A i k =
  bigsum (S (n (pred l))) (fun j => with_last (n (pred l)) (W l i) (b l i) j * with_last (n (pred l)) (fun j => A j k) 1 j).
Proof.
  intros. unfold linear. simpl. unfold with_last at 3 4. rewrite Nat.ltb_irrefl. unfold RNum.add, RNum.mul.
  rewrite Rmult_1_r. f_equal. apply bigsum_agrees. intros j Hj. unfold with_last. now rewrite (proj2 (Nat.ltb_lt _ _) Hj).
Qed.

Lemma same : forall x E, E = 0 -> Rabs (x - x) <= E.
Proof. intros x E ->. replace (x - x) with 0 by ring. rewrite Rabs_R0. lra. Qed.

Lemma Z_off_from : forall l, (1 <= l <= L)%nat ->
  (forall j k, (j < n (pred l))%nat -> (k < m)%nat -> Rabs (Af r (pred l) j k - A_ (pred l) j k) <= E_A (pred l) j k) ->
  forall i k, (i < n l)%nat -> (k < m)%nat -> Rabs (Zf r l i k - Z_ l i k) <= E_Z l i k.
Proof.
  intros l Hl H i k Hi Hk. unfold Z. rewrite linear_is.
  apply dotted_off with (3 := run_Z l i k Hl Hi Hk); intros j Hj.
  - now apply same.
  - unfold with_last. destruct (Nat.ltb_spec j (n (pred l))); [now apply H | now apply same].
Qed.

Theorem A_off : forall l, (l < L)%nat -> forall i k, (i < n l)%nat -> (k < m)%nat ->
  Rabs (Af r l i k - A_ l i k) <= E_A l i k.
Proof.
  induction l as [|p IH]; intros Hl i k Hi Hk; [rewrite input; now apply same|].
  apply (value_off _ _ _ (Zf r (S p) i k)); [|apply run_A; trivial; lia].
  apply Z_off_from; trivial; [lia|]. intros. apply IH; trivial; lia.
Qed.
Theorem Z_off : forall l, (1 <= l <= L)%nat -> forall i k, (i < n l)%nat -> (k < m)%nat ->
  Rabs (Zf r l i k - Z_ l i k) <= E_Z l i k.
Proof. intros l Hl. apply Z_off_from; trivial. apply A_off. lia. Qed.

Lemma dZ_down_off : forall s, (s < L)%nat -> forall i k, (i < n (L - s))%nat -> (k < m)%nat ->
  Rabs (dZf r (L - s) i k - dZ_ (L - s) i k) <= E_dZ_down s i k.
Proof.
  induction s as [|s IH]; intros Hs i k Hi Hk.
  - rewrite Nat.sub_0_r in *. rewrite dZ_of_output. cbn [E_dZ_down].
    apply (out_off (Z_ L) (E_Z L) (Zf r L)); trivial. apply Z_off. lia.
  - set (l := (L - S s)%nat) in *. assert (E : S l = (L - s)%nat) by (unfold l; lia).
    destruct (run_dZ l i k ltac:(unfold l; lia) Hi Hk) as [d [Hd Hr]].
    rewrite dZ_recursion by (unfold l; lia). cbn [E_dZ_down]. fold l. unfold dZ_hidden, RNum.mul.
    replace (dA_ l i k * derivative (g l) (Z_ l i k)) with (bigsum 1 (fun _ => dA_ l i k * derivative (g l) (Z_ l i k)))
      by (simpl; unfold RNum.add, RNum.zero; ring).
    apply (dotted_off 1 _ _ (fun _ => dAf r l i k) (fun _ => d)); [| |now constructor]; intros _ _.
    + apply dotted_off with (3 := run_dA l i k ltac:(unfold l; lia) Hi Hk); intros q Hq; [now apply same|].
      rewrite E in *. now apply IH; try lia.
    + apply (derivative_off _ _ _ (Zf r l i k)); [apply Z_off; trivial; unfold l; lia | exact Hd].
Qed.
Theorem dZ_off : forall l, (1 <= l <= L)%nat -> forall i k, (i < n l)%nat -> (k < m)%nat ->
  Rabs (dZf r l i k - dZ_ l i k) <= E_dZ l i k.
Proof.
  intros l Hl i k Hi Hk. unfold E_dZ. replace l with (L - (L - l))%nat at 1 2 by lia.
  apply dZ_down_off; trivial; [lia|]. now replace (L - (L - l))%nat with l by lia.
Qed.

Theorem dW_off : forall l i j, (1 <= l <= L)%nat -> (i < n l)%nat -> (j < n (pred l))%nat ->
  Rabs (dWf r l i j - dW n L m g out W b X l i j) <= E_dW l i j.
Proof.
  intros l i j Hl Hi Hj. apply dotted_off with (3 := run_dW l i j Hl Hi Hj); intros k Hk.
  - now apply dZ_off.
  - apply A_off; trivial. lia.
Qed.
Theorem db_off : forall l i, (1 <= l <= L)%nat -> (i < n l)%nat ->
  Rabs (dbf r l i - db n L m g out W b X l i) <= E_db l i.
Proof.
  intros l i Hl Hi. unfold db, db_layer.
  replace (bigsum m (fun k => dZ_ l i k)) with (bigsum m (fun k => dZ_ l i k * 1))
    by (apply bigsum_agrees; intros; apply Rmult_1_r).
  apply dotted_off with (3 := run_db l i Hl Hi); intros k Hk; [now apply dZ_off | now apply same].
Qed.
End Network.
End Rounding.
Print Assumptions dW_off.
