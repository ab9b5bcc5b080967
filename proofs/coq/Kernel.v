(** * Kernel.v: a certificate, proved by computing

    backprop runs on intervals, in Coq's kernel.  Where every number of an interval lies within the claimed bound of the
    given float, so does the derivative, which is one of them.

    Main result:  [correct]: [certified] is every certificate in which [refusals] finds nothing.
    Builds on:    Intervals.v, Theorems.v, Certificate.v.
    Names:        those of Certificate.v and Intervals.v. *)

From Coq Require Import Reals QArith Qreals List Bool Lia Lra.
From Interval Require Import Xreal Basic Specific_sig Specific_bigint Specific_stdz.
From RefNN Require Import Generic Program Model Theorems Certificate Intervals.
Import ListNotations.
Open Scope R_scope.

Module Kernel (Carrier : FloatCarrier with Definition radix := Zaux.radix2) (Precision : PRECISION).
Module Import OnIntervals := Intervals Carrier Precision.

(** ** What is computed *)

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

(** Whether an interval keeps away from the kink of an activation, if it has one. *)
Definition smooth (name : Name.activation) (x : I.type) : bool :=
  match name, I.sign_strict x with
  | Name.leaky_relu _, (Xeq | Xund) => false
  | _, _ => true
  end.

Lemma smooth_correct : forall name x a, a ∈ x -> smooth name x = true -> known (activation_of name) a.
Proof.
  intros name x a Ha. unfold smooth. pose proof (I.sign_strict_correct x) as S.
  destruct name as [| | | | |slope]; simpl; try (left; simpl; tauto).
  intros H. right. split; [now exists (Q2R slope)|].
  destruct (I.sign_strict x); try discriminate; destruct (S _ Ha) as [_ Hs]; simpl in Hs; lra.
Qed.

(** The entries of an array that fail a test, each by its [name]. *)
Definition failing (rows columns : nat) (test : nat -> nat -> bool) (name : nat -> nat -> Name.entry) :=
  map (fun '(i, j) => name i j) (filter (fun '(i, j) => negb (test i j)) (list_prod (seq 0 rows) (seq 0 columns))).

Lemma failing_none : forall rows columns test name, failing rows columns test name = [] ->
  forall i j, (i < rows)%nat -> (j < columns)%nat -> test i j = true.
Proof.
  intros rows columns test name H i j Hi Hj. apply map_eq_nil in H.
  apply negb_false_iff, not_true_iff_false. intros fails.
  cut (In (i, j) []); [intros []|]. rewrite <- H. apply filter_In. split; [|exact fails].
  apply in_prod; apply in_seq; lia.
Qed.

Definition within_claim (M : IProgram.mat) (C : claim) (i j : nat) : bool :=
  within (M i j) (rational (given C) i j) (rational (bound C) i j).

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
Proof.
  intros l Vs. unfold of_layer. change (@nil (list I.type)) with (enclosed []). rewrite map_nth. apply enclosed_holds.
Qed.

Section Check.
Variable c : certificate.

Notation n := (n c).
Notation L := (L c).
Notation m := (m c).

Definition gI (l : nat) : IProgram.activation := activationI (of_layer l (hidden c) Name.sigmoid).
Definition outI (Y : IProgram.mat) : IProgram.output := outputI n L m Y (last c).

(** The activation of each layer; of those outputs that are smooth as a whole, none. *)
Definition activation_name (l : nat) : Name.activation :=
  if (l <? L)%nat then of_layer l (hidden c) Name.sigmoid
  else match last c with
  | Name.squared_error h | Name.half_squared_error h => h
  | Name.logistic | Name.softmax => Name.identity
  end.

(** What fails in layer [l]: in its Z, or of its gradient. *)
Definition Z_failing (l : nat) (Z : IProgram.table) : list Name.entry :=
  failing (n l) m (fun i k => smooth (activation_name l) (IProgram.entry Z i k)) (Name.Z l).

