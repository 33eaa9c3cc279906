"""Attributes through the life of their vectors: adding, replacing, removing, keeping in files."""

from __future__ import annotations

import pickle
import threading
from pathlib import Path
from typing import Any

import nearfield as nf
import numpy as np
import pytest
from nearfield import errors

from tests.index.columns_data import TYPES, D, assert_holds, cut, index_of, typed, values, vectors

ROWS = 60
CHUNK = 4096  # slots of a column that are kept, changed and written together


def new() -> nf.Index:
    return nf.Index("euclidean", D, M=3, ef_construction=6)


def small(**columns: list[Any]) -> nf.Index:
    """An index of few vectors with ids 0, 1, 2, ..."""
    rows = len(next(iter(columns.values())))
    index = new()
    index.add_items(vectors(rows), range(rows), columns=columns)
    return index


def read(index: Any, ids: Any, name: str = "a") -> list[Any]:
    return list(index.get_columns(ids, [name])[name].tolist())


# --- a life --------------------------------------------------------------------------------------


def test_what_is_given_is_read():
    index = index_of(ROWS)
    assert_holds(index, range(ROWS), values(ROWS))
    backwards = list(range(ROWS))[::-1]
    assert_holds(index, backwards, {name: one[::-1] for name, one in values(ROWS).items()})
    assert index.get_columns([]).keys() == TYPES.keys()
    assert index.get_columns(3, ["large"])["large"].shape == (1,)
    assert index.get_columns([3, 3], ["large"])["large"].shape == (2,)
    for name, array in index.get_columns(range(ROWS)).items():
        assert array.dtype == typed(values(1)).get(name, np.array(object)).dtype if name not in (
            "market", "genres"
        ) else array.dtype == object  # fmt: skip


def test_infos_of_columns():
    index = small(a=["x", "y", "x", None], t=[["p"], ["q", "p"], [], None], n=[1, 2, 3, 4])
    infos = index.columns
    assert [(one.name, one.type, one.num_words) for one in infos.values()] == [
        ("a", "category", 2), ("t", "tags", 2), ("n", "int64", 0),
    ]  # fmt: skip
    assert infos["n"].num_bytes > CHUNK * 8
    with pytest.raises(AttributeError):
        infos["n"].type = "bool"  # type: ignore[misc]
    before = index.stats().other_bytes
    index.drop_column("n")
    assert before - index.stats().other_bytes == infos["n"].num_bytes


def test_a_new_column_is_null_for_those_that_are_there():
    index = small(a=[1, 2, 3])
    index.add_items(vectors(2), [3, 4], columns={"b": ["x", "y"]})
    assert read(index, range(5)) == [1, 2, 3, None, None]
    assert read(index, range(5), "b") == [None] * 3 + ["x", "y"]


@pytest.mark.parametrize("call", ["upsert", "add_items"])
def test_replacing_keeps_columns_that_are_not_given(call):
    index = small(a=[1, 2, 3], b=["x", "y", None])
    replace = getattr(index, call)
    replace(vectors(2, 1), [0, 2])
    assert (read(index, range(3)), read(index, range(3), "b")) == ([1, 2, 3], ["x", "y", None])
    replace(vectors(2, 2), [0, 2], columns={"b": ["new", None]})
    assert (read(index, range(3)), read(index, range(3), "b")) == ([1, 2, 3], ["new", "y", None])
    replace(vectors(2, 3), [1, 3], columns={"a": [None, 9]})
    assert read(index, range(4)) == [1, None, 3, 9]
    replace(vectors(3, 4), [1, 1, 1], columns={"a": [5, 6, 7]})
    assert read(index, 1) == [7]


def test_conflicts_that_keep_or_refuse():
    index = small(a=[1, 2])
    index.add_items(vectors(3), [1, 5, 5], columns={"a": [20, 50, 51]}, on_conflict="keep")
    assert read(index, [0, 1, 5]) == [1, 2, 50]
    before = bytes(index)
    with pytest.raises(errors.DuplicateId):
        index.add_items(vectors(2), [7, 1], columns={"new": [1, 2]}, on_conflict="error")
    assert bytes(index) == before
    index.add_items(vectors(1), [7], columns={"a": [70]}, on_conflict="error")
    assert read(index, 7) == [70]


