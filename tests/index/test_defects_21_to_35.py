"""The defects 21 to 35 of Voyager 2.2.3, one test a row: what nearfield does instead.

The number in a name is the row in the table of defects. Rows 1 to 20 are in test_defects.py.
"""

from __future__ import annotations

import copy
import gc
import io
import os
import pickle
import subprocess
import sys
import threading
from importlib.metadata import version

import nearfield as nf
import numpy as np
import pytest
from nearfield.evaluate import recall, true_neighbors


def rows(n: int, d: int = 8, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)


def index_of(vectors: np.ndarray, space: nf.Space = nf.Space.Euclidean, **options) -> nf.Index:
    return nf.Index.from_vectors(vectors, space=space, **options)


@pytest.mark.parametrize("storage", ["float8", "e4m3"])
def test_21_recall_in_eight_bits_is_that_of_the_rounding_alone(storage):
    vectors, queries = rows(3000, 32), rows(200, 32, seed=1)
    index = index_of(vectors, nf.Space.Cosine, storage_data_type=storage)
    found = index.query(queries, k=10, query_ef=200)
    assert recall(found, true_neighbors(index, queries, k=10)) >= 0.99


def test_22_no_vector_is_lost_when_others_resize_during_add():
    index = nf.Index(nf.Space.Euclidean, 8)
    added: list[int] = []

    def add(part: int) -> None:
        for i in range(40):
            added.append(index.add_item(rows(1, seed=part * 100 + i)[0]))
            index.resize(10_000 + i)

    threads = [threading.Thread(target=add, args=(part,)) for part in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(added) == sorted(index) == list(range(160))
    assert index.validate() == ""


def test_23_a_wrong_width_is_one_error():
    index = index_of(rows(5))
    bad = np.zeros(9, np.float32)
    calls = [
        lambda: index.add_item(bad),
        lambda: index.add_items(bad[None]),
        lambda: index.query(bad),
        lambda: index.query(bad[None]),
        lambda: index.get_distance(bad, bad),
    ]
    for call in calls:
        with pytest.raises(nf.errors.DimensionMismatch, match=r"9.*8") as caught:
            call()
        assert isinstance(caught.value, ValueError)
        assert isinstance(caught.value, RuntimeError)


def test_24_memory_is_counted_in_64_bits():
    estimate = nf.estimate_memory(10_000_000, 1728)
    assert estimate.vector_bytes == 10_000_000 * 1728 * 4 > 2**36
    with pytest.raises(nf.errors.InvalidInput):
        nf.Index(nf.Space.Euclidean, 2**32 + 8)


@pytest.mark.parametrize("M", [0, 1, 4097, 2**16, 2**32 + 12])
def test_25_a_degree_that_does_not_fit_is_refused(M):
    with pytest.raises(nf.errors.InvalidInput, match="M is"):
        nf.Index(nf.Space.Euclidean, 8, M=M)


def test_26_the_view_of_ids_keeps_its_index_alive():
    view = index_of(rows(1000)).ids
    gc.collect()
    assert len(view) == 1000
    assert list(view) == list(range(1000))
    assert 999 in view
    assert np.asarray(view).dtype == np.uint64


def test_27_deleted_rows_are_counted_after_loading():
    index = index_of(rows(20))
    for id in range(5):
        index.mark_deleted(id)
    for data in (bytes(index), index.as_bytes(format="voyager")):
        loaded = nf.Index.load(data)
        assert (len(loaded), loaded.num_elements, loaded.stats().marked) == (15, 20, 5)
        again = nf.Index.load(bytes(loaded))
        assert (len(again), again.num_elements) == (15, 20)


def run_with_level(level: str, code: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "NEARFIELD_SIMD": level}
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )


def test_28_instructions_are_chosen_at_run_time():
    assert nf.simd.active() in nf.simd.available()
    for level in nf.simd.available():
        run = run_with_level(level, "import nearfield as nf; print(nf.simd.active())")
        assert run.stdout.strip() == level, run.stderr
    run = run_with_level("avx9000", "import nearfield")
    assert "CpuNotSupported" in run.stderr
    assert "avx9000" in run.stderr
    assert "scalar" in run.stderr


