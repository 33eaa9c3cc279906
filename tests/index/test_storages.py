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
def test_voyager_gets_float16_as_float32(space, tmp_path: Path):
    index = nf.Index(space, 21, M=8, storage_data_type="float16")
    index.add_items(rows(300, 21))
    index.mark_deleted(7)
    index.save(tmp_path / "a.voy")
    loaded = nf.Index.load(tmp_path / "a.voy")
    assert loaded.storage_data_type is nf.Float32
    ids = [id for id in range(300) if id != 7]
    assert np.array_equal(loaded.get_vectors(ids), index.get_vectors(ids))
    queries = rows(20, 21, 1)
    found, expected = (i.query(queries, k=5, query_ef=300) for i in (loaded, index))
    assert np.array_equal(found.ids, expected.ids)
    assert np.array_equal(found.distances, expected.distances)


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
    half, whole = (nf.estimate_memory(10, 40, storage=s) for s in (nf.Float16, nf.Float32))
    assert 2 * half.vector_bytes == whole.vector_bytes
    assert index.stats().vector_bytes == 100 * 48 * 2
    with pytest.raises(errors.InvalidInput, match=r"is Float16; expected Float32"):
        nf.ExactIndex("cosine", 3, storage_data_type="float16")
