r"""Is this gradient the derivative of this function?  Decided exactly, for NumPy code that runs on object arrays.

The function runs on dual numbers over a finite field (`refnn.numbers.field`), at a random point with random atoms, and
the gradient must equal the dual part in every entry, with tolerance zero.

**What a pass means.** Entry minus dual part is a rational function of the inputs and the atoms. If it is not
identically zero, the Schwartz-Zippel lemma bounds the probability that it vanishes at the random point:

    P(a wrong entry passes)  <=  (degree of its numerator  +  k^2 * degree of the atoms' arguments) / p

where p = 2^61 - 1, k atoms occur, and the second term counts the chance that two different arguments collide: there are
fewer than k^2 / 2 pairs of them, and the numerator of a difference has at most the degrees of both.
`ExactCheck.false_pass` is this number for the code at hand: the degrees are found by running the same code on `Degree`.
It assumes that the keyed atoms behave like independent uniform draws, and that p does not divide every coefficient of
the numerator. It says nothing of rounding, which `refnn.certify` bounds, nor of branches: comparisons are refused. A
kink is met on the sides that were drawn (`FieldElement.step`), of which a pass speaks; another seed draws others.

**What a failure means.** The two are not equal by algebra and the laws of the atoms. A right gradient that
needs exp(x+y) = exp(x) exp(y) to be seen as right also fails here; formulas for sigmoids and softmax do not need it.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from refnn._progress import bar

from .arrays import Objects, map_entries
from .degree import Degree, recording
from .dual import Dual
from .field import ExactnessError, FieldElement, P, atoms, lift, random_point

Function = Callable[[dict[str, Objects]], Any]
GradientFunction = Callable[[dict[str, Objects]], Mapping[str, Any]]

_DIRECTIONS = 64  # one-hot directions carried by one run; bounds the memory, not the result
_ONE_BY_ONE = 500  # entries up to which each has a direction of its own: some seconds


def exact_gradient(f: Function, point: Mapping[str, ArrayLike], *, key: int = 0) -> dict[str, Objects]:
    """The gradient of `f` over the field, from the chain rule of dual numbers: one direction for each entry.

    Parameters
    ----------
    f : callable
        ``f(params) -> scalar``; must run on a dict of object arrays.
    point : dict of arrays of FieldElement, int or Fraction
        Where to differentiate; `random_point` makes one.
    key : int, optional
        Chooses the atoms of exp and log.

    Returns
    -------
    dict of object arrays of FieldElement, keyed and shaped like `point`

    Raises
    ------
    ExactnessError
        If `f` compares, rounds, uses an inexact literal or an unsupported function, or returns no scalar.
    """
    arrays = {name: lift(array) for name, array in point.items()}
    n = sum(array.size for array in arrays.values())
    slopes = [
        _slopes(f, arrays, np.eye(n, min(_DIRECTIONS, n - start), -start, dtype=int), key)
        for start in bar(range(0, n, _DIRECTIONS), "exact derivatives", show=n > _ONE_BY_ONE)
    ]
    flat = iter(np.concatenate(slopes))
    return {name: map_entries(lambda _: next(flat), array) for name, array in arrays.items()}


def _slopes(f: Function, arrays: dict[str, Objects], directions: NDArray[Any], key: int) -> Objects:
    """The derivative of f along each column of `directions`."""
    rows = iter(map_entries(FieldElement, directions))
    duals = {name: map_entries(lambda value: Dual(value, next(rows)), array) for name, array in arrays.items()}
    with atoms(key):
        return np.broadcast_to(_scalar(f, duals).tangent, directions.shape[1:])


@dataclass(frozen=True)
class ExactCheck:
    """Whether a gradient equals the exact derivative, entry by entry; true in a boolean context if all do.

    Attributes
    ----------
    differs : dict of bool arrays
        True where the gradient is wrong. A difference is certain, up to the laws of the atoms.
    false_pass : float
        Bound on the probability that a wrong entry is not seen (module docstring).
    witness : str
        The directions of the derivatives that the gradient was compared with.
    """

    differs: dict[str, NDArray[np.bool_]]
    false_pass: float
    witness: str

    def __bool__(self) -> bool:
        return not any(array.any() for array in self.differs.values())

    def __str__(self) -> str:
        entries = sum(array.size for array in self.differs.values())
        wrong = {name: np.argwhere(array) for name, array in self.differs.items() if array.any()}
        if not wrong:
            return (
                f"EXACT: {entries} of {entries} entries equal the derivative, tolerance zero, by {self.witness}; "
                f"a wrong entry passes with probability at most {self.false_pass:.1e}"
            )
        where = "\n".join(
            f"  {name}: {len(indices)} of {self.differs[name].size} entries differ, the first at "
            f"{name}[{', '.join(map(str, indices[0]))}]"
            for name, indices in wrong.items()
        )
        return f"WRONG: not the derivative of f (exact arithmetic, tolerance zero)\n{where}"


def exact_check(f: Function, grads: GradientFunction, params: Mapping[str, ArrayLike], *, seed: int = 0) -> ExactCheck:
    """Compare a gradient with the derivative of `f`, exactly, at a random point of the field.

    Up to 500 entries are compared one by one. Of more, all are compared at once, by the derivative along one random
    direction, whose coefficients add 1 to the degree; one by one only where that shows a difference.

    Parameters
    ----------
    f : callable
        ``f(params) -> scalar``; must run on a dict of object arrays. Data that it closes over must be exact: integers,
        Fractions, or floats made exact by `lift`.
    grads : callable
        ``grads(params) -> dict`` of arrays keyed "W1" or "dW1" for the parameter "W1"; other keys are not looked at.
    params : dict of arrays
        Only names and shapes are used.
    seed : int, optional
        Chooses the point and the atoms.

    Returns
    -------
    ExactCheck

    Raises
    ------
    ExactnessError
        If `f` or `grads` compares, rounds, uses an inexact literal or an unsupported function.
    ValueError
        If `grads` lacks a parameter or gives it another shape, or a function changes its argument.
    TypeError
        If `params` or what `grads` returns is no dict of arrays.
    """
    point = random_point(params, seed=seed)
    with atoms(seed):
        found = _gradient(grads, {name: map_entries(Dual, array) for name, array in point.items()})
    flat = np.concatenate([array.ravel() for array in found.values()])
    if flat.size > _ONE_BY_ONE:
        direction = random_point({"": flat}, seed=seed + 1)[""]
        if (_slopes(f, point, direction[:, None], seed) == direction @ flat).all():
            equal = {name: np.zeros(array.shape, dtype=bool) for name, array in point.items()}
            return ExactCheck(equal, _false_pass(f, grads, point, 1), "a random direction over all of them")
    expected = exact_gradient(f, point, key=seed)
    differs = {name: map_entries(lambda a, b: a != b, found[name], expected[name]).astype(bool) for name in point}
    return ExactCheck(differs, _false_pass(f, grads, point, 0), "a direction for each")


def _false_pass(f: Function, grads: GradientFunction, point: dict[str, Objects], direction: int) -> float:
    with recording() as arguments:
        degrees = {name: map_entries(lambda _: Dual(Degree(1), Degree(0)), array) for name, array in point.items()}
        derivative = _scalar(f, degrees).tangent
        found = _gradient(grads, degrees)
        difference = max((derivative - v).numerator for array in found.values() for v in array.flat)
    argument = max((v.numerator + v.denominator for v in arguments), default=0)
    return float(min(1, (difference + direction + len(arguments) ** 2 * argument) / P))


def _gradient(grads: GradientFunction, point: dict[str, Objects]) -> dict[str, Objects]:
    """Run `grads` and return the values of its entries under the names of the parameters."""
    result = _run("grads", grads, point)
    if not isinstance(result, Mapping):
        raise TypeError(f"grads returned {type(result).__name__}, expected a dict of arrays")
    given = {name: f"d{name}" if f"d{name}" in result else name for name in point}
    if missing := [f"grads has no entry 'd{name}' or '{name}'" for name in point if given[name] not in result]:
        raise ValueError("; ".join(missing))
    found = {
        name: map_entries(lambda v: v.value if isinstance(v, Dual) else v, np.asarray(result[key], dtype=object))
        for name, key in given.items()
    }
    if wrong := [
        f"the gradient of {name} has shape {found[name].shape}, expected {V.shape}"
        for name, V in point.items()
        if found[name].shape != V.shape
    ]:
        raise ValueError("; ".join(wrong))
    return found


def _scalar(f: Function, duals: dict[str, Objects]) -> Dual:
    result = _run("f", f, duals)
    if isinstance(result, np.ndarray) and result.size == 1:
        result = result.item()
    if not isinstance(result, Dual):
        raise ExactnessError(f"f returned {type(result).__name__}, expected one scalar that depends on the parameters")
    return result


def _run(name: str, function: Callable[[dict[str, Objects]], Any], params: dict[str, Objects]) -> Any:
    given = {key: array.copy() for key, array in params.items()}
    try:
        result = function(given)
    except ExactnessError as error:
        raise ExactnessError(f"{name} is not exact: {error}") from error
    except TypeError as error:  # what NumPy raises where it has no loop for objects
        raise ExactnessError(f"{name} does not run on object arrays: {error}") from error
    if given.keys() != params.keys() or not all(
        np.shape(given[key]) == V.shape and all(map(operator.is_, np.ravel(given[key]), V.flat))
        for key, V in params.items()
    ):
        raise ValueError(f"{name} changes its argument, expected a function that leaves it as it is")
    return result
