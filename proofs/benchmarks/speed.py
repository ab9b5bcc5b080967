"""One training step beside eager PyTorch: refnn's time over PyTorch's, side by side in one process.

    python proofs/benchmarks/speed.py           (make bench)

Float64, one thread each. Every figure is a median of rounds in which the two take turns; the ratio is the median of the
rounds' ratios, below 1 where refnn is faster. refnn's step checks its arguments, PyTorch's does not.
"""

import os

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"  # read when the libraries load, so before they are imported

import statistics  # noqa: E402
import time  # noqa: E402
from itertools import pairwise  # noqa: E402

import numpy as np  # noqa: E402
import torch  # noqa: E402

import refnn  # noqa: E402

NETWORKS = [([2, 4, 1], 4), ([30, 16, 8, 1], 569), ([64, 128, 64, 10], 1797), ([784, 512, 256, 10], 1024)]
ROUNDS, SECONDS = 15, 0.1  # rounds of about this many seconds a side


def refnn_step(layer_dims, X, Y):
    params = refnn.init_params(layer_dims, rng=0)

    def step():
        nonlocal params
        AL, caches = refnn.forward_prop(X, params)
        params = refnn.update_parameters(params, refnn.backprop(AL, Y, caches), 0.1)

    return step


def torch_step(layer_dims, X, Y):
    layers = []
    for n_prev, n in pairwise(layer_dims):
        layers += [torch.nn.Linear(n_prev, n, dtype=torch.float64), torch.nn.Sigmoid()]
    model = torch.nn.Sequential(*layers[:-1])
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    inputs, labels = torch.tensor(X.T.copy()), torch.tensor(Y.T.copy())

    def step():
        optimizer.zero_grad()
        Z = model(inputs)
        loss = torch.nn.functional.binary_cross_entropy_with_logits(Z, labels, reduction="sum") / len(labels)
        loss.backward()
        optimizer.step()

    return step


def seconds_per_call(step, calls):
    start = time.perf_counter()
    for _ in range(calls):
        step()
    return (time.perf_counter() - start) / calls


def main():
    torch.set_num_threads(1)
    print(f"{'network':<22}{'m':>6}{'refnn':>12}{'torch':>12}{'refnn/torch':>14}")
    for layer_dims, m in NETWORKS:
        rng = np.random.default_rng(0)
        X, Y = rng.standard_normal((layer_dims[0], m)), rng.integers(0, 2, (layer_dims[-1], m)).astype(float)
        steps = [make(layer_dims, X, Y) for make in (refnn_step, torch_step)]
        calls = [max(1, round(SECONDS / seconds_per_call(step, 3))) for step in steps]
        rounds = [[seconds_per_call(step, n) for step, n in zip(steps, calls, strict=True)] for _ in range(ROUNDS)]
        ours, theirs = (statistics.median(times) for times in zip(*rounds, strict=True))
        ratio = statistics.median(a / b for a, b in rounds)
        print(f"{layer_dims!s:<22}{m:>6}{ours * 1e3:>9.3f} ms{theirs * 1e3:>9.3f} ms{ratio:>14.2f}")


if __name__ == "__main__":
    main()
