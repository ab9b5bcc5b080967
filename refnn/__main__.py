"""The command line: `refnn report | check | verify | certify | train | predict`."""

import argparse
import io
import sys
import traceback
from collections.abc import Sequence

import refnn
from refnn._printing import printable
from refnn.commands import EXIT_STATUS, STOPPED, UNUSABLE, certify, check, predict, report, train, verify

COMMANDS = (report, check, verify, certify, train, predict)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status: see EXIT_STATUS."""
    parser = argparse.ArgumentParser(prog="refnn", description="Is my backprop right?", epilog=EXIT_STATUS)
    parser.add_argument("--version", action="version", version=f"refnn {refnn.__version__}")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in COMMANDS:
        command.add(subparsers)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # no verdict depends on whether a terminal has a ∂
    args = parser.parse_args(arguments)
    try:
        return int(args.run(args))
    except KeyboardInterrupt:
        return STOPPED
    except (ValueError, TypeError, OSError, ImportError, MemoryError) as error:
        said = f"refnn: {str(error) or type(error).__name__}"
    except Exception:  # a fault of refnn, which is no verdict
        said = traceback.format_exc()
    print("\n".join(map(printable, said.splitlines())), file=sys.stderr)  # it may hold the words of judged code
    return UNUSABLE


if __name__ == "__main__":
    sys.exit(main())
