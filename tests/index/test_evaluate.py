"""Recall knows ties, padding and self-matches; curves are measured with the clock that is given."""

from __future__ import annotations

import math

import nearfield as nf
import numpy as np
import pytest
from nearfield import errors
from nearfield.evaluate import curve, recall, true_neighbors


@pytest.mark.parametrize(
    ("found", "truth", "k", "expected"),
    [
        ([[1, 2, 3]], [[1, 2, 3]], None, 1),
        ([[3, 2, 1]], [[1, 2, 3]], None, 1),
        ([[1, 2, 9]], [[1, 2, 3]], None, 2 / 3),
        ([[9, 8, 7]], [[1, 2, 3]], None, 0),
        ([[1, 9, 9]], [[1, 2, 3]], 1, 1),
        ([[9, 1, 9]], [[1, 2, 3]], 1, 0),  # in the first k, or not found
        ([[1, 1, 1]], [[1, 2, 3]], None, 1 / 3),  # found once
        ([[1]], [[1, 2, 3]], None, 1 / 3),
        ([[1, 2], [3, 9]], [[1, 2], [3, 4]], None, 3 / 4),
        ([1, 2], [2, 3], None, 1 / 2),
        ([[1, -1]], [[1, -1]], None, 1),  # -1 pads
        ([[1, nf.NO_ID]], [[1, 2]], None, 1 / 2),
        ([["a", "b"]], [["b", "c"]], None, 1 / 2),
    ],
)
def test_recall_by_ids(found, truth, k, expected):
    for ids in (found, np.array(found)):
        assert recall(ids, truth, k) == pytest.approx(expected)


def test_recall_counts_ties():
    truth = ([[1, 2, 3]], [[0.0, 1.0, 1.0]])
    assert recall(([[1, 8, 9]], [[0.0, 1.0, 1.0]]), truth) == 1
    assert recall(([[1, 8, 9]], [[0.0, 1.0, 1.0000005]]), truth) == 1
    assert recall(([[1, 8, 9]], [[0.0, 1.0, 1.001]]), truth) == pytest.approx(2 / 3)
    assert recall(([[1, 8, 9]], [[0.0, 1.0, 1.001]]), truth, tolerance=0.01) == 1
    assert recall([[1, 8, 9]], truth) == pytest.approx(1 / 3)  # ids alone know no ties
    assert recall(([[1, 1, 1]], [[0.0, 0.0, 0.0]]), truth) == pytest.approx(1 / 3)
    negative = ([[1, 2]], [[-5.0, -4.0]])
    assert recall(([[1, 9]], [[-5.0, -3.99]]), negative) == 0.5


def test_recall_of_padding():
    truth = (np.array([[1, nf.NO_ID]], np.uint64), [[0.5, np.inf]])
    assert recall((np.array([[1, nf.NO_ID]], np.uint64), [[0.5, np.inf]]), truth) == 1
    assert recall((np.array([[9, 8]], np.uint64), [[0.7, 0.8]]), truth) == 0
    assert recall((np.array([[1, 8]], np.uint64), [[0.5, 0.5]]), truth) == 1, "no more than all"
    assert math.isnan(recall(np.empty((0, 3), np.uint64), np.empty((0, 3), np.uint64)))
    keys = np.array([["a", None]], dtype=object)
    assert recall(keys, keys) == 1


def test_recall_without_the_query_itself():
    truth = [[0, 5, 6], [1, 5, 7]]
    found = [[0, 5, 9], [7, 1, 5]]
    assert recall(found, truth, exclude_self=True) == 3 / 4
    assert recall(found, truth, k=2, exclude_self=[0, 1]) == 3 / 4
    # A query that does not find itself is judged by its first two as well.
    assert recall([[5, 6, 9]], [[0, 5, 6]], exclude_self=[0]) == 1
    assert recall([[9, 5, 6]], [[0, 5, 6]], exclude_self=[0]) == 1 / 2
    with pytest.raises(errors.InvalidInput, match="at least 4"):
        recall(found, truth, k=3, exclude_self=True)
    keys = np.array([["a", "b", "c"]], dtype=object)
    assert recall(keys, keys, exclude_self=["a"]) == 1


@pytest.mark.parametrize(
    ("found", "truth", "options"),
    [
        ([[1]], [[1], [2]], {}),
        ([[1]], [[1]], {"k": 2}),
        ([[1]], [[1]], {"exclude_self": [1, 2]}),
        ([[[1]]], [[1]], {}),
        (([[1]], [[1.0, 2.0]]), [[1]], {}),
    ],
)
def test_recall_refuses_what_does_not_fit(found, truth, options):
    with pytest.raises(errors.InvalidInput):
        recall(found, truth, **options)


def test_recall_over_many_rows_is_the_mean(rng):
    truth = np.array([rng.permutation(100)[:10] for _ in range(3000)])
    found = truth.copy()
    found[::3, :5] += 1000
    expected = (
        np.mean([len(set(a) & set(b)) for a, b in zip(found.tolist(), truth.tolist(), strict=True)])
        / 10
    )
    assert recall(found, truth) == pytest.approx(expected)


@pytest.mark.parametrize("space", list(nf.Space))
@pytest.mark.parametrize("storage", list(nf.StorageDataType))
def test_true_neighbors_are_those_of_the_index(space, storage, rng):
    vectors = rng.uniform(-0.9, 0.9, size=(300, 12))
    index = nf.Index.from_vectors(
        vectors, ids=range(500, 800), space=space, storage_data_type=storage
    )
    del index[555]
    queries = rng.uniform(-0.9, 0.9, size=(20, 12))
    ids, distances = true_neighbors(index, queries, k=10)
    found = index.query(queries, k=10, query_ef=299)
    np.testing.assert_allclose(found.distances, distances, atol=3e-6)
    assert recall(found, (ids, distances)) == 1
    assert ids.min() >= 500
    assert 555 not in ids


class Clock:
    """Two seconds pass between any two looks."""

    now = 0.0

    def __call__(self) -> float:
        self.now += 2
        return self.now


def test_curve_is_measured_with_the_given_clock(rng):
    vectors, queries = rng.normal(size=(2000, 16)), rng.normal(size=(50, 16))
    index = nf.Index.from_vectors(vectors, space="euclidean", M=4, ef_construction=20)
    points = curve(index, queries, k=10, efs=[1, 20, 80, 320], clock=Clock())
    assert [point.ef for point in points] == [10, 20, 80, 320]
    assert all(point.queries_per_second == 25 for point in points)
    recalls = [point.recall for point in points]
    assert recalls == sorted(recalls)
    assert recalls[0] < 0.9 < recalls[-1]
    found = index.query(queries, k=10, query_ef=80)
    assert points[2].recall == recall(found, true_neighbors(index, queries, 10))
    assert points[2].distances == found.num_distances / 50
    assert points[2].hops == found.num_hops / 50


def test_curve_of_keys_and_without_self(rng):
    vectors = rng.normal(size=(300, 8)).astype(np.float32)
    names = [f"n{i}" for i in range(300)]
    index = nf.StringIndex("euclidean", 8)
    index.add_items(vectors, names)
    (point,) = curve(index, vectors, k=5, efs=[300], exclude_self=np.array(names, dtype=object))
    assert point.recall == 1
    (point,) = curve(index, vectors, k=5, efs=[300], truth=true_neighbors(index, vectors, 5))
    assert point.recall == 1
    with pytest.raises(errors.InvalidInput, match="empty"):
        curve(index, vectors[:0], k=5)
