"""The functions of the article: what each should return, and the words for what another does instead.

The right values are computed by `faults.lines`, in plain NumPy. Right functions stand in for wrong and missing ones
while the others are judged.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from refnn.gradcheck.backprop import check_backprop
from refnn.gradcheck.faults.catalogue import FAULTS
from refnn.gradcheck.faults.lines import Array, Line, Params, Run, backprop, forward
from refnn.gradcheck.faults.probes import Probe, default_probes
from refnn.gradcheck.faults.structure import structure
from refnn.gradcheck.formulas import sigmoid
from refnn.gradcheck.verdict.result import Finding, Verdict

Cache = tuple[tuple[Array, Array, Array], Array]  # (A_prev, W, b), Z
Values = Mapping[str, Any]

LEARNING_RATE, EPOCHS = 0.5, 3
STALLING = 0.05  # below this standard deviation of W, the article's 0.01 included, deep networks do not learn
# Sums here have fewer than a hundred terms: no order of summing moves them by so much.
ROUNDING = 2.0**-40
# A network whose outputs round to exactly 0 and 1, rightly and wrongly: its params, X and Y.
CERTAIN = (
    {"W1": np.ones((1, 1)), "b1": np.zeros((1, 1))},
    np.array([[-800.0, 40.0, 800.0, 1.0]]),
    np.array([[0.0, 1.0, 0.0, 1.0]]),
)
LINES_OF_ONE_LAYER = ("derivative", "weights", "bias", "previous")


# ---------------------------------------------------------------------- what is right


def _probes() -> tuple[Probe, ...]:
    """Networks with distinct widths and with equal ones: a transpose shows in the latter."""
    return default_probes()[:2]


def _right_cost(A: Array, Y: Array) -> float:
    """(D4), for 0 < A < 1."""
    return float(-np.sum(Y * np.log(A) + (1 - Y) * np.log1p(-A)) / Y.shape[1])


def _right_layer(run: Run, l: int, dA: Array, line: Line | None = None) -> dict[str, Array]:
    """(D8) to (D11) for one layer, with one line replaced."""

    def value(name: str, right: Array) -> Array:
        return line.replace(run, l, right) if line is not None and line.name == name else right

    run.dZ[l] = dZ = dA * value("derivative", run.g(l).derivative(run.Z[l]))
    return {
        "dA_prev": value("previous", run.W[l].T @ dZ),
        "dW": value("weights", dZ @ run.A[l - 1].T),
        "db": value("bias", dZ.sum(axis=1, keepdims=True)),
    }


def _right_update_parameters(params: Params, grads: Params, learning_rate: float) -> dict[str, Array]:
    """(D12)."""
    return {key: V - learning_rate * grads[f"d{key}"] for key, V in params.items()}


def _right_forward_prop(X: Array, params: Params) -> tuple[Array, list[Cache]]:
    run, caches = forward(params, X, np.empty((0, X.shape[1]))), []
    for l in range(1, run.L + 1):
        A_prev, W, b = run.A[l - 1], params[f"W{l}"], params[f"b{l}"]
        caches.append(((A_prev, W, b), W @ A_prev + b))
    return run.A[-1], caches


def _right_one_layer_backward(dA: Array, cache: Cache, m: int = 1) -> tuple[Array, Array, Array]:
    """In refnn's convention, or with the article's 1/m; A (1 - A) cancels the denominators of the article's dAL."""
    (A_prev, W, _), Z = cache
    A = sigmoid(Z)
    dZ = dA * A * (1 - A)
    return W.T @ dZ, dZ @ A_prev.T / m, dZ.sum(axis=1, keepdims=True) / m


def _one_layer_backward_of_article(dA: Array, cache: Cache) -> tuple[Array, Array, Array]:
    """With the article's 1/m: its backprop leaves that out."""
    return _right_one_layer_backward(dA, cache, dA.shape[1])


def _right_backprop(_: Array, Y: Array, caches: list[Cache]) -> dict[str, Array]:
    params = {f"{V}{l}": array for l, ((_, *Wb), _) in enumerate(caches, 1) for V, array in zip("Wb", Wb, strict=True)}
    return backprop(params, caches[0][0][0], Y)


STAND_INS: Mapping[str, Callable[..., Any]] = {
    "sigmoid": lambda Z: (sigmoid(Z), Z),
    "forward_prop": _right_forward_prop,
    "cost_function": _right_cost,
    "one_layer_backward": _right_one_layer_backward,
    "backprop": _right_backprop,
    "update_parameters": _right_update_parameters,
}


