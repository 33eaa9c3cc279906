"""An index that lives: items come, change and go, and a service follows without a pause."""

from __future__ import annotations

import tempfile
from pathlib import Path

import nearfield as nf
import numpy as np


def vectors(rng: np.random.Generator, rows: int) -> np.ndarray:
    return rng.normal(size=(rows, 32)).astype(np.float32)


def nightly(path: Path, day: int, rng: np.random.Generator) -> None:
    """The job that writes: today's items in, some of the others anew, the oldest out."""
    index = nf.StringIndex.load(path)
    new = [f"day {day}, track {i}" for i in range(500)]
    index.add_items(vectors(rng, 500), new, on_conflict="error")  # a key twice would be a mistake
    index.upsert(vectors(rng, 300), list(index)[2_000:2_300])  # those got better vectors
    gone = index.remove(list(index)[:500])  # for good: no query finds them, no file holds them
    index.remove("day 0, never there", if_missing="ignore")
    if day % 3 == 0:
        before = index.stats().total_bytes
        index.compact()  # memory back, neighbours near each other; queries go on meanwhile
        print(f"day {day}: compacted {before:,} bytes to {index.stats().total_bytes:,}")
    index.save(path)  # renamed into place when it is whole
    print(f"day {day}: {gone} tracks went, {len(index):,} are in {path.stat().st_size:,} bytes")


def main() -> None:
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tracks.nf"
        names = [f"day 0, track {i}" for i in range(5_000)]
        nf.StringIndex.from_vectors(vectors(rng, 5_000), keys=names, space="cosine").save(path)

        # The service, in another process: one attribute gives the index of the newest file. Files
        # do not keep the beam width, so every index gets it before it is used.
        watched = nf.watch(path, prepare=lambda index: setattr(index, "ef", 100))
        for day in range(1, 7):
            yesterday = watched.index  # a request that began before stays with its index
            nightly(path, day, rng)
            assert watched.poll()  # a thread of the service does this every second
            keys, _ = watched.index.query(vectors(rng, 1)[0], k=3)
            print(f"generation {watched.generation}: nearest is {keys[0]!r}, of {len(yesterday):,}")


if __name__ == "__main__":
    main()
