"""Kinds of number that make a check of NumPy code exact (`exact`, `field`, `dual`) or rigorous (`balls`)."""

from .dual import Dual
from .exact import ExactCheck, exact_check, exact_gradient
from .field import ExactnessError, FieldElement, P, atoms, lift, random_point

__all__ = [
    "Dual",
    "ExactCheck",
    "ExactnessError",
    "FieldElement",
    "P",
    "atoms",
    "exact_check",
    "exact_gradient",
    "lift",
    "random_point",
]
