"""nearfield: float32 storage, the SIMD level that it chose by itself."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import nearfield as nf
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
_SPACES = {
    "euclidean": nf.Space.Euclidean,
    "inner_product": nf.Space.InnerProduct,
    "cosine": nf.Space.Cosine,
}


class Engine:
    name = "nearfield"
    version = version("nearfield")
    note = "float32"

    def build(self, base: Floats, space: str, M: int, ef_construction: int, threads: int) -> None:
        self._index = nf.Index(
            _SPACES[space], base.shape[1], M=M, ef_construction=ef_construction, random_seed=1
        )
        self._index.add_items(base, num_threads=threads)

    def set_ef(self, ef: int) -> None:
        self._index.ef = ef

    def query_one(self, vector: Floats, k: int) -> NDArray[Any]:
        return self._index.query(vector, k, 1)[0]

    def query_batch(self, vectors: Floats, k: int, threads: int) -> NDArray[Any]:
        return self._index.query(vectors, k, threads)[0]

    def save(self, path: str) -> None:
        self._index.save(path)

    def load(self, path: str, space: str, dimensions: int) -> None:  # noqa: ARG002 (the file knows)
        self._index = nf.Index.load(path)
