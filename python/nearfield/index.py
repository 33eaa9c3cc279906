"""`Index`: a superset of Voyager's, on the compiled core. This file documents and delegates."""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self, cast

import numpy as np

from nearfield import _files
from nearfield._adding import add_rows, one_row
from nearfield._arrays import as_ids, as_outputs, as_vectors
from nearfield._core import Index as Core
from nearfield._described import Described, refuse_lone_params
from nearfield._facts import Facts
from nearfield._keys import ATTACHMENT as KEYS
from nearfield._numbers import as_count, as_ef, as_id, as_threads, as_whole
from nearfield._progress import reporting
from nearfield._removing import remove_ids, with_ids
from nearfield.errors import FileMismatch, InvalidInput
from nearfield.ids import LabelSetView
from nearfield.neighbors import LARGE_K, Neighbors, refuse_large_k, too_few
from nearfield.spaces import Space, StorageDataType, as_codes, as_space, as_storage
from nearfield.typing import (
    Chunks,
    CodesName,
    ColumnsLike,
    Distances,
    FileFormat,
    Ids,
    IdsLike,
    IdsOrOne,
    IfMissing,
    IfShort,
    OnConflict,
    Progress,
    SetsLike,
    VectorLike,
    Vectors,
    VectorsLike,
    WhereLike,
)

if TYPE_CHECKING:
    from nearfield.tune import Tuning

__all__ = ["E4M3Index", "Float8Index", "FloatIndex", "Index"]

_FLOAT32 = np.dtype(np.float32)
_NDARRAY = np.ndarray
_PLAIN = 0x101  # numpy's flags C_CONTIGUOUS and ALIGNED
_OWN = frozenset(("_core", "_ef", "_filters", "_filters_in_file", "_reserved"))
_DEFAULT_EF = 10
_MOST_ROWS = 2**31  # of any index


