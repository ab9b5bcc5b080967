"""What a wrong gradient may be besides a bug: a step, dropout, another network; and what is declared layer by layer."""

import re

import numpy as np
import pytest
from backprops import judged, plain, probes, reference

import refnn
from refnn.gradcheck import Verdict, check_backprop
from refnn.gradcheck.declaration import Declaration
from refnn.gradcheck.faults.catalogue import FAULTS
from refnn.gradcheck.faults.diagnosis import KEPT
from refnn.gradcheck.faults.lines import backprop, forward


def stepped(params, X, Y, rate, dtype=np.float64):
    grads = plain(params, X, Y)
    return {key: (V - dtype(rate) * grads[f"d{key}"]).astype(dtype) for key, V in params.items()}


def taken_back(rate, dtype=np.float64):
    def gradient(params, X, Y):
        old = {key: V.astype(dtype) for key, V in params.items()}
        new = stepped(old, X, Y, rate, dtype)
        return {key: (old[key] - new[key]) / dtype(rate) for key in old}

    return gradient


def notes_of(check):
    """What is said of a step, or of two answers."""
    assert check.verdict is Verdict.WRONG, str(check)
    assert len([reason for reason in check.reasons if "two answers" in reason]) <= 1
    return [text for text in (*check.reasons, *check.notes) if re.search("step=|^two answers", text)]


@pytest.mark.parametrize("rate", [1e-3, 0.0123, -0.5])
def test_new_parameters_are_told_from_a_gradient(rate):
    def gradient(params, X, Y):
        return stepped(params, X, Y, rate)

    sign = "-" if rate > 0 else r"\+"
    (note,) = notes_of(judged(gradient))
    assert re.match(rf"these are new parameters, W {sign} {abs(rate):g} dW: declare step={rate:g}$", note)
    assert judged(gradient, step=rate)


def test_new_parameters_are_told_with_slopes_of_activations_beside_them():
    def gradient(params, X, Y):
        grads = backprop(forward(params, X, Y))
        return stepped(params, X, Y, 0.1) | {key: dV for key, dV in grads.items() if key[:2] == "dA"}

    assert notes_of(judged(gradient)) == ["these are new parameters, W - 0.1 dW: declare step=0.1"]


@pytest.mark.parametrize(("declared", "taken"), [(0.1, 0.2), (0.1, -0.1)])
def test_a_step_of_another_rate_is_told(declared, taken):
    (note,) = notes_of(judged(lambda *network: stepped(*network, taken), step=declared))
    assert note.endswith(f"declare step={taken:g}")


def test_a_gradient_where_a_step_is_declared_is_told():
    (note,) = notes_of(judged(plain, step=0.1))
    assert note == "this is the gradient: leave out step=0.1"


@pytest.mark.parametrize(("rate", "dtype"), [(1e-4, np.float64), (0.02, np.float32), (0.1, np.float64)])
def test_what_is_taken_back_from_a_step_is_told_with_its_rate(rate, dtype):
    check = judged(taken_back(rate, dtype))
    if dtype is np.float64 or not check:  # rounding in float32 may hide it
        (note,) = notes_of(check)
        assert note.startswith(f"this is (old - new) / {rate:g}, ")
        assert note.endswith(f"with step={rate:g}")


@pytest.mark.parametrize("declared", [{}, {"step": 0.1}])
def test_parameters_that_no_step_has_changed_are_told(declared):
    check = judged(lambda params, *_: params if declared else {f"d{k}": V for k, V in params.items()}, **declared)
    assert "these are the parameters, unchanged" in check.reasons
    assert notes_of(check) == []


def test_what_is_not_finite_is_not_clipped():
    check = judged(lambda params, *_: {f"d{key}": np.nan * V for key, V in params.items()})
    assert check.verdict is Verdict.WRONG
    assert "clipped" not in str(check)


@pytest.mark.parametrize(
    ("name", "dtype"),
    [("missing-mean", np.float32), ("float32-inside", np.float64), ("weights-updated-first", np.float64)],
)
def test_no_bug_is_taken_for_a_step(name, dtype):
    def gradient(params, X, Y):
        return {key: V.astype(dtype) for key, V in FAULTS[name].gradient(params, X, Y).items()}

    assert notes_of(judged(gradient)) == []


