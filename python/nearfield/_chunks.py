"""Chunked input: any iterable of rows, cut anew so that the chunking leaves no trace.

The core builds in rounds that end at multiples of 512 rows. Blocks of a multiple of that give it
the same rounds for any chunking, and so the same bytes of the index. Types of new columns are
decided for a block, so they do not depend on the chunking either.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from nearfield._arrays import as_ids, as_vectors
from nearfield.errors import InvalidInput
from nearfield.typing import Ids, Vectors

if TYPE_CHECKING:
    from nearfield._column_input import Unread
    from nearfield._given_columns import ColumnPieces

__all__ = ["BLOCK_ROWS", "blocks"]

BLOCK_ROWS = 16 * 512


class _Chunk(NamedTuple):
    """What an iterator gave."""

    name: str
    ids: Ids | None
    vectors: Vectors
    columns: Mapping[str, Unread]

    @property
    def kind(self) -> tuple[bool, frozenset[str]]:
        """What rows of one block have in common: whether they have ids, and which columns."""
        return self.ids is not None, frozenset(self.columns)


def blocks(
    chunks: Iterable[Any], dimensions: int, first_rows: int
) -> Iterator[tuple[Ids | None, Vectors, ColumnPieces | None]]:
    """Cut chunks into blocks of `BLOCK_ROWS` rows.

    Parameters
    ----------
    chunks : iterable of (ids or None, vectors) or (ids or None, vectors, columns)
        Any sizes. Given and automatic ids may follow each other, and rows with and without some
        columns; a block holds one kind only.
    dimensions : int
        Width of the vectors.
    first_rows : int
        Rows of the first block, so that blocks end where the rounds of the core end.

    Yields
    ------
    tuple
        (ids or None, vectors, columns or None); the arrays are used again for the next block.

    Raises
    ------
    InvalidInput
        A chunk that is no such tuple, or whose parts differ in length.
    """
    block = _Block(dimensions, first_rows)
    for number, given in enumerate(chunks):
        chunk = _read(given, dimensions, number)
        rows = len(chunk.vectors)
        if not rows:
            continue
        if block.filled and block.kind != chunk.kind:
            yield block.take(block.limit - block.filled)
        taken = 0
        while taken < rows:
            taken = block.fill(chunk, taken)
            if block.filled == block.limit:
                yield block.take(BLOCK_ROWS)
    if block.filled:
        yield block.take(BLOCK_ROWS)


class _Block:
    """Rows that wait for more of their kind, in arrays that are used again and again."""

    def __init__(self, dimensions: int, limit: int) -> None:
        self.limit, self.filled = limit, 0
        self.kind: tuple[bool, frozenset[str]] = (False, frozenset())
        self._vectors = np.empty((BLOCK_ROWS, dimensions), dtype=np.float32)
        self._ids = np.empty(BLOCK_ROWS, dtype=np.uint64)
        self._pieces: ColumnPieces | None = None

    def fill(self, chunk: _Chunk, taken: int) -> int:
        """Take rows of a chunk, as many as fit; gives how many of them are taken by now."""
        self.kind = chunk.kind
        rows = min(self.limit - self.filled, len(chunk.vectors) - taken)
        here, there = slice(self.filled, self.filled + rows), slice(taken, taken + rows)
        self._vectors[here] = chunk.vectors[there]
        if chunk.ids is not None:
            self._ids[here] = chunk.ids[there]
        if chunk.columns:
            self._add_columns(chunk, taken, taken + rows)
        self.filled += rows
        return taken + rows

    def _add_columns(self, chunk: _Chunk, first: int, end: int) -> None:
        if self._pieces is None:
            from nearfield._given_columns import ColumnPieces

            self._pieces = ColumnPieces()
        self._pieces.add(chunk.columns, first, end, f"{chunk.name}, columns")

    def take(self, limit: int) -> tuple[Ids | None, Vectors, ColumnPieces | None]:
        """Give what there is, and begin again, with room for ``limit`` rows."""
        ids = self._ids[: self.filled] if self.kind[0] else None
        taken = ids, self._vectors[: self.filled], self._pieces
        self.limit, self.filled, self._pieces = limit, 0, None
        return taken


def _read(given: Any, dimensions: int, number: int) -> _Chunk:
    name = f"vectors, chunk {number}"
    if not isinstance(given, (tuple, list)) or len(given) not in (2, 3):
        message = (
            f"{name} is of type {type(given).__name__}; an iterator must give tuples (ids, "
            "vectors) or (ids, vectors, columns), with None for automatic ids"
        )
        raise InvalidInput(message)
    vectors = as_vectors(given[1], dimensions, name, axes=2)
    ids = None if given[0] is None else as_ids(given[0], f"{name}, ids")
    if ids is not None and len(ids) != len(vectors):
        message = f"{name} has {len(ids)} ids for {len(vectors)} vectors; expected one for each"
        raise InvalidInput(message)
    columns: Mapping[str, Unread] = {}
    if len(given) == 3 and given[2] is not None:
        from nearfield._given_columns import columns_of_chunk

        columns = columns_of_chunk(given[2], len(vectors), f"{name}, columns")
    return _Chunk(name, ids, vectors, columns)
