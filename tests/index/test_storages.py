"""Storages that Voyager lacks: what they hold, and that everything works with them."""

from __future__ import annotations

import pickle
import struct
from pathlib import Path
from typing import Any

import nearfield as nf
import numpy as np
import pytest
from nearfield import errors

SPACES = ("euclidean", "cosine", "innerproduct")


def rows(count: int, dimensions: int, seed: int = 0) -> Any:
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(99).standard_normal((30, dimensions))
    spread = rng.standard_normal((count, dimensions)) * 0.5
    return (centres[rng.integers(30, size=count)] + spread).astype(np.float32)


def test_float16_holds_what_numpy_rounds_to():
    rng = np.random.default_rng(3)
    vectors = rng.standard_normal((60, 37)).astype(np.float32)
    vectors *= 2.0 ** rng.integers(-30, 15, (60, 1))
    vectors[0, :5] = 65504, -65504, 2**-24, -(2.0**-25), 6e-5
    index = nf.Index("euclidean", 37, storage_data_type="float16")
    index.add_items(vectors)
    assert np.array_equal(index.get_vectors(range(60)), vectors.astype(np.float16))
    assert index.get_distance(vectors[1], vectors[1]) == 0


@pytest.mark.parametrize("value", [65504.5, -65505, 1e30])
def test_float16_refuses_what_it_cannot_hold(value):
    index = nf.Index("euclidean", 3, storage_data_type="float16")
    index.add_item([65504, 0, 0])
    message = r"row 1, column 2; this storage holds values from -65504.* to 65504.*use Float32"
    with pytest.raises(errors.InvalidInput, match=message):
        index.add_items([[1, 2, 3], [1, 2, value]])
    for bad in (np.nan, np.inf):
        with pytest.raises(errors.NotFinite):
            index.add_item([bad, 0, 0])
    assert len(index) == 1
    cosine = nf.Index("cosine", 3, storage_data_type="float16")
    cosine.add_item([value, 0, 0])  # brought to unit length first
    assert abs(cosine.get_vector(0)[0]) == 1


def test_exact_says_whether_vectors_are_held_as_given():
    for storage in nf.StorageDataType:
        exact = storage is nf.Float32
        assert nf.Index("euclidean", 8, storage_data_type=storage).exact is exact
        assert nf.StringIndex("cosine", 8, storage_data_type=storage).exact is exact
    with pytest.raises(AttributeError):
        nf.Index("euclidean", 8).exact = False


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("storage", ["float16", "codes_only"])
def test_voyager_gets_other_storages_as_float32(space, storage, tmp_path: Path):
    index = nf.Index(space, 21, M=8, storage_data_type=storage)
    index.add_items(rows(300, 21))
    index.mark_deleted(7)
    with pytest.warns(
        UserWarning, match=f"no {index.storage_data_type.name}: .* as Float32"
    ) as said:
        index.save(tmp_path / "a.voy")
    assert [each.filename for each in said] == [__file__], "it names the line that saves"
    with pytest.warns(UserWarning, match="4 bytes a dimension"):
        assert index.as_bytes(format="voyager") == (tmp_path / "a.voy").read_bytes()
    index.save(tmp_path / "a.nf")  # and no warning
    assert (tmp_path / "a.nf").stat().st_size > 0
    loaded = nf.Index.load(tmp_path / "a.voy")
    assert loaded.storage_data_type is nf.Float32
    ids = [id for id in range(300) if id != 7]
    np.testing.assert_allclose(loaded.get_vectors(ids), index.get_vectors(ids), rtol=1e-6)
    queries = rows(20, 21, 1)
    found, expected = (i.query(queries, k=5, query_ef=300) for i in (loaded, index))
    if storage == "float16":
        assert np.array_equal(found.ids, expected.ids)
    np.testing.assert_allclose(found.distances, expected.distances, rtol=1e-5, atol=2e-6)


def test_no_other_librarys_file_holds_float16():
    path = Path(__file__).parents[1] / "files" / "data" / "hnswlib_cosine_16d_float32_M8.bin"
    with pytest.raises(errors.FileMismatch, match=r"Float32, Float8 or E4M3; Float16 was asked"):
        nf.Index.load(path, "cosine", 16, "float16")
    with pytest.raises(errors.FileMismatch, match=r"holds storage_data_type Float32"):
        nf.Index.load(path.with_name("voyager_v1_cosine_16d_float32_M12.voy"), 2, 16, "float16")


def test_files_of_new_storages_say_so_to_old_readers():
    """Feature bit 0: such a reader then names the version as the reason, not damage."""
    for storage in nf.StorageDataType:
        data = bytes(nf.Index("euclidean", 8, storage_data_type=storage))
        assert data[57] == storage.value
        features = struct.unpack_from("<Q", data, 32)[0]
        assert features == (1 if storage.value >= 64 else 0)


def test_strings_pickles_and_estimates_know_float16():
    index = nf.StringIndex("cosine", 40, storage_data_type=nf.Float16)
    index.add_items(rows(100, 40), [f"key {i}" for i in range(100)])
    again = pickle.loads(pickle.dumps(index))
    assert again.storage_data_type is nf.Float16
    assert np.array_equal(again.get_vector("key 3"), index.get_vector("key 3"))
    half, whole = (
        nf.estimate_memory(10, 40, storage_data_type=s) for s in (nf.Float16, nf.Float32)
    )
    assert 2 * half.vector_bytes == whole.vector_bytes
    assert index.stats().vector_bytes == 100 * 48 * 2
    with pytest.raises(errors.InvalidInput, match=r"is Float16; expected Float32"):
        nf.ExactIndex("cosine", 3, storage_data_type="float16")


