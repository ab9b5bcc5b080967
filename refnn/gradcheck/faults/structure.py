"""What a wrong gradient looks like beside the true one: factors, signs, swaps, zeros, single entries.

`structure` describes and does not explain: each finding is a fact about the numbers. Only a factor that the caller has
named (`factors={7: "m: the mean over examples is missing"}`) is given that name.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from refnn._shapes import Array
from refnn.gradcheck.verdict.judgement import Comparison
from refnn.gradcheck.verdict.result import Diagnosis, Finding, GradientCheck, Verdict

Arrays = Mapping[str, Array]
Fact = tuple[str, str, float | None]  # kind, text and value of a finding

RESOLVED = 0.1  # of the largest entry: if the tolerance is more, any factor would fit
LISTED = 3  # single entries that are spelled out
DECIMALS_WORTH_NAMING = 3


def described(check: GradientCheck, compared: Comparison) -> GradientCheck:
    """The check with the structure of the error as its diagnosis, if it is WRONG and something was compared."""
    if check.verdict is not Verdict.WRONG or not compared.given.arrays:
        return check
    given, *beside = compared.shown
    wrong = {name: given[name] for name in (part.name for part in check.parameters if part.wrong) if name in given}
    sampled = {part.name for part in check.parameters if part.name in given and given[part.name].size != part.size}
    findings = (  # places in a sample are no indices of the array
        found for found in structure(wrong, *beside) if found.kind != "entries" or not sampled & {*found.parameters}
    )
    return replace(check, diagnosis=Diagnosis((), tuple(findings)))


def structure(
    grads: Arrays, truth: Arrays, tolerance: Arrays, *, factors: Mapping[float, str] | None = None
) -> tuple[Finding, ...]:
    """Describe, parameter by parameter, how a gradient differs from the true one by more than its tolerance.

    Keys that only one of `grads` and `truth` has are not looked at. `factors` names those that have a meaning here,
    such as the number of examples. Parameters that differ in the same way share one finding.
    """
    found: dict[Fact, list[str]] = {}
    for key in truth:
        if key in grads:
            fact = _describe(key, np.asarray(grads[key]), truth, tolerance, factors or {})
            if fact is not None:
                found.setdefault(fact, []).append(key)
    return tuple(Finding(tuple(keys), kind, text, value) for (kind, text, value), keys in found.items())


def close(given: Array, expected: Array, tolerance: Array, scale: float = 1.0) -> bool:
    """Whether two arrays of one shape agree, the tolerance scaled where a factor has scaled the error."""
    return given.shape == expected.shape and bool(np.all(np.abs(given - expected) <= tolerance * max(1.0, scale)))


def _describe(key: str, g: Array, truth: Arrays, tolerance: Arrays, factors: Mapping[float, str]) -> Fact | None:
    """What is to be said of the gradient `g` of one parameter; None where it is right."""
    t, tol = truth[key], tolerance[key]
    if g.shape != t.shape:
        return "shape", _misshapen(g, t, tol), None
    if not np.all(np.isfinite(g)):
        return "not-finite", f"{np.sum(~np.isfinite(g))} of {g.size} entries are NaN or infinite", None
    wrong = np.abs(g - t) > tol
    if not wrong.any():
        return None
    if not g.any():
        return "zero", "zero in every entry", 0.0
    factor = _factor(g, t, tol)
    if factor is not None and f"{factor:.6g}" != "1":
        return _named_factor(factor, t, tol, factors)
    for other, value in truth.items():
        if other != key and close(g, value, tolerance[other]):
            return "swapped", f"holds what belongs to {other}", None
    if t.ndim == 2 and t.shape[0] == t.shape[1] and close(g, t.T, tol.T):
        return "transposed", "this is the transpose of the true gradient", None
    return _somewhere(g, t, tol, wrong) or _everywhere(g, t)


def _misshapen(g: Array, t: Array, tol: Array) -> str:
    text = f"has shape {g.shape}, expected {t.shape}"
    if close(g, t.T, tol.T):
        return f"{text}: the transpose of the true gradient"
    if g.size == t.size and close(g.reshape(t.shape), t, tol):
        return f"{text}: the entries of the true gradient in another shape"
    if g.size == 1 and close(g.reshape(()), t.sum(), tol.sum()):
        return f"{text}: the sum of all entries of the true gradient"
    return text


def _factor(g: Array, t: Array, tol: Array) -> float | None:
    """Return c where g = c t in every entry. One entry alone would show nothing but itself."""
    if not np.max(tol) < RESOLVED * np.max(np.abs(t)):
        return None
    small, unit = _in_range(g, t)
    c = float(np.sum(small * unit)) / float(np.sum(unit * unit))
    return c if close(g, c * t, tol, abs(c)) else None


def _in_range(g: Array, t: Array) -> tuple[Array, Array]:
    """Both over the largest entry of t, so that their squares are in the range of floats."""
    largest = np.abs(t).max()
    return np.asarray(g / largest, np.float64), np.asarray(t / largest, np.float64)


def _named_factor(c: float, t: Array, tol: Array, factors: Mapping[float, str]) -> Fact:
    """Say that a gradient is c times the true one, with the factor's name if it has one."""
    slack = float(np.max(tol)) * max(1.0, abs(c)) / float(np.max(np.abs(t)))

    def equals(number: float) -> bool:
        return abs(c - number) <= slack

    if equals(-1):
        return "sign", "the sign is flipped in every entry", -1.0
    for number, name in factors.items():
        for sign, flipped in ((1, ""), (-1, ", and the sign is flipped")):
            if number != 1 and equals(sign * number):
                return "factor", f"{number:.6g} times the true gradient in every entry, {name}{flipped}", sign * number
    return "factor", f"{c:.6g} times the true gradient in every entry", float(f"{c:.6g}")


