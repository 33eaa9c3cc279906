"""Work per query in counters, not seconds: what a walk does may not grow unseen.

``python tests/test_counters.py`` rewrites the committed values, after a change that is meant.
"""

from __future__ import annotations

import json
from pathlib import Path

import nearfield as nf
import numpy as np
import pytest
from numpy.typing import NDArray

COMMITTED = Path(__file__).parent / "data" / "counters.json"
ROWS, DIMENSIONS, QUERIES = 8000, 32, 200
TOLERANCE = 0.02


def vectors(seed: int, rows: int) -> NDArray[np.float32]:
    """Clustered vectors from integers by exact arithmetic: equal on every platform."""
    rng = np.random.Generator(np.random.PCG64(seed))
    centres = np.random.Generator(np.random.PCG64(1)).integers(-1024, 1024, size=(64, DIMENSIONS))
    spread = rng.integers(-512, 512, size=(rows, DIMENSIONS))
    return ((centres[rng.integers(64, size=rows)] + spread) / 2048).astype(np.float32)


def measured() -> dict[str, dict[str, float]]:
    """Counters of small indexes in every space."""
    counters = {}
    for space in nf.Space:
        index = nf.Index(space, DIMENSIONS)
        index.add_items(vectors(2, ROWS))
        stats = index.stats()
        row: dict[str, float] = {
            "links_per_row": stats.levels[0].mean_degree,
            "file_bytes_per_row": len(index.as_bytes()) / ROWS,
        }
        for ef in (10, 100):
            found = index.query(vectors(3, QUERIES), k=10, query_ef=ef)
            row[f"distances_ef{ef}"] = found.num_distances / QUERIES
            row[f"hops_ef{ef}"] = found.num_hops / QUERIES
        counters[space.name] = row
    return counters


@pytest.mark.parametrize("space", [space.name for space in nf.Space])
def test_counters_stay_within_two_percent(space: str) -> None:
    committed = json.loads(COMMITTED.read_text())[space]
    now = measured()[space]
    assert now.keys() == committed.keys()
    for name, value in now.items():
        assert value == pytest.approx(committed[name], rel=TOLERANCE), name


if __name__ == "__main__":
    COMMITTED.write_text(json.dumps(measured(), indent=2) + "\n")
