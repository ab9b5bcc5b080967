"""`make bench-general`: right gradients and wrong ones of many functions, through refnn and the other checkers.

Printed are the right cases that do not pass and the planted faults that do, one a line, and the counts.
"""

import argparse
import os
import time
import warnings
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from fnmatch import fnmatch
from multiprocessing import get_context

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before NumPy: the processes share the cores

from corpus import HALVES, cases
from faults import planted

import refnn

CASES = {}  # by name; filled before the processes start, which inherit it


def load(source):
    found = cases() if source in ("corpus", "all") else []
    if source in ("operators", "all"):
        from operators import operators

        more, skipped = operators()
        found += more
        for reason, n in Counter(skipped.values()).most_common():
            print(f"skipped     {n:>4}  {reason}: {', '.join(name for name, why in skipped.items() if why == reason)}")
    CASES.update({case.name: case for case in found})


def by_refnn(case, grads, as_callable):
    """The verdict and its reasons; an exception is one of them."""
    given = grads if not as_callable else lambda _: grads
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            check = refnn.check_gradients(case.f, dict(case.params), given, progress=False)
        except Exception as error:
            return "exception", f"{type(error).__name__}: {error}"
    reasons = [*check.reasons, *(f"{part.name}: {part.reason or part.worst}" for part in check.parameters if not part)]
    return str(check.verdict), "; ".join(reasons)


def judged(name, what, as_callable):
    """(kind of fault or "", fault, verdict, reason, seconds) for the right gradient or for every fault of a case."""
    case = CASES[name]
    trials = []
    if what in ("right", "all"):
        trials.append(("", "right", case.gradient if as_callable else case.right))
    if what in ("faults", "all"):
        trials += planted(case)
    rows = []
    for kind, fault, grads in trials:
        start = time.perf_counter()
        verdict, reason = by_refnn(case, grads, as_callable and kind)
        rows.append((kind, fault, verdict, reason, time.perf_counter() - start))
    return name, rows


def chosen(half, names):
    return [
        case.name
        for case in CASES.values()
        if (half == "all" or case.half == half) and (fnmatch(case.name, names) or case.function == names)
    ]


def run(names, what, as_callable, jobs):
    """What `judged` gives for each case, in order."""
    with ProcessPoolExecutor(jobs, get_context("fork")) as pool:
        yield from pool.map(judged, names, [what] * len(names), [as_callable] * len(names), chunksize=2)


def report(results):
    right, faults, seconds = Counter(), Counter(), 0.0
    for name, rows in results:
        kind_of_case = CASES[name].kind
        for kind, fault, verdict, reason, took in rows:
            seconds += took
            (faults if kind else right)[kind or kind_of_case, verdict] += 1
            if not kind and verdict not in CASES[name].expected:
                print(f"{verdict:<10}  {name:<40}  {reason[:300]}", flush=True)
            if kind and verdict in ("PASS", "exception"):
                print(f"{verdict:<10}  {name:<40}  {fault}  {reason[:100]}", flush=True)
    for title, counted in (("right gradients, by kind", right), ("planted faults, by kind", faults)):
        if not counted:
            continue
        verdicts = sorted({verdict for _, verdict in counted})
        kinds = sorted({kind for kind, _ in counted})
        print(f"\n{title + ':':<36}" + "".join(f"{verdict:>12}" for verdict in verdicts))
        for kind in kinds:
            print(f"{kind:<36}" + "".join(f"{counted[kind, verdict]:>12,}" for verdict in verdicts))
        totals = [sum(n for (_, v), n in counted.items() if v == verdict) for verdict in verdicts]
        print(f"{'all ' + format(sum(totals), ','):<36}" + "".join(f"{n:>12,}" for n in totals))
    print(f"\n{seconds:.0f} seconds in check_gradients")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="refnn", choices=["refnn"], help="the checker")
    parser.add_argument("--source", default="corpus", choices=["corpus", "operators", "all"])
    parser.add_argument("--half", default="all", choices=[*HALVES, "all"])
    parser.add_argument("--what", default="all", choices=["right", "faults", "all"])
    parser.add_argument("--names", default="*", help="a pattern of case names, or the name of a function")
    parser.add_argument("--callable", action="store_true", help="hand over the gradient as a function")
    parser.add_argument("--jobs", type=int, default=2)
    asked = parser.parse_args()
    load(asked.source)
    report(run(chosen(asked.half, asked.names), asked.what, asked.callable, asked.jobs))


if __name__ == "__main__":
    main()
