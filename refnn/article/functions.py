"""The functions of the article and its courses, judged: in words, what another does instead of what is right."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any
from unittest.mock import MagicMock

import numpy as np

from refnn.article.names import ARTICLE, Known
from refnn.article.right import LEARNING_RATE, READERS, Module, layer_values, probes
from refnn.gradcheck.backprop import check_backprop
from refnn.gradcheck.faults.catalogue import FAULTS
from refnn.gradcheck.faults.lines import Array, Line, Run, backprop
from refnn.gradcheck.faults.probes import Probe
from refnn.gradcheck.faults.structure import structure
from refnn.gradcheck.formulas import activation, sigmoid
from refnn.gradcheck.verdict.result import Finding, Verdict

Values = Mapping[str, Any]

EPOCHS = 3
STALLING = 0.05  # below this standard deviation of W, the article's 0.01 included, deep networks do not learn
# Sums here have fewer than a hundred terms: no order of summing moves them by so much.
ROUNDING = 2.0**-40
FORMULAS = {"sigmoid": "1/(1 + exp(-Z))", "relu": "max(0, Z)"}
LINES_OF_ONE_LAYER = ("derivative", "weights", "bias", "previous")
SATURATING = 1e4  # times W_L: A_L rounds to 0 and 1
OTHER_LINE = Line("derivative", lambda run, l, _: activation("relu" if l == run.L else "sigmoid").derivative(run.Z[l]))
OTHER_ACTIVATION = "takes the derivative of the other activation: of sigmoid for relu, and of relu for sigmoid"
OWN_CACHES = "its caches are not the article's ((A_prev, W, b), Z); judged by what is made of them"


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


def _say(finding: Finding) -> str:
    transposed = str(finding).replace("the transpose of the true gradient", "transposed")
    return transposed.replace("true gradient", "right value")


def _differences(given: Values, expected: Values, factors: dict[float, str] | None = None) -> Iterator[str]:
    """Say how what a function gave differs from what it should."""
    yield from map(_say, _findings(given, expected, factors))


# ---------------------------------------------------------------------- one layer


def _judge_init(module: Module, judged: Known) -> Iterator[str]:
    counted = judged.takes[0] == "n_x"
    dims = [4, 6, 3] if counted else [4, 6, 5, 3]
    params = module.namespace[judged.name](*(dims if counted else [[*dims]]))
    layers = range(1, len(dims))
    shapes = {f"W{l}": (dims[l], dims[l - 1]) for l in layers} | {f"b{l}": (dims[l], 1) for l in layers}
    found = {key: np.shape(value) for key, value in params.items()}
    for key in {**shapes, **found}:
        if shapes.get(key) != found.get(key):
            transposed = ": transposed" if key in shapes and found.get(key) == shapes[key][::-1] else ""
            yield f"{key} has shape {found.get(key)}, expected {shapes.get(key)} for layer_dims {dims}{transposed}"
        elif key[0] == "W" and np.unique(params[key]).size < np.size(params[key]):
            yield f"{key} has equal entries: units that start alike stay alike"
        elif key[0] == "W" and np.std(params[key]) < STALLING:
            module.notes.append("weights this small stall a deep network: its gradient shrinks with every layer")


def _judge_activation(module: Module, judged: Known) -> Iterator[str]:
    Z = np.linspace(-30, 30, 12).reshape(3, 4)
    answer, right = module.call(judged.role, Z=Z.copy()), activation(judged.role).value(Z)
    pair = isinstance(answer, tuple)
    A = answer[0] if pair else answer
    if judged.role == "sigmoid" and module.pairs != pair:
        module.pairs = pair
        module.notes.append("returns (A, cache)" if pair else "returns A alone; the article's returns (A, cache)")
    if _equal(A, sigmoid(-Z)):
        yield "returns σ(-Z): the minus in exp(-Z) is missing"
    elif not _equal(A, right):
        formula = FORMULAS[judged.role]
        yield f"A is not {formula}: at Z = {Z[2, 0]:.4g} it is {np.ravel(A)[8]:.6g}, not {right[2, 0]:.6g}"
    if pair:
        yield from _cache_reasons(module, judged.role, {"its cache": (answer[1], Z)})


def _judge_part(module: Module, judged: Known) -> Iterator[str]:
    """A layer or a part of one, forwards or backwards."""
    try:
        reasons, module.mean = _compare(module, judged)
    except TypeError:
        # Perhaps the article's sigmoid(Z)*(1-sigmoid(Z)), where sigmoid returns a pair: tried before it is named.
        pair = module.namespace.get("sigmoid")
        if judged.role != "layer_backward" or pair is None or not isinstance(pair(np.eye(2)), tuple):
            raise
        reasons, module.mean = _compare(module, judged, instead={"sigmoid": sigmoid})
        yield "takes sigmoid(Z) for an array, but sigmoid returns (A, cache): σ(Z) is sigmoid(Z)[0]"
    if not module.mean and _mean_is_missing(module, judged):
        yield "dW, db: the mean over examples is missing: no 1/m here, nor in what calls this"
    yield from reasons
    if judged.role in READERS:
        run = module.run(module.probes[0])
        values = {word: V for word, V in layer_values(run, 1, run.A[1]).items() if word in judged.takes}
        caches = (module.call(judged.role, **values)[1], getattr(module, judged.role)(**values)[1])
        yield from _cache_reasons(module, judged.role, {"its cache": caches})


def _compare(
    module: Module, judged: Known, standard: bool = False, instead: Mapping[str, Any] = MappingProxyType({})
) -> tuple[list[str], bool]:
    """What is wrong with a part of a layer, on caches of their kind or the article's; and whether it has the 1/m.

    Compared with (D1) and (D8) to (D11), these in both conventions, then with the faults of these lines.
    """
    rng = np.random.default_rng(0)
    cases = []
    for probe in module.probes:
        run = module.run(probe)
        for l in range(1, run.L + 1):
            dA = rng.standard_normal(run.A[l].shape)
            values = layer_values(run, l, dA)
            if judged.role in (f"{word}_backward" for word in FORMULAS if word != values["activation"]):
                continue
            kind = next((word for word in judged.takes if word.endswith("cache")), None)
            if kind:
                values[kind] = _cache(module, kind, values, run, l, standard)
            with module.instead(instead):
                answer = module.call(judged.role, **copy.deepcopy(values))
            answer = answer if len(judged.returns) > 1 else (answer,)
            if not isinstance(answer, tuple) or len(answer) != len(judged.returns):
                return [f"returns {type(answer).__name__}, expected the tuple ({', '.join(judged.returns)})"], True
            given = {key: V for key, V in zip(judged.returns, answer, strict=True) if not key.endswith("cache")}
            cases.append((given, run, l, dA))

    def findings(line: Line | None, mean: bool) -> Iterator[tuple[Finding, ...]]:
        for given, run, l, dA in cases:
            values = layer_values(run, l, dA, line)
            expected = {key: values[key] / run.m if mean and key in ("dW", "db") else values[key] for key in given}
            yield _findings(given, expected, {run.m: "m: 1/m is missing", 1 / run.m: "1/m: divided by m twice"})

    conventions = (True, False)
    differences = [next(filter(None, findings(None, mean)), ()) for mean in conventions]
    if () in differences:
        return [], differences[0] == ()
    for word in FORMULAS if judged.returns[0] == "A" else ():
        wrong = next(case for case in cases if _findings(case[0], {"A": case[1].A[case[2]]}))
        given, run, l, _ = wrong
        if _equal(given["A"], activation(word).value(run.Z[l])):
            return [f"A is {word}(Z) where activation is {layer_values(*wrong[1:])['activation']!r}"], True
    names = LINES_OF_ONE_LAYER[1:] if "dZ" in judged.takes else LINES_OF_ONE_LAYER
    faults = {f"{fault.name}: {fault.summary} ({fault.equation})": fault.line for fault in FAULTS.values()}
    if "dA_prev" in cases[0][0]:
        faults |= _weights_updated_first(cases)
    for text, line in {**faults, OTHER_ACTIVATION: OTHER_LINE}.items():
        tried = conventions if line.name in names and "dA" in "".join(judged.returns) + "".join(judged.takes) else ()
        if any(not any(findings(line, mean)) for mean in tried):
            return [text], True
    return [_say(finding) for finding in min(differences, key=len)], True


def _weights_updated_first(cases: Sequence[tuple[Values, Run, int, Array]]) -> dict[str, Line]:
    """This fault of the catalogue with the rate that fits best, where dW_l has the 1/m and where not."""
    fault = FAULTS["weights-updated-first"]
    given, run, l, dA = next(case for case in cases if case[2] > 1)
    right, moved = (layer_values(run, l, dA, line)["dA_prev"] for line in (None, fault.line))
    step = moved - right
    if np.shape(given["dA_prev"]) != step.shape:
        return {}
    rate = float(np.sum((given["dA_prev"] - right) * step) / np.sum(step * step))

    def averaged(other: Run, l: int, dA: Array) -> Array:
        return np.asarray(fault.set_to(rate * run.m / other.m).replace(other, l, dA))

    text = f"{fault.name}: {fault.summary} ({fault.equation}), λ = "
    return {f"{text}{rate * run.m:.2g}": Line("previous", averaged), f"{text}{rate:.2g}": fault.set_to(rate)}


def _cache(module: Module, kind: str, values: dict[str, Any], run: Run, l: int, standard: bool) -> Any:
    """What a backward function of layer l is given beside the derivative."""
    if kind == "activation_cache":
        return values["Z"] if standard else module.activated(values["activation"], values["Z"])[1]
    maker = "linear" if kind == "linear_cache" else "layer"
    if maker == "layer" and not standard and not module.has("layer"):
        params = {f"{V}{i}": array[i] for V, array in (("W", run.W), ("b", run.b)) for i in range(1, run.L + 1)}
        return module.call("forward", X=run.A[0].copy(), params=params)[1][l - 1]
    words = ("A_prev", "W", "b", "activation")[: 3 if maker == "linear" else 4]
    call = getattr(module, maker) if standard else lambda **values: module.call(maker, **values)
    return call(**{word: values[word] for word in words})[1]


def _mean_is_missing(module: Module, judged: Known) -> bool:
    """Whether the whole gradient becomes right if this function divides by m."""
    backprop = module.named("backprop")
    if not (backprop and module.has("forward") and module.has("backprop")) or "dW" not in judged.returns:
        return False
    wrong = _misreads(module, backprop)
    with module.instead({}):
        module.mean = True
        module.replace(judged)
        module.mean = wrong and not _misreads(module, backprop)
    return module.mean


def _cache_reasons(module: Module, role: str, caches: dict[str, tuple[Any, Any]]) -> Iterator[str]:
    """Caches, each beside the article's, are theirs to choose, if what reads them gets the right values from them."""
    by_name = {where: (_by_name(cache), _by_name(right)) for where, (cache, right) in caches.items()}
    differences = [
        f"in {where}, {text}"
        for where, (given, right) in by_name.items()
        for text in _differences(given, {key: V for key, V in right.items() if key in given})
    ]
    of_one_kind = all(type(cache) is type(right) for cache, right in caches.values())
    if (
        of_one_kind
        and not differences
        and all(given and given.keys() <= right.keys() for given, right in by_name.values())
    ):
        return
    # Where a layer has a function of its own, that makes what is read layer by layer.
    readers = ("backprop",) if role == "forward" and module.has("layer") else READERS[role]
    reader = next((module.named(reader) for reader in readers if module.has(reader)), None)
    if reader and _misreads(module, reader) and not _misreads(module, reader, standard=True):
        yield from differences or [f"{next(iter(caches))} is not what {reader.name} reads"]
    elif differences and not reader:
        yield from differences
    else:
        module.own.add(role)
        module.notes.append(OWN_CACHES)


