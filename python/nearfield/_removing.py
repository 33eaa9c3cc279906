"""What calls that remove and replace are given, read in one place for every kind of index."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from nearfield import _core
from nearfield._arrays import as_ids, as_vectors, is_chunked
from nearfield._arrow import is_arrow
from nearfield._keys import as_key, as_keys
from nearfield._numbers import as_id
from nearfield.errors import InvalidInput, UnknownId
from nearfield.typing import Chunks, IdsLike, IdsOrOne, IfMissing, VectorsLike

__all__ = [
    "as_one_or_more_ids",
    "as_one_or_more_keys",
    "missing_raises",
    "not_there",
    "remove_ids",
    "with_ids",
]


def missing_raises(if_missing: IfMissing) -> bool:
    """Read what a missing id means.

    Parameters
    ----------
    if_missing : {"raise", "ignore"}
        As for `nearfield.Index.remove`.

    Returns
    -------
    bool
        Whether it raises.

    Raises
    ------
    InvalidInput
        Neither of them.
    """
    if if_missing not in ("raise", "ignore"):
        message = f"if_missing is {if_missing!r}; expected 'raise' or 'ignore'"
        raise InvalidInput(message)
    return if_missing == "raise"


def as_one_or_more_ids(ids: IdsOrOne, argument: str = "ids") -> NDArray[np.uint64]:
    """Read one id or many.

    Parameters
    ----------
    ids : int or iterable of int
        As for `nearfield.Index.remove`.
    argument : str, default "ids"
        What errors call it.

    Returns
    -------
    ndarray of uint64, shape (n,)
        In the order given.

    Raises
    ------
    InvalidInput, TypeError
        Not ids.
    """
    if isinstance(ids, (int, np.integer)):
        return as_ids([as_id(ids, argument)], argument)
    expected = "one id or an iterable of ids, such as a list"
    return as_ids(_one_or_more(ids, argument, expected), argument)


def as_one_or_more_keys(keys: Iterable[str], argument: str = "keys") -> list[str]:
    """Read one key or many.

    Parameters
    ----------
    keys : str or iterable of str
        As for `nearfield.StringIndex.remove`.
    argument : str, default "keys"
        What errors call it.

    Returns
    -------
    list of str
        In the order given.

    Raises
    ------
    InvalidInput, TypeError
        Not keys.
    """
    if isinstance(keys, str):
        return [as_key(keys, argument)]
    expected = "one key or an iterable of keys, such as a list"
    return as_keys(_one_or_more(keys, argument, expected), argument)


def _one_or_more(given: Any, argument: str, expected: str) -> Any:
    """Give a sequence of what may be one of them in an array without axes, or an iterable."""
    readable = isinstance(given, Sequence) or hasattr(given, "__array__") or is_arrow(given)
    if isinstance(given, (str, bytes, bytearray, Mapping)) or not (
        readable or hasattr(given, "__iter__")
    ):
        message = f"{argument} is of type {type(given).__name__}; expected {expected}"
        raise TypeError(message)
    if hasattr(given, "__array__") and getattr(given, "ndim", None) == 0:
        return [np.asarray(given).item()]
    return given if readable else list(given)


def remove_ids(core: _core.Index, ids: IdsOrOne, if_missing: IfMissing) -> int:
    """Remove rows from the core; see `nearfield.Index.remove`.

    Parameters
    ----------
    core : _core.Index
        What they are removed from.
    ids, if_missing
        As there.

    Returns
    -------
    int
        How many were removed.

    Raises
    ------
    UnknownId, InvalidInput, TypeError
        As there.
    """
    raises = missing_raises(if_missing)
    given = as_one_or_more_ids(ids)
    try:
        return core.remove(given, raises)
    except UnknownId as error:
        all_of_them = list(dict.fromkeys(given.tolist()))
        missing = [id for id in all_of_them if not core.holds(id)]
        raise not_there(missing or [error.id], len(all_of_them)) from None


def not_there(missing: Sequence[int | str | None], asked: int = 1) -> UnknownId:
    """Say which ids or keys are not in the index.

    Parameters
    ----------
    missing : sequence of int or str
        One or more of them, each once.
    asked : int, default 1
        How many were asked for.

    Returns
    -------
    UnknownId
        Not yet raised; ``id`` is the first.
    """
    first = missing[0]
    kind = "key" if isinstance(first, str) else "id"
    message = f"{kind} {first!r} is not in the index"
    if len(missing) > 1:
        message = f"{len(missing)} of {asked} {kind}s are not in the index, the first {first!r}"
    return UnknownId(message, first)


def with_ids(
    vectors: VectorsLike | Chunks, ids: IdsLike | None, dimensions: int
) -> VectorsLike | Chunks:
    """Refuse to replace vectors without being told which.

    Parameters
    ----------
    vectors, ids
        As for `nearfield.Index.upsert`; an iterator brings its own ids.
    dimensions : int
        Of the index.

    Returns
    -------
    array-like or iterator of (ids, vectors)
        The vectors; an iterator is looked at as it goes.

    Raises
    ------
    InvalidInput
        No ids, but for no vectors.
    """
    if is_chunked(vectors):
        return _without_none(cast(Chunks, vectors))
    rows = as_vectors(cast(VectorsLike, vectors), dimensions, "vectors", axes=2)
    if ids is None or (len(rows) and len(as_ids(ids)) == 0):
        message = "ids is None or empty; expected one for each vector (add_items chooses ids)"
        raise InvalidInput(message)
    return rows


def _without_none(chunks: Chunks) -> Chunks:
    for number, chunk in enumerate(chunks):
        if isinstance(chunk, (tuple, list)) and len(chunk) in (2, 3) and chunk[0] is None:
            message = (
                f"vectors, chunk {number} has None for ids; expected one for each vector "
                "(add_items chooses ids)"
            )
            raise InvalidInput(message)
        yield chunk
