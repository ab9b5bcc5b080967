import pytest
from reports import few_faults, report_on, right


@pytest.fixture(scope="module", autouse=True)
def part_of_the_catalogue():
    with few_faults():
        yield


@pytest.fixture(scope="module")
def report():
    """On a right gradient, at two seeded networks."""
    return report_on(right)
