"""The command line: `refnn report | check | verify | certify | train | predict`."""

import argparse
import io
import os
import sys
import traceback
from collections.abc import Sequence

try:
    import refnn
    from refnn._printing import printable
    from refnn.commands import EXIT_STATUS, STOPPED, UNUSABLE, certify, check, predict, report, train, verify, warn
    from refnn.commands.apart import MENDED_BY_THE_USER
except KeyboardInterrupt:  # which takes a while
    sys.exit(130)

COMMANDS = (report, check, verify, certify, train, predict)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status: see EXIT_STATUS."""
    parser = argparse.ArgumentParser(prog="refnn", description="Is my backprop right?", epilog=EXIT_STATUS)
    parser.add_argument("--version", action="version", version=f"refnn {refnn.__version__}")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in COMMANDS:
        command.add(subparsers)
    _open_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # no verdict depends on whether a terminal has a ∂
    args = parser.parse_args(arguments)
    try:
        return int(args.run(args))
    except KeyboardInterrupt:
        return STOPPED
    except Exception as error:
        if _interrupted(error):
            return STOPPED
        mended_by_the_user = isinstance(error, MENDED_BY_THE_USER)  # what is not is a fault of refnn, and no verdict
        said = f"refnn: {str(error) or type(error).__name__}" if mended_by_the_user else traceback.format_exc()
    warn("\n".join(map(printable, said.splitlines())))  # it may hold the words of judged code
    return UNUSABLE


def _open_streams() -> None:
    """A stream that is closed (`2>&-`) goes nowhere: the next file, a pipe of ours perhaps, would have its number."""
    while (nowhere := os.open(os.devnull, os.O_RDWR)) < 3:
        pass
    os.close(nowhere)
    sys.stdout, sys.stderr = (stream or io.StringIO() for stream in (sys.stdout, sys.stderr))


def _interrupted(error: BaseException | None) -> bool:
    """Whether it began with Ctrl-C, of which modules that were loading may make an error of their own."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error is not None


if __name__ == "__main__":
    sys.exit(main())
