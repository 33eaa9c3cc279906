"""What a policy asks an index for: batches of candidates, their columns, their vectors."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from nearfield.errors import InvalidInput, UnknownId
from nearfield.spaces import Space
from nearfield.typing import Distances, VectorLike, Vectors

__all__ = [
    "Candidates",
    "Retriever",
    "Source",
    "is_null",
    "join",
    "plain_values",
    "read",
    "single_values",
]

Column: TypeAlias = np.ma.MaskedArray[Any, Any]


class Retriever(Protocol):
    """What `Policy.apply` needs of an index; `nearfield.Index` and `nearfield.StringIndex` have it.

    Ids are uint64, or for string keys an object array of `str`.
    """

    @property
    def space(self) -> Space:
        """Geometry."""

    def query_iter(
        self, vector: VectorLike, *args: Any, **kwargs: Any
    ) -> Iterator[tuple[NDArray[Any], Distances]]:
        """Give all allowed live vectors in batches (ids, distances), nearest first, each once.

        Takes ``batch_size``, and the filters that `Policy.apply` passes through. Distances ascend
        over all batches.
        """

    def get_vectors(self, ids: Any, /) -> Vectors:
        """Give stored vectors, shape (n, d); asked for by diversity and ``min_cosine`` alone."""

    def get_columns(self, ids: Any, names: Sequence[str], /) -> Mapping[str, Any]:
        """Give the values of columns, aligned with ``ids``, null masked."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """Candidates in order of retrieval, with what the steps need to know of them.

    Attributes
    ----------
    ids : ndarray of shape (n,)
        As the index gave them.
    distances : ndarray of float32, shape (n,)
        As the index gave them.
    columns : mapping of str to masked array of shape (n,)
        The columns that the policy names.
    units : ndarray of float64, shape (n, d), or None
        Stored vectors, brought to unit length; None where nobody needs them.
    """

    ids: NDArray[Any]
    distances: Distances
    columns: Mapping[str, Column]
    units: NDArray[np.float64] | None

    def __len__(self) -> int:
        """Count the candidates."""
        return len(self.ids)

    def rows(self, chosen: Any) -> Candidates:
        """Give some of the candidates.

        Parameters
        ----------
        chosen : slice, or ndarray of int or bool
            Which of them.

        Returns
        -------
        Candidates
            Those.
        """
        return Candidates(
            self.ids[chosen],
            self.distances[chosen],
            {name: column[chosen] for name, column in self.columns.items()},
            None if self.units is None else self.units[chosen],
        )


def join(parts: Sequence[Candidates]) -> Candidates:
    """Put candidates one after another.

    Parameters
    ----------
    parts : sequence of Candidates
        May be empty.

    Returns
    -------
    Candidates
        All of them, in order.
    """
    if len(parts) == 1:
        return parts[0]
    if not parts:
        return Candidates(np.empty(0, np.uint64), np.empty(0, np.float32), {}, None)
    units = [part.units for part in parts if part.units is not None]
    return Candidates(
        np.concatenate([part.ids for part in parts]),
        np.concatenate([part.distances for part in parts]),
        {
            name: np.ma.concatenate([part.columns[name] for part in parts])  # type: ignore[no-untyped-call]
            for name in parts[0].columns
        },
        np.concatenate(units) if units else None,
    )


class Source:
    """Batches of an index, cut off where the budget ends.

    Parameters
    ----------
    batches : iterable of (ids, distances)
        From ``query_iter``.
    budget : int
        The most candidates that are pulled.

    Attributes
    ----------
    pulled : int
        Candidates so far.
    batches : int
        Batches so far.
    end : {"exhausted", "budget"} or None
        Why there are no more; None while there may be.
    """

    def __init__(self, batches: Iterable[tuple[NDArray[Any], Distances]], budget: int) -> None:
        self._batches = batches
        self._budget = budget
        self.pulled = 0
        self.batches = 0
        self.end: Literal["exhausted", "budget"] | None = None

    def __iter__(self) -> Iterator[tuple[NDArray[Any], Distances]]:
        """Pull a batch at a time, none ahead."""
        for ids, distances in self._batches:
            room = self._budget - self.pulled
            self.batches += 1
            self.pulled += min(len(ids), room)
            if len(ids):
                yield ids[:room], distances[:room]
            if self.pulled == self._budget:
                self.end = "budget"
                return
        self.end = "exhausted"


def read(
    index: Retriever,
    ids: NDArray[Any],
    distances: Distances,
    names: Sequence[str],
    *,
    vectors: bool,
) -> tuple[Candidates, list[Any]]:
    """Read what a policy needs to know of a batch.

    Parameters
    ----------
    index : Retriever
        Where the batch is from.
    ids, distances : ndarray of shape (n,)
        The batch.
    names : sequence of str
        Columns; not asked for where there are none.
    vectors : bool
        Whether vectors are needed.

    Returns
    -------
    Candidates
        Those that are still in the index.
    list
        Ids that were removed after they had been found.
    """
    removed: list[Any] = []
    while True:
        try:
            columns = index.get_columns(ids, names) if names and len(ids) else {}
            units = _unit_rows(index.get_vectors(ids)) if vectors and len(ids) else None
        except UnknownId as error:
            # Another thread was faster. What is gone may not be shown, and is no reason to fail.
            stay = np.fromiter((id != error.id for id in ids.tolist()), np.bool_, len(ids))
            if stay.all():
                raise
            removed.append(error.id)
            ids, distances = ids[stay], distances[stay]
        else:
            masked = {name: np.ma.asarray(columns[name]) for name in columns}
            return Candidates(ids, distances, masked, units), removed


def is_null(column: Column) -> NDArray[np.bool_]:
    """Tell which places of a column hold nothing.

    Parameters
    ----------
    column : masked array of shape (n,)
        Of any type.

    Returns
    -------
    ndarray of bool, shape (n,)
        True where it is masked, NaN, "not a time" or None.
    """
    data = np.ma.getdata(column)
    null: NDArray[np.bool_] = np.ma.getmaskarray(column)
    if data.dtype.kind == "f":
        null = null | np.isnan(data)
    if data.dtype.kind == "M":
        null = null | np.isnat(data)
    if data.dtype.kind == "O":
        null = null | np.fromiter((value is None for value in data), np.bool_, len(data))
    return null


def plain_values(column: Column) -> list[Any]:
    """Give the values of a column as Python has them.

    Parameters
    ----------
    column : masked array of shape (n,)
        Of any type.

    Returns
    -------
    list of n
        Strings, tuples of strings (tags), numbers, booleans or datetimes; None for null.
    """
    values = np.ma.getdata(column).tolist()
    return [
        None if null else value
        for value, null in zip(values, is_null(column).tolist(), strict=True)
    ]


def single_values(column: Column, name: str, part: str) -> list[Any]:
    """Give the values of a column that has one for each item.

    Parameters
    ----------
    column : masked array of shape (n,)
        Of any type but tags.
    name, part : str
        What the error calls the column, and the part of the policy that needs it.

    Returns
    -------
    list of n
        As `plain_values`.

    Raises
    ------
    InvalidInput
        It holds tags.
    """
    values = plain_values(column)
    tags = next((value for value in values if isinstance(value, tuple)), None)
    if tags is not None:
        message = (
            f"column {name!r} holds tags, such as {tags!r}; {part} needs a column with one value "
            "for each item"
        )
        raise InvalidInput(message)
    return values


def _unit_rows(vectors: Vectors) -> NDArray[np.float64]:
    """Bring rows to length 1; zero rows stay, and have cosine 0 to everything."""
    rows = vectors.astype(np.float64)
    lengths = np.sqrt(np.einsum("ij,ij->i", rows, rows))[:, np.newaxis]
    units: NDArray[np.float64] = np.zeros_like(rows)
    np.divide(rows, lengths, out=units, where=lengths > 0)
    return units
