"""What a comparison on one data set works with, and how its indexes are built and kept."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from data_sets import DataSet
from engines import library_of
from journal import Journal
from remote import Bounds, Remote

Json = dict[str, Any]
HERE = Path(__file__).resolve().parent
SUBJECT = "nearfield"
# Timed in every group: by them groups are compared, and they are built anew in every run.
REFERENCES = (SUBJECT, "hnswlib")
_OWN_BYTES = 1 << 30  # of the process that compares: the data, the truth


@dataclass(frozen=True)
class Settings:
    """What a run compares at. Equal for all engines."""

    k: int = 10
    modes: tuple[str, ...] = ("single", "batch1", "batch2")
    build_threads: int = 2
    repetitions: int = 3
    builds: int = 1
    pairs: int = 5  # of single calls and batches on one and two threads
    min_seconds: float = 0.1  # of one timed pass: shorter ones measure the scheduler
    clock: str = "wall"
    gibibytes: float = 8.0  # of all processes together
    patience: float = 3600.0  # seconds for one build

    @property
    def worker_bytes(self) -> int:
        """What workers may take together."""
        return int(self.gibibytes * 2**30) - _OWN_BYTES


@dataclass(frozen=True)
class Bench:
    """One data set, where its files lie, and what was measured so far."""

    data: DataSet
    settings: Settings
    journal: Journal
    cache: Path
    pythons: Mapping[str, str] = field(default_factory=dict)  # of libraries in other environments
    script: str = "worker.py"
    # Of single variants: what is read once, when the library is imported, is set so.
    environments: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, int]:
        """Begin every key of the journal."""
        return self.data.digest, self.settings.k

    def file(self, what: str) -> Path:
        """Give the .npy of `base` or `queries`, for the workers."""
        path = self.cache / f"{self.data.digest}-{what}.npy"
        if not path.exists():
            self.cache.mkdir(parents=True, exist_ok=True)
            part = path.with_suffix(".part.npy")
            np.save(part, getattr(self.data, what))
            part.replace(path)
        return path

    def start(self, variant: str) -> Remote:
        """Start a worker for a variant."""
        python = self.pythons.get(library_of(variant), sys.executable)
        bounds = Bounds(self.settings.worker_bytes, self.settings.patience)
        log = self.cache / f"{variant}.log"
        return Remote(variant, python, log, bounds, self.script, self.environments.get(variant))

    def open(self, variant: str, remote: Remote) -> Json:
        """Let a worker load its index."""
        return remote.order(
            "open",
            index=str(self.index(variant)),
            space=self.data.space,
            queries=str(self.file("queries")),
            dimensions=self.data.base.shape[1],
        )

    def about(self, variant: str) -> Json:
        """Tell version, build and set-up of a variant."""
        known = self.journal.get("about", variant)
        if not known:
            with self.start(variant) as remote:
                known = remote.order("about")
            self.journal.put(known, "about", variant)
        return dict(known)

    def index(self, variant: str) -> Path:
        """Name the index after all that decides what is in it."""
        about = self.about(variant)
        adapter = (HERE / "engines" / f"{library_of(variant)}.py").read_bytes()
        key = f"{about['hash']} {about['version']} {self.data.digest} {adapter!r}"
        name = hashlib.sha256(key.encode()).hexdigest()[:16]
        return self.cache / f"{variant}-{name}.index"


def build(bench: Bench, variant: str, fresh: bool) -> Json:
    """Build an index, or find that of an earlier run; give seconds, memory and size.

    A fresh one is built whether or not there is an old one, so that builds that are to be compared
    are of the same hour.
    """
    path = bench.index(variant)
    known = bench.journal.get("build", *bench.key, path.name)
    noted = path.with_suffix(".json")
    if known and path.exists():
        return dict(known)
    if noted.exists() and path.exists() and not fresh:
        made: Json = json.loads(noted.read_text()) | {"earlier": True}
    else:
        made = _build(bench, variant, path)
        noted.write_text(json.dumps(made))
    bench.journal.put(made, "build", *bench.key, path.name)
    return made


def _build(bench: Bench, variant: str, path: Path) -> Json:
    made: Json = {"wall_seconds": [], "cpu_seconds": [], "threads": bench.settings.build_threads}
    part = path.with_suffix(".part")
    for _ in range(bench.settings.builds if variant in REFERENCES else 1):
        _remove(part)
        with bench.start(variant) as remote:
            out = remote.order(
                "build",
                base=str(bench.file("base")),
                space=bench.data.space,
                threads=bench.settings.build_threads,
                index=str(part),
            )
        made["wall_seconds"].append(out["wall_seconds"])
        made["cpu_seconds"].append(out["cpu_seconds"])
        made["peak_bytes"] = out["peak_bytes"]
    _remove(path)
    part.replace(path)
    beside = Path(f"{part}.scale")  # what an adapter keeps beside its library's file
    if beside.exists():
        beside.replace(f"{path}.scale")
    files = [file for file in (path, *path.rglob("*")) if file.is_file()]
    made["file_bytes"] = sum(file.stat().st_size for file in files)
    return made


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
