"""Bad input is refused before anything is computed, in words: the argument, what it is, what was expected."""

import re

import numpy as np
import pytest

import refnn

PARAMS = refnn.init_params([4, 3, 2], rng=0)
X = np.linspace(-1, 1, 20).reshape(4, 5)
Y = (np.arange(10).reshape(2, 5) % 2).astype(float)
AL, CACHES = refnn.forward_prop(X, PARAMS)
GRADS = refnn.backprop(AL, Y, CACHES)


def changed(d, **entries):
    """A copy of d with some entries replaced, or left out where the entry is None."""
    return {key: V for key, V in {**d, **entries}.items() if V is not None}


def with_entry(A, index, value):
    A = A.astype(type(value)) if isinstance(value, complex) else A.copy()
    A[index] = value
    return A


def with_cache(l, **parts):
    (A_prev, W, b), Z = CACHES[l]
    new = {"A_prev": A_prev, "W": W, "b": b, "Z": Z, **parts}
    return [*CACHES[:l], ((new["A_prev"], new["W"], new["b"]), new["Z"]), *CACHES[l + 1 :]]


init, forward, back, update = refnn.init_params, refnn.forward_prop, refnn.backprop, refnn.update_parameters


def train(**options):
    arguments = {"X": X, "Y": Y, "layer_dims": [4, 3, 2], "epochs": 1, "lr": 0.1, **options}
    return refnn.train(**arguments)


