"""How good and how fast an approximate index is, measured against the truth."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from nearfield._arrays import as_vectors
from nearfield._numbers import as_count
from nearfield._progress import reporting
from nearfield.errors import InvalidInput
from nearfield.exact import ExactIndex, refuse_not_finite, unit_rows
from nearfield.neighbors import NO_ID
from nearfield.spaces import Space
from nearfield.typing import Progress, Searcher, Vectors, VectorsLike

__all__ = [
    "Against",
    "CurvePoint",
    "Measurable",
    "TriedWidth",
    "Tuning",
    "checked_truth",
    "curve",
    "measured_against",
    "recall",
    "recall_by_query",
    "true_neighbors",
    "tune",
]

_BLOCK_ROWS = 1024
_BLOCK_QUERIES = 256
_TOLERANCE = 1e-6

Against: TypeAlias = Literal["given", "held", "truth"]
"""What recall is measured against.

"given": the vectors as they were given to the index. "held": the vectors as an index holds them
that has rounded them (`nearfield.Index.exact` is False), so what rounding costs does not show.
"truth": true neighbours that the caller handed in.
"""

# `tune` stands on this file, so its names are fetched when they are asked for here.
if TYPE_CHECKING:
    from nearfield.tune import TriedWidth, Tuning, tune
else:

    def __getattr__(name: str) -> object:
        """Give what `nearfield.tune` holds: tuning is half of measuring."""
        if name in ("TriedWidth", "Tuning", "tune"):
            return getattr(import_module("nearfield.tune"), name)
        message = f"module 'nearfield.evaluate' has no attribute {name!r}"
        raise AttributeError(message)


class Measurable(Searcher, Protocol):
    """What `curve` needs of an index; `nearfield.Index` and `nearfield.StringIndex` have it."""

    @property
    def space(self) -> Space:
        """Geometry."""

    @property
    def num_dimensions(self) -> int:
        """Width of every vector."""

    @property
    def ids(self) -> Any:
        """The live ids or keys."""

    def get_vectors(self, ids: Any, /) -> Vectors:
        """Give stored vectors."""


class CurvePoint(NamedTuple):
    """One beam width and what it gave."""

    ef: int
    """Beam width."""
    recall: float
    """Share of the true neighbours that were found."""
    queries_per_second: float
    """Of the whole batch."""
    distances: float
    """Vectors compared with a query, per query; equal on every machine."""
    hops: float
    """Link rows read on level 0, per query; equal on every machine."""
    against: Against = "given"
    """What the recall is measured against."""


def recall(
    found: Any,
    truth: Any,
    k: int | None = None,
    *,
    exclude_self: Any = None,
    tolerance: float = _TOLERANCE,
) -> float:
    """Measure the share of the true nearest neighbours that was found.

    Parameters
    ----------
    found, truth : Neighbors, tuple (ids, distances), or array of ids of shape (n, >=k) or (>=k,)
        Ids may be integers or keys. With distances on both sides the measure knows ties: a found
        item whose distance is at most the k-th true distance counts, whatever its id. Hand in ids
        alone where the index has rounded its vectors (`nearfield.Index.exact` is False): its
        distances are not those of the vectors as given.
    k : int, optional
        How many of the true neighbours to look for; default all columns of ``truth``.
    exclude_self : True or array of n ids, optional
        The ids of the queries themselves, which are taken out of both sides first; True means 0 ...
        n-1. Ask for k + 1 neighbours then.
    tolerance : float, default 1e-6
        How far, relative to the k-th true distance, a distance may lie above it and still count:
        float32 sums differ in their last bits.

    Returns
    -------
    float
        0 to 1, the mean over the queries; NaN when there is nothing to find. Padding on the true
        side is not asked for; an id that was found twice counts once.

    Raises
    ------
    InvalidInput
        Different numbers of queries, or ``truth`` with fewer than ``k`` columns.

    Examples
    --------
    >>> recall([[1, 2, 3]], [[1, 3, 4]], k=2)
    0.5
    >>> recall(([[1, 2]], [[0.0, 0.5]]), ([[1, 9]], [[0.0, 0.5]]))
    1.0
    """
    hits, asked = _hits(found, truth, k, exclude_self, tolerance)
    total = int(asked.sum())
    return int(hits.sum()) / total if total else float("nan")


def recall_by_query(
    found: Any,
    truth: Any,
    k: int | None = None,
    *,
    exclude_self: Any = None,
    tolerance: float = _TOLERANCE,
) -> NDArray[np.float64]:
    """Measure the recall of each query, to see which are hard and how far they differ.

    Parameters
    ----------
    found, truth, k, exclude_self, tolerance
        As for `recall`.

    Returns
    -------
    ndarray of float64, shape (n,)
        0 to 1; NaN for a query for which there is nothing to find.

    Raises
    ------
    InvalidInput
        As for `recall`.

    Examples
    --------
    >>> recall_by_query([[1, 2], [3, 9]], [[1, 2], [3, 4]]).tolist()
    [1.0, 0.5]
    """
    hits, asked = _hits(found, truth, k, exclude_self, tolerance)
    shares = np.full(len(hits), np.nan)
    np.divide(hits, asked, out=shares, where=asked > 0)
    return shares


def _hits(
    found: Any, truth: Any, k: int | None, exclude_self: Any, tolerance: float
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Count, for each query, the true neighbours that were found and those to be found."""
    found_ids, found_distances = _sides(found)
    true_ids, true_distances = _sides(truth)
    if len(found_ids) != len(true_ids):
        message = (
            f"found has {len(found_ids)} rows and truth {len(true_ids)}; expected one row a query"
        )
        raise InvalidInput(message)
    own = _own_ids(exclude_self, len(true_ids))
    width = true_ids.shape[1] - (own is not None)
    wanted = width if k is None else as_count(k, "k")
    if wanted > width:
        message = (
            f"truth has {true_ids.shape[1]} columns; expected at least {wanted + (own is not None)}"
        )
        raise InvalidInput(message)
    hits, total = np.zeros((2, len(true_ids)), dtype=np.intp)
    for first in range(0, len(true_ids), _BLOCK_ROWS):
        block = slice(first, first + _BLOCK_ROWS)
        mine = None if own is None else own[block]
        f_ids, f_distances = _first(found_ids[block], _rows(found_distances, block), mine, wanted)
        t_ids, t_distances = _first(true_ids[block], _rows(true_distances, block), mine, wanted)
        asked = _is_real(t_ids).sum(axis=1)
        good = (f_ids[:, :, np.newaxis] == t_ids[:, np.newaxis, :]).any(axis=2)
        if f_distances is not None and t_distances is not None and wanted:
            real = np.where(_is_real(t_ids), t_distances, -np.inf)
            limit = real.max(axis=1, initial=-np.inf)[:, np.newaxis]
            with np.errstate(invalid="ignore"):
                good |= f_distances <= limit + tolerance * np.abs(limit)
        good &= _is_real(f_ids) & ~_seen_before(f_ids)
        hits[block], total[block] = np.minimum(good.sum(axis=1), asked), asked
    return hits, total


