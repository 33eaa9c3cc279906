"""An index that is saved while another thread writes to it, in one process. See worker.py."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import living
import nearfield as nf
import numpy as np
from latency_worker import Writer, Writes
from living.nearfield import Engine
from machine import library_hash
from worker import answer, peak_resident, resident

Json = dict[str, Any]
_LOOK_EVERY = 0.02  # seconds between two looks at the memory
_CHUNK = 1 << 20  # bytes of a slow file between two pauses


class SlowFile:
    """Takes what is written to it at so many bytes a second, and leaves it in a file."""

    def __init__(self, path: str, rate: float) -> None:
        self._file = Path(path).open("wb")  # noqa: SIM115  closed by `close`
        self._rate = rate
        self._due = time.perf_counter()

    def write(self, data: Any) -> int:
        """Write, a pause after each chunk."""
        view = memoryview(data).cast("B")
        for begin in range(0, len(view), _CHUNK):
            written = self._file.write(view[begin : begin + _CHUNK])
            self._due += written / self._rate
            time.sleep(max(0.0, self._due - time.perf_counter()))
        return len(view)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class Sampler(threading.Thread):
    """Looks at the memory of this process until it is told to stop."""

    def __init__(self) -> None:
        super().__init__()
        self._stop_asked = threading.Event()
        self.seen: list[tuple[float, int]] = []  # (seconds, bytes)

    def run(self) -> None:
        """Look."""
        begin = time.perf_counter()
        while not self._stop_asked.wait(_LOOK_EVERY):
            self.seen.append((time.perf_counter() - begin, resident()))

    def finish(self) -> None:
        """Stop."""
        self._stop_asked.set()
        self.join()


class Saved:
    """The index, what is written to it, and the file it is saved to."""

    def __init__(self, variant: str) -> None:
        self._engine = Engine(variant)

    def about(self) -> Json:
        """Tell version and build of the library."""
        about = {"version": self._engine.version, "note": self._engine.note}
        return about | {"hash": library_hash("nearfield")}

    def begin(self, base: str, space: str, live: int, threads: int) -> Json:
        """Build on all threads; what is written later is written on one."""
        rows = np.load(base)
        self._live = live
        self._engine.begin(living.Shape(space, rows.shape[1], live, threads))
        self._engine.add(np.arange(live, dtype=np.uint64), rows[:live])
        self._engine.threads = 1
        self._writes = Writes(self._engine, rows, live)
        return {"bytes": self._engine.figures()["bytes"]}

    def phase(self, saves: str, rate: float, seconds: float, path: str) -> Json:
        """Upsert at a rate while so long is saved: to "no" file, a "file", a "slow" one.

        Gives the bytes resident before and at most, the seconds of each save, and the writes.
        """
        self._writes.took["upsert"].clear()
        writer = Writer(self._writes.upsert, rate) if rate else None
        sampler = Sampler()
        before = resident()
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
        begin = time.perf_counter()
        sampler.start()
        if writer:
            writer.start()
        took = _repeated(self._save(saves, seconds, path), begin + seconds)
        if writer:
            writer.finish()
        wall = time.perf_counter() - begin
        sampler.finish()
        return {
            "before": before,
            "peak": peak_resident(),
            "seconds": wall,
            "saves": took if saves != "no" else [],
            "writes": len(self._writes.took["upsert"]),
            "bytes": self._engine.figures()["bytes"],
            "curve": [[at, seen - before] for at, seen in sampler.seen],
        }

    def opened(self, path: str) -> Json:
        """Load what was saved; tell how many rows it has, how many it ought to, and defects."""
        loaded = nf.Index.load(path)
        return {"rows": len(loaded), "live": self._live, "defect": loaded.validate()}

    def _save(self, saves: str, seconds: float, path: str) -> Callable[[], None]:
        if saves == "no":
            return lambda: time.sleep(seconds)
        if saves == "file":
            return lambda: self._engine.save(path)
        rate = self._engine.figures()["bytes"] / seconds

        def slowly() -> None:
            file = SlowFile(path, rate)
            try:
                self._engine.save(file)
            finally:
                file.close()

        return slowly


def _repeated(call: Callable[[], None], end: float) -> list[float]:
    """Call until that time; give the seconds of each."""
    took = []
    while not took or time.perf_counter() < end:
        begin = time.perf_counter()
        call()
        took.append(time.perf_counter() - begin)
    return took


if __name__ == "__main__":
    answer(Saved)
