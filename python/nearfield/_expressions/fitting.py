"""Values brought to what a column can hold, so that a compiler need not think of the rest.

Integer columns are compared exactly: ``x < 2.5`` becomes ``x <= 2``, and what lies outside of the
range of the type is never or always true (of rows that are not null). Of columns of floats, a value
is rounded to the nearest number that the column can hold, as its rows were when they were stored:
so ``x = 0.1`` finds the rows of a float32 column that were given as 0.1.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable

from nearfield._expressions.column_types import INTEGERS, Kind
from nearfield._expressions.faults import Place
from nearfield._expressions.nodes import (
    And,
    Between,
    Compare,
    Expression,
    In,
    IsNull,
    Not,
    Op,
    Or,
)
from nearfield._expressions.values import ID

__all__ = ["always", "chosen", "fit_between", "fit_compare", "fit_list", "never"]

_GREATEST_FLOAT32 = struct.unpack("<f", b"\xff\xff\x7f\x7f")[0]


def always(column: str, place: Place | None) -> Expression:
    """Give the condition that every row with a value meets.

    Parameters
    ----------
    column : str
        Its name; ``id`` is never null.
    place : Place or None
        Of what it stands for.

    Returns
    -------
    Expression
        ``column is not null``, or `And` of nothing.
    """
    if column == ID:
        return And((), place=place)
    return Not(IsNull(column, place=place), place=place)


def never(place: Place | None) -> Expression:
    """Give the condition that no row meets.

    Parameters
    ----------
    place : Place or None
        Of what it stands for.

    Returns
    -------
    Expression
        `Or` of nothing.
    """
    return Or((), place=place)


def _around(kind: Kind, value: float) -> tuple[float | None, float | None]:
    """Give the greatest number of a kind that is not above, and the least that is not below."""
    if kind in INTEGERS:
        least, most = INTEGERS[kind]
        below, above = math.floor(value), math.ceil(value)
        return min(below, most) if below >= least else None, (
            max(above, least) if above <= most else None
        )
    number = float(value)
    if kind == "float32":
        try:
            number = struct.unpack("<f", struct.pack("<f", number))[0]
        except OverflowError:
            if number > 0:
                return _GREATEST_FLOAT32, math.inf
            return -math.inf, -_GREATEST_FLOAT32
    return number, number


def fit_compare(column: str, op: Op, value: float, kind: Kind, place: Place | None) -> Expression:
    """Compare a column of numbers with a number.

    Parameters
    ----------
    column, op, place
        Of the node.
    value : int or float
        Any that is finite.
    kind : str
        Of the column.

    Returns
    -------
    Expression
        With a value that the column can hold, or one of `always` and `never`.
    """
    below, above = _around(kind, value)
    if op in ("=", "!=") and (below is None or below != above):
        return never(place) if op == "=" else always(column, place)
    if op in ("<", "<="):
        if below is None:
            return never(place)
        op = op if below == above else "<="
        value = below
    elif op in (">", ">="):
        if above is None:
            return never(place)
        op = op if below == above else ">="
        value = above
    elif below is not None:
        value = below
    if kind in INTEGERS:
        least, most = INTEGERS[kind]
        if (op, value) in (("<=", most), (">=", least)):
            return always(column, place)
        if (op, value) in (("<", least), (">", most)):
            return never(place)
    return Compare(column, op, value, place=place)


def fit_between(
    column: str, low: float, high: float, kind: Kind, place: Place | None
) -> Expression:
    """Ask whether a column of numbers lies between two.

    Parameters
    ----------
    column, place
        Of the node.
    low, high : int or float
        The bounds, both included.
    kind : str
        Of the column.

    Returns
    -------
    Expression
        With bounds that the column can hold, the lower one below the upper, or simpler.
    """
    least, most = _around(kind, low)[1], _around(kind, high)[0]
    if least is None or most is None or least > most:
        return never(place)
    if least == most:
        return Compare(column, "=", least, place=place)
    if INTEGERS.get(kind) == (least, most):
        return always(column, place)
    return Between(column, least, most, place=place)


def fit_list(column: str, values: Iterable[float], kind: Kind, place: Place | None) -> Expression:
    """Ask whether a column of numbers has one of several.

    Parameters
    ----------
    column, place
        Of the node.
    values : iterable of int or float
        In any order.
    kind : str
        Of the column.

    Returns
    -------
    Expression
        With values that the column can hold, ascending and each once, or simpler.
    """
    fitting: set[float] = set()
    for value in values:
        below, above = _around(kind, value)
        if below is not None and below == above:
            fitting.add(below)
    return chosen(column, tuple(sorted(fitting)), place)


def chosen(
    column: str, values: tuple[float, ...] | tuple[str, ...], place: Place | None
) -> Expression:
    """Ask for one of several values, sorted and each once.

    Parameters
    ----------
    column, place
        Of the node.
    values : tuple
        Of what the column can hold.

    Returns
    -------
    Expression
        `In`, or what says the same of none or one.
    """
    if not values:
        return never(place)
    if len(values) == 1:
        return Compare(column, "=", values[0], place=place)
    return In(column, values, place=place)
