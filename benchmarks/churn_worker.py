"""One index that lives for long, in a process of its own that holds nothing else. See worker.py.

Rows are read from a file for the call that adds them and are gone after it, so that what the
process has in memory beyond what it had after the import is the index.
"""

from __future__ import annotations

import ctypes
import gc
from typing import Any

import living
import numpy as np
from engines import library_of
from machine import library_hash
from worker import answer, resident, timed

Json = dict[str, Any]


class Living:
    """The index and the queries that it is asked."""

    def __init__(self, variant: str) -> None:
        self._variant = variant
        self._engine = living.make(variant)
        self._trim = getattr(ctypes.CDLL(None), "malloc_trim", lambda _: 0)

    def about(self) -> Json:
        """Tell version and build of the library, and how rows come and go in it."""
        return {
            "version": self._engine.version,
            "note": self._engine.note,
            "effort": self._engine.effort,
            "hash": library_hash(library_of(self._variant)),
        }

    def begin(self, space: str, dimensions: int, rows: int, threads: int, queries: str) -> Json:
        """Make an empty index.

        What a process takes that has used the library at all is not the index: it is counted
        after an index of the queries was filled, asked and dropped.
        """
        self._queries = np.load(queries)
        self._singles = list(self._queries)
        shape = living.Shape(space, dimensions, rows, threads)
        self._engine.begin(shape._replace(rows=len(self._queries)))
        self._engine.add(np.arange(len(self._queries), dtype=np.uint64), self._queries)
        self._engine.use(1)
        self._engine.query_all(self._queries, 1)
        self._engine.begin(shape._replace(rows=1))
        self._before = self._trimmed()
        self._engine.begin(shape)
        return {}

    def add(self, base: str, change: str) -> Json:
        """Add the rows of the base that come."""
        with np.load(change) as arrays:
            ids, which = arrays["come"], arrays["rows"]
        rows = np.load(base, mmap_mode="r")[which]
        _, wall, cpu = timed(lambda: self._engine.add(ids, rows))
        return {"wall_seconds": wall, "cpu_seconds": cpu}

    def remove(self, change: str) -> Json:
        """Remove the rows that go."""
        with np.load(change) as arrays:
            ids = arrays["gone"]
        _, wall, cpu = timed(lambda: self._engine.remove(ids))
        return {"wall_seconds": wall, "cpu_seconds": cpu}

    def compact(self) -> Json:
        """Give memory back where the library can."""
        able, wall, _ = timed(self._engine.compact)
        return {"able": able, "wall_seconds": wall}

    def ask(self, effort: int, k: int, out: str, passes: int) -> Json:
        """Ask all queries at once and leave the ids in a file; then time passes one by one."""
        self._engine.use(effort)
        found = self._engine.query_all(self._queries, k)
        np.save(out, found.ids)
        one = self._engine.query_one
        seconds = [timed(lambda: [one(row, k) for row in self._singles])[1] for _ in range(passes)]
        queries_s = len(self._singles) / float(np.median(seconds)) if seconds else None
        return {"distances": found.distances, "qps": queries_s}

    def figures(self) -> Json:
        """Tell what the index says of itself."""
        return self._engine.figures()

    def memory(self) -> Json:
        """Tell the bytes that the index has in memory, after the allocator gave back its own."""
        return {"resident_bytes": self._trimmed() - self._before}

    def _trimmed(self) -> int:
        gc.collect()
        self._trim(0)
        return resident()


if __name__ == "__main__":
    answer(Living)
