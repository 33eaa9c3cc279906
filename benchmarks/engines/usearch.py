"""usearch: f32, bf16 or i8. Cosine is the inner product of unit rows: `cos` sums norms each time.

8-bit integers are made of values between -1 and 1, so rows are divided by the largest magnitude.
"""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from usearch.index import Index

from engines import Floats, Ids, Setting, unit, widths


class Engine:
    version = version("usearch")

    def __init__(self, variant: str) -> None:
        self._dtype = variant.partition("-")[2] or "f32"
        self._scale = 0.0
        self.note = f"{self._dtype}, connectivity 16, expansion_add 200"

    def build(self, base: Floats, space: str, threads: int) -> None:
        self._index: Any = Index(
            ndim=base.shape[1],
            metric="l2sq" if space == "euclidean" else "ip",
            dtype=self._dtype,
            connectivity=16,
            expansion_add=200,
            enable_key_lookups=False,  # nobody looks up a key here, so it need not pay for them
        )
        rows = unit(base) if space == "cosine" else base
        if self._dtype == "i8":
            most = np.abs(rows).max()
            self._scale = float(most) if space == "euclidean" else 0.0  # 0: each query by its own
            rows = rows / most
        self._index.add(np.arange(len(base), dtype=np.uint64), rows, threads=threads)

    def grid(self, k: int, rows: int) -> list[Setting]:
        return [{"ef": ef} for ef in widths(k, rows)]

    def use(self, setting: Setting) -> None:
        self._index.expansion_search = int(setting["ef"])

    def _scaled(self, vectors: Floats) -> Floats:
        if self._dtype != "i8":
            return vectors
        # A query's length changes distances, not the order of inner products.
        most = self._scale or np.abs(vectors).max(axis=-1, keepdims=True)
        return np.asarray(vectors / most, dtype=np.float32)

    def query_one(self, vector: Floats, k: int) -> Ids:
        return self._index.search(self._scaled(vector), k, threads=1).keys

    def query_batch(self, vectors: Floats, k: int, threads: int) -> Ids:
        return self._index.search(self._scaled(vectors), k, threads=threads).keys

    def save(self, path: str) -> None:
        self._index.save(path)
        Path(f"{path}.scale").write_text(repr(self._scale))

    def load(self, path: str, space: str, dimensions: int) -> None:  # noqa: ARG002 (the file knows)
        self._index = Index.restore(path, enable_key_lookups=False)
        self._scale = float(Path(f"{path}.scale").read_text())
