"""The bugs that people really make in backprop, each with the gradient that it gives.

    fault = FAULTS["missing-mean"]
    fault.summary                           the mean over examples is missing: 1/m was left out
    fault.equation                          D7
    fault.gradient(params, X, Y)["dW1"]     m times too large

Each is a function of a line or two, in `at_output.py`, `in_derivative.py`, `in_sums.py` or `in_whole.py`; what they are
given is said in `fault.py`.
"""

from collections.abc import Mapping
from types import MappingProxyType

from refnn.gradcheck.faults import at_output, in_derivative, in_sums, in_whole  # noqa: F401  # they enter their faults
from refnn.gradcheck.faults.fault import ENTERED, Fault

__all__ = ["FAULTS", "Fault"]

FAULTS: Mapping[str, Fault] = MappingProxyType(ENTERED)
