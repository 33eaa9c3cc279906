"""Write the golden files: run once for each library, never again for a file that exists.

A golden file is kept for ever and re-read by every later version (``test_golden.py``); beside each
stands a JSON file of the same name with what the library that wrote it answered. Run it in an
environment that holds the library, once each::

    python tests/files/make_golden.py voyager_v0     # voyager 1.2.6
    python tests/files/make_golden.py voyager_v1     # voyager 2.2.3
    python tests/files/make_golden.py hnswlib        # hnswlib 0.8.0
    python tests/files/make_golden.py nf1            # nearfield, format version 1, before codes
    python tests/files/make_golden.py nf1_codes      # the same with codes, and later storages
    python tests/files/make_golden.py nf1_removed    # after removals, in the middle of a repair
    python tests/files/make_golden.py nf1_keys       # keys after removals, in their second layout
    python tests/files/make_golden.py nf1_columns    # columns of every type, and filters by name
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

DATA = Path(__file__).resolve().parent / "data"
DIMENSIONS = 16
ROWS = 40
K = 5
SPACES = ("Euclidean", "InnerProduct", "Cosine")
STORAGES = ("Float32", "Float8", "E4M3")
HNSWLIB_SPACES = {"l2": "Euclidean", "ip": "InnerProduct", "cosine": "Cosine"}


def vectors_for(name: str, rows: int = ROWS) -> Any:
    """Vectors within the range of every storage, different for each file."""
    rng = np.random.default_rng(list(name.encode()))
    return rng.uniform(-0.95, 0.95, (rows, DIMENSIONS)).astype(np.float32)


def lines_of(array: Any) -> list[list[float]]:
    return [[float(f"{x:.9g}") for x in row] for row in np.asarray(array, np.float32)]


def write(name: str, suffix: str, save: Callable[[str], None], record: dict[str, Any]) -> None:
    """Write the file and its record, unless they are there already."""
    path = DATA / (name + suffix)
    if path.exists():
        sys.stdout.write(f"{path.name} exists and stays as it is\n")
        return
    save(str(path))
    lines = []
    for key, value in record.items():
        nested = isinstance(value, list) and value and isinstance(value[0], list)
        rows = ",\n  ".join(json.dumps(row) for row in value) if nested else ""
        lines.append(f'"{key}": ' + (f"[\n  {rows}]" if nested else json.dumps(value)))
    (DATA / f"{name}.json").write_text("{" + ",\n".join(lines) + "}\n")
    sys.stdout.write(f"{path.name} {path.stat().st_size}\n")


def record_of(writer: str, space: str, storage: str, **more: Any) -> dict[str, Any]:
    return {"writer": writer, "space": space, "storage": storage, "dimensions": DIMENSIONS} | more


def answers(query: Callable[[Any], tuple[Any, Any]], name: str, storage: str) -> dict[str, Any]:
    queries = vectors_for(name + " queries", 6)
    if storage != "Float32":
        queries = np.round(queries * 8) / 8  # few bits, which every storage keeps nearly
    ids, distances = query(queries)
    return {
        "queries": lines_of(queries),
        "found_ids": [[int(i) for i in row] for row in ids],
        "found_distances": lines_of(distances),
    }


def voyager_file(name: str, writer: str, space: str, storage: str, kept: Sequence[int]) -> None:
    """One file of Voyager: ids that are not 0, 1, 2, ..., three of them deleted."""
    import voyager

    index = voyager.Index(
        getattr(voyager.Space, space),
        num_dimensions=DIMENSIONS,
        M=12,
        storage_data_type=getattr(voyager.StorageDataType, storage),
    )
    ids = [int(i) for i in kept]
    for row, vector in zip(ids, vectors_for(name, len(ids)), strict=True):
        index.add_item(vector, row)
    vectors = lines_of(index.get_vectors(ids))
    deleted = ids[3:12:4]
    for row in deleted:
        index.mark_deleted(row)
    record = record_of(writer, space, storage, M=12, ids=ids, deleted=deleted)
    found = answers(lambda q: index.query(q, k=K, query_ef=ROWS), name, storage)
    write(name, ".voy", index.save, record | {"vectors": vectors} | found)


def make_voyager(version: str, writer: str) -> None:
    for space in SPACES:
        for storage in STORAGES:
            name = f"voyager_{version}_{space.lower()}_{DIMENSIONS}d_{storage.lower()}_M12"
            voyager_file(name, writer, space, storage, [7 * i + 5 for i in range(ROWS)])


def make_voyager_v1() -> None:
    import voyager

    make_voyager("v1", "voyager 2.2.3")
    empty = voyager.Index(voyager.Space.Cosine, num_dimensions=DIMENSIONS)
    none: dict[str, Any] = {"ids": [], "deleted": [], "vectors": []}
    record = record_of("voyager 2.2.3", "Cosine", "Float32", M=12, **none)
    write(f"voyager_v1_cosine_{DIMENSIONS}d_float32_M12_empty", ".voy", empty.save, record)


def make_hnswlib() -> None:
    import hnswlib

    for space, ours in HNSWLIB_SPACES.items():
        name = f"hnswlib_{space}_{DIMENSIONS}d_float32_M8"
        index = hnswlib.Index(space=space, dim=DIMENSIONS)
        index.init_index(max_elements=ROWS + 9, M=8, ef_construction=100, random_seed=1)
        ids = [2**40 + 3 * i for i in range(ROWS)]
        index.add_items(vectors_for(name), ids, num_threads=1)
        vectors = lines_of(index.get_items(ids))
        deleted = ids[3:12:4]
        for row in deleted:
            index.mark_deleted(row)
        index.set_ef(ROWS)
        record = record_of("hnswlib 0.8.0", ours, "Float32", M=8, ids=ids, deleted=deleted)
        found = answers(
            lambda q, index=index: index.knn_query(q, k=K, num_threads=1), name, "Float32"
        )
        write(name, ".bin", index.save_index, record | {"vectors": vectors} | found)


def nearfield_file(
    name: str, space: str, storage: str, M: int, rows: int, codes: str = "none", spread: float = 1
) -> None:
    """One file of ours: with overwritten and deleted rows, a StringIndex's attachment left out.

    One dimension is `spread` times as wide as the others, so that the grid of codes is rotated.
    """
    import nearfield as nf

    index = nf.Index(
        getattr(nf.Space, space),
        num_dimensions=DIMENSIONS,
        M=M,
        random_seed=7,
        storage_data_type=getattr(nf.StorageDataType, storage),
        codes=codes,
    )
    ids = [7 * i + 5 for i in range(rows)]
    given = vectors_for(name, rows + 4)
    given[:, 3] *= spread
    deleted = ids[3:12:4]
    if rows:
        index.add_items(given[:rows], ids)
        index.add_items(given[rows:], ids[:4])  # ids[0] to ids[3] again
        vectors = lines_of(index.get_vectors(ids))
        for row in deleted:
            index.mark_deleted(row)
        found = answers(lambda q: tuple(index.query(q, k=K, query_ef=rows)), name, storage)
    else:
        vectors, found = [], {}
    more = {} if codes == "none" else {"codes": codes}
    record = record_of("nearfield 0.1.0", space, storage, M=M, ids=ids, deleted=deleted) | more
    write(name, ".nf", index.save, record | {"vectors": vectors if rows < 100 else []} | found)


def make_nf1() -> None:
    for space in SPACES:
        for storage in STORAGES:
            name = f"nf1_{space.lower()}_{DIMENSIONS}d_{storage.lower()}_M12"
            nearfield_file(name, space, storage, 12, ROWS)
    nearfield_file(f"nf1_cosine_{DIMENSIONS}d_float32_M12_empty", "Cosine", "Float32", 12, 0)
    # Its links are more than 64 KiB: they start at a multiple of that, and can be mapped.
    nearfield_file(
        f"nf1_euclidean_{DIMENSIONS}d_float8_M8_1030rows", "Euclidean", "Float8", 8, 1030
    )
    strings_file(f"nf1_cosine_{DIMENSIONS}d_float8_M12_strings")


def make_nf1_codes() -> None:
    pairs = [("Float32", "int8"), ("Float32", "int4"), ("Float16", "none"), ("Float16", "int8")]
    pairs += [("CodesOnly", "int8"), ("CodesOnly", "int4")]
    for space in SPACES:
        for storage, codes in pairs:
            if space == "InnerProduct" and codes == "int4":
                continue
            name = f"nf1_{space.lower()}_{DIMENSIONS}d_{storage.lower()}_{codes}_M12"
            nearfield_file(name, space, storage, 12, ROWS, codes)
            if space == "Euclidean" and codes != "none" and storage != "Float16":
                nearfield_file(f"{name}_rotated", space, storage, 12, ROWS, codes, spread=20)
    # Without the vectors of its first rows.
    name = f"nf1_cosine_{DIMENSIONS}d_codesonly_int8_M2_4150rows"
    nearfield_file(name, "Cosine", "CodesOnly", 2, 4150, "int8")


def removed_file(name: str, space: str, storage: str, codes: str) -> None:
    """Slots that are free, were taken again and are about to become free; numbers of rows."""
    import nearfield as nf

    index = nf.Index(
        getattr(nf.Space, space),
        num_dimensions=DIMENSIONS,
        M=4,
        random_seed=7,
        storage_data_type=getattr(nf.StorageDataType, storage),
        codes=codes,
    )
    given = vectors_for(name, 1150)
    index.add_items(given[:1100], range(1100))
    index.remove(range(0, 1000, 10))
    index.add_items(given[1100:], range(2000, 2050))
    for row in range(11, 1000, 10):
        index.remove(row)
        if index.stats().slots_to_repair:
            break
    stats = index.stats()
    assert stats.free
    assert stats.slots_to_repair
    deleted = [3, 4, 2007]
    ids = list(index.ids)
    for row in deleted:
        index.mark_deleted(row)
    found = answers(lambda q: tuple(index.query(q, k=K, query_ef=1100)), name, storage)
    record = record_of("nearfield 0.1.0", space, storage, M=4, ids=ids, deleted=deleted)
    write(name, ".nf", index.save, record | {"codes": codes, "vectors": []} | found)


def make_nf1_removed() -> None:
    for space, storage, codes in (
        ("Cosine", "Float8", "none"),
        ("Euclidean", "CodesOnly", "int4"),
        ("InnerProduct", "Float16", "int8"),
    ):
        name = f"nf1_{space.lower()}_{DIMENSIONS}d_{storage.lower()}_{codes}_M4_removed"
        removed_file(name, space, storage, codes)


def strings_file(name: str, removed: bool = False, compacted: bool = False) -> None:
    """A StringIndex: its keys travel as an attachment; removals leave holes in the ids there."""
    import nearfield as nf

    index = nf.StringIndex(nf.Space.Cosine, DIMENSIONS, storage_data_type=nf.StorageDataType.Float8)
    keys = [f"key {i} {chr(0x61 + i % 26)}{chr(0x3B1 + i % 24)}" for i in range(ROWS)]
    index.add_items(vectors_for(name), keys)
    deleted: list[str] = []
    if removed:
        deleted = [keys[2], keys[9]]
        gone = [*keys[:10:5], *keys[20:30], keys[-1]]
        index.remove(gone)
        index.add_items(vectors_for(f"{name} again", 3), [gone[3], "new", ""])
        index.remove("new")
        for key in deleted:
            index.mark_deleted(key)
        keys = [*index, *deleted]
    if compacted:
        index.compact()
    queries = vectors_for(name + " queries", 6)
    found = index.query(queries, k=K, query_ef=ROWS)
    record = record_of("nearfield 0.1.0", "Cosine", "Float8", M=12, keys=keys)
    if removed:
        record |= {"deleted": deleted}
    record |= {
        "queries": lines_of(queries),
        "found_keys": [list(map(str, row)) for row in found[0]],
        "found_distances": lines_of(found[1]),
    }
    write(name, ".nf", index.save, record)


def make_nf1_keys() -> None:
    name = f"nf1_cosine_{DIMENSIONS}d_float8_M12"
    strings_file(f"{name}_removed_strings", removed=True)
    strings_file(f"{name}_compacted_strings", removed=True, compacted=True)


def described_file(name: str) -> None:
    """An index with columns of every type: with nulls, dropped and changed ones, two chunks."""
    import nearfield as nf

    rows = 4100
    index = nf.Index(
        nf.Space.Euclidean, DIMENSIONS, M=2, ef_construction=4, random_seed=7,
        storage_data_type=nf.StorageDataType.Float8,
    )  # fmt: skip
    ids = [7 * i + 5 for i in range(rows)]
    numbers = np.arange(rows)
    absent = numbers % 5 == 3
    columns = {
        "dropped": numbers,
        "flag": np.ma.MaskedArray(numbers % 3 == 0, mask=absent),
        "tiny": np.ma.MaskedArray((numbers % 256 - 128).astype(np.int8), mask=absent),
        "short": np.ma.MaskedArray((numbers * 7 - 9000).astype(np.int16), mask=absent),
        "number": np.ma.MaskedArray((numbers * 10**5).astype(np.int32), mask=absent),
        "large": np.ma.MaskedArray(numbers * -(10**14), mask=absent),
        "rating": np.ma.MaskedArray((numbers / 3).astype(np.float32), mask=absent),
        "score": np.ma.MaskedArray(numbers / 3, mask=absent),
        "seen": np.ma.MaskedArray((numbers * 10**12).astype("M8[us]"), mask=absent),
        "market": [None if gone else f"m{i % 300} {chr(0x3B1 + i % 24)}" for i, gone in
                   enumerate(absent.tolist())],
        "genres": [None if gone else [f"g{i % 7}", f"g{i % 11}"][: i % 3] for i, gone in
                   enumerate(absent.tolist())],
    }  # fmt: skip
    index.add_items(vectors_for(name, rows), ids, columns=columns)
    index.drop_column("dropped")
    index.set_columns(ids[:3], {"market": ["new", None, "later"], "late": ["a", None, "b"]})
    index.upsert(vectors_for(f"{name} again", 2), ids[:2], columns={"tiny": [5, None]})
    index.remove(ids[10:20])
    deleted = ids[3:12:4]
    deleted = [row for row in deleted if row in index]
    for row in deleted:
        index.mark_deleted(row)
    index.filters["clean"] = "not flag and short > 0"
    index.filters["heard"] = nf.IdSet(ids[:20])
    kept = [row for row in [*ids[:40], *ids[-20:]] if row not in ids[10:20]]
    read = index.get_columns(kept)
    conditions = [
        "flag", "not flag", "tiny between -5 and 5", "short < 0", "number in [0, 500000]",
        "large <= -1e15", "rating = 1", "score >= 1000.5", "seen < '1970-02-01'",
        "market = 'new' or market is null", "genres has 'g3'", "genres has all ['g1', 'g2']",
        "late is not null", "$clean and not id in $heard", "id > 20000 and flag",
    ]  # fmt: skip
    found = answers(lambda q: tuple(index.query(q, k=K, query_ef=rows)), name, "Float8")
    record = record_of("nearfield 0.1.0", "Euclidean", "Float8", M=2, ids=list(index.ids) + deleted,
                       deleted=deleted, vectors=[])  # fmt: skip
    record |= {
        "types": {each: info.type for each, info in index.columns.items()},
        "kept": kept,
        "values": {each: _plain(values) for each, values in read.items()},
        "counts": {each: index.compile(each).count for each in conditions},
    }
    write(name, ".nf", index.save, record | found)


def _plain(values: Any) -> list[Any]:
    """Values as JSON has them: moments as microseconds, floats by all of their digits."""
    if values.dtype.kind == "M":
        values = np.ma.MaskedArray(values.data.view(np.int64), mask=values.mask)
    return [list(one) if isinstance(one, tuple) else one for one in values.tolist()]


def make_nf1_columns() -> None:
    described_file(f"nf1_euclidean_{DIMENSIONS}d_float8_M2_4100rows_columns")


if __name__ == "__main__":
    DATA.mkdir(exist_ok=True)
    {
        "voyager_v0": lambda: make_voyager("v0", "voyager 1.2.6"),
        "voyager_v1": make_voyager_v1,
        "hnswlib": make_hnswlib,
        "nf1": make_nf1,
        "nf1_codes": make_nf1_codes,
        "nf1_removed": make_nf1_removed,
        "nf1_keys": make_nf1_keys,
        "nf1_columns": make_nf1_columns,
    }[sys.argv[1]]()
