"""The keys of a `StringIndex` in its file: both byte tables at the head of `nearfield._keys`."""

from __future__ import annotations

import copy
import pickle

import nearfield as nf
import numpy as np
import pytest
from nearfield import errors
from nearfield._keys import parse_keys

from tests.index.keyed_vectors import (
    D,
    attached,
    check_names,
    index_of,
    numbered,
    vector_of,
    vectors_of,
)


def table(ids: list[int], keys: list[str], next_id: int, **wrong: int) -> bytes:
    bounds = np.cumsum([0, *(len(key.encode()) for key in keys)])
    mark, layout, count = 2**64 - 1, wrong.get("layout", 2), wrong.get("count", len(ids))
    numbers = np.array([mark, layout, next_id, count, *ids, *bounds.tolist()], dtype="<u8")
    return numbers.tobytes() + "".join(keys).encode()


def with_keys(data: bytes, ids: list[int]) -> bytes:
    index = nf.Index(nf.Space.Euclidean, D)
    index.add_items(np.eye(len(ids), D), ids)
    index._core.attach("keys", data)
    return bytes(index)


def test_both_byte_tables_are_as_documented():
    index = index_of(["ab", "日", "c"])
    first = np.array([3, 0, 2, 5, 6], dtype="<u8").tobytes() + "ab日c".encode()
    assert attached(index) == first
    index.mark_deleted("ab")  # hidden, but there
    assert attached(index) == first
    index.remove("日")
    assert attached(index) == table([0, 2], ["ab", "c"], 3)
    index.add_item(vector_of("日"), "日")
    assert attached(index) == table([0, 2, 3], ["ab", "c", "日"], 4)
    index.remove(["ab", "c", "日"])
    assert attached(index) == table([], [], 4)
    assert list(nf.load(with_keys(table([3, 7], ["x", "yz"], 9), [7, 3]))) == ["yz", "x"]


def test_a_key_removed_last_is_a_hole_too():
    """So that what comes next gets the same id as without a file in between."""
    index = index_of(["a", "b"])
    index.remove("b")
    assert attached(index) == table([0], ["a"], 2)


@pytest.mark.parametrize("mmap", [False, True])
def test_what_is_saved_and_loaded_goes_on_as_if_it_had_not_been(tmp_path, mmap):
    index = index_of(numbered(0, 200))
    index.remove([*numbered(20, 60), *numbered(190, 200)])
    index.mark_deleted("key 3")
    index.save(tmp_path / "keys.nf")
    loaded = nf.load(tmp_path / "keys.nf", mmap=mmap)
    assert list(loaded) == list(index)
    for one in (loaded, index):
        one.unmark_deleted("key 3")
        one.add_items(vectors_of(numbered(30, 40)), numbered(30, 40))
        one.remove("key 33")
        one.add_items(vectors_of(["last"]), ["last"])
    left = [*numbered(0, 20), *numbered(60, 190), *numbered(30, 33), *numbered(34, 40), "last"]
    for one in (loaded, index, copy.deepcopy(loaded), pickle.loads(pickle.dumps(loaded))):
        check_names(one, left)
        assert list(one) == left
    assert bytes(loaded) == bytes(index)


def test_an_index_from_which_all_keys_were_removed_keeps_its_kind():
    index = index_of(["a"])
    index.remove("a")
    for empty in (index, nf.load(bytes(index))):
        assert type(empty) is nf.StringIndex
        assert list(empty) == []
        empty.compact()
        assert empty.add_item(vector_of("b"), "b") == "b"
    assert list(nf.load(bytes(index))) == ["b"]


@pytest.mark.parametrize(
    ("data", "field"),
    [
        (table([0, 1], ["x", "y"], 2)[:39], "n"),
        (table([0, 1], ["x", "y"], 2)[:24], "n"),
        (table([0, 1], ["x", "y"], 2, count=2**64 - 1), "n"),
        (table([0, 1], ["x", "y"], 2, count=2**60), "n"),
        (table([0, 1], ["x", "y"], 2, count=4), "n"),
        (table([0, 2], ["x", "y"], 3), "n"),  # the id 1 has no key
        (table([0], ["x"], 2), "n"),
        (table([0, 1], ["x", "y"], 1), "ids"),
        (table([1, 0], ["x", "y"], 2), "ids"),
        (table([0, 0], ["x", "y"], 2), "ids"),
        (table([0, 2**63], ["x", "y"], 2**63), "ids"),
        (table([0, 1], ["x", "y"], 2**63 + 1), "next"),
        (table([0, 1], ["x", "y"], 2, layout=1), "n"),
        (table([0, 1], ["x", "y"], 2, layout=2**16 + 1), "n"),
        (table([0, 1], ["x", "y"], 2) + b"z", "bounds"),
        (table([0, 1], ["x", "y"], 2)[:-1], "bounds"),
        (table([0, 1], ["x", "y"], 2)[:-1] + b"\xff", "text"),
    ],
)
def test_damaged_keys_are_refused(data, field):
    for load in (nf.load, nf.StringIndex.load):
        with pytest.raises(errors.CorruptIndexFile, match="keys") as caught:
            load(with_keys(data, [0, 1]))
        assert caught.value.field == f"keys.{field}"
        assert caught.value.offset is not None


def test_a_later_layout_is_refused_in_plain_words():
    for layout in (3, 2**16):
        with pytest.raises(errors.UnsupportedVersion, match=f"layout {layout}.*upgrade"):
            nf.load(with_keys(table([0, 1], ["x", "y"], 2, layout=layout), [0, 1]))


def test_a_block_of_keys_knows_which_ids_it_has():
    block = parse_keys(table([2, 5, 6], ["x", "", "日"], 9))
    assert [block.key(id) for id in range(10)] == [
        None,
        None,
        "x",
        None,
        None,
        "",
        "日",
        *[None] * 3,
    ]
    assert list(block) == [("x", 2), ("", 5), ("日", 6)]
    assert (len(block), block.next_id) == (3, 9)
    assert block.without_key(np.array([5, 4, 2, 7], dtype=np.uint64)).tolist() == [4, 7]
    first = parse_keys(np.array([2, 0, 1, 2], dtype="<u8").tobytes() + b"ab")
    assert [first.key(id) for id in range(3)] == ["a", "b", None]
    assert (list(first), first.next_id) == ([("a", 0), ("b", 1)], 2)


def test_a_reader_of_the_first_layout_alone_refuses_the_second():
    """It reads a count, and that many bounds must follow."""
    data = table([0, 2], ["x", "y"], 3)
    assert int.from_bytes(data[:8], "little") > (len(data) - 16) // 8


def test_a_key_that_stands_twice_is_refused_when_keys_are_searched():
    index = nf.load(with_keys(table([0, 1], ["x", "x"], 3), [0, 1]))
    with pytest.raises(errors.CorruptIndexFile, match="twice") as caught:
        index.remove("x")
    assert caught.value.offset == 40 + 16 * 2
