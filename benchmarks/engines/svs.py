"""Scalable Vector Search: Vamana graphs of degree 64 on floats, halves, LVQ and LeanVec.

LVQ and LeanVec refuse any CPU that is not Intel's. Cosine is the inner product of unit rows.
"""

from __future__ import annotations

import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import svs

from engines import Floats, Ids, Setting, unit, widths

_NOTES = {
    "svs": "float32",
    "svs-fp16": "float16",
    "svs-lvq4x8": "LVQ of 4 bits, 8 for the rest",
    "svs-leanvec": "LeanVec to half the dimensions, LVQ of 4 and 8 bits",
}


class Engine:
    version = version("scalable-vs")

    def __init__(self, variant: str) -> None:
        self._variant = variant
        self.note = f"Vamana, {_NOTES[variant]}, graph_max_degree 64, window_size 200"

    def build(self, base: Floats, space: str, threads: int) -> None:
        rows = unit(base) if space == "cosine" else base
        nearest_first = space == "euclidean"
        parameters = svs.VamanaBuildParameters(
            alpha=1.2 if nearest_first else 0.95, graph_max_degree=64, window_size=200
        )
        distance = _distance(space)
        if self._variant in ("svs", "svs-fp16"):
            values = rows if self._variant == "svs" else rows.astype(np.float16)
            self._index = svs.Vamana.build(parameters, values, distance, num_threads=threads)
        else:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "base.fvecs"  # compressing loaders read files only
                svs.write_vecs(rows, str(path))
                data = self._compressed(svs.VectorDataLoader(str(path), svs.float32), rows.shape[1])
                self._index = svs.Vamana.build(parameters, data, distance, num_threads=threads)
        self._index.num_threads = 1

    def _compressed(self, data: Any, dimensions: int) -> Any:
        if self._variant == "svs-lvq4x8":
            return svs.LVQLoader(data, primary=4, residual=8, strategy=svs.LVQStrategy.Turbo)
        return svs.LeanVecLoader(
            data,
            leanvec_dims=dimensions // 2,
            primary_kind=svs.LeanVecKind.lvq4,
            secondary_kind=svs.LeanVecKind.lvq8,
        )

    def grid(self, k: int, rows: int) -> list[Setting]:
        return [{"window": window} for window in widths(k, rows)]

    def use(self, setting: Setting) -> None:
        self._index.search_window_size = int(setting["window"])

    def query_one(self, vector: Floats, k: int) -> Ids:
        return self._index.search(vector, k)[0][0]

    def query_batch(self, vectors: Floats, k: int, threads: int) -> Ids:
        self._index.num_threads = threads
        found = self._index.search(vectors, k)[0]
        self._index.num_threads = 1
        return found

    def save(self, path: str) -> None:
        Path(path).mkdir()
        self._index.save(*(f"{path}/{part}" for part in ("config", "graph", "data")))

    def load(self, path: str, space: str, dimensions: int) -> None:  # noqa: ARG002 (the file knows)
        folder = f"{path}/data"
        if self._variant == "svs-lvq4x8":
            data = svs.LVQLoader(folder, strategy=svs.LVQStrategy.Turbo)
        elif self._variant == "svs-leanvec":
            data = svs.LeanVecLoader(folder)
        else:
            kind = svs.float32 if self._variant == "svs" else svs.float16
            data = svs.VectorDataLoader(folder, kind)
        self._index = svs.Vamana(
            f"{path}/config",
            svs.GraphLoader(f"{path}/graph"),
            data,
            distance=_distance(space),
            num_threads=1,
        )


def _distance(space: str) -> Any:
    return svs.DistanceType.L2 if space == "euclidean" else svs.DistanceType.MIP
