"""Keys as a `StringIndex` is given them, and as they stand in its file: the attachment "keys".

Key i belongs to id i of the core. Little endian. As long as no key has ever been removed, the ids
are 0, 1, 2, ... in order of first appearance, and need not be written:

==========  ==================  ===============================================================
offset      type                field
==========  ==================  ===============================================================
0           u64                 n, the number of keys
8           u64 x (n + 1)       bounds: key i is text[bounds[i] : bounds[i + 1]]; the first is 0
16 + 8 n    bytes               text: all keys in UTF-8, one after the other, to the end
==========  ==================  ===============================================================

Where ids are missing because keys were removed:

==========  ==================  ===============================================================
offset      type                field
==========  ==================  ===============================================================
0           u64                 mark: 2^64 - 1, which no number of keys can be
8           u64                 layout: 2; 3 to 2^16 are refused as of a later version
16          u64                 next: the id of the next new key, at most 2^63
24          u64                 n, the number of keys
32          u64 x n             ids, ascending, below next
32 + 8 n    u64 x (n + 1)       bounds, as above
40 + 16 n   bytes               text, as above
==========  ==================  ===============================================================

No key stands twice. A reader that knows the first table alone finds too few bytes for 2^64 - 1 keys
and refuses the file; it seldom comes so far, since a file from which rows were removed has a
feature bit by which it says "upgrade" (cpp/src/files/format.h, bit 2).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from nearfield._arrow import is_arrow
from nearfield.errors import CorruptIndexFile, InvalidInput, UnsupportedVersion
from nearfield.typing import Ids

__all__ = ["ATTACHMENT", "StoredKeys", "as_key", "as_keys", "keys_to_bytes", "parse_keys"]

ATTACHMENT = "keys"

_MARK = 2**64 - 1
_LAYOUT = 2
_LAST_LAYOUT = 2**16  # beyond it, and below 2, the mark is damage
_MOST_IDS = 2**63


class StoredKeys:
    """Keys in one block of bytes, decoded when they are asked for, so that a file opens quickly.

    Never changes.

    Parameters
    ----------
    bounds : ndarray of uint64, shape (n + 1,), optional
        As in the tables above; none makes an empty block.
    text : bytes
        As in the tables above.
    ids : ndarray of uint64, shape (n,), optional
        Ascending; by default 0, 1, 2, ...
    next_id : int, optional
        The id of the next new key; by default n.
    """

    __slots__ = ("_bounds", "_ids", "_text", "next_id")

    def __init__(
        self,
        bounds: Ids | None = None,
        text: bytes = b"",
        ids: Ids | None = None,
        next_id: int | None = None,
    ) -> None:
        # Views give Python's integers one by one, in a fraction of the time that arrays take.
        self._bounds = (np.zeros(1, dtype=np.uint64) if bounds is None else bounds).data
        self._ids = None if ids is None else ids.data
        self._text = text
        self.next_id = len(self) if next_id is None else next_id

    def __len__(self) -> int:
        """Count the keys."""
        return len(self._bounds) - 1

    @property
    def text_offset(self) -> int:
        """Where the text begins in the attachment."""
        return 16 + 8 * len(self) if self._ids is None else 40 + 16 * len(self)

    def key(self, id: int) -> str | None:
        """Give the key of an id.

        Parameters
        ----------
        id : int
            Any.

        Returns
        -------
        str or None
            None where the id has no key here.
        """
        place = id if self._ids is None else bisect_left(self._ids, id)
        if place >= len(self) or (self._ids is not None and self._ids[place] != id):
            return None
        return self._text[self._bounds[place] : self._bounds[place + 1]].decode()

    def __iter__(self) -> Iterator[tuple[str, int]]:
        """Go over keys and their ids, ascending."""
        ids: Sequence[int] = range(len(self)) if self._ids is None else self._ids.tolist()
        bounds = self._bounds.tolist()
        for id, first, last in zip(ids, bounds, bounds[1:], strict=False):
            yield self._text[first:last].decode(), id

    def without_key(self, ids: Ids) -> Ids:
        """Choose the ids that have no key.

        Parameters
        ----------
        ids : ndarray of uint64
            Those that an index holds.

        Returns
        -------
        ndarray of uint64
            Some of them; none in a sound file.
        """
        if self._ids is None:
            return ids[ids >= np.uint64(len(self))]
        return ids[~np.isin(ids, np.asarray(self._ids))]


def keys_to_bytes(keys: Sequence[str], ids: Ids, next_id: int) -> bytes:
    """Give the attachment.

    Parameters
    ----------
    keys : sequence of n str
        From `as_keys`.
    ids : ndarray of uint64, shape (n,)
        Theirs, ascending.
    next_id : int
        The id of the next new key.

    Returns
    -------
    bytes
        In the first layout at the head of this file where that can say it, else in the second.
    """
    encoded = [key.encode() for key in keys]
    lengths = np.fromiter(map(len, encoded), dtype=np.uint64, count=len(encoded))
    bounds = np.concatenate([[np.uint64(0)], np.cumsum(lengths, dtype=np.uint64)])
    # Ascending and below next_id: as many as that are all.
    numbers = [len(keys)] if len(keys) == next_id else [_MARK, _LAYOUT, next_id, len(keys)]
    written = [] if len(keys) == next_id else [ids.astype("<u8").tobytes()]
    header = np.array(numbers, dtype="<u8").tobytes()
    return b"".join([header, *written, bounds.astype("<u8").tobytes(), *encoded])


def parse_keys(data: bytes) -> StoredKeys:
    """Read the attachment.

    Parameters
    ----------
    data : bytes
        In either layout at the head of this file.

    Returns
    -------
    StoredKeys
        The keys.

    Raises
    ------
    CorruptIndexFile
        The bytes follow neither.
    UnsupportedVersion
        A later layout.
    """
    count, layout = _number(data, 0), _number(data, 8)
    if count != _MARK or not _LAYOUT <= layout <= _LAST_LAYOUT:
        bounds, text = _bounds_and_text(data, 0, 8, count)
        return StoredKeys(bounds, text)
    if layout != _LAYOUT:
        message = (
            f'the attachment "keys" has layout {layout}; this version of nearfield reads up to '
            f"{_LAYOUT}: upgrade it"
        )
        raise UnsupportedVersion(message)
    next_id, count = _number(data, 16), _number(data, 24)
    if len(data) < 40 or count > (len(data) - 40) // 16:
        what = f"{len(data)} bytes are too few for {count} keys"
        raise _corrupt(what, 24, "keys.n")
    if next_id > _MOST_IDS:
        what = f"the next id is {next_id}, above 2^63"
        raise _corrupt(what, 16, "keys.next")
    ids = np.frombuffer(data, dtype="<u8", count=count, offset=32).astype(np.uint64)
    if (ids[1:] <= ids[:-1]).any() or (count and int(ids[-1]) >= next_id):
        what = f"the ids do not ascend below {next_id}"
        raise _corrupt(what, 32, "keys.ids")
    bounds, text = _bounds_and_text(data, 24, 32 + 8 * count, count)
    return StoredKeys(bounds, text, ids, next_id)


def _number(data: bytes, offset: int) -> int:
    return int.from_bytes(data[offset : offset + 8], "little")


def _bounds_and_text(data: bytes, of_count: int, offset: int, count: int) -> tuple[Ids, bytes]:
    """Read what both layouts end with; `of_count` is where the number of keys stands."""
    size = len(data)
    if size < offset + 8 or count > (size - offset - 8) // 8:
        what = f"{size} bytes are too few for {count} keys"
        raise _corrupt(what, of_count, "keys.n")
    start = offset + 8 + 8 * count
    bounds = np.frombuffer(data, dtype="<u8", count=count + 1, offset=offset).astype(np.uint64)
    text = data[start:]
    if bounds[0] != 0 or bounds[-1] != len(text) or (bounds[1:] < bounds[:-1]).any():
        what = "the bounds do not run from 0 to the end of the text"
        raise _corrupt(what, offset, "keys.bounds")
    try:
        text.decode()
    except UnicodeDecodeError as error:
        what = "the text is not UTF-8"
        raise _corrupt(what, start + error.start, "keys.text") from None
    # A bound inside a character would cut it: bytes 0x80 to 0xBF continue one.
    inner = bounds[bounds < len(text)].astype(np.int64)
    if text and (np.frombuffer(text, dtype=np.uint8)[inner] & 0xC0 == 0x80).any():
        what = "a bound cuts a character"
        raise _corrupt(what, offset, "keys.bounds")
    return bounds, text


def _corrupt(what: str, offset: int, field: str) -> CorruptIndexFile:
    message = f'the attachment "keys" is damaged: {what} (byte {offset} of it, field {field})'
    return CorruptIndexFile(message, offset, field)


def as_key(given: object, argument: str = "key") -> str:
    """Read one key.

    Parameters
    ----------
    given : str
        Any string that UTF-8 can write, also numpy's.
    argument : str, default "key"
        What errors call it.

    Returns
    -------
    str
        A plain string.

    Raises
    ------
    InvalidInput
        A lone surrogate, which UTF-8 cannot write.
    TypeError
        Not a string.
    """
    if not isinstance(given, str):
        message = f"{argument} is {given!r}; expected a str"
        raise TypeError(message)
    if not given.isascii():
        try:
            given.encode()
        except UnicodeEncodeError:
            message = (
                f"{argument} is {given!r}, which holds a lone surrogate and cannot be kept as UTF-8"
            )
            raise InvalidInput(message) from None
    return given if type(given) is str else str(given)


def as_keys(given: Any, argument: str = "keys") -> list[str]:
    """Read keys.

    Parameters
    ----------
    given : sequence of str, array or Arrow column of strings
        Not one string, whose letters would be taken for keys; not a set, which has no order.
    argument : str, default "keys"
        What errors call it.

    Returns
    -------
    list of str
        The keys.

    Raises
    ------
    InvalidInput
        More than one axis, or a key that UTF-8 cannot write.
    TypeError
        Not strings.
    """
    if isinstance(given, (str, bytes, set, frozenset, dict)) or not hasattr(given, "__iter__"):
        message = f"{argument} is of type {type(given).__name__}; expected a sequence of str"
        raise TypeError(message)
    if hasattr(given, "to_pylist"):
        given = given.to_pylist()
    elif is_arrow(given) and hasattr(given, "to_list"):
        given = given.to_list()
    elif hasattr(given, "__array__"):
        array = np.asarray(given)
        if array.ndim != 1:
            message = f"{argument} has shape {array.shape}; expected one axis"
            raise InvalidInput(message)
        given = array.tolist()
    return [as_key(key, f"{argument}[{row}]") for row, key in enumerate(given)]
