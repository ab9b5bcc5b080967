"""Without the warnings of f, which is asked where it may overflow: in the thread that asks, and in no other.

The filters of Python hold for the process, and `warnings.catch_warnings` puts back those that it found: of two threads
the one that leaves last leaves the other's behind. Here two filters are put in front, to stay. Each is on a class of
warnings that has members only in a thread that asked for silence.
"""

from __future__ import annotations

import contextlib
import threading
import warnings
from collections.abc import Callable, Iterator
from typing import ClassVar

import numpy as np


class _Asked(threading.local):
    """What this thread has asked for."""

    quiet = False
    strict = False


_asked = _Asked()


class _InThisThread(type):
    """Of a class of warnings: what belongs to it is asked anew whenever a filter looks."""

    holds: Callable[[type], bool]

    def __subclasscheck__(cls, kind: type) -> bool:
        return cls.holds(kind)


class _Unheard(Warning, metaclass=_InThisThread):
    holds: ClassVar[Callable[[type], bool]] = staticmethod(lambda _: _asked.quiet)


class _Dropped(Warning, metaclass=_InThisThread):
    """NumPy's warning of an imaginary part that is dropped."""

    holds: ClassVar[Callable[[type], bool]] = staticmethod(
        lambda kind: _asked.strict and issubclass(kind, np.exceptions.ComplexWarning)
    )


@contextlib.contextmanager
def quiet(*, strict: bool = False) -> Iterator[None]:
    """Without warnings; `strict` makes an error of that of an imaginary part that is dropped."""
    before = _asked.quiet, _asked.strict
    warnings.simplefilter("ignore", _Unheard)  # puts it in front again, if others have been put there since
    warnings.simplefilter("error", _Dropped)
    _asked.quiet, _asked.strict = True, strict
    try:
        with np.errstate(all="ignore"):
            yield
    finally:
        _asked.quiet, _asked.strict = before