Definition gradient_failing (l : nat) (G : IProgram.layer_gradient) : list Name.entry :=
  failing (n l) (n (pred l)) (within_claim (IProgram.entry (IProgram.grad_W G)) (of_layer l (claim_W c) nothing))
    (Name.dW l) ++
  failing (n l) 1 (within_claim (IProgram.entry (IProgram.grad_b G)) (of_layer l (claim_b c) nothing))
    (fun i _ => Name.db l i) ++
  match nth (pred l) (claim_A c) None with
  | Some C => failing (n (pred l)) m (within_claim (IProgram.entry (IProgram.grad_A_prev G)) C) (Name.dA (pred l))
  | None => []
  end.

(** In the layers [l], ..., 1 *)
Fixpoint Zs_failing (l : nat) (caches : list IProgram.cache) : list Name.entry :=
  match l, caches with
  | S p, (Z, _) :: below => Z_failing l Z ++ Zs_failing p below
  | _, _ => []
  end.

Fixpoint gradients_failing (l : nat) (Gs : list IProgram.layer_gradient) : list Name.entry :=
  match l, Gs with
  | S p, G :: below => gradient_failing l G ++ gradients_failing p below
  | _, _ => []
  end.

(** The entries for which nothing is proved *)
Definition refusals : list Name.entry :=
  let Ws := map enclosed (given_W c) in
  let bs := map enclosed (given_b c) in
  let X := enclosed (given_X c) in
  let Y := enclosed (given_Y c) in
  let W l := IProgram.entry (of_layer l Ws []) in
  let b l i := IProgram.entry (of_layer l bs []) i 0%nat in
  let caches := IProgram.forward n m gI W b (IProgram.entry X) L in
  Zs_failing L caches ++ gradients_failing L (IProgram.backprop n L m gI (outI (IProgram.entry Y)) W caches).

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

(** The intervals from which the program starts hold the inputs. *)
Section Start.
Variable WI : IProgram.weights.
Variable bI : IProgram.biases.
Variable XI YI : IProgram.mat.
Hypothesis HW : forall l, matrix_holds (WI l) (W c l).
Hypothesis Hb : forall l i, b c l i ∈ bI l i.
Hypothesis HX : matrix_holds XI (X c).
Hypothesis HY : matrix_holds YI (Y c).

Lemma gradient_failing_none : forall l G, IProgram.gradient_holds n L m gI (outI YI) WI bI XI l G ->
  gradient_failing l G = [] -> layer_near l.
Proof.
  intros l G HG none.
  apply layer_holds with (1 := HW) (2 := Hb) (3 := HX) (4 := HY) in HG. destruct HG as [GW [Gb GA]].
  apply app_eq_nil in none as [NW none]. apply app_eq_nil in none as [Nb NA].
  split; [|split].
  - intros i j Hi Hj. eapply within_correct; [|exact (failing_none _ _ _ _ NW i j Hi Hj)]. auto.
  - intros i Hi. eapply within_correct; [|exact (failing_none _ _ _ _ Nb i 0%nat Hi Nat.lt_0_1)]. auto.
  - intros C j k HC Hj Hk. rewrite HC in NA. eapply within_correct; [|exact (failing_none _ _ _ _ NA j k Hj Hk)]. auto.
Qed.

Lemma gradients_failing_none : forall top Gs, IProgram.gradients_hold n L m gI (outI YI) WI bI XI top Gs ->
  gradients_failing top Gs = [] -> forall l, (1 <= l <= top)%nat -> layer_near l.
Proof.
  induction top as [|p IH]; intros Gs H none l Hl; [lia|].
  destruct Gs as [|G below]; [contradiction|]. destruct H as [HG Hbelow].
  apply app_eq_nil in none as [none none_below].
  destruct (Nat.eq_dec l (S p)) as [->|]; [now apply (gradient_failing_none (S p) G) | apply (IH below); trivial; lia].
Qed.

