"""What a witness says of a derivative: a value and how far, at most, it may be from the truth."""

from __future__ import annotations

from dataclasses import dataclass

from refnn.gradcheck.problem import Array


@dataclass(frozen=True)
class Estimate:
    """The derivative in every entry of one parameter array.

    `value` and `error` have the shape of the parameter. `flat` marks entries that change nothing however far they are
    moved, `kink` those where the derivatives from the left and from the right differ. Below the magnitude `underflow`
    it is the range of the float, not the witness, that ends.
    """

    value: Array
    error: Array
    flat: Array | None = None
    kink: Array | None = None
    underflow: float = 0.0
