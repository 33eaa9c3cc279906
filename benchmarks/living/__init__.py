"""One adapter per library for rows that come and go. `engines/` has those of indexes that stay.

Every library gets the same rows, M=16 and ef_construction=200 or what it has in their place, and
takes rows out in its own documented way. What its way is, and what it cannot do, is in its note.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, NamedTuple, Protocol

import numpy as np
from engines import Floats
from numpy.typing import NDArray

Ids = NDArray[np.uint64]
Json = dict[str, Any]

# Listed here, because a library may be installed in another environment than the one that compares.
VARIANTS = ("nearfield", "hnswlib", "usearch", "faiss-hnsw", "faiss-ivf")


class Shape(NamedTuple):
    """What an index is made for."""

    space: str
    dimensions: int
    rows: int  # that it holds at a time
    threads: int


class Answer(NamedTuple):
    """What was found: (queries, k) ids, -1 where there is none, and the distances it took."""

    ids: NDArray[np.int64]
    distances: float | None  # of a query, where the library counts them


class Engine(Protocol):
    """What churn_worker.py and latency_worker.py ask of a library."""

    version: str
    note: str
    effort: str  # the library's word for what `use` sets
    threads: int  # of adding and removing; `begin` sets it, and it may be changed

    def __init__(self, variant: str) -> None: ...
    def begin(self, shape: Shape) -> None:
        """Make an empty index, in place of the one there was."""

    def add(self, ids: Ids, rows: Floats) -> None: ...
    def remove(self, ids: Ids) -> None: ...
    def upsert(self, ids: Ids, rows: Floats) -> None: ...
    def use(self, effort: int) -> None: ...
    def query_one(self, vector: Floats, k: int) -> Any: ...
    def query_all(self, vectors: Floats, k: int) -> Answer:
        """Ask all in one call, on one thread."""

    def figures(self) -> Json:
        """Give what the index says of itself: `bytes` that it takes, and counts of its own."""

    def compact(self) -> bool:
        """Give memory back; tell whether the library can."""


def make(variant: str) -> Engine:
    """Import the library of a variant and give its engine."""
    engine: Engine = import_module(f"living.{variant.partition('-')[0]}").Engine(variant)
    return engine


def padded(found: Any, k: int) -> NDArray[np.int64]:
    """Give (queries, k) ids of rows of any length; -1 where there are fewer."""
    out = np.full((len(found), k), -1, dtype=np.int64)
    for row, ids in zip(out, found, strict=True):
        row[: len(ids)] = np.asarray(ids).astype(np.int64)
    return out
