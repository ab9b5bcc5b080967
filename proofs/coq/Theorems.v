(** * Theorems.v: what is proved.  Read this file first.

    J is the cost (D4) of the network of refnn/network.py over the real numbers: [cost n L m Y W b X] in Generic.v.  It
    is a function of the weights [W], the biases [b] and the inputs [X], for any number [L] > 0 of layers, any widths
    [n 0], ..., [n L], any number [m] of examples, and any labels [Y].  Backprop computes [dW], [db] and [dA] from (D7) to
    (D11).  The theorems say that these are the derivatives of J.

    Words of analysis come from the library Coquelicot: [is_derive f t v] says that the function [f] is differentiable at
    [t], with derivative [v].  The other words are in Generic.v (the network), Program.v (the program of section 7) and
    Model.v (curves, sizes, one entry replaced).  [Σ i < n, f i] sums over i = 0, ..., n - 1, [W l i j] is entry (i, j) of
    the weights of layer [l].

    In Coq [x / 0], and [ln x] for x <= 0, have some value; section 4 shows that none of them is used, if m > 0.  For
    m = 0, J and all gradients are 0, and the theorems say nothing.

    Each proof is a line or a few here; the work is in the file that the comment names.  A reader who wants the heart of
    it takes Tangent.v, which differentiates forward through the layers, and Adjoint.v, which transposes that into
    backprop.  Assumptions.v lists what all rests on: four axioms of Coq's library, which all hold in ordinary
    mathematics, and none of ours. *)

From Coq Require Import Reals List Permutation.
From Coquelicot Require Import Coquelicot.
From RefNN Require Import Model Calculus Output Gradient Frechet Descent Batches.
Open Scope R_scope.

Section Theorems.
Variable n : nat -> nat.
Variable L m : nat.
Variable Y : mat.
Hypothesis L_pos : (0 < L)%nat.

Notation J := (cost n L m Y).
Notation Z := (Z n).
Notation A := (A n).
Notation dZ := (dZ n L m Y).
Notation dA := (dA n L m Y).
Notation dW := (dW n L m Y).
Notation db := (db n L m Y).

