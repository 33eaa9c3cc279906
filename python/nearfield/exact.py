"""`ExactIndex`: brute force, the ruler by which recall is measured.

Computed with numpy in float64, independent of the compiled kernels.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from nearfield._adding import conflict_of
from nearfield._arrays import as_ids, as_outputs, as_vectors
from nearfield._numbers import as_count, as_ef, as_id, as_threads, as_whole
from nearfield._progress import reporting
from nearfield._removing import as_one_or_more_ids, missing_raises, not_there, with_ids
from nearfield.errors import DuplicateId, InvalidInput, NotFinite, UnknownId
from nearfield.ids import LabelSetView
from nearfield.neighbors import (
    LARGE_K,
    NO_ID,
    Neighbors,
    neighbors_of,
    refuse_large_k,
    too_few,
)
from nearfield.spaces import Space, StorageDataType, as_space, as_storage
from nearfield.typing import (
    Distances,
    Ids,
    IdsLike,
    IdsOrOne,
    IfMissing,
    IfShort,
    OnConflict,
    Progress,
    VectorLike,
    Vectors,
    VectorsLike,
)

__all__ = ["ExactIndex"]

_BLOCK_QUERIES = 256
_BLOCK_ROWS = 16384  # 32 MiB of distances to so many queries, and a few such arrays at a time
# A block product rounds differently at different places; what is this near to the k-th is measured
# again, one by one, so that equal vectors have equal distances.
_SLACK = 1e-9


class ExactIndex:
    """An index that compares a query with every vector: slow and exact.

    Parameters
    ----------
    space, num_dimensions
        As for `nearfield.Index`.
    M, ef_construction, random_seed, max_elements
        Accepted, so that it can stand where an `Index` stands; without effect.
    storage_data_type : StorageDataType, int or str, default Float32
        Only Float32.

    Raises
    ------
    InvalidInput
        A number out of its bounds, or another storage.

    Notes
    -----
    Distances are computed in float64 and returned as float32; of equal distances the vector that
    was added first comes first. Not for several threads at once while vectors are added or removed.

    Examples
    --------
    >>> import nearfield as nf
    >>> index = nf.ExactIndex(nf.Space.Euclidean, num_dimensions=2)
    >>> index.add_items([[0, 0], [3, 4]])
    [0, 1]
    >>> index.query([0, 0], k=2).distances.tolist()
    [0.0, 25.0]
    """

    def __init__(
        self,
        space: Space | int | str,
        num_dimensions: int,
        M: int = 12,
        ef_construction: int = 200,
        random_seed: int = 1,
        max_elements: int = 1,
        storage_data_type: StorageDataType | int | str = StorageDataType.Float32,
    ) -> None:
        storage = as_storage(storage_data_type)
        if storage is not StorageDataType.Float32:
            message = (
                f"storage_data_type is {storage.name}; expected Float32, since ExactIndex keeps "
                "what it is given. To measure with rounded vectors, add "
                "index.get_vectors(index.ids) of an index that has rounded them"
            )
            raise InvalidInput(message)
        for value, name in (
            (M, "M"),
            (ef_construction, "ef_construction"),
            (max_elements, "max_elements"),
        ):
            as_count(value, name)
        as_count(random_seed, "random_seed")
        self.ef = 10
        self._space = as_space(space)
        self._vectors: Vectors = np.empty(
            (0, as_whole(num_dimensions, "num_dimensions", 1, 2**20)), dtype=np.float32
        )
        self._ids: Ids = np.empty(0, dtype=np.uint64)  # of each row, in order of insertion
        self._live: NDArray[np.bool_] = np.empty(0, dtype=np.bool_)
        self._row_of: dict[int, int] = {}
        self._next_id = 0

    @property
    def space(self) -> Space:
        """Geometry."""
        return self._space

    @property
    def num_dimensions(self) -> int:
        """Width of every vector."""
        return int(self._vectors.shape[1])

    @property
    def num_elements(self) -> int:
        """Ids that are stored, those marked as deleted included."""
        return len(self._row_of)

    @property
    def ids(self) -> LabelSetView:
        """The live ids, as a view."""
        return LabelSetView(self, lambda: self._ids[self._live])

    def add_item(self, vector: VectorLike, id: int | None = None) -> int:
        """Add or overwrite one vector.

        Parameters
        ----------
        vector, id
            As for `nearfield.Index.add_item`.

        Returns
        -------
        int
            The id.

        Raises
        ------
        InvalidInput
            As for `add_items`.
        """
        row = as_vectors(vector, self.num_dimensions, "vector", axes=1)
        return self.add_items(row[np.newaxis], None if id is None else [as_id(id)])[0]

    def add_items(
        self,
        vectors: VectorsLike,
        ids: IdsLike | None = None,
        num_threads: int | None = -1,
        *,
        on_conflict: OnConflict = "update",
        progress: Progress = None,
    ) -> list[int]:
        """Add or overwrite vectors; an overwritten one counts as added last.

        Parameters
        ----------
        vectors, ids, num_threads, on_conflict, progress
            As for `nearfield.Index.add_items`, but no iterators.

        Returns
        -------
        list of int
            The id of each row.

        Raises
        ------
        DuplicateId, InvalidInput
            As for `nearfield.Index.add_items`.
        """
        as_threads(num_threads)
        conflict_of(on_conflict)
        rows = as_vectors(vectors, self.num_dimensions, "vectors", axes=2)
        refuse_not_finite(rows, "vectors")
        given = as_ids(ids) if ids is not None else np.empty(0, dtype=np.uint64)
        if len(given) not in (0, len(rows)):
            message = f"ids has {len(given)} ids for {len(rows)} vectors; expected one for each"
            raise InvalidInput(message)
        with reporting(progress, "adding") as report:
            if len(given):
                chosen: list[int] = given.tolist()
                kept = self._kept(chosen, on_conflict)
                self._append(rows[kept], [chosen[row] for row in kept])
            else:
                chosen = [self._automatic() for _ in range(len(rows))]
                self._append(rows, chosen)
            if report is not None:
                report(len(rows), len(rows))
        return chosen

    def _kept(self, ids: list[int], on_conflict: OnConflict) -> list[int]:
        """Choose the rows that are stored."""
        last = {id: row for row, id in enumerate(ids)}
        if on_conflict == "update":
            return sorted(last.values())
        first = {id: row for row, id in reversed(list(enumerate(ids)))}
        if on_conflict == "error":
            for row, id in enumerate(ids):
                if first[id] < row:
                    raise _duplicate(id, row, in_index=False)
            for row, id in enumerate(ids):
                if id in self._row_of:
                    raise _duplicate(id, row, in_index=True)
        return sorted(row for id, row in first.items() if id not in self._row_of)

    def _append(self, rows: Vectors, ids: list[int]) -> None:
        if len(self._ids) > 2 * len(self._row_of):
            self.compact()  # so that vectors which come and go take no more and more memory
        first = len(self._vectors)
        self._vectors = np.concatenate([self._vectors, self._stored(rows)])
        self._ids = np.concatenate([self._ids, np.array(ids, dtype=np.uint64)])
        self._live = np.concatenate([self._live, np.ones(len(rows), dtype=np.bool_)])
        for row, id in enumerate(ids, first):
            if id in self._row_of:
                self._live[self._row_of[id]] = False
            self._row_of[id] = row

    def upsert(
        self,
        vectors: VectorsLike,
        ids: IdsLike | None = None,
        num_threads: int | None = -1,
        *,
        progress: Progress = None,
    ) -> list[int]:
        """Add vectors, or replace those whose ids are in the index.

        Parameters
        ----------
        vectors, ids, num_threads, progress
            As for `nearfield.Index.upsert`, but no iterators.

        Returns
        -------
        list of int
            The id of each row.

        Raises
        ------
        InvalidInput
            As for `nearfield.Index.upsert`.
        """
        rows = as_vectors(vectors, self.num_dimensions, "vectors", axes=2)
        with_ids(rows, ids, self.num_dimensions)
        return self.add_items(rows, ids, num_threads, progress=progress)

    def remove(self, ids: IdsOrOne, *, if_missing: IfMissing = "raise") -> int:
        """Remove vectors for good, live ones and those that are marked as deleted.

        Parameters
        ----------
        ids, if_missing
            As for `nearfield.Index.remove`.

        Returns
        -------
        int
            How many were removed.

        Raises
        ------
        UnknownId, InvalidInput, TypeError
            As for `nearfield.Index.remove`.

        Notes
        -----
        `compact` gives their memory back, and so does adding, when more than half of it is theirs.
        """
        raises = missing_raises(if_missing)
        given = dict.fromkeys(as_one_or_more_ids(ids).tolist())
        gone = [id for id in given if id in self._row_of]
        if raises and len(gone) < len(given):
            missing = [id for id in given if id not in self._row_of]
            raise not_there(missing, len(given))
        for id in gone:
            self._live[self._row_of.pop(id)] = False
        return len(gone)

    def repair(self, num_threads: int | None = -1, *, progress: Progress = None) -> None:
        """Do nothing: there are no links. So that it can stand where an `Index` stands.

        Parameters
        ----------
        num_threads, progress
            As for `nearfield.Index.repair`.
        """
        as_threads(num_threads)
        with reporting(progress, "repairing"):
            pass

    def compact(self, num_threads: int | None = -1, *, progress: Progress = None) -> None:
        """Give back the memory of vectors that were removed or overwritten.

        Parameters
        ----------
        num_threads, progress
            As for `nearfield.Index.compact`.
        """
        as_threads(num_threads)
        with reporting(progress, "compacting"):
            held = np.sort(np.fromiter(self._row_of.values(), np.intp, len(self._row_of)))
            self._vectors, self._ids, self._live = (
                self._vectors[held], self._ids[held], self._live[held],
            )  # fmt: skip
            self._row_of = {id: row for row, id in enumerate(self._ids.tolist())}

    def _automatic(self) -> int:
        while self._next_id in self._row_of:
            self._next_id += 1
        self._next_id += 1
        return self._next_id - 1

    def _stored(self, rows: Vectors) -> Vectors:
        return unit_rows(rows).astype(np.float32) if self._space is Space.Cosine else rows

    def query(
        self,
        vectors: VectorsLike,
        k: int = 1,
        num_threads: int | None = -1,
        query_ef: int | None = -1,
        *,
        if_short: IfShort = "raise",
        out: tuple[Ids, Distances] | None = None,
    ) -> Neighbors:
        """Find the ``k`` nearest stored vectors to each query, without exception.

        Parameters
        ----------
        vectors, k, num_threads, query_ef, if_short, out
            As for `nearfield.Index.query`; ``num_threads`` and ``query_ef``, though checked,
            have no effect.

        Returns
        -------
        Neighbors
            As for `nearfield.Index.query`; ties in order of insertion.

        Raises
        ------
        InvalidInput, TooFewNeighbors, TypeError
            As for `nearfield.Index.query`.

        Notes
        -----
        Time: n times the number of vectors. Memory: blocks of some 100 MB in all.
        """
        queries = as_vectors(vectors, self.num_dimensions, "vectors")
        k, _, width = as_count(k, "k"), as_threads(num_threads), as_ef(query_ef, 2**31)
        if 0 < width < k:
            message = f"query_ef is {width}, smaller than k = {k}; expected at least k, or -1"
            raise InvalidInput(message)
        if if_short not in ("raise", "pad"):
            message = f"if_short is {if_short!r}; expected 'raise' or 'pad'"
            raise InvalidInput(message)
        if k > LARGE_K:
            num_live = int(np.count_nonzero(self._live))
            marked = self.num_elements - num_live
            refuse_large_k(k, if_short, (len(self._ids), num_live, marked, 0))
        refuse_not_finite(queries, "vectors")
        batch = np.atleast_2d(queries)
        shape = (*queries.shape[:-1], k)
        if out is None:
            filled: tuple[Ids, Distances] = (
                np.empty(shape, dtype=np.uint64),
                np.empty(shape, dtype=np.float32),
            )
        else:
            filled = as_outputs(out, queries, k)
        ids, distances = (each.reshape(len(batch), k) for each in filled)  # views
        ids[:], distances[:] = NO_ID, np.inf
        live = np.flatnonzero(self._live)
        found = min(k, len(live))
        if found:
            for first in range(0, len(batch), _BLOCK_QUERIES):
                block = slice(first, first + _BLOCK_QUERIES)
                rows, distances[block, :found] = self._nearest(batch[block], live, found)
                ids[block, :found] = self._ids[rows]
        counts = None if found == k else np.full(len(batch), found, dtype=np.uint32)
        compared = len(batch) * len(live)
        result = neighbors_of(filled, (counts, compared, 0))
        if counts is not None and len(batch) and if_short == "raise":
            marked = self.num_elements - len(live)
            raise too_few(result, k, (len(self._ids), len(live), marked, 0))
        return result

    def _nearest(
        self, queries: Vectors, live: NDArray[np.intp], k: int
    ) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        prepared = self._prepared(queries)
        rows = np.empty((len(queries), k), dtype=np.intp)
        distances = np.empty((len(queries), k))
        for i, near in enumerate(self._near(prepared, live, k)):
            exact = self._exact(prepared[i], self._vectors[near].astype(np.float64))
            order = np.argsort(exact, kind="stable")[:k]
            rows[i], distances[i] = near[order], exact[order]
        return rows, distances

    def _near(
        self, prepared: NDArray[np.float64], live: NDArray[np.intp], k: int
    ) -> list[NDArray[np.intp]]:
        """Give, for each query, rows among which its k nearest are, ascending; block by block."""
        squares = (prepared**2).sum(axis=1)
        nearest = np.full((len(prepared), k), np.inf)  # of the blocks so far, by rough distance
        limits = nearest[:, 0]
        kept: list[tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]] = []
        for first in range(0, len(live), _BLOCK_ROWS):
            block = live[first : first + _BLOCK_ROWS]
            rough = self._rough(prepared, self._vectors[block].astype(np.float64))
            here = np.partition(rough, min(k, len(block)) - 1, axis=1)[:, :k]
            nearest = np.partition(np.hstack((nearest, here)), k - 1, axis=1)[:, :k]
            largest = nearest[:, k - 1]
            limits = largest + _SLACK * (1 + np.abs(largest) + squares)
            asked, at = np.nonzero(rough <= limits[:, np.newaxis])
            kept.append((asked, block[at], rough[asked, at]))
        asked, rows, rough = (np.concatenate(parts) for parts in zip(*kept, strict=True))
        near = rough <= limits[asked]  # limits have fallen meanwhile
        asked, rows = asked[near], rows[near]
        order = np.argsort(asked, kind="stable")
        starts = np.searchsorted(asked[order], np.arange(1, len(prepared)))
        return np.split(rows[order], starts)

    def _prepared(self, queries: Vectors) -> NDArray[np.float64]:
        return unit_rows(queries) if self._space is Space.Cosine else queries.astype(np.float64)

    def _rough(
        self, queries: NDArray[np.float64], rows: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        # In place: the array is the largest there is.
        distances: NDArray[np.float64] = queries @ rows.T
        if self._space is not Space.Euclidean:
            np.subtract(1, distances, out=distances)
            return distances
        distances *= -2
        distances += (queries**2).sum(axis=1)[:, np.newaxis]
        distances += (rows**2).sum(axis=1)
        return distances

    def _exact(self, query: NDArray[np.float64], rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Each row alone, summed in one order, whatever its neighbours are."""
        if self._space is Space.Euclidean:
            return np.asarray(((rows - query) ** 2).sum(axis=1))
        distances = 1 - (rows * query).sum(axis=1)
        return np.maximum(distances, 0) if self._space is Space.Cosine else np.asarray(distances)

    def get_vector(self, id: int) -> Vectors:
        """Give a stored vector.

        Parameters
        ----------
        id : int
            A live id.

        Returns
        -------
        ndarray of float32, shape (num_dimensions,)
            Of unit length in cosine space.

        Raises
        ------
        UnknownId
            Not stored, or marked as deleted.
        """
        return np.array(self._vectors[self._row(as_id(id))])

    def get_vectors(self, ids: IdsLike) -> Vectors:
        """Give stored vectors.

        Parameters
        ----------
        ids : sequence of n int
            Live ids.

        Returns
        -------
        ndarray of float32, shape (n, num_dimensions)
            Of unit length in cosine space.

        Raises
        ------
        UnknownId
            One is not stored, or marked as deleted.
        """
        return np.asarray(self._vectors[[self._row(id) for id in as_ids(ids).tolist()]])

    def get_distance(self, a: VectorLike, b: VectorLike) -> float:
        """Measure the distance of two vectors.

        Parameters
        ----------
        a, b : array-like of shape (num_dimensions,)
            Two vectors.

        Returns
        -------
        float
            In the index's space.

        Raises
        ------
        InvalidInput
            A wrong width, NaN or infinity.
        """
        first = as_vectors(a, self.num_dimensions, "a", axes=1)
        second = as_vectors(b, self.num_dimensions, "b", axes=1)
        refuse_not_finite(first, "a")
        refuse_not_finite(second, "b")
        both = self._prepared(np.stack([first, second]))
        return float(self._exact(both[0], both[1:])[0])

    def mark_deleted(self, id: int) -> None:
        """Hide a vector.

        Parameters
        ----------
        id : int
            A live id.

        Raises
        ------
        UnknownId
            Not stored, or marked already.
        """
        self._live[self._row(as_id(id), "deleted already")] = False

    def unmark_deleted(self, id: int) -> None:
        """Bring back a hidden vector.

        Parameters
        ----------
        id : int
            A marked id.

        Raises
        ------
        UnknownId
            Not stored.
        InvalidInput
            Not marked.
        """
        row = self._row_of.get(as_id(id))
        if row is None:
            raise not_there([id])
        if self._live[row]:
            message = f"id {id} is not deleted, so it cannot be brought back"
            raise InvalidInput(message)
        self._live[row] = True

    def _row(self, id: int, hidden: str = "deleted") -> int:
        row = self._row_of.get(id)
        if row is None:
            raise not_there([id])
        if not self._live[row]:
            message = f"id {id} is {hidden}"
            raise UnknownId(message, id)
        return row

    def __len__(self) -> int:
        """Count the live ids."""
        return int(np.count_nonzero(self._live))

    def __iter__(self) -> Iterator[int]:
        """Go over the live ids, in order of insertion."""
        return iter(self.ids)

    def __contains__(self, id: object) -> bool:
        """Tell whether an id is live; False for anything that cannot be an id."""
        try:
            row = self._row_of.get(as_id(id))
        except TypeError:
            return False
        return row is not None and bool(self._live[row])

    def __getitem__(self, id: int) -> Vectors:
        """Give a stored vector, as `get_vector`."""
        return self.get_vector(id)

    def __delitem__(self, id: int) -> None:
        """Hide a vector, as `mark_deleted`."""
        self.mark_deleted(id)

    def __repr__(self) -> str:
        """Name class, space and width."""
        return (
            f"<nearfield.ExactIndex space={self.space.name} num_dimensions={self.num_dimensions}>"
        )