def test_what_holds_on_one_network_alone_or_is_wrong_besides_is_no_step():
    def sometimes(params, X, Y):
        return stepped(params, X, Y, 0.1) if X.shape[1] == 7 else {k: 2 * V for k, V in plain(params, X, Y).items()}

    def too_long(params, X, Y):
        return {key: 4 * V for key, V in taken_back(0.1)(params, X, Y).items()}

    assert notes_of(judged(sometimes)) == []
    assert notes_of(check_backprop(too_long, probes=probes()[:1], progress=False)) == []


@pytest.mark.parametrize("rebinds", [True, False])
def test_a_step_may_be_taken_in_place_and_a_gradient_may_not(rebinds):
    def in_place(params, X, Y):
        grads = plain(params, X, Y)
        for key in params:
            if rebinds:
                params[key] = params[key] - 0.1 * grads[f"d{key}"]
            else:
                params[key] -= 0.1 * grads[f"d{key}"]
        return params

    def gradient(params, X, Y):
        grads = plain(params, X, Y)
        in_place(params, X, Y)
        return grads

    def and_the_inputs(params, X, Y):
        new = in_place(params, X, Y)
        X *= 2
        return new

    assert judged(in_place, step=0.1)
    assert any("changed its argument" in reason for reason in judged(gradient).reasons)
    changed = [reason for reason in judged(and_the_inputs, step=0.1).reasons if "changed" in reason]
    assert changed == ["gradient changed its argument X"]


# ---------------------------------------------------------------------- dropout


def with_dropout(seed, share, hidden="sigmoid", penalty=0.0):
    """Masks drawn anew from the seed; None draws another in each call."""

    def gradient(params, X, Y):
        rng = np.random.default_rng(seed)
        L, m, g = len(params) // 2, X.shape[1], {"sigmoid": lambda Z: 1 / (1 + np.exp(-Z)), "tanh": np.tanh}[hidden]
        A, slopes = [X], [None]
        for l in range(1, L):
            H = g(params[f"W{l}"] @ A[-1] + params[f"b{l}"])
            mask = (rng.random(H.shape) < share) / share
            A.append(H * mask)
            slopes.append(mask * (H * (1 - H) if hidden == "sigmoid" else 1 - H**2))
        AL = 1 / (1 + np.exp(-(params[f"W{L}"] @ A[-1] + params[f"b{L}"])))
        dZ, grads = (AL - Y) / m, {}
        for l in range(L, 0, -1):
            grads |= {f"dW{l}": dZ @ A[l - 1].T + penalty * params[f"W{l}"], f"db{l}": dZ.sum(axis=1, keepdims=True)}
            dZ = params[f"W{l}"].T @ dZ * slopes[l - 1] if l > 1 else None
        return grads

    return gradient


def test_the_shares_of_units_that_dropout_may_keep_are_shares_the_largest_first():
    assert sorted({*KEPT}, reverse=True) == [*KEPT]
    assert 0 < min(KEPT) < max(KEPT) == 1  # 1 where the units that are kept were not scaled


@pytest.mark.parametrize("kept", [0.9, 0.75, 0.5, 0.3, 0.2])
def test_dropout_of_every_usual_rate_is_named(kept):
    check = judged(with_dropout(1, kept))
    assert [cause.faults for cause in check.diagnosis.causes] == [("dropout-left-on",)], str(check)
    assert f"times {1 / kept:.4g}" in check.cause


@pytest.mark.parametrize(("hidden", "penalty"), [("sigmoid", 0.0), ("tanh", 0.1)])
def test_dropout_is_named_from_the_network_of_one_example(hidden, penalty):
    words = {"hidden": hidden, "l2": penalty}
    assert judged(with_dropout(0, 1.0, **{"hidden": hidden, "penalty": penalty}), **words)
    for seed in range(3):
        check = judged(with_dropout(seed, 0.8, hidden, penalty), **words)
        assert [cause.faults for cause in check.diagnosis.causes] == [("dropout-left-on",)], str(check)
        assert "times 1.25" in check.cause
    off = np.flatnonzero(np.random.default_rng(2).random((4, 1)) >= 0.8).tolist()
    assert f"hidden units {off} of layer 1 off" in check.cause


def test_dropout_that_differs_from_call_to_call_is_two_answers():
    (note,) = notes_of(judged(with_dropout(None, 0.5)))
    assert note.startswith("two answers: is dropout left on")


def test_a_fault_without_a_state_is_not_said_to_have_two_answers():
    def gradient(params, X, Y):
        grads = reference(params, X, Y)
        grads["dW1"][0, 0] *= 1.001
        return grads

    assert notes_of(judged(gradient)) == []


