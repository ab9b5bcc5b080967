(** * Text.v: how the text runs, over the real numbers

    What arrays become under the operations of NumPy.v, and the text's statements under Python.v; and the tactics with
    which the functions of the text are run, on arrays whose sizes and entries are variables.

    Builds on:    Python.v, Source.v; Model.v, for its numbers. *)

From Coq Require Import Reals String List Arith Lia Bool Permutation DecimalString DecimalNat.
From RefNN Require Import Generic Syntax NumPy Python Source.
From RefNN Require Model.
Import ListNotations.
Open Scope string_scope.
Open Scope list_scope.
Open Scope nat_scope.

#[export] Set Keyed Unification.   (* the faster way to rewrite *)

Module M := Model.RProgram.
Module Export RPython := Python Model.RNum.

(** ** Arrays *)

Lemma nth_map_seq : forall (T : Type) (f : nat -> T) default size i,
  i < size -> nth i (map f (seq 0 size)) default = f i.
Proof.
  intros T f default size i Hi.
  rewrite nth_indep with (d' := f size) by (rewrite map_length, seq_length; exact Hi).
  now rewrite map_nth, seq_nth.
Qed.
Lemma entry_fill : forall r c M i j, i < r -> j < c -> entry (fill r c M) i j = M i j.
Proof. intros. unfold entry, fill; simpl. rewrite (nth_map_seq _ _ [] r i) by assumption. now apply nth_map_seq. Qed.

Lemma fill_ext : forall r c M M', (forall i j, i < r -> j < c -> M i j = M' i j) -> fill r c M = fill r c M'.
Proof.
  intros r c M M' H. unfold fill. f_equal. apply map_ext_in. intros i Hi. apply map_ext_in. intros j Hj.
  apply in_seq in Hi, Hj. apply H; lia.
Qed.
Lemma sum_ext : forall n f g, (forall i, i < n -> f i = g i) -> sum n f = sum n g.
Proof. induction n as [|n IH]; intros f g H; simpl; [reflexivity|]. rewrite (IH f g), H; auto. Qed.

