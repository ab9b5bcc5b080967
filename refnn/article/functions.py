"""The functions of the article and its courses, judged: in words, what a function does instead of what is right."""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from itertools import product
from typing import Any

import numpy as np

from refnn.article.layer import cache_reasons, judge_activation, judge_init, judge_part
from refnn.article.names import ARTICLE, Known, UnfitError, known
from refnn.article.right import LEARNING_RATE, Module, probes
from refnn.article.words import (
    OTHER_ACTIVATION,
    OTHER_LINE,
    equal,
    findings,
    first,
    gradient_findings,
    gradients,
    in_words,
    numbers,
)
from refnn.gradcheck.backprop import check_backprop
from refnn.gradcheck.faults.lines import Array, backprop
from refnn.gradcheck.faults.probes import Probe
from refnn.gradcheck.formulas import sigmoid
from refnn.gradcheck.verdict.result import Verdict

EPOCHS = 7  # that nobody writes into a function by hand, as LEARNING_RATE
SATURATING = 1e4  # times W_L: A_L rounds to 0 and 1


def _judge_forward(module: Module, judged: Known) -> Iterator[str]:
    for probe in module.probes:
        expected, right = module.forward(probe.X, probe.params)
        answer = module.call("forward", X=probe.X.copy(), params=copy.deepcopy(probe.params))
        AL, caches = judged.parts(answer)
        yield from in_words({"AL": AL}, {"AL": expected})
        if not (isinstance(right, list) and isinstance(caches, list)):
            yield from cache_reasons(module, judged.role, {"its cache": (caches, right)})
        elif len(caches) != len(right):
            empty = "" if len(caches) else ": nothing is appended"
            yield f"caches has {len(caches)} entries, expected one for each layer{empty}"
        else:
            pairs = {f"the cache of layer {l}": pair for l, pair in enumerate(zip(caches, right, strict=True), 1)}
            yield from cache_reasons(module, judged.role, pairs)


def _judge_cost(module: Module, judged: Known) -> Iterator[str]:
    tried = product(sorted({1, module.networks[0][-1]}), (7, 5))
    yield from first(_costs(module, judged, *sizes) for sizes in tried)


def _costs(module: Module, judged: Known, outputs: int, m: int) -> Iterator[str]:
    params = module.probes[0].params
    rng = np.random.default_rng(0)

    def cost(AL: Array, Y: Array) -> Array:
        J = module.call(judged.role, AL=AL.copy(), Y=Y.copy(), params=copy.deepcopy(params))
        if numbers(J) is None:
            raise UnfitError(f"returns {type(J).__name__}, expected one number")
        return np.asarray(J)

    cases = [(sigmoid(rng.uniform(-7, 7, (outputs, m))), np.round(rng.random((outputs, m)))) for _ in range(4)]
    costs = [cost(A, Y) for A, Y in cases]
    expected = np.array([module.cost(A, Y) for A, Y in cases])
    if any(c.size != 1 for c in costs):
        diagonal = costs[0].shape == (outputs, outputs) and equal([np.trace(c) for c in costs], expected)
        why = ": its diagonal holds the cost of each output, and J is their sum" if diagonal else ""
        yield f"returns an array of shape {costs[0].shape} for {outputs} outputs, expected one number{why}"
        return
    J = np.ravel(costs)
    # Many write log(A + ε), which is finite where A is 0. For a small ε, J is less by ε times this.
    epsilon = (expected - J) / [np.sum(Y / A + (1 - Y) / (1 - A)) / m for A, Y in cases]
    if not equal(J, expected) and 0 < np.mean(epsilon) < 1e-3 and np.ptp(epsilon) < np.mean(epsilon) / 100:
        yield f"takes log(A + ε) in place of log(A), ε = {np.mean(epsilon):.1g}"
    else:
        factors = {m: "m: 1/m is missing", 1 / outputs: "1/n_L: J sums over the outputs"}
        yield from in_words({"J": J}, {"J": expected}, factors)
    if not _are_finite(lambda: [cost(np.array([[0.0, 1.0]]), np.array([[0.0, 1.0]]))]):
        module.notes.append("not finite once A_L rounds to 0 or 1, even where that is the label")


def _are_finite(values: Callable[[], Iterable[Array]]) -> bool:
    """Whether these are, where A_L rounds to 0 and 1; code may well refuse such numbers."""
    try:
        return all(np.all(np.isfinite(V)) for V in values())
    except (Exception, SystemExit):  # in any way
        return False


