"""Networks at random, and backprop as other people write it: right, in many styles. Each takes (params, X, Y)."""

import math
import re
from functools import cache

import numpy as np
from strategies import DECLARATIONS

from refnn import backprop, check_backprop, forward_prop
from refnn.gradcheck.declaration import Declaration
from refnn.gradcheck.faults.catalogue import FAULTS
from refnn.gradcheck.faults.probes import default_probes

SCALES = (0.01, 0.1, 1.0, 10.0, 50.0)


def random_network(rng, scale, layers=8, width=7):
    dims = rng.integers(1, width, rng.integers(2, layers + 2))
    params = {}
    for l in range(1, len(dims)):
        params[f"W{l}"] = scale * rng.standard_normal((dims[l], dims[l - 1]))
        params[f"b{l}"] = scale * rng.standard_normal((dims[l], 1))
    m = int(rng.integers(2, 9))
    Y = rng.random((dims[-1], m))
    return params, rng.standard_normal((dims[0], m)), np.round(Y) if rng.random() < 0.5 else Y


_PROBES = {}


def probes(seed=0, **words):
    """The default probes of a declared network, drawn once."""
    key = seed, repr(words)
    if key not in _PROBES:
        _PROBES[key] = default_probes(seed=seed, declaration=Declaration.of(words))
    return _PROBES[key]


SOME = re.compile("generic|square|one|two|deep|saturated|far on|exactly")


def judged(gradient, seed=0, *, every=False, **words):
    """check_backprop, without drawing the probes anew; on half of them, where not every one is asked for."""
    asked = [probe for probe in probes(seed, **words) if every or SOME.match(probe.name)]
    return check_backprop(gradient, seed=seed, probes=asked, progress=False, **words)


def played(fault, **words):
    """A fault in the gradient of a declared network, in the declared form."""
    said = Declaration.of(words)
    return lambda params, X, Y: fault.gradient(*said.ours(params, X, Y), said)


@cache
def homes(name):
    """The numbers of those DECLARATIONS on whose default probes the fault can be made."""
    found = []
    for i, words in enumerate(DECLARATIONS):
        said = Declaration.of(words)
        if any(FAULTS[name].applies(*probe[1:], said) for probe in probes(**words)):
            found.append(i)
    return found


def reference(params, X, Y):
    AL, caches = forward_prop(X, params)
    return backprop(AL, Y, caches)


