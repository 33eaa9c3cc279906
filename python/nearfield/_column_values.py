"""Values of one column on their way into an index: converted, cut and joined."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nearfield.columns import DTYPES
from nearfield.errors import InvalidInput

__all__ = ["Values", "common_type", "converted", "joined", "nothing"]

_INTEGERS = ("int8", "int16", "int32", "int64")
_FLOATS = ("float32", "float64")


@dataclass(frozen=True, slots=True)
class Values:
    """Values of one column for some rows.

    Attributes
    ----------
    type : str
        One of `nearfield.columns.TYPES`; "" where there is no value, and nothing says of which type
        one would be.
    array : ndarray
        A value a row; of a category its place in ``words``; of tags those of all rows, one row
        after the other.
    present : ndarray of bool or None
        Which rows have a value; None: all.
    ends : ndarray of uint64 or None
        Of tags: those of row r are ``array[ends[r]:ends[r + 1]]``.
    words : sequence of str
        Of a category and of tags.
    """

    type: str
    array: NDArray[Any]
    present: NDArray[np.bool_] | None = None
    ends: NDArray[np.uint64] | None = None
    words: Sequence[str] = ()

    def __len__(self) -> int:
        """Count the rows."""
        return len(self.array) if self.ends is None else len(self.ends) - 1

    @property
    def is_there(self) -> NDArray[np.bool_]:
        """Which rows have a value."""
        return np.ones(len(self), dtype=bool) if self.present is None else self.present

    @property
    def has_any(self) -> bool:
        """Whether a row has a value."""
        return len(self) > 0 and (self.present is None or bool(self.present.any()))

    def cut(self, first: int, end: int) -> Self:
        """Give some rows, with the words that they have and no others.

        Parameters
        ----------
        first, end : int
            The rows from ``first`` up to ``end``.

        Returns
        -------
        Values
            Of the same type.
        """
        if (first, end) == (0, len(self)):
            return self
        present = None if self.present is None else self.present[first:end]
        if self.ends is None:
            array, ends = self.array[first:end], None
        else:
            ends = self.ends[first : end + 1]
            array, ends = self.array[int(ends[0]) : int(ends[-1])], ends - ends[0]
        words = self.words
        if len(words):
            used, array = np.unique(array, return_inverse=True)
            words = [words[place] for place in used.tolist()]
        return type(self)(self.type, array, present, ends, words)


def nothing(kind: str, rows: int) -> Values:
    """Give rows without a value.

    Parameters
    ----------
    kind : str
        Their type; may be "".
    rows : int
        How many.

    Returns
    -------
    Values
        All absent.
    """
    ends = np.zeros(rows + 1, dtype=np.uint64) if kind == "tags" else None
    count = 0 if kind == "tags" else rows
    array = np.zeros(count, dtype=DTYPES.get(kind, np.dtype("u1")))
    return Values(kind, array, np.zeros(rows, dtype=bool), ends)


def common_type(first: str, second: str) -> str | None:
    """Give the type that holds values of two.

    Parameters
    ----------
    first, second : str
        Types of columns, or "".

    Returns
    -------
    str or None
        None where no type holds both. Of integers and floats it is the one that numpy makes of
        them, so the order of several does not matter.
    """
    if first == second or not second:
        return first
    if not first:
        return second
    numbers = (*_INTEGERS, *_FLOATS)
    if first not in numbers or second not in numbers:
        return None
    return np.result_type(DTYPES[first], DTYPES[second]).name


def converted(values: Values, kind: str, where: str) -> Values:
    """Bring values to the type of their column.

    Parameters
    ----------
    values : Values
        Of any type.
    kind : str
        That of the column.
    where : str
        What errors call them.

    Returns
    -------
    Values
        Of that type. Integers stay what they are, and floats lose digits at most.

    Raises
    ------
    InvalidInput
        A value that the column cannot hold.
    """
    if values.type == kind:
        return values
    if not values.has_any:
        return nothing(kind, len(values))
    numbers = (*_INTEGERS, *_FLOATS)
    if kind not in numbers or values.type not in numbers:
        message = (
            f"{where} was given as {values.type}, but the index keeps it as {kind}; convert the "
            "values, or drop the column first"
        )
        raise InvalidInput(message)
    there, given, dtype = values.is_there, values.array, DTYPES[kind]
    with np.errstate(all="ignore"):  # of values that are not there, and of those that are refused
        array = np.where(there, given, 0).astype(dtype)
    good = _same_integers(array, given) if kind in _INTEGERS else ~_overflown(array, given)
    if not good[there].all():
        bad = given[int((there & ~good).argmax())]
        message = (
            f"{where} holds {bad}, but the index keeps it as {kind}; drop the column and set it "
            "anew to change its type"
        )
        raise InvalidInput(message)
    return Values(kind, array, values.present)


def _same_integers(array: NDArray[Any], given: NDArray[Any]) -> NDArray[np.bool_]:
    """Compare after a conversion; beyond a type's range floats end somewhere, if not elsewhere."""
    good = np.equal(array, given)
    if given.dtype.kind == "f":
        least = float(np.iinfo(array.dtype).min)
        good &= (given >= least) & (given < -least)
    return np.asarray(good, dtype=bool)


def _overflown(array: NDArray[Any], given: NDArray[Any]) -> NDArray[np.bool_]:
    return np.asarray(np.isinf(array) & np.isfinite(given), dtype=bool)


def joined(parts: Sequence[Values]) -> Values:
    """Put rows behind each other.

    Parameters
    ----------
    parts : sequence of Values
        One and more, all of one type.

    Returns
    -------
    Values
        Of the same type; each word stands once.
    """
    first = parts[0]
    if len(parts) == 1:
        return first
    present = None
    if any(part.present is not None for part in parts):
        present = np.concatenate([part.is_there for part in parts])
    ends = None
    if first.ends is not None:
        lengths = [np.diff(part.ends) for part in parts if part.ends is not None]
        ends = np.concatenate([[0], np.cumsum(np.concatenate(lengths))]).astype(np.uint64)
    if first.type not in ("category", "tags"):
        return Values(first.type, np.concatenate([part.array for part in parts]), present, ends)
    number: dict[str, int] = {}
    arrays = [_renumbered(part, number) for part in parts]
    return Values(first.type, np.concatenate(arrays), present, ends, list(number))


def _renumbered(part: Values, number: dict[str, int]) -> NDArray[np.uint32]:
    """Give the places of words in a list that goes on growing."""
    if not len(part.words):
        return np.zeros(len(part.array), dtype=np.uint32)
    places = [number.setdefault(word, len(number)) for word in part.words]
    return np.take(np.array(places, dtype=np.uint32), part.array)