def _judge_backprop(module: Module, judged: Known) -> Iterator[str]:
    missing: list[str] = []

    def gradient(params: dict[str, Array], X: Array, Y: Array) -> dict[str, Array]:
        grads = gradients(module, params, X, Y)
        absent = [f"d{key}" for key in params if f"d{key}" not in grads]
        if absent and not missing:
            missing.append(f"returns no {', '.join(absent)} for a network of {len(params) // 2} layers")
        return {f"d{key}": grads.get(f"d{key}", np.zeros_like(V)) for key, V in params.items()}

    probe = module.probes[0]
    judged.parts(gradients(module, *copy.deepcopy(probe[1:])))  # what raises here is shown with its lines
    if module.networks == ARTICLE.networks:  # code for all widths and depths
        tried = probes(None, module.hidden)
    else:  # a transposed dW shows on the second of them
        tried = (*probes(module.networks[0], module.hidden), *module.probes[1:])
    check = check_backprop(gradient, probes=tried, progress=False, hidden=module.hidden)
    if not check:  # where a right function stands in for a layer's, the 1/m may belong there or here
        module.mean = not module.mean
        other = check_backprop(gradient, probes=tried, progress=False, hidden=module.hidden)
        module.mean, check = (module.mean, other) if other else (not module.mean, check)
    yield from missing
    if check.verdict is Verdict.WRONG:
        swapped = module.hidden == "relu" and not gradient_findings(module, lines=[OTHER_LINE])
        yield OTHER_ACTIVATION if swapped else check.cause or "; ".join(check.reasons)
    for probe in module.probes:
        yield from _derivatives_of_activations(module, probe, bool(check))
    params = copy.deepcopy(module.probes[0].params)
    params[f"W{len(params) // 2}"] *= SATURATING
    if not _are_finite(lambda: gradient(params, *copy.deepcopy(module.probes[0][2:])).values()):
        module.notes.append("not finite once A_L rounds to 0 or 1")


def _derivatives_of_activations(module: Module, probe: Probe, right: bool) -> Iterator[str]:
    """The dA among the gradients: they may be m times ∂J/∂A, and be numbered by their layer, dA_l for ∂J/∂A_{l-1}."""
    grads = gradients(module, *copy.deepcopy(probe[1:]))
    run = module.run(probe)
    AL, Y = run.A[-1], probe.Y
    true = backprop(run) | {f"dA{run.L}": ((1 - Y) / (1 - AL) - Y / AL) / run.m}
    tried = {}
    for shift, factor in ((0, 1), (0, run.m), (1, 1), (1, run.m)):
        expected = {f"dA{l + shift}": factor * true[f"dA{l}"] for l in range(run.L + 1) if f"dA{l + shift}" in grads}
        tried[shift, factor] = expected
        if not expected or not findings(grads, expected):
            break
    else:
        if right:
            yield from min((list(in_words(grads, expected)) for expected in tried.values()), key=len)
        return
    if factor != 1:
        module.notes.append("dA is m times ∂J/∂A, the article's convention; dW and db are ∂J/∂W and ∂J/∂b")
    if shift:
        module.notes.append("dA_l is the gradient of A_{l-1}, the input of layer l")


def _judge_update(module: Module, judged: Known) -> Iterator[str]:
    yield from first(_updated(module, judged, probe) for probe in module.probes)


def _updated(module: Module, judged: Known, probe: Probe) -> Iterator[str]:
    grads = backprop(module.run(probe))
    expected = module.update(probe.params, grads, LEARNING_RATE)

    def update(grads: Any) -> Any:
        params = copy.deepcopy(probe.params)
        return module.call(judged.role, params=params, grads=grads, learning_rate=LEARNING_RATE)

    try:
        (updated,) = judged.parts(update(grads))
    except KeyError as error:
        plain = {key: grads[f"d{key}"] for key in probe.params}
        if findings(update(plain), expected):
            raise
        yield f"reads grads[{error}], but backprop stores it as 'd{error.args[0]}'"
        return
    yield from in_words(updated, expected)


