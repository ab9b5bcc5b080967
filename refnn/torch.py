"""`torch.autograd.gradcheck` and `gradgradcheck` in their own words, without a tolerance to choose.

    >>> from refnn.torch import gradcheck, gradgradcheck
    >>> gradcheck(MyFunction.apply, (x, W))

Inputs of any dtype are judged as they are: the function is differentiated in float64 at exactly these numbers, where it
runs in float64, and its backward is held to the rounding of its own dtype. A module is judged with its parameters.
Inputs lie in memory as they came, slices and transposes too; the gradient of an output comes row by row, and once
column by column with gaps: a backward that forgets strides gives another answer there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from torch.autograd.gradcheck import GradcheckError

from refnn._tensors import Backward, Subject
from refnn.gradcheck import GradientCheck, Verdict
from refnn.gradcheck.pullback import ALONE, check_jvp, check_vjp

__all__ = ["GradcheckError", "gradcheck", "gradgradcheck"]

UNUSED = "eps, atol and rtol are not used: there is no tolerance to choose"


def gradcheck(
    func: Callable[..., Any],
    inputs: Any,
    *,
    eps: float | None = None,
    atol: float | None = None,
    rtol: float | None = None,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,  # noqa: ARG001  # PyTorch casts gradients itself
    check_batched_grad: bool = False,
    check_batched_forward_grad: bool = False,
    check_forward_ad: bool = False,
    check_backward_ad: bool = True,
    fast_mode: bool = False,
    masked: bool | None = None,  # noqa: ARG001  # of sparse inputs, which are refused
) -> bool:
    """Judge the backward of a function of tensors, and its forward derivative if `check_forward_ad`.

    Parameters
    ----------
    func : callable, autograd.Function, module, or one of these compiled
        ``func(*inputs)`` returns a tensor, or a container of tensors.
    inputs : tensor, or tuple of tensors, of lists and dicts of tensors, and of other arguments
        Those of floating-point or complex numbers with `requires_grad` are differentiated.
    eps, atol, rtol, check_grad_dtypes, masked : not used
    raise_exception : bool; if False, what would be a GradcheckError is returned as False
    nondet_tol : float, by which two answers to one question may differ beside rounding
    check_undefined_grad, check_batched_grad, check_batched_forward_grad : bool
        Ask also for outputs whose gradient is undefined, and for vmap.
    check_forward_ad, check_backward_ad : bool, what is judged
    fast_mode : bool; if True, by one random cotangent, and no output alone

    Returns
    -------
    bool, True if the verdict is PASS

    Raises
    ------
    GradcheckError
        With the check in print, unless the verdict is PASS.
    ValueError, TypeError
        Naming the argument that cannot be judged.
    """
    subject = func if isinstance(func, Subject) else Subject.of(func, inputs)
    options: dict[str, Any] = {"nondeterminism": nondet_tol, "alone": 0 if fast_mode else ALONE}
    checks: list[GradientCheck] = []
    reasons: list[str] = []
    if check_backward_ad:
        checks.append(check_vjp(subject, subject.vjp, subject.tensors, **options))
        reasons += subject.batched_defects("vjp") if check_batched_grad else []
        reasons += subject.undefined_defects(nondet_tol) if check_undefined_grad else []
    if check_forward_ad:
        check = check_jvp(subject, subject.jvp, subject.tensors, **options)
        checks.append(replace(check, probe=f"forward mode, {check.probe}"))
        reasons += subject.batched_defects("jvp") if check_batched_forward_grad else []
    if not checks:
        raise ValueError("check_backward_ad and check_forward_ad are False, expected one of them to be True")
    check = min(checks, key=lambda check: check.verdict.rank)
    notes = check.notes if eps is atol is rtol is None else (*check.notes, UNUSED)
    verdict = Verdict.WRONG if reasons else check.verdict
    check = replace(check, verdict=verdict, reasons=(*reasons, *check.reasons), notes=notes)
    if not check and raise_exception:
        raise GradcheckError(str(check))
    return bool(check)


def gradgradcheck(
    func: Callable[..., Any],
    inputs: Any,
    grad_outputs: Any = None,
    *,
    eps: float | None = None,
    atol: float | None = None,
    rtol: float | None = None,
    gen_non_contig_grad_outputs: bool = False,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_fwd_over_rev: bool = False,
    check_rev_over_rev: bool = True,
    fast_mode: bool = False,
    masked: bool = False,  # noqa: ARG001
) -> bool:
    """Judge the backward of the backward, in the inputs and in `grad_outputs`, random ones if None. As `gradcheck`."""
    return gradcheck(
        Backward.of_subject(Subject.of(func, inputs), grad_outputs, gen_non_contig_grad_outputs),
        (),
        eps=eps,
        atol=atol,
        rtol=rtol,
        raise_exception=raise_exception,
        nondet_tol=nondet_tol,
        check_undefined_grad=check_undefined_grad,
        check_grad_dtypes=check_grad_dtypes,
        check_batched_grad=check_batched_grad,
        check_forward_ad=check_fwd_over_rev,
        check_backward_ad=check_rev_over_rev,
        fast_mode=fast_mode,
    )
