(** * Intervals.v: the network over intervals

    An interval is a kind of number, so the program of Program.v runs on intervals.  Each operation holds the result of
    the real one, and so does the whole: an interval in its tables holds the real number that belongs there.

    Main result:  [layer_holds].
    Builds on:    Program.v, Certificate.v; the library Interval, which computes exp and ln, too.
    Names:        [r ∈ x]: the real number [r] lies in the interval [x].  A name ending in [I] is of intervals. *)

From Coq Require Import Reals QArith Qreals Lra Lia.
From Interval Require Import Xreal Basic Interval Float_full Specific_sig Specific_ops.
From RefNN Require Import Generic Program Model Certificate.
Open Scope R_scope.

(** How many bits the ends of an interval have *)
Module Type PRECISION.
  Parameter Inline bits : positive.
End PRECISION.

(** [Carrier] is the kind of integers of which these ends are made: see Kernel.v. *)
Module Intervals (Carrier : FloatCarrier with Definition radix := Zaux.radix2) (Precision : PRECISION).
Module Float := SpecificFloat Carrier.
Module I := FloatIntervalFull Float.

Definition prec := Float.PtoP Precision.bits.

(** exp, and the whole line where its argument may be beyond 2^16.  Sums of intervals are exact before they are rounded,
    and next to 1 such a number would have too many digits for any memory. *)
Definition moderate : I.type := I.join (I.fromZ prec (- 2 ^ 16)) (I.fromZ prec (2 ^ 16)).
Definition moderate_exp (x : I.type) : I.type := if I.subset x moderate then I.exp prec x else I.nai.

Module INum <: NUM.
  Definition t := I.type.
  Definition zero := I.fromZ prec 0.
  Definition one := I.fromZ prec 1.
  Definition add := I.add prec.
  Definition sub := I.sub prec.
  Definition mul := I.mul prec.
  Definition div := I.div prec.
  Definition opp := I.neg.
  Definition exp := moderate_exp.
  Definition ln := I.ln prec.
  Definition of_nat (k : nat) := I.fromZ prec (Z.of_nat k).
End INum.

Module IProgram := Program INum.

(** ** Each operation of intervals holds the result of the real one *)

Definition lies_in (r : R) (x : I.type) : Prop := contains (I.convert x) (Xreal r).
Notation "r ∈ x" := (lies_in r x) (at level 70).

Lemma undefined_holds_all : forall x r, contains (I.convert x) Xnan -> r ∈ x.
Proof. intros x r. unfold lies_in. destruct (I.convert x); simpl; tauto. Qed.

Lemma nai_holds_all : forall r, r ∈ I.nai.
Proof. intros. apply undefined_holds_all. rewrite I.nai_correct. exact I. Qed.

Lemma int_holds : forall z, IZR z ∈ I.fromZ prec z.
Proof. intros. apply I.fromZ_correct. Qed.

Lemma nat_holds : forall k, INR k ∈ I.fromZ prec (Z.of_nat k).
Proof. intros. rewrite INR_IZR_INZ. apply int_holds. Qed.

Lemma add_holds : forall x y a b, a ∈ x -> b ∈ y -> a + b ∈ I.add prec x y.
Proof. intros x y a b. apply (I.add_correct prec x y (Xreal a) (Xreal b)). Qed.

Lemma sub_holds : forall x y a b, a ∈ x -> b ∈ y -> a - b ∈ I.sub prec x y.
Proof. intros x y a b. apply (I.sub_correct prec x y (Xreal a) (Xreal b)). Qed.

Lemma mul_holds : forall x y a b, a ∈ x -> b ∈ y -> a * b ∈ I.mul prec x y.
Proof. intros x y a b. apply (I.mul_correct prec x y (Xreal a) (Xreal b)). Qed.

Lemma opp_holds : forall x a, a ∈ x -> - a ∈ I.neg x.
Proof. intros x a. apply (I.neg_correct x (Xreal a)). Qed.

Lemma exp_holds : forall x a, a ∈ x -> exp a ∈ moderate_exp x.
Proof.
  intros x a H. unfold moderate_exp.
  destruct (I.subset x moderate); [apply (I.exp_correct prec x (Xreal a) H) | apply nai_holds_all].
Qed.

(** A quotient by 0 and a logarithm of a negative number have some value in Coq; the interval is then the whole line. *)
Lemma div_holds : forall x y a b, a ∈ x -> b ∈ y -> a / b ∈ I.div prec x y.
Proof.
  intros x y a b Hx Hy. pose proof (I.div_correct prec x y (Xreal a) (Xreal b) Hx Hy) as H.
  simpl in H. unfold Xdiv' in H. destruct (is_zero b); [now apply undefined_holds_all | exact H].