def test_a_failed_add_changes_nothing():
    index = small(a=[1, 2])
    before = bytes(index)
    bad = vectors(2)
    bad[1, 0] = np.nan
    for call in (
        lambda: index.add_items(bad, [0, 9], columns={"a": [5, 6], "new": [1, 2]}),
        lambda: index.add_items(vectors(2), [0, 9], columns={"a": [5, "x"]}),
        lambda: index.set_columns([0, 9], {"a": [5, 6], "new": [1, 2]}),
        lambda: index.set_columns([0, 1], {"new": [1, 2], "a": [5, 0.5]}),
    ):
        with pytest.raises((errors.InvalidInput, errors.UnknownId)):
            call()
        assert bytes(index) == before


def test_removing_takes_values_along():
    index = small(a=[1, 2, 3], b=["x", "y", "z"])
    index.remove(1)
    with pytest.raises(errors.UnknownId):
        index.get_columns([0, 1])
    assert index.get_columns([0, 1], if_missing="ignore")["a"].tolist() == [1, None]
    with pytest.raises(errors.UnknownId):
        index.set_columns([1], {"a": [5]})
    assert index.set_columns([1, 2], {"a": [5, 6]}, if_missing="ignore") == 1
    index.add_items(vectors(1), [1], columns={"b": ["again"]})
    assert (read(index, range(3)), read(index, range(3), "b")) == (
        [1, None, 6],
        ["x", "again", "z"],
    )


def test_places_that_are_used_again_bring_nothing():
    """Free places have no value in memory, and none in files."""
    index = index_of(600)
    index.remove(range(0, 600, 2))
    index.repair()
    assert index.stats().free == 300
    free = nf.load(bytes(index))
    for one in (index, free):
        one.add_items(vectors(300), range(1000, 1300))
        assert one.stats().free == 0
        for column in one.get_columns(range(1000, 1300)).values():
            assert column.tolist() == [None] * 300
        odd = {name: column[1::2] for name, column in values(600).items()}
        assert_holds(one, range(1, 600, 2), odd)
    assert bytes(index) == bytes(free)


def test_marked_vectors_keep_and_change_their_values():
    index = small(a=[1, 2, 3])
    index.mark_deleted(1)
    assert read(index, [0, 1, 2]) == [1, 2, 3]
    assert index.set_columns([1], {"a": [20]}) == 1
    assert index.query(vectors(3)[1], 3, where="a > 0", if_short="pad").counts == 2
    index.unmark_deleted(1)
    assert read(index, [1]) == [20]
    assert index.query(vectors(3)[1], 1, where="a = 20").ids.tolist() == [1]
    index.mark_deleted(1)
    index.upsert(vectors(1), [1])
    assert read(index, [1]) == [20]


def test_compaction_carries_columns():
    index = index_of(900)
    index.set_columns(range(0, 900, 9), {"market": [f"w{i}" for i in range(100)]})
    index.mark_deleted(5)
    index.remove(range(100, 700))
    expected = index.get_columns([*range(100), *range(700, 900)])
    count = index.compile("not flag or market is null").count
    index.compact()
    assert index.stats().slots == 300
    found = index.get_columns([*range(100), *range(700, 900)])
    for name, column in expected.items():
        assert found[name].tolist() == column.tolist()
    assert index.compile("not flag or market is null").count == count
    assert index.columns.keys() == TYPES.keys()
    assert bytes(nf.load(bytes(index))) == bytes(index)
    empty = small(a=[1, 2])
    empty.remove([0, 1])
    empty.compact()
    assert (empty.columns["a"].type, len(empty)) == ("int64", 0)
    empty.add_items(vectors(1), [0])
    assert read(empty, [0]) == [None]


def test_names_and_ids_that_are_not_there():
    index = small(a=[1])
    with pytest.raises(errors.InvalidInput, match=r"names holds 'b', which is no column.*'a'"):
        index.get_columns([0], ["a", "b"])
    with pytest.raises(errors.InvalidInput, match="there are none"):
        new().get_columns([], ["b"])
    with pytest.raises(TypeError, match="names is of type str; expected a list"):
        index.get_columns([0], "a")  # type: ignore[arg-type]
    with pytest.raises(errors.UnknownId) as caught:
        index.get_columns([0, 7])
    assert caught.value.id == 7
    with pytest.raises(errors.UnknownId):
        index.set_columns([0, 7], {"a": [5, 6]})
    assert read(index, [0]) == [1]
    with pytest.raises(errors.InvalidInput, match="if_missing is 'maybe'"):
        index.set_columns([0], {"a": [5]}, if_missing="maybe")  # type: ignore[arg-type]


# --- files ---------------------------------------------------------------------------------------


