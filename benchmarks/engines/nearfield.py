"""nearfield: float32 storage, the SIMD level that it chose by itself; `codes` where it has them."""

from __future__ import annotations

import inspect
from importlib.metadata import version

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
        codes = variant.partition("-")[2]
        self._options = {"codes": codes} if codes else {}
        self.note = f"M=16, ef_construction=200, codes {codes or 'by default'}"
        if codes and "codes" not in inspect.signature(nf.Index.__init__).parameters:
            message = "this build of nearfield has no codes"
            raise Unsupported(message)

    def build(self, base: Floats, space: str, threads: int) -> None:
        self._index = nf.Index(
            _SPACES[space],
            base.shape[1],
            M=16,
            ef_construction=200,
            random_seed=1,
            **self._options,  # type: ignore[arg-type]
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
        self._index = nf.Index.load(path)
