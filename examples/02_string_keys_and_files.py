"""Names instead of numbers, and vectors that are streamed from a Parquet file."""

from __future__ import annotations

import tempfile
from pathlib import Path

import nearfield as nf
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from nearfield.sources import open_source


def write_tracks(path: Path) -> None:
    """A file as an embedding job would leave it: a name, a column to filter by, a vector."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(5, 32))
    genre = rng.integers(5, size=5_000)
    vectors = (centres[genre] + 0.5 * rng.normal(size=(5_000, 32))).astype(np.float32)
    columns = {
        "track": [f"genre {g}, track {i}" for i, g in enumerate(genre)],
        "market": ["SE" if i % 2 else "NO" for i in range(5_000)],
        "embedding": pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), 32),
    }
    pq.write_table(pa.table(columns), path, row_group_size=1_000)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        write_tracks(Path(folder) / "tracks.parquet")
        source = open_source(Path(folder) / "tracks.parquet", key="track", where="market=SE")
        print(f"{source.count():,} of the rows are wanted, {source.dimensions} dimensions each")

        # The chunks never lie in memory together, and their sizes leave no trace in the index.
        index = nf.StringIndex(nf.Space.Cosine, source.dimensions)
        index.add_items(source.chunks())
        first = next(iter(index))
        keys, distances = index.query(index[first], k=4)
        for key, distance in zip(keys, distances, strict=True):
            print(f"{distance:.3f}  {key}")

        # The same on the command line:
        #   nearfield build tracks.parquet --key track --rows market=SE -o tracks.nf
        index.save(Path(folder) / "tracks.nf")
        opened = nf.load(Path(folder) / "tracks.nf")  # tells names from numbers by itself
        print(
            f"{type(opened).__name__} with {len(opened):,} keys; has {first!r}: {first in opened}"
        )


if __name__ == "__main__":
    main()
