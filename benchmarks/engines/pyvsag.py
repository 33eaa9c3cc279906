"""VSAG's HGraph: floats, or evenly spaced 8-bit codes with exact reordering.

It takes one query a call; a batch is a loop, with several threads a loop in each.
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version

import numpy as np
import pyvsag

from engines import Floats, Ids, Setting, unit, widths

_CODES = {"base_quantization_type": "fp32"}
_SQ8 = {
    "base_quantization_type": "sq8_uniform",
    "use_reorder": True,
    "precise_quantization_type": "fp32",
}


class Engine:
    version = version("pyvsag")

    def __init__(self, variant: str) -> None:
        self._codes = _SQ8 if variant.endswith("sq8") else _CODES
        self.note = f"HGraph {self._codes['base_quantization_type']}, max_degree 64, "
        self.note += "ef_construction 400" + (", reorder fp32" if self._codes is _SQ8 else "")

    def _make(self, space: str, dimensions: int, threads: int) -> pyvsag.Index:
        parameters = {
            "dtype": "float32",
            "metric_type": "l2" if space == "euclidean" else "ip",
            "dim": dimensions,
            "index_param": self._codes
            | {"max_degree": 64, "ef_construction": 400, "build_thread_count": threads},
        }
        return pyvsag.Index("hgraph", json.dumps(parameters))

    def build(self, base: Floats, space: str, threads: int) -> None:
        rows = unit(base) if space == "cosine" else base
        self._index = self._make(space, base.shape[1], threads)
        ids = np.arange(len(base), dtype=np.int64)
        self._index.build(rows.reshape(-1), ids, len(base), base.shape[1])

    def grid(self, k: int, rows: int) -> list[Setting]:
        return [{"ef_search": ef} for ef in widths(k, rows)]

    def use(self, setting: Setting) -> None:
        self._search = json.dumps({"hgraph": {"ef_search": int(setting["ef_search"])}})

    def query_one(self, vector: Floats, k: int) -> Ids:
        return self._index.knn_search(vector, k, self._search)[0]

    def query_batch(self, vectors: Floats, k: int, threads: int) -> Ids:
        if threads == 1:
            return np.stack([self.query_one(vector, k) for vector in vectors])
        with ThreadPoolExecutor(threads) as pool:
            parts = pool.map(
                lambda part: self.query_batch(part, k, 1), np.array_split(vectors, threads)
            )
            return np.concatenate(list(parts))

    def save(self, path: str) -> None:
        self._index.save(path)

    def load(self, path: str, space: str, dimensions: int) -> None:
        self._index = self._make(space, dimensions, 1)
        self._index.load(path)