@pytest.mark.parametrize("count", [300, 5000])
@pytest.mark.parametrize(
    ("space", "codes"),
    [("euclidean", "int8"), ("cosine", "int4"), ("cosine", "int8"), ("innerproduct", "int8")],
)
def test_codes_alone_are_what_an_index_holds(space, codes, count, tmp_path: Path):
    vectors, queries = rows(count, 64), rows(40, 64, 1)
    vectors[:, 3] *= 20  # so that the grid is rotated where that helps
    index = nf.Index(space, 64, storage_data_type=nf.CodesOnly, codes=codes)
    index.add_items(vectors)
    index.add_items(vectors[:50] / 2, ids=range(50))
    index.mark_deleted(60)
    live = sorted(index.ids)
    held = index.get_vectors(live).astype(np.float64)
    asked = queries.astype(np.float64)
    if space == "cosine":
        asked /= np.linalg.norm(asked, axis=1, keepdims=True)
        np.testing.assert_allclose(np.linalg.norm(held, axis=1), 1, atol=1e-6)
    if space == "euclidean":
        exact = ((asked[:, None] - held[None]) ** 2).sum(axis=2)
    else:
        exact = 1 - asked @ held.T
    for ef in (100, count + 50):  # a walk; a scan
        found = index.query(queries, k=10, query_ef=ef)
        own = np.take_along_axis(exact, np.searchsorted(live, found.ids), axis=1)
        np.testing.assert_allclose(found.distances, own, rtol=1e-5, atol=2e-5)
    np.testing.assert_allclose(found.distances, np.sort(exact)[:, :10], rtol=1e-5, atol=2e-5)
    assert index.stats().duplicates == 0
    rounded = index.get_distance(vectors[100], vectors[101])
    pair = index.get_vectors([100, 101]).astype(np.float64)
    expected = ((pair[0] - pair[1]) ** 2).sum() if space == "euclidean" else 1 - pair[0] @ pair[1]
    assert rounded == pytest.approx(expected, rel=1e-4, abs=1e-5)
    index.save(tmp_path / "a.nf")
    data = (tmp_path / "a.nf").read_bytes()
    for loaded in (
        nf.Index.load(data),
        nf.Index.load(tmp_path / "a.nf", mmap=True),
        pickle.loads(pickle.dumps(index)),
    ):
        assert loaded.codes == codes
        assert loaded.storage_data_type is nf.CodesOnly
        again = loaded.query(queries, k=10, query_ef=count + 50)
        assert np.array_equal(again.ids, found.ids)
        assert np.array_equal(again.distances, found.distances)
        assert np.array_equal(loaded.get_vectors(live), index.get_vectors(live))
        assert bytes(loaded) == data
        loaded.add_items(rows(700, 64, 5), ids=range(9000, 9700))
    index.add_items(rows(700, 64, 5), ids=range(9000, 9700))
    assert bytes(index) == bytes(loaded)


def test_codes_alone_take_two_fifths_and_keep_the_last_vectors():
    index = nf.Index("cosine", 384, M=16, ef_construction=32, storage_data_type="codes_only")
    vectors = rows(6200, 384)
    for count, kept in ((4000, 4000), (4096, 512), (6200, 512 + 6200 % 512)):
        index.add_items(vectors[len(index) : count])
        assert index.stats().vector_bytes == kept * 4 * 384
        estimate = nf.estimate_memory(count, 384, 16, nf.CodesOnly)
        assert estimate.vector_bytes == kept * 4 * 384
        assert estimate.code_bytes == index.stats().code_bytes == count * 384
    assert nf.estimate_memory(10**6, 384, 16, nf.CodesOnly).total_bytes < 0.4 * 10**6 * 384 * 4
    assert nf.Index.load(bytes(index)).stats().vector_bytes == kept * 4 * 384


def test_codes_alone_do_not_depend_on_threads_or_chunks():
    vectors = rows(6000, 48)
    vectors[4500:] *= 4
    whole = nf.Index("euclidean", 48, M=6, ef_construction=30, storage_data_type="codes_only")
    whole.add_items(vectors, num_threads=1)
    chunked = nf.Index("euclidean", 48, M=6, ef_construction=30, storage_data_type="codes_only")
    chunked.add_items(((None, vectors[i : i + 700]) for i in range(0, 6000, 700)), num_threads=3)
    assert bytes(chunked) == bytes(whole)


def test_an_empty_index_and_a_zero_vector_of_codes_alone():
    index = nf.Index("cosine", 5, storage_data_type="codes_only")
    assert index.get_distance([1, 0, 0, 0, 0], [0, 1, 0, 0, 0]) == pytest.approx(1)
    index = nf.Index.load(bytes(index))
    index.add_items(np.vstack([np.eye(5), np.zeros((1, 5))]))
    found = index.query(np.eye(5), k=6)
    assert found.ids[:, 0].tolist() == [0, 1, 2, 3, 4]
    np.testing.assert_allclose(found.distances[:, 1:], 1, atol=0.02)
