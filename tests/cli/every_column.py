"""A Parquet file with a column of every type, for tests of the command line."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tests.cli.conftest import Run

UTC = datetime.UTC
ROWS, WIDTH = 300, 4
UTC = datetime.UTC
MOMENT = datetime.datetime(2024, 5, 1, 12, 30, 0, 7)


def column(values: list[Any], kind: Any = None) -> pa.Array:
    """The values over and over, ROWS of them."""
    return pa.array([values[i % len(values)] for i in range(ROWS)], kind)


# name: (the Parquet column, the type of the index, the Arrow type that export writes, its values)
EVERY: dict[str, tuple[pa.Array, str, pa.DataType]] = {
    "explicit": (column([True, None, False]), "bool", pa.bool_()),
    "tiny": (column([1, None, -128], pa.int8()), "int8", pa.int8()),
    "year": (column([1990, None, 2024], pa.int16()), "int16", pa.int16()),
    "small": (column([200, None], pa.uint8()), "int16", pa.int16()),
    "number": (column([10**6, None], pa.int32()), "int32", pa.int32()),
    "wide": (column([2**53 + 1, None]), "int64", pa.int64()),
    "half": (column([0.5, None, float("nan")], pa.float16()), "float32", pa.float32()),
    "rating": (column([0.1, None], pa.float32()), "float32", pa.float32()),
    "score": (column([0.1, None, float("inf")]), "float64", pa.float64()),
    "seen": (
        column([MOMENT, None], pa.timestamp("us")), "timestamp", pa.timestamp("us", tz="UTC")
    ),
    "zoned": (
        column([MOMENT.replace(tzinfo=UTC), None], pa.timestamp("us", tz="Asia/Tokyo")),
        "timestamp", pa.timestamp("us", tz="UTC"),
    ),
    "nanos": (
        column([MOMENT, None], pa.timestamp("ns")), "timestamp", pa.timestamp("us", tz="UTC")
    ),
    "day": (column([MOMENT.date(), None]), "timestamp", pa.timestamp("us", tz="UTC")),
    "market": (column(["SE", "NO", None, "日本"]), "category", pa.string()),
    "coded": (column(["a", None]).dictionary_encode(), "category", pa.string()),
    "genres": (column([["dub", "drone"], None, []]), "tags", pa.list_(pa.string())),
    "nothing": (column([None], pa.string()), "category", pa.string()),
}  # fmt: skip


def rows() -> Any:
    return np.random.default_rng(4).normal(size=(ROWS, WIDTH)).astype(np.float32)


def write_items(path: Path) -> Path:
    """Keys in ``name``, ids from 7 on in ``number_of``, vectors in ``v``, and the columns."""
    vectors = pa.FixedSizeListArray.from_arrays(pa.array(rows().ravel()), WIDTH)
    table = pa.table(
        {
            "name": [f"item {i}" for i in range(ROWS)],
            "number_of": pa.array(range(7, 7 + ROWS)),
            "v": vectors,
            **{name: array for name, (array, _, _) in EVERY.items()},
        }
    )
    pq.write_table(table, path, row_group_size=64)
    return path


def build(run: Run, items: Path, out: Path, *options: str) -> Path:
    done = run(
        "build", items, "--space", "euclidean", "--column", "v", "-o", out, "--quiet", *options
    )
    assert done == (0, "", "")
    return out


def build_all(run: Run, items: Path, out: Path) -> Path:
    """An index of all rows, with ids from 7 on and every column."""
    return build(run, items, out, "--key", "number_of", "--columns", ",".join(EVERY))
