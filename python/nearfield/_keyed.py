"""A core and the keys of its ids, which change together: what `StringIndex` adds, removes, saves.

Two locks, always taken in this order; queries and look-ups take neither:

- `_writing`: one call at a time adds, saves, repairs or compacts. Held for as long as that lasts.
- `_changing`: the table of keys and the ids that the core holds change together. An add takes it
  for moments, to give ids to keys and when it ends; a removal, which waits for no add, for as long
  as it lasts; a save until the core has taken its snapshot, so that keys and vectors are of the
  same instant.

An add that is under way may store an id that was removed after it had been given out. So as long as
there is one, keys that are removed stay in the table; when it ends, those go whose ids the core
does not hold.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from nearfield._adding import add_rows
from nearfield._arrays import as_vectors, is_chunked
from nearfield._core import Index as Core
from nearfield._key_table import KeyTable, Names
from nearfield._keys import ATTACHMENT, as_keys
from nearfield._removing import not_there
from nearfield.errors import DuplicateId, InvalidInput, UnknownId
from nearfield.neighbors import NO_ID
from nearfield.typing import ColumnsLike, OnConflict, Progress, VectorsLike

__all__ = ["KeyedCore", "as_of_key"]


class KeyedCore:
    """A core whose every id has a key, whatever is added and removed, by however many threads.

    Parameters
    ----------
    core : _core.Index
        The rows.
    table : KeyTable
        A key for each id that the core holds.
    attached : bool
        Whether the core holds the attachment of just these keys.
    """

    def __init__(self, core: Core, table: KeyTable, attached: bool) -> None:
        self._core = core
        self._table = table
        self._attached = table.changes if attached else -1  # changes that the attachment has
        self._writing = threading.RLock()
        self._changing = threading.RLock()
        self._adds = 0  # under way; more than one where an add is called from another's iterator
        self._removed: list[tuple[str, int]] = []  # while there are adds

    @property
    def core(self) -> Core:
        """The rows."""
        return self._core

    @property
    def names(self) -> Names:
        """What ids are called; to be taken before the core is asked for any."""
        return self._table.names

    @property
    def changes(self) -> int:
        """How often keys were added or dropped: who finds it unchanged has missed none."""
        return self._table.changes

    def find(self, key: str) -> int | None:
        """Give the id of a key.

        Parameters
        ----------
        key : str
            Any string.

        Returns
        -------
        int or None
            An id that the core may hold or not; None when there is none.
        """
        return self._table.find(key)

    def add(
        self,
        vectors: VectorsLike | Iterable[Any],
        keys: Any,
        num_threads: int,
        progress: Progress,
        on_conflict: OnConflict,
        columns: ColumnsLike | None = None,
    ) -> list[str]:
        """Add rows; see `nearfield.StringIndex.add_items`.

        Parameters
        ----------
        vectors, keys, num_threads, progress, on_conflict, columns
            As there.

        Returns
        -------
        list of str
            The key of each row.

        Raises
        ------
        InvalidInput, TypeError
            As there.
        """
        with self._writing, self._add_under_way():
            try:
                return self._add(vectors, keys, num_threads, progress, on_conflict, columns)
            except DuplicateId as error:
                key = self.names.key(cast(int, error.id))
                words = str(error).replace(f"ids holds {error.id} ", f"keys holds {key!r} ", 1)
                words = words.replace("`ids`", "`keys`", 1)
                raise DuplicateId(words, key, error.row, error.in_index) from None

    def _add(
        self,
        vectors: VectorsLike | Iterable[Any],
        keys: Any,
        num_threads: int,
        progress: Progress,
        on_conflict: OnConflict,
        columns: ColumnsLike | None,
    ) -> list[str]:
        if is_chunked(vectors):
            for name, given in (("keys", keys), ("columns", columns)):
                if given is not None:
                    message = (
                        f"{name} is given beside an iterator; put them into its tuples (keys, "
                        "vectors) or (keys, vectors, columns)"
                    )
                    raise InvalidInput(message)
            stream = self._with_ids(cast(Iterable[Any], vectors))
            ids = add_rows(self._core, stream, None, num_threads, progress, on_conflict)
            key = self.names.key
            return [key(id) for id in ids]
        rows = as_vectors(cast(VectorsLike, vectors), self._core.dimensions, "vectors", axes=2)
        names = as_keys(keys)
        if len(names) != len(rows):
            message = f"keys has {len(names)} keys for {len(rows)} vectors; expected one for each"
            raise InvalidInput(message)
        add_rows(self._core, rows, self._ids_of(names), num_threads, progress, on_conflict, columns)
        return names

    def _with_ids(self, chunks: Iterable[Any]) -> Iterator[Any]:
        for chunk in chunks:
            if isinstance(chunk, (tuple, list)) and len(chunk) in (2, 3):
                yield self._ids_of(as_keys(chunk[0])), *chunk[1:]
            else:
                yield chunk  # for the sentence of whoever reads it

    def _ids_of(self, keys: list[str]) -> Any:
        with self._changing:
            return self._table.add(keys)

    @contextmanager
    def _add_under_way(self) -> Iterator[None]:
        with self._changing:
            self._adds += 1
            first = self._table.next_id
        try:
            yield
        except BaseException:
            with self._changing:
                removed = {id for _, id in self._removed}
                self._table.take_back(first, lambda id: id in removed or self._core.holds(id))
            raise
        finally:
            with self._changing:
                self._adds -= 1
                self._drop_removed()

    def remove(self, keys: list[str], missing_raises: bool) -> int:
        """Remove rows; see `nearfield.StringIndex.remove`.

        Parameters
        ----------
        keys : list of str
            From `as_keys`.
        missing_raises : bool
            Whether all must be there.

        Returns
        -------
        int
            How many were removed.

        Raises
        ------
        UnknownId
            One is not there, and that raises.
        """
        with self._changing:
            found = [(key, id) for key in keys if (id := self._table.find(key)) is not None]
            if missing_raises and len(found) < len(keys):
                raise self._not_there(keys)
            ids = np.array([id for _, id in found], dtype=np.uint64)
            try:
                return self._core.remove(ids, missing_raises)
            except UnknownId as error:
                raise self._not_there(keys, self.names.key(cast(int, error.id))) from None
            finally:
                # Also where the repair that follows a removal fails: what is gone is gone.
                self._removed += found
                self._drop_removed()

    def set_columns(self, keys: list[str], columns: ColumnsLike, missing_raises: bool) -> int:
        """Change attributes of rows; see `nearfield.StringIndex.set_columns`.

        Parameters
        ----------
        keys : list of str
            From `as_keys`.
        columns : mapping of str to sequence
            As there.
        missing_raises : bool
            Whether all must be there.

        Returns
        -------
        int
            How many were changed.

        Raises
        ------
        UnknownId
            One is not there, and that raises.
        InvalidInput, TypeError
            As there.
        """
        from nearfield._given_columns import as_columns

        read = as_columns(columns, len(keys), self._core)
        with self._changing:  # so that no key is another vector's by the time that it is changed
            ids = self.ids_of(keys, missing_raises)
            try:
                return self._core.set_columns(ids, read, missing_raises)
            except UnknownId as error:
                raise self._not_there(keys, self.names.key(cast(int, error.id))) from None

    def ids_of(self, keys: list[str], missing_raises: bool) -> NDArray[np.uint64]:
        """Give the ids of keys.

        Parameters
        ----------
        keys : list of str
            From `as_keys`.
        missing_raises : bool
            Whether all must be there.

        Returns
        -------
        ndarray of uint64, shape (n,)
            `nearfield.NO_ID` for those that are not there; the core may not hold others either.

        Raises
        ------
        UnknownId
            One is not there, and that raises.
        """
        found = [self._table.find(key) for key in keys]
        if missing_raises and None in found:
            raise self._not_there(keys)
        return np.array([NO_ID if id is None else id for id in found], dtype=np.uint64)

    def _not_there(self, keys: list[str], one: str | None = None) -> UnknownId:
        given = dict.fromkeys(keys)
        found = {key: self._table.find(key) for key in given}
        missing = [key for key, id in found.items() if id is None or not self._core.holds(id)]
        return not_there(missing or [one], len(given))

    def _drop_removed(self) -> None:
        if self._adds == 0 and self._removed:
            removed, self._removed = self._removed, []
            self._table.drop(named for named in removed if not self._core.holds(named[1]))

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Let no other call add or save.

        Yields
        ------
        None
            Removals go on.
        """
        with self._writing:
            yield

    @contextmanager
    def saving(self) -> Iterator[Callable[[], None]]:
        """Let nothing change, and attach the keys to the core, until its snapshot is taken.

        Yields
        ------
        callable
            To be called when the core has taken its snapshot: others may go on. Otherwise they wait
            until the end.
        """
        with ExitStack() as locks:
            locks.enter_context(self._writing)
            locks.enter_context(self._changing)
            if self._attached != self._table.changes:
                self._core.attach(ATTACHMENT, self._table.to_bytes(self._core.ids(True)))
                # Called from an add's iterator: keys whose rows are still to come were left out.
                self._attached = -1 if self._adds else self._table.changes
            yield locks.close

    def compact_keys(self) -> None:
        """Give back what removed keys have left behind."""
        with self._changing:
            if self._adds == 0:  # else called from its iterator: it may have to take keys back
                self._table.compact()


def as_of_key(error: UnknownId | InvalidInput, key: str) -> UnknownId | InvalidInput:
    """Say of a key what the core says of the id behind it.

    Parameters
    ----------
    error : UnknownId or InvalidInput
        Its words begin with "id 7 is ", where they are of one id.
    key : str
        What the id is called.

    Returns
    -------
    UnknownId or InvalidInput
        Not yet raised; the same, where it is not of an id.
    """
    who, _, what = str(error).partition(" is ")
    if not who.startswith("id "):
        return error
    words = f"key {key!r} is {what}"
    return UnknownId(words, key) if isinstance(error, UnknownId) else InvalidInput(words)