class Index(Facts, Described):
    """An index of vectors that finds the nearest neighbours of a query, approximately and fast.

    Calling ``Index`` gives a `FloatIndex`, `Float8Index` or `E4M3Index` where the storage has such
    a class; a Python subclass of it stays what it is. All names, orders and defaults are Voyager's,
    so ``import nearfield as voyager`` works.

    Parameters
    ----------
    space : Space, int or str
        Geometry; see `Space`.
    num_dimensions : int
        Width of every vector, 1 to 2^20.
    M : int, default 12
        Links of a vector on upper levels, 2 to 4096; 2M on level 0. More gives higher recall at the
        same ``ef`` and costs 8 bytes a vector for each, and time to build.
    ef_construction : int, default 200
        Beam width while adding, raised to M where it is smaller. More gives a better graph, more
        slowly.
    random_seed : int, default 1
        Chooses the levels. Equal seeds and equal calls give equal bytes on every machine.
    max_elements : int, default 1
        Kept for Voyager's sake; memory grows by itself.
    storage_data_type : StorageDataType, int or str, default Float32
        How vectors are kept; see `StorageDataType`.
    codes : {"auto", "none", "int8", "int4"}, default "auto"
        What queries compare on their way through the graph, kept beside the vectors: ``"int8"``, a
        byte a dimension; ``"int4"``, half a byte, not for inner products; ``"none"``, the vectors
        themselves, which is all that 8-bit storages take in cosine space. What is found nearest is
        then compared by the vectors, so distances are exact. Codes make queries and building faster
        at equal recall where they can tell rows apart. Queries that lie far outside of the data's
        range, or among very many rows closer together than a hundredth of it, are compared with the
        vectors themselves: ask for ``"none"`` where most queries are so. ``"auto"`` takes int4 from
        192 dimensions on, int8 below and for inner products; none for 8-bit storages and where a
        row of codes is no shorter than the vector (up to 16 dimensions, 32 of Float16) or longer
        than 131,072 dimensions; and int8 where codes are all that is kept. For inner products
        codes are taken around the middle of the rows, so an offset that all of them share hides
        none; without codes subtract their mean yourself, which changes no order.

    Raises
    ------
    InvalidInput
        A number out of its bounds; codes that do not serve the space.
    TypeError
        An argument of a wrong type, or a negative number where Voyager takes none either.

    Notes
    -----
    Threads: every call is safe from any number of threads. Who waits for whom:

    ==================================================================  =========================
    queries and look-ups                                                nobody
    ``remove``, ``mark_deleted``, ``unmark_deleted``                    nobody's bulk work
    adds, ``upsert``, ``repair``, ``compact``, ``stats``, ``validate``  each other
    ``save``                                                            those, before it begins
    ==================================================================  =========================

    So a save begins when the add that is running has ended, and then runs beside writers, of which
    those that change much wait for its end where its file is slow; in Voyager's format it holds
    them for its whole length. Long calls release the GIL. HNSW is described in
    doi:10.1109/TPAMI.2018.2889473.

    Examples
    --------
    >>> import numpy as np, nearfield as nf
    >>> index = nf.Index(nf.Space.Cosine, num_dimensions=3)
    >>> index.add_items(np.eye(3))
    [0, 1, 2]
    >>> ids, distances = index.query([1, 0.1, 0], k=2)
    >>> ids.tolist()
    [0, 1]
    """

    _storage: ClassVar[StorageDataType | None] = None

    _core: Core
    _ef: int
    _reserved: int

    def __init__(
        self,
        space: Space | int | str,
        num_dimensions: int,
        M: int = 12,
        ef_construction: int = 200,
        random_seed: int = 1,
        max_elements: int = 1,
        storage_data_type: StorageDataType | int | str = StorageDataType.Float32,
        *,
        codes: CodesName = "auto",
    ) -> None:
        storage = as_storage(storage_data_type)
        if self._storage is not None and self._storage is not storage:
            message = (
                f"storage_data_type is {storage.name}, but {type(self).__name__} stores "
                f"{self._storage.name}; use nearfield.Index"
            )
            raise InvalidInput(message)
        links = as_whole(M, "M", 2, 4096)
        beam = as_whole(
            as_count(ef_construction, "ef_construction"), "ef_construction", 0, 2**32 - 1
        )
        self._adopt(
            Core(
                as_space(space).value,
                as_whole(num_dimensions, "num_dimensions", 1, 2**20),
                links,
                max(beam, links),
                as_whole(as_count(random_seed, "random_seed"), "random_seed", 0, 2**64 - 1),
                storage.value,
                as_codes(codes),
            ),
            reserved=as_count(max_elements, "max_elements"),
        )

    def _adopt(self, core: Core, ef: int = _DEFAULT_EF, reserved: int = 1) -> None:
        """Stand on a core; a plain Index becomes the class of its storage."""
        storage = StorageDataType(core.storage)
        if type(self) is Index:
            self.__class__ = _CLASS_OF.get(storage, Index)
        elif self._storage is not None and self._storage is not storage:
            message = f"the file stores {storage.name}, which a {type(self).__name__} cannot be"
            raise FileMismatch(message)
        self._describe(core)
        self._ef = ef
        self._reserved = reserved

    # --- grow ---

    def add_item(
        self,
        vector: VectorLike,
        id: int | None = None,
        *,
        columns: Mapping[str, Any] | None = None,
    ) -> int:
        """Add or overwrite one vector.

        Parameters
        ----------
        vector : array-like of shape (num_dimensions,)
            As for `add_items`.
        id : int or None, default None
            None takes an id that is not in use: 0, 1, 2, ... as long as all ids are automatic.
            A known id is overwritten, and comes back if it was marked as deleted.
        columns : mapping of str to value, optional
            Its attributes: as for `add_items`, one value each.

        Returns
        -------
        int
            The id.

        Raises
        ------
        InvalidInput
            As for `add_items`.

        Notes
        -----
        `add_items` is much faster for many vectors.
        """
        row = as_vectors(vector, self.num_dimensions, "vector", axes=1)
        ids = None if id is None else as_ids([as_id(id)], "id")
        described = None if columns is None else one_row(columns, self._core)
        return int(self._core.add(row[np.newaxis], ids, 1, None, 0, described)[0])

    def add_items(
        self,
        vectors: VectorsLike | Chunks,
        ids: IdsLike | None = None,
        num_threads: int | None = -1,
        *,
        columns: ColumnsLike | None = None,
        on_conflict: OnConflict = "update",
        progress: Progress = None,
    ) -> list[int]:
        """Add or overwrite many vectors.

        Parameters
        ----------
        vectors : array-like of shape (n, num_dimensions), or iterator
            numpy arrays of any real type, order and stride, memory-mapped and read-only ones;
            nested lists; DLPack tensors on the CPU; Arrow columns of lists. Converted to float32.
            An iterator gives chunks ``(ids, vectors)`` or ``(ids, vectors, columns)`` of any size,
            with ids or None; the index does not depend on their sizes.
        ids : sequence of n int, optional
            0 to 2^64-2. None or empty: automatic ids that are not in use.
        num_threads : int or None, default -1
            Below 1 or None: all cores. The index does not depend on it.
        columns : mapping of str to sequence, optional
            Attributes by name, a value for each vector or None for no value (NaN and NaT are none
            either): bool, int, float, str (a category), dates and times (kept as microseconds, UTC
            where they name no zone), lists of str (tags); arrays, masked arrays and Arrow columns
            keep their own types. A new name makes a column, once there is a value or an array that
            has a type; other vectors have no value of it. An id that is overwritten keeps its
            values in columns that are not named. Any name but ``"id"``.
        on_conflict : {"update", "error", "keep"}, default "update"
            What becomes of a row whose id is in the index. ``"update"``: it takes the place of the
            vector that is there, also of one that was marked as deleted; of equal ids in one call
            the last row wins. ``"error"``: the call is refused, also where it names an id twice.
            ``"keep"``: the row is left out; of equal ids in one call the first row wins. An id
            that is marked as deleted is in the index, though ``id in index`` is False:
            ``"error"`` refuses it, ``"keep"`` leaves the row out and the id hidden.
        progress : bool or callable, optional
            True shows a bar or lines on stderr; a callable gets (rows done, rows in all or None).

        Returns
        -------
        list of int
            The id of each row, also of those that ``"keep"`` has left out.

        Raises
        ------
        DimensionMismatch
            A wrong width.
        NotFinite
            NaN, infinity, or a number beyond float32; ``row`` is the first bad one.
        DuplicateId
            An id is in the index, or twice in the call, and ``on_conflict="error"``.
        InvalidInput
            Not 2-D; a value that the storage cannot hold; as many ids as rows are needed; a column
            of another length, or of another type than it has in the index.
        TypeError
            Not real numbers; ids that are not integers; columns that are no mapping.

        Notes
        -----
        All rows are checked before the first is stored, so a failed call changes nothing; with an
        iterator that holds for each block of 8,192 rows. A new column of an iterator has the type
        that holds all values of the first block that has some (int8 and int16 become int16, ints
        and floats float64); later values that it cannot hold are an error that names the chunk.
        Ctrl-C keeps the rows of finished rounds.
        Releases the GIL; do not change the array meanwhile. An id that is added again moves to the
        end of `ids`, of ``list(index)`` and of vectors at equal distance. ``progress`` may query
        the index, `remove` and `mark_deleted`; adding, `save`, `repair`, `compact`, `validate` and
        `stats` are an `InvalidInput` there.

        Examples
        --------
        >>> import nearfield as nf
        >>> index = nf.Index(nf.Space.Euclidean, num_dimensions=2)
        >>> index.add_items([[0, 0], [1, 1]], ids=[10, 20])
        [10, 20]
        >>> index.add_items((None, [[i, i]], {"even": [i % 2 == 0]}) for i in range(3))
        [0, 1, 2]
        >>> index.get_columns([0, 1, 10])["even"].tolist()
        [True, False, None]
        """
        return add_rows(
            self._core, vectors, ids, as_threads(num_threads), progress, on_conflict, columns
        )

    def upsert(
        self,
        vectors: VectorsLike | Chunks,
        ids: IdsLike | None = None,
        num_threads: int | None = -1,
        *,
        columns: ColumnsLike | None = None,
        progress: Progress = None,
    ) -> list[int]:
        """Add vectors, or replace those whose ids are in the index.

        Parameters
        ----------
        vectors, ids, num_threads, columns, progress
            As for `add_items`, whose default ``on_conflict="update"`` does the same; here ids are
            needed, beside the vectors or from the iterator.

        Returns
        -------
        list of int
            The id of each row.

        Raises
        ------
        InvalidInput
            As for `add_items`; no ids.

        Notes
        -----
        A query sees the old vector of an id or the new one, never both and never neither. The place
        of the old one is used again, as after `remove`. The id moves to the end of `ids`, of
        ``list(index)`` and of vectors at equal distance. No vectors with no ids change nothing.
        """
        rows = with_ids(vectors, ids, self._core.dimensions)
        return self.add_items(rows, ids, num_threads, columns=columns, progress=progress)

    # --- shrink ---

    def remove(self, ids: IdsOrOne, *, if_missing: IfMissing = "raise") -> int:
        """Remove vectors for good, live ones and those that are marked as deleted.

        Parameters
        ----------
        ids : int or iterable of int
            One id or many, such as an array, a list, a set; one that stands twice counts once.
        if_missing : {"raise", "ignore"}, default "raise"
            What to do where an id is not in the index: raise, and remove none, or pass over it.

        Returns
        -------
        int
            How many were removed.

        Raises
        ------
        UnknownId
            An id is not in the index, and ``if_missing="raise"``.
        InvalidInput, TypeError
            Not ids.

        Notes
        -----
        No query that begins afterwards returns one of them. Their places are used again by later
        vectors, once links to them have been repaired and every query that was on its way has
        ended; memory goes back to the system with `compact` alone. A repair begins when a sixteenth
        of the rows is removed; from then on each vector that is removed or added pays for a slice
        of it, some tenths of a millisecond, and one call of `remove` for at most some 16,000 rows
        looked at. After removing a large part of the index call `repair`, which uses threads, shows
        progress and can be interrupted. The first change of a mapped index reads the whole file,
        and copies the pages it changes.

        Examples
        --------
        >>> import nearfield as nf
        >>> index = nf.Index(nf.Space.Euclidean, num_dimensions=2)
        >>> index.add_items([[0, 0], [1, 1], [2, 2]], ids=[10, 20, 30])
        [10, 20, 30]
        >>> index.remove([10, 30])
        2
        >>> index.remove(10, if_missing="ignore")
        0
        >>> list(index)
        [20]
        """
        return remove_ids(self._core, ids, if_missing)

    def repair(self, num_threads: int | None = -1, *, progress: Progress = None) -> None:
        """Repair now what adding and removing repair in slices: links to removed vectors.

        Parameters
        ----------
        num_threads : int or None, default -1
            Below 1 or None: all cores. The index does not depend on it.
        progress : bool or callable, optional
            As for `add_items`, with places looked at.

        Notes
        -----
        Afterwards no query walks through a removed vector, and their places are free. Takes 2 to
        10 us a vector of the index, up to 110 where a third of all links are lost; interrupted, it
        goes on at the next call. Queries go on meanwhile, other writers wait.
        """
        with reporting(progress, "repairing") as report:
            self._core.repair(as_threads(num_threads), report)

    def compact(self, num_threads: int | None = -1, *, progress: Progress = None) -> None:
        """Give back the memory of removed vectors, and bring the others together.

        Parameters
        ----------
        num_threads : int or None, default -1
            Below 1 or None: all cores. The index does not depend on it.
        progress : bool or callable, optional
            As for `add_items`.

        Notes
        -----
        Vectors that `mark_deleted` has hidden stay, and so do ids and their order. Answers that
        compare all vectors stay the same; those of a walk may differ slightly. Does what `repair`
        does, then copies what is left, so that neighbours lie near each other; until that is done,
        it needs memory for both. To keep the order of ids costs 8 bytes a row, so where few places
        are given back, the index and its file can get a little larger. Queries go on meanwhile,
        other writers wait; it waits for a save that is on its way. Interrupted, it may have taken
        the links to removed vectors away, but nothing is lost and all answers stay right.

        Examples
        --------
        >>> import nearfield as nf
        >>> index = nf.Index(nf.Space.Euclidean, num_dimensions=2)
        >>> ids = index.add_items([[i, i] for i in range(100)])
        >>> index.remove(ids[:90])
        90
        >>> index.compact()
        >>> index.stats().slots
        10
        """
        with reporting(progress, "compacting") as report:
            self._core.compact(as_threads(num_threads), report)

    def mark_deleted(self, id: int) -> None:
        """Hide a vector: queries no longer return it, but still walk through it.

        Parameters
        ----------
        id : int
            A live id.

        Raises
        ------
        UnknownId
            Not stored, or marked already.
        """
        self._core.mark_deleted(as_id(id))

    def unmark_deleted(self, id: int) -> None:
        """Bring back a vector that `mark_deleted` has hidden.

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
        self._core.unmark_deleted(as_id(id))

    def resize(self, new_size: int) -> None:
        """Set `max_elements`; kept for Voyager's sake, without an effect on memory.

        Parameters
        ----------
        new_size : int
            At least `num_elements`.

        Raises
        ------
        InvalidInput
            Less than `num_elements`.
        """
        size = as_count(new_size, "new_size")
        if size < self.num_elements:
            message = f"new_size is {size}, but the index holds {self.num_elements} elements"
            raise InvalidInput(message)
        self._reserved = size

    # --- ask ---

    def query(
        self,
        vectors: VectorsLike,
        k: int = 1,
        num_threads: int | None = -1,
        query_ef: int | None = -1,
        *,
        where: WhereLike | None = None,
        params: Mapping[str, Any] | None = None,
        exclude: SetsLike | None = None,
        allow: SetsLike | None = None,
        columns: Sequence[str] | None = None,
        exact: bool = False,
        explain: bool = False,
        if_short: IfShort = "raise",
        out: tuple[Ids, Distances] | None = None,
    ) -> Neighbors:
        """Find the ``k`` nearest stored vectors to each query.

        Parameters
        ----------
        vectors : array-like of shape (num_dimensions,) or (n, num_dimensions)
            Anything that `add_items` takes, but no iterators. Length does not matter in cosine
            space.
        k : int, default 1
            Neighbours of each query; 0 gives empty arrays.
        num_threads : int or None, default -1
            For a batch; below 1 or None: all cores. The results do not depend on it.
        query_ef : int or None, default -1
            Beam width, at least ``k``. Below 1 or None: `ef`, raised to ``k``. Time grows about in
            proportion; recall rises, then flattens. From a quarter of the vectors on (with
            CodesOnly of 4 bits from all of them on) every one is compared, and the result is exact.
            A filter keeps the recall that a width has, not the time; a filtered query that names
            no width takes `ef` or, if that is more, ``k`` and 4 for each time that the index has
            doubled.
        where : str, expression or dict, optional
            A condition on columns that what is returned meets: text such as ``"market = 'SE' and
            not explicit"``, what `nearfield.F` makes of Python's operators, JSON, or what `compile`
            has made of one of these; see `nearfield.filters` for the language. A comparison with
            no value is false; ``not`` gives exactly the others.
        params : mapping of str to value or list, optional
            What each ``$name`` in ``where`` stands for; ``id in $name`` takes ids in all forms of
            `IdSet`.
        exclude : set of ids, optional
            Ids that no query of the call may return: an `IdSet`, an iterable of ids or one id, a
            boolean mask in the order of `ids`, the bytes of a serialised Roaring bitmap; or a set
            for each query, as `PerQuery` or `CSR`. Ids that are not in the index are passed over.
            None and an empty set leave nothing out.
        allow : set of ids, optional
            The only ids that may be returned, in the same forms. An empty set allows nothing; None
            allows everything.
        columns : sequence of str, optional
            Attributes of what is found to be given with it, as ``columns`` of the result. They are
            read when the nearest are known: what changes meanwhile may show.
        exact : bool, default False
            Compare all that may be returned with the query, exactly: the result is that of brute
            force over the vectors as the storage keeps them.
        explain : bool, default False
            Give ``plan`` in any case, and count in it what is allowed.
        if_short : "raise" or "pad", default "raise"
            When fewer than ``k`` live vectors may be returned: raise as Voyager does, or fill with
            `nearfield.NO_ID` and infinite distances (a ``k`` of up to 65,536, or of as many as the
            index holds). ``counts`` of the result tells how many are valid.
        out : tuple of two ndarrays, optional
            Arrays for ids (uint64) and distances (float32), writeable, C-contiguous and of the
            result's shape, that overlap neither each other nor the queries. They are filled and
            returned, so a loop need not make new ones. After an error their content is undefined.

        Returns
        -------
        Neighbors
            A tuple (ids, distances): uint64 and float32, nearest first, at equal distance in order
            of insertion (which of several share the last places is not said once places of removed
            vectors were used again); (k,) for one query, (n, k) for a batch. Distances are those of
            the query as given to the vectors as the storage keeps them (`get_vector`). One that
            float32 cannot hold is infinite, and comes last. ``num_distances`` and ``num_hops`` are
            totals of the batch. ``plan`` says how a filtered query was answered (`QueryPlan`).
            ``columns`` is a dict of masked arrays of the result's shape, masked in padding.

        Raises
        ------
        DimensionMismatch
            A wrong width.
        InvalidInput
            NaN or infinity (`NotFinite`), a wrong number of axes, ``query_ef`` from 1 to k-1, a
            ``k`` that is mostly padding, an array in ``out`` that does not fit, or a filter of
            another number of queries; ``where`` that does not fit the columns (`ExpressionError`).
        TooFewNeighbors
            Fewer than ``k`` live vectors exist or pass; ``partial`` holds what was found (None for
            ``k`` beyond 65,536, which is refused before anything is looked for).
        TypeError
            An argument of a wrong type, or a negative ``k``.

        Notes
        -----
        Releases the GIL. Safe from many threads, also while others add. One vector as a contiguous
        float32 array is the quickest input. Reading ``where`` takes some tens of microseconds, and
        finding what passes a millisecond for a million vectors: `compile` does both once.

        Under a filter, all of ``min(k, allowed)`` neighbours are found, none that is left out, and
        no time depends on luck: by counts of what passes either all of that is compared, or a walk
        goes through everything near and keeps what passes, and is given up for the former where
        that turns out dearer. Each result is tested once more against the filter. Queries of one
        call see one instant of the index where a set of ids is looked up for all of them.

        Examples
        --------
        >>> import nearfield as nf
        >>> index = nf.Index(nf.Space.Euclidean, num_dimensions=2)
        >>> _ = index.add_items([[0, 0], [3, 4]])
        >>> index.query([0, 1], k=3, if_short="pad").distances.tolist()
        [1.0, 18.0, inf]
        >>> index.set_columns([0, 1], {"artist": ["Berg", "Ek"]})
        2
        >>> index.query([3, 4], k=2, columns=["artist"]).columns["artist"].tolist()
        ['Ek', 'Berg']
        """
        if columns is not None:
            from nearfield import _result_columns

            return _result_columns.query(
                self._core, columns,
                lambda: self.query(
                    vectors, k, num_threads, query_ef, where=where, params=params, exclude=exclude,
                    allow=allow, exact=exact, explain=explain, if_short=if_short, out=out,
                ),
            )  # fmt: skip
        # The common case first: numbers in the very form that the core reads.
        if (
            type(vectors) is not _NDARRAY
            or vectors.dtype is not _FLOAT32
            or vectors.flags.num & _PLAIN != _PLAIN
            or type(k) is not int
            or type(num_threads) is not int
            or type(query_ef) is not int
            or not 0 <= k <= LARGE_K
            or query_ef > _MOST_ROWS
            or num_threads > _MOST_ROWS
        ):
            vectors = as_vectors(vectors, self._core.dimensions, "vectors")
            k = as_count(k, "k")
            num_threads = as_threads(num_threads)
            query_ef = as_ef(query_ef, _MOST_ROWS)
        if params is not None and where is None:
            refuse_lone_params()
        if query_ef <= 0:
            query_ef = self._ef
            if where is not None or exclude is not None or allow is not None:
                query_ef = max(query_ef, _filtering().default_ef(k, self._core.counts[0]))
        elif query_ef < k:
            message = f"query_ef is {query_ef}, smaller than k = {k}; expected at least k, or -1"
            raise InvalidInput(message)
        if if_short != "raise" and if_short != "pad":
            message = f"if_short is {if_short!r}; expected 'raise' or 'pad'"
            raise InvalidInput(message)
        if k > LARGE_K:
            refuse_large_k(k, if_short, self._core.counts)
        ids, distances = (None, None) if out is None else as_outputs(out, vectors, k)
        if where is not None or exclude is not None or allow is not None or exact or explain:
            compiled = None if where is None else self.compile(where, params)
            given = _filtering().Filter(compiled, exclude, allow, exact, explain)
            filtered: Neighbors = _filtering().query_filtered(
                self._core, vectors, k, query_ef, num_threads, (ids, distances), given, if_short
            )
            return filtered
        found, cost = self._core.query(vectors, k, query_ef, num_threads, ids, distances)
        result = Neighbors(found)
        result._cost = cost
        if cost[0] is not None and if_short == "raise":
            raise too_few(result, k, self._core.counts)
        return result

    def tune(
        self,
        queries: VectorsLike,
        recall: float = 0.95,
        k: int = 10,
        *,
        max_ef: int | None = None,
        assured: bool = False,
        confidence: float = 0.95,
        seed: int = 1,
        num_threads: int | None = -1,
        apply: bool = False,
        progress: Progress = None,
        truth: Any = None,
    ) -> Tuning:
        """Find the smallest beam width that gives a recall.

        Parameters
        ----------
        queries : array-like of shape (n, num_dimensions)
            At least 20, better 1,000, drawn as those to come will be, each once.
        recall : float, default 0.95
            Share of the true ``k`` nearest neighbours to be found, above 0, up to 1.
        k : int, default 10
            Neighbours of each query, at least 1.
        max_ef : int, optional
            The widest beam to try, at least ``k``; default the number of live vectors.
        assured : bool, default False
            True widens the beam until even the lower end of the interval reaches ``recall``.
        confidence : float, default 0.95
            Of the interval, between 0 and 1.
        seed : int, default 1
            Chooses which queries tune and which verify.
        num_threads : int or None, default -1
            As for `query`. The result does not depend on it.
        apply : bool, default False
            True sets `ef` when the recall is reached; False changes nothing. `ef` is not kept in
            files.
        progress : bool or callable, optional
            As for `add_items`, with queries for rows, while the true neighbours are looked for.
        truth : array of ids of shape (n, >=k), or tuple (ids, distances), optional
            The true neighbours of each query, nearest first, such as those that `ExactIndex` finds
            among the vectors that were given; its distances tell ties where `exact` is True, and
            else are left out. Default: those among the vectors that the index holds; where `exact`
            is False, what rounding them costs is then not counted.

        Returns
        -------
        Tuning
            ``ef``, whether the recall was ``reached``, and the figures behind it; ``against`` says
            which truth they are of, and printing it says so where it is not plain. A recall that no
            width up to ``max_ef`` gives is no error: ``reached`` is False then, and ``ef`` is the
            best found.

        Raises
        ------
        DimensionMismatch, NotFinite
            Queries of a wrong width, or that hold NaN or infinity.
        InvalidInput
            A number out of its bounds, ``assured`` with a recall of 1, or a ``truth`` of another
            number of queries, of fewer than ``k`` neighbours, or of ids that are not stored.
        NotEnoughData
            Fewer than 20 queries; with ``assured``, so few that not even a half without a miss
            would do: the message says how many it takes.
        TooFewNeighbors
            The index holds fewer than ``k`` live vectors.
        TypeError
            An argument of a wrong type.

        Notes
        -----
        Where no ``truth`` is given, it is brute force over the index's own vectors, which takes
        most of the time. One half of the queries chooses: the width reaches ``recall`` on it, as
        does every wider one that was tried, and the next narrower one does not. That half is
        biased, because its recall was looked at until it sufficed. The other half is walked at the
        chosen width alone, so its recall is unbiased for queries like these; it comes with Wilson's
        interval.

        By default the width stays when that interval reaches up to ``recall``: the true recall is
        about the one asked for, as likely a little below as above. When the interval lies below
        ``recall``, which is more than chance, the beam is widened until both halves reach it.
        With ``assured`` it is widened until the interval lies above ``recall``: then at most
        (1 - ``confidence``) / 2 of all tunings, 2.5 % by default, give a width whose true recall is
        lower, for queries independent of each other.

        Equal input gives equal output on every machine: widths are compared by recall, never by the
        clock. From where on a beam reads all vectors, `query` says.

        Examples
        --------
        >>> import numpy as np, nearfield as nf
        >>> rng = np.random.default_rng(0)
        >>> index = nf.Index.from_vectors(rng.normal(size=(2000, 16)), space="euclidean")
        >>> tuning = index.tune(rng.normal(size=(200, 16)), recall=0.9, apply=True)
        >>> tuning.reached, index.ef == tuning.ef
        (True, True)
        """
        from nearfield.tune import tune

        return tune(
            self,
            queries,
            recall,
            k,
            max_ef=max_ef,
            assured=assured,
            confidence=confidence,
            seed=seed,
            num_threads=num_threads,
            apply=apply,
            progress=progress,
            truth=truth,
        )

    def get_vector(self, id: int) -> Vectors:
        """Give a stored vector.

        Parameters
        ----------
        id : int
            A live id.

        Returns
        -------
        ndarray of float32, shape (num_dimensions,)
            As the storage keeps it; in cosine space of unit length, before the storage
            rounded it.

        Raises
        ------
        UnknownId
            Not stored, or marked as deleted.
        """
        return cast(Vectors, self._core.get_vectors(np.array([as_id(id)], dtype=np.uint64))[0])

    def get_vectors(self, ids: IdsLike) -> Vectors:
        """Give stored vectors.

        Parameters
        ----------
        ids : sequence of n int
            Live ids; ``index.ids`` gives all.

        Returns
        -------
        ndarray of float32, shape (n, num_dimensions)
            As the storage keeps them; in cosine space of unit length, before the storage
            rounded them.

        Raises
        ------
        UnknownId
            One is not stored, or marked as deleted.
        """
        return self._core.get_vectors(as_ids(ids))

    def get_distance(self, a: VectorLike, b: VectorLike) -> float:
        """Measure the distance of two vectors as if both were stored.

        Parameters
        ----------
        a, b : array-like of shape (num_dimensions,)
            Both are rounded to the storage first; `query` rounds only what is stored. Codes alone
            round them as the rows that are there now.

        Returns
        -------
        float
            In the index's space.

        Raises
        ------
        InvalidInput
            A wrong width, NaN or infinity.
        """
        width = self._core.dimensions
        first, second = as_vectors(a, width, "a", axes=1), as_vectors(b, width, "b", axes=1)
        return self._core.distance(first, second)

    # --- keep ---

    def save(
        self,
        output_path: _files.Target = None,
        *,
        file_like: _files.Target = None,
        format: FileFormat | None = None,
    ) -> None:
        """Write the index to a file.

        Parameters
        ----------
        output_path : str, path or binary file object
            A path is written under a temporary name in the same folder, synced, and renamed: a
            crash leaves the old file whole. A file object gets bytes, at most 1 MiB at a time.
        file_like : binary file object, optional
            Voyager's other name for a file object.
        format : "nearfield" or "voyager", optional
            Our own format, with checksums, or Voyager's version 1, which keeps neither checksums
            nor the seed nor codes: these are then chosen and fitted anew, as by ``codes="auto"``,
            when the file is loaded. By default names that end in ``.voy`` or ``.voyager`` get
            Voyager's.
            Storages that Voyager has not, Float16 and CodesOnly, are written there as Float32
            vectors, which are those that `get_vector` gives: a larger file, and a warning.

        Raises
        ------
        IndexFileNotAccessible
            The path cannot be written; also an OSError.
        InvalidInput
            An unknown format; an empty index in Voyager's, which Voyager could not load.
        TypeError
            Neither a path nor a file object.

        Warns
        -----
        UserWarning
            Vectors are written as Float32 because Voyager's format has not the storage.
        """
        _files.write(
            self._core, _files.one_of("save", "output_path", output_path, file_like), format
        )

    def as_bytes(self, *, format: FileFormat = "nearfield") -> bytes:
        """Give the bytes that `save` would write; ``bytes(index)`` is the same.

        Parameters
        ----------
        format : "nearfield" or "voyager", default "nearfield"
            As for `save`.

        Returns
        -------
        bytes
            The whole file, in memory.

        Raises
        ------
        InvalidInput
            As for `save`.
        """
        return _files.as_bytes(self._core, format)

    @classmethod
    def load(
        cls,
        filename: _files.Source = None,
        space: Space | int | str | None = None,
        num_dimensions: int | None = None,
        storage_data_type: StorageDataType | int | str = StorageDataType.Float32,
        *,
        file_like: _files.Source = None,
        mmap: bool = False,
        verify: bool = False,
    ) -> Self:
        """Open an index file: nearfield's, Voyager's (versions 0 and 1) or hnswlib's.

        Parameters
        ----------
        filename : str, path, bytes or binary file object
            Bytes are the content of a file. A file object is read from its present position.
        space, num_dimensions : optional
            Needed for files that do not say it (Voyager 1.x, hnswlib); must match files that do.
            Give both or neither.
        storage_data_type : StorageDataType, int or str, default Float32
            Checked only where those two are given, and then also as the default: a Float8 file
            opened with them needs ``storage_data_type="Float8"`` as well.
        file_like : binary file object, optional
            Voyager's other name for a file object.
        mmap : bool, default False
            Map the file instead of reading it: opens at once, shares memory between processes.
            Paths to nearfield's own files only; those of other libraries are read. The file must
            not be cut short while it is open. Blocks are checked when they are first touched.
        verify : bool, default False
            With ``mmap``, check all blocks now.

        Returns
        -------
        Index
            Of the class that fits the storage; a Python subclass gives itself, without calling
            ``__init__``.

        Raises
        ------
        NotAnIndexFile, UnsupportedVersion, CorruptIndexFile
            The content is not one of the formats, too new, or damaged.
        FileMismatch
            The file holds something else than the arguments say, or string keys, which
            `nearfield.load` and `nearfield.StringIndex.load` open.
        IndexFileNotAccessible
            The path cannot be read; also the OSError that fits, such as FileNotFoundError.
        TypeError
            An argument of a wrong type; ``space`` without ``num_dimensions``.
        """
        source = _files.one_of("load", "filename", filename, file_like)
        checks = _files.expected(space, num_dimensions, storage_data_type)
        core = _files.read(source, mmap=mmap, verify=verify, **checks)
        if core.attachment(KEYS):
            message = "the file holds an index with string keys; open it with nearfield.load"
            raise FileMismatch(message)
        return cls._from_core(core)

    @classmethod
    def _from_core(cls, core: Core) -> Self:
        chosen = cast(type[Self], Index if cls in _CLASS_OF.values() else cls)
        self = chosen.__new__(chosen)
        self._adopt(core)
        return self

    @classmethod
    def from_vectors(
        cls,
        vectors: VectorsLike,
        *,
        ids: IdsLike | None = None,
        space: Space | int | str = Space.Cosine,
        num_threads: int | None = -1,
        progress: Progress = None,
        **options: Any,
    ) -> Self:
        """Make an index of these vectors.

        Parameters
        ----------
        vectors : array-like of shape (n, num_dimensions)
            As for `add_items`, but no iterators.
        ids : sequence of n int, optional
            As for `add_items`.
        space : Space, int or str, default Cosine
            Geometry.
        num_threads, progress
            As for `add_items`.
        **options
            Any other argument of the class.

        Returns
        -------
        Index
            Of the class that fits the storage.

        Raises
        ------
        InvalidInput
            As for `add_items`.

        Examples
        --------
        >>> import numpy as np, nearfield as nf
        >>> len(nf.Index.from_vectors(np.eye(4), M=16))
        4
        """
        rows = as_vectors(vectors, None, "vectors", axes=2)
        index = cls(space, rows.shape[1], **options)
        index.add_items(rows, ids, num_threads, progress=progress)
        return index

    # --- describe ---

    @property
    def num_elements(self) -> int:
        """Ids that are stored, those marked as deleted included; ``len`` leaves them out."""
        _, live, marked, *_ = self._core.counts
        return live + marked

    @property
    def max_elements(self) -> int:
        """A number kept for Voyager's sake; writing it is `resize`."""
        return max(self._reserved, self.num_elements)

    @max_elements.setter
    def max_elements(self, new_size: int) -> None:
        self.resize(new_size)

    @property
    def ef(self) -> int:
        """Beam width of queries that name none; 10 at first and after loading; 0 means k."""
        return self._ef

    @ef.setter
    def ef(self, width: int) -> None:
        self._ef = min(as_count(width, "ef"), _MOST_ROWS)

    @property
    def ids(self) -> LabelSetView:
        """The live ids, as a view."""
        return LabelSetView(self, lambda: self._core.ids(False))

    # --- protocol ---

    def __len__(self) -> int:
        """Count the live ids."""
        return self._core.counts[1]

    def __iter__(self) -> Iterator[int]:
        """Go over the live ids, in order of insertion."""
        return iter(self._core.ids(False).tolist())

    def __contains__(self, id: object) -> bool:
        """Tell whether an id is live; False for anything that cannot be an id."""
        try:
            return self._core.contains(as_id(id))
        except TypeError:
            return False

    def __getitem__(self, id: int) -> Vectors:
        """Give a stored vector, as `get_vector`."""
        return self.get_vector(id)

    def __delitem__(self, id: int) -> None:
        """Hide a vector, as `mark_deleted`."""
        self.mark_deleted(id)

    def __bytes__(self) -> bytes:
        """Give the bytes of the file, as `as_bytes`."""
        return self.as_bytes()

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle and copy by the bytes of the file, with `ef` and the user's own attributes."""
        own = {name: value for name, value in self.__dict__.items() if name not in _OWN}
        return _restore, (type(self), self.as_bytes(), self._ef, self._reserved), own or None

    def __repr__(self) -> str:
        """Name class, space, width and storage, as Voyager does, and the codes."""
        return (
            f"<nearfield.{type(self).__name__} space={self.space.name} "
            f"num_dimensions={self.num_dimensions} "
            f"storage_data_type={self.storage_data_type.name} codes={self.codes}>"
        )


