"""Every activation with every output obeys every law; and every line of its mathematics, if spoilt, breaks one.

LAWS are functions of (network, hidden, output), the network a module like network.py, which may have a fault in it.
"""

import warnings
from fractions import Fraction

import numpy as np
import pytest
from exact_gradient_of import check_gradient
from hypothesis import given
from hypothesis import strategies as st
from planted import network_with
from strategies import ACTIVATIONS, OUTPUTS, examples, field_network, float_network, seeds, shapes

import refnn
from refnn import network as core
from refnn.numbers import atoms, balls
from refnn.testing import layer_dims

DIMS, M = [3, 3, 3, 3], 3  # all alike, so that a transpose or a wrong index has a shape that fits
EPS = np.finfo(float).eps


def network_of(dtype=float, scale=1.0, seed=0, m=M, hard=False):
    params, X, Y = float_network(DIMS, m, seed, scale=scale, dtype=dtype)
    if hard:
        Y = np.eye(len(Y))[:, np.arange(m) % len(Y)]
    return params, X, Y.astype(dtype)


def run(network, params, X, Y, hidden, output):
    """Everything that the network computes, by name."""
    with np.errstate(all="ignore"):
        AL, caches = network.forward_prop(X, params, hidden=hidden, output=output)
        grads = network.backprop(AL, Y, caches, hidden=hidden, output=output)
        cost = network.cost_function(AL, Y, output=output)
        answer = network.predict(X, params, hidden=hidden, output=output)
    hidden_A = {f"A{l}": cache[0][0] for l, cache in enumerate(caches) if l}
    return {"AL": AL, "ZL": caches[-1][1], **hidden_A, **grads, "cost": cost, "answer": answer}


def same(one, other):
    """The same bits under the same names."""
    return one.keys() == other.keys() and all(np.array_equal(V, other[key]) for key, V in one.items())


# ---------------------------------------------------------------------- laws


def gradient_over_the_field(network, hidden, output):
    """Every dW, db, dA is the derivative of both forms of the cost, tolerance zero."""
    checks, *_ = check_gradient(network, [2, 2, 2], 2, seed=1, hidden=hidden, output=output)
    return all(checks.values())


def both_costs(network, hidden, output):
    """The cost from A_L is that from Z_L; over balls, for the logarithm of a softmax has no algebra in the field."""
    params, X, Y = field_network(DIMS, M, 1)
    if output != "softmax":
        with atoms(1):
            AL, caches = network.forward_prop(X, params, hidden=hidden, output=output)
            return network.cost_function(AL, Y, output=output) == network.cost_from_Z(caches[-1][1], Y, output)
    params, X, Y = network_of()
    with balls.precision(256):
        params = {key: balls.to_balls(V) for key, V in params.items()}
        AL, caches = network.forward_prop(balls.to_balls(X), params, hidden=hidden, output=output)
        costs = [network.cost_function(AL, Y, output=output), network.cost_from_Z(caches[-1][1], Y, output)]
        return abs(costs[0] - costs[1]) < 2.0**-200


def complex_step(network, hidden, output):
    """The imaginary part of the cost, a tiny step along i away, is the slope: differences without a subtraction."""
    params, X, Y = network_of()
    variables, rng = {**params, "A0": X}, np.random.default_rng(0)
    directions = {key: rng.standard_normal(V.shape) for key, V in variables.items()}
    moved = {key: V + 1e-100j * directions[key] for key, V in variables.items()}
    with np.errstate(all="ignore"):
        AL, caches = network.forward_prop(moved.pop("A0"), moved, hidden=hidden, output=output)
        costs = network.cost_function(AL, Y, output=output), network.cost_from_Z(caches[-1][1], Y, output)
    grads = run(network, params, X, Y, hidden, output)
    terms = [grads[f"d{key}"] * direction for key, direction in directions.items()]
    slope, mass = (sum(np.sum(f(term)) for term in terms) for f in (np.asarray, np.abs))
    return all(abs(cost.imag / 1e-100 - slope) <= 1000 * EPS * mass for cost in costs)


