"""Seeded random calls on an index, against a plain dict and brute force.

A sequence is a list of (name of a step, seed of its own), so that one that finds something can be
shortened: steps are left out as long as it still does.
"""

from __future__ import annotations

import io
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import nearfield as nf
import numpy as np
import pytest
from nearfield import errors

D = 6
STEPS = 60
ROUNDING = (D + 2) * 2**-24  # of a float32 sum of D squares, relative

Step = tuple[str, int]


class Kind(NamedTuple):
    """What an index is made with, and how far off a component may be held."""

    space: nf.Space
    storage: str
    codes: str
    off: float = 0.0

    @property
    def name(self) -> str:
        """Name it in a test's id and in findings."""
        return f"{self.space.name}-{self.storage}-{self.codes}"


_STORAGES = (
    ("Float32", "none", 0.0), ("Float32", "int8", 0.0), ("Float32", "int4", 0.0),
    ("Float16", "none", 1e-3), ("Float16", "int8", 1e-3), ("Float8", "none", 0.005),
    ("Float8", "int8", 0.005), ("E4M3", "none", 0.07), ("CodesOnly", "int8", 0.15),
    ("CodesOnly", "int4", 0.6),
)  # fmt: skip


def _kinds() -> list[Kind]:
    kinds = []
    for space in nf.Space:
        for storage, codes, off in _STORAGES:
            try:
                nf.Index(space, D, storage_data_type=storage, codes=codes)  # type: ignore[arg-type]
            except errors.InvalidInput:
                continue  # no legal pair
            kinds.append(Kind(space, storage, codes, off))
    return kinds


KINDS = _kinds()


class Model:
    """What an index must hold: vectors by id, in order of insertion, and which are hidden."""

    def __init__(self) -> None:
        self.vectors: dict[int, np.ndarray] = {}
        self.hidden: set[int] = set()

    def live(self) -> list[int]:
        return [id for id in self.vectors if id not in self.hidden]

    def put(self, id: int, vector: np.ndarray) -> None:
        self.remove(id)
        self.vectors[id] = vector

    def remove(self, id: int) -> None:
        self.vectors.pop(id, None)
        self.hidden.discard(id)


def _distances(rows: np.ndarray, query: np.ndarray, space: nf.Space) -> np.ndarray:
    """Compare as the index does, which holds rows of unit length but for their rounding."""
    rows, query = rows.astype(np.float64), query.astype(np.float64)
    if space is nf.Space.Euclidean:
        return ((rows - query) ** 2).sum(axis=1)
    if space is nf.Space.Cosine:
        return np.maximum(0, 1 - rows @ (query / np.linalg.norm(query)))
    return 1 - rows @ query


