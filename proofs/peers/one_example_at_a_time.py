"""Lists of weights and biases in a class, tanh, squared error, one example at a time, and a step of descent at the end.

check_backprop(gradient, hidden="tanh", output="tanh", step=0.3, names={"W": "weights[{k}]", "b": "biases[{k}]"})
"""

from itertools import pairwise

import numpy as np

DECLARED = {"hidden": "tanh", "output": "tanh", "step": 0.3, "names": {"W": "weights[{k}]", "b": "biases[{k}]"}}


class Network:
    def __init__(self, sizes):
        self.weights = [np.random.randn(n, n_prev) for n_prev, n in pairwise(sizes)]  # noqa: NPY002
        self.biases = [np.random.randn(n, 1) for n in sizes[1:]]  # noqa: NPY002

    def learn(self, examples, rate):
        """One step along the mean gradient of 1/2 |a - y|² over the examples."""
        weight_sums = [np.zeros(w.shape) for w in self.weights]
        bias_sums = [np.zeros(b.shape) for b in self.biases]
        for x, y in examples:
            for i, (dw, db) in enumerate(self.backward(x, y)):
                weight_sums[i] += dw
                bias_sums[i] += db
        self.weights = [w - rate * s / len(examples) for w, s in zip(self.weights, weight_sums)]
        self.biases = [b - rate * s / len(examples) for b, s in zip(self.biases, bias_sums)]

    def backward(self, x, y):
        outputs = [x]
        for w, b in zip(self.weights, self.biases):
            outputs.append(np.tanh(w.dot(outputs[-1]) + b))
        slopes = [1 - a**2 for a in outputs]
        error = (outputs[-1] - y) * slopes[-1]
        found = []
        for i in reversed(range(len(self.weights))):
            found.append((error.dot(outputs[i].T), error))
            error = self.weights[i].T.dot(error) * slopes[i]
        return reversed(found)


def gradient(params, X, Y):
    network = Network([len(X)])
    layers = range(len(params) // 2)
    network.weights = [params[f"weights[{k}]"] for k in layers]
    network.biases = [params[f"biases[{k}]"] for k in layers]
    network.learn([(x[:, None], y[:, None]) for x, y in zip(X.T, Y.T)], rate=0.3)
    moved = {"weights": network.weights, "biases": network.biases}
    return {f"{name}[{k}]": arrays[k] for name, arrays in moved.items() for k in layers}
