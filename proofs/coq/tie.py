"""Is network.py the program that was proved?  Both run on the same networks, and must return the same numbers.

    python tie.py PROGRAM [--seed S]   compare on the committed vectors, on random networks, and on floats
    python tie.py PROGRAM --write      write vectors.json anew

PROGRAM is the one that Coq extracted; run.ml says what it reads and prints. Over the finite field of refnn.numbers
nothing is rounded, and the tolerance is zero. On floats the two programs add in different orders and have different
exp and log: there each number of both lies in the ball that holds every result of IEEE arithmetic in any order, which
network.py finds on such balls.
"""

import argparse
import itertools
import json
import random
import secrets
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np

import refnn.network
from refnn.numbers import FieldElement, P, atoms, balls

sys.path.append(str(Path(__file__).parents[1] / "vectors"))
from floatball import float_balls

VECTORS = Path(__file__).with_name("vectors.json")
SEED = 5
SHAPES = [  # layer_dims and examples of the committed vectors: square layers too, where a wrong transpose still fits
    ([1, 1], 1),
    ([2, 1], 3),
    ([1, 3], 2),
    ([3, 3], 3),
    ([2, 1, 2], 4),
    ([3, 4, 2], 5),
    ([2, 2, 2], 2),
    ([3, 3, 3, 3], 3),
    ([4, 6, 5, 3], 6),
    ([5, 4, 3, 2, 1], 2),
    ([1, 2, 1, 2, 1, 2, 1], 2),
    ([2] * 21, 1),  # without tables, 2^20 times the work
]
RANDOM_NETWORKS = 200
OPERATIONS = {  # of NumPy.v, on arrays A and B
    "add": lambda A, B: A + B,
    "sub": lambda A, B: A - B,
    "mul": lambda A, B: A * B,
    "div": lambda A, B: A / B,
    "matmul": lambda A, B: A @ B,
    "T": lambda A, _: A.T,
    "exp": lambda A, _: np.exp(A),
    "log": lambda A, _: np.log(A),
    "neg": lambda A, _: -A,
    "sum": lambda A, _: A.sum(),
    "sum_rows": lambda A, _: A.sum(axis=0, keepdims=True),
    "sum_columns": lambda A, _: A.sum(axis=1, keepdims=True),
    "eye": lambda A, _: np.eye(len(A), dtype=A.dtype),
    "ones_like": lambda A, _: np.ones_like(A),
}
BITS = 128  # of the balls


def network(rng: random.Random, layer_dims: list[int], examples: int, kind: str, *, positive: bool = False) -> dict:
    """A random network as plain data; field elements are integers, floats are written in hexadecimal.

    In a positive one, all numbers are, and all labels are 1: then all terms of each sum have one sign, none cancel, and
    rounding loses nothing but a few last digits.
    """

    def number():
        return rng.randrange(P) if kind == "field" else rng.uniform(0 if positive else -1, 1).hex()

    def label():
        return rng.randrange(P) if kind == "field" else (1.0 if positive else rng.random()).hex()

    def matrix(rows, columns, entry=number):
        return [[entry() for _ in range(columns)] for _ in range(rows)]

    params = {}
    for l in range(1, len(layer_dims)):
        params[f"W{l}"] = matrix(layer_dims[l], layer_dims[l - 1])
        params[f"b{l}"] = matrix(layer_dims[l], 1)
    return {
        "kind": kind,
        "key": rng.randrange(P),
        "layer_dims": layer_dims,
        "examples": examples,
        "learning_rate": label(),
        "params": params,
        "X": matrix(layer_dims[0], examples),
        "Y": matrix(layer_dims[-1], examples, label),
    }


def random_shape(rng: random.Random) -> tuple[list[int], int]:
    return [rng.randint(1, 5) for _ in range(rng.randint(2, 7))], rng.randint(1, 5)


def output_shapes(net: dict) -> dict[str, tuple[int, int]]:
    """The outputs and their shapes, in the order in which the extracted program prints them."""
    dims, m = net["layer_dims"], net["examples"]
    layers = range(1, len(dims))
    shapes = {"cost": (1, 1), "logistic_cost": (1, 1)} | {f"A{l}": (dims[l], m) for l in layers}
    for l in reversed(layers):
        shapes |= {f"dW{l}": (dims[l], dims[l - 1]), f"db{l}": (dims[l], 1), f"dA{l - 1}": (dims[l - 1], m)}
    for l in layers:
        shapes |= {f"W{l} after": (dims[l], dims[l - 1]), f"b{l} after": (dims[l], 1)}
    return shapes


