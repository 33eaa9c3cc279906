"""What queries compare on their way: 4 or 8 bits a dimension beside the vectors."""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import nearfield as nf
import numpy as np
import pytest
from nearfield import errors

SPACES = ("euclidean", "cosine", "innerproduct")
KINDS = [
    (space, codes)
    for space in SPACES
    for codes in ("none", "int8", "int4")
    if (space, codes) != ("innerproduct", "int4")
]
# Rows of unit length, rounded to 8 bits, are of unit length no more.
LEGAL = [
    (storage, space, codes)
    for storage in ("float32", "float16", "float8", "e4m3", "codes_only")
    for space, codes in KINDS
    if storage not in ("float8", "e4m3") or space != "cosine" or codes == "none"
    if storage != "codes_only" or codes != "none"
]


def rows(count: int, dimensions: int, seed: int = 0) -> Any:
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(99).standard_normal((30, dimensions))
    spread = rng.standard_normal((count, dimensions)) * 0.5
    return (centres[rng.integers(30, size=count)] + spread).astype(np.float32)


@pytest.mark.parametrize(
    ("space", "dimensions", "storage", "codes"),
    [
        ("euclidean", 16, "float32", "none"),  # codes would take as much as the vectors
        ("euclidean", 17, "float32", "int8"),
        ("innerproduct", 32, "float16", "none"),
        ("innerproduct", 33, "float16", "int8"),
        ("euclidean", 191, "float32", "int8"),
        ("cosine", 192, "float32", "int4"),
        ("euclidean", 1536, "float32", "int4"),
        ("innerproduct", 1536, "float32", "int8"),
        ("euclidean", 191, "float16", "int8"),
        ("cosine", 384, "float16", "int4"),
        ("innerproduct", 384, "float16", "int8"),
        ("cosine", 384, "codes_only", "int8"),
        ("innerproduct", 20, "codes_only", "int8"),
        ("cosine", 384, "float8", "none"),
        ("cosine", 384, "e4m3", "none"),
        ("cosine", 200_000, "float32", "none"),
    ],
)
def test_automatic_choice(space, dimensions, storage, codes):
    index = nf.Index(space, dimensions, storage_data_type=storage)
    assert index.codes == codes
    assert nf.StringIndex(space, dimensions, storage_data_type=storage).codes == codes


@pytest.mark.parametrize(("storage", "space", "codes"), LEGAL)
def test_every_legal_pair_finds_and_gives_exact_distances(storage, space, codes):
    scale = 0.1 if storage != "float32" else 1
    vectors, queries = rows(2000, 40) * scale, rows(100, 40, 1) * scale
    index = nf.Index(space, 40, M=16, storage_data_type=storage, codes=codes)
    index.add_items(vectors)
    assert index.codes == codes
    found = index.query(queries, k=10, query_ef=100)
    held = index.get_vectors(index.ids).astype(np.float64)
    asked = queries.astype(np.float64)
    if space == "cosine":
        asked /= np.linalg.norm(asked, axis=1, keepdims=True)
    if space == "euclidean":
        exact = ((asked[:, None] - held[None]) ** 2).sum(axis=2)
    else:
        exact = 1 - asked @ held.T
    own = np.take_along_axis(exact, found.ids.astype(np.int64), axis=1)
    np.testing.assert_allclose(found.distances, own, rtol=1e-4, atol=1e-5)
    kth = np.sort(exact, axis=1)[:, 9:10]
    assert (own <= kth + 1e-5 * (1 + abs(kth))).mean() > 0.97


