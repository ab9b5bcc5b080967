"""refnn: the network of one article, corrected, and the gradient checker that judges yours. See README.md.

The functions of the network stand in network.py, unchecked; the public ones are made of them here.
"""

from typing import TYPE_CHECKING

from refnn import _arguments, network
from refnn._arguments import checked
from refnn.certificate import Certificate, certify
from refnn.gradcheck import (
    GradientCheck,
    Verdict,
    check_backprop,
    check_gradients,
    check_jacobian,
    check_jvp,
    check_network,
    check_vjp,
    numerical_gradient,
)

init_params = checked(network.init_params, _arguments.init_params)
sigmoid = checked(network.sigmoid, _arguments.sigmoid)
forward_prop = checked(network.forward_prop, _arguments.forward_prop)
cost_function = checked(network.cost_function, _arguments.cost_function)
logistic_cost = checked(network.logistic_cost, _arguments.logistic_cost)
softmax_cost = checked(network.softmax_cost, _arguments.softmax_cost)
one_layer_backward = checked(network.one_layer_backward, _arguments.one_layer_backward)
backprop = checked(network.backprop, _arguments.backprop)
update_parameters = checked(network.update_parameters, _arguments.update_parameters)
train = checked(network.train, _arguments.train, careful=True)
predict = checked(network.predict, _arguments.predict, careful=True)

__all__ = [
    "Certificate",
    "GradientCheck",
    "Verdict",
    "backprop",
    "certify",
    "check_backprop",
    "check_gradients",
    "check_jacobian",
    "check_jvp",
    "check_network",
    "check_vjp",
    "cost_function",
    "forward_prop",
    "init_params",
    "logistic_cost",
    "numerical_gradient",
    "one_layer_backward",
    "predict",
    "sigmoid",
    "softmax_cost",
    "train",
    "update_parameters",
]

if TYPE_CHECKING:
    __version__: str
else:

    def __getattr__(name):
        """`__version__`, read from the package's metadata once asked for: not every import should wait for that."""
        if name != "__version__":
            raise AttributeError(f"module 'refnn' has no attribute {name!r}")
        from importlib import metadata

        try:
            return metadata.version("refnn")
        except metadata.PackageNotFoundError:  # a checkout that is not installed
            return "unknown"