def _sides(given: Any) -> tuple[NDArray[Any], NDArray[Any] | None]:
    distances = None
    if isinstance(given, tuple) and len(given) == 2:
        given, distances = given
    if distances is not None:
        distances = np.atleast_2d(np.asarray(distances, dtype=np.float64))
    ids = np.atleast_2d(np.asarray(given))
    if ids.ndim != 2 or (distances is not None and distances.shape != ids.shape):
        message = f"ids have shape {ids.shape}; expected (n, k), and distances of the same shape"
        raise InvalidInput(message)
    if ids.dtype.kind == "i":
        ids = ids.astype(np.uint64)  # so that -1, a common padding, becomes NO_ID
    return ids, distances


def _sides_of_truth(index: Measurable, truth: Any) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """Leave out the distances where the index has rounded its vectors and so has other ones.

    By those of the vectors as given, more of what it finds would count as ties.
    """
    ids, distances = _sides(truth)
    return ids, distances if getattr(index, "exact", True) else None


def _rows(distances: NDArray[Any] | None, block: slice) -> NDArray[Any] | None:
    return None if distances is None else distances[block]


def _own_ids(given: Any, rows: int) -> NDArray[Any] | None:
    if given is None or given is False:
        return None
    own = np.arange(rows, dtype=np.uint64) if given is True else np.asarray(given)
    if own.shape != (rows,):
        message = f"exclude_self has shape {own.shape}; expected ({rows},), the id of each query"
        raise InvalidInput(message)
    return own.astype(np.uint64) if own.dtype.kind == "i" else own


