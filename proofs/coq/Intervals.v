(** * Intervals.v: a certificate, proved by computing with intervals

    An interval is a kind of number, so the program of Program.v runs on intervals: an entry of its tables holds the real
    number that the same program has there, which by the theorems is the derivative.  Whether every number of the
    interval is within the bound of the given float, the kernel computes.

    Main results: [correct], for every certificate in which [refusals] finds nothing.
    Builds on:    Program.v, Theorems.v, Certificate.v; the library Interval.
    Names:        [r ∈ x]: the real number [r] lies in the interval [x].  A name ending in [I] is of intervals.  Of the
                  integers that numbers are made of, there are two kinds: see the end. *)

From Coq Require Import Reals QArith Qreals List Bool Lia Lra.
From Coquelicot Require Import Coquelicot.
From Interval Require Import Xreal Basic Interval Float_full Specific_sig Specific_ops Specific_bigint Specific_stdz.
From RefNN Require Import Generic Program Model Theorems Certificate.
Import ListNotations.
Open Scope R_scope.

Module Type PRECISION.
  Parameter bits : positive.
End PRECISION.

Module Intervals (Carrier : FloatCarrier with Definition radix := Zaux.radix2) (Precision : PRECISION).
Module Float := SpecificFloat Carrier.
Module I := FloatIntervalFull Float.

Definition prec := Float.PtoP Precision.bits.

Module INum <: NUM.
  Definition t := I.type.
  Definition zero := I.fromZ prec 0.
  Definition one := I.fromZ prec 1.
  Definition add := I.add prec.
  Definition sub := I.sub prec.
  Definition mul := I.mul prec.
  Definition div := I.div prec.
  Definition opp := I.neg.
  Definition exp := I.exp prec.
  Definition ln := I.ln prec.
  Definition of_nat (k : nat) := I.fromZ prec (Z.of_nat k).
End INum.

Module IProgram := Program INum.

(** ** Each operation of intervals holds the result of the real one *)

Definition lies_in (r : R) (x : I.type) : Prop := contains (I.convert x) (Xreal r).
Notation "r ∈ x" := (lies_in r x) (at level 70).

Lemma undefined_holds_all : forall x r, contains (I.convert x) Xnan -> r ∈ x.
Proof. intros x r. unfold lies_in. destruct (I.convert x); simpl; tauto. Qed.

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

Lemma exp_holds : forall x a, a ∈ x -> exp a ∈ I.exp prec x.
Proof. intros x a. apply (I.exp_correct prec x (Xreal a)). Qed.

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
#[local] Hint Resolve int_holds nat_holds add_holds sub_holds mul_holds opp_holds exp_holds div_holds ln_holds sum_holds : holds.
#[local] Opaque I.fromZ I.add I.sub I.mul I.div I.neg I.exp I.ln.

(** ** Each activation and each output does *)

Definition activationI (name : Name.activation) : IProgram.activation :=
  match name with
  | Name.sigmoid => IProgram.Sigmoid
  | Name.tanh => IProgram.Tanh
  | Name.softplus => IProgram.Softplus
  | Name.silu => IProgram.Silu
  | Name.identity => IProgram.Identity
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
#[local] Hint Resolve sigmoid_holds tanh_holds softplus_holds : holds.

Lemma activation_holds : forall name x a, a ∈ x ->
  value (activation_of name) a ∈ IProgram.value (activationI name) x /\
  derivative (activation_of name) a ∈ IProgram.derivative (activationI name) x.
Proof. intros name x a H. destruct name; split; simpl; auto 12 with holds. Qed.

Lemma output_holds : forall n L m YI Y name ZI Z, matrix_holds YI Y -> matrix_holds ZI Z ->
  matrix_holds (IProgram.dloss (outputI n L m YI name) ZI) (dloss (output_of n L m Y name) Z).
Proof.
  unfold matrix_holds. intros n L m YI Y name ZI Z HY HZ i k.
  assert (HS : forall p q, softmax n L Z p q ∈ IProgram.softmax n L ZI p q) by (intros; apply div_holds; auto with holds).
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

(** ** What the kernel computes *)

(** Whether every number in the interval is so near. *)
Definition within (x : I.type) (given bound : Q) : bool :=
  match I.sign_large (I.sub prec (I.abs (I.sub prec (enclose given) x)) (enclose bound)) with
  | Xlt | Xeq => true
  | _ => false
  end.

Lemma within_correct : forall x a given bound, a ∈ x -> within x given bound = true ->
  Rabs (Q2R given - a) <= Q2R bound.
