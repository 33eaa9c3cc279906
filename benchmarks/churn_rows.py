"""Which rows of a data set are in an index that lives for long, which go, and which come. Pure.

A fifth of the rows waits in a pool. Each round as many rows come from the pool's front as go, and
those that went wait at its end; whatever comes gets ids that were never used, in rising order.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from engines import Floats, unit
from numpy.typing import NDArray

Rows = NDArray[np.int64]  # numbers of rows of the data set
Ids = NDArray[np.uint64]

PATTERNS = ("random", "clusters", "window")
_POOL = 0.2  # of the rows of the data set
_CLUSTER_ROWS = 250  # of a cluster, about: a tenth of 50,000 rows is some twenty of them
_MOST_CLUSTERS = 200
_SAMPLE = 20_000  # rows that move the centres
_MOVES = 8
_BLOCK = 20_000


class Stock(NamedTuple):
    """The rows in the index by their ids, and those that wait."""

    live: Ids  # rising: the oldest first
    row_of: Rows  # by id, of all ids that there ever were
    pool: Rows  # the first comes next

    @property
    def rows(self) -> Rows:
        """Give the rows in the index, in the order of `live`."""
        return self.row_of[self.live]


class Change(NamedTuple):
    """What one round does, and what is in the index after it."""

    gone: Ids
    come: Ids
    stock: Stock

    @property
    def rows(self) -> Rows:
        """Give the rows that come, in the order of `come`."""
        return self.stock.row_of[self.come]


def begin(rows: int, seed: int) -> Stock:
    """Draw which rows are in the index at first: all but the pool, in random order."""
    order = np.random.default_rng([seed, rows]).permutation(rows)
    live = rows - int(rows * _POOL)
    return Stock(np.arange(live, dtype=np.uint64), order[:live].copy(), order[live:].copy())


def replaced(stock: Stock, gone: Ids) -> Change:
    """Let these ids go, and as many rows of the pool come."""
    count, ids = len(gone), len(stock.row_of)
    if count > len(stock.pool):
        message = f"{count:,} rows would go, but only {len(stock.pool):,} wait: a smaller --share"
        raise SystemExit(message)
    come = np.arange(ids, ids + count, dtype=np.uint64)
    stay = stock.live[~np.isin(stock.live, gone)]
    after = Stock(
        live=np.concatenate([stay, come]),
        row_of=np.concatenate([stock.row_of, stock.pool[:count]]),
        pool=np.concatenate([stock.pool[count:], stock.row_of[gone]]),
    )
    return Change(gone, come, after)


def chosen(
    pattern: str, stock: Stock, count: int, rng: np.random.Generator, cluster_of: Rows
) -> Ids:
    """Give the ids that go, rising.

    Clusters go one after the other, in random order, and the last of them only in part where it
    is larger than what is left to go.
    """
    if pattern == "window":
        return stock.live[:count]
    if pattern == "random":
        return np.sort(rng.choice(stock.live, count, replace=False))
    turn = rng.permutation(int(cluster_of.max()) + 1)[cluster_of[stock.rows]]
    return np.sort(stock.live[np.argsort(turn, kind="stable")[:count]])


def rounds(
    pattern: str, stock: Stock, count: int, share: float, seed: int, cluster_of: Rows
) -> Iterator[Change]:
    """Give one change after the other. They depend on nothing but what is given."""
    for number in range(count):
        rng = np.random.default_rng([seed, PATTERNS.index(pattern), number])
        going = int(share * len(stock.live))
        change = replaced(stock, chosen(pattern, stock, going, rng, cluster_of))
        stock = change.stock
        yield change


def clusters(base: Floats, space: str, seed: int) -> Rows:
    """Give the cluster of each row: k-means on a sample, from seeded rows, a few moves."""
    rows = unit(base) if space == "cosine" else base
    rng = np.random.default_rng([seed, len(rows)])
    count = max(2, min(_MOST_CLUSTERS, len(rows) // _CLUSTER_ROWS))
    sample = rows[np.sort(rng.permutation(len(rows))[:_SAMPLE])]
    centres = sample[np.sort(rng.permutation(len(sample))[:count])]
    for _ in range(_MOVES):
        nearest = _nearest(sample, centres)
        sizes = np.bincount(nearest, minlength=count)
        order = np.argsort(nearest, kind="stable")
        held = sizes > 0  # a centre without rows stays where it is
        starts = np.concatenate([[0], np.cumsum(sizes[held])[:-1]])
        centres = centres.copy()
        centres[held] = np.add.reduceat(sample[order], starts) / sizes[held, np.newaxis]
    return _nearest(rows, centres)


def _nearest(rows: Floats, centres: Floats) -> Rows:
    squares = np.einsum("ij,ij->i", centres, centres)
    parts = [
        np.argmin(squares - 2 * (rows[first : first + _BLOCK] @ centres.T), axis=1)
        for first in range(0, len(rows), _BLOCK)
    ]
    return np.concatenate(parts).astype(np.int64)
