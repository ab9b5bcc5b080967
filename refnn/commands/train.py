"""`refnn train DATA.csv`: train a network on a table, say how well it does, and save it for `refnn predict`."""

import argparse
import textwrap
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from refnn import _declaration, tabular
from refnn._files import refuse_unreadable, refuse_unwritable, write_whole
from refnn._printing import printable, shown
from refnn._shapes import Array, generator, whole
from refnn.commands import STOPPED, Subparsers, learning, names, say, widths
from refnn.commands.learning import Curves
from refnn.commands.saved import Trained
from refnn.report.draw import style
from refnn.report.draw.costs import cost_curves
from refnn.tabular import Kind, Table

NETWORK, FIGURE = "network.npz", "cost.png"
LISTED = 8  # classes of a target that are printed


def add(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(
        "train",
        help="train a network on a CSV file",
        description="Split off a test set, standardise, train; say how well the network does beside the best answer "
        f"that looks at no feature; save {NETWORK}, for refnn predict, and {FIGURE}.",
    )
    option = parser.add_argument
    option(
        "data",
        type=Path,
        metavar="DATA.csv",
        help="CSV file with a header line; features are numbers, or True and False",
    )
    said = "column to predict; repeat for several, of two classes each or of numbers"
    option("--target", action="append", required=True, metavar="COLUMN", help=said)
    said = "column that is no feature; repeat for several"
    option("--ignore", action="append", default=[], metavar="COLUMN", help=said)
    said = "sigmoid for two classes, softmax for more, identity for numbers; by default sigmoid or softmax, as the "
    option("--output", choices=learning.RATES, help=said + "labels are, which are words or the integers 0 … K - 1")
    said = f"activation of the hidden layers, or one for each: {', '.join(_declaration.ACTIVATIONS)} (%(default)s)"
    option("--hidden", type=names, default="sigmoid", metavar="NAME[,NAME…]", help=said)
    option("--layer-dims", type=widths, metavar="N,N…", help="all widths; by default FEATURES,16,8,OUTPUTS")
    option("--epochs", type=int, default=200, metavar="N", help="passes over the examples (%(default)s)")
    option("--lr", type=float, metavar="RATE", help="learning rate; by default 0.5, and 0.1 for --output identity")
    option("--batch-size", type=int, default=32, metavar="N", help="at most; 0 for all examples at once (%(default)s)")
    option("--test-fraction", type=float, default=0.25, metavar="PART", help="of the rows (%(default)s)")
    option("--seed", type=int, default=0, metavar="N", help="of split, weights and shuffles (%(default)s)")
    option("--out", type=Path, default=Path("refnn-train"), metavar="DIR", help="folder for the results (%(default)s)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    refuse_unreadable(args.data)
    kind: Kind | None = None if args.output is None else "numbers" if args.output == "identity" else "classes"
    table = tabular.read_csv(args.data, args.target, kind, args.ignore)
    output = learning.choose_output(table, args.output)
    rng = generator(args.seed, "--seed")
    training, test = tabular.split(table, args.test_fraction, rng)
    network = learning.untrained(training, output, args.hidden, args.layer_dims, rng)
    epochs = whole("--epochs", args.epochs, 0)
    lr = learning.RATES[output] if args.lr is None else args.lr
    batch_size = min(whole("--batch-size", args.batch_size, 0), training.X.shape[1]) or None
    refuse_unwritable(args.out / NETWORK, args.out / FIGURE, read=[args.data])
    network, curves = learning.learn(network, training, test, epochs, lr, batch_size, rng)

    name = printable(args.data.name)
    by = ", as the labels are" if args.output is None else ""
    hidden = ",".join(network.hidden[:1] if len(set(network.hidden)) == 1 else network.hidden) or "none"
    stopped = len(curves.test) <= epochs
    done = f"{len(curves.test) - 1} of {epochs}" if stopped else epochs
    scale, batches = learning.weight_scale(network.hidden), batch_size or "all"
    lines = [
        f"data       {name}: {table.X.shape[1]} rows, {len(table.features)} features",
        *_targets(table),
        f"network    {network.layer_dims}, hidden {hidden}, output {output}{by}",
        f"training   {done} epochs, rate {lr}, batches of {batches}, weights {scale}, seed {args.seed}",
        *_costs(curves),
        *_score("train", network, training, training),
        *_score("test", network, test, training),
        f"saved      {NETWORK} in {args.out}",
    ]
    earlier = {args.out / FIGURE: None} if (args.out / NETWORK).exists() else {}  # a figure of another network
    write_whole({args.out / NETWORK: network.to_bytes(), **earlier})
    try:
        write_whole({args.out / FIGURE: _drawn(curves, f"{name}, {network.layer_dims}, output {output}")})
        lines.append(f"saved      {FIGURE} in {args.out}")
    except Exception as error:  # matplotlib is not there, or cannot draw as it is set up here: the network is saved
        lines.append(f"no {FIGURE}: {shown(error) or type(error).__name__}")
    finally:  # after Ctrl-C, too
        for line in lines:
            say(printable(line))
    return STOPPED if stopped else 0


def _targets(table: Table) -> Iterator[str]:
    for target, classes, numbers in zip(table.targets, table.classes, table.Y):
        yield f"target     {target}: {_classes(classes, numbers) if classes else 'numbers'}"


def _costs(curves: Curves) -> Iterator[str]:
    for label, costs in (("train", curves.training), ("test", curves.test)):
        least = int(np.argmin(costs))
        baseline = f"; baseline {curves.baseline:.4f}" if costs is curves.test else ""
        said = f"{label} {costs[0]:.4f} before, {costs[-1]:.4f} after, least {costs[least]:.4f} in epoch {least}"
        yield f"cost       {said}{baseline}"


def _classes(classes: tuple[str, ...], numbers: Array) -> str:
    """The classes, with the rows of each."""
    counts = np.bincount(numbers.astype(int), minlength=len(classes))
    shown = [f"{count} × {word}" for word, count in zip(classes, counts)][:LISTED]
    more = [f"… and {len(classes) - LISTED} more"] if len(classes) > LISTED else []
    return ", ".join([*shown, *more])


def _score(label: str, network: Trained, part: Table, training: Table) -> Iterator[str]:
    if network.output != "identity":
        (right, baseline), m = learning.accuracy(network, part, training), part.Y.shape[1]
        frequent = ",".join(words[int(k)] for words, (k,) in zip(network.classes, learning.most_frequent(training.Y)))
        yield (
            f"{label:<10} {right / m:.2%} accuracy, {right} of {m} examples right; "
            f"baseline {baseline / m:.2%}, {baseline}, by always {frequent}"
        )
        return
    for target, fit, (mean,) in zip(network.targets, learning.fits(network, part, training), network.units.mean):
        yield (
            f"{label:<10} {target}: R² {fit.r_squared:.4f}, root mean square error {fit.error:.4g}; "
            f"baseline {fit.baseline:.4g}, by always {mean:.4g}"
        )


def _drawn(curves: Curves, title: str) -> bytes:
    with style.settings("cost"):
        figure, axes = cost_curves(*curves)
        axes.set_title(textwrap.fill(title, 44), parse_math=False)
        data = style.png(figure)
        style.pyplot().close(figure)
    return data
