"""`StringIndex`: an index whose vectors have strings for names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self, cast

import numpy as np
from numpy.typing import NDArray

from nearfield import _files
from nearfield._adding import listed
from nearfield._arrays import as_key_outputs, as_vectors, is_chunked
from nearfield._core import Index as Core
from nearfield._described import refuse_lone_params
from nearfield._facts import Facts
from nearfield._key_described import KeyDescribed
from nearfield._key_table import KeyTable, Names
from nearfield._keyed import KeyedCore, as_of_key
from nearfield._keys import ATTACHMENT, as_key, as_keys, parse_keys
from nearfield._numbers import as_count, as_threads
from nearfield._removing import as_one_or_more_keys, missing_raises, not_there
from nearfield.errors import CorruptIndexFile, FileMismatch, InvalidInput, UnknownId
from nearfield.ids import KeyView
from nearfield.index import Index
from nearfield.neighbors import (
    LARGE_K,
    NO_ID,
    KeyNeighbors,
    Neighbors,
    refuse_large_k,
    too_few,
)
from nearfield.spaces import Space, StorageDataType
from nearfield.typing import (
    CodesName,
    ColumnsLike,
    Distances,
    FileFormat,
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
    from nearfield.compiled import CompiledFilter
    from nearfield.tune import Tuning

__all__ = ["KeysLike", "StringIndex"]

KeysLike = Sequence[str] | NDArray[np.str_] | NDArray[np.object_]
KeyedChunks = Iterable[
    tuple[KeysLike, VectorsLike] | tuple[KeysLike, VectorsLike, ColumnsLike | None]
]

_OWN = frozenset(("_core", "_filters", "_filters_in_file", "_index", "_keyed"))


class StringIndex(Facts, KeyDescribed):
    """An index of vectors that are named by strings.

    The same methods as `nearfield.Index`, with keys in place of ids; queries return keys, and in
    expressions ``id`` is the key. The keys are kept in the file. A key that is added again
    overwrites its vector; one that is removed leaves nothing behind, and may be added again.

    Parameters
    ----------
    space, num_dimensions, M, ef_construction, random_seed, max_elements, storage_data_type, codes
        As for `nearfield.Index`.

    Raises
    ------
    InvalidInput
        As for `nearfield.Index`.

    Notes
    -----
    Threads: as for `nearfield.Index`, without a lock of your own; adds, saves, `repair` and
    `compact` wait for each other, removals for saves alone. What a query returns has the key that
    it had when the query began. What is saved are keys and vectors of one instant. Inside, key
    number i in order of first appearance has the id i.

    Examples
    --------
    >>> import nearfield as nf
    >>> index = nf.StringIndex(nf.Space.Euclidean, num_dimensions=2)
    >>> index.add_items([[0, 0], [1, 1]], ["zero", "one"])
    ['zero', 'one']
    >>> keys, distances = index.query([0.9, 0.9], k=2)
    >>> keys.tolist()
    ['one', 'zero']
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
        *,
        codes: CodesName = "auto",
    ) -> None:
        index = Index(
            space,
            num_dimensions,
            M,
            ef_construction,
            random_seed,
            max_elements,
            storage_data_type,
            codes=codes,
        )
        self._adopt(index, KeyTable(), attached=False)

    def _adopt(self, index: Index, table: KeyTable, *, attached: bool) -> None:
        self._index = index
        self._keyed = KeyedCore(index._core, table, attached)
        self._describe(index._core)

    # --- grow ---

    def add_item(
        self, vector: VectorLike, key: str, *, columns: Mapping[str, Any] | None = None
    ) -> str:
        """Add or overwrite one vector.

        Parameters
        ----------
        vector : array-like of shape (num_dimensions,)
            As for `nearfield.Index.add_item`.
        key : str
            Its name.
        columns : mapping of str to value, optional
            Its attributes: as for `nearfield.Index.add_item`.

        Returns
        -------
        str
            The key.

        Raises
        ------
        InvalidInput
            As for `nearfield.Index.add_item`.
        TypeError
            The key is not a str.
        """
        row = as_vectors(vector, self.num_dimensions, "vector", axes=1)
        described = None if columns is None else listed(columns)
        return self.add_items(row[np.newaxis], [as_key(key)], 1, columns=described)[0]

    def add_items(
        self,
        vectors: VectorsLike | KeyedChunks,
        keys: KeysLike | None = None,
        num_threads: int | None = -1,
        *,
        columns: ColumnsLike | None = None,
        on_conflict: OnConflict = "update",
        progress: Progress = None,
    ) -> list[str]:
        """Add or overwrite many vectors.

        Parameters
        ----------
        vectors : array-like of shape (n, num_dimensions), or iterator
            As for `nearfield.Index.add_items`; an iterator gives ``(keys, vectors)`` or ``(keys,
            vectors, columns)``.
        keys : sequence of n str
            Their names; left out when an iterator gives them.
        num_threads, columns, on_conflict, progress
            As for `nearfield.Index.add_items`, with keys for ids.

        Returns
        -------
        list of str
            The key of each row.

        Raises
        ------
        DuplicateId
            A key is in the index, or twice in the call, and ``on_conflict="error"``; ``id`` is the
            key.
        InvalidInput
            As for `nearfield.Index.add_items`.
        TypeError
            The keys are missing or are not str.

        Notes
        -----
        As for `nearfield.Index.add_items`.

        Examples
        --------
        >>> import nearfield as nf
        >>> index = nf.StringIndex(nf.Space.Euclidean, num_dimensions=1)
        >>> index.add_items([[1], [2]], ["a", "b"])
        ['a', 'b']
        >>> index.add_items([[5], [3]], ["a", "c"], on_conflict="keep")
        ['a', 'c']
        >>> index["a"].tolist(), index["c"].tolist()
        ([1.0], [3.0])
        """
        return self._keyed.add(
            vectors, keys, as_threads(num_threads), progress, on_conflict, columns
        )

    def upsert(
        self,
        vectors: VectorsLike | KeyedChunks,
        keys: KeysLike | None = None,
        num_threads: int | None = -1,
        *,
        columns: ColumnsLike | None = None,
        progress: Progress = None,
    ) -> list[str]:
        """Add vectors, or replace those whose keys are in the index.

        Parameters
        ----------
        vectors, keys, num_threads, columns, progress
            As for `add_items`, whose default ``on_conflict="update"`` does the same.

        Returns
        -------
        list of str
            The key of each row.

        Raises
        ------
        InvalidInput
            As for `add_items`; no keys.
        TypeError
            The keys are not str.

        Notes
        -----
        A query sees the old vector of a key or the new one, never both and never neither. The key
        moves to the end of `keys`, of ``list(index)`` and of vectors at equal distance.
        """
        if keys is None and not is_chunked(vectors):
            message = "keys is None; expected a key for each vector"
            raise InvalidInput(message)
        return self.add_items(vectors, keys, num_threads, columns=columns, progress=progress)

    # --- shrink ---

    def remove(self, keys: Iterable[str] | KeysLike, *, if_missing: IfMissing = "raise") -> int:
        """Remove vectors for good, live ones and those that are marked as deleted.

        Parameters
        ----------
        keys : str or iterable of str
            One key or many, such as an array, a list, a set; one that stands twice counts once.
        if_missing : {"raise", "ignore"}, default "raise"
            What to do where a key is not in the index: raise, and remove none, or pass over it.

        Returns
        -------
        int
            How many were removed.

        Raises
        ------
        UnknownId
            A key is not in the index, and ``if_missing="raise"``; ``id`` is the key.
        InvalidInput, TypeError
            Not keys.

        Notes
        -----
        As for `nearfield.Index.remove`. The keys go with their vectors, from the next file too. A
        query that began before may return one; after the call none does that begins.

        Examples
        --------
        >>> import nearfield as nf
        >>> index = nf.StringIndex(nf.Space.Euclidean, num_dimensions=1)
        >>> _ = index.add_items([[1], [2], [3]], ["a", "b", "c"])
        >>> index.remove(["a", "c"]), index.remove("c", if_missing="ignore")
        (2, 0)
        >>> list(index), "a" in index
        (['b'], False)
        """
        raises = missing_raises(if_missing)
        return self._keyed.remove(as_one_or_more_keys(keys), raises)

    def repair(self, num_threads: int | None = -1, *, progress: Progress = None) -> None:
        """Repair now what adding and removing repair in slices: links to removed vectors.

        Parameters
        ----------
        num_threads, progress
            As for `nearfield.Index.repair`.
        """
        with self._keyed.writing():
            self._index.repair(num_threads, progress=progress)

    def compact(self, num_threads: int | None = -1, *, progress: Progress = None) -> None:
        """Give back the memory of removed vectors and their keys, and bring the others together.

        Parameters
        ----------
        num_threads, progress
            As for `nearfield.Index.compact`.

        Notes
        -----
        As for `nearfield.Index.compact`. Removals need no call of this lest keys pile up: what it
        gives back of them is what a file has brought.
        """
        with self._keyed.writing():
            self._index.compact(num_threads, progress=progress)
            self._keyed.compact_keys()

    def mark_deleted(self, key: str) -> None:
        """Hide a vector; see `nearfield.Index.mark_deleted`.

        Parameters
        ----------
        key : str
            A live key.

        Raises
        ------
        UnknownId
            Not stored, or marked already.
        """
        with _named(key):
            self._index._core.mark_deleted(self._id(key))

    def unmark_deleted(self, key: str) -> None:
        """Bring back a vector that `mark_deleted` has hidden.

        Parameters
        ----------
        key : str
            A marked key.

        Raises
        ------
        UnknownId
            Not stored.
        InvalidInput
            Not marked.
        """
        with _named(key):
            self._index._core.unmark_deleted(self._id(key))

    def resize(self, new_size: int) -> None:
        """Set `max_elements`; see `nearfield.Index.resize`.

        Parameters
        ----------
        new_size : int
            At least `num_elements`.

        Raises
        ------
        InvalidInput
            Less than `num_elements`.
        """
        self._index.resize(new_size)

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
        out: tuple[NDArray[np.object_], Distances] | None = None,
    ) -> KeyNeighbors:
        """Find the ``k`` nearest stored vectors to each query.

        Parameters
        ----------
        vectors, k, num_threads, query_ef
            As for `nearfield.Index.query`.
        where, params : optional
            As for `nearfield.Index.query`, but ``id`` is the key: ``id = 'a'``, ``id != 'a'``, ``id
            in ['a', 'b']`` and ``id in $name``, which takes a list, set or array of keys. Keys that
            are not in the index are passed over.
        exclude : set of keys, optional
            Keys that no query of the call may return: one key, an iterable of keys, or a boolean
            mask in the order of `keys`; or one of these or None for each query, as
            `nearfield.PerQuery`. Keys that are not in the index are passed over. None and an empty
            set leave nothing out.
        allow : set of keys, optional
            The only keys that may be returned, in the same forms. An empty set allows nothing; None
            allows everything.
        columns : sequence of str, optional
            As for `nearfield.Index.query`.
        exact, explain : bool, default False
            As for `nearfield.Index.query`.
        if_short : "raise" or "pad", default "raise"
            As for `nearfield.Index.query`; the key that pads is None.
        out : tuple of two ndarrays, optional
            As for `nearfield.Index.query`, but the first is for keys and of dtype object.

        Returns
        -------
        KeyNeighbors
            A tuple (keys, distances): `str` objects and float32; (k,) for one query, (n, k) for a
            batch.

        Raises
        ------
        InvalidInput, TooFewNeighbors, TypeError
            As for `nearfield.Index.query`.

        Notes
        -----
        As for `nearfield.Index.query`. A filter costs a look-up for each key, some 100 ns; a
        compiled one that names keys pays for it again when keys have come or gone. A key that is
        removed and added again while the query runs is left out as well.

        Examples
        --------
        >>> import nearfield as nf
        >>> index = nf.StringIndex(nf.Space.Euclidean, num_dimensions=1)
        >>> _ = index.add_items([[1], [2], [3]], ["a", "b", "c"])
        >>> index.query([1], k=2, exclude=["a", "never heard of"]).keys.tolist()
        ['b', 'c']
        """
        from nearfield import _key_sets

        raising = if_short == "raise"
        if raising and as_count(k, "k") > LARGE_K:
            refuse_large_k(k, if_short, self._index._core.counts)
        keys = ids = None
        if out is not None:
            vectors = as_vectors(vectors, self.num_dimensions, "vectors")
            keys, distances = as_key_outputs(out, vectors, as_count(k, "k"))
            ids = (np.empty(keys.shape, dtype=np.uint64), distances)
        read: Any = None if where is None else self.compile(where, params)
        if params is not None and where is None:
            refuse_lone_params()
        given = _key_sets.KeyFilter(exclude, allow, read)

        def ask(
            names: Names, without: Any, among: Any, filtered: CompiledFilter | None
        ) -> KeyNeighbors:
            found = self._index.query(
                vectors,
                k,
                num_threads,
                query_ef,
                where=filtered,
                exclude=without,
                allow=among,
                columns=columns,
                exact=exact,
                explain=explain,
                if_short="pad" if raising else if_short,
                out=ids,
            )
            return self._named(found, names, keys)

        result = given.ask(self._keyed, ask)
        if raising and result._cost[0] is not None:
            if given.is_given:
                from nearfield import _filtering

                raise _filtering.too_few_pass(result, k, self._index._core.counts)
            raise too_few(result, k, self._index._core.counts)
        return result

    def _named(
        self, found: Neighbors, names: Names, keys: NDArray[np.object_] | None
    ) -> KeyNeighbors:
        key = names.key
        named = [None if id == NO_ID else key(id) for id in found.ids.ravel().tolist()]
        if keys is None:
            keys = np.empty(found.ids.shape, dtype=object)
        keys.reshape(-1)[:] = named
        result = KeyNeighbors((keys, found.distances))
        result._ids = found.ids
        result._cost, result._report = found._cost, found._report
        result._columns = found._columns
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
        queries, recall, k, max_ef, assured, confidence, seed, num_threads, apply, progress
            As for `nearfield.Index.tune`.
        truth : array of keys of shape (n, >=k), or tuple (keys, distances), optional
            As for `nearfield.Index.tune`.

        Returns
        -------
        Tuning
            As for `nearfield.Index.tune`, which says what is guaranteed.

        Raises
        ------
        InvalidInput, NotEnoughData, TooFewNeighbors, TypeError
            As for `nearfield.Index.tune`.
        """
        from nearfield.tune import tune

        # Without keys to compare, the index inside is quicker and gives the same.
        return tune(
            self._index if truth is None else self,
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

    def get_vector(self, key: str) -> Vectors:
        """Give a stored vector.

        Parameters
        ----------
        key : str
            A live key.

        Returns
        -------
        ndarray of float32, shape (num_dimensions,)
            As for `nearfield.Index.get_vector`.

        Raises
        ------
        UnknownId
            Not stored, or marked as deleted.
        """
        with _named(key):
            return self._index.get_vector(self._id(key))

    def get_vectors(self, keys: KeysLike | KeyView) -> Vectors:
        """Give stored vectors.

        Parameters
        ----------
        keys : sequence of n str
            Live keys; ``index.keys`` gives all.

        Returns
        -------
        ndarray of float32, shape (n, num_dimensions)
            As for `nearfield.Index.get_vectors`.

        Raises
        ------
        UnknownId
            One is not stored, or marked as deleted.
        """
        given = as_keys(keys)
        ids = [self._id(key) for key in given]
        try:
            return self._index._core.get_vectors(np.array(ids, dtype=np.uint64))
        except UnknownId as error:
            raise as_of_key(error, given[ids.index(cast(int, error.id))]) from None

    def get_distance(self, a: VectorLike, b: VectorLike) -> float:
        """Measure the distance of two vectors as the index would.

        Parameters
        ----------
        a, b : array-like of shape (num_dimensions,)
            As for `nearfield.Index.get_distance`.

        Returns
        -------
        float
            In the index's space.

        Raises
        ------
        InvalidInput
            A wrong width, NaN or infinity.
        """
        return self._index.get_distance(a, b)

    # --- keep ---

    def save(
        self,
        output_path: _files.Target = None,
        *,
        file_like: _files.Target = None,
        format: FileFormat | None = None,
    ) -> None:
        """Write the index and its keys to a file.

        Parameters
        ----------
        output_path, file_like
            As for `nearfield.Index.save`.
        format : "nearfield", optional
            Voyager's format has no place for keys and is refused, also by the end of a name.

        Raises
        ------
        IndexFileNotAccessible, InvalidInput, TypeError
            As for `nearfield.Index.save`.
        """
        target = _files.one_of("save", "output_path", output_path, file_like)
        chosen = _files.format_of(target, format)
        _refuse_voyager(chosen)
        with self._keyed.saving() as taken:
            _files.write(self._index._core, target, chosen, taken)

    def as_bytes(self, *, format: FileFormat = "nearfield") -> bytes:
        """Give the bytes that `save` would write; ``bytes(index)`` is the same.

        Parameters
        ----------
        format : "nearfield"
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
        _refuse_voyager(format)
        with self._keyed.saving() as taken:
            return _files.as_bytes(self._index._core, format, taken)

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
        """Open a file that a `StringIndex` has saved.

        Parameters
        ----------
        filename, space, num_dimensions, storage_data_type, file_like, mmap, verify
            As for `nearfield.Index.load`.

        Returns
        -------
        StringIndex
            Of the class that was asked.

        Raises
        ------
        FileMismatch
            The file holds an index without keys, or something else than the arguments say.
        CorruptIndexFile
            Also when the keys are damaged.
        NotAnIndexFile, UnsupportedVersion, IndexFileNotAccessible, TypeError
            As for `nearfield.Index.load`.
        """
        source = _files.one_of("load", "filename", filename, file_like)
        checks = _files.expected(space, num_dimensions, storage_data_type)
        return cls._from_core(_files.read(source, mmap=mmap, verify=verify, **checks))

    @classmethod
    def _from_core(cls, core: Core) -> Self:
        data = core.attachment(ATTACHMENT)
        if not data:
            message = "the file holds an index with integer ids; open it with nearfield.Index.load"
            raise FileMismatch(message)
        keys = parse_keys(data)
        nameless = keys.without_key(core.ids(True))
        if nameless.size:
            message = (
                f'the attachment "keys" has {len(keys)} keys, but none for the id {nameless[0]}, '
                "which is stored"
            )
            raise CorruptIndexFile(message, 0, "keys.n")
        self = cls.__new__(cls)
        self._adopt(Index._from_core(core), KeyTable(keys), attached=True)
        return self

    @classmethod
    def from_vectors(
        cls,
        vectors: VectorsLike,
        *,
        keys: KeysLike,
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
        keys : sequence of n str
            Their names.
        space, num_threads, progress
            As for `nearfield.Index.from_vectors`.
        **options
            Any other argument of the class.

        Returns
        -------
        StringIndex
            Of the class that was asked.

        Raises
        ------
        InvalidInput, TypeError
            As for `add_items`.

        Examples
        --------
        >>> import numpy as np, nearfield as nf
        >>> list(nf.StringIndex.from_vectors(np.eye(2), keys=["x", "y"]))
        ['x', 'y']
        """
        rows = as_vectors(vectors, None, "vectors", axes=2)
        index = cls(space, rows.shape[1], **options)
        index.add_items(rows, keys, num_threads, progress=progress)
        return index

    # --- describe ---

    @property
    def num_elements(self) -> int:
        """Keys that are stored, those marked as deleted included; ``len`` leaves them out."""
        return self._index.num_elements

    @property
    def max_elements(self) -> int:
        """A number kept for Voyager's sake; writing it is `resize`."""
        return self._index.max_elements

    @max_elements.setter
    def max_elements(self, new_size: int) -> None:
        self._index.resize(new_size)

    @property
    def ef(self) -> int:
        """Beam width of queries that name none; 10 at first and after loading."""
        return self._index.ef

    @ef.setter
    def ef(self, width: int) -> None:
        self._index.ef = width

    @property
    def keys(self) -> KeyView:
        """The live keys, as a view."""
        return KeyView(self, self._live_keys)

    @property
    def ids(self) -> KeyView:
        """The live keys, under the name that `nearfield.Index` has for them."""
        return self.keys

    def _live_keys(self) -> NDArray[np.object_]:
        names = self._keyed.names
        named = [names.key(id) for id in self._index]
        keys = np.empty(len(named), dtype=object)
        keys[:] = named
        return keys

    # --- protocol ---

    def _id(self, key: object) -> int:
        name = as_key(key)
        id = self._keyed.find(name)
        if id is None:
            raise not_there([name])
        return id

    def __len__(self) -> int:
        """Count the live keys."""
        return len(self._index)

    def __iter__(self) -> Iterator[str]:
        """Go over the live keys, in order of insertion."""
        return iter(self.keys)

    def __contains__(self, key: object) -> bool:
        """Tell whether a key is live; False for anything that is not a str."""
        if not isinstance(key, str):
            return False
        id = self._keyed.find(key)
        return id is not None and self._index._core.contains(id)

    def __getitem__(self, key: str) -> Vectors:
        """Give a stored vector, as `get_vector`."""
        return self.get_vector(key)

    def __delitem__(self, key: str) -> None:
        """Hide a vector, as `mark_deleted`."""
        self.mark_deleted(key)

    def __bytes__(self) -> bytes:
        """Give the bytes of the file, as `as_bytes`."""
        return self.as_bytes()

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle and copy by the bytes of the file, with `ef` and the user's own attributes."""
        own = {name: value for name, value in self.__dict__.items() if name not in _OWN}
        return _restore, (type(self), self.as_bytes(), self.ef, self._index._reserved), own or None

    def __repr__(self) -> str:
        """Name class, space, width, storage and codes."""
        return (
            f"<nearfield.{type(self).__name__} space={self.space.name} "
            f"num_dimensions={self.num_dimensions} "
            f"storage_data_type={self.storage_data_type.name} codes={self.codes}>"
        )


def _restore(cls: type[StringIndex], data: bytes, ef: int, reserved: int) -> StringIndex:
    """Rebuild a pickled index."""
    index = cls._from_core(_files.read(data))
    index.ef = ef
    index._index._reserved = reserved
    return index


def _refuse_voyager(file_format: FileFormat) -> None:
    if file_format == "voyager":
        message = (
            "Voyager's format has no place for keys; save under a name that ends in .nf, or with "
            "format='nearfield'"
        )
        raise InvalidInput(message)


class _named:
    """Say the key, not the id behind it, when the core refuses it."""

    __slots__ = ("_key",)

    def __init__(self, key: str) -> None:
        self._key = key

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, (UnknownId, InvalidInput)):
            raise as_of_key(error, self._key) from None