def _first(
    ids: NDArray[Any], distances: NDArray[Any] | None, own: NDArray[Any] | None, k: int
) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """Keep the first k columns, after the query itself was moved behind all others."""
    if own is not None:
        order = np.argsort(ids == own[:, np.newaxis], axis=1, kind="stable")
        last = (ids == own[:, np.newaxis]).any(axis=1)
        ids = np.take_along_axis(ids, order, axis=1)
        distances = None if distances is None else np.take_along_axis(distances, order, axis=1)
        k_own = np.minimum(k, ids.shape[1] - last)
        if (k_own < k).any():
            ids = ids.copy()
            ids[k_own < k, -1] = None if ids.dtype.kind == "O" else NO_ID
    return ids[:, :k], None if distances is None else distances[:, :k]


def _is_real(ids: NDArray[Any]) -> NDArray[np.bool_]:
    """Tell ids and keys from padding."""
    if ids.dtype.kind == "O":
        real: NDArray[np.bool_] = np.frompyfunc(_is_not_none, 1, 1)(ids).astype(np.bool_)
        return real
    if ids.dtype.kind == "u":
        return np.asarray(ids != NO_ID)
    return np.ones(ids.shape, dtype=np.bool_)


def _is_not_none(key: object) -> bool:
    return key is not None


def _seen_before(ids: NDArray[Any]) -> NDArray[np.bool_]:
    equal = ids[:, :, np.newaxis] == ids[:, np.newaxis, :]
    return np.asarray(np.tril(equal, k=-1).any(axis=2))


def measured_against(index: Measurable, truth: Any = None) -> Against:
    """Tell what recall is measured against.

    Parameters
    ----------
    index : Index or StringIndex
        What is measured.
    truth : object, optional
        The truth that the caller handed in, or None.

    Returns
    -------
    {"given", "held", "truth"}
        See `Against`.

    Examples
    --------
    >>> import nearfield as nf
    >>> measured_against(nf.Index("cosine", 8, storage_data_type="Float8"))
    'held'
    """
    if truth is not None:
        return "truth"
    return "given" if getattr(index, "exact", True) else "held"


def checked_truth(
    index: Measurable, truth: Any, queries: int, k: int, argument: str = "truth"
) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """Check true neighbours that a caller hands in.

    Parameters
    ----------
    index : Index or StringIndex
        What is measured.
    truth : array of ids or keys of shape (n, >=k), or tuple (ids, distances)
        The true neighbours, nearest first.
    queries : int
        How many queries there are.
    k : int
        Neighbours of each.
    argument : str, default "truth"
        What errors call it.

    Returns
    -------
    tuple
        (ids or keys, distances or None), both of shape (queries, k). No distances where the index
        has rounded its vectors (`nearfield.Index.exact` is False): theirs are other ones.

    Raises
    ------
    InvalidInput
        Another number of queries, fewer than ``k`` neighbours, or neighbours that the index does
        not hold.
    """
    ids, distances = _sides_of_truth(index, truth)
    if len(ids) != queries or ids.shape[1] < k:
        message = (
            f"{argument} holds {ids.shape[1]} neighbours for {len(ids)} queries; expected at "
            f"least {k} for {queries}"
        )
        raise InvalidInput(message)
    ids = ids[:, :k].astype(object) if ids.dtype.kind == "U" else ids[:, :k]
    held = set(np.asarray(index.ids).tolist())
    unknown = [each for each in dict.fromkeys(ids.ravel().tolist()) if each not in held]
    if unknown:
        message = (
            f"{argument} names {len(unknown)} neighbours that the index does not hold, such as "
            f"{unknown[0]!r}; its truth is of other rows"
        )
        raise InvalidInput(message)
    return ids, None if distances is None else distances[:, :k]


