"""The keys of a `StringIndex`: a table from ids 0, 1, 2, ... to strings and back.

In the file it is the attachment "keys". Little endian:

==========  ==================  ===============================================================
offset      type                field
==========  ==================  ===============================================================
0           u64                 n, the number of keys
8           u64 x (n + 1)       bounds: key i is text[bounds[i] : bounds[i + 1]]; the first is 0
16 + 8 n    bytes               text: all keys in UTF-8, one after the other, to the end
==========  ==================  ===============================================================

Key i belongs to id i, in order of first appearance. No key stands twice.
"""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nearfield._arrow import is_arrow
from nearfield.errors import CorruptIndexFile, InvalidInput

__all__ = ["ATTACHMENT", "KeyTable", "as_key", "as_keys"]

ATTACHMENT = "keys"


class KeyTable:
    """Keys by id and ids by key. It only grows, apart from `truncate`.

    Keys that came from a file stay in one block of bytes and are decoded when they are asked for,
    so that a mapped index opens quickly; the table from keys to ids is made at the first search for
    a key.

    Parameters
    ----------
    data : bytes, optional
        The attachment; none makes an empty table.

    Raises
    ------
    CorruptIndexFile
        The bytes do not follow the table above.
    """

    __slots__ = ("_added", "_bounds", "_ids", "_lock", "_text")

    def __init__(self, data: bytes | None = None) -> None:
        self._lock = threading.Lock()
        self._added: list[str] = []
        self._ids: dict[str, int] | None = None
        self._bounds: NDArray[np.uint64] = np.zeros(1, dtype=np.uint64)
        self._text = b""
        if data is not None:
            self._bounds, self._text = _parse(data)

    def __len__(self) -> int:
        """Count the keys."""
        return len(self._bounds) - 1 + len(self._added)

    def key(self, id: int) -> str:
        """Give the key of an id.

        Parameters
        ----------
        id : int
            0 ... len - 1.

        Returns
        -------
        str
            The key.
        """
        from_file = len(self._bounds) - 1
        if id >= from_file:
            return self._added[id - from_file]
        first, last = self._bounds[id : id + 2].tolist()
        return self._text[first:last].decode()

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

    def add(self, keys: list[str]) -> NDArray[np.uint64]:
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
        for row, key in enumerate(keys):
            id = known.get(key)
            if id is None:
                id = len(self)
                # The list first: whoever sees the id in the dict must find the key.
                self._added.append(key)
                known[key] = id
            ids[row] = id
        return ids

    def truncate(self, length: int) -> None:
        """Forget the keys from ``length`` on, which were added and not used.

        Parameters
        ----------
        length : int
            Not below the number of keys that came from the file.
        """
        keep = length - (len(self._bounds) - 1)
        for key in self._added[keep:]:
            self._by_key().pop(key, None)
        del self._added[keep:]

    def to_bytes(self) -> bytes:
        """Give the attachment.

        Returns
        -------
        bytes
            In the layout at the head of this file.
        """
        encoded = [key.encode() for key in self._added]
        lengths = np.fromiter(map(len, encoded), dtype=np.uint64, count=len(encoded))
        bounds = np.concatenate(
            [self._bounds, self._bounds[-1] + np.cumsum(lengths, dtype=np.uint64)]
        )
        count = np.array([len(self)], dtype="<u8")
        return b"".join([count.tobytes(), bounds.astype("<u8").tobytes(), self._text, *encoded])

    def _by_key(self) -> dict[str, int]:
        if self._ids is None:
            with self._lock:
                if self._ids is None:
                    self._ids = self._make_ids()
        return self._ids

    def _make_ids(self) -> dict[str, int]:
        ids = {self.key(id): id for id in range(len(self._bounds) - 1)}
        if len(ids) != len(self._bounds) - 1:
            message = 'the attachment "keys" holds a key twice; the file is damaged'
            raise CorruptIndexFile(message, 16 + 8 * (len(self._bounds) - 1), "keys.text")
        return ids


def _parse(data: bytes) -> tuple[NDArray[np.uint64], bytes]:
    size = len(data)
    count = int.from_bytes(data[:8], "little")
    if size < 16 or count > (size - 16) // 8:
        what = f"{size} bytes are too few for {count} keys"
        raise _corrupt(what, 0, "keys.n")
    start = 16 + 8 * count
    bounds = np.frombuffer(data, dtype="<u8", count=count + 1, offset=8).astype(np.uint64)
    text = data[start:]
    if bounds[0] != 0 or bounds[-1] != len(text) or (bounds[1:] < bounds[:-1]).any():
        what = "the bounds do not run from 0 to the end of the text"
        raise _corrupt(what, 8, "keys.bounds")
    try:
        text.decode()
    except UnicodeDecodeError as error:
        what = "the text is not UTF-8"
        raise _corrupt(what, start + error.start, "keys.text") from None
    # A bound inside a character would cut it: bytes 0x80 to 0xBF continue one.
    inner = bounds[bounds < len(text)].astype(np.int64)
    if text and (np.frombuffer(text, dtype=np.uint8)[inner] & 0xC0 == 0x80).any():
        what = "a bound cuts a character"
        raise _corrupt(what, 8, "keys.bounds")
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