def layers(params):
    return range(1, len(params) // 2 + 1)


def made_of(
    *,
    forward=lambda W, A, b: W @ A + b,
    sigmoid=lambda Z: 1 / (1 + np.exp(-Z)),
    output=lambda A, Y: (A - Y) / Y.shape[1],
    slope=lambda A: A * (1 - A),
    sums=lambda dZ, A: (dZ @ A.T, dZ.sum(axis=1, keepdims=True)),
    dtype=np.float64,
):
    """What most people write, dZ_L = A_L - Y and σ' = A (1 - A), with another part here and there."""

    def gradient(params, X, Y):
        params = {key: V.astype(dtype) for key, V in params.items()}
        A, Y, grads = [X.astype(dtype)], Y.astype(dtype), {}
        with np.errstate(all="ignore"):
            for l in layers(params):
                A.append(sigmoid(forward(params[f"W{l}"], A[-1], params[f"b{l}"])))
            dZ = output(A[-1], Y)
            for l in reversed(layers(params)):
                grads[f"dW{l}"], grads[f"db{l}"] = sums(dZ, A[l - 1])
                dZ = params[f"W{l}"].T @ dZ * slope(A[l - 1])
        return grads

    return gradient


plain = made_of()
by_tanh = made_of(sigmoid=lambda Z: (1 + np.tanh(Z / 2)) / 2)
in_float32 = made_of(dtype=np.float32)


def by_logarithms(params, X, Y):
    """As automatic differentiation of log(1 + exp Z) - Y Z goes about it."""
    L = len(params) // 2
    A = [X, *(cache[0][0] for cache in forward_prop(X, params)[1][1:])]
    Z = params[f"W{L}"] @ A[-1] + params[f"b{L}"]
    dZ = (np.exp(Z - np.logaddexp(0, Z)) - Y) / X.shape[1]
    return {**plain(params, X, Y), f"dW{L}": dZ @ A[L - 1].T, f"db{L}": dZ.sum(axis=1, keepdims=True)}


def unfused(slope):
    """The article's chain, dA_L ∘ σ'(Z_L), with σ' computed from A, or afresh from Z."""

    def gradient(params, X, Y):
        A, Z, m = [X], [None], Y.shape[1]
        for l in layers(params):
            Z.append(params[f"W{l}"] @ A[-1] + params[f"b{l}"])
            A.append(1 / (1 + np.exp(-Z[-1])))
        dA, grads = -(Y / A[-1] - (1 - Y) / (1 - A[-1])), {}
        for l in reversed(layers(params)):
            dZ = dA * slope(A[l], Z[l])
            grads[f"dW{l}"], grads[f"db{l}"] = dZ @ A[l - 1].T / m, dZ.mean(axis=1, keepdims=True)
            dA = params[f"W{l}"].T @ dZ
        return grads

    return gradient


SLOPES = {
    "A(1-A)": lambda A, _: A * (1 - A),
    "A-A²": lambda A, _: A - A * A,
    "exp(-Z)/(1+exp(-Z))²": lambda _, Z: np.exp(-Z) / (1 + np.exp(-Z)) ** 2,
    "σ(Z)σ(-Z)": lambda _, Z: 1 / (1 + np.exp(-Z)) / (1 + np.exp(Z)),
    "tanh": lambda _, Z: (1 - np.tanh(Z / 2) ** 2) / 4,
    "cosh": lambda _, Z: 1 / (4 * np.cosh(Z / 2) ** 2),
}


def einsum(params, X, Y):
    A = {0: X}
    for l in layers(params):
        Z = np.einsum("ij,jk->ik", params[f"W{l}"], A[l - 1]) + params[f"b{l}"]
        A[l] = 0.5 * (1 + np.tanh(0.5 * Z))
    top = len(A) - 1
    D = {top: (A[top] - Y) / X.shape[1]}
    for l in reversed(range(1, top)):
        D[l] = np.einsum("ij,ik,jk,jk->jk", params[f"W{l + 1}"], D[l + 1], A[l], 1 - A[l])
    grads = {f"dW{l}": np.einsum("ik,jk->ij", D[l], A[l - 1]) for l in D}
    return grads | {f"db{l}": np.einsum("ik->i", D[l])[:, None] for l in D}


def one_example_at_a_time(params, X, Y):
    grads = {f"d{key}": np.zeros_like(V) for key, V in params.items()}
    m = X.shape[1]
    for k in range(m):
        A = [X[:, k]]
        for l in layers(params):
            A.append(1 / (1 + np.exp(-(params[f"W{l}"].dot(A[-1]) + params[f"b{l}"][:, 0]))))
        delta = A[-1] - Y[:, k]
        for l in reversed(layers(params)):
            grads[f"dW{l}"] += np.outer(delta, A[l - 1]) / m
            grads[f"db{l}"][:, 0] += delta / m
            delta = params[f"W{l}"].T.dot(delta) * A[l - 1] * (1 - A[l - 1])
    return grads


def rows_are_examples(params, X, Y):
    outputs = [X.T]
    for l in layers(params):
        outputs.append(1 / (1 + np.exp(-(outputs[-1] @ params[f"W{l}"].T + params[f"b{l}"].ravel()))))
    grads, delta = {}, (outputs[-1] - Y.T) / len(Y.T)
    for l in reversed(layers(params)):
        grads[f"dW{l}"] = (outputs[l - 1].T @ delta).T
        grads[f"db{l}"] = delta.sum(axis=0).reshape(-1, 1)
        delta = delta @ params[f"W{l}"] * (outputs[l - 1] * (1 - outputs[l - 1]))
    return grads


def bias_as_a_weight(params, X, Y):
    """W and b in one matrix, a row of ones below the activations."""
    ones = np.ones((1, X.shape[1]))
    A = [np.vstack([X, ones])]
    V = [np.hstack([params[f"W{l}"], params[f"b{l}"]]) for l in layers(params)]
    for l in layers(params):
        A.append(np.vstack([1 / (1 + np.exp(-V[l - 1] @ A[-1])), ones]))
    grads, delta = {}, (A[-1][:-1] - Y) / X.shape[1]
    for l in reversed(layers(params)):
        dV = delta @ A[l - 1].T
        grads[f"dW{l}"], grads[f"db{l}"] = dV[:, :-1], dV[:, -1:]
        delta = (V[l - 1].T @ delta * A[l - 1] * (1 - A[l - 1]))[:-1]
    return grads


class Dense:
    """A layer that remembers its input, as in many small frameworks."""

    def __init__(self, W, b):
        self.W, self.b = W, b

    def forward(self, inputs):
        self.inputs = inputs
        self.outputs = 1 / (1 + np.exp(-(self.W @ inputs + self.b)))
        return self.outputs

    def backward(self, error, *, through_sigmoid=True):
        delta = error * self.outputs * (1 - self.outputs) if through_sigmoid else error
        self.dW, self.db = delta @ self.inputs.T, delta.sum(1, keepdims=True)
        return self.W.T @ delta


def classes(params, X, Y):
    net = [Dense(params[f"W{l}"], params[f"b{l}"]) for l in layers(params)]
    out = X
    for layer in net:
        out = layer.forward(out)
    error = (out - Y) / Y.shape[1]
    for layer in reversed(net):
        error = layer.backward(error, through_sigmoid=layer is not net[-1])
    return {f"dW{l}": net[l - 1].dW for l in layers(params)} | {f"db{l}": net[l - 1].db for l in layers(params)}


class Value:
    """A scalar that knows how it was made: automatic differentiation in one page."""

    def __init__(self, data, parents=()):
        self.data, self.parents, self.grad = data, parents, 0.0

    def __add__(self, other):
        return Value(self.data + other.data, ((self, 1.0), (other, 1.0)))

    def __mul__(self, other):
        return Value(self.data * other.data, ((self, other.data), (other, self.data)))

    def sigmoid(self):
        s = 1 / (1 + math.exp(-self.data))
        return Value(s, ((self, s * (1 - s)),))

    def logistic_loss(self, y):
        z = self.data
        return Value(max(z, 0) - z * y + math.log1p(math.exp(-abs(z))), ((self, 1 / (1 + math.exp(-z)) - y),))

    def backward(self):
        order, seen, stack = [], set(), [(self, False)]
        while stack:
            node, done = stack.pop()
            if done:
                order.append(node)
            elif id(node) not in seen:
                seen.add(id(node))
                stack += [(node, True), *((parent, False) for parent, _ in node.parents)]
        self.grad = 1.0
        for node in reversed(order):
            for parent, slope in node.parents:
                parent.grad += slope * node.grad


def scalar_autograd(params, X, Y):
    leaves = {key: [[Value(v) for v in row] for row in V.tolist()] for key, V in params.items()}
    top, m = len(params) // 2, X.shape[1]
    cost = Value(0.0)
    for k in range(m):
        a = [Value(x) for x in X[:, k].tolist()]
        for l in layers(params):
            z = []
            for row, (bias,) in zip(leaves[f"W{l}"], leaves[f"b{l}"]):
                total = bias
                for w, value in zip(row, a):
                    total = total + w * value
                z.append(total)
            a = z if l == top else [value.sigmoid() for value in z]
        for value, y in zip(a, Y[:, k].tolist()):
            cost = cost + value.logistic_loss(y) * Value(1 / m)
    cost.backward()
    return {f"d{key}": np.array([[v.grad for v in row] for row in rows]) for key, rows in leaves.items()}


def in_longdouble(params, X, Y):
    return {key: V.astype(float) for key, V in made_of(dtype=np.longdouble)(params, X, Y).items()}


def fortran_order(params, X, Y):
    return {key: np.asfortranarray(V) for key, V in plain(params, X, Y).items()}


RIGHT = {
    "plain": plain,
    **{f"unfused, {name}": unfused(slope) for name, slope in SLOPES.items()},
    "einsum": einsum,
    "one example at a time": one_example_at_a_time,
    "rows are examples": rows_are_examples,
    "bias as a weight": bias_as_a_weight,
    "classes": classes,
    "scalar autograd": scalar_autograd,
    "float32": in_float32,
    "longdouble": in_longdouble,
    "Fortran order": fortran_order,
}
