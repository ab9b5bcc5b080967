"""check_backprop of a declared network: right gradients pass in every convention, and a convention broken is WRONG."""

import re
from collections import Counter

import numpy as np
import pytest
from backprops import judged, probes
from functions import BFloat16
from hypothesis import given
from hypothesis import strategies as st
from strategies import few, seeds

import refnn
from refnn.gradcheck import Verdict, check_backprop, check_network
from refnn.gradcheck.declaration import Declaration
from refnn.gradcheck.faults import probes as probes_of
from refnn.gradcheck.faults.probes import Probe, default_probes
from refnn.testing import assert_backprop, layer_dims, networks

HIDDEN = ("sigmoid", "tanh", "relu", "leaky_relu", "leaky_relu(0.2)", "softplus", "silu", "identity")
OUTPUTS = ("sigmoid", "softmax", "identity", "relu", ("tanh", "squared_error"), ("sigmoid", "half_squared_error"))
OUTPUTS += ("softplus", ("silu", "squared_error"), "leaky_relu(0.2)")

# ---------------------------------------------------------------------- a declared gradient, by refnn.backprop


def declared(words, dtype=np.float64, *, changed=None):
    """The gradient of the declared network in the declared form: by refnn.backprop, turned and scaled here.

    `changed` is what is declared otherwise: the gradient is that of these words, in the form of the others.
    """
    said = {**words, **(changed or {})}
    turn_W, rows = said.get("weights") == "in,out", said.get("examples") == "rows"
    bias, names, step = said.get("bias", True), said.get("names", {}), said.get("step")
    l1, l2 = said.get("l1", 0), said.get("l2", 0)
    network = {key: said[key] for key in ("hidden", "output") if key in said}

    def name(kind, l):
        d = kind.removeprefix("d")
        template = names.get(kind) or names.get(d) or d + "{l}"
        of_l = template(l) if callable(template) else template.format(l=l, k=l - 1)
        return of_l if kind == d or kind in names else f"d{of_l}"

    def gradient(params, X, Y):
        L = sum(name("W", l) in params for l in range(1, 20))
        ours, given = {}, {}
        for l in range(1, L + 1):
            W = params[name("W", l)]
            ours[f"W{l}"] = given[f"W{l}"] = (W.T if turn_W else W).astype(dtype)
            ours[f"b{l}"] = np.zeros((len(ours[f"W{l}"]), 1), dtype)
            if bias:
                ours[f"b{l}"] = given[f"b{l}"] = params[name("b", l)].reshape(-1, 1).astype(dtype)
        X = (X.T if rows else X).astype(dtype)
        n_L, m = len(ours[f"W{L}"]), X.shape[1]
        if said.get("labels") == "classes":
            Y = np.eye(n_L)[:, Y] if n_L > 1 else np.reshape(Y, (1, m))
        elif rows:
            Y = Y.T
        AL, caches = refnn.forward_prop(X, ours, **network)
        grads = refnn.backprop(AL, Y.astype(dtype), caches, **network)
        factor = dtype({"mean": 1, "sum": m, "entries": 1 / n_L, "outputs": m / n_L}[said.get("reduction", "mean")])
        found = {}
        for key, V in given.items():
            dV = factor * grads[f"d{key}"]
            if key[0] == "W":
                of_m = [dtype(p(m) if callable(p) else p) for p in (l1, l2)]
                dV = dV + of_m[0] * np.sign(V) + of_m[1] * V
            if step is not None:
                dV = V - dtype(step) * dV
            dV = dV.T if (turn_W if key[0] == "W" else rows) else dV
            found[name("d" + key[0], int(key[1:]))] = dV
        return found

    return gradient


CONVENTIONS = {
    "the article's": {},
    "the sum": {"reduction": "sum"},
    "the mean over entries": {"reduction": "entries"},
    "the mean over outputs": {"reduction": "outputs"},
    "weight decay": {"l2": 0.3},
    "the lasso": {"l1": 0.05},
    "both, of m": {"l1": lambda m: 0.2 / m, "l2": lambda m: 0.7 / m},
    "rows": {"examples": "rows"},
    "in,out": {"weights": "in,out"},
    "rows, in,out, as in Keras": {"examples": "rows", "weights": "in,out"},
    "no bias": {"bias": False},
    "hard labels": {"labels": "onehot"},
    "classes": {"labels": "classes"},
    "classes in rows": {"labels": "classes", "examples": "rows"},
    "names": {"names": {"W": "weights{l}", "b": "bias{k}", "dW": "grad_w{l}"}},
    "names of l": {"names": {"W": lambda l: f"layer_{chr(96 + l)}", "db": lambda l: f"bias_grad_{l}"}},
    "a step": {"step": 0.1},
    "a step, rows, a penalty": {"step": 3.0, "examples": "rows", "l2": 0.1},
}