REFUSED = [
    # layer_dims and scale
    (lambda: init([]), ValueError, "layer_dims is [], expected at least 2 widths: inputs and outputs"),
    (lambda: init([3]), ValueError, "layer_dims is [3], expected at least 2 widths: inputs and outputs"),
    (lambda: init([3, 0]), ValueError, "layer_dims[1] is 0, expected an integer of at least 1"),
    (lambda: init([-3, 2]), ValueError, "layer_dims[0] is -3, expected an integer of at least 1"),
    (lambda: init([3, 2.0]), TypeError, "layer_dims[1] is 2.0 (float), expected an integer"),
    (lambda: init([3, True]), TypeError, "layer_dims[1] is True (bool), expected an integer"),
    (lambda: init([3, np.True_]), TypeError, "layer_dims[1] is np.True_ (bool), expected an integer"),
    (lambda: init([3, "2"]), TypeError, "layer_dims[1] is '2' (str), expected an integer"),
    (lambda: init({3, 2}), TypeError, "layer_dims is {2, 3} (set), expected a sequence of integers"),
    (lambda: init(b"32"), TypeError, "layer_dims is b'32' (bytes), expected a sequence of integers"),
    (lambda: init([3, 2], rng=True), TypeError, "rng is True, expected a seed, a numpy.random.Generator or None"),
    (lambda: init([3, 2], scale=10**400), ValueError, "expected a positive finite number of float64"),
    (lambda: init("32"), TypeError, "layer_dims is '32' (str), expected a sequence of integers"),
    (lambda: init(3), TypeError, "layer_dims is 3 (int), expected a sequence of integers"),
    (lambda: init([3, 2], scale="he"), ValueError, "scale is 'he', expected 'xavier' or a positive number"),
    (lambda: init([3, 2], scale=-1), ValueError, "scale is -1, expected a positive finite number"),
    (lambda: init([3, 2], scale=None), TypeError, "scale is None (NoneType), expected 'xavier' or a positive"),
    (lambda: init([3, 2], rng="dice"), TypeError, "rng is 'dice', expected a seed, a numpy.random.Generator or None"),
    (lambda: init([3, 2], rng=-1), ValueError, "rng is -1, expected a seed, a numpy.random.Generator or None"),
    # X
    (lambda: forward(X[0], PARAMS), ValueError, "X has shape (5,), expected (4, m): layer 1 takes 4 inputs"),
    (lambda: forward(X[:, :0], PARAMS), ValueError, "X has shape (4, 0), expected (4, m): layer 1 takes 4 inputs"),
    (lambda: forward(X.T, PARAMS), ValueError, "X has shape (5, 4), expected (4, m): layer 1 takes 4 inputs"),
    (lambda: forward(X[..., None], PARAMS), ValueError, "X has shape (4, 5, 1), expected (4, m): layer 1"),
    (lambda: forward(with_entry(X, (2, 3), np.nan), PARAMS), ValueError, "X[2, 3] is nan, expected a finite number"),
    (lambda: forward(with_entry(X, 1, np.inf), PARAMS), ValueError, "X[1, 0] is inf, expected a finite number (5 such"),
    (lambda: forward(X.astype(str), PARAMS), TypeError, "X has dtype <U32, expected numbers"),
    (lambda: forward(X.astype("M8[s]"), PARAMS), TypeError, "X has dtype datetime64[s], expected numbers"),
    (lambda: forward([[1, 2], [3]], PARAMS), ValueError, "X has rows of different lengths, expected a rectangular"),
    (lambda: forward(None, PARAMS), TypeError, "X is None (NoneType), expected a number"),
    (lambda: forward([[None]] * 4, PARAMS), TypeError, "X[0, 0] is None (NoneType), expected a number"),
    (
        lambda: forward(np.ma.array(X, mask=X > 0), PARAMS),
        TypeError,
        "X is a masked array, expected one without missing",
    ),
    # params
    (lambda: forward(X, [1]), TypeError, "params is list, expected a dict of W1, b1 …"),
    (lambda: forward(X, {}), ValueError, "params has no layer, expected 'W1', 'b1' …"),
    (
        lambda: forward(X, changed(PARAMS, b2=None)),
        ValueError,
        "params has no 'b2', expected 'W1', 'b1' … for 2 layers",
    ),
    (
        lambda: forward(X, changed(PARAMS, W1=None)),
        ValueError,
        "params has no 'W1', expected 'W1', 'b1' … for 2 layers",
    ),
    (
        lambda: forward(X, changed(PARAMS, V=X)),
        ValueError,
        "params has an entry 'V', expected 'W1', 'b1' … for 2 layers",
    ),
    (
        lambda: forward(X, changed(PARAMS, W2=np.ones((3, 5)))),
        ValueError,
        "params['W2'] has shape (3, 5), expected (3, 3): layer 2 takes 3 units to 3",
    ),
    (
        lambda: forward(X, changed(PARAMS, b1=np.ones(3))),
        ValueError,
        "params['b1'] has shape (3,), expected (3, 1): layer 1 has 3 units",
    ),
    (
        lambda: forward(X, changed(PARAMS, W1=np.ones((0, 4)))),
        ValueError,
        "params['W1'] has shape (0, 4), expected (n_1, n_0)",
    ),
    (lambda: forward(X, changed(PARAMS, b1=[["a"]] * 3)), TypeError, "params['b1'] has dtype <U1, expected numbers"),
    (
        lambda: forward(X, changed(PARAMS, b1=[[np.nan]] * 3)),
        ValueError,
        "params['b1'][0, 0] is nan, expected a finite number (3 such entries)",
    ),
    # labels and costs
    (
        lambda: back(AL, Y[0], CACHES),
        ValueError,
        "Y has shape (5,), expected (2, 5): one label for each output and example",
    ),
    (lambda: back(AL, Y[:, 1:], CACHES), ValueError, "Y has shape (2, 4), expected (2, 5): one label for each"),
    (lambda: back(AL, 2 * Y, CACHES), ValueError, "Y[0, 1] is 2.0, expected a label in [0, 1] (5 such entries)"),
    (lambda: back(AL, -Y, CACHES), ValueError, "Y[0, 1] is -1.0, expected a label in [0, 1]"),
    (lambda: back(AL, Y * np.nan, CACHES), ValueError, "Y[0, 0] is nan, expected a finite number"),
    (lambda: back(AL, Y.astype(str), CACHES), TypeError, "Y has dtype <U32, expected numbers"),
    (lambda: back(AL, Y + 0j, CACHES), TypeError, "Y has dtype complex128, expected real labels"),
    (lambda: back(AL, (2 * Y).astype(object), CACHES), ValueError, "Y[0, 1] is 2.0, expected a label in [0, 1]"),
    (lambda: back(AL, np.full((2, 5), np.nan, object), CACHES), ValueError, "Y[0, 0] is nan, expected a finite number"),
    (lambda: refnn.cost_function(AL + 1, Y), ValueError, "expected an activation in [0, 1]"),
    (
        lambda: refnn.cost_function(AL[0], Y),
        ValueError,
        "AL has shape (5,), expected (n_L, m): one row for each output",
    ),
    (lambda: refnn.cost_function(AL[:, :0], Y[:, :0]), ValueError, "AL has shape (2, 0), expected (n_L, m)"),
    (lambda: refnn.logistic_cost(AL * np.nan, Y), ValueError, "ZL[0, 0] is nan, expected a number"),
    (lambda: refnn.sigmoid([0, np.nan]), ValueError, "Z[1] is nan, expected a number"),
    (lambda: refnn.sigmoid("0"), TypeError, "Z has dtype <U1, expected numbers"),
    # caches
    (lambda: back(AL, Y, []), TypeError, "caches is [], expected the list that forward_prop returns with AL"),
    (lambda: back(AL, Y, [X]), TypeError, "caches[0] is not ((A_prev, W, b), Z), expected a cache of forward_prop"),
    (
        lambda: back(AL, Y, CACHES[:1]),
        ValueError,
        "W of caches[0] has shape (3, 4), expected (2, 4): a layer of 2 units",
    ),
    (lambda: back(AL[:, 1:], Y[:, 1:], CACHES), ValueError, "Z of caches[1] has shape (2, 5), expected (2, 4)"),
    (
        lambda: back(AL, Y, with_cache(0, Z=np.ones((3, 4)))),
        ValueError,
        "Z of caches[0] has shape (3, 4), expected (3, 5): a layer of 3 units on 5 examples",
    ),
    (
        lambda: back(AL, Y, with_cache(1, W=PARAMS["W2"] * np.nan)),
        ValueError,
        "W of caches[1][0, 0] is nan, expected a finite",
    ),
    (lambda: back(1 - AL, Y, CACHES), ValueError, "expected σ of the last Z of caches (10 such entries)"),
    (lambda: refnn.one_layer_backward(AL[0], CACHES[1]), ValueError, "dA has shape (5,), expected (n_l, m)"),
    (lambda: refnn.one_layer_backward(AL, CACHES[0]), ValueError, "Z of cache has shape (3, 5), expected (2, 5)"),
    # gradients and learning rate
    (lambda: update(PARAMS, None, 1), TypeError, "grads is NoneType, expected a dict of dW1, db1 …"),
    (
        lambda: update(PARAMS, changed(GRADS, db1=None), 1),
        ValueError,
        "grads has no 'db1', expected one for each of params",
    ),
    (
        lambda: update(PARAMS, changed(GRADS, dW3=X), 1),
        ValueError,
        "grads has an entry 'dW3', but params has no such layer",
    ),
    (
        lambda: update(PARAMS, changed(GRADS, dW1=X), 1),
        ValueError,
        "grads['dW1'] has shape (4, 5), expected (3, 4): that of params['W1']",
    ),
    (
        lambda: update(PARAMS, changed(GRADS, db2=[[np.inf], [0]]), 1),
        ValueError,
        "grads['db2'][0, 0] is inf, expected a finite",
    ),
    (lambda: update(PARAMS, GRADS, 0), ValueError, "learning_rate is 0, expected a positive finite number"),
    (lambda: update(PARAMS, GRADS, np.nan), ValueError, "learning_rate is nan, expected a positive finite number"),
    (lambda: update(PARAMS, GRADS, 1e309), ValueError, "learning_rate is inf, expected a positive finite number"),
    (
        lambda: update({"W1": np.float32([[1]]), "b1": np.float32([[1]])}, {"dW1": [[1]], "db1": [[1]]}, 0),
        ValueError,
        "learning_rate is 0, expected a positive finite number",
    ),
    (lambda: update(PARAMS, GRADS, "1"), TypeError, "learning_rate is '1' (str), expected a number"),
    # train and predict
    (lambda: train(lr=-0.1), ValueError, "lr is -0.1, expected a positive finite number"),
    (lambda: train(lr=True), TypeError, "lr is True (bool), expected a number"),
    (lambda: train(epochs=-1), ValueError, "epochs is -1, expected an integer of at least 0"),
    (lambda: train(epochs=1.5), TypeError, "epochs is 1.5 (float), expected an integer"),
    (lambda: train(batch_size=0), ValueError, "batch_size is 0, expected an integer from 1 to 5"),
    (lambda: train(batch_size=6), ValueError, "batch_size is 6, expected an integer from 1 to 5"),
    (
        lambda: train(Y=Y[:, 1:]),
        ValueError,
        "Y has shape (2, 4), expected (2, 5): one label for each output and example",
    ),
    (
        lambda: train(layer_dims=[3, 2]),
        ValueError,
        "X has shape (4, 5), expected (3, m): layer_dims starts with 3 inputs",
    ),
    (
        lambda: train(params=refnn.init_params([4, 2, 2])),
        ValueError,
        "params['W1'] has shape (2, 4), expected (3, 4): layer 1 takes 4 units to 3",
    ),
    (lambda: train(progress="bar"), TypeError, "progress is 'bar' (str), expected True, None or a callable"),
    (lambda: train(optimizer="adam"), TypeError, "unexpected keyword argument 'optimizer'"),
    (lambda: refnn.predict(X, PARAMS, threshold=2), ValueError, "threshold is 2, expected a number in [0, 1]"),
    (lambda: refnn.predict(X, PARAMS, threshold=np.nan), ValueError, "threshold is nan, expected a number in [0, 1]"),
]


@pytest.mark.parametrize(("call", "error", "text"), REFUSED, ids=[text[:60] for _, _, text in REFUSED])
def test_bad_input_is_refused_in_words(call, error, text):
    with pytest.raises(error, match=re.escape(text)) as refusal:
        call()
    assert type(refusal.value) is error
