"""`refnn train DATA.csv`: train the reference network on a table of numbers."""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from refnn import predict, tabular, train
from refnn._shapes import Number, generator
from refnn.commands import Subparsers, widths
from refnn.report.draw.style import pyplot


def add(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(
        "train",
        help="train the network on a CSV file",
        description="Split off a test set, standardise, train; save params.npz, scaling.npz and cost.png.",
    )
    option = parser.add_argument
    option("data", help="CSV file with a header line and numbers")
    said = "column of labels 0 and 1; repeat for several"
    option("--target", action="append", required=True, metavar="COLUMN", help=said)
    option("--layer-dims", type=widths, metavar="N,N…", help="all widths; by default FEATURES,16,8,TARGETS")
    option("--epochs", type=int, default=200, metavar="N", help="passes over the examples (%(default)s)")
    option("--lr", type=float, default=0.5, metavar="RATE", help="learning rate (%(default)s)")
    option("--batch-size", type=int, default=32, metavar="N", help="at most; 0 for all examples at once (%(default)s)")
    option("--test-fraction", type=float, default=0.25, metavar="PART", help="of the rows (%(default)s)")
    option("--seed", type=int, default=0, metavar="N", help="of split, weights and shuffles (%(default)s)")
    option("--out", type=Path, default=Path("refnn-train"), metavar="DIR", help="folder for the results (%(default)s)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    pyplot()  # a missing library is better known before the training
    table = tabular.read_csv(args.data, args.target)
    rng = generator(args.seed, "--seed")
    training, test = tabular.split(table, args.test_fraction, rng)
    scaling = tabular.scaling(training.X)
    layer_dims = args.layer_dims or [len(table.features), 16, 8, len(table.targets)]
    X, Y = scaling(training.X), training.Y
    batch_size = min(args.batch_size, X.shape[1]) or None
    args.out.mkdir(parents=True, exist_ok=True)
    params, costs = train(X, Y, layer_dims, args.epochs, args.lr, batch_size=batch_size, rng=rng, progress=True)

    print(f"network    {layer_dims}, {args.epochs} epochs, learning rate {args.lr}, seed {args.seed}")
    if costs:
        print(f"cost       {costs[0]:.4f} in the first epoch, {costs[-1]:.4f} in the last")
    for name, part in (("train", training), ("test", test)):
        right = predict(scaling(part.X), params) == part.Y
        print(f"{name:<10} {right.mean():.2%} accuracy, {right.sum()} of {right.size} labels")
    np.savez(args.out / "params.npz", **params)  # type: ignore[arg-type]  # no parameter is named allow_pickle
    np.savez(args.out / "scaling.npz", mean=scaling.mean, deviation=scaling.deviation, features=table.features)
    _draw(costs, args.out / "cost.png", f"{Path(args.data).name}, {layer_dims}")
    print(f"saved      params.npz, scaling.npz and cost.png in {args.out}")
    return 0


def _draw(costs: Sequence[Number], path: Path, title: str) -> None:
    """The cost of every epoch, on a logarithmic scale."""
    figure, axes = pyplot().subplots(figsize=(5, 3.2), layout="constrained")
    axes.semilogy(range(1, len(costs) + 1), costs, color="#0072b2")
    axes.set(xlabel="epoch", ylabel="mean cost J", title=title)
    axes.grid(which="both", color="#dddddd", linewidth=0.6)
    figure.savefig(path, dpi=200)
    pyplot().close(figure)
