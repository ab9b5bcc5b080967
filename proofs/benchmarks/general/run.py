"""Right and wrong gradients of many functions through refnn and the other checkers, and the calibration of differences.

    python proofs/benchmarks/general/run.py --write       (make bench-general: general.json, general.png, the tables)
    python proofs/benchmarks/general/run.py --only refnn --write    (a third of the time: the others' counts stay)
    python proofs/benchmarks/general/run.py --only refnn --source corpus --half tuning --what right

Printed are the right gradients that do not pass and the planted faults that do, by refnn or by the checker that is
asked alone, one a line, and the counts. A fault is told apart by a checker that objects to it and not to the right
gradient.
"""

import argparse
import json
import os
import platform
import sys
from collections import Counter, defaultdict
from concurrent.futures import ProcessPoolExecutor
from fnmatch import fnmatch
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from statistics import median

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before NumPy: the processes share the cores
sys.path.insert(0, str(Path(__file__).parents[1]))

import tables

from general import calibration, speed_of_checks
from general.checkers import CHECKERS, ask
from general.corpus import HALVES, cases
from general.faults import planted
from refnn._progress import bar

HERE = Path(__file__).parent
SOURCES = ("corpus", "operators")
PACKAGES = ("refnn", "numpy", "torch", "jax", "autograd", "scipy")
CASES = {}  # by name; filled before the processes start, which inherit it


def load(source):
    """The cases of a source, and of operators of which there is none why so."""
    found, skipped = cases() if source in ("corpus", "all") else [], {}
    if source in ("operators", "all"):
        from general.operators import operators  # needs PyTorch's test suite

        more, skipped = operators()
        found += more
    CASES.update({case.name: case for case in found})
    return {why: [name for name, its in skipped.items() if its == why] for why in dict.fromkeys(skipped.values())}


def judged(name, what, checkers, as_callable):
    """(checker, kind of fault or "", fault, verdict, reason, seconds) for a case, or for all faults of it, or both."""
    case, rows = CASES[name], []
    trials = [("", "right", case.right)] if what in ("right", "all") else []
    trials += planted(case) if what in ("faults", "all") else []
    for checker in checkers:
        for kind, fault, grads in trials:
            given = grads
            if as_callable:
                given = (lambda _, grads=grads: grads) if kind else case.gradient
            rows.append((checker, kind, fault, *ask(checker, case, given)))
    return name, rows


def chosen(half, names):
    return [
        case.name
        for case in CASES.values()
        if (half == "all" or case.half == half) and (fnmatch(case.name, names) or case.function == names)
    ]


def shown(results, checker):
    """The results again, with what is remarkable about them printed on the way."""
    for name, rows in results:
        for its, kind, fault, verdict, reason, _ in rows:
            if its == checker and not kind and verdict not in CASES[name].expected:
                print(f"{verdict:<10}  {name:<40}  {reason[:300]}", flush=True)
            if its == checker and kind and verdict in ("PASS", "exception"):
                print(f"{verdict:<10}  {name:<40}  {fault}  {reason[:100]}", flush=True)
        yield name, rows


def _in_order(counts):
    """By checker, then in the order of the first one."""
    places = {kind: k for k, kind in enumerate(dict.fromkeys(kind for _, kind in counts))}
    order = list(CHECKERS)
    return sorted(counts.items(), key=lambda item: (order.index(item[0][0]), places[item[0][1]]))


def counted(results):
    """Rows of counts: of right gradients by checker and kind of case, of faults by checker and kind of fault."""
    right, faults, seconds = defaultdict(Counter), defaultdict(Counter), defaultdict(list)
    for name, rows in results:
        kind_of_case, expected = CASES[name].kind, CASES[name].expected
        refused = {checker for checker, kind, _, verdict, *_ in rows if not kind and verdict in ("WRONG", "exception")}
        for checker, kind, _, verdict, _, took in rows:
            if kind:
                outcome = {"PASS": "passed", "WRONG": "told"}.get(verdict, "undecided")
                outcome = "refused anyway" if outcome == "told" and checker in refused else outcome
                faults[checker, kind][outcome] += 1
            else:
                outcome = {"WRONG": "alarms", "exception": "exceptions"}.get(verdict, "undecided")
                right[checker, kind_of_case]["good" if verdict in expected else outcome] += 1
                seconds[checker].append(took)
    return {
        "right": [
            {"checker": checker, "kind": kind, "trials": sum(n.values())}
            | {outcome: n[outcome] for outcome in ("alarms", "undecided", "exceptions")}
            for (checker, kind), n in _in_order(right)
        ],
        "faults": [
            {"checker": checker, "fault": fault, "trials": sum(n.values())}
            | {outcome: n[outcome] for outcome in ("told", "undecided", "passed", "refused anyway")}
            for (checker, fault), n in _in_order(faults)
        ],
        "milliseconds": {checker: round(1000 * median(times), 2) for checker, times in seconds.items()},
    }


