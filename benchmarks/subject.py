"""worker.py's process for nearfield, and what only nearfield can be asked."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from itertools import combinations
from typing import Any

import nearfield as nf
import numpy as np
from data_sets import Floats
from engines import unit
from worker import Worker, answer, timed

Json = dict[str, Any]


class Subject(Worker):
    """A worker that tells more than ids: distances, counters, brute force on the same rows."""

    def digest(self, k: int, efs: list[int]) -> Json:
        """Hash ids and distances of all queries at these beam widths."""
        told = hashlib.sha256()
        for ef in efs:
            found = self._engine._index.query(self._queries, k, query_ef=ef)
            told.update(found.ids.tobytes())
            told.update(found.distances.tobytes())
        return {"sha256": told.hexdigest(), "simd": nf.simd.active()}

    def counters(self, k: int, ef: int) -> Json:
        """Count the work of a query."""
        found = self._engine._index.query(self._queries, k, query_ef=ef)
        return {
            "distances": found.num_distances / len(self._queries),
            "hops": found.num_hops / len(self._queries),
        }

    def brute(self, base: str, space: str, k: int) -> Json:
        """Make brute force ready, on rows that it may prepare beforehand."""
        rows: Floats = np.load(base)
        self._exact = nf.ExactIndex(space_of(space), rows.shape[1])
        self._exact.add_items(rows)
        self._space = space
        self._base = unit(rows) if space == "cosine" else rows
        squares = np.einsum("ij,ij->i", self._base, self._base)
        self._squares = squares if space == "euclidean" else np.zeros_like(squares)
        self._rows_in_all = len(rows)
        return {"k": k}

    def scan(self, way: str, k: int, single: bool, queries: int) -> Json:
        """Time one way of brute force on the first queries, on one thread."""
        asked = self._queries[:queries]
        call = self._ways()[way]
        parts = [row[np.newaxis] for row in asked] if single else [asked]
        call(asked[:1], k)
        _, wall, cpu = timed(lambda: [call(part, k) for part in parts])
        return {"wall_seconds": wall / queries, "cpu_seconds": cpu / queries}

    def agree(self, k: int, queries: int) -> Json:
        """Tell how much of what one way finds another finds as well, the least of all pairs."""
        found = [call(self._queries[:queries], k) for call in self._ways().values()]
        shares = [
            np.mean([np.isin(a, b).mean() for a, b in zip(one, other, strict=True)])
            for one, other in combinations(found, 2)
        ]
        return {"least": float(min(shares))}

    def _ways(self) -> dict[str, Callable[[Floats, int], Any]]:
        return {"exact": self._exact_search, "kernels": self._kernels, "matrix": self._matrix}

    def _exact_search(self, asked: Floats, k: int) -> Any:
        return self._exact.query(asked, k).ids.astype(np.int64)

    def _kernels(self, asked: Floats, k: int) -> Any:
        """A beam of a quarter of the rows and more makes the index scan its vectors."""
        return self._engine._index.query(asked, k, 1, self._rows_in_all).ids.astype(np.int64)

    def _matrix(self, asked: Floats, k: int) -> Any:
        """One product, and the k smallest of each row, not put in order."""
        scores = self._squares - 2 * (asked @ self._base.T)
        return np.argpartition(scores, k - 1, axis=1)[:, :k]


def space_of(name: str) -> nf.Space:
    """Give nearfield's word for a space of data_sets."""
    return nf.Space["".join(word.capitalize() for word in name.split("_"))]


if __name__ == "__main__":
    answer(Subject)