(** ** 1. Along every differentiable curve of weights, biases and inputs (Adjoint.v, Gradient.v)

    Let all of them move, differentiably.  J moves with a velocity that is the inner product of backprop's [dW], [db],
    [dA 0] with the velocities [W'], [b'], [X']. *)
Theorem backprop_along_curve :
  forall (Wt : R -> weights) (bt : R -> biases) (Xt : R -> mat) (t0 : R) W' b' X',
  moves n L m Wt bt Xt t0 W' b' X' ->
  is_derive (fun t => J (Wt t) (bt t) (Xt t)) t0
    (let W := Wt t0 in let b := bt t0 in let X := Xt t0 in
     inner n L m (dW W b X) (db W b X) (dA W b X 0) W' b' X').
Proof. intros. now apply derivative_along_curve. Qed.

Section AtAPoint.
Variable W : weights.
Variable b : biases.
Variable X : mat.

(** ** 2. Each partial derivative (Gradient.v) *)

(** ∂J/∂W_l[i,j] *)
Theorem backprop_W : forall l i j, (1 <= l <= L)%nat -> (i < n l)%nat -> (j < n (pred l))%nat ->
  is_derive (fun w => J (set_W W l i j w) b X) (W l i j) (dW W b X l i j).
Proof. now apply partial_W. Qed.

(** ∂J/∂b_l[i] *)
Theorem backprop_b : forall l i, (1 <= l <= L)%nat -> (i < n l)%nat ->
  is_derive (fun c => J W (set_b b l i c) X) (b l i) (db W b X l i).
Proof. now apply partial_b. Qed.

(** ∂J/∂X[j,k] *)
Theorem backprop_X : forall j k, (j < n O)%nat -> (k < m)%nat ->
  is_derive (fun x => J W b (set_A X j k x)) (X j k) (dA W b X 0 j k).
Proof. now apply partial_X. Qed.

(** ∂J/∂A_l[j,k]: perturb an activation below the last layer, and let the layers above it run on the perturbed one. *)
Theorem backprop_A : forall l j k, (l < L)%nat -> (j < n l)%nat -> (k < m)%nat ->
  is_derive (fun a => cost_above l n L m Y W b (set_A (A W b X l) j k a)) (A W b X l j k) (dA W b X l j k).
Proof. intros. now apply partial_A. Qed.

(** Here [cost_above l], taken at the [A l] of the network, is J. *)
Theorem cost_above_meaning : forall l, (l < L)%nat -> cost_above l n L m Y W b (A W b X l) = J W b X.
Proof. intros. now apply cost_above_is_cost. Qed.

(** (D6), which the code passes over, is ∂J/∂A_L[i,k]; as a function of [A L], J is [cost_function]. *)
Theorem backprop_A_output : forall i k, (i < n L)%nat -> (k < m)%nat ->
  is_derive (fun a => cost_function n L m Y (set_A (A W b X L) i k a)) (A W b X L i k) (dA_output m Y (A W b X L) i k).
Proof. now apply partial_A_output. Qed.

(** (D7) is ∂J/∂Z_L[i,k]: perturb [Z L], and take the cost of its sigmoid. *)
Theorem backprop_Z_output : forall i k, (i < n L)%nat -> (k < m)%nat ->
  is_derive (fun z => cost_function n L m Y (fun i' k' => sigmoid (set_A (Z W b X L) i k z i' k'))) (Z W b X L i k)
    (dZ W b X L i k).
Proof. now apply partial_Z_output. Qed.

(** (D8) is ∂J/∂Z_l[i,k] of a hidden layer: perturb [Z l], and let the layers above run on its sigmoid. *)
Theorem backprop_Z : forall l i k, (0 < l < L)%nat -> (i < n l)%nat -> (k < m)%nat ->
  is_derive (fun z => cost_above l n L m Y W b (fun i' k' => sigmoid (set_A (Z W b X l) i k z i' k'))) (Z W b X l i k)
    (dZ W b X l i k).
Proof. intros l i k [Hl HL] Hi Hk. now apply partial_Z_hidden. Qed.

(** ** 3. All variables at once (Frechet.v)

    J is differentiable in the sense of Fréchet: the error of the linear approximation is o(size of the perturbation).
    Size is the sum of the absolute values of all entries in range; any other norm would do. *)
Theorem backprop_frechet : forall eps, 0 < eps -> exists delta, 0 < delta /\
  forall W' b' X', size n L m W' b' X' < delta ->
  Rabs (J (fun l i j => W l i j + W' l i j) (fun l i => b l i + b' l i) (fun j k => X j k + X' j k)
        - J W b X
        - inner n L m (dW W b X) (db W b X) (dA W b X 0) W' b' X')
  <= eps * size n L m W' b' X'.
Proof. now apply frechet. Qed.

(** ** 4. The activations and the output (Calculus.v, Output.v) *)

(** (D3) *)
Theorem sigmoid_derivative : forall z, is_derive sigmoid z (sigmoid z * sigmoid (- z)).
Proof. exact is_derive_sigmoid. Qed.

(** (D2): so this is the article's A (1 - A). *)
Theorem sigmoid_complement : forall z, sigmoid (- z) = 1 - sigmoid z.
Proof. exact sigmoid_opp. Qed.

(** So, for m > 0, every logarithm in (D4) and every quotient in (D6) is defined. *)
Theorem activation_between_0_and_1 : forall l i k, (0 < l)%nat -> 0 < A W b X l i k < 1.
Proof. intros. now apply A_between_0_1. Qed.

(** (D7): the fused output is the article's chain, from [dA_output] through the sigmoid. *)
Theorem fused_output : forall i k,
  dZ W b X L i k = dA_output m Y (A W b X L) i k * (sigmoid (Z W b X L i k) * sigmoid (- Z W b X L i k)).
Proof. now apply dZ_output_fused. Qed.

(** (D7): and it is (A - Y) / m. *)
Theorem fused_output_difference : forall i k, dZ W b X L i k = (A W b X L i k - Y i k) / INR m.
Proof. now apply dZ_output_difference. Qed.

(** (D5): logistic_cost of the last Z is cost_function of the last A. *)
Theorem logistic_cost_is_J : logistic_cost n L m Y (Z W b X L) = J W b X.
Proof. now apply logistic_cost_is_cost. Qed.

(** ** 5. Descent (Descent.v)

    (D14): unless the gradient is zero, every step of update_parameters with a small enough learning rate lowers J. *)
Theorem update_lowers_cost :
  (exists l i j, (1 <= l <= L)%nat /\ (i < n l)%nat /\ (j < n (pred l))%nat /\ dW W b X l i j <> 0) \/
  (exists l i, (1 <= l <= L)%nat /\ (i < n l)%nat /\ db W b X l i <> 0) ->
  exists rate, 0 < rate /\ forall learning_rate, 0 < learning_rate < rate ->
    J (update_W learning_rate W (dW W b X)) (update_b learning_rate b (db W b X)) X < J W b X.
Proof. now apply update_descends. Qed.

(** ** 6. Mini-batches (Batches.v)

    (D13): cut the examples 0, ..., m - 1 into batches, in any order and of any sizes.  The mean of the batches' own
    gradients, each computed from its own columns of [X] and [Y] alone and weighted by its size, all at the same [W] and
    [b], is the gradient.  An epoch of train steps between its batches, so it is not covered. *)
Section MiniBatches.
Variable batches : list (list nat).
Hypothesis partition : Permutation (concat batches) (seq 0 m).

Theorem minibatch_W : forall l i j,
  sum_over batches (fun B => INR (length B) / INR m *
    RProgram.dW n L (length B) (columns B Y) W b (columns B X) l i j) = dW W b X l i j.
Proof. now apply dW_of_batches. Qed.

Theorem minibatch_b : forall l i,
  sum_over batches (fun B => INR (length B) / INR m *
    RProgram.db n L (length B) (columns B Y) W b (columns B X) l i) = db W b X l i.
Proof. now apply db_of_batches. Qed.

End MiniBatches.

(** ** 7. The program (Program.v)

    What is extracted and run beside the Python source keeps its arrays in tables.  The tables of its forward pass hold
    [Z] and [A], those of its backward pass [dW], [db], [dA].  Program.v proves this for every kind of number, so also
    for the finite field and the floats on which the program runs; here it is said of the reals. *)
Theorem program_forward : caches_hold n m W b X L (forward n m W b X L).
Proof. apply forward_correct. Qed.

Theorem program_backprop : gradients_hold n L m Y W b X L (backprop n L m Y W (forward n m W b X L)).
Proof. now apply backprop_correct, forward_correct. Qed.

Theorem program_costs : forall Z_L A_L below, forward n m W b X L = (Z_L, A_L) :: below ->
  cost_function n L m Y (entry A_L) = J W b X /\ logistic_cost n L m Y (entry Z_L) = J W b X.
Proof.
  intros Z_L A_L below E. rewrite <- logistic_cost_is_J at 2.
  apply (costs_correct n L m Y W b X Z_L A_L below L_pos). rewrite <- E. apply forward_correct.
Qed.

End AtAPoint.
End Theorems.
