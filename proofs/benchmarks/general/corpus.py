"""All the cases: importing the modules declares their models."""

from general import hard, layers, losses, methods, norms, numerics
from general.cases import HALVES, MODELS, Case, cases

DECLARING = (layers, norms, losses, numerics, methods, hard)
__all__ = ["DECLARING", "HALVES", "MODELS", "Case", "cases"]
