"""Judge any gradient or backward of any function, by witnesses that know nothing of backpropagation."""

from refnn.gradcheck.backprop import check_backprop
from refnn.gradcheck.check import check_gradients, numerical_gradient
from refnn.gradcheck.network import check_network
from refnn.gradcheck.pullback import check_jacobian, check_jvp, check_vjp
from refnn.gradcheck.verdict.result import Entry, GradientCheck, ParameterCheck, Testimony, Verdict

__all__ = [
    "Entry",
    "GradientCheck",
    "ParameterCheck",
    "Testimony",
    "Verdict",
    "check_backprop",
    "check_gradients",
    "check_jacobian",
    "check_jvp",
    "check_network",
    "check_vjp",
    "numerical_gradient",
]
