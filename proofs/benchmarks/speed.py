"""One epoch of training beside its matrix products alone, the article's formulas, and other libraries.

    python proofs/benchmarks/speed.py                   (make bench)
    python proofs/benchmarks/speed.py refnn.train       that one anew, the others as speed.json has them

Every figure is a time over that of the "floor": the matrix products that the epoch cannot do without, written into
arrays that are there already. Each contender takes turns with the floor in a process of its own, where no other
library's threads disturb it, and each figure is the median of the rounds' ratios. Full batch, sigmoid units, mean
cross-entropy, plain gradient descent; in float64 and float32, on one thread and on two. `speed.json` and `speed.png`
keep the table.

`refnn.train` is measured as users call it, checks of its arguments included. "refnn core" and "refnn checked" are one
step composed of forward_prop, logistic_cost, backprop (with dA0, which no other contender computes) and
update_parameters, from `refnn.network` and from `refnn`.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np

import refnn
from refnn import network as core
from refnn._progress import bar

HERE = Path(__file__).parent
NETWORKS = {
    "xor": ([2, 4, 1], 4),
    "bc": ([30, 16, 8, 1], 569),
    "digits": ([64, 128, 64, 10], 1797),
    "mnist": ([784, 512, 256, 10], 1024),
    "big": ([1024] * 4 + [1], 1024),
}
DTYPES = ("float64", "float32")
THREADS = (1, 2)
ROUNDS, SECONDS = 7, 0.05  # of turns, each of about so many seconds for every contender
PAUSE = 0.05  # before each: the threads of a BLAS keep a core busy for a while after their last product
RATE = 0.1
Step = Callable[[], object]  # some epochs


def floor(layer_dims, X, Y, params):
    """The products W A_prev, dZ A_prevᵀ and, above the first layer, Wᵀ dZ, on numbers that do not matter."""
    L, m = len(layer_dims) - 1, X.shape[1]
    A, Z, dA = ([np.ones((n, m), X.dtype) for n in layer_dims] for _ in range(3))
    W = [None, *(params[f"W{l}"] for l in range(1, L + 1))]
    dW = [None, *map(np.empty_like, W[1:])]

    def step():
        for l in range(1, L + 1):
            np.matmul(W[l], A[l - 1], out=Z[l])
        for l in range(L, 0, -1):
            np.matmul(A[l], A[l - 1].T, out=dW[l])
            if l > 1:
                np.matmul(W[l].T, A[l], out=dA[l - 1])

    return step, 1


def article(layer_dims, X, Y, params):
    """The article's formulas, mended, in plain NumPy: A (1 - A), A - Y, and the cost from A."""

    def step():
        nonlocal params
        A, m, L = [X], X.shape[1], len(layer_dims) - 1
        for l in range(1, L + 1):
            A.append(1 / (1 + np.exp(-(np.dot(params[f"W{l}"], A[-1]) + params[f"b{l}"]))))
        cost = -(Y * np.log(A[L]) + (1 - Y) * np.log(1 - A[L])).sum() / m
        grads, dZ = {}, (A[L] - Y) / m
        for l in range(L, 0, -1):
            grads[f"W{l}"] = np.dot(dZ, A[l - 1].T)
            grads[f"b{l}"] = np.sum(dZ, axis=1, keepdims=True)
            if l > 1:
                dZ = np.dot(params[f"W{l}"].T, dZ) * A[l - 1] * (1 - A[l - 1])
        params = {key: V - RATE * grads[key] for key, V in params.items()}
        return cost

    return step, 1


def refnn_train(layer_dims, X, Y, params):
    """As many epochs at a call as fill a turn, as in any training."""

    def train(epochs):
        return refnn.train(X, Y, layer_dims, epochs, RATE, params=params)

    epochs = 8
    while seconds_per_call(lambda: train(epochs), 1) < SECONDS:  # noqa: B023  # called before epochs changes
        epochs *= 2
    return lambda: train(epochs), epochs


def refnn_core(layer_dims, X, Y, params):
    return composed(core, X, Y, params)


def refnn_checked(layer_dims, X, Y, params):
    return composed(refnn, X, Y, params)


def composed(functions, X, Y, params):
    def step():
        nonlocal params
        AL, caches = functions.forward_prop(X, params)
        cost = functions.logistic_cost(caches[-1][1], Y)
        params = functions.update_parameters(params, functions.backprop(AL, Y, caches), RATE)
        return cost

    return step, 1


