"""Other people's code in a process of its own: it may end that, hang in it or write over it, and no more."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from threading import Thread
from typing import Any

from refnn._printing import shown
from refnn._progress import bar

MENDED_BY_THE_USER = (ValueError, TypeError, OSError, ImportError, MemoryError)
CTRL_C = "stopped by Ctrl-C"
Send = Callable[[object], None]


@dataclass(frozen=True)
class Outcome:
    """What the work returned; or why it did not, and what it had sent by then."""

    result: Any = None
    sent: tuple[Any, ...] = ()
    stopped: str = ""
    by_itself: bool = False  # the code ended its process


def apart(work: Callable[..., Any], *arguments: Any, timeout: float | None = None) -> Outcome:
    """What `work(send, *arguments)` returns in a child process, which is ended after so many seconds, or by Ctrl-C.

    What it sends shows on a bar. An error that the user can mend is raised here as a ValueError with its text.
    """
    # A fork starts in a moment; where it is not safe, beside threads of the system's own, Python starts anew.
    context: Any = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_run, args=(ours, theirs, work, arguments))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of a fork beside the threads of a BLAS, which expects it
        process.start()
    theirs.close()
    sent: list[Any] = []
    try:
        for kind, value in bar(_messages(ours, timeout), "judged"):
            if kind == "sent":
                sent.append(value)
            elif kind == "returned":
                return Outcome(value, tuple(sent))
            elif kind == "raised":
                return Outcome(None, tuple(sent), f"raised {value}", by_itself=True)
            else:
                raise (ValueError if kind == "unusable" else RuntimeError)(value)
        process.join()
        return Outcome(None, tuple(sent), f"ended the process, {_status(process.exitcode)}", by_itself=True)
    except TimeoutError:
        return Outcome(None, tuple(sent), f"stopped after {timeout:g} seconds")
    except KeyboardInterrupt:
        return Outcome(None, tuple(sent), CTRL_C)
    finally:
        ours.close()
        process.kill()
        process.join()


def _messages(ours: Connection, timeout: float | None) -> Iterator[Any]:
    """Until the other side is closed; a TimeoutError after so many seconds."""
    end = None if timeout is None else time.monotonic() + timeout
    while ours.poll(None if end is None else max(0.0, end - time.monotonic())):
        try:
            yield ours.recv()
        except (EOFError, ConnectionError):
            return
    raise TimeoutError


def _status(code: int) -> str:
    return f"by {signal.Signals(-code).name}" if code < 0 else f"with status {code}"


def _run(ours: Connection, theirs: Connection, work: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    """In the child, which does not outlive its parent."""
    ours.close()
    Thread(target=_end_with, args=(theirs,), daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches both: the parent keeps what was sent, and ends this
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):  # what C prints, too
        os.dup2(nowhere, descriptor)
    try:
        message = "returned", work(lambda value: theirs.send(("sent", value)), *arguments)
    except MENDED_BY_THE_USER as error:
        message = "unusable", str(error) or type(error).__name__
    except Exception:
        message = "failed", traceback.format_exc()
    except BaseException as error:  # not refnn's, which nobody interrupts here
        message = "raised", f"{type(error).__name__}: {shown(error)}".removesuffix(": ")
    theirs.send(message)


def _end_with(parent: Connection) -> None:
    with contextlib.suppress(Exception):
        parent.recv()  # which sends nothing, but closes when it ends
    os._exit(1)
