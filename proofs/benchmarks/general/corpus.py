"""All the cases: importing the modules declares their models."""

from general import (
    hard,  # noqa: F401
    layers,  # noqa: F401
    losses,  # noqa: F401
    norms,  # noqa: F401
    numerics,  # noqa: F401
)
from general.cases import HALVES, MODELS, Case, cases

__all__ = ["HALVES", "MODELS", "Case", "cases"]
