"""Files go to Voyager and back: the wheel loads what nearfield writes, and answers the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nearfield as nf
import numpy as np
import pytest
import voyager

SPACES = ("Euclidean", "InnerProduct", "Cosine")
STORAGES = ("Float32", "Float8", "E4M3")
ROWS, DIMENSIONS, K = 400, 19, 10


def make(space: str, storage: str, rng: np.random.Generator) -> tuple[nf.Index, Any]:
    index = nf.Index(
        nf.Space[space], DIMENSIONS, M=6, storage_data_type=nf.StorageDataType[storage]
    )
    vectors = rng.uniform(-0.9, 0.9, (ROWS, DIMENSIONS)).astype(np.float32)
    index.add_items(vectors, ids=[2**63 + 5 * i for i in range(ROWS)])
    return index, vectors


def voyager_queries(index: Any, storage: str, rng: np.random.Generator) -> Any:
    """Queries that Voyager stores without rounding, so that both compare the same numbers.

    In 8-bit storages Voyager encodes a query as it encodes vectors: take stored vectors, which
    encode to themselves (pushed a little outwards where encoding cuts off).
    """
    queries = rng.uniform(-0.9, 0.9, (20, DIMENSIONS)).astype(np.float32)
    if storage == "Float32":
        return queries, queries
    scratch = voyager.Index(
        voyager.Space.Euclidean,
        DIMENSIONS,
        storage_data_type=voyager.StorageDataType[storage],
    )
    exact = scratch.get_vectors(scratch.add_items(queries))
    return exact, exact * np.float32(1.0005) if storage == "Float8" else exact


@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize("space", SPACES)
def test_voyager_answers_the_same(
    space: str, storage: str, tmp_path: Path, rng: np.random.Generator
) -> None:
    index, _ = make(space, storage, rng)
    gone = [2**63 + 5 * i for i in (3, 77, 399)]
    for row in gone:
        index.mark_deleted(row)
    path = tmp_path / "index.voy"
    index.save(path, format="voyager")
    theirs = voyager.Index.load(str(path))
    assert type(theirs).__name__ == type(index).__name__
    assert (theirs.M, theirs.num_dimensions) == (index.M, DIMENSIONS)
    assert theirs.ef_construction == index.ef_construction
    assert theirs.num_elements == ROWS
    live = list(index.ids)
    np.testing.assert_allclose(theirs.get_vectors(live), index.get_vectors(live), rtol=1.2e-7)

    ours, for_voyager = voyager_queries(theirs, storage, rng)
    found = index.query(ours, k=K, query_ef=ROWS)
    their_ids, their_distances = theirs.query(for_voyager, k=K, query_ef=ROWS)
    if space == "Cosine" and storage != "Float32":
        # Voyager also rounds the normalised query: near, not equal.
        np.testing.assert_allclose(their_distances, found.distances, atol=0.06)
        return
    np.testing.assert_allclose(their_distances, found.distances, atol=2e-5)
    equal = their_ids == found.ids
    # Where the ids differ two rows are equally far.
    assert np.allclose(their_distances[~equal], found.distances[~equal], atol=2e-6)
    assert equal.mean() > 0.95


@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize("space", SPACES)
def test_there_and_back(space: str, storage: str, rng: np.random.Generator) -> None:
    index, vectors = make(space, storage, rng)
    index.mark_deleted(2**63 + 5)
    there = index.as_bytes(format="voyager")
    back = nf.Index.load(there)
    assert back.validate() == ""
    assert list(back.ids) == list(index.ids)
    assert back.num_elements == index.num_elements
    assert 2**63 + 5 not in back
    assert np.array_equal(back.get_vectors(list(back.ids)), index.get_vectors(list(index.ids)))
    # Equal links: the same walk finds the same, also where the beam is too narrow to find all.
    for ef in (K, 50):
        ours, theirs = index.query(vectors, K, query_ef=ef), back.query(vectors, K, query_ef=ef)
        assert np.array_equal(ours.ids, theirs.ids)
        assert np.array_equal(ours.distances, theirs.distances)
    assert back.as_bytes(format="voyager") == there


@pytest.mark.parametrize("space", SPACES)
def test_through_voyager_and_back(space: str, tmp_path: Path, rng: np.random.Generator) -> None:
    """nearfield -> Voyager, which adds and deletes -> nearfield."""
    index, vectors = make(space, "Float32", rng)
    path = str(tmp_path / "index.voy")
    index.save(path, format="voyager")
    theirs = voyager.Index.load(path)
    theirs.add_items(vectors[:50] * 0.5, ids=list(range(50)))
    theirs.mark_deleted(7)
    theirs.save(path)
    back = nf.Index.load(path)
    assert set(back.ids) == (set(index.ids) | set(range(50))) - {7}
    live = list(back.ids)
    assert np.array_equal(back.get_vectors(live), theirs.get_vectors(live))
    assert back.validate() == ""


def test_overwritten_rows_are_left_out(rng: np.random.Generator) -> None:
    index, vectors = make("Euclidean", "Float32", rng)
    ids = list(index.ids)
    for _ in range(4):
        vectors = rng.uniform(-0.9, 0.9, vectors.shape).astype(np.float32)
        index.add_items(vectors, ids)
    index.add_items(vectors[:20], ids[:20])  # too few for a repair
    assert index.stats().removed == 20
    back = nf.Index.load(index.as_bytes(format="voyager"))
    assert back.validate() == ""
    assert set(back.ids) == set(ids)
    assert back.stats().removed == back.stats().free == 0
    assert np.array_equal(back.get_vectors(ids), vectors)
    found = back.query(vectors, k=1, query_ef=50)
    assert (found.ids[:, 0] == np.array(ids, np.uint64)).mean() > 0.99


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("M", [2, 3, 8])
def test_every_row_of_an_exported_index_is_found(
    space: str, M: int, tmp_path: Path, rng: np.random.Generator
) -> None:
    """Links through overwritten rows are bridged, and what was cut off is linked again.

    From the entry point, that is. Voyager walks on from where its descent ends, and the few links
    of a small M, which go one way, may not lead back from there.
    """
    index = nf.Index(nf.Space[space], 8, M=M)
    index.add_items(rng.normal(size=(300, 8)))
    path = str(tmp_path / "index.voy")
    for _ in range(6):
        some = rng.choice(300, 120, replace=False)
        index.add_items(rng.normal(size=(120, 8)), some)
        index.repair()
        index.add_items(rng.normal(size=(15, 8)), some[:15])  # too few for a repair
        assert index.stats().removed == 15
        index.save(path, format="voyager")
        back = nf.Index.load(path)
        assert back.validate() == ""
        assert back.stats().unreachable == 0
        theirs = voyager.Index.load(path)
        assert set(theirs.ids) == set(range(300))
        if M == 8:
            ids, _ = theirs.query(np.ones(8), k=300, query_ef=300)
            assert set(ids.tolist()) == set(range(300))


def test_an_overwritten_first_row(tmp_path: Path, rng: np.random.Generator) -> None:
    """The entry point is superseded, all rows are on level 0: Voyager gets one that it takes."""
    for rows in range(1, 9):
        index = nf.Index(nf.Space.Euclidean, 4, M=16)
        vectors = rng.normal(size=(rows, 4)).astype(np.float32)
        index.add_items(vectors)
        for row in range(rows):
            index.add_item(vectors[row] + 1, row)
            path = str(tmp_path / f"{rows} {row}.voy")
            index.save(path, format="voyager")
            ids, _ = voyager.Index.load(path).query(vectors[0], k=rows, query_ef=64)
            assert set(ids.tolist()) == set(range(rows))
            assert nf.Index.load(path).validate() == ""


def test_an_empty_index_is_refused(tmp_path: Path) -> None:
    index = nf.Index(nf.Space.Cosine, 8)
    path = tmp_path / "empty.voy"
    with pytest.raises(nf.errors.InvalidInput, match="empty"):
        index.save(path, format="voyager")
    assert list(tmp_path.iterdir()) == []


def test_inner_product_file_can_be_extended_by_voyager(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    index, vectors = make("InnerProduct", "Float32", rng)
    path = str(tmp_path / "index.voy")
    index.save(path, format="voyager")
    theirs = voyager.Index.load(path)
    theirs.add_items(vectors * 3)
    ids, _ = theirs.query(vectors[:5], k=3, query_ef=800)
    assert ids.shape == (5, 3)


@pytest.mark.parametrize("name", ["index.voy", "INDEX.VOYAGER"])
def test_the_end_of_a_name_chooses_voyagers_format(
    name: str, tmp_path: Path, rng: np.random.Generator
) -> None:
    index, vectors = make("Cosine", "Float32", rng)
    index.save(tmp_path / name)
    assert len(voyager.Index.load(str(tmp_path / name))) == len(vectors)
    index.save(tmp_path / name, format="nearfield")
    assert (tmp_path / name).read_bytes() == index.as_bytes()
