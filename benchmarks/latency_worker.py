"""An index that is asked by one thread while another writes to it, in one process. See worker.py.

Ids rise, and id i has row i modulo the rows of the data set: the oldest row goes, the next comes,
and both threads do nothing between two calls but count.
"""

from __future__ import annotations

import gc
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import living
import numpy as np
from data_sets import Floats
from engines import library_of
from machine import library_hash
from numpy.typing import NDArray
from worker import answer

Json = dict[str, Any]
Nanoseconds = NDArray[np.int64]
_MOST_QUERIES = 4_000_000  # of a phase
_SETTLE = 0.1  # seconds of queries that are not kept, at the beginning of a phase
_ELSEWHERE_ROWS = 20_000  # of another index, which is only written to


class Writes:
    """Single writes to one index, and the nanoseconds of each call."""

    def __init__(self, engine: living.Engine, base: Floats, live: int) -> None:
        self._engine = engine
        self._base = base
        self._oldest, self._next = 0, live
        self._turn = 0
        self.took: dict[str, list[int]] = {"upsert": [], "remove": [], "add": []}

    def upsert(self) -> None:
        """Give a live id, somewhere between oldest and newest, another row."""
        self._turn += 1
        live, waiting = self._next - self._oldest, len(self._base) - self._next + self._oldest
        # A multiplier that shares no factor with most lengths: every id has its turn.
        place = self._oldest + self._turn * 7_368_787 % live
        ids, rows = self._named(place, self._next + self._turn % max(1, waiting))
        self._time("upsert", lambda: self._engine.upsert(ids, rows))

    def turn(self) -> None:
        """Remove the oldest row and add the next."""
        self.remove()
        self.add()

    def remove(self) -> None:
        """Remove the oldest row."""
        ids, _ = self._named(self._oldest, 0)
        self._oldest += 1
        self._time("remove", lambda: self._engine.remove(ids))

    def add(self) -> None:
        """Add the next row."""
        ids, rows = self._named(self._next, self._next)
        self._next += 1
        self._time("add", lambda: self._engine.add(ids, rows))

    def _named(self, name: int, row: int) -> tuple[living.Ids, Floats]:
        place = row % len(self._base)
        return np.array([name], dtype=np.uint64), self._base[place : place + 1]

    def _time(self, what: str, call: Callable[[], None]) -> None:
        begin = time.perf_counter_ns()
        call()
        self.took[what].append(time.perf_counter_ns() - begin)


class Writer(threading.Thread):
    """A thread that writes as fast as it can, or so many times a second, until it is told to stop.

    What a write raises is kept: it is raised where the thread is waited for.
    """

    def __init__(self, write: Callable[[], None], rate: float) -> None:
        super().__init__()
        self._write = write
        self._pause = 1 / rate if rate else 0.0
        self._stop_asked = threading.Event()
        self._error: Exception | None = None

    def run(self) -> None:
        """Write."""
        due = time.perf_counter()
        try:
            while not self._stop_asked.is_set():
                self._write()
                if self._pause:
                    due = max(due + self._pause, time.perf_counter() - 1)  # no catching up for ever
                    self._stop_asked.wait(max(0.0, due - time.perf_counter()))
        except Exception as error:  # the other thread raises it
            self._error = error

    def finish(self) -> None:
        """Stop after the write that is going on."""
        self._stop_asked.set()
        self.join()
        if self._error is not None:
            raise self._error


class Asked:
    """The index, its queries, and what may be written to."""

    def __init__(self, variant: str) -> None:
        self._variant = variant
        self._engine = living.make(variant)
        self._other = living.make(variant)
        self._took: Nanoseconds = np.zeros(_MOST_QUERIES, dtype=np.int64)

    def about(self) -> Json:
        """Tell version and build of the library."""
        about = {"version": self._engine.version, "note": self._engine.note}
        return about | {"hash": library_hash(library_of(self._variant))}

    def begin(
        self, base: str, queries: str, space: str, live: int, ef: int, k: int, threads: int
    ) -> Json:
        """Build on all threads; what is written later is written on one."""
        rows: Floats = np.load(base)
        self._queries, self._k = list(np.load(queries)), k
        few = min(_ELSEWHERE_ROWS, live)
        for engine, count in ((self._engine, live), (self._other, few)):
            engine.begin(living.Shape(space, rows.shape[1], count, threads))
            engine.add(np.arange(count, dtype=np.uint64), rows[:count])
            engine.threads = 1
            engine.use(ef)
        self._writes = Writes(self._engine, rows, live)
        self._elsewhere = Writes(self._other, rows[: few + few // 4], few)
        return {"switch_interval": sys.getswitchinterval()}

    def phase(self, kind: str, seconds: float, rate: float, out: str) -> Json:
        """Ask one query after the other; leave in a file how long each took, and each write.

        `elsewhere` writes to another index: it shows what the GIL and the second core cost.
        """
        writes = self._elsewhere if kind == "elsewhere" else self._writes
        ways = {"upsert": writes.upsert, "elsewhere": writes.turn, "turnover": writes.turn}
        ways["paced"] = writes.turn
        for each in writes.took.values():
            each.clear()
        gc.collect()
        gc.disable()
        try:
            writer = Writer(ways[kind], rate if kind == "paced" else 0.0) if kind in ways else None
            begin = time.perf_counter()
            if writer:
                writer.start()
            self._ask(_SETTLE)
            count = self._ask(seconds)
            if writer:
                writer.finish()
            wall = time.perf_counter() - begin
        finally:
            gc.enable()
        np.savez(out, queries=self._took[:count], **_arrays(writes.took))
        return {"seconds": wall}

    def singles(self, count: int, out: str) -> Json:
        """Remove so many rows, a call each and nothing else going on; then add as many."""
        for each in self._writes.took.values():
            each.clear()
        gc.collect()
        gc.disable()
        try:
            for write in (self._writes.remove, self._writes.add):
                for _ in range(count):
                    write()
        finally:
            gc.enable()
        np.savez(out, **_arrays(self._writes.took))
        return {}

    def _ask(self, seconds: float) -> int:
        """Ask for so long; give how many queries there were."""
        took, queries, k = self._took, self._queries, self._k
        ask, clock, many = self._engine.query_one, time.perf_counter_ns, len(queries)
        count, end = 0, clock() + int(1e9 * seconds)
        while count < len(took):
            query = queries[count % many]
            begin = clock()
            ask(query, k)
            now = clock()
            took[count] = now - begin
            count += 1
            if now > end:
                break
        return count


def _arrays(took: dict[str, list[int]]) -> dict[str, Any]:
    return {name: np.array(each, dtype=np.int64) for name, each in took.items() if each}


if __name__ == "__main__":
    answer(Asked)