def _misreads(module: Module, reader: Known, standard: bool = False) -> bool:
    try:
        if reader.role == "backprop":
            return bool(_gradient_findings(module, standard))
        return bool(_compare(module, reader, standard)[0])
    except (Exception, SystemExit):  # what another kind of cache makes of other people's code
        return True


def _by_name(cache: Any) -> dict[str, Any]:
    """A cache of the article's form, or a dict, with a name for each array."""
    if isinstance(cache, dict):
        return cache
    if isinstance(cache, np.ndarray):
        return {"Z": cache}
    if isinstance(cache, tuple) and len(cache) == 2 and isinstance(cache[0], tuple):
        return {**_by_name(cache[0]), "Z": cache[1]}
    return dict(zip(("A_prev", "W", "b"), cache, strict=True)) if isinstance(cache, tuple) and len(cache) == 3 else {}


# ---------------------------------------------------------------------- the whole network


def _judge_forward(module: Module, judged: Known) -> Iterator[str]:
    for probe in module.probes:
        expected, right = module.forward(probe.X, probe.params)
        AL, caches = module.call("forward", X=probe.X.copy(), params=copy.deepcopy(probe.params))
        yield from _differences({"AL": AL}, {"AL": expected})
        if not (isinstance(right, list) and isinstance(caches, list)):
            yield from _cache_reasons(module, judged.role, {"its cache": (caches, right)})
        elif len(caches) != len(right):
            empty = "" if len(caches) else ": nothing is appended"
            yield f"caches has {len(caches)} entries, expected one for each layer{empty}"
        else:
            pairs = {f"the cache of layer {l}": pair for l, pair in enumerate(zip(caches, right, strict=True), 1)}
            yield from _cache_reasons(module, judged.role, pairs)


