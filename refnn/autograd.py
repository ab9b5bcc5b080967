"""`autograd.test_util.check_grads` in its own words, without a tolerance to choose.

>>> from refnn.autograd import check_grads
>>> check_grads(f, modes=["rev"], order=2)(x, W)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from autograd.core import make_jvp, make_vjp
from autograd.extend import vspace

from refnn._shapes import whole
from refnn.gradcheck.containers import Tree
from refnn.gradcheck.pullback import ALONE, check_jvp, check_vjp

__all__ = ["check_grads"]

MODES = {"fwd": "JVP", "rev": "VJP"}


def check_grads(
    f: Callable[..., Any],
    argnum: int | Sequence[int] | None = None,
    modes: Sequence[str] = ("fwd", "rev"),
    order: int = 2,
) -> Callable[..., None]:
    """Judge the derivatives that autograd takes of f: ``check_grads(f)(*args, **kwargs)``.

    Parameters
    ----------
    f : callable
    argnum : int or several, of the arguments to be differentiated; None for all that hold floating-point numbers
    modes : "fwd", "rev" or both
    order : int, up to which derivatives of derivatives are judged

    Raises
    ------
    AssertionError
        With the check in print, unless the verdict is PASS.
    ValueError, TypeError
        Naming the argument that cannot be judged.
    """
    modes = [modes] if isinstance(modes, str) else modes
    if not modes or any(mode not in MODES for mode in modes):
        raise ValueError(f"modes is {modes!r}, expected some of {', '.join(map(repr, MODES))}")
    order = whole("order", order, 1)

    def check(*args: Any, **kwargs: Any) -> None:
        __tracebackhide__ = True
        numbers = range(len(args)) if argnum is None else [argnum] if isinstance(argnum, int) else argnum
        chosen = [k for k in numbers if argnum is not None or _has_floats(args[k])]
        if not chosen:
            raise ValueError("args hold no floating-point numbers, expected at least one array of them")

        def of_chosen(*moved: Any) -> Any:
            given = list(args)
            for k, value in zip(chosen, moved, strict=True):
                given[k] = value
            return f(*given, **kwargs)

        _check(of_chosen, tuple(args[k] for k in chosen), modes, order, "")

    return check


def _check(f: Callable[..., Any], x: tuple[Any, ...], modes: Sequence[str], order: int, above: str) -> None:
    __tracebackhide__ = True

    def whole(moved: tuple[Any, ...]) -> Any:
        return f(*moved)

    def vjp(*moved_and_cotangent: Any) -> Any:
        *moved, cotangent = moved_and_cotangent
        return make_vjp(whole, tuple(moved))[0](cotangent)

    def jvp(*moved_and_tangents: Any) -> Any:
        moved, tangents = moved_and_tangents[: len(x)], moved_and_tangents[len(x) :]
        return make_jvp(whole, moved)(tangents)[1]

    for mode in modes:
        words = f"{MODES[mode]} of {above}" if above else MODES[mode]
        if mode == "rev":
            found, derivative = check_vjp(f, vjp, x, conjugate=True, alone=0 if above else ALONE), vjp
        else:
            found, derivative = check_jvp(f, jvp, x, alone=0 if above else ALONE), jvp
        if not found:
            raise AssertionError(f"{words}: {found}")
        if order > 1:
            vectors = vspace((f(*x),) if mode == "rev" else x).randn()
            _check(derivative, (*x, *vectors), modes, order - 1, words)


def _has_floats(value: Any) -> bool:
    try:
        return Tree.of("args", value).has_floats
    except (TypeError, ValueError):
        return False
