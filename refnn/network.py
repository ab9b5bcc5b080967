"""The sigmoid network of the article, corrected, in the article's order.

    X (n_0, m), Y (n_L, m)             inputs, and labels in [0, 1]; one example per column
    W_l (n_l, n_{l-1}), b_l (n_l, 1)   weights and biases of layer l = 1 … L, in params["W1"], params["b1"] …
    dV                                 ∂J/∂V for every V, J the mean cost; 1/m enters once, at the output

Every function is pure: it changes none of its arguments and shares no memory with them. Bad input is refused before
anything is computed, with a TypeError or ValueError that names each argument that does not fit. The dtype is that of
the arguments together; integers become float64, and labels follow the activations.

The same lines run on all numbers that have + - * /, exp and log: float32, float64, longdouble, complex, and object
arrays of exact, interval or symbolic ones. What only floats need stands in _floats.py. Equation numbers (D1) … are
those of proofs/derivation.md.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from refnn import _arguments
from refnn._floats import dot, exp, quiet, softplus, weigh
from refnn._progress import bar
from refnn._shapes import Array, Cache, Gradients, LinearCache, Number, Params, Rng


def init_params(layer_dims: Sequence[int], *, scale: str | float = "xavier", rng: Rng = None) -> Params:
    """Random weights and zero biases, float64.

    Parameters
    ----------
    layer_dims : sequence of int, the widths n_0 … n_L
    scale : standard deviation of the weights; "xavier" is sqrt(2 / (n_{l-1} + n_l)), after Glorot and Bengio (2010).
        The article's is 0.01, which stalls a network of three or more layers (proofs/errata.md).
    rng : seed, numpy.random.Generator or None
    """
    layer_dims, scale, rng = _arguments.init_params(layer_dims, scale, rng)
    params = {}
    for l in range(1, len(layer_dims)):
        n_prev, n = layer_dims[l - 1], layer_dims[l]
        deviation = np.sqrt(2 / (n_prev + n)) if scale == "xavier" else float(scale)
        params[f"W{l}"] = deviation * rng.standard_normal((n, n_prev))
        params[f"b{l}"] = np.zeros((n, 1))
    return params


@quiet
def sigmoid(Z: ArrayLike) -> tuple[Array, Array]:
    """A = σ(Z) = 1 / (1 + exp(-Z)), and Z as the cache for the way back (D2).

    1 - A is sigmoid(-Z)[0], which keeps the digits that the subtraction loses.

    Parameters
    ----------
    Z : array of any shape; ±infinity gives the limits 1 and 0

    Returns
    -------
    A, cache : arrays like Z
    """
    Z = _arguments.sigmoid(Z)
    A = 1 / (1 + exp(-Z))
    return A, Z


@quiet
def forward_prop(X: ArrayLike, params: Params) -> tuple[Array, list[Cache]]:
    """A_0 = X, then Z_l = W_l A_{l-1} + b_l and A_l = σ(Z_l) for l = 1 … L (D1).

    Parameters
    ----------
    X : (n_0, m)
    params : dict of W_l (n_l, n_{l-1}) and b_l (n_l, 1)

    Returns
    -------
    AL : (n_L, m), the prediction
    caches : list; caches[l - 1] = ((A_prev, W, b), Z) of layer l, copied from the arguments
    """
    X, params = _arguments.forward_prop(X, params)
    A = X
    caches = []
    L = len(params) // 2
    for l in range(1, L + 1):
        A_prev, W, b = A, params[f"W{l}"], params[f"b{l}"]
        A, Z = sigmoid(dot(W, A_prev) + b)
        caches.append(((A_prev, W, b), Z))
    return A, caches


@quiet
def cost_function(AL: ArrayLike, Y: ArrayLike) -> Number:
    """J = -1/m Σ [Y log A_L + (1 - Y) log(1 - A_L)] over outputs and examples, with 0 log 0 = 0 (D4).

    Parameters
    ----------
    AL, Y : (n_L, m), entries in [0, 1]

    Returns
    -------
    scalar, never NaN for real A_L; infinite where it has rounded to the wrong end, where `logistic_cost` is accurate
    """
    AL, Y = _arguments.cost_function(AL, Y)
    m = Y.shape[1]
    return -np.sum(weigh(Y, np.log(AL)) + weigh(1 - Y, np.log(1 - AL))) / m


@quiet
def logistic_cost(ZL: ArrayLike, Y: ArrayLike) -> Number:
    """The same J from the last Z: 1/m Σ [Y softplus(-Z_L) + (1 - Y) softplus(Z_L)] (D5).

    Parameters
    ----------
    ZL, Y : (n_L, m); ZL is caches[-1][1], Y in [0, 1]

    Returns
    -------
    scalar; for real Z_L accurate at saturation too, as -log σ(Z) = softplus(-Z) and -log(1 - σ(Z)) = softplus(Z)
    """
    ZL, Y = _arguments.logistic_cost(ZL, Y)
    m = Y.shape[1]
    return np.sum(weigh(Y, softplus(-ZL)) + weigh(1 - Y, softplus(ZL))) / m


@quiet
def one_layer_backward(dA: ArrayLike, cache: Cache) -> tuple[Array, Array, Array]:
    """Back through one layer: dZ = dA ∘ σ′(Z) with σ′(Z) = σ(Z) σ(-Z) (D3, D8), then `linear_backward`.

    Parameters
    ----------
    dA : (n_l, m)
    cache : ((A_prev, W, b), Z) of the layer

    Returns
    -------
    dA_prev, dW, db : (n_{l-1}, m), (n_l, n_{l-1}), (n_l, 1)
    """
    dA, (linear_cache, Z) = _arguments.one_layer_backward(dA, cache)
    dZ = dA * sigmoid(Z)[0] * sigmoid(-Z)[0]
    return linear_backward(dZ, linear_cache)


def linear_backward(dZ: Array, linear_cache: LinearCache) -> tuple[Array, Array, Array]:
    """dW = dZ A_prevᵀ (D9), db = Σ_k dZ[:, k] (D10) and dA_prev = Wᵀ dZ (D11)."""
    A_prev, W, _ = linear_cache
    dW = dot(dZ, A_prev.T)
    db = np.sum(dZ, axis=1, keepdims=True)
    dA_prev = dot(W.T, dZ)
    return dA_prev, dW, db


@quiet
def backprop(AL: ArrayLike, Y: ArrayLike, caches: Sequence[Cache]) -> Gradients:
    """The gradient of J in every weight, bias, input and hidden activation.

    At the output the quotient in the article's dA_L ∘ σ′(Z_L) is cancelled by hand,
    dZ_L = [(1 - Y) σ(Z_L) - Y σ(-Z_L)] / m (D7): saturation costs dZ_L no digits. A sum over examples or units that
    cancels still does, as in any floats; `certify` says how many.

    Parameters
    ----------
    AL, Y : (n_L, m), the prediction, and labels in [0, 1]
    caches : list that `forward_prop` returned with AL

    Returns
    -------
    dict of "dW1" "db1" … "dWL" "dbL", "dA0" … "dA{L-1}", each shaped like its variable; dA0 is ∂J/∂X

    The evidence for this function is the chain in proofs/README.md.
    """
    AL, Y, caches = _arguments.backprop(AL, Y, caches)
    grads = {}
    L = len(caches)
    m = Y.shape[1]
    linear_cache, ZL = caches[L - 1]
    dZL = ((1 - Y) * AL - Y * sigmoid(-ZL)[0]) / m
    grads[f"dA{L - 1}"], grads[f"dW{L}"], grads[f"db{L}"] = linear_backward(dZL, linear_cache)
    for l in reversed(range(1, L)):
        dA_prev, dW, db = one_layer_backward(grads[f"dA{l}"], caches[l - 1])
        grads[f"dA{l - 1}"], grads[f"dW{l}"], grads[f"db{l}"] = dA_prev, dW, db
    return grads


@quiet
def update_parameters(params: Params, grads: Gradients, learning_rate: float) -> Params:
    """One step of gradient descent, V - learning_rate · dV for every W and b (D12), in a new dict.

    Parameters
    ----------
    params, grads : dicts of "W1" … and of "dW1" … in the same shapes; "dA0" … are ignored
    learning_rate : positive number
    """
    params, grads, learning_rate = _arguments.update_parameters(params, grads, learning_rate)
    return {key: V - learning_rate * grads[f"d{key}"] for key, V in params.items()}


def train(
    X: ArrayLike,
    Y: ArrayLike,
    layer_dims: Sequence[int],
    epochs: int,
    lr: float,
    *,
    batch_size: int | None = None,
    rng: Rng = None,
    params: Params | None = None,
    progress: bool | Callable[[int, float], object] | None = None,
) -> tuple[Params, list[Number]]:
    """Gradient descent on the mean cost, or stochastic gradient descent by batches (D13).

    Parameters
    ----------
    X, Y, layer_dims : (n_0, m), (n_L, m) and n_0 … n_L
    epochs, lr : passes over the examples (0 returns the start), and the learning rate
    batch_size : from 1 to m, the examples shuffled every epoch, the last batch perhaps short; None takes all, in order
    rng : source of the initial weights and of the shuffles; the same seed gives the same run
    params : dict to start from instead of `init_params`
    progress : True for a bar on a terminal (needs tqdm), or a callable given (epoch, cost), epoch from 1

    Returns
    -------
    params : new dict, of the dtype of X (and of the params given)
    cost_history : list of one cost an epoch, taken of each example just before the step that used it
    """
    X, Y, layer_dims, epochs, lr, batch_size, rng, params = _arguments.train(
        X, Y, layer_dims, epochs, lr, batch_size, rng, params, progress
    )
    m = X.shape[1]
    params = params or {key: V.astype(X.dtype) for key, V in init_params(layer_dims, rng=rng).items()}
    cost_history = []
    for epoch in bar(range(1, epochs + 1), "training", show=progress is True):
        order = rng.permutation(m) if batch_size else np.arange(m)
        ZL = []
        for batch in np.split(order, range(batch_size, m, batch_size) if batch_size else []):
            AL, caches = forward_prop(X[:, batch], params)
            grads = backprop(AL, Y[:, batch], caches)
            params = update_parameters(params, grads, lr)
            ZL.append(caches[-1][1])
        cost_history.append(logistic_cost(np.hstack(ZL), Y[:, order]))
        if callable(progress):
            progress(epoch, cost_history[-1])
    return params, cost_history


def predict(X: ArrayLike, params: Params, *, threshold: float = 0.5) -> Array:
    """1 where A_L reaches the threshold in [0, 1], else 0; int array (n_L, m). X and params as in `forward_prop`."""
    threshold = _arguments.predict(threshold)
    AL, _ = forward_prop(X, params)
    return (AL >= threshold).astype(int)
