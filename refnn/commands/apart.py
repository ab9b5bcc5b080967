"""Other people's code in a process of its own, which can crash or loop for ever, and is ended with what it started.

This is no protection from malice. The judge runs in that process and sends its results back as pickles, so code that
sets out to forge its verdict, or to run something here, can. A process that it starts in a new session (setsid) lives
on. The user's files that it changes are put back when it has ended, as far as `kept` sees them.
"""

from __future__ import annotations

import contextlib
import math
import multiprocessing
import os
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any

from refnn._printing import shown
from refnn._progress import bar
from refnn.commands.kept import keep, put_back

MENDED_BY_THE_USER = (ValueError, TypeError, OSError, ImportError, MemoryError)
CTRL_C = "stopped by Ctrl-C"
KILLED = "by SIGKILL"
TICK = 0.1  # seconds between two looks at the child
Send = Callable[[object], None]


@dataclass(frozen=True)
class Outcome:
    """What the work returned; or why it returned nothing, and what it had sent until then."""

    result: Any = None
    sent: tuple[Any, ...] = ()
    stopped: str = ""
    by_itself: bool = False  # whether the code itself ended the process


def apart(work: Callable[..., Any], *arguments: Any, timeout: float | None = None) -> Outcome:
    """What `work(send, *arguments)` returns in a child process, which is ended after so many seconds, or by Ctrl-C.

    What it sends shows on a bar. An error that the user can mend is raised here as a ValueError with its text.
    """
    folder = Path(tempfile.mkdtemp())
    try:
        return _apart(folder, work, arguments, timeout)
    finally:
        put_back(folder)


def _apart(folder: Path, work: Callable[..., Any], arguments: tuple[Any, ...], timeout: float | None) -> Outcome:
    # A fork starts in a moment; where it is not safe, beside threads of the system's own, Python starts anew.
    context: Any = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_run, args=(ours, theirs, folder, work, arguments))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of a fork beside the threads of a BLAS, which expects it
        process.start()
    theirs.close()
    sent: list[Any] = []
    try:
        for kind, value in bar(_messages(process, ours, timeout), "judged"):
            if kind == "sent":
                sent.append(value)
            elif kind == "returned":
                return Outcome(value, tuple(sent))
            elif kind == "raised":
                return Outcome(None, tuple(sent), f"raised {value}", by_itself=True)
            else:
                raise (ValueError if kind == "unusable" else RuntimeError)(value)
        status = _status(process.exitcode)
        if status == KILLED:  # seldom the code's own deed: so a system ends what takes too much memory
            return Outcome(None, tuple(sent), f"its process was ended {KILLED}, as where memory runs out")
        return Outcome(None, tuple(sent), f"ended the process, {status}", by_itself=True)
    except TimeoutError:
        return Outcome(None, tuple(sent), f"stopped after {timeout:g} seconds")
    except KeyboardInterrupt:
        return Outcome(None, tuple(sent), CTRL_C)
    finally:
        _kill(process)
        ours.close()


def _messages(process: BaseProcess, ours: Connection, timeout: float | None) -> Iterator[Any]:
    """Until the child has ended, though what it started may hold the pipe; a TimeoutError after so many seconds."""
    received = SimpleQueue[tuple[str, Any]]()
    reader = Thread(target=_receive, args=(ours, received), daemon=True)  # it may wait for ever for half a message
    reader.start()
    end = time.monotonic() + (math.inf if timeout is None else timeout)
    while (left := end - time.monotonic()) > 0:
        if ended := not process.is_alive():
            _kill(process)
            while reader.is_alive() and ours.poll():  # what was sent is still unread, as on a busy machine
                time.sleep(TICK)
            reader.join(1)  # to the end of the pipe, which nobody should have now
        try:
            yield received.get(timeout=0 if ended else min(TICK, left))
        except Empty:
            if ended:
                return
    raise TimeoutError


def _receive(ours: Connection, received: SimpleQueue[tuple[str, Any]]) -> None:
    try:
        while True:
            kind, value = ours.recv()
            received.put((kind, value))
    except (EOFError, OSError):
        pass
    except Exception as error:
        why = f"{type(error).__name__}: {shown(error)}"
        received.put(("unusable", f"the judged code wrote into the pipe for its verdict, which cannot be read: {why}"))


def _kill(process: BaseProcess) -> None:
    """The child, and what it started in its session."""
    if process.pid and hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS does not permit it where all have ended
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.join()


def _status(code: int) -> str:
    return f"by {signal.Signals(-code).name}" if code < 0 else f"with status {code}"


def _run(
    ours: Connection, theirs: Connection, folder: Path, work: Callable[..., Any], arguments: tuple[Any, ...]
) -> None:
    """In the child, which does not outlive its parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which keeps what was sent and ends this
    if hasattr(os, "setsid"):
        os.setsid()  # so that what the code starts can be ended with it
    ours.close()
    Thread(target=_end_with, args=(theirs, folder), daemon=True).start()
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):  # what C prints, too
        os.dup2(nowhere, descriptor)
    keep(folder)
    try:
        message = "returned", work(lambda value: theirs.send(("sent", value)), *arguments)
    except MENDED_BY_THE_USER as error:
        message = "unusable", str(error) or type(error).__name__
    except Exception:
        message = "failed", traceback.format_exc()
    except BaseException as error:  # not refnn's, which nobody interrupts here
        message = "raised", f"{type(error).__name__}: {shown(error)}".removesuffix(": ")
    theirs.send(message)


def _end_with(parent: Connection, folder: Path) -> None:
    with contextlib.suppress(Exception):
        parent.recv()  # which sends nothing, but closes when it ends
    with contextlib.suppress(Exception):
        put_back(folder)
    if hasattr(os, "killpg"):
        os.killpg(0, signal.SIGKILL)
    os._exit(1)
