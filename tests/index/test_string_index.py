"""`StringIndex`: strings for ids, kept in the file."""

from __future__ import annotations

import copy
import inspect
import io
import pickle
import threading

import nearfield as nf
import numpy as np
import pyarrow as pa
import pytest
from nearfield import errors

NAMES = ["fado", "färöisch", "", "日本", "🎧 mix", "a" * 1000, "zero\0byte", "fado "]


def rows(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, 8)).astype(np.float32)


def index_of(names: list[str] = NAMES, **options) -> nf.StringIndex:
    index = nf.StringIndex(nf.Space.Euclidean, 8, **options)
    index.add_items(rows(len(names)), names)
    return index


def test_query_returns_keys_and_distances():
    index = index_of()
    keys, distances = index.query(rows(8), k=3)
    assert keys.shape == distances.shape == (8, 3)
    assert keys[:, 0].tolist() == NAMES
    assert (distances[:, 0] == 0).all()
    one = index.query(rows(8)[3], k=2)
    assert one.keys.shape == (2,)
    assert one.keys[0] == "日本"
    assert type(one.keys[0]) is str
    assert one.ids is one.keys is one[0]
    assert int(one.counts) == 2
    assert one.num_distances > 0


def test_answers_are_those_of_an_index_with_integers():
    names = [f"track {i}" for i in range(1000)]
    strings, numbers = index_of(names, M=8), nf.Index(nf.Space.Euclidean, 8, M=8)
    numbers.add_items(rows(1000))
    a, b = strings.query(rows(50, 1), k=10), numbers.query(rows(50, 1), k=10)
    assert a.keys.tolist() == [[names[id] for id in row] for row in b.ids]
    assert np.array_equal(a.distances, b.distances)
    assert (a.num_distances, a.num_hops) == (b.num_distances, b.num_hops)


def test_a_short_result_raises_or_is_padded_with_none():
    index = index_of(["a", "b"])
    with pytest.raises(nf.RecallError, match="only 2") as caught:
        index.query(rows(1)[0], k=3)
    padded = index.query(rows(1)[0], k=3, if_short="pad")
    for found in (caught.value.partial, padded):
        assert found.keys.tolist() == ["a", "b", None]
        assert found.distances[2] == np.inf
        assert int(found.counts) == 2
    with pytest.raises(errors.InvalidInput, match="if_short"):
        index.query(rows(1)[0], if_short="no")


@pytest.mark.parametrize(
    "names",
    [
        ["a", "b"],
        ("a", "b"),
        np.array(["a", "b"]),
        np.array(["a", "b"], dtype=object),
        iter(["a", "b"]),
        {"a": 1, "b": 2}.keys(),
    ],
    ids=lambda names: type(names).__name__,
)
def test_keys_of_every_kind(names):
    index = nf.StringIndex(nf.Space.Euclidean, 8)
    assert index.add_items(rows(2), names) == ["a", "b"]
    assert all(type(key) is str for key in index)


def test_keys_of_arrow():
    for names in (pa.array(["a", "b"]), pa.chunked_array([["a"], ["b"]])):
        index = nf.StringIndex(nf.Space.Euclidean, 8)
        assert index.add_items(rows(2), names) == ["a", "b"]


@pytest.mark.parametrize(
    ("names", "kind"),
    [
        ("ab", TypeError),
        (b"ab", TypeError),
        ([b"a", b"b"], TypeError),
        ([1, 2], TypeError),
        (["a", None], TypeError),
        ({"a", "b"}, TypeError),
        (None, TypeError),
        (["a"], ValueError),
        ([["a", "b"]], TypeError),
        (np.array([["a", "b"]]), ValueError),
        (["a", "\ud800"], ValueError),
    ],
    ids=repr,
)
def test_what_cannot_be_keys_is_refused(names, kind):
    index = index_of(["x"])
    before = bytes(index)
    with pytest.raises(kind):
        index.add_items(rows(2), names)
    assert list(index) == ["x"]
    assert bytes(index) == before


