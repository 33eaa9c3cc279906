"""What the right answers are under a filter: brute force among the rows that it lets through."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from data_sets import DataSet, exact_distances, hits
from filter_rows import Plane, Rows
from filtering import Sets
from numpy.typing import NDArray

Json = dict[str, Any]
_LISTED = 400  # nearest rows of each query that are known once and for all
_SPARE = 50  # candidates beyond that: float32 sums may swap near ties
_BLOCK = 16  # queries whose distances to all rows are in memory at once
_FEW = 4  # a part of the rows below this one is gathered, a larger one is masked


class Borders(NamedTuple):
    """How many results each query should have, and how far the last of them is."""

    wanted: NDArray[np.int64]
    limits: NDArray[np.float64]


class Truth:
    """The nearest rows of some queries, whatever the filter."""

    def __init__(self, data: DataSet, within: Plane, k: int) -> None:
        self._data, self._within, self._k = data, within, k
        wanted = min(_LISTED + _SPARE, len(data.base))
        self._rows = np.empty((len(data.queries), min(_LISTED, wanted)), dtype=np.int64)
        self._far = np.empty(self._rows.shape)
        for first in range(0, len(data.queries), _BLOCK):
            part = slice(first, first + _BLOCK)
            near = within.near(data.queries[part]).T
            rows = np.argpartition(near, wanted - 1, axis=1)[:, :wanted]
            far = exact_distances(data, part, rows)
            order = np.argsort(far, axis=1, kind="stable")[:, : self._rows.shape[1]]
            self._rows[part] = np.take_along_axis(rows, order, axis=1)
            self._far[part] = np.take_along_axis(far, order, axis=1)

    def borders(self, sets: Sets, count: int) -> Borders:
        """Look for the k nearest that pass, of the first queries."""
        wanted = np.empty(count, dtype=np.int64)
        limits = np.full(count, np.nan)  # nothing is as near as that
        rest: Rows | None = None
        for query in range(count):
            k = wanted[query] = min(self._k, sets.num_allowed(query))
            if k == 0:
                continue
            listed = self._far[query][sets.passes(query, self._rows[query])]
            if len(listed) >= k:
                limits[query] = listed[k - 1]
                continue
            if rest is None or not sets.shared:
                rest = _allowed(sets, query)
            limits[query] = self._searched(query, rest, k)
        return Borders(wanted, limits)

    def judged(self, found: NDArray[np.int64], sets: Sets, borders: Borders) -> Json:
        """Give the recall of answers, and count what should not be in them, and what is missing."""
        kept = found.copy()
        violations = short = 0
        for query, ids in enumerate(found):
            there = ids >= 0
            passes = sets.passes(query, np.where(there, ids, 0)) & (ids < sets.rows)
            violations += int((there & ~passes).sum())
            short += int((there & passes).sum() < borders.wanted[query])
            kept[query, ~passes] = -1
        asked = replace(self._data, queries=self._data.queries[: len(found)])
        wanted = borders.wanted[: len(found)]
        right = hits(asked, kept, borders.limits[: len(found)])
        # Where nothing may be found, nothing is missed.
        shares = np.where(wanted > 0, right / np.maximum(wanted, 1), 1.0)
        return {"recall": float(shares.mean()), "violations": violations, "short": short}

    def _searched(self, query: int, allowed: Rows, k: int) -> float:
        within, asked = self._within, self._data.queries[query : query + 1]
        if len(allowed) < len(within.rows) // _FEW:
            part = Plane(within.rows[allowed], within.space, within.squares[allowed])
            near = part.near(asked)[:, 0]
        else:
            near = within.near(asked)[allowed, 0]
        wanted = min(k + _SPARE, len(allowed))
        rows = allowed[np.argpartition(near, wanted - 1)[:wanted]]
        part_of_queries = slice(query, query + 1)
        far = exact_distances(self._data, part_of_queries, rows[np.newaxis])[0]
        return float(np.sort(far)[k - 1])


def _allowed(sets: Sets, query: int) -> Rows:
    ids = sets.ids_of(query).astype(np.int64)
    if sets.allowing:
        return ids
    mask = np.ones(sets.rows, dtype=bool)
    mask[ids] = False
    return np.flatnonzero(mask)
