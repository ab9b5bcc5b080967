(** * Layers.v: what the lines of refnn/layers.py return, and those of _floats.py that they use

    For numbers that are no floats.  (Leaky) ReLU is not here: its kink asks for more of a number than [NUM] has.

    Main results: [hidden_sigmoid], ..., [hidden_pairs]: the activations; [output_sigmoid], [output_squared],
                  [output_softmax]: the outputs.
    Builds on:    Text.v, Output.v. *)

From Coq Require Import Reals String List Arith Lra Lia.
From RefNN Require Import Generic Syntax NumPy Python Source Text.
From RefNN Require Output.
Import ListNotations.
Open Scope string_scope.
Open Scope list_scope.
Open Scope nat_scope.

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
Lemma weigh_runs : forall d r c M M',
  call refnn d.+3 (Function "refnn._floats" "weigh") [matrix r c M; matrix r c M'] [] =
  Some (matrix r c (fun i j => M i j * M' i j)%R).
Proof. now run. Qed.
#[export] Hint Rewrite exp_runs cosh_runs softplus_runs weigh_runs : runs.

(** ** layers.py *)

Lemma sigmoid_runs : forall d r c M, call refnn d.+5 (Function "refnn.layers" "sigmoid") [matrix r c M] [] =
  Some (matrix r c (fun i j => M.sigmoid (M i j))).
Proof. now run. Qed.
#[export] Hint Rewrite sigmoid_runs : runs.

(** ** The activations, by name *)

Lemma INR_2 : INR 2 = 2%R.
Proof. unfold INR. lra. Qed.

(** [hidden_is] for a name: what the text returns, and that it is the same number, entry by entry *)
Ltac named := do 2 eexists; split;
  [ intros d l _; instantiate (1 := fun _ => _); instantiate (2 := fun _ => _); lazy; reflexivity | ];
  split; intros l _ d r c V; run; do 2 f_equal; apply fill_ext; let i := fresh in let j := fresh in intros i j _ _;
  generalize (V i j); intros z; unfold M.tanh, M.softplus, M.sigmoid; cbn; unfold M.tanh, M.sigmoid;
  rewrite ?INR_2; change (INR 1) with 1%R; rewrite ?Ropp_involutive, ?exp_Ropp; pose proof (exp_pos z); try reflexivity;
  try (field; repeat split; apply Rgt_not_eq; nra).

Lemma hidden_sigmoid : forall L, hidden_is (Text "sigmoid") L M.Sigmoids.
Proof. intros L. unfold M.Sigmoids. named. Qed.
Lemma hidden_tanh : forall L, hidden_is (Text "tanh") L (fun _ => M.Tanh).
Proof. intros L. named. Qed.
Lemma hidden_identity : forall L, hidden_is (Text "identity") L (fun _ => M.Identity).
Proof. intros L. named. Qed.
Lemma hidden_softplus : forall L, hidden_is (Text "softplus") L (fun _ => M.Softplus).
Proof. intros L. named. Qed.
Lemma hidden_silu : forall L, hidden_is (Text "silu") L (fun _ => M.Silu).
Proof. intros L. named. Qed.

(** The user's own: a list of pairs *)
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

(** ** The outputs *)

Lemma sum_opp : forall p (f : nat -> R), sum p (fun i => - f i)%R = (- sum p f)%R.
Proof. induction p as [|p IH]; intros f; simpl; [|rewrite IH]; lra. Qed.

Lemma output_sigmoid : forall n L m Y, output_is (Text "sigmoid") (n L) m Y (M.Logistic n L m Y).
Proof.
  intros n L m Y. do 5 eexists. exists (fun Z i k => M.sigmoid (Z i k)),
    (fun A i k => - (Y i k * ln (A i k) + (INR 1 - Y i k) * ln (INR 1 - A i k)))%R,
    (fun Z i k => Y i k * ln (INR 1 + exp (- Z i k)) + (INR 1 - Y i k) * ln (INR 1 + exp (Z i k)))%R,
    (fun Z i k => (INR 1 - Y i k) * M.sigmoid (Z i k) - Y i k * M.sigmoid (- Z i k))%R.
  split; [|split; [|split; [|split; [|split; [|split; [|split]]]]]].
  - intros d. lazy. reflexivity.
  - run. reflexivity.
  - run. reflexivity.
  - run. reflexivity.
  - run. reflexivity.
  - intros Z. cbn. unfold M.cost_function. f_equal. rewrite <- sum_opp. apply sum_ext. intros k _. symmetry.
    apply sum_opp.
  - intros Z. cbn. rewrite <- Output.logistic_cost_is_cost_function. reflexivity.
  - reflexivity.
Qed.

Lemma sum_scal : forall p c (f : nat -> R), sum p (fun i => f i / c)%R = (/ c * sum p f)%R.
Proof. induction p as [|p IH]; intros c f; simpl; [lra | rewrite IH; unfold Rdiv; ring]. Qed.

(** The squared error, or half of it, behind a pair *)
Lemma output_squared : forall cost divisor (h : M.activation) n L m Y,
  (cost, divisor) = ("squared_error", 1) \/ (cost, divisor) = ("half_squared_error", 2) ->
  output_is (Sequence [Sequence [Entrywise (M.value h); Entrywise (M.derivative h)]; Text cost]) (n L) m Y
    (M.Squared n L m Y (/ INR divisor) h).
Proof.
  assert (mean : forall p r m c (f : nat -> nat -> R), (/ c * sum p (fun k => sum r (fun i => f i k)) / INR m =
    sum p (fun k => sum r (fun i => f i k / c)) / INR m)%R).
  { intros. f_equal. rewrite <- sum_scal. apply sum_ext. intros. rewrite sum_scal. unfold Rdiv. ring. }
  intros cost divisor h n L m Y Hc. destruct Hc as [Hc|Hc]; injection Hc as -> ->.
  all: do 5 eexists; exists (fun Z i k => M.value h (Z i k)).
  1: exists (fun A i k => ((A i k - Y i k) * (A i k - Y i k) / INR 1)%R).
  1: exists (fun Z i k => ((M.value h (Z i k) - Y i k) * (M.value h (Z i k) - Y i k) / INR 1)%R).
  1: exists (fun Z i k => (INR 2 * (M.value h (Z i k) - Y i k) / INR 1 * M.derivative h (Z i k))%R).
  2: exists (fun A i k => ((A i k - Y i k) * (A i k - Y i k) / INR 2)%R).
  2: exists (fun Z i k => ((M.value h (Z i k) - Y i k) * (M.value h (Z i k) - Y i k) / INR 2)%R).
  2: exists (fun Z i k => (INR 2 * (M.value h (Z i k) - Y i k) / INR 2 * M.derivative h (Z i k))%R).
  all: split; [intros d; lazy; reflexivity|]; do 4 (split; [run; reflexivity|]).
  all: split; [intros Z; apply mean|]; split; [intros Z; apply mean|].
  all: intros Z i k _ _; simpl; rewrite INR_2; unfold Rdiv; ring.
Qed.

(** Softmax with its cross-entropy *)

Lemma eye_fill : forall k, eye k = fill k k (fun i j => if i =? j then 1%R else 0%R).
Proof. reflexivity. Qed.
#[export] Hint Rewrite eye_fill : text.

Lemma others_runs : forall d r c V, call refnn d.+5 (Function "refnn.layers" "others") [matrix r c V] [] =
  Some (matrix r c (fun i k => sum r (fun j => ((INR 1 - (if i =? j then 1 else 0)) * V j k)%R))).
Proof. run. reflexivity. Qed.
#[export] Hint Rewrite others_runs : runs.

Lemma output_softmax : forall n L m Y, output_is (Text "softmax") (n L) m Y (M.Softmax n L m Y).
Proof.
  intros n L m Y. do 5 eexists. exists (M.softmax n L), (fun A i k => - (Y i k * ln (A i k)))%R,
    (fun Z i k => Y i k * (ln (sum (n L) (fun j => exp (Z j k))) - Z i k))%R,
    (fun Z i k => sum (n L) (fun j => M.softmax n L Z i k * Y j k - M.softmax n L Z j k * Y i k))%R.
  split; [|split; [|split; [|split; [|split; [|split; [|split]]]]]].
  - intros d. lazy. reflexivity.
  - run. reflexivity.
  - run. reflexivity.
  - run. reflexivity.
  - run. do 2 f_equal. apply fill_ext. intros i k _ _. generalize (M.softmax n L Z). intros A.
    induction (n L) as [|p IH]; simpl; [ring|]. rewrite <- IH.
    change (INR 1) with 1%R. destruct (Nat.eqb_spec i p) as [->|_]; simpl; ring.
  - intros Z. simpl. f_equal. rewrite <- sum_opp. apply sum_ext. intros k _. symmetry. apply sum_opp.
  - intros Z. exact (Output.softmax_cost n L m Y Z).
  - intros Z i k _ _. reflexivity.
Qed.