class FloatIndex(Index):
    """An `Index` that keeps vectors as float32."""

    _storage = StorageDataType.Float32


class _EightBitIndex(Index):
    def __init__(
        self,
        space: Space | int | str,
        num_dimensions: int,
        M: int = 12,
        ef_construction: int = 200,
        random_seed: int = 1,
        max_elements: int = 1,
        storage_data_type: StorageDataType | int | str | None = None,
        *,
        codes: CodesName = "auto",
    ) -> None:
        storage = self._storage if storage_data_type is None else storage_data_type
        super().__init__(
            space,
            num_dimensions,
            M,
            ef_construction,
            random_seed,
            max_elements,
            cast(StorageDataType, storage),
            codes=codes,
        )


class Float8Index(_EightBitIndex):
    """An `Index` that keeps vectors in 8 bits of fixed point, -128/127 to 1."""

    _storage = StorageDataType.Float8


class E4M3Index(_EightBitIndex):
    """An `Index` that keeps vectors as 8-bit floating-point numbers (`E4M3T`)."""

    _storage = StorageDataType.E4M3


_CLASS_OF: dict[StorageDataType, type[Index]] = {
    StorageDataType.Float32: FloatIndex,
    StorageDataType.Float8: Float8Index,
    StorageDataType.E4M3: E4M3Index,
}


def _filtering() -> types.ModuleType:
    """Load what filtered queries need, with the first of them."""
    from nearfield import _filtering

    return _filtering


def _restore(cls: type[Index], data: bytes, ef: int, reserved: int) -> Index:
    """Rebuild a pickled index."""
    index = cls.__new__(cls)
    index._adopt(_files.read(data), ef, reserved)
    return index
