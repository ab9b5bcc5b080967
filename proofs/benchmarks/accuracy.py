"""How many digits of the gradient survive: refnn beside the usual formulas, PyTorch and JAX, for every activation.

    python proofs/benchmarks/accuracy.py --write        (make bench: a JSON file, and the table of README.md)

For every activation with a sigmoid, a softmax and a regression at the output, 20 networks at each scale of weights and
biases: the worst relative error of any entry of any dW and db in float64, against the true derivative enclosed by balls
(refnn.certify); 1 means that no digit is right. The worst entry of so many is one that nearly cancels, so that small
differences are luck: the typical error, the geometric mean over the networks of each one's worst, stands beside it in
the JSON. Entries below the smallest normal number are measured in units of that; units nearer to a kink than 1e-6 of
the layer's largest |Z| are drawn again. All networks of a row are the same for all contenders.
"""

import argparse
import multiprocessing
import os
import platform
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import version
from pathlib import Path

import numpy as np
import tables
from implementations import by_hand, by_jax, by_pytorch, slope_of

import refnn
from refnn._progress import bar
from refnn.certificate import certify
from refnn.gradcheck.declaration import Declaration

HERE = Path(__file__).parent
WIDTHS, EXAMPLES, NETWORKS = [5, 7, 4, 3], 10, 20
HIDDEN = ("sigmoid", "tanh", "relu", "leaky_relu", "softplus", "silu", "identity")
OUTPUTS = {"sigmoid": 1, "softmax": 3, "identity": 1}  # with their widths
SCALES = (0.01, 1, 10, 50)
NEAR = 1e-6
TINY = np.finfo(np.float64).tiny
PACKAGES = ("refnn", "numpy", "torch", "jax", "python-flint")


def network(hidden, output, scale, rng):
    """Weights and biases of the scale, inputs of scale 1, hard labels; for a regression random numbers."""
    dims = [*WIDTHS, OUTPUTS[output]]
    params = refnn.init_params(dims, scale=scale, rng=rng)
    for l in range(1, len(dims)):
        params[f"b{l}"] = scale * rng.standard_normal(params[f"b{l}"].shape)
    X, n = rng.standard_normal((dims[0], EXAMPLES)), dims[-1]
    if output == "softmax":
        Y = np.eye(n)[:, rng.integers(0, n, EXAMPLES)]
    else:
        Y = rng.standard_normal((n, EXAMPLES)) if output == "identity" else rng.integers(0, 2, (n, EXAMPLES)) * 1.0
    if hidden == "relu" or slope_of(hidden) is not None:
        Z = [cache[1] for cache in refnn.forward_prop(X, params, hidden=hidden, output=output)[1][:-1]]
        if any((np.abs(V) <= NEAR * np.abs(V).max()).any() for V in Z):
            return network(hidden, output, scale, rng)
    return params, X, Y


def ours(said):
    def gradient(params, X, Y):
        AL, caches = refnn.forward_prop(X, params, hidden=said.hidden, output=said.output)
        grads = refnn.backprop(AL, Y, caches, hidden=said.hidden, output=said.output)
        return {key: V for key, V in grads.items() if key[1] != "A"}

    return gradient


CONTENDERS = {"refnn": ours, "usual formulas": by_hand, "PyTorch": by_pytorch, "JAX": by_jax}


def errors(hidden, output, scale, names=tuple(CONTENDERS)):
    """By contender, the worst relative error in each network, and how many entries are not finite."""
    worst, broken = {}, {}
    rng = np.random.default_rng(0)
    gradients = {name: CONTENDERS[name](Declaration.of({"hidden": hidden, "output": output})) for name in names}
    for _ in range(NETWORKS):
        point = network(hidden, output, scale, rng)
        truth = None
        for name, gradient in gradients.items():
            with np.errstate(all="ignore"):
                grads = gradient(*point)
            if truth is None:
                truth = certify(*point, grads, hidden=hidden, output=output).truth
            apart = np.concatenate([(grads[key] - V).ravel() for key, V in truth.items()])
            size = np.concatenate([V.ravel() for V in truth.values()])
            finite = np.isfinite(apart)
            error = np.abs(apart[finite]) / np.maximum(np.abs(size[finite]), TINY)
            worst.setdefault(name, []).append(float(error.max()))
            broken[name] = broken.get(name, 0) + int((~finite).sum())
    return worst, broken


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="processes (%(default)s)")
    parser.add_argument("--write", action="store_true", help="accuracy.json, and its table in README.md")
    args = parser.parse_args()
    os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    cells = [(hidden, output, scale) for hidden in HIDDEN for output in OUTPUTS for scale in SCALES]
    rows = []
    with ProcessPoolExecutor(args.workers, multiprocessing.get_context("spawn")) as pool:
        found = pool.map(errors, *zip(*cells))
        for (hidden, output, scale), (worst, broken) in bar(zip(cells, found), "digits", total=len(cells), show=True):
            for name, values in worst.items():
                row = {"hidden": hidden, "output": output, "scale": scale, "by": name, "worst": max(values)}
                row["typical"] = float(np.exp(np.mean(np.log(np.maximum(values, 2.0**-54)))))
                rows.append(row | {"not_finite": broken[name]})
    for row in rows:
        row |= {key: float(f"{row[key]:.2g}") for key in ("worst", "typical")}
    content = {
        "command": "make bench",
        "versions": {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
        "networks": {"widths": WIDTHS, "outputs": OUTPUTS, "m": EXAMPLES, "for each scale": NETWORKS},
        "rows": rows,
    }
    print("\n\n".join(tables.accuracy(content)))
    if args.write:
        (HERE / "accuracy.json").write_text(tables.as_json(content), encoding="utf-8")
        tables.write("accuracy", "\n\n".join(tables.accuracy(content)))


if __name__ == "__main__":
    main()
