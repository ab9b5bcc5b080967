"""A copy of the project, in which the tests run on changed files.

Each run is a process of its own, forked from one that has imported what the tests need, but nothing of refnn: that
saves most of the time that pytest takes to begin.
"""

import contextlib
import faulthandler
import importlib
import json
import os
import shutil
import signal
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import hypothesis
import pytest
from record import PACKAGE

ROOT = Path(__file__).parents[2]
PARTS = ("refnn", "tests", "proofs", "pyproject.toml", "README.md", "CITATION.cff", "Makefile", "CHANGELOG.md")
WARM = ("numpy", "hypothesis.extra.numpy", "flint", "jsonschema", "matplotlib.figure", "scipy.special", "yaml", "tqdm")
REWRITTEN = "ignore::pytest.PytestAssertRewriteWarning"  # that Hypothesis is there already
COLLECTION = "collection"  # of the tests, in which their files are imported
COLLECTED = 60  # seconds that the collection may take
SECONDS, TIMES = 60, 20  # what a test may take: so long, and so many times what it took without a mutant
AGAIN = 4  # times as much for one that did not end


def importers(file: str) -> list[str]:
    """The files of the package that import this one."""
    module = f"refnn.{file.removesuffix('.py').replace('/', '.')} import"
    texts = {path: path.read_text(encoding="utf-8") for path in sorted(PACKAGE.rglob("*.py"))}
    return [str(path.relative_to(PACKAGE)) for path, text in texts.items() if module in text]


class Tests(NamedTuple):
    """What runs when: the tests of each line of each file, and the seconds of each test."""

    of_line: dict[str, dict[int, set[str]]]
    seconds: dict[str, float]

    def of(self, file: str, lines: range) -> list[str]:
        """Those that run one of the lines, the quickest first; for lines that run on import alone all of the file, and
        for a file that does nothing else those of the files that import it."""
        known, every = self.of_line.get(file, {}), self.seconds.keys()
        run_a_line = every & set[str]().union(*(known.get(line, ()) for line in lines))
        return self.quickest(run_a_line or every & (self.of_all(file) or self.of_all(*importers(file))) or set(every))

    def of_all(self, *files: str) -> set[str]:
        return set().union(*(tests for file in files for tests in self.of_line.get(file, {}).values()))

    def beside(self, names: Sequence[str]) -> list[str]:
        """All tests of the files in which these stand."""
        files = {name.partition("::")[0] for name in names}
        return self.quickest({name for name in self.seconds if name.partition("::")[0] in files})

    def quickest(self, names: set[str]) -> list[str]:
        return sorted(names, key=lambda name: (self.seconds[name], name))


class Recorder:
    """A plugin of pytest. It runs the tests that are wanted in the order that they have, of each group until one fails,
    and writes down which begins, how long each takes and which fails."""

    def __init__(self, events: Path, groups: dict[str, list[str]], limits: dict[str, float]) -> None:
        self.events, self.limits = events, limits
        self.group = {name: group for group, names in groups.items() for name in names}
        self.over: set[str] = set()

    def write(self, what: str, name: str = "", seconds: float = 0) -> None:
        with self.events.open("a", encoding="utf-8") as file:
            file.write(json.dumps([what, name, seconds]) + "\n")

    def begin(self, name: str) -> None:
        """If this does not end in its time, the process does, whatever it does."""
        if name in self.limits:
            self.write("begins", name)
            faulthandler.dump_traceback_later(self.limits[name], exit=True, file=sys.__stderr__)

    def pytest_sessionstart(self) -> None:
        """A failure need not be made small."""
        self.begin(COLLECTION)
        phases = [hypothesis.Phase.explicit, hypothesis.Phase.generate]
        hypothesis.settings.register_profile("mutants", hypothesis.settings(), phases=phases)
        hypothesis.settings.load_profile("mutants")

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        if self.group:
            found = {item.nodeid: item for item in items}
            items[:] = [found[name] for name in self.group if name in found]
            for name in self.group.keys() - found.keys():  # a file that cannot be imported, or other parameters
                self.fail(name)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> bool | None:
        if self.group and self.group[item.nodeid] in self.over:
            return True  # pytest takes it as done
        self.begin(item.nodeid)
        return None

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.write("ran", report.nodeid, report.duration)
        if report.failed:
            self.fail(report.nodeid)

    def fail(self, name: str) -> None:
        self.write("failed", name)
        self.over |= {self.group[name]} if self.group else set()

    def pytest_sessionfinish(self) -> None:
        faulthandler.cancel_dump_traceback_later()
        self.write("ended")


