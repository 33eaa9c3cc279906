"""The bytes of an index depend on its seed and the sequence of calls, on nothing else."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys

import nearfield as nf
import numpy as np
import pytest

from tests.conftest import clustered

BUILD = """
import hashlib, sys
import numpy as np
import nearfield as nf
from tests.conftest import clustered
rng = np.random.default_rng(5)
digest = hashlib.sha256()
for space in nf.Space:
    for storage in nf.StorageDataType:
        vectors = clustered(rng, 1300, 40)
        vectors /= np.abs(vectors).max()
        index = nf.Index(space, 40, ef_construction=60, storage_data_type=storage)
        index.add_items(vectors, num_threads=int(sys.argv[1]))
        index.add_items(vectors[:300] * 0.9, ids=range(100, 400), num_threads=int(sys.argv[1]))
        digest.update(index.as_bytes())
        for array in index.query(vectors[:100], k=10, num_threads=int(sys.argv[1])):
            digest.update(array.tobytes())
print(digest.hexdigest())
"""


def digest_of_build(simd: str | None, threads: int) -> str:
    environment = {**os.environ, **({"NEARFIELD_SIMD": simd} if simd else {})}
    done = subprocess.run(
        [sys.executable, "-c", BUILD, str(threads)],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def test_bytes_and_results_are_equal_at_every_simd_level_and_thread_count() -> None:
    digests = {
        (level, threads): digest_of_build(level, threads)
        for level in nf.simd.available()
        for threads in (1, 2, 4)
    }
    assert len(set(digests.values())) == 1, digests


def test_the_seed_changes_the_bytes(rng: np.random.Generator) -> None:
    vectors = clustered(rng, 600, 16)
    bytes_of_seed = []
    for seed in (1, 1, 2):
        index = nf.Index(nf.Space.Euclidean, 16, random_seed=seed)
        index.add_items(vectors)
        bytes_of_seed.append(index.as_bytes())
    assert bytes_of_seed[0] == bytes_of_seed[1] != bytes_of_seed[2]


@pytest.mark.parametrize("chunk_rows", [1, 100, 512, 999, 5000])
def test_chunked_input_gives_the_bytes_of_one_call(
    rng: np.random.Generator, chunk_rows: int
) -> None:
    vectors = clustered(rng, 2000 if chunk_rows > 1 else 300, 16)
    whole = nf.Index(nf.Space.Cosine, 16, ef_construction=40)
    whole.add_items(vectors)
    chunked = nf.Index(nf.Space.Cosine, 16, ef_construction=40)
    starts = range(0, len(vectors), chunk_rows)
    chunked.add_items((None, vectors[start : start + chunk_rows]) for start in starts)
    assert hashlib.sha256(whole.as_bytes()).digest() == hashlib.sha256(chunked.as_bytes()).digest()


def test_a_query_changes_nothing(rng: np.random.Generator) -> None:
    vectors = clustered(rng, 600, 16)
    index = nf.Index(nf.Space.InnerProduct, 16)
    index.add_items(vectors)
    before = index.as_bytes()
    index.query(vectors, k=5)
    index.get_distance(vectors[0] * 100, vectors[1])
    index.get_vectors(range(10))
    index.stats()
    assert index.as_bytes() == before
