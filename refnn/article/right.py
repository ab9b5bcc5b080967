"""What is right: the values that functions should return, and functions that stand in for wrong and missing ones.

The values come from `faults.lines`, in plain NumPy. Caches are the article's, ((A_prev, W, b), Z) for each layer; where
a file cuts a layer into smaller functions, what stands in for the layer is made of these, with their own caches.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, partialmethod
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

from refnn.article.names import SHALLOW, Course, Known, beneath, known
from refnn.gradcheck.declaration import Declaration
from refnn.gradcheck.faults import lines
from refnn.gradcheck.faults.lines import Array, Line, Params, Run
from refnn.gradcheck.faults.probes import Probe, default_probes
from refnn.gradcheck.formulas import activation as formula

Function = Callable[..., Any]

LEARNING_RATE = 0.37  # that nobody writes into a function by hand
COARSE = {np.dtype(np.float16), np.dtype(np.float32)}
COMPUTES = "computes in"
OURS = __name__.split(".")[0]
# Who reads the cache that a function makes.
READERS: Mapping[str, tuple[str, ...]] = {
    "sigmoid": ("sigmoid_backward", "layer_backward"),
    "relu": ("relu_backward",),
    "linear": ("linear_backward",),
    "layer": ("layer_backward",),
    "forward": ("layer_backward", "backprop"),
}


def layer_values(run: Run, l: int, dA: Array, line: Line | None = None) -> dict[str, Any]:
    """All that the functions of layer l take and return, (D1) and (D8) to (D11), with one line replaced."""

    def value(name: str, right: Array) -> Array:
        return line.replace(run, l, right) if line is not None and line.name == name else right

    word = run.declaration.output[0] if l == run.L else run.declaration.hidden
    run.dA[l], run.dZ[l] = dA, dA * value("derivative", run.g(l).derivative(run.Z[l]))
    return {
        **{"A_prev": run.A[l - 1], "W": run.W[l], "b": run.b[l], "activation": word, "Z": run.Z[l], "A": run.A[l]},
        **{"dA": dA, "dZ": run.dZ[l], "dA_prev": value("previous", run.W[l].T @ run.dZ[l])},
        "dW": value("weights", run.dZ[l] @ run.A[l - 1].T),
        "db": value("bias", run.dZ[l].sum(axis=1, keepdims=True)),
    }


@cache
def probes(dims: tuple[int, ...] | None, hidden: str) -> tuple[Probe, ...]:
    """The default ones, of these widths or any, drawn once, with labels of 0 and 1, as the article's and its courses'.

    They are read only, for a function may change what it is given.
    """
    soft = default_probes(dims, declaration=Declaration.of({"hidden": hidden}))
    drawn = tuple(probe._replace(Y=np.round(probe.Y)) for probe in soft)
    for _, params, X, Y in drawn:
        for V in (*params.values(), X, Y):
            V.setflags(write=False)
    return drawn


def _leaves(value: Any) -> Iterator[Any]:
    """What stands in dicts, lists and tuples, in their order."""
    if isinstance(value, dict | list | tuple):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _leaves(part)
    else:
        yield value


def _same(A: Array, kept: Array) -> bool:
    return np.array_equal(A, kept, equal_nan=A.dtype.kind in "fc")


def homes(course: Course, namespace: dict[str, Any]) -> list[dict[str, Any]]:
    """The globals of the judged file, and of those of the user's from which functions come that it knows or calls."""
    found = [namespace]
    for home in found:  # which grows meanwhile
        for value in list(home.values()):
            function = beneath(value) if callable(value) else value
            its = {FunctionType: "__globals__", ModuleType: "__dict__"}.get(type(function))
            other = getattr(function, its) if its else namespace
            if all(other is not each for each in found) and _is_theirs(course, other):
                found.append(other)
    return found


def _is_theirs(course: Course, names: dict[str, Any]) -> bool:
    """Whether the globals of a module have a function of the course, and are not of an installed package."""
    installed = "-packages" in str(names.get("__file__")) or str(names.get("__name__")).split(".")[0] == OURS
    return not installed and any(each.function for each in known(course, names))


