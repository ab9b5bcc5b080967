(** * Translated.v: what is proved of the text of refnn/network.py

    translate.py prints the text as data, Source.v, and decides nothing; NumPy.v and Python.v say what such data mean.
    Of this meaning it is proved here, for all depths, widths, batches, labels and parameters, that the derivatives of
    the cost that the text computes are what the text returns as gradients, and that a step lowers the cost:

      Part I    for any activations in the hidden layers and any output, of which the lines of layers.py return what
                [hidden_is] and [output_is] say, and where they are differentiable: [differentiable] in Model.v;
      Part II   for the call without words, of the article's network: [translated_runs] to [translated_step]. Nothing is
                asked there but that the arguments fit together.

    [J words X Y params] is the cost, and [gradient words X Y params key i j] entry (i, j) of what backprop returns under
    this key, both computed by the text; [words] are the keyword arguments.  An error would count as 0 in both, but
    [translated_runs] says that there is none.  [fill r c M] is the array of [r] rows and [c] columns with the entries
    [M i j].

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
Definition update (params : dict) (grads : value) (learning_rate : R) : option value :=
  python "update_parameters" [Mapping params; grads; Number learning_rate] [].

Definition J (words : dict) (X Y : array) (params : dict) : R :=
  match cost words X Y params with Some (Number J) => J | _ => 0%R end.
Definition gradient (words : dict) (X Y : array) (params : dict) (key : string) (i j : nat) : R :=
  match (let* v := grads words X Y params in subscript v (Text key)) with Some (Array A) => entry A i j | _ => 0%R end.

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

(** No call is an error, and each gradient has the shape of its variable. *)
Theorem any_translated_runs : forall params, Permutation params (parameters n L W b) -> exists c G,
  cost words (X_ X) Y_ params = Some (Number c) /\ grads words (X_ X) Y_ params = Some (Mapping G) /\
  forall l, 1 <= l <= L -> exists dA dW db, get G (key "dA" (pred l)) = Some (Array (fill (n (pred l)) m dA)) /\
    get G (key "dW" l) = Some (Array (fill (n l) (n (pred l)) dW)) /\ get G (key "db" l) = Some (Array (fill (n l) 1 db)).
Proof.
  intros params H. destruct (forward_returns W b X params H) as (AL & E & Ec & G & EG & HG).
  exists (M.cost n L g out W b X), G. unfold cost, grads. rewrite E. repeat split; trivial. intros l Hl.
  destruct (HG l ltac:(lia)) as (HA & HW & Hb). do 3 eexists. now repeat split; [exact HA | exact HW | exact Hb].
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

(** * Part II: the network of the article *)

Section Sigmoid.
Variable n : nat -> nat.
Variable L m : nat.
Hypothesis L_pos : 0 < L.
Variable W : nat -> nat -> nat -> R.
Variable b X Y : nat -> nat -> R.
Notation X_ X := (fill (n 0) m X).
Notation Y_ := (fill (n L) m Y).
Let here := Sigmoid.sigmoid_network_differentiable n L m Y W b X.

Theorem translated_runs : forall params, Permutation params (parameters n L W b) -> exists c G,
  cost [] (X_ X) Y_ params = Some (Number c) /\ grads [] (X_ X) Y_ params = Some (Mapping G) /\
  forall l, 1 <= l <= L -> exists dA dW db, get G (key "dA" (pred l)) = Some (Array (fill (n (pred l)) m dA)) /\
    get G (key "dW" l) = Some (Array (fill (n l) (n (pred l)) dW)) /\ get G (key "db" l) = Some (Array (fill (n l) 1 db)).
Proof. exact (any_translated_runs n L m L_pos _ _ Y [] (or_introl eq_refl) (hidden_sigmoid L) (output_sigmoid n L m Y) W b X). Qed.

Theorem translated_W : forall (params : R -> dict) l i j, 1 <= l <= L -> i < n l -> j < n (pred l) ->
  (forall w, Permutation (params w) (parameters n L (set_W W l i j w) b)) ->
  is_derive (fun w => J [] (X_ X) Y_ (params w)) (W l i j)
    (gradient [] (X_ X) Y_ (params (W l i j)) (key "dW" l) i j).
Proof. exact (any_translated_W n L m L_pos _ _ Y [] (or_introl eq_refl) (hidden_sigmoid L) (output_sigmoid n L m Y) W b X here). Qed.

Theorem translated_b : forall (params : R -> dict) l i, 1 <= l <= L -> i < n l ->
  (forall c, Permutation (params c) (parameters n L W (set_b b l i c))) ->
  is_derive (fun c => J [] (X_ X) Y_ (params c)) (b l i) (gradient [] (X_ X) Y_ (params (b l i)) (key "db" l) i 0).
Proof. exact (any_translated_b n L m L_pos _ _ Y [] (or_introl eq_refl) (hidden_sigmoid L) (output_sigmoid n L m Y) W b X here). Qed.

Theorem translated_X : forall params j k, j < n 0 -> k < m -> Permutation params (parameters n L W b) ->
  is_derive (fun x => J [] (X_ (set_A X j k x)) Y_ params) (X j k) (gradient [] (X_ X) Y_ params (key "dA" 0) j k).
Proof. exact (any_translated_X n L m L_pos _ _ Y [] (or_introl eq_refl) (hidden_sigmoid L) (output_sigmoid n L m Y) W b X here). Qed.

Theorem translated_step : forall params, Permutation params (parameters n L W b) ->
  (exists l i j, 1 <= l <= L /\ i < n l /\ j < n (pred l) /\ gradient [] (X_ X) Y_ params (key "dW" l) i j <> 0%R) \/
  (exists l i, 1 <= l <= L /\ i < n l /\ gradient [] (X_ X) Y_ params (key "db" l) i 0 <> 0%R) ->
  exists rate, (0 < rate)%R /\ forall learning_rate, (0 < learning_rate < rate)%R -> exists after,
    (let* G := grads [] (X_ X) Y_ params in update params G learning_rate) = Some (Mapping after) /\
    (J [] (X_ X) Y_ after < J [] (X_ X) Y_ params)%R.
Proof. exact (any_translated_step n L m L_pos _ _ Y [] (or_introl eq_refl) (hidden_sigmoid L) (output_sigmoid n L m Y) W b X here). Qed.

End Sigmoid.
