"""The network of one article, corrected, and the gradient checker that judges yours.

X (n_0, m) holds the inputs and Y (n_L, m) the labels, one example per column. Layer l = 1 … L has the weights
W_l (n_l, n_{l-1}) and the biases b_l (n_l, 1), in ``params["W1"]``, ``params["b1"]`` … For every V, dV is $∂J/∂V$,
where J is the mean cost. The numbers of equations are those of proofs/derivation.md.

A network is declared by the same words everywhere; without them it is the article's, of sigmoids:

- hidden: "sigmoid", "tanh", "relu", "leaky_relu" or "leaky_relu(0.2)", "softplus", "silu", "identity"; a pair of
  functions (value, derivative) of Z; or a list with one of these for each hidden layer.
- output: "sigmoid" or "softmax", with their cross-entropy; any other of the above, with half the squared error; or a
  pair (activation, cost), the cost "cross_entropy", "half_squared_error" or "squared_error".

To begin with: `train` and `predict`, made of the article's functions from `init_params` on; `check_backprop` for a
backprop of yours, and `check_gradients` for the gradient of any function; `certify` for what rounding did to one. For
test suites there is `refnn.testing`; `refnn.torch`, `refnn.jax` and `refnn.autograd` stand in for the checkers of
their frameworks; `refnn.gradcheck` has the parts of a result, and `refnn.numbers` the numbers of exact checks.

The functions of the network stand in network.py, unchecked. The public ones are made of them here: they refuse what
does not fit, by its name, before anything is computed.
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
sigmoid = checked(network.sigmoid, _arguments.sigmoid, careful=True)
forward_prop = checked(network.forward_prop, _arguments.forward_prop)
cost_function = checked(network.cost_function, _arguments.cost_function)
logistic_cost = checked(network.logistic_cost, _arguments.logistic_cost)
softmax_cost = checked(network.softmax_cost, _arguments.softmax_cost)
one_layer_backward = checked(network.one_layer_backward, _arguments.one_layer_backward)
backprop = checked(network.backprop, _arguments.backprop)
update_parameters = checked(network.update_parameters, _arguments.update_parameters, careful=True)
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