def extracted(nets: list[dict], program: str, *, text: bool = False) -> list[dict]:
    """What the extracted program makes of the networks, or in the field the translated text: its outputs by name, as
    plain data."""
    words = []
    for net in nets:
        words += ["text" if text else net["kind"], *([net["key"]] if net["kind"] == "field" else [])]
        words += [len(net["layer_dims"]) - 1, net["examples"], *net["layer_dims"], net["learning_rate"]]
        words += [entry for array in [*net["params"].values(), net["X"], net["Y"]] for row in array for entry in row]
    results = []
    for net, line in zip(nets, lines(program, words), strict=True):
        entries = map(int if net["kind"] == "field" else str, line.split())
        results.append(
            {
                name: [[next(entries) for _ in range(columns)] for _ in range(rows)]
                for name, (rows, columns) in output_shapes(net).items()
            }
        )
        if next(entries, None) is not None:
            raise ValueError("the program printed more numbers than it has outputs")
    return results


def lines(program: str, words: list) -> list[str]:
    """What it prints for these words."""
    run = subprocess.run([program], input=" ".join(map(str, words)), stdout=subprocess.PIPE, text=True, check=True)
    return run.stdout.splitlines()


def to_array(net: dict, matrix: list[list]) -> np.ndarray:
    number = FieldElement if net["kind"] == "field" else float.fromhex
    return np.array([[number(entry) for entry in row] for row in matrix])


def source(
    net: dict, module: ModuleType = refnn.network, numbers: Callable[[np.ndarray], np.ndarray] = np.asarray
) -> dict[str, np.ndarray]:
    """What network.py, or a mutant of it, makes of the network on such numbers: the same outputs, as arrays."""
    params = {name: numbers(to_array(net, matrix)) for name, matrix in net["params"].items()}
    X, Y, (learning_rate,) = (numbers(to_array(net, V)) for V in (net["X"], net["Y"], [[net["learning_rate"]]]))
    with atoms(net["key"]):
        AL, caches = module.forward_prop(X, params)
        grads = module.backprop(AL, Y, caches)
        if net["kind"] == "field":
            alone = module.backprop(AL, Y, caches, inputs=False)
            if (
                any((dV != alone[name]).any() for name, dV in grads.items() if name != "dA0")
                or alone["dA0"] is not None
            ):
                raise ValueError("inputs=False leaves out more or less than dA0")
        after = module.update_parameters(params, grads, learning_rate[0])
        costs = {"cost": module.cost_function(AL, Y), "logistic_cost": module.logistic_cost(caches[-1][1], Y)}
    if any(np.ndim(J) for J in costs.values()):
        raise ValueError("a cost is no scalar")
    activations = [A_prev for (A_prev, _, _), _ in caches] + [AL]
    outputs = {name: np.array([[J]]) for name, J in costs.items()}
    outputs |= {f"A{l}": A for l, A in enumerate(activations)} | grads
    return outputs | {f"{name} after": V for name, V in after.items()}


def difference(net: dict, proved: dict, module: ModuleType = refnn.network) -> str | None:
    """The first output that is not exactly that of the extracted program; None if there is none."""
    ours = source(net, module)
    for name, shape in output_shapes(net).items():
        if ours[name].shape != shape or (ours[name] != to_array(net, proved[name])).any():
            return name
    return None


def numpy_differs(program: str, rng: random.Random) -> tuple[int, list[str]]:
    """NumPy's own operations beside those of NumPy.v, on arrays of each pair of small shapes: how many, and where they
    differ. None is NumPy's error."""
    words, expected = [], []
    for shapes in itertools.product(itertools.product(range(1, 4), repeat=2), repeat=2):
        key = rng.randrange(P)
        A, B = (np.array([[FieldElement(rng.randrange(P)) for _ in range(c)] for _ in range(r)]) for r, c in shapes)
        for name, operation in OPERATIONS.items():
            words += ["numpy", key, name]
            for V in (A, B):
                words += [*V.shape, *(x.residue for x in V.flat)]
            with atoms(key):
                try:
                    C = np.atleast_2d(operation(A, B))
                    expected.append(" ".join(map(str, [*C.shape, *(FieldElement(x).residue for x in C.flat)])))
                except ValueError:
                    expected.append("None")
    found = [line.strip() for line in lines(program, words)]
    pairs = zip(itertools.cycle(OPERATIONS), found, expected, strict=False)
    return len(expected), [name for name, ours, numpys in pairs if ours != numpys]


