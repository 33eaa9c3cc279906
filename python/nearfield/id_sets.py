"""Sets of ids for filters: one that is kept, and one for each query of a batch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Set
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nearfield._arrays import as_ids
from nearfield._removing import as_one_or_more_ids
from nearfield._roaring import roaring_from_ids, roaring_to_ids
from nearfield.errors import InvalidInput
from nearfield.typing import Ids, IdsLike, IdsOrOne

__all__ = ["CSR", "IdSet", "PerQuery"]


class IdSet(Set[int]):
    """A set of ids that does not change: made once, given to any number of queries.

    Parameters
    ----------
    ids : int or iterable of int, default ()
        0 to 2^64-2, in any order; one that stands twice counts once.

    Raises
    ------
    InvalidInput, TypeError
        Not ids.

    Notes
    -----
    8 bytes an id. It has all that a ``frozenset`` of int has (``in``, ``&``, ``|``, ``-``,
    ``len``), needs no index, and says nothing of whether an index holds its ids. It can be shared
    by threads.

    Examples
    --------
    >>> import nearfield as nf
    >>> heard = nf.IdSet([5, 3, 5])
    >>> len(heard), 3 in heard, sorted(heard | {9})
    (2, True, [3, 5, 9])
    >>> nf.IdSet.from_bytes(heard.to_bytes()) == heard
    True
    """

    __slots__ = ("_ids",)

    _ids: Ids

    def __init__(self, ids: IdsOrOne = ()) -> None:
        self._ids = np.unique(as_one_or_more_ids(ids))
        self._ids.setflags(write=False)

    @classmethod
    def _of(cls, ascending: Ids) -> Self:
        made = cls.__new__(cls)
        made._ids = ascending
        made._ids.setflags(write=False)
        return made

    @classmethod
    def from_bytes(cls, data: bytes | bytearray | memoryview) -> Self:
        """Read a serialised Roaring bitmap of 32-bit or 64-bit numbers.

        Parameters
        ----------
        data : bytes-like
            In the portable format, as `to_bytes` and most libraries of such bitmaps write it.

        Returns
        -------
        IdSet
            Its numbers as ids.

        Raises
        ------
        InvalidInput
            Something else, a part of it, or more than it.
        """
        return cls._of(as_ids(roaring_to_ids(data, "data"), "data"))

    def to_bytes(self) -> bytes:
        """Write the set as a serialised Roaring bitmap of 64-bit numbers.

        Returns
        -------
        bytes
            In the portable format: about 2 bytes an id, or a bit for each id of a dense range.
        """
        return roaring_from_ids(self._ids)

    @property
    def ids(self) -> Ids:
        """The ids, uint64, ascending, read-only."""
        return self._ids

    def __contains__(self, id: object) -> bool:
        """Tell whether an id is in the set; False for what cannot be an id."""
        if isinstance(id, (bool, np.bool_)) or not isinstance(id, (int, np.integer)):
            return False
        if not 0 <= id < 2**64:
            return False
        place = int(np.searchsorted(self._ids, np.uint64(id)))
        return place < len(self._ids) and int(self._ids[place]) == id

    def __iter__(self) -> Iterator[int]:
        """Give the ids, ascending."""
        return iter(self._ids.tolist())

    def __len__(self) -> int:
        """Count the ids."""
        return len(self._ids)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Give the ids as an array, ascending."""
        return np.array(self._ids, dtype=dtype, copy=copy)

    def __hash__(self) -> int:
        """Hash as a ``frozenset`` of the ids does."""
        return self._hash()

    def __repr__(self) -> str:
        """Name the first ids and how many there are."""
        first = ", ".join(map(str, self._ids[:3].tolist()))
        return f"IdSet([{first}{', ...' if len(self) > 3 else ''}]), {len(self)} ids"