def _judge_train(module: Module, judged: Known) -> Iterator[str]:
    counted = module.course is ARTICLE  # it returns the costs of all epochs, the courses those of some, or none
    shallow = judged.name == "two_layer_model"
    probe = probes((4, 5, 1), module.hidden)[0] if shallow else module.probes[0]
    rates, asked = [LEARNING_RATE], list[dict[str, Any]]()

    def update(*args: Any, **kwargs: Any) -> Any:
        given = {"learning_rate": LEARNING_RATE, **updating.words(args, kwargs)}
        rates.append(given["learning_rate"])
        return updating.call(theirs, given)

    def start(initial: Known, *args: Any, **kwargs: Any) -> Any:  # or the outcome would be random
        if initial.function:
            asked.append(initial.words(args, kwargs))
        return copy.deepcopy(probe.params)

    for initial in [each for home in module.homes[1:] for each in known(module.course, home) if each.role == "init"]:
        module.exchange(initial.function, partial(start, initial))
    for named in module.functions:
        if named.role == "init":
            module.bind(named.name, partial(start, named))
        if named.role == "update" and not {"lr", "learning_rate"} & {*judged.takes}:  # it has a rate of its own
            updating, theirs = named, module.namespace[named.name]
            module.bind(named.name, update)
    dims = [len(probe.X), *(len(b) for key, b in probe.params.items() if key[0] == "b")]
    words = {"X": probe.X.copy(), "Y": probe.Y.copy(), **dict(zip(("n_x", "n_h", "n_y"), dims, strict=False))}
    words |= dict.fromkeys(("layer_dims", "layers_dims"), dims) | dict.fromkeys(("epochs", "num_iterations"), EPOCHS)
    words |= dict.fromkeys(("lr", "learning_rate"), LEARNING_RATE)
    module.namespace["plt"] = undrawn = Undrawn()
    module.exchange(sys.modules.get("matplotlib.pyplot", undrawn), undrawn)
    for _ in range(2):  # what the first call leaves behind, as in a default list, shows in the second
        answer = module.ask(judged, copy.deepcopy(words))
    trained, history = judged.parts(answer if isinstance(answer, tuple) or counted else (answer, ()))
    history = np.ravel(history)
    params, costs = dict(probe.params), []
    for _ in range(EPOCHS + 1):
        run = module.run(probe._replace(params=params))
        costs.append(module.cost(run.A[-1], probe.Y))
        last, params = params, module.update(params, backprop(run), rates[-1])
    for word, n in ((word, n) for given in asked for word, n in given.items() if not equal(n, words[word])):
        yield f"asks for initial parameters with {word} = {n}, expected {words[word]}"
    if not findings(trained, probe.params):
        yield "the parameters stay as they were"
    elif findings(trained, last):
        yield f"after {EPOCHS} epochs the parameters are not those of gradient descent (D12)"
    if counted and len(history) != EPOCHS:
        empty = "" if len(history) else ": nothing is appended"
        yield f"cost_history has {len(history)} entries after {EPOCHS} epochs{empty}"
    elif len(history) and not any(equal(history, costs[i : i + len(history)]) for i in (0, 1)):
        yield "cost_history does not hold the cost of each epoch"


class Undrawn:
    """In place of matplotlib.pyplot: what is drawn is not judged, and opens no window."""

    def __call__(self, *_: Any, **__: Any) -> Undrawn:
        return self

    __getitem__ = __setitem__ = __enter__ = __call__
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = __call__

    def __exit__(self, *_: Any) -> None:
        """What was raised goes on."""

    def __float__(self) -> float:
        return 0.0

    def __getattr__(self, name: str) -> Undrawn:
        if name.startswith("__"):  # by which NumPy asks whether it is an array
            raise AttributeError(name)
        return self

    def __iter__(self) -> Iterator[Undrawn]:  # line, = plot(…)
        return iter([self])

    def subplots(self, nrows: int = 1, ncols: int = 1, **_: Any) -> tuple[Undrawn, Any]:
        return self, np.full((nrows, ncols), self).squeeze()[()]


JUDGES: Mapping[str, Callable[[Module, Known], Iterator[str]]] = {
    "init": judge_init,
    "sigmoid": judge_activation,
    "relu": judge_activation,
    "forward": _judge_forward,
    "cost": _judge_cost,
    "backprop": _judge_backprop,
    "update": _judge_update,
    "train": _judge_train,
}


def judge(module: Module, judged: Known) -> list[str]:
    """What is wrong with a function."""
    return list(dict.fromkeys(JUDGES.get(judged.role, judge_part)(module, judged)))
