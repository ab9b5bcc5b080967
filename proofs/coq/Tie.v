(** * Tie.v: the text of refnn/network.py is the network of Generic.v

    For all widths, depths, batches and labels, whatever the activations and the output.

    Main results: [forward_prop_runs], [cost_function_runs], [cost_from_Z_runs], [backprop_runs],
                  [update_parameters_runs]: what each function returns, in terms of Generic.v.
    Builds on:    Text.v.
    Names:        a name of Generic.v with [_] at its end is its value for the network in question. *)

From Coq Require Import Reals String List Arith Lia Bool Permutation.
From RefNN Require Import Generic Syntax NumPy Python Source Text.
Import ListNotations.
Open Scope string_scope.
Open Scope list_scope.
Open Scope nat_scope.

(** f"W{l}" *)
Definition key (name : string) (l : nat) : string := (name ++ decimal l)%string.

(** A dict of [W] and [b] *)
Definition layer_parameters (n : nat -> nat) (W : M.weights) (b : M.biases) (l : nat) : dict :=
  [(key "W" l, matrix (n l) (n (pred l)) (W l)); (key "b" l, matrix (n l) 1 (fun i _ => b l i))].
Definition parameters (n : nat -> nat) (L : nat) (W : M.weights) (b : M.biases) : dict :=
  flat_map (layer_parameters n W b) (seq 1 L).

