"""The network of the article, corrected, in the article's order: the mathematics alone.

    X (n_0, m), Y (n_L, m)             inputs, and labels; one example per column
    W_l (n_l, n_{l-1}), b_l (n_l, 1)   weights and biases of layer l = 1 … L, in params["W1"], params["b1"] …
    dV                                 ∂J/∂V for every V, J the mean cost; 1/m enters once, at the output
    hidden, output                     the activation g of the hidden layers, and the last one with its cost: names, or
                                       the user's own, as _declaration.py reads them; without them the article's σ and
                                       cross-entropy. Each is a line of layers.py

Every function is pure: it changes no array or dict that it is given (a Generator moves on). Nothing is checked, cast or
copied here: `refnn.forward_prop` and the other public functions are these behind their checks (_arguments.py).

The same lines run on all numbers that have + - * /, exp and log: float32, float64, longdouble, complex, and object
arrays of exact, interval or symbolic ones. What only floats need stands in _floats.py. Equation numbers (D1) … are
those of proofs/derivation.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from refnn import layers
from refnn._declaration import Hidden, OutputWord, Word
from refnn._shapes import Array, Cache, Gradients, LinearCache, Matrix, Number, Params, Rng


def init_params(layer_dims: Sequence[int], *, scale: str | float = "xavier", rng: Rng = None) -> Params:
    """Random weights and zero biases, float64.

    Parameters
    ----------
    layer_dims : sequence of int, the widths n_0 … n_L
    scale : standard deviation of the weights; "xavier" is $sqrt(2 / (n_{l-1} + n_l))$, after Glorot and Bengio (2010),
        and "he" is $sqrt(2 / n_{l-1})$, after He et al. (2015), for ReLU. The article's is 0.01, which stalls a network
        of three or more layers (proofs/errata.md).
    rng : seed, numpy.random.Generator or None
    """
    rng = np.random.default_rng(rng)
    params = {}
    for l in range(1, len(layer_dims)):
        n_prev, n = layer_dims[l - 1], layer_dims[l]
        named: dict[str | float, Any] = {"xavier": np.sqrt(2 / (n_prev + n)), "he": np.sqrt(2 / n_prev)}
        params[f"W{l}"] = named.get(scale, scale) * rng.standard_normal((n, n_prev))
        params[f"b{l}"] = np.zeros((n, 1))
    return params


def sigmoid(Z: Matrix) -> tuple[Array, Array]:
    """The sigmoid of Z, and Z as the cache for the way back.

    $$A = σ(Z) = 1 / (1 + exp(-Z))$$ (D2)

    $1 - A$ is ``sigmoid(-Z)[0]``, which keeps the digits that the subtraction loses.

    Parameters
    ----------
    Z : array of any shape; ±infinity gives the limits 1 and 0

    Returns
    -------
    A, cache : arrays like Z
    """
    return layers.sigmoid(Z), Z


def forward_prop(
    X: Matrix, params: Params, *, hidden: Hidden = "sigmoid", output: OutputWord = "sigmoid"
) -> tuple[Array, list[Cache]]:
    """From the inputs to the prediction, layer by layer.

    $$A_0 = X,  Z_l = W_l A_{l-1} + b_l,  A_l = g_l(Z_l),  l = 1, …, L$$ (D1)

    Parameters
    ----------
    X : (n_0, m)
    params : dict of W_l (n_l, n_{l-1}) and b_l (n_l, 1)
    hidden, output : the activations, by the words at the head of `refnn`

    Returns
    -------
    AL : (n_L, m), the prediction
    caches : list; caches[l - 1] = ((A_prev, W, b), Z) of layer l
    """
    A = X
    caches = []
    L = len(params) // 2
    for l in range(1, L + 1):
        A_prev, W, b = A, params[f"W{l}"], params[f"b{l}"]
        Z = W @ A_prev + b
        g = layers.hidden(hidden, l) if l < L else layers.output(output)
        A = g.value(Z)
        caches.append(((A_prev, W, b), Z))
    return A, caches


def cost_function(AL: Matrix, Y: Matrix, *, output: OutputWord = "sigmoid") -> Number:
    """J, the mean over examples of the cost, summed over outputs.

    For the sigmoid, with $0 log 0 = 0$:

    $$J = -1/m Σ [Y log A_L + (1 - Y) log(1 - A_L)]$$ (D4)

    For softmax:

    $$J = -1/m Σ Y log A_L$$ (D21)

    The squared error, of which there is also the half:

    $$J = 1/m Σ (A_L - Y)²$$ (D20)

    Parameters
    ----------
    AL, Y : (n_L, m); entries in [0, 1] for a cross-entropy
    output : the last activation with its cost

    Returns
    -------
    scalar, never NaN for real A_L; infinite where a cross-entropy's A_L has rounded to the wrong end: there
        `logistic_cost` and `softmax_cost` are accurate
    """
    m = Y.shape[1]
    return layers.output(output).cost(AL, Y).sum() / m


def logistic_cost(ZL: Matrix, Y: Matrix) -> Number:
    """The same J of a sigmoid output, from the last Z.

    $$J = 1/m Σ [Y softplus(-Z_L) + (1 - Y) softplus(Z_L)]$$ (D5)

    Parameters
    ----------
    ZL, Y : (n_L, m); ZL is caches[-1][1], Y in [0, 1]

    Returns
    -------
    scalar; for real Z_L accurate at saturation too, as $-log σ(Z) = softplus(-Z)$, $-log(1 - σ(Z)) = softplus(Z)$
    """
    return cost_from_Z(ZL, Y, "sigmoid")


def softmax_cost(ZL: Matrix, Y: Matrix) -> Number:
    """The same J of a softmax output, from the last Z; j counts the classes.

    $$J = 1/m Σ Y (log Σ_j exp Z_j - Z_L)$$

    Parameters
    ----------
    ZL, Y : (n_L, m); ZL is caches[-1][1], Y in [0, 1]

    Returns
    -------
    scalar; for real Z_L without overflow, and accurate where one class has nearly all of the probability
    """
    return cost_from_Z(ZL, Y, "softmax")


def cost_from_Z(ZL: Array, Y: Array, output: OutputWord) -> Number:
    """J of any output from the last Z, which has digits that A_L has lost."""
    m = Y.shape[1]
    return layers.output(output).loss(ZL, Y).sum() / m


def one_layer_backward(
    dA: Matrix, cache: Cache, *, activation: Word = "sigmoid", inputs: bool = True
) -> tuple[Any, Array, Array]:
    """Back through one layer.

    $$dZ = dA ∘ g′(Z)$$ (D8)

    $$dW = dZ A_prevᵀ$$ (D9)

    $$db = Σ_k dZ[:, k]$$ (D10)

    $$dA_prev = Wᵀ dZ$$ (D11)

    Parameters
    ----------
    dA : (n_l, m)
    cache : ((A_prev, W, b), Z) of the layer
    activation : g of the layer, by name or as a pair (value, derivative)
    inputs : False leaves out dA_prev, and None stands in its place

    Returns
    -------
    dA_prev, dW, db : (n_{l-1}, m), (n_l, n_{l-1}), (n_l, 1)
    """
    linear_cache, Z = cache
    dZ = dA * layers.activation(activation).derivative(Z)
    return linear_backward(dZ, linear_cache, inputs=inputs)


def linear_backward(dZ: Matrix, linear_cache: LinearCache, *, inputs: bool = True) -> tuple[Any, Array, Array]:
    """dW = dZ A_prevᵀ (D9), db = Σ_k dZ[:, k] (D10) and dA_prev = Wᵀ dZ (D11)."""
    A_prev, W, _ = linear_cache
    dW = dZ @ A_prev.T
    db = dZ.sum(axis=1, keepdims=True)
    dA_prev = W.T @ dZ if inputs else None
    return dA_prev, dW, db


def backprop(
    AL: Matrix,
    Y: Matrix,
    caches: Sequence[Cache],
    *,
    hidden: Hidden = "sigmoid",
    output: OutputWord = "sigmoid",
    inputs: bool = True,
) -> Gradients:
    """The gradient of J in every weight, bias, input and hidden activation.

    At the output the quotient in the article's $dA_L ∘ σ′(Z_L)$ is cancelled by hand:

    $$dZ_L = [(1 - Y) ∘ σ(Z_L) - Y ∘ σ(-Z_L)] / m$$ (D7)

    For softmax, row by row:

    $$dZ_i = Σ_j (A_i Y_j - A_j Y_i) / m$$ (D21)

    Both are $(A_L - Y) / m$, for labels that add up to 1, and saturation costs them no digits. From there
    `one_layer_backward` goes down. A sum over examples or units that cancels still costs digits, as in any floats;
    `certify` says how many. The evidence for this function is the chain in proofs/README.md.

    Parameters
    ----------
    AL, Y : (n_L, m), the prediction, and labels
    caches : list that `forward_prop` returned with AL
    hidden, output : the activations and the cost, as in `forward_prop`
    inputs : False leaves out dA0, a product that training has no use for; None stands in its place

    Returns
    -------
    dict of "dW1" "db1" … "dWL" "dbL", "dA0" … "dA{L-1}", each shaped like its variable; dA0 is $∂J/∂X$
    """
    grads = {}
    L = len(caches)
    m = Y.shape[1]
    linear_cache, ZL = caches[L - 1]
    dZL = layers.output(output).residual(AL, ZL, Y) / m
    dA_prev, dW, db = linear_backward(dZL, linear_cache, inputs=inputs or L > 1)
    grads[f"dA{L - 1}"], grads[f"dW{L}"], grads[f"db{L}"] = dA_prev, dW, db
    for l in reversed(range(1, L)):
        dA, g, cache = grads[f"dA{l}"], layers.hidden(hidden, l), caches[l - 1]
        dA_prev, dW, db = one_layer_backward(dA, cache, activation=g, inputs=inputs or l > 1)
        grads[f"dA{l - 1}"], grads[f"dW{l}"], grads[f"db{l}"] = dA_prev, dW, db
    return grads


def update_parameters(params: Params, grads: Gradients, learning_rate: float) -> Params:
    """One step of gradient descent, for every W and b, in a new dict.

    $$V ← V - λ dV$$ (D12)

    Parameters
    ----------
    params, grads : dicts of "W1" … and of "dW1" … in the same shapes; "dA0" … are ignored
    learning_rate : λ, a positive number
    """
    return {key: V - learning_rate * grads[f"d{key}"] for key, V in params.items()}


def train(
    X: Matrix,
    Y: Matrix,
    layer_dims: Sequence[int],
    epochs: int,
    lr: float,
    *,
    hidden: Hidden = "sigmoid",
    output: OutputWord = "sigmoid",
    batch_size: int | None = None,
    rng: Rng = None,
    params: Params | None = None,
    progress: bool | Callable[[int, float], object] | None = None,
) -> tuple[Params, list[Number]]:
    """Gradient descent on the mean cost, or stochastic gradient descent by batches (D13).

    Parameters
    ----------
    X, Y, layer_dims : (n_0, m), (n_L, m) and n_0 … n_L
    hidden, output : the activations and the cost, as in `forward_prop`
    epochs, lr : passes over the examples (0 returns the start), and the learning rate
    batch_size : from 1 to m, the examples shuffled every epoch, the last batch perhaps short; None takes all, in order
    rng : source of the initial weights and of the shuffles; the same seed gives the same run
    params : dict to start from instead of `init_params`
    progress : a callable given (epoch, cost), epoch from 1; for `refnn.train` also True, a bar on a terminal by tqdm

    Returns
    -------
    params : new dict, of the dtype of X (and of the params given)
    cost_history : list of one cost an epoch, taken of each example just before the step that used it; `refnn.train`
        refuses the rate once a cost is NaN
    """
    rng = np.random.default_rng(rng)
    params = params or init_params(layer_dims, rng=rng)
    cost_history = []
    for epoch in range(1, epochs + 1):
        outputs = []
        for X_batch, Y_batch in batches(X, Y, batch_size, rng):
            AL, caches = forward_prop(X_batch, params, hidden=hidden, output=output)
            grads = backprop(AL, Y_batch, caches, hidden=hidden, output=output, inputs=False)
            params = update_parameters(params, grads, lr)
            ZL = caches[-1][1]
            outputs.append((ZL, Y_batch))
        ZL, labels = map(np.hstack, zip(*outputs)) if batch_size else outputs[0]
        cost_history.append(cost_from_Z(ZL, labels, output))
        if callable(progress):
            progress(epoch, cost_history[-1])
    return params, cost_history


def batches(X: Array, Y: Array, batch_size: int | None, rng: np.random.Generator) -> Iterator[tuple[Array, Array]]:
    """X and Y whole, or their examples shuffled into batches."""
    if not batch_size:
        yield X, Y
        return
    m = X.shape[1]
    for batch in np.split(rng.permutation(m), range(batch_size, m, batch_size)):
        yield X.take(batch, axis=1), Y.take(batch, axis=1)


def predict(
    X: Matrix,
    params: Params,
    *,
    hidden: Hidden = "sigmoid",
    output: OutputWord = "sigmoid",
    threshold: float = 0.5,
) -> Array:
    """What the network says of each example. X and params as in `forward_prop`, and hidden and output.

    Returns
    -------
    int array (n_L, m) for a sigmoid output, 1 where A_L reaches the threshold in [0, 1], else 0; int array (m,) for a
        softmax output, the number of the class with the largest A_L; A_L itself for any other
    """
    AL, _ = forward_prop(X, params, hidden=hidden, output=output)
    return layers.output(output).answer(AL, threshold)
