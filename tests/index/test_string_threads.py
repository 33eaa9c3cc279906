"""`StringIndex` under many threads at once, and the order in which names go."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable

import nearfield as nf
import numpy as np
import pytest
from nearfield._key_table import KeyTable, Names

D = 12
NUM_KEYS = 600
VECTORS = np.random.default_rng(7).normal(size=(NUM_KEYS, D)).astype(np.float32)
KEYS = [f"key {i}" for i in range(NUM_KEYS)]
NUMBER_OF = {key: number for number, key in enumerate(KEYS)}


def run_together(*works: Callable[[], None]) -> list[BaseException]:
    """Run each in a thread of its own, and give what they raised."""
    raised: list[BaseException] = []

    def guarded(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:
            raised.append(error)

    threads = [threading.Thread(target=guarded, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=300)
        assert not thread.is_alive(), "they wait for each other"
    return raised


def check_results(queries: np.ndarray, keys: np.ndarray, distances: np.ndarray) -> None:
    """A key always has the same vector: a result under another's name has a wrong distance."""
    for query, names, measured in zip(queries, keys, distances, strict=True):
        named = [(name, d) for name, d in zip(names, measured, strict=True) if name is not None]
        assert len({name for name, _ in named}) == len(named)
        rows = [NUMBER_OF[name] for name, _ in named]
        own = ((VECTORS[rows].astype(np.float64) - query) ** 2).sum(axis=1)
        np.testing.assert_allclose([d for _, d in named], own, rtol=1e-4, atol=1e-4)


def test_add_remove_query_save_and_compact_at_once() -> None:
    index = nf.StringIndex(nf.Space.Euclidean, D, M=6, ef_construction=20)
    index.add_items(VECTORS[: NUM_KEYS // 2], KEYS[: NUM_KEYS // 2])
    stop = threading.Event()
    counts = {"queries": 0, "saves": 0, "removed": 0, "compacted": 0}

    def until_stopped(work: Callable[[np.random.Generator], None], seed: int) -> Callable[[], None]:
        def loop() -> None:
            rng = np.random.default_rng(seed)
            try:
                while not stop.is_set():
                    work(rng)
            except BaseException:
                stop.set()
                raise

        return loop

    def ask(rng: np.random.Generator) -> None:
        queries = VECTORS[rng.integers(NUM_KEYS, size=9)] + np.float32(0.01)
        found = index.query(queries, k=5, if_short="pad", num_threads=1)
        check_results(queries, found.keys, found.distances)
        for key in list(index)[::97]:
            assert key in NUMBER_OF
        counts["queries"] += 1

    def add(rng: np.random.Generator) -> None:
        rows = rng.integers(NUM_KEYS, size=int(rng.integers(1, 60)))
        rule = ("update", "keep")[int(rng.integers(2))]
        vectors, keys = VECTORS[rows], [KEYS[row] for row in rows]
        if rng.integers(3):
            index.add_items(vectors, keys, 1, on_conflict=rule)
            return
        vectors[-1, 0] = np.nan
        with pytest.raises(nf.errors.NotFinite):
            index.add_items(vectors, keys, 1, on_conflict=rule)

    def remove(rng: np.random.Generator) -> None:
        keys = [KEYS[row] for row in rng.integers(NUM_KEYS, size=int(rng.integers(1, 40)))]
        counts["removed"] += index.remove(keys, if_missing="ignore")

    def save(rng: np.random.Generator) -> None:
        loaded = nf.load(bytes(index))
        assert isinstance(loaded, nf.StringIndex)
        stored = {loaded._keyed.names.key(id) for id in loaded._index._core.ids(True)}
        assert stored == {key for key, _ in loaded._keyed._table._stored}, "of one instant"
        keys = list(loaded)
        assert set(keys) == stored
        rows = [NUMBER_OF[key] for key in keys]
        assert np.array_equal(loaded.get_vectors(keys), VECTORS[rows])
        assert loaded.validate() == ""
        counts["saves"] += 1

    def compact(rng: np.random.Generator) -> None:
        index.compact(1)
        index.repair(1)
        counts["compacted"] += 1
        if counts["compacted"] >= 60 and counts["saves"] >= 20 and counts["queries"] >= 60:
            stop.set()

    works = [until_stopped(work, seed) for seed, work in enumerate(
        (ask, ask, add, add, remove, remove, save, compact)
    )]  # fmt: skip
    assert run_together(*works) == []
    assert counts["removed"] > 100
    assert index.validate() == ""
    table = index._keyed._table
    held = set(index._index._core.ids(True).tolist())
    assert set(table._ids.values()) == held == set(table.names._added), "no key too many or too few"
    assert index._keyed._removed == []
    keys = list(index)
    assert np.array_equal(index.get_vectors(keys), VECTORS[[NUMBER_OF[key] for key in keys]])


def test_one_of_many_removals_of_the_same_key_succeeds() -> None:
    index = nf.StringIndex(nf.Space.Euclidean, D)
    barrier = threading.Barrier(4)
    removed, refused = [], []

    def remove_each() -> None:
        for key in KEYS[:200]:
            barrier.wait(timeout=60)
            if key not in index and len(removed) % 2 == 0:
                index.add_item(VECTORS[NUMBER_OF[key]], key)
            barrier.wait(timeout=60)
            try:
                removed.append(index.remove(key))
            except nf.errors.UnknownId as error:
                refused.append((key, error.id))

    assert run_together(*[remove_each] * 4) == []
    assert sum(removed) == len(removed)
    assert len(removed) + len(refused) == 800
    assert all(key == id for key, id in refused)
    assert len(index) == 0
    assert index._keyed._table._ids == {}


# --- the order in which names go ---


def test_names_that_nobody_took_are_freed_at_once() -> None:
    table = KeyTable()
    gc.collect()
    before = sum(type(each) is Names for each in gc.get_objects())
    gc.disable()  # counting references must do
    try:
        for i in range(500):
            table.add([f"{i}"])
            table.drop([(f"{i}", i)])
        after = sum(type(each) is Names for each in gc.get_objects())
    finally:
        gc.enable()
    assert after == before


def test_taken_names_last_as_long_as_they_are_held_and_a_long_chain_of_them_can_go() -> None:
    table = KeyTable()
    table.add(["first"])
    taken = table.names
    for i in range(1, 200_001):  # deeper than the stack of the interpreter
        table.add([f"{i}"])
        table.drop([(f"{i}", i)])
    assert taken.key(0) == "first"
    assert taken.key(200_000) == "200000"
    assert taken.key(77) == "77"
    del taken
    assert table.names.key(0) == "first"


def test_a_name_can_be_read_at_every_moment_of_its_removal() -> None:
    """Between any two steps of it, by those who took their names before."""
    table = KeyTable()
    table.add(["a", "b"])
    taken, seen = table.names, []

    class Watching(dict[int, str]):
        def pop(self, *arguments: object) -> str | None:
            seen.append((taken.key(0), table.names is not taken))
            return super().pop(*arguments)

    taken._added = Watching(taken._added)
    table.drop([("a", 0)])
    assert seen == [("a", True)], "the successor is there before the name goes"
    assert taken.key(0) == "a"
    assert table.find("a") is None
