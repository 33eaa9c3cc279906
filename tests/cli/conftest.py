"""What these tests share: a runner that keeps stdout apart from stderr, and one source."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from nearfield.cli.main import main

from tests.conftest import clustered

Run = Callable[..., "Ended"]
ROWS, WIDTH = 1200, 16


class Ended(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command in this process."""
    monkeypatch.setenv("COLUMNS", "200")  # so that messages are not folded
    monkeypatch.setenv("NO_COLOR", "1")

    def call(*arguments: object) -> Ended:
        with pytest.raises(SystemExit) as end:
            main([str(each) for each in arguments])
        out, err = capsys.readouterr()
        return Ended(int(end.value.code or 0), out, err)

    return call


@pytest.fixture
def vectors(rng: np.random.Generator) -> Any:
    return clustered(rng, ROWS, WIDTH)


@pytest.fixture
def parquet(tmp_path: Path, vectors: Any) -> Path:
    return write_parquet(tmp_path / "items.parquet", vectors, 500)


@pytest.fixture
def built(tmp_path: Path, parquet: Path, run: Run) -> Path:
    """An index of the rows that are not queries, with keys."""
    out = tmp_path / "items.nf"
    done = run("build", parquet, "--key", "name", "--rows", "split=base", "-o", out, "--quiet")
    assert done == (0, "", "")
    return out


def write_parquet(path: Path, vectors: Any, row_group_size: int) -> Path:
    column = pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), vectors.shape[1])
    n = len(vectors)
    table = pa.table(
        {
            "name": [f"item {i}" for i in range(n)],
            "number": pa.array(range(5, 5 + n)),
            "split": ["query" if i % 10 == 0 else "base" for i in range(n)],
            "embedding": column,
        }
    )
    pq.write_table(table, path, row_group_size=row_group_size)
    return path