def _duplicate(id: int, row: int, *, in_index: bool) -> DuplicateId:
    where = "in the index already" if in_index else "there in a row before it as well"
    message = (
        f'ids holds {id} in row {row}, which is {where}; ask for on_conflict="update" to replace '
        'rows, or "keep" to leave new ones out (argument `ids`)'
    )
    return DuplicateId(message, id, row, in_index)


def unit_rows(rows: Vectors) -> NDArray[np.float64]:
    """Divide each row by its length, in float64.

    Parameters
    ----------
    rows : ndarray of float32, shape (..., width)
        Any lengths; a zero row stays zero.

    Returns
    -------
    ndarray of float64
        Of the same shape.
    """
    wide = rows.astype(np.float64)
    norms = np.sqrt((wide**2).sum(axis=-1, keepdims=True))
    return np.asarray(np.divide(wide, norms, out=np.zeros_like(wide), where=norms > 0))


def refuse_not_finite(vectors: Vectors, argument: str) -> None:
    """Refuse NaN and infinity.

    Parameters
    ----------
    vectors : ndarray of float32, shape (width,) or (n, width)
        What a caller gave.
    argument : str
        What the error calls it.

    Raises
    ------
    NotFinite
        ``row`` is the first bad one.
    """
    good = np.isfinite(np.atleast_2d(vectors)).all(axis=1)
    if not good.all():
        row = int(np.argmin(good))
        message = f"{argument} holds NaN or infinity in row {row}"
        raise NotFinite(message, row)
