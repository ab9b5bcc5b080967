(** * Program.v: the program that is extracted

    In Generic.v an array is a function, computed afresh at each use, so a direct run would take time exponential in the
    depth.  This file computes each array once and keeps it in a table, as the Python source does, and proves, for every
    kind of number, that the entries of the tables are those of Generic.v.

    Main results: [forward_correct], [backprop_correct], [loss_correct].
    Builds on:    Generic.v.
    Names:        [forward] and [backward] are forward_prop and backprop; [x_agrees] says that [x] depends on its
                  arguments only through their entries in range. *)

From Coq Require Import List Arith Lia.
From RefNN Require Import Generic.
Import ListNotations.

Module Program (N : NUM).
Include Network N.
Local Notation number := N.t.

(** ** Tables *)

Definition table := list (list number).

(** The entries of a matrix in range, computed once, row by row. *)
Definition tabulate (rows columns : nat) (M : mat) : table :=
  map (fun i => map (M i) (seq 0 columns)) (seq 0 rows).

(** The matrix that a table holds. *)
Definition entry (T : table) : mat := fun i j => nth j (nth i T []) N.zero.

(** [M] and [M'] have the same entries in the given number of rows and columns. *)
Definition agree (rows columns : nat) (M M' : mat) : Prop :=
  forall i j, i < rows -> j < columns -> M i j = M' i j.

(** The i-th value of a function that is listed at 0, 1, ... *)
Lemma nth_map_seq : forall (T : Type) (f : nat -> T) default size i,
  i < size -> nth i (map f (seq 0 size)) default = f i.
Proof.
  intros T f default size i Hi.
  rewrite nth_indep with (d' := f size) by (rewrite map_length, seq_length; exact Hi).
  rewrite map_nth, seq_nth by exact Hi. reflexivity.
Qed.

(** A table holds what was put into it. *)
Lemma entry_tabulate : forall rows columns M, agree rows columns (entry (tabulate rows columns M)) M.
Proof.
  intros rows columns M i j Hi Hj. unfold entry, tabulate.
  rewrite (nth_map_seq _ _ [] rows i Hi). apply nth_map_seq, Hj.
Qed.

(** A sum depends on its terms in range only. *)
Lemma bigsum_agrees : forall size f g,
  (forall i, i < size -> f i = g i) -> bigsum size f = bigsum size g.
Proof.
  induction size as [|p IH]; intros f g H; simpl; [reflexivity|].
  rewrite (IH f g), (H p); auto.
Qed.

Section Program.
Variable n : nat -> nat.
Variable L m : nat.
Variable g : nat -> activation.
Variable out : output.
Variable W : weights.
Variable b : biases.
Variable X : mat.

Notation linear_ := (linear n W b).
Notation dA_prev_ := (dA_prev n W).
Notation A_ := (A n g W b X).
Notation Z_ := (Z n g W b X).
Notation dZ_ := (dZ n L g out W b X).
Notation dA_ := (dA n L g out W b X).
Notation dW_ := (dW n L m g out W b X).
Notation db_ := (db n L m g out W b X).

(** ** The program *)

(** A layer's [Z] and [A].  The inputs have no [Z]: there the table is empty. *)
Definition cache : Type := table * table.

(** forward_prop: the caches of the layers [l], ..., 1 and of the inputs. *)
Fixpoint forward (l : nat) : list cache :=
  match l with
  | O => [([], tabulate (n O) m X)]
  | S p =>
      let below := forward p in
      let A := entry (snd (hd ([], []) below)) in
      let Z := tabulate (n l) m (linear_ l A) in
      (Z, tabulate (n l) m (fun i k => value (g l) (entry Z i k))) :: below
  end.

(** [dW], [db] (one column) and [dA] of the layer's input: what one_layer_backward returns. *)
Record layer_gradient := { grad_W : table; grad_b : table; grad_A_prev : table }.

(** backprop: the gradients of the layers [l], ..., 1, from [dZ] of layer [l] and the caches below it. *)
Fixpoint backward (l : nat) (dZ : table) (below : list cache) : list layer_gradient :=
  match l, below with
  | S p, (Z, A) :: below' =>
      let dA := tabulate (n p) m (dA_prev_ l (entry dZ)) in
      {| grad_W := tabulate (n l) (n p) (dW_layer m (entry dZ) (entry A));
         grad_b := tabulate (n l) 1 (fun i _ => db_layer m (entry dZ) i);
         grad_A_prev := dA |}
      :: backward p (tabulate (n p) m (dZ_hidden g p (entry dA) (entry Z))) below'
  | _, _ => []
  end.

(** The output layer first, then the layers below. *)
Definition backprop (caches : list cache) : list layer_gradient :=
  match caches with
  | (Z, _) :: below => backward L (tabulate (n L) m (dloss out (entry Z))) below
  | [] => []
  end.

(** ** It is the network of Generic.v *)

(** Each step of the network depends on the entries in range only. *)
Lemma linear_agrees : forall p A A',
  agree (n p) m A A' -> agree (n (S p)) m (linear_ (S p) A) (linear_ (S p) A').
Proof.
  intros p A A' H i k _ Hk. unfold linear. f_equal.
  apply bigsum_agrees. intros j Hj. f_equal. auto.
Qed.

Lemma dA_prev_agrees : forall l dZ dZ',
  agree (n l) m dZ dZ' -> agree (n (pred l)) m (dA_prev_ l dZ) (dA_prev_ l dZ').
Proof.
  intros l dZ dZ' H j k _ Hk. apply bigsum_agrees. intros i Hi. f_equal. auto.
Qed.

Lemma dW_layer_agrees : forall r c dZ dZ' A A',
  agree r m dZ dZ' -> agree c m A A' -> agree r c (dW_layer m dZ A) (dW_layer m dZ' A').
Proof.
  intros r c dZ dZ' A A' HZ HA i j Hi Hj. apply bigsum_agrees. intros k Hk. f_equal; auto.
Qed.

Lemma dZ_hidden_agrees : forall l r dA dA' Z Z',
  agree r m dA dA' -> agree r m Z Z' -> agree r m (dZ_hidden g l dA Z) (dZ_hidden g l dA' Z').
Proof.
  intros l r dA dA' Z Z' HA HZ i k Hi Hk. unfold dZ_hidden. rewrite HA, HZ by assumption. reflexivity.
Qed.

(** The caches that belong to layer [l]: each holds the right [Z] and [A]. *)
Fixpoint caches_hold (l : nat) (caches : list cache) {struct caches} : Prop :=
  match caches with
  | [] => False
  | (Z, A) :: below =>
      agree (n l) m (entry A) (A_ l) /\
      match l with
      | O => True
      | S p => agree (n l) m (entry Z) (Z_ l) /\ caches_hold p below
      end
  end.

(** Each layer's table of [Z] is filled from the table of [A] below it. *)
Theorem forward_correct : forall l, caches_hold l (forward l).
Proof.
  induction l as [|p IH]; simpl.
  - split; [apply entry_tabulate | exact I].
  - assert (HA : agree (n p) m (entry (snd (hd ([], []) (forward p)))) (A_ p)).
    { destruct (forward p) as [|[Z A] below]; [contradiction|].
      destruct p; apply (proj1 IH). }
    assert (HZ : agree (n (S p)) m
                   (entry (tabulate (n (S p)) m (linear_ (S p) (entry (snd (hd ([], []) (forward p)))))))
                   (Z_ (S p))).
    { intros i k Hi Hk. rewrite entry_tabulate by assumption. apply linear_agrees; assumption. }
    split; [|split; [exact HZ | exact IH]].
    intros i k Hi Hk. rewrite entry_tabulate, HZ by assumption. reflexivity.
Qed.

(** The tables of one layer hold [dW], [db] and [dA] of Generic.v. *)
Definition gradient_holds (l : nat) (g : layer_gradient) : Prop :=
  agree (n l) (n (pred l)) (entry (grad_W g)) (dW_ l) /\
  agree (n l) 1 (entry (grad_b g)) (fun i _ => db_ l i) /\
  agree (n (pred l)) m (entry (grad_A_prev g)) (dA_ (pred l)).

(** The gradients that belong to layer [l]: each holds the right [dW], [db] and [dA]. *)
Fixpoint gradients_hold (l : nat) (gradients : list layer_gradient) : Prop :=
  match l, gradients with
  | O, [] => True
  | S p, g :: below => gradient_holds l g /\ gradients_hold p below
  | _, _ => False
  end.

(** [dZ] of the output layer is that of the output, *)
Lemma dZ_of_output : dZ_ L = dloss out (Z_ L).
Proof. unfold dZ. now rewrite Nat.sub_diag. Qed.

(** and [dZ] of a hidden layer comes from the layer above. *)
Lemma dZ_recursion : forall l, l < L -> dZ_ l = dZ_hidden g l (dA_ l) (Z_ l).
Proof.
  intros l Hl. unfold dA, dZ.
  replace (L - l) with (S (L - S l)) by lia. cbn [dZ_down].
  replace (L - S (L - S l)) with l by lia. reflexivity.
Qed.

(** Each layer's tables are filled from [dZ], which is handed down. *)
Lemma backward_correct : forall l dZ below,
  l <= L -> agree (n l) m (entry dZ) (dZ_ l) ->
  caches_hold (pred l) below -> gradients_hold l (backward l dZ below).
Proof.
  induction l as [|p IH]; intros dZ below Hl HZ Hbelow; [exact I|].
  destruct below as [|[Z A] below']; [contradiction|].
  assert (HA : agree (n p) m (entry A) (A_ p)) by (destruct p; apply Hbelow).
  assert (HdA : agree (n p) m (entry (tabulate (n p) m (dA_prev_ (S p) (entry dZ)))) (dA_ p)).
  { intros j k Hj Hk. rewrite entry_tabulate by assumption. apply (dA_prev_agrees (S p)); assumption. }
  split; [split; [|split]|].
  - intros i j Hi Hj. etransitivity; [apply entry_tabulate; assumption|].
    exact (dW_layer_agrees _ _ _ _ _ _ HZ HA i j Hi Hj).
  - intros i j Hi Hj. etransitivity; [apply entry_tabulate; assumption|].
    apply bigsum_agrees. intros k Hk. auto.
  - exact HdA.
  - destruct p as [|q]; [exact I|]. apply IH; [lia | | apply Hbelow].
    intros i k Hi Hk. rewrite entry_tabulate, dZ_recursion by (assumption || lia).
    exact (dZ_hidden_agrees _ _ _ _ _ _ HdA (proj1 (proj2 Hbelow)) i k Hi Hk).
Qed.

(** The output too must depend on the entries in range only. *)
Definition output_agrees : Prop := forall Z Z', agree (n L) m Z Z' ->
  loss out Z = loss out Z' /\ agree (n L) m (dloss out Z) (dloss out Z').

Hypothesis out_agrees : output_agrees.
Hypothesis L_pos : 0 < L.

(** The walk starts with [dZ] of the output. *)
Theorem backprop_correct : forall caches, caches_hold L caches -> gradients_hold L (backprop caches).
Proof.
  intros caches H. destruct caches as [|[Z A] below]; [contradiction|]. simpl in H.
  apply backward_correct; [lia | | destruct L; [lia | apply H]].
  intros i k Hi Hk. rewrite entry_tabulate by assumption.
  rewrite dZ_of_output. apply out_agrees; try assumption. destruct L; [lia | apply H].
Qed.

(** The cost reads nothing but entries in range of the last layer's table. *)
Theorem loss_correct : forall Z A below, caches_hold L ((Z, A) :: below) ->
  loss out (entry Z) = cost n L g out W b X.
Proof. intros Z A below [_ H]. apply out_agrees. destruct L; [lia | apply H]. Qed.

End Program.

(** The outputs of Generic.v do. *)
Section Outputs.
Variable n : nat -> nat.
Variable L m : nat.
Variable Y : mat.

Lemma cost_function_agrees : forall A A', agree (n L) m A A' -> cost_function n L m Y A = cost_function n L m Y A'.
Proof.
  intros A A' H. unfold cost_function. do 2 f_equal.
  apply bigsum_agrees; intros k Hk. apply bigsum_agrees; intros i Hi. now rewrite H.
Qed.

Lemma Logistic_agrees : output_agrees n L m (Logistic n L m Y).
Proof.
  intros Z Z' H. split; [apply cost_function_agrees|]; intros i k Hi Hk; simpl; [|unfold dZ_output]; now rewrite H.
Qed.

Lemma Squared_agrees : forall share h, output_agrees n L m (Squared n L m Y share h).
Proof.
  intros share h Z Z' H. split; simpl; [do 2 f_equal | intros i k Hi Hk].
  - apply bigsum_agrees; intros k Hk. apply bigsum_agrees; intros i Hi. now rewrite H.
  - now rewrite H.
Qed.

Lemma Softmax_agrees : output_agrees n L m (Softmax n L m Y).
Proof.
  intros Z Z' H.
  assert (same : agree (n L) m (softmax n L Z) (softmax n L Z')).
  { intros i k Hi Hk. unfold softmax. rewrite H by assumption. f_equal.
    apply bigsum_agrees; intros j Hj. now rewrite H. }
  split; simpl; [do 2 f_equal | intros i k Hi Hk; f_equal].
  - apply bigsum_agrees; intros k Hk. apply bigsum_agrees; intros i Hi. now rewrite same.
  - apply bigsum_agrees; intros j Hj. now rewrite !same.
Qed.

End Outputs.
End Program.