def float_difference(net: dict, proved: dict) -> tuple[float, float]:
    """How far the two programs get in the balls that hold every float result, as a share of the radius, and the most
    ulps that a gradient of one is from the other's."""
    share = ulps = 0.0
    ours = source(net)
    with balls.precision(BITS):
        for name, enclosed in source(net, numbers=float_balls).items():
            if name == "A0":
                continue
            theirs = to_array(net, proved[name])
            for i, ball in np.ndenumerate(enclosed):
                for number in (ours[name][i], theirs[i]):
                    off = abs(ball.ball.mid() - float(number)).upper()
                    share = max(share, float(off / ball.ball.rad()) if off > 0 else 0.0)
            if name.startswith("d"):
                ulps = max(ulps, (np.abs(ours[name] - theirs) / np.spacing(np.abs(theirs))).max())
    return share, ulps


def vectors(program: str) -> str:
    """The text of vectors.json: the networks of SHAPES with the outputs of the extracted program, one a line."""
    rng = random.Random(SEED)
    nets = [network(rng, layer_dims, examples, "field") for layer_dims, examples in SHAPES]
    lines = [json.dumps(net | {"outputs": proved}) for net, proved in zip(nets, extracted(nets, program), strict=True)]
    return "[\n" + ",\n".join(lines) + "\n]\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--seed", type=int, default=secrets.randbits(32), help="of the random networks")
    parser.add_argument("--write", action="store_true", help="write vectors.json")
    args = parser.parse_args()

    text = vectors(args.program)
    if args.write:
        VECTORS.write_text(text)
    if VECTORS.read_text() != text:
        sys.exit("the extracted program no longer returns vectors.json: if that is meant: make -C proofs/coq vectors")
    print(f"vectors.json: what the extracted program returns, {len(SHAPES)} networks")

    rng = random.Random(args.seed)
    exact = [network(rng, *random_shape(rng), "field") for _ in range(RANDOM_NETWORKS)]
    entries = 0
    for net, proved in zip(exact, extracted(exact, args.program), strict=True):
        if (name := difference(net, proved)) is not None:
            sys.exit(f"network.py and the extracted program differ in {name}, seed {args.seed}, on\n{json.dumps(net)}")
        entries += sum(len(matrix) * len(matrix[0]) for matrix in proved.values())
    print(
        f"finite field: network.py is the extracted program on {len(exact)} networks (seed {args.seed}), "
        f"{entries} of {entries} numbers"
    )

    for net, read in zip(exact, extracted(exact, args.program, text=True), strict=True):
        if (name := difference(net, read)) is not None:
            sys.exit(f"network.py and its translated text differ in {name}, seed {args.seed}, on\n{json.dumps(net)}")
    count, differ = numpy_differs(args.program, rng)
    if differ:
        sys.exit(f"NumPy and NumPy.v differ, seed {args.seed}, in {sorted(set(differ))}")
    print(f"finite field: network.py is its translated text on them too, and NumPy is NumPy.v on {count} operations")

    for positive, sort in ((False, "any"), (True, "positive")):
        floats = [network(rng, *random_shape(rng), "float", positive=positive) for _ in range(RANDOM_NETWORKS)]
        share, ulps = np.max([float_difference(*pair) for pair in zip(floats, extracted(floats, args.program))], axis=0)
        if not share <= 1:
            sys.exit(f"a float is {share:.3g} times as far off as rounding explains, seed {args.seed}")
        within = f", every gradient within {ulps:.0f} ulp" if positive else ""
        print(f"{sort} floats: all within {share:.2g} of what rounding may do, on {len(floats)} networks{within}")


if __name__ == "__main__":
    main()