# ---------------------------------------------------------------------- in words


def _equal(given: Any, expected: Any) -> bool:
    given, expected = np.asarray(given), np.asarray(expected)
    return given.shape == expected.shape and bool(np.all(np.abs(given - expected) <= _tolerance(expected)))


def _tolerance(expected: Array) -> Array:
    return np.full(expected.shape, ROUNDING * np.max(np.abs(expected)))


def _findings(given: Values, expected: Values, factors: dict[float, str] | None = None) -> tuple[Finding, ...]:
    arrays = {key: np.asarray(V) for key, V in expected.items()}
    missing = tuple(Finding((key,), "missing", "is not returned") for key in arrays if key not in given)
    tolerance = {key: _tolerance(V) for key, V in arrays.items()}
    return missing + structure(given, arrays, tolerance, factors=factors)


def _differences(given: Values, expected: Values, factors: dict[float, str] | None = None) -> Iterator[str]:
    """Say how what a function gave differs from what it should."""
    yield from (str(finding).replace("true gradient", "right value") for finding in _findings(given, expected, factors))


# ---------------------------------------------------------------------- the judges


@dataclass
class Module:
    """The judged module: its globals, what would stand in for its functions, and notes on the one being judged."""

    namespace: dict[str, Any]
    stand_ins: dict[str, Callable[..., Any]] = field(default_factory=lambda: dict(STAND_INS))
    notes: list[str] = field(default_factory=list)
    own_caches: bool = False  # of another kind than the article's

    def __getitem__(self, name: str) -> Callable[..., Any]:
        function: Callable[..., Any] = self.namespace[name]
        return function

    def replace(self, name: str) -> None:
        """Put what is right in the place of a function, if another needs it; it reads the article's caches."""
        if name in self.stand_ins:
            self.namespace[name] = self.stand_ins[name]
        if name in ("one_layer_backward", "backprop") and self.own_caches:
            self.namespace["forward_prop"] = self.stand_ins["forward_prop"]


def _judge_init_params(module: Module) -> Iterator[str]:
    dims = [4, 6, 5, 3]
    params = module["init_params"](list(dims))
    shapes = {f"W{l}": (dims[l], dims[l - 1]) for l in range(1, 4)} | {f"b{l}": (dims[l], 1) for l in range(1, 4)}
    found = {key: np.shape(value) for key, value in params.items()}
    for key in {**shapes, **found}:
        if shapes.get(key) != found.get(key):
            yield f"{key} has shape {found.get(key)}, expected {shapes.get(key)} for layer_dims {dims}"
        elif key[0] == "W" and np.unique(params[key]).size < np.size(params[key]):
            yield f"{key} has equal entries: units that start alike stay alike"
        elif key[0] == "W" and np.std(params[key]) < STALLING:
            module.notes.append("weights this small stall a deep network: its gradient shrinks with every layer")


def _judge_sigmoid(module: Module) -> Iterator[str]:
    Z = np.linspace(-30, 30, 12).reshape(3, 4)
    answer = module["sigmoid"](Z.copy())
    A = answer[0] if isinstance(answer, tuple) else answer
    if not isinstance(answer, tuple):
        module.stand_ins["sigmoid"] = sigmoid
        module.notes.append("returns A alone; the article's returns (A, cache)")
    if _equal(A, sigmoid(-Z)):
        yield "returns σ(-Z): the minus in exp(-Z) is missing"
    elif not _equal(A, sigmoid(Z)):
        yield f"A is not 1/(1 + exp(-Z)): at Z = {Z[2, 0]:.4g} it is {np.ravel(A)[8]:.6g}, not {sigmoid(Z)[2, 0]:.6g}"


def _judge_forward_prop(module: Module) -> Iterator[str]:
    for probe in _probes():
        expected, right_caches = _right_forward_prop(probe.X, probe.params)
        AL, caches = module["forward_prop"](probe.X.copy(), copy.deepcopy(probe.params))
        yield from _differences({"AL": AL}, {"AL": expected})
        if len(caches) != len(right_caches):
            empty = "" if len(caches) else ": nothing is appended"
            yield f"caches has {len(caches)} entries, expected one for each layer{empty}"
            continue
        for l, (cache, ((A_prev, W, b), Z)) in enumerate(zip(caches, right_caches, strict=True), 1):
            try:
                given = dict(zip(("A_prev", "W", "b", "Z"), (*cache[0], cache[1]), strict=True))
            except (TypeError, ValueError, KeyError, IndexError):
                module.own_caches = True
                module.notes.append(
                    "its caches are not the article's ((A_prev, W, b), Z); judged by what is made of them"
                )
                continue
            differences = _differences(given, {"A_prev": A_prev, "W": W, "b": b, "Z": Z})
            yield from (f"in the cache of layer {l}, {text}" for text in differences)


