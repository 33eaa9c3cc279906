"""Whole numbers of the user: ids, counts, numbers within bounds, threads."""

from __future__ import annotations

import operator

import numpy as np

from nearfield.errors import InvalidInput

__all__ = ["as_count", "as_id", "as_threads", "as_whole"]

_WORD = 2**64


def as_id(given: object, argument: str = "id") -> int:
    """Read one id.

    Parameters
    ----------
    given : int
        Any integer, also numpy's.
    argument : str, default "id"
        What errors call it.

    Returns
    -------
    int
        From 0 to 2^64-1.

    Raises
    ------
    TypeError
        Not an integer, a bool, negative, or above 2^64-1.
    """
    if not isinstance(given, (bool, np.bool_)):
        try:
            number = operator.index(given)  # type: ignore[arg-type]
        except TypeError:
            pass
        else:
            if 0 <= number < _WORD:
                return number
    message = f"{argument} is {given!r}; ids are integers from 0 to 2^64-2"
    raise TypeError(message)


def as_count(given: object, argument: str) -> int:
    """Read a whole number that is not negative, such as ``k``.

    Parameters
    ----------
    given : int
        Any integer, also numpy's.
    argument : str
        What errors call it.

    Returns
    -------
    int
        0 or more.

    Raises
    ------
    TypeError
        Not an integer, or negative (as in Voyager).
    """
    try:
        number = operator.index(given)  # type: ignore[arg-type]
    except TypeError:
        number = -1
    if number < 0:
        message = f"{argument} is {given!r}; expected a whole number, 0 or more"
        raise TypeError(message)
    return number


def as_whole(given: object, argument: str, least: int, most: int) -> int:
    """Read a whole number within bounds, such as ``num_dimensions``.

    Parameters
    ----------
    given : int
        Any integer, also numpy's.
    argument : str
        What errors call it.
    least, most : int
        The bounds, both allowed.

    Returns
    -------
    int
        The number.

    Raises
    ------
    InvalidInput
        Out of bounds.
    TypeError
        Not an integer.
    """
    try:
        number = operator.index(given)  # type: ignore[arg-type]
    except TypeError:
        message = f"{argument} is {given!r}; expected a whole number from {least} to {most}"
        raise TypeError(message) from None
    if not least <= number <= most:
        message = f"{argument} is {number}; expected {least} to {most}"
        raise InvalidInput(message)
    return number


def as_ef(given: object, most: int) -> int:
    """Read ``query_ef``.

    Parameters
    ----------
    given : int or None
        None, 0 and negative numbers mean the width of the index.
    most : int
        What wider beams come down to.

    Returns
    -------
    int
        -1 for the width of the index, or the number.

    Raises
    ------
    TypeError
        Not an integer.
    """
    return _positive_or_default(given, most, "query_ef", "that of the index")


def as_threads(given: object) -> int:
    """Read ``num_threads``.

    Parameters
    ----------
    given : int or None
        None, 0 and negative numbers mean all cores.

    Returns
    -------
    int
        -1 for all cores, or the number.

    Raises
    ------
    TypeError
        Not an integer.
    """
    return _positive_or_default(given, 2**31, "num_threads", "all cores")


def _positive_or_default(given: object, most: int, argument: str, default: str) -> int:
    if given is None:
        return -1
    try:
        number = operator.index(given)  # type: ignore[arg-type]
    except TypeError:
        message = f"{argument} is {given!r}; expected a whole number, or -1 for {default}"
        raise TypeError(message) from None
    return min(number, most) if number > 0 else -1
