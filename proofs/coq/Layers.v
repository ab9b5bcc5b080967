(** * Layers.v: what the text of the article's activation and output returns

    Main results: [hidden_sigmoid], [output_sigmoid].
    Builds on:    Text.v. *)

From Coq Require Import Reals String List Arith Lra Lia.
From RefNN Require Import Generic Syntax NumPy Python Source Text.
From RefNN Require Output.
Import ListNotations.
Open Scope string_scope.
Open Scope list_scope.
Open Scope nat_scope.

(** [v] is a function of each entry, to be called on arrays. *)
Definition activation_is (v : value) (h : R -> R) : Prop :=
  forall d r c M, call refnn d.+6 v [matrix r c M] [] = Some (matrix r c (fun i j => h (M i j))).

(** `layers.hidden(hidden, l)` returns [g l], for each hidden layer l. *)
Definition hidden_is (hidden : value) (L : nat) (g : nat -> M.activation) : Prop := exists f f' : nat -> value,
  (forall d l, 0 < l < L -> call refnn d.+8 (Function "refnn.layers" "hidden") [hidden; Integer l] [] =
     Some (Record [("value", f l); ("derivative", f' l)])) /\
  (forall l, 0 < l < L -> activation_is (f l) (M.value (g l))) /\
  (forall l, 0 < l < L -> activation_is (f' l) (M.derivative (g l))).

(** `layers.output(output)` returns [out], for arrays of [r] rows and [m] columns, labels [Y] among them: of [AL] and of
    [ZL] the costs whose sum over m is its loss, and m times its [dloss]. *)
Definition output_is (output : value) (r m : nat) (Y : M.mat) (out : M.output) : Prop :=
  let mean (C : M.mat) := (sum m (fun k => sum r (fun i => C i k)) / INR m)%R in
  exists (value_ cost loss residual answer : value) (h cost_ loss_ residual_ : M.mat -> M.mat),
  (forall d, call refnn d.+8 (Function "refnn.layers" "output") [output] [] = Some (Record
     [("value", value_); ("cost", cost); ("loss", loss); ("residual", residual); ("answer", answer)])) /\
  (forall d Z, call refnn d.+6 value_ [matrix r m Z] [] = Some (matrix r m (h Z))) /\
  (forall d A, call refnn d.+6 cost [matrix r m A; matrix r m Y] [] = Some (matrix r m (cost_ A))) /\
  (forall d Z, call refnn d.+6 loss [matrix r m Z; matrix r m Y] [] = Some (matrix r m (loss_ Z))) /\
  (forall d Z, call refnn d.+6 residual [matrix r m (h Z); matrix r m Z; matrix r m Y] [] =
     Some (matrix r m (residual_ Z))) /\
  (forall Z, M.loss out Z = mean (cost_ (h Z))) /\ (forall Z, M.loss out Z = mean (loss_ Z)) /\
  (forall Z i k, i < r -> k < m -> (residual_ Z i k / INR m)%R = M.dloss out Z i k).

(** ** _floats.py *)

Lemma exp_runs : forall d r c M, call refnn d.+3 (Function "refnn._floats" "exp") [matrix r c M] [] =
  Some (matrix r c (fun i j => exp (M i j))).
Proof. now run. Qed.
Lemma cosh_runs : forall d r c M, call refnn d.+3 (Function "refnn._floats" "cosh") [matrix r c M] [] =
  Some (matrix r c (fun i j => (exp (M i j) + exp (- M i j)) / INR 2)%R).
Proof. now run. Qed.
Lemma softplus_runs : forall d r c M, call refnn d.+3 (Function "refnn._floats" "softplus") [matrix r c M] [] =
  Some (matrix r c (fun i j => ln (INR 1 + exp (M i j)))%R).
Proof. now run. Qed.
Lemma weigh_runs : forall d r c M M', call refnn d.+3 (Function "refnn._floats" "weigh") [matrix r c M; matrix r c M'] [] =
  Some (matrix r c (fun i j => M i j * M' i j)%R).
Proof. now run. Qed.
#[export] Hint Rewrite exp_runs cosh_runs softplus_runs weigh_runs : runs.
(** ** layers.py *)

Lemma sigmoid_runs : forall d r c M, call refnn d.+5 (Function "refnn.layers" "sigmoid") [matrix r c M] [] =
  Some (matrix r c (fun i j => M.sigmoid (M i j))).
Proof. now run. Qed.
#[export] Hint Rewrite sigmoid_runs : runs.


(** 1 / (2 + 2 cosh z) *)
Lemma derivative_sigmoid : forall z,
  (INR 1 / (INR 2 + INR 2 * ((exp z + exp (- z)) / INR 2)) = M.sigmoid z * M.sigmoid (- z))%R.
Proof.
  intros z. unfold M.sigmoid. rewrite Ropp_involutive, exp_Ropp. pose proof (exp_pos z).
  replace (INR 2) with 2%R by (unfold INR; lra). unfold INR. field. repeat split; apply Rgt_not_eq; nra.
Qed.

Lemma hidden_sigmoid : forall L, hidden_is (Text "sigmoid") L M.Sigmoids.
Proof.
  intros L. do 2 eexists. split; [|split].
  - intros d l _. instantiate (1 := fun _ => _). instantiate (2 := fun _ => _). lazy. reflexivity.
  - intros l _ d r c M. run. reflexivity.
  - intros l _ d r c M. run. do 2 f_equal. apply fill_ext. intros. apply derivative_sigmoid.
Qed.

(** The user's own, by pairs *)
Lemma hidden_pairs : forall L (g : nat -> M.activation), hidden_is (Sequence (map (fun l =>
  Sequence [Entrywise (M.value (g l)); Entrywise (M.derivative (g l))]) (seq 1 (L - 1)))) L g.
Proof.
  intros L g. exists (fun l => Entrywise (M.value (g l))), (fun l => Entrywise (M.derivative (g l))).
  split; [|split].
  - intros d [|p] Hl; [lia|]. run. rewrite (map_nth_error _ _ _ (d := S p)).
    + now run.
    + replace (S p) with (nth p (seq 1 (L - 1)) 0) by (rewrite seq_nth; lia).
      apply nth_error_nth'. rewrite seq_length. lia.
  - intros l _ d r c M. rewrite call_S. cbn. now rewrite each_fill.
  - intros l _ d r c M. rewrite call_S. cbn. now rewrite each_fill.
Qed.

Lemma sum_opp : forall p (f : nat -> R), sum p (fun i => - f i)%R = (- sum p f)%R.
Proof. induction p as [|p IH]; intros f; simpl; [|rewrite IH]; lra. Qed.

Lemma output_sigmoid : forall n L m Y, output_is (Text "sigmoid") (n L) m Y (M.Logistic n L m Y).
Proof.
  intros n L m Y. do 5 eexists. exists (fun Z i k => M.sigmoid (Z i k)). do 3 eexists.
  split; [|split; [|split; [|split; [|split; [|split; [|split]]]]]].
  - intros d. lazy. reflexivity.
  - run. reflexivity.
  - run. instantiate (1 := fun A i j => (- (Y i j * ln (A i j) + (INR 1 - Y i j) * ln (INR 1 - A i j)))%R). reflexivity.
  - run. instantiate (1 := fun Z i j => (Y i j * ln (INR 1 + exp (- Z i j)) + (INR 1 - Y i j) * ln (INR 1 + exp (Z i j)))%R).
    reflexivity.
  - run. instantiate (1 := fun Z i j => ((INR 1 - Y i j) * M.sigmoid (Z i j) - Y i j * M.sigmoid (- Z i j))%R). reflexivity.
  - intros Z. cbn. unfold M.cost_function. f_equal. rewrite <- sum_opp. apply sum_ext. intros k _. symmetry.
    apply sum_opp.
  - intros Z. cbn. rewrite <- Output.logistic_cost_is_cost_function. reflexivity.
  - reflexivity.
Qed.
