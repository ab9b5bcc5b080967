"""All the cases: importing the modules declares their models."""

import hard  # noqa: F401
import layers  # noqa: F401
import losses  # noqa: F401
import norms  # noqa: F401
import numerics  # noqa: F401
from cases import HALVES, MODELS, Case, cases

__all__ = ["HALVES", "MODELS", "Case", "cases"]
