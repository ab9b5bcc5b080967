"""What is fuzzed: each public function, the command line, and the readers of what others may have written.

A target says what is drawn and what has to be true of it; fuzz.py makes a test of each, which Hypothesis and HypoFuzz,
that is guided by coverage, both run. An outcome is a right result, or a documented error in whose text stands which
argument it is about. No warning leaks, and no argument is changed.
"""

from __future__ import annotations

import inspect
import math
import re
import traceback
import warnings
from collections.abc import Callable
from dataclasses import fields
from typing import Any, NamedTuple

import fitting
import numpy as np
from draws import ACTIVATIONS, Array, Call, calls, floats, photograph, seeds, sizes, widths
from fitting import (
    ASKING,
    Question,
    asked,
    backward_passes,
    gradients,
    kind_of_labels,
    labelled,
    layers,
    questions,
    steps,
    trainings,
)
from hypothesis import assume
from hypothesis import strategies as st

import refnn
from refnn import Verdict
from refnn.gradcheck.declaration import Declaration

DOCUMENTED = (TypeError, ValueError)
PARTS = {"input", "params", "X", "Y"}  # of inputs, and of a probe
DECLARED = {field.name for field in fields(Declaration)}


class Target(NamedTuple):
    """One thing that is fuzzed."""

    drawn: st.SearchStrategy[Any]
    holds: Callable[[Any], None]  # an AssertionError, or an error that nobody documents, is a finding
    share: int  # of the cases, in thousandths


def outcome(name: str, call: Call, documented: tuple[type[Exception], ...] = DOCUMENTED) -> Any:
    """What the public function returns, or None with one of its documented errors."""
    function = getattr(refnn, name)
    before = list(photograph(call))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            result = function(**call)
    except Exception as error:
        result, place = None, traceback.extract_tb(error.__traceback__)[-1]
        if place.filename != fitting.__file__:  # what a function of the caller's raises is its own
            assert isinstance(error, documented), repr(error)  # noqa: PT017  # the error is what is judged
            names = {*inspect.signature(function).parameters, *call} | DECLARED | PARTS
            said = " ".join([str(error), *getattr(error, "__notes__", ())])
            if isinstance(error, ArithmeticError):  # of certify
                assert "disjoint" not in said
            else:
                assert any(re.search(rf"(?<!\w){re.escape(word)}\b", said) for word in names), f"no name in: {said}"
    assert list(photograph(call)) == before, "an argument was changed"
    return result


# ---------------------------------------------------------------------- laws of results


def dtype_of(*arrays: Any) -> np.dtype[Any]:
    """The documented dtype of a result of these arguments."""
    found = np.result_type(*{np.asarray(V).dtype for V in arrays})
    return np.dtype(float) if found.kind in "biu" else found


