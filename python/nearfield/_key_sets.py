"""Filters of a `StringIndex`: sets of keys, brought to the sets of ids that `_filtering` reads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from nearfield._key_table import Names
from nearfield._keyed import KeyedCore
from nearfield._removing import as_one_or_more_keys
from nearfield.id_sets import CSR, IdSet, PerQuery
from nearfield.typing import Ids

__all__ = ["KeyFilter", "KeySets", "KeysByQuery"]

_One = list[str] | NDArray[np.bool_]


class KeysByQuery(Protocol):
    """What a query found, if it can be looked through."""

    def keys_by_query(self) -> Iterator[list[str | None]]:
        """Give the keys of each query in turn."""


_Found = TypeVar("_Found", bound=KeysByQuery)


class KeyFilter:
    """What a caller gave to say which keys may be returned, read once.

    Parameters
    ----------
    exclude, allow : object
        As for `nearfield.StringIndex.query`.

    Raises
    ------
    InvalidInput, TypeError
        Neither keys nor masks.
    """

    __slots__ = ("_among", "_without")

    def __init__(self, exclude: Any, allow: Any) -> None:
        self._without = None if exclude is None else KeySets(exclude, "exclude")
        self._among = None if allow is None else KeySets(allow, "allow")

    @property
    def is_given(self) -> bool:
        """Whether there is anything that may not be returned."""
        return self._without is not None or self._among is not None

    def ask(self, keyed: KeyedCore, ask: Callable[[Names, Any, Any], _Found]) -> _Found:
        """Ask under the filter, as often as it takes to return no key that it excludes.

        Parameters
        ----------
        keyed : KeyedCore
            Whose keys they are.
        ask : callable
            Called with names for what the core finds, and with the sets to exclude and to allow, as
            ids.

        Returns
        -------
        object
            What that gave, mostly at the first time: a key that was removed and added again
            meanwhile has another id, so it can slip through.
        """
        while True:
            names = keyed.names  # before the core is asked: see _key_table.py
            changes = keyed.changes
            exclude = None if self._without is None else self._without.ids(keyed.find)
            allow = None if self._among is None else self._among.ids(keyed.find)
            found = ask(names, exclude, allow)
            if self._without is None or keyed.changes == changes:
                return found
            if not self._without.has_let_through(found):
                return found


class KeySets:
    """One argument ``exclude`` or ``allow`` of a `StringIndex`, read once.

    Parameters
    ----------
    given : object
        As for `nearfield.StringIndex.query`; not None.
    argument : str
        What errors call it.

    Raises
    ------
    InvalidInput, TypeError
        Neither keys nor masks.
    """

    __slots__ = ("_each", "_one")

    def __init__(self, given: Any, argument: str) -> None:
        self._one: _One | None = None
        self._each: list[_One | None] = []
        if isinstance(given, PerQuery):
            self._each = [
                None if one is None else _read(one, f"{argument}[{row}]")
                for row, one in enumerate(given.sets)
            ]
        else:
            self._one = _read(given, argument)

    def ids(self, find: Callable[[str], int | None]) -> Any:
        """Give the same sets as ids.

        Parameters
        ----------
        find : callable
            Gives the id of a key, or None: such keys are passed over.

        Returns
        -------
        ndarray or PerQuery
            What `nearfield.Index.query` takes; masks stay masks.
        """
        if self._one is not None:
            return _as_ids(self._one, find)
        return PerQuery([None if one is None else _as_ids(one, find) for one in self._each])

    def has_let_through(self, found: KeysByQuery) -> bool:
        """Tell whether a result holds a key that these sets exclude.

        Parameters
        ----------
        found : KeysByQuery
            Of as many queries as there are sets.

        Returns
        -------
        bool
            False where the sets are masks, which name places and not keys.
        """
        rows = list(found.keys_by_query())
        sets = self._each if self._one is None else [self._one] * len(rows)
        return any(
            isinstance(one, list) and not set(one).isdisjoint(row)
            for one, row in zip(sets, rows, strict=True)
        )


def _read(given: Any, argument: str) -> _One:
    if isinstance(given, (IdSet, CSR, PerQuery, bytes, bytearray, memoryview)):
        message = (
            f"{argument} is of type {type(given).__name__}; expected keys or a boolean mask, or "
            "one of them for each query in a PerQuery"
        )
        raise TypeError(message)
    if isinstance(given, (list, tuple)) and given and isinstance(given[0], (bool, np.bool_)):
        given = np.asarray(given)
    if getattr(given, "dtype", None) == np.bool_:
        return np.asarray(given)
    return as_one_or_more_keys(given, argument)


def _as_ids(one: _One, find: Callable[[str], int | None]) -> Ids | NDArray[np.bool_]:
    if not isinstance(one, list):
        return one
    found: Iterable[int | None] = map(find, one)
    return np.array([id for id in found if id is not None], dtype=np.uint64)
