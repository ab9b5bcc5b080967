"""What is printed fits a terminal of 80 columns, and values and errors of other people's do it no harm."""

import textwrap
from collections.abc import Callable, Iterable
from typing import Any

WIDTH = 80
LONGEST = 200  # characters of a value in an error


def folded(lines: Iterable[str]) -> str:
    """The lines as one text; what is too long goes on below, two columns further in than it began."""
    return "\n".join(
        textwrap.fill(printable(line), WIDTH, subsequent_indent=" " * (indent(line) + 2), break_on_hyphens=False)
        for line in lines
    )


def indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def printable(text: str) -> str:
    """In one line, and without what a terminal would obey."""
    return "".join(c if c.isprintable() else " " for c in text)


def shown(value: object, form: Callable[[Any], str] = str) -> str:
    """A value of other people's in the words of an error, whatever its own words do."""
    try:
        text = form(value)
    except Exception as error:  # 10**5000 has no words either
        text = f"<{type(value).__name__} that raises {type(error).__name__} when printed>"
    return printable(text[:LONGEST]) + " …" * (len(text) > LONGEST)


def typed(value: object) -> str:
    """A value of the wrong kind, and its kind."""
    return f"{shown(value, repr)} ({type(value).__name__})"


def plainly(f: Callable[..., Any], *arguments: Any) -> Any:
    return f(*arguments)


def said(f: Callable[..., Any], form: str, hand: Callable[..., Any], *arguments: Any) -> Any:
    """What f returns; an error that it raises says in which form it was called."""
    try:
        return hand(f, *arguments)
    except Exception as error:
        error.add_note(f"refnn: raised where it was called as {form}")
        raise