def floats_near_balls(network, hidden, output):
    """What floats return is what balls enclose, up to some thousand roundings of the size of the array."""
    params, X, Y = network_of()
    found = run(network, params, X, Y, hidden, output)
    with balls.precision(256):
        B = {key: balls.to_balls(V) for key, V in {**params, "X": X, "Y": Y}.items()}
        AL, caches = network.forward_prop(B.pop("X"), {key: B[key] for key in params}, hidden=hidden, output=output)
        truth = network.backprop(AL, B["Y"], caches, hidden=hidden, output=output)
        truth |= {"AL": AL, "cost": np.array(network.cost_from_Z(caches[-1][1], B["Y"], output))}
        exact = {key: balls.nearest(np.asarray(V, object))[0] for key, V in truth.items()}
    return all(np.max(np.abs(found[key] - V)) <= 1000 * EPS * np.max(np.abs(V)) for key, V in exact.items())


def one_dtype(network, hidden, output):
    """What goes in comes out."""
    for dtype in (np.float16, np.float32, np.float64, np.longdouble, np.complex64, np.clongdouble):
        params, X, Y = network_of(dtype)
        found = run(network, params, X, Y.real if np.iscomplexobj(Y) else Y, hidden, output)
        classes = found.pop("answer")
        if {V.dtype for V in found.values()} != {np.dtype(dtype)}:
            return False
        if classes.dtype not in (dtype, np.dtype(int)):
            return False
    return True


def every_float_the_same(network, hidden, output):
    """A narrower or wider type differs by its rounding."""
    expected = run(network, *network_of(), hidden, output)
    for dtype in (np.float32, np.longdouble, np.complex128):
        found = run(network, *(_cast(V, dtype) for V in network_of()), hidden, output)
        eps = max(EPS, float(np.finfo(dtype).eps))
        if not all(
            np.max(np.abs(found[key] - V)) <= 1000 * eps * max(1, np.abs(V).max()) for key, V in expected.items()
        ):
            return False
    return True


def _cast(value, dtype):
    return {key: V.astype(dtype) for key, V in value.items()} if isinstance(value, dict) else value.astype(dtype)


def pure(network, hidden, output):
    """No argument changes, a second run returns the same, and the first result stays as it was."""
    params, X, Y = network_of()
    first = run(network, params, X, Y, hidden, output)
    kept = {key: np.copy(V) for key, V in first.items()}
    again = run(network, params, X, Y, hidden, output)
    untouched = {**network_of()[0], "X": network_of()[1], "Y": network_of()[2]}
    return same({**params, "X": X, "Y": Y}, untouched) and same(again, kept) and same(first, kept)


def training_is_composed(network, hidden, output):
    """An epoch is forward_prop, backprop and update_parameters, and its cost that from Z before the step."""
    params, X, Y = network_of()
    declared = {"hidden": hidden, "output": output}
    with np.errstate(all="ignore"):
        trained, costs = network.train(X, Y, DIMS, 2, 0.01, params=params, **declared)
        for cost in costs:
            AL, caches = network.forward_prop(X, params, **declared)
            if cost != network.cost_from_Z(caches[-1][1], Y, output):
                return False
            params = network.update_parameters(params, network.backprop(AL, Y, caches, **declared), 0.01)
    return same(trained, params)


def form_of_predictions(network, hidden, output):
    """0 or 1 for a sigmoid output, the class for softmax, A_L for any other."""
    params, X, _ = network_of()
    declared = {"hidden": hidden, "output": output}
    AL, _ = network.forward_prop(X, params, **declared)
    last = output if isinstance(output, str) else output[0]
    for threshold in (0.5, 0.6):
        answer = network.predict(X, params, **declared, threshold=threshold)
        expected = {"sigmoid": (AL >= threshold).astype(int), "softmax": np.argmax(AL, axis=0)}.get(last, AL)
        if answer.dtype != expected.dtype or not np.array_equal(answer, expected):
            return False
    return True


