"""Queries: one a call, a batch, awkward inputs, many threads. Recall beside the time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import nearfield as nf
import numpy as np
import pytest
from data_sets import DataSet

K = 10
LEAST_RECALL = {10: 0.6, 50: 0.94, 200: 0.99}  # seeded data: a fall is a change, not bad luck


@pytest.mark.gate
@pytest.mark.parametrize("ef", LEAST_RECALL)
def test_single(benchmark: Any, data: DataSet, index: nf.Index, ef: int) -> None:
    benchmark.group = f"query ef={ef}"
    rows = list(data.queries)
    found = benchmark(lambda: [index.query(row, K, 1, ef)[0] for row in rows])
    check(benchmark, data, index, np.asarray(found), ef)


@pytest.mark.gate
@pytest.mark.parametrize("ef", LEAST_RECALL)
def test_batch(benchmark: Any, data: DataSet, index: nf.Index, ef: int) -> None:
    benchmark.group = f"query ef={ef}"
    found = benchmark(lambda: index.query(data.queries, K, 1, ef)[0])
    check(benchmark, data, index, found, ef)


@pytest.mark.gate
def test_binding(benchmark: Any, data: DataSet) -> None:
    """One row in the index: what a call costs before the walk begins."""
    index = nf.Index(nf.Space.Euclidean, data.base.shape[1])
    index.add_items(data.base[:1])
    ids, _ = benchmark(index.query, data.queries[0], 1, 1)
    assert ids.tolist() == [0]


@pytest.mark.gate
@pytest.mark.parametrize("form", ["float64", "strided", "list"])
def test_conversion(benchmark: Any, data: DataSet, index: nf.Index, form: str) -> None:
    """Inputs that must be copied first."""
    benchmark.group = "query, converted"
    row = data.queries[0]
    forms: dict[str, Any] = {
        "float64": row.astype(np.float64),
        "strided": np.repeat(row, 2)[::2],
        "list": row.tolist(),
    }
    ids, _ = benchmark(index.query, forms[form], K, 1, 10)
    assert np.array_equal(ids, index.query(row, K, 1, 10)[0])


@pytest.mark.informational
def test_batch_on_all_threads(benchmark: Any, data: DataSet, index: nf.Index) -> None:
    benchmark.group = "query, threads"
    found = benchmark(lambda: index.query(data.queries, K, -1, 50)[0])
    assert np.array_equal(found, index.query(data.queries, K, 1, 50)[0])


@pytest.mark.informational
def test_callers_on_two_threads(benchmark: Any, data: DataSet, index: nf.Index) -> None:
    """Two Python threads with half of the single queries each: the GIL is what is measured."""
    benchmark.group = "query, threads"
    halves = [list(data.queries[::2]), list(data.queries[1::2])]

    def ask(rows: list[Any]) -> int:
        return sum(len(index.query(row, K, 1, 50)[0]) for row in rows)

    with ThreadPoolExecutor(2) as pool:
        found = benchmark(lambda: sum(pool.map(ask, halves)))
    assert found == K * len(data.queries)


def check(benchmark: Any, data: DataSet, index: nf.Index, ids: Any, ef: int) -> None:
    found = index.query(data.queries, K, 1, ef)
    benchmark.extra_info["recall"] = float(data.recalls(ids, K).mean())
    benchmark.extra_info["distances_per_query"] = found.num_distances / len(data.queries)
    benchmark.extra_info["hops_per_query"] = found.num_hops / len(data.queries)
    assert benchmark.extra_info["recall"] >= LEAST_RECALL[ef]