class Walk:
    """An index, its model and the steps; every public method but `check` is a kind of step."""

    def __init__(self, kind: Kind, folder: Path) -> None:
        self.rng = np.random.default_rng(0)
        self.kind, self.folder = kind, folder
        self.index: nf.Index = nf.Index(
            kind.space, D, M=4, ef_construction=16, random_seed=3,
            storage_data_type=kind.storage, codes=kind.codes,  # type: ignore[arg-type]
        )  # fmt: skip
        self.model = Model()

    def _vectors(self, n: int) -> np.ndarray:
        return self.rng.uniform(-0.9, 0.9, size=(n, D)).astype(np.float32)

    def _batch(self) -> tuple[list[int], np.ndarray]:
        n = int(self.rng.integers(1, 30))
        return self.rng.integers(0, 400, size=n).tolist(), self._vectors(n)

    def _known(self, hidden: bool) -> int | None:
        ids = sorted(self.model.hidden) if hidden else self.model.live()
        return int(self.rng.choice(ids)) if ids else None

    def add_automatic(self) -> None:
        vectors = self._vectors(int(self.rng.integers(1, 30)))
        ids = self.index.add_items(vectors)
        assert len(set(ids)) == len(ids)
        assert not set(ids) & set(self.model.vectors)
        for id, vector in zip(ids, vectors, strict=True):
            self.model.put(id, vector)

    def upsert(self) -> None:
        ids, vectors = self._batch()
        call = self.index.upsert if self.rng.random() < 0.5 else self.index.add_items
        assert call(vectors, ids) == ids
        for id, vector in zip(ids, vectors, strict=True):
            self.model.put(id, vector)

    def add_keeping(self) -> None:
        ids, vectors = self._batch()
        assert self.index.add_items(vectors, ids, on_conflict="keep") == ids
        for id, vector in zip(ids, vectors, strict=True):
            if id not in self.model.vectors:
                self.model.put(id, vector)

    def add_refusing(self) -> None:
        ids, vectors = self._batch()
        if len(set(ids)) < len(ids) or set(ids) & set(self.model.vectors):
            before = bytes(self.index)
            with pytest.raises(errors.DuplicateId):
                self.index.add_items(vectors, ids, on_conflict="error")
            assert bytes(self.index) == before
            return
        self.index.add_items(vectors, ids, on_conflict="error")
        for id, vector in zip(ids, vectors, strict=True):
            self.model.put(id, vector)

    def add_one(self) -> None:
        id, vector = int(self.rng.integers(0, 2**63)), self._vectors(1)[0]
        assert self.index.add_item(vector.tolist(), id) == id
        self.model.put(id, vector)

    def add_bad(self) -> None:
        before = bytes(self.index)
        vectors = self._vectors(5)
        vectors[3, 1] = np.nan
        with pytest.raises(errors.NotFinite, match="row 3"):
            self.index.add_items(vectors, range(5))
        assert bytes(self.index) == before

    def mark(self) -> None:
        id = self._known(hidden=False)
        if id is None:
            return
        self.index.mark_deleted(id)
        self.model.hidden.add(id)
        for call in (self.index.mark_deleted, self.index.get_vector):
            with pytest.raises(errors.UnknownId):
                call(id)

    def unmark(self) -> None:
        id = self._known(hidden=True)
        if id is None:
            return
        self.index.unmark_deleted(id)
        self.model.hidden.discard(id)
        with pytest.raises(errors.InvalidInput):
            self.index.unmark_deleted(id)

    def remove(self) -> None:
        ids = sorted(self.model.vectors)
        share = self.rng.choice([0.02, 0.1, 0.5, 1.0], p=[0.4, 0.4, 0.15, 0.05])
        gone = self.rng.permutation(ids)[: int(np.ceil(share * len(ids)))].astype(np.uint64)
        assert self.index.remove(np.concatenate([gone, gone[:2]])) == len(gone)
        for id in gone.tolist():
            self.model.remove(id)
            assert id not in self.index
            with pytest.raises(errors.UnknownId):
                self.index.unmark_deleted(id)

    def remove_missing(self) -> None:
        id, missing = self._known(hidden=False), 2**63 + int(self.rng.integers(2**20))
        ids = [missing] if id is None else [id, missing]
        with pytest.raises(errors.UnknownId):
            self.index.remove(ids)
        assert self.index.remove(ids, if_missing="ignore") == len(ids) - 1
        self.model.remove(ids[0])

    def repair(self) -> None:
        self.index.repair(num_threads=int(self.rng.integers(1, 3)))
        stats = self.index.stats()
        assert (stats.unrepaired, stats.removed, stats.slots_to_repair) == (0, 0, 0)
        assert stats.unreachable == 0

    def compact(self) -> None:
        self.index.compact(num_threads=int(self.rng.integers(1, 3)))
        assert self.index.stats().slots == len(self.model.vectors)

    def resize(self) -> None:
        self.index.resize(len(self.model.vectors) + int(self.rng.integers(100)))

    def query(self) -> None:
        """Ask for so many that all rows are compared, and for few by walking."""
        live = self.model.live()
        queries = self._vectors(3)
        held = self.index.get_vectors(live)
        scale = 1e-5 if self.kind.storage == "CodesOnly" else ROUNDING
        for k, ef in ((int(self.rng.integers(1, len(live) + 4)), 4 * len(live) + 8), (3, 4)):
            found = self.index.query(queries, k, query_ef=max(k, ef), if_short="pad")
            n = min(k, len(live))
            assert found.counts.tolist() == [n] * 3
            if k > len(live):
                with pytest.raises(nf.RecallError):
                    self.index.query(queries, k)
            for query, ids, distances in zip(queries, found.ids, found.distances, strict=True):
                given = ids[:n].tolist()
                assert len(set(given)) == n
                assert set(given) <= set(live)
                all_distances = _distances(held.reshape(-1, D), query, self.kind.space)
                of_found = all_distances[[live.index(id) for id in given]]
                np.testing.assert_allclose(distances[:n], of_found, rtol=scale, atol=3e-6)
                if ef > len(live):
                    nearest = np.sort(all_distances)[:n]
                    np.testing.assert_allclose(distances[:n], nearest, rtol=scale, atol=3e-6)

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
            self.index = nf.Index.load(file, self.kind.space, D, self.index.storage_data_type)
        else:
            self.index.save(path)
            self.index = nf.Index.load(path, mmap=way == 3, verify=way == 3)

    def check(self) -> None:
        live = self.model.live()
        assert len(self.index) == len(live)
        assert self.index.num_elements == len(self.model.vectors)
        assert list(self.index) == live
        assert all(id in self.index for id in live)
        assert not any(id in self.index for id in self.model.hidden)
        assert self.index.validate() == ""
        stored = self.index.get_vectors(live)
        expected = np.array([self.model.vectors[id] for id in live], dtype=np.float32)
        expected = expected.reshape(-1, D)
        if self.kind.space is nf.Space.Cosine:
            expected = expected / np.linalg.norm(expected, axis=1, keepdims=True)
            np.testing.assert_allclose(stored, expected, rtol=1e-6, atol=1e-6 + self.kind.off)
        elif self.kind.off == 0:
            assert np.array_equal(stored, expected)
        else:
            np.testing.assert_allclose(stored, expected, rtol=0, atol=self.kind.off)
        stats = self.index.stats()
        assert (stats.live, stats.marked) == (len(live), len(self.model.hidden))
        assert stats.slots == stats.live + stats.marked + stats.removed + stats.free
        # Rows in rings of their own are hung on again when a sixteenth of the rows is new.
        assert stats.unreachable <= 1 + stats.slots // 16