def a_word_for_each_layer(network, hidden, output):
    """A word for each hidden layer is the same word for all, and the last word is that of the last layer."""
    data = network_of()
    if not same(run(network, *data, (hidden, hidden), output), run(network, *data, hidden, output)):
        return False
    other = "tanh" if hidden != "tanh" else "softplus"
    mixed, first, second = (run(network, *data, words, output) for words in ((hidden, other), hidden, other))
    return np.array_equal(mixed["A1"], first["A1"]) and (
        not np.array_equal(mixed["A2"], first["A2"])
        and not np.array_equal(mixed["A1"], second["A1"])
        and complex_step(network, (hidden, other), output)
    )


def a_pair_of_ones_own(network, hidden, output):
    """A user's pair (value, derivative) is what its name would be, in the hidden layers and at the end."""
    data = network_of()
    g = network.layers.activation(hidden)
    own_output = output if isinstance(output, str) else (tuple(network.layers.activation(output[0])), output[1])
    own = run(network, *data, (g.value, g.derivative), own_output)
    named = run(network, *data, hidden, output)
    if output[0] == "sigmoid":  # a function of one's own has no threshold
        own["answer"] = named["answer"]
    return same(own, named)


PLAIN = {
    "sigmoid": lambda Z: 1 / (1 + np.exp(-Z)),
    "tanh": np.tanh,
    "relu": lambda Z: np.where(Z > 0, Z, 0),
    "leaky_relu": lambda Z: np.where(Z > 0, Z, Z / 100),
    "leaky_relu(0.2)": lambda Z: np.where(Z > 0, Z, Z / 5),
    "softplus": lambda Z: np.log(1 + np.exp(Z)),
    "silu": lambda Z: Z / (1 + np.exp(-Z)),
    "identity": lambda Z: Z,
    "softmax": lambda Z: np.exp(Z) / np.exp(Z).sum(axis=0),
}


def what_the_words_mean(network, hidden, output):
    """The prediction and its cost, written down again from their definitions."""
    params, X, Y = network_of()
    last, cost = (output, "cross_entropy") if isinstance(output, str) else output
    A = X
    for l in (1, 2, 3):
        A = PLAIN[hidden if l < 3 else last](params[f"W{l}"] @ A + params[f"b{l}"])
    if cost == "cross_entropy":
        errors = -Y * np.log(A) - ((1 - Y) * np.log(1 - A) if last == "sigmoid" else 0)
    else:
        errors = (A - Y) ** 2 / (2 if cost == "half_squared_error" else 1)
    J = errors.sum() / M
    found = run(network, params, X, Y, hidden, output)
    return np.allclose(found["AL"], A, rtol=1e-13, atol=0) and abs(found["cost"] - J) <= 1e-13 * abs(J)


LAWS = [
    what_the_words_mean,
    gradient_over_the_field,
    both_costs,
    complex_step,
    floats_near_balls,
    one_dtype,
    every_float_the_same,
    pure,
    training_is_composed,
    form_of_predictions,
    a_word_for_each_layer,
    a_pair_of_ones_own,
]


def spelled(word):
    return word if isinstance(word, str) else " ".join(word)


every_output = pytest.mark.parametrize("output", OUTPUTS, ids=spelled)
every_activation = pytest.mark.parametrize("hidden", ACTIVATIONS)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
@every_activation
def test_every_network_obeys_every_law(law, hidden):
    """With every output."""
    assert [spelled(output) for output in OUTPUTS if not law(core, hidden, output)] == []


@given(st.data(), layer_dims(max_layers=4, max_width=3), examples, seeds)
def test_random_networks_have_the_gradient_of_their_cost(data, layer_dims, m, seed):
    words = data.draw(st.tuples(*[st.sampled_from(ACTIVATIONS)] * (len(layer_dims) - 2)), "hidden")
    output = data.draw(st.sampled_from(OUTPUTS), "output")
    checks, *_ = check_gradient(core, layer_dims, m, seed, hidden=words, output=output)
    assert all(checks.values()), checks