def _judge_cost_function(module: Module) -> Iterator[str]:
    cost, m = module["cost_function"], 7
    rng = np.random.default_rng(0)
    for outputs in (1, 3):
        cases = [(rng.uniform(0.05, 0.95, (outputs, m)), np.round(rng.random((outputs, m)))) for _ in range(4)]
        costs = [np.asarray(cost(A.copy(), Y.copy())) for A, Y in cases]
        expected = np.array([_right_cost(A, Y) for A, Y in cases])
        if any(c.size != 1 for c in costs):
            diagonal = costs[0].shape == (outputs, outputs) and _equal([np.trace(c) for c in costs], expected)
            why = ": its diagonal holds the cost of each output, and J is their sum" if diagonal else ""
            yield f"returns an array of shape {costs[0].shape} for {outputs} outputs, expected one number{why}"
        else:
            factors = {m: "m: 1/m is missing", 1 / outputs: "1/n_L: J sums over the outputs"}
            yield from _differences({"J": [c.item() for c in costs]}, {"J": expected}, factors)
    if not np.all(np.isfinite(cost(np.array([[0.0, 1.0]]), np.array([[0.0, 1.0]])))):
        module.notes.append("not finite once A_L rounds to 0 or 1, even where that is the label")


def _judge_one_layer_backward(module: Module) -> Iterator[str]:
    caches = [module["forward_prop"](probe.X.copy(), copy.deepcopy(probe.params))[1] for probe in _probes()]
    try:
        reasons = _one_layer_reasons(module, caches)
    except TypeError:
        # Perhaps the article's sigmoid(Z)*(1-sigmoid(Z)), where sigmoid returns a pair: tried before it is named.
        pair = module["sigmoid"]
        if not isinstance(pair(np.eye(2)), tuple):
            raise
        module.namespace["sigmoid"] = sigmoid
        try:
            reasons = _one_layer_reasons(module, caches)
        finally:
            module.namespace["sigmoid"] = pair
        yield "takes sigmoid(Z) for an array, but sigmoid returns (A, cache): σ(Z) is sigmoid(Z)[0]"
    yield from reasons


def _one_layer_reasons(module: Module, caches: list[Any]) -> list[str]:
    """Compare with (D8) to (D11) in both conventions, then with the faults of these lines."""
    rng = np.random.default_rng(0)
    cases = []
    for probe, layers in zip(_probes(), caches, strict=True):
        run = forward(*probe[1:])
        for l in range(1, run.L + 1):
            dA = rng.standard_normal(run.A[l].shape)
            answer = module["one_layer_backward"](dA.copy(), copy.deepcopy(layers[l - 1]))
            if not isinstance(answer, tuple) or len(answer) != 3:
                return [f"returns {type(answer).__name__}, expected the tuple (dA_prev, dW, db)"]
            cases.append((dict(zip(("dA_prev", "dW", "db"), answer, strict=True)), run, l, dA))

    def findings(line: Line | None, article: bool) -> Iterator[tuple[Finding, ...]]:
        for given, run, l, dA in cases:
            expected = _right_layer(run, l, dA, line)
            if article:
                expected = {key: V if key == "dA_prev" else V / run.m for key, V in expected.items()}
            yield _findings(given, expected, {run.m: "m: 1/m is missing", 1 / run.m: "1/m: divided by m twice"})

    differences = [next(filter(None, findings(None, article)), ()) for article in (True, False)]
    if () in differences:
        return []
    for fault in FAULTS.values():
        conventions = (True, False) if fault.line.name in LINES_OF_ONE_LAYER else ()
        if any(not any(findings(fault.line, article)) for article in conventions):
            return [f"{fault.name}: {fault.summary} ({fault.equation})"]
    return [str(finding) for finding in min(differences, key=len)]