def _judge_cost(module: Module, judged: Known) -> Iterator[str]:
    m, params = 7, module.probes[0].params
    rng = np.random.default_rng(0)

    def cost(AL: Array, Y: Array) -> Array:
        return np.asarray(module.call(judged.role, AL=AL.copy(), Y=Y.copy(), params=copy.deepcopy(params)))

    for outputs in sorted({1, module.networks[0][-1]}):
        cases = [(rng.uniform(0.05, 0.95, (outputs, m)), np.round(rng.random((outputs, m)))) for _ in range(4)]
        costs = [cost(A, Y) for A, Y in cases]
        expected = np.array([module.cost(A, Y) for A, Y in cases])
        if any(c.size != 1 for c in costs):
            diagonal = costs[0].shape == (outputs, outputs) and _equal([np.trace(c) for c in costs], expected)
            why = ": its diagonal holds the cost of each output, and J is their sum" if diagonal else ""
            yield f"returns an array of shape {costs[0].shape} for {outputs} outputs, expected one number{why}"
        else:
            factors = {m: "m: 1/m is missing", 1 / outputs: "1/n_L: J sums over the outputs"}
            yield from _differences({"J": [c.item() for c in costs]}, {"J": expected}, factors)
    if not np.all(np.isfinite(cost(np.array([[0.0, 1.0]]), np.array([[0.0, 1.0]])))):
        module.notes.append("not finite once A_L rounds to 0 or 1, even where that is the label")


