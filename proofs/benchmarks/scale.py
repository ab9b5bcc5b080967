"""How the gradient checker scales: time per parameter, ten million parameters, and work shared out.

    python proofs/benchmarks/scale.py           (make bench-scale)

The first table runs on one thread. The second checks a network of ten million parameters and then again with one entry
wrong by a thousandth: an entry chosen to be small, at the second percentile of its array. Its memory is the peak of the
whole process. The third checks every entry of one network alone, with a process pool, and on a local Dask cluster.
Exit status 1 if a verdict is not what it should be.
"""

import os

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "2")  # read when the library loads, so before it is imported

import resource  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402
from concurrent.futures import ProcessPoolExecutor  # noqa: E402
from contextlib import contextmanager  # noqa: E402

import numpy as np  # noqa: E402

import refnn  # noqa: E402
from refnn.gradcheck.problem import Problem  # noqa: E402
from refnn.gradcheck.witness import cancellation_free  # noqa: E402

TEN_MILLION = (3000, 2000, 1500, 600, 100, 10)
WORKERS = 2


def example(layer_dims, m, seed=0):
    rng = np.random.default_rng(seed)
    params = refnn.init_params(layer_dims, rng=rng)
    X, Y = rng.standard_normal((layer_dims[0], m)), np.round(rng.random((layer_dims[-1], m)))
    AL, caches = refnn.forward_prop(X, params)
    grads = {key: V for key, V in refnn.backprop(AL, Y, caches).items() if key[:2] != "dA"}
    return params, X, Y, grads


def timed(work):
    start = time.perf_counter()
    result = work()
    return result, time.perf_counter() - start


def per_parameter():
    print(f"{'every entry, cancellation-free':<34}{'parameters':>12}{'µs each':>10}")
    for layer_dims, m in (((3, 4, 2), 5), ((30, 16, 8, 1), 569), ((64, 128, 64, 10), 256)):
        params, X, Y, _ = example(layer_dims, m)
        problem = Problem.of(params, X, Y)
        entries = sum(V.size for V in params.values())
        seconds = min(timed(lambda p=problem: cancellation_free.estimates(p))[1] for _ in range(3))
        print(f"{list(layer_dims)!s:<27}m ={m:>4}{entries:>12,}{1e6 * seconds / entries:>10.1f}")


def ten_million():
    params, X, Y, grads = example(TEN_MILLION, 64)
    print(f"\n{sum(V.size for V in params.values()):,} parameters, m = 64, {os.environ['OMP_NUM_THREADS']} threads")
    right, seconds = timed(lambda: refnn.check_network(params, X, Y, grads))
    print(f"right gradient: {right.verdict} in {seconds:.1f} s")
    size = np.abs(grads["dW2"])
    row, column = np.unravel_index(np.argsort(size, axis=None)[size.size // 50], size.shape)
    grads["dW2"][row, column] *= 1.001
    wrong, seconds = timed(lambda: refnn.check_network(params, X, Y, grads))
    said = wrong.parameters[0].reason
    print(f"dW2[{row}, {column}] off by a thousandth: {wrong.verdict} in {seconds:.1f} s: {said}")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.1f} GB")
    return bool(right) and said == f"wrong at dW2[{row}, {column}]"


@contextmanager
def dask_cluster():
    from distributed import Client, LocalCluster

    with (
        LocalCluster(n_workers=WORKERS, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        yield client.get_executor()


@contextmanager
def alone():
    yield None


def shared():
    params, X, Y, grads = example((64, 128, 64, 10), 256)
    print(f"\n{sum(V.size for V in params.values()):,} parameters, every entry")
    executors = {"alone": alone, "process pool": lambda: ProcessPoolExecutor(WORKERS), "Dask cluster": dask_cluster}
    found = []
    for name, start in executors.items():
        with start() as executor:
            check, seconds = timed(lambda e=executor: refnn.check_network(params, X, Y, grads, executor=e))
            found.append(check)
            print(f"{name:<14}{check.verdict} in {seconds:.1f} s")
    return all(found) and all(check == found[0] for check in found)


if __name__ == "__main__":
    per_parameter()
    sys.exit(not (ten_million() and shared()))
