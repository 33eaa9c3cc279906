"""Columns that callers give, brought to what the core takes: for one call, or from many chunks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from nearfield._column_input import Unread, of_objects, values_or_objects
from nearfield._column_values import Values, common_type, converted, joined
from nearfield._core import Index as Core
from nearfield.columns import DTYPES, TYPES
from nearfield.errors import InvalidInput

__all__ = ["ColumnPieces", "as_columns", "columns_of_chunk"]

Given: TypeAlias = tuple[
    str, int, NDArray[Any], NDArray[np.uint8] | None, NDArray[np.uint64] | None, list[str]
]
"""One column as the core takes it: name, type, values, which are present, ends of tags, words."""


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
        As the core takes them. A column of nothing but None is left out where the index has none
        of its name: nothing says of what type it would be.

    Raises
    ------
    InvalidInput
        A wrong number of values, or such that have no common type, or do not fit the column.
    TypeError
        No mapping of names to sequences.
    """
    pieces = ColumnPieces()
    pieces.add(columns_of_chunk(given, rows, "columns"), 0, rows, "columns")
    return pieces.for_core(core)


def columns_of_chunk(given: Any, rows: int, where: str) -> dict[str, Unread]:
    """Read columns, as far as that can be done for all rows of a chunk at once.

    Parameters
    ----------
    given : mapping of str to sequence
        Values by name.
    rows : int
        How many values each has to have.
    where : str
        What errors call them.

    Returns
    -------
    dict of str to Values or list
        In the same order.

    Raises
    ------
    InvalidInput, TypeError
        As for `as_columns`.
    """
    if not isinstance(given, Mapping):
        message = f"{where} is of type {type(given).__name__}; expected a dict of name to values"
        raise TypeError(message)
    read = {}
    for name, values in given.items():
        _check_name(name, where)
        read[name] = values_or_objects(values, f"{where}[{name!r}]")
        count = len(read[name])
        if count != rows:
            message = f"{where}[{name!r}] has {count} values; expected {rows}, one for each vector"
            raise InvalidInput(message)
    return read


def _check_name(name: object, where: str) -> None:
    if not isinstance(name, str):
        message = f"{where} has a key of type {type(name).__name__}; expected names"
        raise TypeError(message)
    if name == "id":
        message = f"{where} names a column 'id', which expressions keep for the id of a vector"
        raise InvalidInput(message)
    try:
        name.encode()
    except UnicodeEncodeError:
        message = f"{where} names a column {name!r}, which has half a character"
        raise InvalidInput(message) from None


def _types_in(core: Core) -> dict[str, str]:
    return {name: TYPES[kind] for name, kind, *_ in core.columns()}


def _for_core(name: str, values: Values) -> Given:
    present = None
    if values.present is not None and not values.present.all():
        present = np.ascontiguousarray(values.present, dtype=np.uint8)
    array = np.ascontiguousarray(values.array, dtype=DTYPES[values.type])
    return name, TYPES.index(values.type), array, present, values.ends, list(values.words)


class ColumnPieces:
    """The columns of a block of rows, in pieces of the chunks that it was cut from."""

    def __init__(self) -> None:
        self._pieces: dict[str, list[tuple[str, Values]]] = {}

    def add(self, columns: Mapping[str, Unread], first: int, end: int, where: str) -> None:
        """Append rows of a chunk.

        Parameters
        ----------
        columns : mapping of str to Values or list
            Of the chunk; the same names for all chunks of a block.
        first, end : int
            The rows from ``first`` up to ``end``.
        where : str
            What errors call the columns of the chunk.

        Raises
        ------
        InvalidInput, TypeError
            As for `as_columns`.
        """
        for name, given in columns.items():
            of_one = f"{where}[{name!r}]"
            if isinstance(given, Values):
                values = given.cut(first, end)
            else:
                values = of_objects(given[first:end], of_one)
            self._pieces.setdefault(name, []).append((of_one, values))

    def for_core(self, core: Core) -> list[Given]:
        """Put the pieces together.

        Parameters
        ----------
        core : Core
            The index, whose columns have types already.

        Returns
        -------
        list of tuple
            As `as_columns` gives them; a new column has the type that holds the values of all
            pieces.

        Raises
        ------
        InvalidInput
            Values that have no common type, or do not fit the column; the chunk is named.
        """
        known = _types_in(core)
        made = []
        for name, pieces in self._pieces.items():
            kind = known.get(name) or _type_of(pieces)
            if kind:
                parts = [converted(values, kind, where) for where, values in pieces]
                made.append(_for_core(name, joined(parts)))
        return made


def _type_of(pieces: list[tuple[str, Values]]) -> str:
    """Give the type that holds the values of all pieces; those without any have no say."""
    told = [piece for piece in pieces if piece[1].has_any] or pieces
    kind, by = told[0][1].type, told[0][0]
    for where, values in told:
        common = common_type(kind, values.type)
        if common is None:
            message = f"{where} is {values.type}, but {by} is {kind}; expected values of one kind"
            raise InvalidInput(message)
        if common != kind:
            kind, by = common, where
    return kind
