"""Columns on the command line: from Parquet into an index and back, and shown."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import nearfield as nf
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.cli.conftest import Run, refused, said
from tests.cli.every_column import EVERY, ROWS, UTC, WIDTH, build, build_all, rows, write_items


def as_utc(value: Any) -> Any:
    """As the index gives a moment back: in UTC."""
    if isinstance(value, datetime.datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    if isinstance(value, datetime.date):
        return datetime.datetime(value.year, value.month, value.day, tzinfo=UTC)
    if isinstance(value, list):
        return sorted(value)
    return None if value != value else value


@pytest.fixture
def items(tmp_path: Path) -> Path:
    return write_items(tmp_path / "items.parquet")


@pytest.fixture
def built(tmp_path: Path, items: Path, run: Run) -> Path:
    return build_all(run, items, tmp_path / "x.nf")


# --- build, add, upsert --------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["name", "number_of"])
def test_build_export_and_build_again(tmp_path: Path, items: Path, run: Run, key: str) -> None:
    first = build(run, items, tmp_path / "a.nf", "--key", key, "--columns", ",".join(EVERY))
    index = nf.load(first)
    assert {name: info.type for name, info in index.columns.items()} == {
        name: kind for name, (_, kind, _) in EVERY.items()
    }
    exported = tmp_path / "b.parquet"
    done = said(run("export", first, "-o", exported, "--json", "--quiet"))
    assert done["columns"] == {name: kind for name, (_, kind, _) in EVERY.items()}
    table = pq.read_table(exported)
    for name, (array, _, kind) in EVERY.items():
        assert table.schema.field(name).type == kind, name
        back = [as_utc(value) for value in table[name].to_pylist()]
        if name == "nanos":
            array = array.cast(pa.timestamp("us"))
        assert back == [as_utc(value) for value in array.to_pylist()], name
    how = ("--key", "key" if key == "name" else "id", "--columns", "all")
    done = run("build", exported, "--space", "euclidean", *how, "-o", tmp_path / "c.nf", "--quiet")
    assert done == (0, "", "")
    assert (tmp_path / "c.nf").read_bytes() == first.read_bytes()


def test_row_groups_and_filters_of_rows_leave_no_trace(
    tmp_path: Path, items: Path, run: Run
) -> None:
    table = pq.read_table(items)
    columns = ("--columns", "year,market,genres")
    want = build(run, items, tmp_path / "a.nf", *columns).read_bytes()
    for size in (7, ROWS):
        path = tmp_path / f"{size}.parquet"
        pq.write_table(table, path, row_group_size=size)
        assert build(run, path, tmp_path / "b.nf", *columns).read_bytes() == want
    build(run, items, tmp_path / "c.nf", *columns, "--rows", "market=SE")
    some = nf.load(tmp_path / "c.nf")
    assert set(some.get_columns(some.ids, ["market"])["market"].tolist()) == {"SE"}
    assert len(some) == ROWS // 4


def test_without_columns_there_are_none(tmp_path: Path, items: Path, run: Run) -> None:
    assert nf.load(build(run, items, tmp_path / "a.nf")).columns == {}


def test_all_are_those_that_are_neither_vectors_nor_keys(
    tmp_path: Path, items: Path, run: Run
) -> None:
    out = build(run, items, tmp_path / "a.nf", "--key", "number_of", "--columns", "all")
    assert list(nf.load(out).columns) == ["name", *EVERY]


def test_add_and_upsert_bring_columns(tmp_path: Path, items: Path, run: Run) -> None:
    out = build(run, items, tmp_path / "a.nf", "--key", "number_of", "--columns", "year,market")
    more = tmp_path / "more.parquet"
    table = pa.table(
        {"id": [7, 9, 1000], "v": list(rows()[:3]), "year": [1, None, 3.0], "plays": [5, 6, None]}
    )
    pq.write_table(table, more)
    how = ("--key", "id", "--columns", "year,plays")
    assert said(run("upsert", out, more, *how, "--json", "--quiet"))["replaced"] == 2
    index = nf.load(out)
    read = index.get_columns([7, 8, 9, 1000])
    assert read["year"].tolist() == [1, None, None, 3]
    assert read["market"].tolist() == ["SE", "NO", None, None]
    assert read["plays"].tolist() == [5, None, 6, None]
    assert index.columns["year"].type == "int16"
    pq.write_table(table.set_column(0, "id", pa.array([2000, 2001, 2002])), more)
    assert said(run("add", out, more, *how, "--json", "--quiet"))["added"] == 3
    assert nf.load(out).get_columns([2000, 2002], ["year"])["year"].tolist() == [1, 3]


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ("year,nobody", "has no column 'nobody'; it holds name"),
        ("price", r"column 'price' holds decimal128(5, 2), which no column of an index can"),
        ("inner", "column 'inner' holds struct<a: int64>"),
        ("bytes", "column 'bytes' holds binary"),
        ("v", "column 'v' holds"),
        ("all", "column 'price' holds decimal128(5, 2)"),
        ("id", "column 'id' has the name that an index keeps"),
        ("huge", "column 'huge' holds 18446744073709551615; expected integers below 2^63"),
        ("far", "column 'far' holds a moment that microseconds of 64 bits do not reach"),
        ("nulls", "column 'nulls' holds a null among the tags of row 0"),
    ],
)
def test_columns_that_cannot_be_are_refused_by_name(
    tmp_path: Path, items: Path, run: Run, columns: str, words: str
) -> None:
    some = pq.read_table(items).slice(0, 2)
    for name, array in {
        "price": pa.array([1, 2], pa.decimal128(5, 2)),
        "inner": pa.array([{"a": 1}, None]),
        "bytes": pa.array([b"a", b"b"]),
        "id": pa.array([1, 2]),
        "huge": pa.array([1, 2**64 - 1], pa.uint64()),
        "far": pa.array([1, 2**61], pa.timestamp("ms")),
        "nulls": pa.array([["a", None], None], pa.list_(pa.string())),
    }.items():
        some = some.append_column(name, array)
    path = tmp_path / "odd.parquet"
    pq.write_table(some, path)
    done = run("build", path, "--column", "v", "--columns", columns, "-o", tmp_path / "odd.nf")
    assert done.code == 3, done.err
    assert f"odd.parquet: {words}" in done.err or f"odd.parquet {words}" in done.err
    assert not (tmp_path / "odd.nf").exists()
    if columns in ("price", "inner", "bytes", "v", "all", "id"):
        assert "(--columns)" in done.err


def test_columns_mean_nothing_in_an_array(tmp_path: Path, run: Run) -> None:
    np.save(tmp_path / "x.npy", np.ones((2, 2)))
    done = run("build", tmp_path / "x.npy", "--columns", "year", "-o", tmp_path / "x.nf")
    assert (done.code, "x.npy has no columns" in done.err) == (3, True)
    assert run("build", tmp_path / "x.npy", "--columns", "a,,b", "-o", "y.nf").code == 2


def test_a_column_of_another_type_leaves_the_file_as_it_was(
    tmp_path: Path, built: Path, run: Run
) -> None:
    more = tmp_path / "more.parquet"
    pq.write_table(pa.table({"id": [1], "v": list(rows()[:1]), "year": ["text"]}), more)
    error = refused(run, built, "add", built, more, "--key", "id", "--columns", "year")
    assert "was given as category, but the index keeps it as int16" in error


# --- export --------------------------------------------------------------------------------------


def test_export_writes_what_is_asked_for(tmp_path: Path, built: Path, run: Run) -> None:
    out = tmp_path / "x.parquet"
    for columns, names in (("year, market", ["year", "market"]), ("none", [])):
        assert said(run("export", built, "-o", out, "--columns", columns, "--json", "-q"))
        assert pq.read_schema(out).names == ["id", "vector", *names]
    done = run("export", built, "-o", out, "--columns", "years")
    assert (done.code, "no column 'years'; it has explicit" in done.err) == (3, True)
    done = run("export", built, "-o", tmp_path / "x.npy")
    assert (done.code, "no place for columns" in done.err) == (0, True)
    assert np.load(tmp_path / "x.npy").shape == (ROWS, WIDTH)


def test_a_column_with_a_name_of_the_file_is_left_out_by_naming_others(
    tmp_path: Path, run: Run
) -> None:
    index = nf.StringIndex("euclidean", 1)
    index.add_items([[0]], ["a"], columns={"key": [1], "vector": [2], "year": [3]})
    index.save(tmp_path / "x.nf")
    done = run("export", tmp_path / "x.nf", "-o", tmp_path / "x.parquet")
    assert done.code == 3
    assert "column 'key', as that of the keys is called" in done.err
    assert "(--columns)" in done.err
    done = run("export", tmp_path / "x.nf", "-o", tmp_path / "x.parquet", "--columns", "year")
    assert done.code == 0
    assert pq.read_schema(tmp_path / "x.parquet").names == ["key", "vector", "year"]


# --- info ----------------------------------------------------------------------------------------


def test_info_lists_columns_and_filters(tmp_path: Path, built: Path, run: Run) -> None:
    index = nf.load(built)
    index.filters["clean"] = "not explicit and year > 1990"
    index.filters["heard"] = nf.IdSet([7, 8])
    index.save(built)
    info = json.loads(run("info", built, "--json").out)
    columns = {column["name"]: column for column in info["columns"]}
    assert list(columns) == list(EVERY)
    market = index.columns["market"]
    assert columns["market"] == {
        "name": "market", "type": "category", "words": 3, "bytes": market.num_bytes,
        "bytes_per_row": round(market.num_bytes / ROWS, 2),
    }  # fmt: skip
    assert columns["year"]["words"] is None
    assert info["filters"] == {"clean": "not explicit and year > 1990", "heard": "2 ids"}
    lines = run("info", built).out.splitlines()
    assert any(line.startswith("column market\tcategory, 3 words, ") for line in lines)
    assert any(line.startswith("column year\tint16, ") for line in lines)
    assert "filter clean\tnot explicit and year > 1990" in lines
    keyed = nf.StringIndex("euclidean", 1)
    keyed.filters["heard"] = ["a"]
    keyed.save(tmp_path / "k.nf")
    info = json.loads(run("info", tmp_path / "k.nf", "--json").out)
    assert (info["columns"], info["filters"]) == ([], {"heard": "1 keys"})