def torch_eager(layer_dims, X, Y, params, compiled=False):
    import torch

    torch.compiler.reset()  # what was compiled for another network counts against a limit
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    dtype = getattr(torch, X.dtype.name)
    layers = []
    for n_prev, n in pairwise(layer_dims):
        layers += [torch.nn.Linear(n_prev, n, dtype=dtype), torch.nn.Sigmoid()]
    model = torch.nn.Sequential(*layers[:-1])
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE)
    inputs, labels = torch.tensor(X.T.copy()), torch.tensor(Y.T.copy())

    def cost():
        loss = torch.nn.functional.binary_cross_entropy_with_logits(model(inputs), labels, reduction="sum")
        return loss / len(labels)

    cost = torch.compile(cost) if compiled else cost

    def step():
        optimizer.zero_grad()
        loss = cost()
        loss.backward()
        optimizer.step()

    return step, 1


def torch_compiled(layer_dims, X, Y, params):
    return torch_eager(layer_dims, X, Y, params, compiled=True)


def jax_jit(layer_dims, X, Y, params):
    import jax

    jax.config.update("jax_enable_x64", X.dtype == np.float64)

    def cost(params):
        A = X
        for l in range(1, len(layer_dims)):
            Z = params[f"W{l}"] @ A + params[f"b{l}"]
            A = jax.nn.sigmoid(Z)
        return (Y * jax.nn.softplus(-Z) + (1 - Y) * jax.nn.softplus(Z)).sum() / X.shape[1]

    @jax.jit
    def update(params):
        value, grads = jax.value_and_grad(cost)(params)
        return value, {key: V - RATE * grads[key] for key, V in params.items()}

    params = jax.device_put(params)

    def step():
        nonlocal params
        value, params = update(params)
        jax.block_until_ready(params)
        return value

    return step, 1


def scikit_learn(layer_dims, X, Y, params):
    from sklearn.neural_network import MLPClassifier

    warnings.simplefilter("ignore")
    inputs, labels = np.ascontiguousarray(X.T), np.ascontiguousarray(Y.T.astype(int))
    labels = labels[:, 0] if layer_dims[-1] == 1 else labels
    model = MLPClassifier(
        layer_dims[1:-1], activation="logistic", solver="sgd", alpha=0, momentum=0, nesterovs_momentum=False,
        batch_size=X.shape[1], learning_rate_init=RATE, shuffle=False,
    )  # fmt: skip
    classes = np.arange(2 if layer_dims[-1] == 1 else layer_dims[-1])
    return lambda: model.partial_fit(inputs, labels, classes=classes), 1


CONTENDERS = {
    "article": article,
    "refnn.train": refnn_train,
    "refnn core": refnn_core,
    "refnn checked": refnn_checked,
    "PyTorch eager": torch_eager,
    "PyTorch compiled": torch_compiled,
    "jax.jit": jax_jit,
    "scikit-learn": scikit_learn,
}


def seconds_per_call(step: Step, calls: int) -> float:
    time.sleep(PAUSE)
    step()  # wakes threads and warms caches, as in a run of many steps
    start = time.perf_counter()
    for _ in range(calls):
        step()
    return (time.perf_counter() - start) / calls


def measure(contender: str, name: str, dtype: str) -> dict:
    """Microseconds of the floor, and the contender's time over it."""
    layer_dims, m = NETWORKS[name]
    rng = np.random.default_rng(0)
    X = rng.standard_normal((layer_dims[0], m)).astype(dtype)
    Y = rng.integers(0, 2, (layer_dims[-1], m)).astype(dtype)
    params = {key: V.astype(dtype) for key, V in refnn.init_params(layer_dims, rng=rng).items()}
    turns = []
    for make in (floor, CONTENDERS[contender]):
        step, epochs = make(layer_dims, X, Y, params)
        seconds_per_call(step, 3)  # compiles, and warms the caches
        calls = max(1, round(SECONDS / seconds_per_call(step, 1)))
        turns.append((step, calls, epochs))
    rounds = [[seconds_per_call(step, n) / epochs for step, n, epochs in turns] for _ in range(ROUNDS)]
    return {
        "network": name,
        "dtype": dtype,
        "threads": int(os.environ["OMP_NUM_THREADS"]),
        "floor_us": round(1e6 * statistics.median(ours for ours, _ in rounds), 1),
        "ratio": round(statistics.median(theirs / ours for ours, theirs in rounds), 2),
    }


