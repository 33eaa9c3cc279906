"""Results written into arrays of the caller."""

from __future__ import annotations

from typing import Any

import nearfield as nf
import numpy as np
import pytest
from nearfield import errors

VECTORS = np.random.default_rng(1).standard_normal((300, 12))


@pytest.fixture(params=[nf.Index, nf.StringIndex, nf.ExactIndex], ids=lambda kind: kind.__name__)
def index(request: pytest.FixtureRequest) -> Any:
    made = request.param("euclidean", 12)
    names = [f"key {i}" for i in range(300)] if request.param is nf.StringIndex else None
    made.add_items(VECTORS, names)
    return made


def names_of(index: Any, shape: tuple[int, ...]) -> Any:
    """An array for what the index calls its vectors."""
    if isinstance(index, nf.StringIndex):
        return np.full(shape, "old", dtype=object)
    return np.full(shape, 9, dtype=np.uint64)


@pytest.mark.parametrize("queries", [(), (1,), (7,), (0,)])
def test_the_given_arrays_are_filled_and_returned(index, queries):
    vectors = np.random.default_rng(2).standard_normal((*queries, 12)).astype(np.float32)
    names = names_of(index, (*queries, 4))
    distances = np.full((*queries, 4), -1, dtype=np.float32)
    found = index.query(vectors, k=4, out=(names, distances))
    assert found.ids is names
    assert found.distances is distances
    expected = index.query(vectors, k=4)
    assert np.array_equal(names, expected.ids)
    assert np.array_equal(distances, expected.distances)
    assert np.array_equal(found.counts, expected.counts)


def test_short_results_are_padded_in_place(index):
    names, distances = names_of(index, (310,)), np.zeros(310, dtype=np.float32)
    found = index.query(np.zeros(12), k=310, if_short="pad", out=(names, distances))
    assert found.counts == 300
    padding = None if isinstance(index, nf.StringIndex) else nf.NO_ID
    assert all(name == padding for name in names[300:])
    assert np.isinf(distances[300:]).all()


def test_what_was_found_stands_in_the_arrays_when_it_is_too_little(index):
    names, distances = names_of(index, (2, 310)), np.zeros((2, 310), dtype=np.float32)
    with pytest.raises(nf.RecallError) as caught:
        index.query(np.zeros((2, 12)), k=310, out=(names, distances))
    assert caught.value.partial.ids is names
    assert caught.value.partial.distances is distances


def bad_outputs():
    """Arrays for two queries and k = 3 that do not fit, and what is said of them."""
    ids, distances = np.zeros((2, 3), dtype=np.uint64), np.zeros((2, 3), dtype=np.float32)
    read_only = np.zeros((2, 3), dtype=np.float32)
    read_only.flags.writeable = False
    both = np.zeros(12, dtype=np.uint64)
    odd = np.zeros(25, dtype=np.uint8)[1:].view(np.float32).reshape(2, 3)
    right = r"; np.empty\(\(2, 3\), dtype=np.uint64\) is right"
    bad = errors.InvalidInput
    yield (ids.astype(np.int64), distances), bad, "ids has dtype int64, expected uint64" + right
    yield (ids.astype(">u8"), distances), bad, "ids has dtype >u8, expected uint64"
    yield (ids, distances.astype(float)), bad, "distances has dtype float64, expected float32; np"
    yield (ids[:1], distances), bad, r"ids has shape \(1, 3\), expected \(queries, k\) = \(2, 3\)"
    yield (ids[0], distances), bad, r"ids has shape \(3,\), expected \(queries, k\) = \(2, 3\)"
    yield (np.asfortranarray(ids), distances), bad, "ids is not C-contiguous" + ".*" + right
    yield (ids, np.zeros((2, 6), np.float32)[:, ::2]), bad, "distances is not C-contiguous"
    yield (ids, odd), bad, "distances is not aligned"
    yield (ids, read_only), bad, "distances is read-only, expected a writeable array"
    shared = both.view(np.float32)[:6].reshape(2, 3)
    yield (both[:6].reshape(2, 3), shared), bad, "ids and distances share memory"
    yield ids, TypeError, r"out is ndarray; expected a tuple of two arrays \(ids, distances\)"
    yield (ids, None), TypeError, "distances is of type NoneType; expected an ndarray, such as np"


@pytest.mark.parametrize("kind", [nf.Index, nf.ExactIndex])
@pytest.mark.parametrize(("out", "error", "part"), list(bad_outputs()))
def test_arrays_that_do_not_fit_are_refused_with_the_reason(kind, out, error, part):
    index = kind("euclidean", 12)
    index.add_items(VECTORS)
    with pytest.raises(error, match=part):
        index.query(np.zeros((2, 12)), k=3, out=out)


def test_one_query_is_told_its_shape(index):
    names, distances = names_of(index, (1, 3)), np.zeros((1, 3), dtype=np.float32)
    with pytest.raises(errors.InvalidInput, match=r"shape \(1, 3\), expected \(k,\) = \(3,\)"):
        index.query(np.zeros(12), k=3, out=(names, distances))


def test_keys_need_an_array_of_objects():
    index = nf.StringIndex.from_vectors(VECTORS, keys=[str(i) for i in range(300)])
    distances = np.zeros(3, dtype=np.float32)
    for names in (np.zeros(3, dtype="U8"), np.zeros(3, dtype=np.uint64)):
        said = r"keys has dtype .*, expected object; np.empty\(\(3,\), dtype=object\) is right"
        with pytest.raises(errors.InvalidInput, match=said):
            index.query(np.zeros(12), k=3, out=(names, distances))
    with pytest.raises(TypeError, match=r"expected a tuple of two arrays \(keys, distances\)"):
        index.query(np.zeros(12), k=3, out=distances)


@pytest.mark.parametrize("view", [True, False])
def test_results_are_not_written_over_the_queries(index, view):
    queries = np.ones((2, 12), dtype=np.float32)
    if view:
        given, distances = queries, queries.reshape(-1)[:6].reshape(2, 3)
    else:
        given = distances = queries
    k = distances.shape[1]
    with pytest.raises(errors.InvalidInput, match="distances and the queries share memory"):
        index.query(given, k=k, out=(names_of(index, (2, k)), distances))
    apart = np.empty((2, k), dtype=np.float32)
    assert index.query(queries[:, :], k=k, out=(names_of(index, (2, k)), apart)).distances is apart


def test_ids_are_not_written_over_the_queries():
    index = nf.Index.from_vectors(VECTORS, space="euclidean")
    ids, distances = np.zeros(24, dtype=np.uint64), np.zeros(24, dtype=np.float32)
    queries = ids.view(np.float32)[:12]
    with pytest.raises(errors.InvalidInput, match="ids and the queries share memory"):
        index.query(queries, k=24, out=(ids, distances))


def test_views_that_hide_their_owner_are_seen_through():
    index = nf.Index.from_vectors(VECTORS, space="euclidean")
    ids, distances = np.zeros((4, 24), dtype=np.uint64), np.zeros((4, 24), dtype=np.float32)
    strided = np.lib.stride_tricks.as_strided(distances, (4, 12), (48, 4))
    exchanged = np.from_dlpack(distances).reshape(-1)[:48].reshape(4, 12)
    for queries in (strided, exchanged, np.asarray(memoryview(strided))):
        with pytest.raises(errors.InvalidInput, match="distances and the queries share memory"):
            index.query(queries, k=24, out=(ids, distances))
