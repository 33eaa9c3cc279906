"""What callers give as a column: Python's values, numpy's and Arrow's arrays, read to one form.

In lists, and in arrays of objects, None, NaN, NaT and the like are no value, and say nothing of the
type; an array of floats that is all NaN is one of floats.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from nearfield._arrow import is_arrow
from nearfield._column_values import Values, nothing
from nearfield.columns import DTYPES
from nearfield.errors import InvalidInput

__all__ = ["Unread", "of_objects", "read_values", "values_or_objects"]

_EPOCH, _NAIVE_EPOCH = datetime(1970, 1, 1, tzinfo=UTC), datetime(1970, 1, 1)
_MICROSECOND = timedelta(microseconds=1)
_FINE_UNITS = ("us", "ns", "ps", "fs", "as")
_MOST_YEARS = 290_000  # from 1970, of microseconds in 64 bits
_MISSING = ("NAType", "NaTType")  # of pandas
_MAY_BE_NONE = (float, np.floating, np.datetime64)


Unread: TypeAlias = Values | list[Any]
"""Values of a type that was given with them, or Python's, which say it when they are looked at."""


def read_values(given: Any, where: str) -> Values:
    """Read a column.

    Parameters
    ----------
    given : iterable, or Values
        A value a row, or None; what a file was read to already stays what it is.
    where : str
        What errors call it.

    Returns
    -------
    Values
        Their type is that of the array, or what the values themselves say.

    Raises
    ------
    InvalidInput
        Values of several kinds, or one that no column holds.
    TypeError
        No sequence, or values of a type that no column has.
    """
    found = values_or_objects(given, where)
    return found if isinstance(found, Values) else of_objects(found, where)


def values_or_objects(given: Any, where: str) -> Unread:
    """Read a column as far as no value has to be looked at to know its type.

    Parameters
    ----------
    given, where
        As for `read_values`.

    Returns
    -------
    Values or list
        The latter of Python values: some of them may say another type than all.

    Raises
    ------
    InvalidInput, TypeError
        As for `read_values`, but for what `of_objects` refuses.
    """
    if isinstance(given, Values):
        return given
    if is_arrow(given) and not isinstance(given, np.ndarray):
        if importlib.util.find_spec("pyarrow") is not None:
            from nearfield import _arrow_columns

            return _arrow_columns.values_of_arrow(given, where)
        if not hasattr(given, "__array__"):
            message = (
                f"{where} is Arrow data; reading it needs pyarrow: pip install 'nearfield[arrow]'"
            )
            raise InvalidInput(message)
        given = np.asarray(given)
    mask = None
    if isinstance(given, np.ma.MaskedArray):
        mask, given = np.ma.getmaskarray(given), given.data
    if isinstance(given, (str, bytes, Mapping)) or not isinstance(given, Iterable):
        message = f"{where} is of type {type(given).__name__}; expected a value for each vector"
        raise TypeError(message)
    if not isinstance(given, np.ndarray):
        given = np.asarray(given) if hasattr(given, "__array__") else given
    if not isinstance(given, np.ndarray):
        return list(given)
    if given.ndim != 1:
        message = f"{where} has shape {given.shape}; expected one axis"
        raise InvalidInput(message)
    if given.dtype.kind in "biufM":
        return _of_array(given, None if mask is None else ~mask, where)
    if given.dtype.kind not in "OUT":
        message = f"{where} holds {given.dtype}; expected bool, numbers, moments or text"
        raise TypeError(message)
    values: list[Any] = given.tolist()
    if mask is not None:
        values = [None if hidden else one for one, hidden in zip(values, mask, strict=True)]
    return values


def _of_array(array: NDArray[Any], present: NDArray[np.bool_] | None, where: str) -> Values:
    kind, size = array.dtype.kind, array.dtype.itemsize
    if kind == "b":
        return Values("bool", array, present)
    if kind == "i":
        return Values(f"int{8 * size}", array, present)
    if kind == "u":
        return Values(_wider(array, present, where), array, present)
    there = ~np.isnat(array) if kind == "M" else ~np.isnan(array)
    present = there if present is None else present & there
    if kind == "M":
        _refuse_far(array[present], where)
        return Values("timestamp", array.astype(DTYPES["timestamp"]), present)
    return Values("float32" if size <= 4 else "float64", array, present)


def _wider(array: NDArray[Any], present: NDArray[np.bool_] | None, where: str) -> str:
    """Give the type of signed integers that holds these."""
    if array.dtype.itemsize == 8:
        beyond = array > np.uint64(2**63 - 1)
        beyond = beyond if present is None else beyond & present
        if beyond.any():
            message = f"{where} holds {array[int(beyond.argmax())]}; expected integers below 2^63"
            raise InvalidInput(message)
    return {1: "int16", 2: "int32", 4: "int64", 8: "int64"}[array.dtype.itemsize]


def _refuse_far(moments: NDArray[Any], where: str) -> None:
    """Refuse what numpy would wrap around on the way to microseconds, in silence."""
    if np.datetime_data(moments.dtype)[0] in _FINE_UNITS:
        return
    years = moments.astype("M8[Y]").astype(np.int64)
    if years.size and max(int(years.max()), -int(years.min())) > _MOST_YEARS:
        message = f"{where} holds a moment that microseconds of 64 bits do not reach"
        raise InvalidInput(message)


