"""One adapter per way of asking under a filter, each on top of the library's own in `engines/`.

Every library has the same rows, M=16 and ef_construction=200, and is given its filters in the form
that it likes best before anything is timed; what it does with them in a call is timed. Ids are the
numbers of rows in all of them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any, Protocol

import numpy as np
from engines import Floats, Setting
from numpy.typing import NDArray

Ids = NDArray[np.uint64]
Json = dict[str, Any]

# Listed here, because a library may be installed in another environment than the one that compares.
# `hnswlib` is its bitset in C++, `hnswlib-python` the filter of its Python module.
VARIANTS = ("nearfield", "hnswlib", "hnswlib-python", "faiss-16")
# By whom the file was written that a variant opens, where that is another one.
BUILT_BY = {"hnswlib-python": "hnswlib"}


@dataclass(frozen=True)
class Sets:
    """Which rows pass: one set for all queries or one for each, of what is allowed or left out."""

    ends: Ids  # set i: ids[ends[i] : ends[i + 1]]
    ids: Ids  # ascending within a set, none twice
    allowing: bool
    shared: bool
    rows: int  # of the index

    def __len__(self) -> int:
        """Count the sets."""
        return len(self.ends) - 1

    def ids_of(self, query: int) -> Ids:
        """Give the set of a query."""
        place = 0 if self.shared else query
        return self.ids[int(self.ends[place]) : int(self.ends[place + 1])]

    def num_allowed(self, query: int) -> int:
        """Count the rows that may be returned to a query."""
        count = len(self.ids_of(query))
        return count if self.allowing else self.rows - count

    def passes(self, query: int, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Tell which of some rows may be returned to a query."""
        ids = self.ids_of(query)
        places = np.searchsorted(ids, rows.astype(np.uint64))
        found = np.zeros(len(rows), dtype=bool)
        inside = places < len(ids)
        found[inside] = ids[places[inside]] == rows[inside].astype(np.uint64)
        return found if self.allowing else ~found

    def first(self, queries: int) -> Sets:
        """Give the sets of the first queries."""
        if self.shared:
            return self
        ends = self.ends[: queries + 1]
        return replace(self, ends=ends, ids=self.ids[: int(ends[-1])])


def sets_of(each: list[Any], allowing: bool, shared: bool, rows: int) -> Sets:
    """Put sets behind each other."""
    ends = np.cumsum([0, *map(len, each)]).astype(np.uint64)
    ids = np.concatenate([np.sort(ids) for ids in each]).astype(np.uint64)
    return Sets(ends, ids, allowing, shared, rows)


class Engine(Protocol):
    """What filter_worker.py asks of a variant, besides building, saving and loading.

    Its other methods are ways that only one library has: `exact`, `batch2`, `looped`, `plans`,
    `compiled`.
    """

    version: str
    note: str

    def build(self, base: Floats, space: str, threads: int) -> None: ...
    def save(self, path: str) -> None: ...
    def load(self, path: str, space: str, dimensions: int) -> None: ...
    def take(self, queries: Floats, sets: Sets) -> None:
        """Make queries and filters ready to be asked, in the library's best form."""

    def use(self, setting: Setting) -> None:
        """Set the beam width; an empty setting stands for what the library does by itself."""

    def batch(self, k: int) -> Any:
        """Ask all queries on one thread in the fewest calls."""

    def single(self, k: int) -> tuple[Any, NDArray[np.int64]]:
        """Ask one query a call; give the nanoseconds of each call as well."""

    def distances(self, k: int) -> float:
        """Ask all and count the distances of a query."""


def make(variant: str) -> Engine:
    """Import the library of a variant and give its engine."""
    engine: Engine = import_module(f"filtering.{variant.partition('-')[0]}").make(variant)
    return engine
