"""`StringIndex`: keys that come and go: remove, upsert, what to do with conflicts, compact."""

from __future__ import annotations

import pickle
import threading

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

# --- remove ---


def test_one_key_or_many_are_removed_and_counted():
    index = index_of(numbered(0, 300))
    assert index.remove("key 7") == 1
    assert index.remove(["key 8", "key 9", "key 8"]) == 2
    assert index.remove(np.array(["key 10"])) == 1
    assert index.remove(key for key in ["key 11"]) == 1
    assert index.remove({"key 12"}) == 1
    assert index.remove({"key 13": 0}.keys()) == 1
    assert index.remove(np.array("key 14")) == 1
    assert index.remove([]) == 0
    left = [*numbered(0, 7), *numbered(15, 300)]
    check_names(index, left)
    assert list(index) == left
    assert index.num_elements == 292
    assert "key 8" not in index
    with pytest.raises(errors.UnknownId, match="key 8"):
        index["key 8"]
    assert index.remove(index.keys) == 292
    assert list(index) == []


def test_marked_keys_can_be_removed():
    index = index_of(numbered(0, 5))
    index.mark_deleted("key 3")
    assert index.remove(["key 3", "key 1"]) == 2
    with pytest.raises(errors.UnknownId, match="key 3"):
        index.unmark_deleted("key 3")
    assert index.num_elements == len(index) == 3


def test_a_missing_key_is_named_and_nothing_is_removed():
    index = index_of(numbered(0, 5))
    index.remove("key 4")
    for missing in ("key 4", "never"):
        with pytest.raises(
            errors.UnknownId, match=f"key '{missing}' is not in the index"
        ) as caught:
            index.remove(["key 0", missing, "key 1"])
        assert caught.value.id == missing
        assert isinstance(caught.value, KeyError)
        assert index.remove([missing], if_missing="ignore") == 0
    check_names(index, numbered(0, 4))
    assert index.remove(["key 0", "never", "key 1"], if_missing="ignore") == 2
    check_names(index, numbered(2, 4))


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        (3, TypeError),
        ([3], TypeError),
        (None, TypeError),
        (b"key 1", TypeError),
        ({"a": 1}, TypeError),
        ({3}, TypeError),
    ],
    ids=repr,
)
def test_what_cannot_be_removed_is_refused(given, kind):
    index = index_of(numbered(0, 3))
    with pytest.raises(kind):
        index.remove(given)
    with pytest.raises(errors.InvalidInput, match="if_missing is 'no'"):
        index.remove("key 1", if_missing="no")
    check_names(index, numbered(0, 3))


def test_a_removed_key_may_come_again_with_another_vector():
    index = index_of(numbered(0, 50))
    for value in range(20):
        index.remove("key 9")
        assert "key 9" not in index
        index.add_item(np.full(D, 100 + value), "key 9")
        found = index.query(np.full(D, 100 + value), k=1)
        assert (found.keys[0], found.distances[0]) == ("key 9", 0)
    assert len(index) == 50
    assert list(index)[-1] == "key 9"


def test_ids_are_never_used_for_another_key():
    index = index_of(["a", "b", "c"])
    seen = {}
    for number in range(30):
        name = f"new {number % 4}"
        index.remove(name if name in index else next(iter(index)))
        index.add_item(vector_of(name), name)
        for id in index._index:
            key = index._keyed.names.key(id)
            assert seen.setdefault(id, key) == key


# --- conflicts ---


def test_update_error_and_keep():
    index = index_of(numbered(0, 5))
    index.mark_deleted("key 4")
    more = [*numbered(3, 6), "key 5"]
    other = np.arange(4 * D, dtype=np.float32).reshape(4, D)
    before = bytes(index)
    with pytest.raises(errors.DuplicateId, match=r"keys holds 'key 3' in row 0.*index") as caught:
        index.add_items(other[:3], more[:3], on_conflict="error")
    assert caught.value.id == "key 3"
    assert "`keys`" in str(caught.value)
    assert pickle.loads(pickle.dumps(caught.value)).id == "key 3"
    with pytest.raises(errors.DuplicateId, match=r"'key 5' in row 3.*before it") as caught:
        index.add_items(other, more, on_conflict="error")
    assert caught.value.id == "key 5"
    assert bytes(index) == before
    assert "key 5" not in index
    assert index.add_items(other, more, on_conflict="keep") == more
    assert np.array_equal(index["key 3"], vector_of("key 3"))
    assert np.array_equal(index["key 5"], other[2])
    assert "key 4" not in index
    assert index.add_items(other, more, on_conflict="update") == more
    assert np.array_equal(index.get_vectors(more[:3]), other[[0, 1, 3]])
    assert index.add_items(other[:1], ["key 6"], on_conflict="error") == ["key 6"]
    with pytest.raises(errors.InvalidInput, match="on_conflict is 'no'"):
        index.add_items(other[:1], ["key 7"], on_conflict="no")
    assert "key 7" not in index


