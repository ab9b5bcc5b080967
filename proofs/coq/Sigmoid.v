(** * Sigmoid.v: the theorems of Theorems.v, for the network of the article

    The sigmoid in every layer, and the cross-entropy: the default of refnn/network.py, and the program that is run
    beside it.  Its activations and its output are differentiable everywhere, so nothing is asked of the point; and the
    fused output is shown to be the article's chain.

    Builds on:    Theorems.v, Program.v. *)

From Coq Require Import Reals List Permutation.
From Coquelicot Require Import Coquelicot.
From RefNN Require Import Model Output Gradient Batches Theorems.
Open Scope R_scope.

Section Sigmoid.
Variable n : nat -> nat.
Variable L m : nat.
Variable Y : mat.
Hypothesis L_pos : (0 < L)%nat.

Notation out := (Logistic n L m Y).
Notation J := (cost n L Sigmoids out).
Notation Z := (Z n Sigmoids).
Notation A := (A n Sigmoids).
Notation dZ := (dZ n L Sigmoids out).
Notation dA := (dA n L Sigmoids out).
Notation dW := (dW n L m Sigmoids out).
Notation db := (db n L m Sigmoids out).

(** ** 1. What Part I says of it *)

Theorem sigmoid_network_differentiable : forall W b X, differentiable n L m Sigmoids out W b X.
Proof. intros. apply (known_network n L m Sigmoids out Y); [left; now left | now left]. Qed.

