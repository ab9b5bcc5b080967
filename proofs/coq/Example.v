(** * Example.v: the theorems are not vacuous

    A network of 2 inputs, 2 hidden units and 1 output, on 2 examples.  Its weights are chosen so that every Z is 0 and
    every A is 1/2, which makes the gradient a plain fraction: the theorems then give derivatives as numbers.

    Then the same with ReLU and half the squared error, and biases 1, so that no hidden Z is at the kink.

    Main results: [derivative_is_a_number], [the_step_descends], [the_batches_add_up]; [relu_derivative_is_a_number].
    Builds on:    Theorems.v, Sigmoid.v. *)

From Coq Require Import Reals Lra Lia List Permutation.
From Coquelicot Require Import Coquelicot.
From RefNN Require Import Model Theorems Sigmoid.
Import ListNotations.
Open Scope R_scope.

Definition n (l : nat) : nat := match l with 0 | 1 => 2 | _ => 1 end.
(** W1 = [[0, 0], [0, 0]], W2 = [[1, -1]] *)
Definition W : weights := fun l i j =>
  match l, j with
  | 2%nat, 0%nat => 1
  | 2%nat, _ => -1
  | _, _ => 0
  end.
Definition b : biases := fun _ _ => 0.
(** X = [[1, 0], [0, 1]], Y = [[1, 0]] *)
Definition X : mat := fun j k => if Nat.eqb j k then 1 else 0.
Definition Y : mat := fun _ k => if Nat.eqb k 0 then 1 else 0.

(** σ(0) = 1/2. *)
Lemma sigmoid_of_0 : forall z, z = 0 -> sigmoid z = 1 / 2.
Proof. intros z ->. unfold sigmoid. rewrite Ropp_0, exp_0. lra. Qed.

(** Innermost first, each sigmoid is that of 0. *)
Local Ltac evaluate :=
  repeat match goal with
  | |- context [sigmoid ?z] => rewrite (sigmoid_of_0 z) by lra
  end.

Notation out := (Logistic n 2).

(** Backprop, evaluated: dZ_2 = -1/4, dA_1 = -1/4, dZ_1 = -1/16, times the input 1. *)
Lemma gradient_value : dW n 2 2 Sigmoids (out 2 Y) W b X 1%nat 0%nat 0%nat = - 1 / 16.
Proof.
  unfold dW, dW_layer, dZ. simpl.
  unfold dZ_hidden, dA_prev, dZ_output, Z, linear, b, X, Y. simpl. unfold linear. simpl.
  evaluate. lra.
Qed.

(** ∂J/∂W_1[0,0] = -1/16 *)
Theorem derivative_is_a_number :
  is_derive (fun w => cost n 2 Sigmoids (out 2 Y) (set_W W 1%nat 0%nat 0%nat w) b X) 0 (- 1 / 16).
Proof. rewrite <- gradient_value. apply (backprop_W n 2 2 Y ltac:(lia) W b X 1%nat 0%nat 0%nat); simpl; lia. Qed.

(** The gradient is not zero, so gradient descent descends. *)
Theorem the_step_descends : exists rate, 0 < rate /\ forall learning_rate, 0 < learning_rate < rate ->
  cost n 2 Sigmoids (out 2 Y) (update_W learning_rate W (dW n 2 2 Sigmoids (out 2 Y) W b X))
    (update_b learning_rate b (db n 2 2 Sigmoids (out 2 Y) W b X)) X
  < cost n 2 Sigmoids (out 2 Y) W b X.
Proof.
  apply update_lowers_cost; [lia|]. left. exists 1%nat, 0%nat, 0%nat.
  repeat split; try (simpl; lia). rewrite gradient_value. lra.
Qed.

(** Two batches of one example each, the second example first: a partition, as the theorem on mini-batches asks. *)
Theorem the_batches_add_up :
  sum_over [[1]; [0]]%nat (fun B => INR (length B) / INR 2 *
    dW n 2 (length B) Sigmoids (out (length B) (columns B Y)) W b (columns B X) 1%nat 0%nat 0%nat) = - 1 / 16.
Proof. rewrite <- gradient_value. apply minibatch_W. apply perm_swap. Qed.

(** ** ReLU, and half the squared error of the identity *)

Definition ones : biases := fun _ _ => 1.
Definition regression : output := Squared n 2 2 Y (1 / 2) Identity.

(** Every hidden Z is 1: above the kink. *)
Lemma relu_differentiable : differentiable n 2 2 (fun _ => Relu) regression W ones X.
Proof.
  apply (known_network _ _ _ _ _ Y).
  - intros [|[|l]] i k Hl _ _; [lia | | lia]. right. split; [now exists 0 | unfold Z, linear, ones; simpl; lra].
  - right. right. exists (1 / 2), Identity. split; [reflexivity | intros; left; simpl; tauto].
Qed.

(** dZ_2 = (0, 1/2), dA_1 = dZ_1 = (1/2, -1/2) on the second example, times the input 1. *)
Lemma relu_gradient_value : dW n 2 2 (fun _ => Relu) regression W ones X 1%nat 0%nat 1%nat = 1 / 2.
Proof.
  unfold dW, dW_layer, dZ. simpl.
  unfold dZ_hidden, dA_prev, Z, linear, ones, X, Y. simpl. unfold linear. simpl.
  repeat match goal with |- context [Rlt_dec 0 ?z] => destruct (Rlt_dec 0 z); [|exfalso; lra] end. lra.
Qed.

(** ∂J/∂W_1[0,1] = 1/2 *)
Theorem relu_derivative_is_a_number :
  is_derive (fun w => cost n 2 (fun _ => Relu) regression (set_W W 1%nat 0%nat 1%nat w) ones X) 0 (1 / 2).
Proof.
  rewrite <- relu_gradient_value.
  apply (any_W n 2 2 _ _ ltac:(lia) W ones X relu_differentiable 1%nat 0%nat 1%nat); simpl; lia.
Qed.