def test_a_conflict_in_a_stream_names_the_key_and_the_row_of_the_whole_input():
    index = index_of(["there"])
    names = numbered(0, 9000)
    names[8900] = "there"
    chunks = ((names[i : i + 1000], vectors_of(names[i : i + 1000])) for i in range(0, 9000, 1000))
    words = r"keys holds 'there' in row \d+, which is in the index already.*row 8900 of the whole"
    with pytest.raises(errors.DuplicateId, match=words) as e:
        index.add_items(chunks, on_conflict="error")
    assert (e.value.id, e.value.row, e.value.in_index) == ("there", 8900, True)
    assert len(index) == 8192
    assert set(index) == {"there", *names[:8191]}
    assert nf.StringIndex.load(bytes(index)).num_elements == 8192


def test_upsert():
    index = index_of(numbered(0, 5))
    assert index.upsert(np.zeros((2, D)), ["key 4", "new"]) == ["key 4", "new"]
    assert (index.get_vectors(["key 4", "new"]) == 0).all()
    assert len(index) == 6
    assert index.upsert(iter([(["new"], np.ones((1, D)))])) == ["new"]
    assert (index["new"] == 1).all()
    with pytest.raises(errors.InvalidInput, match="keys is None"):
        index.upsert(np.zeros((2, D)))


# --- names of results while keys go ---


def test_what_was_removed_after_a_query_found_it_is_named_as_it_was(monkeypatch):
    index = index_of(numbered(0, 40))
    asked = index._index.query

    def removing(*arguments, **options):
        found = asked(*arguments, **options)
        index.remove(index.keys)
        index.compact()
        for key in ("other", "key 3", "third"):  # their ids must not be those of the results
            index.add_item(vector_of(key), key)
            index.remove(key)
        return found

    monkeypatch.setattr(index._index, "query", removing)
    found = index.query(vectors_of(numbered(0, 40)), k=2, query_ef=100)
    assert found.keys[:, 0].tolist() == numbered(0, 40)


def test_a_query_names_what_came_and_went_after_it_took_its_names(monkeypatch):
    """The core may be asked later than the names are taken: what it returns may be newer."""
    index = index_of(numbered(0, 3))
    asked = index._index.query

    def late(*arguments, **options):
        index.compact()
        index.remove("key 1")
        index.add_items(vectors_of(["late"]), ["late"])
        found = asked(*arguments, **options)
        index.remove("late")
        index.compact()
        return found

    monkeypatch.setattr(index._index, "query", late)
    assert index.query(vector_of("late"), k=1).keys.tolist() == ["late"]


def test_names_of_a_file_outlast_removal_and_compaction(monkeypatch):
    index = nf.StringIndex.load(bytes(index_of(numbered(0, 20))))
    names = index._keyed.names
    index.remove(numbered(0, 10))
    index.compact()
    index.remove(numbered(10, 20))
    assert [names.key(id) for id in range(20)] == numbered(0, 20)
    with pytest.raises(KeyError):
        index._keyed.names.key(3)


# --- adds that are under way ---


def test_keys_removed_while_their_rows_are_on_the_way_are_there_in_the_end():
    index = index_of(["old"])

    def chunks():
        yield ["old", "new", "gone"], vectors_of(["old", "new", "gone"])
        assert index.remove("old") == 1  # its new vector is in no round yet
        with pytest.raises(errors.UnknownId):
            index.remove("gone")  # not stored yet
        assert "old" not in index
        assert len(parse_keys(attached(index))) == 0, "a file holds no key without a vector"
        yield ["last"], vectors_of(["last"])

    assert index.add_items(chunks()) == ["old", "new", "gone", "last"]
    check_names(index, ["old", "new", "gone", "last"])
    assert sorted(nf.StringIndex.load(bytes(index))) == ["gone", "last", "new", "old"]


def test_what_is_saved_between_two_blocks_lacks_no_key_the_next_time():
    index = nf.StringIndex(nf.Space.Euclidean, D)

    def chunks():
        yield ["a", "b"], vectors_of(["a", "b"])
        assert list(nf.load(bytes(index))) == []

    index.add_items(chunks())
    assert list(nf.load(bytes(index))) == ["a", "b"]


