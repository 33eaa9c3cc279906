"""Work that runs side by side, work that is interrupted, and many indexes at once."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import threading

import nearfield as nf
import numpy as np
import pytest

from tests.conftest import clustered


def test_query_releases_the_gil(rng: np.random.Generator) -> None:
    vectors = clustered(rng, 3000, 64)
    index = nf.Index(nf.Space.Euclidean, 64, ef_construction=40)
    index.add_items(vectors)
    ticks, running = 0, True

    def tick() -> None:
        nonlocal ticks
        while running:
            ticks += 1

    thread = threading.Thread(target=tick)
    thread.start()
    before = ticks
    index.query(np.tile(vectors, (4, 1)), k=10, query_ef=300, num_threads=1)
    during = ticks - before
    running = False
    thread.join()
    # With the GIL held the other thread gets at most a few switch intervals at the call's edges.
    assert during > 1000


def test_add_query_mark_and_save_at_once(rng: np.random.Generator, tmp_path) -> None:
    vectors = clustered(rng, 6000, 24)
    index = nf.Index(nf.Space.Euclidean, 24, ef_construction=40)
    index.add_items(vectors[:1000])
    errors: list[BaseException] = []
    writing = threading.Event()

    def run(work) -> None:
        try:
            work()
        except BaseException as error:
            errors.append(error)

    def add() -> None:
        for start in range(1000, 6000, 500):
            index.add_items(vectors[start : start + 500], num_threads=2)
        index.add_items(vectors[:500], ids=range(500))
        writing.set()

    def query() -> None:
        while not writing.is_set():
            ids, distances = index.query(vectors[600:620], k=5, num_threads=1)
            assert all(len(set(row)) == 5 for row in ids.tolist())
            assert np.all(np.diff(distances, axis=1) >= 0)

    def mark() -> None:
        for id in range(500, 600):
            index.mark_deleted(id)
            assert id not in index
            index.unmark_deleted(id)

    def save() -> None:
        for i in range(5):
            index.save(tmp_path / f"{i}.nf")

    threads = [
        threading.Thread(target=run, args=(work,)) for work in (add, query, query, mark, save)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors, errors
    assert len(index) == 6000
    assert np.array_equal(index.get_vectors(range(6000)), vectors)
    for i in range(5):
        saved = nf.Index.load(tmp_path / f"{i}.nf")
        assert np.array_equal(saved.get_vectors(saved.ids), vectors[list(saved.ids)])


INTERRUPTED = """
import os, signal, threading
import numpy as np
import nearfield as nf
rng = np.random.default_rng(0)
vectors = rng.normal(size=(40000, 64)).astype(np.float32)
index = nf.Index(nf.Space.Euclidean, 64)
def on_progress(done, total):
    if done > 1000 and not sent:
        sent.append(done)
        os.kill(os.getpid(), signal.SIGINT)
sent = []
try:
    index.add_items(vectors, progress=on_progress)
except KeyboardInterrupt:
    n = len(index)
    assert 0 < n < 40000, n
    assert np.array_equal(index.get_vectors(range(n)), vectors[:n])
    assert index.query(vectors[0], k=1).ids[0] == 0
    index.add_items(vectors[n:n + 1000], progress=None)
    assert np.array_equal(index.get_vectors(range(n + 1000)), vectors[:n + 1000])
    print("kept", n)
