"""Calls that fit: for each public function arguments as its documentation has them, to be spoilt or answered."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from draws import ACTIVATIONS, Array, Call, floats, networks, passed, seeds, sizes, widths
from hypothesis import strategies as st

import refnn
from refnn.gradcheck.faults.probes import Probe


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
    of = {
        "layer_dims": widths(start),
        "epochs": draw(st.integers(0, 3)),
        "lr": rate,
        "batch_size": batch_size,
        "rng": 0,
    }
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
    "tanh": (np.tanh, lambda x: np.cosh(x) ** -2.0),  # 1 - tanh² would lose its digits
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
    return Question(
        rng.standard_normal((k, n)), *SMOOTH[draw(st.sampled_from(sorted(SMOOTH)))], scale * rng.standard_normal(n)
    )


METHODS = st.sampled_from(("auto", "auto", "complex", "central"))


def kind_of_labels(net: Call) -> str:
    return "classes" if np.ndim(net["Y"]) == 1 else "soft"


OPTIONS = {"seed": 0, "f_error": 0.0, "subgradient": False, "conjugate": False, "batched": False, "executor": None}
ASKING = {
    "numerical_gradient": st.builds(
        lambda q, how: {"f": q.cost, "params": {"x": q.x}, "method": how}, questions(), METHODS
    ),
    "check_gradients": st.builds(
        lambda q, how: (
            {"f": q.cost, "params": {"x": q.x}, "grads": q.gradient({"x": q.x}), "method": how, "progress": False}
            | OPTIONS
        ),
        questions(),
        METHODS,
    ),
    "check_vjp": questions().map(
        lambda q: {"f": q.f, "vjp": q.vjp, "inputs": q.x, "alone": 2, "order": 1, "nondeterminism": 0.0} | OPTIONS
    ),
    "check_jvp": questions().map(
        lambda q: {"f": q.f, "jvp": q.jvp, "inputs": q.x, "alone": 2, "nondeterminism": 0.0, "seed": 0}
    ),
    "check_jacobian": questions().map(
        lambda q: {"f": q.f, "jacobian": q.jacobian(q.x), "inputs": q.x, "alone": 2, "seed": 0}
    ),
    "check_network": gradients().map(
        lambda call: {
            **call,
            "method": "entries",
            "reduction": "mean",
            "l2": 0.0,
            "seed": 0,
            "labels": kind_of_labels(call),
        }
    ),
    "check_backprop": gradients().map(
        lambda call: {
            "gradient": lambda *_: call["grads"],
            "probes": [Probe("drawn", call["params"], call["X"], call["Y"])],
            **{
                "hidden": call["hidden"],
                "output": call["output"],
                "reduction": "mean",
                "names": {"W": "W{l}"},
                "seed": 0,
                "labels": kind_of_labels(call),
                "cost": None,
                "step": None,
            },
        }
    ),
}
