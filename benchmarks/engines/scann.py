"""ScaNN: a tree of sqrt(rows) to 2 sqrt(rows) leaves, 4-bit anisotropic hashing, exact reordering.

Cosine is the inner product of unit rows. SOAR (`scann-soar`) puts rows into a second leaf each and
is for inner products only; so is the anisotropic threshold.
"""

from __future__ import annotations

from importlib.metadata import version
from itertools import product
from pathlib import Path

import numpy as np
import scann

from engines import Floats, Ids, Setting, Unsupported, unit, widths


class Engine:
    version = version("scann")

    def __init__(self, variant: str) -> None:
        self._soar = variant.endswith("soar")
        self.note = "tree, score_ah(2), reorder"
        if self._soar:
            self.note += ", SOAR lambda 1.5, overretrieve 2"

    def build(self, base: Floats, space: str, threads: int) -> None:
        if self._soar and space == "euclidean":
            message = "SOAR is for inner products"
            raise Unsupported(message)
        rows = unit(base) if space == "cosine" else base
        measure = "squared_l2" if space == "euclidean" else "dot_product"
        more = {"soar_lambda": 1.5, "overretrieve_factor": 2.0} if self._soar else {}
        self._searcher = (
            scann.scann_ops_pybind.builder(rows, 10, measure)
            .tree(
                num_leaves=_leaves(len(rows)),
                num_leaves_to_search=100,
                training_sample_size=250_000,
                **more,
            )
            .score_ah(
                2,
                anisotropic_quantization_threshold=float("nan") if space == "euclidean" else 0.2,
            )
            .reorder(100)
            .set_n_training_threads(threads)
            .build()
        )

    def grid(self, k: int, rows: int) -> list[Setting]:
        leaves = [n for n in widths(2, rows, _leaves(rows)) if n <= _leaves(rows)]
        return [{"leaves": n, "reorder": f * k} for n, f in product(leaves, (3, 6, 15))]

    def use(self, setting: Setting) -> None:
        self._setting = int(setting["reorder"]), int(setting["leaves"])

    def query_one(self, vector: Floats, k: int) -> Ids:
        return self._searcher.search(vector, k, *self._setting)[0]

    def query_batch(self, vectors: Floats, k: int, threads: int) -> Ids:
        if threads == 1:
            return self._searcher.search_batched(vectors, k, *self._setting)[0]
        self._searcher.set_num_threads(threads)
        size = -(-len(vectors) // threads)
        return self._searcher.search_batched_parallel(vectors, k, *self._setting, size)[0]

    def save(self, path: str) -> None:
        Path(path).mkdir()
        self._searcher.serialize(path, relative_path=True)

    def load(self, path: str, space: str, dimensions: int) -> None:  # noqa: ARG002 (the file knows)
        self._searcher = scann.scann_ops_pybind.load_searcher(path)


def _leaves(rows: int) -> int:
    """Give what ann-benchmarks' entry has at a million rows, in proportion to the root."""
    return int(2 * np.sqrt(rows))
