(** * Calculus.v: the facts of one-variable calculus that are used, one lemma each

    Main results: [sigmoid_opp], [is_derive_sigmoid], [is_derive_cross_entropy].
    Builds on:    Model.v, Coquelicot ([is_derive f t f'] says that [f] has the derivative [f'] at [t]).
    Names:        [is_derive_f] is the derivative of [f]; [is_derive_f_of] that of [f] after a function of the time. *)

From Coq Require Import Reals Lra Lia.
From Coquelicot Require Import Coquelicot.
From RefNN Require Import Model Sums.
Open Scope R_scope.

(** ** The sigmoid *)

Lemma sigmoid_pos : forall z, 0 < sigmoid z.
Proof. intros z. unfold sigmoid. pose proof (exp_pos (- z)). apply Rdiv_lt_0_compat; lra. Qed.

(** (D2) *)
Lemma sigmoid_opp : forall z, sigmoid (- z) = 1 - sigmoid z.
Proof.
  intros z. unfold sigmoid. pose proof (exp_pos z). rewrite Ropp_involutive, exp_Ropp. field. lra.
Qed.

(** As its complement is a sigmoid too, it stays below 1. *)
Lemma sigmoid_lt_1 : forall z, sigmoid z < 1.
Proof. intros z. pose proof (sigmoid_pos (- z)). rewrite sigmoid_opp in *. lra. Qed.

(** (D3) *)
Lemma is_derive_sigmoid : forall z, is_derive sigmoid z (sigmoid z * sigmoid (- z)).
Proof.
  intros z. rewrite sigmoid_opp. unfold sigmoid. pose proof (exp_pos (- z)).
  auto_derive; [lra|]. field. lra.
Qed.

(** softplus(-z) = -log σ(z): why (D5) is (D4). *)
Lemma ln_sigmoid : forall z, ln (sigmoid z) = - softplus (- z).
Proof.
  intros z. unfold sigmoid, softplus. pose proof (exp_pos (- z)).
  rewrite ln_div, ln_1; lra.
Qed.

(** ** Rules of differentiation, in the shapes that the network needs *)

Lemma is_derive_fixed : forall c t : R, is_derive (fun _ => c) t 0.
Proof. intros. apply (is_derive_const (K := R_AbsRing) (V := R_NormedModule)). Qed.

(** The sum rule. *)
Lemma is_derive_sum : forall (f g : R -> R) t f' g',
  is_derive f t f' -> is_derive g t g' -> is_derive (fun s => f s + g s) t (f' + g').
Proof. intros. now apply (is_derive_plus (K := R_AbsRing) (V := R_NormedModule)). Qed.

(** The product rule. *)
Lemma is_derive_product : forall (f g : R -> R) t f' g',
  is_derive f t f' -> is_derive g t g' -> is_derive (fun s => f s * g s) t (f' * g t + f t * g').
Proof. intros. apply (is_derive_mult f g); try assumption. intros; apply Rmult_comm. Qed.

(** A constant factor stays. *)
Lemma is_derive_scaled : forall (c : R) f t f', is_derive f t f' -> is_derive (fun s => c * f s) t (c * f').
Proof. intros. now apply is_derive_scal. Qed.

(** A finite sum is differentiated term by term. *)
Lemma is_derive_bigsum : forall n (f : R -> nat -> R) (f' : nat -> R) t,
  (forall i, (i < n)%nat -> is_derive (fun s => f s i) t (f' i)) ->
  is_derive (fun s => Σ i < n, f s i) t (Σ i < n, f' i).
Proof.
  induction n as [|p IH]; intros f f' t H; simpl.
  - apply is_derive_fixed.
  - apply is_derive_sum; [apply IH; intros|]; apply H; lia.
Qed.

(** The chain rule for the sigmoid, (D8) forward. *)
Lemma is_derive_sigmoid_of : forall (z : R -> R) t z',
  is_derive z t z' -> is_derive (fun s => sigmoid (z s)) t (z' * (sigmoid (z t) * sigmoid (- z t))).
Proof. intros. now apply (is_derive_comp sigmoid z t _ _ (is_derive_sigmoid (z t))). Qed.

(** The chain rule for the logarithm. *)
Lemma is_derive_ln_of : forall (a : R -> R) t a',
  0 < a t -> is_derive a t a' -> is_derive (fun s => ln (a s)) t (a' * / a t).
Proof. intros. now apply (is_derive_comp ln a t _ _ (is_derive_ln (a t) H)). Qed.

(** One term of (D4), for a prediction strictly between 0 and 1. *)
Lemma is_derive_cross_entropy : forall y (a : R -> R) t a',
  0 < a t < 1 -> is_derive a t a' ->
  is_derive (fun s => y * ln (a s) + (1 - y) * ln (1 - a s)) t ((y / a t - (1 - y) / (1 - a t)) * a').
Proof.
  intros y a t a' Ha Ha'.
  assert (Hc : is_derive (fun s => 1 - a s) t (- a')).
  { rewrite <- Rminus_0_l. apply (is_derive_minus (K := R_AbsRing) (V := R_NormedModule) (fun _ => 1)).
    - apply is_derive_fixed.
    - exact Ha'. }
  replace ((y / a t - (1 - y) / (1 - a t)) * a')
    with (y * (a' * / a t) + (1 - y) * (- a' * / (1 - a t))) by (field; lra).
  apply is_derive_sum; apply is_derive_scaled.
  - apply is_derive_ln_of; [lra | exact Ha'].
  - apply (is_derive_ln_of (fun s => 1 - a s)); [lra | exact Hc].
Qed.