def true_neighbors(
    index: Measurable, queries: VectorsLike, k: int, *, progress: Progress = None
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Find the true nearest of the vectors that an index holds, by brute force.

    Parameters
    ----------
    index : Index or StringIndex
        Its stored vectors and its own distance are the truth, so what the storage has rounded is
        not held against the graph.
    queries : array-like of shape (n, num_dimensions)
        The queries.
    k : int
        Neighbours of each.
    progress : bool or callable, optional
        As for ``index.add_items``, with queries for rows.

    Returns
    -------
    tuple
        (ids or keys, distances), both of shape (n, k).

    Raises
    ------
    NotFinite
        A query holds NaN or infinity.
    TooFewNeighbors
        The index holds fewer than ``k``.
    """
    names = np.asarray(index.ids)
    rows = as_vectors(queries, index.num_dimensions, "queries", axes=2)
    refuse_not_finite(rows, "queries")
    cosine = index.space is Space.Cosine
    # In cosine space the index keeps unit vectors, but 8 bits cannot hold them quite: its distance
    # is one less the product of the unit query with what is kept.
    ruler = ExactIndex(Space.InnerProduct if cosine else index.space, index.num_dimensions)
    ruler.add_items(index.get_vectors(names))
    asked = unit_rows(rows) if cosine else rows
    found = np.empty((len(rows), as_count(k, "k")), dtype=np.intp)
    distances = np.empty(found.shape, dtype=np.float32)
    with reporting(progress, "finding the truth") as report:
        for first in range(0, len(rows), _BLOCK_QUERIES):
            block = slice(first, first + _BLOCK_QUERIES)
            found[block], distances[block] = ruler.query(asked[block], k)
            if report is not None:
                report(min(first + _BLOCK_QUERIES, len(rows)), len(rows))
    if cosine:
        distances = np.maximum(distances, 0)
    return names[found], distances


def curve(
    index: Measurable,
    queries: VectorsLike,
    k: int = 10,
    efs: Iterable[int] = (10, 20, 40, 80, 160, 320),
    *,
    truth: Any = None,
    num_threads: int | None = -1,
    exclude_self: Any = None,
    clock: Callable[[], float] = time.perf_counter,
) -> list[CurvePoint]:
    """Measure recall and speed over beam widths.

    Parameters
    ----------
    index : Index or StringIndex
        What is measured.
    queries : array-like of shape (n, num_dimensions)
        At least one.
    k : int, default 10
        Neighbours of each query.
    efs : iterable of int
        Beam widths, at least ``k`` each; smaller ones are raised to it.
    truth : tuple (ids, distances) or array of ids, optional
        The true neighbours; default `true_neighbors` of the index, which are those of the vectors
        as it holds them. Where ``index.exact`` is False they need not be those of the vectors that
        were given: hand in what ``nearfield.ExactIndex(...).query(queries, k)`` finds to measure by
        these. Its distances tell ties where ``index.exact`` is True, and else are left out.
    num_threads : int or None, default -1
        As for ``index.query``.
    exclude_self : True or array of ids, optional
        As for `recall`; k + 1 neighbours are asked for then.
    clock : callable, default time.perf_counter
        Gives seconds.

    Returns
    -------
    list of CurvePoint
        One for each beam width, in the order given; ``against`` says what the recall means.

    Raises
    ------
    InvalidInput
        No queries.
    TooFewNeighbors
        The index holds fewer than ``k`` vectors.

    Examples
    --------
    >>> import numpy as np, nearfield as nf
    >>> from nearfield import evaluate
    >>> index = nf.Index.from_vectors(np.eye(8), space=nf.Space.Euclidean)
    >>> [(point.ef, point.recall) for point in evaluate.curve(index, np.eye(8), k=1, efs=[8])]
    [(8, 1.0)]
    """
    rows = as_vectors(queries, index.num_dimensions, "queries", axes=2)
    if not len(rows):
        message = "queries is empty; expected at least one"
        raise InvalidInput(message)
    asked = as_count(k, "k") + (exclude_self is not None and exclude_self is not False)
    against = measured_against(index, truth)
    wanted = true_neighbors(index, rows, asked) if truth is None else _sides_of_truth(index, truth)
    points = []
    for ef in efs:
        width = max(as_count(ef, "ef"), asked)
        start = clock()
        found = index.query(rows, asked, num_threads, width)
        seconds = clock() - start
        points.append(
            CurvePoint(
                ef=width,
                recall=recall(found, wanted, k, exclude_self=exclude_self),
                queries_per_second=len(rows) / seconds if seconds > 0 else float("inf"),
                distances=getattr(found, "num_distances", 0) / len(rows),
                hops=getattr(found, "num_hops", 0) / len(rows),
                against=against,
            )
        )
    return points
