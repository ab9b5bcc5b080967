"""What each gradient checker sees: every fault of the catalogue on every network where it can be made.

    python proofs/benchmarks/power.py --json proofs/benchmarks/power.json        (make bench-power)

Prints three things and writes them as JSON: the share of wrong gradients to which refnn and the checkers of PyTorch,
JAX, autograd and SciPy object, at their default settings, on the same networks in the same run; how often each objects
to right gradients; and how often `check_backprop` names the cause of a fault. Exit status 1 if refnn misses a fault of
the catalogue, objects to a right gradient or names another cause. Single entries that are off by little are not counted
as missed: in a saturated network the usual formulas lose more than that to rounding, so that it decides nothing.
"""

import argparse
import json
import platform
import sys
from collections import defaultdict
from importlib.metadata import version
from pathlib import Path

import numpy as np
from checkers import PEERS

import refnn
from refnn._progress import bar
from refnn.gradcheck import Verdict, check_backprop, check_network
from refnn.gradcheck.faults.catalogue import FAULTS
from refnn.gradcheck.faults.lines import backprop
from refnn.gradcheck.faults.probes import Probe, default_probes

OURS = "refnn"
SCALES = (0.01, 0.1, 1, 3, 10, 50)
PACKAGES = ("refnn", "numpy", "torch", "jax", "autograd", "scipy")


def sees(name, probe, grads):
    """Whether the checker objects."""
    if name == OURS:
        return check_network(*probe[1:], grads, progress=False).verdict is Verdict.WRONG
    return bool(PEERS[name](probe.params, probe.X, probe.Y, {key: np.asarray(V) for key, V in grads.items()}))


