(** * Translated.v: what is proved of the text of refnn/network.py

    translate.py prints the text as data, Source.v, and decides nothing; NumPy.v and Python.v say what such data mean.
    Of this meaning it is proved here, for all depths, widths, batches, labels and parameters, that the gradients that
    the text returns are the derivatives of the cost that the text computes, and that a step lowers the cost:

      Part I     for whatever activations and output the lines of layers.py return, as [hidden_is] and [output_is] put
                 it, where they are differentiable: [differentiable] in Model.v;
      Part II    for which words they do return some: all but (leaky) ReLU, and the user's own pairs;
      Part III   for the article's network, which is the one without words.  Nothing is asked of the point there, and no
                 network but the text's own is mentioned.

    [J words X Y params] is the cost, and [gradient words X Y params key i j] entry (i, j) of what backprop returns
    under this key, both as the text computes them; [words] are the keyword arguments.  An error would make them 0, but
    [translated_runs] says that there is none.  [fill r c M] is the array of [r] rows and [c] columns with the entries
    [M i j], and [parameters n L W b] the dict of "W1", "b1", ...: it may be in any order.

    Builds on:    Tie.v, Theorems.v, Sigmoid.v.
    Names:        those of Model.v for one entry replaced: [set_W W l i j w], [set_b], [set_A]. *)

From Coq Require Import Reals String List Arith Lra Lia Bool Permutation.
From Coquelicot Require Import Coquelicot.
From RefNN Require Import Generic Syntax NumPy Python Source Text Layers Tie.
From RefNN Require Model Gradient Theorems Sigmoid.
Import ListNotations.
Import Model (set_W, set_b, set_A, above, cost_above, differentiable).
Open Scope string_scope.
Open Scope list_scope.
Open Scope nat_scope.

(** ** The calls *)

Definition python (name : string) (args : list value) (keywords : dict) : option value :=
  call refnn 20 (Function "refnn.network" name) args keywords.

(** The prediction and the caches, the cost, and the gradients *)
Definition forward (words : dict) (X : array) (params : dict) : option (value * value) :=
  let* v := python "forward_prop" [Array X; Mapping params] words in
  match v with Sequence [AL; caches] => Some (AL, caches) | _ => None end.
Definition only_output (words : dict) : dict :=
  match get words "output" with Some v => [("output", v)] | None => [] end.
Definition cost (words : dict) (X Y : array) (params : dict) : option value :=
  let* (AL, _) := forward words X params in python "cost_function" [AL; Array Y] (only_output words).
Definition grads (words : dict) (X Y : array) (params : dict) : option value :=
  let* (AL, caches) := forward words X params in python "backprop" [AL; Array Y; caches] words.
(** What layer l + 1 has kept: the cost from the last Z, as train takes it, and the activations A_l *)
Definition kept (words : dict) (X : array) (params : dict) (l : nat) : option (list value) :=
  let* (_, caches) := forward words X params in let* v := subscript caches (Integer l) in items v.
Definition cost_from_Z (words : dict) (X Y : array) (params : dict) (L : nat) : option value :=
  let* kept := kept words X params (L - 1) in
  match kept with
  | [_; ZL] => python "cost_from_Z" [ZL; Array Y; given words "output" (Text "sigmoid")] []
  | _ => None
  end.
Definition activation (words : dict) (X : array) (params : dict) (l : nat) : option value :=
  let* kept := kept words X params l in
  match kept with [linear_cache; _] => subscript linear_cache (Integer 0) | _ => None end.

Definition update (params : dict) (grads : value) (learning_rate : R) : option value :=
  python "update_parameters" [Mapping params; grads; Number learning_rate] [].

Definition J (words : dict) (X Y : array) (params : dict) : R :=
  match cost words X Y params with Some (Number J) => J | _ => 0%R end.
Definition gradient (words : dict) (X Y : array) (params : dict) (key : string) (i j : nat) : R :=
  match (let* v := grads words X Y params in subscript v (Text key)) with Some (Array A) => entry A i j | _ => 0%R end.

