"""refnn: the sigmoid network of one article, corrected, and the gradient checker that judges yours. See README.md."""

from refnn.certificate import Certificate, certify
from refnn.gradcheck import (
    GradientCheck,
    Verdict,
    check_backprop,
    check_gradients,
    check_network,
    numerical_gradient,
)
from refnn.network import (
    backprop,
    cost_function,
    forward_prop,
    init_params,
    logistic_cost,
    one_layer_backward,
    predict,
    sigmoid,
    train,
    update_parameters,
)

__all__ = [
    "Certificate",
    "GradientCheck",
    "Verdict",
    "backprop",
    "certify",
    "check_backprop",
    "check_gradients",
    "check_network",
    "cost_function",
    "forward_prop",
    "init_params",
    "logistic_cost",
    "numerical_gradient",
    "one_layer_backward",
    "predict",
    "sigmoid",
    "train",
    "update_parameters",
]
