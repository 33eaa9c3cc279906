"""usearch: f32; rows are removed, and rows that come take their places.

Cosine is the inner product of unit rows: `cos` sums norms each time.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from engines import Floats, unit
from usearch.index import Index

from living import Answer, Ids, Json, Shape, padded


class Engine:
    version = version("usearch")
    note = "f32, connectivity 16, expansion_add 200; remove, add"
    effort = "ef"

    def __init__(self, variant: str) -> None:
        pass

    def begin(self, shape: Shape) -> None:
        self.threads = shape.threads
        self._unit = shape.space == "cosine"
        self._index: Any = Index(
            ndim=shape.dimensions,
            metric="l2sq" if shape.space == "euclidean" else "ip",
            dtype="f32",
            connectivity=16,
            expansion_add=200,
        )

    def add(self, ids: Ids, rows: Floats) -> None:
        self._index.add(ids, unit(rows) if self._unit else rows, threads=self.threads)

    def remove(self, ids: Ids) -> None:
        self._index.remove(ids, threads=self.threads)

    def upsert(self, ids: Ids, rows: Floats) -> None:
        self.remove(ids)
        self.add(ids, rows)

    def use(self, effort: int) -> None:
        self._index.expansion_search = effort

    def query_one(self, vector: Floats, k: int) -> Any:
        return self._index.search(vector, k, threads=1).keys

    def query_all(self, vectors: Floats, k: int) -> Answer:
        found = self._index.search(vectors, k, threads=1)
        ids = padded([each.keys for each in found], k)
        return Answer(ids, found.computed_distances / len(vectors))

    def figures(self) -> Json:
        return {"bytes": self._index.memory_usage, "slots": self._index.capacity}

    def compact(self) -> bool:
        return False
