"""The words that declare a network: what is taken, and what is refused in words, by every function that takes them."""

import copy

import numpy as np
import pytest
from small_network import AL, CACHES, GRADS, PARAMS, X, Y, refusals

import refnn
from refnn import _declaration

SIN = (np.sin, np.cos)


def forward(**declared):
    return refnn.forward_prop(-X, PARAMS, **declared)  # some Z are below 0, and none for X


def back(Y, output="sigmoid", hidden="sigmoid"):
    AL, caches = forward(hidden=hidden, output=output)
    return refnn.backprop(AL, Y, caches, hidden=hidden, output=output)


CALLS = {
    "forward_prop": lambda **declared: forward(**declared),
    "backprop": lambda **declared: refnn.backprop(AL, Y, CACHES, **declared),
    "train": lambda **declared: refnn.train(X, Y, [4, 3, 2], 1, 0.1, **declared),
    "predict": lambda **declared: refnn.predict(X, PARAMS, **declared),
    "certify": lambda **declared: refnn.certify(PARAMS, X, Y, GRADS, **declared),
}


@pytest.mark.parametrize("name", CALLS)
def test_every_function_refuses_a_word_that_does_not_exist(name):
    for argument in ("hidden", "output"):
        with pytest.raises(ValueError, match=f"{argument} is 'maxout', expected one of 'sigmoid', 'tanh', "):
            CALLS[name](**{argument: "maxout"})
    with pytest.raises(ValueError, match="hidden has 2 activations, expected 1: one for each hidden layer"):
        CALLS[name](hidden=["tanh", "tanh"])


NAMES = "'sigmoid', 'tanh', 'relu', 'leaky_relu', 'softplus', 'silu', 'identity'"

test_bad_hidden_is_refused_in_words = refusals(
    (lambda: forward(hidden="maxout"), ValueError, f"hidden is 'maxout', expected one of {NAMES}, or a pair (value,"),
    (lambda: forward(hidden="softmax"), ValueError, f"hidden is 'softmax', expected one of {NAMES}, or a pair"),
    (lambda: forward(hidden="ReLU"), ValueError, "hidden is 'ReLU', expected one of"),
    (lambda: forward(hidden=None), TypeError, "hidden is None (NoneType), expected a name, a pair or a list of them"),
    (lambda: forward(hidden=np.tanh), TypeError, "hidden is <ufunc 'tanh'> (ufunc), expected a name, a pair or a list"),
    (lambda: forward(hidden={"tanh"}), TypeError, "hidden is {'tanh'} (set), expected a name, a pair or a list of"),
    (lambda: forward(hidden=(np.sin,)), TypeError, "(tuple), expected a name or a pair (value, derivative)"),
    (lambda: forward(hidden=(np.sin, 1)), TypeError, "(tuple), expected a name or a pair (value, derivative)"),
    (lambda: forward(hidden=[]), ValueError, "hidden has 0 activations, expected 1: one for each hidden layer"),
    (lambda: forward(hidden=("tanh", "relu")), ValueError, "hidden has 2 activations, expected 1: one for each hidden"),
    (lambda: forward(hidden=["maxout"]), ValueError, "hidden[0] is 'maxout', expected one of"),
    (lambda: forward(hidden=[3]), TypeError, "hidden[0] is 3 (int), expected a name or a pair (value, derivative)"),
    (lambda: forward(hidden="leaky_relu(-0.1)"), ValueError, "hidden is 'leaky_relu(-0.1)', expected a finite slope"),
    (lambda: forward(hidden="leaky_relu(nan)"), ValueError, "hidden is 'leaky_relu(nan)', expected a finite slope of"),
    (lambda: forward(hidden="leaky_relu(1e999)"), ValueError, "hidden is 'leaky_relu(1e999)', expected a finite slope"),
    (lambda: forward(hidden="leaky_relu()"), ValueError, "hidden is 'leaky_relu()', expected one of"),
    (lambda: forward(hidden="leaky_relu(a)"), ValueError, "hidden is 'leaky_relu(a)', expected one of"),
)

