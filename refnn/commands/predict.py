"""`refnn predict NETWORK.npz DATA.csv`: what a network that `refnn train` saved says of other rows."""

import argparse
import csv
import io
import sys
from pathlib import Path

from refnn import tabular
from refnn._files import refuse_unreadable, refuse_unwritable, write_whole
from refnn._shapes import Array
from refnn.commands import Subparsers, say
from refnn.commands.saved import Trained


def add(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(
        "predict",
        help="let a trained network predict",
        description="Print, for each row of a CSV file, what a network that refnn train saved says of it: a class, in "
        "the words of the training data, with its probability, or a number. The file needs the columns that the "
        "network was trained on, in any order; others, the target among them, are passed over.",
    )
    option = parser.add_argument
    option("network", type=Path, metavar="NETWORK.npz", help="what refnn train saved")
    option("data", type=Path, metavar="DATA.csv", help="CSV file with a header line")
    option("--out", type=Path, metavar="FILE.csv", help="write there instead")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    read = (args.network, args.data)
    refuse_unreadable(*read)
    if args.out is not None:
        refuse_unwritable(args.out, read=read)
    network = Trained.load(args.network)
    X = tabular.read_features(args.data, network.features)
    text = _csv(network, *network.answer(X))
    if args.out is None:
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(encoding="utf-8")  # data, as in the file, and not words to be shown as one can
        say(text, end="")
    else:
        write_whole({args.out: text.encode()})
    return 0


def _csv(network: Trained, said: Array, probability: Array) -> str:
    """A column for each target, and where it is of classes one more; numbers with all their digits."""
    columns: list[tuple[str, list[object]]] = []
    for target, classes, numbers, certainty in zip(network.targets, network.classes, said, probability):
        columns.append((target, [classes[k] for k in numbers] if classes else numbers.tolist()))
        if classes:
            columns.append((f"{target}_probability", certainty.tolist()))
    header, cells = zip(*columns)
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(zip(*cells))
    return file.getvalue()
