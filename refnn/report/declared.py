"""The declaration of a network as a report holds it: names and numbers, written, and read back from anyone's hand."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from refnn._shapes import at_least_0
from refnn.gradcheck.declaration import ARTICLE, DEEPEST, Declaration
from refnn.report.record import Record, number

LONGEST = 100  # characters of a name
TEMPLATE = re.compile(r"[^{}]*(\{[lk](:0[1-9]d?)?\}[^{}]*)+")  # no attribute, no width: another's text is formatted
WIDTH = re.compile(r":0([1-9])d?(?=\})")


@dataclass(frozen=True)
class OverM:
    """λ/m, as a function of m that can be written down."""

    numerator: float

    def __call__(self, m: int) -> float:
        return self.numerator / m

    def __repr__(self) -> str:
        return f"{self.numerator!r}/m"


def recorded(said: Declaration) -> Record:
    """What differs from the article; a TypeError or ValueError names what is no name and no number."""
    said = _spelled(said)
    values = {f.name: getattr(said, f.name) for f in fields(said)}
    differs = {name: V for name, V in values.items() if V != getattr(ARTICLE, name)}
    return {name: PLAIN[name](name, V) if name in PLAIN else V for name, V in differs.items()}


def _spelled(said: Declaration) -> Declaration:
    """The same in its shortest form: no list of one activation, no name that an array has anyway, no λ = 0/m."""
    one = isinstance(said.hidden, tuple) and len({*said.hidden}) == 1
    names = dict(said.names)
    layers = range(1, min([DEEPEST, *(len(name) for name in names.values() if isinstance(name, tuple))]) + 1)
    for kind, name in said.names.items():
        without = replace(said, names={other: names[other] for other in names if other != kind})
        if not callable(name) and all(said.name(kind, l) == without.name(kind, l) for l in layers):
            del names[kind]
    l1, l2 = (0.0 if λ == OverM(0.0) else λ for λ in (said.l1, said.l2))
    return replace(said, hidden=said.hidden[0] if one else said.hidden, names=names, l1=l1, l2=l2)


def declared(record: Record) -> Declaration:
    """The declaration that `recorded` wrote; a ValueError for anything else."""
    keywords = {
        name: _numbers(name, value) if name in ("l1", "l2", "step") else value for name, value in record.items()
    }
    try:
        _names("names", record.get("names", {}))  # before another's text is formatted
        said = Declaration.of(keywords)
        again = recorded(said)
    except TypeError as error:
        raise ValueError(str(error)) from None
    if again != record:
        raise ValueError(f"not in the one form that a report has: expected {again}")
    return said


def _numbers(name: str, value: Any) -> Any:
    if isinstance(value, dict):
        return OverM(number(name, value["over_m"]))
    return number(name, value)


def mathematics(said: Declaration) -> Declaration:
    """The network alone, in the one form of the checker: no conventions."""
    return replace(said, examples=ARTICLE.examples, weights=ARTICLE.weights, labels=ARTICLE.labels, names={}, step=None)


def in_words(said: Declaration) -> str:
    """The network in one line."""
    return said.says or "the article's (sigmoid, mean cross-entropy)"


# ---------------------------------------------------------------------- plain values


def _word(name: str, word: Any) -> str:
    if not isinstance(word, str):
        raise TypeError(f"{name} has functions of your own, which a report cannot hold: expected a name")
    return word


def _hidden(name: str, words: Any) -> str | list[str]:
    each = isinstance(words, tuple) and not all(map(callable, words))
    return [_word(name, word) for word in words] if each else _word(name, words)


def _penalty(name: str, value: Any) -> str | Record:
    if isinstance(value, OverM):
        return {"over_m": at_least_0(name, value.numerator).hex()}
    if callable(value):
        raise TypeError(f"{name} is a function, which a report cannot hold: expected a number, or OverM for λ/m")
    return float(value).hex()


def _names(name: str, templates: Mapping[str, Any]) -> Record:
    return {kind: template(f"{name}[{kind!r}]", text) for kind, text in templates.items()}


def template(name: str, text: Any) -> str | list[str]:
    """The name of a parameter with its layer: {l}, from 1, or {k}, from 0; or a list of one for each layer."""
    if callable(text):
        raise TypeError(f"{name} is a function, which a report cannot hold: expected a text such as 'weights{{l}}'")
    if isinstance(text, list | tuple) and text and all(map(_short, text)):
        return [*text]
    if not (_short(text) and TEMPLATE.fullmatch(text)):
        expected = "a name with {l}, the layer from 1, or {k}, from 0, or one for each layer"
        raise ValueError(f"{name} is {text!r:.60}, expected {expected}")
    return WIDTH.sub(lambda width: "" if width[1] == "1" else f":0{width[1]}d", text)


def _short(text: Any) -> bool:
    return isinstance(text, str) and text.isprintable() and 0 < len(text) <= LONGEST


PLAIN: dict[str, Callable[[str, Any], Any]] = {  # all others are plain as they are
    "hidden": _hidden,
    "output": lambda name, pair: [_word(name, pair[0]), pair[1]],
    "l1": _penalty,
    "l2": _penalty,
    "names": _names,
    "step": lambda _, step: step.hex(),  # negative for one upwards
}
