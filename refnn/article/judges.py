"""What is expected of each function of the article, and the words for what it does instead."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from refnn.article import right
from refnn.gradcheck.backprop import check_backprop
from refnn.gradcheck.faults.catalogue import FAULTS
from refnn.gradcheck.faults.lines import Array, Line, backprop
from refnn.gradcheck.problem import sigmoid
from refnn.gradcheck.verdict.result import Finding, Verdict

LEARNING_RATE, EPOCHS = 0.5, 3
STALLING = 0.05  # below this standard deviation of W, the article's 0.01 included, deep networks do not learn


@dataclass
class Module:
    """The judged module: its globals, what would stand in for its functions, and notes on the one being judged."""

    namespace: dict[str, Any]
    stand_ins: dict[str, Callable[..., Any]] = field(default_factory=lambda: dict(right.STAND_INS))
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


def _init_params(module: Module) -> Iterator[str]:
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


def _sigmoid(module: Module) -> Iterator[str]:
    Z = np.linspace(-30, 30, 12).reshape(3, 4)
    answer = module["sigmoid"](Z.copy())
    A = answer[0] if isinstance(answer, tuple) else answer
    if not isinstance(answer, tuple):
        module.stand_ins["sigmoid"] = sigmoid
        module.notes.append("returns A alone; the article's returns (A, cache)")
    if right.equal(A, sigmoid(-Z)):
        yield "returns σ(-Z): the minus in exp(-Z) is missing"
    elif not right.equal(A, sigmoid(Z)):
        yield f"A is not 1/(1 + exp(-Z)): at Z = {Z[2, 0]:.4g} it is {np.ravel(A)[8]:.6g}, not {sigmoid(Z)[2, 0]:.6g}"


def _forward_prop(module: Module) -> Iterator[str]:
    for probe in right.probes():
        A = right.run(probe).A
        AL, caches = module["forward_prop"](probe.X.copy(), copy.deepcopy(probe.params))
        yield from right.differences({"AL": AL}, {"AL": A[-1]})
        if len(caches) != len(A) - 1:
            empty = "" if len(caches) else ": nothing is appended"
            yield f"caches has {len(caches)} entries, expected one for each layer{empty}"
            continue
        for l, (cache, ((A_prev, W, b), Z)) in enumerate(zip(caches, right.caches(probe), strict=True), 1):
            try:
                given = dict(zip(("A_prev", "W", "b", "Z"), (*cache[0], cache[1]), strict=True))
            except (TypeError, ValueError, KeyError, IndexError):
                module.own_caches = True
                module.notes.append(
                    "its caches are not the article's ((A_prev, W, b), Z); judged by what is made of them"
                )
                continue
            differences = right.differences(given, {"A_prev": A_prev, "W": W, "b": b, "Z": Z})
            yield from (f"in the cache of layer {l}, {text}" for text in differences)


def _cost_function(module: Module) -> Iterator[str]:
    cost, m = module["cost_function"], 7
    rng = np.random.default_rng(0)
    for outputs in (1, 3):
        cases = [(rng.uniform(0.05, 0.95, (outputs, m)), np.round(rng.random((outputs, m)))) for _ in range(4)]
        costs = [np.asarray(cost(A.copy(), Y.copy())) for A, Y in cases]
        expected = np.array([right.cost(A, Y) for A, Y in cases])
        if any(c.size != 1 for c in costs):
            diagonal = costs[0].shape == (outputs, outputs) and right.equal([np.trace(c) for c in costs], expected)
            why = ": its diagonal holds the cost of each output, and J is their sum" if diagonal else ""
            yield f"returns an array of shape {costs[0].shape} for {outputs} outputs, expected one number{why}"
        else:
            factors = {m: "m: 1/m is missing", 1 / outputs: "1/n_L: J sums over the outputs"}
            yield from right.differences({"J": [c.item() for c in costs]}, {"J": expected}, factors)
    with np.errstate(all="ignore"):
        if not np.all(np.isfinite(cost(np.array([[0.0, 1.0]]), np.array([[0.0, 1.0]])))):
            module.notes.append("not finite once A_L rounds to 0 or 1, even where that is the label")


def _one_layer_backward(module: Module) -> Iterator[str]:
    caches = [module["forward_prop"](probe.X.copy(), copy.deepcopy(probe.params))[1] for probe in right.probes()]
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
    for probe, layers in zip(right.probes(), caches, strict=True):
        run = right.run(probe)
        for l in range(1, run.L + 1):
            dA = rng.standard_normal(run.A[l].shape)
            answer = module["one_layer_backward"](dA.copy(), copy.deepcopy(layers[l - 1]))
            if not isinstance(answer, tuple) or len(answer) != 3:
                return [f"returns {type(answer).__name__}, expected the tuple (dA_prev, dW, db)"]
            cases.append((dict(zip(("dA_prev", "dW", "db"), answer, strict=True)), run, l, dA))

    def findings(line: Line | None, article: bool) -> Iterator[tuple[Finding, ...]]:
        for given, run, l, dA in cases:
            expected = right.one_layer(run, l, dA, line)
            if article:
                expected = {key: V if key == "dA_prev" else V / run.m for key, V in expected.items()}
            yield right.findings(given, expected, {run.m: "m: 1/m is missing", 1 / run.m: "1/m: divided by m twice"})

    differences = [next(filter(None, findings(None, article)), ()) for article in (True, False)]
    if () in differences:
        return []
    for fault in FAULTS.values():
        conventions = (True, False) if fault.line.name in right.LINES_OF_ONE_LAYER else ()
        if any(not any(findings(fault.line, article)) for article in conventions):
            return [f"{fault.name}: {fault.summary} ({fault.equation})"]
    return [str(finding) for finding in min(differences, key=len)]


def _backprop(module: Module) -> Iterator[str]:
    missing: list[list[str]] = []

    def gradient(params: dict[str, Array], X: Array, Y: Array) -> dict[str, Array]:
        AL, caches = module["forward_prop"](X, params)
        grads = module["backprop"](AL, Y, caches)
        missing.append([f"d{key}" for key in params if f"d{key}" not in grads])
        return {f"d{key}": grads.get(f"d{key}", np.zeros_like(V)) for key, V in params.items()}

    check = check_backprop(gradient, progress=False)
    if not check and module["one_layer_backward"] is module.stand_ins["one_layer_backward"]:
        module.namespace["one_layer_backward"] = right.one_layer_backward_of_article  # whose backprop leaves out 1/m
        check = check_backprop(gradient, progress=False)
    if missing and missing[0]:
        yield f"returns no {', '.join(missing[0])} for a network of {len(right.probes()[0].params) // 2} layers"
    if check.verdict is Verdict.WRONG:
        yield check.cause or "; ".join(check.reasons)
    for probe in right.probes():
        AL, caches = module["forward_prop"](probe.X.copy(), copy.deepcopy(probe.params))
        given = module["backprop"](AL, probe.Y.copy(), caches)
        expected = {key: V for key, V in backprop(*probe[1:]).items() if key.startswith("dA") and key in given}
        if expected and not right.findings(given, {key: AL.shape[1] * V for key, V in expected.items()}):
            module.notes.append("dA is m times ∂J/∂A, the article's convention; dW and db are ∂J/∂W and ∂J/∂b")
        elif check:
            yield from right.differences(given, expected)
    with np.errstate(all="ignore"):
        grads = gradient(*right.certain_network())
    if not all(np.all(np.isfinite(V)) for V in grads.values()):
        module.notes.append("not finite once A_L rounds to 0 or 1")


def _update_parameters(module: Module) -> Iterator[str]:
    probe = right.probes()[0]
    grads = backprop(*probe[1:])
    expected = right.update_parameters(probe.params, grads, LEARNING_RATE)
    given, params = copy.deepcopy(probe.params), {}
    params.update(given)
    try:
        updated = module["update_parameters"](params, grads, LEARNING_RATE)
    except KeyError as error:
        plain = {key: grads[f"d{key}"] for key in probe.params}
        if right.findings(module["update_parameters"](copy.deepcopy(given), plain, LEARNING_RATE), expected):
            raise
        yield f"reads grads[{error}], but backprop stores it as 'd{error.args[0]}'"
        return
    if not isinstance(updated, dict):
        yield f"returns {type(updated).__name__}, expected the parameters"
        return
    yield from right.differences(updated, expected)
    if any(params.get(key) is not V for key, V in given.items()):
        module.notes.append("rebinds the entries of the caller's dict")
    if any(not np.array_equal(V, probe.params[key]) for key, V in given.items()):
        module.notes.append("changes the caller's arrays in place")


def _train(module: Module) -> Iterator[str]:
    probe = right.probes()[0]
    params, costs = dict(probe.params), []
    for _ in range(EPOCHS + 1):
        costs.append(right.cost(right.run(probe._replace(params=params)).A[-1], probe.Y))
        last, params = params, right.update_parameters(params, backprop(params, probe.X, probe.Y), LEARNING_RATE)
    module.namespace["init_params"] = lambda *_, **__: copy.deepcopy(probe.params)  # so that the outcome is known
    layer_dims = [len(probe.X), *(len(probe.params[f"b{l}"]) for l in range(1, len(params) // 2 + 1))]
    trained, history = module["train"](probe.X.copy(), probe.Y.copy(), layer_dims, EPOCHS, LEARNING_RATE)
    if not right.findings(trained, probe.params):
        yield "the parameters stay as they were"
    elif right.findings(trained, last):
        yield f"after {EPOCHS} epochs the parameters are not those of gradient descent (D12)"
    if len(history) != EPOCHS:
        empty = "" if len(history) else ": nothing is appended"
        yield f"cost_history has {len(history)} entries after {EPOCHS} epochs{empty}"
    elif not any(right.equal(np.ravel(history), expected) for expected in (costs[:-1], costs[1:])):
        yield "cost_history does not hold the cost of each epoch"


JUDGES: Mapping[str, Callable[[Module], Iterator[str]]] = {
    "init_params": _init_params,
    "sigmoid": _sigmoid,
    "forward_prop": _forward_prop,
    "cost_function": _cost_function,
    "one_layer_backward": _one_layer_backward,
    "backprop": _backprop,
    "update_parameters": _update_parameters,
    "train": _train,
}