def test_a_failed_add_leaves_no_keys():
    index = index_of(["x"])
    before = bytes(index)
    bad = rows(3)
    bad[2, 2] = np.nan
    with pytest.raises(errors.NotFinite):
        index.add_items(bad, ["a", "b", "c"])
    assert "a" not in index
    assert bytes(index) == before
    index.add_items(rows(2), ["b", "a"])
    assert list(index) == ["x", "b", "a"]
    assert np.array_equal(index["b"], rows(2)[0])


def test_a_stopped_add_keeps_the_keys_of_stored_rows():
    index = nf.StringIndex(nf.Space.Euclidean, 8)
    names = [f"k{i}" for i in range(20_000)]

    def chunks():
        for first in range(0, 20_000, 1000):
            if first == 15_000:
                raise KeyboardInterrupt
            yield names[first : first + 1000], rows(1000, first)

    with pytest.raises(KeyboardInterrupt):
        index.add_items(chunks())
    assert list(index) == names[: len(index)]
    assert 8192 <= len(index) <= 15_000
    index.add_items(rows(2), ["k19999", "k0"])
    assert sorted(nf.load(bytes(index))) == sorted(index)


def test_overwriting_keeps_the_key_and_brings_it_back():
    index = index_of()
    index.mark_deleted("fado")
    assert index.add_item(np.full(8, 7.0), "fado") == "fado"
    assert np.array_equal(index["fado"], np.full(8, 7.0))
    assert len(index) == len(NAMES)
    assert index.query(np.full(8, 7.0)).keys.tolist() == ["fado"]


def test_of_equal_keys_in_one_call_the_last_row_wins():
    index = nf.StringIndex(nf.Space.Euclidean, 8)
    assert index.add_items(rows(3), ["a", "b", "a"]) == ["a", "b", "a"]
    assert np.array_equal(index.get_vectors(["a", "b"]), rows(3)[[2, 1]])
    assert sorted(index) == ["a", "b"]


def test_deleting_and_bringing_back():
    index = index_of()
    del index["日本"]
    index.mark_deleted("fado")
    assert "日本" not in index
    assert len(index) == len(index.keys) == len(NAMES) - 2
    assert index.num_elements == len(NAMES)
    assert "fado" not in index.query(rows(8), k=5).keys
    index.unmark_deleted("fado")
    assert "fado" in index
    with pytest.raises(errors.InvalidInput):
        index.unmark_deleted("fado")


def test_an_unknown_key_is_named():
    index = index_of()
    del index["fado"]
    calls = [
        index.get_vector,
        index.mark_deleted,
        lambda key: index.get_vectors(["日本", key]),
        index.__getitem__,
        index.__delitem__,
    ]
    for call in calls:
        for key in ("fado", "never"):
            with pytest.raises(errors.UnknownId, match=f"key '{key}'") as caught:
                call(key)
            assert caught.value.id == key
            assert isinstance(caught.value, KeyError)
    with pytest.raises(errors.UnknownId, match="never"):
        index.unmark_deleted("never")
    with pytest.raises(TypeError):
        index.get_vector(3)
    assert 3 not in index
    assert None not in index


def test_the_view_of_keys():
    index = index_of()
    view = index.keys
    assert list(view) == list(index) == NAMES
    assert np.asarray(view).tolist() == NAMES
    assert "fado" in view
    assert 3 not in view
    assert "KeyView num_elements=8" in repr(index.ids)
    assert np.array_equal(index.get_vectors(view), rows(8))
    index.add_item(rows(1)[0], "late")
    assert len(view) == 9


def test_properties_are_those_of_the_index():
    index = index_of(storage_data_type="float32", M=16, ef_construction=50, random_seed=9)
    assert (index.space, index.num_dimensions, index.M) == (nf.Space.Euclidean, 8, 16)
    assert (index.ef_construction, index.random_seed, index.ef) == (50, 9, 10)
    assert index.storage_data_type is nf.Float32
    assert index.simd_level in nf.simd.available()
    index.ef = 44
    index.resize(100)
    assert (index.ef, index.max_elements, index.num_elements) == (44, 100, 8)
    index.max_elements = 50
    assert index.max_elements == 50
    assert index.stats().live == 8
    assert index.validate() == ""
    assert index.get_distance(np.zeros(8), np.ones(8)) == 8
    assert "nearfield.StringIndex space=Euclidean num_dimensions=8" in repr(index)
    assert repr(index).endswith(" storage_data_type=Float32 codes=none>")


