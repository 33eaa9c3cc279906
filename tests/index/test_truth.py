"""What a recall is measured against: vectors as given, as held, or a truth that is handed in."""

from __future__ import annotations

from typing import Any

import nearfield as nf
import numpy as np
import pytest
from nearfield import errors
from nearfield.evaluate import curve, recall, true_neighbors

ROWS, WIDTH = 3000, 16  # of `data` in conftest.py


@pytest.fixture(scope="module")
def rounded(data) -> tuple[nf.Index, Any]:
    """An index that has rounded its vectors by much, and the true ids among those given."""
    vectors = (data[0] / 5).clip(-1, 1)
    ruler = nf.ExactIndex("euclidean", WIDTH)
    ruler.add_items(vectors)
    index = nf.Index.from_vectors(vectors, space="euclidean", storage_data_type="E4M3")
    return index, ruler.query(data[1] / 5, 12)


def test_a_rounded_index_says_that_it_is_its_own_truth(data, sparse, rounded):
    index, _ = rounded
    found = index.tune(data[1] / 5, 0.95)
    assert found.against == "held"
    assert str(found).endswith(
        "hops a query; recall of the vectors that the index holds, which are not quite those given"
    )
    plain = sparse.tune(data[1], 0.9)
    assert plain.against == "given"
    assert str(plain).endswith("hops a query")


def test_a_truth_that_is_given_counts_what_rounding_costs(data, rounded):
    index, true = rounded
    queries = data[1] / 5
    own = index.tune(queries, 0.99)
    assert own.reached
    found = index.tune(queries, 0.99, truth=true.ids)
    assert found.against == "truth"
    assert str(found).endswith("hops a query; recall of the truth that was handed in")
    assert not found.reached
    order = np.argsort(np.random.PCG64(1).random_raw(400), kind="stable")[:200]
    answers = index.query(queries[order], 10, query_ef=found.ef).ids
    assert found.recall == recall(answers, true.ids[order], 10) < own.recall
    assert index.tune(queries, 0.99, truth=true.ids.astype(np.int64).tolist()) == found
    # Distances of the vectors as given are not those that the index measures, so they tell no ties.
    assert index.tune(queries, 0.99, truth=true) == found
    points = [curve(index, queries, truth=truth, efs=[640])[0].recall for truth in (true, true.ids)]
    assert points[0] == points[1]


def test_the_indexs_own_truth_handed_in_changes_nothing_else(data, sparse):
    mine = true_neighbors(sparse, data[1], 10)
    found = sparse.tune(data[1], 0.9, truth=mine)
    assert found.ef == sparse.tune(data[1], 0.9).ef
    assert found.against == "truth"
    seen: list[int] = []
    sparse.tune(data[1], 0.9, truth=mine, progress=lambda done, total: seen.append(done))
    assert not seen, "there is nothing to look for"


def test_the_truth_of_a_string_index_is_keys(data, sparse):
    index = nf.StringIndex("euclidean", WIDTH, M=4, ef_construction=20)
    index.add_items(data[0], [f"n{i}" for i in range(ROWS)])
    ids, distances = true_neighbors(sparse, data[1], 10)
    keys = np.array([[f"n{id}" for id in row] for row in ids])
    expected = sparse.tune(data[1], 0.9, truth=ids)
    assert index.tune(data[1], 0.9, truth=keys, apply=True) == expected
    assert index.ef == expected.ef
    assert index.tune(data[1], 0.9, truth=(keys, distances)).against == "truth"
    with pytest.raises(errors.InvalidInput, match="that the index does not hold"):
        index.tune(data[1], 0.9, truth=ids)


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (lambda ids: ids[:399], "truth holds 12 neighbours for 399 queries; expected at least 10"),
        (lambda ids: ids[:, :9], "truth holds 9 neighbours for 400 queries"),
        (lambda ids: ids[0], "truth holds 12 neighbours for 1 queries"),
        (lambda ids: ids + ROWS, "that the index does not hold, such as"),
        (lambda ids: np.full_like(ids, nf.NO_ID), "truth names 1 neighbours"),
        (lambda ids: ids[np.newaxis], r"ids have shape \(1, 400, 12\)"),
    ],
)
def test_a_truth_that_cannot_be_is_refused(data, rounded, made, said):
    index, true = rounded
    with pytest.raises(errors.InvalidInput, match=said):
        index.tune(data[1] / 5, 0.9, truth=made(true.ids))


def test_curve_says_what_the_recall_is_of():
    rng = np.random.default_rng(8)
    vectors = rng.uniform(-1, 1, size=(300, 8)).astype(np.float32)
    plain, rounded = (
        nf.Index.from_vectors(vectors, space="euclidean", storage_data_type=storage)
        for storage in ("Float32", "Float16")
    )
    ruler = nf.ExactIndex("euclidean", 8)
    ruler.add_items(vectors)
    true = ruler.query(vectors, 5).ids
    for index, truth, against in (
        (plain, None, "given"), (rounded, None, "held"), (rounded, true, "truth"),
    ):  # fmt: skip
        (point,) = curve(index, vectors, k=5, efs=[300], truth=truth)
        assert point.against == against
        assert f"against={against!r}" in repr(point)