Lemma each_fill : forall f r c M, each f (fill r c M) = fill r c (fun i j => f (M i j)).
Proof. intros. apply fill_ext. intros. now rewrite entry_fill. Qed.
Lemma transpose_fill : forall r c M, transpose (fill r c M) = fill c r (fun i j => M j i).
Proof. intros. apply fill_ext. intros. now rewrite entry_fill. Qed.
Lemma matmul_fill : forall r n c M M', matmul (fill r n M) (fill n c M') =
  Some (fill r c (fun i j => sum n (fun k => (M i k * M' k j)%R))).
Proof.
  intros. unfold matmul. simpl. rewrite Nat.eqb_refl. f_equal. apply fill_ext. intros. apply sum_ext. intros.
  now rewrite !entry_fill.
Qed.
Lemma ones_like_fill : forall r c M, ones_like (fill r c M) = fill r c (fun _ _ => 1%R).
Proof. intros. apply each_fill. Qed.
Lemma sum_all_fill : forall r c M, sum_all (fill r c M) = sum c (fun j => sum r (fun i => M i j)).
Proof. intros. apply sum_ext. intros. apply sum_ext. intros. now rewrite entry_fill. Qed.
Lemma sum_rows_fill : forall r c M, sum_rows (fill r c M) = fill 1 c (fun _ j => sum r (fun i => M i j)).
Proof. intros. apply fill_ext. intros. apply sum_ext. intros. now rewrite entry_fill. Qed.
Lemma sum_columns_fill : forall r c M, sum_columns (fill r c M) = fill r 1 (fun i _ => sum c (fun j => M i j)).
Proof. intros. apply fill_ext. intros. apply sum_ext. intros. now rewrite entry_fill. Qed.

(** Broadcasting: arrays of the same shape, a column behind, a row behind or before, a number likewise. *)
Lemma stretch_same : forall a, stretch a a = Some a.
Proof. intros. unfold stretch. now rewrite Nat.eqb_refl. Qed.
Lemma stretch_1 : forall a, stretch a 1 = Some a.
Proof. intros. unfold stretch. destruct (Nat.eqb_spec a 1); [now subst|]. reflexivity. Qed.
Lemma stretch_1_l : forall a, stretch 1 a = Some a.
Proof. intros. unfold stretch. destruct (Nat.eqb_spec 1 a); [now subst|]. reflexivity. Qed.
Lemma place_in : forall a i, i < a -> place a i = i.
Proof. intros. unfold place. destruct (Nat.eqb_spec a 1); lia. Qed.

Lemma place_1 : forall i, place 1 i = 0.
Proof. reflexivity. Qed.

Ltac broadcasting := intros; unfold broadcast; simpl; rewrite ?stretch_same, ?stretch_1, ?stretch_1_l; f_equal;
  apply fill_ext; intros; rewrite ?place_1, ?place_in, ?entry_fill by auto using Nat.lt_0_1; reflexivity.
Lemma broadcast_same : forall f r c M M', broadcast f (fill r c M) (fill r c M') =
  Some (fill r c (fun i j => f (M i j) (M' i j))).
Proof. broadcasting. Qed.
Lemma broadcast_column : forall f r c M M', broadcast f (fill r c M) (fill r 1 M') =
  Some (fill r c (fun i j => f (M i j) (M' i 0))).
Proof. broadcasting. Qed.
Lemma broadcast_row : forall f r c M M', broadcast f (fill r c M) (fill 1 c M') =
  Some (fill r c (fun i j => f (M i j) (M' 0 j))).
Proof. broadcasting. Qed.
Lemma broadcast_row_l : forall f r c M M', broadcast f (fill 1 c M) (fill r c M') =
  Some (fill r c (fun i j => f (M 0 j) (M' i j))).
Proof. broadcasting. Qed.
Lemma broadcast_number : forall f r c M x, broadcast f (fill r c M) (fill 1 1 (fun _ _ => x)) =
  Some (fill r c (fun i j => f (M i j) x)).
Proof. broadcasting. Qed.
Lemma broadcast_number_l : forall f r c M x, broadcast f (fill 1 1 (fun _ _ => x)) (fill r c M) =
  Some (fill r c (fun i j => f x (M i j))).
Proof. broadcasting. Qed.

(** ** Operators *)

Notation matrix r c M := (Array (fill r c M)).

Lemma arithmetic_same : forall f r c M M', arithmetic f (matrix r c M) (matrix r c M') =
  Some (matrix r c (fun i j => f (M i j) (M' i j))).
Proof. intros. simpl. now rewrite broadcast_same. Qed.
Lemma arithmetic_column : forall f r c M M', arithmetic f (matrix r c M) (matrix r 1 M') =
  Some (matrix r c (fun i j => f (M i j) (M' i 0))).
Proof. intros. simpl. now rewrite broadcast_column. Qed.
Lemma arithmetic_row : forall f r c M M', arithmetic f (matrix r c M) (matrix 1 c M') =
  Some (matrix r c (fun i j => f (M i j) (M' 0 j))).
Proof. intros. simpl. now rewrite broadcast_row. Qed.
Lemma arithmetic_row_l : forall f r c M M', arithmetic f (matrix 1 c M) (matrix r c M') =
  Some (matrix r c (fun i j => f (M 0 j) (M' i j))).
Proof. intros. simpl. now rewrite broadcast_row_l. Qed.
Lemma arithmetic_integer : forall f r c M k, arithmetic f (matrix r c M) (Integer k) =
  Some (matrix r c (fun i j => f (M i j) (INR k))).
Proof. intros. simpl. now rewrite broadcast_number. Qed.
Lemma arithmetic_integer_l : forall f r c M k, arithmetic f (Integer k) (matrix r c M) =
  Some (matrix r c (fun i j => f (INR k) (M i j))).
Proof. intros. simpl. now rewrite broadcast_number_l. Qed.
Lemma arithmetic_number_l : forall f r c M x, arithmetic f (Number x) (matrix r c M) =
  Some (matrix r c (fun i j => f x (M i j))).
Proof. intros. simpl. now rewrite broadcast_number_l. Qed.
Lemma rows_fill : forall r c M, rows (fill r c M) = r.
Proof. reflexivity. Qed.
Lemma columns_fill : forall r c M, columns (fill r c M) = c.
Proof. reflexivity. Qed.

(** ** Keys, dictionaries and lists *)

(** Different layers have different keys. *)
Lemma decimal_eqb : forall k l, String.eqb (decimal k) (decimal l) = (k =? l).
Proof.
  intros. destruct (Nat.eqb_spec k l) as [->|E]; [apply String.eqb_refl|]. apply String.eqb_neq. intros H. apply E.
  rewrite <- (DecimalNat.Unsigned.of_to k), <- (DecimalNat.Unsigned.of_to l). f_equal. unfold decimal in H.
  apply (f_equal NilEmpty.uint_of_string) in H. rewrite !NilEmpty.usu in H. now injection H.
Qed.
Lemma get_in : forall d key (v : value), NoDup (map fst d) -> List.In (key, v) d -> get d key = Some v.
Proof.
  induction d as [|[k w] d IH]; intros key v Hd H; [contradiction|]. apply NoDup_cons_iff in Hd as [Hk Hd]. simpl.
  destruct H as [H|H]; [injection H as -> ->; now rewrite String.eqb_refl|].
  destruct (String.eqb_spec key k) as [->|]; [|now apply IH]. contradict Hk. now apply (in_map fst) in H.
Qed.
Lemma distinct_true : forall keys, NoDup keys -> distinct keys = true.
Proof.
  induction 1 as [|k keys Hk _ IH]; simpl; [reflexivity|]. rewrite IH, andb_true_r. apply negb_true_iff.
  apply not_true_is_false. intros E. apply existsb_exists in E as (k' & H & E). apply String.eqb_eq in E. now subst.
Qed.
Lemma all_map : forall (S T U : Type) (F : T -> option U) (G : S -> U) (H : S -> T) d,
  (forall x, List.In x d -> F (H x) = Some (G x)) -> all (map F (map H d)) = Some (map G d).
Proof.
  induction d as [|x d IH]; intros E; simpl; [reflexivity|]. rewrite E by now left. rewrite IH; [reflexivity|].
  intros. apply E. now right.
Qed.

Lemma get_set : forall d k v k', get (set d k v) k' = if String.eqb k' k then Some v else get d k'.
Proof.
  induction d as [|[k0 v0] d IH]; intros k v k'; simpl; [reflexivity|].
  destruct (String.eqb_spec k k0) as [<-|E]; simpl; [now destruct (String.eqb k' k)|].
  rewrite IH. destruct (String.eqb_spec k' k0) as [->|]; [|reflexivity].
  now destruct (String.eqb_spec k0 k) as [->|].
Qed.
Lemma loop_app : forall body vs ws env, loop body (vs ++ ws) env =
  match loop body vs env with
  | Some (Next env) => loop body ws env
  | end_ => end_
  end.
Proof.
  induction vs as [|v vs IH]; intros ws env; simpl; [reflexivity|]. destruct (body v env) as [[]|]; auto.
Qed.

(** A loop over 1, ..., p, and back, that keeps an invariant *)
Lemma loop_up : forall body (I : nat -> dict -> Prop) p env, I 0 env ->
  (forall q env, q < p -> I q env -> exists env', body (Integer (S q)) env = Some (Next env') /\ I (S q) env') ->
  exists env', loop body (map Integer (seq 1 p)) env = Some (Next env') /\ I p env'.
Proof.
  intros body I p env H0 H. induction p as [|p IH]; [now exists env|].
  destruct IH as (e & E & He); [intros; apply H; auto; lia|]. destruct (H p e) as (e' & E' & He'); [lia | assumption |].
  exists e'. rewrite seq_S, map_app, loop_app, E. simpl. now rewrite E'.
Qed.
Lemma loop_down : forall body (I : nat -> dict -> Prop) p env, I p env ->
  (forall q env, q < p -> I (S q) env -> exists env', body (Integer (S q)) env = Some (Next env') /\ I q env') ->
  exists env', loop body (rev (map Integer (seq 1 p))) env = Some (Next env') /\ I 0 env'.
Proof.
  intros body I p. induction p as [|p IH]; intros env Hp H; [now exists env|].
  destruct (H p env) as (e & E & He); [lia | assumption |]. destruct (IH e He) as (e' & E' & He').
  - intros. apply H; auto; lia.
  - exists e'. rewrite seq_S, map_app, rev_app_distr. simpl. now rewrite E.
Qed.

(** ** Steps of the interpreter *)

(** What computation leaves alone *)
Arguments fill : simpl never.
Arguments each : simpl never.
Arguments transpose : simpl never.
Arguments matmul : simpl never.
Arguments sum_all : simpl never.
Arguments sum_rows : simpl never.
Arguments sum_columns : simpl never.
Arguments arithmetic : simpl never.
Arguments call : simpl never.
Arguments global : simpl never.
Arguments block : simpl never.
Arguments exec : simpl never.
Arguments loop : simpl never.
Arguments definition : simpl never.
Arguments decimal : simpl never.
Arguments binop !op !v !w.
Arguments negate !v.
Arguments compare !op !v !w.
Arguments subscript !v !key.
Arguments items !v.
Arguments text !v.
Arguments truth !v.
Arguments attribute !v !name.
Arguments given : simpl nomatch.
Arguments known : simpl nomatch.
Arguments Nat.add : simpl never.
Arguments Nat.sub : simpl never.
Arguments Nat.leb : simpl never.
Arguments Nat.ltb : simpl never.
Arguments Nat.div : simpl never.
Arguments INR : simpl never.

#[global] Opaque each transpose matmul sum_all sum_rows sum_columns ones_like eye.

Lemma call_S : forall d f args keywords, call refnn (S d) f args keywords =
  called refnn (call refnn d) (global refnn d) f args keywords.
Proof. reflexivity. Qed.
Lemma global_S : forall d m name, global refnn (S d) m name = named refnn (call refnn d) (global refnn d) m name.
Proof. reflexivity. Qed.
Lemma bind_known : forall names args options keywords, length names = length args -> known options keywords = true ->
  bind names args options keywords =
  Some (combine names args ++ map (fun o => (fst o, given keywords (fst o) (snd o))) options).
Proof. intros names args options keywords E H. unfold bind. now rewrite E, Nat.eqb_refl, H. Qed.
Lemma call_function : forall d m name names options body os args keywords env,
  definition refnn m name = Some (FunctionDef name names options body) ->
  all (map (fun o => let* v := eval (call refnn d) (global refnn d) m [] (snd o) in Some (fst o, v)) options) =
    Some os ->
  bind names args os keywords = Some env ->
  call refnn (S d) (Function m name) args keywords =
  match block (call refnn d) (global refnn d) m env body with Some (Returned v) => Some v | _ => None end.
Proof.
  intros d m name names options body os args keywords env E Eo Ee. rewrite call_S. simpl. now rewrite E, Eo, Ee.
Qed.

Section Steps.
Variable c : value -> list value -> dict -> option value.
Variable g : string -> string -> option value.
Variable m : string.

Lemma block_nil : forall env, block c g m env [] = Some (Next env).
Proof. reflexivity. Qed.
Lemma block_cons : forall env s ss, block c g m env (s :: ss) =
  match exec c g m env s with
  | Some (Next env) => block c g m env ss
  | end_ => end_
  end.
Proof. reflexivity. Qed.
Lemma exec_assign : forall env target e, exec c g m env (Assign [target] e) =
  let* v := eval c g m env e in let* env := assign (eval c g m) target v env in Some (Next env).
Proof. reflexivity. Qed.
Lemma exec_ann_assign : forall env target e, exec c g m env (AnnAssign target (Some e)) =
  let* v := eval c g m env e in let* env := assign (eval c g m) target v env in Some (Next env).
Proof. reflexivity. Qed.
Lemma exec_return : forall env e, exec c g m env (Return e) = let* v := eval c g m env e in Some (Returned v).
Proof. reflexivity. Qed.
Lemma exec_if : forall env test yes no, exec c g m env (If test yes no) =
  let* v := eval c g m env test in let* t := truth v in if t then block c g m env yes else block c g m env no.
Proof. reflexivity. Qed.
Lemma exec_for : forall env target iter body, exec c g m env (For target iter body) =
  let* v := eval c g m env iter in let* vs := items v in
  loop (fun v env => let* env := assign (eval c g m) target v env in block c g m env body) vs env.
Proof. reflexivity. Qed.
Lemma exec_append : forall env x e, exec c g m env (Expr (Call (Attribute (Name x) "append") [e] [])) =
  let* v := eval c g m env e in let* old := get env x in
  match old with Sequence vs => Some (Next (set env x (Sequence (vs ++ [v])))) | _ => None end.
Proof. reflexivity. Qed.

Lemma block_next : forall env s ss env', exec c g m env s = Some (Next env') ->
  block c g m env (s :: ss) = block c g m env' ss.
Proof. intros env s ss env' E. now rewrite block_cons, E. Qed.
Lemma block_return : forall env s ss v, exec c g m env s = Some (Returned v) ->
  block c g m env (s :: ss) = Some (Returned v).
Proof. intros env s ss v E. now rewrite block_cons, E. Qed.
End Steps.

(** ** Tactics

    [run] computes as far as it can, by [text], the lemmas about arrays, and [runs], those about functions that have
    been run before; [run_by facts] also rewrites by [facts].  [function] enters a function and [statements] runs its
    statements, one at a time. *)

#[export] Hint Rewrite rows_fill columns_fill each_fill ones_like_fill transpose_fill matmul_fill sum_all_fill
  sum_rows_fill sum_columns_fill arithmetic_same arithmetic_column arithmetic_row arithmetic_row_l arithmetic_integer
  arithmetic_integer_l arithmetic_number_l : text.
#[export] Hint Rewrite block_nil : runs.

Ltac defined := match goal with |- context [definition refnn ?m ?x] =>
  let v := eval vm_compute in (definition refnn m x) in change (definition refnn m x) with v end.
Ltac step := first
  [ lazymatch goal with |- context [block _ _ _ _ _] => idtac | |- context [exec _ _ _ _ _] => idtac end;
    progress rewrite ?block_nil, ?block_cons, ?exec_assign, ?exec_ann_assign, ?exec_return, ?exec_if, ?exec_append
  | progress autorewrite with text
  | lazymatch goal with |- context [global refnn (S ?d) ?m ?x] => rewrite (global_S d m x); unfold named; defined end ].
Ltac enter := match goal with |- context [call refnn (S ?d) ?f ?args ?keywords] =>
  match f with Function _ _ => idtac | Closure _ _ _ _ => idtac | Builtin _ => idtac | Method _ _ => idtac
  | Entrywise _ => idtac end;
  rewrite (call_S d f args keywords); unfold called; try defined end.
Ltac run_by facts := intros; repeat first
  [ progress cbn | progress step | progress autorewrite with runs | progress facts | enter ].
Ltac run := run_by idtac.
Ltac function := erewrite call_function; [| vm_compute; reflexivity | reflexivity |
  first [ reflexivity | apply bind_known; [reflexivity | eassumption] ] ]; cbn.
Ltac statements facts := repeat first
  [ erewrite block_next by (run_by facts; reflexivity) | erewrite block_return by (run_by facts; reflexivity) ].

(** Depths *)
Notation "d .+3" := (S (S (S d))) (at level 2, format "d .+3").
Notation "d .+5" := (S (S d.+3)) (at level 2, format "d .+5").
Notation "d .+6" := (S d.+5) (at level 2, format "d .+6").
Notation "d .+8" := (S (S d.+6)) (at level 2, format "d .+8").
Notation "d .+9" := (S d.+8) (at level 2, format "d .+9").
Notation "d .+10" := (S d.+9) (at level 2, format "d .+10").

(** ** What is asked of the lines of layers.py *)

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
