"""Errors of expressions: the sentence, the line, and a mark under the place."""

from __future__ import annotations

import reprlib
import unicodedata
from typing import NamedTuple

from nearfield.errors import ExpressionError

__all__ = ["Place", "fault", "quoted"]

_MOST_SHOWN = 80  # characters of a line
_BEFORE = 40  # of them, before the place, where the line is longer
_MOST_QUOTED = 40
_CONTAINERS = (list, tuple, dict, set, frozenset)


class Place(NamedTuple):
    """Where something was written: characters from ``start`` up to ``end`` of ``text``.

    ``argument`` is what errors call the text.
    """

    text: str
    start: int
    end: int
    argument: str = "where"


def fault(
    message: str, place: Place | None = None, path: str | None = None, argument: str = "where"
) -> ExpressionError:
    """Make an error that shows where it lies.

    Parameters
    ----------
    message : str
        What was found, what was expected, what to do.
    place : Place, optional
        What the mark stands under.
    path : str, optional
        For JSON, where it stands.
    argument : str, default "where"
        What the error calls the expression where there is no place.

    Returns
    -------
    ExpressionError
        Not yet raised.

    Examples
    --------
    >>> print(fault("found '=='; write =", Place("year == 5", 5, 7)))
    where, column 6: found '=='; write =
        year == 5
             ^^
    """
    if place is None:
        at = "" if path is None else f" at {path}"
        return ExpressionError(f"{argument}{at}: {message}", path=path)
    text, start, end, argument = place
    first = text.rfind("\n", 0, start) + 1
    last = text.find("\n", start)
    last = len(text) if last < 0 else last
    line = text.count("\n", 0, start) + 1
    where = f"column {start - first + 1}" if "\n" not in text else _lined(line, start - first + 1)
    full = (
        f"{argument}, {where}: {message}\n{_marked(text[first:last], start - first, end - first)}"
    )
    return ExpressionError(full, text, start, end, path)


def _lined(line: int, column: int) -> str:
    return f"line {line}, column {column}"


def _marked(line: str, start: int, end: int) -> str:
    """Give a line, or the part of it around the place, and a mark below."""
    left, right = 0, len(line)
    if right > _MOST_SHOWN:
        left = max(0, start - _BEFORE)
        right = min(right, left + _MOST_SHOWN)
    before, place = _shown(line[left:start]), _shown(line[start : min(end, right)])
    after = _shown(line[max(start, min(end, right)) : right])
    prefix = "..." if left else ""
    suffix = "..." if right < len(line) else ""
    mark = " " * (len(prefix) + _width(before)) + "^" * max(1, _width(place))
    return f"    {prefix}{before}{place}{after}{suffix}".rstrip() + f"\n    {mark}"


def _shown(text: str) -> str:
    """Replace what would move a terminal's cursor; one character stays one."""
    if text.isprintable():
        return text
    return "".join(
        one if one.isprintable() else " " if one.isspace() else "\N{REPLACEMENT CHARACTER}"
        for one in text
    )


def _width(text: str) -> int:
    """Count the cells that a terminal gives to a text."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(one) in "WF" for one in text)
    return len(text) + wide - sum(unicodedata.combining(one) > 0 for one in text)


def quoted(given: object) -> str:
    """Write a value for a message: its repr, shortened.

    Parameters
    ----------
    given : object
        Anything.

    Returns
    -------
    str
        At most some 45 characters.

    Examples
    --------
    >>> quoted("SE"), quoted("a" * 100)
    ("'SE'", "'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa...")
    """
    if isinstance(given, str | bytes):  # the repr of a long one would be made for nothing
        given = given[: _MOST_QUOTED + 1]
    try:
        shown = reprlib.repr(given) if isinstance(given, _CONTAINERS) else repr(given)
    except ValueError:  # an int of more digits than Python writes
        shown = f"a number of type {type(given).__name__}"
    return shown if len(shown) <= _MOST_QUOTED + 2 else shown[:_MOST_QUOTED] + "..."
