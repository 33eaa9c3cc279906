"""One variant in a process of its own: a line of JSON says what to do, a line of JSON answers.

Started by remote.py, with the Python that has the library. Its answers go out by what was standard
output when it began; whatever a library prints goes to standard error.
"""

from __future__ import annotations

import gc
import json
import math
import os
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from engines import Engine, Ids, library_of, make
from machine import library_hash

Json = dict[str, Any]
_MOST_PASSES = 50


def timed(call: Callable[[], Any]) -> tuple[Any, float, float]:
    """Give (result, wall seconds, CPU seconds of all threads), the garbage collector off."""
    gc.collect()
    gc.disable()
    try:
        wall, cpu = time.perf_counter(), time.process_time()
        result = call()
        return result, time.perf_counter() - wall, time.process_time() - cpu
    finally:
        gc.enable()


class Worker:
    """The engine and the queries that it is asked."""

    def __init__(self, variant: str) -> None:
        self._variant = variant
        self._engine: Engine = make(variant)

    def about(self) -> Json:
        """Tell version and build of the library, and how the variant is set up."""
        return {
            "version": self._engine.version,
            "note": self._engine.note,
            "hash": library_hash(library_of(self._variant)),
        }

    def build(self, base: str, space: str, threads: int, index: str) -> Json:
        """Build and save; only the build is timed."""
        rows = np.load(base)
        before = resident()
        _, wall, cpu = timed(lambda: self._engine.build(rows, space, threads))
        peak = peak_resident()
        self._engine.save(index)
        return {"wall_seconds": wall, "cpu_seconds": cpu, "peak_bytes": peak - before}

    def open(self, index: str, space: str, queries: str, dimensions: int) -> Json:
        """Load what was saved."""
        before = resident()
        _, wall, _ = timed(lambda: self._engine.load(index, space, dimensions))
        self._queries = np.load(queries)
        self._rows = list(self._queries)  # slicing rows off the array is not the engine's work
        return {"open_seconds": wall, "resident_bytes": resident() - before}

    def grid(self, k: int, rows: int) -> Json:
        """Tell the settings to try."""
        return {"settings": self._engine.grid(k, rows)}

    def ask(self, mode: str, setting: dict[str, float], k: int, out: str) -> Json:
        """Ask all queries once and leave the ids in a file."""
        self._engine.use(setting)
        found, wall, cpu = timed(self._pass(mode, k))
        np.save(out, _rectangle(found, k))
        return {"wall_seconds": wall, "cpu_seconds": cpu, "resident_bytes": resident()}

    def time(self, mode: str, setting: dict[str, float], k: int, seconds: float) -> Json:
        """Ask all queries as often as it takes to last this long; give the time of one pass.

        One pass before tells how often that is, and brings the index back into the caches.
        """
        self._engine.use(setting)
        call = self._pass(mode, k)
        _, first, _ = timed(call)
        passes = min(_MOST_PASSES, math.ceil(seconds / first))
        _, wall, cpu = timed(lambda: [None for _ in range(passes) if call() is None])
        return {"wall_seconds": wall / passes, "cpu_seconds": cpu / passes}

    def _pass(self, mode: str, k: int) -> Callable[[], Any]:
        if mode == "single":
            query_one = self._engine.query_one
            return lambda: [query_one(row, k) for row in self._rows]
        threads = int(mode.removeprefix("batch"))
        return lambda: self._engine.query_batch(self._queries, k, threads)


def _rectangle(found: Iterable[Ids], k: int) -> Ids:
    """Give (queries, k) ids; -1 where an engine gave fewer."""
    out = np.full((len(list(found)), k), -1, dtype=np.int64)
    for row, ids in zip(out, found, strict=True):
        row[: min(k, len(ids))] = np.asarray(ids[:k]).astype(np.int64)
    return out


def resident() -> int:
    """Bytes of this process in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def peak_resident() -> int:
    """Bytes of this process in memory at most, since it began or /proc/self/clear_refs was told."""
    text = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) << 10 for line in text.splitlines() if "VmHWM" in line)


def answer(make_worker: Callable[[str], Any]) -> None:
    """Answer until standard input ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    worker: Any = None
    for line in sys.stdin:
        order = json.loads(line)
        verb = order.pop("do")
        try:
            if worker is None:
                worker = make_worker(sys.argv[1])
            said = getattr(worker, verb)(**order)
        except Exception as error:  # what fails is told, and the next order may work
            # Some libraries print their program in what they raise: its beginning says what it was.
            said = {"error": f"{type(error).__name__}: {error}".partition("\n")[0]}
        answers.write(json.dumps(said) + "\n")
        answers.flush()


if __name__ == "__main__":
    answer(Worker)