Theorem backprop_along_curve :
  forall (Wt : R -> weights) (bt : R -> biases) (Xt : R -> mat) (t0 : R) W' b' X',
  moves n L m Wt bt Xt t0 W' b' X' ->
  is_derive (fun t => J (Wt t) (bt t) (Xt t)) t0
    (let W := Wt t0 in let b := bt t0 in let X := Xt t0 in
     inner n L m (dW W b X) (db W b X) (dA W b X 0) W' b' X').
Proof. intros. now apply any_along_curve; [|apply sigmoid_network_differentiable|]. Qed.

Section AtAPoint.
Variable W : weights.
Variable b : biases.
Variable X : mat.
Let here := sigmoid_network_differentiable W b X.

Theorem backprop_W : forall l i j, (1 <= l <= L)%nat -> (i < n l)%nat -> (j < n (pred l))%nat ->
  is_derive (fun w => J (set_W W l i j w) b X) (W l i j) (dW W b X l i j).
Proof. exact (any_W n L m _ _ L_pos W b X here). Qed.

Theorem backprop_b : forall l i, (1 <= l <= L)%nat -> (i < n l)%nat ->
  is_derive (fun c => J W (set_b b l i c) X) (b l i) (db W b X l i).
Proof. exact (any_b n L m _ _ L_pos W b X here). Qed.

Theorem backprop_X : forall j k, (j < n O)%nat -> (k < m)%nat ->
  is_derive (fun x => J W b (set_A X j k x)) (X j k) (dA W b X 0 j k).
Proof. exact (any_X n L m _ _ L_pos W b X here). Qed.

Theorem backprop_A : forall l j k, (l < L)%nat -> (j < n l)%nat -> (k < m)%nat ->
  is_derive (fun a => cost_above l n L Sigmoids out W b (set_A (A W b X l) j k a)) (A W b X l j k) (dA W b X l j k).
Proof. exact (any_A n L m _ _ W b X here). Qed.

Theorem cost_above_meaning : forall l, (l < L)%nat -> cost_above l n L Sigmoids out W b (A W b X l) = J W b X.
Proof. exact (any_cost_above n L _ _ W b X). Qed.

(** (D4): J is the cross-entropy of the last activation. *)
Theorem cost_is_cross_entropy : J W b X = cost_function n L m Y (A W b X L).
Proof. unfold cost. simpl. now rewrite A_is_sigmoid_Z. Qed.

(** (D6), which the code passes over, is ∂J/∂A_L[i,k]; as a function of [A L], J is [cost_function]. *)
Theorem backprop_A_output : forall i k, (i < n L)%nat -> (k < m)%nat ->
  is_derive (fun a => cost_function n L m Y (set_A (A W b X L) i k a)) (A W b X L i k) (dA_output m Y (A W b X L) i k).
Proof.
  intros. apply (partial_matrix m (n L)); trivial. apply cost_function_gradient. intros. now apply A_between_0_1.
Qed.

(** (D7) is ∂J/∂Z_L[i,k]: perturb [Z L], and take the cost of its sigmoid. *)
Theorem backprop_Z_output : forall i k, (i < n L)%nat -> (k < m)%nat ->
  is_derive (fun z => cost_function n L m Y (fun i' k' => sigmoid (set_A (Z W b X L) i k z i' k'))) (Z W b X L i k)
    (dZ W b X L i k).
Proof. exact (any_Z_output n L m _ _ W b X here). Qed.

(** (D8) is ∂J/∂Z_l[i,k] of a hidden layer. *)
Theorem backprop_Z : forall l i k, (0 < l < L)%nat -> (i < n l)%nat -> (k < m)%nat ->
  is_derive (fun z => cost_above l n L Sigmoids out W b (fun i' k' => sigmoid (set_A (Z W b X l) i k z i' k')))
    (Z W b X l i k) (dZ W b X l i k).
Proof. exact (any_Z n L m _ _ W b X here). Qed.

Theorem backprop_frechet : forall eps, 0 < eps -> exists delta, 0 < delta /\
  forall W' b' X', size n L m W' b' X' < delta ->
  Rabs (J (fun l i j => W l i j + W' l i j) (fun l i => b l i + b' l i) (fun j k => X j k + X' j k)
        - J W b X
        - inner n L m (dW W b X) (db W b X) (dA W b X 0) W' b' X')
  <= eps * size n L m W' b' X'.
Proof. exact (any_frechet n L m _ _ L_pos W b X here). Qed.

(** ** 2. The activations and the output (Output.v) *)

(** For m > 0, every logarithm in (D4) and every quotient in (D6) is defined. *)
Theorem activation_between_0_and_1 : forall l i k, (0 < l)%nat -> 0 < A W b X l i k < 1.
Proof. intros. now apply A_between_0_1. Qed.

(** (D7): the fused output is the article's chain, from [dA_output] through the sigmoid. *)
Theorem fused_output : forall i k,
  dZ W b X L i k = dA_output m Y (A W b X L) i k * (sigmoid (Z W b X L i k) * sigmoid (- Z W b X L i k)).
Proof. intros. rewrite A_is_sigmoid_Z, dZ_of_output by exact L_pos. apply dZ_output_fused. Qed.

(** (D7): and it is (A - Y) / m. *)
Theorem fused_output_difference : forall i k, dZ W b X L i k = (A W b X L i k - Y i k) / INR m.
Proof. intros. rewrite A_is_sigmoid_Z, dZ_of_output by exact L_pos. apply dZ_output_difference. Qed.

(** (D5): logistic_cost of the last Z is cost_function of the last A. *)
Theorem logistic_cost_is_J : logistic_cost n L m Y (Z W b X L) = J W b X.
Proof. apply logistic_cost_is_cost_function. Qed.

(** ** 3. Descent and mini-batches *)

(** (D14) *)
Theorem update_lowers_cost :
  (exists l i j, (1 <= l <= L)%nat /\ (i < n l)%nat /\ (j < n (pred l))%nat /\ dW W b X l i j <> 0) \/
  (exists l i, (1 <= l <= L)%nat /\ (i < n l)%nat /\ db W b X l i <> 0) ->
  exists rate, 0 < rate /\ forall learning_rate, 0 < learning_rate < rate ->
    J (update_W learning_rate W (dW W b X)) (update_b learning_rate b (db W b X)) X < J W b X.
Proof. exact (any_update_lowers_cost n L m _ _ L_pos W b X here). Qed.

(** (D13) *)
Section MiniBatches.
Variable batches : list (list nat).
Hypothesis partition : Permutation (concat batches) (seq 0 m).

Theorem minibatch_W : forall l i j,
  sum_over batches (fun B => INR (length B) / INR m *
    RProgram.dW n L (length B) Sigmoids (Logistic n L (length B) (columns B Y)) W b (columns B X) l i j)
  = dW W b X l i j.
Proof. now apply (any_minibatch_W n L m Sigmoids (Logistic n L)); [apply logistic_mean|]. Qed.

Theorem minibatch_b : forall l i,
  sum_over batches (fun B => INR (length B) / INR m *
    RProgram.db n L (length B) Sigmoids (Logistic n L (length B) (columns B Y)) W b (columns B X) l i)
  = db W b X l i.
Proof. now apply (any_minibatch_b n L m Sigmoids (Logistic n L)); [apply logistic_mean|]. Qed.

End MiniBatches.

(** ** 4. The program (Program.v)

    As it is run beside the Python source. *)
Theorem program_forward : caches_hold n m Sigmoids W b X L (forward n m Sigmoids W b X L).
Proof. now apply any_program with (L := L) (out := out); [|apply Logistic_agrees]. Qed.

Theorem program_backprop :
  gradients_hold n L m Sigmoids out W b X L (backprop n L m Sigmoids out W (forward n m Sigmoids W b X L)).
Proof. now apply any_program; [|apply Logistic_agrees]. Qed.

Theorem program_costs : forall Z_L A_L below, forward n m Sigmoids W b X L = (Z_L, A_L) :: below ->
  cost_function n L m Y (entry A_L) = J W b X /\ logistic_cost n L m Y (entry Z_L) = J W b X.
Proof.
  intros Z_L A_L below E. pose proof program_forward as H. rewrite E in H. split.
  - rewrite cost_is_cross_entropy. apply cost_function_agrees, H.
  - rewrite logistic_cost_is_cost_function.
    now apply (loss_correct n L m Sigmoids out W b X (Logistic_agrees n L m Y) L_pos Z_L A_L below).
Qed.

End AtAPoint.
End Sigmoid.
