"""Results written into arrays of the caller."""

from __future__ import annotations

import nearfield as nf
import numpy as np
import pytest
from nearfield import errors


@pytest.fixture
def index() -> nf.Index:
    rng = np.random.default_rng(1)
    return nf.Index.from_vectors(rng.standard_normal((300, 12)), space="euclidean")


@pytest.mark.parametrize("queries", [(), (1,), (7,)])
def test_the_given_arrays_are_filled_and_returned(index, queries):
    vectors = np.random.default_rng(2).standard_normal((*queries, 12)).astype(np.float32)
    ids = np.full((*queries, 4), 9, dtype=np.uint64)
    distances = np.full((*queries, 4), -1, dtype=np.float32)
    found = index.query(vectors, k=4, out=(ids, distances))
    assert found.ids is ids
    assert found.distances is distances
    expected = index.query(vectors, k=4)
    assert np.array_equal(ids, expected.ids)
    assert np.array_equal(distances, expected.distances)


def test_short_results_are_padded_in_place(index):
    ids, distances = np.zeros(310, dtype=np.uint64), np.zeros(310, dtype=np.float32)
    found = index.query(np.zeros(12), k=310, if_short="pad", out=(ids, distances))
    assert found.counts == 300
    assert (ids[300:] == nf.NO_ID).all()
    assert np.isinf(distances[300:]).all()


def bad_outputs():
    good = np.zeros((2, 3), dtype=np.uint64), np.zeros((2, 3), dtype=np.float32)
    read_only = np.zeros((2, 3), dtype=np.float32)
    read_only.flags.writeable = False
    both = np.zeros(12, dtype=np.uint64)
    yield (good[0].astype(np.int64), good[1]), errors.InvalidInput, "ids is int64"
    yield (good[0], good[1].astype(np.float64)), errors.InvalidInput, "distances is float64"
    yield (good[0][:1], good[1]), errors.InvalidInput, r"ids is uint64\[1, 3\]"
    yield (np.asfortranarray(good[0]), good[1]), errors.InvalidInput, "C-contiguous"
    yield (good[0], read_only), errors.InvalidInput, "writable"
    shared = both.view(np.float32)[:6].reshape(2, 3)
    yield (both[:6].reshape(2, 3), shared), errors.InvalidInput, "share memory"
    yield good[0], TypeError, "tuple of two arrays"
    yield (good[0], None), TypeError, "distances is NoneType"


@pytest.mark.parametrize(("out", "kind", "part"), list(bad_outputs()))
def test_arrays_that_do_not_fit_are_refused(index, out, kind, part):
    with pytest.raises(kind, match=part):
        index.query(np.zeros((2, 12)), k=3, out=out)