Qed.

Lemma ln_holds : forall x a, a ∈ x -> ln a ∈ I.ln prec x.
Proof.
  intros x a Hx. pose proof (I.ln_correct prec x (Xreal a) Hx) as H.
  simpl in H. unfold Xln' in H. destruct (is_positive a); [exact H | now apply undefined_holds_all].
Qed.

(** A float, written as a fraction *)
Definition enclose (q : Q) : I.type := I.div prec (I.fromZ prec (Qnum q)) (I.fromZ prec (Zpos (Qden q))).

Lemma enclose_holds : forall q, Q2R q ∈ enclose q.
Proof. intros. apply div_holds; apply int_holds. Qed.

Lemma sum_holds : forall size fI f, (forall i, f i ∈ fI i) -> bigsum size f ∈ IProgram.bigsum size fI.
Proof. intros size fI f H. induction size; [apply int_holds | now apply add_holds]. Qed.

Create HintDb holds.
#[local] Hint Resolve int_holds nat_holds add_holds sub_holds mul_holds opp_holds exp_holds div_holds ln_holds
  enclose_holds sum_holds : holds.
#[local] Opaque I.fromZ I.add I.sub I.mul I.div I.neg moderate_exp I.ln.

(** ** Each activation and each output does *)

(** Leaky ReLU where the sign is known; at what may be its kink, the whole line. *)
Definition by_sign (x above below : I.type) : I.type :=
  match I.sign_strict x with Xgt => above | Xlt => below | _ => I.nai end.

Definition LeakyI (slope : I.type) : IProgram.activation :=
  {| IProgram.value := fun x => by_sign x x (I.mul prec slope x);
     IProgram.derivative := fun x => by_sign x (I.fromZ prec 1) slope |}.

Lemma by_sign_holds : forall x above below a, a ∈ x -> forall u v, u ∈ above -> v ∈ below ->
  (if Rlt_dec 0 a then u else v) ∈ by_sign x above below.
Proof.
  intros x above below a Ha u v Hu Hv. unfold by_sign. pose proof (I.sign_strict_correct x) as S.
  destruct (I.sign_strict x); try apply nai_holds_all;
    destruct (S _ Ha) as [_ H]; simpl in H; destruct (Rlt_dec 0 a); trivial; lra.
Qed.

Definition activationI (name : Name.activation) : IProgram.activation :=
  match name with
  | Name.sigmoid => IProgram.Sigmoid
  | Name.tanh => IProgram.Tanh
  | Name.softplus => IProgram.Softplus
  | Name.silu => IProgram.Silu
  | Name.identity => IProgram.Identity
  | Name.leaky_relu slope => LeakyI (enclose slope)
  end.

Definition outputI (n : nat -> nat) (L m : nat) (Y : IProgram.mat) (name : Name.output) : IProgram.output :=
  match name with
  | Name.logistic => IProgram.Logistic n L m Y
  | Name.softmax => IProgram.Softmax n L m Y
  | Name.squared_error h => IProgram.Squared n L m Y (I.fromZ prec 1) (activationI h)
  | Name.half_squared_error h => IProgram.Squared n L m Y (I.div prec (I.fromZ prec 1) (I.fromZ prec 2)) (activationI h)
  end.

Definition matrix_holds (MI : IProgram.mat) (M : mat) : Prop := forall i j, M i j ∈ MI i j.

Lemma sigmoid_holds : forall x a, a ∈ x -> sigmoid a ∈ IProgram.sigmoid x.
Proof. unfold sigmoid, IProgram.sigmoid. auto 12 with holds. Qed.

Lemma tanh_holds : forall x a, a ∈ x -> tanh a ∈ IProgram.tanh x.
Proof. unfold tanh, IProgram.tanh. auto 12 with holds. Qed.

Lemma softplus_holds : forall x a, a ∈ x -> softplus a ∈ IProgram.softplus x.
Proof. unfold softplus, IProgram.softplus. auto 12 with holds. Qed.
#[local] Hint Resolve sigmoid_holds tanh_holds softplus_holds by_sign_holds : holds.

Lemma activation_holds : forall name x a, a ∈ x ->
  value (activation_of name) a ∈ IProgram.value (activationI name) x /\
  derivative (activation_of name) a ∈ IProgram.derivative (activationI name) x.
Proof. intros name x a H. destruct name; split; simpl; auto 12 with holds. Qed.