def ways(index: nf.Index, path: Path) -> list[Any]:
    """The index, read back in every way."""
    index.save(path)
    return [
        nf.load(path), nf.load(path, mmap=True), nf.load(path, mmap=True, verify=True),
        nf.load(bytes(index)), pickle.loads(pickle.dumps(index)),
    ]  # fmt: skip


@pytest.mark.parametrize("rows", [1, 63, 64, 65, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK + 70])
def test_files_bring_columns_back(tmp_path, rows):
    index = new()
    given = values(rows, missing=0.2 if rows > 1 else 0)
    ids = index.add_items(vectors(rows), columns=typed(given))
    for twin in ways(index, tmp_path / "x.nf"):
        assert_holds(twin, ids, given)
        assert bytes(twin) == bytes(index)
        assert twin.columns == index.columns


def test_columns_without_a_vector(tmp_path):
    index = new()
    index.add_items(vectors(0), columns=typed(values(0)))
    assert {name: info.type for name, info in index.columns.items()} == {
        name: kind for name, kind in TYPES.items() if name not in ("market", "genres")
    }
    for twin in ways(index, tmp_path / "x.nf"):
        assert twin.columns == index.columns
        assert twin.compile("flag is null or large > 0").count == 0


def test_files_of_many_rows_and_words(tmp_path):
    """More than 65,536 of both: their numbers are 4 bytes there, and 1 and 2 in earlier chunks."""
    rows = 65_536 + CHUNK + 3
    index = nf.Index("euclidean", 1, M=2, ef_construction=2)
    given = {
        "w": [f"w{i}" for i in range(rows)],
        "t": [[f"t{i}", "all"] for i in range(rows)],
        "n": np.arange(rows),
    }
    ids = index.add_items(np.zeros((rows, 1)), columns=given)
    ends = [0, 255, 256, 257, CHUNK - 1, CHUNK, 65_535, 65_536, 65_537, rows - 1]
    index.set_columns([300], {"w": [f"w{rows - 1}"], "t": [["all", f"t{rows - 1}"]]})

    def check(twin):
        infos = twin.columns
        assert (infos["w"].num_words, infos["t"].num_words) == (rows, rows + 1)
        assert read(twin, ends, "w") == [f"w{i}" for i in ends]
        assert read(twin, ends, "t") == [tuple(sorted((f"t{i}", "all"))) for i in ends]
        assert read(twin, [300], "w") == [f"w{rows - 1}"]
        for i in ends[:-1]:
            assert (
                twin.compile(f"w = 'w{i}' and t has 't{i}' and t has all ['all', 't{i}']").count
                == 1
            )
            assert twin.compile(f"w = 'w{i}' and t has 't{i + 1}'").count == 0
        assert twin.compile(f"w = 'w{rows - 1}'").count == 2
        assert twin.compile("w != 'w1' and t has 'all'").count == rows - 1
        assert twin.compile("w in $some", {"some": given["w"][:CHUNK]}).count == CHUNK - 1

    check(index)
    for twin in ways(index, tmp_path / "x.nf")[1:4]:
        check(twin)
    assert read(nf.load(bytes(index)), ids, "w")[:300] == given["w"][:300]
    index.remove(range(1000, 40_000))
    index.compact()
    assert read(index, [0, 999, 40_000, rows - 1], "w") == [
        f"w{i}" for i in (0, 999, 40_000, rows - 1)
    ]
    assert bytes(nf.load(bytes(index))) == bytes(index)


@pytest.mark.parametrize("count", [255, 256, 257, 600])
def test_the_edges_of_one_byte(tmp_path, count):
    """A column of 256 words and sets takes a byte a vector."""
    words = [f"w{i}" for i in range(count)]
    index = small(a=words, t=[[word] for word in words])
    index.upsert(vectors(1, 9), [0])
    index.set_columns([1], {"a": [words[-1]], "t": [[words[-1]]]})
    for twin in [index, *ways(index, tmp_path / "x.nf")]:
        assert read(twin, range(count)) == [words[0], words[-1], *words[2:]]
        assert read(twin, range(count), "t") == [(words[0],), (words[-1],)] + [
            (word,) for word in words[2:]
        ]
        assert twin.compile(f"a = '{words[-1]}' and t has '{words[-1]}'").count == 2


def test_a_mapped_index_changes_its_columns(tmp_path):
    index_of(CHUNK + 10).save(tmp_path / "x.nf")
    before = (tmp_path / "x.nf").read_bytes()
    mapped = nf.load(tmp_path / "x.nf", mmap=True)
    mapped.set_columns([3, CHUNK + 3], {"market": ["new", "new"]})
    assert read(mapped, [3, CHUNK + 3], "market") == ["new", "new"]
    assert (tmp_path / "x.nf").read_bytes() == before
    mapped.save(tmp_path / "x.nf")
    assert read(nf.load(tmp_path / "x.nf"), [3, CHUNK + 3], "market") == ["new", "new"]