WEIGHTS = {
    "add_automatic": 2, "upsert": 3, "add_keeping": 1, "add_refusing": 1, "add_one": 1,
    "add_bad": 1, "mark": 3, "unmark": 1, "remove": 3, "remove_missing": 1, "repair": 1,
    "compact": 1, "resize": 1, "query": 3, "reload": 2,
}  # fmt: skip


def sequence(seed: int, steps: int) -> list[Step]:
    """Draw a sequence of steps."""
    rng = np.random.default_rng(seed)
    weights = np.array(list(WEIGHTS.values()), dtype=float)
    names = rng.choice(list(WEIGHTS), size=steps, p=weights / weights.sum())
    return [(str(name), int(rng.integers(2**32))) for name in names]


def play(steps: list[Step], kind: Kind, folder: Path) -> None:
    """Take all steps, looking at everything after every tenth."""
    walk = Walk(kind, folder)
    for number, (name, seed) in enumerate(steps):
        walk.rng = np.random.default_rng(seed)
        getattr(walk, name)()
        if number % 10 == 9:
            walk.check()
    walk.check()


def shortened(steps: list[Step], fails: Callable[[list[Step]], bool]) -> list[Step]:
    """Leave out parts, halves first, as long as what is left still fails."""
    part = max(1, len(steps) // 2)
    while True:
        for first in range(0, len(steps), part):
            fewer = steps[:first] + steps[first + part :]
            if fewer != steps and fails(fewer):
                steps = fewer
                break
        else:
            if part == 1:
                return steps
            part //= 2


def error_of(steps: list[Step], kind: Kind, folder: Path) -> str | None:
    """Say what a sequence finds; None when that is nothing."""
    try:
        play(steps, kind, folder)
    except Exception as error:
        return f"{type(error).__name__}: {error}"[:500]
    return None


def run(seed: int, kind: Kind, folder: Path, steps: int = STEPS) -> str | None:
    """Make one random sequence of calls; say what it finds, by the shortest part that does."""
    drawn = sequence(seed, steps)
    if error_of(drawn, kind, folder) is None:
        return None
    short = shortened(drawn, lambda some: error_of(some, kind, folder) is not None)
    return f"{kind.name}, seed {seed}: {error_of(short, kind, folder)}\nsteps = {short}"


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_random_calls_do_what_a_dict_would_do(kind: Kind, seed: int, tmp_path: Path) -> None:
    found = run(seed, kind, tmp_path)
    assert found is None, found


def test_a_sequence_is_shortened_to_what_fails() -> None:
    steps: list[Step] = [("mark", i) for i in range(40)]
    short = shortened(steps, lambda some: ("mark", 7) in some and ("mark", 31) in some)
    assert short == [("mark", 7), ("mark", 31)]


if __name__ == "__main__":
    seeds = range(int(sys.argv[1]), int(sys.argv[2]))
    for seed in seeds:
        found = run(seed, KINDS[seed % len(KINDS)], Path(sys.argv[3]), int(sys.argv[4]))
        if found is not None:
            sys.stdout.write(found + "\n")
