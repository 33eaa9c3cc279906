"""What these tests share: a runner that keeps stdout apart from stderr, and one source."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import nearfield as nf
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


@pytest.fixture
def numbers(tmp_path: Path, vectors: Any) -> Path:
    """An index with the ids 0 to 299."""
    path = tmp_path / "numbers.nf"
    nf.Index.from_vectors(vectors[:300]).save(path)
    return path


def saved(path: Path, array: Any) -> Path:
    np.save(path, array)
    return path


def said(done: Any) -> dict[str, Any]:
    assert done.code == 0, done.err
    return dict(json.loads(done.out))


def refused(run: Run, path: Path, *arguments: object, code: int = 3) -> str:
    """The file is as it was, and nothing lies beside it."""
    before, beside = path.read_bytes(), sorted(path.parent.iterdir())
    done = run(*arguments)
    assert (done.code, done.out) == (code, ""), done.err
    assert path.read_bytes() == before
    assert sorted(path.parent.iterdir()) == beside
    return " ".join(done.err.replace("│", " ").split())
