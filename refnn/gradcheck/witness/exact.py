"""Any gradient over a finite field, with tolerance zero, as a `GradientCheck`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from refnn.gradcheck.verdict.judgement import worst_first
from refnn.gradcheck.verdict.result import GradientCheck, ParameterCheck, Testimony, Verdict
from refnn.gradcheck.witness.function import Function
from refnn.numbers import exact_check


def check(f: Function, params: Mapping[str, Any], grads: Any, seed: int) -> GradientCheck:
    """The verdict of `refnn.numbers.exact_check`.

    Raises
    ------
    TypeError
        If grads is no callable.
    refnn.numbers.ExactnessError
        If f or grads does not run on exact numbers.
    """
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
    return GradientCheck(
        Verdict.PASS if found else Verdict.WRONG,
        worst_first(checks),
        (Testimony("exact derivative over a finite field", sum(d.size for d in found.differs.values())),),
        f"zero; a wrong entry passes with probability {found.false_pass:.1e} at most",
    )
