"""PyNNDescent: 40 neighbours, as in its entry in ann-benchmarks.

Its fastest way for one thread is not its way for several: these are asked of a second face of the
same arrays.
"""

from __future__ import annotations

import copy
import pickle
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numba
import numpy as np
from pynndescent import NNDescent

from engines import Floats, Ids, Setting

_METRICS = {"euclidean": "euclidean", "cosine": "cosine", "inner_product": "inner_product"}


class Engine:
    version = version("pynndescent")
    note = "n_neighbors 40, pruning_degree_multiplier 2, diversify_prob 0.5"

    def __init__(self, variant: str) -> None:
        pass

    def build(self, base: Floats, space: str, threads: int) -> None:
        index = NNDescent(
            base,
            metric=_METRICS[space],
            n_neighbors=40,
            pruning_degree_multiplier=2.0,
            diversify_prob=0.5,
            random_state=1,
            n_jobs=threads,
        )
        index.prepare()
        self._adopt(index)

    def _adopt(self, index: Any) -> None:
        self._index = index
        self._parallel: Any = None
        numba.set_num_threads(1)

    def grid(self, k: int, rows: int) -> list[Setting]:  # noqa: ARG002 (the same for all)
        return [{"epsilon": epsilon / 100} for epsilon in (0, 2, 4, 6, 9, 12, 16, 20, 25, 30, 36)]

    def use(self, setting: Setting) -> None:
        self._epsilon = setting["epsilon"]

    def query_one(self, vector: Floats, k: int) -> Ids:
        return self._index.query(vector[np.newaxis], k, self._epsilon)[0][0]

    def query_batch(self, vectors: Floats, k: int, threads: int) -> Ids:
        if threads == 1:
            return self._index.query(vectors, k, self._epsilon)[0]
        if self._parallel is None:
            self._index.parallel_batch_queries = True
            self._parallel = copy.copy(self._index)  # compiles its search as the flag says
            self._index.parallel_batch_queries = False
        numba.set_num_threads(threads)
        found = self._parallel.query(vectors, k, self._epsilon)[0]
        numba.set_num_threads(1)
        return found

    def save(self, path: str) -> None:
        with Path(path).open("wb") as file:
            pickle.dump(self._index, file, protocol=5)

    def load(self, path: str, space: str, dimensions: int) -> None:  # noqa: ARG002 (the file knows)
        with Path(path).open("rb") as file:
            index = pickle.load(file)
        index.prepare()
        self._adopt(index)
