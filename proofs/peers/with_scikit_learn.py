"""scikit-learn: the backprop inside MLPClassifier, ReLU and softmax. Its alpha is a penalty of λ/m.

check_backprop(gradient, hidden="relu", output="softmax", l2=lambda m: 0.1 / m, examples="rows", weights="in,out",
               labels="onehot")

There is no public function for the gradient, so this sets the fitted attributes and calls the private one.
"""

from sklearn.neural_network import MLPClassifier

ALPHA = 0.1
DECLARED = {
    "hidden": "relu",
    "output": "softmax",
    "l2": lambda m: ALPHA / m,
    "examples": "rows",
    "weights": "in,out",
    "labels": "onehot",
}


def gradient(params, X, Y):
    L = len(params) // 2
    net = MLPClassifier(activation="relu", alpha=ALPHA)
    net.coefs_ = [params[f"W{l}"] for l in range(1, L + 1)]
    net.intercepts_ = [params[f"b{l}"].ravel() for l in range(1, L + 1)]
    net.n_layers_, net.out_activation_, net.loss = L + 1, "softmax", "log_loss"
    activations, deltas, dW, db = [X] + [None] * L, [None] * L, [None] * L, [None] * L
    net._backprop(X, Y, None, activations, deltas, dW, db)
    return {f"dW{l}": dW[l - 1] for l in range(1, L + 1)} | {f"db{l}": db[l - 1] for l in range(1, L + 1)}
