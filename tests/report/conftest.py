import pytest
from reports import few_faults, report_on, right, short_training

from refnn.report import make


@pytest.fixture(scope="module", autouse=True)
def part_of_the_catalogue():
    with few_faults():
        yield


@pytest.fixture(scope="module")
def report():
    """On a right gradient, at two seeded networks."""
    return report_on(right)


@pytest.fixture(scope="session")
def of_a_training():
    with short_training():
        return make.report_on_reference()[0]


@pytest.fixture
def trained(of_a_training):
    """A report on two stages of a short training, and on one seeded network, where such are made and replayed."""
    with short_training():
        yield of_a_training