Lemma output_holds : forall n L m YI Y name ZI Z, matrix_holds YI Y -> matrix_holds ZI Z ->
  matrix_holds (IProgram.dloss (outputI n L m YI name) ZI) (dloss (output_of n L m Y name) Z).
Proof.
  unfold matrix_holds. intros n L m YI Y name ZI Z HY HZ i k.
  assert (HS : forall p q, softmax n L Z p q ∈ IProgram.softmax n L ZI p q).
  { intros. apply div_holds; auto with holds. }
  destruct name as [| |h|h]; simpl; unfold dZ_output, IProgram.dZ_output;
    try destruct (activation_holds h _ _ (HZ i k)); auto 20 with holds.
Qed.

(** ** So does the network *)

Section Network.
Variable n : nat -> nat.
Variable L m : nat.
Variable hidden : nat -> Name.activation.
Variable last : Name.output.
Variable WI : IProgram.weights.
Variable bI : IProgram.biases.
Variable XI YI : IProgram.mat.
Variable W : weights.
Variable b : biases.
Variable X Y : mat.
Hypothesis HW : forall l, matrix_holds (WI l) (W l).
Hypothesis Hb : forall l i, b l i ∈ bI l i.
Hypothesis HX : matrix_holds XI X.
Hypothesis HY : matrix_holds YI Y.

Notation gI := (fun l => activationI (hidden l)).
Notation g := (fun l => activation_of (hidden l)).
Notation outI := (outputI n L m YI last).
Notation out := (output_of n L m Y last).

Lemma linear_holds : forall l MI M, matrix_holds MI M ->
  matrix_holds (IProgram.linear n WI bI l MI) (linear n W b l M).
Proof. unfold matrix_holds in *. intros l MI M H i k. apply add_holds; auto with holds. Qed.

Lemma A_holds : forall l, matrix_holds (IProgram.A n gI WI bI XI l) (A n g W b X l).
Proof. induction l as [|p IH]; [exact HX|]. intros i k. now apply activation_holds, linear_holds. Qed.

Lemma Z_holds : forall l, matrix_holds (IProgram.Z n gI WI bI XI l) (Z n g W b X l).
Proof. intros. apply linear_holds, A_holds. Qed.

Lemma dA_prev_holds : forall l dZI dZ, matrix_holds dZI dZ ->
  matrix_holds (IProgram.dA_prev n WI l dZI) (dA_prev n W l dZ).
Proof. unfold matrix_holds in *. intros l dZI dZ H j k. apply sum_holds. auto with holds. Qed.

Lemma dZ_down_holds : forall s,
  matrix_holds (IProgram.dZ_down n L gI outI WI bI XI s) (dZ_down n L g out W b X s).
Proof.
  induction s as [|s IH]; [now apply output_holds, Z_holds|].
  intros i k. apply mul_holds; [now apply dA_prev_holds | apply activation_holds, Z_holds].
Qed.

Lemma dW_holds : forall l, matrix_holds (IProgram.dW n L m gI outI WI bI XI l) (dW n L m g out W b X l).
Proof. intros l i j. apply sum_holds. intros k. apply mul_holds; [apply dZ_down_holds | apply A_holds]. Qed.

Lemma db_holds : forall l i, db n L m g out W b X l i ∈ IProgram.db n L m gI outI WI bI XI l i.
Proof. intros. apply sum_holds. intros k. apply dZ_down_holds. Qed.

Lemma dA_holds : forall l, matrix_holds (IProgram.dA n L gI outI WI bI XI l) (dA n L g out W b X l).
Proof. intros l. apply dA_prev_holds, dZ_down_holds. Qed.

(** So the tables of a layer, where backprop ran on intervals, hold the real gradient. *)
Lemma layer_holds : forall l G, IProgram.gradient_holds n L m gI outI WI bI XI l G ->
  (forall i j, (i < n l)%nat -> (j < n (pred l))%nat ->
     dW n L m g out W b X l i j ∈ IProgram.entry (IProgram.grad_W G) i j) /\
  (forall i, (i < n l)%nat -> db n L m g out W b X l i ∈ IProgram.entry (IProgram.grad_b G) i 0%nat) /\
  (forall j k, (j < n (pred l))%nat -> (k < m)%nat ->
     dA n L g out W b X (pred l) j k ∈ IProgram.entry (IProgram.grad_A_prev G) j k).
Proof.
  intros l G [GW [Gb GA]]. split; [|split].
  - intros i j Hi Hj. rewrite GW by assumption. apply dW_holds.
  - intros i Hi. rewrite Gb by (assumption || lia). apply db_holds.
  - intros j k Hj Hk. rewrite GA by assumption. apply dA_holds.
Qed.

End Network.

End Intervals.
