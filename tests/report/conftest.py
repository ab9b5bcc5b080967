import pytest
from reports import report_on, right


@pytest.fixture(scope="session")
def report():
    """On a right gradient, at two seeded networks."""
    return report_on(right)