def test_what_does_not_go_together_is_refused():
    with pytest.raises(
        errors.InvalidInput,
        match=r"storage Float32 in InnerProduct space; expected 'none' or 'int8'$",
    ):
        nf.Index("innerproduct", 8, codes="int4")
    with pytest.raises(errors.InvalidInput, match=r"codes is 'int4'"):
        nf.estimate_memory(10, 8, space="innerproduct", codes="int4")
    for codes in ("int4", "int8"):
        with pytest.raises(
            errors.InvalidInput, match=r"storage Float8 in Cosine space; expected 'none'$"
        ):
            nf.Float8Index("cosine", 8, codes=codes)
    with pytest.raises(errors.InvalidInput, match=r"codes is 'none'.*expected 'int8' or 'int4'$"):
        nf.Index("cosine", 8, storage_data_type="codes_only", codes="none")
    with pytest.raises(errors.InvalidInput, match=r"codes is 'int4'.*expected 'int8'$"):
        nf.Index("innerproduct", 8, storage_data_type="codes_only", codes="int4")
    for codes in ("auto", "none", "int8"):
        with pytest.raises(errors.InvalidInput, match=r"131073 dimensions.*or another storage"):
            nf.Index("euclidean", 2**17 + 1, storage_data_type="codes_only", codes=codes)
    with pytest.raises(errors.InvalidInput, match="131073 dimensions"):
        nf.Index("euclidean", 2**17 + 1, codes="int8")
    with pytest.raises(errors.InvalidInput, match="'int16'; expected one of 'none', 'int4'"):
        nf.Index("euclidean", 8, codes="int16")
    with pytest.raises(TypeError, match=r"codes is 8"):
        nf.Index("euclidean", 8, codes=8)


@pytest.mark.parametrize(("space", "codes"), KINDS)
def test_one_query_finds_what_a_batch_finds(space, codes):
    index = nf.Index(space, 24, codes=codes)
    index.add_items(rows(1500, 24))
    queries = rows(37, 24, 1)
    batch = index.query(queries, k=5, query_ef=7, num_threads=2)
    alone = [index.query(query, k=5, query_ef=7) for query in queries]
    assert np.array_equal(batch.ids, [found.ids for found in alone])
    assert np.array_equal(batch.distances, [found.distances for found in alone])
    assert batch.num_distances == sum(found.num_distances for found in alone)
    assert batch.num_hops == sum(found.num_hops for found in alone)


@pytest.mark.parametrize(("space", "codes"), KINDS)
def test_files_keep_codes(tmp_path: Path, space, codes):
    index = nf.Index(space, 70, M=8, codes=codes)
    index.add_items(rows(1100, 70))
    index.add_items(rows(30, 70, 2) * 3, ids=range(30))
    index.mark_deleted(40)
    index.save(tmp_path / "a.nf")
    queries = rows(20, 70, 1)
    expected = index.query(queries, k=5)
    data = (tmp_path / "a.nf").read_bytes()
    for loaded in (
        nf.Index.load(tmp_path / "a.nf"),
        nf.Index.load(data),
        nf.Index.load(tmp_path / "a.nf", mmap=True),
        nf.Index.load(tmp_path / "a.nf", mmap=True, verify=True),
        pickle.loads(pickle.dumps(index)),
    ):
        assert loaded.codes == codes
        found = loaded.query(queries, k=5)
        assert np.array_equal(found.ids, expected.ids)
        assert np.array_equal(found.distances, expected.distances)
        assert bytes(loaded) == data
    grown, mapped = nf.Index.load(data), nf.Index.load(tmp_path / "a.nf", mmap=True)
    for loaded in (index, grown, mapped):
        loaded.add_items(rows(600, 70, 3))
    assert bytes(index) == bytes(grown) == bytes(mapped)


@pytest.mark.parametrize("codes", ["none", "int8", "int4"])
def test_an_empty_index_keeps_its_choice(codes):
    index = nf.Index.load(bytes(nf.Index("cosine", 5, codes=codes)))
    assert index.codes == codes
    index.add_items(np.eye(5))
    assert index.query(np.eye(5), k=1).ids.ravel().tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("codes", ["int8", "int4"])
def test_bytes_do_not_depend_on_threads_or_chunks(codes):
    vectors = rows(3000, 48)
    vectors[2000:] *= 4  # the grid is fitted anew on the way
    whole = nf.Index("euclidean", 48, M=6, codes=codes)
    whole.add_items(vectors, num_threads=1)
    for size in (700, 4096):
        chunked = nf.Index("euclidean", 48, M=6, codes=codes)
        chunked.add_items(
            ((None, vectors[i : i + size]) for i in range(0, 3000, size)), num_threads=3
        )
        assert bytes(chunked) == bytes(whole)


def test_what_the_codes_take_is_counted():
    index = nf.Index("euclidean", 300, codes="int4")
    index.add_items(rows(500, 300))
    stats = index.stats()
    assert stats.code_bytes == 500 * 192  # 300 nibbles, padded to three cache lines
    assert 0 <= stats.clamped < 0.01
    without = nf.Index("euclidean", 300, codes="none")
    without.add_items(rows(500, 300))
    assert without.stats().code_bytes == 0
    assert without.stats().clamped == 0
    estimate = nf.estimate_memory(500, 300, codes="int4")
    assert estimate.code_bytes == stats.code_bytes
    assert nf.estimate_memory(500, 300, codes="none").code_bytes == 0