class Workshop:
    def __init__(self, folder: Path) -> None:
        self.folder, self.time = folder, 1_000_000_000
        for part in PARTS:
            source = ROOT / part
            (shutil.copytree if source.is_dir() else shutil.copy2)(source, folder / part)

    def write(self, file: str, text: str) -> None:
        """With a time that no other text had: no compiled file of another is taken for it."""
        path = self.folder / "refnn" / file
        path.write_text(text, encoding="utf-8")
        self.time += 1
        os.utime(path, (self.time, self.time))

    @contextlib.contextmanager
    def changed(self, file: str, text: str) -> Iterator[None]:
        source = (self.folder / "refnn" / file).read_text(encoding="utf-8")
        self.write(file, text)
        try:
            yield
        finally:
            self.write(file, source)

    def killers(self, groups: dict[str, list[str]], seconds: dict[str, float], profile: str) -> dict[str, str]:
        """Of each group of tests the first that fails. One that does not end in its time, or that ends its process, is
        given AGAIN times as much before that counts as failing."""
        killers: dict[str, str] = {}
        slow: Counter[str] = Counter()
        while left := {group: names for group, names in groups.items() if names and group not in killers}:
            each = [name for names in left.values() for name in names]
            usual = {COLLECTION: COLLECTED, **{name: SECONDS + TIMES * seconds.get(name, 0) for name in each}}
            limits = {name: limit * AGAIN ** slow[name] for name, limit in usual.items()}
            events = self.run(left, limits, profile)
            failed = {name for what, name, _ in events if what == "failed"}
            for group, names in left.items():
                if killer := next((name for name in names if name in failed), None):
                    killers[group] = killer
            if not events:
                output = (self.folder / "output").read_text(encoding="utf-8")
                if "while loading conftest" not in output:
                    raise RuntimeError(f"pytest does not begin: {output[-1000:]}")
                return killers | dict.fromkeys(left, "conftest.py")
            if events[-1][0] == "ended":
                break
            last = [name for what, name, _ in events if what == "begins"][-1]
            slow[last] += 1
            if slow[last] > 1:
                killers |= {group: f"{last} (no end)" for group, names in left.items() if last in (COLLECTION, *names)}
        return killers

    def run(
        self, groups: dict[str, list[str]], limits: dict[str, float], profile: str, options: Sequence[str] = ()
    ) -> list[tuple[str, str, float]]:
        """What happens in a pytest of its own: which test begins, ran, failed; and the last is that all ended."""
        events = self.folder / "events"
        for file in (events, self.folder / "output"):
            file.unlink(missing_ok=True)
        child = os.fork()
        if not child:
            try:
                self.enter(profile)
                files = sorted({name.partition("::")[0] for names in groups.values() for name in names})
                options = ["--continue-on-collection-errors", "-p", "no:faulthandler", "-W", REWRITTEN, *options]
                pytest.main([*options, *files], plugins=[Recorder(events, groups, limits)])
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)  # what the tests started
        return list(map(json.loads, events.read_text(encoding="utf-8").splitlines())) if events.exists() else []

    def enter(self, profile: str) -> None:
        """This process is that of a user of the copy."""
        os.setsid()
        output = os.open(self.folder / "output", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        for stream, file in enumerate((os.open(os.devnull, os.O_RDONLY), output, output)):
            os.dup2(file, stream)
        os.chdir(self.folder)
        assert "refnn" not in sys.modules
        sys.modules["__main__"] = ModuleType("__main__")  # which the processes that tests spawn would import
        sys.path.insert(0, str(self.folder))
        os.environ |= {"PYTHONPATH": str(self.folder), "HYPOTHESIS_PROFILE": profile, "OPENBLAS_NUM_THREADS": "1"}
        os.environ |= {"PYTEST_DEBUG_TEMPROOT": str(self.folder), "OMP_NUM_THREADS": "1"}


def warm() -> None:
    """Import what the tests need, as far as it is there."""
    for name in WARM:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)


def measured(folder: Path, texts: dict[str, str]) -> tuple[dict[str, dict[int, set[str]]], set[str]]:
    """The whole suite once on these texts: the tests of each line of each file, and the test functions that fail."""
    import coverage

    shop = Workshop(folder)
    for file, text in texts.items():
        shop.write(file, text)
    both = ["--numprocesses", str(os.cpu_count()), "--dist", "worksteal"]
    events = shop.run({}, {}, "quick", [*both, "--cov=refnn", "--cov-context=test", "--cov-report="])
    found = coverage.CoverageData(str(folder / ".coverage"))
    found.read()
    of_line = {
        str(Path(name).relative_to(folder / "refnn")): {
            line: {text.rpartition("|")[0] for text in texts if text}
            for line, texts in found.contexts_by_lineno(name).items()
        }
        for name in found.measured_files()
    }
    return of_line, {function_of(name) for what, name, _ in events if what == "failed"}


def function_of(test: str) -> str:
    return test.partition("[")[0]