def grid():
    """Each activation, output and convention, each beside several of the others."""
    for i in range(2 * len(CONVENTIONS)):
        name = list(CONVENTIONS)[i % len(CONVENTIONS)]
        yield {"hidden": HIDDEN[i * 3 % len(HIDDEN)], "output": OUTPUTS[i % len(OUTPUTS)], **CONVENTIONS[name]}
    for i, hidden in enumerate(HIDDEN):
        yield {"hidden": hidden, "output": OUTPUTS[(i + 4) % len(OUTPUTS)]}
    yield {"hidden": ["relu", "tanh"], "output": "softmax"}


GRID = list(grid())


def says(words):
    return re.sub(r"<function .*? at \w+>", "f", Declaration.of(words).says) or "the article"


@pytest.mark.parametrize("i", range(len(GRID)), ids=lambda i: says(GRID[i]))
def test_right_gradients_pass(i):
    """Each convention in both dtypes, beside other activations."""
    words, dtype = GRID[i], (np.float64, np.float32)[i // len(CONVENTIONS) % 2]
    if isinstance(words["hidden"], list):
        check = check_backprop(declared(words, dtype), layer_dims=[3, 4, 4, 2], progress=False, **words)
    else:
        check = judged(declared(words, dtype), every=dtype is np.float64, **words)
    assert check.verdict is Verdict.PASS, f"{dtype.__name__}\n{check}"


# ---------------------------------------------------------------------- conventions broken

RELU, SOFTMAX = {"hidden": "relu"}, {"output": "softmax"}
VALUES = {  # what is declared, what the gradient is of, and the cause that is named or what is said
    "the sum for the mean": ({}, {"reduction": "sum"}, "missing-mean"),
    "the sum for the mean over entries": ({"reduction": "entries"}, {"reduction": "sum"}, "missing-mean"),
    "the mean for the sum": ({"reduction": "sum"}, {"reduction": "mean"}, "of another network: reduction='mean'"),
    "the mean for that over entries": ({"reduction": "entries"}, {"reduction": "mean"}, "network: reduction='mean'"),
    "the mean over entries": ({}, {"reduction": "entries"}, "mean-over-outputs"),
    "no weight decay": ({"l2": 0.3}, {"l2": 0}, "penalty-missing"),
    "λ Σ W² for λ/2 Σ W²": ({"l2": 0.3}, {"l2": 0.6}, "penalty-doubled"),
    "λ/m for λ": ({"l2": 0.3, "output": "softmax"}, {"l2": lambda m: 0.3 / m}, "penalty-over-m"),
    "no lasso": ({"l1": 0.05}, {"l1": 0}, "penalty-missing"),
    "L2 for L1": ({"l1": 0.05}, {"l1": 0, "l2": 0.05}, "of another network: l1=0, l2=0.05"),
    "one of two penalties": ({"l1": 1e-4, "l2": 1e-3}, {"l1": 0}, "of another network: l1=0$"),
    "the other of two penalties": ({"l1": 1e-4, "l2": 1e-3}, {"l2": 0}, "of another network: l2=0$"),
    "two penalties exchanged": ({"l1": 0.05, "l2": 0.3}, {"l1": 0.3, "l2": 0.05}, "network: l1=0.3, l2=0.05"),
    "undeclared weight decay": ({}, {"l2": 1e-5}, "of another network: l2=1e-05"),
    "another activation": (RELU, {"hidden": "tanh"}, "of another network: hidden='tanh'"),
    "another slope": ({"hidden": "leaky_relu"}, {"hidden": "leaky_relu(0.2)"}, "of another network: hidden='leaky_rel"),
    "sigmoids for a softmax": (SOFTMAX, {"output": "sigmoid"}, "of another network: output='sigmoid'"),
    "a softmax for sigmoids": ({"labels": "onehot"}, SOFTMAX, "of another network: output='softmax'"),
    "the whole square for half": (
        {"output": "identity"},
        {"output": ("identity", "squared_error")},
        "factor-of-the-sq",
    ),
    "half the square": ({"output": ("tanh", "squared_error")}, {"output": "tanh"}, "factor-of-the-square"),
    "another rate": ({"step": 0.1}, {"step": 0.2}, "2 times the true gradient in every entry"),
    "a step up": ({"step": 0.1}, {"step": -0.1}, "sign-flipped"),
    "the gradient for a step": ({"step": 0.1}, {"step": None}, "cosine"),
}
FORMS = {  # the same of what is seen by names and shapes
    "rows for columns": ({}, {"examples": "rows"}, "gradient raised ValueError: .* at line "),
    "columns for rows": ({"examples": "rows"}, {"examples": "columns"}, "gradient raised "),
    "in,out for out,in": ({}, {"weights": "in,out"}, "gradient raised "),
    "a bias too many": ({"bias": False}, {"bias": True}, "gradient raised KeyError: 'b1'"),
    "a bias too few": ({}, {"bias": False}, "grads has no 'db1', the gradient of 'b1'"),
    "another name": ({"names": {"dW": "gW{l}"}}, {"names": {}}, "grads has no 'gW1', the gradient of 'W1'"),
    "counted from one": ({"names": {"dW": "gW{k}"}}, {"names": {"dW": "gW{l}"}}, "grads has no 'gW0'"),
}


def test_networks_are_finite_where_units_are_dead(monkeypatch):
    """Without biases a dead ReLU leaves Z_L = 0, which no factor takes to where a sigmoid saturates."""
    monkeypatch.setattr("refnn.gradcheck.faults.probes.DRAWS", 1)  # on no network of one unit does every fault show
    declaration = Declaration(hidden="relu", bias=False)
    for seed in range(20):
        for _, params, X, _ in default_probes((1, 1, 2), m=1, seed=seed, declaration=declaration):
            assert all(np.isfinite(V).all() for V in (*params.values(), X))


def test_no_network_is_searched_for_long_on_which_a_fault_shows_that_never_does(monkeypatch):
    drawn = Counter()

    def draw(*words, really=probes_of.random_probe):
        drawn[words[1:4]] += 1
        return really(*words)

    monkeypatch.setattr(probes_of, "random_probe", draw)
    default_probes(declaration=Declaration.of({"hidden": CLIPPED}))
    assert [*drawn.values()].count(probes_of.ALIKE) > 5
    assert sum(drawn.values()) < 600  # 200 each it was, for most of 17


CLIPPED = (lambda Z: np.clip(Z, -1, 1), lambda Z: np.where(np.abs(Z) < 1, 1.0, 0.0))


@pytest.mark.parametrize("what", VALUES)
def test_what_is_declared_otherwise_is_wrong_and_named(what):
    words, changed, text = VALUES[what]
    check = judged(declared(words, changed=changed), **words)
    assert check.verdict is Verdict.WRONG, str(check)
    causes = check.diagnosis.causes
    found = str(check.diagnosis) if not causes else causes[0].text
    assert len(causes) <= 1, str(check)
    assert re.search(text, found), str(check)


@pytest.mark.parametrize("what", FORMS)
def test_another_form_is_wrong_and_said(what):
    words, changed, text = FORMS[what]
    check = judged(declared(words, changed=changed), **words)
    assert check.verdict is Verdict.WRONG, str(check)
    assert any(re.search(text, reason) for reason in check.reasons), check.reasons


@pytest.mark.parametrize("words", [{"examples": "rows"}, {"weights": "in,out"}], ids=says)
def test_an_undeclared_transpose_is_wrong_where_all_shapes_agree(words):
    """Four units in each layer, and four examples."""
    for really, said in ((words, {}), ({}, words)):
        check = check_backprop(declared(really), layer_dims=[4, 4, 4], m=4, progress=False, **said)
        assert check.verdict is Verdict.WRONG, str(check)
        assert check.parameters or any("has shape (1, 4), expected (4, 1)" in reason for reason in check.reasons)


@pytest.mark.parametrize("words", [{}, {"weights": "in,out"}, {"weights": "in,out", "examples": "rows"}], ids=says)
def test_a_transposed_dw_is_named_or_its_shape_is_said(words):
    right = declared(words)

    def gradient(params, X, Y):
        return {key: V.T if key[:2] == "dW" else V for key, V in right(params, X, Y).items()}

    square = check_backprop(gradient, layer_dims=[4, 4, 4], progress=False, **words)
    assert [c.faults for c in square.diagnosis.causes] == [("dW-transposed",)], str(square)
    check = judged(gradient, **words)
    assert check.verdict is Verdict.WRONG
    assert any("grads['dW1'] has shape" in reason for reason in check.reasons)


@pytest.mark.parametrize("words", [{"examples": "rows"}, {"l2": 0.3}], ids=says)
def test_db_of_one_axis_is_what_it_is_where_a_bias_has_two(words):
    def flat(params, X, Y):
        return {key: V.ravel() if key[:2] == "db" else V for key, V in declared(words)(params, X, Y).items()}

    def off(params, X, Y):
        grads = flat(params, X, Y)
        return grads | {"db1": 1.001 * grads["db1"]}

    assert judged(flat, **words).verdict is Verdict.PASS
    check = judged(off, **words)
    assert check.verdict is Verdict.WRONG
    assert [parameter.name for parameter in check.parameters if not parameter] == ["db1"]


@pytest.mark.parametrize("words", [{"reduction": "sum"}, {"l2": 0.3}], ids=says)
def test_a_bias_of_one_axis_is_what_it_is_with_two(words):
    _, params, X, Y = default_probes([3, 4, 2], declaration=Declaration.of(words))[0]
    grads = declared(words)(params, X, Y)
    flat = {key: V.ravel() if key[0] == "b" else V for key, V in params.items()}
    assert check_network(flat, X, Y, grads, progress=False, **words).verdict is Verdict.PASS
    grads["db1"] = 1.001 * grads["db1"]
    assert check_network(flat, X, Y, grads, progress=False, **words).verdict is Verdict.WRONG


def test_a_class_off_by_one_is_wrong():
    words = {"labels": "classes", "output": "softmax"}
    right = declared(words)
    for move in (1, -1):

        def gradient(params, X, Y, move=move):
            n_L = len(params[f"b{len(params) // 2}"])
            return right(params, X, (Y + move) % n_L)

        assert judged(gradient, **words).verdict is Verdict.WRONG


def test_where_classes_are_declared_a_matrix_of_labels_is_taken_as_it_is():
    _, params, X, Y = default_probes(declaration=Declaration.of({"output": "softmax", "labels": "onehot"}))[0]
    AL, caches = refnn.forward_prop(X, params, output="softmax")
    grads = refnn.backprop(AL, Y, caches, output="softmax")
    for labels in (Y, Y.argmax(axis=0)):
        assert check_network(params, X, labels, grads, output="softmax", labels="classes", progress=False)


# ---------------------------------------------------------------------- a step in place of a gradient

RATES = [1e-6, 1e-2, 1.0, 10.0]


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_right_step_passes_at_every_rate(rate, dtype):
    words = {"step": rate, "l2": 0.01, "hidden": "tanh"}
    check = judged(declared(words, dtype), **words)
    assert check.verdict is Verdict.PASS, str(check)


@pytest.mark.parametrize("rate", RATES)
def test_a_step_that_is_off_by_a_hundredth_is_wrong_at_every_rate(rate):
    words = {"step": rate}
    assert judged(declared(words, changed={"step": 1.01 * rate}), **words).verdict is Verdict.WRONG


# ---------------------------------------------------------------------- kinks


def with_slope(low, at_zero):
    """A network of leaky ReLUs with this derivative at the kink."""
    hidden = (
        lambda Z: np.where(Z > 0, Z, low * Z),
        lambda Z: np.where(Z > 0, 1.0, np.where(Z < 0, low, at_zero)),
    )

    def gradient(params, X, Y):
        AL, caches = refnn.forward_prop(X, params, hidden=hidden)
        return refnn.backprop(AL, Y, caches, hidden=hidden)

    return gradient


@pytest.mark.parametrize(
    ("word", "low", "inside", "outside"),
    [
        ("relu", 0.0, (0.0, 0.3, 0.5, 1.0), (-0.01, 1.01, 2.0)),
        ("leaky_relu(0.2)", 0.2, (0.2, 0.6, 1.0), (0.0, 0.19, 1.01)),
        ("leaky_relu(3)", 3.0, (1.0, 2.0, 3.0), (0.99, 3.01)),
    ],
)
def test_each_slope_between_the_two_sides_passes_at_a_kink_and_no_other(word, low, inside, outside):
    some = probes(hidden=word)[-3:]
    assert some[-1].name == "exactly at a kink"
    for slope in inside:
        check = check_backprop(with_slope(low, slope), probes=some, progress=False, hidden=word)
        assert check.verdict is Verdict.PASS, str(check)
        assert any("exactly at a kink: each slope between the two sides is accepted" in note for note in check.notes)
    for slope in outside:
        check = check_backprop(with_slope(low, slope), probes=some, progress=False, hidden=word)
        assert {c.probe for c in check.probes if c.verdict is Verdict.WRONG} == {"exactly at a kink"}, slope


def test_the_derivative_of_a_weight_of_zero_under_l1_is_between_both_signs():
    _, params, X, Y = probes()[1]
    params = {key: V.copy() for key, V in params.items()}
    params["W2"][1, 2] = 0
    grads = declared({"l1": 0.05})(params, X, Y)
    for sign, verdict in ((-1, "PASS"), (0, "PASS"), (0.5, "PASS"), (1, "PASS"), (-1.01, "WRONG"), (1.01, "WRONG")):
        given = {key: V.copy() for key, V in grads.items()}
        given["dW2"][1, 2] += 0.05 * sign
        assert check_network(params, X, Y, given, progress=False, l1=0.05).parameters[0].verdict == verdict, sign


@pytest.mark.parametrize("output", ["relu", ("leaky_relu(0.2)", "squared_error")])
def test_an_output_at_its_kink_accepts_both_sides(output):
    _, params, X, Y = default_probes(declaration=Declaration.of({"output": output}))[0]
    X = X.copy()
    X[:, 0] = 0
    params = {key: V.copy() if key[0] == "W" else np.zeros_like(V) for key, V in params.items()}
    low, share = (0.0, 1) if output == "relu" else (0.2, 2)
    words = {"hidden": "tanh", "output": output}
    grads = declared(words)(params, X, Y)
    m = X.shape[1]
    for slope, verdict in ((low, "PASS"), (0.5, "PASS"), (1.0, "PASS"), (low - 0.01, "WRONG"), (1.01, "WRONG")):
        given = {key: V.copy() for key, V in grads.items()}
        last, dZ = f"db{len(params) // 2}", share * (0 - Y[:, :1]) / m  # at the kink refnn's slope is that from below
        given[last] = given[last] + dZ * (slope - low)
        check = check_network(params, X, Y, given, progress=False, **words)
        assert {p.name: p.verdict for p in check.parameters}[last] == verdict, str(check)


# ---------------------------------------------------------------------- what a function keeps


@pytest.mark.parametrize("words", [{}, {"weights": "in,out", "examples": "rows"}, {"step": 0.5}], ids=says)
def test_a_buffer_that_later_calls_overwrite_is_wrong(words):
    right, buffers = declared(words), {}

    def reuses(params, X, Y):
        for key, V in right(params, X, Y).items():
            buffer = buffers.setdefault((key, V.shape), np.empty_like(V))
            buffer[...] = V
        return {key: buffers[key, V.shape] for key, V in right(params, X, Y).items()}

    check = judged(reuses, **words)
    assert check.verdict is Verdict.WRONG
    assert any(reason.startswith("gradient overwrites what an earlier call returned: ") for reason in check.reasons)

    def copies(params, X, Y):
        return {key: V.copy() for key, V in reuses(params, X, Y).items()}

    assert judged(copies, **words).verdict is Verdict.PASS


@pytest.mark.parametrize("method", ["entries", "directions"])
def test_a_step_that_the_parameters_do_not_hold_shows_nothing(method):
    _, params, X, Y = default_probes([4, 3, 2])[0]
    for step, verdict in ((1e-20, Verdict.BLIND), (1e-3, Verdict.PASS)):
        moved = declared({"step": step})(params, X, Y)
        check = check_network(params, X, Y, moved, method=method, step=step, progress=False)
        assert check.verdict is verdict, str(check)
    assert check_network(params, X, Y, params, step=1e-3, progress=False).verdict is Verdict.WRONG


# ---------------------------------------------------------------------- functions of one's own

GELU_LIKE = (
    lambda Z: Z / (1 + np.exp(-1.702 * Z)),
    lambda Z: (s := 1 / (1 + np.exp(-1.702 * Z))) + 1.702 * Z * s * (1 - s),
)
OWN = [
    {"hidden": (np.sin, np.cos)},
    {"hidden": GELU_LIKE, "output": "softmax", "reduction": "sum"},
    {"hidden": "tanh", "output": ((np.sinh, np.cosh), "squared_error"), "l2": 0.1},
    {"hidden": [(np.sin, np.cos), "silu"], "examples": "rows", "weights": "in,out"},
]


@pytest.mark.parametrize("words", OWN, ids=range(len(OWN)))
def test_a_pair_of_ones_own_is_judged_by_its_value(words):
    options = {"probes": default_probes([4, 3, 3, 2], declaration=Declaration.of(words))[:2], "progress": False}
    check = check_backprop(declared(words), **options, **words)
    assert check.verdict is Verdict.PASS, str(check)
    for changed in ({"reduction": "mean" if "reduction" in words else "sum"}, {"l2": 0.11}, wrong_pair(words)):
        check = check_backprop(declared(words, changed=changed), **options, **words)
        assert check.verdict is Verdict.WRONG, str(check)


HARD = {
    "relu": (lambda Z: np.maximum(Z, 0), lambda Z: Z > 0),
    "hard tanh": (lambda Z: np.where(Z > 1, 1, np.where(Z < -1, -1, Z)), lambda Z: np.abs(Z) < 1),
    "hard swish": (
        lambda Z: Z * np.clip(Z / 6 + 0.5, 0, 1),
        lambda Z: np.where(Z <= -3, 0, np.where(Z >= 3, 1, Z / 3 + 0.5)),
    ),
    "soft shrink": (
        lambda Z: np.where(Z > 0.5, Z - 0.5, np.where(Z < -0.5, Z + 0.5, 0)),
        lambda Z: np.abs(Z) > 0.5,
    ),
}


@pytest.mark.parametrize("name", HARD)
def test_a_pair_of_pieces_is_judged_where_units_are_off_too(name):
    value, derivative = HARD[name]
    words = {"hidden": (value, derivative)}
    drawn = probes(**words)
    assert check_backprop(declared(words), probes=drawn, progress=False, **words).verdict is Verdict.PASS
    leaky = {"hidden": (value, lambda Z: np.where(derivative(Z), derivative(Z), 1e-3))}
    assert check_backprop(declared(leaky), probes=drawn[:3], progress=False, **words).verdict is Verdict.WRONG


def test_no_mild_network_has_a_Z_at_a_whole_number():
    """Hard activations have their kinks there."""
    for _, params, X, _ in default_probes(mild=True):
        Z = params["W1"] @ X + params["b1"]
        assert np.abs(Z - np.round(Z)).min() > 1e-4


def test_where_a_function_of_ones_own_is_no_number_nothing_is_judged():
    words = {"hidden": (np.sqrt, lambda Z: 0.5 / np.sqrt(Z))}
    check = check_backprop(declared(words), layer_dims=[4, 3, 2], progress=False, **words)
    assert check.verdict is Verdict.UNRELIABLE
    assert check.reasons == ("f is nan at the parameters",)


def wrong_pair(words):
    """The same words, with a derivative of one's own that is not one."""

    def wrong(word):
        if isinstance(word, list | tuple):
            return (word[0], word[0]) if all(map(callable, word)) else type(word)(map(wrong, word))
        return word

    return {key: wrong(words[key]) for key in ("hidden", "output") if key in words}


GAMMA = 2.0


def focal_cost(params, X, Y):
    """The focal loss of Lin et al. (2017), which no words declare."""
    A, S = network_of_tanh(params, X)[-1]
    return np.sum(-((1 - S) ** GAMMA) * Y * np.log(S) - S**GAMMA * (1 - Y) * np.log(1 - S)) / A.shape[1]


def network_of_tanh(params, X):
    A, layers = X, []
    L = len(params) // 2
    for l in range(1, L + 1):
        Z = params[f"W{l}"] @ A + params[f"b{l}"]
        layers.append((A, 1 / (1 + np.exp(-Z)) if l == L else np.tanh(Z)))
        A = layers[-1][1]
    return layers


def focal_gradient(of_the_factor=1.0):
    def gradient(params, X, Y):
        layers = network_of_tanh(params, X)
        (_, S), m, grads = layers[-1], X.shape[1], {}
        ones = (1 - S) ** GAMMA * (of_the_factor * GAMMA * S * np.log(S) - (1 - S))
        zeros = S**GAMMA * (S - of_the_factor * GAMMA * (1 - S) * np.log(1 - S))
        dZ = (Y * ones + (1 - Y) * zeros) / m
        for l in range(len(layers), 0, -1):
            A = layers[l - 1][0]
            grads |= {f"dW{l}": dZ @ A.T, f"db{l}": dZ.sum(axis=1, keepdims=True)}
            dZ = params[f"W{l}"].T @ dZ * (1 - A**2)
        return grads

    return gradient


def test_a_cost_that_cannot_be_declared_is_judged_by_itself():
    moderate = [p for p in default_probes() if p.name.startswith(("generic", "square", "one output", "many"))]
    assert len(moderate) == 4
    check = check_backprop(focal_gradient(), cost=focal_cost, probes=moderate, progress=False)
    assert check.verdict is Verdict.PASS, str(check)
    check = check_backprop(focal_gradient(0.0), cost=focal_cost, probes=moderate, progress=False)
    assert check.verdict is Verdict.WRONG

    def coarse(params, X, Y):
        return {key: BFloat16(G) for key, G in focal_gradient()(params, X, Y).items()}

    check = check_backprop(coarse, cost=focal_cost, probes=moderate, progress=False)
    assert check.verdict is Verdict.PASS, str(check)
    assert check_backprop(focal_gradient(), probes=moderate, progress=False).verdict is Verdict.WRONG


def absolute_error(params, X, Y):
    return np.abs(params["W1"] @ X + params["b1"] - Y).mean()


def gradient_of_the_absolute_error(params, X, Y):
    dZ = np.sign(params["W1"] @ X + params["b1"] - Y) / Y.size
    grads = {"dW1": dZ @ X.T, "db1": dZ.sum(axis=1, keepdims=True)}
    return {key: V.astype(np.float32) for key, V in grads.items()}


BALANCED = {"cost": absolute_error, "layer_dims": [3, 4], "m": 6, "progress": False}


def test_a_cost_of_ones_own_is_judged_by_what_its_gradient_shows():
    def wrong(*network):
        grads = gradient_of_the_absolute_error(*network)
        grads["dW1"][1, 2] += 1e-4 * np.abs(grads["dW1"]).max()
        return grads

    assert check_backprop(wrong, **BALANCED).verdict is Verdict.WRONG


def test_a_cost_of_ones_own_may_be_balanced():
    """Of an output with as many errors to one side as to the other db is 0; f shows it no better than its rounding."""
    check = check_backprop(gradient_of_the_absolute_error, **BALANCED)
    assert check.verdict is Verdict.PASS, str(check)
    mild = default_probes([3, 4], m=6, mild=True)
    assert any((gradient_of_the_absolute_error(*probe[1:])["db1"] == 0).any() for probe in mild)
    own = check_backprop(gradient_of_the_absolute_error, cost=absolute_error, probes=mild, progress=False)
    assert own.verdict is Verdict.PASS


# ---------------------------------------------------------------------- any declaration

words_of_any = st.fixed_dictionaries(
    {},
    optional={
        "hidden": st.sampled_from(HIDDEN),
        "output": st.sampled_from(OUTPUTS),
        "reduction": st.sampled_from(["mean", "sum", "entries"]),
        "l1": st.sampled_from([0, 0.01, 1.0]),
        "l2": st.sampled_from([0, 1e-4, 0.1, 3.0]),
        "bias": st.booleans(),
        "examples": st.sampled_from(["columns", "rows"]),
        "weights": st.sampled_from(["out,in", "in,out"]),
        "labels": st.sampled_from(["soft", "onehot", "classes"]),
        "names": st.sampled_from([{}, {"W": "weights.{k}", "b": "bias.{k}"}, {"dW": "nabla{l}"}]),
        "step": st.sampled_from([None, 1e-3, 1.0]),
    },
)


@few
@given(words_of_any, layer_dims(), st.integers(2, 8), seeds, st.sampled_from([np.float64, np.float32]))
def test_no_declaration_raises_a_false_alarm(words, dims, m, seed, dtype):
    check = check_backprop(declared(words, dtype), layer_dims=dims, m=m, seed=seed, progress=False, **words)
    assert check.verdict in (Verdict.PASS, Verdict.BLIND), str(check)


@few
@given(words_of_any, layer_dims(), st.integers(2, 8), seeds, st.integers(0, 2**30))
def test_one_entry_off_by_a_thousandth_is_wrong_in_every_declaration(words, dims, m, seed, entry):
    """In the largest gradient, at one of the entries of its greatest size."""
    right = declared({**words, "step": None})

    def gradient(params, X, Y):
        grads = right(params, X, Y)
        key = max(grads, key=lambda key: np.abs(grads[key]).max())
        large = np.argwhere(np.abs(grads[key]) >= np.abs(grads[key]).max() / 2)
        grads[key][tuple(large[entry % len(large)])] *= 1.001
        return grads

    check = check_backprop(gradient, layer_dims=dims, m=m, seed=seed, progress=False, **{**words, "step": None})
    assert check.verdict is Verdict.WRONG or all(c.verdict is Verdict.BLIND for c in check.probes), str(check)


@pytest.mark.parametrize("words", GRID[6:7], ids=says)
def test_a_declared_gradient_is_asserted_in_a_test_suite(words):
    assert_backprop(declared(words), max_examples=5, **words)
    with pytest.raises(AssertionError, match="WRONG"):
        assert_backprop(declared(words, changed={"reduction": "sum"}), max_examples=5, **words)


@few
@given(st.data(), st.sampled_from(GRID[:16]))
def test_networks_are_drawn_of_a_declaration(data, words):
    probe = data.draw(networks(m=4, **words))
    assert isinstance(probe, Probe)
    _, params, X, Y = probe
    grads = declared(words)(params, X, Y)
    assert check_network(params, X, Y, grads, progress=False, **words).verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("words", "form"), [({"l1": object}, "l1(m)"), ({"l2": len}, "l2(m)"), ({"names": {"W": int.mro}}, "names['W'](l)")]
)
def test_a_function_in_the_declaration_that_raises_is_said(words, form):
    with pytest.raises((TypeError, ValueError)) as error:
        check_backprop(declared(words), **words)
    assert error.value.__notes__ == [f"refnn: raised where it was called as {form}"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"step": 10**400}, "step is inf"),
        ({"l1": lambda _: 10**400}, r"l1\(m\) is 10+"),
        ({"l2": lambda _: -1}, r"l2\(m\) is -1"),
    ],
)
def test_a_number_that_no_float_holds_and_a_negative_penalty_are_refused(words, said):
    with pytest.raises(ValueError, match=f"{said}.*, expected a finite number"):
        check_backprop(declared(words), **words)


