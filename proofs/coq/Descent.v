(** * Descent.v: a small enough step against the gradient lowers the cost

    Main result:  [update_descends].
    Builds on:    Gradient.v, along the straight line that update_parameters takes as its learning rate grows from 0. *)

From Coq Require Import Reals Lra Lia FunctionalExtensionality.
From Coquelicot Require Import Coquelicot.
From RefNN Require Import Model Sums Calculus Gradient.
Open Scope R_scope.

(** A function with a negative derivative is lower a little later. *)
Lemma negative_derivative_lowers : forall f t f', is_derive f t f' -> f' < 0 ->
  exists delta, 0 < delta /\ forall h, 0 < h < delta -> f (t + h) < f t.
Proof.
  intros f t f' H Hneg. apply is_derive_Reals in H.
  destruct (H (- f') ltac:(lra)) as [delta Hd]. exists delta. split; [apply cond_pos|].
  intros h Hh. specialize (Hd h ltac:(lra)). rewrite Rabs_pos_eq in Hd by lra.
  specialize (Hd (proj2 Hh)). apply Rabs_def2 in Hd.
  assert (slope : (f (t + h) - f t) / h < 0) by lra.
  apply Rmult_lt_compat_r with (r := h) in slope; [|lra].
  unfold Rdiv in slope. rewrite Rmult_assoc, Rinv_l in slope; lra.
Qed.

Section Descent.
Variable n : nat -> nat.
Variable L m : nat.
Variable g : nat -> activation.
Variable out : output.
Variable W : weights.
Variable b : biases.
Variable X : mat.
Hypothesis L_pos : (0 < L)%nat.
Hypothesis Hnet : differentiable n L m g out W b X.

Notation dW_ := (dW n L m g out W b X).
Notation db_ := (db n L m g out W b X).
Notation cost_after rate := (cost n L g out (update_W rate W dW_) (update_b rate b db_) X).

(** With learning rate 0, update_parameters changes nothing. *)
Lemma update_W_0 : update_W 0 W dW_ = W.
Proof. extensionality l; extensionality i; extensionality j. unfold update_W. ring. Qed.

Lemma update_b_0 : update_b 0 b db_ = b.
Proof. extensionality l; extensionality i. unfold update_b. ring. Qed.

(** There the cost falls at the squared length of the gradient. *)
Lemma is_derive_cost_after : is_derive (fun rate => cost_after rate) 0
  (- inner n L m dW_ db_ (fun _ _ => 0) dW_ db_ (fun _ _ => 0)).
Proof.
  pose proof (derivative_along_curve n L m g out L_pos
    (fun rate => update_W rate W dW_) (fun rate => update_b rate b db_) (fun _ => X) 0
    (fun l i j => - dW_ l i j) (fun l i => - db_ l i) (fun _ _ => 0)) as H.
  cbv beta in H. rewrite update_W_0, update_b_0 in H.
  match type of H with _ -> _ -> is_derive _ _ ?v => replace (- inner _ _ _ _ _ _ _ _ _) with v end.
  - apply H; [exact Hnet|]. split; [|split]; intros; [| |apply is_derive_fixed]; unfold update_W, update_b;
      auto_derive; trivial; ring.
  - match goal with |- _ = - ?x => replace (- x) with (-1 * x) by ring end.
    unfold inner. rewrite <- total_scal. apply total_ext; intros; ring.
Qed.

(** (D14) *)
Lemma update_descends :
  (exists l i j, (1 <= l <= L)%nat /\ (i < n l)%nat /\ (j < n (pred l))%nat /\ dW_ l i j <> 0) \/
  (exists l i, (1 <= l <= L)%nat /\ (i < n l)%nat /\ db_ l i <> 0) ->
  exists rate, 0 < rate /\ forall r, 0 < r < rate -> cost_after r < cost n L g out W b X.
Proof.
  intros H. pose proof (inner_self_pos n L m dW_ db_ H) as Hpos.
  destruct (negative_derivative_lowers _ _ _ is_derive_cost_after ltac:(lra)) as [rate [Hrate Hlow]].
  exists rate. split; [exact Hrate|]. intros r Hr. specialize (Hlow r Hr). cbv beta in Hlow.
  rewrite Rplus_0_l, update_W_0, update_b_0 in Hlow. exact Hlow.
Qed.

End Descent.
