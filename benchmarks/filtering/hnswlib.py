"""hnswlib: by a bit a row in C++, which is its filter at its best; or by its Python module's own.

The bits are ready before anything is timed, but in `looped`, which makes those of each query.
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

import numpy as np
from engines import Floats, Setting, hnswlib
from numpy.typing import NDArray

from filtering import Json, Sets
from filtering.bitset import BitsetIndex, compiled


def make(variant: str) -> Any:
    """Give the engine of a variant."""
    return (Callable if variant == "hnswlib-python" else Bitset)("hnswlib")


class Bitset(hnswlib.Engine):
    """A functor over bits, a loop over queries in C++."""

    def __init__(self, variant: str) -> None:
        super().__init__(variant)
        compiled()  # where it cannot be, nobody need wait for a build to be told
        self.note += "; a functor over a bitset, a loop over the queries, both in C++"

    def load(self, path: str, space: str, dimensions: int) -> None:
        self._bitset = BitsetIndex(path, space, dimensions)

    def take(self, queries: Floats, sets: Sets) -> None:
        self._queries, self._sets = queries, sets
        self._bits: NDArray[np.uint64] | None = None

    def use(self, setting: Setting) -> None:
        self._ef = int(setting["ef"])

    def batch(self, k: int) -> Any:
        return self.single(k)[0]

    def single(self, k: int) -> tuple[Any, NDArray[np.int64]]:
        return self._bitset.search(self._queries, k, self._ef, self._all_bits())

    def looped(self, k: int) -> Any:
        """Make the bits of each query before it is asked, and no others."""
        sets = self._sets
        bits = np.full(sets.rows // 64 + 1, ~np.uint64(0))
        more = (sets.ends, sets.ids, bits)
        return self._bitset.search_without(self._queries, k, self._ef, *more)[0]

    def distances(self, k: int) -> float:
        self._bitset.count(True)
        try:
            self.batch(k)
        finally:
            counted = self._bitset.count(False)
        return counted / len(self._queries)

    def compiled(self, k: int) -> Json:  # noqa: ARG002 (others need it)
        """Time making the bits of one set."""
        words = np.empty((1, self._sets.rows // 64 + 1), dtype=np.uint64)
        some = range(min(20, len(self._queries)))
        begin = time.process_time()
        for query in some:
            self._fill(words[0], query)
        return {"make": (time.process_time() - begin) / len(some)}

    def _all_bits(self) -> NDArray[np.uint64]:
        if self._bits is None:
            self._bits = np.empty((len(self._sets), self._sets.rows // 64 + 1), dtype=np.uint64)
            for query, words in enumerate(self._bits):
                self._fill(words, query)
        return self._bits

    def _fill(self, words: NDArray[np.uint64], query: int) -> None:
        self._bitset.fill(words, self._sets.ids_of(query), self._sets.allowing)


class Callable(hnswlib.Engine):
    """A Python callable that hnswlib calls for every row that is near enough.

    It is the quickest one there is: not a function of Python, but an array's own way to its items.
    """

    def __init__(self, variant: str) -> None:
        super().__init__(variant)
        self.note += "; knn_query(filter=bytearray(...).__getitem__)"

    def take(self, queries: Floats, sets: Sets) -> None:
        self._rows = list(queries)
        self._filters = []
        for query in range(len(sets)):
            mask = np.full(sets.rows, not sets.allowing)
            mask[sets.ids_of(query)] = sets.allowing
            self._filters.append(bytearray(mask.tobytes()).__getitem__)
        self._filters *= len(queries) if sets.shared else 1

    def batch(self, k: int) -> Any:
        return self.single(k)[0]

    def single(self, k: int) -> tuple[Any, NDArray[np.int64]]:
        found = np.full((len(self._rows), k), -1)
        took = np.empty(len(self._rows), dtype=np.int64)
        ask, clock = self._index.knn_query, time.perf_counter_ns
        for place, (row, passes) in enumerate(zip(self._rows, self._filters, strict=True)):
            begin = clock()
            with suppress(RuntimeError):  # fewer than k were found: it gives none of them
                found[place] = ask(row, k, num_threads=1, filter=passes)[0][0]
            took[place] = clock() - begin
        return found, took
