"""faiss: IndexHNSWFlat under IDSelectorBitmap, a bit a row.

Its stop rule counts all that is near, whether it passes or not: under a filter that little passes,
it gives fewer results than there are unless the beam is very wide.
"""

from __future__ import annotations

import time
from typing import Any

import faiss as library
import numpy as np
from engines import Floats, Setting, faiss, unit
from numpy.typing import NDArray

from filtering import Sets


def make(variant: str) -> Any:
    """Give the engine."""
    return Engine(variant)


class Engine(faiss.Engine):
    def __init__(self, variant: str) -> None:
        super().__init__("faiss")
        self._links = int(variant.partition("-")[2])
        self.note = f"IndexHNSWFlat, M={self._links}, efConstruction 200; IDSelectorBitmap"

    def build(self, base: Floats, space: str, threads: int) -> None:
        library.omp_set_num_threads(threads)
        euclidean = space == "euclidean"
        metric = library.METRIC_L2 if euclidean else library.METRIC_INNER_PRODUCT
        index = library.IndexHNSWFlat(base.shape[1], self._links, metric)
        index.hnsw.efConstruction = 200
        index.add(unit(base) if space == "cosine" else base)
        self._adopt(index)

    def take(self, queries: Floats, sets: Sets) -> None:
        self._queries = queries
        self._rows = [row[np.newaxis] for row in queries]
        self._shared = sets.shared
        self._bits, self._selectors = [], []  # neither keeps the other alive
        for query in range(len(sets)):
            mask = np.full(sets.rows, not sets.allowing)
            mask[sets.ids_of(query)] = sets.allowing
            bits = np.packbits(mask, bitorder="little")
            self._bits.append(bits)
            self._selectors.append(library.IDSelectorBitmap(len(bits), library.swig_ptr(bits)))

    def use(self, setting: Setting) -> None:
        ef = int(setting["ef"])
        made = [library.SearchParametersHNSW(efSearch=ef, sel=sel) for sel in self._selectors]
        self._params = made * len(self._rows) if self._shared else made

    def batch(self, k: int) -> Any:
        if self._shared:
            return self._index.search(self._queries, k, params=self._params[0])[1]
        return self.single(k)[0]

    def single(self, k: int) -> tuple[Any, NDArray[np.int64]]:
        found = np.empty((len(self._rows), k), dtype=np.int64)
        took = np.empty(len(self._rows), dtype=np.int64)
        ask, clock = self._index.search, time.perf_counter_ns
        for place, (row, params) in enumerate(zip(self._rows, self._params, strict=True)):
            begin = clock()
            found[place] = ask(row, k, params=params)[1][0]
            took[place] = clock() - begin
        return found, took

    def distances(self, k: int) -> float:
        counted = library.cvar.hnsw_stats
        counted.reset()
        self.batch(k)
        return float(counted.ndis / len(self._rows))
