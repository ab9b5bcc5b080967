"""The functions of one layer or of a part of one, judged; and the caches that they hand to each other."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from refnn.article.names import Known
from refnn.article.right import READERS, Module, layer_values
from refnn.article.words import (
    OTHER_ACTIVATION,
    OTHER_LINE,
    Values,
    apart,
    equal,
    findings,
    first,
    gradient_findings,
    in_words,
    numbers,
    say,
)
from refnn.gradcheck.faults.catalogue import FAULTS
from refnn.gradcheck.faults.lines import Array, Line, Run
from refnn.gradcheck.formulas import activation, sigmoid
from refnn.gradcheck.verdict.result import Finding

STALLING = 0.05  # below this standard deviation of W, the article's 0.01 included, deep networks do not learn
FORMULAS = {"sigmoid": "1/(1 + exp(-Z))", "relu": "max(0, Z)"}
LINES_OF_ONE_LAYER = ("derivative", "weights", "bias", "previous")
OWN_CACHES = "its caches are not the article's ((A_prev, W, b), Z); judged by what is made of them"


def judge_init(module: Module, judged: Known) -> Iterator[str]:
    tried = [[4, 6, 3]] if "n_x" in judged.takes else map(list, module.networks)
    yield from first(_initial(module, judged, dims) for dims in tried)


def _initial(module: Module, judged: Known, dims: list[int]) -> Iterator[str]:
    words = {"layer_dims": [*dims], **dict(zip(("n_x", "n_h", "n_y"), dims, strict=False))}
    (params,) = judged.parts(module.ask(judged, words))
    layers = range(1, len(dims))
    shapes = {f"W{l}": (dims[l], dims[l - 1]) for l in layers} | {f"b{l}": (dims[l], 1) for l in layers}
    found = {key: np.shape(value) for key, value in params.items()}
    for key in {**shapes, **found}:
        if shapes.get(key) != found.get(key):
            transposed = ": transposed" if key in shapes and found.get(key) == shapes[key][::-1] else ""
            yield f"{key} has shape {found.get(key)}, expected {shapes.get(key)} for layer_dims {dims}{transposed}"
        elif not np.all(np.isfinite(params[key])):
            yield f"{key} has entries that are not finite"
        elif key[0] == "W" and np.std(params[key]) < STALLING:
            module.notes.append("weights this small stall a deep network: its gradient shrinks with every layer")
    for l in layers[:-1] if found == shapes else ():
        units = np.hstack([params[f"W{l}"], params[f"b{l}"], np.transpose(params[f"W{l + 1}"])])
        if len(np.unique(units, axis=0)) < len(units):
            yield f"units of layer {l} have equal weights, in and out: what starts alike stays alike"


def judge_activation(module: Module, judged: Known) -> Iterator[str]:
    Z = np.linspace(-30, 30, 12).reshape(3, 4)
    answer, right = module.call(judged.role, Z=Z.copy()), activation(judged.role).value(Z) + 0.0  # no -0
    pair = isinstance(answer, tuple)
    A, cache = judged.parts(answer) if pair else (answer, None)
    array = numbers(A)
    if judged.role == "sigmoid" and array is not None and module.pairs != pair:
        module.pairs = pair
        module.notes.append("returns (A, cache)" if pair else "returns A alone; the article's returns (A, cache)")
    if equal(A, sigmoid(-Z)):
        yield "returns σ(-Z): the minus in exp(-Z) is missing"
    elif array is None or array.shape != Z.shape:
        yield from in_words({"A": A}, {"A": right})
    elif not equal(A, right):
        worst = np.unravel_index(np.argmax(np.abs(array - right)), Z.shape)
        given, expected = apart(array[worst], right[worst])
        yield f"A is not {FORMULAS[judged.role]}: at Z = {Z[worst]:.4g} it is {given}, not {expected}"
    if pair:
        yield from cache_reasons(module, judged.role, {"its cache": (cache, Z)})


def judge_part(module: Module, judged: Known) -> Iterator[str]:
    """A layer or a part of one, forwards or backwards."""
    try:
        reasons, module.mean = _compare(module, judged)
    except TypeError as error:
        # Perhaps the article's sigmoid(Z)*(1-sigmoid(Z)), where sigmoid returns a pair: tried before it is named.
        pair = "sigmoid" in module.namespace and isinstance(module.call("sigmoid", Z=np.eye(2)), tuple)
        if judged.role != "layer_backward" or not pair:
            raise
        try:
            reasons, module.mean = _compare(module, judged, instead={"sigmoid": sigmoid})
        except Exception:  # it was not that
            raise error from None
        yield "takes sigmoid(Z) for an array, but sigmoid returns (A, cache): σ(Z) is sigmoid(Z)[0]"
    if not module.mean and _mean_is_missing(module, judged):
        yield "dW, db: the mean over examples is missing: no 1/m here, nor in what calls this"
    yield from reasons
    if judged.role in READERS:
        run = module.run(module.probes[0])
        values = {word: V for word, V in layer_values(run, 1, run.A[1]).items() if word in judged.takes}
        caches = (module.call(judged.role, **values)[1], getattr(module, judged.role)(**values)[1])
        yield from cache_reasons(module, judged.role, {"its cache": caches})


def _compare(
    module: Module, judged: Known, standard: bool = False, instead: Mapping[str, Any] = MappingProxyType({})
) -> tuple[list[str], bool]:
    """What is wrong with a part of a layer, on the file's own caches or the article's; and whether it has the 1/m.

    It is compared with (D1) and (D8) to (D11), the latter in both conventions, then with the faults of these lines.
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
            parts = zip(judged.returns, judged.parts(answer), strict=True)
            given = {key: V for key, V in parts if not key.endswith("cache")}
            cases.append((given, run, l, dA))

    def of_each(line: Line | None, mean: bool) -> Iterator[tuple[Finding, ...]]:
        for given, run, l, dA in cases:
            values = layer_values(run, l, dA, line)
            expected = {key: values[key] / run.m if mean and key in ("dW", "db") else values[key] for key in given}
            yield findings(given, expected, {run.m: "m: 1/m is missing", 1 / run.m: "1/m: divided by m twice"})

    conventions = (True, False)
    differences = [next(filter(None, of_each(None, mean)), ()) for mean in conventions]
    if () in differences:
        return [], differences[0] == ()
    for word in FORMULAS if judged.returns[0] == "A" else ():
        wrong = next(case for case in cases if findings(case[0], {"A": case[1].A[case[2]]}))
        given, run, l, _ = wrong
        if equal(given["A"], activation(word).value(run.Z[l])):
            return [f"A is {word}(Z) where activation is {layer_values(*wrong[1:])['activation']!r}"], True
    names = LINES_OF_ONE_LAYER[1:] if "dZ" in judged.takes else LINES_OF_ONE_LAYER
    faults = {f"{fault.name}: {fault.summary} ({fault.equation})": fault.line for fault in FAULTS.values()}
    if "dA_prev" in cases[0][0]:
        faults |= _weights_updated_first(cases)
    for text, line in {**faults, OTHER_ACTIVATION: OTHER_LINE}.items():
        tried = conventions if line.name in names and "dA" in "".join(judged.returns) + "".join(judged.takes) else ()
        if any(not any(of_each(line, mean)) for mean in tried):
            return [text], True
    return [say(finding) for finding in min(differences, key=len)], True


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
        return module.call("forward", X=run.X.copy(), params=run.params)[1][l - 1]
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


def cache_reasons(module: Module, role: str, caches: dict[str, tuple[Any, Any]]) -> Iterator[str]:
    """What is wrong with the caches of a file. Their form is free if the functions that read them are right."""
    by_name = {where: (_by_name(cache), _by_name(right)) for where, (cache, right) in caches.items()}
    differences = [
        f"in {where}, {text}"
        for where, (given, right) in by_name.items()
        for text in in_words(given, {key: V for key, V in right.items() if key in given})
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
            return bool(gradient_findings(module, standard))
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