def test_names_taken_before_an_add_that_failed_are_right_for_the_key_that_gets_its_id():
    index = index_of(["a"])
    taken = index._keyed.names

    def chunks():
        yield ["never"], vectors_of(["never"])
        index.compact()
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        index.add_items(chunks())
    index.add_items(vectors_of(["b"]), ["b"])
    id = index._keyed.find("b")
    assert id == 1
    index.remove("b")
    index.compact()
    assert taken.key(id) == "b"


def test_keys_removed_beside_an_add_that_fails_go():
    index = index_of(["old", "kept"])
    names = [f"k{i}" for i in range(9000)]

    def chunks():
        yield names, vectors_of(names)
        index.remove(["old", "k5", "k0"])
        index.compact()
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        index.add_items(chunks())
    assert index._keyed.find("old") is None
    assert index._keyed.find("k5") is None
    stored = set(index)
    assert {"kept", "k1", "k8000"} <= stored
    assert not {"old", "k0", "k5", "k8999"} & stored
    assert index.add_item(vector_of("another"), "another") == "another"
    check_names(index, sorted({*stored, "another"}))
    assert sorted(nf.StringIndex.load(bytes(index))) == sorted(index)


def test_an_id_that_was_stored_and_removed_before_its_add_failed_is_not_used_again():
    index = nf.StringIndex(nf.Space.Euclidean, D)
    names = [f"k{i}" for i in range(8192)]
    first = {}

    def chunks():
        yield names, vectors_of(names)
        first.update({key: index._keyed.find(key) for key in names})
        index.remove(names)
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        index.add_items(chunks())
    assert list(index) == []
    index.add_items(vectors_of(["a"]), ["a"])
    assert index._keyed.find("a") > max(first.values())


def test_an_add_inside_an_add():
    index = nf.StringIndex(nf.Space.Euclidean, D)

    def chunks():
        yield ["outer 1"], vectors_of(["outer 1"])
        index.add_items(vectors_of(["inner"]), ["inner"])
        with pytest.raises(errors.NotFinite):
            index.add_items(np.full((1, D), np.nan), ["bad"])
        index.remove("inner")
        index.compact()
        yield ["outer 2"], vectors_of(["outer 2"])

    index.add_items(chunks())
    check_names(index, ["outer 1", "outer 2"])


def test_a_removal_does_not_wait_for_an_add():
    index = index_of(numbered(0, 100))
    done: list[int] = []

    def report(rows: int, total: int) -> None:
        if not done:
            thread = threading.Thread(target=lambda: done.append(index.remove("key 5")))
            thread.start()
            thread.join(timeout=30)
            assert not thread.is_alive(), "it waits"
            done.append(index.remove("key 6"))  # and from here

    more = numbered(100, 3000)
    index.add_items(vectors_of(more), more, num_threads=1, progress=report)
    assert done == [1, 1]
    check_names(index, [key for key in numbered(0, 3000) if key not in ("key 5", "key 6")])


# --- memory ---


def test_keys_that_are_replaced_for_months_leave_nothing_behind():
    keys = numbered(0, 1000)
    index = nf.StringIndex.load(bytes(index_of(keys, M=4, ef_construction=10)))
    sizes = []
    for day in range(200):
        gone, keys = keys[:100], keys[100:]
        new = numbered(1000 + 100 * day, 1100 + 100 * day)
        index.remove(gone)
        index.add_items(vectors_of(new), new)
        keys += new
        table = index._keyed._table
        sizes.append((len(table._ids), len(table.names._added), len(table.names._gone)))
        if day % 50 == 49:
            assert len(attached(index)) < 40 + 30 * 1000
    assert max(sizes[10:]) == min(sizes[10:]) == (1000, 1000, 0)
    check_names(index, keys)
    index.compact()
    assert len(table._stored) == 0
    check_names(index, keys)


def test_compact_gives_back_the_memory_of_keys_that_a_file_brought():
    keys = [f"{i} {'x' * 200}" for i in range(500)]
    index = nf.StringIndex.load(bytes(index_of(keys)))
    index.remove(keys[:400])
    assert len(index._keyed._table._stored) == 500
    index.compact()
    assert len(index._keyed._table._stored) == 0
    check_names(index, keys[400:])
    assert index.stats().slots == 100
    index.repair()
    check_names(index, keys[400:])