test_bad_output_is_refused_in_words = refusals(
    (
        lambda: forward(output="maxout"),
        ValueError,
        f"output is 'maxout', expected one of {NAMES}, 'softmax', or a pair",
    ),
    (
        lambda: forward(output=None),
        TypeError,
        "output is None (NoneType), expected a name or a pair (activation, cost)",
    ),
    (lambda: forward(output=()), TypeError, "output is () (tuple), expected a name or a pair (activation, cost)"),
    (
        lambda: forward(output=("tanh",)),
        TypeError,
        "output is ('tanh',) (tuple), expected a name or a pair (activation",
    ),
    (lambda: forward(output=("tanh", 2)), TypeError, "output is ('tanh', 2) (tuple), expected a name or a pair"),
    (lambda: forward(output=(3, "squared_error")), TypeError, "output is 3 (int), expected a name or a pair (value, d"),
    (
        lambda: forward(output=("tanh", "hinge")),
        ValueError,
        "output has the cost 'hinge', expected one of 'cross_entropy', 'half_squared_error', 'squared_error'",
    ),
    (
        lambda: forward(output=("tanh", "cross_entropy")),
        ValueError,
        "output is 'tanh' with cross_entropy: cross_entropy goes with sigmoid and softmax, and softmax with it alone",
    ),
    (
        lambda: forward(output=("softmax", "squared_error")),
        ValueError,
        "output is 'softmax' with squared_error: cross_entropy goes with sigmoid and softmax, and softmax with it",
    ),
    (lambda: forward(output=(SIN, "cross_entropy")), ValueError, "with cross_entropy: cross_entropy goes with sigmoid"),
    (lambda: refnn.cost_function(AL, Y, output="maxout"), ValueError, "output is 'maxout', expected one of"),
)


def one_layer(activation):
    return refnn.one_layer_backward(AL, CACHES[1], activation=activation)


test_a_bad_activation_of_one_layer_is_refused_in_words = refusals(
    (
        lambda: one_layer("softmax"),
        ValueError,
        f"activation is 'softmax', expected one of {NAMES}, or a pair (value, d",
    ),
    (
        lambda: one_layer(None),
        TypeError,
        "activation is None (NoneType), expected a name or a pair (value, derivative)",
    ),
    (lambda: one_layer(["tanh"]), TypeError, "activation is ['tanh'] (list), expected a name or a pair (value, deriv"),
    (lambda: one_layer("leaky_relu(-1)"), ValueError, "activation is 'leaky_relu(-1)', expected a finite slope of at"),
)


class Unhashable:
    __hash__ = None

    def __call__(self, Z):
        return Z


test_a_function_without_a_hash_is_refused_in_words = refusals(
    (lambda: forward(hidden=(Unhashable(), np.cos)), TypeError, "expected functions that can be hashed"),
    (lambda: forward(output=(np.sin, Unhashable())), TypeError, "expected functions that can be hashed"),
    (lambda: one_layer((np.sin, Unhashable())), TypeError, "expected functions that can be hashed"),
)


# ---------------------------------------------------------------------- labels

CLASSES = [0, 1, 1, 0, 1]

