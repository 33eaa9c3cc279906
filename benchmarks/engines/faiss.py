"""faiss: IndexHNSWFlat. Cosine is the inner product of unit rows; a query's length is no matter."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import faiss
import numpy as np
from data_sets import unit
from numpy.typing import NDArray

Floats = NDArray[np.float32]


class Engine:
    name = "faiss"
    version = version("faiss-cpu")
    note = "IndexHNSWFlat; cosine as inner product of unit rows"

    def build(self, base: Floats, space: str, M: int, ef_construction: int, threads: int) -> None:
        faiss.omp_set_num_threads(threads)
        metric = faiss.METRIC_L2 if space == "euclidean" else faiss.METRIC_INNER_PRODUCT
        self._index = faiss.IndexHNSWFlat(base.shape[1], M, metric)
        self._index.hnsw.efConstruction = ef_construction
        self._index.add(unit(base) if space == "cosine" else base)
        faiss.omp_set_num_threads(1)

    def set_ef(self, ef: int) -> None:
        self._index.hnsw.efSearch = ef

    def query_one(self, vector: Floats, k: int) -> NDArray[Any]:
        return self._index.search(vector[np.newaxis], k)[1][0]

    def query_batch(self, vectors: Floats, k: int, threads: int) -> NDArray[Any]:
        faiss.omp_set_num_threads(threads)
        found: NDArray[Any] = self._index.search(vectors, k)[1]
        faiss.omp_set_num_threads(1)
        return found

    def save(self, path: str) -> None:
        faiss.write_index(self._index, path)

    def load(self, path: str, space: str, dimensions: int) -> None:  # noqa: ARG002 (the file knows)
        self._index = faiss.read_index(path)
        faiss.omp_set_num_threads(1)