Lemma Zs_failing_none : forall top caches, IProgram.caches_hold n m gI WI bI XI top caches ->
  Zs_failing top caches = [] -> forall l i k, (1 <= l <= top)%nat -> (i < n l)%nat -> (k < m)%nat ->
  known (activation_of (activation_name l)) (Z n (g c) (W c) (b c) (X c) l i k).
Proof.
  induction top as [|p IH]; intros caches H none l i k Hl Hi Hk; [lia|].
  destruct caches as [|[Z A] below]; [contradiction|]. destruct H as [_ [HZ Hbelow]].
  apply app_eq_nil in none as [none none_below].
  destruct (Nat.eq_dec l (S p)) as [->|]; [|apply (IH below); trivial; lia].
  eapply smooth_correct; [|exact (failing_none _ _ _ _ none i k Hi Hk)].
  rewrite HZ by assumption. now apply Z_holds.
Qed.

End Start.

Lemma differentiable_here :
  (forall l i k, (1 <= l <= L)%nat -> (i < n l)%nat -> (k < m)%nat ->
     known (activation_of (activation_name l)) (Z n (g c) (W c) (b c) (X c) l i k)) ->
  (0 < L)%nat -> differentiable n L m (g c) (out c) (W c) (b c) (X c).
Proof.
  intros H HL. apply (known_network _ _ _ _ _ (Y c)).
  - intros l i k Hl Hi Hk. specialize (H l i k ltac:(lia) Hi Hk). unfold activation_name in H.
    now rewrite (proj2 (Nat.ltb_lt l L)) in H.
  - specialize (H L). unfold activation_name in H. rewrite Nat.ltb_irrefl in H.
    unfold out. destruct (last c) as [| |h|h]; simpl; [tauto | tauto | |];
      right; right; eexists _, (activation_of h); (split; [reflexivity | auto]).
Qed.

Lemma outI_agrees : forall Y, IProgram.output_agrees n L m (outI Y).
Proof.
  intros Y. unfold outI. destruct (last c);
    [apply IProgram.Logistic_agrees | apply IProgram.Softmax_agrees | apply IProgram.Squared_agrees ..].
Qed.

Theorem correct : refusals = [] -> certified c.
Proof.
  intros none. apply app_eq_nil in none as [no_kink near].
  pose proof (fun l => enclosed_layer_holds l (given_W c)) as HW.
  pose proof (fun l i => enclosed_layer_holds l (given_b c) i 0%nat) as Hb.
  pose proof (enclosed_holds (given_X c)) as HX. pose proof (enclosed_holds (given_Y c)) as HY.
  assert (Hd : (0 < L)%nat -> differentiable n L m (g c) (out c) (W c) (b c) (X c)).
  { apply differentiable_here. refine (Zs_failing_none _ _ _ HW Hb HX L _ _ no_kink). apply IProgram.forward_correct. }
  assert (H : forall l, (1 <= l <= L)%nat -> layer_near l).
  { intros l Hl. refine (gradients_failing_none _ _ _ _ HW Hb HX HY L _ _ near l Hl).
    apply IProgram.backprop_correct; [apply outI_agrees | lia | apply IProgram.forward_correct]. }
  split; [|split; [|split]].
  - intros l i j Hl Hi Hj. exists (dW l i j). split; [|now apply H]. apply any_W; trivial; try apply Hd; lia.
  - intros l i Hl Hi. exists (db l i). split; [|now apply H]. apply any_b; trivial; try apply Hd; lia.
  - intros C j k HC HL Hj Hk. exists (dA 0%nat j k). split; [|apply (H 1%nat); trivial; lia].
    apply (any_X n L m); trivial. now apply Hd.
  - intros l C j k HC Hl Hj Hk. exists (dA l j k). split; [|apply (H (S l)); trivial; lia].
    apply (any_A n L m); trivial. apply Hd. lia.
Qed.

End Check.
End Kernel.

(** ** The integers

    Native ones are the processor's, whose operations Coq takes as given.  Those of Coq's library are defined in Coq:
    they assume nothing, and are some 25 times slower. *)
Module Native := Kernel BigIntRadix2.
Module Plain := Kernel StdZRadix2.