def _somewhere(g: Array, t: Array, tol: Array, wrong: Array) -> Fact | None:
    """Describe wrong entries that are few, or that fill rows or columns and leave others right."""
    count, wrong_ones = int(wrong.sum()), [V[wrong] for V in (g, t, tol)]
    if wrong.ndim == 2:
        for axis, kind in ((1, "row"), (0, "column")):
            lines = np.flatnonzero(wrong.any(axis=axis))
            if len(lines) == 1 and count > 1 and wrong.shape[1 - axis] > 1:
                return kind, f"wrong in {kind} {lines[0]} only{_like(*wrong_ones)}", None
        if count == wrong.size:
            return None
    slight = np.linalg.norm(g - t) <= np.finfo(t.dtype).eps * np.linalg.norm(t)  # beside the other entries
    if count > max(LISTED, wrong.size // 10) and not slight:
        return None
    worst = sorted(map(tuple, np.argwhere(wrong).tolist()), key=lambda i: -abs(g[i] - t[i]))[:LISTED]
    listed = "; ".join(f"{[*i]} is {float(g[i])!r}, not {float(t[i])!r}" for i in worst)
    return "entries", f"wrong in {count} of {wrong.size} entries{_like(*wrong_ones)}: {listed}", None


def _like(g: Array, t: Array, tol: Array) -> str:
    """Say what the wrong entries have in common."""
    if not g.any():
        return ", where it is zero"
    factor = _factor(g, t, tol) if g.size > 1 else None
    return "" if factor is None else f", by the factor {factor:.6g}"


def _everywhere(g: Array, t: Array) -> Fact:
    """Compare two gradients that agree nowhere in particular."""
    if not t.any():
        return "direction", "not zero, as the true gradient is", None
    of_g = float(np.abs(g).max() / np.abs(t).max())  # may be so small that its square is 0
    (own, _), (scaled, t) = _in_range(g, g), _in_range(g, t)
    size, expected = float(np.linalg.norm(own)), float(np.linalg.norm(t))
    distance = float(np.linalg.norm(scaled - t)) / expected
    digits = -math.log10(distance)
    if digits >= DECIMALS_WORTH_NAMING:
        return "digits", f"right to {digits:.0f} digits only", round(digits, 1)
    cosine = float(np.sum(own * t)) / (size * expected)
    length = size / expected * of_g
    return "direction", f"cosine {cosine:.4f} with the true gradient, {length:.4g} times as long", cosine