@every_activation
@every_output
def test_a_public_function_returns_the_bits_of_its_core(hidden, output):
    params, X, Y = network_of(hard=True)
    declared = {"hidden": hidden, "output": output}

    def all_of(module, Y):
        trained, costs = module.train(X, Y, DIMS, 3, 0.01, batch_size=2, rng=0, **declared)
        AL, caches = module.forward_prop(X, params, **declared)
        layer = module.one_layer_backward(AL, caches[-2], activation=hidden)
        return {
            "AL": AL,
            **trained,
            "costs": np.array(costs),
            "cost": module.cost_function(AL, Y, output=output),
            "answer": module.predict(X, params, **declared),
            **module.backprop(AL, Y, caches, **declared),
            **dict(zip(("dA_prev", "dW", "db"), layer)),
        }

    with np.errstate(all="ignore"):
        expected = all_of(core, Y)
    assert same(all_of(refnn, Y), expected)
    if output == "softmax":
        assert same(all_of(refnn, Y.argmax(axis=0)), expected)


@pytest.mark.parametrize("scale", [0.01, 1])
@every_activation
@every_output
def test_float_gradients_are_certified(hidden, output, scale):
    """To eleven digits of the largest entry of each array, and by a witness that has the chain rule alone."""
    params, X, Y = network_of(scale=scale)
    grads = {key: V for key, V in run(core, params, X, Y, hidden, output).items() if key[:1] == "d"}
    bounds = refnn.certify(params, X, Y, grads, hidden=hidden, output=output)
    assert bounds.witness == "forward derivatives of the cost in all 63 directions"
    for key, error in bounds.absolute.items():
        assert error.max() <= 1e-11 * np.abs(bounds.truth[key]).max(), key


@pytest.mark.parametrize("scale", [0.01, 0.1, 1, 10, 50])
@pytest.mark.parametrize("output", ["sigmoid", "softmax", ("identity", "half_squared_error")], ids=spelled)
@every_activation
def test_saturation_costs_dZ_no_digits_where_cost_and_activation_belong_together(hidden, output, scale):
    """Of one example and hard labels, as db of a layer of weights 1 and 0, which takes in Z_L as it was computed."""
    params, X, Y = network_of(scale=scale, m=1, hard=True)
    ZL = run(core, params, X, Y, hidden, output)["ZL"]
    layer = {"W1": np.eye(len(ZL)), "b1": np.zeros((len(ZL), 1))}
    AL, caches = refnn.forward_prop(ZL, layer, output=output)
    grads = refnn.backprop(AL, Y, caches, output=output)
    bounds = refnn.certify(layer, ZL, Y, grads, output=output)
    normal = np.abs(bounds.truth["db1"]) >= np.finfo(float).tiny
    assert bounds.ulps["db1"][normal].max(initial=0) <= 8
    assert np.abs(grads["db1"][~normal]).max(initial=0) <= np.finfo(float).tiny


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@every_activation
@every_output
def test_numbers_of_any_magnitude_give_no_nan_and_no_warning(hidden, output, dtype):
    """A sum that leaves the range saturates; a unit that does is refused by backprop, by its name."""
    declared = {"hidden": hidden, "output": output}
    largest = float(np.finfo(dtype).max)
    digits = np.log10(largest)
    for seed in range(9):
        rng = np.random.default_rng(seed)
        sizes = 10.0 ** rng.uniform(-3, [3, digits / 2, digits][seed % 3], 7)
        values = {
            name: np.clip(size * rng.standard_normal(shape), -largest, largest).astype(dtype)
            for size, (name, shape) in zip(sizes, shapes([2, 3, 3, 2], 2).items())
        }
        X, Y = values.pop("X"), np.eye(2)
        values.pop("Y", None)
        with warnings.catch_warnings(), np.errstate(all="raise"):
            warnings.simplefilter("error")
            AL, caches = refnn.forward_prop(X, values, **declared)
            assert not np.isnan(AL).any()
            if np.isfinite(AL).all():
                cost = refnn.cost_function(AL, Y, output=output)
                assert not np.isnan(cost)
                assert type(cost) is dtype
            if all(np.isfinite(V).all() for V in (AL, *(A_prev for (A_prev, _, _), _ in caches))):
                grads = refnn.backprop(AL, Y, caches, **declared)
                assert not any(np.isnan(dV).any() for dV in grads.values())
            else:
                with pytest.raises(ValueError, match=r"is -?inf, expected a finite number"):
                    refnn.backprop(AL, Y, caches, **declared)


