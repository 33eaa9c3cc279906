"""`ExactIndex`: right by an independent sum, with ties in order of insertion."""

from __future__ import annotations

import copy
import inspect
import pickle
import tracemalloc
from fractions import Fraction

import nearfield as nf
import numpy as np
import pytest
from nearfield import errors


def distances_by_hand(query, vectors, space) -> list[Fraction | float]:
    """Exact fractions where there is no root to take."""
    wide = [[Fraction(float(x)) for x in row] for row in vectors]
    ask = [Fraction(float(x)) for x in query]
    if space is nf.Space.Euclidean:
        return [sum((a - b) ** 2 for a, b in zip(ask, row, strict=True)) for row in wide]
    products = [sum(a * b for a, b in zip(ask, row, strict=True)) for row in wide]
    if space is nf.Space.InnerProduct:
        return [1 - p for p in products]
    own = float(sum(a * a for a in ask)) ** 0.5
    norms = [float(sum(a * a for a in row)) ** 0.5 for row in wide]
    return [
        1 - float(p) / (own * n) if n * own else 1.0 for p, n in zip(products, norms, strict=True)
    ]


@pytest.mark.parametrize("space", list(nf.Space))
def test_results_are_those_of_exact_arithmetic(space, rng):
    vectors = rng.normal(size=(200, 5)).astype(np.float32)
    vectors[17] = 0
    queries = rng.normal(size=(7, 5)).astype(np.float32)
    index = nf.ExactIndex(space, 5)
    index.add_items(vectors)
    found = index.query(queries, k=20)
    for query, ids, distances in zip(queries, found.ids, found.distances, strict=True):
        expected = distances_by_hand(query, vectors, space)
        order = sorted(range(200), key=lambda row: (expected[row], row))[:20]
        if space is not nf.Space.Cosine:  # where float32 has rounded the unit vectors
            assert ids.tolist() == order
        np.testing.assert_allclose(
            distances, [float(expected[row]) for row in order], atol=2e-7, rtol=1e-6
        )
        assert index.get_distance(query, vectors[3]) == pytest.approx(float(expected[3]), abs=1e-6)


def test_ties_are_in_order_of_insertion(rng):
    base = rng.normal(size=(50, 32)).astype(np.float32)
    vectors = np.concatenate([base] * 20)[rng.permutation(1000)]
    index = nf.ExactIndex(nf.Space.Euclidean, 32)
    index.add_items(vectors)
    for query in vectors[:20]:
        ids = index.query(query, k=20).ids
        assert ids.tolist() == [row for row in range(1000) if (vectors[row] == query).all()]
        assert (index.query(query, k=20).distances == 0).all()
        # Cut through a group of equals: the first of them.
        assert index.query(query, k=7).ids.tolist() == ids[:7].tolist()


def test_large_norms_do_not_spoil_small_differences():
    vectors = np.float32(10_000) + np.arange(100, dtype=np.float32)[:, None] * np.float32(0.01)
    index = nf.ExactIndex(nf.Space.Euclidean, 1)
    index.add_items(vectors)
    exact = (vectors[:, 0].astype(np.float64) - float(vectors[31, 0])) ** 2
    found = index.query(vectors[31], k=100)
    np.testing.assert_array_equal(found.distances, np.sort(exact).astype(np.float32))


def test_blocks_do_not_show(monkeypatch, rng):
    vectors, queries = rng.normal(size=(500, 6)), rng.normal(size=(40, 6))
    index = nf.ExactIndex(nf.Space.Cosine, 6)
    index.add_items(vectors)
    whole = index.query(queries, k=9)
    monkeypatch.setattr("nearfield.exact._BLOCK_ROWS", 7)
    monkeypatch.setattr("nearfield.exact._BLOCK_QUERIES", 3)
    parts = index.query(queries, k=9)
    assert np.array_equal(whole.ids, parts.ids)
    assert np.array_equal(whole.distances, parts.distances)


