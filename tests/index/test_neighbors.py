"""The result of a query: Voyager's tuple with more attributes, and cheap to make."""

from __future__ import annotations

import copy
import pickle

import nearfield as nf
import numpy as np
import pytest


@pytest.fixture
def index() -> nf.Index:
    return nf.Index.from_vectors(np.eye(5), space="euclidean")


def test_one_query_and_a_batch(index):
    one, batch = index.query(np.eye(5)[2], k=3), index.query(np.eye(5), k=3)
    for found, shape in ((one, ()), (batch, (5,))):
        ids, distances = found
        assert isinstance(found, tuple)
        assert len(found) == 2
        assert found[0] is ids is found.ids
        assert found[1] is distances is found.distances
        assert ids.dtype == np.uint64
        assert distances.dtype == np.float32
        assert found.counts.shape == shape
        assert (found.counts == 3).all()
        assert found.num_distances >= 5
        assert found.num_hops >= 0  # a small index is read through
    assert one.ids[0] == 2
    assert one.ids[: one.counts].shape == (3,)


def test_counts_of_a_padded_result(index):
    assert index.query(np.eye(5)[0], k=9, if_short="pad").counts == 5
    assert index.query(np.eye(5), k=9, if_short="pad").counts.tolist() == [5] * 5
    assert index.query(np.eye(5)[:0], k=9).counts.shape == (0,)
    assert index.query(np.eye(5), k=0).counts.tolist() == [0] * 5


def test_results_can_be_pickled_and_copied(index):
    found = index.query(np.eye(5), k=9, if_short="pad")
    for twin in (pickle.loads(pickle.dumps(found)), copy.copy(found), copy.deepcopy(found)):
        assert type(twin) is nf.Neighbors
        assert np.array_equal(twin.ids, found.ids)
        assert twin.counts.tolist() == found.counts.tolist()
        assert twin.num_distances == found.num_distances
