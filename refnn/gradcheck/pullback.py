"""Judge the derivative of a function with many outputs: its vector-Jacobian product, its Jacobian-vector product, or
the Jacobian itself.

For a cotangent u, vjp(u) = Jᵀ u is the gradient of ⟨u, f⟩, and that is what `check_gradients` judges. A random u shows
nearly every fault. Outputs that are small beside others are judged alone, from values of f that are remembered. Other
defects are looked for first: two answers to one question, a vjp that is not linear, arguments that it changes, results
that a later call overwrites.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from refnn._shapes import Array, at_least_0, choice, switch, whole
from refnn.gradcheck.cached import cached_property
from refnn.gradcheck.check import check_gradients, two_errors
from refnn.gradcheck.judge import APPROXIMATE
from refnn.gradcheck.maps import Arrays, Map, along, drawn, single
from refnn.gradcheck.operators import Columns, Operator, Whole
from refnn.gradcheck.problem import Gradient
from refnn.gradcheck.question import METHODS, Report, Settled
from refnn.gradcheck.verdict.judgement import FLOOR
from refnn.gradcheck.verdict.result import GradientCheck, ParameterCheck, Verdict
from refnn.gradcheck.witness import central
from refnn.gradcheck.witness.complex_step import LINEAR, SAFETY, ZERO
from refnn.gradcheck.witness.function import Scalar, observe, random_direction, typical_size

Pull = Callable[[Arrays, Arrays], Mapping[str, Any]]  # point and cotangent -> gradient by input

ALONE = 16  # outputs that are judged alone
COLUMNS = 256  # inputs, at most, of which a jvp is asked for the derivative in each
DIRECTIONS = 16  # in which it is asked where there are more
STEPS = [2.0**-k for k in range(3, 9)]  # at which Taylor's remainder is computed
OPTIONS = ("method", "f_error", "subgradient", "executor", "progress")  # of check_gradients
SHOWS = 2.0**12  # roundoffs of its terms: a smaller remainder may be rounding


@np.errstate(all="ignore")
def check_vjp(
    f: Callable[..., Any],
    vjp: Callable[..., Any],
    inputs: Any,
    *,
    jvp: Callable[..., Any] | None = None,
    second: Callable[..., Any] | None = None,
    order: int = 1,
    seed: int = 0,
    alone: int = ALONE,
    nondeterminism: float = 0.0,
    conjugate: bool = False,
    batched: bool = False,
    **options: Any,
) -> GradientCheck:
    """Judge a vector-Jacobian product, the backward of a function with any inputs and outputs: $Jᵀ u$.

    Parameters
    ----------
    f : callable
        ``f(*inputs)`` if inputs are a tuple, else ``f(inputs)``; returns an array, or a container of arrays.
    vjp : callable
        ``vjp(*inputs, cotangent)`` with a cotangent like what f returned; returns gradients like the inputs.
    inputs : array, number, or list, tuple, dict or dataclass of them
    jvp : callable, optional
        ``jvp(*inputs, *tangents)``, of which $⟨u, jvp(v)⟩ = ⟨vjp(u), v⟩$ is asked.
    second : callable, needed for ``order=2``
        The vjp of vjp itself, ``second(*inputs, cotangent, w)`` with a w like the inputs; returns a tuple of gradients
        for the inputs and for the cotangent.
    order : 1 or 2
    seed : int, of cotangents and directions
    alone : int
        How many outputs are also judged alone: half of them the smallest, half taken at random. Along one direction,
        and entry by entry where that shows something.
    nondeterminism : float
        How far two answers to one question may be apart, beside a sum in another order.
    conjugate : bool
        True for JAX's convention of complex numbers, $∂/∂x - i ∂/∂y$; else $∂/∂x + i ∂/∂y$, as PyTorch has it.
    batched : bool
        True if f takes stacks of inputs and returns such of outputs, each array with one axis more, the first, as
        ``jax.vmap(f)`` does. vjp, jvp and second are asked at one point all the same.
    **options : method, f_error, subgradient, executor and progress, of `check_gradients`; without a bar by default

    Returns
    -------
    GradientCheck
        With the check of each cotangent in `probes`, and parameters named "input 0" … or by the keys of the inputs.

    Raises
    ------
    ValueError, TypeError
        Naming what is wrong with an argument, or with what a function returned.
    """
    if whole("order", order, 1, 2) == 2 and second is None:
        raise ValueError("order is 2 and second is None, expected second(*inputs, cotangent, w), the vjp of vjp")
    for name, function in (("vjp", vjp), ("jvp", jvp), ("second", second)):
        if not callable(function) and (name == "vjp" or function is not None):
            raise TypeError(f"{name} is {type(function).__name__}, expected a callable")
    switch("conjugate", conjugate)
    switch("batched", batched)
    rng = _source(seed, alone, nondeterminism, options)
    function = Map.of(single(f), inputs, rng, stacked=f) if batched else Map.of(f, inputs, rng)
    u, report = function.u, function.report
    if report.unfit:
        return report.on_all([])
    backward = Operator("vjp", vjp, function.inputs, function.outputs, function.inputs, conjugate)
    of_inputs, of_outputs = function.usual
    gradient = backward.asked(u, rng, report, of_inputs, nondeterminism)
    if jvp is not None:
        forward = Operator("jvp", jvp, function.inputs, function.inputs, function.outputs)
        v = drawn(function.inputs, rng)
        tangents = forward.asked(v, rng, report, of_outputs, nondeterminism)
        _adjoint((u, tangents), (v, gradient), report)
    report.notes += _taylor(function, gradient, rng)
    checks = list(_judged(function, backward, rng, alone, nondeterminism, {"seed": seed, **options}))
    if second is not None and order == 2:
        again = _of_vjp(backward, second, function.inputs, u)
        found = check_vjp(*again, seed=seed, alone=alone, nondeterminism=nondeterminism, conjugate=conjugate, **options)
        said = {Verdict.WRONG: report.wrong, Verdict.UNRELIABLE: report.unfit}.get(found.verdict, report.notes)
        said += [f"second order: {reason}" for reason in found.reasons]
        checks += [replace(check, probe=f"second order, {check.probe}") for check in found.probes]
    return report.on_all(checks)


@np.errstate(all="ignore")
def check_jvp(
    f: Callable[..., Any],
    jvp: Callable[..., Any],
    inputs: Any,
    *,
    seed: int = 0,
    alone: int = ALONE,
    nondeterminism: float = 0.0,
    **options: Any,
) -> GradientCheck:
    """Judge a Jacobian-vector product, the forward derivative of a function with any inputs and outputs: $J v$.

    Parameters
    ----------
    f, inputs, seed, alone, nondeterminism, **options : as in `check_vjp`
    jvp : callable
        ``jvp(*inputs, *tangents)``, or ``jvp(inputs, tangents)`` if it takes no more; returns what f does, moved.
        It is asked for the derivative in each input, and in random directions where there are more than 256.

    Returns
    -------
    GradientCheck, as of `check_vjp`

    Raises
    ------
    ValueError, TypeError
        Naming what is wrong with an argument, or with what a function returned.
    """
    if not callable(jvp):
        raise TypeError(f"jvp is {type(jvp).__name__}, expected a callable")
    rng = _source(seed, alone, nondeterminism, options)
    function = Map.of(f, inputs, rng)
    report = function.report
    if report.unfit:
        return report.on_all([])
    forward = Operator("jvp", jvp, function.inputs, function.inputs, function.outputs)
    forward.asked(drawn(function.inputs, rng), rng, report, function.usual[1], nondeterminism)
    size = sum(V.size for V in function.point.values())
    directions: list[Arrays] = []
    if size > COLUMNS and function.wide:
        directions = [drawn(function.inputs, rng) for _ in range(DIRECTIONS)]
        function = along(function, directions)
        report.notes.append(f"asked along {DIRECTIONS} random directions, for there are {size:,} inputs")
    columns = Columns(forward, directions)
    return report.on_all(list(_judged(function, columns, rng, alone, nondeterminism, {"seed": seed, **options})))


@np.errstate(all="ignore")
def check_jacobian(
    f: Callable[..., Any],
    jacobian: Any,
    inputs: Any,
    *,
    seed: int = 0,
    alone: int = ALONE,
    nondeterminism: float = 0.0,
    **options: Any,
) -> GradientCheck:
    """Judge a Jacobian given whole.

    Parameters
    ----------
    f, inputs, seed, alone, nondeterminism, **options : as in `check_vjp`
    jacobian : array of shape (*output shape, *input shape), or callable that returns it of the inputs
        For several outputs a container like theirs, which holds for each a container like the inputs.

    Returns
    -------
    GradientCheck, as of `check_vjp`

    Raises
    ------
    ValueError, TypeError
        Naming what is wrong with an argument, or with what a function returned.
    """
    rng = _source(seed, alone, nondeterminism, options)
    function = Map.of(f, inputs, rng)
    if function.report.unfit:
        return function.report.on_all([])
    checks = _judged(function, Whole(function, jacobian), rng, alone, nondeterminism, {"seed": seed, **options})
    return function.report.on_all(list(checks))


def _source(seed: object, alone: object, nondeterminism: object, options: Mapping[str, Any]) -> np.random.Generator:
    """The random numbers of the seed; a TypeError or ValueError names the option that is none."""
    for name in options:
        if name not in OPTIONS:
            raise TypeError(f"{name!r} is no option of this check, expected {', '.join(OPTIONS)}")
    choice("method", options.get("method", METHODS[0]), METHODS[:-1])
    for name in ("subgradient", "progress"):
        switch(name, options.get(name, False))
    two_errors(options.get("f_error", 0.0))
    whole("alone", alone, 0)
    at_least_0("nondeterminism", nondeterminism)
    return np.random.default_rng(whole("seed", seed, 0))


def _judged(
    function: Map, pull: Pull, rng: np.random.Generator, alone: int, apart: float, options: Mapping[str, Any]
) -> Iterator[GradientCheck]:
    """The check of ⟨u, f⟩, then of each output array alone, then of single outputs. Only the first asks f anew."""
    u, options = function.u, {"progress": False, **options}
    fixed = isinstance(pull, Whole) and not callable(pull.jacobian)  # known at one point only
    parts: list[tuple[str, Arrays]] = [("a random cotangent", u)]
    if len(u) > 1:
        parts += [(f"{name} alone", {k: V if k == name else 0 * V for k, V in u.items()}) for name in u]
    values = function(function.wide_point)

    def judged(name: str, part: Arrays) -> GradientCheck:
        known = _known_to(part, values, options)
        with np.errstate(all="ignore"):  # of cotangents with zeros, which the code may never have met
            gradient = pull(function.point, part) if fixed else Settled(lambda point: pull(point, part), apart)
            check = check_gradients(Product(function, part), dict(function.point), gradient, **known)
        function.recalls = True
        if check.verdict is Verdict.BLIND and not any(V.size for V in part.values()):
            check = replace(check, verdict=Verdict.PASS, reasons=(), notes=(*check.notes, "f has no outputs to judge"))
        return replace(check, probe=name)

    whole = [judged(name, part) for name, part in parts]
    yield from whole
    wrong = any(check.verdict is Verdict.WRONG for check in whole)
    # If all outputs together are undecided because f may be inexact, one output that is as nearly right is no fault.
    nearly = APPROXIMATE if any(check.verdict is Verdict.UNRELIABLE for check in whole) else 0.0
    entries, unseen = [] if wrong else _entries(u, values, rng, alone), 0
    largest = max((float(np.nan_to_num(np.abs(u[k] * V)).max(initial=0)) for k, V in values.items()), default=0.0)
    D = {name: random_direction(V, rng) for name, V in function.wide_point.items()}
    for name, index in entries:
        part = {k: np.zeros(V.shape) for k, V in u.items()}
        part[name][index] = u[name][index]
        with np.errstate(all="ignore"):
            given = pull(function.point, part)
            error = _known_to(part, values, options).get("f_error", 0.0)
            known = observe(Product(function, part), function.point, np.random.default_rng(0), (error, 0.0))
        if (seen := _seen(known, Gradient.of(given, function.point), D, apart)) is None:
            check = judged(f"{name}{list(index) if index else ''} alone", part)
            if any(_beyond_rounding(p, function.point, (known.value, largest), nearly) for p in check.parameters):
                yield check
                return
            seen = bool(check)
        unseen += not seen
    if entries:
        text = f"{len(entries):,} of {sum(V.size for V in u.values()):,} outputs were also judged alone"
        function.report.notes.append(text + f", {unseen:,} of them too small or imprecise to tell" * (unseen > 0))


def _seen(function: Scalar, given: Gradient, D: Arrays, apart: float) -> bool | None:
    """Of an output whose gradient agrees along D: whether its derivative there can be told from zero. None if it does
    not agree, and has to be judged entry by entry."""
    slope = central.along(function, D)
    terms = [given.arrays[name].astype(np.float64) * V for name, V in D.items()]
    u = max(map(given.roundoff, given.arrays))
    allowed = slope.error + LINEAR * u * math.fsum(float(np.abs(V).sum()) for V in terms) + SAFETY * u * slope.bend
    allowed += apart * math.fsum(float(np.abs(V).sum()) for V in D.values())
    agrees = abs(math.fsum(float(V.sum()) for V in terms) - slope.value) <= allowed
    return abs(slope.value) > 2 * slope.error if agrees and slope.sides is None else None


def _known_to(u: Arrays, values: Arrays, options: Mapping[str, Any]) -> Mapping[str, Any]:
    """The options, with the `f_error` of the outputs as one of ⟨u, f⟩; outputs coarser than float32 always have one."""
    absolute, relative = two_errors(options.get("f_error", 0.0))
    known = 0.0
    for name, V in values.items():
        eps = float(np.finfo(V.dtype).eps)
        coarse = eps if eps > np.finfo(np.float32).eps else 0.0
        known += float(np.sum(np.abs(u[name]) * (absolute + (relative + coarse) * np.nan_to_num(np.abs(V), posinf=0))))
    return {**options, "f_error": known} if known else options


def _entries(u: Arrays, values: Arrays, rng: np.random.Generator, count: int) -> list[tuple[str, tuple[int, ...]]]:
    """Outputs to be judged alone: the smallest, which a sum with others hides, and some at random."""
    places = [(name, tuple(map(int, index))) for name, V in u.items() for index in np.argwhere(V)]
    if len(places) < 2:
        return []
    sizes = np.array([np.abs(values[name][index]) for name, index in places])
    first = np.argsort(sizes, kind="stable")[: count // 2].tolist()
    others = [k for k in rng.permutation(len(places)).tolist() if k not in first]
    return [places[k] for k in (first + others)[:count]]


@dataclass(frozen=True, eq=False)
class Product:
    """⟨u, f⟩, in float32 where f is no finer. Outputs whose weight is 0 are left out: they may be infinite."""

    function: Map
    u: Arrays

    def __call__(self, arrays: Arrays) -> Any:
        return self._value(self.function(arrays))

    @property
    def many(self) -> Callable[[Sequence[Arrays]], Any]:
        """Of many points at once; an AttributeError if f cannot be asked so."""
        many = self.function.many
        return lambda points: map(self._value, many(points))

    def _value(self, found: Arrays) -> Any:
        value = sum(np.sum(found[name][where] * self.u[name][where]) for name, where in self._taken.items())
        coarse = all(np.finfo(found[name].dtype).eps > np.finfo(np.float64).eps for name in self._taken)
        return np.float32(value) if coarse and np.isrealobj(value) else value

    @cached_property
    def _taken(self) -> dict[str, Array]:
        return {name: V != 0 for name, V in self.u.items() if V.any()}


def _beyond_rounding(parameter: ParameterCheck, point: Arrays, values: tuple[float, float], nearly: float) -> bool:
    """Whether an array is wrong, for one output alone, by more than rounding may have done, and by more than `nearly`.

    What rounds is the value of the output. Where that is 0, or does not change with the entry, it is the largest value
    of all, for the output may be what is left of numbers as large as that.
    """
    if parameter.verdict is not Verdict.WRONG or (worst := parameter.worst) is None:
        return parameter.verdict is Verdict.WRONG
    V = point[parameter.name]
    own, largest = map(abs, values)
    roundoff = float(np.finfo(V.dtype).eps) / 2 / typical_size(V)[worst.index]
    rounding = roundoff * (FLOOR * own if own and worst.expected else ZERO * largest)
    return not worst.error <= max(rounding, nearly * abs(worst.expected))


def _adjoint(outputs: tuple[Arrays, Arrays], inputs: tuple[Arrays, Arrays], report: Report) -> None:
    """Whether ⟨u, J v⟩ = ⟨Jᵀ u, v⟩, to half the digits: what is finer is left to the judge of entries."""
    sides = outputs, inputs
    terms = [[V * slopes[name].astype(np.float64) for name, V in vectors.items()] for vectors, slopes in sides]
    left, right = (math.fsum(float(V.sum()) for V in side) for side in terms)
    size = math.fsum(float(np.abs(V).sum()) for side in terms for V in side)
    coarsest = max(float(np.finfo(V.dtype).eps) for _, slopes in sides for V in slopes.values())
    apart = abs(left - right) / size if size else 0.0
    text = f"⟨u, jvp(v)⟩ = {left:.6g} and ⟨vjp(u), v⟩ = {right:.6g} are apart by {apart:.1e} of the sum of their terms"
    (report.notes if apart <= math.sqrt(coarsest) else report.wrong).append(text)


def _taylor(function: Map, gradient: Arrays, rng: np.random.Generator) -> list[str]:
    """The rate at which f(x + h v) - f(x) - h J v falls with h, as far as u sees it: 2 if the derivative is right."""
    point = {name: V.astype(np.float64) for name, V in function.point.items()}
    D = {name: random_direction(V, rng) for name, V in point.items()}
    product = Product(function, function.u)
    with np.errstate(all="ignore"):
        start, remainders = float(product(function.wide_point)), []
        for h in STEPS:
            moved = {name: V + h * D[name] for name, V in point.items()}
            if not function.wide:
                moved = {name: V.astype(function.point[name].dtype) for name, V in moved.items()}
            try:
                value = float(product(moved))
            except (ArithmeticError, ValueError):  # off its domain
                continue
            step = sum(float(np.sum(gradient[name] * (moved[name] - V))) for name, V in point.items())
            eps = float(np.finfo(np.float64 if function.wide else np.float32).eps)
            if abs(value - start - step) > SHOWS * eps * max(abs(value), abs(start), abs(step)):
                remainders.append((math.log2(h), math.log2(abs(value - start - step))))
    if len(remainders) < 3 or not all(math.isfinite(r) for _, r in remainders):
        return []
    steps, sizes = np.array(remainders[-3:]).T
    rate = float(np.polyfit(steps, sizes, 1)[0])
    return [f"Taylor's remainder f(x + h v) - f(x) - h J v falls as h^{rate:.2f}"]


def _of_vjp(
    backward: Operator, second: Callable[..., Any], inputs: Any, u: Arrays
) -> tuple[Callable[..., Any], Callable[..., Any], tuple[Any, Any]]:
    """vjp as a function of inputs and cotangent, with its own vjp, and its arguments."""

    def gradient(x: Any, cotangent: Any) -> Any:
        return inputs.hand(backward.f, x, cotangent)

    def pulled(x: Any, cotangent: Any, w: Any) -> Any:
        return inputs.hand(second, x, cotangent, w)

    return gradient, pulled, (inputs.template, backward.domain.put(u, own=True))
