(** * Calculus.v: the activations, one lemma each

    Main results: [is_derive_sigmoid], [sigmoid_opp], and likewise for the other activations of Generic.v and Model.v.
    Builds on:    Model.v, Coquelicot ([is_derive f z f'] says that [f] has the derivative [f'] at [z]).
    Names:        [is_derive_f] is the derivative of [f]. *)

From Coq Require Import Reals Lra.
From Coquelicot Require Import Coquelicot.
From RefNN Require Import Model.
Open Scope R_scope.

Lemma is_derive_fixed : forall c t : R, is_derive (fun _ => c) t 0.
Proof. intros. apply (is_derive_const (K := R_AbsRing) (V := R_NormedModule)). Qed.

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

(** ** The others *)

(** (D16) *)
Lemma is_derive_tanh : forall z, is_derive tanh z (1 - tanh z * tanh z).
Proof.
  intros z. unfold tanh. pose proof (exp_pos z). pose proof (exp_pos (- z)). auto_derive; [lra|]. field. lra.
Qed.

(** It is the hyperbolic tangent of Coq's library. *)
Lemma tanh_is_tanh : forall z, tanh z = Rtrigo_def.tanh z.
Proof.
  intros z. unfold tanh, Rtrigo_def.tanh, sinh, cosh. pose proof (exp_pos z). pose proof (exp_pos (- z)). field. lra.
Qed.

(** (D17) *)
Lemma is_derive_softplus : forall z, is_derive softplus z (sigmoid z).
Proof.
  intros z. unfold softplus, sigmoid. pose proof (exp_pos z). auto_derive; [lra|]. rewrite exp_Ropp. field. lra.
Qed.

(** (D18) *)
Lemma is_derive_silu : forall z, is_derive (fun z => z * sigmoid z) z (sigmoid z * (1 + z * sigmoid (- z))).
Proof.
  intros z. rewrite sigmoid_opp. unfold sigmoid. pose proof (exp_pos (- z)). auto_derive; [lra|]. field. lra.
Qed.

(** (D19): on either side of 0 it is a straight line. *)
Lemma is_derive_leaky : forall c z, z <> 0 -> is_derive (value (Leaky c)) z (derivative (Leaky c) z).
Proof.
  intros c z Hz. simpl. assert (Hpos : 0 < Rabs z) by now apply Rabs_pos_lt.
  destruct (Rlt_dec 0 z); [apply (is_derive_ext_loc (fun z => z)) | apply (is_derive_ext_loc (fun z => c * z))].
  1, 3: exists (mkposreal _ Hpos); intros y Hy; change (Rabs (y - z) < Rabs z) in Hy;
    destruct (Rlt_dec 0 y); try reflexivity; revert Hy; unfold Rabs; repeat destruct Rcase_abs; lra.
  all: auto_derive; trivial; ring.
Qed.

Lemma Relu_is_max : forall z, value Relu z = Rmax 0 z.
Proof. intros z. simpl. destruct (Rlt_dec 0 z); [rewrite Rmax_right | rewrite Rmax_left]; lra. Qed.

(** ** The terms of the costs *)

(** One term of (D4), for a prediction strictly between 0 and 1. *)
Lemma is_derive_cross_entropy : forall y a, 0 < a < 1 ->
  is_derive (fun a => y * ln a + (1 - y) * ln (1 - a)) a (y / a - (1 - y) / (1 - a)).
Proof. intros y a Ha. auto_derive; [lra|]. field. lra. Qed.

(** One term of (D20), without its share *)
Lemma is_derive_square : forall y h z h', is_derive h z h' ->
  is_derive (fun z => (h z - y) * (h z - y)) z ((1 + 1) * (h z - y) * h').
Proof.
  intros y h z h' H. rewrite Rmult_comm. apply (is_derive_comp (fun a => (a - y) * (a - y)) h); [|exact H].
  auto_derive; trivial; ring.
Qed.
