"""Filters beside other things: batches, threads, forks, mapped files, every kind of index."""

from __future__ import annotations

import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import nearfield as nf
import numpy as np
import pytest
from nearfield import errors

from tests.index.filtered_world import ROWS, D, World, check, mask_of


@pytest.fixture(scope="module")
def world() -> World:
    return World()


def test_results_go_where_the_caller_wants_them(world: World) -> None:
    ids, distances = np.zeros((7, 4), np.uint64), np.zeros((7, 4), np.float32)
    found = world.index.query(
        world.queries, 4, query_ef=ROWS, exclude=world.live[:50], out=(ids, distances)
    )
    assert found.ids is ids
    assert found.distances is distances
    check(world, found, lambda _, id: id not in set(world.live[:50]))
    with pytest.raises(errors.InvalidInput, match="out"):
        world.index.query(world.queries, 5, exclude=[1], out=(ids, distances))


def test_a_batch_is_a_loop_at_any_number_of_threads(world: World) -> None:
    rng = np.random.default_rng(2)
    queries = rng.normal(size=(60, D)).astype(np.float32)
    sets = [rng.choice(world.live, size=rng.integers(0, 320), replace=False) for _ in range(60)]
    for name in ("exclude", "allow"):
        loop = [
            world.index.query(query[None], 5, if_short="pad", **{name: nf.PerQuery([one])})
            for query, one in zip(queries, sets, strict=True)
        ]
        for num_threads in (1, 2, 5, -1):
            batch = world.index.query(
                queries, 5, num_threads, if_short="pad", **{name: nf.PerQuery(sets)}
            )
            assert batch.ids.tobytes() == b"".join(one.ids.tobytes() for one in loop)
            assert batch.distances.tobytes() == b"".join(one.distances.tobytes() for one in loop)


def test_what_passes_of_the_loose_begins_the_strict(world: World) -> None:
    """Of exact queries: the nearest under a filter that pass another are the nearest under both."""
    for q, query in enumerate(world.queries):
        loose = world.index.query(query, 30, exclude=world.live[q : 90 + q], exact=True)
        strict_ids = set(world.live[q:250:2])
        strict = world.index.query(
            query, 30, exclude=world.live[q : 90 + q], allow=strict_ids, exact=True
        )
        both = [id for id in loose.ids.tolist() if id in strict_ids]
        assert both
        assert strict.ids.tolist()[: len(both)] == both


@pytest.mark.parametrize("options", [{}, {"codes": "int8"}, {"storage_data_type": "E4M3"},
                                     {"storage_data_type": "CodesOnly"}], ids=str)  # fmt: skip
def test_mapped_files_are_filtered_as_others(options: dict[str, Any], tmp_path: Path) -> None:
    world = World(**options)
    world.index.save(tmp_path / "index.nf")
    mapped = nf.Index.load(tmp_path / "index.nf", mmap=True)
    few = world.live[:9]
    for filters in (
        {"exclude": few}, {"allow": few}, {"exclude": world.live[:99]},
        {"allow": nf.PerQuery([few] * 7)}, {"exclude": mask_of(world, set(few))},
    ):  # fmt: skip
        for exact in (False, True):
            a = world.index.query(world.queries, 6, exact=exact, **filters)
            b = mapped.query(world.queries, 6, exact=exact, **filters)
            assert np.array_equal(a.ids, b.ids)
            assert np.array_equal(a.distances, b.distances)


def test_threads_ask_under_filters_of_their_own(world: World) -> None:
    shared = nf.IdSet(world.live[:150])

    def ask(seed: int) -> bool:
        rng = np.random.default_rng(seed)
        own = rng.choice(world.live, size=60, replace=False).tolist()
        for _ in range(20):
            each = nf.PerQuery([own] * 7)
            found = world.index.query(
                world.queries, 8, 1, ROWS, exclude=shared, allow=each, if_short="pad"
            )
            check(world, found, lambda _, id: id in own and id not in shared)
            check(
                world,
                world.index.query(world.queries, 8, 1, ROWS, exclude=own),
                lambda _, id: id not in own,
            )
        return True

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(ask, range(8)))


def test_every_kind_of_index_takes_filters(rng: np.random.Generator) -> None:
    rows = np.clip(rng.normal(size=(60, 4)), -1, 1)
    for index in (nf.FloatIndex(nf.Space.Cosine, 4), nf.Float8Index(nf.Space.Euclidean, 4),
                  nf.E4M3Index(nf.Space.InnerProduct, 4)):  # fmt: skip
        index.add_items(rows)
        assert set(index.query(rows[0], 20, allow=range(20)).ids.tolist()) == set(range(20))
    mine = nf.Index.from_vectors(rows, space="euclidean")
    twin = pickle.loads(pickle.dumps(mine))
    assert twin.query(rows[0], 1, exclude=[0]).ids[0] == mine.query(rows[0], 2).ids[1]


FORKED = """
import os
import numpy as np
import nearfield as nf
vectors = np.random.default_rng(0).normal(size=(3000, 16)).astype(np.float32)
index = nf.Index(nf.Space.Euclidean, 16)
index.add_items(vectors, num_threads=2)
sets = nf.PerQuery([range(q, 3000, 2) for q in range(100)])
def ask():
    shared = index.query(vectors[:100], k=5, num_threads=2, allow=range(0, 3000, 3))
    own = index.query(vectors[:100], k=5, num_threads=2, exclude=sets)
    return shared.ids.tobytes() + own.ids.tobytes()
expected = ask()
children = []
for _ in range(3):
    child = os.fork()
    if child == 0:
        os._exit(0 if ask() == expected else 1)
    children.append(child)
assert all(os.waitpid(child, 0)[1] == 0 for child in children)
"""


def test_forked_children_ask_under_filters() -> None:
    command = [sys.executable, "-W", "ignore", "-c", FORKED]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
