"""The command line: `refnn report | check | verify | train | predict`."""

import argparse
import os
import sys
from collections.abc import Sequence

from refnn.commands import check, predict, report, train, verify

COMMANDS = (report, check, verify, train, predict)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 0 is success, 1 a verdict against what was checked, 2 input that cannot be used."""
    parser = argparse.ArgumentParser(prog="refnn", description="Is my backprop right?")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in COMMANDS:
        command.add(subparsers)
    args = parser.parse_args(arguments)
    try:
        return int(args.run(args))
    except BrokenPipeError:  # the reader, `head` perhaps, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 2
    except (ValueError, TypeError, OSError, ImportError) as error:
        print(f"refnn: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
