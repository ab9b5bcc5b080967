"""scikit-learn: the backprop inside MLPClassifier.

refnn check proofs/peers/with_scikit_learn.py:gradient

There is no public function for the gradient, so this sets the fitted attributes and calls the private one. Examples are
rows there, and weights (n_in, n_out): everything is transposed on the way in and out.
"""

from sklearn.neural_network import MLPClassifier


def gradient(params, X, Y):
    L = len(params) // 2
    net = MLPClassifier(activation="logistic", alpha=0)  # alpha is the L2 penalty
    net.coefs_ = [params[f"W{l}"].T for l in range(1, L + 1)]
    net.intercepts_ = [params[f"b{l}"].ravel() for l in range(1, L + 1)]
    net.n_layers_, net.out_activation_, net.loss = L + 1, "logistic", "log_loss"
    activations, deltas, dW, db = [X.T] + [None] * L, [None] * L, [None] * L, [None] * L
    net._backprop(X.T, Y.T, None, activations, deltas, dW, db)
    return {f"dW{l}": dW[l - 1].T for l in range(1, L + 1)} | {f"db{l}": db[l - 1][:, None] for l in range(1, L + 1)}
