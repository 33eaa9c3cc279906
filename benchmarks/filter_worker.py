"""One index that is asked under filters, in a process of its own. See worker.py."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import filtering
import numpy as np
from filtering import Sets
from worker import Worker, answer, timed

Json = dict[str, Any]
_MOST_PASSES = 50
_LONG = 0.2  # seconds: a pass that takes as long has warmed itself


class Filtered(Worker):
    """A worker whose queries come with their filters, and go when others come."""

    def __init__(self, variant: str) -> None:
        self._variant = variant
        self._engine: Any = filtering.make(variant)

    def take(self, path: str) -> Json:
        """Read queries and filters, as `give` has written them."""
        with np.load(path) as arrays:
            sets = Sets(
                arrays["ends"],
                arrays["ids"],
                bool(arrays["allowing"]),
                bool(arrays["shared"]),
                int(arrays["rows"]),
            )
            self._engine.take(np.ascontiguousarray(arrays["queries"]), sets)
        return {}

    def time(
        self, mode: str, setting: dict[str, float], k: int, seconds: float, out: str = ""
    ) -> Json:
        """Ask all queries as often as it takes to last this long; give the seconds of one pass.

        Of single calls, the nanoseconds of each are left in a file.
        """
        self._engine.use(setting)
        call = getattr(self._engine, mode)
        found, wall, cpu = timed(lambda: call(k))
        again = range(0 if wall >= max(_LONG, seconds) else _passes(seconds, wall))
        results = [found]
        if again:
            results, wall, cpu = timed(lambda: [call(k) for _ in again])
            wall, cpu = wall / len(again), cpu / len(again)
        if mode == "single":
            took = np.stack([nanoseconds for _, nanoseconds in results])
            np.save(out, took)
            wall = float(took.sum(axis=1).mean()) / 1e9
        return {"wall_seconds": wall, "cpu_seconds": cpu}

    def told(self, what: str, setting: dict[str, float], k: int) -> Json:
        """Give what an engine counts: `plans`, `compiled` or `distances`; nothing if it cannot."""
        if not hasattr(self._engine, what):
            return {}
        self._engine.use(setting)
        said = getattr(self._engine, what)(k)
        return dict(said) if isinstance(said, dict) else {what: said}

    def _pass(self, mode: str, k: int) -> Callable[[], Any]:
        return lambda: getattr(self._engine, mode)(k)


def _passes(seconds: float, one: float) -> int:
    return min(_MOST_PASSES, math.ceil(seconds / one))


def give(path: str, queries: Any, sets: Sets) -> None:
    """Write queries and filters for `take`."""
    np.savez(path, queries=queries, **vars(sets))


if __name__ == "__main__":
    answer(Filtered)
