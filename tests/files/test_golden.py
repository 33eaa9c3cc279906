"""Files that other libraries and earlier versions wrote load for ever, and answer as recorded.

Each file in ``data`` is named by its parameters; beside it stands what the library that wrote it
answered (``make_golden.py``). A golden file is never written anew.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import nearfield as nf
import numpy as np
import pytest

DATA = Path(__file__).resolve().parent / "data"
FILES = sorted(path for path in DATA.iterdir() if path.suffix != ".json")
# An 8-bit Voyager index rounds the query as it rounds vectors; nearfield compares it as given.
ROUNDED_QUERY = {"Float32": 2e-6, "Float8": 0.12, "E4M3": 0.3}


def record_of(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.with_suffix(".json").read_text()))


def load_arguments(path: Path, record: dict[str, Any]) -> dict[str, Any]:
    """What must be said about files that do not say it themselves."""
    if not path.name.startswith(("voyager_v0", "hnswlib")):
        return {}
    return {
        "space": nf.Space[record["space"]],
        "num_dimensions": record["dimensions"],
        "storage_data_type": nf.StorageDataType[record["storage"]],
    }


def exact_distances(record: dict[str, Any], queries: Any) -> Any:
    """The distances of all recorded vectors to the queries, in float64."""
    vectors = np.array(record["vectors"], np.float64)
    if record["space"] == "Euclidean":
        return ((queries[:, None, :] - vectors[None]) ** 2).sum(axis=2)
    if record["space"] == "Cosine":
        queries = queries / np.linalg.norm(queries, axis=1, keepdims=True)
    return 1 - queries @ vectors.T


def check_against_record(index: nf.Index, record: dict[str, Any]) -> None:
    ids, deleted = record["ids"], record["deleted"]
    live = [i for i in ids if i not in deleted]
    assert list(index.ids) == live or sorted(index.ids) == sorted(live)
    assert index.space.name == record["space"]
    assert index.storage_data_type.name == record["storage"]
    assert (index.num_dimensions, index.M) == (record["dimensions"], record["M"])
    assert index.codes == record.get("codes", index.codes)
    assert index.validate() == ""
    for row in deleted:
        assert row not in index
    if not ids:
        return
    if record["vectors"]:
        for row in deleted:
            index.unmark_deleted(row)
        # Voyager 2 multiplies a Float8 byte by 1 / 127 instead of dividing by 127: one unit in
        # the last place.
        ulp = 1.2e-7 if record["storage"] == "Float8" else 0
        np.testing.assert_allclose(index.get_vectors(ids), np.float32(record["vectors"]), rtol=ulp)
        for row in deleted:
            index.mark_deleted(row)
    queries = np.array(record["queries"], np.float32)
    recorded_ids = np.array(record["found_ids"], np.uint64)
    recorded = np.array(record["found_distances"], np.float64)
    found_ids, found = index.query(queries, k=recorded_ids.shape[1], query_ef=len(ids))
    own = record["writer"].startswith("nearfield")
    np.testing.assert_allclose(found, recorded, atol=0 if own else ROUNDED_QUERY[record["storage"]])
    if own or record["storage"] == "Float32":
        assert np.array_equal(found_ids, recorded_ids)
    if record["vectors"]:
        exact = exact_distances(record, queries.astype(np.float64))
        exact[:, [ids.index(row) for row in deleted]] = np.inf
        np.testing.assert_allclose(found, np.sort(exact, axis=1)[:, : found.shape[1]], 2e-6, 3e-6)


def named(*prefixes: str) -> list[Any]:
    return [
        pytest.param(path, id=path.name)
        for path in FILES
        if path.name.startswith(prefixes) and not path.stem.endswith("strings")
    ]


@pytest.mark.parametrize("path", named("nf1", "voyager_v1"))
def test_files_that_say_what_they_are(path: Path) -> None:
    record = record_of(path)
    check_against_record(nf.Index.load(str(path)), record)
    check_against_record(nf.Index.load(path.read_bytes()), record)
    with path.open("rb") as file:
        check_against_record(nf.Index.load(file), record)
    for verify in (False, True):
        check_against_record(nf.Index.load(path, mmap=True, verify=verify), record)


@pytest.mark.parametrize("path", named("voyager_v0", "hnswlib"))
def test_files_that_must_be_described(path: Path) -> None:
    record = record_of(path)
    arguments = load_arguments(path, record)
    check_against_record(nf.Index.load(path, **arguments), record)
    check_against_record(nf.Index.load(path.read_bytes(), **arguments), record)
    with pytest.raises(nf.errors.InvalidInput, match="space"):
        nf.Index.load(path)
    other = nf.Space.Euclidean
    with pytest.raises(nf.errors.FileMismatch, match=r"num_dimensions.*16.*17"):
        nf.Index.load(path, other, 17, arguments["storage_data_type"])


@pytest.mark.parametrize("path", named("nf1", "voyager_v1"))
def test_a_file_that_is_not_what_was_asked_for(path: Path) -> None:
    record = record_of(path)
    storage = nf.StorageDataType[record["storage"]]
    space = nf.Space[record["space"]]
    nf.Index.load(path, space, 16, storage)
    with pytest.raises(nf.errors.FileMismatch, match=r"num_dimensions.*16.*32"):
        nf.Index.load(path, space, 32, storage)
    with pytest.raises(nf.errors.FileMismatch, match="space"):
        nf.Index.load(path, nf.Space((space.value + 1) % 3), 16, storage)
    wrong = nf.StorageDataType.Float8 if record["storage"] != "Float8" else nf.StorageDataType.E4M3
    with pytest.raises(nf.errors.FileMismatch, match="storage"):
        nf.Index.load(path, space, 16, wrong)


@pytest.mark.parametrize("path", named("nf1"))
def test_reading_and_writing_again_gives_the_same_bytes(path: Path) -> None:
    before = path.read_bytes()
    assert bytes(nf.Index.load(path)) == before
    assert bytes(nf.Index.load(path, mmap=True)) == before


@pytest.mark.parametrize("path", named("voyager", "hnswlib"))
def test_rows_can_be_added_to_a_file_of_another_library(path: Path) -> None:
    record = record_of(path)
    index = nf.Index.load(path, **load_arguments(path, record))
    rng = np.random.default_rng(3)
    more = rng.uniform(-0.9, 0.9, (50, 16)).astype(np.float32)
    ids = index.add_items(more)
    assert not set(ids) & set(record["ids"])
    assert index.validate() == ""
    assert index.stats().unreachable == 0
    assert len(index) == len(record["ids"]) - len(record["deleted"]) + 50


@pytest.mark.parametrize("path", [path for path in FILES if path.stem.endswith("columns")])
def test_columns_and_filters(path: Path) -> None:
    record = record_of(path)
    for index in (nf.load(path), nf.load(path.read_bytes()), nf.load(path, mmap=True)):
        assert {name: info.type for name, info in index.columns.items()} == record["types"]
        for name, values in index.get_columns(record["kept"]).items():
            if values.dtype.kind == "M":
                values = np.ma.MaskedArray(values.data.view(np.int64), mask=values.mask)
            read = [list(one) if isinstance(one, tuple) else one for one in values.tolist()]
            assert read == record["values"][name], name
        assert len(record["counts"]) == 15
        for where, count in record["counts"].items():
            assert index.compile(where).count == count, where
        # It lives on.
        index.set_columns(record["kept"][:2], {"market": ["today", None], "tiny": [1, 2]})
        index.compact()
        assert index.compile("market = 'today' and tiny = 1").count == 1


def test_every_type_of_column_has_its_file() -> None:
    kinds = {
        kind
        for path in FILES
        if path.stem.endswith("columns")
        for kind in record_of(path)["types"].values()
    }
    assert kinds == {
        "bool", "int8", "int16", "int32", "int64", "float32", "float64", "timestamp", "category",
        "tags",
    }  # fmt: skip


STRINGS = [path for path in FILES if path.stem.endswith("strings")]


@pytest.mark.parametrize("path", STRINGS, ids=lambda path: path.stem)
def test_string_index_file(path: Path) -> None:
    record = record_of(path)
    deleted = record.get("deleted", [])
    live = [key for key in record["keys"] if key not in deleted]
    for index in (nf.load(path), nf.load(path.read_bytes()), nf.load(path, mmap=True)):
        assert isinstance(index, nf.StringIndex)
        keys, distances = index.query(np.array(record["queries"], np.float32), k=5, query_ef=40)
        assert [list(row) for row in keys] == record["found_keys"]
        np.testing.assert_array_equal(distances, np.array(record["found_distances"], np.float32))
        assert bytes(index) == path.read_bytes()
        assert list(index) == live
        assert index.num_elements == len(record["keys"])
        for key in deleted:
            index.unmark_deleted(key)
        assert index.get_vectors(record["keys"]).shape == (len(record["keys"]), 16)
        # It lives on: what has gone may come again, and what is there may go.
        index.add_items(np.eye(2, 16), ["new", live[0]])
        index.remove(live[1:4])
        index.compact()
        assert index.query(np.eye(1, 16), query_ef=40).keys.tolist() == [["new"]]
        assert set(nf.load(bytes(index))) == {"new", *record["keys"]} - set(live[1:4])


def test_both_layouts_of_keys_have_their_files() -> None:
    """The first eight bytes of the attachment are a count, or the mark of the second layout."""
    marked = {
        path.stem: path.read_bytes().count(b"\xff" * 8 + (2).to_bytes(8, "little"))
        for path in STRINGS
    }
    name = "nf1_cosine_16d_float8_M12"
    assert marked == {
        f"{name}_strings": 0,
        f"{name}_removed_strings": 1,
        f"{name}_compacted_strings": 1,
    }


def test_every_pair_of_space_and_storage_has_its_files() -> None:
    names = {path.stem for path in FILES}
    for space in ("euclidean", "innerproduct", "cosine"):
        for storage in ("float32", "float8", "e4m3"):
            for kind in ("voyager_v0", "voyager_v1", "nf1"):
                assert f"{kind}_{space}_16d_{storage}_M12" in names
        for storage, codes in (
            ("float32", "int8"), ("float32", "int4"), ("float16", "none"), ("float16", "int8"),
            ("codesonly", "int8"), ("codesonly", "int4"),
        ):  # fmt: skip
            legal = space != "innerproduct" or codes != "int4"
            assert (f"nf1_{space}_16d_{storage}_{codes}_M12" in names) == legal


@pytest.mark.parametrize("path", named("nf1"))
def test_the_files_called_rotated_are(path: Path) -> None:
    """Byte 28 of the grid, kind 8 of the sections (cpp/src/files/format.h)."""
    data = path.read_bytes()
    table, sections = struct.unpack_from("<Q", data, 40)[0], struct.unpack_from("<I", data, 48)[0]
    places = {
        kind: offset
        for kind, _, offset in struct.iter_unpack("<IIQ48x", data[table : table + 64 * sections])
    }
    rotated = 8 in places and struct.unpack_from("<I", data, places[8] + 28)[0] == 1
    assert rotated == path.stem.endswith("rotated")
    assert (8 in places) == any(codes in path.stem for codes in ("int8", "int4"))
