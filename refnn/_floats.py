"""What floating-point numbers need and the others do not.

network.py computes by the formulas of the article, which are right as they stand over a field, for balls and for
symbols. On floats each of these four keeps a formula's limit, or its digits, where a step of it would leave the float's
range. On object arrays each is the formula itself.
"""

import numpy as np

from refnn._shapes import Array

# Floats leave their range here only where a limit is taken on purpose, so IEEE's flags are no news to the caller.
quiet = np.errstate(all="ignore")


def dot(A: Array, B: Array) -> Array:
    """A @ B. A sum beyond the range saturates at the largest number, for inf - inf would be NaN."""
    C: Array = A @ B
    if C.dtype == object or np.isfinite(C).all():
        return C
    wide = np.result_type(C, float)
    down = np.ldexp(wide.type(1).real, -np.finfo(wide).maxexp // 2 - 16)  # no sum of 2**32 products overflows
    rescued = (A * down) @ (B * down) / down / down
    return np.where(np.isfinite(C), C, np.nan_to_num(rescued.astype(C.dtype)))


def exp(Z: Array) -> Array:
    """exp Z. The sigmoid takes its limits from exp = infinity, which a complex overflow returns as inf + nan j."""
    E: Array = np.exp(Z)
    return np.where(np.isfinite(E), E, np.inf) if E.dtype.kind == "c" else E


def softplus(Z: Array) -> Array:
    """log(1 + exp Z), folded so that exp cannot overflow; by the sign and not by abs, which is not complex-safe."""
    if Z.dtype == object:
        return np.asarray(np.log(1 + np.exp(Z)))
    positive = Z.real > 0
    return np.where(positive, Z, 0) + np.log1p(np.exp(np.where(positive, -Z, Z)))


def weigh(Y: Array, T: Array) -> Array:
    """Y * T, the term T of a cost for labels Y. A label 0 takes no part, even where T is infinite."""
    return Y * T if T.dtype == object else np.where(Y == 0, 0, Y * T)
