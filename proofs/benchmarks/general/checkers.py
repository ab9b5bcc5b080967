"""refnn and the gradient checkers of other libraries at their defaults, behind one signature.

Each takes a case and a gradient, and sees the same f, in NumPy, and the same backward: a framework gets them as its own
kind of custom derivative. `ask` gives a verdict, its reason and the seconds that it took. The others say right or
wrong. They are imported where they are used, since JAX must not be when a process divides.
"""

import itertools
import time
import warnings

import numpy as np

import refnn

# SciPy's functions return numbers and no verdict. The thresholds are ours: of check_grad's absolute norm, and of the
# largest relative difference that check_derivative returns; its documentation shows one of 1e-6 as correct.
OUR_THRESHOLD = 1e-6
CHECKS = itertools.count()  # by JAX


def by_refnn(case, grads):
    known = (0.0, case.accuracy) if case.told else 0.0
    check = refnn.check_gradients(case.f, dict(case.params), grads, f_error=known, progress=False)
    said = (f"{part.name}: {part.worst if part.wrong else part.reason}" for part in check.parameters if not part)
    reasons = [*check.reasons, *said]
    return str(check.verdict), "; ".join(reasons)


def _peer(objects):
    """A checker that says only whether it objects."""

    def asked(case, grads):
        return ("WRONG" if objects(case, grads) else "PASS"), ""

    return asked


def _raises(check, *arguments, **options):
    try:
        check(*arguments, **options)
    except AssertionError:
        return True
    return False


def _by_torch(fast_mode):
    def objects(case, grads):
        import torch

        torch.set_num_threads(1)

        class Function(torch.autograd.Function):
            @staticmethod
            def forward(_ctx, *arrays):
                value = case.f({key: V.numpy().copy() for key, V in zip(case.params, arrays)})
                return torch.as_tensor(np.asarray(value))

            @staticmethod
            def backward(_ctx, g):
                return tuple(g * torch.as_tensor(grads[key]) for key in case.params)

        arrays = [torch.tensor(V, requires_grad=True) for V in case.params.values()]
        torch.manual_seed(0)  # the fast mode takes a random direction
        return not torch.autograd.gradcheck(Function.apply, arrays, fast_mode=fast_mode, raise_exception=False)

    return objects


def _by_jax(case, grads):
    import jax
    import jax.numpy as jnp
    import jax.test_util

    jax.config.update("jax_enable_x64", True)

    def f(arrays):
        return np.asarray(case.f({key: np.asarray(V) for key, V in arrays.items()}))

    value = np.asarray(case.f(dict(case.params)))
    shape = jax.ShapeDtypeStruct(value.shape, value.dtype)

    @jax.custom_vjp
    def function(p):
        return jax.pure_callback(f, shape, p)

    gradient = {key: jnp.asarray(grads[key]) for key in case.params}
    function.defvjp(lambda p: (function(p), None), lambda _, g: ({key: g * V for key, V in gradient.items()},))
    params = {key: jnp.asarray(V) for key, V in case.params.items()}
    if next(CHECKS) % 100 == 0:
        jax.clear_caches()  # each function is compiled once and never used again: thousands would fill the memory
    return _raises(jax.test_util.check_grads, function, (params,), order=1, modes=["rev"])


def _flat(arrays, keys):
    return np.concatenate([np.ravel(arrays[key]) for key in keys])


def _on_vectors(case):
    """f as a function of all entries in a row."""
    ends = np.cumsum([V.size for V in case.params.values()])

    def f(x):
        parts = zip(case.params.items(), ends)
        return case.f({key: x[end - V.size : end].reshape(V.shape).astype(V.dtype) for (key, V), end in parts})

    return f, _flat(case.params, case.params)


def _by_autograd(case, grads):
    import autograd.test_util
    from autograd.extend import defvjp, primitive

    f, x = _on_vectors(case)
    function = primitive(f)
    gradient = _flat(grads, case.params)
    defvjp(function, lambda *_: lambda g: g * gradient)
    np.random.seed(0)  # noqa: NPY002  (autograd takes its directions from the global generator)
    return _raises(autograd.test_util.check_grads(function, modes=["rev"], order=1), x)


def _by_check_grad(case, grads):
    import scipy.optimize

    f, x = _on_vectors(case)
    return not scipy.optimize.check_grad(f, lambda _: _flat(grads, case.params), x) <= OUR_THRESHOLD


def _by_check_derivative(case, grads):
    from scipy.optimize._numdiff import check_derivative

    f, x = _on_vectors(case)
    return not check_derivative(f, lambda _: _flat(grads, case.params), x) <= OUR_THRESHOLD


CHECKERS = {
    "refnn": by_refnn,
    "torch gradcheck": _peer(_by_torch(fast_mode=False)),
    "torch gradcheck, fast": _peer(_by_torch(fast_mode=True)),
    "jax check_grads": _peer(_by_jax),
    "autograd check_grads": _peer(_by_autograd),
    f"scipy check_grad > {OUR_THRESHOLD:.0e} (ours)": _peer(_by_check_grad),
    f"scipy check_derivative > {OUR_THRESHOLD:.0e} (ours)": _peer(_by_check_derivative),
}


def ask(checker, case, grads):
    """The verdict, "exception" among them, why, and seconds."""
    start = time.perf_counter()  # the first use of a checker imports it: medians are told
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            verdict, reason = CHECKERS[checker](case, grads)
        except Exception as error:
            verdict, reason = "exception", f"{type(error).__name__}: {error}"
    return verdict, reason, time.perf_counter() - start
