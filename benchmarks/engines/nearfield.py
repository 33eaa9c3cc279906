"""nearfield: float32 storage, codes and SIMD level of its own choice, unless a variant says so.

`nearfield-int8` names codes, `nearfield-float16` a storage, `nearfield-avx2` the SIMD level that
the process was started with; `nearfield-mapped` opens its file by mmap.
"""

from __future__ import annotations

import inspect
from importlib.metadata import version
from typing import Any

import nearfield as nf

from engines import Floats, Ids, Setting, Unsupported, widths

_SPACES = {
    "euclidean": nf.Space.Euclidean,
    "inner_product": nf.Space.InnerProduct,
    "cosine": nf.Space.Cosine,
}


class Engine:
    version = version("nearfield")

    def __init__(self, variant: str) -> None:
        choice = variant.partition("-")[2]
        self._options = _options(choice)
        self._mmap = choice == "mapped"
        self.note = f"M=16, ef_construction=200, {choice or 'codes by default'}"

    def build(self, base: Floats, space: str, threads: int) -> None:
        self._index = nf.Index(
            _SPACES[space],
            base.shape[1],
            M=16,
            ef_construction=200,
            random_seed=1,
            **self._options,
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
        self._index = nf.Index.load(path, mmap=self._mmap)


def _options(choice: str) -> dict[str, Any]:
    """Give the arguments of an index that a variant's name stands for."""
    if choice in ("", "mapped"):
        return {}
    if choice in nf.simd.available():
        if nf.simd.active() == choice:
            return {}
        message = f"the SIMD level is {nf.simd.active()}; start with NEARFIELD_SIMD={choice}"
        raise Unsupported(message)
    for storage in nf.StorageDataType:
        if storage.name.lower() == choice:
            return {"storage_data_type": storage}
    if choice not in ("none", "int8", "int4"):
        message = f"this build of nearfield knows no {choice!r}"
        raise Unsupported(message)
    if "codes" not in inspect.signature(nf.Index.__init__).parameters:
        message = "this build of nearfield has no codes"
        raise Unsupported(message)
    return {"codes": choice}
