"""refnn: the sigmoid network of one article, corrected, and verified more strongly than any other. See README.md."""

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
    "backprop",
    "cost_function",
    "forward_prop",
    "init_params",
    "logistic_cost",
    "one_layer_backward",
    "predict",
    "sigmoid",
    "train",
    "update_parameters",
]
