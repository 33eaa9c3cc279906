"""Filters of a `StringIndex`: sets of keys, brought to the sets of ids that `_filtering` reads.

A query looks the ids of keys up before it asks the core. A key that is removed and added again
between the two has another id, so it can slip through what excludes it. This is seen by what was
found, and then the query is asked again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from nearfield._key_table import Names
from nearfield._keyed import KeyedCore
from nearfield._removing import as_one_or_more_keys
from nearfield.id_sets import CSR, IdSet, PerQuery
from nearfield.typing import Ids

if TYPE_CHECKING:
    from nearfield._key_filters import CompiledKeyFilter
    from nearfield.compiled import CompiledFilter

__all__ = ["KeyFilter", "KeySets", "KeysByQuery"]

_One = list[str] | NDArray[np.bool_]


class KeysByQuery(Protocol):
    """What a query found, if it can be looked through."""

    def keys_by_query(self) -> Iterator[list[str | None]]:
        """Give the keys of each query in turn."""

    def ids_by_key(self) -> Iterator[tuple[str, int]]:
        """Give the keys of all queries with the ids that the core knows them by."""


_Found = TypeVar("_Found", bound=KeysByQuery)


class KeyFilter:
    """What a caller gave to say which keys may be returned, read once.

    Parameters
    ----------
    exclude, allow : object
        As for `nearfield.StringIndex.query`.
    where : CompiledKeyFilter or None
        Read for the index.

    Raises
    ------
    InvalidInput, TypeError
        Neither keys nor masks.
    """

    __slots__ = ("_among", "_where", "_without")

    def __init__(self, exclude: Any, allow: Any, where: CompiledKeyFilter | None) -> None:
        self._where = where
        self._without = None if exclude is None else KeySets(exclude, "exclude")
        self._among = None if allow is None else KeySets(allow, "allow")

    @property
    def is_given(self) -> bool:
        """Whether there is anything that may not be returned."""
        return not (self._without is None and self._among is None and self._where is None)

    def ask(
        self, keyed: KeyedCore, ask: Callable[[Names, Any, Any, CompiledFilter | None], _Found]
    ) -> _Found:
        """Ask under the filter, as often as it takes to return no key that it excludes.

        Parameters
        ----------
        keyed : KeyedCore
            Whose keys they are.
        ask : callable
            Called with names for what the core finds, with the sets to exclude and to allow, as
            ids, and with what the index inside takes as ``where``.

        Returns
        -------
        object
            What that gave, mostly at the first time.
        """
        while True:
            names = keyed.names  # before the core is asked: see _key_table.py
            changes = keyed.changes
            exclude = None if self._without is None else self._without.ids(keyed.find)
            allow = None if self._among is None else self._among.ids(keyed.find)
            where, ids = (None, {}) if self._where is None else self._where.looked_up(keyed)
            found = ask(names, exclude, allow, where)
            if keyed.changes == changes:
                return found
            slipped = self._without is not None and self._without.has_let_through(found)
            if not (slipped or _has_other_ids(found, ids)):
                return found


def _has_other_ids(found: KeysByQuery, ids: Mapping[str, int | None]) -> bool:
    """Tell whether a key was found under another id than it was asked for by."""
    return any(ids.get(key, id) != id for key, id in found.ids_by_key()) if ids else False


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