class PerQuery:
    """A set of ids for each query of a batch.

    Parameters
    ----------
    sets : sequence
        One entry a query: whatever serves as a set for all (`IdSet`, ids, a boolean mask, bytes),
        or None for a query that has no such filter. An empty set is not None: as ``allow`` it
        allows nothing.

    Raises
    ------
    TypeError
        Not a sequence.

    Examples
    --------
    >>> import nearfield as nf
    >>> index = nf.Index(nf.Space.Euclidean, num_dimensions=1)
    >>> _ = index.add_items([[0], [1], [2]])
    >>> index.query([[0], [0]], k=1, exclude=nf.PerQuery([[0, 1], None])).ids.tolist()
    [[2], [0]]
    """

    __slots__ = ("sets",)

    sets: tuple[Any, ...]

    def __init__(self, sets: Iterable[Any]) -> None:
        if isinstance(sets, (str, bytes, Set)) or not isinstance(sets, Iterable):
            message = (
                f"sets is of type {type(sets).__name__}; expected a list with a set for each query"
            )
            raise TypeError(message)
        self.sets = tuple(sets)

    def __len__(self) -> int:
        """Count the queries."""
        return len(self.sets)

    def __repr__(self) -> str:
        """Count the queries."""
        return f"<nearfield.PerQuery of {len(self)} sets>"


class CSR:
    """A set of ids for each query of a batch, as two arrays: no Python object a query.

    Parameters
    ----------
    indptr : array of int, shape (queries + 1,)
        The set of query ``q`` is ``ids[indptr[q]:indptr[q + 1]]``. Begins with 0, does not fall,
        ends with ``len(ids)``.
    ids : array of int, shape (n,)
        The ids of all sets, one set after the other. One that stands twice in a set counts once.

    Raises
    ------
    InvalidInput, TypeError
        Not such arrays.

    Notes
    -----
    ``ids`` is kept, not copied, where it is uint64 already: do not change it meanwhile. ``indptr``
    is copied.

    Examples
    --------
    >>> import nearfield as nf
    >>> index = nf.Index(nf.Space.Euclidean, num_dimensions=1)
    >>> _ = index.add_items([[0], [1], [2]])
    >>> index.query([[0], [0]], k=1, exclude=nf.CSR([0, 2, 2], [0, 1])).ids.tolist()
    [[2], [0]]
    """

    __slots__ = ("_ids", "_indptr")

    _indptr: Ids
    _ids: Ids

    def __init__(self, indptr: Sequence[int] | IdsLike, ids: IdsLike) -> None:
        self._ids = as_ids(ids, "ids")
        # A copy: what was found right here is what the core reads by.
        self._indptr = np.array(as_ids(indptr, "indptr"))
        self._indptr.setflags(write=False)
        if fault := _fault(self._indptr, len(self._ids)):
            message = (
                f"indptr {fault}: it holds 0, then where each set ends, at last the number of ids"
            )
            raise InvalidInput(message)

    @property
    def indptr(self) -> Ids:
        """Where the sets begin and end, uint64, read-only."""
        return self._indptr

    @property
    def ids(self) -> Ids:
        """The ids of all sets."""
        return self._ids

    def __len__(self) -> int:
        """Count the queries."""
        return len(self._indptr) - 1

    def __repr__(self) -> str:
        """Count the queries and their ids."""
        return f"<nearfield.CSR of {len(self)} sets, {len(self._ids)} ids>"


def _fault(indptr: Ids, num_ids: int) -> str:
    """Say in words what is wrong with the ends of sets; nothing if they are right."""
    if len(indptr) == 0 or indptr[0] != 0:
        return f"begins with {indptr[0]}" if len(indptr) else "is empty"
    falls = np.flatnonzero(indptr[1:] < indptr[:-1])
    if falls.size:
        row = int(falls[0]) + 1
        return f"falls from {indptr[row - 1]} to {indptr[row]} at {row}"
    return "" if indptr[-1] == num_ids else f"ends with {indptr[-1]} for {num_ids} ids"
