"""What every source of vectors is, whatever the format of its file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from nearfield._arrays import as_vectors
from nearfield.errors import NotFinite
from nearfield.typing import Ids, Vectors

__all__ = ["CHUNK_ROWS", "Chunk", "DescribedChunk", "KeyKind", "Keys", "Source", "checked_rows"]

CHUNK_ROWS = 8192

KeyKind: TypeAlias = Literal["none", "id", "text"]
Keys: TypeAlias = Ids | list[str] | None
Chunk: TypeAlias = tuple[Keys, Vectors]
DescribedChunk: TypeAlias = tuple[Keys, Vectors, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Source:
    """Vectors in a file, not read yet.

    Attributes
    ----------
    name : str
        The file, for messages.
    rows : int or None
        Vectors that `chunks` will give; None where a filter must be read first (see `count`).
    dimensions : int
        Numbers in a vector.
    key_kind : "none", "id" or "text"
        What stands beside the vectors.
    chunks : callable
        Gives a new iterator of (keys, vectors): keys are uint64 ids, a list of `str`, or None;
        vectors are float32 of shape (n, dimensions), n > 0, finite.
    counter : callable
        Counts the rows that `chunks` will give, without reading the vectors.
    described : callable or None, default None
        Where columns were asked for: gives a new iterator of (keys, vectors, columns), which
        `nearfield.Index.add_items` takes.
    """

    name: str
    rows: int | None
    dimensions: int
    key_kind: KeyKind
    chunks: Callable[[], Iterator[Chunk]]
    counter: Callable[[], int]
    described: Callable[[], Iterator[DescribedChunk]] | None = None

    def count(self) -> int:
        """Count the rows; reads the column of the filter where the format does not tell.

        Returns
        -------
        int
            How many vectors `chunks` will give.
        """
        return self.counter() if self.rows is None else self.rows

    def rows_to_add(self) -> Iterator[Chunk] | Iterator[DescribedChunk]:
        """Give all that was asked for: with columns, where some were.

        Returns
        -------
        iterator of tuple
            As `nearfield.Index.add_items` takes it.
        """
        return self.chunks() if self.described is None else self.described()

    def read(self) -> Chunk:
        """Read everything at once.

        Returns
        -------
        tuple
            (keys, vectors of shape (n, dimensions)).

        Raises
        ------
        InvalidInput
            A bad row.
        """
        parts = list(self.chunks())
        vectors = np.concatenate(
            [np.empty((0, self.dimensions), dtype=np.float32), *(rows for _, rows in parts)]
        )
        if self.key_kind == "none":
            return None, vectors
        if self.key_kind == "text":
            return [key for keys, _ in parts for key in keys or ()], vectors
        ids = [np.asarray(keys, dtype=np.uint64) for keys, _ in parts]
        return np.concatenate([np.empty(0, dtype=np.uint64), *ids]), vectors


def checked_rows(
    rows: NDArray[Any], dimensions: int, numbers: NDArray[np.int64], name: str
) -> Vectors:
    """Turn rows of a file into float32, refusing what is not finite by file and row.

    Parameters
    ----------
    rows : ndarray of shape (n, dimensions)
        Real numbers of any type.
    dimensions : int
        Their width.
    numbers : ndarray of int64, shape (n,)
        Where each row stands in the file, counted from 0.
    name : str
        The file.

    Returns
    -------
    ndarray of float32, shape (n, dimensions)
        The same numbers.

    Raises
    ------
    NotFinite
        NaN, infinity, or a number beyond float32; ``row`` is its place in the file.
    """
    try:
        vectors = as_vectors(rows, dimensions, name, axes=2)
    except NotFinite as error:
        row = int(numbers[error.row or 0])
        message = f"{name}, row {row}: the vector holds a number beyond the range of float32"
        raise NotFinite(message, row) from None
    good = np.isfinite(vectors).all(axis=1)
    if not good.all():
        row = int(numbers[np.argmin(good)])
        message = f"{name}, row {row}: the vector holds NaN, infinity or a null; drop or mend it"
        raise NotFinite(message, row)
    return vectors