def _gradients(module: Module, params: dict[str, Array], X: Array, Y: Array, standard: bool = False) -> Any:
    """What their backprop returns, from the caches of their forward propagation or from the article's."""
    given = copy.deepcopy(params)
    AL, caches = module.forward(X, params) if standard else module.call("forward", X=X, params=params)
    return module.call("backprop", AL=AL, Y=Y, caches=caches, params=given, X=X)


def _gradient_findings(module: Module, standard: bool = False, lines: Sequence[Line] = ()) -> tuple[Finding, ...]:
    found: list[Finding] = []
    for _, params, X, Y in module.probes:
        right = backprop(params, X, Y, lines, module.declaration)
        expected = {key: V for key, V in right.items() if not key.startswith("dA")}
        found += _findings(_gradients(module, copy.deepcopy(params), X.copy(), Y.copy(), standard), expected)
    return tuple(found)


def _judge_backprop(module: Module, _: Known) -> Iterator[str]:
    missing: list[str] = []

    def gradient(params: dict[str, Array], X: Array, Y: Array) -> dict[str, Array]:
        grads = _gradients(module, params, X, Y)
        missing[:] = missing or [f"d{key}" for key in params if f"d{key}" not in grads]
        return {f"d{key}": grads.get(f"d{key}", np.zeros_like(V)) for key, V in params.items()}

    probe = module.probes[0]
    grads = _gradients(module, *copy.deepcopy(probe[1:]))  # what raises here is shown with its lines
    if not isinstance(grads, dict):
        yield f"returns {type(grads).__name__}, expected the dict of gradients"
        return
    if module.networks == ARTICLE.networks:  # of all widths and depths
        tried = probes(None, module.hidden)
    else:  # a transpose shows on the second
        tried = (*probes(module.networks[0], module.hidden), module.probes[1])
    check = check_backprop(gradient, probes=tried, progress=False, hidden=module.hidden)
    if not check:  # where a right function stands in for a layer's, the 1/m may belong there or here
        module.mean = not module.mean
        other = check_backprop(gradient, probes=tried, progress=False, hidden=module.hidden)
        module.mean, check = (module.mean, other) if other else (not module.mean, check)
    if missing:
        yield f"returns no {', '.join(missing)} for a network of {len(probe.params) // 2} layers"
    if check.verdict is Verdict.WRONG:
        swapped = not _gradient_findings(module, lines=[OTHER_LINE])
        yield OTHER_ACTIVATION if swapped else check.cause or "; ".join(check.reasons)
    for probe in module.probes:
        yield from _derivatives_of_activations(module, probe, bool(check))
    params = copy.deepcopy(module.probes[0].params)
    params[f"W{len(params) // 2}"] *= SATURATING
    if not all(np.all(np.isfinite(V)) for V in gradient(params, *copy.deepcopy(module.probes[0][2:])).values()):
        module.notes.append("not finite once A_L rounds to 0 or 1")


