(** * Assumptions.v: what the theorems rest on

    Prints, for each theorem of Theorems.v, Sigmoid.v, Example.v, Translated.v and Kernel.v (without native integers),
    and of Floats.v, FloatNetwork.v, FloatSigmoid.v and Binary64.v, every axiom in its proof.  `make` compares the output with assumptions.txt, which has four axioms of Coq's standard library, and none of ours:

    sig_forall_dec                   a decidable property of natural numbers holds of all, or fails at one that is found
    sig_not_dec                      for each proposition, whether its negation holds is decided
    classic                          excluded middle
    functional_extensionality_dep    functions with equal values are equal

    The first two come with Coq's real numbers.  All four hold in ordinary mathematics. *)

From Coq Require Import PArith.
From RefNN Require Import Theorems Sigmoid Example Translated.
From RefNN Require Kernel Floats FloatNetwork FloatSigmoid Binary64.

Print Assumptions any_along_curve.
Print Assumptions any_W.
Print Assumptions any_b.
Print Assumptions any_X.
Print Assumptions any_A.
Print Assumptions any_cost_above.
Print Assumptions any_Z_output.
Print Assumptions any_Z.
Print Assumptions any_frechet.
Print Assumptions any_frechet_A.
Print Assumptions any_frechet_Z.
Print Assumptions any_update_lowers_cost.
Print Assumptions any_minibatch_W.
Print Assumptions any_minibatch_b.
Print Assumptions any_program.
Print Assumptions sigmoid_derivative.
Print Assumptions sigmoid_complement.
Print Assumptions tanh_derivative.
Print Assumptions tanh_meaning.
Print Assumptions softplus_derivative.
Print Assumptions silu_derivative.
Print Assumptions identity_derivative.
Print Assumptions leaky_derivative.
Print Assumptions relu_is_max.
Print Assumptions denominators_are_positive.
Print Assumptions logistic_output.
Print Assumptions squared_output.
Print Assumptions softmax_output.
Print Assumptions softmax_output_difference.
Print Assumptions softmax_is_a_distribution.
Print Assumptions softmax_cost_from_Z.
Print Assumptions known_derivative.
Print Assumptions known_network.
Print Assumptions outputs_agree.
Print Assumptions outputs_are_means.
Print Assumptions sigmoid_network_differentiable.
Print Assumptions backprop_along_curve.
Print Assumptions backprop_W.
Print Assumptions backprop_b.
Print Assumptions backprop_X.
Print Assumptions backprop_A.
Print Assumptions cost_above_meaning.
Print Assumptions cost_is_cross_entropy.
Print Assumptions backprop_A_output.
Print Assumptions backprop_Z_output.
Print Assumptions backprop_Z.
Print Assumptions backprop_frechet.
Print Assumptions activation_between_0_and_1.
Print Assumptions fused_output.
Print Assumptions fused_output_difference.
Print Assumptions logistic_cost_is_J.
Print Assumptions update_lowers_cost.
Print Assumptions minibatch_W.
Print Assumptions minibatch_b.
Print Assumptions program_forward.
Print Assumptions program_backprop.
Print Assumptions program_costs.
Print Assumptions derivative_is_a_number.
Print Assumptions the_step_descends.
Print Assumptions the_batches_add_up.
Print Assumptions relu_derivative_is_a_number.
Print Assumptions any_translated_runs.
Print Assumptions any_translated_W.
Print Assumptions any_translated_b.
Print Assumptions any_translated_X.
Print Assumptions any_translated_step.
Print Assumptions lines_of_activations.
Print Assumptions own_activations.
Print Assumptions lines_of_outputs.
Print Assumptions own_outputs.
Print Assumptions translated_runs.
Print Assumptions translated_W.
Print Assumptions translated_b.
Print Assumptions translated_X.
Print Assumptions translated_A.
Print Assumptions translated_step.
Module Precision.
  Definition bits := 64%positive.
End Precision.
Module Checker := Kernel.Plain Precision.
Print Assumptions Checker.correct.
Print Assumptions Floats.height_at_most_terms.
Print Assumptions Floats.sum_off.
Print Assumptions FloatNetwork.A_off.
Print Assumptions FloatNetwork.Z_off.
Print Assumptions FloatNetwork.dZ_off.
Print Assumptions FloatNetwork.dA_off.
Print Assumptions FloatNetwork.dW_off.
Print Assumptions FloatNetwork.db_off.
Print Assumptions FloatSigmoid.exact_runs.
Print Assumptions FloatSigmoid.gradient_off.
Print Assumptions Binary64.binary64_rounds.
Print Assumptions Binary64.binary64_rounds_sum.
Print Assumptions Binary64.binary64_gradient_off.
