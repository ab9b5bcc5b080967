"""Run the fuzzers: python proofs/fuzz/fuzz.py [--cases N] [--guided SECONDS] [TARGET …]

Each target is drawn at random by Hypothesis, in rounds, every round with a seed of its own that no run before had; then
HypoFuzz goes on, which keeps the cases that reached new branches and changes those. What fails is printed, with its
seed, and kept in `examples`, from where the next run tries it first. `record.json` counts what was run.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
import traceback
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "vectors")]

import file_targets  # noqa: E402  # once the path is there
import targets  # noqa: E402
from hypothesis import HealthCheck, Phase, given, seed, settings  # noqa: E402
from hypothesis.database import DirectoryBasedExampleDatabase  # noqa: E402

from refnn._progress import bar  # noqa: E402

TARGETS = targets.TARGETS | file_targets.TARGETS
RECORD, EXAMPLES = HERE / "record.json", HERE / "examples"
CASES = 1_000_000
ROUND = 2_000  # cases; Hypothesis remembers those of a round, and slows down with them
PACKAGES = ("numpy", "hypothesis", "hypofuzz")


class Counted:
    """A target as a test, that counts its cases."""

    def __init__(self, name: str, target: targets.Target) -> None:
        self.cases = 0

        @given(target.drawn)
        def test(drawn: Any) -> None:
            self.cases += 1
            target.holds(drawn)

        test.__qualname__ = test.__name__ = f"fuzz_{name}"
        self.test: Callable[[], None] = test

    def round(self, cases: int, number: int, examples: Path | None = None) -> str:
        """Of so many cases, from the seed of this number; what was found, or nothing."""
        asked = settings(
            max_examples=cases,
            database=DirectoryBasedExampleDatabase(examples or EXAMPLES),
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=(Phase.reuse, Phase.generate, Phase.shrink),
            print_blob=True,
        )
        try:
            asked(seed(number)(self.test))()
        except Exception as error:
            trace = "".join(traceback.format_exception(error))
            return f"seed {number}, {type(error).__name__}: {str(error)[:200]!r}\n{trace}"
        return ""

    def guided(self, seconds: float, number: int) -> str:
        """For so long, by HypoFuzz, towards branches that no case has reached. What fails is kept; a round tells it."""
        from hypofuzz import entrypoint, hypofuzz  # noqa: F401  # the first makes it known to Hypothesis
        from hypofuzz.database import HypofuzzDatabase
        from hypothesis.database import choices_to_bytes
        from hypothesis.internal.conjecture.data import Status
        from hypothesis.internal.reflection import function_digest

        inner = self.test.hypothesis.inner_test  # type: ignore[attr-defined]
        database = DirectoryBasedExampleDatabase(EXAMPLES)
        search = hypofuzz.FuzzTarget.from_hypothesis_test(self.test, database=HypofuzzDatabase(database))
        search.random.seed(number)
        search._enter_fixtures()
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            case = search.new_conjecture_data()
            search._execute_once(case)
            if case.status is Status.INTERESTING:
                database.save(function_digest(inner), choices_to_bytes(case.choices))
                return self.round(ROUND, number)
        return ""


def main(arguments: list[str] | None = None) -> int:
    """0 if nothing was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="TARGET", help=", ".join(TARGETS))
    parser.add_argument(
        "--cases", type=int, default=CASES, help="of all targets together, by their shares (%(default)s)"
    )
    parser.add_argument("--guided", type=float, default=0, metavar="SECONDS", help="of HypoFuzz, for each target")
    args = parser.parse_args(arguments)
    names = args.names or list(TARGETS)
    shares = sum(TARGETS[name].share for name in names)
    record = json.loads(RECORD.read_text()) if RECORD.exists() else {"targets": {}}
    found = 0
    for name in bar(names, "targets", total=len(names)):
        entry = record["targets"].setdefault(name, {"cases": 0, "seeds": 0, "guided": 0, "seconds": 0, "found": []})
        left = max(1, round(args.cases * TARGETS[name].share / shares))
        rounds = [min(ROUND, left - done) for done in range(0, left, ROUND)]
        rounds += [0] * (args.guided > 0)  # stands for the guided one
        for cases in bar(rounds, name, total=len(rounds)):
            start, counted = time.monotonic(), Counted(name, TARGETS[name])
            number = entry["seeds"]
            said = counted.round(cases, number) if cases else counted.guided(args.guided, number)
            entry["cases" if cases else "guided"] += counted.cases
            entry["seeds"] += bool(cases)
            entry["seconds"] = round(entry["seconds"] + time.monotonic() - start, 1)
            if said:
                print(f"{name}: {said}", file=sys.stderr)
                entry["found"].append(said.partition("\n")[0])
                found += 1
            record["python"] = platform.python_version()
            record |= {package: version(package) for package in PACKAGES}
            RECORD.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n")
            if said:
                break
    total = sum(entry["cases"] + entry["guided"] for entry in record["targets"].values())
    print(f"{found} targets with findings; {total:,} cases in all, with those before")
    return 1 if found else 0


def version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "none"


if __name__ == "__main__":
    sys.exit(main())
