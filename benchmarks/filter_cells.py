"""The cells of the comparison under filters: which filter each of them asks under."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import filter_rows
import numpy as np
from engines import Floats
from filter_rows import Groups, Plane
from filtering import Sets, sets_of

RATIOS = (0.999, 0.99, 0.9, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.001, 0.0001)
HEARD = (100, 1_000, 10_000, 100_000)
WORKLOADS = {
    "W1": "random rows pass",
    "W2": "rows near to the query pass, or far from it",
    "W3": "rows are left out that were heard",
    "W5": "each of many users has a set of their own",
    "W6": "less passes than is asked for",
}
RANDOM, NEAREST, FURTHEST, HEARD_NEAR = "random", "nearest", "furthest", "heard nearest"
_MOST_LEFT_OUT = 0.2  # of the rows, by a set of what was heard
_FEW = 5  # rows that pass where fewer do than are asked for


@dataclass(frozen=True)
class Cell:
    """One filter, or one for each query."""

    workload: str
    kind: str
    size: float  # the part of the rows that passes, or how many rows are in the sets
    sets: Callable[[Floats], Sets]  # of some queries

    @property
    def name(self) -> str:
        """Say which it is."""
        return f"{self.workload} {self.kind} {shown(self.size)}"


def shown(size: float) -> str:
    """Write a ratio in percent, a number of rows as it is."""
    return f"{100 * size:g} %" if 0 < size < 1 else f"{size:,.0f}"


def cells(
    within: Plane, gathered: Mapping[str, Groups], workloads: list[str], seed: int
) -> Iterator[Cell]:
    """Give one cell after the other; W5 is none, see filter_users.py."""
    rows = len(within.rows)
    if "W1" in workloads:
        for ratio in RATIOS:
            passing = filter_rows.num_passing(rows, ratio)
            sets = filter_rows.at_random(rows, passing, seed)
            yield Cell("W1", RANDOM, ratio, partial(_same, sets))
    if "W2" in workloads:
        for name, groups in gathered.items():
            for way in (NEAREST, FURTHEST):
                for ratio in RATIOS:
                    passing = filter_rows.num_passing(rows, ratio)
                    yield Cell("W2", f"{way} {name}", ratio, _by_groups(groups, passing, way))
    if "W3" in workloads:
        for size in (size for size in HEARD if size <= _MOST_LEFT_OUT * rows):
            yield Cell("W3", "heard at random", size, _at_random(rows, size, seed))
            near = partial(filter_rows.without_nearest, within, size=size)
            yield Cell("W3", HEARD_NEAR, size, near)
    if "W6" in workloads:
        for size in (0, _FEW):
            few = filter_rows.at_random(rows, size, seed) if size else none(rows)
            yield Cell("W6", "allowed", size, partial(_same, few))


def none(rows: int) -> Sets:
    """Give the filter that nothing passes."""
    return sets_of([np.zeros(0, dtype=np.uint64)], True, True, rows)


def _same(sets: Sets, _: Floats) -> Sets:
    return sets


def _by_groups(groups: Groups, passing: int, way: str) -> Callable[[Floats], Sets]:
    return lambda queries: filter_rows.by_groups(groups, queries, passing, way == NEAREST)


def _at_random(rows: int, size: int, seed: int) -> Callable[[Floats], Sets]:
    return lambda queries: filter_rows.without_random(rows, len(queries), size, seed)