def child(contender: str, threads: int) -> None:
    """Measure one contender on so many threads; NumPy's BLAS, PyTorch's and XLA's are held to as many cores."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    with np.errstate(all="ignore"):
        for dtype in DTYPES:
            for name in NETWORKS:
                print(json.dumps(measure(contender, name, dtype)), flush=True)


def row(cells: list[str]) -> str:
    return f"{cells[0]:<8}" + "".join(f"{cell:>18}" for cell in cells[1:])


def draw(rows: list[dict], path: Path) -> None:
    """A panel for each number of threads, float64: times over the floor, on a logarithmic scale."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    shown = {"refnn.train": "#d55e00", "article": "#7c828a", "PyTorch eager": "#0072b2", "PyTorch compiled": "#56b4e9",
             "jax.jit": "#00785a", "scikit-learn": "#a5297a"}  # fmt: skip
    figure, panels = plt.subplots(1, len(THREADS), figsize=(8, 3.4), sharey=True, layout="constrained")
    for axes, threads in zip(panels, THREADS, strict=True):
        for (name, colour), marker in zip(shown.items(), "osD^v*", strict=True):
            there = [r for r in rows if r["threads"] == threads and r["dtype"] == "float64"]
            style = {"color": colour, "marker": marker, "linewidth": 2 if name == "refnn.train" else 1, "markersize": 5}
            axes.semilogy([r["network"] for r in there], [r["ratios"][name] for r in there], label=name, **style)
        axes.axhline(1, color="black", linewidth=0.8)
        axes.set(title=f"{threads} thread{'s' * (threads > 1)}, float64", xlabel="network, from small to large")
        axes.set_yticks([1, 2, 5, 10, 20, 50, 100], ["1", "2", "5", "10", "20", "50", "100"])
        axes.minorticks_off()
        axes.grid(axis="y", color="#dddddd", linewidth=0.6)
    panels[0].set_ylabel("time of an epoch / its matrix products")
    figure.legend(
        *panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=6, frameon=False, fontsize=8
    )
    figure.savefig(path, dpi=160)


def measured(contender: str, threads: int) -> list[dict]:
    """What a process of its own finds of a contender."""
    limits = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))
    command = [sys.executable, "-W", "ignore", __file__, "--threads", str(threads), contender]
    run = subprocess.run(command, env=os.environ | limits, stdout=subprocess.PIPE, text=True, check=True)
    return [json.loads(line) for line in run.stdout.splitlines()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, help=argparse.SUPPRESS)
    parser.add_argument(
        "contenders", nargs="*", metavar="CONTENDER", help=f"of {', '.join(CONTENDERS)}; all by default"
    )
    args = parser.parse_args()
    if args.threads:
        child(*args.contenders, args.threads)
        return
    rows = json.loads((HERE / "speed.json").read_text())["rows"] if args.contenders else []
    for threads in THREADS:
        for name in bar(args.contenders or CONTENDERS, f"threads: {threads}"):
            for found in measured(name, threads):
                same = [r for r in rows if all(r[key] == found[key] for key in ("network", "dtype", "threads"))]
                if not same:
                    rows.append({**found, "ratios": {}})
                    del rows[-1]["ratio"]
                (same or rows)[-1]["ratios"][name] = found["ratio"]
    for i, r in enumerate(rows):
        if i % len(NETWORKS) == 0:
            print(f"\n{r['dtype']}, threads: {r['threads']}\n{row(['', 'floor', *CONTENDERS])}")
        print(row([r["network"], f"{r['floor_us']:.0f} µs", *(f"{ratio:.2f}" for ratio in r["ratios"].values())]))
    machine = {"platform": f"{platform.system()} {platform.machine()}", "numpy": np.__version__}
    record = {"machine": machine, "networks": {k: {"layer_dims": d, "m": m} for k, (d, m) in NETWORKS.items()}}
    (HERE / "speed.json").write_text(json.dumps(record | {"rows": rows}, indent=1) + "\n")
    draw(rows, HERE / "speed.png")


if __name__ == "__main__":
    main()