@contextlib.contextmanager
def restored(namespaces: Sequence[dict[str, Any]]) -> Iterator[None]:
    """Afterwards all names are bound as before."""
    before = [dict(namespace) for namespace in namespaces]
    try:
        yield
    finally:
        for namespace, names in zip(namespaces, before, strict=True):
            namespace.update(names)
            for name in namespace.keys() - names.keys():
                del namespace[name]


class Module:
    """The judged module: its globals and, by role, the functions that are right; with notes on the one being judged."""

    def __init__(self, namespace: dict[str, Any], course: Course, hidden: str) -> None:
        self.namespace, self.course, self.hidden = namespace, course, hidden
        self.homes = homes(course, namespace)
        self.functions = known(course, namespace)
        self.declaration = Declaration.of({"hidden": hidden})
        self.notes: list[str] = []
        self.judged: Known | None = None  # that one
        self.own: set[str] = set()  # roles whose caches are of another kind than the article's
        self.pairs = course is not SHALLOW  # whether sigmoid returns (A, cache)
        self.mean = True  # whether 1/m enters at dW and db, as in the article
        self.use(course.networks)

    def use(self, networks: tuple[tuple[int, ...], ...]) -> None:
        """Judge on networks of these widths, with larger weights from the second on."""
        self.networks = networks
        self.probes = [probes(dims, self.hidden)[min(i, 1)] for i, dims in enumerate(networks)]

    def run(self, probe: Probe) -> Run:
        return lines.forward(*probe[1:], self.declaration)

    # ------------------------------------------------------------------ theirs

    def named(self, role: str) -> Known | None:
        """The function of a role, there or not, if the course has one."""
        return next((known for known in self.functions if known.role == role), None)

    def has(self, role: str) -> bool:
        return any(known.role == role and known.function is not None for known in self.functions)

    def call(self, role: str, **values: Any) -> Any:
        """Call the function that has a role now: theirs, or the one that stands in for it."""
        named = self.named(role)
        if not (named and named.name in self.namespace):
            return getattr(self, role)(**values)
        return self.ask(named, values)

    def ask(self, named: Known, values: Mapping[str, Any]) -> Any:
        """Call a function that is there, or its stand-in."""
        with self._watched(values if named is self.judged else {}):
            answer = named.call(self.namespace[named.name], values)
        if named is self.judged:
            dtypes = {V.dtype for V in _leaves(answer) if isinstance(V, np.ndarray | np.generic)} & COARSE
            self.notes += [f"{COMPUTES} {dtype}" for dtype in dtypes]
        return answer

    @contextlib.contextmanager
    def _watched(self, values: Mapping[str, Any]) -> Iterator[None]:
        """Note what a function changes of its caller's."""
        before = {word: [*_leaves(V)] for word, V in values.items()}
        kept = {word: [V.copy() for V in leaves if isinstance(V, np.ndarray)] for word, leaves in before.items()}
        yield
        for word, leaves in before.items():
            if not all(map(_same, [V for V in leaves if isinstance(V, np.ndarray)], kept[word])):
                self.notes.append(f"changes the caller's {word} in place")
            elif [*map(id, leaves)] != [*map(id, _leaves(values[word]))]:
                self.notes.append(f"rebinds the entries of the caller's {word}")

    def bind(self, name: str, value: Any) -> None:
        """Let a name of the judged file stand for this, and what it stood for be this in the other files, too."""
        self.exchange(self.namespace.get(name), value)
        self.namespace[name] = value

    def exchange(self, before: Any, value: Any) -> None:
        """Whatever names it has, in all files."""
        if before is not None:
            for home in self.homes:
                home.update({name: value for name, its in home.items() if its is before})

    @contextlib.contextmanager
    def instead(self, functions: Mapping[str, Any]) -> Iterator[None]:
        """Try the module with other functions; all is as it was afterwards."""
        own = set(self.own)
        try:
            with restored(self.homes):
                for name, function in functions.items():
                    self.bind(name, function)
                yield
        finally:
            self.own = own

    def replace(self, named: Known) -> None:
        """Put the right function in the place of theirs; one that reads caches reads those of the article."""
        if not hasattr(self, named.role):
            return
        self.bind(named.name, self._stand_in(named))
        for maker in self.own & READERS.keys():
            if named.role == "backprop" or named.role in READERS[maker]:
                self.own.discard(maker)
                for other in self.functions:
                    if other.role == maker:
                        self.replace(other)

    def _stand_in(self, named: Known) -> Function:
        right, theirs = getattr(self, named.role), named.function

        def stand_in(*args: Any, **kwargs: Any) -> Any:
            answer = right(**named.words(args, kwargs))
            return (answer[0], theirs(*args, **kwargs)[1]) if theirs and named.role in self.own else answer

        return stand_in

    # ------------------------------------------------------------------ right, by role

    def _part(self, role: str, **values: Any) -> Any:
        """A part of a layer: theirs, where the course has such parts."""
        return self.call(role, **values) if self.named("layer") else getattr(self, role)(**values)

    def activated(self, word: str, Z: Array) -> tuple[Array, Any]:
        answer = self._part(word, Z=Z) if word in ("sigmoid", "relu") else formula(word).value(Z)
        return answer if isinstance(answer, tuple) else (answer, Z)

    def sigmoid(self, Z: Array, word: str = "sigmoid") -> Any:
        A = formula(word).value(Z)
        return (A, Z) if self.pairs else A

    relu = partialmethod(sigmoid, word="relu")

    def linear(self, A_prev: Array, W: Array, b: Array) -> Any:
        return W @ A_prev + b, (A_prev, W, b)

    def layer(self, A_prev: Array, W: Array, b: Array, activation: str) -> Any:
        Z, linear_cache = self._part("linear", A_prev=A_prev, W=W, b=b)
        A, activation_cache = self.activated(activation, Z)
        return A, (linear_cache, activation_cache)

    def forward(self, X: Array, params: Params) -> Any:
        A, L, caches, by_name = X, len(params) // 2, [], dict(params)
        for l in range(1, L + 1):
            word = "sigmoid" if l == L else self.hidden
            A, cache = self._part("layer", A_prev=A, W=params[f"W{l}"], b=params[f"b{l}"], activation=word)
            caches.append(cache)
            by_name |= {f"Z{l}": cache[1], f"A{l}": A} if self.course is SHALLOW else {}
        return A, by_name if self.course is SHALLOW else caches

    def cost(self, AL: Array, Y: Array, params: Any = None) -> float:  # noqa: ARG002
        """(D4), for 0 < A < 1."""
        return float(-np.sum(Y * np.log(AL) + (1 - Y) * np.log1p(-AL)) / Y.shape[1])

    def sigmoid_backward(self, dA: Array, activation_cache: Array, word: str = "sigmoid") -> Array:
        A = formula("sigmoid").value(activation_cache)
        # A (1 - A) cancels the denominators of the article's dAL.
        return dA * A * (1 - A) if word == "sigmoid" else dA * formula(word).derivative(activation_cache)

    relu_backward = partialmethod(sigmoid_backward, word="relu")

    def linear_backward(self, dZ: Array, linear_cache: Any) -> Any:
        A_prev, W, _ = linear_cache
        m = dZ.shape[1] if self.mean else 1
        return W.T @ dZ, dZ @ A_prev.T / m, dZ.sum(axis=1, keepdims=True) / m

    def layer_backward(self, dA: Array, cache: Any, activation: str | None = None) -> Any:
        (linear_cache, activation_cache), word = cache, activation or self.hidden
        if word in ("sigmoid", "relu"):
            dZ = self._part(f"{word}_backward", dA=dA, activation_cache=activation_cache)
        else:
            dZ = self.sigmoid_backward(dA, activation_cache, word)
        return self._part("linear_backward", dZ=dZ, linear_cache=linear_cache)

    def backprop(self, caches: Any, Y: Array, AL: Any = None, params: Any = None, X: Any = None) -> Any:  # noqa: ARG002
        if not isinstance(caches, dict):
            layers = enumerate(caches, 1)
            params = {f"{V}{l}": array for l, ((_, *Wb), _) in layers for V, array in zip("Wb", Wb, strict=True)}
            X = caches[0][0][0]
        params = params or {key: caches[key] for key in caches if key[0] in "Wb"}
        return lines.backprop(lines.forward(params, X, Y, self.declaration))

    def update(self, params: Params, grads: Params, learning_rate: float = LEARNING_RATE) -> dict[str, Array]:
        """(D12)."""
        return {key: V - learning_rate * grads[f"d{key}"] for key, V in params.items()}