def beside_others(content, checker):
    """The counts of one checker, beside those of the others as they were written, of the same trials and packages."""
    written = json.loads((HERE / "general.json").read_text(encoding="utf-8"))
    if written["versions"] != versions():
        sys.exit(f"general.json is of {written['versions']}, here are {versions()}: without --only all are asked anew")
    for table, by in (("right", "kind"), ("faults", "fault")):
        others = [row for row in written[table] if row["checker"] != checker]
        trials = {(row[by], row["trials"]) for row in content[table]}
        if {(row[by], row["trials"]) for row in others} != trials:
            sys.exit(f"general.json has other {table} than are tried now: without --only all are asked anew")
        content[table] = sorted(content[table] + others, key=lambda row: list(CHECKERS).index(row["checker"]))
    return content | {"milliseconds": written["milliseconds"] | content["milliseconds"]}


def versions():
    return {package: version(package) for package in PACKAGES}


def print_counts(content):
    for title, by, outcomes in (
        ("right", "kind", ("alarms", "undecided", "exceptions")),
        ("faults", "fault", ("told", "undecided", "passed", "refused anyway")),
    ):
        for checker in dict.fromkeys(row["checker"] for row in content[title]):
            rows = [row for row in content[title] if row["checker"] == checker]
            rows.append({by: "all"} | {key: sum(row[key] for row in rows) for key in ("trials", *outcomes)})
            print(f"\n{title + ', ' + checker:<44}{'trials':>8}" + "".join(f"{outcome:>16}" for outcome in outcomes))
            for row in rows:
                print(f"{row[by]:<44}{row['trials']:>8,}" + "".join(f"{row[key]:>16,}" for key in outcomes))
    print("\nmilliseconds for a right gradient, in the median:", content["milliseconds"])


def calibrated(jobs):
    """The summary of the calibration; printed are the entries farthest outside."""
    seeds = range(calibration.FUNCTIONS)
    with ProcessPoolExecutor(jobs, get_context("fork")) as pool:
        found = bar(pool.map(calibration.measured, seeds, chunksize=50), "calibration", total=len(seeds))
        rows = [row for one in found for row in one]
    print(*calibration.worst(rows), sep="\n")
    return calibration.summary(rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=CHECKERS, help="one checker instead of all")
    parser.add_argument("--source", default="all", choices=[*SOURCES, "all"])
    parser.add_argument("--half", default="all", choices=[*HALVES, "all"], help="of the functions, by their names")
    parser.add_argument("--what", default="all", choices=["right", "faults", "all", "calibration"])
    parser.add_argument("--names", default="*", help="a pattern of case names, or the name of a function")
    parser.add_argument("--callable", action="store_true", help="hand over the gradient as a function (refnn)")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--write", action="store_true", help="general.json, its figure, and its tables in README.md")
    asked = parser.parse_args()
    if asked.what == "calibration":
        print(tables.calibration(calibrated(asked.jobs)))
        return
    skipped = load(asked.source)
    names, checkers = chosen(asked.half, asked.names), [asked.only] if asked.only else list(CHECKERS)
    more = [[value] * len(names) for value in (asked.what, checkers, asked.callable)]
    with ProcessPoolExecutor(asked.jobs, get_context("fork")) as pool:
        results = bar(pool.map(judged, names, *more, chunksize=4), "cases", total=len(names))
        content = counted(shown(results, checkers[0]))
    for why, left_out in skipped.items():
        print(f"skipped {len(left_out)}: {why}")
    print_counts(content)
    if asked.write:
        content = beside_others(content, asked.only) if asked.only else content
        content |= {"speed": speed_of_checks.measured(list(CHECKERS))} | calibrated(asked.jobs)
        content |= {"skipped": skipped, "python": platform.python_version(), "versions": versions()}
        (HERE / "general.json").write_text(tables.as_json(content), encoding="utf-8")
        tables.write("general", "\n\n".join(tables.general(content)))
        calibration.draw(content, HERE / "general.png")


if __name__ == "__main__":
    main()
