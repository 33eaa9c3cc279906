"""The keys of a living `StringIndex`: from ids to keys and back, while others add and remove.

Whoever asks the core gets ids, and names them afterwards. Between the two a key may be removed, so
its name must outlast it, but not for ever. Nobody waits and nobody counts readers:

- A query takes the present `Names` before it asks the core, and names its results by those.
- A key is dropped after the core has removed its id. Its name is written into the present `Names`
  first, then those get a successor, which becomes the present one; only then the name is taken from
  where queries look first. A query that began before the core removed the id holds these `Names` or
  earlier ones, which lead here, and finds it. One that took later ones began after the removal, and
  the core returns the id to it no more.
- Every `Names` knows its successor and nobody knows its predecessor. So what was removed is freed
  when the last query that could ask for it has let go of the `Names` that it took: at once where
  there is none.

An id that the core has had belongs to one key for ever: a key that comes again gets a new one. So
whatever is found under an id, wherever it is found, is right.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from itertools import takewhile

import numpy as np

from nearfield._keys import StoredKeys, keys_to_bytes
from nearfield.errors import CorruptIndexFile
from nearfield.typing import Ids

__all__ = ["KeyTable", "Names"]


class Names:
    """What ids are called, for those who took it before they asked the core.

    Parameters
    ----------
    stored : StoredKeys
        Those of a file. Some may have been removed since.
    added : dict
        Those that came later, by id. Shared with other `Names`.
    """

    __slots__ = ("_added", "_gone", "_next", "_stored")

    def __init__(self, stored: StoredKeys, added: dict[int, str]) -> None:
        self._stored = stored
        self._added = added
        self._gone: dict[int, str] = {}  # those whose removal ended the time of these names
        self._next: Names | None = None

    def key(self, id: int) -> str:
        """Give the key of an id.

        Parameters
        ----------
        id : int
            That the core has returned to a call which began after these names were taken.

        Returns
        -------
        str
            The key, which may have been removed meanwhile.

        Raises
        ------
        KeyError
            Another id.
        """
        names: Names | None = self
        while names is not None:
            key = names._added.get(id)
            if key is None:
                key = names._stored.key(id)
            if key is None:
                key = names._gone.get(id)
            if key is not None:
                return key
            names = names._next
        raise KeyError(id)

    def succeeded(self, gone: dict[int, str]) -> Names:
        """Make the successor, after these keys were removed.

        Parameters
        ----------
        gone : dict
            Their keys by id.

        Returns
        -------
        Names
            Not yet without them, where those who took the old ones look first.
        """
        return self._followed_by(Names(self._stored, self._added), gone)

    def compacted(self, added: dict[int, str]) -> Names:
        """Make a successor of the keys that are there, without the block of a file.

        Parameters
        ----------
        added : dict
            All keys by id.

        Returns
        -------
        Names
            Those.
        """
        return self._followed_by(Names(StoredKeys(), added), {})

    def _followed_by(self, names: Names, gone: dict[int, str]) -> Names:
        self._gone = gone
        self._next = names
        return names

    def put(self, id: int, key: str) -> None:
        """Name a new id, before the core knows it.

        Parameters
        ----------
        id : int
            Never used before.
        key : str
            Its key.
        """
        self._added[id] = key

    def take(self, id: int) -> None:
        """Take a name from where queries look first, where it is there.

        Parameters
        ----------
        id : int
            Any.
        """
        self._added.pop(id, None)


class KeyTable:
    """Keys by id and ids by key, as they are now.

    `names` and `find` may be used at any time; what changes the table is called by one thread at a
    time. Keys of a file stay one block of bytes until `compact`; the table from keys to ids is made
    at the first search for a key.

    Parameters
    ----------
    stored : StoredKeys, optional
        Those of a file; none makes an empty table.
    """

    __slots__ = ("_building", "_ids", "_stored", "changes", "names", "next_id")

    # Ids ascend in `_ids`, since it is filled in their order and a new id is above all that stay.

    def __init__(self, stored: StoredKeys | None = None) -> None:
        self._stored = StoredKeys() if stored is None else stored
        self._building = threading.Lock()
        self._ids: dict[str, int] | None = None
        self.names = Names(self._stored, {})
        self.next_id = self._stored.next_id
        self.changes = 0  # so far; whoever has seen the number has seen the table

    def find(self, key: str) -> int | None:
        """Give the id of a key.

        Parameters
        ----------
        key : str
            Any string.

        Returns
        -------
        int or None
            None when the key is not there.

        Raises
        ------
        CorruptIndexFile
            The table came from a file and holds a key twice.
        """
        return self._by_key().get(key)

    def add(self, keys: list[str]) -> Ids:
        """Give the ids of keys, with new ones for new keys.

        Parameters
        ----------
        keys : list of str
            From `as_keys`.

        Returns
        -------
        ndarray of uint64, shape (n,)
            Their ids.
        """
        known = self._by_key()
        ids = np.empty(len(keys), dtype=np.uint64)
        first = self.next_id
        for row, key in enumerate(keys):
            id = known.get(key)
            if id is None:
                id = self.next_id
                # The name first: whoever sees the id in the dict must find the key.
                self.names.put(id, key)
                known[key] = id
                self.next_id += 1
            ids[row] = id
        self.changes += self.next_id != first
        return ids

    def drop(self, keys: Iterable[tuple[str, int]]) -> None:
        """Forget keys whose ids the core has removed; the head of this file says how.

        Parameters
        ----------
        keys : iterable of (str, int)
            Those that are there, with their ids.
        """
        gone = {id: key for key, id in keys}
        if not gone:
            return
        known, before = self._by_key(), self.names
        self.names = before.succeeded(gone)
        for id, key in gone.items():
            before.take(id)
            del known[key]
        self.changes += 1

    def take_back(self, first: int, is_used: Callable[[int], bool]) -> None:
        """After an add that failed or was stopped, forget the keys that it has not used.

        Parameters
        ----------
        first : int
            What `next_id` was before.
        is_used : callable
            Tells whether the core has an id, or has had it. Ids behind the last of these are given
            to other keys: no query has met them.
        """
        known = self._by_key()
        new = list(takewhile(lambda named: named[1] >= first, reversed(known.items())))
        self.next_id = first
        for key, id in new:
            if is_used(id):
                self.next_id = max(self.next_id, id + 1)
            else:
                self.names.take(id)
                del known[key]
        self.changes += len(new)

    def compact(self) -> None:
        """Give back what removed keys have left behind, the block of a file among it."""
        if self._ids is None:
            return  # nothing was removed
        self._ids = dict(self._ids)
        self._stored = StoredKeys()
        self.names = self.names.compacted({id: key for key, id in self._ids.items()})

    def to_bytes(self, held: Ids) -> bytes:
        """Give the attachment.

        Parameters
        ----------
        held : ndarray of uint64
            The ids that the core holds; keys of others, which an add has announced, are left out.

        Returns
        -------
        bytes
            As `nearfield._keys` has it.
        """
        known = self._by_key()
        ids = np.fromiter(known.values(), dtype=np.uint64, count=len(known))
        keys = list(known)
        stored = np.isin(ids, held)
        if not stored.all():
            keys = [key for key, is_stored in zip(keys, stored.tolist(), strict=True) if is_stored]
        return keys_to_bytes(keys, ids[stored], self.next_id)

    def _by_key(self) -> dict[str, int]:
        if self._ids is None:
            with self._building:
                if self._ids is None:
                    self._ids = self._make_ids()
        return self._ids

    def _make_ids(self) -> dict[str, int]:
        """Read the file's block. The table has not changed yet: whatever does comes here first."""
        ids = dict(self._stored)
        if len(ids) != len(self._stored):
            message = 'the attachment "keys" holds a key twice; the file is damaged'
            raise CorruptIndexFile(message, self._stored.text_offset, "keys.text")
        return ids
