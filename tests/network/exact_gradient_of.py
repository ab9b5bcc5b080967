"""A network over the finite field, and its gradient held against the derivative of both of its costs."""

import numpy as np
from strategies import shapes

from refnn.numbers import FieldElement, exact_check, random_point


def check_gradient(network, layer_dims, m, seed, *, hidden="sigmoid", output="sigmoid"):
    """The checks by their names, and the network: params, X and Y."""
    L = len(layer_dims) - 1
    variables = shapes(layer_dims, m) | {f"A{l}": (layer_dims[l], m) for l in range(1, L)}
    point = random_point({name: np.empty(shape) for name, shape in variables.items()}, seed=seed)
    X, Y = point.pop("X"), point.pop("Y")
    params = {name: V for name, V in point.items() if name[0] != "A"}
    point["A0"] = X
    words = [hidden] * (L - 1) if isinstance(hidden, str) else hidden

    def whole(q):
        return network.forward_prop(q["A0"], {name: q[name] for name in params}, hidden=hidden, output=output)

    def layer_by_layer(q):
        """The same with A_l + q["A{l}"] in the place of every hidden A_l, so that there is a dA_l to differentiate."""
        A, caches = np.full((layer_dims[0], m), FieldElement(0)), []
        for l, word in enumerate([*words, output], start=1):
            A, cache = network.forward_prop(A + q[f"A{l - 1}"], {"W1": q[f"W{l}"], "b1": q[f"b{l}"]}, output=word)
            caches += cache
        return A, caches

    def grads(forward):
        def run(q):
            AL, caches = forward(q)
            return network.backprop(AL, Y, caches, hidden=hidden, output=output)

        return run

    def cost(q):
        return network.cost_function(whole(q)[0], Y, output=output)

    def cost_from_Z(q):
        return network.cost_from_Z(layer_by_layer(q)[1][-1][1], Y, output)

    checks = {
        "dW, db, dA0 of cost_function": exact_check(cost, grads(whole), {"A0": X, **params}, seed=seed),
        "dW, db, dA of the cost from Z": exact_check(cost_from_Z, grads(layer_by_layer), point, seed=seed),
    }
    assert all(check.false_pass < 1e-12 for check in checks.values())
    return checks, params, X, Y
