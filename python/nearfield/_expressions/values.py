"""Values as Python has them, read into what a tree holds: bool, int, float, str or a parameter."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Set
from datetime import date
from typing import Any

import numpy as np

from nearfield._expressions.faults import fault, quoted
from nearfield._expressions.moments import text_of_moment
from nearfield._expressions.nodes import MOST_VALUES, Parameter, Value, key_of
from nearfield.errors import InvalidInput

__all__ = ["ID", "as_list", "as_value", "as_values", "fault_of_integer"]

ID = "id"
"""The name that is kept for the ids of items."""

_LOWEST, _HIGHEST, _HIGHEST_ID = -(2**63), 2**63 - 1, 2**64 - 1


def fault_of_integer(value: int, column: str) -> str:
    """Say why an integer cannot be compared with a column.

    Parameters
    ----------
    value : int
        Any.
    column : str
        Its name; ``id`` takes integers up to 2^64-1, others those of int64.

    Returns
    -------
    str
        A sentence; empty where it can.
    """
    most = _HIGHEST_ID if column == ID else _HIGHEST
    if _LOWEST <= value <= most:
        return ""
    bound = "2^64-1" if column == ID else "2^63-1"
    return f"{quoted(value)} does not fit 64 bits; expected an integer from -2^63 to {bound}"


def as_value(given: Any, what: str, column: str = "") -> Value:
    """Read one value.

    Parameters
    ----------
    given : bool, int, float, str, datetime, date, numpy scalar or Parameter
        Moments become text, ISO 8601 in UTC.
    what : str
        What errors call it.
    column : str, default ""
        What it is compared with; ``id`` takes integers beyond int64.

    Returns
    -------
    bool, int, float, str or Parameter
        Of exactly these classes.

    Raises
    ------
    ExpressionError
        NaN, infinity, an integer beyond 64 bits, text that is no Unicode, a moment that cannot be.
    TypeError
        Anything else, None included.

    Examples
    --------
    >>> as_value(np.int16(5), "it"), as_value(np.datetime64("2024-05-01"), "it")
    (5, '2024-05-01T00:00:00Z')
    """
    if isinstance(given, np.ndarray) and given.ndim == 0:
        given = given[()]
    if isinstance(given, Parameter):
        return given
    if isinstance(given, bool | np.bool_):
        return bool(given)
    if isinstance(given, str):
        return _as_text(str.__str__(given), what)
    if isinstance(given, date | np.datetime64):
        try:
            return text_of_moment(given)
        except ValueError as error:
            message = f"{what} is {quoted(given)}: {error}"
            raise fault(message) from None
    if isinstance(given, float | np.floating):
        return _as_float(float(given), what)
    try:
        number = int(operator.index(given))
    except TypeError:
        hint = "; use .is_null() to ask for rows without a value" if given is None else ""
        message = (
            f"{what} is {quoted(given)}, of type {type(given).__name__}; expected a bool, int, "
            f"float, str, datetime or parameter{hint}"
        )
        raise TypeError(message) from None
    beyond = fault_of_integer(number, column)
    if beyond:
        message = f"{what}: {beyond}"
        raise fault(message)
    return number


def _as_text(given: str, what: str) -> str:
    try:
        given.encode()
    except UnicodeEncodeError:
        message = f"{what} is {quoted(given)}, which holds half a character; expected valid Unicode"
        raise fault(message) from None
    return given


def _as_float(given: float, what: str) -> float:
    if not math.isfinite(given):
        message = f"{what} is {given}; expected a finite number"
        raise fault(message)
    return given


def as_list(given: Any, what: str) -> Iterable[Any]:
    """Read what holds values, without looking at these.

    Parameters
    ----------
    given : list, tuple, set, range, ndarray of one axis, or what numpy makes one of
        Sets are sorted, so that equal ones give equal trees.
    what : str
        What errors call it.

    Returns
    -------
    iterable
        Of a known length.

    Raises
    ------
    InvalidInput
        An array of more than one axis.
    TypeError
        One value, a generator, a mapping, or anything else.
    """
    if isinstance(given, list | tuple | range):
        return given
    if isinstance(given, Set):
        return sorted(given, key=lambda one: (type(one).__name__, one))
    if hasattr(given, "__array__") and np.ndim(given) > 0:
        array = np.asarray(given)
        if array.ndim != 1:
            message = f"{what} has shape {array.shape}; expected one axis"
            raise InvalidInput(message)
        # Not tolist(): of nanoseconds it would make numbers.
        return array.tolist() if array.dtype.kind in "biufUO" else list(array)
    message = (
        f"{what} is {quoted(given)}, of type {type(given).__name__}; expected a list, tuple, set "
        "or array of values"
    )
    raise TypeError(message)


def as_values(given: Any, what: str, column: str = "") -> tuple[Value, ...] | Parameter:
    """Read the values of a list.

    Parameters
    ----------
    given : list, tuple, set, ndarray of one axis, or Parameter
        At most 10,000 values; a parameter alone stands for a list that is given later.
    what : str
        What errors call it.
    column : str, default ""
        What they are compared with.

    Returns
    -------
    tuple or Parameter
        In the order given; a set is sorted.

    Raises
    ------
    InvalidInput
        Too many values, or one that cannot be.
    TypeError
        Not a list, or a value of another type.

    Examples
    --------
    >>> as_values({3, 1}, "it")
    (1, 3)
    """
    if isinstance(given, Parameter):
        return given
    values = list(as_list(given, what))
    if len(values) > MOST_VALUES:
        message = (
            f"{what} has {len(values)} values; expected at most {MOST_VALUES}: put "
            "nearfield.filters.param(name) in its place and give them in params"
        )
        raise fault(message)
    read = tuple(as_value(one, f"{what}[{i}]", column) for i, one in enumerate(values))
    return tuple(sorted(read, key=key_of)) if isinstance(given, Set) else read
