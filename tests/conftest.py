"""Hypothesis profiles: `dev` while writing, `ci` (the same examples on every run), `deep` for a night."""

import gc
import os
import signal
import sys

import pytest
from hypothesis import HealthCheck, settings

slow = [HealthCheck.too_slow, HealthCheck.data_too_large]
settings.register_profile("quick", max_examples=5, deadline=None, derandomize=True, suppress_health_check=slow)
settings.register_profile("dev", max_examples=50, deadline=None, suppress_health_check=slow)
settings.register_profile("ci", max_examples=50, deadline=None, derandomize=True, suppress_health_check=slow)
settings.register_profile("deep", max_examples=5000, deadline=None, suppress_health_check=slow)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

gc.set_threshold(50_000)  # little of what tests allocate is garbage in cycles, and looking for it takes a twentieth

# A shell that starts the tests in the background has them, and what they start, ignore Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol():
    """A file that is judged leaves its folder on the path, where its neighbours would stand before other modules."""
    before = list(sys.path)
    result = yield
    sys.path[:] = before
    return result