def test_equal_calls_give_equal_bytes():
    def make():
        index = index_of(700, 3)
        index.set_columns(range(0, 700, 3), {"market": ["x"] * 234})
        index.remove(range(100, 200))
        index.upsert(vectors(150, 4), range(150, 300), columns=cut(typed(values(700, 4)), 150, 300))
        index.drop_column("tiny")
        return bytes(index)

    assert make() == make()


def test_a_column_in_the_format_of_voyager_is_left_behind(tmp_path):
    index = small(a=[1, 2])
    index.save(tmp_path / "x.voy")
    assert nf.load(tmp_path / "x.voy").columns == {}


# --- threads -------------------------------------------------------------------------------------


def run_beside(change, look, times: int = 150) -> int:
    """Change over and over while somebody looks; an error of either is raised. Gives how often."""
    stop, problems, turns = threading.Event(), [], [0]

    def loop():
        try:
            while not stop.is_set():
                turns[0] += 1
                change(turns[0])
        except BaseException as error:
            problems.append(error)

    thread = threading.Thread(target=loop)
    thread.start()
    try:
        for _ in range(times):
            look()
    finally:
        stop.set()
        thread.join()
    assert problems == []
    return turns[0]


def test_a_query_sees_all_of_a_change_or_nothing():
    """Two columns that are changed together are never seen apart, in several chunks of slots."""
    rows = CHUNK + 500
    index = new()
    ids = index.add_items(vectors(rows), columns={"a": [True] * rows, "b": [True] * rows})
    torn = index.compile("a and not b or b and not a")
    some = vectors(3, 5)

    def change(turn):
        both = [turn % 2 == 0] * rows
        index.set_columns(ids, {"a": both, "b": both})

    def look():
        assert torn.count == 0
        found = index.query(some, 5, where=torn, if_short="pad")
        assert found.counts.tolist() == [0, 0, 0]
        asked = index.query(some[0], 5, where="a or not b", columns=["a", "b"])
        assert asked.columns["a"].tolist() == asked.columns["b"].tolist()

    run_beside(change, look)


def test_adds_and_changes_beside_each_other():
    """An id that is added again has its values of before, or those that it was given since."""
    index = small(a=[0] * 40, b=[0] * 40)
    ids = list(range(40))

    def change(turn):
        index.upsert(vectors(40, turn), ids, columns={"b": [turn] * 40})

    seen = [0]

    def look():
        seen[0] += 1
        index.set_columns(ids, {"a": seen * 40})
        found = index.get_columns(ids)
        assert set(found["a"].tolist()) == {seen[0]}

    run_beside(change, look)
    assert len(index) == 40
    assert len(set(read(index, ids, "b"))) == 1


def test_removals_beside_rounds_that_replace():
    """What was removed and comes again in the same moment has the values of one of the two."""
    index = small(a=[7] * 64)
    ids = list(range(64))

    def change(_):
        index.remove(ids[::2], if_missing="ignore")

    def look():
        index.upsert(vectors(64), ids)
        assert set(read(index, ids[1::2])) == {7}
        assert set(index.get_columns(ids, if_missing="ignore")["a"].tolist()) <= {7, None}

    run_beside(change, look)


def test_saves_beside_changes_hold_one_instant(tmp_path):
    rows = CHUNK + 100
    index = new()
    ids = index.add_items(vectors(rows), columns={"a": [0] * rows, "b": [0] * rows})

    def change(turn):
        index.set_columns(ids, {"a": [turn] * rows, "b": [turn] * rows})

    def look():
        found = nf.load(bytes(index)).get_columns(ids)
        assert len({*found["a"].tolist(), *found["b"].tolist()}) == 1

    run_beside(change, look, 10)


def test_compaction_beside_changes():
    index = index_of(500)
    index.remove(range(0, 500, 3))
    ids = list(index.ids)

    def change(turn):
        words = [f"w{turn % 300}"] * len(ids)
        index.set_columns(ids, {"large": [turn] * len(ids), "market": words})

    def look():
        index.compact()
        assert len(set(read(index, ids, "large"))) == 1

    change(0)
    turns = run_beside(change, look, 15)
    found = index.get_columns(ids, ["large", "market"])
    assert set(found["large"].tolist()) == {turns}
    assert set(found["market"].tolist()) == {f"w{turns % 300}"}