@pytest.mark.parametrize("given", [{}, {"layer_dims": [2, 3, 3, 2]}])
@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"names": {"W": "w"}}, "W1 and W2 'w'"),
        ({"names": {"b": "W{k}"}}, "W1 and b2 'W1'"),
        ({"names": {"dW": lambda l: f"g{l // 2}"}}, "dW2 and dW3 'g1'"),
        ({"names": {"dW": "W{l}", "db": "W{l}"}, "step": 0.1}, "dW1 and db1 'W1'"),
    ],
)
def test_two_arrays_of_one_name_are_refused(words, said, given):
    with pytest.raises(ValueError, match=f"^names calls both {said}, expected two names$"):
        check_backprop(declared({}), **given, **words)


@pytest.mark.parametrize("template", ["{}", "{x}", "{", "{l:q}", "{l.x}", "{l[0]}", ""])
def test_a_template_that_takes_no_layer_is_refused(template):
    with pytest.raises(ValueError, match=r"^names\['W'\] is .*, expected a text such as 'W{l}', with the layer as {l}"):
        check_backprop(declared({}), names={"W": template})


@pytest.mark.parametrize("name", [lambda l: l, lambda _: ["W"], lambda _: None])
def test_a_function_of_names_returns_texts(name):
    with pytest.raises(ValueError, match=r"^names\['dW'\]\(1\) is .*, expected a text$"):
        check_backprop(declared({}), names={"dW": name}, layer_dims=[3, 2])


def test_without_a_number_a_name_is_enough_for_one_layer():
    def gradient(params, X, Y):
        AL, caches = refnn.forward_prop(X, {"W1": params["w"], "b1": params["b"]})
        grads = refnn.backprop(AL, Y, caches)
        return {"w": grads["dW1"], "b": grads["db1"]}

    assert check_backprop(gradient, layer_dims=[3, 2], names={"W": "w", "b": "b", "dW": "w", "db": "b"})
