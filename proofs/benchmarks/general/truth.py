"""The derivative of a case's f, known without its backward: by a central difference in 400-bit ball arithmetic.

Its error is a rigorous radius (of rounding) and, for the step 2^-80, a truncation of the relative order 2^-160. Where f
is not made of operations that balls have, extended precision and a complex step or Richardson's extrapolation serve.
"""

import flint
import numpy as np

BITS = 400
STEP = 2.0**-80
KEPT = 2.0**-40  # of the size of a gradient


def truth(case):
    """By which means, and the gradient of f at the case's parameters: of its mathematics, without rounding."""
    for means, way in (("balls", _by_balls), ("complex step, longdouble", _by_complex_step)):
        try:
            found = way(case)
        except (TypeError, AttributeError, ValueError, np.linalg.LinAlgError):
            continue
        if all(np.isfinite(V).all() for V in found.values()):
            return means, found
    return "differences, longdouble", _by_differences(case)


def _ball(V):
    if not np.issubdtype(np.asarray(V).dtype, np.floating):
        return V
    return np.array([flint.arb(float(x)) for x in np.ravel(V)] or [], object).reshape(np.shape(V))


def _forward(case):
    return case.model.exact or case.model.forward


def _by_balls(case):
    flint.ctx.prec = BITS
    data = {key: _ball(V) for key, V in case.data.items()}
    params = {key: _ball(V) for key, V in case.params.items()}
    h = flint.arb(STEP)

    def value(key, index, t):
        moved = params[key].copy()
        moved.ravel()[index] = moved.ravel()[index] + t
        result = _forward(case)(**{**params, key: moved}, **data)
        result = np.asarray(result, object).item()
        if not isinstance(result, flint.arb):
            raise TypeError(f"f left the balls for {type(result).__name__}")
        return result

    found = {}
    for key, V in params.items():
        slopes = [(value(key, i, h) - value(key, i, -h)) / (2 * h) for i in range(V.size)]
        if any(float(slope.rad()) > KEPT * max(abs(float(slope.mid())), 1e-30) for slope in slopes):
            return {key: np.array([np.nan])}
        found[key] = np.array([float(slope.mid()) for slope in slopes]).reshape(V.shape)
    return found


def _by_complex_step(case):
    data = {k: V.astype(np.longdouble) if np.issubdtype(V.dtype, np.floating) else V for k, V in case.data.items()}
    params = {k: V.astype(np.clongdouble) for k, V in case.params.items()}
    found = {}
    for key, V in params.items():
        found[key] = np.zeros(V.shape)
        for i in range(V.size):
            moved = V.copy()
            moved.ravel()[i] += np.clongdouble(1e-30j)
            value = _forward(case)(**{**params, key: moved}, **data)
            if not np.iscomplexobj(value):
                raise TypeError("f is real")
            found[key].ravel()[i] = value.imag / np.longdouble(1e-30)
    check = _by_differences(case)
    for key, V in found.items():  # what loses its imaginary part is no truth
        if not np.allclose(V, check[key], rtol=1e-4, atol=1e-6 * np.abs(check[key]).max(initial=1)):
            raise ValueError("not complex-safe")
    return found


def _by_differences(case, dtype=np.longdouble):
    """Richardson's extrapolation of central differences, the best of several steps."""
    data = {k: V.astype(dtype) if np.issubdtype(V.dtype, np.floating) else V for k, V in case.data.items()}
    params = {k: V.astype(dtype) for k, V in case.params.items()}

    def slope(key, i, h):
        def value(t):
            moved = params[key].copy()
            moved.ravel()[i] += dtype(t)
            return dtype(_forward(case)(**{**params, key: moved}, **data))

        D = [(value(s) - value(-s)) / (2 * dtype(s)) for s in (h, h / 2, h / 4)]
        R = [(4 * D[1] - D[0]) / 3, (4 * D[2] - D[1]) / 3]
        return (16 * R[1] - R[0]) / 15, abs(R[1] - R[0])

    found = {}
    for key, V in params.items():
        found[key] = np.zeros(V.shape)
        for i in range(V.size):
            size = max(abs(float(V.ravel()[i])), 0.1)
            rows = [slope(key, i, size * 2.0**-k) for k in (3, 5, 7, 9, 11, 13)]
            found[key].ravel()[i] = min(rows, key=lambda row: row[1])[0]
    return found