(** The shapes of the gradients *)
Definition shaped (n : nat -> nat) (L m : nat) (grads : dict) : Prop := forall l, 1 <= l <= L -> exists dA dW db,
  get grads (key "dA" (pred l)) = Some (Array (fill (n (pred l)) m dA)) /\
  get grads (key "dW" l) = Some (Array (fill (n l) (n (pred l)) dW)) /\
  get grads (key "db" l) = Some (Array (fill (n l) 1 db)).

(** * Part I: any network *)

Section AnyNetwork.
Variable n : nat -> nat.
Variable L m : nat.
Hypothesis L_pos : 0 < L.
Variable g : nat -> M.activation.
Variable out : M.output.
Variable Y : nat -> nat -> R.
Variable words : dict.
Hypothesis both_or_none : words = [] \/ exists hidden output, words = [("hidden", hidden); ("output", output)].
Hypothesis hidden_of_words : hidden_is (given words "hidden" (Text "sigmoid")) L g.
Hypothesis output_of_words : output_is (given words "output" (Text "sigmoid")) (n L) m Y out.

Section AtAPoint.
Variable W : nat -> nat -> nat -> R.
Variable b X : nat -> nat -> R.
Variable params : dict.
Hypothesis holds : Permutation params (parameters n L W b).
Notation X_ := (fill (n 0) m X).
Notation Y_ := (fill (n L) m Y).

Lemma forward_returns : exists AL, forward words X_ params = Some (AL, Sequence (caches n L m g W b X)) /\
  python "cost_function" [AL; Array Y_] (only_output words) = Some (Number (M.cost n L g out W b X)) /\
  exists grads, python "backprop" [AL; Array Y_; Sequence (caches n L m g W b X)] words = Some (Mapping grads) /\
    grads_above n L m g out W b X true 0 grads.
