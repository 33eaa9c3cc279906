"""A reader that follows a file: every answer is of one file, and none is lost."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nearfield as nf
import numpy as np
import pytest
from nearfield import errors, watching

D = 8
ROWS = 200


def index_of(generation: int, text: bool = False) -> Any:
    """Of each vector it is plain to which generation it belongs: the first number of all."""
    rows = np.random.default_rng(generation).normal(size=(ROWS, D)).astype(np.float32)
    rows[:, 0] = generation
    if text:
        keys = [f"{generation} {i}" for i in range(ROWS)]
        return nf.StringIndex.from_vectors(rows, keys=keys, space="euclidean")
    ids = np.arange(ROWS) + 1000 * generation
    return nf.Index.from_vectors(rows, ids=ids, space="euclidean")


WRITER = """
import sys
import time
from tests.files.test_watch import index_of
path, text = sys.argv[1], sys.argv[2] == "text"
indexes = [index_of(generation, text) for generation in range(1, 21)]
for index in indexes:
    index.save(path)
    sys.stdout.write("saved\\n")
    sys.stdout.flush()
    sys.stdin.readline()
"""


def written_by_another(path: Path, kind: str) -> Iterator[int]:
    """Let a process write one generation after the other, each when it is asked for."""
    command = [sys.executable, "-c", WRITER, str(path), kind]
    root = Path(__file__).resolve().parents[2]
    with subprocess.Popen(
        command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        for generation in range(1, 21):
            assert child.stdout.readline() == "saved\n"
            yield generation
            child.stdin.write("\n")
            child.stdin.flush()


@pytest.mark.parametrize("kind", ["ids", "text"])
def test_a_file_that_another_process_replaces_under_load(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "items.nf"
    index_of(0, kind == "text").save(path)
    watched = nf.watch(path)
    stop, problems, seen, answers = threading.Event(), [], set(), [0]

    def ask() -> None:
        while not stop.is_set():
            try:
                index = watched.index
                ids = index.query(np.zeros((3, D), np.float32), k=5).ids
                found = {int(str(id).split()[0]) if kind == "text" else id // 1000
                         for id in ids.ravel().tolist()}  # fmt: skip
                vectors = index.get_vectors(ids[0])
                assert set(vectors[:, 0].tolist()) == found
                assert len(found) == 1, "an answer of two files"
                assert len(index) == ROWS
                seen.update(found)
                answers[0] += 1
            except BaseException as error:
                problems.append(error)
                return

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        for generation in written_by_another(path, kind):
            assert watched.poll() is True
            assert watched.poll() is False
            assert watched.generation == generation + 1
            before = answers[0]
            while answers[0] < before + 8 and not problems:
                stop.wait(0.001)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert problems == []
    assert seen == set(range(21))
    assert type(watched.index) is (nf.StringIndex if kind == "text" else nf.FloatIndex)


def test_one_thread_may_poll_while_the_writer_never_rests(tmp_path: Path) -> None:
    path = tmp_path / "items.nf"
    indexes = [index_of(generation) for generation in range(4)]
    indexes[0].save(path)
    watched = nf.watch(path)
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            for index in indexes:
                index.save(path)

    writer = threading.Thread(target=write)
    writer.start()
    polled = looked = 0
    try:
        while polled < 30 and looked < 10**6:
            polled += watched.poll()
            looked += 1
    finally:
        stop.set()
        writer.join()
    assert (polled, watched.generation) == (30, 31)
    watched.poll()
    assert list(watched.index) == list(indexes[3])
    assert watched.poll() is False


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_file_replaced_while_it_is_opened_is_not_taken_for_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    path = tmp_path / "items.nf"
    index_of(0).save(path)
    watched = nf.watch(path)
    index_of(1).save(path)
    opened = []

    def load(*arguments: Any, **options: Any) -> Any:
        if moment == "before" and not opened:
            index_of(2).save(path)
        index = nf.load(*arguments, **options)
        if moment == "after" and not opened:
            index_of(2).save(path)
        opened.append(int(next(iter(index))) // 1000)
        return index

    monkeypatch.setattr(watching, "load", load)
    assert watched.poll() is True
    assert opened == [2 if moment == "before" else 1, 2]
    assert next(iter(watched.index)) == 2000
    assert watched.generation == 2
    assert watched.poll() is False


def test_a_damaged_file_that_a_good_one_replaces_while_it_is_read_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, new = tmp_path / "items.nf", tmp_path / "new"
    index_of(0).save(path)
    watched = nf.watch(path)
    new.write_bytes(b"nothing of ours")
    new.replace(path)

    def load(*arguments: Any, **options: Any) -> Any:
        try:
            return nf.load(*arguments, **options)
        finally:
            if path.stat().st_size < 100:
                index_of(1).save(path)

    monkeypatch.setattr(watching, "load", load)
    assert watched.poll() is True
    assert next(iter(watched.index)) == 1000


def test_a_file_that_changes_at_every_look_is_looked_at_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "items.nf"
    index_of(0).save(path)
    watched = nf.watch(path)
    number = [0]

    def load(*arguments: Any, **options: Any) -> Any:
        index = nf.load(*arguments, **options)
        number[0] += 1
        index_of(number[0]).save(path)
        return index

    index_of(100).save(path)
    monkeypatch.setattr(watching, "load", load)
    assert watched.poll() is True
    assert number[0] == watching._TRIES
    monkeypatch.undo()
    assert next(iter(watched.index)) < 1000 * number[0]
    assert watched.poll() is True, "what was seen last was not opened"
    assert next(iter(watched.index)) == 1000 * number[0]
    assert watched.poll() is False


def test_a_missing_file_keeps_the_old_index(tmp_path: Path) -> None:
    path = tmp_path / "items.nf"
    for what in (path, tmp_path / "no" / "items.nf"):
        with pytest.raises(FileNotFoundError, match=r"items\.nf") as caught:
            nf.watch(what)
        assert isinstance(caught.value, errors.IndexFileNotAccessible)
        assert caught.value.filename == str(what)
    index_of(0).save(path)
    watched = nf.watch(path)
    path.unlink()
    for _ in range(2):
        with pytest.raises(FileNotFoundError, match=r"items\.nf"):
            watched.poll()
        assert watched.generation == 1
        assert watched.index.query(np.zeros(D, np.float32)).ids[0] < 1000
    index_of(1).save(path)
    assert watched.poll() is True
    assert next(iter(watched.index)) == 1000


@pytest.mark.parametrize("mmap", [True, False])
@pytest.mark.parametrize("how", ["cut short", "flipped", "empty", "another kind"])
def test_a_damaged_file_keeps_the_old_index_and_is_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mmap: bool, how: str
) -> None:
    path = tmp_path / "items.nf"
    index_of(0).save(path)
    watched = nf.watch(path, mmap=mmap)
    data = bytearray(index_of(1).as_bytes())
    if how == "flipped":
        data[len(data) // 2] ^= 1
    damaged = {"cut short": data[:-1], "flipped": data, "empty": b"", "another kind": b"x" * 9000}
    new = tmp_path / "new"
    new.write_bytes(damaged[how])
    new.replace(path)
    opened = []
    load = nf.load
    monkeypatch.setattr(watching, "load", lambda *a, **o: opened.append(1) or load(*a, **o))
    raised = []
    for _ in range(3):
        with pytest.raises(errors.IndexFileError) as caught:
            watched.poll()
        raised.append(caught.value)
        assert watched.generation == 1
        assert next(iter(watched.index)) == 0
    assert raised[0] is raised[1] is raised[2]
    assert len(opened) == 1
    index_of(2).save(path)
    assert watched.poll() is True
    assert next(iter(watched.index)) == 2000


def test_verify_decides_when_damage_is_found(tmp_path: Path) -> None:
    path = tmp_path / "items.nf"
    index_of(0).save(path)
    watched = nf.watch(path, verify=False)
    rows = np.random.default_rng(1).normal(size=(20_000, D)).astype(np.float32)
    data = bytearray(nf.Index.from_vectors(rows, space="euclidean", M=2).as_bytes())
    data[2**20] ^= 1  # in a vector
    (tmp_path / "new").write_bytes(data)
    (tmp_path / "new").replace(path)
    with pytest.raises(errors.CorruptIndexFile):
        nf.watch(path)
    assert watched.poll() is True
    with pytest.raises(errors.CorruptIndexFile):
        watched.index.query(np.zeros((1, D), np.float32), k=len(rows))


def test_prepare_comes_before_the_change(tmp_path: Path) -> None:
    path = tmp_path / "items.nf"
    index_of(0).save(path)
    calls: list[int] = []

    def prepare(index: Any) -> None:
        calls.append(int(next(iter(index))))
        if calls[-1] == 1000:
            raise ValueError("not this one")
        index.ef = 77

    watched = nf.watch(path, prepare=prepare)
    assert watched.index.ef == 77
    index_of(1).save(path)
    for _ in range(2):
        with pytest.raises(ValueError, match="not this one"):
            watched.poll()
        assert next(iter(watched.index)) == 0
    index_of(2).save(path)
    assert watched.poll() is True
    assert (watched.index.ef, watched.generation) == (77, 2)
    assert calls == [0, 1000, 1000, 2000]


def test_any_sign_of_another_file_will_do(tmp_path: Path) -> None:
    path, other = tmp_path / "items.nf", tmp_path / "other.nf"
    index_of(0).save(path)
    watched = nf.watch(path)
    found = path.stat()
    index_of(1).save(other)  # as long, and as old
    os.utime(other, ns=(found.st_mtime_ns, found.st_mtime_ns))
    assert other.stat().st_size == found.st_size
    other.replace(path)
    assert watched.poll() is True
    os.utime(path, ns=(found.st_mtime_ns + 1, found.st_mtime_ns + 1))
    assert watched.poll() is True
    assert watched.poll() is False


def test_a_link_that_leads_elsewhere_is_another_file(tmp_path: Path) -> None:
    for generation in (0, 1):
        index_of(generation).save(tmp_path / f"{generation}.nf")
    link = tmp_path / "current.nf"
    link.symlink_to("0.nf")
    watched = nf.watch(os.fsencode(link))
    link.unlink()
    link.symlink_to("1.nf")
    assert watched.poll() is True
    assert next(iter(watched.index)) == 1000
    assert repr(watched).startswith(f"<nearfield.Watched path={str(link)!r} generation=2 <near")


def test_who_polls_at_once_waits_and_opens_once(tmp_path: Path) -> None:
    path = tmp_path / "items.nf"
    index_of(0).save(path)
    watched = nf.watch(path, prepare=lambda index: threading.Event().wait(0.05))
    index_of(1).save(path)
    barrier, told = threading.Barrier(4), []

    def poll() -> None:
        barrier.wait(timeout=60)
        told.append(watched.poll())

    threads = [threading.Thread(target=poll) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(told) == [False, False, False, True]
    assert watched.generation == 2


def test_what_cannot_be_watched_is_refused_by_the_name_of_the_argument(tmp_path: Path) -> None:
    path = tmp_path / "items.nf"
    index_of(0).save(path)
    for wrong in (5, None, [path]):
        with pytest.raises(TypeError, match=r"^path is "):
            nf.watch(wrong)  # type: ignore[arg-type]
    for wrong in ("a\0b", b"a\0b", Path("a\0b")):
        with pytest.raises(errors.InvalidInput, match=r"^path is 'a\\x00b', which holds a zero"):
            nf.watch(wrong)  # type: ignore[arg-type]
    for wrong in (3, "x"):
        with pytest.raises(TypeError, match=f"^prepare is {wrong!r}; expected None or a callable"):
            nf.watch(path, prepare=wrong)  # type: ignore[arg-type]