test_labels_that_do_not_fit_the_cost_are_refused_in_words = refusals(
    (lambda: back(2 * Y), ValueError, "Y[0, 1] is 2.0, expected a label in [0, 1]"),
    (lambda: back(2 * Y, "softmax"), ValueError, "Y[0, 1] is 2.0, expected a label in [0, 1]"),
    (lambda: back(Y * np.nan, "identity"), ValueError, "Y[0, 0] is nan, expected a finite number"),
    (lambda: back(Y + 0j, "identity"), TypeError, "Y has dtype complex128, expected real labels"),
    (lambda: back(CLASSES), ValueError, "Y has shape (5,), expected (2, 5): one label for each output and example"),
    (lambda: back(CLASSES, "identity"), ValueError, "Y has shape (5,), expected (2, 5): one label for each output"),
    (lambda: back([0, 1, 2, 0, 1], "softmax"), ValueError, "Y[2] is 2, expected a class from 0 to 1"),
    (
        lambda: back([0, 1, -1, 0, 5], "softmax"),
        ValueError,
        "Y[2] is -1, expected a class from 0 to 1 (2 such entries)",
    ),
    (lambda: back([0, 1], "softmax"), ValueError, "Y has shape (2,), expected (5,): one class for each example"),
    (
        lambda: back([0.0, 1, 1, 0, 1], "softmax"),
        TypeError,
        "Y has dtype float64, expected integers: the number of each",
    ),
    (
        lambda: back([True] * 5, "softmax"),
        TypeError,
        "Y has dtype bool, expected integers: the number of each example's",
    ),
    (lambda: refnn.train(X, [0, 1, 2, 0, 1], [4, 2], 1, 0.1, output="softmax"), ValueError, "Y[2] is 2, expected a cl"),
    (lambda: refnn.softmax_cost(AL, [0, 1, 2, 0, 1]), ValueError, "Y[2] is 2, expected a class from 0 to 1"),
    (lambda: refnn.cost_function(1 + AL, Y, output="softmax"), ValueError, "expected an activation in [0, 1]"),
    (lambda: refnn.backprop(AL, Y, CACHES, output="tanh"), ValueError, "expected the output of the last Z of caches"),
)


def test_a_squared_error_takes_labels_and_predictions_of_any_size():
    assert np.isfinite(back(100 * Y - 50, "identity")["dW1"]).all()
    assert refnn.cost_function([[3.0]], [[-1]], output="identity") == 8
    assert refnn.cost_function([[3.0]], [[-1]], output=("identity", "squared_error")) == 16
    refnn.train(X, 7 * Y - 3, [4, 3, 2], 2, 0.01, hidden="tanh", output="identity")


@pytest.mark.parametrize(
    ("word", "spellings"),
    {
        "relu": ("leaky_relu(0)", "leaky_relu(-0.0)"),
        "leaky_relu": ("leaky_relu(0.01)", "leaky_relu(1e-2)"),
        "leaky_relu(0.3)": ("leaky_relu(0.3)", "leaky_relu(0.30)", "leaky_relu(.3)", "leaky_relu( 3e-1 )"),
        "identity": ("leaky_relu(1)", "leaky_relu(1.0)"),
        "leaky_relu(3)": ("leaky_relu(3)", "leaky_relu(3.)"),
    }.items(),
)
def test_a_slope_has_one_spelling_after_it_is_read(word, spellings):
    assert _declaration.hidden(spellings) == (word,) * len(spellings)
    assert {_declaration.output(spelling)[0] for spelling in spellings} == {word}


def test_one_word_may_be_spelled_in_more_than_one_way():
    expected = forward(hidden="leaky_relu")[0]
    for hidden in ("leaky_relu(0.01)", "leaky_relu(1e-2)", ["leaky_relu"], ("leaky_relu",), np.str_("leaky_relu")):
        assert np.array_equal(forward(hidden=hidden)[0], expected)
    assert np.array_equal(forward(hidden="relu")[0], forward(hidden="leaky_relu(0)")[0])
    for output in (("sigmoid", "cross_entropy"), ["sigmoid", "cross_entropy"]):
        assert refnn.cost_function(AL, Y, output=output) == refnn.cost_function(AL, Y)
    A = forward(output="tanh")[0]
    assert refnn.cost_function(A, Y, output="tanh") == refnn.cost_function(A, Y, output=("tanh", "half_squared_error"))


def test_a_network_without_hidden_layers_takes_one_word_or_an_empty_list():
    one = {"W1": np.ones((2, 4)), "b1": np.zeros((2, 1))}
    for hidden in ("relu", [], (), SIN):
        AL, caches = refnn.forward_prop(X, one, hidden=hidden)
        assert refnn.backprop(AL, Y, caches, hidden=hidden).keys() == {"dW1", "db1", "dA0"}


