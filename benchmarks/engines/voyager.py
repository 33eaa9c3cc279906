"""Voyager: float32 storage, capacity reserved before the build."""

from __future__ import annotations

from importlib.metadata import version

import voyager

from engines import Floats, Ids, Setting, widths

_SPACES = {
    "euclidean": voyager.Space.Euclidean,
    "inner_product": voyager.Space.InnerProduct,
    "cosine": voyager.Space.Cosine,
}


class Engine:
    version = version("voyager")
    note = "float32, M=16, ef_construction=200"

    def __init__(self, variant: str) -> None:
        pass

    def build(self, base: Floats, space: str, threads: int) -> None:
        self._index = voyager.Index(
            _SPACES[space],
            base.shape[1],
            M=16,
            ef_construction=200,
            random_seed=1,
            max_elements=len(base),
        )
        self._index.add_items(base, num_threads=threads)

    def grid(self, k: int, rows: int) -> list[Setting]:
        return [{"ef": ef} for ef in widths(k, rows)]

    def use(self, setting: Setting) -> None:
        self._index.ef = int(setting["ef"])

    def query_one(self, vector: Floats, k: int) -> Ids:
        return self._index.query(vector, k, 1)[0]

    def query_batch(self, vectors: Floats, k: int, threads: int) -> Ids:
        return self._index.query(vectors, k, threads)[0]

    def save(self, path: str) -> None:
        self._index.save(path)

    def load(self, path: str, space: str, dimensions: int) -> None:  # noqa: ARG002 (the file knows)
        self._index = voyager.Index.load(path)
