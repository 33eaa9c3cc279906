"""Files of vectors: every format streamed, and what is wrong said with file and row."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import nearfield as nf
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from nearfield._source import CHUNK_ROWS
from nearfield.errors import InvalidInput, NotFinite
from nearfield.sources import open_source, read_ids, read_keys

ROWS = [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]
F32 = pa.list_(pa.float32())


def parquet(path: Path, column: pa.Array, **others: object) -> Path:
    pq.write_table(pa.table({"v": column, **others}), path)
    return path


def write_vecs(path: Path, rows: Any, kind: str) -> Path:
    array = np.asarray(rows, dtype=kind)
    layout = np.dtype([("d", "<i4"), ("v", kind, (array.shape[1],))])
    records = np.zeros(len(array), dtype=layout)
    records["d"], records["v"] = array.shape[1], array
    path.write_bytes(records.tobytes())
    return path


def write_bin(path: Path, rows: Any, kind: str) -> Path:
    array = np.asarray(rows, dtype=kind)
    path.write_bytes(np.array(array.shape, dtype="<u4").tobytes() + array.tobytes())
    return path


# --- what is read --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind",
    [pa.list_(pa.float64()), pa.large_list(pa.float32()), F32, pa.list_(pa.int8()),
     pa.list_(pa.float32(), 2), pa.list_(pa.float64(), 2)],
    ids=str,
)  # fmt: skip
def test_lists_of_any_kind_are_read(tmp_path: Path, kind: pa.DataType) -> None:
    source = open_source(parquet(tmp_path / "x.parquet", pa.array(ROWS, type=kind)))
    assert (source.rows, source.dimensions, source.key_kind) == (3, 2, "none")
    keys, vectors = source.read()
    assert keys is None
    assert vectors.dtype == np.float32
    assert vectors.tolist() == ROWS


def test_half_floats_are_read(tmp_path: Path) -> None:
    column = pa.array([np.array(row, dtype=np.float16) for row in ROWS])
    assert open_source(parquet(tmp_path / "x.parquet", column)).read()[1].tolist() == ROWS


@pytest.mark.parametrize("suffix", ["fvecs", "fbin", "bvecs", "u8bin", "npy", "npz"])
def test_arrays_are_read_and_say_their_size_first(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"x.{suffix}"
    if suffix.endswith("vecs"):
        write_vecs(path, ROWS, "<f4" if suffix == "fvecs" else "u1")
    elif suffix.endswith("bin"):
        write_bin(path, ROWS, "<f4" if suffix == "fbin" else "u1")
    elif suffix == "npy":
        np.save(path, np.array(ROWS, dtype=">f8"))
    else:
        np.savez(path, flat=np.ones(4), rows=np.array(ROWS, dtype=np.int16))
    source = open_source(path)
    assert (source.rows, source.dimensions, source.count()) == (3, 2, 3)
    assert source.read()[1].tolist() == ROWS


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("suffix", ["npy", "npz"])
def test_large_arrays_come_in_chunks(tmp_path: Path, order: Any, suffix: str) -> None:
    array = np.arange(2.0 * (CHUNK_ROWS + 3), dtype=np.float32).reshape(-1, 2).copy(order)
    path = tmp_path / f"x.{suffix}"
    np.save(path, array) if suffix == "npy" else np.savez_compressed(path, array)
    source = open_source(path)
    assert [len(part) for _, part in source.chunks()] == [CHUNK_ROWS, 3]
    assert np.array_equal(source.read()[1], array)


@pytest.mark.parametrize("suffix", ["npy", "fbin", "parquet", "npz"])
def test_a_file_without_rows_is_empty(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"x.{suffix}"
    none = np.empty((0, 4), dtype=np.float32)
    if suffix == "npy":
        np.save(path, none)
    elif suffix == "npz":
        np.savez(path, none)
    elif suffix == "fbin":
        write_bin(path, none, "<f4")
    else:
        parquet(path, pa.array([], type=pa.list_(pa.float32(), 4)))
    source = open_source(path)
    assert (source.count(), source.dimensions) == (0, 4)
    assert source.read()[1].shape == (0, 4)


def test_an_index_does_not_depend_on_row_groups(tmp_path: Path, rng: np.random.Generator) -> None:
    rows = rng.normal(size=(3000, 4)).astype(np.float32)
    column = pa.FixedSizeListArray.from_arrays(pa.array(rows.ravel()), 4)
    expected = nf.Index(nf.Space.Euclidean, 4)
    expected.add_items(rows)
    for size in (100, 511, 3000):
        path = tmp_path / f"{size}.parquet"
        pq.write_table(pa.table({"v": column}), path, row_group_size=size)
        index = nf.Index(nf.Space.Euclidean, 4)
        index.add_items(open_source(path).chunks())
        assert index.as_bytes() == expected.as_bytes()


# --- keys and filters ----------------------------------------------------------------------------


def test_keys_are_text_or_ids(tmp_path: Path) -> None:
    names = pa.array(["a", "b", "c"])
    path = parquet(
        tmp_path / "x.parquet", pa.array(ROWS, type=F32), name=names,
        word=names.dictionary_encode(), number=pa.array([7, 2**63, 9], type=pa.uint64()),
    )  # fmt: skip
    assert open_source(path, key="name").read()[0] == ["a", "b", "c"]
    assert open_source(path, key="word").read()[0] == ["a", "b", "c"]
    source = open_source(path, key="number")
    keys, _ = source.read()
    assert isinstance(keys, np.ndarray)
    assert (source.key_kind, keys.dtype, keys.tolist()) == ("id", np.uint64, [7, 2**63, 9])


@pytest.mark.parametrize(
    ("where", "kept"),
    [("s=b", [1]), ("n=3", [0, 2]), ("x=0.5", [1]), ("t=true", [0, 2]), ("d=b", [1]), ("s=z", [])],
)
def test_a_filter_reads_its_value_as_the_column_does(
    tmp_path: Path, where: str, kept: list[int]
) -> None:
    path = parquet(
        tmp_path / "x.parquet", pa.array(ROWS, type=F32), s=["a", "b", None], n=[3, 1, 3],
        x=[0.25, 0.5, None], t=[True, False, True], d=pa.array(["a", "b", "a"]).dictionary_encode(),
    )  # fmt: skip
    source = open_source(path, where=where)
    assert source.rows is None
    assert source.count() == len(kept)
    assert source.read()[1].tolist() == [ROWS[i] for i in kept]


def test_a_value_that_the_column_cannot_hold_is_refused(tmp_path: Path) -> None:
    path = parquet(tmp_path / "x.parquet", pa.array(ROWS, type=F32), n=[3, 1, 3])
    with pytest.raises(InvalidInput, match=r"x\.parquet: column 'n' holds int64.*'three'"):
        open_source(path, where="n=three")


@pytest.mark.parametrize("suffix", ["npy", "ivecs", "ibin"])
def test_ids_stand_in_a_file_beside(tmp_path: Path, suffix: str) -> None:
    np.save(tmp_path / "x.npy", np.array(ROWS))
    path = tmp_path / f"ids.{suffix}"
    ids = np.array([[30], [10], [20]], dtype=np.int32)
    if suffix == "npy":
        np.save(path, ids[:, 0])
    elif suffix == "ivecs":
        write_vecs(path, ids, "<i4")
    else:
        write_bin(path, ids, "<i4")
    source = open_source(tmp_path / "x.npy", ids=path)
    keys, vectors = source.read()
    assert source.key_kind == "id"
    assert np.asarray(keys).tolist() == [30, 10, 20]
    assert vectors.tolist() == ROWS
    np.save(tmp_path / "text.npy", np.array(["a", "bb", "c"]))
    assert open_source(tmp_path / "x.npy", ids=tmp_path / "text.npy").read()[0] == ["a", "bb", "c"]


def test_unfit_ids_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.array(ROWS))
    for ids, said in (
        (np.arange(2), "2 ids for the 3 rows"),
        (np.array([1, -1, 2]), "is -1"),
        (np.ones((3, 2), dtype=int), "one id a row"),
        (np.ones(3), "float64"),
    ):
        np.save(tmp_path / "ids.npy", ids)
        with pytest.raises(InvalidInput, match=rf"ids\.npy.*{said}"):
            open_source(tmp_path / "x.npy", ids=tmp_path / "ids.npy")
    with pytest.raises(InvalidInput, match="no known kind"):
        read_ids(__file__)
    path = parquet(tmp_path / "x.parquet", pa.array(ROWS, type=F32))
    with pytest.raises(InvalidInput, match="has columns"):
        open_source(path, ids=tmp_path / "ids.npy")


def test_ids_and_keys_alone(tmp_path: Path) -> None:
    (tmp_path / "keys.txt").write_bytes("\ufeffa b\r\n\n ö \nc\u2028d".encode())
    assert read_keys(tmp_path / "keys.txt") == ["a b", " ö ", "c\u2028d"]
    np.save(tmp_path / "keys.npy", np.array(["x", "yy"]))
    assert read_keys(tmp_path / "keys.npy") == ["x", "yy"]
    np.save(tmp_path / "ids.npy", np.array([[3], [1]]))
    assert np.asarray(read_keys(tmp_path / "ids.npy")).tolist() == [3, 1]
    table = pa.table({"key": ["x", None, "y"], "id": [5, 6, 2**40], "odd": [True, False, True]})
    path = tmp_path / "no_vectors.parquet"
    pq.write_table(table, path)
    assert np.asarray(read_keys(path, key="id")).tolist() == [5, 6, 2**40]
    assert np.asarray(read_keys(path, key="id")).dtype == np.uint64
    assert read_keys(path, key="key", where="odd=true") == ["x", "y"]
    assert len(read_keys(path, key="id", where="id=77")) == 0
    assert read_keys(path, key="key", where="key=none") == []
    for wrong, said in (
        ({}, "name the one of the ids or keys"),
        ({"key": "no"}, "no column 'no'"),
        ({"key": "odd"}, "expected text or integers"),
        ({"key": "key"}, "row 1: the key is null"),
        ({"key": "id", "where": "id=x"}, "cannot be"),
    ):
        with pytest.raises(InvalidInput, match=said):
            read_keys(path, **wrong)


# --- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([[1.0, 2.0], None, [3.0, 4.0]], "row 1: the vector is null"),
        ([[1.0, 2.0], [3.0, 4.0], [5.0]], "row 2: the vector has 1 numbers; the first has 2"),
        ([[1.0, 2.0], [float("nan"), 4.0]], "row 1: the vector holds NaN"),
        ([[1.0, 2.0], [3.0, float("-inf")]], "row 1: the vector holds NaN"),
        ([[1.0, 2.0], [3.0, None]], "row 1: the vector holds NaN, infinity or a null"),
        ([[1.0, 2.0], [3.0, 1e300]], "row 1: .* beyond the range of float32"),
    ],
)
@pytest.mark.parametrize("fixed", [True, False])
def test_bad_rows_are_named(tmp_path: Path, rows: list[Any], said: str, fixed: bool) -> None:
    ragged = any(row is not None and len(row) != 2 for row in rows)
    kind = pa.list_(pa.float64(), 2) if fixed and not ragged else pa.list_(pa.float64())
    source = open_source(parquet(tmp_path / "x.parquet", pa.array(rows, type=kind)))
    with pytest.raises(InvalidInput, match=rf"x\.parquet, {said}"):
        source.read()


def test_a_bad_row_behind_a_filter_has_its_number_in_the_file(tmp_path: Path) -> None:
    column = pa.array([[1.0], [2.0], [float("inf")]])
    path = parquet(tmp_path / "x.parquet", column, kept=["no", "yes", "yes"], key=["a", "b", None])
    with pytest.raises(NotFinite, match="row 2") as caught:
        open_source(path, where="kept=yes").read()
    assert caught.value.row == 2
    with pytest.raises(InvalidInput, match="row 2: the key is null"):
        open_source(path, where="kept=yes", key="key").read()


@pytest.mark.parametrize("suffix", ["npy", "npz", "fvecs"])
def test_a_bad_row_far_into_an_array_is_named(tmp_path: Path, suffix: str) -> None:
    array = np.ones((CHUNK_ROWS + 100, 2))
    array[CHUNK_ROWS + 7, 1] = np.inf if suffix == "fvecs" else 1e200
    path = tmp_path / f"x.{suffix}"
    if suffix == "fvecs":
        write_vecs(path, array, "<f4")
    else:
        np.save(path, array) if suffix == "npy" else np.savez(path, array)
    with pytest.raises(NotFinite, match=rf"x\.{suffix}.*, row {CHUNK_ROWS + 7}:"):
        open_source(path).read()


def test_negative_ids_are_named(tmp_path: Path) -> None:
    path = parquet(tmp_path / "x.parquet", pa.array(ROWS, type=F32), n=[3, 1, -4])
    with pytest.raises(InvalidInput, match="row 2: the key is -4"):
        open_source(path, key="n").read()


def test_missing_and_unfit_columns_are_named(tmp_path: Path) -> None:
    path = parquet(tmp_path / "x.parquet", pa.array([[1.0]]), name=["a"], x=[0.5], w=[["a"]])
    assert open_source(path).read()[1].tolist() == [[1.0]]  # lists of text are no vectors
    for options, said in (
        ({"vectors": "u"}, "has no column 'u'; expected one of v, w"),
        (
            {"vectors": "name"},
            "'name' holds string, not lists of numbers; expected one of v, w",
        ),
        ({"vectors": "w"}, "'w' holds lists of string"),
        ({"vectors": "v", "key": "id"}, "no column 'id'; it holds v, name, x, w"),
        ({"vectors": "v", "key": "x"}, "key column 'x' holds double"),
        ({"vectors": "v", "where": "y=1"}, "no column 'y'"),
        ({"vectors": "v", "where": "name"}, "expected COLUMN=VALUE"),
    ):
        with pytest.raises(InvalidInput, match=said):
            open_source(path, **options)


def test_vectors_are_named_where_there_are_several(tmp_path: Path) -> None:
    path = parquet(tmp_path / "x.parquet", pa.array([[1.0]]), w=[[5]], t=[["a"]])
    with pytest.raises(InvalidInput, match=r"holds the columns of lists v, w; name the column"):
        open_source(path)
    assert open_source(path, vectors="w").read()[1].tolist() == [[5.0]]
    pq.write_table(pa.table({"t": [["a"]]}), path)
    with pytest.raises(InvalidInput, match="holds no lists of numbers"):
        open_source(path)


@pytest.mark.parametrize("where", [None, "kept=yes"])
def test_columns_come_with_their_rows(tmp_path: Path, where: str | None) -> None:
    path = parquet(
        tmp_path / "x.parquet", pa.array(ROWS, type=F32), year=[1990, None, 2024],
        kept=["no", "yes", "yes"], tags=[["a"], None, ["b", "a"]],
    )  # fmt: skip
    source = open_source(path, columns=["tags", "year", "tags"], where=where)
    assert source.read()[1].shape == (3 if where is None else 2, 2)
    index = nf.Index("euclidean", 2)
    ids = index.add_items(source.rows_to_add())
    assert list(index.columns) == ["tags", "year"]
    read = index.get_columns(ids)
    assert read["year"].tolist()[-2:] == [None, 2024]
    assert read["tags"].tolist()[-2:] == [None, ("a", "b")]
    plain = open_source(path)
    assert len(next(plain.rows_to_add())) == 2
    assert list(next(open_source(path, columns="all").rows_to_add())[2]) == ["year", "kept", "tags"]
    for columns, said in (("some", "expected a list of names, or 'all'"), (["y"], "no column 'y'")):
        with pytest.raises(InvalidInput, match=said):
            open_source(path, columns=columns)  # type: ignore[arg-type]


def test_arrays_of_an_archive_are_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", a=np.ones((2, 2)), b=np.ones((2, 2)), c=np.array(["x"]))
    for spec, said in (
        ("x.npz", r"arrays a, b, c; name one as x\.npz:NAME"),
        ("x.npz:d", "no array 'd'"),
        ("x.npz:c", "holds <U1; expected real numbers"),
    ):
        with pytest.raises(InvalidInput, match=said):
            open_source(str(tmp_path / spec))
    assert open_source(tmp_path / "x.npz", vectors="b").rows == 2


def test_columns_mean_nothing_in_an_array(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.array(ROWS))
    for options in ({"key": "name"}, {"where": "a=b"}, {"vectors": "v"}, {"columns": ["v"]},
                    {"columns": "all"}):  # fmt: skip
        with pytest.raises(InvalidInput, match=r"x\.npy has no columns"):
            open_source(tmp_path / "x.npy", **options)


def test_damaged_and_unknown_files_are_refused(tmp_path: Path) -> None:
    contents = {
        "short.fvecs": b"\x02\0\0\0" + b"\0" * 7,
        "negative.fvecs": b"\xff" * 12,
        "empty.fvecs": b"",
        "short.fbin": b"\x02\0\0\0\x02\0\0\0" + b"\0" * 15,
        "huge.u8bin": b"\xff" * 8,
        "text.parquet": b"not parquet",
        "text.npy": b"not an array",
        "empty.npy": b"",
        "text.npz": b"not an archive",
        "table.csv": b"1,2",
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InvalidInput, match=name.replace(".", r"\.")):
            open_source(tmp_path / name)


def test_arrays_of_no_use_are_refused(tmp_path: Path) -> None:
    for array in (
        np.ones(3),
        np.ones((2, 2, 2)),
        np.ones((2, 0)),
        np.array([["a"]]),
        np.ones((2, 2)) * 1j,
    ):
        np.save(tmp_path / "x.npy", array)
        with pytest.raises(InvalidInput, match=r"x\.npy holds"):
            open_source(tmp_path / "x.npy")
    np.save(tmp_path / "x.npy", np.array([[1, None]], dtype=object), allow_pickle=True)
    with pytest.raises(InvalidInput, match=r"x\.npy cannot be read"):
        open_source(tmp_path / "x.npy")


def test_damage_further_in_is_refused_too(tmp_path: Path, rng: np.random.Generator) -> None:
    rows = rng.normal(size=(4000, 8))
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"v": list(rows)}), path, compression="zstd")
    damaged = bytearray(path.read_bytes())
    first, last = len(damaged) // 4, len(damaged) // 2
    damaged[first:last] = b"\xff" * (last - first)
    path.write_bytes(damaged)
    with pytest.raises(InvalidInput, match=r"x\.parquet cannot be read as a Parquet file"):
        open_source(path).read()
    archive = tmp_path / "x.npz"
    np.savez_compressed(archive, v=rows)
    damaged = bytearray(archive.read_bytes())
    damaged[len(damaged) // 2] ^= 0xFF
    archive.write_bytes(damaged)
    with pytest.raises(InvalidInput, match=r"x\.npz"):
        open_source(archive).read()
    vecs = write_vecs(tmp_path / "x.fvecs", rows, "<f4")
    damaged = bytearray(vecs.read_bytes())
    damaged[36 * 100] = 9
    vecs.write_bytes(damaged)
    with pytest.raises(InvalidInput, match=r"x\.fvecs, row 100: 9 dimensions; row 0 has 8"):
        open_source(vecs).read()
    whole = tmp_path / "x.npy"
    np.save(whole, rows)
    whole.write_bytes(whole.read_bytes()[:-100])
    with pytest.raises(InvalidInput, match=r"x\.npy cannot be read"):
        open_source(whole)


def test_missing_files_are_also_what_the_system_calls_them(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"missing\.npy is not there"):
        open_source(tmp_path / "missing.npy")
    with pytest.raises(IsADirectoryError, match="is a folder"):
        open_source(tmp_path)


def test_without_pyarrow_the_pip_line_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = parquet(tmp_path / "x.parquet", pa.array(ROWS, type=F32))
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(InvalidInput, match=r"pip install 'nearfield\[arrow\]'"):
        open_source(path)
