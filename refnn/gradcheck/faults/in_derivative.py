"""Bugs in a hidden layer: in the derivative of its activation, and in dZ_l."""

from itertools import pairwise

import numpy as np

from refnn.gradcheck import formulas
from refnn.gradcheck.faults.fault import IDENTITY, RELU, SIGMOID, TANH, Constant, fault, hidden_layer, some_hidden
from refnn.gradcheck.faults.lines import Array, Run

OTHER = formulas.activation("leaky_relu(0.3)")


def _kinked(run: Run) -> bool:
    return any(g.kinked for g in run.activations)


@fault("D8", "derivative", "g'(Z_l) is missing: dZ_l = dA_l", some_hidden("identity", other=True))
def missing_hidden_derivative(run: Run, l: int, derivative: Array) -> Array:
    return np.ones_like(derivative)


@fault("D8", "derivative", "A_l stands in place of g'(Z_l)", hidden_layer)
def activation_as_derivative(run: Run, l: int, derivative: Array) -> Array:
    return run.A[l]


@fault("D8", "hidden", "dZ_l is g'(Z_l): it is not multiplied by dA_l", hidden_layer)
def derivative_alone(run: Run, l: int, dZ: Array) -> Array:
    return run.g(l).derivative(run.Z[l])


@fault(
    "D8",
    "hidden",
    "below zero dZ_l is the slope itself, assigned and not multiplied by dA_l",
    lambda run: any(g.kinked and g is not RELU and np.any(Z < 0) for g, Z in zip(run.activations, run.Z[1:])),
)
def slope_assigned(run: Run, l: int, dZ: Array) -> Array:
    g, below = run.g(l), run.Z[l] < 0
    return np.where(below, g.derivative(run.Z[l]), dZ) if g.kinked else dZ


@fault("D8", "hidden", "dZ_l is dA_l - g'(Z_l): minus in place of times", hidden_layer)
def derivative_subtracted(run: Run, l: int, dZ: Array) -> Array:
    return run.dA[l] - run.g(l).derivative(run.Z[l])


@fault(
    "D3",
    "derivative",
    "A_l (1 - A_l) is the derivative of σ, not of this activation",
    some_hidden("sigmoid", other=True),
)
def sigmoid_derivative(run: Run, l: int, derivative: Array) -> Array:
    return run.A[l] * (1 - run.A[l]) if run.g(l) is not SIGMOID else derivative


@fault(
    "D3", "derivative", "1 - A_l² is the derivative of tanh, not of this activation", some_hidden("tanh", other=True)
)
def tanh_derivative(run: Run, l: int, derivative: Array) -> Array:
    g, A = run.g(l), run.A[l]
    if g is TANH:
        return derivative
    return formulas.sigmoid(-run.Z[l]) * (1 + A) if g is SIGMOID else 1 - A**2


@fault(
    "D3",
    "derivative",
    "1 where Z_l > 0 is the derivative of ReLU, not of this activation",
    some_hidden("relu", other=True),
)
def relu_derivative(run: Run, l: int, derivative: Array) -> Array:
    return np.where(run.Z[l] > 0, 1.0, 0.0)


@fault("D3", "derivative", "the derivative is taken at -Z_l: the mask of ReLU is inverted", _kinked)
def mask_inverted(run: Run, l: int, derivative: Array) -> Array:
    return run.g(l).derivative(-run.Z[l])


@fault(
    "D3",
    "derivative",
    "the derivative has another slope below zero than the activation",
    lambda run: any(g.kinked and g is not OTHER and np.any(Z < 0) for g, Z in zip(run.activations, run.Z[1:])),
    Constant("slope", lambda _: (0.01, 0.02, 0.05, 0.1, 0.2, 0.25, 0.3, 1 / 3)),
)
def other_slope(run: Run, l: int, derivative: Array, constant: float = 0.3) -> Array:
    return np.where(run.Z[l] < 0, constant, derivative) if run.g(l).kinked else derivative


@fault(
    "D3",
    "derivative",
    "g' is taken at A_l instead of Z_l: the activation is applied twice",
    lambda run: any(not g.kinked and g is not IDENTITY for g in run.activations),
)
def double_sigmoid(run: Run, l: int, derivative: Array) -> Array:
    return run.g(l).derivative(run.A[l])


@fault(
    "D3",
    "derivative",
    "g' is computed from Z_l by its formula in A_l: Z_l (1 - Z_l), or 1 - Z_l²",
    lambda run: any(g in (SIGMOID, TANH) for g in run.activations),
)
def formula_in_A_of_Z(run: Run, l: int, derivative: Array) -> Array:
    Z = run.Z[l]
    return np.asarray({SIGMOID: Z * (1 - Z), TANH: 1 - Z**2}.get(run.g(l), derivative))


@fault("D3", "derivative", "(1 - A_l)² stands in place of 1 - A_l²", some_hidden("tanh"))
def square_of_the_difference(run: Run, l: int, derivative: Array) -> Array:
    return (1 - run.A[l]) ** 2 if run.g(l) is TANH else derivative


@fault("D8", "derivative", "the sign of g'(Z_l) is flipped, as in A_l (A_l - 1)", hidden_layer)
def derivative_negated(run: Run, l: int, derivative: Array) -> Array:
    return -derivative


@fault("D8", "derivative", "g' is taken at dA_l, not at Z_l: dZ[dZ <= 0] = 0 in place of dZ[Z <= 0] = 0", _kinked)
def derivative_of_the_gradient(run: Run, l: int, derivative: Array) -> Array:
    return run.g(l).derivative(run.dA[l]) if run.g(l).kinked else derivative


@fault(
    "D8",
    "derivative",
    "g' is taken at Z_{l+1}, not at Z_l (possible where n_{l+1} is n_l, or 1)",
    lambda run: any(
        n_next in (n, 1) and g is not IDENTITY for g, (n, n_next) in zip(run.activations, pairwise(run.widths[1:]))
    ),
)
def derivative_of_another_layer(run: Run, l: int, derivative: Array) -> Array:
    above = run.Z[min(l + 1, run.L)]
    fits = len(above) in (len(derivative), 1)
    return np.broadcast_to(run.g(l).derivative(above), derivative.shape) if fits else derivative
