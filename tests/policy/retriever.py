"""An index as `nearfield.policy` sees it: brute force, columns, and a count of what was asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import nearfield as nf
import numpy as np
from nearfield.errors import UnknownId


class FakeIndex:
    """Rows, ids (or keys) and columns, answered from plain numpy.

    ``batches`` counts what was pulled, ``asked`` keeps the arguments of the last query, and ids in
    ``vanishing`` are gone when their vectors or columns are asked for.
    """

    def __init__(
        self,
        vectors: Any,
        columns: Mapping[str, Sequence[Any]] | None = None,
        space: nf.Space = nf.Space.Cosine,
        ids: Sequence[int] | Sequence[str] | None = None,
    ) -> None:
        self.space = space
        self.vectors = np.atleast_2d(np.asarray(vectors, dtype=np.float32))
        rows = len(self.vectors)
        given = range(rows) if ids is None else ids
        by_key = rows > 0 and isinstance(given[0], str)
        self.ids = np.array(given, dtype=object if by_key else np.uint64)
        self.row_of = {id: row for row, id in enumerate(self.ids.tolist())}
        self.columns = {name: as_column(values) for name, values in (columns or {}).items()}
        self.vanishing: set[Any] = set()
        self._known: dict[bytes, nf.Neighbors] = {}
        self.batches = 0
        self.asked: dict[str, Any] = {}
        self.asked_columns: list[list[str]] = []
        self.asked_vectors = 0

    def values(self, ids: Sequence[Any], name: str) -> list[Any]:
        """What a column holds of some items; None for null."""
        rows = [self.row_of[id] for id in ids]
        return [None if self.columns[name].mask[row] else self.columns[name][row] for row in rows]

    def nearest(self, vector: Any) -> nf.Neighbors:
        """All rows by distance, as `nearfield.ExactIndex` has them; found once for each query."""
        key = np.asarray(vector, dtype=np.float32).tobytes()
        if key not in self._known:
            exact = nf.ExactIndex(self.space, self.vectors.shape[1])
            exact.add_items(self.vectors)
            self._known[key] = exact.query(vector, len(self.vectors))
        return self._known[key]

    def query_iter(
        self, vector: Any, *, batch_size: int = 100, **filters: Any
    ) -> Iterator[tuple[Any, Any]]:
        self.asked = {"batch_size": batch_size, **filters}
        rows, distances = self.nearest(vector)
        excluded = set(filters.get("exclude") or ())
        allowed = np.array([id not in excluded for id in self.ids[rows].tolist()], dtype=np.bool_)
        rows, distances = rows[allowed], distances[allowed]
        for start in range(0, len(rows), batch_size):
            self.batches += 1
            batch = slice(start, start + batch_size)
            yield self.ids[rows[batch]], distances[batch]

    def _rows(self, ids: Any) -> list[int]:
        for id in ids.tolist():
            if id in self.vanishing:
                raise UnknownId(f"{id!r} is not in the index", id)
        return [self.row_of[id] for id in ids.tolist()]

    def get_vectors(self, ids: Any) -> Any:
        self.asked_vectors += 1
        return self.vectors[self._rows(ids)]

    def get_columns(self, ids: Any, names: Sequence[str]) -> dict[str, Any]:
        self.asked_columns.append(list(names))
        rows = self._rows(ids)
        return {name: self.columns[name][rows] for name in names}


def as_column(
    values: Sequence[Any] | np.ndarray[Any, Any], fill: Any = None
) -> np.ma.MaskedArray[Any, Any]:
    """A masked array as an index gives it; None is null, and ``fill`` says of which type."""
    if isinstance(values, np.ma.MaskedArray):
        return values
    mask = np.array([value is None for value in values], dtype=np.bool_)
    known = [value for value in values if value is not None]
    fill = known[0] if fill is None and known else fill
    if fill is None or isinstance(fill, (str, tuple)):
        data = np.empty(len(values), dtype=object)
        data[:] = values  # one by one: tuples are values, not rows
        return np.ma.array(data, mask=mask)
    dtype = values.dtype if isinstance(values, np.ndarray) else np.array(fill).dtype
    filled = [fill if value is None else value for value in values]
    return np.ma.array(np.array(filled, dtype=dtype), mask=mask)
