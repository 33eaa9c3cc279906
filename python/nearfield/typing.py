"""The types that stand at the public borders.

Shapes are given in the docstrings of the functions; numpy's types cannot carry them yet.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, Protocol, SupportsIndex, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "ArrowArray",
    "ArrowStream",
    "Chunks",
    "CodesName",
    "ColumnValues",
    "ColumnsLike",
    "Distances",
    "FileFormat",
    "Ids",
    "IdsLike",
    "IdsOrOne",
    "IfMissing",
    "IfShort",
    "KeysOrOne",
    "OnConflict",
    "Path",
    "Progress",
    "ReadableFile",
    "Searcher",
    "SetsLike",
    "VectorLike",
    "Vectors",
    "VectorsLike",
    "WhereLike",
    "WritableFile",
]

Ids: TypeAlias = NDArray[np.uint64]
Distances: TypeAlias = NDArray[np.float32]
Vectors: TypeAlias = NDArray[np.float32]


CodesName: TypeAlias = Literal["auto", "none", "int8", "int4"]
"""What walks compare in place of the vectors; see `nearfield.Index`."""


class ArrowArray(Protocol):
    """Anything that exports one Arrow array, such as ``pyarrow.Array``."""

    def __arrow_c_array__(self, requested_schema: object | None = None) -> tuple[object, object]:
        """Export the array."""


class ArrowStream(Protocol):
    """Anything that exports a stream of Arrow arrays: a column or a table of most libraries."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Export the stream."""


class Exchangeable(Protocol):
    """Anything that speaks DLPack: tensors of most libraries."""

    def __dlpack__(self) -> object:
        """Export the tensor."""

    def __dlpack_device__(self) -> tuple[int, int]:
        """Where the tensor lives."""


VectorLike: TypeAlias = ArrayLike | Exchangeable | ArrowArray | ArrowStream
VectorsLike: TypeAlias = ArrayLike | Exchangeable | ArrowArray | ArrowStream
IdsLike: TypeAlias = Sequence[int] | ArrayLike | ArrowArray | ArrowStream
IdsOrOne: TypeAlias = IdsLike | Iterable[int] | int
KeysOrOne: TypeAlias = Iterable[str] | NDArray[np.str_] | NDArray[np.object_]
"""Keys of a `nearfield.StringIndex`; a `str` is one of them."""
ColumnsLike: TypeAlias = Mapping[str, Any]
"""Values by name of a column; see ``columns`` of `nearfield.Index.add_items`."""
ColumnValues: TypeAlias = np.ma.MaskedArray[Any, Any]
"""Values of a column, masked where there is none."""
WhereLike: TypeAlias = Any
"""A condition on columns: text, what `nearfield.F` makes, JSON, or a compiled filter."""
SetsLike: TypeAlias = Any
"""A set of ids for all queries, or one for each: see ``exclude`` of `nearfield.Index.query`."""
Chunks: TypeAlias = Iterable[
    tuple[IdsLike | None, VectorsLike] | tuple[IdsLike | None, VectorsLike, ColumnsLike | None]
]
"""Rows in parts of any size, each with ids or None, and perhaps with columns."""

Path: TypeAlias = str | os.PathLike[str] | os.PathLike[bytes]
FileFormat: TypeAlias = Literal["nearfield", "voyager"]
IfShort: TypeAlias = Literal["raise", "pad"]
IfMissing: TypeAlias = Literal["raise", "ignore"]
OnConflict: TypeAlias = Literal["update", "error", "keep"]
Progress: TypeAlias = bool | Callable[[int, int | None], object] | None


class ReadableFile(Protocol):
    """A binary file object that can be read from its present position."""

    def read(self, size: int, /) -> bytes:
        """Give at most ``size`` bytes, none at the end."""


class WritableFile(Protocol):
    """A binary file object that can be written to."""

    def write(self, data: bytes, /) -> SupportsIndex | None:
        """Take the bytes and say how many were taken."""


class Searcher(Protocol):
    """What measures and recommenders need of an index; `nearfield.Index` and others have it."""

    @property
    def ef(self) -> int:
        """Beam width of a query that names none."""

    def query(
        self,
        vectors: VectorsLike,
        k: int = 1,
        num_threads: int | None = -1,
        query_ef: int | None = -1,
    ) -> tuple[NDArray[np.generic], Distances]:
        """Find the ``k`` nearest of the stored vectors to each query."""
