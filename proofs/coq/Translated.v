From Coq Require Import Reals String List Arith Lra Lia Bool Permutation.
From Coquelicot Require Import Coquelicot.
From RefNN Require Import Generic Syntax NumPy Python Source Text Tie.
From RefNN Require Model Calculus Output Theorems Sigmoid.
Import ListNotations.
Open Scope string_scope.
Open Scope list_scope.
Open Scope nat_scope.

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
Lemma sigmoid_runs : forall d r c M, call refnn d.+5 (Function "refnn.layers" "sigmoid") [matrix r c M] [] =
  Some (matrix r c (fun i j => M.sigmoid (M i j))).
Proof. now run. Qed.
#[export] Hint Rewrite sigmoid_runs : runs.


Lemma hidden_sigmoid : exists f f', 
  (forall d l, call refnn d.+8 (Function "refnn.layers" "hidden") [Text "sigmoid"; Integer l] [] =
     Some (Record [("value", f); ("derivative", f')])) /\
  activation_is f M.sigmoid /\ activation_is f' (M.derivative M.Sigmoid).
Proof.
  do 2 eexists. split; [|split].
  - Time (intros d l; lazy; reflexivity).
  - red. run. reflexivity.
  - red. Time run. f_equal. f_equal. apply fill_ext. intros i j _ _. generalize (M i j). intros z. cbn. unfold Text.M.sigmoid.
    rewrite Ropp_involutive, exp_Ropp. pose proof (exp_pos z). replace (INR 2) with 2%R by (unfold INR; lra). unfold INR. field. repeat split; apply Rgt_not_eq; nra.
Qed.
Section Network.
Variable n : nat -> nat.
Variable L m : nat.
Hypothesis L_pos : 0 < L.
Variable Y : nat -> nat -> R.
Lemma output_sigmoid : exists v c l r a,
  (forall d, call refnn d.+8 (Function "refnn.layers" "output") [Text "sigmoid"] [] =
    Some (Record [("value", v); ("cost", c); ("loss", l); ("residual", r); ("answer", a)])) /\
  (forall d Z, call refnn d.+6 v [matrix (n L) m Z] [] = Some (matrix (n L) m (fun i k => M.sigmoid (Z i k)))) /\
  (forall d A, call refnn d.+6 c [matrix (n L) m A; matrix (n L) m Y] [] =
    Some (matrix (n L) m (fun i k => - (Y i k * ln (A i k) + (1 - Y i k) * ln (1 - A i k)))%R)) /\
  (forall d Z, call refnn d.+6 l [matrix (n L) m Z; matrix (n L) m Y] [] =
    Some (matrix (n L) m (fun i k => Y i k * M.softplus (- Z i k) + (1 - Y i k) * M.softplus (Z i k))%R)) /\
  (forall d A Z, call refnn d.+6 r [matrix (n L) m A; matrix (n L) m Z; matrix (n L) m Y] [] =
    Some (matrix (n L) m (fun i k => (1 - Y i k) * A i k - Y i k * M.sigmoid (- Z i k))%R)).
Proof.
  do 5 eexists. split; [|split; [|split; [|split]]].
  - Time (intros d; lazy; reflexivity).
  - Time (run; reflexivity).
  - Time (run; reflexivity).
  - Time (run; reflexivity).
  - Time (run; reflexivity).
Qed.

Lemma bigsum_opp : forall n f, M.bigsum n (fun i => - f i)%R = (- M.bigsum n f)%R.
Proof. induction n0 as [|p IH]; intros f; simpl; [lra|]. rewrite IH. lra. Qed.

(** ** What the text returns *)

(** The call of a function of network.py *)
Definition python (name : string) (args : list value) (keywords : dict) : option value :=
  call refnn 20 (Function "refnn.network" name) args keywords.

Definition forward (X : array) (params : dict) (keywords : dict) : option (value * value) :=
  let* v := python "forward_prop" [Array X; Mapping params] keywords in
  match v with Sequence [AL; caches] => Some (AL, caches) | _ => None end.
Definition J (X Y : array) (params : dict) : R :=
  match (let* (AL, _) := forward X params [] in python "cost_function" [AL; Array Y] []) with
  | Some (Number J) => J
  | _ => 0%R
  end.
Definition gradient (X Y : array) (params : dict) : option dict :=
  let* (AL, caches) := forward X params [] in
  let* v := python "backprop" [AL; Array Y; caches] [] in
  match v with Mapping grads => Some grads | _ => None end.
Definition derivative (X Y : array) (params : dict) (key : string) (i j : nat) : R :=
  match (let* grads := gradient X Y params in get grads key) with
  | Some (Array A) => entry A i j
  | _ => 0%R
  end.

Section Point.
Variable W : nat -> nat -> nat -> R.
Variable b X : nat -> nat -> R.
Variable params : dict.
Hypothesis holds : Permutation params (parameters n L W b).
Notation g := M.Sigmoids.
Notation out := (M.Logistic n L m Y).
Notation AL := (fill (n L) m (fun i k => M.sigmoid (M.Z n g W b X L i k))).

Lemma forward_is : forward (fill (n 0) m X) params [] = Some (Array AL, Sequence (caches n L m g W b X)).
Proof.
  destruct hidden_sigmoid as (f & f' & Hh & Hf & Hf'), output_sigmoid as (v & c & l & r & a & Ho & Hv & Hc & Hl & Hr).
  unfold forward, python. change 20 with 10.+10.
  now rewrite (forward_prop_runs n L m L_pos g W b X params holds (Text "sigmoid") (Text "sigmoid") (fun _ => f) (fun _ => f')
    (fun d l _ => Hh d l) (fun _ _ => Hf) v c l r a _ Ho Hv 10 []).
Qed.


Lemma J_is : J (fill (n 0) m X) (fill (n L) m Y) params = M.cost n L g out W b X.
Proof.
  destruct output_sigmoid as (v & c & l & r & a & Ho & Hv & Hc & Hl & Hr).
  unfold J. rewrite forward_is. unfold python. change 20 with 10.+10.
  rewrite (cost_function_runs n L m Y (Text "sigmoid") v c l r a _ Ho Hc) by reflexivity.
  unfold M.cost. simpl. unfold M.cost_function. f_equal.
  rewrite <- bigsum_opp. apply sum_ext. intros k _. exact (bigsum_opp _ _).
Qed.

Lemma gradient_is : exists grads, gradient (fill (n 0) m X) (fill (n L) m Y) params = Some grads /\
  grads_above n L m g out W b X true 0 grads.
Proof.
  destruct hidden_sigmoid as (f & f' & Hh & Hf & Hf'), output_sigmoid as (v & c & l & r & a & Ho & Hv & Hc & Hl & Hr).
  unfold gradient. rewrite forward_is. unfold python. change 20 with 10.+10.
  destruct (backprop_runs n L m L_pos g out W b X Y (Text "sigmoid") (Text "sigmoid") (fun _ => f) (fun _ => f')
    (fun d l _ => Hh d l) (fun _ _ => Hf') v c l r a (fun Z i k => M.sigmoid (Z i k))
    (fun Z i k => (1 - Y i k) * M.sigmoid (Z i k) - Y i k * M.sigmoid (- Z i k))%R Ho (fun _ _ _ _ _ => eq_refl)
    (fun d Z => Hr d _ Z) true 10 [] eq_refl eq_refl eq_refl eq_refl) as (grads & E & H).
  exists grads. split; [now rewrite E | exact H].
Qed.

Notation X_ := (fill (n 0) m X).
Notation Y_ := (fill (n L) m Y).
Lemma derivative_W : forall l i j, 1 <= l <= L -> i < n l -> j < n (pred l) ->
  derivative X_ Y_ params (key "dW" l) i j = M.dW n L m g out W b X l i j.
Proof.
  intros l i j Hl Hi Hj. destruct gradient_is as (grads & E & H). destruct (H l ltac:(lia)) as (_ & HW & _).
  unfold derivative. rewrite E, HW. now rewrite entry_fill.
Qed.
Lemma derivative_b : forall l i, 1 <= l <= L -> i < n l ->
  derivative X_ Y_ params (key "db" l) i 0 = M.db n L m g out W b X l i.
Proof.
  intros l i Hl Hi. destruct gradient_is as (grads & E & H). destruct (H l ltac:(lia)) as (_ & _ & Hb).
  unfold derivative. rewrite E, Hb. now rewrite entry_fill by auto using Nat.lt_0_1.
Qed.
Lemma derivative_A : forall l j k, l < L -> j < n l -> k < m ->
  derivative X_ Y_ params (key "dA" l) j k = M.dA n L g out W b X l j k.
Proof.
  intros l j k Hl Hj Hk. destruct gradient_is as (grads & E & H). destruct (H (S l) ltac:(lia)) as (HA & _).
  unfold derivative. simpl pred in HA. rewrite E, HA. simpl. now rewrite entry_fill.
Qed.
End Point.

(** ** The theorems *)

Notation X_ X := (fill (n 0) m X).
Notation Y_ := (fill (n L) m Y).

Theorem translated_W : forall W b X (params : R -> dict) l i j, 1 <= l <= L -> i < n l -> j < n (pred l) ->
  (forall w, Permutation (params w) (parameters n L (Model.set_W W l i j w) b)) ->
  is_derive (fun w => J (X_ X) Y_ (params w)) (W l i j) (derivative (X_ X) Y_ (params (W l i j)) (key "dW" l) i j).
Proof.
  intros W b X params l i j Hl Hi Hj H.
  apply (is_derive_ext (fun w => M.cost n L M.Sigmoids (M.Logistic n L m Y) (Model.set_W W l i j w) b X)).
  - intros w. symmetry. now apply J_is.
  - specialize (H (W l i j)). rewrite Gradient.set_W_same in H. rewrite (derivative_W W b X) by assumption.
    now apply Sigmoid.backprop_W.
Qed.

Theorem translated_b : forall W b X (params : R -> dict) l i, 1 <= l <= L -> i < n l ->
  (forall c, Permutation (params c) (parameters n L W (Model.set_b b l i c))) ->
  is_derive (fun c => J (X_ X) Y_ (params c)) (b l i) (derivative (X_ X) Y_ (params (b l i)) (key "db" l) i 0).
Proof.
  intros W b X params l i Hl Hi H.
  apply (is_derive_ext (fun c => M.cost n L M.Sigmoids (M.Logistic n L m Y) W (Model.set_b b l i c) X)).
  - intros c. symmetry. now apply J_is.
  - specialize (H (b l i)). rewrite Gradient.set_b_same in H. rewrite (derivative_b W b X) by assumption.
    now apply Sigmoid.backprop_b.
Qed.

Theorem translated_X : forall W b X params j k, j < n 0 -> k < m -> Permutation params (parameters n L W b) ->
  is_derive (fun x => J (X_ (Model.set_A X j k x)) Y_ params) (X j k) (derivative (X_ X) Y_ params (key "dA" 0) j k).
Proof.
  intros W b X params j k Hj Hk H.
  apply (is_derive_ext (fun x => M.cost n L M.Sigmoids (M.Logistic n L m Y) W b (Model.set_A X j k x))).
  - intros x. symmetry. now apply J_is.
  - rewrite (derivative_A W b X) by assumption. now apply Sigmoid.backprop_X.
Qed.

Theorem translated_step : forall W b X params, Permutation params (parameters n L W b) ->
  (exists l i j, 1 <= l <= L /\ i < n l /\ j < n (pred l) /\ derivative (X_ X) Y_ params (key "dW" l) i j <> 0%R) \/
  (exists l i, 1 <= l <= L /\ i < n l /\ derivative (X_ X) Y_ params (key "db" l) i 0 <> 0%R) ->
  exists rate, (0 < rate)%R /\ forall learning_rate, (0 < learning_rate < rate)%R ->
    exists grads after, gradient (X_ X) Y_ params = Some grads /\
      python "update_parameters" [Mapping params; Mapping grads; Number learning_rate] [] = Some (Mapping after) /\
      (J (X_ X) Y_ after < J (X_ X) Y_ params)%R.
Proof.
  intros W b X params H nonzero. destruct (Sigmoid.update_lowers_cost n L m Y L_pos W b X) as (rate & Hr & lower).
  - destruct nonzero as [(l & i & j & Hl & Hi & Hj & E) | (l & i & Hl & Hi & E)].
    + left. exists l, i, j. now rewrite <- (derivative_W W b X params).
    + right. exists l, i. now rewrite <- (derivative_b W b X params).
  - exists rate. split; [exact Hr|]. intros learning_rate Hlr.
    destruct (gradient_is W b X params H) as (grads & E & HG). exists grads.
    destruct (update_parameters_runs n L m L_pos _ _ W b X params H true learning_rate grads HG 17) as (after & Ea & Ha).
    exists after. split; [exact E|]. split; [exact Ea|]. rewrite (J_is _ _ X after Ha), (J_is W b X params H).
    now apply lower.
Qed.
End Network.
