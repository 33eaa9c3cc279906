"""An engine that finds everything, in place of libraries, and workers without a process."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))

import churn_worker
import data_sets
import latency_worker
import living
import saving_worker
from bench import Bench
from gates import Verdict

MACHINE = {
    "cpu": "a CPU",
    "cores": 2,
    "simd": "avx2",
    "python": "3.11",
    "git": "0123456789ab",
    "date": "2026-11-27T08:00:00+00:00",
    "load_average": 0.1,
}


def failed(verdicts: list[Verdict]) -> list[str]:
    return [text for text, passed in verdicts if not passed]


class Exact:
    """An engine that finds everything, forgets nothing that it should, and cannot count."""

    version, note, effort = "1", "brute force", "ef"

    def __init__(self, variant: str) -> None:
        self.compacted = 0

    def begin(self, shape: living.Shape) -> None:
        self.threads = shape.threads
        self._rows: dict[int, Any] = {}

    def add(self, ids: Any, rows: Any) -> None:
        self._rows |= dict(zip(ids.tolist(), rows, strict=True))

    def remove(self, ids: Any) -> None:
        for each in ids.tolist():
            del self._rows[each]

    def upsert(self, ids: Any, rows: Any) -> None:
        self.add(ids, rows)

    def use(self, effort: int) -> None:
        self._effort = effort

    def query_one(self, vector: Any, k: int) -> Any:
        return self.query_all(vector[np.newaxis], k).ids[0]

    def query_all(self, vectors: Any, k: int) -> living.Answer:
        rows = dict(self._rows)  # another thread may be writing
        ids = np.array([*rows], dtype=np.int64)
        base = np.stack([*rows.values()])
        far = (base * base).sum(axis=1) - 2 * vectors @ base.T
        return living.Answer(ids[np.argsort(far, axis=1)[:, :k]], None)

    def figures(self) -> dict[str, Any]:
        return {"live": len(self._rows)}

    def compact(self) -> bool:
        self.compacted += 1
        return True


class InProcess:
    """Takes the orders of a worker's process."""

    def __init__(self, worker: Any) -> None:
        self.order = lambda verb, **what: json.loads(json.dumps(getattr(worker, verb)(**what)))

    def __enter__(self) -> InProcess:
        return self

    def __exit__(self, *_: object) -> None:
        pass


def put_in_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Take workers for processes of their own, and this engine for every library."""
    workers: dict[str, Any] = {"churn_worker.py": churn_worker.Living}
    workers |= {"latency_worker.py": latency_worker.Asked, "saving_worker.py": saving_worker.Saved}

    def start(bench: Bench, variant: str) -> InProcess:
        return InProcess(workers[bench.script](variant))

    monkeypatch.setattr(living, "make", Exact)
    monkeypatch.setattr(Bench, "start", start)
    monkeypatch.setattr(churn_worker.Living, "memory", lambda _: {"resident_bytes": 2**20})
    monkeypatch.setattr(data_sets, "CACHE", tmp_path / "truth")
