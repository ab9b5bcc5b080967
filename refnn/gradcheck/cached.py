"""`cached_property` without a lock: in a process that was forked while another thread held it, as that of `functools`
has one before Python 3.12, it would never be free again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class cached_property(Generic[T]):  # noqa: N801  # as functools has it
    """A property that is computed once, and is an attribute from then on; by two threads at once perhaps twice."""

    def __init__(self, compute: Callable[[Any], T]) -> None:
        self.compute, self.__doc__ = compute, compute.__doc__

    def __get__(self, instance: object, owner: type) -> T:
        if instance is None:
            return self  # type: ignore[return-value]  # asked of the class itself, as tools do that print its documentation
        value = vars(instance)[self.compute.__name__] = self.compute(instance)
        return value
