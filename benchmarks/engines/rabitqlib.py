"""RaBitQ: SymphonyQG graphs of degree 32 and 64 with raw rows, and inverted lists of 7-bit codes.

Cosine is the squared distance of unit rows, whose order a query's length does not change: graph and
lists come out better than those for their inner product (62,666 x 384 text, degree 32, recall@10 at
ef 55: .978 and .966). So does an ef_construction of 400 in place of 200 (.980).
"""

from __future__ import annotations

from importlib.metadata import version

import numpy as np
import rabitqlib

from engines import Floats, Ids, Setting, unit, widths

_BITS = 7


class Engine:
    version = version("rabitqlib")

    def __init__(self, variant: str) -> None:
        kind = variant.partition("-")[2]
        self._lists = kind == "ivf"
        self._degree = int(kind or 32) if not self._lists else 0
        self.note = f"SymqgIndex, degree {self._degree}, ef_construction 400, pipnn"
        if self._lists:
            self.note = f"IvfIndex, {_BITS} bits, sqrt(rows) lists"

    def build(self, base: Floats, space: str, threads: int) -> None:
        rows = unit(base) if space == "cosine" else base
        width = rows.shape[1]
        metric = "ip" if space == "inner_product" else "l2"
        if not self._lists:
            self._index = rabitqlib.SymqgIndex(width, self._degree, metric)
            self._index.build(rows, 400, threads)
            return
        lists = _count(len(rows))
        means = rabitqlib.QGKMeans(width, lists, num_threads=threads)
        means.train(rows)
        self._index = rabitqlib.IvfIndex(width, len(rows), lists, _BITS, metric)
        self._index.build(rows, means.centroids, means.assignments, threads)

    def grid(self, k: int, rows: int) -> list[Setting]:
        if self._lists:
            return [{"nprobe": n} for n in widths(1, rows, _count(rows))]
        return [{"ef": ef} for ef in widths(k, rows)]

    def use(self, setting: Setting) -> None:
        self._width = int(setting["nprobe" if self._lists else "ef"])

    def query_one(self, vector: Floats, k: int) -> Ids:
        return self._index.search(vector[np.newaxis], k, self._width)[0][0]

    def query_batch(self, vectors: Floats, k: int, threads: int) -> Ids:
        return self._index.search(vectors, k, self._width, num_threads=threads)[0]

    def save(self, path: str) -> None:
        self._index.save(path)

    def load(self, path: str, space: str, dimensions: int) -> None:  # noqa: ARG002 (the file knows)
        kind = rabitqlib.IvfIndex if self._lists else rabitqlib.SymqgIndex
        self._index = kind.load(path)


def _count(rows: int) -> int:
    return int(np.sqrt(rows))
