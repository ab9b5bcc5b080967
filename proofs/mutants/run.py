"""Which wrong versions of refnn do the tests catch?

    python proofs/mutants/run.py                       all of the core's, and of other files one in SHARE
    python proofs/mutants/run.py --write               and mutants.json (make mutants)
    python proofs/mutants/run.py --write --again       those that survive in mutants.json, once there are more tests
    python proofs/mutants/run.py --write --renew       those of files that have changed since, and of new ones; or both
    python proofs/mutants/run.py --files _floats.py    all of the files whose names match

Each mutant is one change of one file (mutations.py) in a copy of the project. Of the tests that run its line, those of
each link (links.py) run until one fails, the quickest first: of a mutant of the core for every link, of another for all
together, as far as FIRST seconds go. On what survives more of them run, then others of the same files, and then the
first ones with as many random examples as `make test` has; but what has its reason already gets the first tests alone.

A kill counts only if the mutant is what fails. Only those tests are believed that pass on the unchanged copy, and also
on the same program in another text (`neutral`): others fail because the text is another. Each file is caught if it
cannot be imported, and each test that has killed passes on the unchanged copy once more at the end.

What survives must have its reason in equivalent.json, or the exit status is 1. The record is written file by file: a
run that was stopped goes on with --renew.
"""

import argparse
import gc
import hashlib
import json
import multiprocessing
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from fnmatch import fnmatch
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import record
from links import REST, by_link
from mutations import Mutation, mutations, neutral
from record import CORE, PACKAGE, RECORD
from tqdm import tqdm
from workshop import ROOT, Tests, Workshop, function_of, measured, warm

SHARE = 30
# Seconds that tests take without a mutant: those that are tried first, of each link or of all; and of what survives.
FIRST, MORE = 2.0, 10.0
PYTEST = 0.02  # of those, what pytest takes for a test besides
# Their tests need the frameworks, and are those of `make peers`.
DROP_INS = ("torch.py", "jax.py", "autograd.py", "_tensors.py", "_pytrees.py")


class Mutant(NamedTuple):
    file: str  # below refnn/
    mutation: Mutation

    @property
    def key(self) -> str:
        return f"{self.file} {self.mutation.key}"

    def tests(self, tests: Tests) -> list[str]:
        return tests.of(self.file, range(self.mutation.line, self.mutation.line + self.mutation.lines))


def texts() -> dict[str, str]:
    return {str(path.relative_to(PACKAGE)): path.read_text(encoding="utf-8") for path in sorted(PACKAGE.rglob("*.py"))}


def chosen(patterns: list[str], share: int) -> list[Mutant]:
    """The mutants of the files; of others than the core one in `share`, by a hash of what they are."""
    found = []
    for file, text in texts().items():
        for mutation in mutations(text) if file not in DROP_INS else ():
            mutant = Mutant(file, mutation)
            if patterns:
                wanted = any(fnmatch(file, pattern) for pattern in patterns)
            else:
                wanted = file in CORE or int(hashlib.sha256(mutant.key.encode()).hexdigest(), 16) % share == 0
            if wanted and compiles(mutation.applied(text)):
                found.append(mutant)
    return found


def compiles(text: str) -> bool:
    try:
        compile(text, "a mutant", "exec")
    except SyntaxError:
        return False
    return True


def first(names: list[str], seconds: dict[str, float], limit: float) -> list[str]:
    """The quickest of these, which are in this order, up to so many seconds; at least one."""
    total = 0.0
    for i, name in enumerate(names):
        total += seconds[name] + PYTEST
        if i and total > limit:
            return names[:i]
    return names


class Judge:
    """A process of the pool, with its copy."""

    def __init__(self, folder: str, tests: Tests, told: dict[str, str]) -> None:
        self.shop, self.tests, self.told = Workshop(Path(tempfile.mkdtemp(dir=folder)) / "copy"), tests, told

    def killers(self, mutant: Mutant) -> dict[str, str]:
        """Of each link the test that fails first; of other files than the core just one test."""
        text = (self.shop.folder / "refnn" / mutant.file).read_text(encoding="utf-8")
        with self.shop.changed(mutant.file, mutant.mutation.applied(text)):
            for tests, profile in self.rounds(mutant):
                groups = by_link(tests) if mutant.file in CORE else {"any": tests}
                if found := self.shop.killers(groups, self.tests.seconds, profile):
                    return found
        return {}

    def rounds(self, mutant: Mutant) -> Iterator[tuple[list[str], str]]:
        """The tests that are tried, until one fails, with the profile of Hypothesis."""
        seconds, names = self.tests.seconds, mutant.tests(self.tests)
        if mutant.file in CORE:
            links = by_link(names)
            rest = links.pop(REST)
            few = [name for tests in links.values() for name in first(tests, seconds, FIRST)]
            more = [name for tests in (*links.values(), rest) for name in first(tests, seconds, MORE)]
        else:
            few, more = first(names, seconds, FIRST), first(names, seconds, 5 * MORE)
        yield few, "quick"
        if mutant.key not in self.told:
            tried = {*few}
            yield [name for name in more if name not in tried], "quick"
            beside = [name for name in self.tests.beside(names) if name not in tried.union(more)]
            yield first(beside, seconds, MORE), "quick"
            yield first(names, seconds, FIRST), "ci"

    def unsound(self, file: str) -> list[str]:
        """What speaks against the method: a file that cannot be imported, and is not caught."""
        text = (self.shop.folder / "refnn" / file).read_text(encoding="utf-8")
        names = self.tests.of(file, range(0))
        with self.shop.changed(file, text + "\nraise SystemError\n"):
            broken = self.shop.killers({"any": names[:1]}, self.tests.seconds, "quick")
        return [f"{file} raises when it is imported, and no test sees it"] * (not broken)

    def seconds(self, file: str) -> dict[str, float]:
        """Of each test of a file that passes on the source, here, what it takes."""
        took: Counter[str] = Counter()
        events = self.shop.run({}, {}, "quick", [file])
        for what, name, seconds in events:
            took[name] += seconds if what == "ran" else 0
        failed = {name for what, name, _ in events if what == "failed"}
        return {name: each for name, each in took.items() if name.startswith(f"{file}::") and name not in failed}

    def failing(self, names: list[str]) -> list[str]:
        """Which of these tests fail on the source."""
        return list(self.shop.killers({name: [name] for name in names}, self.tests.seconds, "quick").values())


