"""An index that filters are tried on, and brute force over it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import nearfield as nf
import numpy as np

D, ROWS = 8, 400


class World:
    """An index with ids from anywhere, ties, marked, removed and replaced rows; and its queries."""

    def __init__(self, **options: Any) -> None:
        rng = np.random.default_rng(5)
        vectors = rng.normal(size=(ROWS, D)).astype(np.float32)
        vectors[50:80] = vectors[:30]
        ids = rng.integers(0, 2**63, size=ROWS)
        self.index = nf.Index(nf.Space.Euclidean, D, M=6, ef_construction=30, **options)
        self.index.add_items(vectors, ids.tolist())
        self.index.remove(ids[100:150])
        self.index.upsert(vectors[150:180] + 0.5, ids[150:180].tolist())
        for id in ids[200:230].tolist():
            self.index.mark_deleted(id)
        self.gone = [*ids[100:150].tolist(), *ids[200:230].tolist()]
        self.live: list[int] = list(self.index.ids)
        self.queries = rng.normal(size=(7, D)).astype(np.float32)
        self.queries[0] = vectors[55]
        self.truth = self.index.query(self.queries, len(self.live), query_ef=10 * ROWS)

    def nearest(
        self, q: int, k: int, allowed: Callable[[int], bool]
    ) -> tuple[list[int], list[float]]:
        """Give the k nearest that pass, by a query without a filter for all there are."""
        pairs = zip(self.truth.ids[q].tolist(), self.truth.distances[q].tolist(), strict=True)
        passing = [pair for pair in pairs if allowed(pair[0])][:k]
        return [id for id, _ in passing], [distance for _, distance in passing]


def check(world: World, found: nf.Neighbors, allowed: Callable[[int, int], bool]) -> None:
    """Hold an answer to all queries, padded, against brute force."""
    k = found.ids.shape[1]
    for q in range(len(world.queries)):
        ids, distances = world.nearest(q, k, lambda id, q=q: allowed(q, id))
        n = len(ids)
        assert found.counts[q] == n
        assert found.ids[q].tolist() == ids + [nf.NO_ID] * (k - n)
        assert found.distances[q].tolist() == distances + [np.inf] * (k - n)


def mask_of(world: World, ids: set[int]) -> np.ndarray:
    return np.array([id in ids for id in world.live])