@pytest.mark.parametrize("kind", [nf.Index, nf.ExactIndex])
def test_the_surface_is_that_of_index(kind, rng):
    vectors = rng.normal(size=(10, 3)).astype(np.float32)
    index = kind(nf.Space.Euclidean, 3, 12, 200, 1, 1, nf.Float32)
    assert index.add_items(vectors[:5], [0, 2, 4, 6, 8]) == [0, 2, 4, 6, 8]
    assert len(set(index.add_items(vectors[5:]))) == 5
    assert index.add_item(vectors[0] + 1, id=2) == 2
    assert np.array_equal(index[2], vectors[0] + 1)
    assert np.array_equal(index.get_vectors([2, 4]), [vectors[0] + 1, vectors[2]])
    del index[4]
    assert 4 not in index
    assert "4" not in index
    assert (len(index), index.num_elements, index.num_dimensions) == (9, 10, 3)
    assert sorted(index) == sorted(index.ids)
    with pytest.raises(errors.UnknownId):
        index.get_vector(4)
    with pytest.raises(errors.UnknownId):
        index.mark_deleted(4)
    index.unmark_deleted(4)
    with pytest.raises(errors.InvalidInput):
        index.unmark_deleted(4)
    with pytest.raises(errors.UnknownId):
        index.unmark_deleted(77)
    assert [part.shape for part in index.query(vectors[0], k=2)] == [(2,), (2,)]
    assert [part.shape for part in index.query(vectors[:1], k=2)] == [(1, 2), (1, 2)]
    assert [part.shape for part in index.query(vectors[:0], k=2)] == [(0, 2), (0, 2)]
    assert [part.shape for part in index.query(vectors[:2], k=0)] == [(2, 0), (2, 0)]
    short = index.query(vectors[:2], k=12, if_short="pad")
    assert short.counts.tolist() == [10, 10]
    assert (short.ids[:, 10:] == nf.NO_ID).all()
    with pytest.raises(nf.RecallError, match="10 live"):
        index.query(vectors[0], k=12)
    for bad in (dict(k=3, query_ef=2), dict(if_short="no"), dict(vectors=vectors[0, :2])):
        with pytest.raises(errors.InvalidInput):
            index.query(**{"vectors": vectors[0], **bad})
    with pytest.raises(errors.NotFinite):
        index.add_items([[0, np.nan, 0]])
    with pytest.raises(errors.InvalidInput):
        index.add_items(vectors, [1])
    assert kind.__name__.removeprefix("Exact").lower() in repr(index).lower()
    for twin in (pickle.loads(pickle.dumps(index)), copy.deepcopy(index)):
        assert sorted(twin) == sorted(index)


def test_eight_bits_are_refused_in_words():
    with pytest.raises(errors.InvalidInput, match="get_vectors"):
        nf.ExactIndex(nf.Space.Cosine, 3, storage_data_type=nf.E4M3)


def test_cosine_keeps_unit_vectors(rng):
    index = nf.ExactIndex(nf.Space.Cosine, 3)
    index.add_items(rng.normal(size=(5, 3)) * 100)
    np.testing.assert_allclose(np.linalg.norm(index.get_vectors(range(5)), axis=1), 1, rtol=1e-6)


def test_a_batch_takes_memory_by_the_block_not_by_the_index():
    rng = np.random.default_rng(12)
    exact = nf.ExactIndex("euclidean", 8)
    exact.add_items(rng.normal(size=(60_000, 8)))
    queries = rng.normal(size=(256, 8)).astype(np.float32)
    tracemalloc.start()
    exact.query(queries, k=10)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 150 * 2**20  # one distance to each row for each query would be 117 MiB


def test_a_beam_width_is_checked_though_it_has_no_effect() -> None:
    index = nf.ExactIndex("euclidean", 3)
    index.add_items(np.eye(3))
    for width in (None, -1, 3, 2**70, np.int64(5)):
        assert index.query(np.eye(3), 2, query_ef=width).ids.shape == (3, 2)
    for width in ("5", 2.5, np.float32(7)):
        with pytest.raises(TypeError, match="query_ef is"):
            index.query(np.eye(3), 2, query_ef=width)  # type: ignore[arg-type]
    with pytest.raises(nf.errors.InvalidInput, match="smaller than k"):
        index.query(np.eye(3), 2, query_ef=1)


