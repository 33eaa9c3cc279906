"""An index in four lines: make it, add vectors, ask it, keep it in a file."""

from __future__ import annotations

import tempfile
from pathlib import Path

import nearfield as nf
import numpy as np


def main() -> None:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(10_000, 64)).astype(np.float32)

    index = nf.Index(nf.Space.Cosine, num_dimensions=64)
    ids = index.add_items(vectors)  # 0, 1, 2, ...; any ids of your own with ids=[...]
    print(f"{len(ids):,} vectors are in {index}")

    # One vector in, one row of neighbours out; a batch in, a batch out. Nearest first.
    neighbours, distances = index.query(vectors[42], k=3)
    print(f"nearest to vector 42: {neighbours.tolist()}, itself at distance {distances[0]:.3f}")
    found = index.query(vectors[:100], k=10, query_ef=200)  # a wider beam: better recall, slower
    print(f"a batch gives {found.ids.shape} ids; {found.num_distances / 100:.0f} distances a query")

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "items.nf"
        index.save(path)  # under a temporary name first: a crash leaves no half file
        opened = nf.Index.load(path, mmap=True)  # opens at once, shares memory between processes
        again = opened.query(vectors[42], k=3)
        print(f"the file has {path.stat().st_size:,} bytes and answers {again.ids.tolist()}")


if __name__ == "__main__":
    main()
