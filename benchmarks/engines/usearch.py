"""usearch: float32. Cosine is the inner product of unit rows: its `cos` sums norms each time."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import numpy as np
from data_sets import unit
from numpy.typing import NDArray
from usearch.index import Index

Floats = NDArray[np.float32]


class Engine:
    name = "usearch"
    version = version("usearch")
    note = "f32; cosine as inner product of unit rows"

    def build(self, base: Floats, space: str, M: int, ef_construction: int, threads: int) -> None:
        self._index = Index(
            ndim=base.shape[1],
            metric="l2sq" if space == "euclidean" else "ip",
            dtype="f32",
            connectivity=M,
            expansion_add=ef_construction,
            enable_key_lookups=False,  # nobody looks up a key here, so it need not pay for them
        )
        rows = unit(base) if space == "cosine" else base
        self._index.add(np.arange(len(base), dtype=np.uint64), rows, threads=threads)

    def set_ef(self, ef: int) -> None:
        self._index.expansion_search = ef

    def query_one(self, vector: Floats, k: int) -> NDArray[Any]:
        return self._index.search(vector, k, threads=1).keys

    def query_batch(self, vectors: Floats, k: int, threads: int) -> NDArray[Any]:
        return self._index.search(vectors, k, threads=threads).keys

    def save(self, path: str) -> None:
        self._index.save(path)

    def load(self, path: str, space: str, dimensions: int) -> None:  # noqa: ARG002 (the file knows)
        self._index = Index.restore(path, enable_key_lookups=False)