def networks(seeds):
    """The default probes for each seed, and one network of the size of the breast-cancer data."""
    probes = [probe for seed in range(seeds) for probe in default_probes(seed=seed)]
    for seed in range(max(1, seeds // 5)):
        probe = default_probes((30, 16, 8, 1), examples=569, seed=seed)[0]
        probes.append(probe._replace(name="[30, 16, 8, 1], m = 569", Y=np.round(probe.Y)))
    return probes


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
    yield "1e-4 in one entry of db1", changed("db1", 1.0001)


def wrong_gradients(probe):
    """All that can go wrong on this network: name, gradient."""
    right = backprop(*probe[1:])
    for name, fault in FAULTS.items():
        if fault.applies(*probe[1:]):
            yield name, fault.gradient(*probe[1:])
    yield from entry_faults(right)


def detection(probes):
    """[objections, trials] by fault, network and checker. Peers know nothing of dA, and are not asked about it."""
    counts = defaultdict(lambda: [0, 0])
    for probe in bar(probes, "faults", total=len(probes), show=True):
        for fault, grads in [("none", backprop(*probe[1:])), *wrong_gradients(probe)]:
            for checker in (OURS, *PEERS):
                if fault != "article-dA-convention" or checker == OURS:
                    count = counts[fault, probe.name, checker]
                    count[0] += sees(checker, probe, grads)
                    count[1] += 1
    return counts


def random_network(rng):
    """Depth to 8, widths to 8, and every weight scale: most are no good for learning, all have a gradient."""
    dims = rng.integers(1, 9, rng.integers(2, 10))
    scale, m = rng.choice(SCALES), rng.integers(2, 12)
    params = {}
    for l in range(1, len(dims)):
        params[f"W{l}"] = scale * rng.standard_normal((dims[l], dims[l - 1]))
        params[f"b{l}"] = scale * rng.standard_normal((dims[l], 1))
    Y = rng.random((dims[-1], m))
    return Probe(f"{dims}, scale {scale}", params, rng.standard_normal((dims[0], m)), rng.choice([Y, np.round(Y)]))


def right_gradients():
    """People's ways to the right gradient."""
    import torch

    def reference(params, X, Y):
        AL, caches = refnn.forward_prop(X, params)
        return refnn.backprop(AL, Y, caches)

    def plain(params, X, Y):
        A = [X]
        for l in range(1, len(params) // 2 + 1):
            with np.errstate(over="ignore"):
                A.append(1 / (1 + np.exp(-(params[f"W{l}"] @ A[-1] + params[f"b{l}"]))))
        grads, dZ = {}, (A[-1] - Y) / Y.shape[1]
        for l in range(len(A) - 1, 0, -1):
            grads[f"dW{l}"], grads[f"db{l}"] = dZ @ A[l - 1].T, dZ.sum(axis=1, keepdims=True)
            dZ = params[f"W{l}"].T @ dZ * A[l - 1] * (1 - A[l - 1])
        return grads

    def plain32(params, X, Y):
        return plain({key: V.astype(np.float32) for key, V in params.items()}, X.astype("f4"), Y.astype("f4"))

    def pytorch(params, X, Y):
        params = {key: torch.tensor(V, requires_grad=True) for key, V in params.items()}
        A = torch.tensor(X)
        for l in range(1, len(params) // 2 + 1):
            Z = params[f"W{l}"] @ A + params[f"b{l}"]
            A = torch.sigmoid(Z)
        (torch.nn.BCEWithLogitsLoss(reduction="sum")(Z, torch.tensor(Y)) / X.shape[1]).backward()
        return {f"d{key}": V.grad.numpy() for key, V in params.items()}

    return {"refnn": reference, "NumPy": plain, "NumPy, float32": plain32, "PyTorch": pytorch}


def false_alarms(count):
    """Verdicts on right gradients by implementation, on `count` random networks."""
    rng = np.random.default_rng(0)
    ways = right_gradients()
    verdicts = {name: dict.fromkeys(map(str, Verdict), 0) for name in ways}
    for i in bar(range(count), "right gradients", total=count, show=True):
        name = list(ways)[i % len(ways)]
        probe = random_network(rng)
        check = check_network(*probe[1:], ways[name](*probe[1:]), progress=False)
        verdicts[name][str(check.verdict)] += 1
        if check.verdict is Verdict.WRONG:
            print(f"false alarm: {name} on {probe.name}\n{check}")
    return verdicts


def causes(seeds):
    """How often `check_backprop` names the fault, and nothing else, as the cause."""
    named = {}
    for name, fault in FAULTS.items():
        diagnoses = [check_backprop(fault.gradient, seed=seed, progress=False).diagnosis for seed in range(seeds)]
        named[name] = sum(d is not None and [c.faults for c in d.causes] == [(name,)] for d in diagnoses)
    return named


def print_detection(counts, only=None):
    checkers = (OURS, *PEERS)
    faults = list(dict.fromkeys(fault for fault, network, _ in counts if only in (None, network)))
    print(f"{only or 'all networks':<32}" + "".join(f"{name:>23}" for name in checkers))
    for fault in faults:
        cells = []
        for checker in checkers:
            hits = [c for (f, n, k), c in counts.items() if (f, k) == (fault, checker) and only in (None, n)]
            seen, tried = (sum(column) for column in zip(*hits)) if hits else (0, 0)
            cells.append(f"{100 * seen / tried:.0f} % of {tried}" if tried else "not asked")
        print(f"{fault:<32}" + "".join(f"{cell:>23}" for cell in cells))
    print()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=10, help="of the networks for each fault (%(default)s)")
    parser.add_argument("--networks", type=int, default=2000, help="random, with right gradients (%(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE")
    args = parser.parse_args()

    named, verdicts, counts = causes(args.seeds), false_alarms(args.networks), detection(networks(args.seeds))
    print("Objections to wrong gradients, and (none) to right ones, by checker\n")
    print_detection(counts)
    for network in dict.fromkeys(n for _, n, _ in counts):
        print_detection(counts, network)
    print(f"Verdicts on right gradients, {args.networks} random networks, depth to 8, scales {SCALES}")
    for name, verdict in verdicts.items():
        print(f"  {name:<16}" + ", ".join(f"{v} {n}" for v, n in verdict.items()))
    print(f"\nCause named rightly, of {args.seeds}: " + ", ".join(f"{name} {n}" for name, n in named.items()))

    if args.json:
        content = {
            "command": "make bench-power",
            "versions": {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
            "detection": [
                {"fault": f, "network": n, "checker": k, "objections": seen, "trials": tried}
                for (f, n, k), (seen, tried) in counts.items()
            ],
            "right_gradients": verdicts,
            "cause_named": {"seeds": args.seeds, "faults": named},
        }
        args.json.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

    expected = {"none": lambda _: 0, **dict.fromkeys(FAULTS, lambda tried: tried)}
    ours = [(f, n, *count) for (f, n, k), count in counts.items() if k == OURS and f in expected]
    missed = [(fault, network) for fault, network, seen, tried in ours if seen != expected[fault](tried)]
    alarms = sum(verdict["WRONG"] for verdict in verdicts.values())
    for fault, network in missed:
        print(f"refnn misjudged: {fault} on {network}")
    return bool(missed or alarms or any(n != args.seeds for n in named.values()))


if __name__ == "__main__":
    sys.exit(main())
