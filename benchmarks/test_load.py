"""Opening and saving files of a small index: fixed costs and checksums, not the speed of a disk."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import nearfield as nf
import pytest

pytestmark = [pytest.mark.informational, pytest.mark.benchmark(group="files", max_time=0.5)]


@pytest.fixture(scope="module")
def path(index: nf.Index, tmp_path_factory: pytest.TempPathFactory) -> str:
    made: Path = tmp_path_factory.mktemp("files") / "small.nf"
    index.save(str(made))
    return str(made)


@pytest.mark.parametrize("how", ["read", "mapped", "mapped and verified"])
def test_load(benchmark: Any, index: nf.Index, path: str, how: str) -> None:
    options = {"mmap": how != "read", "verify": how.endswith("verified")}
    loaded = benchmark(lambda: nf.Index.load(path, **options))
    assert len(loaded) == len(index)


def test_first_query_after_mapping(benchmark: Any, data: Any, index: nf.Index, path: str) -> None:
    """Open and ask: blocks are checksummed on first touch, so the first query pays for some."""
    ids, _ = benchmark(lambda: nf.Index.load(path, mmap=True).query(data.queries[0], 10, 1, 50))
    assert ids.tolist() == index.query(data.queries[0], 10, 1, 50)[0].tolist()


def test_load_voyager_file(benchmark: Any, index: nf.Index, tmp_path: Path) -> None:
    path = str(tmp_path / "small.voy")
    index.save(path, format="voyager")
    assert len(benchmark(lambda: nf.Index.load(path))) == len(index)


def test_from_bytes(benchmark: Any, index: nf.Index) -> None:
    raw = bytes(index)
    assert len(benchmark(lambda: nf.Index.load(io.BytesIO(raw)))) == len(index)


def test_save(benchmark: Any, index: nf.Index, tmp_path: Path) -> None:
    """With its fsync: on a slow disk this is the disk's figure."""
    path = str(tmp_path / "saved.nf")
    benchmark(index.save, path)
    assert Path(path).stat().st_size > 0


def test_as_bytes(benchmark: Any, index: nf.Index) -> None:
    assert len(benchmark(index.as_bytes)) > 0