"""


def test_ctrl_c_in_add_keeps_the_finished_rounds() -> None:
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("kept")


def test_ctrl_c_in_a_long_batch_query(rng: np.random.Generator) -> None:
    vectors = clustered(rng, 3000, 64)
    index = nf.Index(nf.Space.Euclidean, 64, ef_construction=40)
    index.add_items(vectors)
    timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
    queries = np.tile(vectors, (400, 1))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        index.query(queries, k=10, query_ef=200)
    timer.join()


def test_a_failing_progress_callback_stops_the_add(rng: np.random.Generator) -> None:
    def fail(done: int, total: int) -> None:
        raise ValueError(f"{done} of {total}")

    index = nf.Index(nf.Space.Euclidean, 16)
    with pytest.raises(ValueError, match="of 5000"):
        index.add_items(clustered(rng, 5000, 16), progress=fail)
    index.add_items(clustered(rng, 1000, 16))
    assert index.query(np.zeros(16), k=5).ids.shape == (5,)


FORKED = """
import os
import numpy as np
import nearfield as nf
vectors = np.random.default_rng(0).normal(size=(3000, 16)).astype(np.float32)
index = nf.Index(nf.Space.Euclidean, 16)
index.add_items(vectors, num_threads=2)
expected = index.query(vectors[:200], k=5, num_threads=2)
children = []
for _ in range(4):
    child = os.fork()
    if child == 0:
        found = index.query(vectors[:200], k=5, num_threads=2)
        index.add_items(vectors[:100], num_threads=2)
        good = np.array_equal(found.ids, expected.ids) and len(index) == 3100
        os._exit(0 if good else 1)
    children.append(child)
assert all(os.waitpid(child, 0)[1] == 0 for child in children)
assert len(index) == 3000
"""


def test_forked_children_query_and_add() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORKED],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr


MANY = """
import numpy as np
import nearfield as nf
def resident_bytes():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096
vectors = np.random.default_rng(0).normal(size=(10, 128)).astype(np.float32)
def make():
    index = nf.Index(nf.Space.Cosine, 128)
    index.add_items(vectors, num_threads=1)
    index.query(vectors[0], k=3)
    return index
warm = [make() for _ in range(100)]
before = resident_bytes()
live = [make() for _ in range(10000)]
print((resident_bytes() - before) / 10000)
"""


def test_ten_thousand_small_indexes_take_at_most_64_kib_each() -> None:
    done = subprocess.run([sys.executable, "-c", MANY], capture_output=True, text=True, check=True)
    assert float(done.stdout) <= 64 * 1024


@pytest.mark.parametrize("call", ["as_bytes", "stats", "validate", "add_item"])
def test_a_callback_that_would_wait_for_itself_is_told_so(call: str) -> None:
    index = nf.Index(nf.Space.Euclidean, 2)
    arguments = ([1, 1],) if call == "add_item" else ()

    def reenter(*_: object) -> int:
        assert index.query([0, 0], k=1, if_short="pad").ids.shape == (1,)
        getattr(index, call)(*arguments)
        return 1

    with pytest.raises(nf.errors.InvalidInput, match="progress callback or a file object"):
        index.add_items(np.zeros((3, 2)), num_threads=1, progress=reenter)
    file = io.BytesIO()
    file.write = reenter
    with pytest.raises(nf.errors.InvalidInput, match="progress callback or a file object"):
        index.save(file)
    index.add_items(np.ones((3, 2)))
    assert index.validate() == ""


FORKED_MAPPED = """
import os, sys, threading
import numpy as np
import nearfield as nf
vectors = np.random.default_rng(0).normal(size=(20000, 16)).astype(np.float32)
index = nf.Index(nf.Space.Euclidean, 16, M=4, ef_construction=10)
index.add_items(vectors)
index.save(sys.argv[1])
for _ in range(10):
    mapped = nf.Index.load(sys.argv[1], mmap=True)
    stop = threading.Event()
    def ask():
        for row in range(0, 20000, 7):
            if stop.is_set():
                return
            mapped.query(vectors[row], k=3)
    asking = threading.Thread(target=ask)
    asking.start()
    child = os.fork()
    if child == 0:
        mapped.add_item(vectors[0])
        os._exit(0 if mapped.validate() == "" else 1)
    assert os.waitpid(child, 0)[1] == 0
    stop.set()
    asking.join()
"""


def test_a_forked_child_writes_to_an_index_that_its_parent_was_querying(tmp_path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORKED_MAPPED, str(tmp_path / "mapped.nf")],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