def test_a_unit_that_is_lost_in_the_gradient_alone_is_no_dropout():
    def gradient(params, X, Y):
        grads = reference(params, X, Y)
        grads["dW2" if "dW2" in grads else "dW1"][:, 0] = 0
        return grads

    assert judged(gradient).diagnosis.causes == ()


# ---------------------------------------------------------------------- other networks


def test_pytorchs_softplus_passes_on_the_default_probes_and_is_named_above_its_threshold():
    words = {"hidden": "softplus"}
    cut = (lambda Z: np.where(Z > 20, Z, np.logaddexp(0, Z)), lambda Z: np.where(Z > 20, 1, 1 / (1 + np.exp(-Z))))
    said = Declaration.of({"hidden": cut})

    def gradient(params, X, Y):
        return backprop(forward(params, X, Y, said))

    for seed in range(3):
        assert check_backprop(gradient, seed=seed, progress=False, **words)
    rng = np.random.default_rng(0)
    params = {
        "W1": 30 * rng.random((3, 2)),
        "b1": np.zeros((3, 1)),
        "W2": rng.random((2, 3)) / 9,
        "b2": np.ones((2, 1)),
    }
    X, Y = rng.random((2, 4)), rng.random((2, 4))
    check = refnn.check_network(params, X, Y, gradient(params, X, Y), progress=False, **words)
    assert check.verdict is Verdict.WRONG
    assert "as PyTorch's is" in check.cause


@pytest.mark.parametrize(
    ("said", "truly", "named"),
    [
        ({"l2": 0.1}, {"l2": 0.037}, "l2=0.037"),
        ({"l1": 0.1}, {"l1": 0.04}, "l1=0.04"),
        ({"l2": 0.1}, {"l2": lambda m: 0.7 / m}, "l2=0.7/m"),
        ({}, {"l1": 1e-4}, "l1=0.0001"),
        ({"hidden": ["relu", "tanh"]}, {"hidden": ["tanh", "relu"]}, "hidden=('tanh', 'relu')"),
        ({"hidden": ["relu", "tanh"]}, {"hidden": ["relu", "silu"]}, "hidden=('relu', 'silu')"),
        ({}, {"reduction": "outputs"}, "reduction='outputs'"),
    ],
)
def test_a_network_that_differs_in_a_number_or_in_one_layer_is_named(said, truly, named):
    truth = Declaration.of({**said, **truly})
    dims = [3, 4, 4, 2] if "hidden" in said else None
    check = check_backprop(lambda *n: backprop(forward(*n, truth)), layer_dims=dims, progress=False, **said)
    assert check.cause.startswith(f"this is the gradient of another network: {named} "), str(check)


# ---------------------------------------------------------------------- what is declared layer by layer


def test_names_may_be_listed():
    names = {"W": ["w_ih", "w_ho"], "b": ["b_h", "b_o"], "dW": ("gw_ih", "gw_ho")}

    def gradient(params, X, Y):
        given = {"W1": params["w_ih"], "b1": params["b_h"], "W2": params["w_ho"], "b2": params["b_o"]}
        grads = plain(given, X, Y)
        return {"gw_ih": grads["dW1"], "gw_ho": grads["dW2"], "db_h": grads["db1"], "db_o": grads["db2"]}

    assert check_backprop(gradient, layer_dims=[3, 4, 2], names=names, progress=False)


@pytest.mark.parametrize(
    ("words", "dims", "message"),
    [
        (
            {"hidden": ["relu", "tanh"]},
            None,
            "hidden has 2 entries, one for each hidden layer: expected layer_dims with 4",
        ),
        ({"hidden": ["relu", "tanh"]}, [3, 4, 2], "hidden has 2 entries, one for each hidden layer: expected 1"),
        (
            {"names": {"b": ["h", "o"]}},
            None,
            r"names\['b'\] has 2 entries, one for each layer: expected layer_dims with 3",
        ),
        ({"names": {"b": ["h", "o"]}}, [3, 2], r"names\['b'\] has 2 entries, one for each layer: expected 1"),
    ],
)
def test_a_network_of_another_depth_than_what_is_listed_is_refused(words, dims, message):
    with pytest.raises(ValueError, match=message):
        check_backprop(plain, layer_dims=dims, progress=False, **words)


def test_names_of_another_kind_are_refused():
    with pytest.raises(
        TypeError, match=r"names\['W'\] is \['a', 3\], expected a text such as 'W\{l\}', a list of texts"
    ):
        check_backprop(plain, names={"W": ["a", 3]})