def _judge_backprop(module: Module) -> Iterator[str]:
    missing: list[list[str]] = []

    def gradient(params: dict[str, Array], X: Array, Y: Array) -> dict[str, Array]:
        AL, caches = module["forward_prop"](X, params)
        grads = module["backprop"](AL, Y, caches)
        missing.append([f"d{key}" for key in params if f"d{key}" not in grads])
        return {f"d{key}": grads.get(f"d{key}", np.zeros_like(V)) for key, V in params.items()}

    check = check_backprop(gradient, progress=False)
    if not check and module["one_layer_backward"] is module.stand_ins["one_layer_backward"]:
        module.namespace["one_layer_backward"] = _one_layer_backward_of_article
        check = check_backprop(gradient, progress=False)
    if missing and missing[0]:
        yield f"returns no {', '.join(missing[0])} for a network of {len(_probes()[0].params) // 2} layers"
    if check.verdict is Verdict.WRONG:
        yield check.cause or "; ".join(check.reasons)
    for probe in _probes():
        AL, caches = module["forward_prop"](probe.X.copy(), copy.deepcopy(probe.params))
        given = module["backprop"](AL, probe.Y.copy(), caches)
        expected = {key: V for key, V in backprop(*probe[1:]).items() if key.startswith("dA") and key in given}
        if expected and not _findings(given, {key: AL.shape[1] * V for key, V in expected.items()}):
            module.notes.append("dA is m times ∂J/∂A, the article's convention; dW and db are ∂J/∂W and ∂J/∂b")
        elif check:
            yield from _differences(given, expected)
    grads = gradient(*copy.deepcopy(CERTAIN))
    if not all(np.all(np.isfinite(V)) for V in grads.values()):
        module.notes.append("not finite once A_L rounds to 0 or 1")


def _judge_update_parameters(module: Module) -> Iterator[str]:
    probe = _probes()[0]
    grads = backprop(*probe[1:])
    expected = _right_update_parameters(probe.params, grads, LEARNING_RATE)
    given = copy.deepcopy(probe.params)
    params = dict(given)
    try:
        updated = module["update_parameters"](params, grads, LEARNING_RATE)
    except KeyError as error:
        plain = {key: grads[f"d{key}"] for key in probe.params}
        if _findings(module["update_parameters"](copy.deepcopy(given), plain, LEARNING_RATE), expected):
            raise
        yield f"reads grads[{error}], but backprop stores it as 'd{error.args[0]}'"
        return
    if not isinstance(updated, dict):
        yield f"returns {type(updated).__name__}, expected the parameters"
        return
    yield from _differences(updated, expected)
    if any(params.get(key) is not V for key, V in given.items()):
        module.notes.append("rebinds the entries of the caller's dict")
    if any(not np.array_equal(V, probe.params[key]) for key, V in given.items()):
        module.notes.append("changes the caller's arrays in place")


def _judge_train(module: Module) -> Iterator[str]:
    probe = _probes()[0]
    params, costs = dict(probe.params), []
    for _ in range(EPOCHS + 1):
        costs.append(_right_cost(forward(params, probe.X, probe.Y).A[-1], probe.Y))
        last, params = params, _right_update_parameters(params, backprop(params, probe.X, probe.Y), LEARNING_RATE)
    module.namespace["init_params"] = lambda *_, **__: copy.deepcopy(probe.params)  # so that the outcome is known
    layer_dims = [len(probe.X), *(len(probe.params[f"b{l}"]) for l in range(1, len(params) // 2 + 1))]
    trained, history = module["train"](probe.X.copy(), probe.Y.copy(), layer_dims, EPOCHS, LEARNING_RATE)
    if not _findings(trained, probe.params):
        yield "the parameters stay as they were"
    elif _findings(trained, last):
        yield f"after {EPOCHS} epochs the parameters are not those of gradient descent (D12)"
    if len(history) != EPOCHS:
        empty = "" if len(history) else ": nothing is appended"
        yield f"cost_history has {len(history)} entries after {EPOCHS} epochs{empty}"
    elif not any(_equal(np.ravel(history), expected) for expected in (costs[:-1], costs[1:])):
        yield "cost_history does not hold the cost of each epoch"


JUDGES: Mapping[str, Callable[[Module], Iterator[str]]] = {
    "init_params": _judge_init_params,
    "sigmoid": _judge_sigmoid,
    "forward_prop": _judge_forward_prop,
    "cost_function": _judge_cost_function,
    "one_layer_backward": _judge_one_layer_backward,
    "backprop": _judge_backprop,
    "update_parameters": _judge_update_parameters,
    "train": _judge_train,
}