Proof.
  destruct hidden_of_words as (f & f' & Hh & Hf & Hf').
  destruct output_of_words as (v & c & l & r & a & h & c_ & l_ & r_ & Ho & Hv & Hc & _ & Hr & Ec & _ & Er).
  exists (matrix (n L) m (h (M.Z n g W b X L))). unfold forward, python. split; [|split].
  - rewrite (forward_prop_runs n L m L_pos g W b X params holds _ _ f f' Hh Hf v c l r a h Ho Hv 10 words); trivial.
    now destruct both_or_none as [->|(hidden & output & ->)].
  - rewrite (cost_function_runs n L m Y _ v c l r a c_ Ho Hc 10); [unfold M.cost; now rewrite Ec|..];
      now destruct both_or_none as [->|(hidden & output & ->)].
  - destruct (backprop_runs n L m L_pos g out W b X Y _ _ f f' Hh Hf' v c l r a h r_ Ho Er Hr true 10 words)
      as (grads & E & H); [| trivial | trivial | | now exists grads];
      now destruct both_or_none as [->|(hidden & output & ->)].
Qed.

Lemma J_is : J words X_ Y_ params = M.cost n L g out W b X.
Proof. destruct forward_returns as (AL & E & Ec & _). unfold J, cost. now rewrite E, Ec. Qed.

Lemma grads_is : exists G, grads words X_ Y_ params = Some (Mapping G) /\ grads_above n L m g out W b X true 0 G.
Proof. destruct forward_returns as (AL & E & _ & G & EG & H). exists G. unfold grads. now rewrite E, EG. Qed.

Lemma gradient_W : forall l i j, 1 <= l <= L -> i < n l -> j < n (pred l) ->
  gradient words X_ Y_ params (key "dW" l) i j = M.dW n L m g out W b X l i j.
Proof.
  intros l i j Hl Hi Hj. destruct grads_is as (G & E & H). destruct (H l ltac:(lia)) as (_ & HW & _).
  unfold gradient. rewrite E. cbn [subscript]. rewrite HW. now apply entry_fill.
Qed.
Lemma gradient_b : forall l i, 1 <= l <= L -> i < n l ->
  gradient words X_ Y_ params (key "db" l) i 0 = M.db n L m g out W b X l i.
Proof.
  intros l i Hl Hi. destruct grads_is as (G & E & H). destruct (H l ltac:(lia)) as (_ & _ & Hb).
  unfold gradient. rewrite E. cbn [subscript]. rewrite Hb. now rewrite entry_fill by auto.
Qed.
Lemma gradient_A : forall l j k, l < L -> j < n l -> k < m ->
  gradient words X_ Y_ params (key "dA" l) j k = M.dA n L g out W b X l j k.
Proof.
  intros l j k Hl Hj Hk. destruct grads_is as (G & E & H). destruct (H (S l) ltac:(lia)) as (HA & _).
  unfold gradient. rewrite E. cbn [subscript]. simpl pred in HA. rewrite HA. now apply entry_fill.
Qed.
End AtAPoint.

Notation X_ X := (fill (n 0) m X).
Notation Y_ := (fill (n L) m Y).
Variable W : nat -> nat -> nat -> R.
Variable b X : nat -> nat -> R.

(** No call is an error, each gradient has the shape of its variable, and both forms of the cost are the same. *)
Theorem any_translated_runs : forall params, Permutation params (parameters n L W b) -> exists c G,
  cost words (X_ X) Y_ params = Some (Number c) /\ grads words (X_ X) Y_ params = Some (Mapping G) /\
  shaped n L m G /\ cost_from_Z words (X_ X) Y_ params L = Some (Number c).
Proof.
  intros params H. destruct (forward_returns W b X params H) as (AL & E & Ec & G & EG & HG).
  exists (M.cost n L g out W b X), G. unfold cost, grads, cost_from_Z, kept. rewrite E. repeat split; trivial.
  - intros l Hl. destruct (HG l ltac:(lia)) as (HA & HW & Hb). do 3 eexists. split; [exact HA|].
    split; [exact HW | exact Hb].
  - destruct output_of_words as (v & c & l & r & a & h & c_ & l_ & r_ & Ho & _ & _ & Hl & _ & _ & El & _).
    cbn [subscript]. rewrite nth_cache by lia. replace (S (L - 1)) with L by lia. unfold python.
    etransitivity; [exact (cost_from_Z_runs n L m Y _ v c l r a l_ Ho Hl 11 _)|]. unfold M.cost. now rewrite El.
Qed.

Hypothesis differentiable_here : differentiable n L m g out W b X.

(** ∂J/∂W_l[i,j]: [params w] are the parameters, in any order, with [w] in the place of this entry. *)
Theorem any_translated_W : forall (params : R -> dict) l i j, 1 <= l <= L -> i < n l -> j < n (pred l) ->
  (forall w, Permutation (params w) (parameters n L (set_W W l i j w) b)) ->
  is_derive (fun w => J words (X_ X) Y_ (params w)) (W l i j)
    (gradient words (X_ X) Y_ (params (W l i j)) (key "dW" l) i j).
Proof.
  intros params l i j Hl Hi Hj H. apply (is_derive_ext (fun w => M.cost n L g out (set_W W l i j w) b X)).
  - intros w. symmetry. now apply J_is.
  - specialize (H (W l i j)). rewrite Gradient.set_W_same in H. rewrite (gradient_W W b X) by assumption.
    now apply Theorems.any_W.
Qed.

Theorem any_translated_b : forall (params : R -> dict) l i, 1 <= l <= L -> i < n l ->
  (forall c, Permutation (params c) (parameters n L W (set_b b l i c))) ->
  is_derive (fun c => J words (X_ X) Y_ (params c)) (b l i)
    (gradient words (X_ X) Y_ (params (b l i)) (key "db" l) i 0).
Proof.
  intros params l i Hl Hi H. apply (is_derive_ext (fun c => M.cost n L g out W (set_b b l i c) X)).
  - intros c. symmetry. now apply J_is.
  - specialize (H (b l i)). rewrite Gradient.set_b_same in H. rewrite (gradient_b W b X) by assumption.
    now apply Theorems.any_b.
Qed.

Theorem any_translated_X : forall params j k, j < n 0 -> k < m -> Permutation params (parameters n L W b) ->
  is_derive (fun x => J words (X_ (set_A X j k x)) Y_ params) (X j k)
    (gradient words (X_ X) Y_ params (key "dA" 0) j k).
Proof.
  intros params j k Hj Hk H. apply (is_derive_ext (fun x => M.cost n L g out W b (set_A X j k x))).
  - intros x. symmetry. now apply J_is.
  - rewrite (gradient_A W b X) by assumption. now apply (Theorems.any_X n L m).
Qed.

(** Unless the gradient is zero, a step with a small enough learning rate lowers the cost. *)
Theorem any_translated_step : forall params, Permutation params (parameters n L W b) ->
  (exists l i j, 1 <= l <= L /\ i < n l /\ j < n (pred l) /\ gradient words (X_ X) Y_ params (key "dW" l) i j <> 0%R) \/
  (exists l i, 1 <= l <= L /\ i < n l /\ gradient words (X_ X) Y_ params (key "db" l) i 0 <> 0%R) ->
  exists rate, (0 < rate)%R /\ forall learning_rate, (0 < learning_rate < rate)%R -> exists after,
    (let* G := grads words (X_ X) Y_ params in update params G learning_rate) = Some (Mapping after) /\
    (J words (X_ X) Y_ after < J words (X_ X) Y_ params)%R.
Proof.
  intros params H nonzero.
  destruct (Theorems.any_update_lowers_cost n L m g out L_pos W b X differentiable_here) as (rate & Hr & lower).
  - destruct nonzero as [(l & i & j & Hl & Hi & Hj & E) | (l & i & Hl & Hi & E)].
    + left. exists l, i, j. now rewrite <- (gradient_W W b X params).
    + right. exists l, i. now rewrite <- (gradient_b W b X params).
  - exists rate. split; [exact Hr|]. intros learning_rate Hlr. destruct (grads_is W b X params H) as (G & -> & HG).
    destruct (update_parameters_runs n L m L_pos g out W b X params H true learning_rate G HG 17) as (after & Ea & Ha).
    exists after. split; [exact Ea|]. rewrite (J_is _ _ X after Ha), (J_is W b X params H). now apply lower.
Qed.
End AnyNetwork.

(** * Part II: the lines of layers.py *)

Theorem lines_of_activations : forall name h, List.In (name, h)
    [("sigmoid", M.Sigmoid); ("tanh", M.Tanh); ("softplus", M.Softplus); ("silu", M.Silu); ("identity", M.Identity)] ->
  forall L, hidden_is (Text name) L (fun _ => h).
Proof.
  intros name h H. repeat destruct H as [H|H]; try contradiction; injection H as <- <-;
    [apply hidden_sigmoid | apply hidden_tanh | apply hidden_softplus | apply hidden_silu | apply hidden_identity].
Qed.

Theorem own_activations : forall L (g : nat -> M.activation),
  hidden_is (Sequence (map (fun l => Sequence [Entrywise (M.value (g l)); Entrywise (M.derivative (g l))])
    (seq 1 (L - 1)))) L g.
Proof. exact hidden_pairs. Qed.

Theorem lines_of_outputs : forall n L m Y,
  output_is (Text "sigmoid") (n L) m Y (M.Logistic n L m Y) /\ output_is (Text "softmax") (n L) m Y (M.Softmax n L m Y).
Proof. intros. split; [apply output_sigmoid | apply output_softmax]. Qed.

Theorem own_outputs : forall (h : M.activation) n L m Y,
  let pair := Sequence [Entrywise (M.value h); Entrywise (M.derivative h)] in
  output_is (Sequence [pair; Text "squared_error"]) (n L) m Y (M.Squared n L m Y (/ INR 1) h) /\
  output_is (Sequence [pair; Text "half_squared_error"]) (n L) m Y (M.Squared n L m Y (/ INR 2) h).
Proof. intros. split; apply output_squared; [now left | now right]. Qed.

(** * Part III: the network of the article *)

Section Sigmoid.
Variable n : nat -> nat.
Variable L m : nat.
Hypothesis L_pos : 0 < L.
Variable W : nat -> nat -> nat -> R.
Variable b X Y : nat -> nat -> R.
Notation X_ X := (fill (n 0) m X).
Notation Y_ := (fill (n L) m Y).
Let here := Sigmoid.sigmoid_network_differentiable n L m Y W b X.
Notation of_any theorem :=
  (theorem n L m L_pos _ _ Y [] (or_introl eq_refl) (hidden_sigmoid L) (output_sigmoid n L m Y) W b X).

Theorem translated_runs : forall params, Permutation params (parameters n L W b) -> exists c G,
  cost [] (X_ X) Y_ params = Some (Number c) /\ grads [] (X_ X) Y_ params = Some (Mapping G) /\
  shaped n L m G /\ cost_from_Z [] (X_ X) Y_ params L = Some (Number c).
Proof. exact (of_any any_translated_runs). Qed.

Theorem translated_W : forall (params : R -> dict) l i j, 1 <= l <= L -> i < n l -> j < n (pred l) ->
  (forall w, Permutation (params w) (parameters n L (set_W W l i j w) b)) ->
  is_derive (fun w => J [] (X_ X) Y_ (params w)) (W l i j)
    (gradient [] (X_ X) Y_ (params (W l i j)) (key "dW" l) i j).
Proof. exact (of_any any_translated_W here). Qed.

Theorem translated_b : forall (params : R -> dict) l i, 1 <= l <= L -> i < n l ->
  (forall c, Permutation (params c) (parameters n L W (set_b b l i c))) ->
  is_derive (fun c => J [] (X_ X) Y_ (params c)) (b l i) (gradient [] (X_ X) Y_ (params (b l i)) (key "db" l) i 0).
Proof. exact (of_any any_translated_b here). Qed.

Theorem translated_X : forall params j k, j < n 0 -> k < m -> Permutation params (parameters n L W b) ->
  is_derive (fun x => J [] (X_ (set_A X j k x)) Y_ params) (X j k) (gradient [] (X_ X) Y_ params (key "dA" 0) j k).
Proof. exact (of_any any_translated_X here). Qed.

(** ∂J/∂A_l[j,k] of a hidden layer: [upper] are the parameters of the layers above, numbered from 1 again, and J is
    their cost, as a function of A_l. *)
Theorem translated_A : forall params upper l j k, l < L -> j < n l -> k < m ->
  Permutation params (parameters n L W b) ->
  Permutation upper (parameters (above l n) (L - l) (above l W) (above l b)) ->
  exists A, activation [] (X_ X) params l = Some (Array (fill (n l) m A)) /\
    is_derive (fun a => J [] (fill (n l) m (set_A A j k a)) Y_ upper) (A j k)
      (gradient [] (X_ X) Y_ params (key "dA" l) j k).
Proof.
  intros params upper l j k Hl Hj Hk H Hu. exists (M.A n M.Sigmoids W b X l). split.
  - destruct (of_any forward_returns params H) as (AL & E & _). unfold activation, kept. rewrite E. cbn [subscript].
    now rewrite nth_cache.
  - rewrite (of_any gradient_A params) by assumption. eapply is_derive_ext.
    2: { apply (Theorems.any_A n L m M.Sigmoids (M.Logistic n L m Y) W b X here l j k Hl Hj Hk). }
    intros a. symmetry. unfold cost_above. assert (EL : above l n (L - l) = n L) by (unfold above; f_equal; lia).
    assert (E0 : above l n 0 = n l) by (unfold above; f_equal; lia).
    pose proof (J_is (above l n) (L - l) m ltac:(lia) _ _ Y [] (or_introl eq_refl) (hidden_sigmoid (L - l))
      (output_sigmoid (above l n) (L - l) m Y) _ _ (set_A (M.A n M.Sigmoids W b X l) j k a) upper Hu) as EJ.
    rewrite EL, E0 in EJ. etransitivity; [exact EJ|]. unfold M.cost. simpl. unfold M.cost_function. now rewrite EL.
Qed.

Theorem translated_step : forall params, Permutation params (parameters n L W b) ->
  (exists l i j, 1 <= l <= L /\ i < n l /\ j < n (pred l) /\ gradient [] (X_ X) Y_ params (key "dW" l) i j <> 0%R) \/
  (exists l i, 1 <= l <= L /\ i < n l /\ gradient [] (X_ X) Y_ params (key "db" l) i 0 <> 0%R) ->
  exists rate, (0 < rate)%R /\ forall learning_rate, (0 < learning_rate < rate)%R -> exists after,
    (let* G := grads [] (X_ X) Y_ params in update params G learning_rate) = Some (Mapping after) /\
    (J [] (X_ X) Y_ after < J [] (X_ X) Y_ params)%R.
Proof. exact (of_any any_translated_step here). Qed.

End Sigmoid.
