"""Adding: a batch by one thread and by all, one row at a time, overwriting."""

from __future__ import annotations

from typing import Any

import nearfield as nf
import numpy as np
import pytest
from data_sets import DataSet

ROWS = 2000
pytestmark = pytest.mark.benchmark(group="add")


def empty(data: DataSet) -> nf.Index:
    return nf.Index(nf.Space.Euclidean, data.base.shape[1], M=16, ef_construction=100)


@pytest.mark.parametrize(
    "threads",
    [pytest.param(1, marks=pytest.mark.gate), pytest.param(-1, marks=pytest.mark.informational)],
    ids=["one thread", "all threads"],
)
def test_add_items(benchmark: Any, data: DataSet, threads: int) -> None:
    rows = data.base[:ROWS]

    def build(index: nf.Index) -> nf.Index:
        index.add_items(rows, num_threads=threads)
        return index

    index = benchmark.pedantic(build, setup=lambda: ((empty(data),), {}), rounds=5)
    ids, _ = index.query(rows[:200], 1, query_ef=50)
    assert np.mean(ids[:, 0] == np.arange(200)) > 0.99  # fast and wrong is not fast
    benchmark.extra_info["rows"] = ROWS
    benchmark.extra_info["bytes_per_row"] = bytes_per_row(index)


@pytest.mark.gate
def test_add_item(benchmark: Any, data: DataSet) -> None:
    """One row a call: what a service that grows its index pays."""
    rows = list(data.base[:200])

    def grow(index: nf.Index) -> nf.Index:
        for row in rows:
            index.add_item(row)
        return index

    index = benchmark.pedantic(grow, setup=lambda: ((empty(data),), {}), rounds=5)
    assert len(index) == len(rows)


@pytest.mark.informational
def test_overwrite(benchmark: Any, data: DataSet) -> None:
    """Every row again under its own id."""
    rows = data.base[:500]
    ids = np.arange(len(rows))

    def filled() -> tuple[tuple[nf.Index], dict[str, object]]:
        index = empty(data)
        index.add_items(rows, ids)
        return (index,), {}

    def overwrite(index: nf.Index) -> nf.Index:
        index.add_items(rows[::-1], ids, num_threads=1)
        return index

    index = benchmark.pedantic(overwrite, setup=filled, rounds=5)
    assert len(index) == len(rows)


def bytes_per_row(index: nf.Index) -> float:
    stats = index._core.stats()
    total = stats["vector_bytes"] + stats["link_bytes"] + stats["other_bytes"]
    return float(round(total / len(index), 1))
