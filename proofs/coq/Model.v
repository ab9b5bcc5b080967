(** * Model.v: the network over the real numbers, and the words in which the theorems are said

    Builds on:    Generic.v, Program.v.
    Names:        a prime marks a velocity or a perturbation: [W'] belongs to [W]; [Wt] is a curve, [Wt t] its point
                  at [t]. *)

From Coq Require Import Reals Bool.
From Coquelicot Require Import Coquelicot.
From RefNN Require Import Generic Program.
Open Scope R_scope.

Module RNum <: NUM.
  Definition t := R.
  Definition zero := 0.
  Definition one := 1.
  Definition add := Rplus.
  Definition sub := Rminus.
  Definition mul := Rmult.
  Definition div := Rdiv.
  Definition opp := Ropp.
  Definition exp := Rtrigo_def.exp.
  Definition ln := Rpower.ln.
  Definition of_nat := INR.
End RNum.

Module Export RProgram := Program RNum.

Notation "'Σ' i < n , x" := (bigsum n (fun i => x)) (at level 200, i name, n at level 69, x at level 200).

(** Inner product of two matrices of [p] rows and [m] columns, and size of a perturbation of such a matrix. *)
Definition dot (p m : nat) (U V : mat) : R := Σ k < m, Σ i < p, U i k * V i k.
Definition size_mat (p m : nat) (V : mat) : R := Σ k < m, Σ i < p, Rabs (V i k).

(** The function [C] of such a matrix is differentiable at [M], in the sense of Fréchet, with the derivatives [dC]: the
    error of the linear approximation is o(size of the perturbation). *)
Definition is_gradient (p m : nat) (C : mat -> R) (M dC : mat) : Prop :=
  forall eps, 0 < eps -> exists delta, 0 < delta /\ forall M', size_mat p m M' < delta ->
  Rabs (C (fun i k => M i k + M' i k) - C M - dot p m dC M') <= eps * size_mat p m M'.

Section Words.
Variable n : nat -> nat.
Variable L m : nat.

(** Sum of all entries in range: weights and biases of the layers 1, ..., L, and inputs. *)
Definition total (W : weights) (b : biases) (X : mat) : R :=
  (Σ l < L, (Σ i < n (S l), Σ j < n l, W (S l) i j) + (Σ i < n (S l), b (S l) i))
  + (Σ k < m, Σ j < n O, X j k).

(** Inner product of a gradient and a velocity. *)
Definition inner (dW : weights) (db : biases) (dX : mat) (W' : weights) (b' : biases) (X' : mat) : R :=
  total (fun l i j => dW l i j * W' l i j) (fun l i => db l i * b' l i) (fun j k => dX j k * X' j k).

(** Size of a perturbation: the sum of the absolute values. *)
Definition size (W' : weights) (b' : biases) (X' : mat) : R :=
  total (fun l i j => Rabs (W' l i j)) (fun l i => Rabs (b' l i)) (fun j k => Rabs (X' j k)).

(** Weights, biases and inputs move, and at the time [t0] have the velocities [W'], [b'] and [X']. *)
Definition moves (Wt : R -> weights) (bt : R -> biases) (Xt : R -> mat) (t0 : R)
                 (W' : weights) (b' : biases) (X' : mat) : Prop :=
  (forall l i j, (1 <= l <= L)%nat -> (i < n l)%nat -> (j < n (pred l))%nat ->
     is_derive (fun t => Wt t l i j) t0 (W' l i j)) /\
  (forall l i, (1 <= l <= L)%nat -> (i < n l)%nat ->
     is_derive (fun t => bt t l i) t0 (b' l i)) /\
  (forall j k, (j < n O)%nat -> (k < m)%nat ->
     is_derive (fun t => Xt t j k) t0 (X' j k)).

(** All that is asked of a network: at its own [Z], each hidden activation has the derivative that its record names,
    and so has the output.  Of ReLU it asks, then, that no hidden [Z] is 0. *)
Definition differentiable (g : nat -> activation) (out : output) (W : weights) (b : biases) (X : mat) : Prop :=
  (forall l i k, (0 < l < L)%nat -> (i < n l)%nat -> (k < m)%nat ->
     is_derive (value (g l)) (Z n g W b X l i k) (derivative (g l) (Z n g W b X l i k))) /\
  is_gradient (n L) m (loss out) (Z n g W b X L) (dloss out (Z n g W b X L)).

End Words.

(** (D19)  Leaky ReLU with the slope [c] below 0; ReLU, of slope 0.  The values at 0, the kink, enter no theorem. *)
Definition Leaky (c : R) : activation :=
  {| value := fun z => if Rlt_dec 0 z then z else c * z; derivative := fun z => if Rlt_dec 0 z then 1 else c |}.
Definition Relu : activation := Leaky 0.

(** [h] is one of the activations for which the derivative is proved, and [z] is not its kink. *)
Definition known (h : activation) (z : R) : Prop :=
  List.In h (Sigmoid :: Tanh :: Softplus :: Silu :: Identity :: nil) \/ (exists c, h = Leaky c) /\ z <> 0.

(** The same arrays with one entry replaced by [t]. *)
Definition set_W (W : weights) (l i j : nat) (t : R) : weights := fun l' i' j' =>
  if (l' =? l)%nat && (i' =? i)%nat && (j' =? j)%nat then t else W l' i' j'.
Definition set_b (b : biases) (l i : nat) (t : R) : biases := fun l' i' =>
  if (l' =? l)%nat && (i' =? i)%nat then t else b l' i'.
Definition set_A (A : mat) (j k : nat) (t : R) : mat := fun j' k' =>
  if (j' =? j)%nat && (k' =? k)%nat then t else A j' k'.

(** The layers above layer [l]: [above l n], [above l W], ... number them from 1 again. *)
Definition above {T : Type} (l : nat) (f : nat -> T) : nat -> T := fun q => f (l + q)%nat.

(** J as a function of the activations of layer [l], which the layers above it take as their inputs. *)
Definition cost_above (l : nat) (n : nat -> nat) (L : nat) (g : nat -> activation) (out : output)
                      (W : weights) (b : biases) (A_l : mat) : R :=
  cost (above l n) (L - l) (above l g) out (above l W) (above l b) A_l.

(** The columns of the examples in the batch [B], a list of their numbers. *)
Definition columns (B : list nat) (M : mat) : mat := fun i q => M i (List.nth q B O).

(** The output is a mean over the examples: of [dZ], the column of an example depends on its own columns of labels and
    of [Z], and on the number of examples only through the factor 1/m. *)
Definition is_mean (out : nat -> mat -> output) : Prop := exists dz : (nat -> R) -> (nat -> R) -> nat -> R,
  forall m Y Z i k, dloss (out m Y) Z i k = dz (fun r => Y r k) (fun r => Z r k) i / INR m.

(** Sum over a list. *)
Fixpoint sum_over {T : Type} (ts : list T) (f : T -> R) : R :=
  match ts with
  | nil => 0
  | cons t ts' => f t + sum_over ts' f
  end.
