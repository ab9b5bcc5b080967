"""New parameters returned in place of a gradient, or the reverse: wrong as declared, and right in another form."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

import numpy as np

from refnn._shapes import Array
from refnn.gradcheck.faults.diagnosis import Case
from refnn.gradcheck.faults.fault import round_numbers
from refnn.gradcheck.faults.structure import close

RATES = [digit / 10.0**k for k in range(6, 0, -1) for digit in (1, 2, 3, 5)] + [1.0]
ROUNDED = 8  # roundoffs of a parameter, by which a step may be off, or a gradient that is computed from a step


def of_another_form(cases: Sequence[Case]) -> str | None:
    """In words, what was returned in all cases: new parameters, the gradient, or a step of another rate; or None."""
    return next((text for text, holds in _forms(cases[0]) if all(map(holds, cases))), None)


def _forms(case: Case) -> Iterator[tuple[str, Callable[[Case], bool]]]:
    """Each form in words, with the test for it; rates are fitted to this case."""
    yield "these are the parameters, unchanged", _is_unchanged
    problem, truth, returned = case.problem, case.compared.truth, _returned(case)
    declared = problem.declaration.step
    if declared is not None:
        yield f"this is the gradient: leave out step={declared:g}", lambda each: _agree(each, each.compared.truth)
    products = sum(float(np.sum((problem[key] - V) * truth[key])) for key, V in returned.items())
    squares = sum(float(np.sum(truth[key] ** 2)) for key in returned)
    for rate in round_numbers(products / squares) if products and squares else ():
        step = f"W {'-' if rate > 0 else '+'} {abs(rate):g} dW"
        yield f"these are new parameters, {step}: declare step={rate:g}", partial(_is_step, rate=rate)
    for rate in RATES if declared is None else ():
        text = f"this is (old - new) / {rate:g}, as round as the parameters: return the new ones, with step={rate:g}"
        yield text, partial(_is_taken_back, rate=rate)


def _returned(case: Case) -> dict[str, Array]:
    """The arrays as they came, of parameters alone."""
    step = case.problem.declaration.step
    given = {key: V for key, V in case.compared.given.arrays.items() if key[0] != "A"}
    return given if step is None else {key: case.problem[key] - step * V for key, V in given.items()}


def _is_unchanged(case: Case) -> bool:
    return all(np.array_equal(V, case.problem[key]) for key, V in _returned(case).items())


def _is_step(case: Case, rate: float) -> bool:
    return _agree(case, {key: case.problem[key] - rate * t for key, t in case.compared.truth.items()})


def _is_taken_back(case: Case, rate: float) -> bool:
    """Whether a step by this gradient, taken back, gives it again, and it is as near to the truth as that makes it.

    A step by a multiple of the rate gives it again, too; rates are tried from below.
    """
    for key, V in _returned(case).items():
        W, u = case.problem[key].astype(V.dtype), float(np.finfo(V.dtype).eps)
        again = (W - (W - V.dtype.type(rate) * V)) / V.dtype.type(rate)
        rounded = case.compared.tolerance[key] + ROUNDED * u * np.abs(W) / rate
        taken_back = np.all(np.abs(again - V) <= ROUNDED / 2 * u * np.abs(V))
        if not (taken_back and close(V, case.compared.truth[key], rounded)):
            return False
    return True


def _agree(case: Case, expected: Mapping[str, Array]) -> bool:
    """Whether this was returned, up to the rounding of the parameters, too."""
    problem, tolerance = case.problem, case.compared.tolerance
    return all(
        close(V, expected[key], tolerance[key] + ROUNDED * np.finfo(V.dtype).eps * np.abs(problem[key]))
        for key, V in _returned(case).items()
    )
