"""nearfield: rows are removed for good, their places are taken again, links are repaired."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import nearfield as nf
import numpy as np
from engines import Floats

from living import Answer, Ids, Json, Shape

_SPACES = {
    "euclidean": nf.Space.Euclidean,
    "inner_product": nf.Space.InnerProduct,
    "cosine": nf.Space.Cosine,
}
_COUNTS = ("slots", "live", "marked", "removed", "free", "unrepaired", "unreachable")


class Engine:
    version = version("nearfield")
    note = "M=16, ef_construction=200, codes by default; remove, add_items, at the end compact"
    effort = "ef"

    def __init__(self, variant: str) -> None:
        pass

    def begin(self, shape: Shape) -> None:
        self.threads = shape.threads
        self._index: Any = nf.Index(
            _SPACES[shape.space], num_dimensions=shape.dimensions, M=16, ef_construction=200
        )

    def add(self, ids: Ids, rows: Floats) -> None:
        self._index.add_items(rows, ids=ids, num_threads=self.threads)

    def remove(self, ids: Ids) -> None:
        self._index.remove(ids)

    def upsert(self, ids: Ids, rows: Floats) -> None:
        self._index.upsert(rows, ids, num_threads=self.threads)

    def use(self, effort: int) -> None:
        self._ef = effort

    def query_one(self, vector: Floats, k: int) -> Any:
        return self._index.query(vector, k, 1, self._ef)

    def query_all(self, vectors: Floats, k: int) -> Answer:
        found = self._index.query(vectors, k, num_threads=1, query_ef=self._ef)
        return Answer(found.ids.astype(np.int64), found.num_distances / len(vectors))

    def figures(self) -> Json:
        stats = self._index.stats()
        counts = {name: getattr(stats, name) for name in _COUNTS if hasattr(stats, name)}
        return {"bytes": stats.total_bytes} | counts

    def compact(self) -> bool:
        self._index.compact()
        return True

    def save(self, target: Any) -> None:
        """Write to a path or a file object; only nearfield is asked to."""
        self._index.save(target)
