(** * Generic.v: the network over any kind of number, with any activations and any cost

    The algorithm of refnn/network.py, as mathematics: definitions only, no proof, no real number.
    A kind of number is anything with the operations of [NUM] below.  Model.v takes the real numbers, and the theorems
    speak of those; the extracted program takes a finite field or floats, and runs beside the Python source.

    Builds on:    nothing.  Each definition carries its equation of ../derivation.md and, quoted, its line of Python if
                  it has one; a test holds that the quoted lines are in the source.
    Names:        those of Python.  An array is a function of its indices: [M i j] is entry (i, j), counted from 0, and
                  [W l i j], [b l i], [A l i k], [dW l i j] belong to layer [l].  [k] is always an example.  A capital
                  marks a function together with its derivative: [Sigmoid] is [sigmoid] as an activation. *)

Module Type NUM.
  Parameter Inline t : Type.
  Parameter Inline zero one : t.
  Parameter Inline add sub mul div : t -> t -> t.
  Parameter Inline opp exp ln : t -> t.
  Parameter Inline of_nat : nat -> t.
End NUM.

Module Network (N : NUM).

Declare Scope num_scope.
Delimit Scope num_scope with num.
Bind Scope num_scope with N.t.
Local Notation number := N.t.
Local Notation "x + y" := (N.add x y) : num_scope.
Local Notation "x - y" := (N.sub x y) : num_scope.
Local Notation "x * y" := (N.mul x y) : num_scope.
Local Notation "x / y" := (N.div x y) : num_scope.
Local Notation "- x" := (N.opp x) : num_scope.
Local Notation "0" := N.zero : num_scope.
Local Notation "1" := N.one : num_scope.
Local Notation exp := N.exp.
Local Notation ln := N.ln.
Local Open Scope num_scope.

(** The sum of f i over i = 0, ..., n - 1, written  Σ i < n, f i *)
Fixpoint bigsum (n : nat) (f : nat -> number) : number :=
  match n with
  | O => 0
  | S p => bigsum p f + f p
  end.
Local Notation "'Σ' i < n , x" := (bigsum n (fun i => x)) (at level 200, i name, n at level 69, x at level 200).

(** A matrix, the weights and the biases of all layers *)
Definition mat := nat -> nat -> number.
Definition weights := nat -> mat.
Definition biases := nat -> nat -> number.

(** An activation g, entry by entry, and its derivative *)
Record activation := { value : number -> number; derivative : number -> number }.

(** An output: the cost as a function of the last Z, with the labels in it, and its derivative dZ *)
Record output := { loss : mat -> number; dloss : mat -> mat }.

Section Network.
Variable n : nat -> nat.         (* layer_dims: n l units in layer l, n 0 features *)
Variable L : nat.                (* layers *)
Variable m : nat.                (* examples *)

(** ** The network *)

Section AnyNetwork.
Variable g : nat -> activation.  (* of each layer *)
Variable out : output.

(** (D15)  The chain rule across an activation; one_layer_backward: `dZ = dA * layers.activation(activation).derivative(Z)` *)
Definition dZ_hidden (l : nat) (dA Z : mat) : mat := fun i k =>
  dA i k * derivative (g l) (Z i k).

(** (D9)   linear_backward: `dW = dZ @ A_prev.T` *)
Definition dW_layer (dZ A_prev : mat) : mat := fun i j =>
  Σ k < m, dZ i k * A_prev j k.

(** (D10)  linear_backward: `db = dZ.sum(axis=1, keepdims=True)` *)
Definition db_layer (dZ : mat) : nat -> number := fun i =>
  Σ k < m, dZ i k.

Variable W : weights.
Variable b : biases.
Variable X : mat.

(** (D1)   forward_prop: `Z = W @ A_prev + b` *)
Definition linear (l : nat) (A_prev : mat) : mat := fun i k =>
  (Σ j < n (pred l), W l i j * A_prev j k) + b l i.

(** (D11)  linear_backward: `dA_prev = W.T @ dZ` *)
Definition dA_prev (l : nat) (dZ : mat) : mat := fun j k =>
  Σ i < n l, W l i j * dZ i k.

(** (D15)  forward_prop: the activations [A 0], [A 1], ..., and [Z 1] to [Z L]. *)
Fixpoint A (l : nat) : mat :=
  match l with
  | O => X
  | S p => fun i k => value (g (S p)) (linear (S p) (A p) i k)
  end.
Definition Z (l : nat) : mat := linear l (A (pred l)).

(** (D15)  J, as a function of the weights, biases and inputs *)
Definition cost : number := loss out (Z L).

(** backprop: [dZ_down s] is [dZ] of layer [L - s], so it starts at the output and walks down. *)
Fixpoint dZ_down (s : nat) : mat :=
  match s with
  | O => dloss out (Z L)
  | S s' => let l := Nat.sub L s in dZ_hidden l (dA_prev (S l) (dZ_down s')) (Z l)
  end.

