"""The network that a backprop belongs to, and the conventions that it is written in; the article is all defaults.

Inside the checker there is one form: weights (n_l, n_{l-1}), one example per column, one unit per row, "W1", "b1" …
Here arrays go from it to the declared form, and come back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any, TypeAlias, TypedDict, TypeGuard

import numpy as np

from refnn import _declaration, _shapes
from refnn._printing import plainly, said, shown, typed
from refnn._shapes import Array, Misfits
from refnn.gradcheck import formulas

Penalty: TypeAlias = float | Callable[[int], float]  # a number, or a function of m: Ng's course has λ/m
Name: TypeAlias = str | Sequence[str] | Callable[[int], str]


class Keywords(TypedDict, total=False):
    """The declaration as keyword arguments; see `Declaration`."""

    hidden: Any
    output: Any
    reduction: str
    l1: Penalty
    l2: Penalty
    bias: bool
    examples: str
    weights: str
    labels: str
    names: Mapping[str, Name]
    step: float | None


@dataclass(frozen=True)
class Declaration:
    """What a gradient is the gradient of, and how it is written down.

    Attributes
    ----------
    hidden, output : the activations and the cost, by the names of refnn.forward_prop, or pairs of functions
    reduction : "mean" of the cost over examples, their "sum", the mean over all "entries" of Y, or over "outputs" alone
    l1, l2 : λ of the penalties λ Σ|W| and λ/2 Σ W², added to the cost; or a function of m
    bias : False for layers without one
    examples : "columns" or "rows" of X and Y; in rows, b is (1, n_l)
    weights : "out,in" for W (n_l, n_{l-1}), or "in,out"
    labels : "soft", from 0 to 1; "onehot", 0 or 1; "classes", the number of each example's class, int (m,)
    names : {"W": "weights{l}", "b": …, "dW": …, "db": …}, l from 1, or {k} from 0; or lists of a name for each layer,
        or functions of l
    step : None, or the learning rate of a function that returns W - step · dW in place of dW; negative for one upwards
    """

    hidden: Any = "sigmoid"
    output: tuple[Any, str] = ("sigmoid", "cross_entropy")
    reduction: str = "mean"
    l1: Penalty = field(default=0.0, hash=False)
    l2: Penalty = field(default=0.0, hash=False)
    bias: bool = True
    examples: str = "columns"
    weights: str = "out,in"
    labels: str = "soft"
    names: Mapping[str, Name] = field(default_factory=dict, hash=False)
    step: float | None = None

    @classmethod
    def of(cls, keywords: Mapping[str, Any]) -> Declaration:
        """The declaration of these keywords; a TypeError or ValueError names the one that is none."""
        for name in keywords:
            if name not in vars(ARTICLE):
                raise TypeError(f"{name!r} is no part of a declaration, expected {', '.join(vars(ARTICLE))}")
        words = {**vars(ARTICLE), **keywords}
        words["hidden"] = _declaration.hidden(words["hidden"])
        words["output"] = _declaration.output(words["output"])
        for name, choices in CHOICES.items():
            _shapes.choice(name, words[name], choices)
        for name in ("l1", "l2"):
            if not callable(words[name]):
                _shapes.at_least_0(name, words[name])
        _shapes.switch("bias", words["bias"])
        names = words["names"]
        if not isinstance(names, Mapping) or not set(names) <= set(NAMED):
            expected = f"a dict with any of {', '.join(map(repr, NAMED))}"
            raise ValueError(f"names is {shown(names, repr)}, expected {expected}")
        for kind, template in names.items():
            if not (isinstance(template, str) or callable(template) or _listed(template)):
                expected = "a text such as 'W{l}', a list of texts, one for each layer, or a function of l"
                raise TypeError(f"names[{kind!r}] is {shown(template, repr)}, expected {expected}")
            if isinstance(template, str) and not _filled(template):
                expected = "a text such as 'W{l}', with the layer as {l}, from 1, or {k}, from 0"
                raise ValueError(f"names[{kind!r}] is {shown(template, repr)}, expected {expected}")
        words["names"] = {kind: tuple(name) if _listed(name) else name for kind, name in names.items()}
        if words["step"] is not None:
            words["step"] = _shapes.as_float("step", words["step"])
            if not 0 < abs(words["step"]) < np.inf:
                raise ValueError(f"step is {words['step']}, expected a finite number other than 0")
        return cls(**words)

    # ------------------------------------------------------------------ the mathematics

    @property
    def known(self) -> bool:
        """Whether all activations are of the checker's own; another's pair it can only evaluate."""
        words = [self.hidden] if isinstance(self.hidden, str) else [*self.hidden]
        return all(isinstance(word, str) for word in [*words, self.output[0]])

    def activations(self, L: int) -> tuple[formulas.Activation, ...]:
        """Of the hidden layers."""
        return tuple(formulas.activation(_declaration.of_layer(self.hidden, l)) for l in range(1, L))

    @property
    def last(self) -> formulas.Output:
        return formulas.output(self.output)

    def layers(self, L: int) -> tuple[formulas.Activation | formulas.Output, ...]:
        """All L of them, the output with its cost."""
        return *self.activations(L), self.last

    def weight(self, Y: Array) -> float:
        """What the sum of all losses is multiplied by."""
        n_L, m = map(int, Y.shape)
        weights: dict[str, float] = {"mean": 1 / m, "sum": 1.0, "entries": 1 / (n_L * m), "outputs": 1 / n_L}
        return weights[self.reduction]

    def penalties(self, m: int) -> tuple[float, float]:
        """λ of L1 and of L2."""
        return _penalty("l1", self.l1, m), _penalty("l2", self.l2, m)

    @property
    def says(self) -> str:
        """What differs from the article, as one would type it."""
        parts = []
        for name, value in vars(self).items():
            if value != getattr(ARTICLE, name):
                short = value[0] if name == "output" and value == _declaration.output(value[0]) else value
                parts.append(f"{name}={short!r}")
        return ", ".join(parts)

    # ------------------------------------------------------------------ the conventions

    def check_layers(self, L: int | None) -> None:
        """Raise a ValueError unless a network of L layers, or of any number, has what is declared layer by layer."""
        listed = {f"names[{kind!r}]": len(V) for kind, V in self.names.items() if _listed(V)}
        if isinstance(self.hidden, tuple) and not any(map(callable, self.hidden)):
            listed["hidden"] = len(self.hidden) + 1
        for name, layers in listed.items():
            if layers != L:
                found, each = (layers - 1, "hidden layer") if name == "hidden" else (layers, "layer")
                expected = f"layer_dims with {layers + 1} widths" if L is None else found - layers + L
                raise ValueError(f"{name} has {found} entries, one for each {each}: expected {expected}")
        if self.names:
            self._refuse_clashes(L or DEEPEST)

    def _refuse_clashes(self, L: int) -> None:
        """Of two arrays with one name, a dict holds one."""
        for kinds in ("W", "b"), ("dW", "db"):
            owners: dict[str, str] = {}
            for l, kind in product(range(1, L + 1), kinds if self.bias else kinds[:1]):
                own, name = f"{kind}{l}", self.name(kind, l)
                if (other := owners.setdefault(name, own)) != own:
                    raise ValueError(f"names calls both {other} and {own} {shown(name, repr)}, expected two names")

    def name(self, kind: str, l: int) -> str:
        """The declared name of "W", "b", "dW", "db" or "dA" of layer l; for derivatives d and that of the variable."""
        template = self.names.get(kind)
        if template is None:
            return f"d{self.name(kind[1:], l)}" if kind[0] == "d" else f"{kind}{l}"
        if callable(template):
            named = said(template, f"names[{kind!r}](l)", plainly, l)
            if not isinstance(named, str):
                raise ValueError(f"names[{kind!r}]({l}) is {typed(named)}, expected a text")
            return named
        return _filled(template, l) if isinstance(template, str) else template[l - 1]

    def turned(self, kind: str, V: Array) -> Array:
        """An array "W", "b" or "A" in the declared orientation; the same way back."""
        turn = self.weights == "in,out" if kind == "W" else self.examples == "rows"
        return V.T if turn else V

    def theirs(self, params: Mapping[str, Array], X: Array, Y: Array) -> tuple[dict[str, Array], Array, Array]:
        """Parameters and data in the declared form."""
        given = {
            self.name(key[0], int(key[1:])): np.ascontiguousarray(self.turned(key[0], V))
            for key, V in params.items()
            if self.bias or key[0] == "W"
        }
        if self.labels == "classes":
            labels = Y.argmax(axis=0) if len(Y) > 1 else Y[0].astype(int)
        else:
            labels = np.ascontiguousarray(self.turned("A", Y))
        return given, np.ascontiguousarray(self.turned("A", X)), labels

    def ours(self, params: Any, X: Any, Y: Any) -> tuple[Any, Any, Any]:
        """Parameters and data from the declared form, as far as they can be read; the rest is for the check to name."""
        if not isinstance(params, Mapping):
            return params, X, Y
        left = dict(params)
        X, Y = _shapes.number_array("X", X), _shapes.number_array("Y", Y)
        arrays: dict[Any, Any] = {}
        L = 0
        while self._next(L + 1) in left:
            L += 1
            name, b = self.name("W", L), self.name("b", L)
            W = arrays[f"W{L}"] = self._array("W", _shapes.number_array(f"params[{name!r}]", left.pop(name)))
            if not self.bias:
                arrays[f"b{L}"] = np.zeros((W.shape[0], 1), np.result_type(W, np.float32)) if W.ndim else 0
            elif b in left:
                arrays[f"b{L}"] = self._array("b", _shapes.number_array(f"params[{b!r}]", left.pop(b)))
        if self.labels == "classes" and Y.ndim == 1 and L:
            misfits = Misfits()
            n_L = len(np.atleast_1d(arrays[f"W{L}"]))
            classes = _shapes.one_hot(Y, (max(n_L, 2), Y.size), misfits)
            misfits.refuse()
            return {**arrays, **left}, self._array("A", X), classes if n_L > 1 else classes[1:]
        return {**arrays, **left}, self._array("A", X), self._array("A", Y)

    def _next(self, l: int) -> str | None:
        """The name of W_l, if the function that gives it knows so many layers."""
        try:
            return self.name("W", l)
        except (LookupError, ValueError):
            return None

    def _array(self, kind: str, V: Array) -> Array:
        """The array in the one orientation, if it is one that turns or, for a bias, has one axis."""
        if kind == "b" and V.ndim == 1 and self != ARTICLE:
            return V.reshape(-1, 1)
        return self.turned(kind, V) if V.ndim == 2 else V


def _penalty(name: str, penalty: Penalty, m: int) -> float:
    of_m = f"{name}(m)"
    return _shapes.at_least_0(of_m, said(penalty, of_m, plainly, m)) if callable(penalty) else float(penalty)


def _filled(template: str, l: int = 1) -> str:
    """The template with the number of the layer; empty if it has another field, or is none."""
    try:
        return template.format(l=l, k=l - 1)
    except (LookupError, ValueError, AttributeError, TypeError):
        return ""


def _listed(template: Any) -> TypeGuard[Sequence[str]]:
    """Whether it is a list of texts."""
    return isinstance(template, list | tuple) and all(isinstance(name, str) for name in template)


CHOICES = {
    "reduction": ("mean", "sum", "entries", "outputs"),
    "examples": ("columns", "rows"),
    "weights": ("out,in", "in,out"),
    "labels": ("soft", "onehot", "classes"),
}
NAMED = ("W", "b", "dW", "db")
DEEPEST = 8  # layers, of the networks that are judged where none are given
ARTICLE = Declaration()