Proof.
  intros x a given bound Ha. unfold within.
  set (excess := I.sub prec _ _). pose proof (I.sign_large_correct excess) as S.
  assert (H : Rabs (Q2R given - a) - Q2R bound ∈ excess).
  { apply sub_holds; [apply (I.abs_correct _ (Xreal _)), sub_holds|]; auto using enclose_holds. }
  destruct (I.sign_large excess); try discriminate; intros _; specialize (S _ H).
  - injection S. lra.
  - destruct S as [_ S]. simpl in S. lra.
Qed.

(** The entries of an array of intervals that are not within the claim, each by its [name]. *)
Definition refused (rows columns : nat) (M : IProgram.mat) (C : claim) (name : nat -> nat -> Name.entry) :=
  let far '(i, j) := negb (within (M i j) (rational (given C) i j) (rational (bound C) i j)) in
  map (fun '(i, j) => name i j) (filter far (list_prod (seq 0 rows) (seq 0 columns))).

Lemma refused_none : forall rows columns M C name, refused rows columns M C name = [] ->
  forall i j a, (i < rows)%nat -> (j < columns)%nat -> a ∈ M i j ->
  Rabs (real (given C) i j - a) <= real (bound C) i j.
Proof.
  intros rows columns M C name H i j a Hi Hj Ha. apply (within_correct (M i j)); [exact Ha|].
  apply map_eq_nil in H. apply negb_false_iff, not_true_iff_false. intros far.
  cut (In (i, j) []); [intros []|]. rewrite <- H. apply filter_In. split; [|exact far].
  apply in_prod; apply in_seq; lia.
Qed.

(** The inputs, each fraction made an interval once. *)
Definition enclosed : array -> IProgram.table := map (map enclose).

Lemma enclosed_holds : forall V, matrix_holds (IProgram.entry (enclosed V)) (real V).
Proof.
  intros V i j. unfold real, rational, IProgram.entry, enclosed.
  change (@nil I.type) with (map enclose []). rewrite map_nth. generalize (nth i V []). intros row.
  destruct (Nat.lt_ge_cases j (length row)) as [H|H].
  - rewrite nth_indep with (d' := enclose 0) by now rewrite map_length. rewrite map_nth. apply enclose_holds.
  - rewrite !nth_overflow by (try rewrite map_length; exact H). rewrite RMicromega.Q2R_0. apply int_holds.
Qed.

Lemma enclosed_layer_holds : forall l Vs,
  matrix_holds (IProgram.entry (of_layer l (map enclosed Vs) [])) (real (of_layer l Vs [])).
Proof. intros l Vs. unfold of_layer. change (@nil (list I.type)) with (enclosed []). rewrite map_nth. apply enclosed_holds. Qed.

Section Check.
Variable c : certificate.

Notation n := (n c).
Notation L := (L c).
Notation m := (m c).

Definition gI (l : nat) : IProgram.activation := activationI (of_layer l (hidden c) Name.sigmoid).
Definition outI (Y : IProgram.table) : IProgram.output := outputI n L m (IProgram.entry Y) (last c).

(** backprop on intervals, of the layers L, ..., 1 *)
Definition gradients : list IProgram.layer_gradient :=
  let Ws := map enclosed (given_W c) in
  let bs := map enclosed (given_b c) in
  let X := enclosed (given_X c) in
  let Y := enclosed (given_Y c) in
  let W l := IProgram.entry (of_layer l Ws []) in
  let b l i := IProgram.entry (of_layer l bs []) i 0%nat in
  IProgram.backprop n L m gI (outI Y) W (IProgram.forward n m gI W b (IProgram.entry X) L).

Definition layer_refused (l : nat) (G : IProgram.layer_gradient) : list Name.entry :=
  refused (n l) (n (pred l)) (IProgram.entry (IProgram.grad_W G)) (of_layer l (claim_W c) nothing) (Name.dW l) ++
  refused (n l) 1 (IProgram.entry (IProgram.grad_b G)) (of_layer l (claim_b c) nothing) (fun i _ => Name.db l i) ++
  match nth (pred l) (claim_A c) None with
  | Some C => refused (n (pred l)) m (IProgram.entry (IProgram.grad_A_prev G)) C (Name.dA (pred l))
  | None => []
  end.

Fixpoint layers_refused (l : nat) (Gs : list IProgram.layer_gradient) : list Name.entry :=
  match l, Gs with
  | S p, G :: below => layer_refused l G ++ layers_refused p below
  | _, _ => []
  end.

(** The entries that were not found to be within their bounds *)
Definition refusals : list Name.entry := layers_refused L gradients.

(** ** What it proves *)

Notation dW := (dW n L m (g c) (out c) (W c) (b c) (X c)).
Notation db := (db n L m (g c) (out c) (W c) (b c) (X c)).
Notation dA := (dA n L (g c) (out c) (W c) (b c) (X c)).

(** The real gradient of a layer lies within the claims. *)
Definition layer_near (l : nat) : Prop :=
  (forall i j, (i < n l)%nat -> (j < n (pred l))%nat ->
     let C := of_layer l (claim_W c) nothing in Rabs (real (given C) i j - dW l i j) <= real (bound C) i j) /\
  (forall i, (i < n l)%nat ->
     let C := of_layer l (claim_b c) nothing in Rabs (real (given C) i 0%nat - db l i) <= real (bound C) i 0%nat) /\
  (forall C j k, nth (pred l) (claim_A c) None = Some C -> (j < n (pred l))%nat -> (k < m)%nat ->
     Rabs (real (given C) j k - dA (pred l) j k) <= real (bound C) j k).

Lemma layer_is_near : forall l G W b X Y,
  (forall l, matrix_holds (W l) (Certificate.W c l)) -> (forall l i, Certificate.b c l i ∈ b l i) ->
  matrix_holds X (Certificate.X c) -> matrix_holds (IProgram.entry Y) (Certificate.Y c) ->
  IProgram.gradient_holds n L m gI (outI Y) W b X l G -> layer_refused l G = [] -> layer_near l.
Proof.
  intros l G W b X Y HW Hb HX HY HG none.
  apply layer_holds with (1 := HW) (2 := Hb) (3 := HX) (4 := HY) in HG. destruct HG as [GW [Gb GA]].
  apply app_eq_nil in none as [NW none]. apply app_eq_nil in none as [Nb NA].
  split; [|split].
  - intros i j Hi Hj. eapply refused_none; eauto.
  - intros i Hi. apply (refused_none _ _ _ _ _ Nb); auto.
  - intros C j k HC Hj Hk. rewrite HC in NA. eapply refused_none; eauto.
Qed.

Lemma layers_are_near : forall W b X Y,
  (forall l, matrix_holds (W l) (Certificate.W c l)) -> (forall l i, Certificate.b c l i ∈ b l i) ->
  matrix_holds X (Certificate.X c) -> matrix_holds (IProgram.entry Y) (Certificate.Y c) ->
  forall top Gs, IProgram.gradients_hold n L m gI (outI Y) W b X top Gs -> layers_refused top Gs = [] ->
  forall l, (1 <= l <= top)%nat -> layer_near l.
Proof.
  intros W b X Y HW Hb HX HY. induction top as [|p IH]; intros Gs H none l Hl; [lia|].
  destruct Gs as [|G below]; [contradiction|]. destruct H as [HG Hbelow].
  apply app_eq_nil in none as [none none_below].
  destruct (Nat.eq_dec l (S p)) as [->|]; [now apply (layer_is_near (S p) G W b X Y) | apply (IH below); trivial; lia].
Qed.

Lemma outI_agrees : forall Y, IProgram.output_agrees n L m (outI Y).
Proof.
  intros Y. unfold outI. destruct (last c);
    [apply IProgram.Logistic_agrees | apply IProgram.Softmax_agrees | apply IProgram.Squared_agrees ..].
Qed.

Lemma known_activation : forall name z, known (activation_of name) z.
Proof. intros [] z; left; simpl; tauto. Qed.

Lemma differentiable_here : differentiable n L m (g c) (out c) (W c) (b c) (X c).
Proof.
  apply (known_network _ _ _ _ _ (Y c)); [intros; apply known_activation|].
  unfold out. destruct (last c) as [| |h|h]; simpl; [tauto | tauto | |];
    right; right; eexists _, (activation_of h); auto using known_activation.
Qed.

Theorem correct : refusals = [] -> certified c.
Proof.
  intros none. pose proof differentiable_here as Hd.
  assert (near : forall l, (1 <= l <= L)%nat -> layer_near l).
  { intros l Hl. refine (layers_are_near _ _ _ _ _ _ _ _ L gradients _ none l Hl);
      try (intros; apply enclosed_layer_holds || apply enclosed_holds).
    apply IProgram.backprop_correct; [apply outI_agrees | lia | apply IProgram.forward_correct]. }
  split; [|split; [|split]].
  - intros l i j Hl Hi Hj. exists (dW l i j). split; [apply any_W; trivial; lia | now apply near].
  - intros l i Hl Hi. exists (db l i). split; [apply any_b; trivial; lia | now apply near].
  - intros C j k HC HL Hj Hk. exists (dA 0%nat j k). split; [now apply (any_X n L m) | now apply (near 1%nat); try lia].
  - intros l C j k HC Hl Hj Hk. exists (dA l j k). split; [now apply (any_A n L m) | now apply (near (S l)); try lia].
Qed.

End Check.
End Intervals.

(** ** The integers

    BigInt computes with the processor's integers, whose operations Coq assumes; it is some twenty times faster.  Z of
    Coq's library is defined in Coq, and assumes nothing. *)
Module Native := Intervals BigIntRadix2.
Module Plain := Intervals StdZRadix2.