def _derivatives_of_activations(module: Module, probe: Probe, right: bool) -> Iterator[str]:
    """The dA among the gradients may be m times ∂J/∂A, and numbered by their layer: dA_l for ∂J/∂A_{l-1}."""
    grads = _gradients(module, *copy.deepcopy(probe[1:]))
    run = module.run(probe)
    AL, Y = run.A[-1], probe.Y
    true = backprop(*probe[1:], (), module.declaration) | {f"dA{run.L}": ((1 - Y) / (1 - AL) - Y / AL) / run.m}
    tried = {}
    for shift, factor in ((0, 1), (0, run.m), (1, 1), (1, run.m)):
        expected = {f"dA{l + shift}": factor * true[f"dA{l}"] for l in range(run.L + 1) if f"dA{l + shift}" in grads}
        tried[shift, factor] = expected
        if not expected or not _findings(grads, expected):
            break
    else:
        if right:
            yield from min((list(_differences(grads, expected)) for expected in tried.values()), key=len)
        return
    if factor != 1:
        module.notes.append("dA is m times ∂J/∂A, the article's convention; dW and db are ∂J/∂W and ∂J/∂b")
    if shift:
        module.notes.append("dA_l is the gradient of A_{l-1}, the input of layer l")


def _judge_update(module: Module, judged: Known) -> Iterator[str]:
    probe = module.probes[0]
    grads = backprop(*probe[1:], (), module.declaration)
    expected = module.update(probe.params, grads, LEARNING_RATE)
    given = copy.deepcopy(probe.params)
    params = dict(given)

    def update(params: Any, grads: Any) -> Any:
        return module.call(judged.role, params=params, grads=grads, learning_rate=LEARNING_RATE)

    try:
        updated = update(params, grads)
    except KeyError as error:
        plain = {key: grads[f"d{key}"] for key in probe.params}
        if _findings(update(copy.deepcopy(given), plain), expected):
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


def _judge_train(module: Module, judged: Known) -> Iterator[str]:
    counted = module.course is ARTICLE  # the costs of all epochs; the courses keep some of them, or none
    shallow = judged.name == "two_layer_model"
    probe = probes((4, 5, 1), module.hidden)[0] if shallow else module.probes[0]
    rates = [LEARNING_RATE]

    def update(params: Any, grads: Any, learning_rate: float = LEARNING_RATE) -> Any:
        rates.append(learning_rate)
        return theirs(params, grads, learning_rate)

    for known in module.functions:
        if known.role == "init":  # so that the outcome is known
            module.namespace[known.name] = lambda *_, **__: copy.deepcopy(probe.params)
        if known.role == "update" and not {"lr", "learning_rate"} & {*judged.takes}:  # it has a rate of its own
            theirs, module.namespace[known.name] = module.namespace[known.name], update
    dims = [len(probe.X), *(len(b) for key, b in probe.params.items() if key[0] == "b")]
    words = {"X": probe.X.copy(), "Y": probe.Y.copy(), "n_h": dims[1]}
    words |= dict.fromkeys(("layer_dims", "layers_dims"), dims) | dict.fromkeys(("epochs", "num_iterations"), EPOCHS)
    words |= dict.fromkeys(("lr", "learning_rate"), LEARNING_RATE)
    module.namespace["plt"] = MagicMock()  # what it draws is not judged, and opens no window
    answer = module.namespace[judged.name](*(words[word] for word in judged.takes))
    trained, history = answer if isinstance(answer, tuple) or counted else (answer, ())
    params, costs = dict(probe.params), []
    for _ in range(EPOCHS + 1):
        costs.append(module.cost(module.run(probe._replace(params=params)).A[-1], probe.Y))
        grads = backprop(params, probe.X, probe.Y, (), module.declaration)
        last, params = params, module.update(params, grads, rates[-1])
    if not _findings(trained, probe.params):
        yield "the parameters stay as they were"
    elif _findings(trained, last):
        yield f"after {EPOCHS} epochs the parameters are not those of gradient descent (D12)"
    if counted and len(history) != EPOCHS:
        empty = "" if len(history) else ": nothing is appended"
        yield f"cost_history has {len(history)} entries after {EPOCHS} epochs{empty}"
    elif len(history) and not any(_equal(np.ravel(history), costs[i : i + len(history)]) for i in (0, 1)):
        yield "cost_history does not hold the cost of each epoch"


JUDGES: Mapping[str, Callable[[Module, Known], Iterator[str]]] = {
    "init": _judge_init,
    "sigmoid": _judge_activation,
    "relu": _judge_activation,
    "forward": _judge_forward,
    "cost": _judge_cost,
    "backprop": _judge_backprop,
    "update": _judge_update,
    "train": _judge_train,
}


def judge(module: Module, judged: Known) -> list[str]:
    """What is wrong with a function."""
    return list(dict.fromkeys(JUDGES.get(judged.role, _judge_part)(module, judged)))
