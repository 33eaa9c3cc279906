"""Chunked input, progress, and the little that stands around an add."""

from __future__ import annotations

import io
import sys

import nearfield as nf
import numpy as np
import pytest
from nearfield import errors
from nearfield._progress import lines, reporting


def rows(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, 8)).astype(np.float32)


def streamed(sizes: list[int], ids: np.ndarray | None, before: int = 0) -> bytes:
    vectors = rows(sum(sizes))
    index = nf.Index(nf.Space.Euclidean, 8, M=4, ef_construction=10)
    if before:
        index.add_items(rows(before, 9), range(10**6, 10**6 + before))
    ends = np.cumsum(sizes)
    chunks = (
        (None if ids is None else ids[end - size : end], vectors[end - size : end])
        for size, end in zip(sizes, ends, strict=True)
    )
    added = index.add_items(chunks)
    assert len(added) == len(vectors)
    assert np.array_equal(index.get_vectors(added[-100:]), vectors[-100:])
    return bytes(index)


@pytest.mark.parametrize("before", [0, 300])
@pytest.mark.parametrize("named", [False, True])
def test_the_sizes_of_chunks_leave_no_trace(named, before):
    n = 12_000
    ids = np.random.default_rng(3).permutation(n) + 5 if named else None
    want = streamed([n], ids, before)
    for sizes in ([1, 999, 8192, n - 9192], [511, 513, 0, n - 1024], [2000] * 6):
        assert streamed(sizes, ids, before) == want


def test_a_stream_without_repeats_gives_the_graph_of_one_call():
    one = nf.Index(nf.Space.Euclidean, 8, M=4, ef_construction=10)
    one.add_items(rows(8192))
    assert streamed([100] * 81 + [92], None) == bytes(one)


def test_given_and_automatic_ids_may_follow_each_other():
    index = nf.Index(nf.Space.Euclidean, 8)
    vectors = rows(6)
    chunks = [([5, 0], vectors[:2]), (None, vectors[2:4]), ([9], vectors[4:5]), (None, vectors[5:])]
    added = index.add_items(iter(chunks))
    assert added[:2] == [5, 0]
    assert added[4] == 9
    assert len(set(added)) == 6
    assert np.array_equal(index.get_vectors(added), vectors)


class Reader:
    """Iterable, but neither a sequence nor an array."""

    def __iter__(self):
        yield [1, 2], rows(2).tolist()
        yield np.array([3]), rows(1).astype(np.float64)


def test_any_iterable_of_pairs_is_a_stream():
    index = nf.Index(nf.Space.Euclidean, 8)
    assert index.add_items(Reader()) == [1, 2, 3]
    assert index.add_items(iter([])) == []


@pytest.mark.parametrize(
    ("chunk", "words"),
    [
        (rows(2), "chunk 1 is of type ndarray.*tuples"),
        ((rows(2),), "chunk 1.*tuples"),
        (([1], rows(2)), "chunk 1 has 1 ids for 2"),
        ((None, rows(2)[:, :7]), "chunk 1 has 7 columns"),
        ((None, rows(2)[0]), "chunk 1 has shape"),
        (([2**64 - 1, 1], rows(2)), "chunk 1, ids"),
    ],
)
def test_a_bad_chunk_is_named(chunk, words):
    index = nf.Index(nf.Space.Euclidean, 8)
    with pytest.raises(errors.InvalidInput, match=words):
        index.add_items(iter([(None, rows(2)), chunk]))
    assert len(index) == 0  # the block was not full yet


def test_a_bad_row_is_counted_from_the_start_of_the_stream():
    index = nf.Index(nf.Space.Euclidean, 8, M=4, ef_construction=10)
    vectors = rows(9000)
    vectors[8500, 2] = np.nan
    with pytest.raises(errors.NotFinite, match="row 8500 of the whole") as caught:
        index.add_items((None, vectors[i : i + 100]) for i in range(0, 9000, 100))
    assert caught.value.row == 8500
    assert len(index) == 8192  # whole blocks before it stay


def test_ids_beside_a_stream_are_refused():
    with pytest.raises(errors.InvalidInput, match="beside an iterator"):
        nf.Index(nf.Space.Euclidean, 8).add_items(iter([(None, rows(1))]), [1])


# --- progress ---


def test_progress_is_reported_to_a_callable():
    index = nf.Index(nf.Space.Euclidean, 8)
    seen: list[tuple[int, int | None]] = []
    index.add_items(rows(3000), progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (3000, 3000)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    seen.clear()
    index.add_items(
        ((None, rows(100)) for _ in range(100)), progress=lambda *report: seen.append(report)
    )
    assert seen[-1] == (10_000, 10_000)
    assert all(total in (None, 10_000) for _, total in seen)


def test_what_progress_raises_stops_the_work():
    index = nf.Index(nf.Space.Euclidean, 8)

    def stop(done: int, total: int | None) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        index.add_items(rows(3000), progress=stop)
    assert index.validate() == ""
    vectors = index.get_vectors(index.ids)
    assert np.array_equal(vectors, rows(3000)[: len(vectors)])  # in order, as far as it came


def test_progress_that_cannot_be_is_refused():
    with pytest.raises(TypeError, match="progress"):
        nf.Index(nf.Space.Euclidean, 8).add_items(rows(3), progress="yes")


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_lines_come_every_few_seconds():
    stream, clock = io.StringIO(), Clock()
    report = lines("adding", stream, clock)
    for second in range(12):
        clock.now = second
        report(second * 100, 1100)
    assert stream.getvalue().splitlines() == [
        "adding: 500 of 1,100 rows",
        "adding: 1,000 of 1,100 rows",
        "adding: 1,100 of 1,100 rows",
    ]
    clock.now = 100
    report(5, None)
    assert stream.getvalue().endswith("adding: 5 rows\n")


def test_true_writes_lines_to_stderr_when_it_is_no_terminal(capsys):
    nf.Index(nf.Space.Euclidean, 8).add_items(rows(600), progress=True)
    written = capsys.readouterr()
    assert written.out == ""
    assert written.err == "adding: 600 of 600 rows\n"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_true_draws_a_bar_on_a_terminal():
    stream = Terminal()
    with reporting(True, "adding", stream) as report:
        assert report is not None
        report(5, 10)
        report(10, 10)
    assert "adding" in stream.getvalue()


def test_true_works_on_a_terminal_without_rich(monkeypatch):
    monkeypatch.setitem(sys.modules, "rich.progress", None)
    stream = Terminal()
    with reporting(True, "adding", stream) as report:
        assert report is not None
        report(10, 10)
    assert stream.getvalue() == "adding: 10 of 10 rows\n"
    with reporting(False, "adding") as report:
        assert report is None