def test_files_of_other_libraries_get_codes(tmp_path: Path):
    index = nf.Index("euclidean", 32, M=12)
    index.add_items(rows(900, 32))
    index.save(tmp_path / "a.voy")
    loaded = nf.Index.load(tmp_path / "a.voy")
    assert loaded.codes == "int8"
    assert loaded.stats().code_bytes == 900 * 64
    queries = rows(50, 32, 1)
    expected = index.query(queries, k=5, query_ef=200)
    assert np.array_equal(loaded.query(queries, k=5, query_ef=200).ids, expected.ids)


def test_a_file_with_impossible_codes_is_refused():
    index = nf.Index("euclidean", 40, codes="int8")
    index.add_items(rows(300, 40))
    data = bytes(index)
    at = data.find(np.float32(index.stats().norm_max).tobytes())  # anywhere else is fine as well
    for place in (len(data) // 2, len(data) - 100, max(at, 5000)):
        damaged = bytearray(data)
        damaged[place] ^= 0x40
        with pytest.raises(errors.CorruptIndexFile):
            nf.Index.load(bytes(damaged))


@pytest.mark.parametrize("kind", ["bias", "norms"])
def test_rows_far_longer_than_most_are_found_by_inner_product(kind):
    # The longest rows are the nearest, and one in a thousand: no sample has them all.
    rng = np.random.default_rng(3)
    vectors = rng.normal(size=(20_000, 32))
    queries = rng.normal(size=(100, 32))
    if kind == "bias":  # popularity as a column of its own
        vectors *= 0.1
        vectors[:, 0] = np.log1p(rng.zipf(1.6, 20_000))
        queries[:, 0] = 1
    else:
        vectors *= np.exp(1.2 * rng.normal(size=(20_000, 1)))
    index = nf.Index(nf.Space.InnerProduct, 32, M=8, ef_construction=60)
    for chunk in np.array_split(vectors.astype(np.float32), 4):
        index.add_items(chunk)
    truth = np.argsort(-(queries @ vectors.T), axis=1)[:, :10]
    found = index.query(queries.astype(np.float32), k=10, query_ef=400).ids
    hits = sum(len(set(a) & set(b)) for a, b in zip(found.tolist(), truth.tolist(), strict=True))
    assert hits >= 0.995 * truth.size


@pytest.mark.parametrize("codes", ["int8", "int4"])
def test_binary_rows_are_found_in_cosine_space(codes):
    # All ones of a row are rounded alike, which does not cancel.
    rng = np.random.default_rng(6)
    vectors = (rng.random((5100, 400)) < 0.05).astype(np.float32)
    vectors[vectors.sum(axis=1) == 0, 0] = 1
    exact = nf.ExactIndex("cosine", 400)
    exact.add_items(vectors[100:])
    truth = exact.query(vectors[:100], k=10)
    recalls = []
    for kind in ("none", codes):
        index = nf.Index.from_vectors(vectors[100:], M=12, codes=kind)
        recalls.append(nf.evaluate.recall(index.query(vectors[:100], k=10, query_ef=300), truth))
    assert recalls[1] > recalls[0] - 0.03 > 0.85


@pytest.mark.parametrize("offset", [0, 1, 100])
def test_rows_of_one_direction_are_found_by_inner_product(offset):
    # "none" finds less than a twentieth of them where the offset is 100.
    rng = np.random.default_rng(7)
    vectors = (rng.normal(size=(4000, 40)) + offset).astype(np.float32)
    queries = rng.normal(size=(100, 40)).astype(np.float32)
    index = nf.Index.from_vectors(vectors, space="innerproduct", M=12)
    exact = nf.ExactIndex("innerproduct", 40)
    exact.add_items(vectors)
    found = index.query(queries, k=10, query_ef=200)
    assert nf.evaluate.recall(found, exact.query(queries, k=10)) > 0.97


def test_adds_of_inner_products_cut_off_few_rows_until_the_next_sweep():
    # Hung onto their nearest row, which is always offered new links, 2,000 of them are let go.
    rng = np.random.default_rng(1)
    vectors = rng.normal(size=(4000, 24)) * rng.lognormal(0, 0.7, size=(4000, 1))
    index = nf.Index.from_vectors(vectors[:3780], space="innerproduct", M=6, ef_construction=60)
    for first in range(3780, 4000, 20):
        index.add_items(vectors[first : first + 20])
    assert index.stats().unreachable < 1000


@pytest.mark.parametrize("codes", ["int8", "int4"])
@pytest.mark.parametrize(("every", "factor"), [(400, 100), (120, 1e6)])
def test_a_few_far_rows_do_not_widen_the_steps_of_all_others(codes, every, factor):
    rng = np.random.default_rng(4)
    centres = rng.normal(size=(50, 64))
    vectors, queries = (
        (centres[rng.integers(0, 50, n)] + 0.5 * rng.normal(size=(n, 64))).astype(np.float32)
        for n in (4000, 100)
    )
    vectors[::every] *= factor
    index = nf.Index.from_vectors(vectors, space="euclidean", M=8, codes=codes)
    exact = nf.ExactIndex("euclidean", 64)
    exact.add_items(vectors)
    found = index.query(queries, k=10, query_ef=100)
    assert nf.evaluate.recall(found, exact.query(queries, k=10)) > 0.98


@pytest.mark.parametrize("dimensions", [40, 200])
@pytest.mark.parametrize("codes", ["none", "int8", "int4"])
def test_zero_vectors_hide_nothing_in_cosine_space(codes, dimensions):
    rng = np.random.default_rng(5)
    vectors = rng.normal(size=(4000, dimensions)).astype(np.float32)
    vectors[::100] = 0  # embeddings that are missing
    queries = rng.normal(size=(60, dimensions)).astype(np.float32)
    index = nf.Index.from_vectors(vectors, M=16, codes=codes)
    exact = nf.ExactIndex("cosine", dimensions)
    exact.add_items(vectors)
    found = index.query(queries, k=10, query_ef=400)
    assert nf.evaluate.recall(found, exact.query(queries, k=10)) > 0.9
    if codes != "none":
        alone = nf.Index.from_vectors(vectors, codes=codes, storage_data_type="CodesOnly")
        assert not alone.get_vector(100).any()
        assert alone.get_distance(alone.get_vector(7), alone.get_vector(100)) == 1


@pytest.mark.parametrize("storage", ["Float32", "CodesOnly"])
@pytest.mark.parametrize("codes", ["int8", "int4"])
@pytest.mark.parametrize("kind", ["long", "cone"])
def test_queries_far_outside_of_the_range_are_not_held_at_its_edge(codes, storage, kind):
    rng = np.random.default_rng(6)
    vectors, queries = rng.normal(size=(8000, 32)), rng.normal(size=(100, 32))
    if kind == "long":
        space, queries = "euclidean", queries * 3
    else:
        space, vectors = "cosine", vectors + 3
    plain = nf.Index.from_vectors(vectors, space=space, M=12, codes="none")
    coded = nf.Index.from_vectors(
        vectors, space=space, M=12, codes=codes, storage_data_type=storage
    )
    recalls = []
    for index in (plain, coded):
        exact = nf.ExactIndex(space, 32)
        exact.add_items(index.get_vectors(index.ids))  # what is held
        found = index.query(queries, k=10, query_ef=200)
        recalls.append(nf.evaluate.recall(found, exact.query(queries, k=10)))
    assert recalls[1] > recalls[0] - 0.02 > 0.5


@pytest.mark.parametrize("codes", ["int8", "int4"])
@pytest.mark.parametrize(("group", "least"), [(100, 0.995), (500, 0.75)])
def test_rows_that_codes_cannot_tell_apart_are_told_apart_by_their_vectors(codes, group, least):
    rng = np.random.default_rng(7)
    centres = np.repeat(rng.normal(size=(4000 // group, 32)), group, axis=0)
    vectors = rng.permutation(centres + 1e-4 * rng.normal(size=centres.shape))
    queries = vectors[:200] + 2e-5 * rng.normal(size=(200, 32))
    index = nf.Index.from_vectors(vectors, space="euclidean", M=12, codes=codes)
    exact = nf.ExactIndex("euclidean", 32)
    exact.add_items(vectors)
    found = index.query(queries, k=10, query_ef=50)
    assert nf.evaluate.recall(found, exact.query(queries, k=10)) > least


@pytest.mark.parametrize("space", ["euclidean", "cosine"])
def test_distances_of_codes_alone_are_those_of_the_vectors_they_stand_for(space):
    # Few dimensions that vary make the grid rotate; 100 are no multiple of 16.
    rng = np.random.default_rng(8)
    vectors = rng.normal(size=(2000, 100)) * np.r_[np.full(90, 0.05), np.full(10, 1.0)]
    index = nf.Index.from_vectors(vectors, space=space, M=8, storage_data_type="CodesOnly")
    queries = vectors[:50].astype(np.float32)
    found = index.query(queries, k=5, query_ef=50)
    held = np.array([index.get_vectors(ids) for ids in found.ids], dtype=np.float64)
    if space == "euclidean":
        expected = ((held - queries[:, None]) ** 2).sum(-1)
    else:
        np.testing.assert_allclose(np.linalg.norm(held, axis=-1), 1, rtol=1e-5)
        unit = queries / np.linalg.norm(queries, axis=1, keepdims=True)
        expected = 1 - (held * unit[:, None]).sum(-1)
    np.testing.assert_allclose(found.distances, expected, rtol=1e-4, atol=2e-6)


@pytest.mark.parametrize("storage", ["Float32", "Float16"])
@pytest.mark.parametrize(
    ("space", "codes"),
    [("euclidean", "int8"), ("euclidean", "int4"), ("innerproduct", "int8")],
)
def test_rows_smaller_than_a_step_are_linked_by_their_vectors(space, codes, storage):
    # Half of the rows fall into one cell of the grid, and all queries are among them.
    rng = np.random.default_rng(9)
    vectors = rng.normal(size=(6000, 32)).astype(np.float32)
    small = rng.permutation(6000)[:3000]
    vectors[small] *= 1e-3
    queries = vectors[small[:100]] + 1e-5 * rng.normal(size=(100, 32)).astype(np.float32)
    if space == "innerproduct":  # the others lie behind
        vectors[np.setdiff1d(np.arange(6000), small), 0] = -20
        queries = rng.normal(size=(100, 32)).astype(np.float32)
        queries[:, 0] = 10
    recalls = []
    for kind in ("none", codes):
        index = nf.Index.from_vectors(
            vectors, space=space, M=12, codes=kind, storage_data_type=storage
        )
        exact = nf.ExactIndex(space, 32)
        exact.add_items(index.get_vectors(index.ids))
        found = index.query(queries, k=10, query_ef=50)
        recalls.append(nf.evaluate.recall(found, exact.query(queries, k=10)))
    assert recalls[1] > recalls[0] - 0.03 > 0.85


@pytest.mark.parametrize("codes", ["int8", "int4"])
def test_a_row_that_looks_like_the_zero_vector_is_not_one(codes):
    signs = np.random.default_rng(10).choice([-1.0, 1.0], size=(2000, 16)).astype(np.float32)
    signs[7] = np.tile([-1, 1], 8)
    index = nf.Index.from_vectors(signs, storage_data_type="CodesOnly", codes=codes)
    assert index.get_vector(7).any()
    assert index.query(signs[7], k=1).ids[0] == 7


@pytest.mark.parametrize("codes", ["int8", "int4"])
def test_rows_held_at_the_edge_are_of_unit_length_in_cosine_space(codes):
    rng = np.random.default_rng(11)
    vectors = rng.normal(size=(4000, 96)).astype(np.float32)
    far = np.arange(0, 4000, 200)
    vectors[far] = 0
    vectors[far, rng.integers(0, 96, len(far))] = 1
    index = nf.Index.from_vectors(vectors, storage_data_type="CodesOnly", codes=codes)
    held = index.get_vectors(far)
    np.testing.assert_allclose(np.linalg.norm(held, axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("storage", ["Float32", "CodesOnly"])
@pytest.mark.parametrize("value", [1e38, 1.8e38, 3.4e38])
def test_numbers_at_the_end_of_floats_go_through_a_file(storage, value):
    index = nf.Index("euclidean", 20, storage_data_type=storage, codes="int8")
    index.add_items(np.full((30, 20), value, np.float32))
    loaded = nf.Index.load(io.BytesIO(bytes(index)))
    np.testing.assert_array_equal(loaded.get_vector(3), index.get_vector(3))
