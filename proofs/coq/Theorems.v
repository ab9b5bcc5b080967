(** * Theorems.v: what is proved.  Read this file first.

    A network over the real numbers has any number [L] > 0 of layers, any widths [n 0], ..., [n L], any number [m] of
    examples, an activation [g l] for each layer, and an output [out]: the cost J as a function of the last Z, with the
    labels in it.  J = [cost n L g out W b X] is a function of the weights [W], the biases [b] and the inputs [X].
    Backprop computes [dW], [db] and [dA].  The theorems say that these are the derivatives of J:

      Words     what J, [dW] and the rest are, in formulas;
      Part I    in every network whose hidden activations and output have, at the [Z] of the network, the derivatives
                that their records name: [differentiable] in Model.v;
      Part II   for which activations and outputs this is so.

    Sigmoid.v says it of the article's network, the default of refnn/network.py: there it is always so.

    Words of analysis come from the library Coquelicot: [is_derive f t v] says that the function [f] is differentiable
    at [t], with derivative [v].  The other words are in Generic.v (the network), Program.v (the program) and Model.v
    (curves, sizes, one entry replaced).  [Σ i < n, f i] sums over i = 0, ..., n - 1, [W l i j] is entry (i, j) of the
    weights of layer [l].

    In Coq [x / 0], and [ln x] for x <= 0, have some value.  Part II and Sigmoid.v show that none of them is used in
    these activations and outputs, if m > 0.  For m = 0, J and all gradients are 0 there, and the theorems say nothing.

    Each proof is a line or a few here; the work is in the file that the comment names.  A reader who wants the heart of
    it takes Tangent.v, which differentiates forward through the layers, and Adjoint.v, which transposes that into
    backprop.  Assumptions.v lists what all rests on: four axioms of Coq's library, which all hold in ordinary
    mathematics, and none of ours.  statements.txt has each theorem in full, with all that its section assumes. *)

From Coq Require Import Reals Lra List Permutation.
From Coquelicot Require Import Coquelicot.
From RefNN Require Import Model Calculus Output Gradient Descent Batches.
Open Scope R_scope.

(** * The words

    What the theorems speak of, spelled out: Coq confirms each line by unfolding definitions. *)

Section Words.
Variable n : nat -> nat.
Variable L m : nat.
Variable g : nat -> activation.
Variable out : output.
Variable W : weights.
Variable b : biases.
Variable X : mat.
Notation Z := (Z n g W b X).
Notation A := (A n g W b X).
Notation dZ := (dZ n L g out W b X).
Notation dA := (dA n L g out W b X).
Notation dW := (dW n L m g out W b X).
Notation db := (db n L m g out W b X).

Remark A_0_is : A 0 = X.                                                             Proof. reflexivity. Qed.
Remark Z_is l i k : Z (S l) i k = (Σ j < n l, W (S l) i j * A l j k) + b (S l) i.    Proof. reflexivity. Qed.
Remark A_is l i k : A (S l) i k = value (g (S l)) (Z (S l) i k).                     Proof. reflexivity. Qed.
Remark J_is : cost n L g out W b X = loss out (Z L).                                 Proof. reflexivity. Qed.

Remark dZ_L_is : dZ L = dloss out (Z L).                             Proof. exact (dZ_of_output n L g out W b X). Qed.
Remark dA_is l j k : dA l j k = Σ i < n (S l), W (S l) i j * dZ (S l) i k.           Proof. reflexivity. Qed.
Remark dZ_is l i k : (l < L)%nat -> dZ l i k = dA l i k * derivative (g l) (Z l i k).
Proof. intros H. now rewrite dZ_recursion. Qed.
Remark dW_is l i j : dW (S l) i j = Σ k < m, dZ (S l) i k * A l j k.                 Proof. reflexivity. Qed.
Remark db_is l i : db l i = Σ k < m, dZ l i k.                                       Proof. reflexivity. Qed.

