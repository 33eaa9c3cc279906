"""faiss: no index of its own kind of graph lets rows go, so there are two ways, neither as good.

`faiss-hnsw` keeps every row for ever in IndexHNSWFlat and leaves out those that went by a selector
when it is asked: the index grows with every row that comes. `faiss-ivf` is IndexIVFFlat with a
direct map, which really removes rows: inverted lists, whose centres stay those of the first rows.
Its nprobe is chosen by who asks, so that it begins at about the recall that the graphs have.
Cosine is the inner product of unit rows.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import faiss
import numpy as np
from engines import Floats, unit

from living import Answer, Ids, Json, Shape

_NOTES = {
    "faiss-hnsw": "IndexHNSWFlat, M=16, efConstruction 200; a selector leaves out removed rows",
    "faiss-ivf": "IndexIVFFlat, 4 sqrt(rows) lists, direct map; remove_ids, add_with_ids",
}


class Engine:
    version = version("faiss-cpu")

    def __init__(self, variant: str) -> None:
        self._graph = variant == "faiss-hnsw"
        self.note = _NOTES[variant]
        self.effort = "ef" if self._graph else "nprobe"

    def begin(self, shape: Shape) -> None:
        self.threads = shape.threads
        self._unit = shape.space == "cosine"
        width = shape.dimensions
        euclidean = shape.space == "euclidean"
        metric = faiss.METRIC_L2 if euclidean else faiss.METRIC_INNER_PRODUCT
        self._live = np.zeros(0, dtype=np.uint8)  # a bit a place
        self._ids: Any = np.zeros(0, dtype=np.int64)  # by place
        if self._graph:
            self._index = faiss.IndexHNSWFlat(width, 16, metric)
            self._index.hnsw.efConstruction = 200
            return
        self._centres = faiss.IndexFlat(width, metric)  # the index does not keep it alive
        lists = max(1, int(4 * np.sqrt(shape.rows)))
        self._index = faiss.IndexIVFFlat(self._centres, width, lists, metric)
        self._index.set_direct_map_type(faiss.DirectMap.Hashtable)

    def add(self, ids: Ids, rows: Floats) -> None:
        faiss.omp_set_num_threads(self.threads)
        rows = unit(rows) if self._unit else rows
        if self._graph:
            self._index.add(rows)
            self._ids = np.concatenate([self._ids, ids.astype(np.int64)])
            self._live = np.pad(self._live, (0, len(ids)), constant_values=1)
        else:
            if not self._index.is_trained:
                self._index.train(rows)
            self._index.add_with_ids(rows, ids.astype(np.int64))
        faiss.omp_set_num_threads(1)

    def remove(self, ids: Ids) -> None:
        if self._graph:
            # Places are in the order of ids, which never return: both are sorted.
            self._live[np.searchsorted(self._ids, ids.astype(np.int64))] = 0
        else:
            which = ids.astype(np.int64)
            self._index.remove_ids(faiss.IDSelectorArray(len(which), faiss.swig_ptr(which)))

    def upsert(self, ids: Ids, rows: Floats) -> None:
        message = f"{self.note}: an id cannot come back"
        raise NotImplementedError(message)

    def use(self, effort: int) -> None:
        if not self._graph:
            self._index.nprobe = min(effort, self._index.nlist)
            return
        self._bits = np.packbits(self._live, bitorder="little")
        selector = faiss.IDSelectorBitmap(len(self._live), faiss.swig_ptr(self._bits))
        self._search = faiss.SearchParametersHNSW(efSearch=effort, sel=selector)

    def query_one(self, vector: Floats, k: int) -> Any:
        return self._found(vector[np.newaxis], k)[0]

    def query_all(self, vectors: Floats, k: int) -> Answer:
        counted = faiss.cvar.hnsw_stats if self._graph else faiss.cvar.indexIVF_stats
        counted.reset()
        found = self._found(vectors, k)
        return Answer(found, counted.ndis / len(vectors))

    def _found(self, vectors: Floats, k: int) -> Any:
        if not self._graph:
            return self._index.search(vectors, k)[1]
        places = self._index.search(vectors, k, params=self._search)[1]
        return np.where(places >= 0, self._ids[places], -1)

    def figures(self) -> Json:
        return {"slots": self._index.ntotal}

    def compact(self) -> bool:
        return False
