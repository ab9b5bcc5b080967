"""Which wrong versions of refnn does the test suite catch?

    python proofs/mutants/run.py                      all of the core's, and of other files one in SHARE: half an hour
    python proofs/mutants/run.py --files network.py   all of the files whose names match
    python proofs/mutants/run.py --write              and mutants.json

Each mutant is one mutation (mutations.py) in a copy of the project. The tests that run its line run, the quickest
first, until one fails. Before anything is concluded, unchanged files must pass, and those that cannot be imported not.

A mutant that passes all of these tests survives. EQUIVALENT says of each that is known why no test can tell it from the
source, or why that is not worth one; any other makes the exit status 1.
"""

import argparse
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from fnmatch import fnmatch
from pathlib import Path
from queue import SimpleQueue
from typing import NamedTuple

import coverage
from mutations import Mutation, mutations, shown

from refnn._progress import bar

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
RECORD, EQUIVALENT = HERE / "mutants.json", HERE / "equivalent.json"
PARTS = ("refnn", "tests", "proofs", "pyproject.toml", "README.md", "CITATION.cff", "Makefile", "CHANGELOG.md")
CORE = ("network.py", "layers.py", "_floats.py")  # every mutant of these
SHARE = 6
TIMEOUT = 120  # seconds for a mutant beyond those that its tests take
LEAST = 30  # seconds of the tests that are tried first
PYTEST = ["-m", "pytest", "-p", "recorder", "-p", "no:xdist", "--no-header", "-x"]


class Mutant(NamedTuple):
    file: str  # below refnn/
    mutation: Mutation

    @property
    def key(self) -> str:
        """The same while its function stands as it is, wherever that moves."""
        m = self.mutation
        return f"{self.file} {m.scope}: {shown(m.old)} -> {shown(m.new)}"


class Tests(NamedTuple):
    """What runs when: the tests of each line of each file, and the seconds of each test."""

    of_line: dict[str, dict[int, set[str]]]
    seconds: dict[str, float]

    def of(self, mutant: Mutant) -> list[str]:
        """Those that run the line, the quickest first; for a line that runs on import all that run the file."""
        lines = self.of_line[mutant.file]
        m = mutant.mutation
        found = set().union(*(lines.get(line, set()) for line in range(m.line, m.line + m.old.count("\n") + 1)))
        found = found - {""} or set().union(*lines.values()) - {""}
        return sorted(found & self.seconds.keys(), key=self.seconds.__getitem__)


