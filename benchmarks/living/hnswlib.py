"""hnswlib: rows are marked deleted, and rows that come take the places of those that are marked.

It marks one row a call. Its answers have to be full: where a walk finds fewer than k, it raises.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import hnswlib
import numpy as np
from engines import Floats

from living import Answer, Ids, Json, Shape, padded

_SPACES = {"euclidean": "l2", "inner_product": "ip", "cosine": "cosine"}


class Engine:
    version = version("hnswlib")
    note = "M=16, ef_construction=200; mark_deleted, add_items(replace_deleted=True)"
    effort = "ef"

    def __init__(self, variant: str) -> None:
        pass

    def begin(self, shape: Shape) -> None:
        self.threads = shape.threads
        self._index = hnswlib.Index(space=_SPACES[shape.space], dim=shape.dimensions)
        self._index.init_index(
            max_elements=shape.rows,
            M=16,
            ef_construction=200,
            random_seed=1,
            allow_replace_deleted=True,
        )

    def add(self, ids: Ids, rows: Floats) -> None:
        self._index.add_items(rows, ids, num_threads=self.threads, replace_deleted=True)

    def remove(self, ids: Ids) -> None:
        mark = self._index.mark_deleted
        for each in ids.tolist():
            mark(each)

    def upsert(self, ids: Ids, rows: Floats) -> None:
        self._index.add_items(rows, ids, num_threads=self.threads)

    def use(self, effort: int) -> None:
        self._index.set_ef(effort)

    def query_one(self, vector: Floats, k: int) -> Any:
        while k:
            try:
                return self._index.knn_query(vector, k, 1)[0][0]
            except RuntimeError:
                k -= 1
        return []

    def query_all(self, vectors: Floats, k: int) -> Answer:
        try:
            found = self._index.knn_query(vectors, k, 1)[0].astype(np.int64)
        except RuntimeError:
            found = padded([self.query_one(row, k) for row in vectors], k)
        return Answer(found, None)

    def figures(self) -> Json:
        return {"slots": self._index.get_current_count()}

    def compact(self) -> bool:
        return False