judge: Judge  # of this process


def begin(*given: Any) -> None:
    global judge
    judge = Judge(*given)
    gc.freeze()  # or each process that is forked would go through all that is known here, and copy it


def ask(question: str, argument: Any) -> Any:
    return getattr(judge, question)(argument)


def tried(mutants: list[Mutant], told: dict[str, str]) -> Iterator[dict[str, dict[str, str]]]:
    """The killers of each mutant, by its key: a file at a time, once the method is sound."""
    warm()
    with tempfile.TemporaryDirectory() as folder:
        of_line, readers = measured(Path(folder, "neutral"), {file: neutral(text) for file, text in texts().items()})
        files = [str(path.relative_to(ROOT)) for path in sorted((ROOT / "tests").rglob("test_*.py"))]
        files.remove("tests/proofs/test_mutants.py")  # which judges this judge
        seconds: dict[str, float] = {}
        for found in answers("seconds", files, folder, Tests(of_line, {}), told):
            seconds |= {name: each for name, each in found.items() if function_of(name) not in readers}
        tests = Tests(of_line, seconds)
        print(f"{len(seconds)} tests are believed; they take {sum(seconds.values()):.0f} seconds")
        wrong = answers("unsound", sorted({mutant.file for mutant in mutants}), folder, tests, told)
        if any(wrong):
            sys.exit("\n".join(each for found in wrong for each in found))
        for _, of_file in groupby(mutants, key=lambda mutant: mutant.file):
            each = [*of_file]
            killers = answers("killers", each, folder, tests, told)
            names = sorted({name for found in killers for name in found.values()} & seconds.keys())
            if wrong := answers("failing", [names], folder, tests, told)[0]:
                sys.exit("\n".join(["these kill what is no mutant:", *wrong]))
            yield {mutant.key: found for mutant, found in zip(each, killers, strict=True)}


def answers(question: str, each: list[Any], *given: Any) -> list[Any]:
    """What the judges say of each, on all cores. They are no daemons, so that tests may have processes of their own."""
    fork = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(os.cpu_count(), mp_context=fork, initializer=begin, initargs=given) as pool:
        return list(tqdm(pool.map(partial(ask, question), each), question, total=len(each), disable=None))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", nargs="*", default=[], help="patterns of names below refnn/")
    parser.add_argument("--share", type=int, default=SHARE, help="one in so many of other files (%(default)s)")
    parser.add_argument("--again", action="store_true", help="only those that survive in the record")
    parser.add_argument("--renew", action="store_true", help="only those of files that are others than in the record")
    parser.add_argument("--stale", action="store_true", help="run nothing: name the files whose code has changed")
    parser.add_argument("--write", action="store_true", help="mutants.json")
    args = parser.parse_args()
    if args.write and args.files:
        parser.error("--write is for all files")
    before = json.loads(RECORD.read_text(encoding="utf-8"))
    if changed := record.out_of_date(before):
        print("these files are others than those of the record:", *changed)
    if args.stale:
        return int(bool(changed))
    told, share = record.reasons(), before["share"] if args.again or args.renew else args.share
    mutants = chosen(args.files, share)
    there = {mutant.file for mutant in mutants}
    new = {file for file in there if file in changed or file not in before["sources"]}
    whole = new if args.renew else set() if args.again else there  # the files of which all are tried
    survivors = {key for key, killers in {**before["core"], **before["others"]}.items() if not killers}
    again = survivors if args.again else set()
    mutants = [m for m in mutants if m.file in whole or (m.key in again and m.file not in new)]
    # A file that is tried takes the place of what it was; the others stay, unless they are gone, or of another share.
    made = record.without(before, [file for file in before["sources"] if file not in there or before["share"] != share])
    for killers in tried(mutants, told):
        replaced = {key.partition(" ")[0] for key in killers} & whole
        made = record.made(killers, record.without(made, replaced)) | {"share": share}
        if args.write:  # file by file: what is known stays, if the rest is not waited for
            RECORD.write_text(record.text(made), encoding="utf-8")
    return shown(made, told)


def shown(made: dict[str, Any], told: dict[str, str]) -> int:
    """The tables; 1 if something survives without a reason."""
    for file, (caught, each) in made["files"].items():
        print(f"{file:<40} {caught:>5} of {each:>5}")
    print(f"\n{'link':<12} {'kills':>6} {'alone':>6}   mutants of the core")
    for link, (sees, alone) in made["links"].items():
        print(f"{link:<12} {sees:>6} {alone:>6}")
    survivors = [key for key, killer in {**made["core"], **made["others"]}.items() if not killer]
    every, unknown = len(made["core"]) + len(made["others"]), [key for key in survivors if key not in told]
    print(f"\n{every - len(survivors)} of {every} caught, {len(survivors) - len(unknown)} are equivalent")
    for key in unknown:
        print(f"survives: {key}")
    return int(bool(unknown))


if __name__ == "__main__":
    sys.exit(main())
