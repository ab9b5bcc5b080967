"""The command line: `refnn report | check | verify | train | predict`."""

import argparse
import os
import sys
from collections.abc import Sequence

import refnn
from refnn.commands import EXIT_STATUS, UNUSABLE, check, predict, report, train, verify

COMMANDS = (report, check, verify, train, predict)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status: see EXIT_STATUS."""
    parser = argparse.ArgumentParser(prog="refnn", description="Is my backprop right?", epilog=EXIT_STATUS)
    parser.add_argument("--version", action="version", version=f"refnn {refnn.__version__}")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in COMMANDS:
        command.add(subparsers)
    args = parser.parse_args(arguments)
    try:
        return int(args.run(args))
    except BrokenPipeError:  # the reader, `head` perhaps, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return UNUSABLE
    except (ValueError, TypeError, OSError, ImportError) as error:
        print(f"refnn: {error}", file=sys.stderr)
        return UNUSABLE


if __name__ == "__main__":
    sys.exit(main())
