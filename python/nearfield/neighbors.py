"""What a query returns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from nearfield.errors import InvalidInput, TooFewNeighbors
from nearfield.typing import ColumnValues, Distances, Ids, IfShort

if TYPE_CHECKING:
    from nearfield.query_plan import QueryPlan

__all__ = ["NO_ID", "KeyNeighbors", "Neighbors"]

NO_ID = 2**64 - 1
"""Fills the places of a short result; the one 64-bit number that cannot be an id."""


_Names = TypeVar("_Names")


class _Results(tuple[_Names, Distances], Generic[_Names]):
    """The part that both kinds of result share: how many results, and what they cost.

    ``_cost`` is what the core returned beside the results: (counts or None, distances computed,
    hops). It is kept whole, because setting one attribute is all that a query can afford.
    """

    _cost: tuple[NDArray[np.uint32] | None, int, int]
    _report: NDArray[np.uint64] | None = None
    _columns: dict[str, ColumnValues] | None = None

    @property
    def plan(self) -> QueryPlan | tuple[QueryPlan, ...] | None:
        """How a filtered query was answered: one plan, or one for each query of a batch.

        None for a query without a filter, unless it asked to ``explain``.
        """
        if self._report is None:
            return None
        from nearfield import query_plan

        plans = query_plan.plans_of(self._report)
        return plans[0] if self.distances.ndim == 1 and plans else plans

    @property
    def columns(self) -> dict[str, ColumnValues]:
        """Attributes of what was found, by name: those that the query was asked for.

        Masked arrays of the shape of the result, masked where there is no value and in places that
        are padding.
        """
        return {} if self._columns is None else self._columns

    @property
    def distances(self) -> Distances:
        """Distances, nearest first, float32; infinity in places that are padding."""
        return self[1]

    @property
    def counts(self) -> NDArray[np.uint32]:
        """Valid results per row: shape () for one query, (n,) for a batch; the rest is padding."""
        counts = self._cost[0]
        shape = self.distances.shape
        if counts is None:
            return np.full(shape[:-1], shape[-1], dtype=np.uint32)
        return counts.reshape(shape[:-1])

    @property
    def num_distances(self) -> int:
        """Stored vectors that were compared with a query, summed over the batch."""
        return self._cost[1]

    @property
    def num_hops(self) -> int:
        """Link rows that were read on level 0, summed over the batch."""
        return self._cost[2]


class Neighbors(_Results[Ids]):
    """The nearest neighbours: a tuple ``(ids, distances)``, as in Voyager, with more attributes.

    For one query both arrays have shape (k,), for a batch (n, k). `num_distances` and `num_hops`
    count the work of the whole batch; they are equal on every machine and thread count.

    Examples
    --------
    >>> import numpy as np, nearfield as nf
    >>> index = nf.Index(nf.Space.Euclidean, num_dimensions=2)
    >>> _ = index.add_items([[0, 0], [0, 1], [5, 5]])
    >>> found = index.query([[0, 0.9]], k=2)
    >>> ids, distances = found
    >>> ids.tolist(), found.counts.tolist(), found.ids is ids
    ([[1, 0]], [2], True)
    """

    @property
    def ids(self) -> Ids:
        """Ids of the neighbours, uint64; `nearfield.NO_ID` in places that are padding."""
        return self[0]


class KeyNeighbors(_Results[NDArray[np.object_]]):
    """The nearest neighbours in a `nearfield.StringIndex`: a tuple ``(keys, distances)``.

    As `Neighbors`, but with `keys`, an object array of `str`; None in places that are padding.
    """

    _ids: Ids

    @property
    def keys(self) -> NDArray[np.object_]:
        """Keys of the neighbours, `str`; None in places that are padding."""
        return self[0]

    @property
    def ids(self) -> NDArray[np.object_]:
        """The keys, under the name that `Neighbors` has for them."""
        return self[0]

    def ids_by_key(self) -> Iterator[tuple[str, int]]:
        """Give the keys of all queries with the ids that the index has for them inside.

        Returns
        -------
        iterator of tuple
            Without those that are padding.
        """
        pairs = zip(self.keys.ravel().tolist(), self._ids.ravel().tolist(), strict=True)
        return (pair for pair in pairs if pair[0] is not None)

    def keys_by_query(self) -> Iterator[list[str | None]]:
        """Give the keys of each query in turn, one list for one query.

        Returns
        -------
        iterator of list
            With None in places that are padding.
        """
        return iter(np.atleast_2d(self.keys).tolist())


def neighbors_of(
    found: tuple[Ids, Distances], cost: tuple[NDArray[np.uint32] | None, int, int]
) -> Neighbors:
    """Wrap what the core returned, without a copy.

    Parameters
    ----------
    found : tuple
        (ids, distances).
    cost : tuple
        (counts or None when every row is full, distances computed, hops).

    Returns
    -------
    Neighbors
        The same arrays.
    """
    result = Neighbors(found)
    result._cost = cost
    return result


LARGE_K = 2**16  # beyond it an array of k places is not made before it is known to be of use


def refuse_large_k(k: int, if_short: IfShort, counts: tuple[int, ...]) -> None:
    """Refuse a ``k`` beyond ``LARGE_K`` that would be padding, before its arrays are made.

    Parameters
    ----------
    k : int
        What is asked for.
    if_short : "raise" or "pad"
        As for a query.
    counts : tuple of int
        (slots, live, marked, and what a query never returns).

    Raises
    ------
    TooFewNeighbors
        More than the live vectors, where that raises.
    InvalidInput
        More than all vectors, where that is padded.
    """
    slots, live, *_ = counts
    if if_short == "raise" and k > live:
        raise too_few(None, k, counts)
    if k > slots:
        message = (
            f"k is {k}, with if_short='pad'; expected at most {LARGE_K}, or the {slots} vectors "
            "that the index holds: the rest would be padding"
        )
        raise InvalidInput(message)


def too_few(
    partial: Neighbors | KeyNeighbors | None, k: int, counts: tuple[int, ...]
) -> TooFewNeighbors:
    """Say why a query came back short.

    Parameters
    ----------
    partial : Neighbors, KeyNeighbors or None
        What was found, if anything was looked for.
    k : int
        What was asked for.
    counts : tuple of int
        (slots, live, marked, and what a query never returns).

    Returns
    -------
    TooFewNeighbors
        Not yet raised.
    """
    _, live, marked, *_ = counts
    hidden = f", {marked} more are marked as deleted" if marked else ""
    holds = f"only {live} live vectors" if live else "no live vectors"
    message = (
        f"k is {k}, but the index holds {holds}{hidden}: ask for fewer, or pass if_short='pad' to "
        f"get what exists"
    )
    return TooFewNeighbors(message, partial)