def test_a_pair_of_ones_own_stands_wherever_a_name_does():
    AL, caches = refnn.forward_prop(X, PARAMS, hidden=[SIN], output=SIN)
    grads = refnn.backprop(AL, Y, caches, hidden=[SIN], output=SIN)
    dZ2 = (AL - Y) / 5 * np.cos(caches[1][1])
    assert np.allclose(grads["dW2"], dZ2 @ np.sin(caches[0][1]).T, rtol=1e-14)
    assert np.allclose(grads["db1"], (PARAMS["W2"].T @ dZ2 * np.cos(caches[0][1])).sum(1, keepdims=True), rtol=1e-14)
    assert np.array_equal(refnn.predict(X, PARAMS, hidden=SIN, output=SIN), AL)
    layer = refnn.one_layer_backward(grads["dA1"], caches[0], activation=SIN)
    assert np.array_equal(layer[1], grads["dW1"])


def returning(result):
    return lambda _: result


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda Z: Z[:1], r"float64 of shape \(1, 5\) for Z of float64 and \(3, 5\), expected an array like Z"),
        (lambda Z: Z.sum(), r"float64 of shape \(\) for"),
        (lambda Z: Z + 0j, r"complex128 of shape \(3, 5\) for Z of float64"),
        (returning(None), r"object of shape \(\) for"),
        (lambda Z: np.sqrt(Z - 100), r"nan where Z is -?\d\.\d+, expected a number"),
    ],
    ids=["shape", "number", "complex", "nothing", "nan"],
)
def test_a_function_of_ones_own_makes_an_array_like_Z(function, message):
    value, derivative = (function, np.cos), (np.sin, function)
    for ask in (refnn.forward_prop, refnn.predict):
        with pytest.raises(ValueError, match=f"the value of hidden is {message}"):
            ask(X, PARAMS, hidden=value)
        with pytest.raises(ValueError, match=r"the value of hidden\[0\] is " + message):
            ask(X, PARAMS, hidden=[value])
    with pytest.raises(ValueError, match="the value of output is "):
        refnn.predict(X, PARAMS, output=value)
    AL, caches = refnn.forward_prop(X, PARAMS, hidden=derivative)
    with pytest.raises(ValueError, match=f"the derivative of hidden is {message}"):
        refnn.backprop(AL, Y, caches, hidden=derivative)
    with pytest.raises(ValueError, match=f"the derivative of activation is {message}"):
        refnn.one_layer_backward(np.ones((3, 5)), caches[0], activation=derivative)
    with pytest.raises(ValueError, match=f"the value of hidden is {message}"):
        refnn.train(X, Y, [4, 3, 2], 1, 0.1, hidden=value, params=PARAMS)


def test_a_NaN_of_an_infinite_Z_is_no_fault_of_ones_own_function():
    huge = {**PARAMS, "b1": np.full((3, 1), 1e308), "W1": np.full((3, 4), 1e308)}
    AL, _ = refnn.forward_prop(-np.ones((4, 1)), huge, hidden=(lambda Z: Z / (1 + np.exp(-Z)), np.cos))
    assert np.isfinite(AL).all()


def test_what_ones_own_function_makes_is_an_array_in_the_dtype_of_Z():
    def leaky(Z):
        return [[max(z, np.float64(0.01) * z) for z in row] for row in Z.tolist()]

    def step(Z):
        return Z > 0  # of bool

    single = {key: V.astype(np.float32) for key, V in PARAMS.items()}
    named, own = (
        refnn.backprop(*refnn.forward_prop(X.astype(np.float32), single, hidden=hidden)[:1], Y, caches, hidden=hidden)
        for hidden in ("relu", (lambda Z: np.maximum(Z, 0).astype(float), step))
        for caches in [refnn.forward_prop(X.astype(np.float32), single, hidden=hidden)[1]]
    )
    assert {V.dtype for V in own.values()} == {np.dtype(np.float32)}
    assert all(np.array_equal(own[key], V) for key, V in named.items())
    assert np.allclose(
        refnn.forward_prop(X, PARAMS, hidden=(leaky, np.sign))[0],
        refnn.forward_prop(X, PARAMS, hidden="leaky_relu")[0],
        rtol=1e-14,
    )


