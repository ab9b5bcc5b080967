"""What each gradient checker sees, for several declared networks: every fault of the catalogue wherever it can be made.

    python proofs/benchmarks/power.py --write        (make bench-power: a JSON file, and the tables of README.md)

For each declared network, on the networks of `default_probes` for some seeds:

- every fault of the catalogue that applies, and some single entries that are off, shown to refnn and to the checkers of
  PyTorch, JAX, autograd and SciPy at their default settings; SciPy's returns a norm, and the threshold is ours. All get
  dW and db alone, but for the one fault that lies in dA, which only refnn is asked about. A fault is told apart by a
  checker that objects to it and, on the same network, not to the right gradient: who objects to both has seen nothing;
- right gradients of random networks, depth to 8, weights and biases of scales 0.01 to 50, by hand in NumPy in float64
  and in float32, by PyTorch and by JAX (implementations.py): refnn's verdicts; and the peers' objections to PyTorch's;
- how often `check_backprop` names the planted fault, and nothing else, as the cause;
- faults drawn at random (random_faults.py): how many `check_backprop` tells, by size and by when they strike.

Exit status 1 if refnn misses a fault of the catalogue or objects to a right gradient. Single entries that are off by
little are not counted as missed: in a saturated network the usual formulas lose more than that to rounding.
"""

import argparse
import multiprocessing
import os
import platform
import sys
from collections import Counter, defaultdict
from concurrent.futures import ProcessPoolExecutor, as_completed
from importlib.metadata import version
from pathlib import Path

import numpy as np
import random_faults
import tables
from implementations import WAYS

from refnn._progress import bar
from refnn.gradcheck import Verdict, check_backprop, check_network
from refnn.gradcheck.declaration import Declaration
from refnn.gradcheck.faults.catalogue import FAULTS
from refnn.gradcheck.faults.probes import Probe, default_probes, random_labels

HERE = Path(__file__).parent
OURS, RIGHT, IN_DA = "refnn", "none", "article-dA-convention"
SCALES = (0.01, 0.1, 1, 3, 10, 50)
PACKAGES = ("refnn", "numpy", "torch", "jax", "autograd", "scipy")
TURNS = ("NumPy", "PyTorch", "NumPy, float32", "NumPy", "JAX", "NumPy, float32", "PyTorch", "NumPy")
DECLARED = {
    "sigmoid, sigmoid": {},
    "relu, softmax": {"hidden": "relu", "output": "softmax", "labels": "classes"},
    "tanh, identity": {"hidden": "tanh", "output": "identity"},
    "leaky_relu, (tanh, squared_error)": {"hidden": "leaky_relu", "output": ("tanh", "squared_error")},
    "silu, softmax; l2, rows, in,out": {
        "hidden": "silu",
        "output": "softmax",
        "l2": 0.1,
        "examples": "rows",
        "weights": "in,out",
    },
    "relu, sigmoid; l2 of 0.7/m, one-hot": {
        "hidden": "relu",
        "output": "sigmoid",
        "l2": lambda m: 0.7 / m,
        "labels": "onehot",
    },
    "softplus, (identity, squared_error); no bias, entries": {
        "hidden": "softplus",
        "output": ("identity", "squared_error"),
        "bias": False,
        "reduction": "entries",
    },
    "leaky_relu(0.2), sigmoid; sum, l1, rows": {
        "hidden": "leaky_relu(0.2)",
        "output": "sigmoid",
        "reduction": "sum",
        "l1": 0.05,
        "examples": "rows",
    },
}


# ---------------------------------------------------------------------- wrong gradients


def checkers(name):
    """By name, whether each objects to a gradient, arrays all in the declared form."""
    from checkers import PEERS  # heavy, and for the workers only

    said = Declaration.of(DECLARED[name])

    def ours(params, X, Y, grads):
        return check_network(params, X, Y, grads, progress=False, **DECLARED[name]).verdict is Verdict.WRONG

    def asked(peer):
        def objects(*arguments):
            with np.errstate(all="ignore"):
                return bool(peer(said, *arguments))

        return objects

    return {OURS: ours} | {peer: asked(check) for peer, check in PEERS.items()}


def in_their_form(said, grads, dA=False):
    """dW and db, as the declaration has them; with dA where it is asked for."""
    kinds = ("dW", "db", "dA")[: 3 if dA else 2]
    return {
        key: np.ascontiguousarray(said.turned(key[1], V))
        for key, V in grads.items()
        if key[:2] in kinds and (said.bias or key[1] != "b")
    }


