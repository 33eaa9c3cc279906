"""Files of vectors: what is wrong with them is said with file and row."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nearfield.errors import InvalidInput
from nearfield.sources import open_source


def parquet(path: Path, column: pa.Array, **others: object) -> Path:
    pq.write_table(pa.table({"v": column, **others}), path)
    return path


def test_lists_of_any_kind_are_read(tmp_path: Path) -> None:
    rows = [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]
    for kind in (pa.list_(pa.float64()), pa.large_list(pa.float32()), pa.list_(pa.float16(), 2)):
        column = pa.array([np.array(r, dtype=np.float16) for r in rows]) if "half" in str(kind) else None
        column = pa.array(rows, type=kind) if column is None else column
        source = open_source(parquet(tmp_path / "x.parquet", column))
        keys, vectors = source.read()
        assert keys is None
        assert source.dimensions == 2
        assert vectors.tolist() == rows


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([[1.0, 2.0], None, [3.0, 4.0]], "row 1: the vector is null"),
        ([[1.0, 2.0], [3.0, 4.0], [5.0]], "row 2: the vector has 1 numbers"),
        ([[1.0, 2.0], [float("nan"), 4.0]], "row 1: the vector holds NaN"),
        ([[1.0, 2.0], [3.0, None]], "row"),
    ],
)
def test_bad_rows_are_named(tmp_path: Path, rows: list[object], said: str) -> None:
    source = open_source(parquet(tmp_path / "x.parquet", pa.array(rows, type=pa.list_(pa.float32()))))
    with pytest.raises(InvalidInput, match=rf"x\.parquet.*{said}"):
        source.read()


def test_a_bad_row_behind_a_filter_has_its_number_in_the_file(tmp_path: Path) -> None:
    rows = [[1.0], [2.0], [float("inf")]]
    path = parquet(tmp_path / "x.parquet", pa.array(rows), kept=["no", "yes", "yes"])
    with pytest.raises(InvalidInput, match="row 2"):
        open_source(path, where="kept=yes").read()


def test_missing_columns_and_arrays_are_named(tmp_path: Path) -> None:
    path = parquet(tmp_path / "x.parquet", pa.array([[1.0]]), name=["a"])
    with pytest.raises(InvalidInput, match="'w'.*v"):
        open_source(path, vectors="w")
    with pytest.raises(InvalidInput, match="'id'.*name"):
        open_source(path, key="id")
    with pytest.raises(InvalidInput, match="COLUMN=VALUE"):
        open_source(path, where="name")
    np.savez(tmp_path / "x.npz", a=np.ones((2, 2)), b=np.ones((2, 2)))
    with pytest.raises(InvalidInput, match=r"x\.npz:NAME"):
        open_source(tmp_path / "x.npz")
    with pytest.raises(InvalidInput, match="no array 'c'"):
        open_source(f"{tmp_path / 'x.npz'}:c")


def test_damaged_and_unknown_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "x.fvecs").write_bytes(b"\x02\0\0\0" + b"\0" * 7)
    (tmp_path / "x.fbin").write_bytes(b"\x02\0\0\0\x02\0\0\0" + b"\0" * 15)
    (tmp_path / "x.parquet").write_bytes(b"not parquet")
    (tmp_path / "x.csv").write_text("1,2")
    for name in ("x.fvecs", "x.fbin", "x.parquet", "x.csv"):
        with pytest.raises(InvalidInput, match=name.replace(".", r"\.")):
            open_source(tmp_path / name)
    with pytest.raises(FileNotFoundError):
        open_source(tmp_path / "missing.npy")
