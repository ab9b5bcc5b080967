"""What is fuzzed: each public function, the command line, and the readers of what others may have written.

A target says what is drawn, what is done with it, and what has to be true afterwards. Each is a test of Hypothesis,
`test_…`, so that pytest, Hypothesis and HypoFuzz, which is guided by coverage, run the same. An outcome is a right
result or a documented error, in whose text stands which argument it is about. No warning leaks, and no argument is
changed.
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

import numpy as np
from draws import ACTIVATIONS, Array, Call, calls, floats, networks, passed, photograph, seeds, sizes, widths
from hypothesis import assume
from hypothesis import strategies as st

import refnn
from refnn import Verdict
from refnn.gradcheck.declaration import Declaration
from refnn.gradcheck.faults.probes import Probe

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
        if place.filename != __file__ or place.name == "outcome":  # what a function of the caller's raises is its own
            assert isinstance(error, documented), repr(error)
            names = {*inspect.signature(function).parameters, *call} | DECLARED | PARTS
            said = " ".join([str(error), *getattr(error, "__notes__", ())])
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
    assert V.dtype == dtype or dtype == object  # fractions alone are floats, beside symbols they stay
    assert V.dtype.kind not in "fc" or not np.isnan(V).any()


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


# ---------------------------------------------------------------------- what fits


@st.composite
def backward_passes(draw: st.DrawFn) -> Call:
    net = draw(networks())
    AL, caches = passed(net)
    return {"AL": AL, "caches": caches, **{k: net[k] for k in ("Y", "hidden", "output")}, "inputs": draw(st.booleans())}


@st.composite
def layers(draw: st.DrawFn) -> Call:
    n, n_prev, m = draw(st.tuples(sizes, sizes, sizes))
    cache = ((draw(floats(n_prev, m)), draw(floats(n, n_prev)), draw(floats(n, 1))), draw(floats(n, m)))
    return {"dA": draw(floats(n, m)), "cache": cache, "activation": draw(st.sampled_from(ACTIVATIONS))}


@st.composite
def labelled(draw: st.DrawFn, name: str, output: str | None) -> Call:
    n, m = draw(st.tuples(sizes, sizes))
    V = draw(floats(n, m, unit=name == "AL"))
    word = draw(st.sampled_from(("sigmoid", "softmax", "tanh"))) if output is None else output
    return {name: V, "Y": draw(floats(n, m, unit=True))} | ({"output": word} if output is None else {})


@st.composite
def steps(draw: st.DrawFn) -> Call:
    params = draw(networks())["params"]
    grads = {f"d{key}": draw(floats(*V.shape)) for key, V in params.items()}
    return {"params": params, "grads": grads, "learning_rate": draw(st.floats(1e-320, 1e300))}


@st.composite
def trainings(draw: st.DrawFn) -> Call:
    net = draw(networks())
    start = net.pop("params")
    more = {"params": start} if draw(st.booleans()) else {}
    rate, batch_size = draw(st.sampled_from((0.1, 10.0, 1e-300))), draw(st.sampled_from((None, 1, 2)))
    of = {"layer_dims": widths(start), "epochs": draw(st.integers(0, 3)), "lr": rate, "batch_size": batch_size, "rng": 0}
    return net | of | more


@st.composite
def asked(draw: st.DrawFn) -> Call:
    net = draw(networks())
    return {k: net[k] for k in ("params", "X", "hidden", "output")}


@st.composite
def gradients(draw: st.DrawFn, tame: bool | None = None) -> Call:
    """A tame network with its gradient, or any with what is none."""
    tame = draw(st.booleans()) if tame is None else tame
    net = draw(networks(tame=tame))
    if not tame:
        return net | {"grads": {f"d{key}": draw(floats(*V.shape)) for key, V in net["params"].items()}}
    AL, caches = passed(net)
    grads = refnn.backprop(AL, net["Y"], caches, hidden=net["hidden"], output=net["output"])
    return net | {"grads": {k: V for k, V in grads.items() if not k.startswith("dA")}}


SMOOTH = {  # entry by entry, with the derivative
    "square": (lambda x: x * x, lambda x: 2 * x),
    "sin": (np.sin, np.cos),
    "exp": (np.exp, np.exp),
    "rational": (lambda x: x / (1 + x * x), lambda x: (1 - x * x) / (1 + x * x) ** 2),
    "tanh": (np.tanh, lambda x: 1 - np.tanh(x) ** 2),
    "cubic": (lambda x: x**3 - x, lambda x: 3 * x * x - 1),
}


class Question(NamedTuple):
    """A @ g(x) and its derivatives at a point."""

    A: Array
    g: Any
    slope: Any
    x: Array

    def f(self, x: Any) -> Any:
        return self.A @ self.g(x)

    def vjp(self, x: Any, u: Any) -> Any:
        return self.slope(x) * (self.A.T @ u)

    def jvp(self, x: Any, v: Any) -> Any:
        return self.A @ (self.slope(x) * v)

    def jacobian(self, x: Any) -> Any:
        return self.A * self.slope(x)

    def cost(self, params: Any) -> Any:
        return np.sum(self.f(params["x"]))

    def gradient(self, params: Any) -> Any:
        return {"x": self.slope(params["x"]) * self.A.sum(axis=0)}


@st.composite
def questions(draw: st.DrawFn) -> Question:
    n, k, scale = draw(sizes), draw(sizes), draw(st.sampled_from((1.0, 1.0, 1e-3, 5.0)))
    rng = np.random.default_rng(draw(seeds))
    return Question(rng.standard_normal((k, n)), *SMOOTH[draw(st.sampled_from(sorted(SMOOTH)))], scale * rng.standard_normal(n))


METHODS = st.sampled_from(("auto", "auto", "complex", "central"))
def labels(net: Call) -> str:
    return "classes" if np.ndim(net["Y"]) == 1 else "soft"


OPTIONS = {"seed": 0, "f_error": 0.0, "subgradient": False, "conjugate": False, "batched": False, "executor": None}
asking = {
    "numerical_gradient": st.builds(lambda q, how: {"f": q.cost, "params": {"x": q.x}, "method": how}, questions(), METHODS),
    "check_gradients": st.builds(
        lambda q, how: {"f": q.cost, "params": {"x": q.x}, "grads": q.gradient({"x": q.x}), "method": how, "progress": False} | OPTIONS,
        questions(),
        METHODS,
    ),
    "check_vjp": questions().map(lambda q: {"f": q.f, "vjp": q.vjp, "inputs": q.x, "alone": 2, "order": 1, "nondeterminism": 0.0} | OPTIONS),
    "check_jvp": questions().map(lambda q: {"f": q.f, "jvp": q.jvp, "inputs": q.x, "alone": 2, "nondeterminism": 0.0, "seed": 0}),
    "check_jacobian": questions().map(lambda q: {"f": q.f, "jacobian": q.jacobian(q.x), "inputs": q.x, "alone": 2, "seed": 0}),
    "check_network": gradients().map(lambda call: {**call, "method": "entries", "reduction": "mean", "l2": 0.0, "seed": 0, "labels": labels(call)}),
    "check_backprop": gradients().map(
        lambda call: {
            "gradient": lambda *_: call["grads"],
            "probes": [Probe("drawn", call["params"], call["X"], call["Y"])],
            **{"hidden": call["hidden"], "output": call["output"], "reduction": "mean", "names": {"W": "W{l}"}, "seed": 0, "labels": labels(call), "cost": None, "step": None},
        }
    ),
}


def public(name: str, fitting: st.SearchStrategy[Call], law: Callable[[Call, Any], None], share: int, **more: Any) -> Target:
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
    """A right gradient is not WRONG; one with a planted change does not pass, where the check says that it would see."""
    assert right.verdict is not Verdict.WRONG, str(right)
    assert wrong.verdict is not Verdict.PASS or not right.sees(1e-3), str(wrong)


def network_told_apart(drawn: tuple[Call, int]) -> None:
    call, k = drawn
    grads = call["grads"]
    key = sorted(grads)[k % len(grads)]
    assume(grads[key].any())
    call = call | {"labels": labels(call)}
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
        told_apart(*(check(q.f, given, q.x) for given in (function, wrong)))  # type: ignore[operator]


TARGETS = {
    "init_params": public("init_params", st.fixed_dictionaries({"layer_dims": st.lists(sizes, min_size=2), "scale": st.sampled_from(("xavier", "he", 0.5)), "rng": seeds}), inited, 60),
    "sigmoid": public("sigmoid", st.tuples(sizes, sizes).flatmap(lambda s: floats(*s)).map(lambda Z: {"Z": Z}), squashed, 80),
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
        for (name, fitting), share in zip(asking.items(), (20, 20, 10, 10, 10, 15, 10), strict=True)
    },
    "network_told_apart": Target(st.tuples(gradients(tame=True), seeds), network_told_apart, 10),
    "backprop_told_apart": Target(
        st.tuples(st.lists(sizes, min_size=2, max_size=4), st.sampled_from(ACTIVATIONS), st.sampled_from(("sigmoid", "softmax", "identity", ("tanh", "squared_error"))), seeds),
        backprop_told_apart,
        1,
    ),
    "gradients_told_apart": Target(st.tuples(questions(), seeds, METHODS), gradients_told_apart, 10),
    "maps_told_apart": Target(st.tuples(questions(), seeds), maps_told_apart, 5),
}