def test_a_function_of_ones_own_may_work_in_place():
    def sin(Z):
        return np.sin(Z, out=Z)

    def cos(Z):
        return np.cos(Z, out=Z)

    AL, caches = refnn.forward_prop(X, PARAMS, hidden=SIN)
    again, its = refnn.forward_prop(X, PARAMS, hidden=(sin, cos))
    assert np.array_equal(AL, again)
    assert np.array_equal(its[0][1], caches[0][1])
    grads = refnn.backprop(AL, Y, caches, hidden=SIN)
    assert all(np.array_equal(V, grads[key]) for key, V in refnn.backprop(AL, Y, its, hidden=(sin, cos)).items())


class Unprintable:
    def __repr__(self):
        raise RuntimeError


def nested():
    value = []
    for _ in range(100_000):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value", [10**5000, Unprintable(), [Unprintable()], nested()], ids=["long", "no", "in", "deep"]
)
@pytest.mark.parametrize(
    ("name", "ask"),
    [
        ("hidden", lambda value: refnn.forward_prop(X, PARAMS, hidden=value)),
        ("output", lambda value: refnn.forward_prop(X, PARAMS, output=value)),
        ("activation", lambda value: refnn.one_layer_backward(X, None, activation=value)),
        ("caches", lambda value: refnn.backprop(X, Y, {1: value})),
        ("progress", lambda value: refnn.train(X, Y, [4, 3, 2], 1, 0.1, progress=value)),
        ("params has", lambda value: refnn.forward_prop(X, {(str, 10**5000): value, 10**5000: 1})),
        ("names", lambda value: refnn.check_backprop(lambda *_: {}, names={"W": value})),
        ("names", lambda value: refnn.check_backprop(lambda *_: {}, names=value)),
    ],
)
def test_a_value_that_cannot_be_printed_is_refused_by_its_argument(name, ask, value):
    with pytest.raises((TypeError, ValueError), match=f"^{name}.*, expected"):
        ask(value)


def test_a_network_wider_than_python_prints_is_refused():
    with pytest.raises(ValueError, match="printed> takes <int that raises ValueError when printed> bytes, expected at"):
        refnn.init_params([2, 10**5000])


@pytest.mark.parametrize("name", ["epochs", "batch_size", "lr", "X"])
def test_a_span_of_time_is_no_number(name):
    span = np.timedelta64(2, "D")
    words = {"X": X, "Y": Y, "layer_dims": [4, 3, 2], "epochs": 1, "lr": 0.1}
    words[name] = [[span] * 5, [1.0] * 5, [1.0] * 5, [1.0] * 5] if name == "X" else span
    with pytest.raises(TypeError, match=rf"^{name}(\[0, 0\])? is .*timedelta64.*, expected"):
        refnn.train(**{**words, "X": np.array(words["X"], object)})


def test_functions_that_work_in_place_change_nothing_of_the_caller():
    sine = tuple(lambda Z, f=f: f(Z, out=Z) for f in (np.sin, np.cos))
    AL, caches = refnn.forward_prop(X, PARAMS, hidden=SIN, output=SIN)
    kept = copy.deepcopy(caches)
    grads = refnn.backprop(AL, Y, caches, hidden=sine, output=sine)
    layer = refnn.one_layer_backward(grads["dA1"], caches[0], activation=sine)
    assert all(map(np.array_equal, [Z for _, Z in caches], [Z for _, Z in kept]))
    right = refnn.backprop(AL, Y, caches, hidden=SIN, output=SIN)
    assert all(np.array_equal(grads[key], right[key]) for key in right)
    assert np.array_equal(layer[1], right["dW1"])