@pytest.mark.parametrize("kind", [nf.Index, nf.ExactIndex])
def test_vectors_come_and_go_as_in_index(kind, rng):
    vectors = rng.normal(size=(40, 3)).astype(np.float32)
    index = kind(nf.Space.Euclidean, 3)
    assert index.add_items(vectors[:20], range(0, 40, 2), on_conflict="error") == [*range(0, 40, 2)]
    index.mark_deleted(4)
    assert index.remove(2) == 1
    assert index.remove(np.int64(6)) == 1
    assert index.remove([4, 8, 8, 10]) == 3
    assert index.remove([]) == 0
    assert (len(index), index.num_elements) == (15, 15)
    for missing in (4, 6, 999):
        with pytest.raises(errors.UnknownId, match=f"id {missing} is not in the index") as caught:
            index.remove([0, missing, 12])
        assert caught.value.id == missing
        assert index.remove([missing], if_missing="ignore") == 0
    assert index.remove([999, 0, 6], if_missing="ignore") == 1
    assert list(index) == [*range(12, 40, 2)]
    for bad in (2**64 - 1, -1, "4", [1.5]):
        with pytest.raises((errors.InvalidInput, TypeError)):
            index.remove(bad)
    with pytest.raises(errors.InvalidInput, match="if_missing is 'no'"):
        index.remove(12, if_missing="no")
    for call in (index.repair, index.compact):
        calls = []
        call()
        call(2, progress=lambda *rows: calls.append(rows))  # noqa: B023
        with pytest.raises(TypeError):
            call("2")
        with pytest.raises(TypeError):
            call(progress=3)
    assert list(index) == [*range(12, 40, 2)]
    assert np.array_equal(index.get_vectors(index.ids), vectors[6:20])
    with pytest.raises(errors.UnknownId):
        index.get_vector(0)
    # A removed id comes again; ids that the index chooses are not in use.
    assert index.add_items(vectors[20:22], [0, 2]) == [0, 2]
    chosen = index.add_items(vectors[22:32])
    assert len({*chosen, *index.ids}) == len(index) == 26
    found = index.query(vectors[20:32], k=1)
    assert found.ids[:, 0].tolist() == [0, 2, *chosen]
    assert (found.distances == 0).all()


@pytest.mark.parametrize("kind", [nf.Index, nf.ExactIndex])
def test_conflicts_are_those_of_index(kind, rng):
    vectors = rng.normal(size=(12, 3)).astype(np.float32)
    index = kind(nf.Space.Euclidean, 3)
    index.add_items(vectors[:3], [1, 2, 3])
    index.mark_deleted(3)
    for ids, known in (([7, 2, 8], 2), ([7, 3, 8], 3), ([7, 8, 7], 7), ([2, 8, 8], 8)):
        with pytest.raises(errors.DuplicateId, match=f"ids holds {known} in row") as caught:
            index.add_items(vectors[:3], ids, on_conflict="error")
        assert caught.value.id == known
    assert list(index) == [1, 2]
    assert index.add_items(vectors[4:8], [3, 5, 1, 5], on_conflict="keep") == [3, 5, 1, 5]
    assert 3 not in index
    assert np.array_equal(index.get_vectors([1, 2, 5]), vectors[[0, 1, 5]])
    assert index.upsert(vectors[8:12], [3, 1, 6, 3]) == [3, 1, 6, 3]
    assert np.array_equal(index.get_vectors([1, 2, 3, 5, 6]), vectors[[9, 1, 11, 5, 10]])
    assert list(index) == [2, 5, 1, 6, 3]
    for wrong in (dict(ids=None), dict(ids=[1, 2])):
        with pytest.raises(errors.InvalidInput):
            index.upsert(vectors[:1], **wrong)
    with pytest.raises(errors.InvalidInput, match="on_conflict is 'no'"):
        index.add_items(vectors[:1], [9], on_conflict="no")
    calls = []
    index.add_items(vectors[:2], [8, 9], progress=lambda *rows: calls.append(rows))
    assert calls[-1] == (2, 2)
    assert len(index) == 7


def test_what_changes_an_index_takes_the_same_arguments():
    for name in ("add_item", "add_items", "upsert", "remove", "repair", "compact", "mark_deleted"):
        ours, theirs = (inspect.signature(getattr(k, name)) for k in (nf.ExactIndex, nf.Index))
        assert [(p.name, p.kind, p.default) for p in ours.parameters.values()] == [
            (p.name, p.kind, p.default)
            for p in theirs.parameters.values()
            if p.name != "columns"  # the ruler measures distances, and keeps no attributes
        ]


def test_marks_outlast_compaction(rng):
    index = nf.ExactIndex(nf.Space.Euclidean, 3)
    vectors = rng.normal(size=(9, 3)).astype(np.float32)
    index.add_items(vectors)
    index.mark_deleted(5)
    index.remove([0, 1, 4])
    index.compact()
    assert list(index) == [2, 3, 6, 7, 8]
    index.unmark_deleted(5)
    assert list(index) == [2, 3, 5, 6, 7, 8]
    assert np.array_equal(index.get_vectors(index.ids), vectors[[2, 3, 5, 6, 7, 8]])
    assert len(index._vectors) == 6


def test_vectors_that_come_and_go_take_no_more_and_more_memory(rng):
    index = nf.ExactIndex(nf.Space.Euclidean, 3)
    index.add_items(rng.normal(size=(100, 3)))
    for first in range(0, 5000, 10):
        index.remove(range(first, first + 10))
        index.add_items(rng.normal(size=(10, 3)))
        index.upsert(rng.normal(size=(10, 3)), range(first + 50, first + 60))
    assert len(index) == 100
    assert len(index._vectors) <= 2 * 100 + 20