(** `grads[f"dA{L - 1}"], grads[f"dW{L}"], grads[f"db{L}"] = dA_prev, dW, db` for the last layer,
    `grads[f"dA{l - 1}"], grads[f"dW{l}"], grads[f"db{l}"] = dA_prev, dW, db` for 1 <= l < L *)
Definition dZ (l : nat) : mat := dZ_down (Nat.sub L l).
Definition dA (l : nat) : mat := dA_prev (S l) (dZ (S l)).
Definition dW (l : nat) : mat := dW_layer (dZ l) (A (pred l)).
Definition db (l : nat) : nat -> number := db_layer (dZ l).

End AnyNetwork.

(** ** Activations *)

(** (D2)   sigmoid: `1 / (1 + exp(-Z))` *)
Definition sigmoid (z : number) : number := 1 / (1 + exp (- z)).

(** (D3)   sigmoid_derivative: `1 / (2 + 2 * cosh(Z))`, which is the product below multiplied out; cosh is
    `(np.exp(Z) + np.exp(-Z)) / 2` *)
Definition Sigmoid : activation := {| value := sigmoid; derivative := fun z => sigmoid z * sigmoid (- z) |}.

(** The article's, in every layer *)
Definition Sigmoids : nat -> activation := fun _ => Sigmoid.

(** (D16) *)
Definition tanh (z : number) : number := (exp z - exp (- z)) / (exp z + exp (- z)).
Definition Tanh : activation := {| value := tanh; derivative := fun z => 1 - tanh z * tanh z |}.

(** (D17)  softplus: `np.log(1 + np.exp(Z))` *)
Definition softplus (z : number) : number := ln (1 + exp z).
Definition Softplus : activation := {| value := softplus; derivative := sigmoid |}.

(** (D18) *)
Definition Silu : activation :=
  {| value := fun z => z * sigmoid z; derivative := fun z => sigmoid z * (1 + z * sigmoid (- z)) |}.

(** The identity: for regression *)
Definition Identity : activation := {| value := fun z => z; derivative := fun _ => 1 |}.

(** ** Outputs *)

Section Outputs.
Variable Y : mat.                (* labels *)

(** (D4)   cost_function: the mean of `-(weigh(Y, np.log(AL)) + weigh(1 - Y, np.log(1 - AL)))`; weigh is `Y * T` *)
Definition cost_function (AL : mat) : number :=
  - (Σ k < m, Σ i < n L, Y i k * ln (AL i k) + (1 - Y i k) * ln (1 - AL i k)) / N.of_nat m.

(** (D5)   logistic_cost: the mean of `Y * softplus(-ZL) + (1 - Y) * softplus(ZL)` *)
Definition logistic_cost (ZL : mat) : number :=
  (Σ k < m, Σ i < n L, Y i k * softplus (- ZL i k) + (1 - Y i k) * softplus (ZL i k)) / N.of_nat m.

(** (D6)   The article's dAL, over m.  The code does not compute it: (D7) is what it becomes behind the sigmoid. *)
Definition dA_output (AL : mat) : mat := fun i k =>
  - (Y i k / AL i k - (1 - Y i k) / (1 - AL i k)) / N.of_nat m.

(** (D7)   backprop: `(1 - Y) * AL - Y * sigmoid(-ZL)`, over m *)
Definition dZ_output (ZL : mat) : mat := fun i k =>
  ((1 - Y i k) * sigmoid (ZL i k) - Y i k * sigmoid (- ZL i k)) / N.of_nat m.

(** The sigmoid with the cross-entropy *)
Definition Logistic : output :=
  {| loss := fun ZL => cost_function (fun i k => sigmoid (ZL i k)); dloss := dZ_output |}.

(** (D20)  An activation with the squared error, or with its share: 1 / 2 for the usual half *)
Definition Squared (share : number) (h : activation) : output :=
  {| loss := fun ZL =>
       share * (Σ k < m, Σ i < n L, (value h (ZL i k) - Y i k) * (value h (ZL i k) - Y i k)) / N.of_nat m;
     dloss := fun ZL i k =>
       share * ((1 + 1) * (value h (ZL i k) - Y i k) * derivative h (ZL i k)) / N.of_nat m |}.

(** (D21)  The softmax of each column with the cross-entropy *)
Definition softmax (ZL : mat) : mat := fun i k => exp (ZL i k) / (Σ j < n L, exp (ZL j k)).
Definition Softmax : output :=
  {| loss := fun ZL => - (Σ k < m, Σ i < n L, Y i k * ln (softmax ZL i k)) / N.of_nat m;
     dloss := fun ZL i k =>
       (Σ j < n L, softmax ZL i k * Y j k - softmax ZL j k * Y i k) / N.of_nat m |}.

End Outputs.
End Network.

(** (D12)  update_parameters: `V - learning_rate * grads[f"d{key}"]` *)
Definition update_W (learning_rate : number) (W dW : weights) : weights := fun l i j =>
  W l i j - learning_rate * dW l i j.
Definition update_b (learning_rate : number) (b db : biases) : biases := fun l i =>
  b l i - learning_rate * db l i.

End Network.
