"""Timestamps: as text in a tree, as microseconds where it is bound.

Without an offset, a moment is one of UTC: that is what numpy's and most columns hold.
"""

from __future__ import annotations

import re
from datetime import MAXYEAR, MINYEAR, UTC, date, datetime, timedelta
from typing import cast

import numpy as np

__all__ = ["microseconds_of", "text_of_moment"]

_ISO = re.compile(
    r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|z|[+-]\d\d:\d\d)?)?", re.ASCII
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def text_of_moment(given: date | np.datetime64) -> str:
    """Write a moment as ISO 8601 in UTC.

    Parameters
    ----------
    given : datetime, date or numpy.datetime64
        Without a zone it is taken for UTC; a date begins at midnight.

    Returns
    -------
    str
        Such as ``2024-05-01T12:00:00Z``, with microseconds where there are any.

    Raises
    ------
    ValueError
        Not a time, finer than microseconds, or outside of the years 1 to 9999 in UTC.

    Examples
    --------
    >>> text_of_moment(np.datetime64("2024-05-01T12:00:00.5"))
    '2024-05-01T12:00:00.500000Z'
    """
    if isinstance(given, np.datetime64):
        given = _from_numpy(given)
    elif not isinstance(given, datetime):
        given = datetime(given.year, given.month, given.day)
    if given.tzinfo is None:
        given = given.replace(tzinfo=UTC)
    try:
        given = given.astimezone(UTC)
    except OverflowError:
        message = f"expected a year from {MINYEAR} to {MAXYEAR} in UTC"
        raise ValueError(message) from None
    return given.isoformat().replace("+00:00", "Z")


def _from_numpy(given: np.datetime64) -> datetime:
    if np.isnat(given):
        message = "expected a time; NaT is none (write .is_null() to ask for rows without a value)"
        raise ValueError(message)
    # Years first: numpy's own steps from coarse units to fine ones overflow in silence.
    year = int(given.astype("datetime64[Y]").astype(np.int64)) + 1970
    if not MINYEAR <= year <= MAXYEAR:
        message = f"expected a year from {MINYEAR} to {MAXYEAR} in UTC"
        raise ValueError(message)
    fine = given.astype("datetime64[us]")
    if fine != given:
        message = "expected microseconds at most; write .astype('datetime64[us]') to round it"
        raise ValueError(message)
    return cast(datetime, fine.item())


def microseconds_of(text: str) -> int:
    """Read a moment.

    Parameters
    ----------
    text : str
        ISO 8601: a date, or a date and a time with or without an offset. ``2024-05-01`` is its
        first microsecond.

    Returns
    -------
    int
        Microseconds since the beginning of 1970 in UTC; negative before.

    Raises
    ------
    ValueError
        Not of this form, or no such moment.

    Examples
    --------
    >>> microseconds_of("1970-01-02"), microseconds_of("1970-01-01T00:00:01+00:01")
    (86400000000, -59000000)
    """
    if not _ISO.fullmatch(text):
        message = "expected a time such as '2024-05-01' or '2024-05-01T12:00:00Z'"
        raise ValueError(message)
    try:
        moment = datetime.fromisoformat(text.replace("z", "Z"))
    except ValueError as error:
        message = f"there is no such time: {error}"
        raise ValueError(message) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // _MICROSECOND
