"""What a function of the article or its courses gave, beside what is right, in words."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from refnn.article.right import COARSE, Module
from refnn.gradcheck.faults.lines import Array, Line, backprop
from refnn.gradcheck.faults.structure import structure
from refnn.gradcheck.formulas import activation
from refnn.gradcheck.verdict.result import Finding

Values = Mapping[str, Any]

# Sums here have fewer than a hundred terms: no order of summing moves them by so much.
ROUNDING = 2.0**-40
COARSE_ROUNDINGS = 32.0  # the same in float32 and float16, where a usual mistake is no smaller than so many
OTHER_LINE = Line("derivative", lambda run, l, _: activation("relu" if l == run.L else "sigmoid").derivative(run.Z[l]))
OTHER_ACTIVATION = "takes the derivative of the other activation: of sigmoid for relu, and of relu for sigmoid"


def numbers(value: Any) -> Array | None:
    """A value of other people's as an array, if it is one of numbers."""
    try:
        array = np.asarray(value)
    except ValueError:  # lists of several lengths
        return None
    return array if array.dtype.kind in "biufc" else None


def equal(given: Any, expected: Any) -> bool:
    array, expected = numbers(given), np.asarray(expected)
    if array is None or array.shape != expected.shape:
        return False
    return bool(np.all(np.abs(array - expected) <= _tolerance(expected, array)))


def apart(a: float, b: float) -> tuple[str, str]:
    """Two numbers that differ, in digits enough to show it."""
    digits = next(n for n in range(6, 18) if f"{a:.{n}g}" != f"{b:.{n}g}")
    return f"{a:.{digits}g}", f"{b:.{digits}g}"


def _tolerance(expected: Array, given: Any) -> Array:
    dtype = getattr(given, "dtype", None)
    rounding = COARSE_ROUNDINGS * np.finfo(dtype).eps if dtype in COARSE else ROUNDING
    return np.full(expected.shape, rounding * np.max(np.abs(expected)))


def findings(given: Values, expected: Values, factors: dict[float, str] | None = None) -> tuple[Finding, ...]:
    arrays = {key: np.asarray(V) for key, V in expected.items()}
    missing = tuple(Finding((key,), "missing", "is not returned") for key in arrays if key not in given)
    unfit = {key: type(given[key]).__name__ for key in arrays if key in given and numbers(given[key]) is None}
    missing += tuple(Finding((key,), "kind", f"is {kind}, expected an array of numbers") for key, kind in unfit.items())
    tolerance = {key: _tolerance(V, given.get(key)) for key, V in arrays.items()}
    return missing + structure(
        {key: given[key] for key in given if key not in unfit}, arrays, tolerance, factors=factors
    )


def first(found: Iterable[Iterable[str]]) -> list[str]:
    """What is found where anything is found first."""
    return next(filter(None, map(list, found)), [])


def say(finding: Finding) -> str:
    transposed = str(finding).replace("the transpose of the true gradient", "transposed")
    return transposed.replace("true gradient", "right value")


def in_words(given: Values, expected: Values, factors: dict[float, str] | None = None) -> Iterator[str]:
    """Say how what a function gave differs from what it should."""
    yield from map(say, findings(given, expected, factors))


def gradients(module: Module, params: dict[str, Array], X: Array, Y: Array, standard: bool = False) -> Any:
    """What their backprop returns, from the caches of their forward propagation or from the article's."""
    given = copy.deepcopy(params)
    AL, caches = module.forward(X, params) if standard else module.call("forward", X=X, params=params)
    return module.call("backprop", AL=AL, Y=Y, caches=caches, params=given, X=X)


def gradient_findings(module: Module, standard: bool = False, lines: Sequence[Line] = ()) -> tuple[Finding, ...]:
    found: list[Finding] = []
    for probe in module.probes:
        right = backprop(module.run(probe), lines)
        expected = {key: V for key, V in right.items() if not key.startswith("dA")}
        found += findings(gradients(module, *copy.deepcopy(probe[1:]), standard), expected)
    return tuple(found)