# ---------------------------------------------------------------------- faults

ANY = "relu", "sigmoid"
HALF = ("tanh", "half_squared_error")
FAULTS = {
    # activations: the value and the derivative, on floats, on complex numbers and on the others
    "σ": ("return 1 / (1 + exp(-Z))", "return 1 / (2 + exp(-Z))", "sigmoid", "sigmoid"),
    "σ′": ("1 / (2 + 2 * cosh(Z))", "1 / (2 + cosh(Z))", "sigmoid", "sigmoid"),
    "cosh, exact": ("(np.exp(Z) + np.exp(-Z)) / 2", "np.exp(Z) + np.exp(-Z)", "sigmoid", "sigmoid"),
    "cosh": ("C: Array = np.cosh(Z)", "C: Array = np.sinh(Z)", "sigmoid", "sigmoid"),
    "tanh": ("np.tanh(Z, dtype", "np.tanh(Z / 2, dtype", "tanh", "sigmoid"),
    "tanh, exact": ("(E - 1 / E) / (E + 1 / E)", "(E - 1 / E) / E", "tanh", "sigmoid"),
    "tanh′": ("doubled = cosh(2 * Z)", "doubled = cosh(Z)", "tanh", "sigmoid"),
    "tanh′, exact": ("return np.asarray(1 / cosh(Z) ** 2)", "return np.asarray(1 / cosh(Z))", "tanh", "sigmoid"),
    "relu": ("else np.asarray(np.maximum(Z, 0))", "else np.asarray(np.abs(Z))", "relu", "sigmoid"),
    "relu, exact": ("return Z * step(Z) if", "return Z * (2 * step(Z) - 1) if", "relu", "sigmoid"),
    "relu′": ("Activation(positive_part, step)", "Activation(positive_part, lambda Z: step(-Z))", "relu", "sigmoid"),
    "step": ("(Z.real > 0).astype", "(Z.real < 1).astype", "relu", "sigmoid"),
    "step, exact": ("return z.step()", "return -z", "leaky_relu", "sigmoid"),
    "step of balls": ("type(z)(int(z > 0))", "type(z)(int(z <= 0))", "relu", "sigmoid"),
    "leaky relu": ("positive_part(Z) + scaled(", "positive_part(Z) - scaled(", "leaky_relu", "sigmoid"),
    "below 0": ("np.asarray(np.minimum(Z, 0))", "np.asarray(np.maximum(Z, 0))", "leaky_relu(0.2)", "sigmoid"),
    "below 0, exact": ("return Z * (1 - step(Z)) if", "return Z * (2 - step(Z)) if", "leaky_relu", "sigmoid"),
    "leaky relu′": ("step(Z) + scaled(slope, 1", "step(Z) - scaled(slope, 1", "leaky_relu(0.2)", "sigmoid"),
    "leaky relu′ above": ("scaled(slope, 1 - step(Z))", "scaled(slope, step(Z))", "leaky_relu(0.2)", "sigmoid"),
    "slope": ("V.dtype.type(repr(slope)) * V", "V.dtype.type(repr(2 * slope)) * V", "leaky_relu(0.2)", "sigmoid"),
    "slope, exact": ("V * p / q", "V * p / (q + 1)", "leaky_relu(0.2)", "sigmoid"),
    "softplus": ("np.maximum(Z, 0) + np.log1p", "np.maximum(Z, 0) - np.log1p", "softplus", "sigmoid"),
    "softplus, complex": ("np.where(positive, Z, 0) +", "np.where(positive, -Z, 0) +", "softplus", "sigmoid"),
    "softplus, exact": ("np.log(1 + np.exp(Z))", "np.log(2 + np.exp(Z))", "softplus", "sigmoid"),
    "softplus′": (
        "Activation(softplus, sigmoid)",
        "Activation(softplus, lambda Z: sigmoid(-Z))",
        "softplus",
        "sigmoid",
    ),
    "silu": ("above = Z / (1 + exp(-Z))", "above = Z / (1 + exp(Z))", "silu", "sigmoid"),
    "silu below 0": ("* np.exp(N / 2)", "* np.exp(N)", "silu", "sigmoid"),
    "silu′": ("(1 + np.minimum(Z", "(1 - np.minimum(Z", "silu", "sigmoid"),
    "silu′ below 0": ("(D - (1 + root) * np.expm1(D))", "(D - root * np.expm1(D))", "silu", "sigmoid"),
    "silu′, exact": ("((1 + Z * C)", "((1 - Z * C)", "silu", "sigmoid"),
    "identity": ("Activation(lambda Z: Z, np", "Activation(lambda Z: -Z, np", "identity", "sigmoid"),
    "identity′": ("np.ones_like)", "np.zeros_like)", "identity", "sigmoid"),
    # outputs: value, cost, the same from Z, residual, answer
    "logistic cost": ("weigh(1 - Y, np.log(1 - AL))", "weigh(Y, np.log(1 - AL))", *ANY),
    "logistic cost, sign": ("-(weigh(", "(weigh(", *ANY),
    "logistic loss": ("(1 - Y) * softplus(ZL)", "Y * softplus(ZL)", *ANY),
    "logistic loss, side": ("Y * softplus(-ZL)", "Y * softplus(ZL)", *ANY),
    "logistic residual": ("AL - Y * sigmoid(-ZL)", "AL + Y * sigmoid(-ZL)", *ANY),
    "logistic residual, side": ("AL - Y * sigmoid(-ZL)", "AL - Y * sigmoid(ZL)", *ANY),
    "threshold": ("(AL >= threshold)", "(AL < threshold)", *ANY),
    "softmax": ("E / E.sum(axis=0, keepdims=True)", "E / E.sum(axis=1, keepdims=True)", "relu", "softmax"),
    "softmax, float": ("return D, exp(D)", "return D, exp(2 * D)", "relu", "softmax"),
    "softmax, exact": ("E = np.exp(Z) if Z.dtype", "E = np.exp(-Z) if Z.dtype", "relu", "softmax"),
    "softmax cost": ("-weigh(Y, np.log(AL))", "weigh(Y, np.log(AL))", "relu", "softmax"),
    "softmax loss": ("weigh(Y, minus_log_softmax(ZL))", "-weigh(Y, minus_log_softmax(ZL))", "relu", "softmax"),
    "softmax loss, float": ("keepdims=True)) - D)", "keepdims=True)) + D)", "relu", "softmax"),
    "softmax loss, largest": ("np.put_along_axis(E, largest, 0, axis=0)", "pass", "relu", "softmax"),
    "softmax loss, exact": ("keepdims=True)) - Z)", "keepdims=True)) + Z)", "relu", "softmax"),
    "softmax residual": ("others(Y) * AL - Y", "others(Y) * AL + Y", "relu", "softmax"),
    "softmax residual of labels that add up to 1": ("others(Y) * AL - Y", "(1 - Y) * AL - Y", "relu", "softmax"),
    "softmax residual, other rows": ("Y * others(AL)", "Y * AL", "relu", "softmax"),
    "others": ("dtype=V.dtype)) @ V", "dtype=V.dtype)) @ (V * V)", "relu", "softmax"),
    "class": ("AL.argmax(axis=0)", "AL.argmin(axis=0)", "relu", "softmax"),
    "squared error": ("lambda AL, Y: (AL - Y) ** 2", "lambda AL, Y: (AL + Y) ** 2", "relu", ("tanh", "squared_error")),
    "squared error, half": ("2 if cost == ", "1 if cost == ", "relu", HALF),
    "squared loss": ("(g.value(ZL) - Y)", "(ZL - Y)", "relu", ("tanh", "squared_error")),
    "squared loss, half": (
        "Y) ** 2 / divisor,\n        lambda AL, ZL",
        "Y) ** 2,\n        lambda AL, ZL",
        "relu",
        HALF,
    ),
    "squared residual": ("2 * (AL - Y) / divisor", "2 * (AL - Y)", "relu", HALF),
    "squared residual, no derivative": ("/ divisor * g.derivative(ZL)", "/ divisor", "relu", HALF),
    "squared residual, sign": ("2 * (AL - Y)", "2 * (AL + Y)", "relu", HALF),
    "answer of the sigmoid": ('if last == "sigmoid"', 'if last == "tanh"', "relu", ("sigmoid", "squared_error")),
    "answer of others": ("else lambda AL, _: AL", "else lambda AL, _: -AL", "relu", HALF),
    # the words on their way
    "each layer's word": ("_declaration.of_layer(words, l)", "_declaration.of_layer(words, 1)", *ANY),
    "each layer's word, forward": ("layers.hidden(hidden, l) if", "layers.hidden(hidden, 1) if", *ANY),
    "each layer's word, back": ("layers.hidden(hidden, l), caches", "layers.hidden(hidden, 1), caches", *ANY),
    "the last word": ("if l < L else", "if l <= L else", "tanh", "sigmoid"),
    "training, forward": ("forward_prop(X_batch, params, hidden=hidden,", "forward_prop(X_batch, params,", *ANY),
    "training, back": (
        "caches, hidden=hidden, output=output, inputs=False",
        "caches, output=output, inputs=False",
        *ANY,
    ),
    "training, cost": ("cost_from_Z(ZL, labels, output)", 'cost_from_Z(ZL, labels, "tanh")', *ANY),
    # what the laws of Python see, not those of mathematics
    "in place": ("A = X\n    caches", "A = X\n    A += 1\n    caches", *ANY),
    "float64 inside": ("dtype=V.dtype", "dtype=float", "relu", "softmax"),
    "a pair reversed": ("Activation(*word)", "Activation(*reversed(word))", *ANY),
    "prediction": ("AL, _ = forward_prop(X, params, hidden=hidden,", "AL, _ = forward_prop(X, params,", *ANY),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_in_a_line_breaks_a_law(name):
    text, instead, hidden, output = FAULTS[name]
    faulty = network_with({text: instead})
    assert not all(law(faulty, hidden, output) for law in LAWS)


SEES = {
    what_the_words_mean: "σ",
    gradient_over_the_field: "σ′",
    both_costs: "logistic loss",
    complex_step: "softplus, complex",
    floats_near_balls: "silu′ below 0",
    one_dtype: "float64 inside",
    every_float_the_same: "softplus, complex",
    pure: "in place",
    training_is_composed: "training, back",
    form_of_predictions: "class",
    a_word_for_each_layer: "each layer's word",
    a_pair_of_ones_own: "a pair reversed",
}


def test_each_law_sees_a_fault():
    assert list(SEES) == LAWS
    for law, name in SEES.items():
        text, instead, hidden, output = FAULTS[name]
        assert not law(network_with({text: instead}), hidden, output), law.__name__


def test_a_slope_is_the_fraction_as_which_it_is_written():
    """Not the float next to it: 0.3 is 3/10 where numbers are exact."""
    g = core.layers.activation("leaky_relu(0.3)")
    Z = np.array([Fraction(-7), Fraction(0), Fraction(5)], object)
    assert g.value(Z).tolist() == [Fraction(-21, 10), 0, 5]
    assert g.derivative(Z).tolist() == [Fraction(3, 10), Fraction(3, 10), 1]
