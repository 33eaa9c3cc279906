"""Attributes of vectors: what callers give as a column, and what they get back."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from nearfield._arrow import arrow_column, is_arrow
from nearfield._core import Index as Core
from nearfield.errors import InvalidInput

__all__ = ["ColumnInfo", "as_columns", "column_of"]

TYPES = (
    "", "bool", "int8", "int16", "int32", "int64", "float32", "float64", "timestamp", "category",
    "tags",
)  # fmt: skip
"""As `nearfield::ColumnType` numbers them."""

_DTYPES = dict(
    zip(
        TYPES[1:],
        map(np.dtype, ("?", "i1", "i2", "i4", "i8", "f4", "f8", "M8[us]", "u4", "u4")),
        strict=True,
    )
)
_FAMILY = {"int8": "int", "int16": "int", "int32": "int", "int64": "int"} | {
    "float32": "float",
    "float64": "float",
}
Given: TypeAlias = tuple[
    str, int, NDArray[Any], NDArray[np.uint8] | None, NDArray[np.uint64] | None, list[str]
]
"""One column as the core takes it: name, type, values, which are present, ends of tags, words."""


@dataclass(frozen=True, slots=True)
class ColumnInfo:
    """What an index knows of a column.

    Attributes
    ----------
    name : str
        Of the column.
    type : str
        ``"bool"``, ``"int8"`` to ``"int64"``, ``"float32"``, ``"float64"``, ``"timestamp"``,
        ``"category"`` or ``"tags"``.
    num_words : int
        Different words that a category or tags were ever given.
    num_bytes : int
        In memory.
    """

    name: str
    type: str
    num_words: int
    num_bytes: int


class _Values(NamedTuple):
    """Values of one column, and which of them are there (None: all)."""

    type: str
    values: NDArray[Any]
    present: NDArray[np.bool_] | None
    ends: NDArray[np.uint64] | None = None
    words: Sequence[str] = ()


def as_columns(given: Any, rows: int, core: Core) -> list[Given]:
    """Read columns: one value, or None, for each row.

    Parameters
    ----------
    given : mapping of str to sequence
        Values by name; see ``columns`` of `nearfield.Index.add_items`.
    rows : int
        How many values each has to have.
    core : Core
        The index: numbers are converted to the type that a column has there, where that loses no
        more than the digits of a float.

    Returns
    -------
    list of tuple
        As the core takes them.

    Raises
    ------
    InvalidInput
        A wrong number of values, or such that have no common type, or do not fit the column.
    TypeError
        No mapping of names to sequences.
    """
    if not isinstance(given, Mapping):
        message = f"columns is of type {type(given).__name__}; expected a dict of name to values"
        raise TypeError(message)
    known = {name: TYPES[kind] for name, kind, *_ in core.columns()}
    return [_one(name, values, rows, known) for name, values in given.items()]


def _one(name: object, given: Any, rows: int, known: dict[str, str]) -> Given:
    if not isinstance(name, str):
        message = f"columns has a key of type {type(name).__name__}; expected names"
        raise TypeError(message)
    if name == "id":
        message = "columns names a column 'id', which expressions keep for the id of a vector"
        raise InvalidInput(message)
    where = f"columns[{name!r}]"
    values = _read(given, where)
    if name in known and values.type != known[name]:
        values = _as_type(values, known[name], where)
    count = len(values.values) if values.ends is None else len(values.ends) - 1
    if count != rows:
        message = f"{where} has {count} values; expected {rows}, one for each vector"
        raise InvalidInput(message)
    present = None
    if values.present is not None and not values.present.all():
        present = np.ascontiguousarray(values.present, dtype=np.uint8)
    array = np.ascontiguousarray(values.values, dtype=_DTYPES[values.type])
    return name, TYPES.index(values.type), array, present, values.ends, list(values.words)


def _as_type(values: _Values, kind: str, where: str) -> _Values:
    """Convert values to the type of the column that is there."""
    there = np.ones(len(values.values), dtype=bool) if values.present is None else values.present
    if not there.any() and values.ends is None:
        return _nothing(kind, len(values.values))
    if _FAMILY.get(kind) is None or _FAMILY.get(values.type) is None:
        message = (
            f"{where} was given as {values.type}, but the index keeps it as {kind}; convert the "
            "values, or drop the column first"
        )
        raise InvalidInput(message)
    dtype, given = _DTYPES[kind], values.values
    if _FAMILY[kind] == "int":
        limits = np.iinfo(dtype)
        bad = there & ((given < limits.min) | (given > limits.max) | (given != np.trunc(given)))
        if bad.any():
            message = (
                f"{where} holds {given[int(bad.argmax())]}, but the index keeps it as {kind}; drop "
                "the column and set it anew to change its type"
            )
            raise InvalidInput(message)
    return _Values(kind, np.where(there, given, 0).astype(dtype), values.present)


def _nothing(kind: str, rows: int) -> _Values:
    ends = np.zeros(rows + 1, dtype=np.uint64) if kind == "tags" else None
    count = 0 if kind == "tags" else rows
    return _Values(kind, np.zeros(count, dtype=_DTYPES[kind]), np.zeros(rows, dtype=bool), ends)


def _read(given: Any, where: str) -> _Values:
    if is_arrow(given) and not isinstance(given, np.ndarray):
        column = arrow_column(given, where)
        given = given.to_pylist() if column is None and hasattr(given, "to_pylist") else column
    mask = np.ma.getmaskarray(given) if isinstance(given, np.ma.MaskedArray) else None
    if isinstance(given, np.ma.MaskedArray):
        given = given.data
    if isinstance(given, (str, bytes, Mapping)) or not isinstance(given, Iterable):
        message = f"{where} is of type {type(given).__name__}; expected a value for each vector"
        raise TypeError(message)
    array = given if isinstance(given, np.ndarray) else None
    if array is not None and array.ndim != 1:
        message = f"{where} has shape {array.shape}; expected one axis"
        raise InvalidInput(message)
    if array is not None and array.dtype.kind in "biufM":
        return _of_array(array, mask, where)
    values = list(given) if array is None else array.tolist()
    if mask is not None:
        values = [None if hidden else one for one, hidden in zip(values, mask, strict=True)]
    return _of_objects(values, where)


def _of_array(array: NDArray[Any], mask: NDArray[np.bool_] | None, where: str) -> _Values:
    present = None if mask is None else ~mask
    kind = array.dtype.kind
    if kind == "M":
        there = ~np.isnat(array)
        present = there if present is None else present & there
        return _Values("timestamp", array.astype("M8[us]"), present)
    if kind == "b":
        return _Values("bool", array, present)
    if kind == "f":
        name = "float32" if array.dtype.itemsize <= 4 else "float64"
        there = ~np.isnan(array)
        return _Values(name, array, there if present is None else present & there)
    if kind == "i":
        return _Values(f"int{8 * array.dtype.itemsize}", array, present)
    wider = {1: "int16", 2: "int32", 4: "int64", 8: "int64"}[array.dtype.itemsize]
    if array.size and array.max() > np.uint64(2**63 - 1):
        message = f"{where} holds {array.max()}; expected integers below 2^63"
        raise InvalidInput(message)
    return _Values(wider, array, present)


def _of_objects(values: list[Any], where: str) -> _Values:
    """Read Python values: their types say what the column is; None is no value."""
    present = np.array([one is not None for one in values], dtype=bool)
    kinds = {_kind_of(one, where) for one in values if one is not None}
    if kinds == {"int", "float"}:
        kinds = {"float"}
    if len(kinds) > 1:
        message = f"{where} holds {' and '.join(sorted(kinds))}; expected values of one kind"
        raise InvalidInput(message)
    kind = kinds.pop() if kinds else "float"
    if kind == "word":
        return _of_words(values, present)
    if kind == "tags":
        return _of_tags(values, present, where)
    if kind == "timestamp":
        filled = [np.datetime64("NaT") if one is None else one for one in values]
        return _of_array(np.array(filled, dtype="M8[us]"), None, where)
    if kind == "float":
        filled = [math.nan if one is None else one for one in values]
        return _of_array(np.array(filled, dtype=np.float64), None, where)
    filled = [0 if one is None else one for one in values]
    name = "bool" if kind == "bool" else "int64"
    try:
        return _Values(name, np.array(filled, dtype=_DTYPES[name]), present)
    except OverflowError:
        message = f"{where} holds an integer beyond 64 bits"
        raise InvalidInput(message) from None


def _kind_of(value: Any, where: str) -> str:
    if isinstance(value, (bool, np.bool_)):
        return "bool"
    if isinstance(value, (int, np.integer)):
        return "int"
    if isinstance(value, (float, np.floating)):
        return "float"
    if isinstance(value, str):
        return "word"
    if isinstance(value, np.datetime64) or hasattr(value, "isoformat"):
        return "timestamp"
    if isinstance(value, (list, tuple, set, frozenset, np.ndarray)):
        return "tags"
    message = (
        f"{where} holds a {type(value).__name__}; expected bool, int, float, str, a date and time, "
        "a list of str for tags, or None"
    )
    raise TypeError(message)


def _of_words(values: list[Any], present: NDArray[np.bool_]) -> _Values:
    words = list(dict.fromkeys(one for one in values if one is not None))
    number = {word: i for i, word in enumerate(words)}
    places = np.array([0 if one is None else number[one] for one in values], dtype=np.uint32)
    return _Values("category", places, present, None, words)


def _of_tags(values: list[Any], present: NDArray[np.bool_], where: str) -> _Values:
    lists = [() if one is None else tuple(one) for one in values]
    flat = [tag for one in lists for tag in one]
    wrong = next((tag for tag in flat if not isinstance(tag, str)), None)
    if wrong is not None:
        message = f"{where} holds a tag of type {type(wrong).__name__}; expected str"
        raise TypeError(message)
    words = list(dict.fromkeys(flat))
    number = {word: i for i, word in enumerate(words)}
    places = np.array([number[tag] for tag in flat], dtype=np.uint32)
    ends = np.cumsum([0, *map(len, lists)]).astype(np.uint64)
    return _Values("tags", places, present, ends, words)


def column_of(
    read: tuple[int, bytes, NDArray[np.uint8], Any, list[str]],
) -> np.ma.MaskedArray[Any, Any]:
    """Give what the core read as an array.

    Parameters
    ----------
    read : tuple
        (type, values, present, ends of tags or None, words).

    Returns
    -------
    numpy.ma.MaskedArray
        Masked where there is no value. Categories are an object array of str, tags one of tuples of
        str, timestamps ``datetime64[us]``; others have the dtype of their type.
    """
    number, data, present, ends, words = read
    kind = TYPES[number]
    values = np.frombuffer(data, dtype=_DTYPES[kind])
    mask = present == 0
    if kind == "category":
        values = _objects([words[place] if words else None for place in values.tolist()])
    elif kind == "tags":
        spans = zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True)
        tags = [words[place] for place in values.tolist()]
        values = _objects([tuple(sorted(tags[begin:end])) for begin, end in spans])
    return np.ma.MaskedArray(values, mask=mask)


def _objects(values: list[Any]) -> NDArray[np.object_]:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array