class Copy:
    """A copy of the project, in which files are changed and tests run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for part in PARTS:
            source = ROOT / part
            if source.is_dir():
                shutil.copytree(source, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, folder / part)
        self.record = folder / "recorded.json"
        paths = os.pathsep.join(map(str, (folder, HERE)))
        self.environment = {**os.environ, "PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}
        self.environment |= {"MUTANTS_RECORD": str(self.record)}

    def pytest(self, arguments: list[str], timeout: float | None = None) -> int | None:
        """The exit status, or None after so many seconds."""
        self.record.unlink(missing_ok=True)
        with subprocess.Popen(
            [sys.executable, *arguments],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        ) as process:
            try:
                return process.wait(timeout)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                return None

    def killer(self, mutant: Mutant, tests: Tests) -> str | None:
        """The test that fails, or what else becomes of it; None if all pass."""
        path = self.folder / "refnn" / mutant.file
        source = path.read_text(encoding="utf-8")
        path.write_text(mutant.mutation.applied(source), encoding="utf-8")
        try:
            return self._killer(tests.of(mutant), tests.seconds)
        finally:
            path.write_text(source, encoding="utf-8")

    def _killer(self, names: list[str], seconds: dict[str, float]) -> str | None:
        for some in stages(names, seconds):
            (self.folder / "names.txt").write_text("\n".join(some), encoding="utf-8")
            status = self.pytest([*PYTEST, "@names.txt"], TIMEOUT + 3 * sum(map(seconds.__getitem__, some)))
            if status is None:
                return "time"
            if status == 1:
                return json.loads(self.record.read_text())["failed"][0]
            if status != 0:
                return "import"
        return None if names else "no test runs it"

    def measured(self) -> Tests:
        """The whole suite once, with the lines that each test runs."""
        data = self.folder / ".coverage"
        arguments = [
            "-m",
            "pytest",
            "-p",
            "recorder",
            "-n",
            "2",
            "--dist",
            "worksteal",
            "--cov=refnn",
            "--cov-context=test",
        ]
        status = self.pytest([*arguments, "--cov-report="])
        if status != 0:
            sys.exit(f"the tests fail with no mutant: status {status}")
        found = coverage.CoverageData(str(data))
        found.read()
        of_line: dict[str, dict[int, set[str]]] = defaultdict(dict)
        for name in found.measured_files():
            contexts = found.contexts_by_lineno(name)
            file = str(Path(name).relative_to(self.folder / "refnn"))
            of_line[file] = {line: {text.partition("|")[0] for text in texts} for line, texts in contexts.items()}
        return Tests(of_line, json.loads(self.record.read_text())["seconds"])


def stages(names: list[str], seconds: dict[str, float]) -> Iterator[list[str]]:
    """The quickest tests, then the others: most mutants need only the first."""
    first, total = 0, 0.0
    while first < len(names) and total < LEAST:
        total += seconds[names[first]]
        first += 1
    yield from filter(None, (names[: min(first, 40)], names[min(first, 40) : first], names[first:]))


def chosen(patterns: list[str], share: int) -> list[Mutant]:
    """The mutants of the files; of others than the core one in `share`, by a hash of what they are."""
    found = []
    for path in sorted((ROOT / "refnn").rglob("*.py")):
        file = str(path.relative_to(ROOT / "refnn"))
        if patterns and not any(fnmatch(file, pattern) for pattern in patterns):
            continue
        of_file = [Mutant(file, mutation) for mutation in mutations(path.read_text(encoding="utf-8"))]
        every = file in CORE or patterns
        found += [mutant for mutant in of_file if every or int(digest(mutant.key), 16) % share == 0]
    return found


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def sound(copies: SimpleQueue, tests: Tests, mutants: list[Mutant]) -> list[str]:
    """What speaks against the method: an unchanged file that is caught, and one that cannot be imported that is not."""
    copy, wrong = copies.get(), []
    for file in sorted({mutant.file for mutant in mutants}):
        source = (copy.folder / "refnn" / file).read_text(encoding="utf-8")
        first = next(mutant for mutant in mutants if mutant.file == file).mutation
        same = Mutant(file, first._replace(new=first.old))
        broken = Mutant(file, first._replace(line=1, start=0, end=0, old="", new="raise SystemError\n"))
        if killer := copy.killer(same, tests):
            wrong.append(f"{file} as it is is caught by {killer}")
        if copy.killer(broken, tests) is None:
            wrong.append(f"{file} raises when it is imported, and no test sees it")
        assert (copy.folder / "refnn" / file).read_text(encoding="utf-8") == source
    copies.put(copy)
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", nargs="*", default=[], help="patterns of names below refnn/")
    parser.add_argument("--share", type=int, default=SHARE, help="one in so many, of other files than the core")
    parser.add_argument("--write", action="store_true", help="mutants.json")
    args = parser.parse_args()
    started = time.monotonic()
    mutants = chosen(args.files, args.share)
    with tempfile.TemporaryDirectory() as folder:
        copies: SimpleQueue[Copy] = SimpleQueue()
        for i in range(os.cpu_count() or 1):
            copies.put(Copy(Path(folder, str(i))))
        copy = copies.get()
        tests = copy.measured()
        copies.put(copy)
        if wrong := sound(copies, tests, mutants):
            sys.exit("\n".join(wrong))

        def judged(mutant: Mutant) -> str | None:
            copy = copies.get()
            try:
                return copy.killer(mutant, tests)
            finally:
                copies.put(copy)

        with ThreadPoolExecutor(copies.qsize()) as pool:
            killers = list(bar(pool.map(judged, mutants), "mutants", total=len(mutants), show=True))
    reasons = json.loads(EQUIVALENT.read_text(encoding="utf-8")) if EQUIVALENT.exists() else {}
    alive = [mutant for mutant, killer in zip(mutants, killers) if killer in (None, "no test runs it")]
    unknown = [mutant for mutant in alive if mutant.key not in reasons]
    record = {
        "minutes": round((time.monotonic() - started) / 60),
        "share": args.share,
        "sources": {
            file: digest((ROOT / "refnn" / file).read_text(encoding="utf-8")) for file in {m.file for m in mutants}
        },
        "files": counts(mutants, killers),
        "killed by": Counter(room(killer) for killer in killers if killer not in (None, "no test runs it")),
        "survivors": {mutant.key: reasons.get(mutant.key) for mutant in alive},
    }
    if args.write:
        RECORD.write_text(json.dumps(record, indent=1, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")
    for file, (killed, tried) in sorted(record["files"].items()):
        print(f"{file:<40} {killed:>5} of {tried:>5}")
    print(f"{len(mutants) - len(alive)} of {len(mutants)} caught, {len(alive) - len(unknown)} equivalent or let be")
    for mutant in unknown:
        print(f"survives: {mutant.file} {mutant.mutation}")
    return 1 if unknown else 0


def counts(mutants: list[Mutant], killers: list[str | None]) -> dict[str, tuple[int, int]]:
    killed, tried = Counter(), Counter(mutant.file for mutant in mutants)
    killed.update(mutant.file for mutant, killer in zip(mutants, killers) if killer not in (None, "no test runs it"))
    return {file: (killed[file], tried[file]) for file in tried}


def room(killer: str) -> str:
    return killer.partition("::")[0]


if __name__ == "__main__":
    sys.exit(main())
