"""hnswlib: pip builds it with -march=native, so this is the peer at its best on this machine."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import hnswlib
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
_SPACES = {"euclidean": "l2", "inner_product": "ip", "cosine": "cosine"}


class Engine:
    name = "hnswlib"
    version = version("hnswlib")
    note = "built from source with -march=native"

    def build(self, base: Floats, space: str, M: int, ef_construction: int, threads: int) -> None:
        self._index = hnswlib.Index(space=_SPACES[space], dim=base.shape[1])
        self._index.init_index(
            max_elements=len(base), M=M, ef_construction=ef_construction, random_seed=1
        )
        self._index.set_num_threads(threads)
        self._index.add_items(base, num_threads=threads)

    def set_ef(self, ef: int) -> None:
        self._index.set_ef(ef)

    def query_one(self, vector: Floats, k: int) -> NDArray[Any]:
        return self._index.knn_query(vector, k, 1)[0][0]

    def query_batch(self, vectors: Floats, k: int, threads: int) -> NDArray[Any]:
        return self._index.knn_query(vectors, k, threads)[0]

    def save(self, path: str) -> None:
        self._index.save_index(path)

    def load(self, path: str, space: str, dimensions: int) -> None:
        self._index = hnswlib.Index(space=_SPACES[space], dim=dimensions)
        self._index.load_index(path)