Lemma parameters_NoDup : forall n L W b, NoDup (map fst (parameters n L W b)).
Proof.
  intros. unfold parameters. generalize (seq_NoDup L 1). induction (seq 1 L) as [|l ls IH]; intros H; [constructor|].
  apply NoDup_cons_iff in H as [Hl H].
  assert (other : forall name, List.In (key name l) (map fst (flat_map (layer_parameters n W b) ls)) ->
    name = "W" \/ name = "b" -> False).
  { intros name Hin Hname. apply in_map_iff in Hin as ([k v] & E & Hin). apply in_flat_map in Hin as (l' & Hl' & Hin).
    simpl in E. subst k. assert (l = l'); [|now subst]. apply Nat.eqb_eq. rewrite <- decimal_eqb. apply String.eqb_eq.
    destruct Hname as [-> | ->], Hin as [Hin|[Hin|[]]]; now injection Hin. }
  simpl. constructor; [|constructor].
  - intros [E|E]; [discriminate | now apply (other "W"); auto].
  - intros E. now apply (other "b"); auto.
  - now apply IH.
Qed.

Lemma pair_runs : forall d f f', call refnn d.+6 (Function "refnn.layers" "activation")
  [Record [("value", f); ("derivative", f')]] [] = Some (Record [("value", f); ("derivative", f')]).
Proof. now run. Qed.
#[export] Hint Rewrite pair_runs : runs.

Section Network.
Variable n : nat -> nat.
Variable L m : nat.
Hypothesis L_pos : 0 < L.
Variable g : nat -> M.activation.
Variable out : M.output.
Variable W : M.weights.
Variable b : M.biases.
Variable X Y : M.mat.
Notation A_ := (M.A n g W b X).
Notation Z_ := (M.Z n g W b X).
Notation dZ_ := (M.dZ n L g out W b X).
Notation dA_ := (M.dA n L g out W b X).
Notation dW_ := (M.dW n L m g out W b X).
Notation db_ := (M.db n L m g out W b X).

(** The parameters, in any order *)
Variable params : dict.
Hypothesis holds : Permutation params (parameters n L W b).

Lemma two_each : length params = 2 * L.
Proof.
  rewrite (Permutation_length holds). unfold parameters.
  transitivity (2 * length (seq 1 L)); [induction (seq 1 L); simpl in *; lia | now rewrite seq_length].
Qed.
Lemma half : length params / 2 = L.
Proof. rewrite two_each, Nat.mul_comm. now apply Nat.div_mul. Qed.
Lemma different : NoDup (map fst params).
Proof. apply (Permutation_NoDup (Permutation_sym (Permutation_map fst holds))), parameters_NoDup. Qed.
Lemma is_W : forall l, 1 <= l <= L -> get params (key "W" l) = Some (matrix (n l) (n (pred l)) (W l)).
Proof.
  intros l Hl. apply (get_in _ _ _ different), (Permutation_in _ (Permutation_sym holds)), in_flat_map.
  exists l. split; [apply in_seq; lia | now left].
Qed.
Lemma is_b : forall l, 1 <= l <= L -> get params (key "b" l) = Some (matrix (n l) 1 (fun i _ => b l i)).
Proof.
  intros l Hl. apply (get_in _ _ _ different), (Permutation_in _ (Permutation_sym holds)), in_flat_map.
  exists l. split; [apply in_seq; lia | right; now left].
Qed.

(** What `layers.hidden(hidden, l)` and `layers.output(output)` return *)
Variable hidden output : value.
Variable f f' : nat -> value.
Hypothesis hidden_returns : forall d l, 0 < l < L ->
  call refnn d.+8 (Function "refnn.layers" "hidden") [hidden; Integer l] [] =
  Some (Record [("value", f l); ("derivative", f' l)]).
Hypothesis value_is : forall l, 0 < l < L -> activation_is (f l) (M.value (g l)).
Hypothesis derivative_is : forall l, 0 < l < L -> activation_is (f' l) (M.derivative (g l)).

Variable value_ cost_ loss_ residual_ answer_ : value.
Variable h cost : M.mat -> M.mat.
Variable loss residual : M.mat -> M.mat.
Hypothesis output_returns : forall d, call refnn d.+8 (Function "refnn.layers" "output") [output] [] =
  Some (Record [("value", value_); ("cost", cost_); ("loss", loss_); ("residual", residual_); ("answer", answer_)]).
Notation shaped M := (matrix (n L) m M).
Hypothesis value_out : forall d M, call refnn d.+6 value_ [shaped M] [] = Some (shaped (h M)).
Hypothesis cost_out : forall d M, call refnn d.+6 cost_ [shaped M; shaped Y] [] = Some (shaped (cost M)).
Hypothesis loss_out : forall d M, call refnn d.+6 loss_ [shaped M; shaped Y] [] = Some (shaped (loss M)).
Hypothesis residual_is : forall M i k, i < n L -> k < m -> (residual M i k / INR m)%R = M.dloss out M i k.
Hypothesis residual_out : forall d M, call refnn d.+6 residual_ [shaped (h M); shaped M; shaped Y] [] =
  Some (shaped (residual M)).

(** ** forward_prop *)

Definition activations (l : nat) : M.mat := if l <? L then A_ l else h (Z_ l).
Definition linear_cache (l : nat) : value :=
  Sequence [matrix (n (pred l)) m (A_ (pred l)); matrix (n l) (n (pred l)) (W l); matrix (n l) 1 (fun i _ => b l i)].
Definition cache_of (l : nat) : value := Sequence [linear_cache l; matrix (n l) m (Z_ l)].
Arguments linear_cache : simpl never.
Definition caches := map cache_of (seq 1 L).

(** The invariant of its loop, after layer [p] *)
Definition forwards (p : nat) (env : dict) : Prop :=
  get env "A" = Some (matrix (n p) m (activations p)) /\ get env "caches" = Some (Sequence (map cache_of (seq 1 p))) /\
  get env "params" = Some (Mapping params) /\ get env "L" = Some (Integer L) /\ get env "hidden" = Some hidden /\
  get env "output" = Some output /\ get env "layers" = None.

Lemma linear_is : forall q, fill (n (S q)) m (fun i j => (sum (n q) (fun k => W (S q) i k * A_ q k j) + b (S q) i)%R)
  = fill (n (S q)) m (Z_ (S q)).
Proof. reflexivity. Qed.

Theorem forward_prop_runs : forall d keywords,
  known [("hidden", Text "sigmoid"); ("output", Text "sigmoid")] keywords = true ->
  given keywords "hidden" (Text "sigmoid") = hidden -> given keywords "output" (Text "sigmoid") = output ->
  call refnn d.+10 (Function "refnn.network" "forward_prop") [matrix (n 0) m X; Mapping params] keywords =
  Some (Sequence [shaped (h (Z_ L)); Sequence caches]).
Proof.
  intros d keywords Hk Hkh Hko.
  function. rewrite Hkh, Hko. statements ltac:(rewrite ?half).
  rewrite block_cons, exec_for. run. rewrite Nat.add_sub.
  match goal with |- context [loop ?body (map Integer (seq 1 ?p)) ?env] =>
    destruct (loop_up body forwards p env) as (env' & -> & H) end.
  - unfold forwards, activations; simpl. now rewrite (proj2 (Nat.ltb_lt 0 L) L_pos).
  - intros q env Hq (HA & Hc & Hp & HL & Hh & Ho & Hlay).
    pose proof (is_W (S q) ltac:(lia)) as HW. pose proof (is_b (S q) ltac:(lia)) as Hb. cbn in HW, Hb.
    unfold activations in HA. rewrite (proj2 (Nat.ltb_lt q L) Hq) in HA.
    pose proof (linear_is q) as HZ. unfold forwards, activations. rewrite seq_S, map_app.
    destruct (Nat.ltb_spec (S q) L) as [Hl|Hl].
    + pose proof (fun d => hidden_returns d (S q) ltac:(lia)) as Hg. pose proof (value_is (S q) ltac:(lia)) as Hv.
      apply Nat.ltb_lt in Hl. eexists; split.
      * statements ltac:(rewrite ?get_set, ?HA, ?Hc, ?Hp, ?HL, ?Hh, ?Hlay, ?HW, ?Hb, ?HZ, ?Hl, ?Hg, ?Hv). reflexivity.
      * rewrite !get_set. now repeat split.
    + assert (Hv : forall d M, call refnn d.+6 value_ [matrix (n (S q)) m M] [] = Some (matrix (n (S q)) m (h M)))
        by (replace (S q) with L by lia; exact value_out). apply Nat.ltb_ge in Hl. eexists; split.
      * statements ltac:(rewrite ?get_set, ?HA, ?Hc, ?Hp, ?HL, ?Ho, ?Hlay, ?HW, ?Hb, ?HZ, ?Hl, ?output_returns, ?Hv).
        reflexivity.
      * rewrite !get_set. now repeat split.
  - destruct H as (HA & Hc & _). unfold activations in HA. rewrite Nat.ltb_irrefl in HA.
    now statements ltac:(rewrite ?HA, ?Hc).
Qed.

(** ** The costs *)

Theorem cost_function_runs : forall d M keywords, known [("output", Text "sigmoid")] keywords = true ->
  given keywords "output" (Text "sigmoid") = output ->
  call refnn d.+10 (Function "refnn.network" "cost_function") [shaped M; shaped Y] keywords =
  Some (Number (sum m (fun k => sum (n L) (fun i => cost M i k)) / INR m)%R).
Proof.
  intros d M keywords Hk Ho. function. rewrite Ho. now statements ltac:(rewrite ?output_returns, ?cost_out).
Qed.

Theorem cost_from_Z_runs : forall d M,
  call refnn (S d.+8) (Function "refnn.network" "cost_from_Z") [shaped M; shaped Y; output] [] =
  Some (Number (sum m (fun k => sum (n L) (fun i => loss M i k)) / INR m)%R).
Proof. run_by ltac:(rewrite ?output_returns, ?loss_out). reflexivity. Qed.

(** ** backprop *)

Lemma linear_backward_runs : forall d l dZ A V c inputs,
  call refnn d.+3 (Function "refnn.network" "linear_backward")
    [matrix (n (S l)) m dZ; Sequence [matrix (n l) m A; matrix (n (S l)) (n l) V; c]] [("inputs", Truth inputs)] =
  Some (Sequence [if inputs then matrix (n l) m (fun j k => sum (n (S l)) (fun i => (V i j * dZ i k)%R)) else Nothing;
                  matrix (n (S l)) (n l) (fun i j => sum m (fun k => (dZ i k * A j k)%R));
                  matrix (n (S l)) 1 (fun i _ => sum m (fun k => dZ i k))]).
Proof. intros. destruct inputs; run; reflexivity. Qed.

(** One layer: from [dZ], and from the layer above. *)
Variable inputs : bool.
Definition gradients (l : nat) : value :=
  Sequence [if inputs || (1 <? l) then matrix (n (pred l)) m (dA_ (pred l)) else Nothing;
            matrix (n l) (n (pred l)) (dW_ l); matrix (n l) 1 (fun i _ => db_ l i)].
Lemma layer_runs : forall d q, call refnn d.+3 (Function "refnn.network" "linear_backward")
    [matrix (n (S q)) m (dZ_ (S q)); linear_cache (S q)] [("inputs", Truth (inputs || (1 <? S q)))] =
  Some (gradients (S q)).
Proof. intros. unfold linear_cache. simpl pred. rewrite linear_backward_runs. reflexivity. Qed.

Lemma one_layer_runs : forall d q, S q < L -> call refnn d.+9 (Function "refnn.network" "one_layer_backward")
    [matrix (n (S q)) m (dA_ (S q)); cache_of (S q)]
    [("activation", Record [("value", f (S q)); ("derivative", f' (S q))]); ("inputs", Truth (inputs || (1 <? S q)))] =
  Some (gradients (S q)).
Proof.
  intros d q Hq. assert (HZ : fill (n (S q)) m (fun i j => (dA_ (S q) i j * M.derivative (g (S q)) (Z_ (S q) i j))%R) =
    fill (n (S q)) m (dZ_ (S q))).
  { apply fill_ext. intros. now rewrite M.dZ_recursion. }
  pose proof (derivative_is (S q) ltac:(lia)) as Hd. unfold cache_of.
  run_by ltac:(rewrite ?Hd, ?HZ, ?layer_runs). reflexivity.
Qed.

(** The gradients of the layers above [p], in the dict *)
Definition grads_above (p : nat) (grads : dict) : Prop := forall l, p < l <= L ->
  get grads (key "dA" (pred l)) = Some (if inputs || (1 <? l) then matrix (n (pred l)) m (dA_ (pred l)) else Nothing) /\
  get grads (key "dW" l) = Some (matrix (n l) (n (pred l)) (dW_ l)) /\
  get grads (key "db" l) = Some (matrix (n l) 1 (fun i _ => db_ l i)).

Lemma store : forall p grads dA dW db, grads_above (S p) grads -> gradients (S p) = Sequence [dA; dW; db] ->
  grads_above p (set (set (set grads (key "dA" p) dA) (key "dW" (S p)) dW) (key "db" (S p)) db).
Proof.
  intros p grads dA dW db H E l Hl. unfold gradients in E. injection E as <- <- <-. rewrite !get_set. cbn.
  rewrite !decimal_eqb.
  destruct (Nat.eqb_spec l (S p)) as [->|Hne].
  - cbn. now rewrite Nat.eqb_refl.
  - destruct (Nat.eqb_spec (pred l) p); [lia|]. apply H. lia.
Qed.

(** The invariant of its loop, which walks down to layer [p + 1] *)
Definition walks (p : nat) (env : dict) : Prop := exists grads,
  get env "grads" = Some (Mapping grads) /\ grads_above p grads /\
  get env "caches" = Some (Sequence caches) /\ get env "hidden" = Some hidden /\
  get env "inputs" = Some (Truth inputs) /\
  get env "layers" = None /\ get env "one_layer_backward" = None.

Lemma or_truth : forall (a b : bool), (if a then Some (Truth a) else Some (Truth b)) = Some (Truth (a || b)).
Proof. now intros [] b'. Qed.

Lemma nth_cache : forall q, q < L -> nth_error caches q = Some (cache_of (S q)).
Proof.
  intros q Hq. unfold caches. rewrite (map_nth_error _ _ _ (d := S q)); [reflexivity|].
  replace (S q) with (nth q (seq 1 L) 0) by now rewrite seq_nth. apply nth_error_nth'. now rewrite seq_length.
Qed.

Theorem backprop_runs : forall d keywords,
  known [("hidden", Text "sigmoid"); ("output", Text "sigmoid"); ("inputs", Truth true)] keywords = true ->
  given keywords "hidden" (Text "sigmoid") = hidden -> given keywords "output" (Text "sigmoid") = output ->
  given keywords "inputs" (Truth true) = Truth inputs ->
  exists grads, call refnn d.+10 (Function "refnn.network" "backprop")
    [shaped (h (Z_ L)); shaped Y; Sequence caches] keywords = Some (Mapping grads) /\ grads_above 0 grads.
Proof.
  intros d keywords Hk Hh Ho Hi.
  assert (HL : L = S (L - 1)) by lia.
  assert (Hlen : length caches = L) by (unfold caches; now rewrite map_length, seq_length).
  assert (H1 : (1 <=? L) = true) by (apply Nat.leb_le; lia).
  pose proof (nth_cache (L - 1) ltac:(lia)) as Hlast. rewrite <- HL in Hlast.
  assert (HZ : fill (n L) m (fun i k => (residual (Z_ L) i k / INR m)%R) = fill (n L) m (dZ_ L)).
  { apply fill_ext. intros i k Hi' Hk'. rewrite residual_is by assumption. now rewrite M.dZ_of_output. }
  assert (Hg : forall d, call refnn d.+3 (Function "refnn.network" "linear_backward")
    [matrix (n L) m (dZ_ L); linear_cache L] [("inputs", Truth (inputs || (1 <? L)))] = Some (gradients L)).
  { intros d'. pose proof (layer_runs d' (L - 1)) as H. now rewrite <- HL in H. }
  function. rewrite Hh, Ho, Hi.
  statements ltac:(rewrite ?Hlen, ?H1, ?Hlast, ?output_returns, ?residual_out, ?HZ, ?Hg, ?or_truth).
  rewrite block_cons, exec_for. run_by ltac:(rewrite ?H1).
  match goal with |- context [loop ?body (rev (map Integer (seq 1 ?p))) ?env] =>
    destruct (loop_down body walks p env) as (env' & -> & grads & Hgrads & H & _) end.
  - eexists. split; [reflexivity|]. split; [|now repeat split].
    assert (first : grads_above (S (L - 1)) []) by (intros ? ?; lia).
    pose proof (store (L - 1) [] _ _ _ first eq_refl) as stored. rewrite <- HL in stored. exact stored.
  - intros q env Hq (grads & Hgr & Hab & Hc & Hhid & Hinp & Hlay & Hone).
    destruct (Hab (S (S q)) ltac:(lia)) as [HdA _].
    replace (1 <? S (S q)) with true in HdA by reflexivity. rewrite orb_true_r in HdA. cbn in HdA.
    pose proof (nth_cache q ltac:(lia)) as Hcache. pose proof (fun d => hidden_returns d (S q) ltac:(lia)) as Hgq.
    pose proof (fun d => one_layer_runs d q ltac:(lia)) as Hlayer.
    assert (H1q : (1 <=? S q) = true) by reflexivity. assert (Eq : S q - 1 = q) by lia.
    eexists. split.
    + statements ltac:(rewrite ?get_set, ?Hgr, ?HdA, ?Hc, ?Hhid, ?Hinp, ?Hlay, ?Hone, ?H1q, ?Eq, ?Hcache, ?Hgq,
        ?or_truth, ?Hlayer). reflexivity.
    + exists (set (set (set grads (key "dA" q) (if inputs || (1 <? S q) then matrix (n q) m (dA_ q) else Nothing))
        (key "dW" (S q)) (matrix (n (S q)) (n q) (dW_ (S q))))
        (key "db" (S q)) (matrix (n (S q)) 1 (fun i _ => db_ (S q) i))).
      rewrite !get_set. split; [reflexivity|]. split; [now apply store | now repeat split].
  - exists grads. split; [|exact H]. run_by ltac:(rewrite ?Hgrads). reflexivity.
Qed.

(** ** update_parameters *)

Section Update.
Variable rate : R.
Variable grads : dict.
Hypothesis holds_grads : grads_above 0 grads.
Notation W' := (M.update_W rate W dW_).
Notation b' := (M.update_b rate b db_).

(** What becomes of an item of the dict *)
Definition stepped (item : string * value) : string * value :=
  let V := let* D := get grads ("d" ++ fst item)%string in let* D := arithmetic Rmult (Number rate) D in
           arithmetic Rminus (snd item) D in
  (fst item, match V with Some V => V | None => Nothing end).

Lemma stepped_parameters : forall ls, (forall l, List.In l ls -> 1 <= l <= L) ->
  map stepped (flat_map (layer_parameters n W b) ls) = flat_map (layer_parameters n W' b') ls.
Proof.
  induction ls as [|l ls IH]; intros H; [reflexivity|]. cbn [flat_map map app layer_parameters].
  rewrite IH by (intros; apply H; now right).
  destruct (holds_grads l) as (_ & HW & Hb); [destruct (H l); [now left | lia]|]. cbn in HW, Hb.
  unfold stepped. cbn. rewrite HW, Hb. now autorewrite with text.
Qed.

Theorem update_parameters_runs : forall d, exists after,
  call refnn d.+3 (Function "refnn.network" "update_parameters") [Mapping params; Mapping grads; Number rate] [] =
    Some (Mapping after) /\ Permutation after (parameters n L W' b').
Proof.
  intros d. exists (map stepped params). split.
  - run. rewrite (all_map _ _ _ _ stepped).
    + run. unfold mapping. rewrite map_map. cbn. rewrite distinct_true by exact different. reflexivity.
    + intros [k V] H. apply (Permutation_in _ holds), in_flat_map in H as (l & Hl & H). apply in_seq in Hl.
      destruct (holds_grads l ltac:(lia)) as (_ & HW & Hb). cbn in HW, Hb. unfold stepped.
      destruct H as [H|[H|[]]]; injection H as <- <-; run_by ltac:(rewrite ?HW, ?Hb); reflexivity.
  - rewrite (Permutation_map stepped holds). unfold parameters. rewrite stepped_parameters; [reflexivity|].
    intros l Hl. apply in_seq in Hl. lia.
Qed.
End Update.
End Network.
