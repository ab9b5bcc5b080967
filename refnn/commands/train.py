"""`refnn train DATA.csv`: train the reference network on a table of numbers."""

import argparse
from pathlib import Path

import numpy as np

from refnn import predict, train
from refnn._plots import pyplot, save_cost_history
from refnn._shapes import generator
from refnn.commands import tabular as _tabular


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = subparsers.add_parser(
        "train",
        help="train the network on a CSV file",
        description="Split off a test set, standardise, train; save params.npz, scaling.npz and cost.png.",
    )
    parser.add_argument("data", help="CSV file with a header line and numbers")
    parser.add_argument(
        "--target",
        action="append",
        required=True,
        metavar="COLUMN",
        help="column of labels 0 and 1; repeat for several",
    )
    option = parser.add_argument
    option("--layer-dims", type=widths, metavar="N,N…", help="all widths; by default FEATURES,16,8,TARGETS")
    option("--epochs", type=int, default=200, metavar="N", help="passes over the examples (%(default)s)")
    option("--lr", type=float, default=0.5, metavar="RATE", help="learning rate (%(default)s)")
    option("--batch-size", type=int, default=32, metavar="N", help="at most; 0 for all examples at once (%(default)s)")
    option("--test-fraction", type=float, default=0.25, metavar="PART", help="of the rows (%(default)s)")
    option("--seed", type=int, default=0, metavar="N", help="of split, weights and shuffles (%(default)s)")
    option("--out", type=Path, default=Path("refnn-train"), metavar="DIR", help="folder for the results (%(default)s)")
    parser.set_defaults(run=run)


def widths(text: str) -> list[int]:
    return [int(n) for n in text.strip("[]()").split(",")]


def run(args: argparse.Namespace) -> int:
    pyplot()  # a missing library is better known before the training
    table = _tabular.read_csv(args.data, args.target)
    rng = generator(args.seed, "--seed")
    training, test = _tabular.split(table, args.test_fraction, rng)
    scaling = _tabular.scaling(training.X)
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
    save_cost_history(costs, args.out / "cost.png", title=f"{Path(args.data).name}, {layer_dims}")
    print(f"saved      params.npz, scaling.npz and cost.png in {args.out}")
    return 0
