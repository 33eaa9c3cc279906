"""Chunked input: any iterable of (ids, vectors), cut anew so that the chunking leaves no trace.

The core builds in rounds that end at multiples of 512 rows. Blocks of a multiple of that give it
the same rounds for any chunking, and so the same bytes of the index.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from nearfield._arrays import as_ids, as_vectors
from nearfield._arrow import is_arrow
from nearfield.errors import InvalidInput
from nearfield.typing import Ids, Vectors

__all__ = ["BLOCK_ROWS", "blocks", "is_chunked"]

BLOCK_ROWS = 16 * 512


def is_chunked(given: object) -> bool:
    """Tell an iterator of chunks from an array.

    Parameters
    ----------
    given : object
        The argument ``vectors``.

    Returns
    -------
    bool
        True for iterators, and for iterables that are neither sequences nor array-like.
    """
    if not hasattr(given, "__iter__") or is_arrow(given):
        return False
    if hasattr(given, "__next__"):
        return True
    array_like = ("__len__", "__getitem__", "__array__", "__dlpack__")
    return not any(hasattr(given, name) for name in array_like)


def blocks(
    chunks: Iterable[Any], dimensions: int, first_rows: int
) -> Iterator[tuple[Ids | None, Vectors]]:
    """Cut chunks into blocks of `BLOCK_ROWS` rows.

    Parameters
    ----------
    chunks : iterable of (ids or None, vectors)
        Any sizes. Given and automatic ids may follow each other; a block holds one kind only.
    dimensions : int
        Width of the vectors.
    first_rows : int
        Rows of the first block, so that blocks end where the rounds of the core end.

    Yields
    ------
    tuple
        (ids or None, vectors); the arrays are used again for the next block.

    Raises
    ------
    InvalidInput
        A chunk that is not such a pair, or whose parts differ in length.
    """
    vectors = np.empty((BLOCK_ROWS, dimensions), dtype=np.float32)
    ids = np.empty(BLOCK_ROWS, dtype=np.uint64)
    limit, filled, named = first_rows, 0, False
    for number, chunk in enumerate(chunks):
        new_ids, new_vectors = _pair(chunk, dimensions, number)
        if filled and named != (new_ids is not None):
            yield (ids[:filled] if named else None), vectors[:filled]
            limit, filled = limit - filled, 0
        named = new_ids is not None
        taken = 0
        while taken < len(new_vectors):
            rows = min(limit - filled, len(new_vectors) - taken)
            vectors[filled : filled + rows] = new_vectors[taken : taken + rows]
            if new_ids is not None:
                ids[filled : filled + rows] = new_ids[taken : taken + rows]
            filled, taken = filled + rows, taken + rows
            if filled == limit:
                yield (ids[:filled] if named else None), vectors[:filled]
                limit, filled = BLOCK_ROWS, 0
    if filled:
        yield (ids[:filled] if named else None), vectors[:filled]


def _pair(chunk: Any, dimensions: int, number: int) -> tuple[Ids | None, Vectors]:
    name = f"vectors, chunk {number}"
    if not isinstance(chunk, (tuple, list)) or len(chunk) != 2:
        message = (
            f"{name} is of type {type(chunk).__name__}; an iterator must give tuples (ids, "
            f"vectors), with None for automatic ids"
        )
        raise InvalidInput(message)
    vectors = as_vectors(chunk[1], dimensions, name, axes=2)
    if chunk[0] is None:
        return None, vectors
    ids = as_ids(chunk[0], f"{name}, ids")
    if len(ids) != len(vectors):
        message = f"{name} has {len(ids)} ids for {len(vectors)} vectors; expected one for each"
        raise InvalidInput(message)
    return ids, vectors
