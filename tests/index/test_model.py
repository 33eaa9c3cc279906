"""Seeded random calls on an index, against a plain dict and brute force."""

from __future__ import annotations

import io
import pickle
from pathlib import Path

import nearfield as nf
import numpy as np
import pytest
from nearfield import errors

D = 6
STEPS = 120
ROUNDING = (D + 2) * 2**-24  # of a float32 sum of D squares, relative


class Model:
    """What an index must hold: vectors by id, and which of them are hidden."""

    def __init__(self) -> None:
        self.vectors: dict[int, np.ndarray] = {}
        self.hidden: set[int] = set()

    def live(self) -> list[int]:
        return [id for id in self.vectors if id not in self.hidden]

    def put(self, id: int, vector: np.ndarray) -> None:
        self.vectors[id] = vector
        self.hidden.discard(id)

    def nearest(self, query: np.ndarray, k: int, space: nf.Space) -> np.ndarray:
        stored = np.array([self.vectors[id] for id in self.live()], dtype=np.float64)
        wide = query.astype(np.float64)
        if space is nf.Space.Euclidean:
            distances = ((stored - wide) ** 2).sum(axis=1)
        else:
            if space is nf.Space.Cosine:
                stored /= np.linalg.norm(stored, axis=1, keepdims=True)
                wide /= np.linalg.norm(wide)
            distances = 1 - stored @ wide
        return np.sort(distances)[:k]


class Walk:
    """One random sequence; every method is a kind of step."""

    def __init__(self, seed: int, space: nf.Space, folder: Path) -> None:
        self.rng = np.random.default_rng(seed)
        self.space, self.folder = space, folder
        self.index = nf.Index(space, D, M=4, ef_construction=16, random_seed=seed)
        self.model = Model()

    def vectors(self, n: int) -> np.ndarray:
        return self.rng.normal(size=(n, D)).astype(np.float32)

    def known(self, hidden: bool) -> int | None:
        ids = sorted(self.model.hidden) if hidden else self.model.live()
        return int(self.rng.choice(ids)) if ids else None

    def add_automatic(self) -> None:
        vectors = self.vectors(int(self.rng.integers(1, 30)))
        ids = self.index.add_items(vectors)
        assert len(set(ids)) == len(ids)
        assert not set(ids) & set(self.model.vectors)
        for id, vector in zip(ids, vectors, strict=True):
            self.model.put(id, vector)

    def add_given(self) -> None:
        n = int(self.rng.integers(1, 30))
        ids, vectors = self.rng.integers(0, 400, size=n), self.vectors(n)
        assert self.index.add_items(vectors, ids) == ids.tolist()
        for id, vector in zip(ids.tolist(), vectors, strict=True):
            self.model.put(id, vector)

    def add_one(self) -> None:
        id, vector = int(self.rng.integers(0, 2**63)), self.vectors(1)[0]
        assert self.index.add_item(vector.tolist(), id) == id
        self.model.put(id, vector)

    def add_bad(self) -> None:
        before = bytes(self.index)
        vectors = self.vectors(5)
        vectors[3, 1] = np.nan
        with pytest.raises(errors.NotFinite, match="row 3"):
            self.index.add_items(vectors, range(5))
        assert bytes(self.index) == before

    def mark(self) -> None:
        id = self.known(hidden=False)
        if id is None:
            return
        self.index.mark_deleted(id)
        self.model.hidden.add(id)
        for call in (self.index.mark_deleted, self.index.get_vector):
            with pytest.raises(errors.UnknownId):
                call(id)

    def unmark(self) -> None:
        id = self.known(hidden=True)
        if id is None:
            return
        self.index.unmark_deleted(id)
        self.model.hidden.discard(id)
        with pytest.raises(errors.InvalidInput):
            self.index.unmark_deleted(id)

    def query(self) -> None:
        live = len(self.model.live())
        k = int(self.rng.integers(1, live + 4))
        queries = self.vectors(3)
        found = self.index.query(
            queries, k, query_ef=max(k, 4 * len(self.model.vectors)), if_short="pad"
        )
        assert found.counts.tolist() == [min(k, live)] * 3
        if k > live:
            with pytest.raises(nf.RecallError):
                self.index.query(queries, k)
        if not live:
            return
        for query, ids, distances in zip(queries, found.ids, found.distances, strict=True):
            expected = self.model.nearest(query, k, self.space)
            np.testing.assert_allclose(distances[:live], expected, rtol=ROUNDING, atol=2e-6)
            assert len(set(ids[:live].tolist())) == min(k, live)
            assert set(ids[:live].tolist()) <= set(self.model.live())

    def reload(self) -> None:
        way = int(self.rng.integers(0, 5))
        path = self.folder / "index.nf"
        if way == 0:
            self.index = nf.Index.load(bytes(self.index))
        elif way == 1:
            self.index = pickle.loads(pickle.dumps(self.index))
        elif way == 2:
            file = io.BytesIO()
            self.index.save(file)
            file.seek(0)
            self.index = nf.Index.load(file, self.space, D)
        else:
            self.index.save(path)
            self.index = nf.Index.load(path, mmap=way == 3, verify=way == 3)

    def check(self) -> None:
        live = self.model.live()
        assert len(self.index) == len(live)
        assert self.index.num_elements == len(self.model.vectors)
        assert sorted(self.index) == sorted(live)
        assert all(id in self.index for id in live)
        assert not any(id in self.index for id in self.model.hidden)
        assert self.index.validate() == ""
        stored = self.index.get_vectors(live)
        expected = np.array([self.model.vectors[id] for id in live], dtype=np.float32).reshape(
            -1, D
        )
        if self.space is nf.Space.Cosine:
            expected = expected / np.linalg.norm(expected, axis=1, keepdims=True)
            np.testing.assert_allclose(stored, expected, rtol=1e-6, atol=1e-7)
        else:
            assert np.array_equal(stored, expected)
        stats = self.index.stats()
        assert (stats.live, stats.marked) == (len(live), len(self.model.hidden))
        # Rows that overwriting has cut off are hung on again when a sixteenth of the rows is new.
        assert stats.unreachable <= 1 + stats.slots // 16


def run(seed: int, space: nf.Space, folder: Path) -> None:
    """Make one random sequence of calls, looking at everything after every tenth."""
    walk = Walk(seed, space, folder)
    steps = [
        walk.add_automatic, walk.add_given, walk.add_one, walk.add_bad, walk.mark, walk.mark,
        walk.mark, walk.unmark, walk.query, walk.query, walk.reload,
    ]  # fmt: skip
    for number in range(STEPS):
        steps[int(walk.rng.integers(len(steps)))]()
        if number % 10 == 9:
            walk.check()
    walk.check()


@pytest.mark.parametrize("space", list(nf.Space))
@pytest.mark.parametrize("seed", range(8))
def test_random_calls_do_what_a_dict_would_do(seed: int, space: nf.Space, tmp_path: Path) -> None:
    run(seed, space, tmp_path)
