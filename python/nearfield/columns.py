"""Attributes of vectors: their types, what an index tells of them, and their values as arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["ColumnInfo", "column_of"]

TYPES = (
    "", "bool", "int8", "int16", "int32", "int64", "float32", "float64", "timestamp", "category",
    "tags",
)  # fmt: skip
"""As `nearfield::ColumnType` numbers them; "" is none."""

DTYPES = dict(
    zip(
        TYPES[1:],
        map(np.dtype, ("?", "i1", "i2", "i4", "i8", "f4", "f8", "M8[us]", "u4", "u4")),
        strict=True,
    )
)
"""Of the arrays that go to the core and come from it; of words their places in a list."""


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
    values: NDArray[Any] = np.frombuffer(bytearray(data), dtype=DTYPES[kind])
    mask = present == 0
    if kind == "category":
        values = _objects(words or [None])[values]
    elif kind == "tags":
        spans = zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True)
        tags = [words[place] for place in values.tolist()]
        values = _objects([tuple(sorted(tags[begin:end])) for begin, end in spans])
    return np.ma.MaskedArray(values, mask=mask)


def _objects(values: list[Any]) -> NDArray[np.object_]:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array