# --- files ---


@pytest.mark.parametrize("mmap", [False, True])
def test_keys_travel_in_the_file(tmp_path, mmap):
    index = index_of()
    index.mark_deleted("fado")
    index.save(tmp_path / "keys.nf")
    for load in (nf.StringIndex.load, nf.load):
        loaded = load(tmp_path / "keys.nf", mmap=mmap)
        assert type(loaded) is nf.StringIndex
        assert list(loaded) == NAMES[1:]
        assert np.array_equal(loaded.get_vectors(NAMES[1:]), rows(8)[1:])
        loaded.unmark_deleted("fado")
        loaded.add_items(rows(2, 5), ["new", "日本"])
        assert sorted(loaded) == sorted([*NAMES, "new"])
        again = nf.load(bytes(loaded))
        assert list(again) == list(loaded)
        assert np.array_equal(again["日本"], rows(2, 5)[1])


def test_the_surface_is_that_of_index_with_keys_for_ids():
    names = {name for name in dir(nf.Index) if not name.startswith("_")}
    assert {name for name in dir(nf.StringIndex) if not name.startswith("_")} == {*names, "keys"}
    for name in names:
        ours, theirs = (getattr(kind, name) for kind in (nf.StringIndex, nf.Index))
        if callable(ours):
            expected = [
                each.replace("id", "key") if each in ("id", "ids") else each
                for each in inspect.signature(theirs).parameters
            ]
            assert list(inspect.signature(ours).parameters) == expected, name


def test_pickle_copy_and_file_objects():
    index = index_of()
    index.ef, index.note = 20, {"mine": 1}
    file = io.BytesIO()
    index.save(file_like=file)
    assert file.getvalue() == bytes(index) == index.as_bytes()
    for twin in (
        pickle.loads(pickle.dumps(index)),
        copy.copy(index),
        copy.deepcopy(index),
    ):
        assert (list(twin), twin.ef, twin.note) == (NAMES, 20, {"mine": 1})
        twin.add_item(rows(1)[0], "only in the twin")
        assert "only in the twin" not in index


class Mine(nf.StringIndex):
    pass


def test_a_subclass_loads_itself():
    mine = Mine("cosine", 8)
    mine.add_items(rows(2), ["a", "b"])
    assert type(Mine.load(bytes(mine))) is Mine
    assert type(pickle.loads(pickle.dumps(mine))) is Mine


def test_an_empty_index_keeps_its_kind():
    empty = nf.StringIndex(nf.Space.Cosine, 8)
    loaded = nf.load(bytes(empty))
    assert type(loaded) is nf.StringIndex
    assert list(loaded) == []
    assert loaded.add_item(rows(1)[0], "first") == "first"


def test_kinds_of_files_are_told_apart():
    numbers = nf.Index.from_vectors(rows(3))
    assert type(nf.load(bytes(numbers))) is nf.FloatIndex
    with pytest.raises(errors.FileMismatch, match=r"Index\.load"):
        nf.StringIndex.load(bytes(numbers))
    # The ids behind the keys are nobody's: what were added under them would have no key.
    with pytest.raises(errors.FileMismatch, match=r"string keys; open it with nearfield\.load"):
        nf.Index.load(bytes(index_of()))
    with pytest.raises(errors.InvalidInput, match="keys"):
        index_of().as_bytes(format="voyager")
    with pytest.raises(errors.InvalidInput, match="keys"):
        index_of().save("never.voy")


def with_keys(data: bytes, number: int = 2) -> bytes:
    index = nf.Index(nf.Space.Euclidean, 8)
    index.add_items(rows(number))
    index._core.attach("keys", data)
    return bytes(index)


def table(bounds: list[int], text: bytes, count: int | None = None) -> bytes:
    numbers = [len(bounds) - 1 if count is None else count, *bounds]
    return np.array(numbers, dtype="<u8").tobytes() + text


def test_the_byte_table_is_as_documented():
    index = nf.StringIndex.load(bytes(index_of(["ab", "日"])))
    assert index._index._core.attachment("keys") == table([0, 2, 5], "ab日".encode())
    assert list(nf.load(with_keys(table([0, 1, 2], b"xy")))) == ["x", "y"]


