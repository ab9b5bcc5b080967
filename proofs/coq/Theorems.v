(** * Theorems.v: what is proved.  Read this file first.

    A network over the real numbers has any number [L] > 0 of layers, any widths [n 0], ..., [n L], any number [m] of
    examples, an activation [g l] for each layer, and an output [out]: the cost J as a function of the last Z, with the
    labels in it.  J = [cost n L g out W b X] is a function of the weights [W], the biases [b] and the inputs [X].
    Backprop computes [dW], [db] and [dA].  The theorems say that these are the derivatives of J:

      Part I    in every network whose hidden activations and output have, at the [Z] of the network, the derivatives
                that their records name: [differentiable] in Model.v;
      Part II   for which activations and outputs this is so;
      Part III  in the network of sigmoids with the cross-entropy, the default of refnn/network.py: always.

    Words of analysis come from the library Coquelicot: [is_derive f t v] says that the function [f] is differentiable
    at [t], with derivative [v].  The other words are in Generic.v (the network), Program.v (the program) and Model.v
    (curves, sizes, one entry replaced).  [Σ i < n, f i] sums over i = 0, ..., n - 1, [W l i j] is entry (i, j) of the
    weights of layer [l].

    In Coq [x / 0], and [ln x] for x <= 0, have some value.  Parts II and III show that none of them is used in their
    activations and outputs, if m > 0.  For m = 0, J and all gradients are 0 there, and the theorems say nothing.

    Each proof is a line or a few here; the work is in the file that the comment names.  A reader who wants the heart of
    it takes Tangent.v, which differentiates forward through the layers, and Adjoint.v, which transposes that into
    backprop.  Assumptions.v lists what all rests on: four axioms of Coq's library, which all hold in ordinary
    mathematics, and none of ours. *)

From Coq Require Import Reals Lra List Permutation.
From Coquelicot Require Import Coquelicot.
From RefNN Require Import Model Calculus Output Gradient Descent Batches.
Open Scope R_scope.

(** * Part I: any network *)

Section AnyNetwork.
Variable n : nat -> nat.
Variable L m : nat.
Variable g : nat -> activation.
Variable out : output.
Hypothesis L_pos : (0 < L)%nat.

Notation J := (cost n L g out).
Notation Z := (Z n g).
Notation A := (A n g).
Notation dZ := (dZ n L g out).
Notation dA := (dA n L g out).
Notation dW := (dW n L m g out).
Notation db := (db n L m g out).