def test_29_equal_seeds_give_equal_bytes():
    code = """
import hashlib, numpy as np, nearfield as nf
vectors = np.random.default_rng(0).normal(size=(2000, 16)).astype(np.float32)
index = nf.Index(nf.Space.Cosine, 16, random_seed=5)
index.add_items(vectors, num_threads={threads})
print(hashlib.sha256(bytes(index)).hexdigest())
"""
    hashes = {
        run_with_level(level, code.format(threads=threads)).stdout
        for level in nf.simd.available()
        for threads in (1, 2, 4)
    }
    assert len(hashes) == 1
    assert len(hashes.pop().strip()) == 64


def test_30_a_query_writes_nothing_and_counts_for_itself():
    index = index_of(rows(2000))
    queries = rows(64, seed=1)
    before = bytes(index)
    alone = [index.query(query, k=5) for query in queries]
    for threads in (1, 2, 4):
        batch = index.query(queries, k=5, num_threads=threads)
        assert batch.num_distances == sum(one.num_distances for one in alone)
        assert batch.num_hops == sum(one.num_hops for one in alone)
    assert bytes(index) == before


@pytest.mark.parametrize("storage", ["float32", "float8", "e4m3"])
def test_31_cosine_distances_are_never_negative(storage):
    vectors = rows(500, 16)
    index = index_of(vectors, nf.Space.Cosine, storage_data_type=storage)
    assert index.query(vectors, k=3).distances.min() >= 0
    assert min(index.get_distance(row, row) for row in vectors[:50]) >= 0


def test_32_paths_and_bytes_are_accepted(tmp_path):
    index = index_of(rows(5))
    index.save(tmp_path / "a.nf")
    index.save(os.fsencode(tmp_path / "b.nf"))
    file = io.BytesIO()
    index.save(file)
    data = (tmp_path / "a.nf").read_bytes()
    assert data == (tmp_path / "b.nf").read_bytes() == file.getvalue() == bytes(index)
    for source in (
        tmp_path / "a.nf",
        str(tmp_path / "b.nf"),
        data,
        bytearray(data),
        memoryview(data),
    ):
        assert len(nf.Index.load(source)) == 5


class Mine(nf.Index):
    def __init__(self, name: str) -> None:
        super().__init__(nf.Space.Euclidean, 8)
        self.name = name

    def hello(self) -> str:
        return f"hello {self.name}"


def test_33_subclasses_keep_their_class():
    mine = Mine("you")
    mine.add_items(rows(5))
    assert type(mine) is Mine
    assert pickle.loads(pickle.dumps(mine)).hello() == "hello you"
    assert type(copy.deepcopy(mine)) is Mine
    assert type(Mine.load(bytes(mine))) is Mine
    assert len(Mine.load(bytes(mine))) == 5


@pytest.mark.parametrize(
    ("kind", "storage"),
    [(nf.FloatIndex, nf.Float32), (nf.Float8Index, nf.Float8), (nf.E4M3Index, nf.E4M3)],
)
def test_33_each_class_can_be_called(kind, storage):
    index = kind(nf.Space.Cosine, 8)
    assert type(index) is kind
    assert index.storage_data_type is storage
    assert index.add_items(rows(3)) == [0, 1, 2]
    assert type(kind.load(bytes(index))) is kind
    assert type(nf.Index(nf.Space.Cosine, 8, storage_data_type=storage)) is kind
    for other in nf.StorageDataType:
        if other is not storage:
            with pytest.raises(nf.errors.InvalidInput, match=storage.name):
                kind(nf.Space.Cosine, 8, storage_data_type=other)


def test_34_adding_and_querying_at_once_is_safe():
    index = index_of(rows(500), ids=range(500))
    stop = threading.Event()
    problems: list[str] = []

    def ask(seed: int) -> None:
        queries = rows(8, seed=seed)
        while not stop.is_set():
            found = index.query(queries, k=10, num_threads=1)
            if (np.diff(found.distances, axis=1) < 0).any() or found.ids.max() >= 2500:
                problems.append("bad answer")

    threads = [threading.Thread(target=ask, args=(seed,)) for seed in (1, 2)]
    for thread in threads:
        thread.start()
    for first in range(500, 2500, 500):
        index.add_items(rows(500, seed=first), range(first, first + 500))
        index.mark_deleted(first)
    stop.set()
    for thread in threads:
        thread.join()
    assert not problems
    assert index.validate() == ""
    assert len(index) == 2496


def test_35_the_version_has_one_source():
    assert nf.__version__.startswith(".".join(map(str, nf.version)))
    assert version("nearfield") == nf.__version__
