"""New parameters returned in place of a gradient, or the reverse: wrong as declared, and right in another form."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

import numpy as np

from refnn._shapes import Array
from refnn.gradcheck.faults.fault import round_numbers
from refnn.gradcheck.faults.structure import close
from refnn.gradcheck.problem import Problem
from refnn.gradcheck.verdict.judgement import Comparison

RATES = [digit / 10.0**k for k in range(6, 0, -1) for digit in (1, 2, 3, 5)] + [1.0]
ROUNDED = 8  # roundoffs of a parameter, by which a step may be off, or a gradient that is computed from a step

Case = tuple[Problem, Comparison]


def of_another_form(cases: Sequence[Case]) -> str | None:
    """In words, what was returned in all cases: new parameters, the gradient, or a step of another rate; or ""."""
    return next((text for text, holds in _forms(*cases[0]) if all(holds(*case) for case in cases)), None)


def _forms(problem: Problem, compared: Comparison) -> Iterator[tuple[str, Callable[[Problem, Comparison], bool]]]:
    """Each form in words, with the test for it; rates are fitted to this case."""
    yield "these are the parameters, unchanged", _is_unchanged
    declared = problem.declaration.step
    if declared is not None:
        yield f"this is the gradient: leave out step={declared:g}", _is_gradient
    returned, truth = _returned(problem, compared), compared.truth
    fits = [
        (float(np.sum((problem[key] - V) * truth[key])), float(np.sum(truth[key] ** 2))) for key, V in returned.items()
    ]
    products, squares = map(sum, zip(*fits))
    for rate in round_numbers(products / squares) if products and squares else ():
        step = f"W {'-' if rate > 0 else '+'} {abs(rate):g} dW"
        yield f"these are new parameters, {step}: declare step={rate:g}", partial(_is_step, rate=rate)
    for rate in RATES if declared is None else ():
        text = f"this is (old - new) / {rate:g}, as round as the parameters: return the new ones, with step={rate:g}"
        yield text, partial(_is_taken_back, rate=rate)


def _returned(problem: Problem, compared: Comparison) -> dict[str, Array]:
    """The arrays as they came, of parameters alone."""
    step = problem.declaration.step
    given = {key: V for key, V in compared.given.arrays.items() if key[0] != "A"}
    return given if step is None else {key: problem[key] - step * V for key, V in given.items()}


def _is_unchanged(problem: Problem, compared: Comparison) -> bool:
    return all(np.array_equal(V, problem[key]) for key, V in _returned(problem, compared).items())


def _is_gradient(problem: Problem, compared: Comparison) -> bool:
    return _agree(_returned(problem, compared), compared.truth, problem, compared.tolerance)


def _is_step(problem: Problem, compared: Comparison, rate: float) -> bool:
    returned = _returned(problem, compared)
    moved = {key: problem[key] - rate * compared.truth[key] for key in returned}
    return _agree(returned, moved, problem, compared.tolerance)


def _is_taken_back(problem: Problem, compared: Comparison, rate: float) -> bool:
    """Whether a step by this gradient, taken back, gives it again, and it is as near to the truth as that makes it.

    A step by a multiple of the rate gives it again, too; rates are tried from below.
    """
    for key, V in _returned(problem, compared).items():
        W, u = problem[key].astype(V.dtype), float(np.finfo(V.dtype).eps)
        again = (W - (W - V.dtype.type(rate) * V)) / V.dtype.type(rate)
        rounded = compared.tolerance[key] + ROUNDED * u * np.abs(W) / rate
        if not (np.all(np.abs(again - V) <= ROUNDED / 2 * u * np.abs(V)) and close(V, compared.truth[key], rounded)):
            return False
    return True


def _agree(
    given: Mapping[str, Array], expected: Mapping[str, Array], problem: Problem, tolerance: Mapping[str, Array]
) -> bool:
    """Up to the rounding of the parameters, too."""
    return all(
        close(V, expected[key], tolerance[key] + ROUNDED * np.finfo(V.dtype).eps * np.abs(problem[key]))
        for key, V in given.items()
    )
