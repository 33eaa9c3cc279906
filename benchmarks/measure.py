"""Build every engine, then ask all of them in turn: A B C A B C ... at every ef.

Only what ran in turns is comparable: clocks, caches and neighbours change within minutes. Each
timed pass keeps wall and CPU seconds; where wall exceeds CPU, another process had the core.
"""

from __future__ import annotations

import gc
import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from typing import Any

import numpy as np
from data_sets import CACHE, DataSet, Floats
from engines import Engine
from numpy.typing import NDArray

Json = dict[str, Any]
MODES = ("single", "batch")
_MAX_PASSES = 50


@dataclass(frozen=True)
class Settings:
    """What a run compares at. Equal for all engines."""

    M: int = 16
    ef_construction: int = 200
    k: int = 10
    threads: int = 1  # of builds and batches; a single query has one thread always
    efs: tuple[int, ...] = (10, 15, 24, 36, 54, 80, 120, 200, 320, 500)
    repetitions: int = 5
    builds: int = 1
    min_seconds: float = 0.1  # of one timed pass: shorter ones measure the scheduler
    clock: str = "wall"


@dataclass
class Run:
    """The measurements on one data set."""

    builds: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    curves: dict[str, dict[str, list[Json]]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    # Recall of each query in single calls by engine and ef; kept out of the JSON for its size.
    recalls: dict[str, dict[int, NDArray[np.float64]]] = field(default_factory=dict)


def say(text: str) -> None:
    """Report progress, away from the results."""
    print(text, file=sys.stderr, flush=True)


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


def run(data: DataSet, kinds: dict[str, type[Engine]], settings: Settings, build: bool) -> Run:
    """Measure all engines on one data set; one that fails is noted and left out."""
    out = Run()
    say(f"{data.name}: {len(data.base):,} x {data.base.shape[1]} {data.space}; ground truth ...")
    data.truth(settings.k)
    engines: dict[str, Engine] = {}
    for _ in range(settings.builds if build else 1):
        for name, kind in kinds.items():
            if name in out.failures:
                continue
            engines.pop(name, None)  # the index of the round before
            try:
                engines[name] = _build(kind, data, settings, out, build)
            except Exception as error:  # a peer's failure is a result, not the end of the run
                out.failures[name] = f"build: {error}"
                say(f"  {name}: build failed: {error}")
    for mode in MODES:
        for name in engines:
            out.curves.setdefault(name, {})[mode] = []
        for ef in settings.efs:
            _sweep(data, engines, settings, mode, ef, out)
    return out


def _build(kind: type[Engine], data: DataSet, settings: Settings, out: Run, build: bool) -> Engine:
    engine = kind()
    s = settings
    if not build:
        return _cached(engine, data, s)
    _, wall, cpu = timed(
        lambda: engine.build(data.base, data.space, s.M, s.ef_construction, s.threads)
    )
    times = out.builds.setdefault(engine.name, {"wall_seconds": [], "cpu_seconds": []})
    times["wall_seconds"].append(wall)
    times["cpu_seconds"].append(cpu)
    say(f"  built {engine.name:10} {wall:7.1f} s wall {cpu:7.1f} s CPU")
    return engine


def _cached(engine: Engine, data: DataSet, settings: Settings) -> Engine:
    """Load the index of an earlier run of the very same library, or build and keep it, untimed."""
    from machine import library_hash

    s = settings
    key = f"{library_hash(engine.name)} {engine.version} {data.digest} {s.M} {s.ef_construction}"
    path = CACHE / f"{engine.name}-{sha256(key.encode()).hexdigest()[:16]}.index"
    if path.exists():
        say(f"  loading {engine.name}")
        engine.load(str(path), data.space, data.base.shape[1])
        return engine
    say(f"  building {engine.name} (not timed, kept)")
    engine.build(data.base, data.space, s.M, s.ef_construction, 2)
    CACHE.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    engine.save(str(part))
    part.replace(path)
    return engine


def _sweep(
    data: DataSet, engines: dict[str, Engine], settings: Settings, mode: str, ef: int, out: Run
) -> None:
    """Add one point to every engine's curve."""
    asks: dict[str, Callable[[], Any]] = {}
    points: dict[str, Json] = {}
    for name, engine in engines.items():
        ask = _ask(engine, data.queries, settings, mode)
        engine.set_ef(ef)
        try:
            ids, wall, _ = timed(ask)  # warms caches and tells how many passes make one measurement
        except Exception as error:  # e.g. fewer than k results at a small ef
            out.failures[f"{name} {mode} ef={ef}"] = str(error)
            say(f"  {name} {mode} ef={ef}: left out: {error}")
            continue
        asks[name] = ask
        recalls = data.recalls(np.asarray(ids), settings.k)
        if mode == "single":
            out.recalls.setdefault(name, {})[ef] = recalls
        points[name] = {
            "ef": ef,
            "recall": float(recalls.mean()),
            "passes": min(_MAX_PASSES, max(1, math.ceil(settings.min_seconds / wall))),
            "wall_seconds": [],
            "cpu_seconds": [],
        }
    for _ in range(settings.repetitions):
        for name, ask in asks.items():
            engines[name].set_ef(ef)
            point = points[name]
            _, wall, cpu = timed(partial(_repeat, ask, point["passes"]))
            point["wall_seconds"].append(wall / point["passes"])
            point["cpu_seconds"].append(cpu / point["passes"])
    shown = []
    for name, point in points.items():
        per_repetition = [len(data.queries) / t for t in point[f"{settings.clock}_seconds"]]
        point["qps"] = float(np.median(per_repetition))
        point["qps_each"] = per_repetition
        out.curves[name][mode].append(point)
        shown.append(f"{name} {point['qps']:,.0f}/s {point['recall']:.4f}")
    say(f"  {mode:6} ef={ef:<4} " + "  ".join(shown))


def _repeat(ask: Callable[[], Any], passes: int) -> None:
    for _ in range(passes):
        ask()


def _ask(engine: Engine, queries: Floats, settings: Settings, mode: str) -> Callable[[], Any]:
    """Give a function that asks all queries once: one Python call each, or one call for all."""
    k, threads = settings.k, settings.threads
    if mode == "batch":
        return lambda: engine.query_batch(queries, k, threads)
    rows = list(queries)  # slicing rows off the array is not the engine's work
    query_one = engine.query_one
    return lambda: [query_one(row, k) for row in rows]