def of_objects(values: list[Any], where: str) -> Values:
    """Read Python values: their types say what the column is.

    Parameters
    ----------
    values : list
        Of values, or None, NaN and the like where there is none.
    where : str
        What errors call them.

    Returns
    -------
    Values
        Of type "" where there is none at all.

    Raises
    ------
    InvalidInput, TypeError
        As for `read_values`.
    """
    present = _present(values)
    types = {type(one) for one, there in zip(values, present.tolist(), strict=True) if there}
    kinds = {_kind_of(one, where) for one in types}
    if kinds == {"int", "float"}:
        kinds = {"float"}
    if len(kinds) > 1:
        message = f"{where} holds {' and '.join(sorted(kinds))}; expected values of one kind"
        raise InvalidInput(message)
    if not kinds:
        return nothing("", len(values))
    kind = kinds.pop()
    if kind == "text":
        return _of_words(values, present, where)
    if kind == "lists":
        return _of_tags(values, present, where)
    if kind == "timestamp":
        moments = _read(values, present, lambda one: _microseconds_of(one, where), "int64", where)
        return Values(kind, moments.view(DTYPES[kind]), present)
    name = {"bool": "bool", "int": "int64", "float": "float64"}[kind]
    read = {"bool": bool, "int": int, "float": float}[kind]
    return Values(name, _read(values, present, read, name, where), present)


def _read(
    values: list[Any],
    present: NDArray[np.bool_],
    read: Callable[[Any], Any],
    kind: str,
    where: str,
) -> NDArray[Any]:
    there = present.tolist()
    try:
        filled = [read(one) if is_there else 0 for one, is_there in zip(values, there, strict=True)]
        return np.array(filled, dtype=DTYPES[kind])
    except OverflowError as error:
        message = f"{where} holds a number that is out of range: {error}"
        raise InvalidInput(message) from None


def _present(values: list[Any]) -> NDArray[np.bool_]:
    """Tell which values are there: all but None, NaN, NaT and pandas' own mark."""
    types = set(map(type, values))
    missing = {one for one in types if one is type(None) or one.__name__ in _MISSING}
    if not missing and not any(issubclass(one, _MAY_BE_NONE) for one in types):
        return np.ones(len(values), dtype=bool)
    own = tuple(one for one in types if issubclass(one, _MAY_BE_NONE))
    return np.array(
        [type(one) not in missing and not (isinstance(one, own) and one != one) for one in values],
        dtype=bool,
    )


def _kind_of(kind: type, where: str) -> str:
    if issubclass(kind, (bool, np.bool_)):
        return "bool"
    if issubclass(kind, (int, np.integer)):
        return "int"
    if issubclass(kind, (float, np.floating)):
        return "float"
    if issubclass(kind, str):
        return "text"
    if issubclass(kind, (np.datetime64, date)):
        return "timestamp"
    if issubclass(kind, (list, tuple, set, frozenset, np.ndarray)):
        return "lists"
    message = (
        f"{where} holds a {kind.__name__}; expected bool, int, float, str, a date or a moment, a "
        "list of str for tags, or None"
    )
    raise TypeError(message)


def _microseconds_of(moment: Any, where: str) -> int:
    if isinstance(moment, np.datetime64):
        _refuse_far(np.array([moment]), where)
        return int(moment.astype(DTYPES["timestamp"]).astype(np.int64))
    if not isinstance(moment, datetime):
        moment = datetime(moment.year, moment.month, moment.day)
    since: timedelta = moment - (_NAIVE_EPOCH if moment.tzinfo is None else _EPOCH)
    return since // _MICROSECOND


def _of_words(values: list[Any], present: NDArray[np.bool_], where: str) -> Values:
    there = present.tolist()
    number: dict[str, int] = {}
    places = [
        number.setdefault(one, len(number)) if is_there else 0
        for one, is_there in zip(values, there, strict=True)
    ]
    words = _checked(list(number), where)
    return Values("category", np.array(places, dtype=np.uint32), present, None, words)


def _of_tags(values: list[Any], present: NDArray[np.bool_], where: str) -> Values:
    there = present.tolist()
    lists = [tuple(one) if is_there else () for one, is_there in zip(values, there, strict=True)]
    flat = [tag for one in lists for tag in one]
    wrong = next((tag for tag in flat if not isinstance(tag, str)), None)
    if wrong is not None or None in flat:
        message = f"{where} holds a tag of type {type(wrong).__name__}; expected str"
        raise TypeError(message)
    number: dict[str, int] = {}
    places = np.array([number.setdefault(tag, len(number)) for tag in flat], dtype=np.uint32)
    ends = np.cumsum([0, *map(len, lists)]).astype(np.uint64)
    return Values("tags", places, present, ends, _checked(list(number), where))


def _checked(words: list[str], where: str) -> list[str]:
    try:
        "".join(words).encode()
    except UnicodeEncodeError:
        bad = next(word for word in words if not _is_whole(word))
        message = f"{where} holds {bad!r}, which has half a character; expected valid Unicode"
        raise InvalidInput(message) from None
    return words


def _is_whole(word: str) -> bool:
    try:
        word.encode()
    except UnicodeEncodeError:
        return False
    return True
