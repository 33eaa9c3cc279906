"""Ids in a tree: sorted, without repeats, and with a name of 16 bytes in place of their own."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

__all__ = ["IdArray"]


class IdArray:
    """Ids that are never changed, so that they can stand in a tree and in the key of a cache.

    Parameters
    ----------
    ids : ndarray of uint64, shape (n,)
        In any order, with repeats. Kept without a copy where it is sorted, without repeats and
        read-only.

    Attributes
    ----------
    ids : ndarray of uint64
        Ascending, without repeats, read-only.

    Notes
    -----
    Equal arrays are known by a digest of 16 bytes, which is made when it is first needed.

    Examples
    --------
    >>> IdArray(np.array([7, 3, 7], dtype=np.uint64))
    IdArray(2 ids)
    """

    __slots__ = ("_digest", "ids")

    def __init__(self, ids: NDArray[np.uint64]) -> None:
        if not np.all(ids[1:] > ids[:-1]):
            # Not np.unique, which counts by hashes and takes many times as long.
            ids = np.sort(ids)
            is_new = np.concatenate(([True], ids[1:] != ids[:-1]))
            ids = ids if is_new.all() else ids[is_new]
        elif ids.flags.writeable or ids.base is not None:
            ids = ids.copy()
        ids.flags.writeable = False
        self.ids = ids
        self._digest: bytes | None = None

    def key(self) -> tuple[str, int, bytes]:
        """Give what is equal for equal ids, and can be sorted.

        Returns
        -------
        tuple
            Short, whatever the number of ids.
        """
        if self._digest is None:
            self._digest = hashlib.blake2b(self.ids.tobytes(), digest_size=16).digest()
        return "ids", len(self.ids), self._digest

    def __len__(self) -> int:
        return len(self.ids)

    def __iter__(self) -> Iterator[int]:
        return iter(self.ids.tolist())

    def __repr__(self) -> str:
        return f"IdArray({len(self.ids)} ids)"
