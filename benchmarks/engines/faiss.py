"""faiss: HNSW on floats, on 8-bit codes with exact refining, and inverted lists of fast-scan codes.

Cosine is the inner product of unit rows; a query's length is no matter.
"""

from __future__ import annotations

from importlib.metadata import version
from itertools import product
from typing import Any

import faiss
import numpy as np

from engines import Floats, Ids, Setting, unit, widths

_LINKS = 32  # faiss doubles it on level 0; the better setting of 16 and 32 at .95 and .99
_NOTES = {
    "faiss": f"IndexHNSWFlat, M={_LINKS}, efConstruction 200",
    "faiss-sq8": f"IndexHNSWSQ 8 bits, M={_LINKS}, efConstruction 200, IndexRefineFlat",
    "faiss-ivfpq": "IVF of 4 sqrt(rows) lists, PQ 4 bits fast scan, IndexRefineFlat",
}


class Engine:
    version = version("faiss-cpu")

    def __init__(self, variant: str) -> None:
        self._variant = variant
        self.note = _NOTES[variant]

    def build(self, base: Floats, space: str, threads: int) -> None:
        faiss.omp_set_num_threads(threads)
        rows = unit(base) if space == "cosine" else base
        width = rows.shape[1]
        metric = faiss.METRIC_L2 if space == "euclidean" else faiss.METRIC_INNER_PRODUCT
        if self._variant == "faiss-ivfpq":
            lists = int(4 * np.sqrt(len(rows)))
            index = faiss.index_factory(width, f"IVF{lists},PQ{width // 2}x4fs,RFlat", metric)
        elif self._variant == "faiss-sq8":
            index = faiss.index_factory(width, f"HNSW{_LINKS}_SQ8,RFlat", metric)
            _view(_view(index).base_index).hnsw.efConstruction = 200
        else:
            index = faiss.IndexHNSWFlat(width, _LINKS, metric)
            _view(index).hnsw.efConstruction = 200
        index.train(rows)
        index.add(rows)
        self._adopt(index)

    def _adopt(self, index: Any) -> None:
        faiss.omp_set_num_threads(1)
        self._owner = index  # a downcast index does not keep the one it is a view of
        self._index = _view(index)
        refines = self._variant != "faiss"
        self._base = _view(self._index.base_index) if refines else self._index

    def grid(self, k: int, rows: int) -> list[Setting]:
        if self._variant != "faiss-ivfpq":
            return [{"ef": ef} for ef in widths(k, rows)]
        lists = int(4 * np.sqrt(rows))
        probes = [n for n in widths(2, rows, lists) if n <= lists]
        return [{"nprobe": n, "refine": f} for n, f in product(probes, (4, 12))]

    def use(self, setting: Setting) -> None:
        if "nprobe" in setting:
            self._base.nprobe = int(setting["nprobe"])
            self._index.k_factor = setting["refine"]
        else:
            self._base.hnsw.efSearch = int(setting["ef"])
            if self._variant == "faiss-sq8":
                self._index.k_factor = 2

    def query_one(self, vector: Floats, k: int) -> Ids:
        return self._index.search(vector[np.newaxis], k)[1][0]

    def query_batch(self, vectors: Floats, k: int, threads: int) -> Ids:
        faiss.omp_set_num_threads(threads)
        found = self._index.search(vectors, k)[1]
        faiss.omp_set_num_threads(1)
        return found

    def save(self, path: str) -> None:
        faiss.write_index(self._index, path)

    def load(self, path: str, space: str, dimensions: int) -> None:  # noqa: ARG002 (the file knows)
        self._adopt(faiss.read_index(path))


def _view(index: Any) -> Any:
    """Give the index as what it is, for its parameters."""
    return faiss.downcast_index(index)
