"""The gradient of any function of arrays, in whichever container: computed numerically, or judged."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from typing import Any

import numpy as np

from refnn import _shapes
from refnn.gradcheck.judge import judge_function, trust
from refnn.gradcheck.judged import Formula, asked
from refnn.gradcheck.problem import Gradient
from refnn.gradcheck.question import METHODS, Called, Question, parameters
from refnn.gradcheck.verdict.result import GradientCheck, ParameterCheck, Testimony, Verdict
from refnn.gradcheck.witness import complex_step
from refnn.gradcheck.witness.entries import find
from refnn.gradcheck.witness.function import Function, observe
from refnn.gradcheck.witness.workers import Workers
from refnn.numbers import exact_check


@np.errstate(all="ignore")
def numerical_gradient(f: Callable[..., Any], params: Any, *, method: str = "auto", batched: bool = False) -> Any:
    """The gradient of f at params, without a formula.

    Parameters
    ----------
    f : callable
        ``f(params) -> scalar``; is given copies, as in `check_gradients`.
    params : array, number, or list, tuple, dict or dataclass of them
    method : "complex", "central" or "auto"
        The complex step keeps every digit, for an f made of complex-safe operations; central differences take any f.
        "auto" tries f for that and chooses.
    batched : bool, whether f takes stacks of points, as in `check_gradients`

    Returns
    -------
    container like params, with float64 arrays in place of its numbers

    Raises
    ------
    ValueError
        If f cannot be differentiated here: it is random, changes its argument or is not finite; or, with
        ``method="complex"``, if it is not complex-safe; or if params is empty or not finite.
    TypeError
        If f returns no scalar, or params holds no real arrays.
    """
    _shapes.choice("method", method, METHODS[:-1])
    _shapes.switch("batched", batched)
    rng = np.random.default_rng(0)
    tree = parameters(f, params)
    function = observe(Called(f, tree, batched=batched), tree.arrays, rng)
    if function.unfit:
        raise ValueError("; ".join(function.unfit))
    arrays = function.params
    places = [(key, index) for key, V in arrays.items() for index in range(V.size)]
    trusted = trust(function, method, rng)
    found = find(function, complex_step.neighbours(function, rng, trusted.spacing), trusted, places)
    parts = np.split(found.value, np.cumsum([V.size for V in arrays.values()])[:-1])
    return tree.filled({key: part.reshape(V.shape) for (key, V), part in zip(arrays.items(), parts, strict=True)})


@np.errstate(all="ignore")
def check_gradients(
    f: Callable[..., Any],
    params: Any,
    grads: Any = None,
    *,
    method: str = "auto",
    f_error: float | tuple[float, float] = 0.0,
    subgradient: bool = False,
    conjugate: bool = False,
    batched: bool = False,
    seed: int = 0,
    executor: Executor | None = None,
    progress: bool = True,
) -> GradientCheck:
    """Judge a gradient of any f.

    For a backprop of a network use `check_backprop` or `check_network`: they know how far rounding can take
    its formulas. Of another f the noise of its own derivative is known and, of a gradient given as a function, that of
    the gradient. A gradient given as numbers that is off by more, and right to half its digits, is UNRELIABLE, for its
    formula may cancel where f does not.

    Parameters
    ----------
    f : callable
        ``f(params) -> scalar``, or ``f(*params)`` if it takes the members of a tuple one by one. It is given copies, in
        the containers and forms in which params came, in float64 or complex numbers where it takes them.
    params : array, number, or list, tuple, dict or dataclass of them, also of PyTorch, JAX and what NumPy reads
        Each leaf is a parameter, named by its key or place; a complex one is two. What holds no numbers is handed on,
        as are integers beside floats, unless they have a gradient.
    grads : container like params, or callable ``grads(params)`` that returns one, in its own dtype
        Also a dict with "dW1" for "W1", in which "dA0" … are not looked at, or with the names of the parameters; None
        in place of zeros. May be left out where f returns a pair (value, gradient). A callable is asked at neighbouring
        points too, which shows how much its formula cancels; with ``method="exact"`` it has to be one, and is given
        exact numbers.
    conjugate : bool
        True for JAX's convention of complex numbers, $∂f/∂x - i ∂f/∂y$; else $∂f/∂x + i ∂f/∂y$, as PyTorch has it.
    method : str
        "auto" takes the complex step if f carries it, else central differences: along sums of entries, and in each
        entry that a sum leaves open. "complex" or "central" compare every entry with this witness; "exact" runs f and
        grads over a finite field, tolerance zero (`refnn.numbers.exact_check`).
    f_error : float, or two
        How far f may be off beyond rounding, as the result of a solver or a table: absolutely, or absolutely and
        relative to its value. An iteration that stops where a step is below tol may be off by tol / (1 - q), q the
        factor by which its steps shrink.
    subgradient : bool
        Accept at a kink of f each slope between those of its sides.
    batched : bool
        True if f takes many points at once, as ``jax.vmap(f)`` does: each array has one axis more, the first, and f
        returns a value for each.
    seed : int, of random directions and points
    executor : concurrent.futures.Executor, optional
        Shares the work of comparing entries; for a process pool f has to be picklable.
    progress : bool, whether long work shows a bar on a terminal

    Returns
    -------
    GradientCheck

    Raises
    ------
    ValueError, TypeError
        Naming all that is wrong with an argument, or a `method="complex"` for which f is not made.
    """
    switches = {"subgradient": subgradient, "conjugate": conjugate, "batched": batched, "progress": progress}
    for name, value in switches.items():
        _shapes.switch(name, value)
    _shapes.choice("method", method, METHODS)
    rng = np.random.default_rng(_shapes.whole("seed", seed, 0))
    if method == "exact":  # on numbers of other kinds
        return _judge_exactly(f, params, grads, seed)
    question = Question.of(f, params, grads, conjugate=conjugate, batched=batched)
    arrays = question.tree.arrays
    # At a kink neighbours have other gradients, which tell nothing of the rounding of this one.
    gradient = None if subgradient else question.gradient
    function = observe(question.f, arrays, rng, two_errors(f_error))
    given = Gradient.of(asked(gradient, function.params) if gradient else question.grads, arrays)
    formula = Formula(given, subgradient=subgradient).measured(gradient, function, rng)
    workers = Workers(executor, progress)
    return question.answer(judge_function(function, formula, rng, method=method, workers=workers))


def two_errors(f_error: Any) -> tuple[float, float]:
    """How far f may be off, absolutely and relative to its value."""
    absolute, relative = f_error if isinstance(f_error, tuple) and len(f_error) == 2 else (f_error, 0.0)
    return _shapes.at_least_0("f_error", absolute), _shapes.at_least_0("f_error", relative)


def _judge_exactly(f: Function, params: Mapping[str, Any], grads: Any, seed: int) -> GradientCheck:
    """Over a finite field."""
    if not callable(grads):
        raise TypeError(
            f"grads is {type(grads).__name__}, expected a callable grads(params) for method='exact', "
            "which is run on exact numbers"
        )
    found = exact_check(f, grads, params, seed=seed)
    checks = [
        ParameterCheck(
            name,
            differs.shape,
            Verdict.WRONG if differs.any() else Verdict.PASS,
            wrong=int(differs.sum()),
            reason=f"not the derivative, the first at {np.argwhere(differs)[0].tolist()}" if differs.any() else "",
        )
        for name, differs in found.differs.items()
    ]
    testimony = Testimony("exact derivative over a finite field", sum(check.size for check in checks))
    tolerance = f"zero; a wrong entry passes with probability {found.false_pass:.1e} at most"
    return GradientCheck.of(checks, (testimony,), tolerance)
