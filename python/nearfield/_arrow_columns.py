"""Columns as Arrow has them, to values and back. Needs pyarrow, which callers have loaded.

=============================================  ====================================================
Arrow                                          column
=============================================  ====================================================
bool; int8 to int64; float32, float64          the same
uint8, uint16, uint32; uint64; float16         int16, int32, int64; int64 below 2^63; float32
timestamp of any unit, with a zone or without  timestamp: microseconds in UTC, finer ones cut off
date32, date64                                 timestamp of the day's first microsecond
string, and dictionaries of it                 category
lists of strings                               tags
null                                           no value, of whatever type
=============================================  ====================================================
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
from numpy.typing import NDArray
from pyarrow import compute, types

from nearfield._column_values import Values, joined, nothing
from nearfield.errors import InvalidInput
from nearfield.typing import ColumnValues

__all__ = ["arrow_of", "arrow_type", "column_type", "values_of_arrow"]

_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_MICROSECONDS = 10**6
_DAY = 86_400 * _MICROSECONDS
_TYPES = {
    "bool": pa.bool_(), "int8": pa.int8(), "int16": pa.int16(), "int32": pa.int32(),
    "int64": pa.int64(), "float32": pa.float32(), "float64": pa.float64(),
    "timestamp": pa.timestamp("us", tz="UTC"), "category": pa.string(),
    "tags": pa.list_(pa.string()),
}  # fmt: skip
_OF_NUMBERS = {
    "bool": "bool", "int8": "int8", "int16": "int16", "int32": "int32", "int64": "int64",
    "uint8": "int16", "uint16": "int32", "uint32": "int64", "uint64": "int64",
    "halffloat": "float32", "float": "float32", "double": "float64", "null": "",
}  # fmt: skip


def column_type(kind: Any) -> str | None:
    """Give the type of the column that holds an Arrow type.

    Parameters
    ----------
    kind : pyarrow.DataType
        Any.

    Returns
    -------
    str or None
        One of `nearfield.columns.TYPES`; None where no column holds it.
    """
    if types.is_dictionary(kind):
        return column_type(kind.value_type)
    if str(kind) in _OF_NUMBERS:
        return _OF_NUMBERS[str(kind)]
    if types.is_timestamp(kind) or types.is_date(kind):
        return "timestamp"
    if _is_text(kind):
        return "category"
    return "tags" if _is_list(kind) and column_type(kind.value_type) == "category" else None


def _is_text(kind: Any) -> bool:
    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind))


def _is_list(kind: Any) -> bool:
    return bool(types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind))


def values_of_arrow(given: Any, where: str) -> Values:
    """Read a column.

    Parameters
    ----------
    given : object
        Whatever exports an Arrow array or a stream of them.
    where : str
        What errors call it.

    Returns
    -------
    Values
        Nulls are no values.

    Raises
    ------
    InvalidInput
        A type that no column holds, a null among tags, or a number out of range.
    """
    if isinstance(given, (pa.Array, pa.ChunkedArray)):
        column = given
    else:
        column = (
            pa.chunked_array(given) if hasattr(given, "__arrow_c_stream__") else pa.array(given)
        )
    chunks = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
    kind = column_type(column.type)
    if kind is None:
        message = (
            f"{where} is an Arrow column of {column.type}, which no column of an index holds; "
            "expected bool, integers, floats, timestamps or dates, text, or lists of text"
        )
        raise InvalidInput(message)
    parts = [_one(_plain(chunk), kind, where) for chunk in chunks]
    return joined(parts) if parts else nothing(kind, 0)


def _plain(chunk: Any) -> Any:
    """Take a dictionary apart where it is not one of text."""
    is_words = types.is_dictionary(chunk.type) and _is_text(chunk.type.value_type)
    return chunk.dictionary_decode() if types.is_dictionary(chunk.type) and not is_words else chunk


def _one(chunk: Any, kind: str, where: str) -> Values:
    if kind == "":
        return nothing("", len(chunk))
    if kind == "tags":
        return _tags(chunk, where)
    if kind == "category":
        return Values(kind, *_words(chunk))
    present = _present(chunk)
    if kind == "timestamp":
        return Values(kind, _moments(chunk, present, where), present)
    filled = chunk if present is None else chunk.fill_null(False if kind == "bool" else 0)
    array = filled.to_numpy(zero_copy_only=False)
    if array.dtype == np.uint64 and array.size and array.max() >= 2**63:
        message = f"{where} holds {array.max()}; expected integers below 2^63"
        raise InvalidInput(message)
    if kind.startswith("float"):
        missing = np.isnan(array)
        if missing.any():
            present = ~missing if present is None else present & ~missing
    return Values(kind, array, present)


def _present(chunk: Any) -> NDArray[np.bool_] | None:
    if not chunk.null_count:
        return None
    present: NDArray[np.bool_] = chunk.is_valid().to_numpy(zero_copy_only=False)
    return present


def _words(chunk: Any) -> tuple[NDArray[Any], NDArray[np.bool_] | None, None, list[str]]:
    """Give places, which are present, and the words; a word of a dictionary may be null itself."""
    coded = chunk if types.is_dictionary(chunk.type) else chunk.dictionary_encode()
    words = coded.dictionary.to_pylist()
    present = _present(coded.indices)
    places = coded.indices.fill_null(0).to_numpy(zero_copy_only=False).astype(np.uint32)
    if None in words:
        is_word = np.array([word is not None for word in words], dtype=bool)[places]
        present = is_word if present is None else present & is_word
        words = ["" if word is None else word for word in words]
    return places, present, None, words


def _tags(chunk: Any, where: str) -> Values:
    present = _present(chunk)
    lengths = compute.list_value_length(chunk).fill_null(0).to_numpy(zero_copy_only=False)
    ends = np.concatenate([[0], np.cumsum(lengths)]).astype(np.uint64)
    places, are_there, _, words = _words(chunk.flatten())  # which leaves out lists that are null
    if are_there is not None:
        row = int(np.searchsorted(ends, int(are_there.argmin()), side="right")) - 1
        message = f"{where} holds a null among the tags of row {row}; expected text"
        raise InvalidInput(message)
    return Values("tags", places, present, ends, words)


def _moments(chunk: Any, present: NDArray[np.bool_] | None, where: str) -> NDArray[Any]:
    if types.is_date(chunk.type):
        days = chunk.cast(pa.date32()).cast(pa.int32())
        per_unit, per_second = _DAY, _MICROSECONDS
        numbers = days
    else:
        per_second = _PER_SECOND[chunk.type.unit]
        per_unit = max(1, _MICROSECONDS // per_second)
        numbers = chunk.cast(pa.int64())
    if present is not None:
        numbers = numbers.fill_null(0)
    array = numbers.to_numpy(zero_copy_only=False).astype(np.int64)
    if array.size and max(int(array.max()), -int(array.min())) > (2**63 - 1) // per_unit:
        message = f"{where} holds a moment that microseconds of 64 bits do not reach"
        raise InvalidInput(message)
    array = array * per_unit if per_second <= _MICROSECONDS else array // 1000
    moments: NDArray[Any] = array.view("M8[us]")
    return moments


def arrow_type(kind: str) -> Any:
    """Give the Arrow type of a column.

    Parameters
    ----------
    kind : str
        Of the column.

    Returns
    -------
    pyarrow.DataType
        One from which `values_of_arrow` reads the same type.
    """
    return _TYPES[kind]


def arrow_of(values: ColumnValues, kind: str) -> Any:
    """Write a column.

    Parameters
    ----------
    values : masked array
        As `nearfield.Index.get_columns` gives it.
    kind : str
        Its type.

    Returns
    -------
    pyarrow.Array
        Null where there is no value.
    """
    mask = np.ma.getmaskarray(values)
    if kind in ("category", "tags"):
        return pa.array(values.tolist(), type=_TYPES[kind])
    array = values.data.view(np.int64) if kind == "timestamp" else values.data
    made = pa.array(array, type=pa.int64() if kind == "timestamp" else _TYPES[kind], mask=mask)
    return made.cast(_TYPES[kind]) if kind == "timestamp" else made