def is_array(V: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    assert type(V) is np.ndarray
    assert V.shape == shape
    assert V.dtype == dtype or dtype.kind == "O"  # fractions alone are floats, beside symbols they stay
    assert V.dtype.kind != "f" or not np.isnan(V).any()


def is_cost(_: Call, J: Any) -> None:
    assert np.ndim(J) == 0
    assert not (isinstance(J, np.floating) and np.isnan(J))


def inited(call: Call, params: Any) -> None:
    dims = list(call["layer_dims"])
    assert widths(params) == dims
    assert all(np.isfinite(V).all() and V.dtype == np.float64 for V in params.values())


def squashed(call: Call, result: Any) -> None:
    A, cache = result
    Z = np.asarray(call["Z"])
    for V in (A, cache):
        assert isinstance(V, np.ndarray | np.generic)
        assert V.shape == Z.shape
    if A.dtype.kind == "f":
        assert ((A >= 0) & (A <= 1)).all()


def forward(call: Call, result: Any) -> None:
    AL, caches = result
    params = call["params"]
    dims, m = widths(params), np.shape(call["X"])[1]
    own = callable(call.get("hidden")) or not isinstance(call.get("output", ""), str)
    is_array(AL, (dims[-1], m), AL.dtype if own else dtype_of(call["X"], *params.values()))
    assert [Z.shape for _, Z in caches] == [(n, m) for n in dims[1:]]


def backward(call: Call, grads: Any) -> None:
    caches = call["caches"]
    dtype = dtype_of(call["AL"], *(V for (three, Z) in caches for V in (*three, Z)))
    for l, ((A_prev, W, b), _) in enumerate(caches, start=1):
        is_array(grads[f"dW{l}"], np.shape(W), dtype)
        is_array(grads[f"db{l}"], np.shape(b), dtype)
        if l > 1 or call.get("inputs", True):
            is_array(grads[f"dA{l - 1}"], np.shape(A_prev), dtype)


def one_backward(call: Call, result: Any) -> None:
    (A_prev, W, b), Z = call["cache"]
    dtype = dtype_of(call["dA"], A_prev, W, b, Z)
    for dV, V in zip(result, (A_prev, W, b), strict=True):
        if dV is not None:
            is_array(dV, np.shape(V), dtype)


def updated(call: Call, params: Any) -> None:
    before = call["params"]
    assert {key: V.shape for key, V in params.items()} == {key: np.shape(V) for key, V in before.items()}


def trained(call: Call, result: Any) -> None:
    params, history = result
    assert widths(params) == list(call["layer_dims"])
    assert len(history) == call["epochs"]
    assert not np.isnan(np.array(history, complex)).any() if dtype_of(call["X"]).kind in "fc" else True


def predicted(call: Call, said: Any) -> None:
    n, m = widths(call["params"])[-1], np.shape(call["X"])[1]
    assert said.shape in ((n, m), (m,))
    assert not np.isnan(said).any()


def certified(_: Call, certificate: Any) -> None:
    again = refnn.Certificate.from_json(certificate.to_json())
    assert again.to_json() == certificate.to_json()
    assert all((V >= 0).all() for V in certificate.absolute.values())


def judged(_: Call, check: Any) -> None:
    assert check.verdict in Verdict
    assert all(len(line) <= 80 for line in str(check).splitlines())
    assert bool(check) == (check.verdict is Verdict.PASS)
    check.to_json()


def is_gradient(call: Call, gradient: Any) -> None:
    assert isinstance(gradient, type(call["params"])) or not isinstance(call["params"], dict)


def public(
    name: str, fitting: st.SearchStrategy[Call], law: Callable[[Call, Any], None], share: int, **more: Any
) -> Target:
    """A public function, asked what fits and what does not."""

    def holds(call: Call) -> None:
        result = outcome(name, call, more.get("documented", DOCUMENTED))
        if result is not None:
            law(call, result)

    return Target(calls(fitting, more.get("limits", {})), holds, share)


# ---------------------------------------------------------------------- right answers


def off(dV: Array, k: int) -> Array:
    """One entry off by a thousandth of the largest."""
    changed = dV.copy()
    changed.flat[k % dV.size] += np.abs(dV).max() / 1000
    return changed


def told_apart(right: Any, wrong: Any) -> None:
    """A right gradient is not WRONG; one with a planted change does not pass, if such a change would be seen."""
    assert right.verdict is not Verdict.WRONG, str(right)
    assert wrong.verdict is not Verdict.PASS or not right.sees(1e-3), str(wrong)


def network_told_apart(drawn: tuple[Call, int]) -> None:
    call, k = drawn
    grads = call["grads"]
    key = sorted(grads)[k % len(grads)]
    assume(grads[key].any())
    call = call | {"labels": kind_of_labels(call)}
    right, wrong = (refnn.check_network(**call | {"grads": g}) for g in (grads, grads | {key: off(grads[key], k)}))
    told_apart(right, wrong)


def backprop_told_apart(drawn: tuple[list[int], Any, Any, int]) -> None:
    layer_dims, hidden, output, k = drawn

    def gradient(params: Any, X: Any, Y: Any) -> Any:
        AL, caches = refnn.forward_prop(X, params, hidden=hidden, output=output)
        return refnn.backprop(AL, Y, caches, hidden=hidden, output=output)

    def spoilt(params: Any, X: Any, Y: Any) -> Any:
        grads = gradient(params, X, Y)
        key = f"{('dW', 'db')[k % 2]}{k % (len(layer_dims) - 1) + 1}"
        return grads | {key: off(grads[key], k)}

    of: Any = {"layer_dims": layer_dims, "hidden": hidden, "output": output, "progress": False}
    told_apart(refnn.check_backprop(gradient, **of), refnn.check_backprop(spoilt, **of))


def gradients_told_apart(drawn: tuple[Question, int, str]) -> None:
    q, k, how = drawn
    point = {"x": q.x}
    right = q.gradient(point)
    assume(right["x"].any())
    wrong = {"x": off(right["x"], k)}
    told_apart(*(refnn.check_gradients(q.cost, point, g, method=how, progress=False) for g in (right, wrong)))
    numeric = refnn.numerical_gradient(q.cost, point, method=how)["x"]
    usual = np.abs(right["x"]).max() + abs(q.cost(point)) / np.abs(q.x).min()
    assert (np.abs(numeric - right["x"]) <= math.sqrt(np.finfo(float).eps) * usual).all(), (numeric, right)


def maps_told_apart(drawn: tuple[Question, int]) -> None:
    q, k = drawn
    for check, name in ((refnn.check_vjp, "vjp"), (refnn.check_jvp, "jvp"), (refnn.check_jacobian, "jacobian")):
        function: Any = getattr(q, name)
        wrong = lambda *args, function=function: off(function(*args), k)  # noqa: E731
        told_apart(*(check(q.f, given, q.x) for given in (function, wrong)))


TARGETS = {
    "init_params": public(
        "init_params",
        st.fixed_dictionaries(
            {"layer_dims": st.lists(sizes, min_size=2), "scale": st.sampled_from(("xavier", "he", 0.5)), "rng": seeds}
        ),
        inited,
        60,
    ),
    "sigmoid": public(
        "sigmoid", st.tuples(sizes, sizes).flatmap(lambda s: floats(*s)).map(lambda Z: {"Z": Z}), squashed, 80
    ),
    "forward_prop": public("forward_prop", asked(), forward, 100),
    "cost_function": public("cost_function", labelled("AL", None), is_cost, 80),
    "logistic_cost": public("logistic_cost", labelled("ZL", "sigmoid"), is_cost, 70),
    "softmax_cost": public("softmax_cost", labelled("ZL", "softmax"), is_cost, 70),
    "one_layer_backward": public("one_layer_backward", layers(), one_backward, 80),
    "backprop": public("backprop", backward_passes(), backward, 100),
    "update_parameters": public("update_parameters", steps(), updated, 80),
    "train": public("train", trainings(), trained, 60, limits={"epochs": 3}),
    "predict": public("predict", asked().map(lambda call: call | {"threshold": 0.5}), predicted, 80),
    "certify": public("certify", gradients(), certified, 5, documented=(*DOCUMENTED, ArithmeticError)),
    **{
        name: public(name, fitting, is_gradient if name == "numerical_gradient" else judged, share, limits={"alone": 4})
        for (name, fitting), share in zip(ASKING.items(), (20, 20, 10, 10, 10, 15, 10), strict=True)
    },
    "network_told_apart": Target(st.tuples(gradients(tame=True), seeds), network_told_apart, 10),
    "backprop_told_apart": Target(
        st.tuples(
            st.lists(sizes, min_size=2, max_size=4),
            st.sampled_from(ACTIVATIONS),
            st.sampled_from(("sigmoid", "softmax", "identity", ("tanh", "squared_error"))),
            seeds,
        ),
        backprop_told_apart,
        1,
    ),
    "gradients_told_apart": Target(
        st.tuples(questions(), seeds, st.sampled_from(("auto", "central"))), gradients_told_apart, 10
    ),
    "maps_told_apart": Target(st.tuples(questions(), seeds), maps_told_apart, 5),
}