def entry_faults(right):
    """Faults in the numbers, not in the mathematics: name, gradient."""

    def changed(key, change):
        V = right[key].copy()
        V.flat[V.size // 2] *= change
        return {**right, key: V}

    yield "dW1 zero", {**right, "dW1": 0 * right["dW1"]}
    yield "dW1 negative", {**right, "dW1": -right["dW1"]}
    if "dW2" in right:
        yield "1 % in one entry of dW2", changed("dW2", 1.01)
    if "db1" in right:
        yield "1e-4 in one entry of db1", changed("db1", 1.0001)


def detection(name, seed):
    """(fault, checker) -> [objections, told apart, trials]; and what refnn missed, with the network."""
    said, counts, missed = Declaration.of(DECLARED[name]), defaultdict(lambda: [0, 0, 0]), []
    for probe in default_probes(seed=seed, declaration=said):
        network = said.theirs(*probe[1:])
        right = WAYS["NumPy"](said)(*network)
        cases = [(RIGHT, right)]
        for fault in FAULTS.values():
            if fault.applies(*probe[1:], said):
                grads = fault.gradient(*probe[1:], said)
                cases.append((fault.name, in_their_form(said, grads, fault.name == IN_DA)))
        cases += entry_faults(right)
        for checker, objects in checkers(name).items():
            alarmed = False
            for fault, grads in cases:
                if fault == IN_DA and checker != OURS:
                    continue
                objected = objects(*network, grads)
                alarmed |= fault == RIGHT and objected
                count = counts[fault, checker]
                for i, amount in enumerate((objected, objected and not alarmed, 1)):
                    count[i] += amount
                if checker == OURS and objected != (fault != RIGHT) and fault in {RIGHT, *FAULTS}:
                    missed.append(f"{fault} on {probe.name}, seed {seed}, of {name}")
    return dict(counts), missed


# ---------------------------------------------------------------------- right gradients


def random_network(rng, said):
    """Depth to 8, widths to 8, and every scale: most are no good for learning, all have a gradient."""
    dims = rng.integers(1, 9, rng.integers(2, 10))
    if said.output[0] == "softmax":
        dims[-1] = max(dims[-1], 2)
    scale, m = rng.choice(SCALES), int(rng.integers(2, 12))
    params = {}
    for l in range(1, len(dims)):
        params[f"W{l}"] = scale * rng.standard_normal((dims[l], dims[l - 1]))
        params[f"b{l}"] = scale * rng.standard_normal((dims[l], 1)) * said.bias
    Y = random_labels(rng, dims[-1], m, said.labels == "soft" and rng.random() < 0.5, said)
    return Probe(f"{dims}, scale {scale}", params, rng.standard_normal((dims[0], m)), Y)


def right_gradients(name, part, count):
    """Verdicts by implementation, the peers' [objections, trials] to PyTorch's, and false alarms at length."""
    said, rng = Declaration.of(DECLARED[name]), np.random.default_rng(part)
    verdicts, objections, alarms = defaultdict(Counter), defaultdict(lambda: [0, 0]), []
    asked = checkers(name)
    for i in range(count):
        way, probe = TURNS[i % len(TURNS)], random_network(rng, said)
        network = said.theirs(*probe[1:])
        grads = WAYS[way](said)(*network)
        check = check_network(*network, grads, progress=False, **DECLARED[name])
        verdicts[way][str(check.verdict)] += 1
        if check.verdict is Verdict.WRONG:
            alarms.append(f"{way} on {probe.name}, number {i} of part {part}, of {name}\n{check}")
        if way == "PyTorch":
            for checker, objects in asked.items():
                if checker != OURS:
                    objections[checker][0] += objects(*network, grads)
                    objections[checker][1] += 1
    return {way: dict(counts) for way, counts in verdicts.items()}, dict(objections), alarms


# ---------------------------------------------------------------------- causes


def causes(name, seed):
    """For each fault that can be made: what `check_backprop` names."""
    said, named = Declaration.of(DECLARED[name]), {}
    probes = default_probes(seed=seed, declaration=said)
    for fault in FAULTS.values():
        if not any(fault.applies(*probe[1:], said) for probe in probes):
            continue

        def gradient(params, X, Y, fault=fault):
            grads = fault.gradient(*said.ours(params, X, Y), said)
            return in_their_form(said, grads, fault.name == IN_DA)

        check = check_backprop(gradient, seed=seed, progress=False, **DECLARED[name])
        found = check.diagnosis.causes if check.diagnosis else ()
        named[fault.name] = [" and ".join(cause.faults) or cause.text for cause in found]
    return named


# ---------------------------------------------------------------------- faults drawn at random


def at_random(name, count):
    return random_faults.random_faults(name, DECLARED[name], count)


# ---------------------------------------------------------------------- all of it


def gather(jobs, workers):
    """The results of (function, arguments) by function and declared network, in the order of the jobs."""
    os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
        futures = {pool.submit(function, *arguments): (function, arguments) for function, *arguments in jobs}
        for _ in bar(as_completed(futures), "power", total=len(futures), show=True):
            pass
    results = defaultdict(list)
    for future, (function, (name, *_)) in futures.items():
        results[function, name].append(future.result())
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=2, help="of the networks for each fault (%(default)s)")
    parser.add_argument("--networks", type=int, default=2000, help="random, with right gradients (%(default)s)")
    parser.add_argument(
        "--faults", type=int, default=1, help="drawn at random, of each size and condition (%(default)s)"
    )
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="processes (%(default)s)")
    parser.add_argument("--write", action="store_true", help="power.json, and its tables in README.md")
    args = parser.parse_args()

    share = -(-args.networks // (2 * len(DECLARED)))
    jobs = [(detection, name, seed) for name in DECLARED for seed in range(args.seeds)]
    jobs += [(right_gradients, name, part, share) for part in range(2) for name in DECLARED]
    jobs += [(causes, name, seed) for name in DECLARED for seed in range(args.seeds)]
    jobs += [(at_random, name, args.faults) for name in DECLARED]
    results = gather(jobs, args.workers)

    content = {
        "command": "make bench-power",
        "versions": {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
        "declared": {name: Declaration.of(words).says.split(" at 0x")[0] for name, words in DECLARED.items()},
        "detection": [],
        "right_gradients": [],
        "peers_on_right_gradients": [],
        "cause_named": [],
        "random_faults": [],
        "random_faults_passed": [],
    }
    missed, alarms = [], []
    drawn = defaultdict(lambda: np.zeros(3, int))
    for name in DECLARED:
        counts = defaultdict(lambda: np.zeros(3, int))
        for found, more in results[detection, name]:
            missed += more
            for key, count in found.items():
                counts[key] += count
        for (fault, checker), (objections, told, trials) in counts.items():
            row = {"declared": name, "fault": fault, "checker": checker}
            row |= {"objections": int(objections), "told": int(told), "trials": int(trials)}
            content["detection"].append(row)
        verdicts, objections = defaultdict(Counter), defaultdict(lambda: np.zeros(2, int))
        for by_way, by_peer, more in results[right_gradients, name]:
            alarms += more
            for way, counter in by_way.items():
                verdicts[way].update(counter)
            for peer, count in by_peer.items():
                objections[peer] += count
        for way, counter in verdicts.items():
            row = {"declared": name, "implementation": way}
            content["right_gradients"].append(row | {str(v): counter[str(v)] for v in Verdict})
        for peer, (objected, trials) in objections.items():
            row = {"declared": name, "checker": peer, "objections": int(objected), "trials": int(trials)}
            content["peers_on_right_gradients"].append(row)
        for counts, passed in results[at_random, name]:
            content["random_faults_passed"] += passed
            for key, count in counts.items():
                drawn[key] += count
        for fault in FAULTS:
            found = [named[fault] for named in results[causes, name] if fault in named]
            if found:
                others = sorted({" | ".join(named) for named in found if named != [fault]})
                row = {"declared": name, "fault": fault, "named": sum(named == [fault] for named in found)}
                content["cause_named"].append(row | {"asked": len(found)} | ({"else": others} if others else {}))

    for (kind, condition, size), counts in drawn.items():
        row = {"when": kind, "condition": condition, "size": size}
        content["random_faults"].append(row | dict(zip(("told", "struck", "drawn"), map(int, counts))))

    print("\n\n".join(tables.power(content, every_fault=True)))
    for row in content["cause_named"]:
        if row["named"] != row["asked"]:
            print(f"cause: {row}")
    for what in missed:
        print(f"refnn misjudged: {what}")
    for what in alarms:
        print(f"false alarm: {what}")
    if args.write:
        (HERE / "power.json").write_text(tables.as_json(content), encoding="utf-8")
        tables.write("power", "\n\n".join(tables.power(content)))
        random_faults.draw(content["random_faults"], HERE / "random_faults.png")
    return bool(missed or alarms)


if __name__ == "__main__":
    sys.exit(main())