(** ** 1. Along every differentiable curve of weights, biases and inputs (Adjoint.v, Gradient.v)

    Let all of them move, differentiably.  J moves with a velocity that is the inner product of backprop's [dW], [db],
    [dA 0] with the velocities [W'], [b'], [X']. *)
Theorem any_along_curve :
  forall (Wt : R -> weights) (bt : R -> biases) (Xt : R -> mat) (t0 : R) W' b' X',
  differentiable n L m g out (Wt t0) (bt t0) (Xt t0) -> moves n L m Wt bt Xt t0 W' b' X' ->
  is_derive (fun t => J (Wt t) (bt t) (Xt t)) t0
    (let W := Wt t0 in let b := bt t0 in let X := Xt t0 in
     inner n L m (dW W b X) (db W b X) (dA W b X 0) W' b' X').
Proof. intros. now apply derivative_along_curve. Qed.

Section AtAPoint.
Variable W : weights.
Variable b : biases.
Variable X : mat.
Hypothesis differentiable_here : differentiable n L m g out W b X.

(** ** 2. Each partial derivative (Gradient.v) *)

(** ∂J/∂W_l[i,j] *)
Theorem any_W : forall l i j, (1 <= l <= L)%nat -> (i < n l)%nat -> (j < n (pred l))%nat ->
  is_derive (fun w => J (set_W W l i j w) b X) (W l i j) (dW W b X l i j).
Proof. now apply partial_W. Qed.

(** ∂J/∂b_l[i] *)
Theorem any_b : forall l i, (1 <= l <= L)%nat -> (i < n l)%nat ->
  is_derive (fun c => J W (set_b b l i c) X) (b l i) (db W b X l i).
Proof. now apply partial_b. Qed.

(** ∂J/∂X[j,k] *)
Theorem any_X : forall j k, (j < n O)%nat -> (k < m)%nat ->
  is_derive (fun x => J W b (set_A X j k x)) (X j k) (dA W b X 0 j k).
Proof. now apply (partial_X n L m). Qed.

(** ∂J/∂A_l[j,k]: perturb an activation below the last layer, and let the layers above it run on the perturbed one. *)
Theorem any_A : forall l j k, (l < L)%nat -> (j < n l)%nat -> (k < m)%nat ->
  is_derive (fun a => cost_above l n L g out W b (set_A (A W b X l) j k a)) (A W b X l j k) (dA W b X l j k).
Proof. intros. now apply (partial_A n L m). Qed.

(** Here [cost_above l], taken at the [A l] of the network, is J. *)
Theorem any_cost_above : forall l, (l < L)%nat -> cost_above l n L g out W b (A W b X l) = J W b X.
Proof. intros. now apply cost_above_is_cost. Qed.

(** ∂J/∂Z_L[i,k]: as a function of [Z L], J is the loss of the output. *)
Theorem any_Z_output : forall i k, (i < n L)%nat -> (k < m)%nat ->
  is_derive (fun z => loss out (set_A (Z W b X L) i k z)) (Z W b X L i k) (dZ W b X L i k).
Proof. now apply partial_Z_output. Qed.

(** (D15) is ∂J/∂Z_l[i,k] of a hidden layer: perturb [Z l], and let the layers above run on its activation. *)
Theorem any_Z : forall l i k, (0 < l < L)%nat -> (i < n l)%nat -> (k < m)%nat ->
  is_derive (fun z => cost_above l n L g out W b (fun i' k' => value (g l) (set_A (Z W b X l) i k z i' k')))
    (Z W b X l i k) (dZ W b X l i k).
Proof. intros l i k [Hl HL] Hi Hk. now apply (partial_Z_hidden n L m). Qed.

(** ** 3. All variables at once (Expansion.v, Gradient.v)

    J is differentiable in the sense of Fréchet: the error of the linear approximation is o(size of the perturbation).
    Size is the sum of the absolute values of all entries in range; any other norm would do. *)
Theorem any_frechet : forall eps, 0 < eps -> exists delta, 0 < delta /\
  forall W' b' X', size n L m W' b' X' < delta ->
  Rabs (J (fun l i j => W l i j + W' l i j) (fun l i => b l i + b' l i) (fun j k => X j k + X' j k)
        - J W b X
        - inner n L m (dW W b X) (db W b X) (dA W b X 0) W' b' X')
  <= eps * size n L m W' b' X'.
Proof. now apply frechet. Qed.

(** ** 4. Descent (Descent.v)

    (D14): unless the gradient is zero, every step of update_parameters with a small enough learning rate lowers J. *)
Theorem any_update_lowers_cost :
  (exists l i j, (1 <= l <= L)%nat /\ (i < n l)%nat /\ (j < n (pred l))%nat /\ dW W b X l i j <> 0) \/
  (exists l i, (1 <= l <= L)%nat /\ (i < n l)%nat /\ db W b X l i <> 0) ->
  exists rate, 0 < rate /\ forall learning_rate, 0 < learning_rate < rate ->
    J (update_W learning_rate W (dW W b X)) (update_b learning_rate b (db W b X)) X < J W b X.
Proof. now apply update_descends. Qed.

End AtAPoint.
End AnyNetwork.

(** ** 5. Mini-batches (Batches.v)

    (D13), for every output that is a mean over examples: cut the examples 0, ..., m - 1 into batches, in any order and
    of any sizes.  The mean of the batches' own gradients, each computed from its own columns of [X] and [Y] alone and
    weighted by its size, all at the same [W] and [b], is the gradient.  An epoch of train steps between its batches, so
    it is not covered.  Nothing need be differentiable. *)
Section MiniBatches.
Variable n : nat -> nat.
Variable L m : nat.
Variable g : nat -> activation.
Variable out : nat -> mat -> output.
Variable Y : mat.
Variable W : weights.
Variable b : biases.
Variable X : mat.
Variable batches : list (list nat).
Hypothesis mean : is_mean out.
Hypothesis partition : Permutation (concat batches) (seq 0 m).

Theorem any_minibatch_W : forall l i j,
  sum_over batches (fun B => INR (length B) / INR m *
    dW n L (length B) g (out (length B) (columns B Y)) W b (columns B X) l i j) = dW n L m g (out m Y) W b X l i j.
Proof. now apply dW_of_batches. Qed.

Theorem any_minibatch_b : forall l i,
  sum_over batches (fun B => INR (length B) / INR m *
    db n L (length B) g (out (length B) (columns B Y)) W b (columns B X) l i) = db n L m g (out m Y) W b X l i.
Proof. now apply db_of_batches. Qed.

End MiniBatches.

(** * Part II: activations and outputs *)

(** ** 6. The activations (Calculus.v): what [derivative] names is the derivative of [value] *)

(** (D3) *)
Theorem sigmoid_derivative : forall z, is_derive sigmoid z (sigmoid z * sigmoid (- z)).
Proof. exact is_derive_sigmoid. Qed.

(** (D2): so this is the article's A (1 - A). *)
Theorem sigmoid_complement : forall z, sigmoid (- z) = 1 - sigmoid z.
Proof. exact sigmoid_opp. Qed.

(** (D16) *)
Theorem tanh_derivative : forall z, is_derive (value Tanh) z (derivative Tanh z).
Proof. exact is_derive_tanh. Qed.

(** (D17) *)
Theorem softplus_derivative : forall z, is_derive (value Softplus) z (derivative Softplus z).
Proof. exact is_derive_softplus. Qed.

(** (D18) *)
Theorem silu_derivative : forall z, is_derive (value Silu) z (derivative Silu z).
Proof. exact is_derive_silu. Qed.

Theorem identity_derivative : forall z, is_derive (value Identity) z (derivative Identity z).
Proof. exact (is_derive_id (K := R_AbsRing)). Qed.

(** (D19): leaky ReLU, and with it ReLU, off the kink. *)
Theorem leaky_derivative : forall c z, z <> 0 -> is_derive (value (Leaky c)) z (derivative (Leaky c) z).
Proof. exact is_derive_leaky. Qed.

Theorem relu_is_max : forall z, value Relu z = Rmax 0 z.
Proof. exact Relu_is_max. Qed.

(** So the logarithm in [softplus] and the quotients in [sigmoid] and [tanh] are defined. *)
Theorem denominators_are_positive : forall z, 0 < 1 + exp z /\ 0 < exp z + exp (- z).
Proof. intros z. pose proof (exp_pos z). pose proof (exp_pos (- z)). lra. Qed.

(** ** 7. The outputs (Output.v): what [dloss] names is the derivative of [loss], in the sense of Fréchet *)
Section Outputs.
Variable n : nat -> nat.
Variable L m : nat.
Variable Y : mat.

(** (D7) *)
Theorem logistic_output : forall Z, is_gradient (n L) m (loss (Logistic n L m Y)) Z (dloss (Logistic n L m Y) Z).
Proof. exact (logistic_gradient n L m Y). Qed.

(** (D20): half of the squared error for share = 1/2; wherever the activation has its derivative. *)
Theorem squared_output : forall share h Z,
  (forall i k, (i < n L)%nat -> (k < m)%nat -> is_derive (value h) (Z i k) (derivative h (Z i k))) ->
  is_gradient (n L) m (loss (Squared n L m Y share h)) Z (dloss (Squared n L m Y share h) Z).
Proof. exact (squared_gradient n L m Y). Qed.

(** (D21): for any real labels. *)
Theorem softmax_output : forall Z, is_gradient (n L) m (loss (Softmax n L m Y)) Z (dloss (Softmax n L m Y) Z).
Proof. exact (softmax_gradient n L m Y). Qed.

(** Where the labels of an example add up to 1, this is (A - Y) / m. *)
Theorem softmax_output_difference : forall Z i k, (i < n L)%nat -> (Σ j < n L, Y j k) = 1 ->
  dloss (Softmax n L m Y) Z i k = (softmax n L Z i k - Y i k) / INR m.
Proof. intros Z i k Hi HY. rewrite softmax_dloss, HY, Rmult_1_r by exact Hi. reflexivity. Qed.

(** So every logarithm of a softmax is defined, and its denominator is positive. *)
Theorem softmax_is_a_distribution : forall Z i k, (i < n L)%nat ->
  0 < (Σ j < n L, exp (Z j k)) /\ 0 < softmax n L Z i k /\ (Σ j < n L, softmax n L Z j k) = 1.
Proof. intros Z i k Hi. split; [|split]; [eapply sum_exp_pos | eapply softmax_pos | eapply softmax_sum]; exact Hi. Qed.

(** The cost of a softmax from the last Z, with no logarithm of a number that rounds to zero. *)
Theorem softmax_cost_from_Z : forall Z, loss (Softmax n L m Y) Z
  = (Σ k < m, Σ i < n L, Y i k * (ln (Σ j < n L, exp (Z j k)) - Z i k)) / INR m.
Proof. exact (softmax_cost n L m Y). Qed.

End Outputs.

(** All three are means over the examples, as (D13) asks. *)
Theorem outputs_are_means : forall n L share h,
  is_mean (Logistic n L) /\ is_mean (fun m Y => Squared n L m Y share h) /\ is_mean (Softmax n L).
Proof. intros. split; [|split]; [apply logistic_mean | apply squared_mean | apply softmax_mean]. Qed.

(** * Part III: the sigmoid network of refnn/network.py *)

Section Theorems.
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

(** ** 8. Part I applies everywhere *)

Theorem sigmoid_network_differentiable : forall W b X, differentiable n L m Sigmoids out W b X.
Proof. intros. split; [intros; apply is_derive_sigmoid | apply logistic_output]. Qed.

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

(** ** 9. The activations and the output (Output.v) *)

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

(** ** 10. Descent and mini-batches *)

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

(** ** 11. The program (Program.v)

    What is extracted and run beside the Python source keeps its arrays in tables.  The tables of its forward pass hold
    [Z] and [A], those of its backward pass [dW], [db], [dA].  Program.v proves this for every kind of number, so also
    for the finite field and the floats on which the program runs, and for any activations; here it is said of the reals
    and of what is run. *)
Theorem program_forward : caches_hold n m Sigmoids W b X L (forward n m Sigmoids W b X L).
Proof. apply forward_correct. Qed.

Theorem program_backprop :
  gradients_hold n L m Sigmoids out W b X L (backprop n L m Sigmoids out W (forward n m Sigmoids W b X L)).
Proof. now apply backprop_correct, forward_correct; [apply Logistic_agrees|]. Qed.

Theorem program_costs : forall Z_L A_L below, forward n m Sigmoids W b X L = (Z_L, A_L) :: below ->
  cost_function n L m Y (entry A_L) = J W b X /\ logistic_cost n L m Y (entry Z_L) = J W b X.
Proof.
  intros Z_L A_L below E. pose proof program_forward as H. rewrite E in H. split.
  - rewrite cost_is_cross_entropy. apply cost_function_agrees, H.
  - rewrite logistic_cost_is_cost_function.
    now apply (loss_correct n L m Sigmoids out W b X (Logistic_agrees n L m Y) L_pos Z_L A_L below).
Qed.

End AtAPoint.
End Theorems.
