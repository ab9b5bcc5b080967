"""A plugin of pytest: the seconds of each test, and which failed, as JSON in the file that MUTANTS_RECORD names."""

import json
import os

import pytest

seconds: dict[str, float] = {}
failed: list[str] = []


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    seconds[report.nodeid] = seconds.get(report.nodeid, 0.0) + report.duration
    if report.failed:
        failed.append(report.nodeid)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    if not hasattr(session.config, "workerinput"):  # the controller, or a process alone
        with open(os.environ["MUTANTS_RECORD"], "w") as file:
            json.dump({"seconds": seconds, "failed": failed}, file)
