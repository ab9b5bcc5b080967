"""Before the search that coverage guides is believed: a crash planted deep in a target is found by it."""

from unittest import mock

import fuzz
from hypothesis import strategies as st
from targets import Target


def test_a_planted_crash_is_found_by_the_search_that_coverage_guides(tmp_path):
    def crashes(members):
        if len(members) > 2:
            raise RuntimeError("crash")

    with mock.patch.object(fuzz, "EXAMPLES", tmp_path):
        said = fuzz.Counted("planted", Target(st.lists(st.booleans()), crashes, 1)).guided(60, number=0)
    assert "RuntimeError: crash" in said
    assert "reproduce_failure" in said
