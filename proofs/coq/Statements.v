(** * Statements.v: the theorems in full, and the words in them

    Each theorem with all that it assumes, as Coq prints it, and each definition on which its meaning rests.  `make`
    compares the output with statements.txt: no statement becomes another without being seen there. *)

From Coq Require Import Reals String List.
From Coquelicot Require Import Coquelicot.
From RefNN Require Import Example Model Theorems Sigmoid Text Tie Translated.
Import ListNotations.
Open Scope list_scope.
Open Scope string_scope.
Open Scope nat_scope.
Open Scope R_scope.
Set Printing Width 118.
Set Printing Depth 200.

(** The words of Model.v *)
Print total.
Print inner.
Print size.
Print moves.
Print is_gradient.
Print differentiable.
Print Model.known.
Print set_W.
Print set_b.
Print set_A.
Print above.
Print cost_above.
Print Model.columns.
Print is_mean.
Print sum_over.
Print caches_hold.
Print gradients_hold.
Print output_agrees.

(** The calls of the text (Translated.v), and what is asked of it *)
Print key.
Print layer_parameters.
Print parameters.
Print activation_is.
Print hidden_is.
Print output_is.
Print Translated.python.
Print Translated.forward.
Print only_output.
Print Translated.cost.
Print Translated.grads.
Print Translated.kept.
Print cost_from_Z.
Print Translated.activation.
Print Translated.update.
Print Translated.J.
Print Translated.gradient.
Print shaped.

(** The theorems *)
Check any_along_curve.
Check any_W.
Check any_b.
Check any_X.
Check any_A.
Check any_cost_above.
Check any_Z_output.
Check any_Z.
Check any_frechet.
Check any_frechet_A.
Check any_frechet_Z.
Check any_update_lowers_cost.
Check any_minibatch_W.
Check any_minibatch_b.
Check any_program.
Check sigmoid_derivative.
Check sigmoid_complement.
Check tanh_derivative.
Check tanh_meaning.
Check softplus_derivative.
Check silu_derivative.
Check identity_derivative.
Check leaky_derivative.
Check relu_is_max.
Check denominators_are_positive.
Check logistic_output.
Check squared_output.
Check softmax_output.
Check softmax_output_difference.
Check softmax_is_a_distribution.
Check softmax_cost_from_Z.
Check known_derivative.
Check known_network.
Check outputs_agree.
Check outputs_are_means.
Check sigmoid_network_differentiable.
Check backprop_along_curve.
Check backprop_W.
Check backprop_b.
Check backprop_X.
Check backprop_A.
Check cost_above_meaning.
Check cost_is_cross_entropy.
Check backprop_A_output.
Check backprop_Z_output.
Check backprop_Z.
Check backprop_frechet.
Check activation_between_0_and_1.
Check fused_output.
Check fused_output_difference.
Check logistic_cost_is_J.
Check update_lowers_cost.
Check minibatch_W.
Check minibatch_b.
Check program_forward.
Check program_backprop.
Check program_costs.
Check derivative_is_a_number.
Check the_step_descends.
Check the_batches_add_up.
Check relu_derivative_is_a_number.
Check any_translated_runs.
Check any_translated_W.
Check any_translated_b.
Check any_translated_X.
Check any_translated_step.
Check lines_of_activations.
Check own_activations.
Check lines_of_outputs.
Check own_outputs.
Check translated_runs.
Check translated_W.
Check translated_b.
Check translated_X.
Check translated_A.
Check translated_step.

(** What a certificate says (Certificate.v), and when it is so *)
From RefNN Require Certificate Kernel.
Print Certificate.rational.
Print Certificate.real.
Print Certificate.claim.
Print Certificate.Name.activation.
Print Certificate.Name.output.
Print Certificate.certificate.
Print Certificate.activation_of.
Print Certificate.output_of.
Print Certificate.of_layer.
Print Certificate.nothing.
Print Certificate.n.
Print Certificate.L.
Print Certificate.m.
Print Certificate.g.
Print Certificate.W.
Print Certificate.b.
Print Certificate.X.
Print Certificate.Y.
Print Certificate.out.
Print Certificate.near.
Print Certificate.certified.
Module Precision.
  Definition bits := 64%positive.
End Precision.
Module Checker := Kernel.Plain Precision.
Check Checker.correct.

(** The floating-point theorem: what is computed, the bounds, and that they hold *)
From RefNN Require Import Floats FloatNetwork FloatSigmoid Binary64.
Print Floats.rounds.
Print Floats.rounds_sum.
Print Floats.evaluated.
Print Floats.terms.
Print Floats.bound.
Print Floats.E_product.
Print Floats.E_sum.
Print FloatNetwork.sum_computed.
Print FloatNetwork.with_last.
Print FloatNetwork.run.
Print FloatNetwork.computed.
Print FloatNetwork.E_of.
Print FloatNetwork.E_linear.
Print FloatNetwork.E_A.
Print FloatNetwork.E_Z.
Print FloatNetwork.E_dA_prev.
Print FloatNetwork.E_dZ_hidden.
Print FloatNetwork.E_dZ_down.
Print FloatNetwork.E_dZ.
Print FloatNetwork.E_dA.
Print FloatNetwork.E_dW.
Print FloatNetwork.E_db.
Print FloatSigmoid.arithmetic.
Print FloatSigmoid.sensible.
Print FloatSigmoid.elementary.
Print FloatSigmoid.sigmoid_computed.
Print FloatSigmoid.slope_computed.
Print FloatSigmoid.output_computed.
Print FloatSigmoid.E_inverse.
Print FloatSigmoid.rho_sigmoid.
Print FloatSigmoid.rho_slope.
Print FloatSigmoid.moved.
Print FloatSigmoid.moved_slope.
Print FloatSigmoid.E_sigmoid.
Print FloatSigmoid.E_slope.
Print FloatSigmoid.two.
Print FloatSigmoid.E_logistic.
Print FloatSigmoid.runs.
Print FloatSigmoid.E_A.
Print FloatSigmoid.E_dA.
Print FloatSigmoid.E_dW.
Print FloatSigmoid.E_db.
Print FloatSigmoid.exact_run.
Print FloatSigmoid.within_bounds.
Print Binary64.format.
Print Binary64.even_ties.
Print Binary64.nearest.
Print Binary64.binary64.
Check Floats.height_at_most_terms.
Check Floats.sum_off.
Check FloatNetwork.A_off.
Check FloatNetwork.Z_off.
Check FloatNetwork.dZ_off.
Check FloatNetwork.dA_off.
Check FloatNetwork.dW_off.
Check FloatNetwork.db_off.
Check FloatSigmoid.exact_runs.
Check FloatSigmoid.gradient_off.
Check Binary64.binary64_rounds.
Check Binary64.binary64_rounds_sum.
Check Binary64.binary64_gradient_off.
