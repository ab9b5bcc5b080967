"""`jax.test_util.check_grads`, `check_vjp` and `check_jvp` in their own words, without a tolerance to choose.

    >>> from refnn.jax import check_grads
    >>> check_grads(f, (x, W), order=2)

Arguments of any dtype are judged as they are: f is differentiated in float64 at exactly these numbers, with x64 on for
that alone, and its derivatives are held to the rounding of their own dtype.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from refnn._pytrees import Leaves, Subject, filled, floats
from refnn._shapes import whole

__all__ = ["check_grads", "check_jvp", "check_vjp"]

MODES = {"fwd": "JVP", "rev": "VJP"}
UNUSED = "atol, rtol and eps are not used: there is no tolerance to choose"


def check_grads(
    f: Callable[..., Any],
    args: Sequence[Any],
    order: int,
    modes: Sequence[str] = ("fwd", "rev"),
    atol: Any = None,
    rtol: Any = None,
    eps: float | None = None,
) -> None:
    """Judge the derivatives that JAX takes of f, by its own rules or by a `custom_vjp` or `custom_jvp`.

    Parameters
    ----------
    f : callable ``f(*args)``, of pytrees of arrays
        Loops such as `lax.scan` are compiled anew in each call, unless it is ``jax.jit(f)`` that is given.
    args : tuple
    order : int, up to which derivatives of derivatives are judged
    modes : "fwd", "rev" or both
    atol, rtol, eps : not used

    Raises
    ------
    AssertionError
        With the check in print, unless the verdict is PASS.
    ValueError, TypeError
        Naming the argument that cannot be judged.
    """
    __tracebackhide__ = True
    modes = [modes] if isinstance(modes, str) else modes
    if not modes or any(mode not in MODES for mode in modes):
        raise ValueError(f"modes is {modes!r}, expected some of {', '.join(map(repr, MODES))}")
    order = whole("order", order, 1)
    notes = () if atol is rtol is eps is None else (UNUSED,)
    _check(Subject.of(f, args), order, modes, "", notes)


def check_vjp(f: Callable[..., Any], f_vjp: Callable[..., Any], args: Sequence[Any], *_: Any, **__: Any) -> None:
    """Judge ``f_vjp(*args) -> (value, vjp)``, as `partial(jax.vjp, f)` is one. Tolerances are taken and not used."""
    __tracebackhide__ = True
    subject = Subject.of(f, args)

    def vjp(leaves: Leaves, cotangents: Leaves) -> Leaves:
        value, pull = f_vjp(*filled("args", args, leaves))
        return floats("args", tuple(pull(filled("output", value, cotangents, vector=True))))

    subject.judge("rev", "VJP", vjp)


def check_jvp(f: Callable[..., Any], f_jvp: Callable[..., Any], args: Sequence[Any], *_: Any, **__: Any) -> None:
    """Judge ``f_jvp(args, tangents) -> (value, tangent)``, as `partial(jax.jvp, f)` is one. Tolerances likewise."""
    __tracebackhide__ = True
    subject = Subject.of(f, args)

    def jvp(leaves: Leaves, tangents: Leaves) -> Leaves:
        primals = filled("args", args, leaves)
        return floats("output", f_jvp(primals, filled("args", args, tangents, vector=True))[1])

    subject.judge("fwd", "JVP", jvp)


def _check(subject: Subject, order: int, modes: Sequence[str], above: str, notes: tuple[str, ...]) -> None:
    __tracebackhide__ = True
    for mode in modes:
        words = f"{MODES[mode]} of {above}" if above else MODES[mode]
        subject.judge(mode, words, subject.jvp if mode == "fwd" else subject.vjp, notes)
        if order > 1:
            _check(subject.derived(mode), order - 1, modes, words, notes)
