"""hnswlib: pip builds it with -march=native, so this is the peer at its best on this machine."""

from __future__ import annotations

from importlib.metadata import version

import hnswlib

from engines import Floats, Ids, Setting, widths

_SPACES = {"euclidean": "l2", "inner_product": "ip", "cosine": "cosine"}


class Engine:
    version = version("hnswlib")

    def __init__(self, variant: str) -> None:
        self._links = int(variant.partition("-")[2] or 16)
        self.note = f"M={self._links}, ef_construction=200, built with -march=native"

    def build(self, base: Floats, space: str, threads: int) -> None:
        self._index = hnswlib.Index(space=_SPACES[space], dim=base.shape[1])
        self._index.init_index(
            max_elements=len(base), M=self._links, ef_construction=200, random_seed=1
        )
        self._index.set_num_threads(threads)
        self._index.add_items(base, num_threads=threads)

    def grid(self, k: int, rows: int) -> list[Setting]:
        return [{"ef": ef} for ef in widths(k, rows)]

    def use(self, setting: Setting) -> None:
        self._index.set_ef(int(setting["ef"]))

    def query_one(self, vector: Floats, k: int) -> Ids:
        return self._index.knn_query(vector, k, 1)[0][0]

    def query_batch(self, vectors: Floats, k: int, threads: int) -> Ids:
        return self._index.knn_query(vectors, k, threads)[0]

    def save(self, path: str) -> None:
        self._index.save_index(path)

    def load(self, path: str, space: str, dimensions: int) -> None:
        self._index = hnswlib.Index(space=_SPACES[space], dim=dimensions)
        self._index.load_index(path)