@pytest.mark.parametrize(
    ("data", "field"),
    [
        (b"x", "n"),
        (table([0, 1, 2], b"xy")[:15], "n"),
        (table([0, 1, 2], b"xy", count=2**64 - 1), "n"),
        (table([0, 1, 2], b"xy", count=2**61), "n"),
        (table([0, 1, 2], b"xy", count=4), "n"),
        (table([0, 1], b"x"), "n"),  # fewer keys than ids
        (table([0, 2, 1], b"x"), "bounds"),
        (table([1, 1, 2], b"xy"), "bounds"),
        (table([0, 1, 2], b"xyz"), "bounds"),
        (table([0, 1, 3], b"xy"), "bounds"),
        (table([0, 2**64 - 1, 2], b"xy"), "bounds"),
        (table([0, 1, 3], "日".encode()), "bounds"),
        (table([0, 1, 2], b"x\xff"), "text"),
    ],
)
def test_damaged_keys_are_refused(data, field):
    for load in (nf.load, nf.StringIndex.load):
        with pytest.raises(errors.CorruptIndexFile, match="keys") as caught:
            load(with_keys(data))
        assert caught.value.field == f"keys.{field}"
        assert caught.value.offset is not None


def test_a_key_that_stands_twice_is_refused_when_keys_are_searched():
    index = nf.load(with_keys(table([0, 1, 2], b"xx")))
    with pytest.raises(errors.CorruptIndexFile, match="twice"):
        index.get_vector("x")


# --- streams and threads ---


def test_chunks_of_any_size_give_the_same_bytes():
    names = [f"k{i % 9000}" for i in range(10_000)]
    vectors = rows(10_000)

    def by(size: int) -> bytes:
        index = nf.StringIndex(nf.Space.Euclidean, 8, M=4, ef_construction=10)
        pieces = range(0, 10_000, size)
        added = index.add_items((names[i : i + size], vectors[i : i + size]) for i in pieces)
        assert added == names
        return bytes(index)

    assert by(997) == by(10_000) == by(4096)


def test_chunks_that_are_not_pairs_are_refused():
    index = nf.StringIndex(nf.Space.Euclidean, 8)
    with pytest.raises(errors.InvalidInput, match="tuples"):
        index.add_items(iter([rows(3)]))
    with pytest.raises(TypeError, match="keys"):
        index.add_items(iter([(None, rows(3))]))
    with pytest.raises(errors.InvalidInput, match="beside an iterator"):
        index.add_items(iter([(["a"], rows(1))]), ["a"])
    assert len(index) == 0


def test_queries_see_keys_while_others_add():
    index = index_of(["first"])
    stop = threading.Event()
    problems: list[object] = []

    def ask() -> None:
        while not stop.is_set():
            found = index.query(rows(4, 1), k=3, if_short="pad").keys.ravel()
            problems.extend(key for key in found if key is not None and key not in index)
            list(index)

    thread = threading.Thread(target=ask)
    thread.start()
    for first in range(0, 3000, 100):
        index.add_items(rows(100, first), [f"{i}" for i in range(first, first + 100)])
        bytes(index)
    stop.set()
    thread.join()
    assert problems == []
    assert len(index) == 3001


def test_keys_of_an_add_that_failed_are_not_saved_under_other_names():
    index = nf.StringIndex(nf.Space.Euclidean, 2)

    def chunks():
        yield ["a"], [[0, 0]]
        index.as_bytes()
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        index.add_items(chunks())
    index.add_items([[1, 1]], ["z"])
    assert list(nf.StringIndex.load(bytes(index))) == list(index) == ["z"]


def test_from_vectors():
    index = nf.StringIndex.from_vectors(rows(3), keys=["x", "y", "z"], M=4)
    assert (list(index), index.M, index.space) == (["x", "y", "z"], 4, nf.Space.Cosine)


def test_a_huge_k_is_refused_before_memory_is_taken():
    index = nf.StringIndex.from_vectors(rows(3), keys=["x", "y", "z"])
    with pytest.raises(nf.RecallError, match="only 3 live vectors") as raised:
        index.query(rows(2), 10**9)
    assert raised.value.partial is None