(** What moves has a velocity in every entry in range; and of a network no more is asked than this. *)
Remark moves_is Wt bt Xt t0 W' b' X' : moves n L m Wt bt Xt t0 W' b' X' =
  ((forall l i j, (1 <= l <= L)%nat -> (i < n l)%nat -> (j < n (pred l))%nat ->
      is_derive (fun t => Wt t l i j) t0 (W' l i j)) /\
   (forall l i, (1 <= l <= L)%nat -> (i < n l)%nat -> is_derive (fun t => bt t l i) t0 (b' l i)) /\
   (forall j k, (j < n O)%nat -> (k < m)%nat -> is_derive (fun t => Xt t j k) t0 (X' j k))).
Proof. reflexivity. Qed.
Remark differentiable_is : differentiable n L m g out W b X =
  ((forall l i k, (0 < l < L)%nat -> (i < n l)%nat -> (k < m)%nat ->
      is_derive (value (g l)) (Z l i k) (derivative (g l) (Z l i k))) /\
   is_gradient (n L) m (loss out) (Z L) (dloss out (Z L))).
Proof. reflexivity. Qed.
Remark is_gradient_is p C M dC : is_gradient p m C M dC =
  forall eps, 0 < eps -> exists delta, 0 < delta /\ forall M', (Σ k < m, Σ i < p, Rabs (M' i k)) < delta ->
  Rabs (C (fun i k => M i k + M' i k) - C M - (Σ k < m, Σ i < p, dC i k * M' i k))
  <= eps * (Σ k < m, Σ i < p, Rabs (M' i k)).
Proof. reflexivity. Qed.
End Words.

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
Proof. intros. now apply (partial_matrix m (n O) (J W b)); [apply gradient_X|..]. Qed.

(** ∂J/∂A_l[j,k]: perturb an activation below the last layer, and let the layers above it run on the perturbed one. *)
Theorem any_A : forall l j k, (l < L)%nat -> (j < n l)%nat -> (k < m)%nat ->
  is_derive (fun a => cost_above l n L g out W b (set_A (A W b X l) j k a)) (A W b X l j k) (dA W b X l j k).
Proof. intros. now apply (partial_matrix m (n l)); [apply gradient_A|..]. Qed.

(** Here [cost_above l], taken at the [A l] of the network, is J. *)
Theorem any_cost_above : forall l, (l < L)%nat -> cost_above l n L g out W b (A W b X l) = J W b X.
Proof. intros. now apply cost_above_is_cost. Qed.

(** ∂J/∂Z_L[i,k]: as a function of [Z L], J is the loss of the output. *)
Theorem any_Z_output : forall i k, (i < n L)%nat -> (k < m)%nat ->
  is_derive (fun z => loss out (set_A (Z W b X L) i k z)) (Z W b X L i k) (dZ W b X L i k).
Proof. intros. now apply (partial_matrix m (n L)); [apply gradient_Z_output|..]. Qed.

(** (D15) is ∂J/∂Z_l[i,k] of a hidden layer: perturb [Z l], and let the layers above run on its activation. *)
Theorem any_Z : forall l i k, (0 < l < L)%nat -> (i < n l)%nat -> (k < m)%nat ->
  is_derive (fun z => cost_above l n L g out W b (fun i' k' => value (g l) (set_A (Z W b X l) i k z i' k')))
    (Z W b X l i k) (dZ W b X l i k).
Proof.
  intros l i k [Hl HL] Hi Hk. pose proof (gradient_Z n L m g out W b X l HL differentiable_here Hl) as H.
  exact (partial_matrix m (n l) _ _ _ i k H Hi Hk).
Qed.

(** ** 3. Many variables at once (Expansion.v, Gradient.v)

    J is differentiable in the sense of Fréchet: the error of the linear approximation is o(size of the perturbation).
    Size is the sum of the absolute values of all entries in range; any other norm would do. *)
Theorem any_frechet : forall eps, 0 < eps -> exists delta, 0 < delta /\
  forall W' b' X', size n L m W' b' X' < delta ->
  Rabs (J (fun l i j => W l i j + W' l i j) (fun l i => b l i + b' l i) (fun j k => X j k + X' j k)
        - J W b X
        - inner n L m (dW W b X) (db W b X) (dA W b X 0) W' b' X')
  <= eps * size n L m W' b' X'.
Proof. now apply frechet. Qed.

(** So is J as a function of [A l], with the layers above it running on it, and of [Z l]. *)
Theorem any_frechet_A : forall l, (l < L)%nat ->
  is_gradient (n l) m (cost_above l n L g out W b) (A W b X l) (dA W b X l).
Proof. intros. now apply gradient_A. Qed.

Theorem any_frechet_Z : forall l, (0 < l < L)%nat ->
  is_gradient (n l) m (fun Z_l => cost_above l n L g out W b (fun i k => value (g l) (Z_l i k)))
    (Z W b X l) (dZ W b X l).
Proof. intros l [Hl HL]. now apply gradient_Z. Qed.

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

(** ** 6. The program (Program.v)

    What is extracted keeps its arrays in tables.  The tables of its forward pass hold [Z] and [A], those of its
    backward pass [dW], [db], [dA], if the output reads no entry that is out of range.  Program.v proves this for every
    kind of number, so also for the finite field and the floats on which the program runs; here it is said of the reals. *)
Theorem any_program : forall n L m g out W b X, (0 < L)%nat -> output_agrees n L m out ->
  caches_hold n m g W b X L (forward n m g W b X L) /\
  gradients_hold n L m g out W b X L (backprop n L m g out W (forward n m g W b X L)).
Proof. intros. split; [|apply backprop_correct]; trivial; apply forward_correct. Qed.

(** * Part II: activations and outputs *)

(** ** 7. The activations (Calculus.v): what [derivative] names is the derivative of [value] *)

(** (D3) *)
Theorem sigmoid_derivative : forall z, is_derive sigmoid z (sigmoid z * sigmoid (- z)).
Proof. exact is_derive_sigmoid. Qed.

(** (D2): so this is the article's A (1 - A). *)
Theorem sigmoid_complement : forall z, sigmoid (- z) = 1 - sigmoid z.
Proof. exact sigmoid_opp. Qed.

(** (D16) *)
Theorem tanh_derivative : forall z, is_derive (value Tanh) z (derivative Tanh z).
Proof. exact is_derive_tanh. Qed.

(** This is the hyperbolic tangent of Coq's library. *)
Theorem tanh_meaning : forall z, tanh z = Rtrigo_def.tanh z.
Proof. exact tanh_is_tanh. Qed.

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

(** ** 8. The outputs (Output.v): what [dloss] names is the derivative of [loss], in the sense of Fréchet *)
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

(** ** 9. So Part I applies to every network of these

    Any of the activations in any layer, any of the outputs behind them; where a (leaky) ReLU stands, no Z is 0. *)
Theorem known_derivative : forall h z, known h z -> is_derive (value h) z (derivative h z).
Proof.
  intros h z [H|[[c ->] Hz]]; [|now apply leaky_derivative].
  repeat destruct H as [<-|H]; [apply sigmoid_derivative | apply tanh_derivative | apply softplus_derivative
    | apply silu_derivative | apply identity_derivative | contradiction].
Qed.

Theorem known_network : forall n L m g out Y W b X,
  (forall l i k, (0 < l < L)%nat -> (i < n l)%nat -> (k < m)%nat -> known (g l) (Z n g W b X l i k)) ->
  out = Logistic n L m Y \/ out = Softmax n L m Y \/
  (exists share h, out = Squared n L m Y share h /\
     forall i k, (i < n L)%nat -> (k < m)%nat -> known h (Z n g W b X L i k)) ->
  differentiable n L m g out W b X.
Proof.
  intros n L m g out Y W b X Hg Hout. split; [intros; now apply known_derivative, Hg|].
  destruct Hout as [->|[->|[share [h [-> Hh]]]]]; [apply logistic_output | apply softmax_output |].
  apply squared_output. intros. now apply known_derivative, Hh.
Qed.

(** All three outputs read entries in range only, as the program asks, and are means over the examples, as (D13). *)
Theorem outputs_agree : forall n L m Y share h, output_agrees n L m (Logistic n L m Y) /\
  output_agrees n L m (Squared n L m Y share h) /\ output_agrees n L m (Softmax n L m Y).
Proof. intros. split; [|split]; [apply Logistic_agrees | apply Squared_agrees | apply Softmax_agrees]. Qed.

Theorem outputs_are_means : forall n L share h,
  is_mean (Logistic n L) /\ is_mean (fun m Y => Squared n L m Y share h) /\ is_mean (Softmax n L).
Proof. intros. split; [|split]; [apply logistic_mean | apply squared_mean | apply softmax_mean]. Qed.
