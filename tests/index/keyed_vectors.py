"""A `StringIndex` in which each key always has the same vector, so that a wrong name shows."""

from __future__ import annotations

import nearfield as nf
import numpy as np

D = 8


def vector_of(key: str) -> np.ndarray:
    """The vector of a key, always the same, so that a result named wrongly shows."""
    return np.random.default_rng(list(key.encode())).normal(size=D).astype(np.float32)


def vectors_of(keys: list[str]) -> np.ndarray:
    return np.array([vector_of(key) for key in keys], dtype=np.float32).reshape(len(keys), D)


def index_of(keys: list[str], **options) -> nf.StringIndex:
    index = nf.StringIndex(nf.Space.Euclidean, D, **options)
    index.add_items(vectors_of(keys), keys)
    return index


def numbered(first: int, last: int) -> list[str]:
    return [f"key {i}" for i in range(first, last)]


def check_names(index: nf.StringIndex, keys: list[str]) -> None:
    """Each of these keys, and no other, is there, and is found by its own vector."""
    assert len(index) == len(keys)
    assert set(index) == set(keys)
    if keys:
        assert np.array_equal(index.get_vectors(keys), vectors_of(keys))
        found = index.query(vectors_of(keys), k=1, query_ef=len(keys) + 50)
        assert found.keys[:, 0].tolist() == keys


def attached(index: nf.StringIndex) -> bytes:
    return nf.StringIndex.load(bytes(index))._index._core.attachment("keys")
